"""Text of the data as HTML, and as plotly's own markup: whatever it says, it is shown and never run."""

from __future__ import annotations

import html
import re

#: Characters that XML cannot carry: with one of them a figure has no picture, since plotly makes it from SVG.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def escaped(text: object) -> str:
    r"""A text as HTML, also between quotes.

    What no page can carry is replaced: half characters, for the whole message would be lost with them, and NUL, which
    browsers leave out without a word.

    Examples
    --------
    >>> escaped("<b title='x'>\0"), escaped("half \ud800")
    ('&lt;b title=&#x27;x&#x27;&gt;�', 'half ?')
    """
    return html.escape(whole(text).replace("\0", "\ufffd"), quote=True)


def plotly_text(text: object) -> str:
    r"""A text for titles, names and hover of a plotly figure, which draws some tags, and formulas between dollars.

    Examples
    --------
    >>> plotly_text("<a href='x'>$\\pi$</a>"), plotly_text("\x1b[31mred")
    ("&lt;a href='x'&gt;&#36;\\pi&#36;&lt;/a&gt;", '�[31mred')
    """
    return html.escape(_NOT_XML.sub("\ufffd", whole(text)), quote=False).replace("$", "&#36;")


def whole(text: object) -> str:
    """A text without half characters, which no message can carry."""
    return str(text).encode("utf-8", "replace").decode()
