"""What Figures 1 and 5 in the docs say is what the code does."""

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch

import uai_notebook as uai

DOCS = Path(__file__).parents[1] / "docs"
D, CLASSES = 20, 7


@pytest.fixture(scope="module")
def drawings():
    spec = importlib.util.spec_from_file_location("make_drawings", DOCS / "make_drawings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(parts):
    return re.findall(r"<text[^>]*>([^<]*)</text>", "".join(parts))


def widths(model):
    return [module.out_features for module in model.modules() if isinstance(module, torch.nn.Linear)]


def sizes(parts):
    return [word for word in words(parts) if word.isdigit() or word in ("d", "classes")]


def as_drawn(numbers, names):
    return [names.get(number, str(number)) for number in numbers]


def test_the_committed_drawings_are_those_of_the_script(drawings, monkeypatch, tmp_path):
    (tmp_path / "img").mkdir()
    monkeypatch.setattr(drawings, "__file__", str(tmp_path / "make_drawings.py"))
    drawings.main()
    for path in sorted((tmp_path / "img").iterdir()):
        assert path.read_text(encoding="utf-8") == (DOCS / "img" / path.name).read_text(encoding="utf-8")
        assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_figure_1_has_the_layers_of_the_default_autoencoder(drawings):
    model = uai.DenoisingAutoEncoder(D, uai.TrainConfig().hidden)
    assert sizes(drawings.dae_uai()) == ["d", *as_drawn(widths(model), {D: "d"})]


def test_figure_5_has_the_layers_of_the_default_classifier(drawings):
    model = uai.Classifier(D, CLASSES, uai.TrainConfig().hidden)
    assert sizes(drawings.class_uai()) == ["d", *as_drawn(widths(model), {CLASSES: "classes"})]


def test_the_uai_layer_reads_as_many_numbers_as_drawn_and_is_one_linear_layer(drawings):
    net = uai.UaiNet(uai.DenoisingAutoEncoder(D))
    assert isinstance(net.head, torch.nn.Linear)
    assert f"{net.head.in_features} numbers" in words(drawings.dae_uai())
    assert f"{net.head.in_features} numbers" in words(drawings.class_uai())


def test_noise_is_added_in_training_only_and_only_in_figure_1(drawings):
    torch.manual_seed(0)
    x, model = torch.rand(4, D), uai.DenoisingAutoEncoder(D)
    assert not torch.equal(model.train()(x).latent, model(x).latent)
    assert torch.equal(model.eval()(x).latent, model(x).latent)
    assert "in training only" in words(drawings.dae_uai())
    assert "in training only" not in words(drawings.class_uai())


def test_scores_and_losses_are_as_drawn(drawings):
    x, x_y = torch.rand(4, D), torch.tensor([0, 1, 2, 3])
    model = uai.DenoisingAutoEncoder(D).eval()
    out = model(x)
    assert torch.allclose(out.score, (x - model.decoder(out.latent)).square().sum(1))
    assert torch.allclose(out.loss, out.score / D)
    assert {"s = ‖x − x̂‖²", "loss of the DAE: s / d"} <= set(words(drawings.dae_uai()))
    model = uai.Classifier(D, CLASSES)
    out = model(x, x_y)
    chance = model.output(out.latent).softmax(1)[torch.arange(4), x_y]
    assert torch.allclose(out.score, -chance.log(), atol=1e-6)
    assert torch.equal(out.loss, out.score)
    assert {"s = cross entropy(x_y, x̂_y)", "loss of the classifier: s"} <= set(words(drawings.class_uai()))


def test_gradient_flows_through_l_and_not_through_s(drawings):
    base = uai.DenoisingAutoEncoder(D)
    uai.UaiNet(base)(torch.rand(4, D)).logit.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in base.encoder.parameters())
    assert all(p.grad is None for p in base.decoder.parameters())  # only s depends on it
    for figure in (drawings.dae_uai(), drawings.class_uai()):
        assert "no gradient flows back through s" in words(figure)
        assert "gradient flows through l into the layers before it" in words(figure)
