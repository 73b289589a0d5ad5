"""Models of several sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.adapters.form import Form
from tests.models.adapters.drawing import drawn, encoded

AMINO = "ACDEFGHIKLMNPQRSTVWY"


class Binding(nn.Module):
    """How well a peptide of nine fits a receptor, each read with its letters last."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.peptide, self.receptor = nn.Linear(20, 5), nn.Linear(20, 5)

    def forward(self, peptide: Tensor, receptor: Tensor) -> Tensor:
        return (self.peptide(peptide).tanh().sum(1) * self.receptor(receptor).tanh().mean(1)).sum(1)


@pytest.mark.parametrize("lengths", ["9,14", "9,*"])
def test_either_partner_is_attacked_while_the_other_is_protected(lengths: str) -> None:
    binding = Binding()
    model = sr.wrap(binding, alphabet="PROTEIN", task="regression", streams=lengths, layout="NLC", device="cpu")
    texts = drawn(6, seed=4, length=23, letters=AMINO)
    regions = [{"peptide": (0, 9), "receptor": (9, 23)}] * 6
    records = sr.records(texts, alphabet="PROTEIN", regions=regions)
    for kept, place in (("receptor", slice(9, 23)), ("peptide", slice(0, 9))):
        found = sr.attack(model, records, sr.Substitutions(1, protect=kept), goal="up", attacks="exhaustive")
        table = found.table.set_index("id").loc[list(records.ids)]
        for text, (_, row) in zip(texts, table.iterrows(), strict=True):
            new = row["adversarial_sequence"]
            assert new[place] == text[place]
            free = [i for i in range(23) if i not in range(*place.indices(23))]
            tried = [text, *(text[:i] + c + text[i + 1 :] for i in free for c in AMINO)]
            one = encoded(tried, AMINO).transpose(1, 2)
            with torch.no_grad():
                best = float(binding(one[:, :9], one[:, 9:]).max())
            np.testing.assert_allclose(row["adversarial_prediction"], best, atol=1e-5)


def test_records_of_another_length_and_what_is_no_length_are_refused() -> None:
    for lengths, text in (("9,14", "A" * 22), ("9,*", "A" * 9)):
        model = sr.wrap(Binding(), alphabet="PROTEIN", task="regression", streams=lengths, layout="NLC", device="cpu")
        with pytest.raises(ModelError, match="inputs together"):
            model.check(torch.tensor(sr.records([text], alphabet="PROTEIN").tokens))
    for lengths in ("9", "9,", "*,9", "0,9", "9,a"):
        with pytest.raises(ConfigError, match="told apart"):
            Form(streams=lengths)
    with pytest.raises(ModelError, match="one input"):
        sr.wrap(lambda texts: [0.0], alphabet="PROTEIN", task="regression", streams="9,5", takes="strings")
