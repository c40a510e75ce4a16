"""Read which file imports which, from the sources of the package and of its core.

An arrow goes from the file that names another to the file that it names. Both readers return
``{file: {file, …}}``, paths relative to the folder that they were given, without arrows from a file
to itself.

Python
    Every ``import``, at the top, within functions and under ``TYPE_CHECKING``; and every string
    that names a module, since some are loaded by name. ``from wfo.data import x`` goes to
    ``wfo/data/x.py`` where that is a module, otherwise to the package's ``__init__.py``.
Rust
    Every ``use`` and every path in the code that begins with ``crate``, ``$crate``, ``self``,
    ``super``, a crate of the workspace, a child module or an imported name. A path is followed
    through imports and re-exports to the file that defines what it names, so that
    ``crate::scoring::Block`` is an arrow to ``scoring/block.rs``. A call of a method goes to the
    file whose ``impl`` of a type from elsewhere defines it, where no other function has its name:
    that is how methods of one type that are spread over files tie them together.

    No arrows are ``mod`` declarations and re-exports (``pub use``) of names that the file itself
    does not use. So a ``mod.rs`` that only hands names on uses none of its children, whereas a
    child that uses what its parent's file defines, while the parent uses the child, makes a circle.
    Code under ``#[cfg(test)]`` does not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Arrows = dict[str, set[str]]


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of files that reach each other, each sorted (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            at = stack.index(node)
            group = sorted(stack[at:])
            del stack[at:]
            if len(group) > 1:
                found.append(group)

    for node in sorted(arrows):
        if node not in order:
            visit(node)
    return sorted(found)


def layer_of(file: str, layers: tuple[tuple[str, ...], ...]) -> tuple[int, str]:
    """Return a file's layer, 0 the lowest, and the member of it that is the file or its folder.

    Parameters
    ----------
    file
        Its path.
    layers
        Files and folders (which end in ``/``) by layer, the lowest first; the longest match holds.

    Raises
    ------
    KeyError
        If it has no layer.
    """
    matches = [
        (len(member), level, member)
        for level, members in enumerate(layers)
        for member in members
        if file == member or (member.endswith("/") and file.startswith(member))
    ]
    if not matches:
        raise KeyError(f"{file} has no layer; give it one in the table")
    _, level, member = max(matches)
    return level, member


def upward(arrows: Mapping[str, set[str]], layers: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the arrows to a higher layer, and to another member of the same one."""
    found = []
    for file, others in sorted(arrows.items()):
        level, member = layer_of(file, layers)
        for other in sorted(others):
            its_level, its_member = layer_of(other, layers)
            if its_level > level or (its_level == level and its_member != member):
                found.append(f"{file} -> {other}")
    return found


# Python


def python_arrows(root: Path, package: str) -> Arrows:
    """Return the arrows of the package ``root/package``."""
    files = {
        path.relative_to(root).as_posix(): path
        for path in sorted((root / package).rglob("*.py"))
        if "__pycache__" not in path.parts
    }
    modules = {_module_name(file): file for file in files}
    # The compiled module is a file of the tree only as its stub.
    for stub in (root / package).rglob("*.pyi"):
        name = stub.relative_to(root).as_posix()
        modules.setdefault(_module_name(name), name)
    found: Arrows = {}
    for file, path in files.items():
        targets = set()
        for name in _imported(ast.parse(path.read_text("utf-8")), file, modules):
            target = modules.get(name) or modules.get(name.rpartition(".")[0])
            if target is not None and target != file:
                targets.add(target)
        found[file] = targets
    for file in modules.values():
        found.setdefault(file, set())
    return found


def _module_name(file: str) -> str:
    return file.rsplit(".", 1)[0].removesuffix("/__init__").replace("/", ".")


def _imported(tree: ast.AST, file: str, modules: Mapping[str, str]) -> Iterator[str]:
    """Yield the dotted names that a file imports; the last part may be a name in a module."""
    own = _module_name(file)
    package = own if file.endswith("/__init__.py") else own.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                parents = parts[: len(parts) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "." in node.value
            and node.value in modules
            # A file's own package is named in texts too.
            and node.value != package
        ):
            yield node.value


# Rust

_HIDDEN = re.compile(
    r"""
      //[^\n]*
    | b?r(?P<hashes>\#*)".*?"(?P=hashes)
    | b?"(?:\\.|[^"\\])*"
    | b?'(?:\\.[^']*|[^'\\])'
    """,
    re.VERBOSE | re.DOTALL,
)
_TOKEN = re.compile(r"\w+|::|->|=>|\S")
_WORD = re.compile(r"[A-Za-z_]\w*")
_ITEMS = {"fn", "struct", "enum", "trait", "const", "static", "type", "union", "macro_rules"}
_ROOTS = {"crate", "self", "super"}


@dataclass(eq=False)
class _Module:
    """A module, of a file of its own or within one."""

    name: str
    file: str
    parent: _Module | None
    children: dict[str, _Module] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    #: What a name that is imported or handed on stands for.
    uses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    globs: list[tuple[str, ...]] = field(default_factory=list)

    def root(self) -> _Module:
        return self if self.parent is None else self.parent.root()


