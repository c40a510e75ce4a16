"""Panics of compiled code: an error of the package, in one line, and nothing on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import wfo
from wfo import _core
from wfo.cli import FAILED, main
from wfo.errors import is_panic


@pytest.mark.parametrize("threads", [1, 2])
def test_a_panic_on_a_pool_is_an_engine_error(
    threads: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUST_BACKTRACE", raising=False)
    with pytest.raises(wfo.EngineError) as caught:
        _core._panic(threads)
    said = str(caught.value)
    assert "\n" not in said
    assert "a panic that was asked for" in said
    assert "wfo-py/src/lib.rs" in said, "where it was"
    assert "report it" in said
    assert capfd.readouterr() == ("", "")


def test_a_pool_goes_on_after_a_panic() -> None:
    values = np.arange(100, dtype=np.float32)
    with pytest.raises(wfo.EngineError):
        _core._panic(2)
    assert _core.rank_correlation(values, values, 2) == 1.0


def test_a_backtrace_is_written_where_one_is_asked_for() -> None:
    code = "from wfo import _core\ntry: _core._panic(1)\nexcept Exception: print('caught')"
    environment = {**os.environ, "RUST_BACKTRACE": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "caught\n"
    assert "that was asked for" in done.stderr


def test_a_panic_beside_the_pools_is_no_exception() -> None:
    """PyO3's class, which handlers of errors let through."""
    with pytest.raises(BaseException, match="asked for") as caught:
        _core._panic(0)
    assert is_panic(caught.value)
    assert not isinstance(caught.value, Exception)
    assert not any(map(is_panic, [KeyboardInterrupt(), SystemExit(), ValueError(), wfo.WfoError()]))


def test_the_command_line_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever compiled library panics."""
    monkeypatch.delenv("RUST_BACKTRACE", raising=False)
    monkeypatch.setattr("wfo.build.build_info", lambda: _core._panic(0))
    with pytest.raises(SystemExit) as ended:
        main(["info"])
    assert ended.value.code == FAILED
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == "error: a compiled library failed: a panic that was asked for\n"


@pytest.mark.parametrize(
    "threads", [0, -1, 1025, 2**40, 2**64, 2**70, 1.5, "2", True, float("nan")]
)
def test_numbers_of_threads_have_a_limit(threads: object) -> None:
    values = np.arange(4, dtype=np.float32)
    grid = wfo.Grid.load("smoke", "atr_d_l")
    bars = wfo.load_sample("NASDAQ").tail(900)
    with pytest.raises(wfo.InputError, match="threads"):
        wfo.Evaluator("atr_d_l", bars, grid, [(500, 700, 900)], threads=threads)  # type: ignore[arg-type]
    if isinstance(threads, int) and 0 <= threads < 2**64 and threads is not True:
        with pytest.raises(
            wfo.InputError, match=r"threads = \d+ is out of range; .* from 1 to 1024"
        ):
            _core.rank_correlation(values, values, threads)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("size", [2**32, 2**40, 2**62, 2**63, 2**64 - 1])
def test_sizes_of_a_sweep_have_a_limit(start: int, size: int) -> None:
    grid = wfo.Grid.load("smoke", "atr_d_l")
    bars = wfo.load_sample("NASDAQ").tail(900)
    evaluator = wfo.Evaluator("atr_d_l", bars, grid, [(500, 700, 900)], threads=1)
    with pytest.raises(wfo.InputError, match="outside the grid"):
        evaluator.range(start, size)
    with pytest.raises(wfo.InputError):
        evaluator.blocks([start], size)
    with pytest.raises(wfo.InputError):
        evaluator.list([size])


def test_more_figures_than_memory_are_an_error() -> None:
    """Those of 2^49 combinations, all at once."""
    prices = np.linspace(10.0, 20.0, 900)
    bars = dict.fromkeys(("open", "high", "low", "close"), prices)
    grid = wfo.Grid.load("smoke", "atr_d_l")
    axes = grid.engine_axes
    # The two multipliers have 2^18 values each, and two more axes some.
    long = [[1.0 + k / 2**18] for k in range(2**18)]
    by_name = dict(zip(grid.strategy.names, axes, strict=True))
    for name in ("atr_multiplier", "atr_buy_multiplier"):
        by_name[name] = (by_name[name][0], long)
    many = list(by_name.values())
    sweep = _core.Sweep(
        "direct", "atr_d_l", [("bars", bars)], many, wfo.Settings(), [(400, 600, 900)], 1
    )
    with pytest.raises(wfo.EngineError, match="GB do not fit in memory"):
        sweep.run(0, len(sweep))


def test_labels_have_a_limit() -> None:
    """Each has a sum, used or not."""
    prices = np.linspace(10.0, 20.0, 900)
    bars = dict.fromkeys(("open", "high", "low", "close"), prices)
    grid = wfo.Grid.load("smoke", "atr_d_l")
    labels = np.zeros(900, dtype=np.int64)
    row = [float(value) for value in grid.params(0).values()]
    for count in (2**26 + 1, 2**32, 2**62, 2**63):
        with pytest.raises(wfo.InputError, match=r"labels = \d+ is out of range; .* 2\^26"):
            _core.simulate(
                "direct", "atr_d_l", [("bars", bars)], [(0, row)], wfo.Settings(), 400, 600,
                labels, count,
            )  # fmt: skip


@pytest.mark.parametrize("end", [2**63 + 1, 2**64 - 1])
def test_numbers_of_permutations_have_a_limit(end: int) -> None:
    """Threads count on behind the last one, and would begin anew behind 2^64."""
    prices = np.linspace(10.0, 20.0, 900)
    bars = dict.fromkeys(("open", "high", "low", "close"), prices)
    grid = wfo.Grid.load("smoke", "atr_d_l")
    searches = _core.Permutations(
        "factored", "atr_d_l", [("bars", bars)], grid.engine_axes, wfo.Settings(),
        [(400, 600, 900)], 2, sets=[(0.1, 5.0, 5, None)], least=1, first=400,
    )  # fmt: skip
    with pytest.raises(wfo.InputError, match=r"stop = \d+ is out of range; .* 2\^63"):
        searches.run(end - 2, end)
