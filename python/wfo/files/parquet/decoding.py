"""From the pages of a Parquet file to a frame, in this process or in one of its own.

What `wfo.files.parquet.reading` writes anew has nothing in it by which Polars would crash, but the
values themselves, which stay packed until here. Of broken ones it panics at times: that is an
exception, with lines of its own on the standard error output of the process.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

#: One at a time: the error output is that of the whole process.
_ONE: Final = threading.Lock()

#: Seconds that a process of its own has, and bytes that it unpacks a second at least.
_SECONDS: Final = 60
_PACE: Final = 4 << 20
#: Bytes of addresses that it has, and further ones for each byte that is unpacked.
_ROOM: Final = 4 << 30
_TIMES: Final = 4

#: What it runs, with the places of modules as they are here but for the folder in which a command
#: works, where others may have put some.
_CODE: Final = """
import io, json, os, sys
sys.path[:], room = json.loads(sys.argv[1]), int(sys.argv[2])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
except (ImportError, ValueError, OSError):
    pass
import polars as pl
content = io.BytesIO(sys.stdin.buffer.read())
try:
    frame = pl.read_parquet(content, glob=False, hive_partitioning=False, use_statistics=False)
    frame.slice(int(sys.argv[3]), int(sys.argv[4])).write_ipc_stream(sys.stdout.buffer)
    sys.stdout.buffer.flush()
except BaseException as error:
    sys.stdout.buffer.write(str(error).encode("utf-8", "replace")[:1000])
    sys.stdout.buffer.flush()
    os._exit(3)
os._exit(0)
"""
_REFUSED: Final = 3


def decode(content: bytes, first: int, count: int) -> pl.DataFrame:
    """Unpack rows of a file that `wfo.files.parquet.reading` has written.

    Parameters
    ----------
    content
        The file.
    first, count
        Which rows.

    Raises
    ------
    OSError
        If Polars cannot.
    """
    import polars as pl

    try:
        with _errors_kept_back():
            frame = pl.read_parquet(
                io.BytesIO(content), glob=False, hive_partitioning=False, use_statistics=False
            )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _fault(str(error)) from None
    return frame.slice(first, count)


def decode_apart(content: bytes, first: int, count: int, room: int) -> pl.DataFrame:
    """Unpack rows in a process of their own, which may crash.

    Parameters
    ----------
    content, first, count
        As of `decode`.
    room
        Bytes that the values have when they are unpacked.

    Raises
    ------
    OSError
        If Polars cannot, or the process takes more memory or time than it is given.
    """
    import polars as pl

    if not sys.executable or getattr(sys, "frozen", False):  # there is no interpreter to start
        return decode(content, first, count)
    places = [place for place in sys.path if os.path.isabs(place)]
    limit = _ROOM + _TIMES * (room + len(content))
    command = [sys.executable, "-I", "-c", _CODE, json.dumps(places), str(limit)]
    try:
        done = subprocess.run(  # noqa: S603  # the interpreter that runs this
            [*command, str(first), str(count)],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS + (len(content) + room) / _PACE,
            env={**os.environ, "POLARS_MAX_THREADS": "2"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"unpacking it has taken {error.timeout:.0f} seconds") from None
    if done.returncode == _REFUSED:
        raise _fault(done.stdout.decode("utf-8", "replace"))
    if done.returncode:
        raise OSError(
            "its values cannot be unpacked: Polars crashes by them, or runs out of memory"
        )
    try:
        return pl.read_ipc_stream(io.BytesIO(done.stdout))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _fault(str(error)) from None


def _fault(said: str) -> OSError:
    first = (said.splitlines() or ["unknown"])[0]
    return OSError(f"its values cannot be unpacked ({first:.120})")


@contextlib.contextmanager
def _errors_kept_back() -> Iterator[None]:
    """Keep what is written to the process's error output until the block ends well.

    Of a panic Rust writes there by itself, beside the exception. If the block fails, that is lost.
    """
    with _ONE, contextlib.ExitStack() as stack:
        try:
            kept = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            own = os.dup(2)
        except OSError:  # there is no room for files of a moment, or no error output
            yield
            return
        stack.callback(os.close, own)
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(own, 2)
        kept.seek(0)
        while written := kept.read(1 << 16):
            os.write(2, written)
