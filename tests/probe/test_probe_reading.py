"""What a model reads, in a word: models of known behaviour, and the windows and counts behind it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.analysis.probe.reading import Moved, compact_place, effective_positions, paired_flips, reading_word

LENGTH, INSIDE = 60, slice(20, 30)


class Copies(nn.Module):
    """Whether a stretch holds more G and C than A and T: the first, or either of two others by their larger count."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gc = x[:, 1] + x[:, 2] - x[:, 0] - x[:, 3]
        either = torch.maximum(gc[:, 40:43].sum(1), gc[:, 50:53].sum(1))
        z = torch.maximum(torch.full_like(either, -1), torch.minimum(gc[:, 20:23].sum(1), either)) + 0.5
        return torch.stack([-z, z], 1)


class Linear(nn.Module):
    """GC content of some positions, each with a weight."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gc = x[:, 1] + x[:, 2] - x[:, 0] - x[:, 3]
        z = (gc * self.weights).sum(1)
        return torch.stack([-z, z], 1)


def weights(*parts: tuple[int, int, float]) -> np.ndarray:
    found = np.zeros(LENGTH)
    for start, end, weight in parts:
        found[start:end] = weight
    return found


@pytest.mark.parametrize(
    ("read", "word", "said"),
    [
        (weights((20, 30, 1)), "function alone", "reads those alone"),
        (weights((25, 26, 1)), "function alone", "at a single position"),
        (weights((45, 55, 1)), "ignores function", "positions 46 to 55"),
        (weights((20, 30, 1), (45, 55, 0.6)), "looks at function", "positions 46 to 55"),
        (weights((0, 60, 1)), "not told apart", "no proof"),
    ],
    ids=["function", "one position", "shortcut", "both", "everything"],
)
def test_the_sentence_that_is_right(read: np.ndarray, word: str, said: str) -> None:
    rng = np.random.default_rng(0)
    model = sr.wrap(Linear(read), alphabet="DNA", task="classification", labels=["lo", "hi"])
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(30)]
    records = sr.records(texts, alphabet="DNA", regions=[{"core": (INSIDE.start, INSIDE.stop)}] * 30)
    found = sr.probe(model, records, sr.Substitutions(2), attacks=["greedy"], random_draws=2)
    assert found.metrics["reading"]["word"] == word
    text = " ".join(one.text for one in found.findings.verdicts if one.topic == "Reliance")
    assert said in text
    assert ("One compact place" in text) == bool(read[45] and not read[0])


def test_what_a_second_copy_hides_from_single_edits_is_not_denied() -> None:
    """All positive: one letter at either copy outside changes nothing, two letters at both do."""
    model = sr.wrap(Copies(), alphabet="DNA", task="classification", labels=["lo", "hi"])
    text = "A" * 20 + "GCG" + "A" * 17 + "GCG" + "A" * 7 + "GCG" + "A" * 7
    records = sr.records([text] * 6, alphabet="DNA", targets=["hi"] * 6, regions=[{"core": (20, 23)}] * 6)
    found = sr.probe(model, records, sr.Substitutions(4), attacks=["greedy", "exchange", "pairs"], random_draws=2)
    assert found.metrics["reliance"]["score"] == 0
    assert found.metrics["flip_rates"]["nonfunctional"] == 1
    assert found.metrics["reading"]["word"] != "function alone"


def test_records_without_a_region_have_no_outside() -> None:
    rng = np.random.default_rng(0)
    model = sr.wrap(Linear(weights((20, 30, 1))), alphabet="DNA", task="classification", labels=["lo", "hi"])
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(20)]
    regions = [{"core": (20, 30)} if number % 2 else {} for number in range(20)]
    records = sr.records(texts, alphabet="DNA", regions=regions)
    rates = sr.probe(model, records, sr.Substitutions(3), attacks=["greedy"], random_draws=2).metrics["flip_rates"]
    assert rates["nonfunctional"] == 0
    assert rates["nonfunctional_n"] <= 10


def test_words_of_scores() -> None:
    known = {"null_mean": 0.6, "least": 0.03}
    none = Moved()
    assert reading_word(known | {"score": 0.5, "p_two_sided": 0.04}, none) == "looks at function"
    assert reading_word(known | {"score": 0.9, "p_two_sided": 0.04}, none) == "looks away from function"
    assert reading_word(known | {"score": 0.9, "p_two_sided": 0.2}, none) == "not told apart"
    assert reading_word(known | {"score": 0.9, "p_two_sided": 0.2, "least": 2 / 15}, none) == "cannot be told"
    assert reading_word({"score": None}, none) == "no single edit moves it"
    assert reading_word({"score": None}, none, measured=False) == "not measured"
    assert reading_word(known | {"score": 0.0, "p_two_sided": 0.04}, none) == "function alone"
    # What an attack with more letters reaches is not left alone, whatever single edits say.
    assert reading_word(known | {"score": 0.0, "p_two_sided": 0.04}, Moved(outside=True)) == "looks at function"
    assert reading_word(known | {"score": 1.0, "p_two_sided": 0.04}, Moved(inside=True)) == "looks away from function"


def test_no_place_stands_out_of_diffuse_effects() -> None:
    rng = np.random.default_rng(1)
    inside = np.zeros((40, 60), bool)
    inside[:, INSIDE] = True
    found = [compact_place(rng.exponential(size=(40, 60)), inside, ~inside) for _ in range(50)]
    assert found.count(None) == 50
    effect = rng.exponential(size=(40, 60))
    effect[:, 40:50] += 10
    place = compact_place(effect, inside, ~inside)
    assert place is not None
    assert abs(place["start"] - 40) <= 1


def test_no_place_stands_out_of_a_random_linear_model() -> None:
    """Its effects differ from position to position: a few beside the functional ones are no place."""
    inside, named = np.zeros((24, 60), bool), 0
    inside[:, INSIDE] = True
    for seed in range(300):
        rng = np.random.default_rng(seed)
        read, letters = rng.normal(size=60), rng.choice([-1, 1], (24, 60))
        effect = np.maximum(4 * read * letters * np.sign(letters @ read)[:, None], 0)
        named += compact_place(effect, inside, ~inside) is not None
    assert named == 0


def test_effects_that_are_nothing_have_no_place() -> None:
    assert effective_positions(np.zeros((3, 5))) is None
    assert effective_positions(np.ones((3, 10))) == 9


def test_flips_are_paired_by_record() -> None:
    rows = pd.DataFrame({"success": pd.array([True] * 8 + [None, False], dtype="boolean")})
    other = pd.DataFrame({"success": pd.array([False] * 10, dtype="boolean")})
    found = paired_flips(rows, other, np.ones(10, bool))
    assert (found["n"], found["difference"]) == (9, pytest.approx(8 / 9))
    assert found["p_value"] == pytest.approx(2 / 2**8)
