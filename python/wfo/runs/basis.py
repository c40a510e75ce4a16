"""What a simulation is made on, of a run or not: the set, bars, slices and settings."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest.engines import engines_of, require_engine
from wfo.bars import dates as bar_dates
from wfo.data.years import Year, year_of
from wfo.errors import InputError, ResultsError, did_you_mean
from wfo.runs.analysis.refined import RefinedSet, RefinedSets
from wfo.runs.assumed import (
    Assumed,
    assumed_of_bars,
    assumed_of_settings,
    assumed_of_year,
    one_each,
)
from wfo.runs.candidates import Candidate, Run, number_of, read_row
from wfo.runs.folder import RunFolder
from wfo.runs.handover.held_out import HeldOut, kept_back
from wfo.runs.handover.parameter_set import ParameterSet
from wfo.runs.handover.set_file import read_set
from wfo.runs.holdout.spendings import symbols_of
from wfo.runs.holdout.state import is_kept_back
from wfo.runs.inputs import Inputs, check_symbols, load_inputs
from wfo.runs.manifest import BarsRecord, Manifest
from wfo.runs.slices import Slice, phases_of, slice_of, slice_of_split
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy, get_strategy
from wfo.strategy.loading import changed_since
from wfo.strategy.record import loading
from wfo.windows import Phases, Windows

if TYPE_CHECKING:
    from wfo.data import DataStore

#: The engine that has the least to prepare for a single set.
_ENGINE = "direct"


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What a simulation is asked to do.

    Of a run, whatever is not given is the run's own; what is given and differs is obeyed, and said.

    Attributes
    ----------
    symbol, symbol2, timeframe, allow_gaps
        Which stored bars, as in `RunPlan`; daily ones by default. Those of a run are the ones that
        it has kept.
    strategy
        Name; of a run by default the one that was asked for.
    params
        Parameters by name, as numbers or as texts that stand for them; they replace the row's.
    run
        Folder of a run whose candidate, over all phases of the run, is simulated.
    candidates
        A candidates file: of a run, which is as good as its folder, or any other.
    row
        Which row of the candidates, the best one being 0, which is the default.
    refined
        In place of a candidate: which row of the combined table of the run's analysis, the best one
        being 1. Where no windows, phase or split is given, it is simulated over the whole history.
    set_file
        In place of a candidate: a set file. What is not given is the set's own, but the bars of a
        run that is given.
    windows, phase
        A schedule, its name or path, and which of its phases: by default the last, and of a run
        all.
    split
        In place of a phase: the first out-of-sample date, the last bar being the end.
    begin
        First trading date before `split`; by default right after the warm-up.
    as_of
        Date that windows are counted back from; later bars are left out.
    settings
        Capital, costs, sizing: all of them, or by name those that replace the run's or the default
        ones.
    bars_per_year
        What annual figures count in; by default the run's or the set file's, else counted.
    engine
        Name of the engine.
    stored
        Whether bars are to be loaded from the store although the run has kept its own.
    out_trades, out_equity
        Files for all trades, and for the mark at every close.
    plots
        Files for a chart of the equity.
    out
        The folder of all results, which says whether what a set file's run holds out is spent.
    """

    symbol: str | None = None
    strategy: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    symbol2: str | None = None
    timeframe: str | None = None
    allow_gaps: bool = False
    run: Path | None = None
    candidates: Path | None = None
    row: int | None = None
    refined: int | None = None
    set_file: Path | None = None
    windows: str | Windows | None = None
    phase: int | None = None
    split: dt.date | None = None
    begin: dt.date | None = None
    as_of: dt.date | None = None
    settings: AccountSettings | Mapping[str, Any] | None = None
    bars_per_year: float | None = None
    engine: str | None = None
    stored: bool = False
    out_trades: Path | None = None
    out_equity: Path | None = None
    plots: tuple[Path, ...] = ()
    out: Path = Path("results")

    @property
    def over_history(self) -> bool:
        """Whether a refined set is to be simulated over the whole history."""
        others = (self.windows, self.phase, self.split, self.as_of)
        return self.refined is not None and all(each is None for each in others)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a simulation is made on.

    Attributes
    ----------
    strategy, params
        The set.
    inputs
        The bars; the second ones only where the strategy reads them.
    days
        Date of every bar.
    slices
        The slices: one, or all phases of a schedule.
    whole
        Whether they are all phases of a schedule.
    settings, engine
        How every slice is simulated.
    year
        What annual figures count in.
    assumed, notes
        What is assumed, and notes for the page.
    run, candidate
        Where the set comes from; None where it comes from no run.
    changed
        What differs from the run, of a set from a file what differs from the set.
    refined
        The refined set that it is; None if it is none.
    given, set_file
        The set of a file, and the file; None without one.
    """

    strategy: Strategy
    params: Mapping[str, Number]
    inputs: Inputs
    days: list[dt.date]
    slices: tuple[Slice, ...]
    whole: bool
    settings: AccountSettings
    engine: str
    year: Year
    assumed: tuple[Assumed, ...]
    notes: tuple[str, ...]
    run: Run | None = None
    candidate: Candidate | None = None
    changed: tuple[str, ...] = ()
    refined: RefinedSet | None = None
    given: ParameterSet | None = None
    set_file: Path | None = None

    @property
    def command(self) -> str | None:
        """What to type for one of the phases; None where it would not be the same set."""
        if self.run is None or self.changed:
            return None
        words = ["wfo", *loading(self.strategy), "simulate", str(self.run.folder.path)]
        if self.candidate is not None:
            words += ["--candidate", str(self.candidate.row + 1)]
            if self.strategy.name != self.run.manifest.strategy:
                words += ["--strategy", self.strategy.name]
        elif self.refined is not None:
            words += ["--refined", str(self.refined.number)]
        elif self.set_file is not None:
            words += ["--set-file", str(self.set_file)]
        else:
            return None
        return shlex.join([*words, "--phase", str(self.slices[-1].number), "--plot", "terminal"])

    @property
    def title(self) -> str:
        """Symbols, strategy and candidate, refined set or file in a line."""
        data, data2 = self.inputs.data, self.inputs.data2
        symbols = data.symbol
        if data2 is not None and self.inputs.second is not None:
            symbols = f"{data.symbol} with {data2.symbol}"
        words = [f"{symbols} {data.timeframe}", self.strategy.name]
        source = self.candidate or self.refined or self.given
        if source is not None:
            named = source.title if self.set_file is None else f"set file {self.set_file.name}"
            # With other parameters it is that candidate no longer.
            varied = any(self.params[n] != v for n, v in source.params.items())
            words.append(f"{named}, varied" if varied else named)
        return ", ".join(words)


def basis_of(plan: SimulationPlan, store: DataStore) -> Basis:
    """Read and check all that a plan names.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    run = None
    _check_source(plan)
    if plan.set_file is not None:
        return _of_file(plan, plan.set_file, store)
    if plan.run is not None:
        if plan.candidates is not None:
            raise InputError(f"{plan.run} has candidates of its own; leave {plan.candidates} out")
        if plan.refined is not None:
            return _of_refined(plan, plan.run, plan.refined, store)
        run = Run.of(RunFolder(plan.run), plan.strategy)
    elif plan.candidates is not None:
        run = Run.of_file(plan.candidates, plan.strategy)
    return _of_nothing(plan, store) if run is None else _of_run(plan, run, store)


