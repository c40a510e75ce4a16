"""What a backtest came to: every figure of return, risk and trades, defined once.

Conventions, which hold for every figure:

- *Marks.* Equity is marked at every close; a part of a backtest has one mark more than bars, the
  first being the last one before it. A return is ``E[t] / E[t-1] - 1``, one for each bar. A
  reversal is marked at its fill too, before its bar's close: the largest drawdowns, in money and as
  a share, look at that mark, as the engines' do, and nothing else does.
- *Shares.* What is relative is a fraction: 0.12 is 12 %. Money is in currency.
- *A year* has as many bars as `bars_per_year` says, and every annual figure counts in those.
- *The risk-free rate* and the return that Sortino's ratio asks for are 0.
- *Spread* is that of a sample (divided by n - 1); the downside deviation and the ulcer index are
  root mean squares over all n bars, as their authors have them.
- *What is not defined is None*: never infinite, never NaN. A ratio is None where what it divides by
  is 0 within rounding; what is built on returns is None where a mark is 0 or less.
- *A trade* belongs to the part in which it closed, and a bar is held by a position that is open at
  its close.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from wfo.arguments import items, whole_number
from wfo.data.years import checked_bars_per_year, count_year, infer_year
from wfo.errors import InputError
from wfo.text import brief, html_table

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: Share of returns that the value at risk leaves out.
VAR_TAIL = 0.05

#: A ratio of two neighbouring floats is off by up to an epsilon, and so is the return made of it.
#: A spread that small is none, and a ratio over it would be noise of the size 1e15.
ROUNDING = 8 * 2.0**-52

# Profits of closed trades add up to the equity within far less than this share of it.
_SETTLED = 1e-9

Unit = Literal["money", "share", "ratio", "days", "count"]


class Definition(NamedTuple):
    """How a figure is shown: its field in `Metrics`, a heading, and what it is counted in."""

    name: str
    title: str
    unit: Unit

    @property
    def heading(self) -> str:
        """The title, with the unit of what is shown in one."""
        named = {"share": ", %", "days": ", days"}
        return self.title + named.get(self.unit, "")


#: The figures in the order in which they are shown.
DEFINITIONS: tuple[Definition, ...] = (
    Definition("bars", "Bars", "count"),
    Definition("net_profit", "Net profit", "money"),
    Definition("total_return", "Total return", "share"),
    Definition("cagr", "CAGR", "share"),
    Definition("volatility", "Volatility, annual", "share"),
    Definition("sharpe", "Sharpe ratio", "ratio"),
    Definition("sortino", "Sortino ratio", "ratio"),
    Definition("mar", "MAR (Calmar) ratio", "ratio"),
    Definition("max_drawdown", "Maximum drawdown", "money"),
    Definition("max_drawdown_share", "Maximum drawdown", "share"),
    Definition("max_drawdown_days", "Longest drawdown", "days"),
    Definition("ulcer_index", "Ulcer index", "share"),
    Definition("value_at_risk", "Value at risk (95 %)", "share"),
    Definition("trades", "Trades", "count"),
    Definition("win_rate", "Win rate", "share"),
    Definition("profit_factor", "Profit factor", "ratio"),
    Definition("average_win", "Average win", "money"),
    Definition("average_loss", "Average loss", "money"),
    Definition("expectancy", "Expectancy of a trade", "money"),
    Definition("exposure", "Exposure", "share"),
)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of one part of a backtest; the functions of this module define them.

    Attributes
    ----------
    bars
        Bars of the part.
    first, last
        Dates of its first and last bar.
    net_profit
        Last mark minus first mark, in currency.
    total_return, cagr, volatility
        Fractions, the latter two annual.
    sharpe, sortino, mar
        Annual ratios.
    max_drawdown
        Largest fall from the running peak, in currency, not below 0.
    max_drawdown_share
        Largest fall as a fraction of its peak; it can be another fall than the largest in money.
    max_drawdown_days
        Longest time below a peak, in calendar days.
    ulcer_index, value_at_risk
        Fractions.
    trades
        Trades closed in the part.
    win_rate, exposure
        Fractions, of the trades and of the bars.
    profit_factor
        Profits by losses.
    average_win, average_loss, expectancy
        In currency; a loss is negative.
    """

    bars: int
    first: dt.date
    last: dt.date
    net_profit: float
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    mar: float | None
    max_drawdown: float
    max_drawdown_share: float | None
    max_drawdown_days: int
    ulcer_index: float | None
    value_at_risk: float | None
    trades: int
    win_rate: float | None
    profit_factor: float | None
    average_win: float | None
    average_loss: float | None
    expectancy: float | None
    exposure: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, dates as text, ready for JSON."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return found | {"first": self.first.isoformat(), "last": self.last.isoformat()}


