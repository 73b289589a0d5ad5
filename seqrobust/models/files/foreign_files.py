"""Files that are given for weights and are something else: what they are, and how to go on with them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from seqrobust.errors import ModelError
from seqrobust.files import is_file

_KERAS = (
    "torch cannot read it: export the model to ONNX (tf2onnx) and turn that into a torch module (onnx2torch), or build "
    "the architecture in torch and copy its weights; then name it with --model file.py:factory; see docs/keras.md"
)
_FIRST_BYTES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras and TensorFlow write models (.h5)", _KERAS),
    (b"\x1f\x8b", "a file compressed by gzip", "unpack it first: gunzip FILE"),
    (b"BZh", "a file compressed by bzip2", "unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ", "a file compressed by xz", "unpack it first: unxz FILE"),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, which stands for a file that was not fetched",
        "fetch the file itself: git lfs pull",
    ),
    (b"<!DOCTYPE", "a web page", "the download went wrong, or needs a login: fetch the file itself"),
    (b"<html", "a web page", "the download went wrong, or needs a login: fetch the file itself"),
    (
        b"\x93NUMPY",
        "an array of NumPy",
        "put the weights into the model and store them: torch.save(model.state_dict(), ...)",
    ),
)
_MEMBERS: tuple[tuple[str, str, str], ...] = (
    ("model.weights.h5", "a model of Keras (.keras)", _KERAS),
    (
        "constants.pkl",
        "a TorchScript archive, which holds a program, not just weights",
        "ask for a plain state dict: torch.save(model.state_dict(), ...), or safetensors",
    ),
    (".npy", "arrays of NumPy (.npz)", "put them into the model and store that: torch.save(model.state_dict(), ...)"),
)
_SUFFIXES: dict[str, tuple[str, str]] = {
    ".onnx": (
        "a model in ONNX",
        "turn it into a torch module (onnx2torch), and name that with --model file.py:factory",
    ),
    ".pb": ("a graph of TensorFlow (.pb)", _KERAS),
    ".tflite": ("a model of TensorFlow Lite", _KERAS),
    ".hdf5": ("an HDF5 file, as Keras and TensorFlow write models", _KERAS),
    ".keras": ("a model of Keras", _KERAS),
    ".msgpack": (
        "weights of Flax (JAX)",
        "build the architecture in torch, copy the arrays into it, and store torch.save(model.state_dict(), ...)",
    ),
}


def check_not_foreign(path: Path) -> None:
    """Raises ModelError that says what a file or folder is, where it is no file of weights for torch and known."""
    found = _kind(path)
    if found is not None:
        raise ModelError(
            "not a file of weights for torch", expected="what torch.save or safetensors writes", found=found[0],
            where=str(path), fix=found[1],
        )  # fmt: skip


def _kind(path: Path) -> tuple[str, str] | None:
    if path.is_dir():
        saved = (path / "saved_model.pb").exists() or (path / "keras_metadata.pb").exists()
        return ("a model of TensorFlow (SavedModel)", _KERAS) if saved else None
    if not is_file(path):
        return None
    with path.open("rb") as handle:
        first = handle.read(32)
    for start, what, fix in _FIRST_BYTES:
        if first.lstrip().lower().startswith(start.lower()) if start.startswith(b"<") else first.startswith(start):
            return what, fix
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    members = _members(path)
    for ending, what, fix in _MEMBERS:
        if any(name.endswith(ending) for name in members):
            return what, fix
    return None


def _members(path: Path) -> list[str]:
    try:
        if not zipfile.is_zipfile(path):
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []
