"""The numbers that decide how a search is cut into swept blocks, from ``defaults/kernels.yaml``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from wfo.yaml_text import read_yaml

_FILE = Path(__file__).parents[1] / "defaults" / "kernels.yaml"


@dataclass(frozen=True, slots=True)
class BlockDefaults:
    """How large blocks are, and when a figure of one is defined.

    Attributes
    ----------
    least, most
        Combinations of a block.
    aim
        Combinations that ``"auto"`` stays within.
    defined_share
        Share of a block's allowed combinations that must have a figure for it to have a median.
    """

    least: int
    most: int
    aim: int
    defined_share: float


@functools.cache
def block_defaults() -> BlockDefaults:
    """Return what the package ships."""
    data = read_yaml(_FILE, _FILE.name, missing=f"there is no {_FILE.name}; install wfo anew")
    block = data["block"]
    return BlockDefaults(
        int(block["least"]), int(block["most"]), int(block["aim"]), float(data["defined_share"])
    )
