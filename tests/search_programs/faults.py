"""A program that does what a parameter asks for: it answers, or goes wrong in one of many ways."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import decimal
import fractions
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

LIBC = ctypes.CDLL(None)

#: Of what is named here, a test finds each process by its arguments.
TOKEN = os.environ.get("WFO_TEST_TOKEN", "no-token")

#: Waits much longer than any test, and says so in its arguments.
SLEEPER = ["sh", "-c", "sleep 3000; :", TOKEN]


class TwoArgumentsError(Exception):
    """Cannot be made again of what it says, as pickling tries."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class LockedError(Exception):
    """Holds what no pickle holds."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


class SilentError(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class NamelessError(Exception):
    """Has a name and a text that steer a terminal."""

    def __str__(self) -> str:
        return "a\x1b[2Jb\nc\u202ed"


def hang() -> NoReturn:
    """Wait for ever."""
    while True:
        time.sleep(1)


def hang_in_python() -> NoReturn:
    while True:
        pass


def hang_with_the_gil() -> None:
    """Wait in C, so that no other thread of the interpreter runs."""
    ctypes.PyDLL(None).sleep(3000)


def hang_deaf() -> NoReturn:
    """Wait without hearing any signal that can be ignored or held back."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    hang()


def hang_with_children() -> NoReturn:
    """Wait, with children and grandchildren in other sessions, of which some are orphans."""
    start_children()
    hang_with_the_gil()
    raise AssertionError


