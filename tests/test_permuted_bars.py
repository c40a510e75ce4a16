"""Restrictions of permuted bars: classes, blocks, sessions, and where bars stop taking part."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import wfo
from wfo.backtest.feeds import Feeds
from wfo.bars import Prices
from wfo.sampling import splitmix
from wfo.stats.permutation import move_order, order_classes, permuted_bars, permuted_feeds

IntArray = NDArray[np.int64]

#: Times of day of a usual session, of a short one, and those left of the first.
USUAL, SHORT, REST = [0, 1, 2, 3], [0, 2, 3], [2, 3]
#: Sessions: the rest of one, two usual ones, a short one, three usual ones.
CLASSES = np.array([*REST, *USUAL, *USUAL, *SHORT, *USUAL, *USUAL, *USUAL])
BEGINS = (2, 6, 13, 17, 21)


def market(bars: int, seed: int = 0) -> Prices:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, bars)))
    opened = np.concatenate([[50.0], close[:-1]]) * np.exp(rng.normal(0, 0.01, bars))
    high = np.maximum(opened, close) * np.exp(rng.exponential(0.01, bars))
    low = np.minimum(opened, close) * np.exp(-rng.exponential(0.01, bars))
    return Prices(opened, high, low, close)


def moves(bars: Prices) -> NDArray[np.float64]:
    """Gap, high, low and close by open of every bar but the first, one row each."""
    opened, high, low, close = (np.asarray(column) for column in bars)
    rows = [opened[1:] / close[:-1], *(column[1:] / opened[1:] for column in (high, low, close))]
    return np.stack(rows, axis=1)


def test_without_restrictions_orders_are_the_sorted_numbers_of_a_stream() -> None:
    for bars, first, seed in ((30, 1, 0), (30, 7, 4), (30, 29, 1), (30, 30, 1)):
        order = np.arange(bars)
        order[first:] += np.argsort(splitmix(bars - first, 1 + seed), kind="stable")
        order[first:] -= np.arange(bars - first)
        np.testing.assert_array_equal(move_order(bars, first, seed), order)
    # One class, blocks of one bar and an end at the end restrict nothing.
    plain = move_order(30, 7, 4)
    np.testing.assert_array_equal(move_order(30, 7, 4, classes=np.full(30, 5), end=30), plain)
    np.testing.assert_array_equal(move_order(30, 7, 4, block=1), plain)


def test_every_move_goes_where_the_order_says() -> None:
    bars = market(25)
    for first, end, classes, block in ((1, 25, None, 0), (3, 20, CLASSES, 0), (3, 20, None, 4)):
        order = move_order(25, first, 2, end=end, classes=classes, block=block)
        found = permuted_bars(bars, first, 2, end=end, classes=classes, block=block)
        np.testing.assert_array_equal(np.sort(order), np.arange(25))
        inside = slice(first - 1, end - 1)
        wanted = moves(bars)[order[1:] - 1]
        np.testing.assert_allclose(moves(found)[inside], wanted[inside], rtol=1e-12)
        assert found.close[end - 1] == pytest.approx(bars.close[end - 1], rel=1e-12)
        for before, after in zip(bars, found, strict=True):
            np.testing.assert_array_equal(before[:first], after[:first])
            np.testing.assert_array_equal(before[end:], after[end:])
        assert (found.close[first : end - 1] != bars.close[first : end - 1]).any()


def test_moves_trade_places_within_their_class() -> None:
    orders = np.array([move_order(25, 1, seed, classes=CLASSES) for seed in range(300)])
    assert (CLASSES[orders] == CLASSES).all()
    # Every place of a class is taken by every move of it that takes part.
    for place in range(1, 25):
        possible = [bar for bar in range(1, 25) if CLASSES[bar] == CLASSES[place]]
        assert sorted(set(orders[:, place])) == possible


def test_blocks_of_bars_stay_together_and_the_last_is_shorter() -> None:
    # From bar 3 on: blocks from 3, 7, 11 and 15, of four bars each, and the two bars from 19.
    pieces = [list(range(3, 7)), list(range(7, 11)), list(range(11, 15)), list(range(15, 19))]
    pieces.append([19, 20])
    seen = set()
    for seed in range(200):
        order = move_order(23, 3, seed, end=21, block=4)[3:21].tolist()
        places = sorted(range(5), key=lambda k: order.index(pieces[k][0]))
        assert order == [bar for k in places for bar in pieces[k]]
        seen.add(places.index(4))
    assert seen == {0, 1, 2, 3, 4}
    # A block as long as all there is moves nothing.
    np.testing.assert_array_equal(move_order(23, 3, 1, block=50), np.arange(23))


def test_blocks_of_sessions_are_of_whole_ones_of_the_usual_shape() -> None:
    others = [0, 1, 10, 11, 12]
    sources: set[tuple[int, ...]] = set()
    for seed in range(200):
        order = move_order(25, 1, seed, classes=CLASSES, block=2)
        np.testing.assert_array_equal(order[others], others)
        came = tuple(int(order[begin]) for begin in BEGINS)
        for begin, source in zip(BEGINS, came, strict=True):
            np.testing.assert_array_equal(order[begin : begin + 4], source + np.arange(4))
        sources.add(came)
    # Blocks of two sessions and a last one of one, in any order.
    one, two, three = (2, 6), (13, 17), (21,)
    assert sources == {
        a + b + c
        for a, b, c in (
            *((one, two, three), (one, three, two), (two, one, three)),
            *((two, three, one), (three, one, two), (three, two, one)),
        )
    }
    # Sessions that begin before `first` or go on behind `end` take no part.
    still = [2, 3, 4, 5, 21, 22, 23, 24]
    for seed in range(20):
        order = move_order(25, 3, seed, end=24, classes=CLASSES, block=1)
        assert sorted(int(order[b]) for b in BEGINS[1:4]) == list(BEGINS[1:4])
        np.testing.assert_array_equal(order[still], still)
    nothing = move_order(25, 22, 3, classes=CLASSES, block=1)
    np.testing.assert_array_equal(nothing, np.arange(25))


def test_of_equally_frequent_shapes_the_first_moves() -> None:
    classes = np.array([0, 1, 0, 2, 0, 1, 0, 2, 0, 1])
    # From bar 1 on there are two of either shape, and (0, 2) comes first.
    orders = np.array([move_order(10, 1, seed, classes=classes, block=1) for seed in range(30)])
    still = (orders == np.arange(10)).all(axis=0)
    assert np.flatnonzero(still).tolist() == [0, 1, 4, 5, 8, 9]


def test_classes_of_intraday_bars_are_local_times_of_day() -> None:
    # The clocks change on 10 March 2024: the same times of day stay the same classes.
    eastern = [
        dt.datetime.combine(day, time)
        for day in (dt.date(2024, 3, 8), dt.date(2024, 3, 11), dt.date(2024, 3, 12))
        for time in (dt.time(9, 30), dt.time(10, 30), dt.time(11, 30))
        if (day.day, time.hour) != (11, 10)
    ]
    stamps = pl.Series(eastern).dt.replace_time_zone("America/New_York")
    found = order_classes(stamps, "1hour")
    assert found is not None
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 2, 0, 2, 0, 1, 2]
    days = pl.Series([dt.date(2024, 3, 8), dt.date(2024, 3, 11)])
    assert order_classes(days, "1day") is None
    assert order_classes(days, "1week") is None
    with pytest.raises(wfo.InputError, match="1hour need stamps with a time of day"):
        order_classes(days, "1hour")


def test_all_feeds_follow_one_restricted_order() -> None:
    one, two = market(25, 1), market(25, 2)
    rate = {"rate": np.arange(25.0)}
    feeds = Feeds({"bars": one._asdict(), "bars2": two._asdict(), "funding": rate})
    for classes, block in ((CLASSES, 0), (CLASSES, 2), (None, 3)):
        found = permuted_feeds(feeds, 1, 7, end=22, classes=classes, block=block)
        order = move_order(25, 1, 7, end=22, classes=classes, block=block)
        np.testing.assert_array_equal(found["funding"]["rate"], order)
        for name, own in (("bars", one), ("bars2", two)):
            wanted = permuted_bars(own, 1, 7, end=22, classes=classes, block=block)
            for mine, column in zip(found.prices(name) or (), wanted, strict=True):
                np.testing.assert_array_equal(mine, column)


def test_restrictions_that_do_not_fit_are_named() -> None:
    for given, said in (
        ({"first": 0}, "first = 0 must be a bar from 1 to 23"),
        ({"first": 5, "end": 4}, "end = 4 must be from first = 5"),
        ({"end": 24}, "end = 24 must be"),
        ({"block": -1}, "block = -1 must be 0"),
        ({"seed": -1}, "seed = -1 must be"),
        ({"classes": CLASSES[:5]}, "5 classes given for 23 bars"),
    ):
        arguments = {"first": 1, "seed": 0} | given
        with pytest.raises(wfo.InputError, match=said):
            move_order(23, **arguments)
