"""What a program prints, in its worker: kept apart from the protocol, and shortened."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from typing import Any


class Capture:
    """The files without names to which the standard output and error of a worker lead.

    The guard has made them, and cuts them where they grow. A program may close its output, lead it
    elsewhere or replace `sys.stdout`: before every call all is put back.
    """

    def __init__(self) -> None:
        # Not on systems on which no program is run, and not after a program has run.
        import fcntl

        self.locks = fcntl
        # A program that closes 1 and 2 leaves these.
        self.written = (os.dup(1), os.dup(2))
        self.null = os.open(os.devnull, os.O_RDONLY)
        self.streams: tuple[io.TextIOWrapper, ...] = ()
        self.flush: Any = None
        with contextlib.suppress(AttributeError, OSError, TypeError):
            self.flush = ctypes.CDLL(None).fflush

    def begin(self) -> None:
        """Put input, output and error in their places, empty."""
        os.dup2(self.null, 0)
        os.dup2(self.written[0], 1)
        os.dup2(self.written[1], 2)
        if any(stream.closed for stream in self.streams) or not self.streams:
            self.streams = tuple(_text(descriptor) for descriptor in (1, 2))
        sys.stdout, sys.stderr = self.streams
        for descriptor in self.written:
            if os.fstat(descriptor).st_size:
                # As `guard.shorten` says.
                self.locks.lockf(descriptor, self.locks.LOCK_EX)
                os.ftruncate(descriptor, 0)
                self.locks.lockf(descriptor, self.locks.LOCK_UN)

    def end(self) -> None:
        """Write out what is held back."""
        for stream in {*self.streams, sys.stdout, sys.stderr}:
            with contextlib.suppress(Exception):
                stream.flush()
        if self.flush is not None:
            # What functions in C have printed.
            self.flush(None)

    def printed(self, most: int) -> bytes:
        """Return the first bytes that were printed."""
        return self._read(self.written[0], most, 0)

    def complaint(self, most: int) -> bytes:
        """Return the last bytes that were written to the standard error."""
        size = os.fstat(self.written[1]).st_size
        return self._read(self.written[1], most, max(0, size - most))

    @staticmethod
    def _read(descriptor: int, most: int, start: int) -> bytes:
        # Most programs print nothing.
        return os.pread(descriptor, most, start) if os.fstat(descriptor).st_size else b""


def _text(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=True
    )
