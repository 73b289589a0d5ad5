"""What users really give: odd input that must work, and wrong input that must be refused in words that help."""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Run = Callable[..., int]
Make = Callable[[Path, Path], list[object]]


def call(model: object, data: object, out: Path, *more: object) -> list[object]:
    """An attack on a stranger's model, with options of ``more`` taking the place of the usual ones."""
    options = {
        "--model": model, "--task": "classification", "--alphabet": "DNA", "--labels": "EI,IE,N", "--data": data,
        "--budget": "2", "--random-draws": "1", "--out": out / "out",
    }  # fmt: skip
    flags = [item for item in more if item in ("--resume", "--overwrite")]
    rest = [item for item in more if item not in flags]
    options |= dict(zip(rest[::2], rest[1::2], strict=True))
    return ["attack", *(part for pair in options.items() if pair[1] is not None for part in pair), *flags]


def with_file(name: str, content: str | bytes, *more: object) -> Make:
    """An attack on a file of that content."""

    def make(files: Path, out: Path) -> list[object]:
        path = out / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return call(f"{files / 'model.py'}:build", path, out, *more)

    return make


def with_options(*more: object, model: str = "build") -> Make:
    """An attack on the usual file with other options."""
    return lambda files, out: call(f"{files / 'model.py'}:{model}", files / "dna.tsv", out, *more)


def with_weights(content: object, name: str = "weights.pt") -> Make:
    """An attack with that file of weights: bytes as they are, anything else pickled."""

    def make(files: Path, out: Path) -> list[object]:
        (out / name).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        return call(f"{files / 'model.py'}:build", files / "dna.tsv", out, "--weights", out / name)

    return make


def with_checkpoint(content: bytes) -> Make:
    """An attack on a file of that content as checkpoint."""

    def make(files: Path, out: Path) -> list[object]:
        (out / "model.ckpt").write_bytes(content)
        return call(out / "model.ckpt", files / "dna.tsv", out, "--labels", None, "--task", None)

    return make


def with_config(text: str, command: str = "run") -> Make:
    """A command on a config of that text; ``{data}`` is the usual file."""

    def make(files: Path, out: Path) -> list[object]:
        (out / "config.yaml").write_text(text.replace("{data}", str(files / "dna.tsv")))
        return [command, out / "config.yaml", "--out", out / "out"]

    return make


def with_bytes(content: bytes) -> Make:
    """A run on a config of those bytes."""

    def make(files: Path, out: Path) -> list[object]:
        (out / "config.yaml").write_bytes(content)
        return ["run", out / "config.yaml", "--out", out / "out"]

    return make


class Bomb:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


ROWS = "id\tlabel\tsequence\n"
GOOD = "name: a\ntask: classification\ndata: {path: {data}, target: label}\n"
TINY = GOOD + "model: {channels: 4, blocks: 1, first_kernel: 3}\ntraining: {epochs: 1}\n"

WORKS: dict[str, tuple[Make, str]] = {
    "one sequence": (with_file("a.tsv", ROWS + "a\tEI\tACGTACGT\n"), ""),
    "shorter than the receptive field": (with_file("a.tsv", ROWS + "a\tEI\tA\nb\tN\tC\n"), ""),
    "a record of unknown letters": (
        with_file("a.fa", ">a\nNNNNNNNN\n>b\nACGTACGT\n"),
        "on 1 of 2 records (N: 1) nothing may be edited",
    ),
    "lower case": (with_file("a.tsv", ROWS + "a\tEI\tacgtacgt\n"), "lower-case"),
    "repeated ids": (with_file("a.tsv", ROWS + "a\tEI\tACGTACGT\na\tN\tACGTTTTT\n"), "repeat"),
    "Windows line ends": (with_file("a.tsv", (ROWS + "a\tEI\tACGTACGT\n").replace("\n", "\r\n")), ""),
    "byte order mark": (with_file("a.tsv", "\ufeff" + ROWS + "a\tEI\tACGTACGT\n"), ""),
    "gzip": (with_file("a.tsv.gz", gzip.compress((ROWS + "a\tEI\tACGTACGT\n").encode())), ""),
    "FASTA": (with_file("a.fa", ">a label=EI\nACGT\nACGT\n"), ""),
    "FASTA without labels": (with_file("a.fa", ">a\nACGTACGT\n"), "stands for the truth"),
    "lengths of every kind": (with_file("a.tsv", ROWS + "a\tEI\tACG\nb\tN\tACGTACGTAC\nc\tIE\tAC\n"), ""),
    "budget 0": (with_options("--budget", "0"), ""),
    "budget beyond the sequence": (with_options("--budget", "500"), ""),
    "budget as a share": (with_options("--budget", "5%,10%"), ""),
    "probabilities": (with_options(model="softmax"), "probabilities"),
    "transitions": (with_options("--allow", "transitions"), ""),
    "a sample of records": (with_options("--max-records", "5"), ""),
    "unknown letters uniform": (with_options("--unknown", "uniform"), ""),
}

