"""Strings that would run, break out, or change a page if anything took them for markup. Each one sets ``hacked``.

All are made here; the kernel of a notebook imports this file too, so that there is one corpus.
"""

from __future__ import annotations

_TAGS = [
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<IMG/SRC=x/ONERROR=window.top.hacked=1//",
    "<svg onload=window.hacked=1>",
    "<svg><animate onbegin=window.hacked=1 attributeName=x dur=1s>",
    "<svg><script href=data:,window.hacked=1></script></svg>",
    "<math><mtext><img src=x onerror=window.hacked=1></mtext></math>",
    "<style>@import 'data:,';</style><img src=x onerror=window.hacked=1>",
    '<iframe srcdoc="<script>top.hacked=1</script>"></iframe>',
    "<iframe src=javascript:window.top.hacked=1></iframe>",
    "<template><img src=x onerror=window.hacked=1></template>",
    "<details open ontoggle=window.hacked=1>",
    "<video><source onerror=window.hacked=1></video>",
    "<input autofocus onfocus=window.hacked=1>",
    "<div style=animation-name:x onanimationstart=window.hacked=1 tabindex=1>",
    "<base href=javascript:window.hacked=1//><a href=#>x</a>",
    "<meta http-equiv=refresh content='0;url=javascript:window.hacked=1'>",
    "<form action=javascript:window.hacked=1><button>x</button></form>",
    "<link rel=stylesheet href=//evil.example/hacked.css>",
]
_BREAK_OUTS = [
    '" onmouseover=window.hacked=1 x="',
    "' autofocus onfocus=window.hacked=1 x='",
    '"><img src=x onerror=window.hacked=1>',
    "'><svg onload=window.hacked=1>",
    "` onerror=`window.hacked=1",
    "</script><script>window.hacked=1</script>",
    "</style><img src=x onerror=window.hacked=1>",
    "</textarea><img src=x onerror=window.hacked=1>",
    "</title><img src=x onerror=window.hacked=1>",
    "</svg></math></option></select><img src=x onerror=window.hacked=1>",
    "--><img src=x onerror=window.hacked=1><!--",
    "&lt;img src=x onerror=window.hacked=1&gt;",
    "&#60;img src=x onerror=window.hacked=1&#62; &amp;amp;",
]
_ADDRESSES = [
    "javascript:window.hacked=1",
    " jAvA\tscript:window.hacked=1",
    "data:text/html,<script>top.hacked=1</script>",
    '[click](javascript:window.hacked=1) ![x](x" onerror="window.hacked=1)',
    '<a href="javascript:window.hacked=1">link</a><b>bold</b><br><i>x</i>',  # plotly draws these four tags
]
_TEMPLATES = [
    "$\\href{javascript:window.hacked=1}{x}$ and $$\\unicode{x3c}hacked$$",
    "\\(\\style{background:url(x)}{hacked}\\) \\[x^2\\]",
    "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1}",
    "%{customdata} %{fullData.name} %{y} <extra>hacked</extra>",
    "{hacked!r:>9} %(hacked)s %s %n",
    "x:expression(window.hacked=1);background:url(javascript:window.hacked=1)",
]
_UNICODE = [
    "\uff1cimg src=x onerror=window.hacked=1\uff1e",
    "hacked\u2028window.hacked=1//\u2029",
    "\u202egnirts\u202c hacked \u2066x",
    "<im\0g src=x onerror=window.hacked=1>\0",
    "hacked \ud800 <img src=x onerror=window.hacked=1>",
    "<\u200bimg\u200d src=x onerror=window.hacked=1>\ufeff",
    "\x1b[31mhacked\x1b[0m \x1b]8;;javascript:window.hacked=1\x07x",
]
_MUTATIONS = [
    '<noscript><p title="</noscript><img src=x onerror=window.hacked=1>">',
    '<math><mglyph><style><!--</style><img title="--><img src=x onerror=window.hacked=1>">',
    '<svg></p><style><a id="</style><img src=x onerror=window.hacked=1>">',
]
_BREAKERS = [
    "__proto__",
    "constructor",
    "\\u003cimg src=x onerror=window.hacked=1\\u003e \\\\ \\",
    '"}],"hacked":1,"x":[{"y":"\\"',
    '=HYPERLINK("javascript:window.hacked=1","x")',
    "'; window.hacked=1; //\r\n",
    "hacked " + "<b>" * 700 + "<img src=x onerror=window.hacked=1>",
]

INJECTIONS = _TAGS + _BREAK_OUTS + _ADDRESSES + _TEMPLATES + _UNICODE + _MUTATIONS + _BREAKERS


def carried(text: str) -> str:
    """A text as pages and SVG can show it: half and control characters are replaced, and any space is one space."""
    plain = " ".join(text.encode("utf-8", "replace").decode().split())
    return "".join("\ufffd" if character < " " else character for character in plain)


#: For tables of pandas, which Jupyter cannot send with half a character in them, whoever made them.
WHOLE = [text.encode("utf-8", "replace").decode() for text in INJECTIONS]


def folder(text: str) -> str:
    """A text as the name of a folder can be."""
    kept = text.replace("/", "|").replace("\0", "\ufffd").encode("utf-8", "replace")[:200]
    return kept.decode("utf-8", "ignore")
