"""What Hydra does not document is what it was in the versions that ``zsl/config/hydra_internals.py`` holds for."""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import version
from pathlib import Path

import pytest

from zsl.config import hydra_internals
from zsl.config.hydra_internals import Files, Loader, argument_parser

HELD = ("1.3.8",)
"""versions of hydra-core with which all tests have passed"""
TREE = ast.parse(Path(str(hydra_internals.__file__)).read_text(encoding="utf-8"))


def test_the_installed_version_is_one_that_the_module_holds_for() -> None:
    found = version("hydra-core")
    assert found in HELD, (
        f"hydra-core {found} is installed, but zsl/config/hydra_internals.py uses what Hydra does not document and is "
        f"held to {', '.join(HELD)}: run all tests with {found}, then name it here and in setup.cfg"
    )


def test_setup_asks_for_no_version_below_those() -> None:
    text = (Path(__file__).parents[2] / "setup.cfg").read_text(encoding="utf-8")
    assert f"hydra-core >={HELD[0]}, <1.4" in text


@pytest.mark.parametrize("kind", [Files, Loader])
def test_what_is_overridden_is_there_with_the_same_parameters(kind: type) -> None:
    """A method that Hydra renames would never be called, and jobs would be composed slowly and unnoticed."""
    base = kind.__mro__[1]
    own = {"forget", "overrides", "require_legal", "__init__", "__deepcopy__"}
    overridden = {name for name, each in vars(kind).items() if inspect.isfunction(each)} - own
    assert overridden
    for name in overridden:
        theirs = inspect.signature(getattr(base, name)).parameters
        assert list(inspect.signature(getattr(kind, name)).parameters) == list(theirs), f"{base.__name__}.{name}"


def test_hydra_calls_what_is_overridden() -> None:
    source = inspect.getsource(inspect.getmodule(Loader.__mro__[1]))  # type: ignore[arg-type]
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
    assert "self._parse_overrides_and_create_caching_repo" in called


def test_the_parser_knows_the_flags_that_the_command_line_reads() -> None:
    parsed = argument_parser().parse_intermixed_args(["--config-dir", "here", "-m", "seed=1", "--cfg", "job"])
    assert (parsed.config_dir, parsed.multirun, parsed.overrides) == ("here", True, ["seed=1"])
    assert (parsed.config_name, parsed.config_path, parsed.help) == (None, None, False)


def test_the_interface_is_short() -> None:
    public = [node.name for node in TREE.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(public) <= 10
    assert not [name for name in public if name.startswith("_")]
