"""Programs and commands as what evaluates the points of a search."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from wfo import arguments
from wfo.backtest.memory import available_memory
from wfo.errors import InputError
from wfo.search.runner.bars import WindowSpan
from wfo.search.runner.guard import watches_memory
from wfo.search.runner.launching import Launcher
from wfo.search.runner.pool import Pool
from wfo.search.runner.processes import require_processes
from wfo.search.runner.programs import split_target
from wfo.search.runner.settings import RunnerSettings, runner_settings
from wfo.search.runner.worker import Order
from wfo.search.values import Finished, Outcome, Task
from wfo.text import brief, one_line

if TYPE_CHECKING:
    import polars as pl


class Nests(Protocol):
    """What makes parameters nested, as a space does."""

    def nested(self, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        """Return parameters by dotted name as the user's file has them, with those fixed."""


class ProgramEvaluator:
    """Evaluates points by a user's program, in worker processes.

    It ends them when it is closed, when it is left as a context, when the process ends and also
    when that is killed.

    Parameters
    ----------
    target
        ``module:function`` or ``FILE.py:function`` of a program; the words of a command.
    kind
        ``program`` or ``command``.
    folder
        What files are relative to, and where programs work: that of the plan.
    space
        Makes parameters nested.
    symbols, bars, windows
        What is evaluated on: bars are frames, or bytes of Parquet files, by symbol.
    workers
        How many processes there are at most.
    needs
        Names of figures that every answer must have.
    timeout
        Seconds that an evaluation in one window may take.
    memory
        Bytes that a worker may have with all that it starts.
    retries
        How often an evaluation is begun again whose process has ended by itself.
    settings
        Further ones, by the names in ``defaults/runner.yaml``.

    Raises
    ------
    InputError
        If an argument is out of its range, or there is no such command.
    EngineError
        If this system or interpreter cannot run workers.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        kind: Literal["program", "command"],
        *,
        folder: Path | str,
        space: Nests,
        symbols: Sequence[str] = (),
        bars: Mapping[str, pl.DataFrame | bytes] | None = None,
        windows: Sequence[WindowSpan] = (),
        workers: int = 1,
        needs: Sequence[str] = (),
        timeout: float | None = None,
        memory: int | None = None,
        retries: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._kind = arguments.one_of("kind", kind, ("program", "command"))
        self._folder = Path(os.path.abspath(folder))  # links stay as they are
        self._target = _target(target, self._kind, self._folder)
        self._symbols = tuple(symbols)
        self._spans = tuple(windows) or (WindowSpan(0),)
        if [span.number for span in self._spans] != list(range(len(self._spans))):
            raise InputError("windows must be numbered from 0 on, in order")
        count = arguments.whole_number("workers", workers)
        if count < 1:
            raise InputError(f"workers = {count} must be 1 or more")
        self.settings = runner_settings(
            timeout=timeout, memory=memory, retries=retries, **(settings or {})
        )
        require_processes()
        given = dict(bars or {})
        if given and set(given) != set(self._symbols):
            raise InputError("bars must be given of each symbol, and of no other")
        self.memory = _memory(self.settings, count)
        name = self._target if isinstance(self._target, str) else self._target[0]
        self._name = one_line(name)
        limits = ("figures", "name_characters", "answer_bytes", "printed_characters")
        order = Order(
            target=self._target,
            folder=str(self._folder),
            symbols=self._symbols,
            windows=[
                [None if day is None else day.isoformat() for day in (span.start, span.end)]
                for span in self._spans
            ],
            bars=(),
            needs=tuple(needs),
            error_characters=self.settings.error_characters,
            **{limit: getattr(self.settings, limit) for limit in limits},
        )
        form = "parquet" if self._kind == "program" else self.settings.bars
        launcher = Launcher(order, self.memory or 0, self.settings.threads)
        if given:
            launcher.give(given, self._spans, form)
        self._pool = Pool(
            launcher.start,
            count,
            self.settings,
            self.memory or 0,
            self._name,
            str(self._folder),
            space.nested,
            launcher.loaded,
        )
        self._close = weakref.finalize(self, _close, os.getpid(), self._pool, launcher)

    @property
    def memory_watched(self) -> bool:
        """Whether the memory of workers is watched: the system must say how much they have."""
        return self.memory is not None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols; empty of a program that has none."""
        return self._symbols

    @property
    def windows(self) -> int:
        """How many in-sample windows there are."""
        return len(self._spans)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the figures, as soon as an evaluation has shown them."""
        return self._pool.names

    def evaluate(self, tasks: Sequence[Task], finished: Finished) -> None:
        """Evaluate tasks in any order, and what `finished` returns as well, until none is left.

        Raises
        ------
        InputError
            If the program cannot be loaded.
        EngineError
            If no worker can be started, or each ends before the program is loaded.
        """
        self._pool.evaluate(tasks, finished)

    def probe(self, task: Task) -> Outcome:
        """Evaluate once, to find what is wrong with the program itself.

        Returns
        -------
        Outcome
            What became of it; it may have failed by the point that was taken.

        Raises
        ------
        InputError
            If the program cannot be loaded, or its answer is none: no dict of figures, no figure
            that is needed, or of a command anything but one JSON object.
        EngineError
            As `evaluate` does.
        """
        found: list[Outcome] = []
        self._pool.evaluate([task], found.append)
        if self._pool.broken:
            raise InputError(f"{self._name} {self._pool.broken}")
        return found[0]

    def close(self) -> None:
        """End all workers and remove what was made for them."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _close(process: int, pool: Pool, launcher: Launcher) -> None:
    if os.getpid() != process:
        # A copy of the search that was forked has no workers.
        return
    try:
        pool.close()
    finally:
        launcher.remove()


def _memory(settings: RunnerSettings, workers: int) -> int | None:
    """Return the bytes that a worker may have; None where nothing says what it has."""
    if not watches_memory():
        return None
    if settings.memory is not None:
        return settings.memory
    available = available_memory()
    return None if available is None else int(available * settings.memory_share / workers)


def _target(target: str | Sequence[str], kind: str, folder: Path) -> str | tuple[str, ...]:
    """Return a target that can be tried."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {one_line(folder)}")
    if kind == "program":
        if not isinstance(target, str) or not all(split_target(target)):
            raise InputError(
                f"program = {brief(target)} must be module:function or FILE.py:function"
            )
        return target
    words = tuple(target) if not isinstance(target, str) else (target,)
    if not words or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise InputError(f"command = {brief(target)} must be a list of words, the program first")
    first = words[0]
    found = str(folder / first) if "/" in first else shutil.which(first)
    if found is None or not Path(found).exists():
        where = f"there is no {one_line(found)}" if found else "it is in no folder of PATH"
        raise InputError(
            f"command = {brief(first)} does not exist: {where}; a program in the plan's folder is"
            " written ./NAME"
        )
    return (found, *words[1:])
