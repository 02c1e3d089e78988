"""Models of transformers that encode texts: sentence encoders [Reimers2019], text towers of CLIP, SigLIP, ALIGN, …"""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.hub import weight_files
from zsl.files.regular_file import read_bytes
from zsl.progress.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

CONFIG, MODULES, POOLING = "config.json", "modules.json", "1_Pooling/config.json"
"""settings of a model, and as sentence-transformers stores them its steps and those of its pooling"""
SETTINGS = (
    CONFIG,
    MODULES,
    POOLING,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)
STEPS = ("Transformer", "Pooling", "Normalize")
"""steps of sentence-transformers that are applied, or change only the length of vectors"""
PADDED = ("siglip", "siglip2", "siglip_text_model")
"""types of models whose texts are lower-cased, rid of punctuation, and padded to the longest possible one, as they were
in training [Zhai2023]"""
SHIFTED = ("roberta", "xlm-roberta", "mpnet", "camembert")
"""types of models whose positions are counted from the number of the padding token"""
TEXT_ALONE = {"clip_text_model": "CLIPTextModelWithProjection"}
"""types of text towers without their image towers, and the class that has the projection"""
LARGEST = 2**26
"""the largest number of bytes of a file of settings"""
OWN: Any = {"local_files_only": True, "trust_remote_code": False}


def files_of(folder: Path, *names: str) -> list[Path]:
    """Return the files of a model that exist: settings, and those with the given names."""
    return [file for name in (*SETTINGS, *names) if (file := folder / name).is_file()]


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
        steps = _read_json(folder / MODULES, list) if (folder / MODULES).exists() else []
        kinds = [str(step["type"]).rpartition(".")[2] for step in steps]
        if "Pooling" not in kinds and not (folder / POOLING).exists():
            modes = {"pooling_mode_mean_tokens": True}
        else:
            modes = _read_json(folder / POOLING, dict)
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


def _read_json(file: Path, kind: type) -> Any:
    content = json.loads(read_bytes(file, LARGEST))
    if not isinstance(content, kind):
        raise ValueError(f"{file.name} is no {kind.__name__}")
    return content


def read_settings(file: Path) -> dict[str, Any]:
    """Return the settings in a file; none if there is no such file, or none that can be read."""
    try:
        found: dict[str, Any] = _read_json(file, dict)
    except (OSError, ValueError, RecursionError):
        return {}
    return found


def require_no_code(folder: Path) -> None:
    """Refuse a model whose configuration names an attention kernel that would be downloaded.

    Raises:
        InputError: it does.
    """
    config = read_settings(folder / CONFIG)  # loading the model reports what is wrong with it
    for key in ("attn_implementation", "_attn_implementation"):
        asked = config.get(key)
        if asked is not None and asked not in ("eager", "sdpa"):
            raise InputError(
                f"text encoder {folder}: config.json has {key}={asked!r}, which may be downloaded code; remove the key"
            )


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
