"""The house keeps its shape: one direction of imports, no forbidden words, a package list that is complete."""

from __future__ import annotations

import ast
import configparser
import inspect
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.configured import METHODS, kind
from zsl.methods.generative.feature_generator import FeatureGenerator

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "zsl").rglob("*.py"))

FLOORS = (
    "errors",
    "hyperparameters",
    "devices",
    "files",
    "progress",
    "outputs",
    "data",
    "backbones",
    "features",
    "datasets",
    "class_embeddings",
    "methods",
    "training",
    "evaluation",
    "prediction",
    "selection",
    "tracking",
    "config",
    "runs",
    "reporting",
    "api",
    "estimator",
    "testing",
    "cli",
    "__main__",
)
"""modules and packages of ``zsl``, from the ground up: each may import those before it, and none after it"""
APART = {
    "methods": ("outputs", "features", "datasets", "data.protocol", "data.dataset"),
    "data": ("outputs",),
    "tracking": ("methods", "evaluation", "data", "class_embeddings"),
    "reporting": ("methods", "training", "selection", "tracking", "runs", "data.protocol", "class_embeddings"),
}
"""package -> what lies below it and is still no concern of it"""
CONFIGURED = FLOORS[FLOORS.index("config") :]
"""the floors that may know Hydra and OmegaConf"""


def imports(path: Path) -> set[str]:
    """Modules below ``zsl`` that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name.removeprefix("zsl.") for name in found if name.startswith("zsl.")}


def floor(module: str) -> str:
    """The module or package directly in ``zsl`` that a module belongs to."""
    return module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "zsl")))
def test_imports_point_down(path: Path) -> None:
    own = floor(".".join(path.relative_to(ROOT / "zsl").with_suffix("").parts))
    if own == "__init__":
        return
    for name in imports(path):
        if floor(name) in FLOORS:
            assert FLOORS.index(floor(name)) <= FLOORS.index(own), f"{path.relative_to(ROOT)} imports zsl.{name}"
        bad = [f for f in APART.get(own, ()) if name == f or name.startswith(f + ".")]
        assert not bad, f"{path.relative_to(ROOT)} imports zsl.{name}"


def test_every_room_has_its_floor() -> None:
    rooms = {path.stem for path in (ROOT / "zsl").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - {"__init__"} == set(FLOORS)
    assert len(list((ROOT / "zsl").glob("*.py"))) <= 6


@pytest.mark.parametrize("method", [name for name in METHODS if issubclass(kind(name), FeatureGenerator)])
def test_a_generator_fits_on_a_few_screens(method: str) -> None:
    """Losses, critics, spaces and heads are parts that generators are composed of."""
    assert len(Path(inspect.getfile(kind(method))).read_text(encoding="utf-8").splitlines()) <= 180


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {".".join(path.relative_to(ROOT / "zsl").with_suffix("").parts): path for path in FILES}
    del modules["__init__"]  # hands names on, when they are asked for
    graph = {name: imports(path) & set(modules) - {name} for name, path in modules.items()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "zsl")))
def test_configuration_libraries_stay_on_their_floors(path: Path) -> None:
    if floor(path.relative_to(ROOT / "zsl").parts[0].removesuffix(".py")) not in CONFIGURED:
        assert not re.search(r"^\s*(import|from) (hydra|omegaconf)", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_one_module_uses_what_hydra_does_not_document() -> None:
    """Its loader, launchers, parser and global state, and attributes of its modules that begin with an underscore."""
    undocumented = re.compile(r"hydra\._internal|hydra\.core\.(plugins|global_hydra)|\._(apply|parse)_overrides")
    for path in FILES:
        if path != ROOT / "zsl" / "config" / "hydra_internals.py":
            assert not undocumented.search(path.read_text(encoding="utf-8")), path.relative_to(ROOT)
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in modules if name.startswith("hydra._internal")], path.relative_to(ROOT)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\bprint\(", "print in library code"),
        (r"\.cuda\(", "a device of its own"),
        (r"# (TODO|FIXME|XXX)", "unfinished"),
    ],
)
def test_what_is_never_here(pattern: str, why: str) -> None:
    for path in FILES:
        found = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if re.search(pattern, line) and "console" not in line.lower() and "``" not in line
        ]
        assert not found, f"{path.relative_to(ROOT)}: {why}: {found[0].strip()}"


RUNNING = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "runpy"}
"""modules that run what they read"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "zsl")))
def test_nothing_is_read_that_can_run(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            assert not {module.split(".")[0] for module in modules} & RUNNING, f"{path}:{node.lineno}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert called not in {"eval", "exec", "yaml.unsafe_load", "yaml.full_load"}, f"{path}:{node.lineno}"
            assert called != "yaml.load" or path.stem == "plain_yaml", f"{path}:{node.lineno}"
            assert called != "torch.load" or given.get("weights_only") == "True", f"{path}:{node.lineno}"
            assert given.get("allow_pickle", "False") == "False", f"{path}:{node.lineno}"
            assert given.get("trust_remote_code", "False") == "False", f"{path}:{node.lineno}"


def test_no_name_that_says_nothing() -> None:
    assert not [path for path in FILES if re.fullmatch(r"(utils?|misc|helpers?|common)", path.stem)]


def test_every_package_is_listed_in_setup_cfg() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(config["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "zsl").rglob("__init__.py")}
    assert listed == found | {"zsl.conf", "zsl.experiments"}


def public(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[ast.FunctionDef | ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found += [n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "zsl")))
def test_everything_public_has_a_docstring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no module docstring"
    overrides = {"take", "to", "at"}
    bare = [n.name for n in public(path) if not ast.get_docstring(n) and n.name not in overrides]
    assert not bare, f"{path.relative_to(ROOT)}: no docstring: {bare}"
