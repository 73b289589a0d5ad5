"""How fast letters become numbers and come back, beside a plain copy of the same letters.

Run ``OMP_NUM_THREADS=1 python benchmarks/encoding.py``; a table is printed, in millions of letters per second (one
letter of text is one byte), medians over repeats. The last table kept is in ``benchmarks/encoding.md``.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.sequences.encoding import (
    one_hot,
    reverse_complement,
    texts_from_tokens,
    tokens_from_one_hot,
    tokens_from_texts,
)
from seqrobust.sequences.readers import read_sequences

REPEATS = 9
BATCH = 1024
CASES = (
    ("DNA 100,000 x 200", DNA, 100_000, 200, 200),
    ("protein 20,000 x 350", PROTEIN, 20_000, 350, 350),
    ("protein 20,000 x 50-650", PROTEIN, 20_000, 50, 650),
)


def median_seconds(work: Callable[[], object]) -> float:
    """Median wall time of some repeats, after one to warm up."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def random_texts(alphabet: Alphabet, records: int, shortest: int, longest: int) -> list[str]:
    """Uniform random sequences of uniform random lengths."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, alphabet.size, (records, longest), dtype=np.uint8)
    lengths = generator.integers(shortest, longest + 1, records)
    tokens[np.arange(longest) >= lengths[:, None]] = alphabet.padding
    return texts_from_tokens(tokens, alphabet)


def steps(texts: list[str], alphabet: Alphabet, folder: Path) -> dict[str, Callable[[], object]]:
    """Every step to time; one-hot in batches, as training and attacks ask for it."""
    tokens = tokens_from_texts(texts, alphabet)
    batches = [torch.from_numpy(tokens[start : start + BATCH]) for start in range(0, len(tokens), BATCH)]
    encoded = one_hot(batches[0], alphabet)
    fasta = folder / "records.fa"
    fasta.write_text("".join(f">record{number} label=1\n{text}\n" for number, text in enumerate(texts)))
    listed = {
        "copy of the letters": tokens.copy,
        "text to tokens": lambda: tokens_from_texts(texts, alphabet),
        "tokens to one-hot": lambda: [one_hot(batch, alphabet) for batch in batches],
        "one-hot to tokens": lambda: [tokens_from_one_hot(encoded, alphabet) for _ in batches],
        "tokens to text": lambda: texts_from_tokens(tokens, alphabet),
        "FASTA file to records": lambda: read_sequences(fasta, alphabet=alphabet),
    }
    if alphabet.complement:
        listed["reverse complement"] = lambda: reverse_complement(tokens, alphabet)
    return listed


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(
        f"{date.today()}, {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, 1 thread"
    )
    print(f"median of {REPEATS}; million letters per second\n")
    print(f"| {'case':24} | {'step':22} | {'Mletters/s':>10} |")
    print(f"|{'-' * 26}|{'-' * 24}|{'-' * 11}:|")
    for name, alphabet, records, shortest, longest in CASES:
        texts = random_texts(alphabet, records, shortest, longest)
        letters = sum(map(len, texts)) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            for step, work in steps(texts, alphabet, Path(folder)).items():
                print(f"| {name:24} | {step:22} | {letters / median_seconds(work):10.0f} |", flush=True)


if __name__ == "__main__":
    main()
