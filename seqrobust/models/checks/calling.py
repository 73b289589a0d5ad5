"""How a stranger's module is called, so that it hears what a plain call of one's own would tell it.

It gets a copy of its input, for it may write into that, and is told lengths in the way it can take them. Should it fail
in float32, its own number type is tried. What it returns is copied as well, for it may be used again by the next call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from seqrobust.errors import ModelError
from seqrobust.memory import lacks_memory
from seqrobust.models.adapters.base import innermost, takes_lengths
from seqrobust.models.wrappers import BPDA

Told: TypeAlias = Literal["never", "padded", "always"]
"""When a module is told lengths: never, where it has no such parameter; for padded batches, None for others; always."""

DEFAULT_FIX = "check alphabet, orientation (letters before positions) and input length (--input-length)"


@dataclass(kw_only=True)
class Caller:
    """A module, and the way to call it that works.

    Attributes:
        module: the module.
        told: when it is told lengths.
        on_host: whether those are on the CPU, as packed sequences want them, wherever the module is.
        casts: whether its input is cast to the number type of its parameters.
    """

    module: nn.Module
    told: Told = field(init=False)
    on_host: bool = False
    casts: bool = False

    def __post_init__(self) -> None:
        self.told = told_lengths(self.module)

    def like(self, other: Caller) -> None:
        """Call as another one does."""
        self.told, self.on_host, self.casts = other.told, other.on_host, other.casts

    def __call__(self, encoded: Tensor, lengths: Tensor | None) -> object:
        """The raw output for (M, K, L) input; ``lengths`` (M,), None where all records fill the batch."""
        own = encoded.clone(memory_format=torch.contiguous_format)
        if self.casts and (dtype := number_type(self.module)) is not None:
            own = own.to(dtype)
        if self.told == "never":
            return self.module(own)
        if lengths is None and self.told == "padded":
            return self.module(own, lengths=None)
        if lengths is None:
            lengths = torch.full((len(encoded),), encoded.shape[2], dtype=torch.int64, device=encoded.device)
        return self.module(own, lengths=lengths.cpu() if self.on_host else lengths.clone())

    def others(self) -> Iterator[str | None]:
        """Other ways to call the module, one after the other, and what to say should that one work."""
        before = self.told, self.on_host, self.casts
        dtype = number_type(self.module)
        for casts in dict.fromkeys((False, dtype not in (None, torch.float32))):
            for told in dict.fromkeys((before[0], "never" if before[0] == "never" else "always")):
                for on_host in (False, True)[: 1 if told == "never" else 2]:
                    if (told, on_host, casts) != before:
                        self.told, self.on_host, self.casts = told, on_host, casts
                        yield _cast_in_words(dtype) if casts else None
        self.told, self.on_host, self.casts = before


def told_lengths(module: nn.Module) -> Told:
    """When a module is to be told lengths, by the signature of its ``forward``."""
    if not takes_lengths(module):
        return "never"
    module = innermost(module)
    try:
        parameter = inspect.signature(module.forward).parameters.get("lengths")
    except (TypeError, ValueError):  # a compiled module, such as one of TorchScript, has a schema
        return _told_by_schema(module)
    if parameter is None:
        return "never"
    return "padded" if parameter.default is None else "always"


def _told_by_schema(module: nn.Module) -> Told:
    schema = getattr(module.forward, "schema", None)
    named = [item for item in getattr(schema, "arguments", []) if item.name == "lengths"]
    if not named:
        return "never"
    return "padded" if named[0].has_default_value() and named[0].default_value is None else "always"


def number_type(module: nn.Module) -> torch.dtype | None:
    """The floating type of a module's first parameter or buffer; None without any."""
    weights = (*module.parameters(), *module.buffers())
    return next((weight.dtype for weight in weights if weight.is_floating_point()), None)


