"""The figures of all trials as columns, grown a trial at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from wfo.search.objective.figures import (
    aggregated,
    canonical,
    checked_aggregate,
    known,
    spellings,
    symbols_of,
)
from wfo.search.values import FigureValues

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.values import BoolArray, FloatArray, IndexArray

#: How figures of symbols, or of symbols and windows, become one: `middle` by the median or mean
#: over symbols, `low` and `high` by the smallest and largest symbol, each then the mean over
#: windows; `lowest` and `highest` of any symbol in any window.
How = Literal["middle", "low", "high", "lowest", "highest"]

_HOW: Final[tuple[How, ...]] = ("middle", "low", "high", "lowest", "highest")

#: Those that a window has.
_OF_WINDOWS: Final = 3

_ROUNDING: Final = 1e-9


class FigureTable:
    """Figures of trials, in trial order.

    Parameters
    ----------
    figures
        Names of the figures to keep.
    aggregate
        How those of several symbols become one: ``"median"``, ``"mean"`` or ``"minimum"``.
    symbols
        The symbols that figures must be of, unless they are of the one symbol ``""``; where one
        lacks, its figures are undefined.
    function
        Of an objective that is one: takes the aggregated figures, and returns the score. It is
        called once for each trial, and once for each of its windows.
    """

    def __init__(
        self,
        figures: Iterable[str],
        aggregate: str = "median",
        symbols: Sequence[str] = (),
        function: Callable[[Mapping[str, float]], float] | None = None,
    ) -> None:
        import numpy as np

        self._names = tuple(dict.fromkeys(map(canonical, figures)))
        self._at = {name: at for at, name in enumerate(self._names)}
        self._spellings = [spellings(name) for name in self._names]
        self._least = np.array([known(name).least for name in self._names])
        self._most = np.array([known(name).most for name in self._names])
        self._aggregate = checked_aggregate(aggregate)
        self._symbols = tuple(symbols)
        self._function = function
        # By the names that an evaluation gives: which of them is each figure, and which figures are
        # given by two names.
        self._keys: dict[tuple[str, ...], list[str | None]] = {}
        self._twice: dict[tuple[str, ...], list[int]] = {}
        # What was appended since columns were last asked for: rows of values, how many symbols
        # each window has, how many windows each trial has.
        self._rows: list[list[object]] = []
        self._of_window: list[int] = []
        self._of_trial: list[int] = []
        self._pruned = _Grown("bool")
        self._complete = _Grown("bool")
        self._counts = _Grown("int64")
        self._scores = _Grown("float64")
        self._window_scores = _Grown("float64")
        self._windows = _Grown("float64", (_OF_WINDOWS, len(self._names)))
        self._trials = _Grown("float64", (len(_HOW), len(self._names)))

    def __len__(self) -> int:
        return len(self._pruned)

    @property
    def pruned(self) -> BoolArray:
        """Which trials were stopped before their last window, bool[n]."""
        return self._pruned.values

    @property
    def complete(self) -> BoolArray:
        """Which trials have figures, pruned ones too, bool[n]."""
        return self._complete.values

    @property
    def windows(self) -> IndexArray:
        """How many windows each trial has figures of, int64[n]."""
        return self._counts.values

    @property
    def function_scores(self) -> FloatArray:
        """What the function made of each trial, float64[n]; NaN without one."""
        return self._scores.values

    def append(
        self, figures: Sequence[Mapping[str, FigureValues]] | None, *, pruned: bool = False
    ) -> None:
        """Add the next trial.

        Parameters
        ----------
        figures
            One item a window, from the first one on, each figures by symbol; None of a trial that
            failed.
        pruned
            Whether it was stopped before its last window.

        Raises
        ------
        InputError
            If the function of the objective fails.
        """
        found = figures or ()
        score, of_windows = math.nan, [math.nan] * len(found)
        if self._function is not None and found:
            score = self._score(found)
            # Without further windows, the same.
            of_windows = [score if len(found) == 1 else self._score([each]) for each in found]
        for window in found:
            symbols = symbols_of(window, self._symbols)
            for symbol in symbols:
                self._rows.append(self._row(window.get(symbol, {})))
            self._of_window.append(len(symbols))
        self._of_trial.append(len(found))
        self._pruned.append([pruned])
        self._complete.append([bool(found)])
        self._counts.append([len(found)])
        self._scores.append([score])
        self._window_scores.append(of_windows)

    def columns(self, name: str, how: How) -> FloatArray:
        """Return a figure of all trials, float64[n]; NaN where it is undefined."""
        self._settle()
        return self._trials.values[:, _HOW.index(how), self._at[canonical(name)]]

    def by_window(self, name: str, how: How) -> FloatArray:
        """Return a figure by trial and window, float64[n, windows]; NaN where there is none.

        `how` is one of ``"middle"``, ``"low"`` and ``"high"``.
        """
        self._settle()
        return self._spread(self._windows.values[:, _HOW.index(how), self._at[canonical(name)]])

    def scores_by_window(self) -> FloatArray:
        """Return what the function made of each window, float64[n, windows]."""
        return self._spread(self._window_scores.values)

    def _score(self, figures: Sequence[Mapping[str, FigureValues]]) -> float:
        if self._function is None:
            return math.nan
        found = aggregated(figures, self._aggregate, self._symbols)
        # By name: of stored figures the order is that in which the study came to know them.
        return self._function(dict(sorted(found.items())))

    def _spread(self, values: FloatArray) -> FloatArray:
        """Lay values of windows, one trial after the other, out as a table."""
        import numpy as np

        counts = self._counts.values
        found = np.full((len(counts), int(counts.max(initial=0))), np.nan)
        found[np.arange(found.shape[1]) < counts[:, None]] = values
        return found

    def _row(self, figures: FigureValues) -> list[object]:
        """Return the values of one symbol in one window, in the order of the names."""
        given = tuple(figures)
        keys = self._keys.get(given)
        if keys is None:
            keys = [next((s for s in own if s in figures), None) for own in self._spellings]
            self._keys[given] = keys
            twice = [
                at for at, own in enumerate(self._spellings) if sum(s in figures for s in own) > 1
            ]
            if twice:
                self._twice[given] = twice
        row: list[object] = [None if key is None else figures[key] for key in keys]
        for at in self._twice.get(given, ()):
            # By two names a figure is defined where both say the same.
            if any(figures[s] != row[at] for s in self._spellings[at] if s in figures):
                row[at] = None
        return row

    def _settle(self) -> None:
        """Compute the columns of trials that came since they were last computed."""
        import numpy as np

        if not self._of_trial:
            return
        rows = self._numbers()
        of_window = np.array(self._of_window, dtype=np.int64)
        of_trial = np.array(self._of_trial, dtype=np.int64)
        self._rows, self._of_window, self._of_trial = [], [], []
        windows = self._over_symbols(rows, of_window)
        self._windows.append(windows)
        self._trials.append(_over_windows(windows, of_trial))

    def _numbers(self) -> FloatArray:
        """Return the rows as numbers: NaN for what is not defined."""
        import numpy as np

        shape = (len(self._rows), len(self._names))
        try:
            found = np.array(self._rows, dtype=np.float64).reshape(shape)
        except (OverflowError, TypeError, ValueError):
            numbers = [[_number(value) for value in row] for row in self._rows]
            found = np.array(numbers, dtype=np.float64).reshape(shape)
        inside = np.clip(found, self._least, self._most)
        with np.errstate(invalid="ignore"):
            kept = np.isfinite(found) & (np.abs(found - inside) <= _ROUNDING)
        return np.where(kept, inside, np.nan)

    def _over_symbols(self, rows: FloatArray, counts: IndexArray) -> FloatArray:
        """Return `middle`, `low` and `high` of each window, float64[windows, 3, names]."""
        import numpy as np

        starts = np.cumsum(counts) - counts
        found = np.full((len(counts), _OF_WINDOWS, rows.shape[1]), np.nan)
        for size in np.unique(counts):
            if size == 0:
                continue
            here = np.flatnonzero(counts == size)
            block = rows[starts[here][:, None] + np.arange(size)]
            if size == 1:
                found[here] = block
                continue
            # NaN is sorted behind all numbers.
            ordered = np.sort(block, axis=1)
            with np.errstate(over="ignore", invalid="ignore"):
                if self._aggregate == "mean":
                    middle = np.zeros_like(block[:, 0])
                    for at in range(size):
                        middle += block[:, at]
                    middle /= size
                else:
                    half = size // 2
                    middle = ordered[:, half]
                    if size % 2 == 0:
                        middle = (ordered[:, half - 1] + middle) / 2
            of_all = np.stack((middle, ordered[:, 0], ordered[:, -1]), axis=1)
            found[here] = np.where(np.isnan(ordered[:, -1:]), np.nan, of_all)
        return found


class _Grown:
    """An array that grows along its first axis; its room doubles where it is full."""

    def __init__(self, kind: str, shape: tuple[int, ...] = ()) -> None:
        import numpy as np

        self._room: NDArray[Any] = np.empty((64, *shape), dtype=kind)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    @property
    def values(self) -> NDArray[Any]:
        """What was appended; it cannot be written to."""
        found = self._room[: self._used]
        found.flags.writeable = False
        return found

    def append(self, values: Sequence[object] | NDArray[Any]) -> None:
        import numpy as np

        end = self._used + len(values)
        if end > len(self._room):
            room = np.empty(
                (max(end, 2 * len(self._room)), *self._room.shape[1:]), dtype=self._room.dtype
            )
            room[: self._used] = self._room[: self._used]
            self._room = room
        if len(values):
            self._room[self._used : end] = values
        self._used = end


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _over_windows(windows: FloatArray, counts: IndexArray) -> FloatArray:
    """Return all ways of `How` for each trial, float64[trials, 5, names]."""
    import numpy as np

    starts = np.cumsum(counts) - counts
    found = np.full((len(counts), len(_HOW), windows.shape[2]), np.nan)
    has = np.flatnonzero(counts)
    if not len(has):
        return found
    total = np.zeros((len(has), _OF_WINDOWS, windows.shape[2]))
    lowest, highest = windows[starts[has], 1].copy(), windows[starts[has], 2].copy()
    with np.errstate(over="ignore", invalid="ignore"):
        # One window after the other: sums of NumPy depend on the shape of what is summed beside.
        for at in range(int(counts.max())):
            more = np.flatnonzero(counts[has] > at)
            here = starts[has[more]] + at
            total[more] += windows[here]
            lowest[more] = np.minimum(lowest[more], windows[here, 1])
            highest[more] = np.maximum(highest[more], windows[here, 2])
        total /= counts[has][:, None, None]
    found[has, :_OF_WINDOWS] = total
    found[has, _OF_WINDOWS], found[has, _OF_WINDOWS + 1] = lowest, highest
    return np.where(np.isfinite(found), found, np.nan)
