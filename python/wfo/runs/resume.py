"""Which run a plan is: the one that its folder holds, or a new one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.data import conform, fingerprint
from wfo.errors import DataError, InputError
from wfo.files.parquet import read_parquet
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.kept import cut
from wfo.runs.inputs import Inputs
from wfo.runs.job import Job
from wfo.runs.machine import Machine
from wfo.runs.manifest import Manifest
from wfo.runs.options import RunOptions
from wfo.runs.task import Task
from wfo.sweeps import DenseStore, SurvivorStore

if TYPE_CHECKING:
    import polars as pl


def going_on(
    task: Task, folder: RunFolder, machine: Machine, options: RunOptions | None = None
) -> Job:
    """Return the run that is in the folder, where the plan is to go on with it, or a new one.

    A run that has not ended goes on with the bars that it began with, as long as those of today
    are the same and more; other bars are another run.
    """
    earlier = None if task.plan.fresh else folder.earlier()
    options = options or RunOptions()
    begun = None if earlier is None else _begun(task, folder, earlier, options)
    return begun or Job(task, _choose_stores(task, folder, machine, options), options)


def _begun(task: Task, folder: RunFolder, earlier: Manifest, options: RunOptions) -> Job | None:
    """Return the task as the run of the folder, stored as that one is; None if it is another."""
    stores = {name: sweep.store for name, sweep in earlier.sweeps.items()}
    asked = task.plan.store == "auto" or set(stores.values()) <= {task.plan.store}
    if not asked or stores.keys() != set(task.names):
        return None
    same = Job(task, stores, options)
    if same.fingerprint == earlier.fingerprint:
        return same
    snapshot = None if earlier.is_swept else _snapshot(task, folder, earlier)
    if snapshot is not None:
        # Windows that were laid over more bars may not fit these.
        with contextlib.suppress(InputError):
            same = Job(task.on(snapshot), stores, options)
            if same.fingerprint == earlier.fingerprint:
                return same
    return None


def _snapshot(task: Task, folder: RunFolder, earlier: Manifest) -> Inputs | None:
    """Return the bars that an earlier run began with, where those of today begin with them."""
    today, span = task.inputs, task.plan.span
    if (span is None) != (earlier.holdout is None):
        return None
    out = today.holdout
    places = [(folder.bars, folder.holdout, today.bars, None if out is None else out.bars)]
    if today.second is not None:
        held = None if out is None else out.second
        places.append((folder.bars2, folder.holdout2, today.second, held))
    found = [_kept(*each) for each in places]
    if any(bars is None for bars in found) or (earlier.data2 is None) != (today.second is None):
        return None
    first, second = found[0], found[1] if found[1:] else None
    assert first is not None  # noqa: S101  # none of them is missing
    if span is None:
        return Inputs(first, second, earlier.data, earlier.data2, earlier.join)
    # What was held out then is divided from the rest again, by the date that it ended with.
    try:
        parts = cut(first, second, span, task.plan.as_of)
    except (InputError, DataError):
        return None
    return Inputs(
        first[: parts.kept],
        None if second is None else second[: parts.kept],
        earlier.data,
        earlier.data2,
        earlier.join,
        parts.holdout,
    )


def _kept(
    path: Path, path_out: Path, today: pl.DataFrame, out: pl.DataFrame | None
) -> pl.DataFrame | None:
    """Return the bars that a run has kept, those held out among them, if today's begin with them.

    Parameters
    ----------
    path, path_out
        The files of the run's bars and of those that it holds out.
    today, out
        The bars of today, and those of them that are held out.
    """
    import polars as pl

    try:
        kept = conform(read_parquet(path, links=False))
        if out is not None:
            kept, today = (
                pl.concat([kept, conform(read_parquet(path_out, links=False))]),
                today.vstack(out),
            )
    except (OSError, DataError):
        return None
    # A source may revise the volume of the last days, of which no figure depends.
    same = len(kept) <= len(today) and fingerprint(kept) == fingerprint(today.head(len(kept)))
    return kept if same else None


def _choose_stores(
    task: Task, folder: RunFolder, machine: Machine, options: RunOptions
) -> dict[str, str]:
    """Return a store for each strategy; the large grids are the first to be cut down."""
    if task.plan.store != "auto":
        return dict.fromkeys(task.names, task.plan.store)
    stores = dict.fromkeys(task.names, DenseStore.kind)
    room = machine.free(folder.path) / 2
    for grid in sorted(task.grids, key=len, reverse=True):
        if Job(task, stores, options).bytes_needed > room:
            stores[grid.strategy.name] = SurvivorStore.kind
    return stores
