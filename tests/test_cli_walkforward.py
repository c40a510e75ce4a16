"""``wfo walkforward`` as a user calls it: help, wrong options, estimate, pages, spaces, resume."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import test_cli
from conftest import TINY
from test_cli import Called

import wfo
from wfo.runs.walkforward import curves, matrix_page

wfo_ = test_cli.wfo_

Command = Callable[..., Called]

#: What a single walk-forward needs.
LENGTHS = ("--in", "6y", "--out", "5y")
BARS = ("--symbol", "NASDAQ", "--strategy", "atr_d_l", "--grid", "tiny.yaml")
WALK = ("walkforward", *BARS, *LENGTHS, "--by", "net_profit")

SPACE = """
strategy: atr_d_l
symbols: [NASDAQ]
objective: total_return
method: random
trials: 3
batch: 3
parameters: {atr_multiplier: {float: [2, 24]}}
"""

PROGRAM = """
program: program.py:evaluate
symbols: [NASDAQ]
objective: total_return
method: random
trials: 2
batch: 2
parameters: {fast: [5, 10, 15]}
"""

EVALUATE = """
def evaluate(params, symbols):
    return {"total_return": params["fast"] / 100, "max_drawdown_share": 0.1, "trades": 9}
"""


@pytest.fixture(autouse=True)
def _files(wfo_: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid and spaces where commands are called, and no picture, which would take longest."""
    del wfo_
    for module in (curves, matrix_page):
        monkeypatch.setattr(module, "has_matplotlib", lambda: False)
    for name, text in (
        ("tiny.yaml", TINY), ("space.yaml", SPACE), ("own.yaml", PROGRAM), ("program.py", EVALUATE),
    ):  # fmt: skip
        Path(name).write_text(text)


def left() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def record(name: str) -> dict[str, Any]:
    path = Path("results") / "NASDAQ" / "walkforward" / name / "walkforward.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_help_has_a_sentence_and_examples(wfo_: Command) -> None:
    found = wfo_("walkforward", "--help")
    assert found.code == 0
    assert re.search(r"Examples:\n(?:    .*\n)*    wfo walkforward --symbol", found.out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--symbol is missing"),
        (("--symbol", "NASDAQ", *LENGTHS), "--strategy is missing"),
        (BARS, "--in is missing"),
        ((*BARS, "--in", "3y"), "--out is missing"),
        ((*BARS, *LENGTHS, "--in", "3"), "'3' is no length of time"),
        ((*BARS, "--in", "3y", "--out", "results"), "--results names the folder of results"),
        ((*BARS, "--in", "3y", "--out", "./out"), "--results names the folder of results"),
        ((*BARS, *LENGTHS, "--matrix", "1y/6m"), "--in does not go with --matrix"),
        ((*BARS, "--step", "1y", "--matrix", "1y/6m"), "--step does not go with --matrix"),
        ((*BARS, "--windows", "x.yaml", "--matrix", "1y/6m"), "--windows does not go with"),
        ((*BARS, *LENGTHS, "--windows", "rolling"), "--in does not go with --windows"),
        ((*BARS, "--anchored", "--windows", "rolling"), "--anchored does not go with --windows"),
        (("space.yaml", *BARS, *LENGTHS), "--strategy does not go with SPACE"),
        (("space.yaml", "--grid", "coarse", *LENGTHS), "--grid does not go with SPACE"),
        (("space.yaml", "--by", "sharpe", *LENGTHS), "--by does not go with SPACE"),
        (("space.yaml", "--symbol2", "SP500", *LENGTHS), "--symbol2 does not go with SPACE"),
        (("space.yaml", "--slip", "0.01", *LENGTHS), "--slip does not go with SPACE"),
        ((*BARS, *LENGTHS, "--min-trades", "-1"), "-1 is not in the range"),
        ((*BARS, *LENGTHS, "--gates", "hard"), "'hard' is not one of"),
        ((*BARS, *LENGTHS, "--from", "2005"), "'2005' is no date"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(
    arguments: tuple[str, ...], said: str, wfo_: Command
) -> None:
    before = left()
    found = wfo_("walkforward", *arguments)
    assert found.code == 2, found
    assert said in " ".join(found.err.split())
    assert left() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*LENGTHS, "--by", "sharp"), "is no criterion; did you mean 'sharpe'"),
        (("--in", "1y", "--out", "6m", "--by", "stability"), "needs 18m of in-sample bars"),
        ((*LENGTHS, "--by", "sharpe", "--gates", "strict"), "gates go with stability"),
        ((*LENGTHS, "--by", "plateau", "--min-trades", "5"), "min_trades = 5 goes with figures"),
        ((*LENGTHS, "--step", "6y"), "longer than"),
        ((*LENGTHS, "--purge", "7y"), "leaves nothing of in_sample"),
        ((*LENGTHS, "--name", "../up"), "a walk-forward cannot be called '../up'"),
        ((*LENGTHS, "--symbol", "NASDA"), "NASDA"),
        ((*LENGTHS, "--symbol2", "SP500"), "reads one symbol only"),
        ((*LENGTHS, "--as-of", "2030-01-01"), "as-of 2030-01-01 lies outside the history"),
        ((*LENGTHS, "--holdout", "40y"), "leaves no bars"),
        (("--in", "30y", "--out", "1y"), "too little history"),
        (("--matrix", "1y,2y"), "must be in-sample lengths, a slash, and out-of-sample"),
        (("--matrix", "1y,1y/6m"), "given twice"),
        (("--windows", "nothing.yaml"), "there is no windows file nothing.yaml"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    arguments: tuple[str, ...], said: str, wfo_: Command
) -> None:
    before = left()
    found = wfo_("walkforward", *BARS, *arguments)
    assert found.code == 1, found
    assert found.err.splitlines()[-1].startswith("error: ")
    assert said in found.err
    assert left() == before


