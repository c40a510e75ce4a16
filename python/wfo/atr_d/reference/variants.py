"""The six variants: one strategy, and which of its options each of them has.

Nothing here is compiled, so that names and parameters can be looked up without Numba.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Variant(NamedTuple):
    """The options of one variant.

    Attributes
    ----------
    shorts
        It goes short too, at distances scaled by ``short_multiplier``.
    modes
        Shorts have the veto, and entries the modes for reversals and for two touches.
    hull
        Entries from flat follow two Hull averages.
    second
        A second symbol (Data2) feeds the Bollinger width.
    """

    shorts: bool
    modes: bool
    hull: bool
    second: bool


VARIANTS = {
    "atr_d_l": Variant(shorts=False, modes=False, hull=False, second=False),
    "atr_d_ls": Variant(shorts=True, modes=True, hull=False, second=False),
    "atr_d_hma_l": Variant(shorts=False, modes=False, hull=True, second=False),
    "atr_d_hma_ls": Variant(shorts=True, modes=False, hull=True, second=False),
    "atr_d_duals_l": Variant(shorts=False, modes=False, hull=False, second=True),
    "atr_d_duals_ls": Variant(shorts=True, modes=True, hull=False, second=True),
}

# Each option brings its parameters along, in this order.
COMMON = (
    "atr_period",
    "atr_multiplier",
    "bb_length",
    "bb_deviation",
    "vol_threshold",
    "min_tightening",
    "scaling_method",
    "atr_buy_period",
    "atr_buy_multiplier",
    "atr_smooth_period",
    "equity_price_method",
)
SHORTS = ("short_multiplier",)
MODES = ("entry_mode", "trend_filter_period", "trend_veto_threshold", "both_triggered_mode")
HULL = ("hma_fast_length", "hma_slow_length")

#: All parameters: the columns of a complete set.
COLUMNS = COMMON + SHORTS + MODES + HULL

#: What a parameter is in a variant that does not have it. Modes of 0 do nothing; the rest is never
#: looked at and only has to be harmless.
ABSENT = {
    "short_multiplier": 1.0,
    "entry_mode": 0.0,
    "trend_filter_period": 1.0,
    "trend_veto_threshold": 0.0,
    "both_triggered_mode": 0.0,
    "hma_fast_length": 1.0,
    "hma_slow_length": 1.0,
}


def parameters(variant: Variant) -> tuple[str, ...]:
    """Return the parameters of a variant, in canonical order."""
    # [I7]
    return (
        COMMON
        + (SHORTS if variant.shorts else ())
        + (MODES if variant.modes else ())
        + (HULL if variant.hull else ())
    )


def complete(variant: Variant, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return parameter sets with all columns.

    Parameters
    ----------
    variant
        What the sets belong to.
    rows
        float64[m, k], a column for each of ``parameters(variant)``.

    Returns
    -------
    float64[m, 18]
        A column for each of `COLUMNS`; what the variant does not have is `ABSENT`.
    """
    own = parameters(variant)
    table = np.empty((rows.shape[0], len(COLUMNS)))
    for column, name in enumerate(COLUMNS):
        table[:, column] = rows[:, own.index(name)] if name in own else ABSENT[name]
    return table
