"""Whose file it is, and which end of a bar that vendor stamps."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

#: Which end of a bar its time stamp is.
StampsAt = Literal["open", "close"]
STAMPS_AT: Final[tuple[StampsAt, ...]] = ("open", "close")


@dataclasses.dataclass(frozen=True)
class Vendor:
    """Whose file it is.

    Attributes
    ----------
    name
        Such as ``"TradeStation"``.
    stamps
        Which end of an intraday bar it stamps.
    zone
        IANA name of the zone of its stamps, where that is always the same.
    """

    name: str
    stamps: StampsAt = "open"
    zone: str | None = None
