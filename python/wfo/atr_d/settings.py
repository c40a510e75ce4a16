"""Settings of the ATR-D family: those of every account, the widest stop, and the style of entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wfo.settings import MOST_MULTIPLE, AccountSettings

EntryStyle = Literal["pullback", "breakout"]


@dataclass(frozen=True, slots=True)
class Settings(AccountSettings):
    """What every backtest of a sweep has in common, for the strategies of this package.

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
    max_stop_atr
        Widest stop, in ATRs of 70 bars; at most 1e9.
    entry_style
        ``"pullback"`` buys a fall from the extreme, ``"breakout"`` a rise over the last close.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    max_stop_atr: float = 20.0
    entry_style: EntryStyle = "pullback"

    def __post_init__(self) -> None:
        # By name: a dataclass with slots is another class than the one that `super` would look in.
        AccountSettings.__post_init__(self)
        widest = f"above 0 and at most {MOST_MULTIPLE:g}"
        self.check_number("max_stop_atr", lambda x: 0 < x <= MOST_MULTIPLE, widest)
        self.check_choice("entry_style", ("pullback", "breakout"))
