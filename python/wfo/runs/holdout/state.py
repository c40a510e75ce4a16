"""What has become of a run's hold-out: there is none, it is untouched, seen, or spent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from wfo.runs.holdout.spendings import overlapping, spent_of, symbols_of
from wfo.runs.holdout.spent import SeenBy, Spent
from wfo.runs.manifest import HoldoutRecord, Manifest

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder

#: What a hold-out can be, in the order in which one is looked for.
Kind = Literal["none", "spent", "spent elsewhere", "seen", "unknown", "untouched"]


@dataclass(frozen=True, slots=True)
class HoldoutState:
    """What has become of a run's hold-out.

    Attributes
    ----------
    record
        The bars; None where the run holds nothing out.
    symbols
        The symbols of the run.
    seen_by
        Other searches of the symbols that reach into these bars.
    spent
        What the hold-out came to; None where this run has not spent it.
    others
        What other runs have spent of the same dates.
    """

    record: HoldoutRecord | None
    symbols: tuple[str, ...] = ()
    seen_by: SeenBy = field(default_factory=SeenBy)
    spent: Spent | None = None
    others: tuple[Spent, ...] = ()

    @property
    def kind(self) -> Kind:
        """One word for it.

        ``seen``: other searches reach into these bars; ``unknown``: some do not say whether they
        do; ``spent elsewhere``: another run has spent some of these dates, so that this one cannot.
        """
        if self.record is None:
            return "none"
        if self.spent is not None:
            return "spent"
        if self.others:
            return "spent elsewhere"
        if self.seen_by.searches:
            return "seen"
        return "unknown" if self.seen_by.unknown else "untouched"


def holdout_state(folder: RunFolder, manifest: Manifest) -> HoldoutState:
    """Return what has become of a run's hold-out.

    Parameters
    ----------
    folder, manifest
        The run.

    Raises
    ------
    ResultsError
        If a list of what was spent, the run's own record or a count of trials is damaged.
    """
    record = manifest.holdout
    if record is None:
        return HoldoutState(None)
    symbols = symbols_of(manifest)
    return HoldoutState(
        record,
        symbols,
        seen_by(folder, manifest, record.dates[0]),
        spent_of(folder, manifest),
        overlapping(folder, symbols, manifest.fingerprint, record),
    )


def is_kept_back(folder: RunFolder, manifest: Manifest) -> bool:
    """Whether a run has held out bars that nothing may look at yet.

    Once they are spent, by whichever run, there is nothing left to protect.
    """
    record = manifest.holdout
    if record is None or spent_of(folder, manifest) is not None:
        return False
    return not overlapping(folder, symbols_of(manifest), manifest.fingerprint, record)


def seen_by(folder: RunFolder, manifest: Manifest, first: dt.date) -> SeenBy:
    """Return the searches of a run's symbols that reach to a date or beyond.

    The run's own searches end before its hold-out. A search counts where it is counted, under the
    symbol that it traded.
    """
    return searches_reaching(folder, symbols_of(manifest), first)


def searches_reaching(folder: RunFolder, symbols: tuple[str, ...], first: dt.date) -> SeenBy:
    """Return the searches of some symbols that reach to a date or beyond."""
    reached, combinations, unknown = 0, 0, 0
    for symbol in symbols:
        for search in folder.read_trials(symbol)["searches"]:
            through = _through(search)
            if through is None:
                unknown += 1
            elif through >= first:
                reached += 1
                combinations += int(search["combinations"])
    return SeenBy(reached, combinations, unknown)


def _through(search: Mapping[str, Any]) -> dt.date | None:
    """Return the date of the last bar of a search; None where that is not stated."""
    try:
        return dt.date.fromisoformat(search["through"])
    except (KeyError, TypeError, ValueError):
        return None
