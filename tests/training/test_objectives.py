"""Every objective trains: each task it takes, both architectures, ragged records, unequal costs; and resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from training_toys import TINY_CNN, TINY_GRU, LinearModel, small, toy

from seqrobust.alphabet import DNA
from seqrobust.errors import ConfigError
from seqrobust.models import ModelCard, save_checkpoint
from seqrobust.run.config import read_config
from seqrobust.sequences import Region, SequenceSet, Targets, Task, one_hot
from seqrobust.training import Labelled, Trained, TrainingSettings, adversarial_settings, fit
from seqrobust.training.objectives import OBJECTIVES
from seqrobust.training.objectives.making import make_objective

TASKS: list[Task] = ["binary", "classification", "multilabel", "regression"]
# Some objectives are not for every task.
TAKEN = {"mart": ("binary", "classification"), "hinge": ("binary", "classification", "multilabel")}


def run(
    data: Labelled,
    out: Path,
    objective: str,
    *,
    architecture: str = "cnn",
    budget: int | str = 2,
    options: Mapping[str, object] | None = None,
    head: str = "global",
    **settings: object,
) -> Trained:
    if objective == "distillation":
        options = {"teacher": str(a_teacher(data, out / "teacher")), **(options or {})}
    adversary = adversarial_settings(objective=objective, budget=budget, **(options or {}))  # type: ignore[arg-type]
    told: dict[str, object] = {"epochs": 12, "batch_size": 16, "learning_rate": 0.02, "select": "last", **settings}
    model = small(architecture, data, head=head, **(TINY_CNN if architecture == "cnn" else TINY_GRU))
    return fit(model, data, data, settings=TrainingSettings(**told), adversarial=adversary, out=out)  # type: ignore[arg-type]


def a_teacher(data: Labelled, out: Path) -> Path:
    out.mkdir(parents=True)
    settings = TrainingSettings(epochs=12, batch_size=16, learning_rate=0.02, select="last")
    model = fit(small("cnn", data, **TINY_CNN), data, data, settings=settings, out=out).model
    card = ModelCard(
        alphabet=DNA,
        task=data.targets.task,
        labels=data.targets.labels,
        architecture=model.architecture,
        hyperparameters=model.hyperparameters,
        input_length=model.input_length,
    )
    save_checkpoint(out / "teacher.ckpt", model, card)
    return out / "teacher.ckpt"


@pytest.mark.parametrize(
    ("objective", "task"), [(name, task) for name in OBJECTIVES for task in TASKS if task in TAKEN.get(name, TASKS)]
)
def test_each_objective_learns_what_an_attack_leaves(objective: str, task: Task, tmp_path: Path) -> None:
    # Two sharp edges on a count leave less room for an adversary than one.
    budget = 1 if task in ("classification", "multilabel") else 2
    history = run(toy(task, n=128), tmp_path, objective, budget=budget, options={"validation_steps": 3}).history
    score = history["valid_robust_r2" if task == "regression" else "valid_robust_accuracy"].iloc[-1]
    # Chance is 0 for a regression, and half the records for the others: that many are of the commonest class or set.
    assert score > (0.2 if task == "regression" else 0.65)


def ragged(n: int = 48) -> Labelled:
    rng = np.random.default_rng(0)
    values = np.arange(n) % 2
    texts = [
        "".join(
            rng.choice(
                list("ACGTN"), int(size), p=[0.7, 0.1, 0.1, 0.05, 0.05] if value else [0.05, 0.3, 0.3, 0.3, 0.05]
            )
        )
        for size, value in zip(rng.integers(6, 18, n), values.tolist(), strict=True)
    ]
    regions = [[Region("core", 1, 3)]] * n
    return Labelled(
        sequences=SequenceSet.from_texts(texts, DNA, regions=regions),
        targets=Targets(task="binary", labels=("0", "1"), values=values),
    )


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """Transitions cost 1, transversions 2; C to A is forbidden."""
    path = tmp_path / "prices.tsv"
    rows = ["A\t0\t2\t1\t2", "C\t0\t0\t2\t1", "G\t1\t2\t0\t2", "T\t2\t1\t2\t0"]
    path.write_text("\tA\tC\tG\tT\n" + "\n".join(rows) + "\n")
    return str(path)


@pytest.mark.parametrize("architecture", ["cnn", "gru"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_ragged_records_at_unequal_costs(objective: str, architecture: str, prices: str, tmp_path: Path) -> None:
    options = {"allow": prices, "protect": ("core",), "ramp_epochs": 2, "validation_steps": 2}
    if objective == "invariance":
        options["converse_weight"] = 0.5
    result = run(
        ragged(), tmp_path, objective, architecture=architecture, budget=3, options=options, epochs=6, select="auto"
    )
    assert np.isfinite(result.history.to_numpy()).all()
    assert result.history["valid_accuracy"].max() > 0.7


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("objective", ["replay", "continued", "trades", "invariance"])
def test_a_resumed_run_is_an_unbroken_one(objective: str, tmp_path: Path) -> None:
    """What replay remembers, and every draw, as if nothing had happened; records turned to the other strand too."""
    data = ragged()
    adversary = adversarial_settings(objective=objective, budget=2, protect=("core",))  # type: ignore[arg-type]
    settings = TrainingSettings(epochs=4, batch_size=16, learning_rate=0.02, reverse_complement=True)

    def go(out: Path, *, stop: float = 99, resume: bool = False) -> Trained:
        def progress(done: float, row: Mapping[str, float]) -> None:
            if done > stop:
                raise KilledError

        model = small("cnn", data, dropout=0.3, **TINY_CNN)
        return fit(
            model, data, data, settings=settings, adversarial=adversary, out=out, resume=resume, progress=progress
        )

    whole = go(tmp_path / "whole")
    with pytest.raises(KilledError):
        go(tmp_path / "broken", stop=2.4)
    again = go(tmp_path / "broken", resume=True)
    pd.testing.assert_frame_equal(whole.history.drop(columns="seconds"), again.history.drop(columns="seconds"))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "pgd"},
        {"objective": "adversarial", "weight": 1.0},
        {"objective": "trades", "clean_share": 0.5},
        {"objective": "trades", "weight": -1.0},
        {"objective": "penalty", "steps": 2},
        {"objective": "replay", "steps": 2},
        {"objective": "hinge", "weight": 1.0},
        {"objective": "random", "steps": 2},
        {"objective": "trades", "reduction": "mean"},
        {"objective": "penalty", "reduction": "median"},
        {"objective": "adversarial", "teacher": "x.ckpt"},
        {"objective": "distillation"},
        {"objective": "distillation", "teacher": "x.ckpt", "weight": 1.5},
        {"objective": "trades", "converse_weight": 1.0},
        {"objective": "invariance", "converse_weight": 1.0},
    ],
)
def test_settings_that_do_not_belong(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        adversarial_settings(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "objective", "settings"),
    [
        ("regression", "mart", {}),
        ("multilabel", "mart", {}),
        ("regression", "hinge", {}),
        ("binary", "replay", {"augment": "evolution"}),
        ("binary", "continued", {"augment": "evolution"}),
        ("binary", "mart", {"class_weights": "balanced"}),
        ("binary", "hinge", {"label_smoothing": 0.1}),
        ("binary", "mart", {"classification_loss": "margin"}),
    ],
)
def test_objectives_that_do_not_fit(task: Task, objective: str, settings: dict[str, object]) -> None:
    adversary = adversarial_settings(objective=objective)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        make_objective(toy(task, n=20), "zeros", TrainingSettings(**settings), adversary)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["labels", "task", "length"])
def test_teachers_of_other_records(change: str, tmp_path: Path) -> None:
    data = toy("binary", n=20)
    teacher = a_teacher(data, tmp_path / "teacher")
    if change == "labels":
        other = Labelled(
            sequences=data.sequences, targets=Targets(task="binary", labels=("b", "a"), values=data.targets.values)
        )
    else:
        other = toy("classification" if change == "task" else "binary", n=20)
    if change == "length":
        model = small("cnn", data, head="flatten", **TINY_CNN)
        card = ModelCard(
            alphabet=DNA,
            task="binary",
            labels=data.targets.labels,
            architecture="cnn",
            hyperparameters=model.hyperparameters,
            input_length=16,
        )
        save_checkpoint(teacher, model, card)
        other = toy("binary", n=20, length=20)
    adversary = adversarial_settings(objective="distillation", teacher=str(teacher))
    with pytest.raises(ConfigError, match="teacher"):
        make_objective(other, "zeros", TrainingSettings(), adversary)


def test_replay_remembers_on_one_device(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="on one device"):
        run(toy("binary", n=40), tmp_path, "replay", accelerator="cpu", devices=2)


CONFIG = """
name: tiny
task: binary
data: {path: data.csv, alphabet: DNA, target: label}
training:
  classification_loss: margin
  augment: evolution
  augment_until: 0.5
  adversarial: {objective: trades, budget: 100%, protect: [core], weight: 2, steps: 2, guard: false}
