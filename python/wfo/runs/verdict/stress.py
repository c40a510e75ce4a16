"""Execution stress: what a parameter set comes to where orders are filled worse than assumed.

Every case is one backtest over the slice of a run, beside buy-and-hold with the same costs, lots
and bars. Slippage and noise are simulated anew. Skipped and late entries are replayed: the strategy
does not know of them, and goes through the states and exits that it would have gone through. What a
trader would have done on seeing a missed order, no backtest can tell, nor how far a market order
for all the capital moves the price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from wfo.backtest.benchmark import MARGIN, annual_return, held_marks
from wfo.backtest.engines import Engine, choose_engine, engines_of
from wfo.backtest.feeds import Feeds
from wfo.backtest.jitter import jittered
from wfo.backtest.lots import Entry
from wfo.backtest.performance import checked_range
from wfo.backtest.replay import Positions, Replayed, entered_late, positions_of, replay
from wfo.backtest.values import DatedSet, EngineResult, Simulation
from wfo.bars import Prices
from wfo.errors import InputError
from wfo.metrics import max_drawdown_share
from wfo.runs.verdict.stress_values import BreakEven, CaseName, Stress, StressCase
from wfo.sampling import uniform
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy
from wfo.strategy.record import own_sizing
from wfo.strategy.value import lookback_on

__all__ = ["BreakEven", "Stress", "StressCase", "stress"]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Slippage per fill that stands beside a doubled one where the run has none.
STATED_SLIP: Final = 0.0005

#: Probability with which each trade is skipped.
SKIPPED: Final = 0.05

#: Largest shift of a price, as a share of its bar's range.
NOISE: Final = 0.05

#: How many times bars are jittered.
NOISE_DRAWS: Final = 20

#: Quantile of the draws that stands beside their median.
LOW: Final = 0.05

#: Most slippage per fill at which an excess is looked for, and how closely.
MOST_SLIP: Final = 0.05
PRECISION: Final = 1e-5

#: Most draws, each of which has its own streams.
MOST_DRAWS: Final = 1_000_000

# Beyond what roundings of a replay come to.
_SAME: Final = 1e-7


class _Outcome(NamedTuple):
    """Total return, drawdown, closed trades, and buy-and-hold's total return; of a draw or more."""

    total: FloatArray
    fall: FloatArray
    trades: FloatArray
    held: FloatArray


