"""Fixtures of results and pages with all sections, and with names that contain HTML and templates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zsl.cli import main
from zsl.outputs.result import Result, Selection, write

HOSTILE = "</script><img src=x onerror=\"document.title='hit'\"><b>{{ 7 * 7 }}"
CURVE = {"u": [0.0, 0.0, 20.0, 40.0, 40.0], "s": [60.0, 50.0, 50.0, 10.0, 0.0], "gamma": [-1.0, -0.5, 0.25, 1.5, 2.0]}
CARD = {
    "images": 1234,
    "features": 7,
    "classes": {"seen": 3, "unseen": 2},
    "parts": {"trainval": {"images": 900, "classes": 3}},
    "licences": ["CC-BY-4.0"],
    "notes": ["drawn by hand"],
}
PER_CLASS = {"u": {"wren": 40.0, "gull": 0.0}, "s": {"crow": 90.0, "finch": None, "owl": 30.0}}
TRIALS = [
    {"chosen": {"gamma": gamma, "lamb": lamb}, "T1": 50.0 + gamma + lamb, "H": 30.0}
    for gamma in (1, 2)
    for lamb in (3, 4)
]
TRIALS += [
    {"chosen": {"gamma": 9, "lamb": 9}, "T1": 99.0, "pruned": 2},
    {"chosen": {"gamma": 9, "lamb": 8}, "diverged": "at step 3"},
]


@pytest.fixture(scope="session")
def complete(make: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function that builds results with all fields that sections show."""

    def of(**changes: Any) -> Result:
        policy = changes.pop("policy", "validation")
        hostile = changes.pop("hostile", "")
        per_class = {metric: {name + hostile: v for name, v in of.items()} for metric, of in PER_CLASS.items()}
        trials = [{**trial, "chosen": {name + hostile: v for name, v in trial["chosen"].items()}} for trial in TRIALS]
        defaults: dict[str, Any] = {
            "curve": CURVE,
            "synthetic": {
                "classes": [f"wren{hostile}", "gull"],
                "real_x": [0.0, 1.0],
                "real_y": [0.5, -0.5],
                "made_x": [0.1, 0.8],
                "made_y": [0.4, -0.2],
            },
            "card": CARD,
            "per_class": per_class,
            "selection": Selection(policy, {"method.gamma": 1.0}, trials, 0.5, 1.0),
            "overrides": ["method=eszsl", "note='it\\'s{}'".format(hostile.replace("'", "\\'"))],
            "versions": {"python": "3.12" + hostile},
            "timings": {"fit": 1.5},
        }
        if policy == "test":
            plain = make(**{key: value for key, value in changes.items() if key in ("u", "s", "T1")})
            defaults["metrics"] = {f"{name}†": value for name, value in plain.metrics.items()}
        return make(**(defaults | changes))

    return of


@pytest.fixture(scope="session")
def folder(complete: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write results of two methods with three seeds, some chosen on the test set, hostile names, and training logs."""
    runs = tmp_path_factory.mktemp("runs")
    selected = {"config": {"method": {"gamma": 1.0}, "selection": {"policy": "validation", "objective": "T1"}}}
    for seed in range(3):
        write(complete(seed=seed, u=20.0 + seed, **selected), runs / f"eszsl-{seed}")
        write(complete(method="ale", seed=seed, u=30.0 + 5 * seed, T1=40.0), runs / f"ale-{seed}")
        on_test = {"config": {"method": {"gamma": 1.0}, "selection": {"policy": "test", "objective": "T1"}}}
        write(complete(seed=seed, policy="test", T1=60.0, **on_test), runs / f"oracle-{seed}")
        logged = "\n".join(
            f"{step},{1 / (step + seed + 1)},{50 + step if step % 10 == 0 else ''}" for step in range(50)
        )
        (runs / f"ale-{seed}" / "metrics.csv").write_text(f"step,loss,validation_T1{HOSTILE}\n{logged}\n")
    hostile = {
        "data_title": "Birds " + HOSTILE,
        "data": "cub" + HOSTILE,
        "class_embedding": "phi" + HOSTILE,
        "hostile": HOSTILE,
        "config": {"method": {"gamma" + HOSTILE: HOSTILE}},
        "prints": {"features": "0" * 64},
    }
    write(complete(method="eszsl" + HOSTILE, **hostile), runs / "hostile-0")
    write(complete(method="ale", T1=50.0, **hostile), runs / "hostile-1")
    return runs


@pytest.fixture(scope="session")
def file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page on these runs through the command line."""
    pytest.importorskip("plotly", reason="pip install 'zsl[html]'")
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["report", str(folder), "--html", str(path)]) == 0
    return path
