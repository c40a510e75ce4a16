"""A search with bars, files and pages: what `wfo optimize` and `wfo study` do.

`wfo.search` proposes, evaluates and keeps trials; here it gets bars and windows, its best trials
are looked at out-of-sample, and what came of it is written and told.
"""
