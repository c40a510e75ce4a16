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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wfo.errors import InputError, did_you_mean
from wfo.strategy.loading import KINDS, StrategyLike, is_target, load_strategy, stood_for
from wfo.strategy.record import same_strategy, to_record
from wfo.strategy.source import Source
from wfo.strategy.value import Strategy
from wfo.text import brief, one_line

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
    recorded
        Those of the runs that were opened, by name, the last ones; they stand for a name that
        nothing else has.
    """

    def __init__(self) -> None:
        self.known: dict[str, Strategy] = {}
        self.own: dict[str, Strategy] = {}
        self.recorded: dict[str, Strategy] = {}
        self.said: set[str] = set()
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
        if before is not None and before != strategy and not _same_file(before, strategy):
            raise InputError(
                f"there is another strategy {brief(strategy.name)} already ({before.title});"
                " give this one another name"
            )
        # Equal strategies may differ in a function such as the lookback: the newest one is meant,
        # but for those of this package.
        if strategy.name not in self.own:
            self.known[strategy.name] = strategy

    def say(self, text: str) -> None:
        """Warn, once of each thing."""
        if text not in self.said:
            self.said.add(text)
            warnings.warn(text, RuntimeWarning, stacklevel=3)

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


def _same_file(before: Strategy, now: Strategy) -> bool:
    """Return whether two are one strategy of a file that was edited meanwhile."""
    if before.source is None or now.source is None:
        return False
    return (before.source.path, before.source.name) == (now.source.path, now.source.name)


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


def register(strategy: Strategy | Any) -> Any:
    """Make a strategy known by its name, wherever a name is taken.

    Parameters
    ----------
    strategy
        One of your own: a `Strategy`, a class of rules, a kernel, or ``"FILE.py:NAME"``.

    Returns
    -------
    Strategy
        The same, or what stands for it, so that it decorates a class too.

    Raises
    ------
    InputError
        If it is no strategy, or another one has that name. The same one may come again, and
        is then known as it came last.
    """
    if isinstance(strategy, str) and is_target(strategy):
        return get_strategy(strategy)
    found = stood_for(strategy)
    if found is None:
        raise InputError(f"register takes {KINDS}, not {brief(strategy)}")
    _REGISTRIES[-1].load_built_in()
    _REGISTRIES[-1].add(found)
    return strategy


def strategies() -> dict[str, Strategy]:
    """Return all strategies that are known, by name.

    They are those of this package, those that installed packages name as entry points of the group
    ``wfo.strategies``, and those given to `wfo.register`. An entry point that cannot be loaded is
    left out, with a warning that says why.
    """
    _REGISTRIES[-1].load_installed()
    return dict(_REGISTRIES[-1].known)


def knows(name: str) -> bool:
    """Return whether `get_strategy` knows a name, of a run that was opened too."""
    return name in _REGISTRIES[-1].recorded or name in strategies()


def remember(recorded: Mapping[str, Strategy]) -> dict[str, Strategy]:
    """Have the strategies that a run states stand for their names, where nothing else does.

    Parameters
    ----------
    recorded
        As its record describes them.

    Returns
    -------
    dict of str to Strategy
        What is known under these names: where it is the same strategy, with its code. What has
        changed since is a warning.

    Raises
    ------
    InputError
        If another strategy is known under one of the names.
    """
    registry, found = _REGISTRIES[-1], {}
    for name, stated in recorded.items():
        known = registry.known.get(name)
        if known is None and stated.source is None:
            # It may be one of a package.
            known = strategies().get(name)
        if known is None:
            registry.recorded[name] = found[name] = stated
            continue
        before, now = stated.source, known.source
        changed = before is not None and now is not None and before.sha256 != now.sha256
        if not same_strategy(known, stated):
            if changed and _is_of_one_name(before, now):
                raise InputError(_changed(known, stated))
            raise InputError(
                f"the record is one of another strategy that was called {name} than the one that is"
                f" known here ({_whence(known)}): {_different(known, stated)} differ; give one of"
                " them another name, or compute it anew"
            )
        if changed and known.program is None:
            registry.say(
                f"{_whence(known)} has changed since the record was written: what is computed now"
                " may differ from what it states"
            )
        found[name] = known
    return found


def _whence(strategy: Strategy) -> str:
    """Return where a strategy is, in words."""
    return strategy.title if strategy.source is None else one_line(strategy.source.target)


def _different(known: Strategy, stated: Strategy) -> str:
    """Return in what two strategies differ, in words."""
    now, before = to_record(known), to_record(stated)
    found = [plural for k, (plural, _) in _PARTS.items() if now.get(k) != before.get(k)]
    return " and ".join(f"their {plural}" for plural in dict.fromkeys(found)) or "they"


#: What of a record tells strategies apart: of two of them, and of one that has others now.
_PARTS = {
    "parameters": ("parameters", "other parameters"),
    "constraints": ("constraints", "other constraints"),
    "feeds": ("feeds", "other feeds"),
    "shorts": ("sides", "other sides"),
    "kernel": ("kernels", "another kernel"),
    "program": ("programs", "another program"),
    "digest": ("programs", "another program"),
}


def _is_of_one_name(before: Source | None, now: Source | None) -> bool:
    """Whether two files, wherever they are, are of one name, and call a strategy alike."""
    if before is None or now is None:
        return False
    return (Path(before.file).name, before.name) == (Path(now.file).name, now.name)


def _changed(known: Strategy, stated: Strategy) -> str:
    """Say that the file of a strategy makes another one since a record was written."""
    now, before = to_record(known), to_record(stated)
    found = [other for k, (_, other) in _PARTS.items() if now.get(k) != before.get(k)]
    # Rules are computed from what the record states where no file is named.
    ways = [] if stated.program is None else ["leave --load out to compute with the record's rules"]
    ways += ["put the file back as it was", "compute anew, as 'wfo run' does"]
    return (
        f"{_whence(known)} has changed since the record was written, and has"
        f" {' and '.join(dict.fromkeys(found)) or 'another definition'} now:"
        f" {', '.join(ways[:-1])}, or {ways[-1]}"
    )


def is_built_in(strategy: Strategy) -> bool:
    """Return whether a strategy is one of this package's own, and not another of that name."""
    _REGISTRIES[-1].load_built_in()
    return _REGISTRIES[-1].own.get(strategy.name) == strategy


