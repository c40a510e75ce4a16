"""What a parameter set has working in the next bar, on the newest bars that there are."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest.checks import first_on_or_after
from wfo.backtest.orders import working_orders
from wfo.bars import dates as bar_dates
from wfo.data.frames import PRICES, time_column
from wfo.errors import DataError, InputError
from wfo.rules.parts import program_of
from wfo.rules.units import odd_units
from wfo.runs.analysis.refined import RefinedSets
from wfo.runs.assumed import Assumed, assumed_of_bars, assumed_of_settings, one_each
from wfo.runs.basis import refined_of
from wfo.runs.candidates import Run
from wfo.runs.folder import RunFolder
from wfo.runs.handover.held_out import HeldOut, kept_back
from wfo.runs.handover.set_file import read_set
from wfo.runs.handover.signal_report import NextBar, SignalReport
from wfo.runs.holdout.spendings import symbols_of
from wfo.runs.holdout.state import is_kept_back
from wfo.runs.inputs import Inputs, load_inputs
from wfo.runs.manifest import BarsRecord
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy
from wfo.strategy.loading import changed_since
from wfo.strategy.parameter import methods_of
from wfo.strategy.record import loading
from wfo.windows import LEAST_WARMUP

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import DataStore
    from wfo.data.sources.clock import Clock
    from wfo.data.updating.session_days import SessionDays

_DAY = dt.timedelta(days=1)

#: Days after the last bar in which the next session is looked for.
_NEXT_SESSION = 14


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """Of which set the orders are asked for.

    Attributes
    ----------
    run
        Folder of a run; without one, a set file says what is needed.
    candidate
        Which candidate of the run, 1 being the best; by default that one.
    refined
        In place of a candidate: which refined set, row N of the combined table of the analysis.
    set_file
        In place of a candidate: a set file.
    strategy
        One of the run's strategies; by default the one that was asked for.
    symbol, symbol2, timeframe
        Of a set file without a run: the bars, where it does not state them.
    allow_gaps
        Whether joining two symbols may drop more than 5 % of either's bars.
    out
        The folder of all results, which says whether what a set file's run holds out is spent.

    Raises
    ------
    InputError
        If the set comes from nowhere, or from two places.
    """

    run: Path | None = None
    candidate: int | None = None
    refined: int | None = None
    set_file: Path | None = None
    strategy: str | None = None
    symbol: str | None = None
    symbol2: str | None = None
    timeframe: str | None = None
    allow_gaps: bool = False
    out: Path = Path("results")

    def __post_init__(self) -> None:
        given = [n for n in ("candidate", "refined", "set_file") if getattr(self, n) is not None]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} are given; a set comes from one of them")
        if self.run is None and self.set_file is None:
            raise InputError("a set comes from a run's folder or from a set file; neither is given")
        for name in ("candidate", "refined"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(f"{name} = {number} must be 1, which is the best, or more")


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """A set, and the backtest that it is traded in.

    Attributes
    ----------
    strategy, params, settings
        What is traded, and how.
    named
        What the set is called.
    symbol, symbol2, timeframe
        Which bars; the second symbol only where the strategy reads one.
    warmup
        First trading bar, counted from `first`; a later one where the set looks back further.
    first
        Stamp of the first bar; None where the first one of the store is taken.
    own
        The bars that the run has kept; None without a run.
    where
        Whose bars those are, in words.
    folder
        That of the run; None without one.
    kept_back
        Whether the run holds out later bars that nothing may look at yet.
    notes
        What is to be said of the set.
    held, file
        Of a set file: the bars that its run holds out and that nothing may look at yet, and the
        file.
    """

    strategy: Strategy
    params: Mapping[str, Number]
    settings: AccountSettings
    named: str
    symbol: str
    symbol2: str | None
    timeframe: str
    warmup: int
    first: dt.date | None
    own: Inputs | None
    where: str
    notes: tuple[str, ...]
    folder: Path | None = None
    kept_back: bool = False
    held: HeldOut | None = None
    file: Path = Path()


def signal(plan: SignalPlan, store: DataStore, *, clock: Clock | None = None) -> SignalReport:
    """Return what a set has working in the bar after the newest one.

    Every bar from the set's first trading bar on is traded, so that state, shares and equity are
    those of one continuous backtest.

    Parameters
    ----------
    plan
        Which set.
    store
        Where the newest bars are. Where it has none, or ends before the bars that the run has kept,
        those are taken.
    clock
        What tells whether the last bar is of the last session; by default the machine's.

    Raises
    ------
    WfoError
        If the set, the run or the bars cannot be used, or no kernel of the strategy says which
        orders work.
    """
    from wfo.data.sources.clock import Clock

    chosen = _chosen(plan)
    warnings = list(_changed(chosen))
    notes = list(chosen.notes)
    inputs, source = _newest(chosen, store, plan.allow_gaps, warnings)
    inputs = _from_first(chosen, inputs, warnings)
    _compare(chosen, inputs, warnings)
    values = one_each(chosen.params)
    working = working_orders(
        chosen.strategy,
        inputs.bars,
        chosen.params,
        warmup=max(chosen.warmup, inputs.lookback(chosen.strategy)(values)),
        bars2=inputs.second,
        settings=chosen.settings,
    )
    next_bar = _next_bar(chosen, inputs, (clock or Clock()).now(), warnings)
    stamps = inputs.bars[time_column(inputs.bars)]
    return SignalReport(
        symbol=chosen.symbol,
        symbol2=chosen.symbol2,
        timeframe=chosen.timeframe,
        named=chosen.named,
        params=chosen.params,
        working=working,
        begins=stamps[working.warmup] if working.warmup < len(stamps) else None,
        bars_held=working.bar - working.since + 1 if working.side != "flat" else 0,
        next_bar=next_bar,
        decimals=_decimals(inputs.bars),
        assumed=(
            *_assumed(chosen),
            assumed_of_bars(inputs.data, inputs.data2, source),
        ),
        notes=(*notes, *_odd(chosen), *inputs.notes),
        warnings=tuple(warnings),
        methods=methods_of(chosen.strategy.parameters, chosen.params),
    )


def _assumed(chosen: _Chosen) -> list[Assumed]:
    """Return what the settings come to; those of a set cannot be changed here."""
    settings = chosen.settings
    found = assumed_of_settings(settings, chosen.strategy, values=one_each(chosen.params))
    if settings.slip or settings.fee:
        return found
    none = Assumed("Costs", "none, as the set has it; real fills cost something")
    return [none if each.what == none.what else each for each in found]


def _odd(chosen: _Chosen) -> tuple[str, ...]:
    """Return what of the set looks like percent for a fraction or the reverse."""
    program = program_of(chosen.strategy)
    return () if program is None else odd_units(program, one_each(chosen.params))


# The set


def _chosen(plan: SignalPlan) -> _Chosen:
    """Read and check the set that a plan names.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    if plan.set_file is not None:
        return _of_file(plan, plan.set_file)
    assert plan.run is not None  # noqa: S101  # the plan has checked it
    folder = RunFolder(plan.run)
    if plan.refined is not None:
        refined = refined_of(folder, plan.refined, plan.strategy)
        run = Run.of(folder, refined.strategy.name)
        warmup = RefinedSets.of(folder).warmup
        return _of_run(run, refined.params, f"{refined.title} of {refined.count:,}", warmup)
    run = Run.of(folder, plan.strategy)
    candidate = run.candidate((plan.candidate or 1) - 1)
    named = f"{candidate.title} of {candidate.count:,}"
    return _of_run(run, candidate.params, named)


