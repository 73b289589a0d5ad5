"""A saturation map that was damaged between two calls is made again where it was, said, and never joined."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from seqrobust.analysis.ism.storage import PARTS, MapStore
from seqrobust.analysis.saturation import Block, Scored

SHAPE = (6, 4, 9, 2)
BLOCKS = [Block(0, 2, 0, 9), Block(2, 4, 0, 9), Block(4, 5, 0, 9), Block(5, 6, 0, 5), Block(5, 6, 5, 9)]


def scored(blocks: Iterable[Block]) -> Iterator[Scored]:
    for block in blocks:
        draw = np.random.default_rng(block.start * 10 + block.left)
        size = (block.stop - block.start, 4, block.right - block.left, 2)
        reference = np.random.default_rng(block.start).random((size[0], 2), np.float32)
        yield Scored(block, reference, draw.random(size, np.float32))


def grown(folder: Path, count: int) -> MapStore:
    (folder / "manifest.json").write_text(json.dumps({"fingerprint": {"seed": 1}}))
    store = MapStore(folder, SHAPE)
    for one in scored(BLOCKS[:count]):
        store.write(one)
        store.note(one, 1.0)
    return store


def mended(folder: Path, said: list[str]) -> list[np.ndarray]:
    """What a run makes of the folder."""
    store = MapStore(folder, SHAPE)
    store.keep_whole(BLOCKS, said.append)
    if not store.is_packed:
        for one in scored(BLOCKS[store.done :]):
            store.write(one)
            store.note(one, 2.0)
    return [np.array(values) for values in store.opened()]


def flipped(file: Path, draw: random.Random, first: int = 128) -> None:
    content = bytearray(file.read_bytes())
    content[draw.randrange(first, len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path, random.Random], object]] = {
    "scores": lambda folder, draw: flipped(folder / PARTS[0], draw),
    "header": lambda folder, draw: (folder / PARTS[0]).write_bytes(b"x" + (folder / PARTS[0]).read_bytes()[1:]),
    "cut": lambda folder, draw: os_cut(folder / PARTS[0], draw),
    "gone": lambda folder, draw: (folder / PARTS[draw.randrange(3)]).unlink(),
    "note": lambda folder, draw: os_cut(folder / PARTS[2], draw),
    "another run's": lambda folder, draw: (folder / "manifest.json").write_text('{"fingerprint": {"seed": 2}}'),
}


def os_cut(file: Path, draw: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: draw.randrange(len(file.read_bytes()))])


MANY = pytest.param(30, marks=pytest.mark.slow)


@pytest.mark.parametrize("count", [2, MANY])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_map_is_made_again(name: str, count: int, tmp_path: Path) -> None:
    draw, said = random.Random(name), []
    for number in range(count):
        folder = tmp_path / str(number)
        folder.mkdir()
        whole = folder / "whole"
        whole.mkdir()
        grown(whole, 5)
        wanted = mended(whole, said)
        assert not said
        grown(folder, draw.randrange(1, 6))
        DAMAGES[name](folder, draw)
        for found, value in zip(mended(folder, []), wanted, strict=True):
            np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("count", [3, MANY])
def test_a_damaged_finished_map_is_said(count: int, tmp_path: Path) -> None:
    draw, struck = random.Random(0), 0
    for number in range(count):
        folder = tmp_path / str(number)
        folder.mkdir()
        store = grown(folder, 5)
        wanted = [np.array(values) for values in store.opened()]
        store.pack({"ids": np.arange(6)})
        said: list[str] = []
        assert all(map(np.array_equal, mended(folder, said), wanted))
        assert not said
        flipped(folder / "ism.npz", draw)
        assert all(map(np.array_equal, mended(folder, said), wanted))
        struck += bool(said)
    assert struck >= count / 2  # the others hit names and times of the archive
