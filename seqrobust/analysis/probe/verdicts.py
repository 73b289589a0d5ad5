"""What a probe found, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqrobust.report.words import figure, joined, number, one_line, percent, percent_range, plural
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]
HALF = 0.5
LEVEL = 0.05
FEW_POSITIONS = 3
"""Positions up to which it is said that the decision hangs on them alone."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A sentence, and what it is about."""

    topic: str
    text: str


def verdicts(metrics: Metrics) -> list[Verdict]:
    """What a probe comes to, the most important first.

    Args:
        metrics: of :func:`seqrobust.analysis.probe.summary.probe_metrics`.
    """
    found = [
        ("Answer", _shifts(metrics) if task_in(metrics).measured else _flips(metrics)),
        ("Reliance", _reliance(metrics)),
        ("Backgrounds", _exchange(metrics)),
        ("k-mers", _kmers(metrics)),
        *((f"Writing {one_line(one['name'], 20)}", _writing(one)) for one in metrics["writing"]),
    ]
    return [Verdict(topic=topic, text=text) for topic, text in found if text]


def _budget(budget: int) -> str:
    return "a single letter" if budget == 1 else f"at most {budget} letters"


def _share(row: Metrics, key: str) -> str:
    value = row.get(key)
    if value is None:
        return "n/a"
    ends = row.get(f"{key}_ci")
    return percent(value) + (f" [{percent_range(*ends)}]" if ends else "")


def _flips(metrics: Metrics) -> str:
    if not metrics["attacked"]:
        return "No record is correctly classified, so none was attacked."
    rates = metrics["flip_rates"]
    random = "n/a" if rates["random"] is None else percent(rates["random"])
    paired = rates["paired"]
    return _bare(metrics) + (
        f"In {_share(rates, 'nonfunctional')} of the records the call can be flipped without touching a functional "
        f"position ({joined(metrics['functional'])}), changing {_budget(rates['budget'])}; random edits there do it in "
        f"{random}. Of the {plural(paired['n'], 'record')} with both kinds of positions it flips "
        f"{_share(paired, 'nonfunctional')} outside, {_share(paired, 'functional')} inside functional positions, and "
        f"{_share(paired, 'matched')} at as many positions drawn from outside."
    )


def _shifts(metrics: Metrics) -> str:
    last = {arm: rows[-1] for arm, rows in metrics["budgets"].items()}
    outside, inside = last["nonfunctional"], last["functional"]
    return _bare(metrics) + (
        f"With {_budget(outside['budget'])} changed outside the functional positions ({joined(metrics['functional'])}) "
        f"the prediction moves by {figure(outside['mean_shift'])} on average, by "
        f"{figure(outside['random_mean_shift'])} with random edits there, and by {figure(inside['mean_shift'])} with "
        "the same budget inside them; at as many positions drawn from outside by "
        f"{figure(last['matched']['mean_shift'])}."
    )


def _bare(metrics: Metrics) -> str:
    """Whom the word functional says nothing about; nothing where that is nobody."""
    bare = metrics.get("without_functional")
    if not bare:
        return ""
    classes = ", ".join(f"{one_line(name, 30)}: {count}" for name, count in list(bare["by_class"].items())[:6])
    return (
        f"{bare['n']} of {plural(metrics['attacked'], 'attacked record')}{f' ({classes})' if classes else ''} have no "
        "functional position, so that every edit of theirs counts as outside and may change what is true of them. "
    )


def _reliance(metrics: Metrics) -> str:
    found, word = metrics["reliance"], metrics["reading"]["word"]
    if found["score"] is None:
        return "" if word == "not measured" else f"{_READINGS[word][0].upper()}{_READINGS[word][1:]}.{_paired(metrics)}"
    span = f" [{found['ci'][0]:.2f}, {found['ci'][1]:.2f}]" if found["ci"] else ""
    return (
        f"Reliance on what lies outside is {found['score']:.2f}{span} (0: only functional positions move the decision, "
        f"0.5: function makes no difference, 1: only others do; regions placed elsewhere: {found['null_mean']:.2f} on "
        f"average, p = {number(found['p_two_sided']):.2g}, least {number(found['least']):.2g}): "
        f"{_READINGS[word]}.{_undecided(found, word)}{_concentrated(metrics)}{_compact(metrics)}{_paired(metrics)}"
    )


