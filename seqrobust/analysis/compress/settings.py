"""What a study of compression is told: the ways to compress, and the attack that every copy stands under."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.attacks.settings import AttackSettings
from seqrobust.options import GOAL, Option, names_of

DEFAULT_METHODS = (
    "int8-dynamic", "int8-static", "weights-8", "weights-6", "weights-4", "weights-3", "weights-2",
    "prune-30", "prune-50", "prune-70", "prune-90", "prune-layer-30", "prune-layer-50", "prune-layer-70",
    "prune-layer-90",
)  # fmt: skip
"""What is tried where nothing is said."""
DEFAULT_BY_LAYER = ("weights-3", "prune-layer-70")
"""What is tried on each layer by itself where nothing is said."""


def _names_or_none(text: str) -> tuple[str, ...]:
    return () if text.strip() == "none" else names_of(text)


@dataclass(frozen=True, kw_only=True)
class CompressSettings(AttackSettings):
    """What a study of compression is told, beside the attack that every copy stands under.

    Attributes:
        methods: ways to compress the whole model.
        by_layer: ways to compress one layer at a time; empty for none.
        students: checkpoints of smaller models, trained by themselves (distilled, say), that are set beside the copies.
        save: whether copies with ordinary weights are saved.
        draw: whether to draw ``compress.png``.

    Raises ConfigError for a way to compress that there is none of.
    """

    attacks: Annotated[
        tuple[str, ...],
        Option(
            flag="--attack",
            help="quick (the default), standard, thorough, or searches in order.",
            panel=GOAL,
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = ("quick",)
    methods: Annotated[
        tuple[str, ...],
        Option(
            flag="--method",
            help="int8-dynamic, int8-static, weights-BITS, prune-PERCENT, prune-layer-PERCENT; else fifteen of them.",
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = DEFAULT_METHODS
    by_layer: Annotated[
        tuple[str, ...],
        Option(help="Tried on each layer alone; none for none.", metavar="NAME[,NAME]", read=_names_or_none),
    ] = DEFAULT_BY_LAYER
    students: Annotated[
        tuple[Path, ...],
        Option(flag="--student", help="A smaller model's checkpoint to set beside them.", repeat=True),
    ] = ()
    save: Annotated[bool, Option(flag="--no-save", help="Do not save compressed models.", yes=True)] = True
    draw: Annotated[bool, Option(flag="--no-picture", help="Do not draw compress.png.", yes=True)] = True

    def __post_init__(self) -> None:
        from seqrobust.analysis.compress.methods import method_named

        super().__post_init__()
        for name in (*self.methods, *self.by_layer):
            method_named(name)
