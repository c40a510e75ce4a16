"""Optimization reports: their columns, and files of any dialect, read right or refused."""

from __future__ import annotations

import itertools
import math
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from wfo.errors import InputError
from wfo.strategy import get_strategy
from wfo.tradestation import headings
from wfo.tradestation.amounts import prove, read_amounts
from wfo.tradestation.errors import ReportError
from wfo.tradestation.headings import recognise, report_frame, report_headings, report_row
from wfo.tradestation.range_files import CONFIG, Job, read_jobs
from wfo.tradestation.reports import ReportFile, find_reports, read_report

L, LS = get_strategy("atr_d_l"), get_strategy("atr_d_ls")
HULL = get_strategy("atr_d_hma_l")
NAME = "Refinement_ATR-D-v1.5-L_rank1_SMH.csv"

# Sums of five backtests: one without trades, one without losses, one without wins.
SUMS = {
    "gross_profit": [123456.78, 0.0, 3000.5, 0.0, 98765.43],
    "gross_loss": [-23456.1, 0.0, 0.0, -1234.56, -45678.9],
    "trades": [40.0, 0.0, 3.0, 5.0, 1040.0],
    "wins": [25.0, 0.0, 3.0, 0.0, 500.0],
    "losses": [14.0, 0.0, 0.0, 5.0, 540.0],
    "intraday_dd": [15432.1, 0.0, 250.25, 1500.0, 24000.0],
}
PARAMS = {"atr_period": [10, 10, 11, 11, 12], "atr_multiplier": [3.0, 3.25, 3.0, 3.25, 4.5]}


def performance(sums: Mapping[str, list[float]] = SUMS, sides: bool = False) -> Any:
    columns = {name: np.array(values) for name, values in sums.items()}
    if sides:
        for side in ("long_", "short_"):
            columns |= {side + name: np.array(values) for name, values in sums.items()}
    return types.SimpleNamespace(**columns)


def params(strategy: Any = L) -> np.ndarray:
    return np.column_stack(
        [PARAMS.get(n, [strategy.defaults[n]] * 5) for n in strategy.names]
    ).astype(float)


def report() -> pl.DataFrame:
    return report_frame(L, params(), [1, 2, 3, 4, 5], performance())


# --- columns ------------------------------------------------------------------------------------


def test_columns_are_those_of_the_specification() -> None:
    figures = [
        "Net Profit",
        "Gross Profit",
        "Gross Loss",
        "Total Trades",
        "% Profitable",
        "Winning Trades",
        "Losing Trades",
        "Avg Winning Trade",
        "Avg Losing Trade",
        "Avg Trade",
        "ProfitFactor",
        "Max Intraday Drawdown",
        "Return on Account",
        "TS Index",
    ]
    inputs = [
        "ATR_Period",
        "ATR_Multiplier",
        "BB_Length",
        "BB_Deviation",
        "Vol_Threshold",
        "Min_Tightening",
        "Scaling_Method",
        "ATRBuy_Period",
        "ATRBuyMultiplier",
        "ATR_Smooth_Period",
        "EquityPrice_Method",
    ]
    assert report().columns == [*inputs, "TestNum", *(f"All: {f}" for f in figures)]
    frame = report_frame(LS, params(LS), range(5), performance(sides=True))
    assert frame.columns[16] == "TestNum"
    assert frame.columns[17:] == [
        f"{s}: {f}" for s, f in itertools.product(("All", "Long", "Short"), figures)
    ]
    assert tuple(frame.columns) == report_headings(LS)


def test_figures_by_hand() -> None:
    frame = report()
    assert frame["ATR_Period"].to_list() == [10, 10, 11, 11, 12]
    assert frame.schema["ATR_Period"] == pl.Int64
    first, none, gains, losses, _ = (frame.row(i, named=True) for i in range(5))
    assert first["All: Net Profit"] == 100000.68
    assert first["All: % Profitable"] == 62.5
    assert first["All: Avg Winning Trade"] == 4938.27
    assert first["All: Avg Losing Trade"] == -1675.44
    assert first["All: Avg Trade"] == 2500.02
    assert first["All: ProfitFactor"] == 5.2633  # 123456.78 / 23456.10
    assert first["All: Max Intraday Drawdown"] == -15432.1
    assert first["All: Return on Account"] == 648.0044  # 100 * 100000.68 / 15432.1
    assert first["All: TS Index"] == 162.0011  # 100000.68 * 25 / 15432.1
    assert first["All: Total Trades"] == 40
    undefined = {"% Profitable", "Avg Winning Trade", "Avg Losing Trade", "Avg Trade"}
    undefined |= {"ProfitFactor", "Return on Account", "TS Index"}
    assert {n.removeprefix("All: ") for n, v in none.items() if v is None} == undefined
    # No negative zeros, which a file would show.
    assert all(math.copysign(1, v) == 1 for v in none.values() if v == 0)
    assert gains["All: ProfitFactor"] is None
    assert gains["All: Avg Losing Trade"] is None
    assert gains["All: % Profitable"] == 100
    assert (losses["All: ProfitFactor"], losses["All: TS Index"]) == (0, 0)


def test_a_row_is_one_of_the_frame() -> None:
    frame = report()
    for at in range(5):
        sums = {name: values[at] for name, values in SUMS.items()}
        own = dict(zip(L.names, params()[at], strict=True))
        assert report_row(L, own, at + 1, sums) == frame.row(at, named=True)


def test_a_drawdown_that_was_not_computed_is_empty() -> None:
    sums = SUMS | {"intraday_dd": [math.nan] * 5}
    frame = report_frame(L, params(), range(1, 6), performance(sums))
    assert frame["All: Max Intraday Drawdown"].null_count() == 5
    assert frame["All: TS Index"].null_count() == 5


