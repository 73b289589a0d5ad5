"""Clustering by programs made for it, where they are installed: MMseqs2 (Steinegger & Soeding 2018), CD-HIT (Fu 2012).

They align, and so find relatives that have few words left in common, of other lengths too. They are run as they are
found on the path, in a folder of their own that is removed afterwards.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import ConfigError, SeqRobustError
from seqrobust.sequences import SequenceSet

Tool: TypeAlias = Literal["mmseqs", "cd-hit"]
COVERAGE = 0.8
"""Share of both sequences that an alignment covers."""


def installed_tool(*, protein: bool, identity: float) -> Tool | None:
    """The program that is on the path and can cluster at that identity; None where there is none.

    Of both, MMseqs2 for protein and CD-HIT for nucleotides, where it is the faster one on few records and looks at both
    strands.
    """
    found: list[Tool] = ["mmseqs"] if shutil.which("mmseqs") else []
    if shutil.which(_cd_hit(protein)) and identity >= _words(protein)[-1][0]:
        found.insert(len(found) if protein else 0, "cd-hit")
    return found[0] if found else None


def clustered_by(tool: Tool, sequences: SequenceSet, identity: float) -> NDArray[np.int64]:
    """(N,) cluster numbers by a program.

    Args:
        tool: which.
        sequences: the records.
        identity: share of letters that are the same in an alignment, at or above which records belong together.

    Raises ConfigError where the program is not installed or the identity is below what it can do, SeqRobustError where
    it fails.
    """
    protein = not sequences.alphabet.complement
    program = shutil.which("mmseqs" if tool == "mmseqs" else _cd_hit(protein))
    if program is None:
        raise ConfigError(f"{tool} is not on the path", fix="install it, or cluster by k-mers")
    with tempfile.TemporaryDirectory(prefix="seqrobust-clusters-") as folder:
        records = Path(folder) / "records.fa"
        # Names of our own: programs cut names at spaces, each in its own way.
        rna = sequences.alphabet.name == "RNA"
        texts = [text.replace("U", "T") for text in sequences.texts] if rna else sequences.texts
        lines = [f">{number}\n{text}\n" for number, text in enumerate(texts)]
        records.write_text("".join(lines))
        if tool == "mmseqs":
            return _by_mmseqs(program, records, identity, len(sequences))
        return _by_cd_hit(program, records, identity, len(sequences), protein)


def _cd_hit(protein: bool) -> str:
    return "cd-hit" if protein else "cd-hit-est"


def _by_mmseqs(program: str, records: Path, identity: float, count: int) -> NDArray[np.int64]:
    made = records.with_name("found")
    options = ["--min-seq-id", str(identity), "-c", str(COVERAGE), "--cov-mode", "0", "-v", "1"]
    _run([program, "easy-cluster", str(records), str(made), str(records.with_name("scratch")), *options])
    clusters = np.arange(count)
    for line in made.with_name("found_cluster.tsv").read_text().splitlines():
        first, member = line.split("\t")
        clusters[int(member)] = int(first)
    return clusters.astype(np.int64)


def _by_cd_hit(program: str, records: Path, identity: float, count: int, protein: bool) -> NDArray[np.int64]:
    word = _cd_hit_word(identity, protein)
    made = records.with_name("found")
    options = ["-c", str(identity), "-n", str(word), "-aL", str(COVERAGE), "-aS", str(COVERAGE), "-l", str(word)]
    _run([program, "-i", str(records), "-o", str(made), *options, "-d", "0", "-M", "0"])
    # A record that the program drops, for being too short, stays alone.
    clusters, current = np.arange(count) + count, 0
    for line in made.with_name("found.clstr").read_text().splitlines():
        if line.startswith(">"):
            current = int(line.split()[-1])
        elif named := re.search(r">(\d+)\.\.\.", line):
            clusters[int(named[1])] = current
    return clusters.astype(np.int64)


def _cd_hit_word(identity: float, protein: bool) -> int:
    """Letters of a word that CD-HIT's guide advises for an identity."""
    steps = _words(protein)
    for least, word in steps:
        if identity >= least:
            return word
    raise ConfigError(
        "CD-HIT does not cluster at so low an identity", expected=f"{steps[-1][0]} or more", found=str(identity)
    )


def _words(protein: bool) -> list[tuple[float, int]]:
    """Identities, falling, and the word from each on."""
    if protein:
        return [(0.7, 5), (0.6, 4), (0.5, 3), (0.4, 2)]
    return [(0.95, 10), (0.9, 8), (0.88, 7), (0.85, 6), (0.8, 5), (0.75, 4)]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        last = said[-1] if said else "it said nothing"
        raise SeqRobustError(
            f"{Path(command[0]).name} failed with exit code {done.returncode}: {last}"
            "\n  what to do: check that it runs by itself, or cluster by k-mers"
        )
