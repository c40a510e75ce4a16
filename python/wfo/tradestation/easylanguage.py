"""A strategy's inputs as EasyLanguage text: written, and read out of any source text.

``inputs:`` is a statement of ``Name( value )``, separated by commas and closed by a semicolon. A
comment is ``{ … }``, which nothing nests in and the first ``}`` closes, or ``//`` up to the end of
the line. Names have no case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from wfo.errors import InputError, did_you_mean
from wfo.strategy import Number, Strategy, TradeStation
from wfo.text import brief

#: What a value is written in; EasyLanguage has no constants but these and texts.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")

_TOKEN = re.compile(
    r"""
      (?P<text>"[^"\n]*")
    | (?P<comment>\{[^}]*\}|//[^\n]*)
    | (?P<open>\{)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
    | (?P<mark>[^\s])
    """,
    re.VERBOSE,
)

#: Types that newer statements name before an input.
_TYPES = frozenset({"int", "double", "float", "numericsimple", "numeric", "bool", "string"})

#: What an input can be called.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

#: Characters of a number that is read: what a float64 has without an exponent, and to spare.
_LONGEST_NUMBER = 400

#: Powers of ten that a float64 has.
_LARGEST_EXPONENT = 330


@dataclass(frozen=True, slots=True)
class EasyLanguageInputs:
    """What the ``inputs:`` statements of a text say.

    Attributes
    ----------
    values
        The number of each input, by its name as it is spelt there.
    comments
        The comments of the whole text, without their marks.
    """

    values: Mapping[str, Decimal]
    comments: tuple[str, ...]


def write_inputs(view: TradeStation, params: Mapping[str, Number]) -> str:
    """Return the ``inputs:`` statement of a parameter set.

    Parameters
    ----------
    view
        The strategy in TradeStation.
    params
        By the strategy's names, in canonical order.

    Raises
    ------
    InputError
        If a parameter has no input there, or one whose name EasyLanguage cannot have.
    """
    pairs = []
    for parameter, value in params.items():
        name = view.input(parameter).name
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r}, the input of {view.name} for {parameter}, is no name in EasyLanguage:"
                " letters, digits, _ and points only, no digit first"
            )
        pairs.append(f"\t{name}( {_plain(value)} )")
    return "inputs:\n" + ",\n".join(pairs) + ";\n"


def write_comment(text: str) -> str:
    """Return a text as one comment.

    Braces become parentheses, and what is no printable ASCII a question mark but for the ends of
    lines, so that no text closes the comment and every encoding of TradeStation's has it.
    """
    clean = "".join(c if c == "\n" or (c.isascii() and c.isprintable()) else "?" for c in text)
    return "{ " + clean.replace("{", "(").replace("}", ")") + " }\n"


def read_inputs(text: str) -> EasyLanguageInputs:
    """Read the ``inputs:`` statements out of EasyLanguage text; all else is passed over.

    Raises
    ------
    InputError
        If there is none, a comment is not closed, an input is there twice, or its value is no
        number; the message names the line.
    """
    values: dict[str, Decimal] = {}
    seen: set[str] = set()
    comments: list[str] = []
    tokens = list(_tokens(text, comments))
    at, found = 0, False
    while at < len(tokens):
        kind, word, _ = tokens[at]
        begins = kind == "word" and word.lower() in {"input", "inputs"}
        if not (begins and at + 1 < len(tokens) and tokens[at + 1][1] == ":"):
            at += 1
            continue
        found = True
        at = _statement(tokens, at + 2, values, seen)
    if not found:
        raise InputError(
            "there is no 'inputs:' statement, as in inputs: ATR_Period( 14 ), ATR_Multiplier( 6 );"
        )
    return EasyLanguageInputs(values, tuple(comments))


def params_of_inputs(strategy: Strategy, values: Mapping[str, Decimal]) -> dict[str, Number]:
    """Return the parameters that inputs stand for, checked, in canonical order.

    Parameters
    ----------
    strategy
        Whose inputs they are.
    values
        By TradeStation's names, in any case.

    Raises
    ------
    InputError
        If the strategy has no inputs there or none of a name, one is missing, or a value is not
        allowed.
    """
    view = strategy.tradestation
    if view is None:
        raise InputError(f"{strategy.name} names no inputs in TradeStation")
    named = {view.input(p.name).name.lower(): p for p in strategy.parameters}
    known = [view.input(p.name).name for p in strategy.parameters]
    found: dict[str, object] = {}
    for name, value in values.items():
        parameter = named.get(name.lower())
        if parameter is None:
            raise InputError(f"{view.name} has no input {brief(name)}{did_you_mean(name, known)}")
        whole = parameter.whole and value == value.to_integral_value()
        found[parameter.name] = int(value) if whole else float(value)
    missing = [view.input(n).name for n in strategy.names if n not in found]
    if missing:
        raise InputError(f"{view.name} also has the inputs {', '.join(missing)}")
    return dict(zip(strategy.names, strategy.check_params(found), strict=True))


def strategies_of_inputs(
    values: Mapping[str, Decimal], known: Sequence[Strategy]
) -> list[Strategy]:
    """Return those of some strategies that have exactly the inputs of these names."""
    names = {name.lower() for name in values}
    return [
        s
        for s in known
        if s.tradestation is not None
        and {s.tradestation.input(n).name.lower() for n in s.names} == names
    ]


def _plain(value: Number) -> str:
    """Return a number without an exponent, with the digits that read back as the same."""
    return format(Decimal(repr(value)), "f")


def _tokens(text: str, comments: list[str]) -> Iterator[tuple[str, str, int]]:
    """Yield kind, text and line of each token; comments are collected instead."""
    line, last = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        kind, word = str(match.lastgroup), match[0]
        if kind == "open":
            raise InputError(f"line {line}: the comment that begins with {{ is not closed by }}")
        if kind == "comment":
            comments.append(word[1:-1] if word[0] == "{" else word[2:])
        else:
            yield kind, word, line


def _statement(
    tokens: Sequence[tuple[str, str, int]], at: int, values: dict[str, Decimal], seen: set[str]
) -> int:
    """Read one statement from behind its colon on, and return where it ends."""

    def take(what: str, kind: str = "mark") -> str:
        nonlocal at
        if at == len(tokens):
            line = tokens[-1][2]
            raise InputError(f"line {line}: the 'inputs:' statement ends before {what}")
        found, word, line = tokens[at]
        if found != kind or (kind == "mark" and word != what):
            raise InputError(f"line {line}: {word!r:.40} stands where {what} must be")
        at += 1
        return word

    def next_is(*words: str) -> bool:
        return at < len(tokens) and tokens[at][1].lower() in words

    while True:
        name = take("the name of an input", "word")
        if name.lower() in _TYPES and at < len(tokens) and tokens[at][0] == "word":
            name = take("the name of an input", "word")
        line = tokens[at - 1][2]
        if name.lower() in seen:
            raise InputError(f"line {line}: the input {name} is there twice")
        seen.add(name.lower())
        take("(")
        sign = ""
        if next_is("-", "+"):
            sign = tokens[at][1]
            at += 1
        values[name] = _number(sign + take(f"the number of {name}", "number"), name, line)
        take(")")
        if next_is("["):
            # Attributes, such as [DisplayName = "ATR period"].
            while not next_is("]"):
                at += 1
                if at == len(tokens):
                    raise InputError(f"line {line}: the [ behind {name} is not closed by ]")
            at += 1
        if next_is(";"):
            return at + 1
        take(",")


def _number(text: str, name: str, line: int) -> Decimal:
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        number = Decimal(text)
        if abs(number.adjusted()) <= _LARGEST_EXPONENT:
            return number
    raise InputError(f"line {line}: {text:.40} is no number that {name} can have")
