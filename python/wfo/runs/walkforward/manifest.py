"""``walkforward.json``: everything that the page says, and the digests of the files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired, TypedDict

from wfo.data.years import Year
from wfo.errors import InputError, ResultsError
from wfo.files import is_there, read_sealed, write_sealed
from wfo.files.parquet import read_parquet
from wfo.files.schema import (
    Command,
    Count,
    HexDigest,
    Limits,
    NotNegative,
    PositiveNumber,
    RelativeName,
    ShortText,
    StampText,
    Text,
    require,
)
from wfo.runs.manifest import (
    BarsRecord,
    Digest,
    HoldoutRecord,
    read_strategies,
    written_strategies,
)
from wfo.runs.shapes import (
    BarsShape,
    DigestShape,
    GatesShape,
    GridShape,
    HoldoutShape,
    Plain,
    StrategyName,
    Symbol,
    Texts,
    Timeframe,
    YearShape,
)
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.identity import walk_fingerprint
from wfo.runs.walkforward.program_walk import ProgramWalk
from wfo.runs.walkforward.record import WalkShape, walk_of
from wfo.runs.walkforward.report import WalkForwardReport
from wfo.strategy.record import StrategyShape
from wfo.strategy.registry import get_strategy, knows, remember
from wfo.walkforward.matrix import WalkForwardMatrix

if TYPE_CHECKING:
    import polars as pl

    from wfo.strategy import Strategy
    from wfo.walkforward.values import WalkForward

#: Version of the layout of the record.
LAYOUT: Final = 1


class IdentityShape(TypedDict):
    """What makes it this walk-forward; what a decision follows from is part of it."""

    version: ShortText
    grid: GridShape | None
    study: dict[str, Any] | None
    settings: dict[ShortText, Plain]
    by: ShortText
    gates: GatesShape | None
    min_trades: Count
    bars_per_year_given: NotRequired[PositiveNumber | None]
    symbols: Annotated[list[Symbol], Limits("a list of symbols", least=1, most=10_000)]
    timeframe: Timeframe


class RecordShape(TypedDict):
    """``walkforward.json``."""

    layout: Annotated[int, Limits(f"the layout {LAYOUT}", ge=LAYOUT, le=LAYOUT)]
    fingerprint: HexDigest
    identity: IdentityShape
    version: ShortText
    command: Command
    finished: StampText
    data: Annotated[list[BarsShape], Limits("a list of up to 2 symbols' bars", most=2)]
    holdout: HoldoutShape | None
    bars_per_year: NotRequired[YearShape | None]
    strategies: NotRequired[dict[StrategyName, StrategyShape]]
    walk: WalkShape | None
    matrix: dict[str, Any] | None
    program: dict[str, Any] | None
    by_reason: ShortText
    rules: ShortText
    combinations: Count
    trials: dict[Symbol, Count]
    timings: dict[ShortText, NotNegative]
    seconds: NotNegative
    kept: Count
    decided: Count
    moved: Text | None
    notes: Texts
    warnings: Texts
    files: list[RelativeName]
    sums: dict[RelativeName, DigestShape]


def write_record(
    folder: WalkFolder,
    found: WalkForwardReport,
    identity: Mapping[str, Any],
    sums: Mapping[str, Digest],
    strategies: Sequence[Strategy] = (),
) -> None:
    """Write ``walkforward.json``, sealed.

    Parameters
    ----------
    folder
        Where it goes.
    found
        What it says.
    identity
        What makes it this walk-forward.
    sums
        Digests of all other files.
    strategies
        What was searched; none of a program.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    data = {
        "layout": LAYOUT,
        "fingerprint": walk_fingerprint(identity),
        "identity": dict(identity),
        "version": found.version,
        "command": found.command,
        "finished": found.finished,
        "data": [each.to_dict() for each in found.data],
        "holdout": None if found.holdout is None else found.holdout.to_dict(),
        "bars_per_year": None if found.year is None else found.year.to_dict(),
        **written_strategies(strategies),
        "walk": None if found.walk is None else found.walk.to_dict(),
        "matrix": None if found.matrix is None else found.matrix.to_dict(),
        "program": None if found.program is None else found.program.to_dict(),
        "by_reason": found.by_reason,
        "rules": found.rules,
        "combinations": found.combinations,
        "trials": dict(found.trials),
        "timings": dict(found.timings),
        "seconds": round(found.seconds, 3),
        "kept": found.kept,
        "decided": found.decided,
        "moved": None if found.moved is None else str(found.moved),
        "notes": list(found.notes),
        "warnings": list(found.warnings),
        "files": list(found.files),
        "sums": {name: each.to_dict() for name, each in sums.items()},
    }
    write_sealed(folder.record, data)


