"""The workbook of an analysis, read back by another library, and opened by LibreOffice."""

from __future__ import annotations

import datetime as dt
import io
import math
import re
import shutil
import subprocess
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import openpyxl
import polars as pl
import pytest
from made_analysis import HELD, made
from openpyxl.utils import range_boundaries
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from wfo.errors import InputError, ResultsError
from wfo.strategy import strategies
from wfo.tradestation.analysis import Analysis
from wfo.tradestation.ranking import FIGURES, RANKS, SUMS
from wfo.tradestation.workbook import book as book_module
from wfo.tradestation.workbook import write_workbook
from wfo.tradestation.workbook.cells import MOST_CHARACTERS, clean, sheet_name
from wfo.tradestation.workbook.columns import KNOWN, columns_of
from wfo.tradestation.workbook.effects import parameter_effects

#: Rows of the headings and of buy-and-hold in sheets of sets, from 1.
HEAD, HELD_ROW = 6, 5

SHEETS = [
    *("Overview", "Best sets", "atr_d_ls", "atr_d_l", "Plateaus", "Sensitivity", "Means by value"),
    *("TradeStation against here", "Equity", "Settings and data"),
]


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return made(reports=True)


@pytest.fixture(scope="module")
def path(analysis: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workbook") / "Refinement_Analysis_SMH.xlsx"
    write_workbook(
        path,
        analysis,
        results=RESULTS,
        versions={"wfo": "0.1.0"},
        digests={file.path: "ab" * 32 for file in analysis.files},
    )
    return path


@pytest.fixture(scope="module")
def book(path: Path) -> Workbook:
    return loaded(path)


@pytest.fixture(scope="module")
def small() -> Analysis:
    return made(rows=6, best=3, days=90)


#: What a run's manifest says of one plateau and its sensitivity.
RESULTS = (
    {
        "strategy": "atr_d_l",
        "plateaus": {
            "plateaus": [
                {
                    "rank": 1,
                    "regime": "WIDE",
                    "cells": [[4.0, 1.0], [4.0, 1.5]],
                    "level": 0.75,
                    "stability": 61.5,
                    "trades": 12.0,
                }
            ]
        },
        "regions": [
            {
                "rank": 1,
                "bounds": {"atr_period": [20, 30], "atr_multiplier": [2.0, 4.0]},
                "box": {"atr_period": [10, 40], "atr_multiplier": [2.0, 4.0]},
            }
        ],
        "sensitivity": {
            "return": {"factors": [{"parameters": ["atr_period"], "main": 0.25, "total": 0.5}]}
        },
    },
)


def loaded(path: Path) -> Workbook:
    # From memory: of a path, openpyxl leaves the file open.
    with warnings.catch_warnings():
        # It knows neither sparklines nor the later form of data bars.
        warnings.filterwarnings("ignore", ".* extension is not supported", UserWarning)
        return openpyxl.load_workbook(io.BytesIO(path.read_bytes()))


def written(analysis: Analysis, path: Path, **options: Any) -> Workbook:
    write_workbook(path, analysis, **options)
    return loaded(path)


def headings(sheet: Worksheet, row: int) -> list[str]:
    return [cell.value for cell in sheet[row] if cell.value is not None]


def column(sheet: Worksheet, row: int, heading: str, *, nth: int = 0) -> list[Any]:
    """Values below a heading, as far as the sheet goes."""
    at = [cell.column for cell in sheet[row] if cell.value == heading][nth]
    return [sheet.cell(r, at).value for r in range(row + 1, sheet.max_row + 1)]


def stored(values: Iterable[Any]) -> list[Any]:
    """Values as a workbook has them: XlsxWriter writes 16 digits of a number."""
    return [float(f"{v:.16G}") if isinstance(v, float) else v for v in values]


def links(sheet: Worksheet) -> list[str]:
    rows = (c for row in sheet.iter_rows() for c in row if c.hyperlink is not None)
    return [c.hyperlink.location for c in rows]


def cells(book: Workbook) -> Iterator[Any]:
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            yield from row


def texts(sheet: Worksheet) -> list[str]:
    return [c.value for row in sheet.iter_rows() for c in row if isinstance(c.value, str)]


def value_of(sheet: Worksheet, label: str) -> Any:
    return next(sheet.cell(c.row, 2).value for (c,) in sheet["A1:A60"] if c.value == label)


# Sheets


def test_there_is_a_sheet_a_subject(book: Workbook) -> None:
    assert book.sheetnames == SHEETS
    assert book.active.title == "Overview"


def test_without_reports_of_tradestation_there_is_no_sheet_of_differences(
    small: Analysis, tmp_path: Path
) -> None:
    names = written(small, tmp_path / "a.xlsx").sheetnames
    assert names == [name for name in SHEETS if name != "TradeStation against here"]


def test_best_sets_have_all_figures_ranks_and_parameters(
    book: Workbook, analysis: Analysis
) -> None:
    found = headings(book["Best sets"], HEAD)
    names = [c.name for c in FIGURES] + [*RANKS, *SUMS, "Row", "Strategy", "Rank", "Members"]
    for name in names:
        assert KNOWN[name].heading in found
    for strategy in (item.strategy for item in analysis.strategies):
        assert {name.replace("_", " ") for name in strategy.names} <= set(found)
    assert found[:3] == ["N", "Strategy", "Plateau"]
    assert "Valid phases of 4" in found


def test_values_of_the_best_sets_are_those_of_the_analysis(
    book: Workbook, analysis: Analysis
) -> None:
    sheet = book["Best sets"]
    shown = analysis.combined.head(50)
    columns = columns_of(shown, [item.strategy for item in analysis.strategies])
    assert len(columns) > 40
    # Of headings that are there twice, the figures come before TradeStation's.
    seen: dict[str, int] = {}
    for each in columns:
        nth = seen.get(each.heading, 0)
        seen[each.heading] = nth + 1
        assert column(sheet, HEAD, each.heading, nth=nth) == stored(shown[each.name]), each.name


def test_a_strategys_sheet_has_its_own_ranks_and_the_rows_of_the_combined_table(
    book: Workbook, analysis: Analysis
) -> None:
    own = analysis.strategies[1]
    assert own.strategy.name == "atr_d_l"
    sheet, shown = book["atr_d_l"], own.table.head(50)
    assert column(sheet, HEAD, "Place") == list(range(1, 51))
    assert column(sheet, HEAD, "N") == shown["Row"].to_list()
    assert column(sheet, HEAD, "Rank sum") == shown["Rank_Sum"].to_list()
    assert column(sheet, HEAD, "atr period") == shown["atr_period"].to_list()
    # Parameters of the other strategy are none of this one's.
    assert "short multiplier" not in headings(sheet, HEAD)


def test_buy_and_hold_stands_above_the_headings_where_no_filter_hides_it(book: Workbook) -> None:
    for name in ("Best sets", "atr_d_ls", "atr_d_l"):
        sheet = book[name]
        assert sheet.cell(HELD_ROW, 1).value == "Buy-and-hold"
        above = {sheet.cell(HEAD, c).value: sheet.cell(HELD_ROW, c).value for c in range(3, 25)}
        assert above["CAGR"] == HELD["CAGR"]
        assert [above["MAR"]] == stored([HELD["MAR"]])
        assert above["Profit factor"] is None
        assert range_boundaries(sheet.auto_filter.ref)[1] == HEAD


def test_sets_are_led_by_their_growth_less_that_of_buy_and_hold(
    book: Workbook, analysis: Analysis
) -> None:
    lead = column(book["Best sets"], HEAD, "CAGR less buy-and-hold's")
    assert HELD["CAGR"] is not None
    wanted = [cagr - HELD["CAGR"] for cagr in analysis.combined.head(50)["CAGR"].to_list()]
    assert lead == pytest.approx(wanted, rel=1e-12)


def test_phases_of_the_best_sets_are_those_of_the_analysis(
    book: Workbook, analysis: Analysis
) -> None:
    sheet = book["Best sets"]
    best = analysis.best
    assert column(sheet, HEAD, "Valid phases of 4") == [b.valid_phases for b in best]
    assert column(sheet, HEAD, "Phases above buy-and-hold") == [b.beating_phases for b in best]
    for k in range(4):
        heading = f"Phase {k + 1} return"
        assert column(sheet, HEAD, heading) == stored(b.phases[k].oos_return for b in best)
        at = headings(sheet, HEAD).index(heading) + 1
        assert [sheet.cell(HELD_ROW, at).value] == stored([best[0].phases[k].held_return])


def test_the_overview_has_verdict_best_sets_assumptions_and_links(
    book: Workbook, analysis: Analysis
) -> None:
    sheet = book["Overview"]
    said = texts(sheet)
    assert said[0] == "Refinement analysis of SMH"
    for text in (*analysis.verdict, *(t for pair in analysis.assumed for t in pair)):
        assert text in said
    head = next(c.row for (c,) in sheet["A1:A40"] if c.value == "Chosen by")
    table = {c.value: c.column for c in sheet[head] if c.value}
    assert sheet.cell(head + 1, 1).value == "Buy-and-hold"
    assert sheet.cell(head + 1, table["CAGR"]).value == HELD["CAGR"]
    assert analysis.averse is not None
    chosen = [*analysis.best[:3], analysis.averse]
    for row, best in enumerate(chosen, head + 2):
        assert sheet.cell(row, table["N"]).value == best.number
        assert [sheet.cell(row, table["Sharpe"]).value] == stored([best.figures["Sharpe"]])
        assert sheet.cell(row, table["Valid phases of 4"]).value == best.valid_phases
    assert sheet.cell(head + 5, 1).value == "Risk-averse, place 1"
    assert links(sheet) == [f"'{name}'!A1" for name in SHEETS[1:]]


def test_the_first_set_of_a_strategy_stands_on_the_overview(
    small: Analysis, tmp_path: Path
) -> None:
    last = replace(small.best[2], number=9, figures={**small.best[2].figures, "Row": 9})
    first, second = small.strategies
    own = replace(small, strategies=(replace(first, best=last), second))
    sheet = written(own, tmp_path / "a.xlsx")["Overview"]
    row = next(c.row for (c,) in sheet["A1:A40"] if c.value == "Place 1 of atr_d_ls")
    assert sheet.cell(row, 2).value == 9


def test_what_is_left_out_is_said(small: Analysis, tmp_path: Path) -> None:
    file = replace(small.files[0], faults=("line 7: no number in 'All: Net Profit'",))
    files = (file, *small.files[1:])
    own = replace(small, files=files, refused=("b.csv: of another symbol",), notes=("A note.",))
    book = written(own, tmp_path / "a.xlsx", top=5)
    said = texts(book["Overview"])
    assert "b.csv: of another symbol" in said
    assert "A note." in said
    assert any("5 rows at most, of 12 different outcomes" in text for text in said)
    assert any(text.startswith("1 fault in the files read") for text in said)
    data = texts(book["Settings and data"])
    assert "line 7: no number in 'All: Net Profit'" in data
    assert file.path in data
    assert "b.csv: of another symbol" in data
    assert len([v for v in column(book["Best sets"], HEAD, "N") if v is not None]) == 5


def test_plateaus_have_their_refinement_and_the_run_beside(book: Workbook) -> None:
    sheet = book["Plateaus"]
    assert column(sheet, 4, "Sets refined") == [1_000, 2_000, 1_000, 2_000]
    assert column(sheet, 4, "Robustness") == [0.937] * 4
    assert sum(column(sheet, 4, "Among the best sets")) == 50
    row = next(r for r in range(5, 9) if sheet.cell(r, 1).value == "atr_d_l")
    of_run = {c.value: sheet.cell(row, c.column).value for c in sheet[4]}
    assert of_run["Stop class"] == "WIDE"
    assert of_run["Cells of the map"] == 2
    assert of_run["Stable share"] == 0.75
    assert of_run["Region, where narrower than its cells' range"] == "atr_period 20 to 30"
    assert column(sheet, 4, "Stop class").count(None) == 3


def test_sensitivity_has_a_row_for_each_refined_parameter(
    book: Workbook, analysis: Analysis
) -> None:
    sheet, values = book["Sensitivity"], book["Means by value"]
    rows = [r for r in range(5, 13) if sheet.cell(r, 1).value]
    assert len(rows) == 8
    assert set(column(sheet, 4, "Parameter")[:8]) == {"atr_period", "atr_multiplier"}
    table = analysis.strategies[0].table.filter(pl.col("Rank") == 1)
    first = {c.value: sheet.cell(5, c.column).value for c in sheet[4]}
    assert (first["Strategy"], first["Plateau"]) == ("atr_d_ls", 1)
    assert first["Parameter"] == "atr_period"
    assert (first["From"], first["To"]) == (table["atr_period"].min(), table["atr_period"].max())
    mean = table.filter(pl.col("atr_period") == values["D4"].value)["MAR"].mean()
    assert values["F4"].value == pytest.approx(mean, rel=1e-12)
    found = column(sheet, 4, "Effect in all on return")[:8]
    assert found.count(0.5) == 2
    assert found.count(None) == 6


def test_means_are_over_all_sets_where_they_are_known(small: Analysis, tmp_path: Path) -> None:
    names = strategies()["atr_d_l"].names
    every = pl.DataFrame(
        {
            "Rank": [1, 1, 1, 1],
            **dict.fromkeys(names, 1.0),
            "atr_period": [10.0, 10.0, 12.0, 12.0],
            "MAR": [0.25, 0.75, 1.0, None],
            "CAGR": [0.1, 0.2, 0.3, 0.4],
            "Net_Profit": [1.0, -1.0, 1.0, 1.0],
        }
    )
    book = written(small, tmp_path / "a.xlsx", sets={"atr_d_l": every})
    rows = [
        row
        for row in book["Means by value"].iter_rows(min_row=4, values_only=True)
        if row[0] == "atr_d_l"
    ]
    assert rows == [
        ("atr_d_l", 1, "atr_period", 10, 2, 0.5, pytest.approx(0.15), 0.5),
        ("atr_d_l", 1, "atr_period", 12, 2, 1.0, pytest.approx(0.35), 1.0),
    ]


def test_differences_have_every_figure_every_rule_and_the_reasons(
    book: Workbook, analysis: Analysis
) -> None:
    sheet = book["TradeStation against here"]
    said = texts(sheet)
    (difference,) = analysis.differences
    assert difference.path in said
    assert difference.verdict in said
    assert all(f"•  {reason}" in said for reason in difference.unexplained)
    rows = {row[0]: row for row in sheet.iter_rows(values_only=True) if row[0]}
    assert rows["Net profit"] == (
        *("Net profit", 1_500, 1_200, 0.8, 12.5, 4_210.75, 301_400),
        *stored([12.5 / 301_400, 77]),
    )
    # Of rows that are all equal none is the furthest off.
    assert rows["Gross profit"][1:4] == (1_500, 1_500, 1)
    assert rows["Gross profit"][8] is None
    other = rows["entries at the level where the bar gaps through it"]
    assert other[1:5] == (40, 2, 0.05, 0.021)


def test_settings_and_data_have_the_run_files_and_what_columns_mean(
    book: Workbook, analysis: Analysis
) -> None:
    sheet = book["Settings and data"]
    assert value_of(sheet, "Symbol") == "SMH"
    assert value_of(sheet, "Fingerprint") == analysis.fingerprint
    assert value_of(sheet, "First trading bar") == dt.datetime.combine(analysis.first, dt.time())
    assert value_of(sheet, "Last bar") == dt.datetime.combine(analysis.last, dt.time())
    assert value_of(sheet, "Bars before the first one") == analysis.warmup
    assert value_of(sheet, "Capital") == analysis.capital
    assert value_of(sheet, "wfo") == "0.1.0"
    said = texts(sheet)
    assert all(file.path in said for file in analysis.files)
    assert said.count("ab" * 32) == len(analysis.files)
    shown = {
        heading
        for name in ("Best sets", "atr_d_ls", "atr_d_l")
        for heading in headings(book[name], HEAD)
    }
    assert shown <= set(said)
    # Definitions have the name that files have, and TradeStation's.
    row = next(r for r in sheet.iter_rows() if r[0].value == "atr buy multiplier")
    assert row[1].value == "atr_buy_multiplier"
    assert row[2].value.endswith("in TradeStation ATRBuyMultiplier.")


def test_equities_are_those_of_the_analysis(book: Workbook, analysis: Analysis) -> None:
    sheet = book["Equity"]
    first, last = analysis.best[0].equity, analysis.held_equity
    assert first is not None
    assert headings(sheet, 3)[:3] == ["Date", "Buy-and-hold", "Set 1"]
    days = [value.date() for value in column(sheet, 3, "Date")]
    assert (days[0], days[-1]) == (analysis.days[0], analysis.days[-1])
    at = {day: k for k, day in enumerate(analysis.days)}
    assert column(sheet, 3, "Set 1") == stored(float(first[at[day]]) for day in days)
    assert column(sheet, 3, "Buy-and-hold") == stored(float(last[at[day]]) for day in days)


# How sheets are shown


def test_headings_stay_where_they_are(book: Workbook) -> None:
    frozen = {sheet.title: sheet.freeze_panes for sheet in book.worksheets}
    assert frozen["Best sets"] == f"C{HEAD + 1}"
    assert frozen["atr_d_l"] == f"C{HEAD + 1}"
    assert frozen["Plateaus"] == "C5"
    assert frozen["Sensitivity"] == "D5"
    assert frozen["Means by value"] == "E4"
    assert frozen["Equity"] == "B4"


def test_tables_have_filters_over_all_rows_and_columns(book: Workbook) -> None:
    for name in ("Best sets", "atr_d_ls", "atr_d_l"):
        sheet = book[name]
        first, head, last, row = range_boundaries(sheet.auto_filter.ref)
        assert (first, head) == (1, HEAD)
        assert last == len(headings(sheet, HEAD))
        assert row == HEAD + 50
    for name in ("Plateaus", "Sensitivity", "Means by value", "Equity"):
        assert book[name].auto_filter.ref is not None


def test_wide_sheets_print_on_landscape_pages_with_their_headings(book: Workbook) -> None:
    for sheet in book.worksheets:
        # The curves are long and narrow.
        upright = sheet.title == "Equity"
        assert sheet.page_setup.orientation == ("portrait" if upright else "landscape")
    best = book["Best sets"]
    assert best.print_title_rows == f"$4:${HEAD}"
    assert best.print_title_cols == "$A:$B"
    assert best.page_setup.fitToHeight == 0


def test_numbers_have_the_format_of_their_kind(book: Workbook) -> None:
    sheet = book["Best sets"]
    formats = {c.value: sheet.cell(HEAD + 1, c.column).number_format for c in sheet[HEAD]}
    assert formats["CAGR"].startswith("0.0%")
    assert formats["Net profit"].startswith("#,##0_)")
    assert formats["MAR"].startswith("#,##0.00")
    assert formats["Closed trades"] == "#,##0_)"
    assert formats["Rank sum"] == "#,##0.0_)"
    assert book["Equity"]["A4"].number_format == "yyyy-mm-dd"
    assert sheet.cell(HEAD, 1).alignment.wrap_text


def rules_by_heading(sheet: Worksheet, row: int) -> dict[str, Any]:
    found = {}
    for area in sheet.conditional_formatting:
        first, top, last, bottom = range_boundaries(str(area.sqref))
        assert first == last
        assert top == row + 1
        assert bottom == row + 50
        (found[sheet.cell(row, first).value],) = area.rules
    return found


def test_colours_bars_and_icons_say_what_is_good(book: Workbook) -> None:
    rules = rules_by_heading(book["Best sets"], HEAD)
    assert rules["Rank sum"].type == "dataBar"
    assert rules["CAGR less buy-and-hold's"].iconSet.iconSet == "3Arrows"
    valid = rules["Valid phases of 4"].iconSet
    # Stable is what is valid in 3 phases here.
    assert [float(c.val) for c in valid.cfvo[1:]] == [2, 3]
    high, low = rules["CAGR"].colorScale.color, rules["Max drawdown"].colorScale.color
    assert [c.rgb for c in high] == [c.rgb for c in reversed(low)]
    assert high[0].rgb.endswith("FFFFFF")
    for heading in ("MAR", "Sharpe", "Sortino", "Profit factor", "Net profit"):
        assert rules[heading].colorScale.color[1].rgb == high[1].rgb
    for heading in ("N", "Closed trades", "Exposure", "atr period"):
        assert heading not in rules


def test_no_two_conditional_formats_overlap(path: Path) -> None:
    for name, text in sheet_xml(path):
        tree = ElementTree.fromstring(text)
        areas = [
            range_boundaries(e.attrib["sqref"])
            for e in tree.iter(f"{{{MAIN}}}conditionalFormatting")
        ]
        for k, a in enumerate(areas):
            for b in areas[k + 1 :]:
                apart = a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
                assert apart, f"{name}: {a} and {b}"


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart"


def sheet_xml(path: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/sheet"):
                yield name, archive.read(name).decode()


def chart_series(path: Path) -> list[list[dict[str, str]]]:
    """References of every chart's series: categories, values and name."""
    found = []
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.startswith("xl/charts/chart")]
        for name in sorted(names, key=lambda n: int(re.sub(r"\D", "", n))):
            tree = ElementTree.fromstring(archive.read(name))
            found.append(
                [
                    {
                        part.tag.removeprefix(f"{{{CHART}}}"): ref.text or ""
                        for part in series
                        for ref in part.iter(f"{{{CHART}}}f")
                    }
                    | {"name": "".join(v.text or "" for v in series.iter(f"{{{CHART}}}v"))}
                    for series in tree.iter(f"{{{CHART}}}ser")
                ]
            )
    return found


def referred(book: Workbook, reference: str) -> list[Any]:
    sheet, _, area = reference.rpartition("!")
    rows = book[sheet.strip("'")][area.replace("$", "")]
    return [c.value for row in rows for c in row] if isinstance(rows, tuple) else [rows.value]


def test_charts_show_the_cells_of_tables(book: Workbook, path: Path, analysis: Analysis) -> None:
    charts = chart_series(path)
    # Return by drawdown, equity, and the two parameters of the best set's plateau.
    assert len(charts) == 4
    scatter, equity, *parameters = charts
    for series, item in zip(scatter, analysis.strategies, strict=False):
        shown = item.table.head(50)
        assert referred(book, series["xVal"]) == stored(shown["Max_DD_Share"])
        assert referred(book, series["yVal"]) == stored(shown["CAGR"])
    best, held = scatter[2:]
    assert referred(book, best["yVal"])[:3] == stored(b.figures["CAGR"] for b in analysis.best[:3])
    assert referred(book, held["xVal"]) == stored([HELD["Max_DD_Share"]])
    assert referred(book, held["yVal"]) == stored([HELD["CAGR"]])
    assert referred(book, equity[1]["val"]) == column(book["Equity"], 3, "Set 1")
    top = analysis.combined.row(0, named=True)
    values = book["Means by value"]
    for (series,) in parameters:
        (row,) = {
            int(re.sub(r"\D", "", part)) for part in series["xVal"].split("!")[1].split(":")[:1]
        }
        assert values.cell(row, 1).value == top["Strategy"]
        assert values.cell(row, 2).value == top["Rank"]


def test_sparklines_show_the_phases_of_their_own_row(path: Path, book: Workbook) -> None:
    sheet = book["Best sets"]
    heads = headings(sheet, HEAD)
    at = openpyxl.utils.get_column_letter(heads.index("Return by phase") + 1)
    first, last = (
        openpyxl.utils.get_column_letter(heads.index(f"Phase {k} return") + 1) for k in (1, 4)
    )
    text = dict(sheet_xml(path))["xl/worksheets/sheet2.xml"]
    pairs = re.findall(r"<xm:f>([^<]*)</xm:f><xm:sqref>([^<]*)</xm:sqref>", text)
    wanted = [
        (f"'Best sets'!{first}{row}:{last}{row}", f"{at}{row}")
        for row in (HELD_ROW, *range(HEAD + 1, HEAD + 51))
    ]
    assert pairs == wanted
    # One group, so that all rows have one scale.
    assert text.count("<x14:sparklineGroup ") == 1


# What files say stays text


EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "{=A1}", "http://x.org/")


