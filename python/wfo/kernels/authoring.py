"""The decorator `wfo.kernel`, and what it makes of a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wfo.arguments import instance, items, whole
from wfo.errors import EngineError, InputError
from wfo.kernels.arguments import check_names
from wfo.python_files import PLACED, described
from wfo.settings import AccountSettings
from wfo.strategy import Axis, BatchKernel, Feed, Lookback, Number, Parameter, Strategy
from wfo.text import brief, one_line

#: Arguments of a kernel's function behind its feeds; it may take the settings too.
LAST_ARGUMENTS = ("sets", "start", "fills")
SETTINGS = "settings"


class KernelFunction:
    """A function under `wfo.kernel`: a strategy, and still a function.

    It goes wherever a strategy does. Called, it is the compiled function.

    Parameters
    ----------
    strategy
        What it is to the package.
    function
        The compiled function.
    """

    def __init__(self, strategy: Strategy, function: Callable[..., Any]) -> None:
        self.__wfo_strategy__ = strategy
        functools.update_wrapper(self, getattr(function, "py_func", function))
        # The plain one stays within reach as the compiled one's `py_func`.
        self.__wrapped__ = function

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function, with arrays of your own."""
        return self.__wrapped__(*arguments)

    @property
    def strategy(self) -> Strategy:
        """The strategy that it is."""
        return self.__wfo_strategy__

    def __reduce__(self) -> str:
        # By its name, which stands for it where it is defined: another process imports it.
        found: str = vars(self)["__qualname__"]
        return found

    def __repr__(self) -> str:
        return f"KernelFunction({self.__wfo_strategy__!r})"


def kernel(
    parameters: Mapping[str, Axis | Parameter] | None = None,
    /,
    *,
    lookback: int | Lookback,
    name: str | None = None,
    title: str | None = None,
    constraints: Sequence[str] = (),
    feeds: Sequence[Feed] = (Feed("bars"),),
    shorts: bool = False,
    map_axes: tuple[str, str] | None = None,
    settings: type[AccountSettings] = AccountSettings,
    **more: Axis | Parameter,
) -> Callable[[Callable[..., Any]], KernelFunction]:
    """Make a strategy of a function that Numba compiles, called with many parameter sets at once.

    The function goes through the bars of each set and adds fills; it knows no money. The package
    makes shares, costs, marks and figures of them by its contract, and calls the function in
    threads, without the interpreter's lock, with batches whose size is not its concern. It is
    called as ``function(bars, sets, start, fills)``:

    ``bars``
        ``bars.open``, ``high``, ``low``, ``close`` and further columns, float64[n], until the end
        of the phase. Each feed is an argument under its own name.
    ``sets``
        The batch, a column a parameter, as ``sets.fast``: int64[m], or float64[m].
    ``start``
        ``start.bar``, the first bar that may have a fill, and the position held before it, as
        ``start.side``; see `wfo.kernels.Start`. A position is there where parameter sets take
        turns.
    ``fills``
        ``fills.add(k, bar, price, side)`` adds one to set ``k``; see `wfo.kernels.Fills`.
    ``settings``
        May be left out: fields of the settings, for a strategy that has some of its own.

    Whether a bar has a fill follows from bars before it and from whether its prices reach a level.
    A function is not held to that: ``wfo check`` tries whether it looks ahead, before a run some
    hundred bars are tried, and `wfo.testing.StrategyConformance` looks at random bars.
    Nor are its indices checked: one below 0 counts from the end, which is the future, and one
    beyond it reads anything, of which ``NUMBA_BOUNDSCHECK=1`` in the environment makes an error.
    Globals that it reads are part of what it is; one that changes after it was compiled is an
    error.

    Parameters
    ----------
    parameters
        Parameters by name, for names that are arguments here too; others are written as
        ``fast=wfo.Int(5, 50)``, in canonical order.
    lookback
        Bars before the first order: a number, or a function of the values of every parameter, as
        in ``lambda values: max(values["slow"])``.
    name, title
        By default the function's name, and the first line of its docstring.
    constraints, feeds, shorts, map_axes, settings
        As of `wfo.Strategy`.
    **more
        The parameters.

    Returns
    -------
    callable
        What makes a `wfo.kernels.KernelFunction` of the function below it, which may be under
        `numba.njit`, and is compiled so if it is not.

    Raises
    ------
    InputError
        If an argument or the function cannot be used; of the function with its file and line.
    """
    named = instance("parameters", {} if parameters is None else parameters, Mapping, "a dict")
    both = [each for each in named if each in more]
    if both:
        raise InputError(f"the parameter {brief(both[0])} is given twice")
    given: dict[str, Any] = {**named, **more}
    if not given:
        raise InputError("a kernel needs a parameter at least, as in fast=wfo.Int(5, 50)")
    made: list[Parameter] = []
    for each, axis in given.items():
        if isinstance(axis, Parameter) and axis.name != each:
            raise InputError(f"{brief(each)} is a Parameter that is called {brief(axis.name)}")
        if not isinstance(axis, Axis | Parameter):
            raise InputError(
                f"{brief(each)} = {brief(axis)} must be a wfo.Int, wfo.Float, wfo.Choice or"
                " Parameter"
            )
        made.append(axis if isinstance(axis, Parameter) else axis.parameter(each))
    grid = {n: axis.values() for n, axis in given.items() if not isinstance(axis, Parameter)}
    read = tuple(items("feeds", feeds, Feed, "wfo.strategy.Feed(...)"))
    check_names("the parameter", list(given))
    check_names("the feed", [feed.name for feed in read])
    for feed in read:
        check_names(f"in feed {brief(feed.name)} the column", feed.columns)

    def decorate(function: Callable[..., Any]) -> KernelFunction:
        plain = getattr(function, "py_func", function)
        if not inspect.isfunction(plain):
            raise InputError(f"@wfo.kernel stands above a function, not {brief(function)}")
        where = place_of(plain)
        _check_arguments(plain, (*(feed.name for feed in read), *LAST_ARGUMENTS), where)
        run = _compiled(function, where)
        counted = _counted(lookback, where, plain.__code__.co_filename)
        own = BatchKernel(run, plain.__module__, plain.__qualname__)
        try:
            strategy = Strategy(
                name=plain.__name__ if name is None else name,
                title=_title(plain) if title is None else title,
                parameters=tuple(made),
                kernel=own,
                lookback=counted,
                constraints=constraints,  # type: ignore[arg-type]  # it becomes a tuple
                feeds=read,
                settings=settings,
                shorts=shorts,
                map_axes=map_axes,
                grid={n: values for n, values in grid.items() if values is not None} or None,
            )
        except InputError as error:
            raise _placed(f"{where}: {error}") from None
        return KernelFunction(strategy, run)

    return decorate


