"""Analysis: the rows of all reports ranked, the files written, and refined sets read back."""
