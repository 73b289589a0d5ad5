"""Files of weights, read without running anything in them: a file from a stranger can be wrong, but it cannot act."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from seqrobust.errors import ModelError
from seqrobust.files import is_file
from seqrobust.models.files.foreign_files import check_not_foreign
from seqrobust.models.files.numpy_pickles import finished, read_as_numbers

_PLAIN = (
    "ask for a plain state dict: torch.save(model.state_dict(), ...), or safetensors; a whole model that you trust as "
    "much as code you can turn into one yourself, where its classes can be imported: "
    "torch.save(torch.load(FILE, weights_only=False).state_dict(), 'weights.pt')"
)

_SMALL = 1 << 24
"""Bytes that may come out of any archive."""


def read_weights(path: Path) -> Any:
    """What a file of weights holds, on the CPU.

    Raises ModelError for a file that is missing, damaged, of another kind, or that would have to run code to be read.
    """
    check_not_foreign(path)
    if not is_file(path):
        raise ModelError("there is no such file of weights", where=str(path), fix="check --model or --weights")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    _refuse_packed(path)
    try:
        with warnings.catch_warnings(), read_as_numbers():
            # Advice about how the file was once written, which its reader can do nothing about.
            warnings.simplefilter("ignore")
            return finished(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise _refusal(str(error), path) from None
    except Exception as error:  # damaged bytes may fail anywhere inside the unpickler, with any type of error
        found = f"{type(error).__name__}: {first_line(error)}"
        raise ModelError(
            "the file of weights cannot be read",
            found=found,
            where=str(path),
            fix="it is damaged, cut short, or no file of weights: check its size, or fetch it again",
        ) from None


def _refuse_packed(path: Path) -> None:
    """Raises ModelError for an archive that would unpack to much more than it is: torch packs nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            whole = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # of the older format, or damaged, as torch will say
    if whole > 2 * path.stat().st_size + _SMALL:
        raise ModelError(
            "the file of weights is packed, and holds far more than it should",
            expected="what torch.save writes, which is not packed",
            found=f"{whole / 1e6:,.0f} MB in a file of {path.stat().st_size / 1e6:,.1f} MB",
            where=str(path),
            fix="if you trust it: torch.save(torch.load(FILE, weights_only=True), 'weights.pt')",
        )


def _refusal(reason: str, path: Path) -> ModelError:
    """Torch's refusal in our words; its own advice is to load the file unsafely."""
    code = re.search(r"GLOBAL (\S+)|Unsupported (?:class|type) (\S+)", reason)
    if code is None and zipfile.is_zipfile(path):
        return ModelError(
            "the file's pickle is not one that torch reads without running code",
            expected="what torch.save writes by itself",
            found=reason.strip().splitlines()[-3][:160] if len(reason.strip().splitlines()) > 2 else reason[:160],
            where=str(path),
            fix="write it with the default pickle_protocol; " + _PLAIN,
        )
    if code is None and not _is_pickle(path):
        return ModelError(
            "not a file of weights",
            expected="what torch.save or safetensors writes",
            where=str(path),
            fix="check --model or --weights",
        )
    return ModelError(
        "the file would have to run code to be read, and is refused",
        found=f"it needs {code[1] or code[2]}" if code else "a pickle that torch did not write",
        where=str(path),
        fix=_PLAIN,
    )


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(1) == pickle.PROTO


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    try:
        loaded: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:  # the library's own error type is not public
        raise ModelError("the file of weights cannot be read", found=first_line(error), where=str(path)) from None
    return loaded


def check_finite(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raises ModelError that names the first tensor with NaN or infinity in it."""
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ModelError(
                "a weight is not finite", found=name, where=str(path), fix="training diverged; do not use it"
            )


def first_line(error: Exception) -> str:
    """The first line of what an error says, cut to a line's length."""
    return next(iter(str(error).splitlines()), "")[:160]
