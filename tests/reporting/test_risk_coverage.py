"""``zsl report --risk``: curves of saved predictions, against metrics of results and images counted one by one."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zsl
from tests.reporting.test_report import run
from zsl.cli import main
from zsl.errors import InputError
from zsl.outputs.names import PREDICTIONS, RESULT
from zsl.outputs.result import gather
from zsl.reporting.layout import arrange
from zsl.reporting.risk_coverage import GROUPS, POINTS, RiskLine, risk_lines
from zsl.reporting.table import rows

SUFFIXES = {"all": "", "seen": "_s", "unseen": "_u"}
"""group -> suffix of its metrics"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of ALE and one run of ESZSL with calibration, and one of ridge without."""
    folder = tmp_path_factory.mktemp("risk")
    words = ["train", "-m", "data=synthetic", "save.predictions=true", f"paths.cache={folder / 'cache'}"]
    ale = ["method=ale", "method.epochs=2", "sweep.lr=[0.1]", "seed=0,1"]
    chosen = ["selection=validation", f"paths.output={folder / 'calibrated'}"]
    assert main([*words, *ale, *chosen]) == 0
    assert main([*words, "method=eszsl", *chosen]) == 0
    assert main([*words, "method=ridge", f"paths.output={folder / 'plain'}"]) == 0
    return folder


def lines_of(folder: Path) -> dict[str, RiskLine]:
    found = gather([folder])
    return {line.name.split()[0]: line for line in risk_lines(arrange(rows(found)), found)}


def metrics_of(folder: Path, method: str) -> list[dict[str, Any]]:
    results = [json.loads(path.read_text()) for path in sorted(folder.rglob(RESULT))]
    return [result["metrics"] for result in results if result["method"] == method]


@pytest.mark.parametrize(
    ("part", "calibrated", "methods"), [("calibrated", True, ("ale", "eszsl")), ("plain", False, ("ridge",))]
)
def test_areas_are_the_AURC_of_the_results(runs: Path, part: str, calibrated: bool, methods: tuple[str, ...]) -> None:
    found = lines_of(runs / part)
    assert found.keys() == set(methods)
    for method, line in found.items():
        assert line.calibrated == calibrated
        assert tuple(line.curves) == GROUPS
        for group, suffix in SUFFIXES.items():
            name = f"AURC{suffix}_calibrated" if calibrated else f"AURC{suffix or '_GZSL'}"
            reported = sorted(metrics[name] for metrics in metrics_of(runs / part, method))
            assert sorted(curve.area for curve in line.curves[group]) == pytest.approx(reported, abs=1e-12)
            assert line.area(group).mean == pytest.approx(np.mean(reported))


def test_at_coverage_1_risk_is_the_error_per_image(runs: Path) -> None:
    for method, line in lines_of(runs / "plain").items():
        (metrics,) = metrics_of(runs / "plain", method)
        for group, name in (("seen", "s_per_sample"), ("unseen", "u_per_sample")):
            (risk,) = line.at(group, [1.0])
            assert risk.mean == pytest.approx(1 - metrics[name] / 100)
            at = line.grid(group)
            assert at == sorted(set(at))
            assert at[-1] == 1


def test_the_most_confident_images_are_those_of_the_file(runs: Path) -> None:
    """Counted in the saved predictions, whose confidences are all different."""
    (file,) = (runs / "plain").rglob(PREDICTIONS)
    saved = np.load(file)
    unseen = ~saved["seen"][saved["labels"]]
    confidence, wrong = saved["confidence"][unseen], (saved["predicted"] != saved["labels"])[unseen]
    assert len(np.unique(confidence)) == len(confidence)
    half = len(confidence) // 2
    expected = wrong[np.argsort(-confidence)[:half]].mean()
    assert lines_of(runs / "plain")["ridge"].at("unseen", [half / len(confidence)])[0].mean == pytest.approx(expected)


def test_calibrated_curves_need_the_calibration_of_every_run(runs: Path) -> None:
    assert not any(line.calibrated for line in lines_of(runs).values())
    assert "γ" in run(runs / "calibrated", "--risk")
    assert "γ" not in run(runs, "--risk")


