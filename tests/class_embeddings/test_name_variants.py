"""Names of classes without a file: which texts they give, what φ is made of, and what is refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets import wordnet_files
from tests.two_towers import checkpoint
from zsl.backbones.imagenet import imagenet1k
from zsl.class_embeddings.name_variants import WordNetNames, read_names
from zsl.class_embeddings.prompts import Prompts
from zsl.cli import main
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("model") / "clip", "clip", max_position_embeddings=64)


@pytest.fixture
def wordnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return wordnet_files.install(tmp_path / "wordnet", monkeypatch)


def texts(*names: str, **options: Any) -> list[list[str]]:
    return [list(each) for each in Prompts(**options).wording().texts(ClassDescriptions(names))]


def test_names_of_imagenet_are_found_by_wnid() -> None:
    classes = ("n01440764", "crane (n03126707)", "n15075141")
    assert texts(*classes, names="imagenet1k", templates="a {}") == [
        ["a tench"],
        ["a construction crane"],
        ["a toilet paper"],
    ]
    assert imagenet1k()[517] == "construction crane"
    descriptors = "n01440764_tench"
    assert texts(descriptors, names="imagenet1k") == [["a photo of a tench."]]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["tench", "n01440764"], "'tench'"),
        (["n02119022x", "n99999999"], "'n02119022x', 'n99999999'"),
        ([f"class {i}" for i in range(7)], "'class 0', 'class 1', 'class 2', 'class 3', 'class 4' and 2 others"),
    ],
)
def test_classes_that_are_not_of_imagenet_are_refused_in_one_line(names: list[str], shown: str) -> None:
    with pytest.raises(InputError) as error:
        texts(*names, names="imagenet1k")
    assert str(error.value) == (
        f"class_embedding.names=imagenet1k: has no class {shown}, but those of ImageNet-1k by their wnids, such as "
        "n01440764; give a JSON file of class -> names"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dog", ["dog", "hound", "Canis familiaris"]),
        ("002.Hound", ["Hound", "dog", "Canis familiaris"]),
        ("dogs", ["dogs", "dog", "hound", "Canis familiaris"]),
        ("dog, Canis familiaris", ["dog", "hound", "Canis familiaris"]),
        ("dog, barks", ["dog, barks", "dog", "hound", "Canis familiaris"]),
        ("bow_(weapon)", ["bow (weapon)", "bow"]),
        ("gryphon", ["gryphon"]),
    ],
)
@pytest.mark.usefixtures("wordnet")
def test_lemmas_of_wordnet_follow_the_own_name(name: str, said: list[str]) -> None:
    assert texts(name, names="wordnet", templates="{}") == [said]


@pytest.mark.usefixtures("wordnet")
def test_wnids_are_said_by_their_lemmas() -> None:
    names = read_names("wordnet")
    assert isinstance(names, WordNetNames)
    wnid = next(wnid for wnid, synset in names.senses.wordnet.number.items() if synset == 3)
    assert texts(wnid, f"dog ({wnid})", names="wordnet", templates="{}") == [["dog", "hound", "Canis familiaris"]] * 2
    assert names.most == 4
    with pytest.raises(InputError, match=r"names=wordnet: WordNet 3.0 has no noun 'n00000001'; correct the name"):
        texts(wnid, "n00000001", names="wordnet")
    with pytest.raises(InputError, match="the data set has no class names, only placeholders such as '1'"):
        texts("1", "2", names="wordnet")


@pytest.mark.usefixtures("wordnet")
def test_φ_is_the_ensemble_of_the_names(clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As that of a file that says the same; φ of a class does not depend on others, and ``max`` has one size."""
    (tmp_path / "names.json").write_text(
        json.dumps({"dog": ["dog", "hound", "Canis familiaris"], "gryphon": "gryphon", "bow": "bow"})
    )
    classes = ClassDescriptions(("dog", "gryphon", "bow"))
    for ensemble in ("mean_normalised", "mean_raw", "mean_scores", "max"):
        own: dict[str, Any] = {"ensemble": ensemble, "model": clip, "cache": tmp_path}
        phi = Prompts(**own, names="wordnet").fit(classes)(classes)
        if ensemble == "max":
            assert phi.shape == (3, 4 * 12)
            assert len(np.unique(phi[0].reshape(4, 12), axis=0)) == 3
        else:
            np.testing.assert_array_equal(phi, Prompts(**own, names=tmp_path / "names.json").fit(classes)(classes))
        alone = Prompts(**own, names="wordnet").fit(classes.part([0]))(classes.part([2]))
        np.testing.assert_array_equal(alone[0], phi[2])
    assert "no classes of the data set" not in caplog.text


@pytest.mark.usefixtures("wordnet")
def test_classes_that_keep_their_name_are_named_once(
    clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    classes = ClassDescriptions(("dog", "gryphon", "bow"))
    embed = Prompts(names="wordnet", model=clip, cache=tmp_path).fit(classes.part([0, 1]))
    embed(classes.part([0, 1]))
    embed(classes.part([2]))
    embed(classes.part([2]))
    line = "class_embedding.names=wordnet: WordNet does not have 'gryphon', whose own name is kept"
    assert caplog.text.count(line) == 1


def test_what_is_not_installed_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    wordnet_files.absent(monkeypatch)
    with pytest.raises(InputError, match=r"^class_embedding.names=wordnet: no WordNet 3.0 .*; install WordNet 3.0 \("):
        texts("dog", names="wordnet")
    with pytest.raises(InputError, match=r"^class_embedding.names wordnett: no such file; .*, imagenet1k or wordnet$"):
        texts("dog", names="wordnett")


@pytest.mark.usefixtures("wordnet")
def test_variants_are_searched_on_validation_classes_and_change_the_fingerprint(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["dog", "puppy", "bow", "weapon", "beast", "hound, frank", "artifact", "gryphon"]
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.standard_normal((80, 12)).astype(np.float32))
    (tmp_path / "labels.txt").write_text("\n".join(["class", *(json.dumps(names[i % 8]) for i in range(80))]))
    (tmp_path / "split.yaml").write_text(json.dumps({"seen": names[:5], "val": names[3:5], "unseen": names[5:]}))
    words = [f"data.features={tmp_path / 'x.npy'}", f"data.labels={tmp_path / 'labels.txt'}", "data=arrays"]
    words += [f"data.splits={tmp_path / 'split.yaml'}", "data.name=toy", "method=eszsl", "class_embedding=prompts"]
    words += [f"class_embedding.model={clip}", f"paths.cache={tmp_path / 'cache'}"]
    prints = []
    for number, more in enumerate(([], ["class_embedding.names=wordnet"])):
        assert main(["train", *words, *more, f"paths.output={tmp_path / str(number)}"]) == 0
        prints.append(json.loads((tmp_path / str(number) / "result.json").read_text())["fingerprints"])
    assert prints[0]["class_embeddings"] != prints[1]["class_embeddings"]
    assert prints[0]["features"] == prints[1]["features"]
    search = ["selection=validation", "+sweep.class_embedding.names=[null,wordnet]", f"paths.output={tmp_path / 'two'}"]
    assert main(["train", *words, *search]) == 0
    chosen = json.loads((tmp_path / "two" / "result.json").read_text())
    assert chosen["fingerprints"]["class_embeddings"] in [each["class_embeddings"] for each in prints]
