"""Certificates: what no member of a threat can do to a model, and the exact number of edits wherever it is in reach.

An attack bounds robustness from above, for it only knows what it found. A method here bounds it from below: *no member
of the threat that costs at most u reaches the goal*. Where the two meet the fewest edits are known exactly. Ties count
for the attacker everywhere.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
