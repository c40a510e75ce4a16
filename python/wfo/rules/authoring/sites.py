"""Lines of a user's file: where an expression or order was made, and errors that begin with it."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple

from wfo.errors import InputError
from wfo.text import one_line

_PACKAGE = str(Path(__file__).parents[2]) + os.sep

#: Written as a user would, and so named as a user's files are.
_EXAMPLES = _PACKAGE + "examples" + os.sep

#: Python's own files and installed packages: what a user's line calls.
_LIBRARIES = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


class Site(NamedTuple):
    """A line of a file.

    Attributes
    ----------
    file
        As Python knows it.
    line
        Counted from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{shown_file(self.file)}:{self.line}"


def shown_file(file: str) -> str:
    """Return the name of a file for a message: from the working folder on, where it is below it."""
    folder = os.getcwd() + os.sep
    return one_line(file.removeprefix(folder))


def user_frame() -> FrameType | None:
    """Return the innermost frame of a user's file that led here.

    It is one outside of this package and of Python's libraries; where there is none, as in a
    strategy that is itself installed, one outside of this package.
    """
    frame: FrameType | None = sys._getframe(1)
    installed = None
    while frame is not None:
        file = frame.f_code.co_filename
        if is_users(file):
            return frame
        if installed is None and not file.startswith(_PACKAGE):
            installed = frame
        frame = frame.f_back
    return installed


def is_users(file: str) -> bool:
    """Whether a file is a user's, and none of this package or of a library."""
    if file.startswith(_PACKAGE):
        return file.startswith(_EXAMPLES)
    return not file.startswith((*_LIBRARIES, "<frozen"))


def here() -> Site:
    """Return the user's line that led here."""
    frame = user_frame()
    return Site("?", 0) if frame is None else Site(frame.f_code.co_filename, frame.f_lineno)


def raised_at(trace: TracebackType | None, within: str) -> Site | None:
    """Return the last line of the file `within` that an error came through; None if none."""
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == within:
            found = Site(within, trace.tb_lineno)
        trace = trace.tb_next
    return found


def refused(text: str, site: Site | None = None) -> InputError:
    """Return the error that a user's line gets.

    Parameters
    ----------
    text
        What is wrong with which part, and what would do.
    site
        The line; by default the one that led here.
    """
    return InputError(f"{here() if site is None else site}: {text}")
