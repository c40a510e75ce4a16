"""A worker as the search sees it: messages to it and from it, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import msgspec

from wfo.errors import EngineError
from wfo.search.runner.worker import Order
from wfo.text import one_line

#: What the interpreter of a worker runs.
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from wfo.search.runner.worker import main; fd = int(sys.argv[2]); sys.argv[:] = [''];"
    " main(fd)"
)

#: What numerical libraries take as the number of their threads.
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"),
)

#: Bytes of one message of a worker, at most: 1,000 figures of a hundred symbols are 4 MB.
_MOST_BYTES = 64 << 20

#: Bytes that are read at once.
_BYTES = 1 << 18

#: Bytes of what a crashed program wrote that its guard hands over.
_SHOWN = 8192


class Answer(msgspec.Struct):
    """What a worker says of an evaluation."""

    number: int
    ending: Literal["complete", "failed", "memory", "crashed"]
    figures: dict[str, dict[str, float | None]]
    error: str
    broken: bool
    seconds: float
    printed: str
    resident: int


class Loaded(msgspec.Struct):
    """What a worker says of the program: which keywords it takes, or why there is none."""

    takes: list[str] = []
    refused: str = ""


class Ended(msgspec.Struct):
    """What a guard says of a worker: its number at first, how it ended at last."""

    worker: int = 0
    status: int | None = None
    why: str = ""
    resident: int = 0
    printed: str = ""
    errors: str = ""


_ANSWERS = msgspec.json.Decoder(Answer)
_LOADED = msgspec.json.Decoder(Loaded)
_ENDED = msgspec.json.Decoder(Ended)


def require_processes() -> None:
    """Raise unless this system and this interpreter can run workers.

    Raises
    ------
    EngineError
        If they cannot, with the reason.
    """
    if os.name != "posix":
        raise EngineError(
            "programs are run in process groups, which Windows does not have: run the search on"
            " Linux or macOS, or in WSL"
        )
    if not sys.executable or getattr(sys, "frozen", False):
        raise EngineError("programs are run by a Python interpreter, and this process has none")


def worker_environment(threads: int) -> dict[str, str]:
    """Return the environment of workers: that of this process, and what makes results repeat."""
    fixed = dict.fromkeys(_THREADS, str(threads))
    # The order of sets of texts differs from process to process otherwise.
    return {**fixed, "PYTHONHASHSEED": "0", **os.environ}


class WorkerProcess:
    """A worker with its guard.

    Parameters
    ----------
    order
        What it is to load.
    memory
        Bytes that it may have, 0 for any.
    environment
        Its environment.
    remove
        A folder that its guard removes if this process is killed; empty for none.
    """

    def __init__(
        self, order: Order, memory: int, environment: Mapping[str, str], remove: str
    ) -> None:
        self.worker = 0
        self.ended: Ended | None = None
        self.loaded: Loaded | None = None
        self.garbled = False
        self.resident = 0
        self.silent = False
        self._leaving = b""
        self._held = {"channel": b"", "control": b""}
        try:
            self._begin(order, memory, environment, remove)
        except OSError as error:
            said = error.strerror or str(error)
            raise EngineError(
                f"no worker can be started: {one_line(said)}; ask for fewer workers, or raise the"
                " limits of processes and open files"
            ) from None
        for end in (self.channel, self.control):
            end.setblocking(False)
        self.send(asdict(order))

    def _begin(
        self, order: Order, memory: int, environment: Mapping[str, str], remove: str
    ) -> None:
        """Start the guard, with the worker's end of one socket and its own end of another."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            ends = []
            for _ in range(2):
                own, other = socket.socketpair()
                ours.callback(own.close)
                theirs.callback(other.close)
                ends.append((own, other))
            (self.channel, its_channel), (self.control, its_control) = ends
            places = [os.path.abspath(place) for place in sys.path]
            command = [sys.executable, "-c", _CODE, json.dumps(places), str(its_channel.fileno())]
            options = {
                "parent": os.getpid(),
                "control": its_control.fileno(),
                "channel": its_channel.fileno(),
                "command": command,
                "folder": order.folder,
                "memory": memory,
                "remove": remove,
                "shown": _SHOWN,
            }
            guard = Path(__file__).with_name("guard.py")
            self._guard = subprocess.Popen(  # noqa: S603  # the interpreter that runs this
                [sys.executable, "-I", "-S", str(guard), json.dumps(options)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(its_channel.fileno(), its_control.fileno()),
                env=environment,
                start_new_session=True,
            )
            ours.pop_all()

    def send(self, said: Mapping[str, Any]) -> None:
        """Send a message, or as much of it as there is room for; `flush` sends the rest."""
        self._leaving += json.dumps(said, default=_plain).encode() + b"\n"

    def flush(self) -> bool:
        """Send what is left of messages, as far as there is room; return whether all has gone."""
        while self._leaving:
            try:
                sent = self.channel.send(self._leaving)
            except BlockingIOError:
                return False
            except OSError:
                # It has ended, which its guard says.
                self._leaving = b""
                return True
            self._leaving = self._leaving[sent:]
        return True

    def answers(self) -> list[Answer]:
        """Return what has come from the worker."""
        found: list[Answer] = []
        if self.garbled:
            return found
        try:
            for line in self._lines("channel", self.channel):
                if self.loaded is None:
                    self.loaded = _LOADED.decode(line)
                else:
                    found.append(_ANSWERS.decode(line))
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            # A program has written to the worker's own socket.
            self.garbled = True
        return found

    def look(self) -> bool:
        """Take notice of what the guard says; return whether the worker has ended."""
        if self.ended is not None:
            return True
        try:
            for line in self._lines("control", self.control):
                said = _ENDED.decode(line)
                if said.worker:
                    self.worker = said.worker
                else:
                    self.ended = said
        except (msgspec.MsgspecError, EOFError):
            pass
        if self.ended is None and self._guard.poll() is not None:
            self._after_the_guard()
        return self.ended is not None

    def _after_the_guard(self) -> None:
        """Kill the worker whose guard has ended before it; the system has, on Linux."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            for line in self._lines("control", self.control):
                self.ended = _ENDED.decode(line)
        if self.ended is None or self.ended.worker:
            self.ended = Ended(why="guard")
        if self.worker:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.worker, signal.SIGKILL)

    def _lines(self, name: str, source: socket.socket) -> list[bytes]:
        """Return the whole lines that can be read without waiting."""
        parts = [self._held[name]]
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                new = source.recv(_BYTES)
                parts.append(new)
                self.silent |= name == "channel" and not new
                if len(new) < _BYTES:
                    break
        *whole, self._held[name] = b"".join(parts).split(b"\n")
        if len(self._held[name]) > _MOST_BYTES:
            raise ValueError("a line without an end")
        return whole

    def kill(self) -> None:
        """Have the guard kill the worker and all that it has started."""
        with contextlib.suppress(OSError):
            self.control.send(b"k")
            # A program may have stopped it.
            self._guard.send_signal(signal.SIGCONT)

    def dismiss(self) -> None:
        """Let the worker end by itself."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def release(self, patience: float) -> None:
        """Close what leads to the worker and its guard, which ends both, and wait for the guard."""
        self.channel.close()
        self.control.close()
        try:
            self._guard.wait(patience)
        except subprocess.TimeoutExpired:
            # What it is to kill waits for a disk, or the guard itself is held up.
            self._guard.kill()
            self._guard.wait()
            if self.worker:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.worker, signal.SIGKILL)


def _plain(value: Any) -> Any:
    """Return a scalar of NumPy as Python's."""
    return value.item()


def now() -> float:
    """Return the time that deadlines are compared with."""
    return time.monotonic()
