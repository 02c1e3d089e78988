"""Detection of random draws: without any, a run has the same result with every seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass
class RandomDraws:
    """Result of :func:`detect_random_draws`."""

    any: bool = False
    """whether any random number was drawn"""


@contextmanager
def detect_random_draws() -> Iterator[RandomDraws]:
    """Detect whether the block draws from a global random stream (of torch, NumPy or Python).

    Yields:
        An object whose ``any`` is valid once the block is left.
    """
    found, before = RandomDraws(), _global_states()
    yield found
    found.any = before != _global_states()


def _global_states() -> tuple[object, ...]:
    _, keys, *places = np.random.get_state(legacy=True)
    torch_states = {name: state.numpy().tobytes() for name, state in _global_state().items()}
    return torch_states, np.asarray(keys).tobytes(), places, random.getstate()


def _global_state() -> dict[str, Tensor]:
    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state(), **cuda}
