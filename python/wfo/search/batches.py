"""The points of a batch: what a method proposes, without what is forbidden or was evaluated."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wfo.search.values import History, Method
from wfo.yaml_text import read_yaml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: What a point has as its tag that no method proposed: one to start with, or one that fills up.
UNTAGGED = -1

#: What random numbers are for, so that no two purposes ever share a stream.
_PROPOSING, _FILLING, _PROGRAM = range(3)

#: Points that are looked at together while a space is gone through.
_STRETCH = 1 << 14

#: Program seeds are below it, which every generator takes.
_MOST_SEED = 2**32


def proposing_rng(seed: int, batch: int, attempt: int) -> np.random.Generator:
    """Return the random numbers of a method, for a batch and how often it was asked already."""
    return _rng(seed, _PROPOSING, batch, attempt)


def program_seed(seed: int, trial: int) -> int:
    """Return the seed that a program gets in a trial."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_PROGRAM, trial))
    return int(sequence.generate_state(1, np.uint32)[0]) % _MOST_SEED


def _rng(seed: int, *purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=purpose)))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a search looks for points that are allowed and new.

    Attributes
    ----------
    attempts
        How often a method is asked in a row without one new point.
    draws
        Random points that are drawn for each one that is still missing, where the method has none.
    enumerated
        Combinations of a space that is gone through whole instead, at most.
    """

    attempts: int
    draws: int
    enumerated: int

    @classmethod
    def shipped(cls) -> Patience:
        """Return that of ``defaults/driver.yaml``."""
        path = Path(__file__).with_name("defaults") / "driver.yaml"
        found = read_yaml(path, str(path), missing=f"there is no {path}; install wfo again")
        return cls(**found["patience"])

    def to_dict(self) -> dict[str, int]:
        """Return it as plain values, for the record of a study."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the points that a method proposed for a batch.

    Attributes
    ----------
    proposed
        All of them.
    rejected
        Those that a parameter constraint forbids.
    repaired
        Those that a repair has changed.
    repeated
        Those that are in the study, or in the batch, already.
    filled
        Random points that took the place of what the method did not find.
    attempts
        How often the method was asked.
    """

    proposed: int = 0
    rejected: int = 0
    repaired: int = 0
    repeated: int = 0
    filled: int = 0
    attempts: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return them as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The points of a batch.

    Attributes
    ----------
    number
        From 0 on.
    rows
        The points, float64[m, d]; m is 0 where the space is exhausted.
    tags
        As `Proposal` has them, int64[m].
    state
        What the method gets back for the next batch.
    counts
        What was proposed.
    note
        What a user should know of it.
    exhausted
        Whether no further point is left, or was found.
    """

    number: int
    rows: FloatArray
    tags: IndexArray
    state: Mapping[str, Any]
    counts: Counts
    note: str = ""
    exhausted: bool = False


@dataclass(slots=True)
class _Taken:
    """Points on their way into a batch."""

    seen: Container[bytes]
    rows: list[FloatArray]
    tags: list[int]
    keys: set[bytes]

    def take(self, rows: FloatArray, tags: IndexArray, keys: list[bytes], most: int) -> int:
        """Take the points that are new, in order, `most` in all; return how many were not."""
        repeated = 0
        for row, tag, key in zip(rows, tags, keys, strict=True):
            if len(self.rows) >= most:
                break
            if key in self.keys or key in self.seen:
                repeated += 1
                continue
            self.keys.add(key)
            self.rows.append(row)
            self.tags.append(int(tag))
        return repeated


