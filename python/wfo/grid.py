"""Grids of parameter values, addressed by one flat index and never written out.

In the flat index the last parameter, in canonical order, varies fastest. Parameters that share
constraints are one axis of the sets of values that meet them, without holes.
"""

from __future__ import annotations

import bisect
import itertools
import math
import operator
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException, InvalidOperation
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.arguments import instance, items, rebuilt, text
from wfo.errors import InputError, did_you_mean
from wfo.files.limits import AXIS_VALUES, CONSTRAINED_POINTS, MAP_CELLS
from wfo.strategy import (
    Constraint,
    Number,
    Strategy,
    StrategyLike,
    get_strategy,
    is_built_in,
    strategies,
)
from wfo.strategy.constraints import groups, meeting, nowhere
from wfo.text import brief, listed, one_line, shown
from wfo.yaml_text import read_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


class Axis(NamedTuple):
    """An axis of the flat index: the parameters on it, and their values at every position."""

    names: tuple[str, ...]
    rows: list[tuple[float, ...]]


class MapAxis(NamedTuple):
    """Where a parameter, of the map or any other, is in the flat index.

    Attributes
    ----------
    stride
        Combinations from one position of its axis to the next.
    length
        How many values it has.
    digits
        Which of them each position of its axis has, uint32[positions].
    """

    stride: int
    length: int
    digits: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class _IndexAxis:
    """Parameters that are one axis of the flat index.

    `lengths` are the numbers of their values. `points` are flat positions in the product of those
    values, of the sets that meet the constraints; None where all do.
    """

    names: tuple[str, ...]
    lengths: tuple[int, ...]
    points: array[int] | None

    def __len__(self) -> int:
        return math.prod(self.lengths) if self.points is None else len(self.points)

    @property
    def is_plain(self) -> bool:
        """Whether positions on it are those among the values of one parameter."""
        return self.points is None and len(self.names) == 1

    def digits(self, position: int) -> dict[str, int]:
        """Return the position among its values of each parameter."""
        rest = position if self.points is None else self.points[position]
        found = {}
        for name, length in zip(reversed(self.names), reversed(self.lengths), strict=True):
            rest, found[name] = divmod(rest, length)
        return found

    def table(self, name: str) -> IndexArray:
        """Return the position of one parameter among its values, at every position of the axis."""
        import numpy as np

        at = self.names.index(name)
        points: IndexArray = (
            np.arange(len(self), dtype=np.int64)
            if self.points is None
            else np.frombuffer(self.points, np.int64)
        )
        return points // math.prod(self.lengths[at + 1 :]) % self.lengths[at]

    def values_of(self, values: Mapping[str, Sequence[Number]]) -> FloatArray:
        """Return the values at every position, float64[positions, parameters]."""
        import numpy as np

        columns = [np.asarray(values[name], np.float64)[self.table(name)] for name in self.names]
        return np.column_stack(columns)

    def rows(self, values: Mapping[str, Sequence[Number]]) -> list[tuple[float, ...]]:
        """Return the values at every position."""
        every = itertools.product(*([float(v) for v in values[name]] for name in self.names))
        if self.points is None:
            return list(every)
        kept = bytearray(math.prod(self.lengths))
        for point in self.points:
            kept[point] = 1
        return list(itertools.compress(every, kept))


def _index_axis(
    values: Mapping[str, Sequence[Number]], constraints: Sequence[Constraint]
) -> _IndexAxis:
    """Return the axis of parameters that share `constraints`.

    Raises
    ------
    InputError
        If no values of theirs meet them, or there are too many to look at.
    """
    names, lengths = tuple(values), tuple(len(axis) for axis in values.values())
    if not constraints:
        return _IndexAxis(names, lengths, None)
    size = math.prod(lengths)
    if size > CONSTRAINED_POINTS:
        raise InputError(
            f"{', '.join(names)} share constraints, and have {size:,} sets of values; at most"
            f" {CONSTRAINED_POINTS:,} will do: take wider steps"
        )
    points = array("q", meeting(constraints, values))
    if not points:
        raise InputError(f"{nowhere(constraints, values)}; the grid would be empty")
    return _IndexAxis(names, lengths, points)


