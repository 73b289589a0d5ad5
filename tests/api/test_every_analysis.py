"""Every analysis from Python: it answers without a folder, and saves what its command writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.run.folder import BASE
from seqrobust.run.registry import ANALYSES
from seqrobust.sequences import SequenceSet

HOW: dict[str, Any] = {"task": "binary", "alphabet": "DNA"}
QUICK: dict[str, Any] = {**HOW, "attacks": "quick", "random_draws": 2}


def net(seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    pooled = nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
    return nn.Sequential(pooled, nn.Flatten(), nn.Linear(6, 1)).eval()


def some(n: int = 12) -> SequenceSet:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 16)) for _ in range(n)]
    return sr.records(
        texts,
        alphabet="DNA",
        targets=[str(i % 2) for i in range(n)],
        regions=[{"core": (4, 8)} for _ in range(n)],
        groups=[f"g{i % 3}" for i in range(n)],
    )


CALLS: dict[str, Callable[[Path], sr.Result[Any]]] = {
    "attack": lambda _: sr.attack(net(), some(), 2, **QUICK),
    "evaluate": lambda _: sr.evaluate(
        net(), some(), 1, transfer_from={"b": net(4)}, methods=("one_step", "random"), random_draws=2, **HOW
    ),
    "certify": lambda _: sr.certify(net(), some(), 2, **HOW),
    "compare": lambda _: sr.compare({"a": net(), "b": net(4)}, some(), 1, **QUICK),
    "ism": lambda _: sr.ism(net(), some(), **HOW),
    "motifs": lambda _: sr.motifs(net(), some(), motifs=("TGASTCA",), ablate=("core",), draws=3, **HOW),
    "predict": lambda _: sr.predict(net(), some(), threshold="0.3", **HOW),
    "probe": lambda _: sr.probe(net(), some(), 1, functional=("core",), **QUICK),
    "attribute": lambda _: sr.attribute(net(), some(), methods=("saliency", "ism"), regions=("core",), **HOW),
    "stability": lambda _: sr.stability(
        net(), some(6), 1, methods=("saliency",), sanity_records=2, random_draws=2, other_models={"b": net(4)}, **HOW
    ),
    "uncertainty": lambda _: sr.uncertainty(net(), some(60), 1, members={"b": net(4)}, parts=("epistemic",), **HOW),
    "inspect": lambda _: sr.inspect(net(), some(), 3, ways=2, **QUICK),
    "compress": lambda _: sr.compress(net(), some(), 1, methods=("weights-3",), by_layer=(), **QUICK),
    "audit_privacy": lambda _: sr.audit_privacy(
        net(), some(60).take(range(30)), some(60).take(range(30, 60)), attacks=("loss", "margin"), **HOW
    ),
    "subgroups": lambda folder: sr.subgroups(sr.attack(net(), some(40), 1, **QUICK).save(folder / "attacked")),
}


def test_every_analysis_of_the_registry_is_called_here() -> None:
    assert {name.removeprefix("audit_") for name in CALLS} == set(ANALYSES)
    assert set(CALLS) <= set(sr.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_it_answers_and_saves(name: str, tmp_path: Path) -> None:
    found = CALLS[name](tmp_path)
    assert found.metrics
    assert found.page.sections
    assert "<iframe" in found._repr_html_()
    if found.room.figure is not None:
        assert found.plot().axes
    if name != "ism":
        assert isinstance(found.table, pd.DataFrame)
        assert len(found.table)
    for place in ("first", "second"):
        found.save(tmp_path / place)
    written = {path.name for path in (tmp_path / "first").iterdir()}
    assert written == {path.name for path in (tmp_path / "second").iterdir()}
    assert {"metrics.json", found.room.page_file} <= written
    assert any(name.endswith((".parquet", ".npz")) for name in written)
    left = {path for path in (tmp_path / "first").rglob("*") if path.is_file()}
    patterns = (*BASE, found.room.page_file, *found.room.outputs)
    assert left == {path for pattern in patterns for path in (tmp_path / "first").glob(pattern)}, "not said to be left"


def test_a_map_is_that_of_the_module(tmp_path: Path) -> None:
    records, module = some(3), net()
    sr.ism(module, records, **HOW).save(tmp_path)
    with np.load(tmp_path / "ism.npz") as archive:
        scores, reference = archive["scores"], archive["reference"]
    encoded = nn.functional.one_hot(torch.tensor(records.tokens).long(), 4).transpose(1, 2).float()
    with torch.no_grad():
        np.testing.assert_allclose(reference, module(encoded), rtol=1e-5, atol=1e-6)
        mutant = encoded[1:2].clone()
        mutant[0, :, 7] = torch.tensor([0.0, 0, 1, 0])
        np.testing.assert_allclose(scores[1, 2, 7], module(mutant)[0], rtol=1e-5, atol=1e-6)


def test_a_config_is_trained_and_run(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "name": "small",
        "task": "classification",
        "device": "cpu",
        "data": {"simulate": {"grammar": "promoter", "n": 120, "length": 80}},
        "model": {"channels": 8, "blocks": 1},
        "training": {"epochs": 1},
    }
    trained = sr.train(config, tmp_path / "train")
    assert trained.metrics["valid"]["n"] > 0
    assert len(trained.history) == 1
    found = sr.attack(trained.model, sr.records(["ACGT" * 20, "TTGACA" * 13]), 1, attacks="quick")
    assert len(found.table) == 2
    whole = sr.run_pipeline(
        {**config, "attack": {"budget": 1, "attacks": ["quick"], "max_records": 5}}, tmp_path / "run"
    )
    assert (whole / "report.html").exists()
