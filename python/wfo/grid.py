"""Grids of parameter values, addressed by one flat index and never written out.

In the flat index the last parameter, in canonical order, varies fastest.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Mapping
from decimal import Decimal, DecimalException, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError, did_you_mean
from wfo.strategy import Number, Strategy, get_strategy, strategies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IndexArray = NDArray[np.int64]

#: More values on one axis are a slip of the pen, and would fill memory before anything else fails.
_LONGEST_AXIS = 100_000


class Grid:
    """The values of every parameter of one strategy.

    Parameters
    ----------
    values
        For each parameter a number, a list of numbers, or ``{"from": a, "to": b, "step": s}``,
        both ends included, computed in decimals.
    strategy
        Name of the strategy; by default the one in the catalogue that has these parameters.
    name
        Name of the grid in the manifest.

    Raises
    ------
    InputError
        For an unknown, missing, ill-typed or out-of-range parameter, an empty or repeated value.

    Examples
    --------
    >>> grid = Grid.load("smoke", "atr_d_l")
    >>> len(grid) < 2000
    True
    """

    __slots__ = ("_lengths", "_pairs", "_values", "name", "strategy")

    def __init__(
        self, values: Mapping[str, Any], *, strategy: str | Strategy | None = None, name: str = ""
    ) -> None:
        if not isinstance(values, Mapping):
            raise InputError(
                f"a grid is made of the values of each parameter, not of {values!r};"
                " Grid.load reads one by its name or file"
            )
        self.strategy: Strategy = get_strategy(strategy) if strategy else _strategy_of(values)
        self.name: str = name
        self.strategy.check_names(values)
        axes: dict[str, tuple[Number, ...]] = {}
        for parameter in self.strategy.parameters:
            raw = _expand(parameter.name, values[parameter.name])
            axis = tuple(parameter.check(_plain(v, parameter.whole)) for v in raw)
            if not axis:
                raise InputError(f"{parameter.name} has no values; the grid would be empty")
            if len(set(axis)) < len(axis):
                repeated = next(v for v in axis if axis.count(v) > 1)
                raise InputError(f"{parameter.name} has the value {repeated} more than once")
            axes[parameter.name] = axis
        self._values = axes
        # The two Hull lengths come last and are one axis of the pairs in order, the second one
        # varying fastest: a flat index over it has no holes.
        hulls = self.strategy.hulls
        positions = [range(len(axes[name])) for name in hulls]
        self._pairs: list[tuple[int, int]] = [
            (i, j)
            for i, j in (itertools.product(*positions) if hulls else ())
            if axes[hulls[0]][i] < axes[hulls[1]][j]
        ]
        single = [len(a) for name, a in axes.items() if name not in hulls]
        if hulls and not self._pairs:
            fast, slow = (f"{name} = {list(axes[name])}" for name in hulls)
            raise InputError(f"{fast} is nowhere below {slow}; the grid would be empty")
        self._lengths = (*single, len(self._pairs)) if hulls else tuple(single)
        if math.prod(self._lengths) > 2**63 - 1:
            raise InputError("the grid has more than 2^63 combinations; take wider steps")

    @property
    def values(self) -> dict[str, tuple[Number, ...]]:
        """The values of every parameter, in canonical order."""
        return dict(self._values)

    @property
    def left_out(self) -> int:
        """Grid points that are no combination, their fast Hull length not being below the slow."""
        if not self._pairs:
            return 0
        pairs = math.prod(len(self._values[name]) for name in self.strategy.hulls)
        return len(self) // len(self._pairs) * (pairs - len(self._pairs))

    @property
    def need(self) -> int:
        """The longest lookback in the grid, in bars."""
        return self.strategy.need(self._values)

    @property
    def axes(self) -> list[list[float]]:
        """The values as floats, one list a parameter, as the engines take them."""
        return [[float(v) for v in axis] for axis in self._values.values()]

    def __len__(self) -> int:
        return math.prod(self._lengths)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return self.strategy.name == other.strategy.name and self._values == other._values

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
            raise InputError(f"combination {index!r} must be a whole number") from None
        if not 0 <= rest < len(self):
            raise InputError(
                f"combination {index} is not in the grid, which has 0 … {len(self) - 1}"
            )
        positions: list[int] = []
        for length in reversed(self._lengths):
            rest, position = divmod(rest, length)
            positions.append(position)
        if self._pairs:
            fast, slow = self._pairs[positions.pop(0)]
            positions[:0] = [slow, fast]
        named = zip(self._values.items(), reversed(positions), strict=True)
        return {name: axis[position] for (name, axis), position in named}

    def digits(self, name: str, indices: IndexArray) -> IndexArray:
        """Return the position on axis `name` of each flat index.

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
        at = self.strategy.names.index(self.strategy.parameter(name).name)
        if name in self.strategy.hulls:
            import numpy as np

            pairs = np.asarray(self._pairs, np.int64)
            found: IndexArray = pairs[indices % len(pairs), self.strategy.hulls.index(name)]
            return found
        stride = math.prod(self._lengths[at + 1 :])
        return indices // stride % self._lengths[at]

    @property
    def map_strides(self) -> list[tuple[int, int]]:
        """Stride and length of each map axis of the strategy, in the flat index.

        The position on it in a flat index is ``index // stride % length``, as in `digits`.
        """
        places = [self.strategy.names.index(name) for name in self.strategy.map_axes]
        return [(math.prod(self._lengths[at + 1 :]), self._lengths[at]) for at in places]

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
        """Return the grid as plain values, for the manifest."""
        return {
            "name": self.name,
            "strategy": self.strategy.name,
            "combinations": len(self),
            "left_out": self.left_out,
            "values": {name: list(axis) for name, axis in self._values.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grid:
        """Rebuild what `to_dict` returned."""
        return cls(data["values"], strategy=data["strategy"], name=data["name"])

    @classmethod
    def load(cls, grid: str | Path, strategy: str | Strategy) -> Grid:
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
        strategy = get_strategy(strategy)
        path = _find(grid)
        sections = _read(path)
        flat = not any(name in strategies() for name in sections)
        for key, value in sections.items():
            # A mapping that is no range can only be meant for a strategy.
            if flat and isinstance(value, Mapping) and not {"from", "to", "step"} & set(value):
                hint = did_you_mean(str(key), strategies())
                raise InputError(f"{path.name}: there is no strategy {key!r}{hint}")
        if not flat and strategy.name not in sections:
            raise InputError(
                f"{path.name} has no grid for {strategy.name}; it has {', '.join(sections)}"
            )
        try:
            return cls(
                sections if flat else sections[strategy.name], strategy=strategy, name=path.stem
            )
        except InputError as error:
            raise InputError(f"{path.name}: {error}") from None


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
    shipped = {p.stem: p for p in _shipped()}
    if str(grid) in shipped:
        return shipped[str(grid)]
    path = Path(grid)
    if path.suffix.lower() in {".yaml", ".yml"}:
        if path.is_file():
            return path
        raise InputError(f"there is no grid file {path}")
    raise InputError(
        f"there is no grid {str(grid)!r}{did_you_mean(str(grid), shipped)}"
        " (your own is given as the path of a .yaml file)"
    )


def _read_raw(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not YAML: {error}") from None
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise InputError(f"{path.name} holds no grid; it needs 'parameter: values' lines")
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
    nearest.check_names(values)
    raise InputError(f"no strategy has the parameters {', '.join(values)}")


def _expand(name: str, raw: object) -> list[object]:
    if isinstance(raw, Mapping):
        return _steps(name, raw)
    if isinstance(raw, str) or not isinstance(raw, Iterable):
        return [raw]
    return list(raw)


def _steps(name: str, raw: Mapping[Any, Any]) -> list[object]:
    if set(raw) != {"from", "to", "step"}:
        keys = ", ".join(str(k) for k in raw)
        raise InputError(f"{name}: a range needs 'from', 'to' and 'step', and nothing else: {keys}")
    try:
        # Through text, so that 0.32 is 0.32 and not the nearest binary fraction.
        low, high, step = (Decimal(str(raw[key])) for key in ("from", "to", "step"))
    except InvalidOperation:
        raise InputError(f"{name}: 'from', 'to' and 'step' must be numbers: {dict(raw)}") from None
    if not (low.is_finite() and high.is_finite() and step.is_finite() and step > 0):
        raise InputError(f"{name}: 'step' must be above 0 and all three finite: {dict(raw)}")
    if high < low:
        raise InputError(f"{name} has no values: 'to' = {high} lies below 'from' = {low}")
    try:
        count, rest = divmod(high - low, step)
    except DecimalException:
        raise InputError(
            f"{name} has too many values; at most {_LONGEST_AXIS:,} will do: {dict(raw)}"
        ) from None
    if rest:
        raise InputError(
            f"{name}: {low} … {high} is not a whole number of steps of {step};"
            f" the last value would be {low + count * step}"
        )
    if count >= _LONGEST_AXIS:
        raise InputError(f"{name} has {int(count) + 1:,} values; at most {_LONGEST_AXIS:,} will do")
    return [low + i * step for i in range(int(count) + 1)]


def _plain(value: object, whole: bool) -> object:
    """Turn the decimals of a range into the numbers they stand for."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if whole and value == value.to_integral_value() else float(value)
