"""The one place where commands print: what steers a terminal is shown, and steers nothing."""

from __future__ import annotations

import click

from wfo.text import printable


def echo(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Print a text; names, notes and cells in it may come from files of others.

    Parameters
    ----------
    text
        What to print.
    nl
        Whether the line ends behind it.
    err
        Whether it goes to standard error.
    """
    click.echo(printable(text), nl=nl, err=err)
