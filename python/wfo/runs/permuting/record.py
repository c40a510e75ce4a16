"""``permutations/<variant>.json``: the figures of all searches of a test, and their basis.

A record is written again after every batch of searches. It holds for the run, version, gates and
variant that its key is made of; one of others is set aside, not mixed in, and comes back with them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files import (
    entries_of,
    is_own_folder,
    is_there,
    make_folder,
    move,
    naming_the_file,
    read_sealed,
    sync_folder,
    write_sealed,
)
from wfo.files.schema import HexDigest, Ordinal, SafeName, ShortText, require
from wfo.runs.identity import fingerprint, kernel_digest
from wfo.runs.machine import core_version
from wfo.runs.permuting.values import (
    BESIDE,
    OUTCOMES,
    STABLE,
    PermutationTest,
    TestShape,
    Variant,
)
from wfo.runs.shapes import GatesShape, StrategyName
from wfo.selection.gates import Gates, gate_sets
from wfo.text import shown

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import Manifest

#: Version of the layout of a record, and of the orders of permuted bars.
LAYOUT = 1

#: Folder of the records, below the run's.
FOLDER = "permutations"

#: Folder below it of records that do not hold for the run as it is now.
_EARLIER = "earlier"

#: Names of records.
_RECORD = re.compile(r"(?:later|(?:later-)?blocks[1-9][0-9]{0,8}|bars)\.json")

#: Closed out-of-sample trades of a combination that trades, in as many phases as a stable one is
#: valid in.
MIN_TRADES = 5


class BasisShape(TypedDict):
    """What the figures of a test follow from."""

    wfo: ShortText
    run: HexDigest
    bars: dict[SafeName, HexDigest]
    gates: dict[ShortText, GatesShape]
    least: Ordinal
    kernels: dict[StrategyName, HexDigest]


class RecordShape(TestShape):
    """``permutations/<variant>.json``."""

    basis: BasisShape


@dataclass(frozen=True, slots=True)
class Basis:
    """What the figures of a test follow from, beside its variant.

    Attributes
    ----------
    wfo
        Version of what computes.
    run
        Fingerprint of the run.
    bars
        Digests of the bars that the run has kept, SHA-256 by file name.
    gates
        The sets that are counted, by name.
    least
        Phases in which a stable combination is valid.
    kernels
        Digests of the files of kernels that are not of this package, by strategy.
    """

    wfo: str
    run: str
    bars: Mapping[str, str]
    gates: Mapping[str, Gates]
    least: int
    kernels: Mapping[str, str]

    @classmethod
    def of(cls, folder: RunFolder, manifest: Manifest, version: str) -> Basis:
        """Return that of a run as it is now.

        Parameters
        ----------
        folder, manifest
            The run.
        version
            Of what computes.
        """
        stated = {
            path.name: manifest.sums[path.name].sha256
            for path in (folder.bars, folder.bars2)
            if path.name in manifest.sums
        }
        gates = {each.name: each.rules for each in gate_sets(manifest.gates)}
        least = manifest.gates.required(len(manifest.phases), manifest.phases.min_phases)
        digests = {g.strategy.name: kernel_digest(g.strategy) for g in manifest.load_grids()}
        kernels = {name: digest for name, digest in digests.items() if digest is not None}
        return cls(version, manifest.fingerprint, stated, gates, least, kernels)

    def key(self, variant: Variant) -> str:
        """Return what the figures of a test follow from, hashed."""
        return fingerprint({"layout": LAYOUT, **self.to_dict(), "variant": variant.to_dict()})

    def differs(self, other: Basis) -> str:
        """Say in what another basis differs, for a sentence; empty where it does not."""
        words = {
            "run": "another run",
            "bars": "other bars",
            "gates": "other gates",
            "least": f"{other.least} valid phases in place of {self.least}",
            "kernels": "another kernel",
            "wfo": f"wfo {other.wfo}",
        }
        own, its = self.to_dict(), other.to_dict()
        return ", ".join(text for name, text in words.items() if own[name] != its[name])

    @classmethod
    def from_dict(cls, data: Any, where: str = "basis") -> Basis:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, BasisShape, where)
        try:
            gates = {n: Gates.from_dict(each) for n, each in data["gates"].items()}
        except (InputError, TypeError) as error:
            raise ResultsError(f"gates of {where} cannot be used: {error}") from error
        return cls(data["wfo"], data["run"], data["bars"], gates, data["least"], data["kernels"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "wfo": self.wfo,
            "run": self.run,
            "bars": dict(self.bars),
            "gates": {name: each.to_dict() for name, each in self.gates.items()},
            "least": self.least,
            "kernels": dict(self.kernels),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What ``permutations/<variant>.json`` holds.

    Attributes
    ----------
    basis
        What the figures follow from.
    test
        The figures.
    """

    basis: Basis
    test: PermutationTest

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read what `write` wrote.

        Raises
        ------
        ResultsError
            If the file is damaged, of another version's layout, or no record.
        """
        try:
            data = read_sealed(path)
            layout = data.get("version")
            if layout != LAYOUT:
                raise ResultsError(
                    f"{path} has the layout {shown(layout)}, and this wfo reads {LAYOUT}"
                )
            require(data, RecordShape, "it", file=path)
            basis = Basis.from_dict(data["basis"], f"basis of {path}")
            test = PermutationTest.from_dict(data, str(path))
            if test.key != basis.key(test.variant) or test.least != basis.least:
                raise ResultsError(f"{path}: its key is not that of what it states")
            names = [*(f"{STABLE}{name}" for name in basis.gates), *OUTCOMES, *BESIDE]
            if any(sorted(each.names) != sorted(names) for each in test.searched.values()):
                raise ResultsError(f"{path} has other figures than those of its gates")
            if f"{test.variant.name}.json" != path.name and path.parent.name == FOLDER:
                raise ResultsError(f"{path} is the record of {test.variant.name}")
        except ResultsError as error:
            home = next((p.parent for p in path.parents if p.name == FOLDER), path.parent)
            again = shlex.join(["wfo", "permutation-test", str(home)])
            raise ResultsError(
                f"{error}; move it out of {path.parent}, and '{again}', with the options of that"
                " variant, computes it anew"
            ) from error
        return cls(basis, test)

    def write(self, path: Path) -> None:
        """Write it whole, sealed with a digest of its own text.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        with naming_the_file(path):
            make_folder(path.parent)
        data = {"version": LAYOUT, "basis": self.basis.to_dict(), **self.test.to_dict()}
        write_sealed(path, data, remedy="see to it, then the same command goes on")