def place_of(function: Callable[..., Any]) -> str:
    """Return where a function stands, as it is said in messages."""
    code = function.__code__
    return one_line(f"{Path(code.co_filename).name}, line {code.co_firstlineno}")


def _placed(said: str) -> InputError:
    """Return an error whose message says already where it belongs."""
    error = InputError(said)
    setattr(error, PLACED, True)
    return error


def _compiled(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    try:
        from wfo.kernels.compiling import compiled
    except ImportError as error:
        if error.name != "numba":
            raise
        raise EngineError("a kernel needs Numba: pip install 'wfo[reference]'") from None
    try:
        return compiled(function, where)
    except InputError as error:
        raise _placed(str(error)) from None


def _check_arguments(function: Callable[..., Any], wanted: tuple[str, ...], where: str) -> None:
    """Raise unless a function takes exactly these, by position."""
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise _placed(f"{where}: {function.__name__} yields or awaits; it must add fills instead")
    signature = inspect.signature(function)
    taken = signature.parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = tuple(p.name for p in taken)
    if names not in {wanted, (*wanted, SETTINGS)} or any(p.kind not in plain for p in taken):
        raise _placed(
            f"{where}: {function.__name__} takes {signature}; a kernel takes"
            f" ({', '.join(wanted)}), its feeds first, and {SETTINGS} last if it needs them"
        )


def _title(function: Callable[..., Any]) -> str:
    lines = (inspect.getdoc(function) or "").strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else function.__name__


def _counted(lookback: int | Lookback, where: str, file: str) -> Lookback:
    """Return a lookback as a function that returns a number, or says what else came of it."""
    if not callable(lookback):
        bars = whole(lookback)
        if bars is None or bars < 0:
            raise _placed(
                f"{where}: lookback = {brief(lookback)} must be a number of bars, 0 or more, or a"
                " function of the values"
            )
        return lambda _: bars

    def counted(values: Mapping[str, Sequence[Number]]) -> int:
        try:
            found = lookback(values)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a user's function raises
            said = described(error, Path(file).parent, Path(file))
            raise InputError(f"{where}: lookback fails: {said}") from None
        bars = whole(found)
        if bars is None or bars < 0:
            raise InputError(
                f"{where}: lookback returns {brief(found)}; it must be a whole number, 0 or more"
            )
        return bars

    return counted
