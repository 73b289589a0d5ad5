"""The page of marginalisation and ablation: how far each edit moves each output, beside its control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqrobust.analysis.motifs.findings import MotifsFindings
from seqrobust.report.sections import Details, Page, Section, Table
from seqrobust.report.words import one_line, plural

_KINDS = (("insertions", "Motifs put in"), ("ablations", "Regions shuffled away"))
_MEANING = (
    ("change", "the logit with the edit less that without it, averaged over draws and records [95 % interval]"),
    (
        "control",
        "the same for the motif's letters in random order at the same place, or for another stretch of the region's "
        "length in the same record",
    ),
    (
        "beyond control",
        "the difference of the two, record by record: what is the motif's or region's own. It says what the model "
        "does, not what a cell does",
    ),
)


def page(findings: MotifsFindings) -> Page:
    """See the head of this module."""
    return Page(
        title=f"What motifs and regions do to {one_line(findings.name, 200)}",
        subtitle=f"{findings.task} · {plural(len(findings.sequences), 'record')}",
        sections=tuple(_sections(findings)),
    )


def _sections(findings: MotifsFindings) -> Iterator[Section]:
    metrics = findings.plain()
    yield Section(name="answer", answer=tuple(_answer(metrics)))
    for key, title in _KINDS:
        if metrics[key]:
            rows = tuple(
                (one_line(name, 40), one_line(output, 30), str(found["records"]), *_cells(found))
                for name, outputs in metrics[key].items()
                for output, found in outputs.items()
            )
            columns = ("what", "output", "records", "change", "control", "beyond control")
            yield Section(
                title=title,
                name=key,
                tables=(Table(caption="Changes of the logits", columns=columns, rows=rows),),
                details=(Details(title="What the numbers mean", items=_MEANING),),
            )


def _cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_cell(found[key], found[f"{key}_ci"]) for key in ("change", "control_change", "beyond_control"))


def _cell(value: float | None, ends: list[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:+.3g}" + ("" if ends is None else f" [{ends[0]:+.3g}, {ends[1]:+.3g}]")


def _answer(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Which edits move an output beyond their controls."""
    for key, words in (("insertions", "Putting in"), ("ablations", "Shuffling away")):
        for name, outputs in metrics[key].items():
            known = {output: found for output, found in outputs.items() if found["beyond_control"] is not None}
            if not known:
                yield f"{words} {one_line(name, 40)} could not be held against a control."
                continue
            output = max(known, key=lambda one: abs(known[one]["beyond_control"]))
            found = known[output]
            ends = found["beyond_control_ci"]
            clear = ends is not None and (ends[0] > 0 or ends[1] < 0)
            moves = "moves" if clear else "does not clearly move"
            yield (
                f"{words} {one_line(name, 40)} {moves} the output {one_line(output, 30)} beyond its control: "
                f"{_cell(found['change'], None)} against {_cell(found['control_change'], None)}."
            )
