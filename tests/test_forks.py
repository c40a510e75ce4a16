"""Forked processes: what works in them, and what says in one line what to do instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import forking
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")

LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="asks for the threads of a process by /proc"
)


Found = dict[str, dict[str, list[Any]]]


def went_through(*names: str) -> Found:
    """What became of the calls of some scenarios, in an interpreter of its own."""
    command = [sys.executable, "-W", "ignore", str(Path(forking.__file__)), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found: Found = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def after_use() -> Found:
    """Scenarios of one process that has used the core and Polars."""
    return went_through("used", "running", "pools", "ended")


def check_refused(found: list[Any]) -> None:
    """It names the calls that start processes otherwise, in one line."""
    kind, said = found
    assert kind == "EngineError", found
    assert "\n" not in said
    assert "multiprocessing.get_context('spawn')" in said
    assert "multiprocessing.set_start_method('spawn')" in said


@LINUX
def test_after_first_use_the_core_works_and_polars_is_refused(after_use: Found) -> None:
    found = after_use["used"]
    assert set(found) == {*forking.CORE, *forking.POLARS}
    for name in forking.CORE:
        kind, child, parent = found[name]
        assert (kind, child) == ("result", parent), name
    for name in forking.POLARS:
        check_refused(found[name])


def test_a_fork_before_first_use_changes_nothing() -> None:
    found = went_through("unused")["unused"]
    assert found["child"][0] == "result", found
    assert found["child"] == found["again"]


def test_a_fork_while_another_thread_computes(after_use: Found) -> None:
    found = after_use["running"]
    assert len(found) == 20
    for kind, child, parent in found.values():
        assert (kind, child) == ("result", parent)


@LINUX
def test_pools_of_processes_that_fork(after_use: Found) -> None:
    found = after_use["pools"]
    assert set(found) == {"evaluate_factored", "effects_go_on", "run"}
    check_refused(found["run"])
    for name in ("evaluate_factored", "effects_go_on"):
        kind, child, parent = found[name]
        assert (kind, child) == ("result", parent)


def test_a_forked_process_ends(after_use: Found) -> None:
    assert after_use["ended"] == {"child": ["result", 7]}


@pytest.mark.slow
@LINUX
def test_statistics_after_first_use() -> None:
    """Numba, SciPy and the threads of scikit-learn."""
    found = went_through("statistics")["statistics"]
    for name in forking.STATISTICS:
        kind, child, parent = found[name]
        assert (kind, child) == ("result", parent), name
