"""Comparing two engines: the same trades in the same bars, money within a billionth."""

from __future__ import annotations

from typing import Any

import numpy as np

from wfo.backtest import Figures, Simulation

#: Relative tolerance of money; the scale is the largest mark of the backtest, since profits are
#: differences of marks and may cancel to nearly nothing.
TOLERANCE = 1e-9

MONEY = ("is_pnl", "oos_pnl", "is_dd", "oos_dd")
COUNTS = ("is_trades", "oos_trades")


def differences(wanted: Simulation, found: Simulation) -> list[str]:
    """Return what differs, in words; nothing where the two agree."""
    said = [
        f"trades differ in {column}:\n{wanted.trades}\n{found.trades}"
        for column in ("side", "entry_bar", "exit_bar", "entry_price", "exit_price")
        if wanted.trades[column].to_list() != found.trades[column].to_list()
    ]
    if wanted.equity.shape != found.equity.shape:
        return [*said, f"equity has {found.equity.shape} marks, not {wanted.equity.shape}"]
    scale = float(np.abs(wanted.equity).max())
    pairs: list[tuple[str, Any, Any]] = [("equity", wanted.equity, found.equity)]
    if len(wanted.trades) == len(found.trades):
        pairs.append(("pnl", wanted.trades["pnl"].to_numpy(), found.trades["pnl"].to_numpy()))
    pairs += [(name, getattr(wanted, name), getattr(found, name)) for name in MONEY]
    said += [f"{name} differs: {w} and {f}" for name, w, f in pairs if not _close(w, f, scale)]
    for name in COUNTS:
        w, f = getattr(wanted, name), getattr(found, name)
        if w != f:
            said.append(f"{name} differs: {w} and {f}")
    return said


def figure_differences(wanted: Figures, found: Figures, scale: float) -> list[str]:
    """Return in which of the six arrays two sweeps differ."""
    pairs = {name: (getattr(wanted, name), getattr(found, name)) for name in (*MONEY, *COUNTS)}
    return [
        f"{name} differs"
        for name, (w, f) in pairs.items()
        if w.shape != f.shape
        or not (_close(w, f, scale) if name in MONEY else np.array_equal(w, f))
    ]


def _close(wanted: Any, found: Any, scale: float) -> bool:
    # NaN is close to nothing, so a cell that nobody wrote is a difference.
    return bool(np.all(np.abs(np.subtract(wanted, found)) <= TOLERANCE * scale))
