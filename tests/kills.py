"""Runs that are killed, and what they end in when they go on.

    python tests/kills.py --kills 100

starts a run of a few seconds again and again, kills it with SIGKILL at a random moment, now and
then more than once, lets the same command end it, and compares every byte with an undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wfo.data import sample_store

#: What of run.json tells when and how long, and not what.
TIMES = ("started", "finished", "timings", "command", "seal", "attempts")

#: 650,000 combinations, three blocks of a journal, 50 MB of figures.
GRID = """
atr_d_l:
  atr_period: [4, 16, 28, 40, 52, 64]
  atr_multiplier: {from: 2, to: 24, step: 2}
  bb_length: [10, 40]
  bb_deviation: [0.5, 1, 2, 4]
  vol_threshold: [0.04, 0.16, 0.28]
  min_tightening: [0.10, 0.40, 0.70]
  scaling_method: [0, 2]
  atr_buy_period: [8, 32, 56]
  atr_buy_multiplier: {from: 0.5, to: 3.5, step: 0.5}
  atr_smooth_period: [2, 6, 10]
  equity_price_method: [0]
"""


#: Gates that few combinations pass: writing hundreds of thousands of candidates takes longest.
GATES = "strict"

#: The command itself, and the same with small blocks, for tiny grids.
WHOLE, SMALL = ("-m", "wfo"), (str(Path(__file__).with_name("small_run.py")),)


def command(grid: Path, out: Path, *options: str, program: Sequence[str] = WHOLE) -> list[str]:
    """Return the command line of a run on the embedded sample."""
    asked = ["--symbol", "NASDAQ", "--strategy", "atr_d_l", "--grid", str(grid), "--out", str(out)]
    store = str(sample_store().folder)
    return [sys.executable, *program, "run", *asked, "--data-dir", store, *options]


def contents(folder: Path) -> dict[str, Any]:
    """Return every file of a run: its bytes, or what ``run.json`` says but for times."""
    found: dict[str, Any] = {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }
    said = json.loads(found["run.json"])
    found["run.json"] = {key: value for key, value in said.items() if key not in TIMES}
    return found


def end(line: Sequence[str]) -> str:
    """Let a run come to its end, and return what it said on the way."""
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(line)} failed:\n{done.stderr}")
    return done.stderr


def killed(line: Sequence[str], due: Callable[[], bool]) -> bool:
    """Start a run and kill it as soon as `due` says so; False if it came to its end before."""
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if due():
                process.kill()
                process.wait()
                return True
            time.sleep(0.001)
    return False


def main() -> None:
    """Kill as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="wfo-kills-") as name:
        place = Path(name)
        grid = place / "kills.yaml"
        grid.write_text(GRID)
        expected, seconds = {}, {}
        for store in ("dense", "survivors"):
            begun = time.monotonic()
            end(command(grid, place / store, "--store", store, "--gates", GATES))
            seconds[store] = time.monotonic() - begun
            expected[store] = contents(place / store / "NASDAQ")
            print(f"{store}: undisturbed in {seconds[store]:.1f} s", flush=True)
        kills, runs, moments = 0, 0, Counter()
        while kills < options.kills:
            runs += 1
            store = chance.choice(("dense", "survivors"))
            out = place / "killed"
            line = command(grid, out, "--store", store, "--gates", GATES)
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                due = time.monotonic() + chance.uniform(0, 1.05 * seconds[store])
                if killed(line, lambda due=due: time.monotonic() >= due):
                    kills += 1
                    moments[left_at(out / "NASDAQ")] += 1
            end(line)
            found = contents(out / "NASDAQ")
            wrong = [
                n for n in expected[store].keys() | found if expected[store].get(n) != found.get(n)
            ]
            if wrong == ["run.json"]:
                one, two = expected[store]["run.json"], found["run.json"]
                wrong += [f"{k}: {one.get(k)} != {two.get(k)}" for k in one if one[k] != two.get(k)]
            if wrong:
                raise SystemExit(f"run {runs} ({store}) ended in other bytes: {sorted(wrong)}")
            shutil.rmtree(out)
            print(f"{kills} kills in {runs} runs: the same bytes", flush=True)
        for moment, count in moments.most_common():
            print(f"  {count:3} killed {moment}")


def left_at(folder: Path) -> str:
    """Say in words how far a run had come when it was killed."""
    if not (folder / "run.json").exists():
        return "before it began"
    if json.loads((folder / "run.json").read_text())["status"] == "complete":
        return "when it was complete"
    sweep = folder / "wfo" / "atr_d_l"
    if (sweep / "meta.json").exists():
        return "while scoring"
    if not sweep.exists():
        return "before the sweep"
    if any(sweep.rglob("*.npy")):
        return "while files took their names"
    return "while sweeping"


if __name__ == "__main__":
    main()
