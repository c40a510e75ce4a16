"""What makes two runs, sweeps or searches the same: plain values, and their hashes."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import read_bytes
from wfo.files.limits import TEXT_BYTES
from wfo.grid import Grid
from wfo.selection.gates import gate_sets
from wfo.strategy import Strategy
from wfo.sweeps import SurvivorStore

if TYPE_CHECKING:
    from wfo.runs.refinement.history import History
    from wfo.runs.task import Task
    from wfo.tradestation.range_files import Job

#: Version of the layout of a run's folder.
LAYOUT = 2


def fingerprint(data: Any) -> str:
    """Return a hash of plain values that does not depend on the order of their keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def kernel_digest(strategy: Strategy) -> str | None:
    """Return a hash of the file of a strategy's kernel; None of this package's, and of no file.

    What of another package computes the figures has no version that could be relied on. Files that
    the kernel imports are not looked at, and a cell of a notebook is no file.
    """
    module = strategy.kernel.module
    if module.partition(".")[0] == "wfo":
        return None
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            # It is not there, or has no file.
            spec = None
        file = None if spec is None else spec.origin
    path = Path(file or "")
    if not path.is_file():
        return None
    # Installed packages may be links to where they are developed.
    return hashlib.sha256(read_bytes(path, most=TEXT_BYTES)).hexdigest()


def run_identity(task: Task, stores: Mapping[str, str]) -> dict[str, Any]:
    """Return all that the figures of a run follow from, and what is kept of them.

    What survives follows from the sets of gates, whichever of them rules; they are no part of a run
    that keeps everything.
    """
    identity = {"layout": LAYOUT, "version": task.version, "symbol": task.plan.symbol}
    identity |= _searched(task)
    identity |= {"grids": [_computed(g) for g in task.grids], "stores": dict(stores)}
    out = task.inputs.holdout
    if out is not None:
        # No figure follows from these bars, and what they will tell does.
        identity["holdout"] = {"span": out.record.span, "digest": out.record.digest}
    given = task.plan.bars_per_year
    if given is not None:
        # A count follows from the bars.
        identity["bars_per_year"] = given
    if SurvivorStore.kind in stores.values():
        sets = gate_sets(task.plan.gates)
        identity["gates"] = [g.to_dict() | {"min_phases": task.least} for g in sets]
    return identity


def sweep_key(task: Task, grid: Grid) -> str:
    """Return what the figures of one sweep follow from, hashed; the version is part of it."""
    prints = task.inputs.fingerprints
    parts = {
        "version": task.version,
        "data": prints if grid.strategy.dual_symbol else prints[:1],
        "windows": task.phases.to_dict(),
        "settings": task.settings.to_dict(),
        "grid": _computed(grid),
    }
    return fingerprint(parts)


def search(task: Task, grid: Grid) -> dict[str, Any]:
    """Return how a sweep is counted among a symbol's trials."""
    parts = {"strategy": grid.strategy.name, "grid": _computed(grid)}
    return {
        "fingerprint": fingerprint(parts | _searched(task)),
        "strategy": grid.strategy.name,
        "grid": grid.name,
        "combinations": len(grid),
        "through": _through(task.inputs.dates, max(p.end for p in task.phases)),
    }


def refined_search(job: Job, history: History, warmup: int) -> dict[str, Any]:
    """Return how the rows of a refinement are counted among a symbol's trials.

    Parameters
    ----------
    job
        One of the run's jobs.
    history, warmup
        The slice that its rows trade on.
    """
    ranges = [[str(v) for v in (r.low, r.high, r.step)] for r in job.ranges]
    digest = kernel_digest(job.strategy)
    parts = {
        "strategy": job.strategy.name,
        "refined": dict(zip(job.strategy.names, ranges, strict=True)),
        "slice": [warmup, history.end],
        "timeframe": history.timeframe,
        "data": history.inputs.fingerprints,
        "settings": history.settings().to_dict(),
    } | ({} if digest is None else {"kernel": digest})
    return {
        "fingerprint": fingerprint(parts),
        "strategy": job.strategy.name,
        "grid": Path(job.range_file).stem,
        "combinations": job.count,
        "through": _through(history.days, history.end),
    }


def _through(days: Sequence[dt.date], end: int) -> str:
    """Return the date of the last bar of a search, of which `end` is one past."""
    return days[end - 1].isoformat()


def _computed(grid: Grid) -> dict[str, Any]:
    """Return what a grid is, and by what it is computed."""
    digest = kernel_digest(grid.strategy)
    return grid.to_dict() | ({} if digest is None else {"kernel": digest})


def _searched(task: Task) -> dict[str, Any]:
    """Return what a search is made on."""
    return {
        "timeframe": task.plan.timeframe,
        "data": task.inputs.fingerprints,
        "windows": task.phases.to_dict(),
        "settings": task.settings.to_dict(),
    }
