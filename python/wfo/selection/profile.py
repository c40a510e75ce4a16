"""The optimization profile of a grid: how each figure is distributed over all its combinations.

After Walton's system parameter permutation (2014): the median of all combinations says what a
strategy earns without any choice of parameters, the distance of the best from the mean how far the
choice goes. It is counted while sweeping, over every combination.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import ResultsError

if TYPE_CHECKING:
    from wfo import _core

#: By what share of itself a quantile of money or of a return may be off, at most. All else is
#: exact, and so are quantiles of trades.
QUANTILE_ERROR: Final = 1 / 512

#: What the core says of a figure.
_Numbers = tuple[
    int, int, int, tuple[float, float, float, float, float], float, float, float, float
]


@dataclass(frozen=True, slots=True)
class Spread:
    """How one figure is distributed over all combinations.

    Attributes
    ----------
    count
        Combinations whose figure is defined.
    finite
        Those of them whose figure is finite: mean, deviation, least and best are theirs.
    above
        How many of all are above 0.
    q5, q25, median, q75, q95
        Quantiles of all, between the two nearest in proportion, within `QUANTILE_ERROR` of
        themselves; None where there is none, or where it is infinite.
    mean, deviation
        Mean and standard deviation of the finite ones, all of them and not a sample; None without.
    least, best
        The smallest and the largest finite one, exact; None without.

    Raises
    ------
    ResultsError
        If counts contradict each other, or a number is none.
    """

    count: int
    finite: int
    above: int
    q5: float | None
    q25: float | None
    median: float | None
    q75: float | None
    q95: float | None
    mean: float | None
    deviation: float | None
    least: float | None
    best: float | None

    def __post_init__(self) -> None:
        counts = (self.count, self.finite, self.above)
        if not all(type(n) is int and n >= 0 for n in counts):
            raise ResultsError(f"no counts of combinations: {counts}")
        if self.finite > self.count or self.above > self.count:
            raise ResultsError(f"of {self.count} combinations no {self.finite} and {self.above}")
        for field in fields(self)[3:]:
            value = getattr(self, field.name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and math.isfinite(value)):
                raise ResultsError(f"{field.name} = {value!r} must be a finite number or None")

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 in all combinations, of which there are some."""
        return self.finite == self.count > 0 and self.least == self.best == 0

    @property
    def share(self) -> float | None:
        """Share above 0; None without combinations."""
        return self.above / self.count if self.count else None

    @property
    def best_distance(self) -> float | None:
        """By how many standard deviations the best is above the mean; None where all are equal."""
        if self.best is None or self.mean is None or not self.deviation:
            return None
        return (self.best - self.mean) / self.deviation

    @classmethod
    def of(cls, numbers: _Numbers) -> Spread:
        """Return what the core says of a figure."""
        count, finite, above, quantiles, *rest = numbers
        plain = [v if math.isfinite(v) else None for v in (*quantiles, *rest)]
        return cls(count, finite, above, *plain)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, with share and distance."""
        own: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return own | {"share": self.share, "best_distance": self.best_distance}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spread:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else.
        """
        try:
            return cls(**{f.name: data[f.name] for f in fields(cls)})
        except (KeyError, TypeError) as error:
            raise ResultsError(f"no distribution of a figure: {error!r}") from None


@dataclass(frozen=True, slots=True)
class PhaseProfile:
    """How the figures of a phase are distributed.

    Attributes
    ----------
    is_pnl, oos_pnl, is_dd, oos_dd
        Profit or loss and largest drawdown, in and out of sample, in currency.
    oos_return
        Out-of-sample profit by the equity that the part begins with, a fraction; -1 where that is
        not positive.
    is_trades, oos_trades
        Trades closed, up to 65,535.
    """

    is_pnl: Spread
    oos_pnl: Spread
    is_dd: Spread
    oos_dd: Spread
    oos_return: Spread
    is_trades: Spread
    oos_trades: Spread


@dataclass(frozen=True, slots=True)
class Profile:
    """How each figure is distributed over all combinations of a grid.

    Attributes
    ----------
    combinations
        How many were counted.
    phases
        One item a phase.
    total_return
        Sum over phases of ``log(1 + out-of-sample return)``; minus infinity where a part begins or
        ends without equity.

    Raises
    ------
    ResultsError
        If there is no phase, or a figure is of more combinations than were counted.
    """

    combinations: int
    phases: tuple[PhaseProfile, ...]
    total_return: Spread

    def __post_init__(self) -> None:
        if not self.phases:
            raise ResultsError("an optimization profile needs a phase")
        spreads = [getattr(p, f.name) for p in self.phases for f in fields(p)]
        if any(each.count > self.combinations for each in (*spreads, self.total_return)):
            raise ResultsError(f"more figures than the {self.combinations} combinations counted")

    @property
    def traded(self) -> bool:
        """Whether a combination traded in any phase, or held a position at its end."""
        return not all(
            spread.is_zero
            for p in self.phases
            for spread in (p.is_pnl, p.oos_pnl, p.is_dd, p.oos_dd, p.is_trades, p.oos_trades)
        )

    @classmethod
    def of(cls, counted: _core.Profile) -> Profile:
        """Return what a sweep has counted."""
        phases = tuple(
            PhaseProfile(**{name: Spread.of(numbers) for name, numbers in phase})
            for phase in counted.phases()
        )
        return cls(len(counted), phases, Spread.of(counted.total()))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "combinations": self.combinations,
            "quantile_error": QUANTILE_ERROR,
            "phases": [
                {f.name: getattr(phase, f.name).to_dict() for f in fields(phase)}
                for phase in self.phases
            ],
            "total_return": self.total_return.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else.
        """
        names = [f.name for f in fields(PhaseProfile)]
        try:
            combinations = data["combinations"]
            if type(combinations) is not int:
                raise ResultsError(f"combinations = {combinations!r} must be a whole number")
            phases = tuple(
                PhaseProfile(**{name: Spread.from_dict(each[name]) for name in names})
                for each in data["phases"]
            )
            return cls(combinations, phases, Spread.from_dict(data["total_return"]))
        except (KeyError, TypeError) as error:
            raise ResultsError(f"no optimization profile: {error!r}") from None
