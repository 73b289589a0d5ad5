"""A stopped run of attributions goes on to the same numbers, and only on the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attribute_cases import MODEL, found_in, metrics_in, opened

from seqrobust.analysis.attribute import parts as parts_module
from seqrobust.analysis.attribute import study as study_module
from seqrobust.analysis.attribute.parts import Parts
from seqrobust.errors import ConfigError


def test_a_stopped_run_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_module, "_RECORDS", 2)
    whole = metrics_in(tmp_path, out="whole", save="both")
    real, written = Parts.write, list[str]()

    def stops(parts: Parts, method: str, *more: Any) -> None:
        written.append(method)
        if len(written) == 5:
            raise KeyboardInterrupt
        real(parts, method, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            metrics_in(tmp_path, save="both")
    assert not (tmp_path / "out" / "attributions.npz").exists()
    written.clear()
    counted = lambda parts, method, *more: (written.append(method), real(parts, method, *more))[1]  # noqa: E731
    monkeypatch.setattr(Parts, "write", counted)
    again = metrics_in(tmp_path, save="both", resume=True)
    assert len(written) == 3 * 5 - 4
    assert _timeless(again) == _timeless(whole)
    for name in ("attributions.parquet", "results.parquet"):
        one, other = (pd.read_parquet(tmp_path / folder / name) for folder in ("whole", "out"))
        pd.testing.assert_frame_equal(one, other)
    assert (tmp_path / "whole" / "attribute.png").read_bytes() == (tmp_path / "out" / "attribute.png").read_bytes()


@pytest.mark.parametrize("step", ["pack", "remove"])
def test_a_run_stopped_while_it_writes_goes_on(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"methods": ("ism",), "draw": False}
    whole = metrics_in(tmp_path, out="whole", **settings)

    def stops(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, step, stops)
        with pytest.raises(KeyboardInterrupt):
            found_in(tmp_path, **settings)
    assert _timeless(metrics_in(tmp_path, resume=True, **settings)) == _timeless(whole)
    assert not list((tmp_path / "out" / "parts").iterdir())
    with np.load(tmp_path / "whole" / "attributions.npz") as archive:
        np.testing.assert_array_equal(opened(tmp_path)["ism"], archive["ism"])


def _timeless(metrics: dict[str, Any]) -> dict[str, Any]:
    methods = {name: {**found, "seconds": 0} for name, found in metrics["methods"].items()}
    return {**metrics, "methods": methods}


def test_a_finished_run_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = metrics_in(tmp_path)
    picture = (tmp_path / "out" / "attribute.png").read_bytes()
    monkeypatch.setattr(study_module, "attribute", None)
    assert metrics_in(tmp_path, resume=True, save="both", picture=("r1",)) == metrics
    assert (tmp_path / "out" / "attribute.png").read_bytes() != picture
    assert len(pd.read_parquet(tmp_path / "out" / "attributions.parquet"))


def test_parquet_alone_keeps_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = metrics_in(tmp_path, save="parquet", draw=False)
    assert not (tmp_path / "out" / "attributions.npz").exists()
    assert not (tmp_path / "out" / "attribute.png").exists()
    monkeypatch.setattr(study_module, "attribute", None)
    assert metrics_in(tmp_path, resume=True) == metrics
    assert (tmp_path / "out" / "attributions.npz").exists()


def test_starting_anew_forgets_the_earlier_run(tmp_path: Path) -> None:
    metrics_in(tmp_path, save="both", methods=("ism",))
    with pytest.raises(ConfigError, match="holds a run already"):
        metrics_in(tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        metrics_in(tmp_path, resume=True, methods=("saliency",))
    metrics_in(tmp_path, overwrite=True, methods=("saliency",))
    assert not (tmp_path / "out" / "attributions.parquet").exists()
    assert "ism" not in opened(tmp_path)


ROLES = {
    "model.py": "model, model.py",
    "data.tsv": "data.path",
    "weights.pt": "model.weights",
    "step.py": "model, step.py",
    "features.bed": "data.annotation",
}


def _weights(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    space: dict[str, Any] = {}
    exec(MODEL, space)
    model = space["dna"]()
    torch.save({name: value + 0.1 * seed for name, value in model.state_dict().items()}, folder / "weights.pt")


@pytest.mark.parametrize("which", ["model.py", "data.tsv", "weights.pt", "step.py", "features.bed"])
def test_a_run_is_not_resumed_on_changed_files(which: str, tmp_path: Path) -> None:
    _weights(tmp_path, 0)
    (tmp_path / "step.py").write_text("def step(x):\n    return x\n")
    (tmp_path / "features.bed").write_text("r0\t2\t5\tsite\n")
    files: dict[str, Any] = {
        "weights": tmp_path / "weights.pt",
        "preprocess": f"{tmp_path / 'step.py'}:step",
        "annotation": tmp_path / "features.bed",
    }
    settings: dict[str, Any] = {"methods": ("saliency",), "draw": False, "files": files, "regions": ("site",)}
    text = "id\tsequence\nr0\tACGTACGTAA\n"
    found_in(tmp_path, text=text, **settings)
    assert found_in(tmp_path, text=text, resume=True, **settings).metrics
    if which == "weights.pt":
        _weights(tmp_path, 1)
    elif which == "data.tsv":
        text = text.replace("GTAA", "GTTT")
    elif which != "model.py":
        (tmp_path / which).write_text(
            (tmp_path / which).read_text() + ("# \n" if which == "step.py" else "r0\t0\t1\ts\n")
        )
    if which == "model.py":
        files["code"] = MODEL + "\n# changed\n"
    with pytest.raises(ConfigError, match="cannot be resumed") as error:
        found_in(tmp_path, text=text, resume=True, **settings)
    assert f"contents of {ROLES[which]} = " in str(error.value)
