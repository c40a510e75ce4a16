"""What expressions are computed by, over many points at once."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


def constant_truth(value: bool, count: int) -> tuple[BoolArray, BoolArray]:
    """Return what is as true for all of some points, and that it can be computed; bool[count]."""
    import numpy as np

    return np.full(count, value), np.ones(count, np.bool_)


def finite(
    function: Callable[..., Any], parts: Sequence[Callable[[FloatArray], Any]]
) -> Callable[[FloatArray], Any]:
    """Return a function of rows that gives NaN where there is no finite number."""
    import numpy as np

    def compute(rows: FloatArray) -> Any:
        with np.errstate(all="ignore"):
            found = function(*(part(rows) for part in parts))
        return np.where(np.isfinite(found), found, np.nan)

    return compute


def _of_numpy(name: str) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        import numpy as np

        function = getattr(np, name)
        found = values[0]
        for value in values[1:]:
            found = function(found, value)
        return found if values[1:] else function(found)

    return call


def _power(base: Any, exponent: Any) -> Any:
    import numpy as np

    # Powers of 1, and those by 0, are 1 even where the other number is none.
    return np.float_power(base, exponent) + 0.0 * base + 0.0 * exponent


SIGNS = "<, <=, >, >=, == and !="
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: _of_numpy("less"),
    ast.LtE: _of_numpy("less_equal"),
    ast.Gt: _of_numpy("greater"),
    ast.GtE: _of_numpy("greater_equal"),
    ast.Eq: _of_numpy("equal"),
    ast.NotEq: _of_numpy("not_equal"),
}
ARITHMETIC: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: _of_numpy("add"),
    ast.Sub: _of_numpy("subtract"),
    ast.Mult: _of_numpy("multiply"),
    ast.Div: _of_numpy("divide"),
    ast.FloorDiv: _of_numpy("floor_divide"),
    ast.Mod: _of_numpy("remainder"),
    ast.Pow: _power,
}
#: A function, and how many numbers it takes.
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (_of_numpy("minimum"), 2, sys.maxsize),
    "max": (_of_numpy("maximum"), 2, sys.maxsize),
    "abs": (_of_numpy("abs"), 1, 1),
    "round": (_of_numpy("rint"), 1, 1),
}
