"""Whether attacked sequences can be told from natural ones by a score, and what that is worth against an adversary.

Three comparisons, from flattering to honest: attacked against natural sequences; attacked against sequences with as
many random edits, which shows whether it is the attack that is noticed or merely that something was edited; and an
attack that knows the detector. Only what survives the last is a defence (Carlini and Wagner 2017; Tramer et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seqrobust.statistics import Interval, Units, auroc, auroc_interval, proportion, share_interval, units_of

Standing = Literal["survives", "weak", "refused"]
_SURVIVES = 0.5
"""Share of attacks that a detector must stop, by the lower end of its interval, for the claim to stand."""


def paired_auroc(
    negatives: NDArray[np.float64], positives: NDArray[np.float64], units: Units = None
) -> tuple[float, Interval]:
    """AUROC of two scores of the same n records, and its 95 % interval.

    A record's two scores are one unit: that of an edited sequence resembles its own natural one's.
    """
    own = np.arange(len(negatives)) if units is None else units
    return auroc(negatives, positives), auroc_interval(negatives, positives, (own, own))


def threshold(natural: NDArray[np.float64], flagged: float) -> float:
    """The smallest value above which at most that share of natural scores lies."""
    ordered = np.sort(natural)
    allowed = int(np.floor(flagged * len(ordered) + 1e-9))
    return float(ordered[len(ordered) - 1 - allowed])


def expected_flagged(natural: int, flagged: float) -> float:
    """Share of new natural records that :func:`threshold` flags on average, with continuous scores: read off so many,
    it lies between two of their scores, and a new one falls above the k-th from the top with chance k / (n + 1).

    >>> round(expected_flagged(20, 0.05), 3), round(expected_flagged(1000, 0.05), 3)
    (0.095, 0.051)
    """
    allowed = int(np.floor(flagged * natural + 1e-9))
    return (allowed + 1) / (natural + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a detector makes of n records that were fooled at one budget.

    Attributes:
        natural, edited, attacked: (n,) scores of the clean sequences, of random edits of the same size, and of the
            attacked ones.
        units: of the records.
    """

    natural: NDArray[np.float64]
    edited: NDArray[np.float64]
    attacked: NDArray[np.float64]
    units: Units = None

    def metrics(self, cut: float) -> dict[str, Any]:
        """AUROC with intervals, and the shares above the threshold."""
        entry: dict[str, Any] = {"n": len(self.attacked)}
        for name, other in (("natural", self.natural), ("random_edits", self.edited)):
            value, ends = paired_auroc(other, self.attacked, self.units)
            entry |= {f"auroc_{name}": value, f"auroc_{name}_ci": ends}
        for name, scores in (("natural", self.natural), ("random_edits", self.edited), ("attacked", self.attacked)):
            above = scores > cut
            entry[f"flagged_{name}"] = proportion(int(above.sum()), len(scores))
            entry[f"flagged_{name}_ci"] = share_interval(above, self.units)
        return entry


def adaptive_metrics(
    fooled: NDArray[np.bool_], unnoticed: NDArray[np.bool_], evaded: NDArray[np.bool_], units: Units = None
) -> dict[str, Any]:
    """What a detector stops, of the records that the attack fools where there is none.

    Args:
        fooled: (n,) records that an attack fools without a detector.
        unnoticed: (n,) those whose sequence, found in ignorance of the detector, also passes it.
        evaded: (n,) those that an attack which knows the detector fools unnoticed.

    The adversary has both: a record counts as stopped only where neither passes.
    """
    n, units = int(fooled.sum()), units_of(units, fooled)
    ignorant, aware = ~unnoticed[fooled], ~(unnoticed | evaded)[fooled]
    return {
        "n": n,
        "stopped_ignorant": proportion(int(ignorant.sum()), n),
        "stopped_ignorant_ci": share_interval(ignorant, units),
        "stopped": proportion(int(aware.sum()), n),
        "stopped_ci": share_interval(aware, units),
    }


def standing(entry: dict[str, Any], flagged: float) -> Standing:
    """Whether one may say that a detector detects: after the adaptive attack at the largest budget.

    ``survives`` where most attacks are stopped for certain, ``weak`` where more are than natural records are flagged.
    """
    ends = entry["stopped_ci"]
    if ends is None or ends[0] <= flagged:
        return "refused"
    return "survives" if ends[0] > _SURVIVES else "weak"


def detection_sentence(name: str, budget: str, entry: dict[str, Any], found: Standing) -> str:
    """The :func:`detection_statement` of a detector, after its name."""
    return f"{name}: {detection_statement(budget, entry, found)}"


def detection_statement(budget: str, entry: dict[str, Any], found: Standing) -> str:
    """What may be said of a detector, in words."""
    if not entry["n"]:
        return f"no sequence was fooled at budget {budget}, and nothing can be said"
    noticed = f"{100 * entry['stopped_ignorant']:.0f} %"
    aware = f"{100 * entry['stopped']:.0f} %"
    claim = {
        "survives": "the detection survives this adaptive attack",
        "weak": "too little, or of too few attacks, to call it a detector",
        "refused": "that it detects attacks may not be claimed",
    }[found]
    return (
        f"of {entry['n']} attacks at budget {budget}, {noticed} are noticed, and {aware} once the attack knows "
        f"the detector: {claim}"
    )
