"""``wfo plateaus`` and ``wfo export``: one stage again on a run's folder."""

from __future__ import annotations

import csv
import dataclasses
import html.parser
import io
import itertools
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import TINY
from strategies import strategy

import wfo
from wfo.cli import main
from wfo.data import sample_store
from wfo.errors import InputError, ResultsError, WfoError
from wfo.files import write_sealed
from wfo.grid import Grid
from wfo.runs.folder import RunFolder
from wfo.runs.manifest import Manifest
from wfo.runs.market import Market
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.rescore import rescore
from wfo.runs.results import list_results
from wfo.runs.run import run
from wfo.runs.stage_alone import exporting, plateau_stage
from wfo.runs.stage_alone.exporting import export
from wfo.runs.stage_alone.plateau_map import colour
from wfo.runs.stage_alone.plateau_stage import plateaus
from wfo.runs.stored import stored_sweeps
from wfo.runs.verify import verify
from wfo.runs.whole import Sampled
from wfo.selection.neighbourhood import Neighbour, Neighbourhood, neighbourhood
from wfo.selection.plateau_details import spread_of
from wfo.selection.plateaus import PlateauOptions, find_clusters
from wfo.selection.scoring import Cells
from wfo.strategy import registry

#: 35 cells of 96 combinations with a plateau; of the long/short strategy 4 cells, too few for one.
GRID = """
atr_d_ls:
  atr_period: [24]
  atr_multiplier: [8, 24]
  bb_length: [10]
  bb_deviation: [2]
  vol_threshold: [0.04, 0.16]
  min_tightening: [0.10, 0.85]
  scaling_method: [0]
  atr_buy_period: [8, 56]
  atr_buy_multiplier: [0.5, 2.5]
  atr_smooth_period: [2]
  equity_price_method: [0]
  short_multiplier: [0.5]
  entry_mode: [0, 1]
  trend_filter_period: [4]
  trend_veto_threshold: [0]
  both_triggered_mode: [0]
atr_d_l:
  atr_period: [24, 64]
  atr_multiplier: [2, 5, 8, 12, 16, 20, 24]
  bb_length: [10, 40]
  bb_deviation: [0.5, 2, 4]
  vol_threshold: [0.04, 0.16]
  min_tightening: [0.10, 0.85]
  scaling_method: [0]
  atr_buy_period: [8, 56]
  atr_buy_multiplier: [0.5, 1, 1.5, 2.5, 3.5]
  atr_smooth_period: [2]
  equity_price_method: [0]
"""

DETAILS = "plateau_details_atr_d_l_small.csv"

