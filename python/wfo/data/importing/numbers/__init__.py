"""Prices and volumes: cells in any notation, to float64."""
