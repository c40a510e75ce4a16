"""The commands of ``wfo data``."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from wfo.cli.data import data
from wfo.data import DataStore
from wfo.errors import DataError, InputError

BARS = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-11,100,102,98,101,50.5,1000
2024-01-12,101,104,100,102,51,0
2024-01-17,102,103,99,100,100,1200
"""


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

    file.write_text("Date,Open,High,Low,Close\n01/02/2024,1,1,1,2\n02/02/2024,1,1,1,1\n")
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
        (["--symbol", "a/b"], "symbol 'a/b' cannot be stored"),
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
    assert [line.split() for line in lines] == [
        ["SYMBOL", "TIMEFRAME", "ROWS", "FIRST", "LAST", "ADJUST", "WARNINGS"],
        ["BTCUSDTPERP", "1day", "3", "2024-01-11", "2024-01-17", "split+div", "3"],
        ["QQQ", "1day", "3", "2024-01-11", "2024-01-17", "none", "2"],
        ["the", "embedded", "sample,", "which", "every", "command", "knows:"],
        ["NASDAQ", "1day", "5,031", "1999-01-04", "2018-12-31", "none", "1"],
        ["SP500", "1day", "5,031", "1999-01-04", "2018-12-31", "none", "0"],
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
    (folder / "SPY_1day.meta.json").write_text("{}")
    result = run("list", "--data-dir", folder)
    assert "QQQ" in result.output
    assert isinstance(result.exception, DataError)
    assert "SPY_1day.meta.json: 'adjust' is missing" in str(result.exception)


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


@pytest.mark.parametrize("command", ["import", "list", "check"])
def test_help_has_a_sentence_and_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert lines[1].strip().endswith(".")
    assert f"wfo data {command}" in result.output
    assert "Example" in result.output
    assert "default: data" in text(result)
    assert max(len(line) for line in lines) <= 80


def test_every_option_is_documented() -> None:
    assert set(data.commands) == {"import", "list", "check"}
    for command in data.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{command.name} {parameter.name}"
