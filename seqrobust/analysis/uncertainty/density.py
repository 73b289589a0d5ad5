"""How far a record lies from the training records, in what the network makes of it before its last layer.

A Gaussian per class with one covariance, shrunk (Ledoit and Wolf 2004), and the smallest Mahalanobis distance to a
class's mean (Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf  # type: ignore[import-untyped]
from torch import Tensor, nn

from seqrobust.analysis.uncertainty.members import Scorer
from seqrobust.analysis.uncertainty.records import Records
from seqrobust.errors import ModelError
from seqrobust.models.predictor import Predictor


class Embedding(nn.Module):
    """What reaches the last linear layer of a module.

    Args:
        module: called as a member is.
        example: one-hot input on which the layer is found: (N, K, L).

    Raises ModelError for a module without a linear layer that takes one row per record.
    """

    def __init__(self, module: nn.Module, example: Tensor) -> None:
        super().__init__()
        self.module = module
        self.layer = self._last_layer(example)

    def _last_layer(self, example: Tensor) -> str:
        called: list[str] = []
        hooks = [
            part.register_forward_pre_hook(
                lambda _, given, name=name: called.append(name) if given[0].ndim == 2 else None
            )
            for name, part in self.module.named_modules()
            if isinstance(part, nn.Linear)
        ]
        try:
            with torch.no_grad():
                self.module(example, None)
        finally:
            for hook in hooks:
                hook.remove()
        if not called:
            raise ModelError("the model has no linear layer of one row per record", found="no embedding to look at")
        return called[-1]

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, features)."""
        seen: list[Tensor] = []
        layer = self.module.get_submodule(self.layer)
        hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self.module(encoded, lengths)
        finally:
            hook.remove()
        # Modules that group records by length call the layer once per group; those are asked for one length at a time.
        return seen[-1]


class Density(Scorer):
    """Distance to the nearest class: the squared Mahalanobis distance over the number of features.

    Attributes:
        means: (C, F) of the classes.
        whitening: (F, F), such that distances are Euclidean behind it.
    """

    means: Tensor
    whitening: Tensor

    def __init__(self, embedding: Embedding, features: Tensor, classes: Sequence[int]) -> None:
        """From (N, F) features of the fitted records and their classes, all 0 where there are none."""
        super().__init__()
        self.embedding = embedding
        values, labels = features.double().cpu().numpy(), np.asarray(classes)
        kinds = np.unique(labels)
        means = np.stack([values[labels == kind].mean(0) for kind in kinds])
        rest = values - means[np.searchsorted(kinds, labels)]
        covariance, _ = ledoit_wolf(rest, assume_centered=True)
        # Units that never speak have no variance; a floor keeps them from deciding everything when they do.
        floor = 1e-6 * max(float(np.trace(covariance)) / len(covariance), 1e-12)
        root = np.linalg.cholesky(np.linalg.inv(covariance + floor * np.eye(len(covariance))))
        self.register_buffer("means", torch.from_numpy(means @ root).float())
        self.register_buffer("whitening", torch.from_numpy(root).float())

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N,) squared distance per feature."""
        if lengths is None or bool((lengths == encoded.shape[2]).all()):
            return self._distance(self.embedding(encoded, None))
        found = encoded.new_zeros(len(encoded))
        for length in sorted(set(lengths.tolist())):
            rows = torch.nonzero(lengths == length).flatten()
            found = found.index_put((rows,), self._distance(self.embedding(encoded[rows, :, :length], None)))
        return found

    def _distance(self, features: Tensor) -> Tensor:
        # A model may compute in another number type.
        apart = (features.to(self.means.dtype) @ self.whitening)[:, None] - self.means
        return (apart**2).sum(2).amin(1) / self.means.shape[1]


def density_of(module: nn.Module, predictor: Predictor, records: Records) -> Density:
    """The density of what a module makes of the fitted records.

    Raises ModelError for a module without an embedding; see :class:`Embedding`.
    """
    tokens = torch.tensor(records.fitted.tokens)
    module.cpu()
    embedding = Embedding(module, predictor.encode(tokens[:1]))
    lengths = records.fitted.lengths
    features: torch.Tensor | None = None
    with torch.no_grad():
        # Records of one length at a time, without padding: a module may group them as it likes.
        for length in np.unique(lengths).tolist():
            for rows in np.array_split(np.flatnonzero(lengths == length), max((lengths == length).sum() // 256, 1)):
                part = embedding(predictor.encode(tokens[rows, :length]), None)
                features = part.new_zeros(len(tokens), part.shape[1]) if features is None else features
                features[rows] = part
    assert features is not None
    return Density(embedding, features, records.classes.tolist())
