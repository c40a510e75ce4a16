"""What can go wrong with what the store keeps."""

from __future__ import annotations

from wfo.errors import DataError


class CorruptError(DataError):
    """A stored file that is not as it was written: another one must take its place."""
