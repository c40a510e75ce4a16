"""Working orders: what they say of the next bar is what the backtest then does in it.

A bar is applied here to state and orders by the contract's text alone: touches and fills (L7, L8),
which of two comes first (O1 to O5), what a fill leads to (S2 to S8), money (M1 to M11).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cases
import numpy as np
import polars as pl
import pytest

import wfo
from wfo import Settings, Working, WorkingOrder, working_orders
from wfo.errors import EngineError, InputError
from wfo.strategy import NumbaKernel, PythonKernel, RustKernel

VARIANTS = list(wfo.strategies())
STYLES = ["pullback", "breakout"]
PRICES = ("open", "high", "low", "close")

each_variant = pytest.mark.parametrize("strategy", VARIANTS)
each_style = pytest.mark.parametrize("style", STYLES)

Bar = tuple[float, float, float, float]
#: Side, entry bar and price, exit bar and price.
Trade = tuple[str, int, float, int, float]


@dataclass
class Done:
    """What a bar does: trades that it closes, and the mark at its close."""

    trades: list[Trade]
    equity: float
    kind: str


# The contract's text


def reached(order: WorkingOrder, bar: Bar) -> tuple[tuple[float, ...], float] | None:
    """When on the bar's path an order fills, and where; None if it does not."""
    o, h, lo, _ = bar
    # O4, O5: a stop before an entry, a buy before a sell.
    rank = 0 if order.action in {"exit_long", "cover_short"} else 1 if order.buys else 2
    if order.obstacle is not None:  # V1
        return None
    if order.level is None:  # H2, H4
        return (0, 0, rank), o
    rises = order.buys == (order.kind == "stop")
    level = order.level
    if not (h >= level if rises else lo <= level):  # L7
        return None
    fill = max(o, level) if rises else min(o, level)  # L8
    if fill == o:
        return (0, 0, rank), fill  # O1
    leg = 1 if (h - o < o - lo) == rises else 2  # O2
    return (leg, level if rises else -level, rank), fill  # O3


def applied(working: Working, bar: Bar, settings: Settings) -> Done:
    """What the bar after the last does to a state and its orders."""
    t, close = working.bar + 1, bar[3]
    slip, fee = settings.slip, settings.fee
    q, trades = working.equity, []
    position: tuple[str, int, float, float] | None = None
    if working.side != "flat":
        assert working.entry_price is not None
        position = (working.side, working.since, working.entry_price, working.shares)

    def each(side: str, price: float) -> float:  # M1
        if side == "long":
            return price * (1 + slip) * (1 + fee)
        return price * (1 - slip) * (1 - fee)

    def value(held: tuple[str, int, float, float], price: float) -> float:
        side, _, entry, shares = held
        return shares * (price - each(side, entry)) * (1 if side == "long" else -1)

    def enter(side: str, price: float) -> None:
        nonlocal position
        if q <= 0:  # M8
            return
        base = q if settings.sizing == "compound" else min(settings.capital, q)  # M5
        shares = base / (each("long", price) if side == "long" else price * (1 - slip))  # M2
        lot = settings.lot_size
        if lot:
            shares = math.floor(shares / lot * (1 + 2**-50)) * lot  # M6
        position = (side, t, price, shares)

    def leave(price: float) -> None:
        nonlocal position, q
        assert position is not None
        side, since, entry, shares = position
        other = price * (1 - slip) * (1 - fee) if side == "long" else price * (1 + slip) * (1 + fee)
        q += value(position, other)  # M4
        if shares > 0:  # M7
            trades.append((side, since, entry, t, price))
        position = None

    found = [(at, o) for o in working.orders if (at := reached(o, bar)) is not None]
    found.sort(key=lambda pair: pair[0][0])
    kind = "nothing"
    if found:
        ((_, fill), first), *rest = found
        kind = first.action
        if first.action in {"buy", "sell_short"}:  # S2, S6
            enter("long" if first.action == "buy" else "short", fill)
            if rest and working.both_fill and position is not None:  # S7
                kind = "both"
                leave(rest[0][0][1])
        else:  # S3, S4, S5
            leave(fill)
            if first.action.startswith("reverse"):
                enter(first.action.removeprefix("reverse_to_"), fill)
        if first.kind == "market":
            kind += " at the open"
    return Done(trades, q if position is None else q + value(position, close), kind)


