"""Grammars from YAML files: the documented example works, and errors name the key."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation import read_grammar, schema, simulate

MINIMAL = """
name: mine
alphabet: DNA
length: 60
motifs:
  A: {pattern: CACGTG}
  AP1: textbook
classes:
  with:
    arrangements:
      - [A, {motif: AP1, gap: [3, 5], orientation: either}]
  without:
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "grammar.yaml"
    path.write_text(text)
    return path


def test_a_minimal_grammar(tmp_path: Path) -> None:
    grammar = read_grammar(written(tmp_path, MINIMAL))
    assert grammar.length == (60, 60)
    assert grammar.motif("AP1").pattern == "TGASTCA"
    assert grammar.classes[0].arrangements[0][1].gap == (3, 5)
    assert grammar.classes[1].arrangements == ()
    sequences = simulate(grammar, 40, seed=1)
    assert sequences.targets is not None
    assert sequences.targets["label"].value_counts().to_dict() == {"with": 20, "without": 20}


def test_the_documented_example_works(tmp_path: Path) -> None:
    assert schema.__doc__ is not None
    text = textwrap.dedent(schema.__doc__.split(".. code-block:: yaml\n", 1)[1])
    grammar = read_grammar(written(tmp_path, text))
    assert grammar.length == (80, 120)
    assert grammar.shortcut is not None
    assert grammar.shortcut.splits == ("train", "valid")
    sequences = simulate(grammar, 60, seed=1)
    assert sequences.targets is not None
    assert {"label", "positive", "activity", "activity_exact", "has_GATA"} <= set(sequences.targets)


@pytest.mark.parametrize(
    ("background", "order"),
    [
        ("{gc: 0.3}", 0),
        ("{frequencies: {A: 1, C: 2, G: 3, T: 4}}", 0),
        ("{transitions: {A: [1, 1, 1, 1], C: [1, 2, 1, 1], G: [1, 1, 3, 1], T: [1, 1, 1, 4]}}", 1),
    ],
)
def test_backgrounds(tmp_path: Path, background: str, order: int) -> None:
    assert read_grammar(written(tmp_path, f"{MINIMAL}\nbackground: {background}")).background.order == order


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("length: 60", "length: sixty", ("length",)),
        ("length: 60", "lenght: 60", ("unknown key", "lenght")),
        ("length: 60", "length: 60\ncolour: red", ("unknown key", "colour")),
        ("gap: [3, 5]", "gap: [3, x]", ("classes.with.arrangements.0.1.gap.1",)),
        ("gap: [3, 5]", "gaps: [3, 5]", ("unknown key", "classes.with.arrangements.0.1.gaps")),
        ("orientation: either", "orientation: sideways", ("classes.with.arrangements.0.1.orientation",)),
        ("gap: [3, 5]", "gap: [5, 3]", ("a gap is", "AP1")),
        ("{pattern: CACGTG}", "{pattern: CAC!}", ("pattern cannot be read", "character 4")),
        ("{pattern: CACGTG}", "{patern: CAC}", ("motifs.A.patern",)),
        ("AP1: textbook", "AP1: textbok", ("motifs.AP1", "the word textbook")),
        ("AP1: textbook", "XYZ: textbook", ("textbook motif", "XYZ")),
        ("[A, {", "[Z, {", ("unknown motif", "Z")),
        ("alphabet: DNA", "alphabet: KLINGON", ("unknown alphabet",)),
        ("length: 60", "length: 60\nbackground: {gc: 0.5, swiss-prot: true}", ("one way",)),
        ("length: 60", "length: 60\nbackground: {swiss-prot: true}", ("alphabet",)),
        ("length: 60", "length: 60\nshortcut: {pattern: AAAAAAAA, strength: 2}", ("strength",)),
        ("name: mine", "name: [", ("not valid YAML",)),
        (MINIMAL, "just text", ("top level",)),
        (MINIMAL, "", ("top level",)),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, old: str, new: str, said: tuple[str, ...]) -> None:
    assert old in MINIMAL
    with pytest.raises(ConfigError) as caught:
        read_grammar(written(tmp_path, MINIMAL.replace(old, new)))
    for part in (*said, "grammar.yaml"):
        assert part in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_grammar(tmp_path / "none.yaml")
