"""``wfo grids``, ``wfo strategies`` and ``wfo info``."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
@click.option("--strategy", default="atr_d_l", show_default=True, help="Strategy to show it for.")
def grids(name: str | None, strategy: str) -> None:
    """List the grids, or show the values of one.

    NAME is a grid of the list or a .yaml file of your own.

    \b
    Examples:
      wfo grids
      wfo grids coarse --strategy atr_d_l
    """
    from wfo.grid import Grid, grid_names, grid_strategies

    if name is None:
        for each, text in grid_names().items():
            covered = strategy in grid_strategies(each)
            count = f"{len(Grid.load(each, strategy)):,}" if covered else "-"
            click.echo(f"{each:12} {count:>14}  {text}")
        return
    grid = Grid.load(name, strategy)
    click.echo(f"{grid.name}, {strategy}: {len(grid):,} combinations")
    for parameter, axis in grid.values.items():
        click.echo(f"  {parameter:20} {len(axis):>3}  {', '.join(f'{v:g}' for v in axis)}")


@click.command()
@click.argument("name", required=False)
def strategies(name: str | None) -> None:
    """List the strategies, or show the parameters of one.

    \b
    Examples:
      wfo strategies
      wfo strategies atr_d_l
    """
    from wfo.strategy import get_strategy
    from wfo.strategy import strategies as catalogue

    if name is None:
        for strategy in catalogue().values():
            click.echo(f"{strategy.name:16} {strategy.title}")
        return
    strategy = get_strategy(name)
    click.echo(f"{strategy.name}: {strategy.title}")
    click.echo(f"In TradeStation: {strategy.tradestation}")
    for p in strategy.parameters:
        click.echo(f"  {p.name:20} {p.tradestation:20} {p.meaning}; {p.allowed}")


@click.command()
def info() -> None:
    """Show versions and what this installation runs on.

    \b
    Example:
      wfo info
    """
    from wfo.build import build_info

    for key, value in build_info().items():
        click.echo(f"{key:14} {value}")
