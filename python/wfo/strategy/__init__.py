"""The catalogue of strategies. A new one is a file beside this one and a line in `_CATALOGUE`."""

from __future__ import annotations

from wfo.atr_d.catalogue import ATR_D
from wfo.errors import InputError, did_you_mean
from wfo.strategy.parameter import Fine, Number, Parameter
from wfo.strategy.value import Strategy

__all__ = ["Fine", "Number", "Parameter", "Strategy", "get_strategy", "strategies"]

_CATALOGUE: tuple[Strategy, ...] = (*ATR_D,)


def strategies() -> dict[str, Strategy]:
    """Return the catalogue, by name."""
    return {s.name: s for s in _CATALOGUE}


def get_strategy(strategy: str | Strategy) -> Strategy:
    """Return the strategy of that name; a `Strategy` is returned as it is.

    Raises
    ------
    InputError
        If no strategy has that name.
    """
    if isinstance(strategy, Strategy):
        return strategy
    known = strategies()
    if not isinstance(strategy, str) or strategy not in known:
        raise InputError(f"there is no strategy {strategy!r}{did_you_mean(str(strategy), known)}")
    return known[strategy]
