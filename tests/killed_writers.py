"""Processes that write to a store, for tests that kill them or let them meet.

    python tests/killed_writers.py TASK FOLDER NUMBER

TASK is ``step`` (replace the store once, and end like a killed process before the NUMBER-th thing
that is done to a file), ``steps`` (the same in a fork for each number that is read, with a line of
its exit code: most of the time of a process goes into loading modules), ``loop`` (replace it for
ever, with a line for each time), ``holding`` (say that the file is held, and wait to be killed) or
``count`` (NUMBER times, add one to what is stored).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from wfo.data import BarsOrigin, Coverage, DataStore, DateInterval

FIRST = dt.date(2000, 1, 3)
ASKED = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

#: Numbers of bars of the two versions that take each other's place. The longer one takes several
#: writes of the system.
OLD, NEW = 3, 8_000

#: Functions of the system that change files, or what is in them, by their names in Python.
STEPS = frozenset(
    {"mkdir", "open", "flock", "write", "flush", "fsync", "link", "replace", "unlink", "close"}
)


def version(rows: int) -> tuple[pl.DataFrame, BarsOrigin, Coverage]:
    """Return bars, origin and coverage that belong together: each tells the number of rows."""
    frame = pl.DataFrame(
        {
            "date": [FIRST + dt.timedelta(days=k) for k in range(rows)],
            **{name: [float(rows)] * rows for name in ("open", "high", "low", "close")},
            "volume": [rows + k % 7.5 for k in range(rows)],
        }
    )
    days = DateInterval(frame["date"][0], frame["date"][-1])
    coverage = Coverage().answer(days, source=f"source-{rows}", asked_at=ASKED)
    origin = BarsOrigin(f"Source {rows}", calendar="none", adjust="raw", fetched_from="files")
    return frame, origin, coverage


def replace(store: DataStore, rows: int) -> None:
    """Store a version."""
    with store.hold("QQQ") as held:
        held.write(*version(rows))


def stored(store: DataStore) -> int:
    """Return the number of bars, after a look at whether all of them are of one version."""
    found = store.read("QQQ")
    rows = found.frame.height
    frame, origin, coverage = version(rows)
    assert found.frame.equals(frame)
    assert (found.meta.rows, found.meta.origin, found.meta.coverage) == (rows, origin, coverage)
    return rows


def end_like_killed() -> None:
    """End without any more of this process being done."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def end_before(number: int) -> None:
    """End this process before it calls one of `STEPS` for the `number`-th time."""
    count = 0

    def look(_: Any, event: str, function: Any) -> None:
        nonlocal count
        # Texts have a method of that name too.
        text = isinstance(getattr(function, "__self__", None), str)
        if event == "c_call" and function.__name__ in STEPS and not text:
            count += 1
            if count == number:
                end_like_killed()

    sys.setprofile(look)


def step(folder: Path, number: int) -> None:
    """Replace the store, and end before the `number`-th thing that is done to a file."""
    # So that modules are loaded before: these are no steps of the store.
    replace(DataStore(folder.with_name("other")), NEW)
    end_before(number)
    replace(DataStore(folder), NEW)
    sys.setprofile(None)


def forked(work: Callable[[], None]) -> int:
    """Return the exit code of a forked process that does it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  # its code tells
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def load_modules(folder: Path) -> None:
    """Load what a step does, without the threads that it starts: a fork would not have them."""
    names = folder.with_name("modules")

    def told() -> None:
        replace(DataStore(folder.with_name("other")), NEW)
        names.write_text("\n".join(sys.modules))

    assert forked(told) == 0
    for name in names.read_text().splitlines():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def main() -> None:
    """Do one of the tasks."""
    task, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    store = DataStore(folder)
    if task == "step":
        step(folder, number)
    elif task == "steps":
        load_modules(folder)
        for line in sys.stdin:
            print(forked(lambda at=int(line): step(folder, at)), flush=True)  # type: ignore[misc]
    elif task == "loop":
        for k in range(1_000_000):
            replace(store, (OLD, NEW)[k % 2])
            print(k, flush=True)
    elif task == "holding":
        with store.hold("QQQ") as held:
            print(held.read(), flush=True)
            sys.stdin.read()
    elif task == "count":
        for _ in range(number):
            with store.hold("QQQ") as held:
                found = held.read()
                held.write(*version(1 if found is None else found.meta.rows + 1))
    else:
        raise SystemExit(f"unknown task {task}")


if __name__ == "__main__":
    main()
