"""What this installation is made of."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path


def build_info() -> dict[str, str]:
    """Return versions, build profile, instruction tier and threads, for manifests and reports.

    Returns
    -------
    dict of str
        ``version``, ``commit`` (of the work tree that the package runs from, ``-dirty`` if it has
        changes; of an installed one that of its core), ``core_commit`` (of the source that the Rust
        core was built from), ``profile``, ``target``, ``rustc``, ``instructions``, ``threads``
        (cores that this process may use), ``python``, and versions of the libraries that figures
        depend on.
    """
    from importlib import metadata

    from wfo import _core
    from wfo.backtest import available_threads

    info = dict(_core.build_info())
    info["core_commit"] = info["commit"]
    info["commit"] = _work_tree() or info["commit"]
    info["threads"] = str(available_threads())
    info["python"] = platform.python_version()
    for package in ("numpy", "polars", "scikit-learn"):
        info[package] = metadata.version(package)
    try:
        info["numba"] = metadata.version("numba")
    except metadata.PackageNotFoundError:
        info["numba"] = "not installed"
    return info


def _work_tree() -> str:
    """Return the commit of the work tree that this file stands in, or an empty text."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    git = ["git", "--no-optional-locks", "-C", str(root)]
    # 'git describe --dirty' would write the index anew, and no command writes there.
    commands = (
        [*git, "describe", "--always", "--abbrev=12", "--exclude=*"],
        [*git, "status", "--porcelain", "--untracked-files=no"],
    )
    try:
        commit, changed = (
            subprocess.run(  # noqa: S603  # nothing of it comes from outside
                command, capture_output=True, text=True, check=False
            ).stdout.strip()
            for command in commands
        )
    except OSError:
        return ""
    return f"{commit}-dirty" if commit and changed else commit
