"""Token ids, and the tower that reads them: the vectors of prompts again, context at its place, constant weights."""

from __future__ import annotations

import copy
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.two_towers import LONGEST, checkpoint
from zsl.class_embeddings.prompts import Prompts
from zsl.class_embeddings.sentence import Sentence
from zsl.class_embeddings.text_encoder import MINILM_PACKAGE
from zsl.class_embeddings.text_models import encode
from zsl.class_embeddings.text_tower import TextTower
from zsl.class_embeddings.tokens import Tokens
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

pytest.importorskip("transformers")
LONG = "a very long name of nothing at all " * 4
CLASSES = ClassDescriptions(("cat", "Red_Fox", "owl", LONG), {}, {"text": ("small", "red", "it flies", "x")})


@pytest.fixture(scope="module", params=LONGEST)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("model") / str(request.param), str(request.param))


def ids(folder: Path | None, template: str = "{name}") -> torch.Tensor:
    return torch.from_numpy(Tokens(template=template, model=folder).fit(CLASSES)(CLASSES)).float()


def test_the_tower_makes_the_vectors_of_prompts(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = TextTower(folder)(ids(folder, "a photo of a {name}."))
    assert f"1 of 4 texts are cut after {LONGEST[folder.name]} tokens" in caplog.text
    embed = Prompts(ensemble="mean_raw", model=folder, cache=tmp_path / "cache").fit(CLASSES)
    unit = torch.nn.functional.normalize(found, dim=1)
    np.testing.assert_allclose(unit.numpy(), embed(CLASSES), atol=1e-6)


@pytest.mark.skipif(find_spec(MINILM_PACKAGE) is None, reason="pip install 'zsl[sentence]'")
def test_the_packaged_tower_makes_the_vectors_of_minilm(tmp_path: Path) -> None:
    found = torch.nn.functional.normalize(TextTower(None)(ids(None, "{name}: {text}")), dim=1)
    expected = Sentence(template="{name}: {text}", cache=tmp_path / "cache").fit(CLASSES)(CLASSES)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("position", ["end", "middle", "front"])
def test_context_of_words_makes_the_text_with_these_words(folder: Path, position: str) -> None:
    tower, space = TextTower(folder), " " if folder.name == "clip" else ""
    names = ("cat", "wren", "owl", "eel")
    classes = ClassDescriptions(names, {})
    phi = torch.from_numpy(Tokens(model=folder).fit(classes)(classes)).float()
    order = {"end": "xx{}", "middle": "x{}x", "front": "{}xx"}[position].replace("{}", "n")
    texts = [space.join(name if part == "n" else part for part in order) for name in names]
    found = tower(phi, tower.words(f"x{space}x"), position)
    np.testing.assert_allclose(found.numpy(), encode(texts, folder), atol=2e-6)
    each = tower.words(f"x{space}x").expand(len(names), -1, -1)
    torch.testing.assert_close(tower(phi, each, position), found)


def test_a_text_without_room_for_the_context_is_cut_before_its_end(tmp_path: Path) -> None:
    tower = TextTower(checkpoint(tmp_path / "clip", "clip"))
    known = ClassDescriptions(("abcdefghijklmnopqrstuvwxyz",), {})
    phi = torch.from_numpy(Tokens(model=tower.folder).fit(known)(known))
    assert phi.shape == (1, 24)
    for position in ("end", "middle", "front"):
        cut = torch.cat([phi[:, :21], phi[:, 23:], torch.full((1, 2), -1.0)], 1)
        context = tower.words("x y")
        assert torch.equal(tower(phi, context, position), tower(cut, context, position))


def test_texts_of_a_batch_do_not_change_each_other(folder: Path) -> None:
    tower, phi = TextTower(folder), ids(folder)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(tower(phi[order]), tower(phi)[order], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(torch.cat([tower(row.unsqueeze(0)) for row in phi]), tower(phi), atol=2e-6, rtol=1e-5)


def test_weights_are_constant_and_no_part_of_a_state(folder: Path) -> None:
    tower = TextTower(folder)
    assert not list(tower.parameters())
    assert list(tower.state_dict()) == ["content"]
    assert not any(module.training for module in tower.train().model.modules())
    twin = copy.deepcopy(tower).double()
    assert tower(ids(folder)).dtype == torch.float32
    torch.testing.assert_close(twin(ids(folder).double()).float(), tower(ids(folder)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("constant", [True, False])
def test_training_mode_changes_no_vector_of_a_tower_with_dropout(tmp_path: Path, constant: bool) -> None:
    folder = checkpoint(tmp_path / "align", "align", hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    tower, phi = TextTower(folder, constant), ids(folder)
    with torch.no_grad():
        expected = tower.eval()(phi)
        assert tower.train().training
        assert torch.equal(tower(phi), expected)
        tower.model.train()
        assert not torch.allclose(tower(phi), expected), "the checkpoint drops something"


def test_a_state_of_other_weights_is_refused(tmp_path: Path) -> None:
    state = TextTower(checkpoint(tmp_path / "one", "clip")).state_dict()
    TextTower(checkpoint(tmp_path / "again", "clip")).load_state_dict(state)
    other = TextTower(checkpoint(tmp_path / "other", "clip", hidden_act="gelu"))
    with pytest.raises(InputError, match=r"text tower .*other: has other weights than the model was trained with"):
        other.load_state_dict(state)


@pytest.mark.parametrize(
    "row", [[0.5, -1, -1], [1e9, -1, -1], [-1, 3, -1], [3, -1, 4], [-1, -1, -1], [float("nan"), 1, 1]]
)
def test_what_are_no_token_ids_is_refused(tmp_path: Path, row: list[float]) -> None:
    tower = TextTower(checkpoint(tmp_path / "clip", "clip"))
    with pytest.raises(InputError, match="φ\\(y\\) are no token ids of the text tower; choose class_embedding=tokens"):
        tower(torch.tensor([row, [3, 4, -1]]))


def test_a_tokenizer_that_masks_padding_that_the_model_reads_is_refused(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "siglip", "siglip")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_input_names": ["input_ids", "attention_mask"]}))
    with pytest.raises(InputError, match="its tokenizer masks the padding"):
        ids(folder)


def test_the_template_is_checked_before_the_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"class_embedding.template='\{colour\}': the data set has no \{colour\}"):
        Tokens(template="{colour}", model=tmp_path).fit(CLASSES)
    with pytest.raises(InputError, match=r"has no config\.json"):
        Tokens(model=tmp_path).fit(CLASSES)
