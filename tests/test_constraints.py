"""Constraints: what is understood, what is refused, and the grids that they leave."""

from __future__ import annotations

import itertools
import math
import pickle
import re
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from strategies import strategy

import wfo
from wfo.grid import Grid
from wfo.strategy.constraints import groups, parse

NAMES = ("fast", "slow", "mode")


# Expressions


@pytest.mark.parametrize(
    ("text", "row", "holds"),
    [
        ("fast < slow", {"fast": 1, "slow": 2}, True),
        ("fast < slow", {"fast": 2, "slow": 2}, False),
        ("2 * fast + 1 <= slow - 3", {"fast": 3, "slow": 10}, True),
        ("5 <= fast < slow <= 9", {"fast": 5, "slow": 9}, True),
        ("5 <= fast < slow <= 9", {"fast": 5, "slow": 10}, False),
        ("fast != slow", {"fast": 5, "slow": 5.0}, False),
        ("fast == slow", {"fast": 5, "slow": 5.0}, True),
        ("slow % fast == 0", {"fast": 4, "slow": 12}, True),
        ("slow // fast > 2.5", {"fast": 4, "slow": 12}, True),
        ("slow / fast > 2.5", {"fast": 4, "slow": 9}, False),
        ("fast ** 2 >= slow", {"fast": 3, "slow": 9}, True),
        ("fast ** -1 < 1", {"fast": 2}, True),
        ("-fast > -slow", {"fast": 3, "slow": 9}, True),
        ("mode == 0 or fast < slow", {"mode": 1, "fast": 3, "slow": 2}, False),
        ("mode == 0 or fast < slow", {"mode": 0, "fast": 3, "slow": 2}, True),
        ("not (mode == 1 and fast > slow)", {"mode": 1, "fast": 3, "slow": 2}, False),
        ("abs(slow - fast) >= max(fast, 3)", {"fast": 5, "slow": 0}, True),
        ("min(fast, slow, 7) == 7", {"fast": 8, "slow": 9}, True),
        # Halves go to the even number, as Python's do.
        ("round(slow / 2) == fast", {"fast": 2, "slow": 5}, True),
    ],
)
def test_what_an_expression_says(text: str, row: dict[str, float], holds: bool) -> None:
    found = parse(text, NAMES)
    assert found.names == tuple(n for n in NAMES if n in row)
    assert found.holds([row[n] for n in found.names]) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be an expression"),
        ("fast <", "is no expression"),
        ("fast = slow", "is no expression"),
        ("fast; slow", "is no expression"),
        ("fst < slow", "'fst' is no parameter; did you mean 'fast'"),
        ("fast", "'fast' is neither true nor false; compare it"),
        ("fast + slow", "'fast \\+ slow' is neither true nor false"),
        ("fast and slow", "'fast' is neither true nor false"),
        ("(fast < slow) + 1 > 0", "'fast < slow' is not understood"),
        ("1 < 2", "names no parameter"),
        ("fast is slow", "is no comparison by one of <, <="),
        ("fast in (1, 2)", "is no comparison"),
        ("fast < '3'", "\"'3'\" is not understood"),
        ("fast < True", "'True' is not understood"),
        ("fast < 1e999", "is not understood"),
        ("fast < 2j", "is not understood"),
        ("fast.real < 3", "'fast.real' is not understood"),
        ("__import__('os') < fast", "is not understood"),
        ("min(fast) < 3", "must give min two numbers or more"),
        ("abs(fast, slow) < 3", "must give abs one number"),
        ("max(*fast) < 3", "must give max two numbers or more"),
        ("max(*fast, slow) < 3", "is not understood"),
        ("max(fast, key=slow) < 3", "is not understood"),
        ("[fast for fast in slow] < 3", "is not understood"),
        ("(lambda: fast)() < 3", "is not understood"),
        ("fast if slow < 3 else mode", "is neither true nor false"),
        ("fast << 2 < slow", "is not understood"),
        ("fast < " + "1 + " * 400 + "1", "at most 1,000 will do"),
        ("not " * 240 + "fast < slow", "is nested more than 50 deep|is no expression"),
        ("fast < " + "-" * 60 + "slow", "is nested more than 50 deep"),
        ("fast < " + "-" * 900 + "slow", "is nested more than 50 deep|is no expression"),
        ("fast < slow\0", "is no expression"),
    ],
)
def test_what_is_no_constraint(text: str, message: str) -> None:
    with pytest.raises(wfo.InputError, match=message):
        parse(text, NAMES)
    with pytest.raises(wfo.InputError):
        strategy(*NAMES, constraints=(text,))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("fast / slow < 1", (1, 0)),
        ("fast % slow < 1", (1, 0)),
        ("fast ** slow < 1", (1_000_000, 1_000_000)),
        ("fast ** (slow + 0.5) < 1", (1e300, 3.0)),
        ("(fast - slow) ** 0.5 < 1", (1, 2)),
        ("fast ** -1 < slow", (0, 1)),
    ],
)
def test_what_cannot_be_computed_is_named(text: str, row: tuple[float, float]) -> None:
    named = re.escape(f"{text!r} cannot be computed for fast = {row[0]}, slow = {row[1]}: ")
    with pytest.raises(wfo.InputError, match=named):
        parse(text, NAMES).holds(row)


