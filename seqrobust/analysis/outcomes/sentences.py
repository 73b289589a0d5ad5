"""The answer in plain words, written from an attack's metrics: what was flipped, out of what, and how sure that is.

A flipped sequence proves that the model can be flipped; one that was not flipped proves nothing, so success is said as
'can be flipped' and failure as 'was not flipped'. Below :data:`FEW` sequences, counts are said instead of shares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seqrobust.analysis.alarms import remarks
from seqrobust.analysis.confinement import of_editable
from seqrobust.analysis.measured_truth import measured_words
from seqrobust.measures import uneven
from seqrobust.report.words import (
    budget_size,
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
from seqrobust.tasks import task_in

FEW = 30
"""Below this many sequences a share in per cent suggests a precision that is not there."""

_FEW_CLASSES = 4
_LEVEL = 0.05
"""Of a test; one that cannot come out below it tells nothing of an attack."""

Metrics = Mapping[str, Any]


def answer(
    attack: Metrics, *, protect: Sequence[str] = (), only: Sequence[str] = (), labels: Sequence[str] = ()
) -> list[str]:
    """Sentences that answer 'how few letters must change?', the most important first.

    Args:
        attack: ``metrics.json`` of an attack.
        protect, only: region names that bound the threat.
        labels: class or value names; the first names what a regression model predicts.
    """
    spent = budgets_of(attack)
    warned = [f"{alarm[0].upper()}{alarm[1:]}." for alarm in remarks(attack)] if spent else []
    return [*warned, *_answer(attack, spent, protect, only, labels)]


def _answer(
    attack: Metrics, spent: list[Metrics], protect: Sequence[str], only: Sequence[str], labels: Sequence[str]
) -> list[str]:
    if not spent:
        return [_clean_sentence(attack), "No budget above zero was asked for, so no letter was changed."]
    place = place_words(protect, only)
    if task_in(attack).measured:
        return _shift_sentences(attack, spent, place, labels)
    return _flip_sentences(attack, spent, place)


def budgets_of(attack: Metrics) -> list[Metrics]:
    """The rows of budgets above zero, smallest first."""
    rows = [row for row in attack.get("budgets") or [] if budget_size(row.get("budget")) > 0]
    return sorted(rows, key=lambda row: budget_size(row["budget"]))


def attacked_count(attack: Metrics) -> int | None:
    """How many records were attacked, those read correctly at first; None where the metrics do not say."""
    if not math.isnan(attacked := number(attack.get("attacked"))):
        return int(attacked)
    share, n = number(attack.get("clean_accuracy")), number(attack.get("n"))
    if math.isnan(share) or math.isnan(n) or wanted_label(attack):
        # Records of the wanted class are not attacked, and nothing says how many those are.
        return None
    return round(share * n)


def clean_accuracy(attack: Metrics) -> tuple[float, tuple[float, float]]:
    """Accuracy before any edit and its interval, of the records that may be edited: what others fall from."""
    able = of_editable(attack)
    return number(able.get("clean_accuracy")), interval_of(able.get("clean_accuracy_ci"))


def editable_words(attack: Metrics) -> str:
    """Whom figures under attack are of, where that is not every record; empty where it is."""
    fixed = attack.get("nothing_editable")
    return f"the {plural(int(attack['n']) - fixed['n'], 'sequence')} that may be edited" if fixed else ""


def is_unlabelled(attack: Metrics) -> bool:
    """Whether clean predictions stand for a truth that nobody gave: records were attacked, yet no accuracy is known."""
    known = not math.isnan(number(attack.get("clean_accuracy")))
    return not task_in(attack).measured and not known and number(attack.get("attacked")) > 0


def _clean_sentence(attack: Metrics) -> str:
    if task_in(attack).measured:
        return f"Without any change, R² is {figure(attack.get('clean_r2'))}."
    return f"Without any change, accuracy is {percent(number(attack.get('clean_accuracy')))}."


def _verbs(attack: Metrics) -> tuple[str, str]:
    """What happens to a sequence when the goal is reached: as participle, and as present tense."""
    wanted = wanted_label(attack)
    if task_in(attack).independent:
        return f"given a wrong {f'call of {one_line(wanted)}' if wanted else 'label'}", "mislabel"
    return (f"turned into {one_line(wanted)}", "turn") if wanted else ("flipped", "flip")


def wanted_label(attack: Metrics) -> str:
    """The label that a targeted attack is about ('the prediction LABEL', or any without it, in
    :mod:`seqrobust.attacks.goals`), or nothing."""
    goal = str(attack.get("goal") or "")
    known = [start for start in ("the prediction ", "any prediction without ") if goal.startswith(start)]
    return goal.removeprefix(known[0]) if known else ""


def _flip_sentences(attack: Metrics, spent: list[Metrics], place: str) -> list[str]:
    correct, last = attacked_count(attack), spent[-1]
    if correct is not None:
        correct -= int(last.get("not_searched") or 0)
        if correct == 0 and last.get("not_searched"):
            return ["No sequence was searched, so nothing is known of what can be flipped."]
    if correct == 0 and wanted_label(attack):
        return ["No sequence could be attacked: none is both read correctly and of another class than the wanted one."]
    if correct == 0 and attack.get("nothing_editable"):
        return ["None of the sequences that may be edited was read correctly, so there was nothing to flip."]
    if correct == 0:
        n = int(attack["n"])
        nothing = f"None of the {n:,} sequences" if n != 1 else "The one sequence attacked"
        return [f"{nothing} was {'not ' if n == 1 else ''}read correctly, so there was nothing to flip."]
    rate = number(last.get("attack_success_rate"))
    if math.isnan(rate):
        return [f"With {budget_words(last['budget'], unit_of(attack))}{place}, no success rate could be computed."]
    done, does = _verbs(attack)
    claim = _claim(rate, correct, (_noun(attack), done), interval_of(last.get("attack_success_rate_ci")))
    control = _control(number(last.get("random_success_rate")), correct, does)
    sentences = [f"With {budget_words(last['budget'], unit_of(attack))}{place}, {claim}{control}."]
    if rate == 0:
        sentences.append("That is what these attacks found, not a guarantee: a stronger attack may do better.")
    else:
        sentences += [*_first_budget(spent, correct, unit_of(attack)), *_fall(attack, last)]
        sentences += _no_better_than_chance(last)
    if correct is not None and correct < FEW:
        sentences.append(f"Only {correct} sequence{'' if correct == 1 else 's'} could be attacked: take this as rough.")
    return sentences


def _noun(attack: Metrics) -> str:
    """What was attacked, in the singular."""
    if is_unlabelled(attack):
        return "sequence"
    other = " of another class" if wanted_label(attack) and not task_in(attack).independent else ""
    return f"correctly read sequence{other}"


def _claim(rate: float, correct: int | None, words: tuple[str, str], interval: tuple[float, float]) -> str:
    """Who (a noun) can be flipped (a participle), with the interval."""
    one, done = words
    noun = one.replace("sequence", "sequences")
    known = not math.isnan(interval[0])
    note = f" (95 % interval {percent_range(*interval)} %)" if known else ""
    many = "" if correct is None else f"{correct:,} "
    if correct == 1:
        return f"the one {one} {'can be' if rate else 'was not'} {done}"
    if rate == 0:
        return f"none of the {many}{noun} was {done}{note}"
    if rate == 1:
        return f"all {many}{noun} can be {done}{note}"
    if correct is not None and correct < FEW:
        return f"{round(rate * correct)} of the {many}{noun} can be {done}{note}"
    return f"{percent(rate)}{note.replace(' %)', ')')} of the {noun} can be {done}"


def _control(rate: float, correct: int | None, does: str) -> str:
    """What as many random changes do."""
    if math.isnan(rate):
        return ""
    if rate == 0:
        return f"; random changes {does} none"
    count = rate * (correct or 0)
    if correct is not None and 1 < correct < FEW and abs(count - round(count)) < 1e-6:
        return f"; random changes {does} {round(count)} of them"
    return f"; random changes {does} {percent(rate)}"


def _fall(attack: Metrics, last: Metrics) -> list[str]:
    clean, robust = clean_accuracy(attack)[0], number(last.get("robust_accuracy"))
    if math.isnan(clean) or math.isnan(robust):
        return []
    who = editable_words(attack)
    whole = f" ({percent(number(attack.get('clean_accuracy')))} of all {int(attack['n']):,} without change)"
    fall = f"Accuracy{f' on {who}' if who else ''} falls from {percent(clean)} to {percent(robust)}"
    return [f"{fall}{whole if who else ''}.", *_balanced(of_editable(attack), last)]


def _balanced(attack: Metrics, last: Metrics) -> list[str]:
    """Where classes are uneven: what becomes of what the common class does not carry, and of each class."""
    classes = last.get("by_class") or {}
    if not uneven([one["n"] for one in classes.values()]) or attack.get("clean_balanced_accuracy") is None:
        return []
    before, after = number(attack["clean_balanced_accuracy"]), number(last.get("robust_balanced_accuracy"))
    always = f"{one_line(attack['majority_class'], 40)} ({percent(number(attack['majority_accuracy']))} right)"
    said = [
        f"Classes are uneven: always answering {always} cannot be attacked at all. Balanced accuracy goes from "
        f"{percent(before)} to {percent(after)}."
    ]
    if len(classes) <= _FEW_CLASSES:
        parts = [
            f"{one_line(name, 40)} {percent(number(one['attack_success_rate']))} of {one['attacked']}"
            if one["attacked"]
            else f"{one_line(name, 40)} none read correctly"
            for name, one in classes.items()
        ]
        said.append(f"Reached by class: {', '.join(parts)}.")
    return said


def _first_budget(spent: list[Metrics], correct: int | None, unit: str) -> list[str]:
    """What the smallest budget does already."""
    first, rate = spent[0], number(spent[0].get("attack_success_rate"))
    if len(spent) < 2 or not rate > 0 or (correct is not None and correct < 2):
        return []
    few = correct is not None and correct < FEW
    share = f"{round(rate * (correct or 0))} of them" if few else f"{percent(rate)} of them"
    size = f"{budget_size(first['budget']):g}"
    if str(first["budget"]).strip().endswith("%"):
        return [f"Changing {size} % of the {unit}s is enough for {share}."]
    return [f"{f'A single {unit} is' if size == '1' else f'{size} {unit}s are'} enough for {share}."]


def _no_better_than_chance(last: Metrics) -> list[str]:
    """What cannot be said against chance: for the attack's sake, or because there are too few records to tell."""
    units = (last.get("over_random") or {}).get("units")
    # Signs of so many units are exchanged in 2^units ways, two of which are as far apart as can be.
    least = min(2.0 ** (1 - units), 1.0) if units else 0.0
    if least > _LEVEL:
        return [
            f"Too few independent units ({units}) to tell the attack from random changes: no p-value could lie below "
            f"{figure(least)}."
        ]
    low, _ = interval_of(last.get("attack_success_rate_ci"))
    _, high = interval_of(last.get("random_success_rate_ci"))
    return ["The attack is not clearly better than random changes."] if low <= high else []


