"""The pages of the site: what each is made of, and in which order they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.docs.api import api_names, api_pages
from wfo.docs.commands import commands_page
from wfo.docs.notebook import notebook_page
from wfo.docs.vendor_files import vendors_page
from wfo.errors import ResultsError
from wfo.files import read_text
from wfo.files.limits import TEXT_BYTES

if TYPE_CHECKING:
    import click

#: Sources of the pages that are written by hand.
FOLDER = Path(__file__).parent

#: The notebook that is the example.
NOTEBOOK = FOLDER / "notebooks" / "first_result.ipynb"

GUIDES, REFERENCE, API = "Guides", "Reference", "Python API"

# Files beside this one, in the order of the navigation.
_GUIDES = (
    "install",
    "own-bars",
    "market-data",
    "reading-a-run",
    "stores-and-resuming",
    "gates-and-worth",
    "luck",
    "refinement",
    "walkforward",
    "search",
    "first-strategy",
    "own-strategy",
    "rust-strategy",
    "own-source",
    "reproducibility",
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, as Markdown.

    Attributes
    ----------
    name
        Its file's name without the ending.
    section
        The heading of the navigation that it stands under; empty for the first page.
    text
        Markdown, which begins with the title as a heading of the first level. Links to other pages
        name their ``.md`` files.
    label
        What the navigation calls it, where the title is too long for that.
    """

    name: str
    section: str
    text: str
    label: str = ""

    @property
    def title(self) -> str:
        """The heading of the first level, without marks."""
        return self.text.split("\n", 1)[0].removeprefix("# ").replace("`", "")

    @property
    def summary(self) -> str:
        """The first paragraph below the title, on one line."""
        _, _, below = self.text.partition("\n")
        first = next(
            (part for part in below.split("\n\n") if re.match(r"\s*([\w*\[]|`[^`])", part)),
            self.title,
        )
        return " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", first).split())


def all_pages(command: click.Command) -> list[Page]:
    """Return the pages of the site in the order of its navigation.

    Parameters
    ----------
    command
        The command line, whose commands are described.

    Raises
    ------
    ResultsError
        If a source is missing or cannot be read.
    """
    return [
        Page("index", "", _source(FOLDER / "index.md"), "Start"),
        *(Page(name, GUIDES, _source(FOLDER / f"{name}.md")) for name in _GUIDES),
        Page("example", GUIDES, notebook_page(NOTEBOOK).text),
        Page("commands", REFERENCE, commands_page(command)),
        Page("files-of-vendors", REFERENCE, vendors_page()),
        Page("formats", REFERENCE, _source(FOLDER.parent / "FORMATS.md"), "File formats"),
        Page("contract", REFERENCE, _source(FOLDER.parent / "atr_d" / "CONTRACT.md"), "Contract"),
        Page("rules", REFERENCE, _rules_contract(), "Rules"),
        Page("glossary", REFERENCE, _source(FOLDER / "glossary.md")),
        *(Page(name, API, text) for name, text in api_pages()),
    ]


def page_names() -> list[str]:
    """Return the names of the pages, in order, without making them."""
    others = ("example", "commands", "files-of-vendors", "formats", "contract", "rules", "glossary")
    return ["index", *_GUIDES, *others, *api_names()]


def by_section(pages: list[Page]) -> Iterator[tuple[str, list[Page]]]:
    """Yield each section of the navigation with its pages, in order."""
    for section in dict.fromkeys(page.section for page in pages):
        yield section, [page for page in pages if page.section == section]


def _rules_contract() -> str:
    """Return the page of rules; in the package the other contract lies in another folder."""
    text = _source(FOLDER.parent / "rules" / "CONTRACT.md")
    return text.replace("(../atr_d/CONTRACT.md)", "(contract.md)")


def _source(path: Path) -> str:
    try:
        return read_text(path, most=TEXT_BYTES)
    except OSError as error:
        raise ResultsError(
            f"{path}, a page of the documentation, cannot be read: {error.strerror};"
            " install wfo again"
        ) from error
