"""``probe.html``: the probe as one self-contained page, in the look of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, before_after_logo, example_edits, write_report
from seqrobust.analysis.outcomes.examples import edited_record
from seqrobust.analysis.probe import Written
from seqrobust.pipeline.probe_picture import rates_figure, reliance_figure, scan_figure
from seqrobust.pipeline.probe_sentences import verdict
from seqrobust.pipeline.probe_stage import ProbeParts
from seqrobust.report.edited import EditedRecord
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section, Table
from seqrobust.report.words import figure, interval_of, number, one_line, percent, percent_range
from seqrobust.threats import edits_as_text

Metrics = Mapping[str, Any]
_EXAMPLES = 4


def write_page(path: Path, model: str, metrics: Metrics, parts: ProbeParts, manifest: Metrics) -> None:
    """Write the page; it appears whole or not at all."""
    sections = [_answer(metrics), _rates(metrics), _reliance(metrics), _scan(metrics)]
    for order, (one, found) in enumerate(zip(metrics["writing"], parts.written, strict=True)):
        sections.append(_writing(one, _written_examples(one, found, parts, metrics["functional"]), order))
    if examples := _examples(metrics, parts):
        sections.append(examples)
    report = ReportInput(
        title=f"Is {model} right for the right reason?",
        task=metrics["task"],
        data_summary=data_summary(parts.sequences),
        manifest=manifest,
        sections=tuple(sections),
    )
    write_report(report, path)


def _answer(metrics: Metrics) -> Section:
    items = [
        ("Functional", ", ".join(one_line(name) for name in metrics["functional"])),
        ("Adversary", one_line(metrics["threat"], 200) + ", either outside those regions or inside them"),
        ("Goal", one_line(metrics["goal"], 120)),
        ("Records", f"{metrics['n']:,}, of which {metrics['attacked']:,} were attacked"),
    ]
    if metrics["clean_accuracy"] is not None:
        items.append(("Accuracy", _share(metrics, "clean_accuracy") + " without any change"))
    said = verdict(metrics)
    return Section(title="The answer", lead=said[0][1], items=(*said[1:], *items))


def _share(row: Metrics, key: str) -> str:
    value = number(row.get(key))
    low, high = interval_of(row.get(f"{key}_ci"))
    return percent(value) + (f" ({percent_range(low, high)})" if low == low and value == value else "")


def _rates(metrics: Metrics) -> Section:
    regression = metrics["task"] == "regression"
    names_of_arms = {"nonfunctional": "outside", "matched": "outside, as many", "functional": "inside"}
    arms = {name: metrics["budgets"][arm] for arm, name in names_of_arms.items()}
    key = "mean_shift" if regression else "flip_rate"
    names = ("mean shift", "random shift") if regression else ("flipped", "random")
    rows = []
    for place, by_budget in arms.items():
        for row in by_budget:
            cells = [figure(row[one]) if regression else _share(row, one) for one in (key, f"random_{key}")]
            rows.append(
                (
                    f"{place}; {row['budget']}",
                    f"{row['n']:,}",
                    *cells,
                    figure(row["drop_per_edit"]),
                    figure(row["mean_edits"]),
                )
            )
    table = Table(
        caption="By place and budget",
        columns=("place, letters", "records", *names, "shift per edit" if regression else "margin per edit", "edits"),
        rows=tuple(rows),
    )
    tables = [table]
    if metrics["classes"]:
        tables.append(_class_table(metrics))
    picture = Picture(
        svg=svg_markup(rates_figure(metrics), "rates", "Flip rates against the number of changed letters"),
        caption="The same attack, confined to one kind of positions or the other; green: "
        "to as many positions outside as are functional, drawn at random; dotted: random edits there. "
        "Shaded: 95 % intervals.",
    )
    return Section(title="What can be moved from where", pictures=(picture,), tables=tuple(tables))


def _class_table(metrics: Metrics) -> Table:
    outside, inside = (metrics["classes"][arm] for arm in ("nonfunctional", "functional"))
    rows = tuple(
        (one_line(name, 30), f"{row['n']:,}", _share(row, "flip_rate"), _share(inside.get(name, {}), "flip_rate"))
        for name, row in outside.items()
    )
    return Table(
        caption="By class, at the largest budget", columns=("class", "records", "flipped outside", "inside"), rows=rows
    )


def _reliance(metrics: Metrics) -> Section:
    found, effect = metrics["reliance"], metrics["effect_per_position"]
    rows = [
        ("all records", found),
        *found["classes"].items(),
        *((f"{name} alone", one) for name, one in found["regions"].items()),
    ]
    table = Table(
        caption="Reliance",
        columns=("", "records", "score", "95 %", "placed elsewhere", "p, higher", "p, lower"),
        rows=tuple(
            (
                one_line(name, 36),
                f"{one['n']:,}",
                figure(one["score"]),
                "n/a" if one["ci"] is None else f"{one['ci'][0]:.2f} to {one['ci'][1]:.2f}",
                figure(one["null_mean"]),
                figure(one["p_value"]),
                figure(one["p_value_below"]),
            )
            for name, one in rows
        ),
    )
    exchange = metrics["exchange"]
    items = [
        (
            "Best single edit",
            f"moves the objective by {figure(effect['functional'])} at a functional position, by "
            f"{figure(effect['nonfunctional'])} elsewhere, on average.",
        )
    ]
    if exchange["gap"] is not None:
        gap = figure(abs(exchange["gap"]) if metrics["task"] != "regression" else exchange["gap"])
        side = "higher" if exchange["gap"] >= 0 else "lower"
        text = (
            f"slope {gap}"
            if metrics["task"] == "regression"
            else f"margin {gap} {side} on a background of the same class"
        )
        items.append(("Exchanged backgrounds", f"{text}; p = {exchange['p_value']:.2g}, {exchange['donors']} donors."))
    picture = Picture(
        svg=svg_markup(reliance_figure(metrics), "reliance", "The score beside its null distribution"),
        caption="Grey: the scores that the same regions would have, turned round the records as on a circle.",
    )
    lead = (
        f"Of what the {found['edits']} best single edits move, the share that lies outside functional positions, both "
        "kinds cut to one size. Exchanged backgrounds need no adversary: all letters outside functional positions come "
        "from another record."
    )
    return Section(title="Reliance", lead=lead, items=tuple(items), pictures=(picture,), tables=(table,))


def _scan(metrics: Metrics) -> Section:
    scan = metrics["scan"]
    columns = ("", "records", "expected", "p", "q")
    tables = []
    for deed in ("written", "destroyed"):
        rows = tuple(
            (*_counted(word["word"], word), percent(number(word["functional_share"])))
            for word in scan["words"]
            if word["deed"] == deed
        )
        if rows:
            tables.append(Table(caption=f"Words {deed} most", columns=(*columns, "functional"), rows=rows))
    motifs = tuple(_counted(f"{one_line(one['motif'], 40)}, {one['change']}", one) for one in scan["motifs"])
    if motifs:
        tables.append(Table(caption="Motif hits", columns=columns, rows=motifs))
    lead = (
        f"The edits of {scan['edited']:,} records outside functional positions, beside as many random edits of the "
        "same records. A record counts once; q: Benjamini and Hochberg's. Functional: the share of all places "
        "where the word stands that lie in functional regions; where such a word is written anew, the truth may change."
    )
    picture = Picture(svg=svg_markup(scan_figure(metrics), "scan", "Positions edited and words written or destroyed"))
    return Section(title="What the adversary keeps choosing", lead=lead, pictures=(picture,), tables=tuple(tables))


def _counted(name: str, one: Metrics) -> tuple[str, ...]:
    return (
        name,
        f"{one['records']:,} of {one['n']:,}",
        figure(one["expected"]),
        f"{one['p_value']:.1g}",
        f"{one['q_value']:.1g}",
    )


def _writing(metrics: Metrics, shown: Sequence[EditedRecord], order: int) -> Section:
    rows = tuple(
        (
            one_line(name, 30),
            f"{row['n']:,}",
            _share(row, "best_place"),
            _share(row, "control_best_place"),
            percent(row["random_place"]),
            percent(row["control_random_place"]),
            figure(row["fewest"]),
            figure(row["p_value"]),
        )
        for name, row in metrics["classes"].items()
    )
    table = Table(
        caption="Calls that become",
        columns=("class", "records", "best place", "random letters", "any place", "random letters", "fewest", "p"),
        rows=rows,
    )
    where = f"into {metrics['region']}" if metrics["region"] else "outside functional positions"
    lead = (
        f"{metrics['pattern']} is written {where} by at most {metrics['budget']} changed letters, at "
        f"{metrics['places']:,} places of {metrics['records']:,} records; beside it random letters at the same "
        "positions."
    )
    pictures = tuple(_logo(one, f"written{order}-{number_}") for number_, one in enumerate(shown))
    return Section(title=f"Writing {one_line(metrics['name'], 40)}", lead=lead, pictures=pictures, tables=(table,))


def _written_examples(
    metrics: Metrics, found: Written, parts: ProbeParts, functional: Sequence[str]
) -> list[EditedRecord]:
    """The records that the fewest letters turn into another class."""
    labels = list(metrics["labels"])
    turned = np.flatnonzero(found.word != found.clean[found.record])
    order = turned[np.lexsort((found.start[turned], found.record[turned], found.changed[turned]))]
    shown: list[EditedRecord] = []
    seen: set[int] = set()
    for at in order.tolist():
        record = int(found.record[at])
        if record in seen or len(shown) == _EXAMPLES:
            continue
        seen.add(record)
        one = parts.sequences.take([record])
        row = {
            "id": one.ids[0],
            "edits": edits_as_text(one.texts[0], one.texts_with(found.tokens[at : at + 1])[0]),
            "clean_prediction": labels[int(found.clean[record])],
            "adversarial_prediction": labels[int(found.word[at])],
        }
        shown.append(edited_record(row, parts.sequences, record, protect=functional, only=()))
    return shown


def _logo(example: EditedRecord, name: str) -> Picture:
    before, after = (one_line(example.row.get(f"{when}_prediction")) for when in ("clean", "adversarial"))
    return Picture(
        svg=svg_markup(before_after_logo(example), name, "Letters before and after the edits"),
        caption=f"{one_line(example.id, 80)}: {example.changes}, {before} → {after}",
    )


def _examples(metrics: Metrics, parts: ProbeParts) -> Section | None:
    chosen = example_edits(
        parts.results["nonfunctional"], parts.sequences, protect=metrics["functional"], most=_EXAMPLES
    )
    if not chosen:
        return None
    pictures = tuple(_logo(one, f"example{number_}") for number_, one in enumerate(chosen))
    lead = "The fewest edits first, every predicted class in turn. Shaded letters are functional and were not touched."
    return Section(title="Flipped without a functional letter", lead=lead, pictures=pictures)
