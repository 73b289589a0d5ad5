"""Whatever file a command reads: changed between two calls, ``--resume`` refuses and names it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqrobust.models.imports import imported_files
from seqrobust.run.registry import ANALYSES

Run = Callable[..., int]

MODEL = """
import torch
from layers import wide
from parts.inner import number
def build():
    torch.manual_seed(number())
    return wide()
"""
LAYERS = """
import torch
def wide():
    return torch.nn.Sequential(torch.nn.Conv1d(4, 3, 3, padding=1), torch.nn.AdaptiveMaxPool1d(1), torch.nn.Flatten())
"""
STEP = "from scales import one\ndef same(x):\n    return x * one()\n"
COSTS = "\tA\tC\tG\tT\nA\t0\t1\t1\t1\nC\t1\t0\t1\t1\nG\t1\t1\t0\t1\nT\t1\t1\t1\t0\n"
MOTIFS = ">M1 one\nA [ 9 0 0 0 0 9 ]\nC [ 0 9 0 9 0 0 ]\nG [ 0 0 9 0 0 0 ]\nT [ 0 0 0 0 9 0 ]\n"
EVERY = ("a.tsv", "model.py", "layers.py", "inner.py", "weights.pt", "step.py", "scales.py", "features.gff3")
THREAT = ("costs.tsv", "m.jaspar", "background.fa")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that a command may read."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "model.py": MODEL, "layers.py": LAYERS, "parts/__init__.py": "", "parts/inner.py": "def number(): return 3\n",
        "step.py": STEP, "scales.py": "def one():\n    return 1.0\n", "costs.tsv": COSTS, "m.jaspar": MOTIFS,
        "background.fa": ">a\nACGTACGTACGGTTCA\n", "features.gff3": "r0\th\texon\t2\t4\t.\t+\t.\tID=e\n",
        "a.tsv": "id\tlabel\tsplit\tgroup\tsequence\tregions\n" + "".join(
            f"r{n}\t{'xyz'[n % 3]}\t{('train', 'test')[n % 2]}\tg{n}\t{text}\tcore:2-5\n"
            for n, text in enumerate(("ACGTACGT", "TTGACAAC", "GGGCCCAA", "ATATATAT", "ACACGTGT", "CCATGGTA"))
        ),
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv1d(4, 3, 3, padding=1), torch.nn.AdaptiveMaxPool1d(1), torch.nn.Flatten())
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    return tmp_path


def line(command: str) -> list[str]:
    """A command that reads all that it can."""
    model = ["--model", "model.py:build", "--weights", "weights.pt"]
    if command == "compare":
        model = ["--model", "a=model.py:build", "--model", "b=model.py:build", "--weights", "a=weights.pt"]
    data = ["--members", "a.tsv", "--nonmembers", "b.tsv"] if command == "privacy" else ["--data", "a.tsv"]
    threat = ["--allow", "costs.tsv", "--constraint", "no-change:m.jaspar@80%; markov:1@0.5:background.fa"]
    step = [] if command in WITHOUT_STEP else ["--preprocess", "step.py:same"]
    own = ["--motif", "ACG"] if command == "motifs" else []
    return [
        command, *model, *data, "--task", "classification", "--alphabet", "DNA", "--labels", "x,y,z", "--annotation",
        "features.gff3", *step, *own, *(threat if command in WITH_THREAT else []), "--no-report", "--out", "out",
    ]  # fmt: skip


WITH_THREAT = ("attack", "evaluate", "certify", "compare", "probe", "stability", "inspect", "uncertainty")
WITHOUT_STEP = ("uncertainty",)  # a step before one of several members is refused
OF_STEPS = ("step.py", "scales.py")
OTHER_INPUTS = ("subgroups", "privacy")  # of folders of runs, and of two files; below


def refused(run: Run, typed: list[str], folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = next(folder.rglob(name))
    before = file.read_bytes()
    file.write_bytes(before + _more(name))
    capsys.readouterr()
    code = run(*typed, "--resume")
    said = capsys.readouterr().err
    file.write_bytes(before)
    assert code == 2, (name, said)
    assert "cannot be resumed" in said
    assert name in said


def _more(name: str) -> bytes:
    return {".py": b"\n# other\n", ".tsv": b"", ".pt": b"\0"}.get(Path(name).suffix, b"\n") or b"\n"


@pytest.mark.parametrize(
    "command",
    [pytest.param(name, marks=pytest.mark.slow) for name in ANALYSES if name not in OTHER_INPUTS],
)
def test_a_changed_input_is_named(command: str, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    typed = line(command)
    if command == "uncertainty":  # which sets its thresholds on records beside those attacked
        header, *rows = (folder / "a.tsv").read_text().splitlines()
        more = [row.replace("r", f"s{n}", 1).replace("\tg", f"\tg{n}") for n in range(9) for row in rows]
        (folder / "a.tsv").write_text("\n".join([header, *rows, *more]) + "\n")
        typed += ["--max-records", "6"]
    code = run(*typed)
    said = capsys.readouterr().err
    assert (folder / "out" / "manifest.json").exists(), said
    assert code == 0, said
    assert run(*typed, "--resume") == 0
    for name in (*EVERY, *(THREAT if command in WITH_THREAT else ())):
        if name in OF_STEPS and command in WITHOUT_STEP:
            continue
        refused(run, typed, folder, name, capsys)


def test_imports_are_followed(folder: Path) -> None:
    assert [str(file) for file in imported_files(Path("model.py"))] == [
        "layers.py",
        "parts/__init__.py",
        "parts/inner.py",
    ]
    (folder / "parts" / "inner.py").write_text(
        "from . import other\nfrom ..layers import wide\nimport model, os, numpy\n"
    )
    (folder / "parts" / "other.py").write_text("")
    found = {file.resolve().relative_to(folder).as_posix() for file in imported_files(Path("model.py"))}
    assert found == {"layers.py", "parts/__init__.py", "parts/inner.py", "parts/other.py"}


def test_a_pipe_is_refused(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Its bytes are gone when they have been read: nothing could say whether a resumed run read the same."""
    os.mkfifo(folder / "pipe.tsv")
    content = (folder / "a.tsv").read_bytes()
    writer = threading.Thread(target=(folder / "pipe.tsv").write_bytes, args=(content,), daemon=True)
    writer.start()
    typed = [part if part != "a.tsv" else "pipe.tsv" for part in line("ism")]
    assert run(*typed) == 2
    assert "pipe" in capsys.readouterr().err
    assert not (folder / "out" / "metrics.json").exists()


