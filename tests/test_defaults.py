"""Defaults of parameters that are left out, and grids as YAML to start from."""

from __future__ import annotations

import dataclasses
import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import wfo
from wfo.cli import cli
from wfo.data import sample_store
from wfo.grid import Grid, grid_names, grid_strategies
from wfo.grid_yaml import grid_to_start_from, grid_yaml
from wfo.progress import Silent
from wfo.runs.estimate import estimate
from wfo.runs.plan import RunPlan
from wfo.runs.run import run
from wfo.strategy import Parameter, get_strategy
from wfo.yaml_text import load_yaml

COVERED = [(name, s) for name in grid_names() for s in grid_strategies(name)]


class Heard(Silent):
    """What a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# What a default is


def test_a_default_is_a_value_that_the_parameter_can_have() -> None:
    assert Parameter("x", "int", 1, 9, "").default is None
    found = Parameter("x", "float", 0, 9, "", default=2).default
    assert (found, type(found)) == (2.0, float)
    for default in (0, 10, 2.5, True, "3"):
        with pytest.raises(wfo.InputError, match=r"x = .* is not allowed"):
            Parameter("x", "int", 1, 9, "", default=default)  # type: ignore[arg-type]  # on purpose


def test_defaults_that_do_not_meet_constraints_are_met_where_they_are_used() -> None:
    """A strategy may be made of another one by more constraints; its defaults are no obstacle."""
    odd = dataclasses.replace(
        get_strategy("atr_d_l"), name="odd", constraints=("atr_period > atr_buy_period",)
    )
    assert len(Grid({"atr_buy_period": [8, 20]}, strategy=odd)) == 2
    with pytest.raises(wfo.InputError, match="the grid would be empty"):
        Grid({"atr_buy_period": [56]}, strategy=odd)


@pytest.mark.parametrize("name", list(wfo.strategies()))
def test_the_catalogue_has_defaults_that_its_grids_span(name: str) -> None:
    strategy = get_strategy(name)
    if strategy.tradestation is None or not name.startswith("atr_d"):
        pytest.skip(f"{name} is no strategy of this package's")
    assert set(strategy.defaults) == set(strategy.names)
    grid = Grid({}, strategy=name)
    assert len(grid) == 1
    assert grid.params(0) == strategy.defaults
    widest = Grid.load("phase1_slim", name).values if name in grid_strategies("phase1_slim") else {}
    for parameter, value in strategy.defaults.items():
        fine = strategy.tradestation.input(parameter).fine
        steps = (Decimal(str(value)) - fine.low) / fine.step
        assert fine.low <= Decimal(str(value)) <= fine.high, parameter
        assert steps == steps.to_integral_value(), parameter
        if parameter in widest:
            assert min(widest[parameter]) <= value <= max(widest[parameter]), parameter


def test_with_defaults_says_what_it_filled_in() -> None:
    strategy = get_strategy("atr_d_l")
    values, filled = strategy.with_defaults({"bb_length": "ten", "atr_period": [4, 8]})
    assert tuple(values) == strategy.names
    assert (values["bb_length"], values["atr_period"]) == ("ten", [4, 8])
    assert set(filled) == set(strategy.names) - {"bb_length", "atr_period"}
    assert all(values[name] == strategy.defaults[name] for name in filled)
    assert strategy.with_defaults(values) == (values, {})
    with pytest.raises(wfo.InputError, match="'bb_lenght'; did you mean 'bb_length'"):
        strategy.with_defaults({"bb_lenght": 1})
    bare = dataclasses.replace(
        strategy,
        name="bare",
        parameters=tuple(
            dataclasses.replace(p, default=None) if p.name == "bb_length" else p
            for p in strategy.parameters
        ),
    )
    with pytest.raises(wfo.InputError, match=r"bare also needs bb_length; only .* default= may"):
        bare.with_defaults({"atr_period": 4})


# Grids that leave parameters out


def test_a_grid_takes_defaults_for_what_it_leaves_out() -> None:
    grid = Grid({"atr_period": [4, 8], "bb_deviation": 1}, strategy="atr_d_l")
    assert grid.values["atr_period"] == (4, 8)
    assert grid.values["bb_length"] == (20,)
    assert "bb_deviation" not in grid.filled
    assert grid.filled["bb_length"] == 20
    assert "bb_length is left out: 20" in grid.notes
    whole = Grid(grid.values, strategy="atr_d_l")
    assert whole == grid
    assert (whole.filled, whole.notes) == ({}, ())
    # A manifest states all of it.
    assert grid.to_dict() == whole.to_dict()
    assert set(grid.to_dict()["values"]) == set(grid.strategy.names)


def test_without_a_strategy_nothing_may_be_left_out() -> None:
    values = dict(Grid({}, strategy="atr_d_l").values)
    assert Grid(values).strategy.name == "atr_d_l"
    del values["bb_length"]
    message = "atr_d_l also needs bb_length; with strategy='atr_d_l' each takes its default"
    with pytest.raises(wfo.InputError, match=message):
        Grid(values)


def test_a_stored_grid_is_not_filled_up() -> None:
    data = Grid({}, strategy="atr_d_l").to_dict()
    assert Grid.from_dict(data).values == Grid({}, strategy="atr_d_l").values
    del data["values"]["bb_length"]
    with pytest.raises(wfo.InputError, match="also needs bb_length"):
        Grid.from_dict(data)


SHORT = """
atr_d_ls:
  atr_period: [4, 64]
  atr_multiplier: [13, 24]
  short_multiplier: [0.5]
