"""Threats: the sets of sequences an adversary may reach."""

from seqrobust.threats.budget import Budget, parse_budgets
from seqrobust.threats.letters import switch_costs
from seqrobust.threats.stated import SubstitutionThreat
from seqrobust.threats.substitution import BoundThreat, Response, bind, edits_as_text

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
