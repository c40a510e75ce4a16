"""The site: all pages, the search and ``llms.txt`` as files in memory, and how they get to disk."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

from wfo.docs.links import broken_links
from wfo.docs.markdown import Rendered, render
from wfo.docs.notebook import notebook_page
from wfo.docs.pages import FOLDER, NOTEBOOK, Page, all_pages, by_section
from wfo.errors import InputError, ResultsError
from wfo.files import (
    entries_of,
    is_own_file,
    is_there,
    make_folder,
    naming_the_file,
    read_json,
    read_text,
    remove_file,
    write_json,
    write_text,
)
from wfo.files.limits import TEXT_BYTES
from wfo.files.schema import Limits, require

if TYPE_CHECKING:
    import click

#: What a folder with a site in it holds: the names of all files of the site.
MARK = "site.json"

_ASSETS = ("style.css", "site.js")

_REMEDY = "free some space or choose another folder with --build"


#: Names of files right in the folder.
_Name = Annotated[
    str, Limits("the name of a file of a site", pattern=r"(?!\.*\Z)[\w.-]+", most=255)
]


class SiteShape(TypedDict):
    """What the mark of a site holds."""

    files: list[_Name]


@dataclass(frozen=True, slots=True)
class Site:
    """A site in memory.

    Attributes
    ----------
    files
        The content of each file by its path, with ``/`` between folders.
    pages
        The names of its pages, in the order of the navigation.
    """

    files: Mapping[str, bytes]
    pages: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all names and contents."""
        digest = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            digest.update(f"{path}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()

    def broken_links(self) -> list[str]:
        """Return what is wrong with the links of the site, a line each."""
        return broken_links(self.files)


def build_site(command: click.Command) -> Site:
    """Render all pages; the same installation gives the same bytes.

    Parameters
    ----------
    command
        The command line, whose commands are described.

    Raises
    ------
    WfoError
        If a source is missing, or a public name is on no page.
    """
    import wfo

    pages = all_pages(command)
    rendered = {page.name: render(page.text, page.name) for page in pages}
    template = _own_text(FOLDER / "assets" / "page.html")
    files = {name: _own_text(FOLDER / "assets" / name) for name in _ASSETS}
    files["style.css"] += _code_colours()
    files[NOTEBOOK.name] = _own_text(NOTEBOOK)
    files |= notebook_page(NOTEBOOK).charts
    files["search.js"] = _search(pages, rendered)
    files["llms.txt"] = _llms(pages)
    files["llms-full.txt"] = "\n\n".join(page.text.rstrip() for page in pages) + "\n"
    for i, page in enumerate(pages):
        files[f"{page.name}.md"] = page.text
        files[f"{page.name}.html"] = _filled(
            template,
            {
                "title": page.title if page.name == "index" else f"{page.title} · wfo",
                "summary": page.summary,
                "version": wfo.__version__,
                "markdown": f"{page.name}.md",
            },
            {
                "navigation": _navigation(pages, page),
                "contents": _contents(rendered[page.name]),
                "body": rendered[page.name].body,
                "turn": _turn(pages, i),
            },
        )
    return Site(
        {name: text.encode("utf-8") for name, text in sorted(files.items())},
        tuple(page.name for page in pages),
    )


def write_site(site: Site, folder: Path) -> None:
    """Write a site into a folder that is new, empty, or has an earlier one.

    Of an earlier site, files that this one lacks are removed. Each file is written whole; what was
    interrupted is written again by the next call.

    Raises
    ------
    InputError
        If the folder holds something else, or is a file.
    ResultsError
        If it cannot be written.
    """
    earlier: list[str] = []
    if is_there(folder) and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder with --build")
    with naming_the_file(folder, remedy=_REMEDY):
        taken = bool(entries_of(folder))
    if is_own_file(folder / MARK):
        earlier = _listed(folder / MARK)
    elif taken:
        raise InputError(
            f"{folder} is not empty and holds no earlier site ({MARK});"
            " name a new folder with --build"
        )
    with naming_the_file(folder, remedy=_REMEDY):
        make_folder(folder)
    # Until all is written the mark names the files of both, so that the next call finds them all.
    write_json(folder / MARK, {"files": sorted({*earlier, *site.files})})
    for path, content in site.files.items():
        write_text(folder / path, content.decode("utf-8"), remedy=_REMEDY)
    for path in {*earlier} - {*site.files}:
        with naming_the_file(folder / path, remedy=_REMEDY):
            remove_file(folder / path)
    write_json(folder / MARK, {"files": sorted(site.files)})


def _own_text(path: Path) -> str:
    """Return a text that comes with the package."""
    return read_text(path, most=TEXT_BYTES)


def _listed(mark: Path) -> list[str]:
    """Return the files of an earlier site; only names of files right in its folder count."""
    read = read_json(mark)
    try:
        require(read, SiteShape, "it")
    except ResultsError as error:
        raise ResultsError(
            f"{mark} is damaged: {error}; remove its folder or name another with --build"
        ) from None
    files: list[str] = read["files"]
    return files


def _filled(template: str, texts: Mapping[str, str], parts: Mapping[str, str]) -> str:
    """Fill a template's ``{{names}}``: texts are escaped, parts are HTML already."""
    values = {name: html.escape(text) for name, text in texts.items()} | dict(parts)
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _navigation(pages: list[Page], current: Page) -> str:
    parts: list[str] = []
    for section, below in by_section(pages):
        parts.append(f"<h2>{html.escape(section)}</h2>" if section else "")
        parts.append("<ul>")
        for page in below:
            here = ' aria-current="page"' if page is current else ""
            title = html.escape(page.label or page.title)
            parts.append(f'<li><a href="{page.name}.html"{here}>{title}</a></li>')
        parts.append("</ul>")
    return "\n".join(parts)


def _contents(rendered: Rendered) -> str:
    """Return links to the headings of a page; none where it has fewer than two."""
    below = [section for section in rendered.sections if section.level in {2, 3}]
    # Of long pages of the API the names are enough, without their members.
    if len(below) > 80:
        below = [section for section in below if section.level == 2]
    if len(below) < 2:
        return ""
    lines: list[str] = []
    above = ""
    for each in below:
        above = each.title if each.level == 2 else above
        # A member of a class stands below it, and needs no more than its own name.
        title = html.escape(each.title.removeprefix(above) if each.level == 3 else each.title)
        anchor = html.escape(each.anchor)
        lines.append(f'<li class="level{each.level}"><a href="#{anchor}">{title}</a></li>')
    return "<h2>On this page</h2><ul>" + "\n".join(lines) + "</ul>"


def _turn(pages: list[Page], i: int) -> str:
    """Return links to the page before and the page after."""
    parts = []
    for step, rel, arrow in ((-1, "prev", "← {}"), (1, "next", "{} →")):
        if 0 <= i + step < len(pages):
            page = pages[i + step]
            text = html.escape(arrow.format(page.label or page.title))
            parts.append(f'<a rel="{rel}" href="{page.name}.html">{text}</a>')
    return "\n".join(parts)


def _search(pages: list[Page], rendered: Mapping[str, Rendered]) -> str:
    """Return the index of the search as a script, which pages opened as files can load too."""
    rows = [
        [
            f"{page.name}.html#{section.anchor}",
            page.title,
            section.title,
            section.text[:2_000],
        ]
        for page in pages
        for section in rendered[page.name].sections
    ]
    return f"window.WFO_SEARCH={json.dumps(rows, ensure_ascii=False, separators=(',', ':'))};\n"


def _llms(pages: list[Page]) -> str:
    """Return the overview for language models: https://llmstxt.org."""
    first = pages[0]
    parts = [f"# wfo\n\n> {first.summary}"]
    parts.append("All pages in one file: [llms-full.txt](llms-full.txt)")
    for section, below in by_section(pages[1:]):
        lines = [f"- [{page.title}]({page.name}.md): {page.summary}" for page in below]
        parts.append(f"## {section}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _code_colours() -> str:
    """Return the styles of coloured code, light and dark."""
    from pygments.formatters.html import HtmlFormatter

    light = HtmlFormatter(style="default").get_token_style_defs("pre code")
    dark = HtmlFormatter(style="native").get_token_style_defs("pre code")
    return "\n".join(
        [
            "\n/* Colours of code. */",
            *light,
            *(f":root[data-theme=dark] {line}" for line in dark),
            "@media (prefers-color-scheme: dark) {",
            *(f":root:not([data-theme=light]) {line}" for line in dark),
            "}\n",
        ]
    )
