"""Kernels: who computes a strategy. A kernel is a name; its module is imported when it is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from wfo.errors import EngineError


@dataclass(frozen=True, slots=True)
class RustKernel:
    """A strategy in a compiled module, this package's or one of your own.

    The module offers ``Sweep``, ``simulate`` and ``lacks``, as `wfo._core` does.

    Attributes
    ----------
    name
        Name of the strategy in the module; by default the strategy's own.
    module
        Import path of the module.
    engines
        Its engines, the fastest first.
    """

    name: str = ""
    module: str = "wfo._core"
    engines: tuple[str, ...] = ("factored", "direct")

    def load(self) -> ModuleType:
        """Import the module.

        Raises
        ------
        EngineError
            If it cannot be imported, with the reason.
        """
        return _load(self.module)


@dataclass(frozen=True, slots=True)
class NumbaKernel:
    """A strategy in Python, compiled by Numba.

    The module offers the functions ``simulate`` and ``sweep``, as `wfo.atr_d.reference.kernel`
    does.

    Attributes
    ----------
    module
        Import path of the module.
    name
        Name of the strategy in it; by default the strategy's own.
    engines
        Its engines: one, called ``reference``.
    """

    module: str
    name: str = ""
    engines: tuple[str, ...] = ("reference",)

    def load(self) -> ModuleType:
        """Import the module.

        Raises
        ------
        EngineError
            If it cannot be imported, with the reason.
        """
        return _load(self.module)


Kernel = RustKernel | NumbaKernel


def _load(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineError(f"the kernel {module} cannot be imported: {error}") from error
