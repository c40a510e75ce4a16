"""Whether every link of a site leads somewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

_OUTSIDE = {"data", "http", "https", "mailto"}


class _Anchors(HTMLParser):
    """Collects the ids of a page and all that it refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"href", "src"}:
                self.links.append(value or "")


def broken_links(files: Mapping[str, bytes]) -> list[str]:
    """Return what is wrong with the links of a site, a line each; none if all lead somewhere.

    Links within the site must name a file of it, and an id of that page where they name one. Links
    to other places are read and not followed.

    Parameters
    ----------
    files
        The content of each file by its path, with ``/`` between folders.
    """
    pages: dict[str, _Anchors] = {}
    for path, content in files.items():
        if path.endswith(".html"):
            pages[path] = _Anchors()
            pages[path].feed(content.decode("utf-8"))
    found: list[str] = []
    for path, page in pages.items():
        twice = {each for each in page.ids if page.ids.count(each) > 1}
        found += [f"{path}: the id {each!r} is there twice" for each in sorted(twice)]
        for link in dict.fromkeys(page.links):
            reason = _wrong(link, path, files, pages)
            found += [f"{path}: the link {link!r} {reason}"] if reason else []
    return found


def _wrong(
    link: str, path: str, files: Mapping[str, bytes], pages: Mapping[str, _Anchors]
) -> str | None:
    """Return what is wrong with a link of the page `path`."""
    try:
        split = urlsplit(link)
    except ValueError as error:
        return f"cannot be read: {error}"
    if split.scheme or split.netloc:
        if split.scheme not in _OUTSIDE:
            return f"has the scheme {split.scheme!r}; known: {', '.join(sorted(_OUTSIDE))}"
        named = split.netloc if split.scheme.startswith("http") else split.path
        return None if named and not any(c.isspace() for c in link) else "names no place"
    there = path
    if split.path:
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(split.path)))
    if there not in files:
        return "leads to no file of the site"
    anchor = unquote(split.fragment)
    if anchor and there in pages and anchor not in pages[there].ids:
        return f"leads to no heading or rule {anchor!r} of {there}"
    return None if link else "is empty"
