"""Several processes that share every batch train what one process trains on whole batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zsl.errors import InputError
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.recipe import Recipe
from zsl.testing.method_under_test import MethodUnderTest
from zsl.training.fit import fit
from zsl.training.loop import Loop


def train(
    folder: Path, devices: int, method: str = "bilinear_softmax", **keys: object
) -> subprocess.CompletedProcess[str]:
    """Train a method on 600 images of 40 classes: 37 images are left for the last batch of an epoch."""
    given = {"batch_size": 64 // devices, "epochs": 2, **keys}
    command = [sys.executable, "-m", "zsl", "train", "data=synthetic", f"method={method}"]
    command += [f"method.{key}={value}" for key, value in given.items()]
    command += [f"trainer.devices={devices}", "save.model=true", f"paths.output={folder}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "keys", "weight"),
    [
        ("bilinear_softmax", {}, "W"),
        ("aligned", {"dropout": 0.0}, "A"),
        ("aligned", {"dropout": 0.0, "contrast": "sigmoid", "text_projection": "linear"}, "A"),
    ],
)
def test_two_processes_make_the_weights_of_one_with_twice_the_batch(
    tmp_path: Path, method: str, keys: dict[str, object], weight: str
) -> None:
    runs = [train(tmp_path / str(devices), devices, method, **keys) for devices in (1, 2)]
    assert [run.returncode for run in runs] == [0, 0], runs[1].stderr
    one, two = (load_file(tmp_path / str(n) / "model" / "tensors.safetensors")[f"method.{weight}"] for n in (1, 2))
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
    assert runs[0].stdout.splitlines()[0] == runs[1].stdout.splitlines()[0]
    assert "GLOBAL_RANK" not in runs[1].stderr


@pytest.mark.slow
def test_divergence_in_a_process_is_one_line(tmp_path: Path) -> None:
    run = train(tmp_path / "run", 2, lr=1e30)
    assert run.returncode != 0
    assert "training diverged" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_method_that_cannot_share_batches_is_refused_by_name() -> None:
    given = MethodUnderTest(Recipe(FCLSWGAN, {"epochs": 1}))
    with pytest.raises(InputError, match=r"trainer\.devices=2: the batches of FCLSWGAN cannot be divided"):
        fit(given.untrained(), given.stage.training(FCLSWGAN.setting), Loop(devices=2), 0)


def test_no_checkpoints_of_several_processes() -> None:
    with pytest.raises(InputError, match=r"trainer\.checkpoint_every_n_steps"):
        Loop(devices=2, checkpoint_every_n_steps=5)
