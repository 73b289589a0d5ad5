"""Same seed, same bytes; splits and classes in their shares; what cannot be drawn is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import ConfigError
from seqrobust.sequences import SequenceSet, encode_targets
from seqrobust.sequences.simulation import (
    EXAMPLES,
    Activity,
    Grammar,
    Motif,
    Placement,
    SequenceClass,
    example,
    gc_background,
    records,
    simulate,
    swiss_prot_background,
    uniform_background,
    with_shortcut,
)
from seqrobust.sequences.simulation.streams import apportion


def same(one: SequenceSet, other: SequenceSet) -> bool:
    assert one.targets is not None
    assert other.targets is not None
    regions = [[part.regions.of(record) for record in range(len(part))] for part in (one, other)]
    pd.testing.assert_frame_equal(one.targets, other.targets)
    assert one.splits is not None
    assert other.splits is not None
    return (
        one.texts == other.texts
        and one.ids == other.ids
        and regions[0] == regions[1]
        and (one.splits == other.splits).all()
    )


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_same_seed_gives_the_same_records_and_another_gives_others(name: str) -> None:
    grammar = replace(with_shortcut(example(name), 0.5), length=(80, 100))
    one, again, other = (simulate(grammar, 60, seed=seed) for seed in (7, 7, 8))
    assert same(one, again)
    assert not set(one.texts) & set(other.texts)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_first_records_do_not_depend_on_how_many_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = with_shortcut(example(name), 0.5)
    few = simulate(grammar, 25, seed=3)
    monkeypatch.setattr(records, "BLOCK", 16)
    many = simulate(grammar, 70, seed=3)
    assert same(few, many.take(np.arange(25)))


def test_a_generator_serves_as_seed() -> None:
    one, again = (simulate(example("promoter"), 10, seed=np.random.default_rng(4)) for _ in range(2))
    assert same(one, again)


def test_classes_and_splits_have_their_shares() -> None:
    sequences = simulate(example("promoter"), 1000, seed=1, fractions={"train": 0.6, "valid": 0.2, "test": 0.2})
    assert sequences.targets is not None
    counts = pd.crosstab(sequences.targets["label"], sequences.splits)
    assert counts.loc["promoter"].to_dict() == {"train": 300, "valid": 100, "test": 100}
    assert counts.loc["decoy"].to_dict() == {"train": 150, "valid": 50, "test": 50}


@pytest.mark.parametrize("shares", [[1], [1, 1, 1], [5, 3, 1], [0.7, 0.1, 0.2], [0.6, 0.0, 0.4]])
def test_every_beginning_is_shared_out(shares: list[float]) -> None:
    groups = apportion(shares, 500)
    due = np.outer(np.arange(1, 501), np.asarray(shares) / sum(shares))
    found = np.stack([(groups == index).cumsum() for index in range(len(shares))], 1)
    assert np.abs(found - due).max() <= len(shares) - 1 + 1e-9


def test_one_generator_gives_targets_for_every_task() -> None:
    for name, column, task, outputs in (
        ("promoter", ["positive"], "binary", 1),
        ("promoter", ["label"], "classification", 3),
        ("expression", ["activity"], "regression", 1),
        ("expression", ["has_AP1", "has_ETS", "has_GC-box", "has_GFI1"], "multilabel", 4),
    ):
        targets = simulate(example(name), 50, seed=1).targets
        assert targets is not None
        assert encode_targets(targets[column], task, None).outputs == outputs  # type: ignore[arg-type]


def test_lengths_are_uniform_over_their_range() -> None:
    lengths = simulate(replace(example("enhancer"), length=(60, 69)), 2000, seed=1).lengths
    counts = np.bincount(lengths - 60, minlength=10)
    assert len(counts) == 10
    assert counts.min() > 140


def test_background_between_motifs_keeps_its_composition() -> None:
    grammar = replace(example("promoter"), background=gc_background(DNA, 0.7))
    sequences = simulate(grammar, 400, seed=1)
    free = ~sequences.regions.cover(["minus*"], sequences.letters.shape)
    assert np.isin(sequences.tokens[free], [1, 2]).mean() == pytest.approx(0.7, abs=0.01)


def small(**options: object) -> Grammar:
    base: dict[str, object] = {
        "name": "small",
        "summary": "",
        "alphabet": DNA,
        "background": uniform_background(DNA),
        "length": (20, 20),
        "motifs": (Motif(name="m", pattern="ACGTAC"),),
        "classes": (SequenceClass(name="c", arrangements=((Placement(motif="m"),),)), SequenceClass(name="none")),
    }
    return Grammar(**{**base, **options})  # type: ignore[arg-type]


def kind(*placements: Placement, name: str = "c") -> tuple[SequenceClass, ...]:
    return (SequenceClass(name=name, arrangements=(placements,)),)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: simulate(small(), 0, seed=0), "at least one record"),
        (lambda: simulate(small(), 5, seed=-1), "negative"),
        (lambda: simulate(small(), 5, seed=0, fractions={"train": 0.5}), "sum to 1"),
        (lambda: small(length=(5, 20)), "too short"),
        (lambda: small(length=(20, 10)), "length"),
        (lambda: small(classes=kind(Placement(motif="m"), Placement(motif="m", gap=(9, 9)))), "too short"),
        (lambda: small(classes=kind(Placement(motif="q"))), "unknown motif"),
        (lambda: small(classes=()), "at least one class"),
        (lambda: small(classes=kind(Placement(motif="m")) * 2), "two of one name"),
        (lambda: small(motifs=(Motif(name="shortcut", pattern="AC"),) * 2), "two of one name"),
        (lambda: small(positive="q"), "positive class"),
        (lambda: small(alphabet=PROTEIN), "differ in alphabet"),
        (lambda: small(activity=Activity(effects={"q": 1})), "unknown motif"),
        (lambda: small(classes=kind(Placement(motif="m", probability=0.5))), "cannot define a class"),
        (lambda: small(background=gc_background(DNA, 0.0)), "never holds"),
        (lambda: Placement(motif="m", gap=(3, 1)), "gap"),
        (lambda: Placement(motif="m", gap=(-1, 1)), "gap"),
        (lambda: Placement(motif="m", probability=0), "probability"),
        (lambda: Placement(motif="m", orientation="back"), "orientation"),  # type: ignore[arg-type]
        (lambda: SequenceClass(name="c", share=0), "share"),
        (lambda: SequenceClass(name="c", arrangements=((),)), "no motif"),
        (lambda: Activity(effects={}, noise=-1), "standard deviation"),
        (lambda: example("nope"), "no grammar"),
    ],
)
def test_what_cannot_be_is_refused(make, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_reverse_motif_in_protein_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match="cannot lie reverse in PROTEIN") as caught:
        small(
            alphabet=PROTEIN,
            background=swiss_prot_background(),
            classes=kind(Placement(motif="m", orientation="reverse")),
        )
    assert "complement" in str(caught.value)


def test_classes_that_cannot_be_told_apart_are_an_error_and_no_endless_loop() -> None:
    twins = tuple(SequenceClass(name=name, arrangements=((Placement(motif="m"),),)) for name in ("one", "two"))
    with pytest.raises(ConfigError, match="by accident") as caught:
        simulate(small(classes=twins), 40, seed=0)
    assert "class one, two" in str(caught.value)


def test_a_motif_that_stands_everywhere_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(ConfigError, match="by accident"):
        simulate(small(motifs=(Motif(name="m", pattern="A"),), length=(60, 60)), 40, seed=0)


def test_windows_without_room_are_an_error_and_no_endless_loop() -> None:
    placed = kind(Placement(motif="m", window=(0, 8)), Placement(motif="m", window=(0, 8)))
    with pytest.raises(ConfigError, match="no room"):
        simulate(small(classes=placed), 40, seed=0)
