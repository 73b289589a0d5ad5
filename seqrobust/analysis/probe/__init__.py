"""Right for the right reason? What moves a decision from where biology says nothing is."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
