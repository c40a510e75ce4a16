"""Strategies as a command line names them: by name, or by a file that is loaded for it."""

from __future__ import annotations

import click


def strategy_name(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Return the name of a strategy; one of a file is loaded, and known by it from then on.

    A line that is still typed loads nothing.
    """
    if value is None or ctx.resilient_parsing or ".py" not in value:
        return value
    from wfo.strategy import get_strategy

    return get_strategy(value).name


def load_strategies(ctx: click.Context, _: click.Parameter, value: tuple[str, ...]) -> None:
    """Load strategies of files, so that what a command opens finds them by their names."""
    if not value or ctx.resilient_parsing:
        return
    from wfo.strategy import get_strategy
    from wfo.strategy.loading import split_target

    for target in value:
        split_target(target, "--load")
        get_strategy(target)
