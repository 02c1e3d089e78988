"""Several processes that share every batch train what one process trains on whole batches."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from safetensors.torch import load_file

from tests.configured import METHODS, config, kind
from zsl.cli import main
from zsl.data.examples import Examples
from zsl.errors import InputError
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.method import Dimensions
from zsl.methods.recipe import Recipe
from zsl.testing.method_under_test import MethodUnderTest, small_stage
from zsl.training import distributed
from zsl.training.distributed import require_distributable
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


def alone(method: str) -> DictConfig:
    """A method with what would keep it from sharing its batches set to 0."""
    cfg = config(method)
    for name in {"dropout", "drop_path"} & set(cfg):
        cfg[name] = 0.0
    return cfg


SHARING = [name for name in METHODS if instantiate(alone(name), Dimensions(6, 6, 4, 2)).distributable]
"""methods that say that processes can share their batches"""


def test_the_methods_that_share_batches_are_known() -> None:
    assert set(SHARING) >= {"ale", "aligned", "bilinear_sigmoid", "bilinear_softmax", "devise", "lit", "sje"}


@pytest.mark.slow
@pytest.mark.parametrize("method", SHARING)
def test_every_method_that_shares_batches_has_the_weights_of_one_process(method: str) -> None:
    """In float64; 16 images a step, in the last one fewer, which two processes divide unequally."""
    stage = small_stage(kind(method))
    made = stage.training(kind(method).setting)
    examples = Examples(made.examples.tensor.double(), made.examples.labels)
    classes = replace(made.classes, embeddings=made.classes.embeddings.double())
    state = []
    for devices in (1, 2):
        torch.manual_seed(0)
        cfg = alone(method)
        cfg.batch_size = 16 // devices
        model = instantiate(cfg, Dimensions(*stage.dims)).double()
        train = replace(made, examples=examples, classes=classes)
        state.append(fit(model, train, Loop(devices=devices, progress_bar=False), 0).state_dict())
    assert state[0].keys() == state[1].keys()
    for name, value in state[0].items():
        torch.testing.assert_close(
            state[1][name], value, rtol=1e-6, atol=1e-8, msg=lambda said, at=name: f"{at}: {said}"
        )


class NoThreadsLeft(Callback):
    """Look at the threads of a process after training: those of a group that are left abort it now and then."""

    def teardown(self, _t: Trainer, _m: LightningModule, stage: str) -> None:
        names = {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
        assert not [name for name in names if "gloo" in name], names


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed in /proc")
def test_processes_leave_their_group_before_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = distributed.make_trainer
    monkeypatch.setattr(
        distributed, "make_trainer", lambda m, loop, own, **more: made(m, loop, [*own, NoThreadsLeft()], **more)
    )
    stage = small_stage(kind("bilinear_softmax"))
    model = instantiate(alone("bilinear_softmax"), Dimensions(*stage.dims))
    fit(model, stage.training(kind("bilinear_softmax").setting), Loop(devices=2, progress_bar=False), 0)


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(SHARING)))
def test_every_other_method_is_refused_by_name(method: str) -> None:
    model = instantiate(alone(method), Dimensions(6, 6, 4, 2))
    with pytest.raises(InputError, match=rf"^trainer\.devices=2: .*{type(model).__name__}.*use trainer\.devices=1$"):
        require_distributable(model, Loop(devices=2))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["method=eszsl"], "trainer.devices=2: ESZSL has no steps"),
        (
            ["method=ale", "selection=validation"],
            "trainer.devices=2: epochs and hyperparameters are chosen in one process",
        ),
    ],
)
def test_runs_that_processes_cannot_share_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "data=synthetic", *words, "trainer.devices=2"]) == 2
    assert said in capsys.readouterr().err


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
