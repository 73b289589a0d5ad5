"""A stranger's model: ``package.module:factory`` or ``file.py:factory``, with weights beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models.user_code import (
    code_from_file,
    code_from_package,
    importable,
    users_error,
    working_folder_importable,
)
from seqrobust.models.weights import check_finite, read_weights

_PREFIXES = ("model.", "module.", "_orig_mod.", "net.")


def load_module(reference: str, weights: Path | None = None) -> nn.Module:
    """A module from the user's own code.

    Args:
        reference: ``package.module:name`` or ``path/file.py:name``; the name is a function or class called without
            arguments, or a module that is there already. Only name code that you trust: it is run. A file may import
            its neighbours; packages are looked for in the working folder too.
        weights: a state dict (``.pt``, ``.pth``, ``.ckpt``, ``.safetensors``), bare or under ``state_dict`` or
            ``model_state_dict``; prefixes such as ``model.`` that a wrapper left are taken off.

    Raises ModelError that says what could not be found, what the user's code raised and where, or which weights do not
    fit.
    """
    problem, expected = (
        "a model cannot be found by this name",
        "a checkpoint file, package.module:factory, or file.py:factory",
    )
    place, name = _place(reference, problem, expected)
    # The factory is called inside, for it may import as well.
    with _importing(place):
        module = _made(_named(_code(place), name, place), reference)
    if weights is not None:
        _fill(module, weights)
    return module


def load_function(reference: str, where: str) -> Callable[[Tensor], Tensor]:
    """A function from the user's own code, such as a step of preprocessing.

    Args:
        reference: ``package.module:name`` or ``path/file.py:name`` of a function from tensor to tensor, or of a module
            that is there already. It is run as far as reading it goes; only name code that you trust.
        where: the option that named it, for messages.

    Raises ModelError that says what could not be found, or what the user's code raised.
    """
    problem, expected = "a function cannot be found by this name", "package.module:function or file.py:function"
    place, name = _place(reference, problem, f"{where} {expected}")
    with _importing(place):
        found = _named(_code(place), name, place)
    if not callable(found) or isinstance(found, type):
        raise ModelError(
            "the name is no function",
            expected="a function from one-hot (N, letters, positions) to a tensor",
            found=f"a {'class' if isinstance(found, type) else type(found).__name__}",
            where=f"{where} {reference}",
        )
    function: Callable[[Tensor], Tensor] = found
    return function


def _place(reference: str, problem: str, expected: str) -> tuple[str, str]:
    """File or package, and the name in it."""
    place, _, name = reference.rpartition(":")
    if not name or not (place.endswith(".py") or all(part.isidentifier() for part in place.split("."))):
        raise ModelError(problem, expected=expected, found=repr(reference))
    return place, name


def _importing(place: str) -> AbstractContextManager[None]:
    return importable(Path(place).resolve().parent) if place.endswith(".py") else working_folder_importable()


def _code(place: str) -> ModuleType:
    return code_from_file(Path(place)) if place.endswith(".py") else code_from_package(place)


def _named(code: ModuleType, name: str, place: str) -> Any:
    if not hasattr(code, name):
        offered = [item for item, value in vars(code).items() if not item.startswith("_") and _is_made_in(code, value)]
        raise ModelError("the code has no such name", expected=", ".join(offered[:15]), found=name, where=place)
    return getattr(code, name)


def _is_made_in(code: ModuleType, value: object) -> bool:
    """Whether it could be meant: a module, or what was written there rather than imported from elsewhere."""
    if isinstance(value, ModuleType):
        return False
    return isinstance(value, nn.Module) or str(getattr(value, "__module__", "")).startswith(code.__name__)


def _made(thing: Any, reference: str) -> nn.Module:
    if not isinstance(thing, nn.Module):
        if not callable(thing):
            raise ModelError(
                "the name is neither a module nor something that makes one", found=type(thing).__name__, where=reference
            )
        if needed := _needs(thing):
            raise ModelError(
                "the model's factory is called without arguments, but needs some",
                found=", ".join(needed),
                where=reference,
                fix="write a function without arguments that returns the model, and name that",
            )
        try:
            thing = thing()
        except (Exception, SystemExit) as error:
            raise users_error("the model's factory fails", error, reference) from error
    if not isinstance(thing, nn.Module):
        raise ModelError("the factory does not return a torch module", found=type(thing).__name__, where=reference)
    return thing


def _needs(factory: Any) -> list[str]:
    """Parameters without a default."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [item.name for item in parameters if item.default is inspect.Parameter.empty and item.kind not in free]


def _fill(module: nn.Module, path: Path) -> None:
    own = module.state_dict()
    weights = _unwrapped(_state_dict(read_weights(path), path), own)
    missing, extra = sorted(set(own) - set(weights)), sorted(set(weights) - set(own))
    shapes = [f"{n} {tuple(weights[n].shape)} for {tuple(own[n].shape)}" for n in own if _misfits(own, weights, n)]
    # Files written before batch norms counted their batches lack that one number, which evaluation does not use.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or extra or shapes:
        found = [
            f"missing: {_few(missing)}" if missing else "",
            f"not in the model: {_few(extra)}" if extra else "",
            f"other shapes: {_few(shapes)}" if shapes else "",
        ]
        raise ModelError(
            "the weights do not fit the model",
            found="; ".join(part for part in found if part),
            where=str(path),
            fix="check that the factory builds the architecture the weights were trained with",
        )
    check_finite(weights, path)
    module.load_state_dict(weights, strict=False)


def _unwrapped(weights: dict[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights without the prefixes that wrappers put before a model's names; what else a wrapper held is left out."""
    while not set(weights) & set(own):
        inside = [{n.removeprefix(p): v for n, v in weights.items() if n.startswith(p)} for p in _PREFIXES]
        if not any(inside):
            return weights
        weights = max(inside, key=len)
    return weights


def _misfits(own: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor], name: str) -> bool:
    return name in weights and weights[name].shape != own[name].shape


def _state_dict(content: Any, path: Path) -> dict[str, torch.Tensor]:
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise ModelError(
            "the file holds no state dict",
            expected="names to tensors, as torch.save(model.state_dict(), ...) writes",
            found=type(content).__name__,
            where=str(path),
        )
    return dict(content)


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