SIMULATED = "name: a\ntask: binary\ndata: {simulate: {grammar: none}}\n"

REFUSED: dict[str, tuple[Make, list[str]]] = {
    "missing data": (with_options("--data", "nowhere.tsv"), ["nowhere.tsv"]),
    "a folder as data": (with_options("--data", "."), []),
    "empty file": (with_file("a.tsv", ""), ["a.tsv", "empty"]),
    "empty FASTA": (with_file("a.fa", ""), ["a.fa"]),
    "header only": (with_file("a.tsv", ROWS), ["no record"]),
    "no sequence column": (with_file("a.tsv", "id\tlabel\na\tEI\n"), ["sequence"]),
    "empty sequence": (with_file("a.tsv", ROWS + "a\tEI\t\n"), ["empty", "line 2"]),
    "illegal letter": (with_file("a.tsv", ROWS + "a\tEI\tACGJ\n"), ["'J'", "position 4", "record 'a'"]),
    "RNA read as DNA": (with_file("a.tsv", ROWS + "a\tEI\tACGU\n"), ["--alphabet RNA"]),
    "unseen label": (with_file("a.tsv", ROWS + "a\tXX\tACGT\n"), ["'XX'", "EI, IE, N"]),
    "missing label": (with_file("a.tsv", ROWS + "a\t\tACGT\nb\tEI\tACGT\n"), ["no target"]),
    "missing label, labels by number": (
        with_file("a.tsv", ROWS + "a\t\tACGT\nb\t1\tACGT\n", "--labels", None),
        ["no target", "drop these rows"],
    ),
    "all unknown letters": (with_file("a.tsv", ROWS + "a\tEI\tNNNNNNNN\nb\tN\tNNNNNNNN\n"), ["no letter", "unknown"]),
    "everything protected": (with_options("--pattern", "all=N", "--protect", "all"), ["no letter of any record"]),
    "a share of nothing": (with_options("--budget", "0.5%"), ["no letter of any record", "per cent"]),
    "region beyond the end": (
        with_file("a.tsv", "id\tlabel\tsequence\tregions\na\tEI\tACGT\tcore:2-9\n"),
        ["core:2-9", "record 'a'"],
    ),
    "unreadable region": (with_file("a.tsv", "id\tlabel\tsequence\tregions\na\tEI\tACGT\tcore=2\n"), ["core=2"]),
    "unknown region name": (with_options("--protect", "cor"), ["'cor'", "core"]),
    "protect and only the same": (with_options("--protect", "core", "--only", "core"), ["core"]),
    "a constraint that cannot be read": (with_options("--constraint", "gc:half"), ["gc:0.3-0.7", "half"]),
    "an unknown constraint": (with_options("--constraint", "entropy:2"), ["unknown kind of constraint", "no-site"]),
    "unknown attack": (with_options("--attack", "magic"), ["magic", "greedy"]),
    "unreadable budget": (with_options("--budget", "few"), ["'few'"]),
    "descending budget": (with_options("--budget", "5..1"), ["1..5"]),
    "mixed budgets": (with_options("--budget", "1,2%"), ["mixed"]),
    "unknown letter rule": (with_options("--allow", "nice"), ["'nice'", "transitions"]),
    "transitions of a protein": (
        lambda files, out: call(
            f"{files / 'model.py'}:protein",
            files / "protein.tsv",
            out,
            "--task",
            "binary",
            "--alphabet",
            "PROTEIN",
            "--labels",
            "no,yes",
            "--allow",
            "transitions",
        ),
        ["nucleotides only"],
    ),
    "wrong alphabet": (with_options("--alphabet", "KLINGON"), ["KLINGON", "DNA"]),
    "protein for a DNA model": (with_options("--alphabet", "PROTEIN"), ["fails on a batch"]),
    "wrong task": (with_options("--task", "guess"), ["'guess'"]),
    "no task": (with_options("--task", None), ["--task"]),
    "too few labels": (with_options("--labels", "EI,IE"), ["3 outputs"]),
    "not a number": (with_options(model="nan"), ["not finite"]),
    "a pair of outputs": (with_options(model="pair"), ["does not return a tensor", "self.inner(x)[0]"]),
    "outputs by name": (with_options(model="named"), ["does not return a tensor", "self.inner(x)['logits']"]),
    "an output per position": (with_options(model="sequence"), ["another shape"]),
    "a factory that fails": (with_options(model="broken"), ["no licence found", "model.py"]),
    "no such factory": (with_options(model="missing"), ["missing", "build"]),
    "not a factory": (with_options(model="number"), ["neither a module"]),
    "no such code": (lambda files, out: call("none.py:build", files / "dna.tsv", out), ["none.py"]),
    "no such package": (lambda files, out: call("not_installed:build", files / "dna.tsv", out), ["not_installed"]),
    "no such weights": (with_options("--weights", "none.pt"), ["none.pt"]),
    "weights that are text": (with_weights(b"hello world, this is no weight"), ["weights"]),
    "empty weights": (with_weights(b""), ["weights"]),
    "weights of another model": (with_weights({"a": 1}), ["weights"]),
    "weights that run code": (with_weights(Bomb()), ["refused"]),
    "a checkpoint that runs code": (with_checkpoint(pickle.dumps(Bomb())), ["refused"]),
    "no checkpoint": (lambda files, out: call(out / "none.ckpt", files / "dna.tsv", out), ["none.ckpt"]),
    "no such device": (with_options("--device", "cuda:77"), ["cuda:77"]),
    "nonsense device": (with_options("--device", "toaster"), ["toaster"]),
    "shift of a classifier": (with_options("--goal", "up"), ["regression"]),
    "unknown goal": (with_options("--goal", "sideways"), ["'sideways'"]),
    "unknown target class": (with_options("--target-label", "XX"), ["XX"]),
    "shift of nothing": (with_options("--delta", "0"), ["positive"]),
    "shift by no number": (with_options("--delta", "nan"), ["positive"]),
    "names without labels": (with_options("--labels", None), ["'EI'", "--labels NAME,NAME"]),
    "a missing value among numbers": (
        with_file("a.tsv", ROWS + "a\t0\tACGT\nb\tNA\tACGT\n", "--labels", None),
        ["'NA'", "dropped"],
    ),
    "no attack": (with_options("--attack", ","), ["unknown attack", "greedy"]),
    "negative budget": (with_options("--budget", "-1"), ["'-1'"]),
    "budget beyond all letters": (with_options("--budget", "200%"), ["100 %"]),
    "folder of the kernel": (with_options("--out", "/proc/1"), ["cannot be written"]),
    "another format": (with_options("--format", "fasta"), ["--format tsv"]),
    "unknown format": (with_options("--format", "excel"), ["excel", "parquet"]),
    "unknown sequence column": (with_options("--sequence-column", "dna"), ["'dna'", "sequence"]),
    "unknown matrix": (with_options("--allow", "nice:0"), ["'nice'", "BLOSUM62"]),
    "threshold without number": (with_options("--allow", "blosum62:high"), ["blosum62:high"]),
    "truncated gzip": (with_file("a.tsv.gz", gzip.compress(b"id\tsequence\na\tACGT\n")[:20]), ["a.tsv.gz"]),
    "out below a file": (with_options("--out", Path(__file__) / "out"), ["cannot be written"]),
    "unreadable pattern": (with_options("--pattern", "zinc"), ["NAME=PATTERN"]),
    "unreadable filter": (with_options("--where", "split"), ["column=value"]),
    "a filter that leaves nothing": (with_options("--where", "split=moon"), ["train"]),
    "no such split": (with_options("--split", "moon"), ["moon", "test"]),
    "no config": (lambda files, out: ["run", "nowhere.yaml"], ["nowhere.yaml"]),
    "no shipped config": (lambda files, out: ["run", "nonsense"], ["nonsense"]),
    "empty config": (with_config(""), ["found: nothing"]),
    "a config of bytes": (with_bytes(b"\xff\xfe\x00"), ["not UTF-8"]),
    "a folder as config": (lambda files, out: ["run", out], ["cannot be read"]),
    "an unreadable override": (lambda files, out: ["run", "quickstart", "--set", "seed"], ["--set key.path=value"]),
    "protect and only the same, in a config": (
        with_config(TINY + "attack: {protect: [core], only: [core]}\n"),
        ["core"],
    ),
    "a device that is not there": (with_config(TINY.replace("task", "device: cuda:77\ntask")), ["cuda:77"]),
    "no config to copy": (lambda files, out: ["init", out / "out", "--from", "nonsense"], ["nonsense"]),
    "a config below a file": (lambda files, out: ["init", Path(__file__) / "out"], ["cannot be written"]),
    "a config for no data": (lambda files, out: ["init", out / "out", "--data", "none.tsv"], ["none.tsv"]),
    "no records to simulate": (
        lambda files, out: ["data", "simulate", "promoter", "--n", 0, "--out", out / "out"],
        ["n of 1"],
    ),
    "an unknown grammar to simulate": (
        lambda files, out: ["data", "simulate", "x", "--out", out / "out"],
        ["promoter"],
    ),
    "simulated into the kernel": (
        lambda files, out: ["data", "simulate", "promoter", "--out", "/proc/a.tsv"],
        ["/proc/a.tsv"],
    ),
    "nothing to describe": (lambda files, out: ["data", "describe", "none.tsv"], ["none.tsv"]),
    "nothing to check": (lambda files, out: ["data", "check", "none.tsv"], ["none.tsv"]),
    "not YAML": (with_config("name: [a\n"), ["not valid YAML", "line"]),
    "a list for a config": (with_config("- a\n"), ["mapping"]),
    "unknown key": (with_config(GOOD + "training:\n  epoch: 3\n"), ["epoch", "did you mean epochs", "line 5"]),
    "unknown top key": (with_config(GOOD + "modell: {}\n"), ["modell", "did you mean model"]),
    "wrong kind of value": (with_config(GOOD + "training: {epochs: many}\n"), ["'many'", "training.epochs"]),
    "too small a value": (with_config(GOOD + "training: {epochs: 0}\n"), ["epochs"]),
    "two sources": (with_config("name: a\ntask: binary\ndata: {path: a, simulate: {grammar: promoter}}\n"), ["either"]),
    "unset variable": (with_config("name: a\ntask: binary\ndata: {path: $NOT_SET_ANYWHERE/a}\n"), ["NOT_SET_ANYWHERE"]),
    "unknown architecture": (with_config(GOOD + "model: {architecture: transformer}\n"), ["transformer", "cnn"]),
    "unknown hyper-parameter": (with_config(GOOD + "model: {chanels: 3}\n"), ["chanels", "channels"]),
    "unknown grammar": (with_config(SIMULATED), ["none", "promoter"]),
    "unknown target column": (with_config(GOOD.replace("label", "lable")), ["lable", "label"]),
    "text for a regression": (with_config(GOOD.replace("classification", "regression")), ["finite number"]),
    "three classes for a binary task": (with_config(GOOD.replace("classification", "binary")), ["two"]),
    "attacked region unknown": (with_config(TINY + "attack: {protect: [nowhere]}\n"), ["nowhere", "core"]),
    "attacked split unknown": (with_config(TINY + "attack: {split: moon}\n"), ["moon"]),
}


@pytest.mark.parametrize("name", WORKS)
def test_works(name: str, files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, said = WORKS[name]
    assert run(*make(files, tmp_path)) == 0
    heard = capsys.readouterr()
    assert said in heard.err
    assert "Traceback" not in heard.err
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert len(results)
    assert (results["n_edits"] <= results["budget"]).all()
    if name == "budget 0":
        assert (results["n_edits"] == 0).all()
        assert not results["success"].fillna(value=False).any()


@pytest.mark.parametrize("name", REFUSED)
def test_refused(
    name: str,
    files: Path,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make, words = REFUSED[name]
    code = run(*make(files, tmp_path))
    heard = capsys.readouterr()
    # Kept for whoever writes the manual: the table of what is said.
    if folder := os.environ.get("SEQROBUST_SAID"):
        with open(folder, "a", encoding="utf-8") as handle:
            handle.write(f"| {name} | {code} | {' / '.join(heard.err.split(chr(10))[-7:]).strip(' /')[:300]} |\n")
    assert code == 2, heard.err
    assert heard.err.count("error:") == 1
    assert "Traceback" not in heard.err
    for word in words:
        assert word in heard.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "exploded").exists()
