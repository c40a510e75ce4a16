"""Random sequences of faults: what passes leaves no trace, what does not ends as it must.

A sequence downloads a range piece by piece, in a random order, from a vendor on loopback in which
requests go wrong at random. It must end in the file of an undisturbed download. Everything is drawn
from the number of the sequence; time is made up, but for the moment of a request that times out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from vendor_sources import VirtualClock, source_of, vendor_of
from vendors import BEGINNING, FAULTS, Market, Vendor

from wfo.data import DataStore
from wfo.data.sources.errors import CredentialsError
from wfo.data.sources.source import SeriesKind, Source
from wfo.data.updating import Updated, Wanted, update

_DAY = dt.timedelta(days=1)

#: Sequences by default, each series with each kind of sequence, and of those that the long tests
#: add.
QUICK, SLOW, BATCH = 21, 10_000, 250

#: Of faults in a row, and attempts that outlast them.
MOST, ATTEMPTS = 3, 5

#: Seconds until a request times out, where one is to: far more than an answer here takes.
PATIENCE = 0.2


@dataclasses.dataclass(frozen=True)
class Series:
    """What a sequence downloads."""

    source: str
    symbols: tuple[str, ...]
    timeframe: str
    first: dt.date
    last: dt.date
    series: SeriesKind = "bars"

    def wanted(self, first: dt.date, last: dt.date) -> list[Wanted]:
        return [Wanted(s, self.timeframe, first, last, series=self.series) for s in self.symbols]


# The vendors' clock begins on 2025-03-05. Of Binance, February is a monthly file then and the first
# of March a daily one; funding rates of March come by REST.
SERIES = (
    Series("tradestation", ("SMH",), "1day", dt.date(2024, 12, 16), dt.date(2025, 3, 4)),
    Series("alpaca", ("SMH", "BRK.B"), "1day", dt.date(2024, 12, 16), dt.date(2025, 3, 4)),
    Series("binance", ("BTC/USDT",), "1day", dt.date(2025, 2, 10), dt.date(2025, 3, 1)),
    Series("tradestation", ("@ES",), "30min", dt.date(2025, 2, 10), dt.date(2025, 2, 19)),
    Series("alpaca", ("QQQ",), "30min", dt.date(2025, 2, 10), dt.date(2025, 2, 25)),
    Series(
        *("binance", ("BTC/USDT:USDT",), "1hour", dt.date(2025, 2, 20), dt.date(2025, 3, 4)),
        series="funding",
    ),
    Series(
        *("binance", ("ETH/USDT:USDT",), "4hour", dt.date(2025, 2, 13), dt.date(2025, 2, 28)),
        series="mark",
    ),
)

MARKET = Market()


#: A folder in memory, where there is one: thousands of files are replaced.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture(autouse=True, scope="module")
def _unsynced() -> Iterator[None]:
    """Files need not survive a failure of power here; that takes most of a sequence's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


class Place:
    """A store, and a source that asks a vendor of its own."""

    def __init__(
        self, series: Series, folder: Path, market: Market, *, rotate: bool = False, **http: Any
    ) -> None:
        self.series = series
        self.clock = VirtualClock(BEGINNING)
        self.store = DataStore(folder / "data")
        self.vendor = vendor_of(series.source, market, self.clock, rotate=rotate)
        self._folder, self._http = folder, {"attempts": ATTEMPTS, **http}

    def __enter__(self) -> Place:
        self.vendor.__enter__()
        self.source = self.opened()
        return self

    def __exit__(self, *error: object) -> None:
        self.vendor.__exit__(*error)

    def opened(self) -> Source:
        """A source as a new process makes it."""
        vendor, clock = self.vendor, self.clock
        return source_of(self.series.source, vendor, clock, self._folder / "config", **self._http)

    def update(self, first: dt.date, last: dt.date) -> tuple[Updated, ...]:
        wanted = self.series.wanted(first, last)
        return update(self.store, self.source, wanted, clock=self.clock)

    def state(self) -> list[tuple[pl.DataFrame, dict[str, Any]]]:
        """Bars and meta data of each symbol, times left out, and notes of what went wrong."""
        found = []
        for symbol in self.series.symbols:
            key = (symbol, self.series.timeframe)
            frame = self.store.load(*key, series=self.series.series)
            meta = json.loads(self.store.meta(*key, series=self.series.series).to_json())
            found.append((frame, _timeless(meta)))
        return found

    def files(self) -> dict[str, bytes]:
        there = self.store.folder.iterdir() if self.store.folder.is_dir() else ()
        found = [p for p in there if p.suffix in {".parquet", ".json"}]
        return {p.name: p.read_bytes() for p in found}