atr_d_l:
  atr_period: [4, 64]
  bb_length: 10
"""


@pytest.mark.parametrize("way", ["run", "estimate"])
def test_a_run_says_what_is_left_out(way: str, tmp_path: Path) -> None:
    grid = written(tmp_path / "short.yaml", SHORT)
    plan = RunPlan("NASDAQ", "atr_d_ls", grid=str(grid), out=tmp_path / "out")
    if way == "run":
        heard = Heard()
        report = run(plan, sample_store(), progress=heard)
        told = "\n".join(heard.said)
        stated = {g["strategy"]: g["values"] for g in report.manifest.grids}
        assert set(stated["atr_d_ls"]) == set(get_strategy("atr_d_ls").names)
        assert stated["atr_d_ls"]["bb_length"] == [20]
        assert stated["atr_d_l"]["bb_length"] == [10]
    else:
        told = estimate(plan, sample_store()).page
    both = [line for line in told.splitlines() if "is left out" in line]
    assert both[0].startswith("atr_d_ls: bb_length is left out: 20; ")
    assert both[1].startswith("atr_d_l: atr_multiplier is left out: 12; ")
    for line, left in zip(both, ("entry_mode is left out: 0", "vol_threshold"), strict=True):
        assert left in line
        assert "atr_period" not in line


def test_a_run_of_a_grid_says_it_too(tmp_path: Path) -> None:
    heard = Heard()
    few = Grid({"atr_period": [4, 64]}, strategy="atr_d_l")
    report = wfo.run("NASDAQ", "atr_d_l", grid=few, out=tmp_path, progress=heard)
    assert any("bb_length is left out: 20" in said for said in heard.said)
    # The file that stands for it is complete, and says nothing is left out.
    kept = Grid.load(report.folder.given / "grid.yaml", "atr_d_l")
    assert kept == few
    assert not kept.filled
    with pytest.raises(wfo.InputError, match="atr_d_ls also needs short_multiplier"):
        wfo.run("NASDAQ", "atr_d_ls", grid=few, out=tmp_path)


def test_a_grid_without_sections_serves_the_simpler_strategies(tmp_path: Path) -> None:
    text = "atr_period: [4, 64]\nshort_multiplier: [0.5, 1]\n"
    grid = written(tmp_path / "flat.yaml", text)
    plan = RunPlan("NASDAQ", "atr_d_ls", grid=str(grid), out=tmp_path / "out")
    report = run(plan, sample_store())
    assert [len(r.grid) for r in report.strategies] == [4, 2]
    written(grid, text.replace("short_multiplier", "shrt_multiplier"))
    with pytest.raises(wfo.InputError, match="'shrt_multiplier'; did you mean 'short_multiplier'"):
        run(plan, sample_store())


def test_commands_show_defaults(tmp_path: Path) -> None:
    grid = written(tmp_path / "short.yaml", "atr_d_l: {bb_length: [10, 20]}")
    lines = CliRunner().invoke(cli, ["grids", str(grid)]).output.splitlines()
    marked = {line.split()[0]: "left out" in line for line in lines[1:]}
    assert [name for name, out in marked.items() if not out] == ["bb_length"]
    shown = CliRunner().invoke(cli, ["strategies", "atr_d_l"]).output
    head, _, defaults = shown.partition("Defaults, where a grid leaves one out:\n")
    assert "atr_period" in head
    said = " ".join(defaults.partition("Constraints")[0].split())
    assert said == ", ".join(f"{n} {v:g}" for n, v in get_strategy("atr_d_l").defaults.items())
    assert max(len(line) for line in shown.splitlines()) <= 100


# YAML to start from


@pytest.mark.parametrize(("name", "strategy"), COVERED)
def test_a_shipped_grid_reads_back_to_an_equal_one(
    name: str, strategy: str, tmp_path: Path
) -> None:
    called = CliRunner().invoke(cli, ["grids", name, "--strategy", strategy, "--yaml"])
    assert called.exit_code == 0, called.output
    path = written(tmp_path / "my.yaml", called.output)
    asked = get_strategy(strategy)
    covered = grid_strategies(name)
    assert list(load_yaml(called.output)) == [
        strategy, *(s for s in asked.expansion if s in covered)
    ]  # fmt: skip
    for each in load_yaml(called.output):
        found = Grid.load(path, each)
        assert found == Grid.load(name, each)
        assert not found.filled
    comments = [line for line in called.output.splitlines() if line.lstrip().startswith("#")]
    assert any(f"wfo run --symbol QQQ --strategy {strategy} --grid my.yaml" in c for c in comments)
    assert any(f"{len(Grid.load(name, strategy)):,} combinations" in c for c in comments)
    assert max(len(line) for line in called.output.splitlines()) <= 100


def test_even_axes_are_spans_and_methods_are_not() -> None:
    content = yaml.safe_load(grid_to_start_from("coarse", "atr_d_ls"))["atr_d_ls"]
    assert content["atr_multiplier"] == {"from": 2, "to": 24, "step": 2}
    assert content["atr_buy_multiplier"] == {"from": 0.5, "to": 3, "step": 0.5}
    assert content["bb_length"] == [10, 55]
    assert content["entry_mode"] == [0, 1, 2]
    assert content["equity_price_method"] == 0


NUMBERS = st.one_of(
    st.integers(1, 10**6).map(float),
    st.decimals("0.0001", "1000", places=4).map(float),
    st.floats(1e-12, 1e9),
)


@given(
    st.lists(NUMBERS, min_size=1, max_size=6, unique=True),
    st.tuples(st.integers(1, 999), st.integers(1, 50), st.integers(2, 9), st.integers(0, 3)),
)
def test_any_values_read_back_as_they_were(values: list[float], even: tuple[int, ...]) -> None:
    first, step, count, places = even
    lattice = [float(Decimal(first + i * step).scaleb(-places)) for i in range(count)]
    strategy = get_strategy("atr_d_l")
    whole = Grid(
        {
            "atr_multiplier": values,
            "atr_buy_multiplier": lattice,
            "vol_threshold": sorted(values, reverse=True),
        },
        strategy=strategy,
    )
    text = grid_yaml([whole])
    content = load_yaml(text)["atr_d_l"]
    assert Grid(content, strategy=strategy) == whole
    flat = json.dumps(content)
    assert not math.isnan(json.loads(flat)["atr_multiplier"][0] if len(values) > 1 else 0.0)
    if count >= 3:
        assert set(content["atr_buy_multiplier"]) == {"from", "to", "step"}


def test_what_a_strategy_says_of_itself_stays_a_comment() -> None:
    long = get_strategy("atr_d_l")
    odd = dataclasses.replace(
        long,
        name="odd",
        parameters=(
            dataclasses.replace(long.parameters[0], meaning="bars\natr_period: 5"),
            *long.parameters[1:],
        ),
    )
    text = grid_yaml([Grid({}, strategy=odd)], "two\nlines: 1")
    assert Grid(load_yaml(text)["odd"], strategy=odd) == Grid({}, strategy=odd)


def test_yaml_goes_with_a_name() -> None:
    called = CliRunner().invoke(cli, ["grids", "--yaml"])
    assert called.exit_code == 2
    assert "--yaml goes with the NAME" in called.output


# YAML itself


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3", "x: {a: 1, a: 1}", "- {y: {a: 1, a: 2}}", "&k a: 1\na: 2"]
)
def test_a_key_twice_is_refused(text: str) -> None:
    with pytest.raises(wfo.InputError, match="'a' is there twice"):
        load_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "# only a comment", "5", "[1, 2]", "a: &x {b: 1}\nc: *x\nd: [*x, *x]",
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {<<: *x, b: 3}", "1: 2\n'1': 3",
    ],
)  # fmt: skip
def test_everything_else_is_read_as_the_library_does(text: str) -> None:
    assert load_yaml(text) == yaml.safe_load(text)


def test_objects_are_not_made() -> None:
    with pytest.raises(wfo.InputError, match="is none that is read here"):
        load_yaml("a: !!python/object/apply:os.getcwd []")
