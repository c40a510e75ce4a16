"""Searches that are killed while they write to their study, and what the study then has.

    python tests/killed_studies.py --kills 100

forks a process that puts batches into one study and says what it has committed, kills it with
SIGKILL, half of the times from within a transaction, and reads the study: all that was committed is
there, a batch at most is not whole, and every trial is as it was given. The next process goes on.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NoReturn

import numpy as np
from test_search_study import fill, outcome, record, trials

from wfo.search.study import Study, read_parameters, read_study


def search(folder: Path, told: int, steps: int) -> NoReturn:
    """Put batches into a study until this process is killed; say what is committed.

    Parameters
    ----------
    folder
        The study's.
    told
        A descriptor that gets the number of trials that have ended, a line after each commit.
    steps
        Steps of SQLite's machine after which it kills itself; 0 for never.
    """
    with Study.open(folder, record()) as study:
        if steps:
            study._writer._connection.set_progress_handler(
                lambda: os.kill(os.getpid(), signal.SIGKILL), steps
            )
        table = study.load()
        for trial in table.waiting:
            study.finish(outcome(trial))
        number = len(table.batch)
        if number and not table.batch[-1].whole:
            study.end_batch(number - 1, {"low": (number - 1) / 10})
        while True:
            fill(study, [1 + number % 7], number)
            number += 1
            study.flush()
            os.write(told, b"%d\n" % study.trials)


def killed(folder: Path, chance: random.Random) -> tuple[int, str]:
    """Let a search be killed; return how many trials it had committed, and when it was killed."""
    reading, telling = os.pipe()
    steps = chance.choice((0, chance.randrange(1, 20_000)))
    child = os.fork()
    if not child:
        os.close(reading)
        search(folder, telling, steps)
    os.close(telling)
    committed, lines = 0, chance.randrange(12)
    with os.fdopen(reading) as said:
        for at, line in enumerate(said):
            committed = int(line)
            if not steps and at >= lines:
                break
        if not steps:
            # Between the commits of which it tells, at a moment that nothing here decides.
            os.kill(child, signal.SIGKILL)
            committed = max([committed, *map(int, said.readlines())])
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the search ended by itself: {status}"
    assert os.WTERMSIG(status) == signal.SIGKILL
    return committed, "within a transaction" if steps else "at any moment"


def check(folder: Path, committed: int) -> None:
    """Raise unless a study has what was committed, and every trial as it was given."""
    table = read_study(folder)
    count = len(table)
    assert count >= committed, f"{committed} trials were committed, and {count} are there"
    assert all(batch.whole for batch in table.batch[:-1])
    given = trials(0, count)
    np.testing.assert_array_equal(table.rows, np.array([t.row for t in given]).reshape(-1, 4))
    assert table.seeds.tolist() == [trial.seed for trial in given]
    assert read_parameters(folder, table.record) == [dict(trial.params) for trial in given]
    for trial in range(count):
        if table.state_of(trial) == "waiting":
            assert trial >= max(committed, table.batch[-1].first)
        else:
            np.testing.assert_equal(table.figures_of(trial), outcome(trial).figures)


def main() -> None:
    """Kill as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    moments: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="wfo-studies-") as place:
        folder = Path(place) / "made"
        Study.create(folder, record()).close()
        for _ in range(options.kills):
            committed, moment = killed(folder, chance)
            check(folder, committed)
            moments[moment] += 1
        count = len(read_study(folder))
        Study.open(folder, record()).close()
        left = sorted(path.name for path in folder.iterdir())
    assert left == ["study.sqlite"], left
    print(f"{sum(moments.values())} kills, {count} trials: all that was committed is there")
    for moment, times in sorted(moments.items()):
        print(f"  {times:3} {moment}")


if __name__ == "__main__":
    sys.exit(main())
