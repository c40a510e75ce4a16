"""The first sheet: the verdict, the best sets beside buy-and-hold, and what was assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.tradestation.workbook.cells import HELD, LINE, MUTED, Styles, write
from wfo.tradestation.workbook.columns import KNOWN, Column, phase_columns
from wfo.tradestation.workbook.prose import Prose
from wfo.tradestation.workbook.tables import Placed, set_print

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

#: Columns of the table of best sets, after the one that says how a set was chosen.
SHOWN = (
    "Row",
    "Strategy",
    "CAGR",
    "MAR",
    "Max_DD_Share",
    "Sharpe",
    "Sortino",
    "Profit_Factor",
    "Net_Profit",
    "Trades",
    "Exposure",
    "Valid_Phases",
    "Beating_Phases",
)

_WIDTHS = (25, 6, 16, 9, 8, 10.5, 8, 8.5, 8.5, 12.5, 8, 9.5, 10, 13)

#: Pixels of the two charts, which stand side by side below the table.
_CHART = {"width": 520, "height": 330}
_CHART_ROWS = 17

#: One colour a strategy; told apart with colour blindness too (Okabe & Ito 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")

#: Those of equity curves: of buy-and-hold, of the best set, of the risk-averse one.
_CURVES = ("#C00000", "#0072B2", "#009E73")


def write_overview(
    book: Workbook,
    sheet: Worksheet,
    styles: Styles,
    *,
    title: str,
    below: str,
    verdict: Sequence[str],
    best: Sequence[tuple[str, Mapping[str, Any]]],
    phases: int,
    held: Mapping[str, Any] | None,
    tables: Sequence[tuple[str, Placed]],
    spans: tuple[tuple[float, float], tuple[float, float]],
    equity: tuple[Placed, Sequence[tuple[str, str]]] | None,
    assumed: Iterable[tuple[str, str]],
    left_out: Sequence[str],
    links: Sequence[tuple[str, str]],
) -> None:
    """Write the first sheet.

    Parameters
    ----------
    book, sheet, styles
        Where.
    title, below
        Its title and a line below it.
    verdict
        Sentences.
    best
        The best sets: how each was chosen, and its figures by column.
    phases
        Phases of the run.
    held
        Figures of buy-and-hold by column; None where they are not known.
    tables
        The table of each strategy, for the chart of return by drawdown.
    spans
        Lowest and highest drawdown of that chart, and annual return.
    equity
        A table of dates and equities, and the columns to draw with their names in words; None draws
        no chart.
    assumed
        What the backtests assume: a word and a text each.
    left_out
        What the analysis does not have, and why.
    links
        The other sheets, and what is there.
    """
    for k, width in enumerate(_WIDTHS):
        sheet.set_column(k, k, width)
    sheet.hide_gridlines(2)
    page = Prose(sheet, styles, _WIDTHS)
    page.title(title, below)
    page.section("Verdict")
    page.sentences(verdict or ["There is no set to choose from."])
    page.section("Best sets beside buy-and-hold")
    columns = {**KNOWN, **{c.name: c for c in phase_columns(phases)}}
    placed, held_row = _best(page, [columns[name] for name in SHOWN], best, held)
    page.skip()
    top = page.row
    drawn = [(name, table) for name, table in tables if _drawable(table)]
    if drawn:
        chart = _scatter(book, drawn, placed, held_row, len(best), spans)
        sheet.insert_chart(top, 0, chart, {"x_offset": 2, "object_position": 2})
    if equity is not None:
        chart = _equity(book, *equity)
        at = {"x_offset": 530 if drawn else 2, "object_position": 2}
        sheet.insert_chart(top, 0, chart, at)
    if drawn or equity is not None:
        page.skip(_CHART_ROWS)
    page.section("What is assumed")
    for what, text in assumed:
        page.pair(what, text)
    page.section("What is left out")
    page.sentences(left_out or ["Nothing."])
    page.section("Sheets")
    for name, words in links:
        page.link(name, words)
    set_print(sheet)


def _best(
    page: Prose,
    columns: Sequence[Column],
    best: Sequence[tuple[str, Mapping[str, Any]]],
    held: Mapping[str, Any] | None,
) -> tuple[Placed, int | None]:
    """Write the table of best sets; return where it is, and buy-and-hold's row."""
    sheet, styles, head = page.sheet, page.styles, page.row
    heading = styles.heading()
    sheet.write_string(head, 0, "Chosen by", heading)
    for k, column in enumerate(columns, 1):
        sheet.write_string(head, k, column.heading, heading)
    sheet.set_row(head, 42)
    row, held_row = head + 1, None
    if held is not None:
        held_row = row
        _line(page, row, columns, "Buy-and-hold", held, bold=True, bg_color=HELD)
        row += 1
    for chosen, figures in best:
        _line(page, row, columns, chosen, figures)
        row += 1
    page.row = row
    places = {column.name: k for k, column in enumerate(columns, 1)}
    return Placed(sheet.get_name(), head, row - head - 1, places), held_row


