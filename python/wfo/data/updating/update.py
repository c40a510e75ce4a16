"""Several series brought up to date: locked, asked for in groups, stored whatever happens."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from wfo.data.series import series_timeframe
from wfo.data.sources.clock import Clock
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    SourceError,
    UnreachableError,
)
from wfo.data.sources.source import Answer, SeriesRequest, Source, require_members
from wfo.data.store import WAITING
from wfo.data.updating.one_series import SeriesUpdate
from wfo.data.updating.values import Listener, Quiet, Updated, Wanted
from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    from wfo.data.store import DataStore

#: Seconds of fetching after which what was answered is stored.
SAVED_EVERY: Final = 30.0

#: Errors after which a source is not asked for further symbols.
_GENERAL: Final = (UnreachableError, CredentialsError)


def update(
    store: DataStore,
    source: Source,
    wanted: Sequence[Wanted],
    *,
    fresh: bool = False,
    clock: Clock | None = None,
    listener: Listener | None = None,
) -> tuple[Updated, ...]:
    """Bring series of the store up to date.

    Parameters
    ----------
    store
        Where they are kept. Their files are locked from the first reading to the last writing.
    source
        What is asked.
    wanted
        Ranges, each of another series.
    fresh
        Whether to set aside what is stored, and to fetch all that is wanted.
    clock
        What tells the time.
    listener
        Where to tell how far it is.

    Returns
    -------
    tuple of Updated
        In the order of `wanted`. A source that fails is no exception here: see ``error``.

    Raises
    ------
    InputError
        If the source lacks what a source has, or does not have a series, or what is stored comes
        from another one or is adjusted otherwise; before anything is asked.
    DataError
        If the store cannot be read or written.
    """
    require_members(source)
    clock, listener = clock or Clock(), listener or Quiet()
    keys = [(w.symbol, series_timeframe(w.series, w.timeframe), w.series) for w in wanted]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InputError(f"{twice[0]} {twice[1]} is asked for more than once: ask for one range")
    # All processes take the locks in the same order, so that none waits for one that waits for it.
    order = sorted(range(len(wanted)), key=keys.__getitem__)
    with contextlib.ExitStack() as stack:
        works: dict[int, SeriesUpdate] = {}
        for n in order:
            each = wanted[n]
            words = f"{each.symbol} {each.timeframe}: {WAITING}"
            held = stack.enter_context(
                store.hold(
                    each.symbol,
                    each.timeframe,
                    series=each.series,
                    waiting=lambda words=words: listener.say(words),  # type: ignore[misc]
                )
            )
            works[n] = SeriesUpdate(held, store, source, each, fresh=fresh, now=clock.now())
        stack.enter_context(_waits_told(listener))
        _Fetching(source, clock, listener).run([works[n] for n in range(len(wanted))])
        return tuple(works[n].updated() for n in range(len(wanted)))


class _Waits(logging.Handler):
    """Tells a listener why a source lets it wait."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(logging.INFO)
        self._listener = listener
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a message on."""
        # Other threads may update other series.
        if record.thread == self._thread:
            self._listener.say(record.getMessage())


@contextlib.contextmanager
def _waits_told(listener: Listener) -> Iterator[None]:
    logger, handler = logging.getLogger("wfo.data.sources"), _Waits(listener)
    before = logger.level
    logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _Fetching:
    """Asks a source, and gives its answers to the series that they are about."""

    def __init__(self, source: Source, clock: Clock, listener: Listener) -> None:
        self._source, self._clock, self._listener = source, clock, listener
        self._saved = clock.monotonic()
        self._ended: set[tuple[str, str, str]] = set()

    def run(self, works: Sequence[SeriesUpdate]) -> None:
        """Bring series up to date, and store what can be stored, whatever happens."""
        for work in works:
            self._begin(work)
        try:
            self._ask_groups([w for w in works if not w.is_complete])
            anew = [w for w in works if w.must_begin_anew and w.error is None]
            for work in anew:
                work.start_anew()
                self._listener.say(
                    f"{work.symbol} {work.timeframe}: {work.contradiction}; the whole history is"
                    " fetched anew"
                )
                self._begin(work)
            self._ask_groups(anew)
            for work in works:
                self._end(work)
        except BaseException:
            for work in works:
                # If one cannot be written, the others may be; what happened first is told.
                with contextlib.suppress(DataError):
                    work.save()
            raise

    def _begin(self, work: SeriesUpdate) -> None:
        self._listener.begin(work.symbol, work.timeframe, work.days_asked)

    def _end(self, work: SeriesUpdate) -> None:
        if work.key not in self._ended:
            work.end()
            self._ended.add(work.key)
            self._listener.end(work.updated())

    def _ask_groups(self, works: Sequence[SeriesUpdate]) -> None:
        ordered = sorted(works, key=lambda w: w.group)
        for _, members in groupby(ordered, key=lambda w: w.group):
            self._ask(list(members))

    def _ask(self, works: Sequence[SeriesUpdate]) -> None:
        """Ask for several symbols at once, and where one of them fails, for each by itself."""
        error = self._fetch(works)
        rest = [w for w in works if not w.is_settled]
        if error is None or not rest:
            return
        alone = len(works) > 1 and not isinstance(error, _GENERAL)
        for work in rest:
            if alone:
                error = self._fetch([work])
                if isinstance(error, _GENERAL):
                    alone = False
            if not work.is_settled:
                work.error = error

    def _fetch(self, works: Sequence[SeriesUpdate]) -> SourceError | None:
        """Ask for what is not answered yet; return why that has ended early."""
        owners = {request: work for work in works for request in work.requests()}
        answers: Iterator[Answer] | None = None
        try:
            answers = self._source.fetch(list(owners))
            if not isinstance(answers, Iterable):
                raise MalformedError(
                    f"{self._source.title} has returned {answers!r:.80}, no answers"
                )
            for answer in answers:
                self._take(answer, owners)
                if all(work.is_answered for work in works):
                    break
        except SourceError as error:
            return error
        finally:
            if isinstance(answers, Generator):
                answers.close()
        silent = next((work for work in works if not work.is_settled), None)
        if silent is None:
            return None
        return MalformedError(
            f"{self._source.title} has ended without an answer for all of {silent.symbol}"
        )

    def _take(self, answer: Answer, owners: Mapping[SeriesRequest, SeriesUpdate]) -> None:
        if not isinstance(answer, Answer):
            kind = type(answer).__name__
            raise MalformedError(f"{self._source.title} has yielded {kind} instead of an Answer")
        work = owners.get(answer.request)
        if work is None:
            raise MalformedError(
                f"{self._source.title} has answered for {answer.request.symbol}, which it was not"
                " asked for"
            )
        self._listener.advance(work.symbol, work.take(answer))
        if work.is_answered and not work.must_begin_anew:
            self._end(work)
        now = self._clock.monotonic()
        if now - self._saved >= SAVED_EVERY:
            for each in set(owners.values()):
                each.save()
            self._saved = self._clock.monotonic()