def get_strategy(strategy: StrategyLike) -> Strategy:
    """Return the strategy that is meant.

    Parameters
    ----------
    strategy
        A name; a `Strategy`, which is returned as it is; what stands for one, such as a class of
        rules; or ``"FILE.py:NAME"``, which is loaded, and known by its name from then on.

    Raises
    ------
    InputError
        If no strategy has that name, or what is meant is none.
    """
    if isinstance(strategy, Strategy):
        return strategy
    registry = _REGISTRIES[-1]
    registry.load_built_in()
    if isinstance(strategy, str):
        if is_target(strategy):
            found = load_strategy(strategy)
            try:
                registry.add(found)
            except InputError as error:
                raise InputError(f"{one_line(strategy)}: {error}") from None
            return found
        # What is known needs no look at the installed packages, which takes its time.
        if strategy not in registry.known:
            registry.load_installed()
        if strategy in registry.known:
            return registry.known[strategy]
        if strategy in registry.recorded:
            return registry.recorded[strategy]
        hint = did_you_mean(strategy, strategies())
        if strategy.endswith(".py"):
            hint = "; a strategy of a file is named by both, FILE.py:NAME"
        raise InputError(f"there is no strategy {brief(strategy)}{hint}")
    stands = stood_for(strategy)
    if stands is not None:
        return stands
    if isinstance(strategy, type) or callable(strategy):
        raise InputError(f"{brief(strategy)} is no strategy; that is {KINDS}")
    hint = did_you_mean(strategy, strategies())
    raise InputError(f"there is no strategy {brief(strategy)}{hint}")
