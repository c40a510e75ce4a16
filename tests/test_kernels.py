"""Kernels of users: what their functions are given, what becomes of fills, what is refused and how.

One function is compiled once for all tests: its last parameter says what is wrong with it.
"""

from __future__ import annotations

import _thread
import dataclasses
import math
import pickle
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sma_cross import plain

import wfo
from wfo.backtest import Evaluator, kernel_calls, read_feeds
from wfo.backtest.performance import performance
from wfo.backtest.threads import in_threads
from wfo.kernels import arguments
from wfo.runs import identity
from wfo.settings import AccountSettings
from wfo.strategy import BatchKernel, Feed, Parameter, PythonKernel, Strategy, Walk, registry
from wfo.testing import StrategyConformance
from wfo.testing.samples import random_bars

numba = pytest.importorskip("numba")

# It says where compiled code is kept between runs of the suite, as for the reference.
kept = pytest.importorskip("wfo.atr_d.reference._jit").CACHED

#: What the last parameter makes of the function.
RIGHT, AHEAD, FORGETFUL, RAISES, FIRST_WRONG = range(5)

#: What is wrong with a fill, from `FIRST_WRONG` on: which of a set's it is, what is said, and the
#: fills, each as its set and bar from where they should be, a factor of the open, and a side.
WRONG: tuple[tuple[int, str, list[tuple[float, ...]]], ...] = (
    (1, r"bar 99 is none of the trading bars 100\.\.159", [(0, -1, 1, 1)]),
    (1, r"bar 160 is none of the trading bars", [(0, 60, 1, 1)]),
    (2, r"bar 101 comes before bar 102 of the fill before", [(0, 2, 1, 1), (0, 1, 1, 0)]),
    (1, r"its price NaN lies outside of bar 100, which goes from [\d.]+ to", [(0, 0, math.nan, 1)]),
    (1, r"its price [\d.]+ lies outside of bar 100", [(0, 0, 2, 1)]),
    (1, r"its side 2 is none of \+1, -1 and 0", [(0, 0, 1, 2)]),
    (1, r"in bar 100 the position is flat already", [(0, 0, 1, 0)]),
    (3, r"it is the third in bar 100; two are possible", [(0, 0, 1, i % 2) for i in (1, 2, 3)]),
    (121, r"there is room for 120, two a bar", [(0, 0, 1, 1)] * 121),
    (1, r"IndexError: fills\.add\(k, \.\.\.\): k is none of the sets", [(99, 0, 1, 1)]),
)
FILLS = np.array([fill for _, _, fills in WRONG for fill in fills])
ENDS = np.cumsum([0, *(len(fills) for _, _, fills in WRONG)])


@numba.njit(cache=kept)
def mean(close, t, length):  # type: ignore[no-untyped-def]  # compiled functions have no types
    total = 0.0
    for i in range(t - length, t):
        total += close[i]
    return total / length


@numba.njit(cache=kept)
def add_wrong(bars, t, k, which, fills):  # type: ignore[no-untyped-def]
    for i in range(ENDS[which], ENDS[which + 1]):
        other, later, factor, side = FILLS[i]
        bar = t + int(later)
        price = bars.open[min(bar, bars.open.size - 1)]
        fills.add(k + int(other), bar, price * factor, int(side))


