"""A real JupyterLab, a real kernel and Chromium, once per test session."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab_harness import CHROMIUM, CHROMIUM_FLAGS, Kernel, LabServer, run_all, write_notebook


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: browser tests not run"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(120_000)  # a map: numba compiles for half a minute, and the machine may be busy
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def run_notebook(lab: LabServer, page: Any) -> Iterator[Callable[..., Kernel]]:
    """Write a notebook of cells (or take one that is there), open it, Run All, give its kernel."""
    kernels: list[Kernel] = []

    def run(cells: list[str] | Path, name: str = "test.ipynb", timeout: float = 120) -> Kernel:
        if isinstance(cells, Path):
            shutil.copyfile(cells, lab.notebooks / name)
        else:
            write_notebook(lab.notebooks / name, cells)
        kernel = run_all(page, lab, name, timeout)
        kernels.append(kernel)
        return kernel

    yield run
    for kernel in kernels:
        kernel.close()
    lab.stop_kernels()


@pytest.fixture
def wait_until_ran(page: Any) -> Callable[..., None]:
    """Wait until every code cell has a number and none a star."""

    def wait(cells: int, timeout: float = 180) -> None:
        page.wait_for_function(
            "n => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
            ".filter(e => /\\[\\d+\\]/.test(e.textContent)).length === n",
            arg=cells,
            timeout=timeout * 1000,
        )

    return wait
