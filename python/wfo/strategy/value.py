"""What a strategy is to everything that searches it: a value that says what is computed, from what.

Sweeps, scoring and exports ask the value and know no strategy by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any

from wfo.arguments import flag, instance, items, text
from wfo.errors import InputError, did_you_mean
from wfo.settings import AccountSettings
from wfo.strategy.constraints import Constraint, parse
from wfo.strategy.feed import Feed
from wfo.strategy.kernel import BatchKernel, Kernel, NumbaKernel, PythonKernel, RustKernel
from wfo.strategy.parameter import Number, Parameter
from wfo.strategy.source import Source
from wfo.strategy.views import StopClasses, TradeStation
from wfo.text import brief, html_table

#: Returns the longest lookback, in bars, that any mix of these values asks for.
Lookback = Callable[[Mapping[str, Sequence[Number]]], int]

# What a field of several has in it, and what that is called.
_SEVERAL: dict[str, tuple[type[Any], str]] = {
    "parameters": (Parameter, "wfo.strategy.Parameter(...)"),
    "constraints": (str, "texts, as in 'fast < slow'"),
    "feeds": (Feed, "wfo.strategy.Feed(...)"),
    "expansion": (str, "names of strategies"),
    "map_axes": (str, "two names of parameters"),
}

# They stand in the names of files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, repr=False)
class Strategy:
    """A strategy: its parameters, what it reads, how it is computed, and how it is looked at.

    Attributes
    ----------
    name
        Name in commands, grids and results: letters, digits, ``_`` and ``-``.
    title
        One line for listings.
    parameters
        In canonical order: in a flat index the last one varies fastest.
    kernel
        What computes it.
    lookback
        Returns the longest lookback, in bars, that any mix of the values it is given asks for:
        a mapping of every parameter to its values.
    constraints
        What every combination must meet, such as ``"fast < slow"``; see
        `wfo.strategy.constraints`.
    feeds
        The series that it reads; the first one is traded.
    settings
        The type of its settings.
    reference
        The kernel that defines it, where there is one beside `kernel`; several check each other.
    expansion
        Simpler strategies that a run of this one also runs, to show whether its extras pay.
    simpler
        Strategies that lack one of its extras, and the name of that extra.
    shorts
        Whether it sells short.
    map_axes
        View: the two parameters whose plane plateaus are looked for in.
    stop_classes
        View: which stops are tight, medium and wide.
    tradestation
        View: its name and inputs in TradeStation.
    grid
        View: the values of its default grid, by parameter. A parameter without values is not in it,
        and then a run needs a grid. None for no default grid.
    source
        The file that it was loaded from; None where it is of a package, or of no file.

    Raises
    ------
    InputError
        If a name is no name or there twice, two kernels have an engine of one name, a constraint
        cannot be read, or a view names what the strategy does not have.
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    kernel: Kernel
    lookback: Lookback = field(compare=False)
    constraints: tuple[str, ...] = ()
    feeds: tuple[Feed, ...] = (Feed("bars"),)
    settings: type[AccountSettings] = AccountSettings
    reference: Kernel | tuple[Kernel, ...] | None = None
    expansion: tuple[str, ...] = ()
    simpler: Mapping[str, str] = field(default_factory=dict, hash=False)
    shorts: bool = False
    map_axes: tuple[str, str] | None = field(default=None, compare=False)
    stop_classes: StopClasses | None = field(default=None, compare=False)
    tradestation: TradeStation | None = None
    grid: Mapping[str, tuple[Number, ...]] | None = field(default=None, compare=False)
    source: Source | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # A list has no hash and equals no tuple, and a text is a sequence of letters.
        for field_name in ("parameters", "constraints", "feeds", "expansion", "map_axes"):
            value = getattr(self, field_name)
            if isinstance(value, str):
                raise InputError(
                    f"{field_name} = {brief(value)} must be several, as in ({brief(value)},)"
                )
            if value is not None or field_name != "map_axes":
                kind, called = _SEVERAL[field_name]
                found = items(field_name, value, kind, called)
                object.__setattr__(self, field_name, tuple(found))
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InputError(
                f"a strategy cannot be called {brief(self.name)}; a name has letters, digits, _"
                " and -"
            )
        text("title", self.title)
        flag("shorts", self.shorts)
        if not callable(self.lookback):
            raise InputError(f"lookback = {brief(self.lookback)} must be a function")
        for kernel in self.kernels:
            kinds = (RustKernel, NumbaKernel, PythonKernel, BatchKernel)
            called = "a RustKernel, NumbaKernel, PythonKernel or BatchKernel"
            instance("kernel", kernel, kinds, called)
        if not (isinstance(self.settings, type) and issubclass(self.settings, AccountSettings)):
            raise InputError(
                f"settings = {brief(self.settings)} must be wfo.AccountSettings, or a class of it"
            )
        instance("simpler", self.simpler, Mapping, "a dict, words by name")
        for field_name, kind in (("stop_classes", StopClasses), ("tradestation", TradeStation)):
            if getattr(self, field_name) is not None:
                instance(field_name, getattr(self, field_name), kind, f"a {kind.__name__}, or None")
        if not self.parameters:
            raise InputError(f"{self.name} has no parameters; it needs one at least")
        for name in self.names:
            if not name.isidentifier() or self.names.count(name) > 1:
                raise InputError(
                    f"{self.name} cannot have a parameter {brief(name)}; names are Python's, each"
                    " once"
                )
        feeds = [f.name for f in self.feeds]
        if not self.feeds or not self.feeds[0].prices or len(set(feeds)) < len(feeds):
            raise InputError(
                f"{self.name} has the feeds {feeds}; the first must have prices, and each its name"
            )
        engines = [name for kernel in self.kernels for name in kernel.engines]
        if len(set(engines)) < len(engines):
            raise InputError(f"{self.name} has the engines {engines}; each needs a name of its own")
        # Read now, so that a wrong one is an error where it is written.
        _ = self.rules
        for name in self.map_axes or ():
            self.parameter(name)
        if self.map_axes is not None and len(set(self.map_axes)) != 2:
            raise InputError(f"{self.name} needs two map axes, not {self.map_axes}")
        classes = self.stop_classes
        if classes is not None and classes.parameter not in (self.map_axes or ()):
            raise InputError(
                f"the stop classes of {self.name} are those of {brief(classes.parameter)}, which is"
                " none of its map axes"
            )
        if self.tradestation is not None:
            for name in self.names:
                self.tradestation.input(name)
        if self.grid is not None:
            object.__setattr__(self, "grid", self._checked_grid())
        if self.source is not None:
            instance("source", self.source, Source, "a Source, or None")

    def _checked_grid(self) -> dict[str, tuple[Number, ...]]:
        """Return the default grid, its parameters in canonical order."""
        given = instance("grid", self.grid, Mapping, "a dict, values by parameter")
        found = {}
        for name in given:
            check = self.parameter(name).check
            found[name] = tuple(map(check, items(f"grid: {name}", given[name], object, "values")))
        return {name: found[name] for name in self.names if name in found}

    def with_map(self, map_axes: Iterable[str]) -> Strategy:
        """Return the strategy with another map, which is no other strategy.

        Parameters
        ----------
        map_axes
            Two parameters. Without the parameter of the stop classes there are none.

        Raises
        ------
        InputError
            If they are not two of its parameters.
        """
        axes = tuple(items("map_axes", map_axes, str, "two names of parameters", most=3))
        for name in axes:
            self.parameter(name)
        if len(axes) != 2 or len(set(axes)) != 2:
            raise InputError(
                f"map_axes = {', '.join(axes)} must be two parameters of {self.name}, as"
                f" {','.join(self.names[:2])}"
            )
        classes = self.stop_classes
        kept = classes if classes is not None and classes.parameter in axes else None
        return replace(self, map_axes=axes, stop_classes=kept)

    def __repr__(self) -> str:
        return f"Strategy({self.name!r}, {len(self.parameters)} parameters; {self.title})"

    def _repr_html_(self) -> str:
        rows = [("Parameter", "Meaning", "Allowed", "Default")]
        rows += [
            (p.name, p.meaning, p.listed, "" if p.default is None else f"{p.default:g}")
            for p in self.parameters
        ]
        constraints = f"; {', '.join(self.constraints)}" if self.constraints else ""
        return html_table(f"{self.name}: {self.title}{constraints}", rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical parameter names, in order."""
        return tuple(p.name for p in self.parameters)

    @property
    def defaults(self) -> dict[str, Number]:
        """The values of the parameters that may be left out."""
        return {p.name: p.default for p in self.parameters if p.default is not None}

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """All its kernels, in the order in which their engines are tried."""
        if self.reference is None:
            return (self.kernel,)
        others = self.reference if isinstance(self.reference, tuple) else (self.reference,)
        return (self.kernel, *others)

    @property
    def rules(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return tuple(parse(text, self.names) for text in self.constraints)

    @property
    def definition(self) -> dict[str, Any]:
        """What the figures of a parameter set follow from beside the bars, as plain values."""
        kernel = self.kernel
        module = kernel.module
        if self.source is not None and module == self.source.module:
            # What the file was loaded as depends on what else there is.
            module = PurePath(self.source.file).stem
        name = (
            kernel.function.partition(":")[2]
            if isinstance(kernel, PythonKernel)
            else kernel.name or self.name
        )
        found = {
            "kernel": f"{module}:{name}",
            "constraints": list(self.constraints),
            "feeds": [[feed.name, *feed.all_columns] for feed in self.feeds],
        }
        identity = getattr(self.kernel, "identity", None)
        program = self.program if identity is None else identity()
        digest = getattr(self.kernel, "digest", "")
        if program is not None:
            plain = json.dumps(program, sort_keys=True, allow_nan=False)
            digest = hashlib.sha256(plain.encode()).hexdigest()
        if digest:
            found["program"] = digest
        return found

    @property
    def program(self) -> Mapping[str, Any] | None:
        """What computes it as plain values, which a record of a run holds; None where it is code.

        It is what the method ``record`` of its kernel returns, where it has one: a dict for JSON,
        whose ``"kind"`` says what makes a kernel of it again (`wfo.strategy.record.PROGRAMS`). By a
        method ``identity`` a kernel that holds code says what that computes, for `definition`.
        """
        record = getattr(self.kernel, "record", None)
        found: Mapping[str, Any] | None = None if record is None else record()
        return found

    @property
    def dual_symbol(self) -> bool:
        """Whether it reads the prices of a second symbol."""
        return sum(feed.prices for feed in self.feeds) > 1

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called `name`.

        Raises
        ------
        InputError
            If the strategy has none of that name.
        """
        for parameter in self.parameters:
            if isinstance(name, str) and parameter.name == name:
                return parameter
        hint = did_you_mean(name, self.names)
        raise InputError(f"{self.name} has no parameter {brief(name)}{hint}")

    def check_names(self, given: Iterable[str]) -> None:
        """Raise unless `given` are exactly this strategy's parameters, in any order.

        Raises
        ------
        InputError
            For an unknown name, else for the missing ones.
        """
        if isinstance(given, Mapping):
            given = list(given)
        given = items("names", given, object, "names")
        for name in given:
            self.parameter(name)
        missing = [name for name in self.names if name not in given]
        if missing:
            raise InputError(f"{self.name} also needs {', '.join(missing)}")

    def with_defaults(
        self, given: Mapping[str, object]
    ) -> tuple[dict[str, Any], dict[str, Number]]:
        """Return what was given with the defaults of what was left out.

        Parameters
        ----------
        given
            Values by name, of any kind: nothing is looked at but the names.

        Returns
        -------
        values, filled
            All parameters in canonical order; and those that were left out, with their defaults,
            for the page.

        Raises
        ------
        InputError
            For an unknown name, or for one that was left out and has no default.
        """
        given = instance("values", given, Mapping, "a dict, values by parameter")
        for name in given:
            self.parameter(name)
        filled = {name: value for name, value in self.defaults.items() if name not in given}
        values: dict[str, Any] = {**given, **filled}
        missing = [name for name in self.names if name not in values]
        if missing:
            raise InputError(
                f"{self.name} also needs {', '.join(missing)}; only a parameter that has a default="
                " may be left out"
            )
        return {name: values[name] for name in self.names}, filled

    def check_params(self, params: Mapping[str, object]) -> tuple[Number, ...]:
        """Return one value a parameter, in canonical order.

        Raises
        ------
        InputError
            For an unknown, missing, ill-typed or out-of-range parameter, and for values that do not
            meet a constraint.
        """
        if not isinstance(params, Mapping):
            raise InputError(
                f"params must name each parameter, as a dict does, not be {brief(params)}"
            )
        self.check_names(params)
        checked = {p.name: p.check(params[p.name]) for p in self.parameters}
        for constraint in self.rules:
            constraint.check(checked)
        return tuple(checked.values())

    def settings_of(self, settings: AccountSettings | None) -> AccountSettings:
        """Return `settings` as this strategy takes them.

        Parameters
        ----------
        settings
            None for the defaults. Settings of another type are taken over field by field.

        Raises
        ------
        InputError
            If they are no settings, or set a field that this strategy does not have.
        """
        if settings is None:
            return self.settings()
        if type(settings) is self.settings:
            return settings
        if not isinstance(settings, AccountSettings):
            own = self.settings
            home = "wfo." if own.__module__.partition(".")[0] == "wfo" else ""
            raise InputError(f"settings must be {home}{own.__name__}(...), not {brief(settings)}")
        known = {f.name for f in fields(self.settings)}
        taken = {}
        for f in fields(settings):
            value = getattr(settings, f.name)
            if f.name in known:
                taken[f.name] = value
                continue
            default = f.default_factory() if f.default_factory is not MISSING else f.default
            if value != default:
                raise InputError(
                    f"{f.name} = {brief(value)} is no setting of {self.name}, which has"
                    f" {', '.join(sorted(known))}"
                )
        return self.settings(**taken)


def lookback_on(
    strategy: Strategy,
    values: Mapping[str, Sequence[Number]],
    feeds: Mapping[str, Mapping[str, Any]],
) -> int:
    """Return the longest lookback on bars that are known, in bars.

    Parameters
    ----------
    strategy
        Whose.
    values
        As the strategy's `lookback` takes them.
    feeds
        What is read, by feed and column. Of a strategy that reads higher bars they say how many
        bars it takes until these are known; for others they make no difference.
    """
    own = getattr(strategy.kernel, "lookback_on", None)
    return strategy.lookback(values) if own is None else int(own(values, feeds))


def reads_higher_bars(strategy: Strategy) -> bool:
    """Whether the lookback of a strategy depends on the bars that it reads."""
    return bool(getattr(strategy.kernel, "timeframes", ()))


def lookback_for(
    strategy: Strategy, read: Callable[[], Mapping[str, Mapping[str, Any]]]
) -> Lookback:
    """Return the lookback of a strategy on bars that are known, for values that are asked later.

    Parameters
    ----------
    strategy
        Whose.
    read
        Returns what is read, by feed and column; called only where it makes a difference.
    """
    if not reads_higher_bars(strategy):
        return strategy.lookback
    feeds = read()
    return lambda values: lookback_on(strategy, values, feeds)
