"""A saved evolution plays in a browser that has no network."""

import numpy as np

from uai_notebook import views
from uai_notebook.snapshot import History, Snapshot

POINTS = "() => [...document.querySelectorAll('.scatterlayer .point')].map(p => p.getAttribute('transform')).join()"
SAID = "() => document.querySelector('.slider-label').textContent"


def test_a_saved_page_plays_offline_and_asks_for_nothing(page, tmp_path):
    history = History()
    for r in range(3):
        l, s = np.float32([[0], [r], [2 * r]]), np.float32([1, 2, 3 + r])  # noqa: E741
        history.append(Snapshot(s, latent=l, round=r, labeled_index=np.arange(r), labeled_value=np.zeros(r)))
    path = views.save(views.evolution(history, labels=([0, 1], [0, 1])), tmp_path / "evolution.html")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.goto(path.as_uri())
    page.wait_for_selector(".scatterlayer .point")
    page.wait_for_selector(".slider-label")
    first = page.evaluate(POINTS)
    assert page.evaluate(SAID) == "round 1, 0 labels"
    page.locator(".updatemenu-button", has_text="Play").click()
    page.wait_for_function(f"({SAID})() === 'round 3, 2 labels'")
    assert page.evaluate(POINTS) != first
    assert page.locator(".legendtext").all_text_contents() == ["unlabeled", "normal", "anomaly"]
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {path.as_uri()}
    assert page.problems == []
