"""The figures of a backtest over a whole history, without a boundary in it.

They say of a parameter set what a report of a single backtest says: trades of both sides and of
each, the fall of equity within bars, and what ratios of return and risk are made of. The contract
of ATR-D defines them (chapter "Figures of a whole history"); a trade is a closed one, and what is
open at the end is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wfo.arguments import instance, items, numbers_array, whole, whole_number
from wfo.backtest.checks import check_grid, thread_count
from wfo.backtest.engines import choose_engine
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.figures import (
    PERFORMANCE_FIELDS,
    TRADE_FIELDS,
    UNDEFINED,
    WHOLE_FIELDS,
    not_finite,
)
from wfo.backtest.spaces import GridSpace, SetSpace, Space
from wfo.errors import InputError, did_you_mean
from wfo.grid import Grid
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy, StrategyLike, get_strategy
from wfo.strategy.value import lookback_on
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: What the trades of both sides, of the longs (``long_``) and of the shorts (``short_``) come to,
#: then what the marks come to. `performance_meaning` says what each is.
FIELDS: Final = PERFORMANCE_FIELDS

_POSITIONS: Final = {name: i for i, name in enumerate(FIELDS)}


def performance_meaning(name: str) -> str:
    """Return what a figure is, in one line.

    Raises
    ------
    InputError
        If there is no such figure.
    """
    if name in WHOLE_FIELDS:
        return WHOLE_FIELDS[name]
    side, _, of_side = name.partition("_")
    of = {"long": "of longs: ", "short": "of shorts: "}.get(side, "")
    plain = of_side if of else name
    if plain not in TRADE_FIELDS:
        raise InputError(f"there is no figure {brief(name)}{did_you_mean(name, FIELDS)}")
    return of + TRADE_FIELDS[plain]


class Performance:
    """Figures of m backtests, each over a whole history; one column a figure, one cell a backtest.

    Every figure is an attribute, as in ``found.long_trades``.

    Parameters
    ----------
    columns
        Figure name to values, float64[m] each: all of `FIELDS`.

    Raises
    ------
    InputError
        If a figure is missing or unknown, or columns differ in length.
    """

    __slots__ = ("_columns",)

    #: Names of all figures, in their order.
    fields = FIELDS

    def __init__(self, columns: Mapping[str, ArrayLike]) -> None:

        columns = instance("columns", columns, Mapping, "a dict, values by figure")
        unknown = [name for name in columns if name not in _POSITIONS]
        if unknown:
            raise InputError(
                f"there is no figure {brief(unknown[0])}{did_you_mean(unknown[0], FIELDS)}"
            )
        lacking = [name for name in FIELDS if name not in columns]
        if lacking:
            raise InputError(f"figures are missing: {', '.join(lacking)}")
        own: dict[str, FloatArray] = {n: numbers_array(n, columns[n]) for n in FIELDS}
        count = own[FIELDS[0]].size
        for name, column in own.items():
            if column.shape != (count,):
                raise InputError(f"{name} has shape {column.shape}, not ({count},)")
        self._columns = own

    @classmethod
    def of_rows(cls, rows: FloatArray) -> Performance:
        """Return the figures of rows, float64[m, fields], one a backtest, in the order of `FIELDS`.

        Raises
        ------
        InputError
            If rows have another number of figures.
        """
        import numpy as np

        rows = numbers_array("rows", rows)
        if rows.ndim != 2 or rows.shape[1] != len(FIELDS):
            raise InputError(f"rows of shape {rows.shape} have not {len(FIELDS)} figures each")
        return cls(dict(zip(FIELDS, np.ascontiguousarray(rows.T), strict=True)))

    def __getattr__(self, name: str) -> FloatArray:
        if name not in _POSITIONS:
            raise AttributeError(f"there is no figure {name!r}{did_you_mean(name, FIELDS)}")
        return self._columns[name]

    def __getitem__(self, name: str) -> FloatArray:
        """Return a figure by its name."""
        if name not in _POSITIONS:
            raise KeyError(name)
        return self._columns[name]

    def __len__(self) -> int:
        return int(self._columns[FIELDS[0]].size)

    def __repr__(self) -> str:
        return f"Performance({len(self):,} backtests, {len(FIELDS)} figures)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._columns,)

    def columns(self) -> dict[str, FloatArray]:
        """Return all columns by name, float64[m] each, in the order of `FIELDS`."""
        return dict(self._columns)

    def take(self, indices: ArrayLike) -> Performance:
        """Return some of the backtests: their numbers, int64[k], or a mask, bool[m].

        Raises
        ------
        InputError
            If they are neither.
        """
        import numpy as np

        try:
            which = np.asarray(indices)
        except Exception:  # noqa: BLE001  # of lists of unequal lengths, and of foreign types
            which = np.empty((0, 0))
        if which.size == 0:
            which = which.astype(np.int64, casting="unsafe") if which.ndim == 1 else which
        most = len(self)
        mask = which.dtype == np.bool_ and which.shape == (most,)
        if not mask and (
            which.ndim != 1
            or which.dtype.kind not in "iu"
            or (which.size and not -most <= which.min() <= which.max() < most)
        ):
            raise InputError(
                f"indices must be numbers of the {most} backtests, or a mask of as many, not"
                f" {brief(indices)}"
            )
        return Performance({name: column[which] for name, column in self._columns.items()})

    def row(self, index: int) -> dict[str, float]:
        """Return the figures of one backtest by name.

        Raises
        ------
        InputError
            If there is no such backtest.
        """
        at, most = whole_number("index", index), len(self)
        if not -most <= at < most:
            raise InputError(f"index = {at} is none of the {most} backtests")
        return {name: float(column[at]) for name, column in self._columns.items()}

    def to_frame(self) -> pl.DataFrame:
        """Return one row a backtest, one column a figure."""
        import polars as pl

        return pl.DataFrame(dict(self._columns))

    @classmethod
    def concat(cls, pieces: Sequence[Performance]) -> Performance:
        """Return the backtests of several pieces, in their order.

        Raises
        ------
        InputError
            If one is something else.
        """
        import numpy as np

        none = np.empty(0)
        pieces = items("pieces", pieces, Performance, "wfo.Performance(...)")
        return cls(
            {name: np.concatenate([none, *(piece[name] for piece in pieces)]) for name in FIELDS}
        )


class PerformanceEvaluator:
    """Figures of parameter sets over a whole history, in any pieces.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    feeds
        What the strategy reads, from `wfo.read_feeds`; of one that reads bars alone, their frame
        will do.
    sets
        A `Grid` of the strategy, or parameter sets in canonical order, float64[m, parameters].
    settings
        Capital, costs, sizing and entry style.
    warmup
        First trading bar; all sets trade from it on.
    end
        One past the last bar; by default the end of the history.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.
    engine
        ``"auto"``, the fastest one that can, or the name of one.

    Attributes
    ----------
    engine
        The name of the engine that computes.
    reason
        Why a faster one was passed over; empty where none was.
    note
        What the engine's figures lack, and why; empty where they are complete.
    strategy, settings, warmup, end
        What is computed, checked.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        feeds: Feeds | Any,
        sets: Grid | ArrayLike,
        settings: AccountSettings | None = None,
        *,
        warmup: int,
        end: int | None = None,
        threads: int | None = None,
        engine: str = "auto",
    ) -> None:
        named = get_strategy(strategy)
        space, values = space_of(named, sets)
        read = feeds if isinstance(feeds, Feeds) else read_feeds(named, feeds)
        need = lookback_on(named, values, read)
        used = named.settings_of(settings)
        first, stop = checked_range(warmup, end, need, read)
        chosen = choose_engine(engine, named, used, performance=True, space=space)
        self.strategy = named
        self.settings = used
        self.warmup = first
        self.end = stop
        self.engine = chosen.engine.name
        self.reason = chosen.reason
        self._prepared = chosen.engine.prepare_performance(
            named, read.until(stop), space, used, first, thread_count(threads)
        )
        self.note = self._prepared.note
        self._length = len(space)

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return (
            f"PerformanceEvaluator({self.strategy.name}, {len(self):,} parameter sets, bars"
            f" {self.warmup} to {self.end - 1}, {self.engine})"
        )

    def range(self, start: int, stop: int) -> Performance:
        """Return the figures of parameter sets ``start..stop``.

        Raises
        ------
        InputError
            If there are no such sets.
        """
        first, last = whole(start), whole(stop)
        if first is None or last is None or not 0 <= first <= last <= len(self):
            raise InputError(
                f"parameter sets {brief(start)}..{brief(stop)} lie outside the {len(self)} that"
                " there are"
            )
        found = Performance.of_rows(self._prepared.run(first, last))
        _require_finite(found, first)
        return found


