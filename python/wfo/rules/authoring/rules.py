"""`Rules`: the class that a user derives a strategy from."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from wfo.rules.authoring.building import Stated, built
from wfo.rules.authoring.orders import Ordered
from wfo.rules.authoring.series import Series
from wfo.rules.authoring.sites import Site, refused
from wfo.strategy.axes import Axis, Choice, Float, Int
from wfo.strategy.feed import Feed
from wfo.strategy.views import TradeStation
from wfo.text import brief

#: What a class says beside its parameters and plain values; no parameter can be called so.
_OWN = ("rules", "constraints", "map_axes", "tradestation", "name", "feeds")


#: Characters of a title.
_LONGEST_TITLE = 200


class _Body(dict[str, Any]):
    """The names of a class while its body runs, with the line of each."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, Site] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        frame = sys._getframe(1)
        site = Site(frame.f_code.co_filename, frame.f_lineno)
        if isinstance(self.get(name), Axis):
            raise refused(
                f"{name} is a parameter already, at line {self.lines[name].line}; give one of the"
                " two another name",
                site,
            )
        self.lines[name] = site
        super().__setitem__(name, value)


class RulesType(type):
    """The type of `Rules`: it knows the lines of a class, and makes its strategy when asked."""

    _lines: dict[str, Site]
    _made_strategy: Any

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **given: object) -> _Body:
        return _Body()

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], /, **given: Any
    ) -> RulesType:
        """Make a class, and keep the lines of its attributes."""
        made = super().__new__(cls, name, bases, dict(body), **given)
        made._lines = dict(getattr(body, "lines", {}))
        made._made_strategy = None
        return made

    def __call__(cls, *_: object, **__: object) -> NoReturn:
        """Refuse to make an instance: the class itself is the strategy."""
        raise refused(
            f"{cls.__name__} needs no instance; give the class itself, as in"
            f" wfo.simulate({cls.__name__}, bars, values)"
        )

    @property
    def __wfo_strategy__(cls) -> Any:
        """The `Strategy` that the class says, made when first asked for."""
        if cls.__dict__.get("_is_base"):
            # Which says nothing yet.
            raise AttributeError("__wfo_strategy__")
        if cls._made_strategy is None:
            cls._made_strategy = built(_stated(cls))
        return cls._made_strategy


class Rules(metaclass=RulesType):
    """A strategy of your own: a class with parameters, and a method that says which orders work.

    Its docstring is the strategy's title. Class attributes that are a `wfo.Int`, `wfo.Float` or
    `wfo.Choice` are the parameters, in the order in which they are written, those of a base class
    first; others are plain values. The class itself goes wherever a strategy does, as in
    ``wfo.sweep(Donchian, …)`` or ``wfo run --strategy FILE.py:Donchian``; it needs no instance.

    Attributes
    ----------
    constraints
        What every combination of parameters must meet, such as ``("fast < slow",)``.
    map_axes
        The two parameters whose plane plateaus are looked for in; the first two by default.
    tradestation
        A `wfo.strategy.TradeStation`: its name and inputs there, for the export of ranges.
    name
        Its name in commands and results; by default that of the class.
    feeds
        What it reads, each a `wfo.strategy.Feed`, the first one traded; by default what ``rules``
        asks for.
    """

    _is_base: ClassVar[bool] = True
    # It takes nothing, whatever its type does with calls.
    __signature__: ClassVar[inspect.Signature] = inspect.Signature()

    constraints: ClassVar[tuple[str, ...]] = ()
    map_axes: ClassVar[tuple[str, str] | None] = None
    tradestation: ClassVar[TradeStation | None] = None
    name: ClassVar[str] = ""
    feeds: ClassVar[tuple[Feed, ...] | None] = None

    def rules(self, x: Series) -> Ordered:
        """Return `wfo.orders` of what works; called once, with symbols for all parameters.

        Parameters
        ----------
        x
            Columns of the bars, indicators, and what makes orders.
        """
        raise NotImplementedError

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        from wfo.errors import did_you_mean

        known = [each for each in {*dir(type(self)), *self.__dict__} if not each.startswith("_")]
        raise refused(f"self has no {brief(name)}{did_you_mean(name, {*known} - {*_OWN})}")


def _stated(cls: Any) -> Stated:
    """Return what a class says beside its rules.

    Raises
    ------
    InputError
        If it is no strategy: no parameters, no rules, or a name that is taken.
    """
    lines: dict[str, Site] = {}
    for base in reversed(cls.__mro__):
        lines |= getattr(base, "_lines", {}) if base is not Rules else {}
    home = cls._lines.get("__module__", Site("?", 0))
    if cls.rules is Rules.rules:
        raise refused(f"{cls.__name__} has no method rules(self, x) that returns wfo.orders", home)
    axes = {name: axis for name, axis in _attributes(cls).items() if isinstance(axis, Axis)}
    for name, value in _attributes(cls).items():
        if value is Int or value is Float or value is Choice:
            given = "'one', 'other'" if value is Choice else "low, high"
            raise refused(
                f"{name} = wfo.{value.__name__} has no range; write"
                f" {name} = wfo.{value.__name__}({given})",
                lines[name],
            )
    for name in axes:
        if name in _OWN or name.startswith("_"):
            raise refused(
                f"a parameter cannot be called {name!r}, which has a meaning in a class of rules",
                lines.get(name, home),
            )
    if not axes:
        raise refused(
            f"{cls.__name__} has no parameters; give it one at least, as in"
            " length = wfo.Int(5, 100)",
            home,
        )
    document = (cls.__doc__ or "").strip().partition("\n\n")[0]
    return Stated(
        name=cls.__dict__.get("name") or cls.__name__,
        title=textwrap.shorten(document, _LONGEST_TITLE, placeholder="...") or cls.__name__,
        axes=axes,
        constraints=cls.constraints,
        map_axes=_map_axes(cls.map_axes, axes),
        tradestation=cls.tradestation,
        feeds=cls.feeds,
        rules=cls.rules,
        instance=object.__new__(cls),
        lines=lines,
        home=home,
    )


def _map_axes(given: Any, axes: Mapping[str, Axis]) -> Any:
    """Return the parameters of the map: those that a class states, or else the first two.

    Methods have no order, and are taken where there are too few numbers alone.
    """
    if given is not None or len(axes) < 2:
        return given
    ordered = [name for name, axis in axes.items() if not isinstance(axis, Choice)]
    return tuple(ordered if len(ordered) > 1 else axes)[:2]


def _attributes(cls: type) -> dict[str, Any]:
    """Return attributes in the order in which they were written, those of bases first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found |= {name: value for name, value in vars(base).items() if base is not object}
    return found
