"""Is the model robust, or do the attacks merely not see? Signs of masked gradients, each with what it rests on.

The signs are those of Athalye et al. (2018) and Carlini et al. (2019), turned into tests that compare the same records
twice. A test speaks up only if the difference is both certain (exact tests, corrected for how often it was looked)
and large, so that no verdict hangs on a handful of records. Silence is no proof: few records show little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

from seqrobust.statistics import Units, wilson
from seqrobust.statistics.units import unit_sums

Verdict: TypeAlias = Literal["none", "suspected", "masked"]
Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]

SUSPECT_P, MASK_P = 0.01, 0.001
"""Largest p-values, corrected for the number of comparisons."""
SUSPECT_NET, MASK_NET = 0.05, 0.20
"""Smallest shares of the records by which the one has to lead the other."""
SUSPECT_SHARE, MASK_SHARE = 0.05, 0.25
"""Smallest lower Wilson bounds of a share of records that show a sign by themselves."""
HANDFUL = 5
"""Records on which no verdict hangs, however few there are."""
SUSPECT_RANK, MASK_RANK = 0.2, 0.05
"""Rank correlations that the upper bound of the mean has to stay below."""
STEEPEST = 1e-8
"""A gradient whose largest entry is smaller than this share of the objective is none."""
NOISE = 1e-4
"""Share of its size by which an output for one input may differ and still be called the same."""
CERTAIN = 13.8
"""Lead in logits at which a probability is 1 - 1e-6, near the end of what single precision tells apart."""

NO_GRADIENT = "gradients_available"
"""The check that finds no gradient at all."""

_ORDER: tuple[Verdict, ...] = ("none", "suspected", "masked")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One check.

    Attributes:
        check: its name.
        verdict: what it says by itself.
        n: records it rests on.
        values: the numbers.
        explanation: in words.
    """

    check: str
    verdict: Verdict
    n: int
    values: Mapping[str, Any] = field(default_factory=dict)
    explanation: str

    def plain(self) -> dict[str, Any]:
        """For ``metrics.json``."""
        return asdict(self)


