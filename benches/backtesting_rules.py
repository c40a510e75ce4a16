"""In which rules backtesting.py differs from wfo: ``python benches/backtesting_rules.py``.

A few bars made by hand for each rule, what backtesting.py 0.6.6 trades there, and what wfo's rules
demand. It ends with an error where backtesting.py trades otherwise than is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from backtesting import Strategy
from golden_trades import Bars, traded


class Experiment(NamedTuple):
    """What is tried on a few bars: what backtesting.py trades, and what wfo's rules demand.

    Attributes
    ----------
    rule
        What the specification says.
    trial
        What is tried.
    rows
        Open, high, low and close of every bar.
    act
        What the strategy does at the close of a bar, whose number it gets.
    theirs, ours
        Entry bar, entry price, exit bar and exit price of every closed trade.
    """

    rule: str
    trial: str
    rows: Sequence[tuple[float, float, float, float]]
    act: Callable[[Strategy, int], None]
    theirs: Sequence[tuple[int, float, int, float]]
    ours: Sequence[tuple[int, float, int, float]]


FLAT = (100.0, 101.0, 99.0, 100.0)


def at(bar: int, **order: Any) -> Callable[[Strategy, int], None]:
    """Return what places one buy at the close of a bar."""

    def act(strategy: Strategy, t: int) -> None:
        if t == bar:
            strategy.buy(**order)

    return act


def stop_and_leave(strategy: Strategy, t: int) -> None:
    if t == 1:
        strategy.buy()
    elif t == 2:
        strategy.position.close()
        strategy.trades[0].sl = 98.0


def rests(strategy: Strategy, t: int) -> None:
    if t == 1:
        strategy.buy()
        strategy.buy(limit=95.0)
    elif t == 2:
        strategy.trades[0].sl = 97.0
    elif t == 4:
        strategy.position.close()


def both_sides(strategy: Strategy, t: int) -> None:
    if t == 1:
        strategy.sell(stop=95.0)
        strategy.buy(stop=105.0)
    elif t == 3:
        strategy.position.close()


EXPERIMENTS = (
    Experiment(
        "a limit fills at the open where the bar opens beyond it",
        "buy limit 98, the bar opens at 96",
        [FLAT, FLAT, (96, 97, 95, 96), (96, 97, 95, 96), FLAT],
        lambda s, t: s.buy(limit=98.0) if t == 1 else s.position.close() if t == 3 else None,
        [(2, 96.0, 4, 100.0)],
        [(2, 96.0, 4, 100.0)],
    ),
    Experiment(
        "a stop fills at the open where the bar opens beyond it",
        "buy stop 102, the bar opens at 104",
        [FLAT, FLAT, (104, 105, 103, 104), (104, 105, 103, 104), FLAT],
        lambda s, t: s.buy(stop=102.0) if t == 1 else s.position.close() if t == 3 else None,
        [(2, 104.0, 4, 100.0)],
        [(2, 104.0, 4, 100.0)],
    ),
    Experiment(
        "to reach a level exactly counts",
        "buy limit 99, sold at 101, lows of 99 and highs of 101",
        [FLAT, FLAT, FLAT, FLAT, FLAT],
        at(1, limit=99.0, tp=101.0),
        [(2, 99.0, 3, 101.0)],
        [(2, 99.0, 3, 101.0)],
    ),
    Experiment(
        "the levels of a loss and a target are taken from the fill",
        "buy limit 98, `sl=93.1`, 5 % below; the bar opens at 96, a later one falls to 93",
        [FLAT, FLAT, (96, 97, 95, 96), (94, 95, 93, 94), FLAT],
        at(1, limit=98.0, sl=93.1),
        [(2, 96.0, 3, 93.1)],
        [],
    ),
    Experiment(
        'exits of a position work from the next bar on (`same_bar="next"`)',
        "buy at the open, `sl=98`: the bar falls to 97, the next one does not",
        [FLAT, FLAT, (100, 101, 97, 100), FLAT, FLAT],
        at(1, sl=98.0),
        [(2, 100.0, 2, 98.0)],
        [],
    ),
    Experiment(
        "the same",
        "buy limit 99, `sl=98`: the bar falls to 97, the next one does not",
        [FLAT, FLAT, (100, 101, 97, 100), FLAT, FLAT],
        at(1, limit=99.0, sl=98.0),
        [],
        [],
    ),
    Experiment(
        "the same",
        "buy stop 102, `tp=104`, the bar rises to 105, the next one does not",
        [FLAT, FLAT, (100, 105, 99, 104), FLAT, FLAT],
        at(1, stop=102.0, tp=104.0),
        [(2, 102.0, 2, 104.0)],
        [],
    ),
    Experiment(
        "of two levels the one that the open has reached comes first",
        "`sl=98, tp=102`, a bar opens at 103 and falls to 97",
        [FLAT, FLAT, FLAT, (103, 104, 97, 98), FLAT],
        at(1, sl=98.0, tp=102.0),
        [(2, 100.0, 3, 98.0)],
        [(2, 100.0, 3, 103.0)],
    ),
    Experiment(
        "else the one at the extreme nearer to the open",
        "`sl=98, tp=102`, a bar from 100 to 102 and 97",
        [FLAT, FLAT, FLAT, (100, 102, 97, 98), FLAT],
        at(1, sl=98.0, tp=102.0),
        [(2, 100.0, 3, 98.0)],
        [(2, 100.0, 3, 102.0)],
    ),
    Experiment(
        "an exit at the open comes before levels",
        "`position.close()`, then `trade.sl = 98`: the bar falls to 97",
        [FLAT, FLAT, FLAT, (100, 101, 97, 100), FLAT],
        stop_and_leave,
        [(2, 100.0, 3, 98.0)],
        [(2, 100.0, 3, 100.0)],
    ),
    Experiment(
        "entries work from the bar after an exit",
        "a buy limit at 95 rests while a position is stopped at 97 in the same bar",
        [FLAT, FLAT, FLAT, (100, 101, 94, 96), (96, 99, 96, 98), FLAT],
        rests,
        [(2, 100.0, 3, 97.0), (3, 95.0, 5, 100.0)],
        [(2, 100.0, 3, 97.0)],
    ),
    Experiment(
        "an order works for one bar",
        "buy limit 95, never cancelled, touched two bars later",
        [FLAT, FLAT, FLAT, (96, 97, 94, 96), (96, 97, 95, 96), FLAT],
        lambda s, t: s.buy(limit=95.0) if t == 1 else s.position.close() if t == 4 else None,
        [(3, 95.0, 5, 100.0)],
        [],
    ),
    Experiment(
        "of two entries in one bar the path decides, and the first cancels the other",
        "sell stop 95, then buy stop 105, a bar from 100 to 106 and 93",
        [FLAT, FLAT, (100, 106, 93, 96), FLAT, FLAT],
        both_sides,
        [(2, 95.0, 4, 100.0)],
        [(2, 105.0, 4, 100.0)],
    ),
)


def tried(experiment: Experiment) -> list[tuple[int, float, int, float]]:
    """Return what backtesting.py trades in an experiment."""

    class Tried(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            experiment.act(self, len(self.data) - 1)

    bars = Bars(*zip(*experiment.rows, strict=True))
    return [trade[1:] for trade in traded(bars, Tried, {})]


def print_rules() -> None:
    """Print what the experiments showed.

    Raises
    ------
    AssertionError
        If backtesting.py traded otherwise than is said.
    """
    print("| wfo | tried | backtesting.py | wfo |\n| --- | --- | --- | --- |")
    for experiment in EXPERIMENTS:
        got = tried(experiment)
        assert got == list(experiment.theirs), (experiment.trial, got)
        cells = [
            "; ".join(f"{a} at {p:g}, {b} at {q:g}" for a, p, b, q in trades) or "none closed"
            for trades in (got, experiment.ours)
        ]
        print(f"| {experiment.rule} | {experiment.trial} | {' | '.join(cells)} |")


if __name__ == "__main__":
    print_rules()