def test_parameters_are_grouped_by_what_they_share() -> None:
    names = ("a", "b", "c", "d", "e")
    one, two, three = (parse(t, names) for t in ("d < b", "e > d", "c % 2 == 0"))
    assert groups(names, []) == [((n,), ()) for n in names]
    assert groups(names, [one]) == [
        (("a",), ()),
        (("b", "d"), (one,)),
        (("c",), ()),
        (("e",), ()),
    ]
    assert groups(names, [one, two, three]) == [
        (("a",), ()),
        (("b", "d", "e"), (one, two)),
        (("c",), (three,)),
    ]


# Parameter sets


def test_sets_that_do_not_meet_one_are_refused() -> None:
    own = strategy(*NAMES, constraints=("fast < slow", "mode == 0 or slow > 10", "mode < 3"))
    assert own.check_params({"mode": 1, "slow": 20, "fast": 5}) == (5, 20, 1)
    for params, message in (
        ({"fast": 5, "slow": 5, "mode": 0}, "fast = 5 is not allowed; it must be below slow = 5"),
        (
            {"fast": 5, "slow": 6, "mode": 1},
            "slow = 6, mode = 1 are not allowed together; mode == 0 or slow > 10 must hold",
        ),
        ({"fast": 5, "slow": 6, "mode": 3}, "slow = 6, mode = 3 are not allowed together"),
        ({"fast": 5, "slow": 60, "mode": 3}, "mode = 3 is not allowed; mode < 3 must hold"),
    ):
        with pytest.raises(wfo.InputError, match=f"^{re.escape(message)}"):
            own.check_params(params)


@pytest.mark.parametrize(
    ("sign", "word"),
    [
        ("<", "below"),
        ("<=", "at or below"),
        (">", "above"),
        (">=", "at or above"),
        ("==", "equal to"),
        ("!=", "other than"),
    ],
)
def test_a_comparison_of_two_is_said_in_words(sign: str, word: str) -> None:
    own = strategy("fast", "slow", constraints=(f"fast {sign} slow",))
    broken = {"<": (2, 2), "<=": (3, 2), ">": (2, 2), ">=": (1, 2), "==": (1, 2), "!=": (2, 2)}
    fast, slow = broken[sign]
    with pytest.raises(wfo.InputError, match=f"fast = {fast} .* must be {word} slow = {slow}$"):
        own.check_params({"fast": fast, "slow": slow})
    with pytest.raises(wfo.InputError, match=rf"\[{fast}\] is nowhere {word} slow = \[{slow}\]; "):
        Grid({"fast": fast, "slow": slow}, strategy=own)


