"""Codon moves by the command line: what is written keeps every protein, and is scored and told as it is."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord

FAULTS = Path(__file__).parents[2].parent / "shared" / "faults" / "coding"
Run = Callable[..., int]


def a_genbank(folder: Path, suffix: str = ".gb") -> Path:
    """A gene of two exons on the minus strand whose junction lies within a codon, and labels that are no targets."""
    rng = np.random.default_rng(1)
    location = CompoundLocation([SimpleLocation(50, 70, -1), SimpleLocation(10, 35, -1)])
    letters = list(rng.choice(list("ACGT"), 100))
    coding = Seq("ATGCTTAGAGGTTCACTTGCACGTCTTAGTGGACTTCGTCTTTAA")
    for at, letter in zip(location, str(coding.complement()), strict=True):
        letters[at] = letter
    record = SeqRecord(Seq("".join(letters)), id="plasmid", name="plasmid", annotations={"molecule_type": "DNA"})
    record.features = [
        SeqFeature(SimpleLocation(0, 100, 1), "source", qualifiers={"label": ["odd"], "group": ["x"]}),
        SeqFeature(location, "CDS", qualifiers={"gene": ["lacZ"], "label": ["lacZ"], "codon_start": ["1"]}),
    ]
    SeqIO.write([record], folder / f"x{suffix}", "genbank" if suffix == ".gb" else "embl")
    return folder / f"x{suffix}"


def proteins_of(path: Path) -> Callable[[str], list[str]]:
    """A function from a text to the proteins of a file's coding sequences, by Biopython."""
    record = SeqIO.read(path, "embl" if path.suffix == ".embl" else "genbank")

    def translated(text: str) -> list[str]:
        found = []
        for feature in record.features:
            if feature.type == "CDS":
                start = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
                letters = feature.extract(Seq(text))[start:]
                table = int(feature.qualifiers.get("transl_table", ["1"])[0])
                found.append(str(letters[: len(letters) // 3 * 3].translate(table=table)))
        return found

    return translated


def value_of(model: Path, factory: str, text: str) -> float:
    """A plain call of the model."""
    spec = importlib.util.spec_from_file_location("strange", model)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    one_hot = torch.tensor([[float(letter == one) for letter in text] for one in "ACGT"])
    with torch.no_grad():
        return float(getattr(module, factory)().eval()(one_hot[None])[0, 0])


def attacked(run: Run, out: Path, *more: Any) -> tuple[pd.DataFrame, dict[str, Any], dict[str, Any]]:
    code = run("attack", *more, "--task", "regression", "--alphabet", "DNA", "--delta", "0.01", "--out", out)
    assert code == 0
    return (
        pd.read_parquet(out / "results.parquet"),
        json.loads((out / "metrics.json").read_text()),
        json.loads((out / "manifest.json").read_text()),
    )


def check_rows(results: pd.DataFrame, data: Path, model: Path, factory: str) -> None:
    record = SeqIO.read(data, "embl" if data.suffix == ".embl" else "genbank")
    clean, translated = str(record.seq), proteins_of(data)
    for row in results.itertuples():
        text = row.adversarial_sequence
        assert translated(text) == translated(clean)
        differ = [f"{a}{at}{b}" for at, (a, b) in enumerate(zip(clean, text, strict=True), 1) if a != b]
        assert row.edits == ";".join(differ)
        codons = [name for name in row.codon_edits.split(";") if name]
        assert len(codons) == row.n_edits <= row.budget
        assert row.adversarial_score == pytest.approx(value_of(model, factory, text), abs=1e-4)


@pytest.mark.parametrize("suffix", [".gb", ".embl"])
def test_an_attack_on_a_gene_of_the_minus_strand(suffix: str, files: Path, run: Run, tmp_path: Path) -> None:
    data = a_genbank(tmp_path, suffix)
    model = files / "model.py"
    more = ("--model", f"{model}:value", "--data", data, "--moves", "codons:CDS", "--budget", "1,3")
    results, metrics, manifest = attacked(run, tmp_path / "out", *more)
    check_rows(results, data, model, "value")
    assert results["n_edits"].max() > 1
    assert results["target"].isna().all()
    assert (
        metrics["threat"] == "at most 3 codons of CDS changed to synonymous ones (lacZ; minus strand; genetic code 1)"
    )
    said = "; ".join(manifest["notices"])
    assert "1 first of their protein" in said
    assert "genetic code 1 where the file names none" in said
    assert "the protein unchanged" not in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert "lacZ; minus strand; genetic code 1" in page
    assert "named after HGVS" in page
    assert re.search(r"; c\.\S+ p\.\S+=", page)


def test_targets_are_taken_from_a_flat_file_only_by_name(files: Path, run: Run, tmp_path: Path) -> None:
    data = a_genbank(tmp_path)
    more = ("--model", f"{files / 'model.py'}:build", "--data", data, "--alphabet", "DNA", "--budget", "1")
    common = (*more, "--task", "classification", "--random-draws", "1")
    assert run("attack", *common, "--out", tmp_path / "a") == 0
    assert run("attack", *common, "--target-column", "label", "--out", tmp_path / "b") == 2
    table = files / "dna.tsv"
    taken = (
        "--model",
        f"{files / 'model.py'}:build",
        "--alphabet",
        "DNA",
        "--data",
        table,
        "--task",
        "classification",
        "--budget",
        "1",
    )
    labels = ("--max-records", "4", "--out", tmp_path / "c")
    assert run("attack", *taken, "--no-targets", *labels) == 0
    assert run("attack", *taken, "--no-targets", "--target-column", "label", "--out", tmp_path / "d") == 2


@pytest.mark.skipif(not FAULTS.is_dir(), reason="the folder of small faulty inputs is not beside the checkout")
@pytest.mark.parametrize(
    "name", ["comp", "codon_start2", "join_phase1", "table4", "gtg11", "sec", "overlap", "label", "g.gff3"]
)
def test_records_that_were_read_wrongly(name: str, run: Run, tmp_path: Path) -> None:
    data = FAULTS / ("codon_start2.gb" if name == "g.gff3" else f"{name}.gb")
    read = ("--data", FAULTS / "g.fa", "--annotation", FAULTS / name) if name == "g.gff3" else ("--data", data)
    more = ("--model", f"{FAULTS / 'net.py'}:reg", *read, "--moves", "codons:CDS", "--budget", "1..4")
    results, _, _ = attacked(run, tmp_path / "out", *more)
    check_rows(results, data, FAULTS / "net.py", "reg")
    record = SeqIO.read(data, "genbank")
    if name != "codon_start2" and name != "g.gff3":
        for feature in record.features:
            first = list(feature.location)[:3]
            for text in results["adversarial_sequence"]:
                assert all(text[at] == str(record.seq)[at] for at in first)
    if name == "sec":
        assert {text[34:37] for text in results["adversarial_sequence"]} == {"TGA"}
