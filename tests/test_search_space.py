"""Spaces of a search: dimensions, rows and points, draws, constraints and what they leave."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from scipy import stats

from wfo.errors import InputError
from wfo.files import limits
from wfo.search.space import (
    Dimension,
    ParameterConstraint,
    Problems,
    SearchSpace,
    left_by_constraints,
    read_space,
)
from wfo.search.space.configuration import nested_yaml
from wfo.search.space.expressions import parse_condition, parse_number
from wfo.strategy.constraints import parse
from wfo.yaml_text import load_yaml

FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6) + 0.0)


def one(**parts: Any) -> SearchSpace:
    """Return a space of one dimension, x."""
    return SearchSpace((Dimension("x", **parts),))


def space_of(text: str) -> SearchSpace:
    """Return the space of a file's text, which has nothing wrong."""
    problems = Problems("space.yaml")
    found = read_space(load_yaml(text), problems)
    assert problems.lines == []
    assert found is not None
    return found


def wrong_with(text: str) -> list[str]:
    """Return what is wrong with a file's text."""
    problems = Problems("space.yaml")
    assert read_space(load_yaml(text), problems) is None
    assert problems.lines
    return problems.lines


MIXED = """\
parameters:
  strategy:
    swing: {sma_fast: [5, 10, 15, 20], sma_slow: [30, 40, 50, 60], kind: [sma, ema]}
  risk:
    pct: [0.5, 1.0, 1.5]
    max-positions: {int: [3, 8]}
    trail: [true, false]
  eps: {float: [0.00001, 0.1], log: true}
  shift: {float: [-1, 5]}
  many: {int: [1, 10_000_000], log: true}
  near: {int: [0, 100], prior: {normal: [50, 10]}}
  tenths: {float: [0.1, 0.9], step: 0.1}
  mode: {choice: [3, 1, 2]}
fixed: {strategy: {swing: {length: 3}}, data: {years: [2020, 2021], note: null}}
"""


def mixed() -> SearchSpace:
    return space_of(MIXED)


# Dimensions


def test_values_of_a_range_are_decimals() -> None:
    assert Dimension("x", "float", None, 0.1, 0.7, 0.2).values == (0.1, 0.3, 0.5, 0.7)
    assert Dimension("x", "int", None, 3, 8).values == (3, 4, 5, 6, 7, 8)
    assert Dimension("x", "int", None, -4, 4, 4).values == (-4, 0, 4)
    every = Dimension("x", "float", None, 0.01, 100, 0.01).values
    assert every is not None
    assert every == tuple(float(f"{i / 100:.2f}") for i in range(1, 10_001))


def test_what_a_dimension_says_of_itself() -> None:
    listed = Dimension("x", "int", (5, 10, 20))
    assert (listed.size, listed.low, listed.high, listed.step) == (3, 5, 20, None)
    assert listed.ordered
    assert not listed.continuous
    smooth = Dimension("x", "float", None, 0, 1)
    assert (smooth.size, smooth.values) == (None, None)
    assert smooth.continuous
    assert smooth.ordered
    long = Dimension("x", "int", None, 0, 1_000_000, 10)
    assert (long.size, long.values, long.ordered) == (100_001, None, True)
    assert not Dimension("x", "choice", ("a", "b")).ordered
    assert not Dimension("x", "choice", (1, 2)).ordered
    assert Dimension("x", "int", (20, 10, 5)).ordered
    assert not Dimension("x", "int", (10, 5, 20)).ordered


def test_the_longest_lists() -> None:
    most = limits.AXIS_VALUES
    assert Dimension("x", "int", tuple(range(most))).size == most
    assert len(Dimension("x", "int", None, 1, most).values or ()) == most
    # One more is not listed, but is a dimension all the same.
    assert Dimension("x", "int", None, 1, most + 1).values is None
    with pytest.raises(InputError, match=r"x: there are 10,001 values; at most 10,000 will do"):
        Dimension("x", "int", tuple(range(most + 1)))
    with pytest.raises(InputError, match=r"make 10,001 values; at most 10,000.*leave step out"):
        Dimension("x", "float", None, 0, 1, 0.0001)


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        ("[]", "there is no value; give one at least"),
        ("{int: [3, 8, 9]}", "must be the two ends of a range"),
        ("{int: [8, 3]}", r"begins at 8, above its end 3; write \[3, 8\]"),
        ("{int: [1, 8], step: 2}", "not a whole number of steps of 2; end at 7 or at 9"),
        ("{int: [1, 8], step: 0}", "step = 0 must be a whole number above 0"),
        ("{int: [1, 8], step: -1}", "step = -1 must be a whole number above 0"),
        ("{int: [1, 8], step: 0.5}", "step = 0.5 must be a whole number above 0"),
        ("{int: [1, 8], step: null}", "step = null must be a number above 0"),
        ("{int: [1.5, 8]}", "1.5 must be a whole number"),
        ("{int: [one, 8]}", "'one' must be a whole number"),
        ("{int: [1, 9007199254740993]}", "must be a whole number within 2"),
        ("{int: [-9007199254740991, 9007199254740991]}", r"wider than 2\^53"),
        ("{int: 5}", "int = 5 must be a list"),
        ("{int: [1, 5], float: [1, 5]}", "several kinds, int, float; keep one"),
        ("{int: [1, 5], stp: 2}", "there is nothing called 'stp'; did you mean 'step'"),
        ("{float: [1, 1]}", r"the one value 1.0; write \[1.0\]"),
        ("{float: [1, 1.0000009]}", "is narrower than a millionth of its numbers"),
        ("{float: [0, 1.0e-160]}", "must be 0 or of a size from 1e-150 on"),
        ("{float: [0, 1], log: true}", "begins above 0, and not at 0.0"),
        ("{float: [1, 2], log: 1}", "log = 1 must be true or false"),
        ("{float: [0, 1], prior: log-uniform}", "needs a range above 0"),
        ("{float: [0, 1], prior: gauss}", "prior = 'gauss' is unknown"),
        ("{float: [0, 1], prior: {normal: [2, 1]}}", "needs a mean within 0.0 to 1.0"),
        ("{float: [0, 1], prior: {normal: [0.5, 0]}}", "must be above 0"),
        ("{float: [0, 1], prior: {normal: [0.5, 1000]}}", "leave the prior out"),
        ("{float: [0, 1], prior: {normal: 5}}", "must be uniform, log-uniform or normal"),
        ("{float: [0, 1], prior: {beta: [1, 2]}}", "must be uniform, log-uniform or normal"),
        ("{float: [0, 1.0e+200]}", "must be a number, of a size up to 1e\\+150"),
        ("{choice: []}", "there is no value"),
        ("{choice: [a, b], log: true}", "a choice has values alone, and no log"),
        ("{choice: [a, a]}", "the value 'a' is there twice"),
        ("{choice: ['a\tb']}", "must be a line"),
        ('{choice: ["\\e[31m"]}', "none of which steers a terminal"),
        ('{choice: ["\\u202e"]}', "none of which steers a terminal"),
        ("[1, 2, 1]", "the value 1 is there twice"),
        ("[1, 1.0]", "the value 1.0 is there twice"),
        ("[a, null]", "null must be a text, a number, true or false"),
        ("[[1, 2], [3]]", "must be a text, a number, true or false"),
        ("[2020-01-01]", "2020-01-01 is a date to YAML; put it in quotes, '2020-01-01'"),
        ("5", r"values are a list, as \[5\], or a range"),
        ("sma", r"values are a list, as \['sma'\]"),
        ("null", "it has no values"),
        ("{}", "has no values"),
        ("{from: 1, to: 5, step: 1}", r"a range is written \{int: \[5, 20\], step: 5\}"),
    ],
)
def test_what_is_no_leaf(leaf: str, said: str) -> None:
    (line,) = wrong_with(f"parameters: {{group: {{x: {leaf}}}, y: [1, 2]}}")
    assert line.startswith("space.yaml: parameters.group.x ")
    assert re.search(said, line)


