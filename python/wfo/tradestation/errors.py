"""What is wrong with files of other programs."""

from __future__ import annotations

from wfo.errors import InputError


class ReportError(InputError):
    """An optimization report that cannot be read; the message names file and line."""
