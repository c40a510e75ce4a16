"""What engines read: named series of the same bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wfo.bars import Prices, check_same_stamps, prices, series
from wfo.data.foreign import polars_frame
from wfo.data.frames import time_column
from wfo.data.higher_bars import higher_bars
from wfo.errors import DataError, InputError, did_you_mean
from wfo.strategy import Strategy, StrategyLike, get_strategy
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Names of the first symbol's bars and of the second one's.
FIRST, SECOND = "bars", "bars2"


class Feeds(Mapping[str, Mapping[str, "FloatArray"]]):
    """Named series, each of named columns, float64[n], all over the same n bars.

    Parameters
    ----------
    columns
        Feed name to column name to values; a feed of prices has ``open, high, low, close``.
    stamps
        The bars' dates or date-times, where they are known.
    """

    __slots__ = ("_columns", "stamps")

    def __init__(
        self, columns: Mapping[str, Mapping[str, FloatArray]], stamps: pl.Series | None = None
    ) -> None:
        self._columns = {name: dict(feed) for name, feed in columns.items()}
        self.stamps = stamps

    @classmethod
    def of(cls, bars: Prices, second: Prices | None = None) -> Feeds:
        """Return the prices of one symbol, or of two."""
        both = {FIRST: bars} | ({} if second is None else {SECOND: second})
        return cls({name: symbol._asdict() for name, symbol in both.items()})

    def __getitem__(self, name: str) -> Mapping[str, FloatArray]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def bars(self) -> int:
        """How many bars there are."""
        return len(next(iter(self._columns[FIRST].values())))

    def prices(self, name: str = FIRST) -> Prices | None:
        """Return the prices of a feed, None if there is none of that name."""
        if name not in self._columns:
            return None
        # Beside them it may have columns of its own.
        return Prices(*(self._columns[name][column] for column in Prices._fields))

    def until(self, end: int) -> Feeds:
        """Return the bars before `end`."""
        return Feeds(
            {
                name: {key: column[:end] for key, column in feed.items()}
                for name, feed in self._columns.items()
            },
            None if self.stamps is None else self.stamps[:end],
        )

    def to_list(self) -> list[tuple[str, dict[str, FloatArray]]]:
        """Return the feeds in the form that a compiled kernel takes."""
        return [(name, dict(feed)) for name, feed in self._columns.items()]


def read_feeds(
    strategy: StrategyLike, bars: Any, bars2: Any = None, feeds: Mapping[str, Any] | None = None
) -> Feeds:
    """Check the frames that a strategy reads, and return their columns.

    Parameters
    ----------
    strategy
        What reads them: a name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel
        that is one.
    bars, bars2
        The bars of the first symbol, and of the second one where it has one: Polars, pandas or
        PyArrow frames.
    feeds
        Further series by name, each with the stamps of `bars`.

    Returns
    -------
    Feeds
        Their columns, float64[n] each. Of a strategy that reads higher bars there is a feed for
        each of their timeframes, which says which bars make one.

    Raises
    ------
    DataError
        If a frame cannot be used, does not have the stamps of the first one, or has none that
        higher bars could be made by.
    InputError
        If a feed is missing, or one too many.
    """
    strategy = get_strategy(strategy)
    if feeds is not None and not isinstance(feeds, Mapping):
        raise InputError(f"feeds must name each frame, as a dict does, not be {brief(feeds)}")
    for name in feeds or {}:
        if name in {FIRST, SECOND}:
            raise InputError(f"feeds[{brief(name)}] has an argument of its own; give it as {name}=")
    given = {FIRST: bars} | ({} if bars2 is None else {SECOND: bars2}) | dict(feeds or {})
    wanted = {feed.name: feed for feed in strategy.feeds}
    if SECOND in wanted and SECOND not in given:
        raise InputError(f"{strategy.name} reads a second symbol; give its bars as bars2")
    if SECOND in given and SECOND not in wanted:
        raise InputError(f"{strategy.name} reads one symbol only; leave bars2 out")
    for name in given:
        if name not in wanted:
            raise InputError(
                f"{strategy.name} reads no feed {brief(name)}{did_you_mean(name, wanted)}"
            )
    for name in wanted:
        if name not in given:
            raise InputError(
                f"{strategy.name} also reads {brief(name)}; give it as feeds={{{brief(name)}: …}}"
            )
    first = polars_frame(bars)
    stamp = time_column(first)
    columns: dict[str, Mapping[str, FloatArray]] = {}
    for name, feed in wanted.items():
        frame = first if name == FIRST else polars_frame(given[name], name, bars=feed.prices)
        own = prices(frame)._asdict() if feed.prices else {}
        columns[name] = own | {column: series(frame, column, name) for column in feed.columns}
        if name != FIRST:
            check_same_stamps(first, frame, name)
    for name in getattr(strategy.kernel, "timeframes", ()):
        columns[name] = _groups(strategy, first[stamp], name)
    return Feeds(columns, first[stamp])


def _groups(strategy: Strategy, stamps: pl.Series, name: str) -> Mapping[str, FloatArray]:
    """Return the columns of a feed that says which bars make a higher one."""
    timeframe, _, calendar = name.partition(" ")
    try:
        return higher_bars(stamps, timeframe, calendar)._asdict()
    except (InputError, DataError) as error:
        raise type(error)(f"{strategy.name} reads {timeframe} bars: {error}") from None
