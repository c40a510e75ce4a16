"""What the statistics take: arrays of returns, checked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.arguments import numbers_array
from wfo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: A spread below this share of the largest value is what rounding leaves of none.
ROUNDING = 64 * 2.0**-52

#: Largest size of a return. Fourth powers of it are the largest that is summed: over 2^30 periods
#: they stay below 2^828.
MOST_RETURN = 1e60

#: Values that draws hold together, at most.
MOST_DRAWN = 2**32


def series(values: ArrayLike, name: str = "returns", *, least: int = 0) -> FloatArray:
    """Return one value a period as float64[T].

    Parameters
    ----------
    values
        T numbers.
    name
        What they are called in an error.
    least
        Periods that there must be.

    Raises
    ------
    InputError
        If they are not one-dimensional, too few, or one is not finite.
    """
    found = _numbers(values, name)
    if found.ndim != 1:
        raise InputError(
            f"{name} must be one value a period, not of shape {found.shape}: hand over one column"
        )
    return _checked(found, name, least)


def matrix(values: ArrayLike, name: str = "returns", *, least: int = 0) -> FloatArray:
    """Return one value a period and trial as float64[T, M].

    Parameters
    ----------
    values
        T rows of M numbers.
    name, least
        As for `series`.

    Raises
    ------
    InputError
        If they are not two-dimensional, of no trial, of too few periods, or one is not finite.
    """
    found = _numbers(values, name)
    if found.ndim != 2 or not found.shape[1]:
        raise InputError(
            f"{name} must have a row a period and a column a trial, not the shape {found.shape}"
        )
    return _checked(found, name, least)


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    found: FloatArray = numbers_array(name, values)
    return found


def _checked(values: FloatArray, name: str, least: int) -> FloatArray:
    import numpy as np

    if len(values) < least:
        raise InputError(f"{name} of {len(values)} periods are too few: {least} are needed")
    # A sum of finite numbers is finite, or the numbers are none that returns can have.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(np.sum(values))
    if not finite and not np.isfinite(values).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        trial = f" of trial {place[1]}" if len(place) > 1 else ""
        raise InputError(
            f"{name} in period {place[0]}{trial} is {values[place]}: leave out trials whose equity"
            " is ever not positive, and periods before the first mark"
        )
    if values.size and max(values.max(), -values.min()) > MOST_RETURN:
        raise InputError(f"{name} must lie between -{MOST_RETURN:g} and {MOST_RETURN:g}")
    return values


def require_resamples(resamples: int, count: int) -> None:
    """Raise unless so many resamples of `count` values are as many as can be held.

    Raises
    ------
    InputError
        If there would be more than 2^32 values.
    """
    if resamples * count > MOST_DRAWN:
        raise InputError(
            f"{resamples:,} resamples of {count:,} values are more than the {MOST_DRAWN:,} values"
            " that can be held: fewer resamples"
        )
