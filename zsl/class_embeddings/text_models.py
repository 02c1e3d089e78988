"""Models of transformers that encode texts: sentence encoders [Reimers2019], text towers of CLIP, SigLIP, ALIGN, …"""

from __future__ import annotations

import logging
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.class_embeddings.pooling import PADDED, TEXT_ALONE, pooling
from zsl.errors import InputError
from zsl.files.hub import weight_files
from zsl.progress.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

SHIFTED = ("roberta", "xlm-roberta", "mpnet", "camembert")
"""types of models whose positions are counted from the number of the padding token"""
OWN: Any = {"local_files_only": True, "trust_remote_code": False}


def canonical_text(text: str) -> str:
    """Return a text in lower case, with spaces for underscores, without punctuation and repeated spaces."""
    kept = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(kept.lower().split())


def encode(texts: Sequence[str], folder: Path, canonical: bool | None = None) -> Float32[Array, "n k"]:
    """Encode texts, bit-identical whatever the other texts.

    A text is encoded alone and on one thread: padding to the longest text of a batch, and the division of matrix
    products into blocks or among threads, would change the last bits. Its vector is what a two-tower model pools and
    projects (``get_text_features``), or else the mean of the last hidden states, unless ``1_Pooling/config.json`` asks
    for the first or for the maximum. Longer texts than the model can read are cut, which is logged.

    Args:
        texts: what to encode.
        folder: of the model.
        canonical: whether texts are lower-cased and rid of punctuation; None: for models of the types `PADDED`.

    Raises:
        InputError: the model cannot be loaded, or transformers is not installed.
    """
    import torch

    reader, model = Reader(folder, canonical), load_model(folder)
    pool, rows = pooling(folder, model), []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for text in progress(texts, "encoding texts", "texts"):
                rows.append(pool(model, reader(text))[0].float().numpy())
    finally:
        torch.set_num_threads(threads)
    reader.note_cuts(len(texts))
    return np.stack(rows)


class Reader:
    """Texts -> token ids as a model was trained on them; longer texts than the model can read are cut.

    Args:
        folder: of the model.
        canonical: whether texts are lower-cased and rid of punctuation; None: for models of the types `PADDED`.

    Raises:
        InputError: the tokenizer cannot be loaded, or transformers is not installed.
    """

    def __init__(self, folder: Path, canonical: bool | None = None) -> None:
        self.folder, (self.tokenizer, self.longest) = folder, open_tokenizer(folder)
        with explained(folder) as library:
            padded = library.AutoConfig.from_pretrained(str(folder), **OWN).model_type in PADDED
        self.padding = {"padding": "max_length"} if padded else {}
        self.canonical = padded if canonical is None else canonical
        self.cut = 0

    def __call__(self, text: str) -> Mapping[str, Tensor]:
        """Return the token ids of one text, and what else the tokenizer makes of it."""
        said = canonical_text(text) if self.canonical else text
        self.cut += is_cut(self.tokenizer, self.longest, said)
        how: Any = {"truncation": True, "max_length": self.longest, "return_tensors": "pt", **self.padding}
        tokens: Mapping[str, Tensor] = self.tokenizer([said], **how)
        return tokens

    def note_cuts(self, texts: int) -> None:
        """Log how many of the texts that were read have been cut."""
        if self.cut:
            log.warning(
                "text encoder %s: %d of %d texts are cut after %d tokens",
                self.folder.name,
                self.cut,
                texts,
                self.longest,
            )


def is_cut(tokenizer: Any, longest: int, text: str) -> bool:
    """Tell whether a text has more tokens than a model can read."""
    if text.isascii() and len(text) + 1 + tokenizer.num_special_tokens_to_add() <= longest:  # most texts: not tokenised
        return False
    return len(tokenizer(text, verbose=False)["input_ids"]) > longest


def open_tokenizer(folder: Path) -> tuple[Any, int]:
    """Return the tokenizer of a folder, and the number of tokens after which texts are cut.

    Raises:
        InputError: it cannot be loaded, or transformers is not installed.
    """
    with explained(folder) as library:
        tokenizer = library.AutoTokenizer.from_pretrained(str(folder), **OWN)
        config = library.AutoConfig.from_pretrained(str(folder), **OWN)
        text = getattr(config, "text_config", config)
        shift = (text.pad_token_id or 0) + 1 if text.model_type in SHIFTED else 0
        return tokenizer, min(tokenizer.model_max_length, text.max_position_embeddings - shift)


def load_model(folder: Path) -> Any:
    """Return the model of a folder, in float32 and without dropout.

    Raises:
        InputError: it cannot be loaded, or transformers is not installed.
    """
    with explained(folder) as library:
        kind = library.AutoConfig.from_pretrained(str(folder), **OWN).model_type
        maker = getattr(library, TEXT_ALONE.get(kind, "AutoModel"))
        safe = all(path.suffix == ".safetensors" for path in weight_files(folder))
        how = {"use_safetensors": safe, "weights_only": True, "output_loading_info": True}
        model, info = maker.from_pretrained(str(folder), **OWN, **how)
        pooled = hasattr(model, "get_text_features") or kind in (*TEXT_ALONE, *PADDED)
        missing = [key for key in info["missing_keys"] if pooled or "pooler." not in key]
        if missing or info["mismatched_keys"]:
            raise ValueError(f"its weights lack {sorted(missing)[:1]}")
        return model.float().eval()


@contextmanager
def explained(folder: Path) -> Iterator[Any]:
    """Give transformers, without its progress bars and remarks, and turn what it raises into an InputError.

    Raises:
        InputError: transformers is not installed, or has raised something.
    """
    try:
        import transformers
        from transformers.utils import logging as remarks
    except ImportError as error:
        raise InputError("text encoder: transformers is not installed; pip install 'zsl[sentence]'") from error
    shown, level = remarks.is_progress_bar_enabled(), remarks.get_verbosity()
    remarks.disable_progress_bar()
    remarks.set_verbosity_error()
    try:
        yield transformers
    except InputError:
        raise
    except Exception as error:  # transformers raises exceptions of many types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"text encoder {folder}: cannot be loaded ({reason}); fetch the folder again") from error
    finally:
        remarks.set_verbosity(level)
        if shown:
            remarks.enable_progress_bar()
