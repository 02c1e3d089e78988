"""Zero-shot learning research: leak-free protocol, exact metrics, one training loop.

``zsl.fit`` and ``zsl.evaluate`` work on arrays, ``zsl.load`` reads a saved model, ``zsl.experiment`` runs an experiment
as ``zsl train`` does, ``zsl.results`` gathers the results of runs. ``zsl.methods`` holds the methods.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zsl.api import evaluate, experiment, fit, load, results
    from zsl.data.label_space import LabelSpace
    from zsl.data.training_set import Setting
    from zsl.errors import InputError
    from zsl.estimator import ZeroShotClassifier
    from zsl.prediction.predictor import Predictor

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "LabelSpace",
    "Predictor",
    "Setting",
    "ZeroShotClassifier",
    "evaluate",
    "experiment",
    "fit",
    "load",
    "results",
]

_MODULES = {
    "InputError": "zsl.errors",
    "LabelSpace": "zsl.data.label_space",
    "Predictor": "zsl.prediction.predictor",
    "Setting": "zsl.data.training_set",
    "ZeroShotClassifier": "zsl.estimator",
    **dict.fromkeys(("evaluate", "experiment", "fit", "load", "results"), "zsl.api"),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first access: ``import zsl`` itself loads no heavy library."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
