"""Tasks as values, against loops over records, SciPy, and what each task's definition says."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from torch import Tensor

from seqrobust.tasks import TASKS, task_in, task_of

OUTPUTS = {"binary": 1, "classification": 4, "multilabel": 3, "regression": 2}
ANSWERED = [name for name in TASKS if not task_of(name).measured]
# Few different values, so that ties are common; infinities are answers that are never, or always, given.
LOGITS = st.sampled_from([-math.inf, -2.5, -1.0, 0.0, 1.0, 2.5])


def drawn(name: str, data: st.DataObject, rows: int = 5) -> tuple[Tensor, Tensor]:
    outputs = OUTPUTS[name]
    cells = data.draw(st.lists(LOGITS, min_size=rows * outputs, max_size=rows * outputs))
    logits = torch.tensor(cells).reshape(rows, outputs)
    if name == "multilabel":
        return logits, torch.randint(0, 2, (rows, outputs), generator=torch.Generator().manual_seed(rows)).float()
    classes = 2 if name == "binary" else outputs
    return logits, torch.tensor(data.draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)))


def answers_that_lead(name: str, row: list[float]) -> list[object]:
    """Every answer that one record's logits give, all of those that tie."""
    if name == "multilabel":
        given: list[object] = [()]
        for z in row:
            states = (0, 1) if z == 0 else (int(z > 0),)
            given = [(*one, state) for one in given for state in states]  # type: ignore[misc]
        return given
    scores = [0.0, row[0]] if name == "binary" else row
    return [index for index, score in enumerate(scores) if score == max(scores)]


@pytest.mark.parametrize("name", ANSWERED)
@given(data=st.data())
def test_right_is_the_only_answer_that_leads(name: str, data: st.DataObject) -> None:
    task, (logits, targets) = task_of(name), drawn(name, data)
    right, margin = task.right(logits, targets).tolist(), task.margin(logits, targets).tolist()
    rivals = task.rivals(logits, targets).amax(1)
    for row, target, said, lead, rival in zip(
        logits.tolist(), targets.tolist(), right, margin, rivals.tolist(), strict=True
    ):
        wanted = tuple(map(int, target)) if name == "multilabel" else target
        leading = answers_that_lead(name, row)
        assert said == (leading == [wanted])
        assert not math.isnan(lead)
        if all(map(math.isfinite, row)):
            assert rival == pytest.approx(-lead)


@pytest.mark.parametrize("name", ANSWERED)
@given(data=st.data())
def test_predictions_are_among_the_answers_that_lead(name: str, data: st.DataObject) -> None:
    task, (logits, _) = task_of(name), drawn(name, data)
    labels = ("a", "b", "c", "d")[: 2 if name == "binary" else OUTPUTS[name]]
    for row, predicted, text in zip(
        logits.tolist(), task.predictions(logits), task.answers(logits, labels), strict=True
    ):
        answers = answers_that_lead(name, row)
        assert (tuple(map(int, predicted.tolist())) if name == "multilabel" else int(predicted)) in answers
        assert ("=" in text) == (len(answers) > 1)
        if len(answers) == 1 and name != "multilabel":
            assert text == task.answer_name(predicted, labels) == labels[int(predicted)]


@pytest.mark.parametrize("name", ANSWERED)
def test_lead_is_how_far_a_logit_may_move_before_the_prediction_changes(name: str) -> None:
    task = task_of(name)
    logits = torch.randn(20, OUTPUTS[name], generator=torch.Generator().manual_seed(1))
    predicted, lead = task.predictions(logits), task.lead(logits)
    for row in range(len(logits)):
        for share, changes in ((0.99, False), (1.01, True)):
            moved = []
            for column in range(logits.shape[1]):
                for sign in (-1, 1):
                    other = logits.clone()
                    other[row, column] += sign * share * lead[row]
                    moved.append(bool(task.differ(logits, other)[row]))
            assert any(moved) == changes
    assert bool((task.right(logits, predicted)).all())


@pytest.mark.parametrize("name", ANSWERED)
def test_losses_are_cross_entropies_of_probabilities(name: str) -> None:
    task, draw = task_of(name), torch.Generator().manual_seed(2)
    logits = torch.randn(6, OUTPUTS[name], generator=draw, dtype=torch.float64)
    classes = 2 if name == "binary" else OUTPUTS[name]
    shape = (6, OUTPUTS[name]) if name == "multilabel" else (6,)
    wanted = torch.randint(0, 2 if name == "multilabel" else classes, shape, generator=draw)
    given = wanted.double() if name == "multilabel" else wanted
    found = task.log_loss(logits, given, None, 0.0).numpy()
    z = logits.numpy()
    if name == "multilabel":
        p = 1 / (1 + np.exp(-z))
        expected = -np.log(np.where(wanted.numpy() > 0, p, 1 - p)).mean(1)
    else:
        p = softmax(np.hstack([np.zeros_like(z), z]) if name == "binary" else z, axis=1)
        expected = -np.log(p[np.arange(6), wanted.numpy()])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert task.divergence(logits, logits).abs().max() < 1e-12
    assert (task.divergence(logits, logits.flip(0)) >= 0).all()


@pytest.mark.parametrize("name", ANSWERED)
def test_logits_come_back_from_probabilities(name: str) -> None:
    task = task_of(name)
    logits = torch.randn(7, OUTPUTS[name], generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    back = task.joined(task.logits_of(task.probabilities(logits)))
    torch.testing.assert_close(task.centred(back), task.centred(logits))


def test_a_binary_pair_is_the_difference_of_its_logits() -> None:
    pair = torch.tensor([[1.0, 3.0], [0.5, -1.0]])
    assert task_of("binary").joined(pair).tolist() == [[2.0], [-1.5]]
    assert task_of("binary").output_names(("no", "yes")) == ("yes",)


def test_a_measured_task_refuses_what_is_about_answers() -> None:
    task, values = task_of("regression"), torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    assert task.predictions(values) is values
    assert task.attackable(values, values).all()
    assert not task.differ(values, values + 1).any()
    for refused in (task.margin, task.right, task.rivals, task.margins, task.divergence):
        with pytest.raises(ValueError, match="not right or wrong"):
            refused(values, values)


def test_a_metrics_file_without_a_task_is_of_classes() -> None:
    assert task_in({}).exclusive
    assert task_in({"task": None}).score == "accuracy"
    assert [task_in({"task": name}).name for name in TASKS] == list(TASKS)
