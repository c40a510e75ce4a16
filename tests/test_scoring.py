"""Scores against a plain re-computation with SciPy and the standard library."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
from scipy.stats import rankdata

import wfo
from wfo.backtest import Figures
from wfo.selection.options import ScoreOptions
from wfo.selection.scoring import GATE_NAMES, Scores, score_figures

GATES = wfo.Gates()

ONE: dict[str, Any] = {
    "atr_period": [14],
    "atr_multiplier": [3],
    "bb_length": [20],
    "bb_deviation": [2],
    "vol_threshold": [0.1],
    "min_tightening": [0.5],
    "scaling_method": [0],
    "atr_buy_period": [14],
    "atr_buy_multiplier": [1],
    "atr_smooth_period": [3],
    "equity_price_method": [0],
}


def grid_of(**axes: Any) -> wfo.Grid:
    return wfo.Grid(ONE | axes)


def line(n: int) -> wfo.Grid:
    """A grid of n combinations; the i-th has atr_smooth_period i + 1."""
    return grid_of(atr_smooth_period=range(1, n + 1))


def phase(
    is_pnl: Any = 100.0,
    oos_pnl: Any = 50.0,
    is_dd: Any = 10.0,
    oos_dd: Any = 10.0,
    is_trades: Any = 7,
    oos_trades: Any = 5,
) -> Figures:
    """Figures of one phase; what is not given is valid."""
    money = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (is_pnl, oos_pnl, is_dd, oos_dd))
    )
    counts = [
        np.broadcast_to(np.asarray(v, np.uint32), money[0].shape) for v in (is_trades, oos_trades)
    ]
    return Figures(*(np.atleast_1d(f).copy() for f in (*money, *counts)))


def scores_of(grid: wfo.Grid, phases: Sequence[Figures], **options: Any) -> Scores:
    options.setdefault("annual_factors", [None] * len(phases))

    def read(start: int, stop: int) -> list[Figures]:
        return [Figures(*(f[start:stop] for f in p)) for p in phases]

    return score_figures(grid, read, **options)


def results(grid: wfo.Grid, phases: Sequence[Figures]) -> list[wfo.SweepResult]:
    return [wfo.SweepResult(grid, (100, 200, 300), *p) for p in phases]


# The plain re-computation.


def is_valid(is_pnl: float, oos_pnl: float, is_dd: float, oos_dd: float, gates: wfo.Gates) -> bool:
    return (
        is_pnl > 0
        and oos_pnl > 0
        and oos_pnl / is_pnl > gates.wfe
        and oos_dd < oos_pnl
        and oos_dd < gates.dd_ratio * is_dd
    )


def stored(figures: Figures) -> list[list[Any]]:
    money = [f.astype(np.float32).tolist() for f in figures[:4]]
    return [*money, *([min(t, 65_535) for t in f.tolist()] for f in figures[4:])]


def plain(
    grid: wfo.Grid, phases: Sequence[Figures], least: int, gates: wfo.Gates = GATES
) -> pl.DataFrame:
    """Return what `wfo.score` should, without annual efficiencies, and `index`."""
    columns = [stored(p) for p in phases]
    valid = [[is_valid(*row[:4], gates) for row in zip(*c, strict=True)] for c in columns]
    ranks: list[dict[int, float]] = []
    for c, v in zip(columns, valid, strict=True):
        at = [i for i, ok in enumerate(v) if ok]
        ranked = rankdata([c[1][i] for i in at], method="average") if at else []
        ranks.append({i: 100 * r / len(at) for i, r in zip(at, ranked, strict=True)})
    rows = []
    for i in range(len(grid)):
        mine = [r[i] for r in ranks if i in r]
        if len(mine) < least:
            continue
        mean, deviation = statistics.fmean(mine), statistics.pstdev(mine)
        row: dict[str, Any] = dict(grid.params(i))
        row["Stability_Score"] = mean * (1 + 0.1 * (len(mine) - 1)) / (1 + deviation / 20)
        row["Phases_Valid"] = len(mine)
        row["Total_OOS_PnL"] = math.fsum(c[1][i] for c in columns)
        row["Total_OOS_Trades"] = sum(c[5][i] for c in columns)
        for k, (c, r) in enumerate(zip(columns, ranks, strict=True), 1):
            for name, column in zip(("IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD"), c, strict=False):
                row[f"P{k}_{name}"] = column[i]
            row[f"P{k}_OOS_Trades"] = c[5][i]
            row[f"P{k}_WFE"] = c[1][i] / c[0][i] if c[0][i] > 0 else None
            row[f"P{k}_OOS_Rank"] = r.get(i)
        rows.append(row | {"index": i})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.sort(["Stability_Score", "index"], descending=[True, False]) if rows else frame


def indices(grid: wfo.Grid, frame: pl.DataFrame) -> list[int]:
    at = {tuple(grid.params(i).values()): i for i in range(len(grid))}
    return [at[row] for row in frame.select(list(grid.values)).rows()]


def check(
    grid: wfo.Grid, phases: Sequence[Figures], found: pl.DataFrame, wanted: pl.DataFrame
) -> None:
    """The same rows and numbers, best first, ties by flat index."""
    order = indices(grid, found)
    assert sorted(order) == wanted["index"].sort().to_list()
    keys = list(zip((-found["Stability_Score"]).to_list(), order, strict=True))
    assert keys == sorted(keys)
    assert found["Stability_Score"].to_list() == pytest.approx(
        wanted["Stability_Score"].to_list(), rel=1e-12
    )
    # Outcomes, and what compares with buy-and-hold, have tests of their own.
    found = found.drop(cs.starts_with("Outcome") | cs.matches("_Return|_Share$"))
    by_index = found.with_columns(index=pl.Series(order)).sort("index")
    assert by_index.columns == wanted.columns
    for name in wanted.columns:
        a, b = by_index[name].to_list(), wanted.sort("index")[name].to_list()
        assert [v is None for v in a] == [v is None for v in b], name
        numbers = [(x, y) for x, y in zip(a, b, strict=True) if x is not None]
        exact = name.endswith(("PnL", "DD", "Trades", "Valid")) and not name.startswith(
            "Total_OOS_P"
        )
        for x, y in numbers:
            assert x == y if exact else x == pytest.approx(y, rel=1e-12, abs=1e-9), name


def tied(grid: wfo.Grid, phases: int, seed: int) -> list[Figures]:
    """Figures with many ties, many on the gates' thresholds, losses, and zeros."""
    rng = np.random.default_rng(seed)
    n = len(grid)
    out = []
    for _ in range(phases):
        is_pnl = rng.choice([-100.0, 0.0, 20.0, 100.0, 100.0, 200.0], n)
        oos_pnl = rng.choice([-10.0, 0.0, 7.0, 7.0 + 1e-6, 35.0, 36.0, 70.0, 71.0, 90.0], n)
        is_dd = rng.choice([0.0, 2.0, 10.0, 30.0], n)
        oos_dd = rng.choice([0.0, 1.0, 5.999, 6.0, 7.0, 29.0, 30.0, 35.0], n)
        trades = rng.integers(0, 90_000, (2, n)).astype(np.uint32)
        out.append(Figures(is_pnl, oos_pnl, is_dd, oos_dd, *trades))
    return out


