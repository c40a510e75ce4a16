"""What looks wrong with bars that have no errors: wicks, splits, minutes that contradict days.

Each check returns sentences for `wfo.data.CheckReport.warnings`: nothing is removed or changed,
since what looks wrong may be right.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from wfo.data.findings import SHOWN, count_of, some, stamp_text, where
from wfo.data.frames import PRICES, conform, time_column
from wfo.data.resampling import resample
from wfo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Floats = npt.NDArray[np.float64]

#: A wick is stray beyond so many median true ranges; see `wick_warnings`.
STRAY_WICK: Final = 4.0
#: Bars that are looked at together: few enough for a processor's cache.
_PIECE: Final = 65_536
#: Bars around a bar whose true ranges are its measure, and the fewest that are one.
_AROUND: Final = 21
_FEWEST: Final = 5

#: Close-to-close moves above this are taken for a split that the prices do not account for.
LARGE_MOVE: Final = 0.40
#: Ratios of splits as (new shares, old shares); reverse splits are those turned over.
_SPLITS: Final = ((3, 2), *((n, 1) for n in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100)))
#: How near an overnight ratio is to that of a split, in logarithms: 3 %.
_NEAR_SPLIT: Final = 0.03
#: How near the ratio of the median closes of the bars behind and before it is: 15 %.
_NEAR_LEVEL: Final = 0.15
_LEVEL_BARS: Final = 5
#: A split stands out among the overnight moves around it by this factor of their median.
_STANDS_OUT: Final = 8.0

#: Daily and minute bars agree within 0.2 % of the price ...
PRICE_TOLERANCE: Final = 0.002
#: ... and within a factor of 3 of the usual ratio of their volumes, which is itself within 2.
_VOLUME_TOLERANCE: Final = 3.0
_VOLUME_LEVEL: Final = 2.0


def wick_warnings(bars: pl.DataFrame) -> list[str]:
    """Look for highs and lows far outside of what surrounds them.

    A wick is measured from whatever reaches furthest of the bar's own body and the ranges of the
    bars before and after it, in median true ranges of the 21 bars around it. Medians do not feel
    the wick that is looked for, and a crash or a rally, whose neighbours reach as far, has none.

    The threshold is 4. On real bars it leaves those that anyone would look at: of daily QQQ, SMH,
    SPY (2005 to 2026) and TQQQ (from 2010) it finds one, QQQ's low of 2015-08-24, the flash crash;
    of 15,960 bars of 5 minutes two in QQQ and one in TQQQ (2025-05-19 12:10, 8.8 ranges); of 20,424
    hours of BTC three. At 3 they would be 1, 2, 1 and 6.

    Parameters
    ----------
    bars
        Conforming bars without errors.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    if bars.height < _FEWEST:
        return []
    found = _wicks(bars)
    places = found["place"].to_list()
    if not places:
        return []
    stamps = bars[time_column(bars)]

    def shown(k: int) -> str:
        side = "high" if found["up"][k] >= found["down"][k] else "low"
        i = places[k]
        return f"{stamp_text(stamps[i])} ({side} {bars[side][i]:g}, {found['size'][k]:.1f} ranges)"

    said = count_of(len(places), "wick reaches", "wicks reach")
    places_said = some([shown(k) for k in range(len(places))[:SHOWN]], len(places))
    measure = f"more than {STRAY_WICK:g} usual ranges beyond the body and the bars beside it"
    return [f"{said} {measure}: {places_said}"]


def _wicks(bars: pl.DataFrame) -> pl.DataFrame:
    """Return what `_measured` does.

    Medians of true ranges, which take long, are computed only where they may be small enough; those
    at both ends of the bars, which are of fewer ranges, as they are there.
    """
    import polars as pl

    half, edge, rows = _AROUND // 2, 2 * _AROUND, bars.height
    if rows <= 2 * edge:
        return _measured(bars)
    place = pl.col("place")
    parts = [_measured(bars.head(edge)).filter(place <= half)]
    for start in range(half + 1, rows - half, _PIECE):
        stop = min(start + _PIECE, rows - half)
        # The first of the ranges is of the close before it.
        piece = bars.slice(start - half - 1, stop - start + _AROUND)
        found = _measured_within(*(piece[p].to_numpy() for p in PRICES))
        parts.append(pl.DataFrame(found).with_columns(place + start))
    last = _measured(bars.tail(edge)).with_columns(place + (rows - edge))
    return pl.concat([*parts, last.filter(place >= rows - half)])


