"""Attributions on disk: a part per method and batch of records, so that a killed run goes on, then packed together."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from seqrobust.analysis.attribution import Attribution
from seqrobust.analysis.pieces import SUMS, keeping
from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet

PARTS = f"parts/attribution-*-{5 * '[0-9]'}.npz"
_RECORDS, _CELLS = 256, 1 << 22


def cut_records(sequences: SequenceSet) -> list[slice]:
    """Batches of records, in order, of which each is finished or not; they depend on the records alone."""
    fits = max(_CELLS // (sequences.alphabet.size * max(sequences.width, 1)), 1)
    step = min(_RECORDS, fits)
    return [slice(start, min(start + step, len(sequences))) for start in range(0, len(sequences), step)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Costs:
    """What a part took: seconds, and sequences scored without and with a gradient."""

    seconds: float
    forwards: int
    gradients: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The parts of a run.

    Attributes:
        folder: the output folder.
        batches: of records.
    """

    folder: Path
    batches: list[slice]

    def path(self, method: str, batch: int) -> Path:
        """Of a part."""
        return self.folder / "parts" / f"attribution-{method}-{batch:05d}.npz"

    def write(self, method: str, batch: int, found: Attribution, costs: Costs) -> None:
        """Keep a part; it appears whole or not at all."""
        spent = np.array([costs.seconds, costs.forwards, costs.gradients], np.float64)
        with keeping(self.path(method, batch)) as temporary:
            np.savez(temporary, **found._asdict(), costs=spent)

    def read(self, method: str, batch: int) -> tuple[Attribution, Costs]:
        """A part that was kept."""
        with np.load(self.path(method, batch)) as archive:
            seconds, forwards, gradients = archive["costs"].tolist()
            found = Attribution(*(archive[name] for name in Attribution._fields))
        return found, Costs(seconds=seconds, forwards=int(forwards), gradients=int(gradients))

    def found(self, methods: Sequence[str]) -> Iterator[tuple[slice, dict[str, Attribution]]]:
        """All methods' parts, batch by batch."""
        for batch, rows in enumerate(self.batches):
            yield rows, {method: self.read(method, batch)[0] for method in methods}

    def each(self, methods: Sequence[str]) -> Iterator[tuple[slice, dict[str, NDArray[np.float32]]]]:
        """All methods' values (n, K, L), batch by batch."""
        for rows, found in self.found(methods):
            yield rows, {method: one.values for method, one in found.items()}

    def records(self, method: str, rows: Sequence[int]) -> list[NDArray[np.float32]]:
        """(K, L) of some records."""
        batches = [next(number for number, part in enumerate(self.batches) if row < part.stop) for row in rows]
        read = {batch: self.read(method, batch)[0].values for batch in set(batches)}
        return [read[batch][row - self.batches[batch].start] for batch, row in zip(batches, rows, strict=True)]

    def pack(
        self, path: Path, shape: tuple[int, ...], methods: Sequence[str], more: Mapping[str, NDArray[Any]]
    ) -> None:
        """Write the ``.npz``: the arrays of ``more``, and one of that shape (N, K, L) per method."""
        header = {"descr": npy.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
        with (
            replacing(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as all_,
        ):
            for name, array in more.items():
                with all_.open(f"{name}.npy", "w", force_zip64=True) as member:
                    npy.write_array(member, array, allow_pickle=False)
            for method in methods:
                with all_.open(f"{method}.npy", "w", force_zip64=True) as member:
                    npy.write_array_header_1_0(member, header)
                    for batch in range(len(self.batches)):
                        member.write(np.ascontiguousarray(self.read(method, batch)[0].values).tobytes())

    def remove(self) -> None:
        """Take the parts away."""
        for pattern in (PARTS, f"parts/{SUMS}"):
            for file in self.folder.glob(pattern):
                file.unlink()


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """A finished ``attributions.npz``.

    Attributes:
        path: of the file.
        batches: of records.
    """

    path: Path
    batches: list[slice]

    def each(self, methods: Sequence[str]) -> Iterator[tuple[slice, dict[str, NDArray[np.float32]]]]:
        """All methods' values (n, K, L), batch by batch."""
        with np.load(self.path) as archive:
            values = {method: archive[method] for method in methods}
        for rows in self.batches:
            yield rows, {method: part[rows] for method, part in values.items()}

    def records(self, method: str, rows: Sequence[int]) -> list[NDArray[np.float32]]:
        """(K, L) of some records."""
        with np.load(self.path) as archive:
            values = archive[method]
        return [values[row] for row in rows]
