"""Calls in threads, of compiled functions that know no interrupt.

The interpreter sees Ctrl-C in its first thread alone, and not before what runs there returns, which
a function of a user's may never do. So it runs in threads beside that one, which end with the
process and are not waited for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

from wfo.errors import EngineError

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

#: Seconds of a wait: some systems see an interrupt between two of them alone.
_WAIT = 0.5


def in_threads(
    work: Callable[[_Item], _Found], given: Sequence[_Item], threads: int, name: str
) -> list[_Found]:
    """Return what `work` makes of each item, in order.

    Parameters
    ----------
    work
        What is called.
    given
        With what, each item once; they are begun in order.
    threads
        How many at once, at most.
    name
        Of the threads.

    Raises
    ------
    BaseException
        What `work` raises of the first item of which it raises anything; or KeyboardInterrupt, at
        once: what is running then goes on by itself, and what it makes is lost.
    """
    found: list[Any] = [None] * len(given)
    failed: dict[int, BaseException] = {}
    numbers, stopped = itertools.count(), Event()
    ended: SimpleQueue[None] = SimpleQueue()

    def run() -> None:
        try:
            # One that comes later is not begun where one before it has failed.
            while not stopped.is_set() and (number := next(numbers)) < len(given):
                try:
                    found[number] = work(given[number])
                except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
                    failed[number] = error
                    stopped.set()
        finally:
            ended.put(None)

    try:
        for _ in range(_begun(run, min(threads, len(given)), name)):
            _wait(ended)
    except BaseException:
        stopped.set()
        raise
    if failed:
        raise failed[min(failed)]
    return found


def _begun(run: Callable[[], None], count: int, name: str) -> int:
    """Return how many threads were begun: as many as were asked for, or as the system has.

    Raises
    ------
    EngineError
        If it has none.
    """
    for k in range(count):
        try:
            Thread(target=run, name=f"{name}_{k}", daemon=True).start()
        except RuntimeError as error:
            if k == 0:
                raise EngineError(f"no thread can be begun: {error}") from None
            return k
    return count


def _wait(ended: SimpleQueue[None]) -> None:
    """Wait until a thread has ended."""
    while True:
        try:
            return ended.get(timeout=_WAIT)
        except Empty:
            pass
