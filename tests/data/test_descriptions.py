"""From class descriptions to φ: separate calls for known and other classes, permutations within groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests import worlds
from zsl.class_embeddings.attributes import Attributes
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed, embed, shuffled
from zsl.data.protocol import EmbeddedDataset, final, tune
from zsl.errors import InputError

DATA = worlds.dataset(train=6, val=4, unseen=5)
ROLES = (range(6), range(6, 10), range(10, 15))


def centred(known: ClassDescriptions) -> Embed:
    """An invalid embedding, whose rows depend on the other classes of the call."""
    return lambda classes: classes.matrices["att"] - classes.matrices["att"].mean(axis=0)


def test_what_an_embedding_does_with_other_classes_does_not_reach_the_known_ones() -> None:
    known = DATA.seen()
    att = DATA.classes.matrices["att"].copy()
    phi = embed(centred, DATA.classes, known)
    att[~known] += 100
    again = embed(centred, ClassDescriptions(DATA.classes.names, {"att": att}), known)
    np.testing.assert_array_equal(phi[known], again[known])
    np.testing.assert_array_equal(phi[known], embed(centred, DATA.classes.part(range(10)), known[:10]))
    assert not np.array_equal(phi[~known], att[~known])


def test_rows_stand_in_the_order_of_the_classes() -> None:
    known = np.arange(15) % 2 == 0
    np.testing.assert_array_equal(embed(Attributes().fit, DATA.classes, known), DATA.classes.matrices["att"])


def test_each_stage_fits_on_its_own_training_classes() -> None:
    asked: list[tuple[int, ...]] = []

    def fit(known: ClassDescriptions) -> Embed:
        asked.append(known.numbers)
        return Attributes().fit(known)

    source = EmbeddedDataset(DATA, fit, "l2", "l2")
    tune(source)
    assert asked == [tuple(ROLES[0])]
    final(source)
    assert asked == [tuple(ROLES[0]), (*ROLES[0], *ROLES[1])]


def test_what_is_not_finite_is_an_error_that_names_the_class() -> None:
    att = DATA.classes.matrices["att"].copy()
    att[12, 1] = np.nan
    with pytest.raises(InputError, match="φ of class 'class 12' is not finite"):
        embed(Attributes().fit, ClassDescriptions(DATA.classes.names, {"att": att}), DATA.seen())


def test_shuffled_descriptions_are_those_of_another_class_of_the_same_role() -> None:
    names = DATA.classes.names
    order = [names.index(name) for name in shuffled(DATA, 1).names]
    assert order != list(range(15))
    for role in ROLES:
        assert sorted(order[i] for i in role) == list(role)
    assert order != [names.index(name) for name in shuffled(DATA, 2).names]
    assert shuffled(DATA, 1).numbers == tuple(order)


def test_a_shuffle_of_known_classes_does_not_depend_on_how_many_others_there_are() -> None:
    more = worlds.dataset(train=6, val=4, unseen=9)
    assert shuffled(more, 1).numbers[:10] == shuffled(DATA, 1).numbers[:10]


def test_both_stages_are_shuffled_alike_and_names_stay() -> None:
    plain, source = (
        EmbeddedDataset(DATA, Attributes().fit, "l2", "none"),
        EmbeddedDataset(DATA, Attributes().fit, "l2", "none", 1),
    )
    stage, whole = tune(source), final(source)
    assert torch.equal(stage.classes.embeddings, whole.classes.embeddings[:10])
    assert whole.classes.names == DATA.classes.names
    order = list(shuffled(DATA, 1).numbers)
    assert torch.equal(whole.classes.embeddings, final(plain).classes.embeddings[order])


def test_classes_that_no_split_uses_are_shuffled_among_the_unseen() -> None:
    splits = DATA.splits
    last = np.flatnonzero(DATA.labels == 14)
    fewer = replace(DATA, splits=replace(splits, test_unseen=np.setdiff1d(splits.test_unseen, last)))
    assert shuffled(fewer, 1).numbers == shuffled(DATA, 1).numbers
