"""Words, sketches, copies, clusters and the shift test against brute force on small records with planted copies."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped]

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.analysis.membership import (
    assign_records,
    auc,
    cluster_records,
    find_copies,
    query_tokens,
    shift_test,
    target_shift,
)
from seqrobust.analysis.membership import copies as copies_module
from seqrobust.analysis.membership.assignment import batches, steps_an_epoch
from seqrobust.analysis.membership.cluster_tools import clustered_by, installed_tool
from seqrobust.errors import ConfigError, DataError, SeqRobustError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.alignment import local_scores
from seqrobust.sequences.dividing.relatives import near_pairs, related_pairs
from seqrobust.sequences.kmers import (
    expected_jaccard,
    jaccard,
    kmer_frequencies,
    kmer_sets,
    sketch_jaccard,
    sketches,
)

OTHER = str.maketrans("ACGTN", "TGCAN")


def texts(count: int, length: int, seed: int, letters: str = "ACGT", weights: list[float] | None = None) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), length, p=weights)) for _ in range(count)]


def records(given: list[str], alphabet: Alphabet = DNA) -> SequenceSet:
    return SequenceSet.from_texts(given, alphabet)


def mutated(text: str, share: float, seed: int) -> str:
    rng = np.random.default_rng(seed)
    return "".join(
        rng.choice([x for x in "ACGT" if x != letter]) if rng.random() < share else letter for letter in text
    )


def turned(text: str) -> str:
    return text.translate(OTHER)[::-1]


def words(text: str, k: int) -> set[str]:
    """Canonical words, in plain Python."""
    found = (text[at : at + k] for at in range(len(text) - k + 1))
    return {min(word, turned(word)) for word in found if "N" not in word}


@pytest.mark.parametrize("k", [1, 4, 9])
def test_sets_and_jaccard_are_those_of_plain_sets(k: int) -> None:
    given = [*texts(6, 40, 0), "ACGTN" * 6, "NNNN", "A"]
    given.append(turned(given[0]))
    sets = kmer_sets(records(given).tokens, DNA, k)
    one, other = (part.ravel() for part in np.meshgrid(np.arange(len(given)), np.arange(len(given))))
    plain = [words(text, k) for text in given]
    expected = [len(plain[i] & plain[j]) / max(len(plain[i] | plain[j]), 1) for i, j in zip(one, other, strict=True)]
    np.testing.assert_allclose(jaccard(sets, one, other), expected)
    assert jaccard(sets, np.array([0]), np.array([len(given) - 1]))[0] == 1


@pytest.mark.parametrize("parts", [1, 16])
def test_minhash_estimates_the_exact_jaccard_index(parts: int) -> None:
    base = texts(1, 300, 1)[0]
    given = records([base, *(mutated(base, share, 2) for share in (0.01, 0.03, 0.1, 0.5)), turned(base)])
    sketch = sketches(given.tokens, DNA, 8, size=1024, parts=parts)
    one, other = np.zeros(5, np.int64), np.arange(1, 6)
    exact = jaccard(kmer_sets(given.tokens, DNA, 8), one, other)
    np.testing.assert_allclose(sketch_jaccard(sketch[one], sketch[other]), exact, atol=0.05)
    assert sketch_jaccard(sketch[:1], sketch[5:])[0] == 1
    assert exact[0] > exact[1] > exact[2] > exact[3]


def test_parts_that_are_empty_in_both_tell_nothing() -> None:
    given = records([*texts(2, 20, 12), "NNNN"])
    sketch = sketches(given.tokens, DNA, 8, size=64, parts=64)
    assert sketch_jaccard(sketch[:1], sketch[1:2])[0] == 0
    assert sketch_jaccard(sketch[2:], sketch[2:])[0] == 0


def test_frequencies_count_words() -> None:
    found = kmer_frequencies(records(["AACG", "AAN", "A", "TTTTT"]), 2)
    assert found.shape == (4, 16)
    assert found[0, [0, 1, 6]].tolist() == [pytest.approx(1 / 3)] * 3
    assert found[1].tolist() == [1.0] + [0.0] * 15
    assert found[2].sum() == 0
    assert found[3, 15] == 1
    with pytest.raises(DataError, match="word"):
        kmer_frequencies(records(["ACGT"]), 12)


def test_near_pairs_are_those_of_all_pairs() -> None:
    given = texts(60, 120, 3)
    given += [mutated(text, 0.04, number) for number, text in enumerate(given[:20])]
    given += [turned(mutated(text, 0.04, 50 + number)) for number, text in enumerate(given[20:30])]
    whole = records(given)
    sets = kmer_sets(whole.tokens, DNA, 7)
    one, other = np.triu_indices(len(given), 1)
    least = expected_jaccard(0.9, 7)
    truth = {(i, j) for i, j, at in zip(one, other, jaccard(sets, one, other), strict=True) if at >= least}
    found = set(zip(*near_pairs(whole, 7, least), strict=True))
    assert len(truth) >= 28
    assert found <= truth
    assert len(found) >= len(truth) - 1


def test_copies_are_told_apart() -> None:
    given = texts(40, 100, 4)
    others = texts(10, 100, 5)
    others += [given[0], turned(given[1]), mutated(given[2], 0.03, 0), turned(mutated(given[3], 0.03, 1))]
    found = find_copies(records(given), records(others), method="kmers")
    assert np.flatnonzero(found.exact).tolist() == [10]
    assert np.flatnonzero(found.other_strand).tolist() == [11]
    assert np.flatnonzero(found.near).tolist() == [12, 13]
    assert np.flatnonzero(found.touched).tolist() == [0, 1, 2, 3]
    assert found.clusters[[0, 1, 2, 3]].tolist() == found.clusters[[50, 51, 52, 53]].tolist()
    assert len(np.unique(found.clusters)) == 50
    assert found.warning is not None
    assert "1 copies, 1 reverse complements, 2 near relatives" in found.warning
    assert find_copies(records(given), records(others[:10]), method="kmers").warning is None


def test_protein_has_no_other_strand_and_lengths_may_differ() -> None:
    given = texts(10, 80, 6, letters=PROTEIN.letters)
    others = [given[0][::-1], given[1][:78], given[2] + "AC", "MK"]
    found = find_copies(records(given, PROTEIN), records(others, PROTEIN), method="kmers")
    assert not found.other_strand.any()
    assert found.near.tolist() == [False, True, True, False]
    with pytest.raises(DataError, match="two alphabets"):
        find_copies(records(given, PROTEIN), records(["ACGT"]))


def test_many_alike_records_stay_one_cluster() -> None:
    base = texts(1, 120, 7)[0]
    given = [mutated(base, 0.01, number) for number in range(120)]
    assert set(cluster_records(records(given), method="kmers").numbers.tolist()) == {0}


def _score(one: str, other: str) -> int:
    """Smith & Waterman, cell by cell."""
    cells = np.zeros((len(one) + 1, len(other) + 1), int)
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            step = 1 if a == b != "N" else -1
            cells[i, j] = max(0, cells[i - 1, j - 1] + step, cells[i - 1, j] - 2, cells[i, j - 1] - 2)
    return int(cells.max())


def test_local_scores_are_those_of_a_table_filled_cell_by_cell() -> None:
    rng = np.random.default_rng(2)
    given = ["".join(rng.choice(list("ACGTN"), rng.integers(1, 24), p=[0.24] * 4 + [0.04])) for _ in range(14)]
    one, other = np.triu_indices(len(given), 1)
    expected = [
        max(_score(given[i], given[j]), _score(given[i], turned(given[j]))) for i, j in zip(one, other, strict=True)
    ]
    assert local_scores(records(given), one, other).tolist() == expected


@pytest.mark.parametrize("uneven", [False, True])
def test_unrelated_short_records_are_no_kin(uneven: bool) -> None:
    """Sixty-letter windows with a consensus in the middle, of even and of uneven letters."""
    given = texts(150, 60, 8, weights=[0.4, 0.1, 0.1, 0.4] if uneven else None)
    given = [text[:28] + "AGGT" + text[32:] for text in given]
    one, _ = related_pairs(records(given), 0.6)
    assert len(one) <= 4


def test_relatives_on_short_dna_are_found_and_count_as_one() -> None:
    """Families at 80 % of their founder, some with a letter lost or on the other strand, on one side each: nothing
    leaks, and an interval over them holds one half where one over records does not."""
    founders, family = texts(16, 60, 3), np.repeat(np.arange(16), 8)
    given = [mutated(founders[one], 0.2, number) for number, one in enumerate(family)]
    given = [text[:20] + text[21:] if at % 8 == 7 else text for at, text in enumerate(given)]
    given = [turned(text) if at % 8 == 6 else text for at, text in enumerate(given)]
    found = cluster_records(records(given), identity=0.6, method="kmers").numbers
    assert adjusted_rand_score(family, found) > 0.85
    rng, held = np.random.default_rng(1), {"records": 0, "families": 0}
    for _ in range(40):
        scores = rng.normal(size=16)[family] + 0.5 * rng.normal(size=len(family))
        inside = family < 8
        for name, units in (("records", None), ("families", (found[inside], found[~inside]))):
            low, high = auc(scores[inside], scores[~inside], units).interval or [0, 1]
            held[name] += low <= 0.5 <= high
    assert held["families"] >= 34
    assert held["records"] < 30


def test_short_records_are_still_clustered_by_letters() -> None:
    found = cluster_records(records(["ACG", "CGT", "ACG", "AAA"]), method="kmers")
    assert found.numbers.tolist() == [0, 0, 0, 1]
    with pytest.raises(DataError, match="identity"):
        cluster_records(records(["ACG"]), identity=0.0)


def fake(folder: Path, name: str, code: str) -> None:
    """A program on the path that is a few lines of Python."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_programs_on_the_path_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_tool(protein=False, identity=0.9) is None
    with pytest.raises(ConfigError, match="not on the path"):
        cluster_records(records(["ACGT"] * 2), method="mmseqs")
    fake(
        tmp_path,
        "cd-hit-est",
        "out = sys.argv[sys.argv.index('-o') + 1]\n"
        "one = '>Cluster 0\\n0\\t9nt, >2... *\\n1\\t9nt, >0... at +/91%\\n'\n"
        "open(out + '.clstr', 'w').write(one + '>Cluster 1\\n0\\t9nt, >1... *\\n')",
    )
    given = records(texts(4, 30, 8))
    assert installed_tool(protein=False, identity=0.9) == "cd-hit"
    assert installed_tool(protein=False, identity=0.5) is None
    assert installed_tool(protein=True, identity=0.9) is None
    found = clustered_by("cd-hit", given, 0.9)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3
    with pytest.raises(ConfigError, match="so low"):
        clustered_by("cd-hit", given, 0.3)
    fake(
        tmp_path,
        "mmseqs",
        "assert sys.argv[1] == 'easy-cluster' and open(sys.argv[2]).read().startswith('>0\\n')\n"
        "open(sys.argv[3] + '_cluster.tsv', 'w').write('3\\t3\\n3\\t1\\n0\\t0\\n2\\t2\\n')",
    )
    assert installed_tool(protein=False, identity=0.9) == "cd-hit"
    both = cluster_records(given, identity=0.7)
    assert both.numbers.tolist() == [0, 1, 2, 1]
    assert "mmseqs" in both.how
    fake(tmp_path, "mmseqs", "sys.exit('no memory')")
    with pytest.raises(SeqRobustError, match="no memory"):
        cluster_records(given, method="mmseqs")


