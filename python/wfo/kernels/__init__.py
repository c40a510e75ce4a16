"""Kernels of users: compiled functions over a batch of parameter sets, in threads.

A function under `wfo.kernel` decides about fills, and the package makes money, marks and figures of
them, by the account of all its engines.
"""

from __future__ import annotations

from wfo.kernels.arguments import Fills, Start
from wfo.kernels.authoring import KernelFunction, kernel

__all__ = ["Fills", "KernelFunction", "Start", "kernel"]
