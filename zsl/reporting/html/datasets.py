"""Section with one card per data set."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from zsl.data.fingerprint import short_fingerprint
from zsl.errors import InputError
from zsl.features.cache import user_cache
from zsl.outputs.result import Result
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.section import Section

NOT_DATA = "class_embeddings"
PICTURES = 12


def section(gathered: Gathered) -> Section:
    """Return a card for every data set, sorted by title; a data set is identified by title and fingerprints."""
    runs = [run for row in gathered.rows for run in gathered.runs(row)]
    ranked = sorted(runs, key=lambda run: (run.data_title, _prints(run), not run.card))
    cards = [_card(list(own)) for _, own in groupby(ranked, key=lambda run: (run.data_title, _prints(run)))]
    lead = "Data sets as recorded in the results. Numbers are comparable where the fingerprints are equal."
    return Section("data", "Data", lead, "datasets.html", {"cards": cards})


def _prints(run: Result) -> list[tuple[str, str]]:
    return sorted((name, digest) for name, digest in run.fingerprints.items() if name != NOT_DATA)


def _card(runs: list[Result]) -> dict[str, Any]:
    first, prints = runs[0], dict(_prints(runs[0]))
    return {
        "title": first.data_title,
        "name": first.data,
        "runs": len(runs),
        "known": first.card,
        "unseen": len(first.per_class.get("u", {})),
        "seen": len(first.per_class.get("s", {})),
        "short": short_fingerprint(prints),
        "prints": prints,
        "pictures": _pictures(first),
    }


def _pictures(run: Result) -> Mapping[str, str]:
    """Return class -> image as a data URI, for some unseen classes; empty where no thumbnails are cached.

    Only the user's own cache is opened, whatever ``paths.cache`` a result names: a result may come from anybody.
    """
    from zsl.datasets.emoji_thumbnails import thumbnails

    names = list(run.per_class.get("u", {}))
    step = max(1, len(names) // PICTURES)
    try:
        return thumbnails(run.data, names[::step][:PICTURES], user_cache())
    except InputError:
        return {}
