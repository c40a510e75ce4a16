"""What of a sweep can still become a candidate, where all of it would not fit the disk.

Of every combination the tally is kept: who passes which gate, how often, in which cell of the map,
and the distribution of valid profits that ranks are read from. Figures are kept only of those whose
*provisional* stability reaches a cut. Ranks are known when the sweep is over, so before it begins a
random sample of the grid is swept; its ranks stand in for the final ones, and about `KEPT`
combinations lie above the cut. Nothing else depends on the sample: candidates are chosen by final
ranks, and `lost_below` says, from the largest difference between the two kinds of rank, up to which
stability one may have been let go. Where that lies below the last candidate, none was.

``survivors.npy`` holds the records in flat index order, one structured row each; ``state`` what is
counted. The state is written whole from time to time, after the records that it counts are synced;
going on means reading both, checking them, and sweeping what lies behind.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wfo.backtest.figures import CELL_BYTES, STANDARD
from wfo.errors import InputError, ResultsError
from wfo.files import PART, naming_the_file, sync_folder, whole_file
from wfo.grid import Grid
from wfo.selection.scoring import FALLBACK_PHASES, Gates
from wfo.sweeps.store import Block, Span, SweepStore, Tick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core

#: Combinations whose figures are kept, about; ten times as many as there are candidates at most.
KEPT = 20_000_000

#: Combinations of the sample.
SAMPLE = 1 << 18

#: Seconds of work that a kill may cost, and how many times longer than writing a state takes they
#: are at least.
_STATE_SECONDS, _STATE_SHARE = 30.0, 50

#: Sampled combinations that must be stable before nobody asks for those valid in fewer phases.
_FEW = 100

#: Records of a checksum.
_ROWS = 1 << 16

#: Bytes before the records, whatever their number.
_HEADER = 2048

_MAGIC = b"wfo-survivors 1\n"

#: Names of the figures of a phase in a record.
RECORD_NAMES = tuple(f.heading for f in STANDARD)


@dataclass(slots=True)
class _State:
    """What is written beside the records."""

    #: Combinations that are counted, from the first one on.
    reached: int = 0
    rows: int = 0
    #: CRC-32 of each `_ROWS` records; the last may be of fewer.
    sums: list[int] = field(default_factory=list)
    #: Valid phases and provisional stability that a record reaches, in any one of the classes.
    classes: list[tuple[int, float]] = field(default_factory=list)
    tally: bytes = b""
    #: The tally of the sample, empty where no cut was needed.
    sample: bytes = b""


class SurvivorStore(SweepStore):
    """The tally of all combinations, and the figures of those that may become candidates.

    Parameters
    ----------
    min_phases
        Valid phases that a stable combination needs.
    sample
        Sweeps the combinations at some flat indices, int64[m].
    kept
        Combinations whose figures are kept, about.
    """

    kind = "survivors"
    again = "'wfo run' sweeps again"

    def __init__(
        self,
        folder: Path,
        grid: Grid,
        phases: int,
        gates: Gates,
        key: str,
        threads: int,
        *,
        min_phases: int,
        sample: Callable[[NDArray[np.int64]], Block] | None = None,
        kept: int | None = None,
    ) -> None:
        super().__init__(folder, grid, phases, gates, key, threads)
        self.min_phases = min_phases
        self._sample = sample
        self._kept = KEPT if kept is None else kept
        self._state = _State()
        self._file: IO[bytes] | None = None
        self._estimate: _core.Estimate | None = None

    @property
    def path(self) -> Path:
        """The records."""
        return self.folder / "survivors.npy"

    @property
    def _part(self) -> Path:
        return self.path.with_name(self.path.name + PART)

    @property
    def _state_path(self) -> Path:
        return self.folder / "state"

    @classmethod
    def bytes_needed(cls, combinations: int, phases: int, kept: int = KEPT) -> int:
        """Return the bytes that such a sweep takes on disk, about and at most.

        The cut comes from a sample, so that a few more than `kept` may pass. A distribution is a
        fraction of what it may be; two states exist while one replaces the other.
        """
        records = min(combinations, kept + kept // 20) * (8 + CELL_BYTES * phases)
        return records + 2 * min(combinations * 8, 50_000_000) * phases

    def present(self) -> int:
        """Return the bytes that are on disk already."""
        total = 0
        for path in (self.path, self._part, self._state_path):
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total

    # Going on

    def check(self, tick: Tick) -> None:
        """Count what an earlier sweep has stored and is intact.

        The tally is of all combinations before: without it, or with other records, none is known.
        """
        with contextlib.suppress(ResultsError):
            state = self._read_state()
            self._check_records(state)
            self._take(state)
            tick(state.reached)

    @property
    def is_complete(self) -> bool:
        """Whether `check` has found all of it, under its final names."""
        return self._state.reached == len(self.grid) and self._is_whole(self._state)

    def is_mine(self) -> bool:
        """Whether something is stored, and under this key."""
        try:
            self._read_state()
        except ResultsError:
            return False
        return True

    def open(self) -> list[Span]:
        """Return the span that is not stored, and make ready to write it."""
        if not self._state.classes:
            self._take(self._begin())
        reached, total = self._state.reached, len(self.grid)
        if not self.is_complete:
            self._reopen()
        return [(reached, total)] if reached < total else []

    def verify(self, tick: Tick) -> None:
        """Take what is counted.

        Raises
        ------
        ResultsError
            If a file is missing, or any byte is another one than was written.
        """
        state = self._read_state()
        if state.reached != len(self.grid):
            raise ResultsError(f"the sweep in {self.folder} did not finish; run again")
        self._check_records(state)
        if not self._is_whole(state):
            raise ResultsError(f"{self.path} is damaged: its header or size changed; {self.again}")
        self._take(state)
        tick(state.reached)

    def _begin(self) -> _State:
        """Decide what will be kept."""
        state = _State(classes=[(min(self.min_phases, FALLBACK_PHASES), -math.inf)])
        total = len(self.grid)
        if total > self._kept:
            assert self._sample is not None  # noqa: S101  # only a sweep begins
            indices = sample_indices(total, SAMPLE)
            block = self._sample(indices)
            sampled = self._new_tally()
            sampled.add(None, block)
            estimate = sampled.estimate()
            state.sample = sampled.to_bytes()
            wanted = self._kept * len(indices) / total
            state.classes = [(self.min_phases, _cut(estimate, self.min_phases, block, wanted))]
            stable = sum(sampled.valid_phases[self.min_phases :])
            if stable < _FEW and self.min_phases > FALLBACK_PHASES:
                cut = _cut(estimate, FALLBACK_PHASES, block, wanted)
                state.classes.append((FALLBACK_PHASES, cut))
        state.tally = self._new_tally().to_bytes()
        return state

    def _take(self, state: _State) -> None:
        from wfo import _core

        self.tally = self._tally_of(state.tally)
        self._estimate = self._tally_of(state.sample).estimate() if state.sample else None
        self._sieve = _core.Sieve(
            self._estimate, self.gates.wfe, self.gates.dd_ratio, state.classes, self.threads
        )
        # Last: whatever could not be read is not believed in part.
        self._state = state

    def _tally_of(self, data: bytes) -> _core.Tally:
        from wfo import _core

        try:
            return _core.Tally.from_bytes(data, self.threads)
        except InputError as error:
            raise ResultsError(f"{self._state_path} is damaged: {error}") from error

    # Writing

    def _reopen(self) -> None:
        """Open the records behind the last ones that are counted."""
        with naming_the_file(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.meta.unlink(missing_ok=True)
            if self.path.exists():
                self.path.replace(self._part)
            self._part.touch()
            self._file = self._part.open("r+b")
            end = _HEADER + self._state.rows * self._row
            self._file.truncate(end)
            self._file.seek(end)
        self._worker = ThreadPoolExecutor(1, "wfo-store")
        self._due = time.monotonic() + _STATE_SECONDS

    def append(self, start: int, block: Block) -> None:
        """Count combinations from `start` on, and write those that may become candidates."""
        self._wait()
        self._job = self._worker.submit(self._keep, start, block)

    def _keep(self, start: int, block: Block) -> None:
        assert self._file is not None  # noqa: S101  # it is open while it is written
        assert start == self._state.reached  # noqa: S101  # a span comes in order
        records = self._sieve.sift(start, block)
        self.tally.add(start, block)
        with naming_the_file(self.path):
            self._file.write(records.data)
        state, at = self._state, 0
        while at < len(records):
            room = (_ROWS - state.rows % _ROWS) * self._row
            piece = records[at : at + room]
            if state.rows % _ROWS == 0:
                state.sums.append(0)
            state.sums[-1] = zlib.crc32(piece.data, state.sums[-1])
            state.rows += len(piece) // self._row
            at += len(piece)
        state.reached += len(block[0].is_pnl)
        begun = time.monotonic()
        if begun > self._due:
            self._write_state()
            # A slow disk is not kept busy with states.
            ended = time.monotonic()
            self._due = ended + max(_STATE_SECONDS, _STATE_SHARE * (ended - begun))

    def _write_state(self) -> None:
        """Write down how far the sweep is; the records that it counts are synced before."""
        assert self._file is not None  # noqa: S101  # it is open while it is written
        with naming_the_file(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        state = self._state
        state.tally = self.tally.to_bytes()
        head = self._identity() | {
            "reached": state.reached,
            "rows": state.rows,
            "sums": state.sums,
            "classes": [[n, None if math.isinf(cut) else cut] for n, cut in state.classes],
            "tally": len(state.tally),
            "sample": len(state.sample),
        }
        data = _MAGIC + json.dumps(head).encode() + b"\n" + state.tally + state.sample
        with whole_file(self._state_path) as part:
            part.write_bytes(data + zlib.crc32(data).to_bytes(4, "little"))

    def finish(self) -> None:
        """Give the records their name, and write the last state.

        Raises
        ------
        ResultsError
            If combinations are missing, or a file cannot be written.
        """
        if self._file is None:
            return
        self._wait()
        if self._state.reached != len(self.grid):
            raise ResultsError(f"{self.folder}: only {self._state.reached:,} are swept")
        with naming_the_file(self.path):
            self._file.seek(0)
            self._file.write(self._header(self._state.rows))
        self._write_state()
        self.close()
        with naming_the_file(self.path):
            self._part.replace(self.path)
            sync_folder(self.folder)

    def close(self) -> None:
        """Let go of the files; what was written stays for the next time."""
        if self._file is not None:
            # The error, if it is not the one on its way, is met again by whoever goes on.
            with contextlib.suppress(Exception):
                self._wait()
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            self._worker.shutdown()

    # Reading

    @property
    def _row(self) -> int:
        """Bytes of a record."""
        return 8 + CELL_BYTES * self.phases

    def _header(self, rows: int) -> bytes:
        """Return the header of an ``.npy`` file, padded so that its length never changes."""
        fields = [("index", "<u8")]
        for k in range(1, self.phases + 1):
            fields += [(f"P{k}_{each.heading}", each.stored) for each in STANDARD]
        text = repr({"descr": fields, "fortran_order": False, "shape": (rows,)})
        room = _HEADER - 10
        return (
            b"\x93NUMPY\x01\x00"
            + room.to_bytes(2, "little")
            + (text.encode().ljust(room - 1) + b"\n")
        )

    def _identity(self) -> dict[str, Any]:
        """Return what a state must be of."""
        return {
            "key": self.key,
            "combinations": len(self.grid),
            "phases": self.phases,
            "wfe": self.gates.wfe,
            "dd_ratio": self.gates.dd_ratio,
            "kept": self._kept,
        }

    def _read_state(self) -> _State:
        path = self._state_path
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise ResultsError(f"there is no {path}; run again") from None
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error}") from error
        body = data[:-4]
        if not body.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4, "little") != data[-4:]:
            raise ResultsError(f"{path} is damaged: it is not as it was written; {self.again}")
        end = body.index(b"\n", len(_MAGIC))
        head = json.loads(body[len(_MAGIC) : end])
        expected = self._identity()
        other = [name for name, value in expected.items() if head.get(name) != value]
        if other:
            raise ResultsError(f"{path} is of another sweep: its {', '.join(other)} differ")
        middle = end + 1 + head["tally"]
        return _State(
            head["reached"],
            head["rows"],
            head["sums"],
            [(n, -math.inf if cut is None else cut) for n, cut in head["classes"]],
            body[end + 1 : middle],
            body[middle:],
        )

    def _is_whole(self, state: _State) -> bool:
        """Whether the records have their name, their header and their size."""
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                head = file.read(_HEADER)
        except OSError:
            return False
        whole = size == _HEADER + state.rows * self._row
        return whole and head == self._header(state.rows) and not self._part.exists()

    def _check_records(self, state: _State) -> None:
        for number, (at, piece) in enumerate(self._records(state)):
            if zlib.crc32(piece.data) != state.sums[number]:
                last = at + len(piece) // self._row - 1
                raise ResultsError(
                    f"{self.path} is damaged: records {at:,} to {last:,} are not as they were"
                    f" written; {self.again}"
                )

    def _records(self, state: _State) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the records in pieces, with the position of the first."""
        import numpy as np

        path = self.path if self.path.exists() else self._part
        try:
            with path.open("rb") as file:
                file.seek(_HEADER)
                for at in range(0, state.rows, _ROWS):
                    count = min(_ROWS, state.rows - at) * self._row
                    yield at, np.fromfile(file, np.uint8, count)
        except FileNotFoundError:
            if state.rows:
                raise ResultsError(f"there is no {self.path}; run again") from None
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error}") from error

    def select(self, selection: _core.Selection, tick: Tick) -> None:
        """Let `selection` see every combination whose figures are kept."""
        for _, records in self._records(self._state):
            selection.add_records(records)
        tick(len(self.grid))

    def lost_below(self, ranking: _core.Ranking, least: int) -> float:
        """Return the stability up to which a stable combination may be missing in `select`.

        A provisional rank is at most ``d`` away from the final one, hence so is their mean, and
        their deviation is at most ``d`` smaller. What was let go had a provisional stability below
        the cut, therefore it has a final one of at most ``cut * (1 + d / 20) + factor * d``, where
        the factor is that of all phases.
        """
        cut = min(cut for n, cut in self._state.classes if n <= least)
        if self._estimate is None or math.isinf(cut):
            return -math.inf
        distance = max(self._estimate.deviation(ranking))
        return cut * (1 + distance / 20) + (1 + 0.1 * (self.phases - 1)) * distance

    def refuses(self, gates: Gates, least: int) -> str | None:
        """Return the option that needs a new sweep, and why; None if there is none."""
        for name in ("wfe", "dd_ratio"):
            stored, asked = getattr(self.gates, name), getattr(gates, name)
            if stored != asked:
                option = "--" + name.replace("_", "-")
                return (
                    f"{option} {asked:g}: who is valid was counted with {stored:g} while sweeping,"
                    " and ranks are among those"
                )
        stored = min(n for n, _ in self._state.classes)
        if least < stored:
            return (
                f"--min-phases {least}: figures are kept only of combinations that are valid in"
                f" {stored} phases or more"
            )
        return None


def sample_indices(total: int, count: int) -> NDArray[np.int64]:
    """Return a random sample of flat indices, one from each of `count` equal stretches.

    The numbers are those of SplitMix64 (Steele, Lea and Flood 2014), so that a library's next
    version does not change what a run keeps.
    """
    import numpy as np

    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    within = (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    found: NDArray[np.int64] = ((np.arange(count) + within) * (total / count)).astype(np.int64)
    return np.minimum(found, total - 1)


def _cut(estimate: _core.Estimate, least: int, block: Block, wanted: float) -> float:
    """Return the provisional stability that about `wanted` sampled combinations reach."""
    import numpy as np

    found = estimate.stabilities(least, block)
    found = found[~np.isnan(found)]
    if len(found) <= wanted:
        return -math.inf
    at = len(found) - max(1, math.floor(wanted))
    return float(np.partition(found, at)[at])
