"""The part of a sweep that can still become a candidate, where all of it would not fit the disk.

Over all combinations grid statistics are kept, one item a set of gates: how many combinations pass
each gate, in how many phases they are valid, in which cell of the map, and the distribution of
valid profits that ranks are read from; beside them a sketch of how many different outcomes the
valid ones are. Figures are kept only of combinations whose *provisional* stability reaches the
threshold of any of the sets. Final ranks are known when the sweep is over, so before it begins a
random sample of the grid is swept; its ranks replace the final ones, and the survivor filter
passes about `StoreOptions.kept` combinations, as many by each set. Nothing else depends on the
sample: candidates are chosen by final ranks, and `lost_below` bounds, by the largest difference
between the two kinds of rank, the stability of a combination whose figures are not kept. Where the
bound lies below the last candidate, none is missing.

``survivors.npy`` holds the records in flat index order, one structured row each; ``state`` holds
what is counted. The state is written whole at intervals, after the records that it counts are
synced. A sweep that goes on reads both, checks them, and computes the combinations behind.
"""

from __future__ import annotations

import contextlib
import json
import math
import operator
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wfo.backtest.figures import CELL_BYTES, STANDARD
from wfo.errors import InputError, ResultsError
from wfo.files import (
    PART,
    is_own_file,
    is_there,
    make_folder,
    move,
    naming_the_file,
    open_regular,
    open_unfinished,
    parse_json,
    read_bytes,
    remove_file,
    size_of,
    sync_folder,
    write_bytes,
)
from wfo.files.limits import JSON_BYTES, TABLE_BYTES
from wfo.grid import Grid
from wfo.sampling import sample_indices
from wfo.selection.gates import Gates
from wfo.selection.scoring import FALLBACK_PHASES
from wfo.sweeps.options import KEPT, StoreOptions
from wfo.sweeps.store import Block, IndexRange, Look, SweepStore, Tick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.benchmark import Benchmark

    FloatArray = NDArray[np.float64]

#: Bytes before the records, whatever their number.
_HEADER = 2048

_MAGIC = b"wfo-survivors 2\n"

#: The beginning of a state of an earlier version, which has one set of gates.
_EARLIER = b"wfo-survivors 1\n"

#: Names of the figures of a phase in a record.
RECORD_NAMES = tuple(f.heading for f in STANDARD)


@dataclass(slots=True)
class _State:
    """Counts that are written beside the records."""

    #: Combinations that are counted, from the first one on.
    reached: int = 0
    rows: int = 0
    #: CRC-32 of each `StoreOptions.checksum_rows` records; the last may be of fewer.
    sums: list[int] = field(default_factory=list)
    #: The sets of gates that are counted; the rest of the lists has an item a set.
    sets: tuple[Gates, ...] = ()
    #: Valid phases and provisional stability that a record reaches in one of the classes at least.
    classes: list[list[tuple[int, float]]] = field(default_factory=list)
    statistics: list[bytes] = field(default_factory=list)
    #: Statistics of the sample, empty where no threshold was needed.
    samples: list[bytes] = field(default_factory=list)
    #: Sums of effects over the combinations that are counted.
    effects: bytes = b""
    #: Outcomes, an item a set.
    sketches: list[bytes] = field(default_factory=list)
    #: The optimization profile; empty where an earlier version began the sweep without one.
    profile: bytes = b""


