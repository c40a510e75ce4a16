"""Tables of refined sets: rows of reports become sets, sets become outcomes, outcomes get ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo.strategy import Strategy
from wfo.tradestation.analysis import RefinedPlateau, StrategyTable
from wfo.tradestation.ranking import (
    FIGURES,
    REPORT,
    REPORTED,
    SIMULATION,
    TRADESTATION,
    Span,
    axis_steps,
    central,
    combined_columns,
    distinct,
    held_row,
    ranked,
    report_figures,
    simulated_figures,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IndexArray = NDArray[np.int64]

#: Figures that a report may have and that are read here, with `wfo.tradestation.headings`' names.
READ = (
    *("net_profit", "gross_profit", "gross_loss", "trades", "wins", "losses"),
    *("percent_profitable", "avg_win", "avg_loss", "profit_factor", "max_intraday_dd"),
)

#: What a figure of a report is called beside the parameters.
PREFIX = "ts_"

_SHOWN = {
    "TS_Net_Profit": "net_profit",
    "TS_Trades": "trades",
    "TS_Profit_Factor": "profit_factor",
    "TS_Max_Intraday_DD": "max_intraday_dd",
}

#: What decides among equal rank sums: the order of strategies, and where the set is from.
_TIES = ("Order", "Rank", "Part", "TestNum", "File")


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The rows of one report file.

    Attributes
    ----------
    source, file, rank, part
        Which program wrote the file, its name, and the plateau whose refinement it is.
    tests
        Number of each row's test, int64[m].
    params
        Parameters in canonical order, float64[m, p]; NaN where the file lacks the input.
    reported
        Figures of another program by name, float64[m] each, those of `READ` that the file has; none
        of a file from here.
    performance
        What the rows come to by `wfo.backtest.performance`, by name, float64[m] each; None where
        that is not known yet.
    """

    source: str
    file: str
    rank: int
    part: int | None
    tests: IndexArray
    params: FloatArray
    reported: Mapping[str, FloatArray]
    performance: Mapping[str, FloatArray] | None = None

    def __len__(self) -> int:
        return len(self.tests)


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """The different parameter sets of one strategy, out of all its pieces.

    Attributes
    ----------
    strategy, pieces
        What they are of: those from here first.
    first
        Row of each set's first member in the pieces put end to end, int64[s].
    kind
        Set of each row, int64[m].
    params
        Parameters of each set, float64[s, p].
    complete
        Which sets have all parameters, bool[s]; the others are one a row.
    """

    strategy: Strategy
    pieces: tuple[Piece, ...]
    first: IndexArray
    kind: IndexArray
    params: FloatArray
    complete: BoolArray

    @classmethod
    def of(cls, strategy: Strategy, pieces: Sequence[Piece]) -> Sets:
        """Find the sets in some pieces.

        Parameters
        ----------
        strategy, pieces
            The strategy, and one piece of it at least.
        """
        import numpy as np

        ordered = tuple(
            sorted(pieces, key=lambda p: (p.source == TRADESTATION, p.rank, p.part or 0, p.file))
        )
        params = np.concatenate([piece.params for piece in ordered])
        lacking = np.isnan(params).any(axis=1)
        # What an input was set to that a report does not have is not known to be equal.
        number = np.where(lacking, np.arange(1.0, len(params) + 1), 0.0)
        first, kind = distinct([*params.T, number])
        return cls(strategy, ordered, first, kind, params[first], ~lacking[first])

    def __len__(self) -> int:
        return len(self.first)

    @property
    def rows(self) -> int:
        """Rows of all pieces."""
        return len(self.kind)

    def known(self) -> tuple[dict[str, FloatArray], BoolArray]:
        """Return the performance of the sets, and which of them have one.

        Each figure is float64[s], NaN where a piece has none; which have one is bool[s].
        """
        import numpy as np

        has = np.concatenate(
            [np.full(len(p), p.performance is not None, np.bool_) for p in self.pieces]
        )
        names = next((list(p.performance) for p in self.pieces if p.performance is not None), [])
        # Pieces from here come first, so that the first member of a set has figures if any has.
        found = {}
        for name in names:
            column = np.concatenate(
                [
                    np.full(len(p), np.nan) if p.performance is None else p.performance[name]
                    for p in self.pieces
                ]
            )
            found[name] = column[self.first]
        return found, has[self.first]

    def reported(self) -> tuple[dict[str, FloatArray], BoolArray]:
        """Return what reports of another program say of each set, and of which they do.

        Each figure is float64[s], NaN where none says it; of which they do is bool[s].
        """
        import numpy as np

        foreign = np.concatenate([np.full(len(p), p.source == TRADESTATION) for p in self.pieces])
        rows = np.flatnonzero(foreign)
        sets, at = np.unique(self.kind[rows], return_index=True)
        has = np.zeros(len(self), np.bool_)
        has[sets] = True
        found = {}
        for name in READ:
            column = np.concatenate(
                [p.reported.get(name, np.full(len(p), np.nan)) for p in self.pieces]
            )
            values = np.full(len(self), np.nan)
            values[sets] = column[rows[at]]
            found[name] = values
        return _completed(found), has

    def plateaus(self) -> dict[int, IndexArray]:
        """Return the sets of each plateau by rank, int64[k], ascending."""
        import numpy as np

        starts = np.cumsum([0, *(len(p) for p in self.pieces)])
        found: dict[int, IndexArray] = {}
        for rank in sorted({p.rank for p in self.pieces}):
            has = np.zeros(len(self), np.bool_)
            for piece, begin in zip(self.pieces, starts, strict=False):
                if piece.rank == rank:
                    has[self.kind[begin : begin + len(piece)]] = True
            found[rank] = np.flatnonzero(has)
        return found


