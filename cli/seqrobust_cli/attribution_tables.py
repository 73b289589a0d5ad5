"""What ``seqrobust attribute`` says on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from seqrobust_cli.console import out

_FILES = ("attributions.npz", "attributions.parquet", "results.parquet", "attribute.png", "metrics.json")


def print_attributions(metrics: Mapping[str, Any], folder: Path) -> None:
    """A line per method, how far methods agree, and where the files are."""
    output = metrics["explained"]["output"]
    explained = metrics["explained"]["quantity"] + (f" {output}" if output else "")
    out.print(f"{metrics['n']:,} records; explained: {explained}; baseline: {metrics['baseline']}", markup=False)
    if metrics["regions"]:
        out.print(f"functional: {', '.join(metrics['regions'])}", markup=False)
    _print_methods(metrics["methods"])
    if len(metrics["methods"]) > 1:
        _print_agreement(metrics["agreement"])
    out.print(f"in {folder}: {', '.join(name for name in _FILES if (folder / name).exists())}", markup=False)


def _print_methods(methods: Mapping[str, Mapping[str, Any]]) -> None:
    compared = [found for found in methods.values() if found.get("records")]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = ["AUROC", "average precision", "mass in regions, %"] if compared else []
    for name in ("method", *names, "sum missed by, %", "s"):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    for name, found in methods.items():
        cells = []
        if compared:
            cells = [_measured(found, "region_auroc"), _measured(found, "region_aupr")]
            cells.append(_measured(found, "mass_in_regions", 100, 1))
        delta = found.get("completeness_delta")
        table.add_row(escape(name), *cells, "-" if delta is None else f"{100 * delta:.2g}", f"{found['seconds']:.1f}")
    if compared:
        chance = compared[0]["random"]
        rate = chance["region_aupr"]
        table.add_row("by chance", "0.500", f"{rate:.3f}", f"{100 * rate:.1f}", "", "", style="dim")
    out.print(table)
    if compared:
        out.print(
            "functional positions ranked against the others by absolute importance: mean over "
            f"{compared[0]['records']:,} records [95 % bootstrap interval]",
            markup=False,
        )


def _measured(found: Mapping[str, Any], key: str, scale: float = 1, digits: int = 3) -> str:
    value, ends = found.get(key), found.get(f"{key}_ci")
    if value is None:
        return "-"
    interval = "" if ends is None else f" [{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]"
    return escape(f"{scale * value:.{digits}f}{interval}")


def _print_agreement(agreement: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="rank correlation of methods", title_justify="left")
    names = list(agreement)
    for name in ("", *names[1:]):
        if name:
            table.add_column(escape(name.replace("_", " ")), justify="right", max_width=12)
        else:
            table.add_column("", no_wrap=True)
    for number, one in enumerate(names[:-1]):
        cells = [_pair(agreement[one][other]) if place > number else "" for place, other in enumerate(names) if place]
        table.add_row(escape(one), *cells)
    out.print(table)


def _pair(found: Mapping[str, Any]) -> str:
    return "-" if found["spearman"] is None else f"{found['spearman']:.2f}"
