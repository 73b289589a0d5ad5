"""Records that show what a probe found: turned by a motif that was written, or flipped without a functional letter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqrobust.analysis.outcomes import before_after_logo, example_edits
from seqrobust.analysis.outcomes.examples import edited_record
from seqrobust.analysis.probe.findings import ProbeFindings
from seqrobust.analysis.probe.shares import share_of
from seqrobust.analysis.probe.writing import Written
from seqrobust.report.edited import EditedRecord
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section, Table
from seqrobust.report.words import figure, one_line, percent
from seqrobust.threats import edits_as_text

Metrics = Mapping[str, Any]
_EXAMPLES = 4


def writing_sections(findings: ProbeFindings) -> Iterator[Section]:
    """A section for each motif that was written."""
    for order, (metrics, found) in enumerate(zip(findings.metrics["writing"], findings.written, strict=True)):
        yield _writing(metrics, _written_examples(metrics, found, findings), order)


def _writing(metrics: Metrics, shown: Sequence[EditedRecord], order: int) -> Section:
    rows = tuple(
        (
            one_line(name, 30),
            f"{row['n']:,}",
            share_of(row, "best_place"),
            share_of(row, "control_best_place"),
            percent(row["random_place"]),
            percent(row["control_random_place"]),
            figure(row["fewest"]),
            figure(row["p_value"]),
        )
        for name, row in metrics["classes"].items()
    )
    table = Table(
        caption="Predictions that become",
        columns=("class", "records", "best place", "random letters", "any place", "random letters", "fewest", "p"),
        rows=rows,
    )
    where = f"into {metrics['region']}" if metrics["region"] else "outside functional positions"
    lead = (
        f"{metrics['pattern']} is written {where} by at most {metrics['budget']} changed letters, at "
        f"{metrics['places']:,} places of {metrics['records']:,} records; beside it random letters at the same "
        "positions."
    )
    pictures = tuple(_logo(one, f"written{order}-{number}") for number, one in enumerate(shown))
    return Section(title=f"Writing {one_line(metrics['name'], 40)}", lead=lead, pictures=pictures, tables=(table,))


def _written_examples(metrics: Metrics, found: Written, findings: ProbeFindings) -> list[EditedRecord]:
    """The records that the fewest letters turn into another class."""
    labels = list(metrics["labels"])
    turned = np.flatnonzero(found.motif != found.clean[found.record])
    order = turned[np.lexsort((found.start[turned], found.record[turned], found.changed[turned]))]
    shown: list[EditedRecord] = []
    seen: set[int] = set()
    for at in order.tolist():
        record = int(found.record[at])
        if record in seen or len(shown) == _EXAMPLES:
            continue
        seen.add(record)
        one = findings.sequences.take([record])
        row = {
            "id": one.ids[0],
            "edits": edits_as_text(one.texts[0], one.texts_with(found.tokens[at : at + 1])[0]),
            "clean_prediction": labels[int(found.clean[record])],
            "adversarial_prediction": labels[int(found.motif[at])],
        }
        shown.append(edited_record(row, findings.sequences, record, protect=findings.metrics["functional"], only=()))
    return shown


def _logo(example: EditedRecord, name: str) -> Picture:
    before, after = (one_line(example.row.get(f"{when}_prediction")) for when in ("clean", "adversarial"))
    return Picture(
        svg=lambda: svg_markup(before_after_logo(example), name, "Letters before and after the edits"),
        caption=f"{one_line(example.id, 80)}: {example.changes}, {before} → {after}",
    )


def example_section(findings: ProbeFindings) -> Section | None:
    """Records whose prediction was flipped without a functional letter; None where there are none."""
    results, functional = findings.results["nonfunctional"], findings.metrics["functional"]
    chosen = example_edits(results, findings.sequences, protect=functional, most=_EXAMPLES)
    if not chosen:
        return None
    pictures = tuple(_logo(one, f"example{number}") for number, one in enumerate(chosen))
    lead = "The fewest edits first, every predicted class in turn. Shaded letters are functional and were not touched."
    return Section(title="Flipped without a functional letter", lead=lead, pictures=pictures, for_terminal=False)
