"""A run that breaks an invariant claims nothing: in Python, at the command line, in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
import torch
from audit_toys import HOW, Net, some
from torch import Tensor

import seqrobust as sr
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attack import ATTACK
from seqrobust.analysis.audit.files import files_read_back
from seqrobust.analysis.audit.outcome import AuditError
from seqrobust.analysis.subject import Subject
from seqrobust.api.subjects import subject_of
from seqrobust.attacks.settings import AttackSettings
from seqrobust.progress import Silent

# A whole run ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cheating(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack whose table claims a success that its sequence does not have."""
    import seqrobust.analysis.attacked as module

    genuine = module.run_shards

    def cheats(*given: Any, **named: Any) -> pd.DataFrame:
        table = genuine(*given, **named)
        table.loc[0, "adversarial_score"] = -100.0
        return table

    monkeypatch.setattr(module, "run_shards", cheats)


def test_a_run_that_breaks_an_invariant_claims_nothing_in_python(cheating: None) -> None:
    with pytest.raises(AuditError, match="scores asked again"):
        sr.attack(Net(), some(), 2, attacks="quick", random_draws=2, **HOW)


def test_a_command_that_breaks_an_invariant_leaves_no_results(
    cheating: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqrobust.run.answer import answer
    from seqrobust.run.settings import RunSettings

    class Given:
        """A subject that needs no opening."""

        __dataclass_fields__: ClassVar[dict[str, Any]] = {}
        name = "net"

        def open(self, opening: Opening, *, action: str) -> Subject:
            return subject_of(Net(), some(), name="net", labelled=True, **HOW)

    settings = AttackSettings(budget="1", attacks=("quick",), random_draws=2)
    run = RunSettings(out=tmp_path / "out", device="cpu")
    monkeypatch.setattr("seqrobust.run.answer.derived", lambda _: type("D", (), {"files": {}, "settings": {}}))
    monkeypatch.setattr("seqrobust.run.answer.plain", lambda _: {})
    with pytest.raises(AuditError) as raised:
        answer(ATTACK, Given(), settings, run, Silent())
    assert raised.value.exit_code == 1
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert [one["name"] for one in manifest["audit"]["invariants"] if one["verdict"] == "broken"] == [
        "scores asked again"
    ]
    assert not (tmp_path / "out" / "metrics.json").exists()
    assert not (tmp_path / "out" / "results.parquet").exists()


@pytest.mark.parametrize("name", ["the table read back", "sequences read back"])
def test_a_file_that_holds_something_else_is_caught(name: str, tmp_path: Path) -> None:
    found = sr.attack(Net(), some(), 2, attacks="quick", random_draws=2, **HOW)
    found.findings.write(tmp_path)
    assert {one.verdict for one in files_read_back(tmp_path, found.findings)} == {"holds"}
    table = pd.read_parquet(tmp_path / "results.parquet")
    if name == "the table read back":
        table.loc[3, "adversarial_score"] += 1e-3
    else:
        text = (tmp_path / "adversarial.fa").read_text()
        (tmp_path / "adversarial.fa").write_text(text.rstrip()[:-1] + "N\n")
    table.to_parquet(tmp_path / "results.parquet", index=False)
    verdicts = {one.name: one.verdict for one in files_read_back(tmp_path, found.findings)}
    assert verdicts.pop(name) == "broken"
    assert set(verdicts.values()) == {"holds"}


def test_what_should_not_be_is_told_first_and_refuses_claims() -> None:
    """A model that says one class of records of two."""

    class Stubborn(Net):
        def forward(self, encoded: Tensor) -> Tensor:
            out: Tensor = super().forward(encoded) * 0.1
            # Only long runs of A, which no record has, say otherwise.
            return out + torch.stack([torch.full((len(encoded),), 9.0), 1.5 * encoded[:, 0].sum(1)], 1)

    records = sr.records(["ACGTCCGTT"] * 12, alphabet="DNA", targets=list("xy" * 6))
    found = sr.evaluate(Stubborn(), records, 1, methods=("one_step", "random"), random_draws=2, **HOW)
    doubts = found.metrics["doubts"]
    assert any("answers differ" in doubt for doubt in doubts)
    assert found.page.sections[0].name == "doubts"
    assert {one["standing"] for one in found.metrics["claims"]} == {"refused"}
    assert all(any("answers differ" in reason for reason in one["reasons"]) for one in found.metrics["claims"])
    assert any("in doubt about itself" in notice for notice in found.notices)


def test_a_sound_run_says_what_was_checked(tmp_path: Path) -> None:
    found = sr.attack(Net(), some(), 2, attacks="quick", random_draws=2, **HOW)
    assert "doubts" not in found.metrics
    section = next(one for one in found.page.sections if one.name == "audit")
    assert "invariants hold" in section.lead
    assert not section.for_terminal
    written = found.save(tmp_path / "out") / "report.html"
    assert "protected letters in place" in written.read_text()
