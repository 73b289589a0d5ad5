from .asked import Attacked, AttackedFolders
from .description import describe_group
from .differences import TestSettings, corrected, differences, statement, verdict
from .findings import SubgroupsFindings
from .grouping import Grouping, grouping
from .outcomes import Outcomes, read_outcomes
from .room import SUBGROUPS
from .settings import SubgroupsSettings
from .study import SubgroupsReady, prepare, study

__all__ = [
    "SUBGROUPS",
    "Attacked",
    "AttackedFolders",
    "Grouping",
    "Outcomes",
    "SubgroupsFindings",
    "SubgroupsReady",
    "SubgroupsSettings",
    "TestSettings",
    "corrected",
    "describe_group",
    "differences",
    "grouping",
    "prepare",
    "read_outcomes",
    "statement",
    "study",
    "verdict",
]
