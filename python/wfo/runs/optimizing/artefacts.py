"""The files that a search leaves beside its study, each written whole."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import is_there, naming_the_file, remove_file, write_frame, write_json, write_text
from wfo.files.json_text import write_sealed
from wfo.runs.given import strategy_word
from wfo.runs.optimizing.ranked import failed_frame, ranked_frame, unlike
from wfo.runs.optimizing.summary import SUMMARY, summary_of
from wfo.search.space import SearchSpace
from wfo.search.study import STATES
from wfo.search.study.exporting import cell_text
from wfo.strategy import get_strategy

if TYPE_CHECKING:
    import polars as pl

    from wfo.runs.optimizing.report import StudyReport
    from wfo.search.plan import SearchPlan

RANKED, FAILED, BEST, LOG = (
    "ranked_results.csv", "failed.csv", "best_config.json", "optimization.log",
)  # fmt: skip

#: Columns of what programs wrote.
_WRITTEN = ("error", "printed")

#: What stands before out-of-sample figures, and before parameters inside a swept block.
_OUTSIDE, _INSIDE = "out_of_sample.", "inside."


def best_yaml_name(study: str) -> str:
    """Return the name of the file with the best configuration."""
    return f"{study}_best.yaml"


def write_artefacts(report: StudyReport, finished: str, command: str, bars: Path) -> None:
    """Write all files of a search that has ended.

    The summary is the last: where it is missing, or of fewer trials than the study, the files
    beside it are not of the same moment.

    Parameters
    ----------
    report
        What was found.
    finished
        When, in UTC.
    command
        What goes on with the search.
    bars
        The folder of the store.

    Raises
    ------
    ResultsError
        If a file cannot be written.
    """
    folder = report.folder
    write_frame(folder / RANKED, _harmless(with_best(report, ranked_frame(report))))
    write_frame(folder / FAILED, _harmless(failed_frame(report.trials)))
    _write_best(report, command, bars)
    write_text(folder / LOG, "".join(f"{line}\n" for line in log_lines(report)))
    write_sealed(folder / SUMMARY, summary_of(report, finished, command))


def _harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table of which neither a terminal nor a spreadsheet acts on what programs wrote."""
    import polars as pl

    for name in _WRITTEN:
        if frame.schema.get(name) == pl.String:
            texts = [cell_text(text) for text in frame[name].to_list()]
            frame = frame.with_columns(pl.Series(name, texts, dtype=pl.String))
    names: list[str] = []
    for name in frame.columns:
        names.append(unlike(cell_text(name), names))
    frame.columns = names
    return frame


def with_best(report: StudyReport, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the ranking with what is known of its best trials.

    That is figures out-of-sample beside those in-sample, and of swept blocks the parameters inside.
    """
    import polars as pl

    found = {each.trial: each for each in report.best}
    trials = frame["trial"].to_list()
    names = [
        name
        for name in dict.fromkeys(n for each in report.best for n in each.parts.out_of_sample)
        if name in frame.columns or f"figure.{name}" in frame.columns
    ]
    columns: list[pl.Series] = []
    taken = set(frame.columns)
    values: list[Any]
    for name in names:
        values = [
            found[t].parts.out_of_sample.get(name, math.nan) if t in found else None for t in trials
        ]
        column = pl.Series(unlike(f"{_OUTSIDE}{name}", taken), values, dtype=pl.Float64)
        taken.add(column.name)
        columns.append(column.fill_nan(None))
    genes = set(SearchSpace.from_dict(report.record.space).names)
    inside = [n for n in report.plan.space.names if n not in genes]
    for name in inside if report.best else []:
        values = [found[t].params[name] if t in found else None for t in trials]
        columns.append(pl.Series(unlike(f"{_INSIDE}{name}", taken), values, strict=False))
    at = frame.columns.index("state")
    return frame.select(frame.columns[:at]).hstack(columns).hstack(frame.select(frame.columns[at:]))


def _write_best(report: StudyReport, command: str, bars: Path) -> None:
    """Write the best configuration; without one, none of an earlier moment stays."""
    json_path = report.folder / BEST
    yaml_path = report.folder / best_yaml_name(report.record.name)
    if not report.best:
        for path in (json_path, yaml_path):
            if is_there(path):
                with naming_the_file(path):
                    remove_file(path)
        return
    best = report.best[0]
    config = report.plan.best_config(best.params)
    write_json(json_path, config)
    what = "The first of the Pareto set" if report.front else "The best"
    said = f"{what} of {len(report.trials):,} trials of the study {report.record.name}: trial"
    said += f" {best.trial}"
    if math.isfinite(best.score):
        said += f", score {best.score:.6g} in-sample"
    if best.violation > 0:
        said += f", beyond limits by {best.violation:.3g}"
    lines = [f"{said}.", command]
    if report.plan.kind == "strategy":
        lines.append(_simulating(report.plan, config, bars))
    write_text(yaml_path, report.plan.best_yaml(best.params, "\n".join(lines)))


def _simulating(plan: SearchPlan, config: Mapping[str, Any], bars: Path) -> str:
    """Return the command that simulates a strategy's set, on the bars of the same store."""
    strategy = get_strategy(str(plan.target))
    words = ["wfo", "simulate", "--symbol", plan.symbols[0], "--strategy", strategy_word(strategy)]
    for name, value in config.items():
        words += ["--set", f"{name}={value}"]
    if plan.timeframe != "1day":
        words += ["--timeframe", plan.timeframe]
    usual = strategy.settings().to_dict()
    for name, value in plan.settings.items():
        if value != usual[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, "--data-dir", str(bars)])


def log_lines(report: StudyReport) -> Iterator[str]:
    """Yield a line of JSON for each trial, in their order."""
    table, scored = report.trials, report.scored
    points = SearchSpace.from_dict(report.record.space).decode(table.rows) if len(table) else []
    names = scored.names
    for trial, params in enumerate(points):
        line: dict[str, Any] = {
            "trial": trial,
            "batch": int(table.batches[trial]),
            "state": STATES[table.states[trial]],
            "params": params,
            "seed": int(table.seeds[trial]),
            "score": _plain(scored.scores[trial]),
            "violation": _plain(scored.violations[trial]),
            "components": {
                name: _plain(value)
                for name, value in zip(names, scored.components[trial].tolist(), strict=True)
            },
            "figures": [
                {
                    s: {n: _plain(v) for n, v in sorted(own.items())}
                    for s, own in sorted(window.items())
                }
                for window in table.figures_of(trial)
            ],
            "error": table.errors.get(trial, ""),
            "printed": table.printed.get(trial, ""),
            "attempts": int(table.attempts[trial]),
            "seconds": round(float(table.seconds[trial]), 6),
            "worker": int(table.workers[trial]),
        }
        yield json.dumps(line, ensure_ascii=True, allow_nan=False)


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
