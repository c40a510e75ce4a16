"""Set files: one parameter set as JSON, YAML or EasyLanguage inputs, written and read.

All three hold the same, and a digest of it, by which a reader tells whether the file was edited
since. EasyLanguage text has the parameters in its ``inputs:`` statement, and all else as YAML in a
comment, whose braces are written as escapes, so that nothing closes it early.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wfo.arguments import file_path, flag, instance
from wfo.errors import InputError, did_you_mean
from wfo.files import parse_json, read_bytes, write_text
from wfo.files.limits import YAML_BYTES
from wfo.runs.handover.parameter_set import FORMAT, ParameterSet
from wfo.strategy import Strategy, StrategyLike, get_strategy, strategies
from wfo.text import brief, listed, one_line, plain_json, shown
from wfo.tradestation.easylanguage import (
    params_of_inputs,
    read_inputs,
    strategies_of_inputs,
    write_comment,
    write_inputs,
)
from wfo.yaml_text import load_yaml

#: The formats, as options name them, and the endings of files that are read as such.
FORMATS: Mapping[str, tuple[str, ...]] = {
    "json": (".json",),
    "yaml": (".yaml", ".yml"),
    "easylanguage-inputs": (".txt", ".el", ".els"),
}

#: Bytes of a set file at most; one of four phases has some 5,000, and one of rules that are made of
#: 10,000 expressions, which it states, a million.
_LARGEST = 2 << 20

#: How deep objects lie within each other at most.
_DEEPEST = 8

#: The line of a comment that the rest of a set begins behind.
_MARK = f"--- {FORMAT} ---"

_WIDE = 1_000_000


def set_text(chosen: ParameterSet, form: str = "json") -> str:
    """Return a parameter set as the text of a set file.

    Parameters
    ----------
    chosen
        The set.
    form
        One of `FORMATS`.

    Raises
    ------
    InputError
        If there is no such format, or the strategy has no inputs in TradeStation and the format
        needs them.
    """
    _require_format(form)
    content = chosen.to_dict()
    content["digest"] = _digest(content)
    if form == "json":
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return plain_json(text) + "\n"
    if form == "yaml":
        head = f"{chosen.title}; parameters, and where they come from"
        return f"# {_line(head)}\n{plain_json(_yaml(content))}"
    view = chosen.strategy.tradestation
    if view is None:
        raise InputError(
            f"{chosen.strategy.name} names no inputs in TradeStation, so there is no EasyLanguage"
            " of it; json and yaml have it"
        )
    rest = {n: v for n, v in content.items() if n not in {"parameters", "inputs"}}
    said = [f"{view.name}: {_line(chosen.title)}", *map(_line, chosen.notes)]
    head = write_comment("\n  ".join(said))
    # An escape stands for a brace within the double quotes that every such text is given.
    block = _yaml(rest, plain=True).replace("{", "\\x7B").replace("}", "\\x7D")
    return f"{head}\n{write_inputs(view, chosen.params)}\n{{\n{_MARK}\n{block}}}\n"


def write_set(
    chosen: ParameterSet, path: str | Path, form: str | None = None, *, replace: bool = False
) -> None:
    """Write a set file whole.

    Parameters
    ----------
    chosen
        The set.
    path
        The file.
    form
        One of `FORMATS`; by default what the ending of the file says, else JSON.
    replace
        Whether a file that is there may be replaced.

    Raises
    ------
    InputError
        If the file is there, its ending is that of another format, or it would be too large to be
        read.
    ResultsError
        If it cannot be written.
    """
    path = file_path("path", path)
    instance("chosen", chosen, ParameterSet, "what wfo.export_set or wfo.read_set returns")
    if not path.name:
        raise InputError(f"path = {brief(str(path))} is no name of a file")
    own = format_of(path, form)
    text = set_text(chosen, own)
    size, most = len(text.encode()), _LARGEST if own == "json" else min(_LARGEST, YAML_BYTES)
    if size > most:
        raise InputError(
            f"the set would have {size:,} bytes, and {most:,} are read: {chosen.strategy.name} is"
            f" made of more expressions than a set file of {own} can state"
        )
    if not flag("replace", replace):
        require_absent(path, "replace=True")
    write_text(path, text, remedy="choose another file with --output")


def require_absent(path: Path, consent: str = "--force") -> None:
    """Raise where a file is there, which would be replaced; `consent` is what allows that."""
    if path.exists():
        raise InputError(f"{path} is there already; choose another file, or {consent} replaces it")


def format_of(path: Path | None, form: str | None = None) -> str:
    """Return the format of a file that is to be written.

    Raises
    ------
    InputError
        If there is no such format, or the file's ending is that of another one.
    """
    if form is not None:
        _require_format(form)
    ending = "" if path is None else path.suffix.lower()
    own = next((name for name, endings in FORMATS.items() if ending in endings), None)
    if form is not None and own not in {None, form}:
        raise InputError(
            f"{path} has the ending of {own}, and {form} was asked for; {form} files end in"
            f" {' or '.join(FORMATS[form])}"
        )
    return form or own or "json"


def read_set(path: str | Path, *, strategy: StrategyLike | None = None) -> ParameterSet:
    """Read a set file of any of the three formats.

    Parameters
    ----------
    path
        The file: JSON, YAML or EasyLanguage by its ending, else by what stands in it.
    strategy
        Whose parameters they are. Only EasyLanguage text without provenance needs it, and only
        where several strategies have the same inputs.

    Returns
    -------
    ParameterSet
        Its ``warnings`` say whether the file was edited since it was written, its ``assumed`` what
        the file does not state.

    Raises
    ------
    InputError
        If there is no such file, it is none that this version reads, or its parameters do not fit
        the strategy; the message names the file, the parameter, its value and what is allowed.
    """
    path = file_path("path", path)
    text = _text(path)
    form = next((n for n, ends in FORMATS.items() if path.suffix.lower() in ends), None)
    try:
        if (form or _form_of(text)) == "easylanguage-inputs":
            content, warnings = _easylanguage(text, strategy)
        else:
            form = form or _form_of(text)
            content, warnings = _plain(_json(text) if form == "json" else _parsed(text)), ()
        found = ParameterSet.from_dict(content)
    except InputError as error:
        raise InputError(f"{one_line(path)}: {error}") from None
    if strategy is not None and found.strategy != get_strategy(strategy):
        asked = get_strategy(strategy).name
        raise InputError(f"{one_line(path)} is a set of {found.strategy.name}, not of {asked}")
    edited = "" if warnings else _edited(content)
    said = [f"{one_line(path)} {text}" for text in (*warnings, edited) if text]
    return found.with_warnings(*said)


def _require_format(form: str) -> None:
    if not isinstance(form, str) or form not in FORMATS:
        raise InputError(f"there is no format {brief(form)}{did_you_mean(form, FORMATS)}")


# Digests


def _edited(content: Mapping[str, Any]) -> str:
    """Say that a file is not as it was written; empty where it is."""
    stated = content.get("digest")
    if stated == _digest(content):
        return ""
    if stated is None:
        return "has no digest, so that it may have been edited: nothing vouches for its scores"
    return (
        "was edited after it was written: what it says now counts, and its scores and provenance"
        " may be those of other parameters"
    )


def _digest(content: Mapping[str, Any]) -> str:
    """Return the digest of all but itself, however numbers and keys are laid out."""
    rest = _whole({n: v for n, v in content.items() if n != "digest"})
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(value: Any) -> Any:
    """Return values with whole numbers as such: programs write 14.0 as 14."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {n: _whole(v) for n, v in value.items()}
    return [_whole(v) for v in value] if isinstance(value, list) else value


