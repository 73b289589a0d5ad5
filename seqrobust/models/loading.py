"""A stranger's model: ``package.module:factory`` or ``file.py:factory``, with weights beside it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from seqrobust.errors import ModelError
from seqrobust.models.checkpoint import check_finite, read_weights

_PREFIXES = ("model.", "module.", "_orig_mod.", "net.")


def load_module(reference: str, weights: Path | None = None) -> nn.Module:
    """A module from the user's own code.

    Args:
        reference: ``package.module:name`` or ``path/file.py:name``; the name is a function or class called without
            arguments, or a module that is there already. Only name code that you trust: it is run.
        weights: a state dict (``.pt``, ``.pth``, ``.ckpt``, ``.safetensors``), bare or under ``state_dict`` or
            ``model_state_dict``; prefixes such as ``model.`` that a wrapper left are taken off.

    Raises ModelError that says what could not be found, what the user's code raised and where, or which weights do not
    fit.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise ModelError(
            "a model cannot be found by this name",
            expected="a checkpoint file, package.module:factory, or file.py:factory",
            found=repr(reference),
        )
    code = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
    if not hasattr(code, name):
        public = [item for item in vars(code) if not item.startswith("_")]
        raise ModelError("the code has no such name", expected=", ".join(public[:15]), found=name, where=place)
    module = _made(getattr(code, name), reference)
    if weights is not None:
        _fill(module, weights)
    return module


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError("there is no such file", where=str(path))
    spec = importlib.util.spec_from_file_location(f"seqrobust_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ModelError("the file is no Python code", where=str(path))
    code = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name, and a script may import its siblings.
    sys.modules[spec.name] = code
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(code)
    except Exception as error:
        raise _their_error("the model's code fails when it is read", error, str(path)) from error
    finally:
        sys.path.remove(folder)
    return code


def _from_package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModelError(
            "the model's package cannot be imported",
            found=str(error),
            where=name,
            fix="install it into this environment, or name a file: path/to/file.py:factory",
        ) from None
    except Exception as error:
        raise _their_error("the model's code fails when it is read", error, name) from error


def _made(thing: Any, reference: str) -> nn.Module:
    if not isinstance(thing, nn.Module):
        if not callable(thing):
            raise ModelError(
                "the name is neither a module nor something that makes one", found=type(thing).__name__, where=reference
            )
        try:
            thing = thing()
        except Exception as error:
            raise _their_error("the model's factory fails", error, reference) from error
    if not isinstance(thing, nn.Module):
        raise ModelError("the factory does not return a torch module", found=type(thing).__name__, where=reference)
    return thing


def _their_error(problem: str, error: Exception, where: str) -> ModelError:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return ModelError(
        problem,
        found=f"{type(error).__name__}: {error}",
        where=f"{where}, at {frame.filename}, line {frame.lineno}",
        fix="run it by itself first; --debug shows the whole traceback",
    )


def _fill(module: nn.Module, path: Path) -> None:
    weights = _state_dict(read_weights(path), path)
    own = module.state_dict()
    for prefix in _PREFIXES:
        if not set(weights) & set(own) and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
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
