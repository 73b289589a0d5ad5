"""What each command writes of a model's scores, against plain calls of random modules of 17 forms.

A few of them always run; with the slow tests every command meets three modules of each form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from random_modules import FORMS, Case, Numbers, close
from torch import nn

import seqrobust as sr

FAR = 0.01
"""A margin that rounding does not turn."""
Check = Callable[[Case, Path], None]


def attacked_rows(table: pd.DataFrame, case: Case, module: nn.Module | None = None) -> None:
    """Outputs, scores and success in the table of an attack."""
    assert len(table)
    truth = case.truth_of(table["id"])
    asked = {"clean": [case.text_of[one] for one in table["id"]], "adversarial": list(table["adversarial_sequence"])}
    leads = {}
    for kind, texts in asked.items():
        logits = case.plain(texts, module)
        outputs = [column for column in table if str(column).startswith(f"{kind}_output_")]
        found = table[outputs or [f"{kind}_prediction"]].to_numpy(float)
        close(found, logits[:, : found.shape[1]])
        if case.task == "regression":
            leads[kind] = logits[:, 0]
            continue
        leads[kind] = case.margins(logits, truth)
        sure(table[f"{kind}_score"], leads[kind])
        if case.task in ("binary", "classification"):
            said = logits.argmax(1) if case.task == "classification" else (logits[:, 0] > 0).astype(int)
            apart = np.abs(leads[kind]) > FAR
            assert (table[f"{kind}_prediction"].astype(int).to_numpy() == said)[apart].all()
    reached(table["success"], leads["clean"], leads["adversarial"], case)


def reached(found: pd.Series, clean: Numbers, edited: Numbers, case: Case) -> None:
    """Success of rows, by what leads before and after, wherever rounding does not decide."""
    success = found.astype("Float64").to_numpy(float, na_value=np.nan)
    if case.task == "regression":
        moved = edited - clean
        apart = np.abs(moved - 0.1) > FAR
        np.testing.assert_array_equal(success[apart], (moved >= 0.1)[apart].astype(float))
        return
    apart = (np.abs(clean) > FAR) & (np.abs(edited) > FAR)
    expected = np.where(clean > 0, (edited <= 0).astype(float), np.nan)
    np.testing.assert_array_equal(success[apart], expected[apart])


def sure(found: Any, expected: Numbers) -> None:
    """Close, where probabilities still tell."""
    values = np.asarray(found, float)
    usable = np.isfinite(expected) & (np.abs(expected) < 12)
    np.testing.assert_allclose(values[usable], expected[usable], rtol=2e-3, atol=2e-3)


def attack_folder(case: Case, folder: Path, budget: int = 2) -> tuple[Path, pd.DataFrame]:
    found = sr.attack(case.module, case.records, budget, attacks=("one_step",), random_draws=1, **case.how, **case.goal)
    return found.save(folder / "attack"), found.table


# One function a command -----------------------------------------------------------------------------------------------


def probe(case: Case, _: Path) -> None:
    found = sr.probe(
        case.module, case.records, 1, functional=("core",), attacks="one_step", random_draws=1, **case.how, **case.goal
    )
    for _, part in found.table.groupby("arm"):
        attacked_rows(part, case)


def stability(case: Case, _: Path) -> None:
    quick: dict[str, Any] = {"methods": ("saliency",), "attacks": ("greedy_all",), "sanity_records": 0}
    quick |= {} if case.task != "regression" else {"delta": "0.1"}
    found = sr.stability(case.module, case.records, 1, random_draws=1, **quick, **case.how)
    table = found.table
    assert len(table)
    for kind, texts in {
        "clean": [case.text_of[one] for one in table["id"]],
        "adversarial": table["adversarial_sequence"],
    }.items():
        columns = [column for column in table if str(column).startswith(f"{kind}_output_")]
        values = table[columns or [f"{kind}_prediction"]].to_numpy(float)
        close(values, case.plain(texts)[:, : values.shape[1]])
    edited = case.plain(table["adversarial_sequence"])
    clean = case.plain([case.text_of[one] for one in table["id"]])
    if case.task in ("binary", "classification"):
        lead = [case.margins(part, np.array(_classes(case, clean))) for part in (clean, edited)]
        apart = np.minimum(*map(np.abs, lead)) > FAR
        told = table["flipped"].to_numpy(bool)
        right = case.margins(clean, case.truth_of(table["id"])) > FAR
        np.testing.assert_array_equal(told[apart & right], (lead[1] < 0)[apart & right])


def _classes(case: Case, logits: Numbers) -> Numbers:
    found: Numbers = logits.argmax(1) if case.task == "classification" else (logits[:, 0] > 0).astype(float)
    return found


def compare(case: Case, _: Path) -> None:
    modules = {"one": case.module, "other": case.another(50)}
    found = sr.compare(modules, case.records, 1, attacks=("one_step",), random_draws=1, **case.how, **case.goal)
    for name, (table, _metrics) in found.findings.attacks.items():
        attacked_rows(table, case, modules[name])
    for (_source, target), part in found.table.groupby(["source", "target_model"]):
        logits = case.plain(part["adversarial_sequence"], modules[target])
        if case.task == "regression":
            sure(part["score"], logits[:, 0])
        else:
            sure(part["score"], case.margins(logits, case.truth_of(part["id"])))


def compress(case: Case, _: Path) -> None:
    quick: dict[str, Any] = {"attacks": ("one_step",), "random_draws": 1, "by_layer": (), "save": False}
    found = sr.compress(case.module, case.records, 1, methods=("prune-layer-50",), **quick, **case.how, **case.goal)
    original, copy = (found.table[found.table["variant"] == name] for name in ("original", "prune-layer-50"))
    attacked_rows(original, case)
    attacked_rows(copy, case, pruned(case.module))
    logits = [case.plain([case.text_of[one] for one in copy["id"]]), case.plain(copy["adversarial_sequence"])]
    if case.task == "regression":
        return
    clean, edited = (case.margins(part, case.truth_of(copy["id"])) for part in logits)
    fools = copy["fools_original"].astype("Float64").to_numpy(float, na_value=np.nan)
    told = np.isfinite(fools) & (np.abs(edited) > FAR)
    np.testing.assert_array_equal(fools[told], ((edited <= 0) & (clean > 0))[told].astype(float))


def pruned(module: nn.Module) -> nn.Module:
    """A copy without the smaller half of every layer's matrices."""
    import copy

    made = copy.deepcopy(module)
    for part in made.modules():
        weights = [one for one in part.parameters(recurse=False) if one.ndim >= 2]
        if not weights:
            continue
        sizes = torch.cat([one.detach().abs().flatten() for one in weights]).sort().values
        count = round(0.5 * len(sizes))
        with torch.no_grad():
            for one in weights:
                one[one.abs() < (sizes[count] if count < len(sizes) else torch.inf)] = 0
    return made


