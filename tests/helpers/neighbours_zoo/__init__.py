"""Small networks of every shape, by kind, and what scores of edited sequences they should give."""

from neighbours_zoo import activations, blocks, constants, convolutions, heads, odd, pools, recurrent, shapes
from neighbours_zoo.nets import CASES, Case, Net, conv, norm, shaken
from neighbours_zoo.truth import bases, edited, predictor_for, truth

__all__ = ["CASES", "Case", "Net", "bases", "conv", "edited", "norm", "predictor_for", "shaken", "truth"]

KINDS = (convolutions, pools, activations, blocks, heads, constants, shapes, recurrent, odd)
"""Each fills CASES as it is imported."""
