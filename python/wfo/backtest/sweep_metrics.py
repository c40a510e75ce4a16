"""The metrics of a single simulation, for a whole sweep at once, from its extended figures.

`wfo.metrics` defines them; here they follow from sums instead of marks, and are null where those
are None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wfo.metrics import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Columns of a part, in the order of `wfo.metrics.DEFINITIONS`.
COLUMNS = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "mar",
    "max_drawdown_share",
    "win_rate",
    "profit_factor",
    "average_win",
    "average_loss",
    "expectancy",
    "exposure",
)

#: A variance this small a share of the mean square is what rounding leaves of equal returns.
_NO_VARIANCE = 16 * 2.0**-52


def part_metrics(
    figures: Mapping[str, NDArray[Any]], start: FloatArray, bars: int, bars_per_year: float
) -> dict[str, FloatArray]:
    """Return the metrics of one part, float64[m] each, NaN where one is not defined.

    Parameters
    ----------
    figures
        ``pnl`` and ``trades`` of the part, and its extended figures, by name without the part.
    start
        The mark that the part starts from, float64[m].
    bars
        Bars of the part.
    bars_per_year
        What makes a figure of one bar annual.
    """
    import numpy as np

    nan = np.nan
    f = {name: column.astype(np.float64) for name, column in figures.items()}
    end = start + f["pnl"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        positive = ~np.isnan(f["sum_r"])
        growth = end / start
        cagr = np.where(positive, growth ** (bars_per_year / bars) - 1, nan)
        cagr[np.isinf(cagr)] = nan

        mean = f["sum_r"] / bars
        spread = np.full(len(mean), nan)
        if bars > 1:
            squares = f["sum_r2"] - bars * mean * mean
            squares = np.where(squares <= _NO_VARIANCE * f["sum_r2"], 0.0, squares)
            spread = np.sqrt(squares / (bars - 1))
            spread = np.where(spread > ROUNDING, spread, np.where(positive, 0.0, nan))
        downside = np.sqrt(f["sum_down2"] / bars)
        year = np.sqrt(bars_per_year)
        mar = np.where(f["dd_share"] > ROUNDING, cagr / f["dd_share"], nan)
        mar[np.isinf(mar)] = nan

        wins, losses, trades = f["wins"], f["losses"], f["trades"]
        profit, loss = f["gross_profit"], f["gross_loss"]
        return {
            "total_return": np.where(start > 0, growth - 1, nan),
            "cagr": cagr,
            "volatility": spread * year,
            "sharpe": np.where(spread > 0, mean / spread * year, nan),
            "sortino": np.where(downside > ROUNDING, mean / downside * year, nan),
            "mar": mar,
            "max_drawdown_share": f["dd_share"],
            "win_rate": np.where(trades > 0, wins / trades, nan),
            "profit_factor": np.where(loss < 0, profit / -loss, nan),
            "average_win": np.where(wins > 0, profit / wins, nan),
            "average_loss": np.where(losses > 0, loss / losses, nan),
            "expectancy": np.where(trades > 0, (profit + loss) / trades, nan),
            "exposure": f["bars_held"] / bars,
        }
