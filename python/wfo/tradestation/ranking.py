"""Ranks of refined sets: six metrics, rank sums, the risk-averse order, and equal outcomes once.

Every set is ranked by each metric, the best first, ties with the mean of their ranks, what is not
defined last; the sum of a set's ranks is its rank sum, and the lowest one is the best. The metrics
are those of `wfo.metrics`, here from sums, for many sets at once.

Robustness is one number for all sets of a plateau, so that it separates plateaus and not their
sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from wfo.errors import InputError
from wfo.metrics import ROUNDING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

Unit = Literal["money", "share", "ratio", "count"]

#: Where a row comes from, and what it is ranked on, as the tables say it.
WFO, TRADESTATION = "wfo", "TradeStation"
SIMULATION, REPORT = "simulation", "report"


class Column(NamedTuple):
    """A column of figures.

    Attributes
    ----------
    name
        Its heading.
    unit
        What it counts in: currency, a fraction, a ratio, or a number.
    about
        What it is, in a few words.
    """

    name: str
    unit: Unit
    about: str


#: Columns that say which set a row is, before its parameters.
KEYS = ("Strategy", "Rank", "Part", "Source", "File", "TestNum", "Ranked_On", "Members")

#: Figures of a set, over the whole history.
FIGURES: tuple[Column, ...] = (
    Column("Net_Profit", "money", "last mark minus the capital, the open position included"),
    Column("CAGR", "share", "annual growth of the equity"),
    Column("Max_DD", "money", "largest fall of the equity from its peak"),
    Column("Max_DD_Share", "share", "largest fall as a share of its peak"),
    Column("MAR", "ratio", "CAGR by the largest relative drawdown"),
    Column("Sharpe", "ratio", "annual mean of the bars' returns by their spread"),
    Column("Sortino", "ratio", "annual mean of the bars' returns by their downside deviation"),
    Column("Profit_Factor", "ratio", "gross profit of the closed trades by their gross loss"),
    Column("Net_Profit_By_DD", "ratio", "net profit by the largest drawdown, both in money"),
    Column("Robustness", "share", "share of the sets of the source plateau that earn"),
    Column("Trades", "count", "closed trades"),
    Column("Exposure", "share", "share of the bars at whose close a position is held"),
    Column("Win_Loss", "ratio", "average winning by average losing trade"),
    Column("Expectancy_By_Spread", "ratio", "mean profit of a trade by its standard deviation"),
)

#: The six metrics, and those of the risk-averse order, by their columns.
METRICS = ("MAR", "Sharpe", "Sortino", "Profit_Factor", "Net_Profit_By_DD", "Robustness")
RISK_AVERSE = (
    *("Sortino", "MAR", "Win_Loss", "Expectancy_By_Spread", "Profit_Factor", "Robustness"),
)

#: Ranks by each of the six metrics, and what they come to.
RANKS = tuple(f"Rank_{name}" for name in METRICS)
SUMS = ("Rank_Sum", "Risk_Averse_Sum", "Risk_Averse_Place")

#: What a report that another program wrote says of the same parameters; null without one.
REPORTED: tuple[Column, ...] = (
    Column("TS_Net_Profit", "money", "net profit of the closed trades, by the report"),
    Column("TS_Trades", "count", "closed trades, by the report"),
    Column("TS_Profit_Factor", "ratio", "profit factor, by the report"),
    Column("TS_Max_Intraday_DD", "money", "largest drawdown within bars, negative, by the report"),
)

#: By how much of its own size a figure differs from buy-and-hold's that is not the same: sets that
#: stay invested equal it up to rounding.
SAME = 1e-6

#: A variance this small a share of the mean square is what rounding leaves of equal profits.
_NO_VARIANCE = 16 * 2.0**-52


def combined_columns(parameters: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the combined table, in order.

    Parameters
    ----------
    parameters
        Those of all strategies.

    Raises
    ------
    InputError
        If a parameter is called like another column.
    """
    figures = [c.name for c in FIGURES]
    reported = [c.name for c in REPORTED]
    others = {"Row", *KEYS, *figures, *RANKS, *SUMS, *reported}
    for name in parameters:
        if name in others:
            raise InputError(
                f"the parameter {name!r} is called like a column of the analysis; register the"
                " strategy with another name for it"
            )
    return ("Row", *KEYS, *parameters, *figures, *RANKS, *SUMS, *reported)