def read_record(folder: WalkFolder) -> dict[str, Any]:
    """Return ``walkforward.json`` as plain values, as `RecordShape` has them.

    Raises
    ------
    ResultsError
        If there is none, or it is damaged, or of another layout.
    """
    folder.look_over()
    path = folder.record
    if not is_there(path):
        raise ResultsError(
            f"there is no walk-forward in {folder.path}, or it did not end: it has no"
            f" {path.name}; 'wfo walkforward' makes one, and with the same command goes on"
        )
    try:
        data = read_sealed(path)
        require(data, RecordShape, "it", file=path)
        if data["fingerprint"] != walk_fingerprint(data["identity"]):
            raise ResultsError(f"{path}: its fingerprint is not that of its identity")
        there = [name for name in ("walk", "matrix", "program") if data[name] is not None]
        if len(there) != 1:
            raise ResultsError(
                f"{path} must have a walk-forward, a matrix, or a program's walk-forward, and one"
                f" of them; it has {len(there)}"
            )
        symbols = [each["symbol"] for each in data["data"]]
        # Of a program there may be any number of symbols; what they are is part of what it is.
        if symbols != data["identity"]["symbols"] and there != ["program"]:
            raise ResultsError(f"{path}: its bars are of other symbols than it is")
        described = read_strategies(data)
    except ResultsError as error:
        again = "'wfo walkforward' with the same command writes it again"
        raise ResultsError(f"{error}; {again}") from error
    remember(described)
    return data


def read_found(folder: WalkFolder) -> WalkForwardReport:
    """Return what a walk-forward in its folder has found.

    Raises
    ------
    ResultsError
        If it did not end, or a file of it is damaged.
    """
    data = read_record(folder)
    again = f"do it again: {data['command']}" if data["command"] else "do it again"
    try:
        walk = None if data["walk"] is None else _walk(folder, data)
        matrix = program = None
        if data["matrix"] is not None:
            matrix = WalkForwardMatrix.from_dict(data["matrix"])
        if data["program"] is not None:
            program = ProgramWalk.from_dict(data["program"])
        holdout = None if data["holdout"] is None else HoldoutRecord.from_dict(data["holdout"])
    except (ResultsError, InputError) as error:
        raise ResultsError(f"{folder.record}: {error}; {again}") from error
    year = data.get("bars_per_year")
    for each in (walk, matrix):
        if year is not None and each is not None and each.bars_per_year != year["value"]:
            raise ResultsError(
                f"{folder.record}: bars_per_year.value = {year['value']:,.10g} is not what its"
                f" figures count in, {each.bars_per_year:,.10g}; {again}"
            )
    name = next((each.strategy for each in (walk, matrix) if each is not None), None)
    return WalkForwardReport(
        folder=folder.path,
        walk=walk,
        matrix=matrix,
        program=program,
        timeframe=data["identity"]["timeframe"],
        data=tuple(BarsRecord.from_dict(each) for each in data["data"]),
        version=data["version"],
        command=data["command"],
        finished=data["finished"],
        trials=data["trials"],
        seconds=data["seconds"],
        kept=data["kept"],
        decided=data["decided"],
        holdout=holdout,
        moved=None if data["moved"] is None else Path(data["moved"]),
        files=tuple(data["files"]),
        notes=tuple(data["notes"]),
        warnings=tuple(data["warnings"]),
        timings=data["timings"],
        combinations=data["combinations"],
        by_reason=data["by_reason"],
        rules=data["rules"],
        year=None if year is None else Year.from_dict(year),
        strategy=None if name is None or not knows(name) else get_strategy(name),
    )


def read_table(folder: WalkFolder, path: Path, sums: Mapping[str, Any]) -> pl.DataFrame:
    """Return a table of the folder, which is as its record states.

    Raises
    ------
    ResultsError
        If it is missing, or another one.
    """
    if path.name not in sums:
        raise ResultsError(f"it does not list {path.name}")
    folder.check_digest(path.name, Digest.from_dict(sums[path.name]))
    try:
        return read_parquet(path, links=False)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error


def _walk(folder: WalkFolder, data: Mapping[str, Any]) -> WalkForward:
    tables: Sequence[pl.DataFrame] = [
        read_table(folder, path, data["sums"]) for path in (folder.curves, folder.trade_list)
    ]
    return walk_of(data["walk"], *tables)
