"""The permutation test of a run: its whole search again on permuted bars, and what that says."""
