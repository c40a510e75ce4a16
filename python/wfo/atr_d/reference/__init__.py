"""The reference engine: the six variants of ATR-D as readable Numba, bar by bar.

This package is the definition in code, `CONTRACT.md` beside it is the definition in words, and
the Rust engines are tested against both. Numba is loaded by the first call, not by the import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wfo.atr_d.reference.variants import VARIANTS, Variant, complete, parameters
from wfo.errors import EngineError, InputError, did_you_mean

if TYPE_CHECKING:
    from wfo.atr_d.reference.atr_d import Bars, Settings

__all__ = ["ReferenceResult", "SweepFigures", "orders", "performance", "simulate", "sweep"]

#: The prices of a symbol: open, high, low, close.
Prices = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]

_TRADES = ("wins", "losses", "gross_profit", "gross_loss", "largest_win", "largest_loss")
_PATH = ("bars_held", "dd_share", "sum_r", "sum_r2", "sum_down2")

#: Names of the extended figures, in the order in which the kernels write them.
EXTENDED = tuple(
    f"{part}_{name}"
    for part in ("is", "oos")
    for name in (*(f"{side}{t}" for side in ("", "long_", "short_") for t in _TRADES), *_PATH)
)


def _nothing() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True, eq=False, slots=True)
class ReferenceResult:
    """What one parameter set did in one slice of ``n`` bars.

    Attributes
    ----------
    side
        +1 for long, -1 for short, int8[trades]. Trades are those closed in the slice, in order of
        their exits.
    entry_bar, exit_bar
        Bars of the fills, int64[trades], counted from the first bar of the slice.
    entry_price, exit_price
        Raw fills, before slippage and fee, float64[trades].
    pnl
        Equity after the trade minus equity before it, in currency, float64[trades].
    equity
        Mark at every close, in currency, float64[n]; the capital before the first trading bar.
    is_pnl, oos_pnl
        Change of the mark in-sample and out-of-sample, in currency.
    is_dd, oos_dd
        Largest fall from a running peak of the marks, in currency, >= 0. Equity at the fill of a
        reversal is a mark too, although `equity` shows only closes.
    is_trades, oos_trades
        Trades closed in-sample and out-of-sample.
    extended
        The extended figures by name, as `CONTRACT.md` defines them.
    reversal_bar, reversal_mark
        Bars of the reversals, int64[reversals], and equity at their fills, float64[reversals].
    label_sum_r, label_sum_r2
        Sums of the bars' returns, and of their squares, by label, float64[labels].
    """

    side: NDArray[np.int8]
    entry_bar: NDArray[np.int64]
    entry_price: NDArray[np.float64]
    exit_bar: NDArray[np.int64]
    exit_price: NDArray[np.float64]
    pnl: NDArray[np.float64]
    equity: NDArray[np.float64]
    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_trades: int
    oos_trades: int
    extended: Mapping[str, float] = field(default_factory=dict)
    reversal_bar: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    reversal_mark: NDArray[np.float64] = field(default_factory=_nothing)
    label_sum_r: NDArray[np.float64] = field(default_factory=_nothing)
    label_sum_r2: NDArray[np.float64] = field(default_factory=_nothing)


@dataclass(frozen=True, eq=False, slots=True)
class SweepFigures:
    """Figures of ``m`` parameter sets in one phase.

    Attributes
    ----------
    is_pnl, oos_pnl, is_dd, oos_dd
        As in `ReferenceResult`, float64[m].
    is_trades, oos_trades
        As in `ReferenceResult`, int64[m].
    extended
        The extended figures by name, float64[m] each, where they were asked for.
    label_sum_r, label_sum_r2
        Sums by label, float64[m, labels].
    """

    is_pnl: NDArray[np.float64]
    oos_pnl: NDArray[np.float64]
    is_dd: NDArray[np.float64]
    oos_dd: NDArray[np.float64]
    is_trades: NDArray[np.int64]
    oos_trades: NDArray[np.int64]
    extended: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    label_sum_r: NDArray[np.float64] = field(default_factory=_nothing)
    label_sum_r2: NDArray[np.float64] = field(default_factory=_nothing)


def simulate(
    strategy: str,
    open: ArrayLike,  # noqa: A002 - the price's own name
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    params: Sequence[float],
    *,
    second: Prices | None = None,
    then: Sequence[tuple[int, Sequence[float]]] = (),
    labels: ArrayLike | None = None,
    label_count: int = 0,
    warmup: int,
    split: int,
    capital: float,
    slip: float,
    fee: float,
    sizing: str,
    lot_size: float,
    max_stop_atr: float,
    entry_style: str,
) -> ReferenceResult:
    """Simulate one parameter set over one slice.

    Parameters and settings are expected to be validated; only what would read outside of an
    array is refused here.

    Parameters
    ----------
    strategy
        One of the six variants: ``"atr_d_l"``, ``"atr_d_ls"``, ``"atr_d_hma_l"``,
        ``"atr_d_hma_ls"``, ``"atr_d_duals_l"``, ``"atr_d_duals_ls"``.
    open, high, low, close
        Prices, float64[n]. They may be read-only and are never changed.
    params
        The parameters of the variant in canonical order, 11 to 16 numbers; whole numbers may be
        given as floats.
    second
        Open, high, low and close of Data2, float64[n] each and aligned to the first symbol, for
        the dual-symbol variants and only for them.
    then
        Parameter sets that follow: the bar from whose orders on each holds, ascending and after
        ``warmup``, and its numbers.
    labels, label_count
        A label for each bar, int64[n], from 0 to ``label_count - 1`` at trading bars.
    warmup
        First trading bar, at least the longest lookback.
    split
        First out-of-sample bar, ``1 <= warmup < split < n``.
    capital
        Equity before the first trade, in currency.
    slip, fee
        Fractions of price, of every fill.
    sizing
        ``"compound"`` or ``"fixed"``.
    lot_size
        Shares are rounded down to a multiple of it; 0 leaves them fractional.
    max_stop_atr
        Widest stop, in ATRs over 70 bars.
    entry_style
        ``"pullback"`` or ``"breakout"``.

    Returns
    -------
    ReferenceResult
        Closed trades, marks and figures.

    Raises
    ------
    InputError
        If the strategy, ``sizing`` or ``entry_style`` is unknown, ``params`` has the wrong number
        of values, arrays differ in length, Data2 is missing or not expected, or the bars of the
        slice are not in order.
    EngineError
        If Numba is not installed.
    """
    kernels = _kernels()
    variant = _variant(strategy)
    bars = _bars(kernels, (open, high, low, close))
    width_bars = _width_bars(kernels, strategy, variant, bars, second)
    count = len(parameters(variant))
    rows = [np.array(row, dtype=np.float64) for row in (params, *(row for _, row in then))]
    for row in rows:
        if row.shape != (count,):
            raise InputError(
                f"params has shape {row.shape}; give the {count} numbers of {strategy}, one set"
            )
    _check_phase(warmup, split, bars.close.size)
    firsts = np.array([warmup, *(first for first, _ in then)], dtype=np.int64)
    if (np.diff(firsts) <= 0).any() or firsts[-1] >= bars.close.size:
        raise InputError(
            f"the sets hold from bars {firsts.tolist()}; these must ascend, within the"
            f" {bars.close.size} bars"
        )
    codes = _labels(labels, label_count, bars.close.size)
    settings = _settings(
        kernels,
        capital=capital,
        slip=slip,
        fee=fee,
        sizing=sizing,
        lot_size=lot_size,
        max_stop_atr=max_stop_atr,
        entry_style=entry_style,
    )
    full_rows = complete(variant, np.stack(rows))
    trades, marks, figures, in_sample, out_of_sample = kernels.simulate_one(
        variant, bars, width_bars, full_rows, firsts, int(warmup), int(split), settings
    )
    extended = np.concatenate([kernels.as_row(in_sample), kernels.as_row(out_of_sample)])
    sum_r, sum_r2 = kernels.label_sums(marks, codes, label_count, int(warmup))
    (reversals,) = np.nonzero(~np.isnan(marks.at_fill))
    # The kernel cuts the trades out of longer arrays: copies let those go.
    return ReferenceResult(
        side=trades.side.copy(),
        entry_bar=trades.entry_bar.copy(),
        entry_price=trades.entry_price.copy(),
        exit_bar=trades.exit_bar.copy(),
        exit_price=trades.exit_price.copy(),
        pnl=trades.pnl.copy(),
        equity=marks.at_close,
        is_pnl=figures.is_pnl,
        oos_pnl=figures.oos_pnl,
        is_dd=figures.is_dd,
        oos_dd=figures.oos_dd,
        is_trades=figures.is_trades,
        oos_trades=figures.oos_trades,
        extended=dict(zip(EXTENDED, extended.tolist(), strict=True)),
        reversal_bar=reversals,
        reversal_mark=marks.at_fill[reversals],
        label_sum_r=sum_r,
        label_sum_r2=sum_r2,
    )


def orders(
    strategy: str,
    open: ArrayLike,  # noqa: A002 - the price's own name
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    params: Sequence[float],
    *,
    second: Prices | None = None,
    warmup: int,
    capital: float,
    slip: float,
    fee: float,
    sizing: str,
    lot_size: float,
    max_stop_atr: float,
    entry_style: str,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what one parameter set has working in the bar after the last one.

    Parameters
    ----------
    strategy, open, high, low, close, params, second
        As in `simulate`.
    warmup
        First trading bar, at least the longest lookback, at most n.
    capital, slip, fee, sizing, lot_size, max_stop_atr, entry_style
        As in `simulate`.

    Returns
    -------
    state : dict
        ``side`` (+1, -1, or 0 for flat), ``since`` (a bar), ``entry_price``, ``shares``, ``equity``
        (after the last closed trade), ``mark``, ``ruined``, ``both_fill``.
    orders : list of dict
        ``action``, ``kind``, ``level``, ``shares``, ``obstacle``, ``obstacle_numbers``,
        ``fills_beyond``.

    Raises
    ------
    InputError
        As in `simulate`.
    EngineError
        If Numba is not installed.
    """
    kernels = _kernels()
    from wfo.atr_d.reference import working

    variant = _variant(strategy)
    bars = _bars(kernels, (open, high, low, close))
    width_bars = _width_bars(kernels, strategy, variant, bars, second)
    row = np.array(params, dtype=np.float64)
    count = len(parameters(variant))
    if row.shape != (count,):
        raise InputError(
            f"params has shape {row.shape}; give the {count} numbers of {strategy}, one set"
        )
    if not 2 <= warmup <= bars.close.size:
        raise InputError(
            f"warmup {warmup}, {bars.close.size} bars; need 2 <= warmup <= bars, since the first"
            " order looks at two of them"
        )
    settings = _settings(
        kernels,
        capital=capital,
        slip=slip,
        fee=fee,
        sizing=sizing,
        lot_size=lot_size,
        max_stop_atr=max_stop_atr,
        entry_style=entry_style,
    )
    full = complete(variant, row[np.newaxis])[0]
    standing, facts = working.after_last_bar(variant, bars, width_bars, full, int(warmup), settings)
    return working.working_of(variant, kernels.params_of(full), settings, standing, facts)


