"""The page of commands, made from the command line itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

_HEAD = """# Commands

Every command of this version with its options, as `--help` prints them. Exit codes: 0 done, \
1 failed, 2 wrong usage, 130 interrupted. Errors go to standard error, results to standard output.
"""

#: The part of a default that is true of one machine alone.
_OF_THIS_MACHINE = re.compile(r", here \d+")


def commands_page(command: click.Command) -> str:
    """Return the page as Markdown: usage, text, examples and options of every command."""
    found = list(_tree(command, click.Context(command, info_name=command.name or "wfo"), "wfo"))
    table = ["| command | what it does |", "|---|---|"]
    for name, each, _ in found:
        if not isinstance(each, click.Group):
            sentence, _, _ = (each.help or "").partition("\n\n")
            table.append(f"| [`{name}`](#{name.replace(' ', '-')}) | {_prose(sentence)} |")
    return "\n".join([_HEAD, *table, "", *(_described(*each) for each in found)])


def _tree(
    command: click.Command, context: click.Context, name: str
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command below `command`, and itself, with its full name."""
    yield name, command, context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            if below is not None and not below.hidden:
                inner = click.Context(below, info_name=each, parent=context)
                yield from _tree(below, inner, f"{name} {each}")


def _described(name: str, command: click.Command, context: click.Context) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## `{name}`", f"```text\n{usage}\n```", *_text(inspect.cleandoc(command.help or ""))]
    records = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
    ]
    lines = ["| option | meaning |", "|---|---|"]
    for option, meaning in records:
        cell = option.replace("|", "\\|")
        lines.append(f"| `{cell}` | {_prose(meaning)} |")
    return "\n\n".join([*parts, "\n".join(lines)]) + "\n"


def _text(text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a help text; those after ``\b`` are examples, a call a line."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        marked = paragraph.removeprefix("\b\n")
        if marked == paragraph:
            yield _prose(paragraph)
            continue
        title, _, calls = marked.partition("\n")
        lines = "\n".join(line.strip() for line in calls.splitlines())
        yield f"{_prose(title)}\n\n```console\n{lines}\n```"


def _prose(text: str) -> str:
    """Return plain text as one line of Markdown that shows it as it is."""
    plain = _OF_THIS_MACHINE.sub("", " ".join(text.split()))
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", plain)
