"""What a strategy reads: named series over the same bars."""

from __future__ import annotations

from dataclasses import dataclass

from wfo.errors import InputError
from wfo.text import brief

#: Columns of a feed of prices.
PRICES = ("open", "high", "low", "close")


#: Columns of a feed that says which bars make a higher one, as `wfo.data.higher_bars` has them.
GROUPS = ("group", "closed")


def is_groups(name: str) -> bool:
    """Whether a feed says which bars make a higher one: it belongs to times, and not to prices.

    It is called by timeframe and calendar, such as ``"1week XNYS"``, and comes with the feeds of a
    strategy that reads higher bars. No other feed has a space in its name.
    """
    return " " in name


@dataclass(frozen=True, slots=True)
class Feed:
    """A named series that a strategy reads.

    Attributes
    ----------
    name
        ``"bars"`` is the symbol that is traded, ``"bars2"`` the second one.
    prices
        Whether it has ``open, high, low, close``.
    columns
        What it has beside them, as ``("volume",)`` or ``("rate",)``.
    """

    name: str
    prices: bool = True
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if is_groups(self.name):
            raise InputError(
                f"a feed cannot be called {brief(self.name)}; names with a space in them are of"
                " feeds that say which bars make a higher one"
            )
        if not self.prices and not self.columns:
            raise InputError(f"the feed {self.name!r} has neither prices nor columns")
        if len(set(self.all_columns)) < len(self.all_columns):
            raise InputError(f"the feed {self.name!r} has a column twice: {self.all_columns}")

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Names of the columns, prices first."""
        return (*PRICES, *self.columns) if self.prices else self.columns