def test_it_ends_with_a_page_and_a_folder_that_says_what_it_is(wfo_: Command) -> None:
    found = wfo_(*WALK)
    assert found.code == 0, found.err
    assert "Buy-and-hold" in found.out
    name = "atr_d_l_tiny_rolling_6y_5y_net_profit"
    assert record(name)["trials"] == {"NASDAQ": 4 * 128}
    again = wfo_(*WALK)
    assert "going on: 4 decisions are there already" in again.err
    report = wfo.read_walk_forward(Path("results/NASDAQ/walkforward") / name)
    assert report.page == again.out


def test_verify_reads_every_file_of_it_and_names_all_that_changed(
    wfo_: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*WALK, "--name", "whole")
    # What a record states is the line that the shell has seen.
    monkeypatch.setattr(sys, "argv", ["wfo", *words])
    assert wfo_(*words).code == 0
    folder = Path("results/NASDAQ/walkforward/whole")
    done = wfo_("verify", str(folder))
    assert done.code == 0
    assert f"{len(list(folder.iterdir()))} files" in done.out
    for name in ("windows.csv", "decisions.json"):
        path = folder / name
        path.write_bytes(path.read_bytes() + b" ")
    (folder / "last_set.json").unlink()
    done = wfo_("verify", str(folder))
    assert done.code == 1
    for name in ("windows.csv", "decisions.json", "last_set.json"):
        assert name in done.err
    assert f"to write it again: wfo {' '.join(words)}\n" in done.err


def test_the_command_of_a_call_is_one_that_goes_on_with_it(wfo_: Command) -> None:
    report = wfo.run_walk_forward(
        "NASDAQ", "atr_d_l", grid=wfo.Grid.load("tiny.yaml", "atr_d_l"), in_sample="6y",
        out_of_sample="4y", step="3y", purge="1m", anchored=True, by="net_profit",
        begin="2000-01-03", as_of="2016-12-30", min_trades=2, settings=wfo.Settings(slip=0.001),
        threads=1,
    )  # fmt: skip
    words = report.command.split(" ")
    assert words[0] == "wfo"
    found = wfo_(*words[1:])
    assert found.code == 0, found.err
    assert f"going on: {report.decided} decisions are there already" in found.err
    assert not (report.folder.parent / ".history").exists()


def test_an_options_file_says_the_same(wfo_: Command) -> None:
    Path("walk.yaml").write_text(
        "symbol: NASDAQ\nstrategy: atr_d_l\ngrid: tiny.yaml\nin: 6y\nout: 5y\nby: net_profit\n"
        "anchored: true\n"
    )
    assert wfo_("walkforward", "--config", "walk.yaml").code == 0
    name = "atr_d_l_tiny_anchored_6y_5y_net_profit"
    said = "wfo walkforward --symbol NASDAQ --strategy atr_d_l --grid tiny.yaml --in 6y --out 5y"
    assert record(name)["command"] == f"{said} --anchored --by net_profit"


