"""What an evaluation may be quoted for, and what not, with the reason.

An attack that succeeds proves something; one that fails proves nothing by itself. So the worst case found is always an
upper bound of robustness, and anything beyond that has to be earned: by enough records, several attacks of different
kinds, a control, gradients that are not masked, and effort beyond which nothing more is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from seqrobust.analysis.alarms import alarms, weaknesses
from seqrobust.analysis.evaluate.labels_kept import labels_kept
from seqrobust.attacks import ATTACKS
from seqrobust.attacks.search import Access
from seqrobust.report.words import budget_size

Standing: TypeAlias = Literal["supported", "refused"]

FEWEST_RECORDS = 100
"""Attacked records below which no share is called an estimate of robustness: its interval is 20 points wide."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of an evaluation: its name, its attacks' names, and the most that any of them sees of the model.

    Attributes:
        asked: what is run, as it was asked for: an attack can be more sparing in a preset than by itself. The attacks
            themselves where it is empty.
    """

    name: str
    attacks: tuple[str, ...]
    access: Access
    asked: tuple[str, ...] = ()

    @property
    def by_gradients(self) -> bool:
        """Whether it goes by gradients alone, and so is blind where they are.

        An attack that scores every single edit first (``scan``) sees what gradients hide, though it uses those too.
        """
        known = [ATTACKS[name] for name in self.attacks]
        blind = all(attack.access == "gradients" and not getattr(attack, "scan", False) for attack in known)
        return blind and self.access == "gradients"

    @property
    def is_random(self) -> bool:
        """Whether it draws at random and searches for nothing."""
        return self.attacks == ("random",)


LEVEL = 0.05
"""Largest p-value of a difference that is claimed."""
FEWEST_CLAIMED = 10
"""Independent records below which nothing is claimed: one or two more would make another figure of it."""


def claims(
    metrics: Mapping[str, Any],
    methods: Sequence[Method],
    *,
    probabilities: bool,
    protect: Sequence[str] = (),
    only: Sequence[str] = (),
    constant: str | None = None,
) -> list[dict[str, Any]]:
    """Claims, each ``{claim, standing, reasons}``.

    Args:
        metrics: of an evaluation, with ``masking``.
        methods: those that ran.
        probabilities: whether the model's outputs had to be turned back to logits.
        protect, only: names of regions that may not, or alone may, be edited.
        constant: what the model predicts of every record and of random sequences too; None where that differs. As long
            as no attack changes it either, nothing can be claimed.
    """
    last = metrics["budgets"][-1]
    # Where every sequence was scored there is nothing that a search could have overlooked.
    exact = last in _known_exactly(metrics)
    doubts = _few(metrics) if exact else _doubts(metrics, methods, probabilities=probabilities)
    made = [_upper_bound(metrics, last), _fewest(metrics)]
    made.append(_claim(f"that bound at {last['budget']} is near the truth, as far as attacks can tell", doubts))
    made.append(_against_chance(last))
    if metrics.get("commonest_class"):
        made.append(_more_than_constant(metrics))
    made += [_claim(text, reasons) for text, reasons in labels_kept(metrics, protect, only)]
    made += _guarantees(metrics)
    if constant is not None and not metrics["budgets"][-1].get("attack_success_rate"):
        reason = f"the model predicts {constant} whatever the sequence, random ones included: nothing is read from it"
        made = [_claim(item["claim"], [reason, *item["reasons"]]) for item in made]
    return refused(made, [*_hardly_any(metrics), *alarms(metrics, "these methods do")])


def _known_exactly(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Budgets at which every attacked record is broken, or each of its sequences was scored."""
    n = metrics.get("attacked") or 0
    known = [row for row in metrics["budgets"] if n and row.get("exact") == n and not row.get("not_searched")]
    return [row for row in known if budget_size(row["budget"]) > 0]


