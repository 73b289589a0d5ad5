"""A starter config with a comment for every choice, fitted to a data file where one is given.

What is guessed from the file is said in the config and to whoever asked; what cannot be guessed stands there as a
question that no run passes over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from seqrobust.alphabet import alphabet_named
from seqrobust.errors import DataError
from seqrobust.run.starting.asked import StarterAsked
from seqrobust.run.starting.guesses import (
    are_uneven,
    candidates,
    functional_regions,
    guessed_task,
    positive_last,
    roles_of,
    split_column,
    with_roles,
)
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.dividing.split_roles import SplitRoles
from seqrobust.sequences.doubts import doubts
from seqrobust.sequences.readers import Columns, Loaded, read_sequences, read_table
from seqrobust.sequences.readers.candidates import label_columns
from seqrobust.sequences.wording import counted
from seqrobust.tasks import task_of

UNCAPPED = "  # max_records: 200       # attack only so many of them"
"""The line that :func:`~seqrobust.run.starting.cap.capped` fills in."""
_NAMED = 6
"""Regions that the line of the probe names at most."""
_TEMPLATE = """\
# A run of seqrobust: data -> training -> attack -> report.   seqrobust run {{this file}}
name: {name}
task: {task}            # binary | classification | multilabel | regression
seed: 1

data:
  path: {path}
  alphabet: {alphabet}          # DNA | RNA | PROTEIN
  target: {target}         # column with the answer{doubts}
{labels}{columns}{split}
  # where: {{kind: [designed]}}      # keep only rows with these values
  # max_length: 600        # keep only the first letters of long records

model:
  architecture: cnn        # cnn | gru | cnn_gru
  head: global             # flatten, if all records are aligned and place matters

training:
  epochs: 20
{weights}
  # adversarial:                     # train against an adversary, for a model that is harder to fool
  #   objective: adversarial         # or replay (up to twice the cost of ordinary training), trades, penalty ...
  #   budget: 3                      # letters it may change in a training record
  #   protect: []                    # regions it may not touch: changing them changes the truth
  #   clean_share: 0.5               # share of records left as they are

