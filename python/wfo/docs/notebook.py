"""A notebook as a page."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfo.errors import ResultsError
from wfo.files import read_json

#: How a chart of the package shows itself in a notebook: a whole page as an attribute's value.
_FRAME = re.compile(r'<iframe srcdoc="([^"]*)"')


@dataclass(frozen=True, slots=True)
class NotebookPage:
    """A notebook as Markdown.

    Attributes
    ----------
    text
        Its texts, its code and its outputs.
    charts
        HTML pages by the names under which `text` refers to them as images.
    """

    text: str
    charts: Mapping[str, str]


def notebook_page(path: Path) -> NotebookPage:
    """Return a notebook as Markdown: its texts, its code, and what the code printed or drew.

    Raises
    ------
    ResultsError
        If it cannot be read, or is no notebook of format 4.
    """
    notebook = read_json(path)
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise ResultsError(f"{path} is no notebook of format 4; install wfo again")
    parts: list[str] = []
    charts: dict[str, str] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            drawn = _FRAME.match("".join(output.get("data", {}).get("text/html", "")))
            if drawn:
                name = f"{path.stem}-chart{len(charts) + 1}.html"
                charts[name] = html.unescape(drawn[1])
                parts.append(f"![What the cell draws]({name})")
            elif shown := _printed(output):
                parts.append(f"```text\n{shown}\n```")
    parts.insert(1, f"This page is a notebook: [{path.name}]({path.name}) runs as it is.")
    return NotebookPage("\n\n".join(parts) + "\n", charts)


def _printed(output: Mapping[str, Any]) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain") or ""
    return "".join(text).rstrip("\n")
