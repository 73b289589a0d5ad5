"""The saturation map against every mutant written out as text and run through the plain module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.analysis import saturation
from seqrobust.analysis.ism import SaturationSummary
from seqrobust.analysis.saturation import Block, Scan, count_candidates, cut_blocks, output_names, saturate
from seqrobust.errors import ThreatError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import Region, SequenceSet, Task
from seqrobust.sequences.encoding import one_hot, tokens_from_texts

LENGTHS = (23, 30, 1, 30, 17)


class Small(nn.Module):
    """Convolution and mean; ``recurrent``: a GRU beneath it."""

    def __init__(self, letters: int, outputs: int, *, recurrent: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru = nn.GRU(letters, letters, batch_first=True, bidirectional=True) if recurrent else None
            self.convolution = nn.Conv1d(letters * (2 if recurrent else 1), 8, 5, padding=2)
            self.head = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.gru is not None:
            x = self.gru(x.transpose(1, 2))[0].transpose(1, 2)
        return self.head(self.convolution(x).relu().mean(2))


def records(alphabet: Alphabet, lengths: tuple[int, ...] = LENGTHS) -> SequenceSet:
    """Random texts of those lengths, lower case here and there, an unknown letter in the first two."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list(alphabet.letters), length)) for length in lengths]
    texts = [text.lower() if number % 2 else text for number, text in enumerate(texts)]
    texts[:2] = [text[:4] + alphabet.any_letter + text[5:] if len(text) > 5 else text for text in texts[:2]]
    regions = [
        [Region("core", len(text) // 3, len(text) // 2 + 1), Region("end", len(text) - 1, len(text))] for text in texts
    ]
    return SequenceSet.from_texts(texts, alphabet, ids=["a", "b", "a", "d", "e"][: len(texts)], regions=regions)


def checked(module: nn.Module, sequences: SequenceSet, task: Task = "regression") -> Predictor:
    predictor = Predictor(module, alphabet=sequences.alphabet, task=task, device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    return predictor


def whole_map(
    predictor: Predictor, sequences: SequenceSet, scan: Scan, memory: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The reference (N, outputs) and the map (N, K, L, outputs), put together from its blocks."""
    scanned = scan.positions(sequences)
    shape = (len(sequences), sequences.alphabet.size, sequences.width, predictor.outputs)
    scores, reference = np.full(shape, -1e9, np.float32), np.full(shape[::3], -1e9, np.float32)
    blocks = cut_blocks(scanned, sequences.alphabet.size, predictor.outputs)
    with predictor.attached():
        service = NeighbourScores(predictor, memory=memory)
        for block, own, part in saturate(predictor, sequences, scanned, blocks, service):
            reference[block.start : block.stop] = own
            scores[block.start : block.stop, :, block.left : block.right] = part
    return reference, scores


def plainly(module: nn.Module, texts: list[str], alphabet: Alphabet) -> np.ndarray:
    """(M, outputs) of texts of one length, by the module itself."""
    with torch.no_grad():
        out: np.ndarray = module.eval()(one_hot(torch.tensor(tokens_from_texts(texts, alphabet)), alphabet)).numpy()
    return out


def brute_force(module: nn.Module, sequences: SequenceSet, wanted: np.ndarray) -> np.ndarray:
    """The map, mutant by mutant, where (N, L) ``wanted``."""
    alphabet = sequences.alphabet
    outputs = plainly(module, ["A"], alphabet).shape[1]
    scores = np.full((len(sequences), alphabet.size, sequences.width, outputs), np.nan, np.float32)
    for record, position in np.argwhere(wanted):
        text = sequences.texts[record]
        mutants = [text[:position] + letter + text[position + 1 :] for letter in alphabet.letters]
        scores[record, :, position] = plainly(module, mutants, alphabet)
    return scores


def within(sequences: SequenceSet) -> np.ndarray:
    inside: np.ndarray = np.arange(sequences.width) < sequences.lengths[:, None]
    return inside


def known(sequences: SequenceSet) -> np.ndarray:
    return within(sequences) & (sequences.tokens != sequences.alphabet.unknown)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=lambda alphabet: alphabet.name)
@pytest.mark.parametrize("outputs", [1, 3])
def test_every_mutant_is_scored(alphabet: Alphabet, outputs: int, recurrent: bool) -> None:
    sequences = records(alphabet)
    module = Small(alphabet.size, outputs, recurrent=recurrent)
    reference, scores = whole_map(checked(module, sequences), sequences, Scan())
    expected = brute_force(module, sequences, known(sequences))
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(expected))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    for record, text in enumerate(sequences.texts):
        np.testing.assert_allclose(reference[record], plainly(module, [text], alphabet)[0], atol=1e-5)


def test_the_own_letter_holds_the_reference() -> None:
    sequences = records(DNA)
    reference, scores = whole_map(checked(Small(4, 2), sequences), sequences, Scan())
    record, position = np.nonzero(known(sequences))
    own = scores[record, sequences.tokens[record, position], position]
    np.testing.assert_array_equal(own, reference[record])


def test_unknown_letters_on_request() -> None:
    sequences = records(DNA)
    module = Small(4, 2)
    _, scores = whole_map(checked(module, sequences), sequences, Scan(unknown_too=True))
    expected = brute_force(module, sequences, within(sequences))
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(expected))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("scan", "names", "inside"),
    [
        (Scan(only=("core",)), ["core"], True),
        (Scan(protect=("core",)), ["core"], False),
        (Scan(only=("core", "end")), ["core", "end"], True),
    ],
)
def test_regions_confine_the_scan(scan: Scan, names: list[str], inside: bool) -> None:
    sequences = records(DNA)
    module = Small(4, 1)
    _, scores = whole_map(checked(module, sequences), sequences, scan)
    covered = sequences.regions.cover(names, (len(sequences), sequences.width))
    expected = brute_force(module, sequences, known(sequences) & (covered == inside))
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(expected))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ThreatError, match="no region"):
        Scan(only=("nowhere",)).positions(records(DNA))


@pytest.mark.parametrize("most", [1, 7, 50, 10_000])
def test_cuts_do_not_matter(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = records(DNA)
    predictor = checked(Small(4, 2), sequences)
    whole = whole_map(predictor, sequences, Scan())
    monkeypatch.setattr(saturation, "FEWEST", most)
    monkeypatch.setattr(saturation, "MOST", most)
    for one, other in zip(whole, whole_map(predictor, sequences, Scan(), memory=10**7), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("records", "width", "letters", "outputs"), [(7, 40, 4, 1), (1, 1, 20, 5), (3, 9000, 4, 2), (2, 5, 4, 9**7)]
)
def test_blocks_cover_the_map_once(records: int, width: int, letters: int, outputs: int) -> None:
    scanned = np.random.default_rng(0).random((records, width)) < 0.7
    seen = np.zeros((records, width), int)
    for block in cut_blocks(scanned, letters, outputs):
        seen[block.start : block.stop, block.left : block.right] += 1
        cells = (block.stop - block.start) * (block.right - block.left)
        assert cells == 1 or cells * letters * outputs <= max(saturation.VALUES, width * letters)
        assert letters * block.of(scanned).sum() <= saturation.MOST
    assert (seen == 1).all()


def test_candidates_are_counted() -> None:
    sequences = SequenceSet.from_texts(["ACGTN", "AC"], DNA)
    block = Block(0, 2, 0, 5)
    assert count_candidates(sequences, Scan().positions(sequences), block) == 6 * 3
    assert count_candidates(sequences, Scan(unknown_too=True).positions(sequences), block) == 6 * 3 + 4


@pytest.mark.parametrize(
    ("task", "outputs", "names"),
    [("binary", 1, ("1",)), ("classification", 3, ("0", "1", "2")), ("regression", 1, ("0",))],
)
def test_outputs_have_names(task: Task, outputs: int, names: tuple[str, ...]) -> None:
    sequences = records(DNA)
    assert output_names(checked(Small(4, outputs), sequences, task)) == names


@pytest.mark.parametrize(("task", "outputs"), [("binary", 1), ("classification", 3), ("regression", 2)])
def test_the_summary_adds_up(task: Task, outputs: int) -> None:
    sequences = records(DNA)
    predictor = checked(Small(4, outputs), sequences, task)
    reference, scores = whole_map(predictor, sequences, Scan())
    summary = SaturationSummary(sequences=sequences, task=task, outputs=output_names(predictor))
    for start in range(len(sequences)):  # in two halves each
        for left, right in ((0, 11), (11, sequences.width)):
            part = scores[start : start + 1, :, left:right]
            summary.add(saturation.Scored(Block(start, start + 1, left, right), reference[start : start + 1], part))
    found = summary.metrics()
    is_edit = np.isfinite(scores[..., 0]) & (sequences.tokens[:, None] != np.arange(4)[:, None])
    delta = (scores - reference[:, None, None])[is_edit]
    assert (found["positions"], found["candidates"]) == (known(sequences).sum(), is_edit.sum())
    for name, column in zip(output_names(predictor), delta.T, strict=True):
        told = found["outputs"][name]
        assert told["mean_abs_delta"] == pytest.approx(np.abs(column).mean(), rel=1e-4)
        assert told["largest_increase"]["delta"] == pytest.approx(column.max(), rel=1e-4)
        assert told["largest_decrease"]["delta"] == pytest.approx(column.min(), rel=1e-4)
        edit, row = told["largest_increase"]["edit"], sequences.ids.index(told["largest_increase"]["id"])
        assert sequences.texts[row][int(edit[1:-1]) - 1] == edit[0]
    core = sequences.regions.cover(["core"], (len(sequences), sequences.width))[:, None] & is_edit
    inside = np.abs(scores - reference[:, None, None])[core].mean(0)
    assert list(found["regions"]["core"]["mean_abs_delta"].values()) == pytest.approx(inside.tolist(), rel=1e-4)
    flips = {"binary": (scores[..., 0] > 0) != (reference[:, None, None, 0] > 0)}.get(
        task, scores.argmax(-1) != reference.argmax(-1)[:, None, None]
    )
    if task == "regression":
        assert "flips" not in found
    else:
        assert found["flips"]["substitutions"] == (flips & is_edit).sum()
        assert found["flips"]["records"] == (flips & is_edit).any((1, 2)).sum()


def test_nothing_scanned_is_a_map_of_nan(tmp_path: Path) -> None:
    sequences = SequenceSet.from_texts(["NNN", "N"], DNA)
    reference, scores = whole_map(checked(Small(4, 1), sequences), sequences, Scan())
    assert np.isnan(scores).all()
    assert np.isfinite(reference).all()
    summary = SaturationSummary(sequences=sequences, task="regression", outputs=("0",))
    summary.add(saturation.Scored(Block(0, 2, 0, 3), reference, scores))
    assert summary.metrics() == {"n": 2, "positions": 0, "candidates": 0, "outputs": {}}