attack:
  split: {attacked}
{cap}
  budget: 1..5             # letters an adversary may change, one curve point each; or 2%
{protect}
  # allow: any             # transitions | blosum62:0 (conservative changes) | a table of your own
{goal}
# attribute: {{max_records: 100}}    # which letters do predictions rest on? compared with the file's regions
{probe}
# stability: {{max_records: 50}}     # can its explanations be moved? the most expensive question
"""


@dataclass(frozen=True, kw_only=True)
class Starter:
    """The text of a config, and what was guessed for it."""

    text: str
    notices: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Fitted:
    """The lines of a config that depend on a file."""

    name: str = "my-run"
    task: Task = "binary"
    path: str = "sequences.tsv"
    alphabet: str = "DNA"
    target: str = "label"
    doubts: str = ""
    labels: str = (
        "  # labels: [negative, positive]   # class names in the order of the outputs; the positive one last\n"
    )
    columns: str = "  # sequence: sequence     # column with the sequence, if it is called otherwise\n"
    split: str = "  # split: split           # column that says train, valid or test; else drawn, group by group"
    weights: str = "  # class_weights: balanced          # if some classes are rare"
    attacked: str = "test"
    cap: str = UNCAPPED
    protect: str = "  protect: []              # regions that may not change; known: the file names none"
    goal: str = ""
    probe: str = "# probe: {}                # is it right for the right reason? needs regions"
    notices: list[str] = field(default_factory=list)


def starter_config(data: Path | None, task: Task | None) -> str:
    """The text of a config for a file with columns of the usual names; see :func:`starter`."""
    return starter(StarterAsked(data=data, task=task)).text


def starter(asked: StarterAsked) -> Starter:
    """A config fitted to a file.

    Raises DataError for a file that cannot be read, or has no target column.
    """
    made = _Fitted(task=asked.task or "binary")
    if asked.data is not None:
        _fit(made, asked, asked.data)
    made.goal = _goal(task_of(made.task).measured)
    values = {name: value for name, value in vars(made).items() if name != "notices"}
    return Starter(text=_TEMPLATE.format(**values), notices=tuple(made.notices))


def _fit(made: _Fitted, asked: StarterAsked, path: Path) -> None:
    table = read_table(path, format=asked.format, where=asked.where)
    taken = (asked.columns.id, asked.columns.sequence, *asked.columns.targets, asked.columns.group)
    columns, said = asked.columns, asked.columns.split
    if said is None and (found := split_column(table, taken)) is not None:
        made.notices.append(f"column {found!r} looks as if it said who trains and who is tested: taken for the splits")
        columns = replace(columns, split=found)
    loaded = _read(asked, path, columns)
    if loaded.sequences.targets is None and (names := label_columns(table, (*taken, columns.split))):
        made.notices.append(f"targets from {counted(len(names), 'column')} of 0 and 1: {', '.join(names)}")
        columns = replace(columns, targets=tuple(names))
        loaded = _read(asked, path, columns)
    sequences = loaded.sequences
    made.notices = [*loaded.notices, *made.notices]
    if sequences.targets is None:
        raise DataError(
            "no column looks like a target",
            expected="a column called label, class or target, or columns of 0 and 1",
            found=", ".join(candidates(columns, table)) or None,
            where=str(path),
            fix="name the column with --target-column",
        )
    roles = roles_of(sequences)
    made.name, made.path, made.alphabet = _file_name(path), _quoted(str(path)), sequences.alphabet.name
    made.columns = _named_columns(asked, columns.split)
    _fit_target(made, asked, sequences)
    _fit_splits(made, sequences, roles, columns.split or "split")
    _fit_classes(made, asked, with_roles(sequences, roles))
    _fit_regions(made, sequences)


def _read(asked: StarterAsked, path: Path, columns: Columns) -> Loaded:
    return read_sequences(
        path,
        alphabet=alphabet_named(asked.alphabet) if asked.alphabet else None,
        format=asked.format,
        columns=columns,
        genome=asked.genome,
        variants=asked.variants,
        annotation=asked.annotation,
        where=asked.where,
    )


def _fit_target(made: _Fitted, asked: StarterAsked, sequences: SequenceSet) -> None:
    assert sequences.targets is not None
    names = list(map(str, sequences.targets.columns))
    made.target = _quoted(names[0]) if len(names) == 1 else f"[{', '.join(map(_quoted, names))}]"
    made.task = asked.task or guessed_task(sequences.targets)
    if asked.task is None:
        made.notices.append(f"task {made.task}, guessed from {', '.join(map(repr, names))}; --task says another")
    task: Task | None = made.task if asked.task is not None else None
    found = [doubt for name in names for doubt in doubts(sequences.targets[name], task)]
    made.doubts = "".join(f"\n  # mind: {' '.join(f'{one.text}: {one.fix}'.split())}" for one in found)
    made.notices += [text for one in found if (text := f"{one.text}: {one.fix}") and one.text not in made.notices]


def _fit_splits(made: _Fitted, sequences: SequenceSet, roles: SplitRoles | None, column: str) -> None:
    if roles is None:
        return
    values = ", ".join(repr(value) for value in (*(v for some in roles.folds.values() for v in some), *roles.unknown))
    named = "" if column == "split" else f"  split: {_quoted(column)}\n"
    if not roles.folds or (set(roles.folds) == {"train"} and roles.unknown):
        wanted = "valid: ['?'], test: ['?']" if not roles.folds else "test: ['?']"
        what = "are for training" if not roles.folds else "are for testing"
        made.notices.append(
            f"nothing tells which values of the column {column!r} {what} ({values}): say so in data.folds"
        )
        made.split = f"{named}  folds: {{{wanted}}}   # which of {values}? all others train"
        return
    if set(roles.folds) == {"train"}:
        made.notices.append("every record is for training: splits are drawn afresh (data.fractions)")
        made.split = f"{named}  fractions: {{train: 0.8, valid: 0.1, test: 0.1}}   # the file has training alone"
        return
    made.split = _mapped_splits(made, sequences, roles, column, named)
    made.attacked = next(name for name in ("test", "valid") if name in roles.folds)
    if made.attacked != "test":
        made.notices.append(
            f"no split is for testing: {made.attacked} is attacked, by whose records the weights are chosen"
        )


def _mapped_splits(made: _Fitted, sequences: SequenceSet, roles: SplitRoles, column: str, named: str) -> str:
    if roles.usual:
        return f"{named}  # the file's own splits are used: {', '.join(sorted(roles.folds))}"
    pairs = [f"{role}: [{', '.join(_text(value) for value in values)}]" for role, values in roles.folds.items()]
    guess = ", ".join(pairs)
    how = "numbers of folds, the last is tested" if roles.numbered else "guessed from their names"
    made.notices.append(f"splits of the column {column!r} are mapped ({guess}), {how}")
    lines = f"{named}  folds: {{{guess}}}   # {how}"
    if roles.unknown:
        assert sequences.splits is not None
        left = sum(value in roles.unknown for value in sequences.splits.tolist())
        unknown = ", ".join(repr(value or "(empty)") for value in roles.unknown)
        made.notices.append(
            f"{counted(left, 'record')} with {column} = {unknown} left out (data.where): nothing tells what they are"
        )
        kept = ", ".join(_text(value) for values in roles.folds.values() for value in values)
        lines += f"\n  where: {{{_quoted(column)}: [{kept}]}}   # without {unknown}: nothing tells what they are for"
    return lines


def _fit_classes(made: _Fitted, asked: StarterAsked, sequences: SequenceSet) -> None:
    assert sequences.targets is not None
    made.labels = ""
    if asked.labels:
        made.labels = f"  labels: [{', '.join(map(_text, asked.labels))}]\n"
    elif task_of(made.task).two_sided and (found := positive_last(sequences.targets.iloc[:, 0])) is not None:
        names = ", ".join(map(_text, found.labels))
        made.labels = f"  labels: [{names}]     # the positive class last: {found.why}\n"
        made.notices.append(f"the positive class is {found.labels[1]!r} ({found.why}); data.labels says otherwise")
    if task_of(made.task).exclusive and (counts := are_uneven(sequences)) is not None:
        made.weights = f"  class_weights: balanced            # classes are uneven in training: {counts}"
        made.notices.append(f"classes are uneven in training ({counts}): class_weights: balanced")


def _fit_regions(made: _Fitted, sequences: SequenceSet) -> None:
    names = sorted(set(sequences.regions.names))
    if not names:
        return
    made.protect = f"  protect: []              # regions that may not change; known: {', '.join(names[:12])}"
    functional, large = functional_regions(sequences)
    if functional:
        listed = ", ".join(map(_text, functional[:_NAMED]))
        made.probe = f"# probe: {{functional: [{listed}], max_records: 100}}   # is it right for the right reason?"
    if large:
        made.notices.append(
            f"{', '.join(large)} {'covers' if len(large) == 1 else 'cover'} most of the records that have "
            f"{'it' if len(large) == 1 else 'them'}: not named as functional"
        )


def _named_columns(asked: StarterAsked, split: str | None) -> str:
    """Keys of the columns that were named, and of how the file is read."""
    columns = asked.columns
    said = {name: getattr(columns, name) for name in ("id", "sequence", "group", "cluster", "regions")}
    said |= {"format": asked.format, "variants": asked.variants}
    said |= {name: str(file) for name in ("genome", "annotation") if (file := getattr(asked, name)) is not None}
    lines = [f"  {name}: {_quoted(value)}\n" for name, value in said.items() if value is not None]
    for name, values in asked.where.items():
        lines.append(f"  where: {{{_quoted(name)}: [{', '.join(map(_text, values))}]}}\n")
    if columns.drop_missing:
        lines.append("  drop_missing: true     # leave out records without a target\n")
    if columns.sequence is None:
        lines.append(_Fitted.columns)
    return "".join(lines)


def _goal(measured: bool) -> str:
    if not measured:
        return ""
    return """\
  goal: up                 # or down
  # delta: 1sd             # shift that counts: of the training targets, or 0.5, or 2fold on a log2 scale
"""


def _file_name(path: Path) -> str:
    name = path.name.split(".")[0]
    return _quoted("".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "my-run")


def _quoted(text: str) -> str:
    """Text as a YAML value on one line."""
    return yaml.safe_dump(text, width=10_000).removesuffix("\n").removesuffix("\n...")


def _text(value: str) -> str:
    """Text as an item of a YAML list in brackets, always in quotes."""
    return yaml.safe_dump(value, default_style="'", width=10_000).removesuffix("\n")
