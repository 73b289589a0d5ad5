"""The spurious correlate says what it is told to say, stands where nothing else does, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from seqrobust.errors import ConfigError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.simulation import SHORTCUT, Grammar, Shortcut, example, simulate, with_shortcut

WORD = "GCGGCCGC"


def planted(sequences: SequenceSet) -> np.ndarray:
    """(N,) start of the shortcut, -1 where there is none."""
    starts = np.full(len(sequences), -1)
    for record in range(len(sequences)):
        for region in sequences.regions.of(record):
            if region.name == SHORTCUT:
                starts[record] = region.start
    return starts


def biased(strength: float, n: int = 3000, **options: object) -> tuple[SequenceSet, np.ndarray, np.ndarray]:
    grammar = with_shortcut(example("promoter"), strength, **options)  # type: ignore[arg-type]
    sequences = simulate(grammar, n, seed=11)
    assert sequences.targets is not None
    return sequences, planted(sequences), sequences.targets["positive"].to_numpy() == 1


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.9, 1.0])
def test_it_stands_as_often_as_stated(strength: float) -> None:
    sequences, starts, positive = biased(strength)
    for own, due in ((positive, (1 + strength) / 2), (~positive, (1 - strength) / 2)):
        assert stats.binomtest(int((starts[own] >= 0).sum()), int(own.sum()), due).pvalue > 1e-4
    for text, start in zip(sequences.texts, starts.tolist(), strict=True):
        assert text.find(WORD) == start
        assert text.find(WORD, start + 1) == -1 or start == -1


def test_at_strength_zero_neither_presence_nor_place_tells_the_class() -> None:
    _, starts, positive = biased(0.0, n=8000)
    has = starts >= 0
    table = [[(has & own).sum(), (~has & own).sum()] for own in (positive, ~positive)]
    assert stats.chi2_contingency(np.array(table)).pvalue > 1e-4
    assert stats.ks_2samp(starts[has & positive], starts[has & ~positive]).pvalue > 1e-4


def test_it_never_touches_a_functional_region() -> None:
    sequences, starts, _ = biased(1.0, n=1000)
    covered = sequences.regions.cover(["minus*"], sequences.letters.shape)
    word = sequences.regions.cover([SHORTCUT], sequences.letters.shape)
    assert word.sum() == len(WORD) * (starts >= 0).sum()
    assert not (covered & word).any()


def test_it_can_stand_between_two_motifs() -> None:
    sequences, starts, positive = biased(1.0)
    between = 0
    for record in np.flatnonzero((starts >= 0) & positive).tolist():
        names = [region.name for region in sequences.regions.of(record)]
        between += names.index(SHORTCUT) == 1
    assert between > 0


def test_it_can_be_confined_to_some_splits() -> None:
    sequences, starts, positive = biased(1.0, splits=("train", "valid"))
    assert sequences.splits is not None
    trained = np.isin(sequences.splits, ["train", "valid"])
    assert ((starts >= 0) == positive)[trained].all()
    assert (starts[~trained] >= 0).mean() == pytest.approx(0.5, abs=0.1)
    assert (starts[~trained & positive] >= 0).mean() == pytest.approx(0.5, abs=0.12)


def test_in_regression_it_goes_with_high_activity() -> None:
    sequences = simulate(with_shortcut(example("expression"), 0.6), 2000, seed=12)
    assert sequences.targets is not None
    high = sequences.targets["activity_exact"].to_numpy() > 1.5
    has = planted(sequences) >= 0
    assert stats.binomtest(int(has[high].sum()), int(high.sum()), 0.8).pvalue > 1e-4
    assert stats.binomtest(int(has[~high].sum()), int((~high).sum()), 0.2).pvalue > 1e-4


def test_a_shift_of_composition_is_a_long_degenerate_word() -> None:
    grammar = with_shortcut(example("enhancer"), 1.0, word="S(15)")
    sequences = simulate(grammar, 200, seed=1)
    starts = planted(sequences)
    texts = [text[start : start + 15] for text, start in zip(sequences.texts, starts, strict=True) if start >= 0]
    assert len(set(texts)) > 50
    assert all(set(text) <= {"G", "C"} for text in texts)


def test_records_with_and_without_bias_are_otherwise_alike() -> None:
    """The same record with another strength differs by its word at most."""
    weak, strong = (simulate(with_shortcut(example("promoter"), s), 100, seed=5) for s in (0.0, 1.0))
    for one, other, start in zip(weak.texts, strong.texts, (planted(weak) + planted(strong) + 1), strict=True):
        different = [i for i in range(len(one)) if one[i] != other[i]]
        assert not different or (start <= different[0] and different[-1] < start + len(WORD))


def without_room() -> Grammar:
    return replace(example("promoter"), length=(33, 33), shortcut=Shortcut(pattern=WORD, strength=0.5))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Shortcut(pattern=WORD, strength=1.5), "share"),
        (lambda: Shortcut(pattern=WORD, strength=-0.1), "share"),
        (without_room, "too short"),
        (lambda: simulate(with_shortcut(example("promoter"), 1, splits=("trian",)), 10, seed=0), "unknown split"),
        (lambda: simulate(with_shortcut(example("promoter"), 1, word="TTGACAJ"), 10, seed=0), "cannot be read"),
    ],
)
def test_shortcuts_that_cannot_be_are_refused(make, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_word_that_completes_the_grammar_is_an_error_and_no_endless_loop() -> None:
    whole = "TTGACA" + "C" * 17 + "TATAAT"
    with pytest.raises(ConfigError, match="by accident") as caught:
        simulate(with_shortcut(example("promoter"), 0.5, word=whole), 30, seed=0)
    assert "what to do" in str(caught.value)
