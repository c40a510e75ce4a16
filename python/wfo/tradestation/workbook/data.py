"""The sheet of settings and data: the run, the bars, the files read, and what columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.tradestation.analysis import Analysis
from wfo.tradestation.workbook.cells import Kind, Styles, clean, lines_of, write
from wfo.tradestation.workbook.columns import Column
from wfo.tradestation.workbook.prose import Prose
from wfo.tradestation.workbook.tables import set_print

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_WIDTHS = (26, 26, 14, 9, 7, 11, 11, 66)
_FILES = ("File", "", "Written by", "Plateau", "Part", "Rows", "Simulated", "SHA-256")


def write_data(
    sheet: Worksheet,
    styles: Styles,
    *,
    analysis: Analysis,
    versions: Mapping[str, str],
    digests: Mapping[str, str],
    columns: Sequence[tuple[str, Sequence[Column]]],
) -> None:
    """Write what the analysis rests on, and what its columns mean.

    Parameters
    ----------
    sheet, styles
        Where.
    analysis
        What it is of.
    versions
        Of the package and of what computed.
    digests
        SHA-256 of the files read, by their paths.
    columns
        The sheets' columns, by a name of the table.
    """
    for k, width in enumerate(_WIDTHS):
        sheet.set_column(k, k, width)
    page = Prose(sheet, styles, _WIDTHS)
    page.title("Settings and data")
    page.section("Run")
    page.pair("Symbol", analysis.symbol)
    if analysis.symbol2 is not None:
        page.pair("Second symbol", analysis.symbol2)
    page.pair("Bars", analysis.timeframe)
    page.pair("Folder", analysis.folder)
    page.pair("Command", analysis.command)
    page.pair("Fingerprint", analysis.fingerprint)
    page.pair("Gates", analysis.gates)
    page.pair("Phases", analysis.phases, kind="count")
    page.pair("Valid phases of a stable one", analysis.min_phases, kind="count")
    page.pair("Combinations ever searched", analysis.trials, kind="count")
    for name, version in versions.items():
        page.pair(name, version)
    page.section("History")
    page.pair("First trading bar", analysis.first, kind="date")
    page.pair("Last bar", analysis.last, kind="date")
    page.pair("Bars before the first one", analysis.warmup, kind="count")
    page.pair("Trading bars", analysis.end - analysis.warmup, kind="count")
    page.pair("Bars of a year", analysis.bars_per_year, kind="number")
    page.pair("Capital", analysis.capital, kind="money")
    page.section("What is assumed")
    for what, text in analysis.assumed:
        page.pair(what, text)
    page.section("Files read")
    _files(page, analysis, digests)
    page.section("Rows and files left out")
    left_out = [(file.path, fault) for file in analysis.files for fault in file.faults]
    for text in analysis.refused:
        page.sentence(text)
    for path, fault in left_out:
        page.pair(path, fault, label=2)
    if not left_out and not analysis.refused:
        page.sentence("None.")
    said = [(file.path, note) for file in analysis.files for note in file.notes]
    if said or analysis.notes:
        page.section("Notes")
        page.sentences(analysis.notes)
        for path, note in said:
            page.pair(path, note, label=2)
    seen: set[str] = set()
    for table, own in columns:
        page.section(f"Columns: {table}")
        for column in own:
            if column.name not in seen:
                seen.add(column.name)
                name = column.name if column.filed else ""
                page.triple(column.heading, name, column.meaning)
        seen = set()
    sheet.freeze_panes(1, 0)
    set_print(sheet)


def _files(page: Prose, analysis: Analysis, digests: Mapping[str, str]) -> None:
    sheet, styles = page.sheet, page.styles
    if not analysis.files:
        page.sentence("None.")
        return
    heading = styles.heading()
    sheet.merge_range(page.row, 0, page.row, 1, "", heading)
    for k, words in enumerate(_FILES):
        if words:
            sheet.write_string(page.row, k, words, heading)
    sheet.set_row(page.row, 18)
    page.row += 1
    for file in analysis.files:
        text = styles.wrapped()
        sheet.merge_range(page.row, 0, page.row, 1, "", text)
        cells: tuple[tuple[Any, Kind], ...] = (
            (file.source, "text"),
            (file.rank, "count"),
            (file.part, "count"),
            (file.rows, "count"),
            (file.simulated, "count"),
            (digests.get(file.path), "text"),
        )
        sheet.write_string(page.row, 0, clean(file.path), text)
        for k, (value, kind) in enumerate(cells, 2):
            style = styles.wrapped(indent=1) if kind == "text" else styles(kind, valign="top")
            write(sheet, page.row, k, value, style)
        sheet.set_row(page.row, 15.0 * lines_of(file.path, _WIDTHS[0] + _WIDTHS[1] - 2))
        page.row += 1
