"""Requests per window of time, counted before they are sent."""

from __future__ import annotations

import collections
import logging
import math
from typing import Final

from wfo.data.sources.clock import Clock
from wfo.errors import InputError

#: Seconds from which on a wait, or all attempts of a request together, are logged.
LONG_WAIT: Final = 2.0

_LOG = logging.getLogger(__name__)


class WindowLimit:
    """At most so many requests in any window of so many seconds.

    The window slides: a request waits until the one that came `count` requests before it is
    `seconds` old. A vendor that counts in fixed windows is thereby obeyed too.

    Parameters
    ----------
    count
        Requests in a window, 1 at least.
    seconds
        Length of the window.
    clock
        Where time comes from.

    Raises
    ------
    InputError
        If count or seconds are not above 0.
    """

    def __init__(self, count: int, seconds: float, clock: Clock) -> None:
        if count < 1 or not (math.isfinite(seconds) and seconds > 0):
            raise InputError(f"a limit of {count} requests in {seconds} s is none")
        self.count = count
        self.seconds = seconds
        self._clock = clock
        self._sent: collections.deque[float] = collections.deque(maxlen=count)

    def take(self) -> None:
        """Count a request, after a wait where the window is full."""
        if len(self._sent) == self.count:
            wait = self._sent[0] + self.seconds - self._clock.monotonic()
            if wait >= LONG_WAIT:
                _LOG.info(
                    "%d requests in %.0f s are allowed, and were sent: the next one in %.0f s",
                    self.count,
                    self.seconds,
                    wait,
                )
            # Sleeps may end early, so the time is read again after each.
            while (rest := self._sent[0] + self.seconds - self._clock.monotonic()) > 0:
                self._clock.sleep(rest)
        self._sent.append(self._clock.monotonic())

    def __repr__(self) -> str:
        return f"WindowLimit({self.count}, {self.seconds})"