def test_the_value_is_in_the_message_as_the_file_has_it() -> None:
    (line,) = wrong_with("parameters: {x: {int: [8, 3]}}")
    assert line.startswith("space.yaml: parameters.x = {int: [8, 3]}: ")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("a.b", "has a dot; nest it"),
        ("''", "is no name"),
        ("' a'", "is no name"),
        ("-a", "is no name"),
        ("<b>", "is no name"),
        ("'a\"b'", "is no name"),
        ('"a\\nb"', "is no name"),
        ('"\\e[31m"', "is no name"),
        ('"\\u202ea"', "is no name"),
        ("a:b", "is no name"),
        ("'=1+1'", "is no name"),
        ("a, b", "is no name"),
        ("5", "is no text to YAML; put its name in quotes"),
        ("no", "is no text to YAML"),
        ("on", "is no text to YAML"),
        ("null", "is no text to YAML"),
        ("2020-01-01", "is no text to YAML"),
        ("a" * 101, "is no name"),
    ],
)
@pytest.mark.parametrize("section", ["parameters", "fixed"])
def test_a_key_that_is_no_name(section: str, key: str, said: str) -> None:
    key = f"? {key}\n" if ", " in key else key
    below = {"parameters": "[1, 2]", "fixed": "1"}[section]
    text = {
        "parameters": f"parameters:\n  x: [1, 2]\n  deep:\n    {key}: {below}\n",
        "fixed": f"parameters: {{x: [1, 2]}}\nfixed:\n  deep:\n    {key}: {below}\n",
    }[section]
    if key.startswith("?"):
        text = text.replace(f"{key}:", "? 'a, b'\n    :")
    (line,) = wrong_with(text)
    assert line.startswith(f"space.yaml: {section}.deep: the key ")
    assert said in line
    assert line.isprintable()


@pytest.mark.parametrize(
    "key", ["a", "_a", "sma_fast", "max-positions", "3day", "größe", "a b", "Σ"]
)
def test_a_key_that_is_a_name(key: str) -> None:
    space = space_of(f"parameters: {{deep: {{'{key}': [1, 2]}}}}")
    assert space.names == (f"deep.{key}",)
    assert space.nested({f"deep.{key}": 1}) == {"deep": {key: 1}}


def test_a_group_may_have_the_name_of_a_kind() -> None:
    space = space_of("parameters: {float: {a: [1, 2]}, choice: {int: {b: {int: [1, 3]}}}}")
    assert space.names == ("float.a", "choice.int.b")


# Spaces


@pytest.mark.parametrize("parameters", ["{}", "null", "[]", "5", "{a: {}}"])
def test_an_empty_space(parameters: str) -> None:
    lines = wrong_with(f"parameters: {parameters}")
    assert all(line.startswith("space.yaml: parameters") for line in lines)
    with pytest.raises(InputError, match="the space is empty"):
        SearchSpace(())


def test_a_space_of_one_point_is_a_space() -> None:
    space = space_of("parameters: {a: [5], b: {int: [3, 3]}, c: {choice: [x]}}")
    assert space.size == 1
    assert space.decode(space.grid_rows(0, 1)) == [{"a": 5, "b": 3, "c": "x"}]
    assert space.unit(space.grid_rows(0, 1)).tolist() == [[0, 0, 0]]
    assert space.decode(space.sample(np.full((1, 3), 0.999))) == [{"a": 5, "b": 3, "c": "x"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parameters: {a: [1, 2]}\nfixed: {a: 1}", "a is there twice"),
        ("parameters: {a: {b: [1, 2]}}\nfixed: {a: 1}", "a has values, and a.b lies below it"),
        ("parameters: {a: [1, 2]}\nfixed: {a: {b: 1}}", "a has values, and a.b lies below it"),
        ("parameters: {a: [1, 2]}\nfixed: 5", "fixed = 5 must be a mapping"),
        ("parameters: {a: [1, 2]}\nfixed: {b: 2020-01-01}", "is a date to YAML"),
        ("parameters: {a: [1, 2]}\nfixed: {b: [2020-01-01]}", "is a date to YAML"),
        ("parameters: {a: [1, 2]}\nfixed: {b: [{5: 1}]}", "the key 5 is no text"),
    ],
)
def test_what_cannot_be_fixed(text: str, said: str) -> None:
    (line,) = wrong_with(text)
    assert said in line


def test_names_of_a_space_are_unique() -> None:
    a = Dimension("a", "int", (1, 2))
    with pytest.raises(InputError, match="a is there twice"):
        SearchSpace((a, a))


def test_the_grid_is_the_product_as_written() -> None:
    space = space_of(
        "parameters: {b: {y: [2, 1], x: [sma, ema, hull]}, a: {int: [3, 4]}, c: [true, false]}"
    )
    expected = [
        dict(zip(("b.y", "b.x", "a", "c"), values, strict=True))
        for values in itertools.product((2, 1), ("sma", "ema", "hull"), (3, 4), (True, False))
    ]
    assert space.size == len(expected) == 24
    assert space.decode(space.grid_rows(0, 24)) == expected
    assert space.decode(space.grid_rows(7, 19)) == expected[7:19]
    assert space.grid_rows(5, 5).shape == (0, 4)
    for wrong in ((-1, 2), (0, 25), (3, 2)):
        with pytest.raises(InputError, match="the grid has the points 0 to 24"):
            space.grid_rows(*wrong)