# The contract by hand.


def test_a_score_by_hand() -> None:
    """Ranks of four: 25, 50, 75, 100; the last two combinations tie in phase 3."""
    phases = [
        phase(oos_pnl=[40, 50, 60, 70]),
        phase(oos_pnl=[70, 60, 50, 40]),
        phase(oos_pnl=[40, 50, 60, 60]),
    ]
    found = wfo.score(results(line(4), phases))
    # Combination 0: 25, 100, 25; mean 50, variance 1250. 1: 50, 75, 50. 2: 75, 50, 87.5.
    # 3: 100, 25, 87.5.
    ranks = {0: (25, 100, 25), 1: (50, 75, 50), 2: (75, 50, 87.5), 3: (100, 25, 87.5)}
    scores = {
        i: sum(r) / 3 * 1.2 / (1 + math.sqrt(sum((x - sum(r) / 3) ** 2 for x in r) / 3) / 20)
        for i, r in ranks.items()
    }
    order = sorted(scores, key=lambda i: -scores[i])
    assert indices(line(4), found) == order
    assert found["Stability_Score"].to_list() == pytest.approx([scores[i] for i in order])
    assert found.select("P1_OOS_Rank", "P2_OOS_Rank", "P3_OOS_Rank").rows() == [
        ranks[i] for i in order
    ]
    assert found["Stability_Score"][-1] == pytest.approx(50 * 1.2 / (1 + math.sqrt(1250) / 20))


