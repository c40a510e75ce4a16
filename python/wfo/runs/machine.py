"""What a run takes from the machine it is on: room, memory, the time, and what computes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def existing(path: Path) -> Path:
    """Return a folder, or the nearest one above it that there is."""
    return next(p for p in (path, *path.absolute().parents) if p.exists())


def disk_free(path: Path) -> int:
    """Return the bytes that are free where a folder is, or would be."""
    return shutil.disk_usage(existing(path)).free


def machine_memory() -> int | None:
    """Return the bytes of memory that the machine has, or None where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def core_version() -> str:
    """Return the version alone; `build_info` asks git for the rest, which takes its time."""
    from wfo import _core

    return _core.__version__


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run asks; by default the machine that it is on.

    Attributes
    ----------
    free
        Returns the bytes that are free where a folder is, or would be.
    memory
        Returns the bytes of memory that there are; None where that is not known.
    now
        Returns the time, in UTC.
    version
        Returns the version of what computes: figures of another one belong to another run.
    """

    free: Callable[[Path], int] = disk_free
    memory: Callable[[], int | None] = machine_memory
    now: Callable[[], dt.datetime] = _now
    version: Callable[[], str] = core_version

    def stamp(self) -> str:
        """Return the time as a manifest has it."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """Seconds that each stage took; some run beside each other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block that ends well."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)

    @property
    def total(self) -> float:
        """Seconds since the first of them began, to the millisecond, as records keep them.

        A page of what was read again would else say another second than that of what was found.
        """
        return round(time.perf_counter() - self._begun, 3)


def host() -> dict[str, Any]:
    """Return what the machine is, for a manifest."""
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
