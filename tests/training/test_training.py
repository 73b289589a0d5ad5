"""Training: every task is learnt, weights are selected as asked, and a resumed run is an unbroken one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from training_toys import TINY_CNN, TINY_GRU, logits, small, toy, trained

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import ConfigError, DataError, SeqRobustError
from seqrobust.models import Predictor, SequenceModel
from seqrobust.sequences import Region, SequenceSet, Targets, Task
from seqrobust.training import (
    AdversarialSettings,
    Labelled,
    Trained,
    TrainingSettings,
    adversarial_settings,
    fit,
    prediction_metrics,
)
from seqrobust.training.losses import record_loss

# Learning -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "classification", "multilabel", "regression"])
def test_ordinary_training_learns(task: Task, tmp_path: Path) -> None:
    data, fresh = toy(task), toy(task, seed=1)
    # Two sharp edges on a count take a little longer than one.
    result = trained(data, tmp_path, epochs=25)
    found = prediction_metrics(fresh.targets, logits(result.model, fresh))
    assert (found["r2"] if task == "regression" else found["accuracy"]) > 0.85
    assert list(result.history["epoch"]) == list(range(1, 26))
    assert (tmp_path / "history.csv").exists()


def fragile(n: int, seed: int) -> Labelled:
    """Class by a single letter that an adversary may change, and, more faintly, by a protected word."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    texts = []
    for label in labels:
        noise = "".join(rng.choice(list("CG"), 6))
        word = ("AAAA" if label else "TTTT") if rng.random() < 0.95 else "".join(rng.choice(list("AT"), 4))
        texts.append(("A" if label else "T") * 2 + noise + word)
    sequences = SequenceSet.from_texts(texts, DNA, regions=[[Region("word", 8, 12)]] * n)
    return Labelled(sequences=sequences, targets=Targets(task="binary", labels=("0", "1"), values=labels))


def robust_accuracy(model: SequenceModel, data: Labelled) -> float:
    from seqrobust.attacks import ATTACKS, Problem, Untargeted, run_shard

    predictor = Predictor(model, alphabet=DNA, task="binary", labels=("0", "1"), device="cpu", scale="logits")
    threat = adversarial_settings(budget=2, protect=("word",)).threat()
    problem = Problem(
        predictor=predictor,
        sequences=data.sequences,
        targets=data.targets,
        threat=threat,
        budgets=(threat.budget,),
        goal=Untargeted(),
        control_draws=1,
    )
    with predictor.attached():
        # Every sequence within two edits: no other attack finds more.
        run = run_shard(problem, [ATTACKS["exhaustive"]], np.arange(len(data.sequences)))
    return float((run.attackable & ~run.reached[:, 0]).float().mean())


def test_adversarial_training_makes_robust(tmp_path: Path) -> None:
    data, fresh = fragile(240, 0), fragile(80, 1)
    settings = TrainingSettings(epochs=12, batch_size=16, learning_rate=0.02, select="last")
    models = []
    for name, adversary in (("plain", None), ("robust", adversarial_settings(budget=2, protect=("word",)))):
        model = small("cnn", data, head="flatten", channels=8, blocks=1, first_kernel=3, pool=1, hidden=8)
        result = fit(model, data, data, settings=settings, adversarial=adversary, out=tmp_path / name)
        models.append(result.model)
    plain, robust = (robust_accuracy(model, fresh) for model in models)
    assert robust > 0.85
    assert plain < robust - 0.1


def test_balanced_weights_are_inverse_frequencies() -> None:
    data = toy("binary", n=200)
    rare = np.flatnonzero(data.targets.values == 1)[10:]
    kept = np.setdiff1d(np.arange(200), rare)
    few = Labelled(sequences=data.sequences.take(kept), targets=data.targets.take(kept))
    loss = record_loss(few.targets, TrainingSettings(class_weights="balanced"))
    both = loss(torch.zeros(2, 1), torch.tensor([0, 1]))
    counts = np.bincount(few.targets.values)
    assert (both[1] / both[0]).item() == pytest.approx(counts[0] / counts[1], rel=1e-5)


def unequal(n: int, seed: int) -> Labelled:
    """One record in eight is of class 1; the letters that tell, tell faintly, so that the common class is favoured."""
    rng = np.random.default_rng(seed)
    values = (np.arange(n) % 8 == 0).astype(np.int64)
    chances = {0: [0.25, 0.25, 0.25, 0.25], 1: [0.4, 0.2, 0.2, 0.2]}
    texts = ["".join(rng.choice(list("ACGT"), 16, p=chances[value])) for value in values.tolist()]
    return Labelled(
        sequences=SequenceSet.from_texts(texts, DNA), targets=Targets(task="binary", labels=("0", "1"), values=values)
    )


def test_a_rare_class_is_found_more_often_where_weighed(tmp_path: Path) -> None:
    data, fresh = unequal(400, 0), unequal(400, 1)
    recall = []
    for weights in ("none", "balanced"):
        result = trained(data, tmp_path / weights, epochs=8, select="last", class_weights=weights)
        confusion = prediction_metrics(fresh.targets, logits(result.model, fresh))["confusion"]
        recall.append(confusion[1][1] / sum(confusion[1]))
    assert recall[1] > recall[0] + 0.2


