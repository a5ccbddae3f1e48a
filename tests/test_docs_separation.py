"""The page of moving pictures: it shows what there is, and its commands are there."""

import re
from pathlib import Path

from uai_notebook.experiments.__main__ import EXPERIMENTS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "separation.md").read_text()


def test_every_picture_of_figures_9_to_11_is_on_the_page_and_in_the_folder():
    shown = set(re.findall(r"!\[[^]]+\]\(img/([^)]+)\)", PAGE))
    there = {path.name for n in (9, 10, 11) for path in (ROOT / "docs" / "img").glob(f"figure{n}_*.*")}
    assert shown == there
    assert len(shown) == 12


def test_links_lead_to_files():
    for link in re.findall(r"[^!]\[[^]]+\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def test_commands_are_there():
    assert set(re.findall(r"experiments (\w+)", PAGE)) <= set(EXPERIMENTS)
    assert "docs/make_pictures.py" in (ROOT / "Makefile").read_text()
    assert re.findall(r"^make (\w+)$", PAGE, re.MULTILINE) == ["pictures"]
