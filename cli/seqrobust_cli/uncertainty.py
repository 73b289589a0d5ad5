"""``seqrobust uncertainty``: what a model is unsure of, whether attacks show in it, and whether abstaining helps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import (
    ColumnOptions,
    GoalOptions,
    ReadingOptions,
    RunOptions,
    SampleOptions,
    ThreatOptions,
    attack_settings,
    stem,
)

_UNCERTAINTY, _CLEANING = "Uncertainty", "Purification"


@grouped
def uncertainty(
    *,
    model: take.ModelName,
    members: Annotated[
        list[str] | None,
        typer.Option(
            "--members",
            metavar="CKPT[,CKPT]",
            help="Checkpoints that make an ensemble with the model.",
            rich_help_panel=take.MODEL,
        ),
    ] = None,
    dropout_samples: Annotated[
        int | None,
        typer.Option("--dropout-samples", min=2, help="Draws of dropout as members.", rich_help_panel=take.MODEL),
    ] = None,
    data: take.Data,
    part: Annotated[
        str,
        typer.Option("--part", help="epistemic, detection, selective, purification.", rich_help_panel=_UNCERTAINTY),
    ] = "epistemic,detection,selective,purification",
    attack_folder: Annotated[
        Path | None,
        typer.Option(
            "--attack-folder", help="Look at this attack's sequences, not a fresh one's.", rich_help_panel=_UNCERTAINTY
        ),
    ] = None,
    order: Annotated[
        int, typer.Option("--order", min=0, max=5, help="Of the background model.", rich_help_panel=_UNCERTAINTY)
    ] = 3,
    fit_split: Annotated[
        str | None,
        typer.Option(
            "--fit-split", help="Background and density are fitted to it; else train.", rich_help_panel=_UNCERTAINTY
        ),
    ] = None,
    flagged: Annotated[
        float,
        typer.Option("--flagged", help="Share of natural records a detector may flag.", rich_help_panel=_UNCERTAINTY),
    ] = 0.05,
    risk: Annotated[
        float | None,
        typer.Option("--risk", min=0, help="Tell the coverage at this error.", rich_help_panel=_UNCERTAINTY),
    ] = None,
    purify: Annotated[str, typer.Option("--purify", help="denoise, vote.", rich_help_panel=_CLEANING)] = "denoise,vote",
    replaced: Annotated[
        float,
        typer.Option("--replaced", help="Share of natural letters denoising replaces.", rich_help_panel=_CLEANING),
    ] = 0.05,
    noise: Annotated[
        float, typer.Option("--noise", help="Share of letters a vote redraws.", rich_help_panel=_CLEANING)
    ] = 0.1,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Of a vote.", rich_help_panel=_CLEANING)] = 10,
    attacks: Annotated[
        str | None,
        typer.Option("--attack", metavar="NAME[,NAME]", help="Searches, tried in order.", rich_help_panel=take.GOAL),
    ] = None,
    threat: ThreatOptions,
    goal: GoalOptions,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    seed: take.Seed = 0,
    run: RunOptions,
) -> None:
    """Measure uncertainty, attack it, and try detection, abstention and purification against an adaptive attack."""
    from seqrobust.pipeline.uncertainty_command import ATTACKS, UncertaintyCommand, uncertainty_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.texts import names_of

    source = reading.source(model, weights, seed=seed)
    call = UncertaintyCommand(
        model=source,
        members=tuple(Path(name) for text in members or () for name in names_of(text)),
        dropout=dropout_samples,
        data=columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        settings=attack_settings(threat, goal, sample, attacks or ",".join(ATTACKS)),
        attack=attack_folder,
        parts=names_of(part),  # type: ignore[arg-type]
        purify=names_of(purify),
        fit_split=fit_split,
        order=order,
        flagged=flagged,
        risk=risk,
        replaced=replaced,
        noise=noise,
        draws=draws,
        seed=seed,
        **run.call(f"uncertainty-{stem(model)}", data),
    )
    with ConsoleProgress() as progress:
        metrics = uncertainty_command(call, progress)
    _print(metrics, call.out)


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    from seqrobust_cli.console import out

    kind = "draws of dropout" if metrics["member_kind"] == "dropout" else "members"
    out.print(
        f"{metrics['members']} {kind}; goal: {metrics['goal']}; threat: {metrics['threat']}\n"
        f"{metrics['n']} records attacked, {metrics['n_calibration']} natural ones set thresholds",
        markup=False,
    )
    _print_measures(metrics)
    if "epistemic" in metrics:
        last = metrics["epistemic"]["budgets"][-1]
        out.print(
            f"an attack on it raises {metrics['epistemic']['quantity'].replace('_', ' ')} from "
            f"{metrics['epistemic']['clean_mean']:.3g} to {last['mean']:.3g} at budget {last['budget']} (random edits "
            f"{last['random_edits_mean']:.3g}); {_percent(last['raised_above_threshold'])} of the records then look "
            "stranger than nearly all natural ones",
            markup=False,
        )
    if "detection" in metrics:
        _print_detection(metrics["detection"])
    if "selective" in metrics:
        _print_selective(metrics["selective"])
    if "purification" in metrics:
        _print_purification(metrics["purification"])
    names = ("metrics.json", "uncertainty.parquet", "uncertainty.png")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)


def _table(*heads: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    return table


def _print_measures(metrics: Mapping[str, Any]) -> None:
    from seqrobust_cli.console import out

    first = metrics["budgets"][0]["means"]["clean"]
    shown = [name for name in ("entropy", "mutual_information", "logit_variance") if name in first]
    shown = [name for name in shown if metrics["members"] > 1 or name == "entropy"]
    table = _table("mean over records", "robust, %", *(name.replace("_", " ") for name in (*shown, "background")))
    kinds = [("natural", None, metrics["budgets"][0]["means"]["clean"])]
    for row in metrics["budgets"]:
        kinds.append((f"random edits, {row['budget']}", None, row["means"]["random_edits"]))
        kinds.append((f"attacked, {row['budget']}", row["robust"], row["means"]["attacked"]))
    for name, robust, means in kinds:
        share = "" if robust is None else _percent(robust, unit="")
        table.add_row(name, share, *(f"{means[key]:.3g}" for key in (*shown, "background")))
    out.print(table)
    out.print("entropy, mutual information in nats; background: -ln likelihood per letter", markup=False)


def _print_detection(found: Mapping[str, Any]) -> None:
    from seqrobust_cli.console import out

    table = _table("detector", "AUROC, natural", "AUROC, random edits", "noticed, %", "adaptive, %")
    for name, one in found["detectors"].items():
        row = one["budgets"][-1]
        aware = row["adaptive"]
        cells = [_number(row[f"auroc_{key}"], row[f"auroc_{key}_ci"]) for key in ("natural", "random_edits")]
        shares = [_percent(aware[key], aware[f"{key}_ci"], unit="") for key in ("stopped_ignorant", "stopped")]
        table.add_row(name, *cells, *shares)
    out.print(table)
    for one in found["detectors"].values():
        out.print(one["verdict"], markup=False)


def _print_selective(found: Mapping[str, Any]) -> None:
    from seqrobust_cli.console import out

    risk = found["stated_risk"]
    table = _table("answering the sure", "area", "risk of all", *(() if risk is None else (f"coverage at {risk:g}",)))
    for name, one in found["curves"].items():
        cells = [] if risk is None else [_percent(one["coverage_at_risk"])]
        table.add_row(name, f"{one['area']:.3f}", f"{one['risk']:.3f}", *cells)
    out.print(table)


def _print_purification(found: Mapping[str, Any]) -> None:
    from seqrobust_cli.console import out

    table = _table("robust, %", "budget", "clean", "without", "non-adaptive", "adaptive")
    for name, one in found.items():
        clean = one.get("clean_accuracy")
        for row in one["budgets"]:
            shares = [row[f"robust_{key}"] for key in ("undefended", "non_adaptive", "adaptive")]
            ends = [None, row["robust_non_adaptive_ci"], row["robust_adaptive_ci"]]
            cells = [_percent(share, interval, unit="") for share, interval in zip(shares, ends, strict=True)]
            table.add_row(name, str(row["budget"]), _percent(clean, unit=""), *cells)
    out.print(table)
    for one in found.values():
        out.print(one["verdict"], markup=False)


def _percent(value: float | None, interval: list[float] | None = None, *, unit: str = " %") -> str:
    if value is None:
        return "-"
    ends = rf" \[{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else ""
    return f"{100 * value:.1f}{unit}{ends}"


def _number(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "-"
    ends = rf" \[{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    return f"{value:.3f}{ends}"