def no_map(strategy: Strategy) -> str:
    """Say why a strategy has no map, and so no plateaus."""
    return (
        f"{strategy.name} has no map: it names no map_axes, the two parameters in whose plane"
        " plateaus are looked for"
    )


def _refuse_large_map(strategy: Strategy, values: Mapping[str, Sequence[Number]]) -> None:
    """Raise if the map of a strategy has more cells than are kept for every phase."""
    if strategy.map_axes is None:
        return
    across, up = (len(values[name]) for name in strategy.map_axes)
    if across * up > MAP_CELLS:
        raise InputError(
            f"{' and '.join(strategy.map_axes)} are the map of {strategy.name}, and have"
            f" {across:,} and {up:,} values: {across * up:,} cells; at most {MAP_CELLS:,} will do:"
            " take wider steps"
        )


class Grid:
    """The values of every parameter of one strategy.

    Parameters
    ----------
    values
        For each parameter a number, a list of numbers, or ``{"from": a, "to": b, "step": s}``,
        both ends included, computed in decimals.
    strategy
        The strategy, or its name: what it has defaults for may be left out. By default the first
        known one that has exactly these parameters.
    name
        Name of the grid in the manifest.

    Attributes
    ----------
    filled
        The parameters that were left out, and the default that each has taken.

    Raises
    ------
    InputError
        For an unknown, missing, ill-typed or out-of-range parameter, an empty or repeated value, or
        where no values meet the strategy's constraints.

    Examples
    --------
    >>> grid = Grid.load("smoke", "atr_d_l")
    >>> len(grid) < 2000
    True
    """

    __slots__ = ("_axes", "_lengths", "_values", "filled", "name", "strategy")

    def __init__(
        self, values: Mapping[str, Any], *, strategy: StrategyLike | None = None, name: str = ""
    ) -> None:
        if not isinstance(values, Mapping):
            raise InputError(
                f"a grid is made of the values of each parameter, not of {brief(values)};"
                " Grid.load reads one by its name or file"
            )
        self.strategy: Strategy = (
            _strategy_of(values) if strategy is None else get_strategy(strategy)
        )
        self.name: str = text("name", name)
        given, filled = self.strategy.with_defaults(values)
        self.filled: dict[str, Number] = filled
        axes: dict[str, tuple[Number, ...]] = {}
        for parameter in self.strategy.parameters:
            raw = _expand(parameter.name, given[parameter.name])
            axis = tuple(parameter.check(_plain(v, parameter.whole)) for v in raw)
            if not axis:
                raise InputError(f"{parameter.name} has no values; the grid would be empty")
            seen: set[Number] = set()
            for value in axis:
                if value in seen:
                    raise InputError(f"{parameter.name} has the value {value} more than once")
                seen.add(value)
            axes[parameter.name] = axis
        _refuse_large_map(self.strategy, axes)
        self._values = axes
        self._axes: tuple[_IndexAxis, ...] = tuple(
            _index_axis({name: axes[name] for name in names}, constraints)
            for names, constraints in groups(self.strategy.names, self.strategy.rules)
        )
        self._lengths = tuple(len(axis) for axis in self._axes)
        if math.prod(self._lengths) > 2**63 - 1:
            raise InputError("the grid has more than 2^63 combinations; take wider steps")

    def with_map(self, map_axes: Sequence[str]) -> Grid:
        """Return the same grid with another map: `map_axes` are the two parameters of its plane.

        Plateaus are then looked for in that plane, by whatever takes the grid.

        Raises
        ------
        InputError
            If they are not two parameters of the strategy, or have too many values together.
        """
        strategy = self.strategy.with_map(map_axes)
        given = {name: axis for name, axis in self._values.items() if name not in self.filled}
        return Grid(given, strategy=strategy, name=self.name)

    @property
    def values(self) -> dict[str, tuple[Number, ...]]:
        """The values of every parameter, in canonical order."""
        return dict(self._values)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the page: which parameters were left out, and what they are."""
        return tuple(f"{name} is left out: {value:g}" for name, value in self.filled.items())

    @property
    def lengths(self) -> tuple[int, ...]:
        """Positions on each axis of the flat index, the fastest axis last."""
        return self._lengths

    @property
    def left_out(self) -> int:
        """Grid points that are no combination, since they do not meet the constraints."""
        return math.prod(len(axis) for axis in self._values.values()) - len(self)

    @property
    def need(self) -> int:
        """The longest lookback in the grid, in bars."""
        return self.strategy.lookback(self._values)

    @property
    def axes(self) -> list[Axis]:
        """The axes of the flat index, the fastest last.

        Parameters that share constraints are one axis of the sets of values that meet them, at the
        place of the first of them; every other one is an axis of its own.
        """
        return [Axis(axis.names, axis.rows(self._values)) for axis in self._axes]

    @property
    def engine_axes(self) -> list[tuple[list[int], FloatArray]]:
        """The axes as engines take them: positions of their parameters, and rows of values.

        Rows are float64[positions of the axis, parameters].
        """
        rows = (axis.values_of(self._values) for axis in self._axes)
        return list(zip(self.engine_positions, rows, strict=True))

    @property
    def axis_names(self) -> list[tuple[str, ...]]:
        """Which parameters are on each axis, without their values."""
        return [axis.names for axis in self._axes]

    @property
    def engine_positions(self) -> list[list[int]]:
        """Which parameters are on each axis, by their positions, without the rows."""
        at = {name: i for i, name in enumerate(self.strategy.names)}
        return [[at[name] for name in axis.names] for axis in self._axes]

    def __len__(self) -> int:
        return math.prod(self._lengths)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return self.strategy == other.strategy and self._values == other._values

    def __hash__(self) -> int:
        return hash((self.strategy.name, tuple(self._values.values())))

    def __repr__(self) -> str:
        name = f"{self.name!r}, " if self.name else ""
        return f"Grid({name}{self.strategy.name}, {len(self):,} combinations)"

    def params(self, index: int) -> dict[str, Number]:
        """Return combination `index` as a dict.

        Raises
        ------
        InputError
            If the grid has no such combination.
        """
        try:
            rest = operator.index(index)
        except TypeError:
            raise InputError(f"combination {brief(index)} must be a whole number") from None
        if not 0 <= rest < len(self):
            raise InputError(
                f"combination {brief(index)} is not in the grid, which has 0 … {len(self) - 1}"
            )
        positions: dict[str, int] = {}
        for axis, length in zip(reversed(self._axes), reversed(self._lengths), strict=True):
            rest, position = divmod(rest, length)
            positions |= axis.digits(position)
        return {name: values[positions[name]] for name, values in self._values.items()}

    def find(self, params: Mapping[str, Number]) -> int | None:
        """Return the flat index of a combination; None where the grid has no such one.

        Parameters
        ----------
        params
            A value of every parameter.
        """
        params = instance("params", params, Mapping, "a dict, a value of every parameter")
        self.strategy.check_names(params)
        positions = {}
        for name, values in self._values.items():
            if not isinstance(params[name], Real):
                raise InputError(f"{name} = {brief(params[name])} must be a number")
            if params[name] not in values:
                return None
            positions[name] = values.index(params[name])
        found = 0
        for axis, length in zip(self._axes, self._lengths, strict=True):
            point = 0
            for name, count in zip(axis.names, axis.lengths, strict=True):
                point = point * count + positions[name]
            if axis.points is not None:
                at = bisect.bisect_left(axis.points, point)
                if at == len(axis.points) or axis.points[at] != point:
                    return None
                point = at
            found = found * length + point
        return found

    def digits(self, name: str, indices: IndexArray) -> IndexArray:
        """Return the position of each flat index among the values of a parameter.

        Parameters
        ----------
        name
            Canonical parameter name.
        indices
            Flat indices, int64[m].

        Returns
        -------
        int64[m]
        """
        stride, axis = self._place(name)
        found: IndexArray = self._flat(indices) // stride % len(axis)
        return found if axis.is_plain else axis.table(name)[found]

    def _flat(self, indices: Any) -> IndexArray:
        """Return flat indices as an array of whole numbers.

        Raises
        ------
        InputError
            If they are none, or no combinations of the grid.
        """
        import numpy as np

        try:
            found: IndexArray = np.asarray(indices)
        except Exception:  # noqa: BLE001  # of lists of unequal lengths, and of foreign types
            found = np.zeros(0, np.object_)
        if not found.size and found.dtype.kind in "iuf":
            return found.astype(np.int64)
        if found.dtype.kind not in "iu":
            raise InputError(f"indices must be whole numbers, not {brief(indices)}")
        if found.size and not 0 <= found.min() <= found.max() < len(self):
            raise InputError(
                f"indices must be combinations of the grid, which has 0 … {len(self) - 1}, not"
                f" {brief(indices)}"
            )
        return found

    @property
    def map_axes(self) -> list[MapAxis]:
        """Where the two map parameters of the strategy are in the flat index; empty without a map.

        The position of a flat index among the values of one is
        ``digits[index // stride % len(digits)]``, as in `digits`.
        """
        return [self._map_axis(name) for name in self.strategy.map_axes or ()]

    @property
    def parameter_axes(self) -> list[MapAxis]:
        """Where every parameter is in the flat index, in canonical order, as in `map_axes`."""
        return [self._map_axis(name) for name in self._values]

    def _map_axis(self, name: str) -> MapAxis:
        import numpy as np

        stride, axis = self._place(name)
        return MapAxis(stride, len(self._values[name]), axis.table(name).astype(np.uint32))

    def map_totals(self) -> IndexArray:
        """Return how many combinations there are in each cell of the map, int64[x, y].

        Raises
        ------
        InputError
            If the strategy has no map.
        """
        import numpy as np

        names = self.strategy.map_axes
        if names is None:
            raise InputError(no_map(self.strategy))
        shape = (len(self._values[names[0]]), len(self._values[names[1]]))
        (_, x), (_, y) = (self._place(name) for name in names)
        counts: IndexArray
        if x is y:
            counts = np.zeros(shape, np.int64)
            np.add.at(counts, (x.table(names[0]), x.table(names[1])), 1)
            return counts * (len(self) // len(x))
        along = (
            np.bincount(axis.table(name), minlength=length)
            for axis, name, length in zip((x, y), names, shape, strict=True)
        )
        counts = np.outer(*along).astype(np.int64)
        return counts * (len(self) // (len(x) * len(y)))

    def _place(self, name: str) -> tuple[int, _IndexAxis]:
        """Return the stride of the axis that a parameter is on, and the axis."""
        name = self.strategy.parameter(name).name
        at = next(i for i, axis in enumerate(self._axes) if name in axis.names)
        return math.prod(self._lengths[at + 1 :]), self._axes[at]

    def columns(self, indices: IndexArray) -> dict[str, NDArray[Any]]:
        """Return the parameter values of each flat index, one array a parameter.

        Parameters
        ----------
        indices
            Flat indices, int64[m].

        Returns
        -------
        dict of name to int64[m] or float64[m]
        """
        return {p.name: self.column(p.name, indices) for p in self.strategy.parameters}

    def column(self, name: str, indices: IndexArray) -> NDArray[Any]:
        """Return the values of one parameter at each flat index.

        Parameters
        ----------
        name
            Canonical parameter name.
        indices
            Flat indices, int64[m].

        Returns
        -------
        int64[m] or float64[m]
        """
        import numpy as np

        parameter = self.strategy.parameter(name)
        dtype = np.int64 if parameter.whole else np.float64
        axis: NDArray[Any] = np.asarray(self._values[parameter.name], dtype)
        return axis[self.digits(name, indices)]

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as plain values, for the manifest.

        A strategy from outside the package is brief by its definition too: the name of one of the
        package's says all, beside the version.
        """
        strategy = self.strategy
        own = {} if is_built_in(strategy) else {"definition": strategy.definition}
        return {
            "name": self.name,
            "strategy": self.strategy.name,
            "combinations": len(self),
            "left_out": self.left_out,
            "values": {name: list(axis) for name, axis in self._values.items()},
        } | own

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], strategy: Strategy | None = None) -> Grid:
        """Rebuild what `to_dict` returned.

        Parameters
        ----------
        data
            The plain values.
        strategy
            The strategy, where it is not one that is registered under its name.

        Raises
        ------
        InputError
            If the strategy is not known, or another one than the grid was made for.
        """

        def build(values: Mapping[str, Any]) -> Grid:
            named = get_strategy(values["strategy"] if strategy is None else strategy)
            # It was complete when it was written: what is missing is of another strategy.
            named.check_names(values["values"])
            return cls(values["values"], strategy=named, name=values["name"])

        grid = rebuilt("grid", data, build)
        named = grid.strategy
        before = data.get("definition")
        now = grid.to_dict().get("definition")
        if before != now or data.get("combinations", len(grid)) != len(grid):
            raise InputError(
                f"the grid is one of another strategy that was called {named.name}:"
                f" {_other(before or {}, now or {})}; register that one"
            )
        return grid

    @classmethod
    def load(cls, grid: str | Path, strategy: StrategyLike) -> Grid:
        """Load a grid that ships with the package, by name, or one of your own, by path.

        Parameters
        ----------
        grid
            ``"phase1_slim"`` or another name from `grid_names`, or the path of a YAML file.
        strategy
            The strategy to read it for.

        Raises
        ------
        InputError
            If there is no such grid, it does not cover the strategy, or a value in it is wrong.
        """
        return GridText.read(grid).of(strategy)