def _measured(bars: pl.DataFrame) -> pl.DataFrame:
    """Return ``place``, ``up``, ``down`` and ``size`` of all stray wicks."""
    import polars as pl

    high, low = pl.col("high"), pl.col("low")
    before = pl.col("close").shift(1)
    true_range = pl.max_horizontal(high, before) - pl.min_horizontal(low, before)
    usual = true_range.rolling_median(_AROUND, center=True, min_samples=_FEWEST)
    up = high - pl.max_horizontal("open", "close", high.shift(1), high.shift(-1))
    down = pl.min_horizontal("open", "close", low.shift(1), low.shift(-1)) - low
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    found = bars.select(place=place, up=up, down=down, usual=usual).with_columns(
        size=pl.max_horizontal("up", "down") / pl.col("usual")
    )
    # Where most bars around have no range at all, nothing can be said in ranges.
    stray = (pl.col("size") > STRAY_WICK) & (pl.col("usual") > 0)
    return found.filter(stray).drop("usual")


def _measured_within(open_: Floats, high: Floats, low: Floats, close: Floats) -> dict[str, Any]:
    """Return what `_measured` does of the bars that have all others of their medians beside them.

    Places are counted from the first of those, the bar in the middle of the first `_AROUND` ranges.
    """
    import numpy as np

    half = _AROUND // 2
    rows = slice(half + 1, len(close) - half)
    before, behind = slice(half, len(close) - half - 1), slice(half + 2, len(close) - half + 1)
    body = np.maximum(open_[rows], close[rows]), np.minimum(open_[rows], close[rows])
    up = high[rows] - np.maximum(body[0], np.maximum(high[before], high[behind]))
    down = np.minimum(body[1], np.minimum(low[before], low[behind])) - low[rows]
    wick = np.maximum(up, down)
    true_range = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    # At most half of the ranges are above their median: of more than half, one is not.
    least = np.full(len(wick), np.inf)
    for k in range((half + 1) // 2, (half + 1) // 2 + half + 1):
        np.minimum(least, true_range[k : k + len(wick)], out=least)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.flatnonzero(wick / least > STRAY_WICK)
        around = np.lib.stride_tricks.sliding_window_view(true_range, _AROUND)[places]
        usual = np.partition(around, half, axis=1)[:, half]
        size = wick[places] / usual
    stray = (size > STRAY_WICK) & (usual > 0)
    places, size = places[stray], size[stray]
    return {"place": places, "up": up[places], "down": down[places], "size": size}


def split_warnings(bars: pl.DataFrame, unadjusted: pl.Series | None = None) -> list[str]:
    """Look for moves that are those of a split for which the prices are not adjusted.

    Two kinds of moves are: those above 40 % from close to close, and those whose overnight ratio,
    of the open to the close before, is within 3 % of a usual split's (3:2, 2:1 to 100:1, and the
    reverse), stands out among the overnight moves around it and where the level stays, so that the
    median closes of the five bars on either side have that ratio too, within 15 %. A move that
    the adjusted close shares was none; nor was one that prices had before they were adjusted too.

    Parameters
    ----------
    bars
        Conforming bars without errors.
    unadjusted
        The close of each before it was adjusted, of bars that were.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    import numpy as np

    if bars.height < 2:
        return []
    close: Floats = bars["close"].to_numpy()
    open_: Floats = bars["open"].to_numpy()

    def moves(to: Floats, first: int, last: int) -> Floats:
        return np.log(to[first + 1 : last + 1] / close[first:last])

    ratios = np.asarray([math.log(old / new) for new, old in _SPLITS])
    ratios = np.concatenate([ratios, -ratios])
    names = [f"{n}:{o}" for n, o in _SPLITS] + [f"{o}:{n}" for n, o in _SPLITS]
    # Few bars move as far as the smallest ratio, and millions of bars may be checked.
    move: dict[int, float] = {}
    night: dict[int, float] = {}
    large: dict[int, bool] = {}
    for first in range(0, len(close) - 1, _PIECE):
        last = min(first + _PIECE, len(close) - 1)
        by_close, by_open = moves(close, first, last), moves(open_, first, last)
        above = np.abs(np.expm1(by_close)) > LARGE_MOVE
        far = np.flatnonzero(above | (np.abs(by_open) > np.abs(ratios).min() - _NEAR_SPLIT))
        keys = (far + first).tolist()
        for kept, values in ((move, by_close), (night, by_open), (large, above)):
            kept.update(zip(keys, values[far].tolist(), strict=True))
    nearest = {k: int(np.abs(ratios - night[k]).argmin()) for k in night}
    near = {k for k, which in nearest.items() if abs(night[k] - ratios[which]) < _NEAR_SPLIT}

    def stays(k: int) -> bool:
        before, after = close[max(k + 1 - _LEVEL_BARS, 0) : k + 1], close[k + 1 :][:_LEVEL_BARS]
        level = math.log(float(np.median(after)) / float(np.median(before)))
        return abs(level - float(ratios[nearest[k]])) < _NEAR_LEVEL

    def stands_out(k: int) -> bool:
        around = moves(open_, max(k - _AROUND, 0), min(k + _AROUND + 1, len(close) - 1))
        return abs(night[k]) > _STANDS_OUT * float(np.median(np.abs(around)))

    found = [
        k
        for k in nearest
        if large[k] or (k in near and len(close) > _FEWEST and stands_out(k) and stays(k))
    ]
    other = bars["adj_close"] if "adj_close" in bars.columns else unadjusted
    if other is not None:
        adjusted = other.to_numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            shared = np.log(adjusted[1:] / adjusted[:-1])
        # Without a positive adjusted close there is nothing that could share a move.
        found = [k for k in found if not shared[k] * move[k] > 0.5 * move[k] ** 2]
    if not found:
        return []
    stamps = bars[time_column(bars)]

    def shown(k: int) -> str:
        ratio = f", {names[nearest[k]]}" if k in near and stays(k) else ""
        return f"{stamp_text(stamps[k + 1])} ({math.expm1(move[k]):+.1%}{ratio})"

    said = count_of(len(found), "move looks", "moves look")
    places_said = some([shown(k) for k in found[:SHOWN]], len(found))
    rule = f"above {LARGE_MOVE:.0%} from close to close or at a usual ratio overnight"
    return [f"{said} like an unadjusted split, {rule}: {places_said}"]


def agreement_warnings(
    bars: pl.DataFrame, timeframe: str, daily: pl.DataFrame, *, calendar: str
) -> list[str]:
    """Compare intraday bars with daily ones of the same symbol, session by session.

    Prices may differ by a constant factor, where one of the two is adjusted for a split or
    dividends and the other is not: it is found from one session to the next, said once for each
    stretch of sessions, and taken into account. What then differs by more than 0.2 % in open, high,
    low or close is counted. Volumes, of which vendors count different parts, are compared with
    their usual ratio: it is said if it is not within a factor of 2, and so are sessions that are
    not within a factor of 3 of it.

    On real bars (QQQ and TQQQ, 5 minutes against days of another vendor, 206 sessions) open, low
    and close differ by at most 0.1 %, and of the highs two by more than 0.2 %; volumes are 1.2 to
    2.2 times those of the minutes.

    Parameters
    ----------
    bars
        Conforming intraday bars without errors.
    timeframe
        Theirs.
    daily
        Daily bars of the same symbol.
    calendar
        The exchange calendar whose sessions make days of `bars`.

    Returns
    -------
    list of str
        A sentence for each kind of difference.
    """
    import numpy as np
    import polars as pl

    days = conform(daily)
    if not bars.height or not days.height:
        return []
    try:
        sums = resample(bars, timeframe, "1day", calendar=calendar).frame
    except DataError:
        return []  # no session is whole
    both = sums.join(days, on="date", suffix="_day", how="inner", maintain_order="left")
    if not both.height:
        return []
    dates = both["date"]
    logs = np.column_stack(
        [np.log(both[f"{p}_day"].to_numpy() / both[p].to_numpy()) for p in PRICES]
    )
    # Two prices of four may be wrong and the median in between is still near the others.
    factor = np.median(logs, axis=1)
    warnings: list[str] = []
    level = _levels(factor)
    stretches = _stretches(level)
    scaled = [(a, b) for a, b in stretches if abs(math.expm1(level[a])) > PRICE_TOLERANCE]
    if scaled:
        shown = [
            f"{math.exp(level[a]):.6g} times from {dates[a]} to {dates[b - 1]}" for a, b in scaled
        ]
        warnings.append(
            f"daily prices are {timeframe} prices times a constant, as by another adjustment: "
            f"{some(shown[:SHOWN], len(shown))}"
        )
    apart = np.expm1(logs - level[:, None])
    for column, price in enumerate(PRICES):
        places = where(pl.Series(np.abs(apart[:, column]) > PRICE_TOLERANCE))
        if places:
            i = places[0]
            said = count_of(len(places), "session differs", "sessions differ")
            warnings.append(
                f"{said} in {price} by more than {PRICE_TOLERANCE:.1%} between {timeframe} and "
                f"daily bars: first {dates[i]}, {both[price][i]:g} against "
                f"{both[f'{price}_day'][i]:g} ({apart[i, column]:+.2%})"
            )
    if "volume" in both.columns and "volume_day" in both.columns:
        warnings += _volumes(both, timeframe)
    return warnings


def _levels(factor: Floats) -> Floats:
    """Return the factor of each session, in logarithms, as steps.

    A step is a change that the median of the next sessions confirms; a session that stands alone
    keeps the factor of those around it.
    """
    import polars as pl

    smooth = (
        pl.Series(factor).rolling_median(_LEVEL_BARS, center=True, min_samples=1).to_numpy().copy()
    )
    level = smooth[0]
    for k, value in enumerate(smooth):
        if abs(value - level) > PRICE_TOLERANCE / 2:
            level = value
        smooth[k] = level
    smooth[abs(smooth) <= PRICE_TOLERANCE / 2] = 0.0
    return smooth


def _stretches(level: Floats) -> list[tuple[int, int]]:
    """Return the ranges of sessions, the end excluded, that have one factor."""
    import numpy as np

    cuts = [int(c) + 1 for c in np.flatnonzero(np.diff(level) != 0)]
    return list(zip([0, *cuts], [*cuts, len(level)], strict=True))


def _volumes(both: pl.DataFrame, timeframe: str) -> list[str]:
    import polars as pl

    known = both.filter((pl.col("volume") > 0) & (pl.col("volume_day") > 0))
    if known.height < _FEWEST:
        return []
    ratio = known["volume_day"] / known["volume"]
    usual = float(ratio.median())  # type: ignore[arg-type]
    warnings = []
    if not 1 / _VOLUME_LEVEL <= usual <= _VOLUME_LEVEL:
        warnings.append(
            f"daily volumes are {usual:.3g} times those of the {timeframe} bars, in the median"
        )
    odd = where((ratio / usual > _VOLUME_TOLERANCE) | (ratio / usual < 1 / _VOLUME_TOLERANCE))
    if odd:
        i = odd[0]
        said = count_of(len(odd), "session differs", "sessions differ")
        warnings.append(
            f"{said} in volume between {timeframe} and daily bars, by more than "
            f"{_VOLUME_TOLERANCE:g} times the usual ratio of {usual:.3g}: first "
            f"{known['date'][i]}, {known['volume'][i]:,.0f} against "
            f"{known['volume_day'][i]:,.0f}"
        )
    return warnings
