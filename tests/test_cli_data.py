"""The commands of ``wfo data``."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
import pytest
import test_cli
from click.testing import CliRunner, Result
from test_cli import Called

from wfo.cli.data import data
from wfo.cli.data.listing import age
from wfo.data import BarsOrigin, Coverage, DataStore, DateInterval
from wfo.data.coverage import Answered
from wfo.errors import DataError, InputError

#: The fixture that calls the whole command line.
wfo_ = test_cli.wfo_

BARS = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-11,100,102,98,101,50.5,1000
2024-01-12,101,104,100,102,51,0
2024-01-17,102,103,99,100,100,1200
"""


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("WFO_", "APCA_")) and name != "WFO_JIT_CACHE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("WFO_CONFIG_DIR", str(tmp_path / "config"))


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(data, [str(a) for a in arguments], env=env)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def text(result: Result) -> str:
    """The output with its lines joined, so that wrapping does not matter."""
    return " ".join(result.output.split())


def test_import_reports_what_it_did(file: Path, folder: Path) -> None:
    result = run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    assert result.exit_code == 0, result.exception
    said = text(result)
    assert said.startswith("QQQ 1day: 3 bars, 2024-01-11 to 2024-01-17, from bars.csv")
    assert "adjust none, calendar XNYS" in said
    assert "note: the file has an adjusted close" in said
    assert "warning: 1 session of XNYS missing: 2024-01-16" in said
    assert "warning: 1 bar has zero volume: 2024-01-12" in said
    assert "replaced" not in said
    assert DataStore(folder).load("QQQ")["close"].to_list() == [101.0, 102.0, 100.0]


def test_import_again_says_what_it_replaced(file: Path, folder: Path) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    same = run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    assert "replaced 3 bars, 2024-01-11 to 2024-01-17 (the same bars)" in text(same)
    file.write_text(BARS[: BARS.rindex("2024-01-17")])
    other = run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    assert "replaced 3 bars, 2024-01-11 to 2024-01-17 written" in text(other)


def test_import_options_reach_the_reader(file: Path, folder: Path) -> None:
    options = ["--adjust", "split-and-dividend", "--calendar", "none", "--data-dir", folder]
    assert run("import", file, "--symbol", "QQQ", *options).exit_code == 0
    store = DataStore(folder)
    assert store.load("QQQ")["close"].to_list() == [50.5, 51.0, 100.0]
    assert store.meta("QQQ").origin.adjust == "split-and-dividend"
    assert store.meta("QQQ").origin.calendar == "none"

    file.write_text("Date,Open,High,Low,Close\n01/02/2024,1,1,1,1.01\n02/02/2024,1,1,1,1\n")
    common = ["import", file, "--symbol", "X", "--calendar", "none", "--data-dir", folder]
    refused = run(*common)
    assert isinstance(refused.exception, DataError)
    assert "--repair" in str(refused.exception)
    done = run(*common, "--repair", "--date-format", "DD/MM/YYYY")
    assert done.exit_code == 0
    assert store.meta("X").first == "2024-02-01"
    assert store.meta("X").origin.repaired == 1

    file.write_text("time,open,high,low,close\n2024-01-11 09:30,1,1,1,1\n")
    assert run(*common, "--timeframe", "5min", "--timezone", "Asia/Tokyo").exit_code == 0
    assert store.meta("X", "5min").first == "2024-01-11T09:30:00+09:00"


def test_import_options_say_what_the_file_does_not(file: Path, folder: Path) -> None:
    file.write_text("2024-01-11 04-PM;1;3;2;0.5;9\n2024-01-11 05-PM;1;3;2;0.5;9\n")
    options = ["--calendar", "none", "--timezone", "UTC", "--stamps", "close"]
    options += ["--columns", "datetime,close,high,open,low,-", "--date-format", "YYYY-MM-DD hh-A"]
    done = run("import", file, "--symbol", "X", *options, "--data-dir", folder)
    assert done.exit_code == 0, done.exception
    assert text(done).startswith("X 1hour: 2 bars")
    frame = DataStore(folder).load("X", "1hour")
    assert frame.columns == ["datetime", "open", "high", "low", "close"]
    assert frame.row(0) == (dt.datetime(2024, 1, 11, 15, tzinfo=dt.UTC), 2.0, 3.0, 0.5, 1.0)


MINUTES = """"Date","Time","Open","High","Low","Close","Up","Down"
""" + "".join(f"01/16/2024,09:{m},100.00,101.00,99.50,100.{m},3000,2000\n" for m in range(31, 40))


def test_a_dry_run_shows_what_was_read_and_stores_nothing(file: Path, folder: Path) -> None:
    file.write_text(MINUTES)
    command = ["import", file, "--symbol", "^Q X", "--data-dir", folder]
    shown = run(*command, "--dry-run")
    assert shown.exit_code == 0, shown.exception
    assert not folder.exists()
    said = text(shown)
    assert said.startswith("^Q X 1min: 9 bars, 2024-01-16 09:30 to 2024-01-16 09:38;")
    columns = "columns date, time, open, high"
    for part in ("TradeStation", "America/New_York", "bar ends", "XNYS", columns):
        assert part in said
    lines = shown.output.splitlines()
    # Each bar above its line: the first three and the last three.
    rows = [i for i, line in enumerate(lines) if re.match(r"    line \d+: ", line)]
    assert [lines[i].split(":")[0].split()[1] for i in rows] == ["2", "3", "4", "8", "9", "10"]
    first = lines[rows[0] - 1].split()
    assert first == ["2024-01-16", "09:30", "100", "101", "99.5", "100.31", "5000"]
    assert lines[rows[0]].endswith("01/16/2024,09:31,100.00,101.00,99.50,100.31,3000,2000")
    *others, last = lines
    assert max(len(line) for line in others) <= 80
    assert last.strip() == f"wfo data import {file} --symbol '^Q X' --data-dir {folder}"


