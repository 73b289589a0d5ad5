"""The one loop under every attack.

Per shard of records: score the clean sequences, then for each budget in turn let each attack search the records that
still stand. A sequence found at k counts for every larger budget. The driver owns the model, the counts, the best
sequence of every record, and the last word: success is read off a plain forward pass over the final sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.attacks.coded import CodedPredictor, Scores, scores_for
from seqrobust.attacks.control import score_random
from seqrobust.attacks.coverage import require_sight
from seqrobust.attacks.goals import FARTHEST, BoundGoal, predictions
from seqrobust.attacks.kept import LOOKED_AT, Kept, TokensOf
from seqrobust.attacks.last_word import Attacked, last_word
from seqrobust.attacks.problem import Problem, ShardRun
from seqrobust.attacks.rounding import Judged, judged, near_threshold
from seqrobust.attacks.search import (
    Answer,
    AskDecisions,
    AskGradient,
    AskNeighbours,
    AskScores,
    AskSequences,
    Attack,
    Best,
    Question,
    View,
)
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.attacks.searches.greedy import relative
from seqrobust.attacks.singles import Singles
from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import ModelError
from seqrobust.neighbours import Edits, apply_edits
from seqrobust.neighbours.edits import differences
from seqrobust.threats import BoundThreat, Budget


def run_shard(
    problem: Problem,
    attacks: Sequence[Attack],
    records: NDArray[np.int64],
    progress: Callable[[float], None] = lambda _: None,
    *,
    scores: Scores | None = None,
) -> ShardRun:
    """Attack some records. The predictor must be attached.

    Args:
        problem: what is attacked.
        attacks: tried in this order at each budget on the records that still stand.
        records: their numbers.
        progress: called with the finished share of the shard.
        scores: the service that answers for neighbours; by default one of the shard's own.

    An edited sequence whose output is no number is left out and counted, a gradient that is none stands as zeros.

    Raises InternalError should a search ever leave the threat, ModelError where the model fails on a clean record.
    """
    require_sight(problem, attacks)
    with problem.predictor.tolerant():
        return _Shard(problem, records, scores or scores_for(problem.predictor)).run(attacks, progress)


class _Shard:
    """State of one shard: the best of every record so far, and what it cost."""

    def __init__(self, problem: Problem, records: NDArray[np.int64], scores: Scores) -> None:
        self.problem = problem
        self.scores = scores
        self.predictor = problem.predictor
        self.device = problem.predictor.device
        self.sequences = problem.sequences.take(records)
        self.bounds = [self._bound(budget) for budget in problem.budgets]
        self.clean_tokens = self.bounds[0].tokens
        self.clean = self.predictor.judged(self.clean_tokens)
        _require_answers(self.predictor.lost(self.clean), self.sequences.ids)
        self.targets = self._truth(records)
        self.goal: BoundGoal = problem.goal.bind(self.predictor.task, self.clean, self.targets)
        count = len(self.sequences)
        everyone = torch.arange(count, device=self.device)
        self.judged = judged(self.goal, self.clean, everyone)
        self.kept = Kept(self.goal, self.clean_tokens, self.judged)
        self.warm_tokens = self.kept.tokens
        self.forwards = torch.full((count,), self.predictor.draws, device=self.device)
        self.gradients = torch.zeros(count, dtype=torch.int64, device=self.device)
        self._clean_gradient = torch.zeros(self.bounds[0].permitted.shape, device=self.device)
        self.singles = Singles(self.bounds[0].permitted, self.clean, self.goal)
        self._has_gradient = torch.zeros(count, dtype=torch.bool, device=self.device)
        self.lost, self.no_slope, self.seen_whole = torch.zeros(3, count, dtype=torch.bool, device=self.device)

    def _bound(self, budget: Budget) -> BoundThreat:
        return replace(self.problem.threat, budget=budget).bind(self.sequences, self.device)

    def _truth(self, records: NDArray[np.int64]) -> Tensor:
        if self.problem.targets is not None:
            return torch.tensor(self.problem.targets.values[records], device=self.device)
        return predictions(self.predictor.task, self.clean)

    def run(self, attacks: Sequence[Attack], progress: Callable[[float], None]) -> ShardRun:
        rows: list[tuple[Tensor, ...]] = []
        steps = len(self.bounds) * len(attacks)
        for level, bound in enumerate(self.bounds):
            self.warm_tokens = self.kept.tokens.clone()
            others = ~self._has_no_other(bound)
            self.kept.looked, self.seen_whole = ~others, ~others
            for number, attack in enumerate(attacks):
                self._attack(attack, number, bound, str(self.problem.budgets[level]))
                progress((level * len(attacks) + number + 1) / steps)
            kept = self.kept
            known = kept.looked | kept.reached | ~self.goal.attackable
            spent = (self.forwards.clone(), self.gradients.clone())
            rows.append((kept.tokens.clone(), kept.attack.clone(), *spent, known, others, self._seen_whole(bound)))
        tokens, attack_number, forwards, gradients, searched, editable, whole = (
            torch.stack(column, dim=1) for column in zip(*rows, strict=True)
        )
        about = Attacked(
            problem=self.problem,
            sequences=self.sequences,
            bounds=self.bounds,
            goal=self.goal,
            targets=self.targets,
        )
        last = last_word(about, tokens)
        control = score_random(self.problem, self.sequences, self.bounds, self.goal)
        return ShardRun(
            targets=self.targets,
            attackable=self.goal.attackable,
            clean=self.clean,
            tokens=tokens,
            logits=last.logits,
            reached=last.reached,
            objective=last.objective,
            attack=attack_number,
            budgets=torch.stack([bound.budget for bound in self.bounds], dim=1),
            forwards=forwards,
            gradients=gradients,
            searched=searched,
            editable=editable,
            control=control.value,
            control_reached=control.reached,
            control_least=control.least,
            stops=self.goal.stops,
            exact=(whole | last.reached) & (not self.predictor.stochastic),
            lost=self.lost,
            no_gradient=self.no_slope,
            unsteady=last.unsteady,
            over_draws=last.over_draws,
            flat=self.singles.flat(),
        )

    # One attack at one budget ------------------------------------------------------------------------------------

    def _standing(self) -> Tensor:
        if self.problem.search_on or not self.goal.stops:
            return self.goal.attackable
        return self.goal.attackable & ~self.kept.reached

    def _has_no_other(self, bound: BoundThreat) -> Tensor:
        """(n,) bool: records whose set holds the clean sequence alone, so that there is nothing to look at."""
        return ~bound.moves(self.clean_tokens).any((1, 2))

    def _seen_whole(self, bound: BoundThreat) -> Tensor:
        """(n,) bool: every member of a record's set has been scored."""
        whole: Tensor = self.seen_whole
        return whole | (bound.budget <= 1) & self.singles.complete(bound.moves(self.clean_tokens))

    def _attack(self, attack: Attack, number: int, bound: BoundThreat, budget: str) -> None:
        rows = torch.nonzero(self._standing() & (bound.budget > 0)).flatten()
        if not len(rows):
            return
        streams = RecordStreams(
            self.problem.seed, [self.sequences.ids[row] for row in rows.tolist()], f"{attack.name} {budget}"
        )
        view = View(
            threat=bound.take(rows),
            start=self.warm_tokens[rows],
            ways=self.judged.ways[rows],
            best=lambda: Best(self.kept.tokens[rows], self.kept.value[rows].clamp(-FARTHEST, FARTHEST)),
            encode=self.predictor.encode,
            uniforms=lambda columns: streams.uniforms(columns, self.device),
            shifts=isinstance(self.predictor, CodedPredictor) and not self.predictor.coding.mixes,
            flat=lambda: self._without_slope()[rows],
        )
        search = attack.search(view)
        answer: Answer | None = None
        while True:
            try:
                question = next(search) if answer is None else search.send(answer)
            except StopIteration:
                if isinstance(attack, Exhaustive):
                    self.seen_whole[rows[attack.chosen(view)]] = True
                return
            standing = torch.nonzero(self._standing()[rows]).flatten()
            if not len(standing):
                search.close()
                return
            answer = self._answer(question, view, rows, standing, number)

    def _without_slope(self) -> Tensor:
        """(n,) share of single edits that do nothing; all of them where gradients do not go with what edits do."""
        gain = relative(self._clean_gradient, self.clean_tokens)
        return torch.where(self.singles.misled(gain), 1.0, self.singles.flat())

    def _answer(self, question: Question, view: View, rows: Tensor, standing: Tensor, number: int) -> Answer:
        if isinstance(question, AskNeighbours):
            return self._answer_neighbours(question, view, rows, standing, number)
        if isinstance(question, AskSequences | AskDecisions):
            return self._answer_sequences(question, view, rows, standing, number)
        if isinstance(question, AskScores):
            tokens = question.tokens[standing]
            scored = judged(self.goal, self._answered(self.predictor.logits(tokens), rows[standing]), rows[standing])
            self.forwards[rows[standing]] += self.predictor.draws
            self.kept.offer(view.threat, rows, standing, scored, lambda chosen: tokens[chosen], number)
            return _told(scored, standing, len(rows))
        return self._answer_gradient(question, view, rows, standing, number)

    def _answer_sequences(
        self, question: AskSequences | AskDecisions, view: View, rows: Tensor, standing: Tensor, number: int
    ) -> Answer:
        asked = _asked(question.record, standing, len(rows))
        record, tokens = question.record[asked], question.tokens[asked]
        clean = view.threat.tokens
        most = int((tokens != clean[record]).sum(1).max().item()) if len(asked) else 0
        edits = differences(clean[record], tokens, most)._replace(record=record)
        logits = self.scores.logits(clean, edits)
        self.forwards.scatter_add_(0, rows[record], torch.full_like(record, self.predictor.draws))
        scored = self._settled(logits, rows[record], lambda chosen: tokens[chosen])
        self.kept.offer(view.threat, rows, record, scored, lambda chosen: tokens[chosen], number)
        if isinstance(question, AskDecisions):
            reached = self.goal.reached(scored.value).float()
            return Answer(_spread(reached, asked, len(question.record)), reached.new_zeros(len(question.record), 0))
        return _told(scored, asked, len(question.record), fill=-torch.inf)

    def _answer_neighbours(
        self, question: AskNeighbours, view: View, rows: Tensor, standing: Tensor, number: int
    ) -> Answer:
        owner = question.owner
        record = question.edits.record if owner is None else owner[question.edits.record]
        asked = _asked(record, standing, len(rows))
        if view.threat.constraint is not None:
            # What the constraint forbids has been looked at, too.
            self.kept.looked[rows[record[asked]]] = True
            if not question.beyond:
                asked = asked[self._allowed(question, view, record, asked)]
        edits, record = question.edits.take(asked), record[asked]
        if question.base is view.threat.tokens and edits.position.shape[1] == 1:
            logits = self._around_clean(rows[record], edits, question.base)
        else:
            logits = self.scores.logits(question.base, edits)
            self.forwards.scatter_add_(0, rows[record], torch.full_like(record, self.predictor.draws))

        def tokens(chosen: Tensor) -> Tensor:
            return apply_edits(question.base, edits.take(chosen))

        scored = self._settled(logits, rows[record], tokens)
        self.kept.offer(view.threat, rows, record, scored, tokens, number)
        return _told(scored, asked, len(question.edits.record), fill=-torch.inf)

    def _settled(self, logits: Tensor, rows: Tensor, tokens: TokensOf) -> Judged:
        """What the goal makes of M neighbours' outputs; a plain forward pass decides where rounding alone would.

        So whatever reaches the goal is found, and whatever is found reaches it when it is scored again at the end.
        """
        logits = self._answered(logits, rows)
        scored = judged(self.goal, logits, rows)
        near = torch.nonzero(near_threshold(self.goal, scored)).flatten()
        if not len(near):
            return scored
        logits = logits.clone()
        for piece in torch.split(near, LOOKED_AT):
            logits[piece] = self._answered(self.predictor.logits(tokens(piece)), rows[piece])
        self.forwards.scatter_add_(0, rows[near], torch.full_like(near, self.predictor.draws))
        return judged(self.goal, logits, rows)

    def _around_clean(self, rows: Tensor, edits: Edits, base: Tensor) -> Tensor:
        """(M, outputs) of single edits of the clean sequences, scored once for all attacks and budgets."""

        def ask(new: Tensor) -> Tensor:
            self.forwards.scatter_add_(0, rows[new], torch.full_like(new, self.predictor.draws))
            return self._answered(self.scores.logits(base, edits.take(new)), rows[new])

        return self.singles.outputs(rows, edits, ask)

    def _answered(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M, outputs) with NaN for what is no answer; its record is marked, and no goal is reached there."""
        lost = self.predictor.lost(logits)
        if not bool(lost.any()):
            return logits
        self.lost[rows[lost]] = True
        return logits.masked_fill(lost[:, None], torch.nan)

    def _allowed(self, question: AskNeighbours, view: View, record: Tensor, asked: Tensor) -> Tensor:
        """(M,) bool: candidates that the constraint allows; the others are not worth a forward pass."""
        return torch.cat(
            [
                view.threat.allows(apply_edits(question.base, question.edits.take(piece)), record[piece])
                for piece in torch.split(asked, LOOKED_AT)
            ]
        )

    def _answer_gradient(
        self, question: AskGradient, view: View, rows: Tensor, standing: Tensor, number: int
    ) -> Answer:
        if question.points is view.threat.tokens and question.way is None:
            return self._answer_clean(rows, standing)
        count = len(question.points)
        record = torch.arange(count, device=self.device) if question.owner is None else question.owner
        asked = _asked(record, standing, len(rows))
        if not len(asked):
            sizes = ((), view.ways.shape[1:], view.threat.permitted.shape[1:])
            return Answer(*(torch.zeros(count, *size, device=self.device) for size in sizes))
        record, points = record[asked], question.points[asked]
        discrete = points.dtype == torch.uint8
        encoded = self.predictor.encode(points) if discrete else points
        lengths = self.predictor.lengths(view.threat.tokens[record])
        owner = rows[record]
        way = None if question.way is None else question.way[asked]

        def objective(logits: Tensor, i: Tensor) -> Tensor:
            if way is None:
                return self.goal.objective(logits, owner[i])
            return self.goal.ways(logits, owner[i]).gather(1, way[i][:, None]).squeeze(1)

        result = self.predictor.gradient(encoded, lengths, objective, lenient=True)
        if result.missing is not None:
            self.no_slope[owner[result.missing]] = True
        scored = judged(self.goal, self._answered(result.logits, owner), owner)
        self.gradients.scatter_add_(0, owner, torch.full_like(owner, self.predictor.draws))
        if discrete:
            self.kept.offer(view.threat, rows, record, scored, lambda chosen: points[chosen], number)
        return _told(scored, asked, count)._replace(gradient=_spread(result.gradient, asked, count))

    def _answer_clean(self, rows: Tensor, standing: Tensor) -> Answer:
        """The gradient at the clean sequences, which every attack and budget asks for, computed once per record."""
        asked = rows[standing]
        missing = asked[~self._has_gradient[asked]]
        if len(missing):
            tokens = self.clean_tokens[missing]
            result = self.predictor.gradient(
                self.predictor.encode(tokens),
                self.predictor.lengths(tokens),
                lambda logits, i: self.goal.objective(logits, missing[i]),
                lenient=True,
            )
            if result.missing is not None:
                self.no_slope[missing[result.missing]] = True
            self._clean_gradient[missing] = result.gradient
            self.gradients[missing] += self.predictor.draws
            self._has_gradient[missing] = True
        # A gradient speaks of every single edit at once; one of zeros says nothing.
        gain = relative(self._clean_gradient[asked], self.clean_tokens[asked])
        self.kept.looked[asked] |= ((gain != 0) & self.bounds[0].permitted[asked]).any((1, 2))
        scored = Judged(*(part[rows] for part in self.judged))
        return Answer(scored.told, scored.ways, self._clean_gradient[rows], scored.rounding)


def _require_answers(lost: Tensor, ids: Sequence[str]) -> None:
    """Raise ModelError for clean records of which the model says nothing."""
    rows = torch.nonzero(lost).flatten().tolist()
    if rows:
        raise ModelError(
            "the model's output for a record is no number",
            found=", ".join(ids[row] for row in rows[:5]) + (" ..." if len(rows) > 5 else ""),
            fix="leave these records out, or mend how the model treats their letters",
        )


def _asked(record: Tensor, standing: Tensor, count: int) -> Tensor:
    """Numbers of the candidates whose record still stands."""
    alive = torch.zeros(count, dtype=torch.bool, device=record.device)
    alive[standing] = True
    return torch.nonzero(alive[record]).flatten()


def _told(scored: Judged, rows: Tensor, count: int, fill: float = 0.0) -> Answer:
    """An answer about ``count`` sequences of which those at ``rows`` were scored, with ``fill`` for the others."""
    value, ways = (_spread(part, rows, count, fill) for part in (scored.told, scored.ways))
    return Answer(value, ways, rounding=_spread(scored.rounding, rows, count))


def _spread(values: Tensor, rows: Tensor, count: int, fill: float = 0.0) -> Tensor:
    """(count, ...) with ``values`` at ``rows`` and ``fill`` elsewhere."""
    spread = torch.full((count, *values.shape[1:]), fill, dtype=values.dtype, device=values.device)
    spread[rows] = values
    return spread
