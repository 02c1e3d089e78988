"""Throughput of ``zsl extract`` beside the bare network on tensors that are decoded already, and its memory."""

from __future__ import annotations

import importlib.util
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.timing import Timing, resident

IMAGES, GOAL = 256, "≥ 85 % of the network alone"
MEMORY = (1_000, 10_000)
"""numbers of images whose peak memory is compared"""
SIDE = 375
"""pixels: photographs of the size of ImageNet's"""


def run() -> list[Timing]:
    """EfficientNet-Lite0 on photographs of 375 pixels; each measurement in a process of its own."""
    if importlib.util.find_spec("efficientnet_lite_pytorch") is None:
        return [Timing("extraction: pip install 'zsl[images]'", None, None, None)]
    ratios, alone, whole = zip(*(measured("speed", IMAGES) for _ in range(3)), strict=True)
    few, many = (measured("memory", count)[0] for count in MEMORY)
    ratio = f"{100 * statistics.median(ratios):.0f} % of the network alone"
    return [
        Timing(f"network alone, {IMAGES} images", statistics.median(alone), min(alone), max(alone)),
        Timing(f"zsl extract, {IMAGES} images", statistics.median(whole), min(whole), max(whole), ratio, GOAL),
        Timing(
            f"peak memory of extraction, {MEMORY[1]} images, GB",
            many,
            many,
            many,
            f"{many - few:+.3f} beside {MEMORY[0]}",
            "flat",
        ),
    ]


def photographs(folder: Path, count: int) -> None:
    """Write JPEG files with some structure, sixteen different ones."""
    generator, made = np.random.default_rng(0), []
    for _ in range(16):
        blocks = Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        file = io.BytesIO()
        blocks.resize((500, SIDE), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        made.append(file.getvalue())
    (folder / "a").mkdir()
    for i in range(count):
        (folder / "a" / f"{i:06d}.jpg").write_bytes(made[i % 16])


def measured(what: str, count: int) -> tuple[float, ...]:
    """Measure in a fresh process."""
    out = subprocess.check_output([sys.executable, "-m", __name__, what, str(count)], text=True)
    return tuple(map(float, out.split()))


def speed(images: Path, folder: Path) -> tuple[float, float, float]:
    """Return the ratio of the times, the seconds of the network alone, and those of the whole."""
    from zsl.backbones.efficientnet_lite import EfficientNetLite0
    from zsl.config.extraction import extract_settings
    from zsl.features.decoding import decoded
    from zsl.features.extraction import CHUNK
    from zsl.runs.extraction import extract

    backbone = EfficientNetLite0()
    pixels = [backbone.prepare(decoded(path.read_bytes())) for path in sorted(images.rglob("*.jpg"))]
    backbone.encode(pixels[:16])  # the weights are read, and memory is warm
    start = time.perf_counter()
    for first in range(0, len(pixels), CHUNK):
        backbone.encode(pixels[first : first + CHUNK])
    alone = time.perf_counter() - start
    settings = extract_settings(str(images), folder, [])
    settings.extraction.backbone.encode(pixels[:16])
    start = time.perf_counter()
    extract(settings)
    whole = time.perf_counter() - start
    return alone / whole, alone, whole


def memory(images: Path, folder: Path) -> tuple[float]:
    """Return the peak memory of an extraction in GB."""
    from zsl.config.extraction import extract_settings
    from zsl.runs.extraction import extract

    extract(extract_settings(str(images), folder, []))
    return (resident("VmHWM") / 1e3,)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "images").mkdir()
        photographs(Path(place) / "images", int(sys.argv[2]))
        found = {"speed": speed, "memory": memory}[sys.argv[1]](Path(place) / "images", Path(place) / "store")
        sys.stdout.write(" ".join(map(str, found)))
