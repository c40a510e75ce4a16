"""A walk-forward in its folder, opened for a test, and the test as one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest import read_feeds, thread_count
from wfo.errors import InputError, ResultsError
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.runs.identity import fingerprint, kernel_digest
from wfo.runs.machine import core_version
from wfo.runs.permuting.testing import RUNS
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.manifest import read_found, read_record, read_table
from wfo.runs.walkforward.permuting.record import Basis
from wfo.runs.walkforward.permuting.testing import permute_walk_forward
from wfo.runs.walkforward.permuting.walked import Walked
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.strategy.record import require_code
from wfo.strategy.registry import knows
from wfo.walkforward.choosing import GridChooser
from wfo.walkforward.history import History

if TYPE_CHECKING:
    import polars as pl

    from wfo.runs.walkforward.permuting.report import WalkPermutationReport
    from wfo.walkforward.components import Chooser


def permute_folder(
    path: Path,
    *,
    runs: int = RUNS,
    block: int = 0,
    threads: int | None = None,
    command: str = "wfo permutation-test",
    progress: Progress | None = None,
) -> WalkPermutationReport:
    """Walk forward again on permuted bars, and record that in the folder of the walk-forward.

    Parameters
    ----------
    path
        The folder.
    runs, block, progress
        As of `permute_walk_forward`.
    threads
        By default one for each core; results do not depend on it.
    command
        How it was called, for a process that wants the folder meanwhile.

    Raises
    ------
    WfoError
        If there is no complete walk-forward of a grid, a file of it is damaged, or the test cannot
        be carried out.
    """
    folder = WalkFolder(path)
    # Before anything is held or made: there may be no such folder.
    read_record(folder)
    with folder.hold(command):
        walked = open_walk(folder, thread_count(threads))
        return permute_walk_forward(walked, runs=runs, block=block, progress=progress)


def open_walk(folder: WalkFolder, threads: int) -> Walked:
    """Return a walk-forward with its bars and with what chooses.

    Raises
    ------
    WfoError
        If it is a matrix or one of studies, its strategy is not there any more or another one, or a
        file is damaged.
    """
    data, found = read_record(folder), read_found(folder)
    identity, walk = data["identity"], found.walk
    if found.program is not None:
        raise InputError(
            f"{folder.path} is a walk-forward of a program, which has no backtest to permute bars"
            " for; the permutation test takes one of a strategy and a grid"
        )
    if walk is None:
        raise InputError(
            f"{folder.path} is a matrix of walk-forwards; one of its cells is tested after 'wfo"
            " walkforward' with --in, --out and --from of that cell"
        )
    if identity["grid"] is None:
        raise InputError(
            f"{folder.path} is a walk-forward whose windows each had a study of their own, which"
            " the permutation test does not do again; it takes one of a grid"
        )
    grid = _grid(folder, identity["grid"], data["command"])
    strategy = grid.strategy
    settings = _settings(folder, strategy.settings, identity["settings"])
    frames = [_bars(folder, path, data) for path in _paths(folder, identity)]
    feeds = read_feeds(strategy, frames[0], frames[1] if strategy.dual_symbol else None)
    if walk.windows.traded[1] > feeds.bars:
        raise ResultsError(f"{folder.bars} has fewer bars than the windows of its walk-forward")
    gates = None if identity["gates"] is None else Gates.from_dict(identity["gates"])
    by, min_trades = identity["by"], identity["min_trades"]

    def chooser(on: History) -> Chooser:
        return GridChooser(on, grid, by, gates=gates, min_trades=min_trades)

    sums = {path.name: data["sums"][path.name]["sha256"] for path in _paths(folder, identity)}
    return Walked(
        folder=folder.path,
        symbols=tuple(identity["symbols"]),
        timeframe=identity["timeframe"],
        grid=grid.name or "grid",
        by=by,
        history=History(
            strategy, feeds, settings, walk.bars_per_year, threads, year_given=_is_given(identity)
        ),
        windows=walk.windows,
        chooser=chooser,
        combinations=len(grid),
        basis=Basis(core_version(), data["fingerprint"], fingerprint(sums)),
        total_return=walk.stitched.metrics.total_return,
        sharpe=walk.stitched.metrics.sharpe,
        command=data["command"],
    )


def _is_given(identity: Mapping[str, Any]) -> bool:
    """Whether the bars of a year were given; an earlier version has counted them always."""
    return identity.get("bars_per_year_given") is not None


def _grid(folder: WalkFolder, stated: Mapping[str, Any], command: str) -> Grid:
    """Return the grid that was searched, if what computes it is as it was."""
    if not knows(stated["strategy"]):
        raise InputError(
            f"{folder.path} has searched {stated['strategy']}, and no strategy of that name is"
            " known here: install the package that has it, or give it to wfo.register"
        )
    grid = Grid.from_dict(stated)
    require_code(grid.strategy)
    if kernel_digest(grid.strategy) != stated.get("kernel"):
        raise ResultsError(
            f"{folder.path} was computed by another kernel of {grid.strategy.name} than the one"
            f" that is here; make it anew: {command}"
        )
    return grid


def _settings(
    folder: WalkFolder, kind: type[AccountSettings], stated: Mapping[str, Any]
) -> AccountSettings:
    try:
        return kind(**stated)
    except TypeError as error:
        raise ResultsError(f"{folder.record}: its settings cannot be used: {error}") from error


def _paths(folder: WalkFolder, identity: Mapping[str, Any]) -> list[Path]:
    """Return the files of the bars, one a symbol."""
    return [folder.bars, folder.bars2][: len(identity["symbols"])]


def _bars(folder: WalkFolder, path: Path, data: Mapping[str, Any]) -> pl.DataFrame:
    try:
        return read_table(folder, path, data["sums"])
    except ResultsError as error:
        raise ResultsError(f"{folder.record}: {error}; make it anew: {data['command']}") from error