class SurvivorStore(SweepStore):
    """Grid statistics, and the figures of combinations that may become candidates.

    Parameters
    ----------
    min_phases
        Valid phases that a stable combination needs.
    sample
        Sweeps the combinations at some flat indices, int64[m].
    options
        Sizes and intervals.
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
        benchmarks: Sequence[Benchmark],
        min_phases: int,
        sample: Callable[[NDArray[np.int64]], Block] | None = None,
        options: StoreOptions | None = None,
    ) -> None:
        super().__init__(
            folder, grid, phases, gates, key, threads, benchmarks=benchmarks, options=options
        )
        self.min_phases = min_phases
        self._sample = sample
        self._state = _State()
        self._file: IO[bytes] | None = None
        self._provisional: list[_core.ProvisionalRanks | None] = []
        self._effects = self._new_effects(min_phases, self.sets)
        self._sketches = self._new_sketches()
        self._sampled: tuple[NDArray[np.int64], Block] | None = None

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
    def bytes_needed(cls, combinations: int, phases: int, kept: int = KEPT, sets: int = 2) -> int:
        """Return the bytes that such a sweep takes on disk, about and at most.

        Thresholds come from a sample, so that a few more than `kept` may pass. A distribution, of
        which every set of gates has its own, is a fraction of what it may be, and leaves room for
        a sketch of outcomes and the profile, a megabyte a phase each at most; two states exist
        while one replaces the other.
        """
        records = min(combinations, kept + kept // 20) * (8 + CELL_BYTES * phases)
        return records + 2 * sets * min(combinations * 8, 50_000_000) * phases

    def present(self) -> int:
        """Return the bytes that are on disk already."""
        return sum(map(size_of, (self.path, self._part, self._state_path)))

    # Going on

    def check(self, tick: Tick) -> None:
        """Count what an earlier sweep has stored and is intact.

        The statistics are of all combinations before: without them, or with other records, none
        of those counts.
        """
        with contextlib.suppress(ResultsError):
            state = self._read_own_state()
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
            self._read_own_state()
        except ResultsError:
            return False
        return True

    def open(self) -> list[IndexRange]:
        """Return the range that is not stored, and make ready to write it."""
        if not self._state.classes:
            self._take(self._begin())
        reached, total = self._state.reached, len(self.grid)
        if not self.is_complete:
            self._reopen()
        return [(reached, total)] if reached < total else []

    def verify(self, tick: Tick) -> None:
        """Read what is counted.

        Raises
        ------
        ResultsError
            If a file is missing, or any byte is another one than was written.
        """
        state = self._read_state()
        self._check_end(state)
        self._check_records(state)
        self._check_whole(state)
        self._take(state)
        tick(state.reached)

    def damages(self, tick: Tick) -> list[str]:
        """Return what is wrong, a text a file; records are compared with the state."""
        try:
            state = self._read_state()
        except ResultsError as error:
            missing = [] if is_own_file(self.path) else [f"there is no {self.path}; run again"]
            return [str(error), *missing]
        found = []
        # One text for the records: about the first damaged piece, or else about the whole file.
        for checks in ((self._check_end, self._take), (self._check_records, self._check_whole)):
            try:
                for check in checks:
                    check(state)
            except ResultsError as error:
                found.append(str(error))
        tick(state.reached)
        return found

    def _check_end(self, state: _State) -> None:
        if state.reached != len(self.grid):
            raise ResultsError(f"the sweep in {self.folder} did not finish; run again")

    def _check_whole(self, state: _State) -> None:
        if not self._is_whole(state):
            raise ResultsError(f"{self.path} is damaged: its header or size changed; {self.again}")

    def _begin(self) -> _State:
        """Return the state of a new sweep, with the thresholds of the survivor filter."""
        from wfo import _core

        everything = [(self._lowest, -math.inf)]
        state = _State(
            sets=tuple(g.rules for g in self.sets),
            classes=[everything for _ in self.sets],
            samples=[b"" for _ in self.sets],
        )
        total = len(self.grid)
        if total > self.options.kept:
            assert self._sample is not None  # noqa: S101  # only a sweep begins
            indices = sample_indices(total, self.options.sample)
            block = self._sample(indices)
            self._sampled = indices, block
            sampled = self._new_statistics()
            _core.GridStatistics.add_to_all(sampled, None, block)
            state.samples = [each.to_bytes() for each in sampled]
            wanted = self.options.kept * len(indices) / total
            state.classes = _classes(
                [self._stabilities(each, block) for each in sampled], math.floor(wanted)
            )
        state.statistics = [each.to_bytes() for each in self._new_statistics()]
        state.effects = self._new_effects(self.min_phases, self.sets).to_bytes()
        state.sketches = [sketch.to_bytes() for sketch in self._new_sketches()]
        state.profile = self._new_profile().to_bytes()
        return state

    @property
    def _lowest(self) -> int:
        """The fewest valid phases that a stable combination may be relaxed to."""
        return min(self.min_phases, FALLBACK_PHASES)

    def _new_sketches(self) -> list[_core.Sketch]:
        from wfo import _core

        gates = (g.core(self.benchmarks) for g in self.sets)
        return [_core.Sketch(self.phases, g, self._lowest, self.threads) for g in gates]

    def _stabilities(self, sampled: _core.GridStatistics, block: Block) -> dict[int, FloatArray]:
        """Return provisional stability in the sample, by each number of valid phases.

        Where few of the sample are stable, combinations that are valid in a phase less may be
        stable instead, and so on.
        """
        import numpy as np

        provisional, valid_phases = sampled.provisional_ranks(), sampled.valid_phases
        found = {}
        for least in range(self.min_phases, self._lowest - 1, -1):
            # Combinations that are valid less often reach no threshold.
            found[least] = np.nan_to_num(provisional.stabilities(least, block), nan=-math.inf)
            if sum(valid_phases[least:]) >= self.options.enough_stable:
                break
        return found

    def _take(self, state: _State) -> None:
        from wfo import _core

        self.sets = tuple(replace(g, min_phases=self.gates.min_phases) for g in state.sets)
        cores = [g.core(self.benchmarks) for g in self.sets]
        statistics = [self._statistics_of(data) for data in state.statistics]
        if [each.gates for each in statistics] != cores:
            raise ResultsError(
                f"{self._state_path} was counted by other gates, or beside another buy-and-hold;"
                f" {self.again}"
            )
        try:
            effects = _core.Effects.from_bytes(state.effects, cores, self.threads)
            sketches = [
                _core.Sketch.from_bytes(data, self.phases, core, self.threads)
                for data, core in zip(state.sketches, cores, strict=True)
            ]
            profile = None
            if state.profile:
                profile = _core.Profile.from_bytes(state.profile, self.threads)
        except InputError as error:
            raise ResultsError(f"{self._state_path} is damaged: {error}; {self.again}") from error
        if profile is not None:
            counted = len(profile), len(profile.phases()), profile.capital
            if counted != (state.reached, self.phases, self.benchmarks[0].capital):
                raise ResultsError(
                    f"{self._state_path} is damaged: its profile is of other combinations;"
                    f" {self.again}"
                )
        self.statistics, self._effects, self._sketches = statistics, effects, sketches
        self.profile = profile
        self._provisional = [
            self._statistics_of(d).provisional_ranks() if d else None for d in state.samples
        ]
        thresholds = list(zip(self._provisional, cores, state.classes, strict=True))
        self._filter = _core.SurvivorFilter(thresholds, self.threads)
        # Last, so that a state that cannot be read is not used in part.
        self._state = state

    def _statistics_of(self, data: bytes) -> _core.GridStatistics:
        from wfo import _core

        try:
            return _core.GridStatistics.from_bytes(data, self.threads)
        except InputError as error:
            raise ResultsError(f"{self._state_path} is damaged: {error}; {self.again}") from error

    # Writing

    def _reopen(self) -> None:
        """Open the records behind the last ones that are counted."""
        with naming_the_file(self.path):
            make_folder(self.folder)
            remove_file(self.meta)
            self._file = open_unfinished(self.path, self._part)
            end = _HEADER + self._state.rows * self._row
            self._file.truncate(end)
            self._file.seek(end)
        self._worker = ThreadPoolExecutor(1, "wfo-store")
        self._due = time.monotonic() + self.options.state_seconds

    def append(self, start: int, block: Block) -> None:
        """Count combinations from `start` on, and write those that may become candidates."""
        self._wait()
        self._job = self._worker.submit(self._keep, start, block)

    def _keep(self, start: int, block: Block) -> None:
        from wfo import _core

        assert self._file is not None  # noqa: S101  # it is open while it is written
        assert start == self._state.reached  # noqa: S101  # a range comes in order
        records = self._filter.apply(start, block)
        self._count(start, block)
        self._effects.add(start, block)
        _core.Sketch.add_to_all(self._sketches, block)
        with naming_the_file(self.path):
            self._file.write(records.data)
        state, at, rows = self._state, 0, self.options.checksum_rows
        while at < len(records):
            room = (rows - state.rows % rows) * self._row
            piece = records[at : at + room]
            if state.rows % rows == 0:
                state.sums.append(0)
            state.sums[-1] = zlib.crc32(piece.data, state.sums[-1])
            state.rows += len(piece) // self._row
            at += len(piece)
        state.reached += len(block[0].is_pnl)
        begun = time.monotonic()
        if begun >= self._due:
            self._write_state()
            # On a slow disk states take a bounded share of the time.
            ended, options = time.monotonic(), self.options
            pause = max(options.state_seconds, options.state_share * (ended - begun))
            self._due = ended + pause

    def _write_state(self) -> None:
        """Write how far the sweep is; the records that the state counts are synced before."""
        assert self._file is not None  # noqa: S101  # it is open while it is written
        with naming_the_file(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        state = self._state
        state.statistics = [each.to_bytes() for each in self.statistics]
        state.effects = self._effects.to_bytes()
        state.sketches = [sketch.to_bytes() for sketch in self._sketches]
        state.profile = b"" if self.profile is None else self.profile.to_bytes()
        head = self._identity() | {
            "reached": state.reached,
            "rows": state.rows,
            "sums": state.sums,
            "sets": _plain(state.sets),
            "classes": [
                [[n, None if math.isinf(score) else score] for n, score in classes]
                for classes in state.classes
            ],
            "tallies": [len(data) for data in state.statistics],
            "samples": [len(data) for data in state.samples],
            "effects": len(state.effects),
            "sketches": [len(data) for data in state.sketches],
            "profile": len(state.profile),
        }
        parts = b"".join(
            [*state.statistics, *state.samples, state.effects, *state.sketches, state.profile]
        )
        data = _MAGIC + json.dumps(head).encode() + b"\n" + parts
        write_bytes(self._state_path, data + zlib.crc32(data).to_bytes(4, "little"))

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
            move(self._part, self.path)
            sync_folder(self.folder)

    def close(self) -> None:
        """Close the files; what was written stays for the next sweep."""
        if self._file is not None:
            # Another error than the one that is raised occurs again when the sweep goes on.
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
        """Return the values that a state must have to be of this sweep."""
        return {
            "key": self.key,
            "combinations": len(self.grid),
            "phases": self.phases,
            "kept": self.options.kept,
        }

    def _read_state(self) -> _State:
        path = self._state_path
        try:
            data = read_bytes(path, most=TABLE_BYTES, links=False)
        except FileNotFoundError:
            raise ResultsError(f"there is no {path}; run again") from None
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error}") from error
        body = data[:-4]
        if body.startswith(_EARLIER):
            raise ResultsError(f"{path} was written by an earlier version; run again")
        if not body.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4, "little") != data[-4:]:
            raise ResultsError(f"{path} is damaged: it is not as it was written; {self.again}")
        try:
            return self._parsed(body)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ResultsError(f"{path} is damaged: {error!r}; {self.again}") from error

    def _parsed(self, body: bytes) -> _State:
        """Return the state in these bytes; damaged ones raise errors of any kind."""
        path = self._state_path
        end = body.index(b"\n", len(_MAGIC))
        if end > JSON_BYTES:
            raise ValueError("its head is too long")
        head = parse_json(body[len(_MAGIC) : end].decode())
        expected = self._identity()
        other = [name for name, value in expected.items() if head.get(name) != value]
        if other:
            raise ResultsError(f"{path} is of another sweep: its {', '.join(other)} differ")
        parts, at = [], end + 1
        sketches = head["sketches"]
        # A state of an earlier version has no profile.
        lengths = (*head["tallies"], *head["samples"], head["effects"], *sketches)
        for length in (*lengths, head.get("profile", 0)):
            parts.append(body[at : at + length])
            at += length
        sets = tuple(Gates.from_dict(each) for each in head["sets"])
        reached, rows = (operator.index(head[name]) for name in ("reached", "rows"))
        sums = [operator.index(each) for each in head["sums"]]
        classes = [
            [(operator.index(n), -math.inf if c is None else float(c)) for n, c in each]
            for each in head["classes"]
        ]
        pieces = -(-rows // self.options.checksum_rows)
        whole = 0 <= rows <= reached <= len(self.grid) and len(sums) == pieces
        by_set = (classes, head["tallies"], head["samples"], sketches)
        of_all = all(len(each) == len(sets) for each in by_set)
        fair = all(
            each and all(0 <= n <= self.phases and not math.isnan(score) for n, score in each)
            for each in classes
        )
        if not (whole and of_all and fair and at == len(body)):
            raise ValueError("its counts contradict each other")
        return _State(
            reached,
            rows,
            sums,
            sets,
            classes,
            parts[: len(sets)],
            parts[len(sets) : 2 * len(sets)],
            parts[2 * len(sets)],
            parts[2 * len(sets) + 1 : -1],
            parts[-1],
        )

    def _read_own_state(self) -> _State:
        """Return the state, of the sets that are to be counted."""
        state = self._read_state()
        if _plain(state.sets) != _plain(g.rules for g in self.sets):
            raise ResultsError(f"{self._state_path} is of another sweep: its gates differ")
        return state

    def _is_whole(self, state: _State) -> bool:
        """Whether the records have their name, their header and their size."""
        try:
            with open_regular(self.path, links=False) as file:
                size = os.fstat(file.fileno()).st_size
                head = file.read(_HEADER)
        except OSError:
            return False
        whole = size == _HEADER + state.rows * self._row
        return whole and head == self._header(state.rows) and not is_there(self._part)

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

        path = self.path if is_there(self.path) else self._part
        rows = self.options.checksum_rows
        try:
            with open_regular(path, links=False) as file:
                file.seek(_HEADER)
                for at in range(0, state.rows, rows):
                    count = min(rows, state.rows - at) * self._row
                    yield at, np.fromfile(file, np.uint8, count)
        except FileNotFoundError:
            if state.rows:
                raise ResultsError(f"there is no {self.path}; run again") from None
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error}") from error

    def select(
        self, selection: _core.Selection | None, tick: Tick, *, beside: Look | None = None
    ) -> None:
        """Add every combination whose figures are kept to `selection`; `beside` is not called."""
        del beside
        if selection is not None:
            for _, records in self._records(self._state):
                selection.add_records(records)
        tick(len(self.grid))

    def effects(self, asked: int) -> _core.Effects:
        """Return the sums of the sweep."""
        del asked
        return self._effects

    def counted_outcomes(self, gates: Gates, least: int) -> tuple[float, float] | None:
        """Return the counts of the sweep's sketch; None for fewer phases than it counts."""
        sketch = self._sketches[self.sets.index(gates)]
        return sketch.outcomes(least) if sketch.least <= least <= self.phases else None

    @property
    def sampled(self) -> tuple[NDArray[np.int64], Block] | None:
        """The sample that the thresholds come from, where this process has swept it."""
        return self._sampled

    def lost_below(self, ranking: _core.Ranking, least: int) -> float:
        """Return the stability up to which a stable combination may be missing in `select`.

        A provisional rank is at most ``d`` away from the final one, hence so is their mean, and
        their deviation is at most ``d`` smaller. A combination that the filter has not passed had
        a provisional stability below the threshold ``t``, therefore it has a final one of at most
        ``t * (1 + d / 20) + factor * d``, where the factor is that of all phases.
        """
        at = self.sets.index(self.gates)
        provisional = self._provisional[at]
        threshold = min(score for n, score in self._state.classes[at] if n <= least)
        if provisional is None or math.isinf(threshold):
            return -math.inf
        distance = max(provisional.deviation(ranking))
        return threshold * (1 + distance / 20) + (1 + 0.1 * (self.phases - 1)) * distance

    def refuses(self, gates: Gates, least: int) -> str | None:
        """Return the option that needs a new sweep, and why; None if there is none."""
        swept = [g.rules for g in self.sets]
        if gates.rules not in swept:
            counted = " and ".join(map(_options_text, swept))
            return (
                f"{_options_text(gates)}: what is valid was counted by {counted}"
                " while sweeping, and ranks are among those"
            )
        stored = min(n for n, _ in self._state.classes[swept.index(gates.rules)])
        if least < stored:
            return (
                f"--min-phases {least}: figures are kept only of combinations that are valid in"
                f" {stored} phases or more"
            )
        return None


