"""Gain over controls of language: runs beside the same ones with random, shuffled or swapped descriptions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.comparison.classes import KINDS
from zsl.reporting.comparison.contenders import Contender, Runs, class_split
from zsl.reporting.comparison.generalisation import MOST, generalise
from zsl.reporting.comparison.generalisation_layout import generalisation_sheet
from zsl.reporting.sheet import Sheet
from zsl.reporting.table import RowKey, rows
from zsl.reporting.wording import brief

LEFT_OUT = ("class_embedding.control", "class_embedding.control_seed")
"""keys in which a run and its control may differ"""
NOTE = (
    "gain over a control: of runs that differ in class_embedding.control alone, a without a control; several "
    "control_seed are taken together. Random words can be worse than no words: compare with the name alone, too"
)


def control_sheets(results: Mapping[Path, Result], metrics: Sequence[str] = ()) -> list[Sheet]:
    """Return paired tests of runs against their controls, a sheet for every class split and metric, if there are any.

    Args:
        results: results by path.
        metrics: of which those that are means over classes are tested; T1 where there is none.

    Raises:
        InputError: saved predictions cannot be read, or belong to another run.
    """
    described = {path: run for path, run in results.items() if _control(run) is not None}
    runs, paths, between = _paired(described)
    names = [name for name in metrics if name.removesuffix(DAGGER) in KINDS] or ["T1", f"T1{DAGGER}"]
    sheets = [generalisation_sheet(found) for name in names for found in generalise(runs, name, between[:MOST], paths)]
    more = [f"{len(between) - MOST} further pairs are not tested; give fewer runs"] * (len(between) > MOST)
    notes = (NOTE, *more)
    return [
        replace(sheet, title=f"Gain over controls. {sheet.title}", notes=(*notes, *sheet.notes)) for sheet in sheets
    ]


def _control(run: Result) -> str | None:
    embedding = run.config.get("class_embedding", {})
    return embedding.get("control") if isinstance(embedding, Mapping) else None


def _paired(
    results: Mapping[Path, Result],
) -> tuple[Runs, dict[int, Path], list[tuple[Contender, Contender]]]:
    """Return contenders named by their control, with runs of all its seeds, their paths, and the pairs to compare."""
    found = rows(results)
    traits = [_traits(row.key) for row in found]
    known: dict[tuple[str, str], dict[str, set[str | None]]] = defaultdict(lambda: defaultdict(set))
    for key in {key for own in traits for key in own}:
        for row, own in zip(found, traits, strict=True):
            known[row.key.method, row.key.correction][key].add(own.get(key))
    runs: Runs = defaultdict(lambda: defaultdict(dict))
    places: dict[int, Path] = {}
    families: dict[tuple[str, str, tuple[tuple[str, str], ...]], dict[str, Contender]] = defaultdict(dict)
    for row, own in zip(found, traits, strict=True):
        values = known[row.key.method, row.key.correction]
        keys = sorted(key for key in values if len(values[key]) > 1)
        options = tuple((brief(key, keys), own.get(key, "")) for key in keys)
        for path in row.paths:
            control = str(_control(results[path]))
            named = Contender(row.key.method, row.key.correction, (*options, ("control", json.dumps(control))))
            families[row.key.method, row.key.correction, options][control] = named
            run = replace(results[path], deterministic=False) if control != "none" else results[path]
            places[id(run)] = path
            of_split = runs[named][class_split(row.key)]
            of_split[len(of_split)] = run
    between = [
        (of["none"], of[control])
        for of in families.values()
        if "none" in of
        for control in sorted(of.keys() - {"none"}, key=lambda name: (name != "random_words", name))
    ]
    return dict(runs), places, between


def _traits(of: RowKey) -> dict[str, str]:
    """Return all in which a run may not differ from its control, but for the data."""
    config = {key: text for key, text in of.config if key not in LEFT_OUT and not key.startswith("data.")}
    return {**config, "selection": json.dumps(of.policy), "setting": json.dumps(of.setting)}
