"""Binance's public files: where they lie, that they are whole, and what they hold.

A file is a zip archive of one CSV file, with its SHA-256 beside it. Old ones have no header line.
Times are in milliseconds, of spot from 2025 on in microseconds; their size tells which.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Final, Literal

from wfo.data.frames import PRICES
from wfo.data.sources.clock import Clock
from wfo.data.sources.errors import MalformedError, UnknownSymbolError
from wfo.data.sources.http import Http, HttpOptions
from wfo.data.sources.rows import Sifted, sift
from wfo.data.sources.source import SeriesKind, SeriesRequest

if TYPE_CHECKING:
    import polars as pl

Market = Literal["spot", "futures/um"]

#: Bytes of an archive and of the CSV file in it; a month of minute bars has some 2 and 7 million.
LARGEST_ARCHIVE: Final = 64 << 20
LARGEST_TABLE: Final = 256 << 20

_DATASETS: Final[dict[SeriesKind, str]] = {
    "bars": "klines",
    "mark": "markPriceKlines",
    "funding": "fundingRate",
}
_KLINE_COLUMNS: Final = ("open_time", *PRICES, "volume")
_RATE_COLUMNS: Final = ("calc_time", "funding_interval_hours", "last_funding_rate")
#: Milliseconds reach this in the year 5138, microseconds in 1973.
_MICROSECONDS: Final = 10**14
_EARLIEST: Final = dt.datetime(2009, 1, 1, tzinfo=dt.UTC)
_LATEST: Final = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)

_PAIR: Final = re.compile(r"([A-Z0-9]{1,24})/([A-Z0-9]{2,12})(?::([A-Z0-9]{2,12}))?")
_CODE: Final = re.compile(r"([A-Z0-9]{3,36}(?:_[0-9]{6})?)(\.P)?")


@dataclasses.dataclass(frozen=True)
class Instrument:
    """What is traded: a pair of the spot market, or a contract margined in dollar coins.

    Attributes
    ----------
    market
        ``spot``, or ``futures/um`` for USD-M.
    code
        As Binance writes it, such as ``BTCUSDT``.
    """

    market: Market
    code: str

    @classmethod
    def of(cls, symbol: str, series: SeriesKind) -> Instrument:
        """Read a symbol as users write it.

        Parameters
        ----------
        symbol
            ``BTC/USDT`` or ``BTCUSDT`` of the spot market, ``BTC/USDT:USDT`` or ``BTCUSDT.P`` of
            the USD-M market.
        series
            Mark prices and funding rates are of the USD-M contract, however it is written.

        Raises
        ------
        UnknownSymbolError
            If it is none of these.
        """
        pair, code = _PAIR.fullmatch(symbol), _CODE.fullmatch(symbol)
        futures = series != "bars"
        if pair is not None and pair[3] in {None, pair[2]}:
            return cls("futures/um" if futures or pair[3] else "spot", pair[1] + pair[2])
        if code is not None:
            return cls("futures/um" if futures or code[2] else "spot", code[1])
        raise UnknownSymbolError(
            f"Binance has no symbol {symbol!r}: write BTC/USDT or BTCUSDT for the spot market, "
            "BTC/USDT:USDT or BTCUSDT.P for the USD-M perpetual contract"
        )


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """One of Binance's public files.

    Attributes
    ----------
    instrument, series
        What it holds.
    interval
        Length of bars as Binance writes it, such as ``1m``; without meaning for funding rates.
    month
        A day of the month that it covers.
    day
        Whether it covers that day alone.
    """

    instrument: Instrument
    series: SeriesKind
    interval: str
    month: dt.date
    day: bool = False

    @property
    def stem(self) -> str:
        """The name without an ending."""
        what = _DATASETS["funding"] if self.series == "funding" else self.interval
        return f"{self.instrument.code}-{what}-{self.month:{'%Y-%m-%d' if self.day else '%Y-%m'}}"

    @property
    def path(self) -> str:
        """The path of the archive below the address of the files."""
        period = "daily" if self.day else "monthly"
        folder = f"data/{self.instrument.market}/{period}/{_DATASETS[self.series]}"
        interval = "" if self.series == "funding" else f"/{self.interval}"
        return f"{folder}/{self.instrument.code}{interval}/{self.stem}.zip"


class PublicFiles:
    """Reads public files.

    Parameters
    ----------
    url
        Their address.
    http
        What sends requests.
    options
        How often a file is read that is not as it should be.
    clock
        Where time comes from.
    """

    def __init__(self, url: str, http: Http, options: HttpOptions, clock: Clock) -> None:
        self._url = url
        self._http = http
        self._options = options
        self._clock = clock

    def rows(self, file: PublicFile, request: SeriesRequest) -> Sifted | None:
        """Return the rows of a file for a request, ``None`` if there is no such file.

        A file may just be replaced, or a cache hold an old copy: one whose checksum does not
        match, that cannot be read, or that has faulty rows is read again. Rows that stay faulty
        are left out.

        Raises
        ------
        SourceError
            If it cannot be read; the message names the file.
        """
        kept: Sifted | None = None
        failed: MalformedError | None = None
        for attempt in range(self._options.attempts):
            if attempt:
                wait = self._options.first_wait * 2 ** (attempt - 1)
                self._clock.sleep(min(wait, self._options.longest_wait))
            try:
                archive = self._archive(file)
                if archive is None:
                    return None
                rows = _table_rows(unpack(archive, file.stem), file)
                found = sift(rows, request, f"Binance's file {file.stem}.zip")
            except MalformedError as error:
                failed = error
                continue
            if not found.faults:
                return found
            kept = found
        if kept is not None:
            return kept
        raise MalformedError(
            f"{failed}, after {self._options.attempts} attempts: try again later"
        ) from failed

    def _archive(self, file: PublicFile) -> bytes | None:
        """Return the archive if its checksum matches, ``None`` if one of the two is missing."""
        url = f"{self._url}/{file.path}"
        sums = self._http.get_bytes(f"{url}.CHECKSUM")
        archive = None if sums is None else self._http.get_bytes(url)
        if sums is None or archive is None:
            return None
        named = read_checksum(sums, f"{file.stem}.zip")
        found = hashlib.sha256(archive).hexdigest()
        if named == found:
            return archive
        said = f"not {named} as its CHECKSUM file says" if named else "its CHECKSUM file holds none"
        raise MalformedError(f"Binance's file {file.path} has the SHA-256 {found}, {said}")


def _table_rows(table: bytes, file: PublicFile) -> pl.DataFrame:
    if file.series == "funding":
        return rate_rows(table, file.stem)
    return kline_rows(table, file.stem, volume=file.series == "bars")


def read_checksum(content: bytes, name: str) -> str:
    """Return the SHA-256 that a ``.CHECKSUM`` file gives for `name`, empty if it gives none."""
    for line in content[:4096].decode("utf-8", "replace").splitlines():
        found = re.fullmatch(r"\s*([0-9A-Fa-f]{64})\s+\*?(\S+)\s*", line)
        if found is not None and found[2] == name:
            return found[1].lower()
    return ""


def unpack(archive: bytes, stem: str) -> bytes:
    """Return the CSV file in an archive; its name and size are checked before it is unpacked.

    Raises
    ------
    MalformedError
        If the archive cannot be read, or holds anything but the one file that it should.
    """
    name = f"{stem}.csv"
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
            if len(members) != 1 or members[0].filename != name:
                shown = ", ".join(repr(m.filename[:80]) for m in members[:3]) or "nothing"
                raise MalformedError(
                    f"Binance's file {stem}.zip should hold {name} alone, but holds {shown}"
                )
            member = members[0]
            if member.file_size > LARGEST_TABLE:
                raise MalformedError(
                    f"Binance's file {stem}.zip would unpack to {member.file_size:,} bytes; "
                    f"at most {LARGEST_TABLE:,} are read"
                )
            if member.flag_bits & 1:
                raise MalformedError(f"Binance's file {stem}.zip is encrypted")
            if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise MalformedError(
                    f"Binance's file {stem}.zip is compressed by method {member.compress_type}, "
                    "which its files never are"
                )
            with opened.open(member) as file:
                # What the archive says of its size need not be true.
                content = file.read(LARGEST_TABLE + 1)
    # Of a directory that points anywhere, the reader raises ValueError, also as UnicodeDecodeError.
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError) as error:
        raise MalformedError(f"Binance's file {stem}.zip cannot be unpacked: {error}") from error
    if len(content) > LARGEST_TABLE:
        raise MalformedError(f"Binance's file {stem}.zip unpacks to more than it says")
    return content


def kline_rows(table: bytes, stem: str, *, volume: bool) -> pl.DataFrame:
    """Read a CSV file of bars: ``stamp``, open, high, low, close, and volume where it counts."""
    frame = _read_csv(table, stem, _KLINE_COLUMNS)
    return frame.select(
        stamps(frame["open_time"]),
        *(_float(frame[name]) for name in (*PRICES, *(["volume"] if volume else []))),
    )


def rate_rows(table: bytes, stem: str) -> pl.DataFrame:
    """Read a CSV file of funding rates: ``stamp`` and ``funding_rate``."""
    frame = _read_csv(table, stem, _RATE_COLUMNS)
    return frame.select(
        due(stamps(frame["calc_time"])),
        _float(frame["last_funding_rate"]).alias("funding_rate"),
    )


def stamps(times: pl.Series) -> pl.Series:
    """Return integers, milliseconds or microseconds since 1970, as UTC; null where they are not."""
    import polars as pl

    # Texts such as 1e12 are no times.
    count = times.cast(pl.Int64, strict=False).alias("stamp").to_frame()
    micros = pl.when(pl.col("stamp") < _MICROSECONDS).then(pl.col("stamp") * 1000)
    stamp = micros.otherwise(pl.col("stamp")).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    inside = stamp.is_between(_EARLIEST, _LATEST)
    return count.select(pl.when(inside).then(stamp).alias("stamp")).to_series()


def due(times: pl.Series) -> pl.Series:
    """Return when funding rates are due: their times are some milliseconds late, now and then."""
    return times.dt.truncate("1s")


def _float(texts: pl.Series) -> pl.Series:
    import polars as pl

    return texts.cast(pl.Float64, strict=False)


def _read_csv(table: bytes, stem: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return named columns as text; of a file without a header line they are its first ones."""
    import polars as pl

    line, _, rest = table.partition(b"\n")
    heading = line.decode("utf-8", "replace").lstrip("\ufeff").strip()
    cells = [c.strip().strip('"').casefold() for c in heading.split(",")]
    positions = {name: i for i, name in enumerate(columns)}
    if not cells[0][:1].isdigit():
        positions = {name: cells.index(name) for name in columns if name in cells}
        missing = [name for name in columns if name not in positions]
        if missing:
            raise MalformedError(f"Binance's file {stem}.csv has no column {', '.join(missing)}")
        table = rest
    if not table.strip():
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    try:
        frame = pl.read_csv(table, has_header=False, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0][:120]
        raise MalformedError(f"Binance's file {stem}.csv cannot be read: {reason}") from error
    if max(positions.values()) >= frame.width:
        raise MalformedError(
            f"Binance's file {stem}.csv has {frame.width} columns; it needs {', '.join(columns)}"
        )
    return frame.select(
        frame.to_series(i).str.strip_chars(' "\r').alias(name) for name, i in positions.items()
    )