def test_text_is_never_a_formula_or_a_link(small: Analysis, tmp_path: Path) -> None:
    file = replace(small.files[0], path="=cmd|' /C calc'!A0", faults=EVIL, notes=EVIL)
    combined = small.combined.with_columns(pl.lit("=1+1").alias("File"))
    first = replace(
        small.strategies[0],
        table=small.strategies[0].table.with_columns(pl.lit("@x").alias("File")),
    )
    own = replace(
        small,
        symbol="=2+3",
        symbol2="@x",
        verdict=EVIL,
        notes=EVIL,
        refused=EVIL,
        assumed=tuple((text, text) for text in EVIL),
        folder="+1",
        command="=wfo",
        files=(file,),
        combined=combined,
        strategies=(first, *small.strategies[1:]),
    )
    path = tmp_path / "a.xlsx"
    book = written(own, path, versions={"=a": "=b"}, digests={file.path: "=c"})
    types = {c.data_type for c in cells(book)}
    # Text, numbers and dates; openpyxl takes any text that begins with = for a formula.
    assert types <= {"s", "n", "d", "f"}
    for _, text in sheet_xml(path):
        assert "<f>" not in text
        assert "<f " not in text
        assert 'r:id="' not in re.sub(r"<(drawing|legacyDrawing)[^>]*>", "", text)
    assert value_of(book["Settings and data"], "Symbol") == "=2+3"
    assert texts(book["Overview"])[0] == "Refinement analysis of =2+3 with @x"
    assert set(EVIL) <= set(texts(book["Settings and data"]))


