"""The set that a walk-forward ends with: as a file to go on with, and until when it trades."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.files import is_there, naming_the_file, remove_file, write_text
from wfo.runs.handover.parameter_set import ParameterSet
from wfo.runs.handover.set_file import set_text
from wfo.windows import WalkWindows
from wfo.windows.lengths import later

if TYPE_CHECKING:
    from wfo.runs.walkforward.found import WalkFindings
    from wfo.strategy import Strategy

#: Name of the file.
LAST_SET = "last_set.json"


def next_split(windows: WalkWindows) -> dt.date:
    """Return from which date on the next decision trades, the first one behind the last bar."""
    schedule, last = windows.schedule, windows[-1].out_of_sample[1]
    origin, inside, step = windows[0].from_date, schedule.in_sample, schedule.step
    count = len(windows)
    while True:
        found = later(
            origin, inside.months + count * step.months, inside.days + count * step.days
        )  # fmt: skip
        if found > last:
            return found
        count += 1


def has_last_set(found: WalkFindings) -> bool:
    """Whether there is a set to hand over.

    There is none of anything but one walk-forward, before the first decision, and where bars are
    held out: whoever traded the set on the bars of a store would look at those.
    """
    walk = found.walk
    return walk is not None and found.holdout is None and walk.results[-1].params is not None


def last_set(found: WalkFindings, strategy: Strategy) -> ParameterSet | None:
    """Return the set that trades after the last bar, with where it comes from.

    From flat at the first in-sample bar of its window it is the backtest that the page tells of.

    Parameters
    ----------
    found
        What was found.
    strategy
        What it is a set of.

    Returns
    -------
    ParameterSet or None
        None where there is none to hand over; see `has_last_set`.
    """
    walk = found.walk
    if walk is None or not has_last_set(found):
        return None
    result = walk.results[-1]
    assert result.params is not None  # noqa: S101  # there is one to hand over
    symbols = [*walk.symbols, None, None]
    count = len(walk.results)
    in_sample = [day.isoformat() for day in result.window.in_sample]
    # What a name has that is no text, no text file can have.
    named = found.folder.resolve().name.encode("utf-8", "replace").decode("utf-8")
    return ParameterSet(
        strategy,
        result.params,
        symbol=symbols[0],
        symbol2=symbols[1],
        timeframe=found.timeframe,
        settings=strategy.settings(**walk.settings),  # type: ignore[arg-type]
        bars_per_year=None if found.year is None else found.year.given,
        origin={"folder": named, "window": count, "of": count},
        data=found.data[0] if found.data else None,
        data2=found.data[1] if found.data[1:] else None,
        history={"first": in_sample[0], "last": in_sample[1], "warmup": result.window.first},
        versions={"wfo": found.version},
        notes=(
            (
                f"It trades in the last of {count:,} windows, chosen by {walk.by}; the next"
                f" decision trades from {next_split(walk.windows)} on."
            ),
            "Alone it begins flat; the walk-forward may hold what an earlier set has bought.",
        ),
    )


def write_last_set(found: WalkFindings, strategy: Strategy) -> list[Path]:
    """Write the set file, and return it; one that is there is removed where there is no set.

    Raises
    ------
    ResultsError
        If it cannot be written or removed.
    """
    path = found.folder / LAST_SET
    chosen = last_set(found, strategy)
    if chosen is not None:
        write_text(path, set_text(chosen))
        return [path]
    if is_there(path):
        with naming_the_file(path):
            remove_file(path)
    return []