def test_shift_fires_on_another_composition_and_is_quiet_otherwise() -> None:
    same = texts(300, 100, 9)
    shifted = texts(150, 100, 10, weights=[0.28, 0.22, 0.22, 0.28])
    fired = shift_test(records(same[:150]), records(shifted))
    assert fired.interval[0] > 0.55
    assert fired.warning is not None
    assert "without the model" in fired.warning
    false = [
        shift_test(records(same[:150]), records(same[150:]), seed=seed).warning is not None for seed in range(3)
    ] + [shift_test(records(texts(60, 60, s)), records(texts(60, 60, s + 99))).warning is not None for s in range(15)]
    assert sum(false) <= 3
    longer = shift_test(records(same[:100]), records([text[:95] for text in same[100:200]]))
    assert longer.auc > 0.9
    classes = (np.zeros(150, np.int64), np.repeat([0, 1], 75))
    assert shift_test(records(same[:150]), records(same[150:]), targets=classes).auc > 0.65


@pytest.mark.parametrize("kind", ["labels", "values", "spread"])
def test_a_shift_of_targets_alone_is_found(kind: str) -> None:
    """Labels that are commoner on one side, values that are larger, or only more spread; none is quiet."""
    rng = np.random.default_rng(12)

    def drawn(far: bool) -> np.ndarray:
        if kind == "labels":
            return (rng.random((150, 3)) < [0.3, 0.7 if far else 0.3, 0.5]).astype(np.float32)
        return rng.normal(0.8 if far and kind == "values" else 0, 2.5 if far and kind == "spread" else 1, (150, 1))

    found = target_shift((drawn(True), drawn(False)))
    assert found.warning is not None
    assert "they do not come from one population" in found.warning
    quiet = [target_shift((drawn(False), drawn(False)), seed=seed).warning is None for seed in range(12)]
    assert sum(quiet) >= 10


