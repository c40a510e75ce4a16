"""A genetic algorithm; of several objectives NSGA-II."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wfo.search.methods.fresh import Asking, gather, stretched
from wfo.search.methods.ranking import best_trials, survivors
from wfo.search.methods.sampling import latin_hypercube
from wfo.search.methods.sizes import Population
from wfo.search.methods.variation import Frame
from wfo.search.values import History, Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Shares in the table of crossovers.
_SHARES = 1 << 12


@dataclass(frozen=True, slots=True)
class Genetic:
    """Points are made of two of the best, by tournament, crossover and mutation.

    Of one objective the population is the best trials so far. Of several it is what survives of
    the population before and the trials since, by front and crowding (Deb, Pratap, Agarwal and
    Meyarivan 2002).
    """

    name: ClassVar[str] = "ga"
    learns: ClassVar[bool] = True

    asking: Asking
    population: Population
    objectives: int
    #: Probability that a point has two parents.
    crossover: float
    #: How far between and beyond its parents a coordinate may lie, as a share of their distance.
    reach: float
    #: Probability that a coordinate lies there, rather than being one parent's.
    blend: float
    #: Coordinates of a point that are changed, on average.
    mutation: float
    #: Powers of ten that steps of a mutation go down by.
    decades: float

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose children of the population; see `wfo.search.values.Method`."""
        since = int(state.get("since", 0))
        count = int(state.get("population", 0)) or self.population.size(space, size)
        known = len(history) - since
        members = self._members(history, since, count, state)
        told = {"since": since, "population": count}
        if self.objectives > 1:
            told |= {"members": members.tolist(), "absorbed": len(history)}
        frame = Frame.of(space)
        parents = history.rows[members]
        fresh = size if not known else min(max(count - known, 0), size)

        def draw(wanted: int, number: int) -> tuple[FloatArray, IndexArray]:
            begun = min(fresh, wanted) if not number else 0
            begun = begun if len(parents) else wanted
            rows = [space.sample(latin_hypercube(space, begun, rng))] if begun else []
            if wanted > begun:
                children, _ = stretched(
                    lambda start, stop: (
                        self._children(frame, parents, stop - start, 2.0**number, rng),
                        np.zeros(stop - start, np.int64),
                    ),
                    wanted - begun,
                )
                rows.append(children)
            found = rows[0] if len(rows) == 1 else np.concatenate(rows)
            return found, np.zeros(wanted, np.int64)

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        return Proposal(rows, tags, told)

    def _members(
        self, history: History, since: int, count: int, state: Mapping[str, Any]
    ) -> IndexArray:
        if self.objectives == 1:
            return best_trials(history, count, since)
        before = np.asarray(state.get("members", []), np.int64)
        news = np.arange(int(state.get("absorbed", since)), len(history), dtype=np.int64)
        return survivors(history, np.concatenate([before, news]), count)

    def _children(
        self, frame: Frame, parents: FloatArray, count: int, more: float, rng: np.random.Generator
    ) -> FloatArray:
        # The best of two at random, where the best come first.
        first, second = (rng.integers(len(parents), size=(2, count)).min(axis=0) for _ in range(2))
        rows, father = parents.take(first, axis=0), parents.take(second, axis=0)
        # How far each coordinate goes from the first parent to the second, of a table.
        share = self._shares().take(rng.integers(_SHARES, size=rows.shape, dtype=np.uint16))
        share[rng.random(count) >= self.crossover] = 0.0
        if not frame.ordered.all():
            share[:, ~frame.ordered] = share[:, ~frame.ordered] >= 0.5
        father -= rows
        father *= share
        rows += father
        rows = frame.reflected(rows)
        # Where children are known already, the next ones are changed more.
        frame.mutate(rows, self.mutation * more, self.decades, rng)
        return rows

    def _shares(self) -> FloatArray:
        """Return shares that are equally likely: of both parents, or one of them."""
        blended = round(_SHARES * self.blend)
        between = np.linspace(-self.reach, 1 + self.reach, blended)
        one = np.arange(_SHARES - blended) % 2
        return np.concatenate([between, one]).astype(np.float64)
