"""The ATR-D family: one strategy with options, six variants of it.

What they compute is fixed by ``wfo/atr_d/CONTRACT.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wfo.atr_d.settings import Settings
from wfo.settings import MOST_MULTIPLE, MOST_PERIOD
from wfo.strategy.feed import Feed
from wfo.strategy.kernel import NumbaKernel, RustKernel
from wfo.strategy.parameter import Number, Parameter
from wfo.strategy.value import Strategy
from wfo.strategy.views import Fine, Input, StopClasses, TradeStation

# What is only compared may be any number.
_ANY = math.inf

#: Bars of the ATR that the widest stop is measured in: every variant looks back as far.
_BASELINE = 70  # [I4]

# [I7] [I8]
_LONG: tuple[Parameter, ...] = (
    Parameter("atr_period", "int", 1, MOST_PERIOD, "bars of the stop's ATR"),
    Parameter("atr_multiplier", "float", 0, MOST_MULTIPLE, "stop width in ATRs", open_low=True),
    Parameter("bb_length", "int", 2, MOST_PERIOD, "bars of the Bollinger width"),
    Parameter("bb_deviation", "float", 0, MOST_MULTIPLE, "its standard deviations", open_low=True),
    Parameter(
        "vol_threshold",
        "float",
        0,
        MOST_MULTIPLE,
        "width under which the stop tightens",
        open_low=True,
    ),
    Parameter("min_tightening", "float", 0, 1, "floor of the tightening factor", open_low=True),
    Parameter("scaling_method", "choice", 0, 2, "0 linear, 1 square root, 2 quadratic"),
    Parameter("atr_buy_period", "int", 1, MOST_PERIOD, "bars of the entry's ATR"),
    Parameter(
        "atr_buy_multiplier", "float", 0, MOST_MULTIPLE, "entry offset in ATRs", open_low=True
    ),
    Parameter("atr_smooth_period", "int", 1, MOST_PERIOD, "EMA over the entry's ATR"),
    Parameter("equity_price_method", "choice", 0, 1, "0 typical price, 1 close"),
)
_SHORT: tuple[Parameter, ...] = (
    Parameter(
        "short_multiplier", "float", 0, MOST_MULTIPLE, "scales the short side's ATRs", open_low=True
    ),
)
_MODES: tuple[Parameter, ...] = (
    Parameter("entry_mode", "choice", 0, 2, "0 flat, 1 long priority, 2 full reversal"),
    Parameter("trend_filter_period", "int", 1, MOST_PERIOD, "bars of the veto's EMA of close"),
    Parameter(
        "trend_veto_threshold",
        "float",
        -_ANY,
        _ANY,
        "down-slope in % a bar that a short must exceed",
    ),
    Parameter("both_triggered_mode", "choice", 0, 1, "0 the first cancels the other, 1 both fill"),
)
_HULL: tuple[Parameter, ...] = (
    Parameter("hma_fast_length", "int", 1, MOST_PERIOD, "bars of the fast Hull average"),
    Parameter("hma_slow_length", "int", 1, MOST_PERIOD, "bars of the slow Hull average"),
)

# Where a grid or a simulation leaves a parameter out. The middle value of the grid phase1_slim, the
# lower one of two; of the Bollinger width what TradeStation's own bands begin with, 20 bars and 2
# deviations; of a choice its first method. They are a place to start from, and no advice.
_DEFAULTS: dict[str, Number] = {
    "atr_period": 28,
    "atr_multiplier": 12,
    "bb_length": 20,
    "bb_deviation": 2,
    "vol_threshold": 0.16,
    "min_tightening": 0.4,
    "scaling_method": 0,
    "atr_buy_period": 32,
    "atr_buy_multiplier": 2,
    "atr_smooth_period": 10,
    "equity_price_method": 0,
    "short_multiplier": 0.5,
    "entry_mode": 0,
    "trend_filter_period": 10,
    "trend_veto_threshold": 0.02,
    "both_triggered_mode": 0,
    "hma_fast_length": 35,
    "hma_slow_length": 70,
}
_LONG, _SHORT, _MODES, _HULL = (
    tuple(replace(p, default=_DEFAULTS[p.name]) for p in parameters)
    for parameters in (_LONG, _SHORT, _MODES, _HULL)
)

# Names in TradeStation, fine limits and steps, and whether ranges are opened around plateaus.
_INPUTS = {
    "atr_period": Input("ATR_Period", Fine.of("4", "70", "1"), True),
    "atr_multiplier": Input("ATR_Multiplier", Fine.of("1", "30", "0.25"), True),
    "bb_length": Input("BB_Length", Fine.of("6", "70", "1"), False),
    "bb_deviation": Input("BB_Deviation", Fine.of("0.5", "4", "0.25"), True),
    "vol_threshold": Input("Vol_Threshold", Fine.of("0.02", "0.4", "0.02"), False),
    "min_tightening": Input("Min_Tightening", Fine.of("0.1", "0.95", "0.05"), True),
    "scaling_method": Input("Scaling_Method", Fine.of("0", "2", "1"), False),
    "atr_buy_period": Input("ATRBuy_Period", Fine.of("4", "70", "1"), True),
    "atr_buy_multiplier": Input("ATRBuyMultiplier", Fine.of("0.5", "4", "0.25"), True),
    "atr_smooth_period": Input("ATR_Smooth_Period", Fine.of("1", "20", "1"), True),
    "equity_price_method": Input("EquityPrice_Method", Fine.of("0", "1", "1"), False),
    "short_multiplier": Input("Short_Multiplier", Fine.of("0.2", "1", "0.1"), True),
    "entry_mode": Input("Entry_Mode", Fine.of("0", "2", "1"), False),
    "trend_filter_period": Input("Trend_Filter_Period", Fine.of("3", "20", "1"), False),
    "trend_veto_threshold": Input("Trend_Veto_Threshold", Fine.of("-0.5", "0.5", "0.01"), False),
    "both_triggered_mode": Input("Both_Triggered_Mode", Fine.of("0", "1", "1"), False),
    "hma_fast_length": Input("HMA_Fast_Length", Fine.of("10", "60", "1"), True),
    "hma_slow_length": Input("HMA_Slow_Length", Fine.of("40", "100", "1"), True),
}
# A Hull variant enters with the trend, and so searches wider entries.
_INPUTS_OF_HULL = _INPUTS | {
    "atr_buy_multiplier": Input("ATRBuyMultiplier", Fine.of("0.5", "20", "0.25"), True)
}


def lookback(values: Mapping[str, Sequence[Number]]) -> int:
    """Return the longest lookback of any mix of values, in bars.

    Parameters
    ----------
    values
        Of every parameter of one of the variants.
    """

    def longest(name: str) -> int:
        return int(max(values[name]))

    # [I3]
    bars = [_BASELINE, *(longest(n) for n in ("atr_period", "bb_length", "atr_buy_period"))]
    if "short_multiplier" in values:
        widest = float(max(values["short_multiplier"]))
        bars += [_round_half_up(longest(n) * widest) for n in ("atr_period", "atr_buy_period")]
    # [I5] A Hull average smooths what it made of its window over the root of its length.
    hulls = (longest(name) for name in ("hma_fast_length", "hma_slow_length") if name in values)
    bars += [length + _round_half_up(math.sqrt(length)) for length in hulls]
    return max(bars)


def _round_half_up(x: float) -> int:
    return math.floor(x + 0.5)


def _in_tradestation(
    name: str, parameters: Sequence[Parameter], inputs: Mapping[str, Input] = _INPUTS
) -> TradeStation:
    return TradeStation(name, {p.name: inputs[p.name] for p in parameters})


_TWO_SYMBOLS = (Feed("bars"), Feed("bars2"))

ATR_D_L = Strategy(
    name="atr_d_l",
    title="ATR-D long: buys a pull-back in ATRs, leaves by a stop that tightens in quiet",
    parameters=_LONG,
    kernel=RustKernel(),
    lookback=lookback,
    settings=Settings,
    reference=NumbaKernel("wfo.atr_d.reference.kernel"),
    map_axes=("atr_multiplier", "atr_buy_multiplier"),
    stop_classes=StopClasses("atr_multiplier", tight_below=5, wide_above=12),
    tradestation=_in_tradestation("ATR-D-v1.5-L", _LONG),
)

ATR_D_LS = replace(
    ATR_D_L,
    name="atr_d_ls",
    title="ATR-D long and short, with entry modes and a veto of shorts by trend",
    parameters=(*_LONG, *_SHORT, *_MODES),
    shorts=True,
    expansion=("atr_d_l",),
    simpler={"atr_d_l": "shorts"},
    tradestation=_in_tradestation("ATR-D-v1.5-LS", (*_LONG, *_SHORT, *_MODES)),
)

ATR_D_HMA_L = replace(
    ATR_D_L,
    name="atr_d_hma_l",
    title="ATR-D long, entering with the trend of two Hull averages",
    parameters=(*_LONG, *_HULL),
    constraints=("hma_fast_length < hma_slow_length",),  # [I8]
    tradestation=_in_tradestation("ATR-D-HMA-v1.5-L", (*_LONG, *_HULL), _INPUTS_OF_HULL),
)

ATR_D_HMA_LS = replace(
    ATR_D_HMA_L,
    name="atr_d_hma_ls",
    title="ATR-D long and short, entering with the trend of two Hull averages",
    parameters=(*_LONG, *_SHORT, *_HULL),
    shorts=True,
    expansion=("atr_d_hma_l",),
    simpler={"atr_d_hma_l": "shorts"},
    tradestation=_in_tradestation("ATR-D-HMA-v1.5-LS", (*_LONG, *_SHORT, *_HULL), _INPUTS_OF_HULL),
)

ATR_D_DUALS_L = replace(
    ATR_D_L,
    name="atr_d_duals_l",
    title="ATR-D long, its stop tightened by the quiet of a second symbol",
    feeds=_TWO_SYMBOLS,
    expansion=("atr_d_l",),
    simpler={"atr_d_l": "Data2"},
    tradestation=_in_tradestation("ATR-D-DualS-v1.5-L", _LONG),
)

ATR_D_DUALS_LS = replace(
    ATR_D_LS,
    name="atr_d_duals_ls",
    title="ATR-D long and short, its stops tightened by the quiet of a second symbol",
    feeds=_TWO_SYMBOLS,
    expansion=("atr_d_duals_l", "atr_d_ls", "atr_d_l"),
    simpler={"atr_d_duals_l": "shorts", "atr_d_ls": "Data2"},
    tradestation=_in_tradestation("ATR-D-DualS-v1.5-LS", (*_LONG, *_SHORT, *_MODES)),
)

ATR_D = (ATR_D_L, ATR_D_LS, ATR_D_HMA_L, ATR_D_HMA_LS, ATR_D_DUALS_L, ATR_D_DUALS_LS)
