"""``python -m uai_notebook``: the command line it builds, and what it says when it cannot."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import uai_notebook.__main__ as module
from uai_notebook.__main__ import command, main, notebook_names, notebook_path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """As installed from a wheel: the notebooks lie inside the package; the current folder is an empty one."""
    package, here = tmp_path / "site-packages" / "uai_notebook", tmp_path / "here"
    (package / "notebooks").mkdir(parents=True)
    here.mkdir()
    (package / "notebooks" / "01_quickstart.ipynb").write_text("{}")
    monkeypatch.setattr(module, "PACKAGE", package)
    monkeypatch.chdir(here)
    return package


def test_by_default_jupyterlab_opens_the_quickstart():
    line = command([])
    assert line[:3] == [sys.executable, "-m", "jupyterlab"]
    assert line[3] == f"--ServerApp.root_dir={NOTEBOOKS}"
    assert line[4] == "--LabApp.default_url=/lab/tree/01_quickstart.ipynb"
    assert "--no-browser" not in line
    assert not any("port" in part for part in line)


@pytest.mark.parametrize("name", ["quickstart", "01_quickstart", "01_quickstart.ipynb", "quickstart.ipynb"])
def test_a_notebook_is_found_by_its_name_or_its_end(name):
    assert command(["--notebook", name])[3:5] == command([])[3:5]


@pytest.mark.parametrize("name", ["no_such", "../01_quickstart", "/etc/passwd", "notebooks/01_quickstart"])
def test_an_unknown_notebook_is_refused_with_the_names_there_are(name):
    with pytest.raises(SystemExit, match=r"no notebook .*: expected one of .*01_quickstart"):
        command(["--notebook", name])


def test_no_browser_and_port_are_handed_on():
    line = command(["--no-browser", "--port", "9123"])
    assert "--no-browser" in line
    assert "--ServerApp.port=9123" in line


@pytest.mark.parametrize("arguments", [["--port", "many"], ["--port"], ["--what"], ["quickstart"]])
def test_arguments_that_do_not_fit_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        command(arguments)
    assert refused.value.code == 2
    assert "usage: python -m uai_notebook" in capsys.readouterr().err


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_only_root_is_told_to_be_allowed(monkeypatch, user, allowed):
    monkeypatch.setattr("os.geteuid", lambda: user, raising=False)
    assert ("--allow-root" in command([])) == allowed


def test_the_names_are_those_of_the_notebooks():
    assert notebook_names() == sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    assert "01_quickstart" in notebook_names()


def test_from_a_wheel_a_copy_is_opened_in_the_current_folder(wheel):
    assert notebook_path("quickstart") == Path("uai_notebooks/01_quickstart.ipynb")
    assert Path("uai_notebooks/01_quickstart.ipynb").read_text() == "{}"
    assert notebook_names() == ["01_quickstart"]


def test_a_copy_that_is_there_is_not_written_over(wheel):
    notebook_path("quickstart").write_text("mine")
    assert notebook_path("quickstart").read_text() == "mine"


def test_an_unknown_notebook_of_a_wheel_leaves_no_folder(wheel):
    with pytest.raises(SystemExit, match="no_such"):
        notebook_path("no_such")
    assert list(Path().iterdir()) == []


def test_without_jupyterlab_the_install_line_is_said(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jupyterlab" else find(name))
    with pytest.raises(SystemExit, match=r'JupyterLab is not installed: pip install "uai_notebook\[lab\]"'):
        main()


def test_main_runs_the_line_and_returns_its_status(monkeypatch):
    ran = []
    monkeypatch.setattr(sys, "argv", ["uai_notebook", "--no-browser"])
    monkeypatch.setattr(subprocess, "call", lambda line: ran.append(line) or 3)
    assert main() == 3
    assert ran == [command(["--no-browser"])]


def test_an_interrupt_ends_it_quietly(monkeypatch):
    def interrupted(line):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["uai_notebook"])
    monkeypatch.setattr(subprocess, "call", interrupted)
    assert main() == 0


HELP = """
import json, runpy, sys
sys.argv = ["uai_notebook", "--help"]
try:
    runpy.run_module("uai_notebook", run_name="__main__")
except SystemExit as end:
    print(json.dumps([end.code, "torch" in sys.modules]))
"""


def test_help_is_given_without_loading_torch():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=60, check=True)
    assert "--notebook NAME" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1]) == [0, False]
