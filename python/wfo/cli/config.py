"""Options of a command from a file: ``--config run.yaml``."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wfo.errors import InputError, did_you_mean
from wfo.grid import GridText
from wfo.text import brief, one_line
from wfo.windows import Windows
from wfo.yaml_text import read_yaml

#: Where a context keeps what its file says.
_KEY = "wfo.cli.config"

#: Characters of a number in text that a message writes anew.
_LONGEST_NUMBER = 40

#: Options that belong to the command line alone.
_NOT_IN_FILES = ("config",)


@dataclass(frozen=True, slots=True)
class Config:
    """What an options file says that a command line cannot.

    Attributes
    ----------
    path
        The file.
    values
        Values by the name of their option: grids and schedules that are written out.
    """

    path: Path
    values: Mapping[str, Any]


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .yaml file of these options, by their names; what is given here as well wins over it.",
)


class ConfiguredCommand(click.Command):
    """A command whose ``--config`` names a file of its options.

    They are put in front of those of the command line, so that the last one, which is the command
    line's, holds, and both come before the environment.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line behind what the file says."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        helping = self.get_help_option(ctx)
        asked = helping is not None and given.get(helping.name)
        # A line that is still typed is completed by what stands in it, whatever its file says.
        if given.get("config") and not asked and not ctx.resilient_parsing:
            path = Path(given["config"])
            words, written_out = _read(path, ctx)
            ctx.meta[_KEY] = Config(path, written_out)
            args = [*words, *args]
        return super().parse_args(ctx, args)


def config_of(ctx: click.Context) -> Config | None:
    """Return what the command was configured with; None without a file."""
    found = ctx.meta.get(_KEY)
    return found if isinstance(found, Config) else None


def written_out(ctx: click.Context, name: str) -> Any:
    """Return the grid or schedule that the file writes out, unless the command line names one."""
    config = config_of(ctx)
    source = ctx.get_parameter_source(name)
    if config is None or source is click.core.ParameterSource.COMMANDLINE:
        return None
    return config.values.get(name)


def _read(path: Path, ctx: click.Context) -> tuple[list[str], dict[str, Any]]:
    """Return the options of a file as words of a command line, and what it writes out.

    Raises
    ------
    InputError
        If there is no such file, or a key or a value of it cannot be used.
    """
    options = {
        _dashed(name): option
        for option in ctx.command.params
        if isinstance(option, click.Option) and option.name not in _NOT_IN_FILES
        for name in option.opts
        if name.startswith("--")
    }
    words: list[str] = []
    found: dict[str, Any] = {}
    seen: dict[str, str] = {}
    said = one_line(path)
    for key, value in _content(path).items():
        name = _dashed(key) if isinstance(key, str) else ""
        if name not in options:
            hint = did_you_mean(str(key).lstrip("-").replace("_", "-"), options)
            raise InputError(f"{said}: there is no option {brief(key)}{hint}")
        if name in seen:
            raise InputError(f"{said}: {seen[name]!r} and {key!r} are the same option")
        seen[name] = key
        option = options[name]
        where = f"{said}: {key}"
        if value is None:
            raise InputError(f"{where} has no value; write one, or leave the line out")
        if isinstance(value, Mapping) and name in _WRITTEN_OUT:
            found[option.name or name] = _WRITTEN_OUT[name](value, path)
        elif option.is_flag:
            if not isinstance(value, bool):
                raise InputError(f"{where} = {brief(value)} must be true or false")
            words += [f"--{name}"] if value else []
        else:
            words += [f"--{name}", _word(option, value, where, ctx)]
    return words, found


def _content(path: Path) -> Mapping[Any, Any]:
    where = one_line(path)
    data = read_yaml(path, where, missing=f"there is no file of options {where}")
    if not isinstance(data, Mapping):
        raise InputError(f"{where} holds no options; it needs lines such as 'symbol: QQQ'")
    return data


def _dashed(key: str) -> str:
    """Return an option's name as the command line has it, without the dashes in front."""
    return key.removeprefix("--").replace("_", "-")


def _word(option: click.Option, value: Any, where: str, ctx: click.Context) -> str:
    """Return a value as the command line would have it.

    What is of another kind than the option is refused, lest YAML's own reading of it counts:
    ``no`` is false, ``1e-3`` is a text.
    """
    kind = option.type
    if isinstance(kind, click.DateTime):
        word = _day(value, where)
    elif isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        word = _number(value, where, whole=isinstance(kind, click.types.IntParamType))
    else:
        word = _text(value, where)
    try:
        option.type_cast_value(ctx, word)
    except click.BadParameter as error:
        raise InputError(
            f"{where} = {brief(value)} cannot be used: {one_line(error.message):.300}"
        ) from None
    return word


def _day(value: Any, where: str) -> str:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise InputError(f"{where} = {brief(value)} must be a date such as 2024-12-31")


def _number(value: Any, where: str, *, whole: bool) -> str:
    what = "a whole number" if whole else "a number"
    if isinstance(value, bool):
        raise InputError(f"{where} = {_yes_or_no(value)} must be {what}")
    if isinstance(value, int) or (isinstance(value, float) and not whole and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str):
        raise InputError(
            f"{where} = {brief(value)} is text, and must be {what}{_plainly(value, whole)}"
        )
    raise InputError(f"{where} = {brief(value)} must be {what}")


def _plainly(text: str, whole: bool) -> str:
    """Say how a number is to be written that YAML has read as text."""
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        return ""
    if len(text) > _LONGEST_NUMBER:
        return ""
    if isinstance(number, float) and not math.isfinite(number):
        return ""
    from decimal import Decimal

    plain = f"{Decimal(str(number)):f}"
    return f"; YAML reads it as one when it is written as {plain}"


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise InputError(f"{where} = {brief(value)} cannot be used")
        return value
    if isinstance(value, bool):
        raise InputError(
            f"{where} = {_yes_or_no(value)} must be text; if it is a name, put it in quotes, as in"
            f" {where.rpartition(': ')[2]}: 'NO'"
        )
    if isinstance(value, int | float | dt.date):
        raise InputError(
            f"{where} = {value} is read as a {'date' if isinstance(value, dt.date) else 'number'}"
            " and must be text: put it in quotes"
        )
    raise InputError(f"{where} must be text, not a {type(value).__name__}")


def _yes_or_no(value: bool) -> str:
    """Return a truth value with the words that YAML reads as it."""
    return "true (also written yes, on)" if value else "false (also written no, off)"


def _grid(value: Mapping[str, Any], path: Path) -> GridText:
    if not all(isinstance(key, str) for key in value):
        odd = next(key for key in value if not isinstance(key, str))
        raise InputError(
            f"{one_line(path)}: grid has the key {brief(odd)}, which is no parameter or strategy"
        )
    return GridText(path.stem, value, f"{one_line(path)}: grid")


def _windows(value: Mapping[str, Any], path: Path) -> Windows:
    # Both may be kept as files, side by side.
    return Windows.of(value, f"{path.stem}-windows", f"{one_line(path)}: windows")


#: Options whose value may be written out in the file, and what it is then.
_WRITTEN_OUT = {"grid": _grid, "windows": _windows}
