"""Whether every file of a walk-forward is as it was written."""

from __future__ import annotations

import contextlib
import os

from wfo.errors import ResultsError
from wfo.files import is_there, read_sealed, size_of
from wfo.runs.manifest import Digest
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.manifest import read_record

#: What a permutation test leaves there, sealed by itself.
_PERMUTATIONS = "permutations.json"


def verify_walk_forward(folder: WalkFolder) -> tuple[int, int]:
    """Check that every file of a complete walk-forward is as it was written.

    Parameters
    ----------
    folder
        Its folder.

    Returns
    -------
    files, bytes
        How many files were read, and how long they are together.

    Raises
    ------
    ResultsError
        If it did not end, or files are missing, damaged or changed; the message names all of them,
        and what repairs them.
    """
    folder.look_over()
    # Where writing is not allowed, no other process writes either.
    writable = is_there(folder.record) and os.access(folder.path, os.W_OK)
    with folder.hold("wfo verify") if writable else contextlib.nullcontext():
        data = read_record(folder)
        sizes, damages = [size_of(folder.record)], []
        for name, stated in data["sums"].items():
            try:
                sizes.append(folder.check_digest(name, Digest.from_dict(stated)))
            except ResultsError as error:
                damages.append(str(error))
        repair = [f"to write it again: {data['command']}"] if damages and data["command"] else []
        permuted = folder.path / _PERMUTATIONS
        if is_there(permuted):
            try:
                read_sealed(permuted)
                sizes.append(size_of(permuted))
            except ResultsError as error:
                damages.append(f"{error}; do the permutation test again")
    if damages:
        raise ResultsError("\n  ".join([*damages, *repair]))
    return len(sizes), sum(sizes)
