"""The walk: which orders work in each bar, what its first touch brings, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wfo.rules.program import Program
from wfo.rules.reference import money
from wfo.rules.reference.lines import Line, Lines, lines_of
from wfo.rules.reference.sizing import may_enter, shares_of
from wfo.rules.reference.touches import (
    FLAT,
    LONG,
    PROTECTIVE,
    SHORT,
    Bar,
    Touch,
    entry_level,
    entry_touch,
    exit_level,
    exit_touch,
)
from wfo.strategy import Walk
from wfo.strategy.feed import PRICES

Feeds = Mapping[str, Mapping[str, NDArray[np.float64]]]

#: A side, and what a parameter set's values hold from.
Sets = Sequence[tuple[int, Sequence[float]]]


@dataclass(slots=True)
class Standing:
    """What a path has come to.

    Attributes
    ----------
    equity
        After the last closed trade, in currency.
    since
        The bar since which the state lasts; of a position that of its entry.
    highest, lowest
        The extremes since then.
    side
        `LONG`, `SHORT` or `FLAT`.
    fill, at_entry, shares
        Of the position: the raw price, what a share cost or brought, and how many there are.
    """

    equity: float
    since: int
    highest: float
    lowest: float
    side: int = FLAT
    fill: float = float("nan")
    at_entry: float = float("nan")
    shares: float = 0.0

    def extreme(self, side: int) -> float:
        """Return the extreme that orders of a side hang from."""
        return self.highest if side > 0 else self.lowest


class Path:
    """One path through the bars of a phase.

    Parameters
    ----------
    program
        The program.
    feeds
        Feed name to column name to values, float64[n] each; ``bars`` is traded.
    sets
        The bar from whose orders on a parameter set holds, and its values; ascending.
    settings
        `wfo.AccountSettings`.
    warmup
        The first trading bar, 1 <= warmup <= n.
    """

    def __init__(
        self, program: Program, feeds: Feeds, sets: Sets, settings: Any, warmup: int
    ) -> None:
        bars = feeds["bars"]
        self.open, self.high, self.low, self.close = (bars[name].tolist() for name in PRICES)
        self.bars = len(self.close)
        self.program = program
        self.settings = settings
        self.sets = [(first, lines_of(program, feeds, values, self.bars)) for first, values in sets]
        # [S1] Flat since the bar before the first trading bar.
        self.now = Standing(
            settings.capital, warmup - 1, self.high[warmup - 1], self.low[warmup - 1]
        )
        self.trades: list[tuple[float, ...]] = []
        self.reversals: list[tuple[int, float]] = []
        self.equity = [settings.capital] * warmup  # [M10]

    def go(self) -> None:
        """Go through all trading bars."""
        sets = iter(self.sets)
        (_, lines), following = next(sets), next(sets, None)
        for t in range(len(self.equity), self.bars):
            # [T4] The orders of a bar are those of its set; [T5] all else goes on.
            while following is not None and following[0] <= t:
                (_, lines), following = following, next(sets, None)
            self._bar(t, lines)

    def _bar(self, t: int, lines: Lines) -> None:
        now = self.now
        bar = Bar(self.open[t], self.high[t], self.low[t])
        if now.side == FLAT:
            event = self._from_flat(t, bar, lines)
        else:
            event = self._from_position(t, bar, lines)
        if event:  # [B8] The whole bar belongs to the new state.
            now.highest, now.lowest, now.since = bar.high, bar.low, t
        else:
            now.highest = max(now.highest, bar.high)
            now.lowest = min(now.lowest, bar.low)
        if now.side == FLAT:
            self.equity.append(now.equity)  # [M10]
        else:
            # [M10] [M12]
            self.equity.append(
                money.mark(now.side, now.equity, now.shares, now.at_entry, self.close[t])
            )

    def _from_flat(self, t: int, bar: Bar, lines: Lines) -> bool:
        """Let a bar that begins without a position bring what it brings; return whether it did."""
        if self.now.equity <= 0.0:  # [M8]
            return False
        buys, sales = self._entries(t, bar, lines, LONG), self._entries(t, bar, lines, SHORT)
        if not buys and not sales:
            return False
        first = min(buys + sales)  # [B2]
        self._enter(t, first, lines)
        others = sales if first.side == LONG else buys
        if lines.both_fill and others:
            self._leave(t, min(others).fill)  # [B3]
        else:
            self._leave_at_once(t, bar, first, lines)
        return True

    def _from_position(self, t: int, bar: Bar, lines: Lines) -> bool:
        """Let a bar that begins with a position bring what it brings; return whether it did."""
        now = self.now
        touched = self._exits(t, bar, lines)
        if lines.reverses[-now.side]:
            touched += self._entries(t, bar, lines, -now.side)  # [R17]
        if not touched:
            return False
        first = min(touched)  # [B2]
        self._leave(t, first.fill)
        # [B1] An exit is all that the bar holds. [M8] No second half after a ruin.
        if first.side != FLAT and now.equity > 0.0:
            self.reversals.append((t, now.equity))  # [M11]
            self._enter(t, first, lines)
            self._leave_at_once(t, bar, first, lines)
        return True

    def _entries(self, t: int, bar: Bar, lines: Lines, side: int) -> list[Touch]:
        """Return the touches of the entries of a side that work in a bar."""
        found = []
        for line in lines.entries[side]:
            if not line.works[t - 1]:  # [R14]
                continue
            level = entry_level(
                line.kind, side, line.value[t - 1], self.now.extreme(side), self.close[t - 1]
            )
            touch = entry_touch(line.kind, side, level, bar, line.place)
            if touch is not None and may_enter(lines, side, touch.fill, t - 1):
                found.append(touch)
        return found

    def _exits(self, t: int, bar: Bar, lines: Lines) -> list[Touch]:
        """Return the touches of the exits of the position, in a bar after that of its entry."""
        now = self.now
        found = []
        for line in lines.exits[now.side]:
            if not self.exit_works(line, t):
                continue
            level = self.exit_level(line, t)
            touch = exit_touch(line.kind, now.side, level, bar, line.place)
            if touch is not None:
                found.append(touch)
        return found

    def exit_works(self, line: Line, t: int) -> bool:
        """Return whether an exit of the position works in bar `t`."""
        now = self.now
        if line.kind == "after":
            return t - now.since >= line.value[t - 1]  # [R12]
        if line.kind in ("loss", "target"):
            return line.works[now.since - 1]  # [R14]
        return line.works[t - 1]  # [R14]

    def exit_level(self, line: Line, t: int) -> float:
        """Return the level of an exit of the position in bar `t`."""
        now = self.now
        return exit_level(
            line.kind,
            now.side,
            line.value[t - 1],
            line.value[now.since - 1],
            now.fill,
            now.extreme(now.side),
            line.percent,
        )

    def _leave_at_once(self, t: int, bar: Bar, entry: Touch, lines: Lines) -> None:
        """Let the exits work in the bar of the entry, as far as `same_bar` does."""
        now, same_bar = self.now, self.program.same_bar
        if same_bar == "next":  # [B4]
            return
        at_open = entry.leg == 0
        touched = []
        for line in lines.exits[now.side]:
            if line.kind in ("at_open", "after") or not line.works[t - 1]:
                continue
            if not at_open and (same_bar == "open" or line.kind not in PROTECTIVE):  # [B5] [B6]
                continue
            value = line.value[t - 1]
            # [B5] A trail hangs from the fill.
            level = exit_level(line.kind, now.side, value, value, now.fill, now.fill, line.percent)
            touch = exit_touch(line.kind, now.side, level, bar, line.place)
            if touch is None:
                continue
            if not at_open:
                # [B6] Wherever in the bar the price was, it leaves no better than it came; the
                # higher of two levels below is met first.
                fill = min(level, now.fill) if now.side == LONG else max(level, now.fill)
                touch = touch._replace(leg=0, along=-now.side * level, fill=fill)
            touched.append(touch)
        if same_bar == "worst":
            # [B6] What protects comes before what takes a profit.
            touched = [each for each in touched if each.rank == 1] or touched
        if touched:
            self._leave(t, min(touched).fill)  # [B7]

    def _enter(self, t: int, touch: Touch, lines: Lines) -> None:
        now, settings = self.now, self.settings
        now.side, now.since, now.fill = touch.side, t, touch.fill
        now.at_entry = money.at_entry_of(touch.side, touch.fill, settings.slip, settings.fee)
        now.shares = shares_of(lines, touch.side, touch.fill, t - 1, now.equity, settings)

    def _leave(self, t: int, price: float) -> None:
        now, settings = self.now, self.settings
        before = now.equity
        now.equity = money.after_exit(
            now.side, before, now.shares, now.at_entry, price, settings.slip, settings.fee
        )
        if now.shares > 0.0:  # [M7]
            # [M13]
            self.trades.append((now.side, now.since, now.fill, t, price, now.equity - before))
        now.side, now.since, now.shares = FLAT, t, 0.0
        now.fill = now.at_entry = float("nan")


def walk(program: Program, feeds: Feeds, sets: Sets, settings: Any, warmup: int) -> Walk:
    """Go through the bars of a phase.

    Parameters
    ----------
    program
        The program.
    feeds, sets, settings, warmup
        As a `wfo.strategy.PythonKernel` gets them.

    Raises
    ------
    InputError
        If a length is none for the values of a set.
    """
    path = Path(program, feeds, sets, settings, warmup)
    path.go()
    now = path.now
    return Walk(
        path.trades,
        np.array(path.equity, dtype=np.float64),
        now.since if now.side != FLAT and now.shares > 0.0 else -1,
        path.reversals,
    )
