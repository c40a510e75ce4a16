"""A notebook as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wfo.errors import ResultsError
from wfo.files import read_json


def notebook_page(path: Path) -> str:
    """Return a notebook as Markdown: its texts, its code, and what the code printed.

    Raises
    ------
    ResultsError
        If it cannot be read, or is no notebook of format 4.
    """
    notebook = read_json(path)
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise ResultsError(f"{path} is no notebook of format 4; install wfo again")
    parts = [part for cell in notebook["cells"] for part in _cell(cell)]
    parts.insert(1, f"This page is a notebook: [{path.name}]({path.name}) runs as it is.")
    return "\n\n".join(parts) + "\n"


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
    elif source:
        yield f"```python\n{source}\n```"
        for output in cell["outputs"]:
            text = output.get("text") or output.get("data", {}).get("text/plain") or ""
            if shown := "".join(text).rstrip("\n"):
                yield f"```text\n{shown}\n```"
