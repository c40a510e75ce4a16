"""What a run would take, told before it begins."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import wfo
from wfo.cli import cli
from wfo.data import sample_store
from wfo.errors import ResultsError
from wfo.runs import estimate as module
from wfo.runs.estimate import estimate
from wfo.runs.machine import Machine
from wfo.runs.plan import RunPlan
from wfo.runs.run import run
from wfo.sweeps import survivors


@pytest.fixture
def plan(tmp_path: Path) -> Any:
    def of(strategy: str, grid: str, **options: Any) -> RunPlan:
        return RunPlan("NASDAQ", strategy, grid=grid, out=tmp_path / "out", **options)

    return of


def test_every_strategy_of_the_run_is_estimated_and_nothing_written(
    plan: Any, tmp_path: Path
) -> None:
    found = estimate(plan("atr_d_ls", "coarse"), sample_store())
    assert [e.grid.strategy.name for e in found.strategies] == ["atr_d_ls", "atr_d_l"]
    for item in found.strategies:
        assert 0 < item.measured <= len(item.grid)
        assert item.seconds > 0
        assert item.store == "dense"
        # 20 bytes in each of four phases, and 700 at most of a candidate.
        assert item.disk == len(item.grid) * 80 + min(len(item.grid), 2_000_000) * 700
    assert found.obstacle is None
    assert found.free > 0
    # The folder of the run, whether it is there yet or not.
    assert f"free for {tmp_path / 'out' / 'NASDAQ'}" in found.page
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pieces", [1, 2, 3, 10, 17, 1000, 4242])
def test_pieces_come_up_once_and_the_first_lie_all_over(pieces: int) -> None:
    order = [module._spread(i, pieces) for i in range(pieces)]
    assert sorted(order) == list(range(pieces))
    for count in (8, 20):
        if pieces >= 10 * count:
            places = sorted(order[:count])
            gaps = [b - a for a, b in itertools.pairwise(places)]
            assert max(gaps) < 3 * pieces / count


def test_what_does_not_fit_the_disk_says_so(plan: Any) -> None:
    small = Machine(free=lambda _: 1_000_000)
    found = estimate(plan("atr_d_l", "coarse"), sample_store(), machine=small)
    assert found.strategies[0].store == "survivors"
    assert re.search(r"take up to .* MB, .* has 1\.0 MB free.*--out", str(found.obstacle))
    with pytest.raises(ResultsError, match=r"has 1\.0 MB free"):
        run(plan("atr_d_l", "coarse"), sample_store(), machine=small)
    assert not plan("atr_d_l", "coarse").out.exists()


def test_what_does_not_fit_the_memory_says_so(plan: Any) -> None:
    small = Machine(memory=lambda: 300_000_000)
    found = estimate(plan("atr_d_l", "coarse"), sample_store(), machine=small)
    assert "of memory, the machine has 300.0 MB" in str(found.obstacle)
    with pytest.raises(ResultsError, match=r"of memory, the machine has"):
        run(plan("atr_d_l", "coarse"), sample_store(), machine=small)
    assert not plan("atr_d_l", "coarse").out.exists()


def test_survivors_take_the_same_however_large_the_grid_is() -> None:
    one, other = (survivors.SurvivorStore.bytes_needed(n, 4) for n in (10**9, 10**11))
    assert one == other < 4_000_000_000
    small = survivors.SurvivorStore.bytes_needed(10_000, 4)
    assert 10_000 * 88 < small < 10_000 * 250


def test_command_prints_a_line_a_strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = str(sample_store().folder), str(tmp_path / "out")
    line = ["run", "--symbol", "NASDAQ", "--strategy", "atr_d_ls", "--grid", "coarse"]
    line += ["--data-dir", data, "--out", out, "--estimate"]
    called = CliRunner().invoke(cli, line)
    assert called.exit_code == 0, called
    size = len(wfo.Grid.load("coarse", "atr_d_ls"))
    found = rf"^  atr_d_ls +{size:,}  dense +[\d.]+ (s|min).* [\d.]+ [MG]B +[\d.]+ [MG]B$"
    assert re.search(found, called.output, re.MULTILINE), called.output
    assert "Time was measured just now" in called.output
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    refused = CliRunner().invoke(cli, line)
    assert isinstance(refused.exception, ResultsError)
    assert "atr_d_ls" in refused.output
    assert not Path(out).exists()
