"""Whole models in files and behind a server: scores are those of a plain call of the program."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.source import ModelSource
from tests.models.adapters.drawing import drawn, encoded, net

TEXTS = drawn(6, seed=21)


def same(path: Path, *, gradient: bool, attacks: str = "quick", **form: Any) -> None:
    """An attack on a file's program writes what the network itself says; a gradient is that of the network."""
    inner = net(outputs=3)
    model = sr.load(path, alphabet="DNA", task="classification", device="cpu", **form)
    found = sr.attack(model, sr.records(TEXTS), 1, attacks=attacks)
    rows = found.table[found.table["edits"] != ""]
    assert len(rows)
    with torch.no_grad():
        plain = inner(encoded(rows["adversarial_sequence"].tolist())).numpy()
    got = rows[[f"adversarial_output_{i}" for i in range(3)]].to_numpy(float)
    np.testing.assert_allclose(got, plain, atol=1e-5)
    if gradient:
        points = torch.rand(2, 4, 24).softmax(1)
        own = model.gradient(points, torch.full((2,), 24), lambda out, _: out[:, 1]).gradient
        mine = points.clone().requires_grad_(True)
        torch.testing.assert_close(own, torch.autograd.grad(inner(mine)[:, 1].sum(), mine)[0], atol=1e-6, rtol=1e-4)


def quietly(make: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def test_torchscript(tmp_path: Path) -> None:
    for name, made in {
        "traced": lambda: torch.jit.trace(net(outputs=3), torch.zeros(2, 4, 24)),
        "scripted": lambda: torch.jit.script(net(outputs=3)),
    }.items():
        quietly(made).save(str(tmp_path / f"{name}.pt"))
        same(tmp_path / f"{name}.pt", gradient=True)


@pytest.mark.parametrize("rows", [1, 5, None])
def test_exported_programs(rows: int | None, tmp_path: Path) -> None:
    free = None if rows else ({0: torch.export.Dim("batch")},)
    program = torch.export.export(net(outputs=3), (torch.zeros(rows or 2, 4, 24),), dynamic_shapes=free)
    torch.export.save(program, tmp_path / "net.pt2")
    same(tmp_path / "net.pt2", gradient=True)


class ChannelLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net(outputs=3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = self.net(x.transpose(1, 2))
        return out[:, :1].exp(), out


@pytest.mark.parametrize("rows", [1, None])
def test_onnx(rows: int | None, tmp_path: Path) -> None:
    onnx_helper = pytest.importorskip("onnx.helper")
    pytest.importorskip("onnxruntime")
    # Made by hand: torch's exporter needs a package more.
    weights = [part.detach().numpy() for part in net(outputs=3).parameters()]
    from onnx import TensorProto, numpy_helper, save

    names = ["w1", "b1", "w2", "b2", "w3", "b3"]
    make = onnx_helper.make_node
    nodes = [
        make("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        make("Conv", ["t", "w1", "b1"], ["h1"], pads=[2, 2]),
        make("Tanh", ["h1"], ["a1"]),
        make("Conv", ["a1", "w2", "b2"], ["h2"], pads=[1, 1]),
        make("Tanh", ["h2"], ["a2"]),
        make("Flatten", ["a2"], ["f"]),
        make("Gemm", ["f", "w3", "b3"], ["logits"], transB=1),
        make("Exp", ["logits"], ["counts"]),
    ]
    batch = rows or "batch"
    graph = onnx_helper.make_graph(
        nodes, "net",
        [onnx_helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 24, 4])],
        [onnx_helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3]) for name in ("counts", "logits")],
        [numpy_helper.from_array(w, name) for w, name in zip(weights, names, strict=True)],
    )  # fmt: skip
    model = onnx_helper.make_model(graph, opset_imports=[onnx_helper.make_opsetid("", 17)], ir_version=8)
    save(model, str(tmp_path / "net.onnx"))
    same(tmp_path / "net.onnx", gradient=False, attacks="greedy_all", layout="NLC", output_of="logits")


