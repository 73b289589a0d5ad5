"""``seqrobust uncertainty`` without its command line: members and data in; doubt, detection and purification out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from torch import Tensor

from seqrobust.analysis.intervals import wilson
from seqrobust.analysis.uncertainty.parts import Materials, detection, epistemic, gather, purification, selective
from seqrobust.analysis.uncertainty.selective import RiskCoverage
from seqrobust.analysis.uncertainty.study import Study, find, found_before, measured, random_edits
from seqrobust.errors import ConfigError, DataError
from seqrobust.files import replacing
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import AttackSettings, rule_files, settings_fingerprint
from seqrobust.pipeline.inputs import DataSource, input_fingerprint
from seqrobust.pipeline.uncertainty_picture import draw_uncertainty
from seqrobust.pipeline.uncertainty_setup import Ready, defences, make_ready
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder, plain

Part = Literal["epistemic", "detection", "selective", "purification"]
PARTS: tuple[Part, ...] = get_args(Part)
PURIFIERS = ("denoise", "vote")
ATTACKS = ("one_step", "discrete_pgd_5", "exchange")
"""Searches where none are named: every detector and defence is attacked by itself."""


@dataclass(frozen=True, kw_only=True)
class UncertaintyCommand:
    """Everything a call of ``seqrobust uncertainty`` says.

    Attributes:
        model, members, dropout: the first member; checkpoints of others, or draws of the first one's dropout.
        data, settings: what is attacked, and how.
        out: folder to write to.
        attack: folder of an attack whose sequences are looked at instead of those of a fresh one.
        parts: which questions are asked.
        purify: which purifications are tried.
        fit_split, order: what background and density are fitted to, and the background's order.
        flagged: share of natural records that a detector may flag.
        risk: error at which coverage is told; None for none.
        replaced, noise, draws: of the purifications; see :func:`~seqrobust.pipeline.uncertainty_setup.defences`.
        seed, device, batch_size, memory, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    data: DataSource
    settings: AttackSettings
    out: Path
    members: tuple[Path, ...] = ()
    dropout: int | None = None
    attack: Path | None = None
    parts: tuple[Part, ...] = field(default=PARTS)
    purify: tuple[str, ...] = PURIFIERS
    fit_split: str | None = None
    order: int = 3
    flagged: float = 0.05
    risk: float | None = 0.05
    replaced: float = 0.05
    noise: float = 0.1
    draws: int = 10
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    memory: int | None = None
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        for option, given, known in (("--part", self.parts, PARTS), ("--purify", self.purify, PURIFIERS)):
            if unknown := [name for name in given if name not in known]:
                raise ConfigError("unknown value", expected=", ".join(known), found=repr(unknown[0]), where=option)
        for option, share in (("--flagged", self.flagged), ("--replaced", self.replaced), ("--noise", self.noise)):
            if not 0 < share < 1:
                raise ConfigError("a share lies between 0 and 1", found=f"{share:g}", where=option)
        if self.draws < 1:
            raise ConfigError("a mean is over draws", expected="1 or more", found=str(self.draws), where="--draws")

    @property
    def table(self) -> Path | None:
        """The earlier attack's table."""
        if self.attack is None or self.attack.is_file():
            return self.attack
        return self.attack / "results.parquet"


def uncertainty_command(call: UncertaintyCommand, progress: Progress) -> dict[str, Any]:
    """Ask, and leave ``metrics.json``, ``uncertainty.parquet``, ``uncertainty.png`` and ``manifest.json``.

    Raises InputError for a model, file, threat or option that cannot be used, before anything is written.
    """
    earlier = _earlier(call)
    ready = make_ready(
        call.model,
        call.members,
        call.dropout,
        call.data,
        call.settings,
        progress,
        fit_split=call.fit_split,
        order=call.order,
        among=None if earlier is None else set(earlier["id"]),
        memory=call.memory,
        seed=call.seed,
        device=call.device,
        batch_size=call.batch_size,
    )
    tables = [] if call.table is None else [call.table]
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call),
        inputs=[
            *call.model.files,
            *call.members,
            *call.data.files,
            *tables,
            *rule_files(call.settings.allow, call.settings.constraints),
        ],
        fingerprint=_fingerprint(call),
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=(),
    )
    has = _materials(ready.study, earlier, call, progress)
    metrics, raised, curves = _answered(call, ready, has, progress)
    with replacing(folder.path / "uncertainty.parquet") as temporary:
        record_table(ready.study, has, raised).to_parquet(temporary, index=False)
    draw_uncertainty(folder.path / "uncertainty.png", metrics, curves)
    folder.write_json("metrics.json", metrics)
    predictor = ready.study.predictor
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": "logits"},
        notices=list(ready.notices),
    )
    return metrics