def _require_finite(found: Performance, first: int) -> None:
    """Raise if a figure has left the numbers; what is not defined, or not known, is NaN.

    Raises
    ------
    InputError
        With the first one, of the set whose number is `first` and more.
    """
    import numpy as np

    for name, column in found.columns().items():
        unknown = name in UNDEFINED or name.endswith("intraday_dd")
        wrong = np.isinf(column) if unknown else ~np.isfinite(column)
        if wrong.any():
            raise InputError(not_finite(f"parameter set {first + int(wrong.argmax()):,}", name))


def performance(
    strategy: StrategyLike,
    feeds: Feeds | Any,
    params: Mapping[str, Any],
    settings: AccountSettings | None = None,
    *,
    warmup: int,
    end: int | None = None,
    engine: str = "auto",
) -> dict[str, float]:
    """Return the figures of one parameter set over a whole history, by name.

    Parameters
    ----------
    strategy, feeds, settings, warmup, end, engine
        As of `PerformanceEvaluator`.
    params
        One number for each parameter of the strategy.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """
    named = get_strategy(strategy)
    row = named.check_params(params)
    evaluator = PerformanceEvaluator(
        named, feeds, [row], settings, warmup=warmup, end=end, threads=1, engine=engine
    )
    return evaluator.range(0, 1).row(0)


