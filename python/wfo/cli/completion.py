"""What shells complete: names of the store, of strategies, grids, schedules and bars' lengths.

Click's script for a shell, ``_WFO_COMPLETE=bash_source wfo``, calls the program at every press of
the key. Completion therefore reads names only, and what cannot be read completes to nothing: a
message would appear in the middle of the line that is typed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)


class _Zsh(ZshComplete):
    """zsh with click's script, but for three things in which it loses words.

    An empty item, such as that of files in front of an empty word, stays one of the three fields
    that items come in; ``--option=`` stays before what completes its value; and zsh matches items
    with the word itself, where ``-U`` replaces the word by any of them.
    """

    source_template = (
        ZshComplete.source_template.replace("in ${response}", 'in "${(@)response}"')
        .replace(
            "    for type key", "    [[ $PREFIX == --*=* ]] && compset -P '*='\n\n    for type key"
        )
        .replace("_with_descriptions -U", "_with_descriptions")
        .replace("compadd -U ", "compadd ")
    )


class _Bash(BashComplete):
    """bash with click's script, for symbols such as ``@ES`` and ``BTC/USDT:USDT`` too.

    bash divides words at ``@``, ``:`` and ``=``, and replaces what follows the last of them, an
    ``@`` included. So words are read from the line as it is typed, and an item goes back without
    what stays.
    """

    source_template = BashComplete.source_template.replace(
        "env COMP_WORDS", 'env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDS'
    )

    #: What of the word that is completed bash leaves as it is.
    _stays = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        line = os.environ.get("COMP_LINE", "")
        if not line:
            return super().get_completion_args()
        # The letter makes a word of what is not begun yet, or ends with a blank in quotes.
        *words, incomplete = split_arg_string(f"{line}x")
        incomplete = incomplete[:-1]
        typed = incomplete.partition("=")[2] if incomplete.startswith("-") else incomplete
        divided = os.environ["COMP_WORDS"].split("\n")[int(os.environ["COMP_CWORD"]) :]
        if not (divided and divided[0].startswith(("'", '"'))):
            self._stays = typed[: max(typed.rfind("@"), *(1 + typed.rfind(m) for m in ":="))]
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return an item as the script reads it."""
        return f"{item.type},{item.value.removeprefix(self._stays)}"


add_completion_class(_Bash)
add_completion_class(_Zsh)


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_symbols(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete symbols of the store that the line, or else the environment, names; and samples."""
    from wfo.data import DataStore
    from wfo.errors import WfoError

    folder = ctx.params.get("data_dir") or os.environ.get("WFO_DATA_DIR") or "data"
    store = DataStore(Path(folder))
    try:
        keys = [*store.keys(), *store.sample_keys()]
    except (OSError, WfoError):
        return []
    return _matching(dict.fromkeys(symbol for symbol, _ in keys), incomplete)


def complete_symbol_lists(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the last symbol of several with commas between them."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    found = complete_symbols(ctx, parameter, last)
    return [
        CompletionItem(f"{before}{comma}{item.value}") for item in found if item.value not in given
    ]


def complete_strategies(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the strategies, installed ones too; what begins like none of them, as a file."""
    from wfo.errors import WfoError
    from wfo.strategy import strategies as catalogue

    try:
        found = catalogue().values()
    except WfoError:
        return []
    named = [s for s in found if s.name.startswith(incomplete)]
    own = [CompletionItem(s.name, help=s.title) for s in named]
    return own or _or_file([], incomplete)


def complete_grids(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the shipped grids, or else files."""
    from wfo.grid import grid_names

    named = grid_names().items()
    own = [CompletionItem(name, help=text) for name, text in named if name.startswith(incomplete)]
    if "default".startswith(incomplete):
        own.append(CompletionItem("default", help="what a run takes where none is named"))
    return _or_file(own, incomplete)


def complete_windows(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the shipped schedules, or else files."""
    from wfo.windows import preset_names

    return _or_file(_matching(preset_names(), incomplete), incomplete)


def complete_holdouts(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete usual lengths of a hold-out."""
    return _matching(("3m", "6m", "1y", "2y"), incomplete)


def complete_walks(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the shipped schedules of walk-forwards, or else files."""
    return _or_file(_matching(("rolling", "anchored"), incomplete), incomplete)


def complete_lengths(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete usual lengths of windows."""
    return _matching(("1m", "3m", "6m", "1y", "2y", "3y", "5y"), incomplete)


def complete_criteria(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what a walk-forward chooses by."""
    from wfo.walkforward.criteria import BY, SCORED

    return _matching(dict.fromkeys((*SCORED, *BY)), incomplete)


def complete_timeframes(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete lengths of bars."""
    from wfo.data.timeframes import TIMEFRAMES

    return _matching(TIMEFRAMES, incomplete)


def complete_sources(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the sources of the package, or else files that have one of the user's own."""
    from wfo.data.sources.registry import source_names

    return _or_file(_matching(source_names(), incomplete), incomplete)


def complete_calendars(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete exchange calendars."""
    from wfo.data.calendars import calendar_names

    return _matching(calendar_names(), incomplete)


def complete_engines(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the engines that the package has."""
    from wfo.backtest import engine_names

    return _matching(engine_names(), incomplete)


def complete_spaces(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete files."""
    return _or_file([], incomplete)


def complete_methods(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the methods of searches."""
    from wfo.search.methods import METHODS

    return _matching(dict.fromkeys(("auto", *METHODS)), incomplete)


def complete_studies(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete names of studies below the folder of results, or else folders."""
    from wfo.errors import WfoError
    from wfo.runs.optimizing.studies import study_names

    try:
        found = study_names(Path(ctx.params.get("out") or "results"))
    except (OSError, WfoError):
        found = []
    return _or_file(_matching(found, incomplete), incomplete)


def complete_examples(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the shipped examples of spaces."""
    from wfo.runs.optimizing.examples import EXAMPLES

    return [
        CompletionItem(n, help=text) for n, text in EXAMPLES.items() if n.startswith(incomplete)
    ]


def _or_file(own: list[CompletionItem], incomplete: str) -> list[CompletionItem]:
    # The shell drops what stands before an item of files, so that item is the first one.
    return [CompletionItem(incomplete, type="file"), *own]