def test_a_table_its_points_and_a_figure(runs: Path, tmp_path: Path) -> None:
    page = run(runs, "--risk", "--format", "markdown")
    assert page.count("| unseen |") == 3
    assert zsl.results(runs).risk_coverage(tmp_path / "api.svg") == page
    for form in ("svg", "png", "csv"):
        assert run(runs, "--risk", "--output", tmp_path / f"risk.{form}") == ""
    assert (tmp_path / "risk.svg").read_bytes() == (tmp_path / "api.svg").read_bytes()
    text = (tmp_path / "risk.svg").read_text()
    for line in lines_of(runs).values():
        for group in GROUPS:
            assert f">{line.name} (AURC {line.area(group).mean:.3f})<" in text
    for word in ("coverage", "selective risk", "seen images", "unseen images"):
        assert f">{word}<" in text
    points = list(csv.DictReader((tmp_path / "risk.csv").open(encoding="utf-8")))
    for name, line in lines_of(runs).items():
        for group in GROUPS:
            own = [p for p in points if p["method"].split()[0] == name and p["images"] == group]
            at = line.grid(group)
            assert [float(p["coverage"]) for p in own] == pytest.approx(at)
            assert [float(p["risk"]) for p in own] == pytest.approx([risk.mean for risk in line.at(group, at)])
            assert all((p["ci"] != "") == (len(line.curves[group]) > 1) for p in own)


def test_lines_of_one_figure_have_names_of_their_own(tmp_path: Path) -> None:
    """A run with fixed hyperparameters beside one that chose them by T1 and has no calibration, with one shot."""
    words = ["train", "data=synthetic", "data.shots=1", "method=eszsl", "save.predictions=true"]
    words += [f"paths.cache={tmp_path / 'cache'}"]
    for policy in ("fixed", "validation"):
        assert main([*words, f"selection={policy}", f"paths.output={tmp_path / policy}"]) == 0
    found = gather([tmp_path])
    lines = risk_lines(arrange(rows(found)), found)
    assert [line.name for line in lines] == ["eszsl, fixed", "eszsl, validation"]
    points = list(csv.DictReader(run(tmp_path, "--risk", "--format", "csv").splitlines()))
    assert {point["method"] for point in points} == {"eszsl, fixed", "eszsl, validation"}


def test_seeds_without_predictions_are_counted(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(runs / "calibrated", folder)
    assert "[n = " not in run(folder, "--risk", "--format", "markdown")
    seeds = [path.parent for path in folder.rglob(RESULT) if json.loads(path.read_text())["method"] == "ale"]
    (seeds[0] / PREDICTIONS).unlink()
    page = run(folder, "--risk", "--format", "markdown")
    lines = [line for line in page.splitlines() if line.startswith(("| ale", "| eszsl"))]
    assert len(lines) == 2 * len(GROUPS)
    assert all(("[n = 1]" in line) == line.startswith("| ale") for line in lines)


def test_large_curves_are_drawn_at_so_many_points(runs: Path) -> None:
    from zsl.evaluation.confidence import risk_coverage

    rng = np.random.default_rng(0)
    curve = risk_coverage(rng.random(10_007), rng.random(10_007) < 0.5)
    line = RiskLine(("final", "birds", "attributes"), "any", {"all": [curve]}, False)
    assert len(line.grid("all")) == POINTS
    assert line.grid("all")[-1] == 1
    assert np.mean([risk.mean for risk in line.at("all", line.grid("all"))]) == pytest.approx(curve.area, abs=0.01)


def test_runs_without_predictions_or_confidence(runs: Path, tmp_path: Path) -> None:
    (result,), (file,) = (list((runs / "plain").rglob(name)) for name in (RESULT, PREDICTIONS))
    (tmp_path / RESULT).write_bytes(result.read_bytes())
    with pytest.raises(InputError, match="--risk: no run has predictions with confidence; run again"):
        run(tmp_path, "--risk")
    saved = dict(np.load(file))
    old = {name: array for name, array in saved.items() if name != "confidence"}
    np.savez(tmp_path / PREDICTIONS, **old)
    with pytest.raises(InputError, match="--risk: no run has predictions with confidence; run again"):
        run(tmp_path, "--risk")
    for wrong in (saved["confidence"][1:], saved["confidence"] + 1, np.full_like(saved["confidence"], np.nan)):
        np.savez(tmp_path / PREDICTIONS, **{**saved, "confidence": wrong})
        with pytest.raises(InputError, match=r"predictions.npz: cannot be read \(confidence"):
            run(tmp_path, "--risk")
    with pytest.raises(InputError, match="give one of them"):
        run(runs, "--risk", "--shots")
    with pytest.raises(InputError, match=r"figure=risk.txt: suffix=.txt is unknown; choose one of .png"):
        zsl.results(runs).risk_coverage("risk.txt")
