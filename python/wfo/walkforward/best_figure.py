"""The best combination of a grid by a figure of each in-sample part, all parts in one sweep.

Figures are compared as float32, as a run stores them, so that combinations that trade alike tie to
the last bit, and the most central of them is chosen. Memory does not grow with the grid: of more
ties than are held the values are counted, and a second sweep finds the most central one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest import Feeds, Figures
from wfo.backtest.checks import Bounds
from wfo.metrics import inferred_bars_per_year
from wfo.progress import Progress
from wfo.search.evaluating.figures import STANDARD, part_columns
from wfo.search.objective import known
from wfo.walkforward.central import Nearest, Ties
from wfo.walkforward.chosen import Chosen
from wfo.walkforward.criteria import Criterion
from wfo.walkforward.parts import Part, Sweeper, in_sample_bounds, sealed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32Array = NDArray[np.float32]
    IndexArray = NDArray[np.int64]

#: Ties of a part that are held by their index, at most, and bytes of one.
_MOST_TIES, _TIE_BYTES = 1 << 20, 16

#: How far rounding may take a figure beyond the range that its definition allows.
_ROUNDING = 1e-6

#: How far below the best so far a figure computed in float32 may lie, as a share of it.
_SCREEN = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class BestByFigure:
    """Chooses by a figure.

    Attributes
    ----------
    sweeper
        What sweeps the grid.
    criterion
        A figure.
    progress
        Where to tell how far it is.
    ties
        Ties that are held in all; results do not depend on it.
    """

    sweeper: Sweeper
    criterion: Criterion
    progress: Progress
    ties: int

    @property
    def passes(self) -> int:
        """How often the grid is swept."""
        return 1

    def check(self, parts: Sequence[Part]) -> None:
        """Do nothing: a figure needs no more bars than a part has."""

    def swept(self, parts: Sequence[Part]) -> tuple[Feeds, list[Bounds]]:
        """Return the bars and the phases that are swept for parts."""
        feeds = sealed(self.sweeper.history.feeds, max(end for _, end in parts))
        return feeds, [in_sample_bounds(part) for part in parts]

    def groups(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """Yield the parts that are swept together, in their order."""
        if not parts:
            return
        feeds, bounds = self.swept(parts[:1])
        most = self.sweeper.most_phases(feeds, bounds[0])
        for start in range(0, len(parts), most):
            yield list(parts[start : start + most])

    def choose(self, parts: Sequence[Part], title: str) -> list[Chosen]:
        """Return what each part chooses.

        Parameters
        ----------
        parts
            A group of distinct parts.
        title
            What they are called while they are swept.
        """
        grid = self.sweeper.grid
        limit = min(_MOST_TIES, self.ties // len(parts))
        values = [_Values.of(self.sweeper, self.criterion, part) for part in parts]
        found = [_Best(Ties(grid, limit)) for _ in parts]
        for start, block in self._sweep(parts, title):
            for best, of, figures in zip(found, values, block, strict=True):
                rows = of.promising(figures, best.value)
                few = figures if rows is None else Figures(*(c[rows] for c in figures))
                best.add(start, of(few), rows)
        return self._settled(parts, values, found, title)

    def _settled(
        self,
        parts: Sequence[Part],
        values: Sequence[_Values],
        found: Sequence[_Best],
        title: str,
    ) -> list[Chosen]:
        """Return what is chosen, after another sweep of the parts with more ties than are held."""
        import numpy as np

        many = [at for at, best in enumerate(found) if not best.ties.is_held]
        nearest = {at: Nearest(found[at].ties.counts) for at in many}
        if many:
            again = self._sweep([parts[at] for at in many], f"{title}, looking through ties")
            for start, block in again:
                for at, figures in zip(many, block, strict=True):
                    equal = values[at](figures) == np.float32(found[at].value)
                    nearest[at].add(start + np.flatnonzero(equal))
        return [
            self._chosen(
                best, nearest[at].index if at in nearest else best.ties.central(), values[at].sign
            )
            for at, best in enumerate(found)
        ]

    def _chosen(self, best: _Best, index: int | None, sign: int) -> Chosen:
        if index is None:
            least = self.criterion.min_trades
            trades = f" with {least:,} trades or more" if least else ""
            return Chosen.nothing(f"no combination{trades} has {self.criterion.figure} in-sample")
        params = self.sweeper.grid.params(index)
        return Chosen(index, params, sign * best.value, best.ties.size)

    def _sweep(self, parts: Sequence[Part], title: str) -> Iterator[tuple[int, list[Figures]]]:
        total = len(parts) * len(self.sweeper.grid)
        with self.progress.stage(title, total) as tick:
            yield from self.sweeper.sweep(*self.swept(parts), tick)


@dataclass(frozen=True, slots=True)
class _Values:
    """Makes values of figures, the higher the better, NaN of what cannot be chosen."""

    name: str
    sign: int
    least: float
    most: float
    min_trades: int
    capital: float
    bars: int
    bars_per_year: float

    @classmethod
    def of(cls, sweeper: Sweeper, criterion: Criterion, part: Part) -> _Values:
        """Return that of one part."""
        history, (first, end) = sweeper.history, part
        name = criterion.figure
        assert name is not None  # noqa: S101  # what is scored has its own way
        of = known(name)
        year = history.bars_per_year
        if criterion.extended and not history.year_given and history.feeds.stamps is not None:
            # Of in-sample dates alone: a ratio of annual figures may rank otherwise by another one.
            year = inferred_bars_per_year(history.feeds.stamps[:end])
        return cls(
            name,
            -1 if of.direction == "minimise" else 1,
            of.least,
            of.most,
            criterion.min_trades,
            history.settings.capital,
            end - first,
            year,
        )

    def promising(self, found: Figures, best: float) -> IndexArray | None:
        """Return which of m combinations may be as good as the best so far; None for all of them.

        Of a grid of millions few can be. They are told by the figure as float32 computes it, with
        more room than its rounding takes; the other steps are for them alone.

        Parameters
        ----------
        found
            Standard figures, or extended ones.
        best
            The best value so far, in the order of what is called; -inf before there is any.
        """
        import numpy as np

        if self.name not in STANDARD:
            return None
        pnl, fall = found.is_pnl, found.is_dd
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.name == "profit_by_drawdown":
                worth = pnl / fall
                worth[~((fall > 0) & np.isfinite(worth))] = -np.inf
            elif self.name == "max_drawdown":
                worth = -fall
            elif self.name == "trades":
                worth = found.is_trades.astype(np.float32)
            else:
                worth = pnl / np.float32(self.capital if self.name == "total_return" else 1.0)
        if self.min_trades:
            worth = np.where(found.is_trades < self.min_trades, -np.inf, worth)
        floor = max(best, float(worth.max(initial=-np.inf)))
        rows: IndexArray = np.flatnonzero(worth >= floor - _SCREEN * (abs(floor) + _SCREEN))
        return rows

    def __call__(self, found: Figures) -> Float32Array:
        """Return the values of m combinations, float32[m]."""
        import numpy as np

        with np.errstate(over="ignore"):
            own = part_columns(found, "is_", self.capital, self.bars, self.bars_per_year)
            value = own[self.name].astype(np.float32)
        out = ~np.isfinite(value)
        if not math.isinf(self.least):
            out |= value < self.least - _ROUNDING
        if not math.isinf(self.most):
            out |= value > self.most + _ROUNDING
        if self.min_trades:
            out |= found.is_trades < self.min_trades
        value[out] = np.nan
        return value if self.sign > 0 else -value


class _Best:
    """The best value so far, and the combinations that have it."""

    def __init__(self, ties: Ties) -> None:
        self.ties = ties
        self.value = -math.inf

    def add(self, start: int, values: Float32Array, rows: IndexArray | None) -> None:
        """Look at combinations by their places behind flat index `start`; None for all there."""
        import numpy as np

        top = np.fmax.reduce(values, initial=np.nan)
        # NaN where all are.
        if not top >= self.value:
            return
        if top > self.value:
            self.ties.clear()
            self.value = float(top)
        equal = np.flatnonzero(values == top)
        self.ties.add(start + (equal if rows is None else rows[equal]))


def ties_within(room: int) -> int:
    """Return how many ties are held in some bytes."""
    return room // _TIE_BYTES
