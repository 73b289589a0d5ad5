"""A grammar by name, and the few things about it a user may want otherwise."""

from __future__ import annotations

from dataclasses import replace

from seqrobust.sequences.simulation.backgrounds import gc_background
from seqrobust.sequences.simulation.examples import example
from seqrobust.sequences.simulation.grammar import Grammar
from seqrobust.sequences.simulation.schema import read_grammar
from seqrobust.sequences.simulation.shortcut import INNOCUOUS, Shortcut


def grammar_named(name: str) -> Grammar:
    """A grammar that comes with seqrobust, or one from a YAML file. Raises ConfigError where there is none."""
    return read_grammar(name) if name.lower().endswith((".yaml", ".yml")) else example(name)


def varied(grammar: Grammar, *, length: tuple[int, int] | None = None, gc: float | None = None) -> Grammar:
    """The grammar with records of other lengths, or a background of another GC content.

    Raises ConfigError for lengths its arrangements do not fit, and for a GC content in protein.
    """
    if gc is not None:
        grammar = replace(grammar, background=gc_background(grammar.alphabet, gc))
    return grammar if length is None else replace(grammar, length=length)


def with_shortcut(
    grammar: Grammar, strength: float, *, word: str | None = None, splits: tuple[str, ...] | None = None
) -> Grammar:
    """The grammar with a spurious correlate of that strength.

    The word is the one given, else the grammar's own, else an innocuous one of the alphabet; so with the splits.
    """
    before = grammar.shortcut or Shortcut(pattern=INNOCUOUS[grammar.alphabet.name], strength=0)
    shortcut = Shortcut(pattern=word or before.pattern, strength=strength, splits=splits or before.splits)
    return replace(grammar, shortcut=shortcut)
