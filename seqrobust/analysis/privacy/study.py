"""Can it be told which records a model was trained on? Records asked about, shadow models trained, attacks compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.membership import find_copies
from seqrobust.analysis.privacy.findings import PrivacyFindings
from seqrobust.analysis.privacy.metrics import metrics_of, record_table, relatives, shift_of, split_units
from seqrobust.analysis.privacy.performance import label_notices
from seqrobust.analysis.privacy.pool import Pool, pool_of
from seqrobust.analysis.privacy.scores import all_scores, not_applicable
from seqrobust.analysis.privacy.settings import PrivacySettings
from seqrobust.analysis.privacy.shadows import shadows_of
from seqrobust.analysis.room import Work
from seqrobust.analysis.sides import Sides
from seqrobust.errors import ConfigError
from seqrobust.models import Predictor


@dataclass(frozen=True, kw_only=True)
class ResolvedSettings(PrivacySettings):
    """The settings, and the files that the recipe of shadow models names: a table of letters, a teacher."""

    recipe_files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class PrivacyReady:
    """What is audited; ``name`` is the model's."""

    name: str
    pool: Pool
    settings: ResolvedSettings

    @property
    def predictor(self) -> Predictor:
        """The audited model."""
        return self.pool.predictor


def prepare(sides: Sides, settings: PrivacySettings, opening: Opening) -> PrivacyReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises ConfigError for a recipe that cannot be used, and where none
    of the attacks that are asked for applies.
    """
    pool = pool_of(sides, settings, opening.seed)
    _require_an_attack(pool, settings.wanted)
    files = () if pool.recipe is None else pool.recipe.files
    return PrivacyReady(name=sides.name, pool=pool, settings=ResolvedSettings(**asdict(settings), recipe_files=files))


def _require_an_attack(pool: Pool, wanted: tuple[str, ...]) -> None:
    left_out = not_applicable(pool, wanted)
    if len(left_out) < len(wanted):
        return
    reasons = dict.fromkeys(left_out.values())
    raise ConfigError(
        "no attack is left",
        expected="one that needs no shadow models, or a recipe" if pool.why_none in reasons else "one such as loss",
        found="; ".join(reasons),
        where="--attacks",
    )


def study(ready: PrivacyReady, work: Work) -> PrivacyFindings:
    """Train shadow models where attacks need them, and attack; the shadow models of an interrupted run are read."""
    pool, settings = ready.pool, ready.settings
    for notice in pool.notices:
        work.notice(notice)
    copies = find_copies(*pool.sides, identity=settings.identity, seed=work.seed)
    related = relatives(pool, copies, identity=settings.identity, seed=work.seed)
    together = related.numbers
    shift = shift_of(pool, together)
    notices = [*related.notices, *([copies.warning] if copies.warning else []), *shift.warnings]
    shadows = None
    if pool.recipe is not None and settings.wants_shadows:
        units = split_units(pool, copies, together)
        shadows = shadows_of(pool, pool.recipe, work.parts, work.progress, seed=work.seed, clusters=units)
    work.progress.start("attacks", 1)
    scores = all_scores(pool, shadows, settings, work)
    notices += scores.notices
    notices += [f"{names} left out: {reason}" for reason, names in _by_reason(scores.left_out).items()]
    metrics = metrics_of(pool, scores, copies, shift, shadows, together, work.seed)
    notices += label_notices(pool, metrics["performance"])
    work.progress.advance(1)
    for notice in notices:
        work.notice(notice)
    return PrivacyFindings(
        name=ready.name,
        results=record_table(pool, scores, copies, metrics["best_attack"]),
        metrics=metrics | {"notices": [*pool.notices, *notices]},
        scores={name: score.values for name, score in scores.found.items()},
        is_member=pool.is_member,
        draw=settings.draw,
    )


def _by_reason(left_out: dict[str, str]) -> dict[str, str]:
    """Reason to the names of the attacks left out for it."""
    joined: dict[str, str] = {}
    for name, reason in left_out.items():
        joined[reason] = f"{joined[reason]}, {name}" if reason in joined else name
    return joined
