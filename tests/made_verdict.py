"""A made-up verdict: every part is there, and no figure is from a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wfo.runs.verdict.finalist_figures import FinalistFigures, Significance
from wfo.runs.verdict.record import (
    Association,
    AssumedItem,
    Correlation,
    EfficiencyFigures,
    FinalistStatistics,
    Followed,
    IndependentTrials,
    MadeFrom,
    MeasureProfile,
    OverfittingFigures,
    PathFigures,
    Prediction,
    RunStatistics,
    Sample,
    SampleStatistics,
    SharpeTrials,
    Slice,
    StrategyPrediction,
    StrategyStatistics,
    Superiority,
    Verdict,
)
from wfo.runs.verdict.stress import BreakEven, Stress, StressCase
from wfo.stats.bootstrap import Interval, ReturnIntervals
from wfo.stats.efficiency import Condition, Efficiency, PhaseProfit, TradeStationVerdict
from wfo.stats.monte_carlo import ReshuffledDrawdowns


def made_statistics(total: int = 96_768) -> SampleStatistics:
    """Return statistics of a sample."""
    return SampleStatistics(
        sample=Sample(total, 2000, 1990, 17),
        returns=SharpeTrials(193_536, 1985, 0.031, 0.082, 0.00025, 0.066, 0.99, 0.41),
        excess=SharpeTrials(193_536, 1985, -0.012, 0.034, 0.00019, 0.058, 0.88, 0.07),
        overfitting=OverfittingFigures(0.47, 16, 12_870),
        paths=PathFigures(tuple(0.02 + 0.001 * k for k in range(15)), 16, 2),
        cash=Superiority("cash", 0.01, 0.02, 0.03, 812, 0.05, 1000, 17, 9.5),
        held=Superiority("buy-and-hold", 0.31, 0.42, 0.55, 0, 0.05, 1000, 17, 9.5),
        independent=IndependentTrials(7, 500),
    )


def made_strategy(name: str = "atr_d_l") -> StrategyStatistics:
    """Return statistics of a strategy."""
    return StrategyStatistics(
        strategy=name,
        grid="coarse",
        combinations=96_768,
        stable=66_758,
        candidates=66_758,
        beaten=3_813,
        idle=0.63,
        least=3,
        profile=tuple(
            MeasureProfile(k, measure, 40_000.0, 41_000.0, 9_000.0, 90_000.0, 0.93, 5.4)
            for k in (1, 2, 3, 4)
            for measure in ("is_pnl", "oos_pnl")
        ),
        correlations=tuple(Correlation(0.1 * k, 96_768, exact=True) for k in (1, 2, 3, -1)),
        efficiency=EfficiencyFigures(1.7, 1.9, 0.88, 0.97, 20_000, exact=False),
        statistics=made_statistics(),
    )


def made_finalist(number: int, name: str) -> FinalistStatistics:
    """Return statistics of a finalist."""
    params = {"atr_period": 24, "atr_multiplier": 4.0}
    interval = Interval(0.8, 0.1, 1.5, 0.0)
    figures = FinalistFigures(
        strategy=name,
        params=params,
        first="2016-05-02",
        last="2026-05-01",
        bars=2515,
        periods=2515,
        periods_per_year=252.0,
        trials=193_536,
        returns=Significance(0.9, 0.99, 0.05, 0.98, 0.31, 0.00025, 1.05),
        excess=Significance(0.2, 0.7, 0.01, None, 0.04, 0.00019, 0.92),
        return_intervals=ReturnIntervals(interval, Interval(0.3, 0.2, 0.5, 0.0), 0.9, 8.5, 1000, 0),
        trade_intervals=None,
        reshuffled=ReshuffledDrawdowns(0.3, 0.4, (0.5, 0.95), (0.31, 0.45), 41, 1000, 0),
        phases=tuple(PhaseProfit(40_000.0, 30_000.0 * k, 3.0, 2.0, 0.2) for k in (1, 2, 3, 4)),
        efficiency=Efficiency(1.9, 2.8),
        tradestation=TradeStationVerdict((Condition("total profit", 300_000.0, 0.0, True),)),
        stress=Stress(
            (
                StressCase("as_it_is", 0.0, 1, 4.0, 0.17, 0.3, 41.0, 5.0, -1.0),
                StressCase("noise", 0.1, 20, 3.9, 0.16, 0.31, 42.0, 5.0, -1.1, 3.0),
            ),
            BreakEven("below", None, 0.00001, 0.0, 0.01),
            0,
        ),
        seed=0,
        reasons={"trade_intervals": "9 trades are too few"},
    )
    return FinalistStatistics(number, name, params, f"plateau {number} of {name}", figures)


def made_prediction(*names: str) -> Prediction:
    """Return predictions of strategies."""
    over = [
        Association(each, Correlation(0.12, n, exact=False), Correlation(-0.05, n, exact=False))
        for each, n in (("candidates", 61_000), ("all", 96_768), ("cells", 84), ("boxes", 512))
    ]
    best = {"atr_period": 24, "atr_multiplier": 6.0}
    followed = (
        Followed("most stable", best, 0.18, -0.03, 0.61),
        Followed("best plateau", None, None, None, None, "the map has no shape"),
        Followed("best in-sample", best, 0.22, 0.01, 0.35),
        Followed("median", None, 0.2, -0.01, 0.5),
        Followed("buy-and-hold", None, 0.21, 0.0, 0.42),
    )
    strategies = tuple(
        StrategyPrediction(name, 96_768, True, 0, 61_000, 2, tuple(over), followed)
        for name in names
    )
    return Prediction(4362, 5114, 5366, "2025-05-01", "2026-05-01", strategies)


def made_verdict(*names: str, **changes: Any) -> Verdict:
    """Return a verdict on a run of those strategies, with other values of some fields."""
    names = names or ("atr_d_l",)
    verdict = Verdict(
        symbol="QQQ",
        symbol2=None,
        timeframe="1day",
        at="2026-11-27T05:45:00Z",
        made=MadeFrom("4c" * 32, "5d" * 32, "0.1.0", 193_536, None, 2000, 1000),
        slice=Slice(2851, 5366, "2016-05-02", "2026-05-01", 2515, 252.0),
        strategies=tuple(map(made_strategy, names)),
        run=RunStatistics(96_768 * len(names), 193_536, made_statistics(96_768 * len(names))),
        finalists=(
            *(made_finalist(k, name) for k, name in enumerate(names, 1)),
            FinalistStatistics(len(names) + 1, names[0], {}, "refined set 9", None, "too few bars"),
        ),
        prediction=made_prediction(*names),
        assumed=(AssumedItem("Costs", "none"), AssumedItem("Capital", "100,000.00")),
        seconds={"returns": 1.5},
    )
    return replace(verdict, **changes)
