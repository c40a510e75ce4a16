"""Progress of long work: a line with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TextIO

#: Called with the number of units that were just finished.
Tick = Callable[[int], None]

#: Seconds between two plain lines; a log of an hour's run is then a page long.
_PLAIN_INTERVAL = 10.0


class Progress(Protocol):
    """What a run tells about its way."""

    def stage(self, title: str, total: int) -> contextlib.AbstractContextManager[Tick]:
        """Begin a stage of `total` units."""

    def say(self, text: str) -> None:
        """Tell something that stays."""


class Silent:
    """Says nothing, as a library should."""

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        """Begin a stage of `total` units."""
        del title, total
        yield lambda _: None

    def say(self, text: str) -> None:
        """Tell something that stays."""
        del text


class Plain:
    """A line every few seconds, for logs and pipes."""

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._clock = clock

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        """Begin a stage of `total` units."""
        begun = said = self._clock()
        done = 0

        def tick(count: int) -> None:
            nonlocal done, said
            done += count
            now = self._clock()
            if now - said >= _PLAIN_INTERVAL and done < total:
                said = now
                self.say(f"{title}: {describe(done, total, now - begun)}")

        yield tick
        seconds = self._clock() - begun
        self.say(f"{title}: {done:,} in {duration(seconds)}, {rate(done, seconds)}")

    def say(self, text: str) -> None:
        """Tell something that stays."""
        print(text, file=self._stream or sys.stderr, flush=True)


class Bar:
    """A bar that moves, for terminals."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        """Begin a stage of `total` units."""
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[status]}"),
        )
        begun = time.monotonic()
        done = 0
        with RichProgress(*columns, console=self._console, transient=True) as shown:
            task = shown.add_task(title, total=total, status="")

            def tick(count: int) -> None:
                nonlocal done
                done += count
                status = _brief(done, total, time.monotonic() - begun)
                shown.update(task, completed=done, status=status)

            yield tick
        seconds = time.monotonic() - begun
        self.say(f"{title}: {done:,} in {duration(seconds)}, {rate(done, seconds)}")

    def say(self, text: str) -> None:
        """Tell something that stays."""
        self._console.print(text, markup=False)


def for_stream(stream: TextIO | None = None) -> Progress:
    """Return the progress that suits standard error: a bar on a terminal, else plain lines."""
    return Bar() if (stream or sys.stderr).isatty() else Plain(stream)


def describe(done: int, total: int, seconds: float) -> str:
    """Return share, rate and time left."""
    if not done or seconds <= 0:
        return f"0 of {total:,}"
    return _brief(done, total, seconds).replace("%", f"% of {total:,}", 1)


def _brief(done: int, total: int, seconds: float) -> str:
    """Return the same in so few characters that bar and title fit beside it in 80 columns."""
    if not done or seconds <= 0:
        return ""
    left = (total - done) * seconds / done
    share = 100 * done / total
    return f"{share:.0f} %, {rate(done, seconds)}, {duration(left)} left"


def rate(done: int, seconds: float) -> str:
    """Return a rate such as ``1.24 M/s``."""
    each = done / seconds if seconds > 0 else 0.0
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if each >= size:
            return f"{each / size:.3g}{unit}/s"
    return f"{each:.3g}/s"


def duration(seconds: float) -> str:
    """Return a duration such as ``0.4 s``, ``1 min 20 s`` or ``2 h 05 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
