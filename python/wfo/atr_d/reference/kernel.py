"""The reference behind the protocol of a kernel: feeds and settings in, figures by name out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.atr_d import reference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Feeds = Mapping[str, Mapping[str, NDArray[np.float64]]]

_FIGURES = ("is_pnl", "oos_pnl", "is_dd", "oos_dd", "is_trades", "oos_trades")
_TRADES = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl")
_PRICES = ("open", "high", "low", "close")


def simulate(
    strategy: str,
    feeds: Feeds,
    params: Sequence[tuple[int, Sequence[float]]],
    settings: Any,
    warmup: int,
    split: int,
    *,
    labels: NDArray[np.int64] | None = None,  # noqa: ARG001
    label_count: int = 0,  # noqa: ARG001
) -> tuple[dict[str, Any], dict[str, NDArray[Any]], NDArray[np.float64]]:
    """Simulate one parameter set."""
    open_, high, low, close = _prices(feeds, "bars")
    found = reference.simulate(
        strategy,
        open_,
        high,
        low,
        close,
        params[0][1],
        second=_prices(feeds, "bars2") if "bars2" in feeds else None,
        warmup=warmup,
        split=split,
        **settings.to_dict(),
    )
    return (
        {name: getattr(found, name) for name in _FIGURES},
        {name: getattr(found, name) for name in _TRADES},
        found.equity,
    )


def sweep(
    strategy: str,
    feeds: Feeds,
    rows: NDArray[np.float64],
    settings: Any,
    phases: Sequence[tuple[int, int, int]],
    *,
    extended: bool = False,  # noqa: ARG001
    labels: NDArray[np.int64] | None = None,  # noqa: ARG001
    label_count: int = 0,  # noqa: ARG001
) -> list[tuple[NDArray[Any], ...]]:
    """Compute the figures of many parameter sets over one or more phases."""
    open_, high, low, close = _prices(feeds, "bars")
    found = reference.sweep(
        strategy,
        open_,
        high,
        low,
        close,
        rows,
        second=_prices(feeds, "bars2") if "bars2" in feeds else None,
        phases=phases,
        **settings.to_dict(),
    )
    return [tuple(getattr(phase, name) for name in _FIGURES) for phase in found]


def _prices(feeds: Feeds, name: str) -> Any:
    return tuple(feeds[name][column] for column in _PRICES)
