"""Report of ``zsl labels``: what is doubtful in a list of class names, and what to rename."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from zsl.data.class_names import normalised
from zsl.data.scaling import unit_rows
from zsl.datasets.wordnet_senses import Senses
from zsl.evaluation.hubness import antihubs, hubs, skewness
from zsl.files.escaping import csv_text
from zsl.progress.progress import progress

if TYPE_CHECKING:
    from rich.console import Console

HEADER = ("finding", "names", "detail", "what to do")
NEGATIONS = frozenset({"no", "not", "non", "without", "nor", "never", "none", "neither", "lacking"})
CATCH_ALL = frozenset({"other", "others", "background", "unknown", "misc", "miscellaneous", "else", "anything"})
BLOCK = 1024
"""names whose neighbours are found together"""
NEAREST = 1000
"""near-identical pairs that are named, the nearest ones"""


@dataclass(frozen=True)
class Finding:
    """One doubt about some names, and what to do."""

    kind: str
    names: tuple[str, ...]
    detail: str
    advice: str


@dataclass(frozen=True)
class Neighbours:
    """The k nearest others of every text, by cosine, and the counts N_k of being among them."""

    k: int
    occurrence: Int64[Array, " names"]
    centred: Int64[Array, " names"]
    """N_k of vectors from which the mean over all names was taken"""
    pairs: Sequence[tuple[int, int, float]]
    """pairs of names whose centred vectors have a cosine above the threshold, nearest first, `NEAREST` at most"""
    near: int = 0
    """number of all such pairs"""


def by_spelling(names: Sequence[str]) -> Iterator[Finding]:
    """Yield names that are equal but for case, underscores, brackets' contents, or a plural, and negated names."""
    forms: dict[str, list[str]] = defaultdict(list)
    bare: dict[str, list[str]] = defaultdict(list)
    for name in names:
        forms[normalised(name)].append(name)
        bare[_head(name)].append(name)
    for alike in forms.values():
        if len(alike) > 1:
            detail = "equal" if len(set(alike)) == 1 else "equal but for spelling"
            yield Finding("duplicate", tuple(alike), detail, "merge them, or say what tells them apart")
    for alike in bare.values():
        if len({normalised(name) for name in alike}) > 1:
            detail = "equal but for brackets, or a plural"
            yield Finding("same name", tuple(alike), detail, "say it without brackets, in words")
    for name in names:
        words = set(re.findall(r"[^\W_]+", name.casefold()))
        if found := sorted(words & NEGATIONS):
            advice = "encoders do not negate: name what is seen instead"
            yield Finding("negation", (name,), f"has {', '.join(found)}", advice)
        if found := sorted(words & CATCH_ALL):
            advice = "names no thing: leave it out, and reject by confidence"
            yield Finding("catch-all", (name,), f"has {', '.join(found)}", advice)


def by_head_noun(names: Sequence[str], asked: Sequence[str]) -> Iterator[Finding]:
    """Yield those of the names asked for that end in another name: ``spray can`` and ``can``."""
    of = {_head(name): name for name in reversed(names)}
    for name in asked:
        words = _head(name).split()
        for start in range(1, len(words)):
            other = of.get(" ".join(words[start:]))
            if other is not None and other != name:
                sense = ", which brackets give a sense" if "(" in other else ""
                yield _hypernym(name, other, f"ends in the other name{sense}")
                break


def by_wordnet(of: Mapping[str, int], senses: Senses) -> Iterator[Finding]:
    """Yield synonyms and hypernyms in the list; ``of`` is name -> its synset.

    Names that :func:`by_spelling` says are equal are no synonyms.
    """
    alike: dict[int, list[str]] = defaultdict(list)
    for name, synset in of.items():
        alike[synset].append(name)
    for synset, same in alike.items():
        for name, other in combinations(same, 2):
            if _head(name) != _head(other):
                gloss = textwrap.shorten(senses.wordnet.glosses[synset].partition(";")[0], 80, placeholder=" …")
                advice = "if both mean it: merge them; otherwise say which sense"
                yield Finding("synonym", (name, other), f"WordNet has one synset of both: {gloss}", advice)
    for name, synset in of.items():
        for up in senses.above(synset):
            for other in alike.get(up, ()):
                yield _hypernym(name, other, "a hypernym in WordNet")


def _hypernym(name: str, other: str, detail: str) -> Finding:
    return Finding("hypernym", (name, other), detail, f"if it is one: narrow {other!r}, or merge them")