@dataclass(frozen=True, slots=True, eq=False)
class GridText:
    """What a person wrote: the values of one strategy, or a section for each of several.

    Attributes
    ----------
    name
        That of the grids.
    content
        As YAML has it.
    where
        Where it stands, for messages.
    """

    name: str
    content: Mapping[str, Any]
    where: str

    @classmethod
    def read(cls, grid: str | Path) -> GridText:
        """Read a grid that ships with the package, by name, or one of your own, by path.

        Raises
        ------
        InputError
            If there is no such grid, or the file is none.
        """
        path = _find(grid)
        return cls(path.stem, _read(path), one_line(path.name))

    def of(self, strategy: StrategyLike, *, part: bool = False) -> Grid:
        """Return the grid of a strategy.

        Parameters
        ----------
        strategy
            The strategy.
        part
            Whether values without sections may be of more parameters than it has: a grid of
            another strategy, of which this one is the simpler.

        Raises
        ------
        InputError
            If the text does not cover the strategy, or a value in it is wrong.
        """
        strategy = get_strategy(strategy)
        sections = self.content
        known = {*strategies(), strategy.name}
        had = listed(map(str, sections))
        flat = not any(name in known for name in sections)
        for key, value in sections.items():
            # A mapping that is no range can only be meant for a strategy.
            section = isinstance(value, Mapping) and not {"from", "to", "step"} & set(value)
            if flat and section and key not in strategy.names:
                raise InputError(self._of_another(str(key), strategy, known))
        if not flat and strategy.name not in sections:
            raise InputError(f"{self.where} has no grid for {strategy.name}; it has {had}")
        values = sections if flat else sections[strategy.name]
        if flat and part:
            values = {name: value for name, value in sections.items() if name in strategy.names}
        try:
            return Grid(values, strategy=strategy, name=self.name)
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from None

    def _of_another(self, name: str, strategy: Strategy, known: Iterable[str]) -> str:
        """Say that a section is of a strategy that is not known: misspelt, or one of a file."""
        hint = did_you_mean(name, known)
        if "did you mean" in hint or not name.isidentifier():
            return f"{self.where}: there is no strategy {shown(name)}{hint}"
        return (
            f"{self.where} is a grid of {shown(name)}, not of {strategy.name}; a strategy of a file"
            f" is named with it: --strategy FILE.py:{name:.80}"
        )


