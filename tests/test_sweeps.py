"""What a sweep leaves on disk: filled in any pieces, stopped anywhere, damaged anywhere."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wfo
from wfo import _core
from wfo.backtest import Figures
from wfo.backtest.benchmark import Benchmark, Held
from wfo.errors import InputError, ResultsError
from wfo.sampling import sample_indices
from wfo.selection.gates import PRESETS, Gates, gate_sets
from wfo.selection.options import ScoreOptions
from wfo.selection.scoring import score_statistics
from wfo.sweeps import Block, DenseStore, StoreOptions, SurvivorStore, SweepStore
from wfo.sweeps.journal import Journal

#: Blocks and states so small that some hundred combinations have several.
SMALL = StoreOptions(block=64, checksum_rows=16, state_seconds=0, state_share=0)

PHASES = 2
GATES = Gates()

#: Buy-and-hold that about half of the figures below exceed by risk.
WHOLE = Held(4000.0, 3000.0, 1500.0, 1000.0, 0.1, 0.1)
BENCHMARKS = [Benchmark(100_000.0, 750, 500, 252.0, WHOLE, WHOLE)] * PHASES


def grid_of(cells: int) -> wfo.Grid:
    """A grid of 2 x 3 map cells and some more combinations in each."""
    values = {name: [axis[0]] for name, axis in wfo.Grid.load("smoke", "atr_d_l").values.items()}
    values |= {"atr_multiplier": [2.0, 3.0], "atr_buy_multiplier": [1.0, 2.0, 3.0]}
    values["bb_deviation"] = [0.5 + 0.01 * i for i in range(cells)]
    return wfo.Grid(values, strategy="atr_d_l")


def figures_of(grid: wfo.Grid, seed: int = 0, phases: int = PHASES) -> list[Figures]:
    """Plausible figures, with ties, losses and trades up to the largest that is stored."""
    rng = np.random.default_rng(seed)
    count = len(grid)
    found = []
    for _ in range(phases):
        profit = np.exp(rng.normal(8, 1, count)).astype(np.float32)
        later = (profit * np.exp(rng.normal(-0.2, 0.6, count))).astype(np.float32)
        later[rng.random(count) < 0.2] *= -1
        later[rng.random(count) < 0.1] = 1000.0
        drawdowns = [(np.abs(profit) * rng.uniform(0.1, 0.6, count)).astype("f4") for _ in "ab"]
        trades = [rng.integers(0, 1 << 16, count).astype(np.uint16) for _ in "ab"]
        found.append(Figures(profit, later, *drawdowns, *trades))
    return found


def piece(figures: Sequence[Figures], start: int, stop: int) -> Block:
    return [Figures(*(np.ascontiguousarray(c[start:stop]) for c in f)) for f in figures]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


Make = Callable[..., SweepStore]


def make_dense(folder: Path, grid: wfo.Grid, key: str = "key", gates: Gates = GATES) -> SweepStore:
    return DenseStore(folder, grid, PHASES, gates, key, 2, benchmarks=BENCHMARKS, options=SMALL)


def make_survivors(
    folder: Path,
    grid: wfo.Grid,
    key: str = "key",
    gates: Gates = GATES,
    figures: Sequence[Figures] | None = None,
    **options: int,
) -> SweepStore:
    found = figures_of(grid) if figures is None else figures
    return SurvivorStore(
        folder,
        grid,
        PHASES,
        gates,
        key,
        2,
        benchmarks=BENCHMARKS,
        min_phases=PHASES,
        sample=lambda indices: [Figures(*(c[indices] for c in f)) for f in found],
        options=dataclasses.replace(SMALL, **options),
    )


BOTH = pytest.mark.parametrize("make", [make_dense, make_survivors])


def fill(store: SweepStore, figures: Sequence[Figures], size: int, stop: int | None = None) -> bool:
    """Sweep what is missing in pieces of `size`; stop as a kill does before combination `stop`."""
    try:
        store.check(lambda _: None)
        for first, end in store.open():
            for start in range(first, end, size):
                if stop is not None and start >= stop:
                    return False
                store.append(start, piece(figures, start, min(start + size, end)))
        store.finish()
    finally:
        store.close()
    return True


# Filling


@BOTH
@pytest.mark.parametrize("size", [1, 17, 64, 100, 1000])
def test_pieces_change_no_byte(size: int, make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    assert fill(make(tmp_path / "one", grid), figures, 240)
    assert fill(make(tmp_path / "other", grid), figures, size)
    assert contents(tmp_path / "other") == contents(tmp_path / "one")
    assert not list(tmp_path.rglob("*.part"))


def test_dense_files_are_the_figures(tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    store = make_dense(tmp_path, grid)
    fill(store, figures, 50)
    for k, phase in enumerate(figures, 1):
        for name, column in phase._asdict().items():
            found = np.load(tmp_path / f"phase{k}/{name}.npy")
            assert found.dtype == column.dtype
            np.testing.assert_array_equal(found, column)
    for found, expected in zip(store.read(70, 133), figures, strict=True):  # type: ignore[attr-defined]
        np.testing.assert_array_equal(found.oos_pnl, expected.oos_pnl[70:133])


def test_survivors_are_all_that_are_valid_in_two_phases_where_all_fit(tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    fill(make_survivors(tmp_path, grid), figures, 50)
    found = np.load(tmp_path / "survivors.npy")
    valid = np.flatnonzero(np.all([valid_by_hand(f) for f in figures], axis=0))
    assert 20 < len(valid) < 200
    np.testing.assert_array_equal(found["index"], valid)
    np.testing.assert_array_equal(found["P2_OOS_PnL"], figures[1].oos_pnl[valid])
    np.testing.assert_array_equal(found["P1_IS_Trades"], figures[0].is_trades[valid])


def valid_by_hand(phase: Figures) -> Any:
    is_pnl, oos_pnl, is_dd, oos_dd = (np.float64(c) for c in phase[:4])
    earns = (is_pnl > 0) & (oos_pnl > 0) & (oos_pnl / is_pnl > 0.35)
    return earns & (oos_dd < oos_pnl) & (oos_dd < 3 * is_dd)


@BOTH
def test_statistics_count_every_combination_once(make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    first = make(tmp_path, grid)
    fill(first, figures, 50)
    checked, verified = make(tmp_path, grid), make(tmp_path, grid)
    checked.check(lambda _: None)
    assert checked.open() == []
    counted: list[int] = []
    verified.verify(counted.append)
    assert sum(counted) == len(grid)
    for gates in gate_sets(GATES):
        alone = _core.GridStatistics(PHASES, gates.core(BENCHMARKS), grid.map_axes, 1)
        alone.add(0, figures)
        for store in (first, checked, verified):
            assert store.counted[gates].to_bytes() == alone.to_bytes()
    for store in (first, checked, verified):
        assert list(store.counted) == list(gate_sets(GATES))
        assert store.ruling is store.counted[GATES]


# Stopping


@BOTH
@pytest.mark.parametrize("stop", [0, 1, 63, 64, 65, 128, 200, 239, 240])
def test_whoever_stops_goes_on(stop: int, make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    fill(make(tmp_path / "whole", grid), figures, 240)
    assert not fill(make(tmp_path / "cut", grid), figures, 1, stop) or stop == 240
    store = make(tmp_path / "cut", grid)
    store.check(lambda _: None)
    spans = store.open()
    store.close()
    swept = sum(end - start for start, end in spans)
    assert swept <= len(grid) - stop + (63 if make is make_dense else 1)
    fill(make(tmp_path / "cut", grid), figures, 7)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@BOTH
def test_what_is_unfinished_is_not_taken_for_complete(make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    fill(make(tmp_path, grid), figures_of(grid), 10, stop=150)
    assert not list(tmp_path.rglob("*.npy"))
    with pytest.raises(ResultsError, match=r"there is no .*npy|did not finish"):
        make(tmp_path, grid).verify(lambda _: None)


@BOTH
@pytest.mark.parametrize("stop", [None, 150])
def test_another_key_believes_nothing(stop: int | None, make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    other = figures_of(grid, seed=1)
    fill(make(tmp_path / "a", grid, "other"), other, 10, stop)
    fill(make(tmp_path / "a", grid, "key"), figures_of(grid), 30)
    fill(make(tmp_path / "b", grid, "key"), figures_of(grid), 30)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@BOTH
def test_too_few_combinations_do_not_finish(make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    store = make(tmp_path, grid)
    store.check(lambda _: None)
    store.open()
    store.append(0, piece(figures_of(grid), 0, 100))
    with pytest.raises(ResultsError, match="only"):
        store.finish()
    store.close()
    assert not list(tmp_path.rglob("*.npy"))


# Damage


@BOTH
def test_any_single_byte_that_changes_is_found_and_mended(make: Make, tmp_path: Path) -> None:
    grid = grid_of(14)
    figures = figures_of(grid)
    fill(make(tmp_path, grid), figures, 30)
    whole = contents(tmp_path)
    flips = 0
    kinds = set()
    for name, data in whole.items():
        # All of a journal or a state, and of the header of one file of figures; every thirteenth
        # of the rest.
        kind = Path(name).suffix or name
        head = 0 if kind in kinds else min(len(data), 256)
        kinds.add(kind)
        for at in itertools.chain(range(head), range(head, len(data), 13)):
            damaged = bytearray(data)
            damaged[at] ^= 1 << at % 8
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(ResultsError):
                make(tmp_path, grid).verify(lambda _: None)
            flips += 1
            if flips % 50 == 1:
                fill(make(tmp_path, grid), figures, 30)
                assert contents(tmp_path) == whole
            (tmp_path / name).write_bytes(data)
    assert flips > 500


@BOTH
@pytest.mark.parametrize("change", ["gone", "empty", "short", "long"])
def test_files_of_another_length_are_found_and_mended(
    change: str, make: Make, tmp_path: Path
) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    fill(make(tmp_path, grid), figures, 30)
    whole = contents(tmp_path)
    for name, data in whole.items():
        path = tmp_path / name
        if change == "gone":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "short": data[:-1], "long": data + b"\0"}[change])
        with pytest.raises(ResultsError):
            make(tmp_path, grid).verify(lambda _: None)
        fill(make(tmp_path, grid), figures, 30)
        assert contents(tmp_path) == whole


def test_only_damaged_blocks_are_computed_again(tmp_path: Path) -> None:
    grid = grid_of(100)
    figures = figures_of(grid)
    fill(make_dense(tmp_path, grid), figures, 30)
    for name, index in (("phase1/is_pnl", 70), ("phase2/oos_trades", 130), ("phase2/is_dd", 599)):
        path = tmp_path / f"{name}.npy"
        values = np.load(path)
        values[index] += 1
        np.save(path, values)
    store = make_dense(tmp_path, grid)
    store.check(lambda _: None)
    assert store.open() == [(64, 192), (576, 600)]
    store.close()


def test_journal_believes_whole_lines_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "of a sweep")
    assert journal.read() == {}
    blocks = {3: (1, 2**32 - 1), 1: (0, 7)}
    journal.write(blocks)
    assert journal.read() == blocks
    assert journal.is_exactly(blocks)
    with journal:
        journal.add(2, (5, 6))
    assert journal.read() == blocks | {2: (5, 6)}
    text = journal.path.read_text()
    for end in range(len(text)):
        journal.path.write_text(text[:end])
        assert journal.read().items() <= (blocks | {2: (5, 6)}).items()
    assert Journal(journal.path, "of another").read() == {}


# Candidates


def candidates(store: SweepStore, gates: Gates = GATES) -> Any:
    return score_statistics(
        store.grid,
        store.counted,
        lambda selection: store.select(selection, lambda _: None),
        annual_factors=[None] * PHASES,
        gates=gates,
        min_phases=PHASES,
        options=ScoreOptions(kept=60),
        lost_below=store.lost_below,
        outcomes=store.counted_outcomes,
    )


def counted_by_hand(figures: Sequence[Figures], least: int) -> int:
    """How many different outcomes those are that are valid in `least` phases by v4."""
    often = np.sum([valid_by_hand(f) for f in figures], axis=0)
    rows = [np.stack([np.float64(c) for c in f]) for f in figures]
    return len(np.unique(np.concatenate(rows)[:, often >= least], axis=1).T)


def test_outcomes_of_all_stable_ones_are_counted_while_sweeping(tmp_path: Path) -> None:
    few = {"kept": 80, "sample": 500}
    grid = grid_of(200)
    # About one in three has the figures of another.
    same = np.random.default_rng(3).integers(len(grid), size=len(grid))
    figures = [Figures(*(c[same] for c in f)) for f in figures_of(grid)]
    full = make_dense(tmp_path / "dense", grid)
    one, two = (make_survivors(tmp_path / n, grid, figures=figures, **few) for n in ("one", "two"))
    fill(full, figures, 100)
    fill(one, figures, 100)
    assert not fill(two, figures, 7, stop=600)
    two = make_survivors(tmp_path / "two", grid, figures=figures, **few)
    fill(two, figures, 1000)
    read = make_survivors(tmp_path / "two", grid, figures=figures, **few)
    read.verify(lambda _: None)
    wanted = counted_by_hand(figures, PHASES)
    expected = candidates(full)
    assert full.counted_outcomes(GATES, PHASES) is None
    assert wanted < expected.stable
    for store in (one, two, read):
        assert len(np.load(store.folder / "survivors.npy")) < expected.stable, "the cut matters"
        found = candidates(store).outcomes
        assert found is not None
        assert (found.total, found.error, found.label) == (wanted, 0.0, "exact")
        assert found.total == expected.outcomes.total
        for gates in store.sets:
            dense = candidates(make_dense_of(full, gates), gates)
            counted = store.counted_outcomes(gates, dense.min_phases)
            assert counted == (dense.outcomes.total, 0.0)
        # Of one that is valid less often nothing is known.
        assert store.counted_outcomes(GATES, PHASES - 1) is None
        assert store.counted_outcomes(GATES, PHASES + 1) is None


def make_dense_of(store: SweepStore, gates: Gates) -> SweepStore:
    """The same figures, counted by other gates that rule."""
    other = make_dense(store.folder, store.grid, gates=gates)
    other.verify(lambda _: None)
    return other


def test_survivors_count_outcomes_of_as_few_phases_as_are_asked_for(tmp_path: Path) -> None:
    grid = grid_of(100)
    figures = figures_of(grid)
    store = SurvivorStore(
        tmp_path,
        grid,
        PHASES,
        GATES,
        "key",
        2,
        benchmarks=BENCHMARKS,
        min_phases=1,
        options=SMALL,
    )
    fill(store, figures, 100)
    for least in (1, 2):
        assert store.counted_outcomes(GATES, least) == (counted_by_hand(figures, least), 0.0)


@pytest.mark.parametrize("kept", [10_000, 400, 200, 80])
@pytest.mark.parametrize("seed", range(4))
def test_survivors_give_the_candidates_of_all_figures_or_say_what_is_at_risk(
    seed: int, kept: int, tmp_path: Path
) -> None:
    grid = grid_of(1000)
    figures = figures_of(grid, seed)
    full, cut = (
        make_dense(tmp_path / "a", grid),
        make_survivors(tmp_path / "b", grid, figures=figures, kept=kept, sample=5000),
    )
    fill(full, figures, 500)
    fill(cut, figures, 500)
    expected, found = candidates(full), candidates(cut)
    assert expected.at_risk == 0
    assert found.stable == expected.stable > 400
    np.testing.assert_array_equal(found.cells.stable, expected.cells.stable)
    assert found.phase_counts == expected.phase_counts
    limit = cut.lost_below(cut.ruling.ranking(), PHASES)
    rows = len(np.load(tmp_path / "b/survivors.npy"))
    if kept == 10_000:
        assert limit == -math.inf
    else:
        assert 0.5 * kept < rows < 2 * kept
    lost = expected.candidates.join(found.candidates, on=list(grid.values), how="anti")
    assert (lost["Stability_Score"] <= limit).all()
    if found.at_risk == 0:
        assert found.candidates.equals(expected.candidates)
        assert not found.warnings
    else:
        doubtful = (found.candidates["Stability_Score"] <= limit).sum()
        assert found.at_risk == doubtful + 60 - len(found.candidates)
        assert f"up to {doubtful}, " in found.warnings[0]
        assert len(found.warnings) == 1 + (len(found.candidates) < 60)
    assert (found.at_risk == 0) == (kept >= 200), "both ends are looked at"


def test_survivors_refuse_gates_that_were_applied_while_sweeping(tmp_path: Path) -> None:
    store = make_survivors(tmp_path, grid_of(40))
    fill(store, figures_of(store.grid), 100)
    assert store.refuses(GATES, 2) is None
    assert store.refuses(GATES, 1) is not None
    assert "--min-phases 1" in str(store.refuses(GATES, 1))
    assert store.refuses(Gates.preset("strict"), 2) is None
    assert "--gates v4 and --gates strict" in str(store.refuses(Gates(wfe=0.5), 2))
    for gates, said in (
        (Gates(wfe=0.5), "--wfe 0.5: "),
        (Gates(dd_ratio=2.0), "--dd-ratio 2.0: "),
        (Gates(min_trades=5), "--min-trades 5: "),
        (Gates(beat="return", min_phases=2), "--beat return: "),
    ):
        assert str(store.refuses(gates, 2)).startswith(said)


def test_survivors_of_an_own_set_know_three(tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    own = Gates(wfe=0.5, min_trades=20_000, beat="return")
    fill(make_survivors(tmp_path, grid, gates=own), figures, 100)
    for ruling in (own, *PRESETS.values()):
        store = make_survivors(tmp_path, grid, gates=ruling)
        store.verify(lambda _: None)
        assert list(store.counted) == [*PRESETS.values(), own]
        assert store.refuses(ruling, 2) is None
        assert "--wfe 0.5 --min-trades 20000 --beat return while" in str(
            store.refuses(Gates(wfe=0.6), 2)
        )
        all_figures = make_dense(tmp_path / "dense", grid, gates=ruling)
        fill(all_figures, figures, 100)
        expected, found = candidates(all_figures, ruling), candidates(store, ruling)
        assert found.candidates.equals(expected.candidates)
        assert found.phase_counts == expected.phase_counts
        assert [c.gates for c in found.others] == [g for g in store.sets if g != ruling]
        counted = [(c.gates, c.valid_phases, c.stable, c.phase_counts) for c in found.others]
        for c in expected.others:
            assert (c.gates, c.valid_phases, c.stable, c.phase_counts) in counted


def test_survivors_go_on_by_the_sets_that_they_began_with_and_no_others(tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    fill(make_survivors(tmp_path, grid), figures, 10, stop=150)
    # Whichever of the two rules.
    assert make_survivors(tmp_path, grid, gates=PRESETS["strict"]).is_mine()
    other = make_survivors(tmp_path, grid, gates=Gates(min_trades=2))
    assert not other.is_mine()
    other.check(lambda _: None)
    assert other.open() == [(0, 240)]
    other.close()


def test_a_state_beside_another_buy_and_hold_is_not_believed(tmp_path: Path) -> None:
    grid = grid_of(40)
    store = make_survivors(tmp_path, grid)
    fill(store, figures_of(grid), 100)
    later = make_survivors(tmp_path, grid)
    later.benchmarks = (dataclasses.replace(BENCHMARKS[0], capital=1.0), BENCHMARKS[1])
    with pytest.raises(ResultsError, match="beside another buy-and-hold; 'wfo run' sweeps again"):
        later.verify(lambda _: None)


def test_a_state_of_an_earlier_version_says_so(tmp_path: Path) -> None:
    grid = grid_of(40)
    fill(make_survivors(tmp_path, grid), figures_of(grid), 100)
    data = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(data.replace(b"survivors 2", b"survivors 1"))
    with pytest.raises(ResultsError, match="state was written by an earlier version; run again"):
        make_survivors(tmp_path, grid).verify(lambda _: None)


def test_survivors_keep_what_relaxing_may_need(tmp_path: Path) -> None:
    options = dataclasses.replace(SMALL, kept=60, enough_stable=10)
    grid = grid_of(100)
    for last, classes in ((2, [4, 3, 2]), (3, [4, 3]), (4, [4])):
        # All are valid in as many phases, and in no more.
        figures = figures_of(grid, phases=4)
        for k, phase in enumerate(figures):
            phase.oos_pnl[:] = np.abs(phase.is_pnl) * (1 if k < last else -1)
            phase.oos_dd[:] = 0.1
        folder = tmp_path / str(last)
        sweep = SurvivorStore(
            folder,
            grid,
            4,
            GATES,
            "key",
            2,
            benchmarks=BENCHMARKS * 2,
            min_phases=4,
            sample=lambda indices, f=figures: [Figures(*(c[indices] for c in p)) for p in f],
            options=options,
        )
        fill(sweep, figures, 100)
        # A class for each threshold down to the one that enough of the sample reach.
        for least in (4, 3, 2):
            assert (sweep.refuses(GATES, least) is None) == (least in classes)
        scores = score_statistics(
            grid,
            sweep.counted,
            lambda selection, s=sweep: s.select(selection, lambda _: None),
            annual_factors=[None] * 4,
            min_phases=4,
            options=ScoreOptions(kept=20),
            lost_below=sweep.lost_below,
        )
        assert scores.min_phases == last
        assert len(scores.candidates) == 20


def test_sample_is_spread_over_the_grid_and_always_the_same() -> None:
    found = sample_indices(10**12, 1 << 16)
    assert found.dtype == np.int64
    # One in each of equal stretches, anywhere in it.
    np.testing.assert_array_equal(found * (1 << 16) // 10**12, np.arange(1 << 16))
    within = found / 10**12 * (1 << 16) % 1
    assert abs(within.mean() - 0.5) < 0.01
    assert abs(within.var() - 1 / 12) < 0.002
    assert sample_indices(100, 1000).max() <= 99
    # SplitMix64 from seed 0, as its authors' program prints it: e220a8397b1dcdaf first.
    assert found[0] == int((0xE220A8397B1DCDAF >> 11) / 2**53 * (10**12 / (1 << 16)))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("block", 0, "1 or more"),
        ("kept", 2.5, "a whole number"),
        ("sample", True, "a whole number"),
        ("enough_stable", -3, "1 or more"),
        ("checksum_rows", "16", "a whole number"),
        ("state_seconds", -0.5, "0 or more"),
        ("state_share", math.nan, "0 or more"),
        ("state_share", math.inf, "a number"),
    ],
)
def test_options_out_of_range_are_named(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(InputError, match=f"^{name} = {re.escape(repr(value))} must be.*{allowed}"):
        StoreOptions(**{name: value})


@BOTH
def test_a_sweep_of_other_sizes_begins_anew(make: Make, tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    fill(make(tmp_path, grid), figures, 10, stop=150)
    other = make(tmp_path, grid)
    other.options = StoreOptions(block=32, kept=77)
    other.check(lambda _: None)
    assert other.open() == [(0, 240)]
    other.close()
