"""Classes that are described alike are told before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zsl.cli import main


@pytest.mark.parametrize("equal", [False, True])
def test_equal_descriptions_are_told(tmp_path: Path, equal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    phi = np.random.default_rng(0).standard_normal((20, 8))
    if equal:
        phi[[7, 9]] = phi[3]
    np.save(tmp_path / "phi.npy", phi)
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    words = ["class_embedding=matrix", f"class_embedding.path={tmp_path / 'phi.npy'}", "method=eszsl"]
    assert main(["train", "data=synthetic", *words, *places]) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert ("and so for 2 of 20 classes; nothing tells these apart" in err) == equal