@wfo.kernel(
    fast=wfo.Int(1, 60, 10),
    slow=wfo.Int(2, 90, 10, meaning="bars of the slow average"),
    band=wfo.Float(0, 0.1),
    fault=wfo.Int(0, FIRST_WRONG + len(WRONG) - 1),
    constraints=("fast < slow",),
    lookback=lambda values: max(values["slow"]),
    map_axes=("fast", "slow"),
)
@numba.njit(cache=kept)
def sma(bars, sets, start, fills):  # type: ignore[no-untyped-def]
    """Long while a fast average of closes lies above a slow one.

    The second line of a docstring is no title.
    """
    for k in range(sets.fast.size):
        fast, slow, band, fault = sets.fast[k], sets.slow[k], sets.band[k], sets.fault[k]
        if fault == RAISES:
            raise ValueError("no luck")
        if fault >= FIRST_WRONG:
            add_wrong(bars, start.bar, k, fault - FIRST_WRONG, fills)
            continue
        side = 0 if fault == FORGETFUL else start.side
        for t in range(start.bar, bars.close.size):
            at = t + 1 if fault == AHEAD else t
            one, two = mean(bars.close, at, fast), mean(bars.close, at, slow)
            wanted = 1 if one > two * (1.0 + band) else 0 if one < two * (1.0 - band) else side
            if wanted != side:
                side = wanted
                fills.add(k, t, bars.open[t], side)