def _of_run(
    run: Run,
    params: Mapping[str, Number],
    named: str,
    warmup: int = LEAST_WARMUP,
    settings: AccountSettings | None = None,
    notes: tuple[str, ...] = (),
) -> _Chosen:
    """Return a set on the bars of a run, with its settings where none are given."""
    strategy, manifest = run.strategy, run.manifest
    bars, second = run.load_bars(second=strategy.dual_symbol)
    data2 = manifest.data2 if strategy.dual_symbol else None
    return _Chosen(
        strategy=strategy,
        params=params,
        settings=settings or manifest.settings_of(strategy),
        named=named,
        symbol=manifest.symbol,
        symbol2=None if data2 is None else data2.symbol,
        timeframe=manifest.timeframe,
        warmup=warmup,
        first=bars[time_column(bars)][0],
        own=Inputs(bars, second, manifest.data, data2, manifest.join if data2 else None),
        where=f"the run in {run.folder.path}",
        notes=notes,
        folder=run.folder.path,
        kept_back=is_kept_back(run.folder, manifest),
    )


def _of_file(plan: SignalPlan, path: Path) -> _Chosen:
    """Return the set of a file, on the bars of a run where one is given."""
    given = read_set(path, strategy=plan.strategy)
    strategy = given.strategy
    named = f"set file {path.name}"
    notes = (*given.warnings, *(f"{path}: {text}" for text in given.assumed))
    stated = given.history.get("warmup")
    warmup = LEAST_WARMUP
    if isinstance(stated, int) and not isinstance(stated, bool):
        warmup = max(warmup, stated)
    held = kept_back(given.windows, plan.out)
    if plan.run is not None:
        run = Run.of(RunFolder(plan.run), strategy.name)
        if held is not None and held.reaches(symbols_of(run.manifest)):
            held.require_before(run.manifest.data.last, path, plan.run)
        else:
            held = None
        own = None if given.settings is None else strategy.settings_of(given.settings)
        chosen = _of_run(run, given.params, named, warmup, own, notes)
        return replace(chosen, held=held, file=path)
    symbol, symbol2 = plan.symbol or given.symbol, plan.symbol2 or given.symbol2
    if symbol is None:
        raise InputError(f"{path} does not state the symbol; give it with --symbol")
    timeframe = plan.timeframe or given.timeframe or "1day"
    then = given.data
    same = then is not None and (then.symbol, then.timeframe) == (symbol, timeframe)
    return _Chosen(
        strategy=strategy,
        params=given.params,
        settings=strategy.settings_of(given.settings),
        named=named,
        symbol=symbol,
        symbol2=symbol2,
        timeframe=timeframe,
        warmup=warmup,
        first=_stamp(then.first) if same and then is not None else None,
        own=None,
        where=f"the set in {path}",
        notes=notes,
        held=held if held is not None and held.reaches({symbol, symbol2}) else None,
        file=path,
    )