def _shift_sentences(attack: Metrics, spent: list[Metrics], place: str, labels: Sequence[str]) -> list[str]:
    last, n = spent[-1], number(attack.get("attacked", attack.get("n")))
    shift = number(last.get("mean_shift"))
    if math.isnan(shift):
        return [f"With {budget_words(last['budget'], unit_of(attack))}{place}, no shift could be computed."]
    value = f"predicted {one_line(labels[0])}" if len(labels) == 1 else "prediction"
    verb, size = _movement(str(attack.get("goal") or ""), shift)
    within = budget_words(last["budget"], unit_of(attack))
    sentences = [f"With {within}{place}, the {value} {verb} {size} on average{_random_shifts(attack, last)}."]
    sentences += _middle(last)
    rate = number(last.get("attack_success_rate"))
    if not math.isnan(rate):
        sentences += [_reached(rate, n, last), *_within_range(attack)]
    sentences += _fit_under_attack(attack, last)
    if (known := measured_words(attack)) is not None:
        sentences.append(f"{known}.")
    if n < FEW:
        sentences.append(f"Only {n:g} sequence{'' if n == 1 else 's'} could be attacked: take this as rough.")
    return sentences


def _random_shifts(attack: Metrics, last: Metrics) -> str:
    """What as many random changes do: either way, for their mean is near zero by symmetry, and the best draw."""
    size, best = number(last.get("random_mean_abs_shift")), number(last.get("random_best_shift"))
    if math.isnan(size):
        mean = number(last.get("random_mean_shift"))
        return "" if math.isnan(mean) else f" (random changes: {figure(mean)})"
    draws = attack.get("random_draws")
    lucky = "" if math.isnan(best) or not draws else f", the best of {draws} draws by {figure(best)} towards the goal"
    return f" (as many random changes move it by {figure(size)} up or down{lucky})"


