"""Maps by UMAP: the real one, in its real child process, on a few hundred points."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from uai_notebook.snapshot import Frame
from uai_notebook.views.maps import LatentMap, MapJob
from uai_notebook.views.maps import cache as map_cache
from uai_notebook.views.maps import process as umap_process

N = 200
CLUSTER = np.arange(N) % 3


def frame_of(latent, round_=0, index=None, score=None):
    n = len(latent)
    index = np.arange(n) if index is None else np.asarray(index)
    score = np.linspace(0, 1, n, dtype=np.float32) if score is None else score
    return Frame(round_, index, score, np.asarray(latent, np.float16), None, 0)


def latents(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return np.eye(3, 4)[np.arange(n) % 3] * 8 + rng.normal(size=(n, 4))


@pytest.fixture(scope="module")
def rounds():
    """Three rounds of three clusters: the second holds the latents of the last with two rows exchanged, the first
    has fewer items in another order."""
    last = latents()
    swapped = last.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    few = np.arange(N - 20)[::-1]
    return [frame_of(latents(seed=1)[few], 0, few), frame_of(swapped, 1), frame_of(last, 2)]


@pytest.fixture(scope="module")
def made(rounds, tmp_path_factory):
    """(map, what on_progress saw, the cache folder) of one computation."""
    map_cache.forget()
    folder = tmp_path_factory.mktemp("maps") / "new"
    seen = []
    job = MapJob(rounds, cache=folder, on_progress=lambda job: seen.append((time.monotonic(), job.progress)))
    job.start()
    return job.wait(300), seen, folder


@pytest.fixture
def no_child(monkeypatch):
    """Whoever starts a process fails."""

    def refuse(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(umap_process.subprocess, "Popen", refuse)


def own_cluster_share(points, cluster):
    """How many of the 5 nearest neighbours of each point are of its cluster, on average."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, :5]
    return (cluster[nearest] == cluster[:, None]).mean()


def children():
    """Ids of the processes of this one that compute a map."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        if parent == os.getpid() and "views.maps.child" in command:
            found.append(int(status.parent.name))
    return found


def wait_for_child():
    end = time.monotonic() + 60
    while not children():
        assert time.monotonic() < end, "no process came"
        time.sleep(0.01)


def folders(tmp_path):
    return [path.name for path in tmp_path.iterdir() if path.name.startswith("uai_notebook_umap_")]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary folders of this test are made."""
    monkeypatch.setattr(umap_process.tempfile, "tempdir", str(tmp_path))
    return tmp_path


# -- the map --------------------------------------------------------------------------------------------------------


def test_clusters_that_are_apart_stay_apart_in_the_fitted_and_in_the_placed_rounds(made, rounds):
    latent_map = made[0]
    for frame in rounds:
        points = latent_map(frame)
        assert points.shape == (len(frame.index), 2)
        assert points.dtype == np.float32
        assert np.isfinite(points).all()
        assert own_cluster_share(points, frame.index % 3) > 0.95


def test_one_latent_lies_in_about_one_place_in_all_rounds(made, rounds):
    latent_map = made[0]
    last, before = latent_map(rounds[2]), latent_map(rounds[1])
    size = np.ptp(last, axis=0).max()
    moved = np.linalg.norm(last - before, axis=1) / size
    assert np.median(moved[2:]) < 0.1
    assert np.linalg.norm(last[0] - before[1]) / size < 0.1  # the exchanged ones moved with their latents
    assert moved[0] > 0.2


def test_a_map_says_what_it_is_and_of_how_many(made):
    latent_map = made[0]
    assert latent_map.titles == ("UMAP 1 of l (4-d), fitted at 0 labels", "UMAP 2")
    assert latent_map.note == "200 of 200 items on the map"


def test_latents_of_one_dimension_with_many_equal_ones_have_a_map_too():
    latent = np.repeat([0.0, 1.0, 5.0], 20)[:, None]
    latent[:5] += 0.01
    frame = frame_of(latent)
    job = MapJob([frame])
    job.start()
    points = job.wait(300)(frame)
    assert np.isfinite(points).all()
    assert own_cluster_share(points, np.repeat([0, 1, 2], 20)) > 0.95


def test_a_round_that_is_not_on_the_map_has_no_points(made):
    assert made[0](frame_of(latents(), 7)) is None


def test_progress_goes_forward_at_most_twice_a_second_and_ends_with_done(made):
    times = [when for when, _ in made[1]]
    seen = [progress for _, progress in made[1]]
    assert seen[-1].done
    assert seen[-1].failed is None
    assert seen[-1].step == seen[-1].of == 500
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    assert {"fitting"} <= {p.text for p in seen}
    assert not any(p.done for p in seen[:-1])
    assert min(np.diff(times[:-1])) > 0.49


def test_the_same_input_takes_no_second_process(made, rounds, no_child):
    again = MapJob(rounds)
    again.start()
    assert again.wait(60).key == made[0].key
    assert again.progress.done
    assert np.array_equal(again.wait()(rounds[0]), made[0](rounds[0]))


def test_a_new_process_of_python_finds_the_map_in_the_folder(made, rounds, no_child):
    map_cache.forget()
    again = MapJob(rounds, cache=made[2])
    again.start()
    assert np.array_equal(again.wait(60)(rounds[2]), made[0](rounds[2]))