def test_a_class_without_records_cannot_be_weighed() -> None:
    targets = Targets(task="classification", labels=("a", "b", "c"), values=np.array([0, 1, 1]))
    with pytest.raises(DataError, match="no training record"):
        record_loss(targets, TrainingSettings(class_weights="balanced"))


# Selection, stopping, resuming ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "column", "best"),
    [
        ("clean", "valid_accuracy", "idxmax"),
        ("robust", "valid_robust_accuracy", "idxmax"),
        ("both", "valid_both_accuracy", "idxmax"),
        ("loss", "valid_loss", "idxmin"),
    ],
)
def test_selection_keeps_the_best_epoch(select: str, column: str, best: str, tmp_path: Path) -> None:
    data, valid = toy("binary", n=64), toy("binary", n=40, seed=2)
    settings = TrainingSettings(epochs=5, batch_size=16, learning_rate=0.05, select=select)  # type: ignore[arg-type]
    model = small("cnn", data, **TINY_CNN)
    result = fit(model, data, valid, settings=settings, adversarial=adversarial_settings(budget=2), out=tmp_path)
    assert result.best_epoch == getattr(result.history[column], best)() + 1
    if select == "clean":
        right = (logits(result.model, valid)[:, 0] > 0) == (valid.targets.values > 0)
        assert right.mean() == pytest.approx(result.history[column].max())


def test_last_keeps_the_last_epoch(tmp_path: Path) -> None:
    assert trained(toy("binary", n=40), tmp_path, epochs=3, select="last").best_epoch == 3


def test_patience_stops(tmp_path: Path) -> None:
    data = toy("binary", n=40)
    result = trained(data, tmp_path, epochs=40, patience=2, learning_rate=1e-9, schedule="constant")
    assert len(result.history) == 3


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("architecture", ["cnn", "gru"])
@pytest.mark.parametrize("adversary", [None, adversarial_settings(budget=2, ramp_epochs=3)])
def test_a_resumed_run_is_an_unbroken_one(
    architecture: str, adversary: AdversarialSettings | None, tmp_path: Path
) -> None:
    data = toy("classification", n=64)
    settings = TrainingSettings(epochs=4, batch_size=16, learning_rate=0.01)
    hyperparameters = TINY_CNN if architecture == "cnn" else TINY_GRU

    def run(out: Path, *, stop: float = 99, resume: bool = False) -> Trained:
        def progress(done: float, row: Mapping[str, float]) -> None:
            if done > stop:
                raise KilledError

        model = small(architecture, data, dropout=0.3, **hyperparameters)
        return fit(
            model, data, data, settings=settings, adversarial=adversary, out=out, resume=resume, progress=progress
        )

    whole = run(tmp_path / "whole")
    with pytest.raises(KilledError):
        run(tmp_path / "broken", stop=2.4)
    again = run(tmp_path / "broken", resume=True)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    pd.testing.assert_frame_equal(whole.history.drop(columns="seconds"), again.history.drop(columns="seconds"))


def test_an_interrupt_comes_through(tmp_path: Path) -> None:
    def progress(done: float, row: Mapping[str, float]) -> None:
        raise KeyboardInterrupt

    data = toy("binary", n=40)
    with pytest.raises(KeyboardInterrupt):
        fit(
            small("cnn", data, **TINY_CNN),
            data,
            data,
            settings=TrainingSettings(epochs=2),
            out=tmp_path,
            progress=progress,
        )


def test_seeds_decide(tmp_path: Path) -> None:
    data = toy("binary", n=40)

    def weights(seed: int, name: str) -> list[Tensor]:
        model = small("cnn", data, **TINY_CNN)
        settings = TrainingSettings(epochs=2, batch_size=16)
        return list(fit(model, data, data, settings=settings, seed=seed, out=tmp_path / name).model.parameters())

    first, second, other = weights(1, "a"), weights(1, "b"), weights(2, "c")
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(first, other, strict=True))


def test_nothing_global_is_left_behind(tmp_path: Path) -> None:
    data = toy("binary", n=40)
    model = small("cnn", data, **TINY_CNN)  # sets torch's seed
    torch.rand(3)  # a state that no seeding inside the fit can arrive at by chance
    random, filters = torch.get_rng_state(), list(warnings.filters)
    level = logging.getLogger("pytorch_lightning").level
    trained(data, tmp_path, model=model, epochs=1)
    assert torch.equal(random, torch.get_rng_state())
    assert list(warnings.filters) == filters
    assert logging.getLogger("pytorch_lightning").level == level


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    data = toy("binary", n=40)
    model = small("cnn", data, **TINY_CNN)
    with torch.no_grad():
        next(model.readout.parameters()).fill_(float("inf"))
    with pytest.raises(SeqRobustError, match="not finite in epoch 1"):
        fit(model, data, data, settings=TrainingSettings(epochs=2), out=tmp_path)