def test_an_estimate_leaves_nothing(wfo_: Command) -> None:
    before = left()
    found = wfo_(*WALK, "--estimate")
    assert found.code == 0
    assert "3 windows; 4 distinct in-sample parts" in found.out
    assert "128 combinations in each, 512 to look at in all" in found.out
    matrix = wfo_("walkforward", *BARS, "--matrix", "5y,6y/4y", "--rolling", "--estimate")
    assert "2 walk-forwards with 8 windows; 8 distinct in-sample parts" in matrix.out
    assert left() == before


def test_a_space_makes_a_study_in_each_window_and_goes_on(wfo_: Command) -> None:
    line = ("walkforward", "space.yaml", "--in", "8y", "--out", "6y")
    found = wfo_(*line)
    assert found.code == 0, found.err
    said = record("atr_d_l_space_rolling_8y_6y_total_return")
    # Two windows, and what all bars choose.
    assert said["trials"] == {"NASDAQ": 3 * 3}
    assert said["holdout"] is None
    assert "going on: 3 decisions" in wfo_(*line).err
    assert json.loads(Path("results/NASDAQ/trials.json").read_text())["total"] == 3 * 3


def test_the_period_of_a_space_may_end_where_there_are_no_bars_yet(wfo_: Command) -> None:
    Path("space.yaml").write_text(SPACE + "period: 2001-01-01/2030-01-01\n")
    found = wfo_("walkforward", "space.yaml", *LENGTHS, "--name", "study")
    assert found.code == 0, found.err
    (data,) = record("study")["data"]
    assert data["first"] == "2001-01-02"
    assert data["last"] == "2018-12-31"
    bars = pl.read_parquet("results/NASDAQ/walkforward/study/bars.parquet")
    assert data["rows"] == len(bars)


def test_a_program_is_walked_forward_too(wfo_: Command) -> None:
    found = wfo_("walkforward", "own.yaml", "--in", "12y", "--out", "8y")
    assert found.code == 0, found.err
    said = record("program_own_rolling_12y_8y_total_return")
    assert said["program"]["symbols"] == ["NASDAQ"]
    report = wfo.read_walk_forward(
        "results/NASDAQ/walkforward/program_own_rolling_12y_8y_total_return"
    )
    assert report.page == found.out
    assert "is a walk-forward of a program" in wfo_("permutation-test", str(report.folder)).err
    refused = wfo_("walkforward", "own.yaml", "--matrix", "5y/4y")
    assert refused.code == 1
    assert "a program is called anew in each window" in refused.err


def test_what_is_held_out_is_not_traded(wfo_: Command) -> None:
    assert wfo_(*WALK, "--holdout", "2y", "--name", "held").code == 0
    said = record("held")
    assert said["holdout"]["first"] > "2016-12-31"
    assert said["data"][0]["last"] <= "2016-12-31"
    assert said["walk"]["windows"]["as_of"] <= "2016-12-31"

    # What the file of a space holds out is held out as well.
    Path("space.yaml").write_text(SPACE + "holdout: 2y\n")
    assert wfo_("walkforward", "space.yaml", *LENGTHS, "--name", "study").code == 0
    other = record("study")
    assert other["holdout"] == said["holdout"]
    assert other["data"] == said["data"]
    # So it is of a program, whose period no later day makes longer.
    Path("own.yaml").write_text(PROGRAM + "holdout: 2y\nperiod: 1999-01-01/2016-06-30\n")
    called = wfo_("walkforward", "own.yaml", *LENGTHS, "--as-of", "2018-12-31")
    assert called.code == 0, called.err
    first, last = "2014-07-01", "2016-06-30"
    assert f"The bars from {first} to {last} are held out of everything here." in called.out


def test_two_symbols_are_kept_in_a_folder_of_both(wfo_: Command) -> None:
    options = ("--symbol", "NASDAQ", "--symbol2", "SP500", "--strategy", "atr_d_duals_l")
    found = wfo_(
        "walkforward", *options, "--grid", "smoke", "--in", "8y", "--out", "6y", "--by", "sharpe",
        "--name", "both", "--slip", "0.001",
    )  # fmt: skip
    assert found.code == 0, found.err
    folder = Path("results/NASDAQ_SP500/walkforward/both")
    assert (folder / "bars2.parquet").exists()
    assert list(json.loads((folder / "walkforward.json").read_text())["trials"]) == ["NASDAQ"]