def _check_source(plan: SimulationPlan) -> None:
    """Raise where a set would come from two places, or a refined one from no run."""
    named = {
        "a candidate's row": plan.row,
        "a candidates file": plan.candidates,
        "a refined set": plan.refined,
        "a set file": plan.set_file,
    }
    given = [what for what, value in named.items() if value is not None]
    if len(given) > 1 and given != ["a candidate's row", "a candidates file"]:
        raise InputError(f"{' and '.join(given)} are given; a set comes from one of them")
    if plan.refined is not None and plan.run is None:
        raise InputError("a refined set is one of a run's analysis; the run's folder is missing")


def _of_refined(plan: SimulationPlan, path: Path, number: int, store: DataStore) -> Basis:
    """Return the basis of a refined set over phases, or over a split, on a run's bars."""
    refined = refined_of(RunFolder(path), number, plan.strategy)
    run = Run.of(RunFolder(path), refined.strategy.name)
    basis = _of_run(plan, run, store, refined.params)
    return replace(basis, refined=refined)


def refined_of(folder: RunFolder, number: int, strategy: str | None = None) -> RefinedSet:
    """Return a refined set of a run.

    Parameters
    ----------
    folder, number
        Which one.
    strategy
        The strategy that it must be of, if there is one.

    Raises
    ------
    WfoError
        If there is no such set, or it is of another strategy.
    """
    refined = RefinedSets.of(folder).set(number)
    if strategy not in {None, refined.strategy.name}:
        raise InputError(
            f"{refined.title} of {folder.path} is one of {refined.strategy.name}, not of"
            f" {strategy}; the combined table has the rows of all strategies"
        )
    return refined