def test_a_grid_beyond_64_bits() -> None:
    space = SearchSpace(tuple(Dimension(f"x{i}", "int", None, 1, 9_000) for i in range(20)))
    size = 9_000**20
    assert space.size == size > 2**64
    rows = space.grid_rows(size - 2, size)
    assert rows.tolist() == [[8_999.0] * 19 + [8_998.0], [8_999.0] * 20]
    at = 123_456_789_012_345_678_901_234
    expected = []
    for _ in range(20):
        at, digit = divmod(at, 9_000)
        expected.insert(0, float(digit))
    begin = 123_456_789_012_345_678_901_234
    assert space.grid_rows(begin, begin + 1).tolist() == [expected]


def test_a_continuous_dimension_has_no_grid() -> None:
    with pytest.raises(InputError, match="no grid of eps, shift, continuous: give a step"):
        mixed().grid_rows(0, 1)


def _rows(space: SearchSpace, count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return space.sample(rng.random((count, len(space.dimensions))))


def test_points_come_back_from_rows_and_rows_from_points() -> None:
    space = mixed()
    rows = _rows(space, 2_000)
    points = space.decode(rows)
    back = np.array([space.encode(point) for point in points])
    assert space.decode(back) == points
    assert space.keys(back) == space.keys(rows)
    discrete = space.sizes > 0
    assert np.array_equal(back[:, discrete], rows[:, discrete])
    assert np.abs(back - rows).max() < 1e-11
    nested = np.array([space.encode(space.nested(point)) for point in points[:50]])
    assert np.array_equal(nested, back[:50])


def test_values_are_of_the_kind_of_their_dimension() -> None:
    space = mixed()
    for point in space.decode(_rows(space, 300)):
        types = {name: type(value) for name, value in point.items()}
        assert list(point) == list(space.names)
        assert types["strategy.swing.sma_fast"] is int
        assert types["strategy.swing.kind"] is str
        assert types["risk.pct"] is float
        assert types["risk.trail"] is bool
        assert types["eps"] is types["shift"] is types["tenths"] is float
        assert types["many"] is types["near"] is types["mode"] is int


def test_fixed_values_stand_where_the_file_has_them() -> None:
    space = mixed()
    point = space.decode(_rows(space, 1))[0]
    nested = space.nested(point)
    assert nested["strategy"]["swing"]["length"] == 3
    assert nested["data"] == {"years": [2020, 2021], "note": None}
    assert nested["risk"]["max-positions"] == point["risk.max-positions"]
    # What a caller does with it does not reach the space.
    nested["data"]["years"].append(5)
    assert space.nested(point)["data"]["years"] == [2020, 2021]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"strategy.swing.sma_fast": 12},
            "sma_fast = 12 is none of its values; the nearest one is 10",
        ),
        ({"strategy.swing.sma_fast": 99}, "the nearest one is 20"),
        ({"strategy.swing.sma_fast": 10.5}, "10.5 must be a whole number"),
        ({"strategy.swing.sma_fast": True}, "true must be a whole number"),
        ({"strategy.swing.sma_fast": None}, "null must be a whole number"),
        ({"risk.pct": 0.8}, "risk.pct = 0.8 is none of its values; the nearest one is 1.0"),
        ({"risk.max-positions": 9}, "the nearest one is 8"),
        ({"risk.trail": 1}, "risk.trail = 1 is none of its values, true, false"),
        ({"risk.trail": "no"}, "risk.trail = 'no' is none of its values, true, false"),
        ({"strategy.swing.kind": "smaa"}, "kind = 'smaa' is none of its values, 'sma', 'ema'"),
        ({"shift": 5.0001}, "shift = 5.0001 is none of its values; the nearest one is 5.0"),
        ({"shift": -2}, "the nearest one is -1.0"),
        ({"shift": math.nan}, "must be a number"),
        ({"eps": 0}, "the nearest one is 1.0e-05"),
        ({"many": 10_000_001}, "the nearest one is 10000000"),
        ({"mode": 4}, "mode = 4 is none of its values; the nearest one is 3"),
        ({"nothing": 1}, "there is no parameter 'nothing'"),
        ({"strategy.swing.length": 4}, "length = 4 is fixed at 3"),
    ],
)
def test_a_point_that_is_none(change: dict[str, Any], said: str) -> None:
    space = mixed()
    good = space.decode(_rows(space, 1))[0]
    with pytest.raises(InputError) as caught:
        space.encode(good | change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert space.encode(good | {"strategy.swing.length": 3}).shape == (12,)


def test_all_that_is_wrong_with_a_point_is_told() -> None:
    space = space_of("parameters: {a: [1, 2], b: [1, 2], c: [1, 2]}")
    with pytest.raises(InputError) as caught:
        space.encode({"a": 5, "x": 1})
    said = str(caught.value).splitlines()
    assert len(said) == 3
    assert "b, c" in said[1]


@hypothesis.settings(max_examples=50)
@hypothesis.given(low=FLOATS, high=FLOATS, at=st.floats(0, 1))
def test_decimals_of_a_continuous_dimension_come_back(low: float, high: float, at: float) -> None:
    hypothesis.assume(low < high)
    space = one(kind="float", low=low, high=high)
    value = min(max(round(low + (high - low) * at, 6), low), high)
    assert space.decode(space.encode({"x": value})[None])[0]["x"] == value


@hypothesis.settings(max_examples=50)
@hypothesis.given(
    exponents=st.tuples(st.integers(-149, 149), st.integers(-149, 149)),
    digits=st.integers(10_000, 99_999),
    share=st.floats(0, 1),
)
def test_decimals_of_a_logarithmic_dimension_come_back(
    exponents: tuple[int, int], digits: int, share: float
) -> None:
    begin, end = sorted(exponents)
    hypothesis.assume(begin < end)
    space = one(kind="float", low=float(f"1e{begin}"), high=float(f"1e{end}"), log=True)
    at = min(int(begin + share * (end - begin)), end - 1)
    value = float(f"{digits}e{at - 4}")
    assert space.decode(space.encode({"x": value})[None])[0]["x"] == value


@pytest.mark.parametrize(
    "parts",
    [
        {"kind": "float", "low": -1e150, "high": 1e150},
        {"kind": "float", "low": 0, "high": 1e-150},
        {"kind": "float", "low": 1e-150, "high": 1e150, "log": True},
        {"kind": "float", "low": 1e15, "high": 1e15 + 1.1e9},
        {"kind": "float", "low": 1 / 3, "high": 2 / 3},
        {"kind": "float", "low": -1 / 3, "high": 1e9 / 3},
        {"kind": "float", "low": 1 / 3, "high": 1e9 / 3, "log": True},
        {"kind": "int", "low": 1, "high": 2**53, "log": True},
        {"kind": "int", "low": -(2**52), "high": 2**52},
        {"kind": "int", "low": 0, "high": 2**53, "prior": ("normal", 0)},
    ],
)
def test_the_widest_and_the_narrowest(parts: dict[str, Any]) -> None:
    if "prior" in parts:
        parts = parts | {"prior": {"normal": [2**52, 2**40]}}
    space = one(**parts)
    dimension = space.dimensions[0]
    u = np.array([[0.0], [0.25], [0.5], [1 - 2**-53]])
    rows = space.sample(u)
    values = [point["x"] for point in space.decode(rows)]
    assert values == sorted(values)  # type: ignore[type-var]  # numbers
    assert values[0] >= dimension.low  # type: ignore[operator]  # numbers
    assert values[-1] <= dimension.high  # type: ignore[operator]  # numbers
    assert [space.decode(space.encode({"x": v})[None])[0]["x"] for v in values] == values
    for end in (dimension.low, dimension.high):
        assert space.decode(space.encode({"x": end})[None])[0]["x"] == end
    unit = space.unit(rows)
    assert unit.min() >= 0
    assert unit.max() <= 1


def test_rows_are_snapped() -> None:
    space = space_of("parameters: {a: [1, 2, 3], b: {float: [0, 1]}}")
    rows = np.array(
        [[1.4, 0.5], [1.6, -0.1], [-5, 2], [np.nan, np.nan], [np.inf, -np.inf], [-0.0, -0.0]]
    )
    assert space.snap(rows).tolist() == [[1, 0.5], [2, 0], [0, 1], [0, 0], [2, 0], [0, 0]]
    # Zero has one key.
    assert len(set(space.keys(rows[[3, 5]]))) == 1
    before = rows.copy()
    space.snap(rows), space.unit(rows), space.repaired(rows), space.keys(rows)
    assert np.array_equal(rows, before, equal_nan=True)
    for wrong in (np.zeros(2), np.zeros((3, 3)), np.zeros((1, 1, 2))):
        with pytest.raises(InputError, match="rows must be an array of 2 columns"):
            space.snap(wrong)


def test_keys_are_equal_for_one_point_and_differ_for_two() -> None:
    space = space_of("parameters: {a: [1, 2, 3], b: [x, y], c: {int: [1, 4]}}")
    rows = space.grid_rows(0, 24)
    assert len(set(space.keys(rows))) == 24
    assert space.keys(rows + 0.3) == space.keys(rows)
    smooth = one(kind="float", low=0, high=1)
    near = np.array([[0.5], [0.5 + 1e-16], [np.nextafter(0.5, 1)], [0.5 + 1e-6]])
    keys = smooth.keys(near)
    assert keys[0] == keys[1] == keys[2] != keys[3]
    values = [point["x"] for point in smooth.decode(near)]
    assert values[0] == values[1] == values[2] != values[3]


def test_what_is_computed_of_a_row_does_not_depend_on_its_neighbours() -> None:
    space = mixed()
    rows = _rows(space, 257)
    rows_apart = [space.decode(row[None])[0] for row in rows]
    assert space.decode(rows) == rows_apart
    assert space.decode(np.asfortranarray(rows)) == rows_apart
    assert space.decode(rows[::3]) == rows_apart[::3]
    assert space.keys(rows[::-1]) == space.keys(rows)[::-1]


# Draws


def _drawn(dimension: Dimension, count: int) -> np.ndarray[Any, Any]:
    """Return values at equally spaced quantiles."""
    space = SearchSpace((dimension,))
    u = (np.arange(count) + 0.5) / count
    return np.array([point[dimension.name] for point in space.decode(space.sample(u[:, None]))])


def test_draws_without_a_prior_are_uniform() -> None:
    values = _drawn(Dimension("x", "float", None, 2, 4), 1_000)
    assert stats.kstest(values, stats.uniform(2, 2).cdf).statistic < 0.001
    assert np.bincount(_drawn(Dimension("x", "int", None, 1, 4), 1_000))[1:].tolist() == [250] * 4
    listed = _drawn(Dimension("x", "int", (7, 1, 5)), 999)
    assert [int((listed == value).sum()) for value in (7, 1, 5)] == [333] * 3


def test_draws_by_logarithms() -> None:
    for parts in ({"log": True}, {"prior": "log-uniform"}):
        values = _drawn(Dimension("x", "float", None, 0.001, 10, None, **parts), 1_000)
        assert stats.kstest(values, stats.loguniform(0.001, 10).cdf).statistic < 0.001
    # On a scale of logarithms, but uniform all the same.
    uniform = _drawn(Dimension("x", "float", None, 0.001, 10, None, True, "uniform"), 1_000)
    assert stats.kstest(uniform, stats.uniform(0.001, 9.999).cdf).statistic < 0.001


def test_draws_of_a_range_by_logarithms_are_as_likely_as_their_reciprocals() -> None:
    values = _drawn(Dimension("x", "int", None, 1, 4, None, True), 25_000)
    expected = np.array([1, 1 / 2, 1 / 3, 1 / 4]) / (25 / 12)
    assert np.abs(np.bincount(values)[1:] / 25_000 - expected).max() < 1e-4
    # Those that are too many to be listed: by decades.
    many = _drawn(Dimension("x", "int", None, 1, 10**6, None, True), 30_000)
    decades = np.histogram(np.log10(many), [1, 2, 3, 4, 5, 6])[0] / 30_000
    assert decades == pytest.approx([1 / 6.3] * 5, abs=0.005)


def test_draws_of_a_normal_prior_are_cut_off_at_the_ends() -> None:
    cut = stats.truncnorm(-1, 3, 2, 1)
    values = _drawn(Dimension("x", "float", None, 1, 5, None, False, (2, 1)), 1_000)
    assert stats.kstest(values, cut.cdf).statistic < 0.001
    whole = _drawn(Dimension("x", "int", None, 0, 100, None, False, (50, 10)), 100_000)
    weights = np.exp(-0.5 * ((np.arange(101) - 50) / 10) ** 2)
    counted = np.bincount(whole, minlength=101) / 100_000
    assert np.abs(counted - weights / weights.sum()).max() < 2e-5
    long = _drawn(Dimension("x", "int", None, 0, 100_000, None, False, (50_000, 10_000)), 10_000)
    assert stats.kstest(long, stats.norm(50_000, 10_000).cdf).statistic < 0.001
    # A narrow one, between two values, still has the nearest.
    assert set(_drawn(Dimension("x", "int", None, 0, 10, None, False, (4.4, 1e-9)), 99)) == {4}


def test_distances_are_those_of_digits_positions_or_logarithms() -> None:
    space = space_of(
        "parameters: {a: [1, 2, 100], b: {float: [1, 100], log: true}, e: [x, y],"
        " c: {int: [1, 100], log: true}, d: {int: [1, 100001], log: true}}"
    )
    rows = np.array([space.encode({"a": 2, "b": 10, "c": 10, "d": 1, "e": "y"})])
    assert space.unit(rows)[0] == pytest.approx([0.5, 0.5, 1, 0.5, 0])
    assert space.ordered.tolist() == [True, True, False, True, True]


# Constraints

NAMES = ("fast", "slow", "mode")


def _numbers(**values: list[float]) -> SearchSpace:
    return SearchSpace(tuple(Dimension(n, "float", tuple(v)) for n, v in values.items()))


_LEAVES = st.sampled_from(["fast", "slow", "mode", "0", "1", "2", "3", "0.5", "2.5"])


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner)
    return st.one_of(
        two.map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda x: f"(-{x})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            "{0[0]}({0[1]}, {0[2]})".format
        ),
        st.tuples(st.sampled_from(["abs", "round"]), inner).map("{0[0]}({0[1]})".format),
    )


