"""``wfo simulate`` of a run: its candidates again, over all its phases, beside buy-and-hold."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from calling import Called, call_cli
from click.testing import CliRunner

import wfo
from wfo.cli import cli
from wfo.data import sample_store
from wfo.errors import InputError, ResultsError
from wfo.runs.folder import RunFolder
from wfo.runs.manifest import Manifest
from wfo.runs.plan import RunPlan
from wfo.runs.run import run
from wfo.runs.simulate import SimulationPlan, simulate
from wfo.runs.simulation_report import PhasesReport, SimulationReport
from wfo.selection.scoring import Gates

MONEY = {"is_pnl": "IS_PnL", "oos_pnl": "OOS_PnL", "is_dd": "IS_DD", "oos_dd": "OOS_DD"}
SAMPLE = str(sample_store().folder)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense run of one strategy with costs, lots and fixed sizing; for reading only."""
    out = tmp_path_factory.mktemp("single")
    settings = wfo.Settings(
        capital=50_000, slip=0.0005, fee=0.0001, sizing="fixed", lot_size=0.5, max_stop_atr=15
    )
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid="smoke", settings=settings, out=out, store="dense",
        command="wfo run --grid smoke",
    )  # fmt: skip
    return run(plan, sample_store()).folder.path


@pytest.fixture(scope="module")
def dual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of survivors of two symbols, the simpler strategies beside it; for reading only."""
    out = tmp_path_factory.mktemp("dual")
    plan = RunPlan(
        "NASDAQ", "atr_d_duals_ls", symbol2="SP500", grid="smoke", out=out, store="survivors",
        settings=wfo.Settings(slip=0.001), gates=Gates(min_phases=2), windows="sixty-forty",
    )  # fmt: skip
    return run(plan, sample_store()).folder.path


@pytest.fixture
def copied(single: Path, tmp_path: Path) -> Path:
    """A copy of the dense run, to be changed."""
    return Path(shutil.copytree(single, tmp_path / "copy"))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """Calls ``wfo simulate`` in an empty folder, with no store anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)

    def call(*arguments: object) -> Called:
        return call_cli("simulate", *arguments)

    return call


def manifest(folder: Path) -> Manifest:
    return RunFolder(folder).read_manifest()


def candidates(folder: Path, strategy: str = "atr_d_l") -> pl.DataFrame:
    return pl.read_parquet(folder / f"candidates_{strategy}_smoke.parquet")


def simulated(folder: Path, strategy: str, row: int, phase: int, **params: Any) -> wfo.Simulation:
    """The set of a row on a phase of its run, by the public function alone."""
    at = manifest(folder).phases[phase - 1]
    own = wfo.strategies()[strategy]
    values = candidates(folder, strategy).row(row, named=True)
    bars = pl.read_parquet(folder / "bars.parquet")
    second = pl.read_parquet(folder / "bars2.parquet")[: at.end] if own.dual_symbol else None
    return wfo.simulate(
        strategy, bars[: at.end], {n: values[n] for n in own.names} | params,
        split=at.split, warmup=at.warmup, bars2=second,
        settings=wfo.Settings(**manifest(folder).settings),
    )  # fmt: skip


def number(text: str) -> float:
    return float(text.replace(",", ""))


def block(out: str, head: str) -> list[list[str]]:
    """The cells of the lines after one that holds `head`, up to the first that is no row."""
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if head in line)
    rows = []
    for line in lines[start + 1 :]:
        cells = re.split(r" {2,}", line.strip())
        if len(cells) < 3:
            break
        rows.append(cells)
    return rows


def close(text: str, value: float) -> bool:
    return abs(number(text) - value) <= 0.00501


# What a run has found is found again


