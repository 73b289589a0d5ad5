"""Finding a model's weights in a file: wherever they stand, under whatever prefix, and in one copy only.

Training scripts store a state dict beside epochs and optimisers, under a key of their own; Lightning puts the name of
an attribute before every weight, and parallel or compiled modules put theirs before or between. None of this changes
what the weights are, so any place is right under which the whole model is found. Where there are two such places (a
teacher, a moving average, an ensemble), which one was meant cannot be known, and neither is taken. What is there only
in part, or is more than the model has, was trained for another architecture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from seqrobust.errors import ModelError

Names: TypeAlias = tuple[str, ...]

_WRAPPERS = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""What parallel, compiled and checkpointed modules call the module they hold."""
_BESIDE = re.compile(
    r"(.+_)?(loss|losses|criterion|criteria|metric|metrics|accuracy|acc|auroc)(_?(fn|func|function|\d+))?",
    re.IGNORECASE,
)
"""What a training script holds beside a model's layers: losses with weights of classes, and what it measures."""
_UNUSED = "num_batches_tracked"
"""Files written before batch norms counted their batches lack that one number, which evaluation does not use."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A tensor of the file: its name in parts, and how many of them lead to the table that it stands in."""

    name: Names
    depth: int
    value: Tensor


@dataclass(kw_only=True)
class _Copy:
    """What of the model's weights stands under a prefix."""

    prefix: Names
    entries: dict[str, list[_Entry]] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Tensor]:
        return {name: entries[0].value for name, entries in self.entries.items()}

    @property
    def text(self) -> str:
        return "".join(f"{part}." for part in self.prefix)


def fitted(content: Any, module: nn.Module, path: Path, prefix: str | None = None) -> dict[str, Tensor]:
    """The model's weights by its own names, out of what a file holds.

    Args:
        content: tables in tables, of names to tensors and whatever else.
        module: the model.
        path: of the file, for messages.
        prefix: under which the weights stand, with or without the names of the tables around; ``""`` for the names as
            they are. It is needed where several copies are there.

    Raises ModelError where there is no state dict, more than one copy, or one that does not fit whole.
    """
    own = {name: value for name, value in module.state_dict(keep_vars=True).items() if isinstance(value, Tensor)}
    if lazy := [name for name, value in own.items() if is_lazy(value)]:
        raise ModelError(
            "a layer has no weights yet",
            found=_few(lazy),
            fix="run the model on one input in the factory, or give sizes",
        )
    entries = list(_entries(content)) if isinstance(content, Mapping) else []
    if not entries:
        raise ModelError(
            "the file holds no state dict",
            expected="names to tensors, as torch.save(model.state_dict(), ...) writes",
            found=type(content).__name__,
            where=str(path),
        )
    copies = _copies(entries, own)
    whole = [copy for copy in copies if _is_whole(copy, own)]
    if not whole and (holder := _sole_holder(module)) and _holds(entries, getattr(module, holder)):
        inside = fitted(content, getattr(module, holder), path, prefix)
        return {f"{holder}.{name}": value for name, value in inside.items()}
    chosen = _named(copies, whole, prefix, own, path) if prefix is not None else _only(copies, whole, own, path)
    _check_once(chosen, path)
    taken = {id(entry) for copy in (chosen, *whole) for found in copy.entries.values() for entry in found}
    extra = _extra(
        chosen, [entry for entry in entries if id(entry) not in taken], own, chosen_by_user=prefix is not None
    )
    _check_tied(chosen.values, own, path)
    weights = _with_tied(chosen.values, own)
    _check_fit(weights, own, extra, chosen, path)
    return {name: value.reshape(own[name].shape) for name, value in weights.items()}


def _sole_holder(module: nn.Module) -> str | None:
    """The attribute of a model that holds all there is to load: the model inside one that was put around it."""
    first = {name.split(".")[0] for name in module.state_dict(keep_vars=True)}
    return first.pop() if len(first) == 1 and first <= dict(module.named_children()).keys() else None


def _holds(entries: list[_Entry], module: nn.Module) -> bool:
    """Whether all of a module's parameters are among what a file holds, here or further inside."""
    own = {name: value for name, value in module.state_dict(keep_vars=True).items() if isinstance(value, Tensor)}
    if any(_is_whole(copy, own) for copy in _copies(entries, own)):
        return True
    holder = _sole_holder(module)
    return holder is not None and _holds(entries, getattr(module, holder))