def inspect(case: Case, folder: Path) -> None:
    """How many letters were edited, whether the answer is another one, and by how much it moved."""
    place, table = attack_folder(case, folder)
    found = sr.inspect(case.module, case.records, 2, folder=place, ways=3, draw=False, random_draws=1, **case.how)
    inside = found.table[found.table["edits"] == "adversarial"]
    rows = table[table["success"].fillna(value=False).astype(bool)].drop_duplicates("id")
    if rows.empty:
        rows = table[table["n_edits"] > 0].drop_duplicates("id", keep="last")
    edited = dict(zip(rows["id"], rows["adversarial_sequence"], strict=True))
    for name, part in inside.groupby("id"):
        said = dict(zip(part["part"] + " " + part["measure"], part["value"], strict=True))
        clean, other = case.plain([case.text_of[name], edited[name]])
        assert said["edits count"] == sum(a != b for a, b in zip(case.text_of[name], edited[name], strict=True))
        if case.task in ("binary", "classification"):
            both = np.array([clean, other])
            classes = _classes(case, both)
            if np.abs(case.margins(both, classes)).min() > FAR:
                assert said["edits flips"] == float(classes[0] != classes[1])
        if "linearity true_change" in said and case.task != "classification" and np.isfinite([clean, other]).all():
            change = np.abs(other - clean)
            change = change[:1] if case.task == "regression" else change.max(keepdims=True)
            sure([abs(said["linearity true_change"])], change)


