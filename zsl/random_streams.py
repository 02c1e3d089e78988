"""Random numbers of training steps: from torch's global stream, or from one stream for each of several runs.

Every run draws what it would draw by itself. Numbers of runs that are trained together lie along a leading dimension.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


class Stream:
    """A random stream of its own, on the CPU and on a GPU where there is one; it begins where torch's global one is."""

    def __init__(self) -> None:
        state = _global_state()
        self._on = {name: torch.Generator(name) for name in state}
        self.resume(state)

    @classmethod
    def of(cls, seed: int) -> Stream:
        """The one that ``torch.manual_seed`` begins."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return cls()

    def on(self, device: torch.device) -> torch.Generator:
        """What draws there."""
        return self._on[device.type]

    def state(self) -> dict[str, Tensor]:
        """Where it is, for each device."""
        return {name: generator.get_state() for name, generator in self._on.items()}

    def resume(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        for name, generator in self._on.items():
            generator.set_state(state[name].cpu())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let it be torch's global stream meanwhile."""
        with torch.random.fork_rng():
            state = self.state()
            torch.set_rng_state(state["cpu"])
            if "cuda" in state:
                torch.cuda.set_rng_state(state["cuda"])
            yield
            self.resume(_global_state())


_running: ContextVar[tuple[Stream, ...]] = ContextVar("running", default=())


@contextmanager
def side_by_side(streams: Sequence[Stream]) -> Iterator[None]:
    """Draw for several runs at once meanwhile."""
    token = _running.set(tuple(streams))
    try:
        yield
    finally:
        _running.reset(token)


def normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """From N(0, 1), on the device of ``like`` and in its precision."""
    return _drawn(lambda size, **how: torch.randn(size, dtype=like.dtype, **how), shape, like.device)


def uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    """From [0, 1), on the device of ``like`` and in its precision."""
    return _drawn(lambda size, **how: torch.rand(size, dtype=like.dtype, **how), shape, like.device)


def integers(n: int, shape: Sequence[int], device: torch.device) -> Tensor:
    """From 0 to n - 1."""
    return _drawn(lambda size, **how: torch.randint(n, size, **how), shape, device)


def _drawn(draw: Callable[..., Tensor], shape: Sequence[int], device: torch.device) -> Tensor:
    streams = _running.get()
    if not streams:
        return draw(tuple(shape), device=device)
    return torch.stack([draw(tuple(shape[1:]), device=device, generator=each.on(device)) for each in streams])


@dataclass
class Draws:
    """Whether any random number was drawn."""

    any: bool = False


@contextmanager
def watched() -> Iterator[Draws]:
    """Say, once it is left, whether a global random stream (of torch, NumPy or Python) was drawn from within."""
    found, before = Draws(), _global_states()
    yield found
    found.any = before != _global_states()


def _global_states() -> tuple[object, ...]:
    _, keys, *places = np.random.get_state(legacy=True)
    torch_states = {name: state.numpy().tobytes() for name, state in _global_state().items()}
    return torch_states, np.asarray(keys).tobytes(), places, random.getstate()


def _global_state() -> dict[str, Tensor]:
    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state(), **cuda}
