"""The compiled engine of rules: pieces of grids, functions of the user's, and what cannot be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from parity import differences, extended_differences

import wfo
from wfo import InputError, _core
from wfo.backtest.engines import engines_of
from wfo.backtest.feeds import Feeds
from wfo.backtest.spaces import SetSpace
from wfo.backtest.values import DatedSet
from wfo.rules.kernel import RulesKernel
from wfo.rules.lookback import lookback
from wfo.rules.nodes import Node
from wfo.rules.program import Function, Order, Program
from wfo.rules.reference import ReferenceKernel
from wfo.strategy import Parameter, Strategy

Floats = NDArray[np.float64]


def times(column: Floats, by: float) -> Floats:
    return column * by


def built(*nodes: tuple[Any, ...], **orders: Any) -> dict[str, Any]:
    """Return nodes and orders: of each node its operation, its parts, its value or text."""
    made = []
    for op, args, *more in nodes:
        text = more[0] if more and isinstance(more[0], str) else ""
        value = float(more[0]) if more and not text else 0.0
        made.append(Node(op, tuple(args), value, text))
    return {"nodes": tuple(made), **orders}


#: Breaks of a high above an average, both ways, with a trail and a target; two axes meet in a leaf.
CHANNEL = built(
    ("parameter", (), 0),
    ("parameter", (), 1),
    ("feed", (), "bars.high"),
    ("feed", (), "bars.low"),
    ("feed", (), "bars.close"),
    ("highest", (2, 0)),
    ("lowest", (3, 0)),
    ("sma", (4, 0)),
    ("ema", (7, 1)),
    ("gt", (4, 8)),
    ("not", (9,)),
    ("true_range", (2, 3, 4)),
    ("sma", (11, 1)),
    ("constant", (), 3),
    ("mul", (12, 13)),
    ("constant", (), 1),
    long=(Order("stop", 5, 9), Order("pullback", 14)),
    short=(Order("stop", 6, 10), Order("at_open", None, 10)),
    exit_long=(Order("target", 13, percent=True), Order("trail", 14), Order("after", 0)),
    exit_short=(Order("loss", 14), Order("limit", 8)),
    reverse_to_short=15,
)
NAMES = ("length", "smooth")


def program(
    parts: dict[str, Any] = CHANNEL, names: tuple[str, ...] = NAMES, **more: Any
) -> Program:
    return Program(parameters=names, **(parts | more))


def strategy(made: Program) -> Strategy:
    return Strategy(
        name="made",
        title="Rules by hand.",
        parameters=tuple(Parameter(n, "int", 1, 100, "") for n in made.parameters),
        kernel=RulesKernel(made),
        reference=ReferenceKernel(program=made),
        lookback=lambda values: lookback(made, values),
        shorts=bool(made.short),
    )


@pytest.fixture(scope="module")
def bars() -> dict[str, Floats]:
    rng = np.random.default_rng(22)
    close = 100 + np.cumsum(np.round(rng.normal(0, 1, 160) * 2) / 2)
    open_ = close + np.round(rng.normal(0, 0.5, 160) * 2) / 2
    high = np.maximum(open_, close) + np.round(rng.exponential(0.7, 160) * 2) / 2
    low = np.minimum(open_, close) - np.round(rng.exponential(0.7, 160) * 2) / 2
    return {"open": open_, "high": high, "low": low, "close": close}


SETTINGS = wfo.AccountSettings(slip=0.001, fee=0.0005)
AXES = [([0], [[5.0], [9.0], [14.0]]), ([1], [[2.0], [3.0], [7.0], [12.0]])]
PHASES = [(30, 90, 130), (50, 100, 160)]


def sweep(
    made: Program,
    bars: dict[str, Floats],
    axes: Any = AXES,
    threads: int = 2,
    engine: str = "direct",
    **more: Any,
) -> _core.RulesSweep:
    handle: Any = RulesKernel(made).handle("")
    return _core.RulesSweep(
        engine, handle, [("bars", bars)], axes, SETTINGS, PHASES, threads, **more
    )


def rows(found: list[tuple[NDArray[Any], ...]]) -> list[list[list[float]]]:
    return [[column.tolist() for column in phase] for phase in found]


# Cells


@pytest.mark.parametrize("same_bar", ["next", "open", "worst"])
def test_a_cell_is_the_simulation_of_its_set(bars: dict[str, Floats], same_bar: str) -> None:
    made = program(same_bar=same_bar)
    own = strategy(made)
    engines, feeds = engines_of(own), Feeds({"bars": bars})
    found = sweep(made, bars, extended=True).run(0, 12)
    sets = [(a, b) for (a,) in AXES[0][1] for (b,) in AXES[1][1]]
    traded = 0
    for number, values in enumerate(sets):
        for phase, bounds in enumerate(PHASES):
            dated = [DatedSet(bounds[0], values)]
            sims = [
                wfo.Simulation.of(engines[name].simulate(own, feeds, dated, SETTINGS, bounds))
                for name in ("reference", "direct")
            ]
            assert differences(*sims) == []
            assert extended_differences(*sims) == []
            traded += len(sims[0].trades)
            cells = [column[number] for column in found[phase]]
            names = [name for name, _ in _core.schema()]
            figures = engines["direct"].simulate(own, feeds, dated, SETTINGS, bounds).figures
            assert cells == pytest.approx(
                [figures[name] for name in names], rel=0, abs=0, nan_ok=True
            )
    assert traded > 100


def test_cells_do_not_depend_on_pieces_threads_or_order(bars: dict[str, Floats]) -> None:
    made = program()
    whole = rows(sweep(made, bars).run(0, 12))
    one = sweep(made, bars, threads=1)
    parts = [rows(one.run(a, b)) for a, b in ((0, 5), (5, 6), (6, 12))]
    for phase in range(2):
        joined = [[value for part in parts for value in part[phase][c]] for c in range(6)]
        assert joined == whole[phase]
    listed = rows(one.run_list(np.array([7, 0, 11, 7], np.uint64)))
    assert listed[1] == [[column[k] for k in (7, 0, 11, 7)] for column in whole[1]]
    blocks = rows(one.run_blocks(np.array([8, 2], np.uint64), 2))
    assert blocks[0] == [[column[k] for k in (8, 9, 2, 3)] for column in whole[0]]


def test_sets_that_only_occur_together_are_computed(bars: dict[str, Floats]) -> None:
    made = program()
    pairs = [[5.0, 7.0], [14.0, 2.0], [9.0, 3.0]]
    together = rows(sweep(made, bars, axes=[([0, 1], pairs)]).run(0, 3))
    whole = rows(sweep(made, bars).run(0, 12))
    assert together[0] == [[column[k] for k in (2, 8, 5)] for column in whole[0]]


def test_sets_may_follow_each_other(bars: dict[str, Floats]) -> None:
    own, feeds = strategy(program()), Feeds({"bars": bars})
    sets = [DatedSet(30, (5, 2)), DatedSet(61, (14, 7)), DatedSet(95, (9, 3))]
    sims = [
        wfo.Simulation.of(engine.simulate(own, feeds, sets, SETTINGS, (30, 90, 160)))
        for engine in (engines_of(own)["reference"], engines_of(own)["direct"])
    ]
    assert differences(*sims) == []
    assert len(sims[0].trades) > 5


def test_searches_on_permuted_bars_begin_with_the_real_ones(bars: dict[str, Floats]) -> None:
    made = program()
    handle: Any = RulesKernel(made).handle("")
    search = _core.RulesPermutations(
        *("direct", handle, [("bars", bars)], AXES, SETTINGS, PHASES, 2),
        sets=[(0.0, 2.0, 1, None)],
        least=1,
        first=30,
    )
    assert len(search) == 12
    found = search.run(0, 3)
    permuted = dict(search.permuted(2))["bars"]
    again = _core.RulesPermutations(
        *("direct", handle, [("bars", permuted)], AXES, SETTINGS, PHASES, 1),
        sets=[(0.0, 2.0, 1, None)],
        least=1,
        first=30,
    )
    np.testing.assert_array_equal(again.run(0, 1)[0], found[2])
    assert (found[0] != found[2]).any()


def test_what_rules_read_is_asked_for(bars: dict[str, Floats]) -> None:
    handle: Any = RulesKernel(program()).handle("")
    with pytest.raises(InputError, match="reads a feed 'bars', and none was given"):
        _core.RulesSweep("direct", handle, [("bars2", bars)], AXES, SETTINGS, PHASES, 1)
    without = [replace_text(node) for node in CHANNEL["nodes"]]
    with pytest.raises(InputError, match="feed 'bars' has no column 'hihg'"):
        sweep(program(nodes=tuple(without)), bars)


def replace_text(node: Node) -> Node:
    return Node(node.op, node.args, node.value, node.text.replace("high", "hihg"))


def test_a_grid_with_a_length_that_is_none_is_refused_with_its_value(
    bars: dict[str, Floats],
) -> None:
    axes = [([0], [[5.0], [9.5]]), AXES[1]]
    said = r"^the length of \w+ is 9\.5 for length = 9\.5; it must be whole, from 1 to"
    with pytest.raises(InputError, match=said):
        sweep(program(), bars, axes=axes)
    with pytest.raises(InputError, match="needs at least 62"):
        sweep(program(), bars, axes=[([0], [[62.0]]), AXES[1]])


# Functions of the user's


def with_function(call: Callable[..., Any], behind: Callable[..., int] = lambda by: 0) -> Program:
    parts = built(
        ("parameter", (), 0),
        ("parameter", (), 1),
        ("feed", (), "bars.close"),
        ("add", (0, 1)),
        ("call", (2, 3), 0),
        ("constant", (), 20),
        ("div", (4, 5)),
        long=(Order("limit", 6),),
        exit_long=(Order("after", 1),),
        functions=(Function("mine", call, behind),),
    )
    return program(parts)


@pytest.mark.parametrize("engine", ["direct", "factored"])
def test_a_function_is_called_once_for_each_of_its_numbers(
    bars: dict[str, Floats], engine: str
) -> None:
    called: list[float] = []
    lock = threading.Lock()

    def mine(column: Floats, by: float) -> Floats:
        assert column.shape == (160,)
        assert isinstance(by, float)
        with lock:
            called.append(by)
        return column * by

    axes = [([0], [[7.0], [8.0], [9.0]]), ([1], [[10.0], [11.0]])]
    found = sweep(with_function(mine), bars, axes=axes, threads=3, engine=engine)
    assert sorted(called) == [17.0, 18.0, 19.0, 20.0]
    first = rows(found.run(0, 6))
    assert rows(found.run_list(np.arange(6, dtype=np.uint64))) == first
    assert len(called) == 4
    assert max(first[0][4]) > 0


class StoppedError(Exception):
    """Raised by a function of the user's."""


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda column, by: (_ for _ in ()).throw(InputError("mine, line 3: no")),
            "^mine, line 3: no$",
        ),
        (lambda column, by: (_ for _ in ()).throw(StoppedError("no more")), "^no more$"),
        (lambda column, by: column[1:], "^mine returned 159 values for 160 bars$"),
        (lambda column, by: "no array", "^mine must return one float64 a bar$"),
        (lambda column, by: column.astype(np.float32), "^mine must return one float64 a bar$"),
    ],
)
def test_a_function_that_fails_is_the_error(
    bars: dict[str, Floats], call: Callable[..., Any], said: str
) -> None:
    axes = [([0], [[7.0], [8.0]]), ([1], [[10.0]])]
    with pytest.raises(InputError, match=said):
        sweep(with_function(call), bars, axes=axes)


def interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_an_interrupt_within_a_function_stays_one(bars: dict[str, Floats]) -> None:
    axes = [([0], [[7.0], [8.0]]), ([1], [[10.0]])]
    for functions in ((interrupted,), (times, interrupted)):
        handle: Any = RulesKernel(with_function(*functions)).handle("")
        for engine in ("direct", "factored"):
            with pytest.raises(KeyboardInterrupt):
                _core.RulesSweep(engine, handle, [("bars", bars)], axes, SETTINGS, PHASES, 2)


def test_what_a_function_adds_to_the_lookback_is_asked_for(bars: dict[str, Floats]) -> None:
    asked: list[float] = []

    def behind(by: float) -> int:
        asked.append(by)
        return 40

    axes = [([0], [[7.0]]), ([1], [[10.0]])]
    with pytest.raises(InputError, match="41"):
        sweep(with_function(times, behind), bars, axes=axes)
    assert asked == [17.0]


def test_one_set_is_simulated_with_functions_too(bars: dict[str, Floats]) -> None:
    own, feeds = strategy(with_function(times)), Feeds({"bars": bars})
    dated = [DatedSet(30, (9, 11))]
    sims = [
        wfo.Simulation.of(engine.simulate(own, feeds, dated, SETTINGS, (30, 90, 160)))
        for engine in engines_of(own).values()
    ]
    assert len(sims) >= 2
    assert differences(*sims[-2:]) == []
    assert len(sims[0].trades) > 3


