"""``seqrobust privacy``: whether it can be told which records a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import ColumnOptions, ReadingOptions, stem

if TYPE_CHECKING:
    from seqrobust.sequences.data_source import DataSource

_RECORDS, _ATTACKS, _SHADOWS = "Members and non-members", "Attacks", "Shadow models"
_FILES = ("metrics.json", "results.parquet", "privacy.png")


@grouped
def privacy(
    *,
    model: take.ModelName,
    members: Annotated[
        Path | None,
        typer.Option("--members", help="Records it was trained on.", rich_help_panel=_RECORDS),
    ] = None,
    nonmembers: Annotated[
        Path | None,
        typer.Option("--nonmembers", help="Records it was not trained on.", rich_help_panel=_RECORDS),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="One file with both, told by split.", rich_help_panel=_RECORDS)
    ] = None,
    member_split: Annotated[str, typer.Option("--member-split", help="Of --data.", rich_help_panel=_RECORDS)] = "train",
    nonmember_split: Annotated[
        str, typer.Option("--nonmember-split", help="Of --data.", rich_help_panel=_RECORDS)
    ] = "test",
    population: Annotated[
        Path | None,
        typer.Option(
            "--population",
            help="Further records that it was not trained on, for RMIA; else the non-members.",
            rich_help_panel=_RECORDS,
        ),
    ] = None,
    max_length: take.MaxLength = None,
    attacks: Annotated[
        str | None,
        typer.Option(
            "--attacks",
            metavar="NAME,...",
            help="loss, confidence, margin, entropy, modified_entropy; with shadow models shadow_beta, "
            "shadow_gaussian, lira_online, lira_offline, rmia, rmia_offline; label_only, label_only_edits. Else all "
            "that apply but the last two.",
            rich_help_panel=_ATTACKS,
        ),
    ] = None,
    label_only: Annotated[
        bool,
        typer.Option(
            "--label-only",
            help="Also attack by answers alone, under random and under adversarial edits.",
            rich_help_panel=_ATTACKS,
        ),
    ] = False,
    other_strand: Annotated[
        bool,
        typer.Option(
            "--other-strand", help="Ask about both strands (LiRA, attacks by answers).", rich_help_panel=_ATTACKS
        ),
    ] = False,
    shifts: Annotated[
        int,
        typer.Option("--shifts", min=0, help="Ask about so many moved versions too (LiRA).", rich_help_panel=_ATTACKS),
    ] = 0,
    prior: Annotated[
        float,
        typer.Option("--prior", help="Probability that a record is a member.", rich_help_panel=_ATTACKS),
    ] = 0.5,
    identity: Annotated[
        float, typer.Option("--identity", help="Near copies share so many letters.", rich_help_panel=_ATTACKS)
    ] = 0.9,
    shadows: Annotated[
        int | None,
        typer.Option(
            "--shadows", min=0, help="How many to train; else 32 where the recipe is known.", rich_help_panel=_SHADOWS
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            metavar="CONFIG",
            help="Whose model and training they take; else the checkpoint's own.",
            rich_help_panel=_SHADOWS,
        ),
    ] = None,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    no_picture: Annotated[
        bool, typer.Option("--no-picture", help="Do not draw privacy.png.", rich_help_panel=take.RUN)
    ] = False,
    seed: take.Seed = 0,
    device: take.Device = "auto",
    batch_size: take.BatchSize = None,
    out: take.Out = None,
    resume: take.Resume = False,
    overwrite: take.Overwrite = False,
) -> None:
    """Audit what a model betrays of its training records, by membership inference."""
    from seqrobust.pipeline.privacy_command import PrivacyCommand, privacy_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.texts import names_of

    files = _files(members, nonmembers, data)
    splits = (None, None) if data is None else (member_split, nonmember_split)
    both: list[DataSource] = [
        columns.source(path, format, None, split, max_length) for path, split in zip(files, splits, strict=True)
    ]
    place = out or Path("runs") / f"privacy-{stem(model)}-{files[0].name.split('.')[0]}"
    call = PrivacyCommand(
        model=reading.source(model, weights, seed=seed),
        members=both[0],
        nonmembers=both[1],
        population=None if population is None else columns.source(population, format, None, None, max_length),
        out=place,
        attacks=() if attacks is None else names_of(attacks),
        shadows=shadows,
        recipe=recipe,
        prior=prior,
        label_only=label_only,
        other_strand=other_strand,
        shifts=shifts,
        identity=identity,
        draw=not no_picture,
        seed=seed,
        device=device,
        batch_size=batch_size,
        resume=resume,
        overwrite=overwrite,
        command=take.command_line(),
    )
    with ConsoleProgress() as progress:
        metrics = privacy_command(call, progress)
    _print(metrics, place)


def _files(members: Path | None, nonmembers: Path | None, data: Path | None) -> tuple[Path, Path]:
    from seqrobust.errors import ConfigError

    if data is not None and members is None and nonmembers is None:
        return data, data
    if data is None and members is not None and nonmembers is not None:
        return members, nonmembers
    named = {"--members": members, "--nonmembers": nonmembers, "--data": data}
    raise ConfigError(
        "an audit compares members with non-members",
        expected="--members FILE --nonmembers FILE, or --data FILE",
        found=", ".join(name for name, path in named.items() if path is not None) or "neither",
    )


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from seqrobust_cli.console import out

    shadows = metrics["shadows"]["n"]
    with_shadows = f"; {shadows} shadow models" if shadows else "; no shadow models"
    out.print(f"{metrics['n_members']:,} members, {metrics['n_nonmembers']:,} non-members{with_shadows}", markup=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    copied = any(metrics["copies"][kind] for kind in ("exact", "other_strand", "near"))
    heads = ["AUC", *(["without copies"] if copied else []), "found at 1 %, %", "at 0.1 %, %", "balanced acc., %"]
    table.add_column("attack", no_wrap=True)
    for name in heads:
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in sorted(metrics["attacks"].items(), key=lambda item: -item[1]["auc"]):
        cells = [_cell(one["auc"], one["auc_ci"], 1, 3)]
        if copied:
            cells.append(_cell((one["without_copies"] or {}).get("auc"), None, 1, 3))
        cells += [_cell(one["tpr_at_fpr"][rate], one["tpr_at_fpr_ci"][rate], 100, 1) for rate in ("0.01", "0.001")]
        cells.append(_cell(one["balanced_accuracy"], None, 100, 1))
        table.add_row(*(escape(cell) for cell in (name.replace("_", " "), *cells)))
    rates = next(iter(metrics["attacks"].values()))["tpr_at_fpr_by_chance"]
    lucky = [_cell(rates[rate], None, 100, 1) for rate in ("0.01", "0.001")]
    chance = ["0.500", *(["0.500"] if copied else []), *lucky, "50.0"]
    table.add_row("by chance", *chance, style="dim")
    out.print(table)
    refused = {text for one in metrics["attacks"].values() for text in one["tpr_at_fpr_refused"].values() if text}
    for text in sorted(refused):
        out.print(f"-: {text}", markup=False)
    shift = metrics["shift"]
    if shift is not None:
        told = "they DIFFER, see the warning" if shift["warning"] else "no difference found"
        out.print(
            f"members against non-members without the model: AUC {_cell(shift['auc'], shift['auc_ci'], 1, 3)}, {told}",
            markup=False,
        )
    out.print(metrics["verdict"], markup=False)
    out.print(f"in {folder}: {', '.join(name for name in _FILES if (folder / name).exists())}", markup=False)


def _cell(value: float | None, ends: list[float] | None, scale: float, digits: int) -> str:
    if value is None:
        return "-"
    interval = f" [{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]" if ends else ""
    return f"{scale * value:.{digits}f}{interval}"
