"""Returns by period of many parameter sets over one slice of a history, and of buy-and-hold.

A period is a session: of daily (or longer) bars each bar, of intraday bars all bars of one date in
the time zone of the bars' stamps. Bars of an exchange are stamped in its own zone, so that a date
is a session; those of a market without sessions are stamped in UTC, as stores keep them, so that a
period is a UTC day. The mark of a period is the equity at its last close, its return the mark by
the one before, less one; before the first one stands the capital.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.arguments import whole
from wfo.backtest.benchmark import held_marks
from wfo.backtest.checks import thread_count
from wfo.backtest.engines import Engine, choose_engine, engines_of
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.figures import not_finite
from wfo.backtest.performance import checked_range, space_of
from wfo.backtest.spaces import SetSpace
from wfo.bars import Prices, prices
from wfo.data.foreign import polars_frame
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, StrategyLike, get_strategy
from wfo.strategy.value import lookback_on
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


class PeriodReturns(NamedTuple):
    """Returns of the sets whose every mark is positive.

    Attributes
    ----------
    returns
        float64[T, kept]: one row a period, one column a set that is kept, in the order given.
    kept
        bool[m]: which of the sets they are. A set is left out where the mark of any period is not
        positive, since relative returns behind it mean nothing.
    """

    returns: FloatArray
    kept: BoolArray

    @property
    def left_out(self) -> int:
        """How many sets are left out."""
        return int(self.kept.size - self.kept.sum())


def period_ends(stamps: pl.Series, warmup: int, end: int) -> IndexArray:
    """Return the last bar of every period of a slice, int64[T].

    Parameters
    ----------
    stamps
        ``pl.Date``: then every bar is a period. Or ``pl.Datetime``: then the bars of one date are
        one, in the zone of the stamps: a session of an exchange, a UTC day of a market without
        sessions, whose stamps are in UTC. n of them, ascending.
    warmup, end
        First trading bar, one past the last bar; both ends cut the periods that they lie in.

    Raises
    ------
    InputError
        If the slice has no bar.
    """
    import numpy as np
    import polars as pl

    first, stop = whole(warmup), whole(end)
    if first is None or stop is None or not 0 <= first < stop <= len(stamps):
        raise InputError(
            f"a slice needs 0 <= warmup < end <= bars, not warmup = {brief(warmup)},"
            f" end = {brief(end)}, bars = {len(stamps)}"
        )
    if stamps.dtype == pl.Date:
        return np.arange(first, stop, dtype=np.int64)
    days = stamps[first:stop].dt.date().to_physical().to_numpy()
    last = np.append(days[1:] != days[:-1], True)  # the last bar ends its period
    found: IndexArray = first + np.flatnonzero(last)
    return found


def period_returns(
    strategy: StrategyLike,
    feeds: Feeds | Any,
    sets: Grid | ArrayLike,
    indices: ArrayLike | None = None,
    settings: AccountSettings | None = None,
    *,
    warmup: int,
    end: int | None = None,
    at: ArrayLike,
    threads: int | None = None,
) -> PeriodReturns:
    """Return the returns by period of parameter sets, each one backtest from `warmup` to `end`.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    feeds
        What the strategy reads, from `wfo.read_feeds`; of one that reads bars alone, their frame
        will do.
    sets
        A `Grid` of the strategy, or parameter sets in canonical order, float64[n, parameters].
    indices
        Which of them, flat indices, int64[m], in any order, repeats allowed; by default all.
    settings
        Capital, costs, sizing and entry style.
    warmup, end
        First trading bar, one past the last bar; by default that of the history.
    at
        The last bar of every period, from `period_ends`, int64[T].
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.

    Returns
    -------
    PeriodReturns
        ``returns``, float64[T, kept], and ``kept``, bool[m]. Marks are those of `wfo.simulate`, to
        the last bit.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """
    import numpy as np

    capital, marks = _marks(strategy, feeds, sets, indices, settings, warmup, end, at, threads)
    kept = np.all(marks > 0, axis=1, keepdims=True)[:, 0]
    return PeriodReturns(_returns(marks[kept], capital), kept)


def period_marks(
    strategy: StrategyLike,
    feeds: Feeds | Any,
    sets: Grid | ArrayLike,
    indices: ArrayLike | None = None,
    settings: AccountSettings | None = None,
    *,
    warmup: int,
    end: int | None = None,
    at: ArrayLike,
    threads: int | None = None,
) -> FloatArray:
    """Return the equity marks of parameter sets at the closes of some bars, float64[m, T].

    Parameters
    ----------
    strategy, feeds, sets, indices, settings, warmup, end, at, threads
        As of `period_returns`.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """
    return _marks(strategy, feeds, sets, indices, settings, warmup, end, at, threads)[1]


def held_returns(
    bars: Prices | Feeds | Any,
    settings: AccountSettings | None = None,
    *,
    warmup: int,
    end: int | None = None,
    at: ArrayLike,
) -> FloatArray:
    """Return the returns by period of buy-and-hold, float64[T].

    It buys the first symbol at the open of `warmup`, with the capital, costs and lots of a
    backtest, and never sells; its marks are always positive.

    Parameters
    ----------
    bars
        Prices of the first symbol: `Prices`, `wfo.Feeds` or a frame.
    settings
        Capital, costs and lots.
    warmup, end, at
        As of `period_returns`.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """
    used = AccountSettings() if settings is None else settings
    if isinstance(bars, Feeds):
        bars = bars.prices()
    columns = bars if isinstance(bars, Prices) else prices(polars_frame(bars))
    count = len(columns.close)
    first, stop = whole(warmup), count if end is None else whole(end)
    if first is None or stop is None or not 0 <= first < stop <= count:
        raise InputError(
            f"a slice needs 0 <= warmup < end <= bars, not warmup = {brief(warmup)},"
            f" end = {brief(end)}, bars = {count}"
        )
    ends = _checked_ends(at, first, stop)
    marks = held_marks(columns, (first, first, stop), used)[ends]
    found: FloatArray = _returns(marks[None], used.capital)[:, 0]
    return found


def _marks(
    strategy: StrategyLike,
    feeds: Feeds | Any,
    sets: Grid | ArrayLike,
    indices: ArrayLike | None,
    settings: AccountSettings | None,
    warmup: int,
    end: int | None,
    at: ArrayLike,
    threads: int | None,
) -> tuple[float, FloatArray]:
    """Return the capital, and the marks of `period_marks`."""
    import numpy as np

    named = get_strategy(strategy)
    space, values = space_of(named, sets)
    read = feeds if isinstance(feeds, Feeds) else read_feeds(named, feeds)
    if isinstance(space, SetSpace):
        # That of values from several sets would be longer than any set's own.
        need = max(_lookback(named, row, read) for row in space.table.tolist())
    else:
        need = lookback_on(named, values, read)
    used = named.settings_of(settings)
    first, stop = checked_range(warmup, end, need, read)
    ends = _checked_ends(at, first, stop)
    chosen = _checked_indices(indices, len(space))
    engine = _engine(named, used)
    count = thread_count(threads)
    marks = engine.marks(named, read.until(stop), space, chosen, used, first, ends, count)
    wrong = ~np.isfinite(marks)
    if wrong.any():
        row, period = np.argwhere(wrong)[0]
        raise InputError(
            not_finite(f"parameter set {int(row):,}", f"the mark of period {int(period):,}")
        )
    return used.capital, marks


def _lookback(strategy: Strategy, row: Sequence[float], read: Feeds) -> int:
    """Return the longest lookback of one set, in bars."""
    pairs = zip(strategy.parameters, row, strict=True)
    values = {p.name: (int(v) if p.whole else v,) for p, v in pairs}
    return lookback_on(strategy, values, read)


def _engine(strategy: Strategy, settings: AccountSettings) -> Engine:
    """Return the engine that marks come from: the direct one, which prepares least, or the first.

    Engines agree in every mark, so that which one it is shows in the time alone.
    """
    direct = engines_of(strategy).get("direct")
    if direct is not None and direct.lacks(strategy, settings) is None:
        return direct
    return choose_engine("auto", strategy, settings).engine


def _returns(marks: FloatArray, capital: float) -> FloatArray:
    """Return the relative changes of marks, float64[m, T], from the capital on: float64[T, m]."""
    import numpy as np

    before = np.full_like(marks, capital)
    before[:, 1:] = marks[:, :-1]
    return np.ascontiguousarray((marks / before - 1.0).T)


def _checked_ends(at: ArrayLike, first: int, stop: int) -> IndexArray:
    """Return bars of a slice, int64[T].

    Raises
    ------
    InputError
        If there are none, they do not ascend, or one lies outside ``first..stop``.
    """
    import numpy as np

    ends = _whole_numbers("at", at)
    if not ends.size:
        raise InputError("at names no bar; period_ends returns the last bar of every period")
    if ends[0] < first or ends[-1] >= stop or (np.diff(ends) <= 0).any():
        raise InputError(
            f"at must ascend from bar {first}, the first trading bar, to {stop - 1} at most, as"
            f" period_ends returns it; it goes from {ends.min()} to {ends.max()}"
        )
    return ends


def _checked_indices(indices: ArrayLike | None, count: int) -> IndexArray:
    """Return numbers of parameter sets, int64[m].

    Raises
    ------
    InputError
        If one is not below `count`.
    """
    import numpy as np

    if indices is None:
        return np.arange(count, dtype=np.int64)
    found = _whole_numbers("indices", indices)
    wrong = np.flatnonzero((found < 0) | (found >= count))
    if wrong.size:
        raise InputError(
            f"indices[{wrong[0]}] = {found[wrong[0]]} is no parameter set; there are {count:,},"
            " counted from 0"
        )
    return found


def _whole_numbers(name: str, values: ArrayLike) -> IndexArray:
    """Return whole numbers in one row, int64[k].

    Raises
    ------
    InputError
        If they are something else.
    """
    import numpy as np

    try:
        given = np.asarray(values)
    except ValueError:
        raise InputError(f"{name} must be whole numbers in one row") from None
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InputError(
            f"{name} must be whole numbers in one row, not {given.dtype} of shape {given.shape}"
        )
    return np.ascontiguousarray(given, dtype=np.int64)