# Orders


def test_both_engines_state_the_same_orders(bars: dict[str, Floats]) -> None:
    own = strategy(program())
    engines = engines_of(own)
    held = set()
    for end in range(40, 160, 7):
        feeds = Feeds({"bars": bars}).until(end)
        said = [
            engines[n].orders(own, feeds, (5, 3), SETTINGS, 30) for n in ("reference", "direct")
        ]
        assert said[0] is not None
        assert said[1] is not None
        (state, orders), (other_state, other_orders) = said
        held.add(state["side"])
        assert state == pytest.approx(other_state)
        assert [o["obstacle"] for o in orders] == [o["obstacle"] for o in other_orders]
        for one, other in zip(orders, other_orders, strict=True):
            for name in ("action", "kind", "level"):
                assert one[name] == other[name]
            assert one["shares"] == pytest.approx(other["shares"], rel=1e-12)
    assert held == {-1, 0, 1}


def test_an_evaluator_and_marks_run_on_rules(bars: dict[str, Floats]) -> None:
    own = strategy(program())
    engine, feeds = engines_of(own)["direct"], Feeds({"bars": bars})
    space = SetSpace(np.array([[5.0, 2.0], [14.0, 7.0]]))
    at = np.array([40, 99, 159])
    found = engine.marks(own, feeds, space, np.array([1, 0]), SETTINGS, 30, at, 2)
    sims = [
        engine.simulate(own, feeds, [DatedSet(30, row)], SETTINGS, (30, 90, 160)).equity[at]
        for row in ((14, 7), (5, 2))
    ]
    np.testing.assert_array_equal(found, sims)