def test_a_dry_run_shows_all_of_a_bar_on_lines_of_a_terminal(file: Path, folder: Path) -> None:
    cells = ["2024-01-16", *["4742.830078"] * 5, "123456789"]
    head = "Date,Open,High,Low,Close,Adj Close,Volume"
    file.write_text(f"{head}\n{','.join(cells)}\n")
    shown = run("import", file, "--symbol", "QQQ", "--data-dir", folder, "--dry-run")
    *lines, _ = shown.output.splitlines()
    assert max(len(line) for line in lines) <= 80
    at = next(i for i, line in enumerate(lines) if line.startswith("    line 2: "))
    assert lines[at - 1].split() == ["2024-01-16", *["4742.8301"] * 4, "123456789", "4742.8301"]
    assert "".join(line.strip() for line in lines[at : at + 2]).endswith(",".join(cells))


def test_a_dry_run_says_the_same_of_notes_and_warnings_as_an_import(
    file: Path, folder: Path
) -> None:
    def remarks(result: Result) -> list[str]:
        return re.findall(
            r"(?:note|warning): .*?(?= note:| warning:| to store| written to)", text(result)
        )

    command = ["import", file, "--symbol", "QQQ", "--data-dir", folder]
    shown, stored = run(*command, "--dry-run"), run(*command)
    assert len(remarks(stored)) == 4
    assert remarks(shown) == remarks(stored)


def test_a_dry_run_of_a_broken_file_fails_as_an_import_does(file: Path, folder: Path) -> None:
    file.write_text(BARS.replace("104", "n/a"))
    command = ["import", file, "--symbol", "QQQ", "--data-dir", folder]
    said = [str(run(*command, *more).exception) for more in ([], ["--dry-run"])]
    assert said[0] == said[1]
    assert "line 3, column 'High'" in said[0]


def test_data_dir_from_the_environment(file: Path, folder: Path) -> None:
    result = run("import", file, "--symbol", "QQQ", env={"WFO_DATA_DIR": str(folder)})
    assert result.exit_code == 0
    assert DataStore(folder).symbols == ["QQQ"]


def test_broken_file_raises_and_stores_nothing(file: Path, folder: Path) -> None:
    file.write_text(BARS.replace("104", "n/a"))
    result = run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == "bars.csv, line 3, column 'High': 'n/a' is not a number"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--symbol", "a\tb"], "symbol 'a\\tb' cannot be stored"),
        (["--symbol", "Q", "--timeframe", "5m"], "did you mean '5min'?"),
        (["--symbol", "Q", "--adjust", "split"], "split-and-dividend"),
        ([], "--symbol"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], part: str, file: Path) -> None:
    result = run("import", file, *arguments)
    assert result.exit_code == 2
    assert part in text(result)


def test_unknown_calendar_raises(file: Path, folder: Path) -> None:
    result = run("import", file, "--symbol", "Q", "--calendar", "XNY", "--data-dir", folder)
    assert isinstance(result.exception, InputError)
    assert "did you mean 'XNYS'" in str(result.exception)


def test_list_is_a_table_of_80_columns(file: Path, folder: Path) -> None:
    empty = run("list", "--data-dir", folder)
    assert empty.exit_code == 0
    assert "no bars in the folder" in text(empty)
    assert "wfo data import" in text(empty)
    assert "NASDAQ" in text(empty)
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    adjust = ["--adjust", "split-and-dividend"]
    run("import", file, "--symbol", "BTCUSDTPERP", *adjust, "--data-dir", folder)
    lines = run("list", "--data-dir", folder).output.splitlines()
    rest = ("3", "2024-01-11", "2024-01-17")
    assert [line.split() for line in lines] == [
        ["SYMBOL", "BARS", "ROWS", "FIRST", "LAST", "GAPS", "SOURCE", "ADJUST", "AGE"],
        ["BTCUSDTPERP", "1day", *rest, "1", "import", "split+div", "0", "min"],
        ["QQQ", "1day", *rest, "1", "import", "none", "0", "min"],
        ["the", "embedded", "sample,", "which", "every", "command", "knows:"],
        ["NASDAQ", "1day", "5,031", "1999-01-04", "2018-12-31", "0", "-", "none"],
        ["SP500", "1day", "5,031", "1999-01-04", "2018-12-31", "0", "-", "none"],
    ]
    assert max(len(line) for line in lines) <= 80


def test_bars_under_the_name_of_a_sample_take_its_place(file: Path, folder: Path) -> None:
    def listed() -> tuple[list[str], list[str]]:
        """Of the folder, and of the sample."""
        own, _, sample = run("list", "--data-dir", folder).output.partition("embedded sample")
        names = re.compile(r"^(NASDAQ|SP500|QQQ) ", re.MULTILINE)
        return names.findall(own), names.findall(sample)

    assert listed() == ([], ["NASDAQ", "SP500"])
    plain = run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    assert "sample" not in text(plain)
    done = run("import", file, "--symbol", "NASDAQ", "--data-dir", folder)
    assert "NASDAQ 1day is also the name of an embedded sample" in text(done)
    # The sample is no bars of the folder: nothing was replaced there.
    assert "replaced" not in text(done)
    assert "replaced" in text(run("import", file, "--symbol", "NASDAQ", "--data-dir", folder))
    assert listed() == (["NASDAQ", "QQQ"], ["SP500"])
    weekly = ["--timeframe", "1week", "--calendar", "none"]
    file.write_text("Date,Open,High,Low,Close\n2024-01-08,1,1,1,1\n2024-01-15,1,1,1,1\n")
    other = run("import", file, "--symbol", "SP500", *weekly, "--data-dir", folder)
    assert other.exit_code == 0, other.exception
    assert "sample" not in text(other), "the sample has no weekly bars"


