"""Records without the region that a threat names: counted by class, in no rate they do not belong to, in no claim."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis import attack_metrics
from seqrobust.analysis.alarms import remarks
from seqrobust.analysis.evaluate.labels_kept import labels_kept
from seqrobust.analysis.outcomes.sentences import answer
from seqrobust.analysis.shards import run_shards
from seqrobust.analysis.transfer import Rival, transfer_metrics, transferred
from seqrobust.attacks import Problem, Untargeted, attacks_named, scores_for
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Silent
from seqrobust.sequences import Region, SequenceSet, Targets, encode_targets
from seqrobust.threats import Budget, SubstitutionThreat

TEXTS = ["GGAAAAAA", "GGCCCCCC", "AAAAAAAA", "CCCCCCCC", "AACCAACC", "GGGGCCCC"]
CORE = [[Region("core", 0, 2)], [Region("core", 0, 2)], [], [], [], [Region("core", 0, 4), Region("rare", 4, 5)]]
LABELS = ["yes", "yes", "no", "no", "no", "yes"]


class HasG(nn.Module):
    """Yes where two letters are G or more."""

    def forward(self, encoded: Tensor) -> Tensor:
        lead = encoded[:, 2].sum(1) - 1.5
        return torch.stack([-lead, lead], dim=1)


def problem(protect: tuple[str, ...] = (), only: tuple[str, ...] = (), budgets: tuple[int, ...] = (1, 2)) -> Problem:
    sequences = SequenceSet.from_texts(TEXTS, DNA, regions=CORE, targets=pd.DataFrame({"label": LABELS}))
    predictor = Predictor(
        HasG(), alphabet=DNA, task="classification", labels=["no", "yes"], device="cpu", scale="logits"
    )
    predictor.check(torch.tensor(sequences.tokens))
    assert sequences.targets is not None
    targets: Targets = encode_targets(sequences.targets, "classification", ["no", "yes"])
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=Budget(1), protect=protect, only=only),
        budgets=tuple(map(Budget, budgets)),
        goal=Untargeted(),
        control_draws=3,
    )


def metrics(tmp: Any, **threat: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    asked = problem(**threat)
    with asked.predictor.attached():
        table = run_shards(
            asked,
            attacks_named(["exhaustive"]),
            lambda shard: tmp / f"{shard}.parquet",
            Silent(),
            scores_for(asked.predictor),
        )
    return table, attack_metrics(table, "classification", labelled=True) | {"task": "classification"}


def test_records_without_the_protected_region_are_measured_by_themselves(tmp_path: Any) -> None:
    table, found = metrics(tmp_path, protect=("core",))
    # By hand: two G's anywhere flip a "no"; no "yes" can lose its protected G's.
    assert table["protected"][::2].tolist() == [2, 2, 0, 0, 0, 4]
    assert table["lacks"][::2].tolist() == ["", "", "core", "core", "core", ""]
    assert found["regions_absent"] == {"core": 3}
    sides = found["protection"]
    assert (sides["unprotected"]["n"], sides["unprotected"]["by_class"]) == (3, {"no": 3})
    assert sides["unprotected"]["attack_success_rate"] == 1
    assert (sides["protected"]["n"], sides["protected"]["attack_success_rate"]) == (3, 0)
    said = answer(found, protect=("core",))
    assert said[0].startswith("3 of 6 records attacked (no: 3) have no core, so nothing of them is protected")
    assert "100 % of them, and on 0 % of the 3 others" in said[0]


def test_records_without_the_only_region_are_in_no_rate(tmp_path: Any) -> None:
    _, found = metrics(tmp_path, only=("core",))
    assert found["nothing_editable"] == {"n": 3, "by_class": {"no": 3}}
    assert (found["n"], found["attacked"], found["clean_accuracy"]) == (6, 3, 1)
    assert found["clean_accuracy_editable"] == 1
    assert found["of_editable"].keys() <= found.keys()
    assert "clean_balanced_accuracy" in found["of_editable"]
    # One G of two, and not one of four in two edits: both short records flip, the third stands.
    assert [row["attack_success_rate"] for row in found["budgets"]] == pytest.approx([2 / 3, 2 / 3])
    assert [row["robust_accuracy"] for row in found["budgets"]] == pytest.approx([1 / 3, 1 / 3])
    assert any("on 3 of 6 records (no: 3) nothing may be edited" in said for said in remarks(found))
    assert not any("of what is true" in said for said in remarks(found))


def test_the_editable_are_those_of_the_largest_budget_at_every_budget(tmp_path: Any) -> None:
    _, found = metrics(tmp_path, only=("core",), budgets=(0, 1))
    assert found["nothing_editable"]["n"] == 3
    assert [row["robust_accuracy"] for row in found["budgets"]] == pytest.approx([1, 1 / 3])
    _, nothing = metrics(tmp_path / "none", only=("core",), budgets=(0,))
    assert "nothing_editable" not in nothing
    assert nothing["budgets"][0]["robust_accuracy"] == 1


@pytest.mark.parametrize(
    ("protect", "only", "supported", "refused"),
    [
        ((), (), [], ["nothing was protected"]),
        ((), ("core",), [], ["does not say that it is without function"]),
        (("core",), (), ["on the 3 attacked records that have it"], ["3 attacked records of 6 have none of it"]),
        (("1-2",), (), ["edits outside 1-2 leave the true label"], []),
        (("1-2", "rare"), (), ["(5 records without rare)"], []),
        (("3-8",), ("core",), ["edits outside 3-8"], []),
    ],
)
def test_claims_about_labels_follow_from_what_was_protected(
    protect: tuple[str, ...], only: tuple[str, ...], supported: list[str], refused: list[str], tmp_path: Any
) -> None:
    _, found = metrics(tmp_path, protect=protect, only=only)
    claims = labels_kept(found, protect, only)
    for words, texts in (
        (supported, [text for text, reasons in claims if not reasons]),
        (refused, ["; ".join(reasons) for _, reasons in claims if reasons]),
    ):
        assert len(texts) == len(words)
        assert all(word in text for word, text in zip(words, texts, strict=True)), texts


def test_a_regressions_claim_is_about_its_value(tmp_path: Any) -> None:
    _, found = metrics(tmp_path)
    ((text, reasons),) = labels_kept({**found, "task": "regression"}, (), ())
    assert text == "edits leave the true value"
    assert reasons


def test_without_such_records_nothing_is_said(tmp_path: Any) -> None:
    asked = {"protect": ("1",), "only": ("1-6",)}
    _, found = metrics(tmp_path, **asked)
    assert not {"nothing_editable", "protection", "regions_absent"} & set(found)


def test_models_are_compared_on_records_that_may_be_edited(tmp_path: Any) -> None:
    table, _ = metrics(tmp_path, only=("core",))
    rivals = [Rival(name=name, problem=problem(only=("core",)), results=table) for name in ("a", "b")]
    shown = transferred(rivals)
    assert set(shown["id"][shown["success"].isna()]) == {"seq3", "seq4", "seq5"}
    assert {pair["n"] for row in transfer_metrics(shown)["budgets"] for pair in row["pairs"]} == {3}