# What takes too long or too much


def test_a_lookback_that_two_values_have_together_is_asked_for(bars: dict[str, Floats]) -> None:
    # Of more combinations than are gone through beforehand, and none of one row each is too long.
    parts = built(
        ("parameter", (), 0),
        ("parameter", (), 1),
        ("feed", (), "bars.close"),
        ("constant", (), 10),
        ("div", (0, 3)),
        ("floor", (4,)),
        ("div", (1, 3)),
        ("floor", (6,)),
        ("add", (5, 7)),
        ("sma", (2, 8)),
        long=(Order("limit", 9),),
        exit_long=(Order("after", 3),),
    )
    rising = [[float(i)] for i in range(10, 510)]
    axes = [([0], rising), ([1], rising[::-1])]
    phases = [(60, 90, 160)]
    handle: Any = RulesKernel(program(parts)).handle("")
    for engine in ("direct", "factored"):
        made = _core.RulesSweep(engine, handle, [("bars", bars)], axes, SETTINGS, phases, 1)
        assert len(made) == 250_000
        # The longest one that fits: 10 and 50 bars.
        assert made.run(90 * 500, 90 * 500 + 1)[0][4].shape == (1,)
        with pytest.raises(InputError, match="it needs at least 100"):
            made.run(499 * 500, 499 * 500 + 1)


@pytest.mark.parametrize("engine", ["direct", "factored"])
def test_parts_that_many_share_are_computed_once(bars: dict[str, Floats], engine: str) -> None:
    nodes: list[tuple[Any, ...]] = [
        *(("feed", (), "bars.close"), ("feed", (), "bars.open")),
        *(("ge", (0, 1)), ("parameter", (), 0), ("constant", (), 1)),
    ]
    last = 2
    # As a tree it has 2^60 leaves.
    for _ in range(60):
        nodes += [("or", (last, last)), ("and", (last, len(nodes)))]
        last = len(nodes) - 1
    orders: dict[str, Any] = {"exit_long": (Order("after", 3),)}
    handles: list[Any] = [
        RulesKernel(
            program(built(*nodes, long=(Order("at_open", None, when),), **orders), ("n",))
        ).handle("")
        for when in (2, last)
    ]
    axes = [([0], [[1.0], [2.0]])]
    found = [
        rows(_core.RulesSweep(engine, h, [("bars", bars)], axes, SETTINGS, PHASES, 1).run(0, 2))
        for h in handles
    ]
    assert found[0] == found[1]
    assert min(found[0][0][4]) > 0


def test_shifts_of_shifts_are_planned_in_bounded_steps() -> None:
    nodes: list[tuple[Any, ...]] = [("feed", (), "bars.close"), ("feed", (), "bars.open")]

    def add(op: str, *args: int, value: float = 0.0) -> int:
        nodes.append((op, args, value))
        return len(nodes) - 1

    deep = 0
    for _ in range(2_000):
        deep = add("add", deep, 1)
    # Each of 500 shifts of 500 shifts would go through all of it.
    for _ in range(2):
        shifted = [add("shift", deep, add("constant", value=k)) for k in range(500)]
        deep = shifted[0]
        for each in shifted[1:]:
            deep = add("add", deep, each)
    made = program(built(*nodes, long=(Order("stop", deep),)), ())
    handle: Any = RulesKernel(made).handle("")
    column = np.linspace(50.0, 60.0, 60)
    prices = [("bars", dict.fromkeys(("open", "high", "low", "close"), column))]
    # A single set, of one axis without a parameter: the plan is made, but there are too few bars.
    with pytest.raises(InputError, match="it needs at least 999"):
        _core.RulesSweep("direct", handle, prices, [([], [[]])], SETTINGS, [(20, 40, 60)], 1)


@pytest.mark.parametrize("engine", ["direct", "factored"])
def test_a_grid_without_axes_has_one_combination(bars: dict[str, Floats], engine: str) -> None:
    nodes = (("feed", (), "bars.close"), ("constant", (), 5), ("sma", (0, 1)))
    made = program(built(*nodes, long=(Order("stop", 2),), exit_long=(Order("trail", 1),)), ())
    handle: Any = RulesKernel(made).handle("")
    without, one = (
        rows(
            _core.RulesSweep(engine, handle, [("bars", bars)], axes, SETTINGS, PHASES, 1).run(0, 1)
        )
        for axes in ([], [([], [[]])])
    )
    assert without == one
    assert one[0][4][0] > 0