def certify(case: Case, _: Path) -> None:
    """Against all neighbours, each asked plainly."""
    found = sr.certify(case.module, case.records, 1, **case.how, **case.goal).table
    neighbours = {name: list(one_edit(text, case.alphabet.letters)) for name, text in case.text_of.items()}
    for row in found.itertuples():
        clean, near = case.plain([case.text_of[row.id]]), case.plain(neighbours[row.id])
        if case.task == "regression":
            moved = near[:, 0] - clean[0, 0]
            if np.abs(moved - 0.1).min() < FAR:
                continue
            broken = bool((moved >= 0.1).any())
        else:
            truth = case.truth_of([row.id])
            leads = case.margins(near, np.repeat(truth, len(near), 0))
            own = float(case.margins(clean, truth)[0])
            sure([row.clean_score], np.array([own]))
            if not np.isfinite(leads).all() or min(np.abs(leads).min(), abs(own)) < FAR:
                continue
            if own < 0:
                assert pd.isna(row.certified_budget)
                continue
            broken = bool((leads <= 0).any())
        assert row.certified_budget == (0 if broken else 1), "no more than is true"
        assert row.exact
        if broken:
            assert row.adversarial_sequence in neighbours[row.id]


def one_edit(text: str, letters: str) -> Iterator[str]:
    for place, old in enumerate(text):
        for letter in letters:
            if letter != old:
                yield text[:place] + letter + text[place + 1 :]


def predict(case: Case, _: Path) -> None:
    """Outputs, probabilities, and answers where rounding does not decide."""
    table = sr.predict(case.module, case.records, **case.how).table
    logits = case.plain(case.texts)
    start = "prediction" if case.task == "regression" else "output_"
    sure(table[[one for one in table if str(one).startswith(start)]], logits)
    if case.task == "regression":
        return
    if case.task == "classification":
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
    else:
        p = 1 / (1 + np.exp(-logits))
    found = table[[one for one in table if str(one).startswith("probability_")]].to_numpy(float)
    np.testing.assert_allclose(found[np.isfinite(p)], p[np.isfinite(p)], rtol=2e-3, atol=2e-3)
    if case.task != "multilabel":
        said, apart = _classes(case, logits), np.abs(case.margins(logits, _classes(case, logits))) > FAR
        assert (table["prediction"].astype(int).to_numpy() == said)[apart].all()


def motifs(case: Case, _: Path) -> None:
    motif = case.alphabet.letters[:3]
    found = sr.motifs(case.module, case.records, motifs=(motif,), at=3, draws=2, **case.how).table
    before = case.plain(case.texts)
    after = case.plain([text[:2] + motif + text[5:] for text in case.texts])
    outputs = before.shape[1]
    sure(found["before"], before.ravel())
    sure(found["after"], after.ravel())
    assert len(found) == case.n * outputs
    sure(found["change"], (after - before).ravel())


def attribute(case: Case, folder: Path) -> None:
    """Mutagenesis by plain calls, and the gradient by differences of plain calls in double precision."""
    sr.attribute(case.module, case.records, methods=("ism", "saliency"), draw=False, **case.how).save(folder / "out")
    with np.load(folder / "out" / "attributions.npz") as archive:
        scores, slopes = archive["ism"], archive["saliency"]
    clean = case.plain(case.texts)
    weights = explained(case, clean)
    rng = np.random.default_rng(case.number)
    for row, place in zip(rng.integers(case.n, size=3), rng.integers(case.length, size=3), strict=True):
        text = case.texts[row]
        near = case.plain([text[:place] + letter + text[place + 1 :] for letter in case.alphabet.letters])
        numbers = near @ weights[row]
        if np.isfinite(numbers).all() and np.abs(near).max() < 12:
            np.testing.assert_allclose(scores[row, :, place], numbers - numbers.mean(), rtol=5e-3, atol=5e-3)
        if np.abs(clean[row]).max() < 8:
            slope_by_differences(case, text, int(place), weights[row], slopes[row, :, place])


def explained(case: Case, logits: Numbers) -> Numbers:
    """(n, outputs) weights: a class against the mean of the others, the highest label, the first value."""
    weights = np.zeros_like(logits)
    rows = np.arange(len(logits))
    if case.task == "classification":
        weights[:] = -1 / (logits.shape[1] - 1)
        weights[rows, logits.argmax(1)] = 1
    elif case.task == "multilabel":
        weights[rows, logits.argmax(1)] = 1
    else:
        weights[:, 0] = 1
    return weights


