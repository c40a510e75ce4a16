"""How far the choices of a walk-forward move from window to window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from wfo.grid import Grid
from wfo.strategy import Number
from wfo.walkforward.components import Decision, Params

#: By parameter, steps of the grid; None where a value is none of it.
Steps = Mapping[str, float | None]


def drifts(decisions: Sequence[Decision], grid: Grid | None) -> list[Steps]:
    """Return how far each decision lies from the one before it, in positions among the values.

    Empty of the first decision, and of windows without one.

    Parameters
    ----------
    decisions
        One a window, in order.
    grid
        What they are chosen from; None where that is no grid.
    """
    found: list[Steps] = []
    before: Params | None = None
    for decision in decisions:
        if decision.params is None:
            found.append({})
            continue
        steps: Steps = {}
        if before is not None:
            old = before
            steps = {n: _steps(grid, n, old[n], value) for n, value in decision.params.items()}
        before = decision.params
        found.append(steps)
    return found


def mean_drift(found: Sequence[Steps], names: Sequence[str]) -> Steps:
    """Return the mean absolute steps by parameter; None without any, or where one is not known."""
    means: dict[str, float | None] = {}
    for name in names:
        steps = [drift[name] for drift in found if drift]
        known = [abs(step) for step in steps if step is not None]
        means[name] = fmean(known) if known and len(known) == len(steps) else None
    return means


def _steps(grid: Grid | None, name: str, before: Number, after: Number) -> float | None:
    values = () if grid is None else grid.values[name]
    if before not in values or after not in values:
        return None
    return float(values.index(after) - values.index(before))
