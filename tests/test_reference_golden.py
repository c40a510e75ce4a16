"""Scenarios of long trades, small enough to compute by hand.

Each follows a preamble of 100 quiet bars, ``open = close = 100, high = 101, low = 99``, so trading
starts in bar 100 with a highest high of 101. All ATRs have length 1 and the EMA has factor 1, so
a distance is a multiple of the true range of the bar before: 2 after the preamble. Unless a
scenario says otherwise, the entry lies 1 true range below the high (``101 - 2 = 99``), the stop 2
true ranges (``101 - 4 = 97``), nothing tightens, and the cap is far away. Starting capital is
chosen to make 1000 shares.

In the tables ``TR`` is the true range of a row's own bar, which sets the distances of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from wfo.atr_d.reference import ReferenceResult, simulate
from wfo.atr_d.settings import Settings
from wfo.backtest import Evaluator, Feeds, Figures
from wfo.backtest.checks import Labels
from wfo.backtest.engines import engines_of
from wfo.backtest.values import DatedSet, Simulation
from wfo.bars import Prices
from wfo.errors import EngineError
from wfo.grid import Grid
from wfo.strategy import get_strategy

Bar = tuple[float, float, float, float]
Trade = tuple[int, float, int, float, float]

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


def params(more: dict[str, float] | None = None, **changes: float) -> list[float]:
    """Return a parameter set: the usual one, with the parameters of a variant behind it."""
    values = COMMON | (more or {})
    assert values.keys() >= changes.keys()
    return list((values | changes).values())


def run(
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
    codes = None if labels is None else np.array([*[0] * len(preamble), *labels])
    count = 0 if labels is None else max(labels) + 1
    settings = SETTINGS | {"capital": capital} | changes
    # Costs that eat the whole price ruin a long; only the reference is asked to take them.
    if ENGINE["name"] != "reference" and settings["fee"] < 1:
        whole = [*preamble, *bars]
        sets = [(100, params() if row is None else list(row)), *then]
        return run_core(strategy, whole, second, sets, split, settings, codes, count)
    open_, high, low, close = np.array([*preamble, *bars], dtype=np.float64).T
    return simulate(
        strategy,
        open_,
        high,
        low,
        close,
        params() if row is None else row,
        second=None if second is None else tuple(np.array(second, dtype=np.float64).T),
        then=then,
        labels=codes,
        label_count=count,
        warmup=100,
        split=split,
        **settings,
    )


#: Which engine `run` asks.
ENGINE = {"name": "reference"}


@pytest.fixture(autouse=True, params=["reference", "direct", "factored"])
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run every scenario on every engine."""
    ENGINE["name"] = request.param
    yield
    ENGINE["name"] = "reference"


def run_core(
    strategy: str,
    bars: Sequence[Bar],
    second: Sequence[Bar] | None,
    sets: Sequence[tuple[int, list[float]]],
    split: int,
    settings: dict[str, Any],
    codes: NDArray[np.int64] | None,
    count: int,
) -> ReferenceResult:
    """Simulate with a Rust engine, and return what the reference would."""
    columns = [
        None if rows is None else Prices(*np.array(rows, dtype=np.float64).T.copy())
        for rows in (bars, second)
    ]
    assert columns[0] is not None
    named, feeds = get_strategy(strategy), Feeds.of(columns[0], columns[1])
    bounds = (100, split, len(bars))
    chosen = engines_of(named)[ENGINE["name"]]
    used = Settings(**settings)
    dated = [DatedSet(first, tuple(values)) for first, values in sets]
    labels = None if codes is None else Labels(codes, count)
    reason = chosen.lacks(named, used, dated=len(dated) > 1)
    if reason is not None:
        # What an engine cannot do it refuses with the reason, and another one is asked instead.
        with pytest.raises(EngineError, match=re.escape(reason)):
            chosen.simulate(named, feeds, dated, used, bounds, labels)
        chosen = engines_of(named)["direct"]
    sim = Simulation.of(chosen.simulate(named, feeds, dated, used, bounds, labels))
    # A sweep keeps its books otherwise than a simulation does.
    if len(dated) == 1:
        grid = Grid(dict(zip(named.names, sets[0][1], strict=True)), strategy=named)
        opened: dict[str, Any] = {"settings": used, "engine": chosen.name, "threads": 1}
        if chosen.lacks(named, used, extended=True) is None:
            opened |= {"figures": "extended", "labels": codes}
        (swept,) = Evaluator(named, feeds, grid, [bounds], **opened).range(0, 1)
        size = float(np.abs(sim.equity).max())
        for name, column in zip(swept.names, swept, strict=True):
            wanted = getattr(sim, name)
            assert column[0] == pytest.approx(wanted, rel=1e-9, abs=1e-9 * size, nan_ok=True), name
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
    """Return (entry bar, entry price, exit bar, exit price, pnl) of each trade."""
    assert (result.side == 1).all()
    return list(
        zip(
            result.entry_bar.tolist(),
            result.entry_price.tolist(),
            result.exit_bar.tolist(),
            result.exit_price.tolist(),
            result.pnl.tolist(),
            strict=True,
        )
    )