@pytest.mark.parametrize(
    ("heading", "kind", "name"),
    [
        ("All: ProfitFactor", "figure", "profit_factor"),
        ("All: Profit Factor", "figure", "profit_factor"),
        ("PROFIT FACTOR", "figure", "profit_factor"),
        ("all:netprofit", "figure", "net_profit"),
        ("Net Profit", "figure", "net_profit"),
        ("All: % Profitable", "figure", "percent_profitable"),
        ("All: Percent Profitable", "figure", "percent_profitable"),
        ("All:Profitable", "figure", "percent_profitable"),
        ("All - Avg. Winning Trade", "figure", "avg_win"),
        ("ALL_MAX_INTRADAY_DRAWDOWN", "figure", "max_intraday_dd"),
        ("All: Net Profit ($)", "figure", "net_profit"),
        ("Gross Loss (USD)", "figure", "gross_loss"),
        ("Profitable %", "figure", "percent_profitable"),
        ("Long Trades: Net Profit", "figure", "long_net_profit"),
        ("Long: TS Index", "figure", "long_ts_index"),
        ("short:gross loss", "figure", "short_gross_loss"),
        ("Short_Multiplier", "input", "short_multiplier"),
        ("atr period", "input", "atr_period"),
        ("ATR-D-v1.5-LS: ATR_Period", "input", "atr_period"),
        ("ATR_Period (ATR-D-v1.5-LS)", "input", "atr_period"),
        ("Input: ATRBuyMultiplier", "input", "atr_buy_multiplier"),
        ("Input(ATRBuyMultiplier)", "input", "atr_buy_multiplier"),
        ("atr_buy_multiplier", "input", "atr_buy_multiplier"),
        ("Test", "test", "Test"),
        ("testnum", "test", "testnum"),
        ("Test #", "test", "Test #"),
        ("In-Sample Fitness", "passed", "In-Sample Fitness"),
        ("All: Max Consecutive Winners", "passed", "All: Max Consecutive Winners"),
        ("All: Something New", "passed", "All: Something New"),
        ("Data1: Symbol", "symbol", "Data1: Symbol"),
        ("HMA_Fast_Length", "unknown", "HMA_Fast_Length"),
        ("", "unknown", ""),
    ],
)
def test_headings_are_told(heading: str, kind: str, name: str) -> None:
    assert tuple(recognise(heading, LS)) == (kind, name)


@pytest.mark.parametrize("strategy", [L, LS, HULL])
def test_own_headings_are_told(strategy: Any) -> None:
    found = [recognise(h, strategy) for h in report_headings(strategy)]
    names = [*strategy.names, headings.TEST, *headings.figure_names(strategy)]
    assert [f.name for f in found] == names
    assert not {f.kind for f in found} & {"passed", "unknown", "symbol"}


# --- files that are read ------------------------------------------------------------------------


def dialect(
    separator: str = ",",
    mark: str = ".",
    thousands: str = "",
    money: Callable[[str], str] = lambda text: text,
    percent: str = "",
    none: str = "",
    quote: bool = False,
    heading: Callable[[str], str] = lambda text: text,
) -> str:
    """The report as another program writes it."""
    frame = report()

    def cell(name: str, value: Any) -> str:
        if value is None:
            text = none
        else:
            unit = headings.UNITS.get(recognise(name, L).name)
            decimals = 0 if isinstance(value, int) else 4 if unit in {"ratio", "percent"} else 2
            text = f"{value:,.{decimals}f}"
            text = text.replace(",", "T").replace(".", mark).replace("T", thousands)
            text = money(text) if unit == "money" else text
            text += percent if unit == "percent" else ""
        return f'"{text}"' if quote or separator in text else text

    lines = [separator.join(heading(name) for name in frame.columns)]
    lines += [
        separator.join(cell(name, value) for name, value in row.items())
        for row in frame.iter_rows(named=True)
    ]
    return "\n".join(lines) + "\n"


PLAIN = report().write_csv()
LINES = PLAIN.splitlines()


def parentheses(text: str) -> str:
    return f"({text[1:]})" if text.startswith("-") else text


def trailing(text: str) -> str:
    return f"{text[1:]}-" if text.startswith("-") else text


