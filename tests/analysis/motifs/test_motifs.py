"""Motifs put in and regions shuffled away: against a model that counts one motif, and letter by letter."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.analysis.motifs.edits import ablated, inserted, shuffled_away
from seqrobust.errors import InputError
from seqrobust.sequences import Region, SequenceSet

MOTIF = "TGACTCA"
HOW = {"alphabet": "DNA", "task": "regression"}


class Finder(nn.Module):
    """How often the motif stands in a record, and how often the letter G."""

    def __init__(self) -> None:
        super().__init__()
        wanted = torch.tensor(["ACGT".index(letter) for letter in MOTIF])
        self.register_buffer("kernel", nn.functional.one_hot(wanted, 4).T.float()[None])

    def forward(self, x: Tensor) -> Tensor:
        found = (nn.functional.conv1d(x, self.kernel) - len(MOTIF) + 1).relu().sum((1, 2))
        return torch.stack([found, x[:, 2].sum(1)], 1)


def backgrounds(count: int = 12, planted: bool = False) -> SequenceSet:
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(count)]
    if planted:
        texts = [text[:20] + MOTIF + text[27:] for text in texts]
    return SequenceSet.from_texts(texts, sr.wrap(Finder(), **HOW).alphabet, regions=[[Region("site", 18, 30)]] * count)


def test_a_motif_is_what_the_model_counts_and_its_letters_are_not() -> None:
    found = sr.motifs(Finder(), backgrounds(), motifs=("ap1=" + MOTIF, "G=GGGG"), draws=5, **HOW)
    one, other = (found.metrics["insertions"][name] for name in ("ap1", "G"))
    assert one["0"]["change"] == pytest.approx(1, abs=0.1)
    assert abs(one["0"]["control_change"]) < 0.1
    # A motif of one letter is its own control, whatever it does.
    assert other["1"]["change"] > 2
    assert other["1"]["beyond_control"] == pytest.approx(0, abs=1e-6)
    assert "Putting in ap1 moves the output 0 beyond its control" in " ".join(found.page.sections[0].answer)


@pytest.mark.parametrize("at", [None, 1, 54])
def test_a_motif_stands_where_it_was_put(at: int | None) -> None:
    start = 26 if at is None else at - 1
    records = backgrounds(4)
    found = sr.motifs(Finder(), records, motifs=(MOTIF,), at=at, draws=1, **HOW).table
    texts = [text[:start] + MOTIF + text[start + 7 :] for text in records.texts]
    assert found[found.output == "1"].after.tolist() == [text.count("G") for text in texts]


def test_a_region_shuffled_away_loses_its_motif() -> None:
    found = sr.motifs(Finder(), backgrounds(planted=True), ablate=("site",), draws=8, **HOW)
    lost = found.metrics["ablations"]["site"]["0"]
    assert lost["change"] < -0.5
    assert lost["beyond_control"] < -0.5
    assert found.metrics["ablations"]["site"]["1"]["change"] == pytest.approx(0, abs=1e-6)


def test_edits_keep_to_their_places() -> None:
    rng = np.random.default_rng(0)
    record = rng.integers(0, 5, 50).astype(np.uint8)
    columns = tuple(np.array([code, 3], np.uint8) for code in (0, 1, 2, 0))
    put = inserted(record, columns, 10, 4, rng, shuffled=False)
    assert (put.before == record).all()
    assert all(code in accepted for code, accepted in zip(put.after[10:14], columns, strict=True))
    assert put.control is not None
    assert Counter(put.control[10:14].tolist()) == Counter(put.after[10:14].tolist())
    for edited in (put.after, put.control):
        assert (np.delete(edited, range(10, 14)) == np.delete(record, range(10, 14))).all()
    gone = ablated(record, 20, 40, 4, rng)
    assert (np.delete(gone.after, range(20, 40)) == np.delete(record, range(20, 40))).all()
    assert gone.control is not None
    assert (gone.control[20:40] == record[20:40]).all()
    assert ablated(record, 0, 50, 4, rng).control is None
    away = shuffled_away(record, 0, 50, 4, rng)
    assert ((away == 4) == (record == 4)).all()
    assert Counter(pairwise(away.tolist())) == Counter(pairwise(record.tolist()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "nothing is to be put in"),
        ({"motifs": ("TGAXJ",)}, "cannot be read"),
        ({"motifs": ("A" * 61,)}, "fits into no record"),
        ({"motifs": (MOTIF,), "at": 55}, "fits into no record"),
        ({"motifs": ("x=AC", "x=GT")}, "one name"),
        ({"ablate": ("nowhere",)}, "nowhere"),
    ],
)
def test_what_cannot_be_had_is_refused(settings: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        sr.motifs(Finder(), backgrounds(3), **settings, **HOW)


def test_backgrounds_are_shuffled_when_asked() -> None:
    records = backgrounds(3)
    found = sr.motifs(Finder(), records, motifs=(MOTIF,), shuffled=True, draws=3, **HOW)
    assert found.metrics["backgrounds"] == "shuffled"
    assert found.table[found.table.output == "1"].before.tolist() == [text.count("G") for text in records.texts]
