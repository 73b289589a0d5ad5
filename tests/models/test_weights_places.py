"""Weights wherever training scripts put them: found whole, in one copy, or refused with what is missing."""

from __future__ import annotations

import itertools
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models import load_module
from seqrobust.models.checkpoint import load_checkpoint
from seqrobust.models.files.weights import read_weights

CODE = """\
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(4, 3, 5)
        self.n = nn.BatchNorm1d(3)
        self.l = nn.Linear(3, 1)

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.other.weight = self.one.weight

def lazy():
    return nn.LazyLinear(2)
"""
Weights = dict[str, Tensor]


@pytest.fixture
def net(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(CODE)
    return str(tmp_path / "net.py")


def weights(seed: int = 0) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"c.weight": (3, 4, 5), "c.bias": (3,), "n.weight": (3,), "n.bias": (3,), "n.running_mean": (3,)}
    shapes |= {"n.running_var": (3,), "l.weight": (1, 3), "l.bias": (1,)}
    found = {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}
    return found | {"n.num_batches_tracked": torch.tensor(7)}


def under(prefix: str, values: Weights | None = None) -> Weights:
    return {prefix + name: value for name, value in (values or weights()).items()}


def loaded(net: str, content: Any, tmp_path: Path, prefix: str | None = None, name: str = "Net") -> nn.Module:
    torch.save(content, tmp_path / "weights.pt")
    return load_module(f"{net}:{name}", tmp_path / "weights.pt", prefix=prefix)


def holds(module: nn.Module, expected: Weights) -> bool:
    own = module.state_dict()
    return all(torch.equal(own[name], value) for name, value in expected.items())


def refusal(net: str, content: Any, tmp_path: Path, prefix: str | None = None, name: str = "Net") -> str:
    with pytest.raises(ModelError) as caught:
        loaded(net, content, tmp_path, prefix, name)
    return str(caught.value)


OPTIMISER = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(3, 4, 5)}}, "param_groups": [{"lr": 0.1}]}
KEYS = [
    "state_dict",
    "model_state_dict",
    "net",
    "weights",
    "params",
    "module",
    "net_state_dict",
    "model",
    "state",
    "ema",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "lit.net._orig_mod."])
def test_any_key_and_any_prefix(net: str, tmp_path: Path, key: str, prefix: str) -> None:
    content = {key: under(prefix), "epoch": 3, "optimizer": OPTIMISER, "history": [0.1, 0.2], "note": "best"}
    assert holds(loaded(net, content, tmp_path), weights())


def test_wrappers_between_names(net: str, tmp_path: Path) -> None:
    for wrapper, deep in itertools.product(("_orig_mod", "module", "_fsdp_wrapped_module"), (False, True)):
        values = {
            name.replace("c.", f"{'module.' * deep}c.{wrapper}.").replace("n.", f"n.{wrapper}."): value
            for name, value in weights().items()
        }
        values = {name if name.startswith("module.") or not deep else f"module.{name}": v for name, v in values.items()}
        assert holds(loaded(net, values, tmp_path), weights())


def test_layers_in_tables_of_their_own(net: str, tmp_path: Path) -> None:
    nested: dict[str, Any] = {}
    for name, value in weights().items():
        layer, kind = name.split(".")
        nested.setdefault(layer, {})[kind] = value
    assert holds(loaded(net, {"params": nested}, tmp_path), weights())
    nested["more"] = {"weight": torch.ones(3)}
    assert "not in the model: more.weight" in refusal(net, {"params": nested}, tmp_path)


def test_a_compiled_or_parallel_model_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(CODE + "\nimport torch\ndef made():\n    return nn.DataParallel(Net())\n")
    made = loaded(str(tmp_path / "own.py"), under("model."), tmp_path, name="made")
    assert holds(made, under("module."))


