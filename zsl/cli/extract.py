"""``zsl extract``: features of images by any backbone, in a store of shards."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "compute the features of images with any backbone, resumable, as data for data=extracted"
EPILOG = """images: a folder with a folder a class; a .tar, or a folder of them (WebDataset); .parquet files with a
column of images; a data set of Hugging Face that save_to_disk wrote.

keys:
  backbone=efficientnet_lite|transformers|timm|torchvision|open_clip    (zsl list backbones)
  model=NAME|DIR               checkpoint of the backbone
  pooling=, precision=, channels_last=, batch=, device=, pretraining=   of the backbone
  engine=local|ray|submitit    this process, Ray Data, or array jobs of SLURM
  workers=N                    threads that decode, actors, or jobs (default: number of processors)
  rows=N                       images of a shard (default: 1024)
  on_unreadable=skip           leave out broken images; otherwise they are listed and the store stays unfinished
  options.KEY=VALUE            of Ray (num_gpus) or submitit (slurm_partition, timeout_min)

examples:
  zsl extract photographs/ features/
  zsl extract photographs/ features/ backbone=transformers model=facebook/dinov2-base device=cuda precision=bfloat16
  zsl extract shards/ features/ backbone=transformers model=clip/ engine=submitit workers=8 +options.gpus_per_node=1
  zsl train data=extracted data.root=features data.splits=split.yaml method=eszsl

Launch the same command again to resume an extraction that was stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl extract``."""
    parser.add_argument("images", metavar="IMAGES", help="folder, tar or Parquet files, or data set of Hugging Face")
    parser.add_argument("output", type=Path, metavar="OUT", help="folder of the store, new or unfinished")
    parser.add_argument("overrides", nargs="*", default=[], help="such as backbone=transformers model=DIR")
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Extract, and print the command that trains on the features.

    Raises:
        InputError: images, backbone or store cannot be used, or some images are broken.
    """
    from zsl.config.compose import require_working_folder

    require_working_folder()
    from zsl.config.extraction import extract_settings
    from zsl.files.folder import expanded
    from zsl.runs.console import print_line, show_log
    from zsl.runs.extraction import extract

    show_log()
    folder = expanded("OUT", str(arguments.output))
    store = extract(extract_settings(arguments.images, folder, arguments.overrides))
    left_out = f"; {len(store.left_out)} left out: {', '.join(store.left_out)}" if store.left_out else ""
    sizes = " × ".join(map(str, store.features.shape[1:]))
    print_line(
        f"{len(store.names)} images of {len(store.classes)} classes, {sizes} features each{left_out}; use them with\n"
        f"  zsl train data=extracted data.root={folder} data.splits=FILE"
    )
    return 0