def test_what_xml_cannot_hold_is_replaced_and_what_excel_cannot_is_cut() -> None:
    assert clean("a\x00b\udcff") == "a\ufffdb\ufffd"
    assert clean("x\ny\tz é 😀") == "x\ny\tz é 😀"
    assert len(clean("x" * 40_000)) == MOST_CHARACTERS


@pytest.mark.parametrize("symbol", ["^GSPC", "BTC/USDT:USDT"])
def test_any_symbol_has_a_workbook(symbol: str, tmp_path: Path) -> None:
    book = written(made(rows=4, best=2, days=9, symbol=symbol), tmp_path / "a.xlsx")
    assert texts(book["Overview"])[0] == f"Refinement analysis of {symbol}"
    assert value_of(book["Settings and data"], "Symbol") == symbol


def test_a_file_name_of_undecodable_bytes_is_written(small: Analysis, tmp_path: Path) -> None:
    file = replace(small.files[0], path=b"/a/\xff.csv".decode("utf-8", "surrogateescape"))
    book = written(replace(small, files=(file,)), tmp_path / "a.xlsx")
    assert "/a/\ufffd.csv" in texts(book["Settings and data"])


# Names of sheets


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("atr_d_l", (), "atr_d_l"),
        ("a" * 40, (), "a" * 31),
        ("a" * 40, ("a" * 31,), "a" * 29 + " 2"),
        ("a" * 40, ("a" * 31, "a" * 29 + " 2"), "a" * 29 + " 3"),
        ("overview", ("Overview",), "overview 2"),
        ("a/b:c*[d]?\\", (), "a_b_c__d___"),
        ("'quoted'", (), "quoted"),
        ("History", (), "History 2"),
        ("", (), "Sheet"),
        ("'", (), "Sheet"),
    ],
)
def test_names_of_sheets_are_legal_and_unique(
    wanted: str, taken: tuple[str, ...], name: str
) -> None:
    assert sheet_name(wanted, taken) == name


