"""Walk-forwards that choose by a study in each window: strategies that are not swept, and programs.

The best point is found again by simulating every point of a small space on the in-sample bars.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
import json
import math
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from searching import InProcess
from strategies import strategy

import wfo
from wfo.errors import InputError, ResultsError, WfoError
from wfo.runs.optimizing import preparing
from wfo.runs.optimizing.bars import SearchBars
from wfo.runs.walkforward.program_walk import ProgramWalk
from wfo.runs.walkforward.programs import program_days, require_program, walk_program
from wfo.runs.walkforward.programs_page import program_page
from wfo.runs.walkforward.searching import trials_below, window_seed
from wfo.runs.walkforward.studies import StudyChooser
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.plan import SearchPlan
from wfo.search.plan_file import read_plan
from wfo.search.study import read_study
from wfo.strategy import PythonKernel, Walk
from wfo.strategy.registry import separate
from wfo.walkforward.values import Decision
from wfo.windows import WalkSchedule, WalkWindows

#: Six points of a strategy, each a trial.
SPACE = {
    "strategy": "atr_d_l",
    "symbols": ["SP500"],
    "parameters": {"atr_period": [10, 20, 30], "atr_multiplier": [2.0, 6.0]},
    "objective": "total_return",
    "limits": "none",
    "method": "grid",
    "trials": 6,
    "block": "none",
    "settings": {"fee": 0.001},
}


@functools.cache
def frame(symbol: str = "SP500") -> pl.DataFrame:
    return wfo.load_sample(symbol)[1_000:1_720]


def bars_of(*frames: pl.DataFrame, symbols: Sequence[str] = ("SP500",)) -> SearchBars:
    found = dict(zip(symbols, frames or [frame(s) for s in symbols], strict=True))
    return SearchBars(found, dict.fromkeys(found, "whole"))


def chooser(folder: Path, bars: SearchBars | None = None, **changes: Any) -> StudyChooser:
    return StudyChooser(read_plan({**SPACE, **changes}), bars or bars_of(), folder)


def laid(days: Sequence[dt.date], out: str = "6m", **options: Any) -> WalkWindows:
    warmup = options.pop("warmup", 100)
    return WalkSchedule("12m", out, **options).resolve(days, warmup=warmup)


def in_sample(params: Mapping[str, Any], first: int, train_end: int) -> wfo.Simulation:
    """Simulate a set that begins flat, on no bar behind the in-sample part but one that repeats."""
    bars = frame()[:train_end]
    last = bars[-1].with_columns(pl.col("date") + dt.timedelta(1))
    return wfo.simulate(
        "atr_d_l",
        pl.concat([bars, last]),
        params,
        warmup=first,
        split=train_end,
        settings=wfo.Settings(fee=0.001),
    )


# Strategies


def test_the_best_point_on_the_in_sample_bars_is_the_decision(tmp_path: Path) -> None:
    own = chooser(tmp_path)
    windows = laid(own.days, warmup=own.warmup)
    assert len(windows) == 3
    assert (own.by, own.combinations) == ("total_return", 6)
    assert own.settings == wfo.Settings(fee=0.001)
    decisions = list(own.choose(windows))
    assert [d.window for d in decisions] == [1, 2, 3]
    for window, decision in zip(windows, decisions, strict=True):
        assert decision.params is not None
        assert tuple(decision.params) == own.strategy.names
        earned = {}
        for period, multiplier in itertools.product((10, 20, 30), (2.0, 6.0)):
            point = {**decision.params, "atr_period": period, "atr_multiplier": multiplier}
            made = in_sample(point, window.first, window.train_end).metrics().in_sample
            earned[period, multiplier] = made.total_return
        chosen = (decision.params["atr_period"], decision.params["atr_multiplier"])
        assert earned[chosen] == max(earned.values())
        assert decision.value == pytest.approx(max(earned.values()), rel=1e-6)
        assert (decision.searched, decision.index, decision.note) == (6, None, "")


def test_a_warm_up_that_ends_within_a_day_is_over_the_day_after(tmp_path: Path) -> None:
    # 78 bars a day: the bar that has 150 before it is the 73rd of a day.
    rows = np.arange(420)
    day, bar = np.divmod(rows, 78)
    start = dt.datetime(2020, 1, 6, 14, 30, tzinfo=dt.UTC)
    stamps = [
        start + dt.timedelta(int(d), minutes=5 * int(b)) for d, b in zip(day, bar, strict=True)
    ]
    closes = 100 + np.sin(rows / 7)
    intraday = pl.DataFrame(
        {
            "datetime": stamps, "open": closes, "high": closes + 0.5, "low": closes - 0.5,
            "close": closes, "volume": np.ones(len(rows)),
        }
    ).with_columns(pl.col("datetime").dt.convert_time_zone("America/New_York"))  # fmt: skip
    long = {**SPACE, "timeframe": "5min", "parameters": {"atr_period": {"int": [10, 150]}}}
    own = StudyChooser(read_plan(long), bars_of(intraday), tmp_path)
    assert own.warmup == 150
    windows = WalkSchedule("2d", "1d").resolve(own.days, warmup=own.warmup)
    assert windows[0].first == 156
    (decision,) = own.choose(windows[:1])
    assert decision.searched > 0


def _other_bars(at: int) -> pl.DataFrame:
    """Return bars whose prices from a bar on are others."""
    rows = np.arange(len(frame()))
    factor = np.where(rows < at, 1.0, 2.0 + np.sin(rows))
    return frame().with_columns(pl.col("open", "high", "low", "close") * pl.Series(factor))


@pytest.mark.parametrize("seed", range(3))
def test_no_bar_from_the_end_of_training_on_changes_a_decision(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    out, purge = str(rng.choice(["30d", "3m"])), str(rng.choice(["0d", "20d"]))
    options = {"method": "random", "trials": 4, "block": "none"}
    options["parameters"] = {"atr_multiplier": {"float": [2, 20]}, "atr_period": {"int": [5, 60]}}
    own = chooser(tmp_path / "one", **options)
    windows = laid(own.days, out, purge=purge, anchored=bool(rng.integers(2)), warmup=own.warmup)
    window = windows[int(rng.integers(len(windows)))]
    (decision,) = own.choose([window])
    for name, bars in (
        ("other", _other_bars(window.train_end)),
        ("cut", frame()[: window.train_end]),
    ):
        assert list(chooser(tmp_path / name, bars_of(bars), **options).choose([window])) == [
            decision
        ]
    # The bar before is one that it has seen.
    changed = chooser(tmp_path / "seen", bars_of(_other_bars(window.first + 20)), **options)
    assert list(changed.choose([window])) != [decision]


def peek(bars: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Earn by the last bar there is, each set another amount."""
    ((_, (x, _)),) = sets
    close = bars["bars"]["close"]
    marks = np.full(len(close), float(settings.capital))
    marks[warmup + 1 :] *= 2 + np.sin(x * close[-1])
    return Walk([], marks)