@pytest.mark.parametrize("row", [0, 7, -1])
def test_candidate_of_a_dense_run(row: int, single: Path, call: Callable[..., Called]) -> None:
    """Costs, lots and fixed sizing are the run's, and so are all figures."""
    frame = candidates(single)
    row %= len(frame)
    called = call(single, "--row", row)
    assert called.code == 0, called
    assert f"Reproduces candidate {row + 1} of {len(frame)} in {single}" in called.text
    assert "all 20 figures" in called.text
    assert max(map(len, called.out.replace(str(single), "").splitlines())) <= 80
    found = frame.row(row, named=True)
    first = called.out.splitlines()[0]
    assert first == f"NASDAQ 1day, atr_d_l, candidate {row + 1}"
    # What the page shows is what the run has stored.
    money = block(called.out, "Profit by drawdown")
    assert money[0] == ["Phase", *["Set", "B&H"] * 3]
    for k in (1, 2, 3, 4):
        shown = money[k]
        assert shown[0] == str(k)
        assert number(shown[1]) == pytest.approx(found[f"P{k}_OOS_PnL"], rel=1e-6, abs=0.01)
        assert number(shown[3]) == pytest.approx(found[f"P{k}_OOS_DD"], rel=1e-6, abs=0.01)
        assert close(shown[5], found[f"P{k}_OOS_PnL"] / found[f"P{k}_OOS_DD"])
    assert money[5][0] == "Sum"
    assert number(money[5][1]) == pytest.approx(found["Total_OOS_PnL"], rel=1e-6, abs=0.05)
    shown = {cells[0]: cells for cells in block(called.out, "A year")}
    for k in (1, 2, 3, 4):
        set_ = shown[str(k)]
        assert set_[1] == "set"
        earned, before = found[f"P{k}_OOS_PnL"], 50_000 + found[f"P{k}_IS_PnL"]
        assert close(set_[2], 100 * found[f"P{k}_IS_PnL"] / 50_000)
        assert close(set_[5], 100 * earned / before)
        at = manifest(single).phases[k - 1]
        years = (at.end - at.split) / 252
        assert close(set_[6], 100 * ((1 + earned / before) ** (1 / years) - 1))
        assert set_[8] == str(found[f"P{k}_OOS_Trades"])


