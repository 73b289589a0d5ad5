"""What is a model unsure of, do attacks show in it, and do abstaining and purification help?

Uncertainty of ensembles and of dropout, as a goal of an attack, as a detector, and as a reason to abstain.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