def test_a_strategy_in_python_that_looks_ahead_sees_no_bar_of_the_future(tmp_path: Path) -> None:
    own = strategy("x", "unused", kernel=PythonKernel(f"{__name__}:peek"), lookback=lambda _: 1)
    space = {"strategy": own.name, "parameters": {"x": [1, 2, 3, 5, 8, 13]}, "settings": {}}
    with separate([own]):
        made = chooser(tmp_path / "one", **space, fixed={"unused": 0})
        window = laid(made.days, "3m", warmup=made.warmup)[1]
        (decision,) = made.choose([window])
        last = frame()["close"][window.train_end - 1]
        assert decision.params is not None
        assert decision.value == pytest.approx(
            max(1 + math.sin(x * last) for x in (1, 2, 3, 5, 8, 13)), rel=1e-6
        )
        for name, at, same in (("later", window.train_end, True), ("last", 200, False)):
            other = chooser(tmp_path / name, bars_of(_other_bars(at)), **space, fixed={"unused": 0})
            assert (list(other.choose([window])) == [decision]) == same


CONTINUOUS = {
    "parameters": {"atr_multiplier": {"float": [2, 20]}, "atr_period": {"int": [5, 60]}},
    "method": "ga",
    "trials": 12,
    "batch": 4,
}


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def test_a_killed_walk_forward_goes_on_and_decides_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    left = [10**9]
    evaluate = StrategyEvaluator.evaluate

    def counted(self: Any, tasks: Any, finished: Any) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        calls.extend(task.trial for task in tasks)
        evaluate(self, tasks, finished)

    monkeypatch.setattr(StrategyEvaluator, "evaluate", counted)
    whole = chooser(tmp_path / "whole", workers=1, **CONTINUOUS)
    windows = laid(whole.days, warmup=whole.warmup)
    wanted = list(whole.choose(windows))
    each = len(calls) // len(windows)
    assert each == 12
    # In the second batch of the second window.
    left[0], calls[:] = 4, []
    with pytest.raises(Killed):
        list(chooser(tmp_path / "killed", workers=2, **CONTINUOUS).choose(windows))
    assert calls == [*range(12), *range(4)]
    # The batch that has begun too.
    assert whole.counted() == 36
    assert chooser(tmp_path / "killed", **CONTINUOUS).counted() == 12 + 8
    left[0], calls[:] = 10**9, []
    again = chooser(tmp_path / "killed", workers=2, **CONTINUOUS)
    assert list(again.choose(windows)) == wanted
    assert calls == [*range(4, 12), *range(12)]
    # What is there is read.
    calls[:] = []
    assert list(again.choose(windows)) == wanted
    assert calls == []


