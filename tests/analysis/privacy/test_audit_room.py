"""How an audit that was stopped goes on, which changed files it refuses, and how it is shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from audits import RECIPE, Call, answered, audited, call, write_model, write_records
from rich.console import Console

from seqrobust.analysis.membership import train_shadows
from seqrobust.analysis.privacy import PRIVACY
from seqrobust.errors import ConfigError
from seqrobust.progress import Silent
from seqrobust.report.terminal import show
from seqrobust.sequences.data_source import FileReading
from seqrobust.sequences.readers import Columns


def test_resume_trains_no_shadow_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    parts = sorted((out / "parts").glob("shadows-*"))
    assert [part.name for part in parts] == ["shadows-00000.npz", "shadows-00001.npz"]
    before = json.loads((out / "metrics.json").read_text())
    trained: list[int] = []

    def counted(build: Any, pool: Any, inside: Any, **more: Any) -> Any:
        trained.append(len(inside))
        return train_shadows(build, pool, inside, **more)

    monkeypatch.setattr("seqrobust.analysis.privacy.shadows.train_shadows", counted)
    usual: dict[str, Any] = {"out": out, "shadows": 10, "resume": True, "draw": False}
    again = audited(call(folder, label_only=True, **usual), Silent())
    assert trained == []
    assert again == before
    # A block that is missing is trained as it was the first time.
    parts[1].unlink()
    again = audited(call(folder, label_only=True, **usual), Silent())
    assert trained == [2]
    assert again == before
    # Another choice of attacks needs no other models; another seed does.
    fewer = audited(call(folder, attacks=("rmia",), prior=0.1, **usual), Silent())
    assert trained == [2]
    assert fewer["attacks"]["rmia"] == before["attacks"]["rmia"]
    with pytest.raises(ConfigError, match="other settings"):
        audited(call(folder, seed=5, **usual), Silent())


CHANGED = ("model.ckpt", "members.tsv", "nonmembers.tsv", "population.tsv", "recipe.yaml", "letters.tsv", "where.gff3")


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit that reads every kind of file."""
    made = tmp_path_factory.mktemp("filed")
    write_records(made, count=20)
    write_model(made, trained=False)
    text = (made / "nonmembers.tsv").read_text().replace("\nn", "\np")
    lines = text.splitlines()
    # The last letter moves to the front: other records than those on either side.
    turned = [line[:-20] + line[-1] + line[-20:-1] for line in lines[1:]]
    (made / "population.tsv").write_text("\n".join([lines[0], *turned]) + "\n")
    (made / "letters.tsv").write_text("\tA\tC\tG\tT\n" + "".join(f"{row}\t1\t1\t1\t1\n" for row in "ACGT"))
    (made / "where.gff3").write_text(
        "##gff-version 3\n" + "".join(f"{one}0\tx\tTATA_box\t3\t8\t.\t+\t.\tID={one}\n" for one in "mnp")
    )
    against = f"adversarial: {{budget: 1, allow: {made / 'letters.tsv'}}}"
    (made / "recipe.yaml").write_text(f"{RECIPE}training: {{epochs: 1, batch_size: 32, {against}}}\n")
    audited(filed_call(made), Silent())
    return made


def filed_call(folder: Path, **more: Any) -> Call:
    """An audit that reads every kind of file."""
    reading = FileReading(columns=Columns(targets=("label",)), annotation=folder / "where.gff3")
    named = {"reading": reading, "recipe": folder / "recipe.yaml", "population": folder / "population.tsv"}
    return call(folder, **named, draw=False, **more)


@pytest.mark.parametrize("name", CHANGED)
def test_resume_names_the_file_that_changed(name: str, filed: Path) -> None:
    place = filed / name
    before, held = place.read_bytes(), (filed / "out" / "metrics.json").read_bytes()
    if name == "model.ckpt":
        write_model(filed)
    else:
        # Another line end, or one more record: the same to a reader or not, the bytes decide.
        place.write_bytes(before + b"\n")
    try:
        with pytest.raises(ConfigError, match="cannot be resumed") as caught:
            audited(filed_call(filed, resume=True), Silent())
    finally:
        place.write_bytes(before)
    assert name in str(caught.value)
    assert (filed / "out" / "metrics.json").read_bytes() == held


