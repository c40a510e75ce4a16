"""``wfo simulate`` as a user calls it: metrics, files, charts, and what cannot be simulated."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from strategies import strategy

import wfo
import wfo.data
from wfo import charts
from wfo.cli import main
from wfo.data import sample_store
from wfo.metrics import DEFINITIONS, compute_metrics, simulation_metrics
from wfo.runs.inputs import load_inputs
from wfo.strategy import Feed, PythonKernel, Walk, get_strategy, registry

SAMPLE = str(Path(wfo.data.__file__).parent / "sample")
SIMULATE = ("simulate", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--data-dir", SAMPLE)

PARAMS: dict[str, int | float] = {
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


class Called:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Called]:
    """Calls the command line in an empty folder, in a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> Called:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        assert isinstance(exit_.value.code, int)
        return Called(exit_.value.code, *capsys.readouterr())

    return call


def setting(**params: object) -> list[str]:
    return [part for n, v in params.items() for part in ("--set", f"{n}={v}")]


ALL = setting(**PARAMS)


def bars() -> pl.DataFrame:
    return wfo.load_sample("NASDAQ")


def dates() -> list[dt.date]:
    return bars()["date"].to_list()


def phase(number: int, windows: str = "default") -> wfo.Phase:
    return wfo.Windows.preset(windows).resolve(dates())[number - 1]


def simulated(
    at: wfo.Phase, params: dict[str, Any] | None = None, **settings: Any
) -> wfo.Simulation:
    return wfo.simulate(
        "atr_d_l", bars()[: at.end], params or PARAMS, split=at.split, warmup=at.warmup,
        settings=wfo.Settings(**settings),
    )  # fmt: skip


def printed(out: str, *, held: bool = False) -> dict[str, list[str]]:
    """The rows of the metrics table by their heading: in-sample, out-of-sample, whole."""
    rows = (re.split(r" {2,}", line.strip()) for line in out.splitlines())
    return {row[0]: row[2::2] if held else row[1::2] for row in rows if len(row) == 7}


def number(text: str) -> float:
    return float(text.replace(",", ""))


def check_column(rows: dict[str, list[str]], columns: Sequence[Any]) -> None:
    """Checks a column of the table against metrics; money of 1,000 and more has no decimals."""
    for d in DEFINITIONS:
        title = d.title + {"share": ", %", "days": ", days"}.get(d.unit, "")
        scale = 100 if d.unit == "share" else 1
        for text, column in zip(rows[title], columns, strict=True):
            near = 0.501 if d.unit == "money" and "." not in text else 0.00501
            assert number(text) == pytest.approx(scale * getattr(column, d.name), abs=near), title


# The table


def test_metrics_side_by_side(call: Callable[..., Called]) -> None:
    called = call(*SIMULATE, *ALL)
    assert called.code == 0, called
    assert called.err == ""
    for line in called.out.splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()
    assert called.out.startswith("NASDAQ 1day, atr_d_l, phase 4 of 'default'\n")
    at = phase(4)
    sim = simulated(at)
    parts = simulation_metrics(sim, dates(), warmup=at.warmup, split=at.split, bars_per_year=252)
    columns = (parts.in_sample, parts.out_of_sample, parts.whole)
    text = " ".join(called.out.split())
    assert f"In-sample: 2014-12-31 to 2016-12-29, {at.split - at.warmup} bars" in text
    assert f"out-of-sample: 2016-12-30 to 2018-12-31, {at.end - at.split} bars" in text
    assert len(sim.trades) > 10, "a set that trades"
    check_column(printed(called.out), columns)
    # Buy-and-hold by hand: all the capital at the first open, marked at every close.
    opens, closes = bars()["open"].to_numpy(), bars()["close"].to_numpy()
    shares = 100_000 / opens[at.warmup]
    marks = np.concatenate([[100_000.0], shares * closes[at.warmup : at.end]])
    rows = printed(called.out, held=True)
    cut = at.split - at.warmup
    for i, (first, last) in enumerate(((0, cut), (cut, -1), (0, -1))):
        earned, earlier = marks[last] - marks[first], marks[first]
        part = marks[first:] if last == -1 else marks[first : last + 1]
        fall = (1 - part / np.maximum.accumulate(part)).max()
        assert number(rows["Net profit"][i]) == pytest.approx(earned, abs=0.501)
        assert number(rows["Total return, %"][i]) == pytest.approx(
            100 * earned / earlier, abs=0.00501
        )
        assert number(rows["Maximum drawdown, %"][i]) == pytest.approx(100 * fall, abs=0.00501)
        assert (rows["Trades"][i], rows["Win rate, %"][i]) == ("0", "-")
        assert rows["Held long, %"][i] == "100.00"
    exposure = [number(t) for t in printed(called.out)["Held long, %"]]
    assert exposure == [pytest.approx(100 * m.exposure, abs=0.00501) for m in columns]
    assert min(exposure) < 100
    # It is seldom out of the market.
    assert exposure[2] > 90
    assert "exposed" not in called.out
    assert "A year has 252 bars" in called.out
    for name, value in PARAMS.items():
        assert re.search(rf"\b{name} {value:g}[,\n]", called.out), name
    # The last trades, with the dates of their bars.
    last = sim.trades.row(-1, named=True)
    assert f"Last 10 of {len(sim.trades)} trades" in called.out
    assert re.search(
        rf"^  long  {dates()[last['entry_bar']]} .* {dates()[last['exit_bar']]} "
        rf".* {last['pnl']:,.2f}$",
        called.out,
        re.MULTILINE,
    )