@dataclass(eq=False)
class _Source:
    """What a file names.

    Attributes
    ----------
    paths
        Paths with the modules in which they stand.
    handed
        Paths that are handed on, by the name that they get.
    words
        Identifiers outside ``use``.
    calls
        Names of methods that are called.
    functions
        Names of all functions, as often as they are defined.
    extended
        Types that have an ``impl`` here, with the module, and the functions in it.
    """

    paths: list[tuple[_Module, tuple[str, ...]]] = field(default_factory=list)
    handed: list[tuple[_Module, str, tuple[str, ...]]] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    functions: list[str] = field(default_factory=list)
    extended: list[tuple[_Module, tuple[str, ...], list[str]]] = field(default_factory=list)


def rust_arrows(root: Path, crates: Mapping[str, str]) -> Arrows:
    """Return the arrows of crates.

    Parameters
    ----------
    root
        What paths are relative to.
    crates
        The folder of each crate's sources below it, by the crate's name in code.
    """
    reader = _Reader(root, crates)
    return reader.arrows()


class _Reader:
    def __init__(self, root: Path, crates: Mapping[str, str]) -> None:
        self.root = root
        self.sources: dict[str, _Source] = {}
        self.crates: dict[str, _Module] = {}
        for name, folder in crates.items():
            self.crates[name] = self._file(f"{folder}/lib.rs", name, None, Path(folder))

    def arrows(self) -> Arrows:
        found: Arrows = {file: set() for file in self.sources}
        defined = [name for source in self.sources.values() for name in source.functions]
        homes: dict[str, str] = {}
        for file, source in self.sources.items():
            paths = list(source.paths)
            paths += [(m, p) for m, name, p in source.handed if name in source.words]
            for module, path in paths:
                found[file] |= self._files(module, path, frozenset())
            for module, path, methods in source.extended:
                if self._files(module, path, frozenset()) - {file}:
                    homes |= {name: file for name in methods if defined.count(name) == 1}
        for file, source in self.sources.items():
            found[file] |= {homes[name] for name in source.calls if name in homes}
            found[file].discard(file)
        return found

    # Reading

    def _file(self, file: str, name: str, parent: _Module | None, folder: Path) -> _Module:
        """Read a file, and those of the modules that it declares, which lie in `folder`."""
        module = _Module(name, file, parent)
        text = _HIDDEN.sub(" ", re.sub(r"/\*.*?\*/", " ", (self.root / file).read_text("utf-8")))
        source = self.sources[file] = _Source()
        self._items(_without_tests(_TOKEN.findall(text)), module, source, folder)
        return module

    def _items(self, tokens: list[str], module: _Module, source: _Source, folder: Path) -> None:
        at, depth, public = 0, 0, False
        while at < len(tokens):
            token = tokens[at]
            before = tokens[at - 1] if at else ""
            if token == "mod" and _WORD.fullmatch(tokens[at + 1]) and tokens[at + 2] in ";{":
                at = self._module(tokens, at, module, source, folder)
                public = False
                continue
            if token == "use" and tokens[at + 1] != "<":
                end = tokens.index(";", at)
                self._use(tokens[at + 1 : end], module, source, public=public)
                at, public = end + 1, False
                continue
            if token == "impl" and before in {"", "}", ";", "]", "unsafe", "{"}:
                self._impl(tokens, at, module, source)
            if token in _ITEMS and depth == 0:
                name = tokens[at + 2] if token == "macro_rules" else tokens[at + 1]
                module.defined.add(name)
            if token == "fn":
                source.functions.append(tokens[at + 1])
            if before == "." and _WORD.fullmatch(token) and tokens[at + 1] in {"(", "::"}:
                source.calls.add(token)
            if _WORD.fullmatch(token):
                source.words.add(token)
            if token == "pub":
                public = True
                if tokens[at + 1] == "(":
                    at = tokens.index(")", at)
            elif token in ";{}":
                public = False
            depth += (token == "{") - (token == "}")
            if _WORD.fullmatch(token) and before not in {"::", "."}:
                path, at = _path(tokens, at)
                if len(path) > 1:
                    source.words.update(path)
                    source.paths.append((module, path))
                continue
            at += 1

    def _module(
        self, tokens: list[str], at: int, module: _Module, source: _Source, folder: Path
    ) -> int:
        """Read a module that is declared or written out, and return where its item ends."""
        name = tokens[at + 1]
        if tokens[at + 2] == ";":
            flat, nested = folder / f"{name}.rs", folder / name / "mod.rs"
            file = flat if (self.root / flat).exists() else nested
            module.children[name] = self._file(file.as_posix(), name, module, folder / name)
            return at + 3
        end = _closing(tokens, at + 2)
        inner = module.children[name] = _Module(name, module.file, module)
        self._items(tokens[at + 3 : end], inner, source, folder / name)
        return end + 1

    def _use(self, tokens: list[str], module: _Module, source: _Source, *, public: bool) -> None:
        for path, name in _use_tree(tokens, ()):
            if path[-1] == "*":
                module.globs.append(path[:-1])
                if not public:
                    source.paths.append((module, path[:-1]))
                continue
            module.uses[name] = path
            if public:
                source.handed.append((module, name, path))
            else:
                source.paths.append((module, path))

    def _impl(self, tokens: list[str], at: int, module: _Module, source: _Source) -> None:
        """Note the functions of an ``impl`` of a type, which is none of a trait."""
        start = at + 1
        if tokens[start] == "<":
            start = _closing(tokens, start, "<", ">") + 1
        opening = tokens.index("{", start)
        if "for" in tokens[start:opening]:
            return
        path, _ = _path(tokens, start)
        body = tokens[opening : _closing(tokens, opening)]
        methods = [body[i + 1] for i, token in enumerate(body) if token == "fn"]
        source.extended.append((module, path, methods))

    # Following

    def _files(
        self, module: _Module, path: tuple[str, ...], seen: frozenset[tuple[int, tuple[str, ...]]]
    ) -> set[str]:
        """Return the files that define what a path names; none where it leaves the workspace."""
        if not path or (id(module), path) in seen:
            return set()
        seen |= {(id(module), path)}
        first, rest = path[0], path[1:]
        if first == "crate":
            return self._within(module.root(), rest, seen)
        if first == "self":
            return self._within(module, rest, seen)
        if first == "super":
            return self._within(module.parent, rest, seen) if module.parent else set()
        if first in module.children or first in module.uses or first in module.defined:
            return self._within(module, path, seen)
        if first in self.crates:
            return self._within(self.crates[first], rest, seen)
        return set()

    def _within(
        self,
        module: _Module,
        path: tuple[str, ...],
        seen: frozenset[tuple[int, tuple[str, ...]]],
    ) -> set[str]:
        """Follow a path from a module on."""
        while path:
            first, rest = path[0], path[1:]
            if first == "self":
                path = rest
            elif first == "super" and module.parent is not None:
                module, path = module.parent, rest
            elif first in module.children:
                module, path = module.children[first], rest
            elif first in module.defined:
                return {module.file}
            elif first in module.uses:
                return self._files(module, (*module.uses[first], *rest), seen)
            else:
                for glob in module.globs:
                    for target in self._modules(module, glob):
                        if first in {*target.defined, *target.uses, *target.children}:
                            return self._within(target, path, seen)
                return {module.file}
        return {module.file}

    def _modules(self, module: _Module, path: tuple[str, ...]) -> Iterator[_Module]:
        """Yield the module that a path names by its place in the tree."""
        at: _Module | None = module
        for n, part in enumerate(path):
            if at is None:
                return
            if part == "crate":
                at = at.root()
            elif part == "super":
                at = at.parent
            elif part in at.children:
                at = at.children[part]
            elif part != "self":
                at = self.crates.get(part) if not n else None
        if at is not None:
            yield at


