"""``python -m uai_notebook``: open JupyterLab on the quickstart notebook."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

PACKAGE = Path(__file__).resolve().parent


def notebook_path(name: str) -> Path:
    """The notebook to open: that of a checkout, or a copy in the current folder of the one in the wheel."""
    file = name if name.endswith(".ipynb") else name + ".ipynb"
    for folder in (PACKAGE.parent / "notebooks", PACKAGE / "notebooks"):
        found = sorted(folder.glob(f"*{file}"))
        if not found:
            continue
        if folder.parent != PACKAGE:
            return found[0]
        copy = Path("uai_notebooks") / found[0].name  # the installed one is not the user's to write
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists():
            shutil.copyfile(found[0], copy)
        return copy
    raise SystemExit(f"no notebook {name!r}: expected one of {', '.join(notebook_names())}.")


def notebook_names() -> list[str]:
    """Names of the notebooks that come with the package."""
    folders = (PACKAGE.parent / "notebooks", PACKAGE / "notebooks")
    return sorted({path.stem for folder in folders for path in folder.glob("*.ipynb")})


def command(arguments: list[str]) -> list[str]:
    """The JupyterLab command line for our own arguments."""
    parser = argparse.ArgumentParser(prog="python -m uai_notebook", description="Open JupyterLab on a notebook.")
    parser.add_argument("--notebook", default="quickstart", metavar="NAME", help="name or its end, without .ipynb")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=int, help="default: JupyterLab's")
    options = parser.parse_args(arguments)
    path = notebook_path(options.notebook)
    line = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={path.parent.resolve()}"]
    line += [f"--LabApp.default_url=/lab/tree/{quote(path.name)}"]  # in the printed address too, unlike a file argument
    line += ["--no-browser"] if options.no_browser else []
    line += [f"--ServerApp.port={options.port}"] if options.port is not None else []
    # In a container everything runs as root, and JupyterLab refuses to start without this.
    line += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return line


def main() -> int:
    """Run it."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise SystemExit('JupyterLab is not installed: pip install "uai_notebook[lab]"')
    try:
        return subprocess.call(command(sys.argv[1:]))
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