def _completed(found: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Fill in what follows from other figures of the same report."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        derived = {
            "net_profit": found["gross_profit"] + found["gross_loss"],
            "profit_factor": np.where(
                found["gross_loss"] < 0, found["gross_profit"] / -found["gross_loss"], np.nan
            ),
            "avg_win": np.where(found["wins"] > 0, found["gross_profit"] / found["wins"], np.nan),
            "avg_loss": np.where(
                found["losses"] > 0, found["gross_loss"] / found["losses"], np.nan
            ),
        }
    for name, values in derived.items():
        found[name] = np.where(np.isnan(found[name]), values, found[name])
    return found


def strategy_table(
    sets: Sets,
    performance: Mapping[str, FloatArray],
    simulated: BoolArray,
    span: Span,
    held: Mapping[str, float | None],
    order: int,
) -> tuple[StrategyTable, pl.DataFrame]:
    """Return the ranked outcomes of a strategy.

    Parameters
    ----------
    sets
        Its sets.
    performance
        What they come to over the whole history, by name, float64[s] each.
    simulated
        Which sets have that, bool[s]; the others are ranked on what a report has.
    span
        Capital, bars and bars of a year.
    held
        Figures of buy-and-hold by column.
    order
        Where the strategy stands among those of the run.

    Returns
    -------
    StrategyTable
        Its table has the column ``Place`` in place of ``Row``; `combine` numbers them over all.
    polars.DataFrame
        All sets: ``Rank``, the plateau of the first file that has it, the parameters, and the
        figures.
    """
    import numpy as np

    reported, has_report = sets.reported()
    figures = _figures(performance, simulated, reported, span)
    lossless = np.where(
        simulated,
        (performance["gross_profit"] > 0) & (performance["gross_loss"] == 0)
        if performance
        else False,
        (reported["gross_profit"] > 0) & (reported["gross_loss"] == 0),
    )
    members = sets.plateaus()
    earns = figures["Net_Profit"] > 0
    robustness = {rank: float(earns[own].mean()) for rank, own in members.items()}
    shown, sizes, kind = _outcomes(sets, performance, simulated)
    frame = _frame(sets, shown, sizes, figures, reported, has_report, simulated, robustness)
    frame = frame.with_columns(_constant("Order", order), _flags("Lossless", lossless[shown]))
    # Files of one name may lie in several folders; what is read first stands first.
    table = ranked(frame.with_row_index("Read"), (*_TIES, "Read")).with_row_index("Place", 1)
    plateaus = []
    for rank, own in members.items():
        plateaus.append(
            RefinedPlateau(
                rank=rank,
                sets=len(own),
                robustness=robustness[rank],
                outcomes=int((np.bincount(kind[own]) > 0).sum()),
                best_row=None,
                median_cagr=_median(figures["CAGR"][own]),
                median_mar=_median(figures["MAR"][own]),
            )
        )
    found = StrategyTable(
        strategy=sets.strategy,
        rows=sets.rows,
        sets=len(sets),
        unsimulated=int((~simulated).sum()),
        table=table,
        held=held_row(held, table),
        plateaus=tuple(plateaus),
    )
    return found, _all_sets(sets, figures)


def _figures(
    performance: Mapping[str, FloatArray],
    simulated: BoolArray,
    reported: Mapping[str, FloatArray],
    span: Span,
) -> dict[str, FloatArray]:
    """Return the figures of all sets by column: simulated ones, or those of a report."""
    import numpy as np

    if not performance:
        return report_figures(reported)
    found = simulated_figures(performance, span)
    if simulated.all():
        return found
    others = report_figures(reported)
    return {name: np.where(simulated, found[name], others[name]) for name in found}


