"""Columns of a TradeStation optimization report: what each is called, and what it is.

One table, `FIGURES`, says both ways: how a figure follows from the sums of a backtest, and by which
headings it is known in files of other programs.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from wfo.strategy import Strategy, TradeStation
from wfo.tradestation.ranges import in_tradestation

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

#: What a figure counts, which decides how it is written.
Unit = Literal["money", "count", "percent", "ratio"]

#: Decimals that are written. Money has cents; ratios enough to rank sets that differ in a cent.
DECIMALS: Final[Mapping[Unit, int]] = {"money": 2, "count": 0, "percent": 4, "ratio": 4}

#: The column that numbers the tests.
TEST: Final = "TestNum"


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a report.

    Attributes
    ----------
    name
        Its name here, without a side.
    heading
        Its heading in TradeStation, without a side.
    unit
        What it counts.
    others
        More headings that it goes by.
    """

    name: str
    heading: str
    unit: Unit
    others: tuple[str, ...] = ()


#: In the order of a report's columns.
FIGURES: Final = (
    Figure("net_profit", "Net Profit", "money", ("Total Net Profit",)),
    Figure("gross_profit", "Gross Profit", "money"),
    Figure("gross_loss", "Gross Loss", "money"),
    Figure("trades", "Total Trades", "count", ("Number of Trades", "Total Number of Trades")),
    Figure(
        "percent_profitable",
        "% Profitable",
        "percent",
        ("Percent Profitable", "Pct Profitable", "Profitable %"),
    ),
    Figure("wins", "Winning Trades", "count", ("Number of Winning Trades",)),
    Figure("losses", "Losing Trades", "count", ("Number of Losing Trades",)),
    Figure("avg_win", "Avg Winning Trade", "money", ("Average Winning Trade",)),
    Figure("avg_loss", "Avg Losing Trade", "money", ("Average Losing Trade",)),
    Figure("avg_trade", "Avg Trade", "money", ("Average Trade", "Avg Trade Net Profit")),
    Figure("profit_factor", "ProfitFactor", "ratio"),
    Figure(
        "max_intraday_dd",
        "Max Intraday Drawdown",
        "money",
        ("Maximum Intraday Drawdown", "Max Intraday DD", "Max Intra-day Drawdown"),
    ),
    Figure("return_on_account", "Return on Account", "percent"),
    Figure("ts_index", "TS Index", "ratio", ("TradeStation Index",)),
)

#: Sides of trades: what names begin with, what headings begin with.
SIDES: Final = (("", "All"), ("long_", "Long"), ("short_", "Short"))

#: Columns of reports that are read past, as `normalise` leaves them: fields of TradeStation's
#: optimization report that none of `FIGURES` is, and what describes the test.
PASSED: Final = frozenset(
    {
        "insamplefitness",
        "outofsamplefitness",
        "fitness",
        "fitnessvalue",
        "maxwinningtrade",
        "maxlosingtrade",
        "largestwinningtrade",
        "largestlosingtrade",
        "winlossratio",
        "ratioavgwinavgloss",
        "maxconsecutivewinners",
        "maxconsecutivelosers",
        "maxconsecwinners",
        "maxconseclosers",
        "avgbarsinwinner",
        "avgbarsinloser",
        "avgbarsinwinningtrade",
        "avgbarsinlosingtrade",
        "avgbarsintotaltrade",
        "maxcontractsheld",
        "maxsharesheld",
        "accountsizerequired",
        "returnonintradaydrawdown",
        "expectancyscore",
        "perfectprofitcorrelation",
        "robustnessindex",
        "robustnessidx",
        "tsindexm2m",
        "netprofitm2m",
        "sharperatio",
        "startdate",
        "enddate",
        "date",
        "time",
        "interval",
        "data1interval",
        "data2interval",
        "data2symbol",
    }
)

#: Columns that name the symbol of a row.
SYMBOLS: Final = frozenset({"symbol", "data1symbol", "ticker"})

#: Codes that may stand behind a figure, as in ``Net Profit (USD)``.
_CURRENCIES: Final = ("usd", "eur", "gbp", "chf")

_TESTS: Final = frozenset({"testnum", "test", "testnumber", "testno", "test#"})