def walk(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Do the same in plain Python, money included."""
    return plain.walk(feeds, [(first, v[:3]) for first, v in sets], settings, warmup)


SMA = sma.strategy
PARAMS: dict[str, Any] = {"fast": 5, "slow": 20, "band": 0.001, "fault": 0}


def faulty(fault: int, **more: Any) -> Strategy:
    """The strategy with a fault as the only value of the last parameter."""
    last = Parameter("fault", "int", fault, fault, "what is wrong with it")
    return dataclasses.replace(SMA, parameters=(*SMA.parameters[:3], last), grid=None, **more)


class TestSma(StrategyConformance):
    strategy = faulty(RIGHT)
    cases = 4
    # `test_a_run_is_resumed_and_tested_by_permutations` goes further.
    test_the_page_of_a_run = None  # type: ignore[assignment]


def suite(strategy: Strategy, cases: int = 4) -> Any:
    made = type("Other", (StrategyConformance,), {"strategy": strategy, "cases": cases})
    return made()


def test_it_trades_as_plain_python_does() -> None:
    both = faulty(RIGHT, reference=PythonKernel("test_kernels:walk"))
    suite(both).test_engines_agree()


def bars_of(n: int, seed: int = 1) -> pl.DataFrame:
    return random_bars(np.random.default_rng(seed), n)


# What a strategy is made of


def test_what_a_kernel_is() -> None:
    assert (SMA.name, SMA.title) == (
        "sma",
        "Long while a fast average of closes lies above a slow one",
    )
    assert SMA.names == ("fast", "slow", "band", "fault")
    assert SMA.parameter("slow").meaning == "bars of the slow average"
    assert SMA.grid is not None
    assert SMA.grid["fast"] == (1, 11, 21, 31, 41, 51)
    assert "band" not in SMA.grid
    assert SMA.lookback({"fast": [1], "slow": [30, 40], "band": [0], "fault": [0]}) == 40
    assert SMA.kernel == BatchKernel(abs, "test_kernels", "sma")
    assert wfo.simulate(sma, bars_of(160), PARAMS, split=130, engine="numba").strategy == "sma"
    with registry.separate([SMA]):
        assert wfo.strategies()["sma"].kernel.engines == ("numba",)


def test_it_is_still_a_function() -> None:
    close = np.array([1.0, 2, 3, 2, 1, 1])
    kind: Any = arguments.feed_columns(dict.fromkeys(("open", "high", "low", "close"), close), 6)
    row = np.array([[1.0, 2, 0, 0], [1, 3, 0, 0]])
    fills = arguments.room_for(2, 8)
    sma(kind, arguments.set_columns(SMA, row), arguments.Start(3, 0, 2, math.nan), fills)
    # Before bar 3 the last close, 3, is above the means of two and three; before bar 4, 2 is below.
    assert fills.used.tolist() == [2, 2]
    assert fills.bar[:, :2].tolist() == [[3, 4], [3, 4]]
    assert fills.price[:, :2].tolist() == [[2, 1], [2, 1]]
    assert fills.side[:, :2].tolist() == [[1, 0], [1, 0]]
    # The same in plain Python.
    again = arguments.room_for(2, 8)
    function: Any = sma.__wrapped__
    function.py_func(
        kind, arguments.set_columns(SMA, row), arguments.Start(3, 0, 2, math.nan), again
    )
    assert again.bar[:, :2].tolist() == fills.bar[:, :2].tolist()
    with pytest.raises(IndexError, match="none of the sets"):
        again.add(2, 3, 2.0, 1)


@dataclass(frozen=True)
class Shifted(AccountSettings):
    shift: float = 0.0


@wfo.kernel(
    {"lookback": wfo.Int(1, 9)},
    lookback=lambda values: max(values["lookback"]),
    name="carry",
    feeds=(Feed("bars", columns=("volume",)), Feed("other", prices=False, columns=("rate",))),
    shorts=True,
    settings=Shifted,
)
@numba.njit(cache=kept)
def two_feeds(bars, other, sets, start, fills, settings):  # type: ignore[no-untyped-def]
    for k in range(sets.lookback.size):
        side = start.side
        for t in range(start.bar, bars.close.size):
            before = t - sets.lookback[k]
            wanted = 1 if other.rate[before] + settings.shift < bars.volume[before] else -1
            if wanted != side:
                side = wanted
                fills.add(k, t, bars.open[t], side)


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_further_feeds_reversals_and_settings(shift: float) -> None:
    prices = [100.0, 100, 110, 99, 90, 99, 81]
    frame = bars_of(7).with_columns(
        **dict.fromkeys(("open", "high", "low", "close"), pl.Series(prices)),
        volume=pl.Series([0.0] * 7),
    )
    rate = frame.select("date").with_columns(rate=pl.Series([-1.0, -1, 1, 1, -1, -1, 9]) - shift)
    settings = Shifted(capital=1_000, shift=shift)
    sim = wfo.simulate(
        two_feeds, frame, {"lookback": 1}, split=5, warmup=1, settings=settings, engine="auto",
        feeds={"other": rate},
    )  # fmt: skip
    # Long at 100; short at 99, 10 shares and the cents, down to 99 in bar 5: nothing.
    assert sim.trades["side"].to_list() == ["long", "short"]
    assert sim.trades["exit_bar"].to_list() == [3, 5]
    assert sim.equity.tolist() == pytest.approx([1_000, 1_000, 1_100, 990, 1_080, 990, 810])
    assert sim.reversals is not None
    assert sim.reversals[0].tolist() == [3, 5]
    assert two_feeds.strategy.title == "two_feeds"


def test_types_of_kept_code_are_found_again() -> None:
    row = arguments.set_columns(SMA, np.ones((1, 4)))
    assert pickle.loads(pickle.dumps(type(row))) is type(row)
    other = arguments.set_columns(SMA, np.ones((1, 4)), "0123")
    assert pickle.loads(pickle.dumps(type(other))) is type(other) is not type(row)
    with pytest.raises(AttributeError, match=r"no attribute 'Sets\(fast\)'"):
        getattr(arguments, "Sets(fast)")


class TestTwoFeeds(StrategyConformance):
    """Shorts and reversals: money, marks and figures follow from trades, and trades pay costs."""

    strategy = two_feeds.strategy
    cases = 4


def test_nothing_is_entered_after_a_ruin() -> None:
    prices = pl.Series([100.0, 100, 100, 210, 100, 100])
    frame = bars_of(6).with_columns(**dict.fromkeys(("open", "high", "low", "close"), prices))
    frame = frame.with_columns(volume=pl.Series([0.0] * 6))
    # Short in bar 1, long from bar 3 on, short again in bar 4.
    rate = frame.select("date").with_columns(rate=pl.Series([1.0, 1, -1, 1, 1, 1]))
    sim = wfo.simulate(two_feeds, frame, {"lookback": 1}, split=4, warmup=1, feeds={"other": rate})
    assert sim.trades["exit_bar"].to_list() == [3]
    assert sim.equity[3:].tolist() == pytest.approx([-10_000] * 3)
    assert sim.is_pnl == pytest.approx(-110_000)


# Batches and threads


def grid_of(strategy: Strategy = SMA, fault: Any = RIGHT) -> wfo.Grid:
    values = {"fast": [2, 5, 9, 14], "slow": [10, 15, 20], "band": [0.0, 0.01], "fault": fault}
    return wfo.Grid(values, strategy=strategy)


def test_figures_do_not_depend_on_threads_and_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds, grid = read_feeds(SMA, bars_of(300)), grid_of()
    phases, more = [(20, 120, 200), (60, 200, 300)], {"figures": "extended"}
    labels = np.arange(300) % 3
    wanted = Evaluator(SMA, feeds, grid, phases, threads=1, labels=labels, **more)  # type: ignore[arg-type]
    whole = wanted.range(0, len(grid))
    marks = [performance(SMA, feeds, grid.params(k), warmup=20) for k in range(len(grid))]
    monkeypatch.setattr(kernel_calls, "BATCH", 3)
    for threads in (1, 2, 5):
        cut = Evaluator(SMA, feeds, grid, phases, threads=threads, labels=labels, **more)  # type: ignore[arg-type]
        assert cut.worker_bytes == 3 * 480 * 24
        for one, other in zip(whole, cut.range(0, len(grid)), strict=True):
            assert one.names == other.names
            for name in one.names:
                assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
    many = wfo.PerformanceEvaluator(SMA, feeds, grid, warmup=20, threads=2)
    assert many.range(0, len(grid)).trades.tolist() == [each["trades"] for each in marks]
    (none,) = Evaluator(SMA, feeds, grid, phases[:1]).range(0, 0)
    assert len(none.is_pnl) == 0


def test_the_first_set_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the sets are cut into batches, and on however many threads."""
    grid = grid_of(fault=[RIGHT, RAISES])
    feeds = read_feeds(SMA, bars_of(160))
    said = set()
    for threads, size in ((1, 128), (2, 5), (2, 1)):
        monkeypatch.setattr(kernel_calls, "BATCH", size)
        evaluator = Evaluator(SMA, feeds, grid, [(100, 130, 160)], threads=threads)
        with pytest.raises(wfo.EngineError) as raised:
            evaluator.range(0, len(grid))
        said.add(str(raised.value))
    (one,) = said
    wanted = r"test_kernels\.py, line \d+: sma\(fast=2, slow=10, band=0\.0, fault=3\) fails:"
    line = Path(__file__).read_text("utf-8").split('raise ValueError("no luck")')[0].count("\n") + 1
    assert re.fullmatch(
        rf"{wanted} ValueError: no luck \(test_kernels\.py, line {line}, in sma\)", one
    )


# What is wrong with a function is found


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        (AHEAD, "no_look_ahead", "the close of bar .* changes orders in it"),
        (FORGETFUL, "dated_parameters", r"fill \d+: in bar \d+ the position is long already"),
    ],
)
def test_what_is_broken_fails(fault: int, test: str, message: str) -> None:
    with pytest.raises((AssertionError, wfo.EngineError), match=message):
        getattr(suite(faulty(fault), 12), f"test_{test}")()