def _without_tests(tokens: list[str]) -> list[str]:
    """Leave out the items under ``#[cfg(test)]``."""
    mark = ["#", "[", "cfg", "(", "test", ")", "]"]
    kept: list[str] = []
    at = 0
    while at < len(tokens):
        if tokens[at : at + 7] != mark:
            kept.append(tokens[at])
            at += 1
            continue
        at += 7
        while tokens[at] not in {";", "{"}:
            at += 1
        at = (_closing(tokens, at) if tokens[at] == "{" else at) + 1
    return kept


def _closing(tokens: list[str], at: int, opening: str = "{", closing: str = "}") -> int:
    """Return where the bracket closes that opens at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i] == opening) - (tokens[i] == closing)
        if depth == 0:
            return i
    raise ValueError(f"{opening} is never closed")


def _path(tokens: list[str], at: int) -> tuple[tuple[str, ...], int]:
    """Return the path that begins at `at`, and where it ends."""
    path = [tokens[at]]
    at += 1
    while at + 1 < len(tokens) and tokens[at] == "::" and _WORD.fullmatch(tokens[at + 1]):
        path.append(tokens[at + 1])
        at += 2
    return tuple(path), at


def _use_tree(tokens: list[str], prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each path of a ``use``, and the name that it gets."""
    path, at = list(prefix), 0
    while at < len(tokens):
        token = tokens[at]
        if token == "{":
            end = _closing(tokens, at)
            for part in _parts(tokens[at + 1 : end]):
                yield from _use_tree(part, tuple(path))
            return
        if token == "as":
            yield _named(path, tokens[at + 1])
            return
        if token not in {"::", "$"}:
            path.append(token)
        at += 1
    if path != list(prefix):
        yield _named(path, path[-1])


def _named(path: list[str], name: str) -> tuple[tuple[str, ...], str]:
    """Return a path whose last ``self`` is the module itself, and its name."""
    if path[-1] == "self" and len(path) > 1:
        return tuple(path[:-1]), path[-2] if name == "self" else name
    return tuple(path), name


def _parts(tokens: list[str]) -> Iterator[list[str]]:
    """Split at the commas of the outermost level."""
    part: list[str] = []
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        if token == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part