_COMPARED = st.tuples(
    st.recursive(_LEAVES, _deeper, max_leaves=4),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.recursive(_LEAVES, _deeper, max_leaves=3),
).map(" ".join)
_CHAINED = st.tuples(_COMPARED, st.sampled_from(["<", ">="]), _LEAVES).map(" ".join)
_CONDITIONS = st.recursive(
    st.one_of(_COMPARED, _CHAINED),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            "({0[0]}) {0[1]} ({0[2]})".format
        ),
        inner.map("not ({})".format),
    ),
    max_leaves=3,
)


@hypothesis.given(_CONDITIONS)
@hypothesis.settings(max_examples=40)
def test_expressions_are_those_of_strategies(text: str) -> None:
    """What one point after the other makes of an expression is what many at once make of it."""
    _compare(text)


@pytest.mark.slow
@hypothesis.given(_CONDITIONS)
@hypothesis.settings(max_examples=2_000)
def test_many_expressions_are_those_of_strategies(text: str) -> None:
    _compare(text)


def _compare(text: str) -> None:
    hypothesis.assume(any(name in text for name in NAMES))
    hypothesis.assume(len(text) < 400)
    values: dict[str, list[float]] = {
        "fast": [-2, 0, 1, 2.5],
        "slow": [0, 1, 3],
        "mode": [-1, 0, 2],
    }
    space = _numbers(**values)
    rows = space.grid_rows(0, 36)
    expected = []
    one_by_one = parse(text, NAMES)
    for point in space.decode(rows):
        try:
            expected.append(one_by_one.holds([float(point[name]) for name in one_by_one.names]))
        except InputError:
            # It cannot be computed, and so is not met.
            expected.append(False)
    condition = parse_condition(text, space.dimensions, {})
    assert condition.names == one_by_one.names
    assert condition.holds(rows).tolist() == expected


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("swing.kind == 'ema'", lambda p: p["swing.kind"] == "ema"),
        ('"ema" != swing.kind', lambda p: p["swing.kind"] != "ema"),
        ("swing.kind == other", lambda p: p["swing.kind"] == p["other"]),
        ("swing.kind == 'none of them'", lambda _: False),
        ("on", lambda p: p["on"]),
        ("not on or swing.fast > 5", lambda p: not p["on"] or p["swing.fast"] > 5),
        ("on == true", lambda p: p["on"]),
        ("on != (swing.fast > 5)", lambda p: p["on"] != (p["swing.fast"] > 5)),
        ("`max-n` > 3", lambda p: p["max-n"] > 3),
        ("`swing.fast` > 5 and swing.fast<=base.most", lambda p: 5 < p["swing.fast"] <= 10),
        ("is.lambda.for > 1", lambda p: p["is.lambda.for"] > 1),
        ("is.3day > 1", lambda p: p["is.3day"] > 1),
        ("mixed == 'auto' or mixed == 5", lambda p: p["mixed"] in {"auto", 5}),
        ("mixed != true", lambda p: p["mixed"] is not True),
        ("min > 1 and min(min, 2) == 2", lambda p: p["min"] > 1),
        ("swing.fast / (min - 1) > 0 or min == 1", lambda p: p["min"] > 1),
        ("min == 1 or swing.fast / (min - 1) > 0", lambda _: True),
        ("5 <\n swing.fast", lambda p: p["swing.fast"] > 5),
    ],
)
def test_expressions_over_dotted_names_and_choices(
    text: str, holds: Callable[[dict[str, Any]], bool]
) -> None:
    space = SearchSpace(
        (
            Dimension("swing.fast", "int", (5, 10, 15)),
            Dimension("swing.kind", "choice", ("sma", "ema")),
            Dimension("other", "choice", ("ema", "hull")),
            Dimension("on", "choice", (True, False)),
            Dimension("max-n", "int", (3, 4)),
            Dimension("is.lambda.for", "int", (1, 2)),
            Dimension("is.3day", "int", (1, 2)),
            Dimension("mixed", "choice", ("auto", 5, True, 1)),
            Dimension("min", "int", (1, 2)),
        ),
        {"base": {"most": 10, "many": [1, 2]}},
    )
    rows = space.grid_rows(0, space.size or 0)
    found = parse_condition(text, space.dimensions, {"base.most": 10}).holds(rows)
    assert found.tolist() == [bool(holds(point)) for point in space.decode(rows)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be an expression"),
        ("   ", "must be an expression"),
        ("a.fast <", "it is no expression"),
        ("a.fast = a.slow", "it is no expression"),
        ("a.fast; a.slow", "it is no expression"),
        ("a.fast # < a.slow", "neither true nor false|it is no expression"),
        ("a.fst < a.slow", "there is no parameter 'a.fst'; did you mean 'a.fast'"),
        ("fast < a.slow", "there is no parameter 'fast'"),
        ("a.max-n > 1", r"there is no parameter 'a.max'; write `a.max-n` between backticks"),
        ("a.fast", "is neither true nor false"),
        ("a.fast + a.slow", "is neither true nor false"),
        ("1 < 2", "names no parameter that is searched"),
        ("true", "names no parameter that is searched"),
        ("a.fast < 'x'", "compares a number with a value"),
        ("a.kind < 'x'", "orders what has no order"),
        ("a.kind + 1 < 2", "is no number"),
        ("a.kind == 1 + 1", "compares a value with a number"),
        ("a.fast in (1, 2)", "there is no parameter 'in'"),
        ("a.fast is a.slow", "there is no parameter 'is'"),
        ("__import__('os') < a.fast", "there is no parameter '__import__'"),
        ("a.fast.real < 3", "there is no parameter 'a.fast.real'"),
        ("a.fast . real < 3", "there is no parameter 'real'"),
        ("a.fast[0] < 3", "is not understood"),
        ("a.fast(1) < 3", "is not understood"),
        ("(lambda: 1)() < a.fast", "there is no parameter 'lambda'"),
        ("[1 for a.fast in 5] < 3", "there is no parameter 'for'"),
        ("f'{a.fast}' == 'x'", "there is no parameter 'f'"),
        ("a.fast < 0x10", "there is no parameter '0x10'"),
        ("a.fast < 1e999", "is not understood"),
        ("a.fast < 2j", "there is no parameter '2j'"),
        ("a.fast < ...", "is not understood"),
        ("a.fast < *a.slow", "it is no expression|is not understood"),
        ("(b := a.fast) < 3", "there is no parameter 'b'"),
        ("min(a.fast) < 3", "must give min two numbers"),
        ("abs(a.fast, 1) < 3", "must give abs one number"),
        ("max(a.fast, key=1) < 3", "there is no parameter 'key'"),
        ("a.fast if a.fast < 3 else 1", "there is no parameter 'if'"),
        ("`` < 1", "there is no parameter ''"),
        ("`a.fast < 1", "it is no expression"),
        ("a.fast < 1\0", "it is no expression"),
        ("a.fast < " + "1 + " * 400 + "1", "at most 1,000 will do"),
        ("not " * 240 + "a.fast < a.slow", "nested more than 50 deep|it is no expression"),
        ("a.fast < " + "(" * 300 + "1" + ")" * 300, "it is no expression"),
        ("a.fast < " + "-" * 900 + "1", "nested more than 50 deep|it is no expression"),
        ("a.fast < " + "9" * 900, "is not understood|it is no expression"),
    ],
)
def test_what_is_no_constraint(text: str, said: str) -> None:
    space = SearchSpace(
        (
            Dimension("a.fast", "int", (1, 2)),
            Dimension("a.slow", "int", (1, 2)),
            Dimension("a.max-n", "int", (1, 2)),
            Dimension("a.kind", "choice", ("x", "y")),
        )
    )
    with pytest.raises(InputError, match=said):
        parse_condition(text, space.dimensions, {})