def _of_file(plan: SimulationPlan, path: Path, store: DataStore) -> Basis:
    """Return the basis of the set in a file, on the bars of a run or on a store's."""
    given = read_set(path, strategy=plan.strategy)
    strategy = given.strategy
    notes = (*given.warnings, *(f"{path}: {text}" for text in given.assumed))
    own = strategy.settings_of(given.settings)
    held = kept_back(given.windows, plan.out)
    if plan.run is not None:
        run = Run.of(RunFolder(plan.run), strategy.name)
        if held is not None and held.reaches(symbols_of(run.manifest)):
            held.require_before(run.manifest.data.last, path, plan.run)
        basis = _of_run(plan, run, store, given.params, own)
    else:
        kept = _schedule_of(given, path) if plan.split is None and plan.windows is None else None
        whole = replace(
            plan,
            strategy=strategy.name,
            params=dict(given.params) | given_params(plan, strategy),
            symbol=plan.symbol or given.symbol,
            symbol2=plan.symbol2 or given.symbol2,
            timeframe=plan.timeframe or given.timeframe,
            windows=plan.windows if kept is None else kept,
            settings=planned_settings(plan, strategy, own),
            bars_per_year=_year_of_file(plan, given),
        )
        notes += changed_since(strategy, "the set was written", "what the set file states")
        if held is not None and not held.reaches({whole.symbol, whole.symbol2}):
            held = None
        warmup = 0 if kept is None else _warmup_of_file(plan, given)
        if held is None:
            basis = _of_nothing(whole, store, warmup)
        else:
            notes = (*notes, held.left_out(path))
            try:
                basis = _of_nothing(whole, store, warmup, held)
            except InputError as error:
                raise InputError(f"{error}; {held.left_out(path)}") from None
    return replace(
        basis,
        notes=(*notes, *basis.notes),
        given=given,
        set_file=path,
        changed=_differences(given, basis),
    )


def _is_of_its_bars(plan: SimulationPlan, given: ParameterSet) -> bool:
    """Whether a set is to be simulated on bars of the symbol and length that it is for."""
    asked = (plan.symbol or given.symbol, plan.timeframe or given.timeframe)
    return asked == (given.symbol, given.timeframe)


def _year_of_file(plan: SimulationPlan, given: ParameterSet) -> float | None:
    """Return what is given of a year, else what a set says, which other bars than its have not."""
    own = plan.bars_per_year is None and _is_of_its_bars(plan, given)
    return given.bars_per_year if own else plan.bars_per_year


def _warmup_of_file(plan: SimulationPlan, given: ParameterSet) -> int:
    """Return the warm-up that a set's phases were laid with; 0 of other bars, or if not stated."""
    stated = given.windows.get("warmup")
    if not isinstance(stated, int) or isinstance(stated, bool):
        return 0
    return stated if _is_of_its_bars(plan, given) else 0


def _schedule_of(given: ParameterSet, path: Path) -> Windows | None:
    """Return the schedule of a set; None where it states none."""
    stated = given.windows.get("schedule")
    if stated is None:
        return None
    try:
        return Windows.from_dict(stated)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path} has no schedule that can be read: {error!r:.100}") from error


def _differences(given: ParameterSet, basis: Basis) -> tuple[str, ...]:
    """Return what a simulation differs in from the set of a file."""
    found = [
        f"{name} {basis.params[name]:g}, not {value:g}"
        for name, value in given.params.items()
        if basis.params[name] != value
    ]
    if given.settings is not None:
        found += changed_settings(basis.settings, given.settings)
    inputs = basis.inputs
    pairs: list[tuple[BarsRecord | None, BarsRecord | None]] = [(given.data, inputs.data)]
    if inputs.second is not None:
        pairs.append((given.data2, inputs.data2))
    for then, now_ in pairs:
        if then is None or now_ is None:
            continue
        if (now_.fingerprint, now_.rows) != (then.fingerprint, then.rows):
            found.append(
                f"{now_.rows:,} bars of {now_.symbol} {now_.timeframe} from {now_.first} to"
                f" {now_.last}, not the {then.rows:,} of {then.symbol} {then.timeframe} from"
                f" {then.first} to {then.last}"
            )
    if given.edited:
        found.append("the file itself, which is not as it was written: its scores may be of others")
    return tuple(found)


