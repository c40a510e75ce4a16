"""The registry of strategies: those of the package, of installed packages, and of the caller.

All come through one door. The package's own family is a line in `_BUILT_IN`; another package names
its strategies as entry points of the group ``wfo.strategies``, each a `Strategy` or several::

    [project.entry-points."wfo.strategies"]
    sma = "my_package.strategies:SMA_CROSS"
"""

from __future__ import annotations

import importlib
import warnings

from wfo.errors import InputError, did_you_mean
from wfo.strategy.value import Strategy

#: Where the package's own strategies are; they are imported when one is asked for.
_BUILT_IN = ("wfo.atr_d.catalogue:ATR_D",)

#: The group of entry points that other packages name theirs in.
GROUP = "wfo.strategies"


class _Registry:
    """Strategies by name, and what of them was looked up already."""

    def __init__(self) -> None:
        self.known: dict[str, Strategy] = {}
        self.own: dict[str, Strategy] = {}
        self.built_in = False
        self.installed = False

    def add(self, strategy: Strategy) -> None:
        before = self.known.get(strategy.name)
        if before is not None and before != strategy:
            raise InputError(
                f"there is another strategy {strategy.name!r} already ({before.title});"
                " give this one another name"
            )
        # Equal strategies may differ in a function such as the lookback: the newest one is meant,
        # but for those of this package.
        if strategy.name not in self.own:
            self.known[strategy.name] = strategy

    def load_built_in(self) -> None:
        if self.built_in:
            return
        for path in _BUILT_IN:
            module, _, attribute = path.partition(":")
            for strategy in getattr(importlib.import_module(module), attribute):
                self.add(strategy)
                self.own[strategy.name] = strategy
        self.built_in = True

    def load_installed(self) -> None:
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


_REGISTRY = _Registry()


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
        raise InputError(f"register takes a wfo.Strategy, not {strategy!r}")
    _REGISTRY.load_built_in()
    _REGISTRY.add(strategy)
    return strategy


def strategies() -> dict[str, Strategy]:
    """Return all strategies that are known, by name.

    They are those of this package, those that installed packages name as entry points of the group
    ``wfo.strategies``, and those given to `wfo.register`. An entry point that cannot be loaded is
    left out, with a warning that says why.
    """
    _REGISTRY.load_installed()
    return dict(_REGISTRY.known)


def is_built_in(strategy: Strategy) -> bool:
    """Return whether a strategy is one of this package's own, and not another of that name."""
    _REGISTRY.load_built_in()
    return _REGISTRY.own.get(strategy.name) == strategy


def get_strategy(strategy: str | Strategy) -> Strategy:
    """Return the strategy of that name; a `Strategy` is returned as it is.

    Raises
    ------
    InputError
        If no strategy has that name.
    """
    if isinstance(strategy, Strategy):
        return strategy
    _REGISTRY.load_built_in()
    if isinstance(strategy, str):
        # What is known needs no look at the installed packages, which takes its time.
        if strategy not in _REGISTRY.known:
            _REGISTRY.load_installed()
        if strategy in _REGISTRY.known:
            return _REGISTRY.known[strategy]
    hint = did_you_mean(str(strategy), strategies())
    raise InputError(f"there is no strategy {strategy!r}{hint}")
