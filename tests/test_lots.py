"""Lots that the equity does not pay for: said, and only where entries took place."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import wfo
from wfo.backtest.benchmark import Benchmark, Held
from wfo.backtest.lots import unfilled
from wfo.backtest.values import Unfilled
from wfo.bars import Prices
from wfo.cli import cli
from wfo.data import BarsOrigin, DataStore
from wfo.metrics import held_metrics
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk, get_strategy
from wfo.testing import random_bars

LONG, BOTH, HULL = "atr_d_l", "atr_d_ls", "atr_d_hma_ls"

#: Re-enters within days, and leaves within weeks.
BUSY = {"atr_period": 5, "atr_multiplier": 2.0, "atr_buy_period": 5, "atr_buy_multiplier": 0.5}
#: Waits for a fall that never comes.
NEVER = BUSY | {"atr_buy_multiplier": 500.0}


def _params(strategy: str, **changed: float) -> dict[str, Any]:
    defaults = {p.name: p.default for p in get_strategy(strategy).parameters}
    return defaults | changed


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """A symbol that doubles in four years, from about 100 up, with many falls on the way."""
    rng = np.random.default_rng(20240607)
    steps = 0.0007 + 0.012 * rng.standard_normal(1200)
    close = 100.0 * np.exp(np.cumsum(steps))
    opened = np.concatenate([[100.0], close[:-1]])
    days = pl.date_range(pl.date(2015, 1, 1), pl.date(2030, 1, 1), "1d", eager=True)
    return pl.DataFrame(
        {
            "date": days.filter(days.dt.weekday() < 6).head(1200),
            "open": opened,
            "high": np.maximum(opened, close) * 1.004,
            "low": np.minimum(opened, close) * 0.996,
            "close": close,
        }
    )


def _simulated(
    bars: pl.DataFrame, strategy: str, params: dict[str, float], **settings: Any
) -> wfo.Simulation:
    return wfo.simulate(
        strategy, bars, _params(strategy, **params), split=700, settings=wfo.Settings(**settings)
    )


def _entries(found: wfo.Simulation) -> int:
    """All entries of a simulation with fractions of shares: the closed ones and the open one."""
    still = len(found.trades) == 0 or found.equity[-1] != pytest.approx(
        found.equity[0] + found.trades["pnl"].sum(), rel=1e-12
    )
    return len(found.trades) + bool(still and (found.equity != found.equity[0]).any())


@pytest.mark.parametrize("strategy", [LONG, BOTH, HULL])
@pytest.mark.parametrize("sizing", ["compound", "fixed"])
def test_all_entries_are_counted_where_no_lot_can_be_bought(
    bars: pl.DataFrame, strategy: str, sizing: str
) -> None:
    free = _simulated(bars, strategy, BUSY, sizing=sizing)
    assert len(free.trades) > 20
    assert free.unfilled is None
    costly = _simulated(bars, strategy, BUSY, sizing=sizing, lot_size=1e5, slip=0.001, fee=0.002)
    assert costly.trades.is_empty()
    found = costly.unfilled
    assert found is not None
    assert (found.count, found.lot_size, found.equity) == (_entries(free), 1e5, 100_000.0)
    assert found.all
    # What a long costs at its fill, a short sells for.
    lots = [
        1e5 * (p * 1.001 * 1.002 if side == "long" else p * 0.999)
        for side, p in free.trades.select("side", "entry_price").iter_rows()
    ]
    assert found.lot_cost == pytest.approx(min(lots), rel=1e-12)
    assert f"{found.count} of {found.count} entries below one lot" in repr(costly)


def test_engines_count_the_same_entries(bars: pl.DataFrame) -> None:
    used = wfo.Settings(lot_size=100_000 / float(bars["close"].median()), sizing="fixed")
    given = BOTH, bars, _params(BOTH, **BUSY)
    direct, factored = (
        wfo.simulate(*given, split=700, settings=used, engine=engine).unfilled
        for engine in ("direct", "factored")
    )
    assert direct == factored
    assert direct is not None
    assert 0 < direct.count < direct.entries


@pytest.mark.parametrize("strategy", [LONG, BOTH, HULL])
def test_entries_that_buy_and_entries_that_do_not_are_all_entries(
    bars: pl.DataFrame, strategy: str
) -> None:
    """A lot that the capital pays for at first only: the price doubles, what is put in does not."""
    free = _simulated(bars, strategy, BUSY, sizing="fixed")
    dear = float(free.trades["entry_price"].median())
    own = _simulated(bars, strategy, BUSY, sizing="fixed", lot_size=100_000 / dear)
    found = own.unfilled
    assert found is not None
    assert not found.all
    assert found.entries == _entries(free)
    assert found.count + _entries(own) == found.entries
    assert found.equity < found.lot_cost
    # Each of the entries with fractions has bought, or was too dear for what there was.
    bought = set(own.trades["entry_bar"].to_list())
    lost = free.trades.filter(~pl.col("entry_bar").is_in(list(bought)))
    assert found.count - len(lost) in {0, 1}, "one more may be open after the last bar"


def test_an_entry_that_is_open_after_the_last_bar_is_counted(bars: pl.DataFrame) -> None:
    """A stop so wide that nothing is ever sold."""
    held = BUSY | {"atr_multiplier": 400.0}
    free = _simulated(bars, LONG, held, max_stop_atr=400.0, slip=0.001, fee=0.001)
    assert free.trades.is_empty()
    assert free.equity[-1] != free.equity[0]
    found = _simulated(
        bars, LONG, held, max_stop_atr=400.0, slip=0.001, fee=0.001, lot_size=2_000.0
    ).unfilled
    assert found is not None
    assert (found.count, found.entries, found.equity) == (1, 1, 100_000.0)
    # The fill follows from the marks: all the capital went into the shares.
    bar = int(np.flatnonzero(free.equity != free.equity[0])[0])
    cost = 100_000.0 * float(bars["close"][bar]) / float(free.equity[bar])
    assert found.lot_cost == pytest.approx(2_000.0 * cost, rel=1e-12)
    assert bars["low"][bar] * 1.002 < cost < bars["high"][bar] * 1.0021


@pytest.mark.parametrize("strategy", [LONG, BOTH])
@pytest.mark.parametrize("lot_size", [0.0, 1.0, 1e6])
def test_parameters_that_never_enter_claim_no_entries(
    bars: pl.DataFrame, strategy: str, lot_size: float
) -> None:
    found = _simulated(bars, strategy, NEVER, lot_size=lot_size)
    assert found.trades.is_empty()
    assert found.unfilled is None
    assert "below one lot" not in repr(found)


def test_lots_that_are_always_paid_for_are_not_mentioned(bars: pl.DataFrame) -> None:
    assert _simulated(bars, LONG, BUSY, lot_size=1.0).unfilled is None


def _made(equity: list[float], trades: list[tuple[int, int]]) -> wfo.Simulation:
    """Return a simulation of shorts at a price of 10, by the bars of entry and exit."""
    rows = {
        "side": ["short"] * len(trades),
        "entry_bar": [first for first, _ in trades],
        "entry_price": [10.0] * len(trades),
        "exit_bar": [last for _, last in trades],
        "exit_price": [10.0] * len(trades),
        "pnl": [0.0] * len(trades),
    }
    figures = (0.0, 0.0, 0.0, 0.0, 0, 0)
    return wfo.Simulation(pl.DataFrame(rows), np.array(equity), *figures, bounds=(1, 3, 6))


@pytest.mark.parametrize(
    ("equity", "count"),
    [
        # The second entry finds less than the 10 that a lot costs.
        ([100.0, 100.0, 8.0, 8.0, 8.0, 8.0], 1),
        # Or nothing: trading has ended, whatever a lot costs.
        ([100.0, 100.0, -8.0, -8.0, -8.0, -8.0], 0),
        # Or enough: there is another reason why it is missing, of a strategy that looks at money.
        ([100.0, 100.0, 9.0, 10.0, 10.0, 10.0], 0),
    ],
)
def test_only_what_a_lot_was_too_dear_for_is_blamed_on_lots(
    equity: list[float], count: int
) -> None:
    own = _made(equity, [(1, 2)])
    own = dataclasses.replace(
        own, trades=own.trades.with_columns(pl.lit(equity[-1] - 100.0).alias("pnl"))
    )
    free = _made([100.0] * 6, [(1, 2), (4, 5)])
    prices = Prices(*(np.full(6, 10.0) for _ in Prices._fields))
    found = unfilled(own, prices, wfo.Settings(lot_size=1.0), lambda: free, shorts=True)
    assert (0 if found is None else found.count) == count
    if found is not None:
        assert found == Unfilled(1, 2, 1.0, 10.0, 8.0)


# Pages


@pytest.fixture(scope="module")
def store(bars: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the symbol, a thousand times as dear."""
    prices = ("open", "high", "low", "close")
    dear = bars.with_columns(pl.col(name) * 1_000 for name in prices)
    folder = tmp_path_factory.mktemp("store")
    DataStore(folder).save("DEAR", "1day", dear, BarsOrigin("made up"))
    return folder