def marks(result: ReferenceResult) -> list[float]:
    """Return the equity from bar 100 on."""
    return [float(x) for x in result.equity[100:]]


# One whole trade: entry and exit at their levels.
ONE_TRADE: list[Bar] = [
    # open high low close
    (100, 101, 99, 100),  # 100: TR 2. Buy at 101-2 = 99, reached exactly: 1000 shares
    (100, 102, 100, 102),  # 101: TR 2. Stop at 101-4 = 97. Mark 99000 + 1000·(102-99)
    (102, 102, 100, 101),  # 102: TR 2. Stop at 102-4 = 98. Mark 99000 + 1000·(101-99)
    (100, 100, 98, 99),  # 103: TR 101-98 = 3. Stop at 102-4 = 98, reached: 1000·(98-99)
    (99, 99.5, 98, 99),  # 104: TR 1.5. Flat since 103: buy at 100-3 = 97
    (99, 100, 99, 100),  # 105: TR 1. Buy at 100-1.5 = 98.5
]
ONE_TRADE_MARKS = [100_000.0, 102_000.0, 101_000.0, 98_000.0, 98_000.0, 98_000.0]


def test_entry_and_exit_at_their_levels() -> None:
    result = run(ONE_TRADE)
    assert trades(result) == [(100, 99, 103, 98, -1_000)]
    assert marks(result) == ONE_TRADE_MARKS
    assert (result.equity[:100] == 99_000).all()


@pytest.mark.parametrize(
    ("split", "pnl", "drawdown", "count"),
    [
        # 100000 | 102000 101000 98000 ...: the mark of bar 100 belongs to the in-sample part,
        # 102000 -> 98000 falls 4000.
        (101, (1_000, -2_000), (0, 4_000), (0, 1)),
        # 100000 102000 | 101000 98000 ...: open at the boundary; the peak starts at 102000.
        (102, (3_000, -4_000), (0, 4_000), (0, 1)),
        # ... 102000 101000 | 98000: the exit is in bar c. In-sample 102000 -> 101000; then the
        # peak starts afresh at 101000, not at 102000.
        (103, (2_000, -3_000), (1_000, 3_000), (0, 1)),
        # ... 102000 101000 98000 | 98000: the exit is in bar c-1, and its mark belongs to the
        # in-sample drawdown.
        (104, (-1_000, 0), (4_000, 0), (1, 0)),
        (105, (-1_000, 0), (4_000, 0), (1, 0)),
    ],
)
def test_the_boundary(
    split: int,
    pnl: tuple[float, float],
    drawdown: tuple[float, float],
    count: tuple[int, int],
) -> None:
    result = run(ONE_TRADE, split=split)
    assert (result.is_pnl, result.oos_pnl) == pnl
    assert (result.is_dd, result.oos_dd) == drawdown
    assert (result.is_trades, result.oos_trades) == count
    # The boundary changes nothing in the simulation itself.
    assert marks(result) == ONE_TRADE_MARKS


def test_the_in_sample_peak_starts_at_the_capital() -> None:
    bars: list[Bar] = [
        (98, 99, 96, 97),  # 100: buy at the open 98 (level 99): 1000 shares, mark 1000·(97-98)
        (97, 98, 96, 98),  # 101: mark back at 98000
        (98, 98, 97, 98),
    ]
    result = run(bars, capital=98_000, split=102)
    assert marks(result) == [97_000, 98_000, 98_000]
    # From the capital 98000 down to 97000.
    assert result.is_dd == 1_000
    assert result.oos_dd == 0


