"""What is computed beside the best points, after a search: buy-and-hold, and returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wfo.backtest.benchmark import bought, held_marks
from wfo.backtest.marks import period_ends, period_returns
from wfo.bars import days
from wfo.metrics import held_metrics
from wfo.search.evaluating.figures import FIGURES, Part
from wfo.search.evaluating.windows import SymbolWindow
from wfo.search.objective import ALIASES
from wfo.search.values import FigureValues
from wfo.settings import AccountSettings

if TYPE_CHECKING:
    from wfo.search.values import FloatArray
    from wfo.strategy import Strategy


def held_figures(
    window: SymbolWindow, settings: AccountSettings, names: Sequence[str]
) -> tuple[FigureValues, FigureValues]:
    """Return the figures of buy-and-hold, in-sample and out-of-sample.

    Parameters
    ----------
    window
        Where it is held; without out-of-sample bars the latter figures are none.
    settings
        Capital, costs and lots.
    names
        Figures that are asked for, aliases among them.
    """
    import numpy as np

    warmup, split, end = window.bounds
    stamps = window.feeds.stamps
    if stamps is None:
        return {}, {}
    marks = held_marks(window.prices(), window.bounds, settings)
    dates = list(days(stamps[:end]))
    if split == end:
        # A part needs bars; nothing is looked at of this one.
        marks = np.append(marks, marks[-1])
        dates.append(dates[-1])
    both = held_metrics(
        marks,
        dates,
        warmup=warmup,
        split=split,
        bars_per_year=window.bars_per_year,
        idle=bought(float(window.prices().open[warmup]), settings)[0] == 0,
    )

    def figures(part: str) -> FigureValues:
        values = getattr(both, part).to_dict()
        own = {n: np.nan if v is None else float(v) for n, v in values.items() if n in FIGURES}
        fall = own["max_drawdown"]
        own["profit_by_drawdown"] = own["net_profit"] / fall if fall > 0 else np.nan
        aliases = {n: own[ALIASES[n]] for n in names if n in ALIASES}
        return {n: own[n] for n in FIGURES} | aliases

    return figures("in_sample"), {} if split == end else figures("out_of_sample")


def returns_of_sets(
    strategy: Strategy,
    window: SymbolWindow,
    values: FloatArray,
    settings: AccountSettings,
    part: Part,
    threads: int | None,
) -> list[FloatArray]:
    """Return the returns by period of parameter sets in one part of a window.

    Parameters
    ----------
    strategy, settings, threads
        What is simulated, and how.
    window, part
        Where.
    values
        The sets, float64[m, parameters], in canonical order.
    """
    import numpy as np

    warmup, split, end = window.bounds
    stop = split if part == "is_" else end
    stamps = window.feeds.stamps
    if stamps is None or not len(values) or (part == "oos_" and split == end):
        return [np.empty(0) for _ in values]
    at = period_ends(stamps, warmup, stop)
    found = period_returns(
        strategy,
        window.feeds.until(stop),
        values,
        settings=settings,
        warmup=warmup,
        end=stop,
        at=at,
        threads=threads,
    )
    columns = iter(found.returns[at >= split if part == "oos_" else slice(None)].T)
    return [next(columns) if kept else np.empty(0) for kept in found.kept]
