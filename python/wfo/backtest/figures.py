"""The figures of a backtest: one list, from which types, columns, cells and frames follow.

The *standard* figures are those that a run stores; the *extended* ones are computed where they are
asked for. Every figure is of a part, ``is_`` in-sample or ``oos_`` out-of-sample, and a trade
belongs to the part in which it closes. A win is a trade with a profit above 0, a loss one below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from sys import float_info
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from wfo.errors import InputError, did_you_mean
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Which figures a sweep computes.
Choice = Literal["standard", "extended"]

Unit = Literal["money", "count", "share", "ratio"]

_FLOAT, _COUNT = ("f8", "<f4"), ("u4", "<u2")
_TYPES: Final[Mapping[Unit, tuple[str, str]]] = {
    "money": _FLOAT,
    "count": _COUNT,
    "share": _FLOAT,
    "ratio": _FLOAT,
}


_HEADINGS: Final = {"pnl": "PnL", "dd": "DD"}


class Figure(NamedTuple):
    """One figure.

    Attributes
    ----------
    name
        Its column, ``is_…`` or ``oos_…``.
    unit
        What it is counted in: money in currency, a count, a share of 1, or a ratio.
    meaning
        One line.
    """

    name: str
    unit: Unit
    meaning: str

    @property
    def heading(self) -> str:
        """What its column is called in the files of a run, as in ``P1_IS_PnL``."""
        part, _, name = self.name.partition("_")
        return f"{part.upper()}_{_HEADINGS.get(name) or name.title()}"

    @property
    def dtype(self) -> str:
        """Its type in memory."""
        return _TYPES[self.unit][0]

    @property
    def stored(self) -> str:
        """Its type in the files of a run; a count there stops at 65,535."""
        return _TYPES[self.unit][1]


_PARTS: Final = (("is_", "in-sample"), ("oos_", "out-of-sample"))

# What the trades of a part come to: all of them, the long ones, the short ones.
_TRADES: Final[tuple[tuple[str, Unit, str], ...]] = (
    ("wins", "count", "trades with a profit"),
    ("losses", "count", "trades with a loss"),
    ("gross_profit", "money", "sum of the profits"),
    ("gross_loss", "money", "sum of the losses, at most 0"),
    ("largest_win", "money", "largest profit of a trade, 0 without one"),
    ("largest_loss", "money", "largest loss of a trade, at most 0, 0 without one"),
)
_SIDES: Final = (("", ""), ("long_", " of longs"), ("short_", " of shorts"))

# What the marks of a part come to.
_MARKS: Final[tuple[tuple[str, Unit, str], ...]] = (
    ("bars_held", "count", "bars at whose close a position is open"),
    ("dd_share", "share", "largest fall from the running peak, as a share of it; NaN without one"),
    ("sum_r", "ratio", "sum of the bars' returns r; NaN where a mark is not above 0"),
    ("sum_r2", "ratio", "sum of r²; NaN where a mark is not above 0"),
    ("sum_down2", "ratio", "sum of min(r, 0)²; NaN where a mark is not above 0"),
)

#: The figures that a run stores.
STANDARD: Final = (
    Figure("is_pnl", "money", "profit or loss, in-sample"),
    Figure("oos_pnl", "money", "profit or loss, out-of-sample"),
    Figure("is_dd", "money", "largest fall from the running peak, in-sample"),
    Figure("oos_dd", "money", "largest fall from the running peak, out-of-sample"),
    Figure("is_trades", "count", "trades closed in-sample"),
    Figure("oos_trades", "count", "trades closed out-of-sample"),
)

#: The figures that are computed where they are asked for.
EXTENDED: Final = tuple(
    Figure(f"{part}{side}{name}", unit, f"{meaning}{of}, {where}")
    for part, where in _PARTS
    for side, of, named in (*((s, of, _TRADES) for s, of in _SIDES), ("", "", _MARKS))
    for name, unit, meaning in named
)

#: All figures, the standard ones first.
SCHEMA: Final = STANDARD + EXTENDED

#: What the closed trades of a backtest over a whole history come to: of all, of each side.
TRADE_FIELDS: Final[Mapping[str, str]] = {
    "trades": "closed trades",
    **{name: meaning for name, _, meaning in _TRADES},
    "sum_pnl2": "sum of the squares of the trades' profits and losses",
    "intraday_dd": "largest fall of equity from its running peak, within bars too, 0 or more",
}

#: What the marks of a backtest over a whole history come to.
WHOLE_FIELDS: Final[Mapping[str, str]] = {
    "pnl": "last mark minus the capital, what is open included",
    "dd": "largest fall of the marks from their running peak, 0 or more",
    "dd_share": "largest fall of the marks as a share of the running peak",
    "open_profit": "last mark minus the equity after the last closed trade",
    **{name: meaning for name, _, meaning in _MARKS if name != "dd_share"},
}

#: Those among them that are not in currency, and no count.
WHOLE_RATIOS: Final = ("dd_share", "sum_r", "sum_r2", "sum_down2")

#: All figures of a backtest over a whole history, in the order of its columns.
PERFORMANCE_FIELDS: Final = (
    *(f"{side}{name}" for side, _ in _SIDES for name in TRADE_FIELDS),
    *WHOLE_FIELDS,
)

#: What is summed over the bars of each label, float64[m, labels].
LABEL_FIELDS: Final = ("label_sum_r", "label_sum_r2")

STANDARD_NAMES: Final = tuple(f.name for f in STANDARD)
EXTENDED_NAMES: Final = tuple(f.name for f in EXTENDED)
NAMES: Final = STANDARD_NAMES + EXTENDED_NAMES

#: Figures that the contract leaves undefined where a mark is not above 0 (F9, F11, F12): NaN.
UNDEFINED: Final = frozenset(
    (*(prefix + name for prefix in ("", "is_", "oos_") for name in WHOLE_RATIOS), *LABEL_FIELDS)
)

#: Types of the standard figures in files, in their order.
STORED: Final = tuple(f.stored for f in STANDARD)


def item_bytes(dtype: str) -> int:
    """Return the bytes of one number of a type such as ``"<f4"``."""
    return int(dtype[-1])


#: Bytes of one combination in one phase, in the files of a run.
CELL_BYTES: Final = sum(item_bytes(t) for t in STORED)


def cell_bytes(*, extended: bool = False, labels: int = 0) -> int:
    """Return the bytes of one combination in one phase, in memory."""
    return sum(item_bytes(f.dtype) for f in (SCHEMA if extended else STANDARD)) + (
        len(LABEL_FIELDS) * 8 * labels
    )


# The fields that go with so many columns.
_FIELDS: Final = {
    len(fields): fields for fields in (STANDARD_NAMES, NAMES, (*NAMES, *LABEL_FIELDS))
}
_POSITIONS: Final = {name: i for i, name in enumerate((*NAMES, *LABEL_FIELDS))}


class Figures(tuple["NDArray[Any]", ...]):
    """What a phase comes to: one array a figure, one cell a combination.

    A tuple of the standard figures, followed by the extended ones and the sums by label where those
    were asked for. Each is an attribute under its name in the schema.

    Parameters
    ----------
    *columns
        6 arrays (the standard figures), 52 (the extended ones too) or 54 (the sums by label too).
    """

    __slots__ = ()

    #: Names of the standard figures.
    _fields = STANDARD_NAMES

    def __new__(cls, *columns: NDArray[Any]) -> Figures:
        """Take the columns, in the order of the schema."""
        if len(columns) not in _FIELDS:
            raise TypeError(f"{len(columns)} columns are no figures; {sorted(_FIELDS)} would be")
        return super().__new__(cls, columns)

    def __getnewargs__(self) -> tuple[NDArray[Any], ...]:
        return tuple(self)

    def __getattr__(self, name: str) -> NDArray[Any]:
        at = _POSITIONS.get(name)
        if at is None or at >= len(self):
            raise AttributeError(f"there is no figure {name!r}{did_you_mean(name, self.names)}")
        return self[at]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its arrays."""
        return _FIELDS[len(self)]

    def cut(self, start: int = 0, stop: int | None = None) -> Figures:
        """Return a slice of the combinations."""
        return Figures(*(column[start:stop] for column in self))

    def _asdict(self) -> dict[str, NDArray[Any]]:
        return dict(zip(self.names, self, strict=True))

    def _replace(self, **columns: NDArray[Any]) -> Figures:
        return Figures(*(self._asdict() | columns).values())


