"""``zsl multilabel``: AUROC, mAP, F1, MCC and F1@k of images with several labels each."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError
from zsl.reporting import figures

if TYPE_CHECKING:
    from numpy import ndarray as Array

    from zsl.reporting.multilabel_experiment import MultilabelExperiment

HELP = "several labels an image: AUROC, mAP, F1, MCC and u/s/H of F1@k, with bootstrap intervals"
EPILOG = """LABELS is a table (.csv, .tsv, .parquet) with one row an image and a column of 0 and 1 for every class. A
column split has val for images that choose thresholds, train for images that are left out, and test. A column image has
names of images: in a store of zsl extract, rows are found by these names; arrays have the same rows as LABELS. Rows of
--positive and --negative are classes in the order of the columns of LABELS, or in that of an array of their names in
the same file: names, class_names or classes.

scores, one of:
  --scores FILE                               any scores, one column a class, in the order of the columns of LABELS
  --images FILE --positive FILE --negative FILE   probability of "y" against "no y" for each class (CheXzero)
  --images FILE --positive FILE               sigmoid of scale · cosine + bias (SigLIP)
With --model, --positive and --negative are templates with {} for the class, such as "no {}", which its text tower
encodes; several of them are averaged, and without --negative scale and bias are those of the checkpoint. --experiment
has the columns of a paper and, for --model, its templates, unless they are given, and its AUROC beside yours.

examples:
  zsl multilabel labels.csv --scores scores.npy
  zsl multilabel labels.csv --images features/ --positive yes.npy --negative no.npy --output auroc.csv
  zsl multilabel labels.csv --images features/ --model clip/ --positive "{}" --negative "no {}"
  zsl multilabel chexpert.csv --images chexpert.features --model chexzero --experiment chexzero_tiu2022
  zsl multilabel labels.csv --images images.npy --positive texts.npy --scale 112 --bias -16.5 --seen seen.txt --k 3,5