def propose_batch(
    space: SearchSpace,
    method: Method,
    history: History,
    *,
    number: int,
    size: int,
    seed: int,
    state: Mapping[str, Any],
    seen: Container[bytes],
    patience: Patience,
    lead: FloatArray | None = None,
) -> Batch:
    """Return the points of a batch; it follows from the arguments alone.

    What a method proposes is repaired where a repair is written, rejected where a parameter
    constraint forbids it, and left out where it was evaluated. What is missing then is asked for
    again, and at last drawn at random.

    Parameters
    ----------
    space, method, history
        As methods see them.
    number, size
        Which batch, and how many points are wanted.
    seed
        That of the study.
    state
        What the method returned for the batch before.
    seen
        Keys of all points of the study.
    patience
        How long to look for points.
    lead
        Points that come first, as those that a search starts with; float64[m, d].
    """
    taken = _Taken(seen, [], [], set())
    if lead is not None and len(lead):
        tags = np.full(len(lead), UNTAGGED, np.int64)
        taken.take(lead, tags, space.keys(lead), len(lead))
    size = max(size, len(taken.rows))
    proposed = rejected = repaired = repeated = attempts = 0
    notes: list[str] = []
    fruitless = 0
    while len(taken.rows) < size and fruitless < patience.attempts:
        missing = size - len(taken.rows)
        rng = proposing_rng(seed, number, attempts)
        found = method.propose(space, history, number, missing, rng, state)
        attempts += 1
        state = found.state
        if found.note and found.note not in notes:
            notes.append(found.note)
        if not len(found.rows):
            break
        proposed += len(found.rows)
        rows = space.repaired(space.snap(found.rows))
        repaired += int(np.count_nonzero((rows != space.snap(found.rows)).any(axis=1)))
        allowed = np.asarray(space.allowed(rows), bool)
        rejected += int(np.count_nonzero(~allowed))
        rows, tags = rows[allowed], np.asarray(found.tags, np.int64)[allowed]
        before = len(taken.rows)
        repeated += taken.take(rows, tags, space.keys(rows), size)
        fruitless = 0 if len(taken.rows) > before else fruitless + 1
    filled = 0
    exhausted = False
    if len(taken.rows) < size:
        before = len(taken.rows)
        exhausted = not _fill(space, taken, size, _rng(seed, _FILLING, number), patience)
        filled = len(taken.rows) - before
    dimensions = len(space.dimensions)
    return Batch(
        number,
        np.array(taken.rows, np.float64).reshape(-1, dimensions),
        np.array(taken.tags, np.int64),
        state,
        Counts(proposed, rejected, repaired, repeated, filled, attempts),
        "; ".join(notes),
        exhausted,
    )


def _fill(
    space: SearchSpace, taken: _Taken, size: int, rng: np.random.Generator, patience: Patience
) -> bool:
    """Fill a batch up with random points that are allowed and new; return whether it is full."""
    total, width = space.size, len(space.dimensions)
    if total is None or total > patience.enumerated:
        for _ in range(patience.draws):
            missing = size - len(taken.rows)
            if not missing:
                break
            rows = space.repaired(space.sample(rng.random((missing, width))))
            rows = rows[np.asarray(space.allowed(rows), bool)]
            taken.take(rows, np.full(len(rows), UNTAGGED, np.int64), space.keys(rows), size)
        return len(taken.rows) == size
    left = np.concatenate([np.zeros((0, width)), *_unseen(space, taken, total)])
    chosen = left[rng.permutation(len(left))[: size - len(taken.rows)]]
    taken.take(chosen, np.full(len(chosen), UNTAGGED, np.int64), space.keys(chosen), size)
    return len(taken.rows) == size


def _unseen(space: SearchSpace, taken: _Taken, total: int) -> Iterator[FloatArray]:
    """Yield the points of a space that are allowed and new, in grid order."""
    for start in range(0, total, _STRETCH):
        rows = space.grid_rows(start, min(start + _STRETCH, total))
        rows = rows[np.asarray(space.allowed(rows), bool)]
        keys = space.keys(rows)
        new = [k not in taken.keys and k not in taken.seen for k in keys]
        yield rows[np.array(new, bool)]


def trial_points(space: SearchSpace, rows: FloatArray) -> dict[bytes, int]:
    """Return the number of the trial at each point that a study has, by its key."""
    return {key: trial for trial, key in enumerate(space.keys(rows) if len(rows) else [])}
