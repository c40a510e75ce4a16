"""What each fault of each source comes to: runs of the clients against the vendors on loopback.

``PYTHONPATH=tests python -m vendors.table`` prints the table; `run` makes one cell of it. Of this
folder this file alone uses the package.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from wfo.data import DataStore
from wfo.data.sources.clock import Clock
from wfo.data.sources.config import SourcesConfig
from wfo.data.sources.registry import open_source
from wfo.data.sources.source import Source
from wfo.data.updating import Quiet, Updated, Wanted, update

from .alpaca import AlpacaVendor
from .binance import BinanceVendor
from .clock import BEGINNING, VendorClock
from .faults import FAULTS
from .market import NEW_YORK, Market
from .server import Vendor
from .tradestation import TradeStationVendor


@dataclasses.dataclass(frozen=True)
class Row:
    """A source as the table has it.

    Attributes
    ----------
    symbol, own_symbol
        In the user's words and in the vendor's.
    where
        Of the requests in which something goes wrong, what the path has or has not.
    """

    source: str
    vendor: type[Vendor]
    symbol: str
    own_symbol: str
    where: Callable[[str], bool]
    options: Mapping[str, object]
    faults: tuple[str, ...]


_TOKEN = "/oauth/token"
#: The next refresh token is in the answer that goes wrong.
_LOST = ("time-out", "cut-before-headers", "cut-mid-body", "cut-chunked", "truncated-json")

SOURCES: dict[str, Row] = {
    row.source if name is None else name: row
    for name, row in (
        (
            None,
            Row(
                "tradestation",
                TradeStationVendor,
                "SMH",
                "SMH",
                lambda path: path != _TOKEN,
                {},
                TradeStationVendor.known_faults,
            ),
        ),
        (
            "tradestation sign-in",
            Row(
                "tradestation",
                TradeStationVendor,
                "SMH",
                "SMH",
                lambda path: path == _TOKEN,
                {"rotate": True},
                ("429-seconds", "500", "503", *_LOST, "html", "revoked-token"),
            ),
        ),
        (
            None,
            Row(
                "alpaca",
                AlpacaVendor,
                "SMH",
                "SMH",
                lambda path: True,
                {},
                AlpacaVendor.known_faults,
            ),
        ),
        (
            None,
            # Yesterday's file is not there yet, so that REST is asked too.
            Row(
                "binance",
                BinanceVendor,
                "BTC/USDT:USDT",
                "BTCUSDT",
                lambda path: True,
                {"published_hour": 23},
                BinanceVendor.known_faults,
            ),
        ),
    )
}

#: How often a fault comes: in one request, or in each in which it can happen.
Times = Literal["once", "always"]
TIMES: tuple[Times, ...] = ("once", "always")

#: Faults that happen between two updates, not in a request.
BETWEEN = ("revised-bar", "split-history")

FIRST = dt.date(2024, 11, 1)
BEFORE = dt.datetime(2025, 2, 19, 12, tzinfo=dt.UTC)


class VirtualClock(Clock):
    """Time that goes on when it is slept.

    Attributes
    ----------
    slept
        Seconds.
    """

    def __init__(self, now: dt.datetime) -> None:
        self._now = now
        self.slept = 0.0
        # A client's clock may be off.
        self.off = dt.timedelta(0)

    def right(self) -> dt.datetime:
        """Return the time that it really is."""
        return self._now

    def now(self) -> dt.datetime:
        return self._now + self.off

    def monotonic(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        if not 0 <= seconds <= 3600:
            raise ValueError(f"sleeps {seconds} seconds")
        self.slept += seconds
        self._now += dt.timedelta(seconds=seconds)

    def go(self, now: dt.datetime) -> None:
        """Let it be a later time."""
        self._now = max(now, self._now)


class Heard(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of an update in which something went wrong.

    Attributes
    ----------
    error
        Class of the error; empty where there is none.
    seen
        What the user is told; empty where that is nothing.
    store
        ``as before`` (the same bytes), ``complete`` (all that the market has), ``as far as
        answered`` (what was answered before the failure is there too), ``without`` bars that could
        not be read, or ``HARMED`` and how.
    requests
        That the vendor got.
    asked_most
        How often it got the one that it got most often.
    waited
        Seconds of virtual time.
    later
        The store after the next update, in which nothing goes wrong, or the error of that.
    """

    source: str
    fault: str
    times: Times
    error: str
    seen: str
    store: str
    requests: int
    waited: float
    later: str
    anew: bool = False
    asked_most: int = 0


