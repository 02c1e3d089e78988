"""Small images in files of all kinds, in every kind of source."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

Files = Mapping[str, bytes]
"""path with slashes -> content"""


def png(seed: int, side: int = 12) -> bytes:
    """Return a file with random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return written(Image.fromarray(pixels), "PNG")


def png_of_48_bits(colour: tuple[int, int, int], side: int = 5) -> bytes:
    """Return a PNG file of one colour with 16 bits a channel, which Pillow reads and does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\0" + struct.pack(">3H", *colour) * side) * side
    head = chunk(b"IHDR", struct.pack(">2I5B", side, side, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def written(image: Image.Image, form: str, **how: object) -> bytes:
    """Return the file of an image."""
    file = io.BytesIO()
    image.save(file, form, **how)
    return file.getvalue()


def folder(place: Path, files: Files) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def tar(path: Path, files: Files) -> Path:
    """Write a tar file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def table(files: Files, classes: list[str] | None = None):  # type: ignore[no-untyped-def]
    """Return the table that ``datasets`` makes of images: records of bytes and path, and numbers of classes."""
    import pyarrow as pa

    labels = [name.partition("/")[0] for name in files]
    names = classes or sorted(set(labels))
    noted = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}}}
    columns = {
        "image": pa.array([{"bytes": content, "path": name} for name, content in files.items()]),
        "label": pa.array([names.index(label) for label in labels], pa.int64()),
    }
    return pa.table(columns).replace_schema_metadata({"huggingface": json.dumps(noted)})


def parquet(path: Path, files: Files, group: int = 3) -> Path:
    """Write a Parquet file."""
    from pyarrow.parquet import write_table

    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(table(files), path, row_group_size=group)
    return path


def saved_to_disk(place: Path, files: Files, parts: int = 2) -> Path:
    """Write what ``save_to_disk`` writes."""
    import pyarrow as pa

    place.mkdir(parents=True)
    whole = table(files)
    names = [f"data-{part:05d}-of-{parts:05d}.arrow" for part in range(parts)]
    size = -(-len(whole) // parts)
    for part, name in enumerate(names):
        with pa.OSFile(str(place / name), "wb") as file, pa.ipc.new_stream(file, whole.schema) as stream:
            stream.write_table(whole.slice(part * size, size), max_chunksize=2)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_format_type": None}
    (place / "state.json").write_text(json.dumps(state))
    (place / "dataset_info.json").write_text("{}")
    return place
