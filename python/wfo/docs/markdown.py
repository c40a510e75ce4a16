"""Markdown to HTML: anchors, links between pages, rules of the contract, coloured code."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it.token import Token

#: A rule's id in the contract, such as ``S5``, where it is bold.
_RULE = re.compile(r"([A-Z]\d+)(?=$|[\s.:,])")

#: A citation of a rule: in brackets on any page, its id alone in the contract itself.
_CITATION = re.compile(r"(\[[A-Z]\d+\])")
_OWN_CITATION = re.compile(r"(\[?\b[A-Z]\d+\b\]?)")

#: The page that has the rules.
CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the text below it, as the search looks through them.

    Attributes
    ----------
    anchor
        The heading's id.
    level
        1 for the title.
    title
        The heading as plain text.
    text
        Plain text down to the next heading.
    """

    anchor: str
    level: int
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as HTML.

    Attributes
    ----------
    body
        HTML of the page's text.
    sections
        Its sections, in order.
    """

    body: str
    sections: tuple[Section, ...]


def render(text: str, page: str) -> Rendered:
    """Return Markdown as HTML.

    Headings get ids: a heading of code alone, such as a name of the API, its own text; any other
    its words in lower case with hyphens. In the contract, the first bold id of a rule is its
    anchor, and ``[S5]`` is a link to it on every page. Links to ``.md`` files become links to
    ``.html`` files.

    Parameters
    ----------
    text
        CommonMark with tables; HTML in it is shown as text.
    page
        Name of the page.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}).enable("table")
    tokens = parser.parse(text)
    taken: set[str] = set()
    sections = _sections(tokens, taken)
    inlines = [token for token in tokens if token.type == "inline" and token.children]
    rules: set[str] = set()
    if page == CONTRACT:
        for token in inlines:
            rules |= _anchored(token.children or [], taken)
    for token in inlines:
        token.children = _linked(token.children or [], page, rules)
    parser.add_render_rule("image", _image)
    for name, tag in (("table_open", '<div class="wide"><table>\n'), ("table_close", None)):
        parser.add_render_rule(name, _constant(tag or "</table></div>\n"))
    return Rendered(parser.renderer.render(tokens, parser.options, {}), tuple(sections))


def _image(renderer: Any, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
    """Show an image; one that is a page, as charts are, in a frame."""
    source = str(tokens[i].attrGet("src") or "")
    if source.endswith(".html"):
        title = html.escape(tokens[i].content)
        return f'<iframe src="{html.escape(source)}" title="{title}" loading="lazy"></iframe>'
    return str(renderer.image(tokens, i, options, env))


def _constant(text: str) -> Any:
    def rule(*_: Any, **__: Any) -> str:
        return text

    return rule


def _sections(tokens: Sequence[Token], taken: set[str]) -> list[Section]:
    """Give every heading an id and a link to itself, and return the sections."""
    from markdown_it.token import Token

    found: list[Section] = []
    anchor, level, title = "", 1, ""
    words: list[str] = []
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            if anchor:
                found.append(Section(anchor, level, title, " ".join(words)))
            inline = tokens[i + 1]
            level, title, words = int(token.tag[1]), _plain(inline), []
            anchor = _free(_slug(inline), taken)
            token.attrSet("id", anchor)
            link = Token("link_open", "a", 1, attrs={"class": "here", "href": f"#{anchor}"})
            link.attrSet("aria-label", f"Link to {title}")
            mark = Token("text", "", 0, content="#")
            inline.children = [*(inline.children or []), link, mark, Token("link_close", "a", -1)]
        elif token.type == "inline" and tokens[i - 1].type != "heading_open":
            words.append(_plain(token))
        elif token.type in {"fence", "code_block"}:
            words.append(" ".join(token.content.split()))
    return [*found, Section(anchor, level, title, " ".join(words))] if anchor else found


def _plain(inline: Token) -> str:
    """Return the text of an inline token without marks."""
    parts = [
        " " if child.type in {"softbreak", "hardbreak"} else child.content
        for child in inline.children or []
        if child.type in {"text", "code_inline", "softbreak", "hardbreak"}
    ]
    return "".join(parts).removesuffix("#")


def _slug(inline: Token) -> str:
    children = [child for child in inline.children or [] if child.content or child.nesting]
    if [child.type for child in children] == ["code_inline"]:
        return re.sub(r"[^\w.-]+", "-", children[0].content).strip("-")
    kept = re.sub(r"[^\w\s-]", "", _plain(inline).lower())
    return re.sub(r"\s+", "-", kept.strip()) or "section"


def _free(anchor: str, taken: set[str]) -> str:
    """Return an id that the page does not have yet, and take it."""
    number, free = 0, anchor
    while free in taken:
        number += 1
        free = f"{anchor}-{number}"
    taken.add(free)
    return free


def _anchored(children: Sequence[Token], taken: set[str]) -> set[str]:
    """Make anchors of the rules that are bold for the first time, and return their ids."""
    found: set[str] = set()
    for token, text in pairwise(children):
        rule = _RULE.match(text.content) if token.type == "strong_open" else None
        if rule and rule[1] not in taken:
            found.add(_free(rule[1], taken))
            token.attrSet("id", rule[1])
            token.attrSet("class", "rule")
    return found


def _linked(children: Sequence[Token], page: str, rules: Collection[str]) -> list[Token]:
    """Point links at HTML files, and make links of citations."""
    from markdown_it.token import Token

    found: list[Token] = []
    inside = 0
    citation = _OWN_CITATION if page == CONTRACT else _CITATION
    for token in children:
        if token.type == "link_open":
            inside += 1
            token.attrSet("href", as_html(str(token.attrGet("href") or "")))
        # A rule's own id needs no link to itself.
        elif token.type == "strong_open":
            inside += 1
        elif token.type in {"link_close", "strong_close"}:
            inside -= 1
        if token.type != "text" or inside:
            found.append(token)
            continue
        for part in citation.split(token.content):
            text = Token("text", "", 0, content=part)
            cited = part.strip("[]")
            # In the contract only what is one of its rules; a missing one elsewhere is to be seen.
            if not citation.fullmatch(part) or (page == CONTRACT and cited not in rules):
                found += [text] if part else []
                continue
            there = f"#{cited}" if page == CONTRACT else f"{CONTRACT}.html#{cited}"
            link = Token("link_open", "a", 1, attrs={"class": "cited", "href": there})
            found += [link, text, Token("link_close", "a", -1)]
    return found


def as_html(link: str) -> str:
    """Return a link between Markdown files as one between HTML files; others as they are."""
    split = urlsplit(link)
    if split.scheme or split.netloc or not split.path.endswith(".md"):
        return link
    return split._replace(path=split.path.removesuffix(".md") + ".html").geturl()


def _highlighted(code: str, language: str, attributes: str) -> str:
    """Return code as HTML with its tokens in classes; plain where the language is not known."""
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    del attributes
    # Commands without a prompt would pass for what a console prints.
    coloured = language not in {"", "console", "text"}
    try:
        lexer = get_lexer_by_name(language) if coloured else None
    except ClassNotFound:
        lexer = None
    if lexer is None:
        return html.escape(code, quote=False)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