def test_a_decision_does_not_depend_on_the_other_windows(tmp_path: Path) -> None:
    own = chooser(tmp_path / "all", **CONTINUOUS)
    windows = laid(own.days, warmup=own.warmup)
    every = list(own.choose(windows))
    assert list(chooser(tmp_path / "last", **CONTINUOUS).choose(windows[2:])) == every[2:]
    seeds = {window_seed(1, w.in_sample) for w in windows} | {window_seed(2, windows[0].in_sample)}
    assert len(seeds) == 4
    # Other sets are tried in each, and by another seed.
    tables = [read_study(path).rows for path in sorted((tmp_path / "all/studies").iterdir())]
    assert len({table.tobytes() for table in tables}) == 3


def test_a_trial_beyond_the_limits_is_never_chosen(tmp_path: Path) -> None:
    own = chooser(tmp_path / "free")
    window = laid(own.days, warmup=own.warmup)[0]
    (free,) = own.choose([window])
    assert free.params is not None
    earned = {}
    for period, multiplier in itertools.product((10, 20, 30), (2.0, 6.0)):
        point = {**free.params, "atr_period": period, "atr_multiplier": multiplier}
        found = in_sample(point, window.first, window.train_end).metrics().in_sample
        earned[period, multiplier] = found.total_return
    first, second, *_ = sorted(earned, key=lambda each: -earned[each])
    assert (free.params["atr_period"], free.params["atr_multiplier"]) == first
    most = (earned[first] + earned[second]) / 2 * own.settings.capital
    held = {"limits": {"net_profit": {"at_most": most}}}
    (kept,) = chooser(tmp_path / "kept", **held).choose([window])
    assert kept.params is not None
    assert (kept.params["atr_period"], kept.params["atr_multiplier"]) == second
    (nothing,) = chooser(tmp_path / "none", limits={"trades": {"at_least": 1_000_000}}).choose(
        [window]
    )
    note = "no trial keeps to the limits with a score"
    assert nothing == Decision(1, None, None, None, 0, 6, note)


