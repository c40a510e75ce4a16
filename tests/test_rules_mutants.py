"""Each rule of the contract, broken in a copy of the interpreter: the oracle notices."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_rules import HIGHER
from rules_mutants import MUTANTS, Mutant, loaded
from rules_parity import oracle_differs

#: Cases that a fault may survive.
MOST = 1_500

#: Faults of the suite; `make slow` has all.
SAMPLE = [m for m in MUTANTS if m.rule in {"R9", "R13", "B4", "Z2", "G3"}]


def killer(mutant: Mutant, folder: Path) -> int | None:
    """Return the first seed of which the copy makes something else than the oracle."""
    with loaded(mutant, folder) as (walk, first_bar):
        first = HIGHER if mutant.rule[0] == "G" else 0
        for seed in range(first, first + MOST):
            for number in (0, -1):
                try:
                    if oracle_differs(seed, number, walk, first_bar):
                        return seed
                except (ArithmeticError, ValueError):
                    return seed
    return None


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda m: f"{m.rule}-{MUTANTS.index(m)}")
def test_a_broken_rule_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    assert killer(mutant, tmp_path) is not None, mutant


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.rule}-{MUTANTS.index(m)}")
def test_every_broken_rule_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    assert killer(mutant, tmp_path) is not None, mutant
