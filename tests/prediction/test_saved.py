"""A saved model of every method loads in a fresh process, without data or configuration, and scores bit-identically."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load as load_tensors
from safetensors.torch import save
from torch import Tensor

from tests import worlds
from tests.configured import METHODS, build, config, kind
from zsl.data.protocol import final
from zsl.data.scaling import Scaling
from zsl.errors import InputError
from zsl.evaluation.evaluate import Calibration
from zsl.files.self_checksum import digest_of
from zsl.methods import KINDS
from zsl.methods.method import Dimensions
from zsl.prediction.components import OFFERED, built, of_recipe, path_of
from zsl.prediction.described import Described
from zsl.prediction.predictor import Predictor
from zsl.prediction.saved import load
from zsl.testing.method_under_test import world
from zsl.training.fit import fit
from zsl.training.loop import Loop

ASK = """
import sys
import numpy as np
import zsl
for folder in sys.argv[1:]:
    np.save(folder + "/scores.npy", zsl.load(folder).scores(np.load(folder + "/x.npy")))
"""


def predictor(method: str) -> Predictor:
    source = world(kind(method))
    stage = final(source)
    dims = Dimensions(*stage.dims)
    torch.manual_seed(0)
    model = build(method, dims)
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0)
    node: Any = OmegaConf.to_container(config(method), resolve=True)
    described = Described(source.descriptions, stage.phi, source.embedding_scale, source.fit_embedding, None)
    return Predictor(
        model,
        node,
        dims,
        stage.classes,
        stage.held_out.scaling,
        described,
        Calibration(0.25, 1.5),
        facts={"of": method},
    )


@pytest.fixture(scope="module")
def models() -> dict[str, Predictor]:
    return {method: predictor(method) for method in METHODS}


def test_every_method_loads_in_a_fresh_process_and_scores_the_same_bits(
    models: dict[str, Predictor], tmp_path: Path
) -> None:
    for name, model in models.items():
        model.save(tmp_path / name)
        np.save(tmp_path / name / "x.npy", world(kind(name)).dataset.features)
    folders = [str(tmp_path / name) for name in models]
    subprocess.run([sys.executable, "-c", ASK, *folders], check=True, cwd=tmp_path)
    for name, model in models.items():
        x = np.load(tmp_path / name / "x.npy")
        assert np.array_equal(np.load(tmp_path / name / "scores.npy"), model.scores(x)), name


def test_every_method_that_can_be_chosen_is_offered() -> None:
    from tests.configured import target

    chosen = {f"{target(name).__module__}.{target(name).__qualname__}" for name in METHODS}
    assert chosen <= OFFERED["method"]
    assert {path.rpartition(".")[2] for path in OFFERED["method"]} == set(KINDS)


@pytest.mark.parametrize(
    ("role", "of_conf"),
    [("class_embedding", ("class embedding", "part of a concatenation")), ("backbone", ("backbone",))],
)
def test_every_part_that_a_configuration_names_is_offered(role: str, of_conf: tuple[str, ...]) -> None:
    from zsl.config.offered import offered

    assert {json.loads(form)["_target_"] for kind in of_conf for form in offered(kind)} == OFFERED[role]


def test_every_correction_of_single_images_is_offered() -> None:
    from tests.configured import names, target

    kinds = [target(name, "correction") for name in names("correction")]
    assert {path_of(kind) for kind in kinds if not kind.transductive} == OFFERED["correction"]  # type: ignore[attr-defined]


class Sized:
    """A part that cannot be read back: its argument is kept nowhere."""

    def __init__(self, size: int) -> None:
        self.size = size


def test_a_part_whose_arguments_cannot_be_read_back_is_not_saved(models: dict[str, Predictor], tmp_path: Path) -> None:
    own = replace(models["eszsl"], backbone=Sized(3))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="takes arguments that cannot be saved; make it a dataclass"):
        own.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", KINDS)
def test_a_recipe_of_every_class_survives_as_data(name: str) -> None:
    import zsl.methods

    recipe = getattr(zsl.methods, name)()
    node = json.loads(json.dumps(of_recipe(recipe)))
    dims = Dimensions(5, 5 if recipe.kind.same_space else 3, 4, 2)
    torch.manual_seed(0)
    expected = recipe(dims).state_dict()
    torch.manual_seed(0)
    found = built({**node, "_partial_": True}, "method", "here")(dims).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_all_that_belongs_to_it_survives(models: dict[str, Predictor], tmp_path: Path) -> None:
    model = models["eszsl"]
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.classes.names == model.classes.names
    assert torch.equal(again.classes.embeddings, model.classes.embeddings)
    assert torch.equal(again.classes.seen, model.classes.seen)
    assert again.calibration == model.calibration
    assert again.facts == model.facts
    x = worlds.dataset().features[:9]
    one, other = model.predict(x, top_k=3), again.predict(x, top_k=3)
    assert one.labels.tolist() == other.labels.tolist()
    assert np.array_equal(one.confidence, other.confidence)
    assert np.array_equal(one.margin, other.margin)


@pytest.fixture(scope="module")
def scaled(models: dict[str, Predictor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model with every kind of tensor."""
    d = models["ale"].dims.features
    scaling = Scaling("standard", np.zeros(d, dtype=np.float32), np.ones(d, dtype=np.float32))
    folder = tmp_path_factory.mktemp("scaled") / "model"
    replace(models["ale"], scaling=scaling).save(folder)
    return folder


