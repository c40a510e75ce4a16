"""A class of rules becomes the program that it says."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo import InputError, ResultsError
from wfo.rules.authoring.building import drafted
from wfo.rules.authoring.rules import _stated
from wfo.rules.lookback import first_bar
from wfo.rules.nodes import Node
from wfo.rules.program import Order, Program
from wfo.rules.record import from_record, to_record
from wfo.rules.reference.columns import evaluate
from wfo.rules.wording import worded

#: Read by a function below.
scale = 2.0


def program(own: Any) -> Program:
    return drafted(_stated(own))[0]


def words(made: Program, place: int | None) -> str:
    assert place is not None
    return worded(made.nodes, place, made.parameters, made.functions, longest=1_000)


def of_condition(make: Any) -> str:
    """Return in words what an expression of `x` and two parameters becomes."""

    class Own(wfo.Rules):
        a = wfo.Int(1, 9)
        b = wfo.Float(1, 9)

        def rules(self, x: Any) -> Any:
            value = make(self, x)
            return wfo.orders(
                long=x.at_open((value > self.a) & (x.close > self.b)), exit_long=x.after(self.a)
            )

    made = program(Own)
    found = words(made, made.long[0].when)
    assert found.endswith(" > a) & (close > b)")
    return found


class Donchian(wfo.Rules):
    """Buys a break of the n-day high above a long average;
    leaves by a stop in ATRs.

    More is said here.
    """

    entry = wfo.Int(5, 100)
    trend = wfo.Int(50, 300)
    period = wfo.Int(5, 50)
    width = wfo.Float(1, 10)
    constraints = ("entry < trend",)

    def rules(self, x: Any) -> Any:
        up = x.close > x.sma(x.close, self.trend)
        return wfo.orders(
            long=x.stop(x.highest(x.high, self.entry), when=up),
            exit_long=x.trail(x.atr(self.period) * self.width),
        )


# The whole of it


def test_rules_are_parameters_expressions_and_orders() -> None:
    made = program(Donchian)
    assert made.parameters == ("entry", "trend", "period", "width")
    (entry,), (exit_,) = made.long, made.exit_long
    assert (entry.kind, exit_.kind) == ("stop", "trail")
    assert words(made, entry.value) == "highest(high, entry)"
    assert words(made, entry.when) == "close > sma(close, trend)"
    assert words(made, exit_.value) == "sma(true_range(high, low, close), period) * width"
    assert exit_.when is None
    assert (made.short, made.exit_short, made.same_bar) == ((), (), "next")
    assert made.feeds == ("bars.close", "bars.high", "bars.low")


def test_the_title_is_the_first_paragraph_of_the_docstring() -> None:
    stated = _stated(Donchian)
    assert stated.title == (
        "Buys a break of the n-day high above a long average; leaves by a stop in ATRs."
    )
    assert stated.name == "Donchian"
    assert _stated(type("Bare", (Donchian,), {})).title == "Bare"


def test_a_long_docstring_is_cut_for_the_title() -> None:
    own = type("Own", (Donchian,), {"__doc__": "Buys strength. " * 100, "odd": np.zeros(3)})
    title = _stated(own).title
    assert len(title) <= 200
    assert title.startswith("Buys strength. Buys")
    assert title.endswith("...")


def test_rules_are_called_once_with_symbols() -> None:
    calls = []

    class Own(Donchian):
        plain = 7

        def rules(self, x: Any) -> Any:
            calls.append((repr(self.entry), self.plain))
            return Donchian.rules(self, x)

    program(Own)
    assert calls == [("<number entry>", 7)]


def test_equal_expressions_are_one_node() -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            twice = [x.sma(x.close, self.n) * 2.0 for _ in range(2)]
            return wfo.orders(
                long=x.at_open(twice[0] > x.close), exit_long=x.at_open(twice[1] < x.close)
            )

    # n, close, sma, 2, product, and the two comparisons.
    assert len(program(Own).nodes) == 7


def test_what_no_order_needs_is_left_out() -> None:
    class Own(Donchian):
        def rules(self, x: Any) -> Any:
            x.rsi(x.close, self.trend) + x.volume
            return Donchian.rules(self, x)

    assert program(Own) == program(Donchian)


def test_zero_and_minus_zero_and_nan_are_different_numbers() -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            c = x.choose(self.n, 0.0, -0.0, math.nan, float("nan"), np.float64("nan"), 0)
            return wfo.orders(long=x.stop(c), exit_long=x.after(self.n))

    made = program(Own)
    constants = [node.value for node in made.nodes if node.op == "constant"]
    assert [repr(value) for value in constants] == ["0.0", "-0.0", "nan"]
    assert made == program(Own)


def test_parameters_of_a_base_class_come_first_and_keep_their_place() -> None:
    class More(Donchian):
        depth = wfo.Float(0, 5)
        trend = wfo.Int(10, 20)
        width = 3.0  # type: ignore[assignment]  # no parameter any more

        def rules(self, x: Any) -> Any:
            return wfo.orders(
                long=x.stop(x.highest(x.high, self.entry), when=x.close > x.ema(x.low, self.trend)),
                exit_long=[x.trail(x.atr(self.period) * self.width), x.loss(percent=self.depth)],
            )

    stated = _stated(More)
    assert list(stated.axes) == ["entry", "trend", "period", "depth"]
    assert stated.axes["trend"] == wfo.Int(10, 20)
    assert "* 3" in words(program(More), program(More).exit_long[0].value)


def test_the_name_of_a_base_class_is_not_that_of_another() -> None:
    class Named(Donchian):
        name = "donchian-1"

    class Further(Named):
        pass

    assert [_stated(each).name for each in (Named, Further)] == ["donchian-1", "Further"]


# Expressions


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda s, x: 2 * x.open - x.high / 3, "2 * open - high / 3 > a"),
        (lambda s, x: 1 - -x.low + 1, "1 - -low + 1"),
        (lambda s, x: np.float64(2) * x.low, "2 * low"),
        (lambda s, x: 3 / (x.low * 2), "3 / (low * 2) > a"),
        (lambda s, x: abs(x.low), "abs(low)"),
        (lambda s, x: x.where(~(x.open >= 2) | (x.low != 1), 1, x.low), "where("),
        (lambda s, x: x.where(True, x.low, 1), "where(1, low, 1)"),
        (lambda s, x: x.minimum(x.low, 1, s.a), "minimum(minimum(low, 1), a)"),
        (lambda s, x: x.maximum(x.low, s.b), "maximum(low, b)"),
        (lambda s, x: x.sqrt(x.floor(x.round_half_up(x.abs(x.low)))), "sqrt(floor(round_half_up("),
        (lambda s, x: x.choose(s.a - 1, x.low, 5), "choose(a - 1, low, 5)"),
        (lambda s, x: x.sma(x.low, s.a * 2), "sma(low, a * 2)"),
        (lambda s, x: x.ema(x.low, 3), "ema(low, 3)"),
        (lambda s, x: x.wma(x.low, 3), "wma(low, 3)"),
        (lambda s, x: x.rma(x.low, 3), "rma(low, 3)"),
        (lambda s, x: x.stdev(x.low, 3), "stdev(low, 3)"),
        (lambda s, x: x.rank(x.low, 3), "rank(low, 3)"),
        (lambda s, x: x.lowest(x.low, 3), "lowest(low, 3)"),
        (lambda s, x: x.shift(x.low, 0), "shift(low, 0)"),
        (lambda s, x: x.true_range(), "true_range(high, low, close)"),
        (lambda s, x: x.atr(s.a), "sma(true_range(high, low, close), a)"),
        (lambda s, x: x.typical, "(high + low + close) / 3"),
        (lambda s, x: x.median, "(high + low) / 2"),
        (lambda s, x: x.macd(x.low, 3, s.a), "ema(low, 3) - ema(low, a)"),
        (lambda s, x: x.roc(x.low, s.a), "100 * (low / shift(low, a) - 1)"),
        (
            lambda s, x: x.bollinger(x.low, s.a, s.b).lower,
            "sma(low, a) - b * stdev(low, a) > a",
        ),
        (lambda s, x: x.bollinger(x.low, s.a, s.b)[1], "sma(low, a)"),
        (lambda s, x: x.bollinger(x.low, 5, 2)[2], "sma(low, 5) + 2 * stdev(low, 5) > a"),
        (
            lambda s, x: x.hma(x.low, s.a),
            (
                "wma(2 * wma(low, maximum(1, floor(a / 2))) - wma(low, a),"
                " maximum(1, round_half_up(sqrt(a)))) > a"
            ),
        ),
        (
            lambda s, x: x.rsi(x.low, s.a),
            (
                "100 * rma(maximum(low - shift(low, 1), 0), a) /"
                " (rma(maximum(low - shift(low, 1), 0), a)"
                " + rma(maximum(-(low - shift(low, 1)), 0), a)) > a"
            ),
        ),
        (
            lambda s, x: x.crosses_above(x.low, s.b),
            "(low > b) & (shift(low, 1) <= b)",
        ),
        (
            lambda s, x: x.crosses_below(x.low, x.high),
            "(low < high) & (shift(low, 1) >= shift(high, 1))",
        ),
        (lambda s, x: x.column("funding") + x.volume, "funding + volume"),
        (lambda s, x: x.feed("bars2").atr(3), "true_range(bars2.high, bars2.low, bars2.close)"),
    ],
)  # fmt: skip
def test_an_expression_becomes_what_the_contract_says(make: Any, said: str) -> None:
    assert said in of_condition(make)


def test_the_directional_index_has_no_value_in_bar_0() -> None:
    found = of_condition(lambda s, x: x.adx(s.a))
    # [C7] would have one there.
    assert "true_range" not in found
    assert "rma(maximum(high, shift(close, 1)) - minimum(low, shift(close, 1)), a)" in found


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (lambda x: x.sma(x.close, 9), 8),
        (lambda x: x.ema(x.close, 9), 0),
        (lambda x: x.wma(x.close, 9), 8),
        (lambda x: x.rma(x.close, 9), 8),
        (lambda x: x.hma(x.close, 9), 9 + 3 - 2),
        (lambda x: x.highest(x.close, 9), 8),
        (lambda x: x.lowest(x.close, 9), 8),
        (lambda x: x.stdev(x.close, 9), 8),
        (lambda x: x.rank(x.close, 9), 8),
        (lambda x: x.shift(x.close, 9), 9),
        (lambda x: x.true_range(), 0),
        (lambda x: x.atr(9), 8),
        (lambda x: x.rsi(x.close, 9), 9),
        (lambda x: x.macd(x.close, 5, 9), 0),
        (lambda x: x.bollinger(x.close, 9, 2).upper, 8),
        (lambda x: x.roc(x.close, 9), 9),
        (lambda x: x.adx(9), 2 * 9 - 1),
    ],
)
def test_the_first_bar_is_that_of_the_docstring(make: Any, first: int) -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            return wfo.orders(long=x.stop(make(x)), exit_long=x.after(self.n))

    made = program(Own)
    assert first_bar(made, [5]) == first
    # And there it has one, on bars that move both ways.
    steps = np.random.default_rng(1).normal(size=60).cumsum()
    bars = {name: 100 + steps + by for name, by in (("high", 1), ("low", -1), ("close", 0))}
    level = made.long[0].value
    assert level is not None
    found = evaluate(made, {"bars": bars}, [5], 60)[level]
    assert np.flatnonzero(np.isfinite(found))[0] == first


# What is read


@pytest.mark.parametrize(
    ("make", "feeds"),
    [
        (lambda x: x.low, [("bars", True, ())]),
        (lambda x: x.volume + x.column("oi"), [("bars", True, ("volume", "oi"))]),
        (lambda x: x.feed("bars2").close, [("bars", True, ()), ("bars2", True, ())]),
        (lambda x: x.feed("rates").column("r"), [("bars", True, ()), ("rates", False, ("r",))]),
    ],
)  # fmt: skip
def test_feeds_are_what_the_rules_read(make: Any, feeds: Any) -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            return wfo.orders(long=x.at_open(make(x) > self.n), exit_long=x.after(2))

    found = drafted(_stated(Own))[1]
    assert [(feed.name, feed.prices, feed.columns) for feed in found] == feeds


# Orders


def test_orders_are_what_is_listed() -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            return wfo.orders(
                long=[x.at_open(), x.limit(x.low, when=x.low > 1), x.pullback(2)],
                short=(x.breakout(x.atr(self.n), when=True),),
                exit_long=[x.target(percent=3), x.loss(x.atr(5)), x.after(self.n)],
                exit_short=x.stop(x.high),
                reverse_to_short=self.n == 2,
                reverse_to_long=0,
                same_bar="worst",
                size=x.minimum(1, 5 / x.atr(10)),
            )

    made = program(Own)
    said = [
        (
            order.kind,
            order.value if order.value is None else words(made, order.value),
            order.percent,
        )
        for order in (*made.long, *made.short, *made.exit_long, *made.exit_short)
    ]
    assert said == [
        ("at_open", None, False),
        ("limit", "low", False),
        ("pullback", "2", False),
        ("breakout", "sma(true_range(high, low, close), n)", False),
        ("target", "3", True),
        ("loss", "sma(true_range(high, low, close), 5)", False),
        ("after", "n", False),
        ("stop", "high", False),
    ]
    assert made.reverse_to_long is None
    assert words(made, made.reverse_to_short) == "n == 2"
    assert words(made, made.size).startswith("minimum(1, 5 / sma(")
    assert made.same_bar == "worst"


# Functions of the user's


@wfo.indicator
def momentum(values: Any, bars: int) -> Any:
    """The change over some bars."""
    found = np.full(len(values), np.nan)
    found[bars:] = values[bars:] - values[:-bars]
    return found


def _called(function: Any, *numbers: Any, **named: Any) -> Any:
    """Return the function of a program whose condition calls it with closes and numbers."""

    class Own(wfo.Rules):
        n = wfo.Int(1, 9)
        f = wfo.Float(1, 9)

        def rules(self, x: Any) -> Any:
            given = [getattr(self, each) if isinstance(each, str) else each for each in numbers]
            value = function(x.close, *given, **named)
            return wfo.orders(long=x.at_open(value > self.f), exit_long=x.after(self.n))

    made = program(Own)
    return made.functions[0]


def test_a_function_is_called_with_arrays_and_numbers() -> None:
    closes = np.array([1.0, 3, 2, 5])
    function = _called(momentum, "n")
    assert function.name == "momentum"
    np.testing.assert_array_equal(function.call(closes, 2.0), [np.nan, np.nan, 1, 2])
    assert function.lookback(2.0) == 2
    # Without expressions it is the function itself.
    np.testing.assert_array_equal(momentum(closes, 1), [np.nan, 2, -1, 3])


def test_whole_numbers_come_as_int_and_others_as_float() -> None:
    seen: list[Any] = []

    @wfo.indicator
    def noted(values: Any, *numbers: Any, last: Any) -> Any:
        seen.append([*numbers, last])
        return values

    function = _called(noted, "n", "f", 3, 2.5, last=4)
    function.call(np.ones(3), 5.0, 2.0, 3.0, 2.5, 4.0)
    assert [repr(each) for each in seen[0]] == ["5", "2.0", "3", "2.5", "4"]


def test_one_function_is_called_by_place_and_by_name_alike() -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            first, second = momentum(x.close, self.n), momentum(x.close, bars=self.n)
            return wfo.orders(long=x.at_open(first > second), exit_long=x.after(2))

    made = program(Own)
    assert [node.op for node in made.nodes].count("call") == 1
    assert len(made.functions) == 1


def test_a_function_cannot_write_into_the_bars() -> None:
    @wfo.indicator
    def rude(values: Any) -> Any:
        values[:] = 0
        return values

    closes = np.ones(3)
    _called(rude).call(closes)
    assert closes.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("given", "numbers", "bars"),
    [
        (None, (2.0, 7.5, 4.0), 4),
        (3, (2.0,), 3),
        (lambda n: 2 * n, (5.0,), 10),
        (np.int64, (5.0,), 5),
    ],
)
def test_the_lookback_is_stated_or_the_largest_whole_number(
    given: Any, numbers: Any, bars: int
) -> None:
    @wfo.indicator(lookback=given)
    def same(values: Any, *_: Any) -> Any:
        return values

    function = _called(same, *numbers)
    assert function.lookback(*numbers) == bars


@pytest.mark.parametrize(
    ("returned", "values"),
    [
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        (np.array([True, False, True]), [1.0, 0.0, 1.0]),
        (np.array([1, 2, 3], np.int8), [1.0, 2.0, 3.0]),
        (np.array([1, np.nan, 3], np.float32), [1.0, math.nan, 3.0]),
        (pl.Series([1.0, None, 3.0]), [1.0, math.nan, 3.0]),
        (np.arange(6.0)[::2], [0.0, 2.0, 4.0]),
    ],
)
def test_what_is_a_number_a_bar_is_taken(returned: Any, values: list[float]) -> None:
    found = _called(wfo.indicator(lambda v: returned)).call(np.ones(3))
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (np.ones(2), "returned 2 values for 3 bars"),
        (None, "returned nothing; is a return missing?"),
        ((np.ones(3), np.ones(3)), "returned 2 things; return one of them"),
        (np.ones((3, 2)), "returned 3 x 2; it must be one value for each of 3 bars"),
        (5.0, "returned a single value"),
        (np.array(["a", "b", "c"]), "values of type <U1"),
        (np.ones(3, complex), "values of type complex128"),
        (np.array([None, 1, 2]), "values of type object"),
        ([[1], [1, 2], 3], "no array"),
        (pl.Series(["a", None, "b"]), "values of type object"),
        ({"a": 1}, "a single value"),
    ],
)
def test_garbage_of_a_function_is_refused_with_its_line(returned: Any, said: str) -> None:
    @wfo.indicator
    def broken(values: Any, bars: Any) -> Any:
        return returned

    line = broken._function.__code__.co_firstlineno
    with pytest.raises(InputError) as caught:
        _called(broken, "n").call(np.ones(3), 2.0)
    text = str(caught.value)
    assert text.startswith("tests/test_rules_authoring.py:") or "/test_rules_authoring.py:" in text
    assert f".py:{line}: the indicator broken(column, 2) returned" in text
    assert said in text


def test_what_a_function_raises_names_the_line_and_the_numbers() -> None:
    @wfo.indicator
    def failing(values: Any, bars: Any) -> Any:
        return values / [][bars]

    line = failing._function.__code__.co_firstlineno + 2
    with pytest.raises(
        InputError, match=rf":{line}: the indicator failing\(column, 2\) raised Ind"
    ):
        _called(failing, "n").call(np.ones(3), 2.0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_function_ends_the_program_by_an_interrupt_alone(error: Any) -> None:
    def raising(*_: Any) -> Any:
        raise error

    called = _called(wfo.indicator(lookback=raising)(raising), "n")
    kind = error if error is KeyboardInterrupt else InputError
    for call in (lambda: called.call(np.ones(3), 2.0), lambda: called.lookback(2.0)):
        with pytest.raises(kind):
            call()


@pytest.mark.parametrize(
    ("lookback", "said"),
    [
        (lambda n: -n, "its lookback for [2] is -2; it must be a whole number of bars"),
        (lambda n: n / 4, "is 0.5"),
        (lambda n: None, "is None"),
        (lambda n: [][n], "raised IndexError"),
        (sys.exit, "raised SystemExit: 2"),
        (lambda: 1, "raised TypeError"),
    ],
)
def test_a_lookback_that_is_none_is_refused(lookback: Any, said: str) -> None:
    @wfo.indicator(lookback=lookback)
    def same(values: Any, bars: Any) -> Any:
        return values

    with pytest.raises(InputError) as caught:
        _called(same, "n").lookback(2.0)
    assert said in str(caught.value)
    assert "the indicator same" in str(caught.value)


@pytest.mark.parametrize("given", [-1, 2.5, "5", True])
def test_a_lookback_in_the_decorator_is_a_number_of_bars(given: Any) -> None:
    with pytest.raises(InputError, match="must be a whole number of bars"):
        wfo.indicator(lookback=given)


@pytest.mark.parametrize("given", [5, "a", int])
def test_an_indicator_is_a_function(given: Any) -> None:
    with pytest.raises(InputError, match="goes before a function"):
        wfo.indicator(given)


def test_the_digest_tells_functions_apart_by_what_they_say_and_hold() -> None:
    def make(k: int) -> Any:
        @wfo.indicator
        def scaled(values: Any) -> Any:
            return values * k

        return scaled

    def digest(function: Any, *numbers: Any) -> str:
        return str(_called(function, *numbers).digest)

    assert digest(make(1)) == digest(make(1))
    assert digest(make(1)) != digest(make(2))
    assert digest(momentum, "n") == digest(momentum, "n")
    assert digest(momentum, "n") != digest(make(1))


def test_the_digest_is_the_same_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(back: int) -> Any:
        @wfo.indicator(lookback=lambda n: n + back)
        def own(values: Any, bars: Any) -> Any:
            return values * scale

        return own

    def digest(function: Any) -> str:
        return str(_called(function, "n").digest)

    # Functions are others each time they are made, as they are in each process.
    before = digest(make(1))
    assert digest(make(1)) == before != digest(make(2))
    monkeypatch.setitem(globals(), "scale", 3.0)
    assert digest(make(1)) != before


# Records


def _programs() -> list[Program]:
    from wfo import examples

    return [program(getattr(examples, name)) for name in examples.__all__]


def test_a_record_is_json_and_gives_the_program_again() -> None:
    odd = Program(
        ("n",),
        (
            Node("parameter"),
            Node("constant", value=math.nan),
            Node("constant", value=-math.inf),
            Node("constant", value=-0.0),
            Node("choose", (0, 1, 2, 3)),
            Node("feed", text="bars.close"),
        ),
        long=(Order("stop", 4, when=5),),
        exit_long=(Order("loss", 4, percent=True),),
        both=0,
    )
    for made in (*_programs(), odd):
        text = json.dumps(to_record(made), allow_nan=False)
        again = from_record(json.loads(text), made.parameters)
        assert repr(again) == repr(made)


def test_a_program_with_code_has_no_record() -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            return wfo.orders(long=x.at_open(momentum(x.close, self.n) > 0), exit_long=x.after(2))

    assert to_record(program(Own)) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nodes": [{"op": "exec"}]}, "'exec' is no operation"),
        ({"nodes": [{"op": "add", "args": [0, 0]}]}, "not all before it"),
        ({"nodes": [{"op": "constant", "value": "many"}]}, "must be"),
        ({"nodes": [{"op": "constant"}] * 10_001}, "up to 10,000"),
        ({"nodes": [{"op": "a\x1b"}]}, "steers"),
        ({"long": [{"kind": "trail", "value": 0}]}, "'trail' is none of"),
        ({"long": [{"kind": "at_open"}] * 9}, "up to 8"),
        ({"long": []}, "no entry"),
        ({"same_bar": "soon"}, "same_bar"),
        ({"risk": 1.5}, "risk"),
        ({"both": 77}, "no expression 77"),
        ({"kind": "other"}, "kind"),
    ],
)
def test_a_record_that_is_none_is_refused(change: dict[str, Any], said: str) -> None:
    data = to_record(program(Donchian))
    assert data is not None
    with pytest.raises(ResultsError) as caught:
        from_record(data | change, ("entry", "trend", "period", "width"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a record with each of its keys."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)


@pytest.mark.parametrize(
    "junk", [None, -1, 2**70, 0.5, "x", "", [], {}, True, [[]], "nan", 10_000], ids=repr
)
def test_a_damaged_record_is_refused_or_a_program(junk: Any) -> None:
    names = ("entry", "trend", "period", "width")
    data = to_record(program(Donchian))
    assert data is not None
    refused = 0
    for container, key in list(_places(data)):
        before, container[key] = container[key], junk
        try:
            assert isinstance(from_record(data, names), Program)
        except ResultsError as error:
            refused += "\n" not in str(error)
        container[key] = before
    assert refused > 20


def test_a_choice_names_methods_by_their_numbers() -> None:
    class Own(wfo.Rules):
        kind = wfo.Choice("simple", "weighted", meaning="which average", default="weighted")
        length = wfo.Int(5, 15, 5)
        bars = wfo.Int(2, 4, 2)

        def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
            average = x.choose(self.kind, x.sma(x.close, self.length), x.wma(x.close, self.length))
            return wfo.orders(long=x.at_open(x.close > average), exit_long=x.after(self.bars))

    own = Own.__wfo_strategy__
    kind = own.parameter("kind")
    assert (kind.kind, kind.low, kind.high, kind.default) == ("choice", 0, 1, 1)
    assert kind.meaning == "which average: 0 simple, 1 weighted"
    assert own.grid == {"kind": (0, 1), "length": (5, 10, 15), "bars": (2, 4)}
    # Methods have no order that a map could show.
    assert own.map_axes == ("length", "bars")
    bars = wfo.load_sample("NASDAQ").tail(400)
    found = wfo.sweep(Own, bars, split=200)
    trades = found.to_frame().group_by("kind").agg(pl.col("oos_pnl").sum())
    assert trades["oos_pnl"].n_unique() == 2
    assert wfo.Grid({"length": [5], "bars": [2]}, strategy=Own).values["kind"] == (1,)
    assert found.params(0)["kind"] == 0

    class Called(Own):
        def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
            # The number is a whole one, to functions and as a length.
            kept = wfo.indicator(lambda close, kind: close * (1 if type(kind) is int else np.nan))
            up = kept(x.close, self.kind) > x.sma(x.close, self.length + self.kind)
            return wfo.orders(long=x.at_open(up), exit_long=x.after(self.bars))

    assert wfo.sweep(Called, bars, split=200).oos_trades.min() > 0
    with pytest.raises(wfo.InputError, match=r"kind = 2.*one of 0 \(simple\), 1 \(weighted\)"):
        wfo.simulate(Own, bars, {"kind": 2, "length": 5, "bars": 2}, split=200)


@pytest.mark.parametrize(
    ("methods", "more", "said"),
    [
        ((), {}, "must be two names or more"),
        (("simple",), {}, r"\('simple',\) must be two names or more"),
        (("simple", "simple"), {}, "each of them once"),
        (("simple", 5), {}, "5 is no name of a method; write the names, as in"),
        (("simple", ""), {}, "'' is no name of a method"),
        (("a", "b"), {"default": "c"}, "default = 'c' is none of a, b"),
        (("a", "b"), {"default": 1.5}, "default = 1.5 must be a whole number"),
        (("a", "b"), {"meaning": 3}, "meaning = 3"),
    ],
)
def test_what_is_no_choice(methods: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(wfo.InputError, match=f"^Choice: .*{said}"):
        wfo.Choice(*methods, **more)


def test_a_choice_without_methods_names_the_line() -> None:
    class Own(wfo.Rules):
        kind = wfo.Choice

        def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
            return wfo.orders(long=x.at_open(x.close > x.open), exit_long=x.after(2))

    with pytest.raises(wfo.InputError, match=r"write kind = wfo\.Choice\('one', 'other'\)"):
        _ = Own.__wfo_strategy__
