"""What all tests share: the folder of real bars, how properties are searched, what runs where."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

# The tests of a project of its own need its wheel; test_wheel runs them where that is installed.
collect_ignore = ["sma_cross"]

ROOT = Path(__file__).resolve().parents[1]
REAL_BARS = ROOT.parent / "shared" / "data"

# The examples of "suite" are the same in every run, so that a change cannot fail by examples that
# have nothing to do with it; fewer than Hypothesis's hundred, so that the suite takes ten minutes.
# Those of "random" are others each time: `make slow` looks further.
hypothesis.settings.register_profile(
    "suite", derandomize=True, deadline=None, database=None, max_examples=40
)
hypothesis.settings.register_profile(
    "random",
    derandomize=False,
    deadline=None,
    database=None,
    print_blob=True,
    max_examples=100,
)
hypothesis.settings.load_profile("suite")

# A shell starts commands in the background with interrupts ignored, and children inherit that;
# runs that tests interrupt could then not be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The Numba engine takes 20 seconds to compile: once is enough for all processes of the tests.
os.environ.setdefault("WFO_JIT_CACHE", str(ROOT / "target" / "jit"))

# Commands that tests start would compile the package's 220 modules anew each time where the
# environment says not to keep bytecode, as images of containers do: half a second a command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# A run syncs some fifty files, each of which a disk takes milliseconds for: folders of tests lie in
# memory where the system has a file system there that has room and whose programs may be executed.
MEMORY = Path("/dev/shm")
ROOM = 4 << 30


def _has_room(place: Path) -> bool:
    """Tell whether tests may write into a file system in memory."""
    if not (os.path.ismount(place) and os.access(place, os.W_OK | os.X_OK)):
        return False
    return not os.statvfs(place).f_flag & os.ST_NOEXEC and shutil.disk_usage(place).free >= ROOM


if "TMPDIR" not in os.environ and "PYTEST_DEBUG_TEMPROOT" not in os.environ and _has_room(MEMORY):
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage, and afterwards not among what was collected.

    Modules and tests are there to the end, and looking through them again and again takes a third
    of the time in which they are collected.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# Tests ask no vendor of whom the machine has credentials.
for name in list(os.environ):
    if name.startswith(("APCA_", "WFO_ALPACA_", "WFO_BINANCE_", "WFO_TRADESTATION_")):
        del os.environ[name]
for name in ("WFO_SOURCE", "WFO_FILES_DIR"):
    os.environ.pop(name, None)
os.environ["WFO_CONFIG_DIR"] = str(ROOT / "target" / "no-config")


# What takes longest, in this order; the other files fill up what is left at the end. Of those that
# compare with the reference test_parity is the first, so that one process compiles it.
LONGEST = (
    "test_wheel",
    "test_parity",
    "test_resume",
    "test_search_runner",
    "test_source_faults",
    "test_conformance",
    "test_docs",
    "test_cli",
    "test_runs",
    "test_simulate_run",
    "test_factored",
    "test_stages",
    "test_fetching",
    "test_updating",
    "test_sources_conform",
    "test_stores",
    "test_analysis",
    "test_data_store",
    "test_refine",
    "test_optimize",
    "test_vendors",
    "test_data_reading",
    "test_collecting",
    "test_holdout",
    "test_sweeps",
    "test_forks",
    "test_run_call",
    "test_handover",
    "test_reports",
    "test_planted",
    "test_permutation_test",
    "test_search_methods",
    "test_page",
    "test_orders",
    "test_forged_json",
    "test_workbook",
    "test_store_hostile",
    "test_extended",
    "test_search_plan",
    "test_oracle",
    "test_money",
    "test_time",
    "test_manifest",
    "test_tradestation_source",
    "test_scoring",
    "test_stamps",
    "test_quality",
    "test_search_determinism",
    "test_parity_extended",
    "test_cli_simulate",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return how many processes ``-n auto`` is: one more than cores, or what the environment says.

    Tests of servers that do not answer, of commands and of files that are written through wait for
    a tenth of their time, in which another process computes.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # pytest-xdist reads it
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 1


# What the command line handles: interrupts, and an alarm that repeats one that was swallowed.
HANDLED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Handle signals after a test as before it.

    A command that a test calls in its process leaves its handlers there. An interrupt that a later
    test makes on purpose would be repeated by an alarm, in whichever test runs by then.
    """
    before = [(number, signal.getsignal(number)) for number in HANDLED]
    try:
        return (yield)
    finally:
        for number, handler in before:
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, since ``make test`` gives whole files to processes.

    A file goes to one process, so that what its fixtures make once is made once.
    """
    rank = {name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


# 128 combinations in 4 cells: too few for plateaus, whose search takes most of a small run's time.
TINY = """
atr_d_l:
  atr_period: [4, 64]
  atr_multiplier: [13, 24]
  bb_length: [10]
  bb_deviation: [0.5, 4]
  vol_threshold: [0.04, 0.32]
  min_tightening: [0.10, 0.85]
  scaling_method: [0]
  atr_buy_period: [8, 56]
  atr_buy_multiplier: [0.5, 2.5]
  atr_smooth_period: [2]
  equity_price_method: [0]
"""

# 35 cells of 96 combinations: a plateau where five stable ones make a cell count.
PLATEAU_GRID = """
atr_d_l:
  atr_period: [24, 64]
  atr_multiplier: [2, 5, 8, 12, 16, 20, 24]
  bb_length: [10, 40]
  bb_deviation: [0.5, 2, 4]
  vol_threshold: [0.04, 0.16]
  min_tightening: [0.10, 0.85]
  scaling_method: [0]
  atr_buy_period: [8, 56]
  atr_buy_multiplier: [0.5, 1, 1.5, 2.5, 3.5]
  atr_smooth_period: [2]
  equity_price_method: [0]
"""


@pytest.fixture(scope="session", autouse=True)
def _commit_asked_once() -> Iterator[None]:
    """Ask git for the commit of the work tree once, and not in each of thousands of runs."""
    import wfo.build

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wfo.build, "_work_tree", functools.cache(wfo.build._work_tree))
        yield


@pytest.fixture(scope="session")
def real_bars() -> Path:
    """The folder of vendors' bars, which stays outside the project."""
    if not REAL_BARS.is_dir():
        pytest.skip("needs the vendors' bars in ../shared/data, which do not ship with the project")
    return REAL_BARS
