"""Expressions: what stands for a column or a number while a user's rules run, and its operators."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable
from typing import Any, NoReturn, Union

from wfo.errors import did_you_mean
from wfo.rules.authoring.draft import Draft
from wfo.rules.authoring.hints import truth_hint
from wfo.rules.authoring.sites import here, refused
from wfo.rules.nodes import Kind
from wfo.rules.wording import SIGNS
from wfo.strategy.axes import Axis
from wfo.text import brief

#: What an operator takes beside an expression. A parameter is one inside of rules, although its
#: class attribute is an `Int`, `Float` or `Choice`.
Operand = Union["Expression", float]

#: Columns of values, of which none can be meant as a condition.
_VALUES = frozenset(
    (
        *("add", "sub", "mul", "div", "neg", "abs", "sqrt", "floor", "round_half_up"),
        *("sma", "wma", "stdev", "highest", "lowest", "rank", "ema", "rma", "true_range"),
    )
)
#: Operators by the name that NumPy calls each.
_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}

_PRICES = (".open", ".high", ".low", ".close", ".volume")


class Expression:
    """A column, one value a bar; or a number, known for each parameter set.

    ``+ - * /``, the comparisons ``< <= > >= == !=``, and of conditions ``& | ~`` make a new one.
    What is made of parameters and numbers alone is a number, everything else a column. Python's
    ``and``, ``or``, ``not`` and ``if`` need a value at once and are refused. Everything is read as
    of the bar before the one that is traded: the engine shifts, rules do not.
    """

    __slots__ = ("_draft", "_place", "_site")

    def __init__(self, draft: Draft, place: int) -> None:
        self._draft = draft
        self._place = place
        self._site = here()

    def __repr__(self) -> str:
        return f"<{self._kind} {self._draft.words(self._place)}>"

    @property
    def _kind(self) -> Kind:
        return self._draft.kinds[self._place]

    # Arithmetic [E1]

    def __add__(self, other: Operand) -> Expression:
        return _of("add", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return _of("add", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return _of("sub", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return _of("sub", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return _of("mul", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return _of("mul", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return _of("div", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return _of("div", other, self)

    def __neg__(self) -> Expression:
        return _of("neg", self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return _of("abs", self)

    # Comparisons [E3]

    def __lt__(self, other: Operand) -> Expression:
        return _of("lt", self, other)

    def __le__(self, other: Operand) -> Expression:
        return _of("le", self, other)

    def __gt__(self, other: Operand) -> Expression:
        return _of("gt", self, other)

    def __ge__(self, other: Operand) -> Expression:
        return _of("ge", self, other)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]  # a condition
        return _of("eq", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]  # a condition
        return _of("ne", self, other)

    __hash__ = object.__hash__

    # Logic [E4]

    def __and__(self, other: Operand) -> Expression:
        return _logic("and", "&", self, other)

    def __rand__(self, other: Operand) -> Expression:
        return _logic("and", "&", other, self)

    def __or__(self, other: Operand) -> Expression:
        return _logic("or", "|", self, other)

    def __ror__(self, other: Operand) -> Expression:
        return _logic("or", "|", other, self)

    def __invert__(self) -> Expression:
        return _logic("not", "~", self)

    # What Python or a library does with values that it takes for numbers.

    def __bool__(self) -> bool:
        raise refused(truth_hint(repr(self)))

    def _no_number(self, *_: object, **__: object) -> NoReturn:
        raise refused(
            f"{self!r} has no value while the rules are made, so that functions of math and NumPy"
            " cannot take it; use x.sqrt, x.abs, x.floor, x.minimum and such, or a function of"
            " your own with @wfo.indicator"
        )

    __float__ = __int__ = __complex__ = __trunc__ = __ceil__ = __floor__ = _no_number
    __array__ = __array_function__ = _no_number

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **given: object) -> Expression:
        # A NumPy number that stands before an operator.
        operation = _OPERATORS.get(ufunc.__name__)
        if operation is None or method != "__call__" or given:
            self._no_number()
        plain = (each if isinstance(each, Expression) else each.item() for each in inputs)
        return operation(*plain)  # type: ignore[no-any-return]  # of an expression

    def __round__(self, *_: object) -> NoReturn:
        raise refused(f"round({self!r}) is none of the functions; use x.round_half_up")

    def __index__(self) -> NoReturn:
        raise refused(
            f"{self!r} has no value while the rules are made, so that it cannot count or pick;"
            " use x.choose to take one of several, a plain number for a loop, and @wfo.indicator"
            " above a function of your own, which is then called with arrays and numbers"
        )

    def __getitem__(self, key: object) -> NoReturn:
        raise refused(
            f"{self!r} cannot be indexed by {brief(key)}; it already is the latest closed bar's"
            " value, and the value k bars before is x.shift(column, k)"
        )

    def __iter__(self) -> NoReturn:
        raise refused(f"{self!r} is one expression, and no sequence to go through")

    def __len__(self) -> NoReturn:
        raise refused(
            f"{self!r} has no length while the rules are made; a function with @wfo.indicator is"
            " called with arrays"
        )

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse to be called: a column takes no arguments."""
        raise refused(f"{self!r} is no function; leave the brackets out")

    def __pow__(self, exponent: object) -> NoReturn:
        raise refused(
            f"{self!r} ** {brief(exponent)} is none of the operations; write a * a, or x.sqrt(a)"
        )

    __rpow__ = __pow__

    def __floordiv__(self, other: object) -> NoReturn:
        raise refused(f"{self!r} // {brief(other)} is none of the operations; use x.floor(a / b)")

    __rfloordiv__ = __floordiv__

    def __mod__(self, other: object) -> NoReturn:
        raise refused(
            f"{self!r} % {brief(other)} is none of the operations; use a - b * x.floor(a / b)"
        )

    __rmod__ = __mod__

    def __xor__(self, other: object) -> NoReturn:
        raise refused(f"{self!r} ^ {brief(other)} is none of the operations; of conditions use !=")

    __rxor__ = __xor__

    def __getattr__(self, name: str) -> NoReturn:
        # Libraries ask for such names, and take the answer that there is none.
        if name.startswith("__"):
            raise AttributeError(name)
        raise refused(
            f"{self!r} has no {brief(name)}; functions are those of x, as in"
            " x.sma(x.close, self.length)"
        )


