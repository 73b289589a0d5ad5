"""Records that are not independent: named on the command line, in a file or in Python, they count as whole clusters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.analysis.clusters import independence, independence_words, near_copies, units_in
from seqrobust.sequences.data_source import Columns
from seqrobust.sequences.readers import read_sequences
from seqrobust.statistics import share_interval, wilson


class Content(nn.Module):
    """GC content, centred: right for a record whose label it is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = torch.tensor([-1.0, 1.0, 1.0, -1.0], device=x.device)
        z = (x * weight[None, :, None]).sum((1, 2))
        return torch.stack([-z, z], 1)


def families(count: int = 12, each: int = 6, length: int = 30) -> tuple[list[str], list[int], list[str]]:
    """Families of near copies, with the label of their founder."""
    rng = np.random.default_rng(0)
    texts, labels, names = [], [], []
    for family in range(count):
        founder = rng.choice(list("ACGT"), length)
        for _ in range(each):
            copy = founder.copy()
            copy[rng.integers(length)] = rng.choice(list("ACGT"))
            texts.append("".join(copy))
            labels.append(int(np.isin(founder, ["C", "G"]).sum() > length / 2))
            names.append(f"family {family}")
    return texts, labels, names


@pytest.fixture(scope="module")
def model() -> object:
    return sr.wrap(Content(), alphabet="DNA", task="classification", labels=["0", "1"])


def test_an_attack_counts_clusters(model: object, tmp_path: Path) -> None:
    texts, labels, names = families()
    found = {}
    for name, clusters in (("alone", None), ("clusters", names)):
        records = sr.records(texts, alphabet="DNA", targets=labels, clusters=clusters)
        attacked = sr.attack(model, records, sr.Substitutions(2), attacks=["greedy"])
        attacked.save(tmp_path / name)
        found[name] = attacked.metrics
        page = (tmp_path / name / "report.html").read_text()
        assert ("12 clusters" in page) == (clusters is not None)
    alone, together = found["alone"], found["clusters"]
    assert together["independence"] == {"records": 72, "units": 12, "clustered": True}
    assert (alone["units"], together["units"]) == (72, 12)
    assert alone["clean_accuracy_ci"] == pytest.approx(wilson(round(72 * alone["clean_accuracy"]), 72))
    assert together["clean_accuracy"] == alone["clean_accuracy"]
    widths = [np.ptp(one["budgets"][-1]["robust_accuracy_ci"]) for one in (alone, together)]
    assert widths[1] > 1.3 * widths[0]


def test_units_are_counted_among_the_records_drawn(model: object) -> None:
    texts, labels, names = families()
    records = sr.records(texts, alphabet="DNA", targets=labels, clusters=names)
    metrics = sr.attack(model, records, sr.Substitutions(1), attacks=["one_step"], max_records=10).metrics
    assert metrics["independence"]["records"] == metrics["n"] == 10
    assert metrics["independence"]["units"] == metrics["units"] <= 10


def test_an_attack_of_few_clusters_has_no_interval_and_a_page(model: object, tmp_path: Path) -> None:
    texts, labels, names = families(count=4)
    records = sr.records(texts, alphabet="DNA", targets=labels, clusters=names)
    result = sr.attack(model, records, sr.Substitutions(2), attacks=["greedy"])
    metrics = result.metrics
    result.save(tmp_path / "few")
    assert metrics["clean_accuracy_ci"] is None
    assert metrics["budgets"][-1]["attack_success_rate_ci"] is None
    assert "too few for an interval" in (tmp_path / "few" / "report.html").read_text()


def test_the_table_says_what_its_metrics_rest_on(model: object) -> None:
    texts, labels, names = families()
    records = sr.records(texts, alphabet="DNA", targets=labels, clusters=names)
    result = sr.attack(model, records, sr.Substitutions(1), attacks=["greedy"])
    table = result.table
    rows = table[table["budget"] == table["budget"].max()]
    assert rows["cluster"].tolist() == names
    right = rows["clean_prediction"] == rows["target"]
    assert result.metrics["clean_accuracy_ci"] == pytest.approx(share_interval(right, units_in(rows)))


@pytest.mark.parametrize(
    ("columns", "units"),
    [(Columns(), 3), (Columns(cluster="gene"), 2), (Columns(cluster="id"), 6), (Columns(group="gene"), 2)],
)
def test_a_column_names_clusters_and_the_group_column_where_none_does(
    columns: Columns, units: int, tmp_path: Path
) -> None:
    path = tmp_path / "records.tsv"
    table = pd.DataFrame({"id": list("abcdef"), "sequence": ["ACGTACGT"] * 6})
    table["gene"], table["group"] = [*"xxxyyy"], [*"ppqqrr"]
    table.to_csv(path, sep="\t", index=False)
    sequences = read_sequences(path, columns=columns).sequences
    assert independence(sequences)["units"] == units


def test_clusters_go_with_their_records() -> None:
    sequences = sr.records(["ACGT"] * 4, alphabet="DNA", clusters=["a", "a", "b", "c"])
    assert sequences.take([0, 1]).units is not None
    assert sequences.take([0, 2, 3]).units is None


def test_near_copies_are_said_where_no_cluster_is_named() -> None:
    texts, _, names = families(length=60)
    assert "12 kinds" in (near_copies(sr.records(texts, alphabet="DNA")) or "")
    assert near_copies(sr.records(texts, alphabet="DNA", clusters=names)) is None
    rng = np.random.default_rng(0)
    unrelated = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(72)]
    assert near_copies(sr.records(unrelated, alphabet="DNA")) is None


def test_words_for_a_page() -> None:
    assert "--cluster" in independence_words({"records": 9, "units": 9, "clustered": False})
    assert "too few" in independence_words({"records": 9, "units": 4, "clustered": True})
    assert "none of which" in independence_words({"records": 9, "units": 9, "clustered": True})
