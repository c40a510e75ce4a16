"""Stages that run alone on a run's folder: plateaus and ranges, from what the run states."""
