"""``wfo docs``: the documentation of the installed version."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from wfo.cli.terminal import echo
from wfo.errors import ResultsError, did_you_mean


def _complete_pages(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the pages."""
    from wfo.docs.pages import page_names

    return [CompletionItem(page) for page in page_names() if page.startswith(incomplete)]


@click.command()
@click.argument("page", default="index", shell_complete=_complete_pages)
@click.option(
    "--build",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the site into this folder as static files, and open nothing.",
)
@click.option(
    "--no-open", is_flag=True, help="Print the address alone, as where there is no display."
)
@click.option(
    "--check",
    is_flag=True,
    help="Fail where a link leads nowhere or a public name has no docstring; open nothing.",
)
@click.pass_context
def docs(ctx: click.Context, page: str, folder: Path | None, no_open: bool, check: bool) -> None:
    """Open the documentation of this version in a browser.

    PAGE is a page of it, such as glossary or contract#S5; its first page if none is named. The
    pages are made from what is installed and need no network. The address is printed in any case.

    \b
    Examples:
      wfo docs
      wfo docs glossary
      wfo docs --no-open
      wfo docs --build site --check
    """
    from wfo import __version__
    from wfo.docs import build_site, local_site, write_site
    from wfo.docs.api import undocumented

    site = build_site(ctx.find_root().command)
    page, _, anchor = page.partition("#")
    if page not in site.pages:
        raise click.UsageError(f"there is no page {page!r}{did_you_mean(page, site.pages)}")
    if check:
        wrong = site.broken_links()
        wrong += [f"{name} has no docstring" for name in undocumented()]
        if wrong:
            raise ResultsError("the documentation is not in order:\n  " + "\n  ".join(wrong))
    if folder is not None:
        write_site(site, folder)
        echo(f"{len(site.pages)} pages written to {folder}")
    elif check:
        echo(f"{len(site.pages)} pages, every link leads somewhere")
    else:
        address = (local_site(site, __version__) / f"{page}.html").resolve().as_uri() + (
            f"#{anchor}" if anchor else ""
        )
        echo(address)
        if not no_open and has_display(sys.platform, os.environ):
            import webbrowser

            webbrowser.open(address)


def has_display(platform: str, environment: Mapping[str, str]) -> bool:
    """Return whether a browser has something to show itself on.

    Without a display, `webbrowser` would take a browser that runs in the terminal.
    """
    if platform in {"win32", "darwin"}:
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