def next_to(value: float, way: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(way)))


@pytest.mark.parametrize(
    ("figures", "valid"),
    [
        (phase(100, 35), False),  # efficiency must exceed .35
        (phase(100, next_to(35, 36)), True),
        (phase(100, 35 + 1e-9), False),  # as float32 it is 35
        (phase(100, 50, 100, 50), False),  # drawdown must be under the profit
        (phase(100, 50, 100, next_to(50, 0)), True),
        (phase(100, 50, 100, 50 - 1e-9), False),
        (phase(100, 50, 10, 30), False),  # and under three times the in-sample one
        (phase(100, 50, 10, next_to(30, 0)), True),
        (phase(100, 50, 0, 0), False),
        (phase(100, 50, next_to(0, 1), 0), True),
        (phase(0, 50), False),
        (phase(-100, 50), False),
        (phase(-100, -50), False),  # efficiency .5, of losses
        (phase(100, 0), False),
        (phase(100, -50), False),
        (phase(1e-46, 1e-46, 1, 0), False),  # nothing is left of it as float32
        (phase(next_to(0, 1), next_to(0, 1), 1, 0), True),
    ],
)
def test_every_gate_at_its_threshold(figures: Figures, valid: bool) -> None:
    scores = scores_of(line(1), [figures], min_phases=1)
    assert scores.valid_phases == ((0, 1) if valid else (1, 0))
    assert scores.stable == len(scores.candidates) == valid
    assert scores.phase_counts[0].valid == valid


def test_thresholds_are_settings() -> None:
    figures = [phase(100, 35, 10, 34)]
    for gates, valid in (
        (wfo.Gates(), 0),
        (wfo.Gates(wfe=0.34), 0),
        (wfo.Gates(dd_ratio=3.5), 0),
        (wfo.Gates(wfe=0.34, dd_ratio=3.5), 1),
        (wfo.Gates(wfe=0.35, dd_ratio=3.5), 0),
        (wfo.Gates(wfe=0.34, dd_ratio=3.4), 0),
    ):
        assert scores_of(line(1), figures, min_phases=1, gates=gates).stable == valid


def test_gates_are_counted_alone_and_with_those_before() -> None:
    # Passes all; loses in-sample; too inefficient; drawdown over profit; out of proportion; earns
    # nothing in-sample; loses half as much out-of-sample as in-sample, which is no efficiency.
    figures = phase(
        [100, -1, 100, 100, 100, 0, -100],
        [50, 50, 35, 50, 50, 50, -50],
        10,
        [10, 10, 10, 50, 30, 10, 10],
    )
    counts = scores_of(line(7), [figures], min_phases=1).phase_counts
    assert len(counts) == 1
    assert counts[0].number == 1
    # Gates that are off exclude nothing.
    assert counts[0].alone == (4, 3, 5, 5, 7, 7)
    assert counts[0].together == (4, 3, 2, 1, 1, 1)
    assert [g["gate"] for g in counts[0].to_dict()["gates"]] == list(GATE_NAMES[:4])
    assert counts[0].to_dict()["gates"][1] == {
        "gate": "efficiency",
        "alone": 3,
        "with_those_before": 3,
    }


