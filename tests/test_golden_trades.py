"""The examples of own strategies against backtesting.py's trades of the sample, `tests/golden`.

`benches/golden_trades.py` made the files and lists the differences, each with its reason: where
backtesting.py has another rule, the trade that the specification demands stands beside its own.
"""

from __future__ import annotations

import csv
import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import golden_oracle
import pytest
from golden_oracle import Bars, Trade

import wfo
from wfo import examples

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.csv"))

#: Indicators are computed in another way by each of the three.
TOLERANCE = 1e-9

#: What a difference may come from, by example: the script says what the words mean.
ALLOWED: dict[str, set[str]] = {
    "SmaCross": set(),
    "Donchian": set(),
    "Bollinger": {"gap", "order", "after"},
    "BollingerFromFill": {"order"},
    "Rsi2": set(),
    "MacdReversal": set(),
}


class Golden(NamedTuple):
    """What backtesting.py traded, of what, and where that differs."""

    example: str
    params: dict[str, float]
    symbol: str
    warmup: int
    traded: list[Trade]
    differences: list[tuple[str, Trade | None, Trade | None]]


@functools.cache
def golden(name: str) -> Golden:
    with (GOLDEN / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == Trade._fields
    facts = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    differences = [
        (why, *(None if trade is None else Trade(*trade) for trade in both))
        for why, *both in facts["differences"]
    ]
    traded = [Trade(side, int(a), float(p), int(b), float(q)) for side, a, p, b, q in rows]
    return Golden(
        facts["example"], facts["params"], facts["symbol"], facts["warmup"], traded, differences
    )


def demanded(name: str) -> list[Trade]:
    """Return the golden trades, those that another rule brought replaced."""
    found = golden(name)
    theirs = [trade for _, trade, _ in found.differences if trade is not None]
    assert set(theirs) <= set(found.traded)
    kept = [trade for trade in found.traded if trade not in set(theirs)]
    kept += [trade for _, _, trade in found.differences if trade is not None]
    return sorted(kept, key=lambda trade: trade.entry_bar)


@functools.cache
def bars_of(symbol: str) -> Bars:
    frame = wfo.load_sample(symbol)
    return Bars(*(frame[name].to_list() for name in Bars._fields))


def assert_same(found: list[Trade], wanted: list[Trade]) -> None:
    def facts(trades: list[Trade]) -> list[tuple[Any, ...]]:
        return [(trade.side, trade.entry_bar, trade.exit_bar) for trade in trades]

    def prices(trades: list[Trade]) -> list[float]:
        return [p for trade in trades for p in (trade.entry_price, trade.exit_price)]

    assert facts(found) == facts(wanted)
    assert prices(found) == pytest.approx(prices(wanted), rel=TOLERANCE, abs=0)


def test_every_example_has_two_sets() -> None:
    assert sorted(f"{example}-{number}" for example in ALLOWED for number in (1, 2)) == NAMES
    assert {golden(name).example for name in NAMES} == set(golden_oracle.EXAMPLES)


@pytest.mark.parametrize("name", NAMES)
def test_differences_are_all_there_is_beside_the_specification(name: str) -> None:
    case = golden(name)
    bars = bars_of(case.symbol)
    wanted = golden_oracle.expected(case.example, bars, case.params, case.warmup)
    assert_same(demanded(name), wanted.closed)
    assert {why for why, _, _ in case.differences} <= ALLOWED[name.partition("-")[0]]


@pytest.mark.parametrize("engine", ["direct", "factored"])
@pytest.mark.parametrize("name", NAMES)
def test_an_example_trades_as_backtesting_py_does_but_for_the_differences(
    name: str, engine: str
) -> None:
    case = golden(name)
    found = wfo.simulate(
        getattr(examples, case.example),
        wfo.load_sample(case.symbol),
        case.params,
        split=len(bars_of(case.symbol).close) // 2,
        warmup=case.warmup,
        engine=engine,
    )
    rows = found.trades.select(*Trade._fields).iter_rows()
    assert_same([Trade(*row) for row in rows], demanded(name))