# Reading


def _text(path: Path) -> str:
    """Return the text of a file, which is not too large to be one."""
    is_yaml = path.suffix.lower() in {".yaml", ".yml"}
    try:
        data = read_bytes(path, most=min(_LARGEST, YAML_BYTES) if is_yaml else _LARGEST)
    except FileNotFoundError:
        raise InputError(f"there is no set file {one_line(path)}") from None
    except OSError as error:
        raise InputError(f"{one_line(path)} cannot be read: {error.strerror or error}") from error
    wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{one_line(path)} is no text in UTF-8: {error.reason}") from None
    if not text.strip():
        raise InputError(f"{one_line(path)} is empty; 'wfo export' writes set files")
    return text.replace("\r\n", "\n")


def _form_of(text: str) -> str:
    """Return the format of a text whose name does not tell it."""
    start = text.lstrip()
    if start[0] == "{" and start[1:].lstrip()[:1] in {'"', "}"}:
        return "json"
    first = next((w for w in start.splitlines() if w.strip() and not w.startswith("#")), "")
    return "yaml" if first.startswith("format:") else "easylanguage-inputs"


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise InputError(f"it is no JSON: {error}") from None


def _parsed(text: str) -> Any:
    """Return what YAML says, without aliases, which the writer has none of."""
    return load_yaml(text, "", aliases=False)


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """Return values as JSON has them: dates as text, numbers finite, keys text, text whole."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{value} is no number that a set file has")
    if isinstance(value, str) and not value.isascii():
        # JSON can name halves of characters, which no encoding has.
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{shown(value)} is no text that a set file has") from None
    if value is None or isinstance(value, str | int | float):
        return value
    if not depth:
        raise InputError("it is nested too deeply")
    if isinstance(value, list):
        return [_plain(v, depth - 1) for v in value]
    if isinstance(value, dict) and all(isinstance(n, str) for n in value):
        return {n: _plain(v, depth - 1) for n, v in value.items()}
    raise InputError(f"{shown(value)} is nothing that a set file has")


def _easylanguage(
    text: str, strategy: StrategyLike | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the contents of EasyLanguage text, and warnings where it has no provenance."""
    read = read_inputs(text)
    # The other comment, which has names in it, begins with a blank.
    head = f"\n{_MARK}\n"
    blocks = [c.removeprefix(head) for c in read.comments if c.startswith(head)]
    if len(blocks) > 1:
        raise InputError(f"the line {_MARK!r} is there in {len(blocks)} comments; one set a file")
    warnings: tuple[str, ...] = ()
    if blocks:
        content = _plain(_parsed(blocks[0]))
        if not isinstance(content, dict):
            raise InputError(f"the comment behind {_MARK!r} states nothing by name")
        for name in ("parameters", "inputs"):
            if name in content:
                raise InputError(f"{name!r} stand in the inputs: statement, not in a comment")
        named = get_strategy(str(content.get("strategy")))
    else:
        named = _strategy_of(read.values, strategy)
        content = {"format": FORMAT, "version": 1, "strategy": named.name}
        warnings = ("has inputs alone: where they come from, and for what, is not stated",)
    content["parameters"] = params_of_inputs(named, read.values)
    view = named.tradestation
    assert view is not None  # noqa: S101  # it has inputs
    content["inputs"] = {name: view.input(name).name for name in named.names}
    return content, warnings


def _strategy_of(values: Mapping[str, Any], strategy: StrategyLike | None) -> Strategy:
    """Return the strategy whose inputs they are."""
    if strategy is not None:
        return get_strategy(strategy)
    known = list(strategies().values())
    found = strategies_of_inputs(values, known)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(s.name for s in found)
        raise InputError(f"{names} have these inputs; say which is meant with --strategy")
    raise InputError(
        f"no strategy has the inputs {listed(values)}; --strategy names the one that is meant,"
        " and says what does not fit"
    )


# Writing


def _line(text: str) -> str:
    """Return a text on one line, without what is not printed."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _yaml(content: Mapping[str, Any], *, plain: bool = False) -> str:
    """Return values as YAML; `plain` in ASCII, with braces in double quotes alone."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def text(dumper: Any, value: str) -> Any:
        # Without quotes, and in single ones, the library does not read back all that it writes.
        quoted = not value.isprintable() or (plain and ("{" in value or "}" in value))
        style = '"' if quoted else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(
        dict(content), Dumper=Dumper, sort_keys=False, allow_unicode=not plain, width=_WIDE,
        default_flow_style=False,
    )  # fmt: skip
    return dumped
