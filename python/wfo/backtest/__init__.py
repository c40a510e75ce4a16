"""Backtests: one parameter set, or whole grids, on the engines that a strategy has."""