@dataclass(frozen=True, slots=True, repr=False)
class PartMetrics:
    """The figures of a simulation, in-sample, out-of-sample, and of both as one.

    Attributes
    ----------
    in_sample, out_of_sample
        The figures of each part.
    whole
        Those of both parts as one.
    bars_per_year
        What their annual figures count in.
    """

    in_sample: Metrics
    out_of_sample: Metrics
    whole: Metrics
    bars_per_year: float

    def __repr__(self) -> str:
        parts = (
            f"{name}: net_profit {m.net_profit:,.2f}, sharpe {shown(m.sharpe, 'ratio')},"
            f" {m.trades:,} trades"
            for name, m in self._parts().items()
        )
        return f"PartMetrics({'; '.join(parts)})"

    def _repr_html_(self) -> str:
        span = f"{self.whole.first} to {self.whole.last}, {self.bars_per_year:,.10g} bars a year"
        return html_table(f"PartMetrics, {span}", self.rows())

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table as text, the headings first: a figure a row, a part a column."""
        columns = (self.in_sample, self.out_of_sample, self.whole)
        rows: list[tuple[str, ...]] = [("", "In-sample", "Out-of-sample", "Whole")]
        for name in ("first", "last"):
            days = (getattr(m, name).isoformat() for m in columns)
            rows.append((f"{name.title()} bar", *days))
        rows += [
            (d.heading, *(shown(getattr(m, d.name), d.unit) for m in columns)) for d in DEFINITIONS
        ]
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, by part."""
        return {name: part.to_dict() for name, part in self._parts().items()}

    def _parts(self) -> dict[str, Metrics]:
        parts = ("in_sample", "out_of_sample", "whole")
        return {name: getattr(self, name) for name in parts}


class Marked(Protocol):
    """What of a simulation its metrics follow from; `wfo.Simulation` has it."""

    @property
    def equity(self) -> FloatArray:
        """The mark at every close, float64[n]."""

    @property
    def trades(self) -> pl.DataFrame:
        """Closed trades."""

    @property
    def reversals(self) -> tuple[NDArray[np.int64], FloatArray] | None:
        """Bars of reversals, and the mark at the fill of each."""

    @property
    def extended(self) -> Mapping[str, Any]:
        """Extended figures by name, where there are any."""


