"""One vector of the tokens of a text: what a transformer pools itself, or what its folder asks for [Reimers2019]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsl.class_embeddings.model_settings import MODULES, POOLING, read_json
from zsl.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

STEPS = ("Transformer", "Pooling", "Normalize")
"""steps of sentence-transformers that are applied, or change only the length of vectors"""
PADDED = ("siglip", "siglip2", "siglip_text_model")
"""types of models whose texts are lower-cased, rid of punctuation, and padded to the longest possible one, as they were
in training [Zhai2023]"""
TEXT_ALONE = {"clip_text_model": "CLIPTextModelWithProjection"}
"""types of text towers without their image towers, and the class that has the projection"""


def pooling(folder: Path, model: Any) -> Callable[[Any, Mapping[str, Tensor]], Tensor]:
    """Return what makes one vector of the tokens of each text, of a model and of its inputs without padding.

    Raises:
        InputError: the folder asks for a pooling that is not known, or its settings are damaged.
    """
    if hasattr(model, "get_text_features"):
        return lambda model, tokens: model.get_text_features(**tokens).pooler_output
    if model.config.model_type in TEXT_ALONE:
        return lambda model, tokens: model(**tokens).text_embeds
    if model.config.model_type in PADDED:
        return lambda model, tokens: model(**tokens).pooler_output
    asked = _pooling_modes(folder)
    pooled: dict[str, Callable[[Tensor], Tensor]] = {
        "pooling_mode_mean_tokens": lambda hidden: hidden.mean(1),
        "pooling_mode_cls_token": lambda hidden: hidden[:, 0],
        "pooling_mode_max_tokens": lambda hidden: hidden.amax(1),
    }
    if len(asked) != 1 or not set(asked) <= set(pooled):
        raise InputError(
            f"text encoder {folder}: {POOLING} asks for {', '.join(asked) or 'nothing'}; choose a model with one of "
            f"{', '.join(pooled)}"
        )
    of = pooled[asked[0]]
    return lambda model, tokens: of(model(**tokens).last_hidden_state)


def _pooling_modes(folder: Path) -> list[str]:
    """Return the kinds of pooling that a folder asks for; the mean where it says nothing of pooling."""
    try:
        steps = read_json(folder / MODULES, list) if (folder / MODULES).exists() else []
        kinds = [str(step["type"]).rpartition(".")[2] for step in steps]
        if "Pooling" not in kinds and not (folder / POOLING).exists():
            modes = {"pooling_mode_mean_tokens": True}
        else:
            modes = read_json(folder / POOLING, dict)
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"text encoder {folder}: {MODULES} or {POOLING} cannot be read ({reason}); fetch the folder again"
        ) from error
    if other := [kind for kind in kinds if kind not in STEPS]:
        raise InputError(
            f"text encoder {folder}: {MODULES} has a step {other[0]!r}; choose a model with {', '.join(STEPS)} alone"
        )
    return [key for key, on in modes.items() if key.startswith("pooling_mode") and on is not False]
