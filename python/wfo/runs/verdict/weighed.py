"""What the statistics of a search add to what is known of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wfo.runs.finalists import is_peak
from wfo.runs.verdict.facts import Facts
from wfo.runs.verdict.record import Correlation, FinalistStatistics, Prediction, Verdict

#: Why there is no figure of a finalist.
_NO_FINALIST = "there is no finalist"


def weigh(facts: Facts, verdict: Verdict) -> Facts:
    """Return what is known of a run once the statistics of its search are collected.

    Of the finalists that one speaks whose deflated Sharpe ratio is largest; whether stability
    predicted anything, the strategy that was asked for.

    Parameters
    ----------
    facts
        What is known of the run without them.
    verdict
        The statistics.
    """
    found: dict[str, Any] = {
        "trials": verdict.run.trials,
        "sample": verdict.run.statistics.sample.used,
    }
    reasons: dict[str, str] = {}

    def state(name: str, value: float | None, reason: str) -> None:
        found[name] = value
        if value is None:
            reasons[name] = reason or "it is not defined here"

    whole = verdict.run.statistics
    state("overfitting", whole.overfitting.pbo, whole.overfitting.reason)
    state("superior_to_cash", whole.cash.p_consistent, whole.cash.reason)
    state("superior_to_holding", whole.held.p_consistent, whole.held.reason)
    for name, value, reason in _of_finalists(verdict.finalists):
        state(name, value, reason)
    for name, value, reason in _of_prediction(verdict.prediction):
        state(name, value, reason)
    several = len(verdict.prediction.strategies) > 1
    return replace(
        facts,
        **found,
        finalists=len(verdict.finalists),
        peaks=any(is_peak(each.origin) for each in verdict.finalists),
        predicted=verdict.prediction.strategies[0].strategy if several else "",
        unknown=reasons,
    )


def _of_finalists(
    finalists: tuple[FinalistStatistics, ...],
) -> list[tuple[str, float | None, str]]:
    """Return name, value and reason of each fact that finalists state."""
    first = finalists[0] if finalists else None
    best = best_deflated(finalists)
    trades: float | None = None
    why = _NO_FINALIST
    if first is not None:
        why = first.reason
        if first.figures is not None:
            case = first.figures.stress.cases[0]
            trades, why = case.trades, case.reason
    found: list[tuple[str, float | None, str]] = [
        ("trades", None if trades is None else int(trades), why)
    ]
    if best is None or best.figures is None:
        why = next((f.reason for f in finalists if f.reason), "") or _not_deflated(finalists)
        return [*found, ("deflated", None, why), ("deflated_excess", None, why)]
    returns, excess = best.figures.returns, best.figures.excess
    why = best.figures.reasons.get("excess", "the spread of the trials' ratios is not known")
    return [
        *found,
        ("deflated", None if returns is None else returns.dsr, ""),
        ("deflated_excess", None if excess is None else excess.dsr, why),
    ]


def best_deflated(finalists: tuple[FinalistStatistics, ...]) -> FinalistStatistics | None:
    """Return the finalist whose deflated Sharpe ratio is largest; None where none has one."""
    known = [
        (each.figures.returns.dsr, -each.number, each)
        for each in finalists
        if each.figures is not None
        and each.figures.returns is not None
        and each.figures.returns.dsr is not None
    ]
    return max(known, key=lambda item: item[:2])[2] if known else None


def _not_deflated(finalists: tuple[FinalistStatistics, ...]) -> str:
    """Return why no finalist has a deflated Sharpe ratio."""
    for each in finalists:
        if each.figures is not None and each.figures.returns is None:
            return each.figures.reasons.get("returns", "")
    return "the spread of the trials' ratios is not known" if finalists else _NO_FINALIST


def _of_prediction(prediction: Prediction) -> list[tuple[str, float | None, str]]:
    """Return name, value and reason of each fact that the strategy that was asked for states."""
    if not prediction.strategies:
        names = ("prediction", "prediction_by_profit", "trusted_return", "trusted_held")
        return [(name, None, prediction.reason) for name in names]
    first = prediction.strategies[0]
    over = next((a for a in first.associations if a.over == "candidates"), None)
    none = Correlation(None, 0, exact=False, reason=first.reason)
    stability, profit = (none, none) if over is None else (over.stability, over.profit)
    followed = {each.choice: each for each in first.followed}
    found: list[tuple[str, float | None, str]] = [
        ("prediction", stability.value, stability.reason or first.reason),
        ("prediction_by_profit", profit.value, profit.reason or first.reason),
    ]
    for name, choice in (("trusted_return", "most stable"), ("trusted_held", "buy-and-hold")):
        got = followed.get(choice)
        value, why = (None, "") if got is None else (got.result, got.reason)
        found.append((name, value, why or first.reason))
    return found
