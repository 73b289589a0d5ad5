"""Copies and near relatives of members among the non-members, and clusters that can be kept on one side.

A non-member that is nearly a member is remembered with it: attacks then seem weaker than they are (on small CNNs a
true-positive rate at 1 % of 0.05 split by sequence was 0.125 split by family). So cluster first, and put whole clusters
among the members or among the non-members.

Found are exact copies, copies on the other strand, and near ones by the words they share: candidates from MinHash
sketches in bands (Leskovec, Rajaraman & Ullman 2014, chapter 3), settled by the exact Jaccard index. That needs many
words in common: it finds records of about 90 % identity and of like length. Short records, which share words by chance
and whose relatives may share none, are aligned (:mod:`seqrobust.sequences.alignment`). More distant relatives of longer
ones take a program that aligns, which is asked as well where one is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.membership.cluster_tools import clustered_by, installed_tool
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.dividing.relatives import MOST_ALIGNED, linked, related_pairs
from seqrobust.sequences.kmers import expected_jaccard, word_length
from seqrobust.sequences.labels import same_molecule, same_sequence

Method: TypeAlias = Literal["auto", "kmers", "mmseqs", "cd-hit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """Records that belong together.

    Attributes:
        numbers: (N,) cluster of each record, counted from 0 by first appearance; single linkage: a cluster may hold
            records that are alike only through others.
        how: what found them, in words.
    """

    numbers: NDArray[np.int64]
    how: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Copies:
    """Which non-members are copies or relatives of members; n members come first, then m non-members.

    Attributes:
        clusters: (n + m,) cluster numbers.
        exact: (m,) non-members with the letters of a member.
        other_strand: (m,) those that are a member's reverse complement, and not its letters.
        near: (m,) others that share a cluster with a member.
        touched: (n,) members that share a cluster with a non-member.
        how: what found them.
        warning: what to tell the user; None where nothing was found.
    """

    clusters: NDArray[np.int64]
    exact: NDArray[np.bool_]
    other_strand: NDArray[np.bool_]
    near: NDArray[np.bool_]
    touched: NDArray[np.bool_]
    how: str
    warning: str | None


def find_copies(
    members: SequenceSet,
    nonmembers: SequenceSet,
    *,
    identity: float = 0.9,
    method: Method = "auto",
    k: int | None = None,
    seed: int = 0,
) -> Copies:
    """Copies and relatives across the two sides; arguments and errors as :func:`cluster_records`, and DataError for
    two alphabets.
    """
    if members.alphabet.name != nonmembers.alphabet.name:
        raise DataError(
            "members and non-members are of two alphabets",
            found=f"{members.alphabet.name} and {nonmembers.alphabet.name}",
        )
    both = SequenceSet.from_texts([*members.texts, *nonmembers.texts], members.alphabet)
    n = len(members)
    clusters = cluster_records(both, identity=identity, method=method, k=k, seed=seed)
    exact = _among(same_sequence(both), n)
    strand = _among(same_molecule(both), n) & ~exact
    near = _among(clusters.numbers, n) & ~exact & ~strand
    touched = np.isin(clusters.numbers[:n], clusters.numbers[n:])
    return Copies(
        clusters=clusters.numbers,
        exact=exact,
        other_strand=strand,
        near=near,
        touched=touched,
        how=clusters.how,
        warning=_warning(exact, strand, near, n),
    )


def cluster_records(
    sequences: SequenceSet,
    *,
    identity: float = 0.9,
    method: Method = "auto",
    k: int | None = None,
    seed: int = 0,
) -> Clusters:
    """Clusters of records that are copies, copies on the other strand, or near relatives.

    Args:
        sequences: the records.
        identity: share of letters in common at or above which two records belong together.
        method: a program beside the k-mers, ``kmers`` for none, or ``auto`` for one that is installed.
        k: letters of a word; by default so that a word rarely occurs twice by chance.
        seed: of the sketches.

    Raises DataError for an identity that is no share above 0, ConfigError for a program that is not installed.
    """
    if not 0 < identity <= 1:
        raise DataError("an identity is a share", expected="above 0, at most 1", found=str(identity))
    molecule = same_molecule(sequences)
    found = [molecule]
    # One record of each molecule stands for its copies.
    first = np.unique(molecule, return_index=True)[1]
    k = k if k is not None else word_length(sequences.alphabet, int(np.median(sequences.lengths)))
    one, other = related_pairs(sequences.take(first), identity, k=k, seed=seed)
    found.append(linked(len(sequences), first[one], first[other]))
    how = f"shared words of {k} letters (Jaccard index of {expected_jaccard(identity, k):.2f} or more)"
    if np.median(sequences.lengths) <= MOST_ALIGNED:
        how += f" and local alignment ({100 * identity:g} % of the letters, and more than chance reaches)"
    protein = not sequences.alphabet.complement
    tool = installed_tool(protein=protein, identity=identity) if method == "auto" else method
    if tool is not None and tool != "kmers":
        found.append(clustered_by(tool, sequences, identity))
        how += f" and {tool} at {100 * identity:g} % identity"
    return Clusters(numbers=joined_clusters(found), how=how)


def joined_clusters(clusterings: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(N,) clusters of records that any of several (N,) clusterings puts together, numbered by first appearance."""
    count = len(clusterings[0])
    ones, others = [], []
    for numbers in clusterings:
        _, first, index = np.unique(numbers, return_index=True, return_inverse=True)
        ones.append(np.arange(count))
        others.append(first[index])
    joined = linked(count, np.concatenate(ones), np.concatenate(others))
    _, first, index = np.unique(joined, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[index]


def _among(numbers: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    return np.isin(numbers[n:], numbers[:n])


def _warning(exact: NDArray[np.bool_], strand: NDArray[np.bool_], near: NDArray[np.bool_], n: int) -> str | None:
    counts = [int(part.sum()) for part in (exact, strand, near)]
    if not any(counts):
        return None
    names = ("copies", "reverse complements", "near relatives")
    told = ", ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True) if count)
    return (
        f"of {len(exact)} non-members, {told} of the {n} members: an attack takes them for members, and seems weaker "
        "than it is; leave them out, or draw non-members by cluster"
    )
