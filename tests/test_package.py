"""The package as a whole: a light import, layers, dependencies, public names."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import uai_notebook as uai

ROOT = Path(uai.__file__).parent
NAME = "uai_notebook"


def child(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- imports --------------------------------------------------------------------------------------------------------


def test_importing_the_package_imports_nothing_of_third_parties():
    code = """
import sys
before = set(sys.modules)
import uai_notebook
dir(uai_notebook), uai_notebook.__version__
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names) - {"uai_notebook"}))
print(sorted(name for name in sys.modules if name.startswith("uai_notebook.")))
"""
    third, own = child(code).splitlines()
    assert third == "[]"
    assert own == "['uai_notebook._version']"


def test_the_label_store_needs_neither_torch_nor_jupyter():
    code = """
import sys
from uai_notebook import Dataset, Label, LabelStore
print([name for name in ("torch", "ipywidgets", "anywidget", "plotly", "umap", "IPython") if name in sys.modules])
"""
    assert child(code).strip() == "[]"


def test_the_core_works_without_anything_of_the_notebook():
    code = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"ipywidgets", "anywidget", "IPython", "plotly", "umap", "pooch", "matplotlib"}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
import numpy as np
import uai_notebook as uai
ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(40, 3)), y=[1] * 4 + [0] * 36)
config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=5, round_steps=2, batch_size=8, labeled_batch=8)
session = uai.simulate(uai.ActiveSession(ds, k=5, budget=10, config=config), uai.Oracle(ds.y), progress=False)
print(session.n_labels, len(session.results()), uai.query.RULES.keys() >= {"paper", "adaptive"})
"""
    assert child(code).strip() == "10 40 True"


# -- layers ---------------------------------------------------------------------------------------------------------

#: The table of the architecture: a module imports only from lower layers, or from its own folder.
LAYER = {
    "_version": 0,
    "datasets": 0,
    "answers": 0,
    "batch": 0,
    "interrupts": 0,
    "journal": 0,
    "lock": 0,
    "matching": 0,
    "observers": 0,
    "arguments": 0,
    "theory": 0,
    "thinning": 0,
    "export": 0,
    "distinct": 1,
    "labels": 1,
    "models": 1,
    "snapshot": 1,
    "calibration": 2,
    "query": 2,
    "agreement": 2,
    "training": 2,
    "learners": 3,
    "review": 3,
    "merging": 3,
    "auditing": 3,
    "background": 4,
    "checkpoint": 3,
    "cache": 4,
    "folder": 5,
    "rebuild": 5,
    "rounds": 6,
    "experts": 4,
    "detector": 5,
    "explanation": 5,
    "stopping": 5,
    "session": 7,
    "replay": 8,
    "views": 8,
    "widget": 9,
    "experiments": 10,
    "__main__": 11,
}


def unit_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [
        path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py" and "notebooks" not in path.parts
    ]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(path: Path) -> set[str]:
    """Full names of what a file imports, those for type checkers left out."""
    package = [NAME, *path.relative_to(ROOT).parts[:-1]]
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if is_type_checking(node):
            for other in node.orelse:
                walk(other)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            found.update({f"{base}.{alias.name}" for alias in node.names} if base == NAME else {base})
        for inner in ast.iter_child_nodes(node):
            walk(inner)

    walk(ast.parse(path.read_text()))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_layers_below_it(path):
    unit = unit_of(path)
    assert unit in LAYER, f"{unit} has no layer: put it into the table"
    for name in imports(path):
        if name.split(".")[0] != NAME or name == NAME:
            continue
        other = name.split(".")[1]
        if other in uai._MODULE_OF:
            other = uai._MODULE_OF[other]
        assert other == unit or LAYER[other] < LAYER[unit], f"{unit} imports {other}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_views_and_widget_know_the_notebook(path):
    roots = {name.split(".")[0] for name in imports(path)}
    layer = LAYER[unit_of(path)]
    if layer < LAYER["views"]:
        assert not roots & {"plotly", "umap", "IPython", "matplotlib"}
    if unit_of(path) != "widget":
        assert not roots & {"anywidget", "ipywidgets"}


def test_the_experiments_never_import_the_widget():
    for path in (ROOT / "experiments").rglob("*.py"):
        assert not any(name.startswith(f"{NAME}.widget") for name in imports(path))