def test_set_that_is_often_out_of_the_market_has_buy_and_hold_of_its_exposure(
    call: Callable[..., Called],
) -> None:
    called = call(*SIMULATE, *setting(**(PARAMS | {"atr_multiplier": 1.5, "min_tightening": 0.9})))
    assert called.code == 0, called
    own, held = printed(called.out), printed(called.out, held=True)
    exposure = [number(t) for t in own["Held long, %"]]
    assert 0 < exposure[2] < 90
    assert own["Return as exposed, %"] == own["Total return, %"]
    for i in range(3):
        scaled = number(held["Total return, %"][i]) * exposure[i] / 100
        assert number(held["Return as exposed, %"][i]) == pytest.approx(scaled, abs=0.011)
    assert "times the share of bars held long, the rest in cash" in " ".join(called.out.split())


def test_nothing_that_trades_has_no_ratios(call: Callable[..., Called]) -> None:
    called = call(*SIMULATE, *ALL, "--set", "atr_buy_multiplier=500", "--plot", "terminal")
    assert called.code == 2, "a name is set once"
    idle = setting(**(PARAMS | {"atr_buy_multiplier": 500}))
    called = call(*SIMULATE, *idle, "--plot", "terminal", "--plot", "flat.html")
    assert called.code == 0, called
    rows = printed(called.out)
    for title in ("Sharpe ratio", "Sortino ratio", "MAR (Calmar) ratio", "Profit factor"):
        assert rows[title] == ["-"] * 3
    assert rows["Trades"] == ["0"] * 3
    assert rows["Exposure, %"] == ["0.00"] * 3
    assert "No trades were closed." in called.out
    assert "nan" not in called.out
    assert "open after the last bar" not in called.out


def test_position_that_stays_open_is_said(call: Callable[..., Called]) -> None:
    wide = setting(**(PARAMS | {"atr_multiplier": 500, "atr_buy_multiplier": 0.1}))
    called = call(*SIMULATE, *wide, "--max-stop-atr", "500")
    assert "No trades were closed.\n  A position is open after the last bar" in called.out


# Where parameters come from


def test_settings_and_engine_reach_the_simulation(call: Callable[..., Called]) -> None:
    options = ("--capital", "5000", "--slip", "0.001", "--fee", "0.0002", "--sizing", "fixed")
    options += ("--lot-size", "0.5", "--max-stop-atr", "3", "--entry-style", "breakout")
    called = call(*SIMULATE, *ALL, *options, "--out-equity", "e.parquet")
    assert called.code == 0, called
    at = phase(4)
    sim = simulated(
        at, capital=5000, slip=0.001, fee=0.0002, sizing="fixed", lot_size=0.5, max_stop_atr=3,
        entry_style="breakout",
    )  # fmt: skip
    assert pl.read_parquet("e.parquet")["equity"].to_list() == sim.equity[at.warmup - 1 :].tolist()


def test_reference_engine(call: Callable[..., Called]) -> None:
    pytest.importorskip("numba")
    options = ("--slip", "0.001", "--entry-style", "breakout")
    called = call(*SIMULATE, *ALL, *options)
    for engine in ("reference", "factored"):
        again = call(*SIMULATE, *ALL, *options, "--engine", engine)
        assert again.code == 0, again
        assert printed(again.out) == printed(called.out)


def ending_at(capital: float, feeds: Any, settings: wfo.AccountSettings, warmup: int) -> Walk:
    """Nothing until the first trading bar, and then so much."""
    equity = np.full(len(feeds["bars"]["close"]), capital)
    equity[:warmup] = settings.capital
    return Walk(trades=[], equity=equity)


def richer(feeds: Any, sets: Any, settings: wfo.AccountSettings, warmup: int) -> Walk:
    return ending_at(110_000.0, feeds, settings, warmup)


def poorer(feeds: Any, sets: Any, settings: wfo.AccountSettings, warmup: int) -> Walk:
    return ending_at(90_000.0, feeds, settings, warmup)


def test_the_engine_is_the_one_that_is_named(call: Callable[..., Called]) -> None:
    """Of a strategy whose engines do not agree, as they should."""
    kernel, reference = (
        PythonKernel(f"test_cli_simulate:{n}", engines=(n,)) for n in ("richer", "poorer")
    )
    own = strategy("fast", kernel=kernel, reference=reference, lookback=lambda values: 1)
    line = ("simulate", "--symbol", "NASDAQ", "--data-dir", SAMPLE, "--strategy", "toy")
    with registry.separate([own]):
        called = [call(*line, "--set", "fast=1", "--engine", n) for n in ("poorer", "richer")]
        lacking = call(*line, "--set", "fast=1", "--engine", "reference")
    assert [c.code for c in called] == [0, 0], called
    assert [printed(c.out)["Net profit"][2] for c in called] == ["-10,000", "10,000"]
    assert lacking.code == 1, lacking


# Where the bars are cut


@pytest.mark.parametrize(
    ("arguments", "windows", "number"),
    [
        ((), "default", 4),
        (("--phase", "2"), "default", 2),
        (("--windows", "sixty-forty"), "sixty-forty", 4),
        (("--windows", "sixty-forty", "--phase", "1"), "sixty-forty", 1),
    ],
)
def test_phases(
    arguments: tuple[str, ...], windows: str, number: int, call: Callable[..., Called]
) -> None:
    called = call(*SIMULATE, *ALL, *arguments, "--out-equity", "e.csv")
    assert called.code == 0, called
    at = phase(number, windows)
    assert f"phase {number} of '{windows}'" in called.out
    equity = pl.read_csv("e.csv")
    assert equity["bar"].to_list() == list(range(at.warmup - 1, at.end))
    assert equity["equity"].to_list() == simulated(at).equity[at.warmup - 1 :].tolist()
    parts = dict(equity["part"].value_counts().iter_rows())
    assert parts == {
        "start": 1,
        "in-sample": at.split - at.warmup,
        "out-of-sample": at.end - at.split,
    }


