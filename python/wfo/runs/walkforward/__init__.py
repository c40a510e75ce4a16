"""Walk-forwards carried out: bars, decisions that are kept, files, records, and what reads them.

What is computed stands in `wfo.walkforward`; here it gets a folder.
"""
