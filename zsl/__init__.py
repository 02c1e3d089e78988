"""Zero-shot learning research: leak-free protocol, exact metrics, one training loop.

``zsl.fit``, ``zsl.score`` and ``zsl.evaluate`` work on arrays, ``zsl.retrieve`` on embeddings of images and texts, and
``zsl.multilabel`` on scores of several labels an image.
``zsl.load`` reads a saved model, ``zsl.load_data`` a data set. ``zsl.experiment`` and ``zsl.experiments`` run as
``zsl train`` does, ``zsl.results`` gathers results of runs, and ``zsl.choices`` lists what a configuration can choose.
``zsl.save_pairs`` writes image–text pairs. ``zsl.methods`` holds the methods.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zsl.api.data import Data, load_data
    from zsl.api.experiments import choices, experiment, experiments
    from zsl.api.fitting import fit
    from zsl.api.multilabel import multilabel
    from zsl.api.pairs import save_pairs
    from zsl.api.results import Results, Run, results
    from zsl.api.retrieval import retrieve
    from zsl.api.scores import Scores, evaluate, score
    from zsl.api.shift import shift
    from zsl.api.typographic import typographic
    from zsl.config.saved_models import load
    from zsl.data.label_space import LabelSpace
    from zsl.data.training_set import Setting
    from zsl.errors import InputError
    from zsl.estimator import ZeroShotClassifier
    from zsl.prediction.predictor import Predictor

__version__ = "0.1.0"

__all__ = [
    "Data",
    "InputError",
    "LabelSpace",
    "Predictor",
    "Results",
    "Run",
    "Scores",
    "Setting",
    "ZeroShotClassifier",
    "choices",
    "evaluate",
    "experiment",
    "experiments",
    "fit",
    "load",
    "load_data",
    "multilabel",
    "results",
    "retrieve",
    "save_pairs",
    "score",
    "shift",
    "typographic",
]

_MODULES = {
    "InputError": "zsl.errors",
    "LabelSpace": "zsl.data.label_space",
    "Predictor": "zsl.prediction.predictor",
    "Setting": "zsl.data.training_set",
    "ZeroShotClassifier": "zsl.estimator",
    "fit": "zsl.api.fitting",
    "load": "zsl.config.saved_models",
    "multilabel": "zsl.api.multilabel",
    "retrieve": "zsl.api.retrieval",
    "save_pairs": "zsl.api.pairs",
    "shift": "zsl.api.shift",
    "typographic": "zsl.api.typographic",
    **dict.fromkeys(("Data", "load_data"), "zsl.api.data"),
    **dict.fromkeys(("choices", "experiment", "experiments"), "zsl.api.experiments"),
    **dict.fromkeys(("Results", "Run", "results"), "zsl.api.results"),
    **dict.fromkeys(("Scores", "evaluate", "score"), "zsl.api.scores"),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first access: ``import zsl`` itself loads no heavy library."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