def test_damaged_and_foreign_files_are_told(tmp_path: Path) -> None:
    quietly(lambda: torch.jit.script(net(outputs=3))).save(str(tmp_path / "whole.pt"))
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "bad.onnx").write_bytes(b"not onnx")
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty").mkdir()
    for name in ("bad.onnx", "cut.pt", "empty", "absent.pt"):
        with pytest.raises(ModelError):
            sr.load(tmp_path / name, alphabet="DNA", task="classification")
    with pytest.raises(ModelError, match="own weights"):
        sr.load(tmp_path / "whole.pt", weights=tmp_path / "whole.pt", alphabet="DNA", task="classification")
    with pytest.raises(ModelError, match="--task"):
        sr.load(tmp_path / "whole.pt", alphabet="DNA")


class Game(BaseHTTPRequestHandler):
    """A predictor of the GAME protocol that counts letters."""

    sizes: list[int] = []  # noqa: RUF012
    broken = ""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Game.sizes.append(len(asked["sequences"]))
        tasks = []
        for task in asked["prediction_tasks"]:
            letter = task["cell_type"]
            values = {name: text.count(letter) * 0.5 for name, text in asked["sequences"].items()}
            if asked["readout"] == "track":
                values = {name: [float(c == letter) for c in text] for name, text in asked["sequences"].items()}
            if Game.broken == "missing":
                values.pop("s0")
            tasks.append({"name": task["name"], "type_actual": [task["type"]], "predictions": values})
        body = json.dumps({"predictor_name": "counter", "prediction_tasks": tasks}).encode()
        if Game.broken == "text":
            body = b"<html>"
        self.send_response(500 if Game.broken == "fails" else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Game)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    Game.broken = ""
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_server_is_asked_for_what_the_address_names(server: str) -> None:
    model = sr.load(f"{server}?cell_type=G&cell_type=C", alphabet="DNA", task="classification", device="cpu")
    found = sr.attack(model, sr.records(TEXTS), 1, attacks="greedy_all")
    for _, row in found.table.iterrows():
        text = row["adversarial_sequence"]
        assert [row["adversarial_output_0"], row["adversarial_output_1"]] == [text.count("G") / 2, text.count("C") / 2]
    assert max(Game.sizes) <= 256


def test_tracks_of_a_server(server: str) -> None:
    model = sr.load(
        f"{server}/predict?cell_type=G&readout=track", alphabet="DNA", task="regression", device="cpu",
        output_of="[:, 0, 3:9].sum(1)",
    )  # fmt: skip
    tokens = torch.tensor(sr.records(TEXTS).tokens)
    model.check(tokens)
    assert model.logits(tokens)[:, 0].tolist() == [text[3:9].count("G") for text in TEXTS]


@pytest.mark.parametrize("broken", ["missing", "text", "fails"])
def test_a_server_that_does_not_answer_as_it_should_is_told(server: str, broken: str) -> None:
    model = sr.load(f"{server}?cell_type=G", alphabet="DNA", task="regression", device="cpu")
    Game.broken = broken
    with pytest.raises(ModelError, match="does not predict"):
        model.check(torch.tensor(sr.records(TEXTS).tokens))


def test_an_address_without_a_server_and_one_that_asks_for_too_much() -> None:
    model = sr.load("http://127.0.0.1:9", alphabet="DNA", task="regression", device="cpu")
    with pytest.raises(ModelError, match="does not predict"):
        model.check(torch.tensor(sr.records(TEXTS).tokens))
    with pytest.raises(ConfigError, match="not asked"):
        sr.load("http://127.0.0.1:9?token=x", alphabet="DNA", task="regression")
    with pytest.raises(ConfigError, match="counted"):
        sr.load(
            "http://127.0.0.1:9?type=a&type=b&cell_type=x&cell_type=y&cell_type=z", alphabet="DNA", task="regression"
        )


def test_files_of_a_folder_and_of_a_vocabulary_belong_to_what_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    (tmp_path / "v.txt").write_text("A")
    source = ModelSource(model=str(folder), takes="tokens", vocabulary=str(tmp_path / "v.txt"))
    assert {path.name for path in source.files} == {"config.json", "model.safetensors", "v.txt"}