def _of_nothing(
    plan: SimulationPlan, store: DataStore, warmup: int = 0, held: HeldOut | None = None
) -> Basis:
    """Return the basis of a plan that names all that is needed.

    Parameters
    ----------
    plan, store
        What is asked for.
    warmup
        Bars before the first one that a schedule's phases may trade, at least.
    held
        Bars that are left out, since a run holds them out.
    """
    missing = [n for n in ("symbol", "strategy") if getattr(plan, n) is None]
    if missing or plan.symbol is None or plan.strategy is None:
        needed = " and ".join(f"--{n}" for n in missing)
        whose = f"{plan.candidates} is no file that a run lists, so it" if plan.candidates else "it"
        if plan.set_file is not None:
            raise InputError(f"{plan.set_file} does not state the symbol; give it with --symbol")
        raise InputError(f"{whose} takes {needed}; a run's folder says both")
    strategy = get_strategy(plan.strategy)
    own = list(engines_of(strategy))
    engine = plan.engine or (_ENGINE if _ENGINE in own else own[0])
    require_engine(engine, strategy)
    given: dict[str, object] = {}
    notes: tuple[str, ...] = ()
    if plan.candidates is not None:
        given = read_row(plan.candidates, strategy, plan.row or 0)
        said = (
            f"{plan.candidates} is no file that a run lists: its costs, windows and bars are not"
            " known, and those above are assumed"
        )
        notes = (said,)
    values, filled = strategy.with_defaults(given | given_params(plan, strategy))
    params = checked_params(strategy, values)
    notes += tuple(f"{n} is left out: {v:g}" for n, v in filled.items())
    timeframe = plan.timeframe or "1day"
    inputs = load_inputs(
        store,
        strategy,
        plan.symbol,
        plan.symbol2,
        timeframe,
        allow_gaps=plan.allow_gaps,
        until=None if held is None else held.until,
    )
    days = bar_dates(inputs.bars)
    need = _need(strategy, params, inputs)
    if plan.split is not None:
        chosen = slice_of_split(days, plan.split, plan.begin, plan.as_of, need)
    else:
        phases = phases_of(days, plan.windows or "default", plan.as_of, max(need, warmup))
        chosen = slice_of(phases, plan.phase)
    settings = planned_settings(plan, strategy, strategy.settings_of(AccountSettings()))
    source = _source(store, inputs, None if held is None else held.until)
    year = year_of(timeframe, days, plan.bars_per_year)
    assumed = (
        *assumed_of_settings(settings, strategy, values=one_each(params)),
        assumed_of_bars(inputs.data, inputs.data2, source),
        assumed_of_year(year),
    )
    notes = (*notes, *inputs.notes, *chosen.notes)
    return Basis(
        strategy, params, inputs, days, (chosen,), False, settings, engine, year, assumed, notes
    )


def _of_run(
    plan: SimulationPlan,
    run: Run,
    store: DataStore,
    given: Mapping[str, Number] | None = None,
    own: AccountSettings | None = None,
) -> Basis:
    """Return the basis of a plan of a run's candidate.

    Parameters
    ----------
    plan, run, store
        What is asked for, of which run.
    given
        The set in place of a candidate.
    own
        The settings in place of the run's.
    """
    strategy, manifest = run.strategy, run.manifest
    engine = plan.engine or engine_like(run)
    require_engine(engine, strategy)
    replaced = given_params(plan, strategy)
    candidate = None
    if given is None and (plan.row is not None or len(replaced) < len(strategy.names)):
        candidate = run.candidate(plan.row or 0)
    before = dict(given or {}) if candidate is None else dict(candidate.params)
    params = checked_params(strategy, before | replaced)
    changed = [f"{n} {params[n]:g}, not {v:g}" for n, v in before.items() if params[n] != v]

    inputs, source, said = run_inputs(plan, run, store)
    changed += said
    days = bar_dates(inputs.bars)
    need = _need(strategy, params, inputs)
    slices, words, said = _slices(plan, run, inputs, days, need, own=not said)
    changed += said
    own = own or manifest.settings_of(strategy)
    settings = planned_settings(plan, strategy, own)
    changed += changed_settings(settings, own)
    data2 = inputs.data2 if inputs.second is not None else None
    year = planned_year(plan, manifest, inputs, days)
    assumed = (
        *assumed_of_settings(settings, strategy, values=one_each(params)),
        assumed_of_bars(inputs.data, data2, source),
        assumed_of_year(year),
        Assumed("Windows", words),
    )
    notes = (*inputs.notes, *(slices[0].notes), *changed_since(strategy))
    whole = plan.split is None and plan.phase is None
    return Basis(
        strategy, params, inputs, days, slices, whole, settings, engine, year, assumed, notes,
        run, candidate, tuple(changed),
    )  # fmt: skip


