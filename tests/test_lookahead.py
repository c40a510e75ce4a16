"""Strategies that look ahead are found, with the column, the bar and the user's line."""

from __future__ import annotations

import inspect
import itertools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from calling import call_cli

import wfo
from wfo import InputError
from wfo.backtest import short_checks
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.lookahead import check_lookahead
from wfo.backtest.own_bar import first_peek
from wfo.backtest.short_checks import quick_check
from wfo.rules.checking import Leak, changed, first_leak
from wfo.rules.parts import program_of
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk, get_strategy
from wfo.strategy.registry import separate
from wfo.testing import random_bars

BARS = random_bars(np.random.default_rng(7), 400)

CHANCE = itertools.count()


@wfo.indicator(lookback=0)
def tomorrow(column: Any) -> Any:
    return np.append(column[1:], column[-1])


@wfo.indicator(lookback=0)
def share_of_all(column: Any) -> Any:
    return column / column.max()


@wfo.indicator(lookback=0)
def on_fridays(column: Any) -> Any:
    """Return the average of five bars in all of them."""
    found = column.copy()
    for start in range(0, len(column) - 4, 5):
        found[start : start + 5] = column[start : start + 5].mean()
    return found


@wfo.indicator(lookback=0)
def unknown_at_the_end(column: Any) -> Any:
    found = column.copy()
    found[:-1][column[1:] > column[:-1]] = np.nan
    return found


@wfo.indicator(lookback=0)
def anything(column: Any) -> Any:
    return column + next(CHANCE)


@wfo.indicator(lookback=lambda length: length - 1)
def rounded_otherwise(column: Any, length: int) -> Any:
    """Return an average of prefix sums, whose last bits depend on how many bars there are."""
    blank = 1.0 + 1e-15 * len(column)
    sums = np.cumsum(np.concatenate([[0.0], column]))
    average = (sums[length:] - sums[:-length]) / length
    return np.concatenate([np.full(length - 1, np.nan), average]) * blank


def rules(function: Any) -> Strategy:
    """Return rules that compare what a function makes of the close with the close."""

    class Own(wfo.Rules):
        length = wfo.Int(2, 9)

        def rules(self, x: Any) -> Any:
            numbers = [self.length] if function is rounded_otherwise else []
            made = function(x.close, *numbers)
            honest = x.sma(x.close, self.length)
            return wfo.orders(
                long=x.at_open((made > x.close) & (honest > 0)), exit_long=x.after(self.length)
            )

    return get_strategy(Own)


def leak(function: Any, cuts: tuple[int, ...] = (100, 199)) -> Leak | None:
    strategy = rules(function)
    program = program_of(strategy)
    assert program is not None
    feeds = read_feeds(strategy, BARS)
    return first_leak(program, feeds, [4], cuts, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("function", "bar"),
    [(tomorrow, 99), (share_of_all, 0), (on_fridays, 195), (unknown_at_the_end, None)],
)
def test_a_column_that_knows_is_named_with_bar_and_line(function: Any, bar: int | None) -> None:
    found = leak(function)
    assert found is not None
    assert (found.column, found.function) == (f"{function.__name__}(close)", function.__name__)
    assert bar is None or found.bar == bar
    assert found.bar < found.cut
    line = inspect.getsourcelines(function.__wrapped__)[1]
    file, _, number = found.site.rpartition(":")
    assert Path(file).name == "test_lookahead.py"
    # The decorator's line or that of the function below it.
    assert int(number) - line in (0, 1)


def test_what_is_something_else_each_time_is_told_apart() -> None:
    found = leak(anything)
    assert found is not None
    assert (found.bar, found.cut, found.replaced) == (0, len(BARS), False)
    with pytest.raises(InputError, match="when it is computed again from the same bars"):
        quick_check(rules(anything), read_feeds(rules(anything), BARS), {"length": 4})


def test_rounding_is_no_look_ahead() -> None:
    assert leak(rounded_otherwise) is None


