"""Checks of a checkpoint against the run that resumes from it, before its content is used."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Trainer

from zsl.errors import InputError
from zsl.files.regular_file import open_regular
from zsl.methods.method import ZSLModel
from zsl.training.resumption import CURE, RandomStreams
from zsl.training.sealing import NOWHERE, require_seal

KEYS = ("state_dict", "loops", "optimizer_states", "lr_schedulers", "callbacks", "epoch", "global_step")
"""of the content of a checkpoint"""
WORDS, PLACES = 624, 624
"""32-bit words in the state of NumPy's generator, and the largest position in them"""


def require_resumable(path: Path, model: ZSLModel, origin: bytes = NOWHERE) -> Path:
    """Return the path of a checkpoint after checking that this model can resume from it.

    The file is read with ``weights_only``, so that no code in it runs.

    Args:
        path: file of the checkpoint.
        model: untrained, on the CPU.
        origin: identity of the run, by :func:`zsl.training.sealing.origin`.

    Raises:
        InputError: there is no checkpoint, or it is damaged, of another run, of other data or of another method.
    """
    if not path.is_file():
        raise InputError(f"resume=true: {path} is not there (the same configuration writes it); {CURE}")
    try:
        with open_regular(path) as file:
            archive = file.read()
        require_seal(archive, origin)
        opened = io.BytesIO(archive)
        content = torch.load(opened, map_location="cpu", weights_only=True)
        _require_state(content, model)
    except Exception as error:  # a damaged file can raise anything
        reason = "it has no " * isinstance(error, KeyError) + (str(error).partition("\n")[0] or type(error).__name__)
        raise InputError(f"resume=true: {path} cannot be used ({reason}); {CURE}") from error
    return path


def _require_state(content: dict[str, Any], model: ZSLModel) -> None:
    """Refuse content that is not the state of a training of this model.

    Raises:
        ValueError: a part is missing, or has another form; content that is no mapping raises other errors.
    """
    if missing := [key for key in KEYS if key not in content]:
        raise ValueError(f"it has no {missing[0]}")
    if not (_is_count(content["epoch"]) and content["epoch"] <= model.epochs and _is_count(content["global_step"])):
        raise ValueError(f"epoch {content['epoch']} of {model.epochs}, step {content['global_step']}")
    _require_weights(content, model)
    _require_loops(content["loops"]["fit_loop"], model)
    _require_optimizers(content["optimizer_states"], content["lr_schedulers"], model)
    _require_random_streams(content["callbacks"][RandomStreams.__qualname__])


def _require_weights(content: Mapping[str, Any], model: ZSLModel) -> None:
    weights = content["state_dict"]
    if {name: it.shape for name, it in weights.items()} != {name: it.shape for name, it in model.state_dict().items()}:
        raise ValueError("it is of a model of other sizes")
    if not all(it.isfinite().all() for it in weights.values()):
        raise ValueError("its weights are not finite")


def _require_loops(loops: Mapping[str, Any], model: ZSLModel) -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    fresh = Trainer(
        accelerator="cpu",
        max_epochs=model.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if not _has_form(loops, {**fresh.fit_loop.state_dict(), "state_dict": loops["state_dict"]}):
        raise ValueError("the progress of its training has another form")


def _require_optimizers(states: Sequence[Any], schedules: Sequence[Any], model: ZSLModel) -> None:
    configured: Any = model.configure_optimizers()
    every = configured if isinstance(configured, list | tuple) else [configured]
    each = [it["optimizer"] if isinstance(it, dict) else it for it in every]
    if len(states) != len(each) or len(schedules) != sum(isinstance(it, dict) for it in every):
        raise ValueError(f"it has {len(states)} optimizers and {len(schedules)} schedules, not those of the method")
    for optimizer, state in zip(each, states, strict=True):
        shapes = [weights.shape for group in optimizer.param_groups for weights in group["params"]]
        optimizer.load_state_dict(state)
        for number, moments in state["state"].items():
            if any(it.ndim and it.shape != shapes[number] for it in moments.values() if torch.is_tensor(it)):
                raise ValueError("the states of its optimizers have other shapes")


def _require_random_streams(streams: Mapping[str, Any]) -> None:
    with torch.random.fork_rng():
        torch.set_rng_state(streams["torch"])
    words, position, has_gauss, gauss = streams["numpy"]
    words = words.numpy()
    if words.shape != (WORDS,) or not ((words >= 0) & (words < 2**32)).all() or not 0 <= position <= PLACES:
        raise ValueError("the state of its random stream has another form")
    np.random.RandomState(0).set_state(("MT19937", words.astype(np.uint32), position, has_gauss, gauss))


def _has_form(value: Any, like: Any) -> bool:
    """Return whether both are mappings with the same keys and values of the same form, booleans, or counts."""
    if isinstance(like, Mapping):
        same = isinstance(value, Mapping) and value.keys() == like.keys()
        return same and all(_has_form(value[key], like[key]) for key in like)
    if isinstance(like, list):
        return isinstance(value, list) and len(value) == len(like) and all(map(_has_form, value, like))
    return isinstance(value, bool) if isinstance(like, bool) else _is_count(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
