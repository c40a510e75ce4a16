"""The registry of strategies: those of the package, of installed packages, and of the caller.

All go through `Registry.add`. The package's own family is a line in `_BUILT_IN`; another package
names its strategies as entry points of the group ``wfo.strategies``, each a `Strategy` or several::

    [project.entry-points."wfo.strategies"]
    sma = "my_package.strategies:SMA_CROSS"
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterable, Iterator

from wfo.errors import InputError, did_you_mean
from wfo.strategy.value import Strategy
from wfo.text import brief

#: Where the package's own strategies are; they are imported when one is asked for.
_BUILT_IN = ("wfo.atr_d.catalogue:ATR_D",)

#: The group of entry points that other packages name theirs in.
GROUP = "wfo.strategies"


class Registry:
    """Strategies by name, and what of them was looked up already.

    Attributes
    ----------
    known
        All that were added or looked up so far, by name.
    own
        Those of this package, by name.
    """

    def __init__(self) -> None:
        self.known: dict[str, Strategy] = {}
        self.own: dict[str, Strategy] = {}
        self.built_in = False
        self.installed = False

    def add(self, strategy: Strategy) -> None:
        """Make a strategy known.

        Raises
        ------
        InputError
            If another one has its name.
        """
        before = self.known.get(strategy.name)
        if before is not None and before != strategy:
            raise InputError(
                f"there is another strategy {brief(strategy.name)} already ({before.title});"
                " give this one another name"
            )
        # Equal strategies may differ in a function such as the lookback: the newest one is meant,
        # but for those of this package.
        if strategy.name not in self.own:
            self.known[strategy.name] = strategy

    def load_built_in(self) -> None:
        """Look up the strategies of this package, once."""
        if self.built_in:
            return
        for path in _BUILT_IN:
            module, _, attribute = path.partition(":")
            for strategy in getattr(importlib.import_module(module), attribute):
                self.add(strategy)
                self.own[strategy.name] = strategy
        self.built_in = True

    def load_installed(self) -> None:
        """Look up those of installed packages too, once; what cannot be loaded is a warning."""
        if self.installed:
            return
        from importlib.metadata import entry_points

        self.load_built_in()
        # Before, so that a package that asks for the strategies while it is loaded gets an answer.
        self.installed = True
        broken = []
        for point in entry_points(group=GROUP):
            try:
                found = point.load()
                for strategy in (found,) if isinstance(found, Strategy) else found:
                    if not isinstance(strategy, Strategy):
                        raise TypeError(f"{strategy!r} is no Strategy")
                    self.add(strategy)
            except Exception as error:  # noqa: BLE001  # whatever a foreign module raises
                broken.append(
                    f"the strategies of {point.name} = {point.value} are left out: {error}"
                )
        for text in broken:
            warnings.warn(text, RuntimeWarning, stacklevel=3)


#: The last one is in use.
_REGISTRIES = [Registry()]


@contextlib.contextmanager
def separate(strategies: Iterable[Strategy] = ()) -> Iterator[Registry]:
    """Have a registry of its own inside a ``with`` block; what is registered there is left behind.

    Parameters
    ----------
    strategies
        What is known inside beside this package's own and those of installed packages.
    """
    own = Registry()
    _REGISTRIES.append(own)
    try:
        for strategy in strategies:
            register(strategy)
        yield own
    finally:
        _REGISTRIES.remove(own)


def register(strategy: Strategy) -> Strategy:
    """Make a strategy known by its name, wherever a name is taken.

    Parameters
    ----------
    strategy
        One of your own.

    Returns
    -------
    Strategy
        The same.

    Raises
    ------
    InputError
        If it is no strategy, or another one has that name. The same one may come again, and
        is then known as it came last.
    """
    if not isinstance(strategy, Strategy):
        raise InputError(f"register takes a wfo.Strategy, not {brief(strategy)}")
    _REGISTRIES[-1].load_built_in()
    _REGISTRIES[-1].add(strategy)
    return strategy


def strategies() -> dict[str, Strategy]:
    """Return all strategies that are known, by name.

    They are those of this package, those that installed packages name as entry points of the group
    ``wfo.strategies``, and those given to `wfo.register`. An entry point that cannot be loaded is
    left out, with a warning that says why.
    """
    _REGISTRIES[-1].load_installed()
    return dict(_REGISTRIES[-1].known)


def is_built_in(strategy: Strategy) -> bool:
    """Return whether a strategy is one of this package's own, and not another of that name."""
    _REGISTRIES[-1].load_built_in()
    return _REGISTRIES[-1].own.get(strategy.name) == strategy


def get_strategy(strategy: str | Strategy) -> Strategy:
    """Return the strategy of that name; a `Strategy` is returned as it is.

    Raises
    ------
    InputError
        If no strategy has that name.
    """
    if isinstance(strategy, Strategy):
        return strategy
    _REGISTRIES[-1].load_built_in()
    if isinstance(strategy, str):
        # What is known needs no look at the installed packages, which takes its time.
        if strategy not in _REGISTRIES[-1].known:
            _REGISTRIES[-1].load_installed()
        if strategy in _REGISTRIES[-1].known:
            return _REGISTRIES[-1].known[strategy]
    hint = did_you_mean(strategy, strategies())
    raise InputError(f"there is no strategy {brief(strategy)}{hint}")
