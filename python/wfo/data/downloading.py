"""Series brought into the store by name: the source of each found, and asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wfo.data.sources.errors import CredentialsError
from wfo.data.sources.registry import choose_source, open_source
from wfo.data.updating import Listener, Quiet, Updated, Wanted, update
from wfo.errors import DataError, InputError, WfoError

if TYPE_CHECKING:
    from wfo.data.sources.clock import Clock
    from wfo.data.sources.config import SourcesConfig
    from wfo.data.sources.source import Source
    from wfo.data.store import DataStore


@dataclasses.dataclass(frozen=True)
class Downloaded:
    """What the download of one series came to.

    Attributes
    ----------
    wanted
        What was asked for.
    source
        What people call the source, empty where none could be opened.
    why
        Why it was this source, in words that follow "because".
    updated
        What the update came to; None if nothing was asked.
    error
        Why it is not complete; None if it is.
    """

    wanted: Wanted
    source: str = ""
    why: str = ""
    updated: Updated | None = None
    error: WfoError | None = None


def download(
    store: DataStore,
    wanted: Sequence[Wanted],
    *,
    source: str | None = None,
    fresh: bool = False,
    config: SourcesConfig | None = None,
    clock: Clock | None = None,
    listener: Listener | None = None,
) -> tuple[Downloaded, ...]:
    """Fetch what the store does not have of some series; one that fails does not stop the others.

    Parameters
    ----------
    store
        Where they are kept.
    wanted
        Ranges, each of another series.
    source
        Name of the source, or ``FILE.py:CLASS``. By default each series is asked of the source
        that it came from, else of what `wfo.data.sources.registry.choose_source` finds.
    fresh
        Whether to set aside what is stored, and to fetch all that is wanted.
    config
        What sources need to know; by default what the files and the environment say.
    clock
        What tells the time.
    listener
        Where to tell how far it is.

    Returns
    -------
    tuple of Downloaded
        In the order of `wanted`.

    Raises
    ------
    InputError
        If the configuration cannot be read, or a series is wanted twice.
    """
    from wfo.data.sources.config import SourcesConfig

    config = SourcesConfig.load() if config is None else config
    found: dict[int, Downloaded] = {}
    groups: dict[str, list[int]] = {}
    for n, each in enumerate(wanted):
        try:
            name, why = source_for(store, each, config, source)
        except WfoError as error:
            found[n] = Downloaded(each, error=error)
            continue
        found[n] = Downloaded(each, why=why)
        groups.setdefault(name, []).append(n)
    for name, members in groups.items():
        try:
            opened = open_source(name, config, clock=clock)
        except WfoError as error:
            for n in members:
                found[n] = dataclasses.replace(found[n], error=error)
            continue
        several = [found[n] for n in members]
        done = _ask(store, opened, several, fresh, clock, listener or Quiet())
        found |= dict(zip(members, done, strict=True))
    return tuple(found[n] for n in range(len(wanted)))


def source_for(
    store: DataStore, wanted: Wanted, config: SourcesConfig, asked: str | None = None
) -> tuple[str, str]:
    """Return the name of the source that a series is asked of, and why.

    Raises
    ------
    CredentialsError
        If no source can be used, with what would make one usable.
    InputError
        If the stored bars come from a source of the user's own, which only the user can name.
    """
    known = store.remembered(wanted.symbol, wanted.timeframe, series=wanted.series)
    stored = None if known is None else known.origin.fetched_from
    chosen = choose_source(wanted.symbol, config, stored=stored, asked=asked)
    if chosen is None:
        raise CredentialsError(
            f"no source can be asked for {wanted.symbol}: give credentials (wfo data login "
            "tradestation, or APCA_API_KEY_ID and APCA_API_SECRET_KEY for Alpaca), a folder of "
            f"files (WFO_FILES_DIR), or a source of your own (--source FILE.py:CLASS); see wfo "
            "docs market-data"
        )
    return chosen


def _ask(
    store: DataStore,
    source: Source,
    several: Sequence[Downloaded],
    fresh: bool,
    clock: Clock | None,
    listener: Listener,
) -> list[Downloaded]:
    wanted = [each.wanted for each in several]
    try:
        done = update(store, source, wanted, fresh=fresh, clock=clock, listener=listener)
    except (InputError, DataError) as error:
        if len(several) == 1:
            return [dataclasses.replace(several[0], source=source.title, error=error)]
        # One of them was refused before anything was asked: the others go on without it.
        return [
            one for each in several for one in _ask(store, source, [each], fresh, clock, listener)
        ]
    return [
        dataclasses.replace(each, source=source.title, updated=updated, error=updated.error)
        for each, updated in zip(several, done, strict=True)
    ]
