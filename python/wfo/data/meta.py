"""What is known about a set of stored bars besides the bars themselves."""

from __future__ import annotations

import dataclasses
import json
from typing import Final, Literal

from wfo.errors import DataError

Adjust = Literal["none", "split-and-dividend"]
ADJUSTMENTS: Final[tuple[Adjust, ...]] = ("none", "split-and-dividend")


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
        The adjustment that the import applied: ``none``, or ``split-and-dividend`` when all
        prices were multiplied by ``adj_close / close``.
    repaired
        Number of bars whose high or low was widened to include open and close.
    notes, warnings
        What the import decided by itself, and what looked wrong with the bars.
    """

    source: str
    calendar: str = "none"
    timezone: str | None = None
    adjust: Adjust = "none"
    repaired: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class BarsMeta:
    """The contents of a ``.meta.json`` file beside stored bars.

    Attributes
    ----------
    symbol, timeframe
        The name under which the bars are stored.
    rows, first, last
        Number of bars, and the time stamps of the first and last in ISO 8601.
    fingerprint
        `wfo.data.fingerprint` of the bars.
    imported_at
        Time of the import in UTC, ISO 8601.
    origin
        Where they came from and what was done to them.
    """

    symbol: str
    timeframe: str
    rows: int
    first: str
    last: str
    fingerprint: str
    imported_at: str
    origin: BarsOrigin

    def to_json(self) -> str:
        """Return the text of the meta file: one flat JSON object."""
        flat = dataclasses.asdict(self)
        origin = flat.pop("origin")
        return json.dumps({**flat, **origin}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str) -> BarsMeta:
        """Read the text of a meta file.

        Parameters
        ----------
        text
            The file's contents.
        name
            The file's name, for messages.

        Raises
        ------
        DataError
            If it is not JSON, or a key is missing or of the wrong type.
        """
        try:
            found = json.loads(text)
        except ValueError as error:
            raise DataError(f"{name} is not valid JSON ({error}): import the bars again") from error
        if not isinstance(found, dict):
            raise DataError(f"{name} holds no JSON object: import the bars again")

        def fail(key: str) -> DataError:
            value = repr(found[key]) if key in found else "missing"
            return DataError(f"{name}: {key!r} is {value}: import the bars again")

        def text_of(key: str) -> str:
            value = found.get(key)
            if not isinstance(value, str):
                raise fail(key)
            return value

        def count_of(key: str) -> int:
            value = found.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise fail(key)
            return value

        def texts_of(key: str) -> tuple[str, ...]:
            value = found.get(key)
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise fail(key)
            return tuple(value)

        adjust = next((a for a in ADJUSTMENTS if a == found.get("adjust")), None)
        if adjust is None:
            raise fail("adjust")
        return cls(
            symbol=text_of("symbol"),
            timeframe=text_of("timeframe"),
            rows=count_of("rows"),
            first=text_of("first"),
            last=text_of("last"),
            fingerprint=text_of("fingerprint"),
            imported_at=text_of("imported_at"),
            origin=BarsOrigin(
                source=text_of("source"),
                calendar=text_of("calendar"),
                timezone=None if found.get("timezone") is None else text_of("timezone"),
                adjust=adjust,
                repaired=count_of("repaired"),
                notes=texts_of("notes"),
                warnings=texts_of("warnings"),
            ),
        )
