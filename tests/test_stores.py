"""Both stores of a sweep give the same candidates, plateaus and ranges."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import wfo
from wfo.data import sample_store
from wfo.errors import InputError
from wfo.runs.folder import RunFolder
from wfo.runs.options import RunOptions
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.selection.options import ScoreOptions
from wfo.selection.profile import Profile
from wfo.selection.scoring import Gates
from wfo.sweeps import StoreOptions


def few(total: int) -> RunOptions:
    """An eighth of so many combinations kept, and a few candidates; a sample no larger than all."""
    sample = min(total, StoreOptions().sample)
    return RunOptions(StoreOptions(kept=total // 8, sample=sample), ScoreOptions(kept=total // 200))


def both(
    strategy: str, grid: str, tmp_path: Path, options: RunOptions | None = None
) -> tuple[RunReport, RunReport]:
    """Run a grid with either store."""
    second = "SP500" if "duals" in strategy else None

    def of(store: str) -> RunReport:
        out = tmp_path / store
        plan = RunPlan(
            "NASDAQ", strategy, symbol2=second, grid=grid, out=out, store=store, expand=False
        )
        return run(plan, sample_store(), options=options)

    return of("dense"), of("survivors")


def outcome(report: RunReport) -> dict[str, bytes]:
    """The files that follow from the scores, but for effects, which one store samples."""
    kinds = ("candidates_*", "plateaus_*", "regions_*", "phase5_*")
    folder = report.folder.path
    return {p.name: p.read_bytes() for kind in kinds for p in sorted(folder.glob(kind))}


def agree(found: tuple[RunReport, RunReport], *, sure: bool = True) -> Any:
    """Check that two runs found the same, and knew it if that is `sure`; return the scores."""
    dense, kept = found
    assert outcome(kept) == outcome(dense)
    assert len(outcome(dense)) >= 5
    one, two = (r.strategies[0].scores for r in found)
    assert one.phase_counts == two.phase_counts
    assert one.valid_phases == two.valid_phases
    assert one.stable == two.stable
    assert (one.cells.stable == two.cells.stable).all()
    assert two.at_risk == 0 or not sure
    profiles = [r.strategies[0].profile for r in found]
    assert profiles[0] is not None
    assert profiles[0] == profiles[1]
    completed = found[0].folder.read_manifest().completion
    assert completed is not None
    assert Profile.from_dict(completed.results[0]["profile"]) == profiles[0]
    return two


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An eighth of the coarse grid: every second value of the map's axes and of one more."""
    grid = wfo.Grid.load("coarse", "atr_d_l")
    axes = (*(grid.strategy.map_axes or ()), "atr_period")
    values = {name: v[::2] if name in axes else v for name, v in grid.values.items()}
    path = tmp_path_factory.mktemp("grid") / "sparse.yaml"
    path.write_text("".join(f"{name}: {list(axis)}\n" for name, axis in values.items()))
    return path


@pytest.fixture(scope="module")
def total(sparse: Path) -> int:
    """Its combinations."""
    return len(wfo.Grid.load(sparse, "atr_d_l"))


@pytest.fixture(scope="module")
def cut(
    sparse: Path, total: int, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunReport, RunReport]:
    """Both stores of it, an eighth kept and a few candidates; for reading only."""
    return both("atr_d_l", str(sparse), tmp_path_factory.mktemp("cut"), few(total))


@pytest.fixture
def copies(cut: tuple[RunReport, RunReport], tmp_path: Path) -> tuple[RunReport, RunReport]:
    """The same, to be scored again."""

    def copied(report: RunReport, name: str) -> RunReport:
        folder = shutil.copytree(report.folder.path, tmp_path / name)
        return dataclasses.replace(report, folder=RunFolder(folder))

    return copied(cut[0], "dense"), copied(cut[1], "survivors")


