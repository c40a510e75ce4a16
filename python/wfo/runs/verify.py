"""Whether every file of a run is as it was written."""

from __future__ import annotations

import contextlib
import os

from wfo.backtest import thread_count
from wfo.files import read_sealed
from wfo.progress import Progress, Silent
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Clock
from wfo.runs.stored import stored_sweeps, verify_sweep


def verify(
    folder: RunFolder, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[int, int]:
    """Check that every file of a complete run is as it was written.

    Parameters
    ----------
    folder
        Folder of a complete run.
    threads
        By default one for each core.
    progress
        Who hears how far it is.

    Returns
    -------
    files, bytes
        How many files were read, and how long they are together.

    Raises
    ------
    WfoError
        If there is no complete run, or a file is missing, damaged or changed; the message names
        it.
    """
    progress = progress or Silent()
    folder.read_manifest()
    # Where nobody may write, nobody does.
    writable = os.access(folder.path, os.W_OK)
    with folder.hold("wfo verify") if writable else contextlib.nullcontext():
        manifest = folder.read_manifest()
        sizes = [folder.manifest.stat().st_size]
        sizes += [folder.check_digest(name, stated) for name, stated in manifest.sums.items()]
        if folder.trials.is_file():
            read_sealed(folder.trials)
            sizes.append(folder.trials.stat().st_size)
        for kept in stored_sweeps(folder, manifest, manifest.gates, thread_count(threads)):
            verify_sweep(kept, progress, Clock())
            sizes += [p.stat().st_size for p in kept.folder.rglob("*") if p.is_file()]
    return len(sizes), sum(sizes)
