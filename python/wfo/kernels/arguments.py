"""What a kernel's function is called with: columns of bars, columns of sets, a start, and fills.

All are named tuples of arrays, which compiled code reads by name, as in ``bars.close[t]``. What is
read cannot be written to.
"""

from __future__ import annotations

import functools
import hashlib
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.errors import InputError
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.settings import AccountSettings
    from wfo.strategy import Strategy

#: Fills of a bar, at most: one that leaves a position, and one that enters.
FILLS_IN_A_BAR = 2


class Start(NamedTuple):
    """Where a kernel begins, and the position that it takes over there.

    Attributes
    ----------
    bar
        The first bar that may have a fill.
    side
        The position before it: 1 long, -1 short, 0 flat.
    since
        Bar of the fill that brought it; at the beginning of a backtest the bar before `bar`.
    price
        Price of that fill; NaN at the beginning of a backtest.
    """

    bar: int
    side: int
    since: int
    price: float


class Fills(NamedTuple):
    """What a kernel has decided: room for the fills of a batch, a row a set.

    Attributes
    ----------
    bar, price, side
        Of each fill, int64[m, room], float64[m, room] and int64[m, room].
    used
        Fills of each set so far, int64[m].
    """

    bar: NDArray[np.int64]
    price: NDArray[np.float64]
    side: NDArray[np.int64]
    used: NDArray[np.int64]

    def add(self, k: int, bar: int, price: float, side: int) -> None:
        """Add a fill to those of a set; in compiled code too.

        Parameters
        ----------
        k
            The set, from 0 on.
        bar, price
            Where it lies: a bar not before the one of the set's last fill, and a raw price within
            that bar, before slippage.
        side
            The position from it on: 1 long, -1 short, 0 flat. From long to short, or back, is one
            fill.

        Raises
        ------
        IndexError
            If there is no such set.
        """
        if not 0 <= k < self.used.size:
            raise IndexError("fills.add(k, ...): k is none of the sets of the batch")
        at = self.used[k]
        # What there is no room for is counted, so that it is missed.
        if at < self.bar.shape[1]:
            self.bar[k, at] = bar
            self.price[k, at] = price
            self.side[k, at] = side
        self.used[k] = at + 1


#: Digest of what compiled code has of `Fills`.
_ADDING = hashlib.sha256(
    Fills.add.__code__.co_code + repr((Fills._fields, Fills.add.__code__.co_consts)).encode()
).hexdigest()[:16]


def room_for(sets: int, room: int) -> Fills:
    """Return room for so many fills of each set; where none is, the bar is 0, which has no fill."""
    import numpy as np

    shape = (sets, room)
    return Fills(
        np.zeros(shape, np.int64),
        np.empty(shape),
        np.empty(shape, np.int64),
        np.zeros(sets, np.int64),
    )


def room_of(fills: Fills, sets: int) -> Fills:
    """Return the room of the first sets, emptied."""
    bar, price, side, used = fills
    # A function that counts a fill and does not write it must not find one of another set there.
    for own, end in zip(bar, used.tolist(), strict=True):
        own[:end] = 0
    used[:] = 0
    return Fills(bar[:sets], price[:sets], side[:sets], used[:sets])


def joined(pieces: Sequence[Fills]) -> Fills:
    """Return the fills of several batches of one set as those of one."""
    import numpy as np

    ends = [int(piece.used[0]) for piece in pieces]
    bar, price, side = (
        [column[:, :end] for column, end in zip(columns, ends, strict=True)]
        for columns in list(zip(*pieces, strict=True))[:3]
    )
    return Fills(
        np.concatenate(bar, axis=1),
        np.concatenate(price, axis=1),
        np.concatenate(side, axis=1),
        np.array([sum(ends)]),
    )


def feed_columns(columns: Mapping[str, NDArray[np.float64]], end: int) -> Any:
    """Return the columns of a feed before bar `end`, by name."""
    kind = named("Bars", tuple(columns))
    return kind(*(_read_only(column[:end]) for column in columns.values()))


def set_columns(strategy: Strategy, rows: NDArray[np.float64], held: str = "") -> Any:
    """Return parameter sets, float64[m, parameters], by name: int64[m] or float64[m] each.

    By `held`, a digest of what a function reads beside its arguments, they are of another type
    where that is something else: compiled code has those values in it, and is found by its types.
    """
    import numpy as np

    columns = (
        column.astype(np.int64 if parameter.whole else np.float64)
        for parameter, column in zip(strategy.parameters, rows.T, strict=True)
    )
    return named("Sets", strategy.names, held[:16])(*map(_read_only, columns))


def setting_values(settings: AccountSettings) -> Any:
    """Return the fields of settings, by name."""
    values = settings.to_dict()
    return named("Settings", tuple(values))(*values.values())


def check_names(what: str, names: Sequence[str]) -> None:
    """Raise unless compiled code can read what is called so by these names.

    Raises
    ------
    InputError
        With the first name that it cannot read.
    """
    for name in names:
        try:
            named("Names", (name,))
        except ValueError:
            raise InputError(
                f"{what} {brief(name)} cannot be read in a kernel; a name is one of Python's, and"
                " begins with a letter"
            ) from None


@functools.cache
def named(name: str, fields: tuple[str, ...], held: str = "") -> Any:
    """Return the type of these names; the same one each time, as compiled code asks for."""
    make: Any = namedtuple  # its names are a user's
    kind = make(name, fields)
    # Compiled code that is kept on disk is found again by its types, and types by where they are.
    # It holds a copy of what adds fills, whose digest stands for it.
    kind.__qualname__ = f"{name}:{_ADDING}{held}({','.join(fields)})"
    return kind


def __getattr__(name: str) -> Any:
    """Return a type that was kept on disk by its name."""
    kind, colon, rest = name.partition(f":{_ADDING}")
    held, bracket, fields = rest.partition("(")
    if not (colon and bracket and fields.endswith(")")):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return named(kind, tuple(fields[:-1].split(",")), held)


def _read_only(column: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    found = np.ascontiguousarray(column).view()
    found.flags.writeable = False
    return found
