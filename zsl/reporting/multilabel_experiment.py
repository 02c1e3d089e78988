"""Experiments of ``zsl multilabel``: prompts and columns of a paper, and its published AUROC beside that of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zsl.config.tree import EXPERIMENTS, files
from zsl.errors import InputError
from zsl.files.checks import Check, Fault, mapping, number, one_of, optional, record, sequence, show, text, whole
from zsl.files.plain_yaml import parse
from zsl.outputs.claims import CHOSEN
from zsl.reporting.figures import Cell

FOLDER = "multilabel"
MOST = 1 << 20
"""the largest number of characters of a file"""


def _whether(key: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield key, f"{show(value)} is not true or false"


UNIT = number(0, 1)
PUBLISHED: Mapping[str, Check] = {
    "source": text,
    "verified": _whether,
    "images": whole,
    "checkpoints": whole,
    "selection": optional(text),
    "selected_on": optional(one_of(*CHOSEN)),
    "mean": optional(UNIT),
    "results": mapping(record({"AUROC": UNIT, "low": UNIT, "high": UNIT}, absent=("low", "high"))),
}
SCHEMA: Mapping[str, Check] = {
    "positive": sequence(text),
    "negative": sequence(text),
    "columns": sequence(text),
    "published": record(PUBLISHED),
}


@dataclass(frozen=True)
class MultilabelExperiment:
    """What a paper asked of images with several labels, and the AUROC that it prints."""

    name: str
    positive: Sequence[str]
    """templates of prompts, with {} for the class"""
    negative: Sequence[str]
    columns: Sequence[str]
    """classes over which the mean is published"""
    published: Mapping[str, Any]

    def beside(self, rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
        """Return the rows of ``zsl.multilabel`` with the published AUROC, its interval and the difference to it."""
        classes = {row["class"] for row in rows if "positives" in row and "undefined" not in row}
        found = []
        for row in rows:
            printed: Mapping[str, float] = self.published["results"].get(row["class"], {})
            if row["class"] == "mean" and classes == set(self.columns) and self.published["mean"] is not None:
                printed = {"AUROC": self.published["mean"]}
            own = dict(row)
            own |= {"published" if name == "AUROC" else f"published_{name}": value for name, value in printed.items()}
            if printed and isinstance(measured := row.get("AUROC"), float):
                own["difference"] = measured - printed["AUROC"]
            found.append(own)
        return found

    def notes(self, images: int, model: bool, prompts: Sequence[Sequence[str] | None]) -> list[str]:
        """Return what stands below the table: the source, and why numbers are not comparable as far as that is known.

        Args:
            images: number of test images.
            model: whether one checkpoint made the scores.
            prompts: templates of ``--positive`` and ``--negative``, None where the experiment's are used.
        """
        stated = self.published
        reasons = [f"{images} test images, not {stated['images']}"] if images != stated["images"] else []
        if model and stated["checkpoints"] != 1:
            reasons.append(f"one checkpoint, not the mean p of {stated['checkpoints']}")
        for option, given, own in zip(("positive", "negative"), prompts, (self.positive, self.negative), strict=True):
            if given is not None and list(given) != list(own):
                reasons.append(f"--{option} {' '.join(given)}, not {' '.join(own)}")
        if not stated["verified"]:
            reasons.append("the published numbers were not read where they were printed")
        chosen = f"; chosen: {stated['selection']}" if stated["selection"] else ""
        source = f"published: AUROC of {stated['source']}{chosen}"
        if reasons:
            return [source, f"not comparable: {'; '.join(reasons)}"]
        return [
            source,
            f"comparable where the scores are those of {stated['checkpoints']} checkpoints on the published images, "
            "which no file tells",
        ]


def names() -> list[str]:
    """Return the names of all experiments of ``zsl multilabel``, those of plug-ins included."""
    return [name.removeprefix(f"{FOLDER}/") for name in files(EXPERIMENTS, f"{FOLDER}/*.yaml")]


def experiment(name: str) -> MultilabelExperiment:
    """Read an experiment by its name.

    Raises:
        InputError: there is no such experiment, or its file is not valid.
    """
    found = files(EXPERIMENTS, f"{FOLDER}/*.yaml")
    if (key := f"{FOLDER}/{name}") not in found:
        raise InputError(f"--experiment {name}: there is no such experiment; choose one of {', '.join(names())}")
    try:
        with found[key].open(encoding="utf-8") as file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            raise ValueError(f"longer than {MOST} characters")
        stated = parse(content)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--experiment {name}: {found[key]} cannot be read ({reason}); correct it") from error
    for place, cause in (*record(SCHEMA)("", stated), *_templates(stated)):
        raise InputError(f"--experiment {name}: {place}: {cause}; correct {found[key]}")
    return MultilabelExperiment(name, **stated)


def _templates(stated: Any) -> Iterator[Fault]:
    for option in ("positive", "negative") if isinstance(stated, dict) else ():
        given = stated.get(option)
        if isinstance(given, list) and not all(isinstance(each, str) and "{}" in each for each in given):
            yield option, "has a template without {} for the class"
        if option == "positive" and given == []:
            yield option, "holds no template"
