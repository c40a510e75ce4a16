"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError, did_you_mean
from wfo.search.methods.annealing import Annealing
from wfo.search.methods.bandit import Bandit
from wfo.search.methods.differential import Differential
from wfo.search.methods.fresh import Asking
from wfo.search.methods.genetic import Genetic
from wfo.search.methods.options import (
    Flag,
    Option,
    Range,
    option_errors,
    read_defaults,
    taken_options,
)
from wfo.search.methods.restarting import Restarting
from wfo.search.methods.sampling import Grid, LatinHypercube, Random, Sobol
from wfo.search.methods.sizes import Population
from wfo.search.methods.tpe import Tpe
from wfo.search.values import Method
from wfo.text import brief, listed

if TYPE_CHECKING:
    from wfo.search.space import SearchSpace

#: Dimensions of SciPy's table of direction numbers.
_MOST_SOBOL = 21_201

#: Members of a population, and chains.
_MOST_MEMBERS = 1_000_000

_COUNT = Range(1, 10**9, whole=True)
_SHARE = Range(0, 1)
_FLAG = Flag()
_FLAG_OR_NULL = Flag(optional=True)

_POPULATION: Mapping[str, Option] = {
    "population": Range(2, _MOST_MEMBERS, whole=True, optional=True),
    "generations": Range(1, 1e9),
    "least": Range(2, _MOST_MEMBERS, whole=True),
    "most": Range(2, _MOST_MEMBERS, whole=True),
    "of_batch": Range(0, 1),
}

