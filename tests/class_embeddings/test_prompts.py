"""Prompts: which texts stand for a class, how their vectors become φ, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.two_towers import checkpoint
from zsl.class_embeddings.prompt_files import template_sets, words
from zsl.class_embeddings.prompts import Prompts
from zsl.class_embeddings.text_models import encode
from zsl.cli import main
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

pytest.importorskip("transformers")
CLASSES = ClassDescriptions(("002.Red_fox", "owl", "sea lion"), texts={"keywords": ("red", "night", "sea")})
SAID = {
    "red fox": ["a bushy tail", "has red fur", "a bushy tail", ""],
    "Owl": ["used to see at night", "large eyes"],
    "sea-lion": ["an animal like a sea lion"],
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("model") / "clip", "clip", max_position_embeddings=64)


@pytest.fixture
def said(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = tmp_path / "texts.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def texts(**options: Any) -> list[list[str]]:
    return [list(each) for each in Prompts(**options).wording(("keywords",)).texts(CLASSES)]


def test_texts_are_templates_of_every_name(said: Callable[[Any], Path]) -> None:
    assert texts() == [["a photo of a Red fox."], ["a photo of a owl."], ["a photo of a sea lion."]]
    two = texts(templates=["{}", "the {c}, {keywords}"])
    assert two[0] == ["Red fox", "the Red fox, red"]
    names = said({"Red fox": ["fox", "vulpes"], "owl": "owl", "sea lion": ["sea lion"]})
    assert texts(templates="a {name}", names=names)[0] == ["a fox", "a vulpes"]
    every = texts(templates=["imagenet7", "imagenet80"])
    assert [len(own) for own in every] == [80, 80, 80]
    assert every[1][0] == "itap of a owl."


def test_template_sets_are_those_of_the_papers() -> None:
    assert len(template_sets()["imagenet80"]) == 80
    assert set(template_sets()["imagenet7"]) < set(template_sets()["imagenet80"])
    assert all(template.count("{}") == 1 for each in template_sets().values() for template in each)


def test_descriptors_follow_the_rule_of_the_released_code(said: Callable[[Any], Path]) -> None:
    path = said(SAID)
    assert texts(descriptors=path) == [
        ["Red fox, which is a bushy tail", "Red fox, which has red fur"],
        ["owl, which is used to see at night", "owl, which has large eyes"],
        ["sea lion, which is an animal like a sea lion"],
    ]
    assert texts(descriptors=path, joined=True)[1] == ["owl: used to see at night, large eyes"]
    assert texts(descriptors=path, templates="a {}")[1][0] == "a owl"
    assert texts(sentences=path)[1] == ["used to see at night", "large eyes"]


def test_what_is_dropped_is_said(said: Callable[[Any], Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        texts(sentences=said(SAID))
    assert "dropped 1 empty and 1 repeated texts" in caplog.text


def test_a_class_of_which_nothing_is_said_is_called_by_its_name(said: Callable[[Any], Path]) -> None:
    assert texts(descriptors=said({**SAID, "Owl": []}))[1] == ["owl"]


def test_controls_keep_the_form_and_lose_the_meaning(said: Callable[[Any], Path]) -> None:
    path = said(SAID)
    plain = texts(descriptors=path)
    assert texts(descriptors=path, control="name_only") == [["Red fox"], ["owl"], ["sea lion"]]
    assert texts(descriptors=path, control="descriptions_only")[2] == ["an animal like a object"]
    swapped = texts(descriptors=path, control="swapped")
    bodies = [{text.partition(", which ")[2].replace("owl", "sea lion") for text in own} for own in swapped]
    own_bodies = [{text.partition(", which ")[2] for text in own} for own in plain]
    assert all(one != other for one, other in zip(bodies, own_bodies, strict=True))
    shuffled = texts(descriptors=path, control="shuffled")
    assert [len(own) for own in shuffled] == [len(own) for own in plain]
    random = texts(descriptors=path, control="random_words")
    for own, others in zip(random, plain, strict=True):
        for text, other in zip(own, others, strict=True):
            drawn = text.partition(", which ")[2].split()[1:] if " is a" not in text else text.split()[-2:]
            assert set(drawn[1:]) <= set(words())
            assert text.partition(",")[0] == other.partition(",")[0]
    assert texts(descriptors=path, control="random_words", control_seed=1) != random
    waffle = texts(control="waffle")
    assert [len(own) for own in waffle] == [30, 30, 30]
    assert [text.replace("owl", "sea lion") for text in waffle[1]] == waffle[2]


def test_controls_do_not_depend_on_the_other_classes_asked_for(said: Callable[[Any], Path]) -> None:
    path = said(SAID)
    for control in ("swapped", "shuffled", "random_words", "waffle"):
        wording = Prompts(descriptors=path, control=control).wording()
        assert wording.texts(CLASSES.part([2]))[0] == wording.texts(CLASSES)[2]


def test_every_ensemble_by_its_formula(clip: Path, cache: Path) -> None:
    v = encode(["a fox", "one fox", "fox"], clip).astype(float)
    u = v / np.linalg.norm(v, axis=1, keepdims=True)
    expected = {
        "mean_normalised": u.mean(0) / np.linalg.norm(u.mean(0)),
        "mean_raw": v.mean(0) / np.linalg.norm(v.mean(0)),
        "mean_scores": u.mean(0),
        "max": u.reshape(-1),
    }
    fox = ClassDescriptions(("fox",))
    for ensemble, phi in expected.items():
        own: Any = {"templates": ["a {}", "one {}", "{}"], "ensemble": ensemble, "model": clip, "cache": cache}
        np.testing.assert_allclose(Prompts(**own).fit(fox)(fox)[0], phi, atol=1e-12)
    theta = np.random.default_rng(0).standard_normal(12)
    theta /= np.linalg.norm(theta)
    assert abs(theta @ expected["mean_scores"] - np.mean(u @ theta)) < 1e-12


def test_texts_of_classes_that_do_not_exist_are_named(
    clip: Path, cache: Path, said: Callable[[Any], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = said({**SAID, "gryphon": ["a myth"]})
    embed = Prompts(descriptors=path, model=clip, cache=cache).fit(CLASSES.part([0, 1]))
    embed(CLASSES.part([0, 1]))
    assert "no classes" not in caplog.text
    embed(CLASSES.part([2]))
    assert "has texts of 'gryphon', which are no classes of the data set" in caplog.text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"templates": "a photo"}, r"'a photo': has no slot \{\} for the name, and is none of the sets .*imagenet7"),
        ({"templates": ["{}", "{keywords}"]}, r"'\{keywords\}': has no slot"),
        ({"templates": "{} {colour}"}, r"no \{colour\}; use fields of \{name\}, \{keywords\}"),
        ({"templates": "{"}, "write e.g."),
        ({"control": "shuffled"}, "there are no descriptions; give class_embedding.sentences"),
        ({"joined": True}, "nothing to join"),
        ({"ensemble": "median"}, "class_embedding.ensemble"),
        ({"sentences": "nowhere.json"}, "class_embedding.sentences nowhere.json: no such file"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        texts(**options)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not JSON"),
        ([], "is no object"),
        ('{"owl": ["a"], "owl": ["b"]}', "class 'owl' occurs twice"),
        ({"owl": {"a": 1}}, "class 'owl' has no list of texts"),
        ({"owl": ["bird"]}, "has no class '002.Red_fox'; add it"),
        ({**SAID, "red_fox": ["fox"]}, "has 'red fox' and 'red_fox' for class '002.Red_fox'"),
    ],
)
def test_wrong_files_are_refused(said: Callable[[Any], Path], content: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        texts(sentences=said(content))


@pytest.mark.parametrize(
    ("names", "reason"),
    [([""], "name 1 is empty"), (["x" * 10_000], "10000 characters"), ([], "no name"), (["owl", "owl"], "twice")],
)
def test_wrong_names_are_refused(said: Callable[[Any], Path], names: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        texts(names=said({"002.Red_fox": ["fox"], "owl": names, "sea lion": ["sea lion"]}))


def test_a_run_from_the_command_line(
    clip: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"class_{word}" for word in words()[:12]]
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.standard_normal((120, 12)).astype(np.float32))
    (tmp_path / "labels.txt").write_text("\n".join(["class", *(names[i % 12] for i in range(120))]))
    (tmp_path / "split.yaml").write_text(f"seen: {names[:8]}\nval: {names[6:8]}\nunseen: {names[8:]}\n")
    data = ["data=arrays", f"data.features={tmp_path / 'x.npy'}", f"data.labels={tmp_path / 'labels.txt'}"]
    data += [f"data.splits={tmp_path / 'split.yaml'}", "data.name=toy"]
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={cache}"]
    prompts = ["class_embedding=prompts", f"class_embedding.model={clip}", "class_embedding.templates=imagenet7"]
    assert main(["train", *data, "method=eszsl", *prompts, *places]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["config"]["class_embedding"]["templates"] == "imagenet7"
    capsys.readouterr()
    assert main(["train", *data, "method=eszsl", *prompts, *places, "class_embedding.ensemble=mean_scores"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "class_embedding.scale=l2: changes lengths that mean something here; choose none" in err
