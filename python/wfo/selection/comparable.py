"""Figures of candidates that compare with buy-and-hold, with other phases, and other runs.

Money does not: phases start with the same capital, but their out-of-sample parts with the equity at
the end of the in-sample part. So returns are of the equity that a part starts with, and annual ones
are by the bars of a year, as buy-and-hold's are in `wfo.backtest.benchmark`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    from wfo.backtest.benchmark import Benchmark
    from wfo.backtest.checks import Bounds
    from wfo.backtest.feeds import Feeds
    from wfo.grid import Grid
    from wfo.settings import AccountSettings

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Largest relative drawdowns out of sample at some flat indices, one array a phase.
Shares = Callable[["IndexArray"], Sequence["FloatArray"]]

#: How the names of columns of money end.
_MONEY = ("_PnL", "_DD")

#: Numbers from here on have no decimals to show.
_LARGEST = 1e15

#: Candidates that are computed together.
_PIECE = 1 << 14

#: Outcomes that are simulated for their relative drawdown at most: about a second on two cores.
SIMULATED = 50_000

#: Combinations that are simulated together: short enough for Ctrl-C.
_BLOCK = 1 << 13


def total_returns(capital: float, is_pnl: ArrayLike, oos_pnl: ArrayLike) -> FloatArray:
    """Return out-of-sample returns, fractions; -1 where the equity before is not positive.

    Parameters
    ----------
    capital
        What the phase starts with, in currency.
    is_pnl, oos_pnl
        Profit or loss of either part, in currency, one number a combination.
    """
    import numpy as np

    before = capital + np.asarray(is_pnl, np.float64)
    found = np.full(before.shape, -1.0)
    np.divide(oos_pnl, before, out=found, where=~(before <= 0))
    return found


def annual_returns(returns: ArrayLike, exponent: float) -> FloatArray:
    """Return ``(1 + return) ** exponent - 1``; -1 where nothing is left, NaN beyond all numbers.

    Parameters
    ----------
    returns
        Fractions.
    exponent
        The bars of a year by those of the part.
    """
    import numpy as np

    growth = np.array(returns, np.float64)
    growth[growth <= -1] = -1.0
    with np.errstate(divide="ignore", over="ignore"):
        np.log1p(growth, out=growth)
        growth *= exponent
        np.expm1(growth, out=growth)
    growth[np.isinf(growth)] = np.nan
    return growth


def comparable_columns(
    benchmark: Benchmark, number: int, is_pnl: ArrayLike, oos_pnl: ArrayLike
) -> list[pl.Series]:
    """Return the comparable figures of one phase, which follow its others among the candidates.

    They are float32, as the figures are that they are made of. ``P<k>_OOS_DD_Share`` is not made of
    those, and null until `with_drawdown_shares` fills it.

    Parameters
    ----------
    benchmark
        Buy-and-hold over the phase.
    number
        Of the phase, from 1.
    is_pnl, oos_pnl
        Profit or loss of either part, in currency, one number a candidate.
    """
    import numpy as np
    import polars as pl

    earned, kept = np.asarray(is_pnl), np.asarray(oos_pnl)
    n, capital = len(earned), benchmark.capital
    names = ("OOS_Return", "OOS_Return_Annual", "Return_WFE")
    found = {name: np.empty(n, np.float32) for name in names}
    # In pieces, so that intermediate columns stay in a cache.
    for start in range(0, n, _PIECE):
        part = slice(start, start + _PIECE)
        returns = total_returns(capital, earned[part], kept[part])
        annual = annual_returns(returns, benchmark.oos_exponent)
        before = annual_returns(
            earned[part].astype(np.float64) / capital, benchmark.bars_per_year / benchmark.is_bars
        )
        before[~(before > 0)] = np.nan
        with np.errstate(over="ignore"):
            for name, values in zip(names, (returns, annual, annual / before), strict=True):
                found[name][part] = values
    columns = {name: _series(values) for name, values in found.items()}
    columns["OOS_DD_Share"] = pl.repeat(None, n, dtype=pl.Float32, eager=True)
    columns["BuyHold_Return"] = pl.repeat(benchmark.oos_return, n, dtype=pl.Float32, eager=True)
    order = ("OOS_Return", "OOS_Return_Annual", "OOS_DD_Share", "Return_WFE", "BuyHold_Return")
    return [columns[name].alias(f"P{number}_{name}") for name in order]


def _series(values: NDArray[np.float32]) -> pl.Series:
    """Return figures as a series; null where there is no number."""
    import numpy as np
    import polars as pl

    known = np.isfinite(values)
    found = pl.Series(values)
    if known.all():
        return found
    return found.zip_with(pl.Series(known), pl.Series([None], dtype=pl.Float32))


def with_drawdown_shares(
    frame: pl.DataFrame,
    index: IndexArray,
    rows: int | None,
    shares: Shares,
    outcomes: int = SIMULATED,
) -> pl.DataFrame:
    """Return candidates with the relative drawdowns of the first of them.

    An outcome is simulated once, by the first of its members: they trade alike.

    Parameters
    ----------
    frame, index
        Candidates, and their flat indices, `Scores.candidates` and `Scores.index`.
    rows
        How many get theirs; None for all.
    shares
        Returns the largest relative drawdowns out of sample at some flat indices, float64[m] a
        phase, NaN where there is none; `simulated_shares` returns one.
    outcomes
        How many of the best outcomes are simulated at most; the others keep their nulls.
    """
    import numpy as np

    count = len(frame) if rows is None else min(rows, len(frame))
    outcome = frame["Outcome"].to_numpy()[:count]
    among = np.flatnonzero(outcome <= outcomes)
    _, first, which = np.unique(outcome[among], return_index=True, return_inverse=True)
    columns = []
    for k, found in enumerate(shares(index[among[first]]), 1):
        column = np.full(len(frame), np.nan, np.float32)
        column[among] = found[which]
        columns.append(_series(column).alias(f"P{k}_OOS_DD_Share"))
    return frame.with_columns(columns)


def simulated_shares(
    feeds: Feeds,
    grid: Grid,
    settings: AccountSettings | None,
    bounds: Sequence[Bounds],
    threads: int | None = None,
    *,
    tick: Callable[[int], None] = lambda _: None,
) -> Shares:
    """Return what simulates combinations for `with_drawdown_shares`.

    Parameters
    ----------
    feeds, grid, settings, bounds, threads
        What was swept, and with what.
    tick
        Called with the number of combinations that were just finished.
    """

    def shares(indices: IndexArray) -> list[FloatArray]:
        import numpy as np

        from wfo.backtest.engines import single_engine
        from wfo.backtest.evaluate import Evaluator

        # What lies far apart in a grid shares nothing, and the direct engine prepares nothing.
        engine = single_engine(grid.strategy)
        evaluator = Evaluator(
            grid.strategy, feeds, grid, bounds, settings, engine, threads, "extended"
        )
        found = [np.empty(len(indices)) for _ in bounds]
        for start in range(0, len(indices), _BLOCK):
            piece = indices[start : start + _BLOCK]
            for column, figures in zip(found, evaluator.list(piece), strict=True):
                column[start : start + len(piece)] = figures.oos_dd_share
            tick(len(piece))
        return found

    return shares


def rounded(frame: pl.DataFrame, parameters: Collection[str]) -> pl.DataFrame:
    """Return candidates as in their CSV file, with as many decimals as are significant.

    Money has two, other figures four, always; parameters and counts are as they are.

    Parameters
    ----------
    frame
        Candidates.
    parameters
        Names of the columns that are parameters.
    """
    return frame.with_columns(
        _decimals(frame[name], 2 if name.endswith(_MONEY) else 4)
        for name, dtype in frame.schema.items()
        if dtype.is_float() and name not in parameters
    )


def _decimals(column: pl.Series, digits: int) -> pl.Series:
    """Return a column that is written with so many decimals."""
    import polars as pl

    wide = column.cast(pl.Float64)
    # Values that decimals cannot hold are written as floating-point numbers.
    if not (wide.is_finite() & (wide.abs() < _LARGEST)).all():
        return wide.round(digits)
    return wide.cast(pl.Decimal(38, digits))