def _guarantees(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What no adversary can do: known where every sequence within the budget was scored, or the record is broken."""
    n, known = metrics.get("attacked") or 0, _known_exactly(metrics)
    text = "no adversary can do better (a guarantee)"
    made = [
        _claim(f"{text} at {row['budget']}: exact at k = {row['budget']}, for every sequence was scored", [])
        for row in known
    ]
    last = metrics["budgets"][-1]
    if last not in known:
        short = f" (known exactly: {last['exact']} of {n} records)" if "exact" in last else ""
        made.append(_claim(f"{text} at {last['budget']}", [f"an attack cannot show that; a certificate can{short}"]))
    return made


def refused(made: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> list[dict[str, Any]]:
    """Claims, none of them supported for those reasons; as they are where there is none."""
    return [_claim(one["claim"], [*reasons, *one["reasons"]]) for one in made]


def _hardly_any(metrics: Mapping[str, Any]) -> list[str]:
    """Nothing is claimed of next to nothing."""
    units = int(metrics.get("units", metrics["n"]))
    what = "records" if units == metrics["n"] else "independent clusters of records"
    return [f"{units} {what}, {FEWEST_CLAIMED} wanted"] if units < FEWEST_CLAIMED else []


def _claim(text: str, reasons: Sequence[str]) -> dict[str, Any]:
    standing: Standing = "refused" if reasons else "supported"
    return {"claim": text, "standing": standing, "reasons": list(reasons)}


def _upper_bound(metrics: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    if not metrics["n"]:
        return _claim("an upper bound of robust accuracy", ["there is no record"])
    if last.get("robust_accuracy") is None:
        rate = last["attack_success_rate"]
        if rate is None:
            return _claim("an upper bound of robustness", ["no record was attacked and searched"])
        text = f"the shift asked for is reached on at least {rate:.1%} of these records within {last['budget']}"
        return _claim(text, [] if rate > 0 else ["that is true of every model: the shift was reached on none"])
    what = "robust accuracy" if metrics.get("clean_accuracy") is not None else "the share of predictions kept"
    text = f"{what} at {last['budget']} is at most {last['robust_accuracy']:.1%} on these records"
    n = metrics["n"] - (metrics.get("nothing_editable") or {"n": 0})["n"]
    empty = "that is true of every model: no record was broken, and none was wrong before"
    reasons = [empty] if last["robust_accuracy"] >= 1 else []
    return _claim(text + f" ({_interval(last['robust_accuracy_ci'])}, n = {n})", reasons)


def _interval(ends: Sequence[float] | None) -> str:
    return "too few for an interval" if ends is None else f"95 % interval {ends[0]:.1%} to {ends[1]:.1%}"


def _fewest(metrics: Mapping[str, Any]) -> dict[str, Any]:
    edits = metrics["minimal_edits"]
    if edits["median"] is not None:
        many = f"{edits['median']} edit" + ("" if edits["median"] == 1 else "s")
        return _claim(f"half of the attacked records need at most {many}", _few(metrics))
    reasons = [f"{edits['censored']} of {edits['n']} attacked records were not broken within the largest budget"]
    return _claim("a median number of substitutions that break a record", reasons)


def _few(metrics: Mapping[str, Any]) -> list[str]:
    n = int(metrics.get("attacked") or 0)
    return [f"too few records: {n} attacked, {FEWEST_RECORDS} wanted"] if n < FEWEST_RECORDS else []


def _more_than_constant(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A model that always says the same cannot be attacked, and is of no use."""
    share, ends = metrics["commonest_class"]["share"], metrics["clean_accuracy_ci"]
    reason = f"that alone is right on {share:.1%} of these records, and the model's accuracy is not clearly higher"
    text = f"the model does more than answer {metrics['commonest_class']['label']} to everything"
    return _claim(text, [] if ends is not None and ends[0] > share else [reason])


def _against_chance(last: Mapping[str, Any]) -> dict[str, Any]:
    text = f"directed edits do more than as many random ones at {last['budget']}"
    if ways := [(sign, last[way]) for way, sign in (("up", 1), ("down", -1)) if way in last]:
        farther = [
            row["shift_over_random"]["p_value"] <= LEVEL and sign * row["shift_over_random"]["difference"] > 0
            for sign, row in ways
        ]
        return _claim(text, [] if all(farther) else ["the mean shift is not clearly larger than a random one"])
    found = last.get("over_random") or {}
    if not found.get("n"):
        return _claim(text, ["nothing was attacked, or no random control was drawn"])
    sure = found["p_value"] <= LEVEL and found["difference"] > 0
    reason = "record by record the two success rates do not differ for certain"
    return _claim(text, [] if sure else [f"{reason} (p = {found['p_value']:.2g}, least {found['smallest']:.2g})"])


def _doubts(metrics: Mapping[str, Any], methods: Sequence[Method], *, probabilities: bool) -> list[str]:
    """Why a high robust accuracy should not be believed."""
    reasons = [*weaknesses(metrics, "these methods do"), *_few(metrics)]
    searching = [method for method in methods if not method.is_random]
    blind = [method for method in searching if method.access != "gradients"]
    seeing = [method for method in searching if method.access == "gradients" and method.attacks != ("one_step",)]
    if len(searching) < 2:
        reasons.append("only one attack was tried: " + (searching[0].name if searching else "random edits"))
    if not seeing:
        reasons.append("no attack that follows gradients for more than one step ran")
    if not blind:
        reasons.append("no black-box attack ran, so gradients that mislead would go unnoticed")
    if metrics["budgets"][-1].get("random_success_rate") is None:
        reasons.append("there is no random control")
    masking = metrics["masking"]
    if masking["verdict"] != "none":
        signs = [item["check"] for item in masking["evidence"] if item["verdict"] != "none"]
        reasons.append(f"gradients are {_verb(masking['verdict'])}: {', '.join(signs)}")
    effort = next((item for item in masking["evidence"] if item["check"] == "convergence"), None)
    if effort is None or not effort["values"].get("converged"):
        reasons.append("it was not shown that more steps or restarts find no more")
    return [*reasons, *_unseen(masking["evidence"], probabilities=probabilities)]


def _unseen(evidence: Sequence[Mapping[str, Any]], *, probabilities: bool) -> list[str]:
    """What searches by scores do not see, by the checks that looked for it."""
    checks = {item["check"]: item for item in evidence}
    reasons = []
    if (found := checks.get("exhaustive")) is not None and found["values"]["missed"]:
        more = found["values"]["missed"]
        reasons.append(f"scoring every sequence of {found['n']} records that stand breaks {more} of them")
    if (flat := checks.get("plateaus")) is not None and flat["values"]["often"]:
        reasons.append("on many records that stand a quarter of the single edits or more do nothing: no slope leads on")
    hidden = checks.get("saturated_outputs")
    if probabilities and (hidden is None or hidden["values"].get("saturated")):
        reasons.append("the model gives probabilities, some so near to 0 or 1 that rounding hides what moves them")
    return reasons


def _verb(verdict: str) -> str:
    return "masked" if verdict == "masked" else "suspected of being masked"