def _other(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in what the definitions of two strategies of one name differ; none is the package's."""
    if not before or not now:
        return "one is this package's, the other is not" if before or now else "it had other values"
    return ", ".join(
        f"{key} = {before.get(key)!r}, now {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    )


def grid_names() -> dict[str, str]:
    """Return the shipped grids: name to description, smallest first."""
    described = {p.stem: str(_read_raw(p).get("description", "")) for p in _shipped()}
    order = ("smoke", "coarse", "phase1_slim", "phase1")
    return {n: described[n] for n in sorted(described, key=lambda n: (order.index(n), n))}


def grid_strategies(name: str) -> tuple[str, ...]:
    """Return the strategies that a shipped grid, or one of your own, covers by name."""
    return tuple(key for key in _read(_find(name)) if key in strategies())


def _shipped() -> list[Path]:
    return sorted((Path(__file__).parent / "grids").glob("*.yaml"))


def _find(grid: str | Path) -> Path:
    if not isinstance(grid, str | Path):
        raise InputError(
            f"grid = {brief(grid)} is no name or file of a grid; wfo.Grid(values) is one of values"
        )
    shipped = {p.stem: p for p in _shipped()}
    if str(grid) in shipped:
        return shipped[str(grid)]
    path = Path(grid)
    if path.suffix.lower() in {".yaml", ".yml"}:
        return path
    raise InputError(
        f"there is no grid {brief(str(grid))}{did_you_mean(str(grid), shipped)}"
        " (your own is given as the path of a .yaml file)"
    )


def _read_raw(path: Path) -> dict[str, Any]:
    where = one_line(path.name)
    data = read_yaml(path, where, missing=f"there is no grid file {one_line(path)}")
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise InputError(f"{where} holds no grid; it needs 'parameter: values' lines")
    return data


def _read(path: Path) -> dict[str, Any]:
    data = _read_raw(path)
    data.pop("description", None)
    return data


def _strategy_of(values: Mapping[str, Any]) -> Strategy:
    fitting = [s for s in strategies().values() if set(s.names) == set(values)]
    if fitting:
        return fitting[0]
    # Nothing fits: the error of the nearest strategy names the parameter that is wrong.
    nearest = max(strategies().values(), key=lambda s: len(set(s.names) & set(values)))
    for name in values:
        try:
            nearest.parameter(name)
        except InputError as error:
            raise InputError(
                f"{error}; strategy= says which strategy a grid is of, a name, a class or a"
                f" function: without it {nearest.name} is the nearest that is known"
            ) from None
    missing = [name for name in nearest.names if name not in values]
    if all(name in nearest.defaults for name in missing):
        raise InputError(
            f"{nearest.name} also needs {', '.join(missing)}; with strategy={nearest.name!r} each"
            " takes its default"
        )
    nearest.check_names(values)
    raise InputError(f"no strategy has the parameters {listed(map(str, values))}")


def _expand(name: str, raw: object) -> list[object]:
    if isinstance(raw, Mapping):
        return _steps(name, raw)
    if isinstance(raw, str) or not isinstance(raw, Iterable):
        return [raw]
    values = items(name, raw, object, "values", most=AXIS_VALUES + 1)
    if len(values) > AXIS_VALUES:
        raise InputError(f"{name} has more than {AXIS_VALUES:,} values; take wider steps")
    return values


def _steps(name: str, raw: Mapping[Any, Any]) -> list[object]:
    if set(raw) != {"from", "to", "step"}:
        keys = listed(map(str, raw))
        raise InputError(f"{name}: a range needs 'from', 'to' and 'step', and nothing else: {keys}")
    said = ", ".join(f"{key}: {brief(raw[key])}" for key in ("from", "to", "step"))
    try:
        # Through text, so that 0.32 is 0.32 and not the nearest binary fraction.
        low, high, step = (Decimal(str(raw[key])) for key in ("from", "to", "step"))
    except (InvalidOperation, ValueError):
        raise InputError(f"{name}: 'from', 'to' and 'step' must be numbers: {said}") from None
    if not (low.is_finite() and high.is_finite() and step.is_finite() and step > 0):
        raise InputError(f"{name}: 'step' must be above 0 and all three finite: {said}")
    if high < low:
        raise InputError(f"{name} has no values: 'to' = {high} lies below 'from' = {low}")
    try:
        count, rest = divmod(high - low, step)
    except DecimalException:
        raise InputError(
            f"{name} has too many values; at most {AXIS_VALUES:,} will do: {said}"
        ) from None
    if rest:
        raise InputError(
            f"{name}: {low} … {high} is not a whole number of steps of {step};"
            f" the last value would be {low + count * step}"
        )
    if count >= AXIS_VALUES:
        raise InputError(f"{name} has {int(count) + 1:,} values; at most {AXIS_VALUES:,} will do")
    return [low + i * step for i in range(int(count) + 1)]


def _plain(value: object, whole: bool) -> object:
    """Turn the decimals of a range into the numbers they stand for."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    return int(value) if whole and value == value.to_integral_value() else float(value)
