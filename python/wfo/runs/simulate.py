"""One parameter set on stored bars: its metrics, trades, equity, files and chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wfo import metrics
from wfo.backtest import simulate as backtest
from wfo.backtest.benchmark import benchmark
from wfo.backtest.figures import STANDARD, Figures, as_stored
from wfo.bars import Prices
from wfo.charts import EquityChart, require_drawable
from wfo.data.frames import PRICES
from wfo.runs.basis import Basis, SimulationPlan, basis_of
from wfo.runs.handover.parameter_set import ParameterSet
from wfo.runs.history_report import HistoryReport
from wfo.runs.history_simulation import simulate_history
from wfo.runs.simulation_files import write_files
from wfo.runs.simulation_report import Claim, PhasesReport, SimulatedSlice, SimulationReport
from wfo.runs.slices import Slice
from wfo.strategy.parameter import methods_of

if TYPE_CHECKING:
    from wfo.data import DataStore

__all__ = ["SimulationPlan", "simulate"]


def simulate(
    plan: SimulationPlan, store: DataStore
) -> SimulationReport | PhasesReport | HistoryReport:
    """Simulate one parameter set, and write the files that were asked for.

    Parameters
    ----------
    plan
        What to do.
    store
        Where the bars are.

    Returns
    -------
    SimulationReport, PhasesReport or HistoryReport
        Of one slice; of a run's set over all phases of the run; of a refined set over the whole
        history.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if a file cannot be
        written.
    """
    for path in plan.plots:
        require_drawable(path)
    if plan.over_history:
        return simulate_history(plan, store)
    basis = basis_of(plan, store)
    slices = tuple(simulated(basis, chosen) for chosen in basis.slices)
    written = write_files(
        plan,
        basis.inputs.bars,
        [(each.chosen, each.simulation) for each in slices],
        [each.chart for each in slices],
        numbered=basis.whole,
    )
    claim = claim_of(basis, slices)
    methods = methods_of(basis.strategy.parameters, basis.params)
    if basis.whole:
        return PhasesReport(
            basis.title,
            basis.inputs.data.symbol,
            basis.params,
            basis.assumed,
            basis.notes,
            slices,
            claim,
            written,
            basis.command,
            methods,
        )
    (only,) = slices
    return SimulationReport(
        only.chart.title,
        basis.inputs.data.symbol,
        basis.params,
        basis.assumed,
        basis.notes,
        only,
        claim,
        written,
        methods,
    )


def simulated(basis: Basis, chosen: Slice) -> SimulatedSlice:
    """Simulate a slice of the bars, and buy-and-hold beside it."""
    import numpy as np

    inputs, year = basis.inputs, basis.year.bars
    bars, days = inputs.bars[: chosen.end], basis.days[: chosen.end]
    simulation = backtest.simulate(
        basis.strategy,
        bars,
        basis.params,
        split=chosen.split,
        warmup=chosen.warmup,
        bars2=None if inputs.second is None else inputs.second[: chosen.end],
        settings=basis.settings,
        engine=basis.engine,
    )
    assert simulation.held is not None  # noqa: S101  # there are prices
    prices = Prices(*(bars[name].cast(float).to_numpy() for name in PRICES))
    at = {"warmup": chosen.warmup, "split": chosen.split}
    long = metrics.bars_long(
        simulation.equity, simulation.trades, prices.close, shorts=basis.strategy.shorts
    )
    shares = (
        float(np.mean(long[first:stop]))
        for first, stop in (
            (chosen.warmup, chosen.split), (chosen.split, chosen.end), (chosen.warmup, chosen.end)
        )
    )  # fmt: skip
    start = chosen.warmup - 1
    held = benchmark(prices, chosen.bounds, basis.settings, year)
    return SimulatedSlice(
        chosen=chosen,
        days=days,
        simulation=simulation,
        parts=metrics.simulation_metrics(simulation, days, **at, bars_per_year=year),
        held=metrics.held_metrics(simulation.held, days, **at, bars_per_year=year, idle=held.idle),
        long=tuple(shares),
        benchmark=held,
        chart=EquityChart(
            f"{basis.title}, {chosen.name}",
            days[start:],
            simulation.equity[start:],
            chosen.split - start,
            simulation.held[start:],
        ),
    )


def claim_of(basis: Basis, slices: Sequence[SimulatedSlice]) -> Claim | None:
    """Return how the figures compare with those that the run has stored; None without a row."""
    import numpy as np

    run, candidate = basis.run, basis.candidate
    if basis.given is not None:
        return _claim_of_file(basis, basis.given, slices)
    if run is None:
        return None
    source = candidate or basis.refined
    named = f"{source.title} of {source.count:,}" if source else None
    where = str(run.folder.path)
    if basis.refined is None:
        where += f", grid {run.grid!r}"
    compared, differences = 0, []
    if candidate is not None and not basis.changed:
        for each in slices:
            own = as_stored(
                Figures(*(np.array([getattr(each.simulation, f.name)], f.dtype) for f in STANDARD))
            )
            for figure, value in zip(STANDARD, own, strict=True):
                column = f"P{each.chosen.number}_{figure.heading}"
                if column not in candidate.stored:
                    continue
                compared += 1
                # In the type of the files, in which equal figures are equal to the last bit.
                there = value.dtype.type(candidate.stored[column])
                if value[0] != there:
                    differences.append(f"{column} is {value[0]:.10g} here, {there:.10g} in the run")
    version = run.manifest.build.get("version", "unknown")
    return Claim(named, where, basis.changed, compared, tuple(differences), version)


def _claim_of_file(basis: Basis, given: ParameterSet, slices: Sequence[SimulatedSlice]) -> Claim:
    """Return how the figures compare with those that a set file states, of the same phases."""
    compared, differences = 0, []
    stated = {p.get("phase"): p for p in given.scores.get("phases", ())}
    for each in slices:
        there = stated.get(each.chosen.number)
        own = phase_scores(each)
        # Of other dates they are of another phase, whatever its number.
        same = there is not None and there.get("out_of_sample") == own["out_of_sample"]
        if basis.changed or there is None or not same:
            continue
        for name, value in own.items():
            if name in there and name not in {"phase", "out_of_sample"}:
                compared += 1
                if there[name] != value:
                    differences.append(
                        f"{name} of phase {each.chosen.number} is {value} here, {there[name]} there"
                    )
    version = str(given.versions.get("wfo", "unknown"))
    where = str(basis.set_file)
    return Claim(given.number, where, basis.changed, compared, tuple(differences), version, "file")


def phase_scores(simulated: SimulatedSlice) -> dict[str, Any]:
    """Return what a set came to in a phase beside buy-and-hold, as a set file states it."""
    part = simulated.parts.out_of_sample
    held = simulated.held.out_of_sample
    return {
        "phase": simulated.chosen.number,
        "out_of_sample": [part.first.isoformat(), part.last.isoformat()],
        "oos_return": simulated.oos_return,
        "oos_drawdown_share": part.max_drawdown_share,
        "oos_trades": simulated.simulation.oos_trades,
        "held_oos_return": simulated.benchmark.oos_return,
        "held_oos_drawdown_share": held.max_drawdown_share,
    }
