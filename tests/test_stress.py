"""Execution stress, against simulations with other settings or bars and recounts of trades."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections import Counter
from typing import Any

import cases
import numpy as np
import polars as pl
import pytest
from strategies import strategy as toy

import wfo
from wfo import _core
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.jitter import jittered
from wfo.backtest.lots import Entry
from wfo.backtest.performance import performance
from wfo.backtest.replay import Positions, entered_late, positions_of, replay
from wfo.bars import Prices, prices
from wfo.errors import InputError
from wfo.runs.verdict.stress import (
    MOST_SLIP,
    NOISE,
    PRECISION,
    SKIPPED,
    STATED_SLIP,
    Stress,
    StressCase,
    stress,
)
from wfo.settings import AccountSettings
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk
from wfo.testing import random_bars

VARIANTS = tuple(wfo.strategies())


def of(found: Stress, name: str) -> StressCase:
    (only,) = (case for case in found.cases if case.name == name)
    return only


# ---- positions told again


def open_at_end(
    name: str, bars: Any, second: Any, params: Any, settings: Any, warmup: int
) -> Entry | None:
    """What the kernel says is open after the last bar."""
    feeds = read_feeds(name, bars, second).to_list()
    values = [float(v) for v in wfo.strategies()[name].check_params(params)]
    said = _core.orders(name, feeds, values, settings, warmup)
    assert said is not None
    state = said[0]
    if not state["side"]:
        return None
    return Entry(state["since"], state["side"] > 0, state["entry_price"])


def check(seed: int) -> Counter[str]:
    """Replay a random case as it was, and compare with the engine's own figures."""
    name = VARIANTS[seed % len(VARIANTS)]
    case = cases.case(seed, name, ("pullback", "breakout")[seed // len(VARIANTS) % 2])
    if len(case.bars) - case.warmup < 3:
        return Counter()
    whole = dataclasses.replace(case.settings, lot_size=0.0)
    found, fractions = case.simulate("direct"), case.simulate("direct", settings=whole)
    shorts = wfo.strategies()[name].shorts
    still = None
    if shorts and case.settings.lot_size:
        # The marks do not tell the side of a position of one bar, which matters to lots alone.
        still = open_at_end(name, case.bars, case.bars2, case.params, whole, case.warmup)
    own = prices(case.bars)
    positions = positions_of(fractions, own, whole, shorts=shorts, still=still)
    again = replay(positions, own.close, case.settings)
    feeds = read_feeds(name, case.bars, case.bars2)
    figures = performance(
        name, feeds, case.params, case.settings, warmup=case.warmup, engine="direct"
    )
    scale = max(case.settings.capital, float(np.abs(found.equity).max()))
    assert again.equity[0] - case.settings.capital == pytest.approx(
        figures["pnl"], abs=1e-9 * scale
    )
    assert again.drawdown_share[0] == pytest.approx(figures["dd_share"], rel=1e-8, abs=1e-8)
    assert again.trades[0] == figures["trades"]
    return Counter(
        trades=int(again.trades[0]),
        shorts=int((~positions.long).sum()),
        still=int(positions.exit_bar.max(initial=0) == positions.end),
        lots=int(case.settings.lot_size > 0),
        fixed=int(case.settings.sizing == "fixed"),
        unfilled=len(positions) - int(again.trades[0]),
    )


def test_positions_as_they_were_come_to_what_the_engine_says() -> None:
    met: Counter[str] = Counter()
    for seed in range(72):
        met += check(seed)
    # What the comparison is about was there to be compared.
    for name, least in {
        "trades": 500,
        "shorts": 200,
        "still": 20,
        "lots": 20,
        "fixed": 20,
        "unfilled": 20,
    }.items():
        assert met[name] >= least, met


#: Two longs and a short between them, in bars of one price each but for what is stated.
HAND = Positions(
    long=np.array([True, False, True]),
    entry_bar=np.array([1, 3, 6]),
    entry_price=np.array([10.0, 20.0, 10.0]),
    exit_bar=np.array([3, 5, 8]),
    exit_price=np.array([20.0, 16.0, np.nan]),
    end=8,
)
CLOSES = np.array([10.0, 12.0, 9.0, 20.0, 24.0, 16.0, 11.0, 14.0])


def test_money_of_hand_made_positions() -> None:
    settings = AccountSettings(1_000.0, slip=0.01, fee=0.02, lot_size=1.0)
    found = replay(HAND, CLOSES, settings)
    # Long at 10.302 a share: 97 shares, sold at 20 · .99 · .98 = 19.404.
    after = 1_000 + 97 * (19.404 - 10.302)
    low = 1_000 + 97 * (9 - 10.302)
    # Short at 19.8: 95 shares (1,882.894 / 19.8), which bring 19.404, bought at 16.4832.
    short = 95
    assert short == math.floor(after / 19.8)
    high = after + short * (19.404 - 24)
    then = after + short * (19.404 - 16.4832)
    # Long again at 10.302, open at 14.
    shares = math.floor(then / 10.302)
    last = then + shares * (14 - 10.302)
    assert found.equity[0] == pytest.approx(last, rel=1e-12)
    assert found.trades[0] == 2
    peak_first = 1_000 + 97 * (12 - 10.302)
    peak_short = max(after, after + short * (19.404 - 20))
    falls = (1 - low / peak_first, 1 - high / peak_short)
    assert found.drawdown_share[0] == pytest.approx(max(falls), rel=1e-12)


def test_fixed_sizing_spends_at_most_the_capital() -> None:
    found = replay(HAND, CLOSES, AccountSettings(1_000.0, sizing="fixed"))
    assert found.equity[0] == pytest.approx(1_000 + 1_000 + 50 * 4 + 100 * 4, rel=1e-12)


def test_decimal_lots_lose_none_to_rounding() -> None:
    # .29 / .01 is 28.999999999999996.
    one = Positions(*(np.array([v]) for v in (True, 1, 100.0, 3, math.nan)), end=3)  # type: ignore[arg-type]
    found = replay(one, np.array([100.0, 100.0, 200.0]), AccountSettings(29.0, lot_size=0.01))
    assert found.equity[0] == pytest.approx(29 + 0.29 * 100, rel=1e-12)


def test_skipped_positions_stay_cash_and_ruin_ends_trading() -> None:
    settings = AccountSettings(1_000.0)
    entered = np.array([[True] * 3, [False] * 3, [False, True, False], [True, False, True]])
    found = replay(HAND, CLOSES, settings, entered)
    assert found.equity == pytest.approx([1_000 * 2 * 1.2 * 1.4, 1_000, 1_200, 2_800], rel=1e-12)
    assert found.trades.tolist() == [2, 0, 1, 1]
    assert found.drawdown_share[1] == 0.0
    ruined = dataclasses.replace(HAND, exit_price=np.array([20.0, 45.0, np.nan]))
    lost = replay(ruined, CLOSES, settings)
    assert lost.equity[0] == pytest.approx(2_000 - 100 * 25, rel=1e-12)
    assert lost.drawdown_share[0] == pytest.approx(1 + 500 / 2_000, rel=1e-12)


def test_draws_are_replayed_alike_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = np.random.default_rng(1).random((50, 3)) > 0.4
    whole = replay(HAND, CLOSES, AccountSettings(), entered)
    monkeypatch.setattr("wfo.backtest.replay._AT_ONCE", 7)
    for one, other in zip(whole, replay(HAND, CLOSES, AccountSettings(), entered), strict=True):
        np.testing.assert_array_equal(one, other)


#: Entry and exit of a position in bars that open at ten times their number, and what becomes of it.
LATE: list[tuple[tuple[int, int, float], tuple[int, float] | None]] = [
    ((3, 6, 55.0), (4, 40.0)),
    ((3, 3, 31.0), None),  # over in the bar of its entry
    ((3, 4, 40.0), None),  # over at the open at which it would be entered
    ((3, 4, 41.0), (4, 40.0)),  # over within that bar
    ((7, 9, math.nan), (8, 80.0)),  # open at the end
    ((8, 9, math.nan), None),  # would be entered after the last bar
]


@pytest.mark.parametrize(("meant", "entered"), LATE)
def test_late_entries_are_filled_at_the_next_open(
    meant: tuple[int, int, float], entered: tuple[int, float] | None
) -> None:
    entry, leave, fill = meant
    given = Positions(
        *(np.array([value]) for value in (True, entry, 12.5, leave, fill)),  # type: ignore[arg-type]
        end=9,
    )
    found = entered_late(given, 10.0 * np.arange(9))
    if entered is None:
        assert len(found) == 0
    else:
        assert (found.entry_bar[0], found.entry_price[0]) == entered
        assert found.exit_bar[0] == leave
        np.testing.assert_equal(found.exit_price[0], fill)


def test_positions_that_overlap_are_refused() -> None:
    trades = pl.DataFrame(
        {"side": ["long"] * 2, "entry_bar": [2, 3], "entry_price": [1.0] * 2}
        | {"exit_bar": [5, 6], "exit_price": [1.0] * 2, "pnl": [0.0] * 2}
    )
    found = wfo.Simulation(trades, np.full(8, 100.0), 0.0, 0.0, 0.0, 0.0, 0, 0)
    bars = Prices(*(np.ones(8) for _ in range(4)))
    with pytest.raises(InputError, match="one begins in bar 3, before the one before it ends in"):
        positions_of(found, bars, AccountSettings(), shorts=False)


# ---- noise


def test_noise_leaves_valid_bars_within_a_share_of_their_range() -> None:
    bars = random_bars(np.random.default_rng(2), 300)
    volume = np.arange(300.0)
    given = Feeds(
        {
            "bars": prices(bars)._asdict() | {"volume": volume},
            "bars2": prices(bars)._asdict(),
            "rate": {"rate": volume},
        }
    )
    found = jittered(given, 0.1, 5)
    own = given.prices()
    assert own is not None
    for name in ("bars", "bars2"):
        new = found.prices(name)
        assert new is not None
        _core.check_bars(*new)
        reach = 0.1 * np.log(own.high / own.low) + 1e-12
        for before, after in zip(own, new, strict=True):
            # A high is the highest of four shifted prices: it goes as far as any of them.
            assert (np.abs(np.log(after / before)) <= reach).all()
        moved = np.log(new.close / own.close)[own.high > own.low] / reach[own.high > own.low]
        assert np.abs(moved.mean()) < 0.2
        assert moved.std() == pytest.approx(1 / math.sqrt(3), rel=0.15)
    first, second = found.prices(), found.prices("bars2")
    assert first is not None
    assert second is not None
    assert not np.array_equal(first.close, second.close)
    np.testing.assert_array_equal(found["bars"]["volume"], volume)
    np.testing.assert_array_equal(found["rate"]["rate"], volume)
    np.testing.assert_array_equal(jittered(given, 0.1, 5)["bars"]["low"], first.low)
    assert not np.array_equal(jittered(given, 0.1, 6)["bars"]["low"], first.low)
    still = jittered(given, 0.0, 5).prices()
    assert still is not None
    np.testing.assert_array_equal(np.array(still), np.array(own))
    with pytest.raises(InputError, match=r"share = 1\.5"):
        jittered(given, 1.5, 0)


# ---- a set under stress

WARMUP, END = 150, 1_400
PARAMS: dict[str, dict[str, Any]] = {
    "atr_d_l": {"atr_multiplier": 4.0, "atr_buy_multiplier": 1.5},
    "atr_d_duals_ls": {"atr_multiplier": 4.0, "atr_buy_multiplier": 1.5, "entry_mode": 2},
}
SETTINGS = {
    "atr_d_l": wfo.Settings(slip=0.001, fee=0.0002),
    "atr_d_duals_ls": wfo.Settings(50_000.0, sizing="fixed", lot_size=7.0),
}


class Stressed:
    """A strategy on the bars that ship with the package, its stress, and simulations beside it."""

    def __init__(self, name: str) -> None:
        self.strategy = wfo.strategies()[name]
        joined = wfo.join_bars(wfo.load_sample("SP500"), wfo.load_sample("NASDAQ"))
        self.bars = joined.first[:END]
        self.second = joined.second[:END] if self.strategy.dual_symbol else None
        grid = wfo.Grid.load("smoke", name)
        self.params = grid.params(0) | PARAMS[name]
        self.settings = SETTINGS[name]
        # What lies behind the end is another market, and must not matter.
        feeds = read_feeds(name, joined.first, joined.second if self.strategy.dual_symbol else None)
        self.found = stress(
            self.strategy,
            feeds,
            self.params,
            self.settings,
            warmup=WARMUP,
            end=END,
            bars_per_year=252,
            draws=200,
            noise_draws=3,
            seed=4,
        )

    def simulate(self, feeds: Feeds | None = None, **changed: Any) -> tuple[wfo.Simulation, float]:
        """The simulation by frames with other settings, and buy-and-hold's total return."""
        frames = [self.bars, self.second]
        if feeds is not None:
            for k, name in enumerate(feeds):
                columns = [pl.Series(n, v[:END]) for n, v in feeds[name].items()]
                frames[k] = self.bars.select("date").with_columns(columns)
        settings = dataclasses.replace(self.settings, **changed)
        where = {"warmup": WARMUP, "split": 700}
        found = wfo.simulate(
            self.strategy, frames[0], self.params, bars2=frames[1], settings=settings, **where
        )
        plain = AccountSettings(
            *(getattr(settings, f.name) for f in dataclasses.fields(AccountSettings))
        )
        held = wfo.buy_and_hold(frames[0], settings=plain, **where)
        return found, held.equity[-1] / settings.capital - 1

    def check(self, case: StressCase, **changed: Any) -> None:
        found, held = self.simulate(**changed)
        capital = self.settings.capital
        total = found.equity[-1] / capital - 1
        assert case.total_return == pytest.approx(total, rel=1e-12)
        assert case.annual_return == pytest.approx((1 + total) ** (252 / 1_250) - 1, rel=1e-12)
        assert case.trades == len(found.trades)
        assert case.held_return == pytest.approx(held, rel=1e-12)
        assert case.excess == pytest.approx(total - held, rel=1e-12)
        path = list(found.equity)
        assert found.reversals is not None
        for bar, mark in list(zip(*found.reversals, strict=True))[::-1]:
            path.insert(int(bar), mark)
        peak, fall = 0.0, 0.0
        for mark in path:
            peak = max(peak, mark)
            fall = max(fall, 1 - mark / peak)
        assert case.drawdown_share == pytest.approx(fall, rel=1e-12)
        assert (case.draws, case.low_return, case.reason) == (1, None, "")


@pytest.fixture(scope="module", params=list(PARAMS))
def stressed(request: pytest.FixtureRequest) -> Stressed:
    return Stressed(request.param)


def test_the_set_as_it_is_has_the_figures_of_a_simulation(stressed: Stressed) -> None:
    stressed.check(of(stressed.found, "as_it_is"))
    assert of(stressed.found, "as_it_is").size == stressed.settings.slip


def test_slippage_is_doubled_and_stated_where_there_is_none(stressed: Stressed) -> None:
    doubled = of(stressed.found, "slippage_doubled")
    assert doubled.size == 2 * stressed.settings.slip
    stressed.check(doubled, slip=2 * stressed.settings.slip)
    names = [case.name for case in stressed.found.cases]
    if stressed.settings.slip:
        assert "slippage_stated" not in names
    else:
        stated = of(stressed.found, "slippage_stated")
        assert stated.size == STATED_SLIP == 0.0005
        stressed.check(stated, slip=0.0005)


def recounted(rows: list[dict[str, Any]], settings: AccountSettings, last: float) -> float:
    """The last mark of trades one after the other, by the contract's page alone."""
    equity = settings.capital
    for row in rows:
        base = equity if settings.sizing == "compound" else min(settings.capital, equity)
        long, price = row["side"] == "long", row["entry_price"]
        up, down = (
            (1 + settings.slip) * (1 + settings.fee),
            (1 - settings.slip) * (1 - settings.fee),
        )
        worth = price * (up if long else down)
        shares = max(base, 0.0) / (worth if long else price * (1 - settings.slip))
        if settings.lot_size:
            shares = math.floor(shares / settings.lot_size * (1 + 2**-50)) * settings.lot_size
        end = last if row["exit_price"] is None else row["exit_price"] * (down if long else up)
        equity += shares * (end - worth) * (1 if long else -1)
    return equity


def rows_of(stressed: Stressed) -> list[dict[str, Any]]:
    """Trades without lots, and the one that is open at the end, which lasts."""
    found, _ = stressed.simulate(lot_size=0.0)
    rows = found.trades.to_dicts()
    name, whole = stressed.strategy.name, dataclasses.replace(stressed.settings, lot_size=0.0)
    still = open_at_end(name, stressed.bars, stressed.second, stressed.params, whole, WARMUP)
    if still is not None:
        side = "long" if still.long else "short"
        rows.append(
            {"side": side, "entry_bar": still.bar, "entry_price": still.price}
            | {"exit_bar": END, "exit_price": None}
        )
    return rows


def test_skipped_trades_are_a_twentieth_and_the_rest_compounds(stressed: Stressed) -> None:
    from wfo.sampling import uniform

    case = of(stressed.found, "trades_skipped")
    rows, capital = rows_of(stressed), stressed.settings.capital
    last = stressed.bars["close"][-1]
    totals, skipped, closed = [], 0, []
    for draw in range(200):
        chances = uniform(len(rows), (4 << 28) + (draw << 8))
        kept = [row for row, chance in zip(rows, chances, strict=True) if chance >= SKIPPED]
        skipped += len(rows) - len(kept)
        closed.append(sum(row["exit_price"] is not None for row in kept))
        totals.append(recounted(kept, stressed.settings, last) / capital - 1)
    assert (case.size, case.draws) == (0.05, 200)
    # Four standard errors of the share of all trades of all draws.
    every = 200 * len(rows)
    assert skipped / every == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / every))
    assert case.total_return == pytest.approx(np.median(totals), rel=1e-9)
    assert case.low_return == pytest.approx(np.quantile(totals, 0.05), rel=1e-9)
    assert case.trades == np.median(closed)
    base = of(stressed.found, "as_it_is")
    assert case.held_return == pytest.approx(base.held_return, rel=1e-12)
    assert case.excess == pytest.approx(np.median(totals) - base.held_return, rel=1e-9)


