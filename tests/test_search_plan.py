"""The file of a search: what is read of it, what options change, and what is wrong in it."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import math
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from wfo.errors import InputError
from wfo.files import limits
from wfo.search.plan import DateWindow, SearchPlan, SearchWindows, Stalled
from wfo.search.plan_file import KEYS, defaults, read_plan
from wfo.strategy import strategies
from wfo.windows import WalkSchedule, Windows
from wfo.yaml_text import load_yaml

PROGRAM = """\
program: strategies.swing:evaluate
symbols: [SPY]
parameters:
  strategy:
    swing: {sma_fast: [5, 10, 15, 20], sma_slow: [30, 40, 50, 60]}
  risk: {risk_per_trade_pct: [0.5, 1.0, 1.5, 2.0], max_positions: {int: [3, 8]}}
constraints: ["strategy.swing.sma_fast < strategy.swing.sma_slow"]
objective: sharpe
"""

STRATEGY = """\
strategy: atr_d_l
symbols: SPY
parameters:
  atr_period: {int: [4, 70]}
  atr_multiplier: {float: [1, 30]}
  scaling_method: [0, 1, 2]
"""

#: A file that says something of every key.
FULL = """\
program: prog.py:evaluate
symbols: [SPY, QQQ]
timeframe: 1hour
parameters:
  s: {fast: [5, 10, 15], slow: {int: [20, 60], step: 20}, kind: [sma, ema]}
  eps: {float: [0.00001, 0.1], log: true}