@pytest.fixture
def call(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Calls a command on the store, and returns what it prints, with single blanks."""
    monkeypatch.chdir(tmp_path)

    def called(command: str, *options: str) -> str:
        given = [command, "--symbol", "DEAR", "--data-dir", str(store), *options]
        done = CliRunner().invoke(cli, given)
        assert done.exit_code == 0, done.output
        return " ".join(done.stdout.split())

    return called


def _set(params: dict[str, float]) -> list[str]:
    return [word for name, value in params.items() for word in ("--set", f"{name}={value:g}")]


@pytest.mark.parametrize("strategy", [LONG, BOTH])
def test_a_simulation_says_that_no_lot_could_be_bought(
    call: Callable[..., str], strategy: str
) -> None:
    said = call(
        "simulate", "--strategy", strategy, *_set(BUSY), "--split", "2018-01-01", "--lot-size", "2"
    )
    assert "No trades were closed." in said
    assert "entries took place, and no lot could be bought: one lot of 2 cost" in said
    assert "and there was 100,000.00 to pay for it." in said
    assert "More capital (--capital) or a smaller lot (--lot-size" in said
    assert "The capital does not pay for one lot of it" in said


def test_a_simulation_counts_the_entries_that_could_buy_no_lot(call: Callable[..., str]) -> None:
    said = call(
        "simulate", "--strategy", LONG, *_set(BUSY), "--split", "2018-01-01", "--lot-size", "1",
        "--capital", "150000", "--sizing", "fixed",
    )  # fmt: skip
    assert " entries could buy no lot: the cheapest lot of 1 that was out of reach cost" in said
    assert "entries took place" not in said


def test_a_simulation_that_never_enters_says_no_such_thing(call: Callable[..., str]) -> None:
    said = call(
        "simulate", "--strategy", LONG, *_set(NEVER), "--split", "2018-01-01", "--lot-size", "2"
    )
    assert "No trades were closed." in said
    assert "could be bought" not in said
    assert "could buy no lot" not in said


_GRID = """
atr_d_l:
  atr_period: [5]
  atr_multiplier: [2, 3]
  atr_buy_period: [5]
  atr_buy_multiplier: [{offsets}]
"""


@pytest.mark.parametrize(
    ("offsets", "options", "idle", "missing"),
    [
        ("0.5, 500", ["--lot-size", "2"], True, False),
        ("0.5, 500", ["--lot-size", "1", "--capital", "160000", "--sizing", "fixed"], False, True),
        ("500", ["--lot-size", "2"], False, False),
        ("0.5, 500", ["--lot-size", "0.01"], False, False),
        ("0.5, 500", [], False, False),
    ],
)
def test_a_run_says_what_its_lots_did(
    call: Callable[..., str],
    tmp_path: Path,
    offsets: str,
    options: list[str],
    idle: bool,
    missing: bool,
) -> None:
    grid = tmp_path / "small.yaml"
    grid.write_text(_GRID.format(offsets=offsets), "utf-8")
    said = call(
        "run", "--strategy", LONG, "--grid", str(grid), "--windows", "sixty-forty", *options
    )
    assert (
        "Entries took place, and no lot could be bought: 2 combinations (of all 4) enter" in said
    ) == idle
    assert (
        "Some entries could buy no lot: 2 of the 2 combinations that enter (of all 4)" in said
    ) == missing
    first, second, *_ = said.split(". ")
    # The price doubles, what is put into a trade does not.
    head = {(True, False): ", though", (False, True): " in phase 3, though"}.get((idle, missing))
    assert "stable" in first
    assert second.startswith(f"NO LOT COULD BE BOUGHT{head}") == (head is not None)
    assert ("More capital (--capital) or a smaller lot" in said) == (idle or missing)
    assert ("Next, see what there is with fractions of shares: wfo" in said) == (idle or missing)
    assert said.endswith("--lot-size 0") == (idle or missing)


def test_the_phases_of_a_run_say_which_of_them_could_buy_no_lot(
    call: Callable[..., str], tmp_path: Path
) -> None:
    grid = tmp_path / "small.yaml"
    grid.write_text(_GRID.format(offsets="0.5"), "utf-8")
    said = call(
        "run", "--strategy", LONG, "--grid", str(grid), "--lot-size", "1", "--capital", "130000",
        "--sizing", "fixed", "--wfe", "0", "--dd-ratio", "1000", "--min-phases", "1",
    )  # fmt: skip
    assert " none of them trades a share. One lot of 1 was worth" in said
    scored = " ".join(
        CliRunner().invoke(cli, ["rescore", str(tmp_path / "results" / "DEAR")]).stdout.split()
    )
    for page in (said, scored):
        head, _, _ = page.partition("What was assumed")
        assert re.search(r"NO LOT COULD BE BOUGHT in phases? \d", head)
    done = CliRunner().invoke(cli, ["simulate", str(tmp_path / "results" / "DEAR")])
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    found = re.search(r"Phases ([\d, ]+): (\d+) of (\d+) entries could buy no lot", text)
    assert found is not None, text
    numbers = [int(n) for n in found[1].split(",")]
    assert numbers == sorted(numbers)
    assert int(found[2]) < int(found[3])


def test_buy_and_hold_says_that_it_could_buy_no_lot(bars: pl.DataFrame) -> None:
    costs = {"slip": 0.01, "fee": 0.02}
    given = wfo.Settings(lot_size=2_000.0, **costs)
    held = wfo.buy_and_hold(bars, split=700, settings=given)
    cost = 2_000.0 * float(bars["open"][100]) * 1.01 * 1.02
    assert cost > 100_000.0
    assert held.unfilled is not None
    assert held.unfilled.lot_cost == pytest.approx(cost, rel=1e-12)
    assert (held.unfilled.count, held.unfilled.entries, held.unfilled.equity) == (1, 1, 100_000.0)
    assert wfo.buy_and_hold(bars, split=700, settings=wfo.Settings(**costs)).unfilled is None


def test_a_function_in_python_is_simulated_with_fractions_too(bars: pl.DataFrame) -> None:
    """It buys at the open of the first trading bar, sells ten bars later, and buys again."""
    strategy = Strategy(
        "twice",
        "Buys twice.",
        (Parameter("wait", "int", 1, 100, "bars"),),
        PythonKernel(f"{__name__}:twice"),
        lambda _: 1,
    )
    opened = bars["open"].to_list()
    dear = opened[100] * 1.001

    def found(wait: int, size: float) -> Unfilled | None:
        used = wfo.Settings(capital=dear, lot_size=size)
        given: dict[str, Any] = {"split": 700, "settings": used, "engine": "auto"}
        return wfo.simulate(strategy, bars, {"wait": wait}, **given).unfilled

    lacking = set()
    for wait in (3, 10, 25, 50):
        left = dear + opened[100 + wait] - opened[100]
        lacking.add(left < opened[100 + 2 * wait])
        own = found(wait, 1.0)
        assert (own is not None) == (left < opened[100 + 2 * wait])
        assert own is None or (own.count, own.entries) == (1, 2)
        both = found(wait, 2.0)
        assert both is not None
        assert (both.count, both.entries) == (2, 2)
        assert found(wait, 0.0) is None
    assert lacking == {True, False}


def twice(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Hold for some bars, wait for as many, and buy once more."""
    prices = feeds["bars"]
    wait = sets[0][1][0]
    equity = np.full(len(prices["close"]), settings.capital)
    money, trades, since = settings.capital, [], -1
    for entry in (warmup, warmup + 2 * wait):
        price = prices["open"][entry]
        shares = money / price
        if settings.lot_size:
            shares = np.floor(shares / settings.lot_size) * settings.lot_size
        last = entry == warmup + 2 * wait
        stop = len(equity) if last else entry + wait
        equity[entry:stop] = money + shares * (prices["close"][entry:stop] - price)
        if last:
            since = entry if shares else -1
            break
        pnl = shares * (prices["open"][stop] - price)
        money += pnl
        equity[stop:] = money
        if shares:
            trades.append((1, entry, price, stop, prices["open"][stop], pnl))
    return Walk(trades, equity, since)


def test_unfilled_entries_know_whether_they_are_all() -> None:
    assert Unfilled(3, 3, 1.0, 120.0, 100.0).all
    assert not Unfilled(2, 3, 1.0, 120.0, 100.0).all


def test_random_simulations_account_for_every_entry() -> None:
    """With any lot, what was bought and what was not are the entries with fractions of shares."""
    seen = 0
    for seed in range(40):
        bars = random_bars(np.random.default_rng(seed), 400)
        free = _simulated_free(bars, lot_size=0.0)
        lots = _simulated_free(bars, lot_size=100_000 / float(bars["close"][200]))
        if lots.equity[-1] <= 0 or free.equity[-1] <= 0:
            continue
        lacking = 0 if lots.unfilled is None else lots.unfilled.count
        closed = len(free.trades) - len(lots.trades)
        assert lacking - closed in {0, 1}, seed
        seen += lacking > 0
    assert seen > 10


def _simulated_free(bars: pl.DataFrame, lot_size: float) -> wfo.Simulation:
    settings = wfo.Settings(lot_size=lot_size)
    return wfo.simulate(BOTH, bars, _params(BOTH, **BUSY), split=250, settings=settings)


@pytest.mark.parametrize("lot", [5e-324, 1e-309, 9e-13, -1.0])
def test_lots_too_small_for_numbers_of_them_are_refused(lot: float) -> None:
    with pytest.raises(wfo.InputError, match=r"lot_size = .* at least 1e-12"):
        wfo.Settings(lot_size=lot)


def test_buy_and_hold_without_a_lot_holds_nothing() -> None:
    idle = held_metrics(
        np.full(10, 100.0),
        [dt.date(2024, 1, day) for day in range(1, 11)],
        warmup=2,
        split=6,
        bars_per_year=252,
        idle=True,
    )
    assert (idle.in_sample.exposure, idle.out_of_sample.exposure) == (0.0, 0.0)


def test_only_lots_leave_capital_in_cash() -> None:
    """A part that begins at nothing has no relative drawdown, which is not equal to itself."""
    held = Held(-100.0, 0.0, 100.0, 0.0, 1.0, math.nan)
    again = dataclasses.replace(held, oos_dd_share=float("nan"))
    assert not Benchmark(100.0, 10, 10, 252.0, held, again).leaves_cash
    whole = dataclasses.replace(held, is_pnl=-90.0)
    assert Benchmark(100.0, 10, 10, 252.0, held, whole).leaves_cash
