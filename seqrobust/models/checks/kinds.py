"""Other ways in which models take sequences, and give answers: each as it would be written down, and as it is done.

All that is known of a stranger's model that fails is what it does; so these are tried (see
:mod:`seqrobust.models.checks.diagnosis`), and what works is handed to the user as a line of code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.alphabet import Alphabet


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A way of giving a one-hot x (N, K, L) to a model.

    Attributes:
        says: what the model then takes, in words.
        code: the expression of x that is given to ``self.inner``.
        make: does what ``code`` says.
        caution: what a run that works does not prove.
        alone: whether the model is called once for each record.
        options: what says the same on the command line; empty where nothing does.
    """

    says: str
    code: str
    make: Callable[[Tensor], object]
    caution: str = ""
    alone: bool = False
    options: str = ""


class Several(tuple[Tensor, ...]):
    """What is given to a model that takes more than the sequence."""


_ORDER = "the order of the letters is taken to be {letters}: compare one record with a score that you know"
_EXTRA = "what stands in the further channels is taken to be nothing (0), and their place to be behind the letters"


def ways(alphabet: Alphabet, width: int) -> Iterator[Taken]:
    """All of them, the plainest first.

    Args:
        alphabet: that of the records, for the order of letters.
        width: channels K of the input.
    """
    shapes = dict(_shapes())
    for says, (code, make) in shapes.items():
        yield Taken(says=says.replace("4", str(width)), code=code, make=make, options=_layout(says))
    yield from _numbers(alphabet)
    for extra in (1, 2, 3, 4, 5, 6):
        widened = f"F.pad(x, (0, 0, 0, {extra}))"
        for says, (code, make) in {"(N, 4, L)": ("x", lambda x: x), **shapes}.items():
            yield Taken(
                says=f"{says.replace('4', str(width + extra))}, {width} letters and {_more(extra)}",
                code=code.replace("x", widened, 1),
                make=lambda x, make=make, extra=extra: make(functional.pad(x, (0, 0, 0, extra))),  # type: ignore[misc]
                caution=_EXTRA,
                options=f"{_layout(says)} --letters {''.join(alphabet.letters)}{extra * '-'}".strip()
                if says == "(N, 4, L)" or _layout(says)
                else "",
            )
    yield Taken(says=f"one record ({width}, L) at a time, without a batch axis", code="x", make=lambda x: x, alone=True)
    yield Taken(
        says=f"one record (L, {width}) at a time, without a batch axis", code="x.T", make=lambda x: x.T, alone=True
    )
    letters = "".join(alphabet.letters)
    yield Taken(
        says="a list of texts",
        code=f'["".join({letters!r}[i] for i in row.argmax(0)) for row in x]',
        make=lambda x: ["".join(letters[i] for i in row.argmax(0)) for row in x],
        caution="no gradient passes through text: use --attack greedy_all,genetic",
        options="--takes strings",
    )


def _shapes() -> Iterator[tuple[str, tuple[str, Callable[[Tensor], Tensor]]]]:
    """The same numbers in another order, or with axes of size 1."""
    yield "(N, L, 4)", ("x.transpose(1, 2)", lambda x: x.transpose(1, 2))
    yield "(N, 1, 4, L)", ("x.unsqueeze(1)", lambda x: x.unsqueeze(1))
    yield "(N, 4, 1, L)", ("x.unsqueeze(2)", lambda x: x.unsqueeze(2))
    yield "(N, 4, L, 1)", ("x.unsqueeze(3)", lambda x: x.unsqueeze(3))
    yield "(N, 1, L, 4)", ("x.transpose(1, 2).unsqueeze(1)", lambda x: x.transpose(1, 2).unsqueeze(1))
    yield "(N, L, 4, 1)", ("x.transpose(1, 2).unsqueeze(3)", lambda x: x.transpose(1, 2).unsqueeze(3))
    yield "(N, 4 * L), letter by letter", ("x.flatten(1)", lambda x: x.flatten(1))
    yield (
        "(N, 4 * L), position by position",
        ("x.transpose(1, 2).flatten(1)", lambda x: x.transpose(1, 2).flatten(1)),
    )
    yield "(L, N, 4)", ("x.permute(2, 0, 1)", lambda x: x.permute(2, 0, 1))


_LAYOUTS = {
    "(N, L, 4)": "NLC",
    "(N, 1, 4, L)": "N1CL",
    "(N, 4, 1, L)": "NC1L",
    "(N, 4, L, 1)": "NCL1",
    "(N, 1, L, 4)": "N1LC",
    "(N, L, 4, 1)": "NLC1",
    "(N, 4 * L), letter by letter": "N(CL)",
    "(N, 4 * L), position by position": "N(LC)",
}


