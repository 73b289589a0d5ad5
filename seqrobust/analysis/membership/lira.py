"""LiRA, the likelihood-ratio attack: is this record's phi what models give that saw it, or what others give?

Each record is its own reference: phi of shadow models that trained on it, and of those that did not, are taken as
normal, and the audited model's phi is judged by their likelihoods (Carlini et al. 2022, "Membership inference attacks
from first principles", algorithm 1). Offline only models that did not train on it are asked. Each side has a mean and a
spread of its own; the offline attack is one-sided, for a member's phi lies above, never below.

Variances are without bias: over n - 1, and pooled over the sum of n - 1. The authors' published code differs: it
divides by n, which makes the spread of few models too small, centres on medians, and its one spread for all records is
that between records too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from seqrobust.analysis.membership.given import as_marks
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError

Spread: TypeAlias = Literal["auto", "pooled", "own"]
Queries: TypeAlias = Literal["multivariate", "independent"]
ENOUGH = 64
"""Shadow models from which on a record's own variance is better than that of all records together."""
_RIDGE = 1e-6
"""Share of the mean variance that is added to each query's, for queries that hardly differ."""
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """Normal distributions of N records' phi under Q queries: means (N, Q), covariances (N, Q, Q) or (1, Q, Q)."""

    mean: Floats
    covariance: Floats


def lira_online(
    target: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    *,
    spread: Spread = "auto",
    queries: Queries = "multivariate",
) -> Floats:
    """(N,) log N(phi; in) - log N(phi; out).

    Args:
        target: (N,) phi of the audited model, or (N, Q) of Q queries of each record, such as its other strand.
        shadows: (M, N) or (M, N, Q) phi of M shadow models.
        inside: (M, N) whether a model trained on a record.
        spread: variances of each record's ``own``, or ``pooled`` over the records; ``auto`` pools below
            :data:`ENOUGH` models.
        queries: taken as jointly normal (``multivariate``), or as ``independent``.

    Raises DataError for a record that no model, or every model, trained on; for own variances of too few models; and
    for phi that is not finite.
    """
    phi, models, used = _checked(target, shadows, inside)
    kind = _kind(spread, len(models))
    held = _side(models, used, kind, queries, "trained on")
    others = _side(models, ~used, kind, queries, "left out")
    return _log_density(phi, held) - _log_density(phi, others)


def lira_offline(
    target: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike | None = None,
    *,
    spread: Spread = "auto",
    queries: Queries = "multivariate",
) -> Floats:
    """(N,) z = (phi - mu_out) / sigma_out, from models that did not train on a record; all of them where ``inside`` is
    None.

    Phi(z), the chance that a model which never saw it were less sure, is the attack's density
    (:func:`offline_confidence`). z has the same order, and no ties where Phi is 1 in every digit. Several queries are
    weighed so that an equal rise of all is told best: 1' S^-1 (phi - mu) / sqrt(1' S^-1 1), S their covariance.
    Arguments and errors as in :func:`lira_online`.
    """
    inside = np.zeros(np.shape(shadows)[:2], bool) if inside is None else inside
    phi, values, used = _checked(target, shadows, inside)
    others = _side(values, ~used, _kind(spread, len(values)), queries, "left out")
    # (N, Q) or (1, Q): what a rise of every query by one is worth.
    weights = np.linalg.solve(others.covariance, np.ones((1, phi.shape[1], 1)))[..., 0]
    found: Floats = (weights * (phi - others.mean)).sum(1) / np.sqrt(weights.sum(1))
    return found


def offline_confidence(z: Floats) -> Floats:
    """(N,) Phi(z) of :func:`lira_offline`: 1 less the false-positive rate if phi of non-members is normal."""
    found: Floats = ndtr(z)
    return found


def _kind(spread: Spread, models: int) -> Spread:
    if spread != "auto":
        return spread
    return "pooled" if models < ENOUGH else "own"


def _checked(target: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(N, Q), (M, N, Q) and (M, N)."""
    used = as_marks(inside, "whether a model trained on a record")
    phi, models = np.asarray(target, np.float64), np.asarray(shadows, np.float64)
    phi = phi[:, None] if phi.ndim == 1 else phi
    models = models[:, :, None] if models.ndim == 2 else models
    if models.ndim != 3 or models.shape[1:] != phi.shape or used.shape != models.shape[:2]:
        raise DataError(
            "phi of the audited model, of the shadow models, and who trained on what do not fit",
            expected="(N,) or (N, Q), (M, N) or (M, N, Q), and (M, N)",
            found=f"{np.shape(target)}, {np.shape(shadows)}, {used.shape}",
        )
    if not (np.isfinite(phi).all() and np.isfinite(models).all()):
        raise DataError("phi is not finite", fix="leave out the shadow model that diverged")
    return phi, models, used


def _side(models: Floats, used: NDArray[np.bool_], kind: Spread, queries: Queries, which: str) -> Side:
    """Means and covariances of the models that ``used`` (M, N) marks."""
    width = models.shape[2]
    counts = used.sum(0)
    least = 1 if kind == "pooled" else max(2, width + 1 if queries == "multivariate" else 2)
    if (counts < least).any():
        first = int(np.argmin(counts))
        raise DataError(
            f"too few shadow models {which} a record",
            expected=f"{least} or more",
            found=str(int(counts[first])),
            where=f"record number {first + 1}",
            fix="train more shadow models, or use the offline attack" + ("" if kind == "pooled" else ", or pool"),
        )
    weight = used[:, :, None].astype(np.float64)
    mean = (models * weight).sum(0) / counts[:, None]
    rest = (models - mean) * weight
    if kind == "pooled":
        freedom = int((counts - 1).sum())
        if freedom < 1:
            raise DataError(f"no record has two shadow models {which} it", fix="train more shadow models")
        covariance = np.einsum("mnq,mnr->qr", rest, rest)[None] / freedom
    else:
        covariance = np.einsum("mnq,mnr->nqr", rest, rest) / (counts - 1)[:, None, None]
    return Side(mean=mean, covariance=_positive(covariance, queries))


def _positive(covariance: Floats, queries: Queries) -> Floats:
    """The covariance, made invertible; its diagonal alone for independent queries."""
    identity = np.eye(covariance.shape[-1])
    if queries == "independent":
        covariance = covariance * identity
    if covariance.shape[-1] == 1:
        return np.maximum(covariance, _TINY)
    scale = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / covariance.shape[-1]
    return np.asarray(covariance + np.maximum(_RIDGE * scale, _TINY) * identity, np.float64)


def _log_density(phi: Floats, side: Side) -> Floats:
    """(N,) less the constant that both sides share."""
    rest = (phi - side.mean)[:, :, None]
    distance = (rest * np.linalg.solve(side.covariance, rest))[:, :, 0].sum(1)
    found: Floats = -(distance + np.linalg.slogdet(side.covariance)[1]) / 2
    return found
