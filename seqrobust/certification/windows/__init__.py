"""Window sums: networks that add up what local windows contribute, certified exactly at every budget at once.

Where the logits are ``const + sum over c of g_c(x[c - h .. c + h])``, the most that a way to the goal can gain within u
edits is a longest path: the state is the letters of the last window and the edits spent, a step appends a letter, pays
for it and adds the windows that it completes. One pass answers every budget.
"""

from seqrobust.certification.windows.method import WindowSums

__all__ = ["WindowSums"]
