"""What can be refused without PyTorch is refused before PyTorch is imported, and data are opened at most once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zsl.cli import main
from zsl.config import data_sets
from zsl.features.cache import NotBuiltError, before_long_work, opening

PROBE = """
import sys
from zsl.cli import main
status = main(sys.argv[1:])
heavy = {"torch", "pytorch_lightning", "scipy.stats", "matplotlib"} & set(sys.modules)
sys.exit(9 if heavy else status)
"""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train method=nope", "method=nope: there is no such method"),
        ("train method.nope=1", "method.nope: there is no such key"),
        ("train data=cub data.root=/nowhere", "data.root=/nowhere: no such folder"),
        ("train data=image_folder data.root=/nowhere data.splits=x.yaml", "image folder /nowhere: no such folder"),
        ("train trainer.precision=8", "trainer.precision=8"),
        ("train data=synthetic protocol.seen_holdout=2", "protocol.seen_holdout=2"),
        ("train data=synthetic correction=csls correction.k=0", "correction.k=0"),
        ("train -m data=cub data.root=/nowhere method=eszsl,sae paths.output=runs", "2 of 2 jobs failed; the first: "),
        ("sweep data=cub data.root=/nowhere", "data.root=/nowhere: no such folder"),
        ("predict nowhere x.png", "nowhere: no such file or folder"),
        ("report nowhere", "nowhere: does not exist"),
        ("jobs nowhere", "nowhere: no such folder"),
    ],
)
def test_a_mistake_that_needs_no_method_costs_no_import_of_pytorch(tmp_path: Path, command: str, message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command.split()], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert message in done.stderr.splitlines()[-1]
    assert done.returncode == 2


def test_data_that_are_built_are_opened_once_and_others_after_the_method_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    load = data_sets.load_data
    monkeypatch.setattr(data_sets, "load_data", lambda data: opened.append(data["_target_"]) or load(data))
    places = [f"paths.cache={tmp_path / 'cache'}", f"paths.output={tmp_path / 'run'}", "method=ridge"]
    assert main(["train", "data=synthetic", "data.world_seed=77", *places]) == 0
    assert len(opened) == 1
    names = ["data=image_folder", f"data.root={tmp_path}", f"data.splits={tmp_path / 'split.yaml'}"]
    (tmp_path / "split.yaml").write_text("seen: [a, b]\nval: [b]\nunseen: [c]\n")
    assert main(["train", *names, *places, "class_embedding=glove", "method.lamb=-1"]) == 2
    assert "method.lamb=-1" in capsys.readouterr().err, "the images are read after the method is checked"
    assert main(["train", *names, *places, "class_embedding=glove"]) == 2
    assert "class 'a' has no folder" in capsys.readouterr().err


def test_long_work_ends_an_attempt_to_open_only() -> None:
    before_long_work()
    with opening(), pytest.raises(NotBuiltError):
        before_long_work()
    before_long_work()
