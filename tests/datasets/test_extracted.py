"""``data=extracted`` is the data set that ``data=image_folder`` makes of the same images, and refuses the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backbones.mean_colour import MeanColour
from tests.datasets.test_image_folder import CLASSES, SEEN, UNSEEN, paint, write
from zsl.cli import main
from zsl.config.extraction import ExtractSettings
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import verified_fingerprints
from zsl.data.pretraining import BACKBONE, PREFIX
from zsl.data.row_blocks import RowBlocks
from zsl.datasets import extracted, image_folder
from zsl.errors import InputError
from zsl.features.extraction import Extraction
from zsl.outputs import result
from zsl.runs.extraction import extract

SPLITS: list[dict[str, Any]] = [
    {"seen": SEEN, "unseen": UNSEEN},
    {"seen": SEEN[::-1], "unseen": UNSEEN[:1], "val": SEEN[:1], "test_fraction": 0.5, "seed": 3},
    {
        "seen": SEEN,
        "unseen": UNSEEN,
        "train": [f"{name}/{i}.png" for name in SEEN for i in (0, 2)],
        "test": ["Bobolink/1.png", "Barn_Swallow/4.png"],
    },
]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for label, (name, count) in enumerate(CLASSES.items()):
        for i in range(count):
            paint(tmp_path / "birds" / name / f"{i}.png", label, i)
    return tmp_path / "birds"


def store(images: Path, folder: Path, backbone: MeanColour | None = None, rows: int = 6) -> Path:
    extraction = Extraction(str(images), folder, backbone or MeanColour(), rows, skip=False, workers=1)
    extract(ExtractSettings(extraction, "local", 1, {}))
    return folder


def parts(data: Dataset) -> dict[str, list[tuple[Any, ...]]]:
    """Features and class names of the images of every part, in any order."""
    x = np.asarray(data.features)
    return {
        part: sorted((*x[row].tolist(), data.classes.names[data.labels[row]]) for row in rows)
        for part, rows in data.splits.parts().items()
    }


@pytest.mark.parametrize("split", SPLITS)
def test_it_is_the_data_set_of_the_image_folder(images: Path, tmp_path: Path, split: dict[str, Any]) -> None:
    file = write(tmp_path / "split.yaml", split)
    ours = extracted.load(store(images, tmp_path / "store"), file)
    theirs = image_folder.load(images, file, backbone=MeanColour(), cache=tmp_path / "cache")
    assert ours.classes.names == theirs.classes.names
    assert parts(ours) == parts(theirs)
    assert [note for note in ours.card.notes if note.startswith((BACKBONE, PREFIX))] == list(theirs.card.notes)
    assert ours.backbone == theirs.backbone == "mean colour; none"
    assert list(ours.images) == sorted(f"{name}/{i}.png" for name, count in CLASSES.items() for i in range(count))
    own = dict(zip(ours.images, np.asarray(ours.features).tolist(), strict=True))
    assert [own[path] for path in theirs.images] == np.asarray(theirs.features).tolist()
    assert (ours.labels < 0).sum() == sum(CLASSES.values()) - len(theirs.labels), "classes that are not listed"
    verified_fingerprints(ours)


def test_shards_change_nothing(images: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "split.yaml", SPLITS[0])
    many, one = (extracted.load(store(images, tmp_path / f"{rows}", rows=rows), file) for rows in (6, 100))
    assert isinstance(many.features, RowBlocks)
    assert isinstance(one.features, np.ndarray)
    assert many.fingerprints == one.fingerprints


def test_the_same_image_in_training_and_in_test_is_refused_or_dropped(images: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "split.yaml", SPLITS[2])
    (images / "Bobolink" / "1.png").write_bytes((images / "Bobolink" / "0.png").read_bytes())
    folder = store(images, tmp_path / "store")
    with pytest.raises(InputError, match=r"on_duplicate=refuse: 1 images .*Bobolink/0.png = Bobolink/1.png"):
        extracted.load(folder, file)
    assert len(extracted.load(folder, file, on_duplicate="drop").splits.trainval) == 5
    assert len(extracted.load(folder, file, on_duplicate="allow").splits.trainval) == 6


class Patches(MeanColour):
    """Two vectors an image, of one colour and its double."""

    def encode(self, pixels: Sequence[Any]) -> Any:
        one = super().encode(pixels)
        return np.stack([one, 2 * one], axis=1)


@pytest.mark.parametrize("rows", [2, 100])
def test_several_vectors_of_an_image_stand_side_by_side(images: Path, tmp_path: Path, rows: int) -> None:
    file = write(tmp_path / "split.yaml", SPLITS[0])
    one = extracted.load(store(images, tmp_path / "one"), file)
    two = extracted.load(store(images, tmp_path / "two", Patches(), rows), file)
    expected = np.hstack([one.features[:], 2 * one.features[:]])
    np.testing.assert_allclose(two.features[:], expected)


class Renamed(MeanColour):
    """The same features under another name."""

    name = "colour mean"


def test_a_result_names_the_backbone_and_has_its_fingerprint(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("split.yaml"), SPLITS[0])
    Path("phi.csv").write_text("class,a,b\n" + "".join(f"{name},{i},{i * i + 1}\n" for i, name in enumerate(CLASSES)))
    for name, backbone in (("one", MeanColour()), ("two", Renamed()), ("crop", MeanColour("centre crop"))):
        store(images, tmp_path / name, backbone)
        keys = [f"data.root={name}", "data.splits=../split.yaml", "data.attributes=phi.csv"]
        run = ["method=eszsl", "class_embedding=attributes", f"paths.output=runs/{name}"]
        assert main(["train", "data=extracted", *keys, *run]) == 0
    one, two, crop = (result.read(Path(f"runs/{name}/result.json")) for name in ("one", "two", "crop"))
    assert "backbone: mean colour; none" in one.card["notes"]
    assert "backbone: colour mean; none" in two.card["notes"]
    for other in (two, crop):
        assert one.metrics == other.metrics
        differing = {part for part in one.fingerprints if one.fingerprints[part] != other.fingerprints[part]}
        assert differing == {"backbone"}
    before = {part: digest for part, digest in one.fingerprints.items() if part != "backbone"}
    result.write(replace(one, fingerprints=before), Path("runs/before"))
    capsys.readouterr()
    assert main(["report", "runs", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("eszsl,") == 4, "results of before are read, in rows of their own"
    assert main(["data", "inspect", "extracted", *keys]) == 0
    assert crop.fingerprints["backbone"] in capsys.readouterr().out
    assert main(["data", "verify", "extracted", *keys]) == 0
    assert "7 fingerprints verified" in " ".join(capsys.readouterr().out.split())
    for form in ("arrays", "xlsa17"):
        assert main(["data", "export", "extracted", f"exported_{form}", *keys, "--format", form]) == 0
        assert "read back with the same fingerprints" in capsys.readouterr().out


def test_what_does_not_fit_is_refused_in_one_line(images: Path, tmp_path: Path) -> None:
    folder, plan = store(images, tmp_path / "store"), SPLITS[0]
    good = write(tmp_path / "good.yaml", plan)
    unknown = write(tmp_path / "unknown.yaml", {**plan, "unseen": ["Gadwal"]})
    for root, file, why in (
        (tmp_path / "nothing", good, "no such folder"),
        (images, good, "no manifest.json"),
        (folder, unknown, "class 'Gadwal' has no image in the store; did you mean 'Gadwall'"),
    ):
        with pytest.raises(InputError, match=why) as caught:
            extracted.load(root, file)
        assert "\n" not in str(caught.value)
