"""Fetch the wheels that wfo's own wheel depends on: ``python tests/wheelhouse.py FOLDER``."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder.mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    subprocess.run([*download, "--dest", str(folder), *project["dependencies"]], check=True)


if __name__ == "__main__":
    main()
