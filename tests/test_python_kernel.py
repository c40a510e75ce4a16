"""Kernels in Python: what they are given, and what the package counts of what they return."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from cases import case
from parity import differences, extended_differences
from strategies import strategy

import wfo
from wfo.backtest import Evaluator, read_feeds
from wfo.backtest.checks import Labels
from wfo.backtest.figures import NAMES
from wfo.backtest.recount import Records, recount
from wfo.errors import EngineError
from wfo.strategy import PythonKernel, Walk

DAYS = [dt.date(2000, 1, 1) + dt.timedelta(k) for k in range(8)]
BARS = pl.DataFrame(
    {"date": DAYS} | {name: [10.0, 11, 12, 11, 13, 12, 14, 15] for name in wfo.bars.Prices._fields}
)

#: What the last call of `hand` was given.
GIVEN: list[Any] = []

#: What `hand` returns: a long over the boundary, a reversal in bar 6, a short that stays open.
HAND = Walk(
    trades=[(1, 2, 12.0, 3, 11.0, -10.0), (1, 4, 13.0, 6, 14.0, 30.0)],
    equity=np.array([100.0, 100, 99, 90, 95, 85, 110, 80]),
    open_since=6,
    reversals=[(6, 120.0)],
)


def hand(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    GIVEN[:] = feeds, sets, settings, warmup
    return HAND


#: What cannot be of it, and what is said of that.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"equity": np.ones(7)}, r"marks of shape \(7,\), not \(8,\)"),
    ({"equity": np.full(8, np.nan)}, "a mark that is no number"),
    ({"equity": np.full(8, 99.0)}, "a mark before the first trading bar"),
    ({"trades": [(0, 2, 1, 3, 1, 1)]}, "neither long"),
    ({"trades": [(1, 1, 1, 3, 1, 1)]}, "a trade outside"),
    ({"trades": [(1, 2, 1, 8, 1, 1)]}, "a trade outside"),
    ({"trades": [(1, 4, 1, 3, 1, 1)]}, "ends before it begins"),
    ({"trades": [(1, 2, 1, 5, 1, 1), (1, 2, 1, 4, 1, 1)]}, "in the order of their exits"),
    ({"reversals": [(5, 1), (4, 1)]}, "reversals that are not in order"),
    ({"open_since": 8}, "open_since = 8, which is no trading bar"),
]


def wrong(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Return what cannot be; which of it, the first parameter says."""
    ((_, (number, _)),) = sets
    change, _ = WRONG[number]
    return HAND._replace(**change)


def own(function: str = "hand", **more: Any) -> wfo.Strategy:
    kernel = PythonKernel(f"test_python_kernel:{function}")
    return strategy("fast", "slow", kernel=kernel, lookback=lambda values: 1, **more)


CALL: dict[str, Any] = {"split": 5, "warmup": 2, "engine": "python"}
CAPITAL = wfo.AccountSettings(capital=100)


def test_figures_are_counted_by_hand() -> None:
    labels = [7, 7, 0, 1, 0, 1, 0, 1]
    params = {"fast": 1, "slow": 2}
    sim = wfo.simulate(own(), BARS, params, **CALL, settings=CAPITAL, labels=labels)
    wanted = {
        "is_pnl": -5, "oos_pnl": -15, "is_dd": 10, "oos_dd": 40, "is_trades": 1, "oos_trades": 1,
        "is_wins": 0, "is_losses": 1, "is_gross_profit": 0, "is_gross_loss": -10,
        "is_largest_win": 0, "is_largest_loss": -10, "is_long_losses": 1, "is_short_losses": 0,
        "oos_wins": 1, "oos_losses": 0, "oos_gross_profit": 30, "oos_largest_win": 30,
        "oos_long_wins": 1, "oos_short_wins": 0, "oos_largest_loss": 0,
        # Bars 2 and 4; 5, and the short in 6 and 7.
        "is_bars_held": 2, "oos_bars_held": 3,
        # From 100 to 90; from 120 at the reversal's fill to 80.
        "is_dd_share": 0.1, "oos_dd_share": 1 / 3,
        "is_sum_r": (99 / 100 - 1) + (90 / 99 - 1) + (95 / 90 - 1),
        "oos_sum_down2": (85 / 95 - 1) ** 2 + (80 / 110 - 1) ** 2,
    }  # fmt: skip
    found = sim.figures
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-12)
    assert tuple(found) == NAMES
    r = HAND.equity[2:] / HAND.equity[1:-1] - 1
    assert sim.label_sum_r == pytest.approx([r[0::2].sum(), r[1::2].sum()])
    assert sim.label_sum_r2 == pytest.approx([(r[0::2] ** 2).sum(), (r[1::2] ** 2).sum()])
    assert sim.trades["side"].to_list() == ["long", "long"]
    assert sim.trades["exit_date"].to_list() == [DAYS[3], DAYS[6]]


