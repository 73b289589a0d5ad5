"""``seqrobust stability``: can the model's explanations be trusted?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import ColumnOptions, ReadingOptions, RunOptions, SampleOptions, ThreatOptions, stem
from seqrobust_cli.texts import names_of

if TYPE_CHECKING:
    from seqrobust.pipeline.attack_stage import AttackSettings

_EXPLANATION = "Explanations"


@grouped
def stability(
    *,
    model: take.ModelName,
    data: take.Data,
    threat: ThreatOptions,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAME[,NAME]",
            help="saliency, saliency_corrected, input_x_gradient, input_x_gradient_corrected and integrated_gradients "
            "are attacked; smoothgrad, deeplift, occlusion and ism are measured on what is found. Or all.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    goals: Annotated[
        str, typer.Option("--goals", help="Any of random, change and keep.", rich_help_panel=_EXPLANATION)
    ] = "random,change,keep",
    attacks: Annotated[
        str | None,
        typer.Option(
            "--attack",
            metavar="NAME[,NAME]",
            help="Searches in order; else those that suit the number of edits.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    changed_below: Annotated[
        float,
        typer.Option(help="Changed: correlates less with the clean one.", rich_help_panel=_EXPLANATION),
    ] = 0.5,
    kept_above: Annotated[
        float, typer.Option(help="The same: correlates at least so much.", rich_help_panel=_EXPLANATION)
    ] = 0.8,
    kept_lead: Annotated[
        float,
        typer.Option(
            help="Share of the predicted class's lead left where a prediction is kept; 0: only the class.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = 0.5,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Shift of a regression that still counts as kept; else a quarter of its standard deviation.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(
            help="Shift of a regression that counts as another prediction; else its standard deviation.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", help="The output explained; else what is predicted.", rich_help_panel=_EXPLANATION),
    ] = None,
    functional: Annotated[
        list[str] | None,
        typer.Option(
            "--functional",
            metavar="NAME[,NAME]",
            help="Regions where the explanation should point.",
            rich_help_panel=_EXPLANATION,
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, help="Positions of the top; else as many as are functional, or 10.", rich_help_panel=_EXPLANATION
        ),
    ] = None,
    random_draws: take.RandomDraws = 10,
    sanity_records: Annotated[
        int,
        typer.Option(min=0, help="Records on which weights are randomised; 0: none.", rich_help_panel=_EXPLANATION),
    ] = 32,
    other_models: Annotated[
        str | None,
        typer.Option(
            "--other-models",
            metavar="MODEL[,MODEL]",
            help="Trained alike (other seeds): do they explain alike?",
            rich_help_panel=take.MODEL,
        ),
    ] = None,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    no_picture: Annotated[
        bool, typer.Option("--no-picture", help="Do not draw stability.png.", rich_help_panel=take.RUN)
    ] = False,
    seed: take.Seed = 0,
    run: RunOptions,
) -> None:
    """Attack explanations: edits that move them and keep the prediction, edits that flip it and leave them."""
    from seqrobust.analysis.attribution import METHODS, AttributionSettings
    from seqrobust.analysis.stability import USUAL, StabilitySettings
    from seqrobust.pipeline.stability_command import StabilityCommand, stability_command
    from seqrobust_cli.console import ConsoleProgress

    named = names_of(methods) if methods else USUAL
    source = reading.source(model, weights, seed=seed)
    call = StabilityCommand(
        model=source,
        data=columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        threat=_threat(threat, sample, random_draws),
        settings=StabilitySettings(
            methods=tuple(METHODS) if named == ("all",) else named,
            goals=names_of(goals),  # type: ignore[arg-type]
            attacks=names_of(attacks) if attacks else (),
            changed_below=changed_below,
            kept_above=kept_above,
            kept_lead=kept_lead,
            tolerance=tolerance,
            delta=delta,
            top=top,
            functional=tuple(functional or ()),
            draws=random_draws,
            attribution=AttributionSettings(output=output, seed=seed),
        ),
        others=tuple(
            replace(source, model=name, weights=None, weights_prefix=None) for name in names_of(other_models or "")
        ),
        sanity_records=sanity_records,
        draw=not no_picture,
        seed=seed,
        **run.call(f"stability-{stem(model)}", data),
    )
    with ConsoleProgress() as progress:
        metrics = stability_command(call, progress)
    _print(metrics, call.out)


def _threat(threat: ThreatOptions, sample: SampleOptions, random_draws: int) -> AttackSettings:
    from seqrobust.pipeline.attack_stage import AttackSettings

    return AttackSettings(
        budget=threat.budget,
        protect=tuple(threat.protect or ()),
        only=tuple(threat.only or ()),
        allow=threat.allow,
        moves=threat.moves,
        constraints=tuple(threat.constraint or ()),
        max_records=sample.max_records,
        random_draws=random_draws,
    )


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    """A table of the largest budget, the verdicts, and where the rest is."""
    from rich.table import Table

    from seqrobust_cli.console import out

    table = Table("method", "edits", "by", "n", "reached", "correlation", "spearman", "top-k", box=None)
    for method, goals in metrics["methods"].items():
        for goal, found in goals.items():
            for level in found["budgets"]:
                shown = [level[key] for key in ("correlation", "spearman", "top_k_overlap")]
                share = "-" if level["success_rate"] is None else f"{100 * level['success_rate']:.0f} %"
                cells = ["-" if value is None else f"{value:.2f}" for value in shown]
                table.add_row(method, str(level["budget"]), goal, str(level["n"]), share, *cells)
    out.print(table)
    for method, found in metrics.get("seeds", {}).items():
        like = found["spearman"]
        said = "no record that all say the same of" if like is None else f"rank correlation {like:.2f} between models"
        out.print(f"{method}: {said}", markup=False)
    for verdict in metrics["verdicts"]:
        out.print(verdict["text"], markup=False)
    names = ("results.parquet", "metrics.json", "stability.png")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)
