"""Sequences: encodings, records with regions, readers, splits, and a simulator of motif grammars."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