fixed: {s: {note: x}}
start: [{s: {fast: 5, slow: 20, kind: sma}, eps: 0.01}]
constraints: [s.fast < s.slow, {require: "s.fast < 15 or s.kind == 'ema'", repair: {s.kind: ema}}]
objective: {sharpe: 0.7, drawdown: 0.3}
limits: strict
guardrails: guard.yaml
aggregate: minimum
windows:
- {in: 2018-01-01/2020-01-01, out: 2020-01-01/2021-01-01}
- {in: 2019-01-01/2021-01-01, out: 2021-01-01/2022-01-01}
period: 2018-01-01/2022-12-31
holdout: 12m
warmup: 200
method: {name: ga, population: 20}
trials: 500
batch: 25
seed: 7
workers: 2
timeout: 10m
memory: 2GiB
retries: 2
prune: median
baseline: {s: {fast: 10, slow: 40, kind: ema}, eps: 0.001}
top: 5
stalled: {batches: 30, then: restart}
"""

#: Keys that a file of a program has not, or that it has only where they are said.
ELSEWHERE = {"strategy", "command", "settings", "block", "bars_per_year"}


def written(tmp_path: Path, text: str, name: str = "space.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def full(tmp_path: Path) -> Path:
    (tmp_path / "prog.py").write_text("def evaluate(params): return {}\n", "utf-8")
    (tmp_path / "guard.yaml").write_text("drawdown: {at_most: 0.3}\n", "utf-8")
    return written(tmp_path, FULL)


def refused(path: Path, overrides: dict[str, Any] | None = None) -> list[str]:
    """Return the lines of the error that a file is."""
    with pytest.raises(InputError) as caught:
        read_plan(path, overrides)
    lines = str(caught.value).splitlines()
    assert lines
    assert all(line and line.isprintable() and len(line) <= 700 for line in lines)
    return lines


# What is read


def test_a_short_file_takes_the_defaults_that_ship(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, PROGRAM))
    shipped = defaults()
    assert (plan.kind, plan.target) == ("program", "strategies.swing:evaluate")
    assert plan.folder == tmp_path
    assert plan.symbols == ("SPY",)
    assert plan.space.size == 4 * 4 * 4 * 6
    for key in (
        "timeframe",
        "aggregate",
        "method",
        "trials",
        "batch",
        "seed",
        "workers",
        "warmup",
        "prune",
        "top",
    ):
        assert getattr(plan, key) == shipped[key], key
    assert plan.windows == SearchWindows("share", share=0.7)
    assert plan.stalled == Stalled(**shipped["stalled"])
    assert plan.objective.names == ("sharpe",)
    assert plan.limits.mode == "none"
    assert (plan.guardrails, plan.block, plan.holdout, plan.baseline) == (None, None, None, None)
    # The runner has its own.
    assert (plan.timeout, plan.memory, plan.retries) == (None, None, None)
    assert (plan.period, plan.settings, plan.filled) == ((None, None), {}, {})
    assert plan.text == PROGRAM


def test_every_key_is_read(tmp_path: Path) -> None:
    plan = read_plan(full(tmp_path))
    assert {*load_yaml(FULL), *ELSEWHERE} == set(KEYS)
    text = f"{STRATEGY}bars_per_year: 260\n"
    assert read_plan(written(tmp_path, text, "b.yaml")).bars_per_year == 260.0
    assert plan.target == "prog.py:evaluate"
    assert plan.symbols == ("SPY", "QQQ")
    assert plan.timeframe == "1hour"
    assert plan.space.names == ("s.fast", "s.slow", "s.kind", "eps")
    assert plan.space.start == ({"s.fast": 5, "s.slow": 20, "s.kind": "sma", "eps": 0.01},)
    assert next(c.require for c in plan.space.constraints) == "s.fast < s.slow"
    assert plan.objective.names == ("sharpe", "drawdown")
    assert plan.limits.mode == "strict"
    assert plan.guardrails is not None
    assert [str(rule) for rule in plan.guardrails.rules] == ["drawdown at most 0.3"]
    assert plan.aggregate == "minimum"
    assert plan.windows.kind == "dates"
    day = dt.date
    assert plan.windows.dates[1] == DateWindow(
        (day(2019, 1, 1), day(2021, 1, 1)), (day(2021, 1, 1), day(2022, 1, 1))
    )
    assert plan.period == (day(2018, 1, 1), day(2022, 12, 31))
    assert plan.holdout == "1y"
    assert plan.warmup == 200
    assert (plan.method, plan.method_options) == ("ga", {"population": 20})
    assert (plan.trials, plan.batch, plan.seed, plan.workers) == (500, 25, 7, 2)
    assert (plan.timeout, plan.memory, plan.retries) == (600.0, 2 << 30, 2)
    assert (plan.prune, plan.top, plan.stalled) == ("median", 5, Stalled(30, "restart"))
    assert plan.baseline == {"s.fast": 10, "s.slow": 40, "s.kind": "ema", "eps": 0.001}


def test_json_says_the_same(tmp_path: Path) -> None:
    plan = read_plan(full(tmp_path))
    data = load_yaml(FULL)
    other = read_plan(written(tmp_path, json.dumps(data), "space.json"))
    assert other.identity == plan.identity
    assert {k: v for k, v in other.to_dict().items() if k != "text"} == {
        k: v for k, v in plan.to_dict().items() if k != "text"
    }
    # Quotes of JSON make a text one, and what YAML reads otherwise is what it says.
    text = (
        '{"program": "a:b", "parameters": {"x": ["no", "1e-3", "2020-01-01"], "no": [1e-3, 2e-3]}}'
    )
    plan = read_plan(written(tmp_path, text, "b.json"))
    assert plan.space.dimensions[0].values == ("no", "1e-3", "2020-01-01")
    assert plan.space.dimensions[1].values == (0.001, 0.002)


def test_a_strategy_is_completed_by_its_defaults(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, STRATEGY + "settings: {fee: 0.001}\nfixed: {bb_length: 30}"))
    strategy = strategies()["atr_d_l"]
    assert plan.windows == SearchWindows("schedule", Windows.preset("default"))
    assert plan.block == "auto"
    assert plan.settings == strategy.settings(fee=0.001).to_dict()
    point = plan.space.decode(plan.space.sample(_half(plan)))[0]
    nested = plan.space.nested(point)
    assert set(nested) == set(strategy.names)
    assert strategy.check_params(nested)
    assert set(plan.filled) == set(strategy.names) - {*point, "bb_length"}
    assert nested["bb_length"] == 30
    # What names a method has no order.
    assert [d.kind for d in plan.space.dimensions] == ["int", "float", "choice"]


def _half(plan: SearchPlan) -> Any:
    import numpy as np

    return np.full((1, len(plan.space.dimensions)), 0.5)


def test_a_strategy_brings_its_constraints(tmp_path: Path) -> None:
    text = "strategy: atr_d_hma_l\nsymbols: [SPY]\nparameters: {hma_fast_length: {int: [10, 60]}"
    plan = read_plan(written(tmp_path, text + ", hma_slow_length: {int: [20, 90]}}"))
    assert [c.require for c in plan.space.constraints] == ["hma_fast_length < hma_slow_length"]
    assert not plan.space.allowed(
        plan.space.encode({"hma_fast_length": 60, "hma_slow_length": 60})[None]
    )[0]
    # Also where one of them is fixed, and where both are.
    plan = read_plan(written(tmp_path, text + "}\nfixed: {hma_slow_length: 30}"))
    assert not plan.space.allowed(plan.space.encode({"hma_fast_length": 30})[None])[0]
    (line,) = refused(
        written(
            tmp_path,
            "strategy: atr_d_hma_l\nsymbols: [SPY]\nparameters: {atr_period: [4, 5]}\n"
            "fixed: {hma_fast_length: 50, hma_slow_length: 40}",
        )
    )
    assert line.startswith("space.yaml: fixed: hma_fast_length = 50 is not allowed")


def test_numbers_are_those_of_the_strategys_parameters(tmp_path: Path) -> None:
    text = STRATEGY.replace("{float: [1, 30]}", "[2, 3]")
    space = read_plan(written(tmp_path, text)).space
    assert [type(v) for v in space.dimensions[1].values or ()] == [float, float]
    text = STRATEGY.replace("{float: [1, 30]}", "{int: [2, 30], step: 2}")
    dimension = read_plan(written(tmp_path, text)).space.dimensions[1]
    assert (dimension.kind, dimension.step, dimension.size) == ("float", 2.0, 15)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("{atr_perod: [4, 5]}", "no parameter 'atr_perod'; did you mean 'atr_period'"),
        ("{a: {atr_period: [4, 5]}}", "no parameter 'a.atr_period'"),
        ("{atr_period: [0, 5]}", "parameters.atr_period = 0 is not allowed; it must be a whole"),
        ("{atr_period: [4.5, 5]}", "parameters.atr_period = 4.5 is not allowed"),
        ("{atr_period: [a, b]}", "parameters.atr_period = 'a' is not allowed"),
        ("{atr_period: {float: [4, 5]}}", r"takes whole numbers; write {int: [4, 5]}"),
        ("{atr_period: {int: [0, 20000]}}", "parameters.atr_period = 0 is not allowed"),
        ("{min_tightening: {float: [0.5, 2]}}", "parameters.min_tightening = 2.0 is not allowed"),
        ("{min_tightening: {float: [0, 1]}}", "parameters.min_tightening = 0.0 is not allowed"),
        ("{scaling_method: [2, 3]}", "parameters.scaling_method = 3 is not allowed"),
        ("{scaling_method: {choice: [linear, root]}}", "= 'linear' is not allowed"),
    ],
)
def test_what_is_no_parameter_of_a_strategy(tmp_path: Path, parameters: str, said: str) -> None:
    text = f"strategy: atr_d_l\nsymbols: [SPY]\nparameters: {parameters}"
    assert any(said in line for line in refused(written(tmp_path, text)))


# Plain values


def test_a_plan_comes_back_from_plain_values(tmp_path: Path) -> None:
    for path in (
        full(tmp_path),
        written(tmp_path, STRATEGY, "b.yaml"),
        written(tmp_path, PROGRAM, "c.yaml"),
    ):
        plan = read_plan(path)
        again = SearchPlan.from_dict(json.loads(json.dumps(plan.to_dict(), allow_nan=False)))
        assert again == plan
        assert again.to_dict() == plan.to_dict()
        assert again.identity == plan.identity
        assert again.space.start == plan.space.start
        assert again.windows == plan.windows
        assert hash(again) == hash(plan)


def test_plain_values_that_are_no_plan_are_refused(tmp_path: Path) -> None:
    data = read_plan(full(tmp_path)).to_dict()
    for key in data:
        with pytest.raises(InputError):
            SearchPlan.from_dict({k: v for k, v in data.items() if k != key})
    strange = [None, 5, -1, 0.5, True, "x", "\x1b[31m", [], [5], {}, {"a": 5}, {"a": []}, math.nan]
    taken = 0
    for changed in (data | {key: other} for key in data for other in strange):
        try:
            plan = SearchPlan.from_dict(changed)
        except InputError:
            continue
        taken += 1
        again = json.loads(json.dumps(plan.to_dict(), allow_nan=False))
        assert SearchPlan.from_dict(again).identity == plan.identity
        assert "\\u001b" not in json.dumps({**again, "text": "", "folder": ""})
    # Such as no symbols, another method, or a seed of 5.
    assert taken < len(data) * 5
    for windows in (
        {"kind": "schedule"}, {"kind": "none"}, {"share": 0.5}, {"dates": []},
        {"dates": [{"in": "2020-01-01/2019-01-01", "out": "2021-01-01/2022-01-01"}]},
        {"dates": [{"out": "2021-01-01/2022-01-01"}]},
        {"dates": [{"in": "x", "out": "2021-01-01/2022-01-01"}]},
    ):  # fmt: skip
        with pytest.raises(InputError):
            SearchPlan.from_dict(data | {"windows": data["windows"] | windows})


#: What decides a result, and a value other than the file's.
DECIDES = {
    "program": "other:evaluate",
    "symbols": ["SPY"],
    "timeframe": "1day",
    "parameters": {
        "s": {"fast": [5, 10], "slow": [20, 40, 60], "kind": ["sma", "ema"]},
        "eps": {"float": [0.00001, 0.1], "log": True},
    },
    "fixed": {"s": {"note": "y"}},
    "start": [],
    "constraints": ["s.fast < s.slow"],
    "objective": "sharpe",
    "limits": "none",
    "guardrails": "other.yaml",
    "aggregate": "mean",
    "windows": "default",
    "period": "2018-01-01/2023-12-31",
    "holdout": "6m",
    "warmup": 100,
    "method": "ga",
    "batch": 20,
    "seed": 8,
    "prune": "none",
    "stalled": {"batches": 20, "then": "restart"},
}
#: What does not.
DECIDES_NOT = {
    "trials": 600,
    "workers": None,
    "timeout": 20,
    "memory": "1GB",
    "retries": 0,
    "baseline": None,
    "top": 3,
}


@pytest.mark.parametrize("key", [*DECIDES, *DECIDES_NOT])
def test_the_identity_is_of_what_decides_results(tmp_path: Path, key: str) -> None:
    before = read_plan(full(tmp_path))
    (tmp_path / "other.yaml").write_text("drawdown: {at_most: 0.2}\n", "utf-8")
    data = load_yaml(FULL)
    data[key] = {**DECIDES, **DECIDES_NOT}[key]
    after = read_plan(written(tmp_path, json.dumps(data, default=str), "space.json"))
    assert (after.identity != before.identity) == (key in DECIDES)


def test_the_identity_is_of_every_key() -> None:
    assert {*DECIDES, *DECIDES_NOT, *ELSEWHERE} == set(KEYS)


def test_the_identity_of_a_strategys_own_keys(tmp_path: Path) -> None:
    before = read_plan(written(tmp_path, STRATEGY)).identity
    for more in ("settings: {fee: 0.001}", "block: 1", "block: none", "bars_per_year: 260"):
        assert read_plan(written(tmp_path, f"{STRATEGY}{more}\n")).identity != before
    # What is said that would be so anyway is no other study.
    assert (
        read_plan(written(tmp_path, f"{STRATEGY}settings: {{fee: 0}}\nblock: auto\n")).identity
        == before
    )


@pytest.mark.parametrize("value", ["0", "-1", "2e9", "many", "true", "[252]"])
def test_bars_of_a_year_are_a_number_above_0(tmp_path: Path, value: str) -> None:
    (line,) = refused(written(tmp_path, f"{STRATEGY}bars_per_year: {value}\n"))
    assert "bars_per_year" in line
    assert line.endswith("must be a number above 0 and up to 1e+09, as 252")
    data = read_plan(written(tmp_path, STRATEGY)).to_dict()
    for wrong in (0, -1.0, 2e9, "many", True, [252]):
        with pytest.raises(InputError, match="bars_per_year"):
            SearchPlan.from_dict(data | {"bars_per_year": wrong})


def test_the_identity_does_not_follow_the_folder_or_the_text(tmp_path: Path) -> None:
    before = read_plan(full(tmp_path)).identity
    inner = tmp_path / "inner"
    inner.mkdir()
    path = full(inner)
    path.write_text("# A comment\n" + FULL, "utf-8")
    assert read_plan(path).identity == before


# Options


def test_options_come_before_the_file(tmp_path: Path) -> None:
    path = full(tmp_path)
    plan = read_plan(
        path,
        {
            "symbols": ("DIA", "IWM"),
            "trials": 9,
            "workers": 3,
            "seed": 0,
            "top": 1,
            "method": "sobol",
            "holdout": "none",
            "timeframe": "1day",
            "start": "2017-01-01",
            "end": dt.date(2023, 6, 30),
            "batch": None,
            "limits": "none",
        },
    )
    assert plan.symbols == ("DIA", "IWM")
    assert (plan.trials, plan.workers, plan.seed, plan.top, plan.batch) == (9, 3, 0, 1, 25)
    assert (plan.method, plan.method_options) == ("sobol", {})
    assert (plan.holdout, plan.timeframe) == (None, "1day")
    assert plan.period == (dt.date(2017, 1, 1), dt.date(2023, 6, 30))
    assert plan.limits.mode == "none"
    # The options of a method stay where the same one is asked for.
    assert read_plan(path, {"method": "ga"}).method_options == {"population": 20}


def test_another_strategy_by_an_option(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, STRATEGY), {"strategy": "atr_d_ls"})
    assert plan.target == "atr_d_ls"
    assert "short_multiplier" in plan.filled
    path = written(tmp_path, PROGRAM)
    assert any("no parameter" in line for line in refused(path, {"strategy": "atr_d_l"}))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trials": 0}, "--trials = 0 must be a whole number from 1"),
        ({"workers": 0}, "--workers = 0 must be a whole number from 1"),
        ({"workers": -1}, "--workers = -1 must be"),
        ({"seed": -1}, "--seed = -1 must be a whole number from 0"),
        ({"top": 0}, "--top = 0 must be"),
        ({"method": "tpee"}, "--method: there is no method 'tpee'; did you mean 'tpe'"),
        ({"symbols": ("a\nb",)}, "--symbols[0]: symbol 'a\\nb' cannot be stored"),
        ({"symbols": ("SPY", "SPY")}, "--symbols[1] = 'SPY' is there twice"),
        ({"start": "2022-02-30"}, "--start = '2022-02-30' must be a date, such as 2020-01-31"),
        ({"end": "yesterday"}, "--end = 'yesterday' must be a date"),
        ({"start": "2023-01-01", "end": "2022-01-01"}, "begins on 2023-01-01, after its end"),
        ({"holdout": "soon"}, "--holdout = 'soon' is no time to hold out"),
        ({"strategy": "nix"}, "--strategy = 'nix': there is no strategy 'nix'"),
        ({"strategy": "my.py:Donchian"}, "--strategy = 'my.py:Donchian': there is no file"),
        ({"timeframe": "2day"}, "--timeframe = '2day' must be one of 1min"),
        ({"guardrails": "none.yaml"}, "there is no file of guardrails none.yaml"),
    ],
)
def test_an_option_that_is_wrong_is_named(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    lines = refused(written(tmp_path, PROGRAM), options)
    assert any(said in line for line in lines), lines
    if said.startswith("--"):
        assert any(line.startswith(said) for line in lines)


def test_names_of_files_are_beside_the_file_and_of_options_where_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = full(folder)
    schedule = "phases: [{from: 4y, to: today, in_sample: 0.5}]\n"
    written(folder, schedule, "mine.yaml")
    written(tmp_path, schedule.replace("4y", "5y"), "mine.yaml")
    written(tmp_path, "drawdown: {at_most: 0.1}\n", "guard.yaml")
    monkeypatch.chdir(tmp_path)
    data = load_yaml(FULL) | {"windows": "mine.yaml"}
    path = written(folder, json.dumps(data), "space.json")
    inside, outside = (
        read_plan(path),
        read_plan(path, {"windows": "mine.yaml", "guardrails": "guard.yaml"}),
    )
    assert inside.windows.schedule is not None
    assert outside.windows.schedule is not None
    assert inside.windows.schedule.spans[0].from_months == 48
    assert outside.windows.schedule.spans[0].from_months == 60
    assert inside.guardrails is not None
    assert outside.guardrails is not None
    assert inside.guardrails.rules[0].bound == 0.3
    assert outside.guardrails.rules[0].bound == 0.1


# What is wrong


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"program": 5}, "program = 5 must be module:function"),
        ({"program": ""}, "program = '' must be module:function"),
        ({"program": "module"}, "must be module:function or FILE.py:function"),
        ({"program": "a b:c"}, "of a module that Python can import, or FILE.py:function"),
        ({"program": "a:b c"}, "must be module:function or FILE.py:function"),
        ({"program": "missing.py:run"}, "names the file missing.py, which is not in"),
        ({"command": ["./x"]}, "program, command are there; keep one"),
        ({"program": None, "command": "./x --json"}, "must be a list of texts, as [./backtest"),
        ({"program": None, "command": []}, "must be a list of texts"),
        ({"program": None, "command": ["./x", 5]}, "quote its numbers"),
        ({"program": None}, "nothing says what is run: 'program: module:function'"),
        ({"symbols": 5}, "symbols = 5 must be a list of symbols"),
        ({"symbols": ["SPY", None]}, "symbols[1] = null must be a text"),
        ({"symbols": ["SPY", "SPY"]}, "symbols[1] = 'SPY' is there twice"),
        ({"symbols": ["ü"]}, "symbols[0]: symbol 'ü' cannot be stored"),
        ({"timeframe": "1d"}, "timeframe = '1d' must be one of 1min"),
        ({"objective": "a\nb"}, "objective"),
        ({"objective": {"sharpe": "much"}}, "objective"),
        ({"objective": []}, "objective"),
        ({"limits": "some"}, "limits = 'some' must be one of none, strict, lenient"),
        ({"guardrails": "missing.yaml"}, "there is no file of guardrails"),
        ({"guardrails": {"sharpe": 1}}, "guardrails"),
        ({"aggregate": "max"}, "aggregate = 'max' must be one of median, mean, minimum"),
        ({"windows": "weekly"}, "windows = 'weekly' is no schedule"),
        ({"windows": "missing.yaml"}, "there is no windows file"),
        ({"windows": 1.5}, "must be a share of the bars above 0 and below 1"),
        ({"windows": []}, "must be a schedule, {in: 2020-01-01"),
        ({"windows": [5]}, "windows[0] must be a mapping"),
        ({"windows": {"in": "2020-01-01/2021-01-01"}}, "windows[0] lacks out"),
        ({"windows": {"in": "2020/2021", "out": "2021/2022"}}, "must be two dates"),
        (
            {"windows": {"in": "2020-01-01/2019-01-01", "out": "2021-01-01/2022-01-01"}},
            "windows[0] in = '2020-01-01/2019-01-01' ends before it has begun; swap the dates",
        ),
        (
            {"windows": {"in": "2020-01-01/2021-01-01", "out": "2022-01-01/2021-01-01"}},
            "windows[0] out = '2022-01-01/2021-01-01' ends before it has begun",
        ),
        (
            {"windows": {"in": "2020-01-01/2021-01-02", "out": "2021-01-01/2022-01-01"}},
            "begins before in = '2020-01-01/2021-01-02' ends, on 2021-01-02; begin there",
        ),
        (
            {"windows": {"in": "2017-01-01/2021-01-01", "out": "2021-01-01/2022-01-01"}},
            "2017-01-01 to 2021-12-31 is not within the period, 2018-01-01 to 2022-12-31",
        ),
        (
            {"windows": [{"in": "2020-01-01/2021-01-01", "out": "2021-01-01/2022-01-01"}] * 2},
            "windows[1] is the same as [0]; keep one",
        ),
        ({"windows": {"ins": 5}}, "has 'ins', which is unknown; did you mean 'in'"),
        ({"period": "2018"}, "period = '2018' must be the first and the last day"),
        ({"period": "2023-01-01/2022-01-01"}, "begins on 2023-01-01, after its end on 2022-01-01"),
        ({"period": "2018-13-01/2022-01-01"}, "must be a date"),
        ({"period": 2018}, "period = 2018 must be the first and the last day"),
        ({"warmup": -1}, "warmup = -1 must be a whole number from 0"),
        ({"holdout": 5}, "holdout = 5 is no time to hold out"),
        ({"holdout": "0m"}, "holdout = '0m' is no time"),
        ({"holdout": True}, "holdout = true is no time"),
        ({"settings": {"fee": 0}}, "settings are those of a strategy's account"),
        ({"settings": 5}, "settings = 5 must be a mapping"),
        ({"method": "gaa"}, "method: there is no method 'gaa'; did you mean 'ga'"),
        ({"method": 5}, "method = 5 must be the name of a method"),
        ({"method": {"population": 5}}, "method: must be the name of a method"),
        ({"method": {"name": "ga", "populaton": 5}}, "method.populaton"),
        ({"method": {"name": "ga", "population": "many"}}, "method.population"),
        ({"method": "grid"}, "method: the method grid needs values or a step of eps"),
        ({"trials": 0}, "trials = 0 must be a whole number from 1 to 100,000,000"),
        ({"trials": 1.5}, "trials = 1.5 must be a whole number"),
        ({"trials": "many"}, "trials = 'many' must be a whole number"),
        ({"trials": True}, "trials = true must be a whole number"),
        ({"trials": 10**30}, "must be a whole number"),
        ({"batch": 0}, "batch = 0 must be a whole number from 1"),
        ({"seed": -1}, "seed = -1 must be a whole number from 0"),
        ({"seed": 2**63}, "must be a whole number from 0"),
        ({"workers": 0}, "workers = 0 must be a whole number from 1"),
        ({"timeout": 0}, "timeout = 0 must be a time above 0"),
        ({"timeout": "soon"}, "timeout = 'soon' must be a time above 0"),
        ({"timeout": -1}, "timeout = -1 must be a time"),
        ({"memory": "much"}, "memory = 'much' must be a size"),
        ({"memory": 5}, "memory = 5 must be a size from 64MiB on"),
        ({"retries": -1}, "retries = -1 must be a whole number from 0"),
        ({"prune": "always"}, "prune = 'always' must be one of none, median, wilcoxon"),
        ({"prune": False}, "prune = false must be one of"),
        ({"objective": ["sharpe", "drawdown"]}, "prune = 'median' goes with one objective"),
        ({"block": 2}, "block: only strategies are swept in blocks"),
        ({"baseline": 5}, "baseline = 5 must be a point"),
        ({"baseline": {"eps": 5}}, "baseline: eps = 5 is none of its values; the nearest one is"),
        ({"top": 0}, "top = 0 must be a whole number from 1"),
        ({"stalled": 5}, "stalled = 5 must be a mapping"),
        ({"stalled": {"batches": -1}}, "stalled: must be a whole number from 0"),
        ({"stalled": {"batches": 3, "then": "nix"}}, "stalled: then = 'nix' is neither restart"),
        ({"stalled": {"batch": 3}}, "has 'batch', which is unknown; did you mean 'batches'"),
        ({"paramters": {}}, "'paramters' is no key of a search; did you mean 'parameters'"),
        ({"end": "2020-01-01"}, "'end' is no key of a search"),
        ({"parameters": {"x": [5]}, "start": None, "constraints": None, "baseline": None},
         "the space is one point, and there is nothing to search"),
        ({"parameters": {}}, "parameters: the space is empty"),
        ({"parameters": None}, "parameters = null must be a mapping"),
        ({"constraints": ["s.fast > s.slow"], "start": None}, "none of all 9 points meets"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    full(tmp_path)
    data = load_yaml(FULL) | change
    data = {k: v for k, v in data.items() if v is not None or k not in ("program", "start")}
    path = written(tmp_path, json.dumps(data, default=str), "space.json")
    lines = refused(path)
    assert any(said in line for line in lines), lines
    assert all(line.startswith("space.json: ") for line in lines)


def test_nothing_else_is_wrong_where_one_value_is(tmp_path: Path) -> None:
    full(tmp_path)
    for change in ({"trials": 0}, {"symbols": [5]}, {"method": 5}, {"period": 5}, {"holdout": 5}):
        data = load_yaml(FULL) | change
        assert len(refused(written(tmp_path, json.dumps(data, default=str), "space.json"))) == 1


@pytest.mark.parametrize("key", [k for k in KEYS if k != "parameters"])
def test_every_key_takes_every_kind_of_value(tmp_path: Path, key: str) -> None:
    """A value of any kind is read, or is an error of its file; never a traceback."""
    full(tmp_path)
    plan = load_yaml(STRATEGY if key in {"strategy", "settings", "block", "windows"} else FULL)
    numbers: list[Any] = [5, -1, 2**70, 0.5, True]
    values = ["", "x" * 5_000, "\x1b[31m", [], [[]], {}, {"": 5}, {"a": {"b": []}}]
    for value in [*numbers, *values]:
        path = written(tmp_path, json.dumps(plan | {key: value}, default=str), "x.json")
        try:
            read_plan(path)
        except InputError as error:
            lines = str(error).splitlines()
            assert all(line.startswith("x.json: ") and line.isprintable() for line in lines), value


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """\
progam: x
strategy: atr_d_l
symbols: [NO, spy, 5, spy]
parameters:
  a: 5
  b: [1e-3, 2]
  c: [no, yes]
  atr_period: [0, 3]
  atr_multiplier: {float: [5, 1]}
  on: [1, 2]