# Against the backtest


def taken(case: cases.Case, n: int) -> dict[str, Any]:
    """The first n bars of a case, and its settings, as arguments."""
    second = None if case.bars2 is None else case.bars2[:n]
    return {"bars2": second, "warmup": case.warmup, "settings": case.settings}


def working(case: cases.Case, n: int, engine: str = "auto") -> Working:
    return working_orders(
        case.strategy, case.bars[:n], case.params, **taken(case, n), engine=engine
    )


def closed(sim: wfo.Simulation) -> dict[int, list[Trade]]:
    columns = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price")
    found: dict[int, list[Trade]] = {}
    for row in sim.trades.select(columns).rows():
        found.setdefault(row[3], []).append(row)
    return found


def same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


#: What the random cases have to bring about, so that a prediction of it means something.
KINDS = {
    "nothing", "buy", "sell_short", "exit_long", "cover_short", "reverse_to_long",
    "reverse_to_short", "both", "buy at the open", "sell_short at the open",
}  # fmt: skip


@each_style
def test_orders_predict_the_next_bar(style: str) -> None:
    seen: Counter[str] = Counter()
    for strategy, seed in itertools.product(VARIANTS, (7, 8)):
        case = cases.case(seed, strategy, style)
        n = min(len(case.bars), case.warmup + 40)
        case = replace(
            case,
            bars=case.bars[:n],
            bars2=None if case.bars2 is None else case.bars2[:n],
            split=min(case.split, n - 1),
        )
        sim = case.simulate("reference")
        trades = closed(sim)
        for t in range(case.warmup, n):
            # The bars before t alone: bar t and all after it are not even there.
            now = working(case, t)
            assert (now.bar, now.close) == (t - 1, case.bars["close"][t - 1])
            assert same(now.mark, sim.equity[t - 1])
            done = applied(now, case.bars.select(PRICES).row(t), case.settings)
            assert done.trades == trades.get(t, []), (strategy, style, seed, t)
            assert same(done.equity, sim.equity[t]), (strategy, style, seed, t)
            seen[done.kind] += 1
    assert set(seen) >= KINDS, seen


def invented(rng: np.random.Generator, now: Working) -> Bar:
    """A bar whose prices hang on the levels: it gaps over them, ends on them, or meets both."""
    levels = [o.level for o in now.orders if o.level is not None and o.level > 0]
    near = [now.close, *levels, *(x * f for x in levels for f in (0.97, 1.03))]
    prices = sorted(float(x) for x in rng.choice(near, 4))
    low, one, other, high = prices
    return (one, high, low, other) if rng.random() < 0.5 else (other, high, low, one)


@each_style
@each_variant
def test_orders_predict_bars_that_end_on_their_levels(strategy: str, style: str) -> None:
    case = cases.case(42, strategy, style)
    n = min(len(case.bars), case.warmup + 40)
    rng = np.random.default_rng(5)
    stamp, bars = case.bars["date"][n], case.bars.select("date", *PRICES)
    for t in range(max(n - 8, case.warmup + 1), n):
        now = working(case, t)
        for _ in range(4):
            bar = invented(rng, now)
            added = pl.DataFrame([(stamp, *bar)], bars.schema, orient="row")
            longer = pl.concat([bars[:t], added])
            second = None
            if case.bars2 is not None:
                # T3: what the second symbol does in that bar comes too late for its orders.
                second = pl.concat([case.bars2[:t], case.bars2[t : t + 1].with_columns(date=stamp)])
                second = second.with_columns(longer["date"])
            sim = wfo.simulate(
                strategy, longer, case.params, split=t, warmup=case.warmup, bars2=second,
                settings=case.settings,
            )  # fmt: skip
            done = applied(now, bar, case.settings)
            assert done.trades == closed(sim).get(t, []), (strategy, style, t, bar)
            assert same(done.equity, sim.equity[t]), (strategy, style, t, bar)


