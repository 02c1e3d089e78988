"""Complete results for tests, with fields that a test overrides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zsl.outputs.result import Result, Selection

PARTS = ("features", "labels", "trainval", "test_seen", "test_unseen", "train", "val", "class_embeddings")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def build(**changes: Any) -> Result:
    """Return a result of ESZSL on CUB with these fields; ``u`` and ``s`` set H, ``gamma`` and ``lamb`` the method."""
    u, s = changes.pop("u", 20.0), changes.pop("s", 60.0)
    extra = changes.pop("extra", {})
    method = {"gamma": changes.pop("gamma", 1.0), "lamb": changes.pop("lamb", 0.1)}
    prints = {part: digest(part) for part in PARTS} | changes.pop("prints", {})
    metrics = {"T1": changes.pop("T1", 57.0), "u": u, "s": s, "H": 2 * u * s / (u + s), "AUSUC": 0.329, **extra}
    unseen = {"classes": ["wren", "gull"], "N1": [3, 1], "bad_N1": [1, 0]}
    every = {"classes": ["wren", "gull", "crow"], "N1": [0, 5, 1], "bad_N1": [0, 5, 0]}
    defaults: dict[str, Any] = {
        "method": "eszsl",
        "data": "cub",
        "data_title": "CUB PS v1, 312 attributes",
        "class_embedding": "attributes",
        "setting": "inductive",
        "protocol": "final",
        "selection": Selection(),
        "seed": 0,
        "metrics": metrics,
        "fingerprints": prints,
        "hubness": {"ZSL": unseen, "GZSL": every},
        "config": {"method": method, "seed": changes.get("seed", 0), "paths": {"output": "runs/1"}},
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Result(**(defaults | changes))


def dagger(result: Result) -> dict[str, float]:
    return {f"{name}†": value for name, value in result.metrics.items()}


@pytest.fixture(scope="session")
def make() -> Callable[..., Result]:
    return build


@pytest.fixture(scope="session")
def oracle() -> Callable[..., Result]:
    """Return a result whose hyperparameters were chosen on the test set."""

    def of(**changes: Any) -> Result:
        metrics = dagger(build(**changes))
        for name in ("u", "s", "T1", "extra"):
            changes.pop(name, None)
        return build(selection=Selection("test"), metrics=metrics, **changes)

    return of


@pytest.fixture(scope="session")
def keyed() -> Callable[..., dict[Path, Result]]:
    """Return results by path, as `gather` returns them."""
    return lambda results: {Path(f"runs/{i}/result.json"): result for i, result in enumerate(results)}
