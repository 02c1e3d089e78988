"""Every file of conf/class_embedding makes an embedding, and states the defaults that the code has."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from zsl.class_embeddings.concat import Concat
from zsl.data.dataset import ClassDescriptions

CONF = Path(__file__).parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "class_embedding").glob("*.yaml"))
PROTOCOL = {"scale": "l2", "shuffle_seed": None}


def composed(name: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base=None):
        return compose("config", overrides=[f"class_embedding={name}", "data=synthetic", *overrides])


def constructor(config: DictConfig) -> dict[str, Any]:
    return {
        key: config._get_node(key) for key in config if key not in PROTOCOL and key not in ("_target_", "_convert_")
    }


def test_the_names_that_are_promised_exist() -> None:
    assert {"attributes", "word2vec", "glove", "fasttext", "sentence", "concat"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_those_of_the_constructor_and_of_the_protocol(name: str) -> None:
    config = composed(name).class_embedding
    assert {key: config[key] for key in PROTOCOL} == PROTOCOL | ({"scale": "none"} if name == "tokens" else {})
    parameters = inspect.signature(get_class(config._target_)).parameters
    assert set(constructor(config)) == set(parameters)


def pinned(config: DictConfig, told_apart_by: set[str]) -> None:
    """Values in the file are the defaults in the code."""
    for key, parameter in inspect.signature(get_class(config._target_)).parameters.items():
        if OmegaConf.is_missing(config, key) or key in told_apart_by:
            continue
        if isinstance(config[key], DictConfig):
            for part in [config[key]] if "_target_" in config[key] else config[key].values():
                pinned(part, told_apart_by)
        else:
            assert config[key] == parameter.default, key


@pytest.mark.parametrize("name", NAMES)
def test_the_file_and_the_code_agree_on_defaults(name: str) -> None:
    own = {"minilm_keywords": {"template"}, "minilm_texts": {"template"}, "imagenet_w2v": {"kind"}}.get(name, set())
    pinned(composed(name).class_embedding, {"cache"} | own)


@pytest.mark.parametrize("name", ["word2vec", "fasttext", "matrix"])
def test_a_path_is_asked_for(name: str) -> None:
    assert OmegaConf.is_missing(composed(name).class_embedding, "path")


def test_concat_can_be_configured_part_by_part(tmp_path: Path) -> None:
    vectors = tmp_path / "v.txt"
    vectors.write_text("ant 3 4\nbee 0 2\n")
    config = composed(
        "concat",
        f"class_embedding.parts.words.embedding.path={vectors}",
        f"class_embedding.parts.words.embedding.cache={tmp_path / 'cache'}",
        "class_embedding.parts.words.weight=10",
        "class_embedding.parts.attributes.embedding.kind=binary",
        "class_embedding.parts.attributes.l2=false",
    ).class_embedding
    embedding = instantiate({key: value for key, value in config.items() if key not in PROTOCOL})
    assert isinstance(embedding, Concat)
    classes = ClassDescriptions(("ant", "bee"), {"att": np.array([[1.0, 0.0], [2.0, 3.0]])})
    assert embedding.fit(classes)(classes).tolist() == [[0, 0, 6, 8], [1, 1, 0, 10]]
