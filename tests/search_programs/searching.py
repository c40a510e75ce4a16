"""A search that is killed: evaluates what hangs, with children, until something ends it.

python searching.py WORKERS NAME...
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wfo.search.runner import ProgramEvaluator
from wfo.search.values import Task


class Space:
    """Has parameters as they are."""

    def nested(self, params: Mapping[str, Any], /) -> dict[str, Any]:
        return dict(params)


def main() -> None:
    workers, *names = sys.argv[1:]
    row: Any = None
    tasks = [Task(k, (0,), {"do": name}, row, k) for k, name in enumerate(names)]
    with ProgramEvaluator(
        "faults.py:evaluate",
        "program",
        folder=Path(__file__).parent,
        space=Space(),
        symbols=("SPY",),
        # A folder is made for them, and nothing written: the program does not take bars.
        bars={"SPY": b""},
        workers=int(workers),
    ) as evaluator:
        print("begun", flush=True)
        evaluator.evaluate(tasks, lambda outcome: print(outcome.ending, flush=True))


if __name__ == "__main__":
    main()
