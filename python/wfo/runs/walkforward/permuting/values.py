"""What the permutation test of a walk-forward is: the figures of every market, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files.schema import Count, NotNegative, Ordinal, PositiveNumber, StampText, require
from wfo.runs.permuting.values import BlockLength, Cells, Tested, of_cells, to_cell
from wfo.stats.pvalues import combined_p
from wfo.walkforward.permuted import BESIDE, COLUMNS, STATISTICS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class PermutationsShape(TypedDict):
    """The figures of a test."""

    block: BlockLength
    first: StampText
    last: StampText
    bars: Ordinal
    years: PositiveNumber
    windows: Ordinal
    fixed: Count
    combinations: Ordinal
    seconds: NotNegative
    figures: dict[str, Cells]


@dataclass(frozen=True, eq=False)
class WalkPermutations:
    """A walk-forward on the bars as they are, and on permuted ones.

    Attributes
    ----------
    block
        Bars, of intraday bars sessions, that stay together; 0 where each bar has its own place.
    first, last
        Stamps of the first and the last bar that trade places, as text.
    bars, years
        How many there are from the one to the other, and as years of the history.
    windows, fixed
        Windows of the schedule, and how many of them choose on bars that stay where they are.
    combinations
        What one window looks at.
    seconds
        How long it took, in all calls together.
    values
        One row a market, float64[1 + B, k], of the columns `wfo.walkforward.permuted.COLUMNS`; the
        first one is that of the bars as they are. No row where none is done yet.
    """

    block: int
    first: str
    last: str
    bars: int
    years: float
    windows: int
    fixed: int
    combinations: int
    seconds: float
    values: FloatArray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(COLUMNS):
            raise InputError(
                f"figures of shape {self.values.shape} are not float64[1 + B, {len(COLUMNS)}]"
            )

    @property
    def runs(self) -> int:
        """How many permuted markets there are."""
        return max(0, len(self.values) - 1)

    @property
    def figures(self) -> dict[str, Tested]:
        """By name, those that are tested and those beside them."""
        columns = dict(zip(COLUMNS, self.values.T, strict=True))
        return {n: Tested(float(column[0]), column[1:]) for n, column in columns.items()}

    @property
    def p(self) -> Mapping[str, float]:
        """The p-value of each figure that is tested, by name."""
        return self._p_values[1]

    @property
    def p_all(self) -> float:
        """One p-value of all tested figures (Westfall & Young)."""
        return self._p_values[0]

    @cached_property
    def _p_values(self) -> tuple[float, Mapping[str, float]]:
        tested = self.values[:, : len(STATISTICS)]
        combined, each = combined_p(tested[0], tested[1:])
        return combined, dict(zip(STATISTICS, each.tolist(), strict=True))

    @classmethod
    def from_dict(cls, data: Any, where: str = "the permutation test") -> WalkPermutations:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        import numpy as np

        require(data, PermutationsShape, where)
        columns = {name: of_cells(cells) for name, cells in data["figures"].items()}
        if set(columns) != set(COLUMNS) or len({len(c) for c in columns.values()}) != 1:
            raise ResultsError(
                f"{where}: its figures are not {', '.join(COLUMNS)}, of equally many markets"
            )
        values = np.array([columns[name] for name in COLUMNS], np.float64).T
        names = ("block", "first", "last", "bars", "years", "windows", "fixed")
        rest = {name: data[name] for name in (*names, "combinations", "seconds")}
        return cls(**rest, values=values)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the record."""
        columns = zip(COLUMNS, self.values.T.tolist(), strict=True)
        return {
            "block": self.block,
            "first": self.first,
            "last": self.last,
            "bars": self.bars,
            "years": self.years,
            "windows": self.windows,
            "fixed": self.fixed,
            "combinations": self.combinations,
            "seconds": self.seconds,
            "figures": {name: [to_cell(value) for value in column] for name, column in columns},
        }


def figure_words(name: str) -> str:
    """Return what a figure is called on pages."""
    return STATISTICS.get(name) or BESIDE[name]
