"""What the figures of a study come to, in plain words, with the thresholds that they were held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seqrobust.statistics import LEAST

Word = Literal[
    "unrelated to the weights",
    "unstable",
    "movable and silent",
    "movable",
    "alike for all records",
    "silent",
    "stable",
    "not seen to move",
    "untold",
]
"""In the order in which they are considered.

==========================  ===========================================================================================
unrelated to the weights    random weights leave it as it is
unstable                    edits at random, which keep the prediction, change it in half of the cases
movable                     in half of the records found edits change it and keep the prediction
alike for all records       not movable, but no wonder: records with one prediction have one explanation
silent                      in half of the records found edits flip the prediction and leave it elsewhere as it is,
                            though it points at the edited letters neither before nor after
movable and silent          both
stable                      none of these within the budgets
not seen to move            none of these, but edits were found against another method: one of its own may do more
untold                      nothing was looked at that could tell, or too few records
==========================  ===========================================================================================
"""

UNRELATED_ABOVE = 0.5
"""Rank correlation with the explanations of random weights above which a method fails."""

ALIKE_ABOVE = 0.8
"""Correlation of explanations of different records from which they count as the same one."""

APART, FEW_PREDICTIONS = 0.2, 6
"""Shares of records of few predictions are listed one by one where they differ by so much."""

POINTED = 2.0
"""Times their share of the positions that edited letters hold of an explanation which pointed at them: an additive
model is explained once for all, by what every letter does, and says nothing new elsewhere."""

HALF = 0.5
"""Share of records from which a finding is one of the model rather than of some records."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the figures of one method come to.

    Attributes:
        method: its name.
        word: the verdict.
        budget: the smallest budget at which it holds; None where it hangs on none.
        reasons: what the figures say.
    """

    method: str
    word: Word
    budget: int | str | None
    reasons: tuple[str, ...]

    @property
    def finding(self) -> str:
        """The verdict, and from which budget on."""
        return self.word + (f" at {_edits(self.budget)}" if self.budget is not None else "")

    @property
    def sentence(self) -> str:
        """The finding and its reasons."""
        return f"{self.finding}: {'; '.join(self.reasons)}."

    def plain(self) -> dict[str, Any]:
        """As it stands in ``metrics.json``."""
        text = f"{self.method}: {self.sentence}"
        return {"method": self.method, "verdict": self.word, "budget": self.budget, "text": text}


def verdicts(
    methods: Mapping[str, Any], sanity: Mapping[str, Any], between: Mapping[str, Any] | None = None
) -> tuple[Verdict, ...]:
    """A verdict per method.

    Args:
        methods: of :func:`~seqrobust.analysis.stability.summary.method_metrics`.
        sanity: by method, of :func:`~seqrobust.analysis.stability.sanity.sanity_summary`; may be empty.
        between: by method, of :func:`~seqrobust.analysis.stability.between.between_records`.
    """
    return tuple(_verdict(name, goals, sanity.get(name), (between or {}).get(name)) for name, goals in methods.items())


def first_budget(goal: Mapping[str, Any] | None) -> int | str | None:
    """The smallest budget at which a goal is reached in at least half of the records; None where there is none, or the
    records are fewer than :data:`~seqrobust.statistics.LEAST`."""
    for level in (goal or {}).get("budgets", ()):
        enough = level["n"] >= LEAST
        if enough and level["success_rate"] is not None and level["success_rate"] >= HALF:
            budget: int | str = level["budget"]
            return budget
    return None


def _verdict(
    name: str, goals: Mapping[str, Any], sanity: Mapping[str, Any] | None, between: Mapping[str, Any] | None
) -> Verdict:
    at = {goal: first_budget(goals.get(goal)) for goal in ("random", "change", "keep")}
    if _pointed(goals.get("keep")):
        at["keep"] = None
    word: Word
    if sanity is not None and sanity["passed"] is False:
        word, budget = "unrelated to the weights", None
    elif at["random"] is not None:
        word, budget = "unstable", at["random"]
    elif at["change"] is not None and at["keep"] is not None:
        word, budget = "movable and silent", at["change"]
    elif at["change"] is not None:
        word, budget = "movable", at["change"]
    elif ((between or {}).get("correlation") or 0.0) >= ALIKE_ABOVE:
        word, budget = "alike for all records", None
    elif at["keep"] is not None:
        word, budget = "silent", at["keep"]
    elif any(goals.get(goal, {}).get("n", 0) >= LEAST for goal in ("change", "keep")):
        word, budget = ("stable" if _is_own(name, goals) else "not seen to move"), None
    else:
        word, budget = "untold", None
    return Verdict(method=name, word=word, budget=budget, reasons=tuple(_reasons(goals, sanity, between)))


def _pointed(keep: Mapping[str, Any] | None) -> bool:
    """Whether the explanation, before or after, held much of itself at the letters whose edits flip the prediction."""
    mass = max((keep or {}).get(key) or 0.0 for key in ("left_out_mass", "left_out_mass_edited"))
    share = (keep or {}).get("left_out_share")
    return share is not None and mass >= POINTED * share > 0


def _is_own(name: str, goals: Mapping[str, Any]) -> bool:
    """Whether the method itself was attacked."""
    return all(goals[goal]["searched"] == name for goal in ("change", "keep") if goal in goals)


def _reasons(
    goals: Mapping[str, Any], sanity: Mapping[str, Any] | None, between: Mapping[str, Any] | None
) -> list[str]:
    """What the figures say at the largest budget."""
    reasons = []
    if (change := goals.get("change")) and change["n"]:
        reasons.append(
            f"at {_edits(change['budget'])} an adversary changes the explanation and keeps the prediction in "
            f"{_rate(change)} of {change['n']} records{_apart(change)}" + _beside(goals.get("random"))
        )
    elif (random := goals.get("random")) and random["n"]:
        reasons.append(
            f"at {_edits(random['budget'])} random ones that keep the prediction change it in {_rate(random)}"
        )
    if (keep := goals.get("keep")) and keep["n"]:
        reasons.append(
            f"at {_edits(keep['budget'])} it flips the prediction and keeps the explanation in "
            f"{_rate(keep)}{_apart(keep)}{_held(keep)}"
        )
    if sanity is not None and sanity["passed"] is not None:
        like = sanity["all_at_once"]["spearman"]
        verb = "comes apart" if sanity["passed"] else "does not come apart"
        reasons.append(f"with random weights it {verb} (rank correlation {like:.2f})")
    if between is not None and between["correlation"] is not None:
        reasons.append(
            f"explanations of different records with one prediction correlate by {between['correlation']:.2f}"
        )
    return reasons or ["nothing was measured"]


def _apart(goal: Mapping[str, Any]) -> str:
    """Shares by prediction, where there are few and they differ."""
    parts = goal.get("by_prediction", ())
    rates = [part["success_rate"] for part in parts]
    if not 1 < len(rates) <= FEW_PREDICTIONS or max(rates) - min(rates) < APART:
        return ""
    return " (" + ", ".join(f"{part['prediction']}: {_share(part['success_rate'])}" for part in parts) + ")"


def _beside(random: Mapping[str, Any] | None) -> str:
    if not random or random["success_rate"] is None:
        return ""
    return f", random edits in {_share(random['success_rate'])}"


def _held(keep: Mapping[str, Any]) -> str:
    """How much of the clean explanation was at the letters whose edits flip the prediction."""
    mass, after, share = (keep.get(key) for key in ("left_out_mass", "left_out_mass_edited", "left_out_share"))
    if mass is None:
        return ""
    told = "" if after is None else f" and {_share(after)} of the edited one"
    told += "" if share is None else f", at {_share(share)} of the positions"
    pointed = "; it pointed at them" if _pointed(keep) else ""
    return f" (letters that held {_share(mass)} of the clean explanation{told}{pointed})"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.0f} %"


def _rate(goal: Mapping[str, Any]) -> str:
    """A success rate with its interval, by which a verdict on few records is seen to be one."""
    ci = goal.get("success_rate_ci")
    span = f" [{100 * ci[0]:.0f}-{100 * ci[1]:.0f}]" if ci else ""
    return _share(goal["success_rate"]) + span


def _edits(budget: int | str) -> str:
    """
    >>> _edits(1), _edits(3), _edits("2%")
    ('1 edit', '3 edits', '2% of the letters')
    """
    if isinstance(budget, str) and budget.endswith("%"):
        return f"{budget} of the letters"
    return f"{budget} edit" if str(budget) == "1" else f"{budget} edits"
