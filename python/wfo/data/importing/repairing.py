"""Highs and lows that miss open or close by little, widened to include them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wfo.data.frames import time_column

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.row_names import RowNames

#: How much of the price a high or low is widened by at most.
#:
#: What makes highs and lows miss open or close is rounding, and prices from two places, such as an
#: auction's open beside the range of the trades. Rounding to cents is half a cent: 2.5 % of the
#: smallest price of real bars (TQQQ near 0.20 after its splits), and far less of most. Between two
#: vendors of QQQ the highs of a day differ by up to 0.4 %, opens and closes by 0.1 %.
#: What must stay an error begins at a third: a split of 3:2 that one price is not adjusted for,
#: then cents for dollars, and thousands that were read as decimals.
MOST_WIDENED: Final = 0.05
#: Share of the bars that are widened at most, of so many or more: where most closes lie outside of
#: high and low, they are others than the bars', such as adjusted ones. Of real bars none do.
_MOST_BARS: Final = 0.5
_FEWEST: Final = 20
#: As many are enough where all of them are so.
_FEWEST_ALL: Final = 5
#: What errors of highs and lows say of it: where it would do, of bars beyond it, and of most bars.
_ADVICE: Final = f"repair (--repair) widens high and low by up to {MOST_WIDENED:.0%}"
_BEYOND: Final = (
    f"repair (--repair) widens by up to {MOST_WIDENED:.0%}, and no high that lies below its low:"
    " beyond that prices contradict each other"
)
_MOST: Final = (
    "repair (--repair) does not widen most bars of a file: its columns may be others than they are"
    " taken for (--columns)"
)
#: How far a high may lie below its low: noise of float32, and no two columns in each other's place.
_MOST_CROSSED: Final = 1e-6


def repair(frame: pl.DataFrame, rows: RowNames) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    """Widen highs and lows to include open and close, where they miss them by little.

    Parameters
    ----------
    frame
        Conforming bars.
    rows
        What messages call their rows.

    Returns
    -------
    polars.DataFrame
        The bars. Those whose high or low misses by more than 5 % of the price, or whose high lies
        below the low, are as they were, for the checks to refuse, and so are all where most need
        it.
    int
        How many bars were widened.
    tuple of str
        A note that says so.
    """
    found = _misses(frame)
    within = _within(found)
    places = within.arg_true()
    if not len(places) or _are_most(places, frame):
        return frame, 0, ()
    widened = frame.with_columns(
        found[side].zip_with(within, frame[side]).alias(side) for side in ("high", "low")
    )
    first = int(places[0])
    bars = "1 bar was" if len(places) == 1 else f"{len(places):,} bars were"
    most = float(found["most"].to_numpy()[places.to_numpy()].max())
    note = (
        f"{bars} repaired: high or low did not include open and close, by up to {most:.2%} of the "
        "price (first: "
        f"{frame[time_column(frame)][first]}, {rows.one(first)})"
    )
    return widened, len(places), (note,)


def advice(frame: pl.DataFrame) -> str:
    """Return what would do where highs and lows do not include open and close.

    Parameters
    ----------
    frame
        Conforming bars, those that were widened among them.

    Returns
    -------
    str
        What `repair` would do to them; where that is nothing, as most bars need it, that columns
        may be others.
    """
    found = _misses(frame)
    if _are_most(found["changed"].fill_null(value=False).arg_true(), frame):
        return _MOST
    return _ADVICE if _within(found).any() else _BEYOND


def _misses(frame: pl.DataFrame) -> pl.DataFrame:
    """Return highs and lows that include open and close, and how those of the bars miss them."""
    import polars as pl

    high = pl.max_horizontal("open", "high", "close")
    low = pl.min_horizontal("open", "low", "close")
    return frame.select(
        high=high,
        low=low,
        changed=(high != pl.col("high")) | (low != pl.col("low")),
        most=pl.max_horizontal(high / pl.col("high"), pl.col("low") / low) - 1,
        crossed=pl.col("high") * (1 + _MOST_CROSSED) < pl.col("low"),
    )


def _within(found: pl.DataFrame) -> pl.Series:
    """Tell which bars miss by so little that they are widened."""
    within = found["changed"] & (found["most"] <= MOST_WIDENED) & ~found["crossed"]
    return within.fill_null(value=False)


def _are_most(places: pl.Series, frame: pl.DataFrame) -> bool:
    least = _FEWEST if len(places) < frame.height else _FEWEST_ALL
    return len(places) > _MOST_BARS * frame.height and frame.height >= least
