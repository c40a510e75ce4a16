"""The ATR-D family; what it computes is fixed by ``wfo/reference/CONTRACT.md``."""

from __future__ import annotations

import math

from wfo.catalogue.parameter import Fine, Parameter
from wfo.catalogue.strategy import Strategy

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

ATR_D_L = Strategy(
    name="atr_d_l",
    title="ATR-D, long only: buys a pull-back in ATRs, leaves by a stop that tightens in quiet",
    tradestation="ATR-D-v1.5-L",
    parameters=_LONG,
    map_axes=("atr_multiplier", "atr_buy_multiplier"),
    baseline=70,
    lookbacks=("atr_period", "bb_length", "atr_buy_period"),
)
