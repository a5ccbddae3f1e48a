"""The README shows what the committed results say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["first_look", "table1", "bench_round", "bench_click"])
def test_the_table_in_the_readme_is_the_committed_result(name):
    shown = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", (ROOT / "README.md").read_text(), re.S)
    assert shown is not None
    assert shown[1].strip() in (ROOT / "results" / f"{name}.md").read_text()
    assert shown[1].count("|") > 10


def test_the_readme_names_the_two_commands_and_its_files_are_there():
    text = (ROOT / "README.md").read_text()
    assert "make lab" in text
    assert "make test" in text
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (ROOT / target).exists(), target