def _outcomes(
    sets: Sets, performance: Mapping[str, FloatArray], simulated: BoolArray
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Return the set that shows each outcome, how many sets it has, and each set's outcome."""
    import numpy as np

    # A set that is not simulated is an outcome of its own; what it has for figures is NaN.
    own = np.where(simulated, 0.0, np.arange(1.0, len(sets) + 1))
    _, kind = distinct([*performance.values(), own])
    tests = np.concatenate([p.tests for p in sets.pieces])[sets.first]
    # Sets stand in the order of files and of tests within them.
    order = np.empty(len(sets), np.int64)
    order[np.lexsort((np.arange(len(sets)), tests))] = np.arange(len(sets))
    shown = central(axis_steps(sets.params), kind, order)
    return shown, np.bincount(kind).astype(np.int64), kind


def _frame(
    sets: Sets,
    shown: IndexArray,
    sizes: IndexArray,
    figures: Mapping[str, FloatArray],
    reported: Mapping[str, FloatArray],
    has_report: BoolArray,
    simulated: BoolArray,
    robustness: Mapping[int, float],
) -> pl.DataFrame:
    """Return the outcomes that are shown, unranked, with the columns of a table."""
    import numpy as np
    import polars as pl

    pieces = sets.pieces
    starts = np.cumsum([0, *(len(p) for p in pieces)])
    rows = sets.first[shown]
    piece = np.searchsorted(starts, rows, side="right") - 1
    tests = np.concatenate([p.tests for p in pieces])[rows]
    ranks = np.array([p.rank for p in pieces])[piece]
    parts = pl.Series("Part", [p.part for p in pieces], pl.Int64).gather(piece)
    columns: list[pl.Series] = [
        pl.Series("Strategy", [sets.strategy.name]).new_from_index(0, len(shown)),
        pl.Series("Rank", ranks),
        parts,
        pl.Series("Source", [p.source for p in pieces]).gather(piece),
        pl.Series("File", [p.file for p in pieces]).gather(piece),
        pl.Series("TestNum", tests),
        pl.Series("Ranked_On", [REPORT, SIMULATION]).gather(simulated[shown].astype(np.uint32)),
        pl.Series("Members", sizes),
    ]
    for at, parameter in enumerate(sets.strategy.parameters):
        values = pl.Series(parameter.name, sets.params[shown, at]).fill_nan(None)
        columns.append(values.cast(pl.Int64) if parameter.whole else values)
    ordered = sorted(robustness)
    robust = np.array([robustness[rank] for rank in ordered])
    for column in FIGURES:
        if column.name == "Robustness":
            values = pl.Series(column.name, robust[np.searchsorted(ordered, ranks)])
        else:
            values = pl.Series(column.name, figures[column.name][shown]).fill_nan(None)
        columns.append(values.cast(pl.Int64) if column.unit == "count" else values)
    for column in REPORTED:
        own = np.where(has_report[shown], reported[_SHOWN[column.name]][shown], np.nan)
        values = pl.Series(column.name, own).fill_nan(None)
        columns.append(values.cast(pl.Int64) if column.unit == "count" else values)
    return pl.DataFrame(columns)


def _all_sets(sets: Sets, figures: Mapping[str, FloatArray]) -> pl.DataFrame:
    """Return plateau, parameters and figures of all sets."""
    import numpy as np
    import polars as pl

    ranks = np.concatenate([np.full(len(p), p.rank, np.int64) for p in sets.pieces])
    columns = {"Rank": ranks[sets.first]}
    columns |= {name: sets.params[:, k] for k, name in enumerate(sets.strategy.names)}
    return pl.DataFrame(columns | dict(figures)).fill_nan(None)


def combine(tables: Sequence[StrategyTable]) -> tuple[tuple[StrategyTable, ...], pl.DataFrame]:
    """Rank the outcomes of all strategies together.

    Parameters
    ----------
    tables
        One a strategy, from `strategy_table`; one at least.

    Returns
    -------
    tables
        The same, with the rows of the combined table.
    combined
        All outcomes, best first.

    Raises
    ------
    InputError
        If a parameter is called like another column.
    """
    import polars as pl

    names = list(dict.fromkeys(n for t in tables for n in t.strategy.names))
    columns = combined_columns(names)
    every = pl.concat([t.table for t in tables], how="diagonal_relaxed")
    combined = ranked(every, (*_TIES, "Read")).with_row_index("Row", 1)
    combined = combined.with_columns(pl.col("Row").cast(pl.Int64))
    found = []
    for each in tables:
        own = combined_columns(each.strategy.names)
        numbers = combined.filter(pl.col("Strategy") == each.strategy.name).select("Row", "Place")
        table = each.table.join(numbers, on="Place", maintain_order="left").select(own)
        best = dict(table.group_by("Rank").agg(pl.col("Row").min()).iter_rows())
        plateaus = tuple(replace(p, best_row=best.get(p.rank)) for p in each.plateaus)
        found.append(replace(each, table=table, plateaus=plateaus))
    return tuple(found), combined.select(columns)


def _constant(name: str, value: Any) -> pl.Expr:
    import polars as pl

    return pl.lit(value).alias(name)


def _flags(name: str, values: BoolArray) -> pl.Series:
    import polars as pl

    return pl.Series(name, values)


def _median(values: FloatArray) -> float | None:
    import numpy as np

    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else None
