"""All trials of a study, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import InputError
from wfo.search.study.layout import ABSENT
from wfo.search.study.record import StudyRecord
from wfo.text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: The states of trials, in the order of their codes.
STATES: Final = ("waiting", "complete", "pruned", "failed", "timeout", "memory", "crashed")

#: States in which there are figures.
WITH_FIGURES: Final = ("complete", "pruned")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of trials.

    Attributes
    ----------
    number
        From 0 on.
    first, trials
        Number of its first trial, and how many it has.
    rejected, repeated, attempts
        Proposals that were not allowed, such as were evaluated before, and how often the method
        was asked.
    whole
        Whether all of its trials have ended.
    note
        What the method or a rule did.
    bounds
        Those of the objective after it; empty while it is not whole.
    """

    number: int
    first: int
    trials: int
    rejected: int
    repeated: int
    attempts: int
    whole: bool
    note: str
    bounds: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StudyTable:
    """All trials of a study, in trial order.

    Attributes
    ----------
    record
        What the study is.
    rows
        Points as the space encodes them, float64[n, d].
    batches, tags, seeds, workers, attempts, windows
        Of each trial, int64[n]; `windows` counts those that it has figures of.
    states
        Codes, the positions in `STATES`, int8[n].
    seconds, scores, violations
        Of each trial, float64[n]; the scores are those that were stored last, NaN where there is
        none.
    objectives, components
        float64[n, k] and float64[n, c], NaN where there are none.
    columns
        Symbol and name of each figure.
    errors, printed
        Texts by trial, of those that have one.
    batch
        The batches, in order.
    state
        What the method returned with the last batch.
    values, starts, widths
        The figures of all trials one behind the other, float64; where those of a trial begin, and
        how many of `columns` it has for each window. `figure` and `outcome` read them.
    """

    record: StudyRecord
    rows: FloatArray = field(repr=False)
    batches: IndexArray = field(repr=False)
    tags: IndexArray = field(repr=False)
    seeds: IndexArray = field(repr=False)
    workers: IndexArray = field(repr=False)
    attempts: IndexArray = field(repr=False)
    windows: IndexArray = field(repr=False)
    states: NDArray[np.int8] = field(repr=False)
    seconds: FloatArray = field(repr=False)
    scores: FloatArray = field(repr=False)
    violations: FloatArray = field(repr=False)
    objectives: FloatArray = field(repr=False)
    components: FloatArray = field(repr=False)
    columns: tuple[tuple[str, str], ...]
    errors: Mapping[int, str] = field(repr=False)
    printed: Mapping[int, str] = field(repr=False)
    batch: tuple[Batch, ...] = field(repr=False)
    state: Mapping[str, Any] = field(repr=False)
    values: FloatArray = field(repr=False)
    starts: IndexArray = field(repr=False)
    widths: IndexArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.scores)

    def of_state(self, *names: str) -> NDArray[np.bool_]:
        """Return which trials are in one of some states, bool[n]."""
        import numpy as np

        return np.isin(self.states, [STATES.index(name) for name in names])

    def state_of(self, trial: int) -> str:
        """Return the state of a trial, as a word."""
        return STATES[self.states[trial]]

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state that there is."""
        import numpy as np

        found = np.bincount(self.states, minlength=len(STATES))
        return {name: int(n) for name, n in zip(STATES, found, strict=True) if n}

    @property
    def waiting(self) -> tuple[int, ...]:
        """Numbers of the trials of the last batch that have not ended."""
        import numpy as np

        return tuple(np.flatnonzero(self.of_state("waiting")).tolist())

    def figure(self, symbol: str, name: str, window: int = 0) -> FloatArray:
        """Return a figure of all trials, float64[n]; NaN where it is not defined.

        Raises
        ------
        InputError
            If no trial has one of this symbol and name.
        """
        import numpy as np

        try:
            at = self.columns.index((symbol, name))
        except ValueError:
            raise InputError(
                f"no trial has a figure {shown(name)} of the symbol {shown(symbol)}"
            ) from None
        found = np.full(len(self), np.nan)
        there = (self.windows > window) & (self.widths > at)
        found[there] = self.values[self.starts[there] + window * self.widths[there] + at]
        return found

    def figures_of(self, trial: int) -> tuple[dict[str, dict[str, float]], ...]:
        """Return the figures of a trial, one item a window, by symbol and name.

        What is not defined is NaN; what was not returned is not there, as in the outcome itself.
        """
        width, start = int(self.widths[trial]), int(self.starts[trial])
        found = []
        for window in range(int(self.windows[trial])):
            at = start + window * width
            cells = self.values[at : at + width]
            absent = (cells.view("<i8") == ABSENT).tolist()
            symbols: dict[str, dict[str, float]] = {}
            for (symbol, name), value, no in zip(
                self.columns, cells.tolist(), absent, strict=False
            ):
                if not no:
                    symbols.setdefault(symbol, {})[name] = value
            found.append(symbols)
        return tuple(found)
