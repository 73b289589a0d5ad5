"""seqrobust: are predictions from DNA, RNA and protein sequence to be believed?

A sequence of length L over K letters is a one-hot matrix; changing one letter moves it by 2 in l1, so *at most k
substitutions* is the l1 ball of radius 2k cut with the one-hot matrices. Everything here is built on that set: attacks
search it, robust training trains against it, reports show it.

In Python::

    import seqrobust as sr

    model = sr.wrap(network, alphabet="DNA", task="binary")
    records = sr.records(sequences, targets=labels)
    found = sr.attack(model, records, sr.Substitutions(5))
    found.table, found.metrics, found.plot(), found.save("out")
"""

import lazy_loader

__version__ = "0.1.0"

# What is not a name of the API, a module of the package among them, is found by import as ever.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
