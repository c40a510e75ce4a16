"""Settings that are not searched: capital, costs, sizing, and the style of entry."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from wfo.errors import InputError, did_you_mean

Sizing = Literal["compound", "fixed"]
EntryStyle = Literal["pullback", "breakout"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "sizing": ("compound", "fixed"),
    "entry_style": ("pullback", "breakout"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What every backtest of a sweep has in common.

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
    max_stop_atr
        Widest stop, in ATRs of 70 bars.
    entry_style
        ``"pullback"`` buys a fall from the extreme, ``"breakout"`` a rise over the last close.

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
    max_stop_atr: float = 20.0
    entry_style: EntryStyle = "pullback"

    def __post_init__(self) -> None:
        fraction = "at least 0 and below 1 (0.001 is 0.1 %)"
        self._check("capital", lambda x: x > 0, "above 0")
        self._check("slip", lambda x: 0 <= x < 1, fraction)
        self._check("fee", lambda x: 0 <= x < 1, fraction)
        self._check("lot_size", lambda x: x >= 0, "0 (fractional shares) or more")
        self._check("max_stop_atr", lambda x: x > 0, "above 0")
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise InputError(f"{name} = {value!r} is unknown{did_you_mean(str(value), known)}")

    def _check(self, name: str, holds: Callable[[float], bool], allowed: str) -> None:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for the manifest."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