@pytest.mark.parametrize("text", ["a < 2", "true", "'x'", "kind", "", "b", "not a"])
def test_what_is_no_number(text: str) -> None:
    space = SearchSpace((Dimension("a", "int", (1, 2)), Dimension("kind", "choice", ("x", "y"))))
    with pytest.raises(
        InputError, match=r"is no number|no parameter|must be an expression|is neither true"
    ):
        parse_number(text, space.dimensions, {})


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        ("5", "constraints = 5 must be a list of expressions"),
        ("a < b", "constraints = 'a < b' must be a list of expressions"),
        ("{require: a < b}", "must be a list of expressions"),
        ("[5]", r"constraints\[0\]: 5 must be an expression"),
        ("[a < b, true]", r"constraints\[1\]: true must be an expression"),
        ("[a < b, a <]", r"constraints\[1\]: 'a <': it is no expression"),
        ("[a < c]", r"constraints\[0\]: 'a < c': there is no parameter 'c'"),
        ("[{repair: {a: 1}}]", "must be an expression"),
        ("[{require: a < b, repare: {}}]", "nothing called 'repare'; did you mean 'repair'"),
        ("[{require: a < b, repair: 5}]", "repair = 5 must be a mapping"),
        ("[{require: a < b, repair: {c: 5}}]", "sets 'c', which is no parameter"),
        ("[{require: a < b, repair: {a: d + 5}}]", "there is no parameter 'd'"),
        ("[{require: a < b, repair: {a: a < b}}]", "is no number"),
        ("[{require: a < b, repair: {a: [1]}}]", "must be an expression"),
        ("[{require: a < b, repair: {k: z}}]", "the repair of k sets 'z', none of its values"),
        ("[" + ", ".join(["a < b"] * 201) + "]", "201 constraints; at most 200 will do"),
    ],
)
def test_constraints_that_cannot_be_read(constraints: str, said: str) -> None:
    (line,) = wrong_with(
        f"parameters: {{a: [1, 2], b: [2, 3], k: [x, y]}}\nconstraints: {constraints}"
    )
    assert re.search(said, line)


