"""Is the model as robust for one species, family or class as for another?

Groups of records are described with intervals, and compared by permutation tests of one outcome over all budgets
together: a test per budget would be many tests of one thing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
