"""Grids: the shipped tables, decimals, the order of the flat index, and what is refused."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import wfo
from wfo.files import limits
from wfo.grid import Grid
from wfo.text import brief

NAMES = (
    "atr_period",
    "atr_multiplier",
    "bb_length",
    "bb_deviation",
    "vol_threshold",
    "min_tightening",
    "scaling_method",
    "atr_buy_period",
    "atr_buy_multiplier",
    "atr_smooth_period",
    "equity_price_method",
)

# The table of the specification, first column.
PHASE1_SLIM = {
    "atr_period": (4, 16, 28, 40, 52, 64),
    "atr_multiplier": (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24),
    "bb_length": (10, 25, 40, 55),
    "bb_deviation": (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4),
    "vol_threshold": (0.04, 0.08, 0.12, 0.16, 0.20, 0.24, 0.28, 0.32),
    "min_tightening": (0.10, 0.25, 0.40, 0.55, 0.70, 0.85),
    "scaling_method": (0, 1, 2),
    "atr_buy_period": (8, 20, 32, 44, 56),
    "atr_buy_multiplier": (0.5, 1, 1.5, 2, 2.5, 3, 3.5),
    "atr_smooth_period": (2, 6, 10, 14, 18),
    "equity_price_method": (0,),
}
WHOLE = {
    "atr_period",
    "bb_length",
    "scaling_method",
    "atr_buy_period",
    "atr_smooth_period",
    "equity_price_method",
}
ONE: dict[str, Any] = {name: [axis[0]] for name, axis in PHASE1_SLIM.items()}


def grid(**axes: Any) -> Grid:
    """One value a parameter, but for those given."""
    return Grid(ONE | axes)


SMALL = grid(atr_period=[4, 16], atr_multiplier=[2, 0.25, 3], equity_price_method=[1, 0])


# What ships.


def test_phase1_slim_is_the_table() -> None:
    slim = Grid.load("phase1_slim", "atr_d_l")
    assert dict(slim.values) == PHASE1_SLIM
    assert tuple(slim.values) == NAMES
    assert len(slim) == 58_060_800
    lengths = [len(axis) for axis in slim.values.values()]
    assert lengths == [6, 12, 4, 8, 8, 6, 3, 5, 7, 5, 1]


def test_phase1_has_both_prices() -> None:
    phase1 = Grid.load("phase1", "atr_d_l")
    assert dict(phase1.values) == PHASE1_SLIM | {"equity_price_method": (0, 1)}
    assert len(phase1) == 116_121_600


def test_coarse_has_the_same_spans_and_smoke_is_small() -> None:
    coarse = Grid.load("coarse", "atr_d_l")
    assert 10_000 < len(coarse) <= 100_000
    for name, axis in PHASE1_SLIM.items():
        found = coarse.values[name]
        assert (min(found), max(found)) == (min(axis), max(axis)), name
    assert len(Grid.load("smoke", "atr_d_l")) < 2_000


def test_grid_names_go_from_small_to_large() -> None:
    names = wfo.grid_names()
    assert list(names) == ["smoke", "coarse", "phase1_slim", "phase1"]
    lengths = [len(Grid.load(name, "atr_d_l")) for name in names]
    assert lengths == sorted(lengths)
    assert all(names.values()), "every grid says what it is"


@pytest.mark.parametrize("name", ["smoke", "coarse", "phase1_slim", "phase1"])
def test_values_have_the_types_and_the_decimals_of_their_parameter(name: str) -> None:
    for parameter, axis in Grid.load(name, "atr_d_l").values.items():
        for value in axis:
            assert type(value) is (int if parameter in WHOLE else float), parameter
            assert len(repr(value)) <= 5, f"{parameter} has the binary dust of {value!r}"


# Ranges and lists.


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ({"from": 0.04, "to": 0.32, "step": 0.04}, PHASE1_SLIM["vol_threshold"]),
        ({"from": 0.1, "to": 0.7, "step": 0.1}, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)),
        ({"from": "0.1", "to": "0.3", "step": "0.1"}, (0.1, 0.2, 0.3)),
        ({"from": 2, "to": 2, "step": 7}, (2.0,)),
        ({"step": 2.5, "to": 6, "from": 1}, (1.0, 3.5, 6.0)),
        ([3, 0.1, 2], (3.0, 0.1, 2.0)),
        (0.3, (0.3,)),
        (np.array([0.5, 0.25]), (0.5, 0.25)),
        (range(1, 4), (1.0, 2.0, 3.0)),
    ],
)
def test_axes_of_numbers(raw: object, wanted: tuple[float, ...]) -> None:
    found = grid(vol_threshold=raw).values["vol_threshold"]
    assert found == wanted
    assert all(type(v) is float for v in found)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ({"from": 4, "to": 64, "step": 12}, (4, 16, 28, 40, 52, 64)),
        ({"from": 4.0, "to": 6.0, "step": 1.0}, (4, 5, 6)),
        (np.arange(3, 5), (3, 4)),
        (7, (7,)),
    ],
)
def test_axes_of_whole_numbers(raw: object, wanted: tuple[int, ...]) -> None:
    found = grid(atr_period=raw).values["atr_period"]
    assert found == wanted
    assert all(type(v) is int for v in found)


@hypothesis.given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 50))
def test_every_hundredth_is_the_number_that_is_written(low: int, step: int, count: int) -> None:
    wanted = [low + i * step for i in range(count)]
    raw = {"from": low / 100, "to": wanted[-1] / 100, "step": step / 100}
    assert grid(vol_threshold=raw).values["vol_threshold"] == tuple(w / 100 for w in wanted)


def test_order_of_the_parameters_does_not_matter_and_that_of_values_does() -> None:
    backwards = Grid(dict(reversed(SMALL.values.items())))
    assert tuple(backwards.values) == NAMES
    assert backwards == SMALL
    assert backwards.params(7) == SMALL.params(7)
    other = grid(atr_period=[16, 4], atr_multiplier=[2, 0.25, 3], equity_price_method=[1, 0])
    assert other != SMALL
    assert other.params(0)["atr_period"] == 16


# The flat index.


def test_the_last_parameter_varies_fastest() -> None:
    varied = ("atr_period", "atr_multiplier", "equity_price_method")
    found = [tuple(SMALL.params(i)[name] for name in varied) for i in range(len(SMALL))]
    assert found == [
        (4, 2.0, 1),
        (4, 2.0, 0),
        (4, 0.25, 1),
        (4, 0.25, 0),
        (4, 3.0, 1),
        (4, 3.0, 0),
        (16, 2.0, 1),
        (16, 2.0, 0),
        (16, 0.25, 1),
        (16, 0.25, 0),
        (16, 3.0, 1),
        (16, 3.0, 0),
    ]
    assert tuple(SMALL.params(0)) == NAMES


def test_the_flat_index_is_that_of_a_product() -> None:
    smoke = Grid.load("smoke", "atr_d_l")
    every = list(itertools.product(*smoke.values.values()))
    assert len(every) == len(smoke)
    assert [tuple(smoke.params(i).values()) for i in range(len(smoke))] == every
    columns = smoke.columns(np.arange(len(smoke)))
    assert list(columns) == list(NAMES)
    assert list(zip(*(c.tolist() for c in columns.values()), strict=True)) == every


def test_columns_and_digits_of_any_indices() -> None:
    slim = Grid.load("phase1_slim", "atr_d_l")
    indices = np.array([58_060_799, 0, 123_456, 123_456, 31_415_926])
    columns = slim.columns(indices)
    for name, column in columns.items():
        assert column.dtype == (np.int64 if name in WHOLE else np.float64)
        assert column.tolist() == [slim.params(i)[name] for i in indices.tolist()]
        digits = slim.digits(name, indices)
        assert [slim.values[name][d] for d in digits] == column.tolist()
    assert slim.params(58_060_799) == {name: axis[-1] for name, axis in PHASE1_SLIM.items()}
    assert all(len(c) == 0 for c in slim.columns(np.empty(0, np.int64)).values())
    with pytest.raises(wfo.InputError, match="did you mean 'atr_period'"):
        slim.digits("atr_perod", indices)


@pytest.mark.parametrize("index", [-1, 12, 2**80])
def test_an_index_outside_the_grid_is_named(index: int) -> None:
    with pytest.raises(wfo.InputError, match=f"combination {index} is not in the grid.*0 … 11"):
        SMALL.params(index)


@pytest.mark.parametrize("index", [1.5, "3", None])
def test_an_index_is_a_whole_number(index: Any) -> None:
    with pytest.raises(wfo.InputError, match=f"combination {index!r}"):
        SMALL.params(index)
    assert SMALL.params(np.int64(11)) == SMALL.params(11)  # type: ignore[arg-type]


def test_need_is_the_longest_lookback_and_never_below_the_baseline() -> None:
    assert SMALL.need == 70
    for name in ("atr_period", "bb_length", "atr_buy_period"):
        assert grid(**{name: [5, 71, 6]}).need == 71
    assert grid(atr_smooth_period=[500]).need == 70, "an EMA needs nothing"


# What is refused.


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("atr_period", [1, 2, 10_000], [0, -1]),
        ("atr_multiplier", [1e-9, 1e9], [0, 0.0, -0.5]),
        ("bb_length", [2, 10_000], [1, 0]),
        ("bb_deviation", [1e-9, 1e9], [0, -1.0]),
        ("vol_threshold", [1e-9, 1e9], [0, -0.04]),
        ("min_tightening", [1e-9, 0.5, 1, 1.0], [0, math.nextafter(1, 2), 1.1, -0.1]),
        ("scaling_method", [0, 1, 2], [-1, 3]),
        ("atr_buy_period", [1, 10_000], [0]),
        ("atr_buy_multiplier", [1e-9, 1e9], [0, -1]),
        ("atr_smooth_period", [1, 10_000], [0]),
        ("equity_price_method", [0, 1], [-1, 2]),
    ],
)
def test_every_limit(name: str, good: list[float], bad: list[float]) -> None:
    for value in good:
        assert grid(**{name: [value]}).values[name] == (value,)
    never = ["14", True, math.nan, math.inf, -math.inf, None, [1], 10**400, 1 + 0j]
    for value in [*bad, *never, *([14.0, 1.5, 2**70] if name in WHOLE else [])]:
        with pytest.raises(wfo.InputError, match=f"^{name} = {re.escape(brief(value))} is not"):
            grid(**{name: [value]})
        # The same among good values, and for one simulation.
        with pytest.raises(wfo.InputError, match=name):
            grid(**{name: [*good, value]})
        params = SMALL.params(0) | {name: value}
        with pytest.raises(wfo.InputError, match=name):
            wfo.simulate("atr_d_l", None, params, split=1)  # type: ignore[arg-type]  # not reached


def test_messages_say_what_is_allowed() -> None:
    for name, value, allowed in (
        ("atr_period", 0, "a whole number >= 1 and <= 1e+09"),
        ("vol_threshold", 0, "a number > 0 and <= 1e+09"),
        ("min_tightening", 2, "a number > 0 and <= 1"),
        ("scaling_method", 3, "one of 0, 1, 2"),
    ):
        with pytest.raises(wfo.InputError) as caught:
            grid(**{name: value})
        assert str(caught.value) == f"{name} = {value} is not allowed; it must be {allowed}"


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ([], "atr_period has no values"),
        ([4, 16, 4], "the value 4 more than once"),
        ({"from": 16, "to": 4, "step": 12}, "'to' = 4 lies below 'from' = 16"),
        ({"from": 4, "to": 15, "step": 4}, "whole number of steps of 4.*would be 12"),
        ({"from": 4, "to": 16}, "'from', 'to' and 'step'"),
        ({"from": 4, "to": 16, "step": 4, "by": 1}, "nothing else"),
        ({"from": 4, "to": 16, "step": 0}, "'step' must be above 0"),
        ({"from": 4, "to": 16, "step": -4}, "'step' must be above 0"),
        ({"from": 4, "to": math.inf, "step": 4}, "finite"),
        ({"from": math.nan, "to": 16, "step": 4}, "finite"),
        ({"from": "four", "to": 16, "step": 4}, "must be numbers"),
        ({"from": None, "to": 16, "step": 4}, "must be numbers"),
        ({"from": True, "to": 16, "step": 4}, "must be numbers"),
        ({"from": 4, "to": 6, "step": 0.5}, r"atr_period = 4\.5 is not allowed"),
        ({"from": 0, "to": 6, "step": 1}, "atr_period = 0 is not allowed"),
        ({"from": 1, "to": 10_001, "step": 1}, "10,001 values; at most 10,000"),
        (list(range(1, 10_002)), "more than 10,000 values"),
        (itertools.count(1), "more than 10,000 values"),
        ({"from": 1, "to": 10**12, "step": 1}, "atr_period has 1,000,000,000,000 values"),
        ({"from": 1, "to": 1e40, "step": 1}, "atr_period has too many values"),
        ({"from": 1, "to": "1e999999", "step": 1}, "atr_period has too many values"),
    ],
)
def test_what_is_no_axis_is_named(axis: object, message: str) -> None:
    with pytest.raises(wfo.InputError, match=message):
        grid(atr_period=axis)


def test_the_longest_axis_will_do() -> None:
    axis = {"from": 1, "to": 10_000, "step": 1}
    assert len(grid(atr_period=axis).values["atr_period"]) == 10_000
    assert len(grid(atr_period=list(range(1, 10_001))).values["atr_period"]) == 10_000


def test_a_value_repeated_in_another_type_is_repeated() -> None:
    with pytest.raises(wfo.InputError, match=r"vol_threshold has the value 1\.0 more than once"):
        grid(vol_threshold=[1, 0.5, 1.0])


def test_more_combinations_than_an_index_can_hold() -> None:
    long = {"from": 1, "to": 10_000, "step": 1}
    four = dict.fromkeys(("bb_deviation", "vol_threshold", "atr_smooth_period", "atr_period"), long)
    assert len(grid(**four)) == 10_000**4
    with pytest.raises(wfo.InputError, match=r"more than 2\^63 combinations"):
        grid(**four, atr_buy_multiplier=long)


def test_a_map_of_more_cells_than_are_kept() -> None:
    side = {"from": 1, "to": 1_000, "step": 1}
    names = wfo.strategies()["atr_d_l"].map_axes
    assert names is not None
    assert len(grid(**dict.fromkeys(names, side))) == limits.MAP_CELLS
    with pytest.raises(wfo.InputError, match=r"the map of atr_d_l.* 1,001,000 cells; at most"):
        grid(**{names[0]: side, names[1]: {"from": 1, "to": 1_001, "step": 1}})


def test_unknown_and_missing_parameters_are_named() -> None:
    with pytest.raises(wfo.InputError, match="'atr_perod'; did you mean 'atr_period'"):
        Grid(ONE | {"atr_perod": [4]})
    with pytest.raises(wfo.InputError, match="'ATR_Period'; did you mean 'atr_period'"):
        Grid({k: v for k, v in ONE.items() if k != "atr_period"} | {"ATR_Period": [4]})
    with pytest.raises(wfo.InputError, match="'hma_fast_length'"):
        Grid(ONE | {"hma_fast_length": [4]}, strategy="atr_d_l")
    with pytest.raises(wfo.InputError, match=r"also needs bb_length, atr_smooth_period; with str"):
        Grid({k: v for k, v in ONE.items() if k not in {"bb_length", "atr_smooth_period"}})
    with pytest.raises(
        wfo.InputError, match=r"atr_d_l has no parameter 14.*; strategy= says which"
    ):
        Grid({14: [1]})  # type: ignore[dict-item]  # on purpose


@pytest.mark.parametrize("values", [None, "smoke", [1, 2], 5])
def test_what_is_no_grid_is_named(values: Any) -> None:
    for strategy in (None, "atr_d_l"):
        with pytest.raises(wfo.InputError, match="values of each parameter"):
            Grid(values, strategy=strategy)


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(wfo.InputError, match="'atr_dl'; did you mean 'atr_d_l'"):
        Grid(ONE, strategy="atr_dl")
    with pytest.raises(wfo.InputError, match="'ATR_D_L'; did you mean 'atr_d_l'"):
        Grid.load("smoke", "ATR_D_L")
    with pytest.raises(wfo.InputError, match="no strategy 5"):
        Grid.load("smoke", 5)  # type: ignore[arg-type]  # on purpose


# Grids of one's own.

FLAT = """\
description: mine
atr_period: {from: 4, to: 16, step: 12}
atr_multiplier: [2, 0.25, 3]
bb_length: 10
bb_deviation: 0.5
vol_threshold: 0.04
min_tightening: 0.1
scaling_method: 0
atr_buy_period: 8
atr_buy_multiplier: [0.5]
atr_smooth_period: 2
equity_price_method: [1, 0]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_is_flat_or_by_strategy(tmp_path: Path) -> None:
    head, *lines = FLAT.splitlines()
    by_strategy = "\n".join([head, "atr_d_l:", *("  " + line for line in lines)])
    for text in (FLAT, by_strategy):
        path = written(tmp_path, text)
        for given in (path, str(path)):
            found = Grid.load(given, "atr_d_l")
            assert found == SMALL
            assert found.name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no grid"),
        ("just words", "holds no grid"),
        ("[1, 2]", "holds no grid"),
        ("4: [1, 2]", "holds no grid"),
        ("atr_period: [4, 16", "is not YAML"),
        ("atr_d_l: 5", "values of each parameter"),
        ("atr_d_l:", "values of each parameter"),
        ("atr_d_l: {1: 2}", "no parameter 1"),
        ("atr_d_l: {atr_perod: 4}", "'atr_perod'; did you mean 'atr_period'"),
        ("atr_period: 4\natr_period: 5", "'atr_period' is there twice"),
        ("[" * 1500, "is not YAML: line 1: more than 32 lists and mappings lie within each other"),
        (FLAT.replace("bb_length", "bb_lenght"), "'bb_lenght'; did you mean 'bb_length'"),
        (FLAT.replace("bb_length: 10", "bb_length: ten"), "bb_length = 'ten'"),
        (FLAT.replace("bb_length: 10", "bb_length: 10.0"), "bb_length = 10.0"),
        (FLAT.replace("bb_length: 10", "bb_length: yes"), "bb_length = True"),
        (FLAT.replace("bb_length: 10", "bb_length:"), "bb_length = None"),
        (FLAT.replace("0.04", ".nan"), "line 6: .nan is no number"),
        (FLAT.replace("to: 16", "to: 17"), "whole number of steps"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(wfo.InputError, match=re.escape(message)) as caught:
        Grid.load(written(tmp_path, text), "atr_d_l")
    assert str(caught.value).startswith("mine.yaml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"atr_period: \xff\xfe")
    with pytest.raises(wfo.InputError, match=r"mine\.yaml is not YAML"):
        Grid.load(path, "atr_d_l")


def test_a_file_of_a_strategy_that_is_not_loaded_says_whose_grid_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "WeekDip:\n  length: [4]\n")
    said = r"^mine\.yaml is a grid of 'WeekDip', not of atr_d_l; .*--strategy FILE\.py:WeekDip$"
    with pytest.raises(wfo.InputError, match=said):
        Grid.load(path, "atr_d_l")
    with pytest.raises(wfo.InputError, match=r"bb_length: a range needs 'from', 'to'"):
        Grid.load(written(tmp_path, "bb_length:\n  low: 4\n"), "atr_d_l")


def test_a_file_without_the_strategy(tmp_path: Path) -> None:
    # One more strategy, otherwise the same, comes for this test.
    import dataclasses

    from wfo.strategy import registry

    other = dataclasses.replace(wfo.strategies()["atr_d_l"], name="atr_d_other")
    path = written(tmp_path, "atr_d_other:\n  atr_period: [4]\n")
    with (
        registry.separate([other]),
        pytest.raises(wfo.InputError, match=r"mine\.yaml has no grid for atr_d_l; .*atr_d_other"),
    ):
        Grid.load(path, "atr_d_l")


def test_a_grid_that_does_not_exist() -> None:
    with pytest.raises(wfo.InputError, match="'phase1slim'; did you mean 'phase1_slim'"):
        Grid.load("phase1slim", "atr_d_l")
    with pytest.raises(wfo.InputError, match=r"no grid file .*nowhere\.yaml"):
        Grid.load("nowhere.yaml", "atr_d_l")
    with pytest.raises(wfo.InputError, match=r"path of a \.yaml file"):
        Grid.load("grids/mine.json", "atr_d_l")


# A value.


def test_equality_and_hash() -> None:
    same = grid(atr_period=(4, 16), atr_multiplier=[2.0, 0.25, 3], equity_price_method=[1, 0])
    assert same == SMALL
    assert hash(same) == hash(SMALL)
    assert len({SMALL, same}) == 1
    assert grid() != SMALL
    assert SMALL != "SMALL"


def test_values_cannot_be_changed() -> None:
    SMALL.values["atr_period"] = (5,)
    assert SMALL.values["atr_period"] == (4, 16)


def test_a_grid_is_pickled_for_other_processes() -> None:
    again = pickle.loads(pickle.dumps(SMALL))
    assert again == SMALL
    assert again.params(3) == SMALL.params(3)


def test_a_list_changed_later_changes_no_grid() -> None:
    axis = [4, 16]
    made = grid(atr_period=axis)
    axis.append(0)
    assert made.values["atr_period"] == (4, 16)


def test_a_grid_survives_its_manifest() -> None:
    for original in (SMALL, Grid.load("phase1_slim", "atr_d_l")):
        data = json.loads(json.dumps(original.to_dict()))
        again = Grid.from_dict(data)
        assert again == original
        assert again.name == original.name
        assert data["combinations"] == len(original)
        assert [type(v) for v in again.params(0).values()] == [
            int if name in WHOLE else float for name in NAMES
        ]


def test_a_grid_says_what_it_is() -> None:
    assert repr(Grid.load("phase1_slim", "atr_d_l")) == (
        "Grid('phase1_slim', atr_d_l, 58,060,800 combinations)"
    )
    assert repr(SMALL) == "Grid(atr_d_l, 12 combinations)"
