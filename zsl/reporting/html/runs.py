"""Section on the provenance of runs: configuration, command, versions, commit and fingerprints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from zsl.config.command_lines import command
from zsl.files.redaction import without_secrets
from zsl.outputs.result import Result
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.section import Section
from zsl.reporting.table import Row, leaves

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""YAML dumper, in C where available: ten times as fast"""


def section(gathered: Gathered) -> Section:
    """Return the provenance of every row: the configuration of its first seed, and differences of other seeds."""
    rows = [
        {"number": i, "name": name, "title": row.key.data_title, **_provenance(row, gathered.runs(row))}
        for i, (row, name) in enumerate(zip(gathered.rows, gathered.names, strict=True))
    ]
    lead = "Everything needed to run each row again."
    return Section("runs", "Runs", lead, "runs.html", {"rows": rows})


def _provenance(row: Row, runs: Sequence[Result]) -> dict[str, Any]:
    first = runs[0]
    return {
        "config": yaml.dump(
            _encodable(without_secrets(first.config)),
            Dumper=DUMPER,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
            width=100,
        ),
        "fingerprints": first.fingerprints,
        "versions": _shared(runs, [", ".join(f"{k} {v}" for k, v in sorted(run.versions.items())) for run in runs]),
        "commits": _shared(runs, [run.commit or "not from a repository" for run in runs]),
        "runs": [
            {
                "seed": run.seed,
                "path": path.as_posix(),
                "created": run.created,
                "seconds": sum(run.timings.values()),
                "command": command(["zsl", "train"], without_secrets(list(run.overrides))),
                "differs": _differences(first, run),
                "chosen": ", ".join(f"{key}={json.dumps(value)}" for key, value in run.selection.chosen.items()),
            }
            for path, run in zip(row.paths, runs, strict=True)
        ],
    }


def _encodable(value: Any) -> Any:
    """Replace surrogates, which JSON can hold and UTF-8 cannot, at any depth."""
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _shared(runs: Sequence[Result], words: Sequence[str]) -> list[str]:
    """Return each distinct text once, with its seeds where it does not hold for all."""
    if len(set(words)) == 1:
        return [words[0]]
    seeds = {text: [str(run.seed) for run, own in zip(runs, words, strict=True) if own == text] for text in words}
    return [f"{text} (seed {', '.join(own)})" for text, own in seeds.items()]


def _differences(first: Result, run: Result) -> list[str]:
    before, now = (dict(leaves(without_secrets(config))) for config in (first.config, run.config))
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [f"{key}={json.dumps(now.get(key), ensure_ascii=False)}" for key in keys]