def simulation_metrics(
    simulation: Marked,
    dates: Sequence[dt.date],
    *,
    warmup: int,
    split: int,
    bars_per_year: float,
) -> PartMetrics:
    """Return the figures of a simulation, split at its boundary.

    The boundary closes nothing: a position across it is marked there, and its trade counts where it
    is closed, as the engines count.

    Parameters
    ----------
    simulation
        From `wfo.simulate`, over n bars.
    dates
        The date of each of the n bars.
    warmup, split
        First trading bar and first out-of-sample bar, as they were simulated.
    bars_per_year
        From the function `bars_per_year`.

    Returns
    -------
    PartMetrics
        In currency, fractions and ratios, as `Metrics` says.

    Raises
    ------
    InputError
        If the dates or positions do not fit the simulation.
    """
    import numpy as np
    import polars as pl

    if not all(hasattr(simulation, name) for name in ("equity", "trades", "reversals", "extended")):
        raise InputError(f"simulation must be what wfo.simulate returns, not {brief(simulation)}")
    dates = items("dates", dates, dt.date, "dates")
    warmup, split = whole_number("warmup", warmup), whole_number("split", split)
    equity, trades = simulation.equity, simulation.trades
    count = len(equity)
    _check_parts(count, len(dates), warmup, split)
    held = bars_held(equity, trades)
    bars, fills = simulation.reversals or (np.empty(0, np.int64), np.empty(0))

    def part(start: int, stop: int) -> Metrics:
        closed = pl.col("exit_bar").is_between(start, stop, closed="left")
        within = (bars >= start) & (bars < stop)
        return compute_metrics(
            equity[start - 1 : stop],
            trades.filter(closed),
            dates=dates[start - 1 : stop],
            bars_per_year=bars_per_year,
            held=held[start:stop],
            fills=(bars[within] - (start - 1), fills[within]),
        )

    found = PartMetrics(
        part(warmup, split), part(split, count), part(warmup, count), float(bars_per_year)
    )
    return _with_exposure(found, simulation.extended)


def held_metrics(
    marks: FloatArray,
    dates: Sequence[dt.date],
    *,
    warmup: int,
    split: int,
    bars_per_year: float,
    idle: bool = False,
) -> PartMetrics:
    """Return the figures of buy-and-hold, split at the same boundary.

    It closes no trade, so that what is of trades is not defined, and it holds every bar unless it
    is idle.

    Parameters
    ----------
    marks
        float64[n], from `wfo.backtest.benchmark.held_marks`.
    dates, warmup, split, bars_per_year
        As in `simulation_metrics`.
    idle
        Whether the capital paid for no lot, so that no share is held.

    Raises
    ------
    InputError
        If the dates or positions do not fit the marks.
    """
    import numpy as np
    import polars as pl

    none = pl.DataFrame(schema={"pnl": pl.Float64})
    count = len(marks)
    _check_parts(count, len(dates), warmup, split)

    def part(start: int, stop: int) -> Metrics:
        return compute_metrics(
            marks[start - 1 : stop],
            none,
            dates=dates[start - 1 : stop],
            bars_per_year=bars_per_year,
            held=np.full(stop - start, not idle),
        )

    return PartMetrics(
        part(warmup, split), part(split, count), part(warmup, count), float(bars_per_year)
    )


def _check_parts(count: int, dates: int, warmup: int, split: int) -> None:
    """Raise unless both parts of a simulation have bars, and each its date."""
    if dates != count:
        raise InputError(f"there are {dates} dates for the {count} marks of the simulation")
    if not 1 <= warmup < split < count:
        raise InputError(
            "a part needs bars, and one before the first:"
            f" 1 <= warmup < split < bars, not warmup = {warmup}, split = {split}, bars = {count}"
        )


def _with_exposure(found: PartMetrics, figures: Mapping[str, float]) -> PartMetrics:
    """Take the exposure from the engine where it has counted the bars in the market."""
    if "is_bars_held" not in figures:
        return found
    first, second = figures["is_bars_held"], figures["oos_bars_held"]
    parts = {"in_sample": first, "out_of_sample": second, "whole": first + second}
    return replace(
        found,
        **{
            name: replace(getattr(found, name), exposure=held / getattr(found, name).bars)
            for name, held in parts.items()
        },
    )


