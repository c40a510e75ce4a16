"""What a walk-forward would take: windows, combinations, time, memory and disk, as measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.progress import Progress, Silent, duration
from wfo.runs.machine import Machine
from wfo.runs.walkforward.decisions import Decisions
from wfo.runs.walkforward.identity import decision_keys
from wfo.runs.walkforward.preparing import Prepared
from wfo.text import size_text, wrap_text
from wfo.walkforward.parts import room_of
from wfo.walkforward.stitching import hindsight_window

if TYPE_CHECKING:
    from wfo.windows import WalkWindow

#: Bytes of the interpreter with its libraries loaded, measured.
_BASE = 330_000_000

#: Bytes of a folder, at most: of each bar in all tables together, and of each decision.
_BAR, _DECISION, _PAGES = 400, 6_000, 2_000_000

_WIDTH = 98


@dataclass(frozen=True, slots=True)
class WalkEstimate:
    """What a walk-forward would take.

    Attributes
    ----------
    folder
        Where it would be kept.
    cells
        Walk-forwards of a matrix; 1 without one.
    windows
        Windows of all of them.
    parts
        Distinct in-sample parts; of one walk-forward that of the choice on all bars is one.
    kept
        How many of them are decided already.
    combinations
        What is searched in each.
    seconds
        Time to choose in those that are missing, as measured; None where none is.
    disk, memory
        Bytes at most.
    free
        Bytes that are free on the disk.
    notes
        What is to be known besides, one sentence each.
    """

    folder: Path
    cells: int
    windows: int
    parts: int
    kept: int
    combinations: int
    seconds: float | None
    disk: int
    memory: int
    free: int
    notes: tuple[str, ...] = ()

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be done; None if it can."""
        if self.disk <= self.free:
            return None
        return (
            f"the walk-forward needs up to {size_text(self.disk)} of disk, and"
            f" {size_text(self.free)} are free for {self.folder}"
        )

    @property
    def page(self) -> str:
        """The same as text."""
        cells = f"{self.cells:,} walk-forwards with " if self.cells > 1 else ""
        missing = self.parts - self.kept
        decided = f", of which {self.kept:,} are decided already" if self.kept else ""
        what = f"{self.combinations:,} combinations in each"
        lines = [
            f"{cells}{self.windows:,} windows; {self.parts:,} distinct in-sample parts{decided}",
            f"{what}, {missing * self.combinations:,} to look at in all",
        ]
        if self.seconds is not None:
            lines.append(f"about {duration(self.seconds)} to choose, as measured just now")
        where = f"{size_text(self.free)} are free for {self.folder}"
        lines += [
            f"up to {size_text(self.memory)} of memory and {size_text(self.disk)} of disk; {where}",
            "nothing was written, and no trial counted",
            *self.notes,
        ]
        return "".join(f"{row}\n" for text in lines for row in wrap_text(text, _WIDTH, hang="  "))


def windows_of(made: Prepared) -> list[WalkWindow]:
    """Return the windows that are chosen in, that of the choice on all bars included.

    Of a matrix that is one for each distinct in-sample part.
    """
    if made.layout is not None:
        return made.layout.parts()
    assert made.windows is not None  # noqa: S101  # of one walk-forward there are some
    return [*made.windows, hindsight_window(made.windows, made.history.days)]


def estimate(
    made: Prepared,
    *,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> WalkEstimate:
    """Measure what a walk-forward would take, and write nothing.

    Parameters
    ----------
    made
        What would be done.
    progress
        Where to tell what is measured.
    machine
        What says how much room there is.

    Raises
    ------
    WfoError
        If the folder has decisions that are damaged, or a window cannot be chosen on.
    """
    progress, machine = progress or Silent(), machine or Machine()
    folder = made.folder
    folder.look_over()
    asked = windows_of(made)
    key = decision_keys(made.choice, made.inputs.bars, made.inputs.second)
    missing: dict[str, WalkWindow] = {}
    known = _known(made)
    for window in asked:
        missing.setdefault(key(window), window)
    parts = len(missing)
    todo = [window for name, window in missing.items() if name not in known]
    chooser = made.chooser(None)
    seconds = None
    if todo:
        progress.say("measuring how long choosing takes")
        seconds = chooser.estimate(todo)
    bars = made.inputs.data.rows * (1 if made.inputs.second is None else 2)
    layout = made.layout
    cells = 1 if layout is None else sum(1 for each in layout.cells if each.windows is not None)
    windows = len(asked) - 1
    if layout is not None:
        windows = sum(len(each.windows) for each in layout.cells if each.windows is not None)
    return WalkEstimate(
        folder=folder.path,
        cells=cells,
        windows=windows,
        parts=parts,
        kept=parts - len(todo),
        combinations=chooser.combinations,
        seconds=seconds,
        disk=bars * _BAR + parts * _DECISION + _PAGES,
        memory=_BASE + room_of(None) if made.grid is not None else _BASE,
        free=machine.free(folder.path),
    )


def _known(made: Prepared) -> Decisions:
    """Return the decisions that are there; none of another walk-forward."""
    found = Decisions(made.folder.manifest, made.identity, made.fingerprint)
    if made.folder.is_of(made.fingerprint) and not made.plan.fresh:
        found.load()
        found.require(made.misfit)
    return found
