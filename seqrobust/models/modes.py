"""Evaluation mode, part by part, for modules that do more than torch's own.

Strangers write a training loop and call it ``train``; exported programs refuse ``eval()``. So torch's own two methods
are done by hand, and an overridden one is called only where it keeps torch's signature, ``train(mode)``: what follows
the mode there (weights merged, a batch norm frozen, dropout that stays on) belongs to what the module says.
"""

from __future__ import annotations

import inspect

from torch import nn


def evaluation_mode(module: nn.Module) -> nn.Module:
    """The module, which is in evaluation mode now, as after ``module.eval()`` wherever that can be called."""
    _set_mode(module, mode=False)
    return module


def modes_of(module: nn.Module) -> dict[nn.Module, bool]:
    """Whether each part is in training mode; parts that have no modes, such as frozen programs, left out."""
    return {part: bool(part.training) for part in module.modules() if hasattr(part, "training")}


def put_back(modes: dict[nn.Module, bool]) -> None:
    """Give parts the modes that they had."""
    for part, mode in modes.items():
        part.training = mode


def _set_mode(part: nn.Module, *, mode: bool) -> None:
    if _keeps_the_signature(part):
        try:
            part.train(mode)
        except Exception:  # a stranger's method, or an exported program's refusal: torch's own way then
            pass
        else:
            return
    if hasattr(part, "training"):
        part.training = mode
    for child in part.children():
        _set_mode(child, mode=mode)


def _keeps_the_signature(part: nn.Module) -> bool:
    """Whether ``train`` is overridden, and means by it what torch does."""
    if "train" not in vars(part) and type(part).train is nn.Module.train:
        return False
    try:
        parameters = list(inspect.signature(part.train).parameters.values())
    except (TypeError, ValueError):
        return False
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [item for item in parameters[1:] if item.default is inspect.Parameter.empty and item.kind not in free]
    return bool(parameters) and parameters[0].name == "mode" and not needed
