"""``wfo grids``, ``wfo strategies`` and ``wfo info``."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import click

from wfo.cli.completion import complete_grids, complete_strategies
from wfo.cli.naming import strategy_name
from wfo.cli.terminal import echo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from wfo.grid import Grid
    from wfo.strategy import Strategy


@click.command()
@click.argument("name", required=False, shell_complete=complete_grids)
@click.option(
    "--strategy",
    default="atr_d_l",
    show_default=True,
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="Strategy to show it for.",
)
@click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print the grid as a file of your own to start from."
)
def grids(name: str | None, strategy: str, as_yaml: bool) -> None:
    """List the grids, or show the values of one.

    NAME is a grid of the list, a .yaml file of your own, or 'default': what 'wfo run' takes without
    --grid, of a strategy of your own (--strategy FILE.py:NAME) the values that it states itself. As
    YAML, '--yaml > my.yaml', it comes with the simpler strategies that a run of this one also runs.

    \b
    Examples:
      wfo grids
      wfo grids coarse --strategy atr_d_l
      wfo grids coarse --strategy atr_d_l --yaml
      wfo grids my.yaml --strategy atr_d_l
      wfo grids default
    """
    from wfo.default_grids import DEFAULT, default_grid
    from wfo.errors import InputError
    from wfo.grid import Grid, grid_names, grid_strategies
    from wfo.grid_yaml import grid_to_start_from, grid_yaml
    from wfo.runs.plan import GRID
    from wfo.strategy import get_strategy, is_built_in

    own = get_strategy(strategy)
    if name == DEFAULT and is_built_in(own):
        name = GRID

    if as_yaml:
        if name is None:
            raise click.UsageError("--yaml goes with the NAME of a grid, such as coarse")
        if name == DEFAULT:
            head = f"{DEFAULT}: the values that {own.name} states itself"
            echo(grid_yaml([default_grid(own)], head), nl=False)
        else:
            echo(grid_to_start_from(name, strategy), nl=False)
        return
    if name is None:
        if own.grid is not None:
            try:
                count = f"{len(default_grid(own)):,}"
            except InputError:
                # A list says that it cannot be used; what asks for it says why.
                count = "-"
            echo(f"{DEFAULT:12} {count:>14}  the values that {own.name} states itself")
        for each, text in grid_names().items():
            covered = strategy in grid_strategies(each)
            count = f"{len(Grid.load(each, strategy)):,}" if covered else "-"
            echo(f"{each:12} {count:>14}  {text}")
        return
    grid = default_grid(own) if name == DEFAULT else Grid.load(name, strategy)
    echo(f"{grid.name}, {strategy}: {len(grid):,} combinations")
    for parameter, axis in grid.values.items():
        kind = own.parameter(parameter)
        said = ", ".join(kind.worded(v) if kind.methods else f"{v:g}" for v in axis)
        left_out = "  (left out: its default)" if parameter in grid.filled else ""
        echo(f"  {parameter:20} {len(axis):>3}  {said}{left_out}")


@click.command()
@click.argument("name", required=False, shell_complete=complete_strategies)
def strategies(name: str | None) -> None:
    """List the strategies, or show one.

    What is shown of one are its parameters and their defaults, what every combination must meet,
    what it reads, its settings with their defaults, the map of its plateaus, and the engines that
    compute it. One of your own is named by its file, FILE.py:NAME; of rules the parts follow, what
    each depends on, and what a backtest of the default grid costs.

    \b
    Examples:
      wfo strategies
      wfo strategies atr_d_l
      wfo strategies mine.py:Breakout
    """
    from wfo.strategy import get_strategy
    from wfo.strategy import strategies as catalogue

    if name is None:
        for strategy in catalogue().values():
            echo(f"{strategy.name:16} {strategy.title}")
        return
    strategy = get_strategy(name)
    for line in _described(strategy):
        echo(line)


#: Combinations that are tried to see what a backtest costs, at most.
_TRIED = 5_000


def _described(strategy: Strategy) -> list[str]:
    """Return what a strategy is, line by line."""
    from wfo.rules.parts import described_parts

    view, classes = strategy.tradestation, strategy.stop_classes
    lines = [f"{strategy.name}: {strategy.title}"]
    lines.append(f"In TradeStation: {view.name if view else 'none, so no ranges are exported'}")
    for p in strategy.parameters:
        own = f"{view.input(p.name).name:20} " if view else ""
        lines.append(f"  {p.name:20} {own}{f'{p.meaning}; ' * bool(p.meaning)}{p.listed}")
    defaults = ", ".join(f"{name} {value:g}" for name, value in strategy.defaults.items())
    lines += ["Defaults, where a grid leaves one out:"] if defaults else []
    lines += textwrap.wrap(defaults, 98, initial_indent="  ", subsequent_indent="  ")
    lines.append("Constraints:" if strategy.constraints else "Constraints: none")
    lines += [f"  {constraint}" for constraint in strategy.constraints]
    if strategy.grid is not None:
        lines.append("Default grid:")
        lines += [f"  {n:20} {_values(axis)}" for n, axis in strategy.grid.items()]
    lines.append("Feeds:")
    lines += [f"  {f.name:20} {', '.join(f.all_columns)}" for f in strategy.feeds]
    lines.append("Settings:")
    settings = strategy.settings_of(None).to_dict()
    lines += [f"  {name:20} {value}" for name, value in settings.items()]
    axes = strategy.map_axes
    across = f"{axes[0]} across, {axes[1]} up" if axes else "none, so no plateaus are looked for"
    lines.append(f"Map: {across}")
    if classes is not None:
        bounds = f"TIGHT below {classes.tight_below:g}, WIDE above {classes.wide_above:g}"
        lines.append(f"Regimes of stops: by {classes.parameter}; {bounds}, MEDIUM between")
    if strategy.expansion:
        lines.append(f"A run also runs: {', '.join(strategy.expansion)}")
    lines += [f"Engines: {', '.join(k.engines)} in {k.module}" for k in strategy.kernels]
    parts = described_parts(strategy)
    return [*lines, *parts, *(_engine(strategy) if parts else []), *_notes(strategy)]


def _notes(strategy: Strategy) -> list[str]:
    """Return what of the default grid of rules is allowed and hardly meant."""
    from wfo.rules.misfits import doubtful
    from wfo.rules.parts import program_of

    program = program_of(strategy)
    said = () if program is None else doubtful(program, strategy.rules, strategy.grid or {})
    wrapped = (textwrap.wrap(f"Note: {each}.", 98, subsequent_indent="  ") for each in said)
    return [line for lines in wrapped for line in lines]


def _engine(strategy: Strategy) -> list[str]:
    """Return which engine a search runs on, and why no faster one does."""
    from wfo.backtest.engines import choose_engine

    chosen = choose_engine("auto", strategy, strategy.settings_of(None))
    why = f" ({chosen.reason})" if chosen.reason else ""
    said = f"A search runs on the engine {chosen.engine.name}{why}; {_cost(strategy)}"
    return textwrap.wrap(said, 98, subsequent_indent="  ")


def _cost(strategy: Strategy) -> str:
    """Return what a backtest takes, tried on the sample, or why it was not tried."""
    from wfo.data import load_sample
    from wfo.errors import WfoError
    from wfo.grid import Grid
    from wfo.strategy import Feed

    if strategy.feeds != (Feed("bars"),):
        return (
            "it reads more than the prices of one symbol, so its cost was not tried on the sample"
        )
    if strategy.grid is None or any(n not in strategy.grid for n in strategy.names):
        return "it has no whole default grid, so its cost was not tried"
    try:
        grid = Grid(_thinned(strategy.grid), strategy=strategy)
        bars = load_sample("NASDAQ")
        taken = _seconds(grid, bars) / len(grid)
    except WfoError as error:
        return f"its cost was not tried: {error}"
    return (
        f"a backtest of {len(bars):,} bars took {_two_digits(1e6 * taken)} µs on one core, all"
        f" parts included, as one of {len(grid):,} on the sample"
    )


def _seconds(grid: Grid, bars: pl.DataFrame) -> float:
    """Return what a sweep of a grid takes of one core: columns and backtests, and nothing else.

    Bars are read, calendars and engines loaded, and functions of the user's tried before.
    """
    import time

    from wfo.backtest.checks import checked_bounds
    from wfo.backtest.evaluate import Evaluator
    from wfo.backtest.feeds import read_feeds
    from wfo.backtest.short_checks import quick_check
    from wfo.strategy.value import lookback_on

    strategy = grid.strategy
    feeds = read_feeds(strategy, bars)
    quick_check(strategy, feeds, grid)
    need = lookback_on(strategy, grid.values, feeds)
    phase = checked_bounds(feeds.bars * 2 // 3, None, need, feeds.bars, stamps=feeds.stamps)
    Evaluator.of_sets(strategy, feeds, [grid.params(0)], [phase], threads=1).range(0, 1)
    before = time.process_time()
    Evaluator(strategy, feeds, grid, [phase], threads=1).range(0, len(grid))
    return time.process_time() - before


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,g}"


def _thinned(grid: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Return fewer values of a grid, over the same ranges, for some thousand combinations."""
    found = {name: list(axis) for name, axis in grid.items()}
    while math.prod(len(axis) for axis in found.values()) > _TRIED:
        longest = max(found, key=lambda name: len(found[name]))
        found[longest] = found[longest][::2]
    return dict(found)


def _values(axis: Sequence[float]) -> str:
    """Return the values of a parameter in a line, those between left out where they are many."""
    said = [f"{value:g}" for value in axis]
    if len(said) > 8:
        said = [*said[:3], "…", said[-1]]
    return f"{', '.join(said)}  ({len(axis):,})"


@click.command()
def info() -> None:
    """Show versions and what this installation runs on.

    \b
    Example:
      wfo info
    """
    from importlib import metadata
    from importlib.util import find_spec

    from wfo.build import build_info

    # No figure of a run depends on Optuna, so that no manifest records it.
    optuna = metadata.version("optuna") if find_spec("optuna") else "not installed"
    for key, value in {**build_info(), "optuna": optuna}.items():
        echo(f"{key:14} {value}")