@pytest.mark.parametrize(
    ("arguments", "warmup", "split", "end"),
    [
        # 2015-01-01 is a holiday; the first bar on or after it counts. The warm-up is 100 bars.
        (("--split", "2015-01-01"), 100, "2015-01-02", "2018-12-31"),
        (("--split", "2015-01-02", "--from", "2010-01-02"), "2010-01-04", "2015-01-02", None),
        (("--split", "2010-01-04", "--as-of", "2012-12-30"), 100, "2010-01-04", "2012-12-28"),
    ],
)
def test_split_of_ones_own(
    arguments: tuple[str, ...],
    warmup: int | str,
    split: str,
    end: str | None,
    call: Callable[..., Called],
) -> None:
    called = call(*SIMULATE, *ALL, *arguments, "--out-equity", "e.parquet")
    assert called.code == 0, called
    days = [d.isoformat() for d in dates()]
    first = warmup if isinstance(warmup, int) else days.index(warmup)
    last = len(days) if end is None else days.index(end) + 1
    sim = wfo.simulate("atr_d_l", bars()[:last], PARAMS, split=days.index(split), warmup=first)
    equity = pl.read_parquet("e.parquet")
    assert equity["equity"].to_list() == sim.equity[first - 1 :].tolist()
    assert equity["bar"].to_list() == list(range(first - 1, last))
    boundary = equity.filter(pl.col("part") == "out-of-sample")["date"][0]
    assert boundary.isoformat() == split


def test_longer_lookback_takes_a_longer_warm_up(call: Callable[..., Called]) -> None:
    slow = setting(**(PARAMS | {"atr_period": 250}))
    called = call(*SIMULATE, *slow, "--split", "2015-01-02", "--out-equity", "e.csv")
    assert called.code == 0, called
    assert pl.read_csv("e.csv")["bar"][0] == 249


def test_short_history_says_what_became_of_the_schedule(call: Callable[..., Called]) -> None:
    called = call(*SIMULATE, *ALL, "--as-of", "2005-12-30")
    assert called.code == 0, called
    text = " ".join(called.out.split())
    assert "too few for the 'default' schedule" in text
    assert "4 shorter phases" in text
    assert call(*SIMULATE, *ALL, "--as-of", "2002-12-30", "--phase", "4").code == 1


# Files


@pytest.mark.parametrize("ending", ["csv", "parquet", "CSV"])
def test_files_hold_trades_and_equity(ending: str, call: Callable[..., Called]) -> None:
    called = call(*SIMULATE, *ALL, "--out-trades", f"t.{ending}", "--out-equity", f"e.{ending}")
    assert called.code == 0, called
    assert called.out.endswith(f"\nWritten\n  t.{ending}\n  e.{ending}\n")
    assert sorted(p.name for p in Path.cwd().iterdir()) == [f"e.{ending}", f"t.{ending}"]

    def read(name: str) -> pl.DataFrame:
        path = f"{name}.{ending}"
        return (
            pl.read_parquet(path)
            if ending == "parquet"
            else pl.read_csv(path, try_parse_dates=True)
        )

    at, days = phase(4), dates()
    sim = simulated(at)
    trades, equity = read("t"), read("e")
    assert trades.columns == [
        "side", "entry_bar", "entry_date", "entry_price", "exit_bar", "exit_date", "exit_price",
        "pnl", "part",
    ]  # fmt: skip
    assert trades.select(sim.trades.columns).equals(sim.trades)
    assert trades["entry_date"].to_list() == [days[i] for i in sim.trades["entry_bar"]]
    assert trades["exit_date"].to_list() == [days[i] for i in sim.trades["exit_bar"]]
    assert (trades["part"] == "in-sample").sum() == sim.is_trades
    assert (trades["part"] == "out-of-sample").sum() == sim.oos_trades
    assert equity["date"].to_list() == days[at.warmup - 1 : at.end]
    # The file alone gives the metrics again.
    again = compute_metrics(
        equity["equity"].to_numpy(), trades, dates=equity["date"].to_list(), bars_per_year=252
    )
    assert equity["drawdown"].max() == again.max_drawdown
    rows = printed(called.out)
    assert rows["Sharpe ratio"][2] == f"{again.sharpe:.2f}"
    assert number(rows["Net profit"][2]) == pytest.approx(again.net_profit, abs=0.501)


def test_trade_that_closes_on_the_boundary_is_out_of_sample(call: Callable[..., Called]) -> None:
    closed = simulated(phase(4)).trades["exit_bar"][5]
    split = dates()[closed]
    options = ("--from", "2014-12-31", "--out-trades", "t.csv")
    assert call(*SIMULATE, *ALL, "--split", split, *options).code == 0
    part = pl.read_csv("t.csv").filter(pl.col("exit_bar") == closed)["part"]
    assert part.to_list() == ["out-of-sample"]


