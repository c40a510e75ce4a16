"""Walk-forward efficiency, and the verdict that TradeStation's optimizer gives by it.

Both compare what the runs of a walk-forward analysis, here the phases, earned out-of-sample with
what they earned in-sample (Pardo 2008, *The Evaluation and Optimization of Trading Strategies*,
2nd ed., ch. 11). Sums are over phases, and in money, as the definition has them; phases of a
schedule may overlap in time, and where profits compound, later bars weigh more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wfo.arguments import items, real_number
from wfo.errors import InputError

#: Least annual efficiency, and least share of profitable runs.
LEAST_EFFICIENCY = LEAST_PROFITABLE = 0.5

#: Share of the profit, and drawdown, that no run may reach.
LIMIT_SHARE, LIMIT_DRAWDOWN = 0.5, 0.4


@dataclass(frozen=True, slots=True)
class PhaseProfit:
    """What one phase, a run of the walk-forward analysis, came to.

    Attributes
    ----------
    is_pnl, oos_pnl
        Profit or loss in- and out-of-sample, in currency.
    is_years, oos_years
        Length of either part, above 0.
    oos_drawdown_share
        Largest relative drawdown out-of-sample, a fraction; None where it is not defined, since the
        part does not begin above 0.
    """

    is_pnl: float
    oos_pnl: float
    is_years: float
    oos_years: float
    oos_drawdown_share: float | None

    def __post_init__(self) -> None:
        for name in ("is_pnl", "oos_pnl", "is_years", "oos_years"):
            object.__setattr__(self, name, real_number(name, getattr(self, name)))
        share = self.oos_drawdown_share
        if share is not None:
            share = real_number("oos_drawdown_share", share)
            object.__setattr__(self, "oos_drawdown_share", share)
        numbers = (self.is_pnl, self.oos_pnl, self.is_years, self.oos_years)
        if not all(math.isfinite(number) for number in numbers):
            raise InputError(f"profits and years of a phase must be finite, not {numbers}")
        if not (self.is_years > 0 and self.oos_years > 0):
            raise InputError(
                f"both parts of a phase take time, not {self.is_years} and {self.oos_years} years"
            )


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Walk-forward efficiency; None where the phases earned nothing in-sample.

    Attributes
    ----------
    raw
        Sum of the out-of-sample profits by that of the in-sample ones.
    annual
        The same with each sum by its sum of years.
    """

    raw: float | None
    annual: float | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a verdict.

    Attributes
    ----------
    name
        What is asked for, with its limit.
    value
        What there is; None where it is not defined, and then the condition is not met.
    limit
        What it is compared with.
    passed
        Whether it is met.
    """

    name: str
    value: float | None
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class TradeStationVerdict:
    """Whether a parameter set passes a walk-forward analysis by TradeStation's default criteria.

    Attributes
    ----------
    conditions
        The five, in the order of its help.
    """

    conditions: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        """Whether all conditions are met."""
        return all(condition.passed for condition in self.conditions)


def walk_forward_efficiency(phases: Sequence[PhaseProfit]) -> Efficiency:
    """Return out-of-sample by in-sample profit over all phases, raw and a year.

    Parameters
    ----------
    phases
        One item a phase, at least one.

    Raises
    ------
    InputError
        If there is no phase.

    References
    ----------
    Pardo (2008), *The Evaluation and Optimization of Trading Strategies*, 2nd ed., ch. 11.
    """
    phases = items("phases", phases, PhaseProfit, "wfo.stats.PhaseProfit(...)")
    if not phases:
        raise InputError("an efficiency is over one phase or more; there is none")
    before = math.fsum(phase.is_pnl for phase in phases)
    if before <= 0:
        return Efficiency(None, None)
    raw = math.fsum(phase.oos_pnl for phase in phases) / before
    is_years = math.fsum(phase.is_years for phase in phases)
    oos_years = math.fsum(phase.oos_years for phase in phases)
    return Efficiency(raw, raw * is_years / oos_years)


def tradestation_verdict(phases: Sequence[PhaseProfit]) -> TradeStationVerdict:
    """Return the verdict of TradeStation's Walk-Forward Optimizer by its default criteria.

    Total out-of-sample profit above 0; annual efficiency of at least 50 %; at least 50 % of the
    phases with a profit; no phase with 50 % of the total profit or more; a drawdown below 40 % in
    every phase. That program takes drawdowns as shares of the capital that it starts with; here
    they are shares of the running peak, since an account that compounds soon is a multiple of that
    capital. Of two phases with a profit one always has half of it or more, and fails the fourth.

    Parameters
    ----------
    phases
        One item a phase, at least one.

    Raises
    ------
    InputError
        If there is no phase.

    References
    ----------
    TradeStation Walk-Forward Optimizer, help, "Test Results - Criteria" and "Setup Test Criteria".
    """
    annual = walk_forward_efficiency(phases).annual
    profits = [phase.oos_pnl for phase in phases]
    total = math.fsum(profits)
    profitable = sum(profit > 0 for profit in profits) / len(profits)
    largest = max(profits) / total if total > 0 else None
    falls = [phase.oos_drawdown_share for phase in phases]
    deepest = None if None in falls else max(fall for fall in falls if fall is not None)
    return TradeStationVerdict(
        (
            Condition("total out-of-sample profit above 0", total, 0.0, total > 0),
            Condition(
                "annual walk-forward efficiency of at least 50 %",
                annual,
                LEAST_EFFICIENCY,
                annual is not None and annual >= LEAST_EFFICIENCY,
            ),
            Condition(
                "at least 50 % of the phases profitable",
                profitable,
                LEAST_PROFITABLE,
                profitable >= LEAST_PROFITABLE,
            ),
            Condition(
                "no phase with 50 % of the profit or more",
                largest,
                LIMIT_SHARE,
                largest is not None and largest < LIMIT_SHARE,
            ),
            Condition(
                "drawdown below 40 % in every phase",
                deepest,
                LIMIT_DRAWDOWN,
                deepest is not None and deepest < LIMIT_DRAWDOWN,
            ),
        )
    )
