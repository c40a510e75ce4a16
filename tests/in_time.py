"""Blocks that must end in time."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


class Hangs(BaseException):
    """A block that has not ended in time; no handler of errors takes it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `Hangs` in a block that takes longer."""

    def late(*_: object) -> None:
        raise Hangs(f"no end after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
