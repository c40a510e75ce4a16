"""From the bytes of a file to a table of raw cells that knows its line numbers."""
