"""The contract of methods, for every file of conf/method/: a new file there is tested without an edit here."""

from __future__ import annotations

import copy
import gc
import inspect
import itertools
import os
import signal
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning import Callback, LightningModule, Trainer

from tests import worlds
from tests.configured import METHODS, build, config, keys, kind
from tests.methods.test_ranking import RANKING
from zsl.config.compose import compose
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import Stage, final
from zsl.evaluation.leak_audit import audit_method
from zsl.evaluation.scoring import score
from zsl.methods.method import Dimensions, ZSLModel
from zsl.training.fit import fit
from zsl.training.loop import Loop
from zsl.training.random_draws import detect_random_draws
from zsl.training.resumption import InterruptedRunError, steps_made

LOOP = Loop(progress_bar=False)


def trained(method: str, stage: Stage, seed: int = 0, **how: Any) -> ZSLModel:
    torch.manual_seed(seed)
    model = build(method, Dimensions(*stage.dims))
    return fit(model, stage.training(model.setting), LOOP, seed, **how)


def search_space(method: str) -> dict[str, list[Any]]:
    """Return the sweep of a method, with all values of its choices."""
    numbers = OmegaConf.to_container(compose([f"method={method}"]).get("sweep") or OmegaConf.create())
    parameters = inspect.signature(type(build(method, Dimensions(2, 2, 2))), eval_str=True).parameters
    literal = {name: p.annotation for name, p in parameters.items() if get_origin(p.annotation) is Literal}
    choices = {name: list(get_args(annotation)) for name, annotation in literal.items()}
    assert isinstance(numbers, dict)
    return {str(name): values for name, values in (numbers | choices).items()}