def _entries(content: Any, around: Names = ()) -> Iterator[_Entry]:
    items = content.items() if isinstance(content, Mapping) else enumerate(content)
    for key, value in items:
        name = (*around, *str(key).split("."))
        if isinstance(value, Tensor):
            yield _Entry(name=name, depth=len(around), value=value)
        elif isinstance(value, (Mapping, list, tuple)):
            yield from _entries(value, name)


def _plain(parts: Names) -> Names:
    return tuple(part for part in parts if part not in _WRAPPERS)


def _copies(entries: list[_Entry], own: Mapping[str, Tensor]) -> list[_Copy]:
    """Everything that ends like a name of the model's, by what stands before; wrappers do not count."""
    wanted = {_plain(tuple(name.split("."))): name for name in own}
    wrapped = len(wanted) == len(own)
    if not wrapped:
        wanted = {tuple(name.split(".")): name for name in own}
    found: dict[Names, _Copy] = {}
    for entry in entries:
        places = [at for at, part in enumerate(entry.name) if not wrapped or part not in _WRAPPERS]
        for start in range(len(places)):
            name = wanted.get(tuple(entry.name[at] for at in places[start:]))
            if name is not None:
                prefix = entry.name[: places[start]]
                found.setdefault(prefix, _Copy(prefix=prefix)).entries.setdefault(name, []).append(entry)
    return list(found.values())


def _is_whole(copy: _Copy, own: Mapping[str, Tensor]) -> bool:
    """Whether all parameters are there and fit; without its buffers a copy cannot be used, but might be meant."""
    needed = [names for names in _tied(own) if isinstance(own[names[0]], nn.Parameter)] or _tied(own)
    return bool(needed) and all(
        any(name in copy.entries and _fits(copy.entries[name][0].value, own[name]) for name in names)
        for names in needed
    )


def _tied(own: Mapping[str, Tensor]) -> list[list[str]]:
    """Names of the model's, those of one tensor together."""
    groups: dict[int, list[str]] = {}
    for name, value in own.items():
        groups.setdefault(id(value), []).append(name)
    return list(groups.values())


def _fits(value: Tensor, own: Tensor) -> bool:
    """Of one shape but for leading dimensions of 1, which move nothing, and of a number type that serves."""
    if value.is_meta or value.is_quantized or (own.is_floating_point() and not value.is_floating_point()):
        return False
    return _short(value) == _short(own)


def _short(value: Tensor) -> tuple[int, ...]:
    shape = tuple(value.shape)
    while shape[:1] == (1,):
        shape = shape[1:]
    return shape


def _only(copies: list[_Copy], whole: list[_Copy], own: Mapping[str, Tensor], path: Path) -> _Copy:
    """The one copy, the first of equal ones, or what comes nearest to one."""
    if not whole:
        return max(copies, key=lambda copy: (len(copy.entries), -len(copy.prefix)), default=_Copy(prefix=()))
    first = max(whole, key=lambda copy: len(copy.entries))
    if all(_alike(first, other, own) for other in whole):
        return first
    raise ModelError(
        "the file holds several copies of the model's weights",
        expected="one, or the prefix of the one that is meant",
        found=_listed(whole),
        where=str(path),
        fix=f"choose one with --weights-prefix, such as --weights-prefix {_short_text(whole[0], whole)!r}",
    )


def _alike(one: _Copy, other: _Copy, own: Mapping[str, Tensor]) -> bool:
    left, right = _with_tied(one.values, own), _with_tied(other.values, own)
    return all(_same(left[name], right[name]) for name in left.keys() & right.keys())


def _same(one: Tensor, other: Tensor) -> bool:
    """Of equal values; what is not a number in both is alike."""
    return one is other or (
        one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())
    )


def _listed(copies: list[_Copy]) -> str:
    return ", ".join(repr(_short_text(copy, copies)) for copy in copies[:8]) + (" ..." if len(copies) > 8 else "")


def _short_text(copy: _Copy, copies: list[_Copy]) -> str:
    """A copy's prefix without the names of tables that all copies stand in."""
    shared = 0
    shortest = min(len(other.prefix) for other in copies)
    while shared < shortest and len({other.prefix[shared] for other in copies}) == 1:
        shared += 1
    return "".join(f"{part}." for part in copy.prefix[shared:])


