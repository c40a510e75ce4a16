"""What a walk-forward assumes, and what did not go as its schedule says, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wfo.backtest import Simulation
from wfo.backtest.values import Unfilled
from wfo.rules.sizing import into_a_trade
from wfo.settings import AccountSettings
from wfo.strategy import Strategy
from wfo.text import percent
from wfo.walkforward.components import WindowResult
from wfo.walkforward.history import History
from wfo.walkforward.slices import Slices
from wfo.windows import WalkWindows

#: How the sentence begins that a page has at its head.
NO_LOT: Final = "NO LOT COULD BE BOUGHT"

#: Stretches of windows that a sentence names.
_SPANS = 10


def notes_of(
    history: History,
    windows: WalkWindows,
    results: Sequence[WindowResult],
    found: Simulation | None,
    traded: Slices,
    held: Slices,
) -> list[str]:
    """Return a sentence for each thing that a reader of the figures should know.

    Parameters
    ----------
    history, windows
        Bars and account, and the schedule on them.
    results
        Of all windows.
    found, traded
        The stitched backtest; None where nothing was ever chosen, and then it is cash.
    held
        Buy-and-hold over the same bars.
    """
    start, stop = windows.traded
    notes = [_costs(history.settings, history.strategy)]
    notes += _choices(results)
    if windows[-1].cut:
        notes.append(
            "The last window is cut: its out-of-sample part would end before"
            f" {windows[-1].to_date}, and the bars end on {traded.days[stop - 1]}."
        )
    if any(window.until < window.end for window in windows):
        notes.append(
            "Out-of-sample parts overlap: the newest decision trades, and each part is also given"
            " alone and whole."
        )
    if found is not None and found.unfilled is not None:
        notes.append(_lots(found.unfilled))
    elif found is None:
        notes += _too_dear(history)
    if not held.in_market[stop - 1]:
        notes.append("The capital does not pay for one lot at the start: buy-and-hold is cash.")
    ruined = traded.equity[start:stop] <= 0
    if ruined.any():
        day = traded.days[start + int(ruined.argmax())]
        notes.append(
            f"The equity is 0 or less on {day}: returns and annual figures over that day are not"
            " defined."
        )
    return notes


def _costs(settings: AccountSettings, strategy: Strategy) -> str:
    """Return what a trade pays, and how large it is."""
    costs = "neither slippage nor fees"
    if settings.slip or settings.fee:
        costs = f"{percent(settings.slip)} of slippage and {percent(settings.fee)} of fees"
    size = into_a_trade(settings.sizing, strategy)
    lots = f" in lots of {settings.lot_size:g}" if settings.lot_size else ""
    return (
        f"A fill pays {costs}; a trade takes {size}{lots}. What is open at the end is worth its"
        " last close, and no exit is charged."
    )


def _choices(results: Sequence[WindowResult]) -> list[str]:
    """Return which windows have chosen nothing, and what they did instead."""
    idle = [r for r in results if r.params is None]
    kept = [r for r in results if r.params is not None and r.decision.params is None]
    notes = []
    for found, instead in (
        (idle, "everything is in cash"),
        (kept, "the set before goes on"),
    ):
        if not found:
            continue
        numbers = _numbers([r.window.number for r in found])
        reasons = dict.fromkeys(r.decision.note for r in found if r.decision.note)
        why = f" ({'; '.join(reasons)})" if len(reasons) == 1 else ""
        windows = "Window" if len(found) == 1 else "Windows"
        verb = "chooses" if len(found) == 1 else "choose"
        notes.append(f"{windows} {numbers} {verb} nothing{why}: {instead}.")
    return notes


def _numbers(ascending: Sequence[int]) -> str:
    """Return numbers as text, those that follow each other as ``3 to 7``."""
    spans: list[tuple[int, int]] = []
    for number in ascending:
        if spans and spans[-1][1] == number - 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    more = len(spans) - _SPANS
    texts = [str(a) if a == b else f"{a} to {b}" for a, b in spans[:_SPANS]]
    return ", ".join(texts) + (f" and {more} stretches more" if more > 0 else "")


def _lots(lacking: Unfilled) -> str:
    """Return which entries bought nothing."""
    if lacking.all:
        return (
            f"{NO_LOT}, though entries took place, {lacking.count:,} in all: one lot of"
            f" {lacking.lot_size:g} cost {lacking.lot_cost:,.2f} or more, and there was"
            f" {lacking.equity:,.2f} to pay for it."
        )
    return (
        f"{lacking.count} of {lacking.entries} entries are made without shares: a lot of"
        f" {lacking.lot_size:g} costs {lacking.lot_cost:,.2f} or more, and there were"
        f" {lacking.equity:,.2f}."
    )


def _too_dear(history: History) -> list[str]:
    """Return that no set could ever buy a lot, where nothing was chosen and the capital says so."""
    settings, prices = history.settings, history.feeds.prices()
    lot = 0.0 if prices is None else settings.lot_size * float(prices.low.min())
    if lot <= settings.capital:
        return []
    told = (
        f"{NO_LOT}, by any set in any window: one lot of {settings.lot_size:g} was worth {lot:,.2f}"
        f" or more on all bars, and the capital is {settings.capital:,.2f}."
    )
    return [told]
