"""Programs in worker processes: what they answer, and every way in which they go wrong."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from wfo.errors import DataError, EngineError, InputError, ResultsError, WfoError
from wfo.search.runner import ProgramEvaluator, WindowSpan, guard, runner_settings
from wfo.search.runner.errors import AnswerError, LoadError
from wfo.search.runner.figures import read_figures
from wfo.search.runner.programs import load_program
from wfo.search.values import Outcome, Task

PROGRAMS = Path(__file__).with_name("search_programs")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")

#: Seconds until which something must have happened, however busy the machine is.
DEADLINE = float(os.environ.get("WFO_TEST_DEADLINE", "120"))

#: Seconds after which a program that hangs is killed, and those that no other one takes.
SHORT, LONG = 1.0, 300.0

#: Bytes that a worker may have where one of them takes more.
MEMORY = 160 << 20


class Space:
    """Has parameters as they are."""

    def nested(self, params: Mapping[str, Any], /) -> dict[str, Any]:
        return dict(params)


def evaluator(target: Any = "faults.py:evaluate", **options: Any) -> ProgramEvaluator:
    kind = options.pop("kind", "program")
    options = {
        "folder": PROGRAMS,
        "space": Space(),
        "needs": ("sharpe",),
        "timeout": LONG,
        **options,
    }
    options["settings"] = {"grace": 20.0, **options.get("settings", {})}
    return ProgramEvaluator(target, kind, **options)


def tasks(params: Sequence[Mapping[str, Any]], windows: tuple[int, ...] = (0,)) -> list[Task]:
    return [Task(k, windows, p, np.zeros(1), 1000 + k) for k, p in enumerate(params)]


def evaluated(asked: ProgramEvaluator, todo: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of tasks in their order; each comes once."""
    found: dict[int, Outcome] = {}

    def finished(outcome: Outcome) -> None:
        assert outcome.trial not in found
        found[outcome.trial] = outcome

    asked.evaluate(todo, finished)
    assert sorted(found) == [task.trial for task in todo]
    return [found[task.trial] for task in todo]


def outcomes(names: Sequence[str], **options: Any) -> list[Outcome]:
    with evaluator(**options) as asked:
        return evaluated(asked, tasks([{"do": name} for name in names]))


def outcome(name: str, **options: Any) -> Outcome:
    return outcomes([name], **options)[0]


@pytest.fixture(scope="module")
def answering() -> Iterator[ProgramEvaluator]:
    """An evaluator of faults.py, for what leaves its worker as it was."""
    with evaluator() as asked:
        yield asked


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A text that stands in the environment of all processes that a test starts."""
    text = f"wfo-{uuid.uuid4().hex}"
    monkeypatch.setenv("WFO_TEST_TOKEN", text)
    yield text
    # Of a test that fails nothing is left running, either.
    for pid in with_token(text) if sys.platform == "linux" else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def with_token(token: str) -> list[int]:
    """Return the processes that have a text in their environment or arguments, but this one."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        if int(name) == os.getpid():
            continue
        try:
            texts = [Path(f"/proc/{name}/{part}").read_bytes() for part in ("environ", "cmdline")]
        except OSError:
            continue
        if any(token.encode() in text for text in texts):
            found.append(int(name))
    return found


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + DEADLINE
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} has not happened in {DEADLINE:g} s"
        time.sleep(0.01)
    return found


def none_left(token: str) -> None:
    until(lambda: not with_token(token), "the end of all processes")


# What goes wrong


@LINUX
def test_of_twenty_tasks_only_those_that_go_wrong_are_lost(token: str) -> None:
    names = ["fine"] * 20
    wrong = {3: "hang", 7: "segfault", 11: "divide", 15: "leak"}
    for at, name in wrong.items():
        names[at] = name
    found = outcomes(names, workers=2, timeout=4 * SHORT, memory=MEMORY)
    endings = {k: o.ending for k, o in enumerate(found) if o.ending != "complete"}
    # A leak may be too slow for the time-out on a busy machine; either costs one trial.
    assert endings.pop(15) in {"memory", "timeout"}
    assert endings == {3: "timeout", 7: "crashed", 11: "failed"}
    for k, each in enumerate(found):
        if k not in wrong:
            assert each.figures == ({"": {"sharpe": 1.5, "trades": 20.0}},)
            assert (each.error, each.attempts) == ("", 1)
        else:
            assert each.figures == ()
            assert each.error
    none_left(token)


