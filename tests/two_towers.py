"""Two-tower checkpoints of a few thousand random weights, written to disk by transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

LONGEST = {"clip": 24, "siglip": 24, "align": 40, "vision-text-dual-encoder": 40}
"""type of a model -> tokens that it reads"""
LETTERS = "abcdefghijklmnopqrstuvwxyz.,:'-0123456789"
WIDTH = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
IMAGES = {**WIDTH, "image_size": 16, "patch_size": 8}


def checkpoint(folder: Path, kind: str, **text: Any) -> Path:
    """Write a checkpoint of a type, with tokenizer and image processor; ``text`` are settings of the text tower."""
    import transformers as library

    torch.manual_seed(0)
    tokenizer = _of_clip(folder) if kind == "clip" else _of_letters(kind)
    ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    settings = {**WIDTH, **ids, "max_position_embeddings": LONGEST[kind], **text}
    if kind == "clip":
        ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        out = {"projection_dim": 12}
        config = library.CLIPConfig(text_config={**settings, **ends, **out}, vision_config={**IMAGES, **out}, **out)
        model = library.CLIPModel(config)
    elif kind == "siglip":
        model = library.SiglipModel(
            library.SiglipConfig(text_config={**settings, "projection_size": 24}, vision_config=IMAGES)
        )
        with torch.no_grad():  # a new one begins with scale 1 and no bias
            model.logit_scale.fill_(2.1)
            model.logit_bias.fill_(-3.0)
    elif kind == "align":
        small = {"image_size": 64, "width_coefficient": 0.1, "depth_coefficient": 0.1, "hidden_dim": 40}
        model = library.AlignModel(library.AlignConfig(text_config=settings, vision_config=small, projection_dim=32))
    else:
        towers = library.ViTConfig(**IMAGES), library.BertConfig(**settings)
        config = library.VisionTextDualEncoderConfig.from_vision_text_configs(*towers, projection_dim=12)
        model = library.VisionTextDualEncoderModel(config)
    with torch.no_grad():  # random towers of the usual small weights make all texts alike
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.3)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    processor = library.CLIPImageProcessorPil if kind != "siglip" else library.SiglipImageProcessorPil
    side = 64 if kind == "align" else 16
    square = {"height": side, "width": side}
    size = square if kind == "siglip" else {"shortest_edge": side}
    crop = {} if kind == "siglip" else {"crop_size": square}
    processor(size=size, **crop).save_pretrained(str(folder))
    return folder


def _of_clip(folder: Path) -> Any:
    """A tokenizer of CLIP without merges: one token a byte."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    bytes_ = [chr(i) for i in range(33, 127)] + [chr(i) for i in range(161, 445)]
    words = [*bytes_, *(byte + "</w>" for byte in bytes_), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    return CLIPTokenizer(*files, model_max_length=LONGEST["clip"])


def _of_letters(kind: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = {letter: i for i, letter in enumerate(["<pad>", "<unk>", "</s>", *LETTERS, " ", *LETTERS[:26].upper()])}
    tokenizer = Tokenizer(models.WordLevel(letters, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 2)])
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    inputs = {"model_input_names": ["input_ids"]} if kind == "siglip" else {}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special, **inputs, model_max_length=LONGEST[kind])
