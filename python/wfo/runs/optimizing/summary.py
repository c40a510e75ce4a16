"""``summary.json``: what was searched and what was found, as it is written and read back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

from wfo.errors import ResultsError
from wfo.files import is_there, read_sealed
from wfo.files.schema import (
    Count,
    DayText,
    FiniteNumber,
    HexDigest,
    Limits,
    NotNegative,
    ShortText,
    StampText,
    Text,
    require,
)
from wfo.runs.identity import fingerprint
from wfo.runs.optimizing.best import Judged
from wfo.runs.optimizing.found import (
    BestTrial,
    BlockFigures,
    Parts,
    StudyFindings,
    WindowFigures,
)

if TYPE_CHECKING:
    from wfo.search.study import StudyRecord

#: Version of the layout.
LAYOUT: Final = 1

#: The file's name.
SUMMARY: Final = "summary.json"

_Figures = dict[ShortText, FiniteNumber | None]
_Params = dict[ShortText, FiniteNumber | bool | Text]
# Lists: with tuples in their place msgspec frees memory twice when Python exits.
_Span = Annotated[list[DayText], Limits("a list of two dates", least=2, most=2)] | None
_Spans = Annotated[list[_Span], Limits("a list of two spans", least=2, most=2)]


class _WindowShape(TypedDict):
    in_sample: dict[ShortText, _Figures]
    out_of_sample: dict[ShortText, _Figures]


class _PartsShape(TypedDict):
    in_sample: _Figures
    out_of_sample: _Figures
    windows: list[_WindowShape]
    error: Text


class _BlockShape(TypedDict):
    size: Count
    figures: _Figures


class _TrialShape(TypedDict):
    place: Count
    trial: Count | None
    params: _Params
    score: FiniteNumber | None
    violation: NotNegative | None
    components: _Figures
    objectives: _Figures
    parts: _PartsShape
    dsr: FiniteNumber | None
    block: _BlockShape | None


class _ErrorShape(TypedDict):
    error: Text
    trials: Count


class SummaryShape(TypedDict):
    """What is read back of ``summary.json``; other keys are for readers of the file."""

    layout: Annotated[int, Limits(f"the layout {LAYOUT}", ge=LAYOUT, le=LAYOUT)]
    study: ShortText
    identity: HexDigest
    finished: StampText
    trials: Count
    state: ShortText
    windows: list[_Spans]
    holdout: _Span
    best: list[_TrialShape]
    baseline: _TrialShape | None
    held: _PartsShape | None
    spent: dict[ShortText, Count]
    errors: list[_ErrorShape]
    notes: list[Text]
    warnings: list[Text]
    sweep_seconds: NotNegative | None
    seconds: NotNegative


def summary_of(report: StudyFindings, finished: str, command: str) -> dict[str, Any]:
    """Return the summary of a search as plain values; what is not defined is null.

    Parameters
    ----------
    report
        What was found.
    finished
        When, in UTC.
    command
        What goes on with the search.
    """
    plan, record, counts = report.plan, report.record, report.counts
    target = plan.target if isinstance(plan.target, str) else list(plan.target)
    return {
        "layout": LAYOUT,
        "study": record.name,
        "identity": study_identity(record),
        "command": command,
        "created": record.created,
        "finished": finished,
        "state": report.state,
        "trials": len(report.trials),
        "kind": plan.kind,
        "target": target,
        "symbols": list(plan.symbols),
        "timeframe": plan.timeframe,
        "period": [None if day is None else day.isoformat() for day in plan.period],
        "windows": [list(map(_span, window)) for window in report.windows],
        "holdout": _span(report.holdout),
        "method": record.method,
        "method_reason": record.method_reason,
        "seed": record.seed,
        "batch": record.batch,
        "budget": record.budget,
        "space": dict(record.plan["space"]),
        "objective": record.objective,
        "limits": record.limits,
        "guardrails": record.guardrails,
        "guardrails_digest": record.guardrails_digest,
        "counts": {name: getattr(counts, name) for name in counts.__dataclass_fields__},
        "front": report.front,
        "hypervolume": _number(report.hypervolume),
        "best": [_trial(each) for each in report.best],
        "baseline": None if report.baseline is None else _trial(report.baseline),
        "held": None if report.held is None else _parts(report.held),
        "spent": dict(report.spent),
        "errors": [{"error": text, "trials": count} for text, count in report.errors],
        "notes": list(report.notes),
        "warnings": list(report.warnings),
        "sweep_seconds": _number(report.sweep_seconds),
        "seconds": round(report.seconds, 3),
        "fingerprints": dict(record.fingerprints),
        "versions": dict(record.versions),
        "git_commit": record.git_commit,
    }


def study_identity(record: StudyRecord) -> str:
    """Return a hash of what decides a study's trials: studies that share it have the same."""
    return fingerprint(dict(record.identity))


