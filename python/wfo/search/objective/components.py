"""What objectives are made of: figures, each with a direction, a weight and a reference scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from wfo.arguments import rebuilt
from wfo.search.objective.figures import DIRECTIONS, Direction, is_name, near
from wfo.search.objective.reading import Problems
from wfo.text import brief, shown

Kind = Literal["figure", "weights", "several", "function"]
Normalise = Literal["fixed", "rank", "adaptive"]

KINDS: Final[tuple[Kind, ...]] = ("figure", "weights", "several", "function")
NORMALISE: Final[tuple[Normalise, ...]] = ("fixed", "rank", "adaptive")

#: Objectives of a Pareto set: the cost of its hypervolume grows fast with their number.
MOST_OBJECTIVES: Final = 6

#: Components of a weighted objective.
MOST_COMPONENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Component:
    """A figure that an objective is made of.

    Attributes
    ----------
    figure
        Its name, as the space has it.
    direction
        ``"maximise"`` or ``"minimise"``.
    weight
        Above 0; only the ratio of weights counts.
    low, high
        The reference scale: values that count as 0 and 1, and as 1 and 0 where it is minimised;
        None where there is none.
    """

    figure: str
    direction: Direction = "maximise"
    weight: float = 1.0
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        found = Problems()
        if not is_name(self.figure):
            found.add("figure", f" = {brief(self.figure)} is no name of a figure")
        found.word("direction", self.direction, DIRECTIONS)
        found.number("weight", self.weight, above=0)
        if (self.low is None) != (self.high is None):
            found.add("scale", " needs both ends")
        elif self.low is not None and self.high is not None:
            scale_ends(found, "scale", [self.low, self.high])
        found.finish()

    @property
    def sign(self) -> float:
        """What makes higher better: 1, or -1 where the figure is minimised."""
        return 1.0 if self.direction == "maximise" else -1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain values."""
        return {
            "figure": self.figure,
            "direction": self.direction,
            "weight": self.weight,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Component:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """
        return rebuilt("component of an objective", data, lambda values: cls(**values))


def no_scale(figure: str) -> str:
    """Return what is said of a figure without a reference scale."""
    return (
        f"the figure {shown(figure)} has no reference scale: give the values that count as 0 and"
        f" as 1, scales: {{{figure}: [0, 1]}}, or normalise: rank or adaptive{near(figure)}"
    )


def scale_ends(found: Problems, where: str, value: Any) -> tuple[float | None, float | None]:
    """Return the ends of a reference scale; None where it is none, which is noted."""
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        found.add(where, f" = {shown(value)} must be two numbers, such as [0, 1]")
        return None, None
    low, high = (found.number(f"{where}[{at}]", each) for at, each in enumerate(value))
    if low is None or high is None:
        return None, None
    # Its width divides: one without a float, or near zero, makes no number of what is between.
    if not 1e-100 <= high - low <= 1e100:
        found.add(where, f" = [{low:g}, {high:g}] must ascend, by 1e-100 to 1e100")
        return None, None
    return low, high


def whole_trials(found: Problems, where: str, value: Any) -> int:
    """Return after how many trials bounds move."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**9:
        found.add(where, f" = {shown(value)} must be a whole number of trials, 1 or more")
        return 1
    return value


def two_percentiles(found: Problems, where: str, value: Any) -> tuple[float, float]:
    """Return which percentiles are the bounds."""
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        found.add(where, f" = {shown(value)} must be two numbers, such as [5, 95]")
        return 0.0, 100.0
    low, high = (found.number(f"{where}[{at}]", each) for at, each in enumerate(value))
    if low is None or high is None:
        return 0.0, 100.0
    if not 0 <= low < high <= 100:
        found.add(where, f" = [{low:g}, {high:g}] must ascend, from 0 to 100")
    return low, high