READ: dict[str, str | bytes] = {
    "plain": PLAIN,
    "no end of the last line": PLAIN.rstrip("\n"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "byte order mark": "\ufeff" + PLAIN,
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 big endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16 big endian without a mark": PLAIN.encode("utf-16-be"),
    "blank lines": "\n\n" + PLAIN.replace("\n", "\n\n") + "\n \n",
    "lines of separators": PLAIN + "," * 25 + "\n" + "," * 25 + "\n",
    "comma at the end of lines": PLAIN.replace("\n", ",\n"),
    "comma at the end of rows": PLAIN.replace("\n", ",\n").replace("Index,", "Index"),
    "comma and blank at the end of a row": PLAIN.replace(LINES[2], LINES[2] + ", ,"),
    "blanks before quotes": dialect(quote=True).replace('","', '" ,  "'),
    "quotes at some cells": PLAIN.replace(",3000.5,", ',"3000.5",'),
    "quotes at some cells, comma at the end": PLAIN.replace(",3000.5,", ',"3000.5",').replace(
        "\n", ",\n"
    ),
    "quoted title above quoted cells": '"SMH, Daily"\n' + dialect(quote=True),
    "quotes around lines": "".join(f'"{line}"\n' for line in LINES),
    "quotes around lines with quotes": "".join(
        '"{}"\n'.format(line.replace('"', '""'))
        for line in PLAIN.replace(",3000.5,", ',"3000.5",').splitlines()
    ),
    "quotes": dialect(quote=True, heading=lambda h: f'"{h}"'),
    "blanks around": dialect(separator=" , "),
    "semicolons": dialect(separator=";"),
    "tabs": dialect(separator="\t"),
    "sep line": "sep=;\n" + dialect(separator=";"),
    "sep line in quotes": '"sep=;"\r\n' + dialect(separator=";"),
    "sep line with another separator": "sep=|\n" + dialect(separator="|"),
    "title": "TradeStation Strategy Optimization Report\nSMH, Daily\n\n" + PLAIN,
    "totals": PLAIN + "Total" + "," * 11 + ",200000.0" + "," * 13 + "\n",
    "totals with fewer fields": PLAIN + "Average,,123.5\n",
    "remark at the end": PLAIN + "\n5 tests, finished in 12 s\nEnd of report",
    "headings again": PLAIN + "\n".join(LINES[:1]) + "\n",
    "decimal commas": dialect(separator=";", mark=","),
    "decimal commas in quotes": dialect(mark=","),
    "decimal commas and thousands": dialect(separator=";", mark=",", thousands="."),
    "decimal commas and tabs": dialect(separator="\t", mark=",", thousands=" "),
    "narrow blanks for thousands": dialect(separator=";", mark=",", thousands="\u202f"),
    "blanks of Windows for thousands": dialect(";", ",", "\u00a0").encode("cp1252"),
    "Swiss thousands": dialect(thousands="'"),
    "curled Swiss thousands": dialect(thousands="\u2019"),
    "thousands": dialect(thousands=","),
    "dollars": dialect(money=lambda t: f"${t}".replace("$-", "-$"), thousands=","),
    "dollars before the sign": dialect(money=lambda t: f"${t}"),
    "dollars and parentheses": dialect(money=lambda t: parentheses(f"{t}").replace("(", "($")),
    "euros behind": dialect(";", ",", ".", money=lambda t: f"{t} €"),
    "euros of Windows": dialect(";", ",", ".", money=lambda t: f"{t} €").encode("cp1252"),
    "pounds": dialect(money=lambda t: f"£{t}"),
    "code of a currency": dialect(money=lambda t: f"{t} USD"),
    "parentheses": dialect(money=parentheses, thousands=","),
    "trailing minus": dialect(money=trailing),
    "minus of typographers": dialect(money=lambda t: t.replace("-", "\u2212")),
    "plus": dialect(money=lambda t: t if t.startswith("-") else f"+{t}"),
    "percent signs": dialect(percent="%"),
    "percent signs with a blank": dialect(percent=" %"),
    "headings without All": dialect(heading=lambda h: h.removeprefix("All: ")),
    "headings of capitals": dialect(heading=str.upper),
    "headings without blanks": dialect(heading=lambda h: h.replace(" ", "")),
    "headings with underscores": dialect(heading=lambda h: h.replace(": ", "_").replace(" ", "_")),
    "headings with the strategy": dialect(
        heading=lambda h: f"ATR-D-v1.5-L: {h}" if h in LINES[0].split(",")[:11] else h
    ),
    "more figures": "\n".join(
        f"{line},{more}"
        for line, more in zip(
            LINES, ["All: Max Consecutive Winners", "7", "0", "3", "0", "9"], strict=True
        )
    ),
    "symbol": "\n".join(f"{'SMH' if n else 'Symbol'},{line}" for n, line in enumerate(LINES)),
    "index of pandas": "\n".join(f"{n - 1 if n else ''},{line}" for n, line in enumerate(LINES)),
}


def unsigned(*names: str) -> str:
    """The plain report with these figures as amounts without a sign."""
    places = {LINES[0].split(",").index(f"All: {name}") for name in names}
    return "\n".join(
        ",".join(c.removeprefix("-") if at in places else c for at, c in enumerate(line.split(",")))
        for line in LINES
    )


READ["losses without a sign"] = unsigned("Gross Loss", "Avg Losing Trade", "Max Intraday Drawdown")
READ["average loss without a sign"] = unsigned("Avg Losing Trade")
READ["drawdown without a sign"] = unsigned("Max Intraday Drawdown")
for _word in ("n/a", "NaN", "#DIV/0!", "inf", "-", "1.#INF", "#N/A", "null", "-nan(ind)", "∞"):
    READ[f"undefined as {_word}"] = dialect(none=_word)


def write(folder: Path, text: str | bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes, name: str = NAME, **more: Any) -> ReportFile:
    return read_report(write(folder, text, name), [L, LS, HULL], "SMH", **more)


def expected(*left_out: int) -> pl.DataFrame:
    """What `report` is in names of its own, without the rows of some tests."""
    frame = report()
    names = [*L.names, "TestNum", *(f"ts_{n}" for n in headings.figure_names(L))]
    dtypes = {p.name: pl.Int64 if p.whole else pl.Float64 for p in L.parameters}
    renamed = frame.rename(dict(zip(frame.columns, names, strict=True))).with_columns(
        pl.col(n).cast(dtypes.get(n, pl.Int64 if n == "TestNum" else pl.Float64)) for n in names
    )
    return renamed.filter(~pl.col("TestNum").is_in(left_out))


@pytest.mark.parametrize("case", READ)
def test_reports_that_are_read(tmp_path: Path, case: str) -> None:
    found = read(tmp_path, READ[case])
    assert found.faults == ()
    # Money is written with 2 decimals and ratios with 4, in every dialect.
    assert_frame_equal(found.rows.drop("line"), expected(), check_exact=True)
    assert (found.strategy, found.rank, found.part, found.symbol) == (L, 1, None, "SMH")
    assert (found.filled, found.lacking) == ({}, ())


@pytest.mark.parametrize("strategy", [L, LS, HULL])
def test_what_was_written_is_read_back(tmp_path: Path, strategy: Any) -> None:
    frame = report_frame(strategy, params(strategy), [1, 2, 3, 7, 9], performance(sides=True))
    name = f"Refinement_{strategy.tradestation.name}_rank12_part3_SMH.csv"
    found = read(tmp_path, frame.write_csv(), name)
    assert (found.strategy, found.rank, found.part) == (strategy, 12, 3)
    assert (found.faults, found.notes) == ((), ())
    names = [*strategy.names, "TestNum", *(f"ts_{n}" for n in headings.figure_names(strategy))]
    back = found.rows.drop("line").rename(dict(zip(names, frame.columns, strict=True)))
    assert_frame_equal(back, frame, check_exact=True, check_dtypes=False)
    assert found.rows["line"].to_list() == [2, 3, 4, 5, 6]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, READ["title"])
    assert found.rows["line"].to_list() == [5, 6, 7, 8, 9]
    assert found.notes[0] == (
        f"{NAME}, line 1: read past: 'TradeStation Strategy Optimization Report'"
    )
    assert read(tmp_path, READ["blank lines"]).rows["line"].to_list() == [5, 7, 9, 11, 13]


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("UTF-16", f"{NAME}: read as UTF-16"),
        ("euros of Windows", f"{NAME}: read as Windows-1252"),
        ("decimal commas", f"{NAME}: decimal commas, as in 1.234,5"),
        ("totals with fewer fields", f"{NAME}, line 7: read past: 'Average,,123.5'"),
        ("headings again", f"{NAME}, line 7: the headings are there again, and read past"),
        ("more figures", f"{NAME}: columns read past: All: Max Consecutive Winners"),
        (
            "misspelt figure",
            f"{NAME}: columns read past: All: Totl Trades (did you mean 'All: Total Trades'?)",
        ),
        (
            "losses without a sign",
            f"{NAME}: All: Gross Loss is written without a sign, and read as negative",
        ),
    ],
)
def test_what_was_assumed_is_said(tmp_path: Path, case: str, note: str) -> None:
    misspelt = PLAIN.replace("All: Total Trades", "All: Totl Trades")
    assert note in read(tmp_path, READ.get(case, misspelt)).notes


