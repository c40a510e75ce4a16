"""The same seed gives the same trials, for any number of workers and after kills, as files show."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import wfo

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs run on POSIX systems")

#: Of workers, for the program's import and for the command.
_PATIENCE = 120.0

#: A program that fails now and then, draws random numbers, and says when it was called. One window
#: is longer than the others, so that tasks end in another order than they begin in.
PROGRAM = """
import os, random, time

def evaluate(params, *, seed, window):
    with open(os.path.join({calls!r}, "calls"), "a") as file:
        file.write("x")
    time.sleep({pause} * (1 + (3 * params["a"]["x"] + seed) % 4))
    if (params["a"]["x"] + 2 * params["b"]) % 7 == 3:
        raise ValueError(f"x = {{params['a']['x']}} does not do")
    noise = random.Random(seed).random() + random.random()
    return {{"height": -(params["a"]["x"] - 6) ** 2 - (params["b"] - 3) ** 2 + 0.1 * noise,
             "noise": noise}}
"""

SPACE = """
program: prog.py:evaluate
parameters:
  a: {{x: {{int: [0, 40]}}}}
  b: {{int: [0, 30]}}
  c: {{float: [0, 1]}}
constraints: ["a.x + b > 5"]
objective: {{figure: height, direction: maximise}}
method: {method}
batch: 8
trials: {trials}
windows:
  - {{in: 2020-01-01/2021-01-01, out: 2021-01-01/2022-01-01}}
  - {{in: 2022-01-01/2023-01-01, out: 2023-01-01/2024-01-01}}
prune: {prune}
"""


def _made(folder: Path, *, pause: float = 0.0, **space: Any) -> Path:
    """Write a space and its program; return the path of the space."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prog.py").write_text(PROGRAM.format(calls=str(folder), pause=pause))
    path = folder / "space.yaml"
    path.write_text(SPACE.format(**{"method": "ga", "trials": 40, "prune": "median", **space}))
    return path


def _calls(folder: Path) -> int:
    """Return how often the program was called so far."""
    path = folder / "calls"
    return path.stat().st_size if path.exists() else 0


def contents(study: Path) -> dict[str, Any]:
    """Return what a study has left on disk, but for seconds and workers."""
    with (study / "ranked_results.csv").open(newline="") as file:
        ranked = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    with (study / "failed.csv").open(newline="") as file:
        failed = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    log = [json.loads(line) for line in (study / "optimization.log").read_text().splitlines()]
    for line in log:
        del line["seconds"], line["worker"]
    found: dict[str, Any] = {"ranked": ranked, "failed": failed, "log": log}
    found["best"] = (study / "best_config.json").read_text()
    summary = json.loads((study / "summary.json").read_text())
    found["counts"], found["windows"] = summary["counts"], summary["windows"]
    return found


def _without_seconds(study: Path) -> bytes:
    """Return the bytes of the ranking up to the last column."""
    lines = (study / "ranked_results.csv").read_bytes().splitlines()
    assert lines[0].endswith(b",seconds")
    return b"\n".join(line.rpartition(b",")[0] for line in lines)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one worker that nothing has stopped."""
    folder = tmp_path_factory.mktemp("straight")
    wfo.optimize(_made(folder / "a"), out=folder, workers=1, trials=32)
    return folder / "optimization" / "space"


@pytest.mark.parametrize("workers", [2, 4, pytest.param(3, marks=pytest.mark.slow)])
def test_any_number_of_workers_finds_the_same(workers: int, tmp_path: Path, straight: Path) -> None:
    space = _made(tmp_path / "a", pause=0.001)
    wfo.optimize(space, workers=workers, out=tmp_path / "out", trials=32)
    found = tmp_path / "out" / "optimization" / "space"
    expected = contents(straight)
    assert len(expected["log"]) == 32
    states = {line["state"] for line in expected["log"]}
    assert states == {"complete", "pruned", "failed"}
    assert _without_seconds(found) == _without_seconds(straight)
    assert contents(found) == expected


def _command(space: Path, out: Path, workers: int) -> list[str]:
    words = [sys.executable, "-m", "wfo", "optimize", str(space), "--out", str(out)]
    return [*words, "--workers", str(workers)]


def _stopped(space: Path, out: Path, workers: int, after: int, by: int = signal.SIGKILL) -> str:
    """Start a search, and send a signal when so many more calls have begun; return what it said."""
    begun = _calls(space.parent)
    process = subprocess.Popen(
        _command(space, out, workers), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and _calls(space.parent) < begun + after:
            assert time.monotonic() < until, "the search does not get on"
            time.sleep(0.002)
        process.send_signal(by)
        said = process.communicate(timeout=_PATIENCE)[1]
    finally:
        process.kill()
    assert process.returncode == (-by if by == signal.SIGKILL else 130), said
    return said


def test_a_search_that_was_stopped_goes_on_to_the_same_trials(
    tmp_path: Path, straight: Path
) -> None:
    space = _made(tmp_path / "a", pause=0.004, trials=32)
    out = tmp_path / "out"
    study = out / "optimization" / "space"
    said = _stopped(space, out, 2, after=14, by=signal.SIGTERM)
    assert "the same command goes on" in said
    # Nothing half-written: the database alone.
    assert {p.name for p in study.iterdir()} == {"study.sqlite"}
    report = wfo.read_study(study)
    assert report.state == "interrupted"
    assert 1 <= report.counts.trials < 32
    _stopped(space, out, 1, after=9)
    wfo.optimize(space, out=out, workers=2)
    found = contents(study)
    assert found == contents(straight)
    assert len(found["log"]) == 32


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ga", "tpe", "de"])
def test_twenty_kills_change_nothing(method: str, tmp_path: Path) -> None:
    if method == "tpe":
        pytest.importorskip("optuna")
    rng = random.Random(1)
    space = _made(tmp_path / "a", pause=0.004, method=method, trials=200)
    out = tmp_path / "out"
    for turn in range(20):
        _stopped(space, out, (2, 1, 4)[turn % 3], after=rng.randint(2, 11))
    wfo.optimize(space, out=out, workers=2)
    wfo.optimize(space, out=tmp_path / "straight", workers=1)
    found = contents(out / "optimization" / "space")
    assert found == contents(tmp_path / "straight" / "optimization" / "space")
    assert len(found["log"]) == 200
