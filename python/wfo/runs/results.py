"""Runs and walk-forwards below a folder of results, listed from what their records say."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfo.errors import ResultsError, did_you_mean
from wfo.files import entries_of, is_own_folder, is_there
from wfo.runs.folder import RunFolder
from wfo.runs.manifest import Manifest
from wfo.runs.walkforward.listing import ListedWalk, listed_walks
from wfo.selection.gates import Gates
from wfo.text import printable, table

#: Columns of the list: wider ones break in a terminal.
_WIDTH = 100

#: What the list says of a run that is not complete, by its status.
_UNFINISHED = {
    "running": "not finished: it is under way, or was killed",
    "interrupted": "not finished: it was interrupted",
    "failed": "not finished: it failed",
    "rescoring": "being rescored, or that was stopped",
    "detecting": "being given other plateaus, or that was stopped",
    "exporting": "being given other ranges, or that was stopped",
}


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run, as a list shows it.

    Attributes
    ----------
    folder
        Where it is.
    manifest
        What its ``run.json`` says.
    in_history
        Whether another run has taken its place.
    """

    folder: Path
    manifest: Manifest
    in_history: bool = False

    @property
    def symbols(self) -> str:
        """The symbol, or both."""
        second = self.manifest.data2
        return self.manifest.symbol + (f" with {second.symbol}" if second else "")

    @property
    def when(self) -> str:
        """When it ended, or began if it has not."""
        return self.manifest.finished or self.manifest.started

    @property
    def title(self) -> str:
        """Bars, grid, gates, costs, time and state, on one line."""
        manifest = self.manifest
        parts = [f"{self.symbols} {manifest.timeframe}", ", ".join(self._grids())]
        gates = Gates.from_dict(manifest.gates.to_dict()).name
        if gates != "v4":
            parts.append(f"gates {gates}")
        if manifest.holdout is not None:
            parts.append(f"{manifest.holdout.span} held out")
        parts += [costs_text(manifest.settings), _minute(self.when)]
        if self.in_history:
            parts.append("in the history")
        state = _UNFINISHED.get(manifest.status)
        return "; ".join(parts if state is None else [*parts, state])

    def _grids(self) -> list[str]:
        names = [str(grid.get("name") or "unnamed grid") for grid in self.manifest.grids]
        return list(dict.fromkeys(names))

    def rows(self) -> list[tuple[str, ...]]:
        """Return a line a strategy: name, combinations, stable, share, strict, best, held."""
        found = {r.get("strategy"): r for r in self._results()}
        rows: list[tuple[str, ...]] = []
        for grid in self.manifest.grids:
            name = grid["strategy"]
            result = found.get(name, {})
            count, stable = grid.get("combinations"), result.get("stable")
            strict = _within(result, "sets", "strict", "stable")
            best = _within(result, "best", "oos_return_annual")
            held = _within(result, "best", "buy_and_hold_annual")
            share = stable / count if _is_count(stable) and _is_count(count) and count else None
            rows.append(
                (
                    name,
                    _count(count),
                    _count(stable),
                    _share(share),
                    _count(strict),
                    _share(best),
                    _share(held),
                )
            )
        return rows

    def _results(self) -> Sequence[Mapping[str, Any]]:
        completion = self.manifest.completion
        return [r for r in completion.results if isinstance(r, Mapping)] if completion else []


@dataclass(frozen=True, slots=True)
class Results:
    """The runs below a folder.

    Attributes
    ----------
    out
        The folder.
    runs
        By folder; of one folder the run that is there first, then the history, newest first.
    unreadable
        What is wrong with those that cannot be read, a text each.
    walks
        The walk-forwards, by folder.
    """

    out: Path
    runs: tuple[ListedRun, ...]
    unreadable: tuple[str, ...] = ()
    walks: tuple[ListedWalk, ...] = ()

    @property
    def page(self) -> str:
        """The list as text."""
        if not self.runs and not self.unreadable and not self.walks:
            return f"no runs below {self.out}; 'wfo run' makes one, and --out says where\n"
        heads = ("Strategy", "Combinations", "Stable", "", "Strict", "Best a year", "Hold a year")
        rows = [row for run in self.runs for row in run.rows()]
        lines: list[str] = []
        if self.runs:
            head, *body = table([heads, *rows], "<>>>>>>")
            lines.append(head)
            at = 0
            for run in self.runs:
                count = len(run.rows())
                lines += ["", *_wrapped(run.title), *_wrapped(str(run.folder), "  in ")]
                lines += body[at : at + count]
                at += count
            lines += ["", *_wrapped(_EXPLAINED)]
        for walk in self.walks:
            lines += ["", *_wrapped(walk.title), *_wrapped(str(walk.folder), "  in ")]
        for text in self.unreadable:
            lines += ["", *_wrapped(f"cannot be read: {text}")]
        return printable("\n".join(lines)) + "\n"