def test_all_that_is_wrong_is_told_at_once() -> None:
    lines = wrong_with("parameters: {a: 5, b: [], deep: {c: [1, 1], d: [1, 2]}}\nfixed: {5: 1}")
    assert [line.split(" ")[1] for line in lines] == [
        "parameters.a",
        "parameters.b",
        "parameters.deep.c",
        "fixed:",
    ]
    lines = wrong_with("parameters: {a: [1, 2], b: [1, 2]}\nconstraints: [a, b < c]\n")
    assert [line.split(":")[1].strip() for line in lines] == ["constraints[0]", "constraints[1]"]


def test_points_that_meet_constraints() -> None:
    space = space_of(
        "parameters: {swing: {fast: {int: [1, 6]}, slow: {int: [1, 6]}}, n: [1, 2]}\n"
        "constraints: [swing.fast < swing.slow, 'swing.slow % n == 0']"
    )
    rows = space.grid_rows(0, 72)
    expected = [
        p["swing.fast"] < p["swing.slow"] and p["swing.slow"] % p["n"] == 0  # type: ignore[operator]
        for p in space.decode(rows)
    ]
    assert space.allowed(rows).tolist() == expected
    assert left_by_constraints(space).count == sum(expected)
    for row, allowed in zip(rows, expected, strict=True):
        assert (not space.broken(row)) == allowed
    assert space.broken(space.encode({"swing": {"fast": 3, "slow": 3}, "n": 1})) == [
        "swing.fast = 3, swing.slow = 3 are not allowed together; swing.fast < swing.slow must hold"
    ]