def test_a_sure_difference_of_no_size_is_called_little() -> None:
    share = np.arange(5000)[:, None] / 5000
    found = target_shift(((share < 0.53).astype(np.float32), (share < 0.49).astype(np.float32)))
    assert 0.5 < found.interval[0] < found.auc < 0.53
    assert found.warning is not None
    assert "differ a little" in found.warning


def test_shift_keeps_clusters_in_one_fold() -> None:
    """Copies of a few records: with them on both sides of a fold they are recognised."""
    base = texts(20, 60, 11)
    given = [mutated(text, 0.02, number) for number, text in enumerate(base * 6)]
    sides = [[text for at, text in enumerate(given) if (at % 20 < 10) is side] for side in (True, False)]
    clusters = np.concatenate([np.tile(np.arange(10), 6), np.tile(np.arange(10, 20), 6)])
    loose = shift_test(records(sides[0]), records(sides[1]))
    kept = shift_test(records(sides[0]), records(sides[1]), clusters=clusters)
    assert loose.auc > 0.95
    assert kept.auc < loose.auc - 0.2
    with pytest.raises(DataError, match="folds"):
        shift_test(records(["ACGT"] * 3), records(["ACGT"] * 3))


def test_every_record_is_in_half_of_the_models() -> None:
    inside = assign_records(101, 8, seed=0)
    assert (inside.sum(0) == 4).all()
    assert set(inside.sum(1).tolist()) <= {50, 51}
    assert (inside == assign_records(101, 8, seed=0)).all()
    assert (inside != assign_records(101, 8, seed=1)).any()
    clusters = np.repeat(np.arange(12), np.arange(1, 13))
    kept = assign_records(len(clusters), 6, seed=0, clusters=clusters)
    assert all(len(set(kept[model, clusters == one].tolist())) == 1 for model in range(6) for one in range(12))
    assert (np.abs(kept.sum(1) - len(clusters) / 2) <= 2).all()
    assert (kept.sum(0) == 3).all()
    with pytest.raises(DataError, match="halves"):
        assign_records(3, 2, seed=0)