def diagnosis(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """The gravest verdict, and all evidence, the gravest first."""
    ordered = sorted(evidence, key=lambda item: -_ORDER.index(item.verdict))
    return {"verdict": ordered[0].verdict if ordered else "none", "evidence": [item.plain() for item in ordered]}


# One set of records, two ways -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Paired:
    """McNemar's exact test (McNemar 1947), one-sided: does the first succeed where the second fails?

    Attributes:
        wins, losses: records on which only the first, or only the second, succeeds.
        n: all records compared.
        p: probability of so many wins or more among the discordant records, times the number of comparisons.
    """

    wins: int
    losses: int
    n: int
    p: float

    @property
    def net(self) -> float:
        """By what share of the records the first leads."""
        return (self.wins - self.losses) / self.n if self.n else 0.0

    @property
    def verdict(self) -> Verdict:
        """Certain and large, or nothing."""
        if self.p < MASK_P and self.net >= MASK_NET:
            return "masked"
        return "suspected" if self.p < SUSPECT_P and self.net >= SUSPECT_NET else "none"

    @property
    def values(self) -> dict[str, Any]:
        """For evidence."""
        return {"wins": self.wins, "losses": self.losses, "net": self.net, "p": self.p}


def paired(first: Bools, second: Bools, *, comparisons: int = 1, units: Units = None) -> Paired:
    """Compare two (n,) successes on the same records.

    Args:
        first, second: successes.
        comparisons: how many such tests are made (Bonferroni).
        units: (n,) clusters of records; each then counts once, for whichever leads in it.
    """
    wins, losses = int((first & ~second).sum()), int((second & ~first).sum())
    lead = unit_sums(first.astype(np.float64) - second, units)
    ahead, behind = int((lead > 0).sum()), int((lead < 0).sum())
    p = binomtest(ahead, ahead + behind, 0.5, alternative="greater").pvalue if ahead + behind else 1.0
    return Paired(wins=wins, losses=losses, n=len(first), p=min(1.0, float(p) * comparisons))


def outdone(
    check: str,
    duels: Mapping[str, tuple[Bools, Bools]],
    budgets: Sequence[Any],
    words: tuple[str, str],
    units: Units = None,
) -> Evidence:
    """Does any method by itself outdo those that ought to do better, at any budget, though it sees or does less?

    Args:
        check: name.
        duels: by method, (n, B) where it succeeds and (n, B) where all those together do; or, for a regression, where
            it goes farther and where they do.
        budgets: B names.
        words: who challenges, and who is challenged.
        units: (n,) which rows are no independent records.
    """
    challenger, champions = words
    n = max((len(one) for one, _ in duels.values()), default=0)
    if not n:
        said = f"not looked at: there was no {challenger}, or none to compare it with"
        return Evidence(check=check, verdict="none", n=n, explanation=said + ".")
    count = len(duels) * len(budgets)
    tests = [
        (paired(ahead[:, level], behind[:, level], comparisons=count, units=units), name, budget)
        for name, (ahead, behind) in duels.items()
        for level, budget in enumerate(budgets)
    ]
    test, name, budget = max(tests, key=lambda one: (_ORDER.index(one[0].verdict), one[0].net, -one[0].p))
    said = f"at budget {budget}, {name} does better than {champions} on {test.wins} of {test.n} records and worse on "
    said += f"{test.losses}"
    end = "it should not lead: what it sees less of, or does less of, must be hidden from the others"
    fine = "no lead that is both certain and large"
    return Evidence(
        check=check,
        verdict=test.verdict,
        n=test.n,
        values={"method": name, "budget": budget, "comparisons": count, **test.values},
        explanation=f"{said} (p = {test.p:.2g} after {count} comparisons): {fine if test.verdict == 'none' else end}.",
    )


def unbounded(attack: Bools, reference: Bools, possible: Bools | None = None) -> Evidence:
    """With every editable letter free, an attack should break whatever can be broken.

    Args:
        attack: (n,) broken by gradient attacks with the whole sequence to change.
        reference: (n,) broken by writing other records' letters, or random ones, over the editable letters.
        possible: (n,) whether anything within the budget raises the objective at all; None where not known. On a
            plateau that the budget does not leave, the model is robust whatever hides beyond: nothing is judged there.
    """
    if possible is not None:
        attack, reference = attack[possible], reference[possible]
    test, n = paired(reference, attack), len(attack)
    share, known = (float(flags.mean()) if n else 0.0 for flags in (attack, reference))
    said = f"with every editable letter free, gradient attacks break {share:.1%} of the records; other records' "
    said += f"letters or random ones written over them break {known:.1%}"
    if test.verdict != "none":
        said += f", among them {test.wins} that the attacks miss (p = {test.p:.2g}): the attacks are blind there"
    elif n and not attack.any() and not reference.any():
        said += ": nothing that was tried moves the prediction, so the model may be constant there; that is no masking"
    elif share < 0.99:
        said += "; the difference is too small, or rests on too few records, to count"
    values = {"attack": share, "reference": known, **test.values}
    return Evidence(check="unbounded_budget", verdict=test.verdict, n=n, values=values, explanation=said + ".")


# Shares of records ----------------------------------------------------------------------------------------------------


def _by_share(hits: int, n: int) -> Verdict:
    low = (wilson(hits, n) or [0.0])[0] if hits > HANDFUL else 0.0
    return "masked" if low >= MASK_SHARE else "suspected" if low >= SUSPECT_SHARE else "none"


def vanishing(steepness: Floats, moves: Bools) -> Evidence:
    """Are gradients nothing where the model does depend on its input?

    Args:
        steepness: (n,) largest entry of the gradient over permitted letters, relative to the numbers that the objective
            is made of.
        moves: (n,) whether anything that was tried within the budget, or one edit, changes the objective.

    A model that is truly constant around a record has no gradient there to hide.
    """
    n, flat = len(steepness), steepness < STEEPEST
    hidden = flat & moves
    verdict = _by_share(int(hidden.sum()), n)
    said = f"the gradient is below {STEEPEST:g} of the objective on {int(flat.sum())} of {n} records"
    if flat.any():
        said += f", on {int(hidden.sum())} of which the model does change with its input"
    values = {
        "vanishing": float(flat.mean()) if n else None,
        "hidden": float(hidden.mean()) if n else None,
        "hidden_ci": wilson(int(hidden.sum()), n),
        "median_steepness": float(np.median(steepness)) if n else None,
    }
    return Evidence(check="vanishing_gradients", verdict=verdict, n=n, values=values, explanation=said + ".")


def saturation(lead: Floats, *, probabilities: bool) -> Evidence:
    """Did the model give probabilities, and how many stand at the end of single precision?

    Args:
        lead: (n,) logits by which the prediction leads.
        probabilities: whether they were made from probabilities, and nothing more precise can be read.
    """
    n, hits = len(lead), int((lead >= CERTAIN).sum())
    if not probabilities:
        return Evidence(check="saturated_outputs", verdict="none", n=n, explanation="logits are known.")
    verdict: Verdict = "none" if _by_share(hits, n) == "none" else "suspected"
    said = (
        f"the model gives probabilities, of which {hits} of {n} differ from 1 by less than 1e-6, where rounding hides"
    )
    said += " what logits would show; what was squashed cannot be read off the model, so give its logits if it has any"
    if not hits:
        said = f"the model gives probabilities, none of {n} so near to 1 that rounding hides what logits would show"
    values = {"saturated": hits / n if n else None, "saturated_ci": wilson(hits, n)}
    return Evidence(check="saturated_outputs", verdict=verdict, n=n, values=values, explanation=said + ".")


def randomness(spread: Floats, size: Floats, lead: Floats, flips: Bools, *, draws: int = 1) -> Evidence:
    """Does the model say the same of one input twice?

    Args:
        spread: (n,) difference between repeats, of the output in which it is largest for its size.
        size: (n,) of that output.
        lead: (n,) by which the prediction leads; for regression the spread of predictions over records.
        flips: (n,) whether the prediction itself differed.
        draws: of a random model whose mean is evaluated and attacked; 1 for any other.

    Against noise, attacks have to average over it (Athalye et al. 2018); these do not, and a model that looks robust to
    them may not be.
    """
    n, noisy = len(spread), spread > NOISE * np.maximum(size, 1e-12)
    relative = float(np.median(spread / np.maximum(np.abs(lead), 1e-12))) if n else 0.0
    verdict = _by_share(int(noisy.sum()), n)
    if verdict == "masked" and relative < 0.05:
        verdict = "suspected"
    said = (
        f"asked again, the model gives another answer for {int(noisy.sum())} of {n} inputs and another prediction for"
    )
    said += f" {int(flips.sum())}"
    if verdict != "none":
        said += ": it is random, and attacks that do not average over its noise make it look robust"
    if draws > 1:
        said += f" (the model is random; evaluated and attacked is its mean over {draws} draws)"
    values = {
        "draws": draws,
        "noisy": float(noisy.mean()) if n else None,
        "flips": float(flips.mean()) if n else None,
        "median_noise_to_lead": relative,
    }
    return Evidence(check="random_outputs", verdict=verdict, n=n, values=values, explanation=said + ".")


STILL = 1e-6
"""A gain that is smaller than this share of the numbers it is made of is none."""


def standing_still(gained: Floats, size: Floats, possible: Bools) -> Evidence:
    """Does the objective rise with the budget?

    Args:
        gained: (n,) how much the objective rose from none to the largest budget, by the best gradient attack.
        size: (n,) of the numbers that the objective is made of.
        possible: (n,) whether anything that was tried within the largest budget raises it.
    """
    n, still = len(gained), gained <= STILL * np.maximum(size, 1e-12)
    stuck = still & possible
    said = f"gradient attacks raise the objective nowhere on {int(still.sum())} of {n} records"
    if still.any():
        said += f", {int(stuck.sum())} of which something else within the budget raises it"
    values = {"still": float(still.mean()) if n else None, "stuck_ci": wilson(int(stuck.sum()), n)}
    verdict = _by_share(int(stuck.sum()), n)
    return Evidence(check="objective_stands_still", verdict=verdict, n=n, values=values, explanation=said + ".")


def falling(success: Bools) -> Evidence:
    """Does a method lose with more letters what it had with fewer? (R, n, B) successes as the methods told them."""
    lost = (success[:, :, :-1] & ~success[:, :, 1:]).any((0, 2))
    n, hits = lost.shape[0], int(lost.sum())
    said = f"on {hits} of {n} records a method loses with a larger budget what it had found with a smaller one"
    return Evidence(
        check="success_falls", verdict=_by_share(hits, n), n=n, values={"lost": hits}, explanation=said + "."
    )


# Gradients and search -------------------------------------------------------------------------------------------------


def ranks(correlation: Floats) -> Evidence:
    """Do gradients rank single edits as their true effects do?

    Args:
        correlation: (n,) Spearman's of first-order against exact gains, over a sample of edits of each record whose
            edits differ in effect.
    """
    n = len(correlation)
    if n < 8:
        said = "too few records with edits of different effect to compare gradients with"
        return Evidence(check="gradient_ranks", verdict="none", n=n, explanation=said + ".")
    mean = float(correlation.mean())
    half = float(student.ppf(0.995, n - 1) * correlation.std(ddof=1) / np.sqrt(n))
    verdict: Verdict = "none"
    if mean + half < SUSPECT_RANK:
        verdict = "masked" if mean + half < MASK_RANK else "suspected"
    said = f"gradients rank single edits with a mean Spearman correlation of {mean:.2f} with their exact effects"
    if verdict != "none":
        said += ": hardly better than by lot, so attacks that follow them are misled"
    values = {"mean": mean, "ci99": [mean - half, mean + half], "median": float(np.median(correlation))}
    return Evidence(check="gradient_ranks", verdict=verdict, n=n, values=values, explanation=said + ".")


def convergence(success: Mapping[str, Bools], more: Sequence[str], seeing: Bools, found: Bools) -> Evidence:
    """Would more steps, or more restarts, have found more?

    Args:
        success: (n,) by setting of one attack.
        more: the settings of greater effort.
        seeing: (n,) broken by the evaluation's gradient attacks at that budget.
        found: (n,) broken by the evaluation at that budget.

    One attack may well gain by restarts. It is a sign only where they outdo all gradient attacks together.
    ``converged`` says that greater effort finds more than the evaluation on no more than one in fifty records.
    """
    n = len(found)
    tests = {name: paired(success[name], seeing, comparisons=len(more)) for name in more}
    best = max(tests, key=lambda name: (_ORDER.index(tests[name].verdict), tests[name].net))
    certain = tests[best].verdict != "none"
    beyond = int((np.any([success[name] for name in more], axis=0) & ~found).sum())
    values = {
        "success": {name: float(flags.mean()) if n else None for name, flags in success.items()},
        "success_ci": {name: wilson(int(flags.sum()), n) for name, flags in success.items()},
        "best": best,
        **tests[best].values,
        "beyond_evaluation": beyond,
        "converged": n > 0 and beyond <= n / 50 and not certain,
    }
    said = f"discrete PGD with {best} does better than all gradient attacks of the evaluation on {tests[best].wins} of "
    said += f"{n} records and worse on {tests[best].losses}; greater effort does better than the evaluation on {beyond}"
    return Evidence(
        check="convergence", verdict="suspected" if certain else "none", n=n, values=values, explanation=said + "."
    )


FLAT = 0.25
"""Share of single edits without any effect from which on a record stands on a plateau."""


def plateaus(flat: Floats, exact: Bools) -> Evidence:
    """Do edits do nothing at all to the margin, so that no search by scores has a slope to follow?

    Args:
        flat: (n,) share of each record's single edits that leave the margin exactly as it is, of those scored.
        exact: (n,) whether the record is broken, or every sequence within the largest budget was scored.

    Where everything was scored, or the record is broken anyway, a plateau hides nothing. By itself it accuses nobody:
    a model may well be robust there. ``often`` says that it may hide something on more than a few records.
    """
    n, on = len(flat), flat >= FLAT
    hidden = on & ~exact
    said = (
        f"on {int(on.sum())} of {n} records a quarter of the single edits or more do exactly nothing to the margin, on "
        f"{int(hidden.sum())} of which nothing was found and not every sequence was scored"
    )
    values = {
        "on_plateau": float(on.mean()) if n else None,
        "hidden": float(hidden.mean()) if n else None,
        "hidden_ci": wilson(int(hidden.sum()), n),
        "median_flat": float(np.median(flat)) if n else None,
        "often": _by_share(int(hidden.sum()), n) != "none",
    }
    return Evidence(check="plateaus", verdict="none", n=n, values=values, explanation=said + ".")


def missed(found: Bools, budget: str, left: int) -> Evidence:
    """Does scoring every sequence within a budget break what the evaluation did not?

    Args:
        found: (n,) of records that stand, whether any sequence at all reaches the goal.
        budget: at which.
        left: records that stand and have too many sequences to be scored.
    """
    n, hits = len(found), int(found.sum())
    if not n:
        said = "no record stands of which every sequence could be scored"
        return Evidence(check="exhaustive", verdict="none", n=0, values={"missed": 0}, explanation=said + ".")
    verdict = _by_share(hits, n)
    said = f"of {n} records that stand at budget {budget}, scoring every sequence breaks {hits}"
    said += f"; {left} more have too many sequences for that" if left else ""
    values = {"budget": budget, "missed": hits, "missed_ci": wilson(hits, n)}
    return Evidence(check="exhaustive", verdict=verdict, n=n, values=values, explanation=said + ".")


def no_gradient(reason: str, n: int) -> Evidence:
    """The model gives no gradient, or one that is not finite: white-box attacks cannot run at all.

    Args:
        reason: what went wrong.
        n: records that were attacked.
    """
    said = f"no gradient is to be had ({reason}), so what is left are attacks that need none"
    return Evidence(check=NO_GRADIENT, verdict="masked", n=n, explanation=said + ".")