def _fingerprint(call: UncertaintyCommand) -> dict[str, Any]:
    own = ("members", "dropout", "attack", "parts", "purify", "fit_split", "order", "flagged", "risk", "replaced")
    said = {name: getattr(call, name) for name in (*own, "noise", "draws", "seed")}
    return {**input_fingerprint(call.model, call.data), **said, **settings_fingerprint(call.settings)}


def _earlier(call: UncertaintyCommand) -> pd.DataFrame | None:
    if call.table is None:
        return None
    try:
        table: pd.DataFrame = pd.read_parquet(call.table, columns=["id", "budget", "adversarial_sequence"])
    except (OSError, ValueError) as error:
        raise DataError(
            "the earlier attack's table cannot be read", found=str(error).splitlines()[0], where=str(call.table)
        ) from None
    if any(budget.percent for budget in call.settings.budgets):
        raise ConfigError("an earlier attack is read by numbers of edits", found=f"--budget {call.settings.budget}")
    return table


def _materials(study: Study, earlier: pd.DataFrame | None, call: UncertaintyCommand, progress: Progress) -> Materials:
    if earlier is None:
        found = find(study, study.predictor, study.goal, _stage(progress, "attack"))
    else:
        found = found_before(study, earlier, str(call.table))
    return gather(study, found, random_edits(study, found.tokens))


def _stage(progress: Progress, name: str) -> Callable[[float], None]:
    progress.start(name, 100)
    return lambda share: progress.advance(100 * share)


def _answered(
    call: UncertaintyCommand, ready: Ready, has: Materials, progress: Progress
) -> tuple[dict[str, Any], Tensor | None, dict[str, RiskCoverage]]:
    study = ready.study
    metrics: dict[str, Any] = _described(call, study, has)
    raised, curves = None, dict[str, RiskCoverage]()
    if "epistemic" in call.parts and study.panel.members > 1:
        metrics["epistemic"], raised = epistemic(study, has, call.flagged, _stage(progress, "disagreement"))
    if "detection" in call.parts:
        metrics["detection"] = detection(study, has, call.flagged, _stage(progress, "detectors"))
    if "selective" in call.parts:
        metrics["selective"], curves = selective(study, has, call.risk)
    if "purification" in call.parts:
        tried = defences(ready, call.purify, replaced=call.replaced, noise=call.noise, draws=call.draws)
        metrics["purification"] = {
            one.name: purification(study, has, one, _stage(progress, f"purification: {one.name}")) for one in tried
        }
    said: dict[str, Any] = plain(metrics)
    return said, raised, curves


def _described(call: UncertaintyCommand, study: Study, has: Materials) -> dict[str, Any]:
    n = len(study.sequences)
    head: dict[str, Any] = {
        "task": study.task,
        "goal": study.goal.describe(study.predictor.labels or ()),
        "threat": study.threat.describe(),
        "attacks": [attack.name for attack in study.attacks],
        "members": study.panel.members,
        "member_kind": "dropout" if call.dropout else "checkpoints",
        "n": n,
        "n_calibration": len(study.calibration),
        "order": call.order,
        "flagged": call.flagged,
        "budgets": [],
    }
    if study.task != "regression":
        right = int(study.right(has.clean).sum())
        head |= {"clean_accuracy": right / n, "clean_accuracy_ci": wilson(right, n)}
    for level, budget in enumerate(study.budgets):
        kinds = {"clean": has.clean, "random_edits": has.control[:, level], "attacked": has.attacked[:, level]}
        robust = int((has.found.attackable & ~has.found.reached[:, level]).sum())
        head["budgets"].append(
            {
                "budget": str(budget),
                "robust": robust / n,
                "robust_ci": wilson(robust, n),
                "means": {
                    kind: {name: float(value.mean()) for name, value in measured(study.panel, columns).items()}
                    for kind, columns in kinds.items()
                },
            }
        )
    return head


def record_table(study: Study, has: Materials, raised: Tensor | None) -> pd.DataFrame:
    """A row per record, budget and kind of sequence, with its uncertainties and scores."""
    parts = [_rows(study, has.clean, "natural", "0", None)]
    for level, budget in enumerate(study.budgets):
        text = str(budget)
        parts.append(_rows(study, has.control[:, level], "random edits", text, None))
        parts.append(_rows(study, has.attacked[:, level], "attacked", text, has.found.reached[:, level]))
        if raised is not None:
            parts.append(_rows(study, raised[:, level], "disagreement", text, None))
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return table


def _rows(study: Study, columns: Tensor, kind: str, budget: str, reached: Any) -> pd.DataFrame:
    values = {"id": list(study.sequences.ids), "kind": kind, "budget": budget, "loss": study.loss(columns)}
    table: pd.DataFrame = pd.DataFrame({**values, **measured(study.panel, columns)})
    table["success"] = pd.array(np.full(len(table), None) if reached is None else reached, dtype="boolean")
    return table
