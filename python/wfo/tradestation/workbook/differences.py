"""The sheet of differences: TradeStation's figures against simulations of the same parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.text import percent
from wfo.tradestation.differences import FigureDifference, FileDifference
from wfo.tradestation.workbook.cells import Kind, Styles, clean, lines_of, write
from wfo.tradestation.workbook.prose import Prose
from wfo.tradestation.workbook.tables import set_print

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_WIDTHS = (54, 12, 12, 12, 15, 15, 15, 15, 13)
_HEADINGS = (
    "Figure",
    "Rows compared",
    "Rows equal",
    "Share equal",
    "Median difference",
    "Largest difference",
    "Median figure, simulated",
    "Median difference by median figure",
    "Test of the largest",
)
_OTHER_RULES = ("Fill rules", "Rows of the sample", "Rows equal", "Share equal", "Distance")
_DISTANCE = (
    "Distance is how far net profit and trades are from the report's, relative, the mean of both:"
    " the median over a sample of the rows."
)

_KINDS: dict[str, Kind] = {
    "money": "money",
    "share": "percent",
    "ratio": "ratio",
    "count": "count",
}

#: Differences are small: formats of more digits than tables have.
_DIGITS: Mapping[Kind, Mapping[str, str]] = {
    "money": {"num_format": "#,##0.00_)"},
    "percent": {"num_format": "0.00%_)"},
    "ratio": {"num_format": "#,##0.0000_)"},
}


def write_differences(
    sheet: Worksheet, styles: Styles, *, differences: Sequence[FileDifference]
) -> None:
    """Write, file by file, how far the figures are apart, and by which rules they would be nearer.

    Parameters
    ----------
    sheet, styles
        Where.
    differences
        One item a file.
    """
    for k, width in enumerate(_WIDTHS):
        sheet.set_column(k, k, width)
    page = Prose(sheet, styles, _WIDTHS)
    page.title(
        "TradeStation against here",
        "Each row of a report from TradeStation, and a simulation of the same parameters by the"
        " run's rules; differences are absolute. TradeStation's net profit is of closed trades.",
    )
    for item in differences:
        part = "" if item.part is None else f", part {item.part}"
        page.section(f"{item.strategy}, plateau {item.rank}{part}: {item.rows:,} rows")
        page.sentence(item.path, styles.note())
        page.sentence(item.verdict)
        if item.figures:
            _header(page, _HEADINGS)
            first = page.row
            for figure in item.figures:
                _figure(page, figure)
            if page.row - first > 1:
                _shares(sheet, first, page.row - 1)
        if item.alternatives:
            page.skip()
            _header(page, _OTHER_RULES)
            first = page.row
            for other in item.alternatives:
                share = other.equal / item.sample if item.sample else None
                cells: tuple[tuple[Any, Kind], ...] = (
                    (other.text, "text"),
                    (item.sample, "count"),
                    (other.equal, "count"),
                    (share, "percent"),
                    (other.distance, "percent"),
                )
                _cells(page, cells)
            if page.row - first > 1:
                _shares(sheet, first, page.row - 1)
            page.sentence(_DISTANCE, styles.note())
        if item.unexplained:
            page.skip()
            page.sentence(
                "What no rule that is tried here reproduces, and can be the reason for the rest:"
            )
            page.sentences(f"•  {reason}" for reason in item.unexplained)
    sheet.freeze_panes(2, 0)
    set_print(sheet)


def _header(page: Prose, headings: Sequence[str]) -> None:
    style = page.styles.heading()
    for k, heading in enumerate(headings):
        page.sheet.write_string(page.row, k, heading, style)
    page.sheet.set_row(page.row, 44)
    page.row += 1


def _figure(page: Prose, figure: FigureDifference) -> None:
    kind = _KINDS.get(figure.unit, "ratio")
    relative = figure.median / figure.typical if figure.typical else None
    share = figure.equal / figure.rows if figure.rows else None
    cells: tuple[tuple[Any, Kind], ...] = (
        (figure.name, "text"),
        (figure.rows, "count"),
        (figure.equal, "count"),
        (share, "percent"),
        (figure.median, kind),
        (figure.largest, kind),
        (figure.typical, kind),
        (relative, "percent"),
        # Where all rows are equal, none is further off than the others.
        (figure.worst if figure.equal < figure.rows else None, "count"),
    )
    _cells(page, cells)


def _cells(page: Prose, cells: Sequence[tuple[Any, Kind]]) -> None:
    for k, (value, kind) in enumerate(cells):
        style = page.styles.wrapped()
        if kind != "text":
            style = page.styles(kind, valign="top", **_DIGITS.get(kind, {}))
        write(page.sheet, page.row, k, value, style)
    words = clean(cells[0][0])
    page.sheet.set_row(page.row, 15.0 * lines_of(words, _WIDTHS[0]))
    page.row += 1


def _shares(sheet: Worksheet, first: int, last: int) -> None:
    """Colour the share of equal rows, from none to all."""
    options = {
        "type": "2_color_scale",
        "min_type": "num",
        "min_value": 0,
        "max_type": "num",
        "max_value": 1,
        "min_color": "#FFFFFF",
        "max_color": "#8FC1A9",
    }
    sheet.conditional_format(first, 3, last, 3, options)


def differences_note(differences: Sequence[FileDifference]) -> str:
    """Return one line on all files, for the overview."""
    rows, files = sum(d.rows for d in differences), len(differences)
    shares = [f.equal / f.rows for d in differences for f in d.figures if f.rows]
    said = f"{rows:,} rows of {files} file{'' if files == 1 else 's'} beside simulations"
    if not shares:
        return said
    return f"{said}; the figure that agrees least is equal in {percent(min(shares))} of the rows"
