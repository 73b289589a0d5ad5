"""``seqrobust data simulate``: records of a motif grammar, whose truth is known, written to a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seqrobust.sequences import SequenceSet
    from seqrobust.sequences.simulation import Grammar

GrammarName = Annotated[
    str | None, typer.Argument(metavar="GRAMMAR", help="Name of a grammar (see --list), or a YAML file of your own.")
]
Count = Annotated[int, typer.Option("--n", help="How many records.")]
Out = Annotated[Path | None, typer.Option("--out", help="File to write: .tsv, .csv, .fa (each also .gz) or .parquet.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")]
Length = Annotated[str | None, typer.Option("--length", help="Letters per record: 100, or 80-120 for any of these.")]
Gc = Annotated[float | None, typer.Option("--gc", help="GC content of the background, 0 to 1.")]
ShortcutStrength = Annotated[
    float | None,
    typer.Option("--shortcut", help="Plant a word without function that tells the class this well, 0 to 1."),
]
ShortcutWord = Annotated[str | None, typer.Option("--shortcut-word", help="The word; else a cloning site or a tag.")]
ShortcutSplits = Annotated[
    str | None, typer.Option("--shortcut-splits", help="Splits in which it does, as in train,valid; else all.")
]
Fractions = Annotated[str, typer.Option("--fractions", help="Shares of train, valid and test records.")]
ListThem = Annotated[bool, typer.Option("--list", help="List the grammars that come with seqrobust.")]


_LENGTH = re.compile(r"\s*[0-9]{1,9}\s*")


def simulate(
    grammar: GrammarName = None,
    n: Count = 3000,
    out: Out = None,
    seed: Seed = 0,
    length: Length = None,
    gc: Gc = None,
    shortcut: ShortcutStrength = None,
    shortcut_word: ShortcutWord = None,
    shortcut_splits: ShortcutSplits = None,
    fractions: Fractions = "0.7,0.1,0.2",
    list_them: ListThem = False,
) -> None:
    """Make records of a motif grammar: labels, functional regions and spurious correlates known exactly."""
    from rich.console import Console

    from seqrobust.sequences.simulation import grammar_named, varied
    from seqrobust.sequences.simulation import simulate as draw
    from seqrobust.sequences.writing import write_sequences

    console = Console(soft_wrap=True, highlight=False)
    if list_them:
        _list(console)
        return
    if grammar is None or out is None:
        missing = "GRAMMAR" if grammar is None else "--out"
        raise _config_error(f"{missing} is missing", "seqrobust data simulate promoter --out data/promoter.tsv.gz")
    made = varied(grammar_named(grammar), length=_length(length), gc=gc)
    made = _shortcut(made, shortcut, shortcut_word, shortcut_splits)
    sequences = draw(made, n, seed=seed, fractions=_fractions(fractions))
    write_sequences(sequences, out)
    _summarise(console, made, sequences, out)


def _config_error(problem: str, fix: str, *, found: str | None = None, where: str | None = None) -> Exception:
    from seqrobust.errors import ConfigError

    return ConfigError(problem, found=found, where=where, fix=fix)


def _list(console: Console) -> None:
    from seqrobust.sequences.simulation import EXAMPLES, example

    width = max(map(len, EXAMPLES))
    for name in EXAMPLES:
        console.print(f"{name:<{width}}  {example(name).summary}", markup=False)


def _length(text: str | None) -> tuple[int, int] | None:
    """The least and the most letters.

    >>> _length("100"), _length("80-120")
    ((100, 100), (80, 120))
    """
    if text is None:
        return None
    low, dash, high = text.partition("-")
    if not _LENGTH.fullmatch(low) or (dash and not _LENGTH.fullmatch(high)):
        raise _config_error("a length cannot be read", "say 100, or 80-120", found=repr(text), where="--length")
    return int(low), int(high) if dash else int(low)


def _shortcut(grammar: Grammar, strength: float | None, word: str | None, splits: str | None) -> Grammar:
    from seqrobust.sequences.simulation import with_shortcut

    if strength is None and (word is not None or splits is not None):
        raise _config_error("a shortcut without strength", "say how well it tells the class: --shortcut 0.6")
    if strength is None:
        return grammar
    chosen = tuple(name.strip() for name in splits.split(",")) if splits else None
    return with_shortcut(grammar, strength, word=word, splits=chosen)


def _fractions(text: str) -> dict[str, float]:
    from seqrobust.sequences.simulation import FRACTIONS

    try:
        return dict(zip(FRACTIONS, map(float, text.split(",")), strict=True))
    except ValueError:
        fix = f"give shares of {', '.join(FRACTIONS)}, as in 0.7,0.1,0.2"
        raise _config_error("fractions cannot be read", fix, found=repr(text), where="--fractions") from None


def _summarise(console: Console, grammar: Grammar, sequences: SequenceSet, out: Path) -> None:
    from seqrobust.sequences.simulation import FRACTIONS

    targets, splits = sequences.targets, sequences.splits
    if targets is None or splits is None:
        return
    low, high = int(sequences.lengths.min()), int(sequences.lengths.max())
    spread = f"{low}" if low == high else f"{low} to {high}"
    console.print(f"{out}: {len(sequences)} records of {spread} {grammar.alphabet.name} letters", markup=False)
    labels = targets["label" if "label" in targets else "positive"].astype(str)
    for label in labels.unique():
        found = splits[(labels == label).to_numpy()].tolist()
        counts = ", ".join(f"{name} {found.count(name)}" for name in FRACTIONS)
        console.print(f"  {label if 'label' in targets else 'positive ' + label}: {counts}", markup=False)
    if "activity" in targets:
        console.print(f"  activity: mean {targets['activity'].mean():.2f}, sd {targets['activity'].std():.2f}")
    regions = [sequences.regions.names[code] for code in sequences.regions.name.tolist()]
    console.print(
        "  regions: " + ", ".join(f"{name} {regions.count(name)}" for name in dict.fromkeys(regions)), markup=False
    )
    console.print(f"  target columns: {', '.join(map(str, targets.columns))}", markup=False)
