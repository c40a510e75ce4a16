"""Comparing two backtests: the same trades in the same bars, money within a billionth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from wfo.backtest import Figures, Simulation
from wfo.backtest.figures import EXTENDED, EXTENDED_NAMES, LABEL_FIELDS, SCHEMA

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
    """Return the size of a ratio: a sum of returns is as exact as the largest, 1 at least."""
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
    # NaN is close to nothing, so a cell that was never written is a difference.
    return bool(np.all(np.abs(np.subtract(wanted, found)) <= TOLERANCE * scale))


def largest_mark(sim: Simulation) -> float:
    """Return the size of a simulation's money."""
    return float(np.abs(sim.equity).max())


def near(wanted: Any, found: Any, tolerance: float) -> bool:
    """Return whether numbers differ by no more, and are NaN in the same places."""
    w, f = np.asarray(wanted, np.float64), np.asarray(found, np.float64)
    if w.shape != f.shape:
        return False
    return bool(((abs(w - f) <= tolerance) | (np.isnan(w) & np.isnan(f))).all())


def all_figures(sim: Simulation) -> dict[str, Any]:
    """Return all figures by name, the sums by label too."""
    found: dict[str, Any] = dict(sim.figures)
    if sim.label_sum_r is not None:
        found |= {"label_sum_r": sim.label_sum_r, "label_sum_r2": sim.label_sum_r2}
    return found


def named_differences(
    wanted: Mapping[str, Any], found: Mapping[str, Any], scale: float
) -> list[str]:
    """Return in which of the figures that both have they differ."""
    units = {f.name: f.unit for f in SCHEMA}
    # A sum of returns is as exact as the largest of them.
    sums = (wanted.get(f"{part}_sum_r2", 0.0) for part in ("is", "oos"))
    largest = max(1.0, *(float(np.max(np.nan_to_num(each))) for each in sums))
    said = []
    for name in wanted.keys() & found.keys():
        unit = units.get(name, "ratio")
        size = {"count": 0.0, "money": scale}.get(unit, largest)
        if not near(wanted[name], found[name], TOLERANCE * size):
            said.append(f"{name}: {wanted[name]} and {found[name]}")
    return sorted(said)


def closed_bars(sim: Simulation, first: int, stop: int) -> int:
    """Return at how many closes of some bars the trades that are closed held something."""
    entry, leave = (sim.trades[f"{s}_bar"].to_numpy().clip(first, stop) for s in ("entry", "exit"))
    return int((leave - entry).sum())


def open_since(sim: Simulation) -> int | None:
    """Return since when a position is open at the end, -1 without one; None if it is not known."""
    if set(EXTENDED_NAMES) - set(sim.extended):
        return None
    n = len(sim.equity)
    still = int(sim.extended["is_bars_held"] + sim.extended["oos_bars_held"])
    still -= closed_bars(sim, 0, n)
    return -1 if still == 0 else n - still


def flat_closes(sim: Simulation) -> Any:
    """Return at which closes nothing is held for sure, bool[n]."""
    flat = np.ones(len(sim.equity), bool)
    for entry, leave in zip(sim.trades["entry_bar"], sim.trades["exit_bar"], strict=True):
        flat[entry:leave] = False
    since = open_since(sim)
    if since is None:
        since = max([0, *sim.trades["exit_bar"]])
    if since >= 0:
        flat[since:] = False
    return flat


def settled(sim: Simulation) -> Any:
    """Return what the trades closed by every bar come to, float64[n]."""
    found = np.zeros(len(sim.equity))
    np.add.at(found, sim.trades["exit_bar"].to_numpy(), sim.trades["pnl"].to_numpy())
    return np.cumsum(found)


def differences_until(
    wanted: Simulation, found: Simulation, t: int, *, closing: bool = False
) -> str:
    """Say how two simulations differ up to the close of bar `t`; empty where they do not.

    With `closing`, bar `t` closes elsewhere: its mark may differ, and fills at that close.
    """
    scale = largest_mark(wanted)
    a, b = (s.trades.filter(pl.col("exit_bar") <= t) for s in (wanted, found))
    for column in ("side", "entry_bar", "exit_bar", "entry_price", "exit_price", "pnl"):
        if closing and column in {"exit_price", "pnl"}:
            a, b = (x.filter(pl.col("exit_bar") < t) for x in (a, b))
        own, other = list(a[column]), list(b[column])
        if not (near(own, other, TOLERANCE * scale) if column == "pnl" else own == other):
            return f"{column} of the closed trades, {own} and {other}"
    entries = [entries_until(s, t) for s in (wanted, found)]
    if entries[0] != entries[1]:
        return f"entries in the bars {entries[0]} and {entries[1]}"
    stop = t if closing else t + 1
    if not near(wanted.equity[:stop], found.equity[:stop], TOLERANCE * scale):
        at = np.flatnonzero(abs(wanted.equity[:stop] - found.equity[:stop]) > TOLERANCE * scale)[0]
        return f"the mark of bar {at}, {wanted.equity[at]} and {found.equity[at]}"
    turns = [
        [int(bar) for bar in (s.reversals or ((), ()))[0] if bar <= t] for s in (wanted, found)
    ]
    if turns[0] != turns[1]:
        return f"reversals in the bars {turns[0]} and {turns[1]}"
    return ""


def entries_until(sim: Simulation, t: int) -> list[int] | None:
    """Return the bars of the entries up to bar `t`; None if it is not known what stays open."""
    since = open_since(sim)
    if since is None:
        return None
    bars = [*sim.trades["entry_bar"], *([since] if since >= 0 else [])]
    return sorted(int(bar) for bar in bars if bar <= t)


def moved_differences(whole: Simulation, cut: Simulation, by: int) -> str:
    """Say how simulations differ of which one begins so many bars later."""
    moved = whole.trades.with_columns(pl.col("entry_bar", "exit_bar") - by)
    for column in ("side", "entry_bar", "exit_bar", "entry_price", "exit_price"):
        if list(moved[column]) != list(cut.trades[column]):
            return (
                f"{column} of the trades is {list(cut.trades[column])}, not {list(moved[column])}"
            )
    if not near(whole.equity[by:], cut.equity, TOLERANCE * largest_mark(whole)):
        return "the marks are others"
    return ""
