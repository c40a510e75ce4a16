"""The copy of the site that ``wfo docs`` opens, in the user's cache: a folder for each content."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from wfo.docs.site import MARK, Site, write_site
from wfo.errors import ResultsError

#: Older copies that are kept, since a browser may still show one.
_KEPT = 3


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
        base.mkdir(parents=True, exist_ok=True)
        folder = base / f"{version}-{site.fingerprint[:16]}"
        if not (folder / MARK).is_file():
            made = Path(tempfile.mkdtemp(prefix=".new-", dir=base))
            try:
                write_site(site, made)
                # Where another process was quicker, its copy is the same.
                with contextlib.suppress(OSError):
                    made.replace(folder)
            finally:
                shutil.rmtree(made, ignore_errors=True)
            _remove_old(base, folder)
        if (folder / MARK).is_file():
            return folder
    except (OSError, RuntimeError, ResultsError):
        # A home that is not known or not writable, as of services.
        pass
    made = Path(tempfile.mkdtemp(prefix="wfo-docs-"))
    write_site(site, made)
    return made


def _remove_old(base: Path, current: Path) -> None:
    """Remove copies of other versions, but the latest few."""
    with contextlib.suppress(OSError):
        others = [each for each in base.iterdir() if each != current and each.name[0] != "."]
        others.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for each in others[_KEPT:]:
            shutil.rmtree(each, ignore_errors=True)
