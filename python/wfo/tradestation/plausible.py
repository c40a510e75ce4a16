"""Figures of a report that cannot be, told by what follows from what.

Names are those of `wfo.tradestation.headings`; a figure that is undefined or missing is NaN, and
proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wfo.strategy import Strategy
from wfo.tradestation.headings import SIDES, UNITS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Column = NDArray[np.float64]
    Mask = NDArray[np.bool_]

#: Percent points that a share of winning trades may be off, which printing it without decimals
#: takes half of.
_PERCENT_OFF = 1.0

#: Figures of a side that a row must have, if the file has their columns.
_NEEDED: Final = ("net_profit",)
_COUNTS: Final = ("trades", "wins", "losses")

#: Figures that every program derives alike.
_DERIVED: Final = ("avg_win", "avg_loss", "avg_trade", "profit_factor")

#: From here on a number is none of a backtest, and sums with it are no longer exact.
_TOO_LARGE: Final = 1e15

#: Decimals of money, of which rounding is told.
_MOST_DECIMALS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Figures that were looked at.

    Attributes
    ----------
    numbers
        As they were given, losses and drawdowns negative.
    faults
        By row what is wrong with it; of several things the first.
    notes
        What is unusual about a whole column.
    """

    numbers: Mapping[str, Column]
    faults: Mapping[int, str]
    notes: tuple[str, ...] = ()


def check_figures(
    figures: Mapping[str, Column], headings: Mapping[str, str], cells: Mapping[str, pl.Series]
) -> Checked:
    """Check the figures of each row.

    Parameters
    ----------
    figures
        By name with side, float64[n] each.
    headings
        As the file has them, for messages.
    cells
        As the file has them, for messages.
    """
    import numpy as np

    numbers = dict(figures)
    faults: dict[int, str] = {}

    def refuse(rows: Mask, what: Callable[[int], str]) -> None:
        for row in np.flatnonzero(rows).tolist():
            faults.setdefault(row, what(row))

    for name, column in figures.items():
        large = np.abs(column) >= _TOO_LARGE
        if large.any():
            said = [f"{headings[name]} is {value:.3g}" for value in column.tolist()]
            refuse(large, lambda row, said=said: f"{said[row]}: no backtest comes to that")  # type: ignore[misc]
            # Nothing is to be told from it.
            numbers[name] = np.where(large, np.nan, column)
    notes = _positive_losses(numbers, headings) + _shares(numbers, headings)
    for name in _NEEDED:
        if name in numbers:
            own = cells[name]
            heading = headings[name]
            refuse(
                np.isnan(numbers[name]),
                lambda row, own=own, heading=heading: (  # type: ignore[misc]
                    f"{heading} is empty"
                    if not (own[row] or "").strip()
                    else f"{heading} is {own[row].strip()!r}, which is no amount"
                ),
            )
    for side, _ in SIDES:
        _check_side(side, numbers, headings, refuse)
    return Checked(numbers, faults, tuple(notes))


