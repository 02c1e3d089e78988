"""No outcome depends on who runs the tests, or on what lies beside the clone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import SURROUNDINGS

HERE = Path(__file__).parent
INHERITED = re.compile(r"""(environ(\.get\(|\[)|getenv\()\s*["'](ZSL|WANDB)_|\bparents\[[3-9]]|ROOT\.parent\b""")


def test_tests_see_no_variable_of_whoever_runs_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    seen = {name: value for name, value in os.environ.items() if name.startswith(SURROUNDINGS)}
    assert seen.keys() == {"ZSL_CACHE"}
    assert Path(seen["ZSL_CACHE"]).is_relative_to(tmp_path_factory.getbasetemp())


def test_only_fixtures_ask_for_what_is_no_part_of_the_repository() -> None:
    files = [path for path in HERE.rglob("*.py") if path.parent.name != "benchmarks"]
    assert len(files) > 100
    assert not [path.name for path in files if INHERITED.search(path.read_text(encoding="utf-8"))]


def test_real_data_come_from_the_variable_alone(surroundings: Mapping[str, str], data_root: Path) -> None:
    assert str(data_root) == surroundings["ZSL_DATA_ROOT"]


def test_what_uses_them_is_marked(data_root: Path, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("data")
