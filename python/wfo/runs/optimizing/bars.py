"""The bars of a search: loaded by symbol, cut to its period, and the hold-out set aside."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.backtest import Feeds, read_feeds
from wfo.data import fingerprint
from wfo.errors import DataError, InputError
from wfo.runs.holdout.kept import HoldoutSpan, cut
from wfo.runs.inputs import check_calendar
from wfo.runs.manifest import HoldoutRecord
from wfo.strategy import Strategy, get_strategy
from wfo.strategy.value import reads_higher_bars
from wfo.text import one_line

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import DataStore
    from wfo.search.evaluating.points import StrategyPoints
    from wfo.search.plan import SearchPlan


@dataclass(frozen=True, slots=True, eq=False)
class SearchBars:
    """What a search reads.

    Attributes
    ----------
    frames
        Bars by symbol, without those that are held out.
    fingerprints
        Theirs.
    lines
        A line a symbol, for pages: how many bars, from when to when, and where they are from.
    warnings
        What their sources say of them.
    holdouts
        What is held out, by symbol; empty where nothing is.
    today
        The last date that is not held out; None where nothing is.
    """

    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    holdouts: Mapping[str, HoldoutRecord] = field(default_factory=dict)
    today: dt.date | None = None

    @property
    def days(self) -> dict[str, list[dt.date]]:
        """Date of every bar, by symbol."""
        return {symbol: bars_module.dates(frame) for symbol, frame in self.frames.items()}

    @property
    def holdout(self) -> tuple[str, str] | None:
        """First and last date that are held out of everything; None where none are."""
        if not self.holdouts:
            return None
        dates = [record.dates for record in self.holdouts.values()]
        first, last = min(first for first, _ in dates), max(last for _, last in dates)
        return first.isoformat(), last.isoformat()

    def feeds(self, strategy: Strategy) -> dict[str, Feeds]:
        """Return the prices that a strategy reads, by symbol.

        Raises
        ------
        InputError
            If it reads two symbols at a time.
        """
        if strategy.dual_symbol:
            raise InputError(
                f"{strategy.name} reads two symbols at a time, and a search has one after the"
                " other; 'wfo run' searches its grid"
            )
        return {symbol: read_feeds(strategy, frame) for symbol, frame in self.frames.items()}

    def need(self, points: StrategyPoints) -> int:
        """Return the longest lookback of a space on the bars of any symbol, in bars."""
        if not reads_higher_bars(points.strategy):
            return points.least
        return max(map(points.need, self.feeds(points.strategy).values()), default=0)


def load_bars(store: DataStore, plan: SearchPlan) -> SearchBars:
    """Load the bars of a plan.

    Parameters
    ----------
    store
        Where they are.
    plan
        Its symbols, timeframe, period and hold-out.

    Raises
    ------
    InputError
        If something is held out of no bars, or rules read higher bars by another calendar than
        that of the stored ones.
    DataError
        If bars are missing, or too few are left.
    """
    if not plan.symbols:
        if plan.holdout is not None:
            raise InputError(
                f"holdout = {plan.holdout} holds bars out, and the search has none; name symbols,"
                " or leave it out"
            )
        return SearchBars()
    span = None if plan.holdout is None else HoldoutSpan.of(plan.holdout)
    found = {s: store.load_with_meta(s, plan.timeframe) for s in plan.symbols}
    if plan.kind == "strategy":
        for each in found.values():
            check_calendar(get_strategy(str(plan.target)), each.meta)
    frames = {s: within(s, each.frame, *plan.period) for s, each in found.items()}
    # Of several symbols today is the last day that all of them have.
    today = min(bars_module.dates(frame)[-1] for frame in frames.values())
    holdouts = {}
    before = None if span is None else span.before(today)
    if span is not None:
        for symbol, frame in frames.items():
            divided = cut(frame, None, span, today)
            frames[symbol] = frame[: divided.kept]
            holdouts[symbol] = divided.holdout.record
    lines, warnings = [], []
    for symbol, frame in frames.items():
        origin = found[symbol].meta.origin
        days = bars_module.dates(frame)
        lines.append(
            f"{one_line(symbol)} {plan.timeframe}: {len(frame):,} bars, {days[0]} to {days[-1]},"
            f" from {one_line(origin.source)}"
        )
        warnings += [f"{one_line(symbol)}: {one_line(each)}" for each in origin.warnings]
    prints = {symbol: fingerprint(frame) for symbol, frame in frames.items()}
    return SearchBars(frames, prints, tuple(lines), tuple(warnings), holdouts, before)


def within(
    symbol: str, frame: pl.DataFrame, begin: dt.date | None, end: dt.date | None
) -> pl.DataFrame:
    """Return the bars of a period, whose first and last day count.

    Raises
    ------
    DataError
        If it has none.
    """
    days = bars_module.dates(frame)
    start = 0 if begin is None else bisect_left(days, begin)
    stop = len(days) if end is None else bisect_right(days, end)
    if start >= stop:
        said = f"they are from {days[0]} to {days[-1]}" if days else "there are none"
        raise DataError(
            f"{one_line(symbol)} has no bars from {begin or 'its first'} to {end or 'its last'}:"
            f" {said}"
        )
    return frame[start:stop]