class Scene:
    """A vendor, a client and a store that is up to date until `BEFORE`."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        first: dt.date = FIRST,
        timeout: float = 30.0,
        **vendor: object,
    ) -> None:
        self.row = SOURCES[name]
        self.symbol, self.own_symbol = self.row.symbol, self.row.own_symbol
        self.folder = folder
        self.clock = VirtualClock(BEFORE)
        self.market = Market()
        self.vendor = self.row.vendor(
            self.market,
            clock=VendorClock(follow=self.clock.right),
            **{**self.row.options, **vendor},  # type: ignore[arg-type]
        )
        self.first, self.timeout = first, timeout
        self.environ: dict[str, str] = {}
        self.files = folder / "store"
        self.store = DataStore(self.files)

    def __enter__(self) -> Scene:
        self.vendor.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.vendor.__exit__(*error)

    def source(self) -> Source:
        """Return a new client."""
        folder = self.folder / "config"
        folder.mkdir(exist_ok=True)
        (folder / "sources.toml").write_text(f"[http]\ntimeout = {self.timeout}\n")
        config = SourcesConfig.load(
            {**self.vendor.environ, **self.environ, "WFO_CONFIG_DIR": str(folder)}
        )
        return open_source(self.row.source, config, clock=self.clock)

    def update(
        self, store: DataStore | None = None, timeframe: str = "1day"
    ) -> tuple[Updated, list[str]]:
        """Bring a store up to date until yesterday; return what came of it, and what was said."""
        heard = Heard()
        wanted = [Wanted(self.symbol, timeframe, first=self.first)]
        (updated,) = update(
            store or self.store, self.source(), wanted, clock=self.clock, listener=heard
        )
        return updated, [*heard.texts, *updated.notes]

    def fill(self) -> None:
        """Update the store for the first time, when nothing goes wrong."""
        updated, _ = self.update()
        if updated.error is not None:
            raise updated.error

    def digest(self) -> dict[str, str]:
        """Return a fingerprint of each file of the store."""
        return {
            str(path.relative_to(self.files)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.files.rglob("*"))
            if path.is_file() and not path.name.endswith(".lock")
        }

    def truth(self) -> pl.DataFrame:
        """Return the daily bars that the market has until yesterday, as the store has them."""
        stocks = self.row.source != "binance"
        zone = NEW_YORK if stocks else dt.UTC
        today = self.clock.right().astimezone(zone).date()
        bars = self.market.daily(
            self.own_symbol,
            self.first,
            today - dt.timedelta(days=1),
            adjust="split" if stocks else "raw",
            as_of=today,
        )
        volume = bars.volume.astype(np.float64)
        return pl.DataFrame(
            {
                "date": pl.Series(bars.date.astype("datetime64[D]")),
                "open": bars.open,
                "high": bars.high,
                "low": bars.low,
                "close": bars.close,
                "volume": volume if stocks else volume / 1000,
            }
        )

    def undisturbed(self, timeframe: str = "1day") -> pl.DataFrame:
        """Return what a download into another store has, in which nothing goes wrong."""
        with tempfile.TemporaryDirectory() as folder:
            store = DataStore(folder)
            updated, _ = self.update(store, timeframe)
            if updated.error is not None:
                raise updated.error
            return store.load(self.symbol, timeframe)

    def stored(self, timeframe: str = "1day") -> pl.DataFrame:
        """Return what is stored."""
        return self.store.load(self.symbol, timeframe)


@functools.cache
def _filled(source: str) -> dict[str, bytes]:
    """Return the files of a store that is up to date until `BEFORE`."""
    with tempfile.TemporaryDirectory() as folder, Scene(source, Path(folder)) as scene:
        scene.fill()
        return {p.name: p.read_bytes() for p in scene.files.iterdir() if p.is_file()}


def run(source: str, fault: str, times: Times, folder: Path) -> Outcome:
    """Update a store while something goes wrong, then again when all is well.

    Parameters
    ----------
    source
        One of `SOURCES`.
    fault
        One of its vendor's.
    times
        How often it comes.
    folder
        Where the store and the client's files are made.
    """
    with Scene(source, folder) as scene:
        if scene.row.options.get("rotate"):
            # The refresh token that it goes on with is one that the vendor has given.
            scene.fill()
        else:
            scene.files.mkdir()
            for name, content in _filled(source).items():
                (scene.files / name).write_bytes(content)
        before, had = scene.digest(), scene.stored()
        scene.clock.go(BEGINNING)
        sent, slept = len(scene.vendor.log), scene.clock.slept
        if fault == "time-out":
            # Where it comes once, the other answers must not take as long.
            scene.timeout = 1.0 if times == "once" else 0.1
        if fault == "revised-bar":
            scene.market.revise(scene.own_symbol, dt.date(2025, 2, 14))
        elif fault == "split-history":
            scene.market.split(scene.own_symbol, dt.date(2025, 3, 5), 2.0)
        else:
            scene.vendor.faults.on(scene.row.where, fault, times=1 if times == "once" else 100_000)
        updated, texts = scene.update()
        requests = len(scene.vendor.log) - sent
        asked = Counter((e.path, tuple(sorted(e.query.items()))) for e in scene.vendor.log[sent:])
        waited = scene.clock.slept - slept
        if fault not in BETWEEN and not any(e.fault == fault for e in scene.vendor.log[sent:]):
            raise AssertionError(f"{fault} did not come in {requests} requests")
        after, error = scene.digest(), updated.error
        seen = " / ".join([*texts, *([str(error)] if error is not None else [])])
        scene.vendor.faults.clear()
        scene.timeout = 30.0
        state = "as before" if before == after else _state(scene, had, updated.error, texts)
        later = _later(scene)
        if later.startswith("without"):
            # What is empty is believed for a month at most.
            scene.clock.go(BEGINNING + dt.timedelta(days=31))
            later = f"{_later(scene)} (a month later)"
        return Outcome(
            source,
            fault,
            times,
            type(error).__name__ if error is not None else "",
            seen,
            state,
            requests,
            waited,
            later,
            updated.anew,
            max(asked.values(), default=0),
        )


def _later(scene: Scene) -> str:
    """Update once more, and return what is stored then."""
    again, _ = scene.update()
    if again.error is not None:
        return f"{type(again.error).__name__}: {again.error}"
    found, truth = scene.stored(), scene.truth()
    if found.equals(truth):
        return "complete"
    wrong = found.join(truth, on=truth.columns, how="anti").height
    return f"HARMED: {wrong} wrong" if wrong else f"without {truth.height - found.height}"


def _state(scene: Scene, had: pl.DataFrame, error: Exception | None, texts: Sequence[str]) -> str:
    found, truth = scene.stored(), scene.truth()
    if found.equals(truth):
        return "complete"
    if not found.join(truth, on=truth.columns, how="anti").is_empty():
        return "HARMED: other bars than those of the market"
    missing = truth.join(found, on="date", how="anti")["date"]
    lost = had.join(found, on="date", how="anti")["date"]
    if len(lost):
        return f"HARMED: {len(lost)} bars lost that were stored"
    if error is not None:
        return "as far as answered"
    said = " ".join(texts)
    if all(str(day) in said for day in missing):
        return f"without {', '.join(str(day) for day in missing)}, as it says"
    return f"HARMED: {len(missing)} bars missing without a word"


def cells(
    sources: Sequence[str] = tuple(SOURCES), times: Sequence[Times] = TIMES
) -> Iterator[tuple[str, str, Times]]:
    """Return each fault that there is of each source."""
    for fault in FAULTS:
        for source in sources:
            if fault in SOURCES[source].faults:
                yield from (
                    (source, fault, t) for t in times if t == "once" or fault not in BETWEEN
                )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as a table in Markdown, a line for each fault of each source."""
    columns = ("fault", "source", "once: the user sees", "store", "always: the user sees", "store")
    lines = [f"| {' | '.join((*columns, 'next update'))} |", "|---|---|---|---|---|---|---|"]
    found = {(o.fault, o.source, o.times): o for o in outcomes}
    for fault, source in dict.fromkeys((o.fault, o.source) for o in outcomes):
        both = [found.get((fault, source, times)) for times in TIMES]
        cells = [cell for o in both for cell in ((_seen(o), o.store) if o else ("", ""))]
        later = dict.fromkeys(o.later.partition(":")[0] for o in both if o)
        lines.append("| " + " | ".join((fault, source, *cells, " / ".join(later))) + " |")
    return "\n".join(lines) + "\n"


def _seen(outcome: Outcome) -> str:
    """Return what the user sees, without the port of the server and what stands in every cell."""
    seen = re.sub(r"127\.0\.0\.1:\d+", "HOST", outcome.seen)
    # Of waits the table has the sum.
    texts = [
        t
        for t in seen.split(" / ")
        if not (t.endswith("taken for granted") or re.search(r"; attempt \d of \d in [\d.]+ s$", t))
    ]
    seen = " / ".join(texts).replace("|", "\\|").replace("\n", " ") or "nothing"
    seen = f"{outcome.error}: {seen}" if outcome.error else seen
    requests = "1 request" if outcome.requests == 1 else f"{outcome.requests} requests"
    return f"{seen} ({requests}, {outcome.waited:.0f} s)"


def main() -> None:
    outcomes = []
    for source, fault, times in cells(sys.argv[1:] or tuple(SOURCES)):
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(run(source, fault, times, Path(folder)))
    print(table(outcomes), end="")


if __name__ == "__main__":
    main()