def _layout(shape: str) -> str:
    """The option that says the same as one of the shapes; empty for the usual one, and one that has none."""
    return f"--layout '{_LAYOUTS[shape]}'" if shape in _LAYOUTS else ""


def _numbers(alphabet: Alphabet) -> Iterator[Taken]:
    """Letters by number."""
    caution = _ORDER.format(
        letters=", ".join(f"{letter} = {number}" for number, letter in enumerate(alphabet.letters[:6]))
    )
    gradient = "; no gradient passes through numbers: use --attack greedy_all,genetic"
    yield Taken(
        says="letters by number, (N, L) integers",
        code="x.argmax(1)",
        make=lambda x: x.argmax(1),
        caution=caution + gradient,
        options="--takes tokens --vocabulary "
        + ",".join(f"{letter}={number}" for number, letter in enumerate(alphabet.letters)),
    )
    yield Taken(
        says="letters by number, (N, L) 32-bit integers",
        code="x.argmax(1).int()",
        make=lambda x: x.argmax(1).int(),
        caution=caution + gradient,
    )
    for says, code, make in (
        ("(N, L)", "x.argmax(1).float()", lambda x: x.argmax(1).float()),
        ("(N, 1, L)", "x.argmax(1, keepdim=True).float()", lambda x: x.argmax(1, keepdim=True).float()),
        ("(N, L, 1)", "x.argmax(1).float()[:, :, None]", lambda x: x.argmax(1).float()[:, :, None]),
    ):
        yield Taken(says=f"letters by number, {says} floating-point", code=code, make=make, caution=caution + gradient)


def fillings(names: Sequence[str], alphabet: Alphabet) -> Iterator[Taken]:
    """Ways for a model whose ``forward`` needs one or two more things, of these names."""
    kinds: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
        "a mask that hides nothing": (
            "torch.ones_like(x[:, 0], dtype=torch.bool)",
            lambda x: torch.ones_like(x[:, 0], dtype=torch.bool),
        ),
        "a mask of ones": ("torch.ones_like(x[:, 0])", lambda x: torch.ones_like(x[:, 0])),
        "lengths": (
            "torch.full((len(x),), x.shape[2])",
            lambda x: torch.full((len(x),), x.shape[2]),
        ),
        "the sequence once more": ("x", lambda x: x),
    }
    if alphabet.complement:
        kinds["the other strand"] = ("x.flip(1, 2)", lambda x: x.flip(1, 2))
    for chosen in itertools.product(kinds, repeat=len(names)):
        makes = [kinds[kind][1] for kind in chosen]
        named = list(zip(names, chosen, strict=True))
        yield Taken(
            says="the sequence and " + " and ".join(f"{kind} as its {name}" for name, kind in named),
            code=", ".join(["x", *(f"{name}={kinds[kind][0]}" for name, kind in named)]),
            make=lambda x, makes=makes: Several((x, *(make(x) for make in makes))),  # type: ignore[misc]
            caution="what the further input is for is yours to say",
        )


def _more(extra: int) -> str:
    return "one more channel (of N, say)" if extra == 1 else f"{extra} more channels"


@dataclass(frozen=True, kw_only=True)
class Given:
    """A way of reading outputs (N, T) or (N,) out of what a model returned.

    Attributes:
        code: an expression of the call, which stands for ``{}``.
        choice: what the user has to choose, and how; empty where there is nothing to choose.
    """

    code: str
    choice: str = ""

    @property
    def plain(self) -> bool:
        """Whether what is returned is taken as it is."""
        return self.code == "{}"


_NAMES = ("logits", "logit", "output", "outputs", "prediction", "predictions", "preds", "scores", "probs")


def parts_of(raw: object, depth: int = 2) -> list[tuple[str, object]]:
    """Tensors and arrays in what a model returned, with the code that takes each out; what is named so first."""
    if not isinstance(raw, (dict, tuple, list)) and (isinstance(raw, Tensor) or hasattr(raw, "__array__")):
        return [("", raw)]
    if depth == 0:
        return []
    if isinstance(raw, dict):
        inside = [(f"[{key!r}]", value) for key, value in raw.items()]
    elif isinstance(raw, (tuple, list)):
        named = getattr(raw, "_fields", None)
        inside = [(f".{named[i]}" if named else f"[{i}]", value) for i, value in enumerate(raw[:20])]
    else:
        inside = [(f".{name}", value) for name, value in getattr(raw, "__dict__", {}).items()]
    inside.sort(key=lambda item: next((i for i, name in enumerate(_NAMES) if name in item[0].lower()), len(_NAMES)))
    return [(code + more, part) for code, value in inside for more, part in parts_of(value, depth - 1)]


def tensor_of(part: object) -> Tensor | None:
    """A part as a tensor; None for what holds no numbers."""
    try:
        return part if isinstance(part, Tensor) else torch.as_tensor(part)
    except (TypeError, ValueError, RuntimeError):
        return None
