"""The hold-out: bars that a run keeps out of everything, and what became of them."""