def _within_range(attack: Metrics) -> list[str]:
    """Success among those whose goal is a value that the model has seen."""
    found = attack.get("within_range")
    if not found:
        return []
    ends = f"({figure(found['low'])} to {figure(found['high'])})"
    beyond, rate = found["of"] - found["n"], number(found["attack_success_rate"])
    rest = "" if math.isnan(rate) else f"; of the {found['n']:,} others it is reached in {percent(rate)}"
    return [f"For {beyond:,} of {found['of']:,} sequences that would be beyond all training targets {ends}{rest}."]


def truth_stated(attack: Metrics) -> bool:
    """Whether the threat states that edits leave the true value, so that an error under attack is one."""
    return bool(attack.get("edits_keep_truth", True)) and not (attack.get("protection") or {})


def _fit_under_attack(attack: Metrics, last: Metrics) -> list[str]:
    clean, after = number(of_editable(attack).get("clean_r2")), number(last.get("r2"))
    if math.isnan(clean) or math.isnan(after):
        return []
    who = f" on {said}" if (said := editable_words(attack)) else ""
    if truth_stated(attack):
        return [f"R²{who} {'falls' if after < clean else 'goes'} from {figure(clean)} to {figure(after)}."]
    return [
        f"R²{who} is {figure(clean)} without change. Of the edited sequences no accuracy is given: nothing states that "
        "the edits leave the true value (protect what decides it), so the shift says how sensitive the model is, not "
        "how wrong."
    ]


