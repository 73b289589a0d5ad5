"""The parts of the page that speak about an attack: big numbers, examples, where edits fall, and how it was done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from seqrobust.pipeline.report.edits import decisive_rows, edit_table
from seqrobust.pipeline.report.examples import EditedRecord, example_edits
from seqrobust.pipeline.report.logo import before_after_logo
from seqrobust.pipeline.report.look import svg_markup
from seqrobust.pipeline.report.report_input import ReportInput
from seqrobust.pipeline.report.sentences import budgets_of, is_unlabelled
from seqrobust.pipeline.report.where import edit_positions, letter_switches, region_picture, region_shares
from seqrobust.pipeline.report.words import (
    budget_words,
    figure,
    interval_of,
    number,
    one_line,
    percent,
    percent_range,
    place_words,
    plural,
    unit_of,
)
from seqrobust.threats import Budget, SubstitutionThreat

_MOST_RECORDS_COUNTED = 5000


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One big number."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A before-and-after picture and what to say about it."""

    id: str
    caption: str
    picture: Markup


def tiles(attack: Mapping[str, Any]) -> list[Tile]:
    """The numbers to remember; those that were not measured are left out."""
    last = next(reversed(budgets_of(attack)), {})
    within = budget_words(last["budget"], unit_of(attack)) if last else ""
    if attack.get("task") == "regression":
        numbers = [
            Tile(value=figure(last.get("mean_shift")), name="mean shift", note=within),
            Tile(value=figure(last.get("random_mean_shift")), name="mean shift by random changes"),
            Tile(value=figure(attack.get("clean_r2")), name="R² without change"),
            Tile(value=figure(last.get("r2")), name="R² under attack", note=within),
        ]
    else:
        kept = "predictions kept under attack" if is_unlabelled(attack) else "accuracy under attack"
        numbers = [
            _share_tile(attack, "clean_accuracy", "accuracy without change"),
            _share_tile(last, "robust_accuracy", kept),
            _share_tile(last, "attack_success_rate", "flipped by the attack"),
            _share_tile(last, "random_success_rate", "flipped by random changes"),
        ]
    numbers.append(Tile(value=figure(attack.get("n")), name="sequences"))
    return [tile for tile in numbers if tile.value != "n/a"]


def _share_tile(metrics: Mapping[str, Any], key: str, name: str) -> Tile:
    low, high = interval_of(metrics.get(f"{key}_ci"))
    note = "" if math.isnan(low) else f"95 % interval {percent_range(low, high)}"
    return Tile(value=percent(number(metrics.get(key))), name=name, note=note)


def examples(report: ReportInput) -> list[Example]:
    """Edited records, drawn and captioned."""
    chosen = example_edits(report.results, report.sequences, protect=report.protect, only=report.only)
    return [
        Example(
            id=one_line(example.id, 120),
            caption=_caption(example),
            picture=svg_markup(before_after_logo(example), f"example{number_}", "Letters before and after the edits"),
        )
        for number_, example in enumerate(chosen, 1)
    ]


def _caption(example: EditedRecord) -> str:
    row = example.row
    before, after = (_prediction(row.get(f"{when}_prediction")) for when in ("clean", "adversarial"))
    scores = [number(row.get(f"{when}_score")) for when in ("clean", "adversarial")]
    text = f"{example.changes}: {before} → {after}"
    if not isinstance(row.get("clean_prediction"), float) and not any(map(math.isnan, scores)):
        text += f" (score {figure(scores[0])} → {figure(scores[1])})"
    return text


def _prediction(value: Any) -> str:
    return figure(value) if isinstance(value, float) else one_line(value) or "no label"


def where_pictures(report: ReportInput) -> dict[str, Any]:
    """Pictures of where edits fall; empty where nothing was flipped."""
    rows = decisive_rows(report.results)
    sequences = report.sequences
    if sequences is None or rows.empty:
        return {}
    if len(rows) > _MOST_RECORDS_COUNTED:
        rows = rows.iloc[np.linspace(0, len(rows) - 1, _MOST_RECORDS_COUNTED).astype(int)]
    sequences = sequences.take(np.isin(sequences.ids, rows["id"].astype(str)))
    edits = edit_table(rows, sequences.ids, sequences.lengths)
    if not len(edits):
        return {}
    bounding = {name for pattern in (*report.protect, *report.only) for name in sequences.regions.named(pattern)}
    positions = edit_positions(sequences, edits, sorted(bounding))
    letters = sequences.alphabet.letters
    pictures = {
        "records": plural(len(np.unique(edits.record)), "sequence"),
        "edits": plural(len(edits), "edit"),
        "counted": "each one that reached the goal counts once, with the fewest edits that did it"
        if rows["success"].notna().any()
        else "each one counts once, at the largest budget",
        "positions": svg_markup(positions, "positions", "Share of edits at each position, with regions beneath"),
        "switches": svg_markup(letter_switches(edits, letters), "switches", "Letters switched, from row to column"),
        "regions": None,
    }
    if len(sequences.regions):
        threat = SubstitutionThreat(budget=Budget(1), protect=report.protect, only=report.only)
        shares = region_shares(sequences, edits, threat.editable(sequences))
        pictures["regions"] = svg_markup(region_picture(shares), "regions", "Share of edits by region")
    return pictures


def how(report: ReportInput) -> list[tuple[str, str]]:
    """The threat, the goal and the attacks in words."""
    if not report.attack:
        return []
    sizes = [one_line(row["budget"]) for row in budgets_of(report.attack)] or ["none"]
    place = place_words(report.protect, report.only).strip() or "anywhere"
    rule = (
        "any other letter" if report.letter_rule == "any" else f"only as the rule {one_line(report.letter_rule)} allows"
    )
    attacks = [one_line(name) for name in report.attack.get("attacks") or []]
    adversary = f"replaces letters {place}, by {rule}; inserts and deletes none; unknown letters stay as they are."
    unit = "editable letters" if "%" in sizes[-1] else "letters per sequence"
    if report.attack.get("moves", "substitutions") != "substitutions":
        # The threat's own words say what an edit is; they begin with a budget.
        adversary = one_line(report.attack["threat"], 400) + "; unknown letters stay as they are."
        unit = "editable positions" if "%" in sizes[-1] else "edits per sequence"
    return [
        ("Adversary", adversary),
        ("Budgets", f"{', '.join(sizes)} {'of the ' if '%' in sizes[-1] else ''}{unit}."),
        ("Goal", one_line(report.attack.get("goal") or "any wrong prediction") + "."),
        ("Attacks", f"{', '.join(attacks)}; for each sequence the best result of all." if attacks else "not recorded."),
    ]
