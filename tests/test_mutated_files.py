"""Files of bars that are damaged or written otherwise: the true bars, or a refusal in a line.

What a mutation does and what is right of it, `mutated_files` and the mutations know; each file
follows from its number, so that what fails is found again by it.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from pathlib import Path

import mutated_files
import pytest
from mutated_files import KINDS, REFUSED, RIGHT, UNCLEAR, WRONG, Mutated, Outcome

#: Share of the files that a person could read which may be refused.
MOST_REFUSED = 0.05
#: Share of the refusals that may name another line than the damaged one, of files with two faults.
MOST_UNCLEAR = 0.01


def read_all(first: int, count: int, folder: Path) -> list[tuple[Mutated, Outcome]]:
    found = []
    for seed in range(first, first + count):
        made = mutated_files.mutated(seed)
        found.append((made, mutated_files.outcome(made, folder)))
    return found


def check(found: list[tuple[Mutated, Outcome]]) -> None:
    """Raise unless no file is read wrong, and few that a person could read are refused."""
    faults = [f"{m.label}: {o.words}" for m, o in found if o.what == WRONG]
    assert not faults, "\n".join(faults[:20])
    unclear = [f"{m.label}: {o.words}" for m, o in found if o.what == UNCLEAR]
    assert len(unclear) <= MOST_UNCLEAR * len(found), "\n".join(unclear[:20])
    refused = [f"{m.label}: {o.words}" for m, o in found if m.certain and o.what == REFUSED]
    certain = sum(m.certain for m, _ in found)
    assert len(refused) <= MOST_REFUSED * certain, "\n".join(refused[:20])
    # Damage that is no damage would test nothing.
    damaged = [o for m, o in found if not m.certain]
    assert sum(o.what == REFUSED for o in damaged) > len(damaged) / 2


def test_mutated_files(tmp_path: Path) -> None:
    # One of each kind; a file takes some twenty milliseconds.
    check(read_all(0, len(KINDS), tmp_path))


def test_mutations_repeat() -> None:
    assert mutated_files.mutated(7) == mutated_files.mutated(7)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 20_000, 2_000))
def test_many_mutated_files(first: int, tmp_path: Path) -> None:
    found = read_all(first, 2_000, tmp_path)
    for certain in (True, False):
        counts = collections.Counter(o.what for m, o in found if m.certain is certain)
        print("certain" if certain else "damaged", dict(counts))
    check(found)


@functools.cache
def _plain_file() -> Mutated:
    files = map(mutated_files.mutated, range(500))
    return next(file for file in files if file.form == "plain" and file.certain)


@pytest.mark.parametrize("kind", ["right", "moved", "cut"])
def test_wrong_bars_are_seen(kind: str, tmp_path: Path) -> None:
    """The judge itself: bars that differ from the true ones are wrong."""
    made = _plain_file()
    bars = list(made.bars)
    if kind == "moved":
        bars[3] = dataclasses.replace(bars[3], close=bars[3].low)
    if kind == "cut":
        del bars[3]
    made = dataclasses.replace(made, readings=[bars], bars=bars)
    assert (mutated_files.outcome(made, tmp_path).what == RIGHT) is (kind == "right")
