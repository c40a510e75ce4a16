"""Figures of combinations, of one part of a window, from what an engine computes.

They are those of `wfo.metrics`, under the same names, and under the aliases that searches use. What
is not defined is NaN, never infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal

from wfo.backtest.sweep_metrics import COLUMNS, part_metrics
from wfo.errors import InputError, did_you_mean
from wfo.metrics import DEFINITIONS
from wfo.search.objective import ALIASES, canonical
from wfo.text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.figures import Figures

    FloatArray = NDArray[np.float64]

#: A part of a window, as the figures of engines name it.
Part = Literal["is_", "oos_"]

#: Figures that follow from what a run stores; all others cost extended figures, three to ten times
#: the time of a sweep.
STANDARD: Final = ("net_profit", "total_return", "max_drawdown", "trades", "profit_by_drawdown")

#: All figures of a combination.
FIGURES: Final = (*STANDARD, *(name for name in COLUMNS if name not in STANDARD))


def checked_figures(names: Iterable[str], more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return names of figures without repeats, if each is one of a combination, or one of `more`.

    Raises
    ------
    InputError
        With the name, and the nearest one that there is.
    """
    known = (*FIGURES, *ALIASES, *more)
    found = tuple(dict.fromkeys(names))
    for name in found:
        if name in known:
            continue
        if any(name == each.name for each in DEFINITIONS):
            raise InputError(
                f"the figure {shown(name)} follows from every mark of a simulation, which a search"
                f" does not keep; there are {', '.join(known)}"
            )
        raise InputError(
            f"there is no figure {shown(name)} of a strategy{did_you_mean(name, known)}"
        )
    return found


def needs_extended(names: Iterable[str]) -> bool:
    """Return whether figures of combinations need more than what a run stores."""
    wanted = set(map(canonical, names))
    return any(name in wanted for name in FIGURES if name not in STANDARD)


def with_aliases(columns: Mapping[str, FloatArray], names: Iterable[str]) -> dict[str, FloatArray]:
    """Return columns with those aliases among `names` that stand for one of them."""
    aliases = {n: columns[ALIASES[n]] for n in names if ALIASES.get(n) in columns}
    return {**columns, **aliases}


def part_columns(
    found: Figures, part: Part, capital: float, bars: int, bars_per_year: float
) -> dict[str, FloatArray]:
    """Return the figures of one part, float64[m] each.

    Parameters
    ----------
    found
        Standard figures of m combinations, or extended ones.
    part
        Which part.
    capital
        What the window starts with, in currency.
    bars
        Bars of the part.
    bars_per_year
        What makes a figure of one bar annual.
    """
    import numpy as np

    whole = found._asdict()
    own = {n.removeprefix(part): c for n, c in whole.items() if n.startswith(part)}
    pnl, fall = own["pnl"].astype(np.float64), own["dd"].astype(np.float64)
    start = np.full(len(pnl), capital)
    if part == "oos_":
        start = start + whole["is_pnl"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        columns = {
            "net_profit": pnl,
            "total_return": np.where(start > 0, (start + pnl) / start - 1, np.nan),
            "max_drawdown": fall,
            "trades": own["trades"].astype(np.float64),
            "profit_by_drawdown": np.where(fall > 0, pnl / fall, np.nan),
        }
    if "sum_r" in own:
        columns |= part_metrics(own, start, bars, bars_per_year)
    return {name: np.where(np.isfinite(c), c, np.nan) for name, c in columns.items()}
