"""Pages of searches: what a trader must not be able to misread, and what commands of studies do."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import test_cli
from made_study import SPACE, figures, make_study
from test_cli import Called
from test_completion import completed

from wfo.files import read_sealed
from wfo.files.json_text import write_sealed
from wfo.runs.optimizing import call
from wfo.runs.optimizing.artefacts import with_best, write_artefacts
from wfo.runs.optimizing.curves import curve
from wfo.runs.optimizing.found import BlockFigures, Parts
from wfo.runs.optimizing.report import StudyReport
from wfo.runs.optimizing.reporting import read_report
from wfo.runs.optimizing.wording import figure_text, first_figure, params_table, shown_figures
from wfo.search.study import DATABASE, Study

wfo_ = test_cli.wfo_
Command = Callable[..., Called]

RESULTS = Path("results")


def flat(page: str) -> str:
    """A page without its breaks of lines."""
    return " ".join(page.split())


@pytest.fixture
def made(wfo_: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., StudyReport]:
    """Make studies in the folder of the commands, which read them."""
    del wfo_
    found: dict[str, StudyReport] = {}
    read = call.read_study
    monkeypatch.setattr(
        call, "read_study", lambda folder: found.get(Path(folder).name) or read(folder)
    )

    def make(name: str = "made", text: str = SPACE, **options: Any) -> StudyReport:
        found[name] = make_study(RESULTS, name, text, **options)
        return found[name]

    return make


# The page of a search


def test_optimized_figures_are_marked_and_stand_beside_those_out_of_sample(
    made: Callable[..., StudyReport],
) -> None:
    page = made().page
    said = flat(page)
    assert "trial 12: sharpe 2.000 in-sample, 0.500 out-of-sample" in said
    assert "In-sample figures are what was optimized: the best of 20 trials" in said
    assert "The best, as optimized in-sample; under 'out' the same figure out-of-sample" in page
    assert re.search(r"^ +1 +12 +2\.000 +0\.500 +20\.0 % +5\.0 %", page, re.MULTILINE)
    assert re.search(r"^ +base +- +1\.000 +0\.250", page, re.MULTILINE)
    assert "to take the best of them by these is a choice after 10 looks" in said
    assert "What was assumed" in page
    assert "What this does not say" in page


def test_the_best_by_a_function_of_ones_own_is_told_by_its_score(
    made: Callable[..., StudyReport],
) -> None:
    lines = SPACE.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("objective:"))
    after = [n for n in range(at + 1, len(lines)) if not lines[n].startswith(" ")]
    lines[at : after[0]] = ["objective: program.py:score"]
    report = made(text="\n".join(lines))
    assert f"is trial {report.best[0].trial}: a score of " in flat(report.page)


def test_what_was_not_kept_out_of_sample_is_said(made: Callable[..., StudyReport]) -> None:
    report = made(whole=False)
    said = flat(report.page)
    assert "Nothing was kept out of sample" in said
    assert "out-of-sample figures choose nothing" not in said
    assert " out " not in report.page.split("Their parameters")[0].split("The best, as")[1]
    running = replace(report, state="running")
    assert "once the search has ended" in flat(running.page)
    assert "; it is under way" in running.page


def test_holding_is_a_row_and_says_how_many_beat_it(made: Callable[..., StudyReport]) -> None:
    report = made()
    held = Parts({"profit": 0.3, "sharpe": 0.9}, {"profit": 0.04, "sharpe": 0.3})
    page = replace(report, held=held).page
    # Profits out-of-sample are a fortieth of the Sharpe ratio: those above 0.04 have 1.6 and more.
    assert "Out-of-sample, 3 of the 10 best earn more than buying and holding" in flat(page)
    assert re.search(r"^ +hold +- +0\.900 +0\.300 +30\.0 % +4\.0 % +- +-", page, re.MULTILINE)


@pytest.mark.parametrize(
    ("dsr", "words"),
    [
        (0.97, "above what the best of so many leads to expect without skill"),
        (0.949, "the best of so many trials without any skill may well look like this"),
        (0.03, "the best of so many trials without any skill may well look like this"),
    ],
)
def test_the_deflated_ratio_counts_all_trials_of_the_symbol(
    dsr: float, words: str, made: Callable[..., StudyReport]
) -> None:
    report = made()
    best = (replace(report.best[0], dsr=dsr), *report.best[1:])
    said = flat(replace(report, best=best, spent={"SPY": 4321}).page)
    assert f"Deflated Sharpe ratio of the best: {dsr:.2f}, over all 4,321 trials" in said
    assert "the lowest of" not in said
    twice = replace(report, best=best, spent={"SPY": 4321}, windows=((None, None), (None, None)))
    assert "symbol, the lowest of 2 windows: " in flat(twice.page)
    assert words in said
    assert "SPY: 4,321 combinations were ever searched on it" in said
    assert "is not known: that takes returns by period" in flat(report.page)


def test_no_trial_keeps_to_the_limits(made: Callable[..., StudyReport]) -> None:
    page = made(text=SPACE + "limits: strict\n").page
    said = flat(page)
    assert "No trial keeps to all limits" in said
    assert "it is no set to trade by these limits" in said
    assert "20 violate a limit or a guardrail" in said
    assert "Beyond" in page
    assert "strict, all of: sharpe at least 1, drawdown at most 0.2" in said


def test_a_pareto_set_has_no_score(made: Callable[..., StudyReport]) -> None:
    text = SPACE.replace("objective: sharpe", "objective: [sharpe, drawdown]")
    report = made(text=text)
    page = report.page
    # Of each value of `fast` up to 15 the one with the best `slow`: more Sharpe, more drawdown.
    assert report.front == 3
    assert "3 of 20 trials with figures form the Pareto set" in flat(page)
    assert "Score" not in page
    assert "score" not in report.table.columns
    assert set(report.table["trial"].to_list()[:3]) == {2, 7, 12}
    none = made("none", text=text + "limits: strict\n").page
    assert "so that there is no Pareto set" in flat(none)


def lossy(params: Mapping[str, Any], outside: bool) -> Mapping[str, float] | str | None:
    if params["fast"] == 5:
        return "ZeroDivisionError: division by zero"
    if params == {"fast": 10, "slow": 20}:
        return None
    found = dict(figures(params, outside))
    return found | ({"sharpe": float("nan")} if params["fast"] == 20 else {})


def test_every_point_is_accounted_for(made: Callable[..., StudyReport]) -> None:
    report = made(formula=lossy)
    said = flat(report.page)
    assert (
        "20 trials were asked for, and 20 have ended: 14 complete, 6 without figures (5 by an error"
        " of the program and 1 by the time limit)."
    ) in said
    assert "The best of 9 trials with a score" in said
    assert "5 with figures have no score" in said
    assert "constraints refused 2, and 4 were there before" in said
    assert "5 ended with: ZeroDivisionError: division by zero" in said
    assert "depend on the machine" in said
    assert report.obstacle == ""
    assert report.table.height == 9
    assert report.table["sharpe"].null_count() == 0


def test_all_have_failed(made: Callable[..., StudyReport]) -> None:
    report = made(
        text=SPACE.replace("baseline: {fast: 10, slow: 60}\n", ""),
        formula=lambda params, outside: "RuntimeError: no bars",
    )
    assert "No trial has figures: all 20 ended without" in flat(report.page)
    assert report.obstacle == (
        "all 20 trials of the study 'made' ended without figures: RuntimeError: no bars"
    )
    assert report.table.height == 0


def test_texts_of_programs_steer_no_terminal(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made(
        text=SPACE.replace("baseline: {fast: 10, slow: 60}\n", ""),
        formula=lambda params, outside: (
            "E: \x1b[2J\u202e\n\tnext line" if params["fast"] == 5 else {"sharpe": 1.0}
        ),
    )
    for command in ("show", "analyze", "compare"):
        found = wfo_("study", command, "made", *(["other"] if command == "compare" else []))
        text = found.out + found.err
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text), command
    assert "\\x1b[2J" in wfo_("study", "show", "made").out


@pytest.mark.parametrize("key", ["notes", "warnings", "error"])
def test_texts_of_a_summary_steer_no_terminal(key: str, made: Callable[..., StudyReport]) -> None:
    report = made()
    write_artefacts(report, "2026-01-02T03:04:05+00:00", "wfo optimize space.yaml", Path("store"))
    path = report.folder / "summary.json"
    data = read_sealed(path)
    hostile = "said \x1b[2J\x07\u202e"
    if key == "error":
        for best in data["best"]:
            best["parts"] |= {"error": hostile, "out_of_sample": {}}
    else:
        data[key] = [hostile]
    write_sealed(path, data)
    page = read_report(report.folder).page
    assert "aid \\x1b[2J" in page  # a note begins with a capital
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)


def test_a_study_of_others_is_read_and_nothing_of_it_is_run(wfo_: Command) -> None:
    """An objective that is a function is one of the program's file."""
    text = SPACE.replace("objective: sharpe", "objective: program.py:score")
    report = make_study(RESULTS, "made", text)
    marks = [*Path().rglob("was run")]
    assert marks, "the search itself runs it"
    for mark in marks:
        mark.unlink()
    for command in (
        *("list", "show made", "analyze made", "compare made", "export made --csv t.csv"),
        "cleanup made",
    ):
        found = wfo_("study", *command.split(" "))
        assert "Traceback" not in found.err, command
    shown = wfo_("study", "show", "made")
    assert shown.code == 0
    # 2 - 0.175 of the best point.
    assert re.search(r"^ +1 +12 +1\.825 ", shown.out, re.MULTILINE)
    assert report.best[0].trial == 12
    assert [*Path().rglob("was run")] == []


