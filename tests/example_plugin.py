"""The plug-in of ``docs/example_plugin``, as it lies on disk and as if it was installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "docs" / "example_plugin"
CONF = SOURCE / "birdlab" / "conf"


def installed(site: Path, package: str = "birdlab", name: str = "birdlab") -> Path:
    """What an installer writes into ``site``: the package, and what its distribution says of itself."""
    if not (site / "birdlab").exists():
        shutil.copytree(SOURCE / "birdlab", site / "birdlab", ignore=shutil.ignore_patterns("__pycache__"))
    said = site / f"{name}-0.1.0.dist-info"
    said.mkdir()
    (said / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (said / "entry_points.txt").write_text(f"[zsl.plugins]\n{name} = {package}\n")
    return site


@contextmanager
def importable(site: Path) -> Iterator[None]:
    """Find modules and distributions in ``site``; forget them afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield
        for module in [name for name in sys.modules if name.partition(".")[0] == "birdlab"]:
            del sys.modules[module]
