"""Refinement: the jobs of a run over its whole history, and the record of what was written."""
