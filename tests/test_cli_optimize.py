"""The commands of searches as a user calls them: help, errors, exit codes, pages, examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import test_cli
from test_cli import Called

from wfo.runs.optimizing.examples import EXAMPLES

wfo_ = test_cli.wfo_

Command = Callable[..., Called]

STUDY_COMMANDS = ("list", "show", "analyze", "export", "compare", "cleanup", "example")


@pytest.mark.parametrize("name", ["optimize", *(f"study {each}" for each in STUDY_COMMANDS)])
def test_help_has_a_sentence_and_examples(name: str, wfo_: Command) -> None:
    found = wfo_(*name.split(" "), "--help")
    assert found.code == 0
    assert f"Usage: wfo {name}" in found.out
    assert re.search(rf"Examples?:\n(?:    .*\n)*    wfo {name.split(maxsplit=1)[0]}", found.out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("optimize",), "Missing argument 'SPACE'"),
        (("optimize", "x.yaml", "--workers", "0"), "'--workers': 0 is not in the range"),
        (("optimize", "x.yaml", "--workers", "-1"), "'--workers': -1 is not in the range"),
        (("optimize", "x.yaml", "--trials", "0"), "'--trials': 0 is not in the range"),
        (("optimize", "x.yaml", "--top", "0"), "'--top': 0 is not in the range"),
        (("optimize", "x.yaml", "--seed", "-1"), "'--seed': -1 is not in the range"),
        (("optimize", "x.yaml", "--limits", "hard"), "'hard' is not one of"),
        (("optimize", "x.yaml", "--start", "2015"), "'2015' is no date such as 2024-05-31"),
        (("optimize", "x.yaml", "--symbols", "A,,B"), "nothing between two commas"),
        (("optimize", "x.yaml", "--symbols", "A,A"), "'A' is there twice"),
        (("study", "cleanup"), "say which studies go"),
        (("study", "export", "x"), "say what to write: --csv FILE, --journal FILE"),
        (("study", "compare"), "Missing argument"),
        (("study", "cleanup", "--keep", "-1"), "'--keep': -1 is not in the range"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(
    arguments: tuple[str, ...], said: str, wfo_: Command
) -> None:
    found = wfo_(*arguments)
    assert found.code == 2, found
    assert said in " ".join(found.err.split())


@pytest.mark.parametrize("command", ["show", "analyze", "compare", "cleanup", "export --csv t.csv"])
@pytest.mark.parametrize(
    "name", ["nothing", "./nothing", "../..", "a\nb", ".", "x" * 300, "\u202e"]
)
def test_a_study_that_is_not_there(command: str, name: str, wfo_: Command) -> None:
    words = command.split(" ")
    found = wfo_("study", words[0], name, *words[1:])
    assert found.code == 1, found
    (line,) = found.err.splitlines()
    assert line.startswith("error: "), line
    assert "no study" in line
    assert list(Path().iterdir()) == []


def test_there_are_no_studies(wfo_: Command) -> None:
    found = wfo_("study", "list")
    assert found.code == 0
    assert "'wfo optimize' makes one" in found.out
    assert list(Path().iterdir()) == []


def test_a_span_that_is_none(wfo_: Command) -> None:
    found = wfo_("study", "cleanup", "--older-than", "soon")
    assert found.code == 1
    assert found.err == (
        "error: --older-than 'soon' is no span; write days, weeks, months or years, as 90d, 12w,"
        " 6m or 1y\n"
    )


# Spaces to begin with


def test_examples_are_listed(wfo_: Command) -> None:
    found = wfo_("study", "example")
    assert found.code == 0
    assert [line.split()[0] for line in found.out.splitlines()[: len(EXAMPLES)]] == [*EXAMPLES]
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_written_and_never_over_another_file(name: str, wfo_: Command) -> None:
    found = wfo_("study", "example", name, "--to", "new/folder")
    assert found.code == 0, found
    files = sorted(path.name for path in Path("new/folder").iterdir())
    assert f"{name}.yaml" in files
    assert f"wfo optimize new/folder/{name}.yaml" in found.out
    space = Path(f"new/folder/{name}.yaml")
    space.write_text("mine\n")
    again = wfo_("study", "example", name, "--to", "new/folder")
    assert again.code == 1
    assert f"{space} is there already, and is not replaced; --force" in again.err
    assert space.read_text() == "mine\n"
    forced = wfo_("study", "example", name, "--to", "new/folder", "--force")
    assert forced.code == 0
    assert space.read_text() != "mine\n"
    assert sorted(path.name for path in Path("new/folder").iterdir()) == files


def test_an_example_that_is_none(wfo_: Command) -> None:
    found = wfo_("study", "example", "sma_cros")
    assert (found.code, found.err) == (
        1,
        "error: there is no example 'sma_cros'; did you mean 'sma_cross'?\n",
    )


# Searches from the command line

PROGRAM = """
import os

