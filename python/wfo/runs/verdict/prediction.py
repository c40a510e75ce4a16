"""Whether stability predicted the last phase: what was known before it, and what came of it.

The phases before the last one say which combinations are stable, which parts of the map are
plateaus, and how stable each is. The last phase is traded with its split moved to the end of the
phases before, so that none of its judged bars was seen by any of that. In-sample profit is that of
the last phase up to the moved split: what an optimization without a walk would have ranked by.

Returns, and in-sample profits as shares of the capital, count in millionths: sets that hold alike
differ below that by the rounding of what is stored, and would be ordered by it.

An excess over buy-and-hold is a return less the same number for every combination. So its ranks are
those of the return, and one correlation says both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.backtest import Figures
from wfo.backtest.benchmark import Benchmark, benchmark
from wfo.backtest.engines import engines_of
from wfo.grid import Grid
from wfo.runs.market import Bounds, Market
from wfo.runs.verdict.record import (
    Association,
    Correlation,
    Followed,
    Prediction,
    StrategyPrediction,
)
from wfo.sampling import sample_indices
from wfo.selection.gates import Gates
from wfo.selection.plateaus import detect_plateaus
from wfo.selection.regions import SWEPT_WHOLE, evaluation, sample_digits, unseen_part, validity
from wfo.selection.scoring import Cells
from wfo.stats.ranks import spearman
from wfo.strategy import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Sampled combinations of a strategy, where the core computes them and where Python does.
SAMPLED, SAMPLED_IN_PYTHON = 100_000, 10_000

#: Stream of the sample; 0 is that of regions.
STREAM = 2

#: Sampled combinations of a cell or box in which a share and a median are read, at least.
LEAST_INSIDE = 20

#: Cells or boxes that a rank correlation is over, at least.
LEAST_PLACES = 5

#: Decimals of returns and of profit by capital: beyond them stored figures differ by rounding.
DIGITS = 6

#: Called with the number of combinations that were just computed.
Tick = Callable[[int], None]


def predict(
    market: Market,
    asked: Sequence[tuple[Grid, Gates, int]],
    *,
    count: int | None = None,
    tick: Tick = lambda _: None,
) -> Prediction:
    """Test on the last phase what stability in the phases before it was worth.

    Parameters
    ----------
    market
        Bars, phases and settings of the run.
    asked
        For each strategy its grid, the gates that rule, and in how many phases its stable
        combinations are valid; without the last phase in one less.
    count
        Sampled combinations of a strategy at most; of a grid that has no more, all.
    tick
        Called as strategies are done, with their sampled combinations.

    Returns
    -------
    Prediction
        Without strategies, and with the reason, where there is no test.
    """
    bounds, reason = unseen_part(market.bounds)
    if bounds is None:
        return Prediction(None, None, None, "", "", (), reason)
    parts = [*market.bounds[:-1], bounds]
    prices = bars_module.prices(market.inputs.bars)
    year = market.bars_per_year
    held = [benchmark(prices, part, market.settings, year) for part in parts]
    found = []
    for grid, gates, least in asked:
        indices = sampled_indices(grid, count)
        figures = _figures(market, grid, indices, parts)
        seen = Seen(grid, indices, figures, held, gates, max(1, least - 1))
        found.append(seen.prediction())
        tick(len(indices))
    stamps = bars_module.dates(market.inputs.bars)
    first, last = (stamps[at].isoformat() for at in (bounds[1], bounds[2] - 1))
    return Prediction(*bounds, first, last, tuple(found))


def sampled_indices(grid: Grid, count: int | None = None) -> IndexArray:
    """Return flat indices of the sample of a grid, each once, ascending; all of a small grid.

    Parameters
    ----------
    grid
        What was searched.
    count
        How many at most; by default as many as what computes them does in seconds.
    """
    import numpy as np

    if count is None:
        # A kernel in Python takes a thousand times as long a combination as the core.
        count = SAMPLED if "direct" in engines_of(grid.strategy) else SAMPLED_IN_PYTHON
    if len(grid) <= count:
        return np.arange(len(grid))
    return np.unique(sample_indices(len(grid), count, STREAM))


def _figures(
    market: Market, grid: Grid, indices: IndexArray, parts: Sequence[Bounds]
) -> list[Figures]:
    """Return the figures of combinations over parts of the run's bars, as result files hold them.

    Nothing after the last phase takes part, however many bars there are.
    """
    feeds = market.data(grid.strategy).until(max(end for _, _, end in parts))
    if len(grid) <= SWEPT_WHOLE * len(indices):
        used = grid.strategy.settings_of(market.settings)
        return list(evaluation(grid, used, market.threads)(indices, feeds, parts))
    return market.stored(grid, indices, parts, feeds)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Sampled combinations of a grid, over the phases before the last one and its new bars.

    Attributes
    ----------
    grid
        What was searched.
    indices
        Which of its combinations, int64[m], ascending.
    figures, held
        Of them and of buy-and-hold; an item a phase, the last one with its split moved.
    gates, least
        What makes a combination valid, and in how many phases before the last a stable one is.
    """

    grid: Grid
    indices: IndexArray
    figures: Sequence[Figures]
    held: Sequence[Benchmark]
    gates: Gates
    least: int

    def prediction(self) -> StrategyPrediction:
        """Return what stability was worth."""
        import numpy as np

        stable, stability, outcome, valid_phases = self._scored()
        last, held = self.figures[-1], self.held[-1]
        earned = last.is_pnl.astype(np.float64)
        equity = held.capital + earned
        with np.errstate(divide="ignore", invalid="ignore"):
            returned = np.where(equity > 0, last.oos_pnl / equity, -1.0)
        # Sets that hold alike differ in the last digits of what is stored, which order nothing.
        profit, results = (_rounded(each) for each in (earned / held.capital, returned))
        is_stable = np.zeros(len(self.indices), np.bool_)
        is_stable[stable] = True
        exact = len(self.indices) == len(self.grid)

        def over(
            name: str, before: FloatArray, earned: FloatArray, then: FloatArray
        ) -> Association:
            pairs = (before, earned)
            return Association(name, *(correlation(each, then, exact=exact) for each in pairs))

        cells, boxes = self._cells(), self._boxes()
        associations = [
            over("candidates", stability, profit[stable], results[stable]),
            over("all", valid_phases.astype(np.float64), profit, results),
            *(
                over(name, *_by_place(places, is_stable, profit, results))
                for name, places in (("cells", cells), ("boxes", boxes))
                if places is not None
            ),
        ]
        return StrategyPrediction(
            strategy=self.grid.strategy.name,
            sampled=len(self.indices),
            exact=exact,
            stream=STREAM,
            stable=len(stable),
            least=self.least,
            associations=tuple(associations),
            followed=self._followed(stable, stability, outcome, is_stable, profit, results),
            reason=""
            if len(stable)
            else "none of the sampled combinations is stable without the last phase",
        )

    def _scored(self) -> tuple[IndexArray, FloatArray, IndexArray, IndexArray]:
        """Score the phases before the last one.

        Returns
        -------
        stable, stability, outcome
            Which of the sample are stable, int64[s], best first, and their stability and outcome.
        valid_phases
            In how many phases each of the sample is valid, int64[m].
        """
        import numpy as np

        from wfo import _core

        before, held = [tuple(phase) for phase in self.figures[:-1]], self.held[:-1]
        gates = self.gates.core(held)
        statistics = _core.GridStatistics(len(before), gates, [], 1)
        statistics.add(0, before)
        valid_phases = np.sum(validity(self.figures[:-1], self.gates, held), axis=0)
        count = int(np.count_nonzero(valid_phases >= self.least))
        selection = _core.Selection(statistics.ranking(), gates, self.least, count, 1)
        if count:
            selection.add(0, before)
        rows = selection.finish()
        outcome = rows["Outcome"].astype(np.int64)
        return rows["index"], rows["Stability_Score"], outcome, valid_phases

    def _cells(self) -> IndexArray | None:
        """Return the cell of the map that each of the sample lies in, int64[m]."""
        if self.grid.strategy.map_axes is None:
            return None
        x, y = (self.grid.digits(name, self.indices) for name in self.grid.strategy.map_axes)
        found: IndexArray = x * len(self.grid.values[self.grid.strategy.map_axes[1]]) + y
        return found

    def _boxes(self) -> IndexArray | None:
        """Return the box that each of the sample lies in, int64[m].

        The axes of all parameters are halved in the middle of their values, as many as leave
        `LEAST_INSIDE` of the sample in a box on average, the longest axes first, then in canonical
        order. None where that leaves fewer than `LEAST_PLACES` boxes.
        """
        import numpy as np

        axes = [(name, sorted(axis)) for name, axis in self.grid.values.items() if len(axis) > 1]
        axes.sort(key=lambda each: -len(each[1]))
        found = np.zeros(len(self.indices), np.int64)
        boxes = 1
        for name, ordered in axes:
            if 2 * boxes * LEAST_INSIDE > len(self.indices):
                break
            upper = set(ordered[len(ordered) // 2 :])
            above = np.array([value in upper for value in self.grid.values[name]])
            found = 2 * found + above[self.grid.digits(name, self.indices)]
            boxes *= 2
        return found if boxes >= LEAST_PLACES else None

    def _followed(
        self,
        stable: IndexArray,
        stability: FloatArray,
        outcome: IndexArray,
        is_stable: BoolArray,
        profit: FloatArray,
        results: FloatArray,
    ) -> tuple[Followed, ...]:
        """Return what each choice came to."""
        import numpy as np

        held = self.held[-1].oos_return
        none = "none of the sampled combinations is stable without the last phase"

        def came_to(choice: str, result: float, params: Mapping[str, Number] | None) -> Followed:
            alike = np.abs(results - result) <= 10.0**-DIGITS
            better = np.mean(~alike & (results > result)) + np.mean(alike) / 2
            return Followed(choice, params, float(result), float(result - held), float(better))

        def of(choice: str, row: int) -> Followed:
            return came_to(choice, results[row], self.grid.params(int(self.indices[row])))

        def lacks(choice: str, reason: str) -> Followed:
            return Followed(choice, None, None, None, None, reason)

        found = []
        if len(stable):
            found.append(of("most stable", self._central(stable[outcome == outcome[0]])))
            row, reason = self._best_of_plateau(stable, stability, outcome, is_stable)
            found.append(lacks("best plateau", reason) if row is None else of("best plateau", row))
        else:
            found += [lacks("most stable", none), lacks("best plateau", none)]
        found.append(of("best in-sample", int(np.argmax(profit))))
        found.append(came_to("median", float(np.median(results)), None))
        found.append(came_to("buy-and-hold", held, None))
        return tuple(found)

    def _best_of_plateau(
        self,
        stable: IndexArray,
        stability: FloatArray,
        outcome: IndexArray,
        is_stable: BoolArray,
    ) -> tuple[int | None, str]:
        """Return the first outcome of the best plateau, by its most central member; or why not."""
        import numpy as np
        import polars as pl

        grid = self.grid
        cells = None
        chosen = self.indices[stable]
        if grid.strategy.map_axes is not None:
            x, y = (grid.digits(name, self.indices) for name in grid.strategy.map_axes)
            cells = Cells.empty(grid)
            cells.total[:] = 0
            np.add.at(cells.total, (x, y), 1)
            np.add.at(cells.stable, (x[is_stable], y[is_stable]), 1)
        names = grid.strategy.map_axes or ()
        frame = pl.DataFrame(
            [pl.Series(name, grid.column(name, chosen)) for name in names]
            + [pl.Series("Stability_Score", stability), pl.Series("at", np.arange(len(stable)))]
        )
        plateaus = detect_plateaus(frame, grid, cells=cells)
        if not len(plateaus):
            return None, plateaus.note or "the map has no plateau without the last phase"
        own = plateaus[0].candidates(frame, grid)
        if own.is_empty():
            return None, "no candidate lies in the best plateau"
        first = int(own["at"][0])
        return self._central(stable[outcome == outcome[first]]), ""

    def _central(self, rows: IndexArray) -> int:
        """Return which of some rows has the least sum of grid steps to the others, the first."""
        import numpy as np

        rows = np.sort(rows)
        digits = sample_digits(self.grid, self.indices[rows])
        cost = np.zeros(len(rows))
        for column in digits.T:
            counts = np.bincount(column)
            at = np.arange(len(counts))
            cost += (np.abs(at[:, None] - at[None, :]) @ counts)[column]
        return int(rows[np.argmin(cost)])


def _rounded(values: FloatArray) -> FloatArray:
    """Return values in as many decimals as stored figures tell apart."""
    found: FloatArray = values.round(DIGITS)
    return found


def correlation(x: FloatArray, y: FloatArray, *, exact: bool) -> Correlation:
    """Return the rank correlation of pairs, or why there is none.

    Parameters
    ----------
    x, y
        float64[m] each.
    exact
        Whether they are all pairs there are, or a sample.
    """
    import math

    if len(x) < LEAST_PLACES:
        few = f"there are {len(x)}, and fewer than {LEAST_PLACES} have no order to speak of"
        return Correlation(None, len(x), exact, few)
    value = spearman(x, y)
    if math.isnan(value):
        return Correlation(None, len(x), exact, "one of the two is the same for all")
    return Correlation(value, len(x), exact)


def _by_place(
    places: IndexArray, is_stable: BoolArray, profit: FloatArray, results: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return stable share, median profit and median return of every cell or box.

    Those with fewer than `LEAST_INSIDE` of the sample are left out.
    """
    import numpy as np

    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    groups: list[Any] = [g for g in np.split(order, starts[1:]) if len(g) >= LEAST_INSIDE]
    share = np.array([is_stable[g].mean() for g in groups])
    earned = np.array([np.median(profit[g]) for g in groups])
    then = np.array([np.median(results[g]) for g in groups])
    return share, earned, then
