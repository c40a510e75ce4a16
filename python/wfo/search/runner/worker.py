"""A worker process: loads a program once, and calls it for every evaluation that it is sent.

Messages are JSON, one a line, over a socket; nothing is pickled, so that no error of a program is
lost or harmful on its way. The first message says what to load, each further one is an evaluation.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import random
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# By names of this module: programs replace those of `time` by clocks that stand still.
from time import monotonic, perf_counter
from typing import Any

from wfo.python_files import described
from wfo.search.objective.figures import known
from wfo.search.runner.capture import Capture
from wfo.search.runner.commands import run_command
from wfo.search.runner.errors import AnswerError, CommandError, LoadError
from wfo.search.runner.figures import Figures, read_figures
from wfo.search.runner.guard import become_subreaper, resident
from wfo.search.runner.programs import CONTEXT, Program, load_program, split_target
from wfo.text import one_line, printable

#: Bytes that are read at once.
_BYTES = 1 << 16

#: Where an object is, in what Python shows of it.
_ADDRESS = re.compile(" at 0x[0-9a-fA-F]+")

#: Seconds between two looks at the memory of this process.
_LOOKS = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is started for.

    Attributes
    ----------
    target
        ``module:function``, ``FILE.py:function``, or the words of a command.
    folder
        Where it works.
    symbols
        Those of the search.
    windows
        First and last day of each as ISO dates, or None.
    bars
        Of each window, the file of each symbol's bars.
    needs
        Names of figures that every answer must have.
    figures, name_characters, answer_bytes, printed_characters, error_characters
        As in ``runner.yaml``.
    """

    target: str | Sequence[str]
    folder: str
    symbols: Sequence[str]
    windows: Sequence[Sequence[str | None]]
    bars: Sequence[Mapping[str, str]]
    needs: Sequence[str]
    figures: int
    name_characters: int
    answer_bytes: int
    printed_characters: int
    error_characters: int


def main(descriptor: int) -> None:
    """Work for the process at the other end of a socket until it is closed."""
    channel = socket.socket(fileno=descriptor)
    # It came through an exec, and is not to go through those of programs.
    channel.set_inheritable(False)
    lines = _lines(channel)
    first = next(lines, None)
    if first is None:
        return
    order = Order(**first)
    capture = Capture()
    faulthandler.enable(capture.written[1], all_threads=False)
    capture.begin()
    worker = _Worker(order, capture)
    try:
        takes = worker.load()
    except LoadError as error:
        said = _ADDRESS.sub("", one_line(str(error)))
        _send(channel, {"refused": _cut(said, 2 * order.error_characters)})
        return
    capture.end()
    # What importing has made stays.
    gc.collect()
    gc.freeze()
    _send(channel, {"takes": takes})
    own = os.getpid()
    for asked in lines:
        answer = worker.answer(asked)
        if os.getpid() != own:
            # A program has forked, and the copy came back as well.
            os._exit(0)
        _send(channel, answer)


