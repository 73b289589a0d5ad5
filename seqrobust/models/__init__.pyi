from .architectures.base import SequenceModel
from .architectures.lipschitz import certified_substitutions
from .architectures.registry import ARCHITECTURES, build_model, default_hyperparameters
from .checkpoint import ModelCard, load_checkpoint, save_checkpoint
from .ensemble import Ensemble, MonteCarloDropout, ensemble_of
from .loading import load_function, load_module
from .predictor import Predictor
from .wrappers import StraightThrough, reverse_complement

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