# --- rows that are left out ---------------------------------------------------------------------


def edited(test: int, heading: str, cell: str) -> str:
    """The plain report with another cell."""
    at = LINES[0].split(",").index(heading)
    fields = LINES[test].split(",")
    fields[at] = cell
    lines = list(LINES)
    lines[test] = ",".join(fields)
    return "\n".join(lines) + "\n"


#: The file, the line, and what is said of it.
ROWS: dict[str, tuple[str, int, str]] = {
    "too few fields": (
        PLAIN.replace(LINES[3], LINES[3].rpartition(",")[0]),
        4,
        "25 fields where the headings have 26",
    ),
    "too many fields": (
        PLAIN.replace(LINES[3], LINES[3] + ",7"),
        4,
        (
            "27 fields where the headings have 26; numbers with commas need quotes, or another"
            " separator between fields"
        ),
    ),
    "too few fields at the end": (
        PLAIN.replace(LINES[5], LINES[5].rpartition(",")[0]),
        6,
        "25 fields where the headings have 26; the file may have been cut short",
    ),
    "test twice": (edited(3, "TestNum", "1"), 4, "TestNum 1 is there already in line 2"),
    "row twice": (PLAIN + LINES[2] + "\n", 7, "TestNum 2 is there already in line 3"),
    "half a test": (edited(3, "TestNum", "2.5"), 4, "TestNum is no whole number, from 0"),
    "no test": (edited(3, "TestNum", ""), 4, "TestNum is no whole number, from 0"),
    "NaN net profit": (
        edited(3, "All: Net Profit", "NaN"),
        4,
        "All: Net Profit is 'NaN', which is no amount",
    ),
    "infinite net profit": (
        edited(3, "All: Net Profit", "inf"),
        4,
        "All: Net Profit is 'inf', which is no amount",
    ),
    "#DIV/0! net profit": (
        edited(3, "All: Net Profit", "#DIV/0!"),
        4,
        "All: Net Profit is '#DIV/0!', which is no amount",
    ),
    "no net profit": (edited(3, "All: Net Profit", ""), 4, "All: Net Profit is empty"),
    "text": (edited(3, "All: Avg Trade", "abc"), 4, "All: Avg Trade is 'abc', no number"),
    "two points": (edited(3, "All: Avg Trade", "1.2.3"), 4, "All: Avg Trade is '1.2.3', no number"),
    "date": (
        edited(3, "All: Avg Trade", "2024-01-02"),
        4,
        "All: Avg Trade is '2024-01-02', no number",
    ),
    "two signs": (edited(3, "All: Avg Trade", "--5"), 4, "All: Avg Trade is '--5', no number"),
    "open parenthesis": (edited(3, "All: Avg Trade", "(5"), 4, "All: Avg Trade is '(5', no number"),
    "winning and losing trades": (
        edited(1, "All: Losing Trades", "16"),
        2,
        (
            "All: Winning Trades is 25, All: Losing Trades is 16, All: Total Trades is 40: more"
            " winning and losing trades than trades"
        ),
    ),
    "half a trade": (
        edited(1, "All: Total Trades", "40.5"),
        2,
        "All: Total Trades is 40.5: a count is a whole number, from 0",
    ),
    "trades below 0": (
        edited(1, "All: Losing Trades", "-14"),
        2,
        "All: Losing Trades is -14: a count is a whole number, from 0",
    ),
    "above 100 %": (
        edited(1, "All: % Profitable", "162.5"),
        2,
        "All: % Profitable is 162.5: a percentage is from 0 to 100",
    ),
    "another percentage": (
        edited(1, "All: % Profitable", "42"),
        2,
        (
            "All: % Profitable is 42, All: Winning Trades is 25, All: Total Trades is 40: that is"
            " not the share of winning trades"
        ),
    ),
    "gross loss above 0": (
        edited(1, "All: Gross Loss", "23456.1"),
        2,
        "All: Gross Loss is 23,456.1: the sum of the losses is never positive",
    ),
    "gross profit below 0": (
        edited(4, "All: Gross Profit", "-5"),
        5,
        "All: Gross Profit is -5: the sum of the profits is never negative",
    ),
    "another net profit": (
        edited(1, "All: Net Profit", "99000.68"),
        2,
        (
            "All: Net Profit is 99,000.68, All: Gross Profit is 123,456.78, All: Gross Loss is"
            " -23,456.1: net profit is gross profit plus gross loss"
        ),
    ),
    "net profit of another digit": (
        edited(1, "All: Net Profit", "1000006.8"),
        2,
        "All: Net Profit is 1,000,006.8, All: Gross Profit",
    ),
    "another profit factor": (
        edited(1, "All: ProfitFactor", "52.633"),
        2,
        (
            "All: ProfitFactor is 52.633, All: Gross Profit is 123,456.78, All: Gross Loss is"
            " -23,456.1: one does not follow from the others"
        ),
    ),
    "another average": (
        edited(1, "All: Avg Winning Trade", "938.27"),
        2,
        (
            "All: Avg Winning Trade is 938.27, All: Gross Profit is 123,456.78, All: Winning"
            " Trades is 25: one does not follow from the others"
        ),
    ),
    "average loss above 0": (
        edited(1, "All: Avg Losing Trade", "1675.44"),
        2,
        "All: Avg Losing Trade is 1,675.44, All: Gross Loss is -23,456.1, All: Losing Trades is 14",
    ),
    "average profit below 0": (
        edited(4, "All: Avg Winning Trade", "-3"),
        5,
        "All: Avg Winning Trade is -3: an average profit is never negative",
    ),
    "drawdown above 0": (
        edited(1, "All: Max Intraday Drawdown", "15432.1"),
        2,
        "All: Max Intraday Drawdown is 15,432.1: a drawdown is never positive",
    ),
    "drawdown below the loss": (
        edited(4, "All: Max Intraday Drawdown", "-100"),
        5,
        (
            "All: Max Intraday Drawdown is -100, All: Net Profit is -1,234.56, All: Avg Losing"
            " Trade is -246.91: a drawdown is never smaller than the net loss or a losing trade"
        ),
    ),
    "profit without trades": (
        edited(2, "All: Gross Profit", "500").replace(",2,0.0,500,", ",2,500.0,500,"),
        3,
        "All: Total Trades is 0, All: Net Profit is 500: without trades there is no profit",
    ),
    "parameter out of range": (
        edited(3, "Min_Tightening", "1.5"),
        4,
        "min_tightening = 1.5 is not allowed; it must be a number > 0 and <= 1",
    ),
    "half a bar": (
        edited(3, "ATR_Period", "10.5"),
        4,
        "atr_period = 10.5 is not allowed; it must be a whole number >= 1",
    ),
    "unknown choice": (
        edited(3, "Scaling_Method", "3"),
        4,
        "scaling_method = 3 is not allowed; it must be one of 0, 1, 2",
    ),
    "NaN for a parameter": (edited(3, "ATR_Period", "NaN"), 4, "ATR_Period is 'NaN', no value"),
    "no parameter": (edited(3, "ATR_Period", ""), 4, "ATR_Period is empty"),
    "word for a parameter": (edited(3, "ATR_Period", "ten"), 4, "ATR_Period is 'ten', no number"),
    "more than a number has": (
        edited(3, "All: Net Profit", "1e999"),
        4,
        "All: Net Profit is '1e999', no number",
    ),
    "more digits than a number has": (
        edited(3, "All: Net Profit", "-" + "9" * 400),
        4,
        f"All: Net Profit is {'-' + '9' * 56 + '...'!r}, no number",
    ),
    "more than a backtest comes to": (
        edited(3, "All: Net Profit", "1e300"),
        4,
        "All: Net Profit is 1e+300: no backtest comes to that",
    ),
    "other notation": (
        edited(3, "All: Avg Trade", '"1,5"')
        + "".join(LINES[3].replace(",3,3000.5", f",{n},3000.5") + "\n" for n in range(6, 16)),
        4,
        "All: Avg Trade is '1,5', no number where the file has numbers as 1,234.5",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_are_left_out(tmp_path: Path, case: str) -> None:
    text, line, what = ROWS[case]
    found = read(tmp_path, text)
    (fault,) = found.faults
    assert fault.line == line
    assert fault.what.startswith(what)
    # The others are what they were.
    kept = found.rows.filter(pl.col("TestNum") <= 5)
    assert_frame_equal(kept.drop("line"), expected(line - 1), check_exact=True)
    assert line not in found.rows["line"].to_list()


def test_a_cut_file_never_gives_other_rows(tmp_path: Path) -> None:
    # Of the last cell the first digits are enough: 162.0 for 162.0011.
    whole = expected()
    begin = PLAIN.rindex("\n", 0, len(PLAIN) - 1)
    cuts = {
        *range(0, begin, 37),
        *range(begin - 30, begin + 8, 3),
        *range(len(PLAIN) - 14, len(PLAIN)),
    }
    refused: list[str] = []
    for cut in sorted(cuts):
        try:
            found = read(tmp_path, PLAIN[:cut])
        except ReportError as error:
            refused.append(str(error))
            continue
        assert found.faults == ()
        rows = found.rows.drop("line")
        last = rows.columns[-1]
        pair = (each[last].cast(pl.Float64).to_numpy() for each in (rows, whole.head(len(rows))))
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=0.01)
        exact = rows.columns[:-1]
        assert_frame_equal(rows[exact], whole.head(len(rows))[exact], check_exact=True)
    assert 0.7 * len(cuts) < len(refused) < len(cuts)
    assert all(message.startswith(NAME) for message in refused)


def test_of_many_columns_that_are_read_past_some_are_named(tmp_path: Path) -> None:
    more = [f"All: Figure {n}" for n in range(100)]
    lines = [
        f"{line},{','.join(more) if line == LINES[0] else ','.join('1' * 100)}" for line in LINES
    ]
    found = read(tmp_path, "\n".join(lines) + "\n")
    (note,) = found.notes
    assert note.startswith(f"{NAME}: columns read past: All: Figure 0, All: Figure 1, ")
    assert note.endswith("All: Figure 59 and 40 more")


def test_pairs_that_constraints_refuse_are_left_out(tmp_path: Path) -> None:
    table = params(HULL)
    table[:, -2:] = [[40, 60], [50, 50], [45, 60], [60, 55], [40, 41]]
    frame = report_frame(HULL, table, range(1, 6), performance())
    found = read(tmp_path, frame.write_csv(), "Refinement_ATR-D-HMA-v1.5-L_rank1_SMH.csv")
    assert [(f.line, f.what) for f in found.faults] == [
        (3, "hma_fast_length = 50 is not allowed; it must be below hma_slow_length = 50"),
        (5, "hma_fast_length = 60 is not allowed; it must be below hma_slow_length = 55"),
    ]
    assert found.rows["TestNum"].to_list() == [1, 3, 5]


# --- files that are refused ---------------------------------------------------------------------


def headed(heading: str, other: str) -> str:
    assert heading in LINES[0].split(",")
    fields = [other if h == heading else h for h in LINES[0].split(",")]
    return "\n".join([",".join(fields), *LINES[1:], ""])


#: Fields of a row whose decimal commas pass for separators.
DOUBLED = 26 + dialect(";", ",").splitlines()[1].count(",")

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", f"{NAME} is empty"),
    "blank": (" \n\n\t\n", f"{NAME} is empty"),
    "blank and long": (" \n" * 20_000, f"{NAME} is empty"),
    "blank of other kinds": ("\u00a0\n\x0b\n\x0c", f"{NAME} is empty"),
    "mark of UTF-16 only": (b"\xff\xfe", f"{NAME} is empty"),
    "mark only": (b"\xef\xbb\xbf", f"{NAME} is empty"),
    "sep line only": ("sep=,\n", f"{NAME} is empty but for its line 'sep='"),
    "headings only": (LINES[0] + "\n", f"{NAME}: no rows follow its headings in line 1"),
    "headings twice": (f"{LINES[0]}\n" * 2, f"{NAME}: no rows follow its headings in line 1"),
    "line without an end": (
        f"{LINES[0]}\n{'x' * 200_000}\n",
        f"{NAME}: none of its 1 rows can be used; the first, line 2: 1 field where the headings",
    ),
    "strange separator": (
        "sep=\u20ac\nA\u20acB\n1\u20ac2\n",
        f"{NAME}, line 1: no headings of an optimization report can be told in 'sep=\u20ac'",
    ),
    "headings cut": (LINES[0][:100], f"{NAME}: no rows follow its headings in line 1"),
    "no headings": (
        "\n".join(LINES[1:]),
        f"{NAME}, line 1: the line of headings is missing: no headings of an optimization report",
    ),
    "prose": ("Dear trader,\nnothing here.\n", f"{NAME}, line 1: no headings of an optimization"),
    "bars": (
        "Date,Open,High,Low,Close\n2024-01-02,1,2,1,2\n",
        (
            f"{NAME}, line 1: no headings of an optimization report can be told in"
            " 'Date,Open,High,Low,Close'; needed are the inputs, TestNum and All: Net Profit"
        ),
    ),
    "web page": ("<!DOCTYPE html><html></html>", f"{NAME}, line 1: it is a web page"),
    "workbook": (b"PK\x03\x04rest", f"{NAME} is a ZIP archive or an Excel workbook"),
    # A million fields would each be looked up.
    "a line that is too long for headings": (
        PLAIN.replace("TestNum", "TestNum" + "," * 70_000, 1),
        f"{NAME}, line 1: no headings of an optimization report can be told in 'ATR_Period,",
    ),
    "UTF-32": (PLAIN.encode("utf-32"), f"{NAME} is no text: it holds zero bytes"),
    "zero bytes": (PLAIN.encode() + b"\x00" * 512, f"{NAME} is no text: it holds zero bytes"),
    "not decodable": (
        PLAIN.encode().replace(LINES[3].encode(), b"\x81" + LINES[3].encode()),
        f"{NAME}, line 4: byte 0x81 is not UTF-8 text",
    ),
    "cut in a line": (
        PLAIN[: PLAIN.index(LINES[4]) + 30],
        f"{NAME}, line 5: the file ends in the middle of a line, ",
    ),
    "cut in the last cell": (
        PLAIN.rstrip("\n")[:-6],
        f"{NAME}, line 6: the file ends in the middle of a line, with '1",
    ),
    "cut before the last cell": (
        PLAIN[: PLAIN.rindex(",") + 1],
        f"{NAME}, line 6: the file ends in the middle of a line, with '' as All: TS Index",
    ),
    "cut in quotes": (
        READ["quotes"][: len(READ["quotes"]) - 4],
        f"{NAME}, line 6: a quoted field does not end; the file ends in line 6",
    ),
    "cut in a character": (
        PLAIN.encode("utf-16")[:-3],
        f"{NAME}, line 6: the file ends in the middle of a character, so it was cut short",
    ),
    "heading twice": (
        headed("All: Gross Profit", "All: Net Profit"),
        f"{NAME}, line 1: the headings 'All: Net Profit' and 'All: Net Profit' are the same",
    ),
    "heading twice in two spellings": (
        headed("All: Gross Profit", "NETPROFIT"),
        f"{NAME}, line 1: the headings 'All: Net Profit' and 'NETPROFIT' are the same column",
    ),
    "input twice": (
        headed("BB_Length", "ATR_Period"),
        f"{NAME}, line 1: the headings 'ATR_Period' and 'ATR_Period' are the same column",
    ),
    "no net profit": (
        headed("All: Net Profit", "All: Something"),
        f"{NAME}, line 1: there is no column All: Net Profit; it has ATR_Period, ATR_Multiplier",
    ),
    "parameter that the strategy lacks": (
        headed("BB_Length", "HMA_Fast_Length"),
        (
            f"{NAME}, line 1: 'HMA_Fast_Length' is no figure and no input of ATR-D-v1.5-L, so the"
            " report has parameters that the strategy lacks"
        ),
    ),
    "parameter with a typing error": (
        headed("BB_Length", "BB_Lenght"),
        (
            f"{NAME}, line 1: 'BB_Lenght' is no figure and no input of ATR-D-v1.5-L, so the report"
            " has parameters that the strategy lacks; did you mean 'BB_Length'?"
        ),
    ),
    "column without a heading": (
        headed("BB_Length", ""),
        f"{NAME}, line 1: column 3 has no heading, but '20' in line 2",
    ),
    "another symbol in the rows": (
        READ["symbol"].replace("SMH", "SPY"),  # type: ignore[union-attr, arg-type]
        f"{NAME}, line 2: it is a report of SPY, and the run is one of SMH",
    ),
    "decimal commas between commas": (
        dialect(separator=";", mark=",").replace(";", ","),
        (
            f"{NAME}: none of its 5 rows can be used; the first, line 2: {DOUBLED} fields where the"
            " headings have 26; numbers with commas need quotes, or another separator between"
        ),
    ),
    "two notations": (
        dialect(separator=";", mark=",").replace("3000,50", "3000.50"),
        (
            f"{NAME}, line 4: All: Net Profit is '3000.50', which is a number as in 1,234.5, but"
            " other cells are as in 1.234,5; write all numbers in one notation"
        ),
    ),
    "broken quotes": (
        PLAIN.replace(LINES[3], '"11"x' + LINES[3][2:]),
        f"{NAME}, line 4: broken quotes",
    ),
    "field over two lines": (
        PLAIN.replace(LINES[3], '"11\n"' + LINES[3][2:]),
        f"{NAME}, line 4: a quoted field does not end on its line",
    ),
    "nothing sound": (
        "\n".join(
            [
                LINES[0],
                *(edited(n, "All: Net Profit", "NaN").splitlines()[n] for n in range(1, 6)),
            ]
        ),
        (
            f"{NAME}: none of its 5 rows can be used; the first, line 2: All: Net Profit is 'NaN',"
            " which is no amount"
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_reports_that_are_refused(tmp_path: Path, case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(ReportError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Refinement_SMH.csv", "the name does not tell what it is a report of; it must be"),
        (
            "Refinement_ATR-D-v1.5-L_rank1_SPY.csv",
            "it is a report of SPY, and the run is one of SMH",
        ),
        (
            "Refinement_ATR-D-v1.5-L_rank1_BTC%2FUSDT.csv",
            "it is a report of BTC/USDT, and the run is one of SMH",
        ),
        (
            "Refinement_ATR-D-v1.5-L_rank1_SMH (1).csv",
            "SMH (1) is not SMH; if the file is a copy, give it the name of a report, or remove it",
        ),
        (
            "Refinement_ATR-D-v1.5-X_rank1_SMH.csv",
            "there is no strategy 'ATR-D-v1.5-X'; did you mean 'ATR-D-v1.5-L'?",
        ),
        (
            "Refinement_ATR-D-DualS-v1.5-L_rank1_SMH.csv",
            (
                "ATR-D-DualS-v1.5-L is atr_d_duals_l, which this run did not search; it has"
                " ATR-D-v1.5-L, ATR-D-v1.5-LS, ATR-D-HMA-v1.5-L"
            ),
        ),
        ("Refinement_ATR-D-v1.5-L_rank0_SMH.csv", "rank 0 is none; ranks count from 1"),
    ],
)
def test_names_that_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(tmp_path, PLAIN, name)
    assert str(caught.value).startswith(f"{name}: {message}")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"cannot read .*No such file"):
        read_report(tmp_path / NAME, [L], "SMH")


# --- one thousand or one ------------------------------------------------------------------------


def ambiguous(net: str, trades: str, average: str, period: str = "10") -> str:
    head = "ATR_Period;TestNum;Net Profit;Total Trades;Avg Trade"
    return f"{head}\n{period};1;{net};{trades};{average}\n"


@pytest.mark.parametrize(
    ("text", "net"),
    [
        # 1,234 trades are no 1.234 trades.
        (ambiguous("2,468", "1,234", "2"), 2468),
        (ambiguous("2.468", "1.234", "2"), 2468),
        # 5,000 by 10 trades is 500.
        (ambiguous("5,000", "10", "500"), 5000),
        (ambiguous("5.000", "10", "500"), 5000),
    ],
)
def test_what_counts_and_sums_tell_of_thousands(tmp_path: Path, text: str, net: float) -> None:
    found = read(tmp_path, text)
    assert found.rows["ts_net_profit"].to_list() == [net]
    assert any("which counts, sums and the other numbers agree" in note for note in found.notes)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("1,002", "998", "12,500"), (1002, 998, 12500)),
        (("1.002", "998", "-12.500"), (1002, 998, -12500)),
        # Who writes 12500 writes no mark of thousands.
        (("1,002", "998", "12500"), (1.002, 998, 12500)),
        (("1.002", "-12500", "0"), (1.002, -12500, 0)),
    ],
)
def test_numbers_without_a_mark_tell_of_thousands(
    tmp_path: Path, cells: tuple[str, ...], values: tuple[float, ...]
) -> None:
    rows = "".join(f"{10 + n};{n};{cell}\n" for n, cell in enumerate(cells))
    found = read(tmp_path, "ATR_Period;TestNum;Net Profit\n" + rows)
    assert found.rows["ts_net_profit"].to_list() == list(values)