def record_path(folder: RunFolder, variant: Variant) -> Path:
    """Return where the record of a variant is."""
    return folder.path / FOLDER / f"{variant.name}.json"


def record_paths(folder: RunFolder, *, earlier: bool = False) -> list[Path]:
    """Return the records that there are, of this run as it is now or not, by name.

    Parameters
    ----------
    folder
        The run's folder.
    earlier
        Whether those that were set aside count too.

    Raises
    ------
    ResultsError
        If a folder of records cannot be read.
    """
    own = [p for p in _files(folder.path / FOLDER) if _RECORD.fullmatch(p.name)]
    aside = _files(folder.path / FOLDER / _EARLIER) if earlier else []
    return [*own, *(p for p in aside if p.suffix == ".json")]


def _files(folder: Path) -> list[Path]:
    """Return what is in a folder, by name; nothing where there is none.

    A pattern would find nothing in one that cannot be read, as if there had been no test.
    """
    try:
        if is_there(folder) and not is_own_folder(folder):
            raise OSError("it is no folder")
        return entries_of(folder)
    except OSError as error:
        raise ResultsError(
            f"{folder} cannot be read: {error.strerror or error}; see to it, or move it out of the"
            " run's folder"
        ) from error


def read_tests(
    folder: RunFolder, manifest: Manifest | None = None, *, version: str | None = None
) -> tuple[PermutationTest, ...]:
    """Return the permutation tests that hold for a run as it is now; `stale_tests` names others.

    Parameters
    ----------
    folder
        Folder of a complete run.
    manifest
        Its manifest, where it is read already.
    version
        Of what computes; by default this package's.

    Returns
    -------
    tuple of PermutationTest
        One a variant, ``bars`` first; those that are begun too, of as many runs as are complete,
        one at least.

    Raises
    ------
    ResultsError
        If a record is damaged; the message says what to do.
    """
    manifest = manifest or folder.read_manifest()
    basis = Basis.of(folder, manifest, version or core_version())
    tests = [Record.read(path).test for path in record_paths(folder)]
    held = [t for t in tests if t.key == basis.key(t.variant) and t.runs]
    return tuple(sorted(held, key=lambda t: (t.variant.later, t.variant.block)))


def stale_tests(
    folder: RunFolder, manifest: Manifest | None = None, *, version: str | None = None
) -> tuple[str, ...]:
    """Say which records do not hold for a run as it is now, a sentence each without a stop.

    Parameters
    ----------
    folder, manifest, version
        As in `read_tests`.
    """
    manifest = manifest or folder.read_manifest()
    basis = Basis.of(folder, manifest, version or core_version())
    found = []
    for path in record_paths(folder):
        record = Record.read(path)
        differs = basis.differs(record.basis)
        if differs:
            again = ["wfo", "permutation-test", str(folder.path), *record.test.variant.options]
            found.append(
                f"the permutation test in {FOLDER}/{path.name} is of {differs}, and is not counted;"
                f" '{shlex.join(again)}' computes it anew"
            )
    return tuple(found)


def take_up(
    folder: RunFolder, basis: Basis, variant: Variant
) -> tuple[PermutationTest | None, str]:
    """Return the test that goes on, and what was done to a record that does not hold.

    A record of another basis is moved to ``permutations/earlier/``; one of this basis comes back
    from there.

    Raises
    ------
    ResultsError
        If the record is damaged, or cannot be moved.
    """
    path, key = record_path(folder, variant), basis.key(variant)
    said = ""
    if is_there(path):
        record = Record.read(path)
        if record.test.key == key:
            return record.test, said
        target = _earlier(path, record.test.key)
        _move(path, target)
        said = (
            f"an earlier test of {basis.differs(record.basis)} was moved to"
            f" {FOLDER}/{_EARLIER}/{target.name}"
        )
    kept = _earlier(path, key)
    if is_there(kept):
        record = Record.read(kept)
        if record.test.key == key:
            _move(kept, path)
            back = f"{FOLDER}/{_EARLIER}/{kept.name} holds again, and goes on"
            return record.test, "; ".join(filter(None, (said, back)))
    return None, said


def _earlier(path: Path, key: str) -> Path:
    return path.parent / _EARLIER / f"{path.stem}-{key[:16]}.json"


def _move(path: Path, target: Path) -> None:
    with naming_the_file(target):
        make_folder(target.parent)
        move(path, target)
        sync_folder(target.parent)
        sync_folder(path.parent)
