"""The contract of class embeddings, for every file of conf/class_embedding/, in worlds that have all descriptions."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.described_worlds import NAMES, TRAIN, Files, cases
from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.config.checking import instantiate
from zsl.config.compose import compose
from zsl.config.data_sets import PROTOCOL_KEYS
from zsl.testing.class_embeddings import LAWS, ClassEmbeddingUnderTest
from zsl.testing.law import Law, hold


@pytest.fixture(scope="module", params=NAMES)
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Any:
    """The embedding with the first value of every option."""
    files = Files(tmp_path_factory.mktemp("files"), cache)
    classes, name = files.describe().classes, str(request.param)
    cfg = copy.deepcopy(compose([f"class_embedding={name}", "data=synthetic"]))
    for option, value in next(iter(cases(name, files))).items():
        OmegaConf.update(cfg, option, str(value) if isinstance(value, Path) else value)
    node: Any = OmegaConf.to_container(cfg.class_embedding, resolve=True)
    own = {key: value for key, value in node.items() if key not in PROTOCOL_KEYS}
    return ClassEmbeddingUnderTest(instantiate(own, "class_embedding", ClassEmbedding), classes)  # type: ignore[type-abstract]


def test_half_of_the_classes_are_more_than_the_training_classes(given: ClassEmbeddingUnderTest) -> None:
    assert len(given.known.names) >= len(TRAIN)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_of_the_contract_holds(given: ClassEmbeddingUnderTest, law: Law[ClassEmbeddingUnderTest]) -> None:
    hold(law, given)
