"""SMA cross: long while a fast average of closes lies above a slow one, else flat.

Orders of bar ``t`` follow the averages at the close of bar ``t - 1`` and are filled at ``open[t]``.
An average is the mean of the last closes, summed oldest first. Money, costs, sizing and lots are
those of every account.
"""

import math

from wfo.strategy import Parameter, PythonKernel, RustKernel, Strategy

SMA_CROSS = Strategy(
    name="sma_cross",
    title="SMA cross: long while a fast average of closes lies above a slow one",
    parameters=(
        Parameter("fast", "int", 1, math.inf, "bars of the fast average"),
        Parameter("slow", "int", 1, math.inf, "bars of the slow average"),
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
