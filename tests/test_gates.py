"""Gates: sets with names, what they compare with buy-and-hold, and what never beats it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo import _core
from wfo.backtest import Figures, as_stored
from wfo.backtest.benchmark import Benchmark, Held
from wfo.backtest.engines import engines_of
from wfo.selection.gates import Gates, gate_sets
from wfo.selection.scoring import SetCounts, gate_words, score_figures, score_statistics
from wfo.sweeps import DenseStore, SurvivorStore, SweepStore

STRICT = Gates.preset("strict")

# Sets


def test_two_sets_have_names() -> None:
    assert Gates.preset("v4") == Gates()
    assert Gates(wfe=0.35, dd_ratio=3.0, min_phases=None, min_trades=5, beat="risk") == STRICT
    with pytest.raises(wfo.InputError, match=r"no gates 'strikt'; did you mean 'strict'\?"):
        Gates.preset("strikt")
    assert wfo.Gates is Gates


def test_gates_take_numbers_of_numpy_as_pythons_own() -> None:
    given = Gates(
        wfe=np.float32(0.5), dd_ratio=np.int64(2), min_phases=np.uint8(3), min_trades=np.int64(5)
    )
    assert given == Gates(wfe=0.5, dd_ratio=2, min_phases=3, min_trades=5)
    assert [type(value) for value in given.to_dict().values() if value is not None][:4] == [
        float, int, int, int,
    ]  # fmt: skip
    for wrong in (
        {"wfe": np.bool_(True)}, {"min_trades": np.bool_(True)}, {"min_trades": np.float64(5)},
        {"wfe": np.float32("nan")}, {"min_phases": np.int64(0)},
    ):  # fmt: skip
        with pytest.raises(wfo.InputError, match=f"{next(iter(wrong))} = .* must be"):
            Gates(**wrong)


@pytest.mark.parametrize(
    ("gates", "name", "options"),
    [
        (Gates(), "v4", {}),
        (Gates(min_phases=4), "v4", {"min-phases": 4}),
        (STRICT, "strict", {"gates": "strict"}),
        (
            dataclasses.replace(STRICT, min_phases=2),
            "strict",
            {"gates": "strict", "min-phases": 2},
        ),
        (Gates(min_trades=5), "own", {"min-trades": 5}),
        (Gates(0.1, beat="return"), "own", {"wfe": 0.1, "beat": "return"}),
    ],
)
def test_a_set_says_its_name_and_its_options(
    gates: Gates, name: str, options: dict[str, Any]
) -> None:
    assert gates.name == name
    assert gates.options == options
    sets = gate_sets(gates)
    assert gates in sets
    assert [g.name for g in sets] == ["v4", "strict", "own"][: 3 if name == "own" else 2]
    assert {g.min_phases for g in sets} == {gates.min_phases}


def test_words_are_those_of_the_gates_that_are_on() -> None:
    assert [at for at, _ in gate_words(Gates())] == [0, 1, 2, 3]
    assert gate_words(STRICT)[4:] == ((4, "trades"), (5, "more than buy-and-hold, by risk"))
    assert gate_words(Gates(beat="return"))[4:] == ((5, "more than buy-and-hold, by return"),)


def test_what_is_compared_must_be_there() -> None:
    assert Gates(min_trades=3).core() == _core.Gates(0.35, 3.0, 3)
    for gates in (STRICT, Gates(beat="return")):
        with pytest.raises(wfo.InputError, match=r"compares with buy-and-hold.*; beat=None does"):
            gates.core()
    grid = wfo.Grid({n: [v[0]] for n, v in wfo.Grid.load("smoke", "atr_d_l").values.items()},
                    strategy="atr_d_l")  # fmt: skip
    columns = [np.ones(1)] * 4 + [np.ones(1, np.uint32)] * 2
    by_hand = wfo.SweepResult(grid, (100, 200, 300), *columns)
    with pytest.raises(wfo.InputError, match="beat = 'risk' compares with buy-and-hold"):
        wfo.score([by_hand], gates=STRICT)


# By hand


def held(is_pnl: float, oos_pnl: float, oos_dd: float, capital: float = 1000.0) -> Benchmark:
    figures = Held(is_pnl, oos_pnl, oos_dd, oos_dd, 0.1, 0.1)
    # Gates look at what is bought without lots.
    return Benchmark(capital, 100, 100, 252.0, Held(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), figures)


@pytest.mark.parametrize(
    ("gates", "valid"),
    [
        # Buy-and-hold: 500 on 2,000 is a quarter, and 500 by 100 is 5.
        (Gates(wfe=0.0), [0, 1, 2, 3, 4, 5]),
        (Gates(wfe=0.0, min_trades=3), [1, 3, 5]),
        (Gates(wfe=0.0, beat="return"), [2, 3]),
        (Gates(wfe=0.0, beat="risk"), [1, 3, 5]),
        (Gates(wfe=0.0, min_trades=3, beat="risk"), [1, 3, 5]),
        (Gates(wfe=0.0, min_trades=4, beat="risk"), [3]),
    ],
)
def test_gates_by_hand(gates: Gates, valid: list[int]) -> None:
    axes = wfo.Grid.load("smoke", "atr_d_l").values
    values: dict[str, list[Any]] = {name: [axis[0]] for name, axis in axes.items()}
    values["bb_deviation"] = [1.0 + i for i in range(6)]
    grid = wfo.Grid(values, strategy="atr_d_l")
    figures = Figures(
        np.array([1000.0, 1000.0, 1000.0, 500.0, 1000.0, 1000.0]),
        # As good, a bit better by risk alone, by return alone, by both; within a millionth; worse
        # by return, and without any drawdown.
        np.array([500.0, 500.0, 500.01, 600.0, 500.0 * (1 + 5e-7), 400.0]),
        np.full(6, 100.0),
        np.array([100.0, 99.9, 100.1, 100.0, 100.0, 0.0]),
        np.full(6, 9, np.uint32),
        np.array([0, 3, 2, 70_000, 2, 3], np.uint32),
    )
    scores = score_figures(
        grid,
        lambda start, stop: [Figures(*(c[start:stop] for c in figures))],
        annual_factors=[None],
        benchmarks=[held(1000.0, 500.0, 100.0)],
        gates=gates,
        min_phases=1,
    )
    assert sorted(scores.candidates["bb_deviation"].to_list()) == [1.0 + i for i in valid]
    assert scores.stable == scores.phase_counts[0].valid == len(valid)
    assert scores.gates == gates


def test_nothing_left_counts_as_all_lost() -> None:
    gates = Gates(beat="return").core([held(-2000.0, 10.0, 5.0), held(-500.0, 10.0, 5.0)])
    statistics = _core.GridStatistics(2, gates, [], 1)
    columns = [np.array([v, v], np.float32) for v in (-1000.0, 10.1, 1.0, 1.0)]
    trades = np.zeros(2, np.uint16)
    statistics.add(None, [(*columns, trades, trades)] * 2)
    # Buy-and-hold that has lost all is a floor of -1, which is not exceeded by -1; nor is 10 / 500.
    assert [alone[5] for alone in statistics.alone] == [0, 0]


# Sets that never sell


def bars_of(seed: int, n: int = 420) -> pl.DataFrame:
    """Bars of a market that rises more often than not."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0012, 0.012, n)))
    open_ = close * np.exp(rng.normal(0, 0.003, n))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.004, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.004, n)))
    days = pl.date_range(dt.date(2001, 1, 1), dt.date(2001, 1, 1) + dt.timedelta(n - 1), eager=True)
    return pl.DataFrame({"date": days, "open": open_, "high": high, "low": low, "close": close})


