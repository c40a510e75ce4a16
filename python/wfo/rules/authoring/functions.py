"""Indicators of the user's own: a function from arrays and numbers to an array, and its checks."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from wfo.arguments import whole
from wfo.errors import InputError
from wfo.held_values import held_digest, source_of
from wfo.rules.authoring.draft import Draft
from wfo.rules.authoring.expressions import Expression, place_of
from wfo.rules.authoring.sites import Site, here, raised_at, refused
from wfo.rules.nodes import MOST_BARS
from wfo.rules.program import Function
from wfo.text import brief, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What a part of a call is.
_Part = Literal["column", "whole", "number"]


class Indicator:
    """A function of the user's that rules may call; made by `wfo.indicator`.

    Called with expressions it is one; called with arrays and numbers it is the plain function.

    Parameters
    ----------
    function
        What computes it.
    lookback
        See `wfo.indicator`.
    site
        Where it stands.
    """

    def __init__(
        self, function: Callable[..., Any], lookback: int | Callable[..., int] | None, site: Site
    ) -> None:
        self._function = function
        self._lookback = lookback
        self._site = site
        self._name = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<indicator {self._name} of {self._site}>"

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Return an expression of expressions, and of arrays and numbers what they give."""
        found = [each for each in (*args, *given.values()) if isinstance(each, Expression)]
        if not found:
            return self._function(*args, **given)
        draft = found[0]._draft
        args, given = self._bound(args, given)
        values = [*args, *given.values()]
        places = [
            place_of(draft, value, f"{self._name}: argument {number}")
            for number, value in enumerate(values, 1)
        ]
        parts = tuple(_part(draft, place) for place in places)
        if "column" not in parts:
            raise refused(
                f"{self._name} is given numbers alone; an indicator is of a column at least, as in"
                f" {self._name}(x.close, length)"
            )
        called = _Called(self, parts, tuple(given))
        key = (id(self), parts, called.keywords)
        function = draft.function(key, called.function())
        return Expression(draft, draft.node("call", places, value=function))

    def _bound(
        self, args: tuple[Any, ...], given: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments by their place where they have one."""
        try:
            signature = inspect.signature(self._function)
        except (TypeError, ValueError):
            # Of a compiled function.
            return args, given
        try:
            bound = signature.bind(*args, **given)
        except TypeError as error:
            raise refused(f"{self._name}{signature} cannot be called so: {error}") from None
        return bound.args, bound.kwargs


class _Called(NamedTuple):
    """An indicator as it is called at some place: what its arguments are.

    Attributes
    ----------
    indicator
        What is called.
    parts
        What each argument is.
    keywords
        Names of the last ones, which are given by name.
    """

    indicator: Indicator
    parts: tuple[_Part, ...]
    keywords: tuple[str, ...]

    def function(self) -> Function:
        """Return it as a program has it."""
        indicator = self.indicator
        told = f"{_digest(indicator)} {self.parts} {self.keywords}"
        return Function(
            indicator._name,
            self.call,
            self.lookback,
            hashlib.sha256(told.encode()).hexdigest(),
            str(indicator._site),
        )

    def call(self, *values: Any) -> NDArray[np.float64]:
        """Compute it for arrays and numbers, one for each of `parts`.

        Raises
        ------
        InputError
            If it raises, or returns anything but one value a bar.
        """
        # What a function writes into its arrays is to be its own.
        own = [
            value.copy() if part == "column" else int(value) if part == "whole" else float(value)
            for part, value in zip(self.parts, values, strict=True)
        ]
        bars = len(values[self.parts.index("column")])
        found = self._run(self.indicator._function, own)
        return self._checked(found, bars, own)

    def lookback(self, *numbers: float) -> int:
        """Return the bars before the first value, for the numbers that a call has.

        Raises
        ------
        InputError
            If what states them raises, or returns no number of bars.
        """
        kinds = [part for part in self.parts if part != "column"]
        own: list[float] = [
            int(n) if kind == "whole" else n for kind, n in zip(kinds, numbers, strict=True)
        ]
        stated, name = self.indicator._lookback, self.indicator._name
        if stated is None:
            return int(max((n for n in numbers if float(n).is_integer()), default=0))
        if not callable(stated):
            return stated
        try:
            found: Any = stated(*own)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._wrong(
                f"{name}: its lookback for {own} raised {_said(error)}", error
            ) from error
        bars = whole(int(found) if isinstance(found, float) and found.is_integer() else found)
        if bars is None or not 0 <= bars <= MOST_BARS:
            raise self._wrong(
                f"{name}: its lookback for {own} is {brief(found)}; it must be a whole number of"
                " bars, from 0 on"
            )
        return bars

    def _run(self, function: Callable[..., Any], values: Sequence[Any]) -> Any:
        count = len(values) - len(self.keywords)
        named = dict(zip(self.keywords, values[count:], strict=True))
        try:
            return function(*values[:count], **named)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._wrong(f"{self._written(values)} raised {_said(error)}", error) from error

    def _checked(self, found: Any, bars: int, values: Sequence[Any]) -> NDArray[np.float64]:
        import numpy as np

        called = f"{self._written(values)} returned"
        if found is None:
            raise self._wrong(f"{called} nothing; is a return missing?")
        if isinstance(found, tuple):
            raise self._wrong(f"{called} {len(found)} things; return one of them")
        try:
            array = np.asarray(found.to_numpy() if hasattr(found, "to_numpy") else found)
        except Exception as error:  # noqa: BLE001  # of a foreign type
            raise self._wrong(
                f"{called} {_kind(found)}, which is no array: {_said(error)}"
            ) from None
        if array.ndim != 1:
            shape = " x ".join(f"{n:,}" for n in array.shape) or "a single value"
            raise self._wrong(f"{called} {shape}; it must be one value for each of {bars:,} bars")
        if array.dtype.kind not in "biuf":
            raise self._wrong(
                f"{called} values of type {array.dtype}; they must be numbers, or True and False"
            )
        if len(array) != bars:
            raise self._wrong(f"{called} {len(array):,} values for {bars:,} bars")
        return np.ascontiguousarray(array, np.float64)

    def _written(self, values: Sequence[Any]) -> str:
        """Return the call with its numbers."""
        said = [
            part if part == "column" else f"{value:.15g}"
            for part, value in zip(self.parts, values, strict=True)
        ]
        count = len(said) - len(self.keywords)
        named = (f"{k}={v}" for k, v in zip(self.keywords, said[count:], strict=True))
        return f"{self.indicator._name}({', '.join((*said[:count], *named))})"

    def _wrong(self, text: str, error: BaseException | None = None) -> InputError:
        site = self.indicator._site
        there = None if error is None else raised_at(error.__traceback__, site.file)
        return refused(f"the indicator {text}", there or site)


@overload
def indicator(
    function: Callable[..., Any], *, lookback: int | Callable[..., int] | None = None
) -> Indicator: ...
@overload
def indicator(
    *, lookback: int | Callable[..., int] | None = None
) -> Callable[[Callable[..., Any]], Indicator]: ...
def indicator(
    function: Callable[..., Any] | None = None,
    *,
    lookback: int | Callable[..., int] | None = None,
) -> Indicator | Callable[[Callable[..., Any]], Indicator]:
    """Make a function that rules may call, as ``@wfo.indicator`` before it.

    The function takes an array of float64 for each column, of all bars, and a number for each
    number: an `int` for what is whole in every parameter set, such as a `wfo.Int`, and a `float`
    for everything else. It returns one value a bar, as an array or a Polars or pandas series; NaN
    is a value that is not known, True and False are 1 and 0. It is called once for each combination
    of its numbers. The value of a bar is to come from bars up to that one, which ``wfo check``
    tries.

    Parameters
    ----------
    function
        The function itself, where the decorator has no brackets.
    lookback
        Bars before the first value: a number, or a function of the numbers of a call in their
        order. By default the largest whole number among them.

    Returns
    -------
    Indicator
        To be called within rules, as ``kama(x.close, self.length)``.

    Raises
    ------
    InputError
        If it is no function, or `lookback` no number of bars.
    """
    site = here()
    if lookback is not None and not callable(lookback):
        bars = whole(lookback)
        if bars is None or not 0 <= bars <= MOST_BARS:
            raise refused(
                f"lookback = {brief(lookback)} must be a whole number of bars, from 0 on, or a"
                " function that returns one",
                site,
            )
        lookback = bars

    def made(given: Callable[..., Any]) -> Indicator:
        if not callable(given) or isinstance(given, type):
            raise refused(f"wfo.indicator goes before a function, not {brief(given)}", site)
        code = getattr(given, "__code__", None)
        own = site if code is None else Site(code.co_filename, code.co_firstlineno)
        return Indicator(given, lookback, own)

    return made if function is None else made(function)


def _part(draft: Draft, place: int) -> _Part:
    if draft.kinds[place] != "number":
        return "column"
    return "whole" if draft.is_whole(place) else "number"


def _digest(indicator: Indicator) -> str:
    """Return what tells a function from another one: its source, and what it holds beside it."""
    told = []
    own: Any
    for own in (indicator._function, indicator._lookback):
        told += [source_of(own), repr(getattr(own, "__defaults__", None)), held_digest(own)]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error):.300}"


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
