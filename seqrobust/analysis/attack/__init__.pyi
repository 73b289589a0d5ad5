from .findings import AttackFindings
from .room import ATTACK
from .study import AttackReady, attacked, prepare, study

__all__ = ["ATTACK", "AttackFindings", "AttackReady", "attacked", "prepare", "study"]