def _plain(sets: Iterable[Gates]) -> list[dict[str, Any]]:
    return [gates.to_dict() for gates in sets]


def _options_text(gates: Gates) -> str:
    """Return the options of a set of gates, as on a command line."""
    options = gates.rules.options or {"gates": "v4"}
    return " ".join(f"--{name} {value}" for name, value in options.items())


def _classes(
    stabilities: Sequence[Mapping[int, FloatArray]], wanted: int
) -> list[list[tuple[int, float]]]:
    """Return the thresholds of a record, for each set of gates.

    Parameters
    ----------
    stabilities
        For each set, and each of its numbers of valid phases, the provisional stability of the
        sampled combinations; minus infinity where one is not valid that often.
    wanted
        How many of them are kept, about: the best of each class of each set, as many of each.
    """
    import numpy as np

    columns = [column for found in stabilities for column in found.values()]
    # Falling, so that the n-th best is at n - 1.
    falling = [-np.sort(-column) for column in columns]

    def thresholds(each: int) -> list[float]:
        # Where no more are valid, all of them pass.
        return [float(best[each - 1]) if each <= len(best) else -math.inf for best in falling]

    def passing(each: int) -> int:
        passes = np.zeros(len(columns[0]), bool)
        for column, score in zip(columns, thresholds(each), strict=True):
            passes |= (column >= score) & (column > -math.inf)
        return int(passes.sum())

    # Some are the best of several classes: the largest number of each with not too many in all.
    each, beyond = max(1, wanted // len(columns)), max(1, wanted) + 1
    while beyond - each > 1:
        middle = (each + beyond) // 2
        if passing(middle) <= wanted:
            each = middle
        else:
            beyond = middle
    found = iter(thresholds(each))
    return [[(least, next(found)) for least in columns] for columns in stabilities]
