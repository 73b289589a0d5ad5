"""One step: the best response to the gradient at the clean sequence, the closed form of the threat's dual norm."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.attacks.search import Access, AskGradient, AskScores, Search, View, gradient_of


@dataclass(frozen=True, kw_only=True)
class OneStep:
    """The k largest gains of one gradient, taken together (Goodfellow et al. 2015, in this threat's norm)."""

    name: str = "one_step"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        answer = yield AskGradient(view.threat.tokens)
        yield AskScores(view.threat.best_response(gradient_of(answer)).tokens)