def test_batches_hold_each_model_to_its_own_records() -> None:
    inside = assign_records(51, 4, seed=0)
    for size in (8, 12, 24):
        drawn = list(batches(inside, size, seed=1, epoch=2))
        assert len(drawn) == steps_an_epoch(inside, size)
        rows = np.concatenate(drawn, axis=1)
        for model in range(4):
            assert inside[model, rows[model]].all()
            assert len(set(rows[model].tolist())) == rows.shape[1] >= 24
    again = np.concatenate(list(batches(inside, 24, seed=1, epoch=3)), axis=1)
    assert (again != rows).any()


def test_queries() -> None:
    given = records(["AACGT", "ACG"])
    found = query_tokens(given, other_strand=True, shifts=4, largest=2)
    assert len(found) == 6
    assert (found[0] == given.tokens).all()
    assert given.texts_with(found[1]) == ["ACGTT", "CGT"]
    moved = {tuple(given.texts_with(one)) for one in found[2:]}
    assert moved == {("NAACG", "NAC"), ("NNAAC", "NNA"), ("ACGTN", "CGN"), ("CGTNN", "GNN")}
    with pytest.raises(DataError, match="shifts"):
        query_tokens(given, shifts=5, largest=2)


def test_a_warning_counts_nothing_where_there_is_nothing() -> None:
    none = np.zeros(3, bool)
    assert copies_module._warning(none, none, none, 5) is None
