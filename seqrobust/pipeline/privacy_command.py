"""``seqrobust privacy`` without its command line: a model, members and non-members in; how well they are told apart
out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from seqrobust.analysis.membership import find_copies
from seqrobust.errors import ConfigError
from seqrobust.files import replacing
from seqrobust.pipeline.privacy_metrics import metrics_of, record_table, relatives, shift_of, split_units
from seqrobust.pipeline.privacy_picture import draw_privacy
from seqrobust.pipeline.privacy_scores import all_scores
from seqrobust.pipeline.privacy_settings import WITH_SHADOWS
from seqrobust.pipeline.privacy_setup import Pool, PrivacyCommand, fingerprint, open_pool
from seqrobust.pipeline.privacy_shadows import PARTS, shadows_of
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder

__all__ = ["PrivacyCommand", "privacy_command"]

_OUTPUTS = ("results.parquet", "privacy.png", "metrics.json")


def privacy_command(call: PrivacyCommand, progress: Progress) -> dict[str, Any]:
    """Audit, and leave ``metrics.json``, ``results.parquet``, ``privacy.png``, ``manifest.json`` and the answers of
    shadow models (``parts/``) in the folder. Gives what ``metrics.json`` holds.

    Raises InputError for a model, file or option that cannot be used, before anything is written.
    """
    pool = open_pool(call, progress)
    _check_attacks(call, pool)
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call),
        inputs=call.files,
        fingerprint=fingerprint(call),
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=(PARTS, *_OUTPUTS),
    )
    notices: list[str] = []
    copies = find_copies(*pool.sides, identity=call.identity, seed=call.seed)
    together = relatives(pool, copies, identity=call.identity, seed=call.seed)
    shift = shift_of(pool, together)
    notices += [text for text in (copies.warning, shift[0] and shift[0].warning) if text]
    needed = pool.recipe is not None and any(name in WITH_SHADOWS for name in call.wanted)
    shadows = None
    if needed and pool.recipe is not None:
        shadows = shadows_of(
            pool, pool.recipe, folder.path, progress, seed=call.seed, clusters=split_units(pool, copies, together)
        )
    progress.start("attacks", 1)
    scores = all_scores(pool, shadows, call.wanted, prior=call.prior, seed=call.seed)
    notices += scores.notices
    notices += [f"{names} left out: {reason}" for reason, names in _by_reason(scores.left_out).items()]
    metrics = metrics_of(pool, scores, copies, shift, shadows, together, call.seed)
    metrics["notices"] = [*pool.notices, *notices]
    progress.advance(1)
    with replacing(folder.path / "results.parquet") as temporary:
        record_table(pool, scores, copies, metrics["best_attack"]).to_parquet(temporary, index=False)
    if call.draw:
        values = {name: score.values for name, score in scores.found.items()}
        draw_privacy(folder.path / "privacy.png", values, pool.is_member, metrics)
    for notice in notices:
        progress.say(notice)
    folder.write_json("metrics.json", metrics)
    predictor = pool.predictor
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=metrics["notices"],
    )
    return metrics


def _check_attacks(call: PrivacyCommand, pool: Pool) -> None:
    """Refuse before anything is written what leaves nothing to do."""
    if call.recipe is None and pool.recipe is None and all(name in WITH_SHADOWS for name in call.wanted):
        raise ConfigError(
            "no attack is left",
            expected="one that needs no shadow models, or a recipe",
            found=pool.why_none,
            where="--attacks",
        )


def _by_reason(left_out: dict[str, str]) -> dict[str, str]:
    """Reason to the names of the attacks left out for it."""
    joined: dict[str, str] = {}
    for name, reason in left_out.items():
        joined[reason] = f"{joined[reason]}, {name}" if reason in joined else name
    return joined
