"""What a page says of runs of several seeds: the curve, the figures by budget, and each seed's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqrobust.analysis.outcomes.sentences import budgets_of
from seqrobust.analysis.outcomes.tables import metric_name
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section, Table
from seqrobust.report.words import budget_words, figure, joined, number, one_line, percent, percent_range
from seqrobust.run.over_seeds import Figure
from seqrobust.run.seeds_picture import seeds_picture

_SHOWN = {
    "robust_accuracy": "robust accuracy",
    "attack_success_rate": "success",
    "random_success_rate": "random success",
    "mean_shift": "mean shift",
    "random_mean_shift": "random shift",
    "r2": "R²",
}
_CAPTION = (
    "Thick: the mean over seeds; bands are 95 % intervals of that mean (Student's t); thin: each seed by itself. "
    "Grey is the control, as many letters changed at random."
)
_LEAD = (
    "Everything that is drawn was drawn anew for each seed: weights, the order of records, and splits or simulated "
    "records where the data fix none. Intervals are 95 % (Student's t over seeds): they speak of other seeds, not of "
    "other sequences. Where all seeds agree there is none."
)


def seeds_sections(
    seeds: Sequence[int], figures: Sequence[Figure], attacks: Sequence[Mapping[str, Any]]
) -> tuple[Section, ...]:
    """The page's sections: the answer with its curve, and every figure of every seed."""
    pictures: tuple[Picture, ...] = ()
    if attacks and budgets_of(attacks[0]):
        svg = svg_markup(seeds_picture(attacks), "seeds", "Accuracy or shift against the number of changed letters")
        pictures = (Picture(svg=svg, caption=_CAPTION),)
    by_budget = [figure_ for figure_ in figures if figure_.budget is not None and figure_.name in _SHOWN]
    tables = (_by_budget(by_budget),) if by_budget else ()
    first = Section(title="Mean over seeds", lead=_answer(seeds, figures), pictures=pictures, tables=tables)
    folders = [f"seed-{seed}" for seed in seeds]
    where = f"Each run has a report of its own, report.html in {joined(folders)}."
    every = Section(title="Every seed", lead=f"{_LEAD} {where}", tables=_each(seeds, figures))
    return first, every


def mean_text(shown: Figure) -> str:
    """Mean and interval in words, in per cent where the figure is a share."""
    mean = shown.estimate
    text = percent(number(mean.mean)) if shown.is_share else figure(mean.mean)
    if mean.low is None or mean.high is None:
        return text
    ends = percent_range(mean.low, mean.high) if shown.is_share else f"{figure(mean.low)} to {figure(mean.high)}"
    return f"{text} ({ends})"


def figure_name(shown: Figure) -> str:
    """What the figure is, with its budget."""
    behind = "" if shown.budget is None else f", {budget_words(shown.budget)}"
    return f"{metric_name(shown.name)}{behind}"


def _answer(seeds: Sequence[int], figures: Sequence[Figure]) -> str:
    """One sentence: how good without change, how good at the largest budget."""
    clean = [one for one in figures if one.stage == "attack" and one.budget is None]
    clean += [one for one in figures if one.stage in ("test", "valid")]
    said = [f"{metric_name(clean[0].name)} {mean_text(clean[0])}"] if clean else []
    for name in ("robust_accuracy", "mean_shift"):
        said += [f"{figure_name(one)}, {mean_text(one)}" for one in figures if one.name == name and one.budget][-1:]
    count = f"Over {len(seeds)} seeds" if len(seeds) > 1 else "With a single seed, which allows of no interval"
    return f"{count}: {'; '.join(said)}."


def _by_budget(figures: Sequence[Figure]) -> Table:
    names = [name for name in _SHOWN if any(figure_.name == name for figure_ in figures)]
    cells = {(figure_.budget, figure_.name): mean_text(figure_) for figure_ in figures}
    budgets = list(dict.fromkeys(str(figure_.budget) for figure_ in figures))
    rows = [(one_line(budget), *(cells.get((budget, name), "n/a") for name in names)) for budget in budgets]
    columns = ("letters", *(_SHOWN[name] for name in names))
    return Table(caption="By budget, mean and interval", columns=columns, rows=tuple(rows))


def _each(seeds: Sequence[int], figures: Sequence[Figure]) -> tuple[Table, ...]:
    captions = {"test": "On clean test records", "valid": "On clean validation records"}
    captions |= {"attack": "Under attack", "training": "What training took"}
    tables = []
    for stage, caption in captions.items():
        rows = [
            (figure_name(one), mean_text(one), *(_value(one, value) for value in one.values))
            for one in figures
            if one.stage == stage
        ]
        columns = ("figure", "mean", *(f"seed {seed}" for seed in seeds))
        tables.append(Table(caption=caption, columns=columns, rows=tuple(rows)))
    return tuple(table for table in tables if table.rows)


def _value(shown: Figure, value: float | None) -> str:
    return percent(number(value)) if shown.is_share else figure(value)
