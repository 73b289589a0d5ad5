"""The most a small network can do within a threat, by a mixed-integer program that knows nothing of our bounds.

A letter at a position is a binary variable, a rectifier a binary that says on which side of 0 it is (Tjeng, Xiao &
Tedrake 2019); HiGHS finds the largest output. Certificates must stand just above that, and nothing just beneath.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brute import ANY, certified, problem_of
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import nn

from seqrobust.attacks import Shift
from seqrobust.sequences import Region

LENGTH, LETTERS = 6, 4
CORE = (2, 4)
Matrix = np.ndarray


def network() -> nn.Sequential:
    """A convolution, a rectifier, a read-out."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return nn.Sequential(nn.Conv1d(4, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1)).eval()


def affine(layer: nn.Module, size: int, shape: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    """Weights (outputs, size) and constants of an affine layer, by asking it about each unit vector."""
    with torch.no_grad():
        zero = layer(torch.zeros(1, *shape)).flatten().double().numpy()
        units = layer(torch.eye(size).reshape(size, *shape)).flatten(1).double().numpy()
    return (units - zero).T, zero


def largest(module: nn.Sequential, text: str, edits: int, *, protect: bool, up: bool) -> float:
    """The largest shift of the output within so many edits."""
    inputs = LETTERS * LENGTH
    weights, bias = affine(module[0], inputs, (LETTERS, LENGTH))
    out, constant = affine(nn.Sequential(module[2], module[3]), len(bias), (3, len(bias) // 3))
    clean = np.zeros((LETTERS, LENGTH))
    for place, letter in enumerate(text):
        clean["ACGT".index(letter), place] = 1
    sign = 1.0 if up else -1.0
    hidden = len(bias)
    far = np.abs(weights).sum(1) + np.abs(bias) + 1
    # Variables: letters, rectified values, and on which side each is.
    nothing = np.zeros((hidden, hidden))
    eye = np.eye(hidden)
    rows = [
        LinearConstraint(np.hstack([-weights, eye, nothing]), bias, np.inf),
        LinearConstraint(np.hstack([-weights, eye, np.diag(far)]), -np.inf, bias + far),
        LinearConstraint(np.hstack([np.zeros((hidden, inputs)), eye, -np.diag(far)]), -np.inf, 0),
    ]
    for place in range(LENGTH):
        column = np.zeros((LETTERS, LENGTH))
        column[:, place] = 1
        rows.append(LinearConstraint(np.hstack([column.ravel(), np.zeros(2 * hidden)]), 1, 1))
    rows.append(LinearConstraint(np.hstack([clean.ravel(), np.zeros(2 * hidden)]), LENGTH - edits, np.inf))
    low = np.zeros(inputs + 2 * hidden)
    high = np.concatenate([np.ones(inputs), far, np.ones(hidden)])
    if protect:
        fixed = clean.copy()
        fixed[:, : CORE[0]] = 0
        fixed[:, CORE[1] :] = 0
        low[:inputs] = fixed.ravel()
    binary = np.concatenate([np.ones(inputs), np.zeros(hidden), np.ones(hidden)])
    aim = np.concatenate([np.zeros(inputs), -sign * out[0], np.zeros(hidden)])
    found = milp(aim, constraints=rows, bounds=Bounds(low, high), integrality=binary, options={"mip_rel_gap": 0.0})
    assert found.success
    with torch.no_grad():
        now = float(module(torch.tensor(clean)[None].float()))
    return -float(found.fun) + sign * (float(constant[0]) - now)


@pytest.mark.parametrize("protect", [False, True])
def test_certificates_stand_just_above_the_largest_shift(protect: bool) -> None:
    module, text = network(), "ACGTCA"
    most = largest(module, text, 2, protect=protect, up=True)
    assert most > largest(module, text, 1, protect=protect, up=True) + 1e-3
    problem = problem_of(
        module, "regression", [text], ANY, 2, goal=Shift(up=True, delta=1.0), regions=[[Region("core", *CORE)]]
    )
    problem = replace(problem, threat=replace(ANY, protect=("core",)) if protect else ANY)
    above = replace(problem, goal=Shift(up=True, delta=most * 1.0001))
    beneath = replace(problem, goal=Shift(up=True, delta=most * 0.9999))
    for method in ("window_sums", "clusters", "enumeration", "bounds"):
        (standing,) = certified(above, [method])
        assert standing.certified == 2 or (method == "bounds" and standing.open)
        (standing,) = certified(beneath, [method])
        assert standing.certified == 1 or (method == "bounds" and standing.certified < 2)
