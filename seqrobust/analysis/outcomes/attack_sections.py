"""The parts of the page that speak about an attack: big numbers, examples, where edits fall, and how it was done."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seqrobust.analysis.confinement import of_editable
from seqrobust.analysis.outcomes.examples import example_edits
from seqrobust.analysis.outcomes.report_input import ReportInput
from seqrobust.analysis.outcomes.sentences import budgets_of, is_unlabelled, truth_stated
from seqrobust.analysis.outcomes.where import edit_positions, letter_switches, region_picture, region_shares
from seqrobust.measures import uneven
from seqrobust.report.codons import coding_and_protein
from seqrobust.report.edited import EditedRecord
from seqrobust.report.edits import EditTable, decisive_rows, edit_table
from seqrobust.report.logo import before_after_logo
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Details, Picture, Section, Tile
from seqrobust.report.words import (
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
from seqrobust.sequences import SequenceSet
from seqrobust.tasks import task_in
from seqrobust.threats import Budget, SubstitutionThreat

_MOST_RECORDS_COUNTED = 5000
_OF_CLASSES = (
    (
        "Accuracy",
        "share of all sequences that are classified correctly; under attack, those classified correctly whatever the "
        "attacks tried, of the sequences that may be edited at the largest budget.",
    ),
    (
        "Success",
        "share of the sequences that could be attacked (classified correctly before any edit) for which the goal was "
        "reached. One that was misclassified from the start counts neither way.",
    ),
    (
        "Balanced accuracy",
        "mean over classes of the share that is answered right; 1 / C for whoever answers the same to all of C "
        "classes. MCC is the correlation of answers with the truth (0 for one answer to all).",
    ),
    (
        "AUROC, average precision",
        "how well the model's raw outputs rank positives above negatives (of more classes or labels each against the "
        "rest, and their mean); under attack of the sequences that the attack left behind. It stops where an answer "
        "turns: an adversary that is after the ranking may do worse. By chance .5, and the share of positives.",
    ),
    (
        "Score",
        "by how many logits the true answer leads, negative where it is wrong: it depends on the truth, so no ranking "
        "is to be made of it. Raw outputs are in results.parquet, as clean_output_NAME and adversarial_output_NAME.",
    ),
    ("Edits", "mean number of changes where the goal was reached."),
)
_OF_VALUES = (
    ("Shift", "the predicted value of the edited sequence less that of the sequence as it is, in the output's units."),
    ("Success", "share of all sequences whose value was moved by at least the shift asked for."),
    (
        "R², error",
        "against the values that were measured of the sequences before the edit. Under attack they say how wrong the "
        "model is only where the edits leave those values as they are, which the threat states by protecting what "
        "decides them.",
    ),
    (
        "Random shifts",
        "up or down: the mean distance that as many random changes move the value; their mean with its sign is near "
        "zero by symmetry. The best draw is the one that goes farthest towards the goal.",
    ),
    ("Edits", "mean number of changes, of all sequences."),
)
_OF_BOTH = (
    ("Random", "as many changes at random under the same rules, so that a fragile model is told from a strong attack."),
    (
        "Intervals",
        "95 %, Wilson's for shares. They speak about other sequences like these, not about stronger attacks: what an "
        "attack finds is the least that an adversary can do.",
    ),
    ("Forwards, gradients", "evaluations of the model per sequence, the price of the attack."),
)


def tiles(attack: Mapping[str, Any]) -> list[Tile]:
    """The numbers to remember; those that were not measured are left out."""
    last = next(reversed(budgets_of(attack)), {})
    whole, attack = attack, of_editable(attack)
    whose = " of those that may be edited" if attack.get("nothing_editable") else ""
    within = budget_words(last["budget"], unit_of(attack)) if last else ""
    if task_in(attack).measured:
        numbers = [
            Tile(value=figure(last.get("mean_shift")), name="mean shift", note=within),
            Tile(value=figure((last.get("shift_quantiles") or {}).get("0.5")), name="median shift", note=within),
            Tile(value=figure(last.get("random_mean_abs_shift")), name="shift by random changes, up or down"),
            Tile(
                value=figure(last.get("random_best_shift")), name=f"by the best of {attack.get('random_draws')} draws"
            ),
            Tile(value=figure(attack.get("clean_r2")), name=f"R²{whose} without change"),
            *(
                [Tile(value=figure(last.get("r2")), name=f"R²{whose} under attack", note=within)]
                if truth_stated(attack)
                else []
            ),
        ]
    else:
        kept = f"{'predictions kept' if is_unlabelled(attack) else 'accuracy'}{whose} under attack"
        numbers = [
            *([_share_tile(whole, "clean_accuracy", "accuracy of all without change")] if whose else []),
            _share_tile(attack, "clean_accuracy", f"accuracy{whose} without change"),
            _share_tile(last, "robust_accuracy", kept),
            *_balanced_tiles(attack, last),
            _share_tile(last, "attack_success_rate", "flipped by the attack"),
            _share_tile(last, "random_success_rate", "flipped by random changes"),
        ]
    numbers.append(Tile(value=figure(attack.get("n")), name="sequences"))
    numbers += confined_tiles(attack)
    return [tile for tile in numbers if tile.value != "n/a"]


def confined_tiles(metrics: Mapping[str, Any]) -> list[Tile]:
    """How many records are in no rate, and how many nothing is protected of; none where a threat fits every record."""
    found = []
    if fixed := metrics.get("nothing_editable"):
        found.append(Tile(value=figure(fixed["n"]), name="of them in no rate: nothing to edit"))
    if sides := metrics.get("protection"):
        found.append(Tile(value=figure(sides["unprotected"]["n"]), name="attacked with nothing protected"))
    return found


def _balanced_tiles(attack: Mapping[str, Any], last: Mapping[str, Any]) -> list[Tile]:
    """Beside an accuracy that one class carries."""
    if not uneven([one["n"] for one in (last.get("by_class") or {}).values()]):
        return []
    whose = " of those that may be edited" if attack.get("nothing_editable") else ""
    return [
        _share_tile(attack, "clean_balanced_accuracy", f"balanced accuracy{whose} without change"),
        _share_tile(last, "robust_balanced_accuracy", f"balanced accuracy{whose} under attack"),
    ]


def _share_tile(metrics: Mapping[str, Any], key: str, name: str) -> Tile:
    low, high = interval_of(metrics.get(f"{key}_ci"))
    note = "" if math.isnan(low) else f"95 % interval {percent_range(low, high)}"
    return Tile(value=percent(number(metrics.get(key))), name=name, note=note)


def examples_section(report: ReportInput) -> Section:
    """Edited records before and after."""
    measured = task_in(report.attack or {}).measured
    chosen = example_edits(report.results, report.sequences, protect=report.protect, only=report.only)
    pictures = tuple(
        Picture(
            heading=one_line(example.id, 120),
            caption=_caption(example),
            svg=svg_markup(before_after_logo(example), f"example{number_}", "Letters before and after the edits"),
        )
        for number_, example in enumerate(chosen, 1)
    )
    lead = (
        f"The fewest edits first{'' if measured else ', every predicted class in turn'}. Edited letters are boxed; the "
        "adversary may not touch shaded letters; bars beneath are regions, blue where they bound the threat. "
        "Positions count from 1."
    )
    if not measured:
        lead += " Score: by how many logits the true answer leads."
    if report.results is not None and "codon_edits" in report.results:
        lead += (
            " Codons are also named after HGVS, letters (c.) and residues (p.) counted from the first whole codon of "
            "their own coding sequence."
        )
    return Section(
        title="Sequences before and after",
        name="examples",
        lead=lead if pictures else "There is no edited sequence to show.",
        pictures=pictures,
        for_terminal=False,
    )


def _caption(example: EditedRecord) -> str:
    row = example.row
    before, after = (_prediction(row.get(f"{when}_prediction")) for when in ("clean", "adversarial"))
    scores = [number(row.get(f"{when}_score")) for when in ("clean", "adversarial")]
    text = f"{example.changes}: {before} → {after}"
    if not isinstance(row.get("clean_prediction"), float) and not any(map(math.isnan, scores)):
        text += f" (score {figure(scores[0])} → {figure(scores[1])})"
    if named := coding_and_protein(row.get("codon_edits")):
        text += f"; {one_line(named, 240)}"
    return text


def _prediction(value: Any) -> str:
    return figure(value) if isinstance(value, float) else one_line(value) or "no label"


def where_section(report: ReportInput) -> Section | None:
    """Where edits fall; None where nothing was flipped."""
    rows = decisive_rows(report.results)
    sequences = report.sequences
    if sequences is None or rows.empty:
        return None
    if len(rows) > _MOST_RECORDS_COUNTED:
        rows = rows.iloc[np.linspace(0, len(rows) - 1, _MOST_RECORDS_COUNTED).astype(int)]
    sequences = sequences.take(np.isin(sequences.ids, rows["id"].astype(str)))
    edits = edit_table(rows, sequences.ids, sequences.lengths)
    if not len(edits):
        return None
    counted = (
        "each one that reached the goal counts once, with the fewest edits that did it"
        if rows["success"].notna().any()
        else "each one counts once, at the largest budget"
    )
    bounding = {name for pattern in (*report.protect, *report.only) for name in sequences.regions.named(pattern)}
    positions = edit_positions(sequences, edits, sorted(bounding))
    return Section(
        title="Where the adversary edits",
        name="where",
        lead=f"{plural(len(edits), 'edit')} in {plural(len(np.unique(edits.record)), 'sequence')}: {counted}.",
        pictures=(Picture(svg=svg_markup(positions, "positions", "Share of edits at each position, with regions")),),
        aside=tuple(_by_region_and_letter(report, sequences, edits)),
        for_terminal=False,
    )


def _by_region_and_letter(report: ReportInput, sequences: SequenceSet, edits: EditTable) -> Iterator[Picture]:
    if len(sequences.regions):
        threat = SubstitutionThreat(budget=Budget(1), protect=report.protect, only=report.only)
        shares = region_shares(sequences, edits, threat.editable(sequences))
        yield Picture(
            svg=svg_markup(region_picture(shares), "regions", "Share of edits by region"),
            caption="Where the filled dot lies right of the ring, the adversary prefers the region. "
            "Regions may overlap.",
        )
    switches = letter_switches(edits, sequences.alphabet.letters)
    yield Picture(svg=svg_markup(switches, "switches", "Letters switched, from row to column"))


def how_section(report: ReportInput, attack: Mapping[str, Any]) -> Section:
    """The threat, the goal and the attacks in words, and what the numbers mean."""
    sizes = [one_line(row["budget"]) for row in budgets_of(attack)] or ["none"]
    place = place_words(report.protect, report.only).strip() or "anywhere"
    rule = (
        "any other letter" if report.letter_rule == "any" else f"only as the rule {one_line(report.letter_rule)} allows"
    )
    attacks = [one_line(name) for name in attack.get("attacks") or []]
    adversary = f"replaces letters {place}, by {rule}; inserts and deletes none; unknown letters stay as they are."
    unit = "editable letters" if "%" in sizes[-1] else "letters per sequence"
    if attack.get("moves", "substitutions") != "substitutions":
        # The threat's own words say what an edit is; they begin with a budget.
        adversary = one_line(attack["threat"], 400) + "; unknown letters stay as they are."
        unit = "editable positions" if "%" in sizes[-1] else "edits per sequence"
    items = (
        ("Adversary", adversary),
        ("Budgets", f"{', '.join(sizes)} {'of the ' if '%' in sizes[-1] else ''}{unit}."),
        ("Goal", one_line(attack.get("goal") or "any wrong prediction", 240) + "."),
        ("Attacks", f"{', '.join(attacks)}; for each sequence the best result of all." if attacks else "not recorded."),
    )
    meaning = _OF_VALUES if task_in(attack).measured else _OF_CLASSES
    details = Details(title="What the numbers mean", items=(*meaning, *_OF_BOTH))
    return Section(title="How it was done", name="how", items=items, details=(details,))