def test_strategies_of_long_or_equal_names_have_sheets_of_their_own(tmp_path: Path) -> None:
    known = strategies()["atr_d_l"]
    names = ("a" * 31, "a" * 31 + "b", "overview", "Best-sets-of-mine")
    own = made(known=tuple(replace(known, name=name) for name in names), rows=4, best=2, days=9)
    book = written(own, tmp_path / "a.xlsx")
    found = book.sheetnames[2:6]
    assert found == ["a" * 31, "a" * 29 + " 2", "overview 2", "Best-sets-of-mine"]
    # Links and charts lead to the sheets and not to the names.
    assert links(book["Overview"])[1:5] == [f"'{name}'!A1" for name in found]
    scatter = chart_series(tmp_path / "a.xlsx")[0]
    assert [s["yVal"].rpartition("!")[0].strip("'") for s in scatter[:4]] == found


# What is not there


def test_an_analysis_without_sets_has_a_workbook(tmp_path: Path) -> None:
    empty = made(rows=0, best=0, days=9)
    own = replace(empty, averse=None, files=(), assumed=())
    book = written(own, tmp_path / "a.xlsx")
    assert "There is no set to choose from." in texts(book["Overview"])
    assert headings(book["Best sets"], HEAD)[:2] == ["N", "Strategy"]
    assert book["Best sets"].max_row == HEAD
    assert chart_series(tmp_path / "a.xlsx") == []


