"""The package as a whole: what importing it costs, what it exports, and its errors."""

from __future__ import annotations

import inspect
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wfo
from wfo import _core, errors
from wfo.errors import did_you_mean

HEAVY = (
    "numpy", "polars", "sklearn", "numba", "rich", "yaml", "pandas", "scipy", "click", "narwhals",
    "pyarrow", "xlsxwriter", "matplotlib", "arch", "statsmodels", "threadpoolctl",
)  # fmt: skip


def fresh(code: str) -> Any:
    """Run `code` in a new interpreter and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_importing_the_package_loads_no_library() -> None:
    loaded = fresh("import sys, json, wfo; wfo.stats; print(json.dumps(sorted(sys.modules)))")
    assert "wfo.stats" in loaded
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]


def test_values_load_no_library_that_they_do_not_need() -> None:
    """Grids, settings, windows and gates are plain values."""
    code = (
        "import sys, json, datetime, wfo\n"
        "wfo.Settings(), wfo.Gates(), wfo.strategies(), wfo.InputError\n"
        "day = datetime.date(2000, 1, 3)\n"
        "wfo.Windows.preset().resolve([day + datetime.timedelta(i) for i in range(5000)])\n"
        "own = wfo.strategies()['atr_d_l']\n"
        "low = {name: i.fine.low for name, i in own.tradestation.inputs.items()}\n"
        "len(wfo.Grid({p.name: int(low[p.name]) if p.whole else low[p.name]"
        " for p in own.parameters}))\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = fresh(code)
    assert "wfo.windows" in loaded
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]


def test_importing_the_package_takes_no_time() -> None:
    code = (
        "import time; start = time.perf_counter(); import wfo; print(time.perf_counter() - start)"
    )
    assert statistics.median(fresh(code) for _ in range(5)) < 0.3


def test_every_public_name_resolves_and_is_documented() -> None:
    assert sorted(wfo.__all__) == list(wfo.__all__)
    assert set(wfo.__all__) <= set(dir(wfo))
    for name in wfo.__all__:
        value = getattr(wfo, name)
        if name == "__version__":
            assert re.fullmatch(r"\d+\.\d+\.\d+\S*", value)
            continue
        doc = inspect.getdoc(value)
        assert doc, name
        # A dataclass without a docstring gets its signature for one.
        assert not doc.startswith(f"{name}("), name
        assert value.__module__.startswith("wfo"), name


def test_names_that_notebooks_rely_on_are_there() -> None:
    relied_on = """
        simulate sweep Settings Grid strategies Windows score detect_plateaus build_info WfoError
    """
    assert set(relied_on.split()) <= set(wfo.__all__)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="'wfo' has no attribute 'optimise'"):
        wfo.optimise  # noqa: B018  # the look-up is the test


def test_a_star_import_gives_the_public_names() -> None:
    scope: dict[str, Any] = {}
    exec("from wfo import *", scope)
    assert set(wfo.__all__) <= set(scope)


def test_the_core_and_the_catalogue_name_the_same_parameters() -> None:
    core = dict(_core.strategies())
    catalogue = {name: list(s.names) for name, s in wfo.strategies().items()}
    assert core == catalogue
    assert catalogue


def test_the_catalogue_is_the_table_of_the_contract() -> None:
    """Names, TradeStation's inputs, kinds and lowest values, as the contract lists them."""
    table = """
        atr_period           ATR_Period          int    1 False
        atr_multiplier       ATR_Multiplier      float  0 True
        bb_length            BB_Length           int    2 False
        bb_deviation         BB_Deviation        float  0 True
        vol_threshold        Vol_Threshold       float  0 True
        min_tightening       Min_Tightening      float  0 True
        scaling_method       Scaling_Method      choice 0 False
        atr_buy_period       ATRBuy_Period       int    1 False
        atr_buy_multiplier   ATRBuyMultiplier    float  0 True
        atr_smooth_period    ATR_Smooth_Period   int    1 False
        equity_price_method  EquityPrice_Method  choice 0 False
    """
    strategy = wfo.strategies()["atr_d_l"]
    view = strategy.tradestation
    assert view is not None
    assert [
        [p.name, view.inputs[p.name].name, p.kind, f"{p.low:g}", str(p.open_low)]
        for p in strategy.parameters
    ] == [line.split() for line in table.strip().splitlines()]
    assert list(view.inputs) == list(strategy.names)
    assert view.name == "ATR-D-v1.5-L"
    assert all(p.meaning for p in strategy.parameters)
    with pytest.raises(wfo.InputError, match="did you mean 'bb_length'"):
        strategy.parameter("bb_len")


