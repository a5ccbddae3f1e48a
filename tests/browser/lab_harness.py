"""Driving a real JupyterLab, a real kernel and Chromium: for the browser tests, the screenshots and the benchmarks."""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("UAI_NOTEBOOK_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
CHROMIUM_FLAGS = [
    "--no-sandbox",  # root in a container
    "--disable-dev-shm-usage",
    # Without internet Chromium otherwise keeps dialling out.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    # Software WebGL; --disable-gpu would take it away again.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
IDLE = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator[data-status=idle]"


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [{**code, "id": uuid.uuid4().hex[:8], "source": source.strip("\n")} for source in cells],
    }
    path.write_text(json.dumps(content), encoding="utf-8")


class LabServer:
    """JupyterLab with its own configuration, data and runtime folders, on a port the system picks."""

    def __init__(self, root: Path) -> None:
        self.token = secrets.token_hex(16)
        self.root, self.notebooks, self.runtime = root, root / "notebooks", root / "runtime"
        self.notebooks.mkdir()
        self.runtime.mkdir(mode=0o700)
        self._settings(
            {
                "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
                # Windowed notebooks detach cells that are off screen, and their widgets with them.
                "notebook-extension/tracker": {"windowingMode": "none"},
            }
        )
        environment = {
            **os.environ,
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_CONFIG_DIR": str(root / "config"),
            "JUPYTER_DATA_DIR": str(root / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "IPYTHONDIR": str(root / "ipython"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # the kernelspec says "python"
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # numba's caches
        line = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
        line += ["--ServerApp.port=0", f"--ServerApp.root_dir={self.notebooks}", "--LabApp.news_url="]
        self._log = root / "server.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                line, stdout=log, stderr=log, env=environment, cwd=root, start_new_session=True
            )
        self.url = ""
        self._wait()

    def _settings(self, settings: dict[str, Any]) -> None:
        for name, value in settings.items():
            path = self.root / "config/lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))

    def _wait(self) -> None:
        info = self.runtime / f"jpserver-{self._process.pid}.json"
        end = time.monotonic() + 90
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.url = f"http://127.0.0.1:{json.loads(info.read_text())['port']}/"
                self.api("status")
                return
            except (OSError, ValueError):
                time.sleep(0.1)
        raise RuntimeError("JupyterLab did not start:\n" + self._log.read_text()[-3000:])

    def api(self, path: str, method: str = "GET") -> Any:
        """One request to the server's REST interface."""
        request = urllib.request.Request(
            self.url + "api/" + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.loads(reply.read() or b"null")

    def kernel_of(self, notebook: str, timeout: float = 60) -> str:
        """Id of the notebook's kernel, once a page is connected to it and it is idle."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for session in self.api("sessions"):
                kernel = session["kernel"]
                # The toolbar says idle before the page is connected; Run All would be lost.
                ready = kernel and kernel["connections"] >= 1 and kernel["execution_state"] == "idle"
                if session["path"] == notebook and ready:
                    return str(kernel["id"])
            time.sleep(0.1)
        raise TimeoutError(f"no idle kernel for {notebook}")

    def stop_kernels(self) -> None:
        """So that one test's kernel does not take another's processor."""
        for kernel in self.api("kernels"):
            self.api("kernels/" + kernel["id"], "DELETE")

    def close(self) -> None:
        """End it, whatever a failed test left."""
        if self._process.poll() is None:
            self.stop_kernels()
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)


class Kernel:
    """A second client of the notebook's kernel: reads its state without touching the page."""

    def __init__(self, runtime: Path, kernel_id: str) -> None:
        from jupyter_client import BlockingKernelClient

        self._client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel_id}.json"))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=300)  # it answers only when the cells before have run

    def value(self, expression: str, timeout: float = 60) -> Any:
        """The value of an expression that is a literal."""
        reply = self._client.execute(
            "", silent=True, user_expressions={"value": expression}, reply=True, timeout=timeout
        )
        value = reply["content"]["user_expressions"]["value"]
        if value["status"] != "ok":
            raise RuntimeError(value)
        return ast.literal_eval(value["data"]["text/plain"])

    def wait_for(self, expression: str, timeout: float = 60) -> None:
        """Until the expression is true."""
        end = time.monotonic() + timeout
        while not self.value(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"not true after {timeout} s: {expression}")
            time.sleep(0.1)

    def close(self) -> None:
        """Leave the kernel alone."""
        self._client.stop_channels()


def run_all(page: Any, lab: LabServer, name: str, timeout: float = 120) -> Kernel:
    """Open a notebook of the server, Run All Cells; returns its kernel at once."""
    page.goto(f"{lab.url}lab/tree/{name}?token={lab.token}&reset")
    page.wait_for_selector(IDLE, timeout=timeout * 1000)
    kernel_id = lab.kernel_of(name, timeout)
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    return Kernel(lab.runtime, kernel_id)