@each_style
@each_variant
def test_the_reference_says_the_same(strategy: str, style: str) -> None:
    for seed in range(4):
        case = cases.case(seed, strategy, style)
        n = len(case.bars) - seed % 7
        own, other = (working(case, max(n, case.warmup), e) for e in ("direct", "reference"))
        for field in own.__slots__:
            one, two = getattr(own, field), getattr(other, field)
            if field in {"shares", "equity", "mark"}:
                assert same(one, two), (seed, field)
            elif field == "orders":
                # Levels are equal to the last bit, as touches must be; shares are money.
                plain = [[replace(o, shares=0.0) for o in orders] for orders in (one, two)]
                assert plain[0] == plain[1], seed
                assert all(same(a.shares, b.shares) for a, b in zip(one, two, strict=True)), seed
            else:
                assert one == two, (seed, field)


# By hand

#: Every ATR is 2; the stop hangs 3 of them away, an entry 1.5; the width tightens nothing.
PARAMS: Mapping[str, Any] = {
    "atr_period": 70, "atr_multiplier": 3.0, "bb_length": 10, "bb_deviation": 2.0,
    "vol_threshold": 1e-9, "min_tightening": 1.0, "scaling_method": 0, "atr_buy_period": 70,
    "atr_buy_multiplier": 1.5, "atr_smooth_period": 1, "equity_price_method": 1,
}  # fmt: skip
BOTH_WAYS = PARAMS | {
    "short_multiplier": 1.0, "entry_mode": 2, "trend_filter_period": 1,
    "trend_veto_threshold": -100.0, "both_triggered_mode": 1,
}  # fmt: skip
QUIET = (100.0, 101.0, 99.0, 100.0)


def frame(*tail: Bar, before: int = 100) -> pl.DataFrame:
    """A quiet market around 100, then the bars of a test."""
    rows = [QUIET] * before + list(tail)
    start = pl.date(2020, 1, 1)
    days = pl.select(pl.date_range(start, start + pl.duration(days=len(rows) - 1))).to_series()
    return pl.DataFrame(rows, PRICES, orient="row").with_columns(days.alias("date"))


def test_a_flat_state_has_a_buy_under_the_high_of_the_bar_before_trading() -> None:
    now = working_orders("atr_d_l", frame(), PARAMS, warmup=100, settings=Settings(capital=980.0))
    assert (now.side, now.since, now.shares, now.entry_price) == ("flat", 99, 0.0, None)
    assert (now.equity, now.mark, now.open_profit) == (980.0, 980.0, 0.0)
    # L3: the high 101 less 1.5 ATRs of 2. 980 buys 10 shares at 98.
    assert now.orders == (WorkingOrder("buy", "limit", 98.0, 10.0),)
    assert (now.orders[0].works, now.orders[0].can_touch, now.orders[0].above) == (
        True,
        True,
        False,
    )


def test_a_breakout_buys_above_the_last_close() -> None:
    settings = Settings(entry_style="breakout", capital=1030.0)
    (buy,) = working_orders("atr_d_l", frame(), PARAMS, warmup=100, settings=settings).orders
    assert buy == WorkingOrder("buy", "stop", 103.0, 10.0)  # L5: 100 + 3
    assert buy.above


@pytest.mark.parametrize("same_bar", ["next", "open", "worst"])
def test_which_exits_work_in_the_bar_of_an_entry_is_stated(same_bar: Any) -> None:
    class Own(wfo.Rules):
        away = wfo.Int(1, 5)

        def rules(self, x: Any) -> Any:
            own = {"long": x.at_open(), "exit_long": x.trail(self.away)}
            return wfo.orders(**own, same_bar=same_bar)

    assert working_orders(Own, frame(), {"away": 3}).same_bar == same_bar
    assert working_orders("atr_d_l", frame(), PARAMS).same_bar == "next"


def test_a_long_has_its_stop_under_the_high_since_the_entry() -> None:
    bars = frame((100.0, 100.5, 97.5, 98.0))
    now = working_orders("atr_d_l", bars, PARAMS, warmup=100, settings=Settings(capital=980.0))
    assert (now.side, now.since, now.entry_price, now.shares) == ("long", 100, 98.0, 10.0)
    assert str(now.since_stamp) == "2020-04-10"
    # L1: of the entry's bar the whole range counts, 100.5. Its true range is 3, so that the ATR is
    # (69 · 2 + 3) / 70, and the stop hangs 3 of these away.
    (stop,) = now.orders
    assert (stop.action, stop.kind, stop.shares) == ("exit_long", "stop", 10.0)
    assert stop.level == pytest.approx(100.5 - 3 * 141 / 70, abs=1e-12)
    assert now.open_profit == pytest.approx(0.0, abs=1e-9)