@dataclass(frozen=True, slots=True)
class Span:
    """What figures of whole histories are annual by.

    Attributes
    ----------
    capital
        What every set starts with, in currency.
    bars
        Bars that trade, from the first trading bar to the end.
    bars_per_year
        Bars to a year.
    """

    capital: float
    bars: int
    bars_per_year: float


# Metrics


def simulated_figures(performance: Mapping[str, Any], span: Span) -> dict[str, FloatArray]:
    """Return the figures of simulated sets but robustness, float64[m] each.

    Parameters
    ----------
    performance
        The sums that they follow from, by name, float64[m] each; see
        `wfo.backtest.performance.FIELDS`.
    span
        Capital, bars and bars of a year.

    Returns
    -------
    dict
        By column; NaN where a figure is not defined.
    """
    import numpy as np

    from wfo.backtest.sweep_metrics import part_metrics

    p = {
        name: np.asarray(performance[name], np.float64)
        for name in (
            *("pnl", "trades", "wins", "losses", "gross_profit", "gross_loss", "sum_pnl2"),
            *("dd", "dd_share", "bars_held", "sum_r", "sum_r2", "sum_down2"),
        )
    }
    start = np.full(len(p["pnl"]), span.capital)
    found = part_metrics(p, start, span.bars, span.bars_per_year)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        win_loss = found["average_win"] / -found["average_loss"]
        fell = p["dd"] > ROUNDING * span.capital
        return {
            "Net_Profit": p["pnl"],
            "CAGR": found["cagr"],
            "Max_DD": p["dd"],
            "Max_DD_Share": p["dd_share"],
            "MAR": found["mar"],
            "Sharpe": found["sharpe"],
            "Sortino": found["sortino"],
            "Profit_Factor": found["profit_factor"],
            "Net_Profit_By_DD": np.where(fell, p["pnl"] / p["dd"], np.nan),
            "Trades": p["trades"],
            "Exposure": found["exposure"],
            "Win_Loss": win_loss,
            "Expectancy_By_Spread": found["expectancy"] / _trade_spread(p),
        }


def _trade_spread(p: Mapping[str, FloatArray]) -> FloatArray:
    """Return the standard deviation of trades' profits over n - 1; NaN where there is none."""
    import numpy as np

    count, squares = p["trades"], p["sum_pnl2"]
    mean = (p["gross_profit"] + p["gross_loss"]) / count
    variance = (squares - count * mean * mean) / (count - 1)
    spread: FloatArray = np.where(
        (count > 1) & (variance * (count - 1) > _NO_VARIANCE * squares), np.sqrt(variance), np.nan
    )
    return spread


