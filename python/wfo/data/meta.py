"""What is known about a set of stored bars besides the bars themselves."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from wfo.data.coverage import Answered, Coverage, DateInterval
from wfo.data.series import require_series
from wfo.data.sources.source import Adjustment, SeriesKind
from wfo.errors import DataError, InputError, did_you_mean
from wfo.files import parse_json
from wfo.files.schema import HexDigest, Limits, Text, require
from wfo.text import shown

#: What an import can do to prices.
Adjust = Literal["none", "split-and-dividend"]
ADJUSTMENTS: Final[tuple[Adjust, ...]] = ("none", "split-and-dividend")

#: What prices in the store can be adjusted for; ``none`` is as the imported file had them.
StoredAdjustment = Adjustment | Literal["none"]
STORED_ADJUSTMENTS: Final[tuple[StoredAdjustment, ...]] = (
    "none",
    "raw",
    "split",
    "dividend",
    "split-and-dividend",
)

#: The largest meta file that is read, in characters, and the largest values in it. What the store
#: writes is far below.
LARGEST_META: Final = 16 * 1024 * 1024
_LONGEST_WORD: Final = 255
_MOST_NOTES: Final = 10_000
_MOST_ROWS: Final = 10**10

_NOTHING: Final = Coverage()
_AGAIN: Final = "import the bars again or download them anew"


_Word = Annotated[str, Limits(f"a text of up to {_LONGEST_WORD} characters", most=_LONGEST_WORD)]
_Rows = Annotated[int, Limits(f"a whole number from 0 to {_MOST_ROWS:,}", ge=0, le=_MOST_ROWS)]
_Notes = Annotated[list[Text], Limits(f"a list of up to {_MOST_NOTES:,} texts", most=_MOST_NOTES)]


class MetaShape(TypedDict):
    """A meta file; `Coverage.from_json` looks at its coverage."""

    symbol: _Word
    timeframe: _Word
    rows: _Rows
    first: _Word
    last: _Word
    fingerprint: HexDigest
    imported_at: _Word
    source: _Word
    calendar: _Word
    timezone: NotRequired[_Word | None]
    adjust: Literal["none", "raw", "split", "dividend", "split-and-dividend"]
    repaired: _Rows
    notes: _Notes
    warnings: _Notes
    fetched_from: NotRequired[_Word | None]
    series: NotRequired[_Word]
    coverage: NotRequired[Any]


@dataclasses.dataclass(frozen=True)
class BarsOrigin:
    """Where bars come from and what was done to them.

    Attributes
    ----------
    source
        Name of the file (without its folder) or of the service they came from.
    calendar
        Name of the exchange calendar they are checked against, or ``none``.
    timezone
        IANA name of the zone in which intraday stamps are kept; ``None`` for daily bars.
    adjust
        What prices are adjusted for: of downloaded bars ``raw``, ``split``, ``dividend`` or
        ``split-and-dividend``; of imported ones ``none`` (as the file had them), or
        ``split-and-dividend`` when all were multiplied by ``adj_close / close``.
    repaired
        Number of bars whose high or low was widened to include open and close.
    notes, warnings
        What the import or download decided by itself, and what looked wrong with the bars.
    fetched_from
        Name of the source that the bars were downloaded from; None if they were imported.

    Raises
    ------
    InputError
        If the adjustment is not known.
    """

    source: str
    calendar: str = "none"
    timezone: str | None = None
    adjust: StoredAdjustment = "none"
    repaired: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fetched_from: str | None = None

    def __post_init__(self) -> None:
        if self.adjust not in STORED_ADJUSTMENTS:
            hint = did_you_mean(str(self.adjust), STORED_ADJUSTMENTS)
            raise InputError(f"unknown adjustment {self.adjust!r}{hint}")


@dataclasses.dataclass(frozen=True)
class BarsMeta:
    """What the store says of bars, in their own file and in the ``.meta.json`` beside it.

    Attributes
    ----------
    symbol, timeframe
        The name under which the bars are stored.
    rows, first, last
        Number of bars, and the time stamps of the first and last in ISO 8601; empty texts where
        there are no bars.
    fingerprint
        `wfo.data.fingerprint` of the bars.
    imported_at
        When they were written, in UTC, ISO 8601.
    origin
        Where they came from and what was done to them.
    series
        What they are: ``bars``, ``mark`` or ``funding``.
    coverage
        The dates that were answered.
    """

    symbol: str
    timeframe: str
    rows: int
    first: str
    last: str
    fingerprint: str
    imported_at: str
    origin: BarsOrigin
    series: SeriesKind = "bars"
    coverage: Coverage = _NOTHING

    def to_json(self, *, ascii_only: bool = False) -> str:
        """Return the text of the meta file: one JSON object, flat but for the coverage."""
        flat = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        origin, coverage = dataclasses.asdict(flat.pop("origin")), flat.pop("coverage").to_json()
        flat |= {**origin, "coverage": None}
        text = json.dumps(flat, indent=2, ensure_ascii=ascii_only)
        # An interval a line.
        lists = ",\n".join(
            f'    "{key}": ['
            + ",".join(f"\n      {json.dumps(row, ensure_ascii=ascii_only)}" for row in rows)
            + ("\n    ]" if rows else "]")
            for key, rows in coverage.items()
        )
        head, _, _ = text.rpartition("null")
        return f"{head}{{\n{lists}\n  }}\n}}\n"

    @classmethod
    def from_json(cls, text: str, name: str) -> BarsMeta:
        """Read the text of a meta file.

        Those without coverage, of earlier versions, cover what their bars span.

        Parameters
        ----------
        text
            The file's contents.
        name
            The file's name, for messages.

        Raises
        ------
        DataError
            If it is not JSON, or a value is missing, of the wrong type, or beyond all bounds.
        """
        if len(text) > LARGEST_META:
            raise DataError(f"{name} has {len(text):,} characters, no meta file has: {_AGAIN}")
        try:
            found = parse_json(text)
        except ValueError as error:
            raise DataError(f"{name} is not valid JSON ({error}): {_AGAIN}") from error
        if not isinstance(found, dict):
            raise DataError(f"{name} holds no JSON object: {_AGAIN}")
        try:
            require(found, MetaShape, "it", file=name, kind=DataError)
        except DataError as error:
            raise DataError(f"{error}: {_AGAIN}") from None
        own = {f.name: found.get(f.name) for f in dataclasses.fields(BarsOrigin)}
        origin = BarsOrigin(
            **own | {"notes": tuple(found["notes"]), "warnings": tuple(found["warnings"])}
        )
        named = ("symbol", "timeframe", "rows", "first", "last", "fingerprint", "imported_at")
        reader = _Reader(found, name)
        meta = cls(**{key: found[key] for key in named}, origin=origin)
        dates = [reader.date(key, empty=meta.rows == 0) for key in ("first", "last")]
        asked_at = reader.time("imported_at")
        if "series" in found:
            try:
                series = require_series(found["series"])
            except InputError as error:
                raise reader.error("series") from error
            meta = dataclasses.replace(meta, series=series)
        if "coverage" not in found:
            coverage = covering(dates[0], dates[1], meta.origin.source, asked_at)
        else:
            try:
                coverage = Coverage.from_json(found["coverage"])
            except DataError as error:
                raise DataError(f"{name}: {error}: {_AGAIN}") from error
        return dataclasses.replace(meta, coverage=coverage)


def covering(
    first: dt.date | None, last: dt.date | None, source: str, asked_at: dt.datetime
) -> Coverage:
    """Return the coverage of bars that are whole as they are, such as those of a file.

    Without dates, or with ones that coverage cannot hold, it is empty.
    """
    if first is None or last is None:
        return Coverage()
    try:
        return Coverage((Answered(DateInterval(first, last), source[:_LONGEST_WORD], asked_at),))
    except InputError:
        return Coverage()


class _Reader:
    """Stamps and times of a JSON object that has the shape of a meta file."""

    def __init__(self, found: dict[str, Any], name: str) -> None:
        self.found = found
        self.name = name

    def error(self, key: str) -> DataError:
        return DataError(f"{self.name}: {key} = {shown(self.found[key])} cannot be: {_AGAIN}")

    def date(self, key: str, *, empty: bool) -> dt.date | None:
        """Return the date of a stamp, of a day or a time; None where there are no bars."""
        value: str = self.found[key]
        if empty != (value == ""):
            raise self.error(key)
        if empty:
            return None
        try:
            return dt.datetime.fromisoformat(value).date()
        except ValueError as error:
            raise self.error(key) from error

    def time(self, key: str) -> dt.datetime:
        try:
            value = dt.datetime.fromisoformat(self.found[key])
        except ValueError as error:
            raise self.error(key) from error
        if value.tzinfo is None:
            raise self.error(key)
        return value