def test_a_finished_run_is_resumed_to_the_same_bytes(filed: Path, tmp_path: Path) -> None:
    shutil.copytree(filed / "out", tmp_path / "out")
    audited(filed_call(filed, resume=True, out=tmp_path / "out"), Silent())
    for name in ("metrics.json", "results.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (filed / "out" / name).read_bytes()


def test_an_interrupted_run_ends_as_one_that_was_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the two attacks by labels: what was found by then is not asked for again."""
    out = tmp_path / "out"
    stopped = call(folder, shadows=10, label_only=True, draw=False, out=out)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seqrobust.analysis.privacy.label_only.fewest_edits", stop)
        with pytest.raises(KeyboardInterrupt):
            audited(stopped, Silent())
    assert json.loads((out / "manifest.json").read_text())["status"] == "running"
    assert not (out / "metrics.json").exists()
    for kept in ("label_only.survival", "shadows.train_shadows"):
        monkeypatch.setattr(f"seqrobust.analysis.privacy.{kept}", stop)
    audited(replace(stopped, run=replace(stopped.run, resume=True)), Silent())
    for name in ("metrics.json", "results.parquet"):
        assert (out / name).read_bytes() == (folder / "out" / name).read_bytes()
    # One that starts anew takes nothing of an earlier one for its own: it trains, and is stopped at once.
    with pytest.raises(KeyboardInterrupt):
        audited(replace(stopped, run=replace(stopped.run, overwrite=True)), Silent())


def test_the_page_says_what_was_found(folder: Path, tmp_path: Path) -> None:
    """On a terminal and as a file: attacks beside chance, shift, verdict; who is exposed; the curves."""
    asked = call(folder, shadows=10, label_only=True, out=tmp_path / "out")
    shutil.copytree(folder / "out", tmp_path / "out")
    found = answered(replace(asked, run=replace(asked.run, resume=True)), Silent())
    metrics = found.metrics
    console = Console(record=True, width=150, file=StringIO())
    show(found.page, console)
    said = console.export_text()
    html = (tmp_path / "out" / "report.html").read_text()
    auc = metrics["attacks"]["lira_online"]["auc"]
    low, high = metrics["attacks"]["lira_online"]["auc_ci"]
    share = 100 * metrics["attacks"]["lira_online"]["tpr_at_fpr"]["0.01"]
    for text in (said, html):
        assert "100 members, 100 non-members; 10 shadow models" in text
        assert f"{auc:.3f} [{low:.3f}, {high:.3f}]" in text
        assert f"{share:.1f} [" in text
        assert "by chance" in text
        assert "no difference found" in text
        assert "1,000 or more are needed" in text
    assert " ".join(metrics["verdict"].split())[1:] in " ".join(said.split())
    first = next(line for line in said.splitlines() if line.strip().startswith(metrics["per_class"][0]["group"]))
    assert f"{100 * metrics['per_class'][0]['found']:.1f}" in first
    heads = [line.strip().split("  ")[0] for line in said.splitlines()]
    ordered = sorted(metrics["attacks"].items(), key=lambda item: -item[1]["auc"])
    places = [heads.index(name.replace("_", " ")) for name, _ in ordered]
    assert places == sorted(places)
    assert metrics["exposed"][0]["id"] in html
    assert "<svg" in html
    assert PRIVACY.figure is not None
    assert len(PRIVACY.figure(found.findings).axes) == 2


def test_the_page_of_a_shift_and_of_copies(tmp_path: Path) -> None:
    write_records(tmp_path, rich=1.0)
    write_model(tmp_path, trained=False)
    lines = (tmp_path / "members.tsv").read_text().splitlines()
    with (tmp_path / "nonmembers.tsv").open("a") as file:
        file.write("\n".join(f"copy{i}\t" + line.split("\t", 1)[1] for i, line in enumerate(lines[1:4])) + "\n")
    found = answered(call(tmp_path, shadows=0, draw=False), Silent())
    console = Console(record=True, width=200, file=StringIO())
    show(found.page, console)
    said = " ".join(console.export_text().split())
    assert "they DIFFER, see the warning" in said
    assert found.metrics["shift"]["warning"] in said
    assert "without copies" in said
    assert "3 exact, 0 other strand, 0 near; 100 others" in said
    assert "no shadow models were wanted (--shadows 0)" in said