"""


def test_a_config_chooses_the_objective(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    (tmp_path / "data.csv").write_text("sequence,label\nACGT,0\nACGA,1\n")
    training = read_config(path).training
    assert training.adversarial == adversarial_settings(
        objective="trades", budget="100%", protect=("core",), weight=2.0, steps=2, guard=False
    )
    assert (training.classification_loss, training.augment, training.augment_until) == ("margin", "evolution", 0.5)
    with pytest.raises(ConfigError, match="clean_share does not belong to the objective trades"):
        read_config(path, ("training.adversarial.clean_share=0.5",))
    with pytest.raises(ConfigError, match=r"adversarial\.objective"):
        read_config(path, ("training.adversarial.objective=fgsm",))


def test_a_run_is_marked_by_its_teachers_content(tmp_path: Path) -> None:
    path, teacher = tmp_path / "tiny.yaml", tmp_path / "teacher.ckpt"
    path.write_text(CONFIG.split("training")[0])
    (tmp_path / "data.csv").write_text("sequence,label\nACGT,0\nACGA,1\n")
    assert read_config(path).teacher_sha256 is None
    adversary = f"training.adversarial={{objective: distillation, teacher: {teacher}}}"
    with pytest.raises(ConfigError, match="teacher cannot be read"):
        _ = read_config(path, (adversary,)).teacher_sha256
    marks = []
    for content in (b"one", b"two"):
        teacher.write_bytes(content)
        marks.append(read_config(path, (adversary,)).teacher_sha256)
    assert marks == [hashlib.sha256(content).hexdigest() for content in (b"one", b"two")]


@pytest.mark.parametrize("objective", ["adversarial", "random", "replay", "invariance", "penalty"])
def test_a_whole_budget_with_a_ramp(objective: str, tmp_path: Path) -> None:
    """Everything outside the region that tells may be edited, and nothing of it helps the adversary for long."""
    rng = np.random.default_rng(0)
    values = np.arange(160) % 2
    texts = ["".join(rng.choice(list("ACGT"), 8)) + ("AAAC" if value else "GTTT") for value in values.tolist()]
    data = Labelled(
        sequences=SequenceSet.from_texts(texts, DNA, regions=[[Region("core", 8, 12)]] * 160),
        targets=Targets(task="binary", labels=("0", "1"), values=values),
    )
    options = {"protect": ("core",), "ramp_epochs": 4, "validation_steps": 3}
    # A model that reads every position by itself: one that does not could be shown the region anywhere.
    result = run(data, tmp_path, objective, budget="100%", options=options, head="flatten")
    assert result.history["valid_robust_accuracy"].iloc[-1] > 0.9


def test_the_converse_silences_records_without_their_function(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.arange(160) % 2
    # The class is told by the region, and again by the last letters, which are no function.
    texts = [
        ("AAAC" if value else "GTTT") + "".join(rng.choice(list("ACGT"), 8)) + ("AA" if value else "TT")
        for value in values.tolist()
    ]
    data = Labelled(
        sequences=SequenceSet.from_texts(texts, DNA, regions=[[Region("core", 0, 4)]] * 160),
        targets=Targets(task="binary", labels=("0", "1"), values=values),
    )
    told = []
    for name, options in (("with", {"converse_weight": 2.0}), ("without", {"weight": 0.0})):
        told_ = {"protect": ("core",), "clean_share": 0.9, **options}
        model = run(data, tmp_path / name, "invariance", budget=1, options=told_, epochs=8).model
        with torch.no_grad():
            silent = ["".join(rng.choice(list("ACGT"), 4)) + text[4:] for text in texts]
            tokens = torch.tensor(SequenceSet.from_texts(silent, DNA).tokens)
            told.append(model(one_hot(tokens, DNA)).abs().mean().item())
    assert told[0] < 0.6 * told[1]


def test_the_training_loss_is_the_mean_over_records(tmp_path: Path) -> None:
    """Also where the last batch is smaller; with steps this small all batches meet the same model."""
    data, model = toy("binary", n=40), LinearModel(16)
    settings = TrainingSettings(epochs=1, batch_size=16, learning_rate=1e-9)
    history = fit(model, data, data, settings=settings, out=tmp_path).history
    with torch.no_grad():
        logits = model(one_hot(torch.tensor(data.sequences.tokens), DNA))[:, 0]
    wanted = binary_cross_entropy_with_logits(logits, torch.tensor(data.targets.values).float())
    assert history["train_loss"].iloc[0] == pytest.approx(wanted.item(), rel=1e-4)


@pytest.mark.parametrize("task", ["binary", "classification", "multilabel"])
def test_training_on_margins_against_an_adversary_who_climbs_them(task: Task, tmp_path: Path) -> None:
    history = run(toy(task, n=128), tmp_path, "adversarial", budget=1, classification_loss="margin").history
    assert history["valid_robust_accuracy"].iloc[-1] > 0.65
    # An adversary of the loss itself would leave alone whoever is right by a margin of 1.
    assert history["valid_robust_accuracy"].iloc[-1] < history["valid_accuracy"].iloc[-1]
