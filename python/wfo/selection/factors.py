"""Values of a functional analysis of variance: one response, and what explains its variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from wfo.errors import InputError
from wfo.strategy import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Response = Literal["return", "stable"]

#: What is explained: the mean annual out-of-sample return, and whether a combination is stable.
RESPONSES: tuple[Response, Response] = ("return", "stable")


@dataclass(frozen=True, slots=True)
class Factor:
    """What one parameter does, or several that share constraints.

    Attributes
    ----------
    parameters
        Their canonical names.
    values
        The values of the grid, one tuple for each position: one number a parameter.
    means
        The mean of the response at each of them.
    main, total
        Shares of the variance: what the factor explains by itself, and what it has a part in.
    total_error
        Standard error of the total effect; 0 where nothing was sampled.
    """

    parameters: tuple[str, ...]
    values: tuple[tuple[Number, ...], ...]
    means: tuple[float, ...]
    main: float
    total: float
    total_error: float = 0.0

    @property
    def name(self) -> str:
        """The parameter's name; several are joined by ``+``."""
        return "+".join(self.parameters)

    @property
    def labels(self) -> tuple[str, ...]:
        """Its values as text; several are joined by ``+``."""
        return tuple("+".join(f"{value:g}" for value in each) for each in self.values)


class Interaction(NamedTuple):
    """What two factors explain together, beyond what either does by itself."""

    first: str
    second: str
    share: float


@dataclass(frozen=True, slots=True)
class Explained:
    """One response, and the sources of its variance.

    Attributes
    ----------
    response
        ``"return"``, the mean over phases of the annual out-of-sample return as a fraction, or
        ``"stable"``, 1 for stable combinations and 0 for others.
    mean, variance
        Over all combinations.
    factors
        One item an axis of the grid, in canonical order.
    interactions
        One item a pair of factors that have more than one value each. Pairs of very many values
        have none, and neither has a sample.
    """

    response: Response
    mean: float
    variance: float
    factors: tuple[Factor, ...]
    interactions: tuple[Interaction, ...]

    def factor(self, parameter: str) -> Factor:
        """Return the factor that a parameter belongs to.

        Raises
        ------
        InputError
            If there is none.
        """
        for factor in self.factors:
            if parameter in factor.parameters:
                return factor
        names = ", ".join(n for f in self.factors for n in f.parameters)
        raise InputError(f"there is no parameter {parameter!r}; there are {names}")

    @property
    def pairs(self) -> FloatArray:
        """Interactions as a symmetric matrix, float64[factors, factors]; NaN where none is."""
        import numpy as np

        names = {f.name: i for i, f in enumerate(self.factors)}
        found = np.full((len(names), len(names)), np.nan)
        for first, second, share in self.interactions:
            i, j = names[first], names[second]
            found[i, j] = found[j, i] = share
        return found

    @property
    def ordered(self) -> tuple[Factor, ...]:
        """The factors, the largest total effect first, equal ones in canonical order."""
        return tuple(sorted(self.factors, key=lambda f: -f.total))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "mean": self.mean,
            "variance": self.variance,
            "factors": [
                {
                    "parameters": list(f.parameters),
                    "values": [list(v) for v in f.values],
                    "means": list(f.means),
                    "main": f.main,
                    "total": f.total,
                    "total_error": f.total_error,
                }
                for f in self.factors
            ],
            "interactions": [list(pair) for pair in self.interactions],
        }
