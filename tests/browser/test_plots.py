"""A page of a figure is drawn without a network."""

import numpy as np

from uai_notebook.experiments.plots import Curve, Figure, Panel, Points, save

B = np.arange(100)


def test_a_saved_page_is_drawn_and_asks_for_nothing_else(page, tmp_path):
    panels = [
        Panel("thyroid", "budget", "found", [Curve("DAE", B, B / 2, low=B / 4, high=B), Curve("DAE_uai", B, B)]),
        Panel("latent", "l", "s", points=[Points("normal", B, B), Points("anomaly", B, B**2)]),
    ]
    path, _ = save(Figure("Figures", panels, caption="Both."), tmp_path / "figure")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.goto(path.as_uri())
    page.wait_for_selector(".legendtext")
    assert page.locator(".legendtext").all_text_contents() == ["DAE", "DAE_uai", "normal", "anomaly"]
    assert page.locator(".scatterlayer .js-line").count() >= 3  # two lines and a band
    assert page.locator(".scatterlayer .point").count() == 2 * len(B)
    assert page.locator(".annotation-text").all_text_contents() == ["thyroid", "latent", "Both."]
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {path.as_uri()}
