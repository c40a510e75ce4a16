"""Run the notebooks of the documentation: ``python tests/notebooks.py`` writes their outputs anew.

With a source and a target it writes the target alone. Outputs are kept in the repository, since the
site shows them; the tests compare them with what the notebooks print now.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "python" / "wfo" / "docs" / "notebooks"

#: What is kept of a notebook besides its cells: nothing of the machine that ran it.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path, folder: Path) -> dict[str, Any]:
    """Return a notebook, run by a kernel of its own in `folder`, with outputs and nothing else."""
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    # The kernel of the interpreter that runs this, whatever kernels are installed beside it.
    manager = AsyncKernelManager(kernel_name="python3")
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.kernel_spec.argv = command
    client = NotebookClient(
        notebook, km=manager, timeout=60, resources={"metadata": {"path": str(folder)}}
    )
    # Start-up files of the user's IPython are none of the notebook's.
    client.execute(env={**os.environ, "IPYTHONDIR": str(folder / ".ipython")})
    notebook["metadata"] = METADATA
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            for output in cell["outputs"]:
                output.pop("execution_count", None)
                if output["output_type"] == "execute_result":
                    output["output_type"] = "display_data"
    found: dict[str, Any] = json.loads(nbformat.writes(notebook))
    return found


def printed(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each code cell's source and the text that it printed or showed."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            text = ""
            for output in cell["outputs"]:
                if output["output_type"] == "stream":
                    # Progress is told while it takes long, on a busy machine; and what is printed
                    # comes in one piece or in several.
                    text += "".join(output["text"]) if output["name"] != "stderr" else ""
                else:
                    shown = "".join(output.get("data", {}).get("text/plain", ""))
                    text += f"\n{shown}" if text else shown
            yield "".join(cell["source"]), text


def rewrite(source: Path, target: Path) -> None:
    """Run a notebook in an empty folder and write it with its outputs."""
    with tempfile.TemporaryDirectory() as empty:
        done = executed(source, Path(empty))
    target.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        rewrite(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        for each in sorted(FOLDER.glob("*.ipynb")):
            rewrite(each, each)