# Against the plain re-computation.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("phases", [1, 2, 3, 4, 5])
def test_figures_with_many_ties(phases: int, seed: int) -> None:
    grid = grid_of(
        atr_multiplier=[2, 3, 5], atr_buy_multiplier=[1, 2], atr_smooth_period=range(1, 101)
    )
    figures = tied(grid, phases, seed)
    for least in range(1, phases + 1):
        wanted = plain(grid, figures, least)
        if wanted.is_empty():
            continue
        found = wfo.score(results(grid, figures), gates=wfo.Gates(min_phases=least))
        check(grid, figures, found, wanted)
    assert len(plain(grid, figures, 1)) > 20, "the figures are hard, but some are valid"


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("NASDAQ", "default"),
        ("SP500", "sixty-forty"),
        pytest.param("NASDAQ", "sixty-forty", marks=pytest.mark.slow),
        pytest.param("SP500", "default", marks=pytest.mark.slow),
    ],
)
def test_the_samples(name: str, preset: str) -> None:
    bars = wfo.load_sample(name)
    grid = wfo.Grid.load("smoke", "atr_d_l")
    phases = wfo.Windows.preset(preset).resolve(bars["date"])
    swept = wfo.sweep("atr_d_l", bars, grid, windows=phases)
    figures = [r.figures() for r in swept]
    for least in (1, 2, 3):
        found = wfo.score(swept, gates=wfo.Gates(min_phases=least))
        annual = [f"P{k}_WFE_Annual" for k in range(1, 5)]
        check(grid, figures, found.drop(annual), plain(grid, figures, least))
        for k, p in enumerate(phases, 1):
            days = (p.split_date - p.from_date).days / (p.to_date - p.split_date).days
            raw = found[f"P{k}_WFE"]
            assert found[f"P{k}_WFE_Annual"].to_list() == pytest.approx((raw * days).to_list())
    assert len(plain(grid, figures, 2)) > 10


def test_columns_and_their_types() -> None:
    grid = line(3)
    phases = wfo.Windows.preset().resolve(wfo.load_sample("NASDAQ")["date"])
    swept = [
        dataclasses.replace(r, phase=p)
        for r, p in zip(results(grid, [phase([1e2] * 3)] * 4), phases, strict=True)
    ]
    losing = [dataclasses.replace(r, is_pnl=-r.is_pnl) for r in swept]
    with pytest.warns(UserWarning, match="none is stable"):
        nothing = wfo.score(losing)
    assert nothing.is_empty()
    for found in (wfo.score(swept), nothing):
        wanted = dict.fromkeys(grid.values, pl.Float64)
        whole = "atr_period bb_length scaling_method atr_buy_period atr_smooth_period"
        wanted |= dict.fromkeys([*whole.split(), "equity_price_method"], pl.Int64)
        wanted |= {"Stability_Score": pl.Float64, "Phases_Valid": pl.UInt8}
        wanted |= {"Total_OOS_PnL": pl.Float64, "Total_OOS_Trades": pl.Int64}
        wanted |= {"Outcome": pl.UInt32, "Outcome_Size": pl.UInt32, "Outcome_Central": pl.Boolean}
        for k in range(1, 5):
            wanted |= {f"P{k}_{n}": pl.Float32 for n in ("IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD")}
            wanted[f"P{k}_OOS_Trades"] = pl.UInt16
            wanted |= {f"P{k}_{n}": pl.Float64 for n in ("WFE", "WFE_Annual", "OOS_Rank")}
        assert list(found.schema.items()) == list(wanted.items())


