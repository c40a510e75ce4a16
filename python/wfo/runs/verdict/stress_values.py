"""What execution stress of a parameter set comes to, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What is done to a parameter set, in the order in which it is told.
CaseName = Literal[
    "as_it_is", "slippage_doubled", "slippage_stated", "trades_skipped", "entries_late", "noise"
]

#: Where the slippage lies at which the excess over buy-and-hold is gone.
BreakEvenState = Literal["found", "below", "above"]


@dataclass(frozen=True, slots=True)
class StressCase:
    """What a parameter set comes to under one kind of stress; medians where it is drawn.

    Attributes
    ----------
    name
        Which kind.
    size
        How much of it: slippage per fill, share of the trades skipped, bars late, share of a bar's
        range; of the set as it is, its slippage.
    draws
        How many times it was drawn; 1 where nothing is random.
    total_return, annual_return
        Last mark by capital, minus 1, and the same a year; fractions.
    drawdown_share
        Largest relative drawdown, a fraction.
    trades
        Closed trades.
    held_return
        Total return of buy-and-hold with the same costs, lots and bars.
    excess
        Total return minus that of buy-and-hold.
    low_return
        5 % quantile of the total returns of all draws; None where there is one.
    reason
        Why there are no figures; empty where there are. All of them are None then.
    """

    name: CaseName
    size: float
    draws: int
    total_return: float | None
    annual_return: float | None
    drawdown_share: float | None
    trades: float | None
    held_return: float | None
    excess: float | None
    low_return: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The slippage per fill from which on nothing is left of the excess over buy-and-hold.

    Attributes
    ----------
    state
        ``"found"``; ``"below"`` where there is no excess with the run's slippage already;
        ``"above"`` where there is one at the most slippage that was looked at.
    slip
        The least slippage without an excess, to within `precision`; None unless it was found.
    precision
        How much less it may be.
    least, most
        Between which it was looked for: the run's slippage, and the most; fractions of a price.
    """

    state: BreakEvenState
    slip: float | None
    precision: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Stress:
    """All kinds of stress of one parameter set over the slice of a run.

    Attributes
    ----------
    cases
        One item a kind, the set as it is first.
    break_even
        The slippage at which the excess over buy-and-hold is gone.
    seed
        Of what is drawn.
    """

    cases: tuple[StressCase, ...]
    break_even: BreakEven
    seed: int
