"""What the columns of the analysis are: headings, units, meanings, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from wfo.strategy import Strategy
from wfo.tradestation.ranking import FIGURES, METRICS, REPORTED, RISK_AVERSE, Unit
from wfo.tradestation.workbook.cells import Kind

if TYPE_CHECKING:
    import polars as pl

#: What a column says of good and bad: ``"high"`` values are good ones or ``"low"`` ones, by colour;
#: ``"bar"`` draws a bar as long as the number, ``"behind"`` one as long as the distance to the
#: lowest, ``"lead"`` an arrow up or down.
Scale = Literal["high", "low", "bar", "behind", "lead"]

#: What columns are grouped by, in the order in which a table shows them.
GROUPS = (
    "Set",
    "Figures over the whole history",
    "In the phases of the run, out-of-sample",
    "Parameters",
    "Ranks, 1 is best",
    "TradeStation's own figures",
    "Where it is from",
)

SET, FIGURE, PHASES, PARAMETERS, PLACES, TRADESTATION, ORIGIN = GROUPS

_KINDS: Mapping[Unit, Kind] = {
    "money": "money",
    "share": "percent",
    "ratio": "ratio",
    "count": "count",
}

#: Ratios that take three decimals to be told apart.
_FINE = frozenset({"MAR", "Expectancy_By_Spread"})

_UNITS: Mapping[Unit, str] = {
    "money": "in currency",
    "share": "in percent",
    "ratio": "no unit",
    "count": "a count",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name
        Its name in the analysis and its files.
    heading
        The words above it.
    kind
        What its cells hold.
    meaning
        What it is and in which unit, a sentence.
    group
        One of `GROUPS`.
    scale
        How good and bad are told apart; None where neither is.
    width
        In characters.
    """

    name: str
    heading: str
    kind: Kind
    meaning: str
    group: str = FIGURE
    scale: Scale | None = None
    width: float = 10.0

    @property
    def filed(self) -> bool:
        """Whether the files of the analysis have it, by its name."""
        return self.group in GROUPS and self.name not in {"CAGR_Lead", "By_Phase"}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _figures() -> list[Column]:
    """Return the columns of figures, in the order in which tables show them."""
    looks: dict[str, tuple[str, Scale | None, float]] = {
        "CAGR": ("CAGR", "high", 9),
        "MAR": ("MAR", "high", 8),
        "Max_DD_Share": ("Max drawdown", "low", 11),
        "Sharpe": ("Sharpe", "high", 8),
        "Sortino": ("Sortino", "high", 8.5),
        "Profit_Factor": ("Profit factor", "high", 8.5),
        "Net_Profit_By_DD": ("Net profit by drawdown", "high", 10.5),
        "Robustness": ("Robustness", "high", 11.5),
        "Net_Profit": ("Net profit", "high", 13),
        "Max_DD": ("Max drawdown, money", "low", 12),
        "Trades": ("Closed trades", None, 8),
        "Exposure": ("Exposure", None, 10),
        "Win_Loss": ("Avg win by avg loss", "high", 9),
        "Expectancy_By_Spread": ("Expectancy by spread", "high", 11.5),
    }
    known = {c.name: c for c in FIGURES}
    found = []
    for name, (heading, scale, width) in looks.items():
        own = known[name]
        meaning = _sentence(f"{own.about}; {_UNITS[own.unit]}")
        kind = "fine" if name in _FINE else _KINDS[own.unit]
        found.append(Column(name, heading, kind, meaning, FIGURE, scale, width))
    return found


def _reported() -> list[Column]:
    """Return the columns of what a report of another program says."""
    looks = {
        "TS_Net_Profit": ("Net profit, closed trades", 13),
        "TS_Trades": ("Total trades", 8),
        "TS_Profit_Factor": ("Profit factor", 8),
        "TS_Max_Intraday_DD": ("Max intraday drawdown", 12),
    }
    return [
        Column(
            c.name,
            looks[c.name][0],
            _KINDS[c.unit],
            _sentence(f"{c.about}; {_UNITS[c.unit]}"),
            TRADESTATION,
            width=looks[c.name][1],
        )
        for c in REPORTED
    ]


def _places() -> list[Column]:
    words = {name: name.replace("_", " ") for name in dict.fromkeys((*METRICS, *RISK_AVERSE))}
    # Names of people and abbreviations keep their capitals.
    words = {n: w if n in {"MAR", "Sharpe", "Sortino"} else w.lower() for n, w in words.items()}
    words["Net_Profit_By_DD"] = "net profit by drawdown"
    words["Win_Loss"] = "average win by average loss"
    found = [
        Column(
            f"Rank_{name}",
            f"Rank, {words[name]}",
            "place",
            f"Rank by {words[name]} among the sets of the table, ties averaged, what is not"
            " defined last.",
            PLACES,
            width=11,
        )
        for name in METRICS
    ]
    others = ", ".join(words[name] for name in RISK_AVERSE)
    meaning = f"Sum of the ranks by {others}; lower is better."
    return [
        *found,
        Column("Risk_Averse_Sum", "Risk-averse sum", "place", meaning, PLACES, width=11),
    ]


