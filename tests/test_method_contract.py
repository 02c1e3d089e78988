"""The contract of methods, for every file of conf/method/: a new file there is tested without an edit here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.configured import METHODS, build, config, keys, kind, recipe
from tests.methods.test_ranking import RANKING
from zsl.config.compose import compose
from zsl.methods.method import Dimensions
from zsl.testing.law import Law, hold
from zsl.testing.method_under_test import LOOP, MethodUnderTest
from zsl.testing.methods import LAWS
from zsl.testing.scores import a_gpu_agrees

__all__ = ["LOOP"]
ANYWHERE = [law for law in LAWS if law is not a_gpu_agrees]


@pytest.fixture(scope="module", params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def given(method: str) -> MethodUnderTest:
    """The method, made small, with the values that a search tries."""
    space: Any = OmegaConf.to_container(compose([f"method={method}"]).get("sweep") or OmegaConf.create())
    return MethodUnderTest(recipe(method), space)


def test_methods_are_found() -> None:
    assert {"eszsl", "ale"} <= set(METHODS)


def test_what_the_files_say_is_what_is_built(method: str) -> None:
    assert type(build(method, Dimensions(2, 2, 2))) is kind(method) is recipe(method).kind
    parts = {"head", "space", "base"}  # chosen from groups of their own
    assert set(config(method)) - parts == set(keys(method))


def test_every_method_has_a_test_of_its_own() -> None:
    folder = Path(__file__).parent / "methods"
    missing = [name for name in METHODS if name not in RANKING and not (folder / f"test_{name}.py").is_file()]
    assert not missing, f"methods without tests/methods/test_<name>.py, and not in test_ranking.py: {missing}"


@pytest.mark.parametrize("law", ANYWHERE, ids=lambda law: law.__name__)
def test_every_law_of_the_contract_holds(given: MethodUnderTest, law: Law[MethodUnderTest]) -> None:
    hold(law, given)


@pytest.mark.gpu
def test_a_gpu_agrees(given: MethodUnderTest) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    hold(a_gpu_agrees, given)