def test_entry_gapped_through_at_the_open() -> None:
    bars: list[Bar] = [
        (98, 99, 97.5, 98.5),  # 100: level 99, but it opens at 98
        (98.5, 99, 98, 98.5),
    ]
    result = run(bars, capital=98_000)
    # 1000 shares at 98: mark 98000 + 1000·0.5
    assert marks(result) == [98_500, 98_500]


def test_exit_gapped_through_at_the_open() -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99
        (96, 97, 95, 96),  # 101: stop at 97, but it opens at 96: 1000·(96-99)
    ]
    result = run(bars, capital=99_000, split=101)
    assert trades(result) == [(100, 99, 101, 96, -3_000)]
    assert marks(result) == [100_000, 96_000]


@pytest.mark.parametrize("multiplier", [0.05, 0.35, 0.55, 0.95])
def test_a_low_on_the_level_counts_and_one_tick_above_does_not(multiplier: float) -> None:
    level = round(101 - 2 * multiplier, 2)  # as a quote would print it
    row = params(atr_buy_multiplier=multiplier)
    after: Bar = (100, 100, 100, 100)

    # 1000 shares bought on the level and marked 3 cents above it.
    on: Bar = (level + 0.03, 101, level, level + 0.03)
    result = run([on, after], row=row, capital=level * 1000)
    assert marks(result)[0] == pytest.approx(level * 1000 + 30)

    above: Bar = (level + 0.03, 101, round(level + 0.01, 2), level + 0.03)
    result = run([above, after], row=row, capital=level * 1000)
    assert marks(result)[0] == level * 1000


@pytest.mark.parametrize(("low", "stopped"), [(98.3, True), (98.31, False)])
def test_a_stop_on_the_level_counts_and_one_tick_above_does_not(low: float, stopped: bool) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99, TR 2
        (99.5, 100, low, 99.5),  # 101: stop at 101 - 2·1.35 = 98.3
    ]
    result = run(bars, row=params(atr_multiplier=1.35))
    assert [trade[:4] for trade in trades(result)] == ([(100, 99, 101, 98.3)] if stopped else [])
    # 1000 shares stopped 0.7 below their entry, or marked 0.5 above it
    assert marks(result)[1] == pytest.approx(98_300 if stopped else 99_500)


@pytest.mark.parametrize(("high", "entered"), [(101.1, True), (101.09, False)])
def test_a_breakout_on_the_level_counts_and_one_tick_below_does_not(
    high: float, entered: bool
) -> None:
    bars: list[Bar] = [
        (100, high, 99.5, 100),  # 100: buy at 100 + 2·0.55 = 101.1
        (100, 100, 100, 100),
    ]
    row = params(atr_buy_multiplier=0.55)
    result = run(bars, row=row, capital=101_100, entry_style="breakout")
    # 1000 shares bought at 101.1 and marked at 100
    assert marks(result)[0] == (pytest.approx(100_000) if entered else 101_100)


def test_a_new_position_is_not_stopped_in_its_own_bar() -> None:
    bars: list[Bar] = [
        (100, 101, 90, 91),  # 100: buy at 99; the low is far below any stop. TR 11
        (91, 92, 90, 91),  # 101: stop at 101 - 22 = 79: it has widened. TR 2
        (91, 92, 90, 91),  # 102: stop at 101 - 4 = 97, opened below: exit at 91
    ]
    result = run(bars)
    assert trades(result) == [(100, 99, 102, 91, -8_000)]
    assert marks(result) == [91_000, 91_000, 91_000]


def test_a_stopped_position_is_not_bought_back_in_the_same_bar() -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99
        (96, 97, 50, 60),  # 101: exit at the open 96, however deep it falls. TR 50
        (60, 61, 59, 60),  # 102: flat since 101: buy at 97-50 = 47. TR 2
        (60, 61, 59, 60),  # 103: H(101, 102) = 97, buy at 95, opened below: 60
    ]
    result = run(bars)
    assert trades(result) == [(100, 99, 101, 96, -3_000)]
    # Bought at 60 and marked at 60.
    assert marks(result) == [100_000, 96_000, 96_000, 96_000]


def test_flat_since_the_bar_before_the_first_trading_bar() -> None:
    spike: Bar = (100, 110, 99, 100)
    bars: list[Bar] = [
        (100, 101, 99.5, 100.5),  # 100: H(99, 99) = 101, buy at 99; from bar 98: 110-2 = 108
        (100, 100, 99.75, 100),  # 101: buy at 101-1.5 = 99.5
    ]
    result = run(bars, preamble=[*PREAMBLE[:98], spike, QUIET])
    assert marks(result) == [99_000, 99_000]


