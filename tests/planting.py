"""What may stand at a name in place of a file, as others may have made it."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path


def put(path: Path, kind: str, precious: Path) -> None:
    """Put something at a name that is free.

    Parameters
    ----------
    path
        The name.
    kind
        ``link``, ``hard link``, ``dangling`` (a link to nothing), ``folder link``, ``pipe``,
        ``socket``, ``folder`` (with a file in it), ``device`` or ``device link``.
    precious
        A file; links lead to it, to its folder, or to what is not there beside it.
    """
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "hard link":
        os.link(precious, path)
    elif kind == "dangling":
        path.symlink_to(precious.with_name("gone"))
    elif kind == "folder link":
        path.symlink_to(precious.parent, target_is_directory=True)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        # Of its path a socket has some 100 bytes.
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    elif kind == "folder":
        path.mkdir()
        (path / "precious").write_text("precious\n")
    elif kind == "device":
        # The null device of the superuser, else what leads to one.
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            path.symlink_to("/dev/zero")
    elif kind == "device link":
        path.symlink_to("/dev/zero")
    else:
        raise ValueError(kind)
