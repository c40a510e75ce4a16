"""Equal outcomes against a plain re-computation: what is one, which member is central, how many."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo import _core
from wfo.backtest import Figures
from wfo.errors import InputError
from wfo.selection.gates import Gates
from wfo.selection.options import ScoreOptions
from wfo.selection.outcomes import Outcomes, central
from wfo.selection.scoring import Scores, score_figures

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

#: Values of uneven distances: steps count, not sizes.
SPREAD = {
    "atr_period": [3, 4, 60, 61, 62],
    "atr_multiplier": [1, 9, 10, 30],
    "scaling_method": [2, 0, 1],
}
GRIDS = {
    "plain": wfo.Grid(ONE | SPREAD),
    # Fast below slow: the two averages share an axis without holes.
    "grouped": wfo.Grid(
        ONE
        | {"atr_period": [3, 4, 60], "hma_fast_length": [10, 20, 40],
           "hma_slow_length": [15, 30, 41, 50]},
        strategy="atr_d_hma_l",
    ),
}  # fmt: skip


def few_figures(n: int, seed: int, phases: int = 3) -> list[Figures]:
    """Figures of few values each, most of them valid, so that many come to the same."""
    rng = np.random.default_rng(seed)
    kinds = max(2, n // 6)
    # Combinations of one kind are equal, and some kinds differ in one figure of one phase only.
    kind = rng.integers(kinds, size=n)
    found = []
    for _ in range(phases):
        money = [
            rng.choice([100.0, 120.0], kinds),
            rng.choice([50.0, 60.0, 60.000001], kinds),
            rng.choice([10.0, 20.0], kinds),
            rng.choice([10.0, 12.0, 90.0], kinds, p=[0.5, 0.4, 0.1]),
        ]
        trades = [rng.choice([7, 8], kinds).astype(np.uint32) for _ in range(2)]
        found.append(Figures(*(column[kind] for column in (*money, *trades))))
    return found


def scores_of(grid: wfo.Grid, phases: list[Figures], **options: Any) -> Scores:
    options.setdefault("annual_factors", [None] * len(phases))
    return score_figures(
        grid, lambda start, stop: [p.cut(start, stop) for p in phases], min_phases=2, **options
    )


def stored_row(phases: list[Figures], i: int) -> tuple[float, ...]:
    money = (float(np.float32(column[i])) for p in phases for column in p[:4])
    return (*money, *(min(int(c[i]), 65_535) for p in phases for c in p[4:]))


def plain(grid: wfo.Grid, phases: list[Figures], index: list[int]) -> list[tuple[int, int, bool]]:
    """Number, size and whether it is the most central, of each candidate."""
    members: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for i in index:
        members[stored_row(phases, i)].append(i)
    positions = {
        i: [grid.values[name].index(v) for name, v in grid.params(i).items()] for i in index
    }

    def steps(a: int, b: int) -> int:
        return sum(abs(x - y) for x, y in zip(positions[a], positions[b], strict=True))

    found: dict[int, tuple[int, int, bool]] = {}
    for number, own in enumerate(members.values(), 1):
        best = min(own, key=lambda i: (sum(steps(i, j) for j in own), i))
        found |= {i: (number, len(own), i == best) for i in own}
    return [found[i] for i in index]


@pytest.mark.parametrize("name", list(GRIDS))
@pytest.mark.parametrize("seed", range(6))
def test_outcomes_are_those_of_a_plain_computation(name: str, seed: int) -> None:
    grid = GRIDS[name]
    phases = few_figures(len(grid), seed)
    scores = scores_of(grid, phases)
    assert scores.index is not None
    index = scores.index.tolist()
    found = scores.candidates
    columns = found.select("Outcome", "Outcome_Size", "Outcome_Central")
    assert columns.dtypes == [pl.UInt32, pl.UInt32, pl.Boolean]
    wanted = plain(grid, phases, index)
    assert columns.rows() == wanted
    assert max(size for _, size, _ in wanted) > 3
    for row, i in zip(found.select(list(grid.values)).iter_rows(named=True), index, strict=True):
        assert row == grid.params(i)
    number = len({stored_row(phases, i) for i in index})
    assert scores.outcomes == Outcomes(len(found), number, number, exact=True, error=0)
    once = central(found)
    assert once["Outcome"].sort().to_list() == list(range(1, number + 1))
    assert once["Outcome_Size"].sum() == len(found)
    assert once["Stability_Score"].is_sorted(descending=True)


@pytest.mark.parametrize("column", range(6))
def test_one_figure_of_one_phase_makes_another_outcome(column: int) -> None:
    grid = wfo.Grid(ONE | {"atr_smooth_period": [1, 2, 3]})
    values = [100.0, 50.0, 20.0, 10.0, 7, 5]
    phases = [Figures(*(np.full(3, v) for v in values)) for _ in range(3)]
    assert scores_of(grid, phases).candidates["Outcome_Size"].to_list() == [3, 3, 3]
    phases[1][column][1] += 1
    found = scores_of(grid, phases).candidates
    sizes = dict(zip(found["atr_smooth_period"], found["Outcome_Size"], strict=True))
    assert sizes == {1: 2, 2: 1, 3: 2}


def test_the_two_zeros_are_equal() -> None:
    grid = wfo.Grid(ONE | {"atr_smooth_period": [1, 2]})
    good = Figures(*(np.full(2, v) for v in (100.0, 50.0, 20.0, 10.0, 7, 5)))
    other = good._replace(is_dd=np.array([0.0, -0.0]), oos_pnl=np.array([-0.0, 0.0]))
    found = scores_of(grid, [good, other, good]).candidates
    assert found["Outcome"].to_list() == [1, 1]


@pytest.mark.parametrize(("block", "threads"), [(7, 1), (64, 2), (1 << 19, 3)])
def test_neither_blocks_nor_threads_matter(block: int, threads: int) -> None:
    grid = wfo.Grid(ONE | SPREAD | {"atr_smooth_period": range(1, 60)})
    phases = few_figures(len(grid), 11)
    wanted = scores_of(grid, phases)
    found = scores_of(grid, phases, options=ScoreOptions(block=block), threads=threads)
    assert found.candidates.equals(wanted.candidates)
    assert found.outcomes == wanted.outcomes
    few = ScoreOptions(kept=50, block=block)
    kept = [scores_of(grid, phases, options=few, threads=n).outcomes for n in (threads, 2)]
    assert kept[0] == kept[1]


def test_what_is_not_kept_is_counted_all_the_same() -> None:
    grid = GRIDS["plain"]
    phases = few_figures(len(grid), 3)
    everything = scores_of(grid, phases)
    assert everything.outcomes is not None
    few = scores_of(grid, phases, options=ScoreOptions(kept=9))
    found = few.candidates
    assert few.index is not None
    # Sizes are those among the candidates: a run of equal scores may be cut.
    assert found.select("Outcome", "Outcome_Size", "Outcome_Central").rows() == plain(
        grid, phases, few.index.tolist()
    )
    total = everything.outcomes.total
    assert few.outcomes == Outcomes(9, found["Outcome"].n_unique(), total, exact=True, error=0)
    none = scores_of(grid, phases, options=ScoreOptions(kept=0))
    assert none.outcomes == Outcomes(0, 0, total, exact=True, error=0)


def many_figures(n: int) -> list[Figures]:
    """Some 190,000 outcomes of one and of many members, and clusters that share the second part."""
    rng = np.random.default_rng(5)
    kind = np.minimum(rng.integers(400_000, size=n), rng.integers(400_000, size=n))
    profit = rng.uniform(50, 90, 400_000 // 2)[kind // 2]
    return [
        Figures(100.0 + kind % 2, profit.copy(), *(np.full(n, v) for v in (20.0, 10.0, 7, 5)))
        for _ in range(3)
    ]


def test_very_many_outcomes_are_estimated() -> None:
    grid = wfo.Grid(ONE | {"atr_smooth_period": range(1, 1_001), "atr_buy_period": range(1, 301)})
    phases = many_figures(len(grid))
    rows = np.stack([p.oos_pnl.astype(np.float32) for p in phases] + [phases[0].is_pnl])
    true = len(np.unique(rows, axis=1).T)
    assert true > 150_000
    found = scores_of(grid, phases, options=ScoreOptions(kept=100)).outcomes
    assert found is not None
    assert (found.exact, found.label, found.candidates) == (False, "estimated", 100)
    assert 0 < found.error < 0.015 * true
    assert abs(found.total - true) < 4 * found.error


GATES = Gates().core()


def stored(phases: list[Figures], rows: Any = slice(None)) -> list[tuple[Any, ...]]:
    """A block of some of the rows, as the core takes it."""
    types = ["f4"] * 4 + ["u2"] * 2
    return [tuple(c[rows].astype(t) for c, t in zip(p, types, strict=True)) for p in phases]


def test_a_sketch_counts_what_a_selection_does_in_any_cuts_and_order() -> None:
    n = 300_000
    phases = many_figures(n)
    # A tenth is valid in one phase less, and a hundredth in two.
    phases[1].oos_pnl[np.arange(n) % 10 == 3] = -1
    phases[2].oos_pnl[np.arange(n) % 100 == 3] = -1
    block = stored(phases)
    sketches = [_core.Sketch(3, GATES, 1, threads) for threads in (1, 2, 3)]
    sketches[0].add(block)
    for rows in np.array_split(np.random.default_rng(1).permutation(n), 7):
        sketches[1].add(stored(phases, rows))
    strict = _core.Sketch(3, Gates(min_trades=6).core(), 1, 2)
    for start in reversed(range(0, n, 70_001)):
        part = stored(phases, slice(start, start + 70_001))
        _core.Sketch.add_to_all([sketches[2], strict], part)
        # What comes again counts once, and what goes on from bytes is the same.
        data = sketches[2].to_bytes()
        sketches[2] = _core.Sketch.from_bytes(data, 3, GATES, 2)
        sketches[2].add(part)
    assert len({sketch.to_bytes() for sketch in sketches}) == 1
    statistics = _core.GridStatistics(3, GATES, [], 2)
    statistics.add(0, block)
    often = np.sum([p.oos_pnl > 0 for p in phases], axis=0)
    rows = np.concatenate([np.stack([np.float64(c) for c in p]) for p in block])
    for least in (1, 2, 3):
        selection = _core.Selection(statistics.ranking(), GATES, least, 10, 2)
        selection.add(0, block)
        total, error = sketches[0].outcomes(least)
        assert (total, error) == selection.outcomes
        true = len(np.unique(rows[:, often >= least], axis=1).T)
        assert 0 < error < 0.015 * true
        assert abs(total - true) < 4 * error
        # None of them trades as often.
        assert strict.outcomes(least) == (0, 0)


def test_a_few_outcomes_beside_very_many_are_counted() -> None:
    n = 300_000
    phases = many_figures(n)
    few = np.arange(n) % 1000 == 0
    phases[2].oos_pnl[~few] = -1
    sketch = _core.Sketch(3, GATES, 2, 2)
    sketch.add(stored(phases))
    rows = np.concatenate([np.stack([np.float64(c) for c in p]) for p in stored(phases, few)])
    assert sketch.outcomes(2)[1] > 0
    assert sketch.outcomes(3) == (len(np.unique(rows, axis=1).T), 0)


def test_a_sketch_trusts_nothing() -> None:
    sketch = _core.Sketch(3, GATES, 2, 1)
    block = stored(few_figures(200, 0))
    sketch.add(block)
    assert sketch.least == 2
    for least in (1, 4):
        with pytest.raises(InputError, match=f"least = {least} "):
            sketch.outcomes(least)
    for least in (0, 4):
        with pytest.raises(InputError, match=f"least = {least} "):
            _core.Sketch(3, GATES, least, 1)
    with pytest.raises(InputError, match="2 phases"):
        sketch.add(block[:2])
    data = sketch.to_bytes()
    assert len(data) > 200
    for at in range(len(data)):
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << at % 8
        with pytest.raises(InputError, match="no sketch of outcomes"):
            _core.Sketch.from_bytes(bytes(spoilt), 3, GATES, 1)
        with pytest.raises(InputError, match="no sketch of outcomes"):
            _core.Sketch.from_bytes(data[:at], 3, GATES, 1)
    with pytest.raises(InputError, match="another number of phases"):
        _core.Sketch.from_bytes(data, 4, GATES, 1)
    assert _core.Sketch.from_bytes(data, 3, GATES, 1).to_bytes() == data


def test_what_was_not_seen_is_not_counted() -> None:
    grid = GRIDS["plain"]
    phases = few_figures(len(grid), 3)
    seen: list[bool] = []

    def read(start: int, stop: int) -> list[Figures]:
        # The second pass sees a part only, as survivors are.
        block = [p.cut(start, stop) for p in phases]
        if seen:
            block = [
                b._replace(is_pnl=np.where(np.arange(stop - start) < 30, b.is_pnl, -1))
                for b in block
            ]
        seen.append(True)
        return block

    scores = score_figures(grid, read, annual_factors=[None] * 3, min_phases=2)
    found = scores.outcomes
    assert found is not None
    assert found.known == scores.candidates["Outcome"].max()
    assert math.isnan(found.total)
    assert (found.exact, found.label) == (False, "unknown")
    assert found.to_dict()["total"] is None


@pytest.mark.parametrize(
    "value",
    [
        Outcomes(10, 4, 4, exact=True, error=0),
        Outcomes(10, 4, 123.0, exact=False, error=2.5),
        Outcomes(10, 4, math.nan, exact=False, error=math.nan),
    ],
)
def test_outcomes_as_plain_values(value: Outcomes) -> None:
    data = value.to_dict()
    assert data["label"] in {"exact", "estimated", "unknown"}
    again = Outcomes.from_dict(data)
    assert repr(again) == repr(value)


def test_without_a_stable_one_there_is_no_outcome() -> None:
    grid = wfo.Grid(ONE | {"atr_smooth_period": [1, 2]})
    losing = Figures(*(np.full(2, v) for v in (-100.0, 50.0, 20.0, 10.0, 7, 5)))
    scores = scores_of(grid, [losing] * 3)
    assert scores.outcomes == Outcomes(0, 0, 0, exact=True, error=0)
    assert central(scores.candidates).is_empty()


def test_outcomes_of_qqq(real_bars: Path) -> None:
    bars = pl.read_csv(real_bars / "QQQ_1day.csv", try_parse_dates=True)
    found = wfo.score(wfo.sweep("atr_d_l", bars, "coarse", windows="default"))
    # What the specification says of these bars.
    assert (len(found), found["Outcome"].max()) == (66_758, 20_368)
    assert found["Outcome_Central"].sum() == 20_368
    scores = pl.col("Stability_Score").n_unique().alias("scores")
    by_outcome = found.group_by("Outcome").agg(pl.len(), pl.col("Outcome_Size").first(), scores)
    assert (by_outcome["len"] == by_outcome["Outcome_Size"]).all()
    assert (by_outcome["scores"] == 1).all()
