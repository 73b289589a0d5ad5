"""Hyper-parameter sweeps: the space, the study, its trials, and what came of them."""
