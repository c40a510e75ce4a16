"""How a worker ended that was not to, in words."""

from __future__ import annotations

import re

from wfo.search.runner.commands import last_line, signal_name
from wfo.search.runner.processes import Ended
from wfo.text import one_line, size_text

#: A line of what `faulthandler` writes: the file, the line and the function.
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)

#: Files that are none of the user's.
_OWN = re.compile(r"/wfo/search/runner/|^<")


def timeout_text(seconds: float) -> str:
    """Return what is said of an evaluation that took too long."""
    return f"takes longer than the time-out of {seconds:g} s"


def memory_text(taken: int, most: int) -> str:
    """Return what is said of a worker that took too much memory."""
    return f"takes {size_text(taken)} of memory; a worker may have {size_text(most)}"


def crash_text(ended: Ended, folder: str, *, garbled: bool) -> str:
    """Return what is said of a worker that ended by itself; the user's files are in `folder`."""
    if garbled:
        return "writes to the socket by which its worker answers"
    if ended.why == "lost":
        return "cannot be killed: it waits for a disk or a device"
    if ended.status is None:
        return "has its process killed from outside"
    if ended.status >= 0:
        said = f"ends its process with exit code {ended.status}"
        last = "" if _FRAME.search(ended.errors) else last_line(ended.errors)
        return f"{said}: {last}" if last else said
    name = signal_name(-ended.status)
    said = f"ends its process by {name}"
    if name == "SIGKILL":
        return f"{said}, as the system does where memory runs out"
    # The innermost comes first.
    frames = [f for f in _FRAME.findall(ended.errors) if not _OWN.search(f[0])]
    below = [f for f in frames if f[0].startswith(f"{folder}/")]
    if frames:
        file, line, function = (below or frames)[0]
        short = one_line(file.removeprefix(f"{folder}/"))
        return f"{said} ({short}, line {line}, in {one_line(function)})"
    return said
