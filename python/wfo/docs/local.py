"""The copy of the site that ``wfo docs`` opens, in the user's cache: a folder for each content."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from wfo.docs.site import MARK, Site, write_site
from wfo.errors import ResultsError
from wfo.files import (
    entries_of,
    is_own_file,
    is_own_folder,
    make_folder,
    move,
    remove_tree,
    temporary_folder,
)

#: Older copies that are kept, since a browser may still show one.
_KEPT = 3

#: How folders begin in which a copy is written, and hours after which no process writes one.
_NEW, _UNDER_WAY = ".new-", 24


def cache_folder() -> Path:
    """Return the folder in which this system's programs keep what they can make again."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "wfo" / "docs"


def local_site(site: Site, version: str) -> Path:
    """Return the folder of a site's local copy, which is written where it is missing.

    A copy takes its name when it is complete, and never changes. Where the cache cannot be written,
    the copy is a temporary folder.

    Parameters
    ----------
    site
        The site.
    version
        The version of the package, part of the folder's name.

    Raises
    ------
    ResultsError
        If neither can be written.
    """
    try:
        base = cache_folder()
        make_folder(base)
        folder = base / f"{version}-{site.fingerprint[:16]}"
        if not is_own_file(folder / MARK):
            made = temporary_folder(_NEW, base)
            try:
                write_site(site, made)
                # Where another process was quicker, its copy is the same.
                with contextlib.suppress(OSError):
                    move(made, folder)
            finally:
                remove_tree(made)
            _remove_old(base, folder)
        if is_own_file(folder / MARK):
            return folder
    except (OSError, RuntimeError, ResultsError):
        # A home that is not known or not writable, as of services.
        pass
    made = temporary_folder("wfo-docs-")
    write_site(site, made)
    return made


def _remove_old(base: Path, current: Path) -> None:
    """Remove copies of other versions, but the latest few, and what killed processes left."""
    with contextlib.suppress(OSError):
        for each in entries_of(base):
            hours = (time.time() - each.lstat().st_mtime) / 3600
            if each.name.startswith(_NEW) and is_own_folder(each) and hours > _UNDER_WAY:
                remove_tree(each)
        others = [each for each in entries_of(base) if each != current and is_own_file(each / MARK)]
        others.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for each in others[_KEPT:]:
            remove_tree(each)
