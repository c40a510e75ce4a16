"""SMA cross: long from where a fast average of closes rises above a slow one to where it falls.

Orders of bar ``t`` follow the averages at the close of bar ``t - 1`` and are filled at ``open[t]``.
An average is the mean of the last closes, summed oldest first. `band`, a share of the slow average,
is how far the fast one must lie beyond it, above to buy and below to sell. Money, costs, sizing and
lots are those of every account.
"""

import math

from wfo.strategy import Parameter, PythonKernel, RustKernel, Strategy

SMA_CROSS = Strategy(
    name="sma_cross",
    title="SMA cross: long while a fast average of closes lies above a slow one",
    parameters=(
        Parameter("fast", "int", 1, math.inf, "bars of the fast average"),
        Parameter("slow", "int", 1, math.inf, "bars of the slow average"),
        Parameter("band", "float", 0, 0.1, "share of the slow average that must lie between"),
    ),
    kernel=RustKernel(module="sma_cross._core", engines=("direct",)),
    reference=(
        PythonKernel("sma_cross.compiled:walk", engines=("numba",)),
        PythonKernel("sma_cross.plain:walk", engines=("python",)),
    ),
    lookback=lambda values: int(max(*values["fast"], *values["slow"])),
    constraints=("fast < slow",),
    map_axes=("fast", "slow"),
)
