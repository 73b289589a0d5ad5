"""Runs that stop half-way, and what a later command makes of the folder they leave."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqrobust.analysis import shards
from seqrobust.run import train

Run = Callable[..., int]


def attack(files: Path, out: Path, *more: object) -> list[object]:
    return [
        "attack", "--model", f"{files / 'model.py'}:build", "--task", "classification", "--alphabet", "DNA",
        "--labels", "EI,IE,N", "--data", files / "dna.tsv", "--budget", "1..2", "--attack", "one_step,greedy",
        "--random-draws", 2, "--no-report", "--out", out, *more,
    ]  # fmt: skip


def same_results(first: Path, second: Path) -> None:
    tables = [pd.read_parquet(folder / "results.parquet") for folder in (first, second)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def disk_full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def config(config_text: Callable[..., str], tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(config_text())
    return path


def test_a_full_disk_is_said_and_the_attack_goes_on(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = shards.results_table, []

    def second_fails(*arguments: Any) -> pd.DataFrame:
        calls.append(1)
        return disk_full() if len(calls) == 2 else real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "results_table", second_fails)
        assert run(*attack(files, tmp_path / "broken")) == 1
    heard = capsys.readouterr().err
    assert "No space left" in heard
    assert "--resume" in heard
    assert "Traceback" not in heard
    # Whole files only: nothing under a temporary name is left.
    assert [path.name for path in (tmp_path / "broken").rglob("*.parquet")] == ["part-00000.parquet"]
    assert run(*attack(files, tmp_path / "broken", "--resume")) == 0
    assert run(*attack(files, tmp_path / "whole")) == 0
    same_results(tmp_path / "broken", tmp_path / "whole")


def test_overwriting_that_fails_at_once_leaves_the_earlier_run(
    config: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", ["--set", "seed=9", "--set", "attack.budget=3"]
    assert run("run", config, "--out", out) == 0
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(train, "fit", disk_full)
        assert run("run", config, "--out", out, "--overwrite", *other) == 1
    assert "holds the earlier one again" in " ".join(capsys.readouterr().err.split())
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert run("run", config, "--out", out, "--resume", *other) == 2
    assert "other settings" in capsys.readouterr().err


def test_overwriting_forgets_the_earlier_model(
    config: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run over another, stopped after training and resumed, must not take the other's parts for its own."""
    out, other = tmp_path / "out", ["--set", "seed=9", "--set", "attack.budget=3"]
    assert run("run", config, "--out", out) == 0
    first = (out / "model.ckpt").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(shards, "run_shard", disk_full)
        assert run("run", config, "--out", out, "--overwrite", *other) == 1
    assert not list((out / "attack" / "parts").glob("*"))
    assert (out / ".replaced" / "model.ckpt").read_bytes() == first
    assert run("run", config, "--out", out, "--resume", *other) == 0
    assert not (out / ".replaced").exists()
    assert run("run", config, "--out", tmp_path / "fresh", *other) == 0
    same_results(out, tmp_path / "fresh")
    same_results(out / "train", tmp_path / "fresh" / "train")


def test_overwriting_forgets_earlier_parts(
    files: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    other = ("--seed", 5, "--attack", "random")
    assert run(*attack(files, out)) == 0
    real = shards.run_shard

    def is_killed(*_: object, **__: object) -> Any:
        os._exit(9)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "run_shard", is_killed)
        if (child := os.fork()) == 0:
            run(*attack(files, out, "--overwrite", *other))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert shards.run_shard is real
    assert not list((out / "parts").glob("*"))
    assert (out / ".replaced" / "results.parquet").exists()
    assert run(*attack(files, out, "--resume", *other)) == 0
    assert run(*attack(files, tmp_path / "fresh", *other)) == 0
    same_results(out, tmp_path / "fresh")


