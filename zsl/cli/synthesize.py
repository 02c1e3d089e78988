"""``zsl synthesize``: write features of any classes from a trained generator as a data set, and plot some of them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from zsl.errors import InputError
from zsl.files.atomic import write_bytes
from zsl.reporting.drawing import UNDATED
from zsl.reporting.feature_plot import draw
from zsl.runs.console import print_line
from zsl.runs.synthesis import FEATURES, Synthetic, synthesize

SHOWN = 5
"""number of seen classes in a plot, and of unseen classes"""


def main(arguments: argparse.Namespace) -> int:
    """Write the pair of files, and print the command that trains on them."""
    output, form = Path(arguments.output), Path(arguments.plot or "plot.svg").suffix[1:]
    if form not in UNDATED:
        raise InputError(f"--plot {arguments.plot}: give a file that ends in .{', .'.join(UNDATED)}")
    made = synthesize(Path(arguments.folder), output, arguments.per_class, arguments.seed, arguments.overrides)
    if arguments.plot:
        write_bytes(Path(arguments.plot), plot(made, form))
    seen = int(made.stage.classes.seen.sum())
    unseen = len(made.stage.classes) - seen
    print_line(
        f"{arguments.per_class} features of each of {seen} seen and {unseen} unseen classes, scaled like the training "
        f"data of the generator; use them with\n  zsl train data=xlsa17 data.name=synthetic data.root={output} "
        f"data.features={FEATURES}"
    )
    return 0


def plot(made: Synthetic, form: str) -> bytes:
    """Plot real and synthetic features of the first few seen and unseen classes, as a file of the format ``form``."""
    stage, held_out = made.stage, made.stage.held_out
    shown = torch.cat([stage.classes.seen_ids[:SHOWN], stage.classes.unseen_ids[:SHOWN]])
    place = np.full(len(stage.classes), -1)
    place[shown.numpy()] = np.arange(len(shown))
    examples = (held_out.seen(), held_out.unseen())
    real = np.concatenate([part.tensor.numpy() for part in examples])
    labels = place[np.concatenate([part.labels.numpy() for part in examples])]
    theirs = place[made.labels]
    names = [
        f"{name}, {'seen' if seen else 'unseen'}"
        for name, seen in zip(stage.classes.take(shown).names, stage.classes.seen[shown].tolist(), strict=True)
    ]
    kept, drawn = labels >= 0, theirs >= 0
    return draw(real[kept], labels[kept], made.x[drawn], theirs[drawn], names, form)
