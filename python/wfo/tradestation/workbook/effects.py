"""What each refined parameter does inside a plateau: means by its values, and its share in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Share of a plateau's sets that count as its best, by MAR.
BEST_SHARE = 0.1

#: Columns of figures that are read of every set.
NEEDED = ("MAR", "CAGR", "Net_Profit")


class ValueMean(NamedTuple):
    """What the sets of a plateau with one value of a parameter come to.

    Attributes
    ----------
    value
        The value.
    sets
        How many have it.
    mar, cagr
        Means over those that are defined; None without any.
    earning
        Share of them that earn.
    """

    value: float
    sets: int
    mar: float | None
    cagr: float | None
    earning: float


class ParameterEffect(NamedTuple):
    """A refined parameter inside a plateau.

    Attributes
    ----------
    strategy, rank, parameter
        Which one: the strategy, the plateau's rank, and the name.
    means
        By its values, ascending; two at least.
    best
        Lowest, median and highest value among the best tenth of the sets by MAR.
    effect
        Share of the variance of MAR that it explains alone (its main effect); None where MAR does
        not vary.
    """

    strategy: str
    rank: int
    parameter: str
    means: tuple[ValueMean, ...]
    best: tuple[float, float, float]
    effect: float | None

    @property
    def peak(self) -> ValueMean | None:
        """The value of the highest mean MAR; None where none is defined."""
        known = [m for m in self.means if m.mar is not None]
        return max(known, key=lambda m: m.mar or 0.0) if known else None

    @property
    def trough(self) -> ValueMean | None:
        """The value of the lowest mean MAR; None where none is defined."""
        known = [m for m in self.means if m.mar is not None]
        return min(known, key=lambda m: m.mar or 0.0) if known else None


def parameter_effects(
    sets: pl.DataFrame, strategy: str, parameters: Sequence[str]
) -> tuple[ParameterEffect, ...]:
    """Return the parameters that were refined, by plateau, the largest effect first.

    Parameters
    ----------
    sets
        A set a row: ``Rank`` (its plateau), the parameters, and `NEEDED`; null or NaN where a
        figure is not defined.
    strategy
        Whose they are.
    parameters
        In canonical order. Of each plateau those of more than one value are refined.
    """
    import numpy as np

    found: list[ParameterEffect] = []
    figures = [_floats(sets, name) for name in NEEDED]
    ranks = _floats(sets, "Rank")
    for rank in np.unique(ranks[~np.isnan(ranks)]):
        own = ranks == rank
        mar, cagr, profit = (column[own] for column in figures)
        effects = []
        for name in parameters:
            values = _floats(sets, name)[own]
            there = ~np.isnan(values)
            axis, at = np.unique(values[there], return_inverse=True)
            if len(axis) < 2:
                continue
            means = tuple(_means(axis, at, mar[there], cagr[there], profit[there]))
            effect = _main_effect(at, mar[there])
            best = _best(values[there], mar[there])
            effects.append(ParameterEffect(strategy, int(rank), name, means, best, effect))
        found += sorted(effects, key=lambda e: -(e.effect or 0.0))
    return tuple(found)


def _floats(sets: pl.DataFrame, name: str) -> FloatArray:
    """Return a column as numbers, NaN where it has none."""
    import numpy as np
    import polars as pl

    found: FloatArray = sets[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found


def _means(
    axis: FloatArray,
    at: NDArray[np.int64],
    mar: FloatArray,
    cagr: FloatArray,
    profit: FloatArray,
) -> Iterator[ValueMean]:
    import numpy as np

    counts = np.bincount(at)
    earning = np.bincount(at, weights=profit > 0) / counts
    columns = [_mean_by(at, column, len(axis)) for column in (mar, cagr)]
    for k, value in enumerate(axis):
        own = [None if np.isnan(c[k]) else float(c[k]) for c in columns]
        yield ValueMean(float(value), int(counts[k]), own[0], own[1], float(earning[k]))


def _mean_by(at: NDArray[np.int64], y: FloatArray, size: int) -> FloatArray:
    """Return the mean of what is defined, for each value.

    Sums go by row in the order of the table, so that equal tables give equal bytes.
    """
    import numpy as np

    known = np.isfinite(y)
    counts = np.bincount(at[known], minlength=size)
    sums = np.bincount(at[known], weights=y[known], minlength=size)
    found: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def _best(values: FloatArray, mar: FloatArray) -> tuple[float, float, float]:
    """Return lowest, lower median and highest value among the best tenth by MAR."""
    import numpy as np

    keys = np.where(np.isfinite(mar), mar, -np.inf)
    count = max(1, round(BEST_SHARE * int(np.isfinite(mar).sum())))
    good = np.sort(values[np.argsort(-keys, kind="stable")[:count]])
    return float(good[0]), float(good[(count - 1) // 2]), float(good[-1])


def _main_effect(at: NDArray[np.int64], y: FloatArray) -> float | None:
    """Return ``Var(E[y | parameter]) / Var(y)``."""
    import numpy as np

    known = np.isfinite(y)
    at, y = at[known], y[known]
    # Sets that stay invested differ by rounding alone, which no parameter explains.
    if len(y) < 2 or float(np.std(y)) <= 1e-9 * abs(float(np.mean(y))):
        return None
    counts = np.bincount(at)
    sums = np.bincount(at, weights=y)
    there = counts > 0
    means = sums[there] / counts[there]
    between = float((counts[there] * (means - y.mean()) ** 2).sum()) / len(y)
    return between / float(np.var(y))


def effects_of_run(
    results: Sequence[Mapping[str, Any]],
) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    """Return main and total effect on the annual return, by strategy and parameter.

    Parameters
    ----------
    results
        What ``run.json`` says, an item a strategy; what an item lacks is left out.
    """
    found: dict[tuple[str, str], tuple[float | None, float | None]] = {}
    for item in results:
        explained = (item.get("sensitivity") or {}).get("return") or {}
        for factor in explained.get("factors", ()):
            for name in factor["parameters"]:
                found[item["strategy"], name] = (factor.get("main"), factor.get("total"))
    return found