def hourly(folder: Path) -> None:
    """Store five years of seven bars a day under HOURS."""
    random = np.random.default_rng(3)
    first, zone = dt.date(2015, 1, 5), ZoneInfo("America/New_York")
    days = [first + dt.timedelta(i) for i in range(1825)]
    times = [
        dt.datetime(d.year, d.month, d.day, hour, 30, tzinfo=zone)
        for d in days if d.weekday() < 5 for hour in range(9, 16)
    ]  # fmt: skip
    close = 100 * np.exp(np.cumsum(random.normal(0.0001, 0.005, len(times))))
    opens = np.concatenate([[100.0], close[:-1]])
    frame = pl.DataFrame(
        {
            "datetime": times,
            "open": opens,
            "high": np.maximum(opens, close) * 1.002,
            "low": np.minimum(opens, close) * 0.998,
            "close": close,
        }
    )
    path = folder / "hours.parquet"
    frame.write_parquet(path)
    with pytest.raises(SystemExit) as exit_:
        main(
            ["data", "import", str(path), "--symbol", "HOURS", "--timeframe", "1hour",
             "--data-dir", str(folder / "store")]
        )  # fmt: skip
    assert exit_.value.code == 0


def test_intraday_bars(call: Callable[..., Called], tmp_path: Path) -> None:
    hourly(tmp_path)
    arguments = ("--symbol", "HOURS", "--timeframe", "1hour", "--data-dir", tmp_path / "store")
    called = call(
        "simulate", "--strategy", "atr_d_l", *arguments, *ALL, "--plot", "terminal",
        "--plot", "e.html", "--out-trades", "t.csv", "--out-equity", "e.csv",
    )  # fmt: skip
    assert called.code == 0, called
    # Weekdays without a holiday are 260.9 a year, of seven hours each.
    assert "Year     1,826 bars (counted: 260.9 sessions, of 7 bars each)" in called.out
    assert "A year has 1,826 bars" in called.out
    text = pl.read_csv("t.csv")["entry_datetime"][0]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT(09|1[0-5]):30:00-0[45]:00", text), text
    stored = wfo.DataStore(tmp_path / "store").load("HOURS", "1hour")
    equity = pl.read_csv("e.csv")
    stamp = dt.datetime.fromisoformat(equity["datetime"][0])
    assert stamp == stored["datetime"][equity["bar"][0]]


def test_earlier_file_survives_what_fails(call: Callable[..., Called], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("earlier")
    assert call(*SIMULATE, *ALL, "--split", "1999-01-05", "--out-trades", "t.csv").code == 1
    assert (tmp_path / "t.csv").read_text() == "earlier"
    assert call(*SIMULATE, *ALL, "--out-trades", "t.csv").code == 0
    assert (tmp_path / "t.csv").read_text().startswith("side,")


# Charts


def chart(equity: Any, boundary: int = 1, title: str = "a title") -> charts.EquityChart:
    marks = np.asarray(equity, dtype=float)
    days = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(len(marks))]
    return charts.EquityChart(title, days, marks, boundary)


def test_terminal_chart_by_hand() -> None:
    # 69 columns of 2 marks each: up by one a bar, then a fall to half of the peak.
    rise = np.arange(100.0, 200.0)
    lines = charts.text_chart(chart([*rise, *np.full(38, 100.0)], boundary=70), 80).splitlines()
    assert lines[0] == "a title"
    above, rule, below = lines[1:13], lines[13], lines[14:19]
    assert rule == " " * 10 + "+" + "-" * 35 + "+" + "-" * 33
    cells = [line.ljust(80)[11:] for line in above]
    assert [line[:10] for line in above if line[:10].strip()] == [
        "      199 ", "      154 ", "      100 ",
    ]  # fmt: skip
    # The curve rises from the lower left, and falls to the ground between columns 49 and 50.
    assert cells[-1][0] == "*"
    assert cells[0][49] == "*"
    assert all(row[50] == "*" for row in cells)
    assert cells[-1][51:] == "*" * 18
    assert all(row[35] in ":*" for row in cells)
    assert sum(row[35] == "*" for row in cells) == 1
    # Down to -49.7 %, and nothing before.
    assert [line.ljust(80)[11:].replace(":", " ") for line in below] == [" " * 50 + "#" * 19] * 5
    assert below[0].startswith("    0.0 % |")
    assert below[-1].startswith("  -49.7 % |")
    assert lines[19].split() == ["2020-01-01", "2020-03-11", "2020-05-17"]
    assert "out-of-sample from 2020-03-11" in lines[20]


def test_buy_and_hold_in_characters_by_hand() -> None:
    # The equity stays; buy-and-hold rises from 100 to 200 and falls to half of that.
    held = np.array([*np.linspace(100.0, 200.0, 69), *np.full(69, 100.0)])
    days = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(138)]
    drawn = charts.EquityChart("a title", days, np.full(138, 100.0), 70, held)
    lines = charts.text_chart(drawn, 80).splitlines()
    cells = [line.ljust(80)[11:] for line in lines]
    # One row of equity below, buy-and-hold above it up to the middle of the chart.
    assert cells[12] == "*" * 69
    assert cells[1][34] == "o"
    assert all("*" not in row for row in cells[1:12])
    assert "o" not in "".join(row[:10] for row in cells[1:8])
    # Then two drawdowns on one scale, each with its own rows.
    assert [i for i, line in enumerate(lines) if line.startswith(" " * 10 + "+-")] == [13, 18]
    own, other = cells[14:18], cells[19:23]
    assert "".join(own).strip(" :") == ""
    assert cells[1][34] == "o"
    assert [row.replace(":", " ").strip().strip("o") for row in other] == [""] * 4
    # The peak and the first mark after it share a column.
    assert [row.index("o") for row in other] == [34] * 4
    for block in (lines[14:18], lines[19:23]):
        assert block[0].startswith("    0.0 % |")
        assert block[-1].startswith("  -50.0 % |")
    assert lines[-2].strip().startswith("* equity   # drawdown")
    assert lines[-1].strip() == "o buy-and-hold, and below its drawdown"


