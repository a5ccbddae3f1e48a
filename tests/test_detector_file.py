"""A detector kept in a file: it comes back the same, and nothing that is in a file can do harm."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook import checkpoint
from uai_notebook.learners import learner_names

SMALL = uai.TrainConfig(hidden=(8, 2), pretrain_steps=20, round_steps=3, batch_size=32, labeled_batch=16)
CLASSES = np.array(["a", "b", "c"])[np.arange(80) % 3]


@pytest.fixture(scope="module")
def data(ds):
    y = np.full(80, -1)
    y[:3], y[20:25] = 1, 0
    return np.asarray(ds.x), y


@pytest.fixture(scope="module")
def saved(data, tmp_path_factory):
    """A detector and its file."""
    detector = uai.UaiDetector(config=SMALL).fit(*data)
    path = tmp_path_factory.mktemp("detector") / "detector.uai"
    detector.save(path)
    return detector, path


@pytest.mark.parametrize("base", learner_names())
def test_what_is_loaded_scores_as_what_was_saved(data, tmp_path, base):
    x_y = CLASSES if base == "class" else None
    detector = uai.UaiDetector(base, contamination=0.2, config=SMALL, random_state=7).fit(*data, x_y)
    detector.save(tmp_path / "d.uai")
    again = uai.UaiDetector.load(tmp_path / "d.uai")
    assert np.array_equal(again.decision_function(data[0], x_y), detector.decision_function(data[0], x_y))
    assert np.array_equal(again.predict(data[0], x_y), detector.predict(data[0], x_y))
    pd.testing.assert_frame_equal(again.rank_new(data[0], x_y), detector.rank_new(data[0], x_y))
    parameters = again.get_params()
    assert (parameters["base"], parameters["contamination"], parameters["random_state"]) == (base, 0.2, 7)
    again.save(tmp_path / "again.uai")  # and so on


@pytest.mark.parametrize("base", ["loda_aad", "tree_aad", "pine_forest", "isolation_forest", "oc_svm"])
def test_a_detector_of_images_comes_back_with_the_range_of_their_values(make, tmp_path, base):
    pixels = np.random.default_rng(0).integers(50, 200, (80, 4, 4)).astype(np.uint8)  # min-max is another scale
    pixels[40:] = pixels[:40]  # as often equal as images are, of other classes
    images = uai.Dataset.from_images(pixels, x_y=np.arange(80) % 3)
    session = make(ds=images, base=base)
    session.train()
    session.label(session.queue[:4], [1, 0, 0, 1])
    detector = session.finish()
    detector.save(tmp_path / "d.uai")
    again = uai.UaiDetector.load(tmp_path / "d.uai")
    assert again.learner_.ds.value_range == (0, 255)
    assert np.array_equal(again.score_samples(images.x), detector.score_samples(images.x))


def test_what_is_loaded_can_be_fitted_again(data, saved):
    again = uai.UaiDetector.load(saved[1]).fit(*data)
    assert np.array_equal(again.score_samples(data[0]), saved[0].score_samples(data[0]))


def test_the_file_of_a_network_holds_none_of_the_data(data, saved):
    with np.load(saved[1]) as file:
        sizes = [file[name].size for name in file.files if file[name].ndim > 1]
    assert max(sizes) == 40  # weights of 5 by 8; the data are 80 by 5


def test_a_module_of_ones_own_is_given_again(data, tmp_path, distance_model):
    detector = uai.UaiDetector(distance_model(), config=SMALL).fit(*data)
    detector.save(tmp_path / "d.uai")
    again = uai.UaiDetector.load(tmp_path / "d.uai", base=distance_model())
    assert np.array_equal(again.score_samples(data[0]), detector.score_samples(data[0]))
    with pytest.raises(ValueError, match="with a DistanceModel of your own, and none was given"):
        uai.UaiDetector.load(tmp_path / "d.uai")
    with pytest.raises(ValueError, match="and Linear was given"):
        uai.UaiDetector.load(tmp_path / "d.uai", base=__import__("torch").nn.Linear(5, 2))
    with pytest.raises(ValueError, match="not a detector that can be read"):
        uai.UaiDetector.load(tmp_path / "d.uai", base=distance_model(5, 3))


def test_a_base_that_is_not_needed_is_refused(saved, distance_model):
    with pytest.raises(ValueError, match="holds a detector with base='dae': leave base out"):
        uai.UaiDetector.load(saved[1], base=distance_model())


def test_names_of_columns_are_kept(data, tmp_path):
    frame = pd.DataFrame(data[0], columns=list("pqrst"))
    uai.UaiDetector(config=SMALL).fit(frame, data[1]).save(tmp_path / "d.uai")
    again = uai.UaiDetector.load(tmp_path / "d.uai")
    again.predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(frame[list("qprst")])


def test_a_file_is_not_overwritten_unless_one_says_so(saved, data, tmp_path):
    path = tmp_path / "new" / "d.uai"  # folders are made
    saved[0].save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        saved[0].save(path)
    assert path.read_bytes() == before
    uai.UaiDetector(config=SMALL, random_state=3).fit(*data).save(path, overwrite=True)
    assert path.read_bytes() != before
    assert [p.name for p in path.parent.iterdir()] == ["d.uai"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(saved, tmp_path, monkeypatch):
    path = tmp_path / "d.uai"
    saved[0].save(path)
    before = path.read_bytes()

    def full(*args, **arrays):
        raise OSError(28, "No space left on device")

    for name in ("savez", "savez_compressed"):
        monkeypatch.setattr(np, name, full)
    with pytest.raises(OSError, match="No space left"):
        saved[0].save(path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["d.uai"]


# -- other files ------------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        uai.UaiDetector.load(tmp_path / "nothing.uai")


def foreign(kind: str, path) -> None:
    if kind == "text":
        path.write_text("id,label\n1,0\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "arrays":
        np.savez(path.open("wb"), a=np.arange(3))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a.txt", "hello")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"a": 1}))
    else:
        checkpoint.write(path, {"session": 1})


@pytest.mark.parametrize("kind", ["text", "empty", "arrays", "zip", "pickle", "checkpoint"])
def test_a_file_of_another_kind_is_a_clear_error(tmp_path, kind):
    foreign(kind, tmp_path / "f")
    with pytest.raises(
        ValueError, match=r"f is not a detector that can be read \(it (is damaged|holds something else)"
    ):
        uai.UaiDetector.load(tmp_path / "f")


class Trap:
    """Code that would run if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("code of a file was run",))


