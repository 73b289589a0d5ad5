from .findings import IsmFindings
from .room import ISM
from .settings import IsmSettings
from .storage import SaturationMap, open_map
from .study import IsmReady, prepare, study
from .summary import SaturationSummary

__all__ = [
    "ISM",
    "IsmFindings",
    "IsmReady",
    "IsmSettings",
    "SaturationMap",
    "SaturationSummary",
    "open_map",
    "prepare",
    "study",
]
