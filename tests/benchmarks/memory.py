"""Peak memory of every classic method at AWA2's size, each in a process of its own."""

from __future__ import annotations

import copy
import subprocess
import sys

from hydra.utils import instantiate
from omegaconf import DictConfig

from tests.benchmarks.grids import train
from tests.benchmarks.timing import Timing, resident
from tests.configured import METHODS, composed, kind
from zsl.training.fit import fit
from zsl.training.loop import Loop

GOAL = "< 2.5 GB"


def run() -> list[Timing]:
    """The most that fitting and finalizing takes, features and interpreter included."""
    return [Timing(f"peak memory, {name}, AWA2 size, GB", *[_peak(name)] * 3, goal=GOAL) for name in methods()]


def methods() -> list[str]:
    """All but those that generate features, and those that learn nothing."""
    return [name for name in METHODS if ".generative." not in kind(name).__module__ and not kind(name).same_space]


def config(name: str) -> DictConfig:
    """A method's defaults, with one epoch where it has epochs."""
    cfg = copy.deepcopy(composed("method", name))
    if "epochs" in cfg:
        cfg.epochs = 1
    return cfg


def _peak(name: str) -> float:
    return float(subprocess.check_output([sys.executable, "-m", __name__, name], text=True)) / 1e3


if __name__ == "__main__":
    dims, data = train("awa2")
    fit(instantiate(config(sys.argv[1]), dims), data, Loop(progress_bar=False), 0)
    sys.stdout.write(str(resident("VmHWM")))
