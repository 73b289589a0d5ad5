"""What is written is read back; whatever else a file holds is refused with words."""

from __future__ import annotations

import argparse
import copy
import os
import pickle
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqrobust.alphabet import ALPHABETS, DNA, PROTEIN
from seqrobust.errors import InternalError, ModelError
from seqrobust.models import ARCHITECTURES, ModelCard, SequenceModel, build_model, load_checkpoint, save_checkpoint
from seqrobust.models.files.weights import read_weights

LABELS = {"binary": ("no", "yes"), "classification": ("a", "b", "c"), "multilabel": ("x", "y"), "regression": ("v",)}


def model(name: str = "cnn", outputs: int = 3, letters: int = 4, **more: Any) -> SequenceModel:
    return build_model(name, alphabet_size=letters, outputs=outputs, input_length=20, **more)


def card(net: SequenceModel, **changes: Any) -> ModelCard:
    plain = ModelCard(
        alphabet=DNA,
        task="classification",
        labels=LABELS["classification"],
        architecture=net.architecture,
        hyperparameters=net.hyperparameters,
        input_length=net.input_length,
        provenance={"seed": 1, "metrics": {"accuracy": 0.5}},
    )
    return replace(plain, **changes)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    net = model(channels=8)
    save_checkpoint(tmp_path / "model.ckpt", net, card(net))
    return tmp_path / "model.ckpt"


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("head", ["global", "flatten"])
def test_round_trip(tmp_path: Path, name: str, head: str) -> None:
    net = model(name, head=head, dropout=0.5)
    net.set_output_scale(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 2.0]))
    net.train()(torch.rand(6, 4, 20))
    save_checkpoint(tmp_path / "model.ckpt", net, card(net))
    assert net.training, "saving leaves the model in its mode"
    back, said = load_checkpoint(tmp_path / "model.ckpt")
    assert not back.training
    assert said == card(net)
    assert back.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(back.state_dict()[key], value) for key, value in net.state_dict().items())
    encoded = torch.rand(3, 4, 20)
    assert torch.equal(back(encoded), net.eval()(encoded))


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=list(ALPHABETS))
def test_every_task_and_alphabet(tmp_path: Path, task: Any, alphabet: Any) -> None:
    said = {"task": task, "labels": LABELS[task], "alphabet": alphabet, "unknown": "uniform"}
    outputs = 1 if task == "binary" else len(LABELS[task])
    net = model(outputs=outputs, letters=alphabet.size, channels=8)
    save_checkpoint(tmp_path / "model.ckpt", net, card(net, **said))
    back, read = load_checkpoint(tmp_path / "model.ckpt")
    assert read == card(net, **said)
    assert back(torch.rand(2, alphabet.size, 20)).shape == (2, read.outputs)


def test_loading_leaves_the_generator_alone(written: Path) -> None:
    before = torch.get_rng_state()
    load_checkpoint(written)
    assert torch.equal(before, torch.get_rng_state())


def test_numbers_of_numpy_do_not_make_it_unreadable(tmp_path: Path) -> None:
    net = model(channels=8)
    made_of = {"score": np.float64(0.5), "n": np.int64(3), "curve": np.arange(2), "path": Path("a/b"), "pair": (1, 2)}
    save_checkpoint(tmp_path / "model.ckpt", net, card(net, provenance=made_of))
    read = load_checkpoint(tmp_path / "model.ckpt")[1].provenance
    assert read == {"score": 0.5, "n": 3, "curve": [0, 1], "path": "a/b", "pair": [1, 2]}


def _diverged(net: SequenceModel) -> SequenceModel:
    next(net.parameters()).data[0] = torch.nan
    return net


@pytest.mark.parametrize(
    ("save", "error"),
    [
        (lambda path, net: save_checkpoint(path, _diverged(net), card(net)), ModelError),
        (lambda path, net: save_checkpoint(path, net, card(net, provenance={"net": net})), ModelError),
        (lambda path, net: save_checkpoint(path, net, card(net, architecture="gru")), InternalError),
        (lambda path, net: save_checkpoint(path, net, card(net, hyperparameters={})), InternalError),
    ],
    ids=["diverged", "provenance of objects", "another architecture", "other hyper-parameters"],
)
def test_what_could_not_be_read_is_not_written(written: Path, save: Any, error: type[Exception]) -> None:
    """And what stood there before stands there still, alone."""
    before = written.read_bytes()
    with pytest.raises(error):
        save(written, model(channels=8))
    assert written.read_bytes() == before
    assert os.listdir(written.parent) == [written.name]