def test_a_method_that_gives_way_says_so_in_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise ImportError("there is no optuna")

    monkeypatch.setattr("wfo.search.methods.tpe._optuna", absent)
    own = chooser(tmp_path, method="tpe", trials=4)
    (found,) = own.choose(laid(own.days, warmup=own.warmup)[:1])
    assert found.params is not None
    assert found.note == "tpe cannot go on (there is no optuna), and ga takes its place"


def test_of_blocks_it_is_a_combination_inside_the_best_one(tmp_path: Path) -> None:
    space: dict[str, Any] = {
        "parameters": {
            "atr_period": [10, 20, 30],
            "atr_smooth_period": [2, 6],
            "equity_price_method": [0, 1],
        },
        "block": 2,
        "trials": 3,
    }
    own = chooser(tmp_path / "one", **space)
    assert own.combinations == 12
    window = laid(own.days, warmup=own.warmup)[0]
    (decision,) = own.choose([window])
    assert decision.params is not None
    assert decision.searched == 12
    assert decision.params["atr_smooth_period"] in (2, 6)
    inside, medians = {}, {}
    for period in (10, 20, 30):
        inside[period] = []
        for smooth, price in itertools.product((2, 6), (0, 1)):
            point = {
                **decision.params,
                "atr_period": period,
                "atr_smooth_period": smooth,
                "equity_price_method": price,
            }
            found = in_sample(point, window.first, window.train_end).metrics().in_sample
            inside[period].append(found.total_return)
        medians[period] = float(np.median(inside[period]))
    best = max(medians, key=lambda each: medians[each])
    assert decision.params["atr_period"] == best
    assert decision.value == pytest.approx(medians[best], rel=1e-6)
    # The median of a block may keep to limits between which none of its combinations lies.
    low = max(each for each in inside[best] if each < medians[best])
    high = min(each for each in inside[best] if each > medians[best])
    assert max(value for period, value in medians.items() if period != best) < low
    limits = {
        "total_return": {"at_least": (low + medians[best]) / 2},
        "net_profit": {"at_most": (high + medians[best]) / 2 * own.settings.capital},
    }
    (none,) = chooser(tmp_path / "none", **space, limits=limits).choose([window])
    assert none.params is None
    assert "inside the best blocks" in none.note


def test_what_cannot_be_walked_forward_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    for changes, said in (
        ({"objective": ["sharpe", "profit"]}, "needs the one best set"),
        ({"symbols": ["SP500", "NASDAQ"]}, "a walk-forward trades one"),
        ({"strategy": "atr_d_duals_l", "parameters": {"atr_period": [5, 9]}}, "two symbols"),
    ):
        symbols = changes.get("symbols", ["SP500"])
        with pytest.raises(InputError, match=said):
            chooser(tmp_path / "out", bars_of(symbols=symbols), **changes)
    with pytest.raises(WfoError, match="looks back"):
        chooser(tmp_path / "out", bars_of(frame()[:90]))
    assert not (tmp_path / "out").exists()


def test_what_others_have_put_in_its_place_is_refused(tmp_path: Path) -> None:
    own = chooser(tmp_path / "walk")
    windows = laid(own.days, warmup=own.warmup)[:1]
    list(own.choose(windows))
    (study,) = (tmp_path / "walk/studies").iterdir()
    database = study / "study.sqlite"
    data = bytearray(database.read_bytes())
    at = data.rindex(b"complete")
    data[at : at + 8] = b"failed_!"
    database.write_bytes(data)
    with pytest.raises(ResultsError, match="study"):
        list(own.choose(windows))
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "studies").symlink_to(tmp_path / "walk/studies")
    with pytest.raises(ResultsError, match="is a link"):
        list(chooser(linked).choose(windows))


def test_an_estimate_counts_all_trials_and_writes_nothing(tmp_path: Path) -> None:
    own = chooser(tmp_path / "out")
    windows = laid(own.days, warmup=own.warmup)
    assert 0 < own.estimate(windows) < 60
    assert own.counted() == 0
    assert not (tmp_path / "out").exists()
    assert any("windows of the space are not used" in note for note in own.notes)


# Programs

