"""Searches from their file to what they leave on disk: ``wfo.optimize`` and ``wfo optimize``."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import math
import shlex
import shutil
import statistics
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from searching import InProcess

import wfo
from wfo.cli import main
from wfo.data import sample_store
from wfo.files import write_sealed
from wfo.runs.holdout.spent import HoldoutFigures, Spent
from wfo.runs.optimizing import preparing
from wfo.runs.optimizing.call import read_study
from wfo.runs.optimizing.identity import target_digest
from wfo.runs.optimizing.ranked import order_of
from wfo.runs.optimizing.windows import resolve
from wfo.search.objective import Objective, Scoring
from wfo.search.plan import DateWindow, SearchWindows
from wfo.search.plan_file import read_plan
from wfo.stats import deflated_sharpe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs run on POSIX systems")

#: A hill over two parameters; it fails where it is told to.
PROGRAM = """
def evaluate(params):
    x, y = params["s"]["x"], params["s"]["deep"]["y"]
    if x in FAILS:
        raise ValueError(f"x = {x} does not do")
    return {"height": -(x - 2) ** 2 - (y - 0.4) ** 2, "count": 10 * x}
"""

SPACE = """
program: prog.py:evaluate
parameters: {s: {x: [1, 2, 3], deep: {y: [0.2, 0.4]}}}
fixed: {s: {name: toy}, tries: 3}
objective: height
method: grid
"""

#: Of the bars of its window, so that what it was given shows.
LOOKING = """
def evaluate(params, *, symbols, bars, window):
    found = {}
    for symbol in symbols:
        days, close = bars[symbol]["date"], bars[symbol]["close"]
        with open(LOG, "a") as file:
            print(symbol, params["n"], window["start"], window["end"], days[0], days[-1], file=file)
        change = close[params["n"]:].to_numpy() / close[: -params["n"]].to_numpy() - 1
        found[symbol] = {"profit": float(change.mean()), "bars": len(days),
                         "last": days[-1].toordinal()}
    return found
"""


def _made(folder: Path, space: str, program: str = "", **names: Any) -> Path:
    """Write a space and its program; return the path of the space."""
    folder.mkdir(parents=True, exist_ok=True)
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    (folder / "prog.py").write_text(head + textwrap.dedent(program))
    path = folder / "space.yaml"
    path.write_text(textwrap.dedent(space))
    return path


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare programs a process, but in tests that are about processes."""
    if "processes" not in request.fixturenames:
        monkeypatch.setattr(preparing, "ProgramEvaluator", InProcess)
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def processes() -> None:
    """Let programs run in processes of their own."""


# What it leaves


