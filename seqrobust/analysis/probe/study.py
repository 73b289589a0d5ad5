"""The probe: everything checked, then computed, summed up and judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.probe.arms import measure
from seqrobust.analysis.probe.findings import ProbeFindings
from seqrobust.analysis.probe.places import Places, divide, functional_names
from seqrobust.analysis.probe.settings import ProbeSettings
from seqrobust.analysis.probe.summary import probe_metrics
from seqrobust.analysis.probe.verdicts import verdicts
from seqrobust.analysis.probe.writing import Writing, accepted_letters, parse_writing
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem
from seqrobust.attacks.settings import resolved
from seqrobust.attacks.stating import attack_problem
from seqrobust.errors import ThreatError
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_source import split_names
from seqrobust.threats.constraints.matrices import WeightMatrix, read_matrices


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeReady:
    """What is probed, checked.

    Attributes:
        name: of the model.
        problem: the attack without a word about functional regions.
        settings: with names resolved.
        places: functional positions and others.
        motifs: weight matrices that edits are matched with.
        writings: motifs to be written.
    """

    name: str
    problem: Problem
    settings: ProbeSettings
    places: Places
    motifs: tuple[WeightMatrix, ...] = ()
    writings: tuple[Writing, ...] = ()

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.problem.plain.predictor


def prepare(subject: Subject, settings: ProbeSettings, opening: Opening) -> ProbeReady:
    """See :class:`~seqrobust.analysis.room.Room`.

    Raises InputError for a region, budget, threat, goal, file of motifs or motif to be written that cannot be had.
    """
    sequences, progress = subject.sequences, opening.progress
    names = functional_names(sequences, split_names(settings.functional, set(sequences.regions.names)))
    if not settings.functional:
        progress.say(f"functional are all regions that the records name: {', '.join(names)}; --functional names some")
    settings = replace(resolved(settings, sequences), functional=names)
    problem = attack_problem(subject.predictor, sequences, subject.targets, settings, seed=opening.seed)
    places = divide(problem.sequences, names, problem.threat)
    writings = tuple(parse_writing(text, settings.most_edits) for text in settings.write)
    for writing in writings:
        accepted_letters(writing, problem)
    motifs = _matrices(settings.motifs, problem.sequences)
    _say_what_is_left_out(problem, places, progress)
    return ProbeReady(
        name=subject.name, problem=problem, settings=settings, places=places, motifs=motifs, writings=writings
    )


def _say_what_is_left_out(problem: Problem, places: Places, progress: Progress) -> None:
    without = int((~places.functional.any(1)).sum())
    if without:
        progress.say(
            f"{without:,} of {len(problem.sequences):,} records have no functional position: they are in no rate "
            "and have no reliance, for nothing is outside where nothing is inside"
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


def study(ready: ProbeReady, work: Work) -> ProbeFindings:
    """Attack, scan, exchange and write; what an interrupted run finished is read instead."""
    measured = measure(ready, work)
    metrics = probe_metrics(ready, measured)
    return ProbeFindings(
        name=ready.name,
        sequences=ready.problem.sequences,
        results=measured.results,
        written=measured.written,
        verdicts=tuple(verdicts(metrics)),
        metrics=metrics,
    )
