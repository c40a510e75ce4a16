"""The file of a search, YAML or JSON, and the options that override it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from wfo.errors import InputError, did_you_mean
from wfo.files.limits import JSON_BYTES, YAML_BYTES
from wfo.files.opening import read_bytes
from wfo.search.methods import method_errors
from wfo.search.objective import Guardrails, Limits, Objective
from wfo.search.objective.figures import shipped
from wfo.search.plan import SearchPlan, SearchWindows
from wfo.search.plan_strategy import fitted
from wfo.search.plan_values import (
    between,
    block_of,
    count,
    day_of,
    holdout_of,
    memory_of,
    method_of,
    period_of,
    seconds_of,
    stalled_of,
    symbols_of,
    target_of,
    timeframe_of,
    windows_of,
    year_of,
)
from wfo.search.space import (
    Dimension,
    ParameterConstraint,
    Problems,
    SearchSpace,
    read_space,
)
from wfo.search.space.configuration import told
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, get_strategy, is_built_in
from wfo.strategy.record import to_record
from wfo.text import brief, listed, one_line, shown
from wfo.yaml_text import Written, load_yaml, read_yaml, written_scalars

_TARGETS: Final = ("program", "strategy", "command")

#: The keys of a file, in the order in which their errors are told.
KEYS: Final = (
    *_TARGETS, "symbols", "timeframe", "parameters", "fixed", "start", "constraints", "objective",
    "limits", "guardrails", "aggregate", "windows", "period", "holdout", "warmup", "settings",
    "bars_per_year", "method",
    "trials", "batch", "seed", "workers", "timeout", "memory", "retries", "prune", "block",
    "baseline", "top", "stalled",
)  # fmt: skip

#: Unknown keys for which the nearest known one is looked for.
_MOST_HINTS: Final = 100

#: What options say beside keys of the file, and what they are called.
_OF_OPTIONS: Final = ("start", "end")

_TRUE_WORDS: Final = frozenset({"yes", "on"})
_FALSE_WORDS: Final = frozenset({"no", "off"})


def defaults() -> dict[str, Any]:
    """Return what a search does where nothing is said, from the file that ships."""
    path = Path(__file__).parent / "defaults" / "search.yaml"
    found: dict[str, Any] = read_yaml(path, path.name, missing=f"there is no {path}")
    return {**found, "aggregate": shipped("objective")["aggregate"]}


def read_plan(
    path: Path | str | Mapping[str, Any], overrides: Mapping[str, Any] | None = None
) -> SearchPlan:
    """Read the plan of a search.

    Parameters
    ----------
    path
        A YAML or JSON file; or what one says, in which names of files begin at the working folder.
    overrides
        What options say, by the keys of the file; None is not said. ``start`` and ``end`` are the
        first and the last day of the period here.

    Raises
    ------
    InputError
        If the file cannot be read, or of all that is wrong in it: a line each with the file or the
        option, the key with all above it, the value, and what would do.
    """
    if isinstance(path, Mapping):
        text, data = _as_file(path)
        reader = _PlanReader("space", Path(), text, data, {})
    else:
        path = Path(path)
        text, data, written = _content(path)
        reader = _PlanReader(one_line(path.name), path.parent, text, data, written)
    return reader.plan({k: v for k, v in (overrides or {}).items() if v is not None})


def _as_file(space: Mapping[str, Any]) -> tuple[str, Any]:
    """Return what is given in place of a file as JSON, and as that is read."""
    from wfo.files import parse_json

    try:
        text = json.dumps(dict(space), ensure_ascii=True, allow_nan=False)
        data = parse_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"space has values that no file can: {one_line(error)}; it takes texts, numbers, truth"
            " values, lists and dicts, and of a function its place, 'FILE.py:function'"
        ) from None
    if len(text) > YAML_BYTES:
        raise InputError(f"space has {len(text):,} bytes as JSON; {YAML_BYTES:,} are the most")
    return text, data


def _content(path: Path) -> tuple[str, Any, dict[tuple[str | int, ...], Written]]:
    """Return the text of a file, what it says, and how YAML writes it."""
    from wfo.files import parse_json

    where, ending = one_line(path), path.suffix.lower()
    if ending not in {".yaml", ".yml", ".json"}:
        raise InputError(f"{where} must be a .yaml or .json file that describes a search")
    most = JSON_BYTES if ending == ".json" else YAML_BYTES
    try:
        content = read_bytes(path, most=min(most, YAML_BYTES))
    except FileNotFoundError:
        raise InputError(
            f"there is no file {where}; 'wfo study example' writes one to begin with"
        ) from None
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror or error}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file"
            " in UTF-8"
        ) from None
    name = one_line(path.name)
    if ending == ".json":
        try:
            return text, parse_json(text), {}
        except ValueError as error:
            raise InputError(f"{name} is not JSON: {error}") from None
    return text, load_yaml(text, name), written_scalars(text)


class _PlanReader:
    """Reads one file, and notes all that is wrong in it."""

    def __init__(
        self,
        where: str,
        folder: Path,
        text: str,
        data: Any,
        written: dict[tuple[str | int, ...], Written],
    ) -> None:
        self.where = where
        self.folder = folder
        self.text = text
        self.written = written
        self.problems = Problems(where)
        self.defaults = defaults()
        self.options: Mapping[str, Any] = {}
        if not isinstance(data, Mapping):
            raise InputError(
                f"{where} describes no search; it needs lines such as 'program:', 'parameters:' and"
                " 'objective:'"
            )
        self.data = dict(data)

    def quoted(self, place: tuple[str | int, ...]) -> bool:
        """Whether a text is meant as one: in JSON it always is."""
        return place not in self.written or not self.written[place].plain

    def given(self, key: str) -> Any:
        """Return what an option or the file says of a key, else None."""
        return self.options.get(key, self.data.get(key))

    def beside(self, key: str) -> Path:
        """Return where the names of files begin: beside the file, of options where one works."""
        return Path() if key in self.options else self.folder

    def read(self, key: str, take: Callable[[Any], Any], default: Any = None) -> Any:
        """Return what `take` makes of the value of a key; None where that is wrong."""
        option = key in self.options
        value = self.options[key] if option else self.data.get(key)
        if value is None:
            value = self.defaults.get(key) if default is None else default
        try:
            return take(value)
        except InputError as error:
            where = f"--{key}" if option else key
            for line in str(error).splitlines():
                joint = f" = {told(value)} " if _is_short(value) else ": "
                said = where + ("" if line.startswith("[") else joint) + line
                self.problems.add(said, "" if option else None)
            return None

    def plan(self, options: Mapping[str, Any]) -> SearchPlan:
        """Return the plan, or raise an `InputError` of all that is wrong."""
        self.options = {k: v for k, v in options.items() if k not in _OF_OPTIONS}
        self._refuse_unknown(options)
        self._refuse_words()
        kind, target = self._target()
        strategy = self._strategy(target) if kind == "strategy" else None
        described = None
        if strategy is not None:
            # Of a file the name that it has from now on.
            target = strategy.name
            described = None if is_built_in(strategy) else to_record(strategy)
        space, filled = self._space(strategy)
        symbols = self.read("symbols", symbols_of, ())
        period = self._period(options)
        if symbols == () and kind == "strategy":
            self.problems.add("symbols: a strategy needs bars; give symbols, as [SPY]")
        elif symbols == ():
            for key, said in (
                ("period", period != (None, None)),
                ("holdout", self.given("holdout")),
            ):
                if said and said != "none":
                    self.problems.add(f"{key} is of bars; give symbols, or leave it out")
        fields = {
            "kind": kind,
            "target": target,
            "folder": self.folder,
            "symbols": symbols,
            "timeframe": self.read("timeframe", timeframe_of),
            "space": space,
            "aggregate": self.read("aggregate", between("median", "mean", "minimum")),
            "windows": self._windows(kind, bool(symbols), period),
            "period": period,
            "holdout": self.read("holdout", holdout_of, "none"),
            "warmup": self._warmup(kind),
            "settings": self._settings(strategy),
            "bars_per_year": self.read("bars_per_year", _if_said(year_of)),
            "trials": self.read("trials", count(1, 100_000_000)),
            "batch": self.read("batch", count(1, 1_000_000)),
            "seed": self.read("seed", count(0, 2**63 - 1)),
            "workers": self.read("workers", _if_said(count(1, 10_000))),
            "timeout": self.read("timeout", _if_said(seconds_of)),
            "memory": self.read("memory", _if_said(memory_of)),
            "retries": self.read("retries", _if_said(count(0, 100))),
            "prune": self.read("prune", between("none", "median", "wilcoxon")),
            "block": self._block(kind, space),
            "baseline": self._baseline(space),
            "top": self.read("top", count(1, 100_000)),
            "stalled": self.read("stalled", stalled_of),
            "filled": filled,
            "text": self.text,
            "described": described,
        }
        fields |= self._goals()
        self._method(fields)
        if space is not None and space.size == 1:
            self.problems.add(
                "parameters: the space is one point, and there is nothing to search; give a"
                " parameter a second value"
            )
        self.problems.refuse()
        return SearchPlan(**fields)

    def _refuse_unknown(self, options: Mapping[str, Any]) -> None:
        for key in self.data:
            if key not in KEYS:
                hint = did_you_mean(key, KEYS) if len(self.problems) < _MOST_HINTS else ""
                self.problems.add(f"{told(key)} is no key of a search{hint}")
        for key in options:
            if key not in KEYS and key not in _OF_OPTIONS:
                raise InputError(f"{brief(key)} is no option of a search")

    def _refuse_words(self) -> None:
        """Note words that YAML reads as true or false, where a text may be meant."""
        for place, written in self.written.items():
            word = written.text.lower()
            if not written.plain or place[-1] == "log":
                continue
            if word in _TRUE_WORDS | _FALSE_WORDS:
                truth = "true" if word in _TRUE_WORDS else "false"
                self.problems.add(
                    f"{_key(place)} = {written.text} (line {written.line}) is {truth} to YAML;"
                    f" write {truth}, or '{written.text}' in quotes where text is meant"
                )

    def _target(self) -> tuple[Any, Any]:
        option = next((key for key in _TARGETS if key in self.options), None)
        given = [option] if option else [key for key in _TARGETS if key in self.data]
        if len(given) != 1:
            said = f"{listed(given)} are there; keep one" if given else "nothing says what is run"
            self.problems.add(
                f"{said}: 'program: module:function', 'strategy: NAME' or 'command: [./program]'"
            )
            return None, None
        kind = given[0]
        return kind, self.read(kind, lambda value: target_of(kind, value, self.beside(kind)))

    def _strategy(self, name: Any) -> Strategy | None:
        if name is None:
            return None
        try:
            return get_strategy(name)
        except InputError as error:
            option = "strategy" in self.options
            self.problems.add(
                f"{'--' if option else ''}strategy = {shown(name)}: {error}", "" if option else None
            )
            return None

    def _space(self, strategy: Strategy | None) -> tuple[SearchSpace | None, Mapping[str, Any]]:
        filled: dict[str, Any] = {}

        def fit(
            dimensions: list[Dimension],
            fixed: dict[str, Any],
            constraints: list[ParameterConstraint],
        ) -> tuple[list[Dimension], dict[str, Any], list[ParameterConstraint]]:
            if strategy is None:
                return dimensions, fixed, constraints
            found = fitted(strategy, dimensions, fixed, constraints, self.problems)
            filled.update(found.filled)
            return found.dimensions, found.fixed, found.constraints

        return read_space(self.data, self.problems, self.quoted, fit), filled

    def _period(self, options: Mapping[str, Any]) -> tuple[dt.date | None, dt.date | None]:
        begin, end = self.read("period", period_of, "none") or (None, None)
        for key in _OF_OPTIONS:
            if options.get(key) is not None:
                try:
                    day = day_of(options[key])
                except InputError as error:
                    self.problems.add(f"--{key} = {told(options[key])} {error}", "")
                    continue
                begin, end = (day, end) if key == "start" else (begin, day)
        if begin is not None and end is not None and begin > end:
            self.problems.add(f"the period begins on {begin}, after its end on {end}; swap them")
        return begin, end

    def _windows(
        self, kind: str | None, bars: bool, period: tuple[dt.date | None, dt.date | None]
    ) -> SearchWindows | None:
        if kind is None and "windows" not in self.data:
            return None
        shipped = self.defaults["windows"]
        default = shipped["strategy" if kind == "strategy" else "symbols" if bars else "alone"]
        found: SearchWindows | None = self.read(
            "windows", lambda value: windows_of(value, self.beside("windows")), _or_none(default)
        )
        if found is None:
            return None
        if found.kind in ("schedule", "share") and not bars and kind != "strategy":
            self.problems.add(
                f"windows = {told(self.given('windows'))} is laid over bars; give symbols, or"
                " windows by dates, as {in: 2020-01-01/2022-01-01, out: 2022-01-01/2023-01-01}"
            )
        if found.kind == "none" and kind == "strategy":
            self.problems.add(
                "windows = none: a strategy is searched in windows; give a schedule, or dates"
            )
        for window in found.dates:
            first, last = window.in_sample[0], window.out_of_sample[1] - dt.timedelta(1)
            begin, end = period
            if (begin is not None and first < begin) or (end is not None and last > end):
                self.problems.add(
                    f"windows: {first} to {last} is not within the period, {begin or '...'} to"
                    f" {end or '...'}"
                )
        return found

    def _settings(self, strategy: Strategy | None) -> dict[str, Any]:
        given = self.data.get("settings")
        if given is None:
            return {} if strategy is None else strategy.settings().to_dict()
        if not isinstance(given, Mapping):
            self.problems.add(f"settings = {told(given)} must be a mapping, as {{fee: 0.001}}")
            return {}
        if strategy is None:
            if "strategy" not in self.data and "strategy" not in self.options:
                self.problems.add(
                    "settings are those of a strategy's account; a program has its own under fixed"
                )
            return {}
        return self._account(strategy.settings, given)

    def _account(self, settings: type[AccountSettings], given: Mapping[Any, Any]) -> dict[str, Any]:
        known = list(settings().to_dict())
        taken = {}
        for name, value in given.items():
            if name not in known:
                hint = did_you_mean(name, known)
                self.problems.add(f"settings.{name} = {told(value)} is no setting{hint}")
                continue
            try:
                settings(**{name: value})
                taken[name] = value
            except InputError as error:
                self.problems.add(f"settings.{error}")
        try:
            return settings(**taken).to_dict()
        except InputError as error:
            self.problems.add(f"settings: {error}")
            return {}

    def _block(self, kind: str | None, space: SearchSpace | None) -> int | str | None:
        if "block" not in self.data and kind != "strategy":
            return None
        found: int | str | None = self.read("block", block_of)
        if kind != "strategy" and found is not None:
            self.problems.add(
                "block: only strategies are swept in blocks; leave it out for a program"
            )
        if isinstance(found, int) and space is not None and found > len(space.dimensions):
            self.problems.add(
                f"block = {found} is more than the {len(space.dimensions)} parameters; write fewer,"
                " or auto"
            )
        return found

    def _warmup(self, kind: str | None) -> int:
        found: int = self.read("warmup", count(0, 1_000_000))
        if kind == "strategy" and found:
            self.problems.add(
                "warmup: only programs are given bars before a window; a strategy warms up on as"
                " many as its parameters look back"
            )
        return found

    def _baseline(self, space: SearchSpace | None) -> Any:
        given = self.data.get("baseline")
        if given is None:
            return None
        if not isinstance(given, Mapping):
            self.problems.add(f"baseline = {told(given)} must be a point, nested as parameters")
            return None
        if space is None:
            return None
        try:
            return space.decode(space.encode(given)[None])[0]
        except InputError as error:
            for line in str(error).splitlines():
                self.problems.add(f"baseline: {line}")
            return None

    def _goals(self) -> dict[str, Any]:
        """Return the objective, the limits and the guardrails."""
        takes: dict[str, Callable[[Any, str], Any]] = {
            "objective": lambda value, where: Objective.read(
                value, where, self.beside("objective")
            ),
            "limits": Limits.read,
            "guardrails": lambda value, where: Guardrails.read(
                value, where, self.beside("guardrails")
            ),
        }
        found = {}
        for key, take in takes.items():
            option = key in self.options
            try:
                found[key] = take(self.given(key), f"--{key}" if option else key)
            except InputError as error:
                self.problems.add(error, "" if option else None)
        return found

    def _method(self, fields: dict[str, Any]) -> None:
        """Set the method and its options, and note why they do not suit the search."""
        name, options = self.read("method", method_of) or (None, None)
        own = self.data.get("method")
        if "method" in self.options and isinstance(own, Mapping) and own.get("name") == name:
            options = {key: value for key, value in own.items() if key != "name"}
        fields |= {"method": name, "method_options": options}
        objective, stalled = fields.get("objective"), fields["stalled"]
        if name is None or objective is None or stalled is None:
            return
        wrong = method_errors(
            name,
            options,
            objectives=objective.count,
            space=fields["space"],
            stalled=stalled.batches,
            then=stalled.then,
        )
        option = "--method" if "method" in self.options else ""
        for part, message in wrong:
            if part == "then":
                self.problems.add(f"stalled: {message}")
            elif part or not option:
                self.problems.add(f"method{'.' if part else ''}{one_line(part)}: {message}")
            else:
                self.problems.add(f"{option}: {message}", "")
        if objective.several and fields["prune"] not in (None, "none"):
            self.problems.add(
                f"prune = {told(fields['prune'])} goes with one objective; of several none is"
                " pruned, write none"
            )


def _key(place: tuple[str | int, ...]) -> str:
    said = ""
    for step in place:
        said += f"[{step}]" if isinstance(step, int) else f".{one_line(step)}" if said else step
    return said


def _is_short(value: object) -> bool:
    return not isinstance(value, Mapping | list)


def _if_said(take: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what takes None for what is not said: the runner has its own then."""
    return lambda value: None if value is None else take(value)


def _or_none(value: Any) -> Any:
    return "none" if value is None else value
