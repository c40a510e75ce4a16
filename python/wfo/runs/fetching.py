"""The bars that a run's windows need, fetched where the store does not have them."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wfo.errors import DataError, InputError
from wfo.progress import Progress, Silent, Tick
from wfo.windows import Windows

if TYPE_CHECKING:
    from wfo.data import BarsMeta, DataStore
    from wfo.data.coverage import DateInterval
    from wfo.data.sources.clock import Clock
    from wfo.data.sources.source import Source
    from wfo.data.updating import Updated, Wanted
    from wfo.data.updating.session_days import SessionDays
    from wfo.runs.plan import RunPlan

#: Months of bars before the first phase in which indicators settle; of weekly bars, of which two
#: years are few, it is ten years.
WARMUP_MONTHS: Final = 24
_WEEKLY_WARMUP_MONTHS: Final = 120

#: Why nothing is fetched where no source can be used, and how one can.
NO_SOURCE: Final = (
    "no source can be used; with wfo data login tradestation, or with APCA_API_KEY_ID and"
    " APCA_API_SECRET_KEY for Alpaca in the environment, the run fetches by itself, and wfo data"
    " download does ahead of it"
)

#: Days after a date that is no session in which the next one is looked for.
_NEXT_SESSION: Final = 14

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True)
class Fetching:
    """How a run comes to bars that the store does not have.

    Attributes
    ----------
    fetch
        Whether anything may be asked for.
    source
        Name of a source, or a source; by default the one that the stored bars come from, else that
        of the configuration.
    clock
        What tells the time; by default the machine's.
    """

    fetch: bool = True
    source: str | Source | None = None
    clock: Clock | None = None

    def bars(
        self, plan: RunPlan, store: DataStore, windows: Windows, progress: Progress | None = None
    ) -> dict[str, str]:
        """Fetch what the windows of a plan need and the store does not have.

        Bars that were imported, and the sample, are left as they are.

        Parameters
        ----------
        plan
            Whose symbols.
        store
            Where the bars are kept.
        windows
            They say how far back bars are needed.
        progress
            Where to tell what is fetched, and what could not be.

        Returns
        -------
        dict
            Of symbols of which bars are missing all the same, which ones and why.

        Raises
        ------
        DataError
            If there are no bars of a symbol, and they could not be fetched whole.
        InputError
            If a source that was named cannot be used for a symbol.
        """
        from wfo.data.sources.clock import Clock

        progress, clock = progress or Silent(), self.clock or Clock()
        symbols = [plan.symbol] if plan.symbol2 is None else [plan.symbol, plan.symbol2]
        needs = [_Need(plan, store, symbol, windows, clock) for symbol in symbols]
        if self.fetch:
            self._fetch(needs, store, progress, clock)
        stale = {}
        for need in needs:
            words = need.stale(fetched=self.fetch)
            if words:
                progress.say(f"{need.symbol} {need.timeframe}: {words}")
                stale[need.symbol] = words
        return stale

    def _fetch(
        self, needs: Sequence[_Need], store: DataStore, progress: Progress, clock: Clock
    ) -> None:
        """Fetch what is missing, the symbols of one source together."""
        from wfo.data.updating import update

        groups: dict[str, tuple[Source, list[_Need]]] = {}
        for need in needs:
            if need.is_foreign:
                if self.source is not None:
                    progress.say(
                        f"{need.symbol} {need.timeframe}: not fetched, since {need.foreign}"
                    )
                continue
            if self.source is None and not need.is_open:
                continue
            source = self._open(need, clock)
            if source is None:
                need.require(need.failure)
                continue
            groups.setdefault(source.name, (source, []))[1].append(need)
        for source, members in groups.values():
            wanted = [need.wanted(source) for need in members]
            results: Sequence[Updated] = ()
            try:
                with contextlib.ExitStack() as stack:
                    told = _Told(progress, stack)
                    results = update(store, source, wanted, clock=clock, listener=told)
            except DataError as error:
                # A folder that cannot be written is no obstacle to reading what it has.
                for need in members:
                    need.failure = str(error)
                    need.require(need.failure)
                continue
            for need, result in zip(members, results, strict=True):
                for note in result.notes:
                    progress.say(f"{need.symbol} {need.timeframe}: {note}")
                need.failure = "" if result.error is None else _said(result.error, source.title)
                if result.error is not None:
                    need.require(need.failure, kept=bool(result.meta and result.meta.rows))
                need.read()

    def _open(self, need: _Need, clock: Clock) -> Source | None:
        """Return the source to ask for a symbol's bars; None, and a reason, where none can be."""
        from wfo.data.sources.config import SourcesConfig
        from wfo.data.sources.errors import SourceError
        from wfo.data.sources.registry import choose_source, open_source

        if self.source is not None and not isinstance(self.source, str):
            return self.source
        title = self.source or need.fetched_from or ""
        try:
            config = SourcesConfig.load()
            chosen = choose_source(need.symbol, config, need.fetched_from, self.source)
            if chosen is None:
                need.failure = NO_SOURCE
                return None
            title = chosen[0]
            return open_source(title, config, clock=clock)
        except SourceError as error:
            need.failure = _said(error, title)
        except InputError as error:
            # What was named in this call must be right; stored bars do without.
            if self.source is not None or need.meta is None:
                raise
            need.failure = str(error)
        return None


