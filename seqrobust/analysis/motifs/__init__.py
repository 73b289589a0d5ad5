"""What does a motif do, put into a sequence; and what is lost without a region? Marginalisation and ablation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