def test_an_analysis_without_strategies_has_a_workbook(tmp_path: Path, small: Analysis) -> None:
    own = replace(
        small, strategies=(), combined=small.combined.clear(), best=(), averse=None, verdict=()
    )
    book = written(own, tmp_path / "a.xlsx")
    assert book.sheetnames == [
        *("Overview", "Best sets", "Plateaus", "Sensitivity", "Means by value"),
        "Settings and data",
    ]


def test_what_is_not_defined_is_blank(small: Analysis, tmp_path: Path) -> None:
    names = [c.name for c in FIGURES]
    nothing = [pl.lit(None, pl.Float64).alias(name) for name in names[:7]]
    nothing += [
        pl.lit(value).alias(name)
        for name, value in zip(names[7:9], (math.nan, math.inf), strict=True)
    ]
    tables = tuple(
        replace(item, table=item.table.with_columns(nothing)) for item in small.strategies
    )
    held = replace(small.held, figures=dict.fromkeys(small.held.figures, None))
    own = replace(
        small, combined=small.combined.with_columns(nothing), strategies=tables, held=held
    )
    path = tmp_path / "a.xlsx"
    book = written(own, path)
    sheet = book["Best sets"]
    for name in names[:9]:
        assert set(column(sheet, HEAD, KNOWN[name].heading)) == {None}
    assert "CAGR less buy-and-hold's" not in headings(sheet, HEAD)
    for cell in cells(book):
        assert not (isinstance(cell.value, float) and not math.isfinite(cell.value))
        assert cell.value not in {"#NUM!", "#DIV/0!", "nan", "inf"}
    assert set(column(book["Sensitivity"], 4, "Effect alone on MAR")[:2]) == {None}