class _Need:
    """The bars of one symbol that a run needs, and what is stored of them.

    Attributes
    ----------
    symbol, timeframe
        Which bars.
    meta
        What is stored; None where nothing is, or nothing that can be read.
    failure
        Why they could not be fetched; empty where they could, or need not be.
    """

    def __init__(
        self, plan: RunPlan, store: DataStore, symbol: str, windows: Windows, clock: Clock
    ) -> None:
        self.symbol, self.timeframe = symbol, plan.timeframe
        self.meta: BarsMeta | None = None
        self.failure = ""
        self._plan, self._store, self._windows = plan, store, windows
        self._now = clock.now()
        self._absent: DataError | None = None
        self._known: BarsMeta | None = None
        self._sample = store.is_sample(symbol, plan.timeframe)
        self.read()

    def read(self) -> None:
        """Look at what is stored.

        Raises
        ------
        DataError
            If imported bars are damaged, or the store cannot be read.
        """
        from wfo.data.errors import CorruptError

        self.meta, self._known, self._absent = None, None, None
        try:
            found = self._store.read(self.symbol, self.timeframe)
            self.meta = self._known = found.meta
        except CorruptError as error:
            # What was downloaded is fetched again; where it came from may be readable still.
            self._known = self._store.remembered(self.symbol, self.timeframe)
            if self._known is not None and self.fetched_from is None:
                raise
            self._absent = error
        except DataError as error:
            if (self.symbol, self.timeframe) in set(self._store.keys()):
                raise
            self._absent = error

    @property
    def fetched_from(self) -> str | None:
        """Name of the source that the stored bars come from, also of those that are damaged."""
        return None if self._known is None else self._known.origin.fetched_from

    @property
    def is_foreign(self) -> bool:
        """Whether the bars are none that a source has given: imported, or of the sample."""
        return self._sample or (self.meta is not None and self.fetched_from is None)

    @property
    def foreign(self) -> str:
        """What the bars are instead, in words that follow "since"."""
        from wfo.data.deriving import is_resampled

        if self._sample:
            return "the embedded sample stays as it is"
        made = self.meta is not None and is_resampled(self.meta.origin)
        return "the bars were resampled" if made else "the bars were imported"

    @property
    def is_open(self) -> bool:
        """Whether anything is missing."""
        return self.meta is None or bool(self._missing())

    def wanted(self, source: Source) -> Wanted:
        """Return what to ask a source for."""
        from wfo.data.updating import Wanted

        calendar = source.calendar(self.symbol) if self.meta is None else self._calendar
        span = self._span(self._days(calendar))
        return Wanted(self.symbol, self.timeframe, span.first, span.last)

    def require(self, reason: str, *, kept: bool = False) -> None:
        """Raise unless bars were stored before.

        Raises
        ------
        DataError
            With the reason, and ways to come to bars.
        """
        if self.meta is not None and self.meta.rows:
            return
        if kept:
            raise DataError(
                f"the bars of {self.symbol} could not be fetched whole: {reason}; what came is"
                " stored, and the same command goes on with it; --no-fetch takes it as it is"
            )
        absent = self._absent or f"there are no bars of {self.symbol}"
        raise DataError(f"{absent}; they could not be fetched: {reason}")

    def stale(self, *, fetched: bool) -> str:
        """Return which bars are missing at the end, or at all, and why; empty if none are."""
        from wfo.data.deriving import outdated

        if self.meta is None or not self.meta.rows:
            return ""
        if self.is_foreign:
            return "" if self._sample else outdated(self._store, self.meta)
        days = self._days(self._calendar)
        span = self._span(days)
        first, last = (dt.date.fromisoformat(s[:10]) for s in (self.meta.first, self.meta.last))
        missing = [d for part in self._missing() for d in _units(days, part)]
        why = self.failure or ("" if fetched else "nothing is fetched with --no-fetch")
        what = "week" if days.is_weekly else "session"
        if missing:
            count = f"1 {what}" if len(missing) == 1 else f"{len(missing):,} {what}s"
            are = "is" if len(missing) == 1 else "are"
            where = f"bars end {last}"
            if missing[0] < last:
                where = f"bars are of {first} to {last}"
                count += f" from {missing[0]} to {missing[-1]}"
            return f"{where}; {count} {are} missing" + (f": {why}" if why else "")
        after = []
        if last < span.last:
            after = [d for d in _units(days, _interval(last + _DAY, span.last)) if d > last]
        if not after:
            return ""
        count = f"the {what}" if len(after) == 1 else f"the {len(after):,} {what}s"
        return f"bars end {last}; {self.meta.origin.source} has none of {count} after it"

    @property
    def _calendar(self) -> str:
        return "none" if self.meta is None else self.meta.origin.calendar

    def _days(self, calendar: str) -> SessionDays:
        from wfo.data.updating.session_days import SessionDays

        return SessionDays(calendar, self.timeframe)

    def _span(self, days: SessionDays) -> DateInterval:
        """Return the dates that the windows need, up to yesterday at most.

        A date to count back from must lie within the history: where it is no session, the next one
        is needed too.
        """
        from wfo.data.coverage import FIRST_DATE

        yesterday = days.yesterday(self._now)
        today = min(self._plan.as_of or yesterday, yesterday)
        months = _WEEKLY_WARMUP_MONTHS if days.is_weekly else WARMUP_MONTHS
        last = today
        if today < yesterday:
            ahead = min(today + _NEXT_SESSION * _DAY, yesterday)
            last = min(days.within(_interval(today, ahead)), default=today)
        # What is held out is wanted too, and windows are counted back from before it.
        span = self._plan.span
        counted = today if span is None else span.before(today)
        return _interval(max(FIRST_DATE, self._windows.begins(counted, months)), last)

    def _missing(self) -> list[DateInterval]:
        """Return what the store does not have of what is needed."""
        from wfo.data.updating.ranges import missing_ranges

        days = self._days(self._calendar)
        yesterday = days.yesterday(self._now)
        span = days.align(self._span(days), yesterday)
        if self.meta is None or span is None:
            return []
        return missing_ranges(self.meta.coverage, span, days, self._now)


