"""What the parts of a search pass to each other: tasks, outcomes, proposals and the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from wfo.search.space.names import Params, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

__all__ = [
    "OF_THE_MACHINE",
    "Ending",
    "Evaluates",
    "FigureValues",
    "Finished",
    "History",
    "Method",
    "Outcome",
    "Params",
    "Proposal",
    "State",
    "Task",
    "Value",
]

#: Figures by name; one that is not defined is NaN.
FigureValues = Mapping[str, float]

#: What became of an evaluation: figures, an error of the program, a time-out, a memory limit, or
#: the end of the process. The last three depend on the machine.
Ending = Literal["complete", "failed", "timeout", "memory", "crashed"]

#: What became of a trial: also ``"waiting"``, before it has ended, and ``"pruned"``.
State = Literal["waiting", "complete", "pruned", "failed", "timeout", "memory", "crashed"]

#: Endings that another machine, or a less busy one, might not have.
OF_THE_MACHINE: frozenset[str] = frozenset({"timeout", "memory", "crashed"})


@dataclass(frozen=True, slots=True)
class Task:
    """A point to evaluate in some windows.

    Attributes
    ----------
    trial
        Number of the trial, from 0 on.
    windows
        Numbers of the windows, from 0 on, ascending.
    params
        Values of all dimensions by dotted name.
    row
        The same as the space encodes it, float64[d].
    seed
        For the program's own random numbers; it follows from the study's seed and the trial.
    """

    trial: int
    windows: tuple[int, ...]
    params: Params
    row: FloatArray = field(repr=False, compare=False)
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the evaluation of a task came to.

    Attributes
    ----------
    trial, windows
        Those of the task.
    ending
        ``"complete"``, or why there are no figures.
    figures
        One item a window of the task, each figures by symbol; a program of no symbol, or one that
        answers for all of them at once, has the one symbol ``""``. Empty unless complete.
    error
        One line that says what went wrong; empty where nothing did.
    seconds
        Wall time.
    worker
        Number of the worker process, from 1 on; 0 is this process.
    printed
        The beginning of what a program wrote to standard output; empty where it wrote nothing.
    attempts
        How often the evaluation was begun: more than once after a crash.
    """

    trial: int
    windows: tuple[int, ...]
    ending: Ending
    figures: tuple[Mapping[str, FigureValues], ...]
    error: str = ""
    seconds: float = 0.0
    worker: int = 0
    printed: str = ""
    attempts: int = 1


#: Takes an outcome, and returns what is to be evaluated next because of it, if anything.
Finished = Callable[[Outcome], Task | None]


class Evaluates(Protocol):
    """What computes the figures of points."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols; empty of a program that has none."""

    @property
    def windows(self) -> int:
        """How many in-sample windows there are, 1 at least."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the figures; None where only an evaluation shows them."""

    def evaluate(self, tasks: Sequence[Task], finished: Finished) -> None:
        """Evaluate tasks in any order, and what `finished` returns as well, until none is left."""

    def close(self) -> None:
        """End what was started."""


@dataclass(frozen=True, slots=True)
class History:
    """The trials of all whole batches so far, in trial order, as methods see them.

    Scores are always those of today: where the bounds of an objective move, all of them have moved.

    Attributes
    ----------
    rows
        Points as the space encodes them, float64[n, d].
    scores
        Higher is better; NaN of a trial without a score (failed, or a figure that is undefined).
    violations
        How far figures lie beyond the limits, 0 where they keep to them, infinite of a failed
        trial; float64[n].
    objectives
        Each to be maximised, float64[n, k]; of one objective the scores again, k = 1.
    tags
        What the method gave with the proposal, int64[n].
    batches
        Number of the batch of each trial, int64[n].
    pruned
        Whether a trial was stopped before its last window, bool[n]; its score is of the windows
        that it had.
    """

    rows: FloatArray
    scores: FloatArray
    violations: FloatArray
    objectives: FloatArray
    tags: IndexArray
    batches: IndexArray
    pruned: BoolArray

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a method proposes.

    Attributes
    ----------
    rows
        Points, float64[m, d]; m may lie above or below what was asked for, and is 0 where the
        method has nothing left.
    tags
        A number for each that the method finds again in the history, int64[m].
    state
        Plain values (what JSON has) that the next call gets back.
    note
        What the method did that a user should know, such as a restart; empty mostly.
    """

    rows: FloatArray
    tags: IndexArray
    state: Mapping[str, Any]
    note: str = ""


class Method(Protocol):
    """What proposes points.

    It keeps nothing between calls: a proposal follows from the arguments alone, so that a study
    that goes on after a kill proposes what it would have proposed.
    """

    @property
    def name(self) -> str:
        """As in ``--method``."""

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose some `size` points of a batch.

        Parameters
        ----------
        space
            Where they lie. Points that its constraints forbid may be proposed: the driver repairs
            or rejects them, and asks again.
        history
            All trials of earlier batches.
        batch
            Number of the batch, from 0 on.
        size
            How many points are wanted.
        rng
            Seeded by the study's seed, the batch and how often it was asked already.
        state
            What the last proposal that was taken returned; empty at first. A batch that is asked
            for again, for want of points that are allowed and new, has the state that the proposal
            before returned.
        """
