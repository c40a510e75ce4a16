"""The spaces that ship, the files that the documentation shows, and what their programs compute."""

from __future__ import annotations

import datetime as dt
import importlib.util
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
import wfo.search
from wfo.runs.optimizing.examples import EXAMPLES, written_example
from wfo.search.plan import SearchPlan
from wfo.search.plan_file import read_plan
from wfo.search.runner import ProgramEvaluator, WindowSpan
from wfo.search.values import Outcome, Task

SHIPPED = Path(wfo.search.__file__).parent / "examples"
PACKAGE = Path(wfo.__file__).parent
PROGRAMS = ("sma_cross", "swing")


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Any]:
    """Write an example as a user does, and read its space."""

    def write(name: str) -> SearchPlan:
        written_example(name, tmp_path)
        return read_plan(tmp_path / f"{name}.yaml")

    return write


def evaluated(
    plan: SearchPlan, points: Sequence[Mapping[str, Any]], bars: Mapping[str, pl.DataFrame]
) -> list[Outcome]:
    """Evaluate points of a space's program in one window of all bars."""
    found: list[Outcome] = []
    tasks = [Task(at, (0,), point, plan.space.encode(point), at) for at, point in enumerate(points)]
    assert plan.kind == "program"
    with ProgramEvaluator(
        plan.target,
        "program",
        folder=plan.folder,
        space=plan.space,
        symbols=plan.symbols,
        bars=bars,
        windows=(WindowSpan(0),),
    ) as evaluator:
        evaluator.evaluate(tasks, found.append)
    return sorted(found, key=lambda outcome: outcome.trial)


def test_all_that_ships_is_listed_and_can_be_written() -> None:
    assert {path.stem for path in SHIPPED.glob("*.yaml")} == set(EXAMPLES)
    assert {path.stem for path in SHIPPED.glob("*.py")} <= set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_read_as_it_stands(name: str, example: Any) -> None:
    plan = example(name)
    assert plan.space.start or plan.baseline or plan.kind == "strategy"
    assert set(plan.symbols) <= {"SP500", "NASDAQ"}, "the sample has no other bars"
    # What its head tells a user to type.
    head = (SHIPPED / f"{name}.yaml").read_text().partition("\n\n")[0]
    assert f"wfo study example {name}" in head
    assert re.search(rf"wfo optimize {name}\.yaml", head)


def test_the_examples_are_of_the_kinds_that_are_promised(example: Any) -> None:
    other = example("sma_cross")
    assert other.kind == "program"
    assert "from backtesting import" in (SHIPPED / "sma_cross.py").read_text()
    several = example("swing")
    assert several.objective.several
    assert len(several.windows.dates) == 3
    continuous = example("atr_d_continuous")
    assert continuous.target == "atr_d_l"
    assert continuous.space.size is None


def sample(*symbols: str, last: int) -> dict[str, pl.DataFrame]:
    return {symbol: wfo.load_sample(symbol).tail(last) for symbol in symbols}


