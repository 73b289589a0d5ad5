"""Bounds over a whole threat at once: intervals, and linear bounds carried backwards from the ways to the goal.

Certified, or nothing: a bound that does not suffice says nothing of the record. Cheap, and enough for networks that
were trained for it and for shallow ones; elsewhere other methods answer.
"""

from seqrobust.certification.bounds.method import Bounds

__all__ = ["Bounds"]