def sweep(
    strategy: str,
    open: ArrayLike,  # noqa: A002 - the price's own name
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    rows: ArrayLike,
    *,
    second: Prices | None = None,
    phases: Sequence[tuple[int, int, int]],
    extended: bool = False,
    labels: ArrayLike | None = None,
    label_count: int = 0,
    capital: float,
    slip: float,
    fee: float,
    sizing: str,
    lot_size: float,
    max_stop_atr: float,
    entry_style: str,
) -> list[SweepFigures]:
    """Simulate many parameter sets over one or more phases of a slice.

    Parameters
    ----------
    strategy, open, high, low, close, second
        As in `simulate`.
    rows
        Parameter sets, float64[m, number of parameters] in canonical order.
    phases
        (warmup, split, end) of each phase, ``1 <= warmup < split < end <= n``. A phase is what
        `simulate` does over ``bars[:end]``.
    extended
        Whether the extended figures are wanted.
    labels, label_count
        As in `simulate`.
    capital, slip, fee, sizing, lot_size, max_stop_atr, entry_style
        As in `simulate`.

    Returns
    -------
    list of SweepFigures
        One for each phase, in the order given.

    Raises
    ------
    InputError
        As in `simulate`.
    EngineError
        If Numba is not installed.
    """
    kernels = _kernels()
    variant = _variant(strategy)
    bars = _bars(kernels, (open, high, low, close))
    width_bars = _width_bars(kernels, strategy, variant, bars, second)
    table = _table(strategy, variant, rows)
    for warmup, split, end in phases:
        if end > bars.close.size:
            raise InputError(f"a phase ends at bar {end}, but there are {bars.close.size} bars")
        _check_phase(warmup, split, end)
    settings = _settings(
        kernels,
        capital=capital,
        slip=slip,
        fee=fee,
        sizing=sizing,
        lot_size=lot_size,
        max_stop_atr=max_stop_atr,
        entry_style=entry_style,
    )
    phase_table = np.array(phases, dtype=np.int64).reshape(len(phases), 3)
    full_table = complete(variant, table)
    codes = _labels(labels, label_count, bars.close.size)
    money, counts, more, sums = kernels.sweep_rows(
        variant, bars, width_bars, full_table, phase_table, settings, extended, codes, label_count
    )
    return [
        SweepFigures(
            is_pnl=money[j, 0],
            oos_pnl=money[j, 1],
            is_dd=money[j, 2],
            oos_dd=money[j, 3],
            is_trades=counts[j, 0],
            oos_trades=counts[j, 1],
            extended=dict(zip(EXTENDED, more[j], strict=True)) if extended else {},
            label_sum_r=sums[j, 0],
            label_sum_r2=sums[j, 1],
        )
        for j in range(len(phases))
    ]


