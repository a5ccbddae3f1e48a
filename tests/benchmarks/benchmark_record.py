"""What every benchmark writes: the machine and the versions it ran with, and its two files."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from uai_notebook import __version__


def processor() -> str:
    """Name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(*modules: ModuleType) -> dict[str, str]:
    """Version of each: Python, the modules in the given order, and this package."""
    given = {module.__name__: str(module.__version__) for module in modules}
    return {"python": platform.python_version(), **given, "uai_notebook": __version__}


def machine_line(*modules: ModuleType) -> str:
    """The processor and the versions as the last line of a report."""
    given = versions(*modules)
    python = given.pop("python")
    others = ", ".join(f"{name} {version}" for name, version in given.items())
    return f"{processor()}, Python {python}, {others}."


def write(out: Path, text: str, record: Mapping[str, object]) -> None:
    """Write ``text`` to ``out`` with .md and ``record`` with .json."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
