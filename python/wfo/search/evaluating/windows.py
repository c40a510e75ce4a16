"""Windows of a symbol as engines see them: in-sample bars alone, or all bars of both parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wfo.backtest.feeds import FIRST, Feeds
from wfo.backtest.figures import Choice
from wfo.bars import Prices
from wfo.data.years import checked_bars_per_year
from wfo.errors import InputError
from wfo.metrics import inferred_bars_per_year
from wfo.text import brief, shown
from wfo.windows import Phase

#: First trading bar, first out-of-sample bar, and one past the last bar.
Bounds = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class SymbolWindow:
    """One window of one symbol.

    Attributes
    ----------
    symbol
        The symbol, or the pair of them.
    feeds
        All bars.
    bounds
        First trading bar, first out-of-sample bar, one past the last bar; the latter two are equal
        where nothing is kept out of sample.
    sealed
        The bars before the first out-of-sample one, and a copy of the last of them: an engine wants
        one bar out-of-sample, and no candidate may see a real one.
    bars_per_year
        What makes figures of one bar annual.
    """

    symbol: str
    feeds: Feeds
    bounds: Bounds
    sealed: Feeds
    bars_per_year: float

    @classmethod
    def of(
        cls, symbol: str, feeds: Feeds, bounds: Bounds, bars_per_year: float | None = None
    ) -> SymbolWindow:
        """Return a window, its in-sample bars sealed off."""
        split = bounds[1]
        if bars_per_year is None:
            if feeds.stamps is None:
                raise InputError(f"the bars of {shown(symbol)} have no dates; give bars_per_year")
            # Of in-sample dates alone, like all else that scores a candidate.
            bars_per_year = inferred_bars_per_year(feeds.stamps[:split])
        year = checked_bars_per_year(bars_per_year)
        return cls(symbol, feeds, bounds, _sealed(feeds, split), year)

    @property
    def is_bounds(self) -> Bounds:
        """The bounds over `sealed`."""
        warmup, split, _ = self.bounds
        return warmup, split, split + 1

    @property
    def is_bars(self) -> int:
        """In-sample bars."""
        return self.bounds[1] - self.bounds[0]

    @property
    def oos_bars(self) -> int:
        """Out-of-sample bars."""
        return self.bounds[2] - self.bounds[1]

    def prices(self) -> Prices:
        """Return the prices that are traded."""
        return Prices(*(self.feeds[FIRST][name] for name in Prices._fields))


def symbol_windows(
    feeds: Mapping[str, Feeds],
    phases: Mapping[str, Sequence[Bounds | Phase]],
    need: Callable[[Feeds], int],
    bars_per_year: Mapping[str, float] | None,
) -> dict[str, tuple[SymbolWindow, ...]]:
    """Return the windows of each symbol, checked.

    Parameters
    ----------
    feeds
        Bars by symbol.
    phases
        Phases by symbol, as many of each.
    need
        Returns the longest lookback of the space on bars, in bars.
    bars_per_year
        By symbol; those that are left out follow from the bars' dates.

    Raises
    ------
    InputError
        If there is no symbol or window, symbols have different numbers of windows, or the bars of a
        window cannot be.
    """
    if not feeds:
        raise InputError("there are no bars of any symbol to search on")
    found = {}
    for symbol, own in feeds.items():
        if not isinstance(own, Feeds):
            raise InputError(
                f"the bars of {shown(symbol)} must be what wfo.read_feeds returns, not {brief(own)}"
            )
        if symbol not in phases:
            raise InputError(f"there are no windows for {shown(symbol)}")
        bounds = [p.bounds if isinstance(p, Phase) else p for p in phases[symbol]]
        year = (bars_per_year or {}).get(symbol)
        longest = need(own)
        found[symbol] = tuple(
            SymbolWindow.of(symbol, own, _checked(symbol, i, b, longest, own.bars), year)
            for i, b in enumerate(bounds, 1)
        )
    counts = {symbol: len(windows) for symbol, windows in found.items()}
    if len(set(counts.values())) > 1 or not min(counts.values()):
        said = ", ".join(f"{shown(s)} {n}" for s, n in counts.items())
        raise InputError(f"all symbols need as many windows, 1 at least, not {said}")
    return found


def _checked(symbol: str, number: int, bounds: Bounds, need: int, bars: int) -> Bounds:
    warmup, split, end = bounds
    where = f"window {number} of {shown(symbol)}"
    if warmup < need:
        raise InputError(
            f"{where} trades from bar {warmup} on, and the space looks back {need} bars; begin it"
            f" {need - warmup} bars later, or search shorter lengths"
        )
    if not 1 <= warmup < split <= end <= bars:
        raise InputError(
            f"{where} needs 1 <= warmup < split <= end <= bars, not warmup = {warmup},"
            f" split = {split}, end = {end}, bars = {bars}"
        )
    return warmup, split, end


def _sealed(feeds: Feeds, split: int) -> Feeds:
    import numpy as np

    return Feeds(
        {
            name: {
                key: np.concatenate([column[:split], column[split - 1 : split]])
                for key, column in feed.items()
            }
            for name, feed in feeds.items()
        }
    )


def figures_choice(*, extended: bool) -> Choice:
    """Return what evaluators call the figures."""
    return "extended" if extended else "standard"