_GENETIC: Mapping[str, Option] = {
    **_POPULATION,
    "front": Range(2, _MOST_MEMBERS, whole=True),
    "crossover": _SHARE,
    "reach": Range(0, 10),
    "blend": Range(0, 1, above=True),
    "mutation": Range(0, 1_000),
    "decades": Range(0, 300),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A method of the catalogue.

    Attributes
    ----------
    kind
        Its class.
    make
        Makes it of all its options, the trials that it has, and the number of objectives.
    options
        What its options take.
    several
        Whether it takes several objectives.
    """

    kind: type[Any]
    make: Callable[[Mapping[str, Any], int, int], Method]
    options: Mapping[str, Option]
    several: bool = True

    @property
    def learns(self) -> bool:
        """Whether its points follow from earlier scores, so that it can begin anew."""
        return bool(self.kind.learns)


def _population(options: Mapping[str, Any], budget: int, objectives: int = 1) -> Population:
    return Population(
        options["population"],
        budget,
        options["generations"],
        options["least"] if objectives == 1 else max(options["least"], options["front"]),
        options["most"],
        options["of_batch"],
    )


def _asking() -> Asking:
    found = read_defaults()["asking"]
    return Asking(int(found["rounds"]), int(found["growth"]))


def _ga(options: Mapping[str, Any], budget: int, objectives: int) -> Genetic:
    own = {name: options[name] for name in ("crossover", "reach", "blend", "mutation", "decades")}
    return Genetic(_asking(), _population(options, budget, objectives), objectives, **own)


def _de(options: Mapping[str, Any], budget: int, _: int) -> Method:
    names = ("scale", "spread", "crossover", "memory", "best", "final", "mutation", "decades")
    own = {name: options[name] for name in names}
    return Differential(_asking(), _population(options, budget), **own)


def _tpe(options: Mapping[str, Any], budget: int, objectives: int) -> Method:
    fallback = _ga(taken_options("ga", {}, _GENETIC), budget, objectives)
    return Tpe(_asking(), fallback, objectives, **options)


def _anneal(options: Mapping[str, Any], budget: int, _: int) -> Method:
    return Annealing(_asking(), budget, **options)


def _bandit(options: Mapping[str, Any], _budget: int, _: int) -> Method:
    return Bandit(_asking(), **options)


#: Each method that proposes points; ``auto`` is a choice among them.
METHODS: dict[str, Entry] = {
    "grid": Entry(Grid, lambda o, _b, _k: Grid(o["scan"]), {"scan": Range(1, 2**27, whole=True)}),
    "random": Entry(
        Random,
        lambda o, _b, _k: Random(_asking(), o["enumerated"], o["crowded"]),
        {"enumerated": Range(1, 2**24, whole=True), "crowded": _SHARE},
    ),
    "lhs": Entry(LatinHypercube, lambda _o, _b, _k: LatinHypercube(_asking()), {}),
    "sobol": Entry(
        Sobol, lambda o, _b, _k: Sobol(_asking(), o["bits"]), {"bits": Range(8, 60, whole=True)}
    ),
    "de": Entry(
        Differential,
        _de,
        {
            **_POPULATION,
            "scale": Range(0, 1, above=True),
            "spread": Range(0, 10),
            "crossover": _SHARE,
            "memory": Range(1, 1_000, whole=True),
            "best": Range(0, 1, above=True),
            "final": Range(2, _MOST_MEMBERS, whole=True),
            "mutation": Range(0, 1_000),
            "decades": Range(0, 300),
        },
        several=False,
    ),
    "ga": Entry(Genetic, _ga, _GENETIC),
    "anneal": Entry(
        Annealing,
        _anneal,
        {
            "chains": Range(1, _MOST_MEMBERS, whole=True, optional=True),
            "each": _COUNT,
            "begin": _SHARE,
            "hot": Range(0, 1e9, above=True),
            "cold": Range(0, 1e9, above=True),
            "mutation": Range(0, 1_000),
            "first_decades": Range(0, 300),
            "last_decades": Range(0, 300),
            "back": _SHARE,
        },
        several=False,
    ),
    "bandit": Entry(
        Bandit,
        _bandit,
        {
            "arms": Range(2, 4_096, whole=True),
            "keep": Range(2, 4_096, whole=True),
            "trials": _COUNT,
            "narrow": Range(0, 1, above=True),
            "overlap": Range(0, 0.4),
        },
        several=False,
    ),
    "tpe": Entry(
        Tpe,
        _tpe,
        {
            "startup": _COUNT,
            "candidates": Range(1, 10_000, whole=True),
            "multivariate": _FLAG_OR_NULL,
            "group": _FLAG,
            "constant_liar": _FLAG,
            "told": Range(2, 100_000, whole=True),
            "decades": Range(0, 300),
        },
    ),
}

#: What ``--method`` takes.
METHOD_NAMES: tuple[str, ...] = (*METHODS, "auto")


def method_errors(
    name: object,
    options: object = None,
    *,
    objectives: int = 1,
    space: SearchSpace | None = None,
    stalled: int = 0,
    then: object = "restart",
) -> list[tuple[str, str]]:
    """Return what is wrong with a method and its options.

    Parameters
    ----------
    name
        The method, or ``"auto"``.
    options
        Its options.
    objectives, space, stalled, then
        As for `make_method`.

    Returns
    -------
    list of (str, str)
        Each the name of an option, ``"then"`` or ``""``, and a message.
    """
    if not isinstance(name, str) or name not in METHOD_NAMES:
        hint = did_you_mean(name, METHOD_NAMES)
        return [("", f"there is no method {brief(name)}{hint}")]
    found = _suiting(name, objectives, space)
    if stalled and then != "restart":
        if not isinstance(then, str) or then not in METHODS:
            hint = did_you_mean(then, [*METHODS, "restart"])
            found.append(("then", f"then = {brief(then)} is neither restart nor a method{hint}"))
        else:
            found += [("then", message) for _, message in _suiting(then, objectives, space)]
    ranges = METHODS[name].options if name in METHODS else {}
    return found + option_errors(name, options if options is not None else {}, ranges)


def _suiting(name: str, objectives: int, space: SearchSpace | None) -> list[tuple[str, str]]:
    """Return why a method does not suit a search."""
    found = []
    if name in METHODS and objectives > 1 and not METHODS[name].several:
        several = ", ".join(each for each, other in METHODS.items() if other.several)
        found.append(f"the method {name} takes one objective; for several there are {several}")
    if name == "grid" and space is not None and space.size is None:
        smooth = [each.name for each in space.dimensions if each.size is None]
        found.append(
            f"the method grid needs values or a step of {listed(smooth)}; other methods need none"
        )
    if name == "sobol" and space is not None and len(space.dimensions) > _MOST_SOBOL:
        found.append(
            f"the method sobol takes {_MOST_SOBOL:,} dimensions at most, not"
            f" {len(space.dimensions):,}; lhs and random take more"
        )
    return [("", message) for message in found]


def make_method(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    budget: int,
    objectives: int = 1,
    space: SearchSpace | None = None,
    stalled: int = 0,
    then: str = "restart",
) -> Method:
    """Return a method.

    Parameters
    ----------
    name
        One of `METHODS`; ``"auto"`` is decided by `choose` before.
    options
        Its options; those that are left out take the defaults of ``defaults/methods.yaml``.
    budget
        How many trials the search has.
    objectives
        How many there are.
    space
        What is searched, to see whether the method suits it.
    stalled
        Batches without anything better, after which the method begins anew, if it learns, or
        gives way; 0 for never.
    then
        ``"restart"``, or the method that goes on, with its defaults.

    Raises
    ------
    InputError
        A line for each thing that is wrong.
    """
    errors = method_errors(
        name, options, objectives=objectives, space=space, stalled=stalled, then=then
    )
    if errors:
        raise InputError("\n".join(message for _, message in errors))
    if name == "auto":
        raise InputError("the method auto is a choice among the others; choose makes it")

    def made(which: str) -> Method:
        entry = METHODS[which]
        given = options or {} if which == name else {}
        return entry.make(taken_options(which, given, entry.options), budget, objectives)

    if not stalled:
        return made(name)
    restart = then in {"restart", name}
    methods = (name,) if restart else (name, then)
    return Restarting(methods, made, stalled, restart, objectives)
