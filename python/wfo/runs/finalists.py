"""Which sets of a run are finalists: the few that are judged one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError, ResultsError
from wfo.files import is_there, read_sealed
from wfo.runs.analysis.refined import NAME, RefinedSets
from wfo.runs.stage_alone.stated import Stated, stated_results
from wfo.selection.plateau_details import best_outcome, needed_columns
from wfo.strategy import Number, Strategy, get_strategy

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import Manifest

#: Finalists of an analysis, and of one strategy's plateaus, at most.
MOST = 10

#: How the origin of a finalist begins that stands on no plateau.
_PEAK = "peak, no plateau:"


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """A set that is judged by itself.

    Attributes
    ----------
    number
        From 1 on, in the order in which they are listed.
    strategy, params
        The set; parameters in canonical order.
    origin
        Where it is from: ``refined set 3``, ``plateau 2 of atr_d_l``, or what `is_peak` knows.
    """

    number: int
    strategy: Strategy
    params: Mapping[str, Number]
    origin: str

    def __post_init__(self) -> None:
        if isinstance(self.number, bool) or not isinstance(self.number, int) or self.number < 1:
            raise InputError(f"number = {self.number!r} of a finalist must be a whole one from 1")
        if not (isinstance(self.origin, str) and self.origin and self.origin.isprintable()):
            raise InputError(f"origin = {self.origin!r:.60} of a finalist must be a line of text")
        values = self.strategy.check_params(self.params)
        object.__setattr__(self, "params", dict(zip(self.strategy.names, values, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Final) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.number, self.strategy.name, tuple(self.params.items()), self.origin))

    def __repr__(self) -> str:
        return f"Final({self.number}, {self.strategy.name}, {self.origin})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "number": self.number,
            "strategy": self.strategy.name,
            "params": dict(self.params),
            "origin": self.origin,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Final:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else, or the strategy is not known here.
        """
        try:
            name, params = data["strategy"], data["params"]
            number, origin = data["number"], data["origin"]
        except (KeyError, TypeError) as error:
            raise InputError(f"no finalist: {data!r:.60}") from error
        if not isinstance(name, str) or not isinstance(params, Mapping):
            raise InputError(f"no finalist: {data!r:.60}")
        return cls(number, get_strategy(name), params, origin)


def finalists(folder: RunFolder, manifest: Manifest) -> tuple[Final, ...]:
    """Return the finalists of a run, best first.

    Where there is an analysis of the run, they are the first ten of its combined table that can be
    simulated. Otherwise they are the first outcome of each plateau, by its most central member: of
    each strategy the ten best plateaus, in the order of the strategies. An outcome that is the
    first of several plateaus counts once. Where no strategy of the run has a plateau, they are
    peaks: the most stable outcome of each, by its most central member.

    Parameters
    ----------
    folder, manifest
        A run that is complete.

    Returns
    -------
    tuple
        None where nothing is stable.

    Raises
    ------
    WfoError
        If the analysis or the candidates are not as they were written, or a strategy of the run is
        not known here.
    """
    if _is_analyzed(folder, manifest):
        sets = RefinedSets.of(folder).first(MOST)
        return tuple(
            Final(number, each.strategy, each.params, each.title)
            for number, each in enumerate(sets, 1)
        )
    found: list[Final] = []
    results = stated_results(folder, manifest)
    for stated in results:
        found += _of_plateaus(stated, manifest, len(found))
    if not found:
        for stated in results:
            found += _of_peak(stated, manifest, len(found))
    return tuple(found)


def is_peak(origin: str) -> bool:
    """Whether a finalist of this origin stands on no plateau: the most stable outcome alone."""
    return origin.startswith(_PEAK)


def _is_analyzed(folder: RunFolder, manifest: Manifest) -> bool:
    """Whether the folder has an analysis of this run; one of another run does not count."""
    path = folder.path / NAME
    if not is_there(path):
        return False
    try:
        return bool(read_sealed(path).get("run") == manifest.fingerprint)
    except ResultsError:
        # What is damaged is named where it is read, and not passed over.
        return True


def _of_plateaus(stated: Stated, manifest: Manifest, before: int) -> list[Final]:
    """Return the first outcome of each plateau of one strategy, numbered on from `before`."""
    grid, plateaus = stated.grid, stated.plateaus
    if not len(plateaus):
        return []
    frame = stated.candidates(manifest.sums, needed_columns(grid, len(manifest.phases)))
    found: dict[int, Final] = {}
    for plateau in plateaus:
        best = best_outcome(plateau.candidates(frame, grid), frame, plateau, grid)
        if best is None or best.row in found:
            continue
        origin = f"plateau {plateau.rank} of {stated.name}"
        number = before + len(found) + 1
        found[best.row] = Final(number, grid.strategy, best.params, origin)
        if len(found) == MOST:
            break
    return list(found.values())


def _of_peak(stated: Stated, manifest: Manifest, before: int) -> list[Final]:
    """Return the most stable outcome of one strategy, numbered on from `before`."""
    grid = stated.grid
    columns = (*grid.strategy.names, "Outcome", "Outcome_Central")
    frame = stated.candidates(manifest.sums, columns)
    if frame.is_empty():
        return []
    central = (frame["Outcome"] == frame["Outcome"][0]) & frame["Outcome_Central"]
    row = int(central.arg_true()[0])
    params = {name: frame[name][row] for name in grid.strategy.names}
    origin = f"{_PEAK} the most stable outcome of {stated.name}"
    return [Final(before + 1, grid.strategy, params, origin)]