def check_the_cut(
    found: tuple[RunReport, RunReport], strategy: str, total: int, *, sure: bool = True
) -> None:
    scores = agree(found, sure=sure)
    assert len(scores.candidates) == total // 200
    records = (found[1].folder.sweep(strategy) / "survivors.npy").stat().st_size // 88
    # All of equal stability pass together.
    assert -0.1 < records / (total // 8) - 1 < 0.25
    assert records < scores.stable, "the cut matters"


def test_the_stores_come_to_the_same(cut: tuple[RunReport, RunReport], total: int) -> None:
    # Stores know no strategy, so that one will do.
    check_the_cut(cut, "atr_d_l", total)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", list(wfo.strategies()))
def test_coarse_grids_come_to_the_same(strategy: str, tmp_path: Path) -> None:
    total = len(wfo.Grid.load("coarse", strategy))
    found = both(strategy, "coarse", tmp_path, few(total))
    # Few combinations that share few profits: the bound on what the cut may have cost is coarse.
    check_the_cut(found, strategy, total, sure=strategy != "atr_d_hma_l")


@pytest.mark.slow  # what test_stages compares both stores of fits too
def test_where_all_stable_ones_fit_nothing_is_cut(sparse: Path, tmp_path: Path) -> None:
    found = both("atr_d_l", str(sparse), tmp_path)
    scores = agree(found)
    assert len(scores.candidates) == scores.stable


def test_survivors_can_be_rescored_with_more_phases_and_refuse_the_rest(
    copies: tuple[RunReport, RunReport], total: int
) -> None:
    found = copies
    dense, kept = (report.folder for report in found)
    before = outcome(found[1])
    for gates, said in (
        (Gates(wfe=0.5), "--wfe 0.5: what is valid was counted by --gates v4 and --gates strict"),
        (Gates(dd_ratio=2.0), "--dd-ratio 2"),
        (Gates(beat="return"), "--beat return"),
        (Gates(min_phases=2), "--min-phases 2: figures are kept only of .* 3 phases or more"),
    ):
        with pytest.raises(InputError, match=f"atr_d_l keeps survivors only.*{said}.*'wfo run'"):
            rescore(kept, gates=gates, options=few(total))
        assert outcome(found[1]) == before
        assert kept.read_manifest().gates == Gates()
    more = Gates(min_phases=4)
    # The cut was made for those valid in three: of a long list some are missing, which is said.
    long, short = (RunOptions(score=ScoreOptions(kept=count)) for count in (total, total // 2_000))
    some = rescore(kept, gates=more, options=long).strategies[0].scores
    missing = some.stable - len(some.candidates)
    assert missing > 0
    assert f"{missing:,} are missing" in some.warnings[-1]
    assert some.at_risk >= missing
    again = (rescore(folder, gates=more, options=short) for folder in (dense, kept))
    one, two = (report.strategies[0].scores for report in again)
    assert one.stable == two.stable < found[0].strategies[0].scores.stable
    assert two.at_risk == 0
    assert outcome(found[1]) == outcome(found[0]) != before
    # And back again: what was stored is the same.
    rescore(kept, gates=Gates(), options=few(total))
    assert outcome(found[1]) == before


def test_survivors_can_be_rescored_by_the_other_set_and_back(
    copies: tuple[RunReport, RunReport], total: int
) -> None:
    found = copies
    options = few(total)
    before = outcome(found[1])
    strict = Gates.preset("strict")
    first = found[0].strategies[0].scores
    for gates in (strict, Gates()):
        again = (rescore(r.folder, gates=gates, options=options) for r in found)
        one, two = (report.strategies[0].scores for report in again)
        assert outcome(found[0]) == outcome(found[1])
        assert (outcome(found[1]) == before) == (gates != strict)
        assert one.phase_counts == two.phase_counts
        assert two.at_risk == 0
        # What was counted of a set does not depend on whether it ruled.
        (other,) = one.others
        counted = first.others[0] if gates == strict else first
        assert (one.stable, one.valid_phases) == (counted.stable, counted.valid_phases)
        assert [c.together for c in one.phase_counts] == [c.together for c in counted.phase_counts]
        assert {gates, other.gates} == {Gates(), strict}
    said = found[1].folder.read_manifest()
    assert said.gates == Gates()
    assert said.completion is not None
    assert said.completion.results[0]["sets"]["strict"]["stable"] == first.others[0].stable


@pytest.mark.slow
def test_a_slice_of_the_full_grid_comes_to_the_same(tmp_path: Path) -> None:
    values = {
        name: list(axis) for name, axis in wfo.Grid.load("phase1_slim", "atr_d_ls").values.items()
    }
    values |= {"atr_period": [16], "bb_length": [10, 40], "vol_threshold": [0.04, 0.16]}
    path = tmp_path / "slice.yaml"
    path.write_text("".join(f"{name}: {axis}\n" for name, axis in values.items()))
    assert len(wfo.Grid.load(path, "atr_d_ls")) == 74_649_600
    found = both("atr_d_ls", str(path), tmp_path)
    scores = agree(found)
    assert len(scores.candidates) == 2_000_000
    assert scores.stable > 21_000_000, "the cut matters"
    assert isinstance(scores.candidates, pl.DataFrame)
