"""The folder of a walk-forward: ``results/<SYMBOL>/walkforward/<name>``, and what is in it.

``walkforward.json`` is the record of everything that the page says, and has the digests of the
other files. ``decisions.json`` has every decision as soon as it is known; it says of which
walk-forward the folder is, and is what a search that was stopped goes on from. Another walk-forward
of the same name moves the earlier one to ``walkforward/.history``, from where it comes back when it
is asked for again.
"""

from __future__ import annotations

from pathlib import Path

from wfo.files import is_there, naming_the_file, remove_file
from wfo.runs.folder import WALKS, RunFolder, require_name, stated

#: Files of every walk-forward: the record, and the decisions.
RECORD, DECISIONS = "walkforward.json", "decisions.json"


class WalkFolder(RunFolder):
    """The folder of one walk-forward, or of a matrix of them.

    Its locks, its history and the counts of its symbols are as those of a run.
    """

    option = "--results"

    @classmethod
    def of_walk(
        cls, out: Path, symbol: str, symbol2: str | None, timeframe: str, name: str
    ) -> WalkFolder:
        """Return the folder below `out` of a walk-forward.

        Parameters
        ----------
        out
            Where all results are.
        symbol, symbol2, timeframe
            The bars.
        name
            That of the walk-forward.

        Raises
        ------
        InputError
            If a folder cannot be called like that.
        """
        place = RunFolder.of(out, symbol, symbol2, timeframe).path
        return cls(place / WALKS / require_name(name, "a walk-forward"), out)

    @property
    def manifest(self) -> Path:
        """``decisions.json``, which says of which walk-forward the folder is."""
        return self.path / DECISIONS

    @property
    def record(self) -> Path:
        """``walkforward.json``."""
        return self.path / RECORD

    @property
    def curves(self) -> Path:
        """The marks of all curves, bar by bar."""
        return self.path / "curves.parquet"

    @property
    def trade_list(self) -> Path:
        """The closed trades of the stitched curve."""
        return self.path / "trades.parquet"

    @property
    def history(self) -> Path:
        """Where earlier walk-forwards on the same bars are kept."""
        return self.path.parent / ".history"

    def remove_record(self) -> None:
        """Remove the record where there is one: files of two moments have none.

        Raises
        ------
        ResultsError
            If it cannot be removed.
        """
        if is_there(self.record):
            with naming_the_file(self.record):
                remove_file(self.record)

    def is_of(self, fingerprint: str) -> bool:
        """Whether the folder says that it is of the walk-forward with that fingerprint."""
        return is_there(self.manifest) and stated(self.manifest, "fingerprint") == fingerprint

    def _has_results(self) -> bool:
        return is_there(self.record)


def is_walk_forward(path: Path) -> bool:
    """Return whether a folder is that of a walk-forward, which may not have ended."""
    folder = WalkFolder(path)
    return is_there(folder.record) or is_there(folder.manifest)
