"""Tiny checkpoints with random weights, in the files that transformers writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
STAGES = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
SQUARE = {"size": {"height": 32, "width": 32}}
CROP = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}
KINDS: dict[str, tuple[str, str, dict[str, Any], str, dict[str, Any]]] = {
    "vit": ("ViTConfig", "ViTForImageClassification", SMALL, "ViTImageProcessorPil", SQUARE),
    "deit": ("DeiTConfig", "DeiTModel", SMALL, "DeiTImageProcessorPil", CROP),
    "dinov2": ("Dinov2Config", "Dinov2Model", SMALL, "BitImageProcessorPil", CROP),
    "dinov2_with_registers": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        SMALL,
        "BitImageProcessorPil",
        CROP,
    ),
    "dinov3_vit": (
        "DINOv3ViTConfig",
        "DINOv3ViTModel",
        SMALL | {"num_register_tokens": 4},
        "ViTImageProcessorPil",
        SQUARE,
    ),
    "convnext": (
        "ConvNextConfig",
        "ConvNextModel",
        STAGES,
        "ConvNextImageProcessorPil",
        {"size": {"shortest_edge": 32}},
    ),
    "dinov3_convnext": ("DINOv3ConvNextConfig", "DINOv3ConvNextModel", STAGES, "ViTImageProcessorPil", SQUARE),
    "resnet": (
        "ResNetConfig",
        "ResNetModel",
        STAGES | {"embedding_size": 8},
        "ConvNextImageProcessorPil",
        {"size": {"shortest_edge": 32}},
    ),
    "swin": ("SwinConfig", "SwinModel", SWIN, "ViTImageProcessorPil", SQUARE),
    "clip": (
        "CLIPVisionConfig",
        "CLIPVisionModelWithProjection",
        SMALL | {"projection_dim": 16},
        "CLIPImageProcessorPil",
        CROP,
    ),
    "siglip": ("SiglipVisionConfig", "SiglipVisionModel", SMALL, "SiglipImageProcessorPil", SQUARE),
}
"""type -> configuration, model, their values, image processor and its values"""


def save(kind: str, folder: Path, seed: int = 0, labels: tuple[str, ...] = (), **how: Any) -> Path:
    """Write a checkpoint."""
    import transformers

    config, model, values, processor, settings = KINDS[kind]
    if labels:
        values = values | {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
    torch.manual_seed(seed)
    made = getattr(transformers, model)(getattr(transformers, config)(**values))
    for parameter in made.parameters():  # the class token and others begin at zero, and norms at one
        torch.nn.init.normal_(parameter, std=0.2)
    made.save_pretrained(folder, **how)
    getattr(transformers, processor)(**settings).save_pretrained(folder)
    return folder


def images(n: int, seed: int = 0) -> list[Image.Image]:
    """Images of other sizes, with some structure."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(33, 90, (n, 2)).tolist()
    blocks = generator.integers(0, 256, (n, 5, 5, 3), dtype=np.uint8)
    return [
        Image.fromarray(block).resize(size, Image.Resampling.BICUBIC) for block, size in zip(blocks, sizes, strict=True)
    ]
