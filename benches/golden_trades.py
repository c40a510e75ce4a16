"""What backtesting.py makes of the five examples: ``python benches/golden_trades.py``.

The five strategies of `wfo.examples` as a user of backtesting.py 0.6.6 writes them, on the bars of
the sample, two parameter sets each. Its trades are compared with those that the specification
demands (`tests/golden_oracle.py`), and each difference is put down to a rule in which the two
differ; a difference that no rule explains is an error.

``--write`` writes the trades to ``tests/golden/NAME-SET.csv`` and the differences beside them, with
which `tests/test_golden_trades.py` compares wfo. ``--rules`` shows on bars made by hand what
backtesting.py does where its rules could be others.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from golden_oracle import EXAMPLES as SPECIFIED
from golden_oracle import Bars, Trade, expected

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
SYMBOL = "NASDAQ"
WARMUP = 300

#: It trades whole units only; of so much money one unit is nothing.
CASH = 1e12

#: Relative tolerance of a price: indicators are computed in another way.
TOLERANCE = 1e-9

Params = Mapping[str, float]

# The second sets trade often: gaps, both levels in one bar, and exits in the bar after the entry.
SETS: dict[str, tuple[Params, Params]] = {
    "SmaCross": ({"fast": 10, "slow": 50}, {"fast": 3, "slow": 8}),
    "Donchian": (
        {"entry": 20, "trend": 200, "period": 20, "width": 3.0},
        {"entry": 5, "trend": 50, "period": 5, "width": 1.0},
    ),
    "Bollinger": (
        {"length": 20, "deviation": 2.0, "target": 4.0, "loss": 3.0},
        {"length": 10, "deviation": 1.0, "target": 1.5, "loss": 1.0},
    ),
    "Rsi2": (
        {"length": 2, "trend": 200, "low": 10.0, "high": 70.0, "bars": 10},
        {"length": 2, "trend": 50, "low": 30.0, "high": 90.0, "bars": 3},
    ),
    "MacdReversal": (
        {"fast": 12, "slow": 26, "signal": 9},
        {"fast": 4, "slow": 9, "signal": 4},
    ),
}

#: Rules in which the two differ, by the word that stands for one in the files.
REASONS = {
    "gap": "`buy(limit=…, sl=…, tp=…)` takes both levels before the fill is known, from the limit;"
    " wfo takes them from the fill, which is better where the bar opens below the limit",
    "order": "of two levels in one bar the stop is filled first, always, even where the bar opens"
    " beyond the target; wfo takes the one that the open has reached, else that of the nearer"
    " extreme",
    "after": "one has a position, or none, because of the difference before",
}


# The examples as a user of backtesting.py writes them.


def sma(x: Any, bars: int) -> Any:
    return pd.Series(x).rolling(bars).mean()


def ema(x: Any, bars: int) -> Any:
    return pd.Series(x).ewm(span=bars, adjust=False).mean()


def highest(x: Any, bars: int) -> Any:
    return pd.Series(x).rolling(bars).max()


def atr(data: Any, bars: int) -> Any:
    before = data.Close.s.shift()
    ranges = pd.concat(
        [data.High.s - data.Low.s, (data.High.s - before).abs(), (data.Low.s - before).abs()],
        axis=1,
    )
    return ranges.max(axis=1).rolling(bars).mean()


def lower_band(x: Any, bars: int, deviation: float) -> Any:
    window = pd.Series(x).rolling(bars)
    return window.mean() - deviation * window.std(ddof=0)


def rsi(x: Any, bars: int) -> Any:
    """Wilder's: the first averages are means of the first changes."""
    changes = pd.Series(x).diff()

    def smoothed(v: Any) -> Any:
        first = pd.Series([v[1 : bars + 1].mean()])
        rest = pd.concat([first, v[bars + 1 :]]).ewm(alpha=1 / bars, adjust=False).mean()
        return np.concatenate([np.full(bars, np.nan), rest])

    up, down = smoothed(changes.clip(lower=0)), smoothed(-changes.clip(upper=0))
    return 100 - 100 / (1 + up / down)


class Example(Strategy):  # type: ignore[misc]  # the library has no types
    """A strategy whose first order is placed in the bar before `warmup`."""

    warmup = WARMUP

    def next(self) -> None:
        if len(self.data) >= self.warmup:
            self.decide()

    def decide(self) -> None:
        raise NotImplementedError


class SmaCross(Example):
    fast, slow = 10, 50

    def init(self) -> None:
        self.quick = self.I(sma, self.data.Close, self.fast)
        self.calm = self.I(sma, self.data.Close, self.slow)

    def decide(self) -> None:
        if crossover(self.quick, self.calm):
            self.buy()
        elif crossover(self.calm, self.quick):
            self.position.close()


