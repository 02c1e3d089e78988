"""Where the real data lies, for all tests; and how hypothesis draws its examples."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data: ``ZSL_DATA_ROOT``, or ``../shared/data`` beside the repository."""
    root = Path(os.environ.get("ZSL_DATA_ROOT", ROOT.parent / "shared" / "data"))
    if not (root / "CUB").is_dir():
        pytest.skip(f"no real data at {root}; set ZSL_DATA_ROOT to run this test")
    return root


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, so that real data is converted once."""
    return tmp_path_factory.mktemp("cache")