def stress(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    settings: AccountSettings | None = None,
    *,
    warmup: int,
    end: int | None = None,
    bars_per_year: float,
    draws: int = 1_000,
    noise_draws: int = NOISE_DRAWS,
    seed: int = 0,
) -> Stress:
    """Return what a parameter set comes to under every kind of stress.

    *As it is*: the run's settings. *Slippage doubled*: twice the slippage; where there is none,
    .0005 a fill stands beside it. *Trades skipped*: each trade is left out with a probability of
    5 %, independently, the one that is open at the end as well; what is left compounds. *Entries
    late*: every entry is filled at the open of the bar after its own, with the exits as they were
    (`wfo.backtest.replay.entered_late` says what becomes of short trades). *Noise*: each price of
    each bar, warm-up included, is multiplied by ``(high / low) ** (.05 u)``, u uniform from -1 to
    1; high and low are then the highest and the lowest of the bar's four prices. All symbols are
    jittered, other columns stay, and the set is simulated anew.

    Parameters
    ----------
    strategy, params
        The set.
    feeds
        What it reads, n bars.
    settings
        Those of the run.
    warmup, end
        First trading bar, and one past the last; by default the end of the history.
    bars_per_year
        What makes returns annual.
    draws, noise_draws
        How many times trades are skipped, and bars jittered; 1 or more.
    seed
        Of both, 0 or more.

    Raises
    ------
    WfoError
        If the set cannot be simulated, or an argument is out of range.
    """
    if not (1 <= draws <= MOST_DRAWS and 1 <= noise_draws <= MOST_DRAWS and 0 <= seed < 1 << 32):
        raise InputError(
            f"draws = {draws} and noise_draws = {noise_draws} must be from 1 to {MOST_DRAWS:,}, and"
            f" seed = {seed} at least 0 and below {1 << 32}"
        )
    used = strategy.settings_of(settings)
    values = strategy.check_params(params)
    need = lookback_on(
        strategy, {n: (v,) for n, v in zip(strategy.names, values, strict=True)}, feeds
    )
    first, stop = checked_range(warmup, end, need, feeds)
    test = _Backtest(strategy, values, feeds.until(stop), used, first)
    year = bars_per_year / (stop - first)
    plain = test.simulate(used)
    cases = [_case("as_it_is", used.slip, _outcome(plain, test.held(used)), year)]
    cases += [_slippage(test, name, slip, year) for name, slip in _slippages(used.slip)]
    cases += _replayed(test, plain, year, draws, seed)
    cases.append(_noise(test, year, noise_draws, seed))
    return Stress(tuple(cases), _break_even(test), seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Backtest:
    """A parameter set over the slice of a run, to be simulated with other settings or bars.

    Attributes
    ----------
    strategy, values
        The set, in canonical order.
    feeds
        Bars up to the end of the slice.
    settings
        Those of the run.
    warmup
        First trading bar.
    """

    strategy: Strategy
    values: tuple[Number, ...]
    feeds: Feeds
    settings: AccountSettings
    warmup: int

    @property
    def prices(self) -> Prices:
        """Those that it trades at."""
        found = self.feeds.prices()
        assert found is not None  # noqa: S101  # every strategy trades the first feed
        return found

    def simulate(self, settings: AccountSettings, feeds: Feeds | None = None) -> EngineResult:
        """Return what the set comes to with some settings, on the run's bars or on others."""
        read = self.feeds if feeds is None else feeds
        # Where a boundary lies does not change what is traded.
        bounds = self.warmup, read.bars - 1, read.bars
        sets = [DatedSet(self.warmup, self.values)]
        engine = _engine(self.strategy, settings)
        return engine.simulate(self.strategy, read, sets, settings, bounds).finite()

    def still_open(self, settings: AccountSettings) -> Entry | None:
        """Return the entry of what is open at the end; None where nothing is, or it is not said."""
        engine = _engine(self.strategy, settings)
        said = engine.orders(self.strategy, self.feeds, self.values, settings, self.warmup)
        if said is None or not said[0]["side"]:
            return None
        state = said[0]
        return Entry(int(state["since"]), state["side"] > 0, float(state["entry_price"]))

    def held(self, settings: AccountSettings, prices: Prices | None = None) -> float:
        """Return the total return of buy-and-hold."""
        bars = self.prices if prices is None else prices
        count = len(bars.close)
        marks = held_marks(bars, (self.warmup, count - 1, count), settings)
        return float(marks[-1]) / settings.capital - 1.0

    def slipped(self, slip: float) -> AccountSettings:
        """Return the settings with another slippage."""
        return replace(self.settings, slip=slip)


def _engine(strategy: Strategy, settings: AccountSettings) -> Engine:
    """Return the engine that prepares least for a single set; all give the same trades."""
    direct = engines_of(strategy).get("direct")
    if direct is not None and direct.lacks(strategy, settings) is None:
        return direct
    return choose_engine("auto", strategy, settings).engine


def _slippages(slip: float) -> list[tuple[CaseName, float]]:
    doubled: list[tuple[CaseName, float]] = [("slippage_doubled", 2.0 * slip)]
    return doubled if slip else [*doubled, ("slippage_stated", STATED_SLIP)]


def _slippage(test: _Backtest, name: CaseName, slip: float, year: float) -> StressCase:
    if slip >= 1:
        return _none(name, slip, 1, "a slippage of a whole price leaves nothing to trade with")
    settings = test.slipped(slip)
    return _case(name, slip, _outcome(test.simulate(settings), test.held(settings)), year)


def _replayed(
    test: _Backtest, plain: EngineResult, year: float, draws: int, seed: int
) -> list[StressCase]:
    """Return the cases of skipped trades and of late entries."""
    import numpy as np

    positions = _positions(test, plain)
    if isinstance(positions, str):
        return [
            _none("trades_skipped", SKIPPED, draws, positions),
            _none("entries_late", 1.0, 1, positions),
        ]
    prices, held = test.prices, test.held(test.settings)

    def case(name: CaseName, size: float, replayed: Replayed) -> StressCase:
        total = replayed.equity / test.settings.capital - 1.0
        trades = replayed.trades.astype(np.float64)
        outcome = _Outcome(total, replayed.drawdown_share, trades, np.full(len(total), held))
        return _case(name, size, outcome, year)

    count = len(positions)
    chances = [uniform(count, _stream(seed, draw)) for draw in range(draws)]
    entered = np.array(chances).reshape(draws, count) >= SKIPPED
    late = entered_late(positions, prices.open)
    return [
        case("trades_skipped", SKIPPED, replay(positions, prices.close, test.settings, entered)),
        case("entries_late", 1.0, replay(late, prices.close, test.settings)),
    ]


def _positions(test: _Backtest, plain: EngineResult) -> Positions | str:
    """Return the positions of the set as it is, or why they cannot be told again."""
    whole = replace(test.settings, lot_size=0.0)
    found = plain if whole == test.settings else test.simulate(whole)
    prices = test.prices
    try:
        positions = positions_of(
            Simulation.of(found),
            prices,
            whole,
            shorts=test.strategy.shorts,
            still=test.still_open(whole),
        )
    except InputError as error:
        return str(error)
    told, real = float(replay(positions, prices.close, test.settings).equity[0]), plain.equity[-1]
    if abs(told - real) <= _SAME * max(test.settings.capital, abs(real)):
        return positions
    if own_sizing(test.strategy):
        # A replay puts in all equity or a fixed sum, not what the rules decide.
        return (
            f"{test.strategy.name} sizes its trades by {own_sizing(test.strategy)}: what a trade"
            " takes is decided at each entry, so skipped and late trades are not computed"
        )
    return (
        f"its trades come to {told:,.2f} by the contract's rules of money, to {real:,.2f} by its"
        " kernel's; they cannot be told again"
    )


def _noise(test: _Backtest, year: float, draws: int, seed: int) -> StressCase:
    import numpy as np

    found = []
    for draw in range(draws):
        feeds = jittered(test.feeds, NOISE, _stream(seed, draw))
        held = test.held(test.settings, feeds.prices())
        found.append(_outcome(test.simulate(test.settings, feeds), held))
    columns = (np.concatenate(column) for column in zip(*found, strict=True))
    return _case("noise", NOISE, _Outcome(*columns), year)


def _break_even(test: _Backtest) -> BreakEven:
    """Look for the least slippage without an excess over buy-and-hold, by bisection.

    With more slippage a strategy loses more than buy-and-hold, which pays it once, so that there is
    one place to find; should shorts or lots make several, it is one of them.
    """
    least = test.settings.slip
    most = max(MOST_SLIP, least)

    def exceeds(slip: float) -> bool:
        settings = test.slipped(slip)
        held = test.held(settings)
        total = float(test.simulate(settings).equity[-1]) / settings.capital - 1.0
        return total > held + MARGIN * abs(held)

    if not exceeds(least):
        return BreakEven("below", None, PRECISION, least, most)
    if most == least or exceeds(most):
        return BreakEven("above", None, PRECISION, least, most)
    low, high = least, most
    while high - low > PRECISION:
        middle = (low + high) / 2.0
        low, high = (middle, high) if exceeds(middle) else (low, middle)
    return BreakEven("found", high, PRECISION, least, most)


def _outcome(found: EngineResult, held: float) -> _Outcome:
    """Return what a backtest comes to, as arrays of one."""
    import numpy as np

    # Before the first trading bar stands the capital, which no peak is below.
    path = found.equity
    if found.reversals is not None:
        path = np.insert(path, found.reversals[0].astype(np.int64), found.reversals[1])
    fall = max_drawdown_share(path)
    total = path[-1] / path[0] - 1.0
    trades = len(found.trades["pnl"])
    return _Outcome(*(np.array([value], np.float64) for value in (total, fall, trades, held)))


def _case(name: CaseName, size: float, found: _Outcome, year: float) -> StressCase:
    """Return the medians of what one draw or more came to."""
    import numpy as np

    draws = len(found.total)
    total, fall, trades, held = (float(np.median(column)) for column in found)
    return StressCase(
        name,
        size,
        draws,
        total,
        annual_return(total, year),
        fall,
        trades,
        held,
        float(np.median(found.total - found.held)),
        float(np.quantile(found.total, LOW)) if draws > 1 else None,
    )


def _none(name: CaseName, size: float, draws: int, reason: str) -> StressCase:
    return StressCase(name, size, draws, None, None, None, None, None, None, reason=reason)


def _stream(seed: int, draw: int) -> int:
    """Return the stream of a draw, behind which there is one for each of 255 feeds."""
    return (seed << 28) + (draw << 8)