def test_other_imports_and_another_version_are_not_gone_on_with(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*line("ism")) == 0
    refused(run, line("ism"), folder, "inner.py", capsys)
    monkeypatch.setattr("seqrobust.run.manifest.__version__", "99.0")
    assert run(*line("ism"), "--resume") == 2
    assert "another version" in capsys.readouterr().err


CONFIG = """
name: tiny
task: classification
data: {{{data}, target: label}}
model: {{channels: 4, blocks: 1, first_kernel: 3}}
training: {{epochs: 1{teacher}}}
attack: {{budget: 1, allow: costs.tsv, constraints: ["no-change:m.jaspar@80%"], attacks: [one_step], random_draws: 1,
  max_records: 4}}
"""
GRAMMAR = """
name: made
alphabet: DNA
length: 30
motifs: {box: {pattern: TATAAT}}
classes: {one: {arrangements: [[box]]}, none: }
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "grammar", "teacher"])
def test_inputs_of_a_config_are_named(
    kind: str, folder: Path, files: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "big.tsv").write_bytes((files / "dna.tsv").read_bytes())
    (folder / "grammar.yaml").write_text(GRAMMAR)
    (folder / "config.yaml").write_text(CONFIG.format(data="path: big.tsv", teacher=""))
    names = ["big.tsv", "costs.tsv", "m.jaspar"]
    if kind == "grammar":
        (folder / "config.yaml").write_text(CONFIG.format(data="simulate: {grammar: grammar.yaml, n: 60}", teacher=""))
        names = ["grammar.yaml"]
    if kind == "teacher":
        assert run("train", "config.yaml", "--out", "first") == 0
        (folder / "first" / "model.ckpt").rename(folder / "teacher.ckpt")
        more = ", adversarial: {objective: distillation, teacher: teacher.ckpt, budget: 1}"
        (folder / "config.yaml").write_text(CONFIG.format(data="path: big.tsv", teacher=more))
        names = ["teacher.ckpt"]
    typed = ["run", "config.yaml", "--out", "out"]
    assert run(*typed) == 0, capsys.readouterr().err
    assert run(*typed, "--resume") == 0
    for name in names:
        refused(run, typed, folder, name, capsys)
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text() + "seed: 7\n")
    capsys.readouterr()
    assert run(*typed, "--resume") == 2
    assert "seed = 7" in capsys.readouterr().err