@pytest.fixture(scope="module", params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return final(worlds.source())


@pytest.fixture(scope="module")
def model(method: str, stage: Stage) -> ZSLModel:
    return trained(method, stage)


@torch.inference_mode()
def scores(model: ZSLModel, x: torch.Tensor, classes: LabelSpace) -> torch.Tensor:
    return model.scores(x, classes)


def test_methods_are_found() -> None:
    assert {"eszsl", "ale"} <= set(METHODS)


def test_what_the_files_say_is_what_is_built(method: str, model: ZSLModel) -> None:
    assert type(model) is kind(method)
    assert set(config(method)) - {"head"} == set(keys(method))  # a head is chosen from a group of its own


def test_every_method_has_a_test_of_its_own() -> None:
    folder = Path(__file__).parent / "methods"
    missing = [name for name in METHODS if name not in RANKING and not (folder / f"test_{name}.py").is_file()]
    assert not missing, f"methods without tests/methods/test_<name>.py, and not in test_ranking.py: {missing}"


def test_scores_have_one_row_an_image_and_one_column_a_class(model: ZSLModel, stage: Stage) -> None:
    x = stage.held_out.seen().inputs
    found = scores(model, x, stage.classes)
    assert found.shape == (len(x), len(stage.classes))
    assert found.isfinite().all()


def test_what_says_that_it_draws_nothing_is_the_same_with_every_seed(
    method: str, model: ZSLModel, stage: Stage
) -> None:
    if model.epochs:
        assert not model.deterministic
        return
    torch.manual_seed(1)
    with detect_random_draws() as draws:
        build(method, Dimensions(*stage.dims))
    other = trained(method, stage, seed=1)
    same = all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    assert same == (model.deterministic and other.deterministic and not draws.any)


def test_order_of_classes_does_not_matter(model: ZSLModel, stage: Stage) -> None:
    x, order = (
        stage.held_out.unseen().inputs,
        torch.randperm(len(stage.classes), generator=torch.Generator().manual_seed(0)),
    )
    expected = scores(model, x, stage.classes)[:, order]
    torch.testing.assert_close(scores(model, x, stage.classes.take(order)), expected, rtol=1e-5, atol=1e-6)


def test_each_image_is_scored_on_its_own(model: ZSLModel, stage: Stage) -> None:
    x = stage.held_out.unseen().inputs
    one_by_one = torch.cat([scores(model, row.unsqueeze(0), stage.classes) for row in x])
    torch.testing.assert_close(one_by_one, scores(model, x, stage.classes), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("part", ["seen", "unseen", "one unseen"])
def test_any_part_of_the_label_space_can_be_asked_about(model: ZSLModel, stage: Stage, part: str) -> None:
    ids = stage.classes.seen_ids if part == "seen" else stage.classes.unseen_ids
    classes = stage.classes.take(ids[:1] if part == "one unseen" else ids)
    found = scores(model, stage.held_out.unseen().inputs, classes)
    assert found.shape[1] == len(classes)
    assert found.isfinite().all()


def test_the_same_seed_gives_the_same_weights(method: str, model: ZSLModel, stage: Stage) -> None:
    again = trained(method, stage)
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_weights_can_be_saved_and_loaded(method: str, model: ZSLModel, stage: Stage, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    fresh = build(method, Dimensions(*stage.dims))
    fresh.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    x = stage.held_out.unseen().inputs
    assert torch.equal(scores(fresh.eval(), x, stage.classes), scores(model, x, stage.classes))


class StopAtSecondStep(Callback):
    """SIGINT at the second step."""

    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        if steps_made(trainer) == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_resumed_run_has_the_same_weights(method: str, model: ZSLModel, stage: Stage, tmp_path: Path) -> None:
    if not model.epochs:
        return
    with pytest.raises(InterruptedRunError, match="stopped at step 2"):
        trained(method, stage, checkpoints=tmp_path, callbacks=[StopAtSecondStep()])
    again = trained(method, stage, checkpoints=tmp_path, resume=True)
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_a_trained_method_keeps_no_image(method: str, stage: Stage) -> None:
    """Images are freed without the garbage collector: a search would hold those of hundreds of trainings."""
    train = stage.training(build(method, Dimensions(*stage.dims)).setting)
    own = replace(train, examples=Examples(train.examples.inputs.clone(), train.examples.labels))
    images, model = weakref.ref(own.examples.inputs), build(method, Dimensions(*stage.dims))
    gc.collect()
    gc.disable()
    try:
        fit(model, own, LOOP, 0)
        del own, model
        assert images() is None
    finally:
        gc.enable()


def test_double_precision_agrees(model: ZSLModel, stage: Stage) -> None:
    x = stage.held_out.unseen().inputs
    expected = scores(model, x, stage.classes)
    found = scores(copy.deepcopy(model).double(), x.double(), stage.classes.to("cpu", torch.float64))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_as_on_a_cpu(method: str, model: ZSLModel, stage: Stage) -> None:
    there = build(method, Dimensions(*stage.dims))
    there.load_state_dict(model.state_dict())
    expected = score(model, stage.held_out).gzsl.dense()
    found = score(there.cuda(), stage.held_out).gzsl.dense()
    torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "sizes",
    [
        {"d": 1},
        {"k": 1},
        {"unseen": 1},
        {"d": 2, "train": 12},
        {"train": 1, "val": 1},
        {"per_class": 2},
    ],
    ids=str,
)
def test_extreme_sizes(method: str, sizes: dict[str, int]) -> None:
    stage = final(worlds.source(seed=1, **sizes))
    scored = score(trained(method, stage), stage.held_out)
    assert scored.gzsl.dense().shape[1] == len(stage.classes)


def maker(kind: type[ZSLModel], method: str, stage: Stage) -> Callable[[dict[str, Any]], ZSLModel]:
    """Return a function that builds a closed form without Hydra, which takes longer than solving."""
    given = {str(key): value for key, value in config(method).items() if key != "_target_"}
    return lambda point: kind(Dimensions(*stage.dims), **{**given, **point})


def test_a_grid_that_shares_decompositions_equals_training_each_point(method: str) -> None:
    """Every combination of the search space, extended by every value of a Literal; 1e-8 in float64.

    Each point is trained on features of its own: nothing that was decomposed for the grid is found there.
    """
    kind = type(build(method, Dimensions(2, 2, 2)))
    stage = final(worlds.source(seed=2, train=8, per_class=6, k=5))
    train = stage.training(kind.setting)
    train = replace(
        train,
        examples=Examples(train.examples.inputs.double(), train.examples.labels),
        classes=train.classes.to("cpu", torch.float64),
    )
    axes = search_space(method)
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]

    make = maker(kind, method, stage)
    solved = kind.solve_grid(train, (make(point).double() for point in points))
    if solved is None:
        return
    for point, model in zip(points, solved, strict=True):
        alone = make(point).double()
        alone.finalize(replace(train, examples=Examples(train.examples.inputs.clone(), train.examples.labels)))
        for key, value in alone.state_dict().items():
            torch.testing.assert_close(model.state_dict()[key], value, rtol=1e-8, atol=1e-8, msg=f"{point}: {key}")


def test_a_grid_is_bit_identical_in_any_order(method: str) -> None:
    """The solution of a point does not depend on the points before it."""
    kind = type(build(method, Dimensions(2, 2, 2)))
    stage = final(worlds.source(seed=2, train=8, per_class=6, k=5))
    train, axes = stage.training(kind.setting), search_space(method)
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())][:12]
    make = maker(kind, method, stage)
    forth, back = (kind.solve_grid(train, map(make, order)) for order in (points, points[::-1]))
    if forth is None or back is None:
        return
    for one, other in zip(forth, list(back)[::-1], strict=True):
        for key, value in one.state_dict().items():
            assert torch.equal(other.state_dict()[key], value), key


def test_the_declared_setting_holds_in_both_directions(method: str) -> None:
    audit_method(lambda dims: build(method, dims), worlds.source())
