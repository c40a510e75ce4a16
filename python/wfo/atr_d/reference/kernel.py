"""The reference behind the protocol of a kernel: feeds and settings in, figures by name out.

A compiled kernel offers the same functions, so that whatever computes is called alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.atr_d import reference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Feeds = Mapping[str, Mapping[str, NDArray[np.float64]]]

_STANDARD = ("is_pnl", "oos_pnl", "is_dd", "oos_dd", "is_trades", "oos_trades")
_SUMS = ("label_sum_r", "label_sum_r2")
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
    labels: NDArray[np.int64] | None = None,
    label_count: int = 0,
) -> tuple[
    dict[str, Any],
    dict[str, NDArray[Any]],
    NDArray[np.float64],
    tuple[NDArray[np.int64], NDArray[np.float64]],
]:
    """Simulate one parameter set over one slice, or several that follow each other.

    Parameters
    ----------
    strategy
        Name of the variant.
    feeds
        ``bars``, and ``bars2`` for the dual-symbol variants: ``open, high, low, close``.
    params
        The bar from whose orders on a set holds, and its numbers; the first one not after `warmup`.
    settings
        `wfo.Settings`.
    warmup, split
        First trading bar and first out-of-sample bar.
    labels, label_count
        A label for each bar, int64[n], and how many there are.

    Returns
    -------
    figures
        All figures by name, and the sums by label where there are labels.
    trades
        The closed trades, column by column.
    equity
        The mark at every close, float64[n].
    reversals
        Bars of the reversals, and equity at their fills.
    """
    open_, high, low, close = _prices(feeds, "bars")
    (_, first), *then = params
    found = reference.simulate(
        strategy,
        open_,
        high,
        low,
        close,
        first,
        second=_prices(feeds, "bars2") if "bars2" in feeds else None,
        then=then,
        labels=labels,
        label_count=label_count,
        warmup=warmup,
        split=split,
        **settings.to_dict(),
    )
    sums = _SUMS if label_count else ()
    figures = {name: getattr(found, name) for name in (*_STANDARD, *sums)}
    return (
        figures | dict(found.extended),
        {name: getattr(found, name) for name in _TRADES},
        found.equity,
        (found.reversal_bar, found.reversal_mark),
    )


def orders(
    strategy: str, feeds: Feeds, params: Sequence[float], settings: Any, warmup: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what one parameter set has working in the bar after the last one.

    Parameters
    ----------
    strategy, feeds, settings, warmup
        As in `simulate`.
    params
        The numbers of the set.

    Returns
    -------
    state, orders
        As `wfo.atr_d.reference.orders` does.
    """
    open_, high, low, close = _prices(feeds, "bars")
    return reference.orders(
        strategy,
        open_,
        high,
        low,
        close,
        params,
        second=_prices(feeds, "bars2") if "bars2" in feeds else None,
        warmup=warmup,
        **settings.to_dict(),
    )


def sweep(
    strategy: str,
    feeds: Feeds,
    rows: NDArray[np.float64],
    settings: Any,
    phases: Sequence[tuple[int, int, int]],
    *,
    extended: bool = False,
    labels: NDArray[np.int64] | None = None,
    label_count: int = 0,
) -> list[tuple[NDArray[Any], ...]]:
    """Compute the figures of many parameter sets over one or more phases.

    Parameters
    ----------
    strategy, feeds, settings, labels, label_count
        As in `simulate`.
    rows
        Parameter sets, float64[m, parameters].
    phases
        (warmup, split, end) of each phase.
    extended
        Whether the extended figures are wanted.

    Returns
    -------
    list of tuples
        One a phase: the standard figures, then the extended ones and the sums by label where those
        are wanted; counts as uint32.
    """
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
        extended=extended,
        labels=labels,
        label_count=label_count,
        **settings.to_dict(),
    )
    sums = _SUMS if label_count else ()
    return [
        (
            *(_typed(name, getattr(phase, name)) for name in _STANDARD),
            *(_typed(name, column) for name, column in phase.extended.items()),
            *(getattr(phase, name) for name in sums),
        )
        for phase in found
    ]


def performance(
    strategy: str,
    feeds: Feeds,
    rows: NDArray[np.float64],
    settings: Any,
    warmup: int,
) -> NDArray[np.float64]:
    """Compute the figures of many parameter sets over all bars, without a boundary.

    Parameters
    ----------
    strategy, feeds, settings
        As in `simulate`.
    rows
        Parameter sets, float64[m, parameters].
    warmup
        First trading bar.

    Returns
    -------
    float64[m, 35]
        Columns in the order of `wfo.backtest.performance.FIELDS`.
    """
    open_, high, low, close = _prices(feeds, "bars")
    return reference.performance(
        strategy,
        open_,
        high,
        low,
        close,
        rows,
        second=_prices(feeds, "bars2") if "bars2" in feeds else None,
        warmup=warmup,
        **settings.to_dict(),
    )


def _typed(name: str, column: NDArray[Any]) -> NDArray[Any]:
    """Return a count as uint32, and money as it is."""
    return column.astype("u4") if name.endswith(_COUNTS) else column


_COUNTS = ("trades", "wins", "losses", "bars_held")


def _prices(feeds: Feeds, name: str) -> Any:
    return tuple(feeds[name][column] for column in _PRICES)
