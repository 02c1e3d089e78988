"""Notes on backbones: what identifies them, what they were trained on, and unseen classes among it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from tests import worlds
from zsl.data.few_shot import few_shot
from zsl.data.fingerprint import verified_fingerprints
from zsl.data.pretraining import (
    LONGEST,
    OVERLAP,
    backbone_note,
    brief,
    named_backbone,
    on_pretraining,
    pretraining_notes,
)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("tench, Tinca tinca", "tench"),
        ("tench", "tench, Tinca tinca"),
        ("Tinca tinca, tench", "tench, Tinca tinca"),
        ("kite", "kite (bird of prey)"),
        ("crane (n02012849)", "crane, bird"),
        ("003.King_Penguin", "king penguin"),
        ("persian+cat", "Persian cat"),
    ],
)
def test_names_of_a_class_are_compared_with_names_of_a_label(name: str, label: str) -> None:
    known = {"pretraining": "imagenet1k", "labels": ["goldfish", label]}
    _, overlap = pretraining_notes(known, ["okapi", name], np.array([True, False]))
    assert overlap == f"pretraining: 1 of 1 unseen classes {OVERLAP}: {name}"
    assert len(pretraining_notes(known, ["okapi", name], np.array([False, True]))) == 1, "a seen class"


def test_empty_names_are_those_of_no_class() -> None:
    known = {"pretraining": "imagenet1k", "labels": ["tench,", "(a fish)"]}
    assert len(pretraining_notes(known, ["okapi, ", "(unnamed)"], np.array([False, False]))) == 1


def test_a_cell_has_the_statement_and_the_overlap_alone() -> None:
    known = {"pretraining": "imagenet1k", "labels": ["wren"]}
    notes = pretraining_notes(known, ["wren"], np.array([False]))
    assert on_pretraining(["another note", *notes]) == notes
    assert brief(notes) == f"imagenet1k; 1 of 1 unseen classes {OVERLAP}: wren"
    assert brief(()) == ""


def test_a_long_transform_is_cut_off_in_the_note_alone() -> None:
    backbone = named_backbone({"name": "vit", "transform": "resize\n 224 " + "x" * 1000})
    assert len(backbone) > 1000
    note = backbone_note(backbone)
    assert note.startswith("backbone: vit; resize 224 xxx")
    assert note.endswith("x…")
    assert len(note) == len("backbone: ") + LONGEST


def test_a_backbone_is_one_more_fingerprint_and_none_changes_nothing() -> None:
    plain = worlds.dataset()
    assert verified_fingerprints(plain) == plain.fingerprints
    prints = [verified_fingerprints(replace(plain, backbone=name)) for name in ("vit; none", "vit; crop")]
    for name, found in zip(("vit; none", "vit; crop"), prints, strict=True):
        assert found == {**plain.fingerprints, "backbone": hashlib.sha256(name.encode()).hexdigest()}
    assert (
        verified_fingerprints(few_shot(replace(plain, backbone="vit; none"), 1, 0))["backbone"] == prints[0]["backbone"]
    )