def _line(
    page: Prose,
    row: int,
    columns: Sequence[Column],
    chosen: str,
    figures: Mapping[str, Any],
    **look: Any,
) -> None:
    edge = {"bottom": 1, "bottom_color": LINE, **look}
    page.sheet.set_row(row, 16)
    write(page.sheet, row, 0, chosen, page.styles(**edge))
    for k, column in enumerate(columns, 1):
        indent = {"indent": 1} if column.kind == "text" else {}
        style = page.styles(column.kind, **edge, **indent)
        write(page.sheet, row, k, figures.get(column.name), style)


def _drawable(table: Placed) -> bool:
    return table.rows > 0 and {"CAGR", "Max_DD_Share"} <= table.columns.keys()


def _scatter(
    book: Workbook,
    tables: Sequence[tuple[str, Placed]],
    placed: Placed,
    held_row: int | None,
    best: int,
    spans: tuple[tuple[float, float], tuple[float, float]],
) -> Any:
    """Return the chart of annual return by drawdown."""
    chart = book.add_chart({"type": "scatter"})
    for k, (name, table) in enumerate(tables):
        colour = COLOURS[k % len(COLOURS)]
        chart.add_series(
            {
                "name": name,
                "categories": table.values("Max_DD_Share"),
                "values": table.values("CAGR"),
                "marker": _marker("circle", 5, colour, transparency=35),
            }
        )
    x, y = placed.columns["Max_DD_Share"], placed.columns["CAGR"]
    if best:
        first = placed.last - best + 1
        chart.add_series(
            {
                "name": "Best sets (table above)",
                "categories": [placed.sheet, first, x, placed.last, x],
                "values": [placed.sheet, first, y, placed.last, y],
                "marker": {
                    "type": "circle",
                    "size": 10,
                    "fill": {"none": True},
                    "border": {"color": "#000000", "width": 1.25},
                },
            }
        )
    if held_row is not None:
        chart.add_series(
            {
                "name": "Buy-and-hold",
                "categories": [placed.sheet, held_row, x, held_row, x],
                "values": [placed.sheet, held_row, y, held_row, y],
                "marker": _marker("diamond", 11, "#C00000"),
            }
        )
    _look(chart, "Return by drawdown, best rows of each strategy")
    axis = {"num_format": "0%", "num_font": {"size": 9}, "name_font": {"size": 9, "bold": False}}
    grid = {"visible": True, "line": {"color": "#E3E3E3"}}
    # The axes cross at their lowest values, whatever is negative.
    for set_axis, name, (low, high) in (
        (chart.set_x_axis, "Largest drawdown", spans[0]),
        (chart.set_y_axis, "CAGR", spans[1]),
    ):
        look = {"name": name, "min": low, "max": high, "crossing": low, "major_gridlines": grid}
        if high - low < 0.105:
            # Labels are whole percents, so that there is a line for each.
            look["major_unit"] = 0.01
        set_axis({**axis, **look, "label_position": "low"})
    return chart


def _equity(book: Workbook, table: Placed, curves: Sequence[tuple[str, str]]) -> Any:
    """Return the chart of equities."""
    chart = book.add_chart({"type": "line"})
    for (column, name), colour in zip(curves, _CURVES, strict=False):
        chart.add_series(
            {
                "name": name,
                "categories": table.values("Date"),
                "values": table.values(column),
                "line": {"color": colour, "width": 1.25},
            }
        )
    _look(chart, "Equity over the whole history, in-sample")
    font = {"num_font": {"size": 9}}
    grid = {"visible": True, "line": {"color": "#E3E3E3"}}
    years = {"date_axis": True, "num_format": "yyyy", "major_unit": 2, "major_unit_type": "years"}
    chart.set_x_axis({**font, **years, "label_position": "low"})
    chart.set_y_axis({**font, "num_format": "#,##0", "major_gridlines": grid})
    return chart


def _look(chart: Any, title: str) -> None:
    chart.set_title({"name": title, "name_font": {"size": 10}, "overlay": False})
    chart.set_legend({"position": "bottom", "font": {"size": 9}})
    chart.set_size(_CHART)
    chart.set_chartarea({"border": {"color": LINE}})


def _marker(kind: str, size: int, colour: str, *, transparency: int = 0) -> dict[str, Any]:
    return {
        "type": kind,
        "size": size,
        "fill": {"color": colour, "transparency": transparency},
        "border": {"none": True} if transparency else {"color": MUTED},
    }