def grid_of() -> wfo.Grid:
    axes = wfo.Grid.load("smoke", "atr_d_l").values
    values: dict[str, list[Any]] = {name: [axis[0]] for name, axis in axes.items()}
    # Stops that are too far away to be met, and some that are not.
    values |= {"atr_multiplier": [3.0, 60.0, 90.0], "min_tightening": [0.9]}
    values |= {"atr_buy_multiplier": [0.2, 0.7, 1.5], "atr_buy_period": [5, 20]}
    return wfo.Grid(values, strategy="atr_d_l")


def stores_of(
    folder: Path, grid: wfo.Grid, gates: Gates, phases: list[wfo.SweepResult]
) -> list[SweepStore]:
    """Both stores, filled with what was swept."""
    block = [as_stored(p.figures()) for p in phases]
    benchmarks = [p.benchmark for p in phases if p.benchmark is not None]
    common: Any = (grid, len(phases), gates, "key", 2)
    least = gates.required(len(phases), min(3, len(phases)))

    def sample(indices: Any) -> Any:
        return [Figures(*(c[indices] for c in f)) for f in block]

    stores: list[SweepStore] = [
        DenseStore(folder / "dense", *common, benchmarks=benchmarks),
        SurvivorStore(
            folder / "survivors", *common, benchmarks=benchmarks, min_phases=least, sample=sample
        ),
    ]
    for store in stores:
        store.check(lambda _: None)
        for start, stop in store.open():
            store.append(start, [Figures(*(c[start:stop] for c in f)) for f in block])
        store.finish()
        store.close()
    return stores


def candidates(store: SweepStore) -> pl.DataFrame:
    return score_statistics(
        store.grid,
        store.counted,
        lambda selection: store.select(selection, lambda _: None),
        annual_factors=[None] * store.phases,
        gates=store.gates,
        min_phases=min(3, store.phases),
        lost_below=store.lost_below,
    ).candidates


