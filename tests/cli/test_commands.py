"""Every command, end to end, on small files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Run = Callable[..., int]

COLUMNS = [
    "id", "target", "budget", "clean_prediction", "clean_score", "adversarial_prediction", "adversarial_score",
    "success", "n_edits", "edits", "adversarial_sequence", "attack", "forwards", "gradients",
]  # fmt: skip


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def attack(files: Path, out: Path, *more: object) -> list[object]:
    return [
        "attack", "--model", f"{files / 'model.py'}:build", "--task", "classification", "--alphabet", "DNA",
        "--labels", "EI,IE,N", "--data", files / "dna.tsv", "--budget", "1..2", "--attack", "one_step,greedy",
        "--random-draws", 2, "--out", out, *more,
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["run", "train", "attack", "init", "data describe", "data check", "data simulate"])
def test_help_explains(command: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*command.split(), "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, seqrobust_cli.main; print([m for m in ('torch', 'pandas', 'numpy', 'Bio') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


@pytest.mark.parametrize(
    ("task", "data"),
    [("classification", "dna.tsv"), ("regression", "dna.tsv"), ("binary", "protein.tsv")],
)
def test_run_writes_what_it_promises(
    task: str, data: str, run: Run, config_text: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path / "config.yaml", config_text(task=task, data=data))
    out = tmp_path / "out"
    assert run("run", config, "--out", out) == 0
    assert "report.html" in capsys.readouterr().out
    results = pd.read_parquet(out / "results.parquet")
    assert list(results.columns[: len(COLUMNS)]) == COLUMNS
    metrics = json.loads((out / "metrics.json").read_text())
    entry = metrics["budgets"][-1]
    assert {"budget", "attack_success_rate", "random_success_rate", "forwards_per_record"} <= set(entry)
    assert ("robust_accuracy_ci" in entry) == (task != "regression")
    assert metrics["n"] == results["id"].nunique()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["inputs"][0]["sha256"]
    page = (out / "report.html").read_text()
    assert "<svg" in page
    for name in ("adversarial.fa", "model.ckpt", "train/history.csv", "attack/results.parquet"):
        assert (out / name).exists(), name


def test_dry_run_writes_nothing(
    run: Run, config_text: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path / "config.yaml", config_text())
    assert run("run", config, "--out", tmp_path / "out", "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_overrides_change_the_config(run: Run, config_text: Callable[..., str], tmp_path: Path) -> None:
    config = written(tmp_path / "config.yaml", config_text())
    assert run("train", config, "--out", tmp_path / "out", "--set", "training.epochs=1", "--set", "seed=7") == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["config"]["training"]["epochs"], manifest["config"]["seed"]) == (1, 7)
    assert len(pd.read_csv(tmp_path / "out" / "history.csv")) == 1


def test_a_second_run_needs_leave(files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = attack(files, tmp_path / "out")
    assert run(*call) == 0
    assert run(*call) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(*call, "--overwrite") == 0
    assert run(*call, "--resume") == 0


def test_resume_with_other_settings_is_refused(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*attack(files, tmp_path / "out")) == 0
    assert run(*attack(files, tmp_path / "out", "--resume", "--seed", 5)) == 2
    assert "seed = 5" in capsys.readouterr().err


def test_attack_on_fasta_without_labels(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = attack(files, tmp_path / "out")
    call[call.index(files / "dna.tsv")] = files / "plain.fa"
    assert run(*call) == 0
    assert "clean prediction stands for the truth" in capsys.readouterr().err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["clean_accuracy"] is None
    assert metrics["attacked"] == metrics["n"] == 30


def test_integer_labels_index_a_strangers_outputs(files: Path, run: Run, tmp_path: Path) -> None:
    table = pd.read_csv(files / "dna.tsv", sep="\t").head(40)
    table["label"] = table["label"].map({"EI": 0, "IE": 1, "N": 2})
    table.to_csv(tmp_path / "data.csv", index=False)
    call = attack(files, tmp_path / "out")
    call[call.index(files / "dna.tsv")] = tmp_path / "data.csv"
    del call[call.index("--labels") : call.index("--labels") + 2]
    assert run(*call) == 0
    assert set(pd.read_parquet(tmp_path / "out" / "results.parquet")["target"]) == {"0", "1", "2"}


def test_weights_are_loaded(files: Path, run: Run, tmp_path: Path) -> None:
    import torch

    from seqrobust.models import load_module

    module = load_module(f"{files / 'model.py'}:build")
    with torch.no_grad():
        module.get_submodule("head").bias.copy_(torch.tensor([50.0, 0.0, 0.0]))  # type: ignore[operator]
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    assert run(*attack(files, tmp_path / "out", "--weights", tmp_path / "weights.pt")) == 0
    assert set(pd.read_parquet(tmp_path / "out" / "results.parquet")["clean_prediction"]) == {"EI"}


def test_probabilities_are_noticed(files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logits, probabilities = attack(files, tmp_path / "a"), attack(files, tmp_path / "b")
    probabilities[2] = f"{files / 'model.py'}:softmax"
    assert run(*logits) == 0
    assert run(*probabilities) == 0
    assert "probabilities" in capsys.readouterr().err
    first, second = (pd.read_parquet(tmp_path / name / "results.parquet") for name in "ab")
    # log p differs from a logit by the same number for every class, so margins agree.
    pd.testing.assert_series_equal(first["clean_score"], second["clean_score"], rtol=1e-3, atol=1e-4)
    assert (first["success"].fillna(value=False) == second["success"].fillna(value=False)).mean() > 0.95


def test_a_targeted_attack_and_patterns(files: Path, run: Run, tmp_path: Path) -> None:
    tables = []
    for label in ("EI", "IE", "N"):
        more = ["--target-label", label, "--pattern", "gc=GC", "--protect", "gc,core", "--budget", 6]
        assert run(*attack(files, tmp_path / label, *more)) == 0
        results = pd.read_parquet(tmp_path / label / "results.parquet")
        tables.append(results[results["success"].fillna(value=False).astype(bool)])
        assert set(tables[-1]["adversarial_prediction"]) <= {label}
    reached = pd.concat(tables)
    assert len(reached)
    sequences = pd.read_csv(files / "dna.tsv", sep="\t").set_index("id")["sequence"]
    for row in reached.itertuples(index=False):
        clean = sequences[row.id]
        for edit in row.edits.split(";"):
            place = int(edit[1:-1]) - 1
            assert "GC" not in (clean[place : place + 2], clean[max(place - 1, 0) : place + 1])


@pytest.mark.parametrize("architecture", ["cnn", "gru", "cnn_gru"])
def test_batch_size_changes_nothing(
    architecture: str, files: Path, run: Run, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    tables = []
    for size in (16, 256):
        call = ["attack", "--model", checkpoint(architecture), "--data", files / "dna.tsv", "--budget", "1..2"]
        call += ["--max-records", 30, "--no-report"]
        assert run(*call, "--batch-size", size, "--out", tmp_path / str(size)) == 0
        tables.append(pd.read_parquet(tmp_path / str(size) / "results.parquet"))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_batch_size_changes_nothing_for_ragged_records(files: Path, run: Run, tmp_path: Path) -> None:
    tables = []
    for size in (16, 256):
        out = tmp_path / str(size)
        model = ["--model", f"{files / 'model.py'}:protein", "--task", "binary", "--alphabet", "protein"]
        labels = ["--labels", "no,yes", "--data", files / "protein.tsv", "--allow", "blosum62:0"]
        more = ["--max-records", 30, "--random-draws", 2, "--no-report"]
        assert run("attack", *model, *labels, "--batch-size", size, "--out", out, *more) == 0
        tables.append(pd.read_parquet(out / "results.parquet"))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def killed(arguments: list[object], when: Path, folder: Path) -> None:
    """Run a command in a process of its own, and kill it once a file is there."""
    command = [sys.executable, "-m", "seqrobust_cli.main", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    for _ in range(1200):
        if when.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_attack_goes_on(files: Path, run: Run, tmp_path: Path) -> None:
    def call(name: str) -> list[object]:
        made = attack(files, tmp_path / name, "--attack", "one_step")
        made[2] = f"{files / 'model.py'}:Slow"
        return made

    killed(call("broken"), tmp_path / "broken" / "parts" / "part-00000.parquet", tmp_path)
    assert not (tmp_path / "broken" / "results.parquet").exists()
    assert json.loads((tmp_path / "broken" / "manifest.json").read_text())["status"] == "running"
    stamp = os.stat(tmp_path / "broken" / "parts" / "part-00000.parquet").st_mtime_ns
    assert run(*call("broken"), "--resume") == 0
    assert os.stat(tmp_path / "broken" / "parts" / "part-00000.parquet").st_mtime_ns == stamp
    assert run(*call("whole")) == 0
    first, second = (pd.read_parquet(tmp_path / name / "results.parquet") for name in ("broken", "whole"))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_run_killed_in_training_goes_on(run: Run, config_text: Callable[..., str], tmp_path: Path) -> None:
    config = written(tmp_path / "config.yaml", config_text().replace("epochs: 2", "epochs: 30"))
    killed(["run", config, "--out", tmp_path / "broken"], tmp_path / "broken/train/checkpoints/last.ckpt", tmp_path)
    assert not (tmp_path / "broken" / "model.ckpt").exists()
    assert run("run", config, "--out", tmp_path / "broken", "--resume") == 0
    assert run("run", config, "--out", tmp_path / "whole") == 0
    first, second = (pd.read_parquet(tmp_path / name / "results.parquet") for name in ("broken", "whole"))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize("source", ["--from quickstart", "--data dna.tsv", "--data protein.tsv", ""])
def test_init_writes_a_config_that_is_valid(source: str, files: Path, run: Run, tmp_path: Path) -> None:
    from seqrobust.run.config import read_config

    option = [files / part if "." in part else part for part in source.split()]
    assert run("init", tmp_path / "made.yaml", *option) == 0
    assert read_config(tmp_path / "made.yaml").name
    assert run("init", tmp_path / "made.yaml", *option) == 2


def test_a_made_config_runs(files: Path, run: Run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "made.yaml", "--data", files / "dna.tsv") == 0
    small = ["--set", "training.epochs=1", "--set", "model.channels=4", "--set", "attack.budget=1"]
    assert run("run", tmp_path / "made.yaml", "--out", tmp_path / "out", *small) == 0


@pytest.mark.slow
def test_two_processes_train_one_model(config_text: Callable[..., str], tmp_path: Path) -> None:
    """Each process runs the same command; one of them writes."""
    config = written(tmp_path / "config.yaml", config_text())
    command = [sys.executable, "-m", "seqrobust_cli.main", "train", config, "--devices", "2", "--out", tmp_path / "out"]
    cpu = ["--set", "training.accelerator=cpu"]
    done = subprocess.run([*map(str, command), *cpu], capture_output=True, text=True, check=True, timeout=200)
    assert done.stdout.count("trained 2 epochs") == 1
    assert done.stderr.count("train ...") == 1
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "finished"


def test_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("seqrobust 0.")


@pytest.mark.parametrize("name", sorted(path.name for path in (Path(__file__).parents[2] / "configs").glob("*.yaml")))
def test_shipped_configs_are_valid(name: str, run: Run, data_root: Path) -> None:
    assert run("run", name.removesuffix(".yaml"), "--dry-run", "--out", "nowhere") == 0
