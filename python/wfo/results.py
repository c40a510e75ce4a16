"""A run's folder: where each result lives, and how figures get in and out of it.

``results/<SYMBOL>/`` holds ``run.json``, the bars it ran on, candidates, plateaus and ranges; below
``wfo/<strategy>/phase<k>/`` lie the figures of every combination, one ``.npy`` file each, in flat
index order: money as float32, trades as uint16 that stop at 65,535. Files are written and read in
streams: mapped, their pages would count as memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from wfo.engine import Figures
from wfo.errors import ResultsError
from wfo.files import PART, locked, naming_the_file, read_json, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: File types of the six figures, in the order of `Figures`.
DTYPES = ("<f4", "<f4", "<f4", "<f4", "<u2", "<u2")

#: Bytes of one combination in one phase.
CELL_BYTES = 20

_MOST_TRADES = 65_535

#: The file that a process holds while it writes into a folder.
_LOCK = ".lock"


def fingerprint(data: Any) -> str:
    """Return a hash of plain values that does not depend on the order of their keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path
        The folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def of(cls, out: Path, symbol: str, symbol2: str | None = None) -> RunFolder:
        """Return the folder below `out` of a run of one symbol, or of two."""
        return cls(out / (f"{symbol}_{symbol2}" if symbol2 else symbol))

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
    def trials(self) -> Path:
        """The count of every combination searched on the symbol."""
        return self.path / "trials.json"

    @property
    def history(self) -> Path:
        """Where earlier runs are kept."""
        return self.path / ".history"

    def sweep(self, strategy: str) -> Path:
        """Return the folder of a strategy's figures."""
        return self.path / "wfo" / strategy

    def candidates(self, strategy: str, grid: str, ending: str) -> Path:
        """Return the candidates file with that ending."""
        return self.path / f"candidates_{strategy}_{grid}.{ending}"

    def plateaus(self, strategy: str, grid: str) -> Path:
        """Return the plateaus file."""
        return self.path / f"plateaus_{strategy}_{grid}.csv"

    def read_manifest(self, *, scored: bool = True) -> dict[str, Any]:
        """Return ``run.json`` of a run that is complete.

        Parameters
        ----------
        scored
            Whether candidates, plateaus and ranges must be complete too, or the sweeps alone.

        Raises
        ------
        ResultsError
            If there is no run, or it did not finish.
        """
        if not self.manifest.is_file():
            raise ResultsError(
                f"there is no run in {self.path}: it has no run.json; 'wfo run' makes one, and"
                " --out says where"
            )
        try:
            manifest = read_json(self.manifest)
        except ResultsError as error:
            raise ResultsError(f"{error}; run again") from error
        if not isinstance(manifest, dict) or "fingerprint" not in manifest:
            raise ResultsError(f"{self.manifest} is not the manifest of a run; run again")
        status = manifest.get("status")
        if status == "rescoring" and scored:
            raise ResultsError(
                f"the run in {self.path} was being rescored, which did not finish; do it again:"
                f" wfo rescore {self.path}"
            )
        if status not in {"complete", "rescoring"}:
            raise ResultsError(
                f"the run in {self.path} did not finish; run it again: {manifest.get('command')}"
            )
        return manifest

    def is_complete(self) -> bool:
        """Whether the folder holds a complete run."""
        return self.manifest.is_file() and _stated(self.manifest, "status") == "complete"

    @contextlib.contextmanager
    def hold(self, who: str) -> Iterator[None]:
        """Make the folder and hold it for one process, until the block ends or the process dies.

        Parameters
        ----------
        who
            What another process is told that wants it meanwhile.

        Raises
        ------
        ResultsError
            If the folder cannot be made, or another process holds it.
        """
        path = self.path / _LOCK
        with naming_the_file(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            file = locked(path)
        if file is None:
            holder = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
            raise ResultsError(
                f"{self.path} is in use by {holder or 'another process'}; wait for it, or choose"
                " another folder with --out"
            )
        with file:
            file.truncate(0)
            file.write(f"process {os.getpid()}: {who}")
            file.flush()
            try:
                yield
            finally:
                # Gone before it is let go, so that nobody comes to hold a file without a name. An
                # open file cannot be removed on Windows, where an empty one stays behind.
                with contextlib.suppress(OSError):
                    path.unlink()

    def prepare(self, run_fingerprint: str) -> Path | None:
        """Make the folder ready for a run, and return where an earlier, other one was moved.

        Raises
        ------
        ResultsError
            If the folder cannot be made or written.
        """
        with naming_the_file(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / f"probe{PART}"
            probe.write_bytes(b"")
            probe.unlink()
            # What was being written when a process was killed belongs to nobody.
            for stale in self.path.rglob(f"*{PART}"):
                stale.unlink()
        if not self.manifest.is_file():
            return None
        earlier = _stated(self.manifest, "fingerprint")
        if earlier == run_fingerprint:
            return None
        target = self.history / earlier[:8]
        kept = target / self.manifest.name
        if _stated(kept, "status") == "complete" != _stated(self.manifest, "status"):
            # An attempt that did not finish takes nothing away from one that did.
            target = self.history / f"{earlier[:8]}-unfinished"
        with naming_the_file(target):
            # The same run again is the same files again; without a manifest it is this very one,
            # whose move was cut short.
            if (target / self.manifest.name).exists():
                shutil.rmtree(target)
            target.mkdir(parents=True, exist_ok=True)
            kept_here = {self.history, self.trials, self.path / _LOCK}
            # The manifest goes last: until then the folder still says whose files these are.
            entries = [e for e in self.path.iterdir() if e not in kept_here]
            for entry in sorted(entries, key=lambda e: e == self.manifest):
                entry.rename(target / entry.name)
        return target

    def remove_ranges(self, keep: Sequence[Path]) -> None:
        """Remove range files of an earlier scoring that this one has not written again."""
        for path in self.path.glob("phase5_refine_*_rank*.csv"):
            if path not in keep:
                path.unlink()

    def count_trials(self, symbol: str, search: Mapping[str, Any]) -> int:
        """Count a search of the symbol, once however often it is repeated; return the total.

        Parameters
        ----------
        symbol
            The symbol that was searched; runs of it beside different second symbols count together.
        search
            ``fingerprint`` and ``combinations`` of the search, and what else describes it.
        """
        data = self.read_trials(symbol)
        searches = [s for s in data["searches"] if s["fingerprint"] != search["fingerprint"]]
        searches.append(dict(search))
        total = sum(int(s["combinations"]) for s in searches)
        path = RunFolder.of(self.path.parent, symbol).trials
        with naming_the_file(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"total": total, "searches": searches})
        return total

    def read_trials(self, symbol: str) -> dict[str, Any]:
        """Return the searches of a symbol so far.

        Raises
        ------
        ResultsError
            If the file that counts them is damaged.
        """
        path = RunFolder.of(self.path.parent, symbol).trials
        if not path.is_file():
            return {"total": 0, "searches": []}
        data = read_json(path)
        try:
            counted = sum(int(s["combinations"]) for s in data["searches"] if s["fingerprint"])
        except (KeyError, TypeError, ValueError):
            counted = None
        if counted is None:
            raise ResultsError(
                f"{path} is not the count of a symbol's trials; put a good copy in its place, or"
                " remove it to count from nothing"
            )
        return {"total": counted, "searches": data["searches"]}


class SweepWriter:
    """Writes the figures of a sweep, block by block; the files appear together, when complete.

    Parameters
    ----------
    folder
        ``wfo/<strategy>`` of a run.
    combinations, phases
        Size of the sweep.
    """

    def __init__(self, folder: Path, combinations: int, phases: int) -> None:
        self.folder = folder
        self.combinations = combinations
        self.written = 0
        self._paths = [
            [folder / f"phase{k}" / f"{name}.npy" for name in Figures._fields]
            for k in range(1, phases + 1)
        ]
        self._files: list[list[IO[bytes]]] = []

    def __enter__(self) -> Self:
        try:
            with naming_the_file(self.folder):
                self._open()
        except BaseException:
            # A block that was never entered is never left either.
            self._discard()
            raise
        return self

    def _open(self) -> None:
        import numpy as np

        for paths in self._paths:
            paths[0].parent.mkdir(parents=True, exist_ok=True)
            self._files.append([])
            for path, dtype in zip(paths, DTYPES, strict=True):
                file = _part(path).open("wb")
                self._files[-1].append(file)
                np.lib.format.write_array_header_1_0(
                    file,
                    {"descr": dtype, "fortran_order": False, "shape": (self.combinations,)},
                )

    def append(self, block: Sequence[Figures]) -> None:
        """Write the next combinations, one item of `block` a phase."""
        import numpy as np

        for files, paths, figures in zip(self._files, self._paths, block, strict=True):
            for file, path, dtype, column in zip(files, paths, DTYPES, figures, strict=True):
                values = np.minimum(column, _MOST_TRADES) if dtype == "<u2" else column
                with naming_the_file(path):
                    file.write(np.ascontiguousarray(values, dtype).data)
        self.written += len(block[0].is_pnl)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def _discard(self) -> None:
        """Close and remove whatever has not taken its name."""
        for file in (f for files in self._files for f in files):
            # Closing flushes, and a full disk would say so here once more.
            with contextlib.suppress(OSError):
                file.close()
        for path in (path for paths in self._paths for path in paths):
            # A file where a folder should be was the error, and is not ours.
            with contextlib.suppress(OSError):
                _part(path).unlink()

    def _finish(self) -> None:
        if self.written != self.combinations:
            raise ResultsError(
                f"{self.folder}: {self.written} of {self.combinations} combinations were written"
            )
        for files, paths in zip(self._files, self._paths, strict=True):
            for file, path in zip(files, paths, strict=True):
                with naming_the_file(path):
                    file.flush()
                    os.fsync(file.fileno())
                    file.close()
                    _part(path).replace(path)


class StoredSweep:
    """The figures of a complete sweep on disk.

    Parameters
    ----------
    folder
        ``wfo/<strategy>`` of a run.
    combinations, phases
        Size that the manifest states.

    Raises
    ------
    ResultsError
        If a file is missing or has another type or size.
    """

    def __init__(self, folder: Path, combinations: int, phases: int) -> None:
        self._files: list[list[tuple[Path, str, int]]] = []
        for k in range(1, phases + 1):
            self._files.append(
                [
                    _checked(folder / f"phase{k}" / f"{name}.npy", dtype, combinations)
                    for name, dtype in zip(Figures._fields, DTYPES, strict=True)
                ]
            )

    def read(self, start: int, stop: int) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""
        return [Figures(*(_stretch(*f, start, stop) for f in files)) for files in self._files]


def _stated(manifest: Path, key: str) -> str:
    """Return what a manifest states, or ``"unknown"`` if it cannot be read."""
    try:
        return str(read_json(manifest)[key])
    except (ResultsError, KeyError, TypeError):
        return "unknown"


def _part(path: Path) -> Path:
    return path.with_name(path.name + PART)


def _checked(path: Path, dtype: str, combinations: int) -> tuple[Path, str, int]:
    """Return path, type and position of the data of an ``.npy`` file of the stated size."""
    import numpy as np

    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, found = np.lib.format.read_array_header_1_0(file)
            offset = file.tell()
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read ({error}); run again") from error
    if shape != (combinations,) or found != np.dtype(dtype):
        raise ResultsError(
            f"{path} holds {shape} values of {found}, the run's manifest states {combinations} of"
            f" {np.dtype(dtype)}; run again"
        )
    size = path.stat().st_size
    if size != offset + combinations * np.dtype(dtype).itemsize:
        raise ResultsError(f"{path} is cut off at {size} bytes; run again")
    return path, dtype, offset


def _stretch(path: Path, dtype: str, offset: int, start: int, stop: int) -> NDArray[np.generic]:
    import numpy as np

    found: NDArray[np.generic] = np.fromfile(
        path,
        dtype,
        count=stop - start,
        offset=offset + start * np.dtype(dtype).itemsize,
    )
    return found