def _stamp(text: str) -> dt.date | None:
    """Return the date or date-time that a record states; None of anything else."""
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _changed(chosen: _Chosen) -> tuple[str, ...]:
    """Return what is to be said of a file that has changed since the set's record."""
    if chosen.own is not None:
        return changed_since(chosen.strategy)
    return changed_since(chosen.strategy, "the set was written", "what the set file states")


# The bars


def _newest(
    chosen: _Chosen, store: DataStore, allow_gaps: bool, warnings: list[str]
) -> tuple[Inputs, str]:
    """Return the newest bars, and where they are from."""
    own = chosen.own
    if own is not None and chosen.kept_back:
        # State, shares and equity of today would tell what became of the set meanwhile.
        warnings.append(
            f"the bars of {chosen.where} are taken, which end {own.data.last}: it holds out those"
            " after them, and they are not spent; newer bars are taken once"
            f" {_spending(chosen)} has evaluated them, whatever the store has"
        )
        return own, f"those of {chosen.where}"
    try:
        inputs = load_inputs(
            store,
            chosen.strategy,
            chosen.symbol,
            chosen.symbol2,
            chosen.timeframe,
            allow_gaps=allow_gaps,
            until=None if chosen.held is None else chosen.held.until,
        )
    except DataError as error:
        if own is None:
            raise
        warnings.append(f"the bars of {chosen.where} are taken, which may be old, since {error}")
        return own, f"those of {chosen.where}"
    if own is not None and _before(inputs.bars, own.bars):
        warnings.append(
            f"the store {store.folder} ends {inputs.data.last}, before the bars of {chosen.where},"
            f" which end {own.data.last}: those are taken; {_download(chosen)} brings newer ones"
        )
        return own, f"those of {chosen.where}"
    if chosen.held is not None:
        warnings.append(chosen.held.left_out(chosen.file))
    elif chosen.symbol2 is not None:
        _say_behind(chosen, store, warnings)
    return inputs, _source(chosen, store)


def _source(chosen: _Chosen, store: DataStore) -> str:
    """Return where bars were loaded from: a store knows the sample, whatever it holds."""
    symbols = [s for s in (chosen.symbol, chosen.symbol2) if s is not None]
    shipped = [s for s in symbols if store.is_sample(s, chosen.timeframe)]
    if not shipped:
        return f"from the store {store.folder}"
    sample = "the sample that ships with wfo"
    if len(shipped) == len(symbols):
        return f"from {sample}"
    return f"{shipped[0]} from {sample}, the other from the store {store.folder}"


