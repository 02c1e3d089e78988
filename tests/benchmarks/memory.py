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
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.methods.method import ZSLModel
from zsl.training.fit import fit
from zsl.training.loop import Loop

GOAL = "< 2.5 GB"


def run() -> list[Timing]:
    """The most that fitting and finalizing takes, features and interpreter included."""
    return [Timing(f"peak memory, {name}, AWA2 size, GB", *[_peak(name)] * 3, goal=GOAL) for name in methods()]


def methods() -> list[str]:
    """All but generators with heads, those that learn nothing, and those that have an encoder of their own."""
    return [name for name in METHODS if not issubclass(kind(name), FeatureGenerator) and takes_any_vectors(kind(name))]


def takes_any_vectors(method: type[ZSLModel]) -> bool:
    """Whether θ(x) and φ(y) may be vectors of any spaces."""
    return not (method.same_space or method.token_ids or method.pixels)


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
