"""Training shared out among two processes says the same of the validation records as training in one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CONFIG = """\
name: shared
task: binary
seed: 1
device: cpu
data: {path: data.tsv, target: label, alphabet: DNA}
model: {architecture: gru, hidden: 8, readout_hidden: 0, dropout: 0.0}
training:
  {epochs: 6, batch_size: 16, learning_rate: 0.05, accelerator: cpu, adversarial: {budget: 1, clean_share: 0}}
"""


def data_file(folder: Path, valid: int) -> None:
    """Whole batches of training records, so that both ways of sharing them out make the same steps."""
    rng = np.random.default_rng(0)
    rows = []
    for number, split in enumerate(["train"] * 96 + ["valid"] * valid + ["test"] * 8):
        text = "".join(rng.choice(list("ACGT"), 24, p=[0.4, 0.2, 0.2, 0.2] if number % 2 else [0.25] * 4))
        rows.append(f"r{number}\t{split}\t{number % 2}\t{text}")
    (folder / "data.tsv").write_text("id\tsplit\tlabel\tsequence\n" + "\n".join(rows) + "\n")


def history(folder: Path, name: str, *more: str) -> pd.DataFrame:
    command = [sys.executable, "-m", "seqrobust_cli.main", "train", "config.yaml", "--out", name, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True, timeout=200)
    table: pd.DataFrame = pd.read_csv(folder / name / "history.csv")
    return table.drop(columns="seconds")


@pytest.mark.slow
# 65 records: no two equal shares, and a batch more on one device than on the other.
@pytest.mark.parametrize("valid", [64, 65])
def test_history_is_that_of_one_process(valid: int, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    data_file(tmp_path, valid)
    alone = history(tmp_path, "alone")
    shared = history(tmp_path, "shared", "--devices", "2", "--set", "training.batch_size=8")
    assert alone["valid_robust_accuracy"].max() > alone["valid_robust_accuracy"].min()
    pd.testing.assert_frame_equal(alone, shared[alone.columns], check_exact=False, rtol=0, atol=2e-5)
