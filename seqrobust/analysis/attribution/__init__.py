"""Attributions: which letters a prediction rests on, by many methods, and whether they are where biology says.

One number per record is explained (:func:`explain`), every method answers for the same function of the one-hot input
that attacks see, and gives float32 (N, K, L). What each method's values mean is tabled in
:mod:`~seqrobust.analysis.attribution.methods`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
