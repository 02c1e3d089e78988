"""CoOp text by text: tokens and context vectors through transformers' own model, gradients through the slow form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.configured import small_tower
from tests.methods.few_labels import Towers, whole
from tests.methods.text_towers import (
    NAMES,
    SEEN,
    WIDTH,
    cosine,
    few,
    slow_loss,
    spelled,
    text_vector,
    token_space,
    trained,
    word,
)
from zsl.cli import main
from zsl.errors import InputError
from zsl.methods.few_labels.coop import FIRST, CoOp
from zsl.methods.method import Dimensions
from zsl.outputs.result import read
from zsl.prediction.saved import load

SAID = spelled("a photo")


def prompt(name: str, v: Tensor, position: str) -> list[str | Tensor]:
    before = {"end": len(v), "middle": len(v) // 2, "front": 0}[position]
    return [*v[:before], *spelled(name), *v[before:]]


@pytest.mark.parametrize("position", ["end", "middle", "front"])
@pytest.mark.parametrize("context", [{"context": "a photo"}, {"context": None, "M": 3}])
def test_scores_and_gradients_are_those_of_single_texts(position: str, context: dict[str, Any]) -> None:
    train = few()
    model = trained(CoOp, train, class_position=position, epochs=3, lr=0.1, batch_size=5, **context)
    v = model.v.detach().clone().requires_grad_()
    x, y, classes = train.examples.tensor, train.examples.labels, token_space()
    F = [[cosine(row, text_vector(prompt(name, v, position))) for name in NAMES] for row in x]
    expected = torch.stack([torch.stack(row) for row in F])
    torch.testing.assert_close(model.scores(x, classes), expected, atol=1e-9, rtol=1e-9)
    (slow,) = torch.autograd.grad(slow_loss([row[:SEEN] for row in F], y), v)
    loss = model.loss(whole(train))
    (found,) = torch.autograd.grad(loss, model.v)
    assert found.abs().max() > 1e-4
    torch.testing.assert_close(found, slow, atol=1e-9, rtol=1e-9)


def test_class_specific_context_is_that_of_seen_classes_alone() -> None:
    train = few()
    model = trained(CoOp, train, class_specific=True, context="a photo", epochs=4, lr=0.1)
    assert model.v.shape == (SEEN, len(SAID), 24)
    assert len({tuple(v.flatten().tolist()) for v in model.v}) == SEEN
    classes = token_space().take([6, 2, 0, 5, 3, 1, 4])
    for i, name in enumerate(classes.names):
        own = list(model.v[NAMES.index(name)]) if classes.seen[i] else SAID
        torch.testing.assert_close(model.t(classes.embeddings)[i], text_vector([*own, *spelled(name)]))
    random = trained(CoOp, train, class_specific=True, context=None, M=2, epochs=4, lr=0.1)
    unseen = random.t(classes.embeddings)[~classes.seen]
    torch.testing.assert_close(unseen, torch.stack([text_vector(spelled(name)) for name in ("eel", "blue hen", "bee")]))


def test_it_begins_with_the_words_and_the_base_is_trained_on_them() -> None:
    train = few()
    seen: list[Tensor] = []

    class Base(Towers):
        def finalize(self, train: Any) -> None:
            seen.append(train.classes.embeddings)

    torch.manual_seed(0)
    model = CoOp(Dimensions(WIDTH, 24, SEEN), base=Base, checkpoint=small_tower(), context="a photo").double()
    torch.testing.assert_close(model.v.detach(), torch.stack([word(token) for token in SAID]))
    for part, own in model.foundations(train):
        part.finalize(own)
    expected = torch.stack([text_vector([*SAID, *spelled(name)]) for name in NAMES[:SEEN]])
    torch.testing.assert_close(seen[0], expected)


def test_one_step_is_sgd_at_the_rate_of_the_epoch() -> None:
    train = few()
    how = {"context": "a photo", "batch_size": len(train.examples), "weight_decay": 0.01, "decay_epochs": 10, "lr": 0.3}
    zero, one, two, three = (trained(CoOp, train, epochs=n, **how) for n in (1, 2, 3, 4))
    start = zero.tower.words("a photo")

    def slope(model: CoOp, v: Tensor) -> Tensor:
        with torch.no_grad():
            model.v.copy_(v)
        return torch.autograd.grad(model.loss(whole(train)), model.v)[0] + 0.01 * v

    v, momentum = start, torch.zeros_like(start)
    rates = [FIRST, *(0.3 * (1 + math.cos(math.pi * e / 10)) / 2 for e in (1, 2, 3))]
    for model, rate in zip((zero, one, two, three), rates, strict=True):
        final = model.v.detach().clone()
        momentum = 0.9 * momentum + slope(model, v)
        v = v - rate * momentum
        torch.testing.assert_close(final, v, atol=1e-9, rtol=1e-9)


def test_steps_lower_the_loss_and_leave_the_tower_and_the_base() -> None:
    train = few()
    losses = [trained(CoOp, train, epochs=n, lr=0.1).loss(whole(train)).item() for n in (1, 15)]
    assert losses[1] < losses[0] - 0.05
    assert not any(name.startswith("tower") for name, _ in trained(CoOp, train, epochs=1).named_parameters())


def test_kept_class_vectors_follow_weights_and_classes() -> None:
    train, classes = few(), token_space()
    model = trained(CoOp, train, epochs=2)
    x = train.examples.tensor
    with torch.inference_mode():
        before = model.scores(x, classes)
        assert torch.equal(model.scores(x, classes), before)
        torch.testing.assert_close(model.scores(x, classes.take([3, 1])), before[:, [3, 1]])
        model.v[0].mul_(-1)  # a constant would be taken out by the first layer norm
        assert (model.scores(x, classes) - before).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"M": 4}, r"method.M=4: give a number where method.context=null, and null otherwise"),
        ({"context": None}, r"method.M=null: give a number"),
        (
            {"context": None, "M": 22},
            r"method.M=22: 22 context vectors; give 1 to 21, as the text tower reads 24 tokens",
        ),
        ({"context": ""}, r"method.context='': 0 context vectors"),
        ({"checkpoint": "/nowhere"}, r"text encoder /nowhere has no config.json"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        CoOp(Dimensions(WIDTH, 24, SEEN), **{"base": Towers, "checkpoint": small_tower(), **keys})


def command(folder: Path) -> list[str]:
    """Write a small data set, and return the words that train on it."""
    names = ["ant", "cow", "red fox", "owl", "bee", "hen"]
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32))
    (folder / "labels.txt").write_text("\n".join(["class", *(names[i % 6] for i in range(60))]))
    (folder / "split.yaml").write_text(f"seen: {names[:4]}\nval: {names[2:4]}\nunseen: {names[4:]}\n")
    files = {"root": folder, "features": "x.npy", "labels": "labels.txt", "splits": "split.yaml"}
    own = ["train", "data=arrays", *(f"data.{key}={value}" for key, value in files.items()), "method=coop"]
    return [*own, f"paths.output={folder / 'run'}", "method.epochs=2"]


def test_the_number_of_context_vectors_is_chosen_on_validation_classes(tmp_path: Path) -> None:
    words = ["class_embedding=tokens", f"class_embedding.model={small_tower()}", "selection=validation"]
    words += ["method.context=null", "method.M=3", "+sweep.M=[2,4]", "sweep.lr=[0.5]", "sweep.class_position=[end]"]
    assert main([*command(tmp_path), *words, "save.model=true"]) == 0
    result = read(tmp_path / "run" / "result.json")
    assert len(result.selection.trials) == 2
    chosen = result.selection.chosen["method.M"]
    assert chosen in (2, 4)
    saved = [load_file(file) for file in (tmp_path / "run" / "model").glob("*.safetensors")]
    (v,) = [weights["method.v"] for weights in saved if "method.v" in weights]
    assert v.shape == (chosen, 24)


def test_the_command_line_trains_saves_and_asks_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = [*command(tmp_path), "save.model=true", "method.context=a"]
    assert main([*own, "class_embedding=tokens", f"class_embedding.model={small_tower()}"]) == 0
    saved = tmp_path / "run" / "model"
    weights = [name for file in saved.glob("*.safetensors") for name in load_file(file) if ".tower." in name]
    assert weights == ["method.tower.content"]
    model = load(saved)
    x = np.load(tmp_path / "x.npy")[:3]
    assert model.scores(x, labels=["zebra", "okapi", "ant"]).shape == (3, 3)
    np.testing.assert_allclose(model.scores(x)[:, [0]], model.scores(x, labels=["ant"]), rtol=1e-5)
    capsys.readouterr()
    small = [f"class_embedding.model={small_tower()}", f"class_embedding.cache={tmp_path}"]
    assert main([*own, "class_embedding=minilm", *small, f"paths.output={tmp_path / 'other'}"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("zsl: error: class_embedding: φ(y) are no token ids of the text tower; choose")
