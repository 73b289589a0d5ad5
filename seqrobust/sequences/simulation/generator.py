"""Records of a grammar: frame, skeleton, background, and redrawing until nothing stands there by accident."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from seqrobust.sequences.simulation.accidents import accidents
from seqrobust.sequences.simulation.grammar import Grammar
from seqrobust.sequences.simulation.instances import draw_instances, occurrences
from seqrobust.sequences.simulation.positions import count_ways
from seqrobust.sequences.simulation.shortcut import Shortcut
from seqrobust.sequences.simulation.skeleton import (
    FREE,
    Frame,
    Skeleton,
    allowed_starts,
    draw_skeleton,
    most_placements,
    uniforms_needed,
    widths_and_gaps,
)
from seqrobust.sequences.simulation.streams import Streams

MAX_ROUNDS = 2000
"""How often a record is redrawn at most."""
TINY = 2.0**-60
"""Stands for a uniform of 0, whose normal quantile would be infinite."""
HOPELESS_ROUNDS, HOPELESS_SHARE = 100, 0.05
"""A grammar is given up after that many rounds when that share of a block's records still holds accidents."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """R finished records.

    Attributes:
        tokens: (R, L).
        frame: lengths, alternatives, place of the shortcut.
        skeleton: the planted motifs.
        worded: (R,) True where the shortcut stands.
        exact: (R,) noise-free activity; zeros without one.
        noise: (R,) noise of the activity.
    """

    tokens: NDArray[np.uint8]
    frame: Frame
    skeleton: Skeleton
    worded: NDArray[np.bool_]
    exact: NDArray[np.float64]
    noise: NDArray[np.float64]


def draw_block(grammar: Grammar, streams: Streams, classes: NDArray[np.int64], splits: NDArray[np.str_]) -> Block:
    """The records of those classes and splits. Raises ConfigError where they cannot be kept free of accidents.

    Each record is drawn with its shortcut and without, and both versions have to be clean; only then is one of them
    chosen. So nothing but the class (or the activity) decides whether the shortcut stands there.
    """
    chance = streams.uniforms(np.arange(len(classes)), 2)
    frame = _draw_frame(grammar, streams, classes)
    skeleton = Skeleton.empty(len(classes), grammar.length[1], most_placements(grammar))
    tokens = np.empty_like(skeleton.fixed)
    with_word = np.empty_like(tokens) if grammar.shortcut else tokens

    def attempt(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        part = frame.take(rows)
        placed = draw_skeleton(grammar, part, streams.uniforms(rows, uniforms_needed(grammar)))
        between = streams.uniforms(rows, grammar.length[1])
        skeleton.put(rows, placed)
        tokens[rows] = _filled(grammar, part, placed.fixed, between)
        bad = accidents(grammar, part, placed, tokens[rows])
        if grammar.shortcut:
            word = _word_letters(grammar, grammar.shortcut, streams, rows)
            with_word[rows] = _filled(grammar, part, _with_word(part, placed.fixed, word), between)
            bad |= accidents(grammar, part, placed, with_word[rows])
            bad |= _count(grammar, grammar.shortcut, tokens[rows]) != 0
            bad |= _count(grammar, grammar.shortcut, with_word[rows]) != 1
        return bad

    _until_clean(grammar, frame, attempt)
    exact = exact_activity(grammar, frame, skeleton)
    sd = grammar.activity.noise if grammar.activity else 0.0
    worded = np.zeros(len(classes), bool)
    if grammar.shortcut:
        worded = chance[:, 0] < _word_chances(grammar.shortcut, is_positive(grammar, classes, exact), splits)
        tokens[worded] = with_word[worded]
    noise = sd * ndtri(np.maximum(chance[:, 1], TINY))
    return Block(tokens=tokens, frame=frame, skeleton=skeleton, worded=worded, exact=exact, noise=noise)


def is_positive(grammar: Grammar, classes: NDArray[np.int64], exact: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(R,): the positive class; in a grammar of one class with an activity, a noise-free value over its threshold."""
    if grammar.activity and len(grammar.classes) == 1:
        return exact > grammar.activity.threshold
    positive: NDArray[np.bool_] = classes == grammar.positive_class
    return positive


def exact_activity(grammar: Grammar, frame: Frame, skeleton: Skeleton) -> NDArray[np.float64]:
    """(R,) noise-free activity; zeros without one."""
    values = np.zeros(len(frame.classes))
    if grammar.activity is None:
        return values
    values += grammar.activity.base
    for index, alternative, arrangement in grammar.arrangements():
        rows = np.flatnonzero((frame.classes == index) & (frame.alternatives == alternative))
        widths, _ = widths_and_gaps(grammar, arrangement)
        names, columns = [placement.motif for placement in arrangement], slice(len(arrangement))
        starts, affinities = skeleton.starts[rows, columns], skeleton.affinities[rows, columns]
        values[rows] = grammar.activity.exact(names, starts, np.array(widths), affinities)
    return values