@pytest.mark.parametrize("which", range(len(WRONG)))
def test_a_fill_that_cannot_be_is_named(which: int) -> None:
    number, said, _ = WRONG[which]
    params, frame = PARAMS | {"fault": FIRST_WRONG + which}, bars_of(160)
    call = rf"sma\(fast=5, slow=20, band=0\.001, fault={FIRST_WRONG + which}\)"
    if which < len(WRONG) - 1:
        said = rf"fill {number}: {said}"
    with pytest.raises(wfo.EngineError) as raised:
        wfo.simulate(sma, frame, params, split=130, engine="numba")
    assert re.match(rf"test_kernels\.py, line \d+: {call}.*: {said}", str(raised.value))
    assert "\n" not in str(raised.value)
    # A set of several is named as it is alone.
    grid = wfo.Grid({**PARAMS, "fault": [0, params["fault"]]}, strategy=SMA)
    with pytest.raises(wfo.EngineError) as again:
        wfo.sweep(sma, frame, grid, split=130)
    assert str(again.value) == str(raised.value)


# A file of a user's


HEAD = """import numba
import numpy as np
import wfo

@wfo.kernel(n=wfo.Int(1, 3), lookback=3)
def own(bars, sets, start, fills):
"""


def in_file(folder: Path, body: str, head: str = HEAD) -> Any:
    path = folder / "own.py"
    path.write_text(head + body, "utf-8")
    return f"{path}:own"


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("    x = 1\n    return sets.m[0]\n", 8, "Unknown attribute 'm' of type sets"),
        ("    bars.close[0] = 1.0\n", 7, "Cannot modify readonly array"),
        ("    with open('x') as y:\n        pass\n", 5, "with .* construct is not supported"),
        ("    fills.add(0, 1.5, 1.0, 1)\n", 7, "bar must be a whole number, and is float64"),
        ("    return undefined\n", 7, "there is no 'undefined'"),
    ],
)
def test_what_cannot_be_compiled_is_named(body: str, line: int, said: str, tmp_path: Path) -> None:
    with registry.separate(), pytest.raises(wfo.EngineError) as raised:
        wfo.simulate(in_file(tmp_path, body), bars_of(160), {"n": 1}, split=130)
    message = str(raised.value)
    assert re.match(rf"own\.py, line {line}: the kernel own cannot be compiled: .*{said}", message)
    assert "\n" not in message
    assert len(message) < 450