_READINGS = {
    "function alone": "neither a single edit outside functional positions nor the attack there moves the decision: the "
    "model reads those alone, as far as so few letters show",
    "ignores function": "neither a single edit at a functional position nor the attack there moves the decision: the "
    "model ignores them altogether, as far as so few letters show",
    "looks at function": "less than regions placed elsewhere, the model does look at what biology names",
    "looks away from function": "more than regions placed elsewhere, the model looks away from what biology names",
    "not told apart": "the named regions are not told apart from others, which is no proof that they are like others",
    "cannot be told": "of records so short it cannot be told whether the named regions are like others",
    "no single edit moves it": "no single edit moves the decision, inside functional positions or outside, so that "
    "what it rests on cannot be told from single edits: nothing, or more than one copy",
}


def _undecided(found: Metrics, word: str) -> str:
    """What a difference would have had to be, where none was told."""
    if word != "not told apart" or found["null_interval"] is None:
        return ""
    low, high = found["null_interval"]
    return (
        f" Of regions placed elsewhere 95 % score {low:.2f} to {high:.2f}: only a score beyond these would have been "
        "told."
    )


def _concentrated(metrics: Metrics) -> str:
    many = metrics["reading"]["effective_positions"]
    if many is None or many > FEW_POSITIONS:
        return ""
    place = "a single position" if many == 1 else f"{many:g} positions"
    return f" Nine tenths of all effects lie at {place} of a record."


def _compact(metrics: Metrics) -> str:
    found = metrics["reading"]["compact"]
    if found is None:
        return ""
    return (
        f" One compact place outside moves it like no other there: positions {found['start'] + 1} to {found['end']}, "
        f"an edit by {figure(found['effect'])} on average (elsewhere outside {figure(found['elsewhere'])}, functional "
        f"{figure(found['functional'])}; p = {found['p_value']:.2g} on records that it was not chosen on)."
    )


def _paired(metrics: Metrics) -> str:
    found = metrics["flip_rates"]["inside_less_outside"]
    if metrics["task"] == "regression" or not found["n"] or found["p_value"] > LEVEL:
        return ""
    where, than = ("inside", "outside") if found["difference"] > 0 else ("outside", "inside")
    span = "" if found["difference_ci"] is None else f" [{percent_range(*sorted(map(abs, found['difference_ci'])))}]"
    return (
        f" Record by record, edits {where} flip more than as many positions {than}: by "
        f"{percent(abs(found['difference']))}{span} (p = {found['p_value']:.2g})."
    )


def _exchange(metrics: Metrics) -> str:
    found = metrics["exchange"]
    if found["gap"] is None:
        return ""
    sure = found["p_value"] <= 0.05
    if task_in(metrics).measured:
        return (
            f"A background of another record carries {percent(max(found['gap'], 0))} of the difference in value along "
            f"with it (p = {found['p_value']:.2g})" + ("." if sure else ", which chance may explain.")
        )
    return (
        f"With all letters outside functional positions from a record of the same class {percent(found['kept_same'])} "
        f"of the predictions stay right, with those from another class {percent(found['kept_other'])}: the background "
        + ("decides part of the call" if sure else "does not tell the model the class as far as can be seen")
        + f" (p = {found['p_value']:.2g})."
    )


def _kmers(metrics: Metrics) -> str:
    found = metrics["scan"]["words"]
    parts = []
    for action, verb in (("written", "writes"), ("destroyed", "destroys")):
        names = [kmer["word"] + ("*" if is_functional(kmer) else "") for kmer in found if kmer["deed"] == action][:4]
        if names:
            parts.append(f"{verb} most: {', '.join(names)}")
    if not parts:
        return "No k-mer is written or destroyed more often than by random edits." if metrics["scan"]["edited"] else ""
    note = ""
    if any("*" in part for part in parts):
        note = (
            " (* a k-mer of the functional regions themselves: where it is written anew, what is true of the record "
            "may change with it)"
        )
    return f"Beyond chance, the adversary {'; it '.join(parts)}{note}."


def is_functional(kmer: Metrics) -> bool:
    """Whether a k-mer stands in functional regions rather than elsewhere."""
    return kmer["functional_share"] is not None and kmer["functional_share"] > HALF


def _writing(found: Metrics) -> str:
    motif = f"{found['name']} ({found['pattern']})"
    if not found["places"]:
        return f"{motif} fits nowhere within {plural(found['budget'], 'changed letter')}."
    turned = [f"{_turned(row)} into {name}" for name, row in found["classes"].items() if row["n"]][:3]
    where = f"into {found['region']}" if found["region"] else "where nothing is functional"
    return f"Written {where}, {motif} turns {'; '.join(turned)}."


def _turned(row: Metrics) -> str:
    best = f"random letters there {percent(row['control_best_place'])}; p = {row['p_value']:.2g}"
    return (
        f"{percent(row['best_place'])} of {plural(row['n'], 'record')} at the best place ({best}) and "
        f"{percent(row['random_place'])} at a random one (random letters {percent(row['control_random_place'])})"
    )
