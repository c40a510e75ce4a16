"""A server's own clock, which stands until a test moves it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

#: When made-up time begins: on a Wednesday, an hour after the close in New York.
BEGINNING = dt.datetime(2025, 3, 5, 22, 0, tzinfo=dt.UTC)


class VendorClock:
    """Made-up time.

    Parameters
    ----------
    start
        The time until it is moved. With a time zone.
    follow
        Where time comes from instead, such as the ``now`` of a clock that a client has.
    """

    def __init__(
        self, start: dt.datetime = BEGINNING, *, follow: Callable[[], dt.datetime] | None = None
    ) -> None:
        if start.tzinfo is None:
            raise ValueError(f"{start} has no time zone")
        self._lock = threading.Lock()
        self._moved = dt.timedelta(0)
        self._start = start.astimezone(dt.UTC)
        self._follow = follow
        #: How far the stamps that it writes into answers are off; it counts by the right time.
        self.off = dt.timedelta(0)

    def now(self) -> dt.datetime:
        """Return the time in UTC."""
        with self._lock:
            base = self._start if self._follow is None else self._follow()
            return base.astimezone(dt.UTC) + self._moved

    def shown(self) -> dt.datetime:
        """Return the time that goes into answers."""
        return self.now() + self.off

    def seconds(self) -> float:
        """Return seconds since 1970."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """Go on, or back."""
        with self._lock:
            self._moved += dt.timedelta(seconds=seconds)

    def set(self, now: dt.datetime) -> None:
        """Go to a time."""
        self.advance((now - self.now()).total_seconds())
