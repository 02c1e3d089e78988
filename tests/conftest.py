"""What tests are given: data that was asked for, a cache, and no surroundings; how hypothesis draws its examples."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

SURROUNDINGS = ("ZSL_", "WANDB_")
"""what the names of variables begin with that tests do not inherit"""
DATA = {"data_root", "drawings"}
"""fixtures of what is no part of the repository; tests that use them are marked ``data``"""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs data."""
    if DATA & set(getattr(item, "fixturenames", ())):
        item.add_marker("data")


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The variables of whoever runs the tests. No test sees them, and what it caches lies in a temporary folder."""
    found = {name: value for name, value in os.environ.items() if name.startswith(SURROUNDINGS)}
    with pytest.MonkeyPatch.context() as patch:
        for name in found:
            patch.delenv(name)
        patch.setenv("ZSL_CACHE", str(tmp_path_factory.mktemp("default_cache")))
        yield found


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let SIGINT interrupt the tests of stopping: a shell starts what runs in the background with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_root(surroundings: Mapping[str, str]) -> Path:
    """The folder of real data, which ``ZSL_DATA_ROOT`` named; nothing else is looked for."""
    if "ZSL_DATA_ROOT" not in surroundings:
        pytest.skip("needs real data: set ZSL_DATA_ROOT")
    root = Path(surroundings["ZSL_DATA_ROOT"])
    if not (root / "CUB").is_dir():
        pytest.skip(f"no real data in ZSL_DATA_ROOT={root}")
    return root


@pytest.fixture(scope="session")
def drawings(surroundings: Mapping[str, str]) -> Path:
    """The cache in which the real emoji lie."""
    from zsl.datasets.emoji import styles

    root = Path(surroundings.get("ZSL_CACHE", "~/.cache/zsl")).expanduser()
    prepared = {path.name.rpartition("-")[0] for path in (root / "emoji").glob("*-*") if path.is_dir()}
    if not set(styles("small")) <= prepared:
        pytest.skip(f"emoji is not prepared in {root}; `zsl data prepare emoji` prepares it")
    return root


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, so that real data is converted once."""
    return tmp_path_factory.mktemp("cache")
