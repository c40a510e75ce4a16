"""Walk-forward: choose a parameter set on one stretch of bars, trade the next one, roll on.

`choosing` finds a set in every window, `stitching` lets the sets trade one after the other as one
backtest, and `values` is what comes of it. `matrix` compares lengths of windows, and `permuted`
does all of it again on permuted bars. Nothing here reads or writes files: `wfo.runs.walkforward`
does.
"""
