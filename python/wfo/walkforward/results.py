"""What each window of a walk-forward comes to, and all of them by Pardo and TradeStation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wfo.backtest.benchmark import annual_efficiency
from wfo.data.years import DAYS_A_YEAR
from wfo.stats.efficiency import Condition, PhaseProfit
from wfo.walkforward.components import Decision, Params, WindowResult
from wfo.walkforward.drift import drifts
from wfo.walkforward.history import History
from wfo.walkforward.simulating import simulate_sets
from wfo.walkforward.slices import Slices
from wfo.windows import WalkWindow, WalkWindows

if TYPE_CHECKING:
    from wfo.grid import Grid


def sets_in_force(decisions: Sequence[Decision]) -> list[Params | None]:
    """Return the set that trades in each window: its own, or that of the decision before."""
    found: list[Params | None] = []
    for decision in decisions:
        before = found[-1] if found else None
        found.append(before if decision.params is None else decision.params)
    return found


def window_results(
    history: History,
    windows: WalkWindows,
    decisions: Sequence[Decision],
    grid: Grid | None,
    traded: Slices,
    held: Slices,
) -> tuple[WindowResult, ...]:
    """Return the figures of each window.

    Parameters
    ----------
    history, windows, decisions, grid
        As of `wfo.walkforward.stitching.stitch`.
    traded, held
        The stitched backtest, and buy-and-hold over the same bars.
    """
    each = zip(windows, decisions, sets_in_force(decisions), drifts(decisions, grid), strict=True)
    found = []
    for window, decision, params, drift in each:
        result = WindowResult(
            window=window,
            decision=decision,
            params=params,
            in_sample=None,
            alone=None,
            traded=traded.part(window.split, window.until),
            held=held.part(window.split, window.until),
            wfe=None,
            wfe_annual=None,
            return_wfe=None,
            drift=drift,
        )
        if params is not None:
            result = _with_own(result, history, params, traded.days)
        found.append(result)
    return tuple(found)


def _with_own(
    result: WindowResult, history: History, params: Params, days: Sequence[dt.date]
) -> WindowResult:
    """Return a result with the figures of its set, in- and out-of-sample."""
    window = result.window
    simulation = simulate_sets(
        history,
        [(window.first, params)],
        warmup=window.first,
        split=window.split,
        end=window.end,
    )
    own = Slices.of(simulation, days, history.bars_per_year)
    # Later bars change nothing of earlier ones, so that one backtest has both parts.
    before, after = own.part(window.first, window.train_end), own.part(window.split, window.end)
    wfe = wfe_annual = return_wfe = None
    if before.net_profit > 0:
        wfe = after.net_profit / before.net_profit
        wfe_annual = wfe * _years(*_in_sample(window)) / _years(*_out_of_sample(window))
    if before.cagr is not None and after.cagr is not None:
        return_wfe = annual_efficiency(before.cagr, after.cagr)
    return replace(
        result,
        in_sample=before,
        alone=after,
        wfe=wfe,
        wfe_annual=wfe_annual,
        return_wfe=return_wfe,
    )


def phase_profits(results: Sequence[WindowResult], capital: float) -> list[PhaseProfit]:
    """Return what each window is to an efficiency: a run of a walk-forward analysis.

    Profits are on the capital, in-sample of the window's set, out-of-sample as it traded, so that
    what was earned before makes no window weigh more. Windows before the first decision are left
    out, unless there are no others.

    Parameters
    ----------
    results
        Of all windows, in order.
    capital
        What the backtests start with, in currency.
    """
    until = [r.window.split_date for r in results[1:]] + [_out_of_sample(results[-1].window)[1]]
    return [
        PhaseProfit(
            0.0 if result.in_sample is None else result.in_sample.net_profit,
            _on_capital(result, capital),
            _years(*_in_sample(result.window)),
            _years(result.window.split_date, behind),
            result.traded.max_drawdown_share,
        )
        for result, behind in zip(results, until, strict=True)
        if result.params is not None or all(r.params is None for r in results)
    ]


def condition_name(condition: Condition) -> str:
    """Return what a condition of a verdict asks for; the phases that it speaks of are windows."""
    return condition.name.replace("phase", "window")


def _on_capital(result: WindowResult, capital: float) -> float:
    """Return the profit as traded on the starting capital; that in currency after ruin."""
    share = result.traded.total_return
    return result.traded.net_profit if share is None else share * capital


def _in_sample(window: WalkWindow) -> tuple[dt.date, dt.date]:
    """Return the first day of the in-sample part, and that behind it."""
    return window.from_date, window.train_date


def _out_of_sample(window: WalkWindow) -> tuple[dt.date, dt.date]:
    """Return the first day of the whole out-of-sample part, and that behind it or the last bar."""
    behind = window.out_of_sample[1] + dt.timedelta(1) if window.cut else window.to_date
    return window.split_date, behind


def _years(first: dt.date, behind: dt.date) -> float:
    """Return the years from a day to another, one day at least."""
    return max((behind - first).days, 1) / DAYS_A_YEAR
