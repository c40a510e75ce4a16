"""Settings that are not searched, and that every strategy has: capital, costs and sizing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from wfo.errors import InputError, did_you_mean

Sizing = Literal["compound", "fixed"]

#: Factor of the number of lots before it is rounded down (`CONTRACT.md`, M6): the roundings of a
#: decimal number of lots, .29 / .01 say, may not take a lot away.
LOT_TOLERANCE = 1.0 + 2.0**-50
#: The smallest lot: numbers of smaller ones may have no float64.
LEAST_LOT = 1e-12


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What every backtest of a sweep has in common, whatever the strategy.

    A strategy that has more settings derives a class from it, whose ``__post_init__`` calls this
    one's and checks the rest by `check_number` and `check_choice`.

    Attributes
    ----------
    capital
        Starting capital of every phase, in currency.
    slip
        Slippage that moves every fill against the trade, as a fraction of its price.
    fee
        Fee on every fill's notional, as a fraction of it.
    sizing
        ``"compound"`` puts the whole equity into a trade, ``"fixed"`` at most the capital.
    lot_size
        Shares are rounded down to a multiple of it; 0 leaves them fractional.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    capital: float = 100_000.0
    slip: float = 0.0
    fee: float = 0.0
    sizing: Sizing = "compound"
    lot_size: float = 0.0

    def __post_init__(self) -> None:
        fraction = "at least 0 and below 1 (0.001 is 0.1 %)"
        self.check_number("capital", lambda x: x > 0, "above 0")
        self.check_number("slip", lambda x: 0 <= x < 1, fraction)
        self.check_number("fee", lambda x: 0 <= x < 1, fraction)
        lots = f"that is 0 (fractional shares) or at least {LEAST_LOT:g}"
        self.check_number("lot_size", lambda x: x == 0 or x >= LEAST_LOT, lots)
        self.check_choice("sizing", ("compound", "fixed"))

    def check_number(self, name: str, holds: Callable[[float], bool], allowed: str) -> None:
        """Make a setting a float, and raise unless it is finite and allowed.

        Parameters
        ----------
        name
            Of the setting.
        holds
            Whether a finite number is allowed.
        allowed
            What is, in words that follow "a number".

        Raises
        ------
        InputError
            With the setting and its value.
        """
        value = getattr(self, name)
        try:
            real = isinstance(value, numbers.Real) and not isinstance(value, bool)
            number = float(value) if real else math.nan
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and holds(number)):
            raise InputError(f"{name} = {value!r} is not allowed; it must be a number {allowed}")
        # Equal settings have equal fingerprints: 100000 and 100000.0 are the same capital.
        object.__setattr__(self, name, number)

    def check_choice(self, name: str, known: tuple[str, ...]) -> None:
        """Raise unless a setting is one of the words `known`.

        Raises
        ------
        InputError
            With the setting, its value and the nearest word.
        """
        value = getattr(self, name)
        if value not in known:
            raise InputError(f"{name} = {value!r} is unknown{did_you_mean(str(value), known)}")

    def whole_lots(self, shares: float) -> float:
        """Return `shares` rounded down to a multiple of `lot_size`, as the contract has it (M6)."""
        if self.lot_size > 0:
            lots = math.floor(shares / self.lot_size * LOT_TOLERANCE)
            return float(lots) * self.lot_size
        return shares

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for the manifest."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