# Grids

LETTERS = ("a", "b", "c", "d", "e")
CONSTRAINTS = (
    "a < b",
    "d < b",
    "a + e != c",
    "c % 2 == 0",
    "b <= d or e > 2",
    "max(a, b, c) <= d + 4",
    "not (a == 1 and e == 1)",
)


@st.composite
def constrained(draw: st.DrawFn) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    axis = st.lists(st.integers(0, 6), min_size=1, max_size=4, unique=True)
    values = {name: draw(axis) for name in LETTERS}
    chosen = draw(st.lists(st.sampled_from(CONSTRAINTS), max_size=4, unique=True))
    return values, tuple(chosen)


def meets(constraints: tuple[str, ...], row: dict[str, int]) -> bool:
    return all(eval(text, {"max": max}, dict(row)) for text in constraints)


def in_order(values: dict[str, list[int]], constraints: tuple[str, ...]) -> list[dict[str, int]]:
    """The product of the axes, each of them the allowed sets of a group, by their definition."""
    parsed = [parse(text, LETTERS) for text in constraints]
    axes = []
    for names, own in groups(LETTERS, parsed):
        rows = (
            dict(zip(names, row, strict=True))
            for row in itertools.product(*(values[n] for n in names))
        )
        texts = tuple(c.expression for c in own)
        axes.append([row for row in rows if meets(texts, row)])
    return [dict(itertools.chain(*(r.items() for r in rows))) for rows in itertools.product(*axes)]


@hypothesis.given(constrained())
def test_a_grid_has_the_sets_that_meet_its_constraints(
    given: tuple[dict[str, list[int]], tuple[str, ...]],
) -> None:
    values, constraints = given
    own = strategy(*LETTERS, constraints=constraints)
    rows = (dict(zip(LETTERS, r, strict=True)) for r in itertools.product(*values.values()))
    allowed = [row for row in rows if meets(constraints, row)]
    if not allowed:
        with pytest.raises(wfo.InputError, match="the grid would be empty"):
            Grid(values, strategy=own)
        return
    grid = Grid(values, strategy=own)
    found = [grid.params(i) for i in range(len(grid))]
    assert all(tuple(row) == LETTERS for row in found)
    # Exactly the allowed ones, in the order of the groups; where each is one parameter or the
    # groups are runs of neighbours, that is the order of the filtered product.
    wanted = in_order(values, constraints)
    assert found == wanted
    assert sorted(tuple(r.values()) for r in found) == sorted(tuple(r.values()) for r in allowed)
    if all(
        axis.names == LETTERS[LETTERS.index(axis.names[0]) :][: len(axis.names)]
        for axis in grid.axes
    ):
        assert found == allowed
    assert grid.left_out == math.prod(len(a) for a in values.values()) - len(allowed)
    indices = np.arange(len(grid))
    columns = grid.columns(indices)
    for name in LETTERS:
        assert columns[name].tolist() == [row[name] for row in wanted]
        digits = grid.digits(name, indices)
        assert [values[name][d] for d in digits] == columns[name].tolist()
    # What engines take is the same: rows of each axis, the last axis fastest.
    rows_of = [[(axis.names, row) for row in axis.rows] for axis in grid.axes]
    assert grid.lengths == tuple(len(axis) for axis in rows_of)
    flat = [
        {n: v for names, row in combination for n, v in zip(names, row, strict=True)}
        for combination in itertools.product(*rows_of)
    ]
    assert flat == wanted
    for (positions, rows_), axis in zip(grid.engine_axes, grid.axes, strict=True):
        assert [LETTERS[p] for p in positions] == list(axis.names)
        assert rows_.tolist() == [list(row) for row in axis.rows]
    assert Grid.from_dict(grid.to_dict(), strategy=own) == grid
    assert pickle.loads(pickle.dumps(grid)).params(len(grid) - 1) == found[-1]


