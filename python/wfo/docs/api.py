"""The pages of the API, made from the docstrings and signatures of what is installed."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from wfo.docs.docstrings import Docstring, Item, Resolve, parse, to_markdown
from wfo.errors import WfoError

#: Names of `wfo` by subject: a page's name, its title, what it is about, and the names on it.
GROUPS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "api-run",
        "Runs",
        "The whole way from stored bars to a page and ranges, and what is made of these.",
        (
            *("run", "RunReport", "refine", "RefineReport", "analyze", "AnalysisReport"),
            *("permutation_test", "PermutationReport", "PermutationTest"),
            *("verdict", "VerdictReport", "Verdict"),
        ),
    ),
    (
        "api-search",
        "Searches",
        "Spaces that are not swept: programs, continuous axes, several objectives.",
        ("optimize", "read_study", "StudyReport"),
    ),
    (
        "api-walk-forward",
        "Walk-forwards",
        "Choose on a window, trade the next one, roll on: one curve, and how it came about.",
        (
            *("walk_forward", "WalkForward", "WalkSchedule"),
            *("walk_forward_matrix", "WalkForwardMatrix"),
            *("run_walk_forward", "read_walk_forward", "WalkForwardReport"),
        ),
    ),
    (
        "api-bars",
        "Bars and windows",
        "Series of bars, the store that keeps them, and schedules of phases.",
        ("DataStore", "load_sample", "join_bars", "read_feeds", "Windows", "Phases", "Phase"),
    ),
    (
        "api-grid",
        "Strategies, grids and settings",
        "What is searched and under which conditions.",
        (
            *("Strategy", "strategies", "register", "Grid", "grid_names"),
            *("AccountSettings", "Settings"),
        ),
    ),
    (
        "api-own",
        "Own strategies",
        "Strategies that are written by their users, in a few lines.",
        ("Rules", "Int", "Float", "Choice", "orders", "indicator", "kernel", "check", "Checked"),
    ),
    (
        "api-backtest",
        "Simulations and sweeps",
        "Backtests of one parameter set, of a whole grid, or of any combinations.",
        (
            *("simulate", "Simulation", "buy_and_hold", "sweep", "SweepResult", "Evaluator"),
            *("PerformanceEvaluator", "Performance"),
            *("Metrics", "PartMetrics", "simulation_metrics"),
            *("working_orders", "Working", "WorkingOrder"),
        ),
    ),
    (
        "api-selection",
        "Scores, plateaus, sensitivity",
        "What holds up over the phases, where it lies together, and which parameters matter.",
        (
            "Gates",
            "score",
            "detect_plateaus",
            "PlateauOptions",
            "Plateau",
            "sensitivity",
            "Sensitivity",
        ),
    ),
    (
        "api-sets",
        "Parameter sets",
        "One parameter set of a run with its provenance, as a file and read from one.",
        ("export_set", "write_set", "read_set", "ParameterSet"),
    ),
    (
        "api-errors",
        "Errors and versions",
        "The family of errors, and what an installation is made of.",
        (
            *("WfoError", "InputError", "DataError", "ResultsError", "EngineError"),
            *("build_info", "__version__"),
        ),
    ),
)

#: Public modules with a page each.
MODULES = (
    *("wfo.strategy", "wfo.rules", "wfo.examples", "wfo.kernels", "wfo.metrics"),
    *("wfo.backtest.figures", "wfo.progress", "wfo.testing", "wfo.stats"),
    *("wfo.data", "wfo.data.updating", "wfo.data.downloading", "wfo.data.sources"),
)

_HEAD = (
    "`import wfo` has all that a notebook needs; further modules have more. Every error is a"
    " [`wfo.WfoError`](api-errors.md#wfo.WfoError). Frames are Polars, pandas or PyArrow ones where"
    " bars are taken, and Polars where results are returned."
)

_VERSION = "The version of the package, such as ``0.1.0``."


@dataclass(frozen=True, slots=True)
class Documented:
    """A public name.

    Attributes
    ----------
    name
        With its module, as users write it: ``wfo.Grid``.
    value
        What it names.
    page
        The page that describes it.
    """

    name: str
    value: Any
    page: str


def undocumented() -> list[str]:
    """Return what lacks a docstring: public names, and public methods and properties of classes."""
    missing = [each.name for each in _documented() if not _doc(each.value, each.name)]
    for each in _documented():
        if inspect.isclass(each.value):
            missing += [
                f"{each.name}.{name}"
                for name, member in _members(each.value)
                if not _doc(member, name)
            ]
    return missing


def api_names() -> list[str]:
    """Return the names of the pages of the API, in order, without making them."""
    return ["api", *(page for page, *_ in _sections())]


def api_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the Markdown of each page; the first lists all names.

    Raises
    ------
    WfoError
        If a public name of `wfo` is in none of `GROUPS`, or in two.
    """
    documented = _documented()
    resolve = _resolver(documented)
    parts = [
        "# Python API",
        _HEAD,
    ]
    bodies: list[tuple[str, str]] = []
    for page, title, about, _ in _sections():
        here = [each for each in documented if each.page == page]
        parts += [f"## [{title}]({page}.md)", to_markdown(about, resolve)]
        lines = ["| name | what it is |", "|---|---|"]
        lines += [f"| [`{each.name}`](#{each.name}) | {_summary(each, resolve)} |" for each in here]
        listed = "\n".join(lines)
        parts.append(listed.replace("](#", f"]({page}.md#"))
        head = f"# {title}\n\n{to_markdown(about, resolve)}\n\n"
        if title in MODULES:
            rest = parse(inspect.getdoc(importlib.import_module(title)) or "").body
            head += f"{to_markdown(rest, resolve)}\n\n" if rest else ""
        described = "\n\n".join(_described(each, resolve) for each in here)
        bodies.append((page, f"{head}{listed}\n\n{described}\n"))
    yield "api", "\n\n".join(parts) + "\n"
    yield from bodies


