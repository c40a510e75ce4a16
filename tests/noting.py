"""What a run does on its way, noted."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from wfo.data import sample_store
from wfo.progress import Tick
from wfo.runs.machine import Machine
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.run import run


class Noting:
    """A progress that notes the titles of stages and their sizes, and what is said."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.totals: list[int] = []
        self.said: list[str] = []

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        self.titles.append(title)
        self.totals.append(total)
        yield lambda _: None

    def say(self, text: str) -> None:
        self.said.append(text)

    @property
    def combinations(self) -> list[int]:
        """How many combinations each sweep had left, of whole grids or the rest of them."""
        stages = zip(self.titles, self.totals, strict=True)
        return [total for title, total in stages if re.search(r": sweeping \d+ phases$", title)]

    @property
    def swept(self) -> bool:
        """Whether a sweep was begun."""
        return bool(self.combinations)


def run_noted(plan: RunPlan, machine: Machine | None = None) -> tuple[RunReport, bool]:
    """Run a plan on the sample; what was found, and whether anything was swept for it."""
    noted = Noting()
    report = run(plan, sample_store(), progress=noted, machine=machine)
    return report, noted.swept
