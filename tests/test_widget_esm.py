"""The scatter's JavaScript: files that make one module."""

import re
from collections import Counter
from pathlib import Path

import pytest

from uai_notebook.widget import esm
from uai_notebook.widget.esm import join_modules
from uai_notebook.widget.scatter import LatentScatter

STATIC = Path(esm.__file__).parent / "static"
MODULES = sorted(STATIC.glob("scatter*.js"))
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let|var)\b *(.*)", re.MULTILINE)
IMPORTED = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";', re.MULTILINE)


@pytest.fixture
def static(tmp_path, monkeypatch):
    """Folder read in place of the package's; returns a function that writes a file there."""
    monkeypatch.setattr(esm, "files", lambda package: tmp_path)
    (tmp_path / "static").mkdir()

    def write(name, text):
        (tmp_path / "static" / name).write_text(text, encoding="utf-8")

    return write


def test_the_scatter_is_every_one_of_its_files_with_one_default_export():
    assert len(re.findall(r"^export\b", LatentScatter._esm, re.MULTILINE)) == 1
    assert LatentScatter._esm.count("export default") == 1
    assert len(MODULES) > 1
    for path in MODULES:
        heading = path.read_text(encoding="utf-8").splitlines()[1]
        assert LatentScatter._esm.count(heading) == 1, path.name


def test_no_import_is_left():
    assert not re.search(r"^import\b|@import|from \"|import\(", LatentScatter._esm, re.MULTILINE)


def test_each_file_is_short_and_open_to_type_checking():
    for path in MODULES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "// @ts-check", path.name
        assert len(lines) <= 300, path.name


def test_top_level_names_are_unique():
    declarations = DECLARED.findall(LatentScatter._esm)
    names = Counter(re.match(r"\w*", line)[0] for line in declarations)
    assert "" not in names  # no destructuring, and one name each, so that none is missed here
    assert [line for line in declarations if re.search(r"^\w+ = [\w.]+, \w+ =", line)] == []
    assert {"Store", "Grid", "webgl", "axes", "build", "render", "join"} <= set(names)
    assert [name for name, n in names.items() if n > 1] == []


def test_every_imported_name_is_exported_by_the_file_it_is_imported_from():
    for path in MODULES:
        for names, source in IMPORTED.findall(path.read_text(encoding="utf-8")):
            text = (STATIC / source).read_text(encoding="utf-8")
            exported = set(re.findall(r"^export \w+ (\w+)", text, re.MULTILINE))
            assert set(re.findall(r"\w+", names)) <= exported, (path.name, source)


def test_a_file_joined_too_late_or_never_is_an_error():
    with pytest.raises(ValueError, match=r"scatter\.js imports scatter_data\.js"):
        join_modules("scatter.js")
    with pytest.raises(ValueError, match=r"scatter_page\.js imports scatter_looks\.js"):
        join_modules("scatter_data.js", "scatter_page.js", "scatter_looks.js")


def test_imports_and_exports_go_and_the_default_stays(static):
    static("a.js", "// @ts-check\nexport const one = 1;\nexport function two() {}\n")
    imports = 'import {\n  one,\n  two,\n} from "./a.js";\n/** @import {T} from "./a.js" */\n'
    static("b.js", imports + "export default { one };\n")
    joined = "// @ts-check\nconst one = 1;\nfunction two() {}\n\nexport default { one };\n"
    assert join_modules("a.js", "b.js") == joined


@pytest.mark.parametrize(
    "line",
    [
        'import { one as two } from "./a.js";',
        'import * as a from "./a.js";',
        'import "./a.js";',
        'import x from "https://example.org/x.js";',
        "export { one };",
        'export * from "./a.js";',
    ],
)
def test_an_import_or_export_that_cannot_be_joined_is_an_error(static, line):
    static("a.js", "export const one = 1;\n")
    static("b.js", f"{line}\nexport default {{}};\n")
    with pytest.raises(ValueError, match=r"b\.js: cannot join"):
        join_modules("a.js", "b.js")


def test_a_default_export_before_the_last_file_is_an_error(static):
    static("a.js", "export default 1;\n")
    static("b.js", "export default 2;\n")
    with pytest.raises(ValueError, match=r"a\.js: cannot join 'export default 1;'"):
        join_modules("a.js", "b.js")
