"""``Refinement_Analysis_<SYMBOL>.xlsx``: an analysis as a workbook."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError
from wfo.files import write_bytes
from wfo.tradestation.analysis import Analysis, BestSet, StrategyTable
from wfo.tradestation.workbook.cells import MOST_ROWS, Styles, clean, sheet_name, write
from wfo.tradestation.workbook.columns import (
    FIGURE,
    SET,
    Column,
    columns_of,
    phase_columns,
)
from wfo.tradestation.workbook.data import write_data
from wfo.tradestation.workbook.differences import differences_note, write_differences
from wfo.tradestation.workbook.effects import NEEDED, ParameterEffect, parameter_effects
from wfo.tradestation.workbook.overview import write_overview
from wfo.tradestation.workbook.plateaus import (
    EFFECTS,
    PLATEAUS,
    VALUES,
    write_plateaus,
    write_sensitivity,
)
from wfo.tradestation.workbook.sets import HEAD, write_sets
from wfo.tradestation.workbook.tables import Placed, set_print, set_widths, write_table

if TYPE_CHECKING:
    import polars as pl
    from xlsxwriter.workbook import Workbook

#: Rows of the tables of sets, unless asked for otherwise.
TOP = 50

#: First sets that the overview shows by rank sum.
FIRST = 3

#: Points of an equity curve at most; a chart has no room for more.
MOST_POINTS = 1_000


def write_workbook(
    path: Path,
    analysis: Analysis,
    *,
    top: int = TOP,
    sets: Mapping[str, pl.DataFrame] | None = None,
    results: Sequence[Mapping[str, Any]] = (),
    versions: Mapping[str, str] | None = None,
    digests: Mapping[str, str] | None = None,
    remedy: str | None = None,
) -> None:
    """Write an analysis as a workbook, whole; the same analysis gives the same bytes.

    Parameters
    ----------
    path
        The ``.xlsx`` file.
    analysis
        What it shows.
    top
        Rows of the combined table and of each strategy's, at most.
    sets
        All refined sets of a strategy, by its name: ``Rank``, the parameters, ``MAR``, ``CAGR`` and
        ``Net_Profit``. What each parameter does is computed over them; without them over the
        different outcomes, of which only one member is known.
    results
        What the run's manifest says of plateaus and sensitivity, an item a strategy.
    versions
        Of the package and of what computed, by name.
    digests
        SHA-256 of the files read, by their paths as the analysis has them.
    remedy
        What an error advises, as in `wfo.files.naming_the_file`.

    Raises
    ------
    InputError
        If `top` is no number of rows of a sheet.
    ResultsError
        If the file cannot be written.
    """
    most = MOST_ROWS - HEAD - 1
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= most:
        raise InputError(
            f"top = {top!r} must be a whole number from 1 to {most:,}, the rows of a sheet"
        )
    data = _Book(analysis, top, sets or {}, results, versions or {}, digests or {}).made()
    write_bytes(path, data, remedy=remedy)


class _Book:
    """A workbook under way.

    Parameters
    ----------
    analysis, top, sets, results, versions, digests
        As `write_workbook` takes them.
    """

    def __init__(
        self,
        analysis: Analysis,
        top: int,
        sets: Mapping[str, pl.DataFrame],
        results: Sequence[Mapping[str, Any]],
        versions: Mapping[str, str],
        digests: Mapping[str, str],
    ) -> None:
        self.analysis, self.top, self.sets, self.results = analysis, top, sets, results
        self.versions, self.digests = versions, digests
        self.links: list[tuple[str, str]] = []

    def made(self) -> bytes:
        """Return the file."""
        import xlsxwriter

        target = io.BytesIO()
        options = {
            # No text becomes anything else, whatever it begins with; no file beside the target.
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "in_memory": True,
        }
        book = xlsxwriter.Workbook(target, options)
        # The day of the last bar, so that the bytes follow from the analysis alone.
        made = dt.datetime.combine(self.analysis.last, dt.time(), dt.UTC)
        title = clean(f"Refinement analysis of {self.analysis.symbol}")
        book.set_properties({"title": title, "created": made.replace(tzinfo=None)})
        # A window as large as a laptop's; it opens at 100 %.
        book.set_size(1600, 1000)
        self._fill(book, Styles(book))
        book.close()
        return target.getvalue()

    def _fill(self, book: Workbook, styles: Styles) -> None:
        found = self.analysis
        names: list[str] = []

        def add(wanted: str) -> Any:
            names.append(sheet_name(wanted, names))
            return book.add_worksheet(names[-1])

        # Names are given in the order of the tabs; what is written where follows from tables.
        overview, best = add("Overview"), add("Best sets")
        own = [(item, add(item.strategy.name)) for item in found.strategies]
        plateaus, sensitivity, values = add("Plateaus"), add("Sensitivity"), add("Means by value")
        against = add("TradeStation against here") if found.differences else None
        curves = self._curves()
        equity = add("Equity") if curves is not None else None
        data = add("Settings and data")

        columns = self._best_sets(best, styles)
        tables = [(item.strategy.name, *self._strategy(sheet, styles, item)) for item, sheet in own]
        write_plateaus(
            plateaus,
            styles,
            strategies=found.strategies,
            top=self._top_by_plateau(),
            results=self.results,
        )
        effects = self._effects()
        first = found.combined.head(1)
        write_sensitivity(
            book,
            sensitivity,
            values,
            styles,
            effects=effects,
            best=(first["Strategy"][0], first["Rank"][0]) if len(first) else None,
            counted=(
                "all refined sets"
                if self.sets
                else "different outcomes, each counted once, with the parameters of its most"
                " central set"
            ),
            results=self.results,
        )
        if against is not None:
            write_differences(against, styles, differences=found.differences)
        drawn = None
        if equity is not None and curves is not None:
            drawn = self._equity(equity, styles, *curves)
        definitions = [
            ("sets", [*columns, *(c for _, _, own in tables for c in own)]),
            ("plateaus", PLATEAUS),
            ("sensitivity", EFFECTS),
            ("means by value", VALUES),
        ]
        write_data(
            data,
            styles,
            analysis=found,
            versions=self.versions,
            digests=self.digests,
            columns=definitions,
        )
        words = {
            best: "The first rows of the combined table, all strategies ranked together.",
            plateaus: "What the refinement of each plateau came to.",
            sensitivity: "What each refined parameter does inside its plateau.",
            values: "The same, value by value.",
            data: "The run, its bars, files read, rows left out, and what every column means.",
        }
        words |= {
            sheet: f"{item.strategy.title}: {_counted(item.sets, 'set')}, ranked among themselves."
            for item, sheet in own
        }
        if against is not None:
            words[against] = f"{differences_note(found.differences)}."
        if equity is not None:
            words[equity] = "The curves of the chart above."
        write_overview(
            book,
            overview,
            styles,
            title=f"Refinement analysis of {self._symbols()}",
            below=self._below(),
            verdict=found.verdict,
            best=self._chosen(),
            phases=found.phases,
            held=found.held.figures,
            tables=[(name, placed) for name, placed, _ in tables],
            spans=self._spans(),
            equity=drawn,
            assumed=found.assumed,
            left_out=self._left_out(),
            links=[(s.get_name(), words[s]) for s in book.worksheets() if s in words],
        )
        overview.activate()

    def _symbols(self) -> str:
        found = self.analysis
        return found.symbol if found.symbol2 is None else f"{found.symbol} with {found.symbol2}"

    def _below(self) -> str:
        found = self.analysis
        sets = _counted(sum(item.sets for item in found.strategies), "refined set")
        return (
            f"{found.timeframe} bars, {found.first} to {found.last}; {sets}"
            f" of {_counted(len(found.strategies), 'strategy', 'strategies')},"
            f" {_counted(len(found.combined), 'different outcome')}. All figures over the whole"
            " history are in-sample."
        )

    def _chosen(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the sets of the overview: the first ones of either order and of each strategy."""
        found = self.analysis
        chosen = [(f"Rank sum, place {k}", b) for k, b in enumerate(found.best[:FIRST], 1)]
        if found.averse is not None:
            chosen.append(("Risk-averse, place 1", found.averse))
        shown = {best.number for _, best in chosen}
        chosen += [
            (f"Place 1 of {item.strategy.name}", item.best)
            for item in found.strategies
            if item.best is not None and item.best.number not in shown
        ]
        return [(words, {**best.figures, **_phase_values(best)}) for words, best in chosen]

    def _spans(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what axes of drawdown and of annual return span, in whole percents."""
        found = self.analysis
        shown = [item.table.head(self.top) for item in found.strategies]
        spans = []
        for name in ("Max_DD_Share", "CAGR"):
            values = [v for frame in shown for v in frame[name].to_list()]
            values += [found.held.figures.get(name), *(b.get(name) for _, b in self._chosen())]
            known = [v for v in values if v is not None and math.isfinite(v)] or [0.0]
            low, high = min(known), max(known)
            # Hundredths, or twentieths where there would be many of them.
            parts = 100 if high - low < 0.1 else 20
            first, last = math.floor(parts * low), math.ceil(parts * high)
            spans.append((first / parts, max(last, first + 1) / parts))
        return spans[0], spans[1]

    def _left_out(self) -> list[str]:
        found = self.analysis
        texts = list(found.refused)
        rows = sum(len(file.faults) for file in found.files)
        if rows:
            texts.append(
                f"{_counted(rows, 'fault')} in the files read; the sheet of settings and data names"
                " file, line and reason."
            )
        unsimulated = sum(item.unsimulated for item in found.strategies)
        if unsimulated:
            texts.append(
                f"Not simulated, and ranked on their reports: {_counted(unsimulated, 'set')}."
            )
        if len(found.combined) > self.top:
            texts.append(
                f"The sheets of sets show {self.top:,} rows at most, of {len(found.combined):,}"
                " different outcomes; the table in Parquet beside this file has them all."
            )
        return [*texts, *found.notes]

    # Sheets

    def _best_sets(self, sheet: Any, styles: Styles) -> list[Column]:
        found = self.analysis
        frame = self._with_lead(found.combined.head(self.top))
        strategies = [item.strategy for item in found.strategies]
        columns = list(columns_of(frame, strategies))
        frame, phases, held = self._with_phases(frame)
        behind = {SET, FIGURE}
        place = next((k for k, c in enumerate(columns) if c.group not in behind), len(columns))
        columns[place:place] = phases
        write_sets(
            sheet,
            styles,
            title=f"Best sets of {self._symbols()}, all strategies ranked together",
            notes=self._notes(found.held.place, found.held.count, len(frame)),
            columns=columns,
            frame=frame,
            held={**found.held.figures, **held},
            frozen=2,
            least_valid=found.min_phases,
        )
        return columns

    def _strategy(
        self, sheet: Any, styles: Styles, item: StrategyTable
    ) -> tuple[Placed, list[Column]]:
        import polars as pl

        frame = self._with_lead(item.table.head(self.top))
        frame = frame.with_columns(
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("Place"),
        )
        columns = [c for c in columns_of(frame, [item.strategy]) if c.name != "Strategy"]
        placed = write_sets(
            sheet,
            styles,
            title=f"{item.strategy.name}: {item.strategy.title}",
            notes=self._notes(item.held.place, item.held.count, len(frame)),
            columns=columns,
            frame=frame,
            held=item.held.figures,
            frozen=2,
        )
        return placed, columns

    def _notes(self, place: int, count: int, shown: int) -> list[str]:
        first = f"{shown:,} of {count:,} different outcomes, best first by the sum of six ranks."
        among = f"by the metrics that it has, its place among the {count:,} would be {place:,}"
        return [
            f"{first} Greener is better. The whole history is in-sample.",
            f"Buy-and-hold stands above the headings; {among}.",
        ]

    def _with_lead(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a table with CAGR less buy-and-hold's."""
        import polars as pl

        held = self.analysis.held.figures.get("CAGR")
        if held is None:
            return frame
        return frame.with_columns((pl.col("CAGR").cast(pl.Float64) - held).alias("CAGR_Lead"))

    def _with_phases(
        self, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, list[Column], dict[str, float]]:
        """Return a table with the phases of its sets, their columns, and buy-and-hold's returns."""
        import polars as pl

        found = self.analysis
        known = {best.number: best for best in found.best if best.phases}
        if not known:
            return frame, [], {}
        columns = list(phase_columns(found.phases))
        values = [_phase_values(known.get(row)) for row in frame["Row"].to_list()]
        schema = {
            c.name: pl.Float64 if c.kind == "percent" else pl.Int64
            for c in columns
            if c.kind != "text"
        }
        frame = frame.with_columns(
            pl.Series(name, [each.get(name) for each in values], kind)
            for name, kind in schema.items()
        )
        first = next(iter(known.values()))
        held = {f"P{p.number}_OOS_Return": p.held_return for p in first.phases}
        return frame, columns, held

    def _top_by_plateau(self) -> dict[tuple[str, int], int]:
        shown = self.analysis.combined.head(self.top)
        found: dict[tuple[str, int], int] = {}
        for key in zip(shown["Strategy"].to_list(), shown["Rank"].to_list(), strict=True):
            found[key] = found.get(key, 0) + 1
        return found

    def _effects(self) -> tuple[ParameterEffect, ...]:
        found: list[ParameterEffect] = []
        for item in self.analysis.strategies:
            name = item.strategy.name
            sets = self.sets.get(name, item.table)
            needed = ("Rank", *item.strategy.names, *NEEDED)
            found += parameter_effects(sets.select(needed), name, item.strategy.names)
        return tuple(found)

    def _curves(self) -> tuple[pl.DataFrame, list[Column]] | None:
        """Return dates and equities: buy-and-hold's, and of the first sets of either order."""
        import numpy as np
        import polars as pl

        found = self.analysis
        first = [*found.best[:1], *([found.averse] if found.averse is not None else [])]
        drawn = {b.number: b.equity for b in first if b.equity is not None}
        count = len(found.days)
        if not drawn or count < 2:
            return None
        # Evenly spaced marks, the last one among them.
        at = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.int64))
        curves = [("Buy_And_Hold", "Buy-and-hold", found.held_equity)]
        curves += [(f"Set_{n}", f"Set {n:,}", equity) for n, equity in drawn.items()]
        columns = [Column("Date", "Date", "date", "Date of the bar.", width=12)]
        columns += [
            Column(name, words, "money", "Equity at the bar's close; in currency.", width=14)
            for name, words, _ in curves
        ]
        values = {name: np.asarray(marks, np.float64)[at] for name, _, marks in curves}
        frame = pl.DataFrame({"Date": [found.days[k] for k in at.tolist()], **values})
        return frame, columns

    def _equity(
        self, sheet: Any, styles: Styles, frame: pl.DataFrame, columns: Sequence[Column]
    ) -> tuple[Placed, list[tuple[str, str]]]:
        """Write the curves; return where they are, and which columns to draw by which name."""
        sheet.set_row(0, 24)
        write(sheet, 0, 0, "Equity of the best sets and of buy-and-hold", styles.title())
        thinned = "" if len(frame) == len(self.analysis.days) else f", {len(frame):,} bars of it"
        note = f"Over the whole history{thinned}, which is in-sample."
        write(sheet, 1, 0, note, styles.note())
        placed = write_table(sheet, styles, 2, columns, frame, scales=False)
        set_widths(sheet, columns)
        sheet.freeze_panes(3, 1)
        set_print(sheet, repeat=(2, 2), fit=False)
        # Many rows of few columns: landscape pages in full size are mostly blank.
        sheet.set_portrait()
        sheet.set_print_scale(60)
        return placed, [(c.name, c.heading) for c in columns[1:]]


def _phase_values(best: BestSet | None) -> dict[str, Any]:
    """Return what the columns of phases hold of a set; nothing of one without phases."""
    if best is None or not best.phases:
        return {}
    returns = {f"P{p.number}_OOS_Return": p.oos_return for p in best.phases}
    return {"Valid_Phases": best.valid_phases, "Beating_Phases": best.beating_phases, **returns}


def _counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
