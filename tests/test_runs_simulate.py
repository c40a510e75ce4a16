"""A simulation from Python, as the command does it."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import wfo
from wfo.cli import cli
from wfo.data import sample_store
from wfo.runs.inputs import load_inputs
from wfo.runs.simulate import SimulationPlan, simulate

PARAMS = {
    "atr_period": 14,
    "atr_multiplier": 6.5,
    "bb_length": 20,
    "bb_deviation": 2.0,
    "vol_threshold": 0.1,
    "min_tightening": 0.4,
    "scaling_method": 1,
    "atr_buy_period": 10,
    "atr_buy_multiplier": 1.5,
    "atr_smooth_period": 3,
    "equity_price_method": 0,
}


def test_numbers_and_texts_are_one() -> None:
    numbers = simulate(SimulationPlan("NASDAQ", "atr_d_l", PARAMS), sample_store())
    texts = {name: str(value) for name, value in PARAMS.items()}
    same = simulate(SimulationPlan("NASDAQ", "atr_d_l", texts), sample_store())
    assert dict(numbers.params) == dict(same.params) == PARAMS
    assert numbers.simulation.equity.tolist() == same.simulation.equity.tolist()
    trades = len(numbers.simulation.trades)
    title = "NASDAQ 1day, atr_d_l, phase 4 of 'default'"
    assert repr(numbers) == f"SimulationReport({title}: {trades:,} trades)"
    assert numbers.written == ()


def test_the_page_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    trades, equity, plot = (tmp_path / name for name in ("t.csv", "e.parquet", "p.html"))
    plan = SimulationPlan(
        "NASDAQ",
        "atr_d_l",
        PARAMS,
        split=dt.date(2010, 1, 4),
        begin=dt.date(2005, 1, 3),
        as_of=dt.date(2015, 12, 31),
        settings=wfo.Settings(slip=0.0005),
        out_trades=trades,
        out_equity=equity,
        plots=(plot,),
    )
    report = simulate(plan, sample_store())
    assert report.written == (trades, equity, plot)
    line = ["simulate", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--split", "2010-01-04"]
    line += ["--from", "2005-01-03", "--as-of", "2015-12-31", "--slip", "0.0005"]
    line += ["--data-dir", str(sample_store().folder), "--plot", "terminal"]
    line += [word for name, value in PARAMS.items() for word in ("--set", f"{name}={value}")]
    written = {path: path.read_bytes() for path in report.written}
    line += ["--out-trades", str(trades), "--out-equity", str(equity), "--plot", str(plot)]
    called = CliRunner().invoke(cli, line)
    assert called.exit_code == 0, called.output
    assert called.output == report.page(80)
    assert {path: path.read_bytes() for path in report.written} == written
    without = report.page()
    assert len(without) < len(report.page(80))
    assert all(row in report.page(80) for row in without.splitlines())
    assert re.search(r"^Written$", without, re.MULTILINE)
    # The file has all trades of the stretch, each once.
    assert len(pl.read_csv(trades)) == len(report.simulation.trades)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (SimulationPlan("NASDAK", "atr_d_l", PARAMS), "did you mean 'NASDAQ'"),
        (SimulationPlan("NASDAQ", "atr_d_l", PARAMS, phase=9), "no phase 9: .* has 4"),
        (SimulationPlan("NASDAQ", "atr_d_l", PARAMS, plots=(Path("x.pdf"),)), "must end in"),
        (SimulationPlan("NASDAQ", "atr_d_l", PARAMS, engine="direkt"), "did you mean 'direct'"),
        (SimulationPlan("NASDAQ", "atr_d_l", PARAMS, candidates=Path("x.csv")), "no candidates"),
    ],
)
def test_what_cannot_be_simulated_is_named(plan: SimulationPlan, message: str) -> None:
    with pytest.raises(wfo.WfoError, match=message):
        simulate(plan, sample_store())


def test_what_is_said_of_the_bars_is_what_they_are() -> None:
    dual = wfo.strategies()["atr_d_duals_l"]
    inputs = load_inputs(sample_store(), dual, "NASDAQ", "SP500")
    assert inputs.second is not None
    assert inputs.dropped is not None
    for record, bars in ((inputs.data, inputs.bars), (inputs.data2, inputs.second)):
        assert record is not None
        assert record.rows == len(bars)
        assert record.first == bars["date"][0].isoformat()
        assert record.last == bars["date"][-1].isoformat()
        assert record.fingerprint == sample_store().meta(record.symbol).fingerprint
    assert inputs.fingerprints == [
        sample_store().meta(symbol).fingerprint for symbol in ("NASDAQ", "SP500")
    ]
    # A simpler strategy beside it reads the first alone, on the same bars.
    assert list(inputs.of(wfo.strategies()["atr_d_l"])) == ["bars"]
    assert list(inputs.of(dual)) == ["bars", "bars2"]


@pytest.mark.parametrize("lot", [0.0, 3.0])
def test_a_simulation_carries_buy_and_hold(lot: float) -> None:
    bars = wfo.load_sample("NASDAQ")
    settings = wfo.Settings(capital=10_000, slip=0.001, fee=0.0002, lot_size=lot, sizing="fixed")
    sim = wfo.simulate(
        "atr_d_l", bars, PARAMS, split=3000, warmup=1000, settings=settings, engine="factored"
    )
    paid = bars["open"][1000] * 1.001 * 1.0002
    shares = 10_000 / paid if lot == 0 else 10_000 / paid // lot * lot
    assert shares > 0
    assert sim.held is not None
    assert sim.held[:1000].tolist() == [10_000.0] * 1000
    expected = 10_000 + shares * (bars["close"].to_numpy()[1000:] - paid)
    assert sim.held[1000:] == pytest.approx(expected, rel=1e-12)
    # A chart shows it; the metrics are the strategy's alone, as they were.
    drawn = sim.plot().chart
    assert drawn.held is not None
    assert drawn.held.tolist() == sim.held[999:].tolist()
    assert sim.metrics().whole.net_profit == pytest.approx(sim.equity[-1] - 10_000)
