"""What is said of one finalist: its returns, their significance, its phases, its stress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest import Simulation
from wfo.backtest.marks import held_returns, period_ends
from wfo.backtest.simulate import simulate
from wfo.bars import days, prices
from wfo.data.frames import time_column
from wfo.errors import InputError
from wfo.metrics import ROUNDING, bar_returns
from wfo.runs.market import Market
from wfo.runs.verdict.plain import from_plain, to_plain
from wfo.runs.verdict.stress import MOST_DRAWS, Stress, stress
from wfo.stats.bootstrap import (
    LEAST,
    ReturnIntervals,
    TradeIntervals,
    return_intervals,
    trade_intervals,
)
from wfo.stats.efficiency import (
    Efficiency,
    PhaseProfit,
    TradeStationVerdict,
    tradestation_verdict,
    walk_forward_efficiency,
)
from wfo.stats.monte_carlo import ReshuffledDrawdowns, reshuffled_drawdowns
from wfo.stats.sharpe import (
    deflated_sharpe,
    expected_maximum_sharpe,
    probabilistic_sharpe,
    probabilistic_sharpe_autocorrelated,
    sharpe_moments,
)
from wfo.strategy import Number, Strategy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Autocorrelation beyond which it is told what it makes of a probabilistic Sharpe ratio, times the
#: root of the number of periods: two standard errors of that of independent returns.
MATTERS = 2.0


@dataclass(frozen=True, slots=True)
class Significance:
    """How sure a Sharpe ratio above 0 is, of returns by period or of what they exceed.

    Attributes
    ----------
    sharpe
        Annual Sharpe ratio.
    psr
        Probabilistic Sharpe ratio: the probability that the true ratio is above 0; None where the
        returns leave its estimate without a variance.
    autocorrelation
        Of first order, of the returns.
    psr_autocorrelated
        The probabilistic ratio with it; None where it does not matter, within two standard errors
        of 0.
    dsr
        Deflated Sharpe ratio: the probability that the true ratio is above the largest one that as
        many trials without any skill lead to expect; None without a variance.
    variance
        Of the Sharpe ratios of sampled trials, by period; None where it is not known.
    expected_maximum
        That largest ratio, annual; None without a variance.
    """

    sharpe: float
    psr: float | None
    autocorrelation: float
    psr_autocorrelated: float | None
    dsr: float | None
    variance: float | None
    expected_maximum: float | None


@dataclass(frozen=True, slots=True)
class FinalistFigures:
    """What is said of one finalist, over one simulation of the run's slice and over its phases.

    Attributes
    ----------
    strategy, params
        Which set.
    first, last
        Dates of the slice's first and last bar.
    bars, periods
        Trading bars, and periods (sessions) that returns are taken by.
    periods_per_year
        What makes figures of periods annual.
    trials
        Combinations that were searched on the symbol.
    returns, excess
        Significance of the returns, and of the returns in excess of buy-and-hold.
    return_intervals, trade_intervals
        Bootstrap intervals.
    reshuffled
        Drawdowns of the closed trades in other orders.
    phases
        What each phase came to.
    efficiency, tradestation
        Walk-forward efficiency over the phases, and TradeStation's verdict.
    stress
        Execution stress over the slice.
    seed
        Of what is drawn.
    reasons
        Why a field above is None, by its name.
    """

    strategy: str
    params: Mapping[str, Number]
    first: str
    last: str
    bars: int
    periods: int
    periods_per_year: float
    trials: int
    returns: Significance | None
    excess: Significance | None
    return_intervals: ReturnIntervals | None
    trade_intervals: TradeIntervals | None
    reshuffled: ReshuffledDrawdowns | None
    phases: tuple[PhaseProfit, ...]
    efficiency: Efficiency
    tradestation: TradeStationVerdict
    stress: Stress
    seed: int
    reasons: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        found: dict[str, Any] = to_plain(self)
        return found

    @classmethod
    def from_dict(cls, data: object, where: str = "a finalist") -> FinalistFigures:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else; the message names what is wrong.
        """
        return from_plain(cls, data, where)