def test_check_of_the_sample(file: Path, folder: Path) -> None:
    named = run("check", "NASDAQ", "--data-dir", folder)
    assert named.exit_code == 0
    assert "NASDAQ 1day, the embedded sample: 5,031 bars" in text(named)
    assert "2 bars have zero volume: 2015-05-12, 2018-01-09" in text(named)
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    assert "NASDAQ" not in run("check", "--data-dir", folder).output
    run("import", file, "--symbol", "NASDAQ", "--data-dir", folder)
    own = text(run("check", "NASDAQ", "--data-dir", folder))
    assert own.startswith("NASDAQ 1day: 3 bars")


def test_list_shows_the_good_and_fails_for_the_broken(file: Path, folder: Path) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    run("import", file, "--symbol", "SPY", "--data-dir", folder)
    # A pair of an earlier version, whose meta file is all that is known of the bars.
    DataStore(folder).load("SPY").write_parquet(folder / "SPY_1day.parquet")
    (folder / "SPY_1day.meta.json").write_text("{}")
    result = run("list", "--data-dir", folder)
    assert "QQQ" in result.output
    assert isinstance(result.exception, DataError)
    assert "SPY_1day.meta.json: it lacks 'symbol'" in str(result.exception)


def test_check(file: Path, folder: Path) -> None:
    none = run("check", "--data-dir", folder)
    assert isinstance(none.exception, DataError)
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    run("import", file, "--symbol", "SPY", "--calendar", "none", "--data-dir", folder)
    result = run("check", "--data-dir", folder)
    assert result.exit_code == 0
    said = text(result)
    assert "QQQ 1day: 3 bars, 2024-01-11 to 2024-01-17: 3 warnings" not in said
    assert "QQQ 1day: 3 bars, 2024-01-11 to 2024-01-17: 2 warnings" in said
    assert "warning: 1 session of XNYS missing: 2024-01-16" in said
    assert "SPY 1day: 3 bars, 2024-01-11 to 2024-01-17: 1 warning " in said
    one = run("check", "SPY", "--data-dir", folder)
    assert "QQQ" not in one.output
    unknown = run("check", "SPX", "--data-dir", folder)
    assert "did you mean 'SPY'" in str(unknown.exception)
    other = run("check", "SPY", "--timeframe", "5min", "--data-dir", folder)
    assert "stored at 1day" in str(other.exception)


def test_check_fails_when_bars_were_changed(file: Path, folder: Path) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    run("import", file, "--symbol", "SPY", "--data-dir", folder)
    path = folder / "SPY_1day.parquet"
    changed = DataStore(folder).load("SPY").with_columns(high=200.0)
    changed.write_parquet(path)
    result = run("check", "--data-dir", folder)
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == "1 of 2 checked have errors: SPY 1day"
    said = text(result)
    assert "QQQ 1day: 3 bars" in said
    assert "SPY 1day: cannot be used error:" in said
    assert "does not match its meta file" in said


@pytest.mark.parametrize("command", ["import", "list", "check", "download", "resample"])
def test_help_has_a_sentence_and_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert lines[1].strip().endswith(".")
    assert f"wfo data {command}" in result.output
    assert "Example" in result.output
    assert "default: data" in text(result)
    assert max(len(line) for line in lines) <= 80


