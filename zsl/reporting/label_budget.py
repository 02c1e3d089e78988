"""Accuracy against labels per class: what labels of seen classes give to seen ones and take from unseen ones."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zsl.data.few_shot import title_of_all
from zsl.errors import InputError
from zsl.outputs.statistics import Summary, over_seeds
from zsl.reporting.layout import SECTIONS, method_lines, pretraining_lines
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after, without_shared
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import brief, figure, label, value

SHOTS = ("data.shots", "data.shots_seed")
SHOWN = ("u", "s", "H", "u_calibrated", "s_calibrated", "H_calibrated")
UNSEEN = ("u", "u_calibrated")
TEST = ("features", "labels", "test_seen", "test_unseen")
"""fingerprints that runs with other training images share"""
IMAGES = ("labels", "test_seen", "test_unseen")
"""those that runs with other features of the same images share"""
TOKENS = json.dumps("zsl.class_embeddings.tokens.Tokens")
"""class of φ(y) that a text tower of the method reads"""
TEXTS = ("class_embedding.model", "class_embedding.shuffle_seed")
"""keys in which token ids of texts are as vectors of texts"""
CONTROL = json.dumps("none")
"""value of ``class_embedding.control`` of texts that are no control"""
ALL = "all"
"""labels of runs without ``data.shots``, which use every training image"""
NOTES = (
    "labels: training images of every seen class (data.shots); mean ± half width of the 95 % confidence interval over "
    "seeds and draws",
    "0 labels: method=zero_shot, or a pair aligned on image-text pairs of another file (method.pairs): no image of the "
    "data set is learned from",
)
LEAD = (
    "zero labels: u without labels, of the base of an adapter where there is one. labels cost u: numbers of labels "
    "between which mean u falls below it; (±) where the interval at the second one still reaches it"
)


@dataclass(frozen=True)
class LabelBudget:
    """One configuration of a method on one data set, with runs for several numbers of labels."""

    data: str
    protocol: str
    phi: str
    name: str
    zero: bool
    """whether the method learns from no image of the data set"""
    points: Mapping[int | None, Mapping[str, Summary]]
    """labels per class (None: all) -> metrics over seeds and draws, with few labels first and all last"""
    reference: str = ""
    """name of the line without labels that it is compared with, empty where there is none or no single one"""
    start: Mapping[str, Summary] | None = None
    """metrics of that line"""
    pretraining: tuple[str, ...] = ()
    """what the card of the data set says of the pretraining of its backbone"""
    notes: tuple[str, ...] = ()
    """what runs say of their methods"""
    beside: tuple[str, str, str] | None = None
    """place of the line without labels, None where there is none"""

    @property
    def place(self) -> tuple[str, str, str]:
        """Return protocol, data set and class embedding, whose lines stand in one figure."""
        return self.beside or (self.protocol, self.data, self.phi)

    def crossing(self, metric: str) -> str:
        """Return between which numbers of labels ``metric`` falls below that without labels; empty if not known."""
        if self.start is None or metric not in self.start or self.zero:
            return ""
        before, level = 0, self.start[metric].mean
        known = [(shots, at[metric]) for shots, at in self.points.items() if metric in at]
        for shots, found in known:
            if found.mean < level:
                reaches = found.ci is not None and found.mean + found.ci >= level
                return f"{before} and {words(shots)}{' (±)' * reaches}"
            before = shots or before
        return f"none up to {words(known[-1][0])}" if known else ""


def words(shots: int | None) -> str:
    """Return a number of labels per class as text."""
    return ALL if shots is None else str(shots)


def shown(lines: Sequence[LabelBudget]) -> tuple[str, str]:
    """Return the metrics of unseen and of seen classes that are drawn: calibrated ones where every line has them."""
    every = [at for line in lines for at in line.points.values()]
    calibrated = all({"u_calibrated", "s_calibrated"} <= at.keys() for at in every)
    return ("u_calibrated", "s_calibrated") if calibrated else ("u", "s")


def places(lines: Sequence[LabelBudget]) -> dict[int | None, int]:
    """Return the position on the axis of every number of labels, all labels last."""
    known = {shots for line in lines for shots in line.points}
    return {shots: i for i, shots in enumerate(sorted(known, key=lambda shots: (shots is None, shots or 0)))}


def has_shots(rows: Sequence[Row]) -> bool:
    """Return whether the training images of some row were drawn."""
    return any(_shots(row) for row in rows)


def budgets(rows: Sequence[Row]) -> list[LabelBudget]:
    """Return the lines of all rows, those without labels first on each data set.

    Raises:
        InputError: no row has ``data.shots``.
    """
    if not has_shots(rows):
        raise InputError("--shots: no run has data.shots; make some with zsl train -m data.shots=1,4,16")
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[_group(row.key)].append(row)
    varying = _varying(rows)
    lines = [(own[0], _line(own, varying)) for own in groups.values()]
    unlabelled = [(row.key, line) for row, line in lines if line.zero]
    found = [_compared(row, line, unlabelled) for row, line in lines]
    return sorted(found, key=lambda line: (*line.place[:2], not line.zero, line.name))


def _line(rows: Sequence[Row], varying: Mapping[str, Sequence[str]]) -> LabelBudget:
    first, zero = rows[0].key, _unlabelled(rows[0].key)
    runs: dict[int | None, list[Mapping[str, float]]] = defaultdict(list)
    for row in rows:
        runs[0 if zero else _shots(row)] += row.runs
    config = dict(first.config)
    keys = varying[first.method]
    name = " ".join([first.method, *(f"{brief(key, keys)}={value(config.get(key))}" for key in keys)])
    points = {shots: over_seeds(runs[shots]) for shots in sorted(runs, key=lambda shots: (shots is None, shots or 0))}
    trained = tuple(dict.fromkeys(note for row in rows for note in row.pretraining))
    return LabelBudget(
        title_of_all(first.data_title),
        first.protocol,
        first.class_embedding,
        name,
        zero,
        points,
        pretraining=trained,
        notes=tuple(method_lines((row.key.method, row.notes) for row in rows)),
    )


def _compared(own: Row, line: LabelBudget, unlabelled: Sequence[tuple[RowKey, LabelBudget]]) -> LabelBudget:
    """Return the line with that of its base without labels, or with the only one without labels on its data and φ.

    An adapter that trains an encoder reads pixels or token ids, where its base has features or vectors of texts: where
    no line has its own inputs, one counts whose inputs are made of the same images and by the same text model.
    """
    if line.zero:
        return line
    base = _method(own.key, "method.base.")
    of_base = [
        (key, other)
        for key, other in unlabelled
        if key.policy == own.key.policy
        if all(base.get(name, text) == text for name, text in _method(key, "method.").items())
    ]
    found = [other for key, other in of_base if _inputs(key) == _inputs(own.key)]
    if base and not found:
        found = [other for key, other in of_base if _same_images(own, key) and _same_texts(own.key, key)]
    if len(found) != 1:
        return line
    return replace(line, reference=found[0].name, start=found[0].points[0], beside=found[0].place)


def _inputs(of: RowKey) -> tuple[object, ...]:
    return _data(of), of.class_embedding


def _same_images(own: Row, other: RowKey) -> bool:
    """Return whether the data are the same, but for the encoder of the images where ``own`` reads pixels."""
    if not own.pixels:
        return _data(own.key) == _data(other)
    a, b = ((of.protocol, *(dict(of.fingerprints)[name] for name in IMAGES)) for of in (own.key, other))
    return a == b


def _same_texts(own: RowKey, other: RowKey) -> bool:
    """Return whether φ are the same; where ``own`` has token ids, whether the text model is, and texts no control."""
    a, b = dict(own.config), dict(other.config)
    if a.get("class_embedding._target_") != TOKENS:
        return own.class_embedding == other.class_embedding
    if b.get("class_embedding.control", CONTROL) != CONTROL or "class_embedding.model" not in b:
        return False
    return all(a.get(key) == b.get(key) for key in TEXTS)


def _shots(row: Row) -> int | None:
    found = json.loads(dict(row.key.config).get(SHOTS[0], "null"))
    return found if isinstance(found, int) else None


def _group(of: RowKey) -> tuple[object, ...]:
    config = tuple(pair for pair in of.config if pair[0] not in SHOTS)
    return _data(of), of.method, of.class_embedding, of.correction, of.policy, of.setting, config


def _data(of: RowKey) -> tuple[object, ...]:
    prints = dict(of.fingerprints)
    return title_of_all(of.data_title), of.protocol, tuple(prints[name] for name in TEST)


def _method(of: RowKey, prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): text for key, text in of.config if key.startswith(prefix)}


def _unlabelled(of: RowKey) -> bool:
    return of.method == "zero_shot" or dict(of.config).get("method.pairs", "null") != "null"


def _varying(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return for each method the keys in which its rows differ on one data set, but for the labels."""
    values: dict[str, dict[str, set[str | None]]] = defaultdict(lambda: defaultdict(set))
    keys = {key for row in rows for key, _ in row.key.config if key not in SHOTS and not key.startswith("data.")}
    for row in rows:
        config = dict(row.key.config)
        for key in keys:
            values[row.key.method][key].add(config.get(key))
    return {method: sorted(key for key, found in of.items() if len(found) > 1) for method, of in values.items()}


