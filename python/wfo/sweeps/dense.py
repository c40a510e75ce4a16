"""All figures of a sweep on disk: an ``.npy`` file a figure and phase, in flat index order.

Files are written and read as streams: mapped, their pages would count as memory. While a sweep is
under way they are called ``.npy.part``, and the journal beside them lists the blocks that are
complete; they take their names, synced, when all are. A sweep that goes on reads the listed blocks:
those that have their checksum are kept, the rest is computed.
"""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wfo.backtest import Figures
from wfo.backtest.figures import CELL_BYTES, STANDARD
from wfo.errors import ResultsError
from wfo.files import (
    PART,
    is_own_file,
    is_there,
    make_folder,
    move,
    naming_the_file,
    open_regular,
    open_unfinished,
    read_values,
    remove_file,
    size_of,
    sync_folder,
)
from wfo.grid import Grid
from wfo.selection.gates import Gates
from wfo.sweeps.journal import Journal, Sums
from wfo.sweeps.options import StoreOptions
from wfo.sweeps.store import Block, IndexRange, Look, SweepStore, Tick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.benchmark import Benchmark

#: Bytes after which files are synced during the sweep, so that its end has few left to sync.
_SYNC_BYTES = 1 << 28


class DenseStore(SweepStore):
    """The figures of every combination."""

    kind = "dense"
    holds_all = True

    def __init__(
        self,
        folder: Path,
        grid: Grid,
        phases: int,
        gates: Gates,
        key: str,
        threads: int,
        *,
        benchmarks: Sequence[Benchmark],
        options: StoreOptions | None = None,
    ) -> None:
        super().__init__(
            folder, grid, phases, gates, key, threads, benchmarks=benchmarks, options=options
        )
        #: Checksums of the blocks that are complete.
        self._done: dict[int, Sums] = {}
        self._files: list[IO[bytes]] = []
        self._syncing: Future[None] | None = None

    @cached_property
    def _columns(self) -> list[_Column]:
        return [
            _Column(self.folder / f"phase{k}" / f"{each.name}.npy", each.stored, len(self.grid))
            for k in range(1, self.phases + 1)
            for each in STANDARD
        ]

    @cached_property
    def _journal(self) -> Journal:
        head = f"wfo-journal 1 dense {self.key} {len(self.grid)} {self.phases} {self.options.block}"
        return Journal(self.folder / "journal", head)

    @classmethod
    def bytes_needed(cls, combinations: int, phases: int) -> int:
        """Return the bytes that such a sweep takes on disk."""
        return combinations * phases * CELL_BYTES

    def present(self) -> int:
        """Return the bytes that are on disk already."""
        return sum(c.size() for c in self._columns)

    def check(self, tick: Tick) -> None:
        """Count what an earlier sweep has stored and is intact."""
        journal = self._listed()
        for start, block, sums in self._read(sorted(journal), sums=True):
            number = start // self.options.block
            if sums == journal[number]:
                self._done[number] = sums
                self._count(start, block)
            tick(len(block[0].is_pnl))

    @property
    def is_complete(self) -> bool:
        """Whether `check` has found all of it, under its final names."""
        whole = not self._missing() and all(c.is_whole for c in self._columns)
        return whole and self._journal.is_exactly(self._done)

    def is_mine(self) -> bool:
        """Whether something is stored, and under this key."""
        return self._journal.is_mine()

    def _listed(self) -> dict[int, Sums]:
        """Return what the journal says of blocks that the sweep has, a checksum a file."""
        blocks, files = self._blocks, len(self._columns)
        listed = self._journal.read()
        return {b: sums for b, sums in listed.items() if b < blocks and len(sums) == files}

    def _missing(self) -> list[int]:
        return [b for b in range(self._blocks) if b not in self._done]

    @property
    def _blocks(self) -> int:
        """How many blocks the grid has."""
        return -(-len(self.grid) // self.options.block)

    def open(self) -> list[IndexRange]:
        """Return the ranges that are not stored, and make ready to write them."""
        if not self.is_complete:
            self._reopen()
        size = self.options.block
        return [
            (first * size, min((last + 1) * size, len(self.grid)))
            for first, last in _consecutive(self._missing())
        ]

    def verify(self, tick: Tick) -> None:
        """Count all that is stored.

        Raises
        ------
        ResultsError
            If a file is missing, or any byte is another one than was written.
        """
        for column in self._columns:
            column.check()
        journal, blocks = self._listed(), self._blocks
        if not (len(journal) == blocks and self._journal.is_exactly(journal)):
            raise ResultsError(self._journal_damaged)
        for start, block, sums in self._read(range(blocks), sums=True):
            count = len(block[0].is_pnl)
            for column, found, stated in zip(
                self._columns, sums, journal[start // self.options.block], strict=True
            ):
                if found != stated:
                    raise ResultsError(self._damaged(column, start, count))
            self._count(start, block)
            tick(count)

    def damages(self, tick: Tick) -> list[str]:
        """Return what is wrong, a text a file: of figures the first block that is damaged.

        Of a damaged journal the lines that are intact are used: figures are compared as far as
        those go.
        """
        found: dict[Path, str] = {}
        for column in self._columns:
            try:
                column.check()
            except ResultsError as error:
                found[column.path] = str(error)
        journal, blocks = self._listed(), self._blocks
        if not (len(journal) == blocks and self._journal.is_exactly(journal)):
            found[self._journal.path] = self._journal_damaged
        try:
            for start, block, sums in self._read(sorted(journal), sums=True):
                count = len(block[0].is_pnl)
                for column, got, stated in zip(
                    self._columns, sums, journal[start // self.options.block], strict=True
                ):
                    if got != stated:
                        found.setdefault(column.path, self._damaged(column, start, count))
                tick(count)
        except ResultsError as error:
            # A file that cannot be read at all, for lack of rights or on a broken disk.
            return [*found.values(), str(error)]
        return list(found.values())

    @property
    def _journal_damaged(self) -> str:
        return f"{self._journal.path} is damaged or incomplete; {self.again}"

    def _damaged(self, column: _Column, start: int, count: int) -> str:
        return (
            f"{column.path} is damaged: combinations {start:,} to {start + count - 1:,} are not as"
            f" they were written; {self.again}"
        )

    def select(
        self, selection: _core.Selection | None, tick: Tick, *, beside: Look | None = None
    ) -> None:
        """Add every combination to `selection`, and show it to `beside` too."""
        for start, block, _ in self._read(range(self._blocks), sums=False):
            if selection is not None:
                selection.add(start, block)
            if beside is not None:
                beside(start, block)
            tick(len(block[0].is_pnl))

    def effects(self, asked: int) -> _core.Effects:
        """Return sums of effects that nothing was added to."""
        return self._new_effects(asked, [self.gates])

    def read(self, start: int, stop: int) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""
        columns = [c.read(start, stop) for c in self._columns]
        width = len(STANDARD)
        return [Figures(*columns[i : i + width]) for i in range(0, len(columns), width)]

    # Writing

    def _reopen(self) -> None:
        """Give the files their unfinished names again, and open them for what is missing."""
        with naming_the_file(self.folder):
            make_folder(self.folder)
            remove_file(self.meta)
        self._journal.write(self._done)
        self._worker = ThreadPoolExecutor(1, "wfo-store")
        self._syncer = ThreadPoolExecutor(1, "wfo-sync")
        self._sums: list[int] = []
        self._at: int | None = None
        self._unsynced = 0
        self._journal.__enter__()
        for column in self._columns:
            with naming_the_file(column.path):
                self._files.append(column.reopen())

    def append(self, start: int, block: Block) -> None:
        """Count combinations from `start` on, and write them while the caller goes on."""
        self._wait()
        self._job = self._worker.submit(self._take, start, block)

    def _take(self, start: int, block: Block) -> None:
        self._count(start, block)
        count = len(block[0].is_pnl)
        columns = [column for figures in block for column in figures]
        if start != self._at:
            self._begin_block(start)
        done, size = 0, self.options.block
        while done < count:
            at = start + done
            stop = min(count, done + size - at % size)
            for i, (file, values) in enumerate(zip(self._files, columns, strict=True)):
                piece = values[done:stop].data
                with naming_the_file(self._columns[i].path):
                    file.write(piece)
                self._sums[i] = zlib.crc32(piece, self._sums[i])
            self._unsynced += (stop - done) * self.phases * CELL_BYTES
            self._at = start + stop
            if self._at % size == 0 or self._at == len(self.grid):
                self._end_block((self._at - 1) // size)
            done = stop
        if self._unsynced > _SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            if self._syncing is not None:
                # The system reports a failed write once.
                self._syncing.result()
            self._unsynced = 0
            self._syncing = self._syncer.submit(self._sync)

    def _begin_block(self, start: int) -> None:
        assert start % self.options.block == 0  # noqa: S101  # ranges begin where blocks do
        for column, file in zip(self._columns, self._files, strict=True):
            with naming_the_file(column.path):
                file.seek(column.offset(start) if start else 0)
                if start == 0:
                    file.write(column.header)
        self._sums = [zlib.crc32(c.header) if start == 0 else 0 for c in self._columns]

    def _end_block(self, number: int) -> None:
        for column, file in zip(self._columns, self._files, strict=True):
            with naming_the_file(column.path):
                file.flush()
        self._done[number] = tuple(self._sums)
        with naming_the_file(self._journal.path):
            self._journal.add(number, self._sums)
        self._sums = [0] * len(self._columns)

    def _sync(self) -> None:
        for column, file in zip(self._columns, self._files, strict=True):
            with naming_the_file(column.path):
                os.fsync(file.fileno())

    def finish(self) -> None:
        """Give the files their names.

        Raises
        ------
        ResultsError
            If combinations are missing, or a file cannot be written.
        """
        if self._files:
            self._wait()
            if len(self._done) != self._blocks:
                raise ResultsError(f"{self.folder}: only {len(self._done)} blocks are complete")
            for column, file in zip(self._columns, self._files, strict=True):
                with naming_the_file(column.path):
                    file.flush()
                    # Bytes behind the end are of no combination.
                    file.truncate(column.offset(len(self.grid)))
            if self._syncing is not None:
                self._syncing.result()
            self._sync()
            self._close()
            for column in self._columns:
                with naming_the_file(column.path):
                    move(column.part, column.path)
            for folder in {c.path.parent for c in self._columns}:
                with naming_the_file(folder):
                    sync_folder(folder)
            self._journal.write(self._done)

    def close(self) -> None:
        """Close the files; what was written stays for the next sweep."""
        for job in (self._job, self._syncing):
            if job is not None:
                # Another error than the one that is raised occurs again when the sweep goes on.
                with contextlib.suppress(Exception):
                    job.result()
        self._close()

    def _close(self) -> None:
        if self._files:
            for file in self._files:
                # Closing flushes, which on a full disk fails once more.
                with contextlib.suppress(OSError):
                    file.close()
            self._files = []
            self._journal.__exit__(None, None, None)
            self._worker.shutdown()
            self._syncer.shutdown()

    # Reading

    def _read(self, numbers: Sequence[int], *, sums: bool) -> Iterator[tuple[int, Block, Sums]]:
        """Yield blocks with their checksums; a thread reads the next one meanwhile."""
        with ThreadPoolExecutor(1, "wfo-read") as pool:
            ahead: list[Future[tuple[int, Block, Sums]]] = []
            for number in numbers:
                ahead.append(pool.submit(self._read_block, number, sums))
                if len(ahead) > 1:
                    yield ahead.pop(0).result()
            for job in ahead:
                yield job.result()

    def _read_block(self, number: int, sums: bool) -> tuple[int, Block, Sums]:
        start = number * self.options.block
        stop = min(start + self.options.block, len(self.grid))
        block = self.read(start, stop)
        columns = [column for figures in block for column in figures]
        found: Sums = ()
        if sums:
            heads = [zlib.crc32(c.head()) if start == 0 else 0 for c in self._columns]
            found = tuple(zlib.crc32(v.data, h) for v, h in zip(columns, heads, strict=True))
        return start, block, found


def _consecutive(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each series of consecutive numbers."""
    first = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last


def npy_header(dtype: str, count: int) -> bytes:
    """Return what an ``.npy`` file of so many values has before them."""
    import numpy as np

    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": dtype, "fortran_order": False, "shape": (count,)}
    )
    return head.getvalue()


@dataclass(frozen=True)
class _Column:
    """One file of figures."""

    path: Path
    dtype: str
    combinations: int

    @property
    def part(self) -> Path:
        """Its name while it is unfinished."""
        return self.path.with_name(self.path.name + PART)

    @cached_property
    def header(self) -> bytes:
        """The bytes before the values."""
        return npy_header(self.dtype, self.combinations)

    @cached_property
    def item(self) -> int:
        """Bytes of a value."""
        return int(self.dtype[-1])

    def offset(self, index: int) -> int:
        """Return the position of a combination in the file."""
        return len(self.header) + index * self.item

    @property
    def is_whole(self) -> bool:
        """Whether it has its name, and its size."""
        return not is_there(self.part) and self.size() == self.offset(self.combinations)

    def size(self) -> int:
        """Return its bytes on disk."""
        return size_of(self.path) or size_of(self.part)

    def check(self) -> None:
        """Raise unless the file exists in its size.

        Raises
        ------
        ResultsError
            If it is not.
        """
        if not is_own_file(self.path):
            raise ResultsError(f"there is no {self.path}; run again")
        size, expected = size_of(self.path), self.offset(self.combinations)
        if size != expected:
            raise ResultsError(
                f"{self.path} has {size:,} bytes, its run states {expected:,}; run again"
            )

    def head(self) -> bytes:
        """Return the bytes of the file where the header belongs."""
        for path in (self.path, self.part):
            with contextlib.suppress(OSError), open_regular(path, links=False) as file:
                return file.read(len(self.header))
        return b""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return the values of combinations ``start..stop``, as far as the file has them.

        Raises
        ------
        ResultsError
            If the file cannot be read.
        """
        import numpy as np

        found: NDArray[np.generic] = np.empty(0, self.dtype)
        for path in (self.path, self.part):
            try:
                found = read_values(path, self.dtype, stop - start, self.offset(start))
                break
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ResultsError(f"{path} cannot be read: {error}") from error
        if len(found) < stop - start:
            # Its checksum fails. Padding to the right length keeps the other columns readable.
            found = np.pad(found, (0, stop - start - len(found)))
        return found

    def reopen(self) -> IO[bytes]:
        """Open the file under its unfinished name, to be written anywhere."""
        return open_unfinished(self.path, self.part)
