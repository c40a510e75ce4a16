"""What a study is: the parts that decide its trials, and the record that its database has."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.data.years import Year
from wfo.files import file_digest
from wfo.files.schema import ShortText, require
from wfo.runs.identity import fingerprint
from wfo.runs.machine import Machine
from wfo.runs.shapes import YearShape
from wfo.search.study import StudyRecord

if TYPE_CHECKING:
    from wfo.runs.optimizing.preparing import Prepared
    from wfo.search.plan import SearchPlan

#: Packages whose versions a record has.
_PACKAGES = ("numpy", "polars", "scipy", "optuna")

#: Seconds that git may take.
_GIT_SECONDS = 10


def identity_of(prepared: Prepared, version: str) -> dict[str, Any]:
    """Return all that decides which trials a study has and what their figures are, by part.

    What is left out decides neither: how many trials there are to be, how many workers, what
    time and memory an evaluation may take, and what is shown.
    """
    plan = prepared.plan
    plain = plan.to_dict()
    return {
        "wfo": version,
        plan.kind: {"target": plain["target"], "digest": target_digest(plan)},
        "space": plain["space"],
        "objective": plain["objective"],
        "limits": plain["limits"],
        "guardrails": None if plan.guardrails is None else plan.guardrails.digest,
        "aggregate": plan.aggregate,
        "symbols": list(plan.symbols),
        "timeframe": plan.timeframe,
        "bars": dict(prepared.bars.fingerprints),
        "windows": [window.to_dict() for window in prepared.windows.windows],
        "holdout": plan.holdout,
        "settings": plain["settings"],
        **_years(prepared),
        "method": {"name": plan.method, **plan.method_options},
        "stalled": plain["stalled"],
        "seed": plan.seed,
        "batch": plan.batch,
        "prune": plan.prune,
        "block": plan.block,
        "patience": prepared.patience.to_dict(),
    }


def _years(prepared: Prepared) -> dict[str, Any]:
    """Return the bars of a year by symbol; nothing without bars."""
    found = {symbol: year.to_dict() for symbol, year in prepared.years.items()}
    return {"bars_per_year": found} if found else {}


def years_of(record: StudyRecord) -> dict[str, Year]:
    """Return what annual figures of a study count in, by symbol.

    It is empty without bars, and where an earlier version has not said.

    Raises
    ------
    ResultsError
        If the study says something else.
    """
    stated = record.identity.get("bars_per_year", {})
    require(stated, dict[ShortText, YearShape], "the study", key="bars_per_year")
    return {symbol: Year.from_dict(each) for symbol, each in stated.items()}


def target_digest(plan: SearchPlan) -> str:
    """Return the SHA-256 of the file of a program or command; empty where there is none to find.

    Files that it imports are not looked at. A module is looked for beside the file of the search,
    without importing anything.
    """
    folder = plan.folder
    if plan.kind == "strategy":
        from wfo.runs.identity import kernel_digest
        from wfo.strategy import get_strategy

        strategy = get_strategy(str(plan.target))
        return kernel_digest(strategy) or str(strategy.definition.get("program", ""))
    if plan.kind == "command":
        # The words of a command may be files too, as that of a script behind its interpreter.
        words = [word for word in plan.target if (folder / word).is_file()]
        found = [_digest(folder / word) for word in words]
        return found[0] if len(found) == 1 else fingerprint(found) if found else ""
    place = str(plan.target).rpartition(":")[0]
    if place.endswith(".py"):
        files = [folder / place]
    else:
        path = folder.joinpath(*place.split("."))
        files = [path.with_suffix(".py"), path / "__init__.py"]
    for file in files:
        if file.is_file():
            return _digest(file)
    return ""


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file that the user names to be run, of a link that of what it is to.

    The interpreter of a virtual environment is a link.
    """
    return file_digest(path.resolve())


def record_of(
    prepared: Prepared, name: str, method: str, reason: str, machine: Machine
) -> StudyRecord:
    """Return the record of a study that begins.

    Parameters
    ----------
    prepared
        What is searched.
    name
        The study's.
    method, reason
        What proposes points, and why ``auto`` has chosen it.
    machine
        The clock, and the version of what computes.
    """
    plan, scoring = prepared.plan, prepared.scoring
    version = machine.version()
    plain = plan.to_dict()
    return StudyRecord(
        name=name,
        created=machine.stamp(),
        identity=identity_of(prepared, version),
        plan=plain,
        space=prepared.space.to_dict(),
        objective=plain["objective"],
        limits=plain["limits"],
        guardrails=plain["guardrails"],
        guardrails_digest="" if plan.guardrails is None else plan.guardrails.digest,
        windows=tuple(window.to_dict() for window in prepared.windows.windows),
        symbols=tuple(plan.symbols),
        fingerprints=dict(prepared.bars.fingerprints),
        versions=versions(version),
        git_commit=commit_of(plan.folder),
        method=method,
        method_reason=reason,
        seed=plan.seed,
        batch=plan.batch,
        budget=plan.trials,
        parameters=prepared.space.names,
        objectives=scoring.objective.objective_names,
        components=scoring.objective.names,
    )


def versions(own: str) -> dict[str, str]:
    """Return the versions of what decides results; Optuna's where it is installed."""
    found = {"wfo": own, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit_of(folder: Path) -> str:
    """Return the commit of the work tree that a folder is in; empty where there is none.

    It ends in ``-dirty`` where files that git follows were changed.
    """
    git = shutil.which("git")
    if git is None:
        return ""
    # No command writes there, and no program that the tree's configuration names is run.
    own = [git, "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder)]
    said = []
    for words in (["rev-parse", "--short=12", "HEAD"], ["diff-index", "--quiet", "HEAD", "--"]):
        try:
            done = subprocess.run(  # noqa: S603  # git itself, of the user's PATH
                [*own, *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=_GIT_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
            return ""
        said.append((done.returncode, done.stdout.strip()))
    (failed, commit), (changed, _) = said
    if failed or not commit.isalnum():
        return ""
    return f"{commit}-dirty" if changed == 1 else commit
