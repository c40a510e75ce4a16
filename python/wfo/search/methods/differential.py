"""Differential evolution that adapts its own scale and crossover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wfo.search.methods.fresh import Asking, gather, stretched
from wfo.search.methods.ranking import best_trials, better, costs
from wfo.search.methods.sampling import latin_hypercube
from wfo.search.methods.sizes import Population
from wfo.search.methods.variation import Frame
from wfo.search.values import History, Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Steps of a scale and of a crossover probability, which a tag holds beside the place: both are
#: multiples of 1/`_STEPS`.
_STEPS = 100

#: What a place holds that has no trial yet, and one that the population no longer has.
_EMPTY, _GONE = -1, -2


@dataclass(slots=True)
class _Memory:
    """What a state holds, as arrays.

    Attributes
    ----------
    since
        The first trial that counts.
    absorbed
        How many trials have been looked at.
    places
        The trial in each place of the population, `_EMPTY` or `_GONE`.
    turn
        The place whose turn it is, among those that have a trial.
    scales, crosses
        Means of scales and of crossover probabilities that succeeded, the newest last.
    """

    since: int
    absorbed: int
    places: IndexArray
    turn: int
    scales: list[float]
    crosses: list[float]

    def to_dict(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "absorbed": self.absorbed,
            "places": self.places.tolist(),
            "turn": self.turn,
            "scales": self.scales,
            "crosses": self.crosses,
        }


@dataclass(frozen=True, slots=True)
class Differential:
    """Points move towards some of the best and along differences of others.

    It is current-to-pbest/1/bin with the success history of Tanabe and Fukunaga 2013 ("Success-
    history based parameter adaptation for differential evolution"), whose population shrinks
    linearly (2014). A batch may be smaller or larger than the population: places have their turn
    one after the other, and of all trials for a place the best counts. Differences are rounded to
    one of the two nearest digits, the nearer one more often, so that small ones do not vanish.
    """

    name: ClassVar[str] = "de"
    learns: ClassVar[bool] = True

    asking: Asking
    population: Population
    #: Mean scale and crossover probability to begin with, and how many means are remembered.
    scale: float
    crossover: float
    memory: int
    #: How far both lie from a remembered mean.
    spread: float
    #: Share of the population that is among the best.
    best: float
    #: What the population shrinks to.
    final: int
    #: Coordinates of a point that are changed at random besides, on average.
    mutation: float
    #: Powers of ten that such changes go down by.
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
        """Propose a trial for each place whose turn it is; see `wfo.search.values.Method`."""
        told = self._told(space, history, state, size)
        tier, cost = costs(history)
        self._absorb(told, history, tier, cost)
        self._shrink(told, tier, cost)
        frame = Frame.of(space)
        empty = np.flatnonzero(told.places == _EMPTY)
        taken = np.flatnonzero(told.places >= 0)
        # Places by their trials, the best first.
        order = taken[np.lexsort((taken, cost[told.places[taken]], tier[told.places[taken]]))]
        begun = 0

        def draw(wanted: int, number: int) -> tuple[FloatArray, IndexArray]:
            nonlocal begun
            fresh = min(wanted, len(empty) - begun) if len(taken) else wanted
            rows, tags = [np.zeros((0, len(frame.top)))], [np.zeros(0, np.int64)]
            if fresh > 0:
                rows.append(space.sample(latin_hypercube(space, fresh, rng)))
                # More trials than places may begin: of those for one place the best counts.
                places = empty[(begun + np.arange(fresh)) % len(empty)]
                tags.append(places * (_STEPS + 1) ** 2)
                begun += fresh
            if wanted > fresh:
                count = wanted - max(fresh, 0)
                turns = (told.turn + np.arange(count)) % len(taken)
                told.turn = int((told.turn + count) % len(taken))
                found, marked = stretched(
                    lambda start, stop: self._trials(
                        frame, history.rows, told, taken[turns[start:stop]], order, number, rng
                    ),
                    count,
                )
                rows.append(found)
                tags.append(marked)
            return np.concatenate(rows[1:]), np.concatenate(tags[1:])

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        return Proposal(rows, tags, told.to_dict())

    def _told(
        self, space: SearchSpace, history: History, state: Mapping[str, Any], size: int
    ) -> _Memory:
        since = int(state.get("since", 0))
        if "places" not in state:
            places = np.full(self.population.size(space, size), _EMPTY, np.int64)
            # Trials of other methods, whose tags mean something else.
            best = best_trials(history, len(places), since)
            places[: len(best)] = best
            return _Memory(since, len(history), places, 0, [self.scale], [self.crossover])
        return _Memory(
            since,
            int(state["absorbed"]),
            np.array(state["places"], np.int64),
            int(state["turn"]),
            [float(value) for value in state["scales"]],
            [float(value) for value in state["crosses"]],
        )

    def _absorb(self, told: _Memory, history: History, tier: IndexArray, cost: FloatArray) -> None:
        """Let trials that have not been looked at take the places of worse ones."""
        news = np.arange(told.absorbed, len(history), dtype=np.int64)
        told.absorbed = len(history)
        tags = history.tags[news]
        place, rest = np.divmod(tags, (_STEPS + 1) ** 2)
        own = (tags >= 0) & (place < len(told.places))
        own[own] = told.places[place[own]] != _GONE
        mine, place, rest = news[own], place[own], rest[own]
        # Of those for one place the best, and of equal ones the earlier: the worst come first, so
        # that the best has the last word.
        order = np.lexsort((cost[mine], tier[mine]))[::-1]
        best = np.full(len(told.places), -1, np.int64)
        best[place[order]] = order
        chosen = best[best >= 0]
        mine, place, rest = mine[chosen], place[chosen], rest[chosen]
        before = told.places[place]
        held = before >= 0
        wins = ~held
        wins[held] = better(tier, cost, mine[held], before[held])
        gained = held & wins & (rest > 0)
        self._remember(told, tier, cost, mine[gained], before[gained], rest[gained])
        told.places[place[wins]] = mine[wins]
        # Trials that were not proposed for a place take an empty one, or that of the worst.
        for trial in news[~own]:
            empty = np.flatnonzero(told.places == _EMPTY)
            if len(empty):
                told.places[empty[0]] = trial
                continue
            taken = np.flatnonzero(told.places >= 0)
            held_by = told.places[taken]
            worst = taken[np.lexsort((held_by, cost[held_by], tier[held_by]))[-1]]
            one, other = np.array([trial]), told.places[[worst]]
            if better(tier, cost, one, other)[0]:
                told.places[worst] = trial

    def _remember(
        self,
        told: _Memory,
        tier: IndexArray,
        cost: FloatArray,
        new: IndexArray,
        old: IndexArray,
        marked: IndexArray,
    ) -> None:
        """Remember the scales and crossovers of trials that are better than those they replace."""
        same = tier[new] == tier[old]
        gain = np.where(same, cost[old] - cost[new], 0.0)
        # A trial of a better tier counts as much as the largest gain within one.
        gain[~same] = gain.max(initial=0.0) or 1.0
        if not gain.sum() > 0 or not np.isfinite(gain.sum()):
            return
        weight = gain / gain.sum()
        scale, cross = (part / _STEPS for part in np.divmod(marked, _STEPS + 1))
        told.scales.append(float((weight * scale**2).sum() / (weight * scale).sum()))
        crossed = float((weight * cross).sum())
        told.crosses.append(float((weight * cross**2).sum() / crossed) if crossed > 0 else 0.0)
        told.scales, told.crosses = told.scales[-self.memory :], told.crosses[-self.memory :]

    def _shrink(self, told: _Memory, tier: IndexArray, cost: FloatArray) -> None:
        """Give up the places of the worst as trials are used up."""
        spent = min(len(tier) / max(self.population.budget, 1), 1.0)
        count = len(told.places)
        wanted = round(count + (min(self.final, count) - count) * spent)
        taken = np.flatnonzero(told.places >= 0)
        surplus = len(taken) - wanted
        if surplus > 0 and not (told.places == _EMPTY).any():
            held = told.places[taken]
            order = np.lexsort((held, cost[held], tier[held]))
            told.places[taken[order[-surplus:]]] = _GONE

    def _trials(
        self,
        frame: Frame,
        rows: FloatArray,
        told: _Memory,
        targets: IndexArray,
        best_first: IndexArray,
        number: int,
        rng: np.random.Generator,
    ) -> tuple[FloatArray, IndexArray]:
        count, width = len(targets), rows.shape[1]
        # Scales follow a Cauchy distribution about a remembered mean, crossovers a normal one.
        which = rng.integers(len(told.scales), size=count)
        tangent = np.tan(np.pi * (rng.random(count) - 0.5))
        scales = np.array(told.scales)[which] + self.spread * tangent
        scale = np.clip(np.rint(scales * _STEPS), 1, _STEPS).astype(np.int64)
        crosses = np.array(told.crosses)[which] + self.spread * rng.standard_normal(count)
        cross = np.clip(np.rint(crosses * _STEPS), 0, _STEPS).astype(np.int64)
        population = told.places[best_first]
        n = len(population)
        top = max(round(self.best * n), min(2, n))
        base = rows.take(told.places[targets], axis=0)
        guide = rows.take(population[rng.integers(top, size=count)], axis=0)
        one = rng.integers(n, size=count)
        # Never the same twice, where there are two.
        other = (one + 1 + rng.integers(max(n - 1, 1), size=count)) % n
        first = rows.take(population[one], axis=0)

        change = guide - base
        change += first
        change -= rows.take(population[other], axis=0)
        change *= (scale / _STEPS)[:, None]
        self._unordered(frame, change, base, guide, first, rng)
        crossed = rng.random((count, width), dtype=np.float32) < (cross / _STEPS)[:, None]
        crossed[np.arange(count), rng.integers(width, size=count)] = True
        change *= crossed
        change += base
        moved = frame.reflected(change)
        if frame.discrete.any():
            up = rng.random((count, width), dtype=np.float32)
            if frame.discrete.all():
                moved += up
                np.floor(moved, out=moved)
            else:
                moved[:, frame.discrete] = np.floor((moved + up)[:, frame.discrete])
        # Where trials are known already, the next ones are changed more.
        frame.mutate(moved, self.mutation + 2.0**number - 1, self.decades, rng)
        place = targets * (_STEPS + 1) + scale
        return moved, place * (_STEPS + 1) + cross

    def _unordered(
        self,
        frame: Frame,
        change: FloatArray,
        base: FloatArray,
        guide: FloatArray,
        other: FloatArray,
        rng: np.random.Generator,
    ) -> None:
        """Let dimensions without an order take the value of one of two others."""
        columns = np.flatnonzero(~frame.ordered)
        if len(columns):
            guided = rng.random((len(change), len(columns))) < 0.5
            value = np.where(guided, guide[:, columns], other[:, columns])
            change[:, columns] = value - base[:, columns]