def test_late_entries_are_those_of_the_trades_a_bar_later(stressed: Stressed) -> None:
    case = of(stressed.found, "entries_late")
    opens = stressed.bars["open"].to_list()
    late = []
    for row in rows_of(stressed):
        bar = row["entry_bar"] + 1
        over = row["exit_bar"] < bar or bar >= END
        if over or (row["exit_bar"] == bar and row["exit_price"] == opens[bar]):
            continue
        late.append(row | {"entry_bar": bar, "entry_price": opens[bar]})
    total = recounted(late, stressed.settings, stressed.bars["close"][-1])
    assert case.total_return == pytest.approx(total / stressed.settings.capital - 1, rel=1e-9)
    assert case.trades == sum(row["exit_price"] is not None for row in late)
    assert case.total_return != of(stressed.found, "as_it_is").total_return


def test_noise_is_simulated_anew_beside_buy_and_hold_on_the_same_bars(stressed: Stressed) -> None:
    case = of(stressed.found, "noise")
    feeds = read_feeds(stressed.strategy, stressed.bars, stressed.second)
    totals, excess, trades = [], [], []
    for draw in range(3):
        found, held = stressed.simulate(jittered(feeds, NOISE, (4 << 28) + (draw << 8)))
        totals.append(found.equity[-1] / stressed.settings.capital - 1)
        excess.append(totals[-1] - held)
        trades.append(len(found.trades))
    assert len(set(totals)) == 3
    assert (case.size, case.draws) == (0.05, 3)
    assert case.total_return == pytest.approx(np.median(totals), rel=1e-12)
    assert case.excess == pytest.approx(np.median(excess), rel=1e-12)
    assert case.trades == np.median(trades)
    assert case.low_return == pytest.approx(np.quantile(totals, 0.05), rel=1e-12)


