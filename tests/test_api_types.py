"""The public interface with arguments of wrong types: each is refused in one line, or works."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_walk import WRONG, Entry, outcome, parameters_of, public, quick_entries, run_entries

import wfo
from wfo.arguments import flag, items, real_number, whole_number
from wfo.text import brief

#: Bytes of memory that a call may take in all; what asks for more ends as a `MemoryError`.
MEMORY = 12 << 30

#: What has no entry, and why.
LEFT_OUT = {
    # The package makes them; their constructors take what it has checked.
    "AnalysisReport", "Checked", "Metrics", "PartMetrics", "PermutationReport", "PermutationTest",
    "Phase", "Phases", "Plateau", "RefineReport", "RunReport", "Sensitivity", "Simulation",
    "StudyReport", "WalkForwardReport",
    "SweepResult", "Verdict", "VerdictReport", "WalkForward", "WalkForwardMatrix", "Windows",
    "Working", "stats.BlockSums", "stats.CombinatorialPaths", "stats.Condition",
    "stats.Efficiency", "stats.IndependentTrials", "stats.Interval",
    "stats.Overfitting", "stats.ReshuffledDrawdowns", "stats.ReturnIntervals", "stats.Superiority",
    "stats.TradeIntervals", "stats.TradeStationVerdict",
    "Simulation.of", "SweepResult.of",
    # For classes that are derived: their callers are code, not values.
    "AccountSettings.check_number", "AccountSettings.check_choice", "Rules.rules",
    # Records of a run's folder, which tests of their own damage.
    "PermutationTest.from_dict", "Verdict.from_dict", "Verdict.read", "Verdict.write",
    "Verdict.strategy",
    # They write, which the tests of the store do.
    "DataStore.save", "DataStore.hold", "Sensitivity.plot", "WalkForwardMatrix.plot",
    # It takes benchmarks that a sweep has made.
    "Gates.core",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bound the memory, and let relative paths be names in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def walk(entries: Iterable[Entry], chosen: Callable[[str], bool]) -> int:
    """Call each with one wrong argument at a time; return how many calls there were."""
    calls, wrong = 0, []
    for entry in entries:
        assert outcome(entry.call, entry.good) is None, entry.name
        for argument in entry.good:
            for kind, make in WRONG.items():
                name = f"{entry.name}({argument}={kind})"
                if not chosen(name):
                    continue
                said = outcome(entry.call, {**entry.good, argument: make()})
                calls += 1
                if said is not None:
                    wrong.append(f"{name}: {said}")
    assert not wrong, "\n".join([f"{len(wrong)} of {calls} calls:", *wrong[:40]])
    return calls


def part(share: int) -> Callable[[str], bool]:
    """Return what chooses one of so many calls, the same ones every time."""
    return lambda name: hashlib.sha256(name.encode()).digest()[0] % share == 0


def test_some_wrong_arguments_of_each_callable_are_refused() -> None:
    assert walk(quick_entries(), part(32)) > 600


@pytest.mark.slow
def test_all_wrong_arguments_of_each_callable_are_refused() -> None:
    assert walk(quick_entries(), lambda _: True) > 20_000


@pytest.mark.slow
def test_wrong_arguments_of_what_makes_and_reads_runs_are_refused(tmp_path: Path) -> None:
    # Runs that are carried out take a second each: of what they are asked for a part.
    some = part(4)

    def chosen(name: str) -> bool:
        return some(name) or not name.startswith(("run(", "run_walk_forward("))

    assert walk(run_entries(tmp_path), chosen) > 4_000


def test_every_public_callable_has_an_entry(tmp_path: Path) -> None:
    names = {name for name, call in public().items() if _takes_something(name, call)}
    entries = [*quick_entries(), *run_entries(tmp_path)]
    covered = {entry.name.partition("[")[0] for entry in entries}
    assert not names - covered - LEFT_OUT
    assert not LEFT_OUT - names
    # And each entry has all arguments.
    for entry in entries:
        call = public().get(entry.name)
        if call is not None and entry.name != "ParameterSet":
            taken = parameters_of(call.__func__ if isinstance(call, classmethod) else call)
            assert set(taken) - {"self", "cls"} == set(entry.good), entry.name


def _takes_something(name: str, call: Any) -> bool:
    found = parameters_of(call.__func__ if isinstance(call, classmethod) else call)
    return bool(set(found) - {"self", "cls"})


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 2**63, -(2**63), 10**400])
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(wfo.InputError, match=r"^n = .* must be a whole number$"):
        whole_number("n", value)


@pytest.mark.parametrize("value", [True, 1j, "1", None, 10**400])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(wfo.InputError, match=r"^x = .* must be a number$"):
        real_number("x", value)


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_what_is_no_flag(value: object) -> None:
    with pytest.raises(wfo.InputError, match=r"^f = .* must be True or False$"):
        flag("f", value)


@pytest.mark.parametrize("value", ["ab", b"ab", {"a": 1}, 5, None, [1, "a"]])
def test_what_is_no_list(value: object) -> None:
    with pytest.raises(wfo.InputError, match=r"^v must be a list of numbers, not "):
        items("v", value, int, "numbers")


@pytest.mark.parametrize("kind", ["unruly object", "array in 0 dimensions"])
def test_values_that_cannot_be_gone_through_make_no_grid(kind: str) -> None:
    with pytest.raises(wfo.InputError, match="atr_period must be a list of values, not "):
        wfo.Grid({"atr_period": WRONG[kind]()}, strategy="atr_d_l")


def test_a_value_in_a_message_is_short_and_in_one_line() -> None:
    assert brief("a") == "'a'"
    assert brief("x" * 100_000) == "'" + "x" * 56 + "..."
    assert brief([[1] * 50] * 50).count("\n") == 0
    assert brief(10**5_000) == "a value of type int that cannot be shown"
    assert "\x1b" not in brief("\x1b[2J")
    assert os.linesep not in brief("a\nb")