def test_thousands_that_nothing_tells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError) as caught:
        read(tmp_path, ambiguous("1,234", "", ""))
    assert str(caught.value) == (
        f"{NAME}, line 2: Net Profit is '1,234', a number as in 1,234.5 and as in 1.234,5, and"
        " nothing in the file tells which; write numbers without thousands separators, or with"
        " decimals"
    )


def test_parameters_tell_of_thousands(tmp_path: Path) -> None:
    # A floor of the tightening is at most 1, so 0.125 stands for itself; 1,000 is one.
    text = "Min_Tightening;TestNum;Net Profit\n1,000;1;5,000\n"
    assert read(tmp_path, text).rows["ts_net_profit"].to_list() == [5.0]


# --- with the run's jobs ------------------------------------------------------------------------


@pytest.fixture
def job(tmp_path: Path) -> Job:
    ranges = ["ParameterName,Min,Max,Step"]
    for parameter in L.parameters:
        fixed = f"{L.defaults[parameter.name]:g}"
        low, high = {"atr_period": ("10", "12")}.get(parameter.name, (fixed, fixed))
        step = "1" if parameter.whole else "0.25"
        ranges.append(f"{L.tradestation.inputs[parameter.name].name},{low},{high},{step}")  # type: ignore[union-attr]
    file = "phase5_refine_ATR-D-v1.5-L_rank1.csv"
    (tmp_path / file).write_text("\n".join(ranges) + "\n")
    (tmp_path / CONFIG).write_text(
        "JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol\n"
        f"1,ATR-D-v1.5-L,ATR-D-v1.5-L,{file},1,0,0\n"
    )
    (found,) = read_jobs(tmp_path, [L])
    return found


