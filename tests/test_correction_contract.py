"""What every correction must do, found in conf/correction/ by itself: a new file there is tested with no edit here."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from zsl.config.tree import tree
from zsl.evaluation.corrections.correction import Correction
from zsl.testing.corrections import LAWS, CorrectionUnderTest
from zsl.testing.law import Law, hold

CORRECTIONS = sorted(path.stem for path in (tree() / "conf" / "correction").glob("*.yaml"))


def correction(name: str) -> Correction:
    """As configured."""
    made = instantiate(OmegaConf.load(tree() / "conf" / "correction" / f"{name}.yaml"))
    assert isinstance(made, Correction)
    return made


@pytest.fixture(params=CORRECTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_corrections_are_found() -> None:
    assert {"none", "csls", "calibrated_stacking"} <= set(CORRECTIONS)


def test_every_correction_has_a_test_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / "evaluation" / "corrections" / f"test_{name}.py").is_file()


def test_defaults_stand_in_code_and_configuration_alike(name: str) -> None:
    cfg = OmegaConf.to_container(OmegaConf.load(tree() / "conf" / "correction" / f"{name}.yaml"))
    assert isinstance(cfg, dict)
    target = get_object(cfg.pop("_target_"))
    assert cfg == {key: p.default for key, p in inspect.signature(target).parameters.items()}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_of_the_contract_holds(name: str, law: Law[CorrectionUnderTest]) -> None:
    hold(law, CorrectionUnderTest(correction(name)))
