"""Parameters out of a run's candidates."""

from __future__ import annotations

import contextlib
from pathlib import Path

from wfo.errors import InputError
from wfo.strategy import Strategy, strategies


def number_of(text: object) -> object:
    """Return the number that a text stands for, else the text, which the strategy will refuse."""
    if isinstance(text, str):
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(text)
    return text


def read_row(path: Path, strategy: Strategy, row: int) -> dict[str, object]:
    """Return the parameters in a row of a candidates file.

    Parameters
    ----------
    path
        CSV or Parquet, by its ending.
    strategy
        Whose candidates they are.
    row
        The row, the first one being 0.

    Raises
    ------
    InputError
        If there is no such file or row, or it is no candidates file of the strategy.
    """
    import polars as pl

    if not path.is_file():
        raise InputError(f"there is no candidates file {path}")
    try:
        if path.suffix.lower() == ".csv":
            # As text: what a number is decides the parameter it belongs to.
            frame = pl.scan_csv(path, infer_schema=False)
        else:
            frame = pl.scan_parquet(path)
        columns = frame.collect_schema().names()
        known = {n for s in (strategy, *strategies().values()) for n in s.names}
        present = [c for c in columns if c in known]
        if not present:
            raise InputError(
                f"{path} has no parameter columns; candidates_*.csv and .parquet of a run have"
            )
        named = _named_strategy(path)
        if set(present) != set(strategy.names) or named not in {None, strategy.name}:
            # Some strategies have the same parameters; then only the name of the file tells.
            others = [s.name for s in strategies().values() if set(s.names) == set(present)]
            whose = named or " or ".join(others)
            missing = [n for n in strategy.names if n not in present]
            what = f"is one of {whose}" if whose else f"lacks {', '.join(missing)}"
            raise InputError(f"{path} is no candidates file of {strategy.name}: it {what}")
        taken = frame.select(strategy.names).slice(row, 1).collect()
        if taken.is_empty():
            count = frame.select(pl.len()).collect().item()
            rows = f"which has rows 0 to {count - 1}" if count else "which has none"
            raise InputError(f"row {row} is not in {path}, {rows}")
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}") from error
    return {name: number_of(value) for name, value in taken.row(0, named=True).items()}


def _named_strategy(path: Path) -> str | None:
    """Return the strategy that the name of a candidates file names, as a run writes it."""
    named = [n for n in strategies() if path.stem.startswith(f"candidates_{n}_")]
    return max(named, key=len, default=None)
