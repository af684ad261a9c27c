"""Run the notebooks for a GPU: `python -m tools.gpu_notebooks path/to/mnist`.

The data are a folder with the four files of MNIST, an .npz, or the word digits. What is
left in _build/gpu are the notebooks with their outputs, and checkpoints, from which the
same command goes on after a stop.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from flowbook.image_files import image_set

ROOT = Path(__file__).resolve().parents[1]


class ShowingClient(NotebookClient):
    """Show what a cell prints at once: the progress of hours of training, say."""

    def output(
        self, outs: list, msg: dict, display_id: str, cell_index: int
    ) -> dict[str, Any] | None:
        """Keep an output, as every client does, and print it."""
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return super().output(outs, msg, display_id, cell_index)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; 0 done, 1 a notebook failed, 2 the data cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.gpu_notebooks", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("data", help="a folder, an .npz, or the word digits")
    data = parser.parse_args(arguments).data
    if data != "digits":
        try:
            image_set(data)  # said now, and not after a kernel has started
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 2
        data = str(Path(data).resolve())
    folder = root / "_build/gpu" / Path(data).stem
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"FLOWBOOK_CHECKPOINTS": str(folder), "FLOWBOOK_DATA": data}
    failed = [
        source.stem
        for source in sorted((root / "notebooks/gpu").glob("*.ipynb"))
        if not _run(source, folder / source.name, settings)
    ]
    print(f"The notebooks with their outputs: {folder}")
    return int(bool(failed))


def _run(source: Path, target: Path, settings: dict[str, str]) -> bool:
    """Run a notebook and write it with its outputs; whether all its cells ran."""
    print(f"\n{source.stem}", flush=True)
    notebook = nbformat.read(source, as_version=4)
    resources = {"metadata": {"path": str(source.parent)}}
    client = ShowingClient(notebook, timeout=None, resources=resources)
    try:
        client.execute(env=os.environ | settings)
    except CellExecutionError as error:
        print(f"{source.stem}: a cell failed.\n{error}", file=sys.stderr)
        return False
    finally:
        nbformat.write(notebook, target)
    return True


if __name__ == "__main__":
    sys.exit(main())
