"""Let the sets of a walk-forward trade one after the other, as one backtest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from wfo.backtest import Simulation
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.metrics import bars_long
from wfo.stats.efficiency import tradestation_verdict, walk_forward_efficiency
from wfo.walkforward.assumptions import notes_of
from wfo.walkforward.components import Curve, Decision, FixedSet, Params
from wfo.walkforward.drift import mean_drift
from wfo.walkforward.history import History
from wfo.walkforward.results import phase_profits, window_results
from wfo.walkforward.simulating import dated_sets, simulate_sets
from wfo.walkforward.slices import Slices
from wfo.walkforward.values import WalkForward
from wfo.windows import WalkWindow, WalkWindows

#: What sets that are never changed are called; that of a run is called by the caller.
FIRST_LABEL = "First set, never changed"
HINDSIGHT_LABEL = "Chosen on all of these bars, which it has seen"


def hindsight_window(windows: WalkWindows, days: Sequence[dt.date]) -> WalkWindow:
    """Return the window whose in-sample part is all bars from the first in-sample one on.

    What is chosen in it has seen the future. Its out-of-sample part is the last bar, since a window
    has one, and nothing is made of it.

    Parameters
    ----------
    windows
        The schedule on the bars.
    days
        The date of every bar.
    """
    first, (_, stop) = windows[0], windows.traded
    last = days[stop - 1]
    return WalkWindow(
        number=len(windows) + 1,
        first=first.first,
        train_end=stop - 1,
        split=stop - 1,
        end=stop,
        until=stop,
        from_date=first.from_date,
        train_date=last,
        split_date=last,
        to_date=last + dt.timedelta(1),
        in_sample=(first.in_sample[0], days[stop - 2]),
        out_of_sample=(last, last),
        cut=False,
    )


def stitch(
    history: History,
    windows: WalkWindows,
    decisions: Sequence[Decision],
    *,
    grid: Grid | None,
    grid_name: str,
    by: str,
    symbols: tuple[str, ...] = (),
    hindsight: Decision | None = None,
    run_set: tuple[str, Params] | None = None,
    searched: int,
    notes: Sequence[str] = (),
) -> WalkForward:
    """Return what decisions come to.

    Each set trades from its window's first out-of-sample bar until the next one does, with the
    position, its extremes and the cash that the one before leaves: one backtest with dated
    parameters. Where nothing is chosen the set before goes on; before the first decision everything
    is in cash. Costs are those of the trades, and a change of sets has none.

    Parameters
    ----------
    history
        Bars and account.
    windows
        The schedule on those bars.
    decisions
        One a window, in order.
    grid
        What was searched, so that drift is counted in its steps; None of a study.
    grid_name, by, symbols, searched
        What the result says of itself.
    hindsight
        What the same criterion chooses in `hindsight_window`; None leaves it out.
    run_set
        Another fixed set, with what it is called.
    notes
        Sentences that come before those of the result.

    Raises
    ------
    WfoError
        If there is not one decision a window, a set cannot be simulated, or the strategy has no
        engine for sets that take turns.
    """
    if [d.window for d in decisions] != [w.number for w in windows]:
        raise InputError(
            f"a walk-forward of {len(windows)} windows needs a decision of each, in order, not"
            f" those of windows {[d.window for d in decisions]}"
        )
    days = history.days
    start, stop = windows.traded
    sets = dated_sets(windows, decisions)
    traded, simulation = traded_slices(history, sets, days, stop)
    held = Slices.held(history, days, start, stop)
    results = window_results(history, windows, decisions, grid, traded, held)
    fixed: list[tuple[str, str, tuple[int, Params]]] = []
    if sets:
        # It is not known before its own window ends.
        fixed.append(("first", FIRST_LABEL, sets[0]))
    if hindsight is not None and hindsight.params is not None:
        fixed.append(("hindsight", HINDSIGHT_LABEL, (start, hindsight.params)))
    if run_set is not None:
        fixed.append(("run", run_set[0], (start, run_set[1])))
    profits = phase_profits(results, history.settings.capital)
    bought = _curve("buy-and-hold", held, start, stop)
    gain = bought.metrics.total_return
    exposure = _long_share(history, simulation, start, stop)
    return WalkForward(
        strategy=history.strategy.name,
        grid=grid_name,
        symbols=tuple(symbols),
        by=by,
        windows=windows,
        results=results,
        dates=tuple(days[start - 1 : stop]),
        stitched=_curve("stitched", traded, start, stop),
        held=bought,
        # Nothing of a loss is 0, and no loss of 0 %.
        exposure_return=None if gain is None else gain * exposure + 0.0,
        fixed=tuple(
            FixedSet(
                key,
                label,
                params,
                _curve(key, traded_slices(history, [each], days, stop)[0], start, stop),
            )
            for key, label, each in fixed
            for params in (each[1],)
        ),
        efficiency=walk_forward_efficiency(profits),
        tradestation=tradestation_verdict(profits),
        drift=mean_drift([result.drift for result in results], history.strategy.names),
        trades=traded.trades,
        searched=searched,
        capital=history.settings.capital,
        bars_per_year=history.bars_per_year,
        settings=history.settings.to_dict(),
        notes=(*notes, *notes_of(history, windows, results, simulation, traded, held)),
    )


def traded_slices(
    history: History, sets: Sequence[tuple[int, Params]], days: Sequence[dt.date], stop: int
) -> tuple[Slices, Simulation | None]:
    """Return one backtest of sets that take turns, from the first of them on; cash without any."""
    if not sets:
        return Slices.cash(history, days, stop), None
    found = simulate_sets(history, sets, warmup=sets[0][0], end=stop)
    return Slices.of(found, days, history.bars_per_year), found


def _curve(name: str, slices: Slices, start: int, stop: int) -> Curve:
    return Curve(name, slices.equity[start - 1 : stop], slices.part(start, stop))


def _long_share(history: History, found: Simulation | None, start: int, stop: int) -> float:
    """Return the share of traded bars at whose close a long is held."""
    prices = history.feeds.prices()
    if found is None or prices is None:
        return 0.0
    closes = prices.close[:stop]
    long = bars_long(found.equity, found.trades, closes, shorts=history.strategy.shorts)
    return float(long[start:stop].mean())
