"""Files of bars that are broken at random: read right, or refused in words.

Each input follows from its number, so that what fails is found again by it. A bounded number is
tried each time, far more by ``pytest -m slow``.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import csv_inputs
import parquet_inputs
import polars as pl
import pytest

from wfo.data import ImportedBars, read_bars
from wfo.errors import WfoError
from wfo.files.parquet import ParquetFile, decoding
from wfo.text_files import encoding_of

PRICES = ("open", "high", "low", "close")
_NAMES = {"o": "open", "h": "high", "l": "low", "c": "close"}

#: Seconds of a slow run of each kind.
LONG = float(os.environ.get("WFO_FUZZ_SECONDS", "120"))
#: Seconds that no broken file takes.
LONGEST = 20
#: Bytes that a message has at most.
WORDS = 4000


def numbers(first: int, count: int, seconds: float) -> Iterator[int]:
    """Yield numbers of inputs until the time is over."""
    end = time.monotonic() + seconds
    for number in range(first, first + count):
        if time.monotonic() > end:
            return
        yield number


def numeral(cell: str) -> float | None:
    """Return what a cell says beyond doubt, None of any other."""
    text = cell.strip()
    if not text or set(text) - set("0123456789.eE+-"):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def check_prices(label: str, content: bytes, bars: ImportedBars) -> int:
    """Compare each bar with the line that it is from, and return how many prices were compared.

    Bars may stand in another order than their lines; lines that no bar is from repeat others, or
    have no four prices.
    """
    try:
        text = content.decode(encoding_of(content) or "ascii")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # older encodings have the same digits
    lines = io.StringIO(text, newline=None).readlines()
    mark = max(",;\t", key=lambda sign: sum(sign in line for line in lines))
    rows = [next(csv.reader([line], delimiter=mark, skipinitialspace=True), []) for line in lines]
    rows = [[cell.strip() for cell in row] for row in rows]
    names = [bars.columns[price] for price in PRICES]
    head = next((i for i, row in enumerate(rows) if set(names) <= set(row)), None)
    if head is None:
        return 0
    if any(rows[head].count(name) != 1 for name in names):
        return 0
    places = [rows[head].index(name) for name in names]

    def said(row: list[str]) -> tuple[float | None, ...]:
        return tuple(numeral(row[i]) if i < len(row) else None for i in places)

    compared = 0
    used = list(bars.rows.numbers)
    assert len(set(used)) == len(used) == bars.frame.height, label
    for number, found in zip(used, bars.frame.select(PRICES).iter_rows(), strict=True):
        wanted = said(rows[number - 1])
        pairs = [(w, f) for w, f in zip(wanted, found, strict=True) if w is not None]
        assert all(w == f for w, f in pairs), f"{label}: other prices than line {number} has"
        compared += len(pairs)
    taken = {said(rows[number - 1]) for number in used}
    for number in set(range(head + 2, len(rows) + 1)) - set(used):
        lost = said(rows[number - 1])
        assert None in lost or lost in taken, f"{label}: no bar of line {number}"
    return compared


def try_texts(first: int, count: int, seconds: float, folder: Path) -> tuple[int, int]:
    """Read broken texts, and return how many were taken and how many prices were compared."""
    valid = csv_inputs.seeds()
    path = folder / "bars.csv"
    taken = compared = 0
    for number in numbers(first, count, seconds):
        label, content, how = csv_inputs.broken(number, valid)
        path.write_bytes(content)
        start = time.monotonic()
        said = ""
        try:
            bars = read_bars(path, **how)  # type: ignore[arg-type]
        except WfoError as error:
            said = str(error)
        except BaseException as error:
            raise AssertionError(f"{label} is no message: {error!r}") from error
        assert len(said) < WORDS, label
        assert "\x1b" not in said, label
        if not said:
            taken += 1
            compared += check_prices(label, content, bars)
        assert time.monotonic() - start < LONGEST, label
    return taken, compared


def try_parquet(
    first: int, count: int, seconds: float, capfd: pytest.CaptureFixture[str]
) -> tuple[int, int]:
    """Read broken Parquet files here, and return how many were taken and how many refused."""
    valid = parquet_inputs.seeds()
    taken = refused = 0
    for number in numbers(first, count, seconds):
        try:
            label, content = parquet_inputs.broken(number, valid)
        except RecursionError:  # putting a tree together that is deeper than Python goes
            continue
        start = time.monotonic()
        said = ""
        try:
            with ParquetFile(content) as file:
                rows = file.rows
                frame = file.read([c.name for c in file.columns if c.is_read])
        except OSError as error:
            said = str(error)
        except BaseException as error:
            raise AssertionError(f"{label} is no message: {error!r}") from error
        if said:
            refused += 1
            assert len(said.splitlines()) == 1, label
            assert len(said) < WORDS, label
        else:
            taken += 1
            assert frame.height == rows or not frame.width, label
        assert time.monotonic() - start < LONGEST, label
    assert "panicked" not in capfd.readouterr().err
    return taken, refused


def test_broken_texts(tmp_path: Path) -> None:
    taken, compared = try_texts(0, 100, 60, tmp_path)
    assert taken > 8
    assert compared > 500


def test_broken_parquet_files(capfd: pytest.CaptureFixture[str]) -> None:
    # Of the first 3,000 Polars crashes by 4 as they are, and panics by 75.
    taken, refused = try_parquet(0, 300, 60, capfd)
    assert taken > 50
    assert refused > 100


@pytest.mark.slow
def test_many_broken_texts(tmp_path: Path) -> None:
    taken, compared = try_texts(1_000_000, 10**6, LONG, tmp_path)
    assert taken > 100
    assert compared > 10_000


@pytest.mark.slow
def test_many_broken_parquet_files(capfd: pytest.CaptureFixture[str]) -> None:
    taken, refused = try_parquet(1_000_000, 10**6, LONG, capfd)
    assert taken > 500
    assert refused > 1000


# Valid files of odd types


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpack files in this process, which is what takes no time."""
    monkeypatch.setattr(
        "wfo.files.parquet.reading.decode_apart",
        lambda content, first, count, room: decoding.decode(content, first, count),
    )