#: The decorator, and what the function below it is called with.
NONE: list[tuple[str, str, str]] = [
    ("n=3, lookback=1", "bars, sets, start, fills", "'n' = 3 must be a wfo.Int"),
    ("lookback=1", "bars, sets, start, fills", "needs a parameter"),
    ("n=INT, lookback='x'", "bars, sets, start, fills", "lookback = 'x'"),
    (
        "n=INT, lookback=1",
        "bars, sets, fills",
        r"own takes \(bars, sets, fills\); .* start, fills\)",
    ),
    ("n=INT, lookback=1", "*bars", r"own takes \(\*bars\)"),
    (
        "n=INT, lookback=1",
        "bars, sets, start, *, fills",
        r"own takes \(bars, sets, start, \*, fills\)",
    ),
    ("n=INT, lookback=1, constraints=('n < m',)", "bars, sets, start, fills", "'m'"),
    ("n=INT, lookback=1)\n@numba.njit(parallel=True", "bars, sets, start, fills", "parallel=True"),
    ("{'class': INT}, lookback=1", "bars, sets, start, fills", "parameter 'class' cannot be read"),
    ("n=INT, lookback=1, feeds=[OPEN]", "bars, sets, start, fills", "'open interest' cannot be"),
]


@pytest.mark.parametrize(("given", "taken", "said"), NONE)
def test_what_no_kernel_is_made_of_is_named(
    given: str, taken: str, said: str, tmp_path: Path
) -> None:
    head = "import numba, wfo\nINT = wfo.Int(1, 3)\n"
    head += "OPEN = wfo.strategy.Feed('bars', columns=('open interest',))\n"
    body = f"@wfo.kernel({given})\ndef own({taken}):\n    pass\n"
    target = in_file(tmp_path, body, head)
    with pytest.raises(wfo.InputError, match=said) as raised:
        registry.get_strategy(target)
    message = str(raised.value)
    assert re.search(r"own\.py.*line [456]\b", message), message
    assert message.count("own.py, line") <= 1
    assert "\n" not in message


