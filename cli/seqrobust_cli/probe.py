"""``seqrobust probe``: is a model right for the right reason?"""

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

_PROBE = "Probe"


@grouped
def probe(
    *,
    model: take.ModelName,
    data: take.Data,
    functional: Annotated[
        list[str] | None,
        typer.Option(
            "--functional", metavar="NAME[,NAME]", help="Functional regions; else all named.", rich_help_panel=_PROBE
        ),
    ] = None,
    motifs: Annotated[
        list[Path] | None,
        typer.Option("--motifs", help="JASPAR or MEME file that edits are matched with.", rich_help_panel=_PROBE),
    ] = None,
    write: Annotated[
        list[str] | None,
        typer.Option(
            "--write",
            metavar="NAME=WORD[@REGION]",
            help="Write a word where nothing is functional, such as zinc=H-E-x-x-H.",
            rich_help_panel=_PROBE,
        ),
    ] = None,
    threat: ThreatOptions,
    attacks: Annotated[
        str | None,
        typer.Option(
            "--attack",
            metavar="NAME[,NAME]",
            help="quick, standard (the default), thorough, or searches in order.",
            rich_help_panel=take.GOAL,
        ),
    ] = None,
    goal: GoalOptions,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    seed: take.Seed = 0,
    run: RunOptions,
    report: Annotated[bool, typer.Option(help="Write probe.html and probe.png.", rich_help_panel=take.RUN)] = True,
) -> None:
    """Right for the right reason? Attack where biology says nothing is, and where it says all is."""
    from seqrobust.pipeline.probe_command import ProbeCommand, probe_command
    from seqrobust_cli.console import ConsoleProgress

    call = ProbeCommand(
        model=reading.source(model, weights, seed=seed),
        data=columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        settings=attack_settings(threat, goal, sample, attacks),
        functional=tuple(functional or ()),
        motifs=tuple(motifs or ()),
        write=tuple(write or ()),
        seed=seed,
        report=report,
        **run.call(f"probe-{stem(model)}", data),
    )
    with ConsoleProgress() as progress:
        outcome = probe_command(call, progress)
    print_probe(outcome.metrics, call.out)


def print_probe(metrics: Mapping[str, Any], folder: Path) -> None:
    """Rates by budget, the score, the words, the verdict."""
    from seqrobust_cli.console import out

    out.print(f"goal: {metrics['goal']}; functional: {', '.join(metrics['functional'])}", markup=False)
    out.print(f"{metrics['n']} records, {metrics['attacked']} attacked", markup=False)
    _print_rates(metrics)
    _print_reliance(metrics["reliance"])
    if metrics["scan"]["words"] or metrics["scan"]["motifs"]:
        _print_scan(metrics["scan"])
    for sentence in metrics["verdict"]:
        out.print(sentence, markup=False)
    names = ("probe.html", "probe.png", "results.parquet", "adversarial.fa", "metrics.json")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)


def _table(*names: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _print_rates(metrics: Mapping[str, Any]) -> None:
    from seqrobust_cli.console import out

    regression = metrics["task"] == "regression"
    key, names = ("mean_shift", ("shift", "random")) if regression else ("flip_rate", ("flipped, %", "random"))
    columns = (f"{place}: {name}" for place in ("outside", "inside") for name in (*names, "per edit"))
    table = _table("budget", *columns, "outside, as many")
    arms = (metrics["budgets"][name] for name in ("nonfunctional", "functional", "matched"))
    scale = 1 if regression else 100
    for outside, inside, matched in zip(*arms, strict=True):
        cells = []
        for row in (outside, inside):
            cells += [_value(row, one, scale) for one in (key, f"random_{key}")] + [_value(row, "drop_per_edit", 1)]
        table.add_row(str(outside["budget"]), *cells, _value(matched, key, scale))
    out.print(table)
    out.print(
        "outside, inside: functional positions; as many: positions drawn from outside, as many as are functional; "
        f"per edit: {'absolute shift' if regression else 'fall of the margin'} for each letter changed",
        markup=False,
    )


def _value(row: Mapping[str, Any], key: str, scale: int) -> str:
    from rich.markup import escape

    if row[key] is None:
        return "-"
    digits = 1 if scale == 100 else 3
    ends = row.get(f"{key}_ci") if not key.startswith(("random", "drop")) else None
    interval = f" [{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]" if ends else ""
    return escape(f"{scale * row[key]:.{digits}f}{interval}")


def _print_reliance(found: Mapping[str, Any]) -> None:
    from rich.markup import escape

    from seqrobust_cli.console import out

    if found["score"] is None:
        return
    table = _table("reliance", "n", "score", "placed elsewhere", "p, higher", "p, lower")
    rows = {"all": found, **found["classes"], **{f"{name} alone": one for name, one in found["regions"].items()}}
    for name, one in rows.items():
        ends = f" [{one['ci'][0]:.3f}, {one['ci'][1]:.3f}]"
        table.add_row(
            escape(name),
            str(one["n"]),
            escape(f"{one['score']:.3f}{ends}"),
            f"{one['null_mean']:.3f}",
            f"{one['p_value']:.3f}",
            f"{one['p_value_below']:.3f}",
        )
    out.print(table)


def _star(word: Mapping[str, Any]) -> str:
    from seqrobust.pipeline.probe_sentences import is_functional

    return "*" if is_functional(word) else ""


def _print_scan(scan: Mapping[str, Any]) -> None:
    from rich.markup import escape

    from seqrobust_cli.console import out

    table = _table("chosen beyond chance", "records", "expected", "p", "q")
    named = [(f"{word['deed']} {word['word']}{_star(word)}", word) for word in scan["words"][:10]]
    named += [(f"{one['change']} {one['motif']}", one) for one in scan["motifs"][:10]]
    for name, one in named:
        counted = f"{one['records']} of {one['n']}"
        table.add_row(escape(name), counted, f"{one['expected']:.1f}", f"{one['p_value']:.1g}", f"{one['q_value']:.1g}")
    out.print(table)