def test_what_never_sells_has_no_excess(tmp_path: Path) -> None:
    strategy, grid = wfo.strategies()["atr_d_l"], grid_of()
    names, seen = list(grid.values), Counter[str]()
    for seed in range(36):
        rng = np.random.default_rng([seed, 13])
        slip, fee = [(0.0, 0.0), (0.0005, 0.0001), (0.02, 0.01)][rng.integers(3)]
        account = wfo.Settings(
            capital=float(rng.choice([100_000.0, 12_345.67])),
            slip=slip,
            fee=fee,
            sizing=str(rng.choice(["compound", "fixed"])),  # type: ignore[arg-type]  # one of them
            lot_size=float(rng.choice([0.0, 1.0, 7.0])),
            max_stop_atr=1e6,
            entry_style=str(rng.choice(["pullback", "breakout"])),  # type: ignore[arg-type]  # too
        )
        able = [
            name
            for name, engine in engines_of(strategy).items()
            if not engine.lacks(strategy, account, extended=False)
        ]
        engine = able[seed % len(able)]
        result = wfo.sweep(
            strategy, bars_of(seed), grid, split=260, settings=account, engine=engine
        )
        # Bought in-sample, and sold neither before nor after: a long is all that there is.
        never = (result.is_trades == 0) & (result.oos_trades == 0) & (result.is_pnl != 0)
        valid = never & (result.is_pnl > 0) & (result.oos_pnl > result.oos_dd)
        silent = pl.DataFrame([grid.params(int(i)) for i in np.flatnonzero(never)])
        usual = Gates(wfe=0.0, dd_ratio=1e9, min_phases=1)
        if valid.any():
            held = wfo.score([result], gates=usual).join(silent, on=names)
            assert len(held) == valid.sum(), "without a comparison they are valid"
        beats = [dataclasses.replace(usual, beat=b) for b in ("return", "risk")]
        sets = [*beats, dataclasses.replace(STRICT, min_phases=1)]
        for at, gates in enumerate(sets):
            if at == seed // 3 % 3:
                dense, survivors = stores_of(tmp_path / str(seed), grid, gates, [result])
                found, same = candidates(dense), candidates(survivors)
                assert found.equals(same)
            else:
                with warnings.catch_warnings():
                    # Where none is stable that is said.
                    warnings.simplefilter("ignore", UserWarning)
                    found = wfo.score([result], gates=gates)
            if len(silent):
                assert found.join(silent, on=names).is_empty(), f"{gates} let one through"
            seen[f"by {gates.beat}"] += len(found)
        about = (engine, account.sizing, "costs" * (slip > 0), "lots" * (account.lot_size > 0))
        seen.update(dict.fromkeys(about, int(valid.sum())))
    # None of it was shown on nothing.
    assert {*engines_of(strategy)} <= {*seen}
    assert all(seen[what] > 20 for what in (*engines_of(strategy), "compound", "fixed")), seen
    assert all(seen[what] > 20 for what in ("costs", "lots")), seen
    assert all(seen[what] > 5 for what in ("by return", "by risk")), "some do beat it"


# The trial of the specification


@pytest.fixture(scope="module")
def qqq(real_bars: Path) -> list[wfo.SweepResult]:
    bars = pl.read_csv(real_bars / "QQQ_1day.csv", try_parse_dates=True)
    return wfo.sweep("atr_d_l", bars, "coarse", windows="default")


TRIAL = [
    (Gates(), 66_758),
    (Gates(beat="return"), 3_813),
    (Gates(beat="risk"), 8_679),
    (Gates(min_trades=5), 17_746),
    (STRICT, 4_174),
]


def test_the_trial_in_memory(qqq: list[wfo.SweepResult]) -> None:
    grid = qqq[0].grid
    assert len(grid) == 96_768
    for gates, stable in TRIAL:
        assert len(wfo.score(qqq, gates=gates, kept=100_000)) == stable
    strict = wfo.score(qqq, gates=STRICT)
    for k in range(1, 5):
        valid = strict.filter(pl.col(f"P{k}_OOS_Rank").is_not_null())
        assert valid[f"P{k}_OOS_Trades"].min() >= 5  # type: ignore[operator]
    assert (strict["Total_OOS_Trades"] >= 15).all(), "none of them never sells"


@pytest.mark.parametrize(("gates", "stable"), TRIAL)
def test_the_trial_in_both_stores(
    gates: Gates, stable: int, qqq: list[wfo.SweepResult], tmp_path: Path
) -> None:
    wanted = {Gates(): 66_758, STRICT: 4_174, gates: stable}
    for store in stores_of(tmp_path, qqq[0].grid, gates, qqq):
        found = {
            g: SetCounts.of(store.grid, statistics, g, 3).stable
            for g, statistics in store.counted.items()
        }
        assert found == wanted
        assert len(candidates(store)) == stable