def _lines(channel: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the messages that come."""
    held = b""
    while True:
        try:
            new = channel.recv(_BYTES)
        except OSError:
            return
        if not new:
            return
        *whole, held = (held + new).split(b"\n")
        yield from map(json.loads, whole)


def _send(channel: socket.socket, said: Mapping[str, Any]) -> None:
    channel.sendall(json.dumps(said, allow_nan=False).encode() + b"\n")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


class _Worker:
    def __init__(self, order: Order, capture: Capture) -> None:
        self.order = order
        self.capture = capture
        self.folder = Path(order.folder)
        self.frames: dict[int, dict[str, Any]] = {}
        self.file: Path | None = None
        self.looked = 0.0
        self.resident = 0

    def load(self) -> tuple[str, ...]:
        """Load the program and return which keywords it takes; a command takes all."""
        # Whatever answers are looked at by is read before a program can change where Python looks.
        known("sharpe")
        target = self.order.target
        if isinstance(target, str):
            place = split_target(target)[0]
            self.file = self.folder / place if place.endswith(".py") else None
            self.program = load_program(target, self.folder)
            self.call: Callable[[Any, int, int], Any] = self.call_program
            if self.file is None:
                name = getattr(sys.modules.get(place), "__file__", None)
                self.file = Path(name) if name else None
            # What reading answers imports, and reads of the files that ship, is there before the
            # program runs: it may leave no folder to import from.
            with contextlib.suppress(AnswerError):
                read_figures({"sharp": 0.0}, (), ("sharpe",), self.order)
            return self.program.takes
        become_subreaper()
        self.call = self.call_command
        return CONTEXT

    def answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate once, and return the message that says what came of it."""
        capture, order = self.capture, self.order
        with contextlib.suppress(OSError):
            os.chdir(order.folder)
        capture.begin()
        figures: dict[str, Figures] = {}
        ending, error, broken = "complete", "", False
        begun = perf_counter()
        try:
            answer = self.call(asked["params"], asked["window"], asked["seed"])
            figures = read_figures(answer, order.symbols, order.needs, order)
        except AnswerError as raised:
            ending, error, broken = "failed", str(raised), True
        except LoadError as raised:
            ending, error, broken = "failed", str(raised), True
        except CommandError as raised:
            ending, error = "crashed" if raised.crashed else "failed", str(raised)
        except BaseException as raised:  # noqa: BLE001  # of foreign code, which may raise anything
            ending = "memory" if isinstance(raised, MemoryError) else "failed"
            error = described(raised, self.folder, self.file)
        seconds = perf_counter() - begun
        capture.end()
        printed = ""
        if ending != "complete" or isinstance(order.target, str):
            most = order.printed_characters
            # A character takes up to four bytes.
            printed = _cut(printable(capture.printed(4 * most).decode("utf-8", "replace")), most)
        now = monotonic()
        if now - self.looked > _LOOKS:
            self.looked, self.resident = now, resident(os.getpid())
        return {
            "number": asked["number"],
            "ending": ending,
            "figures": figures,
            # Addresses differ from process to process.
            "error": _cut(_ADDRESS.sub("", one_line(error)), order.error_characters),
            "broken": broken,
            "seconds": seconds,
            "printed": printed,
            "resident": self.resident,
        }

    def call_program(self, params: Any, window: int, seed: int) -> Any:
        # What a program draws without a generator of its own follows from the seed too, and not
        # from what the worker did before.
        random.seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed % 2**32)
        program: Program = self.program
        context = {name: self.context(name, window, seed) for name in program.takes}
        return program.function(params, **context)

    def context(self, name: str, window: int, seed: int) -> Any:
        """Return what a call has by one keyword."""
        if name == "symbols":
            return tuple(self.order.symbols)
        if name == "seed":
            return seed
        if name == "bars":
            # A frame of its own, so that columns that a program adds in place are not there again.
            return {symbol: frame.clone() for symbol, frame in self.bars(window).items()}
        import datetime as dt

        days = [None if day is None else dt.date.fromisoformat(day) for day in self.span(window)]
        return {"number": window, "start": days[0], "end": days[1]}

    def span(self, window: int) -> Sequence[str | None]:
        return self.order.windows[window]

    def bars(self, window: int) -> dict[str, Any]:
        """Return the bars of a window, which are read once."""
        if not self.order.bars:
            return {}
        if window not in self.frames:
            import io

            import polars as pl

            from wfo.files import read_bytes
            from wfo.files.limits import TABLE_BYTES

            self.frames[window] = {
                symbol: pl.read_parquet(io.BytesIO(read_bytes(Path(name), most=TABLE_BYTES)))
                for symbol, name in self.order.bars[window].items()
            }
        return self.frames[window]

    def call_command(self, params: Any, window: int, seed: int) -> Any:
        start, end = self.span(window)
        asked = {
            "params": params,
            "symbols": list(self.order.symbols),
            "window": {"number": window, "start": start, "end": end},
            "seed": seed,
            "bars": self.order.bars[window] if self.order.bars else {},
        }
        return run_command(
            self.order.target, asked, self.folder, self.capture, self.order.answer_bytes
        )
