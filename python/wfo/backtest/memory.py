"""How much memory there is left, as far as the system says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

#: Files of control groups that state a limit, and what is used of it; of version 2 and 1.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_memory(groups: Sequence[tuple[str, str]] = _GROUPS) -> int | None:
    """Return the bytes that a process can still take without swapping; None if nothing says.

    Parameters
    ----------
    groups
        Files with the limit of a control group, and with what is used of it: where one limits the
        process, what is left of its limit counts.
    """
    found = [n for n in (_of_the_system(), *(_of_a_group(*files) for files in groups)) if n]
    return min(found, default=None)


def _of_the_system() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        # Free pages alone, which is less than what the system could give back.
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _of_a_group(limit: str, used: str) -> int | None:
    try:
        most, now = (Path(name).read_text(encoding="ascii").strip() for name in (limit, used))
        return None if most == "max" else max(1, int(most) - int(now))
    except (OSError, ValueError):
        return None
