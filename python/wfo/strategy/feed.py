"""What a strategy reads: named series over the same bars."""

from __future__ import annotations

from dataclasses import dataclass

from wfo.errors import InputError

#: Columns of a feed of prices.
PRICES = ("open", "high", "low", "close")


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
        if not self.prices and not self.columns:
            raise InputError(f"the feed {self.name!r} has neither prices nor columns")
        if len(set(self.all_columns)) < len(self.all_columns):
            raise InputError(f"the feed {self.name!r} has a column twice: {self.all_columns}")

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Names of the columns, prices first."""
        return (*PRICES, *self.columns) if self.prices else self.columns
