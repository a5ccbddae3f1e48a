"""Colours as somebody with a colour vision deficiency sees them, for the screenshots and the colours of the plots."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

import uai_notebook as uai

SCRIPT = Path(__file__).parents[1] / "docs" / "make_screenshots.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_screenshots", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VISIONS = ("deuteranopia", "protanopia")


@pytest.mark.parametrize("vision", VISIONS)
def test_grays_look_gray(script, vision):
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert np.abs(script.as_seen(grays, vision).astype(int) - grays).max() <= 1


@pytest.mark.parametrize("vision", VISIONS)
def test_red_and_green_come_closer_and_blue_and_yellow_stay_apart(script, vision):
    def apart(one, other):
        a, b = script.as_seen(np.array([one, other], np.uint8), vision).astype(int)
        return np.abs(a - b).sum()

    assert apart([200, 80, 60], [100, 150, 60]) < 0.6 * (100 + 70)
    assert apart([0, 0, 255], [255, 255, 0]) > 0.8 * 3 * 255


def test_a_picture_gets_one_beside_it_for_each_kind_of_vision(script, tmp_path):
    from PIL import Image

    path = tmp_path / "plot.png"
    Image.new("RGBA", (4, 3), (213, 94, 0, 255)).save(path)
    made = script.write_as_seen(path)
    assert sorted(p.name for p in made) == [f"plot_{vision}.png" for vision in VISIONS]
    for vision, picture in zip(script.VISION, made, strict=True):
        seen = np.asarray(Image.open(picture))
        assert seen.shape == (3, 4, 3)
        np.testing.assert_array_equal(seen[0, 0], script.as_seen(np.array([213, 94, 0], np.uint8), vision))


@pytest.mark.parametrize("vision", VISIONS)
def test_labels_of_the_plots_stay_apart_for_everybody(script, vision):
    from uai_notebook.views import style

    names = [style.MARKS[uai.Label.ANOMALY].colour, style.MARKS[uai.Label.NORMAL].colour, style.UNLABELED]
    colors = [[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in names]
    seen = script.as_seen(np.array(colors, np.uint8), vision).astype(float)
    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(a - b) > 40
