"""The notebooks run from top to bottom, and are stored clean."""

import json
import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

# Folders of somebody's machine, in POSIX, Windows and URL form.
MACHINE = re.compile(r"(?<![\w.:/])/(?:home|root|Users|work|tmp|mnt|data|opt|var|workspace)\b|[A-Za-z]:\\\\|file://")


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_there_are_notebooks():
    assert NOTEBOOKS


@each
def test_a_notebook_is_stored_without_outputs_and_execution_counts(path):
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
        assert "execution" not in cell.get("metadata", {})


@each
def test_a_notebook_stores_no_widget_state_and_no_python_version(path):
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    assert "widgets" not in metadata
    assert metadata.get("kernelspec", {}).get("name", "python3") == "python3"


@each
def test_a_notebook_names_no_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert MACHINE.findall(text) == []
    data = os.environ.get("UAI_NOTEBOOK_DATA")
    assert not data or data not in text


@each
def test_a_notebook_installs_nothing_and_calls_no_shell(path):
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert not re.search(r"^\s*[!%]", "".join(cell["source"]), re.MULTILINE)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(900)
@pytest.mark.skipif(not os.environ.get("UAI_NOTEBOOK_DATA"), reason="UAI_NOTEBOOK_DATA is not set")
@each
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    here = tmp_path / "here"
    here.mkdir()
    notebook = nbformat.read(path, as_version=4)
    # Other interpreters' kernels may be installed under the same name.
    client = NotebookClient(
        notebook,
        timeout=400,
        kernel_name="python3",
        allow_errors=False,
        resources={"metadata": {"path": str(here)}},
    )
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    assert [output for output in outputs if output.output_type == "error"] == []
    noise = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not re.search(r"Traceback|Exception|\bError\b|Warning", "".join(noise)), noise
    assert {entry.name for entry in here.iterdir()} <= {"uai_sessions", "runs"}
