"""The trials of a walk-forward among those of its symbols, in ``trials.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wfo.files.schema import MOST_COUNT
from wfo.runs.holdout.searched import looked_at

if TYPE_CHECKING:
    import datetime as dt

    from wfo.runs.walkforward.folder import WalkFolder


class TrialCount:
    """The count of one walk-forward, or of one matrix, which grows as decisions come.

    A window searches everything anew, on other bars: each in-sample part counts all combinations.
    The same walk-forward counts once, however often it is made again.

    Parameters
    ----------
    folder
        Of the walk-forward.
    symbols
        Symbols whose trials are counted.
    search
        What it is, as plain values: ``fingerprint``, ``strategy``, ``grid``.
    through
        Date of the last bar.
    """

    def __init__(
        self,
        folder: WalkFolder,
        symbols: tuple[str, ...],
        search: Mapping[str, Any],
        through: dt.date,
    ) -> None:
        self._folder, self._symbols = folder, symbols
        self._search, self._through = {**search, "through": through.isoformat()}, through
        self._totals: dict[str, int] = {}

    def check(self) -> None:
        """Raise a `ResultsError` where a count is damaged, before anything is done."""
        for symbol in self._symbols:
            self._totals[symbol] = int(self._folder.read_trials(symbol)["total"])

    def looked_at(self) -> tuple[str, ...]:
        """Return a line for each hold-out of another run that is about to be looked at.

        Raises
        ------
        ResultsError
            If a count, or a list of what was spent, is damaged.
        """
        own = (str(self._search["fingerprint"]),)
        found = (looked_at(self._folder, s, self._through, own) for s in self._symbols)
        return tuple(line for lines in found for line in lines)

    def count(self, combinations: int) -> None:
        """Count so many combinations in all.

        Raises
        ------
        ResultsError
            If a count cannot be written.
        """
        if not combinations:
            return
        search = {**self._search, "combinations": min(combinations, MOST_COUNT)}
        for symbol in self._symbols:
            self._totals[symbol] = self._folder.count_trials(symbol, search)

    @property
    def totals(self) -> dict[str, int]:
        """Combinations that were ever searched, by symbol."""
        return dict(self._totals)
