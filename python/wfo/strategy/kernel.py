"""Kernels: what computes a strategy. A kernel is a name; its module is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.errors import EngineError, InputError
from wfo.held_values import held_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class RustKernel:
    """A strategy in a compiled module, this package's or one of your own.

    The module offers ``Sweep``, ``simulate`` and ``lacks``, as `wfo._core` does; ``orders`` unless
    it was built before kernels could say what works in the next bar, and ``Permutations`` unless it
    was built before whole searches were repeated on permuted bars.

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

    @property
    def same_bar(self) -> str:
        """Which exits work in the bar of an entry: by ``"next"`` none does."""
        return "next"

    def handle(self, name: str) -> Any:
        """Return what the module takes for the strategy called `name`."""
        return self.name or name

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
    does. By a function ``orders`` it may say what works in the next bar.

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


class Walk(NamedTuple):
    """What a `PythonKernel` returns of the n bars of a phase; a plain tuple will do.

    Attributes
    ----------
    trades
        Closed trades in the order of their exits, one row each: side (+1 long, -1 short), bar and
        price of the entry, bar and price of the exit, profit or loss. Prices are raw fills, before
        slippage and fee; a trade of 0 shares is left out.
    equity
        float64[n], in currency: the mark at every close, the capital before the first trading bar.
    open_since
        Bar of the entry of the position that is open after the last bar, if it has more than 0
        shares; else -1.
    reversals
        Of each reversal its bar, and the equity at its fill, one row each.
    """

    trades: ArrayLike | Sequence[Sequence[float]]
    equity: NDArray[np.float64]
    open_since: int = -1
    reversals: ArrayLike | Sequence[Sequence[float]] = ()


@dataclass(frozen=True, slots=True)
class PythonKernel:
    """A strategy as one function in Python, which may call what Numba has compiled.

    The function goes through the bars of a phase, and the package makes all figures of what it
    returns. It is called as ``function(feeds, sets, settings, warmup)``:

    ``feeds``
        Feed name to column name to values, float64[n] each, until the end of the phase.
    ``sets``
        ``[(first bar, values), ...]``: parameter sets in canonical order, whole numbers as `int`,
        each with the bar from whose orders on it holds. The first one's bar is ``warmup``; several
        ascend.
    ``settings``
        An instance of the strategy's settings.
    ``warmup``
        The first trading bar.

    It returns a `Walk`.

    Attributes
    ----------
    function
        ``"module:function"``.
    engines
        Its engine: one name, of which a strategy has each once.
    """

    function: str
    engines: tuple[str, ...] = ("python",)

    def __post_init__(self) -> None:
        module, colon, name = self.function.partition(":")
        if not (module and colon and name):
            raise InputError(f"a kernel in Python is 'module:function', not {self.function!r}")

    @property
    def module(self) -> str:
        """Import path of the module."""
        return self.function.partition(":")[0]

    def load(self) -> Callable[..., Any]:
        """Import the module, and return the function.

        Raises
        ------
        EngineError
            If the module cannot be imported, with the reason, or has no such function.
        """
        module, _, name = self.function.partition(":")
        found = getattr(_load(module), name, None)
        if not callable(found):
            raise EngineError(f"the kernel {module} has no function {name!r}")
        return found  # type: ignore[no-any-return]  # whatever it is, it can be called

    def load_orders(self) -> Callable[..., Any] | None:
        """Return None: a `Walk` says what has happened, and not which orders work."""
        return None


@dataclass(frozen=True, slots=True)
class BatchKernel:
    """A strategy as one compiled function over a batch of parameter sets; `wfo.kernel` makes it.

    The function writes fills, and the package makes money, marks and figures of them. Two are equal
    that have one name in one module.

    Attributes
    ----------
    function
        The function, compiled by Numba when it is first called, without the interpreter's lock.
    module
        Import path of the module that it is defined in.
    name
        What it is called there.
    engines
        Its engines: one, called ``numba``.
    """

    function: Callable[..., Any] = field(compare=False, repr=False)
    module: str
    name: str
    engines: tuple[str, ...] = ("numba",)

    def load(self) -> Callable[..., Any]:
        """Return the function."""
        return self.function

    @property
    def file(self) -> str:
        """The file that the function is written in, or what stands for one in a session."""
        return self._code.co_filename

    @property
    def line(self) -> int:
        """The line of that file on which the function, or its first decorator, begins."""
        return self._code.co_firstlineno

    @property
    def digest(self) -> str:
        """A hash of what the function reads beside its arguments, such as globals; or empty."""
        return held_digest(self.function)

    @property
    def takes_settings(self) -> bool:
        """Whether the last argument of the function are the settings."""
        return self._code.co_varnames[: self._code.co_argcount][-1:] == ("settings",)

    @property
    def _code(self) -> CodeType:
        code: CodeType = getattr(self.function, "py_func", self.function).__code__
        return code


Kernel = RustKernel | NumbaKernel | PythonKernel | BatchKernel


def _load(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineError(f"the kernel {module} cannot be imported: {error}") from error