def place_of(draft: Draft, value: object, what: str) -> int:
    """Return the node of what may be an expression or a number.

    Parameters
    ----------
    draft
        What is being made.
    value
        An `Expression` of the same rules, or a number.
    what
        What it is for, as a message begins.

    Raises
    ------
    InputError
        If it is something else; what would do.
    """
    if isinstance(value, Expression):
        if value._draft is not draft:
            raise refused(
                f"{what}: {value!r} belongs to the rules of {value._draft.owner} made at"
                f" {value._site}; make it anew inside of these"
            )
        return value._place
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            return draft.node("constant", value=float(value))
        except OverflowError:
            raise refused(f"{what} = {brief(value)} is larger than any float") from None
    if isinstance(value, Axis):
        raise refused(f"{what}: {brief(value)} is the range of a parameter; use self.NAME")
    if isinstance(value, bool):
        raise refused(f"{what} = {value} is no number; write {int(value)}")
    raise refused(f"{what} = {brief(value)} must be a column, a parameter or a number")


def condition_of(draft: Draft, value: object, what: str) -> int:
    """Return the node of a condition; True and False are taken too.

    Raises
    ------
    InputError
        If it is a column of values, which is a comparison that was forgotten or lacks brackets.
    """
    place = place_of(draft, int(value) if isinstance(value, bool) else value, what)
    node = draft.nodes[place]
    while node.op in ("latest", "resample"):
        node = draft.nodes[node.args[0]]
    values = node.op in _VALUES or (node.op == "feed" and node.text.endswith(_PRICES))
    if values and draft.kinds[place] == "column":
        raise refused(
            f"{what}: {draft.words(place)} is a column of values and no condition; compare it, and"
            " put comparisons that & or | join into brackets"
        )
    return place


def _of(op: str, *operands: object) -> Expression:
    draft = _draft_of(operands)
    what = f"a part of {SIGNS.get(op, op)}"
    return Expression(draft, draft.node(op, [place_of(draft, each, what) for each in operands]))


def _logic(op: str, sign: str, *operands: object) -> Expression:
    draft = _draft_of(operands)
    return Expression(draft, draft.node(op, [condition_of(draft, each, sign) for each in operands]))


def _draft_of(operands: tuple[object, ...]) -> Draft:
    return next(each._draft for each in operands if isinstance(each, Expression))


def unknown(what: str, name: str, known: Any) -> NoReturn:
    """Raise for a name that something does not have, with the nearest one that it has."""
    raise refused(f"{what} has no {brief(name)}{did_you_mean(name, known)}")
