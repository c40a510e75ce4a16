"""The compiled scoring classes against the written definition, one combination at a time."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

import wfo
from wfo import _core
from wfo.backtest import read_feeds

WFE, DD_RATIO = 0.35, 3.0
GATES = _core.Gates(WFE, DD_RATIO)
AXES = [(12, 5, np.arange(5, dtype=np.uint32)), (3, 4, np.arange(4, dtype=np.uint32))]
#: Six stored columns.
Phase = Any


def figures(n: int, phases: int, seed: int) -> list[Phase]:
    """Stored figures with ties, thresholds met exactly, losses, NaN and full counters."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(phases):
        is_pnl = rng.choice([-50.0, 0.0, 100.0, 100.0, 100.0, 130.5], n)
        oos_pnl = np.where(
            rng.random(n) < 0.5,
            rng.choice([-5.0, 35.0, 36.0, 40.0, 70.0, np.nan], n),
            rng.lognormal(4.0, 0.3, n),
        )
        is_dd = rng.choice([0.0, 10.0, 20.0], n, p=[0.1, 0.5, 0.4])
        oos_dd = rng.choice([1.0, 29.0, 30.0, 36.0, np.nan], n, p=[0.6, 0.1, 0.1, 0.1, 0.1])
        trades = rng.choice([0, 7, 300, 65_535], (2, n))
        money = (v.astype(np.float32) for v in (is_pnl, oos_pnl, is_dd, oos_dd))
        out.append((*money, *(t.astype(np.uint16) for t in trades)))
    return out


def passed(phase: Phase, i: int) -> list[bool]:
    is_pnl, oos_pnl, is_dd, oos_dd = (float(column[i]) for column in phase[:4])
    return [
        is_pnl > 0 and oos_pnl > 0,
        is_pnl > 0 and oos_pnl / is_pnl > WFE,
        oos_dd < oos_pnl,
        oos_dd < DD_RATIO * is_dd,
        # Those that ask for trades and for more than buy-and-hold are off.
        True,
        True,
    ]


def validity(phases: Sequence[Phase]) -> list[list[bool]]:
    """Whether combination i is valid in phase k, ``[k][i]``."""
    return [[all(passed(p, i)) for i in range(len(p[0]))] for p in phases]


def ranks(phases: Sequence[Phase]) -> list[list[float]]:
    """``100 * average rank / count`` among the valid ones, NaN for the others."""
    out = []
    for phase, valid in zip(phases, validity(phases), strict=True):
        profits = [float(v) for v, ok in zip(phase[1], valid, strict=True) if ok]
        row = []
        for value, ok in zip(phase[1], valid, strict=True):
            below, ties = sum(p < value for p in profits), profits.count(float(value))
            row.append(100 * (below + (ties + 1) / 2) / len(profits) if ok else math.nan)
        out.append(row)
    return out


def stability(found: Sequence[float]) -> float:
    mine = [r for r in found if not math.isnan(r)]
    if not mine:
        return math.nan
    mean = sum(mine) / len(mine)
    deviation = math.sqrt(sum((r - mean) ** 2 for r in mine) / len(mine))
    return mean * (1 + 0.1 * (len(mine) - 1)) * (1 / (1 + deviation / 20))


def part(phases: Sequence[Phase], start: int, stop: int) -> list[Phase]:
    return [tuple(column[start:stop] for column in phase) for phase in phases]


def statistics_of(
    phases: Sequence[Phase], cuts: Sequence[int] = (), *, first: int = 0, threads: int = 2
) -> _core.GridStatistics:
    n = len(phases[0][0])
    statistics = _core.GridStatistics(len(phases), GATES, AXES, threads)
    ends = [0, *cuts, n]
    for start, stop in reversed(list(itertools.pairwise(ends))):
        statistics.add(first + start, part(phases, start, stop))
    return statistics