def performance(
    strategy: str,
    open: ArrayLike,  # noqa: A002 - the price's own name
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    rows: ArrayLike,
    *,
    second: Prices | None = None,
    warmup: int,
    capital: float,
    slip: float,
    fee: float,
    sizing: str,
    lot_size: float,
    max_stop_atr: float,
    entry_style: str,
) -> NDArray[np.float64]:
    """Simulate many parameter sets over a whole slice, without a boundary in it.

    Parameters
    ----------
    strategy, open, high, low, close, second
        As in `simulate`.
    rows
        Parameter sets, float64[m, number of parameters] in canonical order.
    warmup
        First trading bar, ``1 <= warmup < n``.
    capital, slip, fee, sizing, lot_size, max_stop_atr, entry_style
        As in `simulate`.

    Returns
    -------
    float64[m, 35]
        Columns in the order of `wfo.backtest.performance.FIELDS`.

    Raises
    ------
    InputError
        As in `simulate`.
    EngineError
        If Numba is not installed.
    """
    kernels = _kernels()
    variant = _variant(strategy)
    bars = _bars(kernels, (open, high, low, close))
    width_bars = _width_bars(kernels, strategy, variant, bars, second)
    table = _table(strategy, variant, rows)
    if not 1 <= warmup < bars.close.size:
        raise InputError(f"warmup {warmup}, {bars.close.size} bars; need 1 <= warmup < bars")
    settings = _settings(
        kernels,
        capital=capital,
        slip=slip,
        fee=fee,
        sizing=sizing,
        lot_size=lot_size,
        max_stop_atr=max_stop_atr,
        entry_style=entry_style,
    )
    found: NDArray[np.float64] = kernels.performance_rows(
        variant, bars, width_bars, complete(variant, table), int(warmup), settings
    )
    return found