def slope_by_differences(case: Case, text: str, place: int, weights: Numbers, found: Numbers) -> None:
    import copy

    module, step = copy.deepcopy(case.module).double(), 1e-4
    centre = torch.zeros(1, case.alphabet.size, case.length, dtype=torch.float64)
    for at, letter in enumerate(text):
        centre[0, case.alphabet.letters.index(letter), at] = 1
    for letter in (0, case.alphabet.size - 1):
        ends = []
        for sign in (1, -1, 0):
            moved = centre.clone()
            moved[0, letter, place] += sign * step
            with torch.no_grad():
                raw = module(moved).numpy().reshape(1, -1)
            ends.append(float((case.form[4](raw) @ weights)[0]))
        forward, backward = (ends[0] - ends[2]) / step, (ends[2] - ends[1]) / step
        # Where the two differ a kink lies between, and either is the gradient of its side.
        if abs(forward - backward) < 1e-3 * max(1, abs(forward)):
            np.testing.assert_allclose(found[letter], (forward + backward) / 2, rtol=1e-2, atol=1e-2)


def uncertainty(case: Case, folder: Path) -> None:
    """Means over two members, of natural records and of an earlier attack's sequences."""
    case = Case(form=case.form, number=case.number, n=63, dtype=case.dtype)
    other = case.another(50)
    place, table = attack_folder(case, folder, 1)
    edited = dict(zip(table["id"], table["adversarial_sequence"], strict=True))
    found = sr.uncertainty(
        case.module, case.records, 1, members={"other": other}, parts=(), attack_folder=place, max_records=8,
        **case.how, **case.goal,
    )  # fmt: skip
    kinds = {"natural": case.text_of, "attacked": edited}
    for kind, text_of in kinds.items():
        rows = found.table[found.table["kind"] == kind]
        assert len(rows)
        texts = [text_of[name] for name in rows["id"]]
        members = np.stack([case.plain(texts, one) for one in (case.module, other)])
        usable = np.isfinite(members).all((0, 2)) & (np.abs(members).max((0, 2)) < 12)
        expected = panel(members[:, usable], case.task)
        for name, values in expected.items():
            np.testing.assert_allclose(rows[name].to_numpy(float)[usable], values, rtol=5e-3, atol=2e-4, err_msg=name)


def panel(members: Numbers, task: str) -> dict[str, Numbers]:
    """Of (M, n, outputs) logits: the measures by their definitions, in nats."""
    found = {"logit_variance": members.var(0).mean(1)}
    if task == "regression":
        return found
    if task == "classification":
        each = np.exp(members - members.max(2, keepdims=True))
        each = (each / each.sum(2, keepdims=True))[:, :, None, :]
    else:
        p = 1 / (1 + np.exp(-members))
        each = np.stack([1 - p, p], -1)
    mean = each.mean(0)
    entropy = -(mean * np.log(mean)).sum((1, 2))
    own = -(each * np.log(each)).sum((2, 3)).mean(0)
    return found | {
        "max_probability": mean.max(2).prod(1),
        "entropy": entropy,
        "mutual_information": np.maximum(entropy - own, 0),
    }


