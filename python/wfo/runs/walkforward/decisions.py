"""``decisions.json``: every decision as soon as it is known, by what it follows from.

The key of a decision is a digest of all that it follows from, bars before its `train_end` included,
and of nothing else. So a search that was stopped goes on with what is missing, and so does one on a
history that has grown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

from wfo.errors import ResultsError
from wfo.files import is_there, read_sealed, write_sealed
from wfo.files.schema import (
    MOST_COUNT,
    Count,
    DayText,
    FiniteNumber,
    HexDigest,
    Limits,
    ShortText,
    Text,
    require,
)
from wfo.progress import Progress, Silent, duration
from wfo.walkforward.values import Decision

if TYPE_CHECKING:
    from wfo.walkforward.values import Chooser
    from wfo.windows import WalkWindow

#: Version of the layout of the file.
LAYOUT: Final = 1

#: Combinations that are looked at before a decision is known, at most, if one window has no more:
#: some minutes of work.
_TOGETHER = 500_000_000

#: Seconds between two writings, at least; what is lost of a killed search is no more.
_INTERVAL = 2.0

Params = dict[ShortText, FiniteNumber]


class DecisionShape(TypedDict):
    """A decision, as `Decision.to_dict` has it."""

    params: Params | None
    index: Count | None
    value: FiniteNumber | None
    tied: Count
    searched: Count
    note: Text


_Kept = TypedDict(
    "_Kept",
    {"from": DayText, "to": DayText, "decision": DecisionShape},
)


class DecisionsShape(TypedDict):
    """``decisions.json``."""

    layout: Annotated[int, Limits(f"the layout {LAYOUT}", ge=LAYOUT, le=LAYOUT)]
    fingerprint: HexDigest
    identity: dict[str, Any]
    decisions: dict[HexDigest, _Kept]


def decision_of(data: Mapping[str, Any], window: int) -> Decision:
    """Return the decision of a window that `Decision.to_dict` returned."""
    return Decision(window, **{name: data[name] for name in DecisionShape.__annotations__})


class Decisions:
    """The decisions of a folder, those of an earlier sitting included.

    Parameters
    ----------
    path
        The file.
    identity
        Plain values that say of which walk-forward they are.
    fingerprint
        Their digest.
    saved
        Called with the number of combinations looked at so far, whenever they have been written.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        fingerprint: str,
        saved: Callable[[int], None] | None = None,
    ) -> None:
        self.path = path
        self._identity, self._fingerprint = dict(identity), fingerprint
        self._saved = saved
        self._kept: dict[str, dict[str, Any]] = {}
        self._unsaved = False
        self._written = time.monotonic()

    def load(self) -> None:
        """Read what an earlier sitting has left; without a file there is nothing.

        Raises
        ------
        ResultsError
            If the file is damaged, or of another walk-forward.
        """
        if not is_there(self.path):
            return
        data = read_sealed(self.path)
        require(data, DecisionsShape, "it", file=self.path)
        if data["fingerprint"] != self._fingerprint:
            raise ResultsError(f"{self.path} has the decisions of another walk-forward")
        self._kept = data["decisions"]

    def require(self, fits: Callable[[Decision], str]) -> None:
        """Raise a `ResultsError` if what was read has a decision that cannot be of this search.

        Parameters
        ----------
        fits
            Returns what is wrong with a decision; empty where nothing is.
        """
        for key in self._kept:
            wrong = fits(self.get(key, 1))
            if wrong:
                raise ResultsError(f"{self.path}: {wrong}")

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    @property
    def searched(self) -> int:
        """Combinations that were looked at for all of them."""
        total = sum(int(each["decision"]["searched"]) for each in self._kept.values())
        return min(total, MOST_COUNT)

    def get(self, key: str, window: int) -> Decision:
        """Return the decision of a key for the window of that number."""
        return decision_of(self._kept[key]["decision"], window)

    def add(self, key: str, window: WalkWindow, decision: Decision) -> None:
        """Keep a decision, and write all of them if it is time."""
        first, last = window.in_sample
        self._kept[key] = {
            "from": first.isoformat(),
            "to": last.isoformat(),
            "decision": decision.to_dict(),
        }
        self._unsaved = True
        if time.monotonic() - self._written >= _INTERVAL:
            self.save()

    def save(self, *, always: bool = False) -> None:
        """Write all of them, whole or not at all, if any is new or `always`.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        if not self._unsaved and not always:
            return
        # In one order, whatever an earlier sitting had.
        ordered = sorted(
            self._kept.items(), key=lambda item: (item[1]["to"], item[1]["from"], item)
        )
        self._kept = dict(ordered)
        data = {
            "layout": LAYOUT,
            "fingerprint": self._fingerprint,
            "identity": self._identity,
            "decisions": self._kept,
        }
        write_sealed(self.path, data, remedy="see to it, then the same command goes on")
        self._unsaved = False
        self._written = time.monotonic()
        if self._saved is not None:
            self._saved(self.searched)


class KeptChooser:
    """A chooser that asks another one for those decisions alone that are not kept yet.

    Parameters
    ----------
    inner
        What decides.
    decisions
        Where decisions are kept.
    key
        Returns what the decision of a window follows from, hashed.
    together
        Combinations, over all windows, that `inner` is asked for at once: it may know nothing
        before it has looked at all of them, and what it does not know is lost by a kill.
    progress
        Where to tell how many windows are left, where they are not asked for at once.

    Attributes
    ----------
    by, combinations
        As of `inner`.
    kept, decided
        Decisions that were there when they were asked for, and those that `inner` has made.
    used
        Keys of all decisions that were asked for.
    """

    def __init__(
        self,
        inner: Chooser,
        decisions: Decisions,
        key: Callable[[WalkWindow], str],
        *,
        together: int = _TOGETHER,
        progress: Progress | None = None,
    ) -> None:
        self._inner, self._decisions, self._key = inner, decisions, key
        self._several = max(1, together // max(1, inner.combinations))
        self._progress = progress or Silent()
        self.by, self.combinations = inner.by, inner.combinations
        self.kept = self.decided = 0
        self.used: dict[str, int] = {}

    @property
    def searched(self) -> int:
        """Combinations that were looked at for all that was asked for, each part once."""
        return min(sum(self.used.values()), MOST_COUNT)

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        """Yield the decision of each window, in their order, as soon as it is known."""
        keys = [self._key(window) for window in windows]
        missing: dict[str, WalkWindow] = {}
        for key, window in zip(keys, windows, strict=True):
            if key not in self._decisions:
                missing.setdefault(key, window)
        self.kept += len(set(keys)) - len(missing)
        found = self._choose(list(missing.values()))
        try:
            for key, window in zip(keys, windows, strict=True):
                if key not in self._decisions:
                    decision = next(found)
                    self._decisions.add(key, window, decision)
                    self.decided += 1
                decision = self._decisions.get(key, window.number)
                self.used[key] = decision.searched
                yield decision
        finally:
            self._decisions.save()

    def _choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        """Yield the decisions of windows that are missing, some windows at a time."""
        begun = time.monotonic()
        for done in range(0, len(windows), self._several):
            if done:
                left = (time.monotonic() - begun) / done * (len(windows) - done)
                many = f"{done:,} of {len(windows):,} in-sample parts are decided"
                self._progress.say(f"{many}, about {duration(left)} left")
            yield from self._inner.choose(windows[done : done + self._several])