def odd_columns(rows: int) -> dict[str, pl.Series]:
    """Return columns of every type, and of values at the ends of types."""
    from decimal import Decimal

    count = range(rows)
    far = [2**63 - 1 - i for i in count]
    lists: dict[str, Any] = {
        "lists": [[1.0]] * rows,
        "structs": [{"a": 1}] * rows,
        "bytes": [b"10"] * rows,
        "booleans": [True] * rows,
        "infinite": [float("inf")] * rows,
        "not a number": [float("nan")] * rows,
        "negative": [-1.0] * rows,
        "texts": ["10.5"] * rows,
        "long texts": ["1" * 100_000] * rows,
        "year 0": [f"{i:04d}-01-02" for i in count],
        "years before": [f"-{i + 1:04d}-01-02" for i in count],
        "years of 6 digits": [f"{i + 100000}-01-02" for i in count],
        "18 digits": [str(10**18 + i) for i in count],
        "19 digits": [str(93 * 10**17 + i) for i in count],
        "400 digits": [f"{'9' * 400}{i}" for i in count],
    }
    typed: dict[str, tuple[list[Any], Any]] = {
        "float16": ([10.0] * rows, pl.Float16),
        "int64": (far, pl.Int64),
        "int128": ([10] * rows, pl.Int128),
        "uint64": ([2**64 - 1 - i for i in count], pl.UInt64),
        "decimals": ([Decimal("10.25")] * rows, pl.Decimal(38, 30)),
        "nothing": ([None] * rows, pl.Null),
        "categories": (["10"] * rows, pl.Categorical),
        "one of a list": (["10"] * rows, pl.Enum(["10", "11"])),
        "arrays": ([[1.0, 2.0]] * rows, pl.Array(pl.Float64, 2)),
        "durations": (list(count), pl.Duration("us")),
        "times": (list(count), pl.Time),
    }
    found = {name: pl.Series(values) for name, values in lists.items()}
    found |= {name: pl.Series(values, dtype=kind) for name, (values, kind) in typed.items()}
    for days in (2**31 - 1, -(2**31), -719_528, 376_200):
        step = -1 if days > 0 else 1
        numbers_ = [days + step * i for i in count]
        found[f"dates from {days}"] = pl.Series(numbers_, dtype=pl.Int32).cast(pl.Date)
    for unit in ("ms", "us", "ns"):
        for zone in (None, "UTC", "America/New_York"):
            kind = pl.Datetime(unit, zone)  # type: ignore[arg-type]
            found[f"late in {unit}, {zone}"] = pl.Series(far, dtype=pl.Int64).cast(kind)
            early = pl.Series([-v - 1 for v in far], dtype=pl.Int64)
            found[f"early in {unit}, {zone}"] = early.cast(kind)
    return found


ODD = odd_columns(30)
#: Columns in which each type stands, and those that hold bars then. A volume may be any number.
TAKEN = {
    "volume": {
        *("float16", "int64", "uint64", "decimals", "nothing", "categories", "one of a list"),
        *("texts", "not a number", "18 digits", "19 digits"),
    }
}


@pytest.mark.parametrize(
    ("field", "name"),
    [
        *((field, name) for field in ("date", "close", "volume") for name in ODD),
        *(("datetime", name) for name, cells in ODD.items() if cells.dtype.is_temporal()),
        *(("ticker", name) for name in ("lists", "bytes", "uint64", "long texts", "nothing")),
    ],
)
def test_a_column_of_an_odd_type_is_read_or_refused(
    field: str, name: str, here: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bars = parquet_inputs.bars_frame(30)
    frame = bars.with_columns(ODD[name].alias(field))
    if field == "datetime":
        frame = frame.drop("date")
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    said = ""
    try:
        found = read_bars(path, timeframe="1hour" if field == "datetime" else "1day").frame
    except WfoError as error:
        said = str(error)
    if said:
        assert name not in TAKEN.get(field, ()), said
        # Several kinds of errors are listed.
        assert len(said) < WORDS
        assert "panic" not in said
    else:
        assert field in ("volume", "ticker"), found
        assert name in TAKEN.get(field, {name}), found
        assert found.drop("volume", strict=False).equals(bars.drop("volume"))
    assert "panicked" not in capfd.readouterr().err


def test_columns_that_are_not_needed_may_be_of_any_type(here: None, tmp_path: Path) -> None:
    bars = parquet_inputs.bars_frame(30)
    path = tmp_path / "bars.parquet"
    bars.with_columns(cells.alias(f"its {name}") for name, cells in ODD.items()).write_parquet(path)
    assert read_bars(path).frame.equals(bars)
