"""Simulated annealing of several chains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wfo.search.methods.fresh import Asking, gather
from wfo.search.methods.ranking import FEASIBLE, best_trials, costs
from wfo.search.methods.sampling import latin_hypercube
from wfo.search.methods.variation import Frame
from wfo.search.values import History, Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Annealing:
    """Each chain goes to a neighbour that is better, or with some probability to one that is not.

    The temperature falls geometrically as trials are used up, in units of how far the first scores
    lie apart; steps become shorter with it (Kirkpatrick, Gelatt and Vecchi 1983). All trials that
    a batch has of a chain start from the same point, and the best of them is the one to go to.
    """

    name: ClassVar[str] = "anneal"
    learns: ClassVar[bool] = True

    asking: Asking
    budget: int
    #: Chains; None if their number follows from `each`.
    chains: int | None
    #: Trials that a chain has in a batch, where its number is not given.
    each: int
    #: Share of the trials that the chains begin with: the best of a Latin hypercube.
    begin: float
    #: Temperatures at the beginning and the end, as shares of the first scores' spread.
    hot: float
    cold: float
    #: Coordinates of a point that are changed, on average.
    mutation: float
    #: Powers of ten that steps go down by, at the beginning and at the end.
    first_decades: float
    last_decades: float
    #: Probability that a chain goes back to the best trial so far.
    back: float

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose neighbours of the points of all chains; see `wfo.search.values.Method`."""
        since = int(state.get("since", 0))
        count = int(state.get("chains", 0)) or self.chains or max(size // self.each, 1)
        begin = max(math.ceil(self.begin * self.budget), count)
        known = len(history) - since
        told = {"since": since, "chains": count}
        fresh = min(max(begin - known, 0), size)
        spent = min(max(known - begin, 0) / max(self.budget - since - begin, 1), 1.0)
        current = self._current(history, since, begin, count, spent, rng, state)
        frame = Frame.of(space)
        starts = history.rows[current]
        decades = self.first_decades + (self.last_decades - self.first_decades) * spent

        def draw(wanted: int, number: int) -> tuple[FloatArray, IndexArray]:
            if not len(current):
                return space.sample(latin_hypercube(space, wanted, rng)), np.full(wanted, count)
            begun = min(fresh, wanted) if not number else 0
            chain = np.arange(wanted - begun) % len(current)
            rows = starts[chain]
            frame.mutate(rows, self.mutation * 2.0**number, decades, rng)
            # Where no coordinate was hit, one is.
            still = np.flatnonzero((rows == starts[chain]).all(axis=1))
            if len(frame.free):
                which = frame.free[rng.integers(len(frame.free), size=len(still))]
                frame.step(rows, still, which, 10.0 ** (-decades * rng.random(len(still))), rng)
            if begun:
                rows = np.concatenate([space.sample(latin_hypercube(space, begun, rng)), rows])
            return rows, np.concatenate([np.full(begun, count, np.int64), chain])

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        return Proposal(rows, tags, {**told, "current": current.tolist(), "absorbed": len(history)})

    def _current(
        self,
        history: History,
        since: int,
        begin: int,
        count: int,
        spent: float,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> IndexArray:
        """Return the trial that each chain is at; there is none before the chains begin."""
        if len(history) - since < begin:
            return np.zeros(0, np.int64)
        before = np.array(state.get("current", []), np.int64)
        best = best_trials(history, count, since)
        if not len(before):
            return best
        tier, cost = costs(history)
        first = cost[since : since + begin][tier[since : since + begin] == FEASIBLE]
        spread = float(np.subtract(*np.quantile(first, [0.75, 0.25]))) if len(first) else 0.0
        heat = spread * self.hot * (self.cold / self.hot) ** spent
        news = np.arange(int(state["absorbed"]), len(history), dtype=np.int64)
        order = news[np.lexsort((news, cost[news], tier[news]))]
        chances = rng.random((2, len(before)))
        for chain, at in enumerate(before):
            own = order[history.tags[order] == chain]
            if len(own):
                new = own[0]
                gain = cost[at] - cost[new]
                likely = gain >= 0 or chances[0, chain] < _probability(gain, heat)
                if tier[new] < tier[at] or (tier[new] == tier[at] and likely):
                    before[chain] = new
            if chances[1, chain] < self.back:
                before[chain] = best[0]
        return before


def _probability(gain: float, heat: float) -> float:
    """Return the probability to go to a point that is worse, its gain being negative."""
    return math.exp(max(gain / heat, -700.0)) if heat > 0 else 0.0