def test_a_space_as_a_dict_is_that_of_its_file(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _made(tmp_path, SPACE, PROGRAM, FAILS=())
    given = yaml.safe_load(path.read_text())
    monkeypatch.chdir(tmp_path)
    one = wfo.optimize(path, out=out, trials=4)
    other = wfo.optimize(given, study="other", out=out, trials=4, symbols=["NASDAQ"])
    assert one.table.drop("seconds").equals(other.table.drop("seconds"))
    assert json.loads(other.plan.text) == given
    text = (other.folder / "other_best.yaml").read_text()
    call = f"wfo.optimize(space, symbols=['NASDAQ'], trials=4, study='other', out={str(out)!r})"
    assert call in text
    # The same call goes on with it.
    more = wfo.optimize(given, study="other", out=out, trials=6, symbols=["NASDAQ"])
    assert more.counts.trials == 6


def test_a_dict_that_is_no_space(out: Path) -> None:
    space = {"program": "prog.py:evaluate", "parameters": {"x": [1, 2]}, "objective": "sharpe"}
    circle: dict[str, Any] = dict(space)
    circle["parameters"] = {"x": circle}
    for wrong, said in (
        (space, "study must be given"),
        ({**space, "program": print}, "type builtin_function_or_method|of a function its place"),
        ({**space, "trials": math.nan}, "space has values that no file can"),
        (circle, "space has values that no file can"),
        ({**space, "fixed": {"text": "x" * 2_000_000}}, "space has|are the most|beyond"),
        ({**space, "methot": "ga"}, "space: 'methot' is no key of a search"),
        ({}, "space"),
    ):
        study = None if wrong is space else "made"
        with pytest.raises(wfo.WfoError, match=said) as found:
            wfo.optimize(wrong, study=study, out=out)
        assert len(str(found.value)) < 2000
    assert not out.exists()


@pytest.mark.usefixtures("processes")
def test_a_two_by_two_grid(tmp_path: Path, out: Path) -> None:
    space = SPACE.replace("[1, 2, 3]", "[1, 2]")
    report = wfo.optimize(_made(tmp_path, space, PROGRAM, FAILS=()), out=out)
    assert report.counts.trials == report.counts.complete == 4
    assert report.state == "exhausted"
    study = out / "optimization" / "space"
    assert report.folder == study
    assert {p.name for p in study.iterdir()} == {
        "study.sqlite", "summary.json", "ranked_results.csv", "failed.csv", "best_config.json",
        "space_best.yaml", "optimization.log",
    }  # fmt: skip
    ranked = _rows(study / "ranked_results.csv")
    points = [(int(r["s.x"]), float(r["s.deep.y"])) for r in ranked]
    # Equal ones in their order.
    assert points == [(2, 0.4), (2, 0.2), (1, 0.4), (1, 0.2)]
    assert [int(r["trial"]) for r in ranked] == [3, 2, 1, 0]
    assert [float(r["height"]) for r in ranked] == pytest.approx([0, -0.04, -1, -1.04])
    assert [r["rank"] for r in ranked] == ["1", "2", "3", "4"]
    assert all(r["score"] == r["height"] and float(r["violation"]) == 0 for r in ranked)
    best = {"s": {"x": 2, "deep": {"y": 0.4}, "name": "toy"}, "tries": 3}
    assert json.loads((study / "best_config.json").read_text()) == best
    assert yaml.safe_load((study / "space_best.yaml").read_text()) == best
    assert _rows(study / "failed.csv") == []
    log = [json.loads(line) for line in (study / "optimization.log").read_text().splitlines()]
    assert [line["trial"] for line in log] == [0, 1, 2, 3]
    assert log[3]["params"] == {"s.x": 2, "s.deep.y": 0.4}
    assert "Search 'space'" in report.page


def test_the_summary_says_what_was_searched(tmp_path: Path, out: Path) -> None:
    path = _made(tmp_path, SPACE, PROGRAM, FAILS=())
    report = wfo.optimize(path, seed=5, out=out, study="other")
    said = json.loads((out / "optimization" / "other" / "summary.json").read_text())
    assert (said["study"], said["seed"], said["method"]) == ("other", 5, "grid")
    assert (said["kind"], said["target"]) == ("program", "prog.py:evaluate")
    assert said["counts"]["complete"] == said["trials"] == 6
    assert said["space"] == report.plan.space.to_dict()
    assert {"wfo", "python", "numpy"} <= set(said["versions"])
    assert said["seconds"] > 0
    assert "--seed 5" in said["command"]
    assert "--study other" in said["command"]
    assert said["git_commit"] == ""


def test_what_is_read_back_is_what_was_returned(tmp_path: Path, out: Path) -> None:
    report = wfo.optimize(_made(tmp_path, SPACE, PROGRAM, FAILS=(3,)), out=out)
    again = wfo.read_study(report.folder)
    # Of the time that it took milliseconds are kept, and the page rounds both.
    assert again.seconds == pytest.approx(report.seconds, abs=1e-3)
    assert dataclasses.replace(again, seconds=report.seconds).page == report.page
    assert again.best == report.best
    assert again.table.equals(report.table)
    assert (again.counts, again.errors, again.state) == (
        report.counts,
        report.errors,
        report.state,
    )


def test_ten_random_samples(tmp_path: Path, out: Path) -> None:
    space = SPACE.replace("[1, 2, 3]", "{int: [0, 100]}").replace("grid", "random")
    report = wfo.optimize(_made(tmp_path, space, PROGRAM, FAILS=()), trials=10, out=out)
    rows = _rows(report.folder / "ranked_results.csv")
    assert len({(r["s.x"], r["s.deep.y"]) for r in rows}) == 10
    assert [float(r["score"]) for r in rows] == sorted(float(r["score"]) for r in rows)[::-1]


def test_candidates_that_fail(tmp_path: Path, out: Path) -> None:
    report = wfo.optimize(_made(tmp_path, SPACE, PROGRAM, FAILS=(1, 2)), out=out)
    assert (report.counts.complete, report.counts.failed) == (2, 4)
    assert report.obstacle == ""
    ranked, failed = (_rows(report.folder / f"{n}.csv") for n in ("ranked_results", "failed"))
    assert {r["s.x"] for r in ranked} == {"3"}
    assert [r["s.x"] for r in failed] == ["1", "1", "2", "2"]
    assert all(f"x = {r['s.x']} does not do" in r["error"] for r in failed)
    assert [count for _, count in report.errors] == [2, 2]


def test_names_of_a_program_are_columns_of_their_own(tmp_path: Path, out: Path) -> None:
    names = ["rank", "trial", "score", "violation", "state", "batch", "seconds"]
    names += ["error", "printed", "attempts"]
    space = _made(
        tmp_path,
        "program: prog.py:evaluate\nobjective: height\nmethod: grid\ntrials: 4\nparameters:\n"
        + "".join(f"  {name}: [{at}, {at + 50}]\n" for at, name in enumerate(names[:2]))
        + "".join(f"  {name}: [{at}]\n" for at, name in enumerate(names[2:], 2)),
        """
        def evaluate(params):
            if params["trial"] > 50:
                raise ValueError("no")
            return {"height": params["rank"], "=2+2": 3.0, "out_of_sample.height": 4.0}
        """,
    )
    wfo.optimize(space, out=out)
    study = out / "optimization" / "space"
    ranked, failed = _rows(study / "ranked_results.csv"), _rows(study / "failed.csv")
    assert [row["trial"] for row in (*ranked, *failed)] == ["2", "0", "1", "3"]
    for row in (*ranked, *failed):
        assert [row[f"parameter.{name}"] for name in names[2:]] == [*map(str, range(2, 10))]
    assert [row["parameter.rank"] for row in ranked] == ["50", "0"]
    assert ranked[0]["'=2+2"] == "3.0"


def test_all_candidates_fail(tmp_path: Path, out: Path) -> None:
    path = _made(tmp_path, SPACE, PROGRAM, FAILS=(1, 2, 3))
    # The command says so and ends with 1.
    report = wfo.optimize(path, out=out)
    assert (report.counts.failed, report.best) == (6, ())
    assert all("does not do" in report.trials.errors[trial] for trial in range(6))
    study = out / "optimization" / "space"
    assert _rows(study / "ranked_results.csv") == []
    assert len(_rows(study / "failed.csv")) == 6
    assert not (study / "best_config.json").exists()
    assert json.loads((study / "summary.json").read_text())["counts"]["failed"] == 6


def test_more_trials_add_to_a_study(tmp_path: Path, out: Path) -> None:
    space = SPACE.replace("[1, 2, 3]", "{int: [0, 100]}").replace("grid", "random")
    path = _made(tmp_path, space, PROGRAM, FAILS=())
    first = wfo.optimize(path, trials=10, out=out)
    more = wfo.optimize(path, trials=25, out=out)
    assert len(more.trials) == 25
    assert more.trials.rows[:10].tolist() == first.trials.rows.tolist()
    assert more.counts.asked == 25
    # Fewer ask for nothing, and say what there is.
    fewer = wfo.optimize(path, trials=5, out=out)
    assert len(fewer.trials) == 25


@pytest.mark.usefixtures("processes")
def test_a_program_that_prints_is_told_of(tmp_path: Path, out: Path) -> None:
    program = PROGRAM.replace("    x, y", "    print('hello')\n    x, y")
    report = wfo.optimize(_made(tmp_path, SPACE, program, FAILS=()), out=out)
    assert report.counts.complete == 6
    assert any("standard output" in each and "hello" in each for each in report.warnings)


def test_the_pareto_set_is_ranked_before_what_it_dominates() -> None:
    scoring = Scoring(Objective.read(["height", "width"], "objective"))
    table = scoring.table()
    for height, width in ((3, 3), (4.5, 4.5), (4, 4), (10, 0), (0, 10), (5, 5)):
        table.append([{"": {"height": height, "width": width}}])
    scored = scoring.view(table)
    # By their mean rank alone the second one, which the last dominates, came before the ends.
    assert scored.scores[1] > scored.scores[3] == scored.scores[4]
    assert order_of(scored).tolist() == [5, 3, 4, 1, 2, 0]


# Bars and windows


@pytest.mark.parametrize("kind", ["program", "module", "command"])
def test_links_to_what_is_run_are_followed(kind: str, tmp_path: Path, out: Path) -> None:
    """An interpreter of a virtual environment is one."""
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.py"
    real.write_text("def evaluate(params):\n    return {'height': params['x']}\n")
    target = {
        "program": "program: link.py:evaluate",
        "module": "program: link:evaluate",
        "command": "command: [./link.py, 'sh']",
    }[kind]
    space = f"{target}\nparameters: {{x: [1, 2]}}\nobjective: height\nmethod: grid\n"
    path = _made(tmp_path / "space", space)
    (path.parent / "link.py").symlink_to(real)
    plan = read_plan(path)
    before = target_digest(plan)
    assert before
    if kind == "program":
        assert wfo.optimize(path, out=out).counts.complete == 2
    real.write_text(real.read_text() + "# changed\n")
    assert target_digest(plan) != before


def test_several_symbols_are_put_together_by_the_median(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500, NASDAQ]
    parameters: {n: [1, 5, 20]}
    objective: profit
    method: grid
    """
    symbols = ["SP500", "NASDAQ"]
    path = _made(tmp_path, space, LOOKING, LOG=str(tmp_path / "log"))
    # Gone on with, as the command does after an interruption.
    assert wfo.optimize(path, out=out, trials=2).spent == dict.fromkeys(symbols, 2)
    report = wfo.optimize(path, out=out)
    assert report.counts.complete == 3
    for trial in range(3):
        (window,) = report.trials.figures_of(trial)
        values = [window[symbol]["profit"] for symbol in symbols]
        assert report.scored.scores[trial] == statistics.median(values)
    # Counted under each symbol, and once however often the same command is given.
    wfo.optimize(path, out=out)
    for symbol in symbols:
        counted = json.loads((out / symbol / "trials.json").read_text())
        assert counted["total"] == 3
        assert counted["searches"][0]["strategy"] == "prog.py:evaluate"
    assert report.spent == dict.fromkeys(symbols, 3)


def test_no_search_takes_trials_off_the_count(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500]
    parameters: {n: {int: [1, 40]}}
    objective: profit
    method: ga
    """
    path = _made(tmp_path, space, LOOKING, LOG=str(tmp_path / "log"))

    def total(study: str, trials: int) -> int:
        report = wfo.optimize(path, out=out, study=study, trials=trials)
        counted = json.loads((out / "SP500" / "trials.json").read_text())["total"]
        assert report.spent == {"SP500": counted}
        return int(counted)

    assert total("one", 20) == 20
    # Extended, it is one search; what was done before under another name is the same one.
    assert total("one", 30) == 30
    assert total("again", 20) == 30
    # With a population of another size a method has other points.
    assert total("other", 10) == 40
    shutil.rmtree(out / "optimization")
    assert total("one", 20) == 40


def test_a_program_sees_the_bars_of_its_window_alone(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500]
    parameters: {n: [1, 5, 20]}
    objective: profit
    holdout: 1y
    top: 2
    method: grid
    """
    log = tmp_path / "log"
    report = wfo.optimize(_made(tmp_path, space, LOOKING, LOG=str(log)), out=out)
    bars = wfo.load_sample("SP500")["date"].to_list()
    cut = bars[-1].replace(year=bars[-1].year - 1)
    kept = [day for day in bars if day <= cut]
    split = kept[round(0.7 * len(kept))]
    calls = [line.split()[1:] for line in log.read_text().splitlines()]
    inside = [call for call in calls if call[1] == kept[0].isoformat()]
    outside = [call for call in calls if call[1] == split.isoformat()]
    assert len(inside) + len(outside) == len(calls)
    before = kept[kept.index(split) - 1].isoformat()
    assert {tuple(call[3:]) for call in inside} == {(kept[0].isoformat(), before)}
    assert {tuple(call[3:]) for call in outside} == {(split.isoformat(), kept[-1].isoformat())}
    # Each point once, and out-of-sample the two best, after all of them.
    assert sorted(int(call[0]) for call in inside) == [1, 5, 20]
    best = {each.params["n"] for each in report.best}
    assert {int(call[0]) for call in outside} == best
    assert len(outside) == 2
    assert calls[-2:] == outside or sorted(calls[-2:]) == sorted(outside)
    assert report.holdout is not None
    assert report.holdout[0] > cut.isoformat()
    first = report.best[0].parts
    assert first.out_of_sample["last"] == kept[-1].toordinal()
    ranked = _rows(report.folder / "ranked_results.csv")
    assert [bool(row["out_of_sample.profit"]) for row in ranked] == [True, True, False]
    assert float(ranked[0]["out_of_sample.profit"]) == first.out_of_sample["profit"]
    assert report.held is not None
    assert {"profit", "sharpe"} <= set(report.held.out_of_sample)


def test_a_program_is_given_the_bars_before_its_windows_where_it_asks(
    tmp_path: Path, out: Path
) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500]
    parameters: {n: [1, 5]}
    objective: profit
    windows: {in: 2005-01-01/2007-01-01, out: 2008-01-01/2009-01-01}
    warmup: 50
    top: 1
    """
    log = tmp_path / "log"
    report = wfo.optimize(_made(tmp_path, space, LOOKING, LOG=str(log)), out=out)
    days = wfo.load_sample("SP500")["date"].to_list()
    for start, end in (("2005-01-01", "2007-01-01"), ("2008-01-01", "2009-01-01")):
        inside = [day for day in days if start <= day.isoformat() < end]
        first = days[days.index(inside[0]) - 50]
        calls = [line.split() for line in log.read_text().splitlines()]
        seen = {tuple(call[2:]) for call in calls if call[3] == end}
        # The window says where it begins; the bars begin earlier, and end with it.
        assert len(seen) == 1
        (found,) = seen
        assert found[2:] == (first.isoformat(), inside[-1].isoformat())
        assert found[0] >= start
    assert "50 bars before each window" in report.page


def test_holding_beside_a_program_is_bought_at_the_first_bar(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [NASDAQ]
    parameters: {n: [1, 5]}
    objective: profit
    windows: {in: 2001-01-02/2006-01-03, out: 2006-06-01/2009-01-01}
    """
    report = wfo.optimize(_made(tmp_path, space, LOOKING, LOG=str(tmp_path / "log")), out=out)
    assert report.held is not None
    (window,) = report.held.windows
    spans = (dt.date(2001, 1, 2), dt.date(2006, 1, 3)), (dt.date(2006, 6, 1), dt.date(2009, 1, 1))
    for (first, after), part in zip(spans, (window.in_sample, window.out_of_sample), strict=True):
        bars = wfo.load_sample("NASDAQ").filter(
            (pl.col("date") >= first) & (pl.col("date") < after)
        )
        closes, bought_at = bars["close"].to_numpy(), bars["open"][0]
        own = part["NASDAQ"]
        assert own["profit"] == pytest.approx(closes[-1] / bought_at - 1, rel=1e-9)
        marks = np.append(bought_at, closes)
        returns = marks[1:] / marks[:-1] - 1
        sharpe = returns.mean() / returns.std(ddof=1) * math.sqrt(252)
        assert own["sharpe"] == pytest.approx(sharpe, rel=1e-9)
        assert own["bars"] == len(bars)
        assert own["exposure"] == 1


def test_a_baseline_has_its_rank_among_the_trials(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    parameters: {s: {x: [1, 2, 3, 4, 5], deep: {y: [0.2, 0.4]}}}
    objective: {weights: {height: 3, count: 1}, normalise: rank}
    baseline: {s: {x: 2, deep: {y: 0.2}}}
    method: grid
    trials: 8
    batch: 4
    top: 2
    """
    # The grid goes by its last dimension first: what it leaves out are the points of x = 5.
    path = _made(tmp_path, space, PROGRAM, FAILS=())
    known = wfo.optimize(path, out=out, study="known")
    assert known.baseline is not None
    assert known.baseline.trial is not None
    assert known.baseline.score == known.scored.scores[known.baseline.trial]
    path.write_text(path.read_text().replace("{s: {x: 2, deep", "{s: {x: 5, deep"))
    report = wfo.optimize(path, out=out, study="other")
    base = report.baseline
    assert base is not None
    assert base.trial is None
    # -9.04 is the lowest of all heights, and 50 the largest count of all.
    assert dict(base.components) == {"height": 0, "count": 1}
    assert base.score == pytest.approx(0.25)


def test_a_hold_out_that_another_run_has_spent_is_told_of(tmp_path: Path, out: Path) -> None:
    space = STRATEGY.replace("block: none", "block: none\nholdout: 1y")
    path = _made(tmp_path, space)
    report = wfo.optimize(path, out=out)
    assert any("wfo study spend-holdout" in note for note in report.notes)
    assert not any("has spent" in each for each in report.warnings)
    days = wfo.load_sample("NASDAQ")["date"].to_list()
    figures = HoldoutFigures(0.1, 0.1, 0.2, 3, 1.0, 0.5)
    spent = Spent(
        run="0123456789abcdef" * 4, folder="NASDAQ", command="wfo run", at="2026-01-01T00:00:00Z",
        version="0.1.0", symbols=("NASDAQ",), timeframe="1day", span="6m", first=days[-100],
        last=days[-1], bars=100, digest="a" * 64, settings={}, finalists=(), held=figures,
    )  # fmt: skip
    write_sealed(out / "NASDAQ" / "holdouts.json", {"version": 1, "spent": [spent.to_dict()]})
    again = wfo.optimize(path, out=out)
    (told,) = [each for each in again.warnings if "has spent" in each]
    assert f"the run NASDAQ (01234567) has spent the bars of NASDAQ from {days[-100]}" in told
    assert report.windows[-1][1] is not None
    assert report.windows[-1][1][1] < report.holdout[0]  # type: ignore[index]  # there is one


def test_windows_by_dates(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500]
    parameters: {n: [1, 5]}
    objective: profit
    windows:
      - {in: 2005-01-01/2007-01-01, out: 2007-06-01/2008-01-01}
      - {in: 2010-01-01/2012-01-01, out: 2012-01-01/2013-01-01}
    """
    report = wfo.optimize(_made(tmp_path, space, LOOKING, LOG=str(tmp_path / "log")), out=out)
    days = wfo.load_sample("SP500")["date"].to_list()

    def count(first: str, after: str) -> int:
        return sum(first <= day.isoformat() < after for day in days)

    best = report.best[0].parts
    assert best.windows[0].in_sample["SP500"]["bars"] == count("2005-01-01", "2007-01-01")
    assert best.windows[0].out_of_sample["SP500"]["bars"] == count("2007-06-01", "2008-01-01")
    assert best.windows[1].out_of_sample["SP500"]["bars"] == count("2012-01-01", "2013-01-01")
    profits = [window[""] if "" in window else window["SP500"] for window in
               report.trials.figures_of(report.best[0].trial or 0)]  # fmt: skip
    assert report.best[0].score == pytest.approx(np.mean([p["profit"] for p in profits]))


@pytest.mark.parametrize("name", ["default", "rolling"])
def test_a_schedule_is_laid_as_a_run_lays_it(name: str) -> None:
    days = wfo.load_sample("NASDAQ")["date"].to_list()
    schedule = wfo.Windows.preset(name)
    own = resolve(SearchWindows("schedule", schedule), {"NASDAQ": days}, need=60)
    assert own.bounds["NASDAQ"] == tuple(p.bounds for p in schedule.resolve(days, warmup=100))
    shown = own.shown({"NASDAQ": days})
    first = schedule.resolve(days, warmup=100)[0]
    assert shown[0] == (
        tuple(day.isoformat() for day in first.in_sample),
        tuple(day.isoformat() for day in first.out_of_sample),
    )


def test_symbols_of_unequal_histories_are_looked_at_on_the_same_days() -> None:
    long = [dt.date(2000, 1, 1) + dt.timedelta(k) for k in range(4_000)]
    short = long[1_000:3_500]
    windows = SearchWindows("share", share=0.5)
    found = resolve(windows, {"A": long, "B": short})
    (a,), (b,) = found.bounds["A"], found.bounds["B"]
    assert [long[a[0]], long[a[1]], long[a[2] - 1]] == [short[b[0]], short[b[1]], short[b[2] - 1]]
    assert b == (0, 1250, 2500)


@pytest.mark.parametrize(
    ("windows", "days", "said"),
    [
        (SearchWindows("share", share=0.5), {"A": (0, 1)}, "too few to keep some"),
        (SearchWindows("share", share=0.5), {"A": (0, 9), "B": (20, 30)}, "no days in common"),
        (SearchWindows("schedule", wfo.Windows.preset()), {"A": (0, 50)}, "too little history"),
    ],
)
def test_bars_that_windows_do_not_fit(
    windows: SearchWindows, days: Mapping[str, tuple[int, int]], said: str
) -> None:
    begin = dt.date(2020, 1, 1)
    every = {s: [begin + dt.timedelta(k) for k in range(*span)] for s, span in days.items()}
    with pytest.raises(wfo.DataError, match=said):
        resolve(windows, every)


def test_dates_that_a_strategy_cannot_trade() -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(k) for k in range(1_000)]
    d = dt.date

    def laid(*spans: dt.date, need: int = 50) -> Any:
        windows = (DateWindow(spans[:2], spans[2:]),)  # type: ignore[arg-type]  # four of them
        return resolve(SearchWindows("dates", dates=windows), {"A": days}, need=need)

    found = laid(d(2020, 6, 1), d(2021, 1, 1), d(2021, 1, 1), d(2022, 1, 1))
    assert found.bounds["A"] == ((152, 366, 731),)
    with pytest.raises(wfo.DataError, match="looks back 50; begin it on 2020-02-20"):
        laid(d(2020, 1, 10), d(2021, 1, 1), d(2021, 1, 1), d(2022, 1, 1))
    with pytest.raises(wfo.InputError, match="out must begin where in ends, on 2021-01-01"):
        laid(d(2020, 6, 1), d(2021, 1, 1), d(2021, 3, 1), d(2022, 1, 1))
    with pytest.raises(wfo.DataError, match="no out-of-sample bars"):
        laid(d(2020, 6, 1), d(2023, 1, 1), d(2023, 1, 1), d(2024, 1, 1))


# Strategies


STRATEGY = """
strategy: atr_d_l
symbols: [NASDAQ]
parameters: {atr_period: [5, 9, 20], atr_multiplier: [2, 4]}
objective: total_return
method: grid
block: none
baseline: {atr_period: 9, atr_multiplier: 2}
top: 2
"""


def test_the_best_of_a_strategy_comes_with_a_command_that_simulates_it(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = _made(tmp_path, STRATEGY + "settings: {slip: 0.002}\ntrials: 2\n")
    report = wfo.optimize(space, data_dir=sample_store().folder, out=out)
    text = (report.folder / "space_best.yaml").read_text()
    (line,) = [each for each in text.splitlines() if each.startswith("# wfo simulate ")]
    with pytest.raises(SystemExit) as end:
        main(shlex.split(line)[2:])
    page = capsys.readouterr().out
    assert end.value.code in (0, None)
    assert page.startswith("NASDAQ 1day, atr_d_l")
    assert f"atr_period {report.best[0].params['atr_period']}," in page
    assert "0.2 %" in page
    # All parameters are set, so that none is a default of today.
    assert "is left out" not in page


def test_a_strategy_out_of_sample_is_what_a_simulation_says(tmp_path: Path, out: Path) -> None:
    report = wfo.optimize(_made(tmp_path, STRATEGY), data_dir=sample_store().folder, out=out)
    assert report.counts.complete == 6
    bars = wfo.load_sample("NASDAQ")
    best = report.best[0]
    params = {**report.plan.filled, **best.params}
    phases = wfo.Windows.preset("default").resolve(bars["date"], warmup=100)
    for phase, window in zip(phases, best.parts.windows, strict=True):
        simulation = wfo.simulate(
            "atr_d_l", bars[: phase.end], params, split=phase.split, warmup=phase.warmup
        )
        found = wfo.simulation_metrics(
            simulation,
            bars["date"][: phase.end].to_list(),
            warmup=phase.warmup,
            split=phase.split,
            bars_per_year=252.0,
        )
        own = window.out_of_sample["NASDAQ"]
        assert own["total_return"] == pytest.approx(found.out_of_sample.total_return, rel=1e-9)
        assert own["trades"] == found.out_of_sample.trades
    inside = [w.in_sample["NASDAQ"]["total_return"] for w in best.parts.windows]
    assert best.score == pytest.approx(np.mean(inside), rel=1e-6)
    assert 0 <= best.dsr <= 1
    assert report.held is not None
    held = wfo.buy_and_hold(bars, split=phases[-1].split, warmup=phases[-1].warmup)
    own = report.held.windows[-1].out_of_sample["NASDAQ"]["net_profit"]
    assert own == pytest.approx(held.oos_pnl, rel=1e-9)
    assert report.baseline is not None
    assert report.baseline.trial is not None
    assert report.baseline.params == {"atr_period": 9, "atr_multiplier": 2}
    assert report.baseline.parts.out_of_sample


def test_lots_that_the_capital_does_not_pay_for_are_warned_of(tmp_path: Path, out: Path) -> None:
    store = sample_store().folder
    for lot, told in (("10000", True), ("0.01", False)):
        space = _made(tmp_path, STRATEGY + f"settings: {{lot_size: {lot}}}\n")
        report = wfo.optimize(space, data_dir=store, out=out / lot)
        said = [each for each in report.warnings if each.startswith("one lot of 10000 of NASDAQ")]
        assert len(said) == told
        assert all("the capital is 100,000.00: an entry" in each for each in said)


def test_luck_is_measured_on_allowed_points_however_few(tmp_path: Path, out: Path) -> None:
    space = """
    strategy: atr_d_l
    symbols: [NASDAQ]
    parameters: {atr_period: {int: [5, 204]}}
    constraints: ["atr_period == 5 or atr_period == 20"]
    windows: {in: 2005-01-03/2010-01-04, out: 2010-01-04/2012-01-03}
    objective: sharpe
    method: grid
    block: none
    """
    report = wfo.optimize(_made(tmp_path, space), data_dir=sample_store().folder, out=out)
    assert report.counts.complete == 2
    bars = wfo.load_sample("NASDAQ")
    days = bars["date"].to_list()
    first, split = (days.index(dt.date(year, 1, day)) for year, day in ((2005, 3), (2010, 4)))
    returns = {}
    for period in (5, 20):
        params = {**report.plan.filled, "atr_period": period}
        found = wfo.simulate("atr_d_l", bars[: split + 1], params, split=split, warmup=first)
        marks = np.append(100_000.0, found.equity[first:split])
        returns[period] = marks[1:] / marks[:-1] - 1
    ratios = [own.mean() / own.std(ddof=1) for own in returns.values()]
    # A hundred points, about half of them either: the spread of two values a distance apart.
    variance = (ratios[0] - ratios[1]) ** 2 / 4 * 100 / 99
    for best in report.best:
        own = returns[best.params["atr_period"]]
        assert best.dsr == pytest.approx(deflated_sharpe(own, variance, 2), abs=0.01)


def test_a_swept_block_hands_on_one_of_its_combinations(tmp_path: Path, out: Path) -> None:
    space = """
    strategy: atr_d_l
    symbols: [NASDAQ]
    parameters:
      atr_period: [5, 9]
      atr_multiplier: [2, 4]
      atr_buy_period: [8, 20]
      atr_buy_multiplier: [0.5, 1, 2]
      atr_smooth_period: [2, 6]
    objective: total_return
    limits: {mode: lenient, broken: 1, limits: {total_return: ">= 1000", trades: ">= 1"}}
    method: grid
    block: 3
    top: 2
    """
    report = wfo.optimize(_made(tmp_path, space), data_dir=sample_store().folder, out=out)
    assert report.counts.complete == 4
    assert report.spent == {"NASDAQ": 4 * 12}
    # Each combination breaks the first limit alone, as it may.
    assert report.trials.figure("NASDAQ", "valid_share").tolist() == [1.0] * 4
    best = report.best[0]
    assert best.block is not None
    assert best.block.size == 12
    assert tuple(best.params) == report.plan.space.names
    config = json.loads((report.folder / "best_config.json").read_text())
    assert {name: config[name] for name in best.params} == dict(best.params)
    ranked = _rows(report.folder / "ranked_results.csv")
    assert float(ranked[0]["inside.atr_buy_multiplier"]) == best.params["atr_buy_multiplier"]
    assert ranked[2]["inside.atr_buy_multiplier"] == ""
    assert report.sweep_seconds is not None


BLOCKS = """
strategy: atr_d_l
symbols: [NASDAQ]
parameters: {atr_multiplier: [1, 2, 4], atr_buy_multiplier: [0.5, 3]}
objective: total_return
method: grid
"""


def test_a_block_counts_what_keeps_to_limits_of_which_some_may_be_broken(
    tmp_path: Path, out: Path
) -> None:
    limits = "{mode: lenient, limits: {trades: {at_least: 100000}, drawdown: {at_most: 0.99}}}"
    space = f"{BLOCKS}block: 1\nlimits: {limits}\n"
    report = wfo.optimize(_made(tmp_path, space), data_dir=sample_store().folder, out=out)
    for trial in range(3):
        for window in report.trials.figures_of(trial):
            assert window["NASDAQ"]["valid_share"] == 1
    assert not report.scored.violations.any()


def test_of_a_block_that_breaks_limits_the_nearest_to_them_is_handed_on(
    tmp_path: Path, out: Path
) -> None:
    limits = "limits: {mode: strict, limits: {drawdown: {at_most: 0.001}}}\n"
    path = _made(tmp_path, f"{BLOCKS}{limits}block: none\n")
    single = wfo.optimize(path, data_dir=sample_store().folder, out=out, study="single")
    violations: dict[tuple[Any, ...], tuple[float, float]] = {}
    for row in single.table.rows(named=True):
        point = row["atr_multiplier"], row["atr_buy_multiplier"]
        violations[point] = row["violation"], -row["score"]
    path.write_text(path.read_text().replace("block: none", "block: 1"))
    report = wfo.optimize(path, data_dir=sample_store().folder, out=out, study="blocks")
    nearest, highest = set(), set()
    for gene in (1, 2, 4):
        own = {point: both for point, both in violations.items() if point[0] == gene}
        nearest.add(min(own, key=lambda point: own[point]))
        highest.add(min(own, key=lambda point: own[point][1]))
    assert nearest != highest
    assert {tuple(best.params.values()) for best in report.best} == nearest


def test_a_block_within_limits_hides_no_combination_beyond_them(tmp_path: Path, out: Path) -> None:
    """Of two that each break another limit the medians keep to both."""
    path = _made(tmp_path, BLOCKS.replace("[1, 2, 4]", "[4, 5]") + "block: none\n")
    data = sample_store().folder
    single = wfo.optimize(path, data_dir=data, out=out, study="single")
    own = [row for row in single.table.rows(named=True) if row["atr_multiplier"] == 4]
    earned, fallen = (
        statistics.fmean(row[name] for row in own) for name in ("total_return", "max_drawdown")
    )
    limits = (
        f"limits: {{mode: strict, limits: {{total_return: {{at_least: {earned - 1e-6}}},"
        f" max_drawdown: {{at_most: {fallen + 1e-3}}}}}}}\n"
    )
    path.write_text(path.read_text().replace("block: none\n", f"block: 1\n{limits}"))
    report = wfo.optimize(path, data_dir=data, out=out, study="blocks")
    best = next(each for each in report.best if each.params["atr_multiplier"] == 4)
    assert best.trial is not None
    assert report.scored.violations[best.trial] == 0
    inside = best.parts.in_sample
    assert inside["total_return"] < earned or inside["max_drawdown"] > fallen
    assert best.violation > 0
    assert "violates limits" in report.page


def test_blocks_that_were_pruned_are_looked_at_too(tmp_path: Path, out: Path) -> None:
    space = """
    strategy: atr_d_l
    symbols: [NASDAQ]
    parameters: {atr_period: {int: [3, 30]}, atr_multiplier: [2, 4], atr_buy_multiplier: [0.5, 3]}
    objective: sharpe
    limits: {mode: strict, limits: {trades: {at_least: 3}}}
    method: random
    trials: 30
    batch: 15
    prune: median
    block: 1
    top: 30
    """
    report = wfo.optimize(_made(tmp_path, space), data_dir=sample_store().folder, out=out)
    assert report.counts.pruned > 0
    assert len(report.best) == 30
    assert all(best.parts.out_of_sample for best in report.best)


def test_the_choice_of_auto_is_recorded_once(tmp_path: Path, out: Path) -> None:
    path = _made(tmp_path, SPACE.replace("method: grid", "method: auto"), PROGRAM, FAILS=())
    report = wfo.optimize(path, out=out, trials=4)
    assert report.record.method == "sobol"
    assert "4 trials are too few" in report.record.method_reason
    # Six trials would do for all points, and the method stays what it was.
    more = wfo.optimize(path, out=out, trials=6)
    assert more.record.method == "sobol"
    assert more.counts.complete == 6


# Guardrails


@pytest.mark.usefixtures("processes")
def test_no_road_moves_guardrails(tmp_path: Path, out: Path) -> None:
    """A program that edits the file while it runs, and a study that is resumed with another."""
    space = SPACE + "guardrails: rails.yaml\n"
    program = """
    import pathlib
    def evaluate(params):
        pathlib.Path("rails.yaml").write_text("count: {at_least: -1000}\\n")
        x = params["s"]["x"]
        return {"height": -(x - 1) ** 2, "count": 10 * x}
    """
    path = _made(tmp_path, space, program)
    rails = tmp_path / "rails.yaml"
    rails.write_text("count: {at_least: 25}\n")
    report = wfo.optimize(path, out=out)
    assert "-1000" in rails.read_text()
    # The best that keeps to the guardrails, and not the best.
    assert report.best[0].params["s.x"] == 3
    assert report.counts.beyond == 4
    assert [b.violation > 0 for b in report.best] == [False, False, True, True, True, True]
    with pytest.raises(wfo.InputError, match=r"is another one: guardrails is .*--study"):
        wfo.optimize(path, out=out)
    again = wfo.read_study(report.folder)
    assert again.counts.beyond == 4
    rails.write_text("count: {at_least: 25}\n")
    assert wfo.optimize(path, out=out, trials=300).counts.beyond == 4


def test_guardrails_hold_for_points_to_start_with_repairs_and_the_baseline(
    tmp_path: Path, out: Path
) -> None:
    space = SPACE + (
        "guardrails: rails.yaml\nstart: [{s: {x: 1, deep: {y: 0.2}}}]\n"
        "constraints: [{require: s.x > 1, repair: {s.x: '2'}}]\n"
    )
    path = _made(tmp_path, space.replace("s: {x: 1,", "s: {x: 2,"), PROGRAM, FAILS=())
    (tmp_path / "rails.yaml").write_text("count: {at_least: 25}\n")
    report = wfo.optimize(path, out=out)
    beyond = {int(b.params["s.x"]): b.violation > 0 for b in report.best}
    assert beyond == {2: True, 3: False}


# What is refused


BAD: dict[str, tuple[str, str, str]] = {
    "an empty space": ("parameters: {s: {x: [1, 2, 3], deep: {y: [0.2, 0.4]}}}", "parameters: {}",
                       "parameters"),
    "one point": ("{s: {x: [1, 2, 3], deep: {y: [0.2, 0.4]}}}", "{s: {x: [1]}}", "one point"),
    "a method": ("method: grid", "method: gird", "gird"),
    "an objective": ("objective: height", "objective: [height, height]", "height"),
    "a figure": ("objective: height", "objective: hight", "hight"),
    "a constraint": ("objective:", "constraints: ['s.x > 5']\nobjective:", "s.x > 5"),
    "a program": ("prog.py:evaluate", "prog.py:evaluat", "evaluat"),
    "a file": ("prog.py:evaluate", "porg.py:evaluate", "porg.py"),
    "a module": ("prog.py:evaluate", "no_such_module:evaluate", "no_such_module"),
    "dates": ("objective:", "windows: {in: 2021-01-01/2020-01-01, out: none}\nobjective:",
              "2021-01-01/2020-01-01"),
    "a period": ("objective:", "symbols: [SP500]\nperiod: 2020-01-01/2010-01-01\nobjective:",
                 "swap"),
    "a symbol": ("objective:", "symbols: [NONE]\nobjective:", "NONE"),
    "workers": ("objective:", "workers: 0\nobjective:", "workers"),
    "a hold-out of nothing": ("objective:", "holdout: 1y\nobjective:", "holdout"),
    "guardrails": ("objective:", "guardrails: rails.yaml\nobjective:", "rails.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_a_file_can_get_wrong(what: str, tmp_path: Path, out: Path) -> None:
    before, after, said = BAD[what]
    assert before in SPACE
    path = _made(tmp_path, SPACE.replace(before, after), PROGRAM, FAILS=())
    with pytest.raises(wfo.WfoError) as raised:
        wfo.optimize(path, out=out, data_dir=sample_store().folder)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 3
    assert not out.exists()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("5", "no dict"),
        ("None", "None"),
        ("{}", "empty dict"),
        ("{'hight': 1.0}", "height"),
        ("{'height': 'high'}", "height"),
        ("{1: 2.0}", "name"),
    ],
)
def test_answers_that_are_no_figures(answer: str, said: str, tmp_path: Path, out: Path) -> None:
    program = f"def evaluate(params):\n    return {answer}\n"
    with pytest.raises(wfo.InputError, match=said):
        wfo.optimize(_made(tmp_path, SPACE, program), out=out)
    assert not out.exists()


def test_another_search_of_the_same_name(tmp_path: Path, out: Path) -> None:
    path = _made(tmp_path, SPACE, PROGRAM, FAILS=())
    wfo.optimize(path, out=out)
    for change in ({"seed": 7}, {"method": "random"}, {"limits": "strict"}):
        with pytest.raises(wfo.InputError, match=r"another one.*--study"):
            wfo.optimize(path, out=out, **change)  # type: ignore[arg-type]  # of several types
    # A program that was edited may compute other figures.
    (tmp_path / "prog.py").write_text("FAILS = ()\n" + PROGRAM + "\n# edited\n")
    with pytest.raises(wfo.InputError, match=r"program\.digest"):
        wfo.optimize(path, out=out)
    path.write_text(SPACE.replace("[1, 2, 3]", "[1, 2, 4]"))
    with pytest.raises(wfo.InputError, match="space"):
        wfo.optimize(path, out=out)


def test_a_database_that_is_damaged_newer_or_in_use(tmp_path: Path, out: Path) -> None:
    path = _made(tmp_path, SPACE, PROGRAM, FAILS=())
    study = wfo.optimize(path, out=out).folder
    database = study / "study.sqlite"
    good = database.read_bytes()
    from wfo.search.study import Study

    with Study.open(study), pytest.raises(wfo.InputError, match="is being searched by process"):
        wfo.optimize(path, out=out)
    newer = good[:60] + (99).to_bytes(4, "big") + good[64:]
    for content, said in ((good[:3000], "damaged"), (b"x" * 5000, "SQLite"), (newer, "newer")):
        database.write_bytes(content)
        for call in (lambda: wfo.optimize(path, out=out), lambda: wfo.read_study(study)):
            with pytest.raises(wfo.ResultsError) as raised:
                call()
            assert len(str(raised.value).splitlines()) == 1, said
        assert database.read_bytes() == content
    database.write_bytes(good)
    assert wfo.optimize(path, out=out).counts.complete == 6


def test_a_count_of_trials_that_is_damaged_is_found_before_anything(
    tmp_path: Path, out: Path
) -> None:
    space = (
        "program: prog.py:evaluate\nsymbols: [SP500]\nparameters: {n: [1, 5]}\nobjective: profit\n"
    )
    path = _made(tmp_path, space, LOOKING, LOG=str(tmp_path / "log"))
    (out / "SP500").mkdir(parents=True)
    (out / "SP500" / "trials.json").write_text("{}")
    with pytest.raises(wfo.ResultsError, match=r"trials\.json"):
        wfo.optimize(path, out=out)
    assert not (out / "optimization").exists()
    assert not (tmp_path / "log").exists()


def test_what_is_known_of_pruned_trials_stays(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500]
    parameters: {n: {int: [1, 40]}}
    objective: profit
    windows:
      - {in: 2001-01-02/2003-01-02, out: 2010-01-04/2011-01-03}
      - {in: 2003-01-02/2005-01-03, out: 2011-01-03/2012-01-03}
      - {in: 2005-01-03/2007-01-03, out: 2012-01-03/2013-01-02}
    method: random
    prune: median
    trials: 30
    batch: 15
    top: 30
    """
    path = _made(tmp_path, space, LOOKING, LOG=str(tmp_path / "log"))
    report = wfo.optimize(path, out=out)
    assert report.counts.pruned > 0
    again = wfo.optimize(path, out=out)
    for one, other in zip(report.best, again.best, strict=True):
        assert one.parts == other.parts
        later = [window.out_of_sample["SP500"]["profit"] for window in one.parts.windows]
        assert len(later) == 3
        assert one.parts.out_of_sample["profit"] == pytest.approx(np.mean(later), rel=1e-12)
    assert read_study(report.folder).best[-1].parts == report.best[-1].parts


def test_what_is_known_out_of_sample_is_not_computed_again(tmp_path: Path, out: Path) -> None:
    space = """
    program: prog.py:evaluate
    symbols: [SP500]
    parameters: {n: [1, 5, 20]}
    objective: profit
    top: 2
    method: grid
    """
    log = tmp_path / "log"
    path = _made(tmp_path, space, LOOKING, LOG=str(log))
    first = wfo.optimize(path, out=out)
    calls = log.read_text()
    again = wfo.optimize(path, out=out, top=2)
    assert log.read_text() == calls
    assert again.best == first.best
    more = wfo.optimize(path, out=out, top=3)
    assert len(log.read_text().splitlines()) == len(calls.splitlines()) + 1
    assert more.best[:2] == first.best
    # Of another search nothing is known, whatever summary is in its folder.
    (first.folder / "study.sqlite").unlink()
    (tmp_path / "prog.py").write_text((tmp_path / "prog.py").read_text() + "\n# edited\n")
    wfo.optimize(path, out=out)
    assert len(log.read_text().splitlines()) == 2 * len(calls.splitlines()) + 1


@pytest.mark.parametrize("damage", ["{}", "x", '{"layout": 2}'])
def test_a_summary_that_is_damaged(damage: str, tmp_path: Path, out: Path) -> None:
    path = _made(tmp_path, SPACE, PROGRAM, FAILS=())
    study = wfo.optimize(path, out=out).folder
    (study / "summary.json").write_text(damage)
    with pytest.raises(wfo.ResultsError, match=r"summary\.json.*writes it again"):
        wfo.read_study(study)
    assert wfo.optimize(path, out=out).counts.complete == 6
    assert wfo.read_study(study).counts.complete == 6


def test_several_objectives_make_a_pareto_set(tmp_path: Path, out: Path) -> None:
    goal = "objective: {objectives: [height, count], normalise: rank}"
    space = SPACE.replace("objective: height", goal).replace("method: grid", "method: ga")
    report = wfo.optimize(_made(tmp_path, space, PROGRAM, FAILS=()), out=out)
    front = {tuple(b.params.values()) for b in report.best[: report.front]}
    # Beyond x = 2 the height falls and the count rises; a y of 0.4 is better than 0.2.
    assert front == {(2, 0.4), (3, 0.4)}
    assert all(set(b.objectives) == {"height", "count"} for b in report.best)
    assert report.hypervolume is not None
    assert report.hypervolume > 0


@pytest.mark.slow
@pytest.mark.usefixtures("processes")
# That library uses what pandas gives up, and shows progress.
@pytest.mark.filterwarnings("ignore")
def test_the_best_of_another_backtester_is_what_its_own_optimizer_finds(
    tmp_path: Path, out: Path
) -> None:
    backtesting = pytest.importorskip("backtesting")
    import pandas as pd

    from wfo.runs.optimizing.examples import written_example

    written_example("sma_cross", tmp_path)
    report = wfo.optimize(tmp_path / "sma_cross.yaml", trials=200, workers=2, out=out)
    assert report.counts.complete == 200
    sys.path.insert(0, str(tmp_path))
    try:
        import sma_cross
    finally:
        sys.path.remove(str(tmp_path))
    bars = wfo.load_sample("SP500")
    inside = bars.filter(pl.col("date") <= dt.date.fromisoformat(report.windows[0][0][1]))  # type: ignore[index]
    frame = pd.DataFrame(
        {name.title(): inside[name].to_numpy() for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(inside["date"].to_numpy()),
    )
    test = backtesting.Backtest(
        frame, sma_cross.SmaCross, cash=sma_cross.CASH, commission=sma_cross.COMMISSION,
        finalize_trades=True,
    )  # fmt: skip
    found = test.optimize(
        n1=list(range(5, 61, 5)), n2=list(range(10, 201, 10)), maximize="Sharpe Ratio",
        constraint=lambda p: p.n1 < p.n2, method="grid",
    )  # fmt: skip
    best = report.best[0]
    assert dict(best.params) == {"n1": found._strategy.n1, "n2": found._strategy.n2}
    assert math.isclose(best.score, found["Sharpe Ratio"], rel_tol=1e-9)
