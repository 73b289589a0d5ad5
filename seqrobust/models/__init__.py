"""Models: our own architectures, checkpoints, a stranger's modules, and the predictor that wraps any of them."""

from seqrobust.models.base import SequenceModel
from seqrobust.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from seqrobust.models.ensemble import Ensemble, MonteCarloDropout, ensemble_of
from seqrobust.models.lipschitz import certified_substitutions
from seqrobust.models.loading import load_function, load_module
from seqrobust.models.predictor import Predictor
from seqrobust.models.registry import ARCHITECTURES, build_model, default_hyperparameters
from seqrobust.models.wrappers import StraightThrough, reverse_complement

__all__ = [
    "ARCHITECTURES",
    "Ensemble",
    "ModelCard",
    "MonteCarloDropout",
    "Predictor",
    "SequenceModel",
    "StraightThrough",
    "build_model",
    "certified_substitutions",
    "default_hyperparameters",
    "ensemble_of",
    "load_checkpoint",
    "load_function",
    "load_module",
    "reverse_complement",
    "save_checkpoint",
]