def _check_side(
    side: str,
    numbers: Mapping[str, Column],
    headings: Mapping[str, str],
    refuse: Callable[[Mask, Callable[[int], str]], None],
) -> None:
    import numpy as np

    length = len(next(iter(numbers.values())))
    missing = np.full(length, np.nan)

    def of(name: str) -> Column:
        return numbers.get(side + name, missing)

    def said(*names: str) -> Callable[[int], str]:
        def text(row: int) -> str:
            return ", ".join(
                f"{headings[side + n]} is {_plain(float(of(n)[row]))}"
                for n in names
                if side + n in headings
            )

        return text

    def because(reason: str, *names: str) -> Callable[[int], str]:
        shown = said(*names)
        return lambda row: f"{shown(row)}: {reason}"

    net, profit, loss = of("net_profit"), of("gross_profit"), of("gross_loss")
    trades, wins, losses = (of(name) for name in _COUNTS)
    percent, fall, worst = of("percent_profitable"), of("max_intraday_dd"), of("avg_loss")
    for name in _COUNTS:
        count = of(name)
        refuse(
            (count < 0) | (count != np.floor(count)) & ~np.isnan(count),
            because("a count is a whole number, from 0", name),
        )
    refuse(
        wins + losses > trades,
        because("more winning and losing trades than trades", "wins", "losses", "trades"),
    )
    refuse(wins > trades, because("more winning trades than trades", "wins", "trades"))
    refuse(losses > trades, because("more losing trades than trades", "losses", "trades"))
    refuse(
        (percent < 0) | (percent > 100),
        because("a percentage is from 0 to 100", "percent_profitable"),
    )
    refuse(
        _far(percent, wins, trades) & _far(percent, wins, wins + losses),
        because("that is not the share of winning trades", "percent_profitable", "wins", "trades"),
    )
    refuse(profit < 0, because("the sum of the profits is never negative", "gross_profit"))
    refuse(loss > 0, because("the sum of the losses is never positive", "gross_loss"))
    slack = _slack(net, profit, loss)
    refuse(
        np.abs(net - (profit + loss)) > slack,
        because(
            "net profit is gross profit plus gross loss", "net_profit", "gross_profit", "gross_loss"
        ),
    )
    refuse(
        (trades == 0) & (np.abs(net) > slack),
        because("without trades there is no profit", "trades", "net_profit"),
    )
    refuse(
        (wins == 0) & (profit > slack),
        because("a profit without a winning trade", "wins", "gross_profit"),
    )
    refuse(
        (losses == 0) & (loss < -slack),
        because("a loss without a losing trade", "losses", "gross_loss"),
    )
    for name in _DERIVED:
        own, expected = of(name), expected_figure(numbers, side + name)
        if expected is None:
            continue
        # The sums are rounded; what is off by more is another number.
        least = 0.05 if UNITS[side + name] == "ratio" else 1.0
        off = np.abs(own - expected) > 0.05 * np.abs(expected) + least
        others = _FORMULAS[name][0]
        why = because("one does not follow from the others", name, *others)
        refuse(off & np.isfinite(expected), why)
    refuse(of("avg_win") < 0, because("an average profit is never negative", "avg_win"))
    refuse(worst > 0, because("an average loss is never positive", "avg_loss"))
    refuse(fall > 0, because("a drawdown is never positive", "max_intraday_dd"))
    # Equity ends below its start by a net loss, and falls by each losing trade.
    lowest = np.fmax(-net, -worst)
    refuse(
        -fall < lowest - slack - 0.01 * np.abs(lowest),
        because(
            "a drawdown is never smaller than the net loss or a losing trade",
            "max_intraday_dd",
            "net_profit",
            "avg_loss",
        ),
    )


def _far(percent: Column, part: Column, whole: Column) -> Mask:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(percent - 100 * part / whole) > _PERCENT_OFF)


def _slack(*money: Column) -> Column:
    """Return by how much sums of money may differ that are rounded as these are."""
    import numpy as np

    decimals = 0
    for column in money:
        known = column[np.isfinite(column)]
        while decimals < _MOST_DECIMALS and not np.allclose(
            known, np.round(known, decimals), rtol=1e-12, atol=1e-9
        ):
            decimals += 1
    size = np.nansum(np.abs(np.vstack(money)), axis=0)
    return np.asarray(2.0 * 10.0**-decimals + 1e-6 * size)


def _positive_losses(numbers: dict[str, Column], headings: Mapping[str, str]) -> list[str]:
    """Turn losses and drawdowns of programs that write them without a sign, in place."""
    import numpy as np

    notes = []
    for side, _ in SIDES:
        names = [side + n for n in ("gross_loss", "avg_loss", "max_intraday_dd")]
        loss, net, profit = (
            numbers.get(side + n) for n in ("gross_loss", "net_profit", "gross_profit")
        )
        if loss is not None and net is not None and profit is not None:
            # Net profit proves it in each row with a loss.
            lossy = loss > 0
            agree = np.abs(net - (profit - loss)) <= _slack(net, profit, loss)
            proven = bool(lossy.any()) and not (loss < 0).any() and bool(agree[lossy].mean() > 0.5)
        else:
            proven = False
        for name in names:
            column = numbers.get(name)
            if column is None or not (column > 0).any() or (column < 0).any():
                continue
            # One row alone may as well be wrong.
            told = name.endswith("max_intraday_dd") and int((column > 0).sum()) > 1
            if name.endswith("avg_loss") and not proven:
                expected = expected_figure(numbers, name)
                told = expected is not None and bool(
                    (np.abs(column + expected) <= 0.05 * np.abs(expected))[column > 0].all()
                )
            if proven or told:
                numbers[name] = -column + 0.0
                notes.append(f"{headings[name]} is written without a sign, and read as negative")
    return notes


