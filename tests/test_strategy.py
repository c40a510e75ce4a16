"""The strategy as a value: what it refuses, its settings, its views, and the registry."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from strategies import strategy

import wfo
from wfo.backtest import Figures
from wfo.cli import cli
from wfo.errors import EngineError
from wfo.selection.plateaus import LEAST_STABLE, Plateau, find_clusters
from wfo.selection.scoring import Cells, score_figures
from wfo.strategy import (
    Feed,
    Fine,
    Input,
    NumbaKernel,
    Parameter,
    RustKernel,
    StopClasses,
    TradeStation,
    get_strategy,
    registry,
)
from wfo.tradestation.ranges import plateau_ranges

TOY = strategy("fast", "slow")


@pytest.fixture
def own_registry() -> Iterator[registry.Registry]:
    """A registry that a test may fill."""
    with registry.separate() as fresh:
        yield fresh


def installed(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = EntryPoints(EntryPoint(n, v, registry.GROUP) for n, v in points.items())
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found.select(group=group))


# The value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a/b"}, "cannot be called 'a/b'"),
        ({"name": ""}, "cannot be called ''"),
        ({"parameters": ()}, "toy has no parameters"),
        ({"parameters": (TOY.parameters[0],) * 2}, "cannot have a parameter 'fast'; .*each once"),
        ({"parameters": (Parameter("my fast", "int", 0, 9, ""),)}, "parameter 'my fast'"),
        ({"feeds": ()}, "the first must have prices"),
        ({"feeds": (Feed("rate", prices=False, columns=("rate",)),)}, "first must have prices"),
        ({"feeds": (Feed("bars"), Feed("bars"))}, r"has the feeds \['bars', 'bars'\]"),
        ({"constraints": ("fast < slwo",)}, "'slwo' is no parameter; did you mean 'slow'"),
        ({"map_axes": ("fast", "slwo")}, "toy has no parameter 'slwo'; did you mean 'slow'"),
        ({"map_axes": ("fast", "fast")}, "toy needs two map axes"),
        ({"stop_classes": StopClasses("fast", 5, 12)}, "'fast', which is none of its map axes"),
        ({"tradestation": TradeStation("Toy", {})}, "Toy has no input for the parameter 'fast'"),
    ],
)
def test_what_is_no_strategy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(wfo.InputError, match=message):
        dataclasses.replace(TOY, **options)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((1, 0, 1), "from 1 to 0 in steps of 1 has no value"),
        ((0, 1, 0), "a step above 0"),
        (("1", 2, 1), "low = '1' must be a number"),
        ((0, math.nan, 1), "high = nan must be a number"),
    ],
)
def test_what_is_no_fine_grid(limits: tuple[Any, Any, Any], said: str) -> None:
    assert Fine(0.5, 4, 0.1) == Fine.of("0.5", "4", "0.1")  # type: ignore[arg-type]  # numbers will do
    with pytest.raises(wfo.InputError, match=re.escape(said)):
        Fine(*limits)


def test_what_is_no_feed_or_stop_class() -> None:
    with pytest.raises(wfo.InputError, match="'rate' has neither prices nor columns"):
        Feed("rate", prices=False)
    with pytest.raises(wfo.InputError, match="'bars' has a column twice"):
        Feed("bars", columns=("close",))
    with pytest.raises(wfo.InputError, match="tight_below <= wide_above"):
        StopClasses("fast", 12, 5)


def test_the_family_states_what_it_is() -> None:
    found = wfo.strategies()
    assert {n for n, s in found.items() if s.constraints} == {"atr_d_hma_l", "atr_d_hma_ls"}
    assert {n for n, s in found.items() if s.dual_symbol} == {"atr_d_duals_l", "atr_d_duals_ls"}
    for own in found.values():
        assert own.settings is wfo.Settings
        assert [f.name for f in own.feeds] == ["bars", "bars2"][: 1 + own.dual_symbol]
        assert own.stop_classes is not None
        classes = [own.stop_classes.of(v) for v in (4.99, 5, 12, 12.01)]
        assert classes == ["TIGHT", "MEDIUM", "MEDIUM", "WIDE"]
        kernels = (own.kernel, own.reference)
        assert kernels == (RustKernel(), NumbaKernel("wfo.atr_d.reference.kernel"))


def test_a_kernel_that_is_missing_says_why() -> None:
    assert RustKernel().load() is __import__("wfo._core", fromlist=["_core"])
    with pytest.raises(EngineError, match=r"kernel tests\.nowhere cannot be imported: No module"):
        NumbaKernel("tests.nowhere").load()


# Settings


@dataclass(frozen=True, slots=True)
class OwnSettings(wfo.AccountSettings):
    """Settings of a strategy of one's own."""

    hold: float = 3.0
    side: str = "up"

    def __post_init__(self) -> None:
        wfo.AccountSettings.__post_init__(self)
        self.check_number("hold", lambda x: x >= 1, "of 1 or more")
        self.check_choice("side", ("up", "down"))


