"""Random rules: the oracle, the interpreter and the engines make the same of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from random_rules import HIGHER
from rules_cases import Case, case
from rules_oracle_columns import kinds_of
from rules_parity import Engines, oracle_differs, parity, reading

from wfo.backtest.feeds import Feeds
from wfo.backtest.values import EngineResult
from wfo.rules.checking import changed
from wfo.rules.nodes import OPERATIONS
from wfo.rules.program import ENTRIES, EXITS
from wfo.rules.reference.walk import walk

#: Strategies of the suite, and of `make slow`.
SUITE, SLOW = 100, 5_000

#: Seeds of one test.
CHUNK = 25

#: Strategies that read higher bars, besides.
OVER_HIGHER = range(HIGHER, HIGHER + CHUNK)


@pytest.mark.parametrize("first", [*range(0, SUITE, CHUNK), HIGHER])
def test_engines_agree(first: int) -> None:
    assert [said for k in range(first, first + CHUNK) for said in parity(case(k))] == []


def read_twice(seeds: range, sets: int) -> Counter[str]:
    """Compare the interpreter with the oracle; return what happened."""
    seen: Counter[str] = Counter()
    said = []
    for seed in seeds:
        for number in [*range(min(sets, len(case(seed).sets))), -1]:
            said += oracle_differs(seed, number, walk)
            found = reading(seed, number).found
            seen.update(found.seen)
            seen["runs"] += 1
            seen["runs that trade"] += bool(found.trades)
    assert said == []
    return seen


def test_the_interpreter_reads_the_contract_as_the_oracle_does() -> None:
    seen = read_twice(OVER_HIGHER, 1) + read_twice(range(SUITE), 1)
    # A large share of what is drawn trades, and every event of the contract occurs.
    assert seen["runs that trade"] > 0.55 * seen["runs"]
    resting = ("stop", "limit", "trail", "loss", "target")
    wanted = [f"entry {kind}" for kind in ENTRIES] + [f"exit {kind}" for kind in EXITS]
    wanted += [f"same bar {kind} at open" for kind in resting]
    wanted += ["same bar stop within", "reversal", "both", "ruin", "no shares"]
    wanted += ["two sides touched", "several touched"]
    assert {name: seen[name] for name in wanted if seen[name] < 3} == {}


def test_the_grammar_draws_the_whole_language() -> None:
    programs = [case(seed).program for seed in (*range(SUITE), *OVER_HIGHER)]
    ops = Counter(node.op for program in programs for node in program.nodes)
    assert {op for op in OPERATIONS if ops[op] < 10} == set()
    for name in ("reverse_to_long", "reverse_to_short", "both", "risk", "size"):
        given = [p for p in programs if getattr(p, name) is not None]
        nodes = [p.nodes[getattr(p, name)].op for p in given]
        assert nodes.count("constant") >= 1, name
        assert len(nodes) - nodes.count("constant") >= 2, name
    assert {p.same_bar for p in programs} == {"next", "open", "worst"}
    sides = Counter((bool(p.long), bool(p.short)) for p in programs)
    assert min(sides[True, True], sides[True, False], sides[False, True]) >= 10
    assert max(len(p.long + p.short) for p in programs) > 4
    kinds = [kinds_of(p) for p in programs]
    for program, known in zip(programs, kinds, strict=True):
        assert len(known) == len(program.nodes)
    percent = [o.percent for p in programs for o in p.exit_long if o.kind in ("loss", "target")]
    assert 0 < sum(percent) < len(percent)


@pytest.mark.parametrize("first", [*range(0, SUITE, CHUNK), HIGHER])
def test_later_bars_change_nothing_before(first: int) -> None:
    for seed in range(first, first + CHUNK, 5):
        one = case(seed)
        look_ahead(one, (one.warmup + one.bars) // 2)


def look_ahead(one: Case, t: int) -> None:
    """Assert that bars from `t` on change no fill before, and no order of `t`."""
    engines = Engines(one)
    other = Feeds(changed(one.feeds, t, np.random.default_rng(one.seed)))
    stated = None
    for name in engines.engines:
        if engines.lacks(name) is not None:
            continue
        about = f"{one}, {name}, bar {t}"
        stated = stated or engines.orders(name, 0, t)[1]
        whole, found = engines.simulate(name, 0), engines.simulate(name, 0, on=other)
        assert whole.equity[:t].tolist() == found.equity[:t].tolist(), about
        closed = [[row for row in rows(result) if row[0] < t] for result in (whole, found)]
        assert closed[0] == closed[1], about
        # What fills first in the bar is an order that the bars before state.
        for result, feeds in ((whole, engines.feeds), (found, other)):
            for leave, leaving, enter, entering, _ in rows(result):
                if leave == t and enter < t:
                    assert leaving in fills(stated, feeds, t), about
                    break
                if enter == t:
                    assert entering in fills(stated, feeds, t), about
                    break


def fills(stated: Any, feeds: Feeds, t: int) -> list[float]:
    """Return at which prices the stated orders that work are filled in bar `t`."""
    bar = {name: column[t] for name, column in feeds["bars"].items()}
    found = []
    for order in stated:
        buys = order["action"] in ("buy", "cover_short", "reverse_to_long")
        if order["obstacle"] is not None:
            continue
        fill = bar["open"]
        if order["kind"] == "market":
            pass
        elif buys == (order["kind"] == "stop"):
            if bar["high"] < order["level"]:
                continue
            fill = max(fill, order["level"])
        else:
            if bar["low"] > order["level"]:
                continue
            fill = min(fill, order["level"])
        beyond = order["fills_beyond"]
        if beyond is None or (fill > beyond if buys else fill < beyond):
            found.append(fill)
    return found


def rows(result: EngineResult) -> list[tuple[float, ...]]:
    """Return the closed trades: bar and price of the exit and of the entry, and the side."""
    names = ("exit_bar", "exit_price", "entry_bar", "entry_price", "side")
    return list(zip(*(result.trades[name].tolist() for name in names), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("first", [*range(0, SLOW, 250), HIGHER, HIGHER + 250])
def test_thousands_of_strategies(first: int) -> None:
    seeds = range(first, first + 250)
    said = [s for seed in seeds for s in parity(case(seed), simulated=2)]
    assert said == []
    read_twice(seeds, 2)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 1_000, 250))
def test_look_ahead_of_many_strategies(first: int) -> None:
    for seed in range(first, first + 250):
        one = case(seed)
        for t in {one.warmup, one.warmup + 1, one.split, one.bars - 1}:
            look_ahead(one, t)
