"""Figures of a verdict as text; what is not known is a dash."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wfo.runs.verdict.rules import deflated_text, p_text, signed_text
from wfo.text import percent

#: What stands where there is no figure.
NONE = "-"


def annual(value: float | None, year: float) -> str:
    """Return a ratio per period as an annual one, `year` being the root of periods a year."""
    return NONE if value is None else f"{value * year:.2f}"


def two(value: float | None) -> str:
    """Return a number with two decimals."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.2f}"


def sure(value: float | None) -> str:
    """Return a probability with two decimals; what is not certain is not rounded to 1."""
    text = two(value)
    return f"{min(value, 0.9999):.4f}" if value is not None and value < 1 == float(text) else text


def signed(value: float | None) -> str:
    """Return a number with two decimals and its sign."""
    return NONE if value is None else signed_text(value)


def dsr(value: float | None) -> str:
    """Return a deflated Sharpe ratio."""
    return NONE if value is None else deflated_text(value)


def p_or_none(value: float | None) -> str:
    """Return a p."""
    return NONE if value is None else p_text(value)


def count(value: int | None) -> str:
    """Return a whole number."""
    return NONE if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """Return a share in percent."""
    return NONE if value is None or not math.isfinite(value) else percent(value)


def money(value: float | None) -> str:
    """Return an amount of money."""
    return NONE if value is None or not math.isfinite(value) else f"{value:,.0f}"


def middle(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2
