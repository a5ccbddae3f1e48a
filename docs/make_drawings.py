"""Draw the architectures of Figures 1 and 5 as SVG into ``docs/img``: python docs/make_drawings.py.

Sizes are those of the default ``TrainConfig``; a test compares what is written here with the modules. The background
is light on purpose: a picture in a page cannot know whether the page is dark.
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.sax.saxutils import escape

HIDDEN = (256, 64, 8)  # of the encoder, and of the classifier
WIDTH, HEIGHT = 980, 440
MIDDLE = 150  # height of the base model's row
HEAD = 340  # and of the UAI layer's
BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#8C8C8C", "#222222"
HEAD_TEXT = ("logistic regression", "σ(W [l ; s] + b)")

STYLE = """
text { font: 14px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #222222; text-anchor: middle; }
.small { font-size: 12px; fill: #555555; }
.blue { fill: #0072B2; } .orange { fill: #B34D00; }
.title { font-size: 16px; font-weight: 600; text-anchor: start; }
path { fill: none; stroke: #222222; stroke-width: 1.6; }
"""


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """One line, its middle at x and its base line at y."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def layer(x: float, units: str, below: str = "", colour: str = GREY, size: int | None = None) -> str:
    """A layer of the base model: a bar whose height goes with the logarithm of its size, the size under it."""
    half = 9 * math.log2(size if size else int(units)) + 6
    bar = f'<rect x="{x - 11:g}" y="{MIDDLE - half:g}" width="22" height="{2 * half:g}" rx="4" fill="{colour}"/>'
    return bar + text(x, MIDDLE + half + 18, units) + (text(x, MIDDLE + half + 35, below, "small") if below else "")


def box(x: float, y: float, width: float, lines: tuple[str, ...], colour: str = INK) -> str:
    """Lines of text in a frame, its middle at x, y."""
    height = 18 * len(lines) + 14
    frame = (
        f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'fill="#FFFFFF" stroke="{colour}" stroke-width="1.6"/>'
    )
    return frame + "".join(text(x, y - height / 2 + 20 + 18 * i, line) for i, line in enumerate(lines))


def arrow(*points: tuple[float, float], colour: str = INK, dash: bool = False) -> str:
    """A line through the points, with a head at the last."""
    line = " L ".join(f"{x:g} {y:g}" for x, y in points)
    dashes = ' stroke-dasharray="6 4"' if dash else ""
    return f'<path d="M {line}" style="stroke: {colour}" marker-end="url(#head{colour[1:]})"{dashes}/>'


def cut(x: float, y: float) -> str:
    """A stroke across a line: nothing passes here."""
    return f'<path d="M {x - 11:g} {y - 4:g} L {x + 11:g} {y + 4:g}" style="stroke: {ORANGE}"/>'


def uai_layer(latent_x: float, score_x: float) -> list[str]:
    """The lower row: l and s joined, logistic regression, and where the gradient goes."""
    join, head, out = latent_x + 130, latent_x + 310, latent_x + 475
    return [
        arrow((latent_x, MIDDLE + 75), (latent_x, HEAD), (join - 52, HEAD), colour=BLUE),
        text(latent_x + 26, HEAD - 10, "l", "blue"),
        arrow((score_x, MIDDLE + 16), (score_x, HEAD - 52), (join, HEAD - 52), (join, HEAD - 26)),
        cut(score_x, MIDDLE + 52),
        cut(score_x, MIDDLE + 60),
        text(score_x - 18, HEAD - 60, "s"),
        text(score_x + 138, MIDDLE + 61, "no gradient flows back through s", "orange"),
        box(join, HEAD, 104, ("[l ; s]", f"{HIDDEN[-1] + 1} numbers")),
        arrow((join + 52, HEAD), (head - 86, HEAD)),
        box(head, HEAD, 172, HEAD_TEXT, BLUE),
        arrow((head + 86, HEAD), (out - 45, HEAD)),
        box(out, HEAD, 90, ("s_uai",), BLUE),
        text(out, HEAD + 36, "cross entropy", "small"),
        text(out, HEAD + 52, "with the expert's labels", "small"),
        arrow(
            (head, HEAD + 28),
            (head, HEAD + 58),
            (latent_x - 24, HEAD + 58),
            (latent_x - 24, MIDDLE + 75),
            colour=ORANGE,
            dash=True,
        ),
        text((head + latent_x) / 2, HEAD + 76, "gradient flows through l into the layers before it", "orange"),
    ]


def dae_uai() -> list[str]:
    """Figure 1."""
    first, second, latent = HIDDEN
    x = {"x": 60, "noise": 150, "first": 240, "second": 310, "latent": 380, "back2": 450, "back1": 520, "out": 600}
    score = 710
    return [
        text(24, 34, "Figure 1: DAE_uai", "title"),
        layer(x["x"], "d", "x", INK, 400),
        arrow((75, MIDDLE), (135, MIDDLE)),
        f'<circle cx="{x["noise"]}" cy="{MIDDLE}" r="14" fill="#FFFFFF" stroke="{INK}" stroke-width="1.6"/>',
        text(x["noise"], MIDDLE + 6, "+"),
        text(x["noise"], MIDDLE - 40, "ε ~ N(0, φ)", "small"),
        text(x["noise"], MIDDLE - 25, "in training only", "small"),
        arrow((165, MIDDLE), (226, MIDDLE)),
        layer(x["first"], f"{first}"),
        arrow((253, MIDDLE), (296, MIDDLE)),
        layer(x["second"], f"{second}"),
        arrow((323, MIDDLE), (366, MIDDLE)),
        layer(x["latent"], f"{latent}", "l", BLUE),
        text(x["second"], 58, "encoder", "small"),
        arrow((393, MIDDLE), (436, MIDDLE)),
        layer(x["back2"], f"{second}"),
        arrow((463, MIDDLE), (506, MIDDLE)),
        layer(x["back1"], f"{first}"),
        arrow((533, MIDDLE), (586, MIDDLE)),
        layer(x["out"], "d", "x̂", INK, 400),
        text(x["back1"], 58, "decoder", "small"),
        arrow((613, MIDDLE), (score - 76, MIDDLE)),
        box(score, MIDDLE, 152, ("s = ‖x − x̂‖²",), ORANGE),
        arrow((60, 64), (60, 44), (score, 44), (score, MIDDLE - 18)),
        text(430, 38, "x, without the noise", "small"),
        text(score + 165, MIDDLE + 5, "loss of the DAE: s / d", "small"),
        *uai_layer(x["latent"], score),
    ]


def class_uai() -> list[str]:
    """Figure 5."""
    first, second, latent = HIDDEN
    x = {"x": 100, "first": 210, "second": 290, "latent": 370, "out": 470}
    score = 690
    return [
        text(24, 34, "Figure 5: Class_uai", "title"),
        layer(x["x"], "d", "x", INK, 400),
        arrow((115, MIDDLE), (196, MIDDLE)),
        layer(x["first"], f"{first}"),
        arrow((223, MIDDLE), (276, MIDDLE)),
        layer(x["second"], f"{second}"),
        arrow((303, MIDDLE), (356, MIDDLE)),
        layer(x["latent"], f"{latent}", "l = h(p−1)", BLUE),
        text(x["second"], 58, "hidden layers", "small"),
        arrow((383, MIDDLE), (456, MIDDLE)),
        layer(x["out"], "classes", "softmax: x̂_y", INK, 12),
        arrow((483, MIDDLE), (score - 116, MIDDLE)),
        box(score, MIDDLE, 232, ("s = cross entropy(x_y, x̂_y)",), ORANGE),
        arrow((score, 66), (score, MIDDLE - 18)),
        text(score, 56, "x_y, the given class of x", "small"),
        text(score + 190, MIDDLE + 5, "loss of the classifier: s", "small"),
        *uai_layer(x["latent"], score),
    ]


def svg(parts: list[str], title: str) -> str:
    """The whole picture."""
    heads = "".join(
        f'<marker id="head{colour[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto"><polygon points="0,0 10,5 0,10" fill="{colour}"/></marker>'
        for colour in (INK, BLUE, ORANGE)
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f"<defs>{heads}</defs>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#FCFCFC" stroke="#CCCCCC"/>',
            *parts,
            "</svg>\n",
        ]
    )


def main() -> None:
    """Write both drawings."""
    folder = Path(__file__).parent / "img"
    (folder / "figure1_dae_uai.svg").write_text(
        svg(dae_uai(), "DAE_uai: a denoising autoencoder with a UAI layer on its latent and its score"),
        encoding="utf-8",
    )
    (folder / "figure5_class_uai.svg").write_text(
        svg(class_uai(), "Class_uai: a classifier with a UAI layer on its last hidden layer and its score"),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
