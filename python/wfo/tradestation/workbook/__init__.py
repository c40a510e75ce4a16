"""``Refinement_Analysis_<SYMBOL>.xlsx``: an analysis as a workbook, a file a sheet or concern."""

from wfo.tradestation.workbook.book import write_workbook

__all__ = ["write_workbook"]