def is_extended(figures: str) -> bool:
    """Return whether the figures called so are the extended ones.

    Raises
    ------
    InputError
        If none are called so.
    """
    known = ("standard", "extended")
    if not (isinstance(figures, str) and figures in known):
        raise InputError(f"figures = {brief(figures)} are unknown{did_you_mean(figures, known)}")
    return figures == "extended"


def empty(count: int, *, extended: bool = False, labels: int = 0) -> Figures:
    """Return figures of `count` combinations that are not written yet."""
    import numpy as np

    columns = [np.empty(count, f.dtype) for f in (SCHEMA if extended else STANDARD)]
    if labels:
        columns += [np.empty((count, labels)) for _ in LABEL_FIELDS]
    return Figures(*columns)


def concatenate(pieces: Iterable[Figures]) -> Figures:
    """Return the figures of several pieces as one, in their order."""
    import numpy as np

    return Figures(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def require_finite(
    figures: Iterable[Figures],
    name: Callable[[int], str],
) -> None:
    """Raise if a figure is infinite, or is no number where the contract does not say so.

    Limits of prices and settings keep every other step finite; only what is reinvested over and
    over can leave the numbers, those of result files (3.4e38) earlier than those of memory.

    Parameters
    ----------
    figures
        One item a phase.
    name
        Returns what a combination is called in the message, by its cell.

    Raises
    ------
    InputError
        With the first such figure, and what would do.
    """
    import numpy as np

    several = list(figures)
    for phase, each in enumerate(several, 1):
        for figure, column in zip(each.names, each, strict=True):
            if column.dtype.kind != "f":
                continue
            wrong = np.isinf(column) if figure in UNDEFINED else ~np.isfinite(column)
            if not wrong.any():
                continue
            cell = int(np.flatnonzero(wrong)[0] // (wrong.size // len(wrong)))
            where = f", phase {phase}" if len(several) > 1 else ""
            most = np.finfo(column.dtype).max
            raise InputError(not_finite(f"{name(cell)}{where}", figure, float(most)))


def not_finite(what: str, figure: str, most: float = float_info.max) -> str:
    """Return the message of a figure that has left the numbers, the largest of which is `most`."""
    return (
        f"{what}: {figure} leaves the numbers, which end at {most:.1e}: the equity multiplies from"
        " trade to trade; with sizing 'fixed' it does not, and bars whose prices jump by such"
        " factors may be wrong"
    )


def as_stored(figures: Figures) -> Figures:
    """Return figures in the types of result files: float32, and uint16 that stops at 65,535."""
    import numpy as np

    most = np.iinfo(np.uint16).max

    def stored(name: str, column: NDArray[Any]) -> NDArray[Any]:
        at = _POSITIONS[name]
        dtype = SCHEMA[at].stored if at < len(SCHEMA) else "<f8"
        if column.dtype == dtype:
            return column
        # What is beyond float32 becomes infinite, and is refused by its reader.
        with np.errstate(over="ignore"):
            return (np.minimum(column, most) if dtype == "<u2" else column).astype(dtype)

    return Figures(*(stored(n, c) for n, c in zip(figures.names, figures, strict=True)))