def test_ranks_of_values_that_float32_cannot_tell_apart_are_tied() -> None:
    close = [1_000.00001, 1_000.00002, 1_000.0001, 2_000.0]
    found = scores_of(line(4), [phase(1_000, close)], min_phases=1).candidates
    # 1000.0001 is 1000.0001 as float32 too: the next one after 1000 is 1000.00006.
    assert found.sort("atr_smooth_period")["P1_OOS_Rank"].to_list() == [37.5, 37.5, 75.0, 100.0]


def test_trades_saturate_as_the_files_do() -> None:
    figures = phase(100, [50, 51, 52], oos_trades=[65_534, 65_535, 4_000_000_000])
    found = scores_of(line(3), [figures] * 3).candidates.sort("atr_smooth_period")
    assert found["P2_OOS_Trades"].to_list() == [65_534, 65_535, 65_535]
    assert found["Total_OOS_Trades"].to_list() == [3 * 65_534, 3 * 65_535, 3 * 65_535]


def test_a_phase_in_which_none_is_valid() -> None:
    good, bad = phase(100, [50, 60]), phase(-100, [50, 60])
    scores = scores_of(line(2), [good, bad, good, good])
    assert [c.valid for c in scores.phase_counts] == [2, 0, 2, 2]
    assert scores.candidates["P2_OOS_Rank"].to_list() == [None, None]
    assert scores.candidates["P2_WFE"].to_list() == [None, None]
    assert scores.candidates["Total_OOS_PnL"].to_list() == [240, 200], "of all phases"
    assert scores.valid_phases == (0, 0, 0, 2, 0)


def test_efficiency_is_there_where_the_phase_is_not_valid() -> None:
    good, loser = phase(100, 50), phase(100, -25)
    found = scores_of(
        line(1), [good, loser, good, good], annual_factors=[1.5, 2, None, 1]
    ).candidates
    assert found["P2_WFE"].to_list() == [-0.25]
    assert found["P2_WFE_Annual"].to_list() == [-0.5]
    assert found["P2_OOS_Rank"].to_list() == [None]
    assert found["P1_WFE_Annual"].to_list() == [0.75]
    assert "P3_WFE_Annual" not in found.columns


# How many are stable, and what is kept.


def test_ties_go_to_the_lower_index() -> None:
    n = 50
    same = phase([100.0] * n)
    scores = scores_of(line(n), [same] * 3)
    assert indices(line(n), scores.candidates) == list(range(n))
    few = scores_of(line(n), [same] * 3, options=ScoreOptions(kept=7))
    assert indices(line(n), few.candidates) == list(range(7))


