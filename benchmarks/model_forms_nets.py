"""Models of many forms, as their authors would have them; no line here knows of seqrobust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LENGTH = 60


class Trunk(nn.Module):
    """Two convolutions; (N, channels, L) to (N, 6, L)."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.one, self.two = nn.Conv1d(channels, 12, 7, padding=3), nn.Conv1d(12, 6, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(F.relu(self.one(x))).tanh()


class Plain(nn.Module):
    def __init__(self, outputs: int = 3, channels: int = 4) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(channels), nn.Linear(6, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return 4 * self.head(self.trunk(x).amax(2))


class BPNet(Plain):
    """Profile and counts, as a tuple."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.trunk(x)
        return hidden[:, :2], self.head(hidden.mean(2))[:, :1]


class Table(Plain):
    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"log-counts": super().forward(x), "hidden": None}


@dataclass
class Answer:
    logits: Tensor
    hidden: Tensor


class Fields(Plain):
    def forward(self, x: Tensor) -> Answer:
        return Answer(super().forward(x), x)


class Tracks(Plain):
    """Bins and tracks, as Enformer has them."""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(F.avg_pool1d(self.trunk(x), 4).transpose(1, 2))


class Last(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2))


class ManySigmoids(Plain):
    def __init__(self) -> None:
        super().__init__(919)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x) / 3)


class Average(nn.Module):
    """An ensemble."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.members = nn.ModuleList(nn.Sequential(nn.Conv1d(4, 5, k), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(),
                                                   nn.Linear(5, 2)) for k in (3, 5, 7))  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self.members]).mean(0)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.gru, self.head = nn.GRU(4, 12, batch_first=True, bidirectional=True), nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x.transpose(1, 2))[0].mean(1))


class Words(nn.Module):
    """Reads numbers of words, and pays attention to itself."""

    def __init__(self, size: int) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.embedding = nn.Embedding(size, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.layer(self.embedding(ids)).mean(1))


class Binding(nn.Module):
    """A peptide of nine and its receptor."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.peptide, self.receptor = nn.Linear(9 * 20, 8), nn.Conv1d(20, 8, 5)

    def forward(self, peptide: Tensor, receptor: Tensor) -> Tensor:
        return (self.peptide(peptide.flatten(1)).tanh() * self.receptor(receptor).amax(2)).sum(1)


WEIGHTS = np.random.default_rng(7).normal(size=(4, LENGTH))


def score(texts: list[str]) -> list[float]:
    """A plain function: a position weight matrix."""
    return [float(sum(WEIGHTS["ACGT".index(c), i] for i, c in enumerate(text))) for text in texts]


def bpnet() -> nn.Module:
    return BPNet()


def table() -> nn.Module:
    return Table()


def fields() -> nn.Module:
    return Fields()


def tracks() -> nn.Module:
    return Tracks()


def last() -> nn.Module:
    return Last()


def plain() -> nn.Module:
    return Plain()


def five() -> nn.Module:
    return Plain(channels=5)


def sigmoids() -> nn.Module:
    return ManySigmoids()


def ensemble() -> nn.Module:
    return Average()


def half() -> nn.Module:
    return Plain().bfloat16()


def int8() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(Recurrent().eval(), {nn.GRU, nn.Linear}, dtype=torch.qint8)


def letters() -> nn.Module:
    return Words(10)


def triplets() -> nn.Module:
    return Words(64 + 5)


def binding() -> nn.Module:
    return Binding()


def pipeline() -> Any:
    """Counts of 4-mers and their weights, fitted to what a third of the letters are."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    draw = np.random.default_rng(8)
    texts = ["".join(draw.choice(list("ACGT"), LENGTH)) for _ in range(120)]
    truth = [int(text.count("GC") + text.count("TATA") > 3) for text in texts]
    return make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(4, 4), lowercase=False), LogisticRegression()
    ).fit(texts, truth)


def forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline

    draw = np.random.default_rng(9)
    texts = ["".join(draw.choice(list("ACGT"), LENGTH)) for _ in range(120)]
    return make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False),
        RandomForestClassifier(25, random_state=0),
    ).fit(texts, [int(text.count("G") > 15) for text in texts])
