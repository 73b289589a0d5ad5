"""What does a model say of records? Answers, probabilities and raw outputs, and how good they are."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
