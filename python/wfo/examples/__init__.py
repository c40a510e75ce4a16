"""Strategies as a user writes them, a file each: to read, to copy, and to run as they are."""

from __future__ import annotations

from wfo.examples.atr_d import AtrDL, AtrDLS
from wfo.examples.bollinger import Bollinger
from wfo.examples.donchian import Donchian
from wfo.examples.macd_reversal import MacdReversal
from wfo.examples.rsi2 import Rsi2
from wfo.examples.sma_cross import SmaCross

__all__ = [
    "AtrDL",
    "AtrDLS",
    "Bollinger",
    "Donchian",
    "MacdReversal",
    "Rsi2",
    "SmaCross",
]
