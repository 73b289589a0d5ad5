"""Sequences cleaned before a model reads them, and what that is worth."""
