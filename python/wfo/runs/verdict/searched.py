"""What is known of a run as soon as it is complete, for the first lines of its page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wfo.data.timeframes import is_intraday
from wfo.runs.finalists import finalists, is_peak
from wfo.runs.found import Facts as Counted
from wfo.runs.found import Findings, candidate_columns
from wfo.runs.holdout.evaluating import finalists_changed
from wfo.runs.holdout.state import holdout_state
from wfo.runs.manifest import Reader
from wfo.runs.permuting.record import read_tests, record_paths
from wfo.runs.stage_alone.stated import stated_results
from wfo.runs.verdict.chance import chance_of
from wfo.runs.verdict.facts import MAY_BE_UNKNOWN, NOT_COMPUTED, Chance, Facts, GateCount, HoldOut

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.holdout.spent import SeenBy
    from wfo.runs.manifest import Manifest


def facts_of_findings(report: Findings, tests: tuple[Chance, ...] | None = None) -> Facts:
    """Return what a run has found, with its permutation tests and its hold-out where they are.

    Statistics of its search are not known; `wfo.runs.verdict` collects them.

    Parameters
    ----------
    report
        What the run found.
    tests
        Its permutation tests; by default those that are recorded.

    Raises
    ------
    ResultsError
        If the record of a permutation test or of a hold-out is damaged.
    """
    manifest, items = report.manifest, report.strategies
    gates = manifest.gates.name
    counts = [(gates, item.scores.stable, item.scores.min_phases) for item in items]
    counts += [
        (o.counts.gates.name, o.counts.stable, o.counts.min_phases)
        for item in items
        for o in item.others
    ]
    kept = [len(item.scores.candidates) for item in items]
    idle = sum(item.facts.idle * n for item, n in zip(items, kept, strict=True))
    return Facts(
        folder=str(report.folder.path),
        symbol=manifest.symbol,
        combinations=sum(len(item.grid) for item in items),
        gates=gate_counts(counts),
        phases=len(report.phases),
        candidates=sum(kept),
        beaten=sum(item.facts.beaten for item in items),
        idle=idle / sum(kept) if sum(kept) else 0.0,
        costs=fills_cost(manifest),
        trials=report.trials,
        tests=chances_of(report.folder, manifest) if tests is None else tests,
        hold_out=hold_out_of(report.folder, manifest),
        unknown=dict.fromkeys(set(MAY_BE_UNKNOWN) - {"trials"}, NOT_COMPUTED),
    )


def facts_of_run(
    folder: RunFolder,
    manifest: Manifest,
    tests: tuple[Chance, ...] | None = None,
    *,
    version: str | None = None,
) -> Facts:
    """Return the same of a run that is complete, from its folder.

    Parameters
    ----------
    folder, manifest
        The run.
    tests
        Its permutation tests; by default those that are recorded.
    version
        Of what computes; by default this package's.

    Raises
    ------
    ResultsError
        If what the run states, its candidates or a record is damaged.
    """
    found = stated_results(folder, manifest)
    phases, ruling = len(manifest.phases), manifest.gates.name
    own: list[tuple[str, int, int]] = []
    others: list[tuple[str, int, int]] = []
    kept, beaten, idle = 0, 0, 0.0
    for each in found:
        where = f"{each.name} in {folder.manifest}"
        item = Reader(each.item, where)
        least = item.take("min_phases", int)
        own.append((ruling, item.take("stable", int), least))
        for name, data in item.take("sets", dict).items():
            if name != ruling:
                counts = Reader(data, f"{name!r} of {where}")
                others.append((name, counts.take("stable", int), counts.take("min_phases", int)))
        frame = each.candidates(manifest.sums, candidate_columns(phases))
        counted = Counted.of_candidates(frame, manifest.benchmarks or (), phases, least)
        kept += len(frame)
        beaten += counted.beaten
        idle += counted.idle * len(frame)
    return Facts(
        folder=str(folder.path),
        symbol=manifest.symbol,
        combinations=sum(len(each.grid) for each in found),
        gates=gate_counts([*own, *others]),
        phases=phases,
        candidates=kept,
        beaten=beaten,
        idle=idle / kept if kept else 0.0,
        costs=fills_cost(manifest),
        trials=folder.searched(manifest),
        tests=chances_of(folder, manifest, version) if tests is None else tests,
        hold_out=hold_out_of(folder, manifest),
        unknown=dict.fromkeys(set(MAY_BE_UNKNOWN) - {"trials"}, NOT_COMPUTED),
    )


def gate_counts(counts: Iterable[tuple[str, int, int]]) -> tuple[GateCount, ...]:
    """Add up stable combinations over strategies, in the order in which gates are first named.

    Parameters
    ----------
    counts
        Of each strategy and set of gates the name of the set, stable combinations, and phases in
        which these are valid.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for name, stable, least in counts:
        found.setdefault(name, []).append((stable, least))
    made = []
    for name, each in found.items():
        leasts = [least for _, least in each]
        lowest = min(leasts) if min(leasts) < max(leasts) else 0
        made.append(GateCount(name, sum(n for n, _ in each), max(leasts), lowest))
    return tuple(made)


def fills_cost(manifest: Manifest) -> bool:
    """Whether fills of a run cost anything."""
    settings = manifest.settings
    return bool(float(settings["slip"]) or float(settings["fee"]))


def chances_of(
    folder: RunFolder, manifest: Manifest, version: str | None = None
) -> tuple[Chance, ...]:
    """Return what the permutation tests of a run say, those of bars first.

    Parameters
    ----------
    folder, manifest, version
        As in `facts_of_run`.

    Raises
    ------
    WfoError
        If the record of one is damaged, or there is one and a strategy of the run is not known.
    """
    if not record_paths(folder):
        # Without records it does not matter whether the strategies are known here.
        return ()
    sessions = is_intraday(manifest.data.timeframe)
    return tuple(
        chance_of(test, manifest.gates.name, sessions=sessions)
        for test in read_tests(folder, manifest, version=version)
    )


def hold_out_of(folder: RunFolder, manifest: Manifest) -> HoldOut:
    """Return what is known of the bars that a run has kept back.

    Raises
    ------
    ResultsError
        If what was recorded of a hold-out, or what says which sets are finalists, is damaged.
    """
    state = holdout_state(folder, manifest)
    if state.record is None:
        return HoldOut()
    first, last = state.record.dates
    dates = first.isoformat(), last.isoformat()
    spent, seen = state.spent, state.seen_by
    if spent is not None:
        seen = spent.seen_by
        return HoldOut(
            "spent",
            *dates,
            seen=_seen(seen),
            at=spent.at[:10],
            finalists=len(spent.finalists),
            beating=sum(map(spent.beats, spent.finalists)),
            best_return=_first([each.figures.total_return for each in spent.finalists]),
            held_return=_first([spent.held.total_return]),
            changed=finalists_changed(spent, finalists(folder, manifest)),
            peaks=any(is_peak(each.origin) for each in spent.finalists),
        )
    if state.others:
        return HoldOut("refused", *dates, seen=_seen(seen), at=state.others[0].at[:10])
    return HoldOut("kept", *dates, seen=_seen(seen))


def _seen(found: SeenBy) -> int | None:
    """Return the combinations that reached into a hold-out; None where that is not known."""
    return found.combinations if found.searches or not found.unknown else None


def _first(values: list[float | None]) -> float:
    return values[0] if values and values[0] is not None else float("nan")
