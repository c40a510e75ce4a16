"""The list of studies, the page of one, and its trials as files of other programs."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.errors import InputError, ResultsError
from wfo.files import is_there
from wfo.runs.optimizing.studies import find_study, is_under_way, last_written
from wfo.runs.optimizing.wording import WIDTH, counted, number_text, said
from wfo.search.driver import EXHAUSTED
from wfo.search.space import SearchSpace
from wfo.search.study import (
    STUDIES,
    StudyListing,
    export_csv,
    export_journal,
    list_studies,
    read_parameters,
)
from wfo.search.study import read_study as read_table
from wfo.text import one_line, shown, table

if TYPE_CHECKING:
    from wfo.runs.optimizing.report import StudyReport

_HEADS = ("Study", "Searched", "Method", "Trials", "Best", "State", "Last written, UTC")

#: Characters of what was searched, in the list: at most, and where a line would be too long.
_SEARCHED, _SHORT = 40, 16


def listed_studies(out: Path) -> str:
    """Return the list of studies below a folder of results.

    Raises
    ------
    ResultsError
        If that folder cannot be read.
    """
    found = list_studies(out)
    if not found:
        where = one_line(out / STUDIES)
        return f"no studies in {where}; 'wfo optimize' makes one, and --out says where\n"
    lines: list[str] = []
    rows = [_row(each) for each in found if not each.error]
    if rows:
        lines += _fitting(rows)
        words = (
            "Best is the best score in-sample, as optimized, of trials that keep to all limits."
            " Scores of different objectives cannot be compared."
        )
        lines += ["", *said([words], "")]
    for each in found:
        if each.error:
            lines += ["", *said([f"cannot be read: {each.error}"], "")]
    return "\n".join(lines) + "\n"


def _fitting(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the list as a table, in which what was searched gives way."""
    room = _SEARCHED
    while True:
        short = [(name, _shortened(what, room), *rest) for name, what, *rest in rows]
        lines = table([_HEADS, *short], "<<<>><<", indent="")
        over = max(map(len, lines)) - WIDTH
        if over <= 0 or room == _SHORT:
            return lines
        room = max(_SHORT, min(room, max(len(what) for _, what, *_ in short)) - over)


def _shortened(what: str, room: int) -> str:
    return what if len(what) <= room else f"{what[: room - 3]}..."


def _row(each: StudyListing) -> tuple[str, ...]:
    on = f" on {', '.join(each.symbols)}" if each.symbols else ""
    waiting = dict(each.counts).get("waiting", 0)
    ended = each.trials - waiting
    when = dt.datetime.fromtimestamp(last_written(each.folder), dt.UTC)
    best = "-" if each.best is None else number_text(each.best)
    return (
        one_line(each.folder.name),
        one_line(f"{each.target}{on}"),
        one_line(each.method),
        f"{ended:,} of {each.budget:,}",
        "several" if each.objectives > 1 else best,
        _state(each, ended),
        f"{when:%Y-%m-%d %H:%M}",
    )


def _state(each: StudyListing, ended: int) -> str:
    if is_under_way(each.folder):
        return "under way"
    if ended == each.trials >= each.budget:
        return "complete"
    return "exhausted" if EXHAUSTED in each.note and ended == each.trials else "stopped"


def shown_study(out: Path, name: str, *, top: int) -> str:
    """Return the page of a study.

    Parameters
    ----------
    out
        The folder of all results.
    name
        The study's name, or its folder.
    top
        How many of its best trials are shown.

    Raises
    ------
    ResultsError
        If there is no such study, or it cannot be read.
    """
    report = _read(out, name)
    return replace(report, best=report.best[:top]).page


def _read(out: Path, name: str) -> StudyReport:
    from wfo.runs.optimizing.call import read_study

    return read_study(find_study(out, name))


def exported_study(
    out: Path, name: str, *, csv: Path | None, journal: Path | None, force: bool = False
) -> str:
    """Write the trials of a study to files, and return what was written.

    Parameters
    ----------
    out
        The folder of all results.
    name
        The study's name, or its folder.
    csv
        A table of all trials; none is written without it.
    journal
        A journal of Optuna; none is written without it.
    force
        Whether files that are there are replaced.

    Raises
    ------
    ResultsError
        If there is no such study, a file is there already, or one cannot be written.
    InputError
        If the table would not be CSV.
    EngineError
        If Optuna is needed and not installed.
    """
    folder = find_study(out, name)
    for path in (csv, journal):
        if path is not None and is_there(path) and not force:
            raise ResultsError(f"{one_line(path)} is there already; --force replaces it")
    if csv is not None and csv.suffix.lower() != ".csv":
        # By any other ending it would be Parquet.
        raise InputError(f"--csv = {shown(str(csv))} must end in .csv, as trials.csv")
    if csv is not None and csv == journal:
        raise ResultsError(f"{one_line(csv)} cannot be both the table and the journal")
    lines = ["Written"]
    found = read_table(folder)
    parameters = read_parameters(folder, found.record)
    trials = counted(len(found), "trial")
    if csv is not None:
        export_csv(csv, found, parameters)
        lines.append(f"  {one_line(csv)}  {trials}: parameters, figures, scores, states")
    if journal is not None:
        export_journal(journal, found, parameters, SearchSpace.from_dict(found.record.space))
        lines += [f"  {one_line(journal)}  {trials} as a journal of Optuna", "", "Next"]
        lines.append(f"  optuna-dashboard {one_line(shlex.quote(str(journal)))}")
    return "\n".join(lines) + "\n"
