"""JavaScript of a widget from several files: no bundler, since the browser takes one module as text."""

from __future__ import annotations

import re
from importlib.resources import files

# Both `import { a } from "./b.js";` and the comment of types `/** @import {A} from "./b.js" */`; no renaming.
_NAMES = r"\{\s*\w+(?:\s*,\s*\w+)*\s*,?\s*\}"
_IMPORT = re.compile(rf'^(?:/\*\* @)?import {_NAMES} from "\./([^"]+)"(?:;| \*/)\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const|let)\b)", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def join_modules(*names: str) -> str:
    """One ES module from files in ``static/``, each after those it imports.

    The files share one scope, so their top-level names must differ, and an import must not rename.

    Parameters
    ----------
    *names : str
        File names; the last one has the ``export default``.

    Returns
    -------
    str
        The text: the files in order, without imports, and with no export but the default.

    Raises
    ------
    ValueError
        If a file imports one that is not named before it, or has an import or export in another form.

    Examples
    --------
    >>> from uai_notebook.widget.esm import join_modules
    >>> join_modules("scatter_looks.js", "scatter_grid.js")  # only the types of scatter_data.js
    Traceback (most recent call last):
    ValueError: scatter_grid.js imports scatter_data.js: name it before scatter_grid.js
    """
    static = files("uai_notebook.widget") / "static"
    parts = []
    for place, name in enumerate(names):
        text = (static / name).read_text(encoding="utf-8")
        for wanted in _IMPORT.findall(text):
            if wanted not in names[:place]:
                raise ValueError(f"{name} imports {wanted}: name it before {name}")
        text = _EXPORT.sub("", _IMPORT.sub("", text))
        last = place == len(names) - 1
        for left in _LEFT.findall(text):
            if not (last and left.startswith("export default ")):
                raise ValueError(f'{name}: cannot join {left!r}; write import {{ a }} from "./b.js"; or export const')
        parts.append(text)
    return "\n".join(parts)