def test_settings_are_taken_over_field_by_field() -> None:
    own = dataclasses.replace(TOY, settings=OwnSettings)
    atr_d = get_strategy("atr_d_l")
    assert own.settings_of(None) == OwnSettings()
    mine = OwnSettings(capital=5, hold=7)
    assert own.settings_of(mine) is mine
    assert own.settings_of(wfo.AccountSettings(slip=0.1)) == OwnSettings(slip=0.1)
    assert own.settings_of(wfo.Settings(fee=0.1, max_stop_atr=20)) == OwnSettings(fee=0.1)
    assert atr_d.settings_of(wfo.AccountSettings(lot_size=5)) == wfo.Settings(lot_size=5)
    assert type(TOY.settings_of(OwnSettings(capital=5))) is wfo.AccountSettings
    with pytest.raises(wfo.InputError, match=r"entry_style = 'breakout' is no setting of toy, whi"):
        own.settings_of(wfo.Settings(entry_style="breakout"))
    with pytest.raises(wfo.InputError, match=r"hold = 4\.0 is no setting of atr_d_l"):
        atr_d.settings_of(OwnSettings(hold=4))
    for what, name in ((own, "OwnSettings"), (TOY, "wfo.AccountSettings"), (atr_d, "wfo.Settings")):
        message = re.escape(f"settings must be {name}(...), not {{'capital': 1}}")
        with pytest.raises(wfo.InputError, match=message):
            what.settings_of({"capital": 1})  # type: ignore[arg-type]  # on purpose


def test_own_settings_are_checked_and_written_down() -> None:
    assert list(OwnSettings().to_dict()) == [
        *("capital", "slip", "fee", "sizing", "lot_size"),
        *("hold", "side"),
    ]
    assert list(wfo.AccountSettings().to_dict()) == ["capital", "slip", "fee", "sizing", "lot_size"]
    with pytest.raises(wfo.InputError, match=r"hold = 0 is not allowed; .* a number of 1 or more"):
        OwnSettings(hold=0)
    with pytest.raises(wfo.InputError, match="side = 'upp' is unknown; did you mean 'up'"):
        OwnSettings(side="upp")
    with pytest.raises(wfo.InputError, match="slip = 1 is not allowed"):
        OwnSettings(slip=1)


# The registry


def test_a_registered_strategy_is_known_by_its_name(own_registry: registry.Registry) -> None:
    assert wfo.register(TOY) is TOY
    assert list(wfo.strategies())[-1] == "toy"
    assert len(wfo.strategies()) == 7
    assert get_strategy("toy") is TOY
    assert wfo.Grid({"fast": [1, 2], "slow": 3}).strategy is TOY
    again = strategy("fast", "slow")
    wfo.register(again)
    assert get_strategy("toy") is again, "a cell that is run again means what it says now"
    family = get_strategy("atr_d_l")
    wfo.register(dataclasses.replace(family, lookback=lambda _: 1))
    assert get_strategy("atr_d_l") is family
    with pytest.raises(wfo.InputError, match=r"another strategy 'toy' already \(A toy\)"):
        wfo.register(dataclasses.replace(TOY, title="Another toy"))
    with pytest.raises(wfo.InputError, match="another strategy 'atr_d_l' already"):
        wfo.register(dataclasses.replace(TOY, name="atr_d_l"))
    with pytest.raises(wfo.InputError, match=r"register takes a wfo\.Strategy, .*, not 'toy'"):
        wfo.register("toy")


