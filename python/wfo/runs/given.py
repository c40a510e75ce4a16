"""Grids and schedules that a run was given as values, kept as files that a command can name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wfo.default_grids import DEFAULT, default_grid
from wfo.errors import InputError
from wfo.files.limits import MAP_CELLS
from wfo.grid import Grid, GridText
from wfo.runs.folder import RunFolder
from wfo.strategy import Strategy, is_built_in
from wfo.text import brief
from wfo.windows import Windows

#: Name of a grid that has none.
_UNNAMED = "grid"


def load_grids(
    grid: str | Path | Grid | GridText | None,
    strategies: Sequence[Strategy],
    usual: str,
    map_axes: Sequence[str] | None = None,
) -> tuple[Grid, ...]:
    """Return the grid of every strategy of a run.

    Parameters
    ----------
    grid
        Name or path, or a grid of the first strategy; the others take the values of their own
        parameters from it. None, or ``"default"``, for the first strategy's default grid.
    strategies
        The one that was asked for, and the simpler ones beside it.
    usual
        Name of the grid that stands for the default one of this package's strategies.
    map_axes
        The parameters of the map, of every strategy that has both; by default those that each
        strategy names. One of a file that names none has its first two with several values.

    Raises
    ------
    InputError
        If there is no such grid, it does not cover a strategy, or its name cannot be that of a
        file.
    """
    first = strategies[0]
    found = _load_grids(grid, strategies, usual)
    if map_axes is not None:
        # An error of the strategy that was asked for, and none of a simpler one.
        first.with_map(map_axes)
        return tuple(
            g.with_map(map_axes) if set(map_axes) <= set(g.strategy.names) else g for g in found
        )
    return tuple(map(_with_default_map, found))


def _with_default_map(grid: Grid) -> Grid:
    """Return a grid whose strategy is of a file and names no map with the first map that it has."""
    strategy = grid.strategy
    own = strategy.source is not None or strategy.program is not None
    if strategy.map_axes is not None or not own:
        return grid
    wide = [name for name, axis in grid.values.items() if len(axis) > 1]
    across, up = (*wide[:2], "", "")[:2]
    if not up or len(grid.values[across]) * len(grid.values[up]) > MAP_CELLS:
        return grid
    return grid.with_map((across, up))


def _load_grids(
    grid: str | Path | Grid | GridText | None, strategies: Sequence[Strategy], usual: str
) -> tuple[Grid, ...]:
    first = strategies[0]
    if grid is None or grid == DEFAULT:
        grid = usual if is_built_in(first) else default_grid(first)
    if not isinstance(grid, Grid):
        text = grid if isinstance(grid, GridText) else GridText.read(grid)
        if text is grid:
            _check_name("grid", text.name)
        return (text.of(first), *(text.of(each, part=True) for each in strategies[1:]))
    name = grid.name or _UNNAMED
    _check_name("grid", name)
    # A grid is complete; one of another strategy is not filled up with defaults of this one.
    first.check_names(grid.values)
    own = grid.filled if grid.strategy == first else {}
    values = {n: axis for n, axis in grid.values.items() if n not in own}
    found = [Grid(values, strategy=first, name=name)]
    for strategy in strategies[1:]:
        missing = [n for n in strategy.names if n not in grid.values]
        if missing:
            raise InputError(
                f"{strategy.name} runs too, and the grid has no values of {', '.join(missing)};"
                " expand=False leaves it out"
            )
        values = {n: grid.values[n] for n in strategy.names}
        found.append(Grid(values, strategy=strategy, name=name))
    return tuple(found)


def grid_given(grid: object, strategy: Strategy) -> str | Path | Grid | GridText | None:
    """Return a grid as a call from Python gives it; the values of one are made one.

    Raises
    ------
    InputError
        If it is none, or of values none of the strategy.
    """
    if isinstance(grid, Mapping):
        return Grid(grid, strategy=strategy)
    if not isinstance(grid, str | Path | Grid | GridText | None):
        raise InputError(
            f"grid = {brief(grid)} is no grid; give its values, such as {{'length': [5, 10]}}, a"
            " wfo.Grid, or a name or file"
        )
    return grid


def load_windows(windows: str | Path | Windows) -> Windows:
    """Return the schedule of a run.

    Raises
    ------
    InputError
        If there is no such schedule, or its name cannot be that of a file.
    """
    if not isinstance(windows, Windows):
        return Windows.load(windows)
    _check_name("schedule", windows.name)
    return windows


def check_given(grid: str | Path | Grid | GridText | None, windows: str | Path | Windows) -> None:
    """Raise where a grid and a schedule that were given as values would be one file.

    Raises
    ------
    InputError
        If they have the same name.
    """
    if isinstance(grid, Grid | GridText) and isinstance(windows, Windows):
        name = grid.name or _UNNAMED
        if name == windows.name and not _is_preset(windows):
            raise InputError(
                f"the grid and the schedule are both called {name!r}, and are kept in files of"
                " that name; call one of them otherwise"
            )


def strategy_word(strategy: Strategy) -> str:
    """Return what a command line says for a strategy: its name, or its file and its name there."""
    return strategy.name if strategy.source is None else strategy.source.target


def grid_word(grid: str | Path | Grid | GridText | None, folder: RunFolder) -> str | None:
    """Return what a command line says for a grid: its name or path, or that of its file.

    None where it says nothing, of a strategy's default grid.
    """
    if grid is None:
        return None
    if isinstance(grid, Grid | GridText):
        return str(folder.given / f"{grid.name or _UNNAMED}.yaml")
    return str(grid)


def windows_word(windows: str | Path | Windows, folder: RunFolder) -> str:
    """Return what a command line says for a schedule: its name or path, or that of its file."""
    if not isinstance(windows, Windows):
        return str(windows)
    if _is_preset(windows):
        return windows.name
    return str(folder.given / f"{windows.name}.yaml")


def given_files(
    grid: str | Path | Grid | GridText | None,
    grids: Sequence[Grid],
    windows: str | Path | Windows,
    schedule: Windows,
    folder: RunFolder,
) -> dict[Path, str]:
    """Return the files that stand for what was given as values, and their texts.

    Those that a command line has named are written again, lest they move to the history with an
    earlier run.
    """
    files: dict[Path, str] = {}
    for word, content in (
        (grid_word(grid, folder), {g.strategy.name: _plain(g) for g in grids}),
        (windows_word(windows, folder), _schedule(schedule)),
    ):
        path = Path(word or "")
        if path.suffix and path.absolute().parent == folder.given.absolute():
            files[path] = _yaml(content)
    return files


def _check_name(what: str, name: str) -> None:
    """Raise unless files can be called like that."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InputError(
            f"a {what} of a run cannot be called {name!r}: it names files, so letters, digits and"
            " . _ - only"
        )


def _is_preset(windows: Windows) -> bool:
    try:
        return Windows.preset(windows.name) == windows
    except InputError:
        return False


def _plain(grid: Grid) -> dict[str, Any]:
    return {name: list(axis) for name, axis in grid.values.items()}


def _schedule(windows: Windows) -> dict[str, Any]:
    """Return a schedule as `Windows.load` reads it; its name is that of the file."""
    return {key: value for key, value in windows.to_dict().items() if key != "name"}


def _yaml(content: dict[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
    return text
