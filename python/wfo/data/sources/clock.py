"""Time, as sources and updates see it; tests have one of their own."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the time, zone-aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds since some moment; they never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