def test_marks_that_are_not_above_0() -> None:
    equity = np.array([100.0, 100, 50, -20, 10, 0, 5, 6])
    none, nothing = np.empty(0, np.int64), np.empty(0)
    records = Records(none, none, none, nothing, equity, none, nothing)
    found = recount(records, 2, 5, Labels(np.array([0, 0, 0, 1, 1, 1, 1, 0]), 3))
    assert found["is_dd"] == 120
    assert found["is_dd_share"] == 1.2
    assert math.isnan(found["is_sum_r"])
    assert math.isnan(found["is_sum_down2"])
    assert math.isnan(found["oos_sum_r2"])
    assert found["oos_dd_share"] == 1
    assert found["label_sum_r"] == pytest.approx([-0.5 + 6 / 5 - 1, math.nan, 0], nan_ok=True)
    # A part that starts from such a mark has no shares of it either.
    assert math.isnan(recount(records, 2, 4)["oos_dd_share"])


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", ["atr_d_l", "atr_d_ls"])
def test_a_recount_is_what_the_core_counts(name: str, seed: int) -> None:
    c = case(seed, name)
    labels = np.arange(len(c.bars)) % 3
    wanted = c.simulate("direct", labels=labels)
    held = wanted.is_bars_held + wanted.oos_bars_held
    closed = (wanted.trades["exit_bar"] - wanted.trades["entry_bar"]).sum()
    assert wanted.reversals is not None
    assert wanted.label_sum_r is not None
    records = Records(
        np.where(wanted.trades["side"] == "long", 1, -1),
        *(wanted.trades[n].to_numpy() for n in ("entry_bar", "exit_bar", "pnl")),
        wanted.equity,
        *wanted.reversals,
        # What is open at the end has been so since its entry.
        len(c.bars) - int(held - closed) if held > closed else -1,
    )
    found = recount(records, c.warmup, c.split, Labels(labels, len(wanted.label_sum_r)))
    again = dataclasses.replace(
        wanted,
        **{name: found.pop(name) for name in [*NAMES[:6], "label_sum_r", "label_sum_r2"]},
        extended=found,
    )
    assert differences(wanted, again) == []
    assert extended_differences(wanted, again) == []


def test_what_the_function_is_given() -> None:
    sets = [(DAYS[0], {"fast": 1, "slow": 2}), (DAYS[4], {"fast": 3, "slow": 4})]
    wfo.simulate(own(), BARS, sets, **CALL, settings=CAPITAL)
    feeds, given, settings, warmup = GIVEN
    assert feeds["bars"]["close"].tolist() == BARS["close"].to_list()
    assert given == [(2, (1, 2)), (4, (3, 4))]
    assert (settings, warmup) == (CAPITAL, 2)
    # A phase of a sweep ends where its bars do.
    read = read_feeds(own(), BARS)
    Evaluator(own(), read, {"fast": [5, 6], "slow": 7}, [(1, 3, 8)], CAPITAL).range(1, 2)
    feeds, given, *_ = GIVEN
    assert (given, type(given[0][1][0]), len(feeds["bars"]["open"])) == ([(1, (6, 7))], int, 8)


def test_a_sweep_goes_through_sets_and_phases() -> None:
    read = read_feeds(own(), BARS)
    grid = {"fast": [1, 2], "slow": [3, 4]}
    two = Evaluator(own(), read, grid, [(2, 5, 8), (2, 4, 8)], CAPITAL, figures="extended")
    one, other = two.range(1, 4)
    assert one.is_pnl.tolist() == [-5.0] * 3
    assert other.is_pnl.tolist() == [-10.0] * 3
    assert (one.oos_bars_held.dtype, one.oos_bars_held.tolist()) == (np.uint32, [3] * 3)
    (stored, _) = two.list([0], stored=True)
    assert (stored.is_pnl.dtype, stored.is_trades.dtype) == (np.float32, np.uint16)


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_cannot_be_is_refused(number: int) -> None:
    _, message = WRONG[number]
    match = f"kernel test_python_kernel:wrong returns .*{message}"
    with pytest.raises(EngineError, match=match):
        wfo.simulate(own("wrong"), BARS, {"fast": number, "slow": 2}, **CALL, settings=CAPITAL)


def test_a_function_that_is_missing_says_so() -> None:
    for function, message in (
        ("test_python_kernel:missing", "test_python_kernel has no function 'missing'"),
        ("tests.nowhere:walk", r"tests\.nowhere cannot be imported"),
    ):
        lost = own(name="lost")
        lost = dataclasses.replace(lost, kernel=PythonKernel(function))
        with pytest.raises(EngineError, match=message):
            wfo.simulate(lost, BARS, {"fast": 1, "slow": 2}, **CALL)
    with pytest.raises(wfo.InputError, match="'module:function', not 'walk'"):
        PythonKernel("walk")


def test_engines_have_a_name_each() -> None:
    more = PythonKernel("test_python_kernel:hand", engines=("other",))
    both = own(reference=(more, PythonKernel("test_python_kernel:hand", engines=("third",))))
    assert [k.engines for k in both.kernels] == [("python",), ("other",), ("third",)]
    params = {"fast": 1, "slow": 2}
    sims = [
        wfo.simulate(both, BARS, params, **(CALL | {"engine": e}), settings=CAPITAL)
        for e in ("python", "other", "third")
    ]
    assert differences(sims[0], sims[1]) == differences(sims[0], sims[2]) == []
    with pytest.raises(wfo.InputError, match=r"engines \['python', 'python'\]; each needs a name"):
        own(reference=PythonKernel("test_python_kernel:hand"))