@pytest.mark.parametrize("count", [3, 10, 69, 100, 138, 5000])
def test_boundary_stands_in_the_column_of_its_mark(count: int) -> None:
    marks = np.arange(count)
    buckets = charts._buckets(marks, 69)
    assert all(len(b) for b in buckets)
    for index in marks:
        expected = next(j for j, b in enumerate(buckets) if index in b)
        assert charts._column(int(index), count, 69) == expected


def test_leaps_leave_no_holes() -> None:
    lines = charts.text_chart(chart([100.0] * 68 + [200.0] * 70, boundary=9), 80).splitlines()
    leap = [line.ljust(80)[11:][34] for line in lines[1:13]]
    assert leap == ["*"] * 12


@pytest.mark.parametrize("width", [66, 80, 133])
@pytest.mark.parametrize(
    "equity",
    [
        [100.0, 100, 100],
        [100.0, 90, 80, 70],
        [1e-3, 2e-3, 1e-3],
        [1e5, 3e12, 9e11],
        [100.0, 50, -20, -20],
        100 + np.sin(np.arange(5000)),
    ],
)
def test_terminal_chart_keeps_its_width(equity: Any, width: int) -> None:
    text = charts.text_chart(chart(equity, title="x" * 200), width)
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    assert all(" " <= c <= "~" for c in text.replace("\n", ""))
    assert "*" in text
    assert len(lines) == 21


def svg_of(page: str) -> ET.Element:
    found = re.search(r"<svg.*</svg>", page, re.DOTALL)
    assert found
    return ET.fromstring(found[0])


def points(svg: ET.Element, name: str) -> np.ndarray:
    (shape,) = (e for e in svg if e.get("class") == name and e.get("points"))
    return np.array([[float(v) for v in p.split(",")] for p in shape.get("points", "").split()])


def test_page_draws_the_marks_and_stands_alone() -> None:
    equity = [100.0, 120, 90, 150, 75, 75]
    page = charts.page(chart(equity, boundary=3, title="S&P <500>"))
    assert "<title>S&amp;P &lt;500&gt;</title>" in page
    assert not re.search(r"<script|https?://|@import|url\(", page)
    svg = svg_of(page)
    curve = points(svg, "equity")
    # Both axes are linear: positions are the marks, scaled.
    assert np.allclose(np.diff(curve[:, 0]), np.diff(curve[:, 0])[0], atol=0.11)
    slope = (curve[4, 1] - curve[3, 1]) / (75 - 150)
    assert slope < 0
    assert np.allclose(curve[:, 1], curve[3, 1] + slope * (np.array(equity) - 150), atol=0.11)
    falls = points(svg, "fall")[1:-1]
    depth = (falls[4, 1] - falls[0, 1]) / 0.5
    assert depth > 0
    assert np.allclose((falls[:, 1] - falls[0, 1]) / depth, [0, 0, 0.25, 0, 0.5, 0.5], atol=2e-3)
    (boundary,) = (e for e in svg if e.get("class") == "boundary")
    assert float(boundary.get("x1", "")) == pytest.approx(curve[3, 0], abs=0.1)
    texts = [e.text for e in svg if e.tag == "text"]
    assert {"2020-01-01", "2020-01-06", "out-of-sample from 2020-01-04"} <= set(texts)


def test_page_draws_buy_and_hold_on_the_same_axes() -> None:
    equity = [100.0, 120, 90, 150, 75, 75]
    held = [100.0, 200, 50, 50, 100, 400]
    days = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(6)]
    both = charts.EquityChart("a title", days, np.array(equity), 3, np.array(held))
    page = charts.page(both)
    assert not re.search(r"<script|https?://|@import|url\(", page)
    svg = svg_of(page)
    curve, other = points(svg, "equity"), points(svg, "held")
    assert np.allclose(curve[:, 0], other[:, 0])
    # The heights of both are the marks by one scale, from 50 to 400.
    scale = (other[5, 1] - other[2, 1]) / (400 - 50)
    for drawn, marks in ((curve, equity), (other, held)):
        assert np.allclose(drawn[:, 1], other[2, 1] + scale * (np.array(marks) - 50), atol=0.11)
    # Both falls by one scale, to three quarters of the peak.
    falls, deeper = points(svg, "fall")[1:-1], points(svg, "held-fall")
    depth = (deeper[2, 1] - deeper[0, 1]) / 0.75
    assert np.allclose((deeper[:, 1] - deeper[0, 1]) / depth, [0, 0, 0.75, 0.75, 0.5, 0], atol=2e-3)
    assert np.allclose((falls[:, 1] - falls[0, 1]) / depth, [0, 0, 0.25, 0, 0.5, 0.5], atol=2e-3)
    texts = [e.text for e in svg if e.tag == "text"]
    assert {"Equity", "Buy-and-hold", "Drawdown"} <= set(texts)
    # Without it nothing speaks of it.
    alone = charts.page(charts.EquityChart("a title", days, np.array(equity), 3))
    assert "Buy-and-hold" not in alone
    assert not [e for e in svg_of(alone) if str(e.get("class")).startswith("held")]


