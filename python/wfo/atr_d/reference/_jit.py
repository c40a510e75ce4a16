"""The one compiler setting that every function of the reference shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function with Numba and keep its type.

    - ``fastmath`` stays off: a sum is taken in the order in which it is written, and a product
      followed by a sum is rounded twice (LLVM fuses them only when it is allowed to).
    - ``error_model="numpy"`` makes a division an IEEE division, as it is in the other engines.
    - Nothing is cached on disk. Numba's cache looks only at the file of the compiled function,
      not at the files of the functions it calls, so an edited indicator would go on being
      computed by an old definition. A definition must not be stale; it costs a few seconds of
      compilation once in each process.
    """
    # [X10]
    compiled = numba.njit(fastmath=False, parallel=False, error_model="numpy", nogil=True)
    return cast("Callable[P, R]", compiled(function))