def test_points_are_repaired() -> None:
    space = space_of(
        """
parameters: {fast: {int: [1, 20]}, slow: [10, 20, 40], kind: [none, sma], x: {float: [0, 1]}}
constraints:
  - {require: fast * 2 <= slow, repair: {slow: fast * 2}}
  - {require: "kind == 'sma' or x <= 0.5", repair: {x: 0.25}}
  - {require: "kind != 'sma' or fast > 2", repair: {kind: none}}
"""
    )
    rows = _rows(space, 5_000)
    before = rows.copy()
    repaired = space.repaired(rows)
    assert np.array_equal(rows, before)
    met = space.allowed(rows)
    # What meets all stays as it is.
    assert np.array_equal(repaired[met], rows[met])
    after = space.decode(repaired)
    for old, new in zip(space.decode(rows), after, strict=True):
        assert new["fast"] == old["fast"]
        slow = old["slow"]
        if old["fast"] * 2 > old["slow"]:  # type: ignore[operator]  # numbers
            # The nearest value of twice the fast one that will do.
            slow = next(v for v in (10, 20, 40) if v >= old["fast"] * 2)  # type: ignore[operator]
        assert new["slow"] == slow
        assert new["kind"] == ("none" if old["fast"] <= 2 else old["kind"])  # type: ignore[operator]
        mended = old["kind"] == "none" and old["x"] > 0.5  # type: ignore[operator]  # numbers
        assert new["x"] == (0.25 if mended else old["x"]) or new["kind"] != old["kind"]
    assert space.allowed(repaired).all()
    assert np.array_equal(space.repaired(repaired), repaired)


def test_a_repair_that_undoes_another_ends() -> None:
    space = space_of(
        """
parameters: {a: {int: [1, 9]}, b: {int: [1, 9]}}
constraints: [{require: a < b, repair: {a: b - 1}}, {require: a > b, repair: {a: b + 1}}]
start: []
""".replace("a > b", "a >= b - 1")
    )
    rows = space.grid_rows(0, 81)
    repaired = space.repaired(rows)
    good = space.allowed(repaired)
    for point in itertools.compress(space.decode(repaired), good):
        assert point["a"] == point["b"] - 1  # type: ignore[operator]  # numbers
    # Of b = 1 there is none.
    assert [p["b"] for p in itertools.compress(space.decode(repaired), ~good)] == [1] * 9


def test_a_repair_that_cannot_be_computed_leaves_the_point() -> None:
    space = space_of(
        "parameters: {a: [0, 1], b: {int: [1, 9]}}\n"
        "constraints: [{require: b > 5, repair: {b: 8 / a}}]"
    )
    points = space.decode(space.repaired(np.array([[0.0, 2.0], [1.0, 2.0]])))
    assert points == [{"a": 0, "b": 3}, {"a": 1, "b": 8}]


@pytest.mark.parametrize(
    ("dimension", "target", "expected"),
    [
        (Dimension("x", "int", (30, 10, 20)), 14, 10),
        (Dimension("x", "int", (30, 10, 20)), 15, 10),
        (Dimension("x", "int", (30, 10, 20)), 16, 20),
        (Dimension("x", "int", (30, 10, 20)), -99, 10),
        (Dimension("x", "int", (30, 10, 20)), 99, 30),
        (Dimension("x", "int", None, 0, 10**6, 10), 1_234, 1_230),
        (Dimension("x", "int", None, 0, 10**6, 10), 10**9, 10**6),
        (Dimension("x", "float", None, 0, 1), 0.3, 0.3),
        (Dimension("x", "float", None, 0, 1), 5, 1.0),
        (Dimension("x", "float", None, 0.01, 100, None, True), 1, 1.0),
    ],
)
def test_a_repair_takes_the_nearest_value(
    dimension: Dimension, target: float, expected: float
) -> None:
    other = Dimension("on", "choice", (False, True))
    rule = ParameterConstraint(f"on or x == {expected}", {"x": target})
    space = SearchSpace((dimension, other), {}, (), (rule,))
    start = float((dimension.size or 2) - 1)
    for at in (0.0, start):
        found = space.decode(space.repaired(np.array([[at, 0.0]])))
        assert found == [{"x": expected, "on": False}]


@pytest.mark.parametrize(
    ("parameters", "constraint"),
    [
        ("{a: [5, 6], b: [1, 2]}", "a < b"),
        ("{a: [1], b: [1]}", "a != b"),
        ("{a: [0], b: [1, 2]}", "b / a > 0"),
        ("{a: {int: [1, 1000]}, b: {int: [1, 1000]}}", "a + b > 2000"),
        ("{a: [x, y], b: {float: [0, 1]}, c: [5]}", "a == 'z' and c > 1"),
    ],
)
def test_constraints_that_leave_nothing_are_found_by_trying_all(
    parameters: str, constraint: str
) -> None:
    (line,) = wrong_with(f'parameters: {parameters}\nconstraints: ["{constraint}"]')
    assert re.match(r"space.yaml: constraints: none of all [\d,]+ points meets ", line)
    assert constraint in line
    assert "widen the values of a" in line


def test_one_point_of_a_million_is_found() -> None:
    space = space_of(
        "parameters: {a: {int: [1, 1000]}, b: {int: [1, 1000]}}\nconstraints: [a + b >= 2000]"
    )
    assert left_by_constraints(space).count == 1


@pytest.mark.parametrize(
    "parameters",
    [
        "{a: {float: [0, 1]}, b: {float: [0, 1]}}",
        "{a: {int: [0, 1000000]}, b: {int: [0, 1000000]}}",
    ],
)
def test_constraints_that_seem_to_leave_nothing(parameters: str) -> None:
    text = f"parameters: {parameters}\nconstraints: [abs(a - 0.51) + abs(b - 0.3) < 0.0001]"
    (line,) = wrong_with(text)
    assert "none of 200,000 points that were tried, too many to try all of them" in line
    assert "give one that does under start" in line


def test_a_start_point_shows_that_something_is_left() -> None:
    text = """
parameters: {a: {float: [0, 1]}, b: {float: [0, 1]}}
constraints: [a == b / 2 + 0.1]
"""
    assert "tried" in wrong_with(text)[0]
    space = space_of(text + "start: [{a: 0.5, b: 0.8}]")
    assert left_by_constraints(space).count is None
    assert space.start == ({"a": 0.5, "b": 0.8},)
    # So does a repair.
    repaired = text.replace(
        "[a == b / 2 + 0.1]", "[{require: a == b / 2 + 0.1, repair: {a: b / 2 + 0.1}}]"
    )
    assert space_of(repaired).start == ()


def test_points_are_counted_by_groups() -> None:
    space = space_of(
        "parameters: {a: {int: [1, 100]}, b: {int: [1, 100]}, c: {int: [1, 100]},"
        " d: {int: [1, 100]}, e: {int: [1, 100]}}\nconstraints: [a < b, c < d]"
    )
    assert left_by_constraints(space).count == 4_950 * 4_950 * 100
    assert left_by_constraints(mixed()).count is None
    plain = space_of("parameters: {a: [1, 2, 3], b: [1, 2]}")
    assert left_by_constraints(plain).count == 6


