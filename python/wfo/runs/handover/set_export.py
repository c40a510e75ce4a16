"""One parameter set of a run, a candidate or a refined one, with its provenance and its scores.

The set is simulated over the phases of the run again, so that what is handed over is what the run
has found, and scores stand beside buy-and-hold's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wfo.arguments import file_path
from wfo.build import build_info
from wfo.data import DataStore
from wfo.errors import InputError, ResultsError
from wfo.runs.analysis.phases import RunPhases
from wfo.runs.analysis.refined import RefinedSet, RefinedSets
from wfo.runs.basis import Basis, SimulationPlan, basis_of
from wfo.runs.candidates import Candidate
from wfo.runs.folder import RunFolder
from wfo.runs.handover.held_out import KEY, HeldOut
from wfo.runs.handover.parameter_set import ParameterSet
from wfo.runs.history_simulation import simulate_history
from wfo.runs.holdout.spendings import symbols_of
from wfo.runs.holdout.state import is_kept_back
from wfo.runs.manifest import Manifest
from wfo.runs.refinement.history import History
from wfo.runs.simulate import claim_of, phase_scores, simulated
from wfo.runs.stored import run_benchmarks
from wfo.strategy import get_strategy
from wfo.text import brief
from wfo.tradestation.headings import TEST, report_headings

#: Scores of a candidate, by the columns of its file.
_OF_CANDIDATE = (
    *("Stability_Score", "Phases_Valid", "Total_OOS_PnL", "Total_OOS_Trades"),
    *("Outcome", "Outcome_Size"),
)


_UNFIT = (
    "The set looks back {need:,} bars, further than the warm-up of the run's phases, so that it is"
    " not simulated in them."
)


def export_set(
    folder: str | Path,
    *,
    candidate: int | None = None,
    refined: int | None = None,
    strategy: str | None = None,
) -> ParameterSet:
    """Return one parameter set of a run with its provenance, to be written or simulated.

    Parameters
    ----------
    folder
        The run's folder.
    candidate
        Which row of the candidates file, 1 being the best.
    refined
        In place of it which row of the combined table of the analysis, 1 being the best.
    strategy
        Whose candidate: by default that of the strategy that was asked for. A refined set must be
        of it.

    Returns
    -------
    ParameterSet
        `wfo.write_set` writes it to a file.

    Raises
    ------
    InputError
        If neither or both are given, or there is no such set.
    ResultsError
        If there is no complete run or no analysis, or the run's figures are not reproduced.
    """
    if (candidate is None) == (refined is None):
        raise InputError("give the number of a candidate, or of a refined set, and not both")
    number = refined if candidate is None else candidate
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**63:
        raise InputError(f"{brief(number)} is no number of a set; they count from 1, the best")
    path = file_path("folder", folder)
    if strategy is not None:
        get_strategy(strategy)
    plan = SimulationPlan(
        run=path, strategy=strategy, row=None if candidate is None else candidate - 1,
        refined=refined,
    )  # fmt: skip
    # The bars are those that the run has kept; the store is not asked.
    store = DataStore(path)
    basis = basis_of(plan, store)
    # A refined set may look back further than any that was searched.
    need = basis.inputs.lookback(basis.strategy)({name: (v,) for name, v in basis.params.items()})
    fits = all(need <= chosen.warmup for chosen in basis.slices)
    slices = tuple(simulated(basis, chosen) for chosen in basis.slices if fits)
    claim = claim_of(basis, slices)
    over_history = None
    if refined is not None:
        over_history = simulate_history(plan, store)
    for obstacle in (claim and claim.obstacle, over_history and over_history.obstacle):
        if obstacle is not None:
            raise ResultsError(obstacle)
    assert basis.run is not None  # noqa: S101  # it is of one
    run = RunFolder(path)
    manifest = basis.run.manifest
    # What a name has that is no text, no text file can have.
    named = path.resolve().name.encode("utf-8", "replace").decode("utf-8")
    origin: dict[str, Any] = {"run": manifest.fingerprint, "folder": named}
    history: Mapping[str, Any] = {}
    phases = [phase_scores(each) for each in slices]
    if basis.candidate is not None:
        own, scores = _of_candidate(basis.candidate, phases)
    else:
        assert basis.refined is not None and over_history is not None  # noqa: S101, PT018
        own, scores, history = _of_refined(run, basis.refined, phases)
        inputs = report_headings(basis.strategy)[: len(basis.strategy.names)]
        columns = over_history.columns.items()
        scores["report"] = {n: v for n, v in columns if n not in {*inputs, TEST}}
    data2 = manifest.data2 if basis.strategy.dual_symbol else None
    build = build_info()
    return ParameterSet(
        basis.strategy,
        basis.params,
        symbol=manifest.symbol,
        symbol2=None if data2 is None else data2.symbol,
        timeframe=manifest.timeframe,
        settings=basis.settings,
        bars_per_year=basis.year.given,
        origin=origin | own,
        data=manifest.data,
        data2=data2,
        windows=_windows(run, manifest, basis.inputs.warmup(manifest.load_grids())),
        history=history,
        scores={**scores, "phases": phases},
        versions={"wfo": build["version"], "commit": build["commit"]},
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        notes=(
            *_notes(basis, manifest, run.searched(manifest)),
            *([] if fits else [_UNFIT.format(need=need)]),
        ),
    )


def _windows(folder: RunFolder, manifest: Manifest, warmup: int) -> dict[str, Any]:
    """Return the schedule, the warm-up that it was laid with, and the dates that it came to.

    Bars that the run holds out are stated as long as nothing may look at them.
    """
    phases, held = manifest.phases, {}
    if manifest.holdout is not None and is_kept_back(folder, manifest):
        held = {KEY: HeldOut(symbols_of(manifest), *manifest.holdout.dates).to_dict()}
    return held | {
        "name": phases.name,
        "as_of": phases.as_of.isoformat(),
        "schedule": dict(manifest.windows),
        "warmup": warmup,
        "phases": [
            {
                "phase": p.number,
                "in_sample": [d.isoformat() for d in p.in_sample],
                "out_of_sample": [d.isoformat() for d in p.out_of_sample],
            }
            for p in phases
        ],
    }


def _of_candidate(
    candidate: Candidate, phases: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return origin and scores of a candidate; each phase learns whether it is valid there."""
    stated = candidate.scores
    for phase in phases:
        column = f"P{phase['phase']}_OOS_Rank"
        if column in stated:
            phase["valid"] = stated[column] is not None
    scores = {name.lower(): stated[name] for name in _OF_CANDIDATE if name in stated}
    return {"candidate": candidate.row + 1, "of": candidate.count}, scores


