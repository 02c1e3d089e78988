"""Every backbone of ``conf/backbone/`` builds, and one that needs no checkpoint keeps the contract."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hydra.utils import get_object, instantiate

from tests.backbones.checkpoints import images
from tests.configured import keys, names
from zsl.backbones.backbone import Backbone, identity
from zsl.backbones.pretraining import OVERLAP, pretraining_notes

NEEDED = {"efficientnet_lite": "efficientnet_lite_pytorch"}
"""backbone -> package"""


@pytest.mark.parametrize("name", names("backbone"))
def test_a_backbone_is_built_from_its_configuration(name: str) -> None:
    kind = get_object(keys(name, "backbone")["_target_"])
    assert issubclass(kind, Backbone)
    open_ = {key: "a" for key, value in keys(name, "backbone").items() if value == "???"}
    assert isinstance(instantiate(keys(name, "backbone") | open_), kind)


@pytest.mark.parametrize("name", [name for name in names("backbone") if "???" not in keys(name, "backbone").values()])
def test_features_do_not_depend_on_the_images_around(name: str) -> None:
    if name in NEEDED and importlib.util.find_spec(NEEDED[name]) is None:
        pytest.skip("pip install 'zsl[images]'")
    backbone, some = instantiate(keys(name, "backbone")), images(5)
    together = backbone(some)
    assert together.dtype == np.float32
    assert len(together) == 5
    np.testing.assert_array_equal(backbone(some[::-1])[::-1], together)
    pixels = [backbone.prepare(image) for image in some]
    assert len({each.shape for each in pixels}) == 1
    np.testing.assert_array_equal(backbone.encode(pixels), together)
    known = identity(backbone)
    assert known["name"]
    assert known["transform"]


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
