"""Colours between those of a scale, as ``#rrggbb``."""

from __future__ import annotations

from collections.abc import Sequence


def mixed(scale: Sequence[str], at: float) -> str:
    """Return the colour of a place on a scale, from 0 for its first to 1 for its last one.

    Parameters
    ----------
    scale
        Two colours or more, evenly apart.
    at
        The place; beyond an end it is that end.
    """
    place = min(max(at, 0.0), 1.0) * (len(scale) - 1)
    first = min(int(place), len(scale) - 2)
    low, high = (_rgb(scale[first + k]) for k in (0, 1))
    parts = (round(a + (b - a) * (place - first)) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{c:02x}" for c in parts)


def is_dark(colour: str) -> bool:
    """Whether what is written on a colour must be light."""
    red, green, blue = _rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 140


def _rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[k : k + 2], 16) for k in (1, 3, 5))