def test_both_sides_work_while_flat_and_reverse_what_is_held() -> None:
    settings = Settings(capital=980.0)
    now = working_orders("atr_d_ls", frame(), BOTH_WAYS, warmup=100, settings=settings)
    assert now.both_fill
    # L4: the low 99 and 1.5 ATRs. A short is sized by what it sells for.
    assert now.orders == (
        WorkingOrder("buy", "limit", 98.0, 10.0),
        WorkingOrder("sell_short", "limit", 102.0, 980.0 / 102.0),
    )
    held = frame((98.0, 98.0, 97.5, 98.0))
    now = working_orders("atr_d_ls", held, BOTH_WAYS, warmup=100, settings=settings)
    stop, reversal = now.orders
    assert (stop.action, reversal.action, reversal.kind) == (
        "exit_long", "reverse_to_short", "limit",
    )  # fmt: skip
    # The long of 10 shares from 98 leaves 980 + 10 · (level - 98), which is sold short there.
    assert reversal.level == pytest.approx(97.5 + 1.5 * (69 * 2 + 2.5) / 70)
    assert reversal.shares == pytest.approx(10.0)


def test_a_mode_that_does_not_reverse_has_no_such_order() -> None:
    held = frame((98.0, 98.0, 97.5, 98.0))
    for mode, count in ((0, 1), (1, 1), (2, 2)):
        now = working_orders("atr_d_ls", held, {**BOTH_WAYS, "entry_mode": mode}, warmup=100)
        assert (now.side, len(now.orders)) == ("long", count)


def test_the_veto_keeps_a_short_from_working_and_says_by_how_much() -> None:
    # The average of one bar is the close: it falls from 100 to 75, by 25 percent to the last bit,
    # and the buy hangs too low to be reached.
    bars = frame((100.0, 100.5, 74.0, 75.0))
    for threshold, works in ((24.9, True), (25.0, False), (26.0, False)):
        params = {**BOTH_WAYS, "trend_veto_threshold": threshold, "atr_buy_multiplier": 20.0}
        sell = working_orders("atr_d_ls", bars, params, warmup=100).orders[1]
        assert (sell.action, sell.works) == ("sell_short", works)
        if not works:
            assert "does not exceed the threshold" in str(sell.obstacle)
            assert sell.numbers == (25.0, threshold)
            assert sell.to_dict()["obstacle_bound"] == threshold


def test_a_hull_cross_is_an_order_at_the_open() -> None:
    hull = PARAMS | {"hma_fast_length": 1, "hma_slow_length": 2}
    # An average of one bar is its close, the one of two is 4/3 of the close less 1/3 of that
    # before: the fast one is below it after a rise, and above after a fall.
    level, fall = frame(), frame((100.0, 100.0, 99.5, 99.5))
    (buy,) = working_orders("atr_d_hma_l", level, hull, warmup=100).orders
    assert buy.obstacle == "the fast Hull average is not above the slow one"
    (buy,) = working_orders("atr_d_hma_l", fall, hull, warmup=100).orders
    assert (buy.works, buy.kind, buy.level) == (True, "market", None)  # H2
    assert buy.shares == pytest.approx(100_000 / 99.5)  # at the last close
    # It goes on being above in a second fall: H3, a touch is needed.
    on = frame((100.0, 100.0, 99.5, 99.5), (99.5, 99.5, 99.0, 99.0))
    found = working_orders("atr_d_hma_l", on, hull, warmup=102)
    assert (found.side, found.orders[0].kind, found.orders[0].works) == ("flat", "limit", True)


def test_a_level_of_zero_or_less_is_never_reached() -> None:
    wide = {**PARAMS, "atr_buy_multiplier": 60.0}
    (buy,) = working_orders("atr_d_l", frame(), wide, warmup=100).orders
    assert (buy.level, buy.shares, buy.works, buy.can_touch) == (101.0 - 120.0, 0.0, True, False)


