"""Both stores of a sweep give the same candidates, plateaus and ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import wfo
from wfo.data import sample_store
from wfo.errors import InputError
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.selection import scoring
from wfo.selection.scoring import Gates
from wfo.sweeps import survivors

#: Grids of strategies with both sides are twenty times as large.
STRATEGIES = [
    pytest.param(name, marks=pytest.mark.slow if strategy.shorts else ())
    for name, strategy in wfo.strategies().items()
]


def both(
    strategy: str, grid: str, tmp_path: Path, kept: int, candidates: int, patch: pytest.MonkeyPatch
) -> tuple[RunReport, RunReport]:
    """Run a grid with either store; survivors keep about `kept`, of which `candidates` are best."""
    patch.setattr(survivors, "KEPT", kept)
    patch.setattr(scoring, "KEPT", candidates)
    second = "SP500" if "duals" in strategy else None

    def of(store: str) -> RunReport:
        out = tmp_path / store
        plan = RunPlan(
            "NASDAQ", strategy, symbol2=second, grid=grid, out=out, store=store, expand=False
        )
        return run(plan, sample_store())

    return of("dense"), of("survivors")


def outcome(report: RunReport) -> dict[str, bytes]:
    """The files that follow from the scores."""
    kinds = ("candidates_*", "plateaus_*", "phase5_*")
    folder = report.folder.path
    return {p.name: p.read_bytes() for kind in kinds for p in sorted(folder.glob(kind))}


def agree(found: tuple[RunReport, RunReport], *, sure: bool = True) -> Any:
    """Check that two runs found the same, and knew it if that is `sure`; return the scores."""
    dense, kept = found
    assert outcome(kept) == outcome(dense)
    assert len(outcome(dense)) >= 4
    one, two = (r.strategies[0].scores for r in found)
    assert one.phase_counts == two.phase_counts
    assert one.valid_phases == two.valid_phases
    assert one.stable == two.stable
    assert (one.cells.stable == two.cells.stable).all()
    assert two.at_risk == 0 or not sure
    return two


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_coarse_grids_come_to_the_same(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = len(wfo.Grid.load("coarse", strategy))
    found = both(strategy, "coarse", tmp_path, total // 8, total // 200, monkeypatch)
    # Few combinations that share few profits: the bound on what the cut may have cost is coarse.
    scores = agree(found, sure=strategy != "atr_d_hma_l")
    assert len(scores.candidates) == total // 200
    records = (found[1].folder.sweep(strategy) / "survivors.npy").stat().st_size // 88
    # All of equal stability pass together.
    assert -0.1 < records / (total // 8) - 1 < 0.25
    assert records < scores.stable, "the cut matters"


def test_where_all_stable_ones_fit_nothing_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = both("atr_d_l", "coarse", tmp_path, survivors.KEPT, scoring.KEPT, monkeypatch)
    scores = agree(found)
    assert len(scores.candidates) == scores.stable


def test_survivors_can_be_rescored_with_more_phases_and_refuse_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = len(wfo.Grid.load("coarse", "atr_d_l"))
    found = both("atr_d_l", "coarse", tmp_path, total // 8, total // 200, monkeypatch)
    dense, kept = (report.folder for report in found)
    before = outcome(found[1])
    for gates, said in (
        (Gates(wfe=0.5), "--wfe 0.5: who is valid was counted with 0.35"),
        (Gates(dd_ratio=2.0), "--dd-ratio 2"),
        (Gates(min_phases=2), "--min-phases 2: figures are kept only of .* 3 phases or more"),
    ):
        with pytest.raises(InputError, match=f"atr_d_l keeps survivors only.*{said}.*'wfo run'"):
            rescore(kept, gates=gates)
        assert outcome(found[1]) == before
        assert kept.read_manifest().gates == Gates()
    more = Gates(min_phases=4)
    # The cut was made for those valid in three: of a long list some are missing, which is said.
    some = rescore(kept, gates=more).strategies[0].scores
    missing = min(total // 200, some.stable) - len(some.candidates)
    assert missing > 0
    assert f"{missing} are missing" in some.warnings[-1]
    assert some.at_risk >= missing
    monkeypatch.setattr(scoring, "KEPT", 50)
    one, two = (rescore(folder, gates=more).strategies[0].scores for folder in (dense, kept))
    assert one.stable == two.stable < found[0].strategies[0].scores.stable
    assert two.at_risk == 0
    assert outcome(found[1]) == outcome(found[0]) != before
    # And back again: what was stored is the same.
    monkeypatch.setattr(scoring, "KEPT", total // 200)
    rescore(kept, gates=Gates())
    assert outcome(found[1]) == before


@pytest.mark.slow
def test_a_slice_of_the_full_grid_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        name: list(axis) for name, axis in wfo.Grid.load("phase1_slim", "atr_d_ls").values.items()
    }
    values |= {"atr_period": [16], "bb_length": [10, 40], "vol_threshold": [0.04, 0.16]}
    path = tmp_path / "slice.yaml"
    path.write_text("".join(f"{name}: {axis}\n" for name, axis in values.items()))
    assert len(wfo.Grid.load(path, "atr_d_ls")) == 74_649_600
    found = both("atr_d_ls", str(path), tmp_path, survivors.KEPT, scoring.KEPT, monkeypatch)
    scores = agree(found)
    assert len(scores.candidates) == 2_000_000
    assert scores.stable > 21_000_000, "the cut matters"
    assert isinstance(scores.candidates, pl.DataFrame)
