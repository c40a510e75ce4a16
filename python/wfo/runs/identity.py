"""What makes two runs, sweeps or searches the same: plain values, and their hashes."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import read_bytes
from wfo.files.limits import TEXT_BYTES
from wfo.grid import Grid
from wfo.runs.holdout.searched import counted_holdout
from wfo.selection.gates import gate_sets
from wfo.strategy import BatchKernel, Strategy
from wfo.strategy.record import RecordedKernel
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
    the kernel imports are not looked at. A cell of a notebook is no file; of a compiled function in
    one its source stands for it. Of a program that is data the definition says all. Nothing is
    imported for a strategy that only a record describes.
    """
    if strategy.program is not None:
        return None
    module, source = strategy.kernel.module, strategy.source
    if isinstance(strategy.kernel, RecordedKernel):
        return None if source is None else source.sha256
    if source is not None and (module == source.module or module.partition(".")[0] == "wfo"):
        # As it was loaded: the file may say something else by now.
        return source.sha256
    if module.partition(".")[0] == "wfo":
        return None
    if isinstance(strategy.kernel, BatchKernel):
        return _source_digest(strategy.kernel)
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


def _source_digest(kernel: BatchKernel) -> str | None:
    """Return a hash of the file that a function is written in, or of its source in a notebook."""
    path = Path(kernel.file)
    if path.is_file():
        return hashlib.sha256(read_bytes(path, most=TEXT_BYTES)).hexdigest()
    function = kernel.load()
    try:
        source = inspect.getsource(getattr(function, "py_func", function))
    except (OSError, TypeError):
        return None
    return hashlib.sha256(source.encode()).hexdigest()


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
        if task.map_axes:
            # The map is counted while they are swept, and cannot be counted again.
            identity["map_axes"] = {name: list(axes) for name, axes in task.map_axes.items()}
    return identity


def sweep_key(task: Task, grid: Grid, store: str) -> str:
    """Return what is kept of one sweep follows from, hashed; the version is part of it.

    Parameters
    ----------
    task, grid
        What is swept.
    store
        Kind of the store.
    """
    prints = task.inputs.fingerprints
    parts = {
        "version": task.version,
        "data": prints if grid.strategy.dual_symbol else prints[:1],
        "windows": task.phases.to_dict(),
        "settings": task.settings.to_dict(),
        "grid": _computed(grid),
    }
    axes = task.map_axes.get(grid.strategy.name)
    if axes is not None and store == SurvivorStore.kind:
        parts["map_axes"] = list(axes)
    return fingerprint(parts)


def search(task: Task, grid: Grid) -> dict[str, Any]:
    """Return how a sweep is counted among a symbol's trials."""
    parts, held = {"strategy": grid.strategy.name, "grid": _computed(grid)}, task.inputs.holdout
    return {
        "fingerprint": fingerprint(parts | _searched(task)),
        "strategy": grid.strategy.name,
        "grid": grid.name,
        "combinations": len(grid),
        "through": _through(task.inputs.dates, max(p.end for p in task.phases)),
        **counted_holdout(None if held is None else held.record, task.plan.folder.path),
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