class Heading(NamedTuple):
    """What a column is.

    Attributes
    ----------
    kind
        ``"input"``, ``"test"``, ``"figure"``, ``"symbol"``, ``"passed"`` for what is read past, or
        ``"unknown"``.
    name
        Of an input the parameter, of a figure its name with its side, such as
        ``"long_net_profit"``; otherwise the heading.
    """

    kind: Literal["input", "test", "figure", "symbol", "passed", "unknown"]
    name: str


def normalise(heading: str) -> str:
    """Reduce a heading to its letters, digits, ``%`` and ``#``, without regard to case."""
    return "".join(c for c in heading.casefold() if c.isalnum() or c in "%#")


def _figure_names() -> dict[str, str]:
    found = {}
    for figure in FIGURES:
        for heading in (figure.heading, *figure.others):
            found[normalise(heading)] = figure.name
    # What is left of "% Profitable" where a program drops the sign.
    found["profitable"] = "percent_profitable"
    return found


_FIGURE_NAMES: Final = _figure_names()


def figure_names(strategy: Strategy) -> tuple[str, ...]:
    """Return the names of a report's figures with their sides, in the order of its columns."""
    return tuple(side + f.name for side, _ in _sides(strategy) for f in FIGURES)


def heading_of(name: str) -> str:
    """Return the heading of a figure, such as ``"Long: Net Profit"`` of ``"long_net_profit"``."""
    return _HEADINGS[name]


_HEADINGS: Final = {side + f.name: f"{word}: {f.heading}" for side, word in SIDES for f in FIGURES}

#: What each figure counts, by its name with its side.
UNITS: Final[Mapping[str, Unit]] = {side + f.name: f.unit for side, _ in SIDES for f in FIGURES}


def report_headings(strategy: Strategy) -> tuple[str, ...]:
    """Return the headings of a strategy's report, in order.

    Raises
    ------
    InputError
        If the strategy is none of TradeStation's.
    """
    view = in_tradestation(strategy)
    inputs = (view.input(name).name for name in strategy.names)
    return (*inputs, TEST, *(heading_of(name) for name in figure_names(strategy)))


def recognise(heading: str, strategy: Strategy) -> Heading:
    """Tell what a column of a report is by its heading.

    Case, blanks and punctuation do not matter. An input may stand behind the strategy's name, as in
    ``ATR-D-v1.5-L: ATR_Period``; a figure without a side is one of all trades.

    Parameters
    ----------
    heading
        As the file has it.
    strategy
        Whose report it is.

    Raises
    ------
    InputError
        If the strategy is none of TradeStation's.
    """
    plain = normalise(heading)
    view = in_tradestation(strategy)
    inputs = _inputs(view, strategy.names)
    own = normalise(view.name)
    for text in (plain, plain.removeprefix(own), plain.removesuffix(own)):
        if text in inputs:
            return Heading("input", inputs[text])
    for text in (plain, plain.removeprefix("input"), plain.removeprefix("inputs")):
        if text in inputs:
            return Heading("input", inputs[text])
    if plain in _TESTS:
        return Heading("test", heading)
    if plain in SYMBOLS:
        return Heading("symbol", heading)
    for code in _CURRENCIES:
        plain = plain.removesuffix(code)
    if plain in _FIGURE_NAMES:
        return Heading("figure", _FIGURE_NAMES[plain])
    for side, word in SIDES:
        rest = plain.removeprefix(word.casefold())
        if rest == plain:
            continue
        rest = rest.removeprefix("trades")
        if rest in _FIGURE_NAMES:
            return Heading("figure", side + _FIGURE_NAMES[rest])
        # A side, a colon and something else is a figure of TradeStation that none of these is.
        if rest in PASSED or heading.strip().casefold().startswith(f"{word.casefold()}:"):
            return Heading("passed", heading)
    if plain in PASSED:
        return Heading("passed", heading)
    return Heading("unknown", heading)


