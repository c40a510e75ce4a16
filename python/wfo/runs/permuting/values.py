"""What a permutation test is: its variant, and the figures of every search, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files.schema import (
    Count,
    FiniteNumber,
    Limits,
    NotNegative,
    Ordinal,
    ShortText,
    StampText,
    require,
)
from wfo.runs.shapes import StrategyName
from wfo.stats.pvalues import attainable_p, combined_p, p_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Permutations that a test takes at least: with B of them no p-value lies below 1 / (1 + B), so
#: that fewer could not reach .05.
LEAST_RUNS = 19

#: Permutations at most; the least p-value is then one in a hundred thousand.
MOST_RUNS: Final = 99_999

#: Figures of a search that are tested whatever its gates, and what they are.
OUTCOMES: Mapping[str, str] = {
    "best_return": "best out-of-sample return",
    "median_return": "median out-of-sample return",
    "best_excess": "best excess over buy-and-hold",
    "median_excess": "median excess over buy-and-hold",
}

#: Figures that are recorded beside them, and are not tested.
BESIDE: Mapping[str, str] = {
    "trading": "share that trades",
    "held_return": "buy-and-hold",
}

#: What the name of a stable share begins with; the name of its gates follows.
STABLE = "stable_"

#: Texts of numbers that JSON has no word for.
_INFINITE = {"inf": math.inf, "-inf": -math.inf}

#: Numbers of a record, as `to_cell` makes them.
Cells = Annotated[
    list[FiniteNumber | Literal["inf", "-inf"] | None],
    Limits(f"a list of up to {1 + MOST_RUNS:,} numbers", most=1 + MOST_RUNS),
]
#: A block of more bars than any history has would be no block.
BlockLength = Annotated[int, Limits("a whole number from 0 to 999,999,999", ge=0, le=999_999_999)]


class VariantShape(TypedDict):
    """Which bars trade places."""

    later: bool
    block: BlockLength


class SearchedShape(TypedDict):
    """The searches of one strategy."""

    combinations: Ordinal
    engine: ShortText
    figures: dict[ShortText, Cells]


class TestShape(TypedDict):
    """The searches of a permutation test."""

    variant: VariantShape
    key: ShortText
    first: StampText
    last: StampText
    bars: Count
    least: Ordinal
    seconds: NotNegative
    strategies: dict[StrategyName, SearchedShape]


@dataclass(frozen=True, slots=True)
class Variant:
    """Which bars trade places.

    Attributes
    ----------
    later
        Whether only those after the first in-sample window do, from the first phase's split on;
        else all from its first trading bar on.
    block
        Bars, of intraday bars sessions, that stay together; 0 where each bar has its own place.
    """

    later: bool = False
    block: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.block, bool) or not isinstance(self.block, int):
            raise InputError(f"block = {self.block!r} must be a whole number")
        if self.block < 0 or self.block == 1:
            raise InputError(
                f"block = {self.block} must be 2 or more: blocks of one bar are no blocks, and a"
                " test without block= permutes bar by bar"
            )

    @property
    def name(self) -> str:
        """What its record is called: ``bars``, ``later``, ``blocks20`` or ``later-blocks20``."""
        blocks = f"blocks{self.block}" if self.block else ""
        return "-".join(filter(None, ("later" if self.later else "", blocks))) or "bars"

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command that ask for it."""
        later = ("--after-first-in-sample",) if self.later else ()
        return (*later, *(("--block", str(self.block)) if self.block else ()))

    @classmethod
    def from_dict(cls, data: Any, where: str = "variant") -> Variant:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, VariantShape, where)
        try:
            return cls(data["later"], data["block"])
        except InputError as error:
            raise ResultsError(f"{where}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Return the variant as plain values."""
        return {"later": self.later, "block": self.block}


class Tested(NamedTuple):
    """One figure of a search.

    Attributes
    ----------
    real
        On the bars as they are.
    permuted
        On permuted ones, float64[B].
    """

    real: float
    permuted: FloatArray

    @property
    def as_large(self) -> int:
        """How many permuted ones are at least as large as the real one; NaN is the smallest."""
        return round(p_value(self.real, self.permuted) * (1 + len(self.permuted))) - 1

    @property
    def median(self) -> float:
        """The middle of the permuted ones, of two the mean; NaN counts as the smallest."""
        import numpy as np

        ordered, half = self._ordered(), (len(self.permuted) - 1) // 2
        two = ordered[half : len(ordered) - half]
        return float(two[0] if two[0] == two[-1] else np.mean(two))

    def quantile(self, share: float) -> float:
        """Return the smallest permuted one that so large a share of them does not exceed."""
        ordered = self._ordered()
        return float(ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)])

    def _ordered(self) -> FloatArray:
        import numpy as np

        known = np.sort(self.permuted[~np.isnan(self.permuted)])
        return np.concatenate([np.full(len(self.permuted) - len(known), np.nan), known])


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """The searches of one strategy, on the bars as they are and on permuted ones.

    Attributes
    ----------
    combinations
        Those of its grid.
    engine
        What has computed.
    names
        Names of the figures: a stable share for each set of gates, then `OUTCOMES`, then `BESIDE`.
    values
        One row a search, float64[1 + B, k]; the first one is that of the bars as they are. No row
        where no search is done yet. Shares are of 1. Returns are sums over phases of the logarithm
        of 1 + the out-of-sample return; an excess is that minus buy-and-hold's, among combinations
        that trade. NaN where none does.
    """

    combinations: int
    engine: str
    names: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        expected = (len(self.values), len(self.names))
        if self.values.shape != expected:
            raise InputError(
                f"figures of shape {self.values.shape} are not float64[1 + B, {len(self.names)}]"
            )
        for name in self.names:
            if not (name.startswith(STABLE) or name in OUTCOMES or name in BESIDE):
                raise InputError(f"{name!r} is no figure of a search")
        lacking = [n for n in (*OUTCOMES, *BESIDE) if n not in self.names]
        if lacking or len(set(self.names)) != len(self.names):
            raise InputError(f"the figures of a search lack {lacking[:1] or 'names of their own'}")

    @property
    def runs(self) -> int:
        """How many permuted searches there are."""
        return max(0, len(self.values) - 1)

    @property
    def tested(self) -> tuple[str, ...]:
        """Names of those that are tested."""
        return tuple(name for name in self.names if name not in BESIDE)

    def figure(self, name: str) -> Tested:
        """Return one figure of all searches."""
        column = self.values[:, self.names.index(name)]
        return Tested(float(column[0]), column[1:])

    def until(self, runs: int) -> Searched:
        """Return the first permuted searches, and that of the bars as they are."""
        return Searched(self.combinations, self.engine, self.names, self.values[: 1 + runs])

    @classmethod
    def from_dict(cls, data: Any, where: str = "strategies") -> Searched:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        import numpy as np

        require(data, SearchedShape, where)
        figures = data["figures"]
        columns = {name: of_cells(cells) for name, cells in figures.items()}
        if len({len(column) for column in columns.values()}) != 1:
            raise ResultsError(f"{where}: its figures are not of equally many searches")
        values = np.array(list(columns.values()), np.float64).T
        stable = [column for name, column in columns.items() if name.startswith(STABLE)]
        if any(not 0 <= share <= 1 for column in stable for share in column):
            raise ResultsError(f"{where}: a stable share lies outside 0 to 1")
        try:
            return cls(data["combinations"], data["engine"], tuple(columns), values)
        except InputError as error:
            raise ResultsError(f"{where}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; NaN is null, and what is infinite a text."""
        columns = zip(self.names, self.values.T.tolist(), strict=True)
        figures = {name: [to_cell(value) for value in column] for name, column in columns}
        return {"combinations": self.combinations, "engine": self.engine, "figures": figures}


@dataclass(frozen=True, slots=True, eq=False)
class _PValues:
    """p-values of a test: of all figures, of each by strategy and name, and attainable ones."""

    all: float
    each: Mapping[str, Mapping[str, float]]
    attainable: float


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """The search of a run, again on permuted bars.

    Attributes
    ----------
    variant
        Which bars trade places.
    key
        What the figures follow from, hashed: run, version, gates, variant.
    first, last
        Stamps of the first and the last bar that trade places, as text.
    bars
        How many there are from the one to the other.
    least
        Phases in which a stable combination is valid; it is not relaxed.
    searched
        By name of the strategy, in the order of the run.
    seconds
        How long the searches took, in all calls together.
    """

    variant: Variant
    key: str
    first: str
    last: str
    bars: int
    least: int
    searched: Mapping[str, Searched]
    seconds: float

    @property
    def runs(self) -> int:
        """How many permutations every strategy was searched on."""
        return min(each.runs for each in self.searched.values())

    @property
    def figures(self) -> dict[str, dict[str, Tested]]:
        """By strategy and name, those that are tested and those beside them."""
        runs = self.runs
        cut = {name: each.until(runs) for name, each in self.searched.items()}
        return {name: {n: each.figure(n) for n in each.names} for name, each in cut.items()}

    @property
    def p(self) -> Mapping[str, Mapping[str, float]]:
        """The p-value of each figure that is tested, by strategy and name."""
        return self._p_values.each

    @property
    def p_all(self) -> float:
        """One p-value of all figures of all strategies (Westfall & Young)."""
        return self._p_values.all

    @property
    def p_attainable(self) -> float:
        """What one figure alone, ahead of all permuted searches, could bring `p_all` down to."""
        return self._p_values.attainable

    @property
    def count(self) -> int:
        """How many figures are tested."""
        return sum(len(each.tested) for each in self.searched.values())

    @cached_property
    def _p_values(self) -> _PValues:
        import numpy as np

        runs = self.runs
        names = [(s, n) for s, each in self.searched.items() for n in each.tested]
        columns = [
            self.searched[s].values[: 1 + runs, self.searched[s].names.index(n)] for s, n in names
        ]
        values = np.stack(columns, axis=1)
        combined, each = combined_p(values[0], values[1:])
        found: dict[str, dict[str, float]] = {s: {} for s in self.searched}
        for (strategy, name), p in zip(names, each.tolist(), strict=True):
            found[strategy][name] = p
        return _PValues(combined, found, attainable_p(values[1:]))

    @classmethod
    def from_dict(cls, data: Any, where: str = "the permutation test") -> PermutationTest:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, TestShape, where)
        searched = {
            name: Searched.from_dict(each, f"{name} of {where}")
            for name, each in data["strategies"].items()
        }
        if not searched:
            raise ResultsError(f"{where} has no strategy")
        return cls(
            Variant.from_dict(data["variant"], f"variant of {where}"),
            data["key"],
            data["first"],
            data["last"],
            data["bars"],
            data["least"],
            searched,
            data["seconds"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the record."""
        return {
            "variant": self.variant.to_dict(),
            "key": self.key,
            "first": self.first,
            "last": self.last,
            "bars": self.bars,
            "least": self.least,
            "seconds": self.seconds,
            "strategies": {name: each.to_dict() for name, each in self.searched.items()},
        }


def to_cell(value: float) -> float | str | None:
    """Return a number as JSON has it; NaN is null, and what is infinite a text."""
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def of_cells(cells: Sequence[float | str | None]) -> list[float]:
    """Return numbers of what `to_cell` made of them."""
    found = []
    for cell in cells:
        if cell is None:
            found.append(math.nan)
        else:
            found.append(_INFINITE[cell] if isinstance(cell, str) else float(cell))
    return found
