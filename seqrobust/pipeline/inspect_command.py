"""``seqrobust inspect`` without its command line: what an adversarial edit does inside the network.

Gates and states of recurrent layers, differences by layer beside those of random edits, and how far the network is
linear on the way from a sequence to its adversarial one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.inside import (
    Found,
    Pairs,
    Way,
    check_inspectable,
    inspect_activations,
    inspect_metrics,
    inspect_ways,
    precise,
    recurrent_layers,
    unseen_cells,
)
from seqrobust.errors import ConfigError
from seqrobust.files import replacing
from seqrobust.models.predictor import Predictor
from seqrobust.pipeline.attack_command import AttackCommand, fingerprint, prepared, resolved_names
from seqrobust.pipeline.attack_stage import AttackSettings, goal_of, rule_files
from seqrobust.pipeline.inputs import split_names
from seqrobust.pipeline.inspect_pairs import attack_files, attacked_now, pairs_of, read_attack, threat_of
from seqrobust.pipeline.inspect_picture import draw_inspection
from seqrobust.progress import Progress
from seqrobust.run.folder import PARTS, RunFolder, plain
from seqrobust.sequences import SequenceSet, Targets

_OUTPUTS = ("inspect.parquet", "inspect.png", "metrics.json")
_TOGETHER = 1 << 21
"""Letters of all versions of a batch's records, times the letters of the alphabet."""
_WAYS = 16
"""Records whose ways are followed together."""
_FIRST = 2
"""Records that are drawn where none is named."""


@dataclass(frozen=True, kw_only=True)
class InspectCommand:
    """Everything a call of ``seqrobust inspect`` says.

    Attributes:
        attack: model, data, threat and all that an attack is told, for where one has to be made.
        folder: of an attack whose sequences are taken instead; its threat then stands for the one said.
        ways: so many records are followed from the clean to the adversarial sequence; 0 for none.
        draw: whether to draw.
        picture: ids of the records drawn; the first two where there are none.
    """

    attack: AttackCommand
    folder: Path | None = None
    ways: int = 16
    draw: bool = True
    picture: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ways < 0:
            raise ConfigError("a number of records is not negative", found=str(self.ways), where="--ways")


def inspect_command(call: InspectCommand, progress: Progress) -> dict[str, Any]:
    """Inspect, and leave ``metrics.json``, ``inspect.parquet``, ``inspect.png`` and ``manifest.json`` in the folder.
    Gives what ``metrics.json`` holds.

    Raises InputError for a model, file, attack or picture that cannot be used, before anything is written.
    """
    predictor, sequences, targets = prepared(call.attack, progress)
    check_inspectable(predictor)
    settings = resolved_names(_settings(call), sequences)
    given = None if call.folder is None else read_attack(call.folder)
    drawn = _drawn_ids(call, sequences)
    output = _output(predictor, sequences, targets, settings)
    folder = _folder(call, settings)
    if given is None:
        given = attacked_now(
            predictor, sequences, targets, settings, folder, progress, seed=call.attack.seed, memory=call.attack.memory
        )
    pairs = pairs_of(given, sequences, settings, progress, seed=call.attack.seed)
    found = Found()
    shown = [pairs.ids.index(name) for name in drawn if name in pairs.ids] or list(range(min(_FIRST, len(pairs))))
    if missed := [name for name in drawn if name not in pairs.ids]:
        progress.say(f"not drawn, for no adversarial sequence was found for them: {', '.join(missed[:5])}")
    _activations(predictor, pairs, found, progress)
    ways = _ways(predictor, pairs, shown[:_FIRST], found, call, output, progress)
    notices = _notices(predictor, found)
    table = pd.DataFrame(found.rows)
    metrics = _metrics(predictor, call, settings, table, found)
    with replacing(folder.path / "inspect.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    folder.write_json("metrics.json", metrics)
    if call.draw:
        progress.start("picture", 1)
        records = [pairs.take([row]) for row in shown[:_FIRST]]
        draw_inspection(folder.path / "inspect.png", predictor, records, ways, table, metrics)
        progress.advance(1)
    for notice in notices:
        progress.say(notice)
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=[*predictor.notices, *notices],
    )
    said: dict[str, Any] = plain(metrics)
    return said


