"""All figures of a backtest, from its closed trades and its marks alone.

Kernels in Python leave the counting to it, and `wfo.testing` compares with it what other kernels
count. What every figure means is fixed by the schema, `wfo.backtest.figures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.backtest.figures import LABEL_FIELDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.checks import Labels

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


class Records(NamedTuple):
    """What there is to count.

    Attributes
    ----------
    side, entry_bar, exit_bar, pnl
        Closed trades: +1 or -1, bars, profit or loss in currency; one number each a trade.
    equity
        float64[n]: the mark at every close.
    reversal_bar, reversal_mark
        Bars of the reversals, ascending, and the equity at the fill of each.
    open_since
        Bar of the entry of the position that is open after the last bar; -1 without one.
    """

    side: NDArray[Any]
    entry_bar: IntArray
    exit_bar: IntArray
    pnl: FloatArray
    equity: FloatArray
    reversal_bar: IntArray
    reversal_mark: FloatArray
    open_since: int = -1


def recount(
    records: Records, warmup: int, split: int, labels: Labels | None = None
) -> dict[str, Any]:
    """Return all figures by name, and the sums by label where there are labels.

    Parameters
    ----------
    records
        Trades and marks of n bars.
    warmup, split
        First trading bar and first out-of-sample bar, ``1 <= warmup < split < n``.
    labels
        What each bar is called.

    Returns
    -------
    dict of name to number, and to float64[labels] for the sums
    """
    end = len(records.equity)
    parts = {"is_": (warmup, split), "oos_": (split, end)}
    standard: dict[str, dict[str, Any]] = {name: {} for name in ("pnl", "dd", "trades")}
    extended: dict[str, Any] = {}
    for part, (first, stop) in parts.items():
        start = records.equity[first - 1]
        marks = _marks(records, first, stop)
        here = (records.exit_bar >= first) & (records.exit_bar < stop)
        standard["pnl"][part] = float(records.equity[stop - 1] - start)
        standard["dd"][part] = float((_peaks(marks) - marks).max())
        standard["trades"][part] = int(here.sum())
        for side, own in (("", here), ("long_", records.side > 0), ("short_", records.side < 0)):
            for name, value in _trades(records.pnl[here & own]).items():
                extended[f"{part}{side}{name}"] = value
        extended[f"{part}bars_held"] = _held(records, first, stop)
        extended[f"{part}dd_share"] = (
            float((1 - marks / _peaks(marks)).max()) if start > 0 else float("nan")
        )
        r = _returns(records.equity, first, stop)
        extended[f"{part}sum_r"] = float(r.sum())
        extended[f"{part}sum_r2"] = float((r * r).sum())
        extended[f"{part}sum_down2"] = float((r.clip(max=0) ** 2).sum())
    figures = {part + name: of[part] for name, of in standard.items() for part in parts}
    return figures | extended | _label_sums(records.equity, warmup, labels)


def recount_whole(records: Records, warmup: int) -> dict[str, float]:
    """Return the figures of all bars from the first trading one on, without a boundary, by name.

    Intraday drawdowns are NaN: trades and marks do not say what lies between them.

    Parameters
    ----------
    records
        Trades and marks of n bars.
    warmup
        First trading bar, ``1 <= warmup < n``.
    """
    end = len(records.equity)
    start = float(records.equity[warmup - 1])
    found: dict[str, float] = {}
    whole = records.side == records.side
    for side, own in (("", whole), ("long_", records.side > 0), ("short_", records.side < 0)):
        pnl = records.pnl[own]
        figures = {"trades": len(pnl), **_trades(pnl), "sum_pnl2": float((pnl * pnl).sum())}
        found |= {f"{side}{name}": float(value) for name, value in figures.items()}
        found[f"{side}intraday_dd"] = float("nan")
    marks = _marks(records, warmup, end)
    last = float(records.equity[-1])
    is_open = records.open_since >= 0
    r = _returns(records.equity, warmup, end)
    return found | {
        "pnl": last - start,
        "dd": float((_peaks(marks) - marks).max()),
        "dd_share": float((1 - marks / _peaks(marks)).max()),
        # Without a position the last mark is the equity after the last trade.
        "open_profit": last - (start + float(records.pnl.sum())) if is_open else 0.0,
        "bars_held": float(_held(records, warmup, end)),
        "sum_r": float(r.sum()),
        "sum_r2": float((r * r).sum()),
        "sum_down2": float((r.clip(max=0) ** 2).sum()),
    }


def _marks(records: Records, first: int, stop: int) -> FloatArray:
    """Return the marks of some bars in time, the one before them first.

    A reversal's fill comes before its bar's close.
    """
    import numpy as np

    here = (records.reversal_bar >= first) & (records.reversal_bar < stop)
    at = records.reversal_bar[here] - (first - 1)
    found: FloatArray = np.insert(records.equity[first - 1 : stop], at, records.reversal_mark[here])
    return found


def _peaks(marks: FloatArray) -> FloatArray:
    import numpy as np

    found: FloatArray = np.maximum.accumulate(marks)
    return found


def _trades(pnl: FloatArray) -> dict[str, Any]:
    """Return what trades come to."""
    wins, losses = pnl[pnl > 0], pnl[pnl < 0]
    return {
        "wins": len(wins),
        "losses": len(losses),
        "gross_profit": float(wins.sum()),
        "gross_loss": float(losses.sum()),
        "largest_win": float(wins.max(initial=0)),
        "largest_loss": float(losses.min(initial=0)),
    }


def _held(records: Records, first: int, stop: int) -> int:
    """Return at how many closes of some bars a position is open."""
    bars = records.exit_bar.clip(first, stop) - records.entry_bar.clip(first, stop)
    still = 0 if records.open_since < 0 else stop - min(max(records.open_since, first), stop)
    return int(bars.sum()) + still


def _returns(equity: FloatArray, first: int, stop: int) -> FloatArray:
    """Return the bars' returns, NaN where a mark is not above 0."""
    import numpy as np

    before, now = equity[first - 1 : stop - 1], equity[first:stop]
    found = np.full(stop - first, np.nan)
    np.divide(now, before, out=found, where=(before > 0) & (now > 0))
    return found - 1


def _label_sums(equity: FloatArray, warmup: int, labels: Labels | None) -> dict[str, FloatArray]:
    """Return the sums of returns, and of their squares, by label."""
    if labels is None:
        return {}
    import numpy as np

    r = _returns(equity, warmup, len(equity))
    codes = labels.codes[warmup : len(equity)]
    return {
        name: np.bincount(codes, weights=w, minlength=labels.count).astype(np.float64, copy=False)
        for name, w in zip(LABEL_FIELDS, (r, r * r), strict=True)
    }
