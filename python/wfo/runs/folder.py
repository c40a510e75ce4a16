"""A run's folder: where each result lives, and of which run it is.

A folder may come from another machine or person. Before anything in it is read or written it is
looked over once: it holds folders and regular files alone, so that no name in it leads out of it.

``results/<SYMBOL>/`` holds ``run.json``, the bars it ran on, candidates, plateaus and ranges; below
``wfo/<strategy>/`` lies what its sweeps found (`wfo.sweeps`). ``run.json`` is sealed, and holds the
digest of every other file that is not checked by a store of its own.

Two symbols, and bars other than daily ones, have folders of their own, ``<SYMBOL>_<SYMBOL2>`` and
``<SYMBOL>_<TIMEFRAME>``. A run that was given a name lies in ``runs/<name>/`` below that. Each has
a history of its own; the count of trials is the symbol's, and lies in ``results/<SYMBOL>/``.
Of symbols that no folder can be called, such as ``BTC/USDT``, `wfo.data.symbols.file_stem` makes a
name; what is shown is always the symbol.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wfo.data.symbols import file_stem
from wfo.errors import InputError, ResultsError
from wfo.files import (
    PART,
    check_tree,
    entries_of,
    file_digest,
    files_below,
    inside,
    is_leftover,
    is_own_file,
    is_own_folder,
    is_there,
    locked,
    make_folder,
    move,
    naming_the_file,
    probe_folder,
    read_bytes,
    read_json,
    read_sealed,
    remove_empty_folder,
    remove_file,
    remove_leftover,
    size_of,
    sync_folder,
    write_sealed,
)
from wfo.files.schema import MOST_COUNT, require
from wfo.runs.manifest import STAGES, Digest, Manifest
from wfo.runs.shapes import STATED, TrialsShape
from wfo.strategy.registry import remember
from wfo.text import brief

#: The file that a process holds while it writes into a folder.
_LOCK = ".lock"

#: The file that a process holds while it counts a search of a symbol, of whichever run.
_TRIALS_LOCK = ".trials.lock"

#: The file that a process holds while it spends a hold-out of a symbol.
_HOLDOUTS_LOCK = ".holdouts.lock"

#: How often a folder is made that others remove meanwhile.
_ATTEMPTS = 10

#: The bars whose length no folder states.
_DAILY = "1day"

#: Folder of the runs that have names.
_RUNS = "runs"

#: Folder of the walk-forwards on the same bars, which are no part of a run.
WALKS = "walkforward"

#: What a run can be called: neither a path nor hidden, and on Windows no name ends in a point.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")

#: Symbols after which an earlier version named folders as they are. A few of them, such as ``CON``
#: and ``A.``, have other names now; where the folder of such a name is there, it stays in use.
_OLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^=_-]*")

#: Characters of such a name; file systems take 255 bytes.
_LONGEST_NAME = 100

#: Bytes that are read of the name of a process that holds a folder.
_HOLDER_BYTES = 1000


def require_name(name: str, what: str = "a run") -> str:
    """Return `name` if a run, or something else that has a folder, can be called like that.

    Raises
    ------
    InputError
        If it is not made of letters, digits and ``. _ -``, or begins or ends with another than a
        letter or digit; at its end ``_`` and ``-`` are allowed.
    """
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise InputError(
            f"{what} cannot be called {brief(name)}: it names a folder, so letters, digits and"
            f" . _ - only, a letter or digit first, no point last, {_LONGEST_NAME} characters at"
            " most"
        )
    return name


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path
        The folder; it need not exist.
    out
        The folder below which every symbol has its own; by default what the place of `path` says.
    """

    #: The option that says where all results are.
    option = "--out"

    def __init__(self, path: Path, out: Path | None = None) -> None:
        self.path = path
        self._out = out
        self._looked_over = False

    def look_over(self) -> None:
        """Raise unless the folder holds folders and regular files alone; the first time only.

        What is in ``runs``, ``walkforward`` and ``.history`` is looked over where it is used. A
        folder that its user names may be a link; one that is found by a symbol and a name below
        another folder may not, for that folder may be of others.

        Raises
        ------
        ResultsError
            With what it holds beside them.
        """
        if self._looked_over:
            return
        if self._out is not None and self.path.is_relative_to(self._out):
            inside(self._out, self.path.relative_to(self._out).as_posix())
        check_tree(self.path, skip=(_RUNS, WALKS, self.history.name))
        self._looked_over = True

    def file(self, name: str) -> Path:
        """Return the path of a file that another file names.

        Raises
        ------
        ResultsError
            If that is no name of a file below the folder.
        """
        return inside(self.path, name)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def of(
        cls,
        out: Path,
        symbol: str,
        symbol2: str | None = None,
        timeframe: str = _DAILY,
        name: str | None = None,
    ) -> RunFolder:
        """Return the folder below `out` of a run.

        Parameters
        ----------
        out
            Where all results are.
        symbol, symbol2, timeframe
            The bars.
        name
            That of the run, if it has one.

        Raises
        ------
        InputError
            If a run, or a symbol, cannot be called like that.
        """
        symbols = [symbol] if symbol2 is None else [symbol, symbol2]
        length = [] if timeframe == _DAILY else [timeframe]
        path = out / "_".join([*map(file_stem, symbols), *length])
        older = out / "_".join([*symbols, *length])
        if older != path and all(map(_OLDER.fullmatch, symbols)) and is_own_folder(older):
            path = older if not is_own_folder(path) else path
        return cls(path if name is None else path / _RUNS / require_name(name), out)

    @classmethod
    def find(
        cls,
        out: Path,
        symbol: str,
        symbol2: str | None = None,
        timeframe: str | None = None,
        name: str | None = None,
    ) -> RunFolder:
        """Return the folder of a run that is to be read.

        An earlier version put intraday runs where only daily ones are now. There one is found too,
        as long as no newer one lies in its place.

        Parameters
        ----------
        out, symbol, symbol2, name
            As in `of`.
        timeframe
            Length of the bars; without it the run is meant that lies where daily ones do, whatever
            its bars are.

        Raises
        ------
        InputError
            If a run cannot be called like that.
        ResultsError
            If daily bars were asked for, and the run is of others.
        """
        found = cls.of(out, symbol, symbol2, timeframe or _DAILY, name)
        if timeframe is None or name is not None:
            return found
        plain = cls.of(out, symbol, symbol2)
        plain.look_over()
        there = stated(plain.manifest, "timeframe") if is_there(plain.manifest) else timeframe
        if timeframe == _DAILY and there not in {timeframe, "unknown"}:
            raise ResultsError(
                f"the run in {plain.path} is of {there} bars; --timeframe {there} finds it, and so"
                " does the name of its folder"
            )
        older = there == timeframe and not is_there(found.manifest) and is_there(plain.manifest)
        return plain if older else found

    @property
    def manifest(self) -> Path:
        """``run.json``."""
        return self.path / "run.json"

    @property
    def bars(self) -> Path:
        """The bars that the run used."""
        return self.path / "bars.parquet"

    @property
    def bars2(self) -> Path:
        """Those of the second symbol, on the same dates."""
        return self.path / "bars2.parquet"

    @property
    def holdout(self) -> Path:
        """The bars that the run has held out."""
        return self.path / "holdout.parquet"

    @property
    def holdout2(self) -> Path:
        """Those of the second symbol, on the same dates."""
        return self.path / "holdout2.parquet"

    @property
    def spent(self) -> Path:
        """What the hold-out of the run came to, once it was spent."""
        return self.path / "holdout.json"

    @property
    def given(self) -> Path:
        """Where grids and schedules are kept that the run was given as values."""
        return self.path / "given"

    @property
    def trials(self) -> Path:
        """The count of every combination searched on a symbol, in the folder that has its name."""
        return self.path / "trials.json"

    def trials_of(self, symbol: str) -> Path:
        """Return the file that counts a symbol's trials, wherever its runs lie."""
        return self._of_symbol(symbol).trials

    @property
    def holdouts(self) -> Path:
        """The list of the hold-outs spent on a symbol, in the folder that has its name."""
        return self.path / "holdouts.json"

    def holdouts_of(self, symbol: str) -> Path:
        """Return the list of the hold-outs spent on a symbol, wherever its runs lie."""
        return self._of_symbol(symbol).holdouts

    def _of_symbol(self, symbol: str) -> RunFolder:
        """Return the folder that has a symbol's name, which may be another one than this.

        Raises
        ------
        ResultsError
            If it is a link, and the path of this folder does not lead through it.
        """
        home = self._home(symbol)
        found = RunFolder.of(home, symbol)
        # Whatever is written as FOLDER/.. has no folder beside it.
        if not Path(os.path.abspath(self.path)).is_relative_to(os.path.abspath(found.path)):
            inside(home, found.path.name)
        return found

    def holdout_lists(self, symbol: str) -> tuple[Path, ...]:
        """Return the lists that a hold-out spent on a symbol is written to.

        That is the one of `holdouts_of`, and of a folder that a link leads to also the one beside
        the folder itself, which runs there read.
        """
        lists = [self.holdouts_of(symbol)]
        there = RunFolder(self.path.resolve())._of_symbol(symbol).holdouts
        if is_own_folder(there.parent) and there.resolve() != lists[0].resolve():
            lists.append(there)
        return tuple(lists)

    def holdouts_beside(self, symbol: str) -> list[Path]:
        """Return the lists in all folders beside a symbol's, one of which may have had its name."""
        homes = dict.fromkeys(path.parent.parent for path in self.holdout_lists(symbol))
        lists = (each / self.holdouts.name for home in homes for each in _folders(home))
        return [path for path in lists if is_there(path)]

    def _home(self, symbol: str) -> Path:
        """Return the folder below which every symbol has its own."""
        if self._out is not None:
            return self._out
        # Whatever is written as FOLDER/.. has no folder beside it.
        path = Path(os.path.abspath(self.path))
        if path.parent.name == self.history.name:
            # A run that another one has taken the place of.
            path = path.parents[1]
        owner = path.parent.parent.name
        owns = any(
            owner == own or owner.startswith(f"{own}_") for own in (symbol, file_stem(symbol))
        )
        named = path.parent.name == _RUNS and owns
        return path.parents[2] if named else path.parent

    @property
    def config(self) -> Path:
        """The list of range files, for TradeStation's optimizer."""
        return self.path / "phase5_refine_config.csv"

    @property
    def history(self) -> Path:
        """Where earlier runs are kept."""
        return self.path / ".history"

    @property
    def runs(self) -> Path:
        """Where the runs of the same bars are that have names."""
        return self.path / _RUNS

    def sweep(self, strategy: str) -> Path:
        """Return the folder of a strategy's figures."""
        return self.path / "wfo" / strategy

    def candidates(self, strategy: str, grid: str, ending: str) -> Path:
        """Return the candidates file with that ending."""
        return self.path / f"candidates_{strategy}_{grid}.{ending}"

    def plateaus(self, strategy: str, grid: str) -> Path:
        """Return the plateaus file."""
        return self.path / f"plateaus_{strategy}_{grid}.csv"

    def regions(self, strategy: str, grid: str) -> Path:
        """Return the file of plateaus in all parameters."""
        return self.path / f"regions_{strategy}_{grid}.csv"

    def plateau_details(self, strategy: str, grid: str) -> Path:
        """Return the file of what each plateau is made of."""
        return self.path / f"plateau_details_{strategy}_{grid}.csv"

    def sensitivity(self, strategy: str, grid: str, ending: str) -> Path:
        """Return the file of what each parameter does, with that ending."""
        return self.path / f"sensitivity_{strategy}_{grid}.{ending}"

    @property
    def refinement(self) -> Path:
        """``refine.json``: which refinements were computed here, and from what."""
        return self.path / "refine.json"

    @property
    def refined(self) -> Path:
        """Where the figures of refinements are."""
        return self.path / "refined"

    def inputs(self) -> list[Path]:
        """Return the files that a run has kept of what it read."""
        bars = (self.bars, self.bars2, self.holdout, self.holdout2)
        return [p for p in (*bars, *entries_of(self.given)) if is_own_file(p)]

    def is_input(self, name: str) -> bool:
        """Whether a file of that name below the folder is one of them."""
        path = self.path / name
        bars = {self.bars, self.bars2, self.holdout, self.holdout2}
        return path in bars or path.parent == self.given

    def read_manifest(self, *, scored: bool = True, mends: Collection[str] = ()) -> Manifest:
        """Return ``run.json`` of a run that is complete.

        Parameters
        ----------
        scored
            Whether candidates, plateaus and ranges must be complete too, or the sweeps alone.
        mends
            Statuses of a stage that is cut short, which the caller runs again.

        Raises
        ------
        ResultsError
            If there is no run, or it did not finish.
        """
        self.look_over()
        if not is_there(self.manifest):
            if self.path.parent.name == WALKS:
                raise ResultsError(
                    f"{self.path} is the folder of a walk-forward, and no run's: 'wfo"
                    " permutation-test' and 'wfo verify' take it, and 'wfo signal --set-file' and"
                    " 'wfo simulate --set-file' take the set that it ends with,"
                    f" {self.path / 'last_set.json'}"
                )
            raise ResultsError(
                f"there is no run in {self.path}: it has no run.json; 'wfo run' makes one, --out"
                " says where, and 'wfo results' lists those that there are"
            )
        try:
            manifest = Manifest.read(self.manifest)
        except ResultsError as error:
            raise ResultsError(f"{error}; run again") from error
        if not manifest.is_swept:
            raise ResultsError(
                f"the run in {self.path} did not finish; the same command goes on with it:"
                f" {manifest.command}"
            )
        if scored and not manifest.is_complete and manifest.status not in mends:
            what, command = self._cut_short(manifest)
            raise ResultsError(
                f"the run in {self.path} was being {what}, which did not finish; do it again:"
                f" {command}"
            )
        remember(manifest.strategies)
        return manifest

    def _cut_short(self, manifest: Manifest) -> tuple[str, str]:
        """Return what was being done to a run whose sweeps are complete, and its command."""
        for name, status in STAGES.items():
            if manifest.status == status:
                stage = manifest.stages.get(name)
                again = shlex.join(["wfo", name, str(self.path)])
                what = "given other plateaus" if name == "plateaus" else "given other ranges"
                return what, stage.command if stage and stage.command else again
        return "rescored", shlex.join(["wfo", "rescore", str(self.path)])

    def earlier(self) -> Manifest | None:
        """Return ``run.json`` of the run that is there, however far it came; None without one.

        One that is damaged counts as none: what it says cannot be built upon.

        Raises
        ------
        ResultsError
            If the folder holds something else than folders and files.
        """
        self.look_over()
        try:
            return Manifest.read(self.manifest)
        except ResultsError:
            return None

    def digests(self, paths: Iterable[Path]) -> dict[str, Digest]:
        """Return size and SHA-256 of files, by their names below the folder."""
        return {
            p.relative_to(self.path).as_posix(): Digest(size_of(p), file_digest(p)) for p in paths
        }

    def check_digest(self, name: str, stated: Digest) -> int:
        """Return the size of a file below the folder, which is as `digests` stated.

        Raises
        ------
        ResultsError
            If it is not.
        """
        path = self.file(name)
        # A size that differs spares reading what may be of any length.
        other = is_own_file(path) and size_of(path) != stated.bytes
        if other or file_digest(path) != stated.sha256:
            raise ResultsError(f"{path} is damaged or was changed: it is not as it was written")
        return size_of(path)

    @contextlib.contextmanager
    def hold(self, holder: str) -> Iterator[None]:
        """Make the folder and hold it for one process, until the block ends or the process dies.

        If the block ends without a file in a folder that was made for it, that goes again.

        Parameters
        ----------
        holder
            What another process that wants it meanwhile reads in the message.

        Raises
        ------
        ResultsError
            If the folder cannot be made, or another process holds it.
        """
        self.look_over()
        path = self.path / _LOCK
        folders = (self.path, *self.path.parents)
        made = list(itertools.takewhile(lambda p: not is_there(p), folders))
        with naming_the_file(path):
            for attempt in itertools.count(1):
                try:
                    make_folder(self.path)
                    file = locked(path)
                    break
                except FileNotFoundError:
                    # Another process has just removed a folder that it had made for nothing.
                    if attempt == _ATTEMPTS:
                        raise
        if file is None:
            other = ""
            with contextlib.suppress(OSError):
                said = read_bytes(path, most=_HOLDER_BYTES, links=False)
                other = "".join(c for c in said.decode("utf-8", "replace") if c.isprintable())
            raise ResultsError(
                f"{self.path} is in use by {other or 'another process'}; wait for it, or choose"
                f" another folder with {self.option}"
            )
        with file:
            # The name of the holder is a courtesy, which a full disk does not allow.
            with contextlib.suppress(OSError):
                file.truncate(0)
                # A file name in a command may not be UTF-8.
                said = f"process {os.getpid()}: {holder}".encode(errors="backslashreplace")
                os.write(file.fileno(), said[:_HOLDER_BYTES])
            try:
                yield
            finally:
                # Removed before it is let go, so that no process comes to hold a file without a
                # name. An open file cannot be removed on Windows, where an empty one stays behind.
                with contextlib.suppress(OSError):
                    remove_file(path)
                    all(map(remove_empty_folder, made))

    def prepare(
        self,
        run_fingerprint: str,
        strategies: Sequence[str] = (),
        *,
        fresh: bool = False,
        damaged: bool = False,
    ) -> Path | None:
        """Make the folder ready for a run, and return where an earlier, other one was moved.

        If the run that begins is in the history, it comes back: what it has found counts. Nothing
        is ever removed but files that were being written when a process was killed, and of those
        not the figures of sweeps, where a run goes on.

        Parameters
        ----------
        run_fingerprint
            Of the run that begins; one of the same fingerprint stays, and is gone on with.
        strategies
            Those of the run, whose unfinished sweeps go on.
        fresh
            Whether the same run moves too, and none comes back.
        damaged
            Whether the manifest cannot be read, and the figures are known to be of this run.

        Raises
        ------
        ResultsError
            If the folder cannot be made or written.
        """
        self.look_over()
        with naming_the_file(self.path):
            make_folder(self.path)
            check_tree(self.history, skip=[each.name for each in entries_of(self.history)])
            probe_folder(self.path)
            moved = self._move_out(run_fingerprint, fresh=fresh, damaged=damaged)
            if not fresh and not is_there(self.manifest):
                self._move_in(run_fingerprint)
            going_on = [self.sweep(name) for name in strategies]
            for stale in self._unfinished():
                figures = stale.name.endswith(f".npy{PART}")
                if figures and any(stale.is_relative_to(s) for s in going_on):
                    continue
                if is_leftover(stale.name):
                    remove_leftover(stale)
                else:
                    remove_file(stale)
        return moved

    # A run moves entry by entry, its manifest last on the way out and first on the way back. So a
    # folder of the history without a manifest is a part of the run whose manifest lies here.

    def _move_out(self, run_fingerprint: str, *, fresh: bool, damaged: bool) -> Path | None:
        """Move whatever is not of the run into the history."""
        here = is_there(self.manifest)
        if not here and not self._has_results():
            return None
        # It becomes a name in the history: what is no fingerprint is unknown.
        earlier = stated(self.manifest, "fingerprint")
        if earlier != "unknown":
            for part in self._taken(earlier):
                if not is_there(part / self.manifest.name):
                    self._bring(part)
        if (earlier == run_fingerprint or damaged) and not fresh:
            return None
        target = next(place for place in self._places(earlier) if not is_there(place))
        make_folder(target)
        for entry in sorted(self._entries(), key=lambda e: e == self.manifest):
            move(entry, target / entry.name)
        sync_folder(target)
        sync_folder(self.path)
        return target

    def _has_results(self) -> bool:
        """Whether there is something of worth beside the manifest, which may be lost."""
        return is_there(self.path / "wfo")

    def _move_in(self, run_fingerprint: str) -> None:
        """Bring a run back from the history, where it is there."""
        for place in self._taken(run_fingerprint):
            if stated(place / self.manifest.name, "fingerprint") == run_fingerprint:
                self._bring(place)
                return

    def _bring(self, place: Path) -> None:
        """Move all that a folder of the history has back, the manifest first."""
        check_tree(place)
        entries = sorted(self._entries(place), key=lambda e: e.name != self.manifest.name)
        for entry in entries:
            if not is_there(self.path / entry.name):
                move(entry, self.path / entry.name)
        # What is here already was made again after a move that was cut short.
        remove_empty_folder(place)
        sync_folder(self.path)

    def _entries(self, place: Path | None = None) -> list[Path]:
        """Return what of the folder, or of one of the history, belongs to its run.

        Runs of the history and those that have names are others, which may be under way, and so are
        walk-forwards.
        """
        counts = (self.trials, self.holdouts)
        kept = {_LOCK, _TRIALS_LOCK, _HOLDOUTS_LOCK, self.history.name, _RUNS, WALKS}
        kept |= {count.name for count in counts}
        # So are files that are being written beside them.
        return [
            e
            for e in entries_of(place or self.path)
            if e.name not in kept and not any(is_leftover(e.name, count) for count in counts)
        ]

    def _unfinished(self) -> list[Path]:
        """Return the files of the run that were being written when a process was killed."""
        entries = self._entries()
        below = [p for e in entries if is_own_folder(e) for p in files_below(e)]
        return [p for p in (*entries, *below) if p.name.endswith(PART) and is_own_file(p)]

    def _taken(self, run_fingerprint: str) -> list[Path]:
        """Return those of them that there are."""
        return list(itertools.takewhile(is_there, self._places(run_fingerprint)))

    def _places(self, run_fingerprint: str) -> Iterator[Path]:
        """Yield the folders in which a run may be in the history, the first one first."""
        name = run_fingerprint[:8]
        yield self.history / name
        for number in range(2, 10_000):
            yield self.history / f"{name}-{number}"

    def remove_ranges(self, keep: Sequence[Path]) -> None:
        """Remove range files of an earlier scoring that this one has not written again."""
        self._remove(re.compile(r"phase5_refine_.*_rank.*\.csv"), keep)

    def remove_details(self, keep: Sequence[Path]) -> None:
        """Remove details of plateaus that are not there any more."""
        self._remove(re.compile(r"plateau_details_.*\.csv"), keep)

    def _remove(self, named: re.Pattern[str], keep: Sequence[Path]) -> None:
        """Remove the files of a kind that are not to be kept."""
        for path in entries_of(self.path):
            if path not in keep and named.fullmatch(path.name):
                with naming_the_file(path):
                    remove_file(path)

    def count_trials(self, symbol: str, search: Mapping[str, Any]) -> int:
        """Count a search of the symbol, once however often it is repeated; return the total.

        One that is made again from its beginning counts no less than before.

        Parameters
        ----------
        symbol
            The symbol that was searched; runs of it beside different second symbols count together.
        search
            ``fingerprint`` and ``combinations`` of the search, and what else describes it.
        """
        path = self.trials_of(symbol)
        with naming_the_file(path):
            make_folder(path.parent)
            # Other runs of the symbol have folders, and locks, of their own.
            lock = locked(path.parent / _TRIALS_LOCK, wait=True)
        assert lock is not None  # noqa: S101  # it was waited for
        with lock:
            data = self.read_trials(symbol)
            same = [s for s in data["searches"] if s["fingerprint"] == search["fingerprint"]]
            searches = [s for s in data["searches"] if s not in same]
            most = max(s["combinations"] for s in [*same, search])
            # Bars are kept back also where the same search is made without that.
            held = [("holdout", s["holdout"]) for s in same if "holdout" in s]
            searches.append({**dict(held), **search, "combinations": most})
            total: int = min(sum(s["combinations"] for s in searches), MOST_COUNT)
            write_sealed(path, {"total": total, "searches": searches})
            _remove(path.parent / _TRIALS_LOCK)
        return total

    @contextlib.contextmanager
    def hold_spendings(self, symbols: Collection[str]) -> Iterator[None]:
        """Hold the lists of hold-outs spent on some symbols for one process, until the block ends.

        Another process that wants one of them waits.

        Raises
        ------
        ResultsError
            If their folders cannot be made or written.
        """
        # In one order, so that no two processes wait for each other.
        lists = (path for symbol in symbols for path in self.holdout_lists(symbol))
        places = sorted({path.parent.resolve() for path in lists})
        with contextlib.ExitStack() as stack:
            for place in places:
                made = not is_there(place)
                with naming_the_file(place / _HOLDOUTS_LOCK):
                    make_folder(place)
                    if made:
                        # It goes again where nothing is written.
                        stack.callback(remove_empty_folder, place)
                    lock = locked(place / _HOLDOUTS_LOCK, wait=True)
                assert lock is not None  # noqa: S101  # it was waited for
                stack.enter_context(lock)
                # Removed before it is let go, as that of a run is.
                stack.callback(_remove, place / _HOLDOUTS_LOCK)
            yield

    def read_trials(self, symbol: str) -> dict[str, Any]:
        """Return the searches of a symbol so far.

        Raises
        ------
        ResultsError
            If the file that counts them is damaged.
        """
        path = self.trials_of(symbol)
        if not is_there(path):
            return {"total": 0, "searches": []}
        try:
            data = read_sealed(path)
            require(data, TrialsShape, f"{path} is no count of trials: it")
            return data
        except ResultsError as error:
            raise ResultsError(
                f"{error}; it is the count of a symbol's trials: put a good copy in its place, or"
                " remove it to count from nothing"
            ) from error

    def searched(self, manifest: Manifest) -> int:
        """Return how many combinations were ever searched on the symbol of a run, at least.

        The count grows after the run, as by refinements. A folder that was moved has left it
        behind; the run's own word is what is known then.

        Raises
        ------
        ResultsError
            If the file that counts them is damaged.
        """
        stated = manifest.completion.trials if manifest.completion else 0
        return max(int(self.read_trials(manifest.symbol)["total"]), stated)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        remove_file(path)


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder; none of one that cannot be read."""
    with contextlib.suppress(OSError):
        return [path for path in entries_of(folder) if is_own_folder(path)]
    return []


def stated(manifest: Path, key: str) -> str:
    """Return what a manifest states, or ``"unknown"`` if it is no such thing or cannot be read."""
    try:
        data = read_json(manifest)
        require(data, STATED[key], "it")
        return str(data[key])
    except ResultsError:
        return "unknown"