_EXPLAINED = (
    "Stable by the gates of the run, v4 where none are named; strict is counted beside them. Best"
    " is the most stable outcome's mean annual out-of-sample return, Hold that of buy-and-hold in"
    " the same phases; the best of many is lucky. A dash: the run does not say."
)


def list_results(out: Path, symbol: str | None = None) -> Results:
    """List the runs below a folder of results: what is there, what has a name, and the history.

    Walk-forwards are listed behind them. Nothing is read but the records.

    Parameters
    ----------
    out
        The folder below which every symbol has its own.
    symbol
        Only those that read it, as the first or the second symbol.

    Raises
    ------
    ResultsError
        If the folder cannot be read, or there is no run of the symbol.
    """
    runs: list[ListedRun] = []
    unreadable: list[str] = []
    walks = [walk for owner in _below(out) for walk in listed_walks(owner, unreadable)]
    for folder, in_history in _folders(out):
        path = RunFolder(folder).manifest
        try:
            runs.append(ListedRun(folder, Manifest.read(path), in_history))
        except ResultsError as error:
            unreadable.append(str(error))
    if symbol is not None:
        known = {s for run in runs for s in _symbols(run)} | {s for w in walks for s in w.symbols}
        runs = [run for run in runs if symbol in _symbols(run)]
        walks = [walk for walk in walks if symbol in walk.symbols]
        if not runs and not walks and not unreadable:
            hint = did_you_mean(symbol, known)
            raise ResultsError(f"there is no run of {symbol!r} below {out}{hint}")
    return Results(out, tuple(runs), tuple(unreadable), tuple(walks))


def costs_text(settings: Mapping[str, Any]) -> str:
    """Return slippage and fee as text, in percent of a fill.

    Parameters
    ----------
    settings
        As a manifest has them: fractions.
    """
    named = (("slip", settings.get("slip")), ("fee", settings.get("fee")))
    parts = [f"{name} {100 * value:g} %" for name, value in named if _is_number(value) and value]
    return ", ".join(parts) or "no costs"


def _folders(out: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the folders that hold a run, and whether it is in the history."""
    for owner in _below(out):
        folder = RunFolder(owner)
        for place in (owner, *_below(folder.runs)):
            # A sweep without a manifest is a run whose manifest was lost.
            if is_there(RunFolder(place).manifest) or is_own_folder(place / "wfo"):
                yield place, False
            past = [p for p in _below(RunFolder(place).history) if is_there(RunFolder(p).manifest)]
            for each in sorted(past, key=_age, reverse=True):
                yield each, True


def _below(folder: Path) -> list[Path]:
    """Return the folders in a folder, hidden ones and links left out; none of what is no folder."""
    try:
        found = entries_of(folder)
    except OSError as error:
        raise ResultsError(f"cannot read {folder}: {error.strerror or error}") from error
    return [p for p in found if is_own_folder(p) and not p.name.startswith(".")]


def _age(folder: Path) -> str:
    """Return when a run of the history ended, as text that sorts; empty if it cannot be read."""
    try:
        manifest = Manifest.read(RunFolder(folder).manifest)
    except ResultsError:
        return ""
    return manifest.finished or manifest.started


def _symbols(run: ListedRun) -> set[str]:
    second = run.manifest.data2
    return {run.manifest.symbol} | ({second.symbol} if second else set())


def _within(data: Mapping[str, Any], *keys: str) -> Any:
    """Return what stands below keys; None where an earlier version did not write it."""
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: object) -> str:
    return f"{value:,}" if _is_count(value) else "-"


def _share(value: Any) -> str:
    """Return a fraction in percent; a small one keeps two digits that tell."""
    if not _is_number(value):
        return "-"
    percent = 100 * value
    if percent and abs(percent) < 0.1:
        return f"{percent:.2g} %"
    return f"{percent:.1f} %"


def _minute(stamp: str) -> str:
    """Return a time of a manifest without its seconds."""
    return stamp.replace("T", " ")[:16] + " UTC"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
