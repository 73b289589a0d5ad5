"""Models in the forms that people have: what has to be said, and whether scores are those of a plain call.

    python benchmarks/model_forms.py --records 60 --out model_forms.txt

Each model is attacked by the command (one substitution, quick or greedy_all) in a process of its own; what the table
says of edited sequences is compared with plain calls of the same model here, outside the package, on one-hot matrices,
numbers or texts written out here. The last table kept is in ``benchmarks/model_forms.md``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import model_forms_nets as nets
import numpy as np
import pandas as pd
import torch
from torch import Tensor

NETS = Path(nets.__file__)
AMINO = "ACDEFGHIKLMNPQRSTVWY"
TRIPLETS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map("".join, itertools.product("ACGT", repeat=3))]


@dataclass
class Kind:
    """One form: the model as it is named, what is said of it, and a plain call."""

    model: str
    plain: Callable[[list[str]], Any]
    said: tuple[str, ...] = ()
    task: str = "classification"
    alphabet: str = "DNA"
    gradient: bool = True
    tolerance: float = 1e-5


def one_hot(texts: list[str], order: str = "ACGT") -> Tensor:
    out = torch.zeros(len(texts), len(order), len(texts[0]))
    for row, text in enumerate(texts):
        for place, letter in enumerate(text):
            out[row, order.index(letter), place] = 1
    return out


def triplets(texts: list[str]) -> Tensor:
    rows = [[TRIPLETS.index(text[i : i + 3]) for i in range(len(text) - 2)] for text in texts]
    return torch.tensor([[2, *row, 3] for row in rows])


def letters(texts: list[str]) -> Tensor:
    return torch.tensor([[1, *("ACGT".index(c) + 5 for c in text), 2] for text in texts])


def programs(folder: Path) -> dict[str, Path]:
    """The plain network in files."""
    net, example = nets.plain().eval(), torch.zeros(2, 4, nets.LENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(net).save(str(folder / "net.pt"))
        torch.export.save(
            torch.export.export(net, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},)), folder / "net.pt2"
        )
    torch.save({"state_dict": {f"ema.module.{k}": v for k, v in net.state_dict().items()}}, folder / "light.ckpt")
    (folder / "vocab.txt").write_text("\n".join(TRIPLETS))
    onnx(net, folder / "net.onnx")
    return {name: folder / name for name in ("net.pt", "net.pt2", "net.onnx", "light.ckpt", "vocab.txt")}


def onnx(net: Any, path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    parts = dict(net.named_parameters())
    names = ["trunk.one.weight", "trunk.one.bias", "trunk.two.weight", "trunk.two.bias", "head.weight", "head.bias"]
    node = helper.make_node
    nodes = [
        node("Conv", ["x", names[0], names[1]], ["a"], pads=[3, 3]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", names[2], names[3]], ["c"], pads=[2, 2]),
        node("Tanh", ["c"], ["d"]),
        node("ReduceMax", ["d"], ["e"], axes=[2], keepdims=0),
        node("Gemm", ["e", names[4], names[5]], ["f"], transB=1),
        node("Mul", ["f", "four"], ["y"]),
    ]
    held = [numpy_helper.from_array(parts[name].detach().numpy(), name) for name in names]
    held.append(numpy_helper.from_array(np.array(4, np.float32), "four"))
    sizes = {"x": ["batch", 4, nets.LENGTH], "y": ["batch", 3]}
    infos = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()}
    graph = helper.make_graph(nodes, "net", [infos["x"]], [infos["y"]], held)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def huggingface(folder: Path) -> Any:
    import transformers

    names = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWC", "<mask>"]
    (folder / "esm").mkdir()
    (folder / "esm" / "vocab.txt").write_text("\n".join(names))
    torch.manual_seed(0)
    config = transformers.EsmConfig(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=80, pad_token_id=1, mask_token_id=24, position_embedding_type="rotary", num_labels=3,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, token_dropout=True,
    )  # fmt: skip
    net = transformers.EsmForSequenceClassification(config).eval()
    net.save_pretrained(folder / "esm")
    transformers.EsmTokenizer(str(folder / "esm" / "vocab.txt")).save_pretrained(folder / "esm")

    def plain(texts: list[str]) -> Any:
        return net(torch.tensor([[0, *(names.index(c) for c in text), 2] for text in texts])).logits

    return plain


class Game(BaseHTTPRequestHandler):
    """A predictor of the GAME protocol."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names, texts = zip(*asked["sequences"].items(), strict=True)
        given = dict(zip(names, nets.score(list(texts)), strict=True))
        tasks = [{"name": task["name"], "predictions": given} for task in asked["prediction_tasks"]]
        body = json.dumps({"predictor_name": "x", "prediction_tasks": tasks}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Game)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}?type=expression&cell_type=K562"
    made.shutdown()