def test_nothing_trades_in_the_warm_up() -> None:
    crash: Bar = (80, 81, 79, 80)  # bar 90 would buy and bar 91 would be stopped
    preamble = [*PREAMBLE[:90], crash, crash, *PREAMBLE[92:]]
    result = run(ONE_TRADE, preamble=preamble)
    assert trades(result) == [(100, 99, 103, 98, -1_000)]
    assert (result.equity[:100] == 99_000).all()


def test_the_extreme_starts_afresh_at_entry_and_exit() -> None:
    bars: list[Bar] = [
        (100, 105, 100, 104),  # 100: buy at 99, not reached by 100. TR 5
        (103, 103, 100, 101),  # 101: buy at 105-5 = 100: entered. TR 104-100 = 4
        (101, 101, 96, 97),  # 102: H(101, 101) = 103, stop at 103-8 = 95; from 105 it were 97. TR 5
        (97, 98, 93, 95),  # 103: stop at 103-10 = 93: exit. TR 5
        (95, 96, 94, 95),  # 104: H(103, 103) = 98, buy at 98-5 = 93; from 103 it were 98. TR 2
        (95, 96, 94, 95),  # 105: H(103, 104) = 98, buy at 96, opened below: 95
    ]
    result = run(bars, capital=100_000)
    assert trades(result) == [(101, 100, 103, 93, -7_000)]
    # 1000 shares from 100; flat at 93000; the second position is marked at its own fill.
    assert marks(result) == [100_000, 101_000, 97_000, 93_000, 93_000, 93_000]


def test_the_whole_entry_bar_belongs_to_the_position() -> None:
    bars: list[Bar] = [
        (98, 106, 97, 105),  # 100: buy at the open 98. TR 9
        (105, 106, 104, 105),  # 101: stop at 106-18 = 88. TR 2
        (105, 105, 101, 102),  # 102: H(100, 101) = 106, stop at 106-4 = 102: exit
    ]
    result = run(bars, capital=98_000)
    assert trades(result) == [(100, 98, 102, 102, 4_000)]


def test_breakout_entry_at_its_level() -> None:
    bars: list[Bar] = [
        (100, 101, 96, 97),  # 100: buy at 100+2 = 102. TR 5
        (97, 101, 97, 100),  # 101: buy at 97+5 = 102. TR 4
        (100, 104, 99, 103),  # 102: buy at 100+4 = 104: entered. TR 5
        (103, 104, 94, 95),  # 103: stop at 104-10 = 94: exit
    ]
    result = run(bars, capital=104_000, entry_style="breakout")
    assert trades(result) == [(102, 104, 103, 94, -10_000)]
    assert marks(result) == [104_000, 104_000, 103_000, 94_000]


def test_breakout_entry_gapped_through_at_the_open() -> None:
    bars: list[Bar] = [
        (103, 104, 102, 103.5),  # 100: level 102, but it opens at 103
        (103, 104, 103, 104),
    ]
    result = run(bars, capital=103_000, entry_style="breakout")
    assert marks(result) == [103_500, 104_000]


# Bars whose Bollinger width is 1 in bar 101: closes 98 and 102 have mean 100 and sigma 2, and
# 2·25·2/100 = 1, so r = 1/vol_threshold. The entry lies 3 true ranges below the high.
TIGHTENED: list[Bar] = [
    (100, 101, 98, 98),  # 100: buy at 101-6 = 95. TR 3
    (98, 102, 92, 102),  # 101: buy at 101-9 = 92: entered. TR 10
    (102, 102, 80, 90),  # 102: stop at 102 - 10·2·tightening
]


