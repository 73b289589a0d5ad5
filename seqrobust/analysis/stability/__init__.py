"""Can an explanation be trusted? What becomes of it under edits that keep the prediction and under edits that flip it.

Explanations are attacked as predictions are: the same searches, threats and driver, with two goals of their own
(:mod:`~seqrobust.analysis.stability.goals`) on a model whose outputs hold its explanation
(:mod:`~seqrobust.analysis.stability.explained`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