# ---- strategies of one's own

#: Every 20 bars long at the open, held for 5 bars; `late` bars later, and for as much less.
EVERY, HELD = 20, 5


def walk(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """A kernel in Python: fixed dates, whatever the prices are."""
    ((_, (late, every)),) = sets
    opens, closes = feeds["bars"]["open"], feeds["bars"]["close"]
    count = len(closes)
    equity, trades, settled, still = np.full(count, settings.capital), [], settings.capital, -1
    for start in range(warmup, count, every):
        entry, leave = start + late, start + HELD
        if entry >= count:
            break
        cost = opens[entry] * (1 + settings.slip) * (1 + settings.fee)
        shares = settled / cost
        stop = min(leave, count)
        equity[entry:stop] = settled + shares * (closes[entry:stop] - cost)
        if leave < count:
            pnl = shares * (opens[leave] * (1 - settings.slip) * (1 - settings.fee) - cost)
            trades.append((1, entry, opens[entry], leave, opens[leave], pnl))
            settled += pnl
            equity[leave:] = settled
        else:
            still = entry
    return Walk(trades, equity, still)


def half(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """The same with half of the equity in a trade, which is not the contract's money."""
    own = walk(feeds, sets, dataclasses.replace(settings, capital=settings.capital / 2), warmup)
    return own._replace(equity=own.equity + settings.capital / 2)


def bars_of(closes: Any) -> pl.DataFrame:
    """Bars that open at the close before."""
    closes = np.asarray(closes, float)
    opens = np.concatenate([closes[:1], closes[:-1]])
    days = [dt.date(2001, 1, 1) + dt.timedelta(k) for k in range(len(closes))]
    return pl.DataFrame(
        {"date": days, "open": opens, "high": np.maximum(opens, closes) * 1.01}
        | {"low": np.minimum(opens, closes) * 0.99, "close": closes}
    )


def dated(function: str) -> Strategy:
    return toy(
        name="dated",
        parameters=(
            Parameter("late", "int", 0, 4, "bars late"),
            Parameter("every", "int", 6, 100_000, "bars from entry to entry"),
        ),
        kernel=PythonKernel(f"test_stress:{function}"),
        lookback=lambda _: 2,
    )


def stressed_dates(
    closes: Any, function: str = "walk", every: int = EVERY, late: int = 0, **settings: Any
) -> Stress:
    strategy = dated(function)
    feeds = read_feeds(strategy, bars_of(closes))
    return stress(
        strategy,
        feeds,
        {"late": late, "every": every},
        AccountSettings(**settings),
        warmup=10,
        bars_per_year=252,
        draws=50,
        noise_draws=2,
    )


WAVE = 100 + 10 * np.sin(np.arange(173) / 7) + np.arange(173) / 20


@pytest.mark.parametrize("count", [173, 170, 172], ids=["still open", "flat", "just open"])
def test_entries_late_are_what_a_kernel_that_is_late_comes_to(count: int) -> None:
    meant = stressed_dates(WAVE[:count], slip=0.001)
    late = stressed_dates(WAVE[:count], slip=0.001, late=1)
    one, other = of(meant, "entries_late"), of(late, "as_it_is")
    assert one.total_return == pytest.approx(other.total_return, rel=1e-12)
    assert one.drawdown_share == pytest.approx(other.drawdown_share, rel=1e-10)
    assert one.trades == other.trades


def test_money_that_is_not_the_contracts_is_not_told_again() -> None:
    found = stressed_dates(WAVE, "half")
    for name in ("trades_skipped", "entries_late"):
        case = of(found, name)
        assert "cannot be told again" in case.reason
        assert (case.total_return, case.excess, case.low_return) == (None, None, None)
    assert of(found, "as_it_is").reason == ""
    assert of(found, "noise").total_return is not None


def test_a_slippage_of_a_whole_price_is_no_case() -> None:
    case = of(stressed_dates(WAVE, slip=0.6), "slippage_doubled")
    assert case.total_return is None
    assert "leaves nothing" in case.reason


#: Up while the dated set is in the market, down while it is not, by which its excess is made.
TEETH = 100 * np.cumprod(np.where((np.arange(1_000) - 10) % 20 < HELD, 1.01, 0.9985))


def test_slippage_at_which_the_excess_is_gone_is_found_to_its_precision() -> None:
    found = stressed_dates(TEETH).break_even
    assert (found.state, found.precision, found.least) == ("found", PRECISION, 0.0)
    assert found.slip is not None
    bars, strategy = bars_of(TEETH), dated("walk")
    excess = []
    for slip in (found.slip - PRECISION, found.slip):
        settings = AccountSettings(slip=slip)
        where: dict[str, Any] = {"warmup": 10, "split": 500, "settings": settings}
        own = wfo.simulate(strategy, bars, {"late": 0, "every": EVERY}, engine="auto", **where)
        excess.append(own.equity[-1] - wfo.buy_and_hold(bars, **where).equity[-1])
    assert excess[0] > 0 >= excess[1]
    assert PRECISION == 1e-5


def test_slippage_is_looked_for_from_the_runs_up_to_a_limit() -> None:
    # Down while it is in the market.
    below = stressed_dates(1e4 / TEETH).break_even
    assert (below.state, below.slip) == ("below", None)
    gone = stressed_dates(TEETH, slip=0.02).break_even
    assert (gone.state, gone.slip, gone.least) == ("below", None, 0.02)
    # One entry long before a fall: two fills cost less than holding on.
    above = stressed_dates(np.linspace(100, 10, 300), every=1_000).break_even
    assert (above.state, above.slip, above.most) == ("above", None, MOST_SLIP)
    beyond = stressed_dates(np.linspace(100, 10, 300), every=1_000, slip=0.1).break_even
    assert (beyond.state, beyond.least, beyond.most) == ("above", 0.1, 0.1)


def test_a_set_that_never_sells_does_not_exceed_buy_and_hold_by_rounding() -> None:
    rising = 100 + np.arange(14.0)
    found = stressed_dates(rising, every=100)
    assert of(found, "as_it_is").excess == pytest.approx(0.0, abs=1e-12)
    assert found.break_even.state == "below"


@pytest.mark.parametrize(("lower", "state"), [(1e-8, "below"), (1e-3, "above")])
def test_an_excess_is_more_than_a_millionth(lower: float, state: str) -> None:
    # It buys a bar after buy-and-hold, a little cheaper, and pays as often.
    closes = np.full(14, 100.0)
    closes[10] *= 1 - lower
    closes[-1] = 200.0
    assert stressed_dates(closes, every=100, late=1).break_even.state == state


@pytest.mark.parametrize("seed", [63, 365, 559])
def test_a_short_of_the_last_bar_is_told_again_in_lots(seed: int) -> None:
    case = cases.case(seed, VARIANTS[seed % 6], ("pullback", "breakout")[seed // 6 % 2])
    feeds = read_feeds(case.strategy, case.bars, case.bars2)
    still = open_at_end(
        case.strategy, case.bars, case.bars2, case.params, case.settings, case.warmup
    )
    assert case.settings.lot_size
    assert still is not None
    assert still.bar == len(case.bars) - 1
    found = stress(
        wfo.strategies()[case.strategy],
        feeds,
        case.params,
        case.settings,
        warmup=case.warmup,
        bars_per_year=252,
        draws=1,
        noise_draws=1,
    )
    assert of(found, "trades_skipped").reason == ""


def test_the_seed_decides_what_is_drawn_and_nothing_else(stressed: Stressed) -> None:
    feeds = read_feeds(stressed.strategy, stressed.bars, stressed.second)

    def again(seed: int) -> Stress:
        return stress(
            stressed.strategy,
            feeds,
            stressed.params,
            stressed.settings,
            warmup=WARMUP,
            bars_per_year=252,
            draws=200,
            noise_draws=3,
            seed=seed,
        )

    assert again(4) == stressed.found
    other = again(5)
    assert of(other, "trades_skipped") != of(stressed.found, "trades_skipped")
    assert of(other, "noise") != of(stressed.found, "noise")
    assert of(other, "entries_late") == of(stressed.found, "entries_late")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draws": 0}, "draws = 0"),
        ({"noise_draws": 0}, "noise_draws = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"warmup": 1}, "warmup = 1 is shorter"),
        ({"end": 9_999}, "end = 9999"),
        ({"params": {"late": 0}}, "also needs every"),
    ],
)
def test_what_cannot_be_stressed_is_refused(given: dict[str, Any], said: str) -> None:
    strategy = dated("walk")
    feeds = read_feeds(strategy, bars_of(WAVE))
    usual: dict[str, Any] = {"params": {"late": 0, "every": 20}, "warmup": 10}
    options = usual | given
    with pytest.raises(InputError, match=said):
        stress(strategy, feeds, options.pop("params"), bars_per_year=252, **options)