def _settings(call: InspectCommand) -> AttackSettings:
    return call.attack.settings if call.folder is None else threat_of(call.folder, call.attack.settings)


def _drawn_ids(call: InspectCommand, sequences: SequenceSet) -> tuple[str, ...]:
    """Raises ConfigError for an id there is none of."""
    wanted = split_names(call.picture, set(sequences.ids))
    for name in wanted:
        if name not in sequences.ids:
            known = ", ".join(sequences.ids[:10]) + (" ..." if len(sequences) > 10 else "")
            raise ConfigError("no record has that id", expected=known, found=repr(name), where="--picture")
    return wanted


def _output(predictor: Predictor, sequences: SequenceSet, targets: Targets | None, settings: AttackSettings) -> int:
    if predictor.task != "regression" or settings.output is None:
        return 0
    return int(getattr(goal_of(settings, predictor, sequences, targets), "output", 0))


def _folder(call: InspectCommand, settings: AttackSettings) -> RunFolder:
    attack = call.attack
    earlier = [] if call.folder is None else attack_files(call.folder)
    return RunFolder(
        attack.out,
        command=attack.command,
        config=asdict(replace(call, attack=replace(attack, settings=settings))),
        inputs=[
            *attack.model.files, *attack.data.files, *rule_files(settings.allow, settings.constraints), *earlier,
        ],
        fingerprint={**fingerprint(attack, settings), "ways": call.ways, "picture": call.picture},
        resume=attack.resume,
        overwrite=attack.overwrite,
        leftovers=(*PARTS, *_OUTPUTS),
    )  # fmt: skip


def _activations(predictor: Predictor, pairs: Pairs, found: Found, progress: Progress) -> None:
    cells = max(pairs.clean.shape[1] * predictor.alphabet.size * (len(pairs.random) + 2), 1)
    size = int(np.clip(_TOGETHER // cells, 1, 64))
    progress.start("inspect", len(pairs))
    done = 0
    with predictor.attached():
        for batch in pairs.batches(size):
            inspect_activations(predictor, batch, found)
            done += len(batch)
            progress.advance(done)


def _ways(
    predictor: Predictor,
    pairs: Pairs,
    shown: list[int],
    found: Found,
    call: InspectCommand,
    output: int,
    progress: Progress,
) -> dict[str, Way]:
    """The ways to the adversarial sequences of a sample of records, those that are drawn among them, by id."""
    others = [row for row in np.random.default_rng(call.attack.seed).permutation(len(pairs)) if row not in shown]
    rows = np.sort(np.array([*shown, *others][: call.ways], np.int64))
    ways: dict[str, Way] = {}
    if not len(rows):
        return ways
    twin = precise(predictor, pairs.clean[:1, : int(pairs.lengths[0])])
    progress.start("linearity", len(rows))
    with twin.attached():
        for batch in pairs.take(rows).batches(_WAYS):
            ways |= dict(zip(batch.ids, inspect_ways(twin, batch, found, output=output)["adversarial"], strict=True))
            progress.advance(len(ways))
    return ways


def _notices(predictor: Predictor, found: Found) -> list[str]:
    said = []
    if cells := unseen_cells(predictor.module):
        said.append(f"recurrent cells are called by the model's own loop, and not traced: {', '.join(cells[:5])}")
    if found.left_out:
        names = ", ".join(sorted(found.left_out)[:8])
        said.append(f"layers whose outputs do not hold one row a record are not compared: {names}")
    if found.reasons:
        said.append(
            "the network is not piecewise linear as far as can be seen: the way to the adversarial sequence is sampled "
            f"at 257 points instead of followed exactly ({found.reasons[0]})"
        )
    return said


def _metrics(
    predictor: Predictor, call: InspectCommand, settings: AttackSettings, table: pd.DataFrame, found: Found
) -> dict[str, Any]:
    return {
        "task": predictor.task,
        "source": "attack" if call.folder is None else str(call.folder),
        "attacks": list(settings.attacks) if call.folder is None else None,
        "random_draws": settings.random_draws,
        "recurrent_layers": list(recurrent_layers(predictor.module)),
        **inspect_metrics(table, found.layers),
    }
