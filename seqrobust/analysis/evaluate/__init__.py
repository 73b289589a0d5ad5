"""Should anyone believe it? The worst case of many attacks, and whether gradients hide something."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
