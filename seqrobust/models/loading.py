"""A stranger's model: ``package.module:factory`` or ``file.py:factory``, with weights beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models.files.state_dicts import fitted
from seqrobust.models.files.weights import check_finite, read_weights
from seqrobust.models.user_code import (
    code_from_file,
    code_from_package,
    importable,
    users_error,
    working_folder_importable,
)


def load_module(reference: str, weights: Path | None = None, *, prefix: str | None = None) -> nn.Module:
    """A module from the user's own code.

    Args:
        reference: ``package.module:name`` or ``path/file.py:name``; the name is a function or class called without
            arguments, or a module that is there already. Only name code that you trust: it is run. A file may import
            its neighbours; packages are looked for in the working folder too.
        weights: a file of torch or safetensors that holds a state dict of the whole model, under whatever key and
            prefix; see :func:`~seqrobust.models.state_dicts.fitted`.
        prefix: which of several copies in that file is meant, such as ``ema.``.

    Raises ModelError that says what could not be found, what the user's code raised and where, or which weights do not
    fit.
    """
    found = load_model(reference, weights, prefix=prefix)
    if not isinstance(found, nn.Module):
        fix = "end it with: return model" if found is None else "return a torch.nn.Module whose forward calls this"
        raise ModelError(
            "the factory does not return a torch module", found=type(found).__name__, where=reference, fix=fix
        )
    return found


def load_model(
    reference: str, weights: Path | None = None, *, prefix: str | None = None, function: bool = False
) -> object:
    """A module from the user's own code, or whatever else stands for a model there.

    Args:
        reference, weights, prefix: as of :func:`load_module`.
        function: whether a function that needs an argument is the model itself, rather than a factory that cannot be
            called.

    Raises ModelError as :func:`load_module` does; of what is no module only that it cannot be found or made.
    """
    problem, expected = (
        "a model cannot be found by this name",
        "a checkpoint file, package.module:factory, or file.py:factory",
    )
    place, name = _place(reference, problem, expected)
    # The factory is called inside, for it may import as well.
    with _importing(place):
        made = _made(_named(_code(place), name, place), reference, function=function)
    if weights is not None:
        if not isinstance(made, nn.Module):
            raise ModelError(
                "weights are given for what is no torch module",
                found=f"a {type(made).__name__} from {reference}",
                fix="leave --weights out, and read them in the factory",
            )
        _fill(made, weights, prefix)
    return made


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


def _made(thing: Any, reference: str, *, function: bool) -> object:
    """The module, or what a factory returned; a function that is the model itself, where that may be."""
    if isinstance(thing, nn.Module) or (function and hasattr(thing, "predict") and not isinstance(thing, type)):
        return thing
    if not callable(thing):
        raise ModelError(
            "the name is neither a module nor something that makes one", found=type(thing).__name__, where=reference
        )
    if needed := _needs(thing):
        if function and len(needed) == 1:
            return thing
        raise ModelError(
            "the model's factory is called without arguments, but needs some",
            found=", ".join(needed),
            where=reference,
            fix="write a function without arguments that returns the model, and name that; of a function that takes "
            "sequences itself, say what of: --takes strings, or --takes array",
        )
    try:
        return thing()
    except (Exception, SystemExit) as error:
        raise users_error("the model's factory fails", error, reference) from error


def _needs(factory: Any) -> list[str]:
    """Parameters without a default."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [item.name for item in parameters if item.default is inspect.Parameter.empty and item.kind not in free]


def _fill(module: nn.Module, path: Path, prefix: str | None) -> None:
    weights = fitted(read_weights(path), module, path, prefix)
    check_finite(weights, path)
    module.load_state_dict(weights, strict=False)