#: What each function of faults.py comes to: the ending, and what the error says.
FAULTS = {
    "exit_0": ("crashed", r"ends its process with exit code 0"),
    "exit_3": ("crashed", r"ends its process with exit code 3"),
    "abort": ("crashed", r"by SIGABRT \(faults\.py, line \d+"),
    "segfault": ("crashed", r"by SIGSEGV \(faults\.py, line \d+, in segfault\)"),
    "kill_itself": ("crashed", r"by SIGKILL, as the system does where memory runs out"),
    "kill_parent": ("crashed", r"killed from outside"),
    "close_everything": ("crashed", r"ends its process with exit code"),
    "write_to_sockets": ("crashed", r"writes to the socket by which its worker answers"),
    "forge": ("crashed", r"writes to the socket by which its worker answers"),
    "sys_exit": ("failed", r"^it ends itself by sys\.exit\(3\)"),
    "divide": ("failed", r"^ZeroDivisionError: division by zero \(faults\.py, line \d+, in "),
    "two_arguments": ("failed", r"^TwoArgumentsError: one and two \(faults\.py, line \d+, in "),
    "locked": ("failed", r"^LockedError: locked \(faults\.py"),
    "silent": ("failed", r"^SilentError: an error that cannot be shown"),
    "nameless": ("failed", r"^NamelessError: a\\x1b\[2Jb c\\u202ed"),
    "long": ("failed", r"^ValueError: (long )+\.\.\.$"),
    "interrupt": ("failed", r"^KeyboardInterrupt"),
    "base": ("failed", r"^BaseException: base"),
    "group": ("failed", r"^ExceptionGroup: two"),
    "stop_iteration": ("failed", r"^StopIteration: over"),
    "recurse": ("failed", r"^RecursionError: .*in recurse"),
    "read_input": ("failed", r"^EOFError"),
    "memory_error": ("memory", r"^MemoryError"),
    "too_large": ("memory", r"^MemoryError \(faults\.py, line \d+"),
    "none": ("failed", r"^returns None \(has it no return\?\), no dict of figures"),
    "empty": ("failed", r"^returns an empty dict"),
    "text": ("failed", r"^returns 'sharpe' of type str, no dict of figures"),
    "list": ("failed", r"^returns \[.*\] of type list, no dict"),
    "number": ("failed", r"^returns 1\.0 of type float, no dict"),
    "lying": ("failed", r"^RuntimeError: no keys"),
    "generator": ("failed", r"^returns <generator .* of type generator"),
    "answer_later": ("failed", r"^returns a coroutine \(async functions are not awaited\)"),
    "no_sharpe": ("failed", r"^returns no figure 'sharpe', .*did you mean 'sharp'\?"),
    "huge": ("failed", r"'sharpe', which no float holds"),
    "bool": ("failed", r"^returns True of type bool as the figure 'sharpe'"),
    "numpy_bool": ("failed", r"^returns True of type bool as the figure"),
    "text_figure": ("failed", r"^returns '1\.5' of type str as the figure"),
    "list_figure": ("failed", r"^returns \[1\.5\] of type list as the figure"),
    "array_figure": ("failed", r"^returns array\(\[1\.5\]\) of type ndarray as the figure"),
    "complex": ("failed", r"of type complex as the figure"),
    "moment": ("failed", r"of type date as the figure"),
    "number_name": ("failed", r"name is 3, and no text"),
    "empty_name": ("failed", r"name is ''; names are 1 to 100 characters"),
    "long_name": ("failed", r"name is 'x+\.\.\.; names are"),
    "steering_name": ("failed", r"name is 'a\\x1b\[2J'; names are"),
    "many": ("failed", r"^returns 2,001 figures; 1,000 are the most"),
    "by_symbol": ("failed", r"^returns a dict for 'SPY', where a search without symbols"),
    "mixed": ("failed", r"^returns a dict for 'SPY'"),
}


@pytest.fixture(scope="module")
def faults() -> dict[str, Outcome]:
    """The outcome of each, all in one search."""
    names = list(FAULTS)
    return dict(zip(names, outcomes(names, workers=2, retries=0), strict=True))


@LINUX
@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_is_said(name: str, faults: dict[str, Outcome]) -> None:
    ending, said = FAULTS[name]
    found = faults[name]
    assert found.ending == ending
    assert re.search(said, found.error), found.error
    assert found.error.isprintable()
    assert len(found.error) <= runner_settings().error_characters
    assert " at 0x" not in found.error
    assert found.figures == ()
    assert found.attempts == 1


@LINUX
def test_outcomes_are_the_same_for_any_number_of_workers(faults: dict[str, Outcome]) -> None:
    names = [name for name, (ending, _) in FAULTS.items() if ending == "failed"]
    for name, each in zip(names, outcomes(names, workers=1), strict=True):
        first = faults[name]
        assert (each.ending, each.error, each.printed) == (first.ending, first.error, first.printed)


#: What answers in spite of what it does.
ODD = (
    *("fork_and_return", "print_much", "close_stdout", "close_descriptors", "replace_stdout"),
    *("redirect", "change_everything", "remove_modules", "stop_the_clock"),
    *("leave_a_thread", "hang_at_the_end"),
)


@LINUX
def test_what_is_odd_is_no_fault(token: str, capfd: pytest.CaptureFixture[str]) -> None:
    # Two workers that do not end by themselves are given no time to.
    names = [name for odd in ODD for name in (odd, "fine", "print_in_many_ways")]
    found = outcomes(names, workers=2, settings={"grace": 0.2})
    for name, each in zip(names, found, strict=True):
        assert each.ending == "complete", (name, each.error)
        assert each.figures == ({"": {"sharpe": 1.5, "trades": 20.0}},), name
    by_name = dict(zip(names, found, strict=True))
    printed = {
        name: {o.printed for n, o in zip(names, found, strict=True) if n == name}
        for name in ("fine", "print_in_many_ways")
    }
    assert printed["fine"] == {""}
    ways = "by print\nby the first stdout\nby the system\nby a child\nby C\n"
    assert printed["print_in_many_ways"] == {ways}
    assert by_name["print_much"].printed == "x" * 497 + "..."
    assert by_name["close_stdout"].printed == "before\n"
    none_left(token)
    assert capfd.readouterr() == ("", "")


def test_answers_are_read_though_nothing_can_be_imported_any_more() -> None:
    """The first call leaves no folder to import from."""
    names = ("change_everything", "no_sharpe", "divide", "fine")
    first, *wrong, last = outcomes(names)
    assert (first.ending, first.error) == (last.ending, last.error) == ("complete", "")
    for name, each in zip(names[1:3], wrong, strict=True):
        assert re.search(FAULTS[name][1], each.error), each.error


def alone(asked: ProgramEvaluator, name: str) -> Outcome:
    (found,) = evaluated(asked, tasks([{"do": name}]))
    return found


def test_what_is_printed_cannot_steer_a_terminal(answering: ProgramEvaluator) -> None:
    assert alone(answering, "print_bytes").printed == "��\\x1b[2J\\x00 text"


def test_undefined_figures_are_nan(answering: ProgramEvaluator) -> None:
    (figures,) = alone(answering, "undefined").figures
    assert set(figures[""]) == {"sharpe", "a", "b", "c"}
    assert all(math.isnan(value) for value in figures[""].values())


def test_scalars_of_other_libraries_are_numbers(answering: ProgramEvaluator) -> None:
    (figures,) = alone(answering, "scalars").figures
    assert math.isnan(figures[""].pop("e"))
    assert figures == {"": {"sharpe": 0.5, "a": 3, "b": 2, "c": 1.25, "d": 0.25, "f": 1e300}}


HANGS = (
    *("hang_in_python", "hang_with_the_gil", "hang_deaf", "hang_with_children"),
    *("stubborn_children", "stop_itself", "stop_parent", "print_for_ever"),
)


