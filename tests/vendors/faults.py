"""What goes wrong on demand: the kinds, and when they come."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Literal

#: What a request is for.
Kind = Literal["bars", "token", "authorize", "file", "checksum", "other"]

_ANY: frozenset[Kind] = frozenset({"bars", "token", "file", "checksum"})
_ROWS: frozenset[Kind] = frozenset({"bars", "file", "checksum"})
_BARS: frozenset[Kind] = frozenset({"bars"})


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in one request.

    Attributes
    ----------
    name
        One of `FAULTS` says what happens.
    on
        Requests in which it can happen; those of other kinds pass it by.
    status
        Of the answer, where that is all.
    retry_after
        Value of the header: seconds, ``date`` for an HTTP date `wait` seconds ahead, None for none.
    wait
        Seconds until the server is ready again.
    off
        Seconds by which the stamps of the answer are off.
    passing
        Whether another try succeeds.
    """

    name: str
    on: frozenset[Kind] = _ANY
    status: int | None = None
    retry_after: Literal["seconds", "date"] | None = None
    wait: int = 2
    off: float = 0.0
    passing: bool = True


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("429", status=429),
        Fault("429-seconds", status=429, retry_after="seconds"),
        Fault("429-date", status=429, retry_after="date"),
        Fault("500", status=500),
        Fault("503", status=503),
        Fault("503-seconds", status=503, retry_after="seconds"),
        Fault("504", status=504),
        # The clock is off by an hour in a header that has a time in it.
        Fault("clock-ahead", status=429, retry_after="date", off=3600.0),
        Fault("clock-behind", status=429, retry_after="date", off=-3600.0),
        # The answer is held until the client leaves or the test releases it.
        Fault("time-out"),
        Fault("cut-before-headers"),
        Fault("cut-mid-body"),
        Fault("cut-chunked"),
        Fault("truncated-json", on=frozenset({"bars", "token"})),
        Fault("html", on=frozenset({"bars", "token"})),
        Fault("null-fields", on=_ROWS),
        Fault("duplicate-bars", on=_ROWS),
        Fault("unordered-bars", on=_ROWS),
        Fault("wrong-checksum", on=frozenset({"checksum"})),
        Fault("broken-zip", on=frozenset({"file", "checksum"})),
        # An access token that ends before its time.
        Fault("expired-token", on=_BARS),
        # Keys or tokens that are refused from then on.
        Fault("revoked-token", on=frozenset({"bars", "token"}), passing=False),
        # The answer is right, and changes right after it: one bar, or all bars by a split.
        Fault("revised-bar", on=frozenset({"bars", "file"}), passing=False),
        Fault("split-history", on=frozenset({"bars", "file"}), passing=False),
    )
}


def named(fault: str | Fault) -> Fault:
    """Return a fault by its name."""
    return FAULTS[fault] if isinstance(fault, str) else fault


@dataclasses.dataclass
class _Rule:
    where: Callable[[str], bool]
    fault: Fault
    times: int


class Faults:
    """The faults of one vendor, in the order in which they come.

    Parameters
    ----------
    known
        Names of `FAULTS` that the vendor can have.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self.known = tuple(known)
        #: Kinds of requests and faults after which another try fails: none of them come at random.
        self.final: frozenset[tuple[Kind, str]] = frozenset()
        self._lock = threading.Lock()
        self.clear()

    @property
    def passing(self) -> tuple[str, ...]:
        """Names of those after which another try succeeds, but for ``time-out``, which is slow."""
        return tuple(n for n in self.known if FAULTS[n].passing and n != "time-out")

    def clear(self) -> None:
        """Forget all that were to come."""
        with self._lock:
            self._queue: deque[Fault] = deque()
            self._rules: list[_Rule] = []
            self._random: random.Random | None = None
            self._share = 0.0
            self._most = 0
            self._among: tuple[Fault, ...] = ()
            self._row: Counter[str] = Counter()

    def next(self, *faults: str | Fault) -> None:
        """Let faults come, one a request, each in the next in which it can happen."""
        found = [self._own(fault) for fault in faults]
        with self._lock:
            self._queue.extend(found)

    def on(self, where: str | Callable[[str], bool], fault: str | Fault, times: int = 1) -> None:
        """Let a fault come in the next requests whose path has a text or answers to a function."""
        found = self._own(fault)
        check = (lambda path: where in path) if isinstance(where, str) else where
        with self._lock:
            self._rules.append(_Rule(check, found, times))

    def random(
        self,
        seed: int,
        *,
        share: float = 0.4,
        most_in_a_row: int = 3,
        among: Sequence[str | Fault] | None = None,
    ) -> None:
        """Let faults come at random, the same for a seed and an order of requests.

        Parameters
        ----------
        share
            Of the requests that go wrong.
        most_in_a_row
            Of the same path and query, or of a file and its checksum.
        among
            Those that can come; all of `passing` by default.
        """
        found = tuple(self._own(f) for f in (self.passing if among is None else among))
        with self._lock:
            self._random = random.Random(seed)
            self._share, self._most, self._among = share, most_in_a_row, found
            self._row = Counter()

    @property
    def pending(self) -> int:
        """How many are still to come, but for those at random."""
        with self._lock:
            return len(self._queue) + sum(rule.times for rule in self._rules)

    def take(self, kind: Kind, path: str, subject: str) -> Fault | None:
        """Return the fault of a request."""
        with self._lock:
            if self._queue and kind in self._queue[0].on:
                return self._queue.popleft()
            for rule in self._rules:
                if rule.times > 0 and kind in rule.fault.on and rule.where(path):
                    rule.times -= 1
                    return rule.fault
            if self._random is None:
                return None
            can = [f for f in self._among if kind in f.on and (kind, f.name) not in self.final]
            spared = self._random.random() >= self._share
            if spared or not can or self._row[subject] >= self._most:
                # A file is whole once its checksum came too, whatever of the two came first; the
                # count of the pair goes on until another file is asked for.
                if kind not in {"file", "checksum"}:
                    self._row[subject] = 0
                return None
            self._row[subject] += 1
            return self._random.choice(can)

    def _own(self, fault: str | Fault) -> Fault:
        found = named(fault)
        if found.name not in self.known:
            raise ValueError(f"no fault {found.name!r} here; there are {', '.join(self.known)}")
        return found