COPIES: dict[str, tuple[Any, list[str]]] = {
    "teacher": ({"state_dict": under("model.") | under("net.", weights(1))}, ["model.", "net."]),
    "bare teacher": ({"state_dict": weights() | under("teacher.", weights(1))}, ["", "teacher."]),
    "average": ({"state_dict": weights(), "state_dict_ema": weights(1)}, ["state_dict.", "state_dict_ema."]),
    "average of a model": ({"model": weights(), "model_ema": weights(1)}, ["model.", "model_ema."]),
    "lightning average": (
        {"state_dict": under("model.") | under("ema.module.", weights(1))},
        ["model.", "ema.module."],
    ),
    "ensemble": ({"models": [weights(), weights(1)]}, ["0.", "1."]),
    "parallel and bare": (under("module.", weights(1)) | weights(), ["", "module."]),
    "average without its buffers": (
        {"state_dict": weights(), "ema": {n: v for n, v in weights(1).items() if "running" not in n}},
        ["state_dict.", "ema."],
    ),
}


@pytest.mark.parametrize("case", COPIES)
def test_two_copies_are_refused_until_one_is_named(net: str, tmp_path: Path, case: str) -> None:
    content, prefixes = COPIES[case]
    said = refusal(net, content, tmp_path)
    assert "several copies" in said
    assert "--weights-prefix" in said
    assert all(repr(prefix) in said for prefix in prefixes)
    for seed, prefix in enumerate(prefixes):
        for text in {prefix, prefix.rstrip(".")}:
            if case == "average without its buffers" and seed:
                assert "missing: n.running_mean, n.running_var" in refusal(net, content, tmp_path, text)
            else:
                assert holds(loaded(net, content, tmp_path, text), weights(seed))
    with pytest.raises(ModelError, match="no weights of the model") as caught:
        loaded(net, content, tmp_path, "student")
    assert all(repr(prefix) in str(caught.value) for prefix in prefixes)


def test_equal_copies_are_one(net: str, tmp_path: Path) -> None:
    assert holds(loaded(net, {"state_dict": under("model."), "best": weights()}, tmp_path), weights())


def test_a_copy_of_another_shape_is_not_meant(net: str, tmp_path: Path) -> None:
    larger = {name: torch.ones(9, *value.shape[1:]) if value.dim() else value for name, value in weights(1).items()}
    content = {"state_dict": under("student.") | under("teacher.", larger)}
    assert holds(loaded(net, content, tmp_path), weights())
    assert "c.weight (9, 4, 5) for (3, 4, 5)" in refusal(net, content, tmp_path, "teacher")


def test_a_prefix_that_two_copies_end_with(net: str, tmp_path: Path) -> None:
    content = {"now": under("net."), "best": under("net.", weights(1))}
    said = refusal(net, content, tmp_path, "net")
    assert "'now.net.', 'best.net.'" in said
    assert holds(loaded(net, content, tmp_path, "best.net"), weights(1))


@pytest.mark.parametrize("left_out", [name for name in weights() if name != "n.num_batches_tracked"])
@pytest.mark.parametrize("prefix", ["", "model.", "module.net."])
def test_a_partial_fit_names_what_is_missing(net: str, tmp_path: Path, left_out: str, prefix: str) -> None:
    values = {name: value for name, value in weights().items() if name != left_out}
    said = refusal(net, {"state_dict": under(prefix, values), "epoch": 1}, tmp_path)
    assert f"missing: {left_out}" in said
    assert "not in the model" not in said
    assert f"missing: {left_out}" in refusal(net, {"state_dict": under(prefix, values)}, tmp_path, prefix)


def test_two_halves_under_two_prefixes_are_no_whole(net: str, tmp_path: Path) -> None:
    values = {("a." if name < "l" else "b.") + name: value for name, value in weights().items()}
    assert "missing: c.bias, c.weight" in refusal(net, values, tmp_path)


def test_what_stands_beside_a_model_and_what_is_more_of_it(net: str, tmp_path: Path) -> None:
    for name in ("loss_fn.pos_weight", "criterion.weight", "bce_loss.weight", "val_auroc.total", "metrics.0.count"):
        assert holds(loaded(net, {"state_dict": weights() | {name: torch.ones(1)}}, tmp_path), weights())
    for name in ("head.weight", "c.norm.weight", "lossless.weight", "l.loss"):
        said = refusal(net, {"state_dict": weights() | {name: torch.ones(1)}}, tmp_path)
        assert f"not in the model: {name}" in said
        assert f"not in the model: {name}" in refusal(net, under("m.", weights() | {name: torch.ones(1)}), tmp_path)
    # The user may say that another layer is none of the model's, but not that a part of a layer is.
    assert holds(loaded(net, weights() | {"head.weight": torch.ones(1)}, tmp_path, ""), weights())
    assert "c.norm.weight" in refusal(net, weights() | {"c.norm.weight": torch.ones(1)}, tmp_path, "")