def test_the_commands_load_where_the_types_of_click_take_no_parameter() -> None:
    # As of click 8.1, the lowest version that is allowed.
    code = (
        "import click\n"
        "def refuse(kind, parameter): raise TypeError('is not subscriptable')\n"
        "click.ParamType.__class_getitem__ = classmethod(refuse)\n"
        "import wfo.cli, wfo.cli.data.shared, wfo.cli.data.downloading"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_option_is_documented() -> None:
    assert set(data.commands) == {"download", "import", "list", "check", "resample", "login"}
    for command in data.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{command.name} {parameter.name}"


# Download

#: A source of the user's own. What it does stands in a file beside it, and so does what it was
#: asked.
MINE = """
import datetime as dt
import json
from pathlib import Path

import polars as pl

from wfo.data.calendars import load_sessions
from wfo.data.sources import Answer, UnknownSymbolError, UnreachableError

HERE = Path(__file__).parent


class Mine:
    name = "mine"
    title = "Mine"
    series = ("bars", "mark", "funding")
    timeframes = ("5min", "1day")
    adjustments = ("split", "raw")

    def calendar(self, symbol):
        return "XNYS"

    def earliest(self, symbol, timeframe, series):
        return dt.date(2024, 1, 2)

    def fetch(self, requests):
        state = json.loads((HERE / "state.json").read_text())
        for request in requests:
            with (HERE / "asked").open("a") as file:
                print(request.symbol, request.first, request.last, file=file)
            if request.symbol == "NOPE":
                raise UnknownSymbolError("Mine does not know 'NOPE'")
            if state.get("down"):
                raise UnreachableError("Mine cannot be reached")
            middle = request.first + (request.last - request.first) / 2
            yield self.answer(request, request.first, middle, state)
            if request.symbol == state.get("interrupt"):
                raise KeyboardInterrupt
            if middle < request.last:
                yield self.answer(request, middle + dt.timedelta(days=1), request.last, state)

    def answer(self, request, first, last, state):
        if request.series == "funding":
            utc = dt.timezone.utc
            begin = dt.datetime(first.year, first.month, first.day, tzinfo=utc)
            count = 3 * ((last - first).days + 1)
            times = [begin + dt.timedelta(hours=8 * k) for k in range(count)]
            stamps = pl.Series("datetime", times).cast(pl.Datetime("us", "UTC"))
            rates = pl.DataFrame({"datetime": stamps}).with_columns(funding_rate=pl.lit(0.0001))
            return Answer(request, first, last, rates)
        sessions = load_sessions("XNYS", first, last).frame
        days = sessions["session"]
        kept = [str(d) not in state.get("without", []) for d in days]
        number = (days - dt.date(2024, 1, 1)).dt.total_days().cast(pl.Float64)
        frame = pl.DataFrame({"date": days, "close": 100 + number})
        if request.timeframe == "5min":
            opens = sessions["open"].dt.convert_time_zone("America/New_York")
            count = (sessions["close"] - sessions["open"]).dt.total_minutes() // 5
            frame = frame.with_columns(
                datetime=pl.Series([
                    [o + dt.timedelta(minutes=5 * k) for k in range(n)]
                    for o, n in zip(opens, count)
                ], dtype=pl.List(pl.Datetime("us", "America/New_York")))
            ).filter(pl.Series(kept, dtype=pl.Boolean)).explode("datetime").drop("date")
        else:
            frame = frame.filter(pl.Series(kept, dtype=pl.Boolean))
        price = pl.col("close") * state.get("factor", 1.0)
        stamp = "datetime" if request.timeframe == "5min" else "date"
        bars = frame.select(
            stamp, open=price, high=price + 1, low=price - 1, close=price, volume=pl.lit(1000.0)
        )
        return Answer(request, first, last, bars)
"""

RANGE = ("--start", "2024-01-02", "--end", "2024-03-28")
JANUARY = ("--start", "2024-01-02", "--end", "2024-01-31")


class Mine:
    """The user's own source in a folder, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.path = folder / "mine.py"
        self.path.write_text(MINE)
        self.source = ("--source", f"{self.path}:Mine")
        self.does()

    def does(self, **state: object) -> None:
        (self.path.parent / "state.json").write_text(json.dumps(state))

    @property
    def asked(self) -> list[str]:
        """What was asked since this was last looked at."""
        path = self.path.parent / "asked"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    return Mine(tmp_path / "mine")


@pytest.fixture
def load(mine: Mine, folder: Path) -> Callable[..., Result]:
    def call(*arguments: object) -> Result:
        return run("download", *arguments, *mine.source, "--data-dir", folder)

    return call


def test_download_says_what_came_and_asks_for_nothing_twice(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    first = load("SMH", "QQQ", *JANUARY)
    assert first.exit_code == 0, first.exception
    for symbol in ("SMH", "QQQ"):
        line = f"{symbol} 1day: 21 bars, 2024-01-02 to 2024-01-31, from Mine (split), 21 added, 0"
        assert line in text(first)
        assert re.search(rf"{symbol}: 30 days in [\d.]+ s, [\d.]+ ?k?/s", text(first))
    assert mine.asked == ["SMH 2024-01-02 2024-01-31", "QQQ 2024-01-02 2024-01-31"]
    again = load("SMH", "QQQ", *JANUARY)
    assert again.exit_code == 0
    assert text(again).count("nothing was missing") == 2
    assert "days in" not in text(again)
    assert mine.asked == []
    more = load("SMH", *RANGE)
    assert "61 bars, 2024-01-02 to 2024-03-28, from Mine (split), 40 added, 0 revised" in text(more)
    # With an overlap of five sessions.
    assert mine.asked == ["SMH 2024-01-25 2024-03-28"]
    meta = DataStore(folder).meta("SMH")
    assert (meta.origin.fetched_from, meta.rows) == ("mine", 61)


def test_a_revised_past_is_fetched_anew_and_that_is_said(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    load("SMH", *JANUARY)
    mine.does(factor=0.5)
    result = load("SMH", *RANGE)
    assert result.exit_code == 0
    assert "the whole history anew" in text(result)
    assert "40 added, 21 revised" in text(result)
    assert DataStore(folder).load("SMH")["close"][0] == 50.5


def test_one_symbol_that_fails_does_not_stop_the_others(
    load: Callable[..., Result], folder: Path
) -> None:
    result = load("NOPE", "SMH", *JANUARY)
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == "1 of 2 not complete: NOPE 1day"
    assert "NOPE 1day: nothing stored" in text(result)
    assert "error: NOPE 1day: Mine does not know 'NOPE'" in text(result)
    assert DataStore(folder).symbols == ["SMH"]


def test_a_symbol_that_is_refused_does_not_stop_the_others(
    load: Callable[..., Result], file: Path, folder: Path
) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    before = DataStore(folder).meta("QQQ")
    result = load("QQQ", "SMH", *JANUARY)
    assert str(result.exception) == "1 of 2 not complete: QQQ 1day"
    said = text(result)
    assert "was imported from 'bars.csv'" in said
    assert "wfo data download QQQ --timeframe 1day --source FILE.py:CLASS --fresh" in said
    assert "QQQ 1day: 3 bars, 2024-01-11 to 2024-01-17, as before" in said
    assert "nothing stored" not in said
    assert DataStore(folder).meta("QQQ") == before
    assert DataStore(folder).meta("SMH").rows == 21
    fresh = load("QQQ", *JANUARY, "--fresh")
    assert fresh.exit_code == 0, fresh.exception
    kept = [p.name for p in folder.iterdir() if "replaced" in p.name]
    assert any(name in text(fresh) for name in kept)
    assert DataStore(folder).meta("QQQ").rows == 21


def test_a_source_that_is_down_keeps_what_is_stored(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    load("SMH", *JANUARY)
    mine.does(down=True)
    result = load("SMH", *RANGE)
    assert str(result.exception) == "1 of 1 not complete: SMH 1day"
    assert "SMH 1day: 21 bars" in text(result)
    assert "Mine cannot be reached" in text(result)
    assert DataStore(folder).meta("SMH").rows == 21


def test_an_interrupt_keeps_what_is_complete(
    wfo_: Callable[..., Called], mine: Mine, folder: Path
) -> None:
    mine.does(interrupt="SMH")
    command = ("data", "download", "SMH", *JANUARY, *mine.source, "--data-dir", folder)
    called = wfo_(*command)
    assert called.code == 130
    assert "interrupted" in called.err
    meta = DataStore(folder).meta("SMH")
    assert (meta.first, meta.last) == ("2024-01-02", "2024-01-16")
    assert mine.asked == ["SMH 2024-01-02 2024-01-31"]
    mine.does()
    assert wfo_(*command).code == 0
    assert DataStore(folder).meta("SMH").rows == 21
    assert mine.asked == ["SMH 2024-01-09 2024-01-31"]


def test_failures_end_with_1_and_wrong_usage_with_2(
    wfo_: Callable[..., Called], mine: Mine, folder: Path
) -> None:
    failed = wfo_("data", "download", "NOPE", *JANUARY, *mine.source, "--data-dir", folder)
    assert failed.code == 1
    assert "error: 1 of 1 not complete: NOPE 1day" in failed.err
    assert wfo_("data", "download").code == 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["SMH", "--source", "alpacca"], "did you mean 'alpaca'"),
        (["SMH", "--timeframe", "5m"], "did you mean '5min'"),
        (["SMH", "--start", "01/02/2024"], "'01/02/2024' is no date such as 2024-05-31"),
        (["SMH", "--start", "2024-02-30"], "is no date"),
        (["SMH", "--start", "2024-03-01", "--end", "2024-02-01"], "is after --end 2024-02-01"),
        (["SMH", "--calendar", "XNY"], "did you mean 'XNYS'"),
        (["SMH", "--adjust", "all"], "'all' is not one of"),
        (["SMH", "--series", "trades"], "'trades' is not one of"),
        (["SMH", " QQQ"], "symbol ' QQQ' cannot be stored"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_of_download(arguments: list[str], part: str, folder: Path) -> None:
    result = run("download", *arguments, "--data-dir", folder)
    assert result.exit_code == 2
    assert part in text(result)
    assert not folder.exists()


def test_without_a_source_the_error_says_how_to_get_one(folder: Path) -> None:
    result = run("download", "SMH", "--data-dir", folder)
    assert str(result.exception) == "1 of 1 not complete: SMH 1day"
    said = text(result)
    assert "no source can be asked for SMH" in said
    for way in ("wfo data login tradestation", "APCA_API_KEY_ID", "WFO_FILES_DIR", "--source"):
        assert way in said


def test_stored_bars_of_a_source_of_ones_own_need_its_name(
    load: Callable[..., Result], folder: Path
) -> None:
    load("SMH", *JANUARY)
    result = run("download", "SMH", *RANGE, "--data-dir", folder)
    assert "came from 'mine', a source of your own: name it with --source" in text(result)


def test_download_from_a_folder_of_files(tmp_path: Path, folder: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "SMH.csv").write_text(BARS)
    env = {"WFO_FILES_DIR": str(files)}
    result = run("download", "SMH", *JANUARY, "--data-dir", folder, env=env)
    assert result.exit_code == 0, result.exception
    assert "SMH 1day: 3 bars, 2024-01-11 to 2024-01-17, from Files" in text(result)


def test_funding_rates_have_a_place_of_their_own(load: Callable[..., Result], folder: Path) -> None:
    result = load("BTC/USDT", "--series", "funding", *JANUARY)
    assert result.exit_code == 0, result.exception
    assert "BTC/USDT funding: 90 rates, 2024-01-02 to 2024-01-31" in text(result)
    listed = run("list", "--data-dir", folder).output.splitlines()
    assert listed[1].split()[:5] == ["BTC/USDT", "funding", "90", "2024-01-02", "2024-01-31"]
    checked = run("check", "BTC/USDT", "--data-dir", folder)
    assert "BTC/USDT funding: 90 rates, 2024-01-02 to 2024-01-31: ok" in text(checked)


# List


def test_list_counts_gaps_but_not_what_was_answered_empty(
    load: Callable[..., Result], mine: Mine, file: Path, folder: Path
) -> None:
    mine.does(without=["2024-01-10", "2024-01-11"])
    load("SMH", *JANUARY)
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)  # without 2024-01-16
    lines = run("list", "--data-dir", folder).output.splitlines()
    rows = {line.split()[0]: line.split() for line in lines}
    # Of a run of sessions that is empty in part, the rest counts.
    store = DataStore(folder)
    stored = store.read("SMH")
    with store.hold("SMH") as held:
        fewer = stored.frame.filter(pl.col("date") != dt.date(2024, 1, 12))
        held.write(fewer, stored.meta.origin, stored.meta.coverage)
    holed = run("list", "--data-dir", folder).output.splitlines()
    assert next(line.split()[5] for line in holed if line.startswith("SMH")) == "1"
    assert rows["SMH"] == [
        *("SMH", "1day", "19", "2024-01-02", "2024-01-31", "0", "mine", "split", "0", "min")
    ]
    assert rows["QQQ"][5:8] == ["1", "import", "none"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 min"), (-50, "0 min"), (3_599, "59 min"), (7_300, "2 h"), (200_000, "2 d")],
)
def test_ages(seconds: int, said: str) -> None:
    now = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    assert age(now - dt.timedelta(seconds=seconds), now) == said


# Check


def test_check_says_which_sessions_were_answered_empty(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    mine.does(without=["2024-01-10", "2024-01-11"])
    load("SMH", *JANUARY)
    said = text(run("check", "--data-dir", folder))
    assert "2 sessions of XNYS missing: 2024-01-10 to 2024-01-11 (2)" in said
    assert "Mine has no bars for 2024-01-10 to 2024-01-11; asked for again after" in said


def test_check_compares_minutes_with_days(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    load("SMH", *JANUARY)
    load("SMH", *JANUARY, "--timeframe", "5min")
    assert "differ" not in text(run("check", "--data-dir", folder))
    mine.does(factor=2.0)
    load("SMH", *JANUARY, "--timeframe", "5min", "--fresh")
    said = text(run("check", "SMH", "--data-dir", folder))
    assert said.count("times a constant") == 1
    assert "0.5 times from 2024-01-02 to 2024-01-31" in said


def test_check_asks_no_source(mine: Mine, folder: Path) -> None:
    result = run("check", *mine.source, "--data-dir", folder)
    assert result.exit_code == 2
    assert "--source is for --fix alone" in text(result)


# Fix


def test_fix_fills_gaps_from_where_the_bars_came_from(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    mine.does(without=["2024-01-10", "2024-01-11", "2024-01-24"])
    load("SMH", *JANUARY)
    assert DataStore(folder).meta("SMH").rows == 18
    mine.does(without=["2024-01-24"])
    assert mine.asked
    result = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert result.exit_code == 0, result.exception
    said = text(result)
    assert "fixed: 2024-01-10 to 2024-01-11, 2024-01-24: asked for again, 2 rows added" in said
    assert "1 session of XNYS missing: 2024-01-24" in said
    assert DataStore(folder).meta("SMH").rows == 20
    # The gaps with five sessions on either side, which meet, and nothing before that.
    assert mine.asked == ["SMH 2024-01-03 2024-01-31"]
    again = text(run("check", "--fix", *mine.source, "--data-dir", folder))
    assert "left: 2024-01-24: asked for again, Mine has nothing there" in again


def test_fix_that_cannot_ask_leaves_the_bars_as_they_are(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    mine.does(without=["2024-01-10"])
    load("SMH", *JANUARY)
    before = DataStore(folder).read("SMH")
    mine.does(down=True)
    result = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert "left: 2024-01-10: not filled: Mine cannot be reached" in text(result)
    unnamed = run("check", "--fix", "--data-dir", folder)
    assert "not filled: the stored bars of SMH came from 'mine'" in text(unnamed)
    after = DataStore(folder).read("SMH")
    assert after.frame.equals(before.frame)
    assert after.meta.coverage == before.meta.coverage


def test_fix_replaces_a_damaged_file_and_keeps_it(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    load("SMH", *JANUARY)
    before = DataStore(folder).load("SMH")
    path = folder / "SMH_1day.parquet"
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    plain = run("check", "--data-dir", folder)
    assert "SMH 1day: cannot be used" in text(plain)
    assert path.read_bytes() == content, "a check changes nothing"
    result = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert result.exit_code == 0, result.output
    assert "SMH 1day: fixed: downloaded again from Mine" in text(result)
    assert DataStore(folder).load("SMH").head(21).equals(before)
    kept = [p for p in folder.iterdir() if ".parquet.corrupt-" in p.name]
    assert [p.read_bytes() for p in kept] == [bytes(content)]
    assert kept[0].name in result.output.replace("\n    ", "").replace("\n  ", "")


def test_fix_asks_the_source_that_a_file_cut_short_came_from(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    load("SMH", *JANUARY)
    (folder / "SMH_1day.parquet").write_bytes(b"")
    assert mine.asked
    result = run("check", "--fix", "--data-dir", folder)
    assert "it was not replaced: the stored bars of SMH came from 'mine'" in text(result)
    again = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert again.exit_code == 0
    assert DataStore(folder).load("SMH").height > 20


def test_fix_goes_on_after_what_it_cannot_put_right(file: Path, folder: Path) -> None:
    for symbol in ("AAA", "BBB", "CCC"):
        run("import", file, "--symbol", symbol, "--data-dir", folder)
    for name in ("AAA_1day.parquet", "BBB_1day.meta.json", "CCC_1day.meta.json"):
        (folder / name).unlink()
    (folder / "AAA_1day.parquet").mkdir()
    (folder / "BBB_1day.meta.json").mkdir()
    result = run("check", "--fix", "--data-dir", folder)
    assert isinstance(result.exception, DataError)
    assert "1 of 3 checked have errors: AAA 1day" in str(result.exception)
    said = text(result)
    assert "AAA_1day.parquet is a folder: import the bars again" in said
    assert "BBB 1day: left: cannot write" in said
    assert "CCC 1day: fixed: wrote CCC_1day.meta.json" in said


def test_fix_leaves_imported_bars_alone(file: Path, folder: Path, mine: Mine) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    before = (folder / "QQQ_1day.parquet").read_bytes()
    result = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert result.exit_code == 0
    assert "left: 2024-01-16: gaps of bars that were no download; import them anew" in text(result)
    assert (folder / "QQQ_1day.parquet").read_bytes() == before
    damaged = before[:50] + bytes([before[50] ^ 1]) + before[51:]
    (folder / "QQQ_1day.parquet").write_bytes(damaged)
    broken = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert isinstance(broken.exception, DataError)
    assert "it was no download, so import it again" in text(broken)
    assert (folder / "QQQ_1day.parquet").read_bytes() == damaged
    assert mine.asked == []


def test_fix_writes_a_missing_meta_file(file: Path, folder: Path) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    path = folder / "QQQ_1day.meta.json"
    said = path.read_text()
    path.unlink()
    result = run("check", "--fix", "--data-dir", folder)
    assert "fixed: wrote QQQ_1day.meta.json, which was missing" in text(result)
    assert path.read_text() == said
    path.write_text("{}")
    result = run("check", "--fix", "--data-dir", folder)
    assert "wrote QQQ_1day.meta.json, which did not say what the bars say" in text(result)
    assert path.read_text() == said
    assert "meta.json" not in text(run("check", "--fix", "--data-dir", folder))


def test_fix_removes_what_killed_writers_have_left(file: Path, folder: Path) -> None:
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    stale = [
        ".QQQ_1day.parquet.0123456789ab.tmp",
        ".BTC%2FUSDT_mark-1hour.meta.json.0123456789ab.tmp",
        ".BTC%2FUSDT_funding.parquet.0123456789ab.tmp",
    ]
    others = [".QQQ_1day.parquet.tmp", ".other.0123456789ab.tmp", "notes.txt"]
    for name in (*stale, *others):
        (folder / name).write_text("x")
    said = text(run("check", "--fix", "--data-dir", folder))
    for name in stale:
        assert f"removed {name}" in said
        assert not (folder / name).exists()
    assert all((folder / name).exists() for name in others)


def test_fix_fetches_minutes_of_the_sessions_that_lack_some(
    load: Callable[..., Result], mine: Mine, folder: Path
) -> None:
    load("SMH", *JANUARY, "--timeframe", "5min")
    whole = DataStore(folder).load("SMH", "5min")
    store = DataStore(folder)
    origin = store.meta("SMH", "5min").origin
    coverage = store.meta("SMH", "5min").coverage
    holed = whole.filter(pl.int_range(pl.len()) != 400)
    with store.hold("SMH", "5min") as held:
        held.write(holed, origin, coverage)
    assert mine.asked
    result = run("check", "--fix", *mine.source, "--data-dir", folder)
    assert "asked for again, 1 row added from Mine" in text(result)
    assert DataStore(folder).load("SMH", "5min").equals(whole)


# Beside another process


def test_commands_say_that_they_wait(
    load: Callable[..., Result],
    mine: Mine,
    file: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load("SMH", *JANUARY)
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    run("resample", "QQQ", "--to", "1week", "--data-dir", folder)
    hold = DataStore.hold

    def waited(self: DataStore, *args: Any, waiting: Any = None, **options: Any) -> Any:
        if waiting is not None:
            waiting()
        return hold(self, *args, waiting=waiting, **options)

    monkeypatch.setattr(DataStore, "hold", waited)
    for arguments in (
        ("import", file, "--symbol", "QQQ"),
        ("resample", "QQQ", "--to", "1week"),
        ("check", "SMH", "--fix", *mine.source),
    ):
        result = run(*arguments, "--data-dir", folder)
        assert result.exit_code == 0, result.exception
        assert "waiting for another process that writes it" in text(result)


# Resample


def test_resample_stores_longer_bars_with_their_origin(
    load: Callable[..., Result], folder: Path
) -> None:
    load("SMH", *JANUARY, "--timeframe", "5min")
    result = run("resample", "SMH", "--from", "5min", "--to", "1hour", "--data-dir", folder)
    assert result.exit_code == 0, result.exception
    assert "SMH 1hour: 147 bars, 2024-01-02 to 2024-01-31, resampled from 5min" in text(result)
    store = DataStore(folder)
    origin = store.meta("SMH", "1hour").origin
    assert (origin.source, origin.fetched_from) == ("resampled from 5min", None)
    assert (origin.adjust, origin.timezone) == ("split", "America/New_York")
    assert store.meta("SMH", "5min").fingerprint in origin.notes[0]
    days = run("resample", "SMH", "--to", "1day", "--data-dir", folder)
    assert "SMH 1day: 21 bars, 2024-01-02 to 2024-01-31, resampled from 1hour" in text(days)
    weeks = run("resample", "SMH", "--to", "1week", "--data-dir", folder)
    assert "SMH 1week: 4 bars, 2024-01-01 to 2024-01-22, resampled from 1day" in text(weeks)
    assert "the last week, from 2024-01-29, left out" in text(weeks)
    assert "have changed since" not in text(run("check", "--data-dir", folder))
    load("SMH", *RANGE, "--timeframe", "5min")
    assert (
        "SMH 1hour: 147 bars, 2024-01-02 to 2024-01-31: 1 warning warning: the 5min bars that these"
        " were made of have changed since: wfo data resample SMH --from 5min --to 1hour makes them"
        " anew"
    ) in text(run("check", "--data-dir", folder))
    # Again: what was resampled is replaced as it is.
    again = run("resample", "SMH", "--to", "1week", "--data-dir", folder)
    assert again.exit_code == 0
    assert "set aside" not in text(again)


def test_resampled_bars_are_not_continued_by_a_download(
    load: Callable[..., Result], folder: Path
) -> None:
    load("SMH", *JANUARY, "--timeframe", "5min")
    run("resample", "SMH", "--to", "1day", "--data-dir", folder)
    said = text(run("list", "--data-dir", folder))
    assert re.search(r"SMH 1day 21 2024-01-02 2024-01-31 0 resampled split", said)
    result = load("SMH", *RANGE)
    assert result.exit_code == 1
    assert "SMH 1day was resampled from 5min, and is not continued from Mine" in text(result)
    assert "SMH 1day: 21 bars, 2024-01-02 to 2024-01-31, as before" in text(result)


def test_resample_does_not_replace_bars_of_another_origin(
    load: Callable[..., Result], folder: Path
) -> None:
    load("SMH", *JANUARY)
    load("SMH", *JANUARY, "--timeframe", "5min")
    command = ("resample", "SMH", "--to", "1day", "--from", "5min", "--data-dir", folder)
    refused = run(*command)
    assert isinstance(refused.exception, InputError)
    assert "comes from 'Mine': --fresh sets it aside" in str(refused.exception)
    assert DataStore(folder).meta("SMH").origin.fetched_from == "mine"
    done = run(*command, "--fresh")
    assert done.exit_code == 0, done.exception
    assert DataStore(folder).meta("SMH").origin.source == "resampled from 5min"
    assert [p.name for p in folder.iterdir() if ".parquet.replaced-" in p.name]


def test_resample_does_not_replace_bars_of_another_origin_that_are_cut_short(
    load: Callable[..., Result], file: Path, folder: Path
) -> None:
    load("QQQ", *JANUARY, "--timeframe", "5min")
    run("import", file, "--symbol", "QQQ", "--data-dir", folder)
    (folder / "QQQ_1day.parquet").write_bytes(b"")
    refused = run("resample", "QQQ", "--from", "5min", "--to", "1day", "--data-dir", folder)
    assert isinstance(refused.exception, InputError)
    assert "--fresh sets it aside" in str(refused.exception)


def test_the_last_day_of_a_download_is_whole_and_that_of_a_file_may_not_be(folder: Path) -> None:
    """A symbol that trades seldom has no bar at the close of its last session."""
    zone = "America/New_York"
    times = [
        dt.datetime(2024, 1, d, 9, 30) + dt.timedelta(minutes=5 * k)  # noqa: DTZ001
        for d, n in ((2, 78), (3, 40))
        for k in range(n)
    ]
    stamps = pl.Series("datetime", times).cast(pl.Datetime("us")).dt.replace_time_zone(zone)
    bars = pl.DataFrame({"datetime": stamps}).with_columns(
        *(pl.lit(10.0).alias(p) for p in ("open", "high", "low", "close"))
    )
    store = DataStore(folder)
    origin = BarsOrigin("bars.csv", calendar="XNYS", timezone=zone)
    store.save("SMH", "5min", bars, origin)
    result = run("resample", "SMH", "--to", "1day", "--data-dir", folder)
    assert "SMH 1day: 1 bar, 2024-01-02" in text(result)
    assert "the last day, 2024-01-03, left out" in text(result)
    asked = dt.datetime(2024, 1, 4, tzinfo=dt.UTC)
    interval = DateInterval(dt.date(2024, 1, 2), dt.date(2024, 1, 3))
    with store.hold("SMH", "5min") as held:
        fetched = BarsOrigin(
            "Mine", calendar="XNYS", timezone=zone, adjust="raw", fetched_from="mine"
        )
        held.write(bars, fetched, Coverage((Answered(interval, "mine", asked),)))
    whole = run("resample", "SMH", "--to", "1day", "--data-dir", folder)
    assert "SMH 1day: 2 bars, 2024-01-02 to 2024-01-03" in text(whole)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["SMH"], "--to"),
        (["SMH", "--from", "1day", "--to", "5min"], "--to 5min is not longer than --from 1day"),
        (["SMH", "--to", "2hour"], "unknown timeframe '2hour'"),
        (["SMH", "--to", "1min"], "--to 1min is the shortest there is"),
    ],
)
def test_wrong_usage_of_resample(arguments: list[str], part: str, folder: Path) -> None:
    result = run("resample", *arguments, "--data-dir", folder)
    assert result.exit_code == 2
    assert part in text(result)


def test_resample_of_what_is_not_stored(folder: Path) -> None:
    result = run("resample", "SMH", "--to", "1hour", "--data-dir", folder)
    assert isinstance(result.exception, DataError)
    assert "no 1min bars of 'SMH'" in str(result.exception)


# Login


def test_login_without_an_api_key_says_what_is_missing() -> None:
    result = run("login", "tradestation", "--no-browser")
    assert isinstance(result.exception, DataError)
    assert "WFO_TRADESTATION_CLIENT_ID" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "port", "opens"),
    [([], None, True), (["--port", "0", "--no-browser"], 0, False)],
)
def test_login_passes_its_options_on(
    arguments: list[str], port: int | None, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    import wfo.data.sources.login as module

    given: dict[str, object] = {}
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or True)

    def login(config: object, **options: object) -> None:
        given.update(options)
        browser = options["open_browser"]
        assert callable(browser)
        assert browser("http://localhost") is opens

    monkeypatch.setattr(module, "login", login)
    assert run("login", "tradestation", *arguments).exit_code == 0
    assert given["port"] == (module.PORTS[0] if port is None else port)
    assert opened == (["http://localhost"] if opens else [])


def test_login_of_another_source_is_wrong_usage() -> None:
    result = run("login", "alpaca")
    assert result.exit_code == 2