def _middle(last: Metrics) -> list[str]:
    """The shifts of the middle record and of most: a mean may be the doing of a few."""
    found = last.get("shift_quantiles")
    if not found:
        return []
    low, half, high = (figure(number(found[share])) for share in ("0.1", "0.5", "0.9"))
    return [f"The median shift is {half}; eight of ten lie between {low} and {high}."]


def _movement(goal: str, shift: float) -> tuple[str, str]:
    """A verb for a mean shift, and its size without the sign where the verb says it."""
    wanted = 1 if " raised by " in goal else -1 if " lowered by " in goal else 0
    if wanted * shift > 0:
        return ("rises by" if wanted > 0 else "falls by"), figure(abs(shift))
    return ("changes by" if wanted else "moves by"), figure(shift)


def _reached(rate: float, n: float, last: Metrics) -> str:
    """How often the shift that was asked for is reached."""
    interval = interval_of(last.get("attack_success_rate_ci"))
    note = "" if math.isnan(interval[0]) else f" (95 % interval {percent_range(*interval)} %)"
    share = f"{round(rate * n)} of {n:g} sequences" if n < FEW else f"{percent(rate)} of the sequences"
    random_rate = number(last.get("random_success_rate"))
    control = "" if math.isnan(random_rate) else f"; with random changes, in {percent(random_rate)}"
    return f"The shift asked for is reached in {share}{note}{control}."