def test_several_charts_are_one_page() -> None:
    page = charts.page(chart([100.0, 120, 90], title="one"), chart([100.0, 80, 90], title="two"))
    assert re.findall(r"<h1>(.*)</h1>", page) == ["one", "two"]
    assert page.count("<svg") == page.count("</svg>") == 2


@pytest.mark.parametrize("boundary", [1, 500, 900, 998])
def test_names_of_the_parts_lie_within_the_page(boundary: int) -> None:
    svg = svg_of(charts.page(chart(np.linspace(100, 200, 1000), boundary=boundary)))
    width = float(svg.get("viewBox", "").split()[2])
    texts = {str(e.text): e for e in svg if e.tag == "text"}
    beyond = next(e for text, e in texts.items() if text.startswith("out-of-sample"))
    start, end = float(beyond.get("x", "")), float(texts["in-sample"].get("x", ""))
    # Letters of 12 pixels are narrower than 7 on average.
    assert start + 7 * len(str(beyond.text)) <= width
    assert 7 * len("in-sample") <= end < start


def test_page_of_a_long_history_stays_small_and_keeps_its_extremes() -> None:
    random = np.random.default_rng(1)
    equity = 1000 + np.cumsum(random.normal(0, 1, 200_000)).clip(-900)
    page = charts.page(chart(equity[:50_000], boundary=30_000))
    assert len(page) < 150_000
    drawn = points(svg_of(page), "equity")[:, 1]
    assert drawn.min() == pytest.approx(24, abs=0.1)
    assert drawn.max() == pytest.approx(370, abs=0.1)