def test_grid_statistics_count_what_the_definition_says() -> None:
    n, first = 700, 1_000
    phases = figures(n, 3, seed=1)
    statistics = statistics_of(phases, [13, 400], first=first)
    assert len(statistics) == n
    for k, phase in enumerate(phases):
        rows = [passed(phase, i) for i in range(n)]
        assert statistics.alone[k] == [sum(r[g] for r in rows) for g in range(6)]
        assert statistics.together[k] == [sum(all(r[: g + 1]) for r in rows) for g in range(6)]
    times = np.sum(validity(phases), axis=0)
    assert statistics.valid_phases == np.bincount(times, minlength=4).tolist()
    cells = np.zeros((5, 4, 4), np.uint64)
    for i, t in enumerate(times):
        cells[(first + i) // 12 % 5, (first + i) // 3 % 4, t] += 1
    assert statistics.cells.dtype == np.uint64
    assert np.array_equal(statistics.cells, cells)
    sample = _core.GridStatistics(3, GATES, AXES, 1)
    sample.add(None, phases)
    assert sample.cells.sum() == 0
    assert sample.valid_phases == statistics.valid_phases


def test_grid_statistics_and_their_bytes_depend_on_what_is_counted_alone() -> None:
    phases = figures(500, 4, seed=2)
    whole = statistics_of(phases, threads=1)
    cut = statistics_of(phases, [1, 2, 77, 300], threads=2)
    merged = _core.GridStatistics(4, GATES, AXES, 2)
    for start, stop in ((200, 500), (0, 200)):
        other = _core.GridStatistics(4, GATES, AXES, 1)
        other.add(start, part(phases, start, stop))
        merged.merge(_core.GridStatistics.from_bytes(other.to_bytes(), 1))
    data = whole.to_bytes()
    assert cut.to_bytes() == merged.to_bytes() == data
    again = _core.GridStatistics.from_bytes(data, 2)
    assert again.to_bytes() == data
    assert np.array_equal(again.cells, whole.cells)
    assert statistics_of(figures(500, 4, seed=3)).to_bytes() != data
    with pytest.raises(wfo.InputError, match="differ in their gates"):
        whole.merge(_core.GridStatistics(4, _core.Gates(0.3, DD_RATIO), AXES, 1))


def test_sets_of_gates_are_counted_together_as_alone() -> None:
    phases = figures(500, 2, seed=14)
    sets = [
        GATES,
        _core.Gates(WFE, DD_RATIO, 8, "risk", 1.0, [2.0, 1.5]),
        _core.Gates(0.5, 2.0, 0, "return", 100.0, [0.2, 0.3]),
    ]
    by_set = [_core.GridStatistics(2, gates, AXES, 2) for gates in sets]
    for start, stop in ((200, 500), (0, 200)):
        _core.GridStatistics.add_to_all(by_set, start, part(phases, start, stop))
    for gates, statistics in zip(sets, by_set, strict=True):
        alone = _core.GridStatistics(2, gates, AXES, 1)
        alone.add(0, phases)
        assert statistics.to_bytes() == alone.to_bytes()
        assert statistics.gates == gates
        assert _core.GridStatistics.from_bytes(statistics.to_bytes(), 1).gates == gates
    by_hand = [0, 0]
    for k, floor in enumerate((2.0, 1.5)):
        oos_pnl, oos_dd, trades = phases[k][1], phases[k][3], phases[k][5]
        for i in range(500):
            others = passed(phases[k], i)
            risk = float(oos_pnl[i]) / float(oos_dd[i])
            by_hand[k] += all(others) and trades[i] >= 8 and risk > floor
    assert [together[-1] for together in by_set[1].together] == by_hand
    assert min(by_hand) > 0
    with pytest.raises((RuntimeError, TypeError)):
        _core.GridStatistics.add_to_all([by_set[0], by_set[0]], 0, phases)


def test_gates_that_cannot_be_are_refused() -> None:
    with pytest.raises(wfo.InputError, match="min_trades = 65536"):
        _core.Gates(WFE, DD_RATIO, 65_536)
    with pytest.raises(wfo.InputError, match="measure"):
        _core.Gates(WFE, DD_RATIO, 0, "luck")
    for capital, floors in ((1.0, [1.0]), (0.0, [1.0, 1.0]), (math.nan, [1.0, 1.0])):
        with pytest.raises(wfo.InputError, match=r"floors = 1|capital"):
            _core.GridStatistics(2, _core.Gates(WFE, DD_RATIO, 0, "risk", capital, floors), AXES, 1)
    one, other = (_core.Gates(WFE, DD_RATIO, 0, "risk", 1.0, [f]) for f in (1.0, 2.0))
    assert one != other
    assert one == _core.Gates(WFE, DD_RATIO, 0, "risk", 1.0, [1.0])


def test_damaged_bytes_are_refused() -> None:
    data = statistics_of(figures(300, 2, seed=4)).to_bytes()
    rng = np.random.default_rng(5)
    for cut in range(len(data)):
        with pytest.raises(wfo.InputError, match="these bytes are no grid statistics"):
            _core.GridStatistics.from_bytes(data[:cut], 1)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        with pytest.raises(wfo.InputError, match="these bytes are no grid statistics"):
            _core.GridStatistics.from_bytes(bytes(damaged), 1)
        with pytest.raises(wfo.InputError, match="these bytes are no grid statistics"):
            _core.GridStatistics.from_bytes(data[:9] + rng.bytes(60), 1)
    with pytest.raises(wfo.InputError, match="these bytes are no grid statistics"):
        _core.GridStatistics.from_bytes(data + b"\0", 1)
    for version in (b"\1", b"\2"):
        with pytest.raises(wfo.InputError, match="were written by an earlier version; run again"):
            _core.GridStatistics.from_bytes(data[:8] + version + data[9:], 1)


def test_ranks_are_percentiles_of_the_valid_profits() -> None:
    phases = figures(400, 3, seed=6)
    ranking = statistics_of(phases, [100]).ranking()
    assert len(ranking) == 3
    valid = validity(phases)
    assert ranking.counts == [sum(v) for v in valid]
    for k, (phase, wanted) in enumerate(zip(phases, ranks(phases), strict=True)):
        ok = np.array(valid[k])
        found = ranking.percentiles(k, phase[1][ok])
        assert found.tolist() == [r for r in wanted if not math.isnan(r)]
        for stranger in (-1.0, 0.0, math.nan, math.inf, 1e-40):
            with pytest.raises(wfo.InputError, match="cannot be ranked"):
                ranking.percentiles(k, np.array([stranger], np.float32))
    with pytest.raises(wfo.InputError, match="phase = 3"):
        ranking.percentiles(3, np.array([1.0], np.float32))


@pytest.mark.slow
def test_ranks_of_millions_are_those_of_a_sort() -> None:
    rng = np.random.default_rng(7)
    n = 3_000_000
    profit = np.round(rng.lognormal(9, 1, n), 2)
    profit[: n // 20] = profit[0]
    profit[n // 20 : n // 19] = np.nextafter(np.float32(profit[0]), np.float32(np.inf))
    profit = profit.astype(np.float32)
    one, trades = np.ones(n, np.float32), np.ones(n, np.uint16)
    block = [(one, profit, one, 0 * one, trades, trades)]
    statistics = _core.GridStatistics(1, GATES, AXES, 2)
    statistics.add(0, block)
    assert np.array_equal(statistics.ranking().percentiles(0, profit), 100 * rankdata(profit) / n)


@pytest.mark.parametrize("least", [1, 2, 3])
@pytest.mark.parametrize("kept", [0, 1, 40, 2_000_000])
@pytest.mark.parametrize("records", [False, True])
def test_a_selection_keeps_the_best(least: int, kept: int, records: bool) -> None:
    phases = figures(600, 3, seed=8)
    first = 5_000_000_000
    ranking = statistics_of(phases).ranking()
    selection = _core.Selection(ranking, GATES, least, kept, 2)
    passing = _core.SurvivorFilter([(None, GATES, [(least, math.inf)])], 2)
    for start, stop in ((300, 600), (0, 7), (7, 300)):
        block: Any = part(phases, start, stop)
        if records:
            selection.add_records(passing.apply(first + start, block))
        else:
            selection.add(first + start, block)
    wanted_ranks = ranks(phases)
    times = np.sum(validity(phases), axis=0)
    rows = [(-stability([r[i] for r in wanted_ranks]), i) for i in range(600) if times[i] >= least]
    assert selection.stable == len(rows)
    order = [i for _, i in sorted(rows)][:kept]
    found = selection.finish()
    assert (found["index"] - first).tolist() == order
    assert found["index"].dtype == np.int64
    best = [-s for s, _ in sorted(rows)][:kept]
    assert found["Stability_Score"].tolist() == pytest.approx(best, rel=1e-14)
    assert found["Phases_Valid"].tolist() == times[order].tolist()
    names = ("IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD", "IS_Trades", "OOS_Trades")
    for k, phase in enumerate(phases):
        for name, column in zip(names, phase, strict=True):
            assert np.array_equal(
                found[f"P{k + 1}_{name}"], column[order], equal_nan=name[-1] != "s"
            )
            assert found[f"P{k + 1}_{name}"].dtype == column.dtype
        rank = [wanted_ranks[k][i] for i in order]
        assert np.array_equal(found[f"P{k + 1}_OOS_Rank"], rank, equal_nan=True)


def test_provisional_ranks_are_as_far_off_as_they_say() -> None:
    phases = figures(800, 2, seed=9)
    sample = _core.GridStatistics(2, GATES, AXES, 2)
    sample.add(None, part(phases, 0, 100))
    provisional = sample.provisional_ranks()
    whole = statistics_of(phases)
    deviation = provisional.deviation(whole.ranking())
    final = ranks(phases)
    for k in range(2):
        # A block in which the other phase is not valid: stability is the rank.
        block: Any = [p if j == k else (0 * p[0], *p[1:]) for j, p in enumerate(phases)]
        found = provisional.stabilities(1, block)
        off = np.abs(found - final[k])
        assert np.array_equal(np.isnan(found), np.isnan(final[k]))
        assert np.nanmax(off) == deviation[k]
        profit = phases[k][1][~np.isnan(found)]
        assert np.all(np.diff(found[~np.isnan(found)][np.argsort(profit)]) >= 0)
        assert np.nanmin(found) > 0
        assert np.nanmax(found) < 100


def test_a_survivor_filter_passes_records_in_order() -> None:
    phases = figures(500, 3, seed=10)
    first = 1 << 40
    provisional = statistics_of(phases, [250]).provisional_ranks()
    scores = provisional.stabilities(1, phases)
    times = np.sum(validity(phases), axis=0)
    assert np.array_equal(np.isnan(scores), times < 1)
    classes = [(3, 40.0), (2, 70.0)]
    wanted = [
        i
        for i in range(500)
        if any(times[i] >= least and scores[i] >= cut for least, cut in classes)
    ]
    assert 0 < len(wanted) < np.count_nonzero(times >= 2)
    passing = _core.SurvivorFilter([(provisional, GATES, classes)], 2)
    found = b"".join(
        passing.apply(first + a, part(phases, a, b)).tobytes() for a, b in ((0, 3), (3, 500))
    )
    assert found == b"".join(
        struct.pack("<Q", first + i)
        + b"".join(struct.pack("<4f2H", *(column[i] for column in p)) for p in phases)
        for i in wanted
    )
    none = _core.SurvivorFilter([(provisional, GATES, [])], 1)
    assert len(none.apply(0, phases)) == 0


def test_what_is_not_contiguous_is_read_too() -> None:
    phases = figures(400, 2, seed=11)
    every: Any = [tuple(column[::2] for column in p) for p in phases]
    copied: Any = [tuple(np.ascontiguousarray(column) for column in p) for p in every]
    by_set = [_core.GridStatistics(2, GATES, AXES, 2) for _ in range(2)]
    for statistics, block in zip(by_set, (every, copied), strict=True):
        statistics.add(0, block)
    assert by_set[0].to_bytes() == by_set[1].to_bytes()


def test_bad_input_is_an_error_of_the_family() -> None:
    phases: Any = figures(10, 2, seed=12)
    statistics = statistics_of(phases)
    ranking = statistics.ranking()
    with pytest.raises(wfo.InputError, match="1 phases given where there are 2"):
        statistics.add(0, phases[:1])
    short: Any = [phases[0], tuple(column[:9] for column in phases[1])]
    with pytest.raises(wfo.InputError, match="phase 2: 'is_pnl' has 9 combinations"):
        statistics.add(0, short)
    with pytest.raises(TypeError):
        statistics.add(0, [tuple(c.astype(np.float64) for c in p) for p in phases])
    one = (1, 1, np.zeros(1, np.uint32))
    for axes in (
        [(0, 1, one[2]), one],
        [one, (1, 0, one[2][:0])],
        [(1, 1 << 40, one[2])] * 2,
        [one, (1, 2, np.full(3, 2, np.uint32))],
    ):
        with pytest.raises(wfo.InputError, match="out of range"):
            _core.GridStatistics(2, GATES, axes, 1)
    for least in (0, 3):
        with pytest.raises(wfo.InputError, match=f"least = {least}"):
            _core.Selection(ranking, GATES, least, 1, 1)
    selection = _core.Selection(ranking, GATES, 1, 1, 1)
    with pytest.raises(wfo.InputError, match="no whole records"):
        selection.add_records(np.zeros(47, np.uint8))
    one, trades = np.ones(1, np.float32), np.ones(1, np.uint16)
    for profit in (np.inf, 12_345.0):
        strange = (one, np.full(1, profit, np.float32), one, 0 * one, trades, trades)
        with pytest.raises(wfo.InputError, match="cannot be ranked"):
            selection.add(0, [strange, strange])
    endless = (one, np.full(1, np.inf, np.float32), one, 0 * one, trades, trades)
    with pytest.raises(wfo.InputError, match="value 0 = inf cannot be ranked"):
        statistics.add(0, [endless, endless])


def sweep_of(engine: str) -> tuple[wfo.Grid, Any]:
    bars = wfo.load_sample("NASDAQ")[-900:]
    grid = wfo.Grid.load("smoke", "atr_d_l")
    feeds = read_feeds(grid.strategy, bars).to_list()
    bounds = [(150, 400, 600), (300, 700, 900)]
    name, axes = grid.strategy.name, grid.engine_axes
    return grid, _core.Sweep(engine, name, feeds, axes, wfo.Settings(), bounds, 2)


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_stored_figures_are_those_of_the_sweep(engine: str) -> None:
    grid, sweep = sweep_of(engine)
    for start, stop in ((0, len(grid)), (5, 300), (7, 7)):
        pairs = zip(sweep.run(start, stop), sweep.run_stored(start, stop), strict=True)
        for wide, stored in pairs:
            for a, b in zip(wide[:4], stored[:4], strict=True):
                assert b.dtype == np.float32
                assert np.array_equal(a.astype(np.float32), b)
            for a, b in zip(wide[4:], stored[4:], strict=True):
                assert b.dtype == np.uint16
                assert np.array_equal(np.minimum(a, 65_535), b)
    with pytest.raises(wfo.InputError, match="outside the grid"):
        sweep.run_stored(0, len(grid) + 1)


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_a_list_of_combinations_in_any_order(engine: str) -> None:
    grid, sweep = sweep_of("direct")
    whole = sweep.run(0, len(grid))
    grid, sweep = sweep_of(engine)
    rng = np.random.default_rng(13)
    indices = rng.integers(0, len(grid), 700).astype(np.uint64)
    stored = sweep.run_list_stored(indices)
    for wanted, found, small in zip(whole, sweep.run_list(indices), stored, strict=True):
        for a, b, c in zip(wanted, found, small, strict=True):
            assert np.array_equal(a[indices], b)
            assert np.array_equal(b.astype(c.dtype), c)
    assert all(len(c) == 0 for p in sweep.run_list(indices[:0]) for c in p)
    for run in (sweep.run_list, sweep.run_list_stored):
        with pytest.raises(wfo.InputError, match="outside the grid"):
            run(np.array([len(grid)], np.uint64))


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_blocks_are_ranges_one_after_the_other(engine: str) -> None:
    grid, sweep = sweep_of(engine)
    starts = np.array([300, 0, 17, len(grid) - 50, 17], np.uint64)
    for run, one in (
        (sweep.run_blocks, sweep.run),
        (sweep.run_blocks_stored, sweep.run_stored),
    ):
        ranges = [one(int(start), int(start) + 50) for start in starts]
        for k, phase in enumerate(run(starts, 50)):
            for j, column in enumerate(phase):
                assert np.array_equal(column, np.concatenate([r[k][j] for r in ranges]))
        assert all(len(c) == 0 for p in run(starts[:0], 50) for c in p)
        for wrong, size in ((starts + np.uint64(1), 50), (starts, len(grid) + 1)):
            with pytest.raises(wfo.InputError, match="outside the grid"):
                run(wrong, size)


def test_the_strides_of_the_map_are_its_digits() -> None:
    for strategy in ("atr_d_l", "atr_d_ls", "atr_d_hma_ls"):
        grid = wfo.Grid.load("smoke", strategy)
        at = np.arange(0, len(grid), 7, dtype=np.int64)
        assert grid.strategy.map_axes is not None
        for name, axis in zip(grid.strategy.map_axes, grid.map_axes, strict=True):
            found = axis.digits[at // axis.stride % len(axis.digits)]
            assert np.array_equal(found, grid.digits(name, at))
            assert axis.length == len(grid.values[name])
