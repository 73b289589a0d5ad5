"""The Python API: models and records in memory, threats as values, one function an analysis, results as tables."""
