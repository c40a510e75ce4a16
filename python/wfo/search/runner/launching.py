"""What workers are started with: their order, their environment, and the files of bars."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.search.runner.bars import ROOM, WindowBars, WindowSpan
from wfo.search.runner.processes import WorkerProcess, worker_environment
from wfo.search.runner.worker import Order

if TYPE_CHECKING:
    import polars as pl


class Launcher:
    """Starts workers.

    Parameters
    ----------
    order
        What they are to load.
    memory
        Bytes that each may have, 0 for any.
    threads
        Threads that numerical libraries have in each.
    """

    def __init__(self, order: Order, memory: int, threads: int) -> None:
        self._order = order
        self._memory = memory
        self._environment = worker_environment(threads)
        self._place: Path | None = None
        self._files: WindowBars | None = None

    def give(
        self,
        bars: Mapping[str, pl.DataFrame | bytes],
        windows: Sequence[WindowSpan],
        form: str,
    ) -> None:
        """Give bars, which lie in a folder of their own until `remove`.

        Raises
        ------
        ResultsError
            If the folder cannot be made.
        """
        from wfo.files import naming_the_file, temporary_folder

        with naming_the_file(Path("the temporary folder"), remedy=ROOM):
            self._place = temporary_folder("wfo-search-")
        self._files = WindowBars(self._place, bars, windows, form)
        self._order = dataclasses.replace(self._order, bars=self._files.paths)

    def start(self) -> WorkerProcess:
        """Start a worker."""
        place = str(self._place or "")
        return WorkerProcess(self._order, self._memory, self._environment, place)

    def loaded(self, takes: Sequence[str]) -> None:
        """Take notice of the keywords that a program takes: write its bars if they are one."""
        if "bars" in takes and self._files is not None:
            self._files.write()

    def remove(self) -> None:
        """Remove the files of bars."""
        from wfo.files import remove_tree

        if self._place is not None:
            remove_tree(self._place)