def evaluate(params, seed):
    print("said by the program")
    if params["mode"] == "fail":
        raise ValueError("no such mode")
    return {"sharpe": params["fast"] / 10, "profit": 0.01 * params["fast"]}

def broken(params):
    if params["fast"] != 5 or params["mode"] != "plain":
        raise RuntimeError("nothing to trade")
    return {"sharpe": float("nan"), "profit": 0.1}
"""

SPACE = """
program: program.py:evaluate
parameters:
  fast: [5, 10, 20]
  mode: {choice: [plain, fail]}
start: [{fast: 10, mode: plain}]
baseline: {fast: 5, mode: plain}
objective: sharpe
method: grid
trials: 6
"""


def space(text: str = SPACE) -> None:
    Path("program.py").write_text(PROGRAM)
    Path("space.yaml").write_text(text)


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_search_from_the_command_line(wfo_: Command) -> None:
    space()
    looked = wfo_("optimize", "space.yaml", "--dry-run")
    assert looked.code == 0, looked
    assert "2 dimensions, 6 combinations" in looked.out
    assert "Nothing was written, and no trial was counted." in looked.out
    assert not Path("results").exists()
    found = wfo_("optimize", "space.yaml", "--trials", "4", "--study", "first")
    assert found.code == 0, found
    said = " ".join(found.out.split())
    assert "4 trials were asked for, and 4 have ended" in said
    assert "ended with: ValueError: no such mode" in said
    assert "said by the program" not in found.out.replace("('said by the program\\n'", "")
    folder = Path("results/optimization/first")
    assert below(folder) == {
        *("study.sqlite", "summary.json", "ranked_results.csv", "failed.csv"),
        *("best_config.json", "first_best.yaml", "optimization.log"),
    }
    more = wfo_("optimize", "space.yaml", "--study", "first")
    assert more.code == 0, more
    assert "6 trials were asked for, and 6 have ended: 3 complete, 3 without figures" in " ".join(
        more.out.split()
    )
    assert "trial" in more.out
    shown = wfo_("study", "show", "first")
    assert shown.out == more.out
    assert re.search(r"^first +program\.py:evaluate +grid +6 of 6", wfo_("study", "list").out, re.M)
    other = wfo_("optimize", "space.yaml", "--study", "first", "--seed", "8")
    assert other.code == 1
    assert "seed is 1 in the study and 8 here; give this one another name with --study" in other.err
    assert wfo_("study", "show", "first").out == more.out


def test_a_search_of_which_nothing_is_left_says_so_and_fails(wfo_: Command) -> None:
    space(SPACE.replace("evaluate", "broken").replace("start: [{fast: 10", "start: [{fast: 5"))
    found = wfo_("optimize", "space.yaml", "--trials", "3")
    assert found.code == 0, found
    assert "No trial has a score: a figure of the objective is undefined" in " ".join(
        found.out.split()
    )
    text = SPACE.replace("evaluate", "broken").replace("[plain, fail]", "[slow, fail]")
    space(text.replace("mode: plain", "mode: slow"))
    failed = wfo_("optimize", "space.yaml", "--study", "second")
    assert failed.code == 1
    assert failed.err.splitlines()[-1] == (
        "error: all 6 trials of the study 'second' ended without figures: RuntimeError: nothing to"
        " trade (program.py, line 12, in broken)"
    )
    assert "No trial has figures: all 6 ended without" in " ".join(failed.out.split())
    assert "second" in wfo_("study", "list").out


def test_errors_come_before_anything_is_written(wfo_: Command) -> None:
    space()
    for options, said in (
        (("--method", "gaa"), "did you mean 'ga'?"),
        (("--timeout", "soon"), "--timeout"),
        (("--memory", "lots"), "--memory"),
        (("--study", "a/b"), "study"),
        (("--guardrails", "none.yaml"), "none.yaml"),
        (("--symbols", "QQQ"), "QQQ"),
        (("--symbols", "SP500", "--start", "2015-01-01", "--end", "2014-01-01"), "swap them"),
    ):
        found = wfo_("optimize", "space.yaml", *options)
        assert found.code == 1, (options, found)
        assert said in found.err, options
        assert len(found.err.splitlines()) == 1, found.err
        assert not Path("results").exists()
    said = "error: there is no file none.yaml; 'wfo study example' writes one to begin with\n"
    assert wfo_("optimize", "none.yaml").err == said