def report_figures(reported: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the figures that a report has of sets that are not simulated, float64[m] each.

    A report knows closed trades and one drawdown, within bars. It has no dates and no equity, so
    what is made of returns is not defined.

    Parameters
    ----------
    reported
        ``net_profit``, ``trades``, ``profit_factor``, ``avg_win``, ``avg_loss`` (negative) and
        ``max_intraday_dd`` (negative), as `wfo.tradestation.headings.FIGURES` has them, float64[m]
        each, NaN where the report has none.

    Returns
    -------
    dict
        By column; NaN where a figure is not defined.
    """
    import numpy as np

    r = reported
    nan = np.full(len(r["net_profit"]), np.nan)
    fall = np.abs(r["max_intraday_dd"])
    with np.errstate(divide="ignore", invalid="ignore"):
        by_dd = r["net_profit"] / fall
        win_loss = r["avg_win"] / -r["avg_loss"]
    return {
        **dict.fromkeys(("CAGR", "Max_DD_Share", "MAR", "Sharpe", "Sortino"), nan),
        **dict.fromkeys(("Exposure", "Expectancy_By_Spread"), nan),
        "Net_Profit": r["net_profit"],
        "Max_DD": fall,
        "Profit_Factor": r["profit_factor"],
        "Net_Profit_By_DD": np.where(fall > 0, by_dd, np.nan),
        "Trades": r["trades"],
        "Win_Loss": np.where(r["avg_loss"] < 0, win_loss, np.nan),
    }


# Equal outcomes


def distinct(columns: Sequence[FloatArray]) -> tuple[IndexArray, IndexArray]:
    """Return which rows are the first of their kind, and the kind of every row.

    Parameters
    ----------
    columns
        What rows are equal in, float64[m] each, one at least; NaN equals NaN.

    Returns
    -------
    first, kind
        int64[g], ascending, and int64[m], numbers of kinds in the order of their first rows.
    """
    import numpy as np
    import polars as pl

    count = len(columns[0])
    # Most of many columns are the same in all rows, and tell none apart.
    telling = [c for c in columns if not _is_constant(c)]
    if not telling:
        return np.zeros(min(1, count), np.int64), np.zeros(count, np.int64)
    series = [pl.Series(f"v{k}", np.ascontiguousarray(c)) for k, c in enumerate(telling)]
    frame = pl.DataFrame([pl.Series("at", np.arange(count)), *series])
    names = frame.columns[1:]
    firsts = frame.select(pl.col("at").min().over(names)).to_series().to_numpy()
    is_first = firsts == np.arange(count)
    number = np.cumsum(is_first) - 1
    return np.flatnonzero(is_first), number[firsts]


def _is_constant(values: FloatArray) -> bool:
    """Whether all values are equal, or all NaN."""
    import numpy as np

    if not len(values):
        return True
    first = values[0]
    return bool(np.isnan(values).all() if np.isnan(first) else (values == first).all())


def central(steps: IndexArray, kind: IndexArray, order: IndexArray) -> IndexArray:
    """Return the most central row of each kind.

    That is the row with the least sum, over all parameters, of steps to the other rows of its kind,
    among equals the first one by `order`. Sums of absolute differences come from sorted values and
    their running sums, so that they are exact and the time does not grow with the square of a kind.

    Parameters
    ----------
    steps
        Where each row stands on the axis of each parameter, int64[m, k].
    kind
        Number of each row's kind, from 0 on without a gap, int64[m].
    order
        What decides among equals, the least first, int64[m].

    Returns
    -------
    int64[g]
        A row of each kind.
    """
    import numpy as np

    count, width = steps.shape
    sizes = np.bincount(kind)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    total = np.zeros(count, np.int64)
    # Of a kind of one or two members all sums are equal.
    busy = np.flatnonzero(sizes[kind] > 2)
    if busy.size:
        kinds, again = np.unique(kind[busy], return_inverse=True)
        many = sizes[kinds]
        start = np.concatenate([[0], np.cumsum(many)[:-1]])
        size, begin = many[again], start[again]
        for k in range(width):
            values = steps[busy, k]
            if not values.any():
                continue
            by = np.argsort(again * (int(values.max()) + 1) + values, kind="stable")
            ordered = values[by]
            running = np.cumsum(ordered)
            before = running - ordered - (running[begin[by]] - ordered[begin[by]])
            all_of = running[begin[by] + size[by] - 1] - (running[begin[by]] - ordered[begin[by]])
            at = np.arange(len(by)) - begin[by]
            after = all_of - before - ordered
            sums = (ordered * at - before) + (after - ordered * (size[by] - at - 1))
            total[busy[by]] += sums
    found: IndexArray = np.lexsort((order, total, kind))[first]
    return found


def axis_steps(params: FloatArray) -> IndexArray:
    """Return where each value stands among those that its parameter takes, int64[m, k].

    Parameters
    ----------
    params
        Parameters of m rows, float64[m, k].
    """
    import numpy as np

    found = np.zeros(params.shape, np.int64)
    for k in range(params.shape[1]):
        if not _is_constant(params[:, k]):
            found[:, k] = np.unique(params[:, k], return_inverse=True)[1]
    return found


# Ranks


def ranks(values: FloatArray) -> FloatArray:
    """Return the rank of each value, the largest first, from 1, float64[m].

    Equal values have the mean of their ranks, and so have all that are NaN, the last ones.
    """
    import numpy as np
    import polars as pl

    keys = np.where(np.isnan(values), -np.inf, values)
    return pl.Series(keys).rank("average", descending=True).to_numpy().astype(np.float64)


def places(sums: FloatArray) -> IndexArray:
    """Return the place of each sum, int64[m], from 1; equal sums share the lowest one.

    Parameters
    ----------
    sums
        Sums of ranks, float64[m]; the lowest is first.
    """
    import numpy as np
    import polars as pl

    return pl.Series(sums).rank("min").to_numpy().astype(np.int64)


def rank_keys(frame: pl.DataFrame, name: str) -> FloatArray:
    """Return what a metric is ranked by, float64[m]; NaN where it is not defined.

    It is the metric itself, but for a profit factor: without a loss it is not defined, and with
    profits it ranks above all that are.

    Parameters
    ----------
    frame
        With the columns of figures, and ``Lossless``: whether a set has profits and no losses.
    name
        The metric.
    """
    import numpy as np
    import polars as pl

    keys = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if name == "Profit_Factor":
        keys = np.where(frame["Lossless"].to_numpy(), np.inf, keys)
    return keys


def ranked(frame: pl.DataFrame, ties: Sequence[str]) -> pl.DataFrame:
    """Return sets with their ranks, the lowest rank sum first.

    Parameters
    ----------
    frame
        A set a row, with the columns of figures, and ``Lossless``.
    ties
        Columns that decide among equal rank sums, after the risk-averse one.

    Returns
    -------
    pl.DataFrame
        With the columns `RANKS` and `SUMS`.
    """
    import numpy as np
    import polars as pl

    keys = {name: ranks(rank_keys(frame, name)) for name in dict.fromkeys((*METRICS, *RISK_AVERSE))}
    own: FloatArray = np.sum([keys[name] for name in METRICS], axis=0)
    averse: FloatArray = np.sum([keys[name] for name in RISK_AVERSE], axis=0)
    columns = [pl.Series(f"Rank_{name}", keys[name]) for name in METRICS]
    columns += [
        pl.Series("Rank_Sum", own),
        pl.Series("Risk_Averse_Sum", averse),
        pl.Series("Risk_Averse_Place", places(averse)),
    ]
    return frame.with_columns(columns).sort("Rank_Sum", "Risk_Averse_Sum", *ties)


# Buy-and-hold


@dataclass(frozen=True, slots=True)
class HeldRow:
    """Buy-and-hold over the whole history, and where it would stand in a table.

    It closes no trade and comes from no plateau, so it has neither profit factor, robustness,
    average win over average loss nor expectancy; its places are by the metrics that it has.

    Attributes
    ----------
    figures
        By column of a table; None where it has none.
    count
        Sets in the table.
    place
        The place that it would have by the sum of its ranks by MAR, Sharpe, Sortino and net profit
        by drawdown among those sets, from 1 to `count` + 1.
    risk_averse_place
        The same by Sortino and MAR, which the risk-averse order has.
    by_metric
        The place by one figure alone: MAR, Sharpe, Sortino, net profit by drawdown, CAGR, and
        net profit.
    better
        How many sets have a higher CAGR, and how many a higher MAR, ``{"CAGR": …, "MAR": …}``; by
        more than a millionth of it.
    """

    figures: Mapping[str, float | None]
    count: int
    place: int
    risk_averse_place: int
    by_metric: Mapping[str, int]
    better: Mapping[str, int]

    def __repr__(self) -> str:
        return f"HeldRow(place {self.place:,} beside {self.count:,} sets)"


#: Metrics of both orders that buy-and-hold has.
HELD_METRICS = ("MAR", "Sharpe", "Sortino", "Net_Profit_By_DD")
HELD_RISK_AVERSE = ("Sortino", "MAR")


def held_row(figures: Mapping[str, float | None], table: pl.DataFrame) -> HeldRow:
    """Return buy-and-hold's row of a table.

    Parameters
    ----------
    figures
        Its own, by column.
    table
        The sets it stands beside, with the columns of figures.
    """
    import numpy as np

    def with_held(name: str) -> FloatArray:
        """Return the sets' figures, and buy-and-hold's as the last; what equals it is equal."""
        value = figures[name]
        own = np.nan if value is None else value
        others = table[name].cast(float).fill_null(np.nan).to_numpy()
        same = np.abs(others - own) <= SAME * abs(own)
        return np.append(np.where(same, own, others), own)

    own = {name: with_held(name) for name in (*HELD_METRICS, "CAGR", "Net_Profit")}
    standing = {name: ranks(own[name]) for name in HELD_METRICS}

    def place(names: Sequence[str]) -> int:
        sums: FloatArray = np.sum([standing[name] for name in names], axis=0)
        return 1 + int((sums[:-1] < sums[-1]).sum())

    def better(name: str) -> int:
        values = own[name]
        if np.isnan(values[-1]):
            # What is not defined is last.
            return int((~np.isnan(values[:-1])).sum())
        return int((values[:-1] > values[-1]).sum())

    return HeldRow(
        figures=dict(figures),
        count=len(table),
        place=place(HELD_METRICS),
        risk_averse_place=place(HELD_RISK_AVERSE),
        by_metric={name: 1 + better(name) for name in own},
        better={name: better(name) for name in ("CAGR", "MAR")},
    )