method: 7
trials: 0
windows: {in: 2024-04-01/2023-09-01, out: 2024-09-01/2025-01-01}
workers: 0
period: 2025-01-01/2024-01-01
settings: {fee: 2, x: 1}
"""
    lines = refused(written(tmp_path, text))
    for said in (
        "'progam' is no key",
        "symbols[0] = NO (line 3) is false to YAML; write false, or 'NO' in quotes",
        "symbols[2] = 5 must be a text",
        "symbols[3] = 'spy' is there twice",
        "parameters.a = 5: values are a list, as [5]",
        "parameters.b = [\"1e-3\", 2]: '1e-3' is text to YAML; write 0.001",
        "parameters.c[0] = no (line 7) is false to YAML",
        "parameters.c[1] = yes (line 7) is true to YAML",
        "parameters.atr_period = 0 is not allowed",
        "parameters.atr_multiplier = {float: [5, 1]}: the range begins at 5.0",
        "parameters: the key true is no text to YAML; put its name in quotes",
        "method = 7 must be",
        "trials = 0 must be",
        "windows[0] in = '2024-04-01/2023-09-01' ends before it has begun",
        "workers = 0 must be",
        "the period begins on 2025-01-01, after its end on 2024-01-01",
        "settings.fee = 2 is not allowed",
        "settings.x = 1 is no setting",
    ):
        assert sum(said in line for line in lines) == 1, said
    assert all(line.startswith("space.yaml: ") for line in lines)


def test_a_file_in_which_all_is_wrong_is_told_in_few_lines(tmp_path: Path) -> None:
    text = "program: a:b\nparameters:\n" + "".join(f"  x{i}: {i}\n" for i in range(20_000))
    lines = refused(written(tmp_path, text))
    assert len(lines) == 51
    assert re.fullmatch(r"space.yaml: and 19,95\d more", lines[-1])


def test_more_parameters_than_are_taken(tmp_path: Path) -> None:
    most = limits.SEARCH_DIMENSIONS
    text = "program: a:b\nparameters:\n" + "".join(f"  x{i}: [1, 2]\n" for i in range(most))
    assert len(read_plan(written(tmp_path, text)).space.dimensions) == most
    (line,) = refused(written(tmp_path, f"{text}  y: [1, 2]\n"))
    assert "parameters has 1,001 parameters; at most 1,000 will do" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "describes no search"),
        ("just words", "describes no search"),
        ("[1, 2]", "describes no search"),
        ("program: [", "is not YAML"),
        ("program: a:b\nprogram: c:d", "'program' is there twice"),
        ("5: 6\nprogram: a:b\nparameters: {x: [1, 2]}", "5 is no key of a search"),
        ("program: a:b\nparameters: {x: [1, 0700]}", "is a number in another base"),
        ("program: a:b\nparameters: {x: [1, .inf]}", "is no number that can be used"),
        ("program: a:b\nparameters: {x: [1, 2], x: [3]}", "'x' is there twice"),
        ("a: &a [*a]", "holds itself"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path: Path, text: str, said: str) -> None:
    lines = refused(written(tmp_path, text))
    assert said in lines[0]
    assert lines[0].startswith("space.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"a": 1, "a": 2}', "is not JSON"),
        ('{"trials": NaN}', "is not JSON"),
        ("[1]", "describes no search"),
        ("[" * 5_000, "is not JSON"),
        ('{"program": "a:b", "parameters": {"x": ["\\ud800", "b"]}}', "parameters.x"),
        ('{"program": "a:b", "parameters": {"\\ud800": [1, 2]}}', "is no name"),
        ('{"program": "a:b", "parameters": {"x": [1, 2]}, "fixed": {"a": "\\ud800"}}', "fixed.a"),
        ('{"program": "\\ud800:b", "parameters": {"x": [1, 2]}}', "program"),
    ],
)
def test_json_that_is_no_plan(tmp_path: Path, text: str, said: str) -> None:
    lines = refused(written(tmp_path, text, "space.json"))
    assert said in lines[0]


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing.yaml") == [
        f"there is no file {tmp_path}/missing.yaml; 'wfo study example' writes one to begin with"
    ]
    assert "must be a .yaml or .json file" in refused(written(tmp_path, PROGRAM, "space.txt"))[0]
    (tmp_path / "folder.yaml").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.yaml")[0]
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "is a named pipe" in refused(tmp_path / "pipe.yaml")[0]
    (tmp_path / "bytes.yaml").write_bytes(b"a: 1\nb: \xff\n")
    assert "line 2: byte 0xff is not UTF-8" in refused(tmp_path / "bytes.yaml")[0]
    for name in ("large.yaml", "large.json"):
        (tmp_path / name).write_bytes(b" " * (limits.YAML_BYTES + 1))
        assert "has 1,048,577 bytes; 1,048,576 are read" in refused(tmp_path / name)[0]


def test_a_name_of_a_file_that_steers_a_terminal_is_shown_as_what_it_is(tmp_path: Path) -> None:
    lines = refused(written(tmp_path, "program: 5", "\x1b[31m\u202e.yaml"))
    assert lines[0].startswith("\\x1b[31m\\u202e.yaml: ")


@pytest.mark.parametrize("word", ["no", "No", "NO", "yes", "on", "OFF"])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("parameters: {x: [a, WORD]}", "parameters.x[1]"),
        ("parameters: {deep: {x: {choice: [WORD, a]}}}", "parameters.deep.x.choice[0]"),
        ("parameters:\n  x:\n  - a\n  - WORD\n", "parameters.x[1]"),
        ("parameters: {x: [1, 2]}\nfixed: {a: {b: WORD}}", "fixed.a.b"),
        ("parameters: {x: [1, 2]}\nsymbols: [SPY, WORD]", "symbols[1]"),
        ("parameters: {x: &x [a, WORD], y: *x}", "parameters.x[1]"),
        ("parameters: {x: [1, 2], y: [true, false]}\nstart: [{x: 1, y: WORD}]", "start[0].y"),
    ],
)
def test_words_that_yaml_takes_for_truths(tmp_path: Path, word: str, text: str, place: str) -> None:
    truth = "false" if word.lower() in ("no", "off") else "true"
    lines = refused(written(tmp_path, "program: a:b\n" + text.replace("WORD", word)))
    said = f"space.yaml: {place} = {word} (line "
    assert any(
        line.startswith(said) and f"is {truth} to YAML; write {truth}, or '{word}' in" in line
        for line in lines
    ), lines
    # In quotes it is the text, and a truth value is one.
    quoted = text.replace("WORD", f"'{word}'")
    if "start" not in text:
        plan = read_plan(written(tmp_path, "program: a:b\n" + quoted))
        assert word in json.dumps(plan.to_dict()["space"]) + json.dumps(plan.symbols)
    read_plan(
        written(
            tmp_path,
            "program: a:b\n"
            + text.replace("WORD", truth)
            .replace("SPY, ", "")
            .replace(f"symbols: [{truth}]", "symbols: [SPY]"),
        )
    )


@pytest.mark.parametrize("written_as", ["1e-3", "1E-3", "1e3", "5e-05", "-1e-3"])
def test_numbers_that_yaml_takes_for_texts(tmp_path: Path, written_as: str) -> None:
    head = "program: a:b\nparameters: "
    number = float(written_as)
    # By the declared kind it is a number.
    ends = sorted([written_as, "2000"], key=float)
    plan = read_plan(written(tmp_path, f"{head}{{x: {{float: [{ends[0]}, {ends[1]}]}}}}"))
    assert number in (plan.space.dimensions[0].low, plan.space.dimensions[0].high)
    # Without one it is refused, with what to write.
    for leaf in (f"[{written_as}, 2]", f"{{choice: [{written_as}, a]}}"):
        (line,) = refused(written(tmp_path, f"{head}{{x: {leaf}}}"))
        match = re.search(
            rf"'{written_as}' is text to YAML; write (\S+), or put it in quotes", line
        )
        assert match is not None
        assert float(match[1]) == number
    # In quotes it is meant as text.
    plan = read_plan(written(tmp_path, f"{head}{{x: ['{written_as}', a]}}"))
    assert plan.space.dimensions[0].values == (written_as, "a")
    (line,) = refused(written(tmp_path, f"{head}{{x: [1, 2]}}\nfixed: {{a: {written_as}}}"))
    assert line.startswith(f"space.yaml: fixed.a = '{written_as}': ")


def test_a_whole_number_in_another_form_is_one_by_the_declared_kind(tmp_path: Path) -> None:
    head = "program: a:b\nparameters: "
    for ends in ("['5', '8']", "[5.0, 8.0]", "[5, 8]"):
        plan = read_plan(written(tmp_path, f"{head}{{x: {{int: {ends}}}}}"))
        assert plan.space.dimensions[0].values == (5, 6, 7, 8)
        assert all(type(v) is int for v in plan.space.dimensions[0].values or ())


def test_windows_without_bars(tmp_path: Path) -> None:
    text = "program: a:b\nparameters: {x: [1, 2]}\n"
    plan = read_plan(written(tmp_path, text))
    assert plan.windows == SearchWindows("none")
    dated = "windows: {in: 2020-01-01/2021-01-01, out: 2021-01-01/2022-01-01}\n"
    assert len(read_plan(written(tmp_path, text + dated)).windows.dates) == 1
    for more, said in (
        ("windows: default", "windows = 'default' is laid over bars; give symbols"),
        ("windows: 0.7", "windows = 0.7 is laid over bars"),
        ("period: 2020-01-01/2021-01-01", "period is of bars; give symbols"),
        ("holdout: 1y", "holdout is of bars; give symbols"),
    ):
        (line,) = refused(written(tmp_path, f"{text}{more}\n"))
        assert said in line
    (line,) = refused(written(tmp_path, STRATEGY.replace("symbols: SPY\n", "")))
    assert "symbols: a strategy needs bars; give symbols" in line
    (line,) = refused(written(tmp_path, f"{STRATEGY}windows: none\n"))
    assert "a strategy is searched in windows" in line


def test_a_schedule_in_the_file(tmp_path: Path) -> None:
    text = f"{PROGRAM}windows: {{phases: [{{from: 4y, to: today, in_sample: 0.5}}]}}\n"
    plan = read_plan(written(tmp_path, text))
    assert plan.windows.schedule is not None
    assert len(plan.windows.schedule.spans) == 1
    assert SearchPlan.from_dict(plan.to_dict()) == plan
    walk = "{in: 3y, out: 1y, step: 1y, purge: 0d}"
    plan = read_plan(written(tmp_path, f"{PROGRAM}windows: {{anchored: {walk}}}\n"))
    assert plan.windows.schedule is not None
    assert plan.windows.schedule.walk == WalkSchedule.preset("anchored")
    assert SearchPlan.from_dict(plan.to_dict()) == plan


def test_an_open_period(tmp_path: Path) -> None:
    for text, period in (
        ("2020-01-01/", (dt.date(2020, 1, 1), None)),
        ("/2020-01-01", (None, dt.date(2020, 1, 1))),
        ("none", (None, None)),
    ):
        assert read_plan(written(tmp_path, f"{PROGRAM}period: {text}\n")).period == period


# The user's own configuration


def test_the_best_configuration_is_the_users_own(tmp_path: Path) -> None:
    plan = read_plan(full(tmp_path))
    params = {"s.fast": 10, "s.slow": 40, "s.kind": "ema", "eps": 1e-05}
    config = plan.best_config(params)
    assert config == {
        "s": {"fast": 10, "slow": 40, "kind": "ema", "note": "x"},
        "eps": 1e-05,
    }
    text = plan.best_yaml(params, "The best of 500 trials")
    assert text.splitlines()[0] == "# The best of 500 trials"
    assert load_yaml(text) == config
    # By any reader of YAML.
    assert yaml.safe_load(text) == config
    assert json.loads(json.dumps(config)) == config


def test_a_best_configuration_of_a_strategy_is_a_parameter_set(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, STRATEGY))
    point = plan.space.decode(plan.space.sample(_half(plan)))[0]
    assert strategies()["atr_d_l"].check_params(load_yaml(plan.best_yaml(point)))


# Many files at random


def _mutated(rng: random.Random, data: Any) -> Any:
    """Return plain values with some of them changed."""
    found = copy.deepcopy(data)
    strange = [
        *(
            None,
            True,
            0,
            -1,
            5,
            2**53,
            10**40,
            0.1,
            1e300,
            "",
            "no",
            "1e-3",
            "a.b",
            "\u202e",
            "x" * 300,
        ),
        *(
            [],
            {},
            [[]],
            [None],
            {"int": [1, 5]},
            {"float": [0, 1]},
            {"choice": ["a"]},
            {"a": {"b": 1}},
        ),
        *("s.fast < s.slow", ["s.fast"], "2020-01-01/2021-01-01", "sharpe", "module:function"),
    ]
    for _ in range(rng.randint(1, 4)):
        places: list[tuple[Any, Any]] = []
        stack = [found]
        while stack:
            here = stack.pop()
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            for key in keys:
                places.append((here, key))
                if isinstance(here[key], dict | list):
                    stack.append(here[key])
        if not places:
            break
        here, key = rng.choice(places)
        act = rng.randrange(4)
        if act == 0:
            del here[key]
        elif act == 1 and isinstance(here, dict):
            here[rng.choice(["a", "", "no", "int", "step", "log", "fixed", "\x1b", "s"])] = (
                here.pop(key)
            )
        elif act == 2:
            other, there = rng.choice(places)
            if isinstance(other, dict) or there < len(other):
                here[key] = (
                    copy.deepcopy(other[there]) if there in other or isinstance(other, list) else 1
                )
        else:
            here[key] = copy.deepcopy(rng.choice(strange))
    return found


def _try_many(tmp_path: Path, count: int, seed: int) -> tuple[int, int]:
    """Return how many files at random are read, and how many are errors."""
    full(tmp_path)
    rng = random.Random(seed)
    taken = refused_ = 0
    texts = itertools.cycle([load_yaml(FULL), load_yaml(STRATEGY), load_yaml(PROGRAM)])
    for data in itertools.islice(texts, count):
        text = json.dumps(_mutated(rng, data), default=str)
        path = written(tmp_path, text, rng.choice(["x.json", "x.yaml"]))
        try:
            plan = read_plan(path)
        except InputError as error:
            refused_ += 1
            for line in str(error).splitlines():
                assert line.startswith(path.name), text
                assert line.isprintable(), text
        else:
            taken += 1
            assert SearchPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan, text
            rows = plan.space.sample(_half(plan))
            assert plan.space.decode(plan.space.repaired(rows)), text
    return taken, refused_


def test_files_at_random_are_read_or_refused(tmp_path: Path) -> None:
    taken, refused_ = _try_many(tmp_path, 150, 1)
    assert taken > 5
    assert refused_ > 50


@pytest.mark.slow
def test_many_files_at_random_are_read_or_refused(tmp_path: Path) -> None:
    taken, refused_ = _try_many(tmp_path, 6_000, 2)
    assert taken > 200
    assert refused_ > 2_000


def test_a_strategy_is_given_no_warm_up(tmp_path: Path) -> None:
    text = (
        "strategy: atr_d_l\nsymbols: [QQQ]\nparameters: {atr_period: [5, 9]}\nobjective: sharpe\n"
    )
    assert read_plan(written(tmp_path, text)).warmup == 0
    (line,) = refused(written(tmp_path, text + "warmup: 5\n"))
    assert "warmup: only programs are given bars before a window" in line