def by_hand(folder: Path, phase: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Buy-and-hold from the bars alone: its capital, and its marks in- and out-of-sample."""
    found = manifest(folder)
    bars, at, s = pl.read_parquet(folder / "bars.parquet"), found.phases[phase - 1], found.settings
    paid = bars["open"][at.warmup] * (1 + s["slip"]) * (1 + s["fee"])
    shares = s["capital"] / paid
    if s["lot_size"]:
        shares = math.floor(shares / s["lot_size"] * (1 + 2**-50)) * s["lot_size"]
    closes = bars["close"].to_numpy()[at.warmup : at.end]
    marks = np.concatenate([[s["capital"]], s["capital"] + shares * (closes - paid)])
    cut = at.split - at.warmup
    return s["capital"], marks[: cut + 1], marks[cut:]


@pytest.mark.parametrize("which", ["single", "dual"])
def test_buy_and_hold_stands_beside_every_phase(
    which: str, call: Callable[..., Called], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(which)
    called = call(folder)
    assert called.code == 0, called
    money = block(called.out, "Profit by drawdown")
    rows = [cells for cells in block(called.out, "A year") if cells[0] == "B&H"]
    total = 0.0
    for k in (1, 2, 3, 4):
        capital, before, after = by_hand(folder, k)
        fall = np.maximum.accumulate(after) - after
        earned = after[-1] - after[0]
        total += earned
        assert number(money[k][2]) == pytest.approx(earned, abs=0.00501)
        assert number(money[k][4]) == pytest.approx(fall.max(), abs=0.00501)
        assert close(money[k][6], earned / fall.max())
        cells = rows[k - 1]
        assert close(cells[1], 100 * (before[-1] / capital - 1))
        assert close(cells[2], 100 * (1 - before / np.maximum.accumulate(before)).max())
        assert close(cells[4], 100 * (after[-1] / after[0] - 1))
        assert close(cells[6], 100 * (1 - after / np.maximum.accumulate(after)).max())
        assert (cells[3], cells[7], cells[8]) == ("100.00", "0", "100.00")
    assert number(money[5][2]) == pytest.approx(total, abs=0.02)
    symbol = manifest(folder).symbol
    assert f"B&H is buy-and-hold: {symbol} bought at the open" in called.text


@pytest.mark.parametrize(
    "strategy", ["atr_d_duals_ls", "atr_d_duals_l", "atr_d_ls", "atr_d_l", None]
)
def test_every_strategy_of_a_run_of_survivors(
    strategy: str | None, dual: Path, call: Callable[..., Called]
) -> None:
    called = call(dual, *(["--strategy", strategy] if strategy else []))
    assert called.code == 0, called
    name = strategy or "atr_d_duals_ls"
    assert f"Reproduces candidate 1 of {len(candidates(dual, name))}" in called.text
    # Only strategies that read the second symbol have it in the title.
    symbols = "NASDAQ with SP500" if "duals" in name else "NASDAQ"
    assert called.out.startswith(f"{symbols} 1day, {name}, candidate 1\n")
    assert "'sixty-forty'" in called.text
    assert "slippage 0.1 % and fee 0 % of every fill" in called.text


def test_exposure_counts_longs_alone(dual: Path, call: Callable[..., Called]) -> None:
    found, compared = manifest(dual), 0
    count = found.data.rows
    for name in ("atr_d_ls", "atr_d_l"):
        sides = set()
        called = call(dual, "--strategy", name)
        rows = block(called.out, "A year")
        for k in (1, 2, 3):
            # Over later bars too, so that a position which the phase leaves open has its side.
            at, values = found.phases[k - 1], candidates(dual, name).row(0, named=True)
            sim = wfo.simulate(
                name, pl.read_parquet(dual / "bars.parquet"),
                {n: values[n] for n in wfo.strategies()[name].names},
                split=at.split, warmup=at.warmup, settings=wfo.Settings(**found.settings),
            )  # fmt: skip
            long = np.zeros(count, bool)
            for t in sim.trades.iter_rows(named=True):
                long[t["entry_bar"] : t["exit_bar"]] = t["side"] == "long"
                sides.add(t["side"])
            if sim.trades["exit_bar"].max() < at.end:
                continue
            cells = next(c for c in rows if c[:2] == [str(k), "set"])
            assert close(cells[4], 100 * long[at.warmup : at.split].mean())
            assert close(cells[9], 100 * long[at.split : at.end].mean())
            compared += 1
        assert ("so that short ones count as cash" in called.text) == ("short" in sides)
        assert ("short" in sides) == (name == "atr_d_ls")
    assert compared >= 4


def test_same_exposure_is_buy_and_hold_by_the_share_of_bars(
    dual: Path, call: Callable[..., Called]
) -> None:
    called = call(dual, "--strategy", "atr_d_ls")
    groups: list[dict[str, list[str]]] = []
    for cells in block(called.out, "A year"):
        if cells[1] == "set":
            groups.append({"set": cells[1:]})
        else:
            groups[-1][cells[0]] = cells
    often = [g for g in groups if "exposed" in g]
    assert often, "a set that is often out of the market"
    for group in often:
        for column, share in ((1, 3), (3, 8)):
            exposed = [group["exposed"][i] for i in (1, 3)][column // 3]
            held = group["B&H"][1 if column == 1 else 4]
            expected = number(held) * number(group["set"][share]) / 100
            assert number(exposed) == pytest.approx(expected, abs=0.02)
    assert "'exposed' is buy-and-hold of the same exposure" in called.text


def test_ways_to_name_the_same_candidate(single: Path, call: Callable[..., Called]) -> None:
    first = call(single)
    assert first.code == 0, first
    same = [
        (single, "--candidate", 1),
        (single, "--row", 0),
        (single, "--strategy", "atr_d_l"),
        ("--from-candidates", single / "candidates_atr_d_l_smoke.csv"),
        ("--from-candidates", single / "candidates_atr_d_l_smoke.parquet"),
        ("--from-candidates", single / "candidates_atr_d_l_smoke.csv", "--candidate", 1),
        ("--symbol", "NASDAQ", "--candidate", 1, "--out", single.parent),
        # What is given and is the run's own anyway changes nothing.
        (single, "--slip", "0.0005", "--lot-size", "0.5", "--windows", "default"),
        (single, "--as-of", "2018-12-31", "--timeframe", "1day"),
    ]
    for arguments in same:
        assert call(*arguments).out == first.out, arguments
    assert call(single, "--candidate", 2).out == call(single, "--row", 1).out != first.out
    # Its own parameters, given again, are the candidate still.
    values = candidates(single).row(0, named=True)
    again = call(single, "--set", f"atr_period={values['atr_period']}")
    assert again.out == first.out


def test_one_phase_has_all_metrics_and_trades(single: Path, call: Callable[..., Called]) -> None:
    called = call(single, "--candidate", 3, "--phase", 2, "--plot", "terminal")
    assert called.code == 0, called
    assert called.out.startswith("NASDAQ 1day, atr_d_l, candidate 3, phase 2 of 'default'\n")
    assert "Reproduces candidate 3" in called.text
    assert "all 5 figures" in called.text
    sim = simulated(single, "atr_d_l", 2, 2)
    rows = {r[0]: r[1:] for r in block(called.out, "Whole")}
    profit = [number(text) for text in rows["Net profit"]]
    assert profit[0] == pytest.approx(sim.is_pnl, abs=0.501)
    assert profit[2] == pytest.approx(sim.oos_pnl, abs=0.501)
    _, before, after = by_hand(single, 2)
    assert profit[1] == pytest.approx(before[-1] - before[0], abs=0.501)
    assert profit[3] == pytest.approx(after[-1] - after[0], abs=0.501)
    assert f"Trades {sim.is_trades} 0 {sim.oos_trades} 0 " in called.text
    assert "trade" in called.out.split("wfo.metrics has the formulas.")[1]
    assert "o buy-and-hold, and below its drawdown" in called.text


def test_the_command_that_the_page_names_works(dual: Path, call: Callable[..., Called]) -> None:
    called = call(dual, "--candidate", 2, "--strategy", "atr_d_l")
    words = called.out.splitlines()[-1].split()
    assert words[:2] == ["wfo", "simulate"]
    one = call(*words[2:])
    assert one.code == 0, one
    assert one.out.startswith("NASDAQ 1day, atr_d_l, candidate 2, phase 4 of 'sixty-forty'")
    # Of a set that is varied there is no such command.
    assert "wfo simulate" not in call(dual, "--set", "atr_period=9").out


# Where it differs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "atr_period=9"], ["atr_period 9, not"]),
        (["--slip", "0"], ["slip 0.0, not 0.0005"]),
        (["--sizing", "compound", "--capital", 1000], ["sizing compound", "capital 1000.0"]),
        (["--windows", "sixty-forty"], ["windows 'sixty-forty' as of 2018-12-31, not 'default'"]),
        (["--as-of", "2016-12-30"], ["as of 2016-12-30, not 'default' as of 2018-12-31"]),
        (["--split", "2015-01-02"], ["split on 2015-01-02, not the phases of the run"]),
    ],
)
def test_what_is_given_is_obeyed_and_said(
    arguments: list[str], said: list[str], single: Path, call: Callable[..., Called]
) -> None:
    for source in ([single], ["--from-candidates", single / "candidates_atr_d_l_smoke.csv"]):
        called = call(*source, *arguments)
        assert called.code == 0, called
        assert "Not candidate 1 of" in called.text
        assert "Reproduces" not in called.text
        for each in said:
            assert each in called.text
    lines = called.out.splitlines()
    listed = lines[next(i for i, x in enumerate(lines) if x.endswith("differs in:")) + 1 :]
    assert len(listed[: listed.index("")]) == len(said), "and nothing else is said to differ"


def test_what_is_set_is_simulated(single: Path) -> None:
    plan = SimulationPlan(run=single, params={"atr_period": 9}, settings={"slip": 0.002}, phase=3)
    report = simulate(plan, sample_store())
    assert isinstance(report, SimulationReport)
    at = manifest(single).phases[2]
    settings = manifest(single).settings | {"slip": 0.002}
    row = candidates(single).row(0, named=True)
    params = {n: row[n] for n in report.params} | {"atr_period": 9}
    expected = wfo.simulate(
        "atr_d_l", wfo.load_sample("NASDAQ")[: at.end], params, split=at.split, warmup=at.warmup,
        settings=wfo.Settings(**settings),
    )  # fmt: skip
    assert report.simulation.equity.tolist() == expected.equity.tolist()
    assert report.obstacle is None


def test_other_bars_are_said(single: Path, call: Callable[..., Called]) -> None:
    path = single / "candidates_atr_d_l_smoke.csv"
    called = call("--from-candidates", path, "--symbol", "SP500", "--data-dir", SAMPLE)
    assert called.code == 0, called
    assert called.out.startswith("SP500 1day, atr_d_l, candidate 1\n")
    assert "symbol SP500, not NASDAQ" in called.text
    # Costs are the run's still, and so is the schedule.
    assert "slippage 0.05 % and fee 0.01 %" in called.text
    assert "B&H is buy-and-hold: SP500" in called.text
    # The store's own bars, which are those of the run.
    same = call(single, "--data-dir", SAMPLE)
    assert "Reproduces candidate 1" in same.text
    assert f"from the store {SAMPLE}" in same.text
    assert "the run's own" not in same.text
    # Every store knows the sample, and what it does not hold is not said to be from it.
    shipped = call(single, "--data-dir", "empty")
    assert "Reproduces candidate 1" in shipped.text
    assert "from the sample that ships with wfo" in shipped.text
    assert "from the store" not in shipped.text


def test_bars_that_have_grown_are_said(
    single: Path, tmp_path: Path, call: Callable[..., Called]
) -> None:
    store = wfo.DataStore(tmp_path / "store")
    bars = wfo.load_sample("NASDAQ")
    bars[:-30].write_csv(tmp_path / "n.csv")
    made = CliRunner().invoke(
        cli, ["data", "import", str(tmp_path / "n.csv"), "--symbol", "NASDAQ", "--data-dir",
              str(store.folder)],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    called = call(single, "--data-dir", store.folder)
    assert called.code == 0, called
    assert "Not candidate 1" in called.text
    assert re.search(r"bars of NASDAQ from 1999-01-04 to 2018-11-\d\d, not the", called.text)
    assert "windows" not in called.text.split("differs in:")[1].split("Phase")[0]


def test_set_of_ones_own_needs_no_candidate(single: Path, call: Callable[..., Called]) -> None:
    row = candidates(single).row(5, named=True)
    names = wfo.strategies()["atr_d_l"].names
    sets = [w for n in names for w in ("--set", f"{n}={row[n]}")]
    called = call(single, *sets)
    assert called.code == 0, called
    assert "A set of its own on the run" in called.text
    assert "Reproduces" not in called.text
    # But with a row that is named they are that row's parameters.
    assert "Reproduces candidate 6 of" in call(single, "--row", 5, *sets).text


def resealed(folder: Path, column: str, row: int, value: float) -> None:
    """Put another figure into the candidates, as if the run had stored it."""
    path = folder / "candidates_atr_d_l_smoke.parquet"
    frame = pl.read_parquet(path)
    values = frame[column].to_list()
    values[row] = value
    frame.with_columns(pl.Series(column, values, dtype=frame.schema[column])).write_parquet(path)
    home = RunFolder(folder)
    before = home.read_manifest()
    assert before.completion is not None
    sums = dict(before.completion.sums) | home.digests([path])
    replace(before, completion=replace(before.completion, sums=sums)).write(home.manifest)


def test_figures_that_are_not_reproduced_are_named(
    copied: Path, call: Callable[..., Called]
) -> None:
    """One bit of one figure is enough."""
    before = np.float32(candidates(copied)["P2_OOS_PnL"][1])
    wrong = float(np.nextafter(before, np.float32(np.inf)))
    resealed(copied, "P2_OOS_PnL", 1, wrong)
    called = call(copied, "--candidate", 2)
    assert called.code == 1
    assert "Does NOT reproduce candidate 2" in called.text
    assert "P2_OOS_PnL is" in called.text
    assert called.text.count("in the run") >= 1
    assert "Profit or loss" in called.out, "the page is there all the same"
    assert "does not reproduce candidate 2" in called.err
    assert "1 of 20 figures differ" in called.err
    # The others are as they were, and so are the phases that are not shown.
    assert call(copied, "--candidate", 1).code == 0
    assert call(copied, "--candidate", 2, "--phase", 1).code == 0
    assert call(copied, "--candidate", 2, "--phase", 2).code == 1
    resealed(copied, "P3_OOS_Trades", 1, 9_999)
    assert "2 of 20 figures differ" in call(copied, "--candidate", 2).err
    report = simulate(SimulationPlan(run=copied, row=1), sample_store())
    assert isinstance(report, PhasesReport)
    assert report.obstacle is not None
    assert report.claim is not None
    assert [text.split()[0] for text in report.claim.differences] == [
        "P2_OOS_PnL", "P3_OOS_Trades",
    ]  # fmt: skip


# What the page says, and when it does not


def test_costs_of_nothing_are_warned_of(
    single: Path, tmp_path: Path, call: Callable[..., Called]
) -> None:
    assert "Warning" not in call(single).text
    assert "Warning" in call(single, "--slip", 0, "--fee", 0).text
    assert "Warning" not in call(single, "--slip", 0).text
    page = call(single).text
    for said in (
        "Costs slippage 0.05 % and fee 0.01 % of every fill",
        "Capital 50,000.00",
        "Sizing fixed: the starting capital",
        "Lots shares are rounded down to a multiple of 0.5",
        "max_stop_atr 15",
        f"the run's own, {single / 'bars.parquet'}",
    ):
        assert said in page
    other = call(single, "--sizing", "compound", "--lot-size", 0).text
    assert "compound: the whole equity" in other
    assert "fractions of shares" in other


@pytest.mark.parametrize("disjoint", [False, True])
def test_sums_over_overlapping_phases_are_called_that(
    disjoint: bool, single: Path, tmp_path: Path, call: Callable[..., Called]
) -> None:
    second = (
        "{from: 8y, to: 3y, in_sample: 0.6}" if disjoint else "{from: 9y, to: 4y, in_sample: 0.6}"
    )
    path = tmp_path / "own.yaml"
    path.write_text(f"phases:\n  - {{from: 10y, to: 5y, in_sample: 0.6}}\n  - {second}\n")
    called = call(single, "--windows", path)
    assert called.code == 0, called
    assert ("The sum is over overlapping phases" in called.text) != disjoint
    assert block(called.out, "Profit by drawdown")[-1][0] == "Sum"
    path.write_text("phases:\n  - {from: 10y, to: 5y, in_sample: 0.6}\n")
    alone = call(single, "--windows", path).text
    assert "Sum" not in alone
    assert "overlapping" not in alone


def test_who_never_sells_is_not_above_buy_and_hold(
    single: Path, call: Callable[..., Called]
) -> None:
    """A set that stays invested is buy-and-hold that begins late; it is no better for rounding."""
    never = ("--set", "atr_multiplier=500", "--max-stop-atr", 500, "--lot-size", 0)
    called = call(single, *never)
    assert called.code == 0, called
    rows = [c for c in block(called.out, "A year") if c[1:2] == ["set"]]
    assert [c[8] for c in rows] == ["0"] * 4
    assert "exposed" not in called.text
    assert "often out of the market" not in called.text
    # Idle, it is above buy-and-hold only where that loses.
    idle = call(single, "--set", "atr_buy_multiplier=500")
    lost = sum(after[-1] < after[0] for _, _, after in (by_hand(single, k) for k in (1, 2, 3, 4)))
    # The run has lots, which gates leave out of buy-and-hold.
    held = "buy-and-hold of fractions of shares"
    assert f"above {held} in {lost} of 4 phases by return" in idle.text
    assert "often out of the market" in idle.text
    exposed = [c for c in block(idle.out, "A year") if c[0] == "exposed"]
    assert [c[1:] for c in exposed] == [["0.00"] * 5] * 4


def test_above_buy_and_hold_is_counted_by_return_and_by_risk(
    single: Path, call: Callable[..., Called]
) -> None:
    counts = set()
    for row in range(0, len(candidates(single)), 40):
        found = candidates(single).row(row, named=True)
        returns = risks = 0
        for k in (1, 2, 3, 4):
            # The gates' buy-and-hold has no lots.
            s, at = manifest(single).settings, manifest(single).phases[k - 1]
            bars = pl.read_parquet(single / "bars.parquet")
            paid = bars["open"][at.warmup] * (1 + s["slip"]) * (1 + s["fee"])
            marks = s["capital"] * bars["close"].to_numpy()[at.split - 1 : at.end] / paid
            earned, fall = marks[-1] - marks[0], (np.maximum.accumulate(marks) - marks).max()
            own = found[f"P{k}_OOS_PnL"]
            # Above by more than a millionth: a set that never sells equals it up to rounding.
            held, risk = earned / marks[0], earned / fall
            mine = own / (s["capital"] + found[f"P{k}_IS_PnL"])
            returns += mine > held + 1e-6 * abs(held)
            risks += own / found[f"P{k}_OOS_DD"] > risk + 1e-6 * abs(risk)
        counts.add((returns, risks))
        said = (
            f"in {returns} of 4 phases by return, and in {risks} of 4 by profit divided by drawdown"
        )
        assert said in call(single, "--row", row).text, row
    assert len(counts) > 1


# Files


def test_files_and_charts_of_all_phases(single: Path, call: Callable[..., Called]) -> None:
    called = call(
        single, "--out-trades", "t.parquet", "--out-equity", "e.parquet", "--plot", "p.html",
        "--plot", "terminal",
    )  # fmt: skip
    assert called.code == 0, called
    trades, equity = pl.read_parquet("t.parquet"), pl.read_parquet("e.parquet")
    page = Path("p.html").read_text()
    for k in (1, 2, 3, 4):
        sim, at = simulated(single, "atr_d_l", 0, k), manifest(single).phases[k - 1]
        own = equity.filter(pl.col("phase") == k)
        assert own["equity"].to_list() == sim.equity[at.warmup - 1 :].tolist()
        closed = trades.filter(pl.col("phase") == k)
        assert closed["pnl"].to_list() == sim.trades["pnl"].to_list()
        assert f"candidate 1, phase {k} of &#x27;default&#x27;</h1>" in page
        assert f"candidate 1, phase {k} of 'default'" in called.out
    assert page.count("<svg") == page.count('class="held-fall"') == 4
    # One phase alone needs no number.
    assert call(single, "--phase", 1, "--out-trades", "one.csv").code == 0
    assert "phase" not in pl.read_csv("one.csv").columns


def test_image_of_all_phases(single: Path, call: Callable[..., Called]) -> None:
    pytest.importorskip("matplotlib")
    assert call(single, "--plot", "p.png").code == 0
    content = Path("p.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[20:24], "big") == 4 * 720


def test_file_elsewhere_says_what_is_not_known(
    single: Path, tmp_path: Path, call: Callable[..., Called]
) -> None:
    for name in ("candidates_atr_d_l_smoke.csv", "candidates_atr_d_l_smoke.parquet"):
        shutil.copy(single / name, tmp_path / name)
        options = ("--symbol", "NASDAQ", "--strategy", "atr_d_l", "--data-dir", SAMPLE)
        called = call("--from-candidates", name, *options)
        assert called.code == 0, called
        assert f"{name} is no file that a run lists: its costs, windows and bars" in called.text
        assert called.out.startswith("NASDAQ 1day, atr_d_l, phase 4 of 'default'\n")
        assert "Costs none. Warning" in called.text
        assert "eproduce" not in called.text
        row = call("--from-candidates", name, *options, "--candidate", 2)
        assert row.out == call("--from-candidates", name, *options, "--row", 1).out
        assert call("--from-candidates", name, "--symbol", "NASDAQ").code == 1
    # A file beside a run that the run does not list is such a file too.
    beside = Path(shutil.copytree(single, tmp_path / "run"))
    candidates(single)[::-1].write_csv(beside / "mine.csv")
    assert (
        "is no file that a run lists"
        in call("--from-candidates", beside / "mine.csv", *options).text
    )


# What cannot be done


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        (["RUN", "--symbol", "NASDAQ"], 2, ["the run's folder, or --symbol, and not both"]),
        (["RUN", "--symbol2", "SP500"], 2, ["not both"]),
        (["RUN", "--from-candidates", "c.csv"], 2, ["or --from-candidates, and not both"]),
        (["RUN", "--candidate", 1, "--row", 0], 2, ["--candidate counts from 1 and --row from 0"]),
        (["RUN", "--candidate", 0], 2, ["--candidate"]),
        (["RUN", "--phase", 1, "--split", "2015-01-02"], 2, ["--split", "--phase"]),
        (["RUN", "--candidate", 99999], 1, ["candidate 99,999", "COUNT of atr_d_l", "1 to COUNT"]),
        (["RUN", "--row", "COUNT"], 1, ["(row COUNT)", "--row 0 to LAST"]),
        (["RUN", "--strategy", "atr_d_ls"], 1, ["no strategy 'atr_d_ls'", "'atr_d_l'?"]),
        (["RUN", "--phase", 5], 1, ["no phase 5", "'default' has 4"]),
        (["RUN", "--set", "atr_perid=3"], 1, ["did you mean 'atr_period'?"]),
        (["RUN", "--set", "atr_period=0"], 1, ["atr_period = 0"]),
        (["RUN", "--slip", 2], 1, ["slip = 2.0 is not allowed"]),
        (["RUN", "--engine", "dirct"], 1, ["did you mean 'direct'?"]),
        (["RUN", "--symbol2", "SP500", "--data-dir", "x"], 2, ["not both"]),
        (["none"], 1, ["there is no run in none", "wfo run"]),
        (["--symbol", "NASDAQ", "--candidate", 1], 1, ["no run in results"]),
        (
            ["--from-candidates", "RUN/candidates_atr_d_l_smoke.csv", "--strategy", "atr_d_ls"],
            1,
            ["no candidates file of atr_d_ls: it is one of atr_d_l"],
        ),
        (
            ["--from-candidates", "RUN/plateaus_atr_d_l_smoke.csv", "--symbol", "NASDAQ",
             "--strategy", "atr_d_l"],
            1,
            ["plateaus_atr_d_l_smoke.csv has no parameter columns"],
        ),
    ],
)  # fmt: skip
def test_wrong_use_is_said(
    arguments: Sequence[object],
    code: int,
    messages: list[str],
    single: Path,
    call: Callable[..., Called],
) -> None:
    count = len(candidates(single))

    def filled(text: object) -> str:
        for word, value in (("RUN", single), ("COUNT", count), ("LAST", count - 1)):
            text = str(text).replace(word, str(value))
        return str(text)

    called = call(*map(filled, arguments))
    assert called.code == code, called
    assert called.out == ""
    for message in messages:
        assert filled(message) in " ".join(called.err.split()), called


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("bars.parquet", "--data-dir takes bars from a store"),
        ("candidates_atr_d_l_smoke.parquet", "wfo rescore"),
        ("candidates_atr_d_l_smoke.csv", "wfo rescore"),
        ("run.json", "run again"),
    ],
)
def test_damaged_file_is_named(
    name: str, remedy: str, copied: Path, call: Callable[..., Called]
) -> None:
    path = copied / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    called = call("--from-candidates", copied / "candidates_atr_d_l_smoke.csv")
    assert called.code == 1, called
    assert called.out == ""
    assert str(path) in called.err
    assert remedy in called.err
    # The folder alone does not look at the CSV file, which has fewer digits and rows.
    assert call(copied).code == (0 if name.endswith("csv") else 1)
    path.unlink()
    assert call(copied).code == (0 if name.endswith("csv") else 1)
    if name == "bars.parquet":
        instead = call(copied, "--data-dir", SAMPLE)
        assert "Reproduces candidate 1" in instead.text


@pytest.mark.parametrize(
    ("status", "messages"),
    [
        ("interrupted", ["did not finish; the same command goes on", "wfo run --grid smoke"]),
        ("running", ["did not finish"]),
        ("rescoring", ["was being rescored", "wfo rescore"]),
    ],
)
def test_run_that_is_not_complete(
    status: str, messages: list[str], copied: Path, call: Callable[..., Called]
) -> None:
    home = RunFolder(copied)
    replace(home.read_manifest(), status=status).write(home.manifest)
    for source in ([copied], ["--from-candidates", copied / "candidates_atr_d_l_smoke.csv"]):
        called = call(*source)
        assert called.code == 1
        for message in messages:
            assert message in called.err


def test_run_without_candidates(tmp_path: Path, call: Callable[..., Called]) -> None:
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=tmp_path / "out", gates=Gates(wfe=1e6))
    folder = run(plan, sample_store()).folder.path
    called = call(folder)
    assert called.code == 1
    assert "has no candidates of atr_d_l" in called.err
    assert "wfo rescore" in called.err
    # The message is that of every command, and not all of them have --set.
    assert f"'wfo simulate {folder} --set NAME=VALUE'" in called.err


def test_a_plan_names_one_source(single: Path) -> None:
    with pytest.raises(InputError, match=r"has candidates of its own; leave c\.csv out"):
        simulate(SimulationPlan(run=single, candidates=Path("c.csv")), sample_store())
    with pytest.raises(InputError, match="takes --symbol and --strategy; a run's folder says both"):
        simulate(SimulationPlan(), sample_store())
    with pytest.raises(InputError, match="atr_d_l has no setting 'slipp'; did you mean 'slip'"):
        simulate(SimulationPlan(run=single, settings={"slipp": 0.1}), sample_store())
    with pytest.raises(ResultsError, match="there is no run in"):
        simulate(SimulationPlan(run=single / "wfo"), sample_store())
