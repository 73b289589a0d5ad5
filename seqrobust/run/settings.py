"""Where results go, where they are computed, and whether an earlier run goes on: the same for every analysis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.memory import parse_memory
from seqrobust.options import RUN, Option


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a question is answered, beside the question. Only the seed decides anything about the answer.

    Attributes:
        out: folder of results; None for one under ``runs``, named after analysis, model and data.
        seed: of every random choice.
        device, batch_size: where models run and how many records at a time; None for as many as suit the device.
        memory: bytes that scoring neighbours may take; None for a share of what is free.
        resume: go on with what the folder holds.
        overwrite: start anew in a folder that holds a run.
        report: write the page.
        command: what was called, as one would type it, for the manifest.
    """

    out: Annotated[Path | None, Option(help="Output folder.")] = None
    seed: Annotated[int, Option(help="Seed of every random choice.", least=0)] = 0
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 ...")] = "auto"
    batch_size: Annotated[
        int | None, Option(help="Sequences per forward pass; else what suits the device.", least=1)
    ] = None
    memory: Annotated[
        int | None, Option(help="Scoring neighbours may take so much: 500MB, 2GB.", metavar="SIZE", read=parse_memory)
    ] = None
    resume: Annotated[bool, Option(help="Go on with a run that was stopped.")] = False
    overwrite: Annotated[bool, Option(help="Start anew in a folder that holds a run.")] = False
    report: Annotated[bool, Option(help="Write the report page.", flag="--report/--no-report", panel=RUN)] = True
    command: str = ""
