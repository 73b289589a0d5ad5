"""Runs: folders that resume, the one way from a question to its answer, configs, training and their repeats."""
