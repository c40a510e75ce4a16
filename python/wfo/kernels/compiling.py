"""Functions compiled by Numba, and what it says of one that it cannot compile."""

from __future__ import annotations

import builtins
import dis
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError
from numba.extending import overload_method

from wfo.errors import EngineError, InputError
from wfo.held_values import held_digest, held_functions
from wfo.kernels.arguments import Fills
from wfo.text import one_line

#: Most letters of what the compiler says.
_SAID = 300

#: Attribute of a compiled function: the digest of what it read when it was compiled.
_HELD = "__wfo_held__"

#: Colours of a terminal.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

#: Where the compiler gives a reason of its own among the overloads that it has tried.
_REASON = re.compile(r"(?:raised a specific error:|^NameError:)\s*(.+)", re.MULTILINE)

#: A place in a file.
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')

#: Types of arrays, which are long and of no interest where a name of them is wrong.
_TYPES = re.compile(r"\b(Bars|Sets|Start|Fills)\([^'\n]*\)")


@overload_method(numba.types.NamedTuple, "add")
def _add(self, k, bar, price, side):  # type: ignore[no-untyped-def]  # see below
    """Compile `Fills.add`."""
    if self.instance_class is not Fills:
        return None
    for name, value in (("k", k), ("bar", bar), ("side", side)):
        if not isinstance(value, numba.types.Integer | numba.types.IntegerLiteral):
            raise TypingError(f"fills.add: {name} must be a whole number, and is {value}")
    real = numba.types.Integer | numba.types.IntegerLiteral | numba.types.Float
    if not isinstance(price, real):
        raise TypingError(f"fills.add: price must be a number, and is {price}")
    # Neither has annotations, since the compiler compares them.
    return FunctionType(Fills.add.__code__, Fills.add.__globals__)


def compiled(function: Callable[..., Any], where: str) -> Dispatcher:
    """Return a function to be compiled at its first call, without the interpreter's lock.

    Parameters
    ----------
    function
        A plain one, or one under `numba.njit`, which keeps its options.
    where
        What it is called in messages.

    Raises
    ------
    InputError
        If it is compiled in a way that cannot run in several threads.
    """
    if not isinstance(function, Dispatcher):
        found: Dispatcher = numba.njit(nogil=True)(function)
        return found
    options = dict(function.targetoptions)
    for name, why in (
        ("parallel", "the package calls it in several threads already"),
        ("forceobj", "the interpreter runs one thread at a time"),
    ):
        if options.get(name):
            raise InputError(f"{where}: {name}=True cannot be; {why}")
    if options.get("nogil"):
        return function
    kept = getattr(function, "_cache", None)
    options |= {"nogil": True, "cache": isinstance(kept, FunctionCache)}
    options.pop("nopython", None)
    released: Dispatcher = numba.njit(**options)(function.py_func)
    return released


def compile_for(function: Dispatcher, arguments: Iterable[Any], name: str) -> None:
    """Compile a function for the types of its arguments, unless that is done.

    Raises
    ------
    EngineError
        If it cannot be compiled, with the line that is at fault; or if it, or a function that it
        calls, reads globals that have changed since it was compiled.
    """
    code = function.py_func.__code__
    # What is called comes last, and is the one to name.
    for each in reversed(held_functions(function)):
        held = held_digest(each)
        if each.__dict__.setdefault(_HELD, held) != held:
            own = each.py_func.__code__
            raise EngineError(
                f"{Path(own.co_filename).name}, line {own.co_firstlineno}: {each.__name__} reads"
                " something beside its arguments that has changed since it was compiled, which"
                " compiled code does not see; define it again"
            )
    try:
        function.compile(tuple(map(numba.typeof, arguments)))
    except Exception as error:  # noqa: BLE001  # compilers raise all kinds
        file, line, said = _fault(error, code.co_filename, code.co_firstlineno)
        if "UndefinedType" in said:
            line, said = _undefined(function.py_func) or (line, said)
    else:
        return
    raise EngineError(
        one_line(f"{Path(file).name}, line {line}: the kernel {name} cannot be compiled: {said}")
    )


def _undefined(function: Callable[..., Any]) -> tuple[int, str] | None:
    """Return line and name of what a function reads and nothing defines."""
    known = {*function.__globals__, *vars(builtins)}
    for each in dis.get_instructions(function):
        if each.opname == "LOAD_GLOBAL" and each.argval not in known and each.positions is not None:
            line = each.positions.lineno
            return line or function.__code__.co_firstlineno, f"there is no {each.argval!r}"
    return None


def _fault(error: Exception, file: str, line: int) -> tuple[str, int, str]:
    """Return file and line of what cannot be compiled, and what the compiler says of it."""
    text = _COLOURS.sub("", str(getattr(error, "msg", None) or error))
    loc = getattr(error, "loc", None)
    if loc is not None and loc.filename == file:
        line = loc.line
    else:
        # The first one is the innermost.
        places = [m for m in _PLACE.finditer(text) if Path(m["file"]).name == Path(file).name]
        line = int(places[0]["line"]) if places else line
    reasons = _REASON.findall(text)
    if reasons:
        said = reasons[-1]
    else:
        lines = (each.strip() for each in text.splitlines())
        said = next((each for each in lines if each and not each.startswith("Failed in")), text)
    said = re.sub(r"^\w*(Error|Exception): ", "", said.strip())
    said = _TYPES.sub(lambda match: match[1].lower(), said).removesuffix("Raised from None")
    return file, line, " ".join(said.split()).rstrip(".")[:_SAID] or type(error).__name__