SHORT = "ATR_Period,TestNum,All: Net Profit\n10,1,100.5\n11,2,-20\n"


def test_inputs_that_a_report_lacks_are_those_of_its_job(tmp_path: Path, job: Job) -> None:
    found = read(tmp_path, SHORT, jobs=[job])
    assert found.lacking == ()
    assert found.filled == {n: v for n, v in L.defaults.items() if n != "atr_period"}
    assert found.rows["atr_period"].to_list() == [10, 11]
    assert found.rows["bb_length"].to_list() == [20, 20]
    assert found.rows["min_tightening"].to_list() == [0.4, 0.4]
    assert found.rows["ts_net_profit"].to_list() == [100.5, -20]
    assert found.rows["ts_trades"].to_list() == [None, None]
    assert f"{NAME}: 2 rows, where the job has 3 tests" in found.notes
    assert any("inputs that it lacks are those of the job's range file" in n for n in found.notes)


def test_inputs_that_nothing_fixes_are_lacking(tmp_path: Path, job: Job) -> None:
    text = SHORT.replace("ATR_Period", "BB_Length")
    found = read(tmp_path, text, jobs=[job])
    assert found.lacking == ("atr_period",)
    assert found.rows["atr_period"].to_list() == [None, None]
    assert any("it lacks ATR_Period, which no range file fixes" in n for n in found.notes)
    assert read(tmp_path, SHORT).lacking == tuple(n for n in L.names if n != "atr_period")