def compute_metrics(
    equity: ArrayLike,
    trades: pl.DataFrame,
    *,
    dates: Sequence[dt.date],
    bars_per_year: float,
    held: ArrayLike | None = None,
    fills: tuple[NDArray[np.int64], FloatArray] | None = None,
) -> Metrics:
    """Return the figures of one part of a backtest.

    Parameters
    ----------
    equity
        float64[n + 1], in currency: the last mark before the part, and the mark at each of its n
        closes.
    trades
        The trades closed in the part; of its columns only ``pnl`` is read.
    dates
        The dates of the n + 1 marks, ascending.
    bars_per_year
        What makes a figure of one bar annual.
    held
        bool[n]: whether a position is open at each close. Without it `exposure` is None.
    fills
        Marks at the fills of reversals: the position, from 1 to n, of the close's mark that each
        comes before, and the mark itself.

    Raises
    ------
    InputError
        If there is no bar, lengths differ, a mark or profit is not finite, or the dates do not
        ascend.
    """
    import numpy as np

    marks = np.asarray(equity, dtype=np.float64)
    pnl = trades["pnl"].cast(float).to_numpy()
    count = len(marks) - 1
    if marks.ndim != 1 or count < 1:
        raise InputError(
            "equity must be the mark before a part and one at each of its closes,"
            f" not an array of shape {marks.shape}"
        )
    if len(dates) != count + 1:
        raise InputError(f"there are {len(dates)} dates for {count + 1} marks")
    if not (np.isfinite(marks).all() and np.isfinite(pnl).all()):
        raise InputError("equity and the profits of trades must be finite numbers")
    bars_per_year = checked_bars_per_year(bars_per_year)
    exposure = None
    if held is not None:
        open_ = np.asarray(held, dtype=np.bool_)
        if open_.shape != (count,):
            raise InputError(f"held has the shape {open_.shape} for {count} bars")
        exposure = float(open_.mean())
    returns = bar_returns(marks)
    path = marks if fills is None else np.insert(marks, fills[0], fills[1])
    return Metrics(
        bars=count,
        first=_day(dates[1]),
        last=_day(dates[-1]),
        net_profit=float(marks[-1] - marks[0]),
        total_return=total_return(marks),
        cagr=cagr(marks, bars_per_year),
        volatility=volatility(returns, bars_per_year),
        sharpe=sharpe(returns, bars_per_year),
        sortino=sortino(returns, bars_per_year),
        mar=mar(marks, bars_per_year, path),
        max_drawdown=max_drawdown(path),
        max_drawdown_share=max_drawdown_share(path),
        max_drawdown_days=max_drawdown_days(marks, dates),
        ulcer_index=ulcer_index(marks),
        value_at_risk=value_at_risk(returns),
        trades=len(pnl),
        win_rate=win_rate(pnl),
        profit_factor=profit_factor(pnl),
        average_win=average_win(pnl),
        average_loss=average_loss(pnl),
        expectancy=expectancy(pnl),
        exposure=exposure,
    )


def bars_per_year(timeframe: str, dates: Sequence[dt.date]) -> float:
    """Return the number of bars of a year, counted from their dates.

    The sessions of a year times the mean number of bars of a session, as `wfo.data.years` counts
    them; 252 sessions and 365 are conventions. Weekly bars: 52.

    Parameters
    ----------
    timeframe
        One of `wfo.data.TIMEFRAMES`.
    dates
        The date of every bar, of intraday bars in the exchange's time zone.

    Raises
    ------
    InputError
        If the timeframe is not known, or there are no dates, or something else among them.
    """
    return count_year(timeframe, dates).bars


def inferred_bars_per_year(stamps: pl.Series) -> float:
    """Return the number of bars of a year, by the spacing that most of the bars have.

    The rules are those of `bars_per_year`; bars of more than a week are counted in 365.25 days.

    Parameters
    ----------
    stamps
        The bars' dates, or date-times in the exchange's time zone, ascending.

    Raises
    ------
    InputError
        If there are less than two bars.
    """
    return infer_year(stamps).bars


