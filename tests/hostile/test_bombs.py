"""Small files that stand for more than a machine holds: refused, or read, in seconds and in little memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.errors import DataError, ModelError, SeqRobustError
from seqrobust.models.architectures.registry import build_model
from seqrobust.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from seqrobust.sequences.fasta_headers import keys_of
from seqrobust.sequences.readers import packing, read_sequences

MANY = b"".join(b"b%d\tACGT\tx\n" % number for number in range(20_000))
WIDE = b"".join(b",c%d" % number for number in range(200_000))

FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "200,000 columns": ("a.csv", lambda: b"id,sequence" + WIDE + b"\na,ACGT" + b",1" * 200_000 + b"\n", "columns"),
    "a long group": ("a.tsv", lambda: b"id\tsequence\tgroup\na\tACGT\t" + b"g" * 200_000 + b"\n" + MANY, "too long"),
    "a long split": ("a.tsv", lambda: b"id\tsequence\tsplit\na\tACGT\t" + b"g" * 200_000 + b"\n" + MANY, "too long"),
    "a long id": ("a.tsv", lambda: b"id\tsequence\tnote\n" + b"g" * 200_000 + b"\tACGT\tx\n" + MANY, ""),
    "one long record": (
        "a.fa",
        lambda: b">a\n" + b"ACGT" * 500_000 + b"\n" + b"".join(b">b%d\nACGT\n" % n for n in range(20_000)),
        "padding",
    ),
    "a header of spaces": ("a.fa", lambda: b">a k=1" + b" " * 60_000 + b"z\nACGT\n", ""),
    "a header of keys": ("a.fa", lambda: b">a " + b"k= " * 60_000 + b"\nACGT\n", ""),
    "keys without end": (
        "a.fa",
        lambda: b"".join(b">a%d k%d=1\nACGT\n" % (number, number) for number in range(8_000)),
        "keys",
    ),
    "blank lines": ("a.fa", lambda: b">a\nACGT\n" + b"\n" * 5_000_000, ""),
    "quotes": ("a.csv", lambda: b"id,sequence\n" + b'"' * 200_000 + b",ACGT\n", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_files_take_seconds_and_little_memory(name: str, tmp_path: Path) -> None:
    """Read in a process of its own that may not take more than 1 GB beside what its libraries take."""
    file, content, words = FILES[name]
    (tmp_path / file).write_bytes(content())
    said = _read_apart(tmp_path / file)
    assert said.startswith("refused" if words else ("read", "refused")), said
    assert words in said


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_files_take_seconds_and_little_memory(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.fa{suffix}"
    path.write_bytes(PACKERS[suffix](b">a\n" + b"A" * 1_000_000_000))
    assert "far more than it should" in _read_apart(path)


_READ = """
import sys
from pathlib import Path
from seqrobust.errors import SeqRobustError
from seqrobust.sequences.readers import read_sequences
import resource
try:
    read_sequences(Path(sys.argv[1]))
    said = "read"
except SeqRobustError as error:
    said = f"refused: {error}"
print(said)
"""


def _read_apart(path: Path) -> str:
    def limited() -> None:
        # Libraries reserve addresses that they never use; a megabyte of those costs nothing.
        resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))

    done = subprocess.run(
        [sys.executable, "-c", _READ, path], capture_output=True, text=True, timeout=60, preexec_fn=limited, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


def test_what_is_packed_too_tightly_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_PLENTY", 1 << 16)
    for suffix, pack in PACKERS.items():
        path = tmp_path / f"a.fa{suffix}"
        path.write_bytes(pack(b">a\n" + b"ACGT" * 1000 + b"\n"))
        assert len(read_sequences(path).sequences) == 1
        path.write_bytes(pack(b">a\n" + b"A" * 5_000_000 + b"\n"))
        with pytest.raises(DataError, match="far more than it should"):
            read_sequences(path)


def test_long_headers_are_taken_apart_in_one_pass() -> None:
    """A pattern that begins anew at every space takes minutes for this."""
    assert keys_of("a k=1" + " " * 200_000 + "z").keys() == {"k"}
    assert keys_of("a b c=") == {"c": ""}
    assert keys_of("a =b -c=d") == {}
    assert keys_of("P1 OS=Homo sapiens OX=9606 e= f=g=h") == {"OS": "Homo sapiens", "OX": "9606", "e": "", "f": "g=h"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    module = build_model("cnn", alphabet_size=4, outputs=3, channels=2, blocks=1, first_kernel=3)
    card = ModelCard(
        alphabet=DNA,
        task="classification",
        labels=("x", "y", "z"),
        architecture="cnn",
        hyperparameters=module.hyperparameters,
        input_length=None,
    )
    save_checkpoint(tmp_path / "model.ckpt", module, card)
    return tmp_path / "model.ckpt"


@pytest.mark.parametrize(
    ("name", "value"), [("channels", 10**6), ("channels", 10**9), ("blocks", 10**6), ("hidden", 10**9)]
)
def test_declared_sizes_are_not_allocated(name: str, value: int, checkpoint: Path) -> None:
    """A network of 10^9 channels would take 10^19 bytes: that it is refused at all shows that none were asked for."""
    content = torch.load(checkpoint, weights_only=True)
    content["hyperparameters"] |= {name: value, **({"head": "flat"} if name == "hidden" else {})}
    torch.save(content, checkpoint)
    with pytest.raises(SeqRobustError):
        load_checkpoint(checkpoint)


def test_weights_without_memory_of_their_own_are_refused(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"] = {name: torch.zeros(1).expand(10**12) for name in content["state_dict"]}
    torch.save(content, checkpoint)
    with pytest.raises(ModelError, match="contradicts itself"):
        load_checkpoint(checkpoint)


def test_packed_checkpoints_are_refused(checkpoint: Path) -> None:
    content: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    content["state_dict"] = {"a": torch.zeros(10**7)}
    plain = io.BytesIO()
    torch.save(content, plain)
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(checkpoint, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    with pytest.raises(ModelError, match="packed"):
        load_checkpoint(checkpoint)
