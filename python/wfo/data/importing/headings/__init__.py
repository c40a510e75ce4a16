"""Which column of a file holds what, by what its heading is called and qualified by."""
