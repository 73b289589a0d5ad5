"""Frank-Wolfe: climb inside the hull; every linear step ends at a corner, and every corner is a sequence.

The iterate is a mixture of corners, so no projection and no rounding is needed: the candidates are the corners
themselves (Frank & Wolfe 1956; Jaggi 2013 for the step 2 / (t + 2)).
"""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.attacks.search import Access, AskGradient, AskScores, Search, View, gradient_of


@dataclass(frozen=True, kw_only=True)
class FrankWolfe:
    """Mix corners with steps 2 / (t + 2), scoring each corner as it is found.

    Attributes:
        steps: gradients taken inside the hull.
    """

    steps: int = 20
    name: str = "frank_wolfe"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        answer = yield AskGradient(view.threat.tokens)
        point = view.encode(view.threat.tokens)
        for step in range(self.steps):
            corner = view.threat.best_response(gradient_of(answer)).tokens
            yield AskScores(corner)
            # The clean sequence is a corner like any other, of which nothing need be kept: the first step goes all
            # the way, as 2 / (0 + 2) says.
            point = point + 2 / (step + 2) * (view.encode(corner) - point)
            if step + 1 < self.steps:
                answer = yield AskGradient(point)
