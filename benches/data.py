"""Time market data: ``python benches/data.py``.

A year of minute bars is downloaded from a vendor on loopback, merged and read, and stored bars are
read: 20 years of days and a year of minutes. The vendor runs in a process of its own and has made
the bars before they are asked for, so that time and memory are the client's; what the vendor's
answers take by themselves, sent and received but not looked at, is a row too. Every measurement has
a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from grid import machine_facts, report

#: Where the loopback vendors are.
TESTS = Path(__file__).parents[1] / "tests"

SYMBOL = "SMH"
FIRST, LAST = dt.date(2024, 1, 2), dt.date(2024, 12, 31)
#: What of the year is downloaded before the rest is merged into it.
CUT = dt.date(2024, 11, 29)
#: When the vendors' clock stands.
NOW = "2025-03-05T22:00:00+00:00"

#: Reads of a stored file; the median is taken.
READS = 15
#: Years of daily bars.
YEARS = 20

MB = 1e6


class Measured(NamedTuple):
    """What a process did: rows, seconds, requests, and megabytes that resident memory grew by."""

    rows: int
    seconds: float
    requests: int
    megabytes: float


@contextlib.contextmanager
def vendors() -> Iterator[dict[str, str]]:
    """Serve the loopback vendors from another process; yield the environment that leads there."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, "-m", "vendors", "--now", NOW]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environ
    ) as process:
        try:
            assert process.stdout is not None
            found: dict[str, str] = {}
            for line in process.stdout:
                if line.startswith("# Clock"):
                    break
                if line.startswith("export "):
                    name, _, value = line.removeprefix("export ").strip().partition("=")
                    found[name] = value
            yield found
        finally:
            process.terminate()


def source_of(name: str, environ: Mapping[str, str], folder: Path) -> Any:
    """Return a source that asks the vendor; waits for its limits are not slept."""
    from wfo.data.sources.clock import Clock
    from wfo.data.sources.config import SourcesConfig
    from wfo.data.sources.registry import open_source

    class Waitless(Clock):
        """The machine's time, further ahead by what would have been slept."""

        ahead = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

        def sleep(self, seconds: float) -> None:
            self.ahead += seconds

    config = SourcesConfig.load({**environ, "WFO_CONFIG_DIR": str(folder)})
    return open_source(name, config, clock=Waitless())


def peak_megabytes() -> float:
    """Return the most resident memory that this process has had."""
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / MB if sys.platform == "darwin" else size * 1024 / MB


def measured(work: Callable[[], tuple[int, int]]) -> Measured:
    """Time a piece of work that returns rows and requests."""
    before = peak_megabytes()
    began = time.perf_counter()
    rows, requests = work()
    seconds = time.perf_counter() - began
    return Measured(rows, seconds, requests, peak_megabytes() - before)


def download(
    name: str, environ: Mapping[str, str], folder: Path, first: dt.date, last: dt.date
) -> Measured:
    """Bring a store up to date from an opened source, whose libraries are loaded before."""
    from wfo.data import DataStore
    from wfo.data.updating import Wanted, update

    source = source_of(name, environ, folder)
    # Libraries and the calendar are loaded, and a token is fetched, by a range of its own.
    with tempfile.TemporaryDirectory() as other:
        day = dt.date(2024, 1, 2)
        update(DataStore(Path(other)), source, [Wanted("WARM", "1min", day, day)])
    store = DataStore(folder / "data")

    def work() -> tuple[int, int]:
        (found,) = update(store, source, [Wanted(SYMBOL, "1min", first, last)])
        if found.error is not None:
            raise found.error
        return found.added, found.requests

    return measured(work)


def received(name: str, environ: Mapping[str, str], folder: Path) -> Measured:
    """Fetch the same answers as a download, and drop them unread."""
    import urllib3

    from wfo.data.sources.source import SeriesRequest

    source = source_of(name, environ, folder)
    sent: list[tuple[str, dict[str, str]]] = []
    original = urllib3.PoolManager.request

    def noted(self: Any, method: str, url: str, **options: Any) -> Any:
        if method == "GET":
            sent.append((url, dict(options["headers"])))
        return original(self, method, url, **options)

    urllib3.PoolManager.request = noted  # type: ignore[assignment, method-assign]
    request = SeriesRequest(SYMBOL, FIRST, LAST, "1min")
    rows = sum(answer.frame.height for answer in source.fetch([request]))
    urllib3.PoolManager.request = original  # type: ignore[method-assign]
    pool = urllib3.PoolManager()

    def work() -> tuple[int, int]:
        for url, headers in sent:
            response = pool.request("GET", url, headers=headers)
            if response.status != 200:
                raise RuntimeError(f"{url}: {response.status}")
        return rows, len(sent)

    return measured(work)


