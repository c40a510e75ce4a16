"""The spaces that ship, written where a user wants to begin with one."""

from __future__ import annotations

import shlex
from pathlib import Path

import wfo.search
from wfo.errors import InputError, ResultsError, did_you_mean
from wfo.files import is_there, make_folder, naming_the_file, read_text, write_text
from wfo.files.limits import TEXT_BYTES
from wfo.text import brief, table, wrap_text

#: What ships, and what each is an example of.
EXAMPLES = {
    "sma_cross": "a strategy of another backtester, in processes of its own",
    "swing": "several objectives: a portfolio, a nested space, repairs, three windows",
    "atr_d_continuous": "a built-in strategy over continuous axes, beyond what can be swept",
}

_FOLDER = Path(wfo.search.__file__).parent / "examples"

_WIDTH = 98


def listed_examples() -> str:
    """Return the list of examples as text."""
    rows = list(EXAMPLES.items())
    lines = [*table(rows, "<<", indent=""), ""]
    lines += wrap_text(
        "'wfo study example NAME' writes one into this folder, its program too, and 'wfo optimize"
        " NAME.yaml' searches it on the embedded sample.",
        _WIDTH,
    )
    return "\n".join(lines) + "\n"


def written_example(name: str, folder: Path, *, force: bool = False) -> str:
    """Write the files of an example, and return what was written and what comes next.

    Parameters
    ----------
    name
        One of `EXAMPLES`.
    folder
        Where to; it is made where it is not there.
    force
        Whether files that are there are replaced.

    Raises
    ------
    InputError
        If there is no such example.
    ResultsError
        If a file is there already, or cannot be written.
    """
    if name not in EXAMPLES:
        raise InputError(f"there is no example {brief(name)}{did_you_mean(name, EXAMPLES)}")
    texts = {
        target: read_text(source, most=TEXT_BYTES)
        for source, target in (
            (_FOLDER / f"{name}{ending}", folder / f"{name}{ending}") for ending in (".yaml", ".py")
        )
        if is_there(source)
    }
    for target in texts:
        if is_there(target) and not force:
            raise ResultsError(
                f"{target} is there already, and is not replaced; --force does that, --to DIR"
                " writes elsewhere"
            )
    for target, text in texts.items():
        with naming_the_file(target, remedy="--to names another folder"):
            make_folder(folder)
        write_text(target, text, remedy="--to names another folder")
    space = shlex.quote(str(folder / f"{name}.yaml"))
    lines = ["Written", *(f"  {target}" for target in texts), "", "Next"]
    lines += [f"  wfo optimize {space} --dry-run", f"  wfo optimize {space}"]
    return "\n".join(lines) + "\n"