def engine_like(run: Run) -> str:
    """Return the engine for a set of a run, where none is asked for."""
    own = engines_of(run.strategy)
    named = (_ENGINE, run.manifest.engine)
    return next((name for name in named if name in own), "auto")


def given_params(plan: SimulationPlan, strategy: Strategy) -> dict[str, object]:
    """Return the parameters that are given one by one."""
    found = {}
    for name, value in plan.params.items():
        strategy.parameter(name)
        found[name] = number_of(value)
    return found


def checked_params(strategy: Strategy, given: Mapping[str, object]) -> dict[str, Number]:
    """Return all parameters, checked, in canonical order."""
    missing = [name for name in strategy.names if name not in given]
    if missing:
        raise InputError(
            f"{strategy.name} also needs {', '.join(missing)}; give each by --set NAME=VALUE, or"
            " all of a run's candidate by its folder and --candidate, or by --from-candidates FILE"
        )
    return dict(zip(strategy.names, strategy.check_params(given), strict=True))


def _need(strategy: Strategy, params: Mapping[str, Number], inputs: Inputs) -> int:
    """Return the longest lookback of a set, in bars."""
    return inputs.lookback(strategy)({name: (value,) for name, value in params.items()})


def planned_settings(
    plan: SimulationPlan, strategy: Strategy, before: AccountSettings
) -> AccountSettings:
    """Return the settings asked for, those before where none are."""
    if plan.settings is None or isinstance(plan.settings, AccountSettings):
        return before if plan.settings is None else strategy.settings_of(plan.settings)
    known = before.to_dict()
    for name in plan.settings:
        if name not in known:
            raise InputError(f"{strategy.name} has no setting {name!r}{did_you_mean(name, known)}")
    return replace(before, **plan.settings)


def planned_year(
    plan: SimulationPlan, manifest: Manifest, inputs: Inputs, days: Sequence[dt.date]
) -> Year:
    """Return what annual figures count in: as given, else the run's, on other bars counted.

    Parameters
    ----------
    plan, manifest
        What is asked for, and the run.
    inputs, days
        The bars that are simulated on, and the date of each.
    """
    own = (manifest.symbol, manifest.timeframe)
    if plan.bars_per_year is None and (inputs.data.symbol, inputs.data.timeframe) == own:
        return manifest.year(days)
    return year_of(inputs.data.timeframe, days, plan.bars_per_year)


def changed_settings(now: AccountSettings, before: AccountSettings) -> list[str]:
    """Return the settings of a strategy that are others than before, in words."""
    pairs = zip(now.to_dict().items(), before.to_dict().values(), strict=True)
    return [f"{name} {value}, not {other}" for (name, value), other in pairs if value != other]


