"""Bars, mark prices and funding rates from Binance: public files first, then its REST API."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from wfo.data.sources.binance_files import (
    LARGEST_ARCHIVE,
    Instrument,
    PublicFile,
    PublicFiles,
)
from wfo.data.sources.binance_rest import Rest
from wfo.data.sources.clock import Clock
from wfo.data.sources.errors import UnknownSymbolError
from wfo.data.sources.http import Http, HttpOptions, require_url
from wfo.data.sources.limits import WindowLimit
from wfo.data.sources.rows import (
    Pieces,
    Sifted,
    answers_of_all,
    if_any,
    request_zone,
    require_offered,
)
from wfo.data.sources.source import Adjustment, Answer, SeriesKind, SeriesRequest
from wfo.errors import InputError

if TYPE_CHECKING:
    from wfo.data.sources.config import SourcesConfig

#: Where Binance answers, unless the configuration says otherwise.
FILES_URL: Final = "https://data.binance.vision"
SPOT_URL: Final = "https://api.binance.com"
FUTURES_URL: Final = "https://fapi.binance.com"

#: No limit is documented for the files; this one keeps a fault from asking without end.
_FILES_A_MINUTE: Final = 1_200
_INTERVALS: Final[Mapping[str, str]] = {
    "1min": "1m",
    "5min": "5m",
    "15min": "15m",
    "30min": "30m",
    "1hour": "1h",
    "4hour": "4h",
    "1day": "1d",
}
#: When the exchange opened, and when its USD-M market did.
_SPOT_OPENED: Final = dt.date(2017, 7, 1)
_FUTURES_OPENED: Final = dt.date(2019, 9, 1)
_DAY: Final = dt.timedelta(days=1)


class Binance:
    """Binance as a source, see `wfo.data.sources.source.Source`.

    Whole months that are past come from monthly files, days since from daily files as far as
    there are any, and the rest from the REST API. Prices are as traded: nothing is ever adjusted.
    The adjustment ``split`` is offered all the same, because coins have no splits for which
    prices could be adjusted, so that both mean the same prices; dividends they do not know.

    Parameters
    ----------
    files_url, spot_url, futures_url
        Base URLs of the public files and of the two REST APIs.
    options
        How long and how often the vendor is tried.
    clock
        Where time comes from.

    Raises
    ------
    InputError
        If a URL cannot be used.
    """

    name = "binance"
    title = "Binance"
    series: tuple[SeriesKind, ...] = ("bars", "mark", "funding")
    timeframes: tuple[str, ...] = tuple(_INTERVALS)
    adjustments: tuple[Adjustment, ...] = ("raw", "split")

    def __init__(
        self,
        *,
        files_url: str = FILES_URL,
        spot_url: str = SPOT_URL,
        futures_url: str = FUTURES_URL,
        options: HttpOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        options = HttpOptions() if options is None else options
        self._clock = Clock() if clock is None else clock
        files_options = dataclasses.replace(
            options, largest_body=min(options.largest_body, LARGEST_ARCHIVE)
        )
        http = Http(
            "Binance",
            limit=WindowLimit(_FILES_A_MINUTE, 60.0, self._clock),
            options=files_options,
            clock=self._clock,
        )
        url = require_url(files_url, "the address of Binance's files")
        self._files = PublicFiles(url, http, files_options, self._clock)
        self._rest = Rest(
            {
                "spot": require_url(spot_url, "the address of Binance's spot API"),
                "futures/um": require_url(futures_url, "the address of Binance's futures API"),
            },
            options,
            self._clock,
        )
        self._listed: dict[tuple[Instrument, SeriesKind], dt.date] = {}

    def __repr__(self) -> str:
        return "Binance()"

    def calendar(self, symbol: str) -> str:  # noqa: ARG002 (of the protocol)
        """Return the calendar without a pause."""
        return "24/7"

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:  # noqa: ARG002
        """Return the month in which the market of a symbol opened."""
        try:
            spot = Instrument.of(symbol, series).market == "spot"
        except UnknownSymbolError:  # which fetching reports
            spot = True
        return _SPOT_OPENED if spot else _FUTURES_OPENED

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        """Answer requests, one after the other.

        A symbol that Binance does not know is reported after all others are answered.
        """
        require_offered(self, requests)
        for request in requests:
            if request_zone(request) != "UTC":
                raise InputError(
                    f"Binance's days are those of UTC, and {request.symbol} is asked for by the "
                    f"calendar {request.calendar}: use 24/7"
                )
        yield from answers_of_all(_answers(self, request) for request in requests)

    @classmethod
    def from_config(cls, config: SourcesConfig, clock: Clock) -> Binance:
        """Return the source as the configuration describes it."""
        addresses = config.binance
        return cls(
            files_url=addresses.files_url,
            spot_url=addresses.spot_url,
            futures_url=addresses.futures_url,
            options=config.http,
            clock=clock,
        )

    def _first_day(self, instrument: Instrument, request: SeriesRequest) -> dt.date:
        """Return the day of a series' first row; one request, the first time."""
        key = (instrument, request.series)
        if key not in self._listed:
            found = self._rest.first_day(instrument, request)
            if found is None:
                raise UnknownSymbolError(
                    f"Binance has nothing of {request.symbol!r} ({instrument.code}): is the "
                    "symbol right?"
                )
            self._listed[key] = found
        return self._listed[key]


