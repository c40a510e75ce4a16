"""Time whole runs of the examples as they ship: ``python benches/run_examples.py``.

``wfo run`` searches the grids of `examples_tools.py` over the default phases of the sample by one
thread, disk included, each in a process of its own; that of `SmaCross`, whose cost is by the bar,
over one phase of nearly all bars as well. What it took, and which engine computed, comes from the
run's record.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from examples_tools import GRIDS, SYMBOL
from grid import machine_facts, report

from wfo import examples

#: Files of the examples, as a user would name them.
FILES = {"SmaCross": "sma_cross.py", "Donchian": "donchian.py", "Bollinger": "bollinger.py"}


#: A schedule of one phase, which leaves as many bars before it as other benches do.
WHOLE = "phases: [{from: 225m, to: today, in_sample: 0.5}]\n"


def command(example: str, grid: Path, windows: str, out: Path) -> list[str]:
    """Return the command of a run."""
    file = Path(examples.__file__).parent / FILES[example]
    words = ["--symbol", SYMBOL, "--strategy", f"{file}:{example}", "--grid", str(grid)]
    words += ["--windows", windows]
    return [sys.executable, "-m", "wfo", "run", *words, "--threads", "1", "--out", str(out),
            "--no-expand", "--no-fetch"]  # fmt: skip


def ran(example: str, work: Path, *, whole: bool = False) -> list[str]:
    """Run an example over the default phases or over the `whole` history, and return its row.

    Raises
    ------
    RuntimeError
        If the run fails; its last line.
    """
    grid = work / f"{example}.yaml"
    values = {name: list(axis) for name, axis in GRIDS[example].items()}
    grid.write_text(yaml.safe_dump({example: values}, sort_keys=False), encoding="utf-8")
    windows = "default"
    if whole:
        (work / "whole.yaml").write_text(WHOLE, encoding="utf-8")
        windows = str(work / "whole.yaml")
    out = work / (f"{example}-whole" if whole else example)
    print(f"running {out.name}", file=sys.stderr)
    log = out.with_suffix(".log")
    begun = time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command(example, grid, windows, out), stdout=file, stderr=subprocess.STDOUT
        )
        # Of this child alone: that of all children together is the largest of them.
        _, status, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - begun
    if status:
        lines = log.read_text(encoding="utf-8").strip().splitlines()
        raise RuntimeError(f"{example}: {lines[-1] if lines else status}")
    record: dict[str, Any] = json.loads((out / SYMBOL / "run.json").read_text(encoding="utf-8"))
    sweep = next(seconds for name, seconds in record["timings"].items() if name.startswith("sweep"))
    combinations = sum(each["combinations"] for each in record["grids"])
    phases = len(record["phases"]["phases"])
    bars = record["phases"]["phases"][-1]["end"] - record["phases"]["phases"][-1]["warmup"]
    return [
        *(
            example,
            record["engine"],
            f"{combinations:,}",
            f"{phases}",
            f"{bars:,}",
            f"{sweep:,.2f}",
        ),
        f"{sweep / (combinations * phases) * 1e9:,.0f}",
        *(f"{taken:,.1f}", f"{used.ru_utime + used.ru_stime:,.1f}", f"{used.ru_maxrss / 1e3:,.0f}"),
    ]


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--work", type=Path, help="folder for files; by default a temporary one")
    parser.add_argument("--only", nargs="+", choices=list(GRIDS), default=list(GRIDS))
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
        show(given.work, given.only, markdown=given.markdown)
    else:
        with tempfile.TemporaryDirectory() as work:
            show(Path(work), given.only, markdown=given.markdown)


def show(work: Path, names: Sequence[str], *, markdown: bool) -> None:
    """Run examples, and print what they took."""
    head = ["example", "engine", "combinations", "phases", "bars", "sweep s", "ns", "wall s",
            "processor s", "MB"]  # fmt: skip
    facts = machine_facts() | {
        "ns": "nanoseconds of the sweep per combination, phase and core, storing included",
        "bars": "of the last phase",
        "MB": "the most memory that the process had",
    }
    rows = [ran(name, work) for name in names]
    rows += [ran(name, work, whole=True) for name in names if name == "SmaCross"]
    report(facts, [([head, *rows], 2)], markdown=markdown)


if __name__ == "__main__":
    main()
