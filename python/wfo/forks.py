"""Forked processes: what works in them, and the error for what cannot.

A process that is forked gets no threads of the one that forks it, and whatever waits for such a
thread waits for ever. `multiprocessing` forks by default on Linux before Python 3.14. The compiled
core makes threads of its own in every process, and goes on working. Polars cannot: its threads are
made once. So in a process that was forked while they ran, this package does not call Polars, and
raises `EngineError` instead, which says how to start processes without a fork.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

#: What a process that was forked has to do instead.
WAY_OUT = (
    "this process was forked from one in which Polars had started its threads, which do not go "
    "along: start processes by multiprocessing.get_context('spawn') or 'forkserver', as in "
    "ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn')), or call "
    "multiprocessing.set_start_method('spawn') first"
)

#: Where Linux lists the threads of this process.
_TASKS = "/proc/self/task"

_import = builtins.__import__


class _Seen:
    """What was seen before forks, of this process and of those that it was forked from."""

    polars = False


def watch() -> None:
    """Look at every fork of this process from now on, and at those of the processes it forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_look, after_in_child=_guard)


def _look() -> None:
    """Note before a fork whether Polars has threads that will be missing behind it."""
    _Seen.polars = _Seen.polars or ("polars" in sys.modules and _polars_runs())


def _polars_runs() -> bool:
    """Whether workers of Polars run, as far as the system says; else whether they may.

    They are named by number. What Polars starts as soon as it is imported cleans up, and nothing
    waits for it.
    """
    try:
        tasks = os.listdir(_TASKS)
    except OSError:
        return True
    return any(_name(task).removeprefix("polars-").isdigit() for task in tasks)


def _name(task: str) -> str:
    """Name of a thread; empty where it has just ended."""
    try:
        with open(f"{_TASKS}/{task}/comm", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _guard() -> None:
    """Keep this package from Polars in a forked process that lacks its threads."""
    if _Seen.polars:
        builtins.__import__ = _guarded


def _guarded(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002  # callers name it
    locals: Mapping[str, object] | None = None,  # noqa: A002  # callers name it
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Import as ever, but refuse Polars to this package, whose functions import it as they begin.

    Other packages import what they like: Polars itself does on every call, and some of it needs no
    threads.
    """
    if name.partition(".")[0] == "polars" and level == 0:
        importer = str((globals or {}).get("__name__", ""))
        if importer.partition(".")[0] == "wfo":
            from wfo.errors import EngineError

            raise EngineError(WAY_OUT)
    return _import(name, globals, locals, fromlist or (), level)
