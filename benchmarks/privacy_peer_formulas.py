"""LiRA, RMIA and the shadow attack by their published formulas and scipy's distributions, record by record.

Nothing is shared with the library but the logits: phi, means and ratios are computed anew, in plain probabilities where
a paper has them. For ``privacy_peers.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from privacy_peer_attacks import Audit, Floats, left_out
from scipy.special import expit, softmax
from scipy.stats import beta, norm

from seqrobust.analysis.membership import fit_shadows, offline_confidence


def phi_of(logits: Floats, classes: NDArray[np.int64]) -> Floats:
    """(..., N) log p / (1 - p) of the true class, with 1 - p as the sum of the others, in the longest numbers."""
    p = softmax(logits.astype(np.longdouble), axis=-1)
    true = np.arange(p.shape[-1]) == classes[:, None]
    return np.asarray(np.log(np.where(true, p, 0).sum(-1) / np.where(true, 0, p).sum(-1)), np.float64)


def lira(phi: Floats, shadows: Floats, inside: NDArray[np.bool_], *, pooled: bool) -> tuple[Floats, Floats]:
    """(N,) log-likelihood ratios and (N,) Phi((phi - mu_out) / sigma_out) (Carlini et al. 2022, algorithm 1)."""
    spreads = {}
    for seen in (True, False):
        groups = [shadows[inside[:, record] == seen, record] for record in range(len(phi))]
        squares = sum(((group - group.mean()) ** 2).sum() for group in groups)
        whole = np.sqrt(squares / sum(len(group) - 1 for group in groups))
        spreads[seen] = [whole if pooled else group.std(ddof=1) for group in groups]
    ratio, confidence = np.empty(len(phi)), np.empty(len(phi))
    for record, value in enumerate(phi):
        held, others = (
            norm(shadows[inside[:, record] == seen, record].mean(), spreads[seen][record]) for seen in (True, False)
        )
        ratio[record] = held.logpdf(value) - others.logpdf(value)
        confidence[record] = others.cdf(value)
    return ratio, confidence


def rmia(audit: Audit, offline: float | None) -> Floats:
    """(N,) shares of the population that are beaten (Zarifzadeh, Liu & Shokri 2024), gamma 1."""
    p, models, z = audit.own.confidence, audit.shadows.confidence, audit.others.confidence
    out_z = audit.other_shadows.confidence.mean(0)
    mean_z = out_z if offline is None else ((1 + offline) * out_z + 1 - offline) / 2
    found = np.empty(len(p))
    for record, value in enumerate(p):
        seen = audit.inside[:, record]
        held, out = models[seen, record].mean(), models[~seen, record].mean()
        mean = (held + out) / 2 if offline is None else ((1 + offline) * out + 1 - offline) / 2
        found[record] = ((value / mean) / (z / mean_z) >= 1).mean()
    return found


def beta_ratio(audit: Audit, phi: Floats, shadows: Floats) -> Floats:
    """(N,) log f_in / f_out of the confidence, Beta distributions by scipy's fit, class by class."""
    found = np.empty(len(phi))
    for number in np.unique(audit.classes):
        chosen = audit.classes == number
        confidence, seen = expit(shadows[:, chosen]), audit.inside[:, chosen]
        held, others = (beta(*beta.fit(confidence[part], floc=0, fscale=1)) for part in (seen, ~seen))
        found[chosen] = held.logpdf(expit(phi[chosen])) - others.logpdf(expit(phi[chosen]))
    return found


def shifted_offline(audit: Audit, shift: float) -> Floats:
    """(N,) z of LiRA offline, where a little is added to the losses that phi of the references is taken from.

    Privacy Meter's ``logit_rescale_threshold_func`` does so, with 1e-6: phi above 13.8 all become about that.
    """
    losses = left_out(audit, audit.shadows.loss) + shift
    phi = -losses - np.log(-np.expm1(-losses))
    found: Floats = (audit.own.margin - phi.mean(0)) / phi.std(0)
    return found


def largest_differences(audit: Audit, ours: Mapping[str, Floats], offline: float) -> Iterator[tuple[str, str]]:
    """What is compared, and the largest difference, from our scores by name."""
    phi, shadows = phi_of(audit.logits, audit.classes), phi_of(audit.shadow_logits, audit.classes)
    yield "phi", _apart([(audit.own.margin, phi), (audit.shadows.margin.ravel(), shadows.ravel())])
    pairs = []
    for ending, pooled in (("", True), (", own spread", False)):
        ratio, confidence = lira(phi, shadows, audit.inside, pooled=pooled)
        pairs.append((ours[f"LiRA online{ending}"], ratio))
        yield f"LiRA offline{ending}, Phi(z)", _apart([(offline_confidence(ours[f"LiRA offline{ending}"]), confidence)])
    yield "LiRA online, of log ratios up to " + f"{np.abs(pairs[1][1]).max():.0f}", _apart(pairs)
    for name, a in (("online", None), ("offline", offline)):
        yield f"RMIA {name}", _apart([(ours[f"RMIA {name}"], rmia(audit, a))])
    # Where a confidence is 1 in 64 bits scipy has no Beta of it; ours is fitted to phi.
    if max(float(expit(phi).max()), float(expit(shadows).max())) == 1:
        yield "shadow, beta", "scipy cannot fit it, for there are confidences of 1"
        return
    fitted = fit_shadows(
        shadows.ravel(), audit.inside.ravel(), np.tile(audit.classes, len(shadows)), family="beta"
    ).log_ratio(phi, audit.classes)
    yield "shadow, beta", _apart([(fitted, beta_ratio(audit, phi, shadows))])


def _apart(pairs: list[tuple[Floats, Floats]]) -> str:
    return f"{max(float(np.abs(one - other).max()) for one, other in pairs):.1e} at most"
