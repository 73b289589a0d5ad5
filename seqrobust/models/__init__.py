"""Models: our own architectures, checkpoints, a stranger's modules, and the predictor that wraps any of them."""

from seqrobust.models.base import SequenceModel
from seqrobust.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from seqrobust.models.loading import load_function, load_module
from seqrobust.models.predictor import Predictor
from seqrobust.models.registry import ARCHITECTURES, build_model, default_hyperparameters
from seqrobust.models.wrappers import StraightThrough, reverse_complement

__all__ = [
    "ARCHITECTURES",
    "ModelCard",
    "Predictor",
    "SequenceModel",
    "StraightThrough",
    "build_model",
    "default_hyperparameters",
    "load_checkpoint",
    "load_function",
    "load_module",
    "reverse_complement",
    "save_checkpoint",
]
