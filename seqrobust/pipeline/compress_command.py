"""``seqrobust compress`` without its command line: is a smaller model as accurate and as robust as the original?

Every compressed copy stands under the attack that the original stands under; sequences found on either are shown to the
other. Copies with ordinary weights are saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.compression import DEFAULT_BY_LAYER, DEFAULT_METHODS, Compressed, layers_of, method_named
from seqrobust.files import replacing
from seqrobust.models import ModelCard, SequenceModel, load_checkpoint, save_checkpoint
from seqrobust.models.predictor import Predictor
from seqrobust.pipeline.attack_command import AttackCommand, fingerprint, prepared, resolved_names
from seqrobust.pipeline.attack_stage import rule_files
from seqrobust.pipeline.compress_picture import draw_compression
from seqrobust.pipeline.compress_runs import PARTS, CompressRuns, Variant, calibration_of, opened_student, variants_of
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder, plain

_OUTPUTS = ("compress.parquet", "compress.png", "metrics.json")


@dataclass(frozen=True, kw_only=True)
class CompressCommand:
    """Everything a call of ``seqrobust compress`` says.

    Attributes:
        attack: model, data and the attack that every copy stands under.
        methods: ways to compress the whole model.
        by_layer: ways to compress one layer at a time; empty for none.
        students: checkpoints of smaller models, trained by themselves (distilled, say), that are set beside the copies.
        save: whether copies with ordinary weights are saved.
        draw: whether to draw.
    """

    attack: AttackCommand
    methods: tuple[str, ...] = DEFAULT_METHODS
    by_layer: tuple[str, ...] = DEFAULT_BY_LAYER
    students: tuple[Path, ...] = ()
    save: bool = True
    draw: bool = True

    def __post_init__(self) -> None:
        for name in (*self.methods, *self.by_layer):
            method_named(name)


def compress_command(call: CompressCommand, progress: Progress) -> dict[str, Any]:
    """Compress in every way asked for, and leave ``metrics.json``, ``compress.parquet``, ``compress.png``,
    ``manifest.json`` and ``models/NAME/model.ckpt`` in the folder. Gives what ``metrics.json`` holds.

    Raises InputError for a model, file, method or attack that cannot be used, before anything is written.
    """
    attack = call.attack
    predictor, sequences, targets = prepared(attack, progress)
    settings = resolved_names(attack.settings, sequences)
    layers = layers_of(predictor.module)
    ways, alone = ([method_named(name) for name in names] for names in (call.methods, call.by_layer))
    variants = variants_of(predictor, ways, alone, call.students)
    students = {
        path: opened_student(path, predictor, device=attack.device, batch_size=attack.batch_size)
        for path in call.students
    }
    folder = _folder(call)
    folder.parts.mkdir(exist_ok=True)
    runs = CompressRuns(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        settings=settings,
        calibration=calibration_of(sequences, attack.seed),
        parts=folder.parts,
        progress=progress,
        seed=attack.seed,
        memory=attack.memory,
    )
    found, table = _all_variants(call, runs, variants, students, folder)
    metrics: dict[str, Any] = {
        "task": predictor.task,
        "attacks": list(settings.attacks),
        "layers": [
            {"name": name, "kind": kind, "weights": _count(layers.weights[name])} for name, kind in layers.kinds.items()
        ],
        "unknown_layers": list(layers.unknown),
        "held_layers": list(layers.held),
        "original": found[0],
        "variants": found[1:],
    }
    with replacing(folder.path / "compress.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    folder.write_json("metrics.json", metrics)
    if call.draw:
        draw_compression(folder.path / "compress.png", metrics)
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=[*predictor.notices, *runs.notices],
    )
    said: dict[str, Any] = plain(metrics)
    return said


def _count(weights: Any) -> int:
    return sum(weight.numel() for weight in weights.values())


def _all_variants(
    call: CompressCommand,
    runs: CompressRuns,
    variants: list[Variant],
    students: Mapping[Path, Predictor],
    folder: RunFolder,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    limit = runs.settings.max_records
    count = len(runs.sequences) if limit is None else min(limit, len(runs.sequences))
    runs.progress.start("compress", len(variants) * count)
    original = runs.original()
    found = [runs.metrics(variants[0], original)]
    tables = [runs.rows(variants[0], original)]
    saver = _Saver(call, runs, folder)
    for number, variant in enumerate(variants[1:], start=1):
        if variant.student is not None:
            predictor = students[variant.student]
            more: dict[str, Any] = _student_sizes(runs.predictor, predictor) | {"checkpoint": str(variant.student)}
        else:
            copy = runs.made(variant)
            predictor = copy.predictor
            more = {"zeros": copy.zeros, "bits_per_weight": copy.bits, "checkpoint": saver.save(copy)}
        metrics, rows = runs.run(variant, predictor, number, original)
        found.append(metrics | more)
        tables.append(rows)
    return found, pd.concat(tables, ignore_index=True)


def _student_sizes(teacher: Predictor, student: Predictor) -> dict[str, float]:
    """The bits of a weight are counted over the teacher's weights."""
    share = layers_of(student.module).count / layers_of(teacher.module).count
    return {"zeros": 0.0, "bits_per_weight": 32 * share}


class _Saver:
    """Writes copies as checkpoints, where the model is one of ours and the copy has ordinary weights."""

    def __init__(self, call: CompressCommand, runs: CompressRuns, folder: RunFolder) -> None:
        source = call.attack.model
        self.wanted = call.save and not source.is_reference
        self.card: ModelCard | None = load_checkpoint(Path(source.model))[1] if self.wanted else None
        self.folder = folder.path
        self.source = source.model

    def save(self, copy: Compressed) -> str | None:
        """The checkpoint's path in the folder; None where there is none."""
        module = copy.predictor.module
        if (
            self.card is None
            or copy.layer is not None
            or not copy.method.plain
            or not isinstance(module, SequenceModel)
        ):
            return None
        own = f"models/{copy.method.name}/model.ckpt"
        path = self.folder / own
        path.parent.mkdir(parents=True, exist_ok=True)
        made = {"method": copy.method.name, "source": self.source, "zeros": copy.zeros, "bits_per_weight": copy.bits}
        # An earlier version's card names fewer hyper-parameters; the module knows what it was built with.
        card = replace(
            self.card,
            hyperparameters=dict(module.hyperparameters),
            provenance={**self.card.provenance, "compression": made},
        )
        save_checkpoint(path, module, card)
        return own


def _folder(call: CompressCommand) -> RunFolder:
    attack = call.attack
    return RunFolder(
        attack.out,
        command=attack.command,
        config=asdict(call),
        inputs=[
            *attack.model.files,
            *attack.data.files,
            *call.students,
            *rule_files(attack.settings.allow, attack.settings.constraints),
        ],
        fingerprint={
            **fingerprint(attack, attack.settings),
            "methods": call.methods,
            "by_layer": call.by_layer,
            "students": [str(path) for path in call.students],
        },
        resume=attack.resume,
        overwrite=attack.overwrite,
        leftovers=(PARTS, *_OUTPUTS),
    )
