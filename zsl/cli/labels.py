"""Command ``zsl labels``: a list of class names is checked before any image is seen."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsl.errors import InputError, is_control, shortened

if TYPE_CHECKING:
    from jaxtyping import Float64
    from numpy import ndarray as Array

    from zsl.reporting.labels import Finding

HELP = "check a list of class names before any image is seen: duplicates, hypernyms, near-identical texts, hubs"
DESCRIPTION = (
    "LIST is a text file (a name a line; empty lines and those that begin with # are passed over), a table (.csv, "
    ".tsv, .parquet), a JSON list of names or of objects, or data=NAME with overrides. Names are checked for "
    "duplicates, synonyms and hypernyms (of WordNet 3.0 where it is installed; otherwise, and for names that it does "
    "not have, a name is a hypernym of those that end in it), negations, and names that the tokenizer cuts or does not "
    "know. Texts are encoded by --model, or given by --matrix: near-identical ones, hubs "
    "(among the k nearest of more than 2k names) and antihubs (of none) are named. Every finding says what to do."
)
LONGEST = 255
"""the largest number of characters of a name"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl labels``."""
    from zsl.reporting.output import FORMATS

    parser.add_argument("list", metavar="LIST", help="text file, table, JSON file, or data=NAME")
    parser.add_argument("--column", metavar="NAME", help="column of the table, or key of the objects (default: name)")
    parser.add_argument("--model", metavar="DIR", help="text encoder or two-tower model (default: packaged MiniLM)")
    parser.add_argument("--matrix", metavar="FILE", help="vectors of the names in this file, instead of a model")
    parser.add_argument(
        "--template", default="{}", help="text of a name, or set of templates to average (default: the name alone)"
    )
    parser.add_argument("--k", type=int, default=10, help="neighbours that make a hub (default: 10)")
    parser.add_argument("--near", type=float, default=0.8, help="cosine of near-identical texts (default: 0.8)")
    parser.add_argument("--most", type=int, default=20, help="hubs, and antihubs, to name (default: 20)")
    parser.add_argument("--format", choices=FORMATS, help="format (default: by the suffix of FILE, else terminal)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of the terminal")
    parser.add_argument("overrides", nargs="*", help="overrides of data=NAME")
    parser.set_defaults(caption=None, label=None)


def main(args: argparse.Namespace) -> int:
    """Read the names, make or read their vectors, and show what is doubtful.

    Returns:
        Exit code 0, whatever is found.

    Raises:
        InputError: a file cannot be read, a name is empty or too long, or an option is out of range.
    """
    from zsl.class_embeddings.spelling import readable
    from zsl.reporting import labels as report
    from zsl.runs.console import show_log

    show_log()
    for key, good, what in (
        ("k", args.k >= 1, "at least 1"),
        ("most", args.most >= 0, "at least 0"),
        ("near", -1 <= args.near <= 1, "from -1 to 1"),
    ):
        if not good:
            raise InputError(f"--{key} {getattr(args, key)}: give a number of {what}")
    names = _names(args)
    texts = [readable(name) for name in names]
    hypernyms, source = _hypernyms(names)
    vectors, cut, made_by = _vectors(args, texts)
    of = report.neighbours(vectors, args.k, args.near)
    found = [
        *report.by_spelling(names),
        *hypernyms,
        *(report.Finding(kind, (names[i],), *why) for kind, i, *why in cut),
    ]
    found += report.by_vectors(names, of, args.most)
    notes = [f"synonyms and hypernyms {source}; vectors: {made_by}", *report.summary(names, of)]
    return report.show(f"{len(names)} names of {args.list}", found, notes, args)


def _names(args: argparse.Namespace) -> list[str]:
    if args.list.startswith("data="):
        return list(_of_data([args.list, *args.overrides]))
    if args.overrides:
        raise InputError(f"{args.overrides[0]}: overrides are of data=NAME; give one list")
    names = [name.strip() for name in _read(args.list, args.column)]
    for number, name in enumerate(names, 1):
        if not name:
            raise InputError(f"{args.list}: name {number} is empty; remove it, or write one")
        if len(name) > LONGEST:
            begins = shortened(name, 60)
            raise InputError(
                f"{args.list}: name {number} ({begins}) has {len(name)} characters; shorten it to {LONGEST}"
            )
        if any(map(is_control, name)):
            raise InputError(f"{args.list}: name {number} contains a control character; remove it")
    if len(names) < 2:
        raise InputError(f"{args.list}: holds {len(names)} names; give at least two")
    return names