def bars_held(equity: FloatArray, trades: pl.DataFrame) -> BoolArray:
    """Tell for each bar whether a position is open at its close.

    A trade holds bars ``entry_bar .. exit_bar - 1``. A position that is still open after the last
    bar is in no list of closed trades; it shows in the marks, which leave what the closed trades
    have settled. (Should its first marks equal that to the last digit, it shows as many bars late.)

    Parameters
    ----------
    equity
        float64[n]: the marks of a whole simulation, `Simulation.equity`.
    trades
        All its closed trades, `Simulation.trades`.

    Returns
    -------
    bool[n]
    """
    import numpy as np

    held = _within_trades(trades, len(equity))
    pnl = trades["pnl"].to_numpy()
    last = int(trades["exit_bar"].to_numpy().max(initial=0))
    settled = equity[0] + pnl.sum()
    scale = np.abs(equity).max() + np.abs(pnl).sum()
    away = np.flatnonzero(np.abs(equity[last:] - settled) > _SETTLED * scale)
    if away.size:
        held[last + away[0] :] = True
    return held


def bars_long(
    equity: FloatArray, trades: pl.DataFrame, closes: FloatArray, *, shorts: bool
) -> BoolArray:
    """Tell for each bar whether a long position is open at its close.

    Closed trades have their side. Of a position that is still open after the last bar the side
    follows from whether its marks move with the closes or against them; where neither can be seen,
    as on a single bar, it counts as none. A strategy without shorts has no such question.

    Parameters
    ----------
    equity, trades
        As in `bars_held`; of the trades ``side`` is read too.
    closes
        float64[n], of the symbol that is traded.
    shorts
        Whether the strategy sells short.

    Returns
    -------
    bool[n]
    """
    import numpy as np
    import polars as pl

    held = bars_held(equity, trades)
    if not shorts:
        return held
    long = _within_trades(trades.filter(pl.col("side") == "long"), len(equity))
    still = held & ~_within_trades(trades, len(equity))
    # From its second close on, what moves its marks are the closes alone.
    at = np.flatnonzero(still)[1:]
    if at.size and np.dot(np.diff(equity)[at - 1], np.diff(closes)[at - 1]) > 0:
        long |= still
    return long


def _within_trades(trades: pl.DataFrame, count: int) -> BoolArray:
    """Tell for each bar whether one of these closed trades is open at its close."""
    import numpy as np

    steps = np.zeros(count + 1, dtype=np.int64)
    np.add.at(steps, trades["entry_bar"].to_numpy(), 1)
    np.add.at(steps, trades["exit_bar"].to_numpy(), -1)
    found: BoolArray = np.cumsum(steps[:-1]) > 0
    return found


def bar_returns(equity: FloatArray) -> FloatArray | None:
    """Return the n simple returns between n + 1 marks; None where a mark is 0 or less."""
    if equity.min() <= 0:
        return None
    found: FloatArray = equity[1:] / equity[:-1] - 1
    return found


def total_return(equity: FloatArray) -> float | None:
    """Return ``E[n] / E[0] - 1``; None where E[0] is 0 or less."""
    return float(equity[-1] / equity[0] - 1) if equity[0] > 0 else None


def cagr(equity: FloatArray, bars_per_year: float) -> float | None:
    """Return the compound annual growth rate, ``(E[n] / E[0]) ** (bars_per_year / n) - 1``.

    Years are counted in bars, as in every annual figure here; less than a year is made annual too.
    None where a mark is 0 or less, or where the power exceeds what a float holds.

    References
    ----------
    Bacon (2008), *Practical Portfolio Performance Measurement and Attribution*, 2nd ed., ch. 2.
    """
    if equity.min() <= 0:
        return None
    try:
        return float(math.pow(equity[-1] / equity[0], bars_per_year / (len(equity) - 1)) - 1)
    except OverflowError:
        return None


def volatility(returns: FloatArray | None, bars_per_year: float) -> float | None:
    """Return the annual volatility, ``std(r) · sqrt(bars_per_year)``, std over n - 1.

    None for less than two returns.

    References
    ----------
    Bacon (2008), *Practical Portfolio Performance Measurement and Attribution*, 2nd ed., ch. 4.
    """
    spread = _spread(returns)
    return None if spread is None else spread * math.sqrt(bars_per_year)


