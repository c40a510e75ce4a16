"""Runs: from bars over windows, sweeps, scores and plateaus to ranges, kept in a folder.

Data flows one way. Every stage is a module that can be used alone; those here put them in order,
time them, and write down in ``run.json`` what was done with what, so that a later command needs
nothing but the run's folder.
"""