def _timeless(meta: dict[str, Any]) -> dict[str, Any]:
    """Leave out of meta data when things were asked, and what was said of them."""
    coverage = meta["coverage"]
    kept = {k: v for k, v in meta.items() if k not in {"imported_at", "notes", "warnings"}}
    answered = [[first, last, source] for first, last, source, _ in coverage["answered"]]
    empty = [[first, last] for first, last, *_ in coverage["empty"]]
    return kept | {"coverage": {"answered": answered, "empty": empty}}


def same(wanted: list[tuple[pl.DataFrame, Any]], found: list[tuple[pl.DataFrame, Any]]) -> None:
    for (frame, meta), (own, own_meta) in zip(wanted, found, strict=True):
        assert_frame_equal(frame, own, check_exact=True)
        assert meta == own_meta


def undisturbed(
    series: Series, market: Market, first: dt.date, last: dt.date
) -> list[tuple[pl.DataFrame, dict[str, Any]]]:
    """What a download of a range ends in, in which nothing goes wrong."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        Place(series, Path(folder), market) as place,
    ):
        for updated in place.update(first, last):
            assert updated.error is None
        assert all(entry.fault is None for entry in place.vendor.log)
        return place.state()


@functools.cache
def of_market(series: Series) -> list[tuple[pl.DataFrame, dict[str, Any]]]:
    found = undisturbed(series, MARKET, series.first, series.last)
    for frame, meta in found:
        assert frame.height > 5
        assert meta["coverage"]["answered"]
    return found


def pieces(
    series: Series, rng: random.Random, *, overlapping: bool = True
) -> list[tuple[dt.date, dt.date]]:
    """Ranges that are the whole together, and others that overlap them, in a random order."""
    days = (series.last - series.first).days
    cuts = sorted(rng.sample(range(1, days + 1), rng.choice([1, 1, 2])))
    found = [*zip([0, *cuts], [*(c - 1 for c in cuts), days], strict=True)]
    more = (
        sorted((rng.randint(0, days), rng.randint(0, days)))
        for _ in range(overlapping * rng.choice([0, 0, 1]))
    )
    found += [(a, b) for a, b in more]
    rng.shuffle(found)
    return [(series.first + a * _DAY, series.first + b * _DAY) for a, b in found]


def disturb(vendor: Vendor, seed: int, rng: random.Random, *, rotating: bool) -> None:
    """Let faults come that pass, at a random share of requests."""
    among = [name for name in vendor.faults.passing if name != "expired-token"]
    if rotating:
        # A refresh token that was used is dead, so its answer must not get lost on the way.
        among = [name for name in among if FAULTS[name].status is not None]
    among = rng.sample(among, rng.randint(1, len(among)))
    share = rng.choice([0.3, 0.5, 0.8])
    # A file that is spoilt after its checksum was fetched costs two attempts.
    most = MOST - 1 if vendor.name == "binance" else MOST
    vendor.faults.random(seed, share=share, most_in_a_row=most, among=among)


def sequence(number: int) -> None:
    """Go through one of them, and compare."""
    rng = random.Random(number)
    series = SERIES[number % len(SERIES)]
    rotating, slow = number % 4 == 1, number % 20 == 3
    wanted = of_market(series)
    # Attempts enough for answers that take as long on a machine that is busy.
    http = {"timeout": PATIENCE, "attempts": 2 * ATTEMPTS} if slow else {}
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        seeded(number),
        Place(series, Path(folder), MARKET, rotate=rotating, **http) as place,
    ):
        disturb(place.vendor, number, rng, rotating=rotating)
        if slow:
            # The answer that holds the next of rotating tokens must not get lost either.
            place.vendor.faults.on(lambda path: "token" not in path, "time-out")
        for first, last in pieces(series, rng):
            # Two in a row would be a server that refuses what it has just given.
            if series.source == "tradestation" and not place.vendor.faults.pending:
                place.vendor.faults.next(*rng.choices(["expired-token", "503"], k=1))
            if rng.random() < 0.3:
                place.source = place.opened()
            for updated in place.update(first, last):
                assert updated.error is None, f"{first} to {last}: {updated.error}"
                assert not updated.anew
        same(wanted, place.state())
        place.vendor.faults.clear()
        asked = len(place.vendor.log)
        place.update(series.first, series.last)
        assert len(place.vendor.log) == asked


@contextlib.contextmanager
def seeded(number: int) -> Iterator[None]:
    """Draw from a number what libraries draw, such as the jitter of waits."""
    before = random.getstate()
    random.seed(number)
    try:
        yield
    finally:
        random.setstate(before)


@pytest.mark.parametrize("number", range(QUICK))
def test_faults_that_pass_leave_no_trace(number: int) -> None:
    sequence(number)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(SLOW // BATCH))
def test_faults_that_pass_leave_no_trace_in_many_sequences(batch: int) -> None:
    for number in range(QUICK + batch * BATCH, QUICK + (batch + 1) * BATCH):
        try:
            sequence(number)
        except BaseException as error:
            error.add_note(f"sequence {number}")
            raise


# What does not pass


def numbers(quick: int, of: int) -> list[Any]:
    """Numbers of sequences, of which the first so many are tried in every run of the tests."""
    return [pytest.param(k, marks=() if k < quick else pytest.mark.slow) for k in range(of)]


@pytest.mark.parametrize("number", numbers(6, of=24))
def test_a_revised_past_is_fetched_anew(number: int) -> None:
    """Between two updates the last stored bar changes, or all bars by a split."""
    rng = random.Random(number)
    series = SERIES[(0, 1, 2, 3, 4, 6)[number % 6]]
    market = Market(seed=2)
    known = series.last - rng.randint(3, (series.last - series.first).days // 2) * _DAY
    code = series.symbols[0].partition(":")[0].replace("/", "")
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        seeded(number),
        Place(series, Path(folder), market) as place,
    ):
        disturb(place.vendor, number, rng, rotating=False)
        for updated in place.update(series.first, known):
            assert updated.error is None
            assert not updated.anew
        before = place.state()
        # Coins have no splits.
        if series.source == "binance" or number % 2:
            last = before[0][0].to_series(0).dt.date()[-1]
            # Bars of a Sunday evening are of the next session, whenever that is.
            for later in range(4):
                market.revise(code, last + later * _DAY)
        else:
            market.split(code, place.clock.now().date(), 2.0)
        first, *others = place.update(known + _DAY, series.last)
        assert first.error is None
        assert first.anew
        assert any("anew" in note for note in first.notes)
        assert not any(other.anew or other.error for other in others)
        now = place.state()
        assert not now[0][0].head(before[0][0].height).equals(before[0][0])
        same(undisturbed(series, market, series.first, series.last), now)


@pytest.mark.parametrize("number", numbers(8, of=24))
def test_revoked_credentials_end_updates_and_harm_nothing(number: int) -> None:
    rng = random.Random(number)
    series = SERIES[(0, 1, 3, 4)[number % 4]]
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        seeded(number),
        Place(series, Path(folder), MARKET, rotate=number % 8 == 0) as place,
    ):
        disturb(place.vendor, number, rng, rotating=number % 8 == 0)
        ranges = pieces(series, rng, overlapping=False)
        # The longest one has sessions to ask for, wherever it comes.
        ends = ranges.index(max(ranges, key=lambda both: both[1] - both[0]))
        for k, (first, last) in enumerate(ranges):
            if k == ends:
                place.vendor.faults.next("revoked-token")
            before, asked = place.files(), len(place.vendor.log)
            for updated in place.update(first, last):
                if k < ends or len(place.vendor.log) == asked:
                    assert updated.error is None
                    continue
                assert isinstance(updated.error, CredentialsError), updated.error
                assert "test-" not in str(updated.error)
                assert place.files() == before
        assert any(entry.fault == "revoked-token" for entry in place.vendor.log)
        # New credentials, and the download goes on.
        with vendor_of(series.source, MARKET, place.clock, rotate=False) as vendor:
            source = source_of(series.source, vendor, place.clock, Path(folder) / "new")
            wanted = series.wanted(series.first, series.last)
            for updated in update(place.store, source, wanted, clock=place.clock):
                assert updated.error is None
        same(of_market(series), place.state())