def subgroups(case: Case, folder: Path) -> None:
    """Rates of each group, counted over plain calls."""
    case = Case(form=case.form, number=case.number, n=16, dtype=case.dtype)
    place, table = attack_folder(case, folder, 1)
    data = folder / "data.tsv"
    group = {name: "one" if row % 3 else "two" for row, name in enumerate(case.records.ids)}
    lines = ["id\tspecies\tsequence", *(f"{name}\t{group[name]}\t{text}" for name, text in case.text_of.items())]
    data.write_text("\n".join(lines) + "\n")
    found = sr.subgroups(place, data=data, by=("species",), min_records=2, draws=99).table
    logits = [case.plain([case.text_of[one] for one in table["id"]]), case.plain(table["adversarial_sequence"])]
    if case.task == "regression":
        moved = logits[1][:, 0] - logits[0][:, 0]
        if np.abs(moved - 0.1).min() < FAR:
            return
        hits = {"attack_success_rate": (np.ones(len(moved), bool), moved >= 0.1)}
    else:
        clean, edited = (case.margins(part, case.truth_of(table["id"])) for part in logits)
        if min(np.abs(clean).min(), np.abs(edited).min()) < FAR:
            return
        hits = {
            "clean_accuracy": (np.ones(len(clean), bool), clean > 0),
            "robust_accuracy": (np.ones(len(clean), bool), (clean > 0) & (edited > 0)),
            "attack_success_rate": (clean > 0, edited <= 0),
        }
    groups = np.array([group[name] for name in table["id"]])
    asked = found[(found["by"] == "species") & found["quantity"].isin(list(hits))]
    assert len(asked)
    for row in asked.itertuples():
        among, hit = hits[row.quantity]
        among = among & (groups == row.group)
        expected = hit[among].mean() if among.any() else np.nan
        np.testing.assert_allclose(row.value, expected, atol=1e-9)


def audit_privacy(case: Case, _: Path) -> None:
    """Signals of members and others, by their definitions."""
    case = Case(form=case.form, number=case.number, n=24, dtype=case.dtype)
    names = ("loss", "confidence", "margin", "entropy") if case.task != "regression" else ("loss",)
    members, others = case.records.take(range(12)), case.records.take(range(12, 24))
    table = sr.audit_privacy(case.module, members, others, attacks=names, **case.how).table
    logits = case.plain([case.text_of[one] for one in table["id"]])
    usable = np.isfinite(logits).all(1) & (np.abs(logits).max(1) < 10)
    expected = signals(case, logits, case.truth_of(table["id"]))
    for name in names:
        values = table[name].to_numpy(float)
        np.testing.assert_allclose(values[usable], expected[name][usable], rtol=5e-3, atol=5e-3, err_msg=name)


def signals(case: Case, logits: Numbers, truth: Numbers) -> dict[str, Numbers]:
    if case.task == "regression":
        errors = (logits - truth) / np.maximum(case.truth.std(0), 1e-12)
        return {"loss": -0.5 * (errors**2).sum(1)}
    if case.task == "classification":
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        right = p[np.arange(len(p)), truth.astype(int)][:, None]
        states = p[:, None, :]
    else:
        p = 1 / (1 + np.exp(-logits))
        right = np.where(truth.reshape(p.shape) > 0, p, 1 - p)
        states = np.stack([p, 1 - p], -1)
    return {
        "loss": np.log(right).sum(1),
        "confidence": right.prod(1),
        "margin": (np.log(right) - np.log(1 - right)).sum(1),
        "entropy": (states * np.log(states)).sum((1, 2)),
    }


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        attribute,
        probe,
        stability,
        uncertainty,
        subgroups,
        audit_privacy,
        inspect,
        compress,
        compare,
        certify,
        motifs,
        predict,
    )
}
ALWAYS = dict(zip(CHECKS, (1, 5, 10, 8, 4, 9, 7, 13, 0, 12, 16, 6), strict=True))
"""The form that each command always meets; the costly ones are slow whatever the form."""
COSTLY = ("stability", "uncertainty", "inspect")
TRIED = [
    pytest.param(
        name,
        form,
        id=f"{name}-{form[0]}",
        marks=() if ALWAYS[name] == place and name not in COSTLY else pytest.mark.slow,
    )
    for name in CHECKS
    for place, form in enumerate(FORMS)
]


@pytest.mark.parametrize(("name", "form"), TRIED)
def test_scores_are_those_of_plain_calls(
    name: str, form: tuple[Any, ...], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    always = request.node.get_closest_marker("slow") is None
    for number, dtype in enumerate([torch.float32, torch.float64, torch.float32][: 1 if always else 3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        CHECKS[name](Case(form=form, number=number, dtype=dtype), folder)


def test_every_analysis_is_held_somewhere() -> None:
    """Here, or beside ``attack``, ``evaluate`` and ``ism``."""
    from seqrobust.run.registry import ANALYSES

    assert {name.removeprefix("audit_") for name in CHECKS} | {"attack", "evaluate", "ism"} == set(ANALYSES)
