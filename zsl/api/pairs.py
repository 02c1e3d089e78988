"""Image–text pairs for ``method=aligned``, from extracted features and captions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.numpy import save

from zsl.class_embeddings.sentence import Sentence
from zsl.class_embeddings.tokens import Tokens
from zsl.data.dataset import ClassDescriptions
from zsl.data.scaling import Scaling
from zsl.errors import InputError
from zsl.features.store import open_store
from zsl.files.atomic import write_bytes
from zsl.files.source_file import locate
from zsl.hyperparameters import require_choice


def save_pairs(
    store: str | Path,
    captions: Mapping[str, str],
    file: str | Path,
    *,
    scale: Literal["none", "l2", "sqrt_l2"] = "sqrt_l2",
    model: str | Path | None = None,
    tokens: bool = False,
) -> int:
    """Write the file that ``method.pairs`` names, and return the number of pairs.

    Args:
        store: folder that ``zsl extract`` wrote.
        captions: name of an image in the store -> its text; images without one are left out.
        file: path of the ``.safetensors`` file.
        scale: of the features, which must be ``data.scale`` of the data set that is scored.
        model: folder of the sentence encoder, or None for the packaged MiniLM, as of ``class_embedding=minilm``.
        tokens: whether texts are written as token ids, which ``method=lit`` reads, and not as vectors.

    Raises:
        InputError: there is no store, no caption, a caption of an image that is not in the store, an unknown scale, or
            the file is not called ``.safetensors``.
    """
    require_choice(scale, "scale", ("none", "l2", "sqrt_l2"))
    if Path(file).suffix != ".safetensors":
        raise InputError(f"save_pairs: {file} is no .safetensors file; name one")
    if not captions:
        raise InputError("save_pairs: no captions; give name of image -> text")
    opened = open_store(locate(store))
    row = {name: i for i, name in enumerate(opened.names)}
    if missing := [name for name in captions if name not in row]:
        raise InputError(f"save_pairs: {store} has no image {missing[0]!r}, of {len(missing)} that are captioned")
    images = Scaling(scale)(np.asarray(opened.features[np.array([row[name] for name in captions])]))
    numbered = tuple(f"text {i}" for i in range(len(captions)))
    described = ClassDescriptions(numbered, texts={"caption": tuple(captions.values())})
    encoder = Tokens(template="{caption}", model=model) if tokens else Sentence(template="{caption}", model=model)
    texts = encoder.fit(described)(described).astype(np.float32)
    write_bytes(Path(file), save({"images": np.ascontiguousarray(images), "texts": texts}))
    return len(captions)
