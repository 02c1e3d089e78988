"""ImageNet with its 21 thousand classes: trained on the 1,000 of ILSVRC 2012, asked about sets of all the others.

The protocol of [Frome2013], [Norouzi2014], [Changpinyo2016] and [Xian2018]. Three kinds of files belong to it:

- features: folders that ``zsl extract`` wrote of folders named by wnids (``n02119789``), or MATLAB files such as
  ``ILSVRC2012_res101_feature.mat`` (:func:`zsl.datasets.imagenet_features.open_images`);
- the list of all classes, ``ImageNet_w2v.mat``, with their words and word vectors
  (:func:`zsl.datasets.imagenet_classes.read_class_list`); not needed for folders, which name the classes themselves;
- sets of classes, ``ImageNet_splits.mat`` or a JSON file of wnids
  (:func:`zsl.datasets.imagenet_classes.read_class_sets`); without it, sets are computed.

WordNet 3.0 (:mod:`zsl.datasets.wordnet`) adds names, glosses, hops and hierarchical precision. Features stay on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray as Array

from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints
from zsl.data.hierarchy import Hierarchy
from zsl.data.splits import SplitsOrigin, audit, divide
from zsl.datasets.imagenet_classes import ClassList, ClassSets, read_class_list, read_class_sets, unseen_classes
from zsl.datasets.imagenet_features import open_images
from zsl.datasets.unused_classes import without_unused
from zsl.datasets.wordnet import AUTO, WordNet, find_wordnet, synset_names
from zsl.errors import InputError
from zsl.files.source_file import locate, require_file_name

TOP_K = (2, 5, 10, 20)
"""k of flat hit@k besides 1, and of hierarchical precision"""
LICENCES = ("names, glosses and is-a edges: WordNet 3.0, copyright 2006 by Princeton University, WordNet 3.0 licence",)


def load(
    features: list[str] | str,
    *,
    cache: str | Path,
    root: str | Path | None = None,
    held_out: list[str] | str | None = None,
    unseen: str = "2-hops",
    classes: str | Path | None = "ImageNet_w2v.mat",
    splits: str | Path | None = "ImageNet_splits.mat",
    word_vectors: bool = True,
    wordnet: str = AUTO,
    distractors: bool = False,
    name: str = "imagenet",
) -> Dataset:
    """Read ImageNet with one set of unseen classes; relative paths are relative to ``root``.

    Args:
        features: folders of features or MATLAB files; images of classes that are neither seen nor in the set of unseen
            ones are not used.
        cache: folder in which the content of MATLAB files is kept as memory maps.
        root: folder of the files.
        held_out: further ones, whose images of seen classes are test images, as are ``features_val`` of a MATLAB file.
        unseen: set of unseen classes: ``2-hops``, ``3-hops``, ``all``, ``most_populated_500``,
            ``least_populated_5000``, … (:func:`zsl.datasets.imagenet_classes.unseen_classes`).
        classes: list of all classes, or None for folders.
        splits: file of sets of classes; None: seen classes are those with held-out images, sets are computed.
        word_vectors: offer the word vectors of the list of classes as ``w2v``, and leave out classes without one.
        wordnet: folder of WordNet's files, ``auto`` or ``none``.
        distractors: keep unseen classes without images as candidate labels.
        name: of the data set.

    Raises:
        InputError: a file is missing or damaged, files do not fit together, or there is no such set of classes.
    """
    require_file_name("data.name", name)
    folder = Path() if root is None else locate(root)
    every = open_images(folder, features, held_out, Path(cache))
    known = None if classes is None else read_class_list(locate(folder / classes), Path(cache))
    listed = known.wnids if known else sorted({wnid for part in every.parts for wnid in part.wnids or ()})
    number = {wnid: i for i, wnid in enumerate(listed)}
    sets = None if splits is None else read_class_sets(locate(folder / splits), number, extend=known is None)
    labels = np.concatenate([part.numbers(number) for part in every.parts])
    sets = sets or ClassSets(np.unique(labels[every.held & (labels >= 0)]))
    synsets = _Synsets.of(find_wordnet(wordnet), list(number))

    counts = np.bincount(labels[labels >= 0], minlength=len(number))
    chosen, source = unseen_classes(unseen, sets, counts, synsets.edges(sets.seen) if synsets else None)
    notes, order = [f"unseen classes: {unseen}, {source}"], np.concatenate([sets.seen, chosen])
    if word_vectors and known and known.has_vector is not None:
        has = known.has_vector[order]
        order, without = order[has], np.count_nonzero(~has)
        if without:
            notes.append(f"{without} classes without a word vector left out (data.word_vectors=false keeps them)")
    labels, rows = _splits(labels, every.held, order, sets, len(number))
    kept = np.unique(labels[np.concatenate([rows.trainval, rows.test_seen, rows.test_unseen])])
    if distractors:
        kept = np.union1d(kept, np.flatnonzero(~np.isin(order, sets.seen)))
    described = _described(order, list(number), known, synsets, word_vectors)
    described, labels, unused = without_unused(described, labels, kept, False)
    order = order[kept]
    seen = np.isin(order, sets.seen)
    notes += [*unused, *every.notes(described.names, seen)]
    return Dataset(
        name,
        every.features,
        labels,
        described,
        rows,
        Card(
            f"ImageNet, {unseen}: {seen.sum()} seen and {np.sum(~seen)} unseen classes",
            LICENCES if synsets else (),
            tuple(notes),
        ),
        fingerprints(every.features, labels, rows),
        images=every.paths,
        top_k=TOP_K,
        hierarchy=synsets.hierarchy(order, described.names) if synsets else None,
        backbone=every.backbone,
    )


@dataclass(frozen=True)
class _Synsets:
    """WordNet, with the node of every class."""

    wordnet: WordNet
    nodes: Int64[Array, " classes"]
    graph: Hierarchy

    @classmethod
    def of(cls, wordnet: WordNet | None, wnids: Sequence[str]) -> _Synsets | None:
        return None if wordnet is None else cls(wordnet, wordnet.nodes(wnids), wordnet.hierarchy())

    def edges(self, seen: Int64[Array, " s"]) -> Int64[Array, " classes"]:
        """Return the number of is-a edges from every class to the nearest seen one."""
        return np.asarray(self.graph.distances(self.nodes[seen])[self.nodes])

    def hierarchy(self, order: Int64[Array, " c"], names: Sequence[str]) -> Hierarchy:
        """Return the is-a edges with the nodes of some classes by name."""
        return replace(self.graph, node=dict(zip(names, self.nodes[order].tolist(), strict=True)))


def _splits(
    labels: Int64[Array, " n"], held: Bool[Array, " n"], order: Int64[Array, " c"], sets: ClassSets, count: int
) -> tuple[Int64[Array, " n"], Splits]:
    """Return labels as positions in ``order``, -1 for other classes, and the rows of every part.

    Raises:
        InputError: a part has no image.
    """
    place = np.full(count + 1, -1)
    place[order] = np.arange(len(order))
    labels, is_seen = place[labels], np.append(np.isin(order, sets.seen), False)[place[labels]]
    trainval, test_seen = (np.flatnonzero(is_seen & part) for part in (~held, held))
    unseen = np.flatnonzero((labels >= 0) & ~is_seen)
    for rows, what, cure in (
        (trainval, "training image of a seen class", "check data.features and data.splits"),
        (test_seen, "held-out image of a seen class", "give some with data.held_out"),
        (unseen, "image of an unseen class", "check data.unseen, and give these images with data.features"),
    ):
        if not len(rows):
            raise InputError(f"data.features: no {what}; {cure}")
    train, val = divide(trainval, labels)
    if sets.val is not None:
        is_val = np.isin(labels[trainval], place[sets.val])
        train, val = trainval[~is_val], trainval[is_val]
    parts = Splits(trainval, test_seen, unseen, train, val)
    audit(parts, labels, SplitsOrigin("data.features"))
    return labels, parts


def _described(
    order: Int64[Array, " c"],
    wnids: Sequence[str],
    known: ClassList | None,
    synsets: _Synsets | None,
    word_vectors: bool,
) -> ClassDescriptions:
    """Return names, glosses and word vectors; names are wnids where neither WordNet nor a list of classes is there."""
    used, texts = [wnids[i] for i in order], {}
    names: tuple[str, ...] = tuple(used)
    if synsets is not None:
        nodes = synsets.nodes[order].tolist()
        names = synset_names([synsets.wordnet.lemmas[node] for node in nodes], used)
        texts = {"gloss": tuple(synsets.wordnet.glosses[node] for node in nodes)}
    elif known and known.words:
        names = synset_names([known.words[i].split(", ") for i in order], used)
    vectors = known.vectors if known and word_vectors else None
    return ClassDescriptions(names, {} if vectors is None else {"w2v": vectors[order]}, texts)
