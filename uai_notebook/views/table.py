"""A small table as HTML that is safe to show, in the letters and colours of the page around it."""

from __future__ import annotations

from collections.abc import Iterable

from uai_notebook.views.text import escaped

_CELL = "text-align:right;padding:1px 0 1px 1em;font-weight:normal;font-variant-numeric:tabular-nums"
_CELL += ";overflow-wrap:normal"  # half a number is another number
_FIRST = "text-align:left;padding:1px 0;font-weight:normal;overflow-wrap:anywhere"


class Markup(str):
    """HTML made here; any other str is escaped."""


def small_table(title: str, heads: list[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    """A caption, a line of heads, and a line for each name and its values.

    Examples
    --------
    >>> table = small_table("ages", ["who", "years"], [("<b>", ["31"])])
    >>> "&lt;b&gt;</th>" in table, ">31</td>" in table
    (True, True)
    """
    rows = list(rows)
    first = _FIRST + (";min-width:8em" if any(len(name) > 12 for name, _ in rows) else "")  # not a letter a line
    head = "".join(f'<th scope="col" style="{_CELL if i else first}">{shortened(h)}</th>' for i, h in enumerate(heads))
    body = "".join(
        f'<tr><th scope="row" style="{first}">{shortened(name)}</th>'
        + "".join(f'<td style="{_CELL}">{shortened(value)}</td>' for value in values)
        + "</tr>"
        for name, values in rows
    )
    caption = f'<caption style="text-align:left;font-weight:600">{shortened(title)}</caption>'
    style = "border-collapse:collapse;margin:4px 0;font:inherit;color:inherit"
    return f'<table style="{style}">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def shortened(text: str) -> str:
    """Escaped, also for attributes, and short."""
    if isinstance(text, Markup):
        return text
    return escaped(text if len(text) <= 200 else text[:199] + "…")