def test_a_damaged_file_is_computed_again_and_the_same_seed_gives_the_same_map(made, rounds, tmp_path):
    (file,) = made[2].iterdir()
    damaged = tmp_path / file.name
    damaged.write_bytes(file.read_bytes()[:300])
    map_cache.forget()
    again = MapJob(rounds, cache=tmp_path)
    again.start()
    found = again.wait(300)
    for frame in rounds:
        assert np.array_equal(found(frame), made[0](frame))
    assert map_cache.load(found.key, tmp_path, [N, 0, N - 20, N]) is not None
    assert damaged.read_bytes() == file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("changed", ["latent", "seed", "one round less"])
def test_another_input_has_another_key(made, rounds, changed, no_child):
    frames, seed = list(rounds), 0
    if changed == "latent":
        frames[0] = frame_of(latents(seed=9)[: N - 20])
    elif changed == "seed":
        seed = 1
    else:
        frames = frames[1:]
    job = MapJob(frames, seed=seed)
    job.start()
    with pytest.raises(RuntimeError, match="a process was started"):
        job.wait(60)


def test_the_parent_imports_neither_umap_nor_plotly_nor_torch():
    code = "import sys, uai_notebook.views.maps\nprint([m for m in ('umap', 'numba', 'plotly', 'torch', 'sklearn')"
    code += " if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


# -- cancelling and failing -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the process in /proc")
def test_cancelling_leaves_no_process_and_no_file(temporary):
    job = MapJob([frame_of(latents(seed=5))])
    job.start()
    wait_for_child()
    assert folders(temporary)
    job.cancel()
    with pytest.raises(CancelledError):
        job.wait(1)
    assert not children()
    assert not folders(temporary)
    assert (job.progress.done, job.progress.failed) == (True, "the map was cancelled")
    job.cancel()  # once more is nothing


def test_a_map_cancelled_before_it_began_does_not_begin(no_child):
    job = MapJob([frame_of(latents(seed=5))])
    job.cancel()
    job.start()
    with pytest.raises(CancelledError):
        job.wait(1)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the process in /proc")
def test_a_process_that_is_killed_is_said_in_words(temporary):
    job = MapJob([frame_of(latents(seed=6))])
    job.start()
    wait_for_child()
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"ended from outside \(signal 9\).* try again with a smaller max_items"):
        job.wait(30)
    assert "ended from outside" in job.progress.failed
    assert not folders(temporary)


def test_without_umap_the_install_line_is_said(monkeypatch):
    monkeypatch.setattr(umap_process.importlib.util, "find_spec", lambda name: None)
    job = MapJob([frame_of(latents(seed=7))])
    job.start()
    with pytest.raises(RuntimeError, match="pip install umap-learn"):
        job.wait(30)


def test_what_the_child_dies_of_is_said():
    process = umap_process.UmapProcess()
    with pytest.raises(RuntimeError, match="UMAP failed: ValueError"):
        process.run(np.zeros((3, 0), np.float32), [], 0, lambda step, of, text: None)


def failure(frames, **options):
    job = MapJob(frames, **options)
    job.start()
    with pytest.raises(RuntimeError) as caught:
        job.wait(60)
    assert job.progress.failed == str(caught.value)
    return str(caught.value)


def test_too_few_items_are_refused(no_child):
    assert failure([frame_of(latents(9))]) == "a map of l (4-d) needs at least 10 items, and there are 9."


def test_latents_that_are_not_finite_are_left_out_and_counted(no_child):
    broken = latents(15)
    broken[3:9] = np.nan
    assert "there are 9, and 6 whose l (4-d) is not finite" in failure([frame_of(broken)])


def test_latents_that_are_all_the_same_are_refused(no_child):
    assert "l (4-d) is the same for all items" in failure([frame_of(np.ones((20, 4)))])


def test_a_learner_without_a_latent_is_told_of_x(no_child):
    frame = Frame(0, np.arange(20), np.zeros(20, np.float32), None, None, 0)
    assert 'use of="x"' in failure([frame])
    assert "needs x: a Dataset, or an array" in failure([frame], of="x")
    assert "x has 5 rows, but there is an item 19" in failure([frame], of="x", x=np.zeros((5, 2)))


def test_arguments_are_checked_at_once(rounds):
    with pytest.raises(ValueError, match=r'of=\'pca\': expected "latent" or "x"'):
        MapJob(rounds, "pca")
    with pytest.raises(ValueError, match="at least one round: train first"):
        MapJob([])
    with pytest.raises(ValueError, match="max_items=3: expected at least 10"):
        MapJob(rounds, max_items=3)
    with pytest.raises(RuntimeError, match=r"call start\(\) first"):
        MapJob(rounds).wait()


def test_a_view_that_fails_does_not_stop_the_map(made, rounds, caplog):
    def broken(job):
        raise KeyError("view")

    job = MapJob(rounds, on_progress=broken, cache=made[2])
    job.start()
    assert isinstance(job.wait(60), LatentMap)


def test_on_progress_may_wait_for_the_map_it_is_told_of(made, rounds):
    got = []
    told = threading.Event()

    def view(job):
        if job.progress.done:
            got.append(job.wait())
            told.set()

    MapJob(rounds, on_progress=view, cache=made[2]).start()
    assert told.wait(60)
    assert got[0].key == made[0].key