def sharpe(returns: FloatArray | None, bars_per_year: float) -> float | None:
    """Return the annual Sharpe ratio, ``mean(r) / std(r) · sqrt(bars_per_year)``, std over n - 1.

    None without volatility.

    References
    ----------
    Sharpe (1994), "The Sharpe Ratio", *Journal of Portfolio Management* 21(1), 49-58.
    """
    spread = _spread(returns)
    if returns is None or not spread:
        return None
    return float(returns.mean() / spread * math.sqrt(bars_per_year))


def sortino(returns: FloatArray | None, bars_per_year: float) -> float | None:
    """Return the annual Sortino ratio, ``mean(r) / sqrt(mean(min(r, 0)²)) · sqrt(bars_per_year)``.

    The mean of the squares is over all n returns, gains as zeros among them. None without losses.

    References
    ----------
    Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework", *Journal of
    Investing* 3(3), 59-64.
    """
    import numpy as np

    if returns is None:
        return None
    downside = math.sqrt(np.square(np.minimum(returns, 0.0)).mean())
    if downside <= ROUNDING:
        return None
    return float(returns.mean() / downside * math.sqrt(bars_per_year))


def mar(equity: FloatArray, bars_per_year: float, path: FloatArray | None = None) -> float | None:
    """Return CAGR by largest relative drawdown, both of the whole part.

    The drawdown is that of `path`, which has the marks at fills too, where it is given.

    Over its whole history a fund's figure is called MAR, over three years Calmar; the formula is
    the same. None without drawdown, or where either is None.

    References
    ----------
    Young (1991), "Calmar Ratio: A Smoother Tool", *Futures* 20(11); the *Managed Account Reports*.
    """
    growth = cagr(equity, bars_per_year)
    fall = max_drawdown_share(equity if path is None else path)
    if growth is None or fall is None or fall <= ROUNDING:
        return None
    ratio = growth / fall
    return ratio if math.isfinite(ratio) else None


def max_drawdown(equity: FloatArray) -> float:
    """Return the largest fall from the running peak, ``max(peak[t] - E[t])``, in currency.

    The peak begins with E[0], the mark before the part. It is what the engines return as drawdown.

    References
    ----------
    Magdon-Ismail and Atiya (2004), "Maximum Drawdown", *Risk* 17(10), 99-102.
    """
    import numpy as np

    return float((np.maximum.accumulate(equity) - equity).max())


def max_drawdown_share(equity: FloatArray) -> float | None:
    """Return the largest relative fall from the running peak, ``max(1 - E[t] / peak[t])``.

    It exceeds 1 where a short has lost more than everything. None where E[0] is 0 or less.

    References
    ----------
    Magdon-Ismail and Atiya (2004), "Maximum Drawdown", *Risk* 17(10), 99-102.
    """
    falls = drawdowns(equity)
    return None if falls is None else float(falls.max())


def max_drawdown_days(equity: FloatArray, dates: Sequence[dt.date]) -> int:
    """Return the longest time under water, in calendar days.

    From the last mark at a peak to the first one that is at it or above again, or to the last mark
    if none is. It need not be the deepest drawdown.

    References
    ----------
    Bacon (2008), *Practical Portfolio Performance Measurement and Attribution*, 2nd ed., ch. 4.

    Raises
    ------
    InputError
        If the dates do not ascend.
    """
    import numpy as np

    days = _ordinals(dates)
    if (np.diff(days) < 0).any():
        raise InputError("the dates of the marks must ascend")
    under = equity < np.maximum.accumulate(equity)
    edges = np.diff(np.concatenate([[False], under, [False]]).astype(np.int8))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    # The first mark is its own peak, so that every stretch has a mark before it.
    times = days[np.minimum(ends, len(days) - 1)] - days[begins - 1]
    return int(times.max(initial=0))


