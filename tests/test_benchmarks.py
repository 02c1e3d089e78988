"""What ``make bench`` measures can be made; how fast it is, it says itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra.utils import instantiate

from tests.benchmarks import memory
from tests.benchmarks.timing import resident
from tests.configured import METHODS, kind
from zsl.methods.method import Dimensions


def test_memory_is_measured_of_every_method_but_generators_that_are_trained() -> None:
    trained = {name for name in METHODS if ".generative." in kind(name).__module__} - {"gaussian_classes"}
    assert memory.methods() == [
        name for name in METHODS if name not in trained and memory.takes_any_vectors(kind(name))
    ]
    made = [instantiate(memory.config(name), Dimensions(4, 3, 2)) for name in memory.methods()]
    assert all(model.epochs <= 1 for model in made)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc: memory is measured on Linux alone")
def test_the_peak_of_a_process_is_its_own() -> None:
    """Whatever the process that started it has in memory."""
    code = "from tests.benchmarks.timing import resident; print(resident('VmHWM'))"
    small = float(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert 1 < small < 100 < resident("VmRSS") <= resident("VmHWM")
