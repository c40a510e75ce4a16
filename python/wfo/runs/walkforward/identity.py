"""What makes two walk-forwards, and two decisions, the same: plain values, and their hashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wfo.data import fingerprint as bars_fingerprint
from wfo.runs.identity import fingerprint, kernel_digest

if TYPE_CHECKING:
    import polars as pl

    from wfo.grid import Grid
    from wfo.windows import WalkWindow

#: Version of the layout of a walk-forward's folder, and of what a decision follows from.
LAYOUT = 1


def grid_identity(grid: Grid) -> dict[str, Any]:
    """Return what a grid is, and by what it is computed."""
    digest = kernel_digest(grid.strategy)
    return grid.to_dict() | ({} if digest is None else {"kernel": digest})


def walk_fingerprint(identity: Mapping[str, Any]) -> str:
    """Return what a walk-forward is, hashed."""
    return fingerprint({"walkforward": dict(identity)})


def decision_keys(
    choice: Mapping[str, Any], bars: pl.DataFrame, second: pl.DataFrame | None
) -> Callable[[WalkWindow], str]:
    """Return a function that hashes what the decision of a window follows from.

    That is how sets are chosen, and the bars before the window's `train_end`, those of the warm-up
    included; neither its number nor any later bar.

    Parameters
    ----------
    choice
        How sets are chosen, as plain values: grid, settings, criterion, version.
    bars, second
        The bars, and those of the second symbol on the same stamps.
    """
    frames = [bars] if second is None else [bars, second]
    prints: dict[int, list[str]] = {}

    def key(window: WalkWindow) -> str:
        end = window.train_end
        if end not in prints:
            prints[end] = [bars_fingerprint(frame[:end]) for frame in frames]
        parts = {"choice": dict(choice), "bars": prints[end], "first": window.first}
        return fingerprint(parts)

    return key
