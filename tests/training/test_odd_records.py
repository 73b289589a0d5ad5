"""Records that training must cope with or refuse: too few, too short, far from zero, of other classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from training_toys import TINY_CNN, LinearModel, logits, small, toy, trained

from seqrobust.alphabet import DNA
from seqrobust.errors import ConfigError, DataError
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.training import Labelled, prediction_metrics
from seqrobust.training.data import RecordDataModule


def random_records(n: int, length: int) -> Labelled:
    letters = np.random.default_rng(0).choice(list("ACGT"), (n, length))
    targets = Targets(task="binary", labels=("0", "1"), values=np.arange(n) % 2)
    return Labelled(sequences=SequenceSet.from_texts(["".join(row) for row in letters], DNA), targets=targets)


def with_values(data: Labelled, values: np.ndarray) -> Labelled:
    return replace(data, targets=replace(data.targets, values=values.astype(np.float32)))


def test_a_lone_last_record_of_one_position(tmp_path: Path) -> None:
    """Pooled to a single position, a batch of one has no spread to normalise by."""
    data = random_records(17, 4)
    assert len(trained(data, tmp_path, model=small("cnn", data), epochs=2).history) == 2


def test_a_lone_last_record_is_another_one_each_epoch() -> None:
    data = random_records(17, 4)
    loader = RecordDataModule(data, data, batch_size=16, seed=0, threat=None).train_dataloader()
    seen = []
    for epoch in range(20):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        seen.append({tuple(row) for batch in loader for row in batch.tokens.tolist()})
        assert sum(len(batch.tokens) for batch in loader) == 16
    assert set.union(*seen) == {tuple(row) for row in data.sequences.tokens.tolist()}


def test_devices_share_the_records_out() -> None:
    data = random_records(40, 12)
    shares = []
    for rank in range(2):
        module = RecordDataModule(data, data, batch_size=8, seed=3, threat=None)
        module.trainer = SimpleNamespace(world_size=2, global_rank=rank)  # type: ignore[assignment]
        shares.append([tuple(row) for batch in module.train_dataloader() for row in batch.tokens.tolist()])
    assert len(shares[0]) == len(shares[1]) == 20
    assert sorted(shares[0] + shares[1]) == sorted(map(tuple, data.sequences.tokens.tolist()))


def test_lengths_are_told_only_where_they_differ() -> None:
    targets = Targets(task="binary", labels=("0", "1"), values=np.array([0, 1, 0]))
    data = Labelled(sequences=SequenceSet.from_texts(["ACGT", "AC", "AG"], DNA), targets=targets)
    records = RecordDataModule(data, data, batch_size=2, seed=0, threat=None).val_dataloader().dataset
    mixed, short = records.__getitems__([0, 1]), records.__getitems__([1, 2])  # type: ignore[attr-defined]
    assert mixed.lengths.tolist() == [4, 2]
    assert short.lengths is None
    assert short.tokens.shape == (2, 2)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_to_train_on(n: int, tmp_path: Path) -> None:
    data = random_records(20, 8)
    few = Labelled(sequences=data.sequences.take(np.arange(n)), targets=data.targets.take(np.arange(n)))
    with pytest.raises(DataError, match="two records or more"):
        trained(few, tmp_path, valid=data, model=small("cnn", data, **TINY_CNN))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_none_to_validate_on(task: str, tmp_path: Path) -> None:
    data = toy(task, n=20)  # type: ignore[arg-type]
    none = Labelled(sequences=data.sequences.take([]), targets=data.targets.take(np.array([], np.int64)))
    with pytest.raises(DataError, match="no record to validate on"):
        trained(data, tmp_path, valid=none)


def test_r2_needs_targets_that_differ(tmp_path: Path) -> None:
    data = toy("regression", n=20)
    with pytest.raises(DataError, match="targets that differ"):
        trained(data, tmp_path, valid=with_values(data, np.ones((20, 2))))


def test_r2_of_values_far_from_zero(tmp_path: Path) -> None:
    """In 32 bits, sums of squares of values near 100,000 hold nothing of a spread of 10."""
    data = toy("regression")
    far = with_values(data, data.targets.values + 1e5)
    result = trained(far, tmp_path)
    exact = prediction_metrics(far.targets, logits(result.model, far))["r2"]
    assert result.history["valid_r2"].max() == pytest.approx(exact, abs=1e-3)


def test_outputs_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="outputs do not fit"):
        trained(toy("classification", n=20), tmp_path, model=LinearModel(16, outputs=2))


def test_classes_that_do_not_match(tmp_path: Path) -> None:
    data = toy("binary", n=20)
    swapped = replace(data, targets=replace(data.targets, labels=data.targets.labels[::-1]))
    with pytest.raises(DataError, match="other labels"):
        trained(data, tmp_path, valid=swapped)


def test_a_model_in_evaluation_mode_is_trained_all_the_same(tmp_path: Path) -> None:
    data = toy("binary", n=64)
    results = [
        trained(data, tmp_path / str(mode), model=small("cnn", data, **TINY_CNN).train(mode), epochs=2).model
        for mode in (True, False)
    ]
    for first, second in zip(*(result.state_dict().values() for result in results), strict=True):
        assert torch.equal(first, second)


def test_half_precision_is_not_exchanged_for_another_on_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Lightning cannot train"):
        trained(toy("binary", n=20), tmp_path, precision="16-mixed", accelerator="cpu")


def test_patience_needs_a_score_to_watch(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="patience"):
        trained(toy("binary", n=20), tmp_path, patience=2, select="last")