def test_dates_before_those_of_excel_are_text(small: Analysis, tmp_path: Path) -> None:
    days = [dt.date(1900, 12, 31), *small.days[1:]]
    own = replace(small, first=dt.date(1896, 5, 26), days=days)
    book = written(own, tmp_path / "a.xlsx")
    assert value_of(book["Settings and data"], "First trading bar") == "1896-05-26"
    assert book["Equity"]["A4"].value == "1900-12-31"
    assert book["Equity"]["A5"].value.date() == days[1]


# The file


def test_the_same_analysis_gives_the_same_bytes(
    small: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_workbook(tmp_path / "a.xlsx", small, results=RESULTS)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    write_workbook(tmp_path / "b.xlsx", small, results=RESULTS)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    created = loaded(tmp_path / "a.xlsx").properties.created
    assert created == dt.datetime.combine(small.last, dt.time())


def test_every_part_is_well_formed_and_there_once(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert archive.testzip() is None
        for name in names:
            ElementTree.fromstring(archive.read(name))
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    sheets = [e.attrib["name"] for e in book.iter(f"{{{MAIN}}}sheet")]
    assert len({name.casefold() for name in sheets}) == len(sheets)
    assert all(len(name) <= 31 and not re.search(r"[\[\]:*?/\\]", name) for name in sheets)
    merged = [
        range_boundaries(e.attrib["ref"])
        for _, text in sheet_xml(path)
        for e in ElementTree.fromstring(text).iter(f"{{{MAIN}}}mergeCell")
    ]
    assert all(a[2] > a[0] or a[3] > a[1] for a in merged)


def test_nothing_is_left_of_a_workbook_that_fails(
    small: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"earlier")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(book_module, "write_data", fail)
    with pytest.raises(RuntimeError):
        write_workbook(path, small)
    assert [p.name for p in tmp_path.iterdir()] == ["a.xlsx"]
    assert path.read_bytes() == b"earlier"


def test_a_file_that_cannot_be_written_is_named(small: Analysis, tmp_path: Path) -> None:
    path = tmp_path / "no folder" / "a.xlsx"
    with pytest.raises(ResultsError, match=r"a\.xlsx: .*; close it"):
        write_workbook(path, small, remedy="close it")
    assert not path.parent.exists()


@pytest.mark.parametrize("top", [0, -1, 1_048_571, True, 2.0])
def test_rows_that_no_sheet_holds_are_refused(small: Analysis, tmp_path: Path, top: Any) -> None:
    with pytest.raises(InputError, match="from 1 to 1,048,570"):
        write_workbook(tmp_path / "a.xlsx", small, top=top)
    assert not list(tmp_path.iterdir())


# Sensitivity


def test_effects_are_shares_of_the_variance() -> None:
    rng = np.random.default_rng(3)
    x, y = np.repeat([1.0, 2.0, 5.0], 20), np.tile([0.0, 1.0, 2.0, 3.0], 15)
    mar = 2 * x - 0.5 * y + rng.standard_normal(60)
    sets = pl.DataFrame(
        {
            "Rank": [2] * 60,
            "x": x,
            "y": y,
            "z": [7.0] * 60,
            "MAR": mar,
            "CAGR": mar,
            "Net_Profit": x - 1,
        }
    )
    first, second = parameter_effects(sets, "s", ("y", "x", "z"))
    assert (first.parameter, second.parameter) == ("x", "y")
    # The correlation ratio: variance of the group means, by size, over that of all.
    for effect, values in ((first, x), (second, y)):
        means = np.array([mar[values == v].mean() for v in values])
        assert effect.effect == pytest.approx(means.var() / mar.var(), rel=1e-12)
        assert effect.rank == 2
    assert [m.value for m in first.means] == [1.0, 2.0, 5.0]
    assert [m.sets for m in first.means] == [20, 20, 20]
    assert [m.mar for m in first.means] == pytest.approx(
        [mar[x == v].mean() for v in (1, 2, 5)], rel=1e-12
    )
    assert [m.earning for m in first.means] == [0, 1, 1]
    best = np.sort(x[np.argsort(-mar)[:6]])
    assert first.best == (best[0], best[2], best[-1])
    assert first.peak is not None
    assert first.peak.value == 5.0


def test_where_nothing_varies_there_is_no_effect() -> None:
    sets = pl.DataFrame(
        {
            "Rank": [1, 1, 1],
            "x": [1.0, 2.0, 2.0],
            "MAR": [0.1 + 0.2, 0.3, 0.3],
            "CAGR": [None, math.nan, 0.1],
            "Net_Profit": [1.0, 1.0, 1.0],
        }
    )
    (effect,) = parameter_effects(sets, "s", ("x",))
    assert effect.effect is None
    assert [m.cagr for m in effect.means] == [None, 0.1]


# LibreOffice


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_every_sheet(path: Path, analysis: Analysis, tmp_path: Path) -> None:
    profile = (tmp_path / "profile").as_uri()
    subprocess.run(
        [
            *("soffice", f"-env:UserInstallation={profile}", "--headless"),
            *("--convert-to", "xlsx", "--outdir", str(tmp_path), str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    with warnings.catch_warnings():
        # What LibreOffice writes into charts is more than the other library reads.
        warnings.filterwarnings("ignore", "Unable to read chart", UserWarning)
        again = loaded(tmp_path / path.name)
    assert again.sheetnames == SHEETS
    sheet = again["Best sets"]
    wanted = analysis.combined.head(50)
    for name in ("CAGR", "MAR", "Max_DD_Share", "Rank_Sum"):
        found = column(sheet, HEAD, KNOWN[name].heading)[:50]
        assert found == pytest.approx(wanted[name].to_list(), rel=1e-12)
    assert column(sheet, HEAD, "Strategy")[:50] == wanted["Strategy"].to_list()
    assert range_boundaries(sheet.auto_filter.ref)[1] == HEAD
    assert rules_by_heading(sheet, HEAD)["Rank sum"].type == "dataBar"
    assert len(chart_series(tmp_path / path.name)) == 4
    assert not [c.value for c in cells(again) if c.data_type in {"e", "f"}]