def read(folder: Path, symbol: str, timeframe: str) -> tuple[int, float, float]:
    """Return rows, milliseconds of the first read and the median of later ones."""
    import polars as pl

    from wfo.data import DataStore

    pl.select(pl.lit(1))  # the library is loaded before

    store, spent = DataStore(folder), []
    rows = 0
    for _ in range(READS + 1):
        began = time.perf_counter()
        rows = store.load(symbol, timeframe).height
        spent.append(1e3 * (time.perf_counter() - began))
    return rows, spent[0], statistics.median(spent[1:])


def save_days(folder: Path) -> None:
    """Store `YEARS` years of daily bars, a random walk."""
    import polars as pl

    from wfo.data import BarsOrigin, DataStore
    from wfo.data.calendars import load_sessions

    first, last = dt.date(2024 - YEARS, 1, 1), dt.date(2023, 12, 31)
    days = load_sessions("XNYS", first, last).frame["session"]
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(days))))
    opens = close * (1 + rng.normal(0, 0.003, len(days)))
    frame = pl.DataFrame(
        {
            "date": days,
            "open": opens,
            "high": np.maximum(opens, close) * 1.004,
            "low": np.minimum(opens, close) * 0.996,
            "close": close,
            "volume": rng.integers(10**5, 10**7, len(days)).astype(float),
        }
    )
    DataStore(folder).save("DAYS", "1day", frame, BarsOrigin("benches", calendar="XNYS"))


def alone(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *given).result()


def downloads(name: str, environ: Mapping[str, str], folder: Path) -> list[list[str]]:
    """Return the lines of one source."""
    print(f"downloading a year of minutes from {name}", file=sys.stderr)
    folder.mkdir()
    # The vendor makes its bars when it is asked first; it keeps them.
    alone(received, name, environ, folder)
    lines = []
    whole = folder / "whole"
    whole.mkdir()
    parts = folder / "parts"
    parts.mkdir()
    # Tokens are those of one client.
    for what, found in (
        ("the vendor's answers alone", alone(received, name, environ, folder)),
        ("download", alone(download, name, environ, whole, FIRST, LAST)),
        ("download of 11 months", alone(download, name, environ, parts, FIRST, CUT)),
        (
            "merge of the last one",
            alone(download, name, environ, parts, CUT + dt.timedelta(days=1), LAST),
        ),
    ):
        lines.append(
            [
                name,
                what,
                f"{found.rows:,}",
                f"{found.requests:,}",
                f"{found.seconds:.2f}",
                f"{found.rows / found.seconds:,.0f}",
                f"{found.megabytes:.0f}",
            ]
        )
    return lines


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source",
        nargs="+",
        choices=["tradestation", "alpaca"],
        default=["tradestation", "alpaca"],
    )
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    fetched = [["source", "what", "rows", "requests", "seconds", "rows/s", "MB"]]
    stored = [["stored bars", "rows", "first ms", "ms"]]
    with tempfile.TemporaryDirectory() as place, vendors() as environ:
        folder = Path(place)
        for name in arguments.source:
            fetched += downloads(name, environ, folder / name)
        alone(save_days, folder / "days")
        minutes = folder / arguments.source[0] / "whole" / "data"
        for what, *key in (
            (f"{YEARS} years of days", folder / "days", "DAYS", "1day"),
            ("a year of minutes", minutes, SYMBOL, "1min"),
        ):
            rows, first, later = alone(read, *key)
            stored.append([what, f"{rows:,}", f"{first:.1f}", f"{later:.1f}"])
    facts = machine_facts() | {
        "rows/s": "of the client with the vendor's answers, which are made before and sent by"
        " another process",
        "requests": "to the vendor for its answers alone, else ranges that the source is asked for",
        "MB": "that resident memory of the client grew by at most, its libraries loaded before",
        "ms": f"median of {READS} reads after the first one of a process, fingerprint checked",
    }
    report(facts, [(fetched, 2), (stored, 1)], markdown=arguments.markdown)


if __name__ == "__main__":
    main()
