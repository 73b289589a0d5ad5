"""Random substitutions: what changes of the same size do when nobody directs them."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.attacks.search import Access, AskScores, Search, View


@dataclass(frozen=True, kw_only=True)
class RandomSubstitutions:
    """Uniform draws that spend the whole budget; the best of them is kept.

    Attributes:
        draws: how many sequences are tried.
    """

    draws: int = 10
    name: str = "random"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        columns = view.threat.tokens.shape[1] + 1
        for _ in range(self.draws):
            yield AskScores(view.threat.sample(view.uniforms(columns), full=True))
