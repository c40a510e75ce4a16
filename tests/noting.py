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
    """A progress that notes the titles of stages, and what is said."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.said: list[str] = []

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        self.titles.append(title)
        yield lambda _: None

    def say(self, text: str) -> None:
        self.said.append(text)

    @property
    def swept(self) -> bool:
        """Whether a sweep was begun, of a whole grid or the rest of it."""
        return any(re.search(r": sweeping \d+ phases$", title) for title in self.titles)


def run_noted(plan: RunPlan, machine: Machine | None = None) -> tuple[RunReport, bool]:
    """Run a plan on the sample; what was found, and whether anything was swept for it."""
    noted = Noting()
    report = run(plan, sample_store(), progress=noted, machine=machine)
    return report, noted.swept