def _of_refined(
    folder: RunFolder, refined: RefinedSet, phases: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return origin, scores and history of a refined set; each phase learns if it is valid."""
    sets = RefinedSets.of(folder)
    history = History.of(folder)
    manifest = history.manifest
    judged = RunPhases(history, run_benchmarks(folder, manifest), manifest.gates, threads=1)
    (found,) = judged.of(refined.strategy, [refined.params]) if phases else [()]
    valid = {each.number: each.valid for each in found}
    for phase in phases:
        if phase["phase"] in valid:
            phase["valid"] = valid[phase["phase"]]
    first, last = history.span(sets.warmup)
    held = history.held(sets.warmup).figures
    origin = {
        "refined": refined.number,
        "of": refined.count,
        "plateau": refined.rank,
        "part": refined.part,
        "report": refined.file,
        "test": refined.test,
        "source": refined.source,
        "members": refined.members,
    }
    scores = {
        "figures": dict(refined.figures),
        "buy_and_hold": {name: v for name, v in held.items() if v is not None},
    }
    span = {"first": first.isoformat(), "last": last.isoformat(), "warmup": sets.warmup}
    return origin, scores, span


def _notes(basis: Basis, manifest: Manifest, trials: int) -> tuple[str, ...]:
    """Return what the figures of a set do not say by themselves."""
    found = []
    if basis.refined is not None:
        found.append(
            "The whole history is in-sample for the figures of a refined set: the plateaus were"
            f" found on it, and the best of {basis.refined.count:,} is lucky."
        )
    elif basis.candidate is not None:
        found.append(
            "Candidates are ordered by what they came to out-of-sample, so that those figures were"
            f" chosen by: the best of {basis.candidate.count:,} is lucky."
        )
    found.append(
        f"{trials:,} combinations were ever searched on {manifest.symbol}; expect less than these"
        " figures."
    )
    found.append(
        "Out-of-sample parts of phases may overlap, so that sums over phases may count bars more"
        " than once."
    )
    if not basis.settings.slip and not basis.settings.fee:
        found.append("No costs were assumed: real fills cost something.")
    return tuple(found)