class _Told:
    """Tells a run's progress how far an update is: all symbols together are one stage."""

    def __init__(self, progress: Progress, stack: contextlib.ExitStack) -> None:
        self._progress, self._stack = progress, stack
        self._symbols: list[str] = []
        self._total = 0
        self._tick: Tick | None = None

    def begin(self, symbol: str, timeframe: str, days: int) -> None:
        """Begin a series, or begin it again."""
        del timeframe
        if self._tick is not None:
            self._close()
        if days:
            self._symbols.append(symbol)
            self._total += days

    def advance(self, symbol: str, days: int) -> None:
        """Tell that so many days were answered."""
        del symbol
        if self._tick is None:
            title = f"fetching bars of {' and '.join(dict.fromkeys(self._symbols))}"
            self._tick = self._stack.enter_context(self._progress.stage(title, self._total))
        self._tick(days)

    def end(self, updated: Updated) -> None:
        """End a series."""
        del updated

    def say(self, text: str) -> None:
        """Tell something that stays."""
        self._progress.say(text)

    def _close(self) -> None:
        self._stack.close()
        self._symbols, self._total, self._tick = [], 0, None


def _said(error: Exception, title: str) -> str:
    """Return why a source has not answered."""
    from wfo.data.sources.errors import CredentialsError, UnreachableError

    # Most sources name themselves.
    if title.casefold() in str(error).casefold():
        return str(error)
    if isinstance(error, UnreachableError):
        return f"{title} could not be reached ({error})"
    if isinstance(error, CredentialsError):
        return f"{title} needs other credentials ({error})"
    return f"{title} has not answered ({error})"


def _units(days: SessionDays, interval: DateInterval) -> list[dt.date]:
    """Return the sessions of a range, of weekly bars the Mondays of its weeks."""
    found = days.within(interval)
    if days.is_weekly:
        return [d for d in found if not d.weekday()]
    return found


def _interval(first: dt.date, last: dt.date) -> DateInterval:
    from wfo.data.coverage import DateInterval

    return DateInterval(first, last)