def png_size(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert content[12:16] == b"IHDR"
    return struct.unpack(">II", content[16:24])


def test_plots(call: Callable[..., Called], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    called = call(*SIMULATE, *ALL, "--plot", "e.png", "--plot", "e.html", "--plot", "terminal")
    assert called.code == 0, called
    assert png_size(tmp_path / "e.png") == (1200, 720)
    at = phase(4)
    curve = points(svg_of((tmp_path / "e.html").read_text()), "equity")
    assert len(curve) == at.end - at.warmup + 1
    # Buy-and-hold is in the page too, by its own marks.
    sim = simulated(at)
    assert sim.held is not None
    drawn = points(svg_of((tmp_path / "e.html").read_text()), "held")
    assert np.argmax(drawn[:, 1]) == np.argmin(sim.held[at.warmup - 1 :])
    assert np.argmin(drawn[:, 1]) == np.argmax(sim.held[at.warmup - 1 :])
    assert called.out.endswith("\nWritten\n  e.png\n  e.html\n")
    assert "* equity   # drawdown   : out-of-sample from 2016-12-30" in called.out
    assert max(len(line) for line in called.out.splitlines()) == 80
    assert not list(tmp_path.glob("*.part"))


def test_image_without_its_library(
    call: Callable[..., Called], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    called = call(*SIMULATE, *ALL, "--plot", "e.png", "--out-trades", "t.csv")
    assert called.code == 1, called
    assert "pip install 'wfo[plot]'" in called.err
    assert "matplotlib" in called.err
    assert not list(Path.cwd().iterdir())
    assert call(*SIMULATE, *ALL, "--plot", "e.html", "--plot", "terminal").code == 0


@pytest.mark.parametrize(
    ("equity", "boundary", "message"),
    [
        ([100.0, 101.0], 1, "3 marks or more"),
        ([100.0, 101.0, 102.0], 0, "boundary = 0"),
        ([100.0, 101.0, 102.0], 3, "boundary = 3"),
        ([100.0, np.nan, 102.0], 1, "finite"),
        ([0.0, 1.0, 2.0], 1, "above 0"),
    ],
)
def test_what_cannot_be_drawn(equity: list[float], boundary: int, message: str) -> None:
    with pytest.raises(wfo.InputError, match=message):
        chart(equity, boundary)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([100.0, 101.0], "held has 2 marks, and equity 3"),
        ([100.0, np.inf, 101.0], "held must be finite"),
        ([0.0, 100.0, 101.0], "held must be finite numbers, the first one above 0"),
    ],
)
def test_buy_and_hold_that_cannot_be_drawn(held: list[float], message: str) -> None:
    days = [dt.date(2020, 1, i) for i in (1, 2, 3)]
    with pytest.raises(wfo.InputError, match=message):
        charts.EquityChart("a title", days, np.array([1.0, 2, 3]), 1, np.array(held))


# Two symbols


def test_two_symbols_are_joined_on_their_dates() -> None:
    dual = dataclasses.replace(get_strategy("atr_d_l"), feeds=(Feed("bars"), Feed("bars2")))
    store = sample_store()
    inputs = load_inputs(store, dual, "NASDAQ", "SP500")
    first, second, notes = inputs.bars, inputs.second, inputs.notes
    assert second is not None
    assert first["date"].equals(second["date"])
    assert not first["close"].equals(second["close"])
    common = set(dates()) & set(wfo.load_sample("SP500")["date"].to_list())
    assert len(first) == len(common)
    assert bool(notes) == (len(common) < len(bars()))
    with pytest.raises(wfo.InputError, match="second symbol; name it with --symbol2"):
        load_inputs(store, dual, "NASDAQ")
    with pytest.raises(wfo.InputError, match="--symbol2 NASDAQ is the first symbol"):
        load_inputs(store, dual, "NASDAQ", "NASDAQ")
    with pytest.raises(wfo.InputError, match="reads one symbol only; leave --symbol2 out"):
        load_inputs(store, get_strategy("atr_d_l"), "NASDAQ", "SP500")


# What cannot be simulated


def short(**params: object) -> tuple[str, ...]:
    return (*SIMULATE, *setting(**(PARAMS | params)))


def test_what_is_left_out_takes_its_default_and_is_said(call: Callable[..., Called]) -> None:
    defaults = wfo.strategies()["atr_d_l"].defaults
    whole = call(*SIMULATE, *setting(**defaults))
    assert whole.code == 0
    assert "left out" not in whole.out
    for given in ({}, {"atr_period": defaults["atr_period"]}):
        called = call(*SIMULATE, *setting(**given))
        assert called.code == 0, called
        for name, value in defaults.items():
            assert (f"{name} is left out: {value:g}." in called.out) == (name not in given)
        assert [line for line in called.out.splitlines() if "left out" not in line] == (
            whole.out.splitlines()
        )


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        ((*SIMULATE, "--set", "atr_period"), 2, ["'atr_period'", "NAME=VALUE"]),
        ((*SIMULATE, "--set", "=14"), 2, ["'=14'", "NAME=VALUE"]),
        ((*SIMULATE, "--set", "atr_period="), 2, ["'atr_period='", "NAME=VALUE"]),
        ((*SIMULATE, *ALL, "--set", "atr_period=9"), 2, ["atr_period is set twice"]),
        (short(atr_perid=14), 1, ["no parameter 'atr_perid'", "did you mean 'atr_period'?"]),
        (short(atr_period="many"), 1, ["atr_period = 'many'", "a whole number >= 1"]),
        (short(atr_period=14.5), 1, ["atr_period = 14.5", "a whole number >= 1"]),
        (short(atr_period=0), 1, ["atr_period = 0", "a whole number >= 1"]),
        (short(atr_multiplier="nan"), 1, ["atr_multiplier = nan", "a number > 0"]),
        (short(min_tightening=1.5), 1, ["min_tightening = 1.5", "<= 1"]),
        (short(scaling_method=3), 1, ["scaling_method = 3", "0, 1, 2"]),
        ((*short(), "--row", "0"), 1, ["no run in results", "NASDAQ", "wfo run"]),
        (("simulate",), 2, ["a run's folder", "--from-candidates", "--symbol and --strategy"]),
        (("simulate", "--symbol", "NASDAQ"), 2, ["--strategy", "--set", "--candidate"]),
        (("simulate", "--from-candidates", "c.csv"), 1, ["c.csv", "--symbol and --strategy"]),
        (("simulate", "none"), 1, ["there is no run in none", "wfo run"]),
        ((*short(), "--row", "-1"), 2, ["--row", "-1"]),
        ((*short(), "--from-candidates", "c.xlsx"), 2, ["c.xlsx", ".csv or .parquet"]),
        ((*short(), "--from-candidates", "c.csv"), 1, ["no candidates file c.csv"]),
        ((*short(), "--strategy", "atr_d_k"), 1, ["'atr_d_k'", "did you mean 'atr_d_l'?"]),
        ((*short(), "--symbol", "nasdq"), 1, ["'nasdq'", "did you mean 'NASDAQ'?"]),
        ((*short(), "--symbol2", "SP500"), 1, ["one symbol only", "--symbol2"]),
        ((*short(), "--timeframe", "5min"), 1, ["no 5min bars of 'NASDAQ'", "1day"]),
        ((*short(), "--engine", "dirct"), 1, ["'dirct'", "did you mean 'direct'?"]),
        ((*short(), "--capital", "0"), 1, ["capital = 0.0", "from 1e-06 to 1e+15"]),
        ((*short(), "--windows", "sixty-fourty"), 1, ["did you mean 'sixty-forty'?"]),
        ((*short(), "--phase", "0"), 2, ["--phase", "0"]),
        ((*short(), "--phase", "5"), 1, ["no phase 5", "'default' has 4"]),
        (
            (*short(), "--phase", "4", "--as-of", "2002-12-30"),
            1,
            ["no phase 4", "has 3", "shorter"],
        ),
        ((*short(), "--as-of", "2000-06-01"), 1, ["too little history", "1998-12-01"]),
        ((*short(), "--as-of", "2019-06-01"), 1, ["2019-06-01", "outside the history"]),
        ((*short(), "--split", "2015-01-02", "--phase", "1"), 2, ["--split", "--phase"]),
        ((*short(), "--split", "2015-01-02", "--windows", "x"), 2, ["--split", "--windows"]),
        ((*short(), "--from", "2015-01-02"), 2, ["--from goes with --split"]),
        ((*short(), "--split", "31.12.2017"), 2, ["--split", "31.12.2017"]),
        (
            (*short(), "--split", "2019-01-02"),
            1,
            ["--split 2019-01-02", "1999-05-27", "2018-12-31"],
        ),
        ((*short(), "--split", "1999-05-27"), 1, ["--split 1999-05-27", "no bars on one side"]),
        (
            (*short(), "--split", "2010-01-04", "--from", "2010-01-04"),
            1,
            ["--split 2010-01-04", "no bars on one side"],
        ),
        (
            (*short(), "--split", "2010-01-04", "--from", "1999-02-01"),
            1,
            ["--from 1999-02-01", "19 bars", "takes 100", "1999-05-27"],
        ),
        (
            (*short(), "--split", "1999-03-01", "--as-of", "1999-04-01"),
            1,
            ["too little history", "62 bars up to 1999-04-01", "takes 100"],
        ),
        ((*short(), "--out-trades", "t.xlsx"), 2, ["--out-trades", "t.xlsx", ".csv or .parquet"]),
        ((*short(), "--out-equity", "e"), 2, ["--out-equity", ".csv or .parquet"]),
        ((*short(), "--plot", "e.pdf"), 2, ["--plot", "e.pdf", ".png or .html", "terminal"]),
        ((*short(), "--out-trades", "x.csv", "--out-equity", "./x.csv"), 2, ["named twice"]),
        ((*short(), "--out-trades", "no/t.csv"), 1, ["no/t.csv", "--out-trades", "No such file"]),
        ((*short(), "--out-equity", "no/e.parquet"), 1, ["no/e.parquet", "--out-equity"]),
        ((*short(), "--plot", "no/e.html"), 1, ["cannot write no/e.html", "--plot"]),
        ((*short(), "--plot", "no/e.png"), 1, ["cannot write no/e.png", "--plot"]),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], code: int, messages: list[str], call: Callable[..., Called]
) -> None:
    if "no/e.png" in arguments:
        pytest.importorskip("matplotlib")
    called = call(*arguments)
    assert called.code == code, called
    assert called.out == ""
    assert "Traceback" not in called.err
    text = " ".join(called.err.split())
    for message in messages:
        assert message in text, called
    assert not list(Path.cwd().iterdir())


