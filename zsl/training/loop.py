"""Options of the training loop; importing them imports neither PyTorch nor Lightning."""

from __future__ import annotations

from dataclasses import dataclass

from zsl.errors import InputError
from zsl.hyperparameters import require_choice

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


@dataclass(frozen=True)
class Loop:
    """Options of the training loop, for any method: ``conf/trainer``.

    Raises:
        InputError: a value is unknown or out of range.
    """

    accelerator: str = "cpu"
    devices: int = 1
    """processes, each of which takes ``method.batch_size`` images a step"""
    precision: str = "32-true"
    compile: bool = False
    """torch.compile the loss; worth its start-up time only in long runs"""
    checkpoint_every_n_steps: int | None = None
    """steps between two writes of ``checkpoints/last.ckpt``; an interrupted run always writes one"""
    log_every_n_steps: int = 50
    progress_bar: bool = True
    """show the progress of training: a bar on a terminal, elsewhere lines at intervals"""

    def __post_init__(self) -> None:
        require_choice(self.accelerator, "trainer.accelerator", ("cpu", "gpu"))
        require_choice(self.precision, "trainer.precision", PRECISIONS)
        if self.devices != 1 and self.checkpoint_every_n_steps is not None:
            raise InputError("trainer.checkpoint_every_n_steps: several processes write no checkpoints; leave it out")
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise InputError("trainer.precision=16-mixed: needs a GPU; add trainer=gpu, or use bf16-mixed or 32-true")
        for key in ("devices", "log_every_n_steps", "checkpoint_every_n_steps"):
            value = getattr(self, key)
            if key == "checkpoint_every_n_steps" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"trainer.{key}={value}: must be a whole number of at least 1")
