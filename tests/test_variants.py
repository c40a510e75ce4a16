"""The six strategies: their catalogue, grids, two symbols, and what a run says of their extras."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import wfo
from wfo.cli import cli
from wfo.data import BarsOrigin, DataStore
from wfo.selection.comparison import compare, standing
from wfo.strategy import registry

# The table of the grids, and the names in TradeStation.
TABLE = {
    "atr_d_l": (11, 58_060_800, "ATR-D-v1.5-L"),
    "atr_d_ls": (16, 2_239_488_000, "ATR-D-v1.5-LS"),
    "atr_d_hma_l": (13, 587_520_000, "ATR-D-HMA-v1.5-L"),
    "atr_d_hma_ls": (14, 2_350_080_000, "ATR-D-HMA-v1.5-LS"),
    "atr_d_duals_l": (11, 58_060_800, "ATR-D-DualS-v1.5-L"),
    "atr_d_duals_ls": (16, 2_239_488_000, "ATR-D-DualS-v1.5-LS"),
}
HULLS = ("hma_fast_length", "hma_slow_length")


def test_the_catalogue_has_the_family() -> None:
    # Without what other tests have named in files.
    with registry.separate():
        found = wfo.strategies()
    assert list(found) == list(TABLE)
    for name, (count, _, tradestation) in TABLE.items():
        assert len(found[name].names) == count
        view = found[name].tradestation
        assert view is not None
        assert view.name == tradestation
    assert {n: s.expansion for n, s in found.items()} == {
        "atr_d_l": (),
        "atr_d_ls": ("atr_d_l",),
        "atr_d_hma_l": (),
        "atr_d_hma_ls": ("atr_d_hma_l",),
        "atr_d_duals_l": ("atr_d_l",),
        "atr_d_duals_ls": ("atr_d_duals_l", "atr_d_ls", "atr_d_l"),
    }
    modes = ("entry_mode", "trend_filter_period", "trend_veto_threshold", "both_triggered_mode")
    assert found["atr_d_ls"].names[11:] == ("short_multiplier", *modes)
    assert found["atr_d_hma_ls"].names[11:] == ("short_multiplier", *HULLS)


@pytest.mark.parametrize("name", TABLE)
def test_the_shipped_grids_have_the_counts_of_the_table(name: str) -> None:
    slim, coarse, smoke = (wfo.Grid.load(g, name) for g in ("phase1_slim", "coarse", "smoke"))
    assert len(slim) == TABLE[name][1]
    assert len(coarse) <= (2_000_000 if wfo.strategies()[name].shorts else 100_000)
    assert len(smoke) < 2_000
    for grid in (coarse, smoke):
        for axis in wfo.strategies()[name].map_axes or ():
            ends = (min(grid.values[axis]), max(grid.values[axis]))
            assert ends == (min(slim.values[axis]), max(slim.values[axis]))
    for parameter in slim.values:
        ends = (min(coarse.values[parameter]), max(coarse.values[parameter]))
        assert ends[0] == min(slim.values[parameter])
        if parameter != "scaling_method":
            assert ends[1] == max(slim.values[parameter])


def test_pairs_that_are_no_combination_leave_no_holes() -> None:
    slim = wfo.Grid.load("phase1_slim", "atr_d_hma_l")
    assert slim.left_out == len(slim) // 68 * 9
    values: dict[str, Any] = {n: a[:1] for n, a in slim.values.items()}
    values |= {"bb_length": [10, 25], HULLS[0]: [10, 40, 50], HULLS[1]: [40, 50]}
    grid = wfo.Grid(values)
    wanted = [
        (length, fast, slow)
        for length, fast, slow in itertools.product([10, 25], [10, 40, 50], [40, 50])
        if fast < slow
    ]
    names = ("bb_length", *HULLS)
    rows = [grid.params(i) for i in range(len(grid))]
    assert [tuple(row[n] for n in names) for row in rows] == wanted
    assert grid.left_out == 12 - len(wanted)
    columns = grid.columns(np.arange(len(grid)))
    for i, row in enumerate(rows):
        assert {n: c[i] for n, c in columns.items()} == row
    assert wfo.Grid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid
    # Every row can be simulated, so the engine reads the same pairs under the same index.
    bars = wfo.load_sample()[:600]
    swept = wfo.sweep("atr_d_hma_l", bars, grid, split=400)
    for i in (0, 2, len(grid) - 1):
        alone = wfo.simulate("atr_d_hma_l", bars, rows[i], split=400).is_pnl
        assert alone == pytest.approx(swept.is_pnl[i], rel=1e-9)


@pytest.mark.parametrize(
    ("strategy", "change", "message"),
    [
        ("atr_d_hma_l", {HULLS[0]: 50, HULLS[1]: 50}, "hma_fast_length = 50 .* below hma_slow"),
        ("atr_d_hma_l", {HULLS[0]: 60, HULLS[1]: 50}, "hma_fast_length = 60 .* below hma_slow"),
        ("atr_d_ls", {"short_multiplier": 0}, "short_multiplier = 0 .* a number > 0"),
        ("atr_d_ls", {"short_multiplier": -0.5}, r"short_multiplier = -0\.5 .* a number > 0"),
        ("atr_d_ls", {"trend_veto_threshold": float("nan")}, "trend_veto_threshold = nan"),
        ("atr_d_ls", {"trend_veto_threshold": "low"}, "trend_veto_threshold = 'low'"),
        ("atr_d_ls", {"trend_filter_period": 0}, "trend_filter_period = 0"),
        ("atr_d_ls", {"entry_mode": 3}, "entry_mode = 3 .* one of 0, 1, 2"),
        ("atr_d_ls", {"both_triggered_mode": 2}, "both_triggered_mode = 2 .* one of 0, 1"),
        ("atr_d_l", {"short_multiplier": 1}, "atr_d_l has no parameter 'short_multiplier'"),
        ("atr_d_hma_ls", {"entry_mode": 0}, "atr_d_hma_ls has no parameter 'entry_mode'"),
    ],
)
def test_bad_parameters_are_named(strategy: str, change: dict[str, Any], message: str) -> None:
    params = wfo.Grid.load("smoke", strategy).params(0)
    bars = wfo.load_sample()[:400]
    with pytest.raises(wfo.InputError, match=message):
        wfo.simulate(strategy, bars, params | change, split=300)
    lacking = {n: v for n, v in params.items() if n != "atr_period"}
    with pytest.raises(wfo.InputError, match="also needs atr_period"):
        wfo.simulate(strategy, bars, lacking, split=300)


def test_a_grid_without_a_pair_is_empty() -> None:
    values: dict[str, Any] = dict(wfo.Grid.load("smoke", "atr_d_hma_l").values)
    with pytest.raises(wfo.InputError, match="nowhere below"):
        wfo.Grid(values | {HULLS[0]: [60], HULLS[1]: [40, 60]})


def test_the_warm_up_covers_what_the_short_side_and_the_averages_look_back() -> None:
    bars = wfo.load_sample()[:800]
    both = wfo.Grid.load("smoke", "atr_d_ls").params(0) | {
        "atr_period": 64,
        "short_multiplier": 2.5,
    }
    with pytest.raises(wfo.InputError, match=r"warmup = 159 .* at least 160"):
        wfo.simulate("atr_d_ls", bars, both, split=300, warmup=159)
    wfo.simulate("atr_d_ls", bars, both, split=300, warmup=160)
    # The root of 100 is 10.
    hull = wfo.Grid.load("smoke", "atr_d_hma_l").params(0) | {HULLS[1]: 100}
    with pytest.raises(wfo.InputError, match=r"warmup = 109 .* at least 110"):
        wfo.simulate("atr_d_hma_l", bars, hull, split=300, warmup=109)
    wfo.simulate("atr_d_hma_l", bars, hull, split=300, warmup=110)


def test_as_many_symbols_as_the_strategy_reads() -> None:
    bars = wfo.load_sample()[:400]
    params = wfo.Grid.load("smoke", "atr_d_l").params(0)
    with pytest.raises(wfo.InputError, match="reads a second symbol; give its bars as bars2"):
        wfo.simulate("atr_d_duals_l", bars, params, split=300)
    with pytest.raises(wfo.InputError, match="reads one symbol only; leave bars2 out"):
        wfo.simulate("atr_d_l", bars, params, split=300, bars2=bars)
    with pytest.raises(wfo.DataError, match="second symbol has 399 bars"):
        wfo.simulate("atr_d_duals_l", bars, params, split=300, bars2=bars[1:])
    moved = bars.with_columns(pl.col("date") + pl.duration(days=1))
    with pytest.raises(wfo.DataError, match=r"bar 0 is 1999-01-04 .* and 1999-01-05"):
        wfo.simulate("atr_d_duals_l", bars, params, split=300, bars2=moved)


def test_symbols_are_joined_on_dates_and_not_by_position() -> None:
    nasdaq, sp500 = wfo.load_sample("NASDAQ"), wfo.load_sample("SP500")
    first = nasdaq.filter(pl.int_range(pl.len()) % 50 != 7)[:3000]
    second = sp500.filter(pl.int_range(pl.len()) % 60 != 11)[100:]
    joined = wfo.join_bars(first, second)
    assert joined.first["date"].equals(joined.second["date"])
    common = sorted(set(first["date"]) & set(second["date"]))
    assert joined.first["date"].to_list() == common
    wanted = nasdaq.filter(pl.col("date").is_in(common))["close"]
    assert joined.first["close"].equals(wanted)
    assert joined.second["close"].equals(sp500.filter(pl.col("date").is_in(common))["close"])
    span = pl.col("date").is_between(second["date"][0], first["date"][-1])
    assert joined.dropped_first == len(first.filter(span)) - len(common) > 0
    assert joined.dropped_second == len(second.filter(span)) - len(common) > 0


def test_what_cannot_be_joined() -> None:
    bars = wfo.load_sample()[:300]
    holey = bars.filter(pl.int_range(pl.len()) % 10 != 3)
    with pytest.raises(wfo.DataError, match=r"30 of the first symbol's 300 bars .* more than 5%"):
        wfo.join_bars(bars, holey)
    with pytest.raises(wfo.DataError, match=r"30 of the second symbol's 300 bars"):
        wfo.join_bars(holey, bars)
    assert wfo.join_bars(bars, holey, allow_gaps=True).dropped_first == 30
    with pytest.raises(wfo.DataError, match="no date in common"):
        wfo.join_bars(bars[:100], bars[200:])
    hourly = bars.select(
        pl.datetime_range(
            pl.datetime(2020, 1, 1), interval="1h", end=pl.datetime(2020, 1, 13, 11), eager=False
        )
        .dt.replace_time_zone("UTC")
        .alias("datetime"),
        "open",
        "high",
        "low",
        "close",
    )
    with pytest.raises(wfo.DataError, match="one has dates, the other date-times"):
        wfo.join_bars(bars, hourly)
    zoned = hourly.with_columns(pl.col("datetime").dt.convert_time_zone("America/New_York"))
    with pytest.raises(wfo.DataError, match="different time zones, UTC and America/New_York"):
        wfo.join_bars(hourly, zoned)
    with pytest.raises(wfo.DataError, match="different lengths, 1:00:00 and 2:00:00"):
        wfo.join_bars(hourly, hourly.gather_every(2))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, with some of the second index's days missing."""
    folder = tmp_path_factory.mktemp("data")
    kept = DataStore(folder)
    origin = BarsOrigin("sample")
    kept.save("NASDAQ", "1day", wfo.load_sample("NASDAQ"), origin)
    sp500 = wfo.load_sample("SP500").filter(pl.int_range(pl.len()) % 40 != 5)
    kept.save("SP500", "1day", sp500, origin)
    return folder


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def four(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the page of a run of all four strategies."""
    out = tmp_path_factory.mktemp("results")
    options = ["--symbol", "NASDAQ", "--symbol2", "SP500", "--grid", "smoke"]
    places = ["--data-dir", store, "--out", out]
    done = call("run", "--strategy", "atr_d_duals_ls", *options, *places)
    assert done.exit_code == 0, done.output
    return out / "NASDAQ_SP500", done.output


def test_a_run_of_two_symbols_runs_the_simpler_strategies_too(four: tuple[Path, str]) -> None:
    folder, page = four
    manifest = json.loads((folder / "run.json").read_text())
    names = ["atr_d_duals_ls", "atr_d_duals_l", "atr_d_ls", "atr_d_l"]
    assert [r["strategy"] for r in manifest["results"]] == names
    assert {p.name for p in (folder / "wfo").iterdir()} == set(names)
    dropped = manifest["join"]
    assert dropped["dropped_second"] == 0
    assert dropped["dropped_first"] == sum(1 for i in range(5031) if i % 40 == 5)
    assert manifest["data"]["rows"] == manifest["data2"]["rows"] == 5031 - dropped["dropped_first"]
    # The line is longer than the page is wide.
    words = " ".join(page.split())
    assert f"dropped for want of the other: {dropped['dropped_first']} and 0" in words
    snapshots = [pl.read_parquet(folder / f"bars{which}.parquet") for which in ("", "2")]
    assert snapshots[0]["date"].equals(snapshots[1]["date"])
    trials = json.loads((folder.parent / "NASDAQ" / "trials.json").read_text())
    assert trials["total"] == manifest["trials"] == 2 * (1_280 + 1_440)
    # The stored figures are those of the strategy on these very bars.
    phases = wfo.Windows.preset().resolve(snapshots[0]["date"])
    swept = wfo.sweep(
        "atr_d_duals_ls",
        snapshots[0],
        wfo.Grid.load("smoke", "atr_d_duals_ls"),
        windows=phases,
        bars2=snapshots[1],
    )
    stored = np.load(folder / "wfo" / "atr_d_duals_ls" / "phase2" / "oos_pnl.npy")
    assert np.array_equal(stored, swept[1].oos_pnl.astype(np.float32))


def test_the_extras_are_judged_by_all_candidates(four: tuple[Path, str]) -> None:
    folder, page = four
    manifest = json.loads((folder / "run.json").read_text())
    by_name = {s["strategy"]: s for s in manifest["comparison"]["strategies"]}
    for name, said in by_name.items():
        found = pl.read_parquet(folder / f"candidates_{name}_smoke.parquet")
        assert said["stable"] == len(found)
        assert said["median_stability"] == found["Stability_Score"].median()
        assert said["median_pnl"] == found["Total_OOS_PnL"].median()
        assert said["best_trades"] == found["Total_OOS_Trades"][0]
        worst = found.select(pl.max_horizontal(pl.col("^P._OOS_DD$"))).to_series()
        assert said["median_drawdown"] == pytest.approx(worst.median())
    asked = [(v["extra"], v["strategy"], v["simpler"]) for v in manifest["comparison"]["extras"]]
    assert asked == [
        ("shorts", "atr_d_duals_ls", "atr_d_duals_l"),
        ("Data2", "atr_d_duals_ls", "atr_d_ls"),
        ("Data2", "atr_d_duals_l", "atr_d_l"),
        ("shorts", "atr_d_ls", "atr_d_l"),
    ]
    for extra, strategy, simpler in asked:
        assert f"Did {extra} pay, {strategy} against {simpler}?" in page
    table = pl.read_csv(folder / "comparison_smoke.csv")
    # Four strategies, buy-and-hold, and four extras.
    assert len(table) == 4 + 1 + 4
    held = table.filter(strategy="buy_and_hold").row(0, named=True)
    sums = [b["held"]["oos_pnl"] for b in manifest["benchmarks"]]
    assert held["median_pnl_sum_of_overlapping_phases"] == pytest.approx(sum(sums), rel=1e-5)
    assert manifest["comparison"]["buy_and_hold"]["pnl"] == pytest.approx(sum(sums))
    row = table.filter(strategy="atr_d_ls", against="atr_d_l").row(0, named=True)
    assert row["stable"] == by_name["atr_d_ls"]["stable"] - by_name["atr_d_l"]["stable"]
    # Paths are as long as they are.
    assert max(len(line) for line in page.splitlines() if str(folder) not in line) <= 100


@pytest.mark.parametrize(
    ("shifts", "paid"),
    [((1, 1, 1), "yes"), ((-1, -1, -1), "no"), ((0, 0, 0), "no"), ((1, -1, 1), "mixed")],
)
def test_an_extra_paid_if_everything_rose(shifts: tuple[int, int, int], paid: str) -> None:
    both, one = wfo.strategies()["atr_d_ls"], wfo.strategies()["atr_d_l"]
    share, stability, pnl = shifts

    def found(up_stability: int, up_pnl: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "Stability_Score": [60.0 + up_stability, 40.0 + up_stability],
                "Total_OOS_PnL": [5_000.0, 3_000.0 + 100 * up_pnl],
                "Total_OOS_Trades": [30, 20],
                "P1_OOS_DD": [100.0, 900.0],
                "P2_OOS_DD": [300.0, 200.0],
            }
        )

    a = standing(both, 2_000, 400 + 20 * share, found(stability, pnl))
    b = standing(one, 1_000, 200, found(0, 0))
    assert (b.best_drawdown, b.median_drawdown, b.median_trades) == (300.0, 600.0, 25.0)
    (verdict,) = compare([both, one], [a, b]).verdicts
    assert verdict.paid == paid
    assert verdict.share == pytest.approx(0.01 * share)
    assert verdict.pnl == 50 * pnl


def test_without_candidates_nothing_is_judged() -> None:
    both, one = wfo.strategies()["atr_d_ls"], wfo.strategies()["atr_d_l"]
    empty = pl.DataFrame(
        schema=dict.fromkeys(
            ["Stability_Score", "Total_OOS_PnL", "Total_OOS_Trades", "P1_OOS_DD"], pl.Float64
        )
    )
    standings = [standing(s, 10, 0, empty) for s in (both, one)]
    found = compare([both, one], standings)
    assert found.verdicts[0].paid is None
    assert found.to_csv().splitlines()[1] == "atr_d_ls,,,,10,0,0.000000" + 10 * ","
    assert compare([both], standings[:1]).verdicts == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--strategy", "atr_d_duals_l"), "reads a second symbol; name it with --symbol2"),
        (("--strategy", "atr_d_l", "--symbol2", "SP500"), "leave --symbol2 out"),
        (("--strategy", "atr_d_duals_l", "--symbol2", "NASDAQ"), "is the first symbol"),
        (("--strategy", "atr_d_duals_l", "--symbol2", "SP5OO"), "SP500"),
        (("--strategy", "atr_d_lz"), "did you mean 'atr_d_l'"),
        (("--strategy", "atr_d_ls", "--grid", "phase1"), "phase1.yaml has no grid for atr_d_ls"),
    ],
)
def test_bad_runs_write_nothing(
    store: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    places = ["--symbol", "NASDAQ", "--data-dir", store, "--out", tmp_path / "results"]
    done = call("run", "--grid", "smoke", *options, *places)
    assert isinstance(done.exception, wfo.WfoError)
    assert message in str(done.exception)
    assert not (tmp_path / "results").exists()


def test_rescoring_two_symbols_finds_their_folder(four: tuple[Path, str]) -> None:
    folder, _ = four
    before = (folder / "comparison_smoke.csv").read_bytes()
    where = ["--symbol", "NASDAQ", "--symbol2", "SP500", "--out", folder.parent]
    done = call("rescore", *where)
    assert done.exit_code == 0, done.output
    assert (folder / "comparison_smoke.csv").read_bytes() == before