def test_changed_bars_are_bars() -> None:
    strategy = rules(tomorrow)
    feeds = read_feeds(strategy, BARS)
    other = changed(feeds, 150, np.random.default_rng(1))["bars"]
    for name, column in feeds["bars"].items():
        assert other[name][:150].tolist() == column[:150].tolist()
        assert (other[name][150:] != column[150:]).mean() > 0.9
    assert (other["low"] <= np.minimum(other["open"], other["close"])).all()
    assert (other["high"] >= np.maximum(other["open"], other["close"])).all()


def test_a_run_of_rules_that_know_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy, grid = rules(tomorrow), {"length": [2, 4]}
    for call in (
        lambda: wfo.simulate(strategy, BARS, {"length": 4}, split=300),
        lambda: wfo.sweep(strategy, BARS, grid, split=300),
        lambda: wfo.walk_forward(strategy, BARS, grid, in_sample="6m", out_of_sample="3m"),
    ):
        with pytest.raises(InputError, match=r"test_lookahead\.py:\d+: tomorrow\(close\), by tom"):
            call()
    # What has passed is not looked at again, and what has no function of the user's never.
    honest = rules(rounded_otherwise)
    feeds = read_feeds(honest, BARS)
    quick_check(honest, feeds, wfo.Grid({"length": [2, 9]}, strategy=honest))
    monkeypatch.setattr(short_checks, "first_leak", None)
    quick_check(honest, feeds, {"length": 3})
    for name in ("atr_d_l", "SmaCross"):
        strategy = get_strategy(name if name == "atr_d_l" else wfo.examples.SmaCross)
        quick_check(strategy, read_feeds(strategy, BARS), dict.fromkeys(strategy.names, 2))