# Tables


def test_columns_of_the_ranking(made: Callable[..., StudyReport]) -> None:
    weights = SPACE.replace("objective: sharpe", "objective: {sharpe: 0.5, drawdown: 0.5}")
    frame = made(text=weights).table
    assert frame.columns == [
        *("rank", "trial", "fast", "slow", "sharpe", "drawdown", "profit", "trades"),
        *("score", "violation", "part.sharpe", "part.drawdown", "state", "batch", "seconds"),
    ]
    assert frame["rank"].to_list() == list(range(1, 21))
    first = frame.row(0, named=True)
    # Scales are 0 to 3 of the ratio, and 0 to 0.5 of the drawdown, which is better when small.
    by_hand = 0.5 * first["sharpe"] / 3 + 0.5 * (1 - first["drawdown"] / 0.5)
    assert first["score"] == pytest.approx(by_hand, abs=1e-12)
    assert frame["score"].is_sorted(descending=True)


def test_a_figure_called_like_a_parameter_has_a_column_of_its_own(
    made: Callable[..., StudyReport],
) -> None:
    frame = made(
        formula=lambda params, outside: {"sharpe": 1.0, "fast": 99.0, "rank": 7.0, "score": 3.0}
    ).table
    assert frame["figure.fast"].unique().to_list() == [99.0]
    assert frame["figure.rank"].unique().to_list() == [7.0]
    assert frame["figure.score"].unique().to_list() == [3.0]
    assert sorted(frame["fast"].unique().to_list()) == [5, 10, 15, 20]


