"""ATR-D, the built-in family of strategies: its catalogue, its contract, its Numba reference."""
