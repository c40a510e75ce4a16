"""The objective of a space's file, read in all the forms that it may have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from wfo.errors import InputError
from wfo.search.objective.components import (
    MOST_COMPONENTS,
    MOST_OBJECTIVES,
    NORMALISE,
    Component,
    no_scale,
    scale_ends,
    two_percentiles,
    whole_trials,
)
from wfo.search.objective.figures import DIRECTIONS, Direction, canonical, known, shipped
from wfo.search.objective.functions import function_digest
from wfo.search.objective.reading import Problems, inside
from wfo.text import shown

T = TypeVar("T")

_KEYS: Final = (
    *("figure", "direction", "weights", "objectives", "function"),
    *("normalise", "scales", "directions", "adaptive"),
)
_FORMS: Final = ("figure", "weights", "objectives", "function")


class Reader(Generic[T]):
    """Reads an objective from the value that a file has.

    Parameters
    ----------
    found
        Where mistakes are noted.
    where
        What messages call the value.
    folder
        Of the file.
    make
        Makes an objective of its kind, components, normalisation, trials between bounds,
        percentiles, function, digest and folder.
    """

    def __init__(
        self, found: Problems, where: str, folder: Path | None, make: Callable[..., T]
    ) -> None:
        self.found = found
        self.where = where
        # Of what the form itself says: figures, weights, or a function.
        self.at = where
        self.folder = folder
        self.make = make
        self.before = len(found.lines)

    def read(self, data: Any) -> T | None:
        """Return the objective; None where a mistake was noted."""
        # A short form is itself what a key of the long one says.
        short = not isinstance(data, Mapping) or not any(key in _KEYS for key in data)
        if data is None:
            data = {"weights": shipped("objective")["weights"]}
        if isinstance(data, str):
            data = {"function" if ":" in data else "figure": data}
        elif isinstance(data, Sequence):
            data = {"objectives": data}
        if not isinstance(data, Mapping) or not data:
            self.found.add(
                self.where,
                f" = {shown(data)} must be a figure, weights of figures, a list of figures, or"
                " module:function",
            )
            return None
        if not any(key in _KEYS for key in data):
            data = {"weights": data}
        self.found.keys(self.where, data, _KEYS)
        forms = [key for key in _FORMS if key in data]
        if len(forms) != 1:
            said = " and ".join(forms) if forms else "none of them"
            self.found.add(self.where, f" needs one of {', '.join(_FORMS)}; it has {said}")
            return None
        if not short:
            self.at = f"{self.where}.{forms[0]}"
        return self._made(forms[0], data)

    def _made(self, form: str, data: Mapping[Any, Any]) -> T | None:
        shipped_values = shipped("objective")
        default = shipped_values["several" if form == "objectives" else "normalise"]
        normalise = data.get("normalise", default)
        self.found.word(f"{self.where}.normalise", normalise, NORMALISE)
        adaptive = self._adaptive(data)
        if form == "function":
            keys = ("direction", "scales", "directions", "normalise", "adaptive")
            self._refuse_beside(form, data, keys)
            return self._of_function(data["function"], adaptive)
        if form == "figure":
            # It is the score itself.
            self._refuse_beside(form, data, ("normalise", "scales", "directions"))
        else:
            self._refuse_beside(form, data, ("direction",))
        if normalise != "adaptive":
            self._refuse_beside(f"normalise: {shown(normalise)}", data, ("adaptive",))
        components = {
            "figure": self._of_figure,
            "weights": self._of_weights,
            "objectives": self._of_list,
        }[form](data)
        kind = {"figure": "figure", "weights": "weights", "objectives": "several"}[form]
        if form == "objectives" and len(components) == 1:
            # It is the score itself.
            kind, normalise = "figure", "fixed"
        if kind != "figure" and normalise == "fixed":
            for each in components:
                if each.low is None:
                    self.found.add(self.where, f": {no_scale(each.figure)}")
        if len(self.found.lines) > self.before:
            return None
        try:
            return self.make(kind, tuple(components), normalise, *adaptive)
        except InputError as error:
            self.found.add(self.where, f": {error}")
        return None

    def _refuse_beside(self, form: str, data: Mapping[Any, Any], keys: Iterable[str]) -> None:
        for key in keys:
            if key in data:
                self.found.add(f"{self.where}.{key}", f" says nothing beside {form}; leave it out")

    def _adaptive(self, data: Mapping[Any, Any]) -> tuple[int, tuple[float, float]]:
        """Return after how many trials bounds move, and which percentiles they are."""
        where = f"{self.where}.adaptive"
        own = dict(shipped("objective")["adaptive"])
        if "adaptive" in data:
            given = self.found.mapping(where, data["adaptive"], "every and percentiles")
            self.found.keys(where, given, own)
            own |= given
        every = whole_trials(self.found, f"{where}.every", own["every"])
        return every, two_percentiles(self.found, f"{where}.percentiles", own["percentiles"])

    def _of_function(self, name: Any, adaptive: tuple[int, tuple[float, float]]) -> T | None:
        digest = ""
        try:
            digest = function_digest(name, self.folder)
        except InputError as error:
            self.found.add(self.at, f": {error}")
        if len(self.found.lines) > self.before:
            return None
        return self.make("function", (), "fixed", *adaptive, name, digest, self.folder)

    def _of_figure(self, data: Mapping[Any, Any]) -> list[Component]:
        name = data["figure"]
        own = {key: data[key] for key in ("direction",) if key in data}
        return self._component(self.at, name, own)

    def _of_weights(self, data: Mapping[Any, Any]) -> list[Component]:
        where = self.at
        weights = self.found.mapping(where, data["weights"], "figures to weights")
        if len(weights) > MOST_COMPONENTS:
            self.found.add(
                where, f" has {len(weights):,} figures; an objective has {MOST_COMPONENTS} at most"
            )
            return []
        beside = self._beside(data, weights)
        found = []
        for name, given in weights.items():
            at = inside(where, name)
            own = beside.get(canonical(name) if isinstance(name, str) else "", {})
            if isinstance(given, Mapping):
                self.found.keys(at, given, ("weight", "direction", "scale"))
                if "weight" not in given:
                    self.found.add(at, " lacks its weight")
                own |= given
            else:
                own["weight"] = given
            found += self._component(at, name, own)
        return found

    def _of_list(self, data: Mapping[Any, Any]) -> list[Component]:
        where = self.at
        given = data["objectives"]
        if isinstance(given, str) or not isinstance(given, Sequence) or not given:
            self.found.add(where, f" = {shown(given)} must be a list of figures")
            return []
        if len(given) > MOST_OBJECTIVES:
            self.found.add(
                where, f" has {len(given)} figures; a Pareto set is of {MOST_OBJECTIVES} at most"
            )
            return []
        names = [each.get("figure") if isinstance(each, Mapping) else each for each in given]
        beside = self._beside(data, names)
        found = []
        for at, each in enumerate(given):
            place = f"{where}[{at}]"
            own: dict[Any, Any] = {}
            if isinstance(each, Mapping):
                self.found.keys(place, each, ("figure", "direction", "scale"))
                own = {k: v for k, v in each.items() if k != "figure"}
            name = names[at]
            if isinstance(name, str):
                own = beside.get(canonical(name), {}) | own
            found += self._component(place, name, own)
        return found

    def _beside(self, data: Mapping[Any, Any], names: Iterable[Any]) -> dict[str, dict[Any, Any]]:
        """Return what `directions` and `scales` say, by the canonical name of the figure."""
        found: dict[str, dict[Any, Any]] = {
            canonical(name): {} for name in names if isinstance(name, str)
        }
        for key, called in (("directions", "direction"), ("scales", "scale")):
            if key not in data:
                continue
            where = f"{self.where}.{key}"
            for name, value in self.found.mapping(
                where, data[key], f"figures to a {called}"
            ).items():
                own = found.get(canonical(name)) if isinstance(name, str) else None
                if own is None:
                    self.found.add(inside(where, name), " is of no figure of the objective")
                elif called in own:
                    self.found.add(inside(where, name), " is there twice, by two names")
                else:
                    own[called] = value
        return found

    def _component(self, where: str, name: Any, own: Mapping[Any, Any]) -> list[Component]:
        """Return a component, if it is one."""
        before = len(self.found.lines)
        figure = self.found.name(where, name)
        of = known(figure or "")
        direction = own.get("direction", of.direction)
        if "direction" in own:
            self.found.word(f"{where}.direction", direction, DIRECTIONS)
        weight = 1.0
        if "weight" in own:
            weight = self.found.number(where, own["weight"], above=0, what="a weight") or 1.0
        ends: tuple[float | None, float | None] = (of.low, of.high)
        if "scale" in own:
            ends = scale_ends(self.found, f"{where}.scale", own["scale"])
        if figure is None or len(self.found.lines) > before:
            return []
        return [Component(figure, cast("Direction", direction), weight, *ends)]
