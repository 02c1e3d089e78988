"""Checkpoints that are damaged, of another run or of other data are refused in one line."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning import Callback, LightningModule, Trainer

from tests import worlds
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.methods.compatibility.ale import ALE
from zsl.methods.method import Dimensions
from zsl.outputs.names import CHECKPOINT
from zsl.training.checkpoint import require_resumable
from zsl.training.fit import fit
from zsl.training.loop import Loop
from zsl.training.resumption import InterruptedRunError
from zsl.training.sealing import NOWHERE, origin, require_seal, sealed

STAGE = final(worlds.source())
LOOP = Loop(progress_bar=False)
OURS = origin("12345678", {"features": "a", "labels": "b"})


def archive() -> bytes:
    content = io.BytesIO()
    torch.save({"W": torch.arange(4.0)}, content)
    return content.getvalue()


def model(epochs: int = 2) -> ALE:
    return ALE(Dimensions(*STAGE.dims), lr=0.1, epochs=epochs, batch_size=20)


class Stop(Callback):
    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        if trainer.global_step == 1:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was interrupted."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(InterruptedRunError):
        fit(model(), STAGE.training(ALE.setting), LOOP, 3, folder, callbacks=[Stop()], origin=OURS)
    return folder


def test_a_sealed_archive_is_read_as_before() -> None:
    file = io.BytesIO(sealed(archive(), OURS))
    assert torch.equal(torch.load(file, weights_only=True)["W"], torch.arange(4.0))
    require_seal(file.getvalue(), OURS)


@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_any_other_byte_is_noticed(place: float, change: int) -> None:
    content = bytearray(sealed(archive(), OURS))
    content[int(place * len(content))] ^= change
    with pytest.raises(ValueError, match="its checksum is wrong"):
        require_seal(bytes(content), OURS)


@given(place=st.floats(0, 1, exclude_max=True), more=st.binary(max_size=3))
def test_any_other_length_is_noticed(place: float, more: bytes) -> None:
    content = sealed(archive(), OURS)
    with pytest.raises(ValueError, match="its checksum is wrong"):
        require_seal(content[: int(place * len(content))] + more, OURS)


def test_an_origin_is_of_configuration_and_data_in_any_order() -> None:
    assert origin("12345678", {"labels": "b", "features": "a"}) == OURS
    others = [("12345679", "a", "b"), ("12345678", "b", "b"), ("12345678", "a", "c")]
    assert OURS not in {origin(one, {"features": x, "labels": y}) for one, x, y in others}
    assert len(OURS) == len(NOWHERE)


def test_a_checkpoint_of_other_data_is_refused(stopped: Path) -> None:
    assert require_resumable(stopped / CHECKPOINT, model(), OURS).is_file()
    for other in (NOWHERE, origin("12345678", {"features": "other", "labels": "b"})):
        with pytest.raises(
            InputError, match=r"last\.ckpt cannot be used \(it is of another configuration, or of other"
        ):
            fit(model(), STAGE.training(ALE.setting), LOOP, 3, stopped, resume=True, origin=other)


def test_reading_a_checkpoint_draws_no_random_number_and_leaves_the_model(stopped: Path) -> None:
    fresh, state = model(), torch.get_rng_state()
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    require_resumable(stopped / CHECKPOINT, fresh, OURS)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in fresh.state_dict().items())


def test_a_checkpoint_of_a_longer_training_is_refused(stopped: Path) -> None:
    content = torch.load(stopped / CHECKPOINT, weights_only=True)
    assert content["epoch"] <= 2
    content["epoch"] = 3
    file = io.BytesIO()
    torch.save(content, file)
    longer = stopped / "longer.ckpt"
    longer.write_bytes(sealed(file.getvalue(), OURS))
    with pytest.raises(InputError, match="epoch 3 of 2"):
        require_resumable(longer, model(), OURS)
    assert require_resumable(longer, model(epochs=3), OURS) == longer