class Donchian(Example):
    entry, trend, period, width = 20, 200, 20, 3.0

    def init(self) -> None:
        self.top = self.I(highest, self.data.High, self.entry)
        self.average = self.I(sma, self.data.Close, self.trend)
        self.atr = self.I(atr, self.data, self.period)

    def decide(self) -> None:
        for order in self.orders:
            if not order.is_contingent:
                order.cancel()
        if self.position:
            trade = self.trades[0]
            since = self.data.High[trade.entry_bar :]
            trade.sl = since.max() - self.width * self.atr[-1]
        elif self.data.Close[-1] > self.average[-1]:
            self.buy(stop=self.top[-1])


class Bollinger(Example):
    length, deviation, target, loss = 20, 2.0, 4.0, 3.0

    def init(self) -> None:
        self.lower = self.I(lower_band, self.data.Close, self.length, self.deviation)

    def decide(self) -> None:
        for order in self.orders:
            if not order.is_contingent:
                order.cancel()
        if not self.position:
            level = self.lower[-1]
            self.buy(
                limit=level,
                sl=level * (1 - self.loss / 100),
                tp=level * (1 + self.target / 100),
            )


class BollingerFromFill(Bollinger):
    """The same with both levels from the fill, set at the close of the bar of the entry."""

    def decide(self) -> None:
        for order in self.orders:
            if not order.is_contingent:
                order.cancel()
        if not self.position:
            self.buy(limit=self.lower[-1])
        for trade in self.trades:
            trade.sl = trade.entry_price * (1 - self.loss / 100)
            trade.tp = trade.entry_price * (1 + self.target / 100)


class Rsi2(Example):
    length, trend, low, high, bars = 2, 200, 10.0, 70.0, 10

    def init(self) -> None:
        self.strength = self.I(rsi, self.data.Close, self.length)
        self.average = self.I(sma, self.data.Close, self.trend)

    def decide(self) -> None:
        if not self.position:
            if self.strength[-1] < self.low and self.data.Close[-1] > self.average[-1]:
                self.buy()
            return
        # What is closed now is left at the open of the next bar.
        held = len(self.data) - self.trades[0].entry_bar
        if self.strength[-1] > self.high or held >= self.bars:
            self.position.close()


class MacdReversal(Example):
    fast, slow, signal = 12, 26, 9

    def init(self) -> None:
        close = self.data.Close
        self.line = self.I(lambda: ema(close, self.fast) - ema(close, self.slow))
        self.average = self.I(ema, self.line, self.signal)

    def decide(self) -> None:
        if crossover(self.line, self.average):
            self.position.close()
            self.buy()
        elif crossover(self.average, self.line):
            self.position.close()
            self.sell()


#: The ways in which each example is written here.
WRITINGS: dict[str, tuple[type[Example], ...]] = {
    "SmaCross": (SmaCross,),
    "Donchian": (Donchian,),
    "Bollinger": (Bollinger, BollingerFromFill),
    "Rsi2": (Rsi2,),
    "MacdReversal": (MacdReversal,),
}


# The trades.


def frame_of(bars: Bars) -> pd.DataFrame:
    """Return the bars as backtesting.py takes them."""
    return pd.DataFrame(
        dict(zip(("Open", "High", "Low", "Close"), bars, strict=True)),
        index=pd.date_range("2000-01-01", periods=len(bars.close)),
        dtype=float,
    )


def traded(bars: Bars, kind: type[Strategy], params: Params) -> list[Trade]:
    """Return what backtesting.py trades, oldest first."""
    # Its progress bars would stand between the lines of the tables.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        # Of positions open at the end, and of levels that would have been met in an entry's bar.
        warnings.simplefilter("ignore")
        found = Backtest(frame_of(bars), kind, cash=CASH).run(**params)["_trades"]
    columns = ("Size", "EntryBar", "EntryPrice", "ExitBar", "ExitPrice")
    rows = zip(*(found[name].tolist() for name in columns), strict=True)
    return sorted(
        (Trade("long" if size > 0 else "short", *rest) for size, *rest in rows),
        key=lambda trade: (trade.entry_bar, trade.exit_bar),
    )


def alike(a: Trade, b: Trade) -> bool:
    """Return whether two trades are the same, prices within the tolerance."""
    prices = ((a.entry_price, b.entry_price), (a.exit_price, b.exit_price))
    return (a.side, a.entry_bar, a.exit_bar) == (b.side, b.entry_bar, b.exit_bar) and all(
        abs(x - y) <= TOLERANCE * abs(y) for x, y in prices
    )


class Difference(NamedTuple):
    """A trade of backtesting.py's and the one in its place, either of them None, and why."""

    why: str
    theirs: Trade | None
    specified: Trade | None


class Case(NamedTuple):
    """An example as it is written, with one set of parameters."""

    name: str
    example: str
    kind: type[Example]
    params: Params


