"""The page of a verdict, as text and for a browser, on made-up figures; and the command."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY
from made_verdict import made_finalist, made_verdict

import wfo
from wfo.cli import cli
from wfo.data import sample_store
from wfo.runs.holdout.state import HoldoutState
from wfo.runs.machine import core_version
from wfo.runs.permuting.record import Basis, Record, record_path
from wfo.runs.permuting.values import BESIDE, OUTCOMES, PermutationTest, Searched, Variant
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.run import run
from wfo.runs.verdict.chance import chance_of
from wfo.runs.verdict.html import page as html_page
from wfo.runs.verdict.page import text as text_page
from wfo.runs.verdict.parts import Bars, Dots, Explained, Histogram, Mark, Section, Table, Words
from wfo.runs.verdict.record import Correlation, FinalistStatistics, Prediction, Verdict
from wfo.runs.verdict.report import VerdictReport
from wfo.runs.verdict.rules import first_lines
from wfo.runs.verdict.searched import facts_of_run
from wfo.runs.verdict.stress_values import BreakEven
from wfo.runs.verdict.texts import sure
from wfo.runs.verdict.weighed import weigh


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """A run of a tiny grid."""
    folder = tmp_path_factory.mktemp("verdict")
    grid = folder / "grid.yaml"
    grid.write_text(TINY)
    return run(RunPlan("NASDAQ", "atr_d_l", grid=grid, out=folder / "out"), sample_store())


@pytest.fixture
def made(tiny: RunReport) -> Callable[..., VerdictReport]:
    """Makes a report on made-up statistics of that run."""

    def call(
        verdict: Verdict | None = None, tests: tuple[PermutationTest, ...] = (), **changes: Any
    ) -> VerdictReport:
        manifest = tiny.folder.read_manifest()
        verdict = verdict or made_verdict()
        chance = tuple(chance_of(test, "v4") for test in tests)
        facts = weigh(facts_of_run(tiny.folder, manifest, chance), verdict)
        found = VerdictReport(
            tiny.folder,
            manifest,
            verdict,
            facts,
            tests,
            changes.pop("hold_out", HoldoutState(None)),
        )
        return replace(found, **changes)

    return call


def permuted(name: str = "atr_d_l", runs: int = 39, block: int = 0) -> PermutationTest:
    """A test in which the real search is beaten by half of the permuted ones."""
    names = ("stable_v4", "stable_strict", *OUTCOMES, *BESIDE)
    values = np.linspace(0.1, 0.9, runs + 1)[:, None] * np.linspace(0.5, 1.0, len(names))
    values[0] = values[1 + runs // 2]
    values[-1, names.index("median_excess")] = math.nan
    searched = {name: Searched(96_768, "factored", names, values)}
    return PermutationTest(
        Variant(block=block), "key", "2016-05-02", "2026-05-01", 2_515, 3, searched, 1.0
    )


def block_of(page: str, title: str) -> str:
    """What stands below a heading, on one line."""
    lines = page.splitlines()
    begin = lines.index(title)
    rest = lines[begin + 1 :]
    end = next((k for k, line in enumerate(rest) if line and not line.startswith(" ")), len(rest))
    return " ".join(" ".join(rest[:end]).split())


# The page


def test_a_page_begins_with_its_first_lines_and_has_every_section(
    made: Callable[..., VerdictReport],
) -> None:
    report = made(tests=(permuted(),))
    page = report.page
    words = " ".join(page.split())
    assert words.startswith(" ".join(" ".join(report.first_lines).split()))
    assert report.first_lines == first_lines(report.facts)
    titles = [
        "What was assumed",
        "What chance gives",
        "The search",
        "All combinations",
        "Did stability predict the last phase?",
        "Finalists",
        "Hold-out",
        "Trials",
        "What is not known",
        "Written",
    ]
    lines = page.splitlines()
    assert [line for line in lines if line in titles] == titles
    path = str(report.folder.path)
    for line in lines:
        assert len(line.replace(path, "results/QQQ")) <= 100, line
        assert line == line.rstrip()


def test_a_page_says_on_what_its_figures_rest(made: Callable[..., VerdictReport]) -> None:
    assumed = block_of(made(tests=(permuted(block=20),)).page, "What was assumed")
    for words in (
        "Costs none",
        "Capital 100,000.00",
        "'v4': efficiency above 0.35",
        "one simulation, 2016-05-02 to 2026-05-01, 2,515 periods, 252 a year",
        (
            "atr_d_l: 1,990 of 96,768 combinations, drawn uniformly from the whole grid (stream"
            " 17); 10 more lose all"
        ),
        "1,000 resamples, seed 17, blocks of 9.5 periods in the mean; of finalists seed 0",
        "blocks of 20 bars, 39 orders of a fixed sequence, 2016-05-02 to 2026-05-01",
        "2026-11-27T05:45:00Z by wfo 0.1.0",
    ):
        assert words in assumed
    assert "the run:" not in assumed
    both = block_of(made(made_verdict("atr_d_l", "atr_d_ls")).page, "What was assumed")
    assert "the run: 1,990 of 193,536, each strategy by its size (stream 17)" in both


def test_every_statistic_stands_with_what_it_means_and_where_it_misleads(
    made: Callable[..., VerdictReport],
) -> None:
    page = made(tests=(permuted(),)).page
    chance = block_of(page, "What chance gives")
    assert re.search(r"stable share, v4 \S+ % \S+ % \S+ % 0\.\d+", chance)
    assert "A permutation keeps the drift" in chance
    assert "--block 20' keeps them, and is the stricter question" in chance
    search = block_of(page, "The search")
    for figure in (
        # .031 a period, 252 periods a year.
        "Sharpe ratio, median 0.49",
        "best 1.30",
        "DSR of the best 0.41",
        "WFE of a combination, raw 1.70 a year 1.90 combinations that reach .5 a year 88.0 %",
        "Sharpe ratio of the excess, median -0.19",
        "PBO 0.47",
        "least 0.02 median 0.03 largest 0.03",
        "SPA against cash, p 0.020 lower, upper 0.010, 0.030 better by StepM 812",
        "SPA against buy-and-hold, p 0.42 lower, upper 0.31, 0.55 better by StepM 0",
        "Independent trials 7",
    ):
        assert figure in search
    assert ".41 without drift and .59 with it" in search
    assert "Against cash drift alone rejects" in search
    assert "At the full number of trials it hardly ever gets there" in search
    assert "the median of sampled combinations that earned in-sample" in search
    assert "Medians are known to within 0.2 %." in block_of(page, "All combinations")
    finalists = block_of(page, "Finalists")
    assert "1 atr_d_l plateau 1 of atr_d_l" in finalists
    assert "1 0.90 0.99 0.98 1.05 0.31 0.20 0.70 0.92 0.04" in finalists
    assert "1 1.90 2.80 1 of 1 41 17.0 % 30.0 %" in finalists
    # 500 % in all over 2,515 of 252 periods a year.
    assert "buy-and-hold - - - 0 19.7 % -" in finalists
    assert "90 % intervals of a block bootstrap" in finalists
    assert "Real order 50 % 95 % Orders no worse" in finalists
    assert "1 0.80 0.10 1.50 80.0 % 10.0 % 150.0 % - - -" not in finalists
    assert "Finalist 2: no figures: too few bars." in finalists
    assert "Not known: finalist 1, trade intervals: 9 trades are too few." in finalists
    assert "Finalist 1: there is no excess over holding as it is." in finalists
    # .16 a year, 390 % in all, 110 % less than holding, and 300 % in the twentieth draw.
    assert "prices off by 10 % of a bar 16.0 % 31.0 % 42 390.0 % -110.0 % 300.0 %" in finalists
    assert "inflated by compounding" in finalists
    predicted = block_of(page, "Did stability predict the last phase?")
    assert "stable ones, by stability 61,000 +0.12 -0.05" in predicted
    assert "most stable 18.0 % -3.0 % 61.0 %" in predicted
    assert "No best plateau of atr_d_l: the map has no shape." in predicted
    assert "193,536 combinations were ever searched on QQQ" in block_of(page, "Trials")


def test_a_finalist_on_no_plateau_is_called_a_peak(made: Callable[..., VerdictReport]) -> None:
    peak = replace(
        made_finalist(1, "atr_d_l"),
        origin="peak, no plateau: the most stable outcome of atr_d_l",
    )
    report = made(made_verdict(finalists=(peak,)))
    finalists = block_of(report.page, "Finalists")
    assert "1 atr_d_l peak, no plateau: the most stable outcome of atr_d_l" in finalists
    assert "NO PLATEAU was found" in finalists
    assert "is a peak" in " ".join(report.first_lines)
    assert "NO PLATEAU" not in made(made_verdict()).page


def stressed(number: int, slip: float, origin: str = "") -> FinalistStatistics:
    """A finalist with a case of slippage, doubled."""
    found = made_finalist(number, "atr_d_l")
    assert found.figures is not None
    plain, noise = found.figures.stress.cases
    doubled = replace(plain, name="slippage_doubled", size=2 * slip, annual_return=0.15)
    broken = BreakEven("found", 0.004, 0.00001, 0.0, 0.05)
    stress = replace(found.figures.stress, cases=(plain, doubled, noise), break_even=broken)
    return replace(
        found, figures=replace(found.figures, stress=stress), origin=origin or found.origin
    )


def test_no_slippage_is_not_doubled_and_what_it_is_doubled_to_is_said(
    made: Callable[..., VerdictReport],
) -> None:
    none = block_of(made(made_verdict(finalists=(stressed(1, 0.0),))).page, "Finalists")
    assert "doubled" not in none
    some = block_of(made(made_verdict(finalists=(stressed(1, 0.0005),))).page, "Finalists")
    assert "slippage doubled to 0.1 % 15.0 %" in some


def test_many_finalists_are_stressed_in_one_table(made: Callable[..., VerdictReport]) -> None:
    found = tuple(stressed(k, 0.0005, f"refined set {k}") for k in range(1, 11))
    finalists = block_of(made(made_verdict(finalists=found)).page, "Finalists")
    assert finalists.count("under execution stress") == 2
    assert "as it is slippage doubled to 0.1 % prices off by 10 % of a bar" not in finalists
    assert "10 17.0 % 15.0 % 16.0 % 0.4 %" in finalists
    assert "a b c Slippage" in finalists
    assert "b: slippage doubled to 0.1 %; c: prices off by 10 % of a bar" in finalists
    # They are neighbours, and no permuted search has refined anything.
    assert "several that agree say hardly more than one" in finalists
    assert "permuted searches have refined nothing" in finalists
    one = block_of(made(made_verdict(finalists=(stressed(1, 0.0005),))).page, "Finalists")
    assert "several that agree" not in one
    assert "refined nothing" not in one


def test_what_is_sampled_whole_is_not_drawn(made: Callable[..., VerdictReport]) -> None:
    verdict = made_verdict()
    s = verdict.strategies[0]
    sample = replace(s.statistics.sample, total=2_000, drawn=2_000, used=1_990)
    whole = replace(s, statistics=replace(s.statistics, sample=sample))
    assumed = block_of(made(replace(verdict, strategies=(whole,))).page, "What was assumed")
    assert "atr_d_l: all 2,000 combinations; 10 of them lose all" in assumed


def test_a_page_for_a_narrow_screen_keeps_numbers_with_their_signs_and_wraps_headings(
    made: Callable[..., VerdictReport],
) -> None:
    page = made().html
    assert not re.search(r"\d %", page)
    assert "thead .r { white-space: normal; }" in page


def test_two_strategies_stand_beside_the_run(made: Callable[..., VerdictReport]) -> None:
    search = block_of(made(made_verdict("atr_d_l", "atr_d_ls")).page, "The search")
    assert "atr_d_l atr_d_ls the run Combinations 96,768 96,768 193,536" in search
    assert "Stable 66,758 (69.0 %) 66,758 (69.0 %) 133,516 (69.0 %)" in search
    assert "Candidates that beat holding 3,813 of 66,758 3,813 of 66,758 7,626 of 133,516" in search
    assert "WFE of a combination, raw 1.70 1.70 -" in search


def test_what_is_not_known_is_said_with_its_reason(made: Callable[..., VerdictReport]) -> None:
    verdict = made_verdict()
    s = verdict.strategies[0]
    statistics = replace(
        s.statistics,
        overfitting=replace(s.statistics.overfitting, pbo=None, reason="12 periods are too few"),
        paths=replace(s.statistics.paths, sharpes=(), reason="12 periods are too few"),
    )
    bare = replace(
        s,
        statistics=statistics,
        profile=(),
        correlations=(Correlation(None, 0, exact=True, reason="no figures are kept"),),
    )
    none = Prediction(None, None, None, "", "", (), "there is one phase")
    verdict = replace(
        verdict,
        strategies=(bare,),
        run=replace(verdict.run, statistics=statistics),
        finalists=(),
        prediction=none,
    )
    report = made(verdict)
    page = report.page
    search = block_of(page, "The search")
    assert "PBO -" in search
    why = "Not known: PBO of atr_d_l, CPCV paths of atr_d_l: 12 periods are too few."
    assert why in search
    combinations = block_of(page, "All combinations")
    assert "Not known: rank correlation of atr_d_l: no figures are kept." in combinations
    assert "The profile of atr_d_l is not known" in combinations
    assert "None: nothing is stable." in block_of(page, "Finalists")
    assert "Not known: there is one phase." in page
    assert "permutation-test" in block_of(page, "What chance gives")
    words = " ".join(report.first_lines)
    assert "is not known: 12 periods are too few." in words
    assert "<svg" not in report.html


# A page for a browser


class Checked(HTMLParser):
    """Checks that tags are closed in order, and collects tags, attributes and text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.replace("\N{NO-BREAK SPACE}", " "))