def clairvoyant(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Hold a share over each bar that will close higher."""
    close = feeds["bars"]["close"]
    equity, trades = [settings.capital] * warmup, []
    for t in range(warmup, len(close)):
        gain = 0.0
        if t + 1 < len(close) and close[t + 1] > close[t]:
            gain = 1.0
            trades.append((1, t, close[t] - 1, t, close[t], gain))
        equity.append(equity[-1] + gain)
    return Walk(trades, np.array(equity))


def honest(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Hold a share over each bar that closes higher than it opens."""
    rises = (feeds["bars"]["close"] > feeds["bars"]["open"]).cumsum()
    rises = np.where(np.arange(len(rises)) < warmup, 0.0, rises)
    return Walk([], settings.capital + rises)


@pytest.mark.parametrize("name", ["clairvoyant", "honest"])
def test_trades_of_any_strategy_are_looked_at(name: str) -> None:
    strategy = Strategy(
        name="own",
        title="A function.",
        parameters=(Parameter("length", "int", 1, 9, "unused"),),
        kernel=PythonKernel(f"{__name__}:{name}"),
        lookback=lambda values: 5,
    )
    grid = wfo.Grid({"length": [1, 2, 3]}, strategy=strategy)
    checked = check_lookahead(strategy, read_feeds(strategy, BARS), grid, sets=2, cuts=3, seed=4)
    assert (checked.columns, checked.seed, len(checked.sets)) == (0, 4, 2)
    if name == "honest":
        assert checked.found is None
        return
    assert checked.found is not None
    assert checked.found.bar == checked.found.cut - 1
    assert "own looks ahead: what it has traded by" in checked.page()


def by_close_of(own: int) -> Any:
    """Return a kernel that holds after a rise: to the close before a bar, or to the bar's own."""

    @wfo.kernel(length=wfo.Int(2, 9), lookback=lambda values: int(max(values["length"])) + 1)
    def follows(bars, sets, start, fills):  # type: ignore[no-untyped-def]  # compiled functions
        for k in range(sets.length.size):
            side, stop = start.side, 0.0
            for t in range(start.bar, bars.close.size):
                until = t - 1 + own
                rises = bars.close[until] > bars.close[until - sets.length[k]]
                if rises != (side == 1):
                    side = 1 if rises else 0
                    fills.add(k, t, bars.open[t], side)
                    stop = bars.open[t] * 0.98
                if side == 1 and bars.low[t] <= stop:
                    side = 0
                    fills.add(k, t, min(stop, bars.open[t]), 0)

    return follows


def test_a_fill_at_the_open_that_knows_its_own_bar() -> None:
    pytest.importorskip("numba")
    for own in (0, 1):
        kernel = by_close_of(own)
        strategy = get_strategy(kernel)
        feeds, grid = read_feeds(strategy, BARS), wfo.Grid({"length": [2, 5]}, strategy=strategy)
        # Closes before and after do not tell: the fill is in the bar that it knows.
        checked = check_lookahead(strategy, feeds, grid, sets=2, cuts=4)
        if own == 0:
            assert checked.found is None
            assert "No fill at an open changed" in checked.page()
            wfo.sweep(kernel, BARS, grid, split=300)
            continue
        assert checked.found is not None
        bar, stamp = checked.found.bar, str(BARS["date"][checked.found.bar])
        said = f"a fill at the open of {stamp} (bar {bar}) knows the rest of its own bar"
        assert said in checked.page()
        for call in (
            lambda: wfo.sweep(kernel, BARS, grid, split=300),  # noqa: B023  # called at once
            lambda: wfo.simulate(kernel, BARS, {"length": 4}, split=300),  # noqa: B023
        ):
            with pytest.raises(InputError, match=r"test_lookahead\.py:\d+: follows looks ahead: a"):
                call()


@pytest.mark.parametrize("what", ["a long entry", "a long exit"])
def test_entries_and_exits_at_an_open_are_told_apart(what: str) -> None:
    """A function in Python whose entry, or exit, alone knows the close of its bar."""

    def simulate(feeds: Feeds) -> Any:
        start, close = feeds["bars"]["open"], feeds["bars"]["close"]
        rises = close > start
        rows, since = [], -1
        for t in range(10, len(close)):
            if since < 0 and (rises[t] if what == "a long entry" else rises[t - 1]):
                since = t
            elif since >= 0 and (rises[t] if what == "a long exit" else t - since == 3):
                rows.append((1, since, start[since], t, start[t]))
                since = -1
        names = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price")
        columns = (np.array(column) for column in zip(*rows, strict=True))
        trades = dict(zip(names, columns, strict=True))
        return SimpleNamespace(trades=trades, equity=np.arange(len(close), dtype=float))

    peek = first_peek(
        simulate, read_feeds(get_strategy("atr_d_l"), BARS), 10, 40, np.random.default_rng(3)
    )
    assert peek is not None
    assert peek.what == what


def test_too_few_bars_and_wrong_numbers_are_refused() -> None:
    strategy = rules(tomorrow)
    feeds = read_feeds(strategy, BARS)
    grid = wfo.Grid({"length": [2]}, strategy=strategy)
    few = Feeds({"bars": {name: column[:4] for name, column in feeds["bars"].items()}})
    with pytest.raises(InputError, match="4 bars are too few"):
        check_lookahead(strategy, few, grid)
    wrong: list[dict[str, Any]] = [{"sets": 0}, {"cuts": 0}, {"seed": -1}]
    for given in wrong:
        with pytest.raises(InputError, match="must be"):
            check_lookahead(strategy, feeds, grid, **given)


OWN = """
import numpy as np
import wfo


@wfo.indicator(lookback=0)
def peeks(column):
    return np.append(column[1:], column[-1])


class Peeking(wfo.Rules):
    length = wfo.Int(2, 5)

    def rules(self, x):
        return wfo.orders(long=x.at_open(peeks(x.close) > x.close), exit_long=x.after(self.length))


class Plain(wfo.Rules):
    length = wfo.Int(2, 5)

    def rules(self, x):
        return wfo.orders(long=x.at_open(x.close > x.open), exit_long=x.after(self.length))
"""


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    wanted = ["--symbol", "NASDAQ", "--sets", 2, "--cuts", 2, "--data-dir", tmp_path / "none"]
    with separate():
        _checks(file, wanted, tmp_path)


def _checks(file: Path, wanted: list[Any], tmp_path: Path) -> None:
    found = call_cli("check", f"{file}:Peeking", *wanted)
    assert found.code == 1
    assert "Peeking looks ahead" in found.err
    said = r"mine\.py:[67]: peeks\(close\), by peeks, looks ahead: at \d{4}-\d\d-\d\d it is"
    assert re.search(said, found.text)
    assert "seed 0" in found.text
    assert "length 2" in found.text
    run = ["run", "--strategy", f"{file}:Peeking", "--symbol", "NASDAQ", "--no-fetch"]
    started = call_cli(*run, "--out", tmp_path / "results", "--data-dir", tmp_path / "none")
    assert started.code == 1
    assert "peeks(close), by peeks, looks ahead" in started.err
    assert not (tmp_path / "results").exists()
    found = call_cli("check", f"{file}:Plain", *wanted, "--seed", 3)
    assert (found.code, found.err) == (0, "")
    assert "3 columns and the trades of 2 parameter sets" in found.text
    assert "No value and no trade changed" in found.text


def test_a_check_is_a_call_too() -> None:
    honest = wfo.check(rules(rounded_otherwise), BARS, sets=2, cuts=2, seed=1)
    assert honest.found is None
    assert repr(honest) == (
        f"Checked(Own: nothing looked ahead in {len(BARS)} bars, parameter sets: 2, places: 2)"
    )
    knowing = wfo.check(rules(tomorrow), BARS, {"length": [3, 4]}, sets=2, cuts=2)
    assert knowing.found is not None
    assert "tomorrow(close)" in knowing.found.what
    assert repr(knowing) == f"Checked(Own LOOKS AHEAD: {knowing.found.what})"
    assert knowing.found.what in knowing.page()
    assert [dict(each) for each in knowing.sets] == [{"length": 3}, {"length": 4}]


def test_a_check_takes_what_the_command_takes() -> None:
    # Of this package's strategies the grid of a run, by chance beside its ends.
    assert len(wfo.check("atr_d_l", BARS, sets=1, cuts=1).sets) == 1
    for wrong in ({"sets": 1_001}, {"cuts": 10**9}, {"sets": 0}, {"seed": -1}, {"cuts": 1.5}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} = "):
            wfo.check(rules(rounded_otherwise), BARS, **wrong)  # type: ignore[arg-type]  # on purpose


@wfo.indicator(lookback=0)
def unknown(column: Any, above: int) -> Any:
    return np.full(len(column), np.nan) if above > 20 else column


class Empty(wfo.Rules):
    """Compares with a column that is NaN in all bars, for some of its parameters."""

    above = wfo.Int(10, 30, 10)
    bars = wfo.Int(2, 3)

    def rules(self, x: Any) -> Any:
        up = x.close > 2 * unknown(x.close, self.above)
        return wfo.orders(long=x.at_open(up), exit_long=x.after(self.bars))


def test_a_column_that_is_nan_in_all_bars_is_named() -> None:
    checked = wfo.check(Empty, BARS, sets=6, cuts=1)
    assert checked.found is None
    (note,) = checked.notes
    assert re.match(r".*test_lookahead\.py:\d+: unknown\(close, above\) is NaN in all", note)
    # What is made of it is not named beside it, and where it is none nothing is said.
    least = sum(each["above"] == 30 for each in checked.sets)
    assert 0 < least < len(checked.sets)
    assert f"in all 400 bars for {least} of {len(checked.sets)} parameter sets" in note
    assert "NaN in all 400 bars" in " ".join(checked.page().split())
    assert wfo.check(Empty, BARS, {"above": [10], "bars": [2]}, sets=1, cuts=1).notes == ()
