"""``zsl typographic``: write the names of wrong classes into photographs, and see which models read them."""

from __future__ import annotations

import argparse
from pathlib import Path

from zsl.errors import InputError
from zsl.reporting import figures

HELP = "typographic attack: names of wrong classes written into photographs"
EPILOG = """DIR is a folder with a folder a class. A wrong class is drawn for every image, and its name is written into
it, in a font, size, place and colours that the seed determines; in the control the letters are shuffled. Rates are in
percent: accuracy of clean, attacked and control images, and how often the answer is the word (word_...); flipped is the
share of images right when clean that the word turns into its own class.

examples:
  zsl typographic runs/birds/model --images photographs/
  zsl typographic runs/a/model runs/b/model --images photographs/ --labels names.txt --save attacked/"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl typographic``."""
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="folders of saved models")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="a folder with a folder a class")
    parser.add_argument("--labels", metavar="NAMES|FILE", help="classes that are answered and written (default: DIR's)")
    parser.add_argument("--seed", type=int, default=0, help="seed of words, fonts, places and colours (default: 0)")
    parser.add_argument("--fonts", metavar="FILE,…", help="fonts (default: DejaVu Sans, Serif and Sans Mono)")
    parser.add_argument("--by-word", action="store_true", help="also one row for every word")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write the attacked images into a new folder")
    figures.add_arguments(parser)
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Attack, and print or write one row for every model; return the exit status.

    Raises:
        InputError: a model, an image, a font or a name cannot be used, or a file cannot be written.
    """
    from contextlib import ExitStack

    from PIL.Image import Image

    from zsl.api.typographic import typographic
    from zsl.cli.label_tables import named
    from zsl.config.saved_models import load
    from zsl.data.class_names import normalised
    from zsl.files.folder import new_folder
    from zsl.prediction.inputs import photographs
    from zsl.runs.console import show_log

    show_log()
    for path in (*arguments.models, arguments.images):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; correct the path")
    models = {str(path): load(path) for path in arguments.models}
    found = photographs([arguments.images])
    folders = [normalised(Path(image.path).parent.name) for image in found]
    labels = named(arguments.labels, "--labels") or sorted(set(folders))
    place = {normalised(name): name for name in labels}
    kept = [i for i, folder in enumerate(folders) if folder in place]
    if not kept:
        raise InputError(f"--images {arguments.images}: no folder is called like a class, such as {labels[0]!r}")
    with ExitStack() as stack:
        saved = stack.enter_context(new_folder(arguments.save, "--save")) if arguments.save else None

        def shown(i: int, word: str, image: Image) -> None:
            if saved is not None:
                own = Path(found[kept[i]].path)
                name = f"{i:05}_{own.parent.name}_{own.stem}_as_{word}.png".replace("/", "_")
                image.save(saved / name[-200:])

        rows = typographic(
            models,
            [found[i].picture.open for i in kept],
            [place[folders[i]] for i in kept],
            labels,
            seed=arguments.seed,
            fonts=[part.strip() for part in (arguments.fonts or "").split(",") if part.strip()],
            by_word=arguments.by_word,
            shown=shown,
        )
        return figures.deliver(rows, ["control: the letters of the word shuffled, in the same place"], arguments)