def test_code_in_a_file_is_never_run(tmp_path):
    for name, value in (("tree", Trap()), ("a0", Trap())):
        with (tmp_path / name).open("wb") as file:
            np.savez(file, allow_pickle=True, **{name: np.array([value], dtype=object)})
        with pytest.raises(ValueError, match="not a detector that can be read"):
            uai.UaiDetector.load(tmp_path / name)
    (tmp_path / "p").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="not a detector that can be read"):
        uai.UaiDetector.load(tmp_path / "p")


@settings(max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_file_is_a_clear_error_or_the_same_detector(saved, data, tmp_path_factory, place, bit, cut):
    raw = bytearray(saved[1].read_bytes())
    at = int(place * len(raw))
    if cut:
        del raw[at:]
    else:
        raw[at] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "d.uai"
    path.write_bytes(raw)
    try:
        again = uai.UaiDetector.load(path)
    except ValueError as error:
        assert "is not a detector that can be read" in str(error)  # noqa: PT017
    else:  # the bit was one that nothing depends on, such as the time of a zip entry
        assert np.array_equal(again.score_samples(data[0]), saved[0].score_samples(data[0]))


CHANGES = {
    "a newer version": (("detector",), 3, "has version 3, and this program reads version 2"),
    "settings that are none": (("config",), {"lr": -1}, "expected a positive number"),
    "settings missing": (("config",), None, "NoneType"),
    "a network too large": (("config", "hidden"), [10**9, 8], "fewer weights than its settings say"),
    "another network": (("config", "hidden"), [4, 2], "of another model"),
    "a base that is none": (("base",), "os.system", "expected one of"),
    "another number of features": (("fitted", "shape_"), [6], "not a detector"),
    "a shape of nothing": (("fitted", "shape_"), [], "not a detector"),
    "a shape below 0": (("fitted", "shape_"), [-5], "not a detector"),
    "an endless shape": (("fitted", "shape_"), [10**12], "not a detector"),
    "an offset that is none": (("fitted", "offset_"), "high", "not a detector"),
    "an offset of nan": (("fitted", "offset_"), np.nan, "offset_ is nan"),
    "an attribute missing": (("fitted",), {}, "shape_"),
    "weights of another type": (("state", "net"), {"a": np.zeros(9)}, "not a detector"),
    "weights that are no numbers": (
        ("state", "net", "head.weight"),
        np.full((1, 3), np.nan, np.float32),
        "fit together",
    ),
    "scaling of another size": (("state", "scaling"), [np.zeros(4), np.ones(4)], "not a detector"),
    "a table that is none": (("encoding",), [["age"]], "not a detector"),
    "nothing of the state": (("state",), {}, "not a detector"),
    "a share above a half": (("contamination",), 3.0, "contamination=3.0"),
    "data that are none": (("data",), {"x": np.zeros(3), "value_range": None}, "not a detector"),
    "a file from before": (("detector",), 1, "has version 1, and this program reads version 2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_tampered_with_is_a_clear_error(saved, tmp_path, change):
    (*way, last), value, message = CHANGES[change]
    tree = checkpoint.read(saved[1])
    part = tree
    for name in way:
        part = part[name]
    part[last] = value
    checkpoint.write(tmp_path / "d.uai", tree)
    with pytest.raises(ValueError, match=message) as raised:
        uai.UaiDetector.load(tmp_path / "d.uai")
    assert "is not a detector that can be read" in str(raised.value)
