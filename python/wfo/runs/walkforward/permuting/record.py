"""``permutations.json``: the figures of a test, and what they follow from, written batch by batch.

A record holds for the bars, decisions and version that its basis states. One of others is set
aside, not mixed in, and comes back with them.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files import (
    is_there,
    make_folder,
    move,
    naming_the_file,
    read_sealed,
    sync_folder,
    write_sealed,
)
from wfo.files.schema import HexDigest, ShortText, require
from wfo.runs.identity import fingerprint
from wfo.runs.walkforward.permuting.values import PermutationsShape, WalkPermutations
from wfo.text import shown

#: Version of the layout of a record, and of the orders of permuted bars.
LAYOUT = 1


class BasisShape(TypedDict):
    """What the figures of a test follow from."""

    wfo: ShortText
    walk: HexDigest
    bars: HexDigest


class RecordShape(PermutationsShape):
    """``permutations.json``."""

    basis: BasisShape


@dataclass(frozen=True, slots=True)
class Basis:
    """What the figures of a test follow from, beside its block.

    Attributes
    ----------
    wfo
        Version of what computes.
    walk
        Digest of strategy, grid, settings, schedule and criterion.
    bars
        Digest of the bars.
    """

    wfo: str
    walk: str
    bars: str

    def key(self, block: int) -> str:
        """Return what the figures of a test follow from, hashed."""
        return fingerprint({"layout": LAYOUT, **self.to_dict(), "block": block})

    def differs(self, other: Basis) -> str:
        """Say in what another basis differs, for a sentence; empty where it does not."""
        words = {
            "walk": "another walk-forward",
            "bars": "other bars",
            "wfo": f"wfo {other.wfo}",
        }
        own, its = self.to_dict(), other.to_dict()
        return ", ".join(text for name, text in words.items() if own[name] != its[name])

    def to_dict(self) -> dict[str, str]:
        """Return everything as plain values."""
        return {"wfo": self.wfo, "walk": self.walk, "bars": self.bars}


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What ``permutations.json`` holds.

    Attributes
    ----------
    basis
        What the figures follow from.
    test
        The figures.
    """

    basis: Basis
    test: WalkPermutations

    @property
    def key(self) -> str:
        """What the figures follow from, hashed."""
        return self.basis.key(self.test.block)

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
            basis = Basis(**{name: data["basis"][name] for name in BasisShape.__annotations__})
            return cls(basis, WalkPermutations.from_dict(data, str(path)))
        except (InputError, ResultsError) as error:
            again = shlex.join(["wfo", "permutation-test", str(path.parent)])
            raise ResultsError(
                f"{error}; move it out of {path.parent}, and '{again}' computes it anew"
            ) from error

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


def record_path(folder: Path, block: int) -> Path:
    """Return where the record of a block length is."""
    return folder / (f"permutations_blocks{block}.json" if block else "permutations.json")


def take_up(folder: Path, basis: Basis, block: int) -> tuple[WalkPermutations | None, str]:
    """Return the test that goes on, and what was done to a record that does not hold.

    A record of another basis gets a name with its key; one of this basis comes back from there.

    Raises
    ------
    ResultsError
        If the record is damaged, of another block length, or cannot be moved.
    """
    path, key = record_path(folder, block), basis.key(block)
    said = ""
    if is_there(path):
        record = Record.read(path)
        if record.test.block != block:
            raise ResultsError(
                f"{path} is of blocks of {record.test.block} bars, which its name does not say;"
                " move it out of its folder"
            )
        if record.key == key:
            return record.test, said
        aside = _aside(path, record.key)
        _move(path, aside)
        said = f"an earlier test of {basis.differs(record.basis)} was moved to {aside.name}"
    kept = _aside(path, key)
    if is_there(kept):
        record = Record.read(kept)
        if record.key == key:
            _move(kept, path)
            return record.test, "; ".join(filter(None, (said, f"{kept.name} holds again")))
    return None, said


def _aside(path: Path, key: str) -> Path:
    return path.with_name(f"{path.stem}-{key[:16]}.json")


def _move(path: Path, target: Path) -> None:
    with naming_the_file(target):
        move(path, target)
        sync_folder(target.parent)
