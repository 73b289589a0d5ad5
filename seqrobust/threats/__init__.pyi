from .budget import Budget, parse_budgets
from .letters import switch_costs
from .stated import SubstitutionThreat
from .substitution import BoundThreat, Response, bind, edits_as_text

__all__ = [
    "BoundThreat",
    "Budget",
    "Response",
    "SubstitutionThreat",
    "bind",
    "edits_as_text",
    "parse_budgets",
    "switch_costs",
]
