"""Write the sample bars anew from the package ``arch``: ``python -m wfo.data.sample_build``.

Only this needs ``arch``; the files it writes are part of the package.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Final

from wfo.data.checks import check_bars
from wfo.data.meta import BarsOrigin
from wfo.data.sample import sample_store

if TYPE_CHECKING:
    import polars as pl

#: Sample name to the module of `arch` that has its data.
MODULES: Final = {"NASDAQ": "arch.data.nasdaq", "SP500": "arch.data.sp500"}


def bars_from_arch(name: str) -> pl.DataFrame:
    """Return a sample's bars as `arch` has them.

    Its ``Adj Close`` equals ``Close`` in every row, so it is left out.
    """
    import polars as pl

    source = importlib.import_module(MODULES[name]).load()
    columns = {"date": pl.Series(source.index.to_numpy().astype("datetime64[D]"))}
    for heading in ("Open", "High", "Low", "Close", "Volume"):
        columns[heading.lower()] = pl.Series(source[heading].to_numpy().astype("float64"))
    return pl.DataFrame(columns)


def main() -> None:
    """Write both samples into the package's sample folder."""
    store = sample_store()
    for name, module in MODULES.items():
        bars = bars_from_arch(name)
        report = check_bars(bars, "1day", calendar="XNYS")
        report.raise_errors(name)
        origin = BarsOrigin(source=module, calendar="XNYS", warnings=report.warnings)
        saved = store.save(name, "1day", bars, origin)
        sys.stdout.write(f"{saved.bars_path.name}: {saved.meta.rows:,} bars\n")


if __name__ == "__main__":
    main()
