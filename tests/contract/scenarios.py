"""What the scenarios share: bars to start from, parameters, and the engines that run them.

A scenario follows a preamble of 100 quiet bars, ``open = close = 100, high = 101, low = 99``, so
trading starts in bar 100 with a highest high of 101 and a lowest low of 99. All ATRs have length 1
and the EMA has factor 1, so a distance is a multiple of the true range of the bar before: 2 after
the preamble. Nothing tightens and the cap is far away, unless a scenario says otherwise.

- `Engine.run`, the long variant: the entry lies 1 true range below the high (``101 - 2 = 99``), the
  stop 2 true ranges (``101 - 4 = 97``).
- `Engine.both`, long and short: both entries lie 1.5 true ranges away, so that a quiet bar touches
  neither: the buy at ``101 - 3 = 98`` and the sell at ``99 + 3 = 102`` (pullback), or at
  ``100 + 3 = 103`` and ``100 - 3 = 97`` (breakout). Stops are 2 true ranges wide, the short side is
  not scaled, and the veto's threshold is so low that it never vetoes.
- `Engine.hull`, with Hull averages of lengths 1 and 2. HMA(1) is the price itself. HMA(2) of prices
  x, y is ``2·y - (x + 2·y)/3 = (4·y - x)/3``. The first minus the second is ``(x - y)/3``: up means
  that price has just fallen, and down that it has just risen. Price is the close; at the end of the
  preamble closes are at rest, so the Hull state is neither. Entries lie as in `Engine.both`.

Starting capital is chosen to make 1000 shares. In the tables ``TR`` is the true range of a row's
own bar, which sets the distances of the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from wfo.atr_d.reference import ReferenceResult, simulate
from wfo.atr_d.settings import Settings
from wfo.backtest import Evaluator, Feeds, Figures, PerformanceEvaluator
from wfo.backtest.checks import Labels
from wfo.backtest.engines import engines_of
from wfo.backtest.values import DatedSet, Simulation
from wfo.bars import Prices
from wfo.errors import EngineError
from wfo.grid import Grid
from wfo.strategy import get_strategy
from wfo.testing.compare import all_figures, largest_mark, named_differences

ENGINES = ("reference", "direct", "factored")

Bar = tuple[float, float, float, float]
LongTrade = tuple[int, float, int, float, float]
Trade = tuple[int, int, float, int, float, float]

QUIET: Bar = (100, 101, 99, 100)
PREAMBLE: list[Bar] = [QUIET] * 100

SETTINGS: dict[str, Any] = {
    "slip": 0.0,
    "fee": 0.0,
    "sizing": "compound",
    "lot_size": 0.0,
    "max_stop_atr": 1000.0,
    "entry_style": "pullback",
}
COMMON: dict[str, float] = {
    "atr_period": 1,
    "atr_multiplier": 2,
    "bb_length": 2,
    "bb_deviation": 25,
    "vol_threshold": 4,
    "min_tightening": 1,
    "scaling_method": 0,
    "atr_buy_period": 1,
    "atr_buy_multiplier": 1,
    "atr_smooth_period": 1,
    "equity_price_method": 1,
}
MODES: dict[str, float] = {
    "short_multiplier": 1,
    "entry_mode": 0,
    "trend_filter_period": 1,
    "trend_veto_threshold": -1000,
    "both_triggered_mode": 0,
}
LENGTHS: dict[str, float] = {"hma_fast_length": 1, "hma_slow_length": 2}


def params(more: dict[str, float] | None = None, **changes: float) -> list[float]:
    """Return a parameter set: the usual one, with the parameters of a variant behind it."""
    values = COMMON | (more or {})
    assert values.keys() >= changes.keys()
    return list((values | changes).values())


def both_params(**changes: float) -> list[float]:
    """Return a parameter set of the variant with shorts and modes."""
    return params(MODES, **({"atr_buy_multiplier": 1.5} | changes))


@dataclass(frozen=True)
class Engine:
    """An engine by its name, and how it runs scenarios."""

    name: str

    def run(
        self,
        bars: Sequence[Bar],
        *,
        strategy: str = "atr_d_l",
        capital: float = 99_000,
        split: int = 101,
        preamble: Sequence[Bar] = PREAMBLE,
        row: Sequence[float] | None = None,
        second: Sequence[Bar] | None = None,
        then: Sequence[tuple[int, list[float]]] = (),
        labels: Sequence[int] | None = None,
        **changes: Any,
    ) -> ReferenceResult:
        """Simulate the preamble and then ``bars``; ``second`` are the whole bars of Data2.

        Sets that follow are ``then``; ``labels`` are those of ``bars``.
        """
        return self.simulate(
            strategy,
            np.array([*preamble, *bars], dtype=np.float64),
            params() if row is None else row,
            second=None if second is None else np.array(second, dtype=np.float64),
            then=then,
            labels=None if labels is None else np.array([*[0] * len(preamble), *labels]),
            label_count=0 if labels is None else max(labels) + 1,
            warmup=100,
            split=split,
            capital=capital,
            **changes,
        )

    def both(
        self, bars: Sequence[Bar], *, capital: float = 102_000, **changes: Any
    ) -> ReferenceResult:
        """Simulate the variant with shorts and modes, or another one with its parameters."""
        changes.setdefault("row", both_params())
        changes.setdefault("strategy", "atr_d_ls")
        return self.run(bars, capital=capital, **changes)

    def hull(
        self,
        bars: Sequence[Bar],
        strategy: str = "atr_d_hma_ls",
        *,
        before: list[float],
        **changes: Any,
    ) -> ReferenceResult:
        """Simulate a Hull variant; ``before`` are the closes of the last bars of the preamble."""
        more = {"short_multiplier": 1.0} if strategy.endswith("s") else {}
        changes.setdefault("capital", 100_000)
        return self.run(
            bars,
            strategy=strategy,
            row=params(more | LENGTHS, atr_buy_multiplier=1.5),
            preamble=[*PREAMBLE[len(before) :], *((100.0, 101.0, 99.0, close) for close in before)],
            **changes,
        )

    def simulate(
        self,
        strategy: str,
        bars: NDArray[np.float64],
        row: Sequence[float],
        *,
        warmup: int,
        split: int,
        second: NDArray[np.float64] | None = None,
        then: Sequence[tuple[int, Sequence[float]]] = (),
        labels: NDArray[np.int64] | None = None,
        label_count: int = 0,
        **settings: Any,
    ) -> ReferenceResult:
        """Simulate ``bars``, float64[n, 4] as open, high, low, close."""
        used = SETTINGS | settings
        if self.name == "reference":
            open_, high, low, close = bars.T
            return simulate(
                strategy,
                open_,
                high,
                low,
                close,
                list(row),
                second=None if second is None else tuple(second.T),
                then=then,
                labels=labels,
                label_count=label_count,
                warmup=warmup,
                split=split,
                **used,
            )
        if used["fee"] >= 1:
            pytest.skip("a fee of the whole price is refused everywhere but in the reference")
        sets = [DatedSet(warmup, tuple(row)), *(DatedSet(f, tuple(r)) for f, r in then)]
        codes = None if labels is None else Labels(labels, label_count)
        return self._compiled(strategy, (bars, second), sets, split, Settings(**used), codes)

    def performance(
        self,
        bars: Sequence[Bar],
        *,
        strategy: str = "atr_d_l",
        capital: float = 99_000,
        row: Sequence[float] | None = None,
        **changes: Any,
    ) -> dict[str, float]:
        """Return the figures of a whole history: the preamble and then ``bars``."""
        return self.whole(
            strategy,
            np.array([*PREAMBLE, *bars], dtype=np.float64),
            params() if row is None else row,
            warmup=100,
            capital=capital,
            **changes,
        )

    def whole(
        self,
        strategy: str,
        bars: NDArray[np.float64],
        row: Sequence[float],
        *,
        warmup: int,
        second: NDArray[np.float64] | None = None,
        **settings: Any,
    ) -> dict[str, float]:
        """Return the figures of all of ``bars``, float64[n, 4] as open, high, low, close."""
        used = Settings(**(SETTINGS | settings))
        first, other = (None if x is None else Prices(*x.T.copy()) for x in (bars, second))
        assert first is not None
        named, feeds = get_strategy(strategy), Feeds.of(first, other)

        def computed() -> dict[str, float]:
            evaluator = PerformanceEvaluator(
                named, feeds, [row], used, warmup=warmup, engine=self.name, threads=1
            )
            return evaluator.range(0, 1).row(0)

        reason = engines_of(named)[self.name].lacks(named, used, performance=True)
        if reason is None:
            return computed()
        # What an engine cannot do it refuses with the reason.
        with pytest.raises(EngineError, match=re.escape(reason)):
            computed()
        pytest.skip(reason)

    def _compiled(
        self,
        strategy: str,
        symbols: tuple[NDArray[np.float64], NDArray[np.float64] | None],
        sets: Sequence[DatedSet],
        split: int,
        settings: Settings,
        labels: Labels | None,
    ) -> ReferenceResult:
        """Simulate with a Rust engine, sweep the same, and return what the reference would."""
        first, second = (None if x is None else Prices(*x.T.copy()) for x in symbols)
        assert first is not None
        named, feeds = get_strategy(strategy), Feeds.of(first, second)
        warmup = sets[0].first
        bounds = (warmup, split, len(symbols[0]))
        chosen = engines_of(named)[self.name]
        reason = chosen.lacks(named, settings, dated=len(sets) > 1)
        if reason is not None:
            # What an engine cannot do it refuses with the reason; another one is no proof of it.
            with pytest.raises(EngineError, match=re.escape(reason)):
                chosen.simulate(named, feeds, sets, settings, bounds, labels)
            pytest.skip(reason)
        sim = Simulation.of(chosen.simulate(named, feeds, sets, settings, bounds, labels))
        # A sweep keeps its accounts otherwise than a simulation does.
        if len(sets) == 1:
            grid = Grid(dict(zip(named.names, sets[0].values, strict=True)), strategy=named)
            opened: dict[str, Any] = {"settings": settings, "engine": chosen.name, "threads": 1}
            if chosen.lacks(named, settings, extended=True) is None:
                codes = None if labels is None else labels.codes
                opened |= {"figures": "extended", "labels": codes}
            (swept,) = Evaluator(named, feeds, grid, [bounds], **opened).range(0, 1)
            found = {name: column[0] for name, column in zip(swept.names, swept, strict=True)}
            said = named_differences(all_figures(sim), found, largest_mark(sim))
            assert not said, f"a sweep differs from a simulation: {said}"
        assert sim.reversals is not None
        trades = sim.trades
        return ReferenceResult(
            side=trades.select(pl.when(side="long").then(1).otherwise(-1)).to_series().to_numpy(),
            **{name: trades[name].to_numpy() for name in trades.columns if name != "side"},
            equity=sim.equity,
            **{name: getattr(sim, name) for name in Figures._fields},
            extended=sim.extended,
            reversal_bar=sim.reversals[0],
            reversal_mark=sim.reversals[1],
            label_sum_r=np.empty(0) if sim.label_sum_r is None else sim.label_sum_r,
            label_sum_r2=np.empty(0) if sim.label_sum_r2 is None else sim.label_sum_r2,
        )


def trades(result: ReferenceResult) -> list[Trade]:
    """Return (side, entry bar, entry price, exit bar, exit price, pnl) of each trade."""
    columns = (
        result.side,
        result.entry_bar,
        result.entry_price,
        result.exit_bar,
        result.exit_price,
        result.pnl,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def long_trades(result: ReferenceResult) -> list[LongTrade]:
    """Return (entry bar, entry price, exit bar, exit price, pnl) of trades that are all long."""
    assert (result.side == 1).all()
    return [(*fills, pnl) for _, *fills, pnl in trades(result)]


def first_events(result: ReferenceResult) -> list[tuple[int, float, float]]:
    """Return (side, entry price, exit price) of each trade."""
    return [(side, entry, leave) for side, _, entry, _, leave, _ in trades(result)]


def marks(result: ReferenceResult) -> list[float]:
    """Return the equity from bar 100 on."""
    return [float(x) for x in result.equity[100:]]


def part(result: ReferenceResult, prefix: str) -> dict[str, float]:
    """Return the extended figures of one part, by name without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in result.extended.items()
        if name.startswith(prefix)
    }
