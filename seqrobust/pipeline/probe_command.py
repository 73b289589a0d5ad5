"""``seqrobust probe`` without its command line: is a model right for the right reason?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.probe import Places, accepted_letters, divide, functional_names, parse_writing
from seqrobust.attacks import Problem
from seqrobust.errors import ConfigError, ThreatError
from seqrobust.files import replacing
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_command import AttackCommand, prepared, resolved_names
from seqrobust.pipeline.attack_stage import (
    AttackSettings,
    attack_problem,
    rule_files,
    settings_fingerprint,
    write_results,
)
from seqrobust.pipeline.inputs import DataSource, input_fingerprint, split_names
from seqrobust.pipeline.probe_page import write_page
from seqrobust.pipeline.probe_picture import draw_probe
from seqrobust.pipeline.probe_stage import PARTS, ProbeParts, Stage, measured
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder, plain
from seqrobust.sequences import SequenceSet
from seqrobust.threats.constraints.matrices import WeightMatrix, read_matrices


@dataclass(frozen=True, kw_only=True)
class ProbeCommand:
    """Everything a call of ``seqrobust probe`` says.

    Attributes:
        model, data: what is asked, about what.
        settings: of the attack; its budget is spent in functional and in other positions alike.
        functional: names of functional regions; all that the records name where there are none.
        motifs: files of weight matrices that edits are matched with.
        write: words to be written, ``NAME=WORD`` or ``NAME=WORD@REGION``.
        report: whether to write ``probe.html`` and ``probe.png``.
        out, seed, device, batch_size, memory, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    data: DataSource
    settings: AttackSettings
    out: Path
    functional: tuple[str, ...] = ()
    motifs: tuple[Path, ...] = ()
    write: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    memory: int | None = None
    resume: bool = False
    overwrite: bool = False
    report: bool = True
    command: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeOutcome:
    """Metrics, and what pictures are made of."""

    metrics: dict[str, Any]
    parts: ProbeParts


def probe_command(call: ProbeCommand, progress: Progress) -> ProbeOutcome:
    """Probe, and leave ``metrics.json``, ``results.parquet`` (a row per record, budget and ``arm``), ``adversarial.fa``
    (flipped without a functional letter), ``probe.png``, ``probe.html`` and ``manifest.json`` in the folder.

    Raises InputError for a model, file, region, budget, motif or word that cannot be used, before anything is written.
    """
    stage = _stage(call, progress)
    predictor = stage.problem.predictor
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call) | {"functional": stage.places.names},
        inputs=[*call.model.files, *call.data.files, *call.motifs, *rule_files(call.settings.allow)],
        fingerprint={
            **input_fingerprint(call.model, call.data),
            "seed": call.seed,
            "functional": stage.places.names,
            "write": call.write,
            **settings_fingerprint(stage.settings),
        },
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=PARTS,
    )
    metrics, parts = measured(stage, folder, progress, memory=call.memory)
    metrics = plain(metrics)
    _write_tables(folder.path, parts)
    folder.write_json("metrics.json", metrics)
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=predictor.notices,
    )
    if call.report:
        draw_probe(folder.path / "probe.png", metrics)
        manifest = json.loads((folder.path / "manifest.json").read_text(encoding="utf-8"))
        write_page(folder.path / "probe.html", Path(call.model.model).name, metrics, parts, manifest)
    return ProbeOutcome(metrics=metrics, parts=parts)


def _stage(call: ProbeCommand, progress: Progress) -> Stage:
    """Everything checked, nothing scored yet."""
    settings = call.settings
    _fitting(settings)
    attack = AttackCommand(
        model=call.model,
        data=call.data,
        settings=settings,
        out=call.out,
        seed=call.seed,
        device=call.device,
        batch_size=call.batch_size,
    )
    predictor, sequences, targets = prepared(attack, progress)
    known = set(sequences.regions.names)
    names = functional_names(sequences, split_names(call.functional, known))
    if not call.functional:
        progress.say(f"functional are all regions that the records name: {', '.join(names)}; --functional names some")
    settings = resolved_names(settings, sequences)
    problem = attack_problem(predictor, sequences, targets, settings, seed=call.seed)
    places = divide(problem.sequences, names, problem.threat)
    writings = tuple(parse_writing(text, int(settings.budgets[-1].amount)) for text in call.write)
    for writing in writings:
        accepted_letters(writing, problem)
    motifs = _matrices(call.motifs, problem.sequences)
    _say_what_is_left_out(problem, places, progress)
    return Stage(
        problem=problem,
        settings=settings,
        places=places,
        motifs=motifs,
        writings=writings,
    )


def _fitting(settings: AttackSettings) -> None:
    if settings.moves != "substitutions":
        raise ConfigError("a probe is about substitutions", found=f"moves {settings.moves}", fix="leave --moves out")
    if settings.budgets[-1].percent:
        raise ConfigError(
            "a probe's budget is a count, the same number of letters in functional and in other positions",
            expected="3 or 1..5",
            found=str(settings.budget),
            where="--budget",
        )


def _say_what_is_left_out(problem: Problem, places: Places, progress: Progress) -> None:
    without = int((~places.functional.any(1)).sum())
    if without:
        progress.say(
            f"{without:,} of {len(problem.sequences):,} records have no functional position: they are attacked like "
            "the others, but have no reliance"
        )


def _matrices(files: tuple[Path, ...], sequences: SequenceSet) -> tuple[WeightMatrix, ...]:
    found: list[WeightMatrix] = []
    for file in files:
        found += read_matrices(file, sequences.alphabet)
    # A matrix too short for the usual p value counts by a share of its best score instead.
    usable = []
    for one in found:
        try:
            one.scan(sequences.alphabet)
            usable.append(one)
        except ThreatError:
            usable.append(replace(one, relative=0.9))
    return tuple(usable)


def _write_tables(path: Path, parts: ProbeParts) -> None:
    write_results(path, parts.results["nonfunctional"])
    both = [table.assign(arm=name) for name, table in parts.results.items()]
    with replacing(path / "results.parquet") as temporary:
        pd.concat(both, ignore_index=True).to_parquet(temporary, index=False)
