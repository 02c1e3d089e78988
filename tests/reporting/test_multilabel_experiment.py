"""Files of experiments of ``zsl multilabel``: checked as they are read, never composed by ``zsl train``."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from zsl.config.tree import choices, files
from zsl.errors import InputError
from zsl.reporting import multilabel_experiment
from zsl.reporting.multilabel_experiment import experiment, names


@pytest.mark.parametrize("name", names())
def test_every_experiment_can_be(name: str) -> None:
    found = experiment(name)
    published = found.published
    assert name not in choices()["experiments"]
    assert set(found.columns) <= published["results"].keys()
    mean = sum(published["results"][column]["AUROC"] for column in found.columns) / len(found.columns)
    assert published["mean"] == pytest.approx(mean, abs=5e-4)
    for row in published["results"].values():
        assert row["low"] < row["AUROC"] < row["high"]


def test_the_published_row_of_chexzero_is_there() -> None:
    found = experiment("chexzero_tiu2022")
    assert (list(found.positive), list(found.negative)) == (["{}"], ["no {}"])
    assert len(found.published["results"]) == 14


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positive": ["pneumonia"]}, "positive: has a template without {} for the class"),
        ({"positive": []}, "positive: holds no template"),
        ({"columns": "all"}, "columns: 'all' is not a list"),
        ({"method": "eszsl"}, "method: is not a key of this schema"),
        ({"published": {"source": "Nobody 2020"}}, "published.verified: is missing"),
    ],
)
def test_a_file_that_cannot_be_is_one_line(
    change: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "multilabel/chexzero_tiu2022"
    content = yaml.safe_load(files("experiments", "multilabel/*.yaml")[key].read_text(encoding="utf-8"))
    (tmp_path / "changed.yaml").write_text(yaml.safe_dump(content | change))
    monkeypatch.setattr(multilabel_experiment, "files", lambda *_: {key: tmp_path / "changed.yaml"})
    with pytest.raises(InputError, match="--experiment chexzero_tiu2022: ") as caught:
        experiment("chexzero_tiu2022")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_long_and_broken_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "any.yaml"
    monkeypatch.setattr(multilabel_experiment, "files", lambda *_: {"multilabel/any": file})
    for content in ("a" * (multilabel_experiment.MOST + 1), "a: [", "!!python/object:os.system {}"):
        file.write_text(content)
        with pytest.raises(InputError, match=r"--experiment any: .*any.yaml cannot be read"):
            experiment("any")
