"""Sheets of plateaus, and of what each parameter does inside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.tradestation.analysis import StrategyTable
from wfo.tradestation.workbook.cells import Styles, quoted, write
from wfo.tradestation.workbook.columns import Column
from wfo.tradestation.workbook.effects import ParameterEffect, effects_of_run
from wfo.tradestation.workbook.overview import COLOURS
from wfo.tradestation.workbook.tables import (
    Placed,
    set_print,
    set_widths,
    write_groups,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_RUN, _REFINED = "In the run", "In the refinement, whole history"

PLATEAUS = (
    Column("Strategy", "Strategy", "text", "Name of the strategy.", "Plateau", width=16),
    Column(
        "Rank", "Plateau", "count", "Rank in the run, 1 is the most stable.", "Plateau", width=9
    ),
    Column(
        "Sets", "Sets refined", "count", "Different parameter sets of its files.", _REFINED, width=9
    ),
    Column(
        "Robustness",
        "Robustness",
        "percent",
        "Share of its sets that earn; in percent.",
        _REFINED,
        "high",
        12,
    ),
    Column(
        "Outcomes",
        "Different outcomes",
        "count",
        "Sets with the same simulated figures count once.",
        _REFINED,
        width=11,
    ),
    Column(
        "Best_Row",
        "Best set, N",
        "count",
        "Row of the combined table that has its best set.",
        _REFINED,
        width=9,
    ),
    Column(
        "Top",
        "Among the best sets",
        "count",
        "How many of the sets on the sheet of best sets are its own.",
        _REFINED,
        "bar",
        11,
    ),
    Column(
        "Median_CAGR",
        "Median CAGR",
        "percent",
        "Median over its sets; in percent.",
        _REFINED,
        "high",
        9,
    ),
    Column("Median_MAR", "Median MAR", "fine", "Median over its sets.", _REFINED, "high", 9),
    Column("Regime", "Stop class", "text", "Stop class by its mean stop.", _RUN, width=10),
    Column("Cells", "Cells of the map", "count", "Cells of the run's map.", _RUN, width=9),
    Column(
        "Level",
        "Stable share",
        "percent",
        "Stable share of all combinations of its cells; in percent.",
        _RUN,
        "high",
        9,
    ),
    Column(
        "Stability",
        "Stability",
        "ratio",
        "Mean stability score of its candidates.",
        _RUN,
        "high",
        10,
    ),
    Column(
        "Phase_Trades",
        "Median trades",
        "number",
        "Median out-of-sample trades of its candidates over all phases.",
        _RUN,
        width=9,
    ),
    Column(
        "Bounds",
        "Region, where narrower than its cells' range",
        "text",
        "Bounds of its region in all parameters.",
        _RUN,
        width=60,
    ),
)

_VALUE = "Means by value"
_EFFECT, _MEANS, _BEST = "Parameter", "Mean MAR by its values", "Among the best tenth by MAR"

EFFECTS = (
    Column("Strategy", "Strategy", "text", "Name of the strategy.", _EFFECT, width=16),
    Column("Rank", "Plateau", "count", "Rank of the plateau.", _EFFECT, width=9),
    Column("Parameter", "Parameter", "text", "Its name.", _EFFECT, width=21),
    Column("Values", "Values refined", "count", "How many values.", _EFFECT, width=9),
    Column("Lowest", "From", "number", "Lowest value refined.", _EFFECT, width=9),
    Column("Highest", "To", "number", "Highest value refined.", _EFFECT, width=9),
    Column(
        "Effect",
        "Effect alone on MAR",
        "percent",
        "Share of the variance of MAR inside the plateau that the parameter explains alone; in"
        " percent.",
        _EFFECT,
        "bar",
        12,
    ),
    Column(
        "By_Value",
        "Mean MAR by value",
        "text",
        "A column a value, from the lowest value to the highest; the highest mean is dark.",
        _MEANS,
        width=16,
    ),
    Column("Peak", "Highest at", "number", "Value of the highest mean MAR.", _MEANS, width=9),
    Column("Peak_MAR", "Mean MAR there", "fine", "The highest mean MAR.", _MEANS, width=9),
    Column("Trough", "Lowest at", "number", "Value of the lowest mean MAR.", _MEANS, width=9),
    Column("Trough_MAR", "Mean MAR there", "fine", "The lowest mean MAR.", _MEANS, width=9),
    Column("Best_Lowest", "Lowest", "number", "Lowest value among the best tenth.", _BEST, width=9),
    Column("Best_Median", "Median", "number", "Median among the best tenth.", _BEST, width=9),
    Column(
        "Best_Highest", "Highest", "number", "Highest value among the best tenth.", _BEST, width=9
    ),
    Column(
        "Run_Main",
        "Effect alone on return",
        "percent",
        "Share of the variance of the annual out-of-sample return over the run's whole grid that"
        " the parameter explains alone; in percent.",
        "Whole grid of the run",
        width=11,
    ),
    Column(
        "Run_Total",
        "Effect in all on return",
        "percent",
        "Share of that variance that the parameter has part in; in percent.",
        "Whole grid of the run",
        width=11,
    ),
)

VALUES = (
    Column("Strategy", "Strategy", "text", "Name of the strategy.", _VALUE, width=16),
    Column("Rank", "Plateau", "count", "Rank of the plateau.", _VALUE, width=9),
    Column("Parameter", "Parameter", "text", "Its name.", _VALUE, width=21),
    Column("Value", "Value", "number", "A value.", _VALUE, width=9),
    Column("Sets", "Sets", "count", "Sets of the plateau with that value.", _VALUE, width=9),
    Column("Mean_MAR", "Mean MAR", "fine", "Mean MAR of those sets.", _VALUE, width=9),
    Column("Mean_CAGR", "Mean CAGR", "percent", "Mean CAGR of those sets.", _VALUE, width=12),
    Column(
        "Earning", "Share that earns", "percent", "Share of those sets that earn.", _VALUE, width=16
    ),
)

#: Charts of the plateau that has the best set, and how many stand side by side.
MOST_CHARTS, _BESIDE = 6, 3
_CHART = {"width": 380, "height": 240}
_CHART_ROWS = 13


def write_plateaus(
    sheet: Worksheet,
    styles: Styles,
    *,
    strategies: Sequence[StrategyTable],
    top: Mapping[tuple[str, int], int],
    results: Sequence[Mapping[str, Any]],
) -> Placed:
    """Write a row for each plateau: what its refinement came to, and what the run says of it.

    Parameters
    ----------
    sheet, styles
        Where.
    strategies
        Their tables.
    top
        How many of the best sets are of each plateau.
    results
        What ``run.json`` says, an item a strategy; empty where it is not known.
    """
    known: dict[tuple[str, int], dict[str, Any]] = {
        (item["strategy"], p["rank"]): {
            "Regime": p.get("regime"),
            "Cells": len(p.get("cells", ())) or None,
            "Level": p.get("level"),
            "Stability": p.get("stability"),
            "Phase_Trades": p.get("trades"),
        }
        for item in results
        for p in (item.get("plateaus") or {}).get("plateaus", ())
    }
    for item in results:
        for region in item.get("regions") or ():
            key = (item["strategy"], region["rank"])
            if key in known:
                known[key]["Bounds"] = _bounds(region)
    rows = [
        {
            "Strategy": item.strategy.name,
            "Rank": p.rank,
            "Sets": p.sets,
            "Robustness": p.robustness,
            "Outcomes": p.outcomes,
            "Best_Row": p.best_row,
            "Top": top.get((item.strategy.name, p.rank), 0),
            "Median_CAGR": p.median_cagr,
            "Median_MAR": p.median_mar,
            **known.get((item.strategy.name, p.rank), {}),
        }
        for item in strategies
        for p in item.plateaus
    ]
    there = {name for row in rows for name, value in row.items() if value is not None}
    columns = [c for c in PLATEAUS if c.group != _RUN or c.name in there]
    write(sheet, 0, 0, "Plateaus", styles.title())
    sheet.set_row(0, 24)
    note = "The run has found these on phases; here each is refined over the whole history."
    write(sheet, 1, 0, note, styles.note())
    write_groups(sheet, styles, 2, columns)
    placed = write_table(sheet, styles, 3, columns, _frame(rows, columns))
    set_widths(sheet, columns)
    sheet.freeze_panes(4, 2)
    set_print(sheet, repeat=(2, 3))
    return placed


def _bounds(region: Mapping[str, Any]) -> str:
    """Return in words where a region is narrower than its box."""
    box = region.get("box") or {}
    return ", ".join(
        f"{name} {low:g}" + (f" to {high:g}" if high > low else "")
        for name, (low, high) in (region.get("bounds") or {}).items()
        if [low, high] != list(box.get(name, ()))
    )


def write_sensitivity(
    book: Workbook,
    sheet: Worksheet,
    values: Worksheet,
    styles: Styles,
    *,
    effects: Sequence[ParameterEffect],
    best: tuple[str, int] | None,
    counted: str,
    results: Sequence[Mapping[str, Any]],
) -> None:
    """Write what each refined parameter does, a row each and charts, and the means by value.

    Parameters
    ----------
    book, sheet, values, styles
        Where; the means by value have a sheet of their own.
    effects
        By strategy and plateau, the largest effect first.
    best
        Strategy and plateau of the best set, whose parameters have charts; None without one.
    counted
        What the means are over, in words.
    results
        What ``run.json`` says, an item a strategy; empty where it is not known.
    """
    placed, spans = _values(values, styles, effects, counted)
    of_run = effects_of_run(results)
    columns = [c for c in EFFECTS if of_run or not c.name.startswith("Run_")]
    _title(sheet, styles, "Sensitivity: what each refined parameter does", counted)
    write_groups(sheet, styles, 2, columns)
    table = write_table(
        sheet, styles, 3, columns, _frame([_row(e, of_run) for e in effects], columns)
    )
    _lines(sheet, table, placed, effects, spans)
    charted = [e for e in effects if (e.strategy, e.rank) == best][:MOST_CHARTS]
    top, heights = table.last + 2, _heights(charted)
    if charted:
        words = f"Plateau {charted[0].rank} of {charted[0].strategy}, which has the best set"
        write(sheet, top, 0, f"{words}: mean MAR by value", styles.subtitle())
    for k, effect in enumerate(charted):
        chart = _chart(book, placed, effect, spans[effects.index(effect)], heights)
        at = {"x_offset": 4 + k % _BESIDE * (_CHART["width"] + 8), "y_offset": 6}
        row = top + 1 + k // _BESIDE * _CHART_ROWS
        sheet.insert_chart(row, 0, chart, {**at, "object_position": 2})
    set_widths(sheet, columns)
    sheet.freeze_panes(4, 3)
    set_print(sheet, width=sum(c.width for c in columns), repeat=(2, 3), columns=3)


def _values(
    sheet: Worksheet, styles: Styles, effects: Sequence[ParameterEffect], counted: str
) -> tuple[Placed, list[tuple[int, int]]]:
    """Write the means by value; return where, and first and last row of each parameter."""
    rows = [
        {
            "Strategy": e.strategy,
            "Rank": e.rank,
            "Parameter": e.parameter,
            "Value": m.value,
            "Sets": m.sets,
            "Mean_MAR": m.mar,
            "Mean_CAGR": m.cagr,
            "Earning": m.earning,
        }
        for e in effects
        for m in e.means
    ]
    _title(sheet, styles, "Means by value of each refined parameter", counted)
    placed = write_table(sheet, styles, 2, VALUES, _frame(rows, VALUES), scales=False)
    set_widths(sheet, VALUES)
    sheet.freeze_panes(3, 4)
    set_print(sheet, repeat=(2, 2))
    spans, row = [], placed.first
    for effect in effects:
        spans.append((row, row + len(effect.means) - 1))
        row += len(effect.means)
    return placed, spans


def _title(sheet: Worksheet, styles: Styles, title: str, counted: str) -> None:
    sheet.set_row(0, 24)
    write(sheet, 0, 0, title, styles.title())
    write(sheet, 1, 0, f"Means are over {counted}. In-sample.", styles.note())


def _row(
    e: ParameterEffect, of_run: Mapping[tuple[str, str], tuple[float | None, float | None]]
) -> dict[str, Any]:
    peak, trough = e.peak, e.trough
    main, total = of_run.get((e.strategy, e.parameter), (None, None))
    return {
        "Strategy": e.strategy,
        "Rank": e.rank,
        "Parameter": e.parameter,
        "Values": len(e.means),
        "Lowest": e.means[0].value,
        "Highest": e.means[-1].value,
        "Effect": e.effect,
        "Peak": peak and peak.value,
        "Peak_MAR": peak and peak.mar,
        "Trough": trough and trough.value,
        "Trough_MAR": trough and trough.mar,
        "Best_Lowest": e.best[0],
        "Best_Median": e.best[1],
        "Best_Highest": e.best[2],
        "Run_Main": main,
        "Run_Total": total,
    }


def _lines(
    sheet: Worksheet,
    table: Placed,
    values: Placed,
    effects: Sequence[ParameterEffect],
    spans: Sequence[tuple[int, int]],
) -> None:
    """Draw a column for each value of a parameter; those of a plateau have one scale."""
    from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

    at, column = table.columns["By_Value"], values.columns["Mean_MAR"]
    name = quoted(values.sheet)
    plateaus: dict[tuple[str, int], list[int]] = {}
    for k, effect in enumerate(effects):
        if table.first + k <= table.last and spans[k][1] <= values.last:
            plateaus.setdefault((effect.strategy, effect.rank), []).append(k)
    for members in plateaus.values():
        low, high = _heights([effects[k] for k in members])
        # Columns: LibreOffice draws no line of a sparkline into a PDF.
        options = {
            "location": [xl_rowcol_to_cell(table.first + k, at) for k in members],
            "range": [
                f"{name}!{xl_range_abs(spans[k][0], column, spans[k][1], column)}" for k in members
            ],
            "type": "column",
            "high_point": True,
            "series_color": "#8EA9DB",
            "high_color": "#1F3864",
            "min": low,
            "max": high,
        }
        sheet.add_sparkline(table.first + members[0], at, options)


def _chart(
    book: Workbook,
    values: Placed,
    effect: ParameterEffect,
    span: tuple[int, int],
    heights: tuple[float, float],
) -> Any:
    """Return the chart of one parameter; all have the same heights, so that effects compare."""
    first, last = span
    x, y = values.columns["Value"], values.columns["Mean_MAR"]
    chart = book.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
    chart.add_series(
        {
            "name": "Mean MAR",
            "categories": [values.sheet, first, x, last, x],
            "values": [values.sheet, first, y, last, y],
            "line": {"color": COLOURS[0], "width": 1.5},
            "marker": {
                "type": "circle",
                "size": 5,
                "fill": {"color": COLOURS[0]},
                "border": {"none": True},
            },
        }
    )
    share = "" if effect.effect is None else f" (effect {100 * effect.effect:.0f} %)"
    chart.set_title(
        {"name": f"{effect.parameter}{share}", "name_font": {"size": 10}, "overlay": False}
    )
    chart.set_legend({"none": True})
    chart.set_size(_CHART)
    grid = {"visible": True, "line": {"color": "#E3E3E3"}}
    low, high = effect.means[0].value, effect.means[-1].value
    font = {"num_font": {"size": 9}}
    chart.set_x_axis(
        {**font, "min": low, "max": high, "num_format": "General", "label_position": "low"}
    )
    look = {"min": heights[0], "max": heights[1], "crossing": heights[0], "num_format": "0.00"}
    if heights[1] - heights[0] < 0.2:
        look["num_format"] = "0.000"
    chart.set_y_axis({**font, **look, "major_gridlines": grid})
    return chart


def _heights(effects: Sequence[ParameterEffect]) -> tuple[float, float]:
    """Return the lowest and the highest mean of some parameters, rounded outwards."""
    means = [m.mar for e in effects for m in e.means if m.mar is not None]
    if not means:
        return 0.0, 1.0
    low, high = min(means), max(means)
    unit = 10.0 ** math.floor(math.log10((high - low) or abs(high) or 1.0)) / 2
    low, high = math.floor(low / unit), math.ceil(high / unit)
    # From whole units, so that the ends have no more digits than they need.
    return round(low * unit, 12), round(max(high, low + 1) * unit, 12)


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pl.DataFrame:
    """Return rows as a frame with all columns."""
    import polars as pl

    kinds = {"text": pl.String, "count": pl.Int64}
    return pl.DataFrame(
        [
            pl.Series(c.name, [row.get(c.name) for row in rows], kinds.get(c.kind, pl.Float64))
            for c in columns
        ]
    )