def test_figures_called_like_columns_that_follow_are_all_there(
    made: Callable[..., StudyReport],
) -> None:
    own = {"sharpe": 1.0, "drawdown": 0.1, "rank": 7.0, "figure.rank": 8.0}
    outside = {"out_of_sample.sharpe": 10.0, "out_of_sample.sharpe_": 11.0}
    report = made(formula=lambda params, _: {**own, **outside})
    frame = with_best(report, report.table)
    assert frame["figure.rank"][0] == 8.0
    assert frame["figure.rank_"][0] == 7.0
    assert [frame[name][0] for name in outside] == [10.0, 11.0]
    assert frame["out_of_sample.sharpe__"][0] == 1.0


def test_errors_of_programs_are_no_formulas_of_a_spreadsheet(
    made: Callable[..., StudyReport],
) -> None:
    report = made(formula=lambda p, outside: "=1+1" if p["fast"] == 5 else figures(p, outside))
    write_artefacts(report, "2026-01-02T03:04:05+00:00", "wfo optimize space.yaml", Path("store"))
    failed = pl.read_csv(report.folder / "failed.csv")
    assert set(failed["error"]) == {"'=1+1"}


# Curves


@pytest.mark.parametrize("count", [1, 2, 71, 72, 73, 1000])
def test_a_curve_ends_where_the_search_does(count: int) -> None:
    best = np.arange(count, dtype=float)
    *rows, axis, labels = curve(best)
    assert labels.split()[-2:] == [f"{count - 1:,}", "trial"]
    columns = axis.count("-")
    assert columns == min(72, count)
    first = rows[0].split("|")[1]
    assert first[columns - 1] == "*"
    stars = [{at for at, sign in enumerate(row.split("|")[1]) if sign == "*"} for row in rows]
    assert sorted(set.union(*stars)) == list(range(columns))
    assert max(map(len, (*rows, axis, labels))) <= 98


# Commands of studies


