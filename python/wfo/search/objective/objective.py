"""Objectives: one figure, weighted components, several figures for a Pareto set, or a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from wfo.arguments import rebuilt
from wfo.errors import InputError
from wfo.search.objective.components import (
    KINDS,
    MOST_COMPONENTS,
    MOST_OBJECTIVES,
    NORMALISE,
    Component,
    Kind,
    Normalise,
    no_scale,
    two_percentiles,
    whole_trials,
)
from wfo.search.objective.figures import canonical, unknown_figures
from wfo.search.objective.functions import function_digest, load_function, split_name
from wfo.search.objective.reading import Problems
from wfo.search.objective.written import Reader
from wfo.text import shown


@dataclass(frozen=True, slots=True)
class Objective:
    """What a search looks for.

    Attributes
    ----------
    kind
        ``"figure"``: the one figure itself is the score; ``"weights"``: the weighted mean of
        normalised components; ``"several"``: a Pareto set; ``"function"``: what a function of the
        user's makes of the figures.
    components
        Of a function none.
    normalise
        How figures become components: ``"fixed"`` by their reference scales, ``"rank"`` by their
        rank among all trials, ``"adaptive"`` by percentiles of the trials so far. Those of a Pareto
        set are normalised for its single score alone.
    every
        Of adaptive normalisation: after how many trials bounds move.
    percentiles
        Of adaptive normalisation: which of them are the bounds.
    function
        ``"module:function"`` or ``"FILE.py:function"``; empty unless it is one.
    digest
        SHA-256 of the file that holds the function, without what that imports; empty unless it is
        one.
    folder
        Of the space's file, beside which the function is looked for.
    """

    kind: Kind
    components: tuple[Component, ...]
    normalise: Normalise = "fixed"
    every: int = 20
    percentiles: tuple[float, float] = (5.0, 95.0)
    function: str = ""
    digest: str = ""
    folder: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        found = Problems()
        found.word("kind", self.kind, KINDS)
        found.word("normalise", self.normalise, NORMALISE)
        whole_trials(found, "every", self.every)
        two_percentiles(found, "percentiles", self.percentiles)
        found.finish()
        counts = {
            "figure": (1, 1),
            "weights": (1, MOST_COMPONENTS),
            "several": (2, MOST_OBJECTIVES),
            "function": (0, 0),
        }
        least, most = counts[self.kind]
        if not least <= len(self.components) <= most:
            raise InputError(
                f"an objective of the kind {self.kind} has {least} to {most} components, not"
                f" {len(self.components)}"
            )
        if (self.kind == "function") != bool(self.function):
            raise InputError("an objective has a function where it is of that kind, and only there")
        if self.function:
            split_name(self.function)
        own = [canonical(c.figure) for c in self.components]
        for at, name in enumerate(own):
            if name in own[:at]:
                raise InputError(f"the figure {shown(name)} is there twice; keep one")
        if self.needs_scales:
            for each in self.components:
                if each.low is None:
                    raise InputError(no_scale(each.figure))

    @property
    def needs_scales(self) -> bool:
        """Whether the reference scale of every component decides scores."""
        return self.normalise == "fixed" and self.kind in {"weights", "several"}

    @property
    def several(self) -> bool:
        """Whether it makes a Pareto set."""
        return self.kind == "several"

    @property
    def count(self) -> int:
        """How many objectives a method sees."""
        return len(self.components) if self.several else 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components; of a function its own name."""
        return tuple(c.figure for c in self.components) or (self.function.rpartition(":")[2],)

    @property
    def objective_names(self) -> tuple[str, ...]:
        """Names of what a method sees: the figures of a Pareto set, else ``"score"``."""
        return self.names if self.several else ("score",)

    @classmethod
    def default(cls) -> Objective:
        """Return the weights that ship."""
        return cls.read(None, "objective")

    @classmethod
    def read(
        cls,
        data: Any,
        where: str,
        folder: Path | None = None,
        known_figures: Iterable[str] | None = None,
    ) -> Objective:
        """Return the objective that a space's file describes.

        Parameters
        ----------
        data
            The value in the file: None for the weights that ship; the name of a figure; a mapping
            of figures to weights; a list of figures for a Pareto set; ``"module:function"``; or a
            mapping with one of `figure`, `weights`, `objectives` and `function`, and beside it
            `direction`, `normalise`, `scales`, `directions` and `adaptive`.
        where
            What messages call it, such as ``"space.yaml: objective"``.
        folder
            Of the file, beside which a function is looked for; the current one by default.
        known_figures
            The figures that an evaluation gives, where they are known already.

        Raises
        ------
        InputError
            With a line for each mistake in it.
        """
        found = Problems()
        made = Reader(found, where, folder, cls).read(data)
        if made is not None and known_figures is not None:
            found.lines += unknown_figures(
                ((where, c.figure) for c in made.components), known_figures
            )
        found.finish()
        # Without a problem there is an objective.
        return cast("Objective", made)

    def missing(self, names: Iterable[str], where: str = "objective") -> list[str]:
        """Return a line for each figure that an evaluation which gives `names` lacks."""
        return unknown_figures(((where, c.figure) for c in self.components), names)

    def load(self) -> Callable[[Mapping[str, float]], float]:
        """Return the function of an objective of that kind.

        Raises
        ------
        InputError
            If it cannot be loaded, or its file is another one than the objective was read with.
        """
        if function_digest(self.function, self.folder) != self.digest:
            raise InputError(
                f"the file of the objective {shown(self.function)} is another one than the study"
                " was begun with: give the study another name, or restore the file"
            )
        return load_function(self.function, self.folder)

    def to_dict(self) -> dict[str, Any]:
        """Return the objective as plain values, for the study's record."""
        return {
            "kind": self.kind,
            "components": [c.to_dict() for c in self.components],
            "normalise": self.normalise,
            "every": self.every,
            "percentiles": list(self.percentiles),
            "function": self.function,
            "digest": self.digest,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: Path | None = None) -> Objective:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """

        def build(values: Mapping[str, Any]) -> Objective:
            low, high = values["percentiles"]
            return cls(
                values["kind"],
                tuple(map(Component.from_dict, values["components"])),
                values["normalise"],
                values["every"],
                (low, high),
                str(values["function"]),
                str(values["digest"]),
                folder,
            )

        return rebuilt("objective", data, build)
