"""CE-GZSL: its two supervisions in loops over pairs, and its steps in plain torch; its space with other generators."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import leaky_relu

import zsl
from tests import worlds
from tests.configured import config, names
from tests.methods.adversarial import LOOP, SMALL, assert_resumes, assert_same_weights, double, trained
from tests.methods.guided import optimizers, wgan_step
from zsl.cli import main
from zsl.config.compose import compose
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Batch
from zsl.errors import InputError
from zsl.methods.generative.contrastive import Contrastive
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.fgmmn import FGMMN
from zsl.methods.generative.space import Space
from zsl.methods.generative.tf_vaegan import TFVAEGAN
from zsl.methods.method import Dimensions
from zsl.testing import check_method
from zsl.training.fit import fit

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)
SPACE = partial(
    Contrastive, hidden=7, projection=5, comparator_hidden=6, lr=1e-2, epochs=2, instance_temperature=0.3, batch_size=16
)


def build(**changes: Any) -> FCLSWGAN:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "beta": 0.0, "space": SPACE, "guidance": 0.5}
    return FCLSWGAN(DIMS, **{**SMALL, **given, **changes})


def embedded(space: Contrastive, x: Tensor) -> tuple[Tensor, Tensor]:
    """h and z of one image."""
    W1, b1, W2, b2 = space.embedding.parameters()
    h = (W1 @ x + b1).clamp(min=0)
    z = W2 @ h + b2
    return h, z / z.square().sum().sqrt()


def of_classes(space: Contrastive, h: Tensor, label: int, classes: LabelSpace) -> Tensor:
    """-log softmax of the comparator's values, class by class."""
    A, a, w, c = space.comparator.parameters()
    values = [(w @ leaky_relu(A @ torch.cat([h, space.phi_scale * phi]) + a, 0.2) + c)[0] for phi in classes.embeddings]
    each = torch.stack(values) / space.class_temperature
    return each.exp().sum().log() - each[label]


def of_instances(z: list[Tensor], labels: list[int], temperature: float) -> Tensor:
    """The mean over images that have another of their class, of the mean over these."""
    found = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        alike = [p for p in others if labels[p] == labels[i]]
        if alike:
            total = sum(((z[i] @ z[a]) / temperature).exp() for a in others)
            found.append(sum(-((z[i] @ z[p]) / temperature - total.log()) for p in alike) / len(alike))  # type: ignore[union-attr]
    return torch.stack(found).mean() if found else torch.zeros((), dtype=z[0].dtype)  # type: ignore[arg-type]


def slow_loss(space: Contrastive, x: Tensor, y: Tensor, classes: LabelSpace) -> Tensor:
    rows, labels = [embedded(space, row) for row in x], y.tolist()
    first = torch.stack([of_classes(space, h, label, classes) for (h, _), label in zip(rows, labels, strict=True)])
    return first.mean() + of_instances([z for _, z in rows], labels, space.instance_temperature)


def slow_charge(space: Contrastive, fake: Tensor, y: Tensor, classes: LabelSpace, real: Tensor) -> Tensor:
    rows, labels = [embedded(space, row) for row in fake], y.tolist()
    first = torch.stack([of_classes(space, h, label, classes) for (h, _), label in zip(rows, labels, strict=True)])
    z = [z for _, z in rows] + [embedded(space, row)[1].detach() for row in real]
    return first.mean() + of_instances(z, labels * 2, space.instance_temperature)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 6), s=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_losses_are_those_of_pairs(n: int, s: int, seed: int) -> None:
    torch.manual_seed(seed)
    space = SPACE(Dimensions(4, 3, s)).double()
    for parameter in space.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    phi, seen = torch.randn(s, 3).double(), torch.ones(s, dtype=torch.bool)
    classes = LabelSpace(tuple(map(str, range(s))), phi, seen)
    space.weigh_descriptions(classes)
    assert (space.phi_scale * phi).square().sum(dim=1).mean().item() == pytest.approx(1)
    x, fake, y = torch.randn(n, 4).double(), torch.randn(n, 4).double(), torch.randint(s, (n,))
    assert space.loss(Batch(x, y, classes)).item() == pytest.approx(slow_loss(space, x, y, classes).item())
    charged = space.charge(fake, y, classes, x, restored=False).item()
    assert charged == pytest.approx(slow_charge(space, fake, y, classes, x).item())
    assert math.isfinite(charged)