@pytest.mark.parametrize(
    ("scaling", "vol_threshold", "floor", "exit_price"),
    [
        (0, 4, 0.0625, 97),  # r = 1/4: linear 1/4, distance 5
        (1, 4, 0.0625, 92),  # square root 1/2, distance 10
        (2, 4, 0.0625, 100.75),  # quadratic 1/16, distance 1.25
        (0, 4, 0.5, 92),  # the floor 1/2 is above 1/4
        (2, 4, 0.25, 97),  # the floor 1/4 is above 1/16
        (0, 1, 0.25, 82),  # r = 1: not tightened, distance 20
        (2, 0.5, 0.25, 82),  # r = 2: not widened either
    ],
)
def test_tightening(scaling: int, vol_threshold: float, floor: float, exit_price: float) -> None:
    row = params(
        atr_buy_multiplier=3,
        scaling_method=scaling,
        vol_threshold=vol_threshold,
        min_tightening=floor,
    )
    result = run(TIGHTENED, row=row, capital=92_000)
    assert trades(result) == [(101, 92, 102, exit_price, 1_000 * (exit_price - 92))]


@pytest.mark.parametrize(
    ("scaling", "floor", "max_stop_atr", "exit_price"),
    [
        (0, 1.0, 8, 82),  # distance 20, cap 24
        (0, 1.0, 4, 90),  # distance 20, cap 12
        (1, 0.25, 4, 92),  # tightened to 10, cap 12: the cap looks at the tightened distance
        (0, 0.25, 4, 97),  # tightened to 5
        (0, 0.25, 1, 99),  # tightened to 5, cap 3
    ],
)
def test_the_cap_of_the_stop(
    scaling: int, floor: float, max_stop_atr: float, exit_price: float
) -> None:
    # ATR(70) of bar 101 looks at bars 32..101: 67·2 + 63 + 3 + 10 = 210, divided by 70 is 3.
    spike: Bar = (100, 162, 99, 100)  # TR 63
    preamble = [*PREAMBLE[:32], spike, *PREAMBLE[33:]]
    row = params(atr_buy_multiplier=3, scaling_method=scaling, min_tightening=floor)
    result = run(TIGHTENED, preamble=preamble, row=row, capital=92_000, max_stop_atr=max_stop_atr)
    assert trades(result) == [(101, 92, 102, exit_price, 1_000 * (exit_price - 92))]


def test_typical_price_feeds_the_width() -> None:
    bars: list[Bar] = [
        (100, 101, 92, 98),  # 100: buy at 101-6 = 95: entered. Typical price 97. TR 9
        # 101: typical prices 100, 97: mean 98.5, sigma 1.5, r = 6/98.5; stop at
        # 101 - 18·6/98.5 = 99.90. (Closes 100, 98 would put it at 101 - 18·4/99 = 100.27.)
        (100.5, 104, 100, 102),  # Typical price 102. TR 6
        # 102: typical prices 97, 102: mean 99.5, sigma 2.5, r = 10/99.5
        (104, 104, 80, 90),
    ]
    row = params(
        atr_buy_multiplier=3,
        bb_deviation=1,
        vol_threshold=0.5,
        min_tightening=0.001,
        equity_price_method=0,
    )
    result = run(bars, row=row, capital=95_000)
    ((*_, exit_bar, exit_price, pnl),) = trades(result)
    assert exit_bar == 102
    assert exit_price == pytest.approx(104 - 12 * 10 / 99.5, rel=1e-12)
    assert pnl == pytest.approx(1_000 * (104 - 12 * 10 / 99.5 - 95), rel=1e-9)


def test_fee_and_slip() -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99: a share costs 99·1.25·1.5 = 185.625
        (96, 97, 95, 96),  # 101: exit at 96: a share brings 96·0.75·0.5 = 36
    ]
    result = run(bars, capital=185_625, slip=0.25, fee=0.5)
    # The listed prices are the raw fills; pnl is 1000·(36-185.625).
    assert trades(result) == [(100, 99, 101, 96, -149_625)]
    # Mark of the entry bar: 185625 + 1000·(100-185.625), entry cost paid, exit cost not.
    assert marks(result) == [100_000, 36_000]


def test_open_at_the_end() -> None:
    result = run(ONE_TRADE[:3], capital=148_500, fee=0.5, split=102)
    # A share costs 99·1.5 = 148.5; closes 100, 102, 101 without exit cost.
    assert marks(result) == [100_000, 102_000, 101_000]
    assert trades(result) == []
    assert (result.is_trades, result.oos_trades) == (0, 0)
    assert (result.is_pnl, result.oos_pnl) == (-46_500, -1_000)
    # The entry's cost is a fall from the capital.
    assert (result.is_dd, result.oos_dd) == (48_500, 1_000)