def _changed(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda content: content | changes


def _hyper(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda content: content | {"hyperparameters": content["hyperparameters"] | changes}


def _nan(content: dict[str, Any]) -> dict[str, Any]:
    content = copy.deepcopy(content)
    content["state_dict"]["readout.1.bias"][2] = torch.nan
    return content


BAD_CONTENT: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "plain state dict": (lambda c: c["state_dict"], "--model package.module:factory"),
    "nested state dict": (lambda c: {"state_dict": c["state_dict"]}, "found: a state dict"),
    "list": (lambda c: [1, 2], "not a checkpoint of seqrobust"),
    "newer": (_changed(version=2), "newer"),
    "no version": (_changed(version=None), "another format version"),
    "architecture": (_changed(architecture="transformer"), "unknown architecture"),
    "architecture kind": (_changed(architecture=["cnn"]), "contradicts itself"),
    "alphabet": (_changed(alphabet="KLINGON"), "unknown alphabet"),
    "another alphabet": (_changed(alphabet=PROTEIN.name), "size mismatch"),
    "task": (_changed(task="guess"), "unknown task"),
    "labels as text": (_changed(labels="abc"), "names of its outputs"),
    "labels as numbers": (_changed(labels=[1, 2, 3]), "names of its outputs"),
    "too few labels": (_changed(labels=["a", "b"]), "size mismatch"),
    "three binary labels": (_changed(task="binary"), "two classes"),
    "unknown letters": (_changed(unknown="maybe"), "unknown letters"),
    "input length": (_changed(input_length="long"), "contradicts itself"),
    "provenance": (_changed(provenance=3), "provenance"),
    "hyper-parameter": (_hyper(depth=3), "depth"),
    "hyper-parameter kind": (_hyper(channels="many"), "wrong kind"),
    "hyper-parameter size": (_hyper(channels=16), "size mismatch"),
    "hyper-parameters kind": (_changed(hyperparameters=[1]), "contradicts itself"),
    "no weights": (_changed(state_dict={}), "Missing key"),
    "weights kind": (_changed(state_dict=None), "contradicts itself"),
    "not finite": (_nan, "found: readout.1.bias"),
}


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_bad_content(written: Path, case: str) -> None:
    change, said = BAD_CONTENT[case]
    torch.save(change(torch.load(written, weights_only=True)), written)
    with pytest.raises(ModelError) as caught:
        load_checkpoint(written)
    assert said in str(caught.value)
    assert "model.ckpt" in str(caught.value)
    assert caught.value.fix


def test_every_key_is_needed(written: Path) -> None:
    content = torch.load(written, weights_only=True)
    for key in content:
        torch.save({name: value for name, value in content.items() if name != key}, written)
        with pytest.raises(ModelError):
            load_checkpoint(written)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("writer", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_code_is_not_run(tmp_path: Path, writer: Any) -> None:
    writer({"weight": Trap(tmp_path / "sprung")}, tmp_path / "trap.pt")
    with pytest.raises(ModelError, match="run code to be read, and is refused") as caught:
        load_checkpoint(tmp_path / "trap.pt")
    assert writer is not torch.save or "mkdir" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_whole_modules_and_arguments_are_refused_by_name(tmp_path: Path) -> None:
    for thing, name in ((torch.nn.Linear(1, 1), "Linear"), (argparse.Namespace(a=1), "argparse.Namespace")):
        torch.save(thing, tmp_path / "x.pt")
        with pytest.raises(ModelError, match="refused") as caught:
            read_weights(tmp_path / "x.pt")
        assert caught.value.found is not None
        assert name in caught.value.found


def _torchscript(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(1, 1)).save(str(path))


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "no such file"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read"),
    "text": (lambda path: path.write_text("these are no weights\n" * 9), "file of weights"),
    "fasta": (lambda path: path.write_text(">a\nACGT\n"), "file of weights"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "file of weights"),
    "torchscript": (_torchscript, "TorchScript"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(tmp_path: Path, case: str) -> None:
    make, said = BAD_FILES[case]
    make(tmp_path / "x.pt")
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path / "x.pt")
    assert said in str(caught.value)
    assert "x.pt" in str(caught.value)


def test_cut_short_anywhere(written: Path) -> None:
    """A copy that broke off, at forty places."""
    whole = written.read_bytes()
    for size in np.linspace(1, len(whole) - 1, 40).astype(int):
        written.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"file of weights|refused"):
            load_checkpoint(written)


def test_flipped_bytes_raise_nothing_else(written: Path) -> None:
    """A damaged byte may pass where it hits a weight; anything that fails fails as a ModelError."""
    whole = written.read_bytes()
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        written.write_bytes(damaged)
        with suppress(ModelError):
            load_checkpoint(written)