def test_an_image_alone_in_its_class_contrasts_with_nothing() -> None:
    space = SPACE(Dimensions(4, 3, 1))
    classes = LabelSpace(("a",), torch.randn(1, 3), torch.ones(1, dtype=torch.bool))
    loss = space.loss(Batch(torch.randn(1, 4), torch.zeros(1, dtype=torch.long), classes))
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in space.parameters())


def test_steps_equal_those_of_the_plain_algorithm() -> None:
    model = build().double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, FCLSWGAN)
    slow.space.load_state_dict({**slow.space.state_dict(), "phi_scale": model.space.phi_scale})
    adams = optimizers(slow)
    for batch, state in steps:
        wgan_step(slow, adams, batch, state, slow_loss, slow_charge)
    assert_same_weights(model, slow)


def test_the_space_can_be_trained_before_any_generator() -> None:
    """Heads learn in it, the generator is what it is without it, and it is trained by its own loop."""
    x = STAGE.held_out.unseen().inputs
    for method, extra in ((FCLSWGAN, 0), (FGMMN, 0), (TFVAEGAN, DIMS.embedding + 8)):
        torch.manual_seed(1)
        model: Any = method(DIMS, **{**SMALL, "space": SPACE, "epochs": 1})
        plain: Any = torch.manual_seed(1) and method(DIMS, **{**SMALL, "epochs": 1})
        before = {name: value.clone() for name, value in model.space.named_parameters()}
        fit(model, STAGE.training(model.setting), LOOP, 0)
        assert model.gzsl_head.V.shape[1] == 7 + extra
        assert torch.equal(model.represent(x)[:, :7], model.space.represent(x))
        assert all(not torch.equal(value, before[name]) for name, value in model.space.named_parameters())
        own = [name for name in plain.state_dict() if name.startswith("generator")]
        start = {name: value.clone() for name, value in plain.state_dict().items()}
        assert own
        torch.manual_seed(1)
        again: Any = method(DIMS, **{**SMALL, "space": SPACE, "epochs": 1})
        assert all(torch.equal(again.state_dict()[name], start[name]) for name in own)


def test_the_method_is_a_configuration() -> None:
    node = config("ce_gzsl")
    assert node.space._target_.endswith("Contrastive")
    assert node.guidance == 0.001
    assert node.beta == 0


def test_a_resumed_training_is_bit_identical(tmp_path: Any) -> None:
    assert_resumes(build, STAGE, tmp_path, 3)


def test_a_space_that_guides_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="this space guides no generator"):
        build(space=Space)
    with pytest.raises(InputError, match="hidden=0: must be"):
        build(space=partial(Contrastive, hidden=0))


def test_the_space_is_a_method_of_its_own() -> None:
    check_method(Contrastive, {"hidden": 8, "projection": 4, "comparator_hidden": 8, "epochs": 3, "batch_size": 16})


def test_a_generator_with_a_space_is_saved_and_loaded_by_name(tmp_path: Path) -> None:
    """From the command line, without plug-ins: heads, spaces and what guides are kinds that zsl offers."""
    small = ["method.hidden=8", "method.epochs=1", "method.features_per_class=3", "method.head.epochs=1"]
    parts = ["method/space=contrastive", "method.space.hidden=8", "method.space.epochs=1", "method/head=zlap"]
    places = [f"paths.output={tmp_path}", f"paths.cache={tmp_path / 'cache'}", "save.model=true"]
    assert main(["train", "data=synthetic", "method=fgmmn", *small, *parts, *places]) == 0
    model = zsl.load(tmp_path / "model")
    assert isinstance(model.method.space, Contrastive)
    assert main(["synthesize", str(tmp_path), str(tmp_path / "made"), "--per-class", "2"]) == 0


@pytest.mark.parametrize("space", names("method/space"))
def test_every_space_is_a_kind_that_is_offered(space: str) -> None:
    target = compose(["method=fclswgan", f"method/space={space}"]).method.space._target_
    module, _, name = target.rpartition(".")
    assert f"zsl.methods.{zsl.methods.KINDS[name]}" == module
