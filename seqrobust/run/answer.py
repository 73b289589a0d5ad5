"""The one way from a question to a finished folder: check, open the folder, study, audit, write, finish, draw; in this
order.

Whatever an analysis asks of a user's files is known to be possible before anything is written, and what decides its
results is derived from what was asked, so that a run never goes on with other inputs than it began with. A run that
does not pass its own audit leaves no results, and its manifest says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.audit.files import files_read_back
from seqrobust.analysis.audit.outcome import Audit, AuditError
from seqrobust.analysis.audit.run import audited, with_doubts
from seqrobust.analysis.audit.shown import with_audit
from seqrobust.analysis.clusters import near_copies
from seqrobust.analysis.room import FindingsT, ReadyT, Room, SettingsT, Work
from seqrobust.files import plain
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.report.html import write_page
from seqrobust.report.sections import Page
from seqrobust.run.derived import derived
from seqrobust.run.folder import Claim, held
from seqrobust.run.independent import records_of, with_section, with_units
from seqrobust.run.settings import RunSettings

SubjectT_co = TypeVar("SubjectT_co", covariant=True)


class Asked(Protocol[SubjectT_co]):
    """Model and data as a user names them: a dataclass whose fields say all, and which opens them."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """What a folder of results is called after."""

    def open(self, opening: Opening, *, action: str) -> SubjectT_co:
        """Read the files. Raises InputError for those that cannot be used."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer(Generic[FindingsT]):
    """What was found, of which model, where it stands, how it is shown, and what was checked of it."""

    predictor: Predictor | None
    findings: FindingsT
    metrics: dict[str, Any]
    page: Page
    folder: Path
    audit: Audit


def answer(
    room: Room[SubjectT_co, SettingsT, ReadyT, FindingsT],
    asked: Asked[SubjectT_co],
    settings: SettingsT,
    run: RunSettings,
    progress: Progress,
) -> Answer[FindingsT]:
    """Answer a question, and leave ``metrics.json``, ``manifest.json``, the tables of the analysis and its page.

    Args:
        room: the analysis.
        asked: models and data.
        settings: what the analysis is told.
        run: where results go, and how they are computed.
        progress: hears how far it is.

    Raises InputError for whatever cannot be used, before anything is written; AuditError for results that cannot be.
    """
    opening = Opening(seed=run.seed, device=run.device, batch_size=run.batch_size, memory=run.memory, progress=progress)
    # A slow model answers for minutes before there is anything to count.
    progress.start("open", 1)
    subject = asked.open(opening, action=room.action)
    progress.advance(1)
    ready = room.prepare(subject, settings, opening)
    decides = derived({"": asked, room.name: ready.settings, "seed": run.seed})
    claim = Claim(
        kind=room.name,
        command=run.command,
        config={**plain(asked), room.name: ready.settings, "run": run},
        inputs=decides.files,
        fingerprint=decides.settings,
        outputs=(*room.outputs, room.page_file),
        resume=run.resume,
        overwrite=run.overwrite,
        say=progress.say,
    )
    with held(run.out or Path("runs") / f"{room.name}-{asked.name}", claim) as folder:
        work = Work(folder=folder.path, progress=progress, memory=run.memory, seed=run.seed)
        records = records_of(subject, ready)
        if records is not None and (said := near_copies(records)) is not None:
            work.notice(said)
        try:
            findings, audit = audited(room, subject, ready, room.study(ready, work), work)
            # Tables may take the place of the parts that metrics were computed from, so metrics come first.
            metrics = folder.write_json("metrics.json", with_units(with_doubts(findings.plain(), audit), records))
            findings.write(folder.path)
            audit = audit.beside(files_read_back(folder.path, findings))
        except AuditError as error:
            folder.fail("metrics.json", audit=error.audit.plain(), **_stated(ready, work))
            raise
        folder.finish(**_stated(ready, work), audit=audit.plain())
        page = with_section(with_audit(room.page(findings), audit), records)
        if run.report:
            write_page(page, folder.path / room.page_file, folder.manifest)
    return Answer(
        predictor=ready.predictor, findings=findings, metrics=metrics, page=page, folder=folder.path, audit=audit
    )


def _stated(ready: ReadyT, work: Work) -> dict[str, Any]:
    """What the manifest says of the model: device, policies, notices."""
    predictor = ready.predictor
    if predictor is None:
        return {"notices": work.notices}
    return {
        "device": str(predictor.device),
        "policies": {
            "unknown": predictor.unknown,
            "padding": "zeros",
            "outputs": predictor.scale,
            "strands": "averaged" if predictor.average_strands else "as given",
        },
        "notices": list(dict.fromkeys([*predictor.notices, *work.notices])),
    }
