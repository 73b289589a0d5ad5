"""What is said where an accuracy looks better than the answers are: one answer to almost all, a constant that wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

UNEVEN = 3.0
"""Classes are uneven where the commonest has more than so many times the records of the rarest."""
COLLAPSED = 0.9
"""From this share of the other classes' records on, one answer is given to almost all."""


_CONSTANT = 0.95
"""From this share of all answers on, it is almost the only one."""
_KNOWS_LITTLE = 0.1
"""Below this share of the variance explained, a model of values knows hardly anything."""
_FOLLOWS, _MENDED = 0.5, 0.25
"""A correlation from which on predictions follow the targets, and the share of the variance that a line would mend."""
_NEARLY_STILL = 0.1
"""Below this share of the training targets' spread, predictions hardly vary: they explain 19 % of it at most."""


def uneven(counts: Sequence[int]) -> bool:
    """Whether classes of these sizes are uneven; one that is missing is rare too.

    >>> uneven([30, 10]), uneven([31, 10]), uneven([5, 0])
    (False, True, True)
    """
    return len(counts) > 1 and max(counts) > UNEVEN * min(counts)


def cautions(measures: Mapping[str, Any]) -> list[str]:
    """Sentences against reading an accuracy as knowledge; none where there is nothing to say.

    Args:
        measures: an ``accuracy`` (or none) beside :func:`~seqrobust.measures.decision_measures`, or with ``labels``.
    """
    if "labels" in measures:
        return _of_labels(measures["labels"])
    found = [*_missing(measures)]
    if (missed := _collapse(measures)) is not None:
        found.append(missed)
    accuracy, majority = measures.get("accuracy"), measures.get("majority_accuracy")
    if accuracy is not None and majority is not None and accuracy <= majority and not measures.get("missing_classes"):
        found.append(
            f"accuracy {100 * accuracy:.1f} % is no better than always answering {measures['majority_class']} "
            f"({100 * majority:.1f} %): read balanced accuracy and average precision"
        )
    return found


def cautions_of_values(r2: float | None, name: str = "") -> list[str]:
    """The same of a regression: a model that knows nothing is hard to move, and that is no robustness.

    >>> cautions_of_values(-0.04)
    ['R² is -0.04: the predictions are no better than always giving the mean of the targets']
    >>> cautions_of_values(0.5)
    []
    """
    if r2 is None or r2 >= _KNOWS_LITTLE:
        return []
    how = "hardly" if r2 > 0 else "no"
    of = f" of {name}" if name else ""
    return [f"R²{of} is {r2:.2g}: the predictions are {how} better than always giving the mean of the targets"]


def cautions_of_scale(r2: float | None, correlation: float | None) -> list[str]:
    """What a straight line through predictions would mend: another unit than the targets', or the reversed sign.

    >>> cautions_of_scale(-6.0, -0.72)
    ["predictions fall as the targets rise (correlation -0.72, R² -6): the outputs seem to have the reversed sign of \
this column, so that the goal up is down, and figures in the targets' units do not apply"]
    >>> cautions_of_scale(0.8, 0.9), cautions_of_scale(None, None)
    ([], [])
    """
    if r2 is None or correlation is None or abs(correlation) < _FOLLOWS or correlation**2 - max(r2, 0.0) < _MENDED:
        return []
    found = f"(correlation {correlation:.2g}, R² {r2:.2g})"
    units = "figures in the targets' units do not apply"
    if correlation < 0:
        return [
            f"predictions fall as the targets rise {found}: the outputs seem to have the reversed sign of this column, "
            f"so that the goal up is down, and {units}"
        ]
    return [
        f"predictions follow the targets {found}, but on another scale (standardised, or a logarithm?): {units}, nor "
        "does a shift in their standard deviations: give --delta in the outputs' own"
    ]


def cautions_of_spread(predicted: float, known: float | None) -> list[str]:
    """The same where no truth is known but how widely values spread in training.

    >>> cautions_of_spread(0.02, 2.0)
    ['predictions spread by 0.02 (sd), the training targets by 2: the model says nearly the same of every record']
    >>> cautions_of_spread(1.5, 2.0), cautions_of_spread(0.0, None)
    ([], [])
    """
    if known is None or predicted >= _NEARLY_STILL * known:
        return []
    spreads = f"predictions spread by {predicted:.2g} (sd), the training targets by {known:.2g}"
    return [f"{spreads}: the model says nearly the same of every record"]


def _missing(measures: Mapping[str, Any]) -> list[str]:
    missing = measures.get("missing_classes") or []
    if not missing:
        return []
    names = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
    return [f"no record is {names}: whether that is told from the rest cannot be seen here"]


def _collapse(measures: Mapping[str, Any]) -> str | None:
    """One answer to almost every record of the classes that it is wrong for."""
    share, answer = measures.get("others_given_it"), measures.get("commonest_answer")
    if share is None or share < COLLAPSED:
        return None
    others = sum(one["n"] for name, one in measures["by_class"].items() if name != answer)
    missed = f"of the {others} records of other classes than {answer}, {round(share * others)} are answered {answer}"
    if (measures.get("commonest_answer_share") or 0.0) >= _CONSTANT:
        return f"the model gives almost always one answer: {missed}"
    return f"the model finds hardly anything but {answer}: {missed}"


def _of_labels(labels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    never = [name for name, one in labels.items() if one["positives"] and not one["recall"]]
    empty = [name for name, one in labels.items() if not one["positives"]]
    found = []
    if never:
        found.append(f"never found where present: {', '.join(never[:5])}{' ...' if len(never) > 5 else ''}")
    if empty:
        names = f"{', '.join(empty[:5])}{' ...' if len(empty) > 5 else ''}"
        found.append(f"no record has {names}: whether that is found cannot be seen here")
    return found
