"""In which form a model takes sequences and gives its outputs, as the user says it. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from seqrobust.errors import ConfigError
from seqrobust.models.adapters.expression import parsed
from seqrobust.options import MODEL, Option, checked

Takes: TypeAlias = Literal["onehot", "array", "strings", "tokens"]
Side: TypeAlias = Literal["right", "left", "both"]
TAKES: tuple[Takes, ...] = ("onehot", "array", "strings", "tokens")
SIDES: tuple[Side, ...] = ("right", "left", "both")
_LAYOUT = re.compile(r"N(1?)(?:(C1?L|L1?C)(1?)|\((CL|LC)\))")
_STREAMS = re.compile(r"[1-9][0-9]*(,[1-9][0-9]*)*,([1-9][0-9]*|\*)")


@dataclass(frozen=True, kw_only=True)
class Form:
    """In which form a model takes sequences and gives its outputs; by default one-hot (N, K, L) and (N, T).

    Attributes:
        takes: a one-hot tensor; a NumPy array of it; a list of texts; or a tensor of token numbers.
        layout: order of the axes of a one-hot input: N records, C letters, L positions, 1 an axis of that size;
            ``N(LC)`` in one row.
        letters: the model's channels in order, such as ``AGCT``, or ``ACGTN`` with one for unknown letters; ``-`` is a
            channel of zeros. None for the alphabet's own order.
        streams: lengths of several inputs, whose letters a record holds one behind the other, such as a peptide's nine
            and its receptor's 34; the last may be ``*``, for what is left.
        vocabulary: tokens and their numbers, ``A=5,C=6,G=7,T=8,N=9,CLS=1,SEP=2``, a file of them, or a folder.
        pad: on which side a record is filled up to ``input_length``.
        output_of: which outputs are meant, an expression over what the model returns; see
            :mod:`seqrobust.models.adapters.expression`.

    Raises ConfigError for what cannot be read.

    >>> Form(layout="NLC", output_of="counts[:, 3] - counts[:, 7]").plain
    False
    """

    takes: Annotated[
        Takes, Option(help="A onehot tensor, an array of NumPy, strings, or tokens by number.", panel=MODEL)
    ] = "onehot"
    layout: Annotated[
        str, Option(help="Axes: N records, C letters, L positions; NLC, N1CL, N(LC) ...", metavar="AXES", panel=MODEL)
    ] = "NCL"
    letters: Annotated[
        str | None,
        Option(help="The model's channels, such as AGCT, or ACGTN with one for unknown.", metavar="ORDER", panel=MODEL),
    ] = None
    streams: Annotated[
        str | None,
        Option(help="Lengths of several inputs that a record holds, such as 9,34 or 9,*.", metavar="N,N", panel=MODEL),
    ] = None
    vocabulary: Annotated[
        str | None,
        Option(help="Numbers of tokens: A=5,C=6,..., a file, or a folder.", metavar="TOKENS", panel=MODEL),
    ] = None
    pad: Annotated[Side, Option(help="Where --input-length fills up: right, left or both.", panel=MODEL)] = "right"
    output_of: Annotated[
        str | None,
        Option(help="Which outputs: counts, [0], .logits, [:, 3], a[:, 0] - b ...", metavar="EXPRESSION", panel=MODEL),
    ] = None

    def __post_init__(self) -> None:
        checked("--takes", self.takes, TAKES)
        checked("--pad", self.pad, SIDES)
        if not _LAYOUT.fullmatch(self.layout):
            raise ConfigError(
                "the order of axes cannot be read",
                expected="N first, then C and L in either order, 1 for an axis of that size: NCL, NLC, N1CL, NC1L, "
                "NCL1, N1LC, N(CL), N(LC)",
                found=repr(self.layout),
                where="--layout",
            )
        if (self.takes == "tokens") != (self.vocabulary is not None):
            given = self.vocabulary is not None
            raise ConfigError(
                "a vocabulary is given for a model that takes no tokens" if given else "tokens need their numbers",
                expected="--takes tokens --vocabulary A=5,C=6,G=7,T=8 (or a file, or a folder)",
                found=f"--takes {self.takes}" if given else "--takes tokens",
            )
        if self.takes in ("strings", "tokens") and (self.layout != "NCL" or self.letters is not None):
            raise ConfigError(
                f"a model that takes {self.takes} has no channels",
                found="--layout" if self.letters is None else "--letters",
                fix="leave it out",
            )
        if self.streams is not None and (not _STREAMS.fullmatch(self.streams) or self.takes == "tokens"):
            raise ConfigError(
                "the inputs cannot be told apart",
                expected="lengths of one-hot inputs, two or more: 9,34, or 9,* where the last varies",
                found=repr(self.streams) if self.takes != "tokens" else f"--takes tokens and --streams {self.streams}",
                where="--streams",
            )
        if self.output_of is not None:
            parsed(self.output_of)

    @property
    def plain(self) -> bool:
        """Whether nothing has to be done."""
        return self == Form()