# -- dependencies ---------------------------------------------------------------------------------------------------


def test_the_list_of_runtime_dependencies_is_pinned():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    names = [requirement.split(">")[0].split("=")[0].split("[")[0] for requirement in project["dependencies"]]
    assert sorted(names) == [
        "anywidget",
        "ipykernel",
        "ipywidgets",
        "numpy",
        "pandas",
        "pillow",
        "plotly",
        "pooch",
        "scikit-learn",
        "torch",
        "tqdm",
        "traitlets",
        "umap-learn",
    ]
    assert project["requires-python"] == ">=3.11"
    assert any("ipykernel" in requirement and "!=7.0.*" in requirement for requirement in project["dependencies"])


def test_the_extras_that_change_what_the_package_can_do_are_installed_for_its_tests():
    extras = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [requirement.split(">")[0] for requirement in extras["forest"]] == ["coniferest"]
    assert {*extras["forest"], *extras["export"], *extras["lab"], *extras["parquet"]} <= set(extras["test"])


def test_every_module_that_is_imported_is_a_dependency_or_of_python():
    import_names = {"pillow": "PIL", "scikit-learn": "sklearn", "umap-learn": "umap"}
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    names = {requirement.split(">")[0].split("=")[0] for requirement in project["dependencies"]}
    allowed = {import_names.get(name, name) for name in names} | set(sys.stdlib_module_names) | {NAME, "__future__"}
    allowed |= {"IPython", "scipy", "requests"}  # these come with ipykernel, scikit-learn and pooch
    allowed |= {"coniferest", "matplotlib", "pyarrow"}  # of the extras, imported where they are used
    core = [path for path in modules() if LAYER[unit_of(path)] < LAYER["experiments"]]
    assert {name.split(".")[0] for path in core for name in imports(path)} - allowed == set()


# -- public names ---------------------------------------------------------------------------------------------------

CONTRACT = [
    "load_dataset",
    "list_datasets",
    "Dataset",
    "ActiveSession",
    "TrainConfig",
    "simulate",
    "Oracle",
    "Explorer",
    "explore",
    "views",
    "BaseModel",
    "BaseOutput",
    "UaiNet",
    "DenoisingAutoEncoder",
    "Classifier",
    "Learner",
    "QueryStrategy",
    "Label",
    "LabelStore",
    "Snapshot",
    "Expert",
]


def test_every_name_of_the_contract_is_public():
    assert set(CONTRACT) <= set(uai.__all__)
    assert set(uai.__all__) <= set(dir(uai))


@pytest.mark.parametrize("name", sorted(set(uai.__all__) - {"__version__"}))
def test_every_public_name_resolves_to_one_object(name):
    value = getattr(uai, name)
    assert value is getattr(uai, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__name__ == name


def test_the_type_checkers_twin_lists_the_same_names():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    (block,) = [node for node in tree.body if is_type_checking(node)]
    twin = {alias.asname: node.module for node in block.body for alias in node.names}
    for name, module in twin.items():
        assert name in uai.__all__
        assert module is None or uai._MODULE_OF[name] == module.split(".")[0]
    assert set(twin) == set(uai.__all__) - {"__version__"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'uai_notebook' has no attribute 'nonsense'"):
        uai.nonsense


CORE = [name for name in uai.__all__ if uai._MODULE_OF.get(name, "views") not in ("widget", "views", "datasets")]
DOCUMENTED = sorted(set(CORE) - {"__version__", "QueryStrategy", "query"})  # an alias has no docstring of its own


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_object_has_a_docstring(name):
    value = getattr(uai, name)
    assert value.__doc__
    assert value.__doc__ != dict.__doc__
    if inspect.isclass(value):
        own = {
            k: v for k, v in vars(value).items() if not k.startswith("_") and (callable(v) or isinstance(v, property))
        }
        for method, object_ in own.items():
            if value.__module__.startswith(NAME) and method != "forward":
                assert inspect.getdoc(object_), f"{name}.{method} has no docstring"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_object_has_a_runnable_example(name):
    examples = doctest.DocTestParser().get_examples(getattr(uai, name).__doc__)
    assert examples, f"{name} has no example"


def test_the_version_is_one_of_the_packaging_kind():
    assert all(part.isdigit() for part in uai.__version__.split(".")[:2])
