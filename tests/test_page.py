"""The page of a run: what real reports say, and what they leave unsaid."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, TINY
from strategies import strategy

import wfo
from wfo.cli import main
from wfo.data import sample_store
from wfo.runs.page import _next, plateau_lines
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.run import run
from wfo.selection.gates import Gates
from wfo.selection.plateaus import LEAST_STABLE, Plateaus
from wfo.selection.profile import PhaseProfile, Profile, Spread
from wfo.selection.scoring import Cells
from wfo.text import percent, wrap_items, wrap_text
from wfo.windows import Windows

#: 8 cells of 128 combinations, whose shares lie as they happen to.
SHAPELESS = """
atr_d_l:
  atr_period: [4, 64]
  atr_multiplier: [10, 16, 14, 12]
  bb_length: [10, 55]
  bb_deviation: [0.5, 1, 2, 4]
  vol_threshold: [0.04, 0.32]
  min_tightening: [0.10, 0.85]
  scaling_method: [0]
  atr_buy_period: [8, 56]
  atr_buy_multiplier: [0.5, 2]
  atr_smooth_period: [2]
  equity_price_method: [0]
"""


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., RunReport]:
    """Runs the grid of a text, with whatever else a plan has."""

    def call(text: str = TINY, strategy: str = "atr_d_l", **options: Any) -> RunReport:
        path = tmp_path / "grid.yaml"
        path.write_text(text)
        given: dict[str, Any] = {"grid": path, "out": tmp_path / "out"}
        return run(RunPlan("NASDAQ", strategy, **(given | options)), sample_store())

    return call


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """Types a command line, in this process; returns its exit code and what it printed."""

    def call(line: str) -> tuple[int, str]:
        program, *arguments = shlex.split(line)
        assert program == "wfo"
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [program, *arguments])
            with pytest.raises(SystemExit) as exit_:
                main(arguments)
        code = exit_.value.code
        assert isinstance(code, int)
        out, err = capsys.readouterr()
        return code, out if code == 0 else err

    return call


def words(page: str) -> str:
    """A page without its line breaks."""
    return " ".join(page.split())


def narrow(report: RunReport) -> list[str]:
    """Check that a page fits a window of a hundred columns; return its lines."""
    path = str(report.folder.path)
    lines = report.page.splitlines()
    for line in lines:
        # A path is as long as it is.
        assert len(line.replace(path, "results/QQQ")) <= 100, line
        assert line == line.rstrip()
    return lines


def block(lines: list[str], first: str) -> list[str]:
    """The lines from the one that begins so up to the next empty one."""
    begin = next(i for i, line in enumerate(lines) if line.startswith(first))
    end = lines.index("", begin)
    return lines[begin:end]


# What was assumed


def test_zero_costs_warn_and_others_are_said(found: Callable[..., RunReport]) -> None:
    page = words(found().page)
    assert "Costs: NONE. Warning: without slippage and fees" in page
    assert "give yours with --slip and --fee" in page
    dear = wfo.Settings(slip=0.0005, fee=0.0001, capital=25_000, sizing="fixed", lot_size=1)
    page = words(found(settings=dear).page)
    assert "Costs: slippage of 0.05 % of the price and a fee of 0.01 % of the value" in page
    assert "Costs: NONE" not in page
    assert "NO COSTS" not in page
    assert "Capital: 25,000 at the start of every phase." in page
    assert "Sizing: 25,000, or what is left of it, goes into every trade (fixed)." in page
    assert "Shares are rounded down to multiples of 1." in page
    assert "max_stop_atr 20, entry_style pullback" in page


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        (Gates(), ["'v4'", "above 0.35 of", "below 3 times", "in 3 or more of 4 phases"]),
        (
            Gates.preset("strict"),
            ["'strict'", "5 or more trades closed", "profit by drawdown above buy-and-hold's"],
        ),
        (
            Gates(wfe=0.1, dd_ratio=4.5, min_phases=2, beat="return"),
            ["'own'", "above 0.1 of", "below 4.5 times", "return above buy-and-hold's; in 2 or"],
        ),
    ],
)
def test_gates_are_said_with_their_thresholds(
    gates: Gates, said: list[str], found: Callable[..., RunReport]
) -> None:
    report = found(gates=gates)
    page = " ".join(narrow(report))
    begin = page.index("Gates '")
    (line,) = re.findall(r"Gates '.*? phases\.", " ".join(page[begin:].split()))[:1]
    for each in said:
        assert each in line
    assert ("trades closed" in line) == bool(gates.min_trades)
    assert ("buy-and-hold" in line) == (gates.beat is not None)
    # The other sets are counted beside it, whichever rules.
    page = words(report.page)
    for name in {"v4", "strict"} - {gates.name}:
        assert re.search(rf"By the {name} gates ([\d,]+|none) of 128 ", page)
    assert f"By the {gates.name} gates " not in page


# What was found


def test_the_best_outcome_stands_beside_buy_and_hold_by_phase(
    found: Callable[..., RunReport],
) -> None:
    report = found(settings=wfo.Settings(slip=0.001))
    best = report.strategies[0].most_stable
    assert best is not None
    own = block(narrow(report), "The most stable outcome")
    table = [line for line in own if re.match(r" +[1-4]  ", line)]
    assert len(table) == 4
    for line, phase, held in zip(table, best.phases, report.benchmarks, strict=True):
        for value in (
            phase.oos_return,
            phase.oos_return_annual,
            phase.dd_share,
            phase.exposure,
            held.oos_return,
            held.oos_return_annual,
            held.held.oos_dd_share,
            held.oos_return * phase.exposure,
        ):
            assert f"  {percent(value)}" in line
        assert f"  {phase.trades}  " in line
    text = words("\n".join(own))
    won = sum(
        p.oos_return > b.oos_return for p, b in zip(best.phases, report.benchmarks, strict=True)
    )
    said = {
        True: f"It returns more than buy-and-hold in {won} of 4 phases.",
        False: "It returns less than buy-and-hold, or the same, in all of the 4 phases.",
    }
    assert said[won > 0] in text
    assert said[won == 0] not in text
    for name, value in best.params.items():
        assert f"{name} {value:g}" in text
    assert f"(candidate {best.row + 1}" in text


def test_sums_over_overlapping_phases_are_named_as_such(found: Callable[..., RunReport]) -> None:
    overlapping = "a sum over phases counts some bars more than once"
    report = found(
        TINY + TINY.replace("atr_d_l:", "atr_d_duals_l:"), "atr_d_duals_l", symbol2="SP500"
    )
    page = words("\n".join(narrow(report)))
    assert overlapping in page
    assert "P/L and trades are sums over overlapping phases" in page
    (line,) = (line for line in report.page.splitlines() if line.startswith("  buy-and-hold  "))
    held = [b.held for b in report.benchmarks]
    annual = sum(b.oos_return_annual for b in report.benchmarks) / 4
    # Money in thousands, as the heading says.
    assert "both in thousands of the currency" in page
    assert f" {percent(annual)} " in line
    assert line.split()[-3:] == [
        f"{sum(h.oos_pnl for h in held) / 1000:,.0f}",
        f"{max(h.oos_dd for h in held) / 1000:,.0f}",
        "0",
    ]
    # Of phases of which each begins to be judged where the one before ends there is nothing to say.
    apart = Windows.from_dict(
        {
            "name": "apart",
            "min_phases": 2,
            "phases": [
                {"from": f"{a}m", "to": f"{a - 48}m", "in_sample": 0.75} for a in (96, 84, 72)
            ],
        }
    )
    assert overlapping not in words(found(windows=apart).page)


def test_a_grid_that_is_too_small_says_what_it_cannot_give(found: Callable[..., RunReport]) -> None:
    report = found()
    (item,) = report.strategies
    assert item.plateaus.cells is not None
    largest = int(item.plateaus.cells.total.max())
    assert largest == 32 < LEAST_STABLE
    page = words("\n".join(narrow(report)))
    said = (
        "The grid is too small for plateaus: a cell of the map has 32 combinations at most, and"
        " counts from 50 stable ones on."
    )
    assert said in page
    assert "has no sure shape" not in page
    assert "Region of plateau" not in page
    # There are no ranges either.
    assert "tests;" not in page


def test_a_map_without_shape_says_the_p_that_was_needed(found: Callable[..., RunReport]) -> None:
    report = found(SHAPELESS)
    (item,) = report.strategies
    assert item.plateaus.p is not None
    assert item.plateaus.p > 0.001
    page = words("\n".join(narrow(report)))
    assert "The map has no sure shape" in page
    assert f"p = {item.plateaus.p:.4f}; a map with shape has p of 0.001 or less" in page
    assert "too small for plateaus" not in page


def test_small_shares_have_decimals(found: Callable[..., RunReport]) -> None:
    few = Gates(wfe=0.9, min_phases=3, min_trades=60, beat="risk")
    report = found(SHAPELESS, gates=few)
    stable = report.strategies[0].scores.stable
    assert 0 < stable < 10, "or other gates would have to be found for this"
    assert f"{stable:,} of 1,024 ({100 * stable / 1024:.2g} %)" in words(report.page)
    # A cell that has one is not shown as one of none.
    (item,) = report.strategies
    assert item.plateaus.cells is not None
    few_there = item.plateaus.cells.level[item.plateaus.cells.stable > 0].min()
    assert 0 < few_there < 0.01
    assert f" {100 * few_there:.1f}" in report.page


# Lines


def test_no_line_is_longer_than_a_hundred_columns(found: Callable[..., RunReport]) -> None:
    """A map of a long axis goes on below where the page ends."""
    long = TINY.replace("[13, 24]", "{from: 2, to: 26, step: 0.5}").replace(
        "[0.5, 2.5]", "[0.12345]"
    )
    report = found(long, settings=wfo.Settings(capital=1e9, slip=0.0001))
    lines = narrow(report)
    drawn = [line for line in lines if line.startswith("  0.12345 |")]
    assert len(drawn) == 2 * 3, "the map of either set goes on below, and all of it is there"
    (item,) = report.strategies
    assert item.plateaus.cells is not None
    shares = [float(v) for line in drawn[:3] for v in line.split("|")[1].split()]
    assert shares == pytest.approx(100 * item.plateaus.cells.level[:, 0], abs=0.5)
    below = [lines[lines.index(line) + 1] for line in drawn[:3]]
    assert [float(v) for line in below for v in line.split()] == list(
        item.grid.values["atr_multiplier"]
    )


def test_many_phases_and_strategies_fit_too(found: Callable[..., RunReport]) -> None:
    spans = [{"from": f"{a}m", "to": f"{a - 30}m", "in_sample": 0.8} for a in range(150, 24, -6)]
    many = Windows.from_dict({"name": "many", "min_phases": 2, "phases": spans})
    both = TINY + TINY.replace("atr_d_l:", "atr_d_duals_l:")
    money = wfo.Settings(capital=1e8)
    report = found(both, "atr_d_duals_l", symbol2="SP500", windows=many, settings=money)
    lines = narrow(report)
    assert len(report.phases) == 21
    # All columns of a table are there, below each other.
    counts = [line.split() for line in lines if line.startswith("  profit in and out of sample  ")]
    values = [int(v.replace(",", "")) for row in counts for v in row[6:]]
    assert values == [c.together[0] for r in report.strategies for c in r.scores.phase_counts]
    assert len(counts) > 1


# The end


def last(report: RunReport) -> str:
    line = report.page.splitlines()[-1]
    assert line.startswith("  wfo ")
    return line.strip()


@pytest.mark.parametrize("store", ["dense", "survivors"])
@pytest.mark.parametrize("out", ["out", "with blanks & 'quotes'"])
def test_the_next_command_works(
    store: str,
    out: str,
    found: Callable[..., RunReport],
    typed: Callable[[str], tuple[int, str]],
    tmp_path: Path,
) -> None:
    report = found(store=store, out=tmp_path / out, name="mine", settings=wfo.Settings(slip=0.001))
    code, said = typed(last(report))
    assert code == 0, said
    best = report.strategies[0].most_stable
    assert best is not None
    assert f"Reproduces candidate {best.row + 1} of" in said
    for value in (p.oos_return for p in best.phases):
        assert f"{100 * value:.1f}" in said or f"{100 * value:.2f}" in said
    # So does what the page says about the gates that do not rule.
    (command,) = re.findall(r"'(wfo rescore .*? --gates strict)' makes", words(report.page)) or [""]
    if command:
        code, said = typed(command)
        assert code == 0, said
        assert "Stable by the strict gates" in said


def test_the_next_command_is_about_the_strategy_that_was_asked_for(
    found: Callable[..., RunReport], typed: Callable[[str], tuple[int, str]]
) -> None:
    both = TINY + TINY.replace("atr_d_l:", "atr_d_duals_l:")
    report = found(both, "atr_d_duals_l", symbol2="SP500", settings=wfo.Settings(fee=0.001))
    assert [item.strategy.name for item in report.strategies] == ["atr_d_duals_l", "atr_d_l"]
    best = report.strategies[0].most_stable
    assert best is not None
    code, said = typed(last(report))
    assert code == 0, said
    assert f"atr_d_duals_l, candidate {best.row + 1}" in said
    assert f"Reproduces candidate {best.row + 1} of" in said


@pytest.mark.parametrize("store", ["dense", "survivors"])
@pytest.mark.parametrize(
    "gates",
    [
        Gates(wfe=1e6),
        Gates(min_trades=60_000, min_phases=4),
        Gates(wfe=0.7, beat="return", min_trades=3, min_phases=4),
    ],
)
def test_where_nothing_is_stable_the_next_command_finds_some(
    store: str, gates: Gates, found: Callable[..., RunReport],
    typed: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("WFO_DATA_DIR", str(sample_store().folder))
    report = wfo.run(
        "NASDAQ", "atr_d_l", grid=_written(tmp_path), gates=gates, store=store, out=tmp_path
    )
    (item,) = report.strategies
    assert item.scores.stable == 0
    page = words(report.page)
    assert "none of 128." in page
    assert "luck" not in page.partition("Words")[0].partition("Written to")[2].replace(
        "luckier", ""
    )
    code, said = typed(last(report))
    assert code == 0, said
    assert re.search(r"valid in \d or more of 4 phases: [\d,]+ of 128 \(", words(said))
    assert "Next, see the most stable outcome trade by trade:" in said


def test_where_nothing_earns_at_all_there_are_other_grids(
    found: Callable[..., RunReport], typed: Callable[[str], tuple[int, str]]
) -> None:
    loose = Gates(wfe=0, dd_ratio=1000)
    report = found(gates=loose, settings=wfo.Settings(slip=0.95))
    assert report.strategies[0].scores.valid_phases[0] == 128
    assert last(report) == "wfo grids"
    assert typed(last(report))[0] == 0


class Never(wfo.Rules):
    """Enters below a price that no bar has."""

    length = wfo.Int(5, 15, 5)
    price = wfo.Float(-1, 0, 1)

    def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
        low = x.sma(x.close, self.length) < self.price
        return wfo.orders(long=x.at_open(low), exit_long=x.after(2))


def test_where_nothing_trades_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Callable[..., RunReport]
) -> None:
    monkeypatch.setenv("WFO_DATA_DIR", str(sample_store().folder))
    page = words(wfo.run("NASDAQ", Never, out=tmp_path / "never").page)
    verdict = page.partition("What was assumed")[0]
    assert "NOTHING TRADED: none of 6 combinations entered in any phase." in verdict
    assert "NOTHING TRADED" not in found().page


def test_a_position_that_is_never_left_is_traded(found: Callable[..., RunReport]) -> None:
    (item,) = found().strategies
    assert item.profile is not None
    none = Spread(128, 128, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    idle = PhaseProfile(none, none, none, none, none, none, none)
    assert not Profile(128, (idle, idle), none).traded
    held = replace(idle, oos_pnl=replace(none, above=1, best=1.0, mean=1 / 128))
    assert Profile(128, (idle, held), none).traded
    unknown = replace(idle, oos_pnl=replace(none, finite=127))
    assert Profile(128, (idle, unknown), none).traded
    assert item.profile.traded


def test_what_is_valid_in_one_phase_is_not_proposed(found: Callable[..., RunReport]) -> None:
    report = found(gates=Gates(min_phases=4))
    (item,) = report.strategies

    def proposed(*counts: int, gates: Gates | None = None) -> str:
        scores = replace(item.scores, valid_phases=counts)
        manifest = replace(report.manifest, gates=gates or report.manifest.gates)
        none = replace(item, scores=scores, most_stable=None, lots=None)
        return words("\n".join(_next(replace(report, manifest=manifest, strategies=(none,)))))

    assert proposed(100, 20, 8, 0, 0).endswith("--min-phases 2")
    assert "valid in 2 phases, which is the most" in proposed(100, 20, 8, 0, 0)
    one = proposed(100, 28, 0, 0, 0)
    assert "in 1 phase" not in one
    assert "--min-phases 1" not in one
    assert "--wfe 0 --dd-ratio 1000 --min-phases 2" in one
    loose = proposed(100, 28, 0, 0, 0, gates=Gates(wfe=0, dd_ratio=1000))
    assert "nothing here earns in and out of sample in 2 phases: wfo grids" in loose


def _written(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(TINY)
    return path


def test_every_word_that_is_explained_is_one_of_a_page(found: Callable[..., RunReport]) -> None:
    page = found().page
    body, _, explained = page.partition("\nWords\n")
    assert explained
    terms = re.findall(r"^  ([A-Za-z][A-Za-z -]*?)  +\S", explained, re.MULTILINE)
    assert len(terms) > 8
    for term in ("valid", "stable", "outcome", "plateau", "region"):
        assert term in terms
        assert term in body.lower()


# The README


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks one after another, as in a notebook, but for a package that is only sketched."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    )
    assert len(blocks) >= 4
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)
    scope: dict[str, Any] = {}
    ran = 0
    for code in blocks:
        if "my_package" in code or "MINE" in code:
            compile(code, "README.md", "exec")
            continue
        # A smaller grid has the same columns.
        exec(code.replace('"coarse"', '"smoke"').replace("90_000", "900"), scope)
        ran += 1
    assert ran >= 3
    assert {"report", "candidates", "plateaus", "sim", "held"} <= set(scope)
    assert (tmp_path / "results" / "NASDAQ" / "run.json").is_file()
    assert (tmp_path / "equity.html").is_file()
    assert scope["report"].candidates().height > 0


def test_a_line_breaks_neither_in_a_name_nor_before_a_percent_sign() -> None:
    words = "of /a/path-with-hyphens 12.5 % are, and a_name_that_is_too_long_for_any_line is whole"
    lines = wrap_text(words, 24, "  ", hang="  ")
    assert lines == [
        "  of", "    /a/path-with-hyphens", "    12.5 % are, and",
        "    a_name_that_is_too_long_for_any_line", "    is whole",
    ]  # fmt: skip
    assert wrap_items("bb_length 10, bb_deviation 2, c 1", 30) == [
        "  bb_length 10,", "  bb_deviation 2, c 1",
    ]  # fmt: skip


def test_a_map_too_large_for_a_page_names_what_draws_it() -> None:
    own = strategy("fast", "slow", map_axes=("fast", "slow"))
    large = wfo.Grid({"fast": list(range(1, 50)), "slow": list(range(1, 197))}, strategy=own)
    said = " ".join(plateau_lines(Plateaus((), Cells.empty(large)), large, 4))
    assert "fast by slow, has 49 by 196 cells" in said
    assert "wfo plateaus" in said
