"""Whether a strategy looks ahead: columns and trades on truncated and on changed bars.

A change of later bars may change nothing before it. Columns of rules are looked at one by one, so
that the one that does is named; of every strategy the trades and marks are. Of what is no rules,
whose orders are made before their bar, fills at the open are looked at on bars that end otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wfo.arguments import whole_number
from wfo.backtest.feeds import Feeds
from wfo.backtest.found_ahead import Found, cut_places, of_column, of_own_bar, of_trades, stamp_of
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.rules.checking import empty_columns, first_leak
from wfo.rules.parts import program_of
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy
from wfo.strategy.value import lookback_on
from wfo.text import params_lines, wrap_text

#: The latest bars that are looked at, beside those that a warm-up takes: what looks ahead does so
#: in most bars, and a check is to take seconds.
MOST_BARS = 10_000

#: Parameter sets of a check, and places at which bars end and others begin.
SETS, CUTS = 6, 6


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check for look-ahead found.

    Attributes
    ----------
    strategy
        Its name.
    bars, first, last
        How many bars were looked at, and the stamps of the first and the last of them, as text.
    sets
        The parameter sets.
    cuts
        At how many places bars ended or others began, for each set.
    columns
        How many columns were recomputed, for each set; 0 of a strategy that is no rules.
    seed
        From which chance came.
    found
        What has looked ahead; None where nothing did, as far as these bars tell.
    notes
        Columns that are NaN in all bars, and what of the grid is allowed and hardly meant, a
        sentence without a stop each.
    """

    strategy: str
    bars: int
    first: str
    last: str
    sets: tuple[Mapping[str, Number], ...]
    cuts: int
    columns: int
    seed: int
    found: Found | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.found is not None:
            return f"Checked({self.strategy} LOOKS AHEAD: {self.found.what})"
        return (
            f"Checked({self.strategy}: nothing looked ahead in {self.bars:,} bars, parameter sets:"
            f" {len(self.sets)}, places: {self.cuts})"
        )

    def page(self) -> str:
        """Return what a terminal shows."""
        what = f"{self.columns:,} columns and the trades" if self.columns else "the trades"
        lines = [
            f"{self.strategy}: does it look ahead?",
            f"  {self.bars:,} bars, {self.first} to {self.last}",
            f"  {what} of {len(self.sets)} parameter sets, on bars that end, and on bars that are",
            f"  others from some bar on, at {self.cuts} places; seed {self.seed}",
            "",
        ]
        if self.found is None:
            lines.append("No value and no trade changed that lies before.")
            if not self.columns:
                lines.append("No fill at an open changed with the rest of its own bar.")
        else:
            lines += [self.found.what, "", *params_lines(self.found.params, 80)]
        for note in self.notes:
            lines += wrap_text(f"Note: {note}.", 98, hang="  ")
        return "\n".join(lines) + "\n"


def check_lookahead(
    strategy: Strategy,
    feeds: Feeds,
    grid: Grid,
    settings: AccountSettings | None = None,
    *,
    sets: int = SETS,
    cuts: int = CUTS,
    seed: int = 0,
) -> Checked:
    """Recompute a strategy on truncated and on changed bars, for some sets of a grid.

    Parameters
    ----------
    strategy
        What is checked.
    feeds
        What it reads; the latest 10,000 bars and a warm-up are looked at.
    grid
        Its first and last combination are among the sets, the others are drawn.
    settings
        Of the backtests.
    sets, cuts
        How many sets, and places for each at which bars end and others begin.
    seed
        From which sets, places and other bars are drawn.

    Returns
    -------
    Checked

    Raises
    ------
    WfoError
        If the bars do not suffice, or anything computed raises.
    """
    import numpy as np

    sets, cuts = whole_number("sets", sets), whole_number("cuts", cuts)
    seed = whole_number("seed", seed)
    if min(sets, cuts) < 1 or seed < 0:
        raise InputError(
            f"sets = {sets}, cuts = {cuts}, seed = {seed} must be 1 or more, 0 or more"
        )
    rng = np.random.default_rng(seed)
    used = strategy.settings_of(settings)
    need = max(1, lookback_on(strategy, grid.values, feeds))
    read = _latest(feeds, need + MOST_BARS)
    if read.bars < need + 3:
        raise InputError(
            f"{read.bars:,} bars are too few to check {strategy.name}: its lookback is {need:,}"
        )
    last = len(grid) - 1
    drawn = dict.fromkeys([0, last, *rng.integers(0, len(grid), max(sets - 2, 0)).tolist()])
    chosen = [grid.params(index) for index in list(drawn)[:sets]]
    program = program_of(strategy)
    found = None
    empty: dict[str, int] = {}
    for params in chosen:
        places = cut_places(need, read.bars, cuts, rng)
        values = tuple(params[name] for name in strategy.names)
        if program is not None:
            for column in empty_columns(program, read, values):
                empty[column] = empty.get(column, 0) + 1
            leak = first_leak(program, read, values, places, rng)
            found = None if leak is None else of_column(leak, params, read)
        if found is None:
            found = of_trades(strategy, read, params, used, need, places, rng)
        if found is None and program is None:
            found = of_own_bar(strategy, read, params, used, need, cuts, rng)
        if found is not None:
            break
    columns = 0 if program is None else sum(kind != "number" for kind in program.kinds)
    return Checked(
        strategy.name,
        read.bars,
        stamp_of(read, 0),
        stamp_of(read, read.bars - 1),
        tuple(chosen),
        cuts,
        columns,
        seed,
        found,
        tuple(
            f"{column} is NaN in all {read.bars:,} bars for {count} of {len(chosen)} parameter"
            " sets; no comparison with it holds"
            for column, count in empty.items()
        ),
    )


def _latest(feeds: Feeds, most: int) -> Feeds:
    """Return the latest bars."""
    start = max(0, feeds.bars - most)
    stamps = None if feeds.stamps is None else feeds.stamps[start:]
    return Feeds({name: {c: v[start:] for c, v in feeds[name].items()} for name in feeds}, stamps)