def test_a_run_that_diverges_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SeqRobustError, match=r"lower training\.learning_rate"):
        trained(toy("binary", n=40), tmp_path, learning_rate=1e30, gradient_clip=None, schedule="constant")


@pytest.mark.parametrize("n", [3, 17])
def test_odd_numbers_of_records(n: int, tmp_path: Path) -> None:
    """Fewer than a batch, and a last batch of one."""
    assert len(trained(toy("binary", n=n), tmp_path, epochs=1).history) == 1


@pytest.mark.parametrize("architecture", ["cnn", "gru"])
def test_an_adversary_may_find_no_record_left_in_a_batch(architecture: str, tmp_path: Path) -> None:
    """Nine tenths of a batch of four, rounded, are all of it."""
    data = toy("binary", n=17)
    settings = TrainingSettings(epochs=1, batch_size=4)
    adversary = adversarial_settings(budget=2, clean_share=0.9)
    result = fit(small(architecture, data), data, data, settings=settings, adversarial=adversary, out=tmp_path)
    assert np.isfinite(result.history["train_loss"]).all()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_mixed_precision(task: Task, tmp_path: Path) -> None:
    result = trained(toy(task), tmp_path, epochs=12, precision="bf16-mixed", accelerator="cpu")
    assert all(weight.dtype == torch.float32 for weight in result.model.parameters())
    found = prediction_metrics(toy(task).targets, logits(result.model, toy(task)))
    assert (found["r2"] if task == "regression" else found["accuracy"]) > 0.8


def test_a_single_validation_record(tmp_path: Path) -> None:
    """Enough for an accuracy, too few for R2."""
    for task in ("binary", "regression"):
        data = toy(task, n=40)  # type: ignore[arg-type]
        one = Labelled(sequences=data.sequences.take(np.array([0])), targets=data.targets.take(np.array([0])))
        if task == "binary":
            assert len(trained(data, tmp_path, valid=one, epochs=1).history) == 1
        else:
            with pytest.raises(DataError, match="two validation records"):
                trained(data, tmp_path, valid=one, epochs=1)


def test_an_adversary_without_choice_is_refused(tmp_path: Path) -> None:
    data = fragile(20, 0)
    settings = adversarial_settings(budget=0)
    with pytest.raises(ConfigError, match="may change nothing"):
        fit(small("cnn", data), data, data, settings=TrainingSettings(), adversarial=settings, out=tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"label_smoothing": 1.0},
        {"patience": 0},
        {"weight_decay": -1.0},
        {"weight_decay": float("nan")},
        {"learning_rate": float("nan")},
        {"gradient_clip": 0.0},
        {"schedule": "onecycle"},
        {"select": "best"},
        {"class_weights": "balance"},
        {"regression_loss": "mae"},
        {"precision": "7-bit"},
        # Weights of other sizes than 32 bits would meet input of 32.
        {"precision": "64-true"},
    ],
)
def test_bad_settings(options: dict[str, float | str]) -> None:
    with pytest.raises(ConfigError):
        TrainingSettings(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"steps": 0}, {"clean_share": 1.0}, {"clean_share": -0.1}, {"ramp_epochs": -1}])
def test_bad_adversaries(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        adversarial_settings(**options)  # type: ignore[arg-type]


def test_robust_selection_needs_an_adversary(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs an adversary"):
        trained(toy("binary", n=20), tmp_path, select="robust")


@pytest.mark.parametrize("options", [{"accelerator": "abacus"}, {"devices": -3}])
def test_what_lightning_refuses_is_a_config_error(options: dict[str, str | int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Lightning cannot train"):
        trained(toy("binary", n=20), tmp_path, **{"accelerator": "cpu", **options})


def test_reverse_complements_are_shown(tmp_path: Path) -> None:
    """A model that saw TTTT only as AAAA's other strand knows it."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("CG"), 8)) + ("AAAA" if i % 2 else "CGCG") for i in range(120)]
    flipped = [str(text[::-1].translate(str.maketrans("ACGT", "TGCA"))) for text in texts]
    targets = Targets(task="binary", labels=("0", "1"), values=np.arange(120) % 2)
    data = Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=targets)
    other = Labelled(sequences=SequenceSet.from_texts(flipped, DNA), targets=targets)
    accuracy = []
    for shown in (False, True):
        result = trained(data, tmp_path / str(shown), epochs=8, reverse_complement=shown)
        accuracy.append(prediction_metrics(other.targets, logits(result.model, other))["accuracy"])
    assert accuracy[1] > 0.95
    assert accuracy[0] < accuracy[1] - 0.2


def test_proteins_have_no_reverse_complement(tmp_path: Path) -> None:
    data = Labelled(
        sequences=SequenceSet.from_texts(["ACDE", "FGHI"], PROTEIN),
        targets=Targets(task="binary", labels=("0", "1"), values=np.array([0, 1])),
    )
    with pytest.raises(ConfigError, match="no complement"):
        trained(data, tmp_path, model=small("cnn", data), reverse_complement=True)