# Start points


def test_start_points_are_points() -> None:
    space = space_of(
        "parameters: {s: {a: [1, 2], b: [x, y]}, c: {float: [0, 1]}}\n"
        "fixed: {s: {f: 3}}\n"
        "start:\n- {s: {a: 1, b: x}, c: 1}\n- {s.a: 2, s.b: y, c: 0, s: {f: 3}}\n"
    )
    assert space.start == ({"s.a": 1, "s.b": "x", "c": 1.0}, {"s.a": 2, "s.b": "y", "c": 0.0})


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("5", "start = 5 must be a list of points"),
        ("2020-01-01", "dates of bars are the period"),
        ("[5]", r"start\[0\] = 5 must be a point"),
        ("[{a: 1, b: 3}, {a: 7, b: 3}]", r"start\[1\]: a = 7 is none of its values; .* is 2"),
        ("[{a: 1}]", r"start\[0\]: it lacks b"),
        ("[{a: 1, b: 3, c: 1}]", r"start\[0\]: there is no parameter 'c'"),
        ("[{a: 2, b: 2}]", r"start\[0\]: a = 2, b = 2 are not allowed together; a < b must hold"),
        ("[{a: 1, b: 3}, {b: 3, a: 1}]", r"start\[1\] is the same point as start\[0\]; keep one"),
        ("{a: 3, b: 3}", r"start\[0\]: a = 3 is none"),
        ("[{a: 1, b: 3, c: {d: 1}, c.d: 1}]", r"start\[0\]: 'c.d' is there twice; keep one"),
    ],
)
def test_start_points_that_are_none(start: str, said: str) -> None:
    (line,) = wrong_with(
        f"parameters: {{a: [1, 2], b: [2, 3]}}\nconstraints: [a < b]\nstart: {start}"
    )
    assert re.search(said, line)


# Plain values


def _with_all() -> SearchSpace:
    return space_of(
        MIXED + "constraints: ['strategy.swing.sma_fast < strategy.swing.sma_slow',"
        " {require: shift < 4 or risk.trail, repair: {shift: 3, risk.trail: true}}]\n"
    )


def test_a_space_comes_back_from_plain_values() -> None:
    space = _with_all()
    start = tuple(space.decode(space.repaired(_rows(space, 3))))
    space = SearchSpace(space.dimensions, space.fixed, start, space.constraints)
    data = json.loads(json.dumps(space.to_dict(), allow_nan=False))
    again = SearchSpace.from_dict(data)
    assert again == space
    assert again.to_dict() == space.to_dict()
    assert pickle.loads(pickle.dumps(space)) == space
    rows = _rows(space, 500)
    assert again.decode(rows) == space.decode(rows)
    assert np.array_equal(again.allowed(rows), space.allowed(rows))
    assert np.array_equal(again.repaired(rows), space.repaired(rows))
    assert again.start == start


def test_spaces_that_differ_are_unequal() -> None:
    def of(*values: Any) -> SearchSpace:
        return SearchSpace((Dimension("x", "choice", values),))

    assert of(1, 2) != of(2, 1)
    assert of(1, 2) != of(True, 2)
    assert of(1, 2) == of(1, 2)
    assert hash(of(1, 2)) == hash(of(1, 2))
    assert of(1, 2) != 5


def _forged(data: Any) -> Any:
    """Yield plain values with one part of them something else."""
    for wrong in (None, 5, "x", [], {}, [[]], math.nan, True):
        for key in data:
            yield data | {key: wrong}
    for key in data:
        yield {k: v for k, v in data.items() if k != key}


def test_plain_values_that_are_no_space_are_refused() -> None:
    space = _with_all()
    data = space.to_dict()
    same = SearchSpace.from_dict(data)
    tried = list(_forged(data))
    for part in ("dimensions", "constraints"):
        for at, item in enumerate(data[part]):
            for other in _forged(item):
                changed = [*data[part][:at], other, *data[part][at + 1 :]]
                tried.append(data | {part: changed})
    for other in tried:
        try:
            found = SearchSpace.from_dict(other)
        except InputError:
            continue
        # What is taken is a space, whole and of plain values.
        assert SearchSpace.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert SearchSpace.from_dict(data) == same


# The configuration of a user


@pytest.mark.parametrize(
    "value",
    [
        *(
            "no",
            "No",
            "on",
            "y",
            "null",
            "~",
            "",
            " ",
            "1e-3",
            "0.5",
            "010",
            "0x1F",
            "1:30",
            "1_000",
        ),
        *("2020-01-01", ".inf", "=", "<<", "- a", "a: b", "a #b", "#a", "'", '"', "\\", "a\nb"),
        *(
            "\t",
            "\x1b[31m",
            "\x85",
            "\u2028",
            "\u202e",
            "\ufeff",
            "é",
            "日本",
            "😀",
            "%a",
            "@a",
            "`a",
        ),
        *("&a", "*a", "!a", "|", ">", "?", "{a", "[a", "a,b", "--- a", "...", "\x7f", "a" * 3_000),
        *(0, -1, 10**40, 0.1, -0.5, 1e-05, 1e22, -1e-300, 1.5e300, 5e-324, True, False, None),
        *([], [1, "no", None], {}, {"no": {"1e-3": [True, {"a": "off"}]}}, [[], [{}]]),
    ],
    ids=repr,
)
def test_a_configuration_reads_back(value: Any) -> None:
    config = {"a": value, "deep": {"er": {"x": value, "y": [value]}}, "z": 1}
    if isinstance(value, str) and len(value) <= 100:
        config["k"] = {value: 1} if value != "<<" else 1
    text = nested_yaml(config, "made by\nsomething\x1b")
    assert load_yaml(text) == config
    assert text.startswith("# made by\n# something\\x1b\n")
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert str(load_yaml(text)) == str(config)


def test_an_empty_configuration_reads_back() -> None:
    assert load_yaml(nested_yaml({})) == {}


def test_a_configuration_is_nested_as_its_user_has_it() -> None:
    space = space_of(
        "parameters: {s: {swing: {fast: [5], kind: ['no']}}}\nfixed: {s: {m: 1}, d: [a]}"
    )
    text = nested_yaml(space.nested(space.decode(space.grid_rows(0, 1))[0]))
    assert text == 's:\n  swing:\n    fast: 5\n    kind: "no"\n  m: 1\nd: [a]\n'