def test_a_value_goes_wherever_a_name_does(own_registry: registry.Registry) -> None:
    grid = wfo.Grid({"fast": [1, 2], "slow": 3}, strategy=TOY)
    assert (len(grid), grid.need, grid.strategy) == (2, 3, TOY)
    assert wfo.Grid.from_dict(grid.to_dict(), strategy=TOY) == grid
    with pytest.raises(wfo.InputError, match="there is no strategy 'toy'"):
        wfo.Grid.from_dict(grid.to_dict())
    assert "toy" not in wfo.strategies()
    # The same family under a name of one's own is computed as the family is.
    bars = wfo.load_sample()[:400]
    params = wfo.Grid.load("smoke", "atr_d_l").params(0)
    own = get_strategy("atr_d_l")
    one, two = (wfo.simulate(s, bars, params, split=300) for s in (own, "atr_d_l"))
    assert one.equity.tolist() == two.equity.tolist()


def test_a_grid_file_for_a_value(own_registry: registry.Registry, tmp_path: Any) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("toy:\n  fast: [1, 2]\n  slow: 3\natr_d_l:\n  atr_period: 4\n")
    assert len(wfo.Grid.load(path, TOY)) == 2
    path.write_text("fast: [1, 2, 3]\nslow: {from: 3, to: 5, step: 1}\n")
    assert len(wfo.Grid.load(path, TOY)) == 9


def test_packages_name_theirs_as_entry_points(
    own_registry: registry.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, toy="test_strategy:TOY", more="test_strategy:MORE")
    assert list(wfo.strategies())[6:] == ["toy", "more_a", "more_b"]
    assert get_strategy("more_b") is MORE[1]


