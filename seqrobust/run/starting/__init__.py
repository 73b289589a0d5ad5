"""A starter config, fitted to a data file: what is asked, what is guessed, and how much is attacked."""
