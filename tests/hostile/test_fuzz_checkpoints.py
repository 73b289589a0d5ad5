"""Checkpoints and weights with any field changed, and with damaged bytes: loaded, or refused in our own words."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_fuzzing import Tally, attempt, generator, require_none, tries
from hostile_mutating import WORDS, changed_text, damaged

from seqrobust.alphabet import DNA
from seqrobust.models.architectures.registry import build_model
from seqrobust.models.checkpoint import ModelCard, save_checkpoint
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource

HYPER: dict[str, dict[str, Any]] = {
    "cnn": {"channels": 2, "blocks": 1, "first_kernel": 3},
    "gru": {"hidden": 2, "readout_hidden": 0},
    "cnn_gru": {"channels": 2, "first_kernel": 3, "hidden": 2, "readout_hidden": 0},
}

VALUES: tuple[Any, ...] = (
    *WORDS, None, True, False, 0, -1, 2, 7, 10**6, 2**31, 2**63, 10**30, 0.5, float("nan"), float("inf"), [], {}, [[]],
    [None], ["x", "x"], {"": 0}, (1, 2), {1: 2}, torch.zeros(()), torch.zeros(2, 2), torch.tensor(1), torch.zeros(0),
    torch.tensor([True]), torch.zeros(1, dtype=torch.complex64), torch.zeros(3, dtype=torch.int8), b"bytes",
    torch.full((2, 4, 3), float("nan")), torch.Size([2]), torch.float32, {"a"},
)  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A whole checkpoint of an architecture."""
    name = request.param
    module = build_model(name, alphabet_size=4, outputs=3, input_length=None, **HYPER[name])
    card = ModelCard(
        alphabet=DNA,
        task="classification",
        labels=("x", "y", "z"),
        architecture=name,
        hyperparameters=module.hyperparameters,
        input_length=None,
        provenance={"seed": 1, "config": {"name": "a"}, "target_spread": {"x": 1.0}, "versions": {"torch": "2"}},
    )
    save_checkpoint(tmp_path / "model.ckpt", module, card)
    return tmp_path / "model.ckpt"


def changed(content: Any, draw: random.Random) -> Any:
    """A copy of a checkpoint's content with one value anywhere replaced, left out or added."""
    if isinstance(content, dict) and content and draw.random() < 0.95:
        key = draw.choice(list(content))
        kind = draw.random()
        if kind < 0.08:
            return {name: value for name, value in content.items() if name != key}
        if kind < 0.14:
            return {**content, draw.choice(WORDS): draw.choice(VALUES)}
        return {**content, key: changed(content[key], draw)}
    if isinstance(content, list) and content and draw.random() < 0.6:
        at = draw.randrange(len(content))
        return [*content[:at], changed(content[at], draw), *content[at + 1 :]]
    if isinstance(content, str) and draw.random() < 0.4:
        return changed_text(content, draw)
    if isinstance(content, int) and draw.random() < 0.5:
        return draw.choice((content + 1, content * 1000, -content, float(content), str(content)))
    if isinstance(content, torch.Tensor) and draw.random() < 0.5:
        made: torch.Tensor = draw.choice(
            (content[:0], content[None], content.double(), content.to_sparse(), content * 1e39)
        )
        return made
    return draw.choice(VALUES)


def opened(path: Path) -> None:
    """What a command does with a checkpoint before it sees records."""
    predictor, _ = open_predictor(ModelSource(model=str(path)), alphabet=None, device="cpu", batch_size=None)
    assert predictor.task


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", HYPER, indirect=True)
def test_changed_fields_are_read_or_refused(checkpoint: Path, request: pytest.FixtureRequest) -> None:
    whole = torch.load(checkpoint, weights_only=True)
    opened(checkpoint)
    draw, tally = generator(f"fields {request.node.name}"), Tally()
    for _ in range(tries(1000)):
        content = whole
        for _ in range(draw.choice((1, 1, 2))):
            content = changed(content, draw) if isinstance(content, dict) else content
        torch.save(content, checkpoint)
        shown = (
            {key: value for key, value in content.items() if key != "state_dict"} if isinstance(content, dict) else 0
        )
        attempt(tally, partial(opened, checkpoint), shown)
    require_none(tally, f"checkpoint fields: {request.node.name}")


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", HYPER, indirect=True)
def test_damaged_bytes_are_read_or_refused(checkpoint: Path, request: pytest.FixtureRequest) -> None:
    whole = checkpoint.read_bytes()
    draw, tally = generator(f"bytes {request.node.name}"), Tally()
    for _ in range(tries(1000)):
        checkpoint.write_bytes(damaged(whole, draw) if draw.random() < 0.5 else _one_bit(whole, draw))
        attempt(tally, partial(opened, checkpoint), "bytes")
    require_none(tally, f"checkpoint bytes: {request.node.name}")


def _one_bit(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]