def space_of(
    strategy: Strategy, sets: Grid | ArrayLike
) -> tuple[Space, Mapping[str, Sequence[Number]]]:
    """Return the parameter sets, and the values that each parameter has in some of them.

    Raises
    ------
    InputError
        If they are no sets of the strategy.
    """
    if isinstance(sets, Grid):
        check_grid(strategy, sets)
        return GridSpace(sets), sets.values
    import numpy as np

    try:
        table = np.array(numbers_array("sets", sets), order="C")
    except InputError:
        raise InputError(f"sets must be rows of numbers, not {brief(sets)}") from None
    wide = len(strategy.names)
    if table.ndim != 2 or table.shape[1] != wide:
        raise InputError(
            f"sets have shape {table.shape}; {strategy.name} needs (sets, {wide}), one column for"
            f" each of {', '.join(strategy.names)}"
        )
    if not len(table):
        raise InputError("there are no parameter sets to evaluate")
    return SetSpace(table), _checked_values(strategy, table)


def _checked_values(strategy: Strategy, table: FloatArray) -> dict[str, list[Number]]:
    """Return the values that each parameter has in some set.

    Values repeat from set to set, so that each is checked once, and of what a constraint names each
    combination.

    Raises
    ------
    InputError
        If a value is out of range, or a set does not meet a constraint.
    """
    import numpy as np

    values: dict[str, list[Number]] = {}
    codes: dict[str, NDArray[np.int64]] = {}
    for parameter, column in zip(strategy.parameters, table.T, strict=True):
        found, codes[parameter.name] = np.unique(column, return_inverse=True)
        values[parameter.name] = [
            parameter.check(int(v) if parameter.whole and v.is_integer() else v)
            for v in found.tolist()
        ]
    for rule in strategy.rules:
        mixed = np.zeros(len(table), dtype=np.int64)
        for name in rule.names:
            _, mixed = np.unique(
                mixed * len(values[name]) + codes[name].ravel(), return_inverse=True
            )
        _, firsts = np.unique(mixed, return_index=True)
        for at in np.sort(firsts):
            rule.check({name: values[name][codes[name][at]] for name in rule.names})
    return values


def checked_range(warmup: int, end: int | None, need: int, read: Feeds) -> tuple[int, int]:
    """Return the first trading bar, and one past the last.

    Raises
    ------
    InputError
        If the warm-up is shorter than `need`, or fewer than two bars are left to trade in.
    """
    first, stop = whole(warmup), read.bars if end is None else whole(end)
    if first is None or stop is None:
        raise InputError(
            f"warmup = {brief(warmup)} and end = {brief(end)} must be whole numbers of bars"
        )
    if first < max(need, 1):  # [I6]
        raise InputError(
            f"warmup = {first} is shorter than the longest lookback; it needs at least"
            f" {max(need, 1)}"
        )
    if not first + 2 <= stop <= read.bars:
        raise InputError(
            "a backtest needs two bars or more to trade in, warmup + 2 <= end <= bars, not"
            f" warmup = {first}, end = {stop}, bars = {read.bars}"
        )
    return first, stop
