"""u and s by labels per class, and where labels begin to cost unseen accuracy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reporting.test_columns import cells
from tests.reporting.test_report import run
from tests.written_results import build, digest
from zsl.backbones.backbone import identity
from zsl.backbones.pixels import Pixels
from zsl.class_embeddings.tokens import Tokens
from zsl.cli import main
from zsl.data.pretraining import backbone_note, named_backbone
from zsl.errors import InputError
from zsl.outputs.result import Result, write
from zsl.reporting.label_budget import LabelBudget, budgets
from zsl.reporting.table import rows

Make = Callable[..., Result]
ZERO = {"pairs": "drawings.safetensors", "lr": 0.1}


def of_shots(make: Make, shots: int | None, draw: int, u: float, s: float = 50.0, **changes: Any) -> Result:
    title = "Birds" if shots is None else f"Birds, {shots} {'shot' if shots == 1 else 'shots'} (seed {draw})"
    method = changes.pop("config", {"alpha": 1.0})
    config = {"method": method, "data": {"shots": shots, "shots_seed": draw}, "class_embedding": changes.pop("phi", {})}
    prints = {part: digest(f"{shots} {draw}") for part in ("trainval", "train", "val")} | changes.pop("prints", {})
    return make(
        **{"method": "tip_adapter", "data_title": title, "u": u, "s": s} | changes, config=config, prints=prints
    )


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    write(of_shots(make, None, 0, 20.0, 10.0, method="aligned", config=ZERO), tmp_path / "zero")
    base = {"alpha": 1.0, "base": ZERO}
    for shots, u in ((1, 24.0), (4, 18.0), (None, 12.0)):
        for draw in range(2):
            write(of_shots(make, shots, draw, u + draw, 40.0, config=base), tmp_path / f"tip{shots}-{draw}")
    write(of_shots(make, 1, 0, 30.0, method="eszsl"), tmp_path / "eszsl")
    return tmp_path


def test_accuracies_are_means_over_draws_and_the_crossing_is_where_u_falls_below(runs: Path) -> None:
    page = run(runs, "--shots", "--format", "markdown")
    accuracies, costs = page.split("## What labels cost")
    found = {(line["method"], line["labels"]): line for line in cells(accuracies)}
    assert found.keys() == {
        ("aligned", "0"),
        ("eszsl", "1"),
        ("tip_adapter", "1"),
        ("tip_adapter", "4"),
        ("tip_adapter", "all"),
    }
    assert found["tip_adapter", "4"]["u"].startswith("18.5 ±")
    assert found["tip_adapter", "4"]["runs"] == "2"
    (eszsl, tip) = sorted(cells(costs), key=lambda line: line["method"])
    assert (tip["zero labels"], tip["u without labels"]) == ("aligned", "20.0")
    assert tip["labels cost u between"] == "1 and 4 (±)"
    assert eszsl["labels cost u between"] == "none up to 1"


def test_another_base_is_no_reference(make: Make, runs: Path) -> None:
    other = {"alpha": 1.0, "base": ZERO | {"lr": 0.5}}
    write(of_shots(make, 1, 0, 1.0, config=other), runs / "other")
    page = run(runs, "--shots", "--format", "markdown")
    costs = {line["method"]: line for line in cells(page.split("## What labels cost")[1])}
    assert costs["tip_adapter lr=0.5"]["labels cost u between"] == "–"
    assert costs["tip_adapter lr=0.1"]["zero labels"] == "aligned"


def adapted(*results: Result) -> dict[str, LabelBudget]:
    return {line.name: line for line in budgets(rows({Path(f"{i}"): result for i, result in enumerate(results)}))}


PROMPTS = {"_target_": "zsl.class_embeddings.prompts.Prompts", "model": None, "control": "none", "shuffle_seed": None}
TOKENS = {"_target_": f"{Tokens.__module__}.{Tokens.__name__}", "model": None, "shuffle_seed": None}


def prompted(u: float = 20.0, **phi: Any) -> Result:
    """The aligned base without labels, on vectors of prompts."""
    of = {"class_embedding": "prompts", "phi": PROMPTS | phi}
    return of_shots(build, None, 0, u, method="aligned", config=ZERO, **of)


def with_tokens(method: str = "coop", shots: int = 1, u: float = 24.0, base: Any = ZERO, **phi: Any) -> Result:
    of = {"class_embedding": "tokens", "phi": TOKENS | phi, "prints": {"class_embeddings": digest("tokens")}}
    return of_shots(build, shots, 0, u, method=method, config={"base": base}, **of)


@pytest.mark.parametrize("method", ["coop", "kgcoop", "cocoop", "lora"])
def test_token_ids_are_compared_with_vectors_of_the_same_text_model(method: str) -> None:
    found = adapted(prompted(), with_tokens(method), with_tokens(method, 4, 18.0))
    assert (found[method].reference, found[method].crossing("u")) == ("aligned", "1 and 4")
    assert found[method].phi == "tokens"
    assert found[method].place == found["aligned"].place == ("final", "Birds", "prompts")


def test_controls_are_no_zero_labels_of_token_ids() -> None:
    controls = [prompted(3.0, control="shuffled"), prompted(2.0, shuffle_seed=1)]
    assert adapted(*controls, with_tokens())["coop"].start is None
    found = adapted(prompted(), *controls, with_tokens())["coop"]
    assert found.start is not None
    assert found.start["u"].mean == 20.0


@pytest.mark.parametrize("changes", [{"model": "clip"}, {"base": ZERO | {"lr": 0.5}}, {"base": None}])
def test_another_text_model_or_base_is_none_of_token_ids(changes: Any) -> None:
    assert adapted(prompted(), with_tokens(**changes))["coop"].start is None


def test_vectors_without_a_text_model_are_none_of_token_ids() -> None:
    attributes = of_shots(build, None, 0, 20.0, method="aligned", config=ZERO, phi={"shuffle_seed": None})
    assert adapted(attributes, with_tokens())["coop"].start is None


def on_pixels(method: str = "wise_ft", shots: int = 1, u: float = 24.0, noted: bool = True, **changes: Any) -> Result:
    """An adapter of the image encoder, on pixels that were extracted to a folder of another name."""
    note = backbone_note(named_backbone(identity(Pixels(size=32)))) if noted else "backbone: resnet; crop"
    card = {"images": 9, "features": 4, "classes": {"seen": 2, "unseen": 1}, "parts": {}, "licences": []}
    prints = {"features": digest("pixels"), "backbone": digest("pixels 32"), **changes.pop("prints", {})}
    of = {"data": "pixels", "data_title": f"Pixels, {shots} shots (seed 0)", "card": {**card, "notes": [note]}}
    return of_shots(build, shots, 0, u, method=method, config={"base": ZERO}, **{**of, **changes}, prints=prints)


def on_features() -> Result:
    return of_shots(build, None, 0, 20.0, method="aligned", config=ZERO, prints={"backbone": digest("efficientnet")})


@pytest.mark.parametrize("method", ["wise_ft", "lora_image"])
def test_pixels_are_compared_with_features_of_the_same_images(method: str) -> None:
    found = adapted(on_features(), on_pixels(method), on_pixels(method, 4, 18.0))
    assert (found[method].reference, found[method].crossing("u")) == ("aligned", "1 and 4")
    assert found[method].data == "Pixels"
    assert found[method].place == found["aligned"].place == ("final", "Birds", "attributes")
    assert [line.zero for line in found.values()] == [True, False]


@pytest.mark.parametrize(
    "changes",
    [
        {"noted": False},
        {"prints": {"labels": digest("others")}},
        {"prints": {"test_seen": digest("others")}},
        {"prints": {"test_unseen": digest("others")}},
        {"class_embedding": "prompts"},
        {"protocol": "tune"},
    ],
)
def test_other_images_classes_or_texts_are_none_of_pixels(changes: Any) -> None:
    assert adapted(on_features(), on_pixels(**changes))["wise_ft"].start is None


@pytest.mark.parametrize("target", ["zsl.backbones.pixels.Pixels", "zsl.backbones.efficientnet_lite.EfficientNetLite"])
def test_pixels_that_the_run_made_are_known_by_its_configuration(target: str) -> None:
    given = on_pixels(noted=False)
    result = replace(given, config={**given.config, "data": {**given.config["data"], "backbone": {"_target_": target}}})
    assert (adapted(on_features(), result)["wise_ft"].start is not None) == target.endswith("Pixels")


def test_one_figure_has_all_adapters_of_a_base(tmp_path: Path) -> None:
    image: dict[str, Any] = {"class_embedding": "prompts", "phi": PROMPTS}
    for i, result in enumerate((prompted(), with_tokens(), on_pixels(**image))):
        write(result, tmp_path / str(i))
    run(tmp_path, "--shots", "--output", tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").read_text().count(">Birds (final), prompts<") == 1
    assert "Pixels" not in (tmp_path / "curve.svg").read_text()


@given(st.lists(st.floats(1, 99), min_size=1, max_size=5), st.floats(1, 99))
def test_the_crossing_by_its_definition(us: list[float], level: float) -> None:
    results = [of_shots(build, None, 0, level, method="zero_shot")]
    results += [of_shots(build, 2**i, 0, u) for i, u in enumerate(us)]
    found = budgets(rows({Path(f"{i}"): result for i, result in enumerate(results)}))
    line = next(line for line in found if not line.zero)
    below = [i for i, u in enumerate(us) if u < level]
    if below:
        assert line.crossing("u") == f"{2 ** (below[0] - 1) if below[0] else 0} and {2 ** below[0]}"
    else:
        assert line.crossing("u") == f"none up to {2 ** (len(us) - 1)}"
    assert [fmean([at["u"].mean]) for at in line.points.values()] == pytest.approx(us)


def test_a_figure_names_every_method(runs: Path, tmp_path: Path) -> None:
    for form in ("svg", "png"):
        assert run(runs, "--shots", "--output", tmp_path / f"curve.{form}") == ""
    text = (tmp_path / "curve.svg").read_text()
    for word in ("tip_adapter", "eszsl", "aligned", "labels per class", "u (%)", "s (%)", ">all<"):
        assert word in text
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_has_the_curves(runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    run(runs, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Labels cost u between:" in page
    assert "tip_adapter: 1 and 4 (±)" in page
    found = json.loads(re.search(r'id="plot-shots-0-u">(.*?)</script>', page).group(1))  # type: ignore[union-attr]
    assert {trace["name"]: trace["y"] for trace in found["data"]}["tip_adapter"] == [24.5, 18.5, 12.5]


def test_runs_without_shots_are_refused(make: Make, tmp_path: Path) -> None:
    write(make(), tmp_path)
    with pytest.raises(InputError, match=r"^--shots: no run has data\.shots; make some"):
        run(tmp_path, "--shots")
    with pytest.raises(InputError, match="give one of them"):
        run(tmp_path, "--shots", "--base-to-new")


def test_real_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = [f"paths.output={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", "-m", "data=synthetic", "data.shots=1,2,null", "method=eszsl", *places]) == 0
    capsys.readouterr()
    assert main(["report", str(tmp_path / "runs"), "--shots", "--format", "markdown"]) == 0
    accuracies = capsys.readouterr().out.split("## What labels cost")[0]
    assert [line["labels"] for line in cells(accuracies)] == ["1", "2", "all"]
