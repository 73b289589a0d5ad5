from .findings import AttackFindings
from .room import ATTACK
from .study import AttackReady, prepare, study

__all__ = ["ATTACK", "AttackFindings", "AttackReady", "prepare", "study"]