#: Files that say when, and how long it took.
TIMED = {"run.json", "meta.json"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but those that have times in them."""
    found = (p for p in folder.rglob("*") if p.is_file() and p.name not in TIMED)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def stated(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def restate(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Seal another manifest, as an earlier version may have left it."""
    data = stated(folder)
    del data["seal"]
    change(data)
    write_sealed(folder / "run.json", data)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """A run for reading only."""
    out = tmp_path_factory.mktemp("made")
    (out / "small.yaml").write_text(GRID)
    plan = RunPlan("NASDAQ", "atr_d_ls", grid=out / "small.yaml", out=out, command="wfo run made")
    return run(plan, sample_store())


@pytest.fixture
def folder(made: RunReport, tmp_path: Path) -> RunFolder:
    """A copy of it."""
    return RunFolder(Path(shutil.copytree(made.folder.path, tmp_path / "NASDAQ")))


@pytest.fixture(scope="module")
def again(made: RunReport, tmp_path_factory: pytest.TempPathFactory) -> plateau_stage.PlateauReport:
    """The stage without options, on a copy that is for reading only."""
    out = tmp_path_factory.mktemp("again")
    place = RunFolder(Path(shutil.copytree(made.folder.path, out / "NASDAQ")))
    plots = [out / "map.html"]
    return plateaus(place, plots=plots, command="wfo plateaus again")


@pytest.fixture
def tiny(tmp_path: Path) -> RunFolder:
    (tmp_path / "tiny.yaml").write_text(TINY)
    plan = RunPlan("NASDAQ", "atr_d_l", grid=tmp_path / "tiny.yaml", out=tmp_path)
    return run(plan, sample_store()).folder


@pytest.fixture
def wfo_(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wfo", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, *capsys.readouterr()

    return call


# Plateaus without options


def test_without_options_plateaus_are_those_of_the_run(
    made: RunReport, again: plateau_stage.PlateauReport
) -> None:
    before, after = (contents(each.folder.path) for each in (made, again))
    added = {DETAILS, "plateau_details_atr_d_ls_small.csv"}
    assert after.keys() - before.keys() == added
    assert {name: after[name] for name in before} == before
    first, second = (stated(each.folder.path) for each in (made, again))
    assert second["results"] == first["results"]
    assert second["stages"]["plateaus"]["command"] == "wfo plateaus again"
    assert set(second["files"]) == {*first["files"], *added}
    assert set(second["sums"]) == {*first["sums"], *added}
    assert list(second["sums"])[-1] == second["files"][-2] == "phase5_refine_config.csv"
    assert {k for k in second if k not in first} == {"stages"}
    verify(again.folder)
    assert [len(each.plateaus) for each in again.strategies] == [0, 1]


def test_details_are_those_of_the_candidates(
    made: RunReport, again: plateau_stage.PlateauReport
) -> None:
    """Percentiles and medians by NumPy, from the candidates file and the plateau's cells."""
    frame = pl.read_parquet(made.folder.candidates("atr_d_l", "small", "parquet"))
    (plateau,) = again.strategies[1].plateaus
    (region,) = again.strategies[1].judged.regions
    cells = set(plateau.cells)
    pairs = zip(frame["atr_multiplier"], frame["atr_buy_multiplier"], strict=True)
    own = frame.filter(pl.Series([pair in cells for pair in pairs]))
    rows = list(csv.DictReader(io.StringIO((again.folder.path / DETAILS).read_text())))
    assert {(r["rank"], r["regime"]) for r in rows} == {("1", "WIDE")}
    found = {(r["kind"], r["name"], r["measure"]): r["value"] for r in rows}
    assert len(found) == len(rows)

    def is_(kind: str, name: object, measure: str, value: Any, digits: float = 1e-6) -> None:
        told = float(found[kind, str(name), measure])
        assert told == pytest.approx(float(value), abs=digits), (kind, name, measure)

    is_("plateau", "", "cells", len(cells))
    is_("plateau", "", "candidates", len(own))
    is_("plateau", "", "combinations", len(own))
    is_("plateau", "", "stable_share", len(own) / (96 * len(cells)))
    scores = own["Stability_Score"].to_numpy()
    is_("stability", "", "mean", scores.mean())
    is_("stability", "", "p10", np.percentile(scores, 10))
    is_("stability", "", "p90", np.percentile(scores, 90))
    inside = own.filter(region.contains(own))
    assert 0 < len(inside) < len(own)
    for name in wfo.strategies()["atr_d_l"].names:
        values, there = own[name].to_numpy(), inside[name].to_numpy()
        is_("parameter", name, "median", np.median(values))
        is_("parameter", name, "low", values.min())
        is_("parameter", name, "high", values.max())
        is_("parameter", name, "region_median", np.median(there))
        is_("parameter", name, "region_low", region.bounds[name][0])
        is_("parameter", name, "region_high", region.bounds[name][1])
    # The most stable outcome: the central member of that of the plateau's first row.
    best = frame.with_row_index().filter(
        (pl.col("Outcome") == own["Outcome"][0]) & pl.col("Outcome_Central")
    )
    assert len(best) == 1
    is_("best", "", "candidate", best["index"][0] + 1)
    is_("best", "", "members", best["Outcome_Size"][0])
    cell = (best["atr_multiplier"][0], best["atr_buy_multiplier"][0])
    is_("best", "", "in_plateau", cell in cells)
    for k, held in enumerate(made.benchmarks, 1):
        for kind, column in (("return", "OOS_Return"), ("annual", "OOS_Return_Annual")):
            is_("phase", k, f"median_{kind}", np.median(own[f"P{k}_{column}"].cast(float)))
            is_("phase", k, f"best_{kind}", best[f"P{k}_{column}"][0])
        is_("phase", k, "held_return", held.oos_return)
        is_("phase", k, "held_annual", held.oos_return_annual)


def test_percentiles_by_hand() -> None:
    spread = spread_of(pl.Series([4.0, 1.0, 3.0, 2.0]))
    # Positions 0.3 and 2.7 of the sorted figures 1, 2, 3, 4.
    assert dataclasses.astuple(spread) == pytest.approx((2.5, 1.3, 3.7))
    assert all(map(math.isnan, dataclasses.astuple(spread_of(pl.Series([], dtype=pl.Float64)))))
    ratios = (0.9, 0.2, 0.5)
    some = Neighbourhood(100.0, tuple(Neighbour("a", True, 1, 100 * r, r) for r in ratios))
    assert some.mean == pytest.approx(1.6 / 3)
    # Position 0.2 of 0.2, 0.5, 0.9.
    assert some.low == pytest.approx(0.26)
    assert some.hurts_most is some.neighbours[1]
    none = Neighbourhood(100.0, ())
    assert math.isnan(none.mean)
    assert math.isnan(none.low)
    assert none.hurts_most is None


# The neighbourhood


def test_neighbourhood_score_by_a_sweep_of_the_grid(
    made: RunReport, again: plateau_stage.PlateauReport
) -> None:
    found = again.strategies[1]
    (details,) = found.details
    assert details.best is not None
    assert details.neighbourhood is not None
    swept = wfo.sweep("atr_d_l", sample_store().load("NASDAQ"), found.grid, windows=made.phases)
    total = np.zeros(len(found.grid))
    for phase in swept:
        total += phase.figures(0, len(found.grid)).oos_pnl.astype(np.float32)
    every = [found.grid.params(i) for i in range(len(found.grid))]
    axes = {name: sorted(axis) for name, axis in found.grid.values.items()}
    middle = dict(details.best.params)
    own = total[every.index(middle)]
    expected = {}
    for params, earned in zip(every, total, strict=True):
        differs = [n for n in axes if params[n] != middle[n]]
        if len(differs) != 1:
            continue
        (name,) = differs
        step = axes[name].index(params[name]) - axes[name].index(middle[name])
        if abs(step) == 1:
            expected[name, step > 0] = earned / own
    around = details.neighbourhood
    assert around.total == own
    assert {(n.parameter, n.upwards): n.ratio for n in around.neighbours} == expected
    assert len(expected) > len([n for n in axes if len(axes[n]) > 1]), "two steps somewhere"
    assert around.mean == pytest.approx(np.mean(list(expected.values())))
    assert around.low == pytest.approx(np.percentile(list(expected.values()), 10))
    worst = around.hurts_most
    assert worst is not None
    assert worst.ratio == min(expected.values())
    for name, (down, up) in around.by_parameter.items():
        for ratio, upwards in ((down, False), (up, True)):
            known = expected.get((name, upwards))
            assert ratio == known or (known is None and math.isnan(ratio))
    # Candidates have the same total.
    frame = pl.read_parquet(made.folder.candidates("atr_d_l", "small", "parquet"))
    assert frame["Total_OOS_PnL"][details.best.row] == own


def test_neighbours_that_constraints_refuse_do_not_count() -> None:
    own = strategy("fast", "slow", "band", constraints=("fast < slow",))
    # Values may stand in any order.
    grid = Grid({"fast": [30, 10, 20], "slow": [20, 40, 30], "band": [7]}, strategy=own)

    def totals(indices: Any) -> Any:
        return np.array([grid.params(i)["fast"] + grid.params(i)["slow"] / 10 for i in indices])

    around = neighbourhood(grid, {"fast": 20, "slow": 30, "band": 7}, totals)
    assert around.total == 23
    # Slow 20 is not above fast 20, fast 30 not below slow 30, and a band has one value.
    assert around.neighbours == (
        Neighbour("fast", False, 10, 13.0, 13 / 23),
        Neighbour("slow", True, 40, 24.0, 24 / 23),
    )
    assert grid.find({"fast": 20, "slow": 20, "band": 7}) is None
    assert grid.find({"fast": 25, "slow": 30, "band": 7}) is None
    assert [grid.find(grid.params(i)) for i in range(len(grid))] == list(range(len(grid)))
    with pytest.raises(InputError, match="fast 20, slow 20, band 7 is no combination"):
        neighbourhood(grid, {"fast": 20, "slow": 20, "band": 7}, totals)
    lost = neighbourhood(grid, {"fast": 20, "slow": 30, "band": 7}, lambda i: -totals(i))
    assert math.isnan(lost.mean)
    assert math.isnan(lost.low)
    assert lost.hurts_most is None


# Options


def test_options_change_plateaus_and_what_follows(
    made: RunReport, folder: RunFolder, wfo_: Callable[..., tuple[int, str, str]]
) -> None:
    path = folder.path
    before = contents(path)
    code, page, _ = wfo_(
        "plateaus", path, "--strategy", "atr_d_l", "--level", 0.9, "--reach", 1.5, "--density", 5
    )
    assert code == 0
    assert max(map(len, page.splitlines())) <= 100
    assert "level 0.9, reach 1.5, density 5" in page
    assert f"wfo refine {path}" in page
    after = contents(path)
    changed = {name for name in after if before.get(name) != after[name]}
    assert {DETAILS, "plateaus_atr_d_l_small.csv", "regions_atr_d_l_small.csv"} <= changed
    assert all(name.startswith(("pl", "regions_", "phase5_")) for name in changed)
    assert not any("atr_d_ls_" in name for name in changed)
    found = stated(path)
    first, second = found["results"]
    assert first == stated(made.folder.path)["results"][0]
    assert second["plateau_options"] == {"level": 0.9, "reach": 1.5, "density": 5}
    assert {k: second["plateaus"][k] for k in ("level", "reach", "density")} == {
        "level": 0.9, "reach": 1.5, "density": 5,
    }  # fmt: skip
    (plateau,) = second["plateaus"]["plateaus"]
    frame = pl.read_parquet(folder.candidates("atr_d_l", "small", "parquet"))
    counts = frame.group_by("atr_multiplier", "atr_buy_multiplier").len()
    held = {(x, y): n for x, y, n in counts.iter_rows()}
    # DBSCAN's cells at the border of a cluster are above the level too.
    assert all(held[tuple(cell)] > 0.9 * 96 for cell in plateau["cells"])
    assert plateau["combinations"] == sum(held[tuple(cell)] for cell in plateau["cells"])
    ranges = [r["file"] for r in second["ranges"]]
    assert [line.split(",")[3] for line in folder.config.read_text().splitlines()[1:]] == ranges
    assert all((path / name).is_file() for name in ranges)
    verify(folder)
    # What repairs a damaged file says how to come back here.
    (path / DETAILS).write_text("x")
    with pytest.raises(ResultsError) as damaged:
        verify(folder)
    told = str(damaged.value)
    assert f"wfo rescore {path}" in told
    assert f"wfo plateaus {path} --strategy atr_d_l --level 0.9 --reach 1.5 --density 5" in told


def test_a_rescore_begins_from_the_usual_options(tiny: RunFolder) -> None:
    before = contents(tiny.path)
    found = plateaus(
        tiny, options=PlateauOptions(least_stable=3), command="wfo plateaus X --least-stable 3"
    )
    # Four cells are no map with a shape; that many stable ones count all the same.
    (item,) = found.strategies
    assert "hold 50" not in item.plateaus.note
    assert "No plateaus" in found.page
    assert stated(tiny.path)["results"][0]["plateau_options"] == {"least_stable": 3}
    assert (tiny.path / "plateau_details_atr_d_l_tiny.csv").read_text() == (
        "rank,regime,kind,name,measure,value\n"
    )
    said: list[str] = []

    class Heard:
        def stage(self, title: str, total: int) -> Any:
            import contextlib

            return contextlib.nullcontext(lambda _: None)

        def say(self, text: str) -> None:
            said.append(text)

    rescore(tiny, progress=Heard())
    (line,) = [text for text in said if "usual options" in text]
    assert "wfo plateaus X --least-stable 3" in line
    assert contents(tiny.path) == before
    now = stated(tiny.path)
    assert "stages" not in now
    assert "plateau_options" not in now["results"][0]
    verify(tiny)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least_stable": 0}, "least_stable = 0 must be a whole number, 1 or more"),
        ({"least_stable": True}, "least_stable = True"),
        ({"level": 1.0}, "level = 1.0 must be a share, from 0 to below 1"),
        ({"level": math.nan}, "level = nan"),
        ({"level": 40}, "level = 40 must be a share"),
        ({"reach": 2.0}, "reach = 2.0 must be 1"),
        ({"reach": [1]}, r"reach = \[1\] must be 1"),
        ({"density": 1}, "density = 1 must be from 2 to 9"),
        ({"density": 6, "reach": 1.0}, "density = 6 must be from 2 to 5 at a reach of 1"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PlateauOptions(**options)


def test_what_is_given_is_not_searched() -> None:
    level = np.full((8, 7), 0.1)
    level[2:6, 2:6] = 0.8
    rng = np.random.default_rng(1)
    total = np.full(level.shape, 1_000)
    stable = np.round(1_000 * (level + rng.uniform(0, 0.05, level.shape))).astype(np.int64)
    cells = Cells(stable, total)
    inside = {(i, j) for i in range(2, 6) for j in range(2, 6)}
    # No quantile of these levels is 0.5.
    given = find_clusters(cells, PlateauOptions(level=0.5))
    assert given.level == 0.5
    assert [set(zip(*np.nonzero(m), strict=True)) for m in given.members] == [inside]
    assert list(PlateauOptions(reach=1.5).settings) == [(1.5, 5), (1.5, 6), (1.5, 7)]
    assert list(PlateauOptions(density=4).settings) == [(1.0, 4), (1.5, 4)]
    assert list(PlateauOptions(density=7).settings) == [(1.5, 7)]
    found = find_clusters(cells, PlateauOptions(level=0.5, reach=1.5, density=9))
    assert (found.reach, found.density) == (1.5, 9)
    # With more than any cell of the plateau has, none counts.
    high = find_clusters(cells, PlateauOptions(least_stable=900))
    assert high.members == ()
    assert "0 of 56 cells hold 900 or more" in high.note
    own = PlateauOptions(level=0.5, density=4)
    assert PlateauOptions.from_dict(own.to_dict()) == own
    assert PlateauOptions().to_dict() == {}


def test_both_stores_have_the_same_sample(tiny: RunFolder, tmp_path: Path) -> None:
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=tmp_path / "tiny.yaml", out=tmp_path / "kept", store="survivors"
    )
    found = []
    for folder in (tiny, run(plan, sample_store()).folder):
        manifest = folder.read_manifest()
        (kept,) = stored_sweeps(folder, manifest, manifest.gates, 1)
        market = Market.of_run(folder, manifest, kept.benchmarks, 1)
        sampled = Sampled.of_store(kept, market, lambda _: None)
        found.append((sampled.gathered.block, sampled.valid_phases(manifest.gates)))
    (first, valid), (second, same) = found
    for one, two in zip(itertools.chain(*first), itertools.chain(*second), strict=True):
        assert one.any()
        assert np.array_equal(one, two)
    assert np.array_equal(valid, same)


# Pictures


class _Drawing(html.parser.HTMLParser):
    """What stands in a page of maps."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.titles: list[str] = []
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.titles.append(data)
            self._in_title = False

    def classes(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.tags if name in (attrs.get("class") or "").split()]


def test_the_page_of_the_map_shows_every_cell(again: plateau_stage.PlateauReport) -> None:
    text = again.plots[0].read_text(encoding="utf-8")
    found = _Drawing(text)
    assert sum(tag == "svg" for tag, _ in found.tags) == 2, "a panel a strategy"
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in found.tags}
    assert "http" not in text.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in text
    assert len(found.classes("cell")) == 4 + 35
    assert len(found.classes("plateau")) == len(found.classes("region")) == 1
    (plateau,) = again.strategies[1].plateaus
    told = [t for t in found.titles if t.endswith("; plateau 1")]
    assert len(told) == len(plateau.cells)
    cells = again.strategies[1].plateaus.cells
    assert cells is not None
    for i, x in enumerate(again.strategies[1].grid.values["atr_multiplier"]):
        for j, y in enumerate(again.strategies[1].grid.values["atr_buy_multiplier"]):
            begin = f"atr_multiplier {x:g}, atr_buy_multiplier {y:g}: {cells.stable[i, j]} of 96 "
            assert any(t.startswith(begin) for t in found.titles), begin
    item = stated(again.folder.path)["results"][1]
    assert f"atr_d_l, grid small: {item['stable']:,} of 3,360 stable by v4" in text
    assert "no costs; capital 100,000, a trade takes the whole equity" in text
    assert "No plateaus: " in text, "of the strategy that has none"
    assert text.count("orange: plateaus") == 1, "frames are explained where there are some"


def test_colours_go_from_light_to_dark() -> None:
    shades = [sum(int(colour(k / 100, 0.2)[i : i + 2], 16) for i in (1, 3, 5)) for k in range(21)]
    assert shades == sorted(shades, reverse=True)
    assert colour(0.2, 0.2) == colour(0.3, 0.2)


def test_a_map_with_holes_and_values_in_any_order(tmp_path: Path) -> None:
    """Cells that constraints refuse are blank."""
    own = strategy("fast", "slow", constraints=("fast < slow",), map_axes=("fast", "slow"))
    grid = Grid({"fast": [30, 10, 20], "slow": [20, 40]}, strategy=own, name="toy")
    cells = Cells.empty(grid)
    cells.stable[grid.values["fast"].index(10), grid.values["slow"].index(40)] = 1
    from wfo.runs.stage_alone.plateau_map import MapPanel, page, write_map
    from wfo.selection.plateaus import Plateaus

    panel = MapPanel("a < b", "gates", grid, Plateaus((), cells, note="none"), (), ("so",))
    found = _Drawing(page([panel]))
    assert [t for t in found.titles if t.startswith("fast")] == [
        "fast 10, slow 20: 0 of 1 stable, 0 %",
        "fast 10, slow 40: 1 of 1 stable, 100 %",
        "fast 20, slow 40: 0 of 1 stable, 0 %",
        "fast 30, slow 40: 0 of 1 stable, 0 %",
    ]
    assert len(found.classes("cell")) == 4
    assert "a &lt; b" in page([panel])
    pytest.importorskip("matplotlib")
    write_map([panel], tmp_path / "map.png")
    image = (tmp_path / "map.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules or len(image) > 10_000


# What cannot be done


def test_what_is_wrong_is_said_and_nothing_is_written(
    folder: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wfo_: Callable[..., tuple[int, str, str]],
) -> None:
    path = folder.path
    before = contents(path) | {"run.json": (path / "run.json").read_bytes()}

    def refused(*arguments: object, words: tuple[str, ...]) -> None:
        code, out, err = wfo_(*arguments)
        assert (code, out) == (1, "")
        for each in words:
            assert each in err
        assert "Traceback" not in err

    for command in ("plateaus", "export"):
        refused(command, tmp_path / "none", words=("there is no run in", "wfo run"))
        refused(command, path, "--strategy", "atr_d_ll", words=("atr_d_ll", "mean 'atr_d_l'"))
    refused("plateaus", path, "--plot", "map.svg", words=("map.svg must end in .png or .html",))
    refused("plateaus", path, "--level", "80", words=("level = 80", "0.4 is 40 % stable"))
    refused("export", path, "--max-tests", "0", words=("max_tests = 0",))
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        refused("plateaus", path, "--plot", "map.png", words=("matplotlib", "pip install"))
    assert not (tmp_path / "none").exists()
    for status, words in (
        ("running", ("did not finish", "wfo run made")),
        ("rescoring", ("was being rescored", f"wfo rescore {path}")),
    ):
        restate(path, lambda data, to=status: data.update(status=to))  # type: ignore[misc]
        for command in ("plateaus", "export"):
            refused(command, path, words=words)
    restate(path, lambda data: data.update(status="complete"))
    assert contents(path) | {"run.json": (path / "run.json").read_bytes()} == before


@pytest.mark.parametrize("key", ["inside", "regions", "plateaus"])
def test_an_older_run_that_lacks_something(key: str, folder: RunFolder) -> None:
    restate(folder.path, lambda data: [item.pop(key) for item in data["results"]])
    before = contents(folder.path)
    with pytest.raises(ResultsError, match=f"'{key}' of atr_d_ls? .*wfo rescore {folder.path}"):
        export(folder)
    assert contents(folder.path) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i: i["regions"][0]["bounds"].update(atr_period=[24, 63]), "atr_period 24 to 63"),
        (lambda i: i["regions"][0]["bounds"].pop("atr_period"), "must name every parameter"),
        (lambda i: i["regions"].pop(), "0 regions are not those of 1 plateaus"),
        (lambda i: i["inside"].pop(), "0 items are not those of 1 plateaus"),
        (lambda i: i["inside"][0]["return"].update(factors=[]), "not of every parameter"),
        (lambda i: i["plateaus"]["plateaus"][0].update(rank=2), "must count from 1"),
        (lambda i: i["plateaus"]["plateaus"][0].update(cells=[[3, 4]]), "not in the grid"),
        (lambda i: i.update(plateau_options={"eps": 1}), "eps"),
    ],
)
def test_a_manifest_that_states_something_else(
    change: Callable[[Any], object], words: str, folder: RunFolder
) -> None:
    restate(folder.path, lambda data: change(data["results"][1]))
    with pytest.raises(ResultsError, match=words) as refused:
        export(folder)
    assert f"wfo rescore {folder.path}" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda i: i["plateaus"]["plateaus"][0].update(cells="none"),
            r"results\[1\]\.plateaus\.plateaus\[0\]\.cells = 'none' must be a list",
        ),
        (
            lambda i: i.update(regions={}),
            r"results\[1\]\.regions = an object of 0 must be a list",
        ),
        (
            lambda i: i.update(range_options={"fix": "none"}),
            r"fix = 'none' must be one of 'median', 'best'",
        ),
    ],
)
def test_a_manifest_of_another_shape(
    change: Callable[[Any], object], words: str, folder: RunFolder
) -> None:
    restate(folder.path, lambda data: change(data["results"][1]))
    for stage in (export, plateaus):
        with pytest.raises(ResultsError, match=rf"{words}.*; run again"):
            stage(folder)


def test_candidates_that_were_changed_are_refused(folder: RunFolder) -> None:
    path = folder.candidates("atr_d_l", "small", "parquet")
    frame = pl.read_parquet(path)
    frame.head(10).write_parquet(path)
    for stage in (export, plateaus):
        with pytest.raises(ResultsError, match=r"was changed.*wfo rescore"):
            stage(folder)
    frame.drop("Outcome").write_parquet(path)
    digest = folder.digests([path])[path.name].to_dict()
    restate(folder.path, lambda data: data["sums"].update({path.name: digest}))
    for stage in (export, plateaus):
        with pytest.raises(ResultsError, match=r"lacks Outcome.*wfo rescore"):
            stage(folder)
    assert Manifest.read(folder.manifest).is_complete


@pytest.mark.usefixtures("own_registry")
def test_a_strategy_without_a_map(tmp_path: Path) -> None:
    own = strategy(
        "gain",
        "worst",
        name="unmapped",
        kernel=wfo.strategy.PythonKernel("test_stages:zigzag"),
        lookback=lambda values: 1,
    )
    wfo.register(own)
    grid = Grid({"gain": [1, 2, 3], "worst": [0]}, strategy=own)
    folder = run(RunPlan("NASDAQ", own, grid=grid, out=tmp_path), sample_store()).folder
    before = contents(folder.path)
    with pytest.raises(InputError, match=r"map\.html would be empty: unmapped has no map"):
        plateaus(folder, plots=[tmp_path / "map.html"])
    found = plateaus(folder)
    assert "No plateaus: unmapped has no map" in found.page
    assert export(folder).strategies[0].ranges == ()
    after = contents(folder.path)
    assert {name: after[name] for name in before} == before
    verify(folder)


@pytest.fixture
def own_registry() -> Iterator[None]:
    with registry.separate():
        yield


# What was stopped


class StoppedError(Exception):
    """Instead of a kill."""


def stop(*_: object, **__: object) -> None:
    raise StoppedError


def test_plateaus_that_were_stopped(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path, given = folder.path, PlateauOptions(level=0.9, reach=1.5, density=5)
    called = f"wfo plateaus {path} --level 0.9"
    before = contents(path)
    with monkeypatch.context() as patch:
        patch.setattr(plateau_stage, "detect_plateaus", stop)
        with pytest.raises(StoppedError):
            plateaus(folder, options=given, command=called)
    # Nothing was replaced yet, so that nothing is to be mended.
    assert contents(path) == before
    folder.read_manifest()
    with monkeypatch.context() as patch:
        patch.setattr(plateau_stage, "write_ranges", stop)
        with pytest.raises(StoppedError):
            plateaus(folder, options=given, command=called)
    assert contents(path) != before
    for refusing in (folder.read_manifest, lambda: verify(folder), lambda: export(folder)):
        with pytest.raises(ResultsError) as refused:
            refusing()
        assert "was being given other plateaus, which did not finish" in str(refused.value)
        assert str(refused.value).endswith(called)
    assert "being given other plateaus" in list_results(path.parent, None).page
    # Of one strategy alone it would leave the other's files as they are.
    with pytest.raises(ResultsError, match=f"without --strategy .*wfo plateaus {path}"):
        plateaus(folder, options=given, strategy="atr_d_ls")
    plateaus(folder, options=given, command="wfo plateaus again")
    verify(folder)
    first, second = stated(path)["results"]
    assert first["plateau_options"] == second["plateau_options"] == given.to_dict()
    assert stated(path)["stages"]["plateaus"]["command"] == "wfo plateaus again"


def test_ranges_that_were_stopped(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.path
    before = contents(path)
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "config_csv", stop)
        with pytest.raises(StoppedError):
            export(folder, max_tests=20)
    assert contents(path) != before
    with pytest.raises(ResultsError) as refused:
        folder.read_manifest()
    assert "was being given other ranges, which did not finish" in str(refused.value)
    assert str(refused.value).endswith(f"wfo export {path}")
    assert "being given other ranges" in list_results(path.parent, None).page
    export(folder)
    assert contents(path) == before
    verify(folder)


# Ranges


def test_without_options_ranges_are_those_of_the_run(made: RunReport, folder: RunFolder) -> None:
    for name in folder.path.glob("phase5_refine_*"):
        name.unlink()
    found = export(folder, command="wfo export X")
    assert contents(folder.path) == contents(made.folder.path)
    first, second = stated(made.folder.path), stated(folder.path)
    assert second["results"] == first["results"]
    assert second["files"] == first["files"]
    assert second["sums"] == first["sums"]
    assert second["stages"].keys() == {"export"}
    assert second["stages"]["export"]["command"] == "wfo export X"
    assert [p.name for p in found.files] == [*second["files"][-3:-2], folder.config.name]
    verify(folder)


def test_other_limits_give_other_files_and_a_list_that_fits(
    folder: RunFolder, wfo_: Callable[..., tuple[int, str, str]]
) -> None:
    path = folder.path
    before = contents(path)
    code, page, _ = wfo_("export", path, "--max-tests", 40, "--fix", "best")
    assert code == 0
    assert max(map(len, page.splitlines())) <= 100
    jobs = list(csv.DictReader(io.StringIO(folder.config.read_text())))
    files = sorted(p.name for p in path.glob("phase5_refine_*_rank*.csv"))
    assert sorted(job["RangeFile"] for job in jobs) == files
    item = stated(path)["results"][1]
    assert item["range_options"] == {"max_tests": 40, "fix": "best"}
    assert [r["file"] for r in item["ranges"]] == [job["RangeFile"] for job in jobs]
    for stating, job in zip(item["ranges"], jobs, strict=True):
        rows = list(csv.DictReader(io.StringIO((path / job["RangeFile"]).read_text())))
        values = [round((float(r["Max"]) - float(r["Min"])) / float(r["Step"])) + 1 for r in rows]
        assert math.prod(values) == stating["tests"] <= 40
        assert f"{stating['tests']:,} tests" in page
    changed = {n for n, data in contents(path).items() if before.get(n) != data}
    assert changed == {*files} | ({"phase5_refine_config.csv"} & changed)
    verify(folder)
    # Of the strategy that is not named the options stay.
    export(folder, strategy="atr_d_ls", max_tests=7)
    first, second = stated(path)["results"]
    assert first["range_options"] == {"max_tests": 7, "fix": "best"}
    assert second == item
    verify(folder)
    (path / files[0]).write_text("x")
    with pytest.raises(WfoError) as damaged:
        verify(folder)
    assert f"wfo export {path} --strategy atr_d_ls --max-tests 7 --fix best" in str(damaged.value)
    assert f"wfo export {path} --strategy atr_d_l --max-tests 40 --fix best" in str(damaged.value)
