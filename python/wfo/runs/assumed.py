"""What a backtest assumes: costs, capital, sizing, lots, and where its bars are from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple

from wfo.data.years import Year
from wfo.rules.sizing import risk_words
from wfo.runs.manifest import BarsRecord
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy
from wfo.strategy.record import own_sizing

_WIDTH, _LABEL = 80, 9

_ACCOUNT = frozenset(f.name for f in fields(AccountSettings))


class Assumed(NamedTuple):
    """Something that a backtest assumes.

    Attributes
    ----------
    what
        A word, such as Costs.
    text
        What is assumed, without a stop.
    """

    what: str
    text: str


def assumed_of_settings(
    settings: AccountSettings,
    strategy: Strategy | None,
    *,
    command: str = "",
    values: Mapping[str, Sequence[Number]] | None = None,
) -> list[Assumed]:
    """Return what settings come to: costs, capital, sizing, lots, and those of the strategy.

    Parameters
    ----------
    settings
        Which ones.
    strategy
        Whose, which may size its trades itself; None where it is not known.
    command
        The command that takes costs, where it is another one than that whose page says this.
    values
        The parameters' values, one each for a set: what a risk that depends on them comes to.
    """
    of = f" of '{command}'" if command else ""
    costs = (
        f"slippage {percent(settings.slip)} and fee {percent(settings.fee)} of every fill"
        if settings.slip or settings.fee
        else "none. Warning: real fills cost something, and many trades cost much; --slip and"
        f" --fee{of} set it, as in --slip 0.0005 for 0.05 %"
    )
    sizing = {
        "compound": "compound: the whole equity goes into a trade",
        "fixed": "fixed: the starting capital goes into a trade, or the equity if that is less",
    }[settings.sizing]
    base = {"compound": "the equity", "fixed": "the starting capital, or of the equity if less"}
    of_base = base[settings.sizing]
    risk = risk_words(strategy, values)
    here = f", here {risk}" if risk else ""
    own = {
        "risk": f"by the strategy's risk, the share of {of_base} that its nearest stop would"
        f" lose{here}; at most all of it goes into a trade",
        "size": f"by the strategy's size, a share of {of_base} for each trade",
    }
    if strategy is not None:
        sizing = own.get(own_sizing(strategy), sizing)
    lots = (
        f"shares are rounded down to a multiple of {settings.lot_size:g}"
        if settings.lot_size
        else "none: fractions of shares are traded"
    )
    found = [
        Assumed("Costs", costs),
        Assumed("Capital", f"{settings.capital:,.2f} at the first trading bar"),
        Assumed("Sizing", sizing),
        Assumed("Lots", lots),
    ]
    further = [f"{n} {v}" for n, v in settings.to_dict().items() if n not in _ACCOUNT]
    return [*found, Assumed("Settings", ", ".join(further))] if further else found


def one_each(params: Mapping[str, Number]) -> dict[str, tuple[Number]]:
    """Return the values of a set, as those of a grid of that set alone."""
    return {name: (value,) for name, value in params.items()}


def assumed_of_bars(data: BarsRecord, data2: BarsRecord | None, source: str) -> Assumed:
    """Return what bars are used.

    Parameters
    ----------
    data, data2
        What they are; the second ones where there are any.
    source
        Where they are from.
    """
    both = data.symbol if data2 is None else f"{data.symbol} with {data2.symbol}"
    span = f"{data.rows:,} bars of {data.timeframe}, {data.first} to {data.last}"
    where = data.provenance
    if data2 is not None and data2.provenance != where:
        where = f"{data.symbol} {where}, {data2.symbol} {data2.provenance}"
    return Assumed("Bars", f"{both}, {span}, {where}; {source}")


def assumed_of_year(year: Year) -> Assumed:
    """Return what annual figures count in."""
    return Assumed("Year", year.said)


def assumed_lines(items: Iterable[Assumed]) -> list[str]:
    """Return a line each, and more where one is too long."""
    return [
        line
        for item in items
        for line in textwrap.wrap(
            item.text,
            _WIDTH,
            initial_indent=f"  {item.what:<{_LABEL}}",
            subsequent_indent=" " * (_LABEL + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def percent(share: float) -> str:
    """Return a share in percent, with as many decimals as it has."""
    return f"{100 * share:.10g} %"
