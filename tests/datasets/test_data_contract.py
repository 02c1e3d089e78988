"""The contract of data sets, for every kind of loader."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests import worlds
from tests.datasets import matfiles
from zsl.datasets import arrays, export, synthetic, xlsa17
from zsl.testing import check_data


def test_synthetic_data() -> None:
    check_data(synthetic.load)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_files(tmp_path: Path, version: str) -> None:
    root = matfiles.write(tmp_path / "mat", *matfiles.content(), version)
    check_data(partial(xlsa17.load, name="mat", root=str(root), cache=str(tmp_path / "cache")))


def test_arrays(tmp_path: Path) -> None:
    data = worlds.dataset()
    keys = export.export(data, tmp_path / "out", "arrays")
    check_data(partial(arrays.load, name=data.name, root=str(tmp_path / "out"), cache=str(tmp_path / "cache"), **keys))