def _table(strategy: str, variant: Variant, rows: ArrayLike) -> NDArray[np.float64]:
    """Copy parameter sets, float64[m, parameters]."""
    table = np.array(rows, dtype=np.float64)
    count = len(parameters(variant))
    if table.ndim != 2 or table.shape[1] != count:
        raise InputError(f"rows has shape {table.shape}; give (sets, {count}) for {strategy}")
    return table


def _kernels() -> ModuleType:
    """Load the compiled side, or say why it is missing."""
    try:
        from wfo.atr_d.reference import atr_d
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "numba":
            # Numba is there but does not load, e.g. beside a NumPy that it does not know yet.
            raise EngineError(f"the reference engine cannot load Numba: {error}") from error
        raise EngineError(
            "the reference engine needs Numba: pip install 'wfo[reference]'"
        ) from error
    return atr_d


def _variant(strategy: str) -> Variant:
    if strategy not in VARIANTS:
        raise InputError(f"unknown strategy {strategy!r}{did_you_mean(strategy, VARIANTS)}")
    return VARIANTS[strategy]


def _bars(kernels: ModuleType, prices: Prices) -> Bars:
    """Copy the prices, so that the kernels see one array type and the caller's stay untouched."""
    bars: Bars = kernels.Bars(*(np.array(x, dtype=np.float64, order="C") for x in prices))
    shapes = [x.shape for x in bars]
    if any(shape != (bars.close.size,) for shape in shapes):
        raise InputError(f"open, high, low, close have shapes {shapes}; give one length n")
    return bars


