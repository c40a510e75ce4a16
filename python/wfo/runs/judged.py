"""Regions of plateaus, and how they do where they were not looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.grid import Grid
from wfo.runs.market import Market
from wfo.runs.whole import Sampled
from wfo.selection.gates import Gates
from wfo.selection.plateaus import Plateaus
from wfo.selection.regions import (
    Asked,
    LastPhases,
    Region,
    evaluation,
    find_regions,
    judge_last_phases,
    sample_digits,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The regions of some plateaus.

    Attributes
    ----------
    regions
        One for each plateau, in their order.
    trades
        Median out-of-sample trades over all phases of the sampled stable combinations in each; NaN
        where none is.
    last_phase
        How they do on bars that they were not found on.
    """

    regions: tuple[Region, ...]
    trades: tuple[float, ...]
    last_phase: LastPhases

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "regions": [r.to_dict() for r in self.regions],
            "last_phase": self.last_phase.to_dict(),
        }


def judge(
    market: Market, grid: Grid, sampled: Sampled, asked: Sequence[tuple[Gates, int, Plateaus]]
) -> list[Judged]:
    """Find the regions of plateaus, and judge them.

    Parameters
    ----------
    market
        What they are judged on.
    grid
        What was swept.
    sampled
        The sample that regions are found in.
    asked
        For each set of gates the phases in which its stable combinations are valid, and its
        plateaus.
    """
    import numpy as np

    gathered = sampled.gathered
    digits = sample_digits(grid, gathered.indices)
    trades = np.sum([f.oos_trades.astype(np.int64) for f in gathered.block], axis=0)
    found: list[tuple[tuple[Region, ...], tuple[float, ...]]] = []
    for gates, least, plateaus in asked:
        stable = sampled.valid_phases(gates) >= least
        regions = find_regions(plateaus, grid, digits, stable) if len(plateaus) else ()
        found.append((regions, tuple(_median(r, grid, digits, stable, trades) for r in regions)))
    last = judge_last_phases(
        [Asked(tuple(plateaus), gates, least) for gates, least, plateaus in asked],
        grid,
        market.data(grid.strategy),
        market.bounds,
        settings=grid.strategy.settings_of(market.settings),
        bars_per_year=market.bars_per_year,
        evaluate=evaluation(grid, grid.strategy.settings_of(market.settings), market.threads),
    )
    return [Judged(*each, judged) for each, judged in zip(found, last, strict=True)]


def _median(
    region: Region, grid: Grid, digits: IntArray, stable: BoolArray, trades: IntArray
) -> float:
    """Return the median trades of the stable combinations of a sample inside a region."""
    import numpy as np

    inside = stable.copy()
    for at, name in enumerate(grid.strategy.names):
        low, high = region.bounds[name]
        axis = np.asarray(grid.values[name], np.float64)
        inside &= ((axis >= low) & (axis <= high))[digits[:, at]]
    return float(np.median(trades[inside])) if inside.any() else float("nan")