def test_a_rank_without_a_job_is_read_and_said(tmp_path: Path, job: Job) -> None:
    name = NAME.replace("rank1", "rank2_part3")
    found = read(tmp_path, PLAIN, name, jobs=[job])
    assert len(found.rows) == 5
    assert found.notes == (
        (
            f"{name}: the run has no job of ATR-D-v1.5-L, rank 2, part 3; the report is read all"
            " the same"
        ),
    )


def test_a_report_without_test_numbers_is_numbered(tmp_path: Path) -> None:
    found = read(tmp_path, "ATR_Period,Net Profit,Gross Profit\n10,5,5\n11,6,6\n")
    assert found.rows["TestNum"].to_list() == [1, 2]
    assert f"{NAME}: there is no column TestNum; tests are numbered as they come" in found.notes


# --- folders ------------------------------------------------------------------------------------


def test_reports_are_found_once_and_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    names = [f"Refinement_ATR-D-v1.5-L_rank{n}_SMH.csv" for n in (10, 9, 1)]
    for name in [*names, "Refinement_Analysis_SMH.csv", "Refinement_x.xlsx", "other.csv"]:
        write(first, PLAIN, name)
    write(second, PLAIN, "refinement_ATR-D-v1.5-L_rank1_SMH.TXT")
    (second / "Refinement_folder.csv").mkdir()
    found = find_reports([first, second, first])
    assert [p.name for p in found] == [*names[::-1], "refinement_ATR-D-v1.5-L_rank1_SMH.TXT"]
    assert len(read_report(found[-1], [L], "SMH").rows) == 5


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*nowhere to read reports from"):
        find_reports([tmp_path / "nowhere"])


