"""Attributions of a file of records: what is left in the folder, how it agrees, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attribute_cases import TEXTS, Heard, found_in, metrics_in, opened
from sklearn.metrics import average_precision_score, roc_auc_score

from seqrobust.analysis.attribute import AttributeSettings
from seqrobust.analysis.attribution import METHODS
from seqrobust.errors import ConfigError, InputError


@pytest.mark.parametrize("model", ["dna", "gru", "protein", "value"])
def test_the_files_agree(model: str, tmp_path: Path) -> None:
    heard = Heard()
    metrics = metrics_in(tmp_path, heard, model=model, methods=("all",), save="both")
    found, folder = opened(tmp_path), tmp_path / "out"
    texts = [text.upper() for text in TEXTS["PROTEIN" if model == "protein" else "DNA"]]
    letters = found["alphabet"].tolist()
    names = [name for name in METHODS if (model, name) != ("gru", "deeplift")]
    assert list(metrics["methods"]) == names
    assert set(metrics["left_out"]) == set(METHODS) - set(names)
    assert [row.tobytes().rstrip(b"\0").decode() for row in found["letters"]] == texts
    assert found["lengths"].tolist() == [len(text) for text in texts]
    table = pd.read_parquet(folder / "attributions.parquet")
    known = sum(letter in letters for text in texts for letter in text)
    assert len(table) == known * len(letters)
    rows = table["id"].map({name: row for row, name in enumerate(found["ids"])}).to_numpy()
    place, letter = table["position"].to_numpy() - 1, table["letter"].map(letters.index).to_numpy()
    assert [texts[row][column] for row, column in zip(rows, place, strict=True)] == table["reference"].tolist()
    for name in names:
        assert found[name].dtype == np.float32
        assert found[name].shape == (len(texts), len(letters), max(map(len, texts)))
        np.testing.assert_array_equal(table[name], found[name][rows, letter, place])
    results = pd.read_parquet(folder / "results.parquet")
    assert len(results) == len(names) * len(texts)
    _the_metrics_follow(metrics, found, texts, results)
    for name in ("metrics.json", "manifest.json"):
        assert json.loads((folder / name).read_text())
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert (folder / "attribute.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not list((folder / "parts").iterdir())


def _the_metrics_follow(
    metrics: dict[str, Any], found: dict[str, np.ndarray], texts: list[str], results: pd.DataFrame
) -> None:
    letters = found["alphabet"].tolist()
    areas, precisions = [], []
    for row, text in enumerate(texts):
        kept = [place for place, letter in enumerate(text) if letter in letters]
        inside = np.array([place < (len(text) + 1) // 2 for place in kept])
        strength = np.abs([found["ism"][row, letters.index(text[place]), place] for place in kept])
        if inside.any() and not inside.all():
            areas.append(roc_auc_score(inside, strength))
            precisions.append(average_precision_score(inside, strength))
    method = metrics["methods"]["ism"]
    assert method["records"] == len(areas)
    assert method["region_auroc"] == pytest.approx(np.mean(areas))
    assert method["region_aupr"] == pytest.approx(np.mean(precisions))
    assert method["region_auroc_ci"] is None  # of fewer than five records
    assert results[results.method == "ism"].region_auroc.mean() == pytest.approx(method["region_auroc"])
    assert metrics["methods"]["integrated_gradients"]["completeness_delta"] < 0.1
    assert metrics["agreement"]["ism"]["saliency"] == metrics["agreement"]["saliency"]["ism"]
    if metrics["task"] != "regression":
        assert sum(one["records"] for one in method["per_class"].values()) == len(areas)


def test_a_sample_of_records(tmp_path: Path) -> None:
    metrics = metrics_in(tmp_path, max_records=3, methods=("saliency",), draw=False)
    assert metrics["n"] == 3
    assert len(opened(tmp_path)["ids"]) == 3
    assert metrics["agreement"] == {"saliency": {}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"regions": (), "protect": ("tail",)}, None),
        ({"regions": ()}, "all regions count as functional (core, tail)"),
        ({"regions": (), "text": "id\tsequence\nr1\tACGTACGT\n"}, "no regions"),
        ({"text": "id\tsequence\tregions\nr1\tACGTACGT\tcore:0-8\n"}, "nothing to compare"),
        ({"model": "gru"}, "deeplift is left out"),
        ({"model": "ranked", "methods": ("deeplift",)}, "miss their sum"),
        ({"model": "ranked", "methods": ("deeplift",)}, "missed by the operation gather"),
        ({"text": "id\tlabel\tsequence\tregions\nr1\tEE\tACGTACGT\tcore:0-4\n"}, "classes are those predicted"),
    ],
)
def test_what_is_said(more: dict[str, Any], words: str | None, tmp_path: Path) -> None:
    heard = Heard()
    metrics = metrics_in(tmp_path, heard, **more)
    noted = json.loads((tmp_path / "out" / "manifest.json").read_text())["notices"]
    assert words is None or any(words in text for text in [*heard.said, *noted])
    if words in ("no regions",):
        assert "region_auroc" not in next(iter(metrics["methods"].values()))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"picture": ("nobody",)}, "no record has that id"),
        ({"output": "EE"}, "no output has that name"),
        ({"regions": ("nowhere",)}, "no region has that name"),
        ({"regions": ("core",), "protect": ("core",)}, "both functional and left out"),
        ({"model": "gru", "methods": ("deeplift",)}, "no method that was asked for applies"),
        ({"text": ""}, "empty"),
        ({"text": "id\tsequence\n"}, "no record"),
    ],
)
def test_refused_before_anything_is_written(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        metrics_in(tmp_path, **more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"methods": ("shap",)},
        {"methods": ()},
        {"save": "csv"},
        {"max_records": 0},
        {"baseline": "mean"},
        {"noise": float("nan")},
        {"draw": False, "picture": ("r1",)},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        AttributeSettings(**wrong)


def test_another_seed_draws_other_records_and_other_noise(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"methods": ("smoothgrad",), "draw": False, "overwrite": True}
    ids, values = [], []
    for seed in (0, 1):
        found_in(tmp_path, seed=seed, max_records=3, **settings)
        ids.append(opened(tmp_path)["ids"].tolist())
        found_in(tmp_path, seed=seed, **settings)
        values.append(opened(tmp_path)["smoothgrad"][0])
    assert ids[0] != ids[1]
    assert not np.array_equal(*values)