def test_after_ruin_no_order_works() -> None:
    # Short of 10 at 102 with 1020; a gap to 300 at the open costs 1980.
    bars = frame((100.0, 102.0, 100.0, 101.0), (300.0, 301.0, 299.0, 300.0))
    params = {**BOTH_WAYS, "entry_mode": 0}
    for engine in ("direct", "reference"):
        now = working_orders(
            "atr_d_ls", bars, params, warmup=100, settings=Settings(capital=1020.0), engine=engine
        )
        assert (now.ruined, now.side, now.orders) == (True, "flat", ())
        assert now.equity == pytest.approx(1020 - 1980)


def test_lots_that_the_equity_does_not_pay_for_leave_no_shares() -> None:
    settings = Settings(capital=980.0, lot_size=100.0)
    (buy,) = working_orders("atr_d_l", frame(), PARAMS, warmup=100, settings=settings).orders
    assert buy.shares == 0.0
    held = frame((98.0, 98.0, 97.5, 98.0))
    now = working_orders("atr_d_l", held, PARAMS, warmup=100, settings=settings)
    assert (now.side, now.shares, now.mark) == ("long", 0.0, 980.0)  # M7: the state goes on


# What is refused


def test_a_first_trading_bar_that_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match=r"warmup = 69 is shorter .* needs at least 70"):
        working_orders("atr_d_l", frame(), PARAMS, warmup=69)
    with pytest.raises(InputError, match=r"warmup = 101 must be at most .* 100"):
        working_orders("atr_d_l", frame(), PARAMS, warmup=101)
    dated = working_orders("atr_d_l", frame(before=120), PARAMS, warmup="2020-04-10")
    assert dated.warmup == 100


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"action": "hold"}, "action = 'hold'"),
        ({"kind": "iceberg"}, "kind = 'iceberg'"),
        ({"level": None}, "stop order cannot have level"),
        ({"level": math.nan}, "level = nan"),
        ({"kind": "market"}, "market order cannot have level"),
    ],
)
def test_an_order_checks_itself(change: dict[str, Any], named: str) -> None:
    whole = {"action": "exit_long", "kind": "stop", "level": 1.0, "shares": 1.0}
    WorkingOrder(**whole)
    with pytest.raises(InputError, match=named):
        WorkingOrder(**(whole | change))


def silent(path: Path, kernel: Any) -> wfo.Strategy:
    """A strategy of the package with another kernel."""
    del path
    own = wfo.strategies()["atr_d_l"]
    return wfo.Strategy(
        "silent", "Says nothing", own.parameters, kernel, own.lookback, settings=Settings
    )


@pytest.mark.parametrize("kind", ["python", "numba", "compiled before"])
def test_a_kernel_that_does_not_say_gives_an_error_that_says_so(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"silent_{kind.replace(' ', '_')}"
    (tmp_path / f"{name}.py").write_text("def walk(*a): ...\ndef simulate(*a): ...\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    kernel = {
        "python": PythonKernel(f"{name}:walk"),
        "numba": NumbaKernel(name),
        "compiled before": RustKernel(module=name),
    }[kind]
    with pytest.raises(EngineError, match=r"silent does not say which orders work .* does not say"):
        working_orders(silent(tmp_path, kernel), frame(), PARAMS, warmup=100)


def test_a_module_that_cannot_be_imported_is_named() -> None:
    strategy = silent(Path(), RustKernel(module="not_built"))
    with pytest.raises(EngineError, match="not_built cannot be imported"):
        working_orders(strategy, frame(), PARAMS, warmup=100)
    with pytest.raises(EngineError, match="not_built cannot be imported"):
        working_orders(strategy, frame(), PARAMS, warmup=100, engine="direct")


# Rules that size by risk


class Sized(wfo.Rules):
    """Enters 5 beyond 100, with protective exits at three distances."""

    width = wfo.Float(1, 100, 1)
    percent = wfo.Float(1, 90, 1)
    share = wfo.Float(0.01, 1, 0.01)

    def rules(self, x: Any) -> Any:
        return wfo.orders(
            long=x.stop(x.highest(x.high, 5) + 2),
            short=x.stop(x.lowest(x.low, 5) + 2 - 1_000 * (x.open < 200)),
            exit_long=[x.trail(self.width), x.loss(percent=self.percent), x.stop(x.low - 17)],
            exit_short=x.trail(self.width),
            risk=self.share,
        )


def still(bars: int = 120) -> pl.DataFrame:
    """Bars that are all alike: 100, 103, 97, 100."""
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 12, 31), eager=True)[:bars]
    prices = {"open": 100.0, "high": 103.0, "low": 97.0, "close": 100.0}
    return pl.DataFrame({"date": days}).with_columns(
        *(pl.lit(value).alias(name) for name, value in prices.items()), pl.lit(1.0).alias("volume")
    )