def start_children() -> None:
    subprocess.Popen(SLEEPER)
    subprocess.Popen(SLEEPER, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvpe(SLEEPER[0], SLEEPER, {"PATH": os.environ["PATH"]})
        os._exit(0)


def children() -> dict[str, Any]:
    """Answer, and leave processes behind."""
    start_children()
    return fine()


def stubborn_children() -> NoReturn:
    """Wait, while children start further ones as fast as they can."""
    if os.fork() == 0:
        while True:
            time.sleep(0.002)
            if os.fork():
                os._exit(0)
    hang()


def leak() -> None:
    held = []
    while True:
        held.append(b"x" * (16 << 20))
        time.sleep(0.002)


def leak_in_a_child() -> None:
    """Have a child that takes too much."""
    if os.fork() == 0:
        try:
            leak()
        finally:
            os._exit(0)
    hang()


def share() -> dict[str, Any]:
    """Have children that share much and take nothing themselves."""
    held = b"x" * (60 << 20)
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            time.sleep(0.4)
            os._exit(len(held) == 0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return fine()


def segfault() -> None:
    ctypes.string_at(0)


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    hang()


def kill_parent() -> None:
    """Kill the process that started this one, the guard."""
    os.kill(os.getppid(), signal.SIGKILL)
    hang()


def stop_parent() -> NoReturn:
    """Stop the guard, and wait."""
    os.kill(os.getppid(), signal.SIGSTOP)
    hang()


def stop_the_clock() -> dict[str, Any]:
    """Replace the clocks, as libraries do that make a date for a test."""
    time.time = time.monotonic = time.perf_counter = lambda: "noon"  # type: ignore[assignment]
    return fine()


def fork_and_return() -> dict[str, Any]:
    """Answer twice, from this process and from a copy."""
    os.fork()
    return fine()


def close_everything() -> dict[str, Any]:
    os.closerange(0, 4096)
    return fine()


def write_to_sockets() -> dict[str, Any]:
    """Write what is no message to every socket."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                os.write(int(name), b"no message\n{\n")
    return fine()


def forge() -> dict[str, Any]:
    """Answer in the worker's stead, under another number."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                os.write(
                    int(name),
                    b'{"number": 999999, "ending": "complete", "figures": {"": {"sharpe": 99}},'
                    b' "error": "", "broken": false, "seconds": 0, "printed": "", "resident": 1}\n',
                )
    return fine()


def print_in_many_ways() -> dict[str, Any]:
    print("by print")
    sys.__stdout__.write("by the first stdout\n") if sys.__stdout__ else None
    os.write(1, b"by the system\n")
    subprocess.run(["echo", "by a child"], check=True)
    LIBC.puts(b"by C")
    print("of an error", file=sys.stderr)
    return fine()


def print_much() -> dict[str, Any]:
    for _ in range(300):
        print("x" * 100_000)
    return fine()


def print_for_ever() -> NoReturn:
    while True:
        os.write(1, b"y" * 65536)


def print_bytes() -> dict[str, Any]:
    os.write(1, b"\xff\xfe\x1b[2J\x00 text")
    return fine()


def close_stdout() -> dict[str, Any]:
    print("before")
    sys.stdout.close()
    return fine()


def close_descriptors() -> dict[str, Any]:
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    return fine()


def replace_stdout() -> dict[str, Any]:
    sys.stdout = None  # type: ignore[assignment]
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    return fine()


def redirect() -> dict[str, Any]:
    """Lead the standard output to the socket of the worker."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                os.dup2(int(name), 1)
    return fine()


def read_input() -> dict[str, Any]:
    input()
    return fine()


def leave_a_thread() -> dict[str, Any]:
    """Leave a thread that keeps the interpreter from ending."""
    threading.Thread(target=hang).start()
    return fine()


def hang_at_the_end() -> dict[str, Any]:
    atexit.register(hang)
    return fine()


def change_everything() -> dict[str, Any]:
    """Change what calls have in common."""
    os.chdir("/")
    os.umask(0o777)
    sys.path.clear()
    socket.setdefaulttimeout(0.001)
    sys.setrecursionlimit(60)
    return fine()


def remove_modules() -> dict[str, Any]:
    for name in list(sys.modules):
        if name.startswith(("wfo", "json")):
            del sys.modules[name]
    return fine()


def recurse() -> Any:
    return recurse()


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


async def answer_later() -> dict[str, Any]:
    return fine()


def fine() -> dict[str, Any]:
    return {"sharpe": 1.5, "trades": 20}


def numpy() -> Any:
    """Import NumPy, for which processes that do without it need not wait."""
    return importlib.import_module("numpy")


def scalars() -> dict[str, Any]:
    np = numpy()
    return {
        "sharpe": np.float32(0.5),
        "a": np.int64(3),
        "b": np.array(2.0),
        "c": decimal.Decimal("1.25"),
        "d": fractions.Fraction(1, 4),
        "e": np.float64("nan"),
        "f": 10**300,
    }


def returns(value: object) -> Callable[[], Any]:
    return lambda: value


class Lying(dict[str, Any]):
    """A dict whose items cannot be read."""

    def keys(self) -> Any:
        raise RuntimeError("no keys")

    def __iter__(self) -> Any:
        raise RuntimeError("no keys")


DOES: dict[str, Callable[[], Any]] = {
    **{
        f.__name__: f
        for f in (
            *(hang, hang_in_python, hang_with_the_gil, hang_deaf, hang_with_children, children),
            *(stubborn_children, leak, leak_in_a_child, share, segfault, stop_itself, kill_parent),
            *(stop_parent, stop_the_clock),
            *(fork_and_return, close_everything, write_to_sockets, forge, print_in_many_ways),
            *(print_much, print_for_ever, print_bytes, close_stdout, close_descriptors),
            *(replace_stdout, redirect, read_input, leave_a_thread, hang_at_the_end),
            *(change_everything, remove_modules, recurse, answer_later, fine),
        )
    },
    "exit_0": lambda: os._exit(0),
    "exit_3": lambda: os._exit(3),
    "abort": os.abort,
    "kill_itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "sys_exit": lambda: sys.exit(3),
    "divide": lambda: 1 / 0,
    "two_arguments": raises(TwoArgumentsError("one", "two")),
    "locked": raises(LockedError()),
    "silent": raises(SilentError()),
    "nameless": raises(NamelessError()),
    "long": raises(ValueError("long " * 10_000)),
    "interrupt": raises(KeyboardInterrupt()),
    "base": raises(BaseException("base")),
    "group": raises(BaseExceptionGroup("two", [ValueError("a"), KeyError("b")])),
    "stop_iteration": raises(StopIteration("over")),
    "memory_error": raises(MemoryError()),
    "too_large": lambda: bytearray(1 << 50),
    "none": returns(None),
    "empty": returns({}),
    "text": returns("sharpe"),
    "list": returns([("sharpe", 1)]),
    "number": returns(1.0),
    "lying": returns(Lying(sharpe=1)),
    "generator": lambda: (_ for _ in ()),
    "no_sharpe": returns({"sharp": 1}),
    "undefined": returns(
        {"sharpe": None, "a": float("nan"), "b": float("inf"), "c": -float("inf")}
    ),
    "scalars": scalars,
    "huge": returns({"sharpe": 10**400}),
    "bool": returns({"sharpe": True}),
    "numpy_bool": lambda: {"sharpe": numpy().True_},
    "text_figure": returns({"sharpe": "1.5"}),
    "list_figure": returns({"sharpe": [1.5]}),
    "array_figure": lambda: {"sharpe": numpy().array([1.5])},
    "complex": returns({"sharpe": 1 + 2j}),
    "moment": lambda: {"sharpe": numpy().datetime64("2024-01-01")},
    "number_name": returns({"sharpe": 1, 3: 4}),
    "empty_name": returns({"sharpe": 1, "": 4}),
    "long_name": returns({"sharpe": 1, "x" * 5000: 4}),
    "steering_name": returns({"sharpe": 1, "a\x1b[2J": 4}),
    "many": returns({"sharpe": 1, **{f"f{k}": k for k in range(2000)}}),
    "by_symbol": returns({"SPY": {"sharpe": 1.0}}),
    "mixed": returns({"SPY": {"sharpe": 1.0}, "sharpe": 2.0}),
}


def evaluate(params: dict[str, Any], *, seed: int) -> Any:
    """Do what ``params["do"]`` says; once, where ``params["once"]`` names a file."""
    mark = params.get("once")
    if mark is not None:
        if Path(mark).exists():
            return fine()
        Path(mark).touch()
    return DOES[params["do"]]()
