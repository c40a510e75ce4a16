"""The permutation test of a walk-forward: all its choices again on permuted bars."""