def _named(copies: list[_Copy], whole: list[_Copy], prefix: str, own: Mapping[str, Tensor], path: Path) -> _Copy:
    """The copy under the prefix that the user gave: exactly that, or else one that ends so."""
    wanted = tuple(part for part in prefix.split(".") if part)
    for among in (whole, copies):
        exact = [copy for copy in among if copy.prefix == wanted]
        ending = [copy for copy in among if _ends_so(copy, wanted)]
        if found := exact or ending:
            if len(found) == 1 or all(_alike(found[0], other, own) for other in found):
                return found[0]
            raise ModelError(
                "several copies of the weights stand under such a prefix",
                expected="one",
                found=_listed(found),
                where=str(path),
                fix="give more of the prefix with --weights-prefix",
            )
    raise ModelError(
        "no weights of the model stand under this prefix",
        expected=_listed(whole or copies) or "names that end like the model's",
        found=f"--weights-prefix {prefix!r}",
        where=str(path),
    )


def _ends_so(copy: _Copy, wanted: Names) -> bool:
    if wanted:
        return copy.prefix[-len(wanted) :] == wanted
    return all(len(copy.prefix) == entry.depth for found in copy.entries.values() for entry in found)


def _check_once(copy: _Copy, path: Path) -> None:
    for name, entries in copy.entries.items():
        if any(not _same(entries[0].value, other.value) for other in entries[1:]):
            found = ", ".join(".".join(entry.name) for entry in entries)
            raise ModelError(f"the weight {name} stands twice, with other values", found=found, where=str(path))


def _extra(copy: _Copy, rest: list[_Entry], own: Mapping[str, Tensor], *, chosen_by_user: bool) -> list[str]:
    """Names under the prefix that the model has not, in the tables that its weights stand in."""
    tables = {entry.name[: entry.depth] for found in copy.entries.values() for entry in found}
    if not tables:
        sizes: dict[Names, int] = {}
        for entry in rest:
            sizes[entry.name[: entry.depth]] = sizes.get(entry.name[: entry.depth], 0) + 1
        table = max(sizes, key=lambda name: sizes[name], default=())
        return [".".join(entry.name[entry.depth :]) for entry in rest if entry.name[: entry.depth] == table]
    # Layers in tables of their own: the model is all that stands under the prefix.
    nested = len(tables) > 1
    layers = {_plain(tuple(name.split(".")))[0] for name in own}
    found = []
    for entry in rest:
        parts = _plain(entry.name[len(copy.prefix) :])
        if entry.name[: len(copy.prefix)] != copy.prefix or not (nested or entry.name[: entry.depth] in tables):
            continue
        if not parts or _BESIDE.fullmatch(parts[0]) or (chosen_by_user and parts[0] not in layers):
            continue
        found.append(".".join(parts))
    return found


def _with_tied(weights: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One tensor under two names is often written once."""
    complete = dict(weights)
    for names in _tied(own):
        there = [name for name in names if name in weights]
        for name in names if there else []:
            complete.setdefault(name, weights[there[0]])
    return complete


def _check_tied(weights: dict[str, Tensor], own: Mapping[str, Tensor], path: Path) -> None:
    """Raises ModelError where what is one tensor in the model is written twice and differs."""
    for names in _tied(own):
        there = [name for name in names if name in weights]
        if any(not _same(weights[there[0]], weights[name]) for name in there[1:]):
            raise ModelError(
                "weights that the model ties differ in the file",
                found=", ".join(there),
                where=str(path),
                fix="build the model without tying them, as it was when the weights were trained",
            )


def _check_fit(
    weights: Mapping[str, Tensor], own: Mapping[str, Tensor], extra: list[str], copy: _Copy, path: Path
) -> None:
    missing = sorted(name for name in set(own) - set(weights) if not name.endswith(_UNUSED))
    other = [name for name in own if name in weights and not _fits(weights[name], own[name])]
    if not (missing or extra or other):
        return
    shapes = [_difference(weights[name], own[name], name) for name in other]
    found = [
        f"missing: {_few(missing)}" if missing else "",
        f"not in the model: {_few(sorted(extra))}" if extra else "",
        f"other shapes: {_few(shapes)}" if shapes else "",
        f"under the prefix {copy.text!r}" if copy.prefix else "",
    ]
    fix = "check that the factory builds the architecture the weights were trained with"
    if extra and not (missing or other):
        fix += (
            f"; if what is not in the model was trained beside it and is no part of it, --weights-prefix {copy.text!r}"
        )
    raise ModelError(
        "the weights do not fit the model", found="; ".join(part for part in found if part), where=str(path), fix=fix
    )


def _difference(value: Tensor, own: Tensor, name: str) -> str:
    if value.shape == own.shape:
        return f"{name} {value.dtype} for {own.dtype}"
    return f"{name} {tuple(value.shape)} for {tuple(own.shape)}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