def cases() -> Iterator[Case]:
    for example, sets in SETS.items():
        for kind in WRITINGS[example]:
            for number, params in enumerate(sets, 1):
                yield Case(f"{kind.__name__}-{number}", example, kind, params)


def differences(case: Case, bars: Bars, theirs: Sequence[Trade]) -> list[Difference]:
    """Return what differs from the specification, by the bar of the entry.

    Raises
    ------
    ValueError
        If no rule explains one.
    """
    demanded = expected(case.example, bars, case.params, WARMUP).closed
    by_bar = ({t.entry_bar: t for t in theirs}, {t.entry_bar: t for t in demanded})
    found: list[Difference] = []
    # The last bar in which one of the two may have a position that the other has not.
    busy = -1
    for bar in sorted(by_bar[0] | by_bar[1]):
        one, other = (trades.get(bar) for trades in by_bar)
        if one is not None and other is not None and alike(one, other):
            continue
        why = reason(case, bars, one, other, busy)
        if why is None:
            raise ValueError(f"{case.name}: no rule explains {one} instead of {other}")
        found.append(Difference(why, one, other))
        busy = max(busy, *(trade.exit_bar for trade in (one, other) if trade is not None))
    return found


def reason(case: Case, bars: Bars, one: Trade | None, other: Trade | None, busy: int) -> str | None:
    """Return the word for the rule that a difference comes from; None where there is none."""
    if one is None or other is None:
        bar = (one or other).entry_bar  # type: ignore[union-attr]  # one of them is there
        return "after" if bar <= busy else None
    if case.example != "Bollinger" or abs(one.entry_price / other.entry_price - 1) > TOLERANCE:
        return None
    level = SPECIFIED[case.example](bars, case.params).long[1]
    bar = one.entry_bar
    if case.kind is Bollinger and bars.open[bar] < level[bar - 1]:
        return "gap"
    # The first bar in which one of the two is left.
    bar = min(one.exit_bar, other.exit_bar)
    stop = other.entry_price * (1 - case.params["loss"] / 100)
    target = other.entry_price * (1 + case.params["target"] / 100)
    both = bars.low[bar] <= stop and bars.high[bar] >= target
    return "order" if both and one.exit_bar == bar else None


# The files, and what is printed.


def write(case: Case, theirs: Sequence[Trade], found: Sequence[Difference]) -> None:
    """Write the trades of a case, and beside them what they were made of and what differs."""
    with (GOLDEN / f"{case.name}.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(Trade._fields)
        lines.writerows(theirs)
    facts = {
        "example": case.example,
        "params": dict(case.params),
        "symbol": SYMBOL,
        "warmup": WARMUP,
        "made_by": f"backtesting.py {metadata.version('backtesting')}",
        "differences": [],
    }
    head = json.dumps(facts, indent=2).replace("[]\n}", "[")
    rows = ",\n".join(f"    {json.dumps(difference)}" for difference in found)
    text = f"{head}\n{rows}\n  ]\n}}\n" if rows else json.dumps(facts, indent=2) + "\n"
    (GOLDEN / f"{case.name}.json").write_text(text, encoding="utf-8")


def shown(trade: Trade | None) -> str:
    if trade is None:
        return "none"
    return (
        f"{trade.side} {trade.entry_bar} at {trade.entry_price:.2f},"
        f" {trade.exit_bar} at {trade.exit_price:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write tests/golden")
    parser.add_argument("--all", action="store_true", help="print every difference")
    given = parser.parse_args()
    # Not in the environment of other tools, which trade the examples too.
    import wfo

    frame = wfo.load_sample(SYMBOL)
    bars = Bars(*(frame[name].to_list() for name in Bars._fields))
    counts: list[str] = []
    each: list[str] = []
    for case in cases():
        theirs = traded(bars, case.kind, case.params)
        found = differences(case, bars, theirs)
        if given.write:
            write(case, theirs, found)
        number = {why: sum(d.why == why for d in found) for why in REASONS}
        params = ", ".join(f"{name} {value:g}" for name, value in case.params.items())
        equal = len(theirs) - sum(d.theirs is not None for d in found)
        cells = [case.kind.__name__, params, len(theirs), equal, *number.values()]
        counts.append(f"| {' | '.join(str(cell) for cell in cells)} |")
        each += [
            f"| {case.name} | {d.why} | {shown(d.theirs)} | {shown(d.specified)} |"
            for d in (found if given.all or len(found) < 10 else ())
        ]
    words = " | ".join(REASONS)
    print(f"| example | parameters | trades | equal | {words} |")
    print(f"| --- | --- | ---: | ---: |{' ---: |' * len(REASONS)}", *counts, sep="\n")
    print("\n| case | why | backtesting.py | specification |\n| --- | --- | --- | --- |")
    print("\n".join(each))


if __name__ == "__main__":
    main()