def test_fine_limits_are_those_of_the_range_export() -> None:
    table = {
        "atr_period": "4 70 1",
        "atr_multiplier": "1 30 0.25",
        "bb_length": "6 70 1",
        "bb_deviation": "0.5 4 0.25",
        "vol_threshold": "0.02 0.4 0.02",
        "min_tightening": "0.1 0.95 0.05",
        "scaling_method": "0 2 1",
        "atr_buy_period": "4 70 1",
        "atr_buy_multiplier": "0.5 4 0.25",
        "atr_smooth_period": "1 20 1",
        "equity_price_method": "0 1 1",
    }
    tier_one = {
        "atr_period",
        "atr_multiplier",
        "bb_deviation",
        "min_tightening",
        "atr_buy_period",
        "atr_buy_multiplier",
        "atr_smooth_period",
    }
    view = wfo.strategies()["atr_d_l"].tradestation
    assert view is not None
    fine = {name: own.fine for name, own in view.inputs.items()}
    assert {name: f"{f.low} {f.high} {f.step}" for name, f in fine.items()} == table
    assert {name for name, own in view.inputs.items() if own.refined} == tier_one


def test_every_error_is_of_the_family() -> None:
    found = [
        e for _, e in inspect.getmembers(errors, inspect.isclass) if e.__module__ == "wfo.errors"
    ]
    assert {e.__name__ for e in found} == {
        "WfoError",
        "InputError",
        "DataError",
        "ResultsError",
        "EngineError",
    }
    for error in found:
        assert issubclass(error, wfo.WfoError)
        assert error.__name__ in wfo.__all__
        assert error.__doc__
    # No other module has errors of its own.
    for path in Path(wfo.__file__).parent.rglob("*.py"):
        if path.name != "errors.py":
            assert not re.search(
                r"^class \w+\(\w*(Error|Exception)\)", path.read_text(encoding="utf-8"), re.M
            ), path


def test_the_core_raises_errors_of_the_family() -> None:
    with pytest.raises(wfo.InputError):
        _core.GridStatistics(0, _core.Gates(0.35, 3.0), [], 1)


def test_build_info_says_what_this_is() -> None:
    info = wfo.build_info()
    wanted = "version commit profile target rustc instructions threads python numpy polars"
    assert {*wanted.split(), "scikit-learn", "numba"} <= set(info)
    assert all(isinstance(v, str) and v for v in info.values())
    assert info["version"] == wfo.__version__
    assert info["profile"] in {"debug", "release"}
    assert 1 <= int(info["threads"]) <= (os.cpu_count() or 1)
    assert info["python"] == sys.version.split()[0]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("atr_perod", ["atr_period", "bb_length"], "; did you mean 'atr_period'?"),
        ("qqq", ["SPY", "QQQ"], "; did you mean 'QQQ'?"),
        ("zzz", ["b", "a"], "; known: a, b"),
        ("", ["b", "a"], "; known: a, b"),
        ("zzz", [], ""),
        ("direkt", {"direct": 1, "reference": 2}, "; did you mean 'direct'?"),
        ("one", iter(["one two", "ones"]), "; did you mean 'ones'?"),
    ],
)
def test_did_you_mean(name: str, known: Any, hint: str) -> None:
    assert did_you_mean(name, known) == hint