def test_one_weight_twice(net: str, tmp_path: Path) -> None:
    twice = weights() | {"c._orig_mod.weight": torch.zeros(3, 4, 5)}
    assert "c.weight stands twice" in refusal(net, twice, tmp_path)
    twice["c._orig_mod.weight"] = weights()["c.weight"]
    assert holds(loaded(net, twice, tmp_path), weights())


def test_tied_weights(net: str, tmp_path: Path) -> None:
    whole = {"one.weight": torch.rand(3, 3), "one.bias": torch.rand(3), "other.bias": torch.rand(3)}
    assert holds(loaded(net, whole, tmp_path, name="Tied"), whole | {"other.weight": whole["one.weight"]})
    turned = {name: value for name, value in whole.items() if name != "one.weight"} | {"other.weight": torch.ones(3, 3)}
    assert holds(loaded(net, turned, tmp_path, name="Tied"), turned | {"one.weight": torch.ones(3, 3)})
    said = refusal(net, whole | {"other.weight": torch.ones(3, 3)}, tmp_path, name="Tied")
    assert "ties differ" in said
    assert "one.weight, other.weight" in said
    assert "several copies" in refusal(net, under("a.", whole) | under("b.", turned), tmp_path, name="Tied")


def test_leading_dimensions_of_one_and_number_types(net: str, tmp_path: Path) -> None:
    one = {name: value[None] for name, value in weights().items()}
    assert holds(loaded(net, one, tmp_path), weights())
    for change in (lambda x: x.mT.contiguous(), lambda x: x[..., None], lambda x: x[:, None]):
        values = weights()
        values["c.weight"] = change(values["c.weight"])
        assert "other shapes: c.weight" in refusal(net, values, tmp_path)
    for kind in (torch.int8, torch.complex64):
        values = weights()
        values["l.weight"] = values["l.weight"].to(kind)
        assert f"l.weight {kind} for torch.float32" in refusal(net, values, tmp_path)


def test_a_layer_without_a_size_is_told(net: str, tmp_path: Path) -> None:
    assert "no weights yet" in refusal(net, {"weight": torch.ones(2, 3), "bias": torch.ones(2)}, tmp_path, name="lazy")


NUMPY: dict[str, Any] = {
    "loss": np.float64(0.25),
    "single": np.float32(0.5),
    "count": np.int64(3),
    "flag": np.bool_(True),
    "name": np.str_("best"),
    "curve": np.arange(6.0).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
    "other end": np.array([1.0, 2.0], ">f8"),
}


def test_numbers_of_numpy_beside_weights(net: str, tmp_path: Path) -> None:
    before = torch.serialization.get_safe_globals()
    content = {"arch": "Net", "state_dict": OrderedDict(weights()), **NUMPY, "deep": [({"x": NUMPY["curve"]},)]}
    torch.save(content, tmp_path / "weights.pth.tar")
    assert holds(load_module(f"{net}:Net", tmp_path / "weights.pth.tar"), weights())
    read = read_weights(tmp_path / "weights.pth.tar")
    for name, value in NUMPY.items():
        np.testing.assert_array_equal(np.asarray(read[name]), value)
    assert torch.serialization.get_safe_globals() == before


def test_weights_that_are_arrays_of_numpy(net: str, tmp_path: Path) -> None:
    arrays = {name: value.numpy() if value.dim() else value for name, value in weights().items()}
    assert holds(loaded(net, arrays, tmp_path), weights())


