"""A search that stands still begins anew or changes its method, by a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wfo.search.methods.ranking import FEASIBLE, best_trials, tiers
from wfo.search.objective.pareto import pareto_front
from wfo.search.values import History, Method, Proposal

if TYPE_CHECKING:
    from wfo.search.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Restarting:
    """A method, and what becomes of it when none of the last batches has found anything better.

    It stands still when the best trial, or with several objectives each trial that none dominates,
    is older than that. Then it begins anew, as if there were no trials before, or the next of the
    methods takes its place, which knows all of them. No point is proposed again. A method that
    learns nothing does not begin anew, but may give way.

    Attributes
    ----------
    methods
        Names, the first to begin with.
    make
        Returns the method of a name.
    batches
        How many batches without anything better it takes.
    restart
        Whether the first method begins anew; otherwise the next one goes on, the first after the
        last.
    objectives
        How many there are.
    """

    methods: tuple[str, ...]
    make: Callable[[str], Method]
    batches: int
    restart: bool
    objectives: int

    @property
    def name(self) -> str:
        """That of the method to begin with."""
        return self.methods[0]

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose what the method does whose turn it is; see `wfo.search.values.Method`."""
        turn, begun = int(state.get("turn", 0)), int(state.get("begun", 0))
        since = int(state.get("since", 0))
        inner: dict[str, Any] = dict(state.get("inner", {}))
        notes = []
        name = self.methods[turn % len(self.methods)]
        method = self.make(name)
        if self._still(method, history, since, begun, batch):
            said = f"{self.batches} batches of {name} have found nothing better"
            begun = batch
            if self.restart:
                since = len(history)
                inner[name] = {"since": since}
                notes.append(f"{said}: it begins anew")
            else:
                turn += 1
                name = self.methods[turn % len(self.methods)]
                method = self.make(name)
                notes.append(f"{said}: {name} goes on")
                if _learns(method):
                    # It learns of all trials, and not of its own alone; the others go on where
                    # they were.
                    inner.pop(name, None)
        found = method.propose(space, history, batch, size, rng, inner.get(name, {}))
        if found.note:
            notes.append(found.note)
        inner[name] = dict(found.state)
        told = {"turn": turn, "begun": begun, "since": since, "inner": inner}
        return Proposal(found.rows, found.tags, told, "; ".join(notes))

    def _still(self, method: Method, history: History, since: int, begun: int, batch: int) -> bool:
        """Whether the last batches have found nothing better than those before them."""
        if self.restart and not _learns(method):
            return False
        # Every method has that many batches, and one more to find what they do not better.
        if batch - begun <= self.batches or len(history) <= since:
            return False
        batches, latest = history.batches[since:], batch - self.batches
        if self.objectives == 1:
            return bool(history.batches[best_trials(history, 1, since)[0]] < latest)
        tier = tiers(history, since)
        first = np.flatnonzero(tier == FEASIBLE)
        if not len(first):
            return bool(batches[np.argmin(history.violations[since:])] < latest)
        front = pareto_front(history.objectives[since:][first])
        return bool((batches[first[front]] < latest).all())


def _learns(method: Method) -> bool:
    return bool(getattr(method, "learns", True))
