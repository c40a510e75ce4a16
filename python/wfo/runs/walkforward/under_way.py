"""What is told and kept where a walk-forward ends before its time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wfo.errors import ResultsError

if TYPE_CHECKING:
    from wfo.progress import Progress
    from wfo.runs.walkforward.plan import WalkPlan


@contextlib.contextmanager
def under_way(
    plan: WalkPlan, progress: Progress, save: Callable[[], None] | None = None
) -> Iterator[None]:
    """Tell how to go on, and keep what is decided, however the block ends.

    Parameters
    ----------
    plan
        What is done.
    progress
        Where it is told.
    save
        Writes what is decided so far; what it cannot write is not told beside what ended the block.
    """
    try:
        yield
    except BaseException as error:
        how = "has failed" if isinstance(error, Exception) else "was interrupted"
        same = "the same command, without --fresh," if plan.fresh else "the same command"
        progress.say(f"the walk-forward {how}; {same} goes on with what is stored")
        if save is not None:
            with contextlib.suppress(ResultsError):
                save()
        raise
