"""What came of an attack, as pages show it: shared by all analyses that attack."""

from seqrobust.analysis.outcomes.attack_sections import confined_tiles
from seqrobust.analysis.outcomes.budget_curve import budget_curve
from seqrobust.analysis.outcomes.examples import example_edits
from seqrobust.analysis.outcomes.overview import overview_picture
from seqrobust.analysis.outcomes.page import page_of, render_report, write_report
from seqrobust.analysis.outcomes.report_input import ReportInput
from seqrobust.analysis.outcomes.sentences import answer
from seqrobust.report.edited import EditedRecord
from seqrobust.report.logo import before_after_logo
from seqrobust.report.look import save_picture

__all__ = [
    "EditedRecord",
    "ReportInput",
    "answer",
    "before_after_logo",
    "budget_curve",
    "confined_tiles",
    "example_edits",
    "overview_picture",
    "page_of",
    "render_report",
    "save_picture",
    "write_report",
]