def _before(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether bars end before others."""
    return bar_dates(one[-1:])[0] < bar_dates(other[-1:])[0] or (
        _comparable(one, other) and one[time_column(one)][-1] < other[time_column(other)][-1]
    )


def _comparable(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether the stamps of bars are of one kind and zone."""
    names = time_column(one), time_column(other)
    return names[0] == names[1] and one.schema[names[0]] == other.schema[names[1]]


def _say_behind(chosen: _Chosen, store: DataStore, warnings: list[str]) -> None:
    """Say which of two symbols ends before the other."""
    assert chosen.symbol2 is not None  # noqa: S101  # there are two
    last = {s: store.meta(s, chosen.timeframe).last for s in (chosen.symbol, chosen.symbol2)}
    behind = min(last, key=last.__getitem__)
    ahead = chosen.symbol2 if behind == chosen.symbol else chosen.symbol
    if last[behind] != last[ahead]:
        warnings.append(
            f"{behind} ends {last[behind]} and {ahead} {last[ahead]}; both are read up to the last"
            f" bar that they have in common, so {behind} is behind: wfo data download {behind}"
        )


def _from_first(chosen: _Chosen, inputs: Inputs, warnings: list[str]) -> Inputs:
    """Return the bars from the first one of the set's history on."""
    if chosen.first is None:
        return inputs
    stamps = inputs.bars[time_column(inputs.bars)]
    at = first_on_or_after(_moment(chosen.first), stamps)
    if at >= len(stamps):
        raise DataError(
            f"the bars of {chosen.symbol} end {stamps[-1]}, before those of {chosen.where}, which"
            f" begin {chosen.first}; {_download(chosen)} brings newer ones"
        )
    begins = bar_dates(inputs.bars[at : at + 1])[0]
    wanted = chosen.first.date() if isinstance(chosen.first, dt.datetime) else chosen.first
    if begins > wanted:
        warnings.append(
            f"the bars begin {begins}, and those of {chosen.where} {wanted}: the history that is"
            " traded is shorter, so that state, shares and equity can be others"
        )
    if at == 0:
        return inputs

    def cut(record: BarsRecord) -> BarsRecord:
        return replace(record, rows=len(stamps) - at, first=stamps[at].isoformat())

    second = None if inputs.second is None else inputs.second[at:]
    data2 = None if inputs.data2 is None else cut(inputs.data2)
    return replace(inputs, bars=inputs.bars[at:], second=second, data=cut(inputs.data), data2=data2)


def _moment(stamp: dt.date) -> dt.datetime:
    if isinstance(stamp, dt.datetime):
        return stamp
    return dt.datetime(stamp.year, stamp.month, stamp.day)  # noqa: DTZ001  # the bars' zone


def _compare(chosen: _Chosen, inputs: Inputs, warnings: list[str]) -> None:
    """Say where bars that the run has used are others now."""
    own = chosen.own
    if own is None or inputs is own:
        return
    for symbol, now, then in (
        (chosen.symbol, inputs.bars, own.bars),
        (chosen.symbol2, inputs.second, own.second),
    ):
        if now is None or then is None:
            continue
        if not _comparable(now, then):
            warnings.append(
                f"the bars of {symbol} have stamps of another kind or zone than those of"
                f" {chosen.where}, and cannot be compared with them"
            )
            continue
        found = _differences(now, then)
        if found:
            why = ""
            if "other prices" in found[0]:
                why = " Prices were revised or adjusted anew: levels are in the new prices."
            warnings.append(
                f"the earlier bars of {symbol} are not those of {chosen.where}:"
                f" {'; '.join(found)}.{why} State, shares and equity are not those that the run's"
                " bars give"
            )


def _differences(now: pl.DataFrame, then: pl.DataFrame) -> list[str]:
    """Return how bars differ from earlier ones as far as those reach; prices first."""
    import polars as pl

    name = time_column(then)
    columns = [name, *PRICES]
    first, last = then[name][0], then[name][-1]
    now = now.filter(pl.col(name).is_between(first, last)).select(columns)
    then = then.select(columns)
    if now[name].len() and now[name][0] > first:
        # That they begin later is said already.
        then = then.filter(pl.col(name) >= now[name][0])
    both = then.join(now, on=name, how="inner", suffix="_now", maintain_order="left")
    other = both.filter(pl.any_horizontal(pl.col(p) != pl.col(f"{p}_now") for p in PRICES))
    found = []
    if len(other):
        first, last = other[name][0], other[name][-1]
        found.append(
            f"{len(other):,} of {len(both):,} have other prices, the first of {first}, the last of"
            f" {last}"
        )
    lost, new = len(then) - len(both), len(now) - len(both)
    for count, what in ((lost, "missing"), (new, "new")):
        if count:
            found.append(f"{count:,} {'is' if count == 1 else 'are'} {what}")
    return found


def _spending(chosen: _Chosen) -> str:
    """Return the command that evaluates the hold-out of the run, in quotes."""
    words = ["wfo", *loading(chosen.strategy), "verdict", str(chosen.folder), "--spend-holdout"]
    return f"'{shlex.join(words)}'"


def _download(chosen: _Chosen) -> str:
    symbols = " ".join(s for s in (chosen.symbol, chosen.symbol2) if s is not None)
    length = "" if chosen.timeframe == "1day" else f" --timeframe {chosen.timeframe}"
    return f"wfo data download {symbols}{length}"


# The next bar


def _next_bar(chosen: _Chosen, inputs: Inputs, now: dt.datetime, warnings: list[str]) -> NextBar:
    """Return which bar the orders are for, and say where it is over already."""
    from wfo.data.calendars import NO_CALENDAR
    from wfo.data.coverage import DateInterval
    from wfo.data.timeframes import is_intraday
    from wfo.data.updating.session_days import SessionDays

    record = inputs.data
    last = bar_dates(inputs.bars[-1:])[0]
    intraday, weekly = is_intraday(record.timeframe), record.timeframe == "1week"
    try:
        days = SessionDays(record.calendar, record.timeframe)
        ahead = days.within(DateInterval(last + _DAY, last + _NEXT_SESSION * _DAY))
        yesterday = days.yesterday(now)
        missing = _missing(days, last, yesterday)
    except (DataError, InputError) as error:
        # A calendar that an earlier version knew; orders do not depend on it.
        warnings.append(f"whether the bars are up to date cannot be told: {error}")
        return NextBar(None, weekly, ())
    known = record.calendar != NO_CALENDAR and not weekly and not intraday
    if missing:
        what = "week" if weekly else "session" if record.calendar != NO_CALENDAR else "day"
        count = f"1 {what}" if len(missing) == 1 else f"{len(missing):,} {what}s"
        has, them = ("has", "it") if len(missing) == 1 else ("have", "them")
        calendar = (
            "" if record.calendar != NO_CALENDAR else "; the bars have no calendar, so that every"
            " day counts"
        )  # fmt: skip
        # What is held out no download brings in.
        remedy = f"; {_download(chosen)} brings {them} in, or wfo data import"
        warnings.append(
            f"the last bar is of {last}, and {count} up to {yesterday} {has} no bar{calendar}. The"
            f" orders below are those of the bar after {last}, which is over"
            f"{'' if chosen.kept_back else remedy}"
        )
    return NextBar(ahead[0] if known and ahead else None, weekly, tuple(missing))


def _missing(days: SessionDays, last: dt.date, yesterday: dt.date) -> list[dt.date]:
    """Return the sessions after the last bar that are over; of weekly bars the weeks' Mondays."""
    from wfo.data.coverage import DateInterval

    if last >= yesterday:
        return []
    if not days.is_weekly:
        return days.within(DateInterval(last + _DAY, yesterday))
    monday = last + (7 - last.weekday()) * _DAY
    whole = days.align(DateInterval(monday, yesterday), yesterday) if monday <= yesterday else None
    return [] if whole is None else [d for d in days.within(whole) if not d.weekday()]


def _decimals(bars: pl.DataFrame) -> int:
    """Return the decimals of prices: those that the latest have, as far as they mean anything."""
    import math

    prices: list[Any] = [x for name in PRICES for x in bars[name].tail(20).to_list()]
    largest = max(prices)
    # Prices that were adjusted have as many digits as a float; five or six say enough.
    most = max(2, 5 - math.floor(math.log10(largest)))
    for decimals in range(2, most):
        if all(abs(x - round(x, decimals)) <= 1e-9 * largest for x in prices):
            return decimals
    return most
