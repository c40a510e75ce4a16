"""The one compiler setting that every function of the reference shares."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def cache_folder(
    folder: str, sources: Path = Path(__file__).parent, settings: Mapping[str, str] = os.environ
) -> Path:
    """Return where in a folder compiled code is kept that cannot be old.

    Numba's cache looks only at the file of the compiled function, not at the files of the
    functions it calls: an edited indicator would go on being computed by an old definition. So
    the folder is named after all sources of this package, and after the settings of Numba, which
    its cache does not look at either.

    Parameters
    ----------
    folder
        Where caches are kept.
    sources
        The folder of what is compiled.
    settings
        Variables of the environment; Numba's begin with ``NUMBA_``.
    """
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    for name, value in sorted(settings.items()):
        if name.startswith("NUMBA_"):
            digest.update(f"{name}={value}\n".encode())
    return Path(folder).absolute() / digest.hexdigest()[:16]


CACHED = bool(os.environ.get("WFO_JIT_CACHE"))
if CACHED:
    folder = cache_folder(os.environ["WFO_JIT_CACHE"])
    # Numba has the variable, and its stubs do not.
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function with Numba and keep its type.

    - ``fastmath`` stays off: a sum is taken in the order in which it is written, and a product
      followed by a sum is rounded twice (LLVM fuses them only when it is allowed to).
    - ``error_model="numpy"`` makes a division an IEEE division, as it is in the other engines.
    - Compiled code is kept on disk only where ``WFO_JIT_CACHE`` names a folder: see
      `cache_folder`.
    """
    # [X10]
    compiled = numba.njit(
        fastmath=False, parallel=False, error_model="numpy", nogil=True, cache=CACHED
    )
    return cast("Callable[P, R]", compiled(function))