def test_parts_without_a_manifest_may_be_anybodys(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(*attack(files, out)) == 0
    (out / "manifest.json").unlink()
    for option in ((), ("--overwrite",), ("--resume",)):
        assert run(*attack(files, out, "--allow", "transitions", *option)) == 2
        assert "would write over" in " ".join(capsys.readouterr().err.split())


def test_a_damaged_part_is_attacked_again(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*attack(files, tmp_path / "out")) == 0
    part = tmp_path / "out" / "parts" / "part-00000.parquet"
    pd.read_parquet(part).iloc[1:].to_parquet(part, index=False)
    whole = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert run(*attack(files, tmp_path / "out", "--resume")) == 0
    assert "is not as this run left it" in " ".join(capsys.readouterr().err.split())
    pd.testing.assert_frame_equal(whole, pd.read_parquet(tmp_path / "out" / "results.parquet"), check_exact=True)


def test_a_model_beside_the_results_is_left_alone(
    checkpoint: Callable[[str], Path], files: Path, run: Run, tmp_path: Path
) -> None:
    """An attack may be told to write into the folder its model is in."""
    (tmp_path / "model.ckpt").write_bytes(checkpoint("cnn").read_bytes())
    call = ["attack", "--model", tmp_path / "model.ckpt", "--data", files / "dna.tsv", "--budget", 1, "--no-report"]
    assert run(*call, "--out", tmp_path) == 0
    assert run(*call, "--out", tmp_path, "--overwrite") == 0


def test_a_run_stopped_between_training_and_attack(
    config: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(shards, "run_shard", disk_full)
        assert run("run", config, "--out", out) == 1
    with monkeypatch.context() as patch:
        patch.setattr(train, "fit", disk_full)  # Not to be called: training is finished.
        assert run("run", config, "--out", out, "--resume") == 0
    assert run("run", config, "--out", tmp_path / "fresh") == 0
    same_results(out, tmp_path / "fresh")


def test_a_training_stopped_before_its_model_was_written(config: Path, run: Run, tmp_path: Path) -> None:
    assert run("train", config, "--out", tmp_path / "out") == 0
    (tmp_path / "out" / "model.ckpt").rename(tmp_path / "before.ckpt")
    before = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert run("train", config, "--out", tmp_path / "out", "--resume") == 0
    pd.testing.assert_frame_equal(before, pd.read_parquet(tmp_path / "out" / "results.parquet"), check_exact=True)


def numbered(files: Path, folder: Path) -> Path:
    table = pd.read_csv(files / "dna.tsv", sep="\t").head(40)
    table["label"] = (table["label"] == "N").astype(int)
    table.to_csv(folder / "data.tsv", sep="\t", index=False)
    return folder / "data.tsv"


def test_resume_as_another_task_is_refused(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["attack", "--model", f"{files / 'model.py'}:value", "--alphabet", "DNA", "--budget", 1, "--no-report"]
    call += ["--data", numbered(files, tmp_path), "--out", tmp_path / "out"]
    assert run(*call, "--task", "regression") == 0
    assert run(*call, "--task", "binary", "--resume") == 2
    assert "task = binary" in capsys.readouterr().err


def test_resume_on_changed_files_is_refused(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule, data = tmp_path / "rule.tsv", tmp_path / "data.tsv"
    rule.write_text("\tA\tC\tG\tT\nA\t0\t1\t1\t1\nC\t1\t0\t1\t1\nG\t1\t1\t0\t1\nT\t1\t1\t1\t0\n")
    data.write_text((files / "dna.tsv").read_text())
    call = [*attack(files, tmp_path / "out"), "--data", data, "--allow", rule]
    assert run(*call) == 0
    assert run(*call, "--resume") == 0
    rule.write_text(rule.read_text().replace("1", "0", 1))
    assert run(*call, "--resume") == 2
    assert str(rule) in capsys.readouterr().err
    rule.write_text(rule.read_text().replace("A\t0\t0", "A\t0\t1"))
    data.write_text(data.read_text().replace("\tEI\t", "\tIE\t", 1))
    assert run(*call, "--resume") == 2
    assert str(data) in capsys.readouterr().err


def test_resume_with_another_batch_size_goes_on(files: Path, run: Run, tmp_path: Path) -> None:
    assert run(*attack(files, tmp_path / "out")) == 0
    (tmp_path / "out" / "parts" / "part-00001.parquet").unlink()
    before = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert run(*attack(files, tmp_path / "out", "--resume", "--batch-size", 16)) == 0
    pd.testing.assert_frame_equal(before, pd.read_parquet(tmp_path / "out" / "results.parquet"), check_exact=True)


def test_a_manifest_that_is_damaged(files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*attack(files, tmp_path / "out")) == 0
    for content in ("{", "[]", ""):
        (tmp_path / "out" / "manifest.json").write_text(content)
        assert run(*attack(files, tmp_path / "out", "--resume")) == 2, content
        heard = capsys.readouterr().err
        assert "manifest" in heard
        assert "Traceback" not in heard
        assert run(*attack(files, tmp_path / "out", "--overwrite")) == 2, content
        assert (tmp_path / "out" / "manifest.json").read_text() == content


@pytest.mark.slow
@pytest.mark.parametrize("command", ["attack", "train"])
def test_files_that_may_not_grow(command: str, files: Path, config: Path, tmp_path: Path) -> None:
    """The kernel's limit on a file's size stands in for a full disk."""
    arguments = attack(files, tmp_path / "out") if command == "attack" else ["train", config, "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "seqrobust_cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)),
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "results.parquet").exists()
