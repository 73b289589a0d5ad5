"""Models that take tokens: scores are those of the model on numbers written out here, gradients those of one-hot words
times the embedding's weights.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.adapters.vocabulary import asked, vocabulary_of
from tests.models.adapters.drawing import drawn, encoded

INLINE = "A=5,C=6,G=7,T=8,N=9,CLS=1,SEP=2"
NUMBERS = {"A": 5, "C": 6, "G": 7, "T": 8, "N": 9}


class Reader(nn.Module):
    """A little transformer-like model of token numbers."""

    def __init__(self, size: int, width: int = 6) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(size, width)
        self.conv = nn.Conv1d(width, 5, 3, padding=1)
        self.head = nn.Linear(5, 2)

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.of_rows(self.embedding(input_ids.view(-1, input_ids.shape[1])))

    def of_rows(self, rows: Tensor) -> Tensor:
        return self.head(self.conv(rows.transpose(1, 2)).tanh().square().mean(2))


class OneHotReader(Reader):
    """The same, which makes the numbers one-hot by itself."""

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.of_rows(
            nn.functional.one_hot(input_ids, self.embedding.num_embeddings).float() @ self.embedding.weight
        )


def numbers_of(text: str) -> list[int]:
    return [1, *(NUMBERS[letter] for letter in text), 2]


@pytest.mark.parametrize("kind", [Reader, OneHotReader])
def test_scores_of_letters_are_those_of_their_numbers(kind: type[Reader]) -> None:
    reader = kind(10).eval()
    model = sr.wrap(reader, alphabet="DNA", task="classification", takes="tokens", vocabulary=INLINE, device="cpu")
    found = sr.attack(model, sr.records([*drawn(8, seed=1), "ACGTNNACGTAC"], alphabet="DNA"), 2, attacks="quick")
    assert not [text for text in found.notices if "gradient" in text]
    for _, row in found.table[found.table["edits"] != ""].iterrows():
        with torch.no_grad():
            plain = reader(torch.tensor([numbers_of(row["adversarial_sequence"])]))[0].tolist()
        np.testing.assert_allclose([row["adversarial_output_0"], row["adversarial_output_1"]], plain, atol=1e-5)


def test_the_gradient_is_that_of_one_hot_rows_times_the_embedding() -> None:
    reader = Reader(10).eval()
    model = sr.wrap(reader, alphabet="DNA", task="classification", takes="tokens", vocabulary=INLINE, device="cpu")
    model.check(torch.tensor(sr.records(drawn(3, seed=1), alphabet="DNA").tokens))
    points = torch.rand(3, 4, 24).softmax(1)
    own = model.gradient(points, torch.full((3,), 24), lambda out, _: out[:, 1] - out[:, 0]).gradient
    mine = points.clone().requires_grad_(True)
    weight = reader.embedding.weight
    ends = weight[[1, 2]].expand(3, 2, -1)
    letters = torch.cat([mine, 1 - mine.sum(1, keepdim=True)], 1)  # what a column lacks is an unknown letter
    rows = torch.cat([ends[:, :1], torch.einsum("nkl,kd->nld", letters, weight[5:]), ends[:, 1:]], 1)
    out = reader.of_rows(rows)
    (slope,) = torch.autograd.grad((out[:, 1] - out[:, 0]).sum(), mine)
    torch.testing.assert_close(own, slope, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("k", [3, 4])
def test_words_of_k_letters_are_read_from_a_file(k: int, tmp_path: Path) -> None:
    words = ["".join(letters) for letters in itertools.product("TGCA", repeat=k)]
    (tmp_path / "vocab.txt").write_text("\r\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\r\n")
    reader = Reader(5 + len(words)).eval()
    model = sr.wrap(
        reader, alphabet="DNA", task="classification", takes="tokens", vocabulary=str(tmp_path / "vocab.txt"),
        device="cpu",
    )  # fmt: skip
    texts = [*drawn(6, seed=5), "ACGTNNACGTACGTACGTACGTAC"]
    tokens = torch.tensor(sr.records(texts, alphabet="DNA").tokens)
    model.check(tokens)
    got = model.logits(tokens)
    for row, text in enumerate(texts):
        seen = [text[i : i + k] for i in range(len(text) - k + 1)]
        ids = [2, *(5 + words.index(word) if "N" not in word else 1 for word in seen), 3]
        with torch.no_grad():
            torch.testing.assert_close(got[row], reader(torch.tensor([ids]))[0])
    # The derivative along an edit of one letter is exact: words are multilinear in letters.
    point = encoded(texts[:1])
    slope = model.gradient(point, torch.tensor([24]), lambda out, _: out[:, 0]).gradient[0]
    step = torch.zeros_like(point)
    step[0, :, 7] = torch.tensor([0.3, -0.1, -0.1, -0.1])
    ahead, behind = (
        model.differentiable(point + sign * 1e-2 * step, torch.tensor([24]))[0, 0].detach() for sign in (1, -1)
    )
    assert float((slope * step[0]).sum()) == pytest.approx(float(ahead - behind) / 2e-2, rel=1e-2, abs=1e-4)


def test_a_tokeniser_is_asked_how_it_spells() -> None:
    letters = {"A": 4, "C": 5, "G": 6, "T": 7, "N": 8}
    plain = asked(lambda text: [0, *(letters[letter] for letter in text), 2], DNA, "x")
    assert (plain.k, plain.stride, plain.start, plain.end, plain.unknown) == (1, 1, (0,), (2,), 8)
    assert plain.numbers == (4, 5, 6, 7)

    def overlapping(text: str) -> list[int]:
        return [int("".join(str("ACGTN".index(c)) for c in text[i : i + 3]), 5) for i in range(len(text) - 2)]

    three = asked(overlapping, DNA, "x")
    assert (three.k, three.stride, three.start, three.end) == (3, 1, (), ())

    def apart(text: str) -> list[int]:
        whole = [text[i : i + 3] for i in range(0, len(text) - len(text) % 3, 3)]
        rest = text[len(text) - len(text) % 3 :]
        return [7, *(100 + int("".join(str("ACGTN".index(c)) for c in word), 5) for word in whole),
                *(300 + "ACGTN".index(c) for c in rest)]  # fmt: skip

    triplets = asked(apart, DNA, "x")
    assert (triplets.k, triplets.stride, triplets.start, triplets.end) == (3, 3, (7,), ())


def test_tokens_that_depend_on_their_neighbours_are_refused() -> None:
    def pairs(text: str) -> list[int]:
        out = []
        while text:
            size = 2 if text.startswith(("AA", "CG")) else 1
            out.append(hash(text[:size]) % 1000)
            text = text[size:]
        return out

    with pytest.raises(ModelError, match=r"vary in length|depend on"):
        asked(pairs, DNA, "x")


def test_last_letters_that_are_no_whole_token_are_refused() -> None:
    class Triplets(nn.Module):
        def forward(self, ids: Tensor) -> Tensor:
            return ids.float().mean(1)

    from seqrobust.models.adapters.tokens import Tokens
    from seqrobust.models.adapters.vocabulary import Vocabulary

    scheme = Vocabulary(numbers=tuple(range(64)), k=3, stride=3, unknown=None, start=(), end=())
    made = Tokens(Triplets(), scheme, DNA)
    assert made(encoded(["ACGAAT"])).tolist() == [(int("012", 4) + int("003", 4)) / 2]
    with pytest.raises(ModelError, match="no whole token"):
        made(encoded(["ACGAATA"]))
    with pytest.raises(ModelError, match="shorter"):
        made(encoded(["AC"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1,C=2,G=3", "none for T"),
        ("A=1,C=2,G=3,T", "cannot be read"),
        ("A=1,A=2,C=2,G=3,T=4", "cannot be read"),
        ("no/such/file.txt", "no file either"),
        ("A=1,C=2,G=3,T=4,ACG=9", "different lengths"),
        ("x=1", "none for"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_is_refused(text: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        vocabulary_of(text, DNA)


def test_vocabularies_in_files(tmp_path: Path) -> None:
    table = {"<cls>": 0, "<pad>": 1, "<eos>": 2, "<unk>": 3, **{c: 4 + i for i, c in enumerate("LAGVSERTIDPKQNFYMHWC")}}
    for name, content in {"vocab.json": table, "tokenizer.json": {"model": {"vocab": table}}}.items():
        (tmp_path / name).write_text(json.dumps(content))
        found = vocabulary_of(str(tmp_path / name), PROTEIN)
        assert (found.start, found.end, found.unknown, found.numbers[0]) == ((0,), (2,), 3, table["A"])
    (tmp_path / "bad.json").write_text("[1")
    with pytest.raises(ModelError, match="no JSON"):
        vocabulary_of(str(tmp_path / "bad.json"), PROTEIN)
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ModelError, match="no table"):
        vocabulary_of(str(tmp_path / "list.json"), PROTEIN)


def test_an_unknown_letter_without_a_number_is_refused() -> None:
    model = sr.wrap(
        Reader(10), alphabet="DNA", task="classification", takes="tokens", vocabulary="A=0,C=1,G=2,T=3", device="cpu"
    )
    with pytest.raises(ModelError, match="no number for it"):
        model.check(torch.tensor(sr.records(["ACGNACGT"], alphabet="DNA").tokens))


def tiny_folder(folder: Path, alphabet: str) -> Any:
    """A tiny ESM-like model of its own, saved as Hugging Face does."""
    transformers = pytest.importorskip("transformers")
    names = ["<cls>", "<pad>", "<eos>", "<unk>", *alphabet, "<mask>"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(names))
    torch.manual_seed(0)
    config = transformers.EsmConfig(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=64, pad_token_id=1, mask_token_id=len(names) - 1, position_embedding_type="rotary",
        num_labels=3, token_dropout=True, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    net = transformers.EsmForSequenceClassification(config).eval()
    net.save_pretrained(folder)
    transformers.EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return net


def test_a_folder_of_hugging_face_is_opened_without_a_network(tmp_path: Path) -> None:
    letters = "LAGVSERTIDPKQNFYMHWC"
    net = tiny_folder(tmp_path / "esm", letters)
    model = sr.load(tmp_path / "esm", alphabet="PROTEIN", task="classification", device="cpu")
    texts = drawn(5, seed=2, length=20, letters=letters)
    found = sr.attack(model, sr.records(texts, alphabet="PROTEIN"), 1, attacks="quick")
    assert not [text for text in found.notices if "gradient" in text]
    rows = found.table[found.table["edits"] != ""]
    assert len(rows)
    for _, row in rows.iterrows():
        ids = [0, *(4 + letters.index(letter) for letter in row["adversarial_sequence"]), 2]
        with torch.no_grad():
            plain = net(torch.tensor([ids])).logits[0].tolist()
        np.testing.assert_allclose([row[f"adversarial_output_{i}"] for i in range(3)], plain, atol=1e-4)


def test_a_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"architectures": ["HyenaDNAForSequenceClassification"]}')
    with pytest.raises(ModelError, match="code of its own"):
        sr.load(tmp_path, alphabet="DNA", task="binary")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="names no architecture"):
        sr.load(tmp_path, alphabet="DNA", task="binary")
    (tmp_path / "config.json").write_text('{"architectures": ["EsmForSequenceClassification"]}')
    with pytest.raises(ModelError, match="cannot be opened"):
        sr.load(tmp_path, alphabet="DNA", task="binary")


class Recurrent(nn.Module):
    """Reads numbers up to a length that it is told, where it is told one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding, self.head = nn.Embedding(10, 4), nn.Linear(4, 2)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        rows = self.embedding(ids)
        if lengths is not None:
            rows = rows * (torch.arange(ids.shape[1]) < lengths[:, None])[..., None]
        return self.head(rows.sum(1))


def test_records_of_several_lengths_go_by_length_for_letters_are_not_tokens() -> None:
    net = Recurrent().eval()
    model = sr.wrap(net, alphabet="DNA", task="classification", takes="tokens", vocabulary=INLINE, device="cpu")
    texts = ["ACGTACGT", "ACG", "TTGACA", "ACGTA"]
    tokens = torch.tensor(sr.records(texts, alphabet="DNA").tokens)
    model.check(tokens)
    for row, text in zip(model.logits(tokens), texts, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(row, net(torch.tensor([numbers_of(text)]))[0])


def test_records_are_not_filled_up_for_a_model_of_tokens() -> None:
    with pytest.raises(ConfigError, match="filled up"):
        sr.wrap(Reader(10), alphabet="DNA", task="classification", takes="tokens", vocabulary=INLINE, input_length=30)
