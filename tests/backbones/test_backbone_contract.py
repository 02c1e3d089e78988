"""Every backbone of ``conf/backbone/`` builds, and one that needs no checkpoint keeps the contract."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hydra.utils import get_object, instantiate

from tests.configured import keys, names
from zsl.backbones.backbone import Backbone
from zsl.data.pretraining import OVERLAP, pretraining_notes
from zsl.testing import check_backbone

NEEDED = {"efficientnet_lite": "efficientnet_lite_pytorch"}
"""backbone -> package"""


@pytest.mark.parametrize("name", names("backbone"))
def test_a_backbone_is_built_from_its_configuration(name: str) -> None:
    kind = get_object(keys(name, "backbone")["_target_"])
    assert issubclass(kind, Backbone)
    open_ = {key: "a" for key, value in keys(name, "backbone").items() if value == "???"}
    assert isinstance(instantiate(keys(name, "backbone") | open_), kind)


@pytest.mark.parametrize("name", [name for name in names("backbone") if "???" not in keys(name, "backbone").values()])
def test_every_law_of_the_contract_holds(name: str) -> None:
    if name in NEEDED and importlib.util.find_spec(NEEDED[name]) is None:
        pytest.skip("pip install 'zsl[images]'")
    check_backbone(instantiate(keys(name, "backbone")))


def test_unseen_classes_among_the_labels_of_pretraining_are_named() -> None:
    known = {
        "pretraining": "imagenet1k",
        "labels": ["goldfish, Carassius auratus", "king penguin (bird)", "crane, bird"],
    }
    seen = np.array([True, False, False, False])
    stated, overlap = pretraining_notes(known, ["Crane", "003.King_Penguin", "carassius auratus", "okapi"], seen)
    assert "imagenet1k" in stated
    assert OVERLAP in overlap
    assert overlap.endswith("2 of 3 unseen classes " + OVERLAP + ": 003.King_Penguin, carassius auratus")
    assert len(pretraining_notes(known, ["goldfish", "okapi"], np.array([True, False]))) == 1
    (unknown,) = pretraining_notes({"pretraining": "unknown"}, ["goldfish"], np.array([False]))
    assert "unknown" in unknown
