"""What this installation is made of."""

from __future__ import annotations

import platform


def build_info() -> dict[str, str]:
    """Return versions, build profile, instruction tier and threads, for manifests and reports.

    Returns
    -------
    dict of str
        ``version``, ``commit`` (of the source that the Rust core was built from), ``profile``,
        ``target``, ``rustc``, ``instructions``, ``threads`` (cores that this process may use),
        ``python``, and the versions of the libraries that figures depend on.
    """
    from importlib import metadata

    from wfo import _core
    from wfo.engine import available_threads

    info = dict(_core.build_info())
    info["threads"] = str(available_threads())
    info["python"] = platform.python_version()
    for package in ("numpy", "polars", "scikit-learn"):
        info[package] = metadata.version(package)
    try:
        info["numba"] = metadata.version("numba")
    except metadata.PackageNotFoundError:
        info["numba"] = "not installed"
    return info