def finalist_figures(
    market: Market,
    strategy: Strategy,
    params: Mapping[str, Number],
    *,
    trials: int,
    variance: float | None = None,
    excess_variance: float | None = None,
    warmup: int | None = None,
    end: int | None = None,
    resamples: int = 1_000,
    seed: int = 0,
) -> FinalistFigures:
    """Return what is said of one finalist.

    Parameters
    ----------
    market
        Bars, phases, settings and buy-and-hold of the run.
    strategy, params
        The set.
    trials
        Combinations that were searched on the symbol, in every strategy and run; 1 or more.
    variance, excess_variance
        Of the Sharpe ratios by period of sampled trials, of returns and of returns in excess of
        buy-and-hold; None where they are not known, and then the ratio is not deflated.
    warmup, end
        First trading bar, and one past the last; by default those of the first and of the last
        phase.
    resamples, seed
        How many resamples, reshuffled orders and draws of skipped trades, and their seed.

    Raises
    ------
    WfoError
        If the set cannot be simulated, or an argument is out of range.
    """
    _check(trials, (variance, excess_variance), resamples, seed)
    first = market.bounds[0][0] if warmup is None else warmup
    stop = market.bounds[-1][2] if end is None else end
    bars = market.inputs.bars
    stamps = bars[time_column(bars)]
    at = period_ends(stamps, first, stop)
    year = market.bars_per_year
    periods_per_year = market.periods_per_year(first, stop, len(at))
    whole = _simulated(market, strategy, params, first, stop)
    held = held_returns(prices(bars), market.settings, warmup=first, end=stop, at=at)
    reasons: dict[str, str] = {}

    def significance(name: str, returns: FloatArray, spread: float | None) -> Significance | None:
        if returns.std() <= ROUNDING:
            reasons[name] = "they do not vary beyond rounding"
            return None
        return _significance(returns, spread, trials, periods_per_year)

    own = excess = intervals = None
    returns = bar_returns(whole.equity[[first - 1, *at]])
    if returns is None or len(returns) < LEAST:
        reason = (
            "a mark of its equity is not above 0"
            if returns is None
            else f"{len(returns)} periods are too few; {LEAST} are needed"
        )
        reasons |= dict.fromkeys(("returns", "excess", "return_intervals"), reason)
    else:
        own = significance("returns", returns, variance)
        excess = significance("excess", returns - held, excess_variance)
        intervals = return_intervals(
            returns, periods_per_year=periods_per_year, resamples=resamples, seed=seed
        )
    by_trade = _trade_returns(whole)
    few = f"{len(by_trade)} closed trades are too few"
    factors = orders = None
    if len(by_trade) < LEAST:
        reasons["trade_intervals"] = f"{few}; {LEAST} are needed"
    else:
        factors = trade_intervals(by_trade, resamples=resamples, seed=seed)
    if len(by_trade) < 2:
        reasons["reshuffled"] = f"{few} to be reshuffled"
    else:
        orders = reshuffled_drawdowns(by_trade, draws=resamples, seed=seed)
    phases = _phase_profits(market, strategy, params)
    ends = days(stamps.gather([first, stop - 1]))
    return FinalistFigures(
        strategy=strategy.name,
        params=dict(params),
        first=ends[0].isoformat(),
        last=ends[1].isoformat(),
        bars=stop - first,
        periods=len(at),
        periods_per_year=periods_per_year,
        trials=trials,
        returns=own,
        excess=excess,
        return_intervals=intervals,
        trade_intervals=factors,
        reshuffled=orders,
        phases=phases,
        efficiency=walk_forward_efficiency(phases),
        tradestation=tradestation_verdict(phases),
        stress=stress(
            strategy,
            market.data(strategy),
            params,
            market.settings,
            warmup=first,
            end=stop,
            bars_per_year=year,
            draws=resamples,
            seed=seed,
        ),
        seed=seed,
        reasons=reasons,
    )


def _check(trials: int, variances: tuple[float | None, ...], resamples: int, seed: int) -> None:
    """Raise unless the arguments can be used, whatever the set comes to."""
    if trials < 1:
        raise InputError(f"trials = {trials} must be 1 or more: count every combination searched")
    for variance in variances:
        if variance is not None and not 0 <= variance < math.inf:
            raise InputError(
                f"variance = {variance} of Sharpe ratios must be 0 or more, and finite"
            )
    if not (1 <= resamples <= MOST_DRAWS and 0 <= seed < 1 << 32):
        raise InputError(
            f"resamples = {resamples} must be from 1 to {MOST_DRAWS:,}, and seed = {seed} at least"
            f" 0 and below {1 << 32}"
        )


def _simulated(
    market: Market, strategy: Strategy, params: Mapping[str, Number], first: int, stop: int
) -> Simulation:
    """Return one simulation of the slice; where its boundary lies matters to no mark."""
    second = market.inputs.second
    return simulate(
        strategy,
        market.inputs.bars[:stop],
        params,
        split=stop - 1,
        warmup=first,
        bars2=second[:stop] if strategy.dual_symbol and second is not None else None,
        settings=strategy.settings_of(market.settings),
        engine="auto",
    )


def _significance(
    returns: FloatArray, variance: float | None, trials: int, periods_per_year: float
) -> Significance:
    moments = sharpe_moments(returns)
    year = math.sqrt(periods_per_year)
    rho = moments.autocorrelation
    matters = abs(rho) * math.sqrt(moments.periods) > MATTERS
    deflated = expected = None
    if variance is not None:
        deflated = _told(deflated_sharpe(moments, variance, trials))
        expected = expected_maximum_sharpe(variance, trials) * year
    return Significance(
        moments.sharpe * year,
        _told(probabilistic_sharpe(moments)),
        rho,
        _told(probabilistic_sharpe_autocorrelated(moments)) if matters else None,
        deflated,
        variance,
        expected,
    )


def _told(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _trade_returns(whole: Simulation) -> FloatArray:
    """Return the return of every closed trade on the settled equity before it, in their order."""
    import numpy as np

    pnl = whole.trades["pnl"].to_numpy()
    before = whole.equity[0] + np.concatenate([[0.0], np.cumsum(pnl)[:-1]])
    found: FloatArray = pnl / before
    return found


def _phase_profits(
    market: Market, strategy: Strategy, params: Mapping[str, Number]
) -> tuple[PhaseProfit, ...]:
    year = market.bars_per_year
    simulations = market.simulate(strategy, params)
    return tuple(
        PhaseProfit(
            found.is_pnl,
            found.oos_pnl,
            (split - warmup) / year,
            (stop - split) / year,
            _told(float(found.oos_dd_share)),
        )
        for found, (warmup, split, stop) in zip(simulations, market.bounds, strict=True)
    )