def test_the_list_names_what_can_be_read_and_what_cannot(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made()
    made("weak", text=SPACE + "limits: strict\n", points=10)
    (RESULTS / "optimization" / "bad").mkdir()
    (RESULTS / "optimization" / "bad" / DATABASE).write_bytes(b"SQLite format 3\0 and more")
    (RESULTS / "optimization" / "empty").mkdir()
    found = wfo_("study", "list")
    assert found.code == 0
    assert re.search(
        r"^made +program\.py:evaluate +grid +20 of 20 +2\.000 +complete", found.out, re.M
    )
    # Its trials keep to no limit on win rates, which they do not have.
    assert re.search(r"^weak .* 10 of 20 +- +stopped", found.out, re.M)
    assert "cannot be read: " in found.out
    assert "optimization/bad" in found.out
    assert "empty" not in found.out


def test_a_study_is_found_by_name_and_by_folder(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made()
    by_name = wfo_("study", "show", "made")
    by_folder = wfo_("study", "show", "results/optimization/made")
    assert (by_name.code, by_name.out) == (0, by_folder.out)
    near = wfo_("study", "show", "mode")
    assert near.code == 1
    assert near.err == (
        "error: there is no study 'mode' in results/optimization; did you mean 'made'?\n"
    )
    short = wfo_("study", "show", "made", "--top", "2")
    assert re.search(r"^ +2 +11 ", short.out, re.MULTILINE)
    assert not re.search(r"^ +3 +13 ", short.out, re.MULTILINE)


def test_names_of_studies_are_completed(made: Callable[..., StudyReport]) -> None:
    made("one", points=2)
    made("two", points=2)
    assert completed("wfo study show ") == ["*", "one", "two"]
    assert completed("wfo study compare one t") == ["t*", "two"]
    assert completed("wfo optimize x.yaml --study o") == ["o*", "one"]
    assert completed("wfo study show --out elsewhere o") == ["o*"]


def test_seeds_side_by_side(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made("one", seed=1)
    made("two", seed=2, points=12)
    found = wfo_("study", "compare", "one", "two")
    said = flat(found.out)
    assert found.code == 0
    assert re.search(r"^ +one +grid +1 +20 +2\.000 +2\.000 +0\.500", found.out, re.MULTILINE)
    assert "scores can be compared. They differ in seed." in said
    assert "Their 2 best sets are 2 different ones, with scores from 1.750 to 2.000" in said
    assert "Together these are 32 trials" in said
    assert "By sharpe the best is better than the baseline in-sample, and better than it" in said
    other = made("other", text=SPACE.replace("objective: sharpe", "objective: profit"))
    assert other.best
    assert "cannot be compared: they differ in objective" in flat(
        wfo_("study", "compare", "one", "other").out
    )


@pytest.mark.parametrize("normalise", ["rank", "adaptive"])
def test_scores_that_follow_from_a_studys_own_trials_are_not_compared(
    normalise: str, made: Callable[..., StudyReport], wfo_: Command
) -> None:
    weights = f"{{weights: {{sharpe: 1, profit: 1}}, normalise: {normalise}}}"
    text = SPACE.replace("objective: sharpe", f"objective: {weights}")
    made("one", text=text)
    made("two", text=text, points=12)
    said = flat(wfo_("study", "compare", "one", "two").out)
    assert "scores cannot be compared" in said
    assert f"normalise: {normalise}" in said
    assert "scores can be compared" not in said
    assert "with scores from" not in said
    assert "2 different ones" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"aggregate": "minimum"}, "aggregate"),
        ({"settings": {"slip": 0.01}}, "account and costs"),
        ({"block": 2}, "blocks"),
        ({"timeframe": "1hour"}, "timeframe"),
    ],
)
def test_what_scores_follow_from_is_told_where_it_differs(
    change: dict[str, Any], words: str, made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made("one")
    made("two", changed=change)
    said = flat(wfo_("study", "compare", "one", "two").out)
    assert f"scores cannot be compared: they differ in {words}." in said


def test_two_programs_are_told_apart(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made("one")
    made("two", changed={"target": "other.py:evaluate"})
    said = flat(wfo_("study", "compare", "one", "two").out)
    assert "scores can be compared. They differ in what is searched." in said


def test_one_study_is_compared_with_its_baseline_or_not_at_all(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made(text=SPACE.replace("baseline: {fast: 10, slow: 60}", "baseline: {fast: 15, slow: 40}"))
    made("alone", text=SPACE.replace("baseline: {fast: 10, slow: 60}\n", ""))
    found = wfo_("study", "compare", "made")
    assert "the best is as good as the baseline in-sample" in flat(found.out)
    alone = wfo_("study", "compare", "alone")
    assert alone.code == 1
    assert "names no baseline to compare with" in alone.err
    twice = wfo_("study", "compare", "made", "results/optimization/made")
    assert (twice.code, twice.err) == (1, "error: the study made is named twice\n")
    worse = made("worse", points=2)
    assert worse.best[0].params["fast"] == 5
    assert "nothing better than the baseline" in flat(wfo_("study", "compare", "worse").out)


# Cleaning up


def kept() -> list[str]:
    return sorted(path.name for path in (RESULTS / "optimization").iterdir())


def test_cleaning_says_what_would_go_and_leaves_it(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    for name in ("a", "b", "c"):
        made(name, points=3)
        os.utime(RESULTS / "optimization" / name / DATABASE, (1, ord(name)))
    found = wfo_("study", "cleanup", "--keep", "1")
    assert found.code == 0
    assert "These studies would be removed" in found.out
    assert re.findall(r"^  (\w) ", found.out, re.MULTILINE) == ["b", "a"]
    assert "nothing was removed. With --yes they go." in found.out
    assert kept() == ["a", "b", "c"]
    gone = wfo_("study", "cleanup", "--keep", "1", "--yes")
    assert gone.code == 0
    assert kept() == ["c"]
    assert "No study goes; 1 stays." in wfo_("study", "cleanup", "--keep", "5", "--yes").out


def test_old_studies_go(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made("old", points=3)
    made("new", points=3)
    then = time.time() - 91 * 86_400
    os.utime(RESULTS / "optimization" / "old" / DATABASE, (then, then))
    assert wfo_("study", "cleanup", "--older-than", "90d", "--yes").code == 0
    assert kept() == ["new"]


def test_a_folder_that_holds_anything_else_stays(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made(points=3)
    folder = RESULTS / "optimization" / "made"
    (folder / "mine.txt").write_text("precious\n")
    before = sorted(path.name for path in folder.iterdir())
    found = wfo_("study", "cleanup", "made", "--yes")
    assert found.code == 1
    assert "holds what no search makes, mine.txt; move that away first" in found.err
    assert sorted(path.name for path in folder.iterdir()) == before
    (folder / "mine.txt").unlink()
    (folder / "summary.json").symlink_to("/etc/hostname")
    assert wfo_("study", "cleanup", "made", "--yes").code == 1
    (folder / "summary.json").unlink()
    (folder / "made_best.yaml").write_text("n: 1\n")
    assert wfo_("study", "cleanup", "made", "--yes").code == 0
    assert not folder.exists()


def test_a_study_that_was_moved_elsewhere_is_not_removed(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made(points=3)
    (RESULTS / "optimization" / "made").rename("elsewhere")
    assert wfo_("study", "export", "elsewhere", "--csv", "t.csv").code == 0
    found = wfo_("study", "cleanup", "elsewhere", "--yes")
    assert found.code == 1
    assert "elsewhere is not removed" in found.err
    assert Path("elsewhere", DATABASE).exists()


def test_a_study_that_is_written_to_stays(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made("busy", points=3)
    made("idle", points=3)
    with Study.open(RESULTS / "optimization" / "busy"):
        assert re.search(r"^busy .*under way", wfo_("study", "list").out, re.MULTILINE)
        found = wfo_("study", "cleanup", "busy", "idle", "--yes")
    assert found.code == 1
    assert f"busy is being searched by process {os.getpid()}" in found.err
    assert "busy" in kept()
    assert not re.search("under way", wfo_("study", "list").out)
    assert wfo_("study", "cleanup", "busy", "--yes").code == 0
    assert "busy" not in kept()


# Windows that overlap


def test_out_of_sample_dates_that_scores_have_seen_are_told(
    made: Callable[..., StudyReport],
) -> None:
    report = made()
    first = (("2010-01-01", "2014-12-31"), ("2015-01-01", "2016-12-31"))
    second = (("2012-01-01", "2015-12-31"), ("2016-01-01", "2017-12-31"))
    said = flat(replace(report, windows=(first, second)).page)
    # 2015 of the years 2015 to 2017: 365 of 1,096 days.
    assert "33.3 % of these dates lie in the in-sample part of another window" in said
    assert "Seen by no score: 2016-01-01 to 2017-12-31." in said
    assert "Of 2 windows every figure is the mean" in said
    third = (("2015-01-01", "2017-12-31"), ("2016-06-01", "2016-06-30"))
    said = flat(replace(report, windows=(first, second, third)).page)
    assert "100 % of these dates" in said
    assert "No date is left that no score has seen." in said
    apart = (first, (("2012-01-01", "2014-12-31"), ("2017-01-01", "2017-12-31")))
    assert "another window" not in flat(replace(report, windows=apart).page)
    assert "another window" not in flat(replace(report, windows=((None, None),)).page)


# What a search has learnt, and exports


def test_what_a_search_has_learnt(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made(points=19)
    found = wfo_("study", "analyze", "made", "--top", "2")
    said = flat(found.out)
    assert found.code == 0
    assert "what 19 trials have shown, in-sample" in said
    # The 13th trial is the best, and six come after it.
    # From 0.5 on: 0.75, 1, 1.25, 1.5, 1.75 and 2.
    assert "It was improved 6 times, last by trial 12" in said
    assert "the 6 trials after it brought nothing" in said
    assert "Importance, by how the best trials differ from all (PED-ANOVA); 19 trials" in said
    rows = dict(re.findall(r"^    (\d+) +(\d+ +\S+ +\S+)$", found.out, re.MULTILINE))
    # Of `fast` = 15: Sharpe ratios 1.5, 1.75, 2, 1.75 and 1.5.
    assert rows["15"].split() == ["5", "1.750", "2.000"]
    assert "The 10 best in-sample, and out-of-sample" in said
    assert re.search(r"^ +1 +2\.000 +0\.500 +25\.0 %$", found.out, re.MULTILINE)
    # A grid looks everywhere alike.
    assert "need not matter out-of-sample." in said
    whole = made("whole")
    assert whole.counts.trials == 20
    page = wfo_("study", "analyze", "whole").out
    assert "exact, of the whole space: alone, and in all with the others; 20 trials" in flat(page)


def test_what_is_kept_is_said_only_where_the_quotient_says_something(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made(text=SPACE.replace("objective: sharpe", "objective: [sharpe, profit, drawdown]"))
    page = wfo_("study", "analyze", "made").out
    lines = page.split("best in-sample, and out-of-sample\n")[1].splitlines()
    # A larger share of a drawdown is worse, and a profit is of a whole window.
    assert lines[0].split() == ["sharpe", "out", "kept", "profit", "out", "drawdown", "out"]
    assert len(lines[1].split()) == len(["1", *"sok%", *"p%o%", *"d%o%"])


def test_an_adaptive_method_is_said_to_have_looked_unevenly(
    made: Callable[..., StudyReport], wfo_: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = made(points=19)
    looked = "the method has looked more often where it expected much"
    assert looked not in flat(wfo_("study", "analyze", "made").out)
    other = replace(report, record=replace(report.record, method="tpe"))
    monkeypatch.setattr(call, "read_study", lambda _: other)
    assert looked in flat(wfo_("study", "analyze", "made").out)


def test_a_score_is_said_beside_the_figure_of_the_best(made: Callable[..., StudyReport]) -> None:
    text = SPACE.replace("objective: sharpe", "objective: {sharpe: 1, drawdown: 1}")
    report = made(text=text)
    best = report.best[0]
    assert f"is trial {best.trial}, by its score of {best.score:.3f}: sharpe" in flat(report.page)
    assert "by its score" not in made("one").page


def test_reference_scales_are_shown_where_they_are_used(made: Callable[..., StudyReport]) -> None:
    weights = "{weights: {sharpe: 1, drawdown: 1}, normalise: NORMALISE}"
    scale = "1.000 sharpe (0.000 to 3.000)"
    for normalise, there in (("fixed", True), ("rank", False), ("adaptive", False)):
        text = SPACE.replace(
            "objective: sharpe", f"objective: {weights.replace('NORMALISE', normalise)}"
        )
        assert (scale in flat(made(normalise, text=text).page)) is there


def test_a_set_without_a_block_has_no_score_beside_those_of_blocks(
    made: Callable[..., StudyReport],
) -> None:
    report = made()
    assert report.baseline is not None
    base = replace(report.baseline, score=1.0)
    best = tuple(replace(b, block=BlockFigures(12, {"sharpe": 1.5})) for b in report.best)
    page = replace(report, best=best, baseline=base).page
    assert re.search(r"^ +base +- +- +1\.000", page, re.MULTILINE)


def test_what_figures_of_symbols_and_of_unlike_windows_are(
    made: Callable[..., StudyReport],
) -> None:
    text = SPACE.replace("objective:", "symbols: [A, B, C]\nwindows: none\nobjective:")
    report = made(text=text)
    spans = (("2000-01-03", "2013-12-31"), ("2014-01-02", "2019-12-31"))
    held = Parts({"sharpe": 0.9}, {"sharpe": 0.3})
    said = flat(replace(report, windows=(spans,), held=held).page)
    assert "Of 3 symbols every figure is the median: single ones do worse than that." in said
    assert "In-sample is 14.0 years, out-of-sample 6.0: profits, trades and drawdowns" in said
    assert "hold is each symbol bought" in said
    assert "its figures are as this package computes them" in said
    alike = (spans[0], ("2014-01-02", "2027-12-31"))
    assert "do not compare as they stand" not in flat(replace(report, windows=(alike,)).page)
    assert "Limits are kept to by figures" not in said
    strict = flat(made("strict", text=text + "limits: strict\n").page)
    assert "Limits are kept to by figures put together like this, guardrails by every" in strict
    worst = replace(report, plan=replace(report.plan, aggregate="minimum"))
    assert "every figure is that of the worst one, figure by figure" in flat(worst.page)


def test_limits_that_the_best_misses_are_named(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    # The best has a Sharpe ratio of 2, a drawdown of 0.175 and 400 / 15 trades.
    limits = "{sharpe: {at_least: 1}, drawdown: {at_most: 0.2}, trades: {at_least: 500}}"
    report = made(text=SPACE + f"limits: {limits}\n")
    said = flat(report.page)
    assert "No trial keeps to all limits" in said
    assert "It misses 1 of 3 limits: trades at least 500." in said
    assert "what helps to keep to the limits" in flat(wfo_("study", "analyze", "made").out)
    assert "It misses" not in made("none").page
    assert "what helps to keep to the limits" not in flat(wfo_("study", "analyze", "none").out)


def test_which_of_the_best_are_the_pareto_set_is_said(made: Callable[..., StudyReport]) -> None:
    text = SPACE.replace("objective: sharpe", "objective: [sharpe, drawdown]")
    report = made(text=text)
    assert (report.front, len(report.best)) == (3, 10)
    assert "The first 3 are the Pareto set; the others are beaten by it" in flat(report.page)
    few = replace(report, best=report.best[:3])
    assert "All of these are of the Pareto set." in flat(few.page)
    one = flat(replace(report, front=1).page)
    assert "1 of 20 trials with figures forms the Pareto set" in one
    assert "The first is the Pareto set" in one


def test_a_space_of_which_every_point_was_evaluated_is_not_called_a_part(
    made: Callable[..., StudyReport],
) -> None:
    part = "A search looks at a part of the space"
    assert part in flat(made("some", points=19).page)
    said = flat(made("all").page)
    assert part not in said
    assert "a lone peak is luck" in said


def test_notes_are_sentences(made: Callable[..., StudyReport]) -> None:
    notes = ("no block: there is one parameter", "Batch 0: begun anew.")
    page = replace(made(), notes=notes).page
    assert "  No block: there is one parameter.\n  Batch 0: begun anew.\n" in page


def test_one_earns_more_than_holding(made: Callable[..., StudyReport]) -> None:
    # The best has a profit of 0.05 out-of-sample, and those beside it 0.04375.
    held = Parts({"profit": 0.3}, {"profit": 0.045})
    said = flat(replace(made(), held=held).page)
    assert "1 of the 10 best earns more than buying and holding" in said


def test_the_list_of_studies_fits_its_width(
    made: Callable[..., StudyReport], wfo_: Command
) -> None:
    made("first")
    assert "program.py:evaluate " in wfo_("study", "list").out
    made("a_name_of_some_length_ok")
    lines = wfo_("study", "list").out.splitlines()
    assert max(map(len, lines)) <= 98
    assert any(re.search(r"program\.py:e\S*\.\.\. ", line) for line in lines)


def test_too_little_to_learn_from(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made(points=1)
    found = wfo_("study", "analyze", "made")
    assert found.code == 0
    assert "Not known: importance needs two trials with a score" in flat(found.out)
    made(
        "none", formula=lossy, points=5, text=SPACE.replace("baseline: {fast: 10, slow: 60}\n", "")
    )
    found = wfo_("study", "analyze", "none")
    assert found.code == 0
    assert "Best score by trials: no trial has a score" in found.out


def test_a_table_of_all_trials(made: Callable[..., StudyReport], wfo_: Command) -> None:
    made(formula=lossy)
    found = wfo_("study", "export", "made", "--csv", "trials.csv")
    assert found.code == 0
    frame = pl.read_csv("trials.csv")
    assert frame["trial"].to_list() == list(range(20))
    assert frame["state"].value_counts(sort=True).to_dict(as_series=False) == {
        "state": ["complete", "failed", "timeout"],
        "count": [14, 5, 1],
    }
    other = wfo_("study", "export", "made", "--csv", "trials.xlsx", "--journal", "trials.log")
    assert other.err == "error: --csv = 'trials.xlsx' must end in .csv, as trials.csv\n"
    assert not Path("trials.xlsx").exists()
    assert not Path("trials.log").exists()
    lost = wfo_("study", "export", "made", "--csv", "nowhere/trials.csv")
    said = "No such file or directory; see to its folder, or name another file\n"
    assert (lost.code, lost.err) == (1, f"error: cannot write nowhere/trials.csv: {said}")
    again = wfo_("study", "export", "made", "--csv", "trials.csv")
    assert (again.code, again.err) == (
        1,
        "error: trials.csv is there already; --force replaces it\n",
    )
    assert wfo_("study", "export", "made", "--csv", "trials.csv", "--force").code == 0


def test_a_journal_needs_optuna_and_says_so(
    made: Callable[..., StudyReport], wfo_: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    monkeypatch.setitem(sys.modules, "optuna", None)
    found = wfo_("study", "export", "made", "--journal", "j.log")
    assert found.code == 1
    assert "pip install 'wfo[search]'" in found.err
    assert len(found.err.splitlines()) == 1
    assert not Path("j.log").exists()
    found = wfo_("study", "analyze", "made", "--fanova")
    assert found.code == 1
    assert "pip install 'wfo[search]'" in found.err


# Words


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("drawdown", 0.2, "20.0 %"),
        ("max_drawdown_share", 0.005, "0.5 %"),
        ("trades", 12.0, "12"),
        ("trades", 12.25, "12.2"),
        ("sharpe", 0.5, "0.500"),
        ("sharpe", -1.25, "-1.250"),
        ("sharpe", float("nan"), "-"),
        ("sharpe", float("inf"), "-"),
        ("mine", 0.0001234, "0.000123"),
        ("mine", 0.0, "0.000"),
        ("net_profit", 12345.678, "12,346"),
        ("mine", 4e12, "4e+12"),
    ],
)
def test_figures_as_text(name: str, value: float, said: str) -> None:
    assert figure_text(name, value) == said


def test_a_table_of_parameters_is_never_wider_than_a_page() -> None:
    names = [f"strategy.part_{n}.length" for n in range(3)]
    sets = [(str(k), dict.fromkeys(names, k * 1.234567)) for k in range(1, 26)]
    lines = params_table(sets)
    assert max(map(len, lines)) <= 98
    heads = [line.split()[1:] for line in lines if line.split()[0] == "Parameters"]
    assert [label for head in heads for label in head] == [label for label, _ in sets]
    assert len(lines) == 4 * len(heads)


def test_figures_are_found_by_any_of_their_names() -> None:
    given = {"mar": 1.0, "total_return": 0.1, "max_drawdown_share": 0.2, "trades": 7.0}
    assert shown_figures(["calmar"], [given]) == ["calmar", "profit", "drawdown", "trades"]
    assert first_figure(given, "calmar") == 1.0
    assert first_figure({"calmar": 3.0}, "mar") == 3.0
    assert np.isnan(first_figure(given, "sharpe"))


def test_the_best_at_an_end_of_the_range_is_told(made: Callable[..., StudyReport]) -> None:
    assert "at an end of the range" not in flat(made().page)
    ends = made("ends", points=5)
    assert ends.best[0].params == {"fast": 5, "slow": 40}
    assert "Of the best, fast lies at an end of the range" in flat(ends.page)


def test_blocks_and_sweeps_are_told(made: Callable[..., StudyReport]) -> None:
    report = made()
    block = BlockFigures(2160, {"sharpe": 0.4})
    best = tuple(replace(each, block=block, score=0.4) for each in report.best)
    page = replace(report, best=best, sweep_seconds=8.0).page
    said = flat(page)
    assert "This space can be swept: that takes 8.0 s" in said
    assert (
        "the best of 20 trials, blocks of 2,160 combinations each, looks good on any bars" in said
    )
    assert "Scores are of blocks of 2,160 combinations, by the medians of their figures" in said
    # The score is the block's, and the figures are those of one set of it.
    assert re.search(r"^ +1 +12 +0\.400 +2\.000 +0\.500", page, re.MULTILINE)


@pytest.mark.parametrize(("seconds", "told"), [(8.0, True), (600.0, True), (601.0, False)])
def test_a_sweep_is_advised_where_it_would_do(
    seconds: float, told: bool, made: Callable[..., StudyReport]
) -> None:
    page = replace(made(), sweep_seconds=seconds).page
    assert ("This space can be swept" in flat(page)) == told