def edited(folder: Path, to: Path, tensors: dict[str, Tensor], names: list[str] | None = None) -> Path:
    """Write a model with other tensors, with the checksum that belongs to them."""
    to.mkdir()
    raw = save(tensors)
    content = json.loads((folder / "model.json").read_text())
    content |= {"tensors": hashlib.sha256(raw).hexdigest(), "tensor_names": names or content["tensor_names"]}
    (to / "model.json").write_text(json.dumps({**content, "self": digest_of(content)}) + "\n")
    (to / "tensors.safetensors").write_bytes(raw)
    return to


def test_a_model_without_one_of_its_tensors_is_refused(scaled: Path, tmp_path: Path) -> None:
    tensors = load_tensors((scaled / "tensors.safetensors").read_bytes())
    assert {name.partition(".")[0] for name in tensors} == {"method", "classes", "phi", "scaling", "matrices"}
    for number, name in enumerate(tensors):
        fewer = {key: value for key, value in tensors.items() if key != name}
        with pytest.raises(InputError, match=r"other tensors than model\.json names"):
            load(edited(scaled, tmp_path / f"one{number}", fewer))
        if not name.startswith("matrices."):  # without these descriptions it is another model
            with pytest.raises(InputError, match="is not a model that zsl saved"):
                load(edited(scaled, tmp_path / f"all{number}", fewer, sorted(fewer)))


def test_a_model_with_a_tensor_of_another_length_is_refused(scaled: Path, tmp_path: Path) -> None:
    tensors = load_tensors((scaled / "tensors.safetensors").read_bytes())
    for number, (name, value) in enumerate(tensors.items()):
        with pytest.raises(InputError, match="is not a model that zsl saved"):
            load(edited(scaled, tmp_path / str(number), {**tensors, name: value[None, 0].clone()}))


def test_a_model_that_does_not_name_its_tensors_loads(scaled: Path, tmp_path: Path) -> None:
    older = edited(scaled, tmp_path / "older", load_tensors((scaled / "tensors.safetensors").read_bytes()))
    content = json.loads((older / "model.json").read_text())
    del content["tensor_names"], content["self"]
    (older / "model.json").write_text(json.dumps(content) + "\n")
    x = worlds.dataset().features[:9]
    assert np.array_equal(load(older).scores(x), load(scaled).scores(x))


def test_a_model_whose_description_was_changed_is_refused(scaled: Path, tmp_path: Path) -> None:
    changed = edited(scaled, tmp_path / "changed", load_tensors((scaled / "tensors.safetensors").read_bytes()))
    content = json.loads((changed / "model.json").read_text())
    content["names"][:2] = content["names"][1::-1]
    (changed / "model.json").write_text(json.dumps(content) + "\n")
    with pytest.raises(InputError, match="was altered"):
        load(changed)


class Mine:
    """A class of somebody's own."""


def test_a_class_of_ones_own_has_to_be_handed_over() -> None:
    node = {"_target_": f"{__name__}.Mine"}
    with pytest.raises(InputError, match="which zsl does not offer as a backbone"):
        built(node, "backbone", "model.json")
    assert isinstance(built(node, "backbone", "model.json", [Mine]), Mine)


def test_saving_twice_replaces_the_model(models: dict[str, Predictor], tmp_path: Path) -> None:
    for name in ("eszsl", "ale"):
        models[name].save(tmp_path / "model")
    assert load(tmp_path / "model").facts == {"of": "ale"}
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"model.json", "tensors.safetensors"}
