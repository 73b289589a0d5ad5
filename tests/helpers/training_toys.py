"""Small records and models that training is tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.models import Predictor, SequenceModel, build_model
from seqrobust.sequences import SequenceSet, Task, encode_targets
from seqrobust.training import Labelled, Trained, TrainingSettings, fit


class LinearModel(SequenceModel):
    """Scores linear in the one-hot input."""

    def __init__(self, length: int, outputs: int = 1, scale: float = 1.0) -> None:
        super().__init__(outputs)
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(scale * torch.randn(outputs, 4, length, generator=generator))

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        return torch.einsum("nkl,okl->no", encoded, self.weight[:, :, : encoded.shape[2]])


def toy(task: Task, n: int = 160, seed: int = 0, length: int = 16) -> Labelled:
    """Records whose answer is the number of A's, in a form for each task."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(n):
        share = 0.7 if number % 2 else 0.1
        texts.append("".join(rng.choice(list("ACGT"), length, p=[share, *[(1 - share) / 3] * 3])))
    count = np.array([text.count("A") for text in texts])
    many = np.where(count > length * 0.4, "many", "few")
    columns: dict[Task, dict[str, object]] = {
        "binary": {"label": many},
        "classification": {"label": np.where(count > 12, "most", many)},
        "multilabel": {"label": [";".join(x for x, on in (("a", c > 6), ("b", c > 3)) if on) for c in count]},
        "regression": {"y": 100.0 + 10.0 * count, "z": -count / 10},
    }
    sequences = SequenceSet.from_texts(texts, DNA)
    return Labelled(sequences=sequences, targets=encode_targets(pd.DataFrame(columns[task]), task))


def small(architecture: str, data: Labelled, **hyperparameters: int | float | str) -> SequenceModel:
    torch.manual_seed(0)
    return build_model(
        architecture,
        alphabet_size=data.sequences.alphabet.size,
        outputs=data.targets.outputs,
        input_length=data.sequences.width,
        **hyperparameters,
    )


TINY_CNN: dict[str, int] = {"channels": 8, "blocks": 1, "first_kernel": 3, "hidden": 8}
TINY_GRU: dict[str, int] = {"hidden": 6, "readout_hidden": 0}


def trained(
    data: Labelled, out: Path, *, valid: Labelled | None = None, model: SequenceModel | None = None, **options: object
) -> Trained:
    settings = TrainingSettings(**{"epochs": 6, "batch_size": 16, "learning_rate": 0.02, **options})  # type: ignore[arg-type]
    model = model or small("cnn", data, **TINY_CNN)
    return fit(model, data, valid or data, settings=settings, out=out)


def logits(model: SequenceModel, data: Labelled) -> np.ndarray:
    predictor = Predictor(
        model,
        alphabet=data.sequences.alphabet,
        task=data.targets.task,
        labels=data.targets.labels,
        device="cpu",
        scale="logits",
    )
    with predictor.attached():
        return predictor.logits(torch.tensor(data.sequences.tokens)).numpy()
