"""Walk-forwards that are killed, and what they end in when they go on.

    python tests/killed_walks.py PLACE [SHARE …]

ends one undisturbed in PLACE/whole, and for each SHARE one in PLACE/<SHARE> that is killed with
SIGKILL after that share of its operations on files, and then goes on. Without shares it is killed
at every single operation.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before the first fork, which would import them anew each time.
import numpy as np  # noqa: F401
import polars as pl  # noqa: F401

from wfo.data import sample_store
from wfo.runs.walkforward import curves, decisions, matrix_page
from wfo.runs.walkforward.carrying import carry_out
from wfo.runs.walkforward.plan import WalkPlan
from wfo.windows import WalkSchedule

#: What an audit hook is told of that changes a file or a folder.
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


def plan() -> WalkPlan:
    """A walk-forward of three windows on the embedded sample."""
    return WalkPlan(
        "NASDAQ",
        WalkSchedule("2y", "1y"),
        strategy="atr_d_l",
        grid="smoke",
        by="net_profit",
        begin=dt.date(2009, 1, 2),
        as_of=dt.date(2013, 6, 28),
        results=Path("results"),
        name="walk",
        command="wfo walkforward again",
    )


def walk(place: Path) -> None:
    """Carry it out in a folder, each decision kept as soon as it is known, without the picture."""
    decisions._INTERVAL = 0.0
    curves.has_matplotlib = matrix_page.has_matplotlib = lambda: False
    os.chdir(place)
    carry_out(plan(), sample_store())


class Steps:
    """Counts operations on files below a folder, and kills the process at one of them."""

    def __init__(self, folder: Path, last: int) -> None:
        self.count, self._last, self._below = 0, last, os.path.abspath(folder)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if not (event in _CHANGES or opened) or not isinstance(arguments[0], str | os.PathLike):
            return
        if os.path.abspath(os.fspath(arguments[0])).startswith(self._below):
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], object]) -> int:
    """Do it in a forked process, and return how that ended."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:  # noqa: BLE001  # the process ends here, whatever it is
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main() -> None:
    """Kill as asked."""
    place = Path(sys.argv[1]).resolve()
    (place / "whole").mkdir(parents=True)

    def counted() -> None:
        hook = Steps(place / "whole", 0)
        sys.addaudithook(hook)
        walk(place / "whole")
        (place / "count").write_text(str(hook.count))

    assert in_child(counted) == 0
    count = int((place / "count").read_text())
    steps = {share: round(float(share) * count) for share in sys.argv[2:]}
    for name, step in (steps or {str(k): k for k in range(1, count + 1)}).items():
        out = place / name
        out.mkdir()

        def killed(out: Path = out, step: int = step) -> None:
            sys.addaudithook(Steps(out, step))
            walk(out)

        assert os.WTERMSIG(in_child(killed)) == signal.SIGKILL, f"step {step} was not reached"
        assert in_child(lambda out=out: walk(out)) == 0, step  # type: ignore[misc]


if __name__ == "__main__":
    main()
