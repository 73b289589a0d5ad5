"""Whether edits leave what is true of a record: claimed only as far as what was protected says so.

A model is wrong on an edited sequence only if the truth has not changed with the edit. No tool can know that; a user
states it by protecting what the truth depends on. Letting one region alone be edited states nothing of the kind, and
neither does protecting a region that a record does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqrobust.report.words import joined, percent, plural
from seqrobust.tasks import task_in


def labels_kept(
    metrics: Mapping[str, Any], protect: Sequence[str], only: Sequence[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Claims about the truth of edited sequences, each with the reasons against it.

    Args:
        metrics: of an evaluation.
        protect, only: names of regions that bound the threat.
    """
    truth = "value" if task_in(metrics).measured else "label"
    if not protect:
        where = f"edits inside {joined(only)}" if only else "edits"
        return [(f"{where} leave the true {truth}", (_unstated(truth, only),))]
    stated = f"leave the true {truth}, as protecting {joined(protect)} states"
    sides = metrics.get("protection")
    if not sides:
        return [(f"edits outside {joined(protect)} {stated}{_partly(metrics)}", ())]
    bare, others = sides["unprotected"], sides["protected"]
    reason = (
        f"{plural(bare['n'], 'attacked record')} of {bare['n'] + others['n']} have none of it, and every letter of "
    )
    reason += f"theirs may be edited (the goal is reached on {percent(bare['attack_success_rate'])} of them)"
    whole = (f"on all attacked records, edits {stated}", (reason,))
    if not others["n"]:
        return [whole]
    rate = percent(others["attack_success_rate"])
    some = (
        f"on the {plural(others['n'], 'attacked record')} that have it, edits {stated} (the goal is reached on {rate})"
    )
    return [(some, ()), whole]


def _unstated(truth: str, only: Sequence[str]) -> str:
    if only:
        return (
            f"that {joined(only)} alone may be edited does not say that it is without function: protect what decides "
            f"the {truth} (--protect)"
        )
    return (
        f"nothing was protected, and letters that make the {truth} true may have been edited: report a run with "
        "--protect beside this one"
    )


def _partly(metrics: Mapping[str, Any]) -> str:
    """Protected names that some records lack, though something of them is protected."""
    absent = metrics.get("regions_absent") or {}
    if not absent:
        return ""
    lacking = [f"{plural(count, 'record')} without {name}" for name, count in absent.items()]
    return f" ({', '.join(lacking)})"