#: Earns by holding for the first n bars; says in a log what it was called with.
PROGRAM = """
def evaluate(params, *, symbols, bars, window):
    found = {}
    for symbol in symbols:
        days, close = bars[symbol]["date"], bars[symbol]["close"]
        with open(LOG, "a") as file:
            print(params["n"], window["start"], window["end"], days[0], days[-1], file=file)
        inside = close.filter(days >= window["start"])
        earned = float(inside[min(params["n"], len(inside) - 1)] / inside[0] - 1)
        found[symbol] = {NAME: earned, "n": params["n"]}
    if FAILS == window["number"]:
        raise ValueError("no such bars")
    return found
"""

PROGRAM_SPACE = {
    "program": "prog.py:evaluate",
    "symbols": ["SP500"],
    "parameters": {"n": [1, 20, 60]},
    "objective": "profit",
    "limits": "none",
    "method": "grid",
    "trials": 3,
}


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "processes" not in request.fixturenames:
        monkeypatch.setattr(preparing, "ProgramEvaluator", InProcess)
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def processes() -> None:
    """Let commands run in processes of their own."""
    if sys.platform == "win32":
        pytest.skip("programs run on POSIX systems")


def program(
    folder: Path, name: str = "profit", fails: int | None = None, **changes: Any
) -> SearchPlan:
    """Write a program that names its return so, and fails in a window; return a plan of it."""
    folder.mkdir(parents=True, exist_ok=True)
    head = f"LOG, NAME, FAILS = {str(folder / 'log')!r}, {name!r}, {fails!r}\n"
    (folder / "prog.py").write_text(head + textwrap.dedent(PROGRAM))
    path = folder / "space.json"
    path.write_text(json.dumps({**PROGRAM_SPACE, **changes}))
    return read_plan(path)


def walked(
    plan: SearchPlan, folder: Path, windows: WalkWindows | None = None, bars: Any = None
) -> ProgramWalk:
    bars = bars or bars_of(symbols=plan.symbols)
    windows = windows or laid(program_days(bars), "12m", warmup=0)
    return walk_program(plan, bars, windows, folder)


def logged(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "log").read_text().splitlines()]


def change(n: int, start: int, stop: int) -> float:
    """Return what the program earns on some bars."""
    close = frame()["close"][start:stop]
    return float(close[min(n, len(close) - 1)] / close[0] - 1)


def test_a_program_is_chosen_in_each_window_and_its_returns_make_a_chain(tmp_path: Path) -> None:
    plan = program(tmp_path, warmup=7)
    days = program_days(bars_of())
    windows = laid(days, "12m", step="9m", warmup=0)
    walk = walked(plan, tmp_path / "walk", windows)
    assert len(windows) == 3
    chain, held = 1.0, 1.0
    bought = float(frame()["open"][windows[0].split])
    before = bought
    for window, each in zip(windows, walk.results, strict=True):
        earned = {n: change(n, window.first, window.train_end) for n in (1, 20, 60)}
        n = max(earned, key=lambda each: earned[each])
        assert each.params == {"n": n}
        assert each.score == pytest.approx(earned[n])
        assert each.in_sample is not None
        assert each.in_sample["profit"] == pytest.approx(earned[n])
        assert each.earned == pytest.approx(change(n, window.split, window.until))
        assert each.alone is not None
        whole = change(n, window.split, window.end)
        assert each.alone["profit"] == pytest.approx(whole)
        assert each.wfe == (pytest.approx(whole / earned[n]) if earned[n] > 0 else None)
        chain *= 1 + change(n, window.split, window.until)
        close = float(frame()["close"][window.until - 1])
        assert each.held == pytest.approx(close / before - 1)
        before = close
        held = close / bought
    assert walk.total_return == pytest.approx(chain - 1)
    assert walk.held_return == pytest.approx(held - 1)
    assert (walk.searched, walk.by) == (9, "profit")
    assert trials_below(tmp_path / "walk") == 9
    table = walk.table
    assert table["chain"][-1] == pytest.approx(chain)
    assert table["param.n"].to_list() == [(each.params or {})["n"] for each in walk.results]
    # A study is given the in-sample bars, the warm-up before them, and no bar more.
    calls = logged(tmp_path)
    for at, window in enumerate(windows):
        first = max(window.first - 7, 0)
        for call in calls[3 * at : 3 * at + 3]:
            assert call[3:] == [str(days[first]), str(days[window.train_end - 1])]
    # Behind a window: until the next decision, and the whole part where it is another one.
    behind = [call[3:] for call in calls[9:]]
    parts = [
        [str(days[w.split - 7]), str(days[stop - 1])]
        for w in windows
        for stop in dict.fromkeys((w.until, w.end))
    ]
    assert behind == parts
    assert walk.efficiency is not None
    inside = sum(float(e.in_sample["profit"] or 0) for e in walk.results if e.in_sample)
    outside = sum(e.earned or 0 for e in walk.results)
    assert walk.efficiency.raw == (pytest.approx(outside / inside) if inside > 0 else None)


