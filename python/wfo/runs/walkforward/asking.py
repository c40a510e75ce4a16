"""Which options of a walk-forward go together, in the names of whoever is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: Options by what they exclude. A matrix has lengths of its own, and so has a file of windows; a
#: file of a space says what is searched, how, and on which account.
_EXCLUDED: Mapping[str, tuple[str, ...]] = {
    "matrix": ("in_sample", "out_of_sample", "step", "windows"),
    "windows": ("in_sample", "out_of_sample", "step", "purge", "anchored"),
    "space": (
        "strategy",
        "grid",
        "by",
        "gates",
        "min_trades",
        "symbol2",
        "allow_gaps",
        "settings",
    ),
}


def mistake(given: Mapping[str, object], said: Callable[[str], str]) -> str:
    """Say what of the options does not go together; empty where all do.

    Parameters
    ----------
    given
        Options by their names in `wfo.run_walk_forward`; None is not given.
    said
        Returns what an option is called where the message is read.
    """
    there = {name for name, value in given.items() if value is not None}
    for name, others in _EXCLUDED.items():
        clash = [other for other in others if other in there]
        if name in there and clash:
            return f"{said(clash[0])} does not go with {said(name)}, {_WHY[name]}"
    if "space" not in there:
        for name in ("symbol", "strategy"):
            if name not in there:
                return f"{said(name)} is missing"
    if not {"matrix", "windows"} & there:
        for name in ("in_sample", "out_of_sample"):
            if name not in there:
                return (
                    f"{said(name)} is missing: how long sets are chosen on, such as 3y, and how"
                    f" long they then trade, such as 6m; {said('windows')} and {said('matrix')} say"
                    " it too"
                )
    return ""


_WHY = {
    "matrix": "which has lengths of its own",
    "windows": "which says all lengths",
    "space": "a file that says what is searched, and how",
}
