"""What the pool keeps of a task on its way, and of the place of a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wfo.search.runner.processes import WorkerProcess
from wfo.search.values import FigureValues, Task


@dataclass(slots=True)
class Work:
    """A task on its way: its windows are evaluated one after the other.

    Attributes
    ----------
    task
        What is asked for.
    params
        Its parameters as the program gets them, as soon as they are needed.
    figures
        Of the windows that are done.
    crashes
        How often the evaluation of the current window has ended its process.
    """

    task: Task
    params: Mapping[str, Any] | None = None
    figures: list[Mapping[str, FigureValues]] = field(default_factory=list)
    seconds: float = 0.0
    printed: str = ""
    attempts: int = 1
    crashes: int = 0

    @property
    def window(self) -> int:
        """The window that is to be evaluated."""
        return self.task.windows[len(self.figures)]


@dataclass(slots=True)
class Slot:
    """A place for a worker, whose number outcomes have.

    Attributes
    ----------
    queue
        What the worker has been sent and not answered; it evaluates the first.
    since
        When it began with that, or was started; at the latest.
    doomed
        Why it is being killed; empty while it is not.
    first
        Bytes that it had after its first evaluations; 0 before.
    """

    number: int
    process: WorkerProcess
    since: float
    queue: deque[tuple[int, Work]] = field(default_factory=deque)
    doomed: str = ""
    doomed_at: float = 0.0
    tasks: int = 0
    first: int = 0