def frame_of(rows: int, **columns: Any) -> pl.DataFrame:
    values = {n: [v] * rows for n, v in (PARAMS | columns).items()}
    return pl.DataFrame(values | {"Stability_Score": [1.0] * rows})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("stem", "frame", "messages"),
    [
        ("best", frame_of(3), ["row 3 is not in", "rows 0 to 2"]),
        ("best", frame_of(0), ["row 3 is not in", "which has none"]),
        ("best", frame_of(9).drop(*PARAMS), ["best", "no parameter columns"]),
        ("best", frame_of(9).drop("bb_length"), ["no candidates file", "lacks bb_length"]),
        ("best", frame_of(9, atr_period=None), ["atr_period = None", "whole number"]),
        ("best", frame_of(9, atr_period=14.5), ["atr_period = 14.5", "whole number"]),
        ("best", frame_of(9, bb_length="ten"), ["bb_length = 'ten'", "whole number"]),
    ],
)  # fmt: skip
def test_candidates_that_cannot_be_used(
    stem: str,
    frame: pl.DataFrame,
    messages: list[str],
    ending: str,
    call: Callable[..., Called],
) -> None:
    path = Path(f"{stem}.{ending}")
    (frame.write_csv if ending == "csv" else frame.write_parquet)(path)
    called = call(*SIMULATE, "--from-candidates", path, "--row", "3")
    assert called.code == 1, called
    assert called.out == ""
    for message in messages:
        assert message in called.err, called


def test_numbers_far_down_a_csv_file_are_read_as_they_are(call: Callable[..., Called]) -> None:
    lines = [",".join(PARAMS)]
    for deviation in ["2"] * 150 + ["2.5"]:
        lines.append(",".join(f"{v:g}" for v in (PARAMS | {"bb_deviation": 0}).values()))
        lines[-1] = lines[-1].replace(",0,", f",{deviation},", 1)
    Path("best.csv").write_text("\n".join(lines) + "\n")
    called = call(*SIMULATE, "--from-candidates", "best.csv", "--row", "150")
    assert called.code == 0, called
    assert "bb_deviation 2.5," in called.out


def test_candidates_of_another_strategy(call: Callable[..., Called]) -> None:
    long = get_strategy("atr_d_l")
    extra = dataclasses.replace(long.parameters[1], name="another_multiplier")
    twin = dataclasses.replace(long, name="atr_d_l_twin")
    other = dataclasses.replace(
        long, name="other", parameters=(*long.parameters, extra), tradestation=None
    )
    # By its columns, whatever the file is called.
    frame_of(2, another_multiplier=2.0).write_csv("best.csv")
    with registry.separate([twin, other]):
        called = call(*SIMULATE, "--from-candidates", "best.csv")
    assert called.code == 1
    assert "best.csv is no candidates file of atr_d_l: it is one of other" in called.err
    # By its name, where the columns are the same.
    frame_of(2).write_csv("candidates_atr_d_l_twin_coarse.csv")
    with registry.separate([twin, other]):
        called = call(*SIMULATE, "--from-candidates", "candidates_atr_d_l_twin_coarse.csv")
    assert called.code == 1
    assert "no candidates file of atr_d_l: it is one of atr_d_l_twin" in called.err
    frame_of(2).write_csv("candidates_atr_d_l_coarse.csv")
    with registry.separate([twin, other]):
        called = call(*SIMULATE, "--from-candidates", "candidates_atr_d_l_coarse.csv")
    assert called.code == 0, called


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00garbage\x00", b"PAR1"])
def test_file_that_is_none_of_candidates(
    content: bytes, ending: str, call: Callable[..., Called]
) -> None:
    Path(f"c.{ending}").write_bytes(content)
    called = call(*SIMULATE, "--from-candidates", f"c.{ending}")
    assert called.code == 1, called
    assert f"c.{ending}" in called.err
    assert "Traceback" not in called.err
    assert called.out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file")
def test_full_disk(call: Callable[..., Called], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: pl.DataFrame, file: IO[bytes], **_: object) -> None:
        file.write(b"half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full)
    called = call(*SIMULATE, *ALL, "--out-trades", "t.csv")
    assert called.code == 1
    assert "cannot write t.csv: No space left on device; choose another file" in called.err
    assert not list(Path.cwd().iterdir())
