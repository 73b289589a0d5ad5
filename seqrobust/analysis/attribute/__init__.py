"""Which letters does a prediction rest on, and are they where function is annotated?"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
