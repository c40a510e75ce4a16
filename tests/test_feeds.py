"""Feeds: named series over the same bars, and what a strategy says it reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest import Feeds, read_feeds
from wfo.strategy import Feed, get_strategy

LONG = get_strategy("atr_d_l")
FUNDED = dataclasses.replace(
    LONG,
    feeds=(Feed("bars", columns=("volume",)), Feed("funding", prices=False, columns=("price",))),
)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return wfo.load_sample("NASDAQ")[:50].with_columns(volume=pl.int_range(pl.len()) * 10)


@pytest.fixture(scope="module")
def funding(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select("date", price=pl.int_range(pl.len()) / 1000 - 0.01)


def test_named_series_of_named_columns(bars: pl.DataFrame, funding: pl.DataFrame) -> None:
    feeds = read_feeds(FUNDED, bars, feeds={"funding": funding})
    assert list(feeds) == ["bars", "funding"]
    assert list(feeds["bars"]) == ["open", "high", "low", "close", "volume"]
    assert feeds["bars"]["volume"].tolist() == bars["volume"].to_list()
    # Only of bars a price is a close.
    assert list(feeds["funding"]) == ["price"]
    assert feeds["funding"]["price"].dtype == np.float64
    assert feeds.bars == 50
    assert feeds.stamps is not None
    assert feeds.stamps.equals(bars["date"])
    cut = feeds.until(20)
    assert cut.bars == 20
    assert [len(c) for feed in cut.values() for c in feed.values()] == [20] * 6
    assert cut.stamps is not None
    assert len(cut.stamps) == 20
    assert cut.to_list() == [(name, dict(cut[name])) for name in cut]


def test_feeds_from_pandas(bars: pl.DataFrame, funding: pl.DataFrame) -> None:
    pd = pytest.importorskip("pandas")
    rates = pd.DataFrame(
        {"price": funding["price"].to_numpy()}, index=pd.DatetimeIndex(funding["date"].to_numpy())
    )
    one, two = (read_feeds(FUNDED, bars, feeds={"funding": f}) for f in (funding, rates))
    assert np.array_equal(one["funding"]["price"], two["funding"]["price"])


def test_feeds_that_cannot_be_read(bars: pl.DataFrame, funding: pl.DataFrame) -> None:
    price = pl.col("price")
    gap = pl.when(pl.int_range(pl.len()) != 7).then(price)
    for strategy, feeds, message in (
        (LONG, {"funding": funding}, "atr_d_l reads no feed 'funding'"),
        (FUNDED, {}, r"also reads 'funding'; give it as feeds=\{'funding': …\}"),
        (FUNDED, {"fundin": funding}, "no feed 'fundin'; did you mean 'funding'"),
        (FUNDED, {"funding": funding, "bars": bars}, r"feeds\['bars'\] .*give it as bars="),
        (FUNDED, {"funding": funding.rename({"price": "rate"})}, "'funding' has no column price"),
        (FUNDED, {"funding": funding[1:]}, "the feed 'funding' has 49 bars"),
        (FUNDED, {"funding": 5}, "funding must be a Polars, pandas or PyArrow frame, not int"),
        (FUNDED, {"funding": funding.lazy()}, "funding must be a frame, not LazyFrame"),
        (FUNDED, 5, "feeds must name each frame, as a dict does, not be 5"),
        (FUNDED, {"funding": funding.drop("date")}, "neither a 'date' nor"),
        (
            FUNDED,
            {"funding": funding.with_columns(price.cast(pl.String))},
            "'price' of 'funding' must be numeric, not String",
        ),
        (
            FUNDED,
            {"funding": funding.with_columns(gap.alias("price"))},
            r"bar 7 of 'funding' \(1999-01-13\): price = None must be a finite number",
        ),
        (
            FUNDED,
            {"funding": funding.with_columns(pl.col("date").dt.offset_by("1d"))},
            "bar 0 is 1999-01-04 for the first symbol and 1999-01-05 for the feed 'funding'",
        ),
    ):
        with pytest.raises(wfo.WfoError, match=message):
            read_feeds(strategy, bars, feeds=feeds)
    with pytest.raises(wfo.DataError, match="'bars' has no column volume"):
        read_feeds(FUNDED, bars.drop("volume"), feeds={"funding": funding})


def test_feeds_of_two_symbols(bars: pl.DataFrame) -> None:
    dual = get_strategy("atr_d_duals_l")
    feeds: Any = read_feeds(dual, bars, bars)
    assert list(feeds) == ["bars", "bars2"]
    prices = feeds.prices()
    again = Feeds.of(prices, feeds.prices("bars2"))
    assert list(again) == list(feeds)
    assert again.prices("funding") is None
    assert again.stamps is None