@pytest.mark.parametrize("block", [1, 3, 64, 600, 10_000])
@pytest.mark.parametrize("kept", [0, 1, 5, 40, 2_000_000])
def test_blocks_and_cuts_do_not_matter(block: int, kept: int) -> None:
    grid = grid_of(
        atr_multiplier=[2, 3, 5], atr_buy_multiplier=[1, 2], atr_smooth_period=range(1, 101)
    )
    figures = tied(grid, 3, seed=3)
    options: dict[str, Any] = {"min_phases": 1}
    whole = scores_of(grid, figures, **options)
    assert whole.stable > 100
    ticks: list[int] = []
    pieces = ScoreOptions(kept=kept, block=block)
    cut = scores_of(grid, figures, options=pieces, tick=ticks.append, **options)
    assert cut.candidates.equals(whole.candidates.head(kept))
    assert np.array_equal(cut.cells.stable, whole.cells.stable)
    for name in ("stable", "min_phases", "phase_counts", "valid_phases", "warnings"):
        assert getattr(cut, name) == getattr(whole, name)
    assert sum(ticks) == 2 * len(grid)
    assert len(ticks) == 2 * -(-len(grid) // block)


@pytest.mark.parametrize(
    ("name", "value"), [("kept", -1), ("kept", True), ("block", 0), ("block", 1.5)]
)
def test_options_out_of_range_are_named(name: str, value: Any) -> None:
    with pytest.raises(
        wfo.InputError, match=f"^{name} = {value!r} must be a whole number, . or more"
    ):
        ScoreOptions(**{name: value})


def test_cells_count_all_stable_ones() -> None:
    multipliers, buys = [2, 3, 5, 8], [1, 2, 4]
    grid = grid_of(
        atr_period=[10, 20],
        atr_multiplier=multipliers,
        atr_buy_multiplier=buys,
        atr_smooth_period=range(1, 31),
    )
    figures = tied(grid, 4, seed=1)
    wanted = plain(grid, figures, 1)
    for kept in (2_000_000, 3):
        scores = scores_of(grid, figures, min_phases=1, options=ScoreOptions(kept=kept))
        assert len(scores.candidates) == min(kept, len(wanted))
        assert scores.stable == len(wanted)
        cells = scores.cells
        assert cells is not None
        assert cells.stable.shape == (4, 3)
        assert (cells.total == len(grid) // 12).all()
        assert (cells.total == 60).all()
        for (x, multiplier), (y, buy) in itertools.product(enumerate(multipliers), enumerate(buys)):
            here = (pl.col("atr_multiplier") == multiplier) & (pl.col("atr_buy_multiplier") == buy)
            assert cells.stable[x, y] == len(wanted.filter(here))
            assert cells.level[x, y] == len(wanted.filter(here)) / 60
        assert cells.stable.sum() == scores.stable


def valid_in(times: Sequence[int], phases: int = 4) -> list[Figures]:
    """Combination i is valid in the first `times[i]` phases."""
    return [phase([100.0 if k < t else -100.0 for t in times]) for k in range(phases)]


@pytest.mark.parametrize(
    ("times", "asked", "least", "stable"),
    [
        ([4, 3, 2, 0], 3, 3, 2),
        ([4, 3, 2, 0], 4, 4, 1),
        ([4, 3, 2, 0], 1, 1, 3),
        ([2, 2, 1, 0], 3, 2, 2),  # none in three: two
        ([3, 2, 1, 0], 4, 3, 1),  # none in four: three, a phase at a time
        ([2, 2, 1, 0], 4, 2, 2),
        ([2, 1, 0, 0], 2, 2, 1),
    ],
)
def test_in_how_many_phases(times: list[int], asked: int, least: int, stable: int) -> None:
    figures = valid_in(times)
    scores = scores_of(line(4), figures, min_phases=asked)
    assert (scores.min_phases, scores.stable) == (least, stable)
    assert indices(line(4), scores.candidates.sort("atr_smooth_period")) == list(range(stable))
    assert scores.candidates["Phases_Valid"].min() >= least  # type: ignore[operator]
    if least < asked:
        assert len(scores.warnings) == 1
        assert f"in {asked} phases" in scores.warnings[0]
        assert f"in {least} are" in scores.warnings[0]
    else:
        assert scores.warnings == ()
    # What is asked for by the gates is kept, whatever is found.
    given = scores_of(line(4), figures, gates=wfo.Gates(min_phases=asked))
    assert given.min_phases == asked
    if least < asked:
        assert (given.stable, len(given.candidates)) == (0, 0)
        assert given.warnings == (f"no combination is valid in {asked} phases: none is stable",)
        assert given.candidates.schema == scores.candidates.schema
    else:
        assert (given.stable, given.warnings) == (stable, ())
        assert given.candidates.equals(scores.candidates)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = wfo.score(results(line(4), figures), gates=wfo.Gates(min_phases=asked))
    assert len(found) == given.stable
    assert [str(w.message) for w in said] == list(given.warnings)


@pytest.mark.parametrize(
    ("times", "asked"), [([1, 1, 0, 0], 3), ([1, 1, 0, 0], 2), ([0, 0, 0, 0], 1), ([0] * 4, 4)]
)
def test_none_is_stable(times: list[int], asked: int) -> None:
    scores = scores_of(line(4), valid_in(times), min_phases=asked)
    stable = scores_of(line(4), valid_in([4] * 4)).candidates
    assert scores.candidates.schema == stable.schema
    assert len(scores.candidates) == scores.stable == scores.cells.stable.sum() == 0
    assert len(scores.warnings) == 1
    assert f"in {min(asked, 2)} phases: none is stable" in scores.warnings[0]


def test_the_schedule_says_in_how_many_phases() -> None:
    """A history of five years gives three phases, of which two make a combination stable."""
    bars = wfo.load_sample("NASDAQ")[-1300:]
    phases = wfo.Windows.preset().resolve(bars["date"])
    assert (len(phases), phases.min_phases) == (3, 2)
    swept = [
        dataclasses.replace(r, **f._asdict())
        for r, f in zip(
            wfo.sweep("atr_d_l", bars, line(5), windows=phases),
            valid_in([3, 3, 2, 2, 1], 3),
            strict=True,
        )
    ]
    assert sorted(indices(line(5), wfo.score(swept))) == [0, 1, 2, 3]
    three = wfo.score(swept, gates=wfo.Gates(min_phases=3))
    assert sorted(indices(line(5), three)) == [0, 1]
    assert len(wfo.score(swept[:1])) == 5, "one phase of them cannot be valid in two"


@pytest.mark.parametrize(("phases", "least"), [(1, 1), (2, 2), (3, 3), (5, 3)])
def test_without_a_schedule_three_phases_or_all(phases: int, least: int) -> None:
    figures = valid_in([5, 4, 3, 2, 1], phases)
    found = wfo.score(results(line(5), figures))
    assert sorted(indices(line(5), found)) == [i for i in range(5) if 5 - i >= least]


def test_figures_are_not_changed() -> None:
    figures = tied(line(60), 3, seed=5)
    before = [Figures(*(f.copy() for f in p)) for p in figures]
    for p in figures:
        for f in p:
            f.flags.writeable = False
    wfo.score(results(line(60), figures), gates=wfo.Gates(min_phases=1))
    assert all(
        np.array_equal(a, b)
        for p, q in zip(figures, before, strict=True)
        for a, b in zip(p, q, strict=True)
    )


def test_float32_and_float64_figures_score_alike() -> None:
    """A sweep in memory and the files of a run."""
    grid = line(200)
    figures = tied(grid, 3, seed=6)
    saved = [
        Figures(
            *(f.astype(np.float32) for f in p[:4]),
            *(np.minimum(f, 65_535).astype(np.uint16) for f in p[4:]),
        )
        for p in figures
    ]
    a, b = (scores_of(grid, f, min_phases=1) for f in (figures, saved))
    assert a.stable
    assert a.candidates.equals(b.candidates)


# What is refused.


def test_what_cannot_be_scored() -> None:
    some = results(line(2), [phase([100.0] * 2)] * 3)
    other = results(line(3), [phase([100.0] * 3)])
    for phases in ([], None, some[0], [1, 2], iter(some), some[0].figures()):
        with pytest.raises(wfo.InputError, match="takes the list of results"):
            wfo.score(phases)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(wfo.InputError, match="not of one grid"):
        wfo.score([*some, *other])
    with pytest.raises(wfo.InputError, match="min_phases = 4 is more than the 3 phases"):
        wfo.score(some, gates=wfo.Gates(min_phases=4))
    with pytest.raises(wfo.InputError, match=r"gates must be wfo\.Gates"):
        wfo.score(some, gates={"wfe": 0.3})  # type: ignore[arg-type]  # on purpose
    for kept in (-1, 1.5, True):
        with pytest.raises(wfo.InputError, match=f"kept = {kept}"):
            wfo.score(some, kept=kept)  # type: ignore[arg-type]  # on purpose