def _sections() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield name, title, subject and names of each page of the API."""
    yield from GROUPS
    for module in MODULES:
        loaded = importlib.import_module(module)
        page = "api-" + module.removeprefix("wfo.").replace(".", "-")
        about = parse(inspect.getdoc(loaded) or "").summary
        yield (f"{page}-module" if page in _group_pages() else page), module, about, _names(loaded)


def _group_pages() -> set[str]:
    return {page for page, *_ in GROUPS}


def _names(module: ModuleType) -> tuple[str, ...]:
    """Return the public names that a module states, or else defines itself."""
    if hasattr(module, "__all__"):
        return tuple(module.__all__)
    return tuple(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )


def _documented() -> list[Documented]:
    """Return all public names; what `wfo` has is described there and not once more."""
    import wfo

    placed = [name for *_, names in GROUPS for name in names]
    astray = sorted({*placed} ^ {*wfo.__all__}) + sorted({n for n in placed if placed.count(n) > 1})
    if astray:
        raise WfoError(
            f"the names {', '.join(astray)} of wfo must each be in one of GROUPS in {__file__}"
        )
    found: list[Documented] = []
    seen: set[int] = set()
    for page, title, _, names in _sections():
        module = title if title in MODULES else "wfo"
        for name in names:
            value = getattr(importlib.import_module(module), name)
            if module != "wfo" and id(value) in seen:
                continue
            seen.add(id(value))
            found.append(Documented(f"{module}.{name}", value, page))
    return found


def _resolver(documented: list[Documented]) -> Resolve:
    """Return a function that finds names as docstrings write them: short, or with their module."""
    places: dict[str, str] = {}
    for each in reversed(documented):
        place = f"{each.page}.md#{each.name}"
        short = each.name.rpartition(".")[2]
        home = f"{getattr(each.value, '__module__', '')}.{short}"
        for name in (each.name, short, home):
            places[name] = place
        if inspect.isclass(each.value):
            for member, _ in _members(each.value):
                for name in (each.name, short):
                    places[f"{name}.{member}"] = f"{place}.{member}"
    for module, page in [(title, page) for page, title, *_ in _sections() if title in MODULES]:
        places.setdefault(module, f"{page}.md")
    return places.get


def _within(owner: str, resolve: Resolve) -> Resolve:
    """Return a function that finds a class's own members by their names alone, too."""
    return lambda name: resolve(f"{owner}.{name}") or resolve(name)


def _summary(each: Documented, resolve: Resolve) -> str:
    return to_markdown(parse(_doc(each.value, each.name)).summary, resolve)


def _doc(value: Any, name: str) -> str:
    """Return the docstring of a value of one's own; empty where there is none."""
    if name == "wfo.__version__":
        return _VERSION
    if typing.get_origin(value) is not None:
        return f"A type: ``{_type_text(value)}``."
    if isinstance(value, tuple | Mapping):
        return f"A constant: ``{', '.join(map(str, value))}``."
    value = _function(value)
    if not (callable(value) or isinstance(value, property)):
        return ""
    doc = inspect.getdoc(value) or ""
    own = name.rpartition(".")[2]
    # A dataclass without a docstring gets its signature for one.
    return "" if inspect.isclass(value) and doc.startswith(f"{own}(") else doc


def _type_text(value: Any) -> str:
    text = re.sub(r"\bForwardRef\('([^']*)'\)", r"\1", str(value))
    return re.sub(r"\b(typing|collections\.abc|wfo(\.\w+)+)\.", "", text)