def _width_bars(
    kernels: ModuleType, strategy: str, variant: Variant, bars: Bars, second: Prices | None
) -> Bars:
    """Return the bars that feed the Bollinger width: Data2 where the variant has it."""
    if not variant.second:
        if second is not None:
            raise InputError(f"{strategy} has one symbol; leave out second")
        return bars
    if second is None:
        raise InputError(f"{strategy} needs second: open, high, low and close of Data2")
    width_bars = _bars(kernels, second)
    if width_bars.close.size != bars.close.size:
        raise InputError(
            f"second has {width_bars.close.size} bars and the first symbol {bars.close.size};"
            " align them to the same dates"
        )
    return width_bars


def _labels(labels: ArrayLike | None, count: int, n: int) -> NDArray[np.int64]:
    """Copy the labels; where none are wanted, there are none to read."""
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    codes = np.array(labels, dtype=np.int64, order="C")
    if codes.shape != (n,) or codes.min() < 0 or codes.max() >= count:
        raise InputError(f"labels must be {n} numbers from 0 to {count - 1}, one a bar")
    return codes


def _check_phase(warmup: int, split: int, n: int) -> None:
    if not 1 <= warmup < split < n:  # [I1]
        raise InputError(
            f"warmup {warmup}, split {split}, {n} bars; need 1 <= warmup < split < bars"
        )


def _settings(
    kernels: ModuleType,
    *,
    capital: float,
    slip: float,
    fee: float,
    sizing: str,
    lot_size: float,
    max_stop_atr: float,
    entry_style: str,
) -> Settings:
    for name, value, known in (
        ("sizing", sizing, ("compound", "fixed")),
        ("entry_style", entry_style, ("pullback", "breakout")),
    ):
        if value not in known:
            raise InputError(f"unknown {name} {value!r}{did_you_mean(value, known)}")
    settings: Settings = kernels.Settings(
        float(capital),
        float(slip),
        float(fee),
        sizing == "fixed",
        float(lot_size),
        float(max_stop_atr),
        entry_style == "breakout",
    )
    return settings