def _of_data(overrides: Sequence[str]) -> tuple[str, ...]:
    from zsl.config.checking import plain
    from zsl.config.compose import compose
    from zsl.config.data_sets import load_data
    from zsl.config.settings import DataKeys

    return load_data(plain(compose(list(overrides)), "data", DataKeys)).classes.names


def _read(place: str, column: str | None) -> list[str]:
    from zsl.data.class_rows import NAME_COLUMNS
    from zsl.files.source_file import read_text, require_file
    from zsl.files.table import read_table

    file = require_file(place, "labels", "give a text file with a name a line, a table, a JSON list, or data=NAME")
    suffix = file.suffix.lower()
    if suffix == ".json":
        return _of_json(read_text(file, "labels"), place, column or "name")
    if suffix in (".csv", ".tsv", ".parquet"):
        table = read_table(file, "labels")
        chosen = column or table.column(NAME_COLUMNS) or table.heading[0]
        if chosen not in table.heading:
            raise InputError(f"--column {chosen}: {place} has {', '.join(table.heading)}; choose one")
        return table.texts(chosen)
    if column is not None:
        raise InputError(f"--column {column}: {place} is no table; leave it out")
    return [line for line in map(str.strip, read_text(file, "labels").splitlines()) if line[:1] not in ("", "#")]


def _of_json(text: str, place: str, key: str) -> list[str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: is not JSON ({error}); give a list of names") from error
    items = content if isinstance(content, list) else []
    names: list[Any] = [each.get(key) if isinstance(each, dict) else each for each in items]
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{place}: is no list of names, or of objects with {key!r}; see --column")
    return names


def _vectors(args: argparse.Namespace, texts: Sequence[str]) -> tuple[Float64[Array, "names d"], list[Any], str]:
    """Return the vectors, findings about tokens, and what made the vectors."""
    from zsl.class_embeddings.prompt_files import templates
    from zsl.class_embeddings.text_encoder import TextEncoder
    from zsl.class_embeddings.text_models import is_cut, open_tokenizer
    from zsl.data.class_rows import matched, read_rows
    from zsl.data.scaling import unit_rows
    from zsl.features.cache import user_cache

    if args.matrix is not None:
        if args.model is not None:
            raise InputError("--matrix, --model: give one of the two")
        rows = read_rows(args.matrix, "labels", "give a matrix with one row a name", None, "--matrix")
        if len(rows.values) != len(texts):
            raise InputError(
                f"--matrix {args.matrix}: {len(rows.values)} rows for {len(texts)} names; give one row a name"
            )
        if rows.names is not None:
            place = matched(rows.names, texts)
            if missing := [name for name in texts if name not in place]:
                raise InputError(f"--matrix {args.matrix}: has no row of {missing[0]!r}; give one row a name")
            return rows.values[[place[name] for name in texts]], [], args.matrix
        return rows.values, [], args.matrix
    said = [[template.format(name=text) for template in templates(args.template)] for text in texts]
    encoder = TextEncoder(args.model, user_cache())
    tokenizer, longest = open_tokenizer(encoder.folder)
    found: list[Any] = []
    for i, own in enumerate(said):
        if cut := sum(is_cut(tokenizer, longest, text) for text in own):
            of = f" in {cut} of {len(own)} texts" if len(own) > 1 else ""
            found.append(("cut", i, f"more than {longest} tokens{of}", "shorten it"))
        ids = tokenizer(own[0], truncation=True, max_length=longest)["input_ids"]
        if tokenizer.unk_token_id in ids and tokenizer.unk_token != tokenizer.eos_token:
            found.append(
                ("unknown characters", i, f"{ids.count(tokenizer.unk_token_id)} unknown tokens", "spell it otherwise")
            )
    units = unit_rows(encoder([text for own in said for text in own]).astype("float64"))
    means = units.reshape(len(said), -1, units.shape[1]).mean(axis=1)
    return means, found, f"{encoder.folder.name}, {args.template!r}"


def _hypernyms(names: Sequence[str]) -> tuple[list[Finding], str]:
    """Return synonyms and hypernyms in the list, and what says so."""
    from zsl.datasets.wordnet_senses import find_senses
    from zsl.reporting import labels as report

    senses = find_senses("WordNet")
    if senses is None:
        return list(report.by_head_noun(names, names)), "by the last words of names (no WordNet)"
    synsets = {name: senses.of(name) for name in names}
    known = {name: synset for name, synset in synsets.items() if synset is not None}
    others = [name for name in names if name not in known]
    source = f"of WordNet ({senses.wordnet.files.place}; first sense, unless brackets tell)"
    if others:
        source += f", by the last words of {len(others)} names that it does not have"
    return [*report.by_wordnet(known, senses), *report.by_head_noun(names, others)], source
