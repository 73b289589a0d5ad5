"""Exact answers at lengths of 200 to 600: clusters beside enumeration, in one run, on the same records.

    python benchmarks/certify_lengths.py --net two_convolutions --length 200 --records 4 --seconds 60

Trains a network for a moment to count a motif, then asks by how many edits its value can be raised. Seconds are those
of the processor as well as of the clock, for a machine that does other work. The last figures kept are in
``benchmarks/certify.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

import seqrobust as sr

MOTIF = torch.tensor([0, 2, 3, 1, 0, 2])


def two_convolutions(length: int) -> nn.Module:
    """Two convolutions with maxima of four, and a hidden layer."""
    return nn.Sequential(
        nn.Conv1d(4, 32, 9, padding=4), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(),
        nn.MaxPool1d(4), nn.Flatten(), nn.Linear(32 * (length // 16), 32), nn.ReLU(), nn.Linear(32, 1),
    )  # fmt: skip


def deepstarr_like(length: int) -> nn.Module:
    """Four blocks and two hidden layers in the shape of DeepSTARR (de Almeida et al. 2022), with fewer filters."""
    layers, inputs = list[nn.Module](), 4
    for filters, kernel in ((64, 7), (32, 3), (32, 5), (32, 3)):
        layers += [nn.Conv1d(inputs, filters, kernel, padding=kernel // 2), nn.BatchNorm1d(filters), nn.ReLU()]
        layers.append(nn.MaxPool1d(2))
        inputs = filters
    head = [nn.Flatten(), nn.Linear(32 * (length // 16), 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*layers, *head, nn.Linear(64, 1))


def basset_like(length: int) -> nn.Module:
    """Three blocks with the kernels and pools of Basset (Kelley et al. 2016), with fewer filters."""
    layers, inputs, width = list[nn.Module](), 4, length
    for filters, kernel, pool in ((64, 19, 3), (64, 11, 4), (64, 7, 4)):
        layers += [nn.Conv1d(inputs, filters, kernel, padding=kernel // 2), nn.BatchNorm1d(filters), nn.ReLU()]
        layers.append(nn.MaxPool1d(pool))
        inputs, width = filters, width // pool
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * width, 64), nn.ReLU(), nn.Linear(64, 1))


NETS: dict[str, Callable[[int], nn.Module]] = {
    "two_convolutions": two_convolutions,
    "deepstarr_like": deepstarr_like,
    "basset_like": basset_like,
}


def drawn(count: int, length: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """(count, L) letters, and how often the motif was put in."""
    letters, planted = torch.randint(4, (count, length), generator=draw), torch.zeros(count)
    for row in range(count):
        for _ in range(int(torch.randint(5, (1,), generator=draw))):
            place = int(torch.randint(length - len(MOTIF), (1,), generator=draw))
            letters[row, place : place + len(MOTIF)] = MOTIF
            planted[row] += 1
    return letters, planted


def trained(net: nn.Module, length: int, draw: torch.Generator, steps: int) -> nn.Module:
    """To count the motif."""
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(steps):
        letters, planted = drawn(32, length, draw)
        loss = functional.mse_loss(net(functional.one_hot(letters, 4).transpose(1, 2).float())[:, 0], planted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def main() -> None:
    """Print a row a record and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=list(NETS), default="two_convolutions")
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--records", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--delta", type=float, default=3.0)
    parser.add_argument("--budget", default="1..3")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    net = trained(NETS[given.net](given.length), given.length, draw, given.steps)
    letters, _ = drawn(given.records, given.length, draw)
    texts = ["".join("ACGT"[letter] for letter in row) for row in letters.tolist()]
    for method in ("clusters", "enumeration"):
        for text in texts:
            began = time.process_time()
            proof = sr.certify(
                net, [text], sr.Substitutions(given.budget), task="regression", alphabet="DNA", goal="up",
                delta=given.delta, attacks="quick", time_limit=given.seconds, methods=(method,),
            )  # fmt: skip
            (row,) = proof.table.to_dict("records")
            taken = time.process_time() - began
            print(f"{given.net} {given.length} {method}: certified {row['certified_budget']}", end=", ")
            print(f"broken at {row['attacked_budget']}, {row['scored']:,} scored, {taken:.1f} s of processor", end=", ")
            print(f"{row['seconds']:.1f} s by the clock; {row['open_because'] or 'exact'}", flush=True)


if __name__ == "__main__":
    main()
