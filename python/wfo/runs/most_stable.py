"""The most stable outcome of a search, by phase, beside buy-and-hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest import Simulation
from wfo.backtest.benchmark import Benchmark, annual_efficiency, total_return
from wfo.bars import prices
from wfo.metrics import bars_long
from wfo.runs.market import Market
from wfo.strategy import Number, Strategy
from wfo.text import percent

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MostStablePhase:
    """What one phase came to, out-of-sample; returns and drawdowns are fractions.

    Attributes
    ----------
    oos_return, oos_return_annual
        Return, and a year.
    dd_share
        Largest relative drawdown.
    trades
        Trades closed.
    exposure
        Share of the bars at whose close a long is held; bars held short count as cash.
    wfe, return_wfe
        Out-of-sample by in-sample: profit, and annual return; None without an in-sample one.
    held_return, held_return_annual, held_dd_share
        Buy-and-hold.
    valid
        Whether it passes all gates in this phase.
    """

    oos_return: float
    oos_return_annual: float
    dd_share: float
    trades: int
    exposure: float
    wfe: float | None
    return_wfe: float | None
    held_return: float
    held_return_annual: float
    held_dd_share: float
    valid: bool

    @property
    def same_exposure(self) -> float:
        """Buy-and-hold's return times the share of bars held, the rest in cash."""
        return self.held_return * self.exposure

    def __repr__(self) -> str:
        return (
            f"MostStablePhase({percent(self.oos_return)} in {self.trades:,} trades, drawdown"
            f" {percent(self.dd_share)}, in the market {percent(self.exposure)},"
            f" {'valid' if self.valid else 'not valid'}; buy-and-hold {percent(self.held_return)},"
            f" drawdown {percent(self.held_dd_share)})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, for the manifest; what is no number is null."""
        own: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        own |= {"same_exposure": self.same_exposure}
        return {name: _plain(value) for name, value in own.items()}


@dataclass(frozen=True, slots=True)
class MostStable:
    """The most stable outcome, by its most central member, and what each phase came to.

    Attributes
    ----------
    params
        Its parameters.
    row
        Where it stands among the candidates, from 0 on.
    members
        Combinations with the same figures, itself included.
    phases
        One item a phase.
    """

    params: Mapping[str, Number]
    row: int
    members: int
    phases: tuple[MostStablePhase, ...]

    @property
    def oos_return_annual(self) -> float:
        """Mean of the phases' annual out-of-sample returns."""
        return sum(p.oos_return_annual for p in self.phases) / len(self.phases)

    @property
    def held_return_annual(self) -> float:
        """The same of buy-and-hold."""
        return sum(p.held_return_annual for p in self.phases) / len(self.phases)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "params": dict(self.params),
            "row": self.row,
            "members": self.members,
            "oos_return_annual": _plain(self.oos_return_annual),
            "buy_and_hold_annual": _plain(self.held_return_annual),
            "phases": [p.to_dict() for p in self.phases],
        }


def most_stable(market: Market, strategy: Strategy, candidates: pl.DataFrame) -> MostStable | None:
    """Return the most stable outcome, by its most central member; None without candidates.

    Parameters
    ----------
    market
        What it is simulated on.
    strategy, candidates
        The strategy, and its candidates, best first.
    """
    if candidates.is_empty():
        return None
    row = 0
    members = 1
    if "Outcome" in candidates.columns:
        first = candidates["Outcome"][0]
        same = (candidates["Outcome"] == first) & candidates["Outcome_Central"]
        row = int(same.arg_true()[0])
        members = int(candidates["Outcome_Size"][row])
    params = {name: candidates[name][row] for name in strategy.names}
    found = market.simulate(strategy, params)
    closes = prices(market.inputs.bars).close
    phases = tuple(
        _phase(
            simulation,
            closes[:end],
            split,
            held,
            shorts=strategy.shorts,
            valid=candidates[f"P{k}_OOS_Rank"][row] is not None,
        )
        for k, (simulation, (_, split, end), held) in enumerate(
            zip(found, market.bounds, market.benchmarks, strict=True), 1
        )
    )
    return MostStable(params, row, members, phases)


def _phase(
    simulation: Simulation,
    closes: FloatArray,
    split: int,
    held: Benchmark,
    *,
    shorts: bool,
    valid: bool,
) -> MostStablePhase:
    earned = total_return(held.capital, simulation.is_pnl, simulation.oos_pnl)
    annual = held.annual_oos(earned)
    before = held.annual_is(simulation.is_pnl / held.capital)
    longs = bars_long(simulation.equity, simulation.trades, closes, shorts=shorts)
    return MostStablePhase(
        oos_return=earned,
        oos_return_annual=annual,
        dd_share=float(simulation.oos_dd_share),
        trades=simulation.oos_trades,
        exposure=float(longs[split:].mean()),
        wfe=simulation.oos_pnl / simulation.is_pnl if simulation.is_pnl > 0 else None,
        return_wfe=annual_efficiency(before, annual),
        held_return=held.oos_return,
        held_return_annual=held.oos_return_annual,
        held_dd_share=held.held.oos_dd_share,
        valid=valid,
    )


def _plain(value: float | None) -> float | None:
    """Return a figure for JSON, which has neither NaN nor infinity."""
    return value if value is None or math.isfinite(value) else None
