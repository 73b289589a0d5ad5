from .findings import PredictFindings
from .room import PREDICT
from .settings import PredictSettings
from .study import PredictReady, prepare, study

__all__ = ["PREDICT", "PredictFindings", "PredictReady", "PredictSettings", "prepare", "study"]