class _Fetching:
    """One request while it is answered: its state, and the next file or page."""

    def __init__(self, source: Binance, request: SeriesRequest) -> None:
        now = source._clock.now()
        self._source = source
        self._request = request
        self._instrument = Instrument.of(request.symbol, request.series)
        self._interval = _INTERVALS.get(request.timeframe, "")
        self._pieces = Pieces(request, now, volume=request.series == "bars")
        self._today = now.astimezone(dt.UTC).date()

    def answers(self) -> Iterator[Answer]:
        """Yield answers, month by month, then as the files and pages are."""
        pieces, request = self._pieces, self._request
        if request.adjust == "split" and request.series != "funding":
            pieces.note("prices are as traded; Binance adjusts none, and coins have no splits")
        this_month = self._today.replace(day=1)
        last_month = (this_month - _DAY).replace(day=1)
        absent: dt.date | None = None
        while not pieces.done:
            month = pieces.position.replace(day=1)
            end = min(request.last, _month_end(month))
            if month >= this_month:
                yield from self._tail(request.last)
                return
            if month != absent:
                if self._add_file(month):
                    yield from if_any(pieces.cut(end))
                    continue
                absent = month
                # Before the listing there are no files, and after it most months have one.
                listed = self._source._first_day(self._instrument, request)
                if listed > pieces.position:
                    yield from if_any(pieces.cut(min(request.last, listed - _DAY)))
                    continue
            if month == last_month:
                yield from self._tail(end)
            else:
                yield from self._pages(end)

    def _tail(self, end: dt.date) -> Iterator[Answer]:
        """Answer days that are too young for a monthly file."""
        pieces = self._pieces
        while self._request.series != "funding" and pieces.position <= end:
            # The file of a day comes on the next one, so the first that is not there ends them.
            if pieces.position >= self._today or not self._add_file(pieces.position, day=True):
                break
            yield from if_any(pieces.cut(pieces.position))
        yield from self._pages(end)

    def _pages(self, end: dt.date) -> Iterator[Answer]:
        """Answer days from the REST API."""
        pieces = self._pieces
        if pieces.position > end:
            return
        rest = self._source._rest
        for sifted, is_last in rest.pages(
            self._instrument, self._request, self._interval, pieces.position, end
        ):
            self._add(sifted)
            if not is_last:
                yield from if_any(pieces.cut_before_last())
        if not pieces.rows:
            # Nothing was found at all so far: it may be that there is no such symbol.
            self._source._first_day(self._instrument, self._request)
        yield from if_any(pieces.cut(end))

    def _add_file(self, covered: dt.date, *, day: bool = False) -> bool:
        file = PublicFile(self._instrument, self._request.series, self._interval, covered, day=day)
        found = self._source._files.rows(file, self._request)
        if found is None:
            return False
        self._add(found)
        return True

    def _add(self, sifted: Sifted) -> None:
        for fault in sifted.faults:
            self._pieces.note(f"left out: {fault}")
        self._pieces.leave_out(sifted.unreadable)
        self._pieces.add(sifted.frame)


def _month_end(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1) - _DAY


def _answers(source: Binance, request: SeriesRequest) -> Iterator[Answer]:
    # A generator, so that a symbol that cannot be read is an error of its own turn.
    yield from _Fetching(source, request).answers()
