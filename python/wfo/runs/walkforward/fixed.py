"""The best outcome of a run on the same bars, as a set that a walk-forward is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.errors import InputError, WfoError
from wfo.files import is_there
from wfo.runs.candidates import Run
from wfo.runs.folder import RunFolder
from wfo.text import one_line

if TYPE_CHECKING:
    from wfo.runs.inputs import Inputs
    from wfo.runs.walkforward.plan import WalkPlan
    from wfo.walkforward.values import Params


def run_set(
    plan: WalkPlan, strategy: str, inputs: Inputs, before: int
) -> tuple[tuple[str, Params] | None, str]:
    """Return the best outcome of the run that lies where one of these bars does.

    Parameters
    ----------
    plan
        Which bars, and below which folder.
    strategy
        Name of the strategy.
    inputs, before
        The bars, and how many of them lie before the first one that is traded; a set that looks
        back further cannot be simulated.

    Returns
    -------
    set, note
        What the set is called, with its values; None where there is no run, or it cannot be used.
        Then the note says why; else it is empty.
    """
    folder = RunFolder.of(plan.results, plan.symbol, plan.symbol2, plan.timeframe)
    try:
        if not is_there(folder.manifest):
            return None, ""
        run = Run.of(folder, strategy)
        _check_bars(run, plan)
        best = run.candidate(0)
        need = inputs.lookback(run.strategy)(
            {name: (value,) for name, value in best.params.items()}
        )
        if need > before:
            raise InputError(
                f"its best outcome looks back {need:,} bars, and {before:,} come before the first"
                " one that is traded"
            )
    except (WfoError, OSError) as error:
        return None, f"The run in {one_line(folder.path)} is not compared with: {one_line(error)}."
    label = f"best outcome of the run in {one_line(folder.path)}, which has seen its windows"
    return (label, best.params), ""


def _check_bars(run: Run, plan: WalkPlan) -> None:
    """Raise an `InputError` unless a run is of the bars that a plan names."""
    manifest = run.manifest
    there = (manifest.symbol, manifest.timeframe)
    if there != (plan.symbol, plan.timeframe):
        raise InputError(f"it is of {one_line(there[0])}, {there[1]} bars")