_SET = (
    Column(
        "Place",
        "Place",
        "count",
        "Place among the sets of the strategy by their rank sum, 1 is best.",
        SET,
        width=7.5,
    ),
    Column(
        "Row",
        "N",
        "count",
        "Row of the combined table, 1 is best: the number that --refined takes in wfo export, wfo"
        " simulate and wfo signal.",
        SET,
        width=6,
    ),
    Column("Strategy", "Strategy", "text", "Name of the strategy.", SET, width=15),
    Column(
        "Rank",
        "Plateau",
        "count",
        "Rank of the plateau in whose ranges the set was found, 1 is the most stable.",
        SET,
        width=9,
    ),
    Column(
        "Rank_Sum",
        "Rank sum",
        "place",
        "Sum of the six ranks, which the table is ordered by; lower is better. The bar is the"
        " distance to the lowest one shown.",
        SET,
        "behind",
        12,
    ),
    Column(
        "Risk_Averse_Place",
        "Risk-averse place",
        "count",
        "Place in the risk-averse order, 1 is best; equal sums share the lowest one.",
        SET,
        "low",
        10,
    ),
    Column(
        "CAGR_Lead",
        "CAGR less buy-and-hold's",
        "percent",
        "CAGR minus that of buy-and-hold, in percentage points.",
        SET,
        "lead",
        13,
    ),
)

_ORIGIN = (
    Column(
        "Members",
        "Sets with this outcome",
        "count",
        "Different parameter sets of the strategy with the same simulated figures; the most central"
        " one stands for them.",
        ORIGIN,
        width=11,
    ),
    Column(
        "Ranked_On",
        "Ranked on",
        "text",
        "What the ranks are of: simulation, of the set here, or report, the figures of the file,"
        " where the set cannot be simulated.",
        ORIGIN,
        width=11,
    ),
    Column(
        "Source",
        "Written by",
        "text",
        "Which program wrote the file: wfo or TradeStation.",
        ORIGIN,
        width=12,
    ),
    Column(
        "Part",
        "Part",
        "count",
        "Which file of the plateau's ranges the set is from, where there are several.",
        ORIGIN,
        width=6,
    ),
    Column("TestNum", "Test", "count", "Number of the test in the file.", ORIGIN, width=9),
    Column("File", "File", "text", "The report file that the set is from.", ORIGIN, width=46),
)

#: All columns but parameters and phases, in the order in which tables show them.
KNOWN: Mapping[str, Column] = {
    c.name: c for c in (*_SET, *_figures(), *_places(), *_reported(), *_ORIGIN)
}


def phase_columns(count: int) -> tuple[Column, ...]:
    """Return the columns of the phases of a run.

    Parameters
    ----------
    count
        How many phases there are.
    """
    return (
        Column(
            "Valid_Phases",
            f"Valid phases of {count}",
            "count",
            "In how many phases of the run the set passes the run's gates.",
            PHASES,
            width=10,
        ),
        Column(
            "Beating_Phases",
            "Phases above buy-and-hold",
            "count",
            "In how many phases of the run the set returns more out-of-sample than buy-and-hold.",
            PHASES,
            width=12,
        ),
        Column(
            "By_Phase",
            "Return by phase",
            "text",
            "A column for each phase: its out-of-sample return, red below 0.",
            PHASES,
            width=13,
        ),
        *(
            Column(
                f"P{k}_OOS_Return",
                f"Phase {k} return",
                "percent",
                f"Out-of-sample return in phase {k} of the run, in percent of the equity before.",
                PHASES,
                width=9,
            )
            for k in range(1, count + 1)
        ),
    )


def parameter_column(name: str, strategies: Iterable[Strategy]) -> Column:
    """Return the column of a parameter; its meaning gives its names here and in TradeStation."""
    meanings: list[str] = []
    inputs: list[str] = []
    for strategy in strategies:
        for parameter in strategy.parameters:
            if parameter.name == name:
                meanings.append(parameter.meaning)
                if strategy.tradestation is not None:
                    inputs.append(strategy.tradestation.input(name).name)
    words = "; or ".join(dict.fromkeys(meanings)) or "a parameter"
    there = " or ".join(dict.fromkeys(inputs))
    # Spaces in place of underscores: a heading breaks there and nowhere else.
    heading = name.replace("_", " ")
    longest = max(map(len, heading.split()), default=1)
    return Column(
        name,
        heading,
        "number",
        _sentence(words + (f"; in TradeStation {there}" if there else "")),
        PARAMETERS,
        width=max(9, longest + 2.5),
    )


def columns_of(frame: pl.DataFrame, strategies: Sequence[Strategy]) -> tuple[Column, ...]:
    """Return the columns of a table as they are shown: by group, without those that are empty.

    Parameters
    ----------
    frame
        The combined table or that of a strategy.
    strategies
        Those whose parameters it has.
    """
    import polars as pl

    parameters = {p.name: None for s in strategies for p in s.parameters}
    found: list[Column] = []
    for name in frame.columns:
        optional = name not in KNOWN or KNOWN[name].group in {TRADESTATION, ORIGIN}
        if optional and frame[name].null_count() == len(frame):
            continue
        if name in parameters:
            found.append(parameter_column(name, strategies))
        elif name in KNOWN:
            found.append(KNOWN[name])
        else:
            kind: Kind = "text" if frame.schema[name] == pl.String else "number"
            heading = name.replace("_", " ")
            found.append(Column(name, heading, kind, f"{heading}.", ORIGIN, width=12))
    order = {name: k for k, name in enumerate([*KNOWN, *parameters])}
    return tuple(
        sorted(found, key=lambda c: (GROUPS.index(c.group), order.get(c.name, len(order))))
    )