def parsed(page: str) -> Checked:
    found = Checked()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def test_a_page_for_a_browser_is_whole_and_loads_nothing(
    made: Callable[..., VerdictReport],
) -> None:
    report = made(tests=(permuted(), permuted(block=20)))
    page = report.html
    found = parsed(page)
    names = [tag for tag, _ in found.tags]
    assert names.count("html") == names.count("body") == names.count("h1") == 1
    assert not {"script", "link", "iframe", "img", "object", "embed", "base", "a"} & set(names)
    for _, attributes in found.tags:
        assert not {"src", "href", "srcset", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert "//" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    words = " ".join(" ".join(found.texts).split())
    for line in report.first_lines:
        assert " ".join(line.split()) in words


def test_both_pages_hold_the_same_figures(made: Callable[..., VerdictReport]) -> None:
    report = made(made_verdict("atr_d_l", "atr_d_ls"), tests=(permuted(),))
    shown = " ".join(" ".join(parsed(report.html).texts).split())
    for section in report._sections:
        assert section.title in shown
        for part in section.parts:
            if isinstance(part, Table):
                for row in part.rows:
                    for cell in row:
                        assert " ".join(cell.split()) in shown
            if isinstance(part, Words):
                assert " ".join(part.text.split()) in shown
            if isinstance(part, Explained):
                assert " ".join(part.misleads.split()) in shown


def test_charts_mark_the_real_value_where_it_lies() -> None:
    def places(part: Any) -> tuple[list[float], list[float]]:
        page = parsed(html_page("t", ["f"], [Section("s", (part,))]))
        lines = [a for tag, a in page.tags if tag == "line" and a["class"] == "real"]
        drawn = [a for tag, a in page.tags if tag in {"rect", "circle"}]
        at = [float(a.get("x") or a.get("cx") or "nan") for a in drawn]
        return [float(a["x1"] or "nan") for a in lines], at

    real = Mark("real", 3.0, "3")
    # From 0 to 4, so that the real one is three quarters of the way; NaN is not drawn.
    values = (0.0, 1.0, 4.0, math.nan, -math.inf)
    marked, bars = places(Histogram("h", values, "0", "4", (real,)))
    assert marked == [20 + 0.75 * 600]
    assert len(bars) == 3
    marked, dots = places(Dots("d", values, "0", "4", (real,)))
    assert marked == [20 + 0.75 * 600]
    assert dots == [20, 20 + 0.25 * 600, 620]
    page = html_page("t", ["f"], [Section("s", (Histogram("h", values, "0", "4", (real,)),))])
    assert "h; 2 have none, and are not drawn" in page
    # One value alone stands in the middle; none at all is said.
    assert places(Dots("d", (2.0,), "2", "2", ()))[1] == [320]
    nothing = html_page("t", ["f"], [Section("s", (Histogram("h", (math.nan,), "", "", ()),))])
    assert "there is nothing to draw" in nothing
    # Bars are in proportion to the longest.
    found = parsed(
        html_page("t", ["f"], [Section("s", (Bars("b", (real, Mark("x", 1.5, "1.5"))),))])
    )
    widths = [float(a["width"] or "nan") for tag, a in found.tags if tag == "rect"]
    assert widths[1] == pytest.approx(widths[0] / 2)


def test_names_are_escaped() -> None:
    bad = "<script>alert('x')</script> & \x1b[31m"
    section = Section(
        bad,
        (
            Words(bad),
            Table(((bad, bad), (bad, bad)), "<>", bad),
            Explained(bad, bad, bad),
            Histogram(bad, (1.0, 2.0), bad, bad, (Mark(bad, 1.5, bad),)),
            Bars(bad, (Mark(bad, 1.0, bad),)),
        ),
    )
    page = html_page(bad, [bad], [section])
    assert "script" not in {tag for tag, _ in parsed(page).tags}
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


def test_a_profile_stands_beside_rank_correlations(made: Callable[..., VerdictReport]) -> None:
    report = made()
    found = block_of(report.page, "All combinations")
    held = report.manifest.benchmarks
    assert held is not None
    assert "Phase IS to OOS Median P/L Holding Earn Best Best, in deviations" in found
    assert f"1 +0.10 40,000 {held[0].held.oos_pnl:,.0f} 93.0 % 90,000 5.4" in found
    earlier = made(manifest=replace(report.manifest, benchmarks=None))
    assert "1 +0.10 40,000 93.0 % 90,000 5.4" in block_of(earlier.page, "All combinations")


def test_what_is_not_certain_is_not_rounded_to_certainty() -> None:
    assert sure(0.9961) == "0.9961"
    assert sure(0.99999) == "0.9999"
    assert sure(1.0) == "1.00"
    assert sure(0.994) == "0.99"
    assert sure(None) == "-"


def test_a_table_that_is_too_wide_goes_on_below() -> None:
    cells = tuple("x" * 20 for _ in range(6))
    page = text_page("t", ["f."], [Section("s", (Table((cells, cells), "<" * 6, "c"),))], ["end"])
    assert max(map(len, page.splitlines())) <= 100
    assert page.count("x" * 20) >= 12


def test_finalists_name_what_they_do_not_meet(made: Callable[..., VerdictReport]) -> None:
    good = made_finalist(1, "atr_d_l")
    assert good.figures is not None
    condition = good.figures.tradestation.conditions[0]
    failed = replace(condition, name="drawdown below 40 % in every phase", passed=False)
    figures = replace(
        good.figures, tradestation=replace(good.figures.tradestation, conditions=(failed,))
    )
    others = tuple(
        FinalistStatistics(k, "atr_d_l", {}, f"plateau {k} of atr_d_l", figures) for k in (2, 3)
    )
    page = made(made_verdict(finalists=(good, *others))).page
    assert "Not met by 2, 3: drawdown below 40 % in every phase." in " ".join(page.split())


# The page of a run


def test_a_run_says_what_its_permutation_tests_say(tiny: RunReport) -> None:
    """Its first lines, read from the record; a damaged one is named, and the run stands."""
    folder, manifest = tiny.folder, tiny.folder.read_manifest()
    assert tiny.page.splitlines()[1].startswith("Of 128 combinations")
    test = permuted()
    basis = Basis.of(folder, manifest, core_version())
    test = replace(test, key=basis.key(test.variant), least=basis.least)
    path = record_path(folder, test.variant)
    try:
        Record(basis, test).write(path)
        page = tiny.page
        assert page.splitlines()[1].startswith("NOTHING BEYOND CHANCE: searches of permuted bars")
        assert "Beside 39 searches of permuted bars:" in page
        assert "wfo permutation-test" not in " ".join(page.split()).split("NASDAQ 1day:")[0]
        path.write_text(path.read_text().replace("0.5", "0.6"))
        damaged = " ".join(tiny.page.split())
        assert damaged.startswith("Of 128 combinations")
        assert re.search(r"Warning: \S+bars\.json .*computes it anew", damaged)
    finally:
        path.unlink()


# The command


def test_the_command_writes_both_files_and_says_how_much_is_luck(tiny: RunReport) -> None:
    folder = tiny.folder.path
    called = CliRunner().invoke(
        cli, ["verdict", str(folder), "--samples", "12", "--threads", "1"], catch_exceptions=False
    )
    assert called.exit_code == 0
    page = called.stdout
    assert " ".join(page.split()).startswith(
        "Whether what was found is more than chance is NOT KNOWN"
    )
    assert f"  {folder / 'verdict.html'}" in page.splitlines()
    stated = json.loads((folder / "verdict.json").read_text())
    assert stated["made"]["samples"] == 12
    shown = parsed((folder / "verdict.html").read_text(encoding="utf-8"))
    report = wfo.verdict(folder, samples=12)
    assert report.page == page
    assert report.html == (folder / "verdict.html").read_text(encoding="utf-8")
    words = " ".join(" ".join(shown.texts).split())
    assert " ".join(report.first_lines[1].split()) in words
    assert "Verdict on NASDAQ 1day: atr_d_l" in repr(report)
    assert report._repr_html_().count("<p>") == len(report.first_lines)


def test_a_hold_out_that_is_not_there_cannot_be_spent(tiny: RunReport, tmp_path: Path) -> None:
    with pytest.raises(wfo.ResultsError, match="has held nothing out"):
        wfo.verdict(tiny.folder.path, spend_holdout=True)
    called = CliRunner().invoke(cli, ["verdict", str(tmp_path / "none")])
    assert called.exit_code != 0
    assert isinstance(called.exception, wfo.ResultsError)
