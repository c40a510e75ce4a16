"""What each parameter does to the score: PED-ANOVA, and exact effects of a whole grid.

PED-ANOVA compares how the values of a parameter are spread over the best trials with how they are
spread over all of them, by Pearson's divergence of two densities on a grid; a parameter that does
not matter is spread alike. It takes any trials, however a method has chosen them. Where all points
of a grid have a score, its variance is decomposed exactly instead:

    main effect    Var(E[y | x_i]) / Var(y)          what the parameter explains by itself
    total effect   E[Var(y | all but x_i)] / Var(y)  what it is involved in

References
----------
Watanabe, Bansal and Hutter (2023), "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces", *IJCAI 2023*, 4389-4396; Scott (1992), *Multivariate Density Estimation*;
Sobol' (1993), "Sensitivity Estimates for Nonlinear Mathematical Models", *Mathematical Modelling
and Computational Experiments* 1(4), 407-414; Homma and Saltelli (1996), "Importance Measures in
Global Sensitivity Analysis of Nonlinear Models", *Reliability Engineering & System Safety* 52(1),
1-17.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from wfo.errors import InputError
from wfo.search.study.cells import Cells, cells_of
from wfo.search.study.table import StudyTable
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: How importance is computed.
Way = Literal["ped-anova", "fanova", "exact"]

#: The share of the trials that are the best ones.
BEST_SHARE: Final = 0.1

#: The weight of the density that knows nothing, in trials.
_PRIOR: Final = 1.0

#: The narrowest kernel: nine tenths of it lie in a cell.
_NARROWEST: Final = 0.5 / 1.64

#: Keeps quotients of densities finite.
_LEAST: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Importance:
    """What each parameter does to one objective.

    Attributes
    ----------
    way
        How it was computed.
    objective
        Its name.
    names
        Dotted names of the dimensions, in their order.
    shares
        Of each dimension, from 0 to 1. Of PED-ANOVA and fANOVA they are 1 together; of exact
        effects they are the main effects, which leave out what parameters do together.
    totals
        The total effects of exact ones; empty otherwise.
    trials
        How many trials it was computed of.
    """

    way: Way
    objective: str
    names: tuple[str, ...]
    shares: tuple[float, ...]
    totals: tuple[float, ...]
    trials: int

    def ranked(self) -> list[tuple[str, float]]:
        """Return names and shares, the largest first; equal ones in the order of the space."""
        pairs = zip(self.names, self.shares, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])


def importance(
    table: StudyTable, space: SearchSpace, way: Way | None = None, *, seed: int = 0
) -> list[Importance]:
    """Return what each parameter does, an item for each objective.

    Parameters
    ----------
    table
        Trials with their scores; those that are complete and have one count.
    space
        The space that they are points of.
    way
        By default exact effects where all points of a grid have a score, else PED-ANOVA.
    seed
        For the trees of fANOVA.

    Raises
    ------
    InputError
        If fewer than two trials have a score; exact effects are asked for, and a point has none;
        or fANOVA is asked for without Optuna.
    """
    import numpy as np

    from wfo.search.study.surrogate import MOST_TRIALS, fanova

    if way not in (None, "ped-anova", "fanova", "exact"):
        raise InputError(f"importance = {brief(way)} must be ped-anova, fanova or exact")
    found = []
    for name, scores in objectives_of(table):
        counted = table.of_state("complete") & np.isfinite(scores)
        if int(counted.sum()) < 2:
            raise InputError(
                f"importance needs two trials with a score at least, and"
                f" {int(counted.sum())} of {len(table):,} have one; run more trials"
            )
        rows, values = table.rows[counted], scores[counted]
        grid = None if way in ("ped-anova", "fanova") else grid_of(rows, values, space.sizes)
        totals: tuple[float, ...] = ()
        if grid is not None:
            used: Way = "exact"
            main, total = exact_effects(grid)
            shares, totals = tuple(main.tolist()), tuple(total.tolist())
        elif way == "exact":
            raise InputError(
                f"exact effects need a score of every point: {len(values):,} trials have one, and"
                f" the space {_size(space)}; ask for ped-anova"
            )
        elif way == "fanova":
            used = "fanova"
            shares = _normalised(fanova(cells_of(space, rows), values, seed))
        else:
            used = "ped-anova"
            ranks = ranks_of(values, _violations(table)[counted])
            shares = _normalised(ped_anova(cells_of(space, rows), ranks))
        used_trials = min(len(values), MOST_TRIALS) if used == "fanova" else len(values)
        found.append(Importance(used, name, space.names, shares, totals, used_trials))
    return found


def objectives_of(table: StudyTable) -> list[tuple[str, FloatArray]]:
    """Return the objectives by name, each to be maximised, float64[n]."""
    names = table.record.objectives
    if len(names) == 1:
        return [(names[0], table.scores)]
    return [(name, table.objectives[:, at]) for at, name in enumerate(names)]


def _violations(table: StudyTable) -> FloatArray:
    import numpy as np

    found: FloatArray = np.nan_to_num(table.violations, nan=0.0, posinf=1e308)
    return found


def _size(space: SearchSpace) -> str:
    return "is continuous" if space.size is None else f"has {space.size:,} points"


def _normalised(values: FloatArray) -> tuple[float, ...]:
    """Return shares of 1; equal ones where nothing matters."""
    import numpy as np

    total = float(values.sum())
    shares = values / total if total > 0 else np.full(len(values), 1 / len(values))
    return tuple(shares.tolist())


# PED-ANOVA


def ranks_of(values: FloatArray, violations: FloatArray) -> IndexArray:
    """Return the rank of each trial, 0 the best: those that keep to all limits come first.

    Of two that violate limits the one that does so less is better. Equal trials have one rank.
    """
    import numpy as np

    worse = np.where(violations > 0, violations, 0.0)
    keys = np.column_stack([worse, np.where(violations > 0, 0.0, -values)])
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def ped_anova(cells: Sequence[Cells], ranks: IndexArray, share: float = BEST_SHARE) -> FloatArray:
    """Return the importance of each dimension, not normalised.

    Parameters
    ----------
    cells
        The dimensions.
    ranks
        Of the trials, 0 the best, int64[n].
    share
        Which of them are the best ones; all that are equal to the last of these are too.

    Returns
    -------
    float64[d]
        Divergences, 0 where the best trials are spread as all are.
    """
    import numpy as np

    count = len(ranks)
    cut = np.partition(ranks, math.ceil(share * count) - 1)[math.ceil(share * count) - 1]
    best = ranks <= cut
    found = np.zeros(len(cells))
    for at, each in enumerate(cells):
        if each.count < 2:
            continue
        density_all = _density(each, np.bincount(each.of, minlength=each.count))
        density_best = _density(each, np.bincount(each.of[best], minlength=each.count))
        found[at] = density_all @ (density_best / density_all - 1) ** 2
    quantile: float = best.sum() / count
    return found * quantile**2


def _density(cells: Cells, counts: IndexArray) -> FloatArray:
    """Return the density that trials have in each cell, by kernels of Scott's width."""
    import numpy as np
    from scipy.special import ndtr

    at = np.flatnonzero(counts)
    weights = counts[at].astype(np.float64)
    total = weights.sum()
    shares = np.append(weights, _PRIOR) / (total + _PRIOR)
    if not cells.ordered:
        kernels = np.full((len(at) + 1, cells.count), _PRIOR / (len(at) + 1))
        kernels[np.arange(len(at)), at] += 1
        kernels /= kernels.sum(axis=1, keepdims=True)
        spread_evenly: FloatArray = shares @ kernels + _LEAST
        return spread_evenly
    mean = at @ weights / total
    spread = math.sqrt((at - mean) ** 2 @ weights / max(1.0, total - 1))
    below = np.cumsum(weights)
    first = np.searchsorted(below, total // 4, side="left")
    third = np.searchsorted(below, total * 3 // 4, side="right")
    quartiles = at[min(len(at) - 1, third)] - at[first]
    width = max(1.059 * min(quartiles / 1.34, spread) * total**-0.2, _NARROWEST)
    last = cells.count - 1
    middles = np.append(at, last / 2)[:, None]
    widths = np.append(np.full(len(at), width), last + 1.0)[:, None]
    edges = (np.arange(cells.count + 1) - 0.5 - middles) / widths
    # The upper tail of a normal distribution is the lower one of its mirror image, without the
    # digits that 1 - x loses.
    low, high = edges[:, :-1], edges[:, 1:]
    mirrored = low > 0
    masses = ndtr(np.where(mirrored, -low, high)) - ndtr(np.where(mirrored, -high, low))
    within = ndtr(edges[:, -1:]) - ndtr(edges[:, :1])
    density: FloatArray = shares @ (masses / within) + _LEAST
    return density


# Exact effects


def grid_of(rows: FloatArray, values: FloatArray, sizes: IndexArray) -> FloatArray | None:
    """Return values on the whole grid, an axis a dimension; None if a point has none.

    Parameters
    ----------
    rows
        Digits, float64[n, d].
    values
        float64[n].
    sizes
        Values of each dimension, 0 of a continuous one.
    """
    import numpy as np

    lengths = [int(size) for size in sizes]
    size = math.prod(lengths)
    if size == 0 or size > len(values):
        return None
    strides = np.cumprod([1, *lengths[:0:-1]])[::-1]
    at = rows.astype(np.int64) @ strides.astype(np.int64)
    found = np.full(size, np.nan)
    # Of a point that is there twice, the first counts, as it does in a search.
    found[at[::-1]] = values[::-1]
    return None if np.isnan(found).any() else found.reshape(lengths)


def exact_effects(grid: Any) -> tuple[FloatArray, FloatArray]:
    """Return the main and the total effect of each axis of a grid, float64[d] each.

    Both are 0 of all axes where the values do not vary.
    """
    import numpy as np

    # Of numbers up to 1, no square is too large.
    scale = float(np.abs(grid).max())
    values = grid / scale if scale else np.zeros_like(grid)
    values = values - values.mean()
    variance = float((values**2).mean())
    axes = range(values.ndim)
    # What rounding alone leaves of equal values.
    if variance <= (8 * np.finfo(np.float64).eps) ** 2:
        return np.zeros(values.ndim), np.zeros(values.ndim)
    main = [values.mean(axis=tuple(a for a in axes if a != axis)).var() for axis in axes]
    total = [values.var(axis=axis).mean() for axis in axes]
    return np.array(main) / variance, np.array(total) / variance
