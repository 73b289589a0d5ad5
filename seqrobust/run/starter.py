"""A starter config with a comment for every choice, fitted to a data file where one is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml

from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.doubts import Doubt, doubts
from seqrobust.sequences.readers import Columns, label_columns, read_sequences
from seqrobust.sequences.several_labels import label_fields
from seqrobust.tasks import task_of

_TEMPLATE = """\
# A run of seqrobust: data -> training -> attack -> report.   seqrobust run {{this file}}
name: {name}
task: {task}            # binary | classification | multilabel | regression
seed: 1

data:
  path: {path}
  alphabet: {alphabet}          # DNA | RNA | PROTEIN
  target: {target}         # column with the answer{doubts}
{sequence}
{split}
  # where: {{kind: [designed]}}      # keep only rows with these values
  # max_length: 600        # keep only the first letters of long records

model:
  architecture: cnn        # cnn | gru | cnn_gru
  head: global             # flatten, if all records are aligned and place matters

training:
  epochs: 20
  # class_weights: balanced          # if some classes are rare
  # adversarial:                     # train against an adversary, for a model that is harder to fool
  #   objective: adversarial         # or replay (a third dearer than ordinary training), trades, penalty ...
  #   budget: 3                      # letters it may change in a training record
  #   protect: []                    # regions it may not touch: changing them changes the truth
  #   clean_share: 0.5               # share of records left as they are

attack:
  split: {attacked}
  budget: 1..5             # letters an adversary may change, one curve point each; or 2%
{protect}
  # allow: any             # transitions | blosum62:0 (conservative changes) | a table of your own
{goal}
# attribute: {{}}            # which letters do predictions rest on? compared with the file's regions
# probe: {{}}                # is it right for the right reason? needs regions
# stability: {{}}            # can its explanations be moved?
"""


_STATES = ("0", "1", "0.0", "1.0", "false", "true", "nan", "")
"""What stands in columns of labels that a record has or has not, in lower case."""


def starter_config(data: Path | None, task: Task | None, columns: Columns | None = None) -> str:
    """The text of a config.

    Args:
        data: a data file to take alphabet, target, splits and regions from.
        task: what is predicted; guessed from the target where it is None.
        columns: which column holds what; None looks for the usual names and, where no target bears one, for columns
            of 0 and 1.

    Raises DataError for a file that cannot be read, or has no target column.
    """
    columns = columns or Columns()
    if data is None:
        return _filled("my-run", task or "binary", "sequences.tsv", "DNA", "label", columns, None)
    sequences = read_sequences(data, columns=columns).sequences
    if sequences.targets is None and (names := label_columns(data)):
        columns = replace(columns, targets=tuple(names))
        sequences = read_sequences(data, columns=columns).sequences
    if sequences.targets is None:
        raise DataError(
            "no column looks like a target",
            expected="a column called label, class or target, or columns of 0 and 1",
            where=str(data),
            fix="name it with --target-column",
        )
    names = list(map(str, sequences.targets.columns))
    guessed = task or _guessed_task(sequences.targets)
    doubtful = [one for name in names for one in doubts(sequences.targets[name], guessed)]
    target = names[0] if len(names) == 1 else names
    called = data.name.split(".")[0]
    return _filled(called, guessed, str(data), sequences.alphabet.name, target, columns, sequences, doubtful)


def _guessed_task(targets: pd.DataFrame) -> Task:
    column = targets.iloc[:, 0]
    if targets.shape[1] > 1:
        states = targets.astype(str).apply(lambda one: one.str.lower().isin(_STATES))
        return "multilabel" if states.all(axis=None) else "regression"
    if label_fields(column.dropna().astype(str)) is not None:
        return "multilabel"
    values = column.astype(str).unique()
    if len(values) == 2:
        return "binary"
    numeric = pd.to_numeric(pd.Series(values), errors="coerce").notna().all()
    return "regression" if numeric and len(values) > 10 else "classification"


def _filled(
    name: str,
    task: Task,
    path: str,
    alphabet: str,
    target: str | list[str],
    columns: Columns,
    sequences: SequenceSet | None,
    doubtful: Sequence[Doubt] = (),
) -> str:
    names = sorted(set(sequences.regions.names)) if sequences else []
    known = ", ".join(names[:12]) if names else "the file names none"
    attacked = "test"
    split = "  # split: split           # column that says train, valid or test; else drawn, group by group"
    if sequences is not None and sequences.splits is not None:
        split = f"  # the file's own splits are used: {', '.join(sorted(set(sequences.splits.tolist())))}"
        attacked = next((name for name in ("test", "valid") if name in sequences.splits), "train")
    protect = f"  protect: []              # regions that may not change; known: {known}"
    goal = ""
    if task_of(task).measured:
        goal = """\
  goal: up                 # or down
  # delta: 1sd             # shift that counts: of the training targets, or 0.5, or 2fold on a log2 scale
"""
    return _TEMPLATE.format(
        name=_quoted("".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "my-run"),
        task=task,
        path=_quoted(path),
        alphabet=alphabet,
        target=_quoted(target),
        sequence="  # sequence: sequence     # column with the sequence, if it is called otherwise"
        if columns.sequence is None
        else f"  sequence: {_quoted(columns.sequence)}",
        doubts="".join(f"\n  # mind: {' '.join(f'{one.text}: {one.fix}'.split())}" for one in doubtful),
        split=split,
        attacked=attacked,
        protect=protect,
        goal=goal,
    )


def _quoted(text: str | list[str]) -> str:
    """Text, or a list of texts, as a YAML value on one line."""
    return yaml.safe_dump(text, width=10_000, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
