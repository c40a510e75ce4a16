"""What the commands of ``wfo data`` share: options, checks of their values, paragraphs."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wfo.cli.terminal import echo
from wfo.errors import InputError

if TYPE_CHECKING:
    from wfo.data import BarsMeta
    from wfo.progress import Stages

    _DateType = click.ParamType[dt.date]
else:
    # Before click 8.2 the class takes no parameter.
    _DateType = click.ParamType

_WIDTH: Final = 80

#: Where the store is, for every command that reads or fills it.
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="WFO_DATA_DIR",
    default="data",
    show_default=True,
    show_envvar=True,
    help="Folder of the stored bars.",
)


def _checked(check: Callable[[str], object], value: Any) -> Any:
    """Check a value or several, and turn a refusal into one of usage."""
    try:
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None:
                check(each)
    except InputError as error:
        raise click.BadParameter(str(error)) from error
    return value


def check_timeframe(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Return a timeframe that is known."""
    from wfo.data.timeframes import require_timeframe

    return _checked(require_timeframe, value)


def check_symbol(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Return a symbol, or several, that can be stored."""
    from wfo.data.symbols import require_symbol

    return _checked(require_symbol, value)


def check_source(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Return the name of a source, or the class of one's own."""
    from wfo.data.sources.registry import require_source

    return _checked(require_source, value)


def check_calendar(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Return a calendar that is known."""
    if value is None:
        return None
    from wfo.data.calendars import require_calendar

    return _checked(require_calendar, value)


class Day(_DateType):
    """A date such as 2024-05-31."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        """Read the date."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
        except ValueError:
            self.fail(f"{value!r} is no date such as 2024-05-31", param, ctx)


class StagesListener:
    """Tells of an update by stages, one a symbol, see `wfo.data.updating.Listener`."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def begin(self, symbol: str, timeframe: str, days: int) -> None:
        """Begin a series."""
        del timeframe
        self._stages.begin(symbol, days)

    def advance(self, symbol: str, days: int) -> None:
        """Tell that so many days were answered."""
        self._stages.advance(symbol, days)

    def end(self, updated: Any) -> None:
        """End a series."""
        self._stages.end(updated.symbol)

    def say(self, text: str) -> None:
        """Tell something that stays."""
        self._stages.say(text)


def extent(meta: BarsMeta) -> str:
    """Return how many bars there are, and from when to when."""
    what = "rate" if meta.series == "funding" else "bar"
    bars = f"1 {what}" if meta.rows == 1 else f"{meta.rows:,} {what}s"
    return f"{bars}, {meta.first[:10]} to {meta.last[:10]}" if meta.rows else f"{bars}"


def title(symbol: str, timeframe: str, series: str = "bars") -> str:
    """Return what a stored series is called."""
    if series == "funding":
        return f"{symbol} funding"
    return f"{symbol} {timeframe}" + ("" if series == "bars" else f" {series}")


def say(text: str, indent: int = 0, *, err: bool = False) -> None:
    """Print a paragraph, wrapped, with continuation lines set in."""
    wrapped = textwrap.fill(
        text,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    echo(wrapped, err=err)
