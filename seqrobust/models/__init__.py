"""Models: our own architectures, checkpoints, a stranger's modules, and the predictor that wraps any of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