@pytest.mark.parametrize(
    ("params", "lots", "sized", "shares", "share"),
    [
        # Filled at 105 the trail is at 101: 1 % of 1,000 over 4.
        ((4, 50, 0.01), 0, ("trail", 101, 4, False), 2.5, 0.01),
        ((4, 50, 0.01), 1, ("trail", 101, 4, False), 2, 0.008),
        ((40, 50, 0.01), 0, ("stop", 80, 25, False), 0.4, 0.01),
        ((40, 20, 0.01), 0, ("percent loss", 84, 21, False), 10 / 21, 0.01),
        # All the equity buys fewer than half of it over 4 would.
        ((4, 50, 0.5), 0, ("trail", 101, 4, True), 1000 / 105, 4 / 105),
    ],
)
def test_an_entry_says_what_its_risk_sized_it_by(
    params: tuple[float, ...], lots: float, sized: tuple[Any, ...], shares: float, share: float
) -> None:
    values = dict(zip(("width", "percent", "share"), params, strict=True))
    settings = wfo.AccountSettings(capital=1_000, lot_size=lots)
    buy, _ = working_orders(Sized, still(), values, settings=settings).orders
    by, level, distance, capped = sized
    assert (buy.rule, buy.protected_by, buy.capped) == ("stop", by, capped)
    assert (buy.protective_level, buy.distance) == pytest.approx((level, distance))
    assert (buy.shares, buy.share_at_risk) == pytest.approx((shares, share))
    assert buy.amount_at_risk == pytest.approx(1_000 * share)
    assert buy.to_dict()["protective_level"] == buy.protective_level


class Held(wfo.Rules):
    """Sells short at each open, and has all exits."""

    width = wfo.Float(4, 60, 1)

    def rules(self, x: Any) -> Any:
        return wfo.orders(
            short=x.at_open(x.close > 0),
            long=x.stop(x.high + 2),
            exit_short=[x.after(self.width), x.trail(x.high / x.high * 50), x.after(1),
                        x.loss(self.width), x.target(60), x.limit(x.low - 50)],
            exit_long=x.loss(self.width),
            reverse_to_long=True,
            risk=0.01,
        )  # fmt: skip


def test_exits_of_one_kind_have_names_and_a_reversal_its_own_equity() -> None:
    settings = wfo.AccountSettings(capital=1_000)
    found = working_orders(Held, still(), {"width": 8}, settings=settings, warmup=119)
    # Short of 10 / 8 shares since the last bar; what waits for 8 bars is not stated yet.
    assert (found.side, found.shares) == ("short", 1.25)
    *exits, entry = found.orders
    assert [(o.kind, o.rule, o.level) for o in exits] == [
        ("stop", "trail", 147),
        ("market", "after", None),
        ("stop", "loss", 108),
        ("limit", "target", 40),
        ("limit", "limit", 47),
    ]
    assert all(o.protected_by is None for o in exits)
    # At 105 the short has lost 6.25.
    assert (entry.action, entry.protected_by, entry.protective_level) == (
        "reverse_to_long", "loss", 97,
    )  # fmt: skip
    assert (entry.shares, entry.amount_at_risk) == pytest.approx((9.9375 / 8, 9.9375))
    assert entry.share_at_risk == pytest.approx(0.01)


@pytest.mark.parametrize(
    "changes",
    [{"distance": None}, {"protected_by": None}, {"protected_by": "hope"}, {"rule": 1},
     {"share_at_risk": math.nan}, {"capped": 1}],
)  # fmt: skip
def test_what_sizes_an_order_is_whole(changes: dict[str, Any]) -> None:
    given: dict[str, Any] = {"protected_by": "loss", "protective_level": 97.0, "distance": 8.0,
                             "share_at_risk": 0.01}  # fmt: skip
    with pytest.raises(InputError, match=next(iter(changes))):
        WorkingOrder("buy", "stop", 105.0, 1.0, **(given | changes))
