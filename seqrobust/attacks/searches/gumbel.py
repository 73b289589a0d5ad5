"""Gumbel-softmax: logits of a distribution over sequences, climbed by straight-through gradients.

Every step draws a relaxed sequence from the logits (Jang et al. 2017; Maddison et al. 2017), changes the columns in
which most of its mass has left the clean letter, as many as the budget pays for, takes the gradient at that real
sequence, and passes it to the logits as if nothing had been rounded (Bengio et al. 2013). Design tools such as ledidi
search so; it is here to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from seqrobust.attacks.search import Access, AskGradient, AskScores, Search, View, gradient_of
from seqrobust.attacks.searches.relaxed_pgd import best_corner

_FORBIDDEN = -1e9
"""Logit of a letter that is not permitted."""


@dataclass(frozen=True, kw_only=True)
class GumbelSoftmax:
    """Gradient steps with momentum on the logits; the draws are members, and the best of them is kept.

    Adam, the usual choice, was tried and left: its steps are of one length for every letter, so that the letters that
    matter are lost among those that do not.

    Attributes:
        steps: gradients, one per draw.
        rate: step of the letter whose gradient is largest, in units of logits.
        momentum: share of the last step that is added to the next.
        clean: logit of the clean letter at the start, others being 0.
        temperature: of the softmax.
        noise: factor on the Gumbel noise of the first draw; it falls to a tenth by the last.
    """

    steps: int = 40
    rate: float = 0.2
    momentum: float = 0.9
    clean: float = 3.0
    temperature: float = 1.0
    noise: float = 1.0
    name: str = "gumbel"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat = view.threat
        shape = threat.permitted.shape
        logits = self.clean * threat.clean.double()
        velocity = torch.zeros_like(logits)
        for step in range(self.steps):
            uniforms = view.uniforms(shape[1] * shape[2]).reshape(shape)
            gumbel = -(-uniforms.clamp(1e-12, 1 - 1e-12).log()).log()
            scale = self.noise * 0.1 ** (step / max(self.steps - 1, 1))
            noisy = (logits + scale * gumbel).masked_fill(~threat.permitted, _FORBIDDEN)
            soft = torch.softmax(noisy / self.temperature, dim=1) * threat.permitted
            gradient = gradient_of((yield AskGradient(best_corner(threat, soft)))).double()
            passed = soft * (gradient - (soft * gradient).sum(1, keepdim=True))
            largest = passed.abs().amax((1, 2), keepdim=True).clamp(min=1e-30)
            velocity = self.momentum * velocity + passed / largest
            logits = logits + self.rate * velocity
        final = torch.softmax(logits.masked_fill(~threat.permitted, _FORBIDDEN), dim=1) * threat.permitted
        yield AskScores(best_corner(threat, final))
