"""Progress of long work: a line with rate and time left on a terminal, plain lines elsewhere.

`Progress` is for stages that follow each other, `Stages` for several at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TextIO

from wfo.text import printable

if TYPE_CHECKING:
    from rich.progress import TaskID

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
        print(printable(text), file=self._stream or sys.stderr, flush=True)


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
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[status]}", markup=False),
        )
        begun = time.monotonic()
        done = 0
        with RichProgress(*columns, console=self._console, transient=True) as shown:
            task = shown.add_task(printable(title), total=total, status="")

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
        self._console.print(printable(text), markup=False)


class Stages(Protocol):
    """What several stages at a time tell about their way; each has a name."""

    def begin(self, name: str, total: int) -> None:
        """Begin a stage of `total` units; again if it starts over."""

    def advance(self, name: str, count: int) -> None:
        """Tell that so many units of a stage were finished."""

    def end(self, name: str) -> None:
        """End a stage, whether all of it is done or not."""

    def say(self, text: str) -> None:
        """Tell something that stays."""


@contextlib.contextmanager
def stages_for_stream(
    unit: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Stages]:
    """Yield the stages that suit standard error: a bar for each on a terminal, else plain lines.

    `unit` is the word for what they count, such as ``days``.
    """
    if not (stream or sys.stderr).isatty():
        yield PlainStages(unit, stream, clock)
        return
    with BarStages(unit) as bars:
        yield bars


class PlainStages:
    """A line every few seconds for each stage, and one at its end."""

    def __init__(
        self,
        unit: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unit = unit
        self._plain = Plain(stream, clock)
        self._clock = clock
        self._open: dict[str, _Stage] = {}
        self._ended = clock()

    def begin(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._open[name] = _Stage(total, self._clock())

    def advance(self, name: str, count: int) -> None:
        """Count, and tell now and then."""
        stage, now = self._open[name], self._clock()
        stage.count(count, now, self._ended)
        if now - stage.said >= _PLAIN_INTERVAL and stage.done < stage.total:
            stage.said = now
            self.say(f"{name}: {describe(stage.done, stage.total, now - stage.begun)}")

    def end(self, name: str) -> None:
        """Tell what a stage came to, if it had anything to do."""
        stage = self._open.pop(name, None)
        self._ended = self._clock()
        if stage is not None and stage.done:
            seconds = self._ended - stage.begun
            done = f"{stage.done:,} {self._unit} in {duration(seconds)}"
            self.say(f"{name}: {done}, {rate(stage.done, seconds)}")

    def say(self, text: str) -> None:
        """Tell something that stays."""
        self._plain.say(text)


class BarStages:
    """A bar for each stage, for terminals; they are gone when the block ends."""

    def __init__(self, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._unit = unit
        self._console = Console(stderr=True, highlight=False)
        self._shown = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._open: dict[str, tuple[_Stage, TaskID]] = {}
        self._ended = time.monotonic()

    def __enter__(self) -> BarStages:
        self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.stop()

    def begin(self, name: str, total: int) -> None:
        """Show a bar, or the one that there is from its beginning."""
        if name in self._open:
            _, task = self._open[name]
            self._shown.update(task, completed=0, total=total, status="0 %")
        else:
            # Without colours an empty bar looks like a full one.
            task = self._shown.add_task(printable(name), total=total, status="0 %")
        self._open[name] = _Stage(total, time.monotonic()), task

    def advance(self, name: str, count: int) -> None:
        """Move a bar."""
        stage, task = self._open[name]
        now = time.monotonic()
        stage.count(count, now, self._ended)
        status = _brief(stage.done, stage.total, now - stage.begun)
        self._shown.update(task, completed=stage.done, status=status)

    def end(self, name: str) -> None:
        """Leave a bar with what its stage came to, until all of them go."""
        found = self._open.pop(name, None)
        if found is not None:
            stage, task = found
            self._ended = time.monotonic()
            seconds = self._ended - stage.begun
            done = f"{stage.done:,} {self._unit} in {duration(seconds)}"
            status = done if stage.done else "nothing was missing"
            self._shown.update(task, completed=stage.total, status=status)

    def say(self, text: str) -> None:
        """Tell something that stays, above the bars."""
        self._console.print(printable(text), markup=False)


#: Seconds within which stages that end one after the other were at work at the same time.
_TOGETHER = 0.1


@dataclasses.dataclass
class _Stage:
    """A stage on its way: units done of all, when it began, when it was last told."""

    total: int
    begun: float
    done: int = 0
    said: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.said = self.begun

    def count(self, units: int, now: float, ended: float) -> None:
        """Count units; a stage that has waited for another one to end takes time from then on."""
        if not self.done and self.begun < ended < now - _TOGETHER:
            self.begun = ended
        self.done += units


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
    left = max(total - done, 0) * seconds / done
    share = 100 * done / max(total, done)
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