def _members(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class defines itself, in order."""
    for name, raw in vars(owner).items():
        value = raw.__func__ if isinstance(raw, classmethod | staticmethod) else raw
        if not name.startswith("_") and isinstance(value, FunctionType | property):
            yield name, raw


def _described(each: Documented, resolve: Resolve) -> str:
    """Return a name's heading, signature and docstring, with those of its members."""
    parts = [f"## `{each.name}`"]
    value = each.value
    short = each.name.rpartition(".")[2]
    if inspect.isclass(value):
        resolve = _within(short, resolve)
        parts.append(_fenced(f"class {short}{_class_signature(value)}"))
        bases = [base for base in value.__bases__ if resolve(base.__name__)]
        if bases:
            named = ", ".join(f"[`{b.__name__}`]({resolve(b.__name__)})" for b in bases)
            parts.append(f"A {named}, with all that one has.")
    elif inspect.isroutine(value):
        parts.append(_fenced(f"{short}{_signature(value)}"))
    parts += _documentation(parse(_doc(value, each.name)), resolve)
    for name, member in _members(value) if inspect.isclass(value) else ():
        parts.append(f"### `{each.name}.{name}`")
        if isinstance(member, property):
            parts.append("*A property.*")
        else:
            inner = _function(member)
            word = "@classmethod\n" if isinstance(member, classmethod) else ""
            parts.append(_fenced(f"{word}{name}{_signature(inner, bound=True)}"))
        parts += _documentation(parse(_doc(member, name)), resolve)
    return "\n\n".join(parts)


def _function(member: Any) -> Any:
    return member.__func__ if isinstance(member, classmethod | staticmethod) else member


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def _class_signature(owner: type) -> str:
    if issubclass(owner, BaseException) or getattr(owner, "_is_protocol", False):
        return ""
    try:
        return _signature(owner).removesuffix(" -> None")
    except (TypeError, ValueError):
        return ""


def _signature(function: Callable[..., Any], *, bound: bool = False) -> str:
    """Return a signature as Python, a parameter a line where it is long."""
    signature = inspect.signature(function)
    given = list(signature.parameters.values())[1 if bound else 0 :]
    parts: list[str] = []
    keywords = False
    for parameter in given:
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            parts.append("*")
        keywords = keywords or parameter.kind is parameter.VAR_POSITIONAL
        parts.append(_parameter(parameter))
    back = signature.return_annotation
    arrow = "" if back is signature.empty else f" -> {_annotation(back)}"
    line = f"({', '.join(parts)}){arrow}"
    if len(line) <= 70:
        return line
    return "(\n" + "".join(f"    {part},\n" for part in parts) + f"){arrow}"


def _parameter(parameter: inspect.Parameter) -> str:
    text = parameter.name
    if parameter.kind is parameter.VAR_POSITIONAL:
        text = f"*{text}"
    elif parameter.kind is parameter.VAR_KEYWORD:
        text = f"**{text}"
    if parameter.annotation is not parameter.empty:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is not parameter.empty:
        equals = " = " if ":" in text else "="
        text += equals + _default(parameter.default)
    return text


def _annotation(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value.__name__) if inspect.isclass(value) else _type_text(value)


def _default(value: Any) -> str:
    """Return a default as one would write it; types and objects by their names."""
    if inspect.isclass(value):
        return value.__name__
    text = repr(value)
    # What a factory makes, and objects without a text of their own, show an address.
    return "..." if text.startswith("<") or " at 0x" in text or len(text) > 60 else text


def _documentation(doc: Docstring, resolve: Resolve) -> list[str]:
    """Return the parts of a docstring as Markdown."""
    parts = [to_markdown(doc.summary, resolve)] if doc.summary else []
    parts += [to_markdown(doc.body, resolve)] if doc.body else []
    for title, items in doc.lists.items():
        parts += [f"**{title}**", "\n".join(_item(title, each, resolve) for each in items)]
    for title, text in doc.texts.items():
        parts += [f"**{title}**", to_markdown(text, resolve)]
    return parts


def _item(title: str, item: Item, resolve: Resolve) -> str:
    """Return an entry as an item of a list."""
    names = item.name if title in {"Returns", "Yields"} else _names_of(item.name, title, resolve)
    text = to_markdown(item.text, resolve).replace("\n", "\n  ")
    if title in {"Returns", "Yields"}:
        names = to_markdown(names, resolve)
        linked = resolve(names)
        names = f"[`{names}`]({linked})" if linked else names
    return f"- {names}: {text}" if text else f"- {names}"


def _names_of(names: str, title: str, resolve: Resolve) -> str:
    named, _, kind = names.partition(" : ")
    linked: list[str] = []
    for name in named.split(", "):
        there = resolve(name) if title == "Raises" else None
        linked.append(f"[`{name}`]({there})" if there else f"`{name}`")
    return ", ".join(linked) + (f" ({kind})" if kind else "")
