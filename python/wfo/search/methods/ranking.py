"""Which trials are better than which: feasible first, then violation, what has no score last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wfo.search.objective.pareto import nondominated_ranks
from wfo.search.values import History

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

#: Tiers of trials, the best first. A pruned trial has the score of its first windows only, which
#: may be the easy ones, so it is behind those that had all of them.
FEASIBLE, PRUNED, VIOLATING, UNSCORED = range(4)


def tiers(history: History, since: int = 0) -> IndexArray:
    """Return the tier of each trial from one on.

    Parameters
    ----------
    history
        The trials.
    since
        The first trial that counts.

    Returns
    -------
    int64[n - since]
    """
    violations = history.violations[since:]
    found = np.where(history.pruned[since:], PRUNED, FEASIBLE).astype(np.int64)
    # NaN is a violation too: it compares as False with everything.
    found[~(violations <= 0)] = VIOLATING
    scored = np.isfinite(history.objectives[since:]).all(axis=1) & np.isfinite(violations)
    found[~scored] = UNSCORED
    return found


def costs(history: History, since: int = 0) -> tuple[IndexArray, FloatArray]:
    """Return tiers, and what decides within a tier, the lower the better, of one objective.

    Parameters
    ----------
    history, since
        As for `tiers`.

    Returns
    -------
    int64[n - since], float64[n - since]
        Of a tier that violates, how far; of the others the objective's negative. What has no
        score has a cost of 0.
    """
    tier = tiers(history, since)
    cost = np.where(tier == VIOLATING, history.violations[since:], -history.objectives[since:, 0])
    cost[tier == UNSCORED] = 0.0
    return tier, cost


def best_trials(history: History, count: int, since: int = 0) -> IndexArray:
    """Return the best trials of one objective, the best first; of equal ones the earlier.

    Parameters
    ----------
    history, since
        As for `tiers`.
    count
        How many at most.

    Returns
    -------
    int64[m]
        Numbers of trials.
    """
    tier, cost = costs(history, since)
    chosen = np.arange(len(tier))
    first = np.flatnonzero(tier == FEASIBLE)
    if 0 < count < len(first):
        # All that are as good as the last that is wanted: what is taken of equal ones must not
        # follow from how a library partitions.
        limit = np.partition(cost[first], count - 1)[count - 1]
        chosen = first[cost[first] <= limit]
    order = np.lexsort((chosen, cost[chosen], tier[chosen]))[:count]
    return chosen[order] + since


def better(tier: IndexArray, cost: FloatArray, one: IndexArray, other: IndexArray) -> BoolArray:
    """Return whether trials are at least as good as others; all as positions in `costs`."""
    equal: BoolArray = tier[one] == tier[other]
    return (tier[one] < tier[other]) | (equal & (cost[one] <= cost[other]))


def crowding(objectives: FloatArray) -> FloatArray:
    """Return how far the neighbours of each point of a front are from each other.

    Deb, Pratap, Agarwal and Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm:
    NSGA-II".

    Parameters
    ----------
    objectives
        Points of one front, float64[n, k].

    Returns
    -------
    float64[n]
        Infinite at the ends.
    """
    found = np.zeros(len(objectives))
    for column in objectives.T:
        order = np.argsort(column, kind="stable")
        values = column[order]
        wide = values[-1] - values[0]
        found[order[[0, -1]]] = np.inf
        if wide > 0:
            found[order[1:-1]] += (values[2:] - values[:-2]) / wide
    return found


def survivors(history: History, among: IndexArray, count: int) -> IndexArray:
    """Return the trials that survive among some, as NSGA-II chooses them, the best first.

    Feasible ones by front and crowding; then those of the other tiers, by violation.

    Parameters
    ----------
    history
        The trials.
    among
        Numbers of those that are compared, int64[m].
    count
        How many survive at most.

    Returns
    -------
    int64[min(m, count)]
    """
    tier = tiers(history)[among]
    first = np.flatnonzero(tier == FEASIBLE)
    objectives = history.objectives[among]
    front = nondominated_ranks(objectives[first])
    chosen: list[IndexArray] = []
    held = 0
    for number in range(int(front.max(initial=-1)) + 1):
        if held >= count:
            break
        members = first[front == number]
        order = np.argsort(-crowding(objectives[members]), kind="stable")
        chosen.append(members[order])
        held += len(members)
    rest = np.flatnonzero(tier != FEASIBLE)
    violations = np.where(tier == UNSCORED, 0.0, history.violations[among])[rest]
    chosen.append(rest[np.lexsort((rest, violations, tier[rest]))])
    return among[np.concatenate(chosen)[:count]]
