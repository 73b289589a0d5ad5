from .intervals import proportion, wilson
from .results import COLUMNS, results_table
from .robustness import attack_metrics

__all__ = ["COLUMNS", "attack_metrics", "proportion", "results_table", "wilson"]
