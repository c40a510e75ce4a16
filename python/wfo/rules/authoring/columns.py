"""Columns of a feed and their indicators: what `x` has beside orders."""

from __future__ import annotations

from typing import NamedTuple

from wfo.data.calendars import require_calendar
from wfo.data.timeframes import require_timeframe
from wfo.errors import InputError
from wfo.rules.authoring.draft import bars_of
from wfo.rules.authoring.expressions import Expression, Operand, condition_of, unknown
from wfo.rules.authoring.making import Making
from wfo.rules.authoring.sites import refused
from wfo.text import brief

#: Known without asking the library of calendars, which takes half a second to load.
_CALENDAR = "XNYS"


class Bands(NamedTuple):
    """Bollinger bands.

    Attributes
    ----------
    lower, middle, upper
        A column each.
    """

    lower: Expression
    middle: Expression
    upper: Expression


class Columns(Making):
    """Columns of a feed over the bars, and indicators of them.

    A *column* has a value a bar, a *length* is a whole number, from 1 on, or an expression of
    parameters; a number may stand for a column where bars do not matter, as in
    ``x.maximum(x.close, 10)``. First bars are counted from 0, from the first value of the column
    that an indicator is of.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("__"):
            raise AttributeError(name)
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        return unknown(f"x, the columns of {self._named},", name, known)

    # Columns

    @property
    def open(self) -> Expression:
        """Opens."""
        return self._column("open")

    @property
    def high(self) -> Expression:
        """Highs."""
        return self._column("high")

    @property
    def low(self) -> Expression:
        """Lows."""
        return self._column("low")

    @property
    def close(self) -> Expression:
        """Closes."""
        return self._column("close")

    @property
    def volume(self) -> Expression:
        """Volumes, which the bars then need."""
        return self._column("volume")

    @property
    def typical(self) -> Expression:
        """The typical price, ``(high + low + close) / 3``."""
        return (self.high + self.low + self.close) / 3

    @property
    def median(self) -> Expression:
        """The middle of the bar, ``(high + low) / 2``."""
        return (self.high + self.low) / 2

    def column(self, name: str) -> Expression:
        """Return a column that the bars have beside prices, by its name.

        Raises
        ------
        InputError
            If that is no name, or not among the `feeds` that the class states.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise refused(f"column({brief(name)}): a column is named as Python's names are")
        return self._column(name)

    def feed(self, name: str) -> Columns:
        """Return another series over the same bars, with the same functions, by its name.

        Parameters
        ----------
        name
            ``"bars2"`` is the second symbol. Others are given to `wfo.simulate` and `wfo.sweep` by
            their name, as ``feeds={name: frame}``.

        Raises
        ------
        InputError
            If that is no name.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise refused(f"feed({brief(name)}): a feed is named as Python's names are")
        return Columns(self._draft, name, self._higher)

    def resample(self, timeframe: str, *, calendar: str = "XNYS") -> Columns:
        """Return the same series in higher bars, with the same functions over these.

        Its columns and indicators are computed over the higher bars, and their lengths count these.
        What an order sees of them, or a column of the traded bars that is combined with one, is the
        latest higher bar that is closed by the end of the bar, and never one in progress.

        Parameters
        ----------
        timeframe
            A name of `wfo.data.TIMEFRAMES`, longer than that of the bars: ``"15min"``, ``"1day"``.
        calendar
            The exchange calendar whose sessions bars are counted from, as in `wfo.data.resample`.

        Raises
        ------
        InputError
            If there is no such timeframe or calendar, or these are higher bars already.
        """
        if self._higher:
            raise refused(
                f"these are {bars_of(self._higher)} already; resample the bars themselves, as in"
                f" x.resample({brief(timeframe)})"
            )
        try:
            require_timeframe(timeframe)
            if not isinstance(calendar, str):
                raise InputError(f"calendar = {brief(calendar)} must be the name of a calendar")
            if calendar != _CALENDAR:
                require_calendar(calendar)
        except InputError as error:
            raise refused(f"resample: {error}") from None
        return Columns(self._draft, self._feed, f"{timeframe} {calendar}")

    # By bar [E1 to E6]

    def where(self, condition: Operand | bool, then: Operand, otherwise: Operand) -> Expression:
        """Return one of two by the bar: ``then`` where a condition holds, else ``otherwise``.

        It is not known (NaN) where the condition is not, and so an order of it does not work.
        """
        return self._made(
            "where",
            condition_of(self._draft, condition, "where: the condition"),
            self._any("where: then", then),
            self._any("where: otherwise", otherwise),
        )

    def choose(self, method: Operand, *choices: Operand) -> Expression:
        """Return one of several by a parameter: the first for 0, the second for 1, and so on."""
        if not choices:
            raise refused("choose has nothing to choose from; give a column for each value, from 0")
        place = self._any("choose", method)
        if self._draft.kinds[place] != "number":
            raise refused(
                f"choose: {self._draft.words(place)} is a column; what chooses must be a parameter"
                " or an expression of parameters, and by the bar x.where does it"
            )
        return self._made("choose", place, *(self._any("choose", each) for each in choices))

    def minimum(self, a: Operand, b: Operand, *more: Operand) -> Expression:
        """Return the smallest of two or more; NaN where one is NaN."""
        return self._folded("minimum", a, b, *more)

    def maximum(self, a: Operand, b: Operand, *more: Operand) -> Expression:
        """Return the largest of two or more; NaN where one is NaN."""
        return self._folded("maximum", a, b, *more)

    def sqrt(self, value: Operand) -> Expression:
        """Return the square root; NaN of what is below 0."""
        return self._made("sqrt", self._any("sqrt", value))

    def abs(self, value: Operand) -> Expression:
        """Return the size without the sign."""
        return self._made("abs", self._any("abs", value))

    def floor(self, value: Operand) -> Expression:
        """Return the largest whole number that is not above it."""
        return self._made("floor", self._any("floor", value))

    def round_half_up(self, value: Operand) -> Expression:
        """Return the nearest whole number, halves upwards: ``floor(value + 0.5)``."""
        return self._made("round_half_up", self._any("round_half_up", value))

    # Windows and averages [C1 to C6]

    def shift(self, column: Operand, bars: Operand) -> Expression:
        """Return the values some bars before; the first one at bar ``bars``."""
        if isinstance(bars, int | float) and bars < 0:
            raise refused(
                f"shift by {brief(bars)} bars looks into the future; bars count backwards"
            )
        return self._made(
            "shift", self._bars_of("shift", column), self._length("shift", bars, least=0)
        )

    def sma(self, column: Operand, length: Operand) -> Expression:
        """Return the simple average of the latest values; first at bar ``length - 1``."""
        return self._window("sma", column, length)

    def ema(self, column: Operand, length: Operand) -> Expression:
        """Return the exponential average; it begins with the first value.

        ``e += 2 / (length + 1) * (value - e)``.
        """
        return self._window("ema", column, length)

    def wma(self, column: Operand, length: Operand) -> Expression:
        """Return the average with weights 1 to ``length``, the newest weighing most.

        First at bar ``length - 1``.
        """
        return self._window("wma", column, length)

    def rma(self, column: Operand, length: Operand) -> Expression:
        """Return Wilder's average (New Concepts in Technical Trading Systems, 1978).

        The mean of the first ``length`` values, at bar ``length - 1``; then
        ``(e * (length - 1) + value) / length``.
        """
        return self._window("rma", column, length)

    def hma(self, column: Operand, length: Operand) -> Expression:
        """Return Hull's average (A. Hull, 2005).

        ``wma(2 * wma(column, length / 2) - wma(column, length), sqrt(length))``, half the length
        rounded down and the root rounded half up; first at bar ``length + sqrt(length) - 2``.
        """
        whole = self._expression(self._length("hma", length))
        half = self.maximum(1, self.floor(whole / 2))
        root = self.maximum(1, self.round_half_up(self.sqrt(whole)))
        return self.wma(2 * self.wma(column, half) - self.wma(column, whole), root)

    def highest(self, column: Operand, length: Operand) -> Expression:
        """Return the largest of the latest values; first at bar ``length - 1``."""
        return self._window("highest", column, length)

    def lowest(self, column: Operand, length: Operand) -> Expression:
        """Return the smallest of the latest values; first at bar ``length - 1``."""
        return self._window("lowest", column, length)

    def stdev(self, column: Operand, length: Operand) -> Expression:
        """Return the standard deviation of the latest values, divided by their number.

        First at bar ``length - 1``.
        """
        return self._window("stdev", column, length)

    def rank(self, column: Operand, length: Operand) -> Expression:
        """Return the share of the latest values that are at or below the newest one.

        Above 0, and 1 where it is the largest; first at bar ``length - 1``.
        """
        return self._window("rank", column, length)

    # Made of these

    def true_range(self) -> Expression:
        """Return the true range (Wilder, 1978): the bar's range, the close before included.

        ``maximum(high, close before) - minimum(low, close before)``; in bar 0 ``high - low``.
        """
        prices = (self.high, self.low, self.close)
        return self._made("true_range", *(each._place for each in prices))

    def atr(self, length: Operand) -> Expression:
        """Return the average true range, a simple average as TradeStation's AvgTrueRange.

        First at bar ``length - 1``. Wilder's is ``x.rma(x.true_range(), length)``.
        """
        return self.sma(self.true_range(), length)

    def rsi(self, column: Operand, length: Operand) -> Expression:
        """Return the relative strength index (Wilder, 1978), from 0 to 100.

        ``100 * u / (u + d)`` of Wilder's averages of the rises and the falls; first at bar
        ``length``. NaN where nothing has moved.
        """
        change = self._expression(self._bars_of("rsi", column)) - self.shift(column, 1)
        up = self.rma(self.maximum(change, 0), length)
        down = self.rma(self.maximum(-change, 0), length)
        return 100 * up / (up + down)

    def macd(self, column: Operand, fast: Operand, slow: Operand) -> Expression:
        """Return the difference of two exponential averages (G. Appel, 1979).

        Its signal line is ``x.ema(x.macd(…), 9)``. It begins with the first value.
        """
        return self.ema(column, fast) - self.ema(column, slow)

    def bollinger(self, column: Operand, length: Operand, deviations: Operand) -> Bands:
        """Return Bollinger's bands (J. Bollinger, 1983), lower, middle and upper.

        The average and as many standard deviations below and above it; first at bar
        ``length - 1``.
        """
        middle = self.sma(column, length)
        width = self._expression(self._any("bollinger: deviations", deviations)) * self.stdev(
            column, length
        )
        return Bands(middle - width, middle, middle + width)

    def roc(self, column: Operand, length: Operand) -> Expression:
        """Return the rate of change in percent; first at bar ``length``.

        ``100 * (now / then - 1)``.
        """
        before = self.shift(column, length)
        return 100 * (self._expression(self._bars_of("roc", column)) / before - 1)

    def adx(self, length: Operand) -> Expression:
        """Return the average directional index (Wilder, 1978), from 0 to 100.

        Wilder's average of ``100 * abs(a - b) / (a + b)``, with ``a`` and ``b`` the averages of
        rises of the high and falls of the low, each where it is the larger one, in percent of that
        of the true range; all of it from bar 1 on, and first at bar ``2 * length - 1``.
        """
        before = self.shift(self.close, 1)
        rise = self.high - self.shift(self.high, 1)
        fall = self.shift(self.low, 1) - self.low
        # As the true range, but without a value in bar 0, as there is no rise in it either.
        ranges = self.maximum(self.high, before) - self.minimum(self.low, before)
        average = self.rma(ranges, length)
        up = self.rma(self.where((rise > fall) & (rise > 0), rise, 0), length)
        down = self.rma(self.where((fall > rise) & (fall > 0), fall, 0), length)
        a = 100 * up / average
        b = 100 * down / average
        return self.rma(100 * self.abs(a - b) / (a + b), length)

    def crosses_above(self, a: Operand, b: Operand) -> Expression:
        """Return where a column comes above another one, or a number, from at or below it."""
        first, second = self._two("crosses_above", a, b)
        return (first > second) & (self._before(first) <= self._before(second))

    def crosses_below(self, a: Operand, b: Operand) -> Expression:
        """Return where a column comes below another one, or a number, from at or above it."""
        first, second = self._two("crosses_below", a, b)
        return (first < second) & (self._before(first) >= self._before(second))