def ulcer_index(equity: FloatArray) -> float | None:
    """Return the root mean square of the relative drawdown at the n closes, as a fraction.

    Martin's figure is in percent, a hundred times this one. None where E[0] is 0 or less.

    References
    ----------
    Martin and McCann (1989), *The Investor's Guide to Fidelity Funds*, ch. 8.
    """
    import numpy as np

    falls = drawdowns(equity)
    return None if falls is None else math.sqrt(np.square(falls[1:]).mean())


def value_at_risk(returns: FloatArray | None) -> float | None:
    """Return the historical value at risk of one bar at 95 %: minus the 5 % quantile of returns.

    A loss is positive; negative where even the worst twentieth of the bars gained. The quantile
    lies between two returns by linear interpolation (Hyndman and Fan's definition 7).

    References
    ----------
    Jorion (2006), *Value at Risk*, 3rd ed., ch. 5; Hyndman and Fan (1996), "Sample Quantiles in
    Statistical Packages", *The American Statistician* 50(4), 361-365.
    """
    import numpy as np

    if returns is None:
        return None
    return 0.0 - float(np.quantile(returns, VAR_TAIL))


def win_rate(pnl: FloatArray) -> float | None:
    """Return the share of trades with a profit; one that ends at 0 is none. None without trades.

    References
    ----------
    TradeStation's performance report, "Percent Profitable".
    """
    return float((pnl > 0).mean()) if pnl.size else None


def profit_factor(pnl: FloatArray) -> float | None:
    """Return the sum of the profits by that of the losses. None without losses.

    References
    ----------
    TradeStation's performance report, "Profit Factor": gross profit by gross loss.
    """
    losses = -pnl[pnl < 0].sum()
    return float(pnl[pnl > 0].sum() / losses) if losses > 0 else None


def average_win(pnl: FloatArray) -> float | None:
    """Return the mean profit of the trades above 0, in currency. None without any."""
    wins = pnl[pnl > 0]
    return float(wins.mean()) if wins.size else None


def average_loss(pnl: FloatArray) -> float | None:
    """Return the mean loss of the trades below 0, in currency and negative. None without any."""
    losses = pnl[pnl < 0]
    return float(losses.mean()) if losses.size else None


def expectancy(pnl: FloatArray) -> float | None:
    """Return the mean profit of a trade, in currency. None without trades.

    It is win rate · average win + share of losing trades · average loss.

    References
    ----------
    Tharp (1998), *Trade Your Way to Financial Freedom*, ch. 6, here in currency and not in R.
    """
    return float(pnl.mean()) if pnl.size else None


def drawdowns(equity: FloatArray) -> FloatArray | None:
    """Return the fall from the running peak at every mark, as a fraction of the peak.

    None where the first mark is 0 or less, so that the peak might be.
    """
    import numpy as np

    if equity[0] <= 0:
        return None
    falls: FloatArray = 1 - equity / np.maximum.accumulate(equity)
    return falls


def shown(value: float | None, unit: str) -> str:
    """Return a figure as text: shares in percent, ``-`` where it is not defined."""
    if value is None or math.isnan(value):
        return "-"
    if unit in {"count", "days"}:
        return f"{value:,.0f}"
    if unit == "money":
        return f"{value:,.2f}" if abs(value) < 1e9 else f"{value:.6g}"
    scaled = 100 * value if unit == "share" else value
    return f"{scaled:,.2f}" if abs(scaled) < 1e7 else f"{scaled:.3g}"


def _spread(returns: FloatArray | None) -> float | None:
    """Return the standard deviation over n - 1; 0 where it is but rounding, None for n < 2."""
    if returns is None or len(returns) < 2:
        return None
    spread = float(returns.std(ddof=1))
    return spread if spread > ROUNDING else 0.0


def _ordinals(dates: Sequence[dt.date]) -> NDArray[np.int64]:
    import numpy as np

    return np.array([d.toordinal() for d in dates], dtype=np.int64)


def _day(date: dt.date) -> dt.date:
    return date.date() if isinstance(date, dt.datetime) else date