def test_the_other_backtester_trades_at_every_cross(example: Any) -> None:
    """Of two points, counted from the averages; the slow test below compares all figures."""
    if importlib.util.find_spec("backtesting") is None:
        pytest.skip("backtesting.py is not installed")
    plan = example("sma_cross")
    bars = sample("SP500", last=500)
    points = [{"n1": 5, "n2": 20}, {"n1": 20, "n2": 60}]
    outcomes = evaluated(plan, points, bars)
    assert [outcome.ending for outcome in outcomes] == ["complete"] * 2, outcomes
    closes = bars["SP500"]["close"].to_numpy()
    for point, outcome in zip(points, outcomes, strict=True):
        figures = outcome.figures[0]["SP500"]
        fast, slow = (
            np.convolve(closes, np.ones(n) / n, "valid")[-(len(closes) - point["n2"] + 1) :]
            for n in (point["n1"], point["n2"])
        )
        # One at the last bar is not filled any more.
        crosses = np.count_nonzero(np.diff(np.sign(fast - slow))[:-1])
        assert figures["trades"] == crosses > 0, point
        assert 0 < figures["drawdown"] < 1
        assert figures["profit"] > -figures["drawdown"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek", "ignore:.*insufficient margin")
def test_a_search_finds_what_the_other_backtesters_own_optimizer_finds(
    example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example as it stands, 200 trials by two workers, and the optimizer's whole grid."""
    backtesting = pytest.importorskip("backtesting", reason="backtesting.py is not installed")
    import pandas as pd

    plan = example("sma_cross")
    monkeypatch.chdir(tmp_path)
    report = wfo.optimize("sma_cross.yaml", trials=200, workers=2)
    assert report.counts.complete == 200
    ((inside, _),) = report.windows
    assert inside is not None
    frame = wfo.load_sample("SP500").filter(
        pl.col("date").is_between(*(dt.date.fromisoformat(day) for day in inside))
    )
    table = pd.DataFrame(
        {name.title(): frame[name].to_numpy() for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(frame["date"].to_numpy()),
    )
    module: dict[str, Any] = {"__name__": "sma_cross"}
    exec(compile((SHIPPED / "sma_cross.py").read_text(), "sma_cross.py", "exec"), module)
    test = backtesting.Backtest(
        table, module["SmaCross"], cash=10_000, commission=0.002, finalize_trades=True
    )
    ours: dict[tuple[int, int], float] = {}
    for row in report.table.rows(named=True):
        ours[row["n1"], row["n2"]] = row["sharpe"]
    axes = {d.name: list(d.values or ()) for d in plan.space.dimensions}
    theirs = {
        (n1, n2): float(test.run(n1=n1, n2=n2)["Sharpe Ratio"])
        for n1 in axes["n1"]
        for n2 in axes["n2"]
        if n1 < n2
    }
    assert len(theirs) == 204
    assert {point: theirs[point] for point in ours} == ours
    best = max(theirs, key=lambda point: theirs[point])
    assert tuple(report.best[0].params.values()) == best
    assert report.best[0].score == theirs[best]


def test_the_portfolio_is_recounted_by_hand(example: Any) -> None:
    """Of one rise and one fall: what is bought, at which close, and what the stop leaves."""
    plan = example("swing")
    params = {
        "strategy.swing.sma_fast": 5,
        "strategy.swing.sma_slow": 20,
        "strategy.swing.atr_bars": 14,
        "strategy.swing.stop_atr": 2.0,
        "risk.risk_per_trade_pct": 1.0,
        "risk.max_positions": 1,
    }
    closes = [100.0] * 30 + [110.0] * 3 + [80.0] * 10
    frame = pl.DataFrame(
        {
            "date": [dt.date(2020, 1, 1) + dt.timedelta(n) for n in range(len(closes))],
            "open": closes,
            "high": [c + 1 for c in closes],
            "low": [c - 1 for c in closes],
            "close": closes,
        }
    )
    still = frame.with_columns(pl.lit(100.0).alias(c) for c in ("open", "high", "low", "close"))
    bars = {"SP500": frame, "NASDAQ": still}
    (outcome,) = evaluated(plan, [params], bars)
    assert outcome.ending == "complete", outcome.error
    figures = outcome.figures[0][""]
    # The fast average rises above the slow one at the close of bar 30, and is acted on at that of
    # bar 31. True ranges there: 12 ones of 2, and those of bars 30 (11) and 31 (2).
    distance = 2 * (12 * 2 + 11 + 2) / 14
    shares = 0.01 * 100_000 / distance / 1.0005
    # At the close of bar 33 it is 80, far below the stop.
    made = shares * (80 * 0.9995 - 110 * 1.0005)
    assert figures["trades"] == 1
    assert figures["profit"] == pytest.approx(made / 100_000, rel=1e-9)
    assert figures["win_rate"] == 0
    assert figures["profit_factor"] == 0
    assert figures["drawdown"] == pytest.approx(-made / 100_000, rel=1e-2)


# What the documentation shows


def blocks(path: Path, first: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in found if block.startswith(first)]


def test_spaces_of_the_documentation_are_read(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "sma_cross.py", tmp_path)
    (guide,) = blocks(PACKAGE / "docs" / "search.md", "program:")
    (readme,) = blocks(PACKAGE.parents[1] / "README.md", "program:")
    for name, text in (("guide", guide), ("readme", readme)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        plan = read_plan(path)
        assert (plan.kind, plan.space.size) == ("program", 240), name


def test_every_key_of_a_space_is_described() -> None:
    from wfo.search.plan_file import KEYS

    chapter = (PACKAGE / "FORMATS.md").read_text().partition("## A space of a search")[2]
    rows = re.findall(r"^\| (`.*?) \|", chapter.partition("\n## ")[0], re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == set(KEYS)
