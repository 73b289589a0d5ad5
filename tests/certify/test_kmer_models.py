"""Models of k-mer counts: as scikit-learn computes them, and certified exactly at every budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brute import ANY, certified, check, problem_of
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import seqrobust as sr
from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models.kmers import KmerModel, kmer_model_of
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import tokens_from_texts


def texts(n: int, length: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]


def fitted(span: tuple[int, int], classes: int) -> tuple[CountVectorizer, LogisticRegression]:
    vectorizer = CountVectorizer(analyzer="char", ngram_range=span)
    some = texts(60, 20)
    labels = [text.count("AC") % classes for text in some]
    return vectorizer, LogisticRegression(max_iter=2000).fit(vectorizer.fit_transform(some), labels)


@pytest.mark.parametrize(("span", "classes"), [((3, 3), 2), ((2, 4), 3)])
def test_as_scikit_learn_says(span: tuple[int, int], classes: int) -> None:
    vectorizer, linear = fitted(span, classes)
    some = texts(20, 15, seed=1)
    encoded = one_hot(torch.tensor(tokens_from_texts(some, DNA)), DNA)
    ours = kmer_model_of(vectorizer, linear, DNA)(encoded).detach().numpy()
    theirs = linear.decision_function(vectorizer.transform(some)).reshape(len(some), -1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_exact_as_plain_loops() -> None:
    model = kmer_model_of(*fitted((3, 3), 2), DNA).eval()
    asked = problem_of(model, "binary", [*texts(4, 9, seed=2), "ACNTACGTA"], ANY, 3)
    standings = certified(asked, ["window_sums"])
    check(asked, standings, exact=True)
    assert any(one.proved_by == "window_sums" for one in standings)


def test_averages_of_two_lengths_at_every_budget() -> None:
    generator = torch.Generator().manual_seed(0)
    tables = {k: torch.randn(4**k, 3, generator=generator) for k in (2, 4)}
    model = KmerModel(tables, torch.zeros(3), DNA, average=True).eval()
    asked = problem_of(model, "classification", texts(3, 7, seed=3), ANY, 4)
    check(asked, certified(asked, ["window_sums"]), exact=True)


def test_a_model_without_gradients_is_attacked_by_scores() -> None:
    model = kmer_model_of(*fitted((3, 3), 2), DNA)
    proof = sr.certify(model, texts(4, 30, seed=4), "1..3", task="binary", alphabet="DNA")
    assert proof.metrics["exact_fraction"] == 1
    assert any("no gradient" in notice for notice in proof.notices)


def test_what_is_no_count_is_refused() -> None:
    some = texts(20, 12)
    weighted = TfidfVectorizer(analyzer="char", ngram_range=(3, 3)).fit(some)
    linear = LogisticRegression().fit(weighted.transform(some), [i % 2 for i in range(20)])
    with pytest.raises(ModelError, match="frequency"):
        kmer_model_of(weighted, linear, DNA)
    words = CountVectorizer(analyzer="word").fit(some)
    with pytest.raises(ModelError, match="characters"):
        kmer_model_of(words, linear, DNA)
    with pytest.raises(ModelError, match="does not fit"):
        KmerModel({3: torch.zeros(63, 2)}, torch.zeros(2), DNA)
