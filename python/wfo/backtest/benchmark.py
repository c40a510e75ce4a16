"""What doing nothing comes to: buy-and-hold, and figures by which a strategy is compared with it.

The first symbol is bought at the open of the first trading bar with the capital, costs and lots of
a backtest, and never sold. Marks and figures are those of a long by the contract
(``wfo/atr_d/CONTRACT.md``, Money and Figures): the entry's costs are in the mark, no exit is
charged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from wfo.backtest.recount import Records, recount
from wfo.errors import ResultsError
from wfo.settings import AccountSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.bars import Prices

    FloatArray = NDArray[np.float64]

#: By how much more than its own size a figure of buy-and-hold must be exceeded: sets that stay
#: invested equal it up to the rounding of what is stored.
MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class Held:
    """Figures of buy-and-hold over one phase, in currency, and relative drawdowns.

    Attributes
    ----------
    is_pnl, oos_pnl
        Profit or loss in- and out-of-sample.
    is_dd, oos_dd
        Largest drawdowns.
    is_dd_share, oos_dd_share
        Largest relative drawdowns, ``max(1 - mark / peak)``; NaN where a part does not begin above
        0.
    """

    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_dd_share: float
    oos_dd_share: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Buy-and-hold over one phase, and what makes returns of the phase comparable.

    Attributes
    ----------
    capital
        What every backtest starts with, in currency.
    is_bars, oos_bars
        Trading bars of either part.
    bars_per_year
        What annual figures count in.
    held
        Buy-and-hold as the backtests trade, lots included.
    whole
        The same without lots, which gates compare with: cash that lots leave over would pass for
        skill in a fall.
    """

    capital: float
    is_bars: int
    oos_bars: int
    bars_per_year: float
    held: Held
    whole: Held

    @property
    def idle(self) -> bool:
        """Whether the capital pays for no lot: all figures are 0, and without lots they are not."""
        return _is_flat(self.held) and not _is_flat(self.whole)

    @property
    def leaves_cash(self) -> bool:
        """Whether lots leave capital in cash, so that profits differ from those without lots."""
        held, whole = self.held, self.whole
        return (held.is_pnl, held.oos_pnl) != (whole.is_pnl, whole.oos_pnl)

    @property
    def oos_return(self) -> float:
        """Out-of-sample return of buy-and-hold, a fraction."""
        return total_return(self.capital, self.held.is_pnl, self.held.oos_pnl)

    @property
    def oos_return_annual(self) -> float:
        """The same a year."""
        return self.annual_oos(self.oos_return)

    @property
    def is_return_annual(self) -> float:
        """In-sample return of buy-and-hold a year."""
        return self.annual_is(self.held.is_pnl / self.capital)

    @property
    def wfe(self) -> float | None:
        """Out-of-sample by in-sample profit; None without one."""
        return self.held.oos_pnl / self.held.is_pnl if self.held.is_pnl > 0 else None

    @property
    def return_wfe(self) -> float | None:
        """Annual out-of-sample by annual in-sample return; None without one."""
        return annual_efficiency(self.is_return_annual, self.oos_return_annual)

    @property
    def return_floor(self) -> float:
        """Out-of-sample return that lies above buy-and-hold's, of sets without lots."""
        return _above(total_return(self.capital, self.whole.is_pnl, self.whole.oos_pnl))

    @property
    def risk_floor(self) -> float:
        """Out-of-sample profit by drawdown that lies above buy-and-hold's, likewise."""
        return _above(profit_by_drawdown(self.whole.oos_pnl, self.whole.oos_dd))

    @property
    def oos_exponent(self) -> float:
        """Power that makes ``1 + return`` of the out-of-sample part annual."""
        return self.bars_per_year / self.oos_bars

    def annual_is(self, value: float) -> float:
        """Return a return of the in-sample part a year; -1 where nothing is left."""
        return annual_return(value, self.bars_per_year / self.is_bars)

    def annual_oos(self, value: float) -> float:
        """Return a return of the out-of-sample part a year; -1 where nothing is left."""
        return annual_return(value, self.oos_exponent)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest; NaN is null."""
        own: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("held", "whole"):
            part: Held = own[name]
            values = {f.name: getattr(part, f.name) for f in fields(part)}
            own[name] = {n: v if math.isfinite(v) else None for n, v in values.items()}
        return own

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Benchmark:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else.
        """
        try:
            held, whole = (
                Held(**{n: math.nan if v is None else float(v) for n, v in data[name].items()})
                for name in ("held", "whole")
            )
            return cls(
                float(data["capital"]),
                int(data["is_bars"]),
                int(data["oos_bars"]),
                float(data["bars_per_year"]),
                held,
                whole,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ResultsError(f"no figures of buy-and-hold: {error!r}") from None


def benchmark(
    bars: Prices,
    bounds: tuple[int, int, int],
    settings: AccountSettings,
    bars_per_year: float,
) -> Benchmark:
    """Return buy-and-hold over one phase.

    Parameters
    ----------
    bars
        Prices of the first symbol.
    bounds
        First trading bar, first out-of-sample bar, one past the last bar.
    settings
        Capital, costs and lots.
    bars_per_year
        What annual figures count in.
    """
    from dataclasses import replace

    warmup, split, end = bounds
    plain = AccountSettings(
        settings.capital, settings.slip, settings.fee, settings.sizing, settings.lot_size
    )
    held = _figures(held_marks(bars, bounds, plain), warmup, split)
    whole = _figures(held_marks(bars, bounds, replace(plain, lot_size=0.0)), warmup, split)
    return Benchmark(settings.capital, split - warmup, end - split, bars_per_year, held, whole)


def held_marks(bars: Prices, bounds: tuple[int, int, int], settings: AccountSettings) -> FloatArray:
    """Return the mark of buy-and-hold at every close up to the end, float64[end].

    The capital before the first trading bar.

    Parameters
    ----------
    bars, bounds, settings
        As in `benchmark`.
    """
    import numpy as np

    warmup, _, end = bounds
    shares, cost = bought(float(bars.open[warmup]), settings)
    marks = np.full(end, settings.capital)
    marks[warmup:] = settings.capital + shares * (np.asarray(bars.close[warmup:end]) - cost)
    return marks


def bought(price: float, settings: AccountSettings) -> tuple[float, float]:
    """Return how many shares the capital buys at a price, and what each costs, in currency."""
    cost = price * (1.0 + settings.slip) * (1.0 + settings.fee)
    return settings.whole_lots(settings.capital / cost), cost


def total_return(capital: float, is_pnl: float, oos_pnl: float) -> float:
    """Return the out-of-sample return, -1 where the equity that it starts from is not positive."""
    start = capital + is_pnl
    return oos_pnl / start if start > 0 else -1.0


def annual_return(value: float, exponent: float) -> float:
    """Return ``(1 + value) ** exponent - 1``; -1 where nothing is left, inf beyond all numbers."""
    try:
        return math.pow(1.0 + value, exponent) - 1.0 if value > -1 else -1.0
    except OverflowError:
        return math.inf


def annual_efficiency(before: float, after: float) -> float | None:
    """Return annual out-of-sample by annual in-sample return.

    None where the latter is not positive, or either is beyond all numbers: a return of a few bars
    can be, a year.
    """
    known = before > 0 and math.isfinite(before) and math.isfinite(after)
    return after / before if known else None


def profit_by_drawdown(pnl: float, drawdown: float) -> float:
    """Return profit by drawdown; infinite without a drawdown, NaN without either."""
    if drawdown > 0:
        return pnl / drawdown
    return math.copysign(math.inf, pnl) if pnl else math.nan


def _is_flat(held: Held) -> bool:
    return not (held.is_pnl or held.oos_pnl or held.is_dd or held.oos_dd)


def _above(value: float) -> float:
    return value + MARGIN * abs(value)


def _figures(equity: FloatArray, warmup: int, split: int) -> Held:
    import numpy as np

    none: Any = np.zeros(0, np.int64)
    records = Records(none, none, none, np.zeros(0), equity, none, np.zeros(0), open_since=warmup)
    found = recount(records, warmup, split)
    return Held(**{f.name: float(found[f.name]) for f in fields(Held)})


def sums_of(benchmarks: Sequence[Benchmark]) -> float:
    """Return buy-and-hold's out-of-sample profits, summed over overlapping phases, in currency."""
    return sum(b.held.oos_pnl for b in benchmarks)