Thresholds are chosen on the images with split val alone. With --seen, labels of the other classes are never read for
it: unseen classes share one threshold, pooled over seen ones. AUROC and AP need no threshold."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl multilabel``."""
    parser.add_argument("labels", type=Path, metavar="LABELS", help="table with a column of 0 and 1 for every class")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="scores, images × classes")
    parser.add_argument("--images", type=Path, metavar="FILE", help="embeddings of images, or a store of zsl extract")
    parser.add_argument("--model", type=Path, metavar="DIR", help="two-tower model that encodes the texts")
    for option, what in (("--positive", "the texts of classes"), ("--negative", "their negations")):
        parser.add_argument(
            option, action="append", metavar="FILE|TEMPLATE", help=f"embeddings of {what}, or a template of them"
        )
    parser.add_argument("--scale", type=float, help="factor of cosines, 1/temperature (default: 1)")
    parser.add_argument("--bias", type=float, help="added to scaled cosines (default: 0)")
    parser.add_argument("--columns", metavar="NAMES", help="columns of classes, separated by commas (default: all)")
    parser.add_argument("--seen", metavar="NAMES|FILE", help="classes seen in training: names, or a file of lines")
    parser.add_argument("--experiment", metavar="NAME", help="multilabel/NAME of zsl list experiments")
    parser.add_argument("--criterion", choices=("mcc", "f1"), default="mcc", help="what thresholds maximise")
    parser.add_argument("--k", default="3", metavar="K,…", help="the k of F1@k (default: 3)")
    parser.add_argument("--gamma", type=float, default=0.0, help="taken off the scores of seen classes in F1@k")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="samples (default: 1000; 0: none)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (default: 0)")
    figures.add_arguments(parser)
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Evaluate, and print or write one row for each class, means, and F1@k; return the exit status.

    Raises:
        InputError: a file cannot be used, files do not fit together, or a file cannot be written.
    """
    from zsl.api.multilabel import multilabel
    from zsl.cli.label_tables import label_table, named
    from zsl.cli.retrieve import whole_numbers

    stated, prompts = _experiment(arguments)
    columns = named(arguments.columns, "--columns")
    table = label_table(arguments.labels, list(stated.columns) if stated and columns is None else columns)
    scores = _scores(arguments, table.images, table.classes)
    if scores.shape != table.labels.shape:
        raise InputError(
            f"LABELS: {table.labels.shape[0]} images × {table.labels.shape[1]} classes, but scores of shape "
            f"{scores.shape}; give one row an image and one column a class, in the order of {arguments.labels}"
        )
    test, val = table.split == "test", table.split == "val"
    if not test.any():
        raise InputError(f"LABELS {arguments.labels}: no image has split test; name the images to evaluate on")
    rows = multilabel(
        scores[test],
        table.labels[test],
        table.classes,
        seen=named(arguments.seen, "--seen"),
        validation=(scores[val], table.labels[val]) if val.any() else None,
        criterion=arguments.criterion,
        at=whole_numbers("--k", arguments.k),
        gamma=arguments.gamma,
        draws=arguments.bootstrap,
        seed=arguments.seed,
    )
    notes = [f"{test.sum()} test images; low, high: 95 % interval of {arguments.bootstrap} bootstrap samples of images"]
    undefined = [str(row["class"]) for row in rows[: len(table.classes)] if math.isnan(float(row["AUROC"] or 0))]
    if undefined:
        notes.append(f"no AUROC without both outcomes, left out of the mean: {', '.join(undefined)}")
    if not val.any():
        notes.append("no F1 and no MCC: these need thresholds, and thresholds a column split with val")
    elif arguments.seen is None:
        notes.append("thresholds: validation labels of every class were read; with --seen only those of seen classes")
    if stated is None:
        return figures.deliver(rows, notes, arguments)
    notes += stated.notes(int(test.sum()), arguments.model is not None, prompts)
    return figures.deliver(stated.beside(rows), notes, arguments)


def _experiment(
    arguments: argparse.Namespace,
) -> tuple[MultilabelExperiment | None, tuple[list[str] | None, list[str] | None]]:
    """Return the experiment and the templates that were given in place of its own; fill in those that were not."""
    given = (arguments.positive, arguments.negative)
    if arguments.experiment is None:
        return None, given
    from zsl.reporting.multilabel_experiment import experiment

    found = experiment(arguments.experiment)
    if arguments.model is None:
        return found, (None, None)
    if arguments.positive is None:
        arguments.positive = list(found.positive)
    if arguments.negative is None:
        arguments.negative = list(found.negative) or None
    return found, given


def _scores(arguments: argparse.Namespace, names: list[str] | None, classes: Sequence[str]) -> Array:
    from zsl.api.retrieval import normalised
    from zsl.cli.row_files import embeddings, stored
    from zsl.evaluation.multilabel import pair_log_odds, sigmoid_log_odds

    if (arguments.scores is None) == (arguments.images is None) or (arguments.images and not arguments.positive):
        raise InputError("scores: give --scores, or --images with --positive; zsl multilabel --help explains them")
    if arguments.scores:
        return embeddings(arguments.scores, "--scores", "scores")
    scale, bias = _scale_and_bias(arguments)
    if arguments.images.is_dir():
        images = stored(arguments.images, names)
    else:
        images = embeddings(arguments.images, "--images", "images", "image_embeddings")
    x, yes = normalised("--images", images), _texts(arguments.positive, "--positive", arguments.model, classes)
    no = None
    if arguments.negative is not None:
        no = _texts(arguments.negative, "--negative", arguments.model, classes)
    if yes.shape[1] != x.shape[1] or (no is not None and no.shape != yes.shape):
        shape = "" if no is None else f", {no.shape}"
        raise InputError(f"--positive: shapes {x.shape}, {yes.shape}{shape} of images and texts; use one model for all")
    if no is not None:
        return pair_log_odds(x, yes, no, scale)
    return sigmoid_log_odds(x, yes, scale, bias)


def _scale_and_bias(arguments: argparse.Namespace) -> tuple[float, float]:
    scale, bias = arguments.scale, arguments.bias
    if scale is None and arguments.model and arguments.negative is None:
        from zsl.methods.open_vocabulary.checkpoint import scale_and_bias

        scale, own = scale_and_bias(arguments.model, "--model ")
        bias = own if bias is None else bias
    scale, bias = 1.0 if scale is None else scale, bias or 0.0
    if not (0 < scale < math.inf and math.isfinite(bias)):
        raise InputError(f"--scale {scale} --bias {bias}: scale must be positive, both finite")
    return scale, bias


def _texts(given: Sequence[str], option: str, model: Path | None, classes: Sequence[str]) -> Array:
    from zsl.api.retrieval import normalised

    if model is None:
        if len(given) > 1 or "{}" in given[0]:
            raise InputError(f"{option} {given[-1]}: several, or a template, need the --model that encodes them")
        from zsl.cli.row_files import texts_of

        names = (option[2:], "texts", "text_embeddings")
        return normalised(option, texts_of(classes, Path(given[0]), option, *names))
    from zsl.class_embeddings.prompts import Prompts
    from zsl.data.dataset import ClassDescriptions
    from zsl.features.cache import user_cache

    for template in given:
        if "{}" not in template:
            raise InputError(f"{option} {template}: has no slot for the class; write {{}} where its name stands")
    described = ClassDescriptions(tuple(classes))
    return normalised(option, Prompts(templates=list(given), model=model, cache=user_cache()).fit(described)(described))
