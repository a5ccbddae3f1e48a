"""One picture of a plotly figure on matplotlib axes: its traces, axes, shapes and notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uai_notebook.views.pictures.artists import POINT, draw_trace, line_style
from uai_notebook.views.pictures.parts import Picture, axis_key, colour, plain, subplot_of
from uai_notebook.views.pictures.sheet import FONT, INCH, TEXT, Box, Sheet, above, area_of, safe, share, wrapped, write


def draw_picture(drawn: Any, picture: Picture, box: Box, sheet: Sheet, with_labels: bool) -> None:
    """Draw a picture into a box; only the first of a row says what its vertical axis is."""
    layout = picture.layout
    if picture.title:
        place = box[0] + box[2] / 2, box[1] + box[3] + 6 + above(layout)
        write(drawn, picture.title, place, 13, va="bottom", ha="center")
    made: dict[tuple[str, str], Any] = {}
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    for trace in picture.traces:
        key = subplot_of(trace)
        if key not in made:
            made[key] = _make_axes(drawn, key, made, picture, (box, sheet, with_labels))
        draw_trace(made[key], trace, layout, last.get(key))
        last[key] = trace
    for key, axes in made.items():
        axes.set_xlim(*sheet.ranges[key[0]])
        axes.set_ylim(*sheet.ranges[key[1]])
    for shape in layout.get("shapes", ()):
        _draw_shape(drawn, shape, made, layout, area_of(drawn, box))
    for note in layout.get("annotations", ()):
        _draw_note(drawn, note, made, layout, area_of(drawn, box))


def _make_axes(
    drawn: Any,
    key: tuple[str, str],
    made: Mapping[tuple[str, str], Any],
    picture: Picture,
    place: tuple[Box, Sheet, bool],
) -> Any:
    (left, bottom, width, height), sheet, with_labels = place
    across, up = picture.layout.get(key[0], {}), picture.layout.get(key[1], {})
    if up.get("overlaying"):
        below = next(axes for other, axes in made.items() if other[1] == axis_key(up["overlaying"]))
        axes = below.twinx()
    else:
        (x0, x1), (y0, y1) = across.get("domain", (0, 1)), up.get("domain", (0, 1))
        box = (left + x0 * width, bottom + y0 * height, (x1 - x0) * width, (y1 - y0) * height)
        axes = drawn.add_axes(share(box, sheet), facecolor="none")
        axes.grid(color="#8c8c8c", alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set(visible=side in ("left", "bottom"), color="#999999", linewidth=0.8)
    axes.tick_params(labelsize=11 * POINT, colors=TEXT, length=3, width=0.6)
    _scale_axis(axes, "x", across, True)
    _scale_axis(axes, "y", up, with_labels)
    return axes


def _scale_axis(axes: Any, which: str, settings: Mapping[str, Any], with_labels: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

    axis = getattr(axes, f"{which}axis")
    width = axes.get_position().width * axes.figure.get_figwidth() * INCH
    getattr(axes, f"set_{which}scale")("log" if settings.get("type") == "log" else "linear")
    ticks = settings.get("tickvals")
    if ticks is not None:
        axis.set_major_locator(FixedLocator([float(tick) for tick in ticks]))
        texts = settings.get("ticktext")
        if texts is not None:
            axis.set_ticklabels([safe(plain(text)) for text in texts])
    elif settings.get("type") != "log":
        axis.set_major_locator(MaxNLocator(max(3, min(8, int(width / 50))) if which == "x" else 6))
        percent = str(settings.get("tickformat", "")).endswith("%")
        number = FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "\N{MINUS SIGN}"))
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0) if percent else number)
    title = plain(settings.get("title", {}).get("text")) if with_labels else ""
    getattr(axes, f"set_{which}label")(
        safe(wrapped(title, width) if which == "x" else title), fontsize=FONT * POINT, color=TEXT
    )
    if settings.get("showgrid") is False:
        axis.grid(False)
    if settings.get("visible") is False or settings.get("showticklabels") is False or not with_labels:
        axis.set_major_formatter(NullFormatter())
        axis.set_minor_formatter(NullFormatter())


def _draw_shape(drawn: Any, shape: Mapping[str, Any], made: Any, layout: Mapping[str, Any], area: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    kind = shape.get("type")
    if kind not in ("line", "rect"):
        raise ValueError(f"a shape of type {kind!r} cannot be drawn without a browser: save the figure as .html.")
    transform, _ = _transform(shape, made, layout, area)
    (x0, y0), (x1, y1) = ((float(shape[f"x{i}"]), float(shape[f"y{i}"])) for i in (0, 1))
    line = {"line": {"color": "#444444", "width": 2, **shape.get("line", {})}, "opacity": shape.get("opacity", 1)}
    look = line_style(line)
    if kind == "line":
        drawn.add_artist(Line2D([x0, x1], [y0, y1], transform=transform, **look))
        return
    face = colour(shape.get("fillcolor", "transparent"))
    look |= {"edgecolor": look.pop("color"), "facecolor": (*face[:3], face[3] * shape.get("opacity", 1))}
    drawn.add_artist(Rectangle((x0, y0), x1 - x0, y1 - y0, transform=transform, **look))


def _draw_note(drawn: Any, note: Mapping[str, Any], made: Any, layout: Mapping[str, Any], area: Any) -> None:
    from matplotlib.transforms import ScaledTranslation

    if note.get("visible") is False:
        return
    transform, logs = _transform(note, made, layout, area)
    x, y = (10.0 ** float(note[k]) if log else float(note[k]) for k, log in zip("xy", logs, strict=True))
    moved: Any = ScaledTranslation(note.get("xshift", 0) / INCH, note.get("yshift", 0) / INCH, drawn.dpi_scale_trans)
    if note.get("showarrow", True):  # the text stands away from the point; the arrow itself is left out
        away = (note.get("ax", -10) / INCH, -note.get("ay", -30) / INCH)
        moved = moved + ScaledTranslation(*away, drawn.dpi_scale_trans)
    drawn.text(
        x,
        y,
        safe(plain(note.get("text"))),
        transform=transform + moved,
        fontsize=note.get("font", {}).get("size", FONT) * POINT,
        color=TEXT,
        ha={"left": "left", "right": "right"}.get(note.get("xanchor", ""), "center"),
        va={"top": "top", "bottom": "bottom"}.get(note.get("yanchor", ""), "center"),
    )


def _transform(part: Mapping[str, Any], made: Any, layout: Mapping[str, Any], area: Any) -> tuple[Any, list[bool]]:
    """Where a shape or note stands, and which of its coordinates are decades."""
    from matplotlib.transforms import blended_transform_factory

    found, logs = [], []
    for i, (which, default) in enumerate((("x", "x"), ("y", "y"))):
        reference = part.get(f"{which}ref", default)
        if reference == "paper":
            found.append(area)
            logs.append(False)
            continue
        name, _, domain = reference.partition(" ")
        key = axis_key(name)
        axes = next((axes for keys, axes in made.items() if keys[i] == key), None)
        if axes is None:
            raise ValueError(f"a shape or note stands on {reference!r}, on which no trace is drawn.")
        found.append(axes.transAxes if domain else axes.transData)
        logs.append(not domain and layout.get(key, {}).get("type") == "log")
    return blended_transform_factory(*found), logs