def log_odds(p: Any) -> Tensor:
    p = torch.as_tensor(np.asarray(p))
    return (p / (1 - p)).log()


def kinds(folder: Path, address: str) -> dict[str, Kind]:
    files = programs(folder)
    made = {
        name: getattr(nets, name)()
        for name in (
            "bpnet",
            "table",
            "tracks",
            "last",
            "plain",
            "five",
            "sigmoids",
            "ensemble",
            "half",
            "int8",
            "letters",
            "triplets",
            "binding",
        )
    }
    made = {name: net.eval() for name, net in made.items()}
    pipeline, forest = nets.pipeline(), nets.forest()
    at = f"{NETS}:{{}}".format
    tokens = ("--takes", "tokens", "--vocabulary")
    return {
        "BPNet tuple": Kind(at("bpnet"), lambda t: made["bpnet"](one_hot(t))[1], ("--output-of", "[1]"), "regression"),
        "dict": Kind(at("table"), lambda t: made["table"](one_hot(t))["log-counts"], ("--output-of", "['log-counts']")),
        "dataclass": Kind(at("fields"), lambda t: made["plain"](one_hot(t)), ("--output-of", ".logits")),
        "(N, bins, tracks)": Kind(
            at("tracks"), lambda t: made["tracks"](one_hot(t))[:, 7, 3:4], ("--output-of", "[:, 7, 3]"), "regression"
        ),
        "difference of tracks": Kind(
            at("tracks"),
            lambda t: made["tracks"](one_hot(t))[:, 4:9, 3:4].mean(1) - made["tracks"](one_hot(t))[:, 2, 1:2],
            ("--output-of", "[:, 4:9, 3].mean(1) - output[:, 2, 1]"),
            "regression",
        ),
        "channel-last": Kind(at("last"), lambda t: made["last"](one_hot(t).transpose(1, 2)), ("--layout", "NLC")),
        "AGCT": Kind(at("plain"), lambda t: made["plain"](one_hot(t, "AGCT")), ("--letters", "AGCT")),
        "ACGTN": Kind(at("five"), lambda t: made["five"](one_hot(t, "ACGTN")), ("--letters", "ACGTN")),
        "TorchScript": Kind(str(files["net.pt"]), lambda t: made["plain"](one_hot(t))),
        ".pt2": Kind(str(files["net.pt2"]), lambda t: made["plain"](one_hot(t))),
        "ONNX (onnxruntime)": Kind(str(files["net.onnx"]), lambda t: made["plain"](one_hot(t)), gradient=False),
        "HF token model": Kind(str(folder / "esm"), huggingface(folder), alphabet="PROTEIN", tolerance=1e-4),
        "letter tokens": Kind(
            at("letters"), lambda t: made["letters"](letters(t)), (*tokens, "A=5,C=6,G=7,T=8,N=9,CLS=1,SEP=2")
        ),
        "k-mer tokens": Kind(
            at("triplets"), lambda t: made["triplets"](triplets(t)), (*tokens, str(files["vocab.txt"]))
        ),
        "sklearn k-mer pipeline": Kind(
            at("pipeline"), lambda t: pipeline.decision_function(t)[:, None], task="binary", gradient=False
        ),
        "sklearn forest": Kind(
            at("forest"),
            lambda t: log_odds(forest.predict_proba(t)[:, 1:].clip(1e-38, 1 - 2**-24)),
            task="binary",
            gradient=False,
        ),
        "plain function": Kind(
            at("score"),
            lambda t: np.array(nets.score(t))[:, None],
            ("--takes", "strings"),
            "regression",
            gradient=False,
        ),
        "peptide + MHC": Kind(
            at("binding"),
            lambda t: made["binding"](one_hot(t, AMINO)[:, :, :9], one_hot(t, AMINO)[:, :, 9:])[:, None],
            ("--streams", "9,*"),
            "regression",
            "PROTEIN",
        ),
        "919 sigmoids": Kind(
            at("sigmoids"), lambda t: log_odds(made["sigmoids"](one_hot(t))), task="multilabel", tolerance=1e-4
        ),
        "ensemble": Kind(at("ensemble"), lambda t: made["ensemble"](one_hot(t))),
        "bfloat16": Kind(at("half"), lambda t: made["half"](one_hot(t).bfloat16()).float()),
        "dynamic int8 GRU": Kind(
            at("int8"),
            lambda t: torch.cat([made["int8"](one_hot([one])) for one in t]),
            ("--one-by-one",),
            gradient=False,
        ),
        "Lightning checkpoint": Kind(
            at("plain"), lambda t: made["plain"](one_hot(t)), ("--weights", str(files["light.ckpt"]))
        ),
        "GAME server": Kind(address, lambda t: np.array(nets.score(t))[:, None], task="regression", gradient=False),
    }


