"""Docstrings in numpydoc's form to Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: Sections that list names or types with a text below each.
LISTS = ("Parameters", "Attributes", "Returns", "Yields", "Raises")

_HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)

#: Returns where the documentation of a name stands, as Markdown's target of a link, or None.
Resolve = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a section: names or a type, and a text.

    Attributes
    ----------
    name
        What stands on its first line.
    text
        What stands indented below it, reStructuredText.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring in parts.

    Attributes
    ----------
    summary
        Its first paragraph on one line.
    body
        What follows before the first section.
    lists
        The sections of `LISTS` that it has.
    texts
        Its other sections, such as ``Notes`` and ``Examples``.
    """

    summary: str
    body: str = ""
    lists: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Docstring:
    """Take a docstring without indentation apart, as `inspect.getdoc` returns it."""
    head, *rest = _HEADING.split(text)
    summary, _, body = head.strip().partition("\n\n")
    lists: dict[str, tuple[Item, ...]] = {}
    texts: dict[str, str] = {}
    for name, content in zip(rest[::2], rest[1::2], strict=True):
        if name in LISTS:
            lists[name] = _items(content.strip("\n"))
        else:
            texts[name] = content.strip("\n")
    return Docstring(" ".join(summary.split()), body.strip("\n"), lists, texts)


def _items(content: str) -> tuple[Item, ...]:
    items: list[tuple[str, list[str]]] = []
    for line in content.splitlines():
        if line and not line[0].isspace():
            items.append((line.strip(), []))
        elif items:
            items[-1][1].append(line)
    return tuple(
        Item(name.rstrip(":"), textwrap.dedent("\n".join(lines)).strip()) for name, lines in items
    )


def to_markdown(text: str, resolve: Resolve) -> str:
    """Return reStructuredText, as far as docstrings here use it, as Markdown.

    Parameters
    ----------
    text
        Paragraphs, lists, ``literals``, `names`, examples of the prompt, and blocks after ``::``.
    resolve
        Where a name is documented.
    """
    parts: list[str] = []
    paragraphs = re.split(r"\n\s*\n", text.strip("\n"))
    i = 0
    while i < len(paragraphs):
        part = paragraphs[i]
        i += 1
        if part.startswith(">>> "):
            parts.append(f"```python\n{_prompted(part)}\n```")
            continue
        block: list[str] = []
        while part.endswith("::") and i < len(paragraphs) and paragraphs[i].startswith("    "):
            block.append(paragraphs[i])
            i += 1
        parts.append(_inline(part[:-1] if block else part, resolve))
        if block:
            parts.append("```python\n" + textwrap.dedent("\n\n".join(block)) + "\n```")
    return "\n\n".join(parts)


def _prompted(text: str) -> str:
    """Return an example of the prompt without the directives of doctest."""
    return re.sub(r"\s*# doctest: .*$", "", text, flags=re.MULTILINE)


def _inline(text: str, resolve: Resolve) -> str:
    """Turn literals into code, and names into links to where they are documented."""
    found: list[str] = []
    for part in re.split(r"(``.+?``|`[^`\n]+`)", text, flags=re.DOTALL):
        if part.startswith("``"):
            found.append(f"`{' '.join(part[2:-2].split())}`")
        elif part.startswith("`"):
            there = resolve(part[1:-1])
            found.append(f"[{part}]({there})" if there else part)
        else:
            found.append(re.sub(r"([<|\\])", r"\\\1", part))
    return "".join(found)
