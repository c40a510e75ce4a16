"""The ATR-D family: one strategy with options, six variants of it.

What they compute is fixed by ``wfo/atr_d/CONTRACT.md``.
"""

from __future__ import annotations

import math
from dataclasses import replace

from wfo.strategy.parameter import Fine, Parameter
from wfo.strategy.value import Strategy

_ANY = math.inf

_LONG = (
    Parameter(
        "atr_period", "ATR_Period", "int", 1, _ANY,
        Fine.of("4", "70", "1"), True, "bars of the stop's ATR",
    ),
    Parameter(
        "atr_multiplier", "ATR_Multiplier", "float", 0, _ANY,
        Fine.of("1", "30", "0.25"), True, "stop width in ATRs", open_low=True,
    ),
    Parameter(
        "bb_length", "BB_Length", "int", 2, _ANY,
        Fine.of("6", "70", "1"), False, "bars of the Bollinger width",
    ),
    Parameter(
        "bb_deviation", "BB_Deviation", "float", 0, _ANY,
        Fine.of("0.5", "4", "0.25"), True, "its standard deviations", open_low=True,
    ),
    Parameter(
        "vol_threshold", "Vol_Threshold", "float", 0, _ANY,
        Fine.of("0.02", "0.4", "0.02"), False, "width under which the stop tightens",
        open_low=True,
    ),
    Parameter(
        "min_tightening", "Min_Tightening", "float", 0, 1,
        Fine.of("0.1", "0.95", "0.05"), True, "floor of the tightening factor", open_low=True,
    ),
    Parameter(
        "scaling_method", "Scaling_Method", "choice", 0, 2,
        Fine.of("0", "2", "1"), False, "0 linear, 1 square root, 2 quadratic",
    ),
    Parameter(
        "atr_buy_period", "ATRBuy_Period", "int", 1, _ANY,
        Fine.of("4", "70", "1"), True, "bars of the entry's ATR",
    ),
    Parameter(
        "atr_buy_multiplier", "ATRBuyMultiplier", "float", 0, _ANY,
        Fine.of("0.5", "4", "0.25"), True, "entry offset in ATRs", open_low=True,
    ),
    Parameter(
        "atr_smooth_period", "ATR_Smooth_Period", "int", 1, _ANY,
        Fine.of("1", "20", "1"), True, "EMA over the entry's ATR",
    ),
    Parameter(
        "equity_price_method", "EquityPrice_Method", "choice", 0, 1,
        Fine.of("0", "1", "1"), False, "0 typical price, 1 close",
    ),
)  # fmt: skip

_SHORT = (
    Parameter(
        "short_multiplier", "Short_Multiplier", "float", 0, _ANY,
        Fine.of("0.2", "1", "0.1"), True, "scales the short side's ATRs", open_low=True,
    ),
)  # fmt: skip

_MODES = (
    Parameter(
        "entry_mode", "Entry_Mode", "choice", 0, 2,
        Fine.of("0", "2", "1"), False, "0 flat only, 1 long priority, 2 full reversal",
    ),
    Parameter(
        "trend_filter_period", "Trend_Filter_Period", "int", 1, _ANY,
        Fine.of("3", "20", "1"), False, "bars of the veto's EMA of close",
    ),
    Parameter(
        "trend_veto_threshold", "Trend_Veto_Threshold", "float", -_ANY, _ANY,
        Fine.of("-0.5", "0.5", "0.01"), False, "down-slope in % a bar that a short must exceed",
    ),
    Parameter(
        "both_triggered_mode", "Both_Triggered_Mode", "choice", 0, 1,
        Fine.of("0", "1", "1"), False, "0 the first cancels the other, 1 both fill",
    ),
)  # fmt: skip

_HULL = (
    Parameter(
        "hma_fast_length", "HMA_Fast_Length", "int", 1, _ANY,
        Fine.of("10", "60", "1"), True, "bars of the fast Hull average",
    ),
    Parameter(
        "hma_slow_length", "HMA_Slow_Length", "int", 1, _ANY,
        Fine.of("40", "100", "1"), True, "bars of the slow Hull average",
    ),
)  # fmt: skip

# A Hull variant enters with the trend, and so searches wider entries.
_LONG_OF_HULL = tuple(
    replace(p, fine=Fine.of("0.5", "20", "0.25")) if p.name == "atr_buy_multiplier" else p
    for p in _LONG
)

ATR_D_L = Strategy(
    name="atr_d_l",
    title="ATR-D long: buys a pull-back in ATRs, leaves by a stop that tightens in quiet",
    tradestation="ATR-D-v1.5-L",
    parameters=_LONG,
    map_axes=("atr_multiplier", "atr_buy_multiplier"),
    baseline=70,
    lookbacks=("atr_period", "bb_length", "atr_buy_period"),
)

ATR_D_LS = replace(
    ATR_D_L,
    name="atr_d_ls",
    title="ATR-D long and short, with entry modes and a veto of shorts by trend",
    tradestation="ATR-D-v1.5-LS",
    parameters=(*_LONG, *_SHORT, *_MODES),
    shorts=True,
    scaled=("atr_period", "atr_buy_period"),
    expansion=("atr_d_l",),
    simpler={"atr_d_l": "shorts"},
)

ATR_D_HMA_L = replace(
    ATR_D_L,
    name="atr_d_hma_l",
    title="ATR-D long, entering with the trend of two Hull averages",
    tradestation="ATR-D-HMA-v1.5-L",
    parameters=(*_LONG_OF_HULL, *_HULL),
    hulls=("hma_fast_length", "hma_slow_length"),
)

ATR_D_HMA_LS = replace(
    ATR_D_HMA_L,
    name="atr_d_hma_ls",
    title="ATR-D long and short, entering with the trend of two Hull averages",
    tradestation="ATR-D-HMA-v1.5-LS",
    parameters=(*_LONG_OF_HULL, *_SHORT, *_HULL),
    shorts=True,
    scaled=("atr_period", "atr_buy_period"),
    expansion=("atr_d_hma_l",),
    simpler={"atr_d_hma_l": "shorts"},
)

ATR_D_DUALS_L = replace(
    ATR_D_L,
    name="atr_d_duals_l",
    title="ATR-D long, its stop tightened by the quiet of a second symbol",
    tradestation="ATR-D-DualS-v1.5-L",
    dual_symbol=True,
    expansion=("atr_d_l",),
    simpler={"atr_d_l": "Data2"},
)

ATR_D_DUALS_LS = replace(
    ATR_D_LS,
    name="atr_d_duals_ls",
    title="ATR-D long and short, its stops tightened by the quiet of a second symbol",
    tradestation="ATR-D-DualS-v1.5-LS",
    dual_symbol=True,
    expansion=("atr_d_duals_l", "atr_d_ls", "atr_d_l"),
    simpler={"atr_d_duals_l": "shorts", "atr_d_ls": "Data2"},
)

ATR_D = (ATR_D_L, ATR_D_LS, ATR_D_HMA_L, ATR_D_HMA_LS, ATR_D_DUALS_L, ATR_D_DUALS_LS)
