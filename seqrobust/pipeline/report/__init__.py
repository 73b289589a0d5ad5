"""The report of a run: one self-contained HTML page, and its pictures on their own."""

from seqrobust.pipeline.report.budget_curve import budget_curve
from seqrobust.pipeline.report.examples import EditedRecord, example_edits
from seqrobust.pipeline.report.logo import before_after_logo
from seqrobust.pipeline.report.look import save_picture
from seqrobust.pipeline.report.overview import overview_picture
from seqrobust.pipeline.report.page import render_report, write_report
from seqrobust.pipeline.report.report_input import ReportInput
from seqrobust.pipeline.report.sentences import answer

__all__ = [
    "EditedRecord",
    "ReportInput",
    "answer",
    "before_after_logo",
    "budget_curve",
    "example_edits",
    "overview_picture",
    "render_report",
    "save_picture",
    "write_report",
]