def read_summary(folder: Path, record: StudyRecord) -> dict[str, Any] | None:
    """Return the summary of a study in its folder; None where there is none, or of another one.

    Raises
    ------
    ResultsError
        If it is damaged, or of another layout.
    """
    path = folder / SUMMARY
    if not is_there(path):
        return None
    again = "'wfo optimize' with the same command writes it again"
    try:
        data = read_sealed(path)
        require(data, SummaryShape, f"{path}: the summary")
    except ResultsError as error:
        raise ResultsError(f"{error}; {again}") from error
    return data if data["identity"] == study_identity(record) else None


def judged_of(data: Mapping[str, Any]) -> Judged:
    """Return what a summary says of the best trials."""
    base, held = data["baseline"], data["held"]
    return Judged(
        tuple(_trial_of(each) for each in data["best"]),
        None if base is None else _trial_of(base),
        None if held is None else _parts_of(held),
    )


def windows_of(data: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the dates of the windows that a summary states."""
    return tuple(
        tuple(None if span is None else tuple(span) for span in window)
        for window in data["windows"]
    )


def _span(span: Sequence[str] | None) -> list[str] | None:
    return None if span is None else list(span)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _figures(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in figures.items()}


def _parts(parts: Parts) -> dict[str, Any]:
    return {
        "in_sample": _figures(parts.in_sample),
        "out_of_sample": _figures(parts.out_of_sample),
        "windows": [
            {
                name: {symbol: _figures(own) for symbol, own in part.items()}
                for name, part in (
                    ("in_sample", window.in_sample),
                    ("out_of_sample", window.out_of_sample),
                )
            }
            for window in parts.windows
        ],
        "error": parts.error,
    }


def _trial(best: BestTrial) -> dict[str, Any]:
    block = best.block
    return {
        "place": best.place,
        "trial": best.trial,
        "params": dict(best.params),
        "score": _number(best.score),
        "violation": _number(best.violation),
        "components": _figures(best.components),
        "objectives": _figures(best.objectives),
        "parts": _parts(best.parts),
        "dsr": _number(best.dsr),
        "block": None
        if block is None
        else {"size": block.size, "figures": _figures(block.figures)},
    }


def _values(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in figures.items()}


def _parts_of(data: Mapping[str, Any]) -> Parts:
    return Parts(
        _values(data["in_sample"]),
        _values(data["out_of_sample"]),
        tuple(
            WindowFigures(
                *(
                    {symbol: _values(own) for symbol, own in window[name].items()}
                    for name in ("in_sample", "out_of_sample")
                )
            )
            for window in data["windows"]
        ),
        data["error"],
    )


def _trial_of(data: Mapping[str, Any]) -> BestTrial:
    block = data["block"]
    violation = data["violation"]
    return BestTrial(
        place=data["place"],
        trial=data["trial"],
        params=data["params"],
        score=math.nan if data["score"] is None else data["score"],
        # Of a trial without figures it is infinite.
        violation=math.inf if violation is None else violation,
        components=_values(data["components"]),
        objectives=_values(data["objectives"]),
        parts=_parts_of(data["parts"]),
        dsr=math.nan if data["dsr"] is None else data["dsr"],
        block=None if block is None else BlockFigures(block["size"], _values(block["figures"])),
    )