def neighbours(vectors: Float64[Array, "names d"], k: int, near: float) -> Neighbours:
    """Count the k-occurrences of texts among each other, and find near-identical ones."""
    unit = unit_rows(vectors)
    k = min(k, len(unit) - 1)
    centred = unit_rows(unit - unit.mean(axis=0))
    pairs, total = np.zeros((0, 3)), 0
    counts = np.zeros((2, len(unit)), dtype=np.int64)
    for start in progress(range(0, len(unit), BLOCK), "neighbours", f"blocks of {BLOCK} names"):
        for which, rows in enumerate((unit, centred)):
            cosines = rows[start : start + BLOCK] @ rows.T
            own = np.arange(len(cosines))
            cosines[own, start + own] = -np.inf
            if k:
                nearest = np.argpartition(cosines, len(rows) - k, axis=1)[:, len(rows) - k :]
                counts[which] += np.bincount(nearest.ravel(), minlength=len(rows))
        i, j = np.nonzero(cosines > near)
        i, j = (side[start + i < j] for side in (i, j))
        total += len(i)
        pairs = np.concatenate([pairs, np.column_stack([start + i, j, cosines[i, j]])])
        pairs = pairs[np.argsort(-pairs[:, 2], kind="stable")[:NEAREST]]
    return Neighbours(k, counts[0], counts[1], [(int(i), int(j), float(c)) for i, j, c in pairs], total)


def by_vectors(names: Sequence[str], of: Neighbours, most: int) -> Iterator[Finding]:
    """Yield near-identical texts, hubs and antihubs."""
    for i, j, cosine in of.pairs:
        detail = f"cosine {cosine:.2f} without the mean of all names"
        yield Finding("near-identical", (names[i], names[j]), detail, "add a word that tells them apart, or merge them")
    if not of.k:
        return
    hub = hubs(of.occurrence)
    for i in np.argsort(-of.occurrence, kind="stable")[: min(int(hub.sum()), most)]:
        detail = f"among the {of.k} nearest of {of.occurrence[i]} names ({of.centred[i]} without the mean)"
        yield Finding("hub", (names[i],), detail, "draws images of others: make it more specific, or use a correction")
    for i in np.flatnonzero(antihubs(of.occurrence))[:most]:
        advice = "may never be answered: call it by a more common name"
        yield Finding("antihub", (names[i],), f"among the {of.k} nearest of no other name", advice)


def summary(names: Sequence[str], of: Neighbours) -> list[str]:
    """Return notes on hubness as a whole, and on pairs that are not named."""
    if not of.k:
        return []
    more = [f"{of.near} near-identical pairs, of which the nearest {NEAREST} are named"] * (of.near > NEAREST)
    hub, antihub = (100 * found(of.occurrence).mean() for found in (hubs, antihubs))
    skew, centred = skewness(of.occurrence), skewness(of.centred)
    return [
        f"N_{of.k} among the {len(names)} names: skewness {skew:.2f} ({centred:.2f} without the mean of all names); "
        f"{hub:.1f}% are hubs (N > 2k), {antihub:.1f}% antihubs (N = 0)",
        *more,
    ]


def show(
    title: str, found: Sequence[Finding], notes: Sequence[str], args: argparse.Namespace, console: Console | None = None
) -> int:
    """Show or write the findings as a table; return exit code 0.

    Raises:
        InputError: a file cannot be written.
    """
    from zsl.reporting.output import deliver
    from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after

    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(each.kind for each in found))}
    cells = [(each.kind, " · ".join(each.names), each.detail, each.advice) for each in found]
    lines = tuple(Line(kinds[row[0]], tuple(map(Cell, row))) for row in cells)
    counts = [f"{sum(each.kind == kind for each in found)} {kind}" for kind in kinds]
    notes = [", ".join(counts) if counts else "nothing was found", *notes]
    made = [Sheet(title, HEADER, lines, tuple(notes), (), numbers_after(len(HEADER), HEADER))]
    return deliver(made, lambda: csv_text([HEADER, *cells]), args, console)


def _head(name: str) -> str:
    """Return a name without brackets, in lower case and in the singular."""
    form = " ".join(re.sub(r"\([^)]*\)", " ", normalised(name)).replace("-", " ").split())
    *rest, last = form.split(" ")
    singular = last[:-1] if len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is")) else last
    return " ".join([*rest, singular])