@LINUX
def test_what_hangs_is_killed_with_all_that_it_started(token: str) -> None:
    # Some of them spin: each second of it is a second of all cores.
    found = outcomes([*HANGS, "fine"], workers=4, timeout=SHORT / 2)
    for name, each in zip(HANGS, found, strict=False):
        assert (name, each.ending) == (name, "timeout")
        assert each.error == "takes longer than the time-out of 0.5 s"
        assert each.seconds >= SHORT / 2
        assert each.attempts == 1
    assert found[-1].ending == "complete"
    none_left(token)


@LINUX
@pytest.mark.parametrize("name", ["leak", "leak_in_a_child"])
def test_memory_is_limited_of_a_worker_with_all_that_it_starts(name: str, token: str) -> None:
    found = outcome(name, memory=MEMORY)
    assert found.ending == "memory"
    assert re.fullmatch(
        r"takes \d+\.\d [MG]B of memory; a worker may have 167\.8 MB", found.error
    ), found.error
    none_left(token)


@LINUX
def test_memory_that_children_share_counts_once() -> None:
    found = outcome("share", memory=MEMORY)
    assert (found.ending, found.error) == ("complete", "")


@LINUX
def test_what_a_worker_leaves_behind_ends_with_it(token: str) -> None:
    with evaluator() as asked:
        assert evaluated(asked, tasks([{"do": "children"}]))[0].ending == "complete"
        assert len(with_token(token)) > 2
    none_left(token)


def test_a_crash_is_tried_again_and_only_a_crash(tmp_path: Path) -> None:
    names = ("exit_3", "divide", "segfault", "none")
    todo = tasks([{"do": name, "once": str(tmp_path / name)} for name in names])
    with evaluator(workers=2) as asked:
        found = evaluated(asked, todo)
    assert [o.ending for o in found] == ["complete", "failed", "complete", "failed"]
    assert [o.attempts for o in found] == [2, 1, 2, 1]


def test_retries_are_as_many_as_asked() -> None:
    # Without any, as of all that crashes in FAULTS, each is tried once.
    found = outcome("exit_3", retries=2)
    assert (found.ending, found.attempts) == ("crashed", 3)


def random_faults(count: int, seed: int, **options: Any) -> None:
    """Evaluate tasks of which some go wrong in ways that chance takes; all others complete."""
    chance = random.Random(seed)
    slow = ["hang", "hang_with_the_gil", "hang_with_children", "leak"]
    # Those that import NumPy first may take longer than the time-out on a busy machine.
    quick = [name for name in FAULTS if name not in {"numpy_bool", "array_figure", "moment"}]
    names = [
        chance.choices(
            ["fine", chance.choice(quick), chance.choice(ODD[:-2]), chance.choice(slow)],
            [80, 12, 5, 3],
        )[0]
        for _ in range(count)
    ]
    found = outcomes(names, timeout=2 * SHORT, memory=MEMORY, **options)
    expected = {name: ending for name, (ending, _) in FAULTS.items()}
    for name, each in zip(names, found, strict=True):
        if name == "leak":
            assert each.ending in {"memory", "timeout"}
        elif name in slow:
            assert each.ending == "timeout", (name, each)
        else:
            assert each.ending == expected.get(name, "complete"), (name, each)
    assert Counter(o.ending for o in found)["complete"] > 0.75 * count


@LINUX
def test_random_faults_cost_the_trials_that_have_them(token: str) -> None:
    random_faults(20, 1, workers=2)
    none_left(token)


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_thousand_tasks_with_random_faults(workers: int, token: str) -> None:
    random_faults(1000, workers, workers=workers)
    none_left(token)


# Nothing is left running