def budget_sheets(lines: Sequence[LabelBudget], std: bool = False) -> list[Sheet]:
    """Return a sheet of accuracies by labels per class, and one of what labels cost, for each protocol."""
    made = []
    for protocol, title in SECTIONS.items():
        own = [line for line in lines if line.protocol == protocol]
        if not own:
            continue
        names = [name for name in SHOWN if any(name in at for line in own for at in line.points.values())]
        body = [
            [line.name, line.data, line.phi, words(shots), str(max(summary.n for summary in at.values()))]
            + [figure(name, at[name], 0, std) if name in at else "" for name in names]
            for line in own
            for shots, at in line.points.items()
        ]
        header = ("method", "data", "φ", "labels", "runs", *map(label, names))
        stated = pretraining_lines((line.data, line.pretraining) for line in own)
        stated += dict.fromkeys(note for line in own for note in line.notes)
        made.append(without_shared(_sheet(f"Labels per class, {title}", header, body, 3, (*NOTES, *stated))))
        unseen = [name for name in UNSEEN if name in names]
        costs = [
            [line.name, line.data, line.reference or "–", *(cell for name in unseen for cell in _cost(line, name))]
            for line in own
            if not line.zero
        ]
        header = ("method", "data", "zero labels", *(head for name in unseen for head in _heads(name)))
        made.append(_sheet(f"What labels cost, {title}", header, costs, len(header), (LEAD, *stated)))
    return made


def _heads(name: str) -> tuple[str, str]:
    return f"{label(name)} without labels", f"labels cost {label(name)} between"


def _cost(line: LabelBudget, name: str) -> tuple[str, str]:
    known = line.start is not None and name in line.start
    return figure(name, line.start[name], 0) if known and line.start else "–", line.crossing(name) or "–"


def _sheet(
    title: str, header: Sequence[str], body: Sequence[Sequence[str]], texts: int, notes: tuple[str, ...]
) -> Sheet:
    lines = tuple(Line(0, tuple(map(Cell, cells))) for cells in body)
    return Sheet(title, tuple(header), lines, notes, (), numbers_after(texts, header))
