"""Time stamps: cells with dates and times of day, to points in time."""