def tried(name: str, kind: Kind, folder: Path, records: int) -> str:
    """A line of the table."""
    draw = np.random.default_rng(0)
    alphabet = AMINO if kind.alphabet == "PROTEIN" else "ACGT"
    texts = ["".join(draw.choice(list(alphabet), nets.LENGTH)) for _ in range(records)]
    data, out = folder / "data.tsv", folder / name.replace(" ", "_").replace("/", "_")
    pd.DataFrame({"id": [f"r{i}" for i in range(records)], "sequence": texts}).to_csv(data, sep="\t", index=False)
    command = [
        sys.executable, "-m", "seqrobust_cli.main", "attack", "--model", kind.model, *kind.said, "--task", kind.task,
        "--alphabet", kind.alphabet, "--data", str(data), "--budget", "2", "--attack",
        "quick" if kind.gradient else "greedy_all", "--out", str(out), "--device", "cpu",
        *(["--goal", "up"] if kind.task == "regression" else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    if done.returncode:
        return f"| {name} | `{' '.join(kind.said)}` | failed: {done.stderr.strip().splitlines()[-1][:80]} | | |"
    table = pd.read_parquet(out / "results.parquet")
    rows = table[table["edits"] != ""]
    columns = [one for one in rows.columns if one.startswith("adversarial_output_")] or ["adversarial_prediction"]
    with torch.no_grad():
        plain = np.asarray(kind.plain(rows["adversarial_sequence"].tolist()), float).reshape(len(rows), -1)
    if kind.task == "multilabel" and columns == ["adversarial_prediction"]:  # too many outputs for columns: the sets
        written = [{int(one) for one in text.split(";") if one} for text in rows[columns[0]]]
        apart = float(max(len(one ^ set(np.flatnonzero(row > 0))) for one, row in zip(written, plain, strict=True)))
    else:
        apart = float(np.abs(rows[columns].to_numpy(float) - plain).max()) if len(rows) else np.nan
    equal = apart <= kind.tolerance * max(1.0, float(np.abs(plain).max()))
    said = " ".join(kind.said).replace(str(folder), ".")
    verdict = "equal" if equal else "**differs**"
    return f"| {name} | `{said or '-'}` | {len(rows)} | {apart:.1e} | {verdict} |"


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--records", type=int, default=60)
    asked.add_argument("--only", default="")
    asked.add_argument("--out", type=Path)
    options = asked.parse_args()
    lines = [
        "| model | said beside task and alphabet | edited sequences | largest difference | |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as text, server() as address:
        for name, kind in kinds(Path(text), address).items():
            if options.only in name:
                lines.append(tried(name, kind, Path(text), options.records))
                print(lines[-1], flush=True)
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