def test_no_later_bar_changes_what_a_program_is_chosen_by(tmp_path: Path) -> None:
    days = program_days(bars_of())
    windows = laid(days, "9m", warmup=0)
    one = walked(program(tmp_path / "one"), tmp_path / "a", windows)
    at = windows[1].train_end
    other = walked(program(tmp_path / "two"), tmp_path / "b", windows, bars_of(_other_bars(at)))
    chosen = [(e.params, e.trial, e.score, e.in_sample) for e in one.results]
    assert [(e.params, e.trial, e.score, e.in_sample) for e in other.results][:2] == chosen[:2]
    assert one.results[1].traded != other.results[1].traded


@pytest.mark.parametrize("name", ["net_profit", "total_profit"])
def test_a_program_without_a_return_is_refused_before_there_is_a_study(
    tmp_path: Path, name: str
) -> None:
    plan = program(tmp_path, name, objective="n")
    with pytest.raises(InputError, match=f"no total_return or profit.*it gives {name}, n"):
        walked(plan, tmp_path / "walk")
    assert not (tmp_path / "walk").exists()
    assert len(logged(tmp_path)) == 1


def test_a_killed_walk_forward_of_a_program_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = walked(program(tmp_path / "whole"), tmp_path / "a")
    plan = program(tmp_path / "killed")
    left = [5]
    call = InProcess._call

    def dies(self: Any, task: Any, span: Any) -> Any:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return call(self, task, span)

    monkeypatch.setattr(InProcess, "_call", dies)
    with pytest.raises(Killed):
        walked(plan, tmp_path / "b")
    assert len(logged(tmp_path / "killed")) == 5
    left[0] = 10**9
    assert walked(plan, tmp_path / "b").to_dict() == wanted.to_dict()
    # Six of the nine trials are left at most, and a set behind each window.
    assert len(logged(tmp_path / "killed")) <= 5 + 6 + 3


def test_what_is_kept_is_read_back_and_what_is_forged_is_refused(tmp_path: Path) -> None:
    walk = walked(program(tmp_path), tmp_path / "walk")
    data = json.loads(json.dumps(walk.to_dict(), allow_nan=False))
    again = ProgramWalk.from_dict(data)
    assert again.to_dict() == walk.to_dict()
    assert program_page(again) == program_page(walk)
    for change_it in (
        lambda d: d.pop("results"),
        lambda d: d["results"].pop(),
        lambda d: d["results"][0].update(searched=-1),
        lambda d: d["results"][0].update(params={"n": [1]}),
        lambda d: d["results"][0]["traded"].update(profit="much"),
        lambda d: d["windows"]["windows"][0].update(bars=[5, 4, 3, 2, 1]),
        lambda d: d.update(symbols=["\x1b[2J"]),
    ):
        forged = json.loads(json.dumps(data))
        change_it(forged)
        with pytest.raises(InputError):
            ProgramWalk.from_dict(forged)


