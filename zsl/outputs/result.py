"""Result of one run on disk: ``result.json``, written atomically and checked when it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from zsl.errors import InputError
from zsl.files.atomic import write_text
from zsl.files.checks import show
from zsl.files.redaction import without_secrets
from zsl.files.regular_file import read_json
from zsl.outputs import schema

NAME = "result.json"
LINES = ("curve", "hubness", "synthetic")
"""fields with long lists, which are written on one line each"""

DATA = ("metrics", "per_class", "curve", "hubness", "fingerprints", "synthetic", "chance", "timings", "commit")
"""fields that are not redacted: they hold numbers, digests and names of classes, and a class may be named like a
password"""


@dataclass(frozen=True)
class Selection:
    """Choice of hyperparameters: ``fixed`` in advance, chosen on ``validation``, or chosen on ``test`` (marked †)."""

    policy: str = "fixed"
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """dotted key of the configuration (``method.gamma``) -> chosen value"""
    trials: Sequence[Mapping[str, Any]] = field(default_factory=list)
    """every trial of the search, with its score"""
    gamma: float | None = None
    """bias of calibrated stacking"""
    temperature: float | None = None
    """temperature of the softmax, for calibrated probabilities"""


@dataclass(frozen=True)
class Result:
    """Numbers of one run, and all that is needed to compare it with other runs or to repeat it."""

    method: str
    data: str
    """short name, such as ``cub``"""
    data_title: str
    """such as ``CUB PS v1, 312 attributes``"""
    class_embedding: str
    setting: str
    """what training may use: ``inductive``, ``unseen semantics`` or ``transductive``; a run whose correction uses the
    whole test batch is transductive"""
    protocol: str
    """``tune`` (numbers on validation classes) or ``final`` (numbers on test images)"""
    selection: Selection
    seed: int
    metrics: Mapping[str, float]
    """T1, u, s, H and variants such as ``H_calibrated`` in percent, AUSUC in [0, 1]; names of metrics that were chosen
    on the test set end in †"""
    fingerprints: Mapping[str, str]
    """SHA-256 of features, labels, every split and the class embeddings"""
    config: Mapping[str, Any]
    """resolved configuration"""
    created: str
    """ISO 8601, UTC"""
    per_class: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """metric -> class -> accuracy in percent, None for a class without test images"""
    curve: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """seen-unseen curve: ``u`` and ``s`` in percent, and lists of the same length, such as ``gamma``, the stacking
    bias of each point"""
    correction: str = "none"
    """name of the correction of scores; all metrics are computed from corrected scores"""
    hubness: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    """``ZSL`` (images of unseen classes × unseen classes) and ``GZSL`` (all × all) -> names of ``classes``, and for
    each class its k-occurrence ``N1``, ``N5``, ``N10``, the number of images for which it is among the k best classes,
    and its bad k-occurrence ``bad_N1``, …, counted over images of other classes"""
    card: Mapping[str, Any] = field(default_factory=dict)
    """data set card: ``images``, ``features`` per image, ``classes`` (seen and unseen), images and classes of the
    ``parts``, ``licences``, ``notes``; empty in results of older versions"""
    synthetic: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """for a generative method, means of the real and the synthetic features of seen ``classes``, projected on the first
    two principal components of the real ones: ``real_x``, ``real_y``, ``made_x``, ``made_y``"""
    chance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """T1, u and s -> in percent ``level``, the chance level, and ``high``, the upper end of the interval of chance
    (:func:`zsl.evaluation.chance.chance`); empty in results of older versions"""
    deterministic: bool | None = None
    """whether building and training drew no random number, so that every seed gives the same result; None where it is
    not known"""
    notes: Sequence[str] = field(default_factory=list)
    """what tables say of the method beside its setting, such as ``supervised: …``; absent in older results"""
    overrides: Sequence[str] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    """seconds"""


def write(result: Result, folder: Path) -> Path:
    """Write ``folder/result.json`` atomically and return its path; whatever is written can be read again.

    Arrays and scalars of numpy and torch become lists and numbers, tuples become lists, paths become strings. Secrets
    are redacted (:mod:`zsl.files.redaction`) in all fields but those of `DATA`.

    Raises:
        InputError: a field does not fulfil the schema (a metric is NaN, H does not follow from u and s, …), or the
            folder cannot be written.
    """
    path = folder / NAME
    record = _plain(asdict(result))
    record |= without_secrets({key: value for key, value in record.items() if key not in DATA})
    _check(record, path, "nothing was written; correct the run that computed it")
    lines = (f'"{key}": {_dump(key, value)}' for key, value in {"schema": schema.SCHEMA, **record}.items())
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")
    return path


def read(path: Path) -> Result:
    """Read the result in this file.

    Raises:
        InputError: the file is absent, not JSON, truncated, of another schema, or a value does not fulfil the schema;
            the message names file, key and cause.
    """
    again = "run it again, or delete the file"
    try:
        record = read_json(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a {NAME}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON, or truncated ({error}); {again}") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: {show(record)} is not an object; {again}")
    version = record.pop("schema", None)
    if version != schema.SCHEMA or isinstance(version, bool):
        known = f"{show(version)} is not {schema.SCHEMA}"
        raise InputError(f"{path}: schema: {known}; read it with the version of zsl that wrote it, or run it again")
    _check(record, path, again)
    return Result(**{**record, "selection": Selection(**record["selection"])})


def gather(paths: Iterable[Path], without: Sequence[str] = ()) -> dict[Path, Result]:
    """Read all results in these files and, at any depth, in these folders, sorted by path; each file counts once.

    Args:
        paths: ``result.json`` files, or folders that contain some.
        without: fields that are checked but not kept in memory, such as `LINES`, which take most of the memory.

    Raises:
        InputError: a path does not exist, a folder contains no result, or some results cannot be read; the message
            lists these.
    """
    files = {file.resolve(): file for path in paths for file in _files(path)}
    results, faults = {}, []
    for _, file in sorted(files.items()):
        try:
            results[file] = _without(read(file), without)
        except InputError as error:
            faults.append(str(error))
    if len(faults) > 1:
        raise InputError(f"{len(faults)} of {len(files)} results cannot be read: {' | '.join(faults)}")
    if faults:
        raise InputError(faults[0])
    return results


def _without(result: Result, names: Sequence[str]) -> Result:
    nothing: dict[str, Any] = {name: {} for name in names}
    return replace(result, **nothing)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: does not exist; give a {NAME} or a folder that contains some")
    if not path.is_dir():
        return [path]
    found = list(path.rglob(NAME))
    if not found:
        raise InputError(f"{path}: no {NAME} in it; run `zsl train` first or give another folder")
    return found


def _check(record: Mapping[str, Any], path: Path, cure: str) -> None:
    for key, cause in schema.result(record):
        place = key if key.isprintable() else repr(key)[1:-1]
        raise InputError(f"{path}: {place}: {cause}; {cure}")


def _plain(value: Any) -> Any:
    """Convert a value to types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value


def _dump(key: str, value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=None if key in LINES else 2)
