"""A search as a call from Python, with the options of its command."""

from __future__ import annotations

import datetime as dt
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wfo.arguments import (
    file_path,
    finite_number,
    instance,
    items,
    one_of,
    progress_of,
    text,
    whole_number,
)
from wfo.data import DataStore
from wfo.data.years import checked_bars_per_year
from wfo.errors import InputError
from wfo.progress import Progress
from wfo.runs.machine import Machine
from wfo.runs.optimizing.carrying import Asked, carry_out, look
from wfo.runs.optimizing.reporting import read_report
from wfo.search.objective import Guardrails, Limits
from wfo.search.plan_file import read_plan
from wfo.search.study import study_name
from wfo.strategy import Strategy, StrategyLike, get_strategy, register
from wfo.text import brief

if TYPE_CHECKING:
    from wfo.runs.optimizing.report import PlannedSearch, StudyReport

#: Ways to take the limits of a space.
LIMITS = ("none", "lenient", "strict")

#: Bytes of a MiB.
_MIB = 1 << 20


def optimize(
    space: str | Path | Mapping[str, Any],
    *,
    symbols: str | Sequence[str] | None = None,
    timeframe: str | None = None,
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    strategy: StrategyLike | None = None,
    method: str | None = None,
    trials: int | None = None,
    workers: int | None = None,
    study: str | None = None,
    seed: int | None = None,
    top: int | None = None,
    limits: str | None = None,
    guardrails: str | Path | None = None,
    holdout: str | None = None,
    timeout: float | str | None = None,
    memory: int | str | None = None,
    data_dir: str | Path | None = None,
    out: str | Path = "results",
    progress: Progress | None = None,
    bars_per_year: float | None = None,
) -> StudyReport:
    """Search a space that is not swept, of a program, a command or a strategy.

    It is ``wfo optimize``: the same study, the same files, the same page. A search that was stopped
    goes on with the same call or command, and more `trials` add to it. The same seed gives the same
    trials for any number of workers.

    Parameters
    ----------
    space
        A YAML or JSON file that says what is searched, over which parameters and by which
        objective; or the same as a dict, in which names of files begin at the working folder, with
        `study`. What follows takes the place of what it says.
    symbols, timeframe
        Symbols in the store, and the length of their bars.
    start, end
        First and last date of the bars that are used.
    strategy
        What to search: a name from `wfo.strategies`, or a `Strategy` that is registered.
    method
        What proposes points: ``"grid"``, ``"random"``, ``"lhs"``, ``"sobol"``, ``"de"``, ``"ga"``,
        ``"anneal"``, ``"bandit"``, ``"tpe"`` or ``"auto"``.
    trials
        Points to evaluate in all.
    workers
        Processes that evaluate a program, threads of a strategy; results do not depend on it.
        By default one process, and threads for all cores.
    study
        Name of the study, and of its folder; by default that of the file.
    seed
        Makes the random numbers.
    top
        Best trials that are shown, and looked at out-of-sample.
    limits
        ``"strict"`` keeps all limits of the space, ``"lenient"`` lets some be missed, ``"none"``
        has none.
    guardrails
        A file of limits that no search relaxes; they become part of the study.
    holdout
        How much of the end is kept out of everything, such as ``"1y"``.
    timeout, memory
        Of an evaluation of a program: seconds, and MiB of its process; or texts such as ``"10m"``
        and ``"2GB"``.
    data_dir
        Folder of the stored bars; by default ``WFO_DATA_DIR``, else ``data``.
    out
        Folder of all results; the study is in ``optimization/<study>`` below it.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.
    bars_per_year
        What annual figures count in, of every symbol; by default what the space says, else it is
        counted from the bars of each.

    Returns
    -------
    StudyReport
        ``page``, ``table``, ``best`` with figures in- and out-of-sample, and ``obstacle``, which
        says so where no trial has figures.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; if the study is another
        one or in use; or if files cannot be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.optimize("space.yaml", trials=200, workers=2)  # doctest: +SKIP
    >>> print(report.page)  # doctest: +SKIP
    """
    asked = {name: value for name, value in locals().items() if name not in _NO_OPTIONS}
    progress = progress_of(progress)
    plan, kept, store = _planned(space, asked, data_dir, out)
    return carry_out(plan, store, kept, progress=progress, machine=Machine())


#: Arguments that say where, and not what.
_NO_OPTIONS = frozenset({"space", "data_dir", "out", "progress"})


def dry_run(
    space: str | Path | Mapping[str, Any],
    *,
    data_dir: str | Path | None = None,
    out: str | Path = "results",
    **options: Any,
) -> PlannedSearch:
    """Return what `optimize` would do with the same arguments; one point is evaluated.

    Raises
    ------
    WfoError
        As `optimize` does before it begins.
    """
    plan, kept, store = _planned(space, options, data_dir, out)
    return look(plan, store, kept)


