"""Settings that are not searched, and that every strategy has: capital, costs and sizing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from wfo.arguments import finite_number
from wfo.errors import InputError, did_you_mean
from wfo.text import brief

Sizing = Literal["compound", "fixed"]

#: Factor of the number of lots before it is rounded down (`CONTRACT.md`, M6): the roundings of a
#: decimal number of lots, .29 / .01 say, may not take a lot away.
LOT_TOLERANCE = 1.0 + 2.0**-50

# Limits of prices and settings. With them no step of a backtest leaves float64, whose numbers end
# above 2^1023 and begin at 2^-1074, as long as profits are not reinvested. In powers of two, prices
# p and x in [2^-50, 2^50], 1 - slip and 1 - fee >= 2^-53, capital <= 2^50:
#
#   notional of a share        p (1 - slip) (1 - fee)    in [2^-156, 2^52]
#   shares of a trade          base / (p (1 - slip))     < base 2^103
#   lots of a trade            shares / lot_size         < base 2^143
#   money of a trade           shares x (1 + slip) (1 + fee) < base 2^155
#   money of 2^30 trades       base = capital            < 2^(50 + 155 + 30) = 2^235
#   sum of its squares                                   < 2^(2 * 205 + 30) = 2^440
#
# What is reinvested multiplies, and no limit of a setting or price bounds a product of so many
# factors: figures that leave the numbers are refused when they do (`figures.require_finite`).
# Money keeps its cents up to 2^53 / 100, or 9e13, and to a share of 2^-53 beyond.

#: Prices of bars, in currency. The lowest are those of one small coin in another, the highest those
#: of currencies after an inflation, and of funds before a row of reverse splits, adjusted for them.
LEAST_PRICE, MOST_PRICE = 1e-15, 1e15
#: Starting capital, in currency: a millionth of a bitcoin, and 1,000 trillion of yen or won.
LEAST_CAPITAL, MOST_CAPITAL = 1e-6, 1e15
#: The smallest lot: numbers of smaller ones may have no float64. The largest one keeps its cost,
#: ``lot_size · price · 4``, below 2^102.
LEAST_LOT, MOST_LOT = 1e-12, 1e15
#: Multipliers of ranges, widths and thresholds. A product of three of them and a price stays below
#: 2^140, and 0 times it is 0: an infinite product would make a range of 0 no number.
MOST_MULTIPLE = 1e9
#: Bars of an average, at most: more than any history has (2^30), and ``p (p + 1) / 2`` is exact.
MOST_PERIOD = 1_000_000_000


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What every backtest of a sweep has in common, whatever the strategy.

    A strategy that has more settings derives a class from it, whose ``__post_init__`` calls this
    one's and checks the rest by `check_number` and `check_choice`.

    Attributes
    ----------
    capital
        Starting capital of every phase, in currency; from 1e-6 to 1e15.
    slip
        Slippage that moves every fill against the trade, as a fraction of its price.
    fee
        Fee on every fill's notional, as a fraction of it.
    sizing
        ``"compound"`` puts the whole equity into a trade, ``"fixed"`` at most the capital.
    lot_size
        Shares are rounded down to a multiple of it, from 1e-12 to 1e15; 0 leaves them fractional.

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
        capital = f"from {LEAST_CAPITAL:g} to {MOST_CAPITAL:g}"
        self.check_number("capital", lambda x: LEAST_CAPITAL <= x <= MOST_CAPITAL, capital)
        self.check_number("slip", lambda x: 0 <= x < 1, fraction)
        self.check_number("fee", lambda x: 0 <= x < 1, fraction)
        lots = f"that is 0 (fractional shares) or at least {LEAST_LOT:g} and at most {MOST_LOT:g}"
        self.check_number("lot_size", lambda x: x == 0 or LEAST_LOT <= x <= MOST_LOT, lots)
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
            raise InputError(
                f"{name} = {brief(value)} is not allowed; it must be a number {allowed}"
            )
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
        # What equals a word need not be one: an array of words has a result for each.
        if not (isinstance(value, str) and value in known):
            hint = did_you_mean(value, known)
            raise InputError(f"{name} = {brief(value)} is unknown{hint}")

    def whole_lots(self, shares: float) -> float:
        """Return `shares` rounded down to a multiple of `lot_size`, as the contract has it (M6).

        Raises
        ------
        InputError
            If `shares` are no finite number.
        """
        shares = finite_number("shares", shares)
        if self.lot_size > 0:
            lots = math.floor(shares / self.lot_size * LOT_TOLERANCE)
            return float(lots) * self.lot_size
        return shares

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for the manifest."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