def test_the_page_says_what_is_known(tmp_path: Path) -> None:
    walk = walked(program(tmp_path), tmp_path / "walk")
    page = program_page(walk)
    assert max(map(len, page.splitlines())) <= 98
    text = " ".join(page.split())
    assert "no position is carried over a boundary" in text
    assert "windows of the space are not used" in text
    # The program gives no drawdown.
    (line,) = (line for line in page.splitlines() if "drawdown below 40 %" in line)
    assert line.split()[-2:] == ["not", "known"]
    verdict = walk.tradestation
    assert verdict is not None
    assert verdict.conditions[4].value is None
    assert not verdict.passed


def test_cash_before_the_first_choice_and_the_set_before_where_nothing_is_chosen(
    tmp_path: Path,
) -> None:
    days = program_days(bars_of())
    windows = laid(days, "9m", warmup=0)
    best = [max(change(n, w.first, w.train_end) for n in (1, 20, 60)) for w in windows]
    low, *_, high = sorted(best)
    middle = (sorted(best)[0] + sorted(best)[1]) / 2
    assert low < middle < high
    walk = walked(program(tmp_path, limits={"profit": f">= {middle!r}"}), tmp_path / "w", windows)
    params: Mapping[str, Any] | None = None
    for own, each in zip(best, walk.results, strict=True):
        if own < middle:
            assert each.trial is None
            assert each.in_sample is None
            assert each.note
            assert each.params == params
            assert (each.earned == 0) == (params is None)
        else:
            assert each.trial is not None
            params = each.params
    assert walk.total_return == pytest.approx(
        math.prod(1 + (each.earned or 0) for each in walk.results) - 1
    )


def test_a_return_that_is_not_known_ends_the_chain(tmp_path: Path) -> None:
    # Windows are numbered from 0 on behind the studies, each of which has the window 0 alone.
    walk = walked(program(tmp_path, fails=1), tmp_path / "walk")
    assert [bool(each.error) for each in walk.results] == [False, True]
    assert "no such bars" in walk.results[1].error
    assert walk.total_return is walk.efficiency is walk.tradestation is None
    assert walk.table["chain"].null_count() == 1
    assert [mark[1] is None for mark in walk.marks] == [False, False, True]
    assert walk.held_return is not None
    assert "not known" in program_page(walk)


def test_what_is_no_program_with_bars_is_refused(tmp_path: Path) -> None:
    plan = program(tmp_path)
    for own, said in (
        (dataclasses.replace(plan, symbols=()), "names no symbols"),
        (read_plan(SPACE), "is a strategy"),
        (program(tmp_path, objective=["profit", "n"]), "needs the one best set"),
    ):
        with pytest.raises(InputError, match=said):
            require_program(own)


#: Reads the closes that it is given, and earns what holding them does, n times.
COMMAND = """
import csv, json, sys
asked = json.load(sys.stdin)
with open(asked["bars"]["SP500"]) as file:
    close = [float(row["close"]) for row in csv.DictReader(file)]
print(json.dumps({"total_return": asked["params"]["n"] * (close[-1] / close[0] - 1)}))
"""


@pytest.mark.usefixtures("processes")
def test_a_command_is_walked_forward_by_two_workers(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(COMMAND)
    space = {k: v for k, v in PROGRAM_SPACE.items() if k != "program"}
    space |= {"command": [sys.executable, "run.py"], "workers": 2, "objective": "total_return"}
    path = tmp_path / "space.json"
    path.write_text(json.dumps(space | {"parameters": {"n": [-1, 1]}, "trials": 2}))
    (window,) = windows = laid(program_days(bars_of()), "36m", warmup=0)
    walk = walked(read_plan(path), tmp_path / "walk", windows)
    n = 1 if change(10**9, window.first, window.train_end) > 0 else -1
    (found,) = walk.results
    assert found.params == {"n": n}
    assert found.earned == pytest.approx(n * change(10**9, window.split, window.until))
    assert "run.py" in walk.target
