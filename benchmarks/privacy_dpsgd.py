"""Differentially private training by Opacus: what it costs, and what is then still betrayed.

    python benchmarks/privacy_dpsgd.py                             # splice junctions, epsilon 2, 8, 32 and none
    python benchmarks/privacy_dpsgd.py --epsilons 8 --seeds 1,2,3

The network is that of the config ``splice`` with group norm in place of batch norm, whose statistics mix records and so
have no gradient of a single one. DP-SGD (Abadi et al. 2016) clips each record's gradient at norm 1 and adds Gaussian
noise, as much as (epsilon, 1/N) asks for over all epochs by Opacus' accountant; steps are AdamW's, batches are drawn by
Poisson sampling. Shadow models are trained in the very same way, noise and all, each on its half. Needs
``pip install opacus`` (extra ``bench``). The last table kept is in ``benchmarks/privacy_dpsgd.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack_measure import header, one_thread, table
from numpy.typing import NDArray
from robust_objectives import cell
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from seqrobust.analysis.membership import (
    assign_records,
    attack_numbers,
    find_copies,
    lira_online,
    rmia,
    signals,
)
from seqrobust.models import build_model
from seqrobust.models.masking import MaskedBatchNorm
from seqrobust.run.config import RunConfig, find_config, read_config
from seqrobust.sequences import one_hot
from seqrobust.sequences.data_config import load_data

CLIP = 1.0
"""Norm at which each record's gradient is clipped."""
ATTACKS = {"loss": "loss", "lira_online": "LiRA", "rmia": "RMIA"}

Options = argparse.Namespace
Pool = tuple[Tensor, Tensor]


class Grouped(nn.Module):
    """Group norm where a block of ours calls its batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(min(8, channels), channels)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """Records are of one length here, so that nothing is masked."""
        assert valid is None
        normed: Tensor = self.norm(features)
        return normed


def network(config: RunConfig, pool: Pool, outputs: int) -> nn.Module:
    """The config's, with group norm; weights from torch's generator."""
    _, alphabet, length = pool[0].shape
    model = build_model(
        config.model.architecture,
        alphabet_size=alphabet,
        outputs=outputs,
        input_length=length,
        **config.model.hyperparameters,
    )
    for block in model.modules():
        for name, part in list(block.named_children()):
            if isinstance(part, MaskedBatchNorm):
                setattr(block, name, Grouped(part.num_features))
    return model


def trained(
    config: RunConfig, pool: Pool, outputs: int, rows: NDArray[np.int64], epsilon: float | None, seed: int
) -> Any:
    """A network trained on some records, privately where there is an epsilon."""
    torch.manual_seed(seed)
    model: Any = network(config, pool, outputs)
    settings = config.training
    chosen = torch.from_numpy(rows)
    records = TensorDataset(pool[0][chosen], pool[1][chosen])
    batches: Any = DataLoader(records, batch_size=settings.batch_size, shuffle=True)
    optimizer: Any = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    engine: Any = None
    if epsilon is not None:
        from opacus import PrivacyEngine  # type: ignore[import-not-found]

        engine = PrivacyEngine()
        model, optimizer, batches = engine.make_private_with_epsilon(
            module=model,
            optimizer=optimizer,
            data_loader=batches,
            target_epsilon=epsilon,
            target_delta=1 / len(rows),
            epochs=settings.epochs,
            max_grad_norm=CLIP,
        )
    for _ in range(settings.epochs):
        for encoded, targets in batches:
            optimizer.zero_grad()
            if len(encoded):
                loss: Any = nn.functional.cross_entropy(model(encoded), targets)
                loss.backward()
            optimizer.step()
    return model.eval()


def audited(config: RunConfig, epsilon: float | None, seed: int, options: Options) -> Mapping[str, float]:
    """Train a network and its shadow models, and attack it."""
    data = load_data(config.data, config.task, seed)
    sides = [data.in_split(name) for name in ("train", "test")]
    counts = [len(side) for side, _ in sides]
    tokens = np.concatenate([side.tokens for side, _ in sides])
    values = np.concatenate([targets.values for _, targets in sides])
    alphabet, outputs = sides[0][0].alphabet, sides[0][1].outputs
    pool = one_hot(torch.tensor(tokens), alphabet, config.model.unknown), torch.tensor(values)
    members = np.repeat([True, False], counts)
    clusters = find_copies(sides[0][0], sides[1][0], identity=0.9, seed=seed).clusters
    inside = assign_records(len(tokens), options.shadows, seed=seed, clusters=clusters)
    answers = []
    for number, held in enumerate([members, *inside]):
        model = trained(config, pool, outputs, np.flatnonzero(held), epsilon, 1000 * seed + number)
        with torch.no_grad():
            answers.append(model(pool[0]).double().numpy())
        print(
            f"epsilon {epsilon}, seed {seed}: {number} of {options.shadows} shadow models", file=sys.stderr, flush=True
        )
    found = signals(np.stack(answers), values, config.task)
    log_p, phi = found.log_confidence, found.margin
    others = ~members
    scores = {
        "loss": -found.loss[0],
        "lira_online": lira_online(phi[0], phi[1:], inside),
        "rmia": rmia(
            log_p[0], log_p[1:], inside, log_p[0, others], log_p[1:, others], population_inside=inside[:, others]
        ).scores,
    }
    right = answers[0].argmax(1) == values
    numbers = {"members": 100 * float(right[members].mean()), "others": 100 * float(right[others].mean())}
    for name, values_of in scores.items():
        one = attack_numbers(values_of, members, threshold=None, seed=seed)
        numbers |= {f"{name} auc": one["auc"], f"{name} tpr": 100 * one["tpr_at_fpr"]["0.01"]}
    return numbers


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--config", default="splice", help="a shipped config of classes, or a file")
    parser.add_argument("--epsilons", type=lambda text: [float(part) for part in text.split(",") if part])
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1])
    parser.add_argument("--shadows", type=int, default=16)
    options = parser.parse_args()
    one_thread()
    # Opacus hooks layers in a way that torch will change.
    warnings.filterwarnings("ignore")
    config = read_config(find_config(options.config))
    lines = []
    for epsilon in (None, *(options.epsilons or [32.0, 8.0, 2.0])):
        done = [audited(config, epsilon, seed, options) for seed in options.seeds]
        row = ["none" if epsilon is None else f"{epsilon:g}", str(len(done))]
        row += [cell([one[name] for one in done], 1) for name in ("members", "others")]
        for name in ATTACKS:
            row += [cell([one[f"{name} auc"] for one in done], 3), cell([one[f"{name} tpr"] for one in done], 1)]
        lines.append(row)
        print(row, file=sys.stderr, flush=True)
    print(f"{header(['opacus'])}; {Path(options.config).stem}, {options.shadows} shadow models\n")
    heads = [part for name in ATTACKS.values() for part in (f":{name} AUC", ":at 1 %")]
    table(["epsilon", ":seeds", ":members right", ":others right", *heads], lines)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