def run_inputs(plan: SimulationPlan, run: Run, store: DataStore) -> tuple[Inputs, str, list[str]]:
    """Return the bars, where they are from, and how they differ from the run's."""
    manifest, strategy = run.manifest, run.strategy
    second = None if manifest.data2 is None else manifest.data2.symbol
    own = {"symbol": manifest.symbol, "symbol2": second, "timeframe": manifest.timeframe}
    wanted = {name: getattr(plan, name) or value for name, value in own.items()}
    said = [f"{n} {v}, not {own[n]}" for n, v in wanted.items() if v != own[n]]
    if not said and not plan.stored:
        bars, bars2 = run.load_bars(second=strategy.dual_symbol)
        inputs = Inputs(bars, bars2, manifest.data, manifest.data2, manifest.join)
        return inputs, f"the run's own, {run.folder.bars}", []
    symbol, symbol2, timeframe = (str(v) if v else None for v in wanted.values())
    if not strategy.dual_symbol:
        check_symbols(strategy, symbol or "", plan.symbol2)
        symbol2 = None
    # Whatever is simulated on these symbols, a run's hold-out is not looked at before it is spent.
    held = {symbol, symbol2} & set(symbols_of(manifest)) and is_kept_back(run.folder, manifest)
    until = manifest.phases.as_of if held else None
    inputs = load_inputs(
        store,
        strategy,
        symbol or "",
        symbol2,
        timeframe or "",
        allow_gaps=plan.allow_gaps,
        until=until,
    )
    if not said:
        pairs = [(inputs.data, manifest.data)]
        if inputs.data2 is not None and manifest.data2 is not None:
            pairs.append((inputs.data2, manifest.data2))
        said = [
            f"bars of {now.symbol} from {now.first} to {now.last}, not the {then.rows:,} from"
            f" {then.first} to {then.last} that the run has kept"
            for now, then in pairs
            if (now.fingerprint, now.rows) != (then.fingerprint, then.rows)
        ]
    return inputs, _source(store, inputs, until), said


def _source(store: DataStore, inputs: Inputs, until: dt.date | None = None) -> str:
    """Return where bars were loaded from, up to a date where a run holds out later ones."""
    kept = "" if until is None else f", but for those after {until}, which the run holds out"
    return _place(store, inputs) + kept


def _place(store: DataStore, inputs: Inputs) -> str:
    """Return where bars were loaded from: a store knows the sample, whatever it holds."""
    records = [record for record in (inputs.data, inputs.data2) if record is not None]
    shipped = [r.symbol for r in records if store.is_sample(r.symbol, r.timeframe)]
    if not shipped:
        return f"from the store {store.folder}"
    sample = "the sample that ships with wfo"
    if len(shipped) == len(records):
        return f"from {sample}"
    return f"{shipped[0]} from {sample}, the other from the store {store.folder}"


def _slices(
    plan: SimulationPlan, run: Run, inputs: Inputs, days: list[dt.date], need: int, *, own: bool
) -> tuple[tuple[Slice, ...], str, list[str]]:
    """Return the slices, the schedule in words, and how they differ from the run's."""
    kept = run.manifest.phases
    if plan.split is not None:
        chosen = slice_of_split(days, plan.split, plan.begin, plan.as_of, need)
        return (chosen,), f"none; {chosen.name}", [f"a {chosen.name}, not the phases of the run"]
    if own and plan.windows is None and plan.as_of is None:
        _check_phases(kept, days, run)
        phases = kept
    else:
        try:
            schedule = Windows.from_dict(run.manifest.windows)
        except (KeyError, TypeError, ValueError) as error:
            raise ResultsError(
                f"{run.folder.manifest} has no schedule that can be read: {error!r}"
            ) from error
        # As a run does, by the longest lookback of its grids: a short history shrinks alike.
        longest = max(need, inputs.warmup(run.manifest.load_grids()))
        phases = phases_of(days, plan.windows or schedule, plan.as_of, longest)
    numbers = [plan.phase] if plan.phase is not None else [p.number for p in phases]
    slices = tuple(slice_of(phases, number) for number in numbers)
    bounds = [p.bounds for p in phases]
    same = bounds == [p.bounds for p in kept]
    words = f"{phases.name!r} as of {phases.as_of}, {len(phases)} phases"
    if same and own:
        return slices, f"{words}, as in the run", []
    said = []
    if not own and plan.windows is None and plan.as_of is None:
        pass  # They follow from the bars, which differ as it is said.
    elif (phases.name, phases.as_of) != (kept.name, kept.as_of):
        said = [
            f"windows {phases.name!r} as of {phases.as_of}, not {kept.name!r} as of {kept.as_of}"
        ]
    elif own:
        said = [f"windows {phases.name!r} with other dates than the run's"]
    return slices, words, said


def _check_phases(phases: Phases, days: list[dt.date], run: Run) -> None:
    """Raise unless the phases of a run lie within its bars."""
    for phase in phases:
        if not 1 <= phase.warmup < phase.split < phase.end <= len(days):
            raise ResultsError(
                f"{run.folder.manifest}: phase {phase.number} has the bars {phase.bounds}, and the"
                f" run {len(days):,}; run again"
            )
