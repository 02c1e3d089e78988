"""Every law of class embeddings, data sets, backbones and corrections refuses what breaks it, and names itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from tests import worlds
from zsl.backbones.backbone import Backbone
from zsl.backbones.preprocessing import centre_square, on_white
from zsl.class_embeddings.attributes import Attributes
from zsl.data.dataset import Card, ClassDescriptions, Dataset
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.corrections.csls import CSLS
from zsl.testing import (
    backbones,
    check_backbone,
    check_class_embedding,
    check_correction,
    check_data,
    class_embeddings,
    corrections,
    data,
)
from zsl.testing.law import sentence

COUNT = itertools.count()


def changed(**how: Any) -> Any:
    """A class embedding: attributes, with a function of the class changed."""

    @dataclass(frozen=True)
    class Changed(Attributes):
        def fit(self, known: ClassDescriptions) -> Any:
            embed = super().fit(known)
            return how["embed"](embed, known) if "embed" in how else embed

    return Changed()


SHARED: dict[str, Any] = {}


def remembered(embed: Any, known: ClassDescriptions) -> Any:
    SHARED["known"] = len(known.names)
    return lambda classes: embed(classes) + SHARED["known"]


@dataclass(frozen=True)
class Sized(Attributes):
    """A field that is no data."""

    made: Any = object


EMBEDDINGS: dict[Callable[..., None], Any] = {
    class_embeddings.each_class_has_one_row: changed(embed=lambda embed, _: lambda classes: embed(classes)[:1]),
    class_embeddings.a_row_does_not_depend_on_other_classes: changed(
        embed=lambda embed, _: lambda classes: embed(classes) - embed(classes).mean(axis=0)
    ),
    class_embeddings.fitting_again_gives_the_same: changed(
        embed=lambda embed, _: partial(lambda n, classes: embed(classes) + n, next(COUNT))
    ),
    class_embeddings.what_was_fitted_stays: changed(embed=remembered),
    class_embeddings.descriptions_are_not_written_on: changed(
        embed=lambda _embed, _: lambda classes: classes.matrices["att"]
    ),
    class_embeddings.it_can_be_saved_with_a_model: Sized(),
}


@pytest.mark.parametrize("law", EMBEDDINGS, ids=lambda law: law.__name__)
def test_a_class_embedding_that_breaks_a_law(law: Callable[..., None]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_class_embedding(EMBEDDINGS[law])
    assert f": this law does not hold: {sentence(law)}. " in str(caught.value)


def edited(**how: Any) -> Callable[[], Dataset]:
    def load() -> Dataset:
        return replace(worlds.dataset(), **{key: value() for key, value in how.items()})

    return load


def leaking() -> Dataset:
    """An image of a seen class is for testing and for training."""
    dataset = worlds.dataset()
    both = np.concatenate([dataset.splits.test_seen, dataset.splits.trainval[:1]])
    object.__setattr__(dataset.splits, "test_seen", both)
    return dataset


def relabelled() -> Dataset:
    """Features that are not those of the fingerprint."""
    dataset = worlds.dataset()
    object.__setattr__(dataset, "features", dataset.features + 1)
    return dataset


DATA: dict[Callable[..., None], Callable[[], Dataset]] = {
    data.a_dataset_of_finite_features_is_loaded: edited(card=lambda: Card(" ")),
    data.splits_leak_nothing: leaking,
    data.fingerprints_are_those_of_the_arrays: relabelled,
    data.loading_again_gives_the_same: lambda: worlds.dataset(seed=next(COUNT)),
}


@pytest.mark.parametrize("law", DATA, ids=lambda law: law.__name__)
def test_a_data_set_that_breaks_a_law(law: Callable[..., None]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_data(DATA[law])
    assert f": this law does not hold: {sentence(law)}. " in str(caught.value)


class Colours(Backbone):
    """The mean colour of the middle of an image."""

    name, transform = "mean colour", "centre square, 8 px"

    def prepare(self, image: Any) -> Any:
        return centre_square(image, 8)

    def encode(self, pixels: Any) -> Any:
        return np.array([each.mean((0, 1)) for each in pixels], np.float32).reshape(len(pixels), 3)


class Double(Colours):
    def encode(self, pixels: Any) -> Any:
        return super().encode(pixels).astype(np.float64)


class Never(Colours):
    def encode(self, pixels: Any) -> Any:
        return np.concatenate([super(Never, self).encode([each]) for each in pixels])


class AnySize(Colours):
    def prepare(self, image: Any) -> Any:
        return np.asarray(on_white(image))


class Batch(Colours):
    def encode(self, pixels: Any) -> Any:
        return super().encode(pixels) + np.float32(len(pixels))


class OnlyColour(Colours):
    def prepare(self, image: Any) -> Any:
        return np.asarray(image)[:1, :1, :3]


class Anonymous(Colours):
    transform = ""


class Counted(Colours):
    def labels(self) -> Any:
        return range(1, 4)


BACKBONES: dict[Callable[..., None], Any] = {
    backbones.each_image_has_one_row: Double,
    backbones.no_image_is_no_row: Never,
    backbones.inputs_of_the_network_have_one_shape: AnySize,
    backbones.features_do_not_depend_on_the_images_around: Batch,
    backbones.every_kind_of_image_is_encoded: OnlyColour,
    backbones.name_and_transform_are_keys: Anonymous,
    backbones.pretraining_is_stated_in_words: Counted,
}


@pytest.mark.parametrize("law", BACKBONES, ids=lambda law: law.__name__)
def test_a_backbone_that_breaks_a_law(law: Callable[..., None]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_backbone(BACKBONES[law]())
    assert str(caught.value).startswith(f"{BACKBONES[law].__name__}: this law does not hold: {sentence(law)}. ")


@dataclass(frozen=True)
class Shift(Correction):
    transductive: ClassVar[bool] = False

    def fitted(self, _blocks: Any, seen: Any) -> Any:
        return lambda scores, start: self.of_block(scores, seen, start)

    def of_block(self, scores: Any, seen: Any, _start: int) -> Any:
        return scores - 0.5 * seen * np.ptp(scores, axis=1, keepdims=True)


class InPlace(Shift):
    def of_block(self, scores: Any, seen: Any, _start: int) -> Any:
        scores -= seen
        return scores


class FirstClass(Shift):
    def of_block(self, scores: Any, _seen: Any, _start: int) -> Any:
        return scores - np.arange(scores.shape[1])


class FirstImage(Shift):
    def of_block(self, scores: Any, seen: Any, start: int) -> Any:
        return super().of_block(scores, seen, start) + start + np.arange(len(scores))[:, None]


class LongBlock(Shift):
    def of_block(self, scores: Any, seen: Any, start: int) -> Any:
        return super().of_block(scores, seen, start) - seen * len(scores)


class Undeclared(CSLS):
    transductive: ClassVar[bool] = False


class Fixed(Shift):
    def of_block(self, scores: Any, seen: Any, _start: int) -> Any:
        return scores - 0.5 * seen


class Few(Shift):
    def of_block(self, scores: Any, seen: Any, start: int) -> Any:
        return super().of_block(scores, seen, start) / (scores.shape[1] > 1)


CORRECTIONS: dict[Callable[..., None], type[Correction]] = {
    corrections.scores_come_out_as_they_went_in: InPlace,
    corrections.the_order_of_classes_does_not_matter: FirstClass,
    corrections.the_order_of_images_does_not_matter: FirstImage,
    corrections.blocks_do_not_matter: LongBlock,
    corrections.what_is_declared_holds_in_both_directions: Undeclared,
    corrections.scores_of_any_kind_are_taken: Fixed,
    corrections.few_images_few_classes_and_ties_are_taken: Few,
}


@pytest.mark.parametrize("law", CORRECTIONS, ids=lambda law: law.__name__)
def test_a_correction_that_breaks_a_law(law: Callable[..., None]) -> None:
    with pytest.raises(AssertionError) as caught, np.errstate(all="ignore"):
        check_correction(CORRECTIONS[law]())
    assert str(caught.value).startswith(f"{CORRECTIONS[law].__name__}: this law does not hold: {sentence(law)}. ")


def test_what_fulfils_all_laws_passes() -> None:
    check_class_embedding(Attributes())
    check_class_embedding(Attributes(kind="binary"))
    check_data(worlds.dataset)
    check_backbone(Colours())
    check_correction(Shift())
    check_correction(CSLS())


def test_every_law_is_broken_by_one() -> None:
    for laws, broken in (
        (class_embeddings.LAWS, EMBEDDINGS),
        (data.LAWS, DATA),
        (backbones.LAWS, BACKBONES),
        (corrections.LAWS, CORRECTIONS),
    ):
        assert set(laws) == set(broken)
        assert all((law.__doc__ or "").startswith("Require that ") for law in laws)
