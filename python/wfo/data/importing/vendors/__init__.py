"""Whose file it is, by its headings or by the shape of its rows, and what follows from that."""
