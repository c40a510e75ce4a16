"""Fetch the wheels that wfo's own wheel depends on, and those to test a strategy beside it.

``python tests/wheelhouse.py FOLDER``
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    stated = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    project = stated["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["reference"]
    needed += [each for each in stated["dependency-groups"]["test"] if each.startswith("pytest")]
    folder.mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    subprocess.run([*download, "--dest", str(folder), *needed], check=True)


if __name__ == "__main__":
    main()