@pytest.mark.parametrize(
    ("sizing", "second_pnl", "final"), [("compound", -4_000, 106_000), ("fixed", -3_600, 106_400)]
)
def test_sizing_after_a_gain(sizing: str, second_pnl: float, final: float) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99: 1000 shares
        (110, 112, 110, 111),  # 101: stop at 101-2 = 99. TR 12
        (111, 112, 110, 111),  # 102: stop at 112-12 = 100. TR 2
        (111, 111, 110, 110),  # 103: stop at 112-2 = 110: Q' = 99000 + 11000. TR 1
        (110, 111, 110, 110),  # 104: buy at 111-1 = 110: 110000/110 or 99000/110 = 900. TR 1
        (106, 107, 105, 106),  # 105: stop at 110, opened at 106: -4 a share
    ]
    result = run(bars, row=params(atr_multiplier=1), sizing=sizing)
    assert trades(result) == [
        (100, 99, 103, 110, 11_000),
        (104, 110, 105, 106, second_pnl),
    ]
    assert marks(result)[-1] == final


LOSS_THEN_BUY: list[Bar] = [
    QUIET,  # 100: buy at 99
    (90, 91, 89, 90),  # 101: stop at 101-2 = 99, opened at 90. TR 11
    (90, 92, 90, 91),  # 102: flat since 101: buy at 91-11 = 80. TR 2
    (91, 92, 90, 91),  # 103: buy at 92-2 = 90: entered. TR 2
    (91, 93, 91, 93),  # 104: stop at 92-2 = 90. TR 2
    (92, 93, 91, 92),  # 105: stop at 93-2 = 91: exit
]


@pytest.mark.parametrize("sizing", ["compound", "fixed"])
def test_sizing_after_a_loss(sizing: str) -> None:
    result = run(LOSS_THEN_BUY, row=params(atr_multiplier=1), sizing=sizing)
    # Q' = 99000 - 1000·9 = 90000; fixed sizing has no more than that either: 1000 shares at 90.
    assert trades(result) == [(100, 99, 101, 90, -9_000), (103, 90, 105, 91, 1_000)]
    assert marks(result) == [100_000, 90_000, 90_000, 91_000, 93_000, 91_000]


def test_shares_are_rounded_down_to_lots() -> None:
    # 99000/99 = 1000 shares are 3 lots of 300.
    result = run(ONE_TRADE, lot_size=300)
    assert trades(result) == [(100, 99, 103, 98, -900)]
    assert marks(result) == [99_900, 101_700, 100_800, 98_100, 98_100, 98_100]


def test_a_trade_of_no_shares_passes_through_the_same_states() -> None:
    # 99000 buy 1000 shares at 99, no lot of 1100; they buy 1100 at 90 once the first (empty)
    # position has been stopped in bar 101 and the high has been reset there. Without those
    # states, bar 101 would buy at its open.
    result = run(LOSS_THEN_BUY, row=params(atr_multiplier=1), lot_size=1_100, split=104)
    assert trades(result) == [(103, 90, 105, 91, 1_100)]
    assert (result.is_trades, result.oos_trades) == (0, 1)
    # Mark of bar 103: 99000 + 1100·(91-90); of bar 104: + 1100·3.
    assert marks(result) == [99_000, 99_000, 99_000, 100_100, 102_300, 100_100]


def test_lots_that_are_always_too_large() -> None:
    result = run(ONE_TRADE, lot_size=5_000)
    assert trades(result) == []
    assert (result.is_trades, result.oos_trades) == (0, 0)
    assert marks(result) == [99_000] * 6


@pytest.mark.parametrize(
    ("fee", "capital", "left"),
    [
        # A share costs 99·2 = 198 and brings 90·0: Q' = 198000 - 1000·198.
        (1.0, 198_000, 0),
        # A share costs 99·3 = 297 and its sale costs another 90: Q' = 297000 - 1000·387. Only a
        # fee beyond reason takes a long position below 0; buying on would then go short.
        (2.0, 297_000, -90_000),
    ],
)
def test_ruin_ends_trading(fee: float, capital: float, left: float) -> None:
    result = run(LOSS_THEN_BUY, row=params(atr_multiplier=1), capital=capital, fee=fee)
    assert trades(result) == [(100, 99, 101, 90, left - capital)]
    # The mark of bar 100 has paid for the entry: 1000·100. Bar 103 would buy again.
    assert marks(result) == [100_000, left, left, left, left, left]