def _shares(numbers: dict[str, Column], headings: Mapping[str, str]) -> list[str]:
    """Turn shares of winning trades that are fractions into percentages, in place."""
    import numpy as np

    notes = []
    for side, _ in SIDES:
        names = [side + n for n in ("percent_profitable", "wins", "trades")]
        if any(name not in numbers for name in names):
            continue
        percent, wins, trades = (numbers[name] for name in names)
        telling = (wins > 0) & ~np.isnan(percent)
        if telling.any() and (percent[~np.isnan(percent)] <= 1).all():
            with np.errstate(divide="ignore", invalid="ignore"):
                agree = np.abs(percent - wins / trades) <= 0.01
            if agree[telling].all():
                numbers[names[0]] = 100 * percent
                notes.append(f"{headings[names[0]]} is a fraction, and read as a percentage")
    return notes


#: How a figure follows from others of its side: those, then what to divide.
_FORMULAS: Final[Mapping[str, tuple[tuple[str, ...], Callable[..., Column]]]] = {
    "net_profit": (("gross_profit", "gross_loss"), lambda a, b: a + b),
    "percent_profitable": (("wins", "trades"), lambda a, b: 100 * a / b),
    "avg_win": (("gross_profit", "wins"), lambda a, b: a / b),
    "avg_loss": (("gross_loss", "losses"), lambda a, b: a / b),
    "avg_trade": (("net_profit", "trades"), lambda a, b: a / b),
    "profit_factor": (("gross_profit", "gross_loss"), lambda a, b: a / abs(b)),
    "return_on_account": (("net_profit", "max_intraday_dd"), lambda a, b: 100 * a / abs(b)),
    "ts_index": (
        ("net_profit", "wins", "max_intraday_dd"),
        lambda a, b, c: a * b / abs(c),
    ),
}


def expected_figure(numbers: Mapping[str, Column], name: str) -> Column | None:
    """Return what a figure must be by others of its side; None where they do not tell.

    Parameters
    ----------
    numbers
        By name with side, float64[n] each.
    name
        The figure, with its side.

    Returns
    -------
    float64[n] or None
        Not finite where the figure is undefined.
    """
    import numpy as np

    side = next(s for s, _ in reversed(SIDES) if name.startswith(s))
    others, formula = _FORMULAS.get(name.removeprefix(side), ((), None))
    given = [numbers.get(side + other) for other in others]
    if formula is None or any(column is None for column in given):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return formula(*given)


def consistent_rows(numbers: Mapping[str, Column], strategy: Strategy) -> Mask:
    """Return which rows have whole counts, and figures that follow from each other.

    Parameters
    ----------
    numbers
        By name with side, float64[n] each.
    strategy
        Whose sides are looked at.
    """
    import numpy as np

    length = len(next(iter(numbers.values())))
    good = np.ones(length, np.bool_)
    for side, _ in SIDES if strategy.shorts else SIDES[:1]:
        for name in _COUNTS:
            count = numbers.get(side + name)
            if count is not None:
                good &= np.isnan(count) | (count == np.floor(count))
        for name in _FORMULAS:
            own, expected = numbers.get(side + name), expected_figure(numbers, side + name)
            if own is None or expected is None:
                continue
            # Two per cent and a unit forgive rounding, and what programs define otherwise.
            off = np.abs(own - expected) > 0.02 * np.abs(expected) + 1.0
            good &= ~off | ~np.isfinite(expected)
    return good


def _plain(value: float) -> str:
    if value != value:  # noqa: PLR0124  # only NaN differs from itself
        return "undefined"
    return f"{value:,.4f}".rstrip("0").rstrip(".")