def _cast_in_words(dtype: torch.dtype | None) -> str:
    said = (
        f"the model computes in {str(dtype).removeprefix('torch.')}: its input is cast to that, its outputs to float32"
    )
    if dtype in (torch.float16, torch.bfloat16):
        digits = 3 if dtype == torch.float16 else 2
        said += f"; its scores hold {digits} digits, and smaller changes cannot be seen: model.float() loses nothing"
    return said


def settled(caller: Caller, ask: Callable[[int | None], Tensor], shape: Sequence[int]) -> tuple[Tensor, str | None]:
    """The answer to a first question, by the first way of calling that works, and what to say of that way.

    Args:
        caller: keeps the way.
        ask: calls through it; given a number, of the first so many records only.
        shape: of the question, for the message.

    Raises ModelError where none works; what the module raised the first time is told.
    """
    try:
        return ask(None), None
    except ModelError:
        raise
    except Exception as error:  # a stranger's code may raise anything
        if lacks_memory(error):
            raise
        first = error
    for notice in caller.others():
        try:
            return ask(None), notice
        except ModelError:
            raise
        except Exception:
            continue
    raise ModelError(
        "the model fails on a batch of sequences",
        expected=f"forward(one-hot {tuple(shape)} float32)",
        found=f"{type(first).__name__}: {str(first).splitlines()[0] if str(first) else ''}",
        fix=_advice(caller.module, first, ask),
    ) from first


def _advice(module: nn.Module, error: Exception, ask: Callable[[int | None], Tensor]) -> str:
    """What to do about what a module raised."""
    if extra := unknown_parameters(module):
        return f"forward also needs {', '.join(extra)}: name a factory of a module that takes the one-hot input alone"
    if any(sign in str(error) for sign in ("argument #1 'indices'", "tensors used as indices")):
        return f"the model reads letters by number: give it one_hot.argmax(1) in a factory, and {BPDA}"
    if "more than 1 value per channel" in str(error):
        return "a batch norm uses the statistics of the batch: give it running ones (track_running_stats=True)"
    if any(sign in str(error).lower() for sign in ("dtype", "scalar type", "data type")):
        return "the model mixes number types: model.float() in its factory makes them one"
    try:
        ask(1)
    except Exception:
        return DEFAULT_FIX
    return "it takes a single record: score records one by one (--one-by-one), or make its batch size free"


def refuse_unmade(module: nn.Module) -> None:
    """Raise ModelError for a module with layers that take their size, and weights, from the first input they see."""
    unmade = [name for name, weight in (*module.named_parameters(), *module.named_buffers()) if is_lazy(weight)]
    if unmade:
        raise ModelError(
            "a layer has no weights yet",
            found=", ".join(unmade[:4]),
            fix="run the model on one input in its factory, or give its layers their sizes",
        )


def unknown_parameters(module: nn.Module) -> list[str]:
    """Names of parameters of ``forward`` beside input and lengths that have to be given."""
    try:
        parameters = list(inspect.signature(innermost(module).forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return []
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        item.name
        for item in parameters
        if item.default is inspect.Parameter.empty and item.kind not in free and item.name != "lengths"
    ]


def in_words(raw: object) -> str:
    """What a module returned: its kind, and the shape of every part.

    >>> in_words({"logits": torch.zeros(2, 3), "attention": None})
    "dict of 'logits' (2, 3), 'attention' NoneType"
    """
    if isinstance(raw, Tensor):
        return str(tuple(raw.shape))
    if isinstance(raw, dict):
        parts = [(repr(key), value) for key, value in raw.items()]
    elif isinstance(raw, (tuple, list)):
        parts = [(f"[{place}]", value) for place, value in enumerate(raw)]
    else:
        shape = getattr(raw, "shape", None)
        return type(raw).__name__ + (f" {tuple(shape)}" if shape is not None else "")
    shown = ", ".join(f"{name} {in_words(value)}" for name, value in parts[:8])
    return f"{type(raw).__name__} of {shown}" + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")