class Calls:
    """What pickle would call, to be read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = (function, arguments)

    def __reduce__(self) -> Any:
        return self.made


@pytest.mark.parametrize(
    "thing",
    [
        np.array([print], object),
        np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        np.datetime64("2020-01-01"),
        Calls(np.float64(1).__reduce__()[0], np.dtype(object), b"12345678"),
        Calls(np.float64(1).__reduce__()[0], np.dtype("V8"), b"12345678"),
        Calls(np.fromfile, "nothing"),
        Calls(np.load, "nothing"),
    ],
    ids=["objects", "records", "dates", "object type", "bytes", "fromfile", "load"],
)
def test_no_more_of_numpy_than_numbers(tmp_path: Path, thing: Any) -> None:
    torch.save({"state_dict": weights(), "more": thing}, tmp_path / "weights.pt")
    with pytest.raises(ModelError) as caught:
        read_weights(tmp_path / "weights.pt")
    assert "refused" in str(caught.value)
    assert "numpy" in str(caught.value)


def test_a_whole_module_says_what_to_do(net: str, tmp_path: Path) -> None:
    said = refusal(net, nn.Linear(3, 1), tmp_path)
    assert "Linear" in said
    assert "state_dict()" in said


def _keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")


def _savedmodel(path: Path) -> None:
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"x")


FOREIGN: dict[str, tuple[Any, str]] = {
    "model.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "onnx2torch"),
    "model.keras": (_keras, "onnx2torch"),
    "model": (_savedmodel, "onnx2torch"),
    "model.hdf5": (lambda path: path.write_bytes(bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(99)), "docs/keras.md"),
    "frozen.pb": (lambda path: path.write_bytes(b"\n\x0c\n\x05input" + bytes(99)), "docs/keras.md"),
    "model.tflite": (lambda path: path.write_bytes(bytes(4) + b"TFL3" + bytes(99)), "docs/keras.md"),
    "model.msgpack": (lambda path: path.write_bytes(b"\x81\xa6params" + bytes(99)), "Flax"),
    "model.onnx": (lambda path: path.write_bytes(b"\x08\x07" + bytes(99)), "onnx2torch"),
    "weights.npz": (lambda path: np.savez(path, a=np.ones(3)), "arrays of NumPy"),
    "weights.npy": (lambda path: np.save(path, np.ones(3)), "array of NumPy"),
    "weights.pt.gz": (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(99)), "gunzip"),
    "pointer.pt": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "lfs pull",
    ),
    "page.pt": (lambda path: path.write_text("\n<!doctype html><html>login</html>"), "web page"),
    "sklearn.pkl": (lambda path: path.write_bytes(pickle.dumps(np.random.default_rng(0))), "refused"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_are_called_what_they_are(net: str, tmp_path: Path, name: str) -> None:
    make, said = FOREIGN[name]
    make(tmp_path / name)
    with pytest.raises(ModelError) as caught:
        load_module(f"{net}:Net", tmp_path / name)
    assert said in str(caught.value)
    assert name in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_the_page_on_keras_models_is_named(net: str, tmp_path: Path) -> None:
    """By every way to name the file, and the page is there."""
    _keras(tmp_path / "model.keras")
    for load in (lambda path: load_module(f"{net}:Net", path), load_checkpoint):
        with pytest.raises(ModelError, match="not a file of weights for torch") as caught:
            load(tmp_path / "model.keras")
        assert "docs/keras.md" in str(caught.value.fix)
    assert (Path(__file__).parents[2] / "docs" / "keras.md").is_file()


SHARED = Path(__file__).parents[3] / "shared" / "faults"


@pytest.mark.skipif(not (SHARED / "weights").is_dir(), reason="the files of weights are not beside the checkout")
@pytest.mark.parametrize("name", ["lit_backbone.ckpt", "net.pt", "plain_extra.ckpt", "selene_np.pth.tar", "submod.pt"])
def test_files_as_people_have_them(name: str) -> None:
    made = load_module(f"{SHARED / 'models.py'}:Net", SHARED / "weights" / name)
    expected = torch.load(SHARED / "weights" / "net.pt", weights_only=True)["net"]
    assert holds(made, expected)


@pytest.mark.skipif(not (SHARED / "weights").is_dir(), reason="the files of weights are not beside the checkout")
def test_a_file_with_a_teacher() -> None:
    with pytest.raises(ModelError, match="several copies"):
        load_module(f"{SHARED / 'models.py'}:Net", SHARED / "weights" / "teacher2.ckpt")
    load_module(f"{SHARED / 'models.py'}:Net", SHARED / "weights" / "teacher2.ckpt", prefix="net")
