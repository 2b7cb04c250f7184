"""The notebooks run at toy size, and what is stored of them is small and names no folder of its machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TOY = {
    "depth_estimation_inference.ipynb": {"SIZE": "(160, 120)"},
    "train_segmentation.ipynb": {"COUNT": "4", "STEPS": "1", "SIZE": "(160, 120)"},
}


def cells_of(name: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    return cells


def test_every_notebook_is_executed() -> None:
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == TOY.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["depth_estimation_inference.ipynb", pytest.param("train_segmentation.ipynb", marks=pytest.mark.long)]
)
def test_notebook_runs_at_toy_size(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs requirements-dev.txt")
    nbclient = pytest.importorskip("nbclient", reason="needs requirements-dev.txt")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the notebooks write
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    for variable, value in TOY[name].items():
        parameters.source, found = re.subn(
            rf"^{variable} = .*$", f"{variable} = {value}", parameters.source, flags=re.M
        )
        assert found == 1, variable
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    pictures = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/jpeg" in o.get("data", {})]
    assert len(pictures) == 3


@pytest.mark.parametrize("name", TOY)
def test_stored_outputs_are_small_and_whole(name: str) -> None:
    code = [cell for cell in cells_of(name) if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code), "store the notebook with its outputs"
    outputs = json.dumps([cell["outputs"] for cell in code])
    assert len(outputs) < 200_000
    assert not re.search(r"/(?:home|root|work|tmp)/|\\u001b|Traceback", outputs)