@pytest.mark.parametrize(
    ("lookback", "said"),
    [
        # What calls it is not its place.
        (lambda: 3, r"lookback fails: TypeError: .* but 1 was given$"),
        (
            lambda values: values["slwo"],
            r"lookback fails: KeyError: 'slwo' \(test_kernels\.py, line",
        ),
        (lambda values: 2.5, "lookback returns 2.5; it must be a whole number"),
        (lambda values: None, "lookback returns None"),
        (lambda values: sys.exit(3), r"lookback fails: it ends itself by sys.exit\(3\)"),
    ],
)
def test_a_lookback_that_fails_is_named(lookback: Callable[..., Any], said: str) -> None:
    def own(bars: Any, sets: Any, start: Any, fills: Any) -> None: ...

    strategy = wfo.kernel(n=wfo.Int(1, 3), lookback=lookback)(own).strategy
    with pytest.raises(wfo.InputError, match=rf"test_kernels\.py, line \d+: {said}"):
        _ = wfo.Grid({"n": [1, 2]}, strategy=strategy).need


def test_a_kernel_goes_to_another_process_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(sma)) is sma


def test_only_functions_are_kernels() -> None:
    with pytest.raises(wfo.InputError, match="stands above a function, not 3"):
        wfo.kernel(n=wfo.Int(1, 3), lookback=1)(3)  # type: ignore[arg-type]  # on purpose


def test_an_edited_kernel_has_another_digest(tmp_path: Path) -> None:
    found = []
    for body in ("    pass\n", "    pass  # edited\n"):
        with registry.separate():
            found.append(identity.kernel_digest(registry.get_strategy(in_file(tmp_path, body))))
    assert found[0] != found[1]
    assert all(each is not None and len(each) == 64 for each in found)
    assert identity.kernel_digest(SMA) == identity.kernel_digest(two_feeds.strategy)


def test_what_has_changed_since_it_was_compiled_is_not_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wfo.simulate(sma, bars_of(160), PARAMS, split=130)
    monkeypatch.setitem(globals(), "ENDS", ENDS + 1)
    with pytest.raises(wfo.EngineError, match=r"add_wrong reads something .* define it again"):
        wfo.simulate(sma, bars_of(160), PARAMS, split=130)


def test_a_fill_that_is_counted_and_not_written_is_none_of_another_set() -> None:
    room = arguments.room_for(2, 3)
    room.add(1, 7, 1.0, 1)
    room.add(1, 8, 1.0, 0)
    again = arguments.room_of(room, 2)
    assert again.used.tolist() == [0, 0]
    # No trading bar is the first one.
    assert not again.bar.any()


def test_an_interrupt_does_not_wait_for_a_function() -> None:
    running, let_go = threading.Event(), threading.Event()

    def endless(item: int) -> None:
        if item:
            # The first thread waits for this one.
            running.wait()
            _thread.interrupt_main()
        running.set()
        let_go.wait()

    with pytest.raises(KeyboardInterrupt):
        in_threads(endless, (0, 1, 2), 2, "endless")
    let_go.set()


def test_a_run_fails_before_it_writes(tmp_path: Path) -> None:
    store = wfo.DataStore(tmp_path / "data")
    store.save("ONE", "1day", wfo.load_sample("NASDAQ").tail(1200), wfo.data.BarsOrigin("tests"))
    with registry.separate([SMA]), pytest.raises(wfo.EngineError, match=r"fault=3.* no luck"):
        wfo.run(
            "ONE", sma, grid=grid_of(fault=[RIGHT, RAISES]), out=tmp_path / "out",
            data_dir=tmp_path / "data", expand=False,
        )  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_a_run_is_resumed_and_tested_by_permutations(tmp_path: Path) -> None:
    with registry.separate([SMA]):
        more: dict[str, Any] = {"grid": grid_of(), "out": tmp_path, "data_dir": tmp_path / "data"}
        store = wfo.DataStore(tmp_path / "data")
        store.save(
            "ONE", "1day", wfo.load_sample("NASDAQ").tail(1200), wfo.data.BarsOrigin("tests")
        )
        report = wfo.run("ONE", sma, expand=False, **more)
        again = wfo.run("ONE", sma, expand=False, **more)
        assert again.candidates().equals(report.candidates())
        tested = wfo.permutation_test(report.folder.path, runs=19)
        assert tested.test.searched["sma"].engine == "numba"