# --- numbers in any notation --------------------------------------------------------------------

AMOUNTS = st.integers(-(10**11), 10**11)


@settings(max_examples=60)
@given(
    st.lists(AMOUNTS, min_size=1, max_size=20),
    st.sampled_from(
        [
            (".", ""),
            (".", ","),
            (".", " "),
            (".", "'"),
            (",", ""),
            (",", "."),
            (",", "\u00a0"),
            (",", "\u202f"),
        ]
    ),
    st.sampled_from(
        [
            "-{}",
            "- {}",
            "({})",
            "{}-",
            "\u2212{}",
            "-${}",
            "$-{}",
            "({} €)",
            "-{} EUR",
            "$({})",
            "-{}%",
        ]
    ),
    st.sampled_from(["{}", "+{}", "${}", "{} €", "€ {}", " {} ", "{}%", "USD {}"]),
)
def test_a_number_in_any_notation_is_read_back(
    hundredths: list[int], marks: tuple[str, str], negative: str, positive: str
) -> None:
    mark, thousands = marks
    cells = []
    for amount in hundredths:
        whole, cents = divmod(abs(amount), 100)
        text = f"{whole:,}".replace(",", thousands) + mark + f"{cents:02}"
        cells.append((negative if amount < 0 else positive).format(text))
    column = pl.Series(cells, dtype=pl.String)
    notation = "comma" if mark == "," else "point"
    proofs = prove([column])
    assert (proofs.point > 0, proofs.comma > 0) == (mark == ".", mark == ",")
    found = read_amounts(column, notation)  # type: ignore[arg-type]
    assert not found.broken.any()
    assert found.values.to_list() == [amount / 100 for amount in hundredths]


@pytest.mark.parametrize(
    ("cell", "notation", "value"),
    [
        ("5,-", "comma", 5.0),
        ("1.234,- €", "comma", 1234.0),
        ("-5,--", "comma", -5.0),
        ("5.-", "point", 5.0),
        ("5.\u2014", "point", 5.0),
        ("5-", "point", -5.0),
        ("5,25-", "comma", -5.25),
        ("1e3", "point", 1000.0),
        ("1,5E+03", "comma", 1500.0),
        (".5", "point", 0.5),
        ("-,5", "comma", -0.5),
        ("1 234 567,8", "comma", 1234567.8),
        ("12,34,567", "point", None),
        ("1,23", "point", None),
        ("0,250", "point", None),
        ("1.5", "comma", None),
        ("5)", "point", None),
        ("(-5)", "point", None),
        ("+-5", "point", None),
        ("$5$", "point", None),
        ("5%%", "point", None),
        ("1_000", "point", None),
        ("0x10", "point", None),
        ("5 apples", "point", None),
        ("1..2", "point", None),
        ("12$34", "point", None),
        ("1e999", "point", None),
        ("-1,5e999", "comma", None),
        ("$" + "9" * 400, "point", None),
    ],
)
def test_numbers_at_the_edge(cell: str, notation: Any, value: float | None) -> None:
    found = read_amounts(pl.Series([cell], dtype=pl.String), notation)
    assert found.values.to_list() == [value]
    assert found.broken.to_list() == [value is None]