@functools.lru_cache(maxsize=64)
def _inputs(view: TradeStation, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameter of each input, by the names of both, as `normalise` leaves them."""
    found = {normalise(view.input(name).name): name for name in names}
    for name in names:
        found.setdefault(normalise(name), name)
    return found


def report_frame(
    strategy: Strategy, params: ArrayLike, test_numbers: ArrayLike, performance: Any
) -> pl.DataFrame:
    """Return an optimization report with TradeStation's headings.

    Net profit is that of the closed trades, gross profit plus gross loss. Losses and the drawdown
    are negative. Return on account is in percent of the account size required, which is the largest
    intraday drawdown, since stocks have no margin here; the TradeStation index is net profit times
    winning trades over that drawdown. What is undefined, as the profit factor without a loss, is
    null.

    Parameters
    ----------
    strategy
        Whose inputs and sides the report has.
    params
        float64[m, p], parameters in canonical order.
    test_numbers
        int64[m].
    performance
        What `wfo.backtest.performance` computes: sums by name, float64[m] each.

    Returns
    -------
    polars.DataFrame
        Columns as `report_headings` has them. Money is rounded to cents, percentages and ratios to
        four decimals; the counts and whole parameters are int64.

    Raises
    ------
    InputError
        If the strategy is none of TradeStation's.
    """
    import numpy as np
    import polars as pl

    view = in_tradestation(strategy)
    table = np.asarray(params, np.float64).reshape(-1, len(strategy.parameters))
    columns = []
    for at, parameter in enumerate(strategy.parameters):
        values = table[:, at]
        cells = values.astype(np.int64) if parameter.whole else values
        columns.append(pl.Series(view.input(parameter.name).name, cells))
    columns.append(pl.Series(TEST, np.asarray(test_numbers, np.int64)))
    for side, _ in _sides(strategy):
        sums = {f: np.asarray(getattr(performance, side + f), np.float64) for f in _SUMS}
        for figure, values in zip(FIGURES, _figures(sums), strict=True):
            columns.append(_column(heading_of(side + figure.name), values, figure.unit))
    return pl.DataFrame(columns)


def report_row(
    strategy: Strategy,
    params: Mapping[str, float],
    test_number: int,
    performance: Mapping[str, float],
) -> dict[str, float | int | None]:
    """Return the row of one set in an optimization report, by heading; see `report_frame`.

    Parameters
    ----------
    strategy
        Whose inputs and sides the report has.
    params
        One value a parameter.
    test_number
        ``TestNum``.
    performance
        What `wfo.backtest.performance.performance` returns.
    """
    import numpy as np

    sums = _Row({name: np.array([value]) for name, value in performance.items()})
    values = [[params[name] for name in strategy.names]]
    return report_frame(strategy, values, [test_number], sums).row(0, named=True)


class _Row:
    """The sums of one set, as those of many are read."""

    def __init__(self, sums: Mapping[str, NDArray[np.float64]]) -> None:
        self.__dict__.update(sums)


#: Sums of a backtest that the figures of a side follow from.
_SUMS: Final = ("gross_profit", "gross_loss", "trades", "wins", "losses", "intraday_dd")


def _sides(strategy: Strategy) -> tuple[tuple[str, str], ...]:
    return SIDES if strategy.shorts else SIDES[:1]


def _figures(sums: Mapping[str, NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the figures of one side in the order of `FIGURES`; NaN is undefined."""
    profit, loss, trades, wins, losses, fall = (sums[name] for name in _SUMS)
    net = profit + loss
    return [
        net,
        profit,
        loss,
        trades,
        _over(100 * wins, trades),
        wins,
        losses,
        _over(profit, wins),
        _over(loss, losses),
        _over(net, trades),
        _over(profit, -loss),
        -fall,
        _over(100 * net, fall),
        _over(net * wins, fall),
    ]


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, and have NaN where the divisor is 0."""
    import numpy as np

    found = np.full(len(above), math.nan)
    np.divide(above, below, out=found, where=below != 0)
    return found


def _column(heading: str, values: NDArray[np.float64], unit: Unit) -> pl.Series:
    import numpy as np
    import polars as pl

    # A zero is added since a negative one would be written with its sign.
    rounded = pl.Series(heading, np.round(values, DECIMALS[unit]) + 0.0).fill_nan(None)
    return rounded.cast(pl.Int64) if unit == "count" else rounded