def read_study(folder: str | Path) -> StudyReport:
    """Return what a search has found so far, also while another process is at it.

    Parameters
    ----------
    folder
        The study's, such as ``results/optimization/space``.

    Returns
    -------
    StudyReport
        As `optimize` returns it. Out-of-sample figures are there once a search has ended.

    Raises
    ------
    ResultsError
        If there is no study, or a file of it is damaged or of a newer version.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> wfo.read_study("results/optimization/space").best[0].params  # doctest: +SKIP
    """
    return read_report(file_path("folder", folder))


def _planned(
    space: str | Path | Mapping[str, Any],
    given: dict[str, Any],
    data_dir: str | Path | None,
    out: str | Path,
) -> tuple[Any, Asked, DataStore]:
    """Return the plan of a search, where it is kept, and where its bars are."""
    source = space if isinstance(space, Mapping) else file_path("space", space)
    where = file_path("out", out)
    folder = None if data_dir is None else file_path("data_dir", data_dir)
    options = _checked(given)
    limits, guardrails = options.pop("limits", None), options.pop("guardrails", None)
    name = options.pop("study", None)
    if name is None:
        if not isinstance(source, Path):
            raise InputError("study must be given where the space is a dict: it names the study")
        name = source.stem
    plan = read_plan(source, options)
    if limits is not None:
        plan = replace(plan, limits=_of_mode(plan.limits, limits))
    if guardrails is not None:
        plan = replace(plan, guardrails=Guardrails.load(guardrails))
    if isinstance(source, Path):
        command = _command(source, given, folder, where)
    else:
        command = _call(given, folder, where)
    name = study_name(name)
    return plan, Asked(where, name, command), DataStore(folder)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as the file of a search has them."""
    found = {name: value for name, value in given.items() if value is not None}
    for name in ("timeframe", "method", "study", "holdout"):
        if name in found:
            text(name, found[name])
    for name in ("trials", "workers", "seed", "top"):
        if name in found:
            found[name] = whole_number(name, found[name])
    if "symbols" in found:
        symbols = found["symbols"]
        given_symbols = [symbols] if isinstance(symbols, str) else symbols
        found["symbols"] = items("symbols", given_symbols, str, "names of symbols", most=10_001)
    for name in ("start", "end"):
        if name in found:
            instance(name, found[name], (str, dt.date), "a date such as '2020-01-31'")
    if "strategy" in found:
        # Named by the plan, which knows strategies by their names.
        found["strategy"] = register(get_strategy(found["strategy"])).name
    if "limits" in found:
        one_of("limits", found["limits"], LIMITS)
    if "guardrails" in found:
        found["guardrails"] = file_path("guardrails", found["guardrails"])
    if "bars_per_year" in found:
        found["bars_per_year"] = checked_bars_per_year(found["bars_per_year"])
    # Texts are times and sizes as a file has them.
    if "timeout" in found and not isinstance(found["timeout"], str):
        found["timeout"] = finite_number("timeout", found["timeout"])
    if "memory" in found and not isinstance(found["memory"], str):
        found["memory"] = whole_number("memory", found["memory"])
        if not 1 <= found["memory"] < 2**40:
            raise InputError(f"memory = {brief(found['memory'])} must be 1 MiB or more")
        found["memory"] *= _MIB
    return found


def _of_mode(limits: Limits, mode: str) -> Limits:
    """Return limits in another mode; lenient ones may miss as many as before, or as ship."""
    if mode == limits.mode:
        return limits
    allowed = Limits.read(mode, "limits").allowed if mode == "lenient" else 0
    if allowed >= len(limits.rules) > 0:
        raise InputError(
            f"limits = 'lenient' lets {allowed} of {len(limits.rules)} limits be missed, and so"
            " all of them; take strict, or none"
        )
    return replace(limits, mode=cast("Any", mode), allowed=allowed)


def _call(given: dict[str, Any], data_dir: Path | None, out: Path) -> str:
    """Return the call that goes on with a search of a space that is no file."""
    folders = {"data_dir": data_dir, "out": out if out != Path("results") else None}
    words = ["wfo.optimize(space"]
    for name, value in {**given, **folders}.items():
        said = value
        if isinstance(value, Path | dt.date):
            said = str(value)
        elif isinstance(value, Strategy):
            said = value.name
        elif name == "symbols" and value is not None and not isinstance(value, str):
            said = [str(each) for each in value]
        words += [] if value is None else [f"{name}={said!r}"]
    return f"{', '.join(words)})"


def _command(space: Path, given: dict[str, Any], data_dir: Path | None, out: Path) -> str:
    """Return the command that goes on with a search."""
    words = ["wfo", "optimize", str(space)]
    for name, value in {**given, "data_dir": data_dir}.items():
        if value is None:
            continue
        said = value
        if name == "symbols":
            said = value if isinstance(value, str) else ",".join(value)
        elif name == "strategy" and not isinstance(value, str):
            said = value.name
        elif isinstance(value, float) and math.isfinite(value):
            said = f"{value!r}".removesuffix(".0")
        words += [f"--{name.replace('_', '-')}", str(said)]
    if out != Path("results"):
        words += ["--out", str(out)]
    return shlex.join(words)