MORE = [dataclasses.replace(TOY, name=f"more_{x}", title=x) for x in "ab"]
NO_STRATEGY = [5]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("test_strategy:MISSING", "has no attribute 'MISSING'"),
        ("no_such_module:TOY", "No module named 'no_such_module'"),
        ("test_strategy:NO_STRATEGY", "5 is no Strategy"),
    ],
)
def test_a_broken_entry_point_costs_a_warning(
    own_registry: registry.Registry, monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    installed(monkeypatch, broken=value, toy="test_strategy:TOY")
    with pytest.warns(RuntimeWarning, match=f"broken = {value} are left out: .*{message}"):
        found = wfo.strategies()
    assert list(found)[6:] == ["toy"]
    # It is said once.
    assert wfo.strategies() == found


def test_a_known_name_needs_no_look_at_packages(
    own_registry: registry.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: 1 / 0)
    assert get_strategy("atr_d_l").name == "atr_d_l"


# Views


def test_the_page_of_a_strategy_without_views(own_registry: registry.Registry) -> None:
    wfo.register(strategy("fast", "slow", constraints=("fast < slow",)))
    page = CliRunner().invoke(cli, ["strategies", "toy"]).output
    assert page.splitlines() == [
        "toy: A toy",
        "In TradeStation: none, so no ranges are exported",
        "  fast                 the fast; a whole number >= 0 and <= 1e+06",
        "  slow                 the slow; a whole number >= 0 and <= 1e+06",
        "Constraints:",
        "  fast < slow",
        "Feeds:",
        "  bars                 open, high, low, close",
        "Settings:",
        "  capital              100000.0",
        "  slip                 0.0",
        "  fee                  0.0",
        "  sizing               compound",
        "  lot_size             0.0",
        "Map: none, so no plateaus are looked for",
        "Engines: reference in tests.nowhere",
    ]


@pytest.mark.parametrize("name", ["atr_d_l", "atr_d_hma_ls", "atr_d_duals_ls"])
def test_the_page_of_a_strategy_with_all_views(name: str) -> None:
    own = get_strategy(name)
    page = CliRunner().invoke(cli, ["strategies", name]).output
    for text in (
        *own.constraints,
        *(f.name for f in own.feeds),
        *own.expansion,
        "  entry_style          pullback",
        "Map: atr_multiplier across, atr_buy_multiplier up",
        "by atr_multiplier; TIGHT below 5, WIDE above 12, MEDIUM between",
        "Engines: factored, direct in wfo._core",
        "Engines: reference in wfo.atr_d.reference.kernel",
    ):
        assert text in page
    assert max(len(line) for line in page.splitlines()) <= 100


def figures_of(grid: wfo.Grid, seed: int = 0) -> list[Figures]:
    """Two phases in which some combinations are valid."""
    rng, n = np.random.default_rng(seed), len(grid)

    def phase() -> Figures:
        profit = rng.choice([-50.0, 60.0, 80.0], n) + rng.random(n)
        trades = np.full(n, 9, np.uint32)
        return Figures(np.full(n, 100.0), profit, np.full(n, 20.0), np.full(n, 10.0), *[trades] * 2)

    return [phase(), phase()]


def scores_of(grid: wfo.Grid, figures: list[Figures]) -> Any:
    return score_figures(
        grid,
        lambda start, stop: [Figures(*(c[start:stop] for c in f)) for f in figures],
        annual_factors=[None, None],
        min_phases=2,
    )


def test_without_a_map_all_else_is_scored() -> None:
    with_map = strategy("fast", "slow", "hold", map_axes=("fast", "slow"))
    values = {"fast": range(1, 6), "slow": range(1, 5), "hold": range(10)}
    mapped = wfo.Grid(values, strategy=with_map)
    plain = wfo.Grid(values, strategy=dataclasses.replace(with_map, map_axes=None))
    figures = figures_of(mapped)
    one, two = scores_of(mapped, figures), scores_of(plain, figures)
    assert two.cells is None
    assert one.cells is not None
    assert one.candidates.equals(two.candidates)
    assert (one.stable, one.phase_counts, one.valid_phases) == (
        two.stable,
        two.phase_counts,
        two.valid_phases,
    )
    assert two.stable > 10
    found = wfo.detect_plateaus(two.candidates, plain, cells=two.cells)
    assert list(found) == []
    assert "toy has no map: it names no map_axes" in found.note
    assert wfo.detect_plateaus(two.candidates, plain).note == found.note
    with pytest.raises(wfo.InputError, match="toy has no map"):
        Cells.empty(plain)


def test_without_tradestation_there_are_no_ranges() -> None:
    own = strategy("fast", "slow", map_axes=("fast", "slow"))
    grid = wfo.Grid({"fast": [1, 2], "slow": [3, 4]}, strategy=own)
    plateau = Plateau(1, None, ((1.0, 3.0),), 1, 1.0, 1.0, (1.0, 3.0))
    candidates = pl.DataFrame({"fast": [1], "slow": [3], "Stability_Score": [1.0]})
    with pytest.raises(wfo.InputError, match="toy has no ranges for TradeStation"):
        plateau_ranges(plateau, None, candidates, grid)
    assert plateau.to_dict()["regime"] is None
    inputs = {n: Input(n.title(), Fine.of("0", "9", "1"), refined=True) for n in own.names}
    there = dataclasses.replace(own, tradestation=TradeStation("Toy", inputs))
    (found,) = plateau_ranges(
        plateau, None, candidates, wfo.Grid(dict(grid.values), strategy=there)
    )
    assert found.to_csv().splitlines()[1:] == ["Fast,1,1,1", "Slow,3,3,1"]


# A map whose corner no combination is in


def corner() -> wfo.Grid:
    own = strategy("fast", "slow", "hold", constraints=("fast < slow",), map_axes=("fast", "slow"))
    values = {"fast": range(1, 11), "slow": range(2, 13), "hold": range(100)}
    return wfo.Grid(values, strategy=own)


def test_cells_of_a_constrained_map_are_counted() -> None:
    grid = corner()
    figures = figures_of(grid, seed=4)
    scores = scores_of(grid, figures)
    fast, slow = (grid.column(n, np.arange(len(grid))) for n in ("fast", "slow"))
    stable = (figures[0].oos_pnl > 35) & (figures[1].oos_pnl > 35)
    for x, y in np.ndindex(10, 11):
        here = (fast == x + 1) & (slow == y + 2)
        assert scores.cells.total[x, y] == np.count_nonzero(here) == 100 * (x + 1 < y + 2)
        assert scores.cells.stable[x, y] == np.count_nonzero(here & stable)
    assert np.array_equal(scores.cells.present, scores.cells.total > 0)
    assert np.isfinite(scores.cells.level).all()


def test_what_lies_beyond_a_constraint_is_no_part_of_the_map() -> None:
    """A block along the diagonal is found as one within is, and the empty corner has no say."""
    total = corner().map_totals()
    x, y = np.meshgrid(np.arange(10), np.arange(11), indexing="ij")
    wanted = (abs(x - 3) <= 1) & (y - x >= 0) & (y - x <= 2)
    assert (total[wanted] > 0).all()
    rng = np.random.default_rng(7)
    level = np.where(wanted, 0.85, 0.55) + 0.02 * rng.standard_normal(total.shape)
    cells = Cells(np.round(level * total).astype(np.int64), total)
    (found,) = find_clusters(cells).members
    assert np.array_equal(found, wanted)
    # An even map that ends at the diagonal has no shape, though its rectangle would have.
    even = Cells(
        np.round((0.6 + 0.01 * rng.standard_normal(total.shape)) * total).astype(int), total
    )
    assert (even.stable[total > 0] >= LEAST_STABLE).all()
    assert find_clusters(even).members == ()


def test_sequences_become_tuples_and_one_text_is_not_several() -> None:
    given = dataclasses.replace(
        TOY,
        parameters=list(TOY.parameters),  # type: ignore[arg-type]  # what callers may do
        constraints=["fast < slow"],  # type: ignore[arg-type]  # likewise
        feeds=[Feed("bars")],  # type: ignore[arg-type]  # likewise
    )
    same = dataclasses.replace(TOY, constraints=("fast < slow",))
    assert given == same
    assert hash(given) == hash(same)
    with pytest.raises(wfo.InputError, match=r"constraints = 'fast < slow' must be several"):
        dataclasses.replace(TOY, constraints="fast < slow")  # type: ignore[arg-type]  # a slip


def test_a_strategy_of_the_package_is_told_from_another_of_its_name() -> None:
    own = wfo.strategies()["atr_d_l"]
    assert registry.is_built_in(own)
    assert not registry.is_built_in(dataclasses.replace(own, constraints=("bb_length > 9",)))
    assert not registry.is_built_in(TOY)


def test_a_grid_is_one_of_the_strategy_itself_and_not_of_its_name() -> None:
    bars = wfo.load_sample("NASDAQ")
    named = wfo.strategies()["atr_d_l"]
    grid = wfo.Grid.load("smoke", "atr_d_l")
    other = dataclasses.replace(named, constraints=("atr_period < atr_buy_period",))
    with pytest.raises(wfo.InputError, match="one of another strategy called atr_d_l; make it"):
        wfo.sweep(other, bars, grid, split=1000)
    with pytest.raises(wfo.InputError, match="one of another strategy called atr_d_l; make it"):
        wfo.sweep(named, bars, wfo.Grid(grid.values, strategy=other), split=1000)


def test_a_grid_states_by_what_a_strategy_of_ones_own_is_computed() -> None:
    values = {"fast": [5, 7], "slow": [5, 7]}
    below = dataclasses.replace(TOY, constraints=("fast < slow",))
    above = dataclasses.replace(TOY, constraints=("fast > slow",))
    stated = wfo.Grid(values, strategy=below).to_dict()
    assert stated["definition"] == {
        "kernel": "tests.nowhere:toy",
        "constraints": ["fast < slow"],
        "feeds": [["bars", "open", "high", "low", "close"]],
    }
    assert wfo.Grid.from_dict(stated, below) == wfo.Grid(values, strategy=below)
    # As many combinations as before, but not the same.
    message = r"constraints = \['fast < slow'\], now \['fast > slow'"
    with pytest.raises(wfo.InputError, match=message):
        wfo.Grid.from_dict(stated, above)
    # What the version says of the package's own is not stated again, so that old runs go on.
    assert "definition" not in wfo.Grid.load("smoke", "atr_d_hma_l").to_dict()


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        ("float", "1e-3", "; write 0.001"),
        ("float", "2", "; write 2"),
        ("float", "1.2e1", "; write 12"),
        ("int", "08", "; write 8"),
        ("int", 16.0, "; write 16"),
        ("int", np.float64(16), "; write 16"),
        # What would be refused again, or says several things, has no hint.
        ("int", "2.5", ""),
        ("int", 2.5, ""),
        ("int", 0.0, ""),
        ("float", 0.0, ""),
        ("float", "1e12", ""),
        ("float", "nan", ""),
        ("float", "9" * 400, ""),
        ("float", "4, 16", ""),
        ("float", "4-16", ""),
    ],
)
def test_a_number_that_is_written_otherwise_is_shown_as_it_must_be(
    kind: Any, value: object, hint: str
) -> None:
    parameter = Parameter("x", kind, 1e-6 if kind == "float" else 1, 1e9, "of a test")
    with pytest.raises(wfo.InputError) as refused:
        parameter.check(value)
    assert str(refused.value).endswith(f"it must be {parameter.allowed}{hint}")
