"""Comparing two engines: the same trades in the same bars, money within a billionth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wfo.backtest import Figures, Simulation
from wfo.backtest.figures import EXTENDED, EXTENDED_NAMES, LABEL_FIELDS

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


def extended_differences(wanted: Simulation, found: Simulation) -> list[str]:
    """Return in which of the extended figures and sums by label two simulations differ."""
    if tuple(wanted.extended) != EXTENDED_NAMES or tuple(found.extended) != EXTENDED_NAMES:
        return [f"figures are missing: {[*wanted.extended]} and {[*found.extended]}"]
    size = float(np.abs(wanted.equity).max())
    said = []
    for each in EXTENDED:
        w, f = wanted.extended[each.name], found.extended[each.name]
        if each.unit == "count":
            agree = w == f
        elif math.isnan(w) or math.isnan(f):
            agree = math.isnan(w) and math.isnan(f)
        else:
            agree = _close(w, f, size if each.unit == "money" else _scale(wanted, each.name))
        if not agree:
            said.append(f"{each.name} differs: {w} and {f}")
    for name in LABEL_FIELDS:
        sums = [getattr(sim, name) for sim in (wanted, found)]
        if [s is None for s in sums] == [True, True]:
            continue
        both = np.isnan(sums[0]) & np.isnan(sums[1])
        size = float(np.abs(np.nan_to_num(sums[0])).max(initial=1.0))
        if not _close(np.where(both, 0, sums[0]), np.where(both, 0, sums[1]), size):
            said.append(f"{name} differs: {sums[0]} and {sums[1]}")
    return said


def _scale(sim: Simulation, name: str) -> float:
    """The size of a ratio: a sum of returns is as exact as the largest of them, 1 at least."""
    part = name.partition("_")[0]
    squares = sim.extended[f"{part}_sum_r2"]
    largest = 1.0 if math.isnan(squares) else max(1.0, math.sqrt(squares))
    return largest**2 if name.endswith("2") else largest


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
