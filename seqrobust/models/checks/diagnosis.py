"""What a model that cannot be used as it is wants instead: found by trying, and said as code to copy.

A model whose input has its letters last fails in a dozen ways, and none of their messages says so. So the question is
put otherwise: of the usual ways to give sequences and to read answers (:mod:`seqrobust.models.checks.kinds`), of the
lengths that a model may be made for, and of tasks, which one works? What works is not proven to be what was meant;
what remains to be looked at is said beside it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from torch import Tensor

from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.adapters.base import Adapter
from seqrobust.models.adapters.expression import parsed
from seqrobust.models.adapters.functions import BlackBox
from seqrobust.models.bare import BareModel
from seqrobust.models.checks.calling import unknown_parameters
from seqrobust.models.checks.kinds import Given, Taken, fillings, ways
from seqrobust.models.checks.lengths import Lengths, found_lengths
from seqrobust.models.checks.trying import AS_IS, Asked


def diagnosed(error: ModelError, bare: BareModel, encoded: Tensor, lengths: Tensor) -> ModelError:
    """The same error with what to do about it, where that is found by trying; else the error itself.

    Args:
        error: what a first question raised.
        bare: the model.
        encoded, lengths: the records of that question, (M, K, L) and (M,).
    """
    if isinstance(bare.module, Adapter | BlackBox):
        return error  # its form was said; and a function, or a server, is not asked what nobody means
    try:
        encoded, lengths = bare.prepared(encoded, lengths)
        longest = bare.input_length or int(lengths.max())
        if longest < int(lengths.max()):
            return error
        asked = Asked(bare=_copied(bare), width=encoded.shape[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fix = _fix(asked, longest, sorted(set(lengths.tolist())))
    except Exception:  # the diagnosis is an extra: whatever goes wrong in it, the first error stands
        return error
    if fix is None:
        return error
    return ModelError(error.problem, expected=error.expected, found=error.found, where=error.where, fix=fix)


def _copied(bare: BareModel) -> BareModel:
    """A copy without what stands around it; the module itself where it cannot be copied."""
    try:
        made = bare.twin()
    except Exception:
        made = bare
    return replace(made, preprocess=None, input_length=None)


def _fix(asked: Asked, length: int, sizes: list[int]) -> str | None:
    """What to do; None where nothing that was tried works."""
    if asked.error(AS_IS, length) is None:
        said = _read_otherwise(asked, length, sizes)
        return said or (_other_form(asked, length) if asked.unreadable(length) else None)
    if asked.one_works(length):
        return None  # That records have to go one by one is said already.
    return (
        _other_length(asked, length, [AS_IS])
        or _other_form(asked, length)
        or _other_length(asked, length, _ways(asked))
        or _other_length(asked, length, [AS_IS], choosing=True)
        or _other_form(asked, length, choosing=True)
    )


def _read_otherwise(asked: Asked, length: int, sizes: list[int]) -> str | None:
    """What to do about a model that answers, should what it answers be of use."""
    found = asked.readings(AS_IS, length)
    if found and not found[0].choice:
        short = next((size for size in sizes if size < length and asked.error(AS_IS, size) is not None), None)
        if short is not None:
            return _one_length(length, short)
        return None if found[0].plain else _wrapped(AS_IS, found)
    if tasks := asked.other_tasks(AS_IS, length):
        return f"its answer fits {' or '.join(f'--task {task}' for task in tasks)}; or wrap the model"
    if asked.joins(length):
        return "it gives one answer for a whole batch: let it take means over positions, and not over records (dim=0)"
    return _wrapped(AS_IS, found) if found else None


def _ways(asked: Asked) -> Iterator[Taken]:
    names = unknown_parameters(asked.bare.module)
    if 0 < len(names) <= 2:
        yield from fillings(names, asked.bare.alphabet)
    elif not names:
        yield from ways(asked.bare.alphabet, asked.width)


def _other_form(asked: Asked, length: int, *, choosing: bool = False) -> str | None:
    """What to do about a model that takes sequences in another form, its answers as they are unless choosing."""
    working: list[tuple[Taken, list[Given]]] = []
    for way in _ways(asked):
        found = [one for one in asked.readings(way, length) if choosing or not one.choice]
        if found:
            working.append((way, found))
        if asked.late:
            break
    return _wrapped(*working[0], others=[way for way, _ in working[1:]]) if working else None


def _other_length(asked: Asked, length: int, tried: Iterable[Taken], *, choosing: bool = False) -> str | None:
    """What to do about a model that takes other lengths only, in this or another form."""
    weights = [*asked.bare.module.parameters(), *asked.bare.module.buffers()]
    numbers = list(dict.fromkeys(size for weight in weights for size in weight.shape if size > 8))[:24]
    for way in tried:
        if asked.late:
            return None
        found = found_lengths(partial(asked.error, way), length, asked.width, numbers, lambda: asked.late)
        readings = asked.readings(way, found.size) if found else []
        if found is None or not readings or (readings[0].choice and not choosing):
            continue
        said = _length_said(found, length)
        return said if way is AS_IS and readings[0].plain else f"{said}; and {_wrapped(way, readings)}"
    return None


def _one_length(length: int, short: int) -> str:
    return (
        f"the model takes records of {length} letters, and not of {short}: --input-length {length} fills shorter ones "
        "up with zero columns, which is right where it was trained so; else give windows of one length"
    )


def _length_said(found: Lengths, length: int) -> str:
    said = f"the model takes sequences {found.says}, and the longest record has {length}: "
    if found.size > length:
        return said + (
            f"--input-length {found.size} fills up with zero columns, which is right where it was trained so; else "
            "give longer windows"
        )
    return said + f"--max-length {found.size} --input-length {found.size} cuts records to it, or give shorter windows"


def _wrapped(taken: Taken, given: list[Given], others: list[Taken] | None = None) -> str:
    """A factory around the user's own that makes a model of it that can be used."""
    read = given[0].code
    call = read.replace("{}", f"self.inner({taken.code})")
    if taken.alone:
        call = f"torch.stack([{call}.flatten() for x in x])"
    says = f"the model takes {taken.says}" if taken.says else "outputs have to be taken out of what it returns"
    options = _options(taken, read)
    say = f"say so with {options}; or wrap" if options else "wrap"
    lines = [
        f"{says}: {say} it, and name Wrapped instead of your factory (build)",
        "import torch",
        *(["import torch.nn.functional as F"] if "F." in call else []),
        "class Wrapped(torch.nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        "        self.inner = build()",
        "    def forward(self, x):  # one-hot (N, letters, length)",
        f"        return {call}",
    ]
    notes = [taken.caution, given[0].choice]
    if other := [one.code.replace("{}", "") for one in given[1:4] if not one.choice and not taken.alone]:
        notes.append(f"there is also {', '.join(other)}: choose what you ask about")
    if others := [one for one in others or () if one.says.split(",")[0] != taken.says.split(",")[0]]:
        notes.append(f"it also runs with {', or '.join(one.says for one in others[:2])}")
    if taken.says:
        notes.append("that it runs proves no more than that the shapes fit: compare a record whose score you know")
    return "\n    ".join([*lines, *(f"# {note}" for note in notes if note)])


def _options(taken: Taken, read: str) -> str:
    """What says the same on the command line; empty where that is not known of input or answer."""
    chosen = read.replace("{}", "output")
    if chosen == "output":
        return taken.options
    try:
        parsed(chosen)
    except ConfigError:
        return ""
    quoted = chosen.removeprefix("output").replace('"', "'")
    return f'{taken.options} --output-of "{quoted}"'.strip() if taken is AS_IS or taken.options else ""