@pytest.mark.parametrize("map_axes", [("a", "c"), ("c", "a"), ("a", "b"), ("b", "a"), ("d", "e")])
@pytest.mark.parametrize("constraints", [(), ("a < b",), ("a < c", "e <= a"), ("b != d",)])
def test_a_map_within_groups(map_axes: tuple[str, str], constraints: tuple[str, ...]) -> None:
    own = strategy(*LETTERS, constraints=constraints, map_axes=map_axes)
    values = {"a": [0, 2, 1], "b": [1, 5], "c": [3, 0], "d": [1, 0, 5], "e": [0, 1]}
    grid = Grid(values, strategy=own)
    totals = np.zeros([len(values[n]) for n in map_axes], np.int64)
    for i in range(len(grid)):
        row = grid.params(i)
        cell = tuple(values[n].index(int(row[n])) for n in map_axes)
        totals[cell] += 1
        for axis, wanted in zip(grid.map_axes, cell, strict=True):
            assert axis.digits[i // axis.stride % len(axis.digits)] == wanted
    assert np.array_equal(grid.map_totals(), totals)
    assert [axis.length for axis in grid.map_axes] == list(totals.shape)


def test_hull_lengths_have_the_index_that_they_always_had() -> None:
    """Ordered pairs are the last axis, the slow length varying fastest."""
    for name in ("atr_d_hma_l", "atr_d_hma_ls"):
        for shipped in ("smoke", "coarse"):
            grid = Grid.load(shipped, name)
            *single, fast, slow = grid.values.items()
            pairs = [(f, s) for f, s in itertools.product(fast[1], slow[1]) if f < s]
            assert grid.lengths == (*(len(axis) for _, axis in single), len(pairs))
            assert len(grid) == math.prod(grid.lengths)
            assert grid.left_out == len(grid) // len(pairs) * (
                len(fast[1]) * len(slow[1]) - len(pairs)
            )
            rng = np.random.default_rng(1)
            for index in [0, len(grid) - 1, *rng.integers(0, len(grid), 200).tolist()]:
                rest, wanted = index // len(pairs), {}
                wanted[fast[0]], wanted[slow[0]] = pairs[index % len(pairs)]
                for parameter, axis in reversed(single):
                    rest, at = divmod(rest, len(axis))
                    wanted[parameter] = axis[at]
                assert grid.params(index) == wanted
            assert grid.axes[-1].names == ("hma_fast_length", "hma_slow_length")
            assert grid.axes[-1].rows == [(float(f), float(s)) for f, s in pairs]


def test_a_group_of_too_many_points_is_refused() -> None:
    own = strategy("a", "b", "c", constraints=("a < b",))
    long = range(4_000)
    with pytest.raises(wfo.InputError, match=r"a, b share constraints, and have 16,000,000 sets"):
        Grid({"a": long, "b": long, "c": 1}, strategy=own)
    # What shares nothing may be as long as ever.
    assert len(Grid({"a": 1, "b": 2, "c": long}, strategy=own)) == 4_000


def test_an_empty_grid_says_what_nowhere_holds() -> None:
    own = strategy("a", "b", "c", constraints=("a < b", "a + b > c"))
    with pytest.raises(
        wfo.InputError,
        match=re.escape(
            "no values of a = [1, 2], b = [1], c = [0, 1, 2, …, 19] meet (a < b) and (a + b > c);"
            " the grid would be empty"
        ),
    ):
        Grid({"a": [1, 2], "b": 1, "c": range(20)}, strategy=own)


def test_a_grid_of_a_misleading_expression_names_the_values() -> None:
    own = strategy("a", "b", constraints=("a / b < 1",))
    grids: Any = {"a": [1], "b": [1, 0]}
    with pytest.raises(wfo.InputError, match="cannot be computed for a = 1, b = 0: division by"):
        Grid(grids, strategy=own)