def search(token: str, *names: str, **options: Any) -> subprocess.Popen[str]:
    """Start a search in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / "searching.py"), str(len(names)), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "WFO_TEST_TOKEN": token, "TMPDIR": str(options["folder"])},
    )


def sleepers(token: str) -> int:
    """Return how many of the processes run that `faults.SLEEPER` names."""
    found = 0
    for pid in with_token(token):
        try:
            found += Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sh\0-c\0sleep 3000")
        except OSError:
            continue
    return found


def killed_search(token: str, folder: Path, names: Sequence[str], number: int, due: float) -> None:
    """Start a search, end it by a signal when it is `due` seconds old, and find nothing left."""
    process = search(token, *names, folder=folder)
    try:
        if due < 0:
            # Where all of it hangs: three sleepers of each with children.
            most = 3 * names.count("hang_with_children")
            until(lambda: sleepers(token) >= most or process.poll() is not None, "hanging")
        else:
            until(lambda: process.stdout and process.stdout.readline(), "the beginning")
            time.sleep(due)
        assert process.poll() is None
        process.send_signal(number)
        process.wait(DEADLINE)
    finally:
        process.kill()
        process.communicate()
    none_left(token)
    until(lambda: not list(folder.iterdir()), "the end of all temporary files")


MIXED = ("stop_parent", "hang_with_the_gil", "hang_deaf", "hang_with_children")


@LINUX
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_left_of_a_search_that_is_ended(
    number: signal.Signals, token: str, tmp_path: Path
) -> None:
    killed_search(token, tmp_path, MIXED, number, -1)


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_left_of_a_search_that_is_killed_at_any_moment(
    seed: int, token: str, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    names = chance.sample([*HANGS, "children", "fine", "segfault", "hang_with_children"], 4)
    killed_search(token, tmp_path, [*names, "hang"], signal.SIGKILL, chance.uniform(0, 2))


class StopError(Exception):
    """Is raised by what is told of outcomes."""


@LINUX
def test_an_error_of_who_is_told_ends_what_runs_and_the_evaluator_goes_on(token: str) -> None:
    def refuse(outcome: Outcome) -> None:
        raise StopError

    with evaluator(workers=2) as asked:
        todo = tasks([{"do": "hang_with_children"}, {"do": "fine"}])
        with pytest.raises(StopError):
            asked.evaluate(todo, refuse)
        none_left(token)
        assert evaluated(asked, todo[1:])[0].ending == "complete"
    none_left(token)


@LINUX
def test_an_evaluator_that_is_forgotten_ends_its_workers(token: str) -> None:
    asked = evaluator()
    evaluated(asked, tasks([{"do": "children"}]))
    assert with_token(token)
    del asked
    gc.collect()
    none_left(token)


@LINUX
def test_a_guard_that_is_killed_costs_one_attempt(token: str) -> None:
    with evaluator() as asked:
        evaluated(asked, tasks([{"do": "fine"}]))
        guards = [p for p in with_token(token) if b"guard.py" in cmdline(p)]
        assert len(guards) == 1
        os.kill(guards[0], signal.SIGKILL)
        found = evaluated(asked, tasks([{"do": "fine"}] * 3))
        assert [o.ending for o in found] == ["complete"] * 3
        assert sum(o.attempts for o in found) <= 4
    none_left(token)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@LINUX
def test_a_copy_of_the_search_that_ends_takes_no_worker_along() -> None:
    with evaluator("plain.py:process") as asked:
        before = figures_of(evaluated(asked, tasks([{}])), "process")
        copy = os.fork()
        if copy == 0:
            try:
                asked.close()
            finally:
                os._exit(0)
        os.waitpid(copy, 0)
        assert figures_of(evaluated(asked, tasks([{}])), "process") == before


@LINUX
def test_descendants_are_found_with_and_without_lists_of_the_kernel(token: str) -> None:
    # A shell that has a child, beside whatever else this process has started.
    with subprocess.Popen(["sh", "-c", "sleep 3000; :"]) as shell:
        try:
            until(lambda: len(guard.descendants(shell.pid)) == 1, "a child of the shell")
            (child,) = guard.descendants(shell.pid)
            assert guard._scanned(shell.pid) == [child]
            assert {shell.pid, child} <= set(guard.descendants(os.getpid()))
            assert {shell.pid, child} <= set(guard._scanned(os.getpid()))
            assert guard.resident(child) > 0
        finally:
            for pid in (*guard.descendants(shell.pid), shell.pid):
                os.kill(pid, signal.SIGKILL)
    until(lambda: guard.resident(child) == 0, "the end of the child")


# What a program is called with


@pytest.mark.parametrize(
    ("target", "figures"),
    [
        ("plain.py:evaluate", {"sharpe": 0.1}),
        ("plain:evaluate", {"sharpe": 0.1}),
        ("plain.py:Grouped.evaluate", {"sharpe": 0.1}),
        ("plain.py:everything", {"sharpe": 4, "symbols": 1, "bars": 1, "window": 1, "seed": 1}),
        ("plain.py:all_in_one", {"sharpe": 1}),
        ("plain.py:place", {"sharpe": 1, "folder": 1, "path": 1}),
    ],
)
def test_programs_are_named_and_called_in_several_ways(
    target: str, figures: dict[str, float]
) -> None:
    with evaluator(target) as asked:
        first, second = evaluated(asked, tasks([{"x": 0.1}] * 2))
        assert asked.names == tuple(figures)
    assert first.ending == "complete", first.error
    # The second call finds everything as the first did.
    assert first.figures == second.figures == ({"": figures},)


def test_parameters_keep_their_types_and_are_each_calls_own() -> None:
    values = {"a": True, "b": 1, "c": 1.0, "d": "1", "e": np.int64(5), "f": np.float64(0.1)}
    with evaluator("plain.py:nested") as asked:
        found = evaluated(asked, tasks([{"strategy": values}] * 2))
    expected = {"sharpe": 0.0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 2, "f": 3}
    assert [o.figures for o in found] == [({"": expected},)] * 2


def test_what_a_program_draws_follows_from_the_seed_of_its_trial() -> None:
    todo = tasks([{}] * 20)
    found = []
    for workers in (1, 2):
        with evaluator("draws.py:draws", workers=workers) as asked:
            found.append([o.figures for o in evaluated(asked, todo)])
    assert found[0] == found[1]
    assert len({figures[0][""]["sharpe"] for figures in found[0]}) == 20
    assert len({figures[0][""]["numpy"] for figures in found[0]}) == 20
    assert len({figures[0][""]["set"] for figures in found[0]}) == 1


def bars(days: int = 10) -> pl.DataFrame:
    dates = [dt.date(2024, 1, 1) + dt.timedelta(k) for k in range(days)]
    return pl.DataFrame({"date": dates, "close": [float(k) for k in range(days)]})


def test_bars_end_with_their_window() -> None:
    day = dt.date(2024, 1, 1).toordinal()
    spans = [
        WindowSpan(0, None, dt.date(2024, 1, 4)),
        WindowSpan(1, dt.date(2024, 1, 3), dt.date(2024, 1, 6)),
        WindowSpan(2, dt.date(2024, 1, 8), None),
    ]
    with evaluator(
        "plain.py:looks_ahead",
        symbols=("SPY", "BTC/USD"),
        bars={"SPY": bars(), "BTC/USD": bars(9)},
        windows=spans,
        workers=2,
    ) as asked:
        assert (asked.symbols, asked.windows) == (("SPY", "BTC/USD"), 3)
        first, second = evaluated(asked, tasks([{}, {}], (0, 1, 2)))
        (third,) = evaluated(asked, tasks([{}], (1,)))
    assert first.error == ""
    # Texts, since NaN is equal to none.
    assert str(first.figures) == str(second.figures)
    assert str(third.figures) == str(first.figures[1:2])
    for symbol, last in (("SPY", 9), ("BTC/USD", 8)):
        expected = [(0, 2, None, 3), (2, 4, 2, 5), (7, last, 7, None)]
        for number, (start, end, begins, ends) in enumerate(expected):
            figures = first.figures[number][symbol]
            assert (figures["first"], figures["last"]) == (day + start, day + end)
            assert (figures["sharpe"], figures["bars"]) == (end, end - start + 1)
            assert (figures["number"], figures["columns"]) == (number, 2)
            for name, value in (("start", begins), ("end", ends)):
                assert math.isnan(figures[name]) if value is None else figures[name] == day + value


def test_bars_with_times_belong_to_the_day_of_their_zone() -> None:
    zone = "America/New_York"
    times = ("2024-01-01 22:00", "2024-01-01 23:00", "2024-01-02 00:00", "2024-01-02 01:00")
    stamps = pl.Series(times).str.to_datetime("%Y-%m-%d %H:%M", time_zone=zone)
    frame = pl.DataFrame({"datetime": stamps, "close": [1.0, 2.0, 3.0, 4.0]})
    from wfo.search.runner.bars import cut

    day = dt.date(2024, 1, 2)
    assert cut(frame, WindowSpan(0, None, day), "X")["close"].to_list() == [1.0, 2.0]
    assert cut(frame, WindowSpan(0, day, None), "X")["close"].to_list() == [3.0, 4.0]
    with pytest.raises(DataError, match=r"X has no bars in window 1, from 2024-01-03 to before"):
        cut(frame, WindowSpan(1, dt.date(2024, 1, 3)), "X")
    with pytest.raises(InputError, match="dates must ascend"):
        WindowSpan(0, day, day)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("plain.py:all_but_one", "returns no figures of A, but of other symbols"),
        ("plain.py:one_more", "returns figures of 'MORE', which is none of the symbols A, B"),
        ("plain.py:in_one", ""),
    ],
)
def test_figures_by_symbol_are_of_all_symbols(target: str, said: str) -> None:
    with evaluator(target, symbols=("A", "B")) as asked:
        (found,) = evaluated(asked, tasks([{}]))
    assert found.error == said
    assert found.figures == (() if said else ({"": {"sharpe": 2.0}},))


def test_windows_of_a_task_are_evaluated_until_one_fails(tmp_path: Path) -> None:
    params: list[dict[str, Any]] = [
        {},
        {"fails": 1},
        {"crashes": 1, "mark": str(tmp_path / "mark")},
    ]
    with evaluator("plain.py:by_window", windows=[WindowSpan(k) for k in range(3)]) as asked:
        whole, failed, crashed = evaluated(asked, tasks(params, (0, 1, 2)))
        (part,) = evaluated(asked, tasks([{}], (2,)))
    each = [{"": {"sharpe": float(k)}} for k in range(3)]
    assert list(whole.figures) == list(crashed.figures) == each
    assert (whole.windows, part.windows) == ((0, 1, 2), (2,))
    assert list(part.figures) == each[2:]
    assert (failed.ending, failed.figures, failed.attempts) == ("failed", (), 1)
    assert "no window 1" in failed.error
    assert (crashed.ending, crashed.attempts) == ("complete", 2)


def test_what_follows_an_outcome_is_evaluated_too() -> None:
    found = []

    def finished(outcome: Outcome) -> Task | None:
        found.append((outcome.trial, outcome.windows))
        (window,) = outcome.windows
        return None if window == 2 else Task(outcome.trial, (window + 1,), {}, np.zeros(1), 1)

    with evaluator(
        "plain.py:by_window", windows=[WindowSpan(k) for k in range(3)], workers=2
    ) as asked:
        asked.evaluate(tasks([{}] * 5), finished)
    assert sorted(found) == [(k, (w,)) for k in range(5) for w in range(3)]


@LINUX
@pytest.mark.parametrize(
    "start", ["fork", pytest.param("spawn", marks=pytest.mark.slow), "forkserver"]
)
def test_programs_may_use_processes_of_their_own(start: str, token: str) -> None:
    with evaluator("pools.py:evaluate") as asked:
        (found,) = evaluated(asked, tasks([{"start": start}]))
    assert found.figures == ({"": {"sharpe": 14.0}},), found.error
    none_left(token)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("two words, é:", marks=pytest.mark.slow),
        "quote'\"$(x) two,\nend\udcff\u202e",
    ],
)
def test_folders_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "own.py").write_text(
        "def evaluate(params):\n    return {'sharpe': 1 / params['x']}\n"
    )
    (folder / "own.sh").write_text("#!/bin/sh\necho '{\"sharpe\": 1}'\n")
    (folder / "own.sh").chmod(0o755)
    with evaluator("own.py:evaluate", folder=folder) as asked:
        good, wrong = evaluated(asked, tasks([{"x": 1}, {"x": 0}]))
    assert good.figures == ({"": {"sharpe": 1.0}},), good.error
    said = "ZeroDivisionError: division by zero (own.py, line 2, in evaluate)"
    assert wrong.error == said
    with evaluator(["./own.sh"], kind="command", folder=folder) as asked:
        (good,) = evaluated(asked, tasks([{}]))
    assert good.figures == ({"": {"sharpe": 1.0}},), good.error
    with (
        evaluator("none.py:evaluate", folder=folder) as asked,
        pytest.raises(InputError, match="there is no file") as caught,
    ):
        asked.probe(tasks([{}])[0])
    assert str(caught.value).isprintable()


def test_what_is_printed_is_kept_apart_where_no_file_is_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    descriptor = guard.unnamed_file()
    try:
        os.write(descriptor, b"x" * 100)
        os.ftruncate(descriptor, 10)
        os.write(descriptor, b"y")
        assert os.pread(descriptor, 100, 0) == b"x" * 10 + b"y"
    finally:
        os.close(descriptor)


@LINUX
def test_what_is_printed_is_not_cut_while_it_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is cut after it was emptied would begin with zeros."""
    import fcntl

    from wfo.search.runner.capture import Capture

    locked = []

    def cut(descriptor: int, size: int, truncate: Any = os.ftruncate) -> None:
        # Locks are those of a process: another one is refused.
        if (other := os.fork()) == 0:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os._exit(1)
            os._exit(0)
        locked.append(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
        truncate(descriptor, size)

    monkeypatch.setattr(os, "ftruncate", cut)
    descriptor = guard.unnamed_file()
    kept = [os.dup(number) for number in (0, 1, 2)]
    streams = sys.stdout, sys.stderr
    try:
        os.truncate(descriptor, (16 << 20) + 1)
        guard.shorten(descriptor)
        assert os.fstat(descriptor).st_size == 2 << 20
        capture = Capture()
        capture.written = (descriptor, os.dup(descriptor))
        capture.begin()
        assert os.fstat(descriptor).st_size == 0
    finally:
        sys.stdout, sys.stderr = streams
        for number, one in enumerate(kept):
            os.dup2(one, number)
            os.close(one)
        os.close(descriptor)
    assert locked == [1, 1]
    # While the other one has it, it is left for the next look.
    monkeypatch.undo()
    monkeypatch.setattr(fcntl, "lockf", lambda *_: (_ for _ in ()).throw(BlockingIOError()))
    descriptor = guard.unnamed_file()
    try:
        os.truncate(descriptor, (16 << 20) + 1)
        guard.shorten(descriptor)
        assert os.fstat(descriptor).st_size == (16 << 20) + 1
    finally:
        os.close(descriptor)


def test_an_interpreter_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(EngineError, match="this process has none"):
        evaluator()


def test_a_system_that_starts_no_more_processes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(24, "Too many open files")

    with evaluator() as asked:
        monkeypatch.setattr("socket.socketpair", refuse)
        with pytest.raises(EngineError, match=r"Too many open files; ask for fewer workers"):
            asked.probe(tasks([{"do": "fine"}])[0])
        monkeypatch.undo()
        assert asked.probe(tasks([{"do": "fine"}])[0]).ending == "complete"


def test_a_temporary_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with pytest.raises(ResultsError, match=r"temporary folder.*TMPDIR"):
        evaluator(symbols=("A",), bars={"A": b""})


# Workers


def figures_of(found: Sequence[Outcome], name: str) -> list[float]:
    return [o.figures[0][""][name] for o in found]


def test_a_program_is_imported_once_a_worker_and_workers_are_replaced() -> None:
    todo = tasks([{}] * 30)
    with evaluator("plain.py:process", settings={"recycle_tasks": 10}) as asked:
        found = evaluated(asked, todo)
    assert figures_of(found, "calls") == [*range(1, 11)] * 3
    assert list(Counter(figures_of(found, "process")).values()) == [10, 10, 10]
    assert {o.worker for o in found} == {1}


@LINUX
def test_a_worker_that_grows_is_replaced_before_it_costs_a_trial() -> None:
    todo = tasks([{"megabytes": 8}] * 20)
    options = {"recycle_growth": 20 << 20}
    with evaluator("plain.py:grow", memory=MEMORY, settings=options) as asked:
        found = evaluated(asked, todo)
    assert [o.ending for o in found] == ["complete"] * 20
    assert 3 <= len(set(figures_of(found, "process"))) <= 20


def test_workers_stay_between_batches_and_all_of_them_work(tmp_path: Path) -> None:
    todo = tasks([{"folder": str(tmp_path), "processes": 3}] * 6)
    with evaluator("plain.py:meet", workers=3) as asked:
        batches = [evaluated(asked, todo) for _ in range(3)]
    processes = [set(figures_of(found, "process")) for found in batches]
    assert len(processes[0]) == 3
    assert processes[1] | processes[2] <= processes[0]
    assert {o.worker for o in batches[0]} == {1, 2, 3}


def memory_of_this_process() -> int:
    return guard.resident(os.getpid())


def grown_over(count: int) -> int:
    """Return by how many bytes this process grows over so many tasks, after as many others."""
    todo = tasks([{"x": 0.5}] * 500)
    ended = 0

    def finished(outcome: Outcome) -> None:
        nonlocal ended
        ended += 1

    with evaluator("plain.py:evaluate", workers=2) as asked:
        for _ in range(2):
            asked.evaluate(todo, finished)
        before = memory_of_this_process()
        for _ in range(count // 500):
            asked.evaluate(todo, finished)
        after = memory_of_this_process()
    assert ended == 1000 + count
    return after - before


@LINUX
def test_memory_of_the_search_is_flat() -> None:
    # 2,000 outcomes that were kept would be a megabyte.
    assert grown_over(2000) < 1 << 20


@LINUX
@pytest.mark.slow
def test_memory_of_the_search_is_flat_over_many_tasks() -> None:
    assert grown_over(100_000) < 2 << 20


# Commands


@pytest.fixture
def command(tmp_path: Path) -> Callable[[str], Path]:
    """Write a shell script and return it."""

    def written(text: str) -> Path:
        path = tmp_path / "backtest"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return written


def of_command(words: Sequence[str], folder: Path, **options: Any) -> list[Outcome]:
    with evaluator(words, kind="command", folder=folder, **options) as asked:
        return evaluated(asked, tasks([{"x": 2}] * 2))


def test_a_command_reads_what_is_asked_and_prints_figures(tmp_path: Path) -> None:
    program = tmp_path / "backtest.py"
    program.write_text(
        """
import csv, json, os, sys
asked = json.load(sys.stdin)
assert sys.argv[1:] == ["--json", "two words"], sys.argv
assert os.getcwd() == os.path.dirname(os.path.abspath(__file__))
print("loading", file=sys.stderr)
found = {}
for symbol in asked["symbols"]:
    rows = list(csv.DictReader(open(asked["bars"][symbol])))
    found[symbol] = {"sharpe": asked["params"]["x"], "bars": len(rows), "close": None,
                     "last": float(rows[-1]["close"]), "number": asked["window"]["number"],
                     "seed": asked["seed"]}
assert asked["window"] == {"number": 0, "start": "2024-01-02", "end": "2024-01-05"}
print(json.dumps(found, indent=1))
"""
    )
    (first, second) = of_command(
        [sys.executable, "backtest.py", "--json", "two words"],
        tmp_path,
        symbols=("SPY", "QQQ"),
        bars={"SPY": bars(), "QQQ": bars()},
        windows=[WindowSpan(0, dt.date(2024, 1, 2), dt.date(2024, 1, 5))],
    )
    assert first.error == second.error == ""
    for k, found in enumerate((first, second)):
        for figures in found.figures[0].values():
            assert math.isnan(figures.pop("close"))
            expected = {"sharpe": 2, "bars": 3, "last": 3, "number": 0, "seed": 1000 + k}
            assert figures == expected


def test_a_command_may_have_parquet(tmp_path: Path) -> None:
    program = tmp_path / "backtest.py"
    program.write_text(
        "import json, sys\n"
        "path = json.load(sys.stdin)['bars']['SPY']\n"
        "print(json.dumps({'sharpe': open(path, 'rb').read(4) == b'PAR1' and 1}))\n"
    )
    (found, _) = of_command(
        [sys.executable, "backtest.py"],
        tmp_path,
        symbols=("SPY",),
        bars={"SPY": bars()},
        settings={"bars": "parquet"},
    )
    assert found.figures == ({"": {"sharpe": 1.0}},), found.error


ONE = "echo '{\"sharpe\": 1}'"

#: Scripts, what they come to, and what the error says.
SCRIPTS = (
    (ONE, "complete", ""),
    ("cat > /dev/null; " + ONE, "complete", ""),
    ("echo noise >&2; " + ONE, "complete", ""),
    (r"""printf ' \n {\n "sharpe": NaN }\n\n'""", "complete", ""),
    ("sleep 3000 & " + ONE, "complete", ""),
    (
        "echo Loading...; " + ONE,
        "failed",
        r"^prints on standard output what is not one JSON object",
    ),
    (
        "echo Loading...; " + ONE,
        "failed",
        r"as 'Loading\.\.\.': print everything but the figures on",
    ),
    (ONE + "; " + ONE, "failed", r"what is not one JSON object, as '\{\"sharpe\": 1\}'"),
    ("true", "failed", r"^prints nothing on standard output"),
    ("echo '[1]'", "failed", r"^prints \[1\], and no JSON object"),
    ("echo 3", "failed", r"^prints 3, and no JSON object"),
    ("echo '{}'", "failed", r"^returns an empty dict"),
    ("echo '{\"sharp\": 1}'", "failed", r"^returns no figure 'sharpe'.*did you mean 'sharp'"),
    ('echo \'{"sharpe": "1"}\'', "failed", r"^returns '1' of type str as the figure"),
    ("echo '{\"sharpe\": true}'", "failed", r"^returns True of type bool as the figure"),
    ('echo \'{"sharpe": 1, "sharpe": 2}\'', "failed", r"^prints the key 'sharpe' twice"),
    (r"printf '\377\376'", "failed", r"^prints what is no text in UTF-8"),
    ("head -c 5000000 /dev/zero", "failed", r"^prints more than 1,048,576 bytes"),
    ("printf '%0100000d' 0 | tr 0 '['", "failed", r"^prints JSON with too many objects"),
    (ONE + "; exit 3", "failed", r"^ends with exit code 3$"),
    ("echo 'no bars' >&2; echo >&2; exit 3", "failed", r"^ends with exit code 3: no bars$"),
    ("kill -SEGV $$", "crashed", r"^ends by SIGSEGV"),
    ("no_such_program_anywhere", "failed", r"^ends with exit code 127: .*not found"),
)

#: Scripts that do not end; one of them is busy all the time.
ENDLESS = tuple(
    (script, "timeout", r"^takes longer than the time-out of 0\.5 s$")
    for script in ("sleep 3000 & sleep 3000", "yes")
)


@LINUX
@pytest.mark.parametrize(("scripts", "timeout"), [(SCRIPTS, 2 * SHORT), (ENDLESS, SHORT / 2)])
def test_what_a_command_prints_is_one_json_object(
    scripts: Any, timeout: float, tmp_path: Path, token: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for k, (script, _, _) in enumerate(scripts):
        (tmp_path / f"{k}.sh").write_text(script)
    pick = 'read line; k=${line#*\\"x\\": }; exec sh ./${k%%\\}*}.sh'
    with evaluator(
        ["sh", "-c", pick], kind="command", folder=tmp_path, workers=2, timeout=timeout, retries=0
    ) as asked:
        found = evaluated(asked, tasks([{"x": k} for k in range(len(scripts))]))
    for (script, ending, said), each in zip(scripts, found, strict=True):
        assert (script, each.ending) == (script, ending), each.error
        assert re.search(said, each.error), (script, each.error)
        assert each.error.isprintable()
    none_left(token)
    assert capfd.readouterr() == ("", "")


# What is wrong from the start


#: Programs that cannot be loaded, and what is said; the first ones by a worker, too.
NOT_LOADED = (
    ("nowhere.py:evaluate", r"there is no file .*/nowhere\.py"),
    ("fails_at_import.py:evaluate", r"RuntimeError: no licence \(fails_at_import.py, line 3\)"),
    ("exits_at_import.py:evaluate", r"fails when it is imported: it ends itself by sys\.exit"),
    ("nowhere:evaluate", r"there is no module 'nowhere', in .*search_programs or where"),
    ("plain.inside:evaluate", r"no module 'plain\.inside', .* \(plain is .*/plain\.py\)"),
    (".plain:evaluate", r"'\.plain' is no name of a module"),
    ("plain.py:evaluat", r"plain\.py has no 'evaluat'; did you mean 'evaluate'\?"),
    ("plain:Grouped.evaluat", r"plain\.py has no 'Grouped\.evaluat'"),
    ("plain.py:NO_FUNCTION", r"plain\.py:NO_FUNCTION is 3, of type int, no function"),
    ("plain.py:wants_more", r"needs capital, which a search does not give; .* symbols, bars"),
    ("plain.py:wants_less", r"takes no argument for the parameters"),
    ("lacks_a_module:evaluate", r"ModuleNotFoundError: No module named 'no_such.*line 5\)"),
)


@pytest.mark.parametrize(("target", "said"), NOT_LOADED)
def test_what_cannot_be_loaded_is_named(
    target: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(LoadError, match=said) as caught:
        load_program(target, PROGRAMS)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        *NOT_LOADED[:3],
        ("crashes_at_import.py:evaluate", r"cannot be imported: it ends its process .* code 5"),
        ("hangs_at_import.py:evaluate", r"takes longer than 1 s to be imported"),
    ],
)
@LINUX
def test_a_program_that_cannot_be_loaded_stops_at_once(target: str, said: str, token: str) -> None:
    options: dict[str, Any] = {}
    if target.startswith("hangs"):
        options["start_timeout"] = SHORT
    with (
        evaluator(target, settings=options) as asked,
        pytest.raises(WfoError, match=said) as caught,
    ):
        asked.probe(tasks([{"x": 1}])[0])
    assert str(caught.value).isprintable()
    none_left(token)


def test_a_file_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def evaluate(params):\n    return {\n")
    for target in ("broken.py:evaluate", "broken:evaluate"):
        with (
            evaluator(target, folder=tmp_path) as asked,
            pytest.raises(InputError, match=r"SyntaxError: '\{' was .* \(broken\.py, line 2\)"),
        ):
            asked.probe(tasks([{}])[0])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", r"^faults\.py:evaluate returns None"),
        ("empty", r"^faults\.py:evaluate returns an empty dict"),
        ("no_sharpe", r"^faults\.py:evaluate returns no figure 'sharpe'"),
        ("text_figure", r"^faults\.py:evaluate returns '1\.5' of type str"),
    ],
)
def test_an_answer_that_is_none_stops_at_once(
    name: str, said: str, answering: ProgramEvaluator
) -> None:
    with pytest.raises(InputError, match=said):
        answering.probe(tasks([{"do": name}])[0])


def test_all_figures_that_are_missing_are_named() -> None:
    needs = ("sharpe", "trades", "win_rate")
    with pytest.raises(AnswerError, match=r"no figure 'trades' of A, .* \(nor 'win_rate'\)"):
        read_figures({"A": {"sharpe": 1.0}}, ["A"], needs, runner_settings())


def test_a_point_that_fails_does_not_stop_a_search() -> None:
    with evaluator(timeout=SHORT / 2) as asked:
        endings = [
            asked.probe(tasks([{"do": name}])[0]).ending
            for name in ("fine", "divide", "exit_3", "hang", "fine")
        ]
    assert endings == ["complete", "failed", "crashed", "timeout", "complete"]


def test_a_command_that_does_not_run_stops_at_once(
    tmp_path: Path, command: Callable[[str], Path]
) -> None:
    for words, said in (
        (["./nothing"], r"command = '\./nothing' does not exist: there is no .*/nothing"),
        (["no_such_program_anywhere"], "does not exist: it is in no folder of PATH"),
        ([], "must be a list of words"),
        (["a\0b"], "must be a list of words"),
        ([3], "must be a list of words"),
    ):
        with pytest.raises(InputError, match=said):
            evaluator(words, kind="command", folder=tmp_path)
    path = command("echo Hello")
    path.chmod(0o644)
    for text, mode, said in (
        ("#!/bin/sh\n", 0o644, "permission denied; make it executable"),
        ("no program", 0o755, "has no first line such as"),
        ("#!/no/such/shell\n", 0o755, "cannot be run: No such file"),
        ("#!/bin/sh\necho Hello\n", 0o755, "backtest prints on standard output .* 'Hello'"),
    ):
        path.write_text(text)
        path.chmod(mode)
        with (
            evaluator(["./backtest"], kind="command", folder=tmp_path) as asked,
            pytest.raises(InputError, match=said),
        ):
            asked.probe(tasks([{}])[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "workers = 0 must be 1 or more"),
        ({"workers": -1}, "workers = -1 must be 1 or more"),
        ({"workers": 1.5}, "workers = 1.5 must be a whole number"),
        ({"timeout": 0}, "timeout = 0 must be above 0"),
        ({"timeout": float("nan")}, "timeout = nan must be a number"),
        ({"timeout": "soon"}, "timeout = 'soon' must be a number"),
        ({"retries": -1}, "retries = -1 must be 0 or more"),
        ({"memory": 1000}, "memory = 1,000 bytes is less than a worker takes by itself"),
        ({"settings": {"bars": "xml"}}, "bars"),
        ({"settings": {"recycle": 3}}, "recycle.*did you mean 'recycle_"),
        ({"folder": "/no/such/folder"}, "there is no folder /no/such/folder"),
        ({"kind": "strategy"}, "kind"),
        ({"symbols": ("A",), "bars": {"B": None}}, "bars must be given of each symbol"),
        ({"windows": [WindowSpan(1)]}, "windows must be numbered from 0 on"),
    ],
)
def test_arguments_that_cannot_be_used(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        evaluator(**options)


@pytest.mark.parametrize("target", ["evaluate", "plain.py", ":evaluate", "plain.py:", "", 3, None])
def test_a_program_is_named_with_its_function(target: Any) -> None:
    with pytest.raises(InputError, match=r"must be module:function or FILE\.py:function"):
        evaluator(target)


def test_defaults_are_those_that_ship() -> None:
    settings = runner_settings()
    assert settings.timeout == 600
    assert settings.retries == 1
    assert settings.memory is None
    with evaluator(workers=2, timeout=None) as asked:
        assert asked.settings.timeout == 600
        assert asked.memory_watched == guard.watches_memory()


@pytest.mark.parametrize("symbols", [(), ("A", "B")])
def test_any_answer_is_figures_or_an_error(symbols: tuple[str, ...]) -> None:
    """Answers put together by chance: each is read, or refused by an error of one line."""
    chance = random.Random(5)
    leaves: list[Any] = [
        *(None, True, 0, -1.5, 10**400, float("nan"), "1", b"1", [1], (), {}, set(), object()),
        *(np.float64(2), np.zeros(3), np.array(1), np.bool_(0), 1j, len, int, ...),
        *(1, 2.5, None, 3) * 5,
    ]
    names: list[Any] = ["", "a\nb", 3, None, "x" * 200, ("a",), "sharp", *("sharpe", "A", "B") * 6]

    def made(depth: int) -> Any:
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(leaves)
        return {chance.choice(names): made(depth - 1) for _ in range(chance.randrange(1, 3))}

    read = 0
    for _ in range(1000):
        try:
            found = read_figures(made(3), symbols, (), runner_settings())
        except WfoError as error:
            said = str(error)
            assert said.isprintable()
            continue
        read += 1
        assert set(found) in ({""}, set(symbols))
        for figures in found.values():
            assert all(isinstance(name, str) and name for name in figures)
            assert all(v is None or math.isfinite(v) for v in figures.values())
    assert read > 50