def _draw_frame(grammar: Grammar, streams: Streams, classes: NDArray[np.int64]) -> Frame:
    """Lengths, alternatives, presences and the shortcut's place: nothing a redraw may disturb."""
    most = most_placements(grammar)
    drawn = streams.uniforms(np.arange(len(classes)), 2 + most)
    low, high = grammar.length
    choices = np.array([len(made.arrangements) for made in grammar.classes])[classes]
    alternatives = np.where(choices > 0, (drawn[:, 1] * choices).astype(np.int64), -1)
    present = np.zeros((len(classes), most), bool)
    for index, alternative, arrangement in grammar.arrangements():
        own = (classes == index) & (alternatives == alternative)
        for number, placement in enumerate(arrangement):
            present[:, number] |= own & (drawn[:, 2 + number] < placement.probability)
    lengths = low + (drawn[:, 0] * (high - low + 1)).astype(np.int64)
    nowhere = np.full(len(classes), -1)
    frame = Frame(classes=classes, alternatives=alternatives, present=present, lengths=lengths, word=nowhere)
    if grammar.shortcut:
        _choose_word_place(grammar, grammar.shortcut, streams, frame)
    return frame


def _choose_word_place(grammar: Grammar, shortcut: Shortcut, streams: Streams, frame: Frame) -> None:
    """Uniform among the places that leave room for every arrangement of every class, so that it tells no class."""
    width = shortcut.motif.width(grammar.alphabet)

    def attempt(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        places = frame.lengths[rows] - width + 1
        frame.word[rows] = (streams.uniforms(rows, 1)[:, 0] * places).astype(np.int64)
        part = frame.take(rows)
        bad = np.zeros(len(rows), bool)
        for _, _, arrangement in grammar.arrangements():
            allowed = allowed_starts(grammar, arrangement, part)
            bad |= count_ways(allowed, *widths_and_gaps(grammar, arrangement)) == 0
        return bad

    _until_clean(grammar, frame, attempt)


def _word_chances(shortcut: Shortcut, positive: NDArray[np.bool_], splits: NDArray[np.str_]) -> NDArray[np.float64]:
    """(R,) how likely each record holds the word."""
    pairs = zip(positive.tolist(), splits.tolist(), strict=True)
    return np.array([shortcut.probability(positive=is_one, split=split) for is_one, split in pairs])


def _word_letters(grammar: Grammar, shortcut: Shortcut, streams: Streams, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(R, w) tokens of the word, which a degenerate pattern leaves open."""
    motif = shortcut.motif
    drawn = streams.uniforms(rows, 2 * motif.width(grammar.alphabet)).reshape(len(rows), -1, 2)
    return draw_instances(motif, grammar.alphabet, grammar.background.frequencies, drawn)


def _with_word(frame: Frame, fixed: NDArray[np.uint8], word: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(R, L) fixed letters with the word written into its place."""
    written: NDArray[np.uint8] = fixed.copy()
    written[np.arange(len(fixed))[:, None], frame.word[:, None] + np.arange(word.shape[1])] = word
    return written


def _count(grammar: Grammar, shortcut: Shortcut, tokens: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(R,) how often the word stands in each record, read forwards."""
    count: NDArray[np.int64] = occurrences(tokens, shortcut.motif, grammar.alphabet, "forward").sum(1)
    return count


def _filled(
    grammar: Grammar, frame: Frame, fixed: NDArray[np.uint8], uniforms: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """(R, L) tokens: fixed letters, background between them, padding behind the end."""
    tokens = np.where(fixed == FREE, grammar.background.draw(uniforms), fixed)
    tokens[np.arange(fixed.shape[1]) >= frame.lengths[:, None]] = grammar.alphabet.padding
    return tokens


def _until_clean(grammar: Grammar, frame: Frame, attempt: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> None:
    """Draw the records, then those again that turned out bad, until none does."""
    pending = np.arange(len(frame.classes))
    for number in range(MAX_ROUNDS):
        pending = pending[attempt(pending)]
        if not pending.size:
            return
        if number >= HOPELESS_ROUNDS and pending.size > HOPELESS_SHARE * len(frame.classes):
            break
    names = sorted({grammar.classes[index].name for index in frame.classes[pending].tolist()})
    raise grammar.error(
        "records keep holding by accident what they must not hold, or have no room for what they must",
        where=f"class {', '.join(names)}",
        found=f"{pending.size} of {len(frame.classes)} records after {number + 1} draws",
        fix="allow fewer mismatches, use longer patterns or narrower gaps, keep the classes' gaps apart, "
        "or change the length",
    )
