"""What does an adversarial edit do inside the network, on its way from the letters to the answer?"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
